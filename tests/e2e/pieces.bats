#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# podman pulls updates of a real closure from a registry by pieces, and whole layers: how many bytes.
# shellcheck disable=SC2154 # registry_forget sets registry_seen
load ../helper
load ../registry
load clients

# made_closure NAME [OPTION…]: the closure, as it is with this option of mkclosure
made_closure() {
  "$TOP/tests/mkclosure/mkclosure" "${@:2}" closure coreutils
  closure-graph closure/closure.json | layer-plan --max-layers 5 >"$1.plan"
}

setup_file() {
  setup_path
  needs_root
  needs nix nix-build patchelf perl python3 podman skopeo docker-registry busybox
  made_closure old
  made_closure cascade --salt libc6
  made_closure small --salt libacl1
  clients_start "$BATS_FILE_TMPDIR/clients"
  registry_start "$PWD/registry"
}

teardown_file() {
  registry_stop
  clients_stop
}

setup() {
  setup_path
  cd "$BATS_FILE_TMPDIR" || return
}

# image COMPRESSOR NAME: as layout in COMPRESSOR/NAME
image() {
  layer-tar --root-dir closure/root "$2.plan" |
    image-assemble --name app --tag 1 --format oci --layer-compressor "$1" --output "${1#*:}/$2" >/dev/null
}

# with_storage NAME COMMAND…: podman's storage is NAME; only pieces has partial pulls
with_storage() {
  local partial=false dir=$CLIENTS/$1
  [ "$1" != pieces ] || partial=true
  mkdir -p "$dir"
  cat >"$dir/storage.conf" <<C
[storage]
driver = "overlay"
graphroot = "$dir/root"
runroot = "$dir/run"
[storage.options]
pull_options = {enable_partial_images = "$partial"}
C
  # the registry is on the loopback outside
  nsenter --target "$CLIENTS_INIT" --mount --pid --wdns="$PWD" -- env CONTAINERS_STORAGE_CONF="$dir/storage.conf" \
    CONTAINERS_CONF="$CLIENTS/podman/containers.conf" "${@:2}"
}

# pulled STORAGE NAME: sets bytes to what the registry sent of blobs of layers
pulled() {
  registry_forget
  with_storage "$1" podman pull --quiet --tls-verify=false "$REGISTRY/app:$2" >id
  bytes=$(tail -n "+$((registry_seen + 1))" "$REGISTRY_LOG" | grep -v "$(jq -r .config.digest "manifest.$2")" |
    sed -nE 's/^127\.0\.0\.1 .* "GET [^ ]*\/blobs\/[^ ]* HTTP[^"]*" 20[06] ([0-9]+) .*/\1/p' |
    awk '{ n += $1 } END { print n + 0 }')
}

# tree STORAGE NAME: what podman mounts, but for times of files
tree() {
  # shellcheck disable=SC2016 # expanded inside
  with_storage "$1" bash -euc 'cd "$(podman image mount "$1")"
    find . -mindepth 1 -printf "%P %y %m %U:%G %l\n" | sort
    find . -type f -print0 | sort -z | xargs -0 sha256sum' bash "$REGISTRY/app:$2"
}

# compared NAME: the log of the registry with what image-diff says of this update; adds to the column of the table
compared() {
  local kind layers pieces split
  for kind in gz zstd chunked; do
    image-diff --pieces chunked/old "$kind/$1" >difference
    awk '{ l += $8; p += $14 } END { print l, p }' FS='\t' difference >sums
    read -r layers pieces <sums
    echo "$layers" >>"$1.bytes"
  done
  pulled pieces "$1"
  echo "$bytes" >>"$1.bytes"
  echo "$1: by pieces $bytes, which image-diff takes for $pieces; by layer $layers"
  ((bytes * 100 <= layers * 4))
  # tar-split data is for later versions
  split=$(jq '[.layers[].annotations["io.github.containers.zstd-chunked.tarsplit-position"] | split(":")[1] | tonumber] | add' "manifest.$1")
  ((pieces - split <= bytes && bytes <= pieces))
}

@test "after an update podman pulls few of the bytes of the layers, and has the same tree" {
  local name kind whole
  mkdir gz zstd chunked
  image zstd:chunked old
  for name in cascade small; do
    for kind in gz zstd zstd:chunked; do image $kind $name; done
  done
  for name in old cascade small; do
    skopeo --insecure-policy copy --quiet --preserve-digests --dest-tls-verify=false "oci:chunked/$name:1" \
      "docker://$REGISTRY/app:$name"
    cp "chunked/$name/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' "chunked/$name/index.json")" "manifest.$name"
  done
  pulled pieces old
  compared cascade
  compared small
  lines 'gz\tby layer' 'zstd\tby layer' 'zstd:chunked\tby layer' 'zstd:chunked\tby pieces' |
    paste - cascade.bytes small.bytes | column -t -s $'\t' -N '-,-,another libc,another libacl'
  # without partial pulls it is a layer as any other; this podman looks into the table all the same
  pulled whole cascade
  whole=$(jq '[.layers[].size] | add' manifest.cascade)
  ((whole <= bytes && bytes * 100 <= whole * 101))
  tree whole cascade >want
  [ "$(wc -l <want)" -gt 1000 ]
  tree pieces cascade >found
  same want found
}
