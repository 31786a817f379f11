# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $work, attr: from beside
# What pipelines share: a start, a place for the lines between the stages, an end.
#
#   pipeline_start TOOL ARGUMENT…   reads the attributes; afterwards
#   $work                           a directory that is removed at the end; a prepared image has one only after
#   work_make
#   pipeline_done                   ends a pipeline that has done its work
#   as_caller COMMAND…              runs what writes the caller's file: with the caller's umask
#   beside_start VARIABLE ATTRIBUTE makes a directory for temporary_keep to give the name to that the attribute
#                                   is; the variable is its name until then

# shellcheck source=/dev/null
. "$share/environment.sh"
. "$share/message.sh"
. "$share/temporary.sh"
. "$share/attributes.sh"

stages_run='' # not empty while processes can be left when a signal comes

pipeline_start() {
  tool=$1
  shift
  umask_find
  umask 022
  standard_streams
  trap pipeline_end EXIT
  environment_start
  need jq "$tool"
  attributes_read "$@"
  [ -n "${attr[prepared]-}" ] || work_make
}

work_make() { [ -n "${work-}" ] || temporary_make work "${TMPDIR:-/tmp}" layerpipe; }

# Sets caller_umask. Linux before 4.7 does not say it there, and the shell says it on standard output only.
umask_find() {
  local name
  while read -r name caller_umask && [ "$name" != Umask: ]; do :; done </proc/self/status
  [ -n "$caller_umask" ] || caller_umask=$(umask)
  [[ $caller_umask =~ ^0[0-7]{3}$ ]] || fail 'cannot find the umask'
}

# Where one is closed, some file or pipe would take its number, as bash's own of the script does.
standard_streams() {
  is_open 0 || exec </dev/null
  is_open 2 || exec 2>/dev/null
  is_open 1 || fail "cannot write '<stdout>': Bad file descriptor"
}

is_open() { [ -e "/dev/fd/$1" ] && [ ! "/dev/fd/$1" -ef "$0" ]; }

as_caller() (umask "$caller_umask" && exec "$@")

# A signal that comes now changes nothing. Nothing is read here: where one came while read(1) ran, bash
# would take the rest of that line.
pipeline_end() {
  local status=$?
  trap '' HUP INT TERM PIPE
  [ "$status" != 1 ] || temporary_full
  [[ ${#temporary[@]} != 0 || -n $stages_run ]] || return 0
  temporary_end || exit $((status ? status : 1))
}

# The program that removes the directories takes the shell's place, which saves a process. If it cannot start, bash
# must go on: it would end without calling the trap.
pipeline_done() {
  trap '' HUP INT TERM PIPE
  [[ ${#temporary[@]} != 0 || -n $stages_run ]] || exit 0
  shopt -s execfail
  set +e
  temporary_end exec
  exit
}

# What failed may have failed for want of room, and any program can be the one that said so.
temporary_full() {
  local free
  [ -n "${work-}" ] || return 0
  free=$(exec stat -f -c %a -- "$work" 2>/dev/null) || return 0
  [ "$free" != 0 ] || message "there is no room left in '${work%/*}': TMPDIR can name another directory"
}

beside_start() {
  local dir=${attr[$2]} beside
  beside_empty "$2" "$dir"
  beside=${dir%"${dir##*[!/]}"}
  [[ $beside == */* ]] || beside=./$beside
  temporary_make "$1" "${beside%/*}/" .layerpipe
}

# Only what holds nothing is replaced.
beside_empty() {
  local entries
  [ -e "$2" ] || [ -L "$2" ] || return 0
  if [ ! -d "$2" ] || [ -L "$2" ]; then
    fail "${called[$1]}: '$2' exists and is not a directory"
  fi
  shopt -s nullglob dotglob
  entries=("$2"/*)
  shopt -u nullglob dotglob
  [ ${#entries[@]} = 0 ] || fail "${called[$1]}: '$2' is not empty"
}

# copy_input FILE TO: "-" is standard input
copy_input() {
  local reason verb=read
  reason=$(exec cat -- "$1" 2>&1 >"$2") && copy_whole "$1" "$2" && return
  [[ $reason != 'cat: write error: '* ]] || verb=copy
  [[ $1 != '{'* ]] || reason='expected the name of a file, found JSON'
  fail "cannot $verb '$1': ${reason##*: }"
}

# copy_output FILE TO
copy_output() {
  local reason
  reason=$(exec cat -- "$1" 2>&1 >"$2") || fail "cannot write '$2': ${reason##*: }"
}

# Whether of a file something came; what a pipe should have brought nobody knows.
copy_whole() { [ -s "$2" ] || { [ -e "$2" ] && { [ ! -f "$1" ] || [ ! -s "$1" ]; }; }; }

# json NAME FILE TO JQ-ARGUMENT…: runs jq over FILE, which messages call NAME; it always writes something
json() {
  local name=$1 file=$2 to=$3 status=0 reason=''
  shift 3
  jq -s "$@" "$file" >"$to" 2>"$work/jq.err" || status=$?
  IFS= read -r -d '' reason <"$work/jq.err" || :
  reason=${reason%$'\n'}
  case $status in
    0) [ -s "$to" ] || fail "$name: jq wrote nothing" ;;
    1) fail "$name: $reason" ;;
    *) fail "$name: not JSON: ${reason##*parse error: }" ;;
  esac
}

# holds FILE: whether it holds something. Where the system fails to say its size, test(1) says no.
holds() {
  local first
  [ -s "$1" ] || IFS= read -r -n 1 first <"$1"
}

# lines_twice FILE: sets lines to those of a file without an end mark. Bash says nothing of a read that fails;
# of two, one is whole.
lines_twice() {
  local again
  mapfile -t lines <"$1"
  mapfile -t again <"$1"
  [[ ${lines[*]} == "${again[*]}" ]] || fail "cannot read '$1'"
}

# end_mark: a last line that says that all was written
end_mark() { echo '# end'; }

# lines_read FILE: sets lines to the file's; the end mark is there, or reading it failed
lines_read() {
  mapfile -t lines <"$1"
  [[ ${#lines[@]} != 0 && ${lines[-1]} == '# end' ]] || fail "cannot read '$1'"
  unset 'lines[-1]'
}

lines_write() { [ ${#lines[@]} = 0 ] || printf '%s\n' "${lines[@]}"; }
