# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, attr: from beside
# Files of packages, found by means of store.sh, which comes with it.
#
#   package_file PACKAGE FILE ATTRIBUTE   finds FILE in the package that the attribute PACKAGE is,
#                                         or the one that the other ATTRIBUTE is
#   package_program PACKAGE FILE ATTRIBUTE  the same; it must be executable
#   $source                               that file, by its path in the store where it is there
#   $file                                 where this process can read it; empty where nothing is there
#   $place                                what messages call that

# shellcheck source=/dev/null
. "$share/store.sh"

package_file() {
  local given=$1
  if [ -n "${attr[$1]}" ] && [ -n "${attr[$3]}" ]; then
    usage "${called[$1]} and ${called[$3]}: expected one of them"
  fi
  if [ -n "${attr[$1]}" ]; then
    package_source "${attr[$1]%/}/$2"
    in_store "$source" || fail "${called[$1]}: '${attr[$1]}' is not in ${attr[storeDir]}: give --$3 FILE"
  elif [ -n "${attr[$3]}" ]; then
    given=$3
    package_source "${attr[$3]}"
  else
    usage "expected --$1 DIR or --$3 FILE"
  fi
  [ -f "$file" ] || fail "${called[$given]}: '$place' does not exist or is not a file"
}

package_program() {
  package_file "$@"
  [ -x "$file" ] || fail "'$place' is not executable"
}

# package_source FILE: a directory that a link outside of the store leads to, as nix-build makes
# one, stands for what is there
package_source() {
  local name=${1##*/} resolved
  source=$1 file=$1 place=$1
  if ! in_store "$source"; then
    store_resolve "${1%"$name"}"
    in_store "$resolved/$name" || return 0
    source=$resolved/$name
  fi
  store_file "$source"
  place=${attr[rootDir]}$source
}
