# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 # $tool, $share, attr, $source: from beside
# Small trees for the root of an image: usr-bin-env, bin-sh, ca-certificates, fake-nss.
#
#   tree_start TOOL ARGUMENT…   reads the attributes; what is in $tree then is the tree's
#   tree_put NAME…              each becomes a link to $source (package.sh), or a copy where that is
#                               not in the store
#   tree_finish                 gives the tree the name that output is, and prints it

# shellcheck source=/dev/null
. "$share/pipeline.sh"
. "$share/package.sh"

tree_start() {
  local beside
  pipeline_start "$@"
  [ -z "${attr_type[rootDir]-}" ] || store_start
  tree_output "${attr[output]}"
  beside=${attr[output]%"${attr[output]##*[!/]}"}
  [[ $beside == */* ]] || beside=./$beside
  temporary_make tree "${beside%/*}/" .layerpipe
}

# Only what holds nothing is replaced.
tree_output() {
  local entries
  [ -e "$1" ] || [ -L "$1" ] || return 0
  if [ ! -d "$1" ] || [ -L "$1" ]; then
    fail "${called[output]}: '$1' exists and is not a directory"
  fi
  shopt -s nullglob dotglob
  entries=("$1"/*)
  shopt -u nullglob dotglob
  [ ${#entries[@]} = 0 ] || fail "${called[output]}: '$1' is not empty"
}

tree_put() {
  local name
  for name; do
    mkdir -p "$tree/${name%/*}"
    if in_store "$source"; then
      ln -s "$source" "$tree/$name"
    else
      copy_input "$source" "$tree/$name"
      [ ! -x "$source" ] || chmod 00755 "$tree/$name"
    fi
  done
}

tree_finish() {
  find "$tree" -type d -exec chmod 00755 {} +
  find "$tree" -depth -exec touch -h -d @1 {} +
  temporary_keep "$tree" "${attr[output]}"
  print "${attr[output]}"
}
