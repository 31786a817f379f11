#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# runAsRoot of build-image in docker and podman, by namespaces and by virtual machines.
# tests/build-image-root.bats looks at more, and at the archives.
# shellcheck disable=SC2016 # scripts are not expanded here
load ../helper
load ../vm
load clients

setup_file() {
  setup_path
  PATH=$PATH:/usr/sbin:/sbin
  needs_root
  needs dockerd docker podman busybox fakeroot jq qemu-system-x86_64 groupadd useradd setcap ldd
  export MADE=$BATS_FILE_TMPDIR/made shadow=/nix/store/7hhhhhhhhhhhhhhhhhhhhhhhhhhhhhh7-shadow
  mkdir "$MADE"
  clients_start "$BATS_FILE_TMPDIR/clients"
  docker_start
  cd "$MADE" || return
  make_image
}

teardown_file() { clients_stop; }

setup() {
  setup_path
  [ ! -d "${MADE-}" ] || ln -s "$MADE"/{base.tar,root,closure} .
}

# base.tar: busybox, and what this machine's groupadd, useradd and setcap load; they are a store path
make_image() {
  local program file
  mkdir -p "root$shadow/bin" base/etc
  for program in groupadd useradd setcap; do
    program=$(command -v "$program")
    cp "$program" "root$shadow/bin"
    ldd "$program" | grep -oE '/[^ ]+' | while read -r file; do
      mkdir -p "base${file%/*}"
      cp -L "$file" "base$file"
    done
  done
  printf '%s\t1\t-\t\\e\n' "$shadow" >closure
  make_base
  image-assemble --name base --tag 1 <base.stream >base.tar
}

# build ENGINE TAG BASE SCRIPT [OPTION…]: the image x:TAG
build() {
  build-image --name x --tag "$2" --engine "$1" --from-image "$3" --run-as-root "$4" --closure closure --root-dir root \
    --compressor none --output "$2.tar" --quiet "${@:5}" >printed 2>log || { cat log && return 1; }
}

# says CLIENTS TEXT TAG COMMAND…: what a container prints. Where what counts is the files in an image, one client is enough.
says() {
  local clients=$1 text=$2 tag=$3 client
  shift 3
  unseen "$tag.tar" "$@" || return 0 # of the other engine
  for client in $clients; do
    $client load --quiet -i "$PWD/$tag.tar" >loaded
    "${client}_run" "x:$tag" "$@" >said || { echo "$client: $? $(cat said)" && return 1; }
    [ "$(cat said)" = "$text" ] || { echo "$client says $(cat said)" && return 1; }
  done
}

# The example of the manual for shadowSetup, and redis of nixpkgs' tests (T29)
redis_example() {
  printf '#!/bin/sh\n%s\n' "$(shadow-setup --shadow "$shadow" --root-dir root)"
  printf '%s\n' 'groupadd -r redis' 'useradd -r -g redis redis' 'mkdir -p /redis' 'chown redis:redis /redis' 'touch /example-file'
}

# engines COMMAND…: with each engine, and what comes out is the same
engines() {
  local engine
  for engine in userns tcg; do
    "$@" "$engine" "both-$BATS_TEST_NUMBER"
    image-layers "both-$BATS_TEST_NUMBER.tar" >"$engine.layers"
  done
  same userns.layers tcg.layers
}

order() {
  build "$1" a base.tar 'echo -n a >>/layer-order; rm -r /data'
  build "$1" b a.tar 'echo -n b >>/layer-order; test ! -e /data; mkdir /data; rm /bin/vi'
  build "$1" "$2" b.tar 'echo -n c >>/layer-order; test ! -e /bin/vi; touch "/data/a name"'
  says docker $'abc\na name' "$2" sh -c 'cat /layer-order && echo && test ! -e /bin/vi && ls /data'
}
@test "T25: three scripts, each on the image before" { engines order; }

redis() {
  build "$1" "$2" base.tar "$(redis_example)" --config <(printf 'User\tredis\nWorkingDir\t/redis\nVolumes\t/redis\nCmd\tsh\nCmd\t-c\nCmd\t%s\n' \
    'touch new && stat -c "%U:%G" . new && test -e /example-file && ls -d /nix 2>/dev/null; pwd')
  says podman $'redis:redis\nredis:redis\n/redis' "$2"
}
@test "T29, shadowSetup: groupadd and useradd, a directory that the user owns and writes to" { engines redis; }

@test "what only a machine can do: devices and capabilities, which come back, also for a user who is not root" {
  mkdir -m 777 out
  chmod 755 . "$MADE" "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR"
  script="mknod -m 666 /node c 1 3; mknod /disk b 7 9; mkfifo /fifo; mkdir -m 0 /closed; touch /closed/x
    cp /bin/busybox /ping; chown 9:9 /ping; $shadow/bin/setcap cap_net_raw+ep /ping"
  extra='test -c node; test -b disk; rm disk; mknod more c 1 5'
  build tcg devices base.tar "$script" --extra-commands "$extra"
  setpriv --reuid=65534 --regid=65534 --clear-groups build-image --name x --tag devices --engine tcg --from-image base.tar \
    --run-as-root "$script" --extra-commands "$extra" --closure closure --root-dir root --compressor none --output out/image \
    --quiet >printed 2>log
  tar -xOf devices.tar "$(tar -xOf devices.tar manifest.json | jq -r '.[0].Layers[-1]')" >layer.tar
  tar -tvf layer.tar --numeric-owner | awk '$NF != "./" { print $1, $2, $3, $NF }' | sed '/^[^bc]/s/ [0-9]* / /' >found
  lines 'd--------- 0/0 closed/' '-rw-r--r-- 0/0 closed/x' 'prw-r--r-- 0/0 fifo' 'crw-r--r-- 0/0 1,5 more' 'crw-rw-rw- 0/0 1,3 node' \
    '-rwxr-xr-x 9/9 ping' >want
  same want found
  grep -aq 'SCHILY.xattr.security.capability=' layer.tar
  same devices.tar out/image
  says 'docker podman' $'1:3 666\nfifo' devices sh -c 'stat -c "%t:%T %a" /node && test -p /fifo && echo fifo'
}

@test "KVM: the same where it works, else what is said" {
  echo true >script
  make_empty
  vm-exec --engine auto --script script <empty.stream >out 2>err || [ $? = 127 ]
  if ! grep -q 'no KVM' err; then
    build kvm kvm base.tar 'touch /by-kvm'
    says docker /by-kvm kvm ls /by-kvm
    return
  fi
  grep -qE '^vm-exec: warning: no KVM \(.+\): the machine is emulated \(tcg\), which is slower$' err
  run build kvm kvm base.tar 'touch /by-kvm'
  [ "$status" = 1 ] && [ ! -e kvm.tar ] && [ "${#lines[@]}" = 1 ]
  # by a KVM that cannot run what it is given, or where there is none
  [[ $output == 'vm-exec: the virtual machine was ended by signal '*' while it booted (--engine tcg needs no KVM)' ||
    $output == "vm-exec: cannot start the machine (kvm): --engine tcg needs no KVM: 'qemu-system-x86_64: "* ]]
}
