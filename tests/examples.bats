#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Every EXAMPLES section of a man page and every block of the README does what it shows.
load helper
load registry

# run_examples FILE MINIMUM: runs them in one directory, under one shell
run_examples() {
  local dir=$BATS_TEST_TMPDIR/${1##*/}.run count
  mkdir -p "$dir"
  [ -d "$dir/work" ] || made example "$dir/work"
  {
    printf 'out=%q\n' "$dir/out"
    cat <<'END'
set -euo pipefail
compare() {
  local found
  # read succeeds only where there is a NUL
  if ! IFS= read -r -d '' found <"$3" && [ "$found" = "$2" ]; then return; fi
  printf 'example: %sexpected:\n%sfound:\n' "$1" "$2"
  cat "$3"
  exit 1
} >&2
END
    "$TOP/tests/examples" "$1"
  } >"$dir/script"
  (cd "$dir/work" && LC_ALL=C bash "$dir/script" </dev/null >"$dir/out") || {
    echo "in ${1#"$TOP"/}"
    return 1
  }
  read -r count _ <"$dir/out"
  echo "${1##*/}: $count examples"
  [ "$count" -ge "$2" ]
}

@test "a wrong transcript is found" {
  printf '%s\n' '.Sh EXAMPLES' '.Bd -literal -offset indent' '$ echo one' 'two' '.Ed' >bad
  run -1 run_examples "$PWD/bad" 1
  printf '%s\n' '.Sh EXAMPLES' '.Bd -literal -offset indent' '$ false' '.Ed' >failing
  run -1 run_examples "$PWD/failing" 1
  printf '%s\n' '.Sh EXAMPLES' '.Bd -literal -offset indent' '$ echo \e\e \e' "> 'a b'" '\e a b' '.Ed' >good
  run_examples "$PWD/good" 1
}

@test "filters" {
  for tool in "$TOP"/bin/*.c; do
    tool=${tool##*/}
    [ "$tool" = registry-push.c ] || run_examples "$TOP/man/${tool%.c}.1" 1
  done
}

@test "pipelines" {
  for page in "$TOP"/pipelines/*; do
    case $page in *.nix | */pull-image | */nix-prefetch-docker | */build-layered-image) continue ;; esac
    run_examples "$TOP/man/${page##*/}.1" 1
  done
}

# The registry of the pages is localhost:5000, and Nix has a store of its own.
@test "programs for registries" {
  needs docker-registry skopeo
  registry_start "$PWD/registry"
  export NIX_REMOTE="local?root=$PWD/nix"
  for page in pull-image.1 nix-prefetch-docker.1 build-layered-image.1 registry-push.1; do
    sed "s/localhost:5000/$REGISTRY/; s/localhost-5000/${REGISTRY/:/-}/" "$TOP/man/$page" >"$page"
    run_examples "$PWD/$page" 3
  done
}

teardown() { registry_stop; }

@test "formats" {
  for page in "$TOP"/man/*.5; do
    run_examples "$page" 1
  done
}

@test "layerpipe(7)" { run_examples "$TOP/man/layerpipe.7" 5; }

# The README begins in a checkout, with "make", which is done already.
@test "README" {
  mkdir -p README.md.run/work
  ln -s "$TOP/tests" "$BUILD" README.md.run/work/
  make() { :; }
  export -f make
  run_examples "$TOP/README.md" 13
  same "$TOP/man/plan-cost.svg" README.md.run/work/example/plan.svg
}

@test "a wrong block of a README is found" {
  printf '%s\n' '```sh' 'echo one' '```' '' '```text' 'two' '```' >bad.md
  run -1 run_examples "$PWD/bad.md" 1
  printf '%s\n' '```sh' 'false' '```' >failing.md
  run -1 run_examples "$PWD/failing.md" 1
  printf '%s\n' '```sh' 'echo one >file' 'cat file' '```' '' '```text' 'one' '```' >good.md
  run_examples "$PWD/good.md" 1
}
