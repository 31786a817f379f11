# SPDX-License-Identifier: MIT
# Builder of the last path: links to the files of all others, a later path's before an earlier one's.
# Runs under bash -euo pipefail.
# shellcheck shell=bash
# shellcheck disable=SC2154 # out, paths come from closure.nix
umask 022
mkdir -p "$out"
shopt -s dotglob nullglob
for path in $paths; do
  # a directory here and a file there: the first one stays
  cp -rs --remove-destination -t "$out" "$path"/* 2>/dev/null || true
  chmod -R u+w "$out"
done
rm -rf "$out/nix-support"
