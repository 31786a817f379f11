#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Closures as Nix itself hands them out: every form tells the same graph.
# shellcheck disable=SC2030,SC2031 # a test is a subshell
load ../helper
load closure

setup_file() {
  setup_path
  closure_make
}

# The graph by which the others are measured: written by jq, not by the tool under test.
setup() {
  setup_path
  jq -r '.[] | [.path, .narSize, .narHash, ((.references | sort | join(" ")) | if . == "" then "\\e" else . end)] | map(tostring) | join("\t")' \
    "$CLOSURE/closure.json" | LC_ALL=C sort >expected
  [ "$(wc -l <expected)" = 12 ]
  # the same where the form tells derivers, too
  jq -r '.[] | [.path, .deriver // empty] | join("\t")' "$CLOSURE/closure.json" | LC_ALL=C sort |
    LC_ALL=C join -t $'\t' -o 1.1,1.2,1.3,1.4,2.2 expected - | sed 's/\t$//' >derived
  grep -q '\.drv$' derived
}

# the form that a graph has where sizes and hashes are not told
bare() { awk -F '\t' -v OFS='\t' '{ print $1, "-", "-", $4 }' expected; }

@test "nix path-info --json" {
  closure-graph <"$CLOSURE/closure.json" >graph
  same derived graph
}

@test "nix path-info --json, an object as newer versions write it" {
  jq 'map({key: .path, value: del(.path)}) | from_entries' "$CLOSURE/closure.json" >object.json
  closure-graph object.json >graph
  same derived graph
}

@test "nix path-info --json without -r: references that are not there are an error" {
  nix path-info --json "$(path app)" >app.json
  fails 1 "closure-graph: app.json: '$(path app)' refers to '$(path busybox)', which is not described: the closure is not complete" \
    closure-graph app.json
}

@test "nix path-info --json of a path that does not exist" {
  local missing
  missing=/nix/store/$(printf 'a%.0s' {1..32})-missing
  nix path-info --json "$missing" >missing.json 2>/dev/null
  fails 1 "closure-graph: missing.json: '$missing' is not valid in the store it was asked of: build or fetch it first" \
    closure-graph missing.json
}

@test "exportReferencesGraph, the text file" {
  closure-graph <"$CLOSURE/root$(closure_build graphText)" >graph
  bare >expected.bare
  same expected.bare graph
}

@test "exportReferencesGraph, structured" {
  closure-graph --key closure "$CLOSURE/root$(closure_build graphJson)" >graph
  same expected graph
}

