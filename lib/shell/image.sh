# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $work, attr: from beside
# Images: what all pipelines that make one share.
#
#   image_start TOOL ARGUMENT…   reads the attributes
#   contents_find ATTRIBUTE      ${contents[@]}: what a list of paths stands for
#   image_config                 $work/config: image-config(5) lines, checked; $config: the file
#                                that the image's configuration is in
#   image_of STAGE… -- [OPTION…]
#                                the image of the layer streams that these functions write, bottom first, each in a
#                                subshell of its own; the options are image-assemble's
#   output_find                  $output: the file that an image goes to
#   $known                       a known-layers(5) file, or nothing: layers of the store and of the base that it knows
#                                go into the image by reference
#   ${referred[@]}               layer-tar's options for that, where it can be done

# shellcheck source=/dev/null
. "$share/pipeline.sh"
. "$share/store.sh"

contents=() config='' known='' referred=()
shopt -s lastpipe # one process fewer for each pipe that ends in a function

image_start() {
  pipeline_start "$@"
  attr[name]=${attr[name],,}
  name_and_tag
  if [ "${attr[mtime]}" = now ]; then
    printf -v 'attr[mtime]' '%(%s)T' -1
    attr[mtime]=${SOURCE_DATE_EPOCH:-${attr[mtime]}}
  fi
  store_start
}

