# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $work, attr: from beside
# Where an image goes: to a file, or to what the attribute to names.
#
#   destination_start   checks it, before anything is built
#   ${written[@]}       image-assemble's options for it
#   destination_end     brings there what image-assemble wrote, and prints what it is called
#
# For a registry, image-assemble writes a layout that lacks the blobs of known layers: of the store and of the base.
# registry-push or skopeo brings it there, and layer-serve makes the blobs that they open. For skopeo, the digest is
# asked for before; where the registry has it, skopeo does not start.

# shellcheck source=/dev/null
. "$share/skopeo.sh"
. "$share/engine.sh"
. "$share/push.sh"

written=() destination='' output=''

destination_start() {
  local to=${attr[to]} name
  if [ -z "$to" ]; then
    for name in via tlsVerify authfile knownLayers; do
      [ -z "${attr_set[$name]-}" ] || usage "${called[$name]}: it goes with ${called[to]}"
    done
    [[ ${attr[format]} == @(oci|hybrid) || -n ${attr[compressor]} ]] || attr[compressor]=gz
    output_find
    written=(--output "$output")
    return
  fi
  work_make
  destination_form
  [[ -z ${attr_set[via]-} || $to == docker://* ]] || usage "${called[via]}: it goes with ${called[to]} docker://HOST/NAME:TAG"
  case $to in
    oci:[!:]*) destination_layout "${to#oci:}" ;;
    oci-archive:?*) destination_archive "${to#oci-archive:}" ;;
    docker://?*) destination_registry "${to#docker://}" ;;
    containers-storage:?* | docker-daemon:?*) destination_engine ;;
    *) usage "${called[to]}: expected docker://HOST/NAME:TAG, oci:DIR:TAG, oci-archive:FILE, \
containers-storage:NAME:TAG or docker-daemon:NAME:TAG, found '$to'" ;;
  esac
}

# All of them are made of OCI, and what says how a file is made does not go with them.
destination_form() {
  local name
  for name in output compressor; do
    [ -z "${attr[$name]}" ] || usage "${called[$name]} and ${called[to]}: expected one of them"
  done
  [[ ${attr[format]} == @(|oci) ]] || usage "${called[format]}: with ${called[to]}, expected oci, found '${attr[format]}'"
  attr[format]=oci
}

# destination_layout DIR[:TAG]
destination_layout() {
  local dir=${1%%:*}
  [[ $1 != *:* ]] || destination_tag "${1#*:}"
  [[ $dir != *@(.tar|.tar.gz|.tar.zst) && ! -f $dir ]] ||
    usage "${called[to]}: expected a directory in oci:DIR:TAG, found '$dir' (oci-archive:FILE is a file)"
  local memory=''
  destination_memory
  written=(--output "${dir/#-/./-}" ${memory:+--known "$memory"})
  output=${attr[to]}
}

destination_archive() {
  [[ $1 == *.tar && ! -d $1 ]] || usage "${called[to]}: expected oci-archive:FILE.tar, found '${attr[to]}'"
  written=(--output "${1/#-/./-}")
  output=${attr[to]}
}

# destination_registry [HOST/]NAME[:TAG]
destination_registry() {
  local name=$1
  if [ "${attr[via]}" = skopeo ]; then
    destination_start_skopeo registry "${called[via]} skopeo"
  else
    push_start "$name"
    destination_layout_made registry
  fi
  if [[ ${name##*/} == *:* ]]; then
    destination_tag "${name##*:}"
    name=${name%:*}
  fi
  skopeo_name to "$name"
  destination_known
  output=docker://$name
}

destination_engine() {
  if [[ ${attr[to]} == docker-daemon:* ]]; then
    destination_layout_made engine
  else
    destination_start_skopeo engine "${called[to]} ${attr[to]%%:*}"
  fi
  engine_start
  destination_known
}

# Known layers come by reference.
destination_known() {
  local memory=''
  destination_memory
  known=$memory
  written+=(${memory:+--known "$memory"})
}

# destination_start_skopeo KIND PURPOSE
destination_start_skopeo() {
  skopeo_start "$2"
  [[ $work != *:* ]] || fail "${called[to]} needs a temporary directory whose name has no colon: set TMPDIR, not '$work'"
  destination_layout_made "$1"
}

destination_layout_made() {
  destination=$1
  written=(--output "$work/image")
}

# The tag there is the image's tag.
destination_tag() {
  skopeo_tag to "$1"
  [[ -z ${attr[tag]} || ${attr[tag]} == "$1" || (-n ${attr[prepared]-} && -z ${attr_set[tag]-}) ]] || usage "${called[to]}: the tag '$1' in it contradicts the tag '${attr[tag]}'"
  attr[tag]=$1
}

# Sets memory to the file of known layers, if there is to be one.
destination_memory() {
  case ${attr[knownLayers]} in
    none) ;;
    '') memory_of_caller ;;
    *) memory=${attr[knownLayers]} ;;
  esac
}

