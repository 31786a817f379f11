# SPDX-License-Identifier: MIT
# Builder of one path with programs and files of this machine, and the libraries that they need. Runs under
# bash -euo pipefail.
# shellcheck shell=bash
# shellcheck disable=SC2154 # out, programs, files come from default.nix
umask 022
mkdir -p "$out/bin" "$out/lib"
for name in $programs; do
  file=$(type -P "$name")
  link=$(readlink "$file" || :)
  # a link to another one of them stays one
  if [[ " $programs " == *" ${link:-/} "* ]]; then cp -P -- "$file" "$out/bin/$name"; else cp -L -- "$file" "$out/bin/$name"; fi
done
for file in $files; do # patterns
  mkdir -p "$out/$(dirname "${file#/usr/}")"
  cp -L -- "$file" "$out/${file#/usr/}"
done

if [ -e "$out/bin/fakeroot" ]; then
  ln -s mawk "$out/bin/awk"
  ln -s bash "$out/bin/sh"
  cp -L /usr/lib/*-linux-gnu/libfakeroot/libfakeroot-sysv.so /usr/lib/*-linux-gnu/fakechroot/libfakechroot.so "$out/lib"
  for name in fakeroot fakechroot; do
    sed -i -e "1s|.*|#!$out/bin/sh|" -e "s|/usr/lib/[^ /]*-linux-gnu/[a-z]*|$out/lib|g" -e "s|/usr/bin|$out/bin|g" \
      -e "s|FAKEROOT_PREFIX=/usr\$|FAKEROOT_PREFIX=$out|" -e "s|^fakechroot_paths=no|fakechroot_paths=$out/lib|" \
      -e "s|=/bin/echo|=$out/bin/echo|" "$out/bin/$name"
  done
fi

# RPATH, unlike RUNPATH, is for what libraries need, too
find "$out/bin" "$out/lib" -type f -exec grep -la '^.ELF' {} + >elf
xargs ldd <elf | sed -nE 's/.*(=>)?[[:space:]](\/[^ ]+) .*/\2/p' | sort -u | while read -r library; do
  [ -e "$out/lib/${library##*/}" ] || cp -L "$library" "$out/lib"
done
find "$out/bin" "$out/lib" -type f ! -name 'ld-linux*' ! -name 'libc.so*' -exec grep -laZ '^.ELF' {} + |
  xargs -0 patchelf --force-rpath --set-rpath "$out/lib"
find "$out/bin" -type f -exec grep -lZ 'ld-linux-' {} + |
  xargs -0 patchelf --set-interpreter "$(echo "$out"/lib/ld-linux-*)"
