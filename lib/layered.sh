# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $work, attr: from beside
# Layered images: what stream-layered-image and build-layered-image share.
#
#   layered_start TOOL ARGUMENT…   reads and checks the attributes
#   layered_image [OPTION…]        writes the image; the options are image-assemble's

# shellcheck source=/dev/null
. "$share/pipeline.sh"
. "$share/customise.sh"
. "$share/closure.sh"

layered_start() {
  pipeline_start "$@"
  attr[name]=${attr[name],,}
  attr[rootDir]=${attr[rootDir]%/}
  attr[storeDir]=${attr[storeDir]%/}
  [ "${attr[mtime]}" != now ] || attr[mtime]=${SOURCE_DATE_EPOCH:-$(date +%s)}
  [ -z "${attr[fromImage]}" ] || fail 'fromImage: not supported yet: nothing here reads an image'
  contents_find
  commands_need
}

layered_image() {
  image_config
  customise
  : >"$work/plan"
  [ "${attr[includeStorePaths]}" = false ] || closure_plan 1 >"$work/plan"
  if [ -s "$work/plan" ] && nothing_customised; then
    : >"$work/custom"
  fi
  layers | assemble --expect-layers "$(layers_expected)" --progress "$(progress)" "$@"
}

# Contents are there. A link into the store that is not in the store itself, as nix-build makes
# one, stands for what it leads to.
contents_find() {
  local i content file
  for i in "${!list_contents[@]}"; do
    content=${list_contents[i]}
    file=$content
    if [ -n "$(store_path_of "$content")" ]; then
      file=${attr[rootDir]}$content
    elif [ -n "$(store_path_of "$(realpath -m -- "$content")")" ]; then
      list_contents[i]=$(realpath -m -- "$content")
    fi
    [ -e "$file" ] || [ -L "$file" ] || fail "contents: '$file' does not exist"
  done
}

# The config attribute as image-config(5) lines, checked before anything is built.
image_config() {
  local where=config
  : >"$work/config"
  if [ -n "${attr[config]}" ]; then
    copy_input "${attr[config]}" "$work/config.in"
    if awk 'NF { found = /^[ \t]*[[{"]/; exit } END { exit !found }' "$work/config.in"; then
      json config "$work/config.in" -r -f "$share/config.jq" >"$work/config"
    else
      where=${attr[config]}
      [ "$where" != - ] || where='<stdin>'
      mv "$work/config.in" "$work/config"
    fi
  fi
  image_check "$where"
}

# image_check CONFIG: whether image-assemble will take name, tag and configuration. What is
# wrong in lines that came from JSON has no line number in the user's eyes.
image_check() {
  local line status=0
  assemble --allow-empty </dev/null 2>"$work/err" >/dev/null || status=$?
  [ "$status" != 0 ] || return 0
  while IFS= read -r line; do
    line=${line#image-assemble: }
    case $line in
      "$work/config:"*)
        line=${line#"$work/config:"}
        [ "$1" != config ] || line=" ${line#*: }"
        message "$1:$line"
        ;;
      *) message "${line/image-assemble/$tool}" ;;
    esac
  done <"$work/err"
  exit "$status"
}

# The layers, bottom first. A stage that fails, be it after its last byte, is followed by what is
# no layer stream: so image-assemble fails too, before it writes the manifest.
layers() {
  if store_layers && custom_layer; then
    return
  fi
  echo 'a stage failed'
  return 1
}

store_layers() {
  [ ! -s "$work/plan" ] ||
    layer-tar --root-dir "${attr[rootDir]:-/}" --store-dir "${attr[storeDir]}" \
      --mtime "${attr[mtime]}" --uid "${attr[uid]}" --gid "${attr[gid]}" \
      --uname "${attr[uname]}" --gname "${attr[gname]}" <"$work/plan"
}

custom_layer() {
  [ ! -s "$work/custom" ] || layer-tar --mtree "$work/custom" --comment 'customisation layer'
}

layers_expected() {
  local stores
  stores=$(tail -n 1 "$work/plan" | cut -f 1)
  [ ! -s "$work/custom" ] || stores=$((stores + 1))
  printf '%s\n' "${stores:-0}"
}

# On a terminal a bar, else a line a layer; what a builder of Nix has is no real terminal.
progress() {
  if [ "${attr[quiet]}" = true ]; then
    echo none
  elif [ -t 2 ] && [ -z "${NIX_LOG_FD:-}" ]; then
    echo bar
  else
    echo lines
  fi
}

# assemble OPTION…
assemble() {
  local options=(--name "${attr[name]}" --created "${attr[created]}" --config "$work/config")
  [ -z "${attr[tag]}" ] || options+=(--tag "${attr[tag]}")
  [ -z "${attr[architecture]}" ] || options+=(--architecture "${attr[architecture]}")
  image-assemble "${options[@]}" "$@"
}
