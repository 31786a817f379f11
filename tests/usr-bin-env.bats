#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# usr-bin-env: a tree with /usr/bin/env (more in helper-trees.bats)
load helper

@test "a program that is not in the store is copied, with its mode" {
  printf 'env' >my-env
  fails 1 "usr-bin-env: 'my-env' is not executable" usr-bin-env --program my-env --output env
  [ ! -e env ]
  chmod 700 my-env
  usr-bin-env --program my-env --output env
  same my-env env/usr/bin/env
  [ "$(find env -printf '%P %m\n' | LC_ALL=C sort)" = $' 755\nusr 755\nusr/bin 755\nusr/bin/env 755' ]
}

@test "a script's first line finds a static env in the tree" {
  needs_root
  needs busybox
  usr-bin-env --program "$(command -v busybox)" --output tree
  mkdir tree/bin
  cp "$(command -v busybox)" tree/bin/sh
  printf '#!/usr/bin/env sh\necho found\n' >tree/script
  chmod +x tree/script
  [ "$(chroot tree /script)" = found ]
}
