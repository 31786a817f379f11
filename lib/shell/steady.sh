# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 # $tool, $work, attr, contents: from beside
# Contents that change while an image is made of them are an error: the image would hold a part of the
# old contents and a part of the new ones.
#
#   stamped ATTRIBUTE [OPTION…]      notes which files the contents are, before anything lists them;
#                                    tree-list's options say which links lead to more
#   listed ATTRIBUTE NAME COMMAND…   lists what is read later, into $work/NAME
#   unchanged                        the last stage: lists all this again, and fails if a line differs
#
# Files of the store have no stamps, as optimising a store changes inodes and times. So a file of the
# store that is overwritten with as many bytes is not noticed.

listings=()

listed() {
  local attribute=$1 name=$2
  shift 2
  printf '%s\0' "$attribute" "$@" >"$work/$name.command"
  "$@" >"$work/$name"
  listings+=("$name")
}

stamped() {
  local content
  for content in "${contents[@]}"; do
    in_store "$content" && continue
    listed "$1" stamps stamps "${@:2}"
    return
  done
}

stamps() {
  local content
  for content in "${contents[@]}"; do
    in_store "$content" || tree-list --stamps "$@" -- "$content" || return
  done
}

unchanged() {
  local name command
  for name in "${listings[@]}"; do
    mapfile -d '' -t command <"$work/$name.command"
    if ! "${command[@]:1}" >"$work/again" 2>"$work/err"; then
      cat "$work/err" >&2
      exit 1
    fi
    cmp -s -- "$work/$name" "$work/again" ||
      fail "${command[0]}: '$(first_change "$work/$name" "$work/again")' changed while it was read"
  done
}

# first_change OLD NEW: the name in the first line that only one of them has
first_change() {
  awk '
    { sub(/^# /, "") }
    NR == FNR { old[FNR] = $0; there[$0]; next }
    !($0 in there) { print $1; found = 1; exit }
    { delete there[$0] }
    END {
      for (i = 1; !found && i in old; i++)
        if (old[i] in there) {
          split(old[i], field, " ")
          print field[1]
          exit
        }
    }
  ' "$1" "$2"
}
