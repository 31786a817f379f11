#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# vm-exec in virtual machines, emulated ones: two or three seconds each, so there are few.
load helper
load vm

setup() {
  setup_path
  private_tmpdir
  needs busybox qemu-system-x86_64
  base_once
  make_empty
  cat base.stream empty.stream >input
}

# run_script LINE… > LAYER-STREAM, OPTIONS the options
run_script() {
  script "$@" >script
  vm-exec --engine tcg "${options[@]}" --script script <input
}

# fails_script STATUS MESSAGE LINE…
fails_script() {
  local status=$1 message=$2
  shift 2
  script "$@" >script
  fails "$status" "$message" vm-exec --engine tcg "${options[@]}" --script script <input
  [ -z "$(left_behind)" ]
}

options=()

@test "build-image: the machine is made of what the options name" {
  local option
  mkdir tree
  for option in --kernel --modules --qemu --mke2fs; do
    run -1 build-image --name x --copy-to-root tree --run-as-root true --engine tcg $option "$PWD/none" --output image --quiet
    [[ $output == "vm-exec: "*"$PWD/none"* ]]
  done
  [ ! -e image ]
}

@test "everything a file can be comes back, devices as well" {
  { cat base.stream; stream_of dev/ 'dev/base!5,1'; stream_of 'node!1,3' home/ home/kept; } >input
  mkdir tools
  echo brought >tools/file
  options=(--mount "$PWD/tools:/opt/tools" --env WHO=world)
  run_script 'echo data >/made' 'chown 5:4000000000 /made' 'chmod 4751 /made' 'ln /made /again' \
    'mknod /block b 7 9' 'mkfifo -m 600 /pipe' 'rm -r /etc' 'rm -r /data' 'mkdir -p /data/new' \
    'ln -s ../made /data/link' 'touch "/$(printf "\377\nx")"' 'cat /opt/tools/file' \
    'echo hello $WHO' 'pwd; id -u; hostname; ls /dev | paste -sd " " -; cat' \
    '! touch /opt/tools/x 2>/dev/null' '! ip link set lo down || ip link | grep -c UP >&2 || :' \
    >out 2>log
  listing <out >found
  lines '-4751 5:4000000000 5 1 again' 'b0644 0:0 7,9 1 block' 'd0755 0:0 0 1 data' \
    '-0000 0:0 0 1 data/.wh..wh..opq' 'l0777 0:0 0 1 data/link > ../made' \
    'd0755 0:0 0 1 data/new' '-0000 0:0 0 1 .wh.etc' 'd0755 0:0 0 1 home' \
    '-0755 0:0 5 1 home/kept' 'h4751 5:4000000000 0 1 made > again' 'c0755 0:0 1,3 1 node' \
    'p0600 0:0 0 1 pipe' '-0644 0:0 0 1 \\xff\\nx' | LC_ALL=C sort >want
  LC_ALL=C sort found | same want /dev/stdin
  lines brought 'hello world' / 0 localhost \
    'fd full null ptmx pts random shm stderr stdin stdout tty urandom zero' 0 >want
  same want log
  [ -z "$(left_behind)" ]
}

@test "what lies in the layers below is what the script finds, whatever it is" {
  needs cc
  cc -static -o look "$TOP/tests/vm-xattrs.c"
  python3 "$TOP/tests/vm-tree.py" make
  { cat base.stream; tar -c one.tar; cat empty.stream; tar -c two.tar; cat empty.stream; } >input
  options=(--keep-mtime --mount "$PWD/look:/bin/look")
  run_script 'stat -c "%a %u %g %Y" /' 'find /tree /bin/sh -print0 | xargs -0 stat -c %d | sort -u | wc -l' \
    'find / -xdev -path "/tree*" -print0 | xargs -0 stat -c "%i %h %f %u %g %s %Y %t %T|%n" >/found' \
    'find /tree -print0 | look >/attributes' \
    'cp -a /tree /copy' 'mkdir /moved' 'cd /tree/attributes' \
    'mv small none bytes names kinds capability acl overlay link long node /moved' 'touch -c dir' >out 2>log
  lines '751 3 4 77' 1 | same log /dev/stdin
  layer <out >layer.tar
  tar -xf layer.tar --warning=no-unknown-keyword found attributes
  python3 "$TOP/tests/vm-tree.py" check found layer.tar
  python3 "$TOP/tests/vm-tree.py" attributes attributes
  python3 "$TOP/tests/vm-tree.py" moved layer.tar
}

