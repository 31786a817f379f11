#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What commands can touch: nothing but their tree, whoever runs the pipeline, and whatever they try.
# shellcheck disable=SC2016,SC2030,SC2031,SC2317 # commands are expanded elsewhere; a test is a
# subshell; functions are called by name
load helper

# A directory of the host that everybody may read; who says so may write to it.
setup() {
  setup_path
  place=$(mktemp -d)
  host=$place/host
  chmod 755 "$place"
  mkdir "$host" "$host/dir"
  echo data >"$host/file"
  mkdir -m 777 "$place/tmp" "$place/out"
  export host
}

teardown() {
  [ -z "${beside-}" ] || kill "$beside" || :
  chmod -R u+rwX "$place" 2>/dev/null || :
  rm -rf --one-file-system "$place"
}

# each COMMAND…: runs it as root, and as a user who owns $host
each() {
  local as
  for as in root 65534; do
    who=()
    if [ "$as" != root ]; then
      [ "$(id -u)" = 0 ] || continue
      chown -R "$as" "$host"
      who=(setpriv "--reuid=$as" "--regid=$as" --clear-groups)
    fi
    "$@"
  done
}

# told ARGUMENT…: sets arguments to these, with $host in commands, as they have no variables of the caller
told() {
  local word before=
  arguments=()
  for word; do
    case $before in
      --extra-commands | --fake-root-commands) word="export host='$host'"$'\n'$word ;;
    esac
    arguments+=("$word")
    before=$word
  done
}

# stream OPTION…: an image of commands that see $host, to $place/out/image
stream() {
  local arguments
  told "$@"
  (cd / && TMPDIR=$place/tmp HOME=$host "${who[@]}" env SHELLOPTS=noclobber stream-layered-image --name x --tag t --root-dir "$host" --quiet "${arguments[@]}" \
    >"$place/out/image")
}

content() { look "$place/out/image" read "$1"; }
files() { look "$place/out/image" files; }

# The host as it is: names, owners, modes, times, bytes.
state() {
  find "$host" -printf '%p %y %m %U %G %s %T@ %l\n' | LC_ALL=C sort
  find "$host" -type f -exec md5sum {} +
  md5sum /etc/passwd
  ls -A /
}

# unchanged COMMAND…: what it does changes nothing of the host, and leaves neither file nor process
unchanged() {
  state >"$BATS_TEST_TMPDIR/before"
  "$@"
  state >"$BATS_TEST_TMPDIR/after"
  same "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
  [ -z "$(ls -A "$place/tmp")" ]
}

# --- what they find ---

@test "the same user, place and environment for everybody, and so the same bytes" {
  needs_root
  where() {
    stream --extra-commands 'echo "$PWD $HOME $TMPDIR $0 ${OLDPWD-}" >where; id -un >/dev/null 2>&1 || :; echo "$(id -u) $(id -g)" >>where; uname -n >>where
      umask >>where; cat >>where' --fake-root-commands 'echo "$PWD $HOME $TMPDIR $0 $(id -u) $(id -g)" >>where'
    mv "$place/out/image" "$place/out/image.${who[0]-root}"
  }
  export OLDPWD=/usr
  ls() { echo other; }
  export -f ls
  each where
  unset -f ls
  same "$place/out/image.root" "$place/out/image.setpriv"
  mv "$place/out/image.root" "$place/out/image"
  content where >found
  lines '/build/tree /homeless-shelter /tmp /build/host/extraCommands ' '1000 100' localhost 0022 \
    '/build/tree /homeless-shelter /tmp /build/host/fakeRootCommands 0 0' >want
  same want found
}

@test "files of the host are read, programs run; standard streams are there" {
  see() {
    stream --extra-commands 'cat "$host/file" >file; echo seen >/dev/stderr; echo seen >/dev/stdout; echo x >/dev/null
      head -c 4 /dev/urandom | wc -c >>file; [ ! -e /sys ]; [ ! -e /run/lock ]; test -c /dev/full' 2>err
    [ "$(content file)" = $'data\n4' ]
    [ "$(<err)" = $'seen\nseen' ]
  }
  each see
}

