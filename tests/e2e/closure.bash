# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2030,SC2031 # closure_share has a CLOSURE of its own, in a subshell
#
# The closure of closure.nix, built by Nix into a chroot store of the test file, or copied from the one
# that the first file of a tests/run built.

. "${BASH_SOURCE[0]%/*}/../mkclosure/nix.bash"

# closure_make: $CLOSURE gets root/nix/store, closure.json (nix path-info), paths.json (name to
# path) and the same as lines in paths. Leaves Nix working in that store.
closure_make() {
  needs nix nix-build busybox jq
  export CLOSURE=$BATS_FILE_TMPDIR/closure
  if [ -z "${RUN_SHARED:-}" ]; then
    closure_fill
  else
    closure_share
    cp -a "$RUN_SHARED/closure" "$CLOSURE"
    nix_store "$CLOSURE/root"
  fi
}

closure_share() (
  flock 9
  [ ! -e "$RUN_SHARED/closure" ] || exit 0
  CLOSURE=$RUN_SHARED/closure.new
  closure_fill
  mv "$CLOSURE" "$RUN_SHARED/closure"
) 9>>"$RUN_SHARED/closure.lock"

closure_fill() {
  mkdir -p "$CLOSURE/busybox/bin" "$CLOSURE/source"
  cp "$(command -v busybox)" "$CLOSURE/busybox/bin/busybox"
  busybox --list | python3 -c 'import os, sys
for name in set(sys.stdin.read().split()) - {"busybox"}: os.symlink("busybox", sys.argv[1] + name)' "$CLOSURE/busybox/bin/"
  echo 'hello from a source directory' >"$CLOSURE/source/hello.txt"
  nix_store "$CLOSURE/root"
  closure_build all >"$CLOSURE/all"
  nix path-info --json -r "$(cat "$CLOSURE/all")" >"$CLOSURE/closure.json"
  jq 'map({key: .path | sub("^.{44}"; "") | sub("-1$"; ""), value: .path}) | from_entries' \
    "$CLOSURE/closure.json" >"$CLOSURE/paths.json"
  jq -r 'to_entries[] | "\(.key)\t\(.value)"' "$CLOSURE/paths.json" >"$CLOSURE/paths"
}

# closure_build ATTRIBUTE: its store path
closure_build() {
  nix-build "$TOP/tests/e2e/closure.nix" --no-out-link --arg busyboxDir "$CLOSURE/busybox" \
    --arg sourceDir "$CLOSURE/source" --attr "$1" 2>"$CLOSURE/log" || {
    cat "$CLOSURE/log" >&2
    return 1
  }
}

# path NAME: the store path of that name
path() {
  local name path
  while IFS=$'\t' read -r name path; do
    [ "$name" != "$1" ] || { printf '%s\n' "$path" && return; }
  done <"$CLOSURE/paths"
  return 1
}

# attrs EXPRESSION: attributes of an image as JSON; jq's $p.NAME is a store path, $root where it lies
attrs() { jq -n --slurpfile paths "$CLOSURE/paths.json" --arg root "$CLOSURE/root" '$paths[0] as $p | '"$1"; }
