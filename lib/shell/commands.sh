# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $here, $work, attr: from beside
# Runs commands of the user in a tree of files. No other file runs text of the user.
#
#   confined STAGE FUNCTION   runs the function in $work/tree; its input is the output of the stage.
#                             The function can change nothing but this tree: lib/vm/confine.h.
#                             It has the functions that ${session[@]} names, $tool, attr, called and a $work.
#                             All functions would take the shells there as long to read as here
#   need_fakeroot PURPOSE     before anything is built
#   keep_attributes LISTED    copies extended attributes from the lines in LISTED to the lines of the
#                             input, for files of the same name
#   fake_owners LISTED        copies owners, modes and devices from the lines in LISTED, which
#                             fake_listing wrote, to the lines of the input
#   root_mode                 copies the mode of the tree itself to the lines of the input
#
# A function that confined runs can call:
#   unpack                    unpacks its input
#   run ATTRIBUTE SHELL…      runs the text of the attribute as a script
#   faked FUNCTION [COMMAND…] calls FUNCTION UID GID under fakeroot, which COMMAND can start; UID and
#                             GID are the real user and group
#   fake_listing UID GID      lists the tree as fakeroot shows it

session=(escape message fail end_mark unpack run whiteouts whiteouts_check faked fake_listing)

# need_fakeroot PURPOSE: Debian's is a script that calls getopt, and without it shows how it is used
need_fakeroot() {
  local program text=''
  need fakeroot "$1"
  program=$(type -P fakeroot)
  IFS= read -r -d '' -N 8192 text 2>/dev/null <"$program" || :
  [[ $text != '#!'*getopt* ]] || type -P getopt >/dev/null ||
    fail "$1 needs getopt, which fakeroot calls and which is not installed"
}

# What . reads is whole or an error; of a script that bash cannot read on, it takes the part before for all.
# shellcheck disable=SC2016,SC2089 # expanded there
read_script='. "$0"'

confined() {
  local name status=0 options=()
  mkdir -p "$work/host" "$work/tree"
  mkdir -m 1777 "$work/tmp"
  for name in extraCommands fakeRootCommands; do
    [ -z "${attr[$name]-}" ] || printf '%s\n' "${attr[$name]}" >"$work/host/$name"
  done
  session_text >"$work/host/session"
  confined_options
  { "$1" || : >"$work/failed"; } |
    "$here/../libexec/layerpipe/confine" "${options[@]}" -- "$work" \
      "$BASH" -euo pipefail -c "$read_script" ../host/session "$2" || status=$?
  [ ! -e "$work/failed" ] || exit 1
  case $status in
    0) ;;
    1 | 125) exit 1 ;; # it has said why
    *) fail "the commands ended with status $status" ;;
  esac
}

# Commands still see the store and the contents, wherever these are.
confined_options() {
  local path
  [ "${attr[unconfinedCommands]}" = false ] || options+=(--unconfined)
  for path in "${attr[rootDir]:-${attr[storeDir]}}" "${contents[@]}"; do
    in_store "$path" || options+=(--keep "$path")
  done
}

session_text() {
  # shellcheck disable=SC2090 # as declared
  declare -p tool attr called read_script
  printf 'outside=%q\n' "$work"
  declare -f "${session[@]}"
  # shellcheck disable=SC2016 # expanded there
  printf '%s\n' 'work=${PWD%/tree}' '"$@"'
}

unpack() {
  tar -xpf - --no-same-owner || fail "cannot copy the contents to '$outside/tree'"
}

run() {
  local name=$1 status=0 before
  shift
  whiteouts before
  "$@" -e -c "$read_script" "$work/host/$name" </dev/null >&2 || status=$?
  [ "$status" = 0 ] || fail "${called[$name]}: the commands failed with status $status"
  [ "${attr[allowWhiteouts]}" = true ] || whiteouts_check "$name" "$before"
}

