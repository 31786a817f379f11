# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $here, $share: from beside
# The one place that says what programs see of the caller's environment: what is documented, what
# the system's loader and a fakeroot around us need, and nothing else. Sourced before the rest, as
# a variable of the caller could have the name of one of ours.
#
#   environment_start                 what is the same for everybody
#   with_caller_environment COMMAND…  runs it so: what is the caller's own, as for Nix and skopeo
#
# A pipeline starts as bash -p: functions, SHELLOPTS, BASHOPTS and BASH_ENV of the caller, which
# take effect before its first line, do not. Bash hands functions on to what it starts all the same;
# where there are any, the pipeline starts once more, without them.

unset -v FUNCNEST # before a function is called
shopt -s inherit_errexit

environment_of_caller=() environment_odd=()

# Read at once, and twice: bash says nothing of a read that fails, and after a seek that fails, read(1)
# goes on at another place.
environment_sort() {
  local entries again entry name
  mapfile -d '' -t entries </proc/self/environ
  mapfile -d '' -t again </proc/self/environ
  if [[ ${entries[*]} != "${again[*]}" ]]; then
    printf '%s: cannot read the environment\n' "${0##*/}" >&2
    exit 1
  fi
  for entry in "${entries[@]}"; do
    name=${entry%%=*}
    case $name in
      PATH | TMPDIR | SOURCE_DATE_EPOCH | NIX_LOG_FD | LD_* | FAKE* | GLIBC_TUNABLES | ?SAN_OPTIONS | UBSAN_OPTIONS) ;;
      '' | [0-9]* | *[!A-Za-z0-9_]*) environment_odd+=(-u "$name") ;;
      *)
        environment_of_caller+=("$entry")
        environment_drop "$name"
        ;;
    esac
  done
}

# What is bash's own stays, as it is no longer special once it was unset.
environment_drop() {
  case $1 in
    BASH_COMPAT | BASH_ENV | BASH_LOADABLES_PATH) unset -v "$1" ;;
    BASH* | SHELLOPTS | UID | EUID | PPID | IFS | PWD | RANDOM | SRANDOM | SECONDS | LINENO | EPOCH* | \
      GROUPS | DIRSTACK | FUNCNAME | HISTCMD | HOSTNAME | PIPESTATUS | COMP_* | _ | here | share)
      # shellcheck disable=SC2163 # the variable of that name
      export -n "$1"
      ;;
    *) unset -v "$1" ;;
  esac
}

environment_sort
set +o posix
if [[ ${#environment_odd[@]} != 0 && -f $0 ]]; then
  exec env "${environment_odd[@]}" "${environment_of_caller[@]}" "$BASH" -p -- "$0" "$@"
fi

environment_start() {
  export LC_ALL=C HOME=/homeless-shelter # as in a builder of Nix: no program finds a file of its own there
  environment_path
  [[ ${TMPDIR:-/} == /* ]] || TMPDIR=$PWD/$TMPDIR
}

# Names that depend on where a program runs would be found in the tree of an image.
environment_path() {
  local dir path=$here rest=${PATH-/usr/bin:/bin}:
  while [ -n "$rest" ]; do
    dir=${rest%%:*} rest=${rest#*:}
    [[ $dir == /* ]] || dir=$PWD/$dir
    path+=:$dir
  done
  export PATH=$path
}

with_caller_environment() { env "${environment_of_caller[@]}" LC_ALL=C "$@"; }
