# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $here: from beside
# Directories that go when the pipeline ends. Only what was made here is ever removed or renamed,
# and no name of it comes from the output of a program, which could be empty.
#
#   temporary_make VARIABLE DIR NAME   makes DIR/NAME.…; the variable is its name, for good
#   temporary_keep NAME TO             renames it; under the new name it stays
#   temporary_end [exec]               removes those that are left; where a signal ended the pipeline, its
#                                      stages still run, and are ended first

temporary=()

# Ours alone and empty: where it lies has no say in what comes into it.
temporary_make() {
  local made dir=${2%/}
  [[ $2 == /* ]] || dir=$PWD/$dir
  [[ $dir/ == /* ]] || fail 'cannot find the current directory'
  while made=$dir/$3.$RANDOM$RANDOM && [[ -e $made || -L $made ]]; do :; done
  temporary+=("$made") # first, as a signal may come at any time
  if ! workdir make "$made"; then
    temporary_forget "$made"
    exit 1
  fi
  if [[ ! -d $made || -L $made || ! -O $made ]]; then
    temporary_forget "$made"
    fail "cannot make a temporary directory in '$dir'"
  fi
  declare -gr "$1=$made"
}

temporary_keep() {
  temporary_ours "$1"
  workdir rename "$1" "$2" || exit 1
  temporary_forget "$1"
}

temporary_end() { "$@" "$here/../libexec/layerpipe/workdir" "$tool" end "$BASHPID" "${temporary[@]}"; }

temporary_ours() {
  local made
  for made in "${temporary[@]}"; do
    [ "$made" != "$1" ] || return 0
  done
  fail "'$1' was not made here: it is left alone"
}

temporary_forget() {
  local made left=()
  for made in "${temporary[@]}"; do
    [ "$made" = "$1" ] || left+=("$made")
  done
  temporary=("${left[@]}")
}

# make DIR, rename DIR TO, end PROCESS DIR…; see bin/libexec/workdir.c. It tells itself what is wrong: a command
# substitution would need a pipe, and where there is none, bash does not run the program and reports success.
workdir() { "$here/../libexec/layerpipe/workdir" "$tool" "$@"; }
