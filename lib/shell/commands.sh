# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $here, $work, attr: from beside
# Commands of the user in a tree of files: the one place where text of the user is run.
#
#   confined STAGE FUNCTION   runs the function in $work/tree, with what the stage writes as its
#                             input, where it can change nothing but this tree: lib/vm/confine.h.
#                             It has the functions that there are here, $tool, attr and a $work
#   keep_attributes LISTED    puts the extended attributes of these lines into the lines of its
#                             input: files keep them under the names that they had
#   fake_owners LISTED        puts what a fake root says of the files into the lines of its input
#   root_mode                 puts the mode that the tree itself has into the lines of its input
#
# For such a function:
#   unpack                    unpacks its input
#   run ATTRIBUTE SHELL…      runs the attribute's text as a script
#   faked FUNCTION [COMMAND…] calls the function as a fake root, who knows owners, modes, devices
#                             and attributes as long as this takes; by means of the command
#   fake_listing UID GID      what he says, as lines; faked gave the function UID and GID

confined() {
  local name status=0 options=()
  mkdir -p "$work/host"
  mkdir -m 1777 "$work/tmp"
  for name in extraCommands fakeRootCommands; do
    [ -z "${attr[$name]-}" ] || printf '%s\n' "${attr[$name]}" >"$work/host/$name"
  done
  session_text >"$work/host/session"
  confined_options
  { "$1" || : >"$work/failed"; } |
    "$here/../libexec/layerpipe/confine" "${options[@]}" -- "$work" \
      "$BASH" -euo pipefail ../host/session "$2" || status=$?
  [ ! -e "$work/failed" ] || exit 1
  case $status in
    0) ;;
    1 | 125) exit 1 ;; # it has said why
    *) fail "the commands ended with status $status" ;;
  esac
}

# What commands may call by name is there, wherever it lies.
confined_options() {
  local path
  [ "${attr[unconfinedCommands]}" = false ] || options+=(--unconfined)
  for path in "${attr[rootDir]:-${attr[storeDir]}}" "${contents[@]}"; do
    [ -n "$(store_path_of "$path")" ] || options+=(--keep "$path")
  done
}

session_text() {
  declare -p tool attr
  printf 'outside=%q\n' "$work"
  declare -f
  # shellcheck disable=SC2016 # expanded there
  printf '%s\n' 'work=${PWD%/tree}' '"$@"'
}

unpack() {
  tar -xpf - --no-same-owner || fail "cannot copy the contents to '$outside/tree'"
}

run() {
  local name=$1 status=0 before
  shift
  before=$(whiteouts)
  "$@" -e "$work/host/$name" </dev/null >&2 || status=$?
  [ "$status" = 0 ] || fail "$name: the commands failed with status $status"
  [ "${attr[allowWhiteouts]}" = true ] || whiteouts_check "$name" "$before"
}

# Names in the tree that delete, in a layer, what is below it; one a line, with \1 for a line feed.
whiteouts() { find . -mindepth 1 -name '.wh.*' -printf '%P\0' | sort -z | tr '\n\0' '\1\n'; }

# whiteouts_check ATTRIBUTE BEFORE: whether it made such names on purpose. What runAsRoot deleted
# has one.
whiteouts_check() {
  local now line
  now=$(whiteouts)
  while IFS= read -r line; do
    [[ -z $line || $'\n'$2$'\n' == *$'\n'"$line"$'\n'* ]] || fail "$1: '${line//$'\1'/$'\n'}' would delete a file \
of the base image (--allow-whiteouts allows this)"
  done <<<"$now"
}

# fakeroot takes a file for the real user's where it knows nothing of it but its attributes.
fake_listing() {
  local root
  root=$(stat -c 'mode=%04a uid=%u gid=%g' .)
  tree-list --allow-whiteouts . | sed -e "/ xattr\./s/ uid=$1 gid=$2 / uid=0 gid=0 /" \
    -e "s/^\. type=dir mode=[0-7]* uid=[0-9]* gid=[0-9]* /. type=dir $root /"
}

faked() {
  FAKEROOTDONTTRYCHOWN=1 "${@:2}" \
    fakeroot -- "$BASH" -euo pipefail "$work/host/session" "$1" $EUID "${GROUPS[0]}"
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

# What comes from where the commands ran is trusted with no more than this: whose a file is, what
# mode it has, whether it is a device. Where its bytes lie is what was found here.
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
