# SPDX-License-Identifier: MIT
# Builder of a kernel and its modules, as nixpkgs has them: the newest of this machine that has modules, and
# those that vm-exec loads. Runs under bash -euo pipefail.
# shellcheck shell=bash
# shellcheck disable=SC2154 # out, modDirVersion come from default.nix
umask 022
modules=$(printf '%s\n' /lib/modules/*/modules.dep | sort -V | tail -n 1)
modules=${modules%/modules.dep}
image=/boot/vmlinuz-${modules##*/}
[ -e "$image" ] || image=$modules/vmlinuz
mkdir -p "$out/lib/modules/$modDirVersion"
cp "$image" "$out/bzImage"

# those of a kernel that has them built in are not there
names='virtio(_mmio|_blk|_console|_ring)?|crc32c_generic|libcrc32c|ext4|erofs|mbcache|jbd2|crc16|overlay'
cd "$modules" || exit
grep -oE "^[^:]*/($names)\.ko[^:]*" modules.dep | xargs cp --parents -t "$out/lib/modules/$modDirVersion" modules.{dep,builtin}
