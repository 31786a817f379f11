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
  whiteouts >"$work/whiteouts"
  (cd "$work/tree" && "$@" -e "$work/host/$name") </dev/null >&2 || status=$?
  [ "$status" = 0 ] || fail "$name: the commands failed with status $status"
  whiteouts_check "$name"
}

# Names in the tree that delete, in a layer, what is below it.
whiteouts() { find "$work/tree" -mindepth 1 -name '.wh.*' -printf '%P\0' | sort -z; }

# whiteouts_check ATTRIBUTE: whether it made such names on purpose. What runAsRoot deleted has one.
whiteouts_check() {
  local name
  [ "${attr[allowWhiteouts]}" = false ] || return 0
  whiteouts >"$work/whiteouts.now"
  comm -z -13 "$work/whiteouts" "$work/whiteouts.now" >"$work/whiteouts.new"
  IFS= read -r -d '' name <"$work/whiteouts.new" || return 0
  fail "$1: '$name' would be no file of the image, but delete one of the base: --allow-whiteouts is for that"
}
