# SPDX-License-Identifier: MIT
# Builder of a path that only has to have a size: text that nothing else has.
# Runs under bash -euo pipefail.
# shellcheck shell=bash
# shellcheck disable=SC2154 # out, files, bytes, seed, depends come from closure.nix
umask 022
mkdir -p "$out/share" "$out/nix-support"
# shellcheck disable=SC2086 # a list of paths
printf '%s\n' $depends >"$out/nix-support/depends"
head -c "$((files * bytes))" /dev/zero |
  openssl enc -aes-128-ctr -nosalt -pbkdf2 -iter 1 -pass "pass:$seed" | base64 |
  { head -c "$((files * bytes))" && cat >/dev/null; } |
  split -b "$bytes" -a 6 -d - "$out/share/text.$seed."
