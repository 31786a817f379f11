#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm-exec: scripts that try to get out, or to change what they were given to read.
# shellcheck disable=SC2016 # scripts are not expanded here
load helper
load vm

setup_file() {
  setup_path
  needs_root
  needs cc
  cc -std=gnu11 -D_GNU_SOURCE -static -o attempts "$TOP/tests/vm-attempts.c"
}

# Everything lies where anybody can reach it: programs, input, and t, which is to be read only
setup() {
  setup_path
  needs_root
  needs busybox python3 setpriv pgrep
  base_once
  make_empty
  cat base.stream empty.stream >input
  mkdir -p inst/bin inst/libexec/layerpipe t/sub t/inner pub
  cp "$BUILD/bin/vm-exec" inst/bin
  cp "$BUILD/libexec/layerpipe/guest" inst/libexec/layerpipe
  cp "$BATS_FILE_TMPDIR/attempts" t
  echo orig | tee t/file >t/sub/file
  echo hidden >t/inner/hidden
  chmod -R go=rX . "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR"/..
  chmod 777 pub
  listen
}

teardown() {
  [ -z "${listener-}" ] || kill "$listener"
  if mountpoint -q t/inner; then umount t/inner; fi
  [ -z "${group-}" ] || find "$group" -depth -type d -exec rmdir {} +
}

# listen: at an abstract socket, $SOCKET, and at a port, $PORT; $VICTIM is this process, of $owner
listen() {
  export SOCKET=layerpipe-$BATS_TEST_NUMBER-$$ PORT VICTIM
  mkfifo port
  setpriv --reuid "${owner-0}" python3 -c 'import socket, sys
sockets = [socket.socket(socket.AF_UNIX), socket.socket()]
sockets[0].bind("\0" + sys.argv[1])
sockets[1].bind(("127.0.0.1", 0))
for s in sockets: s.listen()
print(sockets[1].getsockname()[1], file=open("port", "w"))
sockets[0].accept()' "$SOCKET" 3>&- &
  listener=$!
  VICTIM=$listener
  read -r PORT <port
}

# given_to USER: t, with a mount on it, and the programs are that user's
given_to() {
  mount -t tmpfs -o mode=755 none t/inner
  chown -R "$1:$1" t inst
}

# state: of what no attempt may change
state() { find t inst -printf '%p %y %m %U %G %s %T@ %C@\n' | sort && cat t/file t/sub/file; }

# attempt ENGINE COMMAND…: what the attempts say, run by way of the command, with a terminal and a
# further descriptor; nothing of the host is another afterwards
attempt() {
  local engine=$1
  shift
  script "SOCKET=$SOCKET PORT=$PORT VICTIM=$VICTIM /t/attempts >&2" >script
  state >before
  python3 -c 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)' sh -c '"$@" <input >pub/out 2>pub/log 9>>pub/other' - \
    "$@" inst/bin/vm-exec --engine "$engine" --script script --mount "$PWD/t:/t" </dev/null || { cat pub/log && return 1; }
  state >after
  same before after
  [ ! -s pub/other ] && kill -0 "$listener"
}

