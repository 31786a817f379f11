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
  pipeline_start "$@"
  [ -z "${attr_type[rootDir]-}" ] || store_start
  beside_start tree output
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
