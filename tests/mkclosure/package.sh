# SPDX-License-Identifier: MIT
# Builder of one path: the files of a package without their leading /usr, made to refer to the paths
# of its dependencies instead of to the machine. Runs under bash -euo pipefail.
# shellcheck shell=bash
# shellcheck disable=SC2154 # out, package, arch, depends, patch, adapt come from closure.nix
umask 022
list=/var/lib/dpkg/info/$package.list
[ -e "$list" ] || list=/var/lib/dpkg/info/$package:$arch.list

# what belongs to this machine stays out: configuration, state, the kernel
mkdir -p "$out/nix-support"
grep -Ev '^/(etc|var|boot|dev|run|srv|media)(/|$)' "$list" | while IFS= read -r file; do
  if [ -L "$file" ] || { [ -f "$file" ] && [ -r "$file" ]; }; then
    printf '%s\0' "${file#/}"
  fi
done | grep -zEv '^(bin|sbin|lib[0-9x]*)$' >files || true
tar -C / --no-recursion --null -cf - -T files |
  tar -C "$out" --no-same-owner --no-same-permissions --transform='flags=rh;s,^usr/,,' -xf -
chmod -R u+w "$out"

# shellcheck disable=SC2086 # a list of paths
[ -z "$depends" ] || printf '%s\n' $depends >"$out/nix-support/depends"
find "$out" \( -type f -o -type l \) -print0 | sort -z | perl -w "$adapt"
