# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $work, attr: from beside
# Prepared images, prepared-image(5): what a layered image is made of, all but the bytes of its store layers.
#
#   prepare_start    checks the attribute prepare, and makes a directory beside it, before anything is built
#   prepare          fills that from $config, $plan and $custom, gives it its name, and prints that
#   prepared_read    takes from the directory the attributes that are not given
#   prepared_parts   sets $config, $plan, layers and expected as the directory has them, and streams to image-assemble's
#                    operands: the customisation layer needs no stage

# What is said when a prepared image is written, and what is kept of the rest
prepared_later=' name tag repoTag created output compressor format layerCompressor annotations to tlsVerify authfile
  knownLayers rootDir quiet attrs prepared '
prepared_kept=(name tag created architecture variant mtime uid gid uname gname rootDir storeDir fromImage
  fromImageName fromImageTag)

prepare_start() {
  local name
  [ -n "${attr[prepare]-}" ] || return 0
  for name in repoTag output compressor format layerCompressor annotations to; do
    [ -z "${attr_set[$name]-}" ] ||
      usage "${called[$name]} and ${called[prepare]}: it goes with --prepared"
  done
  [ "${attr[fromImage]}" != - ] || usage "${called[fromImage]}: expected a file, as the base image is read again later"
  beside_start directory prepare
}

# The base image is read again where it is now.
prepare() {
  cp -- "$config" "$directory/config"
  cp -- "$plan" "$directory/plan"
  [ -z "$custom" ] || (custom_layer) >"$directory/customisation"
  [ -z "${attr[fromImage]}" ] || base_read --list >"$directory/base"
  unchanged
  prepare_attributes >"$directory/attributes"
  chmod 755 "$directory"
  temporary_keep "$directory" "${attr[prepare]}"
  print "${attr[prepare]}"
}

prepare_attributes() {
  local name
  prepare_place fromImage
  prepare_place rootDir
  for name in "${prepared_kept[@]}"; do
    [ -z "${attr[$name]}" ] || prepare_line "$name" "${attr[$name]}"
  done
  prepare_line layers "$expected"
}

# The directory can be used from elsewhere.
prepare_place() {
  [[ ! ${attr[$1]} || ${attr[$1]} == /* ]] || attr[$1]=$PWD/${attr[$1]}
}

prepare_line() {
  local value=${2//\\/\\\\} escaped
  escape "$value"
  printf '%s\t%s\n' "$1" "$escaped"
}

# What an option or --attrs says of the rest would have no effect.
prepared_read() {
  local name value line lines dir=${attr[prepared]}
  [ -z "${attr[prepare]-}" ] || usage "${called[prepare]} and ${called[prepared]}: expected one of them"
  for name in "${!attr_set[@]}"; do
    [[ $prepared_later == *[[:space:]]"$name"[[:space:]]* ]] ||
      usage "${called[$name]} and ${called[prepared]}: the prepared image has its own"
  done
  [[ -f $dir/attributes && -f $dir/config && -f $dir/plan ]] || fail "${called[prepared]}: '$dir' is no prepared image: expected a directory that --prepare made"
  [[ ${attr[name]##*/} != *:* ]] || attr_set[tag]=1 # it is in there
  lines_twice "$dir/attributes"
  expected=
  for line in "${lines[@]}"; do
    prepared_line "$line"
    [ -n "${attr_set[$name]-}" ] || attr["$name"]=$value
  done
  [ -n "$expected" ] || prepared_bad 'the line layers is missing'
}

# prepared_line LINE: sets name and value
prepared_line() {
  local known
  name=${1%%$'\t'*} value=${1#*$'\t'}
  [[ $value =~ ^([^\\]|\\\\|\\x[0-9a-f]{2})*$ ]] || name=
  printf -v value %b "$value"
  for known in "${prepared_kept[@]}"; do
    [ "$name" != "$known" ] || return 0
  done
  [[ $name == layers && $value =~ ^[0-9]{1,3}$ ]] || prepared_bad "'$1' is no line of it"
  expected=$value
}

prepared_bad() { fail "$dir/attributes: $1: expected what --prepare made"; }

prepared_parts() {
  local dir=${attr[prepared]}
  config=$dir/config plan=$dir/plan layers=()
  if [ -n "${attr[fromImage]}" ]; then
    prepared_base
    [ "$base_layers" = 0 ] || layers=(base_known_layer)
  fi
  ! holds "$plan" || layers+=(store_layers)
  if [ -e "$dir/customisation" ]; then
    streams=(-- ${layers:+-} "$dir/customisation")
  fi
}

# The configuration is of this very base.
prepared_base() {
  work_make
  base_find
  base_choose
  base_read --list >"$work/base.list"
  cmp -s -- "$work/base.list" "$dir/base" ||
    fail "${called[prepared]}: '$base_name' is not the base image that '$dir' was prepared with"
  base_layers=1
  holds "$dir/base" || base_layers=0
}
