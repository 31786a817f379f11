#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# One image, in every client, in every compression each of them reads.
load ../helper
load clients
load closure

setup_file() {
  setup_path
  needs_root
  needs dockerd docker podman skopeo umoci runc gzip zstd
  closure_make
  # of few layers, and the same ones in all images: clients take their time for each
  attrs '{name: "app", tag: "t", maxLayers: 4, contents: [$p.app], config: {Cmd: ["/bin/app"]}}' >attrs.json
  stream-layered-image --quiet --attrs attrs.json --closure "$CLOSURE/closure.json" \
    --root-dir "$CLOSURE/root" >"$CLOSURE/image.tar"
  printf '%s\n' 'app says hello' 'hello with common' >"$CLOSURE/said"
  clients_start "$BATS_FILE_TMPDIR/clients"
  docker_start
}

teardown_file() { clients_stop; }

setup() {
  setup_path
  image=$CLOSURE/image.tar
}

@test "docker load from a file, and run" {
  docker load --quiet -i "$image" >loaded
  echo 'Loaded image: app:t' >want
  same want loaded
  docker_run app:t >said
  same "$CLOSURE/said" said
}

@test "docker: the layers and the configuration are those of the image" {
  tar -xf "$image"
  jq -r '.[0].Config' manifest.json | xargs cat >config.json
  echo "sha256:$(sha256sum <config.json | cut -d ' ' -f 1)" >want
  docker image inspect -f '{{.Id}}' app:t >id
  same want id
  jq -r '.rootfs.diff_ids[]' config.json >want
  docker image inspect app:t | jq -r '.[0].RootFS.Layers[]' >layers
  same want layers
}

@test "docker: history tells what each layer holds" {
  [ "$(docker history -q app:t | wc -l)" = "$(docker image inspect app:t | jq '.[0].RootFS.Layers | length')" ]
}

@test "docker save gives back layers with the same digests" {
  docker save -o saved.tar app:t
  skopeo inspect --config "docker-archive:saved.tar" | jq -c .rootfs.diff_ids >saved
  skopeo inspect --config "docker-archive:$image" | jq -c .rootfs.diff_ids >want
  same want saved
}

@test "podman load from a file and from a pipe, and run" {
  podman load --quiet -i "$image" >loaded
  echo 'Loaded image: localhost/app:t' >want
  same want loaded
  podman rmi app:t >/dev/null
  podman load --quiet <"$image" >loaded
  same want loaded
  podman_run app:t >said
  same "$CLOSURE/said" said
}

@test "skopeo finds every digest right" {
  skopeo_check "$image" dir
  [ "$(jq '.layers | length' dir/manifest.json)" = "$(skopeo inspect "docker-archive:$image" | jq '.Layers | length')" ]
}

@test "skopeo refuses the image when one byte of a layer changes" {
  cp "$image" broken.tar
  offset=$(grep -abo 'hello with' broken.tar | head -n 1 | cut -d : -f 1)
  printf J | dd of=broken.tar bs=1 seek="$offset" conv=notrunc status=none
  run ! skopeo_check broken.tar dir
  [[ "$output" == *'Digest did not match'* ]]
}

@test "umoci unpacks it and runc runs it" {
  umoci_run "$image" umoci >said
  same "$CLOSURE/said" said
}

@test "umoci unpacks exactly what lies in the store" {
  umoci_run "$image" umoci >/dev/null
  closure-graph --root "$(path app)" "$CLOSURE/closure.json" | cut -f 1 | sed 's,^/nix/store/,,' >want
  find umoci/bundle/rootfs/nix/store -mindepth 1 -maxdepth 1 -printf "%f\n" | LC_ALL=C sort >found
  same want found
  while read -r name; do
    diff -r --no-dereference "$CLOSURE/root/nix/store/$name" "umoci/bundle/rootfs/nix/store/$name"
  done <want
}

stream() {
  stream-layered-image --quiet --name piped --tag t --max-layers 4 --contents "$(path app)" \
    --closure "$CLOSURE/closure.json" --root-dir "$CLOSURE/root"
}

@test "stream-layered-image | docker load" {
  stream | docker load --quiet >loaded
  echo 'Loaded image: piped:t' >want
  same want loaded
  docker_run piped:t /bin/app >said
  same "$CLOSURE/said" said
}

@test "stream-layered-image | podman load" {
  stream | podman load --quiet >loaded
  echo 'Loaded image: localhost/piped:t' >want
  same want loaded
  podman_run piped:t /bin/app >said
  same "$CLOSURE/said" said
}

# build COMPRESSOR FILE
build() {
  build-layered-image --quiet --attrs <(attrs "{name: \"$1\", tag: \"t\", compressor: \"$1\", maxLayers: 4,
    contents: [\$p.app], config: {Cmd: [\"/bin/app\"]}}") \
    --closure "$CLOSURE/closure.json" --root-dir "$CLOSURE/root" --output "$2"
}

@test "compressor none: docker, podman, skopeo" {
  build none image.tar
  docker load --quiet -i image.tar
  docker_run none:t >said
  same "$CLOSURE/said" said
  podman load --quiet -i image.tar
  podman_run none:t >said
  same "$CLOSURE/said" said
  skopeo_check image.tar dir
}

@test "compressor gz: docker, podman from a file and from a pipe, skopeo; gzip finds nothing wrong" {
  build gz image.tar.gz
  gzip -t image.tar.gz
  docker load --quiet -i image.tar.gz
  docker_run gz:t >said
  same "$CLOSURE/said" said
  podman load --quiet -i image.tar.gz
  podman_run gz:t >said
  same "$CLOSURE/said" said
  podman rmi gz:t >/dev/null
  podman load --quiet <image.tar.gz
  skopeo_check image.tar.gz dir
}

@test "compressor zstd: podman, skopeo from a file and from a pipe" {
  build zstd image.tar.zst
  zstd -qt image.tar.zst
  podman load --quiet -i image.tar.zst
  podman_run zstd:t >said
  same "$CLOSURE/said" said
  skopeo_check image.tar.zst dir
  skopeo copy -q docker-archive:/dev/stdin dir:dir2 <image.tar.zst
  same dir/manifest.json dir2/manifest.json
}
