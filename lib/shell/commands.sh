# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $work, attr: from beside
# Commands of the user in a tree of files: the one place where text of the user is run.

# unpack MTREE DIR: makes what the lines list
unpack() {
  layer-tar --bare --mtree "$1" | tar -xpf - --no-same-owner -C "$2" ||
    fail "cannot copy the contents to '$2'"
}

# run ATTRIBUTE SHELL…: runs the attribute's text as a script in $work/tree
run() {
  local name=$1 status=0
  shift
  mkdir -p "$work/host"
  printf '%s\n' "${attr[$name]}" >"$work/host/$name"
  (cd "$work/tree" && "$@" -e "$work/host/$name") </dev/null >&2 || status=$?
  [ "$status" = 0 ] || fail "$name: the commands failed with status $status"
}
