#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# build-layered-image: what it adds to stream-layered-image.
# shellcheck disable=SC2030,SC2031,SC2154 # a test is a subshell; run sets stderr
load helper

hello=/nix/store/4ddddddddddddddddddddddddddddddd-hello-1.0

setup() {
  setup_path
  made example .
  args=(--name registry.example/Team/Hello --closure graph --root-dir root --contents "$hello")
}

teardown() { chmod -R u+w "$BATS_TEST_TMPDIR" || :; }

build() { build-layered-image "${args[@]}" --quiet "$@"; }

@test "gz, zstd and none hold the stream, in a file named after image and tag" {
  needs zstd
  stream-layered-image "${args[@]}" --tag 1.0 --quiet >want
  run -0 build --tag 1.0
  [ "$output" = hello-1.0.tar.gz ]
  gzip -dc hello-1.0.tar.gz | cmp - want
  [ "$(build --tag 1.0 --compressor zstd)" = hello-1.0.tar.zst ]
  zstd -dqc hello-1.0.tar.zst | cmp - want
  [ "$(build --tag 1.0 --compressor none)" = hello-1.0.tar ]
  same hello-1.0.tar want
  "$TOP/tests/look" hello-1.0.tar.gz manifest >one
  "$TOP/tests/look" hello-1.0.tar.zst manifest >two
  same one two
}

@test "without a tag the file has the name only; the tag is told" {
  run -0 --separate-stderr build-layered-image "${args[@]}"
  [ "$output" = hello.tar.gz ]
  tag=$("$TOP/tests/look" hello.tar.gz manifest | jq -r '.RepoTags[0]')
  [[ $stderr == *"image $tag sha256:"* ]]
}

@test "--output, from attributes too" {
  mkdir out
  [ "$(build --output 'out/an image')" = 'out/an image' ]
  "$TOP/tests/look" 'out/an image' manifest
  jq -n --arg hello "$hello" '{name: "x", contents: [$hello], closure: "graph", rootDir: "root",
    compressor: "none", output: "out/attrs", quiet: true}' >attrs.json
  [ "$(build-layered-image --attrs attrs.json)" = out/attrs ]
  [ "$(head -c 4 out/attrs | tr -d '\0')" != $'\x1f\x8b' ]
  "$TOP/tests/look" out/attrs manifest
}

@test "mistakes" {
  fails 2 "build-layered-image: --compressor: expected one of none, gz, zstd, found 'xz' (see 'build-layered-image --help')" build --compressor xz
  fails 2 "build-layered-image: --compressor: expected one of none, gz, zstd, found 'none|gz' (see 'build-layered-image --help')" build --compressor 'none|gz'
  fails 2 "build-layered-image: --output: expected a file name, found '' (see 'build-layered-image --help')" build --output ''
  fails 1 "build-layered-image: --extra-commands: the commands failed with status 1" build --extra-commands false
  run -1 bash -c 'build-layered-image "$@" >/dev/full' _ "${args[@]}" --quiet
  [ "$output" = "build-layered-image: cannot write '<stdout>': No space left on device" ]
}

@test "a failure leaves the old file, and no other" {
  mkdir out
  echo old >out/image
  run -1 build --output out/image --extra-commands false
  cp -a "$BUILD/bin" "$BUILD/share" "$BUILD/libexec" . 2>/dev/null
  printf '#!/bin/sh\nkill -KILL $$\n' >bin/layer-tar
  run bin/build-layered-image "${args[@]}" --quiet --output out/image
  [ "$status" != 0 ]
  rm bin/layer-tar
  printf '#!/bin/sh\n%s/bin/layer-tar "$@" | head -c 2000\n' "$BUILD" >bin/layer-tar
  chmod +x bin/layer-tar
  run bin/build-layered-image "${args[@]}" --quiet --output out/image
  [ "$status" != 0 ]
  [ "$(cat out/image)" = old ]
  [ "$(ls -A out)" = image ]
}

@test "a full disk: status 1, the reason, and no file" {
  [ "$(id -u)" = 0 ] || skip 'mounting needs root'
  mkdir small src
  head -c 3000000 /dev/urandom >src/data
  run -1 unshare -m bash -c 'mount -t tmpfs -o size=1m none small && build-layered-image --name x --contents src --quiet \
    --compressor none --output small/image; status=$?; ls -A small; exit $status'
  [[ $output == *'No space left on device'* ]]
  [[ $output != *$'\n'image* ]]
  [ "${#lines[@]}" = 1 ]
}
