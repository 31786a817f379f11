#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# bin-sh: a tree with /bin/sh (more in helper-trees.bats)
load helper

@test "a program that is not in the store is copied, and runs in the tree" {
  needs_root
  needs busybox
  bin-sh --program "$(command -v busybox)" --output tree
  same "$(command -v busybox)" tree/bin/sh
  [ "$(chroot tree /bin/sh -c 'echo found')" = found ]
}

@test "links in a store elsewhere lead from --root-dir, never out of it; a missing file is refused" {
  bash=/nix/store/7bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-bash-5.2
  mkdir -p "root$bash/bin" root/nix/store/elsewhere
  ln -s /nix/store/elsewhere/sh "root$bash/bin/bash"
  install -m 755 /dev/null root/nix/store/elsewhere/sh
  bin-sh --bash "$bash" --root-dir root// --output tree
  [ "$(readlink tree/bin/sh)" = "$bash/bin/bash" ]
  install -m 755 /dev/null outside
  for target in "$PWD/outside" ../../../../../outside /proc/self/exe bash; do
    ln -sfn "$target" "root$bash/bin/bash"
    fails 1 "bin-sh: --bash: 'root$bash/bin/bash' does not exist or is not a file" \
      bin-sh --bash "$bash" --root-dir root --output other
  done
  fails 1 "bin-sh: --program: 'root$bash/bin/zsh' does not exist or is not a file" \
    bin-sh --program "$bash/bin/zsh" --root-dir root --output other
  file=/nix/store/7fffffffffffffffffffffffffffffff-sh
  install -m 755 /dev/null "root$file"
  bin-sh --program "$file" --root-dir root --output alone
  [ "$(readlink alone/bin/sh)" = "$file" ]
  echo no >"root$bash/bin/text"
  fails 1 "bin-sh: 'root$bash/bin/text' is not executable" \
    bin-sh --program "$bash/bin/text" --root-dir root --output other
  [ ! -e other ]
}
