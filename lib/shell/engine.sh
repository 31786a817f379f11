# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $work, attr: from beside
# Images for the engines of this machine: the storage of podman, and docker.
#
#   engine_start   checks the image's name there, and what is needed
#   engine_end     puts the image of the layout $work/image there
#
# The layout lacks the blobs of known layers. Of these, the engine's own stay out; the others are made. Where
# the engine does not take that, as its image went away meanwhile, it gets the whole.

engine_start() {
  local name=${attr[to]#*:} storage=''
  [[ ${attr[layerCompressor]} == @(|none) ]] ||
    usage "${called[layerCompressor]}: with ${called[to]} and this destination, expected none, found '${attr[layerCompressor]}'"
  attr[layerCompressor]=none
  if [[ $name == '['*']'* ]]; then storage=${name%%]*}] name=${name#*]}; fi
  if [[ ${name##*/} == *:* ]]; then
    destination_tag "${name##*:}"
    name=${name%:*}
  fi
  output=${attr[to]%%:*}:$storage$name
  [[ ${attr[to]} == docker-daemon:* ]] || return 0
  need docker "$tool"
  skopeo_name to "$storage$name"
  attr[name]=$name
}

engine_end() {
  local lines config_digest there send=engine_to_${attr[to]%%-*}
  engine_layers
  engine_there
  ! engine_lacks_some || engine_fill
  if ! engine_takes_less; then
    "$send"
  elif ! ("$send") >"$work/refused" 2>&1; then
    [ "${attr[quiet]}" = true ] || message "'${attr[to]}' does not take the image without the layers that are there: it gets the whole"
    there=
    ! engine_lacks_some || engine_fill
    "$send"
  fi
}

# Sets there to the diff IDs of the layers that the engine can do without.
engine_there() {
  there=$(engine_images 2>/dev/null) || there=
  [[ ${attr[to]} != docker-daemon:* ]] || docker_has_containerd || engine_prefix
}

# Sets config_digest, and lines to the digests of the layers, which are their diff IDs, as they are not compressed.
engine_layers() {
  local manifest=$work/image/blobs/${digest/://}
  json "$manifest" "$manifest" "$work/layers" -r '.[0] | .config.digest, .layers[].digest, "# end"'
  lines_read "$work/layers"
  config_digest=${lines[0]} lines=("${lines[@]:1}")
}

# Whether there is a layer that neither the layout nor the engine has.
engine_lacks_some() {
  local layer
  for layer in "${lines[@]}"; do
    [ -e "$work/image/blobs/${layer/://}" ] || engine_has "$layer" || return 0
  done
  return 1
}

engine_has() { [[ $there == *"$1"* ]]; }

# Whether the engine is not offered all layers.
engine_takes_less() {
  local layer
  for layer in "${lines[@]}"; do
    ! engine_has "$layer" || [[ ${attr[to]} == containers-storage:* && -e $work/image/blobs/${layer/://} ]] || return 0
  done
  return 1
}

# engine_fill: makes the image once more, by reference only what is there
engine_fill() {
  grep -oE 'sha256:[0-9a-f]{64}' <<<"$there" >"$work/there" || [ $? = 1 ]
  grep -F -f "$work/there" <"$known" >"$work/known" || [ $? = 1 ]
  known=$work/known
  layers_write "${written[@]}"
}

# Prints the diff IDs of each image that the engine has, as a line.
engine_images() {
  local client=(docker) images form='{{range .RootFS.Layers}}{{.}} {{end}}'
  [[ ${attr[to]} != containers-storage:* ]] || engine_podman || return
  images=$(with_caller_environment "${client[@]}" image ls --quiet --no-trunc | sort -u) || return
  mapfile -t images <<<"$images"
  [ -z "${images[0]}" ] || with_caller_environment "${client[@]}" image inspect --format "$form" -- "${images[@]}"
}

# Sets client to podman for the storage that the destination names: [DRIVER@ROOT+RUNROOT]NAME
engine_podman() {
  local storage=${attr[to]#containers-storage:}
  client=(podman)
  [[ $storage == '['* ]] || return 0
  [[ $storage =~ ^\[([a-z0-9]+)@(/[^]+:]*)\+(/[^]+:]*)\] ]] || return
  client+=(--storage-driver "${BASH_REMATCH[1]}" --root "${BASH_REMATCH[2]}" --runroot "${BASH_REMATCH[3]}")
}

# Docker's graph drivers know a layer by all that are below it: of the images, the longest common beginning counts.
engine_prefix() {
  local image=() found=0 i
  while read -ra image; do
    for ((i = 0; i < ${#lines[@]}; i++)); do [[ ${image[i]-} == "${lines[i]}" ]] || break; done
    ((found >= i)) || found=$i
  done <<<"$there"
  there=${lines[*]::found}
}

docker_has_containerd() {
  [[ $(with_caller_environment docker info --format '{{.DriverStatus}}' 2>/dev/null) == *io.containerd.snapshotter* ]]
}

engine_to_containers() { heard copied; }

# As docker save writes it: an OCI layout, and what was before that. Docker takes either without the layers that it has.
engine_to_docker() {
  local said layer files manifest=$work/image/blobs/${digest/://}
  files=(manifest.json oci-layout index.json "blobs/${digest/://}" "blobs/${config_digest/://}")
  json "$manifest" "$manifest" "$work/image/manifest.json" -c --arg name "${attr[name]}:$tag" \
    'def file: "blobs/" + sub(":"; "/"); .[0] | [{Config: .config.digest | file, RepoTags: [$name], Layers: [.layers[].digest | file]}]'
  for layer in "${lines[@]}"; do engine_has "$layer" || files+=("blobs/${layer/://}"); done
  (cd -- "$work/image" && exec tar -cf - "${files[@]}") >"$work/load.tar"
  said=$(with_caller_environment docker load --quiet <"$work/load.tar" 2>&1) ||
    fail "docker: ${said##*$'\n'}"
}