@test "/tmp, /var/tmp and /dev/shm are theirs, and empty; what was named below the host's /tmp is there" {
  touch "$place/unnamed"
  tmp() {
    stream --extra-commands 'for d in /tmp /var/tmp /dev/shm; do echo x >$d/mine; stat -c %a $d >>modes; done
      ls /tmp >names; ls "$host" >>names; [ ! -e "${host%/*}/unnamed" ]' --contents "$place/dir" 2>err
    [ "$(content modes)" = $'1777\n1777\n1777' ]
    [ "$(content names | tail -n 2 | xargs)" = 'dir file' ]
    [ ! -e /tmp/mine ] && [ ! -e /var/tmp/mine ] && [ ! -e /dev/shm/mine ]
  }
  mkdir "$place/dir"
  each unchanged tmp
}

@test "the tree is theirs, whatever the modes are" {
  mkdir -p "$place/contents/a"
  touch "$place/contents/a/b"
  write() {
    stream --contents "$place/contents" --extra-commands 'chmod 0 a; echo x >a/c; rm a/b; chmod 755 a; mkdir -m 555 d; touch d/e; ! chown 5 a; ! chgrp 5 a'
    [ "$(files | awk '{ print $NF }' | xargs)" = '/ /a /a/c /d /d/e' ]
  }
  each write
}

# --- what they cannot do ---

@test "nothing of the host is written to, made or removed" {
  harm() {
    stream --"$1" 'set +e; exec 2>/dev/null; PATH=$PATH:/usr/sbin:/sbin
      for f in "$host/file" "$host/dir" "$host"; do
        chmod 777 $f && echo chmod; touch -d @5 $f && echo touch; mv $f $f.new && echo mv; rm -rf $f && echo rm
        ln -s x $f/new && echo link; mkdir $f/new && echo mkdir
      done
      ln "$host/file" hard && echo hard; ln "$host/file" "$host/new" && echo hard
      : >"$host/file" && echo truncated; echo x >>"$host/file" && echo appended; cp /bin/true "$host/true" && echo copied
      mkdir /x && echo mkdir; touch /etc/x && echo touched; echo x >>/etc/passwd && echo written
      mkdir /usr/x ../x && echo mkdir; echo x >../host/x && echo written; touch /run/x && echo touched; ls ~ && echo home
      useradd bob && echo bob; groupadd bob && echo bob; true' 2>found
    same found /dev/null
  }
  harm_twice() {
    unchanged harm extra-commands
    unchanged harm fake-root-commands
  }
  each harm_twice
}

@test "an ordinary user's own files are not changed by build-image either, nor after runAsRoot" {
  needs busybox
  change() {
    local arguments
    told "$@" --extra-commands '! echo x >"$host/file"; ! touch "$host/new"; echo "$PWD" >where'
    (cd "$place/out" && TMPDIR=$place/tmp "${who[@]}" build-image --name x --root-dir "$host" --quiet --output image "${arguments[@]}" 2>err)
    [ "$(content where)" = /build/tree ]
  }
  mkdir -p "$host/base/bin"
  cp "$(command -v busybox)" "$host/base/bin/sh"
  each unchanged change
  each unchanged change --copy-to-root "$host/base" --engine userns --run-as-root true
}

# What tests/confine.py finds, plain and as root of namespaces of its own.
attack() {
  stream --extra-commands 'set +e; cd /; /usr/bin/python3 "$host/confine.py" "$host"
    echo nested; unshare -Urm /usr/bin/python3 "$host/confine.py" "$host"; exit 0' 2>found
  # in namespaces of their own these are allowed, and of no use
  sed '/^nested$/,${/^out: become user 0$/d; /^out: change the root$/d}' found >rest
  printf 'nested\n' >want
  same want rest
}

@test "ways out: system calls, devices, sockets, process 1, namespaces within" {
  [ -x /usr/bin/python3 ] && needs unshare
  cp "$TOP/tests/confine.py" "$host"
  [ "$(id -u)" != 0 ] || mknod -m 666 "$host/disk" b "$((0x$(stat -c %D /) / 256))" 0
  python3 -c 'import socket, sys, time
a = socket.socket(socket.AF_UNIX); a.bind(sys.argv[1] + "/socket"); a.listen()
b = socket.socket(socket.AF_UNIX); b.bind("\0" + sys.argv[1]); b.listen()
print(flush=True); time.sleep(600)' "$host" > >(head -c 1 >listening) &
  beside=$!
  until [ -s listening ]; do sleep 0.1; done
  chmod 777 "$host/socket"
  each unchanged attack
}

