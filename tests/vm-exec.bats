#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm-exec in namespaces of this host, which is quick; vm-exec-machine.bats has virtual machines.
load helper
load vm

setup() {
  setup_path
  private_tmpdir
  needs busybox
  base_once
  make_empty
  cat base.stream empty.stream >input
}

# run_script LINE… > LAYER-STREAM, OPTIONS the options
run_script() {
  script "$@" >script
  vm-exec --engine userns "${options[@]}" --script script <input
}

# fails_script STATUS MESSAGE LINE…
fails_script() {
  local status=$1 message=$2
  shift 2
  script "$@" >script
  fails "$status" "$message" vm-exec --engine userns "${options[@]}" --script script <input
}

options=()

@test "what a script changes comes back as a layer" {
  run_script 'echo data >/made' 'chown 5:6 /made' 'chmod 4751 /made' 'ln /made /again' \
    'ln -s ../made /data/link' 'mkfifo -m 600 /pipe' 'rm /etc/motd' 'echo more >>/data/one' \
    'mkdir -m 1777 "/a b"' 'touch "/a b/$(printf "\377\nx")"' >out
  listing <out >found
  lines 'd1777 0:0 0 1 a b' '-0644 0:0 0 1 a b/\\xff\\nx' '-4751 5:6 5 1 again' 'd0755 0:0 0 1 data' \
    'l0777 0:0 0 1 data/link > ../made' '-0644 0:0 9 1 data/one' 'd0755 0:0 0 1 etc' \
    '-0000 0:0 0 1 etc/.wh.motd' 'h4751 5:6 0 1 made > again' 'p0600 0:0 0 1 pipe' >want
  same want found
  [ "$(layer <out | tar -xO data/one)" = "$(printf 'one\nmore')" ]
}

@test "a directory that is replaced is opaque, and one that is gone is hidden" {
  run_script 'rm -r /data' 'mkdir -p /data/new' 'rm -r /etc' 'echo >/etc' >out
  listing <out >found
  lines 'd0755 0:0 0 1 data' '-0000 0:0 0 1 data/.wh..wh..opq' 'd0755 0:0 0 1 data/new' \
    '-0644 0:0 1 1 etc' >want
  same want found
  run_script 'rm -r /data' >out
  [ "$(listing <out)" = '-0000 0:0 0 1 .wh.data' ]
}

@test "the new layer's contents stay, times and attributes as well" {
  mkdir -p top/data top/home
  echo kept >top/home/kept
  echo changed >top/home/changed
  tree-list --owner 7:8 --mtime 5 top | sed 's,/home/kept .*,& xattr.user.note=aGVsbG8=,' |
    layer-tar --mtree - >top.stream
  cat base.stream top.stream >input
  run_script 'cat /home/kept >>/home/changed' 'rmdir /home/none 2>/dev/null || chmod 700 /data' >out
  listing <out >found
  lines 'd0755 7:8 0 5 .' 'd0700 7:8 0 5 data' 'd0755 7:8 0 5 home' '-0644 7:8 13 1 home/changed' \
    '-0644 7:8 5 5 home/kept' >want
  same want found
  layer <out | grep -aq 'SCHILY.xattr.user.note=hello'
  options=(--mtime 2000-01-01)
  run_script 'echo >>/home/changed' >out
  [ "$(listing <out | sed -n 's/^-.* \([0-9]*\) home.*/\1/p' | paste -sd ' ')" = '946684800 5' ]
  options=(--keep-mtime)
  run_script 'touch -d @978307200 /home/changed' >out
  [ "$(listing <out | sed -n 's/^-.* \([0-9]*\) home.*/\1/p' | paste -sd ' ')" = '978307200 5' ]
}