# A name with a tag in it, as other tools take it: what follows the last colon that no slash follows.
name_and_tag() {
  local tag=${attr[name]##*:}
  [[ -z ${attr_given[tag]-} || -n ${attr[tag]} || ${attr[name]} == *:* ]] ||
    usage "${called[tag]}: bad tag '': expected A-Z a-z 0-9 _ and, but not first, '.' and '-', at most 128 bytes"
  [[ ${attr[name]} == *:* && $tag != */* ]] || return 0
  [[ -z ${attr[tag]} || ${attr[tag]} == "$tag" ]] ||
    usage "${called[name]}: the tag '$tag' in it contradicts the tag '${attr[tag]}'"
  attr[name]=${attr[name]%:*}
  attr[tag]=$tag
}

# store_modes MODE: mtree lines with the modes that the store would give, MODE for directories
store_modes() {
  sed -E -e '/^\. /b' -e "/ type=dir/s/ mode=[0-7]+/ mode=$1/" \
    -e '/ type=file/s/ mode=[0-7]*[1357][0-7]{2}( |$)/ mode=0555\1/' -e t \
    -e '/ type=file/s/ mode=[0-7]+/ mode=0444/'
}

# Contents are there. A link into the store that is not in the store itself, as nix-build makes
# one, stands for what it leads to.
contents_find() {
  local content file resolved place leads hint
  local -n list=list_$1
  for content in "${list[@]}"; do
    resolved=$content place=$content file=$content leads='' hint=''
    if in_store "$content"; then
      place=${attr[rootDir]}$content
      [ -n "${attr[rootDir]}" ] || hint=': --root-dir names the directory that the store lies below'
    else
      store_resolve "$content"
    fi
    if in_store "$resolved"; then
      [ "$content" = "$resolved" ] || leads=" leads to '${attr[rootDir]}$resolved', which"
      content=$resolved
      store_file "$content"
    fi
    [ -e "$file" ] || fail "${called[$1]}: '$place'$leads does not exist$hint"
    [ ! -f "$file" ] || fail "${called[$1]}: '$place' is a file: expected a directory of what goes into the root"
    [ -d "$file" ] || fail "${called[$1]}: '$place' is not a directory"
    contents+=("$content")
  done
}

# something_given ATTRIBUTE: whether anything but a name is, of what all images have, or this attribute
something_given() {
  [[ -n ${attr[fromImage]}${attr[config]}${attr[extraCommands]}${attr[preset]}${attr[$1]} || ${#contents[@]} != 0 ]] ||
    [ "${attr[allowEmpty]}" = true ] ||
    usage 'nothing would be in the image: expected contents, a preset, a base image, a config or commands (--allow-empty makes an empty image)'
}

# The config attribute as lines, checked before anything is built.
image_config() {
  local where=${called[config]} numbered='' lines
  config=$work/config
  : >"$config"
  if [ -n "${attr[config]}" ]; then
    # that of --attrs is there already
    [ "${attr[config]}" = "$work/config.in" ] || copy_input "${attr[config]}" "$work/config.in"
    holds "$work/config.in" ||
      fail "$where: '${attr[config]}' is empty: its producer failed (for an empty configuration leave it out)"
    if looks_like_json "$work/config.in"; then
      json "$where" "$work/config.in" "$work/config.marked" -r -f "$share/config.jq"
      lines_read "$work/config.marked"
      lines_write >"$work/config"
    else
      where=${attr[config]}
      [ "$where" != - ] || where='<stdin>'
      numbered=1
      workdir rename "$work/config.in" "$work/config"
    fi
  fi
  image_check "$where" "$numbered" image_tried
}

# By the first line that is not blank.
looks_like_json() {
  local line
  while IFS= read -r line || [ -n "$line" ]; do
    [[ $line =~ ^[[:blank:]]*$ ]] || break
  done <"$1"
  [[ $line =~ ^[[:blank:]]*[[{\"] ]]
}

# image_check INPUT NUMBERED FUNCTION: whether the program that the function becomes takes the configuration.
# Where NUMBERED is empty, its lines came from elsewhere and have no numbers in the user's eyes. History tells of
# layers, which are not there yet.
image_check() {
  local line lines name status=0 checked=$config
  lines_twice "$config"
  if [[ $'\n'${lines[*]/#/$'\n'} == *$'\n'history$'\t'* ]]; then
    checked=$config.checked
    lines=("${lines[@]/#history$'\t'*/reset$'\t'history}")
    lines_write >"$checked"
  fi
  ("$3" "$checked" 2>"$work/err") || status=$?
  [ "$status" != 0 ] || return 0
  while IFS= read -r line; do
    line=${line#*: }
    case $line in
      "$checked:"*)
        line=${line#"$checked:"}
        [ -n "$2" ] || line=" ${line#*: }"
        message "$1:$line"
        ;;
      *)
        name=${attr_of_option[${line%%: *}]-}
        [ -z "$name" ] || line=${called[$name]}${line#"${line%%: *}"}
        message "${line/image-assemble/$tool}"
        ;;
    esac
  done <"$work/err"
  exit "$status"
}

# Name and tag are checked, too.
image_tried() {
  config=$1
  assemble --allow-empty </dev/null >/dev/null
}

# Adds the options for the platform.
image_platform() {
  [ -z "${attr[architecture]}" ] || options+=(--architecture "${attr[architecture]}")
  [ -z "${attr[variant]}" ] || options+=(--variant "${attr[variant]}")
}

# Adds the options for the form of the image.
image_format() {
  [ -z "${attr[format]}" ] || options+=(--format "${attr[format]}")
  [ -z "${attr[compressor]-}" ] || options+=(--compressor "${attr[compressor]}")
  [ -z "${attr[layerCompressor]}" ] || options+=(--layer-compressor "${attr[layerCompressor]}")
  options+=("${list_annotations[@]/#/--annotation=}")
}

# assemble OPTION…: becomes image-assemble, so it is called in a subshell
assemble() {
  local options=(--name "${attr[name]}" --created "${attr[created]}")
  ! holds "$config" || options+=(--config "$config")
  [ -z "${attr[tag]}" ] || options+=(--tag "${attr[tag]}")
  image_platform
  image_format
  umask "$caller_umask"
  exec image-assemble "${options[@]}" "$@"
}

image_of() {
  local names=() held=() status
  while [ "$1" != -- ]; do
    names+=("$1")
    shift
  done
  stages_run=1
  set +e # see stages
  stages "${names[@]}" | image_write "${@:2}"
  status=("${PIPESTATUS[@]}")
  set -e
  stages_run=
  [[ ${status[0]} = 1 || ${#held[@]} = 0 ]] || printf '%s\n' "${held[@]}" >&2
  return $((status[1] ? status[1] : status[0]))
}

# A stage that fails or exits, be it after its last byte, is followed by what is no layer stream: so
# image-assemble fails too, before it writes the manifest. The status is 1 where a message has said why.
stages() {
  local stage status
  for stage; do
    set +e # not a condition, as in one a failing command does not end the stage
    (set -e && "$stage")
    status=$?
    set -e
    case $status in
      0) continue ;;
      1 | 2) status=1 ;; # it has said why
      141) ;;            # image-assemble has gone, and says why
      *) message "${stage//_/ }: failed with status $status" && status=1 ;;
    esac
    trap '' PIPE
    echo 'a stage failed' 2>/dev/null || :
    return "$status"
  done
}

# Layer streams in, the image out.
image_write() {
  local mode
  progress_mode
  if [ "$mode" = bar ]; then
    (assemble --progress bar "$@")
  else
    { assemble --progress "$mode" "$@" 2>&1 >&3 3>&- | complaints; } 3>&1
  fi
}

# What image-assemble says of its input is held: it is nothing new where a stage failed.
complaints() {
  local line
  while IFS= read -r line; do
    if [[ $line == 'image-assemble: <stdin>: '* ]]; then held+=("$line"); else printf '%s\n' "$line" >&2; fi
  done
}

# On a terminal a bar, else a line a layer; what a builder of Nix has is no real terminal.
progress_mode() {
  mode=lines
  if [ "${attr[quiet]}" = true ]; then
    mode=none
  elif [[ -t 2 && -z ${NIX_LOG_FD:-} && " ${environment_of_caller[*]} " != *" TERM=dumb "* ]]; then
    mode=bar
  fi
}

# What was asked for, or a name out of the image's.
output_find() {
  local -A suffix=([none]=.tar [gz]=.tar.gz [zstd]=.tar.zst)
  output=${attr[output]}
  [ -n "$output" ] || output=${attr[name]##*/}${attr[tag]:+-${attr[tag]}}${suffix[${attr[compressor]:-none}]}
}