@test "mounts: none of the host's changes, their own are gone with them" {
  mounts() {
    stream --extra-commands 'set +e; exec 2>/dev/null
      mount --bind "$host" /tmp && echo mounted; umount /tmp && echo unmounted; mount -o remount,rw / && echo remounted
      mkdir m /tmp/m
      unshare -Urm sh -c '\''mount --bind "$host" m || echo "cannot bind"
        for at in / /etc /usr "$host" m; do mount -o remount,bind,rw $at && echo "remounted $at"; done
        umount /etc && echo unmounted; umount "$host" && echo unmounted; umount -l / && echo unmounted
        mount --rbind / /tmp/m && echo x >"/tmp/m$host/file" && echo written
        mount --move /etc m && echo moved; echo x >m/file && echo written'\''; exit 0' 2>found
    same found /dev/null
    [ "$(files | awk '{ print $NF }' | xargs)" = '/ /m' ]
  }
  each unchanged mounts
}

@test "programs with setuid bits and capabilities are plain ones; the tree's own too" {
  needs_root
  needs busybox setcap
  cp "$(command -v busybox)" "$host/suid"
  cp "$(command -v busybox)" "$host/capable"
  setuid() {
    chown 0:0 "$host/suid" "$host/capable"
    chmod 6755 "$host/suid"
    setcap cap_setuid+ep "$host/capable"
    unchanged stream --extra-commands 'cp "$host/suid" .; chmod 6755 suid
      for f in "$host/suid" "$host/capable" ./suid; do exec -a busybox $f id -u & wait; done >ids
      grep -e CapPrm -e NoNewPrivs /proc/self/status >>ids; rm suid'
    [ "$(content ids | xargs)" = '1000 1000 1000 CapPrm: 0000000000000002 NoNewPrivs: 1' ]
  }
  each setuid
}

@test "what is root's alone is not read, though root runs it" {
  needs_root
  who=()
  echo secret >"$host/secret"
  chmod 600 "$host/secret"
  stream --extra-commands '! cat "$host/secret" /etc/shadow; ! ls /root/ | grep .; ls -d /root >/dev/null' --fake-root-commands '! cat "$host/secret"' 2>err
  run ! grep -qx secret err
}

# --- processes ---

@test "processes of the host are not seen and not killed; what they leave running ends with them" {
  sleep 600 &
  beside=$!
  live() {
    stream --extra-commands "VICTIM=$beside"$'\n''! kill -9 $VICTIM; ! kill -9 -- -$VICTIM; [ ! -e /proc/$VICTIM/root ]; kill -9 1; kill -STOP 1
      (setsid sh -c "while :; do echo x >>$PWD/log; sleep 0.1; done" >/dev/null 2>&1 </dev/null &)
      (trap "" TERM HUP INT; exec -a '"$place"' sleep 600 &)
      until [ -s log ]; do :; done' 2>err
    content log >log
    [ -s log ]
    run ! pgrep -f "^$place 600"
  }
  each unchanged live
  kill -0 "$beside"
}

# ended SIGNAL [-]: of the pipeline, or its whole group
ended() {
  TMPDIR=$place/tmp setsid "${who[@]}" stream-layered-image --name x --quiet \
    --extra-commands "trap '' TERM INT HUP; exec -a $place sleep 600" >/dev/null 2>&1 3>&- &
  pid=$!
  until pgrep -f "^$place 600" >/dev/null; do sleep 0.1; done
  kill "-$1" -- "${2-}$pid"
  wait "$pid" || :
  for _ in {1..100}; do pgrep -f "^$place 600" >/dev/null || break; sleep 0.1; done
  run ! pgrep -f "^$place 600"
  [ "$1" = KILL ] || [ -z "$(ls -A "$place/tmp")" ]
  rm -rf "$place/tmp/"*
}

@test "commands end when the pipeline is ended, and nothing is left" {
  each ended TERM
  each ended TERM -
  each ended HUP -
  each ended KILL
}

@test "output goes through a pipe: a log file and a terminal are out of reach" {
  needs script
  log() {
    echo before >log
    chmod 666 log
    stream --extra-commands 'set +e; : >/proc/self/fd/2; truncate -s 0 /dev/stderr; ls -l /proc/self/fd /proc/$PPID/fd | grep -v -e pipe: -e /dev/null -e /build/host \
      -e /proc/ -e total -e "^$"; echo after >&2; exit 0' 2>>log
    [ "$(head -n 1 log)" = before ] && [ "$(tail -n 1 log)" = after ] && run ! grep -q ' -> ' log
  }
  each log
  who=()
  run -0 script -qec "stream-layered-image --name x --quiet --extra-commands 'test ! -t 0; test ! -t 2; ! : </dev/tty' >/dev/null" /dev/null
}