@test "whiteouts and opaque directories of the new layer hide, and stay" {
  mkdir top
  touch top/.wh.etc
  mkdir -p top/data
  touch top/data/.wh..wh..opq top/data/new
  layer_of top >top.stream
  cat base.stream top.stream >input
  run_script '! test -e /etc' 'test "$(ls /data)" = new' 'mkdir /etc' >out
  listing <out >found
  lines 'd0755 0:0 0 1 .' 'd0755 0:0 0 1 data' '-0000 0:0 0 1 data/.wh..wh..opq' \
    '-0644 0:0 0 1 data/new' 'd0755 0:0 0 1 etc' '-0000 0:0 0 1 etc/.wh..wh..opq' >want
  same want found
}

@test "the same script makes the same bytes" {
  run_script 'mkdir /x' 'for i in 1 2 3 4 5 6 7 8 9; do echo $i >/x/$i; done' 'date' >one 2>/dev/null
  run_script 'mkdir /x' 'for i in 9 8 7 6 5 4 3 2 1; do echo $i >/x/$i; done' >two
  same one two
  image-assemble --name x --tag 1 <one >image
  [ -s image ]
}

@test "what a script finds: root, /, an environment of its own, devices, no network" {
  export SECRET=1
  options=(--env 'A=b c' --env PATH=/bin)
  run_script 'id -u; pwd; echo "$A,$PATH,$SECRET"; hostname; umask; cat; ls /dev | paste -sd " " -' \
    'test -d /proc/self; test -d /sys; test "$(wc -l </proc/net/dev)" = 3; set -- /proc/[0-9]*; echo $#' \
    'echo x >/dev/null; head -c 3 /dev/zero | wc -c; test -w /dev/shm' 'id -u >/dev/stderr' \
    >out 2>found
  lines 0 / 'b c,/bin,' localhost 0022 \
    'fd full null ptmx pts random shm stderr stdin stdout tty urandom zero' 2 3 0 >want
  same want found
  [ -z "$(listing <out)" ]
}

@test "the script's own status is the status, and then there is no layer" {
  fails_script 7 '' 'touch /made' 'exit 7'
  fails_script 1 '' 'false' 'true'
  fails_script 137 '' 'kill -9 $$'
  fails_script 143 '' 'kill $$'
  fails_script 127 '/proc/self/fd/3: line 1: no-such-command: not found' no-such-command
}

@test "a script that cannot be run: 126 and 127" {
  cat empty.stream empty.stream >input
  fails_script 127 "vm-exec: the image has no shell '/bin/sh': expected one in its layers, or among what is mounted" true
  cat base.stream empty.stream >input
  options=(--shell /etc/motd)
  fails_script 126 "vm-exec: cannot run '/etc/motd': Permission denied" true
}

@test "--mount: what it brings can be read only, and leaves no trace" {
  mkdir -p 'host dir/sub'
  echo brought >'host dir/sub/file'
  echo single >single
  options=(--mount "$PWD/host dir:/opt/b" --mount "$PWD/single:/etc/single" --mount "$PWD/host dir:/data")
  run_script 'cat /opt/b/sub/file /etc/single /data/sub/file >/got' '! touch /data/x 2>/dev/null' >out
  [ "$(listing <out)" = '-0644 0:0 23 1 got' ]
}

@test "--mount: parents look as they did, what the new layer has stays, nothing else comes back" {
  local places
  make_places
  places_script >script
  vm-exec --engine userns "${places[@]}" --script script <input >out 2>log
  check_places out log
}

# refuses_mount PLACE REASON ENTRY…: such a place, where the new layer has the entries
refuses_mount() {
  local place=$1 reason=$2
  shift 2
  { cat base.stream; stream_of 'dangling>none' file; stream_of other "$@"; } >input
  options=(--mount "$PWD/base:$place")
  fails_script 125 "vm-exec: cannot mount on '$place' of the image: $reason" true
}

@test "--expect-layers: a producer that failed does not turn the base into the new layer" {
  options=(--expect-layers 2)
  script 'echo >/made' >script
  vm-exec --engine userns "${options[@]}" --script script <input >out
  [ "$(listing <out)" = '-0644 0:0 1 1 made' ]
  cp base.stream input
  fails_script 125 'vm-exec: <stdin>: expected 2 layers, found 1: a producer failed' true
  cat base.stream base.stream empty.stream >input
  fails_script 125 'vm-exec: <stdin>: expected 2 layers, found 3: a producer failed' true
}

