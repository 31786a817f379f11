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
  attrs '{name: "app", tag: "t", maxLayers: 3, contents: [$p.app], config: {Cmd: ["/bin/app"]}}' >attrs.json
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
  id=$(skopeo inspect --config --raw "docker-archive:$CLOSURE/image.tar" | sha256sum | cut -d ' ' -f 1)
  export id
  clients_start "$BATS_FILE_TMPDIR/clients"
  docker_start
}

teardown_file() { clients_stop; }

@test "docker load of a hybrid archive, and run: the ID is that of the docker-archive" {
  local kind
  for kind in none gz; do
    docker load --quiet -i "$CLOSURE/hybrid-$kind.tar"
    [ "$(docker image inspect -f '{{.Id}}' app:t)" = "sha256:$id" ]
    [ $kind = none ] || docker_run app:t >said
    docker image rm app:t >/dev/null
  done
  same "$CLOSURE/said" said
}

# Each form once, and each kind: that the blobs of all are right, skopeo sees below.
@test "podman load of a layout, an OCI archive and a hybrid one, and run" {
  local image name
  cd "$CLOSURE" || return # podman takes the name of a layout for that of an image: lower case
  for image in none oci-gz.tar hybrid-zstd.tar; do
    name=$(podman load --quiet -i "$image")
    name=${name#Loaded image: }
    [ "$(podman image inspect -f '{{.Id}}' "$name")" = "$id" ]
    podman_run "$name" >found
    same said found
    podman rmi "$name" >/dev/null
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

@test "ctr imports an OCI archive and a hybrid one, with our digest, and runs them" {
  needs ctr
  local form ctr=(inside ctr --address /run/docker/containerd/containerd.sock) digest
  digest=$(jq -r '.manifests[0].digest' "$CLOSURE/gz/index.json")
  for form in oci hybrid; do
    "${ctr[@]}" image import --all-platforms "$CLOSURE/$form-gz.tar" >imported
    grep -q 'docker.io/library/app:t' imported
    "${ctr[@]}" image ls name==docker.io/library/app:t >list
    grep -qF "$digest" list
    "${ctr[@]}" run --rm --net-host --cgroup "/layerpipe-$CLIENTS_INIT/ctr" docker.io/library/app:t "layerpipe-$form" >said
    same "$CLOSURE/said" said
    "${ctr[@]}" image rm docker.io/library/app:t
  done
}

# A registry in the namespaces, where the port is free
registry_inside() {
  lines 'version: 0.1' 'log: {level: info}' "storage: {filesystem: {rootdirectory: $PWD/storage}}" \
    'http: {addr: "127.0.0.1:5000"}' >registry.yml
  : >registry.log
  nsenter --target "$CLIENTS_INIT" --mount --pid --net -- env -i "$(type -P docker-registry)" serve "$PWD/registry.yml" \
    >registry.log 2>&1 3>&- &
  timeout 20 grep -qm 1 'listening on' <(tail -f --pid=$! -n +1 registry.log) || { cat registry.log && return 1; }
}

@test "docker, podman and ctr pull what registry-push pushed, with our digest, and run it" {
  needs ctr docker-registry
  local ctr=(inside ctr --address /run/docker/containerd/containerd.sock) name=127.0.0.1:5000/app:t digest
  digest=$(jq -r '.manifests[0].digest' "$CLOSURE/gz/index.json")
  registry_inside
  inside registry-push --plain-http "$CLOSURE/gz" "$name" >pushed
  echo "$name@$digest" | same - pushed
  docker pull --quiet "$name" >/dev/null
  [ "$(docker image inspect -f '{{.Id}} {{index .RepoDigests 0}}' "$name")" = "sha256:$id ${name%:t}@$digest" ]
  docker_run "$name" | same "$CLOSURE/said" -
  podman pull --quiet --tls-verify=false "$name" >/dev/null
  [ "$(podman image inspect -f '{{.Id}} {{.Digest}}' "$name")" = "$id $digest" ]
  podman_run "$name" | same "$CLOSURE/said" -
  "${ctr[@]}" image pull --plain-http "$name" >/dev/null
  "${ctr[@]}" image ls "name==$name" | grep -qF "$digest"
  "${ctr[@]}" run --rm --net-host --cgroup "/layerpipe-$CLIENTS_INIT/ctr" "$name" layerpipe-pulled | same "$CLOSURE/said" -
}

# engine COMMAND…: in the clients' world, where skopeo and docker leave traces: layers/ has what the layout has of
# blobs, and load.tar is what docker loads. client/NAME is what the engine is asked for images, if it is there
engine() {
  local name
  mkdir -p shim client home
  for name in skopeo docker podman; do
    cat >shim/$name <<END
#!/bin/bash
case "$name \$*" in
  skopeo\ *) for word; do [[ \$word != oci:* ]] || layout=\${word#oci:}; done; rm -rf layers; cp -r "\${layout%:*}/blobs/sha256" layers
    [ ! -e unread ] || while read -r word; do rm "\${layout%:*}/blobs/sha256/\${word#*:}"; done <unread ;;
  docker\ load*) cat >load.tar; exec $(type -P "$name") "\$@" <load.tar ;;
  *image\ ls*) [ ! -e client/$name ] || exec echo some ;;
  *image\ inspect*) [ ! -e client/$name ] || { cat client/$name; exit; } ;;
