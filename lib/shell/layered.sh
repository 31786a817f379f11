# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $work, attr: from beside
# Layered images: what stream-layered-image and build-layered-image share.
#
#   layered_start TOOL ARGUMENT…   reads and checks the attributes
#   layered_image [OPTION…]        writes the image; the options are image-assemble's
#   layers_write [OPTION…]         the same once more, when $known is another file
#   layered_prepare                makes the directory of a prepared image
#   $plan                          which store path goes into which layer
#   store_form                     sets form to what store layers are made with, as options

# shellcheck source=/dev/null
. "$share/image.sh"
. "$share/prepared.sh"

plan='' layers=() streams=() expected='' base_served=()

layered_start() {
  image_start "$@"
  layered_name
  layered_source
  [ -z "${attr[prepared]}" ] || return 0
  prepare_start
  contents_find contents
  preset_needs
  something_given fakeRootCommands
  commands_need
  nix_db_needs
}

# What a prepared image needs no more is not read.
layered_source() {
  # shellcheck source=/dev/null
  [[ -n ${attr[prepared]} && -z ${attr[fromImage]} ]] || . "$share/base.sh"
  [ -z "${attr[prepared]}" ] || return 0
  # shellcheck source=/dev/null
  . "$share/customise.sh"
  . "$share/closure.sh"
  . "$share/nixdb.sh"
  . "$share/preset.sh"
}

# Both together, as the scripts of nixpkgs take them.
layered_name() {
  [ -n "${attr[repoTag]}" ] || return 0
  [[ ${attr[repoTag]} == ?*:?* && ${attr[repoTag]##*:} != */* ]] ||
    usage "${called[repoTag]}: expected NAME:TAG, found '${attr[repoTag]}'"
  attr[name]=${attr[repoTag]%:*} attr[tag]=${attr[repoTag]##*:}
  attr_set[name]=1 attr_set[tag]=1
}

layered_image() {
  if [ -n "${attr[prepared]}" ]; then prepared_parts; else layered_parts; fi
  layers_write "$@"
  layered_plan
}

layers_write() {
  layers_refer
  image_of "${layers[@]}" -- --expect-layers "$expected" "$@" "${streams[@]}"
}

# Without NAR hashes a layer has no key, and layer-serve could not make it.
layers_refer() {
  local lines
  [ -n "$known" ] || return 0
  lines_twice "$plan"
  [[ ${#lines[@]} = 0 || " ${lines[*]##*$'\t'} " == *' - '* ]] ||
    referred=(--known "$known" --layer-compressor "${attr[layerCompressor]:-gz}")
}

layered_prepare() {
  layered_parts
  layered_plan
  prepare
}

layered_plan() { [ -z "${attr[planOut]}" ] || (umask "$caller_umask" && copy_output "$plan" "${attr[planOut]}"); }

layered_parts() {
  plan=$work/plan
  image_config
  base_open
  layers_check
  base_config
  customise
  : >"$plan"
  store_plan
  if nothing_customised && { holds "$plan" || [ "$base_layers" != 0 ]; }; then
    custom=
  fi
  [ -z "$custom" ] || base_files
  layers_expect
}

layers_check() {
  ((base_layers + 1 < attr[maxLayers])) || fail "${called[maxLayers]}: expected more than ${attr[maxLayers]}, \
as the base image has $base_layers and the customisation layer is one. At least 1 layer is required to store contents"
}

# Sets options: how layer-plan is to choose. It says itself which do not go together, by names that are ours, too.
plan_options() {
  [[ ${#list_knownPlans[@]} = 0 || (${attr[strategy]} = update-cost && -z ${attr[layeringPipeline]}) ]] ||
    usage "${called[knownPlans]}: only with the strategy update-cost"
  options=("--strategy=${attr[strategy]}")
  [ -z "${attr[layeringPipeline]}" ] || options=("--pipeline=${attr[layeringPipeline]}")
  [ "${attr[sharing]}" = 2 ] || options+=("--sharing=${attr[sharing]}")
  [ "${attr[minLayerSize]}" = 0 ] || options+=("--min-layer-size=${attr[minLayerSize]}")
  [ -z "${attr[weights]}" ] || options+=("--weights=${attr[weights]}")
  [ -z "${attr[layerGroups]}" ] || options+=("--group=${attr[layerGroups]}")
  [ "${attr[maxDecay]}" = 10 ] || options+=("--max-decay=${attr[maxDecay]}")
  [ -z "${attr[previousPlan]}" ] || options+=("--previous=${attr[previousPlan]}")
  options+=("${list_knownPlans[@]/#/--known=}")
}

# The store paths that get a layer: $work/graph.
store_graph() {
  closure_open
  store_roots >"$work/mentioned"
  end_mark >>"$work/mentioned"
  closure_cut "$work/mentioned"
  closure_unknown
  if [ "${attr[includeNixDB]}" = true ]; then
    nix_db "$custom"
    custom=$work/with-nixdb
  fi
  closure_without_base
}

# Which store path goes into which layer: $plan. The files that options name are read even if there is no path.
store_plan() {
  local options
  : >"$work/graph"
  [ "${attr[includeStorePaths]}" = false ] || store_graph
  plan_options
  if ! holds "$work/graph"; then
    [ "${options[*]}" != "--strategy=${attr[strategy]}" ] || return 0
    options+=(--allow-empty)
  fi
  options+=(--max-layers "${attr[maxLayers]}" --reserve $((base_layers + 1)))
  layer-plan "${options[@]}" <"$work/graph" >"$plan"
  [ "${attr[explain]}" = false ] || layer-plan "${options[@]}" --explain <"$work/graph" >&2
}

# What the base holds whole, as the sizes tell, needs no layer. What only it refers to stays.
closure_without_base() {
  [ "$base_layers" != 0 ] || return 0
  local lines
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
    END { print "# end" }
  ' pass=1 "$work/base.paths" pass=2 "$work/graph" pass=3 "$work/graph" >"$work/graph.left"
  lines_read "$work/graph.left"
  lines_write >"$work/graph"
}

# What the image must hold: contents, and what the configuration and the customisation mention.
store_roots() {
  local content store_path
  for content in "${contents[@]}"; do
    store_path_find "$content"
    [ -z "$store_path" ] || printf '%s\n' "$store_path"
  done
  mentions "$custom" "$work/config"
}

store_form() {
  form=(--root-dir "${attr[rootDir]:-/}" --store-dir "${attr[storeDir]}" --mtime "${attr[mtime]}"
    --uid "${attr[uid]}" --gid "${attr[gid]}" --uname "${attr[uname]}" --gname "${attr[gname]}")
}

store_layers() {
  local form
  store_form
  exec layer-tar "${form[@]}" "${referred[@]}" <"$plan"
}

custom_layer() { exec layer-tar --mtree "$custom" "${base_onto[@]}" --comment 'customisation layer'; }

# Sets layers to the stages that write them, and expected to how many layers the image is to have.
layers_expect() {
  local lines
  layers=() expected=$base_layers
  [ "$base_layers" = 0 ] || layers+=(base_known_layer)
  lines_twice "$plan"
  if [ ${#lines[@]} != 0 ]; then
    layers+=(store_layers) expected=$((expected + ${lines[-1]%%$'\t'*}))
  fi
  if [ -n "$custom" ]; then
    layers+=(custom_layer) expected=$((expected + 1))
  fi
  [ ${#listings[@]} = 0 ] || layers+=(unchanged)
}
