#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A closure of real programs: packages of this machine, put into a store by Nix.
load ../helper
load clients

setup_file() {
  setup_path
  needs nix nix-build patchelf perl python3 busybox
  export DEBIAN=$BATS_FILE_TMPDIR/closure
  "$TOP/tests/mkclosure/mkclosure" "$DEBIAN" bash coreutils sed grep
}

@test "the closure is one that Nix calls whole" {
  . "$TOP/tests/mkclosure/nix.bash"
  nix_store "$DEBIAN/root"
  nix-store --verify --check-contents
  [ "$(jq length "$DEBIAN/closure.json")" -ge 10 ]
}

@test "--scan finds the references that Nix found" {
  closure-graph "$DEBIAN/closure.json" >graph
  cut -f 1 graph | closure-graph --from paths --scan --root-dir "$DEBIAN/root" >scanned
  cut -f 1,4 graph >want
  cut -f 1,4 scanned >found
  same want found
}

@test "the layers have the digests that a streamer in Python gives them" {
  closure-graph "$DEBIAN/closure.json" | layer-plan --max-layers 6 >plan
  python3 "$TOP/tests/bench/two-pass.py" "$DEBIAN/root" <plan >model.tar
  layer-tar --root-dir "$DEBIAN/root" <plan | image-assemble --name ours --tag t >ours.tar
  for image in model ours; do
    mkdir "$image"
    tar -C "$image" -xf "$image.tar"
    jq -r '.[0].Config' "$image/manifest.json" | (cd "$image" && xargs jq -r '.rootfs.diff_ids[]') >"$image.digests"
  done
  [ "$(wc -l <ours.digests)" -ge 5 ]
  same model.digests ours.digests
}

@test "make demo" {
  needs_root
  needs podman runc
  DEMO=$PWD/demo "$TOP/tests/demo" >said
  grep -Eqx 'hello from a container: [0-9]+ store paths, uid 0, /nix/store/.*/bin/bash' said
  # what it shows can be typed
  image-layers --list demo/image.tar >list
  [ "$(wc -l <list)" -ge 5 ]
  sed -n -e '/^# 4/q' -e 's/^\$ //p' said >commands
  [ "$(wc -l <commands)" -ge 6 ]
  mv demo/image.tar first
  # shellcheck source=/dev/null
  (. ./commands)
  same first demo/image.tar
  [ "$(tail -n 4 said | grep -c "$PWD/demo")" = 3 ]
}

@test "make demo with a closure of the reader's own" {
  needs_root
  needs podman runc
  export CLOSURE=$DEBIAN/closure.json DEMO=$PWD/demo
  ROOT=$DEBIAN/root RUN=$(cat "$DEBIAN/env")/bin/sed "$TOP/tests/demo" >said
  grep -q '^/nix/store/.*sed (GNU sed)' said
  ROOT=$DEBIAN/root "$TOP/tests/demo" >said
  grep -q '(GNU coreutils)' said
  run env ROOT="$BATS_TEST_TMPDIR" "$TOP/tests/demo"
  [ "$status" = 1 ]
  grep -q "^demo: found no program to run below $BATS_TEST_TMPDIR: say ROOT=DIR" <<<"$output"
}