@test "nothing in the layers below, not even a root directory" {
  cp base.stream input
  run_script 'stat -c "%a %u %g %Y" /' 'rm -r /data' 'mkdir /data' >one 2>log
  lines '755 0 0 1' | same log /dev/stdin
  vm-exec --engine userns --script script <input >two 2>/dev/null
  same one two
}

@test "what no disk can hold is refused before a machine starts, with the other engine's words" {
  local n status
  python3 "$TOP/tests/vm-tree.py" bad
  script true >script
  for n in $(seq 0 28); do
    { cat base.stream; tar -c "$n.tar"; cat empty.stream; } >input
    fails 125 "$(cat "$n.err")" vm-exec --engine tcg --script script <input
    [ "$n" -lt 6 ] || continue # the other one leaves out attributes, or has its own limits
    status=0
    vm-exec --engine userns --script script <input 2>err || status=$?
    [ "$status" = 125 ] && [[ $(cat err) == "$(cat "$n.err")"* ]]
  done
  [ ! -e 29.tar ]
}

@test "the bytes are those of the other engine, and of another run" {
  local lines=('mkdir /x' 'for i in 1 2 3; do date >/x/$i; : >/x/$i; done' 'rm /etc/motd' 'rm -r /data/sub')
  run_script "${lines[@]}" >one
  run_script "${lines[@]}" >two
  same one two
  vm-exec --engine userns --script script <input >three
  same one three
}

@test "--mount: parents look as they did, what the new layer has stays, nothing else comes back" {
  local places
  make_places
  places_script >script
  vm-exec --engine tcg "${places[@]}" --script script <input >out 2>log
  check_places out log
}

@test "auto takes KVM, or says why not" {
  script 'echo >/made' >script
  vm-exec --script script <input >out 2>err
  [ ! -s err ] || grep -q '^vm-exec: warning: no KVM (.*): the machine is emulated (tcg), which is slower$' err
  [ "$(listing <out)" = '-0644 0:0 1 1 made' ]
}

@test "the script's status, its output as it comes, and a time limit" {
  options=(--timeout 2)
  fails_script 124 "$(lines begun 'vm-exec: timed out after 2 s (--timeout)')" \
    'echo begun' 'trap "" TERM INT' 'while :; do sleep 1; done'
  options=()
  fails_script 7 "$(lines out err)" 'echo out' 'echo err >&2' 'sleep 1000 &' 'exit 7'
}

@test "who reads late loses nothing: not of the output, not of the layer" {
  script 'dd if=/dev/zero bs=1M count=3 of=/big' 'cat /big /big >&2' >script
  { vm-exec --engine tcg --script script <input 2>&3 >out; } 3> >(sleep 6; cat >log; touch heard)
  until [ -e heard ]; do sleep 0.1; done
  [ "$(tr -d '\0' <log | wc -l)" = 2 ] && [ "$(tr -cd '\0' <log | wc -c)" = $((6 << 20)) ]
  listing <out | grep -qx -- '-0644 0:0 3145728 1 big'
}

@test "a panic, and a script that ends its machine" {
  fails_script 125 'vm-exec: the machine'\''s kernel panicked while the script ran, or the layer was packed: Kernel panic - not syncing: sysrq triggered crash' \
    'echo c >/proc/sysrq-trigger'
  fails_script 130 '' 'poweroff -f' 'sleep 10'
  local status=0
  run_script 'echo b >/proc/sysrq-trigger' 'sleep 10' >out 2>err || status=$?
  [ "$status" = 125 ] && [ ! -s out ]
  grep -qx "vm-exec: the virtual machine ended with status 0 and without a result while the script ran, or the layer was packed; its last output: '.*sysrq: Resetting'" err
}