# Among what this user's programs remember. Who has no home, as a builder of Nix, goes without.
memory_of_caller() {
  local entry cache='' home='' reason
  for entry in "${environment_of_caller[@]}"; do
    case $entry in
      XDG_CACHE_HOME=/*) cache=${entry#*=} ;;
      HOME=/*) home=${entry#*=} ;;
    esac
  done
  [ -n "$cache" ] || [ ! -d "$home" ] || cache=$home/.cache
  [ -n "$cache" ] || return 0
  if reason=$(as_caller mkdir -p -- "$cache/layerpipe" 2>&1); then
    memory=$cache/layerpipe/known-layers
  else
    message "warning: known layers are not used: cannot make '$cache/layerpipe': ${reason##*: }"
  fi
}

destination_end() {
  local digest tag serve=()
  case $destination in
    registry | engine)
      image_written
      output+=:$tag
      ;;&
    registry) destination_push ;;
    engine) engine_end ;;
  esac
  print "$output"
}

# Sets digest and tag to those of the image in the layout. In its index both come before the caller's annotations.
image_written() {
  local lines
  lines_twice "$work/image/index.json"
  digest=${lines[0]-} digest=${digest#*'"digest":"'} digest=${digest%%\"*}
  tag=${lines[0]-} tag=${tag#*'"org.opencontainers.image.ref.name":"'} tag=${tag%%\"*}
  [[ $digest == sha256:* && $tag != "${lines[0]-}" && -n $tag && $tag != \{* ]] ||
    fail "cannot read '$work/image/index.json'"
}

# Whether the registry says that it has this image under this tag. Nobody's name and password are sent: where they
# are needed, and wherever else the answer is not a plain yes, skopeo goes on.
registry_has() {
  local name=${output#docker://} host scheme schemes=(https) options=()
  name=${name%:*} host=${name%%/*}
  [[ $name == */* && ($host == *[.:]* || $host == localhost) && $host != docker.io ]] || return 1
  type -P curl >/dev/null || return 1
  [ "${attr[tlsVerify]}" = true ] || schemes+=(http) options=(--insecure)
  for scheme in "${schemes[@]}"; do
    if manifest_head "$scheme://$host/v2/${name#*/}/manifests/$tag" >"$work/head"; then
      head_says "$digest" <"$work/head" || return 1
      [ "${attr[quiet]}" = true ] || message "'$output' is this image already"
      return 0
    fi
  done
  return 1
}

manifest_head() {
  with_caller_environment curl --disable --silent --globoff --proto "=$scheme" "${options[@]}" --max-time 10 \
    --suppress-connect-headers --head --header "Accept: application/vnd.oci.image.manifest.v1+json, \
application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json, \
application/vnd.docker.distribution.manifest.list.v2+json" -- "$1"
}

# head_says DIGEST: whether these are the headers of a manifest that is there and has it
head_says() {
  local line status='' found=''
  while IFS= read -r line; do
    line=${line%$'\r'}
    case ${line,,} in
      http/*) status=${line#* } found='' ;;
      docker-content-digest:*) found=${line#*:} found=${found//[[:blank:]]/} ;;
    esac
  done
  [[ ${status%% *} == 200 && $found == "$1" ]]
}

destination_push() {
  if [ "${attr[via]}" = registry-push ]; then
    destination_serve
    push_end
  elif ! registry_has; then
    destination_serve
    heard copied --preserve-digests --dest-tls-verify="${attr[tlsVerify]}"
  fi
}

# Sets serve to what the program that pushes runs under, if known layers come by reference.
destination_serve() {
  local form=() of=()
  [ -z "$known" ] || of=("${base_served[@]}")
  if [ ${#referred[@]} != 0 ]; then
    store_form
    of+=(--plan "$plan")
  fi
  [ ${#of[@]} != 0 ] || return 0
  serve=(layer-serve --layout "$work/image" --known "$known" "${of[@]}" "${form[@]}" --)
  [ ${#base_served[@]} = 0 ] || serve=(base_named "${serve[@]}")
}

# copied OPTION…: layer-serve says itself what it could not do, with status 125
copied() {
  local progress=(--quiet) status=0 words
  [[ ${attr[quiet]} = true || ! -t 2 ]] || progress=()
  skopeo_words copy "${progress[@]}" "$@" -- "oci:$work/image:$tag" "$output"
  # shellcheck disable=SC2016 # the other shell's
  "${serve[@]}" "$BASH" -c 'exec "$@" 2>&4 4>&-' - \
    env "${environment_of_caller[@]}" LC_ALL=C "${words[@]}" >&2 || status=$?
  case $status in
    0) ;;
    125) return 1 ;;
    *) return 125 ;;
  esac
}
