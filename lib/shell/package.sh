# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, attr: from beside
# Files of packages, wherever the store lies: attr[rootDir] and attr[storeDir] say it.
#
#   package_start                         before the others
#   package_file PACKAGE FILE ATTRIBUTE   finds FILE in the package that the attribute PACKAGE is,
#                                         or the one that the other ATTRIBUTE is
#   package_program PACKAGE FILE ATTRIBUTE  the same; it must be executable
#   $source                               that file, by its path in the store where it is there
#   $file                                 where this process can read it

package_start() {
  attr[rootDir]=${attr[rootDir]%/}
  attr[storeDir]=${attr[storeDir]%/}
}

in_store() { [[ $1 == "${attr[storeDir]}"/?* && $1/ != */../* ]]; }

package_file() {
  local given=$1
  if [ -n "${attr[$1]}" ] && [ -n "${attr[$3]}" ]; then
    usage "$1 and $3: expected one of them"
  fi
  if [ -n "${attr[$1]}" ]; then
    package_source "${attr[$1]%/}/$2"
    in_store "$source" || fail "$1: '${attr[$1]}' is not in ${attr[storeDir]}: give --$3 FILE"
  elif [ -n "${attr[$3]}" ]; then
    given=$3
    package_source "${attr[$3]}"
  else
    usage "$1: expected a value: give --$1 DIR or --$3 FILE"
  fi
  [ -f "$file" ] || package_link || fail "$given: '$file' is not there, or no file"
}

package_program() {
  package_file "$@"
  [ -x "$file" ] || package_link || fail "'$file' is not executable"
}

# What a link in a store elsewhere leads to can not be seen from here.
package_link() { [ -n "${attr[rootDir]}" ] && [ -L "$file" ]; }

# package_source FILE: a directory that a link outside of the store leads to, as nix-build makes
# one, stands for what is there
package_source() {
  local directory=./ name=${1##*/}
  [[ $1 != */* ]] || directory=${1%/*}/
  resolve -s "$directory"
  in_store "$resolved/$name" || resolve "$directory"
  source=$1 file=$1
  if in_store "$resolved/$name"; then
    source=$resolved/$name
    file=${attr[rootDir]}$source
  fi
}

# resolve [-s] DIRECTORY: sets resolved to its path without . and .., and without links but for -s
resolve() {
  resolved=$(realpath -m "${@:1:$#-1}" -- "${!#}" && echo .)
  resolved=${resolved%$'\n.'}
}