# all_held: each attempt says so, and all were made
all_held() {
  if grep -v ': held$' pub/log; then return 1; fi
  [ "$(wc -l <pub/log)" = "$(grep -c '^	{ "' "$TOP/tests/vm-attempts.c")" ]
}

# as_user COMMAND…: as one who is not root
as_user() { env -u TMPDIR setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }

# the users of a script that root runs begin at 2^30
@test "by namespaces, as root, with files that belong to the script's root" {
  given_to $((1 << 30))
  attempt userns
  all_held
}

@test "by namespaces, as an ordinary user, to whom it all belongs" {
  given_to 65534
  attempt userns env -u TMPDIR setpriv --reuid 65534 --regid 65534 --clear-groups
  all_held
}

@test "by namespaces, as root of a container" {
  given_to 65534
  attempt userns env -u TMPDIR setpriv --reuid 65534 --regid 65534 --clear-groups unshare --user --map-root-user
  all_held
}

@test "by a machine: what is no matter of its own kernel" {
  needs qemu-system-x86_64
  given_to 0
  attempt tcg
  lines descriptors 'descriptors of processes' 'descriptors in /proc' 'roots in /proc' 'the first process' change vsock \
    'a process of the host' 'abstract sockets' "the host's ports" terminal | sed 's/$/: held/' >want
  grep -xFf want pub/log | sort >found
  sort want | same found /dev/stdin
}

@test "all else is the script's own: mounts, namespaces, users, set-ID programs" {
  given_to $((1 << 30))
  cat >script <<'END'
mkdir -p /m /b /c/proc /c/dev /c/bin
mount -t tmpfs none /m
mkdir /m/upper /m/work /m/all
mount -t overlay -o lowerdir=/t/sub,upperdir=/m/upper,workdir=/m/work,userxattr none /m/all
echo mine >/m/all/file
cat /m/upper/file /t/sub/file
mount --bind /dev /b
umount /b
mount --rbind /dev /c/dev
mount --bind /bin /c/bin
mount -t proc none /c/proc
chroot /c /bin/sh -c 'echo >/dev/null; head -c 2 /dev/zero | wc -c; ls -d /proc/self/fd'
mount --bind / /b
ls /b/etc
umount -l /t
ls /t | wc -l
umount /dev/shm
hostname other
hostname
for kind in m n i u; do unshare -$kind true; done
unshare -r id -u
unshare -p -f --mount-proc sh -c 'echo $$'
chown 7:8 /m
mkfifo /m/fifo
mknod /m/whiteout c 0 0
stat -c %u:%g,%t:%T /m /m/whiteout
chmod 4755 /bin/busybox
printf '%s\n' root::0:0::/:/bin/sh user::7:7::/:/bin/sh >/etc/passwd
su user -c 'id -u; su root -c "id -u"'
END
  vm-exec --engine userns --script script --mount "$PWD/t:/t" <input 2>found >out || { cat found && return 1; }
  lines mine orig 2 /proc/self/fd motd 0 other 0 1 7:8,0:0 0:0,0:0 7 0 >want
  same want found
  [ "$(cat t/sub/file)" = orig ]
}

@test "kill -9 -1 ends the script, and nobody else" {
  script 'sleep 100 &' 'exec sh -c "kill -9 -1; kill -9 1; echo alone >&2"' >script
  vm-exec --engine userns --script script <input >out 2>log
  [ "$(cat log)" = alone ] && kill -0 "$listener"
  chown 65534 script
  as_user inst/bin/vm-exec --engine userns --script script <input >out 2>log
  [ "$(cat log)" = alone ] && kill -0 "$listener"
}

@test "a control group that the user may write to stays as it is" {
  group=$(findmnt -nro TARGET -t cgroup2 | head -n 1)/layerpipe-$BATS_TEST_NUMBER-$$
  mkdir "$group"
  chown 65534 "$group" "$group/cgroup.procs"
  given_to 65534
  attempt userns sh -c 'echo $$ >"$0/cgroup.procs" && exec setpriv --reuid 65534 --regid 65534 --clear-groups env -u TMPDIR "$@"' "$group"
  all_held
  [ -z "$(find "$group" -mindepth 1 -type d)" ]
}

# waits_for FILE TEXT: until the text stands in the file
waits_for() {
  for _ in $(seq 400); do
    ! grep -q "$2" "$1" || return 0
    sleep 0.05
  done
  return 1
}

@test "the guest program has no file of the host open to write to it, and nothing of its caller's" {
  local fd guest
  script 'echo begun' 'sleep 100' >script
  exec 9>>pub/other
  vm-exec --engine userns --script script <input >out 2>log 3>&- &
  exec 9>&-
  waits_for log begun
  guest=$(pgrep -P $!)
  for fd in /proc/"$guest"/fd/*; do
    if [ -f "$fd" ] && [[ $(readlink "$fd") != /memfd:script* ]]; then
      echo "$(sed -n 's/^flags:.*\(.\)$/\1/p' "/proc/$guest/fdinfo/${fd##*/}") $(readlink "$fd")"
    fi
  done >found
  kill $!
  wait $! || :
  grep -qxE '0 .*/#[0-9]+ \(deleted\)' found # O_RDONLY
  [ "$(wc -l <found)" = 1 ]
}

@test "where the kernel has not what it takes, that is said" {
  script true >script
  fails 125 'vm-exec: no user namespace within another is allowed here: /proc/sys/user/max_user_namespaces can be too low (--engine tcg needs none)' \
    unshare --user --map-root-user sh -c 'echo 1 >/proc/sys/user/max_user_namespaces; "$@" <input' - vm-exec --engine userns --script script
  old() { t/attempts without "$1" vm-exec --engine userns --script script --mount "$PWD/t:/t" <input; }
  fails 125 "vm-exec: cannot mount '$PWD/t': this kernel is too old: expected Linux 6.6 or later (--engine tcg needs none)" old mounts
  fails 125 'vm-exec: this kernel cannot filter system calls: expected one with CONFIG_SECCOMP_FILTER (--engine tcg needs none)' old filters
  fails 125 'vm-exec: a filter of system calls forbids extended attributes, as in builders of Nix: expected --engine kvm or tcg' old attributes
}
