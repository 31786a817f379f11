#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# OCI layouts, OCI archives and hybrid archives in every client that reads them.
load ../helper
load clients
load closure

setup_file() {
  setup_path
  needs_root
  needs dockerd docker podman skopeo umoci runc
  closure_make
  attrs '{name: "app", tag: "t", contents: [$p.app], config: {Cmd: ["/bin/app"]}}' >attrs.json
  stream-layered-image --quiet --attrs attrs.json --closure "$CLOSURE/closure.json" \
    --root-dir "$CLOSURE/root" >"$CLOSURE/image.tar"
  image-layers --config "$CLOSURE/image.tar" >config
  image-layers "$CLOSURE/image.tar" >s
  local kind
  for kind in none gz zstd; do
    for form in oci hybrid; do
      image-assemble --name app --tag t --config config --format $form --layer-compressor $kind --output "$CLOSURE/$form-$kind.tar" s
    done
    image-assemble --name app --tag t --config config --format oci --layer-compressor $kind --output "$CLOSURE/$kind" s
  done
  printf '%s\n' 'app says hello' 'hello with common' >"$CLOSURE/said"
  clients_start "$BATS_FILE_TMPDIR/clients"
  docker_start
}

teardown_file() { clients_stop; }

setup() {
  setup_path
  id=$(skopeo inspect --config --raw "docker-archive:$CLOSURE/image.tar" | sha256sum | cut -d ' ' -f 1)
}

@test "docker load of a hybrid archive, and run: the ID is that of the docker-archive" {
  local kind
  for kind in none gz; do
    docker load --quiet -i "$CLOSURE/hybrid-$kind.tar"
    [ "$(docker image inspect -f '{{.Id}}' app:t)" = "sha256:$id" ]
    docker_run app:t >said
    same "$CLOSURE/said" said
    docker image rm app:t >/dev/null
  done
}

@test "podman load of a layout, an OCI archive and a hybrid one, and run" {
  local kind image name
  cd "$CLOSURE" || return # podman takes the name of a layout for that of an image: lower case
  for kind in none gz zstd; do
    for image in "$kind" "oci-$kind.tar" "hybrid-$kind.tar"; do
      name=$(podman load --quiet -i "$image")
      name=${name#Loaded image: }
      [ "$(podman image inspect -f '{{.Id}}' "$name")" = "$id" ]
      podman_run "$name" | same said /dev/stdin
      podman rmi "$name" >/dev/null
    done
  done
}

@test "umoci unpacks a layout, and runc runs it" {
  local kind
  for kind in none gz; do
    umoci unpack --image "$CLOSURE/$kind:t" bundle >log 2>&1 || { cat log; false; }
    jq --arg group "/layerpipe-$CLIENTS_INIT/umoci" '.process.terminal = false | .linux.cgroupsPath = $group' \
      bundle/config.json >config.json
    mv config.json bundle/config.json
    inside runc --root /run/runc run --bundle "$PWD/bundle" "layerpipe-oci-$kind" >said
    same "$CLOSURE/said" said
    rm -rf bundle
  done
}

@test "umoci finds every blob of a layout in use" {
  cp -a "$CLOSURE/gz" layout
  umoci gc --layout layout
  diff -r "$CLOSURE/gz" layout
}

@test "skopeo keeps the digests of each form" {
  local kind from
  for kind in none gz zstd; do
    for from in "oci:$CLOSURE/$kind:t" "oci-archive:$CLOSURE/oci-$kind.tar" "oci-archive:$CLOSURE/hybrid-$kind.tar"; do
      skopeo copy -q --preserve-digests "$from" oci:copy:t
      jq -r '.manifests[0].digest' copy/index.json >got
      jq -r '.manifests[0].digest' "$CLOSURE/$kind/index.json" | same got /dev/stdin
      rm -r copy
    done
  done
  skopeo copy -q "docker-archive:$CLOSURE/hybrid-gz.tar" dir:dir
}

@test "ctr imports an OCI archive and a hybrid one" {
  needs ctr
  local form
  for form in oci hybrid; do
    inside ctr --address /run/docker/containerd/containerd.sock image import --all-platforms "$CLOSURE/$form-gz.tar" >imported
    grep -q 'docker.io/library/app:t' imported
    inside ctr --address /run/docker/containerd/containerd.sock image rm docker.io/library/app:t
  done
}
