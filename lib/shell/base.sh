# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $work, attr: from beside
# Base images: fromImage, fromImageName, fromImageTag, inheritConfig.
#
#   base_open        reads what the base is; does nothing where there is none
#   $base_layers     how many layers it has, 0 without a base
#   base_layer       a stage: its layers, bit by bit
#   base_known_layer the same, but those that $known knows by reference
#   base_config      puts what is inherited in front of the image's own configuration
#   $work/base.paths store paths that are in it whole, and their sizes, one a line
#   base_files       $work/base.files: its file tree, as layerpipe-mtree(5) lines
#   ${base_onto[@]}  layer-tar's options for a layer on top of these files
#   ${base_served[@]}
#                    layer-serve's options for its layers, nothing without a base

base_layers=0 base_name='' base_opened='' base=() base_served=() base_onto=()

base_open() {
  [ -n "${attr[fromImage]}" ] || return 0
  base_find
  base_choose
  # At once, as each start reads the whole base and its JSON
  base_read --config="$work/base.config" --files="$work/base.files" --store-paths="$work/base.paths" \
    --store-dir "${attr[storeDir]}"
  base_count
}

# The history tells how many layers there are: image-layers leaves out one that does not fit them.
base_count() {
  local line lines
  lines_twice "$work/base.config"
  for line in "${lines[@]}"; do
    [[ $line != history$'\t'*$'\t-' ]] || base_layers=$((base_layers + 1))
  done
  [ $base_layers = 0 ] || return 0
  base_read --list >"$work/base.list"
  end_mark >>"$work/base.list"
  lines_read "$work/base.list"
  base_layers=${#lines[@]}
}

# A plain file or directory is read where it is; a pipe is put aside, a compressed file
# decompressed, once.
base_find() {
  local file=${attr[fromImage]} program escaped
  escape "$file"
  base_name=$escaped
  [ "$file" != - ] || base_name='<stdin>'
  [ "$file" != - ] || [ ! -t 0 ] || usage 'refusing to read binary data from a terminal: redirect the input'
  if [ "$file" != - ] && [ ! -e "$file" ]; then
    fail "${called[fromImage]}: '$file' does not exist: expected the file of an image"
  elif [ ! -d "$file" ] && [ ! -f "$file" ]; then
    copy_input "$file" "$work/base"
    file=$work/base
  fi
  base_compressor "$file"
  if [ -n "$program" ]; then
    need "$program" "${called[fromImage]} '$base_name'"
    base_decompress "$program" "$file" "$work/base.tar"
    file=$work/base.tar
  fi
  base=(-- "$file")
  base_served=(--image "$file")
  base_opened=$(base_file)
  [ -n "$base_opened" ] || fail "cannot look at '$base_name'"
}

# Which file it is, and when it was written: several stages read it.
base_file() { exec stat -L -c '%d %i %s %y' -- "${base[-1]}"; }

# base_compressor FILE: sets program to the one that decompresses it, by what the file begins with
base_compressor() {
  local head=''
  program=
  [ -f "$1" ] || return 0
  IFS= read -r -d '' -N 5 head 2>/dev/null <"$1" || :
  case $head in
    $'\x1f\x8b'*) program=gzip ;;
    $'\x28\xb5\x2f\xfd'*) program=zstd ;;
    $'\xfd7zXZ'*) program=xz ;;
  esac
}

