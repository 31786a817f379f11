# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $work, attr: from beside
# Which store paths an image needs, and what is known of them.
#
#   closure_open            $work/candidates: the paths that something can mention
#   mentions LISTING FILE   those that a layer of these layerpipe-mtree(5) lines and the file mention, and store paths
#                           that are none of these
#   closure_cut MENTIONED   $work/graph: the closure of the paths in this file, which mentions wrote; behind them
#                           is an end mark
#   ${roots[@]}             these paths
#   closure_unknown         warns of the mentioned paths that are no candidates

roots=() unknown=() many=4096

closure_open() {
  printf '%s\n' - "${list_exclude[@]}" >"$work/excluded"
  if [ -n "${attr[closure]}" ]; then
    given_graph >"$work/candidates"
  else
    store_paths >"$work/candidates"
  fi
}

# Every path in the store directory, as graph lines; .links, locks and whatever has no name of a
# store path are none.
store_paths() {
  local file reason names
  store_file "${attr[storeDir]}"
  [ -n "$file" ] || return 0
  reason=$(store_names 2>&1 >"$work/names") || fail "cannot list '$file'${reason:+: ${reason##*: }}"
  mapfile -t names <"$work/names"
  [[ ${#names[@]} -ge 2 && ${names[0]} == . && ${names[-1]} == '~' ]] || fail "cannot list '$file'"
  names=("${names[@]:1:${#names[@]}-2}")
  [ ${#names[@]} = 0 ] || printf '%s\t-\t-\t-\n' "${names[@]/#/"${attr[storeDir]}"/}" | without_excluded
}

without_excluded() { awk -F '\t' 'NR == FNR { out[$1]; next } !($1 in out)' "$work/excluded" -; }

# The store directory itself is ".", which sorts before the others; "~" sorts behind them.
store_names() {
  {
    find "$file/." -maxdepth 1 -regextype posix-extended -regex '.*/([0-9abcdfghijklmnpqrsvwxyz]{32}-[0-9a-zA-Z+._?=-]+|[.])' \
      ! -name '*.drv' ! -name '*.lock' ! -name '*.chroot' -printf '%f\n' || exit
    echo '~'
  } | sort
}

# The closure that was given, as graph lines.
given_graph() {
  local options=(--store-dir "${attr[storeDir]}" --allow-empty "${list_exclude[@]/#/--exclude=}")
  [ -z "${attr[closureKey]}" ] || options+=(--key "${attr[closureKey]}")
  closure-graph "${options[@]}" -- "${attr[closure]}"
}

mentions() {
  layer-tar --bare --mtree "$1" | reference-scan --graph "$work/candidates" --unknown "${attr[storeDir]}" -- - "$2" ||
    { [ $? = 1 ] || fail 'cannot look for store paths in the image'; exit 1; }
}

# Nix would have found them among all that a builder can see.
closure_unknown() {
  local path hash=$((${#attr[storeDir]} + 1)) why='which is not in the store'
  local -A excluded=()
  [ ${#unknown[@]} != 0 ] || return 0
  [ -z "${attr[closure]}" ] || why="which ${called[closure]} does not have"
  for path in "${list_exclude[@]}"; do excluded[${path:hash:32}]=1; done
  for path in "${unknown[@]}"; do
    [ -z "${excluded[${path:hash:32}]-}" ] || continue
    grep -qsF "$path"$'\t' "$work/base.paths" ||
      message "warning: the image mentions '$path', $why: it will not be there"
  done
}

nix_knows() {
  local file
  type -P nix-store >/dev/null || return
  store_file "${attr[storeDir]%/*}/var/nix/db"
  [ -n "$file" ]
}

# nix_closure ROOT… > registration: these two commands all versions of Nix have, unlike nix path-info and its forms
nix_closure() {
  local root=${attr[rootDir]} store=() paths
  [[ $root == /* ]] || root=$PWD/$root
  [ "$root" = "$PWD/" ] || store=(--store "$root")
  paths=$(with_caller_environment nix-store "${store[@]}" --query --requisites "$@") || return
  mapfile -t paths <<<"$paths"
  some_by_some nix_registration "${paths[@]}"
}

nix_registration() { with_caller_environment nix-store "${store[@]}" --dump-db "$@"; }

# some_by_some FUNCTION PATH…: calls it with as many store paths at once as surely fit into a command line
some_by_some() {
  local function=$1 paths=("${@:2}") i
  for ((i = 0; i < ${#paths[@]}; i += many)); do
    "$function" "${paths[@]:i:many}" || return
  done
}

# closure_of_all ROOT… > graph lines
closure_of_all() {
  if [ $# -le $many ]; then
    closure_of "$@"
  else
    some_by_some closure_of "$@" | closure-graph --store-dir "${attr[storeDir]}" # paths that several lead to, once
  fi
}

# closure_of ROOT… > graph lines
closure_of() {
  local cut=("${@/#/--root=}" "${list_exclude[@]/#/--exclude=}")
  if [ -n "${attr[closure]}" ]; then
    closure-graph --store-dir "${attr[storeDir]}" "${cut[@]}" "$work/candidates"
  elif nix_knows; then
    nix_closure "$@" | closure-graph --store-dir "${attr[storeDir]}" "${list_exclude[@]/#/--exclude=}"
  else
    closure-graph --scan --root-dir "${attr[rootDir]:-/}" --store-dir "${attr[storeDir]}" "${cut[@]}"
  fi
}

closure_cut() {
  local -A seen=()
  local lines line
  lines_read "$1"
  roots=() unknown=()
  for line in "${lines[@]}"; do
    case $line in
      *$'\t?') unknown+=("${line%$'\t'*}") ;;
      *)
        [ -n "${seen[$line]-}" ] || roots+=("$line")
        seen[$line]=1
        ;;
    esac
  done
  : >"$work/graph"
  [ ${#roots[@]} = 0 ] || closure_of_all "${roots[@]}" >"$work/graph"
}
