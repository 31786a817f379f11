# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $work, attr: from beside
# The attributes of a dockerTools function, from options and from --attrs FILE. attributes.tsv
# says what there is; --help, types, defaults and checks come from it. In the row of a function its
# option is what the command line looks like; that of "=" is a heading in --help. The default "!" is an
# attribute that must be given.
#
#   attributes_read ARGUMENT…   fills attr and list_NAME; ends the process on --help and errors
#   ${attr[NAME]}               the value or the default, empty where there is none
#   "${list_NAME[@]}"           the elements of a list
#   ${attr_set[NAME]-}          not empty where an option or FILE says it
#   ${called[NAME]}             what the user called it, for messages: the option, or the name in FILE
#   attr_operands               the attributes that operands are; none, unless the pipeline says so before

declare -A attr=() called=() attr_type=() attr_given=() attr_set=() attr_of_option=() attr_needed=()
declare -A attr_short=([-o]=--output [-q]=--quiet [-t]=--tag)
attr_operands=() attr_operands_end='options only'

attributes_read() {
  local name
  attributes_table
  attributes_options "$@"
  attributes_called
  [ -z "${attr[attrs]}" ] || attributes_file
  attributes_name
  [ -z "${attr[prepared]-}" ] || prepared_read
  for name in "${!attr_needed[@]}"; do
    [ -n "${attr[$name]}" ] || usage "expected ${attr_needed[$name]}${attr[attrs]:+, or $name in '${attr[attrs]}'}"
  done
}

# Each start reads all rows: no function is called for one, and what only --help wants waits for it.
attributes_table() {
  local rows row IFS=$'\t' -
  set -f
  attributes_rows "$tool"
  for row in "${rows[@]}"; do
    # shellcheck disable=SC2086 # fields are words; read would begin a file for each
    set -- $row # name, option, type, default, help
    [[ $1 != [-=] ]] || continue
    attr_of_option[${2%% *}]=$1 called[$1]=${2%% *} attr_type[$1]=$3 attr[$1]=${4#[-!]}
    case $3 in list* | map) declare -ga "list_$1=()" ;; esac
    [ "$4" != ! ] || attr_needed[$1]=$2
  done
  [ "${attr_of_option[--attrs]-}" = attrs ] || fail "cannot read '$share/attributes.tsv'" # its last line
}

# attributes_rows FUNCTION: sets rows to those of the function, without that column
attributes_rows() {
  local all row
  mapfile -t all <"$share/attributes.tsv"
  rows=()
  for row in "${all[@]}"; do
    # shellcheck disable=SC2053 # the function column is a pattern
    [[ $1 != ${row%%$'\t'*} ]] || rows+=("${row#*$'\t'}")
  done
}

attributes_options() {
  local option name value
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) attributes_say attributes_help ;;
      --version) attributes_say attributes_version ;;
      --help=* | --version=*) usage "option '$1' takes no argument" ;;
      --) shift && break ;;
      --*)
        option=${1%%=*}
        name=${attr_of_option[$option]-}
        [ -n "$name" ] || attributes_say attributes_unknown "$1"
        if [[ $1 == *=* ]]; then
          value=${1#*=}
        elif [ "${attr_type[$name]}" = flag ]; then
          value=true
        else
          [ $# -gt 1 ] || usage "option '$option' needs an argument"
          value=$2
          shift
        fi
        attributes_set "$option" "$name" "$value"
        ;;
      -[oqt])
        option=${attr_short[$1]}
        [ -n "${attr_of_option[$option]-}" ] || usage "unknown option '$1'"
        set -- "$option" "${@:2}"
        continue
        ;;
      -?*) usage "unknown option '$1'" ;;
      *) attributes_operand "$1" ;;
    esac
    shift
  done
  for value; do
    attributes_operand "$value"
  done
}

# attributes_say FUNCTION ARGUMENT…: what few starts need is not read at each
attributes_say() {
  # shellcheck source=/dev/null
  . "$share/help.sh"
  "$@"
}