@test "a memory hog, and a machine with too little memory" {
  options=(--memory 192)
  fails_script 137 "$(lines Killed 'vm-exec: warning: the machine ran out of memory: --memory sets its size')" \
    'tail /dev/zero'
  options=(--memory 64)
  fails_script 125 "vm-exec: the machine ended while it booted: it may have too little memory (--memory, 64 MiB now), or the kernel does not suit it (--kernel); its last output: nothing" true
}

@test "a full disk, in the script and before it" {
  options=(--disk 8)
  fails_script 1 'cat: write error: No space left on device' 'cat /dev/zero >/big'
  head -c 9000000 /dev/zero >base/data/big
  layer_of base >big.stream
  cat big.stream big.stream >input
  fails_script 125 "vm-exec: the new layer: cannot write 'data/big': No space left on device: --disk (8 MiB now) sets its size" true
  # layers below take no room there
  cat big.stream empty.stream >input
  script 'wc -c </data/big >/size' >script
  vm-exec --engine tcg "${options[@]}" --script script <input >out
  [ "$(tar -xOf out layer-0001.tar | tar -xO size)" = 9000000 ]
}

@test "the host's disk has no room for the disk of the layers below" { fails_without_room; }

@test "the host's disk is full: what is lost is not sent" {
  needs_root
  mkdir small
  mount -t tmpfs -o size=24m small small
  export TMPDIR=$PWD/small
  script 'head -c 60000000 /dev/zero >/big' 'sync' 'rm /big' >script
  fails 125 "vm-exec: the disk lost data: Input/output error: is the host's disk full? (TMPDIR can name another directory)" \
    vm-exec --engine tcg --script script <input || bad=1
  unset TMPDIR
  umount small
  [ -z "${bad:-}" ]
}

@test "no kernel, a wrong one, no modules, no QEMU" {
  options=(--kernel "$PWD/none")
  fails_script 125 "vm-exec: cannot open '$PWD/none': No such file or directory" true
  options=(--kernel "$PWD/input")
  fails_script 125 "vm-exec: the kernel '$PWD/input' does not say its version: --modules can name the directory of its modules" true
  options=(--kernel "$PWD/input" --modules "$(echo /lib/modules/*/modules.dep | sed 's,/modules.dep.*,,')")
  fails_script 125 "vm-exec: cannot start the machine (tcg): --kernel can name another: 'qemu: linux kernel too old to load a ram disk'" true
  mkdir modules
  : >modules/modules.dep
  : >modules/modules.builtin
  options=(--modules "$PWD/modules")
  script true >script
  vm-exec --engine tcg "${options[@]}" --script script <input 2>err || [ $? = 125 ]
  grep -q "^vm-exec: the kernel '/.*' has no module 'virtio_mmio' in '$PWD/modules' (--kernel and --modules can name others)$" err
  options=(--memory 1000000)
  fails_script 125 "vm-exec: cannot start the machine (tcg): --memory can ask for less: 'qemu-system-x86_64: cannot set up guest memory 'microvm.ram': Cannot allocate memory'" true
  mkdir path
  fails 125 "vm-exec: cannot start the machine (tcg): 'cannot run 'qemu-system-x86_64': it is not installed, or not on PATH'" \
    env PATH="$PWD/path" "$BUILD/bin/vm-exec" --engine tcg --script script <input
}

@test "a hang at boot" {
  options=(--boot-timeout 1 --memory 1024)
  head -c 100000000 /dev/zero >padding
  options+=(--initrd padding)
  fails_script 125 "vm-exec: the machine did not boot within 1 s (--boot-timeout, --engine, --kernel can help); its console's last line: nothing" true
}

@test "QEMU is killed while it boots, and while the script runs" {
  local pid qemu status
  script 'echo begun' 'sleep 100' >script
  for when in booted ran; do
    vm-exec --engine tcg --script script <input >out 2>err 3>&- &
    pid=$!
    for _ in $(seq 400); do
      qemu=$(pgrep -P $pid -f layerpipe) && { [ $when = booted ] || grep -q begun err; } && break
      sleep 0.05
    done
    kill -9 "$qemu"
    status=0
    wait $pid || status=$?
    [ $status = 125 ] && [ ! -s out ]
    grep -q "^vm-exec: the virtual machine was ended by signal 9 (Killed) while .*$when" err
    [ -z "$(left_behind)" ]
  done
}
