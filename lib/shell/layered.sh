# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $work, attr: from beside
# Layered images: what stream-layered-image and build-layered-image share.
#
#   layered_start TOOL ARGUMENT…   reads and checks the attributes
#   layered_image [OPTION…]        writes the image; the options are image-assemble's

# shellcheck source=/dev/null
. "$share/image.sh"
. "$share/base.sh"
. "$share/customise.sh"
. "$share/closure.sh"

layered_start() {
  image_start "$@"
  [ "${attr[mtime]}" != now ] || attr[mtime]=${SOURCE_DATE_EPOCH:-$(date +%s)}
  contents_find contents
  commands_need
}

layered_image() {
  image_config
  base_open
  layers_check
  base_config
  customise
  : >"$work/plan"
  [ "${attr[includeStorePaths]}" = false ] || store_plan
  if nothing_customised && { [ -s "$work/plan" ] || [ "$base_layers" != 0 ]; }; then
    : >"$work/custom"
  fi
  [ ! -s "$work/custom" ] || base_files
  stages base_layer store_layers custom_layer unchanged | image_write --expect-layers "$(layers_expected)" "$@"
}

layers_check() {
  ((base_layers + 1 < attr[maxLayers])) || fail "maxLayers: expected more than ${attr[maxLayers]}, \
as the base image has $base_layers and the customisation layer is one. At least 1 layer is required to store contents"
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
  closure_without_base
  [ -s "$work/graph" ] || return 0
  mapfile -t options < <(plan_options)
  layer-plan --max-layers "${attr[maxLayers]}" --reserve $((base_layers + 1)) "${options[@]}" \
    <"$work/graph" >"$work/plan"
}

# What the base holds whole, as the sizes tell, needs no layer. What only it refers to stays.
closure_without_base() {
  [ "$base_layers" != 0 ] || return 0
  base_holds >"$work/base.paths"
  awk -v FS='\t' -v OFS='\t' '
    pass == 1 { size[$1] = $2; next }
    pass == 2 { if ($1 in size && size[$1] == $2) held[$1]; next }
    $1 in held { next }
    {
      n = split($4, reference, " ")
      $4 = ""
      for (i = 1; i <= n; i++)
        if (!(reference[i] in held))
          $4 = $4 ($4 == "" ? "" : " ") reference[i]
      $4 = $4 == "" ? "\\e" : $4
      print
    }
  ' pass=1 "$work/base.paths" pass=2 "$work/graph" pass=3 "$work/graph" >"$work/graph.new"
  mv "$work/graph.new" "$work/graph"
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
  [ ! -s "$work/custom" ] || layer-tar --mtree "$work/custom" "${base_onto[@]}" --comment 'customisation layer'
}

layers_expected() {
  local own
  own=$(tail -n 1 "$work/plan" | cut -f 1)
  [ ! -s "$work/custom" ] || own=$((own + 1))
  echo $((base_layers + own))
}