esac
exec $(type -P "$name") "\$@"
END
    chmod +x shim/$name
  done
  rm -rf layers load.tar
  inside env HOME="$PWD/home" "PATH=$PWD/shim:$PATH" "CONTAINERS_CONF=$CLIENTS/podman/containers.conf" \
    "DOCKER_HOST=unix://$CLIENTS/docker/sock" "$@"
}

# local_image TO [OPTION…]: the example, of five layers
local_image() {
  engine build-layered-image --name hello --closure graph --root-dir root --max-layers 5 \
    --contents /nix/store/4ddddddddddddddddddddddddddddddd-hello-1.0 --known-layers known --to "$@"
}

# local_change: one path of the third layer has other contents; want is the image, changed the diff ID of that layer,
# above those of the layers on top of it
local_change() {
  local path
  image_files old
  path=$(awk '$1 == 3 { print $2; exit }' plan)
  find "root$path" -type f -size +0 -exec sed -i '$s/$/ /' {} +
  awk -v p="$path" 'BEGIN { FS = OFS = "\t" } $1 == p { $3 = "sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s" } 1' \
    graph >graph.new
  mv graph.new graph
  image_files new
  cut -f 1 old.list >old
  changed=$(cut -f 1 new.list | grep -vxF -f old)
  [ "$(wc -l <<<"$changed")" = 1 ]
  above=$(cut -f 1 new.list | sed "1,/$changed/d")
  [ -n "$above" ]
  # who reads a file below it, where nothing has changed, finds other bytes
  cp -a root root.whole
  awk '$1 < 3 { print $2 }' plan >below
  while read -r path; do find "root$path" -type f -size +0 -exec sed -i '1s/./X/' {} +; done <below
}

image_files() {
  stream-layered-image --quiet --name hello --tag 1 --closure graph --root-dir root --max-layers 5 \
    --contents /nix/store/4ddddddddddddddddddddddddddddddd-hello-1.0 --plan-out plan >"$1.tar"
  image-layers --files "$1.tar" >"$1.files"
  image-layers --list "$1.tar" >"$1.list"
}

# local_on_top TO: the new image, and another layer
local_on_top() {
  mkdir top
  echo top >top/file
  engine build-layered-image --name top --contents top --from-image new.tar --known-layers known --quiet --to "$1"
}

# blobs DIR > those of layers in it, as diff IDs
blobs() {
  local file
  for file in "$1"/*; do [[ $(head -c 1 "$file") == '{' ]] || echo "sha256:${file##*/}"; done
}

@test "the storage of podman gets the layer that changed, and where it has less than it says, all" {
  made example .
  chmod -R u+w root
  local to changed above
  to="containers-storage:[overlay@$CLIENTS/podman/root+$CLIENTS/podman/run]localhost/hello:1"
  [ "$(local_image "$to" --quiet)" = "$to" ]
  local_change
  sed -n '/customisation/s/\t.*//p' new.list >unread
  local_image "$to" --quiet
  # skopeo reads only the former of these
  blobs layers | sort >sent
  echo "$changed" | sort - unread | same - sent
  rm unread
  podman save --quiet --output saved.tar localhost/hello:1
  image-layers --files saved.tar | same new.files -
  # of a base that the storage has, nothing is sent
  local_on_top "${to%/*}/top:1"
  blobs layers | sort >sent
  [ "$(wc -l <sent)" = 1 ]
  podman save --quiet --output top.tar localhost/top:1
  image-layers --list top.tar | cut -f 1 | grep -vxF -f <(cut -f 1 new.list) | same - sent
  podman rmi localhost/top:1 >/dev/null
  podman image inspect --format '{{range .RootFS.Layers}}{{.}} {{end}}' localhost/hello:1 >client/podman
  podman rmi --all --force >/dev/null
  rm -r root && mv root.whole root
  local_image "$to" 2>err
  grep -qx "build-layered-image: '.*' does not take the image without the layers that are there: it gets the whole" err
  blobs layers | sort >sent
  cut -f 1 new.list | sort | same - sent
  podman save --quiet --output again.tar localhost/hello:1
  image-layers --files again.tar | same new.files -
}

@test "docker gets the layer that changed and those on top of it, and where it has less than it says, all" {
  made example .
  chmod -R u+w root
  local changed above
  [ "$(local_image docker-daemon:hello:1 --quiet)" = docker-daemon:hello:1 ]
  local_change
  local_image docker-daemon:hello:1 --quiet
  mkdir loaded
  tar -xf load.tar -C loaded
  blobs loaded/blobs/sha256 | sort >sent
  printf '%s\n' "$changed" "$above" | sort | same - sent
  docker save --output saved.tar hello:1
  image-layers --files saved.tar | same new.files -
  local_on_top docker-daemon:top:1
  rm -r loaded && mkdir loaded
  tar -xf load.tar -C loaded
  [ "$(blobs loaded/blobs/sha256 | wc -l)" = 1 ]
  docker image rm --force top:1 >/dev/null
  docker image inspect --format '{{range .RootFS.Layers}}{{.}} {{end}}' hello:1 >client/docker
  docker image rm --force "$(docker image ls --quiet hello:1)" >/dev/null
  docker image prune --force >/dev/null
  rm -r root && mv root.whole root
  local_image docker-daemon:hello:1 2>err
  grep -qx "build-layered-image: 'docker-daemon:hello:1' does not take the image without the layers that are there: it gets the whole" err
  docker save --output again.tar hello:1
  image-layers --files again.tar | same new.files -
}