# whiteouts NAME: sets NAME to the names of whiteouts in the tree, each with // behind it, which is in no name. The
# tree itself comes last.
whiteouts() {
  local -n list=$1
  list=$(exec find . -depth \( -path . -printf '# end' -o -name '.wh.*' -printf '%P//' \))
  [[ $list == *'# end' ]] || fail 'cannot list the tree'
  list=${list%'# end'}
}

# whiteouts_check ATTRIBUTE BEFORE: fails if there are whiteouts that are not in the list BEFORE.
# Files that runAsRoot deleted have one before.
whiteouts_check() {
  local now name new=
  whiteouts now
  [ "$now" != "$2" ] || return 0
  while [ -n "$now" ]; do
    name=${now%%//*} now=${now#*//}
    [[ //$2 == *//"$name"//* || ( -n $new && $new < $name ) ]] || new=$name
  done
  [ -z "$new" ] || fail "${called[$1]}: '$new' would delete a file of the base image (--allow-whiteouts allows this)"
}

# If fakeroot knows only extended attributes of a file, it shows the real owner: that is root here.
fake_listing() {
  local root
  root=$(stat -c 'mode=%04a uid=%u gid=%g' .)
  tree-list --allow-whiteouts . | sed -e "/ xattr\./s/ uid=$1 gid=$2 / uid=0 gid=0 /" \
    -e "s/^\. type=dir mode=[0-7]* uid=[0-9]* gid=[0-9]* /. type=dir $root /"
}

faked() {
  FAKEROOTDONTTRYCHOWN=1 "${@:2}" \
    fakeroot -- "$BASH" -euo pipefail -c "$read_script" "$work/host/session" "$1" $EUID "${GROUPS[0]}"
}

root_mode() {
  local mode
  mode=$(stat -c %04a -- "$work/tree")
  sed "s/^\(\. type=dir\) mode=[0-7]*/\1 mode=$mode/"
}

keep_attributes() {
  awk '
    pass == 1 { if (match($0, / xattr\..*/)) attributes[$1] = substr($0, RSTART); next }
    / type=(file|dir) / && !/ xattr\./ && $1 in attributes { $0 = $0 attributes[$1] }
    { print }
  ' pass=1 "$1" pass=2 -
}

# The listing comes from where the commands ran, so it is not trusted. Only owner, mode, device, link and
# extended attributes are taken from it. The contents of a file are always those found here.
fake_owners() {
  awk -v tool="$tool" '
    pass == 1 { said[$1] = $0; next }
    /^#/ { print; next }
    {
      mode = uid = gid = type = device = link = more = ""
      n = split(said[$1], field, " ")
      for (i = 2; i <= n; i++) {
        name = substr(field[i], 1, index(field[i], "="))
        if (field[i] ~ /^mode=[0-7]+$/) mode = field[i]
        else if (field[i] ~ /^uid=[0-9]+$/) uid = field[i]
        else if (field[i] ~ /^gid=[0-9]+$/) gid = field[i]
        else if (field[i] ~ /^type=(char|block)$/) type = field[i]
        else if (field[i] ~ /^device=linux,[0-9]+,[0-9]+$/) device = field[i]
        else if (name == "link=") link = " " field[i]
        else if (name ~ /^xattr\../ && !index($0, " " name)) more = more " " field[i]
      }
      if (mode == "" || uid == "" || gid == "" || (type == "") != (device == "")) {
        print tool ": " $1 ": not as the commands left it" >"/dev/stderr"
        exit 1
      }
      if (type != "") {
        match($0, / time=[^ ]+/)
        $0 = $1 " " type " mode= uid= gid=" substr($0, RSTART, RLENGTH) " " device
      }
      sub(/ mode=[0-7]*/, " " mode)
      sub(/ uid=[0-9]*/, " " uid)
      sub(/ gid=[0-9]*/, " " gid)
      if (link != "" && match($0, / link=[^ ]*/))
        $0 = substr($0, 1, RSTART - 1) link substr($0, RSTART + RLENGTH)
      print $0 more
    }
  ' pass=1 "$1" pass=2 -
}
