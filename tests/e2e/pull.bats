#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# An image through a registry: pulled, it runs in real clients, and Nix takes the file for its own.
load ../helper
load ../registry
load clients
load closure

setup_file() {
  setup_path
  needs_root
  needs dockerd docker docker-registry podman skopeo runc nix
  closure_make
  cd "$CLOSURE" || return
  attrs '{name: "app", tag: "one", maxLayers: 3, contents: [$p.app], config: {Cmd: ["/bin/app"]}}' >attrs.json
  stream-layered-image --quiet --attrs attrs.json --closure closure.json --root-dir root >image.tar
  clients_start "$BATS_FILE_TMPDIR/clients"
  docker_start
  registry_start "$BATS_FILE_TMPDIR/registry"
  registry_push docker-archive:image.tar app:one
  export NAME=$REGISTRY/app DIGEST
  nix-prefetch-docker --quiet --json --tls-verify=false "$NAME" "$DIGEST" --final-image-name pulled --final-image-tag 1 >app.json
  HASH=$(jq -r .hash app.json)
  pull-image --attrs app.json --tls-verify=false --output pulled.tar
  export HASH
}

teardown_file() {
  registry_stop
  clients_stop
}

@test "docker and podman load it, and it runs" {
  docker load --quiet -i "$CLOSURE/pulled.tar" >loaded
  [ "$(<loaded)" = 'Loaded image: pulled:1' ]
  [ "$(docker_run pulled:1)" = $'app says hello\nhello with common' ]
  podman load --quiet -i "$CLOSURE/pulled.tar" >loaded
  [ "$(<loaded)" = 'Loaded image: docker.io/library/pulled:1' ]
  [ "$(podman_run docker.io/library/pulled:1)" = $'app says hello\nhello with common' ]
}

@test "it has the files of the image that was pushed, and is a base like that one" {
  layer-flatten --from-image "$CLOSURE/image.tar" >want
  layer-flatten --from-image "$CLOSURE/pulled.tar" | same want -
  mkdir tree
  echo more >tree/more
  build-image --name more --tag 2 --from-image "$CLOSURE/pulled.tar" --inherit-config --copy-to-root tree --compressor none \
    --quiet --output more.tar
  docker load --quiet -i more.tar >loaded
  [ "$(docker_run more:2)" = $'app says hello\nhello with common' ]
}

# expression NAME HASH BUILDER: a file that pull-image makes in a builder, as dockerTools.pullImage would
expression() {
  cat <<END
derivation {
  name = "$1";
  system = builtins.currentSystem;
  __structuredAttrs = true;
  imageName = "$NAME";
  imageDigest = "$DIGEST";
  finalImageName = "pulled";
  finalImageTag = "1";
  tlsVerify = false;
  outputHash = "$2";
  outputHashAlgo = "sha256";
  outputHashMode = "flat";
  PATH = "$BUILD/bin:/usr/bin:/bin";
  builder = "$3";
  args = [ "-ec" ''
    . .attrs.sh; export PATH
    pull-image --attrs .attrs.json --output "''\${outputs[out]}"
  '' ];
}
END
}

@test "in a builder of Nix: the hash is Nix's, and a wrong one is told" {
  export NIX_CONFIG=${NIX_CONFIG/extra-sandbox-paths =/extra-sandbox-paths = $BUILD}
  expression pulled.tar "$HASH" /bin/bash >pull.nix
  image=$(nix-build --no-out-link pull.nix 2>log) || { cat log && return 1; }
  same "$CLOSURE/pulled.tar" "$CLOSURE/root$image"
  expression wrong.tar sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= /bin/bash >wrong.nix
  run -1 nix-build --no-out-link wrong.nix
  [[ $output == *"pull-image: hash mismatch in '"*"-wrong.tar': specified: sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=, got: $HASH"* ]]
}

@test "what nix-prefetch-docker fetched Nix does not fetch again" {
  expression docker-image-pulled-1.tar "$HASH" /bin/false >pull.nix
  image=$(nix-build --no-out-link pull.nix 2>log) || { cat log && return 1; }
  same "$CLOSURE/pulled.tar" "$CLOSURE/root$image"
}