attributes_operand() {
  [ ${#attr_operands[@]} != 0 ] || usage "too many operands: expected $attr_operands_end, found '$1'"
  attributes_set "${attr_operands[0]}" "${attr_operands[0]}" "$1"
  attr_operands=("${attr_operands[@]:1}") attr_operands_end="none after '$1'"
}

# A tag can have the name in front of it, as docker takes it: name_and_tag splits them.
attributes_name() {
  [[ -n ${attr_type[name]-} && ${attr[tag]-} == ?*:?* && ${attr[tag]##*:} != */* ]] || return 0
  [[ -z ${attr[name]} || ${attr[name],,} == "${attr[tag]%:*}" ]] || return 0
  attr[name]=${attr[tag]} attr[tag]='' attr_given[name]=1 attr_set[name]=1
}

# What FILE says has the name that it has there.
attributes_called() {
  local name
  [ -n "${attr[attrs]}" ] || return 0
  for name in "${!called[@]}"; do
    [ -n "${attr_given[$name]-}" ] || called[$name]=$name
  done
}

# attributes_set OPTION NAME VALUE: takes what an option says
attributes_set() {
  local expected
  attributes_check "$2" "$3" || {
    # an option is one element of a list
    [[ ${attr_type[$2]} != list:*s ]] || expected="a ${attr_type[$2]:5:-1}"
    usage "$1: expected $expected, found '$3'"
  }
  attr_given[$2]=1
  attributes_store "$2" "$3"
}

attributes_store() {
  attr_set[$1]=1
  if [[ ${attr_type[$1]%%:*} == @(list|map) ]]; then
    local -n elements=list_$1
    elements+=("$2")
  else
    attr[$1]=$2
  fi
}

# attributes_check NAME VALUE: whether the value fits; sets expected to what does
attributes_check() {
  local type=${attr_type[$1]} value=$2 low high
  attributes_expected "$type"
  case $type in
    flag) [[ $value == true || $value == false ]] ;;
    choice:*) [[ $value != *'|'* && "|${type#choice:}|" == *"|$value|"* ]] ;;
    number:*)
      low=${type#*:} high=${type#*-} low=${low%-*}
      [[ $value =~ ^(0|[1-9][0-9]{0,9})$ ]] && ((value >= low && value <= high))
      ;;
    *) [[ -n $value || $type == @(string|map) ]] ;;
  esac
}

attributes_expected() {
  local low high
  case $1 in
    flag) expected='true or false' ;;
    choice:*) expected=${1#choice:} expected="one of ${expected//|/, }" ;;
    number:*)
      low=${1#*:} high=${1#*-} low=${low%-*}
      expected="a number from $low to $high"
      ;;
    list:*) expected="a list of ${1#list:}" ;;
    config) expected='an object' ;;
    map) expected='an object of strings' ;;
    pipeline) expected='a list of operations, or the name of a file' ;;
    string) expected='a string' ;;
    *) expected='a file name' ;;
  esac
}

# Reads --attrs FILE: attributes.jq turns it into NAME NUL VALUE NUL …; options given win.
attributes_file() {
  local file=${attr[attrs]} name value expected types='' words i
  for name in "${!attr_type[@]}"; do
    attributes_expected "${attr_type[$name]}"
    types+=$name$'\t'${attr_type[$name]%%:*}$'\t'$expected$'\n'
  done
  work_make
  copy_input "$file" "$work/attrs.json"
  json "$file" "$work/attrs.json" "$work/attrs" -j --arg types "$types" -f "$share/attributes.jq"
  mapfile -d '' -t words <"$work/attrs" # not by read(1), which goes on at another place after a seek that fails
  [[ ${#words[@]} != 0 && ${words[-1]} == end ]] || fail "cannot read '$work/attrs'"
  for ((i = 0; i + 1 < ${#words[@]}; i += 2)); do
    name=${words[i]} value=${words[i + 1]}
    [ "$name" != '?' ] || attributes_say attributes_no_such "$value"
    [ -z "${attr_given[$name]-}" ] || continue
    case ${attr_type[$name]} in
      config | pipeline)
        if [[ $value == [\[\{]* ]]; then
          printf '%s\n' "$value" >"$work/$name.in"
          value=$work/$name.in
        fi
        ;;
      closure) [ -n "$value" ] || attributes_graph ;;
    esac
    if ! attributes_check "$name" "$value"; then
      [[ ${attr_type[$name]} == number:* ]] || value="\"$value\""
      fail "$file: $name: expected $expected, found $value"
    fi
    attributes_store "$name" "$value"
  done
}

# The closure is the object's own "closure", which exportReferencesGraph put there.
attributes_graph() {
  value=$work/attrs.json
  attr[closureKey]=closure
}
