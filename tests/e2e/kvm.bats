#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# KVM on any host: vm-exec emulates a machine whose processor has SVM, and in it runs another
# vm-exec, which finds a KVM that works.
load ../helper
load ../vm

setup() {
  setup_path
  private_tmpdir
  needs busybox qemu-system-x86_64 ldd
  PATH=$PATH:/usr/sbin:/sbin needs mke2fs
  base_once
  make_empty
  cat base.stream empty.stream >input
}

# add FILE…: into host/, at the same place, with the libraries it needs
add() {
  local file
  for file; do
    ! ldd "$file" 2>/dev/null | grep -o '/[^ ]*'
    echo "$file"
  done | sort -u >files
  while read -r file; do
    mkdir -p "host${file%/*}"
    cp -nL "$file" "host$file"
  done <files
}

# host.stream: what vm-exec needs, and what it is to do
make_host() {
  local image modules names file
  # as vm-exec takes it: the newest that has modules
  modules=$(printf '%s\n' /lib/modules/*/modules.dep | sort -V | tail -n 1)
  modules=${modules%/modules.dep}
  image=/boot/vmlinuz-${modules##*/}
  [ -e "$image" ] || image=$modules/vmlinuz
  cp -r base host
  mkdir host/inner
  cp input inner.script host/inner
  add "$(command -v qemu-system-x86_64)" "$(PATH=$PATH:/usr/sbin:/sbin command -v mke2fs)" "$image" \
    "$modules/modules.dep" "$modules/modules.builtin" /usr/share/seabios/bios-microvm.bin \
    /usr/share/qemu/bios-microvm.bin /usr/share/qemu/linuxboot_dma.bin /usr/share/qemu/pvh.bin
  # those of a kernel that has them built in are not there
  names='virtio(_mmio|_blk|_console|_ring)?|crc32c_generic|libcrc32c|ext4|erofs|mbcache|jbd2|crc16|overlay|kvm|kvm-amd|irqbypass|ccp'
  while read -r file; do add "$modules/$file"; done < <(grep -oE "^[^:]*/($names)\.ko[^:]*" "$modules/modules.dep")
  mkdir -p host/layerpipe/bin host/layerpipe/libexec
  add "$BUILD/bin/vm-exec"
  mv "host$BUILD/bin/vm-exec" host/layerpipe/bin
  cp -r "$BUILD/libexec/layerpipe" host/layerpipe/libexec
  layer_of host >host.stream
}

# reference: the layer of an emulated machine, in want. It sets limit, the seconds that others have
# to boot in: it is many times what this one took, on a processor that is slow or shared.
reference() {
  local start=$EPOCHSECONDS
  vm-exec --engine tcg --boot-timeout 600 --script inner.script <input >want
  limit=$((30 + 10 * (EPOCHSECONDS - start)))
}

@test "auto finds a KVM that works, and the layer has the bytes of the emulated machine" {
  script 'mkdir /made; echo made >/made/file; chown 5:6 /made/file; rm /etc/motd; mknod /node c 1 3' \
    'echo said; [ ! -e /inner ]' >inner.script
  reference
  make_host
  script 'for module in irqbypass ccp kvm kvm-amd; do' \
    '  file=$(find /lib/modules -name "$module.ko"); [ -z "$file" ] || insmod "$file" || [ "$module" = ccp ]; done' \
    'mknod /dev/kvm c 10 232' 'export PATH=/layerpipe/bin:/usr/bin:/usr/sbin:/sbin:/bin' \
    "boot='--boot-timeout $((3 * limit))'" \
    'cd /inner; vm-exec $boot --script inner.script <input >layer 2>log || { cat log; exit 9; }' \
    'echo "grep -q kvm-clock $clocks && exit 7" >seven' \
    'status=0; vm-exec $boot --engine kvm --script seven <input >none || status=$?' \
    'echo "$status $(wc -c <none)" >status' >script
  cat host.stream empty.stream |
    vm-exec --engine tcg --boot-timeout $limit --memory 2048 --env clocks=/sys/devices/system/clocksource/clocksource0/available_clocksource \
      --env "ASAN_OPTIONS=${ASAN_OPTIONS-}" --env "UBSAN_OPTIONS=${UBSAN_OPTIONS-}" --script script >out
  layer <out >layer.tar
  # no word of an emulated machine, and a clock that none but KVM gives to its machines
  [ "$(tar -xOf layer.tar inner/log)" = said ]
  [ "$(tar -xOf layer.tar inner/status)" = '7 0' ]
  tar -xOf layer.tar inner/layer >found
  same want found
  [ -z "$(left_behind)" ]
}
