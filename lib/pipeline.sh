# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $work, attr: from beside
# What pipelines share: a start, a place for the lines between the stages, an end.
#
#   pipeline_start TOOL ARGUMENT…   reads the attributes; afterwards
#   $work                           a directory that is removed at the end

# shellcheck source=/dev/null
. "$share/message.sh"
. "$share/attributes.sh"

pipeline_start() {
  tool=$1
  shift
  umask 022
  unset CDPATH BASH_ENV ENV TAR_OPTIONS GREP_OPTIONS
  export LC_ALL=C PATH=$here:$PATH
  work=$(mktemp -d -t layerpipe.XXXXXX) || fail 'cannot make a temporary directory'
  trap pipeline_end EXIT
  need jq "$tool"
  attributes_read "$@"
}

# User commands may leave directories that nobody can write to.
pipeline_end() {
  chmod -R u+rwx -- "$work" 2>/dev/null || :
  rm -rf -- "$work"
}

# copy_input FILE TO: "-" is standard input
copy_input() {
  local reason
  reason=$(cat -- "$1" 2>&1 >"$2") || fail "cannot read '$1': ${reason##*: }"
}

# json NAME FILE JQ-ARGUMENT…: runs jq over FILE, which messages call NAME
json() {
  local name=$1 file=$2 status=0
  shift 2
  jq -s --arg where "$tool: $(escaped "$name")" "$@" "$file" 2>"$work/jq.err" || status=$?
  case $status in
    0) ;;
    1) cat "$work/jq.err" >&2 && exit 1 ;;
    *) fail "$name: not JSON: $(sed 's/^.*parse error: //' "$work/jq.err")" ;;
  esac
}