# base_decompress PROGRAM FILE TO: at most to 1 GiB, or 200 times its size; more is a bomb
base_decompress() {
  local most size reason status=0
  most=$(stat -L -c %s -- "$2")
  most=$((most * 200 > 1 << 30 ? most * 200 : 1 << 30))
  reason=$({ "$1" -dcq <"$2" | head -c $((most + 1)) >"$3"; } 2>&1) || status=$?
  size=$(stat -c %s "$3")
  [[ -n $size && $size -le $most ]] ||
    fail "${called[fromImage]}: '$base_name' grows to more than $most bytes: this looks like a bomb"
  reason=${reason##*$'\n'}
  reason=${reason%"${reason##*[! ]}"}
  [ $status = 0 ] || fail "${called[fromImage]}: cannot decompress '$base_name': ${reason##*: }"
}

base_choose() {
  local name=${attr[fromImageName]} tag=${attr[fromImageTag]} platform=${attr[architecture]}
  if [ -n "$name" ] && [ -n "$tag" ]; then
    base=(--image "$name:$tag" "${base[@]}")
    base_served+=(--image-name "$name:$tag")
  elif [ -n "$name$tag" ]; then
    message "warning: ${called[fromImageName]} and ${called[fromImageTag]} go together: the first image is the base"
  fi
  [[ -n $platform || -z ${attr[variant]} ]] || platform_find /dev/null
  [ -n "$platform" ] || return 0
  [[ -z ${attr[variant]} || $platform == */"${attr[variant]}" ]] || platform+=/${attr[variant]}
  base=(--prefer-platform "$platform" "${base[@]}")
  base_served+=(--platform "$platform")
}

# base_read OPTION…: image-layers on the base
base_read() { base_named image-layers "$@" "${base[@]}"; }

# base_named COMMAND…: runs it; its messages call the base by the user's name for it
base_named() {
  local status=0 said
  if [ "${base[-1]}" = "$base_name" ]; then
    "$@"
    return
  fi
  { said=$("$@" 2>&1 >&3 3>&- && echo .) || status=$?; } 3>&1
  [[ $status != 0 || $said == *. ]] || fail "${called[fromImage]}: cannot read '$base_name'"
  [ $status != 0 ] || said=${said%.}
  said=${said%$'\n'}
  [ -z "$said" ] || printf '%s\n' "${said//"${base[-1]}"/"$base_name"}" >&2
  return $status
}

base_layer() {
  [ $base_layers != 0 ] || return 0
  base_read "$@" || return
  [ "$(base_file)" = "$base_opened" ] || fail "${called[fromImage]}: '$base_name' changed while it was read"
}

base_known_layer() {
  local options=()
  [ -z "$known" ] || options=(--known "$known" --layer-compressor "${attr[layerCompressor]:-gz}")
  base_layer "${options[@]}"
}

base_files() {
  [ $base_layers != 0 ] || : >"$work/base.files"
  ! holds "$work/base.files" || base_onto=(--onto "$work/base.files")
}

base_config() {
  local all=0 lines
  [ -n "${attr[fromImage]}" ] || return 0
  [ "${attr[inheritConfig]}" = false ] || all=1
  config=$work/config.image
  awk -v all=$all -v architecture="${attr[architecture]}" -f "$share/inherit.awk" \
    pass=1 "$work/config" pass=2 "$work/base.config" pass=3 "$work/config" >"$config.marked"
  lines_read "$config.marked"
  lines_write >"$config"
  base_platform
}

# Whether the configuration is right, and says that the image is for the machine that its base is for.
base_platform() {
  local options=() platform of_image
  image_platform
  image_check "${called[fromImage]}" '' base_tried
  platform_read "$work/platform" "$config"
  of_image=$platform
  platform_of_base
  [ "$of_image" = "$platform" ] ||
    message "warning: the image is for $of_image, but the base image for $platform"
}

base_tried() { exec config-json "${options[@]}" -- "$1" >"$work/platform"; }

# Two lines of its configuration say it, or a default does.
platform_of_base() {
  local lines line architecture='' os=''
  lines_twice "$work/base.config"
  for line in "${lines[@]}"; do
    case $line in
      architecture$'\t'*) architecture=${line#*$'\t'} ;;
      os$'\t'*) os=${line#*$'\t'} ;;
    esac
  done
  platform=$os/$architecture
  [[ $platform =~ ^[a-z0-9]+/[a-z0-9]+$ ]] || platform_find "$work/base.config"
}

# platform_find CONFIG: sets platform to OS/ARCHITECTURE, as config-json has it
platform_find() {
  local lines
  lines_twice "$1"
  lines=("${lines[@]/#history$'\t'*/reset$'\t'history}")
  lines_write | config-json >"$work/platform"
  platform_read "$work/platform" "$1"
}

# platform_read FILE CONFIG: Both stand in front of all in which the two names can be keys.
platform_read() {
  local lines
  lines_twice "$1"
  [[ ${lines[0]-} =~ \"architecture\":\"([^\"]*)\",\"os\":\"([^\"]*)\" ]] || fail "cannot find the platform of '$2'"
  platform=${BASH_REMATCH[2]}/${BASH_REMATCH[1]}
}