@test "--mount where nothing can be mounted" {
  refuses_mount /file/x 'Not a directory'
  refuses_mount /file 'a directory needs a directory, a file a file'
  refuses_mount /dangling 'No such file or directory'
  refuses_mount /dangling/x 'No such file or directory'
  refuses_mount /data/sub 'No such file or directory' .wh.data
  refuses_mount /data/x 'No such file or directory' data/.wh.x
  refuses_mount /data/x/y 'No such file or directory' data/.wh..wh..opq
  refuses_mount /data/x 'Not a directory' data
}

# refuses_layer MESSAGE ENTRY…: such a layer on top of the base
refuses_layer() {
  local message=$1
  shift
  { cat base.stream; stream_of "$@"; } >input
  fails_script 125 "vm-exec: $message" true
}

@test "a layer cannot reach out of its root, nor say what makes no sense" {
  refuses_layer "the new layer: '../x': '..' in a name is not allowed" ../x
  refuses_layer "the new layer: 'a/../../x': '..' in a name is not allowed" a/ a/../../x
  refuses_layer "the new layer: 'link/x' is below a file that is not a directory in this layer" 'link>/tmp' link/x
  refuses_layer "the new layer: 'file/x' is below a file that is not a directory in this layer" file file/x
  refuses_layer "the new layer: 'link' is in the layer twice" 'link>/etc/motd' link
  refuses_layer "the new layer: 'x' is a hard link to 'link/motd', which is no file of the same layer" \
    'link>/etc' 'x=link/motd'
  refuses_layer "the new layer: '../../etc/passwd': '..' in a name is not allowed" 'x=../../etc/passwd'
  refuses_layer "the new layer: 'x' is a hard link to 'etc/motd', which is no file of the same layer" x=etc/motd
  refuses_layer "the new layer: '.wh..' deletes nothing: expected a file .wh.NAME or .wh..wh..opq" .wh..
  refuses_layer "the new layer: the root is not a directory" './>x'
  { cat base.stream; stream_of /abs ././/rel dir/ 'dir/evil>/' 'zz>../../../..'; } >input
  run_script 'echo out >/zz/written' 'test -e /dir/evil/etc/motd' >out
  listing <out >found
  lines '-0755 0:0 5 1 abs' 'd0755 0:0 0 1 dir' 'l0777 0:0 0 1 dir/evil > /' '-0755 0:0 5 1 rel' \
    '-0644 0:0 4 1 written' 'l0777 0:0 0 1 zz > ../../../..' >want
  same want found
  [ ! -e /written ]
}

@test "devices: those of the base are left out, those of the new layer refused" {
  { stream_of 'dev/' 'dev/a!1,3' 'dev/b!1,5'; cat base.stream empty.stream; } >input
  run_script 'rm -r /data/sub' >out 2>err
  lines "vm-exec: warning: 2 devices of the base, 'dev/a' the first, are left out: only a virtual machine can make them" >want
  same want err
  [ "$(listing <out | tail -n 1)" = '-0000 0:0 0 1 data/.wh.sub' ]
  { cat base.stream; stream_of 'null!1,3'; } >input
  fails_script 125 "vm-exec: the new layer: cannot make 'null': Operation not permitted: --engine tcg may work" true
}

@test "a missing parent in the new layer looks as it does below" {
  cat base.stream empty.stream >input
  run_script 'chmod 700 /data' >out
  { cat base.stream; layer <out >1.tar && tar -c 1.tar; stream_of data/sub/new; } >input
  run_script true >out
  listing <out >found
  lines 'd0700 0:0 0 1 data' 'd0755 0:0 0 1 data/sub' '-0755 0:0 5 1 data/sub/new' >want
  same want found
}

@test "a parent that no layer names is root's, also below a set-group-ID directory" {
  python3 - <<'EOF'
import io, tarfile
with tarfile.open("whole.tar", "w") as tar:
    for name, kind, mode in ("shared", tarfile.DIRTYPE, 0o2755), ("shared/sub/file", tarfile.REGTYPE, 0o644):
        t = tarfile.TarInfo(name)
        t.type, t.mode, t.uid, t.gid, t.mtime = kind, mode, 7, 8, 1
        tar.addfile(t, io.BytesIO())
EOF
  { cat base.stream; tar -c whole.tar; } >input
  run_script true >out
  listing <out | grep shared >found
  lines 'd2755 7:8 0 1 shared' 'd0755 0:0 0 1 shared/sub' '-0644 7:8 0 1 shared/sub/file' >want
  same want found
}

@test "many layers, one twice, hidden and seen again" {
  local i layers=()
  for i in {1..60}; do layers+=(-- "count/$i" "count/.wh.$((i - 1))"); done
  stream_of "${layers[@]:1}" >many
  { cat base.stream many base.stream; stream_of .wh.etc -- etc/; cat empty.stream; } >input
  run_script 'ls /count; ls /etc | wc -l; cat /data/one' 2>found >out
  lines 60 0 one >want
  same want found
}

# refuses_input FILE MESSAGE: what the message begins with
refuses_input() {
  local status=0
  vm-exec --engine userns --script script <"$1" >out 2>err || status=$?
  [ "$status" = 125 ] && [ ! -s out ] && [[ $(cat err) == "vm-exec: $2"* ]]
}

@test "damaged input is refused, with nothing on standard output" {
  local size
  size=$(wc -c <input)
  head -c $((size - 600)) input >cut-short
  script true >script
  refuses_input cut-short '<stdin>: truncated at byte '
  tree-list base/etc | layer-tar --digests --mtree - >digest
  sed 's/welcome/WELCOME/' digest >bad
  refuses_input bad "<stdin>: layer 1 ('layer-0001.tar'): its digest is sha256:"
  fails 125 "vm-exec: cannot open the script 'none': No such file or directory" \
    vm-exec --engine userns --script none <input
}

@test "time limit: whatever the script does about it" {
  options=(--timeout 1)
  fails_script 124 'vm-exec: timed out after 1 s (--timeout)' \
    'trap "" TERM INT HUP QUIT' 'exec >/dev/null 2>&1' 'while :; do sleep 1; done'
  [ -z "$(left_behind)" ]
}

@test "what a script leaves running ends with it" {
  run_script 'sleep 1000 & setsid sleep 1001 & (trap "" TERM HUP; sleep 1002) & echo $! >/pid' >out
  listing <out | grep -q ' pid$'
  run ! pgrep -f 'sleep 100[012]'
  [ -z "$(left_behind)" ]
}

@test "a fork bomb, closed outputs, waiting for input, much output" {
  options=(--timeout 20)
  run_script 'bomb() { bomb | bomb & }' 'bomb 2>/dev/null' 'sleep 0.3' >out 2>/dev/null
  run_script 'exec >&- 2>&-' ': >/made' >out
  [ "$(listing <out)" = '-0644 0:0 0 1 made' ]
  run_script 'read x || echo end of input' 2>err >out
  [ "$(cat err)" = 'end of input' ]
  run_script 'yes | head -c 20000000' 2>err >out
  [ "$(wc -c <err)" = 20000000 ]
  [ -z "$(left_behind)" ]
}

@test "a full disk is the script's failure, or says which option helps" {
  options=(--disk 8)
  fails_script 1 "$(lines 'cat: write error: No space left on device')" 'cat /dev/zero >/big'
  head -c 9000000 /dev/zero >base/data/big
  { layer_of base; cat empty.stream; } >input
  fails_script 125 "vm-exec: the layers below: cannot write 'data/big': No space left on device: --disk (8 MiB now) sets its size" true
}

@test "the host's disk has no room for the job" { fails_without_room; }

@test "the host's disk is full" {
  needs_root
  mkdir small
  mount -t tmpfs -o size=1m small small
  export TMPDIR=$PWD/small
  fails_script 125 "vm-exec: cannot write a temporary file in '$TMPDIR' (TMPDIR can name another directory): No space left on device" true || bad=1
  stream_of small >input
  options=(--mount "$PWD/base:/mnt" --shell /mnt/bin/sh)
  fails_script 125 "vm-exec: cannot write a temporary file in '$TMPDIR' (TMPDIR can name another directory): No space left on device" 'PATH=/mnt/bin; head -c 3000000 /dev/zero >/big' || bad=1
  unset TMPDIR
  umount small
  [ -z "${bad:-}" ]
}

# as_user COMMAND…: as one who is not root
as_user() { env -u TMPDIR setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }

@test "without root, with one user and group" {
  needs_root
  mkdir -p inst/bin inst/libexec/layerpipe
  cp "$BUILD/bin/vm-exec" inst/bin
  cp "$BUILD/libexec/layerpipe/guest" inst/libexec/layerpipe
  chmod -R go=rX inst . "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR"/..
  script 'touch /made' 'id -u' >script
  as_user inst/bin/vm-exec --engine userns --script script <input >out 2>err
  [ "$(cat err) $(listing <out)" = '0 -0644 0:0 0 1 made' ]
  script 'chown 1:1 /etc/motd' >script
  fails 1 'chown: /etc/motd: Invalid argument' as_user inst/bin/vm-exec --engine userns --script script <input
  { cat base.stream; tree-list --owner 5:6 base/etc | layer-tar --mtree -; } >input
  fails 125 "vm-exec: the new layer: cannot give '.' to 5:6: Invalid argument: this user does not have these users (/etc/subuid and newuidmap give some, --engine tcg needs none)" \
    as_user inst/bin/vm-exec --engine userns --script script <input
}

# running COMMAND: waits until it does
running() {
  local i
  for i in $(seq 200); do
    pgrep -fx "$1" >/dev/null && return
    sleep 0.05
  done
  return 1
}

@test "the guest is killed: an error, no layer, and nothing is left" {
  script 'sleep 100' >script
  vm-exec --engine userns --script script <input >out 2>err 3>&- &
  local pid=$! guest status=0
  running 'sleep 100'
  guest=$(pgrep -P $pid)
  kill -9 "$guest"
  wait $pid || status=$?
  [ "$status $(cat err)" = '125 vm-exec: the guest was ended by signal 9 (Killed) while the script ran, or the layer was packed' ]
  [ ! -s out ] && [ -z "$(left_behind)" ]
}

@test "vm-exec is killed: nothing is left" {
  script 'sleep 1003' >script
  vm-exec --engine userns --script script <input >out 2>err 3>&- &
  local pid=$! i
  running 'sleep 1003'
  kill -9 $pid
  wait $pid || :
  for i in $(seq 50); do pgrep -f 'sleep 1003' >/dev/null || break; sleep 0.1; done
  run ! pgrep -f 'sleep 1003'
  [ -z "$(left_behind)" ]
}

@test "wrong options" {
  fails 125 "vm-exec: --script is missing (see 'vm-exec --help')" vm-exec <input
  local mount
  for mount in x /x:y /x:/ /x:/../y :/x /x:/a/..; do
    fails 125 "vm-exec: --mount: expected HOSTDIR:GUESTDIR with an absolute GUESTDIR, found '$mount' (see 'vm-exec --help')" \
      vm-exec --mount $mount
  done
  fails 125 "vm-exec: --mount: leave out ':ro' of '/x:/y:ro': a mount is always read-only (see 'vm-exec --help')" \
    vm-exec --mount /x:/y:ro
  options=(--mount "$PWD/base/etc:/y:ro/")
  run_script 'cat /y:ro/motd >&2' 2>found >out
  [ "$(cat found)" = welcome ]
  fails 125 "vm-exec: --env: expected NAME=VALUE, found '=x' (see 'vm-exec --help')" vm-exec --env =x
  fails 125 "vm-exec: --engine: expected auto, kvm, tcg or userns, found 'xen' (see 'vm-exec --help')" vm-exec --engine xen
  fails 125 "vm-exec: --shell: expected an absolute path, found 'sh' (see 'vm-exec --help')" vm-exec --shell sh
}
