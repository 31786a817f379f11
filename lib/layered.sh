# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $work, attr: from beside
# Layered images: what stream-layered-image and build-layered-image share.
#
#   layered_start TOOL ARGUMENT…   reads and checks the attributes
#   layered_image [OPTION…]        writes the image; the options are image-assemble's

# shellcheck source=/dev/null
. "$share/image.sh"
. "$share/customise.sh"
. "$share/closure.sh"

layered_start() {
  image_start "$@"
  [ "${attr[mtime]}" != now ] || attr[mtime]=${SOURCE_DATE_EPOCH:-$(date +%s)}
  [ -z "${attr[fromImage]}" ] || fail 'fromImage: not supported yet: nothing here reads an image'
  contents_find contents
  commands_need
}

layered_image() {
  image_config
  customise
  : >"$work/plan"
  [ "${attr[includeStorePaths]}" = false ] || store_plan
  if [ -s "$work/plan" ] && nothing_customised; then
    : >"$work/custom"
  fi
  stages store_layers custom_layer | image_write --expect-layers "$(layers_expected)" "$@"
}

# How layer-plan is to choose, one option a line. It says itself which do not go together.
plan_options() {
  if [ -n "${attr[layeringPipeline]}" ]; then
    printf '%s\n' "--pipeline=${attr[layeringPipeline]}"
  else
    printf '%s\n' "--strategy=${attr[strategy]}"
  fi
  [ "${attr[sharing]}" = 1 ] || printf '%s\n' "--sharing=${attr[sharing]}"
  [ "${attr[minLayerSize]}" = 0 ] || printf '%s\n' "--min-layer-size=${attr[minLayerSize]}"
  [ -z "${attr[weights]}" ] || printf '%s\n' "--weights=${attr[weights]}"
  [ -z "${attr[layerGroups]}" ] || printf '%s\n' "--group=${attr[layerGroups]}"
  [ -z "${attr[previousPlan]}" ] || printf '%s\n' "--previous=${attr[previousPlan]}"
}

# Which store path goes into which layer: $work/plan.
store_plan() {
  local options
  closure_open
  store_roots >"$work/mentioned"
  closure_cut <"$work/mentioned"
  [ -s "$work/graph" ] || return 0
  mapfile -t options < <(plan_options)
  layer-plan --max-layers "${attr[maxLayers]}" --reserve 1 "${options[@]}" <"$work/graph" >"$work/plan"
}

# What the image must hold: contents, and what the configuration and the customisation mention.
store_roots() {
  local content
  for content in "${contents[@]}"; do
    store_path_of "$content"
  done
  reference-scan --graph "$work/candidates" -- "$work/config" "${customised[@]}"
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
