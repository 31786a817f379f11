# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 # $tool, $share, attr: from attributes.sh
# What attributes.sh says of the attributes that there are: --help, --version, and of one that there is not. All of these end
# the process.

attributes_help() {
  local usage summary lines=() options last
  attributes_help_lines
  printf -v options '%s\n' "${lines[@]}"
  printf -v last '  -h, %-26s %s\n      %-26s %s' --help 'show this help' --version 'show the version'
  print "usage: $tool $usage
$summary

$options$last"
  [[ " ${attr_type[*]} " != *' flag '* ]] || print '
A flag without a value is true; --FLAG=false turns it off.'
  exit 0
}

# Sets usage, summary and lines.
attributes_help_lines() {
  local rows row line IFS=$'\t' -
  set -f
  attributes_rows "$tool"
  for row in "${rows[@]}"; do
    # shellcheck disable=SC2086 # fields are words
    set -- $row # name, option, type, default, help
    case $1 in
      -) usage=$2 summary=$5 && continue ;;
      =) lines+=("${lines:+$'\n'}$2:") && continue ;;
    esac
    [[ $4 == [-!] ]] || set -- "${@:1:4}" "$5 ($4)"
    printf -v line '      %-26s %s' "$2" "$5" # no subshell: there are dozens
    case $2 in
      --output\ * | --quiet | --tag\ *) line="  -${2:2:1}, ${line:6}" ;;
    esac
    lines+=("$line")
  done
}

attributes_version() {
  local version
  version=$(image-assemble --version)
  [ -n "$version" ] || fail 'cannot find the version'
  print "$tool ${version#* }"
  exit 0
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
  local rows row known option
  for known in build-image build-layered-image stream-layered-image export-image; do
    attributes_rows "$known"
    for row in "${rows[@]}"; do
      option=${row#*$'\t'} option=${option%%[$'\t' ]*}
      [ "$option" != "$1" ] || owner+=${owner:+ or }$known
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
