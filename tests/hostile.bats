#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Images made to do harm, through every tool that reads images: one clear line each, status 1,
# nothing written beside what was asked for, nothing of other files read, memory bounded.
# shellcheck disable=SC2317 # each runs the functions
load helper

setup_file() {
  setup_path
  mkdir -p around/images
  echo 'nobody may read this' >around/secret
  python3 "$TOP/tests/fixtures/hostile.py" around/images
  there >before
}

setup() {
  setup_path
  cd "$BATS_FILE_TMPDIR/around/images" || exit 1
}

teardown() {
  cd "$BATS_FILE_TMPDIR" || exit 1
  there >"$BATS_TEST_TMPDIR/after"
  same before "$BATS_TEST_TMPDIR/after"
  ! grep -qa 'nobody may read' "$BATS_TEST_TMPDIR"/*
}

# All that is there, and when it was written.
there() { find around -printf '%p %y %s %T@\n' | sort; }

# bounded COMMAND…: with memory for jq's 100 bytes a byte of the largest JSON, and a minute of time
bounded() {
  (
    [ -n "${SANITIZED-}" ] || ulimit -v $((640 << 10))
    ulimit -t 60
    exec "$@"
  )
}

# refuses MESSAGE COMMAND…: status 1, and the message, where * stands for anything
refuses() {
  local message=${1//[[\?\\]/?} status=0 found
  shift
  bounded "$@" >>"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || status=$?
  found=$(<"$BATS_TEST_TMPDIR/err")
  # shellcheck disable=SC2053 # a pattern
  [[ $status = 1 && $found = $message && $found != *$'\n'* ]] && return
  printf 'command: %s\nexpected: status 1, %s\nfound: status %s, %s\n' "$*" "$message" $status "$found"
  return 1
}

# accepts COMMAND…
accepts() {
  bounded "$@" >/dev/null || { echo "refused: $*"; return 1; }
}

# each LEVEL… COMMAND: runs COMMAND NAME MESSAGE for the images that are noticed there, or for those
# of them that ONLY fits; for those that take long only where LONG is set
each() {
  local levels=" ${*:1:$#-1} " run=${*: -1} name what message n=0
  while IFS=$'\t' read -r name what message; do
    [[ $levels = *" $what "* ]] || continue
    # shellcheck disable=SC2053 # a pattern
    [[ $name = ${ONLY-*} ]] || continue
    [[ ${LONG-} || $name != @(*bomb-*|many-*|*-wide|*-huge|*-deep) ]] || continue
    "$run" "$name" "$message" || return 1
    n=$((n + 1))
  done <cases
  [ $n -gt 1 ]
}

@test "image-layers: layers" {
  take() { refuses "image-layers: $1: $2" image-layers "$1"; }
  whole() { accepts image-layers "$1"; }
  LONG=1 each open image layers take
  each none tree whole
}

@test "image-layers: lines" {
  names() { refuses "image-layers: $1: $2" image-layers --repo-tags "$1"; }
  list() { refuses "image-layers: $1: $2" image-layers --list "$1"; }
  config() { refuses "image-layers: $1: $2" image-layers --config "$1"; }
  whole() { accepts image-layers --list "$1" && accepts image-layers --config "$1"; }
  each open names
  ONLY='@(oci|config|digest|link)-*' each image list
  ONLY='@(Config|oci)-*' each image config
  each none tree whole
}

@test "image-layers: the tree" {
  files() { refuses "image-layers: $1: $2" image-layers --files "$1"; }
  paths() { refuses "image-layers: $1: $2" image-layers --store-paths "$1"; }
  whole() { accepts image-layers --files "$1"; }
  LONG=1 each layers files
  each tree files
  ONLY='in-[a-h]*' each tree paths
  each none whole
}

@test "image-layers: from a pipe" {
  piped() { [ -d "$1" ] || refuses 'image-layers: <stdin>: *' image-layers < <(cat "$1"); }
  each open piped
}

@test "layer-flatten" {
  flatten() {
    image-layers "$1" >"$BATS_TEST_TMPDIR/stream"
    refuses "layer-flatten: <stdin>: layer 1 *${2#*)}" layer-flatten <"$BATS_TEST_TMPDIR/stream"
  }
  in_place() { refuses "layer-flatten: $1: $2" layer-flatten --output tar --from-image "$1"; }
  each tree flatten
  each layers tree in_place
  ONLY='@(oci|symlink|size)-*' each open image in_place
}

@test "image-diff" {
  before() { refuses "image-diff: $1: $2" image-diff "$1" good; }
  after() { refuses "image-diff: $1: $2" image-diff good "$1"; }
  ONLY='@(oci|symlink|size|digest|layer)-*' each open image before
  each layers after
}

@test "export-image" {
  export_it() { refuses "*: $1: $2" export-image --from-image "$1" --output tar; }
  each layers tree export_it
}

@test "merge-images" {
  merge() { refuses "merge-images: $1: $2" merge-images --output merged "$1"; }
  ONLY='@(oci|symlink|size|digest|layer|Config)-*' each open image merge
  LONG=1 each layers merge
}

@test "images on top of them" {
  on_top() { refuses "image-layers: $1: $2" build-image --name new --from-image "$1" --output new; }
  streamed() { refuses "image-layers: $1: $2" stream-layered-image --name new --from-image "$1"; }
  ONLY='@(*-cut|*-up|digest-*)' each layers on_top
  ONLY='@(layer-*-cut|symlink-*|size-*)' each open image layers streamed
}
