# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $work, attr: from beside
# Messages and exit status, as the filters have them. $tool is the pipeline's name.

# escape TEXT: sets escaped to it with control bytes as \xHH, so that a message is one line
escape() {
  local text='' char i
  for ((i = 0; i < ${#1}; i++)); do
    char=${1:i:1}
    [[ $char != [[:cntrl:]] ]] || printf -v char '\\x%02x' "'$char"
    text+=$char
  done
  escaped=$text
}

message() {
  local escaped
  escape "$1"
  printf '%s: %s\n' "$tool" "$escaped" >&2
}

# fail TEXT: the input or the system is to blame
fail() {
  message "$1"
  exit 1
}

# usage TEXT: the command line is to blame
usage() {
  message "$1 (see '$tool --help')"
  exit 2
}

# print TEXT: on standard output
print() {
  local reason status=0
  { reason=$(printf '%s\n' "$1" 2>&1 >&3 && echo printed); } 3>&1 || status=$?
  [ "$status" != 141 ] || exit 141 # SIGPIPE: the reader went away
  [ "$reason" = printed ] || fail "cannot write '<stdout>'${reason:+: ${reason##*: }}"
}

# need PROGRAM PURPOSE
need() {
  type -P "$1" >/dev/null || fail "$2 needs $1, which is not installed"
}
