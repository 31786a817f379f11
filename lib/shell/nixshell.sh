# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $work, attr: from beside
# Images of a nix-shell: what stream-nix-shell-image and build-nix-shell-image share.
#
#   nix_shell_start TOOL ARGUMENT…   reads the attributes and the derivation
#   nix_shell_image PIPELINE         makes the layered image that it is

# shellcheck source=/dev/null
. "$share/pipeline.sh"
. "$share/store.sh"

layered=()

nix_shell_start() {
  local file form='' name options=()
  pipeline_start "$@"
  store_start
  [[ -z ${attr[command]} || -z ${attr[run]} ]] || usage "${called[command]} and ${called[run]}: expected one of them"
  for name in coreutils cacert; do
    [ -z "${attr[$name]}" ] || in_store "${attr[$name]}" ||
      usage "${called[$name]}: expected a package in '${attr[storeDir]}', found '${attr[$name]}'"
  done
  store_file "${attr[drv]}"
  if ! in_store "${attr[drv]}" || [ -z "$file" ]; then file=${attr[drv]}; fi
  copy_input "$file" "$work/drv"
  IFS= read -r -N 7 form <"$work/drv" || :
  [ "$form" != 'Derive(' ] || options=(-R)
  for name in name uid gid homeDirectory shell coreutils cacert command run storeDir; do
    options+=(--arg "$name" "${attr[$name]}")
  done
  json "${attr[drv]}" "$work/drv" "$work/layered.json" "${options[@]}" -f "$share/nix-shell.jq"
  nix_shell_options
}

nix_shell_options() {
  local name value
  layered=(--attrs "$work/layered.json" --max-layers "${attr[maxLayers]}" --store-dir "${attr[storeDir]}"
    "--unconfined-commands=${attr[unconfinedCommands]}" "--quiet=${attr[quiet]}")
  for name in "${!attr_of_option[@]}"; do
    case ${attr_of_option[$name]} in
      tag | closure | closureKey | rootDir | output | compressor | prepare)
        value=${attr[${attr_of_option[$name]}]}
        [ -z "$value" ] || layered+=("$name=$value")
        ;;
    esac
  done
}

# As the caller would have called it.
nix_shell_image() (
  umask "$caller_umask"
  with_caller_environment "$here/$1" "${layered[@]}"
)
