#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A push to a registry, by stock skopeo and by registry-push: from the store comes what the registry lacks, and nothing else.
load ../helper
load ../registry

setup_file() {
  setup_path
  registry_start "$PWD/registry"
}

teardown_file() { registry_stop; }

setup() {
  setup_path
  registry_forget
  elsewhere=()
  "$TOP/tests/fixtures/make-example" example
  cd example || return
  layer-plan --max-layers 5 --strategy popularity graph >plan
  mkdir top
  echo one >top/file
}

# image LAYOUT: plan and top, as image a:1, with known layers by reference
image() {
  image-assemble --name a --tag 1 --format oci --known known --output "$1" \
    <(layer-tar --root-dir root --known known plan) <(tree-list --owner 0:0 top | layer-tar --mtree -)
}

# push LAYOUT NAME [PATH…]: with a store that has these paths alone
push() {
  local path
  [ ! -e bare ] || chmod -R u+w bare
  rm -rf bare
  mkdir -p bare/nix/store
  for path in "${@:3}"; do cp -a "root$path" bare/nix/store; done
  layer-serve --layout "$1" --plan plan --known known --root-dir bare -- "${elsewhere[@]}" \
    skopeo --insecure-policy copy --quiet --preserve-digests --dest-tls-verify=false "oci:$1:1" "docker://$REGISTRY/$2"
}

# of_layer N: the store paths of that layer
of_layer() { awk -v n="$1" '$1 == n { print $2 }' plan; }

# requests METHOD PATTERN: how many there were since registry_forget
requests() { registry_requests | grep -cE "^$1 .*$2" || true; }

# The image that NAME has in the registry, as files.
pulled() {
  skopeo --insecure-policy copy --quiet --src-tls-verify=false "docker://$REGISTRY/$1" docker-archive:pulled.tar:x:y
  export-image --from-image pulled.tar --output "$2"
  rm pulled.tar
}

