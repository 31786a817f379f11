# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $work, attr: from beside
# Which store paths an image needs, and what is known of them.

# The store path that a path is in, or nothing.
store_path_of() {
  local name=${1#"${attr[storeDir]}"/}
  [ "$name" = "$1" ] || printf '%s\n' "${attr[storeDir]}/${name%%/*}"
}

# Every path in the store directory; .links, locks and the like are none.
store_paths() {
  local names
  [ -d "${attr[rootDir]}${attr[storeDir]}" ] || return 0
  mapfile -t names < <(find "${attr[rootDir]}${attr[storeDir]}" -mindepth 1 -maxdepth 1 \
    -regextype posix-extended -regex '.*/[0-9a-z]{32}-[^/]*' \
    ! -name '*.drv' ! -name '*.lock' ! -name '*.chroot' -printf '%f\n' | sort)
  [ ${#names[@]} = 0 ] || printf '%s\n' "${names[@]/#/"${attr[storeDir]}"/}"
}

# The closure that was given, as graph lines.
given_graph() {
  local options=(--store-dir "${attr[storeDir]}" --allow-empty)
  [ -z "${attr[closureKey]}" ] || options+=(--key "${attr[closureKey]}")
  closure-graph "${options[@]}" -- "${attr[closure]}"
}

# What something could mention, as graph lines.
candidates() {
  if [ -n "${attr[closure]}" ]; then
    cat "$work/given"
  else
    store_paths | sed 's/$/\t-\t-\t-/'
  fi
}

# The store paths that the image must hold, one a line: contents, what the configuration
# mentions, what the customisation layer mentions.
closure_roots() {
  local content
  for content in "${list_contents[@]}"; do
    store_path_of "$content"
  done
  reference-scan --graph "$work/candidates" -- "$work/config" "${customised[@]}"
}

nix_knows() {
  command -v nix >/dev/null && [ -d "${attr[rootDir]}${attr[storeDir]%/*}/var/nix/db" ]
}

# closure_of ROOT… > graph lines
closure_of() {
  local cut=("${@/#/--root=}") store=()
  if [ -n "${attr[closure]}" ]; then
    closure-graph --store-dir "${attr[storeDir]}" "${cut[@]}" "$work/given"
  elif nix_knows; then
    [ -z "${attr[rootDir]}" ] || store=(--store "$(realpath "${attr[rootDir]}")")
    nix --offline --extra-experimental-features nix-command path-info "${store[@]}" --json -r "$@" |
      closure-graph --store-dir "${attr[storeDir]}"
  else
    closure-graph --scan --root-dir "${attr[rootDir]:-/}" --store-dir "${attr[storeDir]}" "${cut[@]}"
  fi
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

# closure_plan RESERVED: which store path goes into which layer, as plan lines
closure_plan() {
  local roots options
  [ -z "${attr[closure]}" ] || given_graph >"$work/given"
  candidates >"$work/candidates"
  closure_roots >"$work/roots"
  mapfile -t roots < <(sort -u "$work/roots")
  [ ${#roots[@]} != 0 ] || return 0
  closure_of "${roots[@]}" >"$work/graph"
  mapfile -t options < <(plan_options)
  layer-plan --max-layers "${attr[maxLayers]}" --reserve "$1" "${options[@]}" <"$work/graph"
}
