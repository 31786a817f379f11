# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $here, attr: from beside
# Names in the store, wherever it lies: attr[rootDir] and attr[storeDir] say it. Its links lead from
# attr[rootDir], and bin/libexec/within.c follows them.
#
#   store_start           before the others
#   in_store PATH         whether it is a name in the store
#   store_path_find PATH  $store_path: the store path that it is in, or nothing
#   store_file PATH       $file: where this process can read it; empty where nothing is there
#   store_resolve PATH    $resolved: its name without links. A link outside of the store that leads
#                         into it, as nix-build makes one, gives a name in the store

store_start() {
  attr[rootDir]=${attr[rootDir]%"${attr[rootDir]##*[!/]}"}
  attr[storeDir]=${attr[storeDir]%/}
  [ -z "${attr[rootDir]}" ] || [ -d "${attr[rootDir]}" ] || fail "${called[rootDir]}: '${attr[rootDir]}' is not a directory"
}

in_store() { [[ $1 == "${attr[storeDir]}"/[!/]* && $1/ != */@(.|..)/* ]]; }

store_path_find() {
  local name=${1#"${attr[storeDir]}"/}
  store_path=
  ! in_store "$1" || store_path=${attr[storeDir]}/${name%%/*}
}

store_file() { within file "${attr[rootDir]:-/}" "$1"; }

store_resolve() {
  local file path=$1
  [[ $path == /* ]] || path=$PWD/$path
  within resolved / "$path" "${attr[storeDir]}"
  in_store "$resolved" || return 0
  store_file "$resolved"
  [ -z "$file" ] || resolved=${file#"${attr[rootDir]}"}
}

# within NAME ARGUMENT…: sets NAME to what the program prints; a point behind it saves line feeds at its end
within() {
  local -n printed=$1
  printed=$(exec "$here/../libexec/layerpipe/within" "${@:2}")
  [[ $printed == *. ]] || fail "cannot look at '$3'"
  printed=${printed%.}
}
