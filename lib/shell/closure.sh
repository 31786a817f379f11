# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $work, attr: from beside
# Which store paths an image needs, and what is known of them.
#
#   closure_open            $work/candidates: the paths that something can mention
#   closure_cut <ROOTS      $work/graph: the closure of these paths

closure_open() {
  if [ -n "${attr[closure]}" ]; then
    given_graph >"$work/candidates"
  else
    store_paths | sed 's/$/\t-\t-\t-/' >"$work/candidates"
  fi
}

# Every path in the store directory; .links, locks and the like are none.
store_paths() {
  local names file
  store_file "${attr[storeDir]}"
  [ -d "$file" ] || return 0
  find "$file" -mindepth 1 -maxdepth 1 \
    -regextype posix-extended -regex '.*/[0-9a-z]{32}-[^/]*' \
    ! -name '*.drv' ! -name '*.lock' ! -name '*.chroot' -printf '%f\n' | sort >"$work/names" ||
    fail "cannot list '$file'"
  mapfile -t names <"$work/names"
  [ ${#names[@]} = 0 ] || printf '%s\n' "${names[@]/#/"${attr[storeDir]}"/}"
}

# The closure that was given, as graph lines.
given_graph() {
  local options=(--store-dir "${attr[storeDir]}" --allow-empty)
  [ -z "${attr[closureKey]}" ] || options+=(--key "${attr[closureKey]}")
  closure-graph "${options[@]}" -- "${attr[closure]}"
}

nix_knows() {
  local file
  command -v nix >/dev/null || return
  store_file "${attr[storeDir]%/*}/var/nix/db"
  [ -d "$file" ]
}

# closure_of ROOT… > graph lines
closure_of() {
  local cut=("${@/#/--root=}") store=()
  if [ -n "${attr[closure]}" ]; then
    closure-graph --store-dir "${attr[storeDir]}" "${cut[@]}" "$work/candidates"
  elif nix_knows; then
    [ -z "${attr[rootDir]}" ] || store=(--store "$(realpath "${attr[rootDir]}")")
    nix --offline --extra-experimental-features nix-command path-info "${store[@]}" --json -r "$@" |
      closure-graph --store-dir "${attr[storeDir]}"
  else
    closure-graph --scan --root-dir "${attr[rootDir]:-/}" --store-dir "${attr[storeDir]}" "${cut[@]}"
  fi
}

closure_cut() {
  local roots
  sort -u >"$work/roots"
  mapfile -t roots <"$work/roots"
  : >"$work/graph"
  [ ${#roots[@]} = 0 ] || closure_of "${roots[@]}" >"$work/graph"
}
