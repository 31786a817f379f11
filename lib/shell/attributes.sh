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
attr_usage='' attr_summary='' attr_help=()
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

attributes_table() {
  local name option type default help rows row line
  mapfile -t rows <"$share/attributes.tsv"
  for row in "${rows[@]}"; do
    # shellcheck disable=SC2053 # the function column is a pattern
    [[ $tool == ${row%%$'\t'*} ]] || continue
    attributes_row "${row#*$'\t'}"
    case $name in
      -) attr_usage=$option attr_summary=$help && continue ;;
      =) attr_help+=("${attr_help:+$'\n'}$option:") && continue ;;
    esac
    attr_of_option[${option%% *}]=$name
    attr_type[$name]=$type
    attr[$name]=${default#[-!]}
    [[ ${type%%:*} != @(list|map) ]] || declare -ga "list_$name=()"
    case $default in
      -) ;;
      !) attr_needed[$name]=$option ;;
      *) help+=" ($default)" ;;
    esac
    printf -v line '      %-26s %s' "$option" "$help" # no subshell: there are dozens
    case $option in
      --output\ * | --quiet | --tag\ *) line="  -${option:2:1}, ${line:6}" ;;
    esac
    attr_help+=("$line")
  done
  [ "${attr_of_option[--attrs]-}" = attrs ] || fail "cannot read '$share/attributes.tsv'" # its last line
}

# attributes_row ROW: sets name, option, type, default and help; read would begin a file for each
attributes_row() {
  local IFS=$'\t' -
  set -f
  # shellcheck disable=SC2086 # fields are words
  set -- $1
  name=$1 option=$2 type=${3-} default=${4-} help=${5-}
}

attributes_options() {
  local option name value
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) attributes_help ;;
      --version) attributes_version ;;
      --help=* | --version=*) usage "option '$1' takes no argument" ;;
      --) shift && break ;;
      --*)
        option=${1%%=*}
        name=${attr_of_option[$option]-}
        [ -n "$name" ] || attributes_unknown "$1"
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

attributes_called() {
  local option name
  for option in "${!attr_of_option[@]}"; do
    name=${attr_of_option[$option]}
    called[$name]=$option
    [[ -z ${attr[attrs]} || -n ${attr_given[$name]-} ]] || called[$name]=$name
  done
}

# attributes_unknown WORD: no option, but perhaps an attribute, as Nix spells it, or a mistake in one
attributes_unknown() {
  local option typed=${1%%=*} nearest='' owner='' least=4 distance
  for option in "${!attr_of_option[@]}"; do
    attributes_distance "${typed#--}" "${option#--}"
    [ "--${attr_of_option[$option]}" != "$typed" ] || distance=0
    ! attributes_nearer "$option" || nearest=$option least=$distance
  done
  [[ $typed != --platform || -z ${attr_of_option[--architecture]-} ]] || nearest=--architecture
  [ -n "$nearest" ] || attributes_elsewhere "$typed"
  usage "unknown option '$1'${nearest:+: did you mean $nearest?}${owner:+: $owner has it}"
}

# attributes_elsewhere OPTION: sets owner to the pipelines that have the option
attributes_elsewhere() {
  local rows row pattern known name option type default help
  mapfile -t rows <"$share/attributes.tsv"
  for known in build-image build-layered-image stream-layered-image export-image; do
    for row in "${rows[@]}"; do
      pattern=${row%%$'\t'*}
      # shellcheck disable=SC2053 # a pattern
      [[ $known == $pattern ]] || continue
      attributes_row "${row#*$'\t'}"
      [ "${option%% *}" != "$1" ] || owner+=${owner:+ or }$known
    done
  done
}

# attributes_no_such NAME: as it stands in --attrs FILE
attributes_no_such() {
  local name nearest='' least=4 distance
  for name in "${!attr_type[@]}"; do
    attributes_distance "$1" "$name"
    ! attributes_nearer "$name" || nearest=$name least=$distance
  done
  fail "${attr[attrs]}: unknown attribute \"$1\"${nearest:+: did you mean $nearest?}"
}

# Whether NAME, at $distance, is nearer than $nearest, at $least; the first in the alphabet of two.
attributes_nearer() { ((distance < least)) || { ((distance == least)) && [[ $1 < $nearest ]]; }; }

# attributes_distance TYPED KNOWN: sets distance to how many insertions, deletions and changes of a
# letter lead from one to the other, with the bounds that base/near.h has for filters
attributes_distance() {
  local row=() i j above change
  set -- "${1,,}" "${2,,}"
  distance=4
  ((${#1} <= 32 && ${#2} <= 32)) || return 0
  for ((j = 0; j <= ${#2}; j++)); do row[j]=$j; done
  for ((i = 1; i <= ${#1}; i++)); do
    above=${row[0]} row[0]=$i
    for ((j = 1; j <= ${#2}; j++)); do
      change=$above above=${row[j]}
      [[ ${1:i-1:1} == "${2:j-1:1}" ]] || change=$((change + 1))
      row[j]=$((row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1))
      ((row[j] <= change)) || row[j]=$change
    done
  done
  distance=${row[${#2}]}
  ((${#1} >= 5 || distance <= 1)) || distance=4
}

# attributes_set OPTION NAME VALUE: takes what an option says
attributes_set() {
  local expected
  attributes_check "$2" "$3" || usage "$1: expected $expected, found '$3'"
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
    pipeline) expected='a list of operations' ;;
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
    [ "$name" != '?' ] || attributes_no_such "$value"
    [ -z "${attr_given[$name]-}" ] || continue
    case ${attr_type[$name]} in
      config | pipeline)
        printf '%s\n' "$value" >"$work/$name.json"
        value=$work/$name.json
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

attributes_help() {
  local options last
  printf -v options '%s\n' "${attr_help[@]}"
  printf -v last '  -h, %-26s %s\n      %-26s %s' --help 'show this help' --version 'show the version'
  print "usage: $tool $attr_usage
$attr_summary

$options$last"
  [[ " ${attr_type[*]} " != *' flag '* ]] || print '
A flag without a value is true; --FLAG=false turns it off.'
  exit 0
}

attributes_version() {
  local version
  version=$(image-assemble --version)
  [ -n "$version" ] || fail 'cannot find the version'
  print "$tool ${version#* }"
  exit 0
}