# --- where it is not allowed ---

# forbidden OPTION COMMAND…: where no user namespace can be made; of unshare: -r for a root, -c for a user
forbidden() {
  local option=$1
  shift
  unshare -U "$option" --keep-caps bash -c 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"' _ "$@"
}

@test "without namespaces root is refused, or says aloud that he wants it" {
  needs unshare
  args=(--name x --tag t --quiet --extra-commands 'echo "$HOME $TMPDIR" >where')
  for tool in 'stream-layered-image' 'build-image --output image'; do
    # shellcheck disable=SC2086 # a tool and its options
    fails 1 "confine: cannot make namespaces: No space left on device: commands would have all rights of root over this machine \
(run this as another user, or give --unconfined-commands)" forbidden -r $tool "${args[@]}"
  done
  [ ! -e image ]
  forbidden -r env TMPDIR="$place/tmp" stream-layered-image "${args[@]}" --unconfined-commands >"$place/out/image"
  content where | grep -qx "/homeless-shelter $place/tmp/layerpipe\..*/tmp"
  echo 'Derive([],[],[],"x","/bin/sh",[],[("name","x")])' >drv
  run -1 forbidden -r stream-nix-shell-image --drv drv --quiet
  forbidden -r stream-nix-shell-image --drv drv --quiet --unconfined-commands >"$place/out/image"
  content etc/passwd | grep -q '^nixbld:'
  jq -n '{name: "x", tag: "t", extraCommands: "cat \($ENV.host)/file >data", unconfinedCommands: true, quiet: true, output: "image"}' >attrs.json
  forbidden -r build-image --attrs attrs.json
  jq 'del(.output)' attrs.json | forbidden -r stream-layered-image --attrs - >"$place/out/image"
  [ "$(content data)" = data ]
}

@test "without namespaces a user's commands run with his rights, to the same image" {
  needs unshare
  user=()
  [ "$(id -u)" != 0 ] || user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  mkdir -m 777 "$place/t'm p"
  args=(--name x --tag t --quiet --extra-commands 'echo x >x; ln -s x y; chmod 711 .' --fake-root-commands 'chown 3:4 x; mknod n c 1 3')
  stream-layered-image "${args[@]}" >want
  export TMPDIR="$place/t'm p"
  "${user[@]}" unshare -Uc --keep-caps bash -c 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"' _ \
    setpriv --inh-caps=-all --ambient-caps=-all bash -c 'for unconfined in false true; do
      stream-layered-image --unconfined-commands=$unconfined "$@" || exit
    done >"$0/found"' "$place/out" "${args[@]}" 2>err
  [ "$(<err)" = 'confine: warning: cannot make namespaces: No space left on device: commands are not kept from your files, '\
'processes and network (--unconfined-commands allows this without a warning)' ]
  cat want want >both
  same both "$place/out/found"
  stream-layered-image "${args[@]}" >found
  same want found
  [ -z "$(ls -A "$TMPDIR")" ]
}

@test "what they make: modes of the root, attributes, capabilities and owners by a fake root" {
  needs fakeroot setcap busybox
  PATH=$PATH:/usr/sbin:/sbin
  mkdir "$place/contents"
  cp "$(command -v busybox)" "$place/contents/ping"
  make() {
    stream --contents "$place/contents" --extra-commands 'chmod 1711 .; /usr/bin/python3 -c "import os; os.setxattr(\"ping\", \"user.x\", b\"1\")"' \
      --fake-root-commands 'cp ping own; chown 7:8 own; setcap cap_net_raw+ep ping; cp ping new; setcap cap_net_raw+ep new
        setcap cap_net_raw+ep own; chown 9 .'
    image-layers --files "$place/out/image" | sed 's/ \(size\|time\|contents\)=[^ ]*//g' >found
    cap=xattr.security.capability=AQAAAgAgAAAAAAAAAAAAAAAAAAA=
    lines '. type=dir mode=1711 uid=9 gid=0' "./new type=file mode=0555 uid=0 gid=0 $cap" \
      "./own type=file mode=0555 uid=7 gid=8 $cap" "./ping type=file mode=0555 uid=0 gid=0 $cap xattr.user.x=MQ==" >want
    same want <(grep -v '^#' found)
  }
  each make
}