@test "first push, the same again, a path changed, another repository, no memory" {
  local changed
  image first
  layer-tar --root-dir root plan >layers
  tree-list --owner 0:0 top | layer-tar --mtree - >>layers
  image-assemble <layers | export-image --from-image - --output want
  rm -rf lacking
  image lacking
  # of the five layers, no file is in the layout: all are read
  [ "$(find lacking/blobs -type f | wc -l)" = 3 ]
  mapfile -t all < <(cut -f 2 plan)
  push lacking repo:1 "${all[@]}"
  pulled repo:1 found
  same want found
  # the digests of the layout are those of the registry
  [ "$(skopeo_digest repo:1)" = "$(jq -r '.manifests[0].digest' lacking/index.json)" ]
  # the same again: nothing is read, nothing is sent
  registry_forget
  push lacking repo:2
  [ "$(requests PATCH /)" = 0 ]
  [ "$(requests PUT /manifests/)" = 1 ]
  # a file on top: one layer and the configuration
  registry_forget
  echo two >top/file
  rm -rf lacking
  image lacking
  push lacking repo:3
  [ "$(requests PATCH /blobs/)" = 2 ]
  # a path of the store has other contents: its layer alone is read
  changed=$(awk '/-hello-1.0\t/ { print $2 }' plan)
  chmod -R u+w "root$changed"
  find "root$changed" -type f -size +0 -exec sed -i '$s/$/ /' {} +
  awk -v p="$changed" 'BEGIN { FS = OFS = "\t" } $2 == p { $4 = "sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s" } 1' plan >plan.new
  mv plan.new plan
  rm -rf lacking
  image first-of-new
  image lacking
  registry_forget
  mapfile -t paths < <(of_layer "$(awk -v p="$changed" '$2 == p { print $1 }' plan)")
  [ ${#paths[@]} -lt ${#all[@]} ]
  push lacking repo:4 "${paths[@]}"
  [ "$(requests PATCH /blobs/)" = 2 ]
  # another repository of the same registry: skopeo knows where the blobs are
  registry_forget
  push lacking other:1
  [ "$(requests PATCH /)" = 1 ] # the configuration
  [ "$(requests POST 'mount=')" -gt 0 ]
  # another machine, where skopeo remembers nothing: what the registry has is asked for, and not read
  registry_forget
  export HOME=$PWD/elsewhere XDG_DATA_HOME=$PWD/elsewhere
  [ "$(id -u)" != 0 ] || elsewhere=(unshare --mount sh -c 'mkdir -p /var/lib/containers &&
    mount -t tmpfs tmpfs /var/lib/containers && exec "$@"' -)
  push lacking repo:5
  [ "$(requests HEAD /blobs/)" = $(($(jq '.layers | length' "lacking/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' lacking/index.json)") + 1)) ]
  run -1 grep -vE '^(GET /v2/ |HEAD /v2/repo/blobs/|PUT /v2/repo/manifests/5 )' <(registry_requests)
}

@test "an index of two platforms: pushed with all its images, pulled for one" {
  local platform
  layer-tar --root-dir root plan >layers
  for platform in amd64 arm64/v8; do
    image-assemble --name a --tag 1 --architecture "$platform" --format oci --output "${platform%/*}" layers
  done
  merge-images --format oci --output both amd64 arm64
  skopeo --insecure-policy copy --all --quiet --preserve-digests --dest-tls-verify=false oci:both:1 "docker://$REGISTRY/both:1"
  skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/both:1" >index
  [ "sha256:$(sha256sum <index | cut -d ' ' -f 1)" = "$(jq -r '.manifests[0].digest' both/index.json)" ]
  # the layers are the same ones: each was sent once
  [ "$(requests PATCH /blobs/)" -le $(($(cut -f 1 plan | sort -u | wc -l) + 2)) ]
  for platform in amd64 arm64; do
    skopeo --insecure-policy --override-arch "$platform" copy --quiet --src-tls-verify=false "docker://$REGISTRY/both:1" "oci:$platform-pulled:1"
    jq -r '.manifests[0].digest' "$platform/index.json" | same <(jq -r '.manifests[0].digest' "$platform-pulled/index.json") /dev/stdin
    image-layers --platform "$platform" both | same <(image-layers "$platform-pulled") /dev/stdin
  done
}

@test "a store path that changed meanwhile is not pushed" {
  local file
  # layers that no repository has
  layer-plan --max-layers 2 graph >plan
  image first
  rm -rf lacking
  image lacking
  file=$(find root/nix/store -type f -path '*hello-1.0*' -size +0 | head -n 1)
  chmod u+w "$file"
  sed -i '1s/./x/' "$file"
  mapfile -t all < <(cut -f 2 plan)
  status=0
  push lacking changed:1 "${all[@]}" 2>err || status=$?
  [ "$status" = 125 ]
  grep -q '^layer-serve: layer [0-9]* has changed: its diff ID is sha256:' err
  [ "$(requests PUT /manifests/)" = 0 ]
  [ "$(find lacking -type p | wc -l)" = 0 ]
}

# stored NAME: what docker-registry keeps of a repository: its tags, and all digests
stored() { (cd "${REGISTRY_LOG%/*}/storage/docker/registry/v2/repositories/$1" && find . -path '*/_uploads*' -o -type f -print | sort); }

# both NAME…: the first repository is pushed by registry-push with lines on its standard input, the second by skopeo with
# its option; the registry has the same of both
both() {
  local digest
  registry-push --tls-verify=false --credentials 0 first "$REGISTRY/ours:1" 2 >said
  skopeo --insecure-policy copy --quiet --preserve-digests --dest-tls-verify=false "$@" oci:first:1 "docker://$REGISTRY/its:1"
  skopeo --insecure-policy copy --quiet --preserve-digests --dest-tls-verify=false "$@" oci:first:1 "docker://$REGISTRY/its:2"
  digest=$(jq -r '.manifests[0].digest' first/index.json)
  lines "$REGISTRY/ours:1@$digest" "$REGISTRY/ours:2@$digest" | same - said
  [ "$(stored ours | wc -l)" -gt 8 ]
  stored its | same - <(stored ours)
}

@test "registry-push: the same as skopeo from the same layout; with a password, with tokens, from a layout without layers" {
  # shellcheck disable=SC2016 # a hash
  local password='u:$2b$04$abcdefghijklmnopqrstuudMegMbPN37MbpdEfAtP66w1z0RBCtLG'
  image first
  both </dev/null
  # again: a HEAD for each tag, and nothing else
  registry_forget
  registry-push --tls-verify=false first "$REGISTRY/ours:1" 2 >said
  lines 'HEAD /v2/ours/manifests/1 200' 'HEAD /v2/ours/manifests/2 200' | same - <(registry_requests | sort)
  # what was pushed is the image, for skopeo too
  pulled ours:1 found
  image-assemble <(layer-tar --root-dir root plan) <(tree-list --owner 0:0 top | layer-tar --mtree -) >image
  export-image --from-image image --output want
  same want found
  # layers come of the store
  rm -rf lacking
  image lacking
  layer-serve --layout lacking --plan plan --known known --root-dir root -- \
    registry-push --tls-verify=false lacking "$REGISTRY/served:1" >said
  stored served | sort | same - <(stored ours | sed '/tags\/2\//d')
  # what one repository has, the registry mounts in another one
  registry_forget
  registry-push --tls-verify=false --mount-from served lacking "$REGISTRY/mounted:1" >said
  run -1 grep 'PUT /v2/mounted/blobs' <(registry_requests)
  registry_stop
  echo "$password" >htpasswd
  registry_start "$PWD/basic" "auth: {htpasswd: {realm: layerpipe, path: '$PWD/htpasswd'}}"
  printf '%s\tu\tp\n' "$REGISTRY" | both --dest-creds u:p
  run -1 registry-push --tls-verify=false first "$REGISTRY/nobody:1"
  registry_stop
  started=()
  auth_start
  printf '%s\tu\tp\n' "$REGISTRY" | both --dest-creds u:p
  echo "{\"auths\": {\"$REGISTRY\": {\"auth\": \"$(printf u:p | base64)\"}}}" >auth.json
  registry-push --tls-verify=false --credentials 3 --mount-from ours first "$REGISTRY/mounted:1" \
    3< <(registry-credentials --authfile auth.json "$REGISTRY/mounted") >said
  run -1 registry-push --tls-verify=false first "$REGISTRY/nobody:1"
  kill "${started[@]}"
}

@test "a registry that is not there" {
  image first
  rm -rf lacking
  image lacking
  registry_stop
  status=0
  push lacking gone:1 2>err || status=$?
  [ "$status" = 1 ]
  grep -q 'connection refused' err
  [ "$(find lacking -type p | wc -l)" = 0 ]
}