@test "without --closure a pipeline asks Nix, in words that all versions know" {
  mkdir bin
  printf '%s\n' '#!/bin/bash' "echo \"\$@\" >>$PWD/asked" "exec $(command -v nix-store) \"\$@\"" >bin/nix-store
  printf '%s\n' '#!/bin/bash' 'exit 1' >bin/nix
  chmod +x bin/*
  PATH=$PWD/bin:$PATH stream-layered-image --name app --tag 1 --contents "$(path app)" --root-dir "$CLOSURE/root" --quiet \
    --plan-out asked.plan >found 2>err
  [ ! -s err ]
  [ "$(cut -d ' ' -f 3 asked | sort -u | xargs)" = '--dump-db --query' ]
  stream-layered-image --name app --tag 1 --contents "$(path app)" --root-dir "$CLOSURE/root" --quiet \
    --closure "$CLOSURE/closure.json" --plan-out want.plan >want
  same want found
  same want.plan asked.plan
}

@test "an image that a builder makes of its own attributes, as stream-layered-image(1) shows" {
  cat >image.nix <<END
let app = (import $TOP/tests/e2e/closure.nix { busyboxDir = $CLOSURE/busybox; sourceDir = $CLOSURE/source; }).app;
in derivation {
  name = "app.tar.gz";
  system = builtins.currentSystem;
  __structuredAttrs = true;
  exportReferencesGraph.closure = [ app ];
  imageName = "app";
  tag = "built";
  contents = [ app ];
  PATH = "$BUILD/bin:/usr/bin:/bin";
  builder = "/bin/bash";
  args = [ "-ec" ''
    . .attrs.sh; export PATH
    build-layered-image --attrs .attrs.json --output "''\${outputs[out]}"
  '' ];
}
END
  NIX_CONFIG=${NIX_CONFIG/extra-sandbox-paths =/extra-sandbox-paths = $BUILD}
  image=$(nix-build --no-out-link image.nix 2>log) || { cat log && return 1; }
  build-layered-image --name app --tag built --contents "$(path app)" --closure "$CLOSURE/closure.json" \
    --root-dir "$CLOSURE/root" --output want --quiet
  same want "$CLOSURE/root$image"
}

@test "build-image in a builder, on top of an image that another one made" {
  cat >image.nix <<END
let
  closure = import $TOP/tests/e2e/closure.nix { busyboxDir = $CLOSURE/busybox; sourceDir = $CLOSURE/source; };
  image = pipeline: roots: attributes: derivation (attributes // {
    name = "image.tar.gz";
    system = builtins.currentSystem;
    __structuredAttrs = true;
    exportReferencesGraph.closure = roots;
    PATH = "$BUILD/bin:/usr/bin:/bin";
    builder = "/bin/bash";
    args = [ "-ec" ''
      . .attrs.sh; export PATH
      \${pipeline} --attrs .attrs.json --output "''\${outputs[out]}"
    '' ];
  });
  base = image "build-layered-image" [ closure.hello ] { imageName = "base"; contents = [ closure.hello ]; };
in image "build-image" [ closure.app ] { imageName = "app"; tag = "built"; copyToRoot = closure.app; fromImage = base; }
END
  NIX_CONFIG=${NIX_CONFIG/extra-sandbox-paths =/extra-sandbox-paths = $BUILD}
  image=$(nix-build --no-out-link image.nix 2>log) || { cat log && return 1; }
  args=(--closure "$CLOSURE/closure.json" --root-dir "$CLOSURE/root" --quiet)
  build-layered-image --name base --contents "$(path hello)" --output base "${args[@]}"
  build-image --name app --tag built --copy-to-root "$(path app)" --from-image base --output want "${args[@]}"
  same want "$CLOSURE/root$image"
}

@test "nix-store --dump-db" {
  cut -f 1 expected | xargs nix-store --dump-db >db
  closure-graph <db >graph
  same derived graph
}

@test "a registration with base32 hashes, which nix-store --load-db reads too" {
  jq -r '.closure[] | .path, .narHash, .narSize, "", (.references | length), .references[]' \
    "$CLOSURE/root$(closure_build graphJson)" >registration
  closure-graph --from registration <registration >graph
  same expected graph
  # what Nix makes of it
  (nix_store "$PWD/other" && nix-store --load-db <registration && nix path-info --json --all) >other.json
  closure-graph other.json >graph
  same expected graph
}

@test "narinfo files of a binary cache" {
  nix copy --no-check-sigs --to "file://$PWD/cache?compression=none" "$(path all)" 2>/dev/null
  cat cache/*.narinfo | closure-graph --from narinfo >graph
  same derived graph
}

@test "no database at all: --scan finds the sizes, hashes and references that Nix has" {
  nix-store -qR "$(path all)" >paths
  closure-graph --from paths --scan --root-dir "$CLOSURE/root" <paths >graph
  same expected graph
  closure-graph --scan --root-dir "$CLOSURE/root" --root "$(path all)" >graph
  same expected graph
}

@test "the closure of a root is what nix-store -qR says" {
  local name
  for name in app hello link server multi-dev lib source; do
    closure-graph --root "$(path "$name")" "$CLOSURE/closure.json" | cut -f 1 >paths
    nix-store -qR "$(path "$name")" | LC_ALL=C sort >requisites
    same requisites paths
  done
}

@test "reference-scan of an output finds the references that Nix found" {
  local name
  for name in app hello link server multi-dev lib; do
    reference-scan --graph expected "$CLOSURE/root$(path "$name")" >references
    nix-store -q --references "$(path "$name")" | LC_ALL=C sort >nix
    same nix references
  done
}
