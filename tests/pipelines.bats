#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What every pipeline promises, wherever and however it runs. One without a row in the table fails.
# shellcheck disable=SC2030,SC2031 # a test is a subshell
load helper
load registry

# row PIPELINE: how to call it; it writes what is there afterwards, or its standard output
row() {
  case $1 in
    build-image) args=(--name x --from-image base --copy-to-root tree --output out/it) ;;
    build-layered-image) args=(--name x --from-image base --contents tree --output out/it) ;;
    stream-layered-image) args=(--name x --from-image base --contents tree) ;;
    stream-nix-shell-image) args=(--drv drv) ;;
    build-nix-shell-image) args=(--drv drv --output out/it) ;;
    export-image) args=(--from-image base --output out/it) ;;
    bin-sh | usr-bin-env) args=(--program tree/program --output out/it) ;;
    ca-certificates) args=(--bundle bundle --output out/it) ;;
    fake-nss) args=(--output out/it) ;;
    shadow-setup) args=() ;;
    pull-image) args=(--tls-verify=false --image-name "$REGISTRY/base" --image-digest "$DIGEST" --hash "$PULLED" --output out/it) ;;
    nix-prefetch-docker) args=(--tls-verify=false "$REGISTRY/base" x) ;;
    registry-credentials) args=(--authfile auths r.example/x) ;;
    *) return 1 ;;
  esac
}

pipelines() { find "$TOP/pipelines" -type f ! -name '*.nix' -printf '%f\n' | sort; }
images() { pipelines | grep image; }

setup_file() {
  setup_path
  needs docker-registry skopeo
  registry_start "$PWD/registry"
  mkdir tree
  echo pulled >tree/file
  tree-list --owner 0:0 tree | layer-tar --mtree - | image-assemble --name base --tag x --output base
  registry_push docker-archive:base base:x
  export DIGEST NIX_REMOTE="local?root=$PWD/nix"
  PULLED=$(nix-prefetch-docker --tls-verify=false --quiet --json "$REGISTRY/base" "$DIGEST" | jq -r .hash)
  export PULLED
}

teardown_file() { registry_stop; }

setup() {
  setup_path
  mkdir tree bottom
  echo program >tree/program
  chmod 755 tree/program
  echo bottom >bottom/file
  printf -- '-----BEGIN CERTIFICATE-----\n' >bundle
  echo '{"auths": {"r.example": {"username": "u", "password": "p"}}}' >auths
  echo 'Derive([],[],[],"x","/bin/sh",[],[("name","x")])' >drv
  tree-list --owner 0:0 bottom | layer-tar --mtree - | image-assemble --name base --output base
}

# calls PIPELINE COMMAND…: runs the pipeline with the command in front
calls() {
  local pipeline=$1
  shift
  row "$pipeline" || { echo "$pipeline has no row"; return 1; }
  rm -rf out
  mkdir out
  "$@" "$pipeline" "${args[@]}" >said 2>err
}

# The pipeline's result as one checksum.
result() { { tar -C out --sort=name --mtime=@0 -cf - . && cat said; } | sha256sum; }

# wanted PIPELINE: sets want to the result of a plain call, which is made once for all tests
wanted() {
  local kept=$BATS_FILE_TMPDIR/want.$1
  [ -e "$kept" ] || { calls "$1" && result >"$kept.new" && mv "$kept.new" "$kept"; }
  want=$(<"$kept")
}

@test "called by a link, by a relative name, in a directory that is a link" {
  local name
  mkdir lib
  ln -s "$BUILD"/bin lib/bin
  ln -s lib/bin/fake-nss link
  for name in ./link lib/bin/fake-nss "$PWD/link" "$PWD/lib/bin/fake-nss"; do
    [ "$("$name" --version)" = "$(fake-nss --version)" ]
  done
  (cd lib/bin && bash -p fake-nss --version) >/dev/null
}

@test "a link in the way to a pipeline is changed while it runs: it ends with the programs that it began with" {
  local name
  mkdir -p v1/bin v2/bin
  ln -s "$BUILD"/{share,libexec} v1
  ln -s "$BUILD"/bin/* v1/bin
  cp --remove-destination "$BUILD/bin/build-image" v1/bin
  printf '%s\n' '#!/bin/sh' "ln -sfn v2/bin '$PWD/current' && ln -sfn v2 '$PWD/whole'" \
    "exec '$BUILD/bin/tree-list' \"\$@\"" >script
  chmod +x script
  mv script v1/bin/tree-list
  PATH=${PATH#"$BUILD/bin:"}
  for name in current whole/bin; do
    ln -sfn v1/bin current
    ln -sfn v1 whole
    "$PWD/$name/build-image" --name x --copy-to-root tree --output it --quiet
    [ ! -e "$name/build-image" ]
  done
}

# What is closed is opened by a function that all of them share: one is called with each stream closed, all with both.
@test "closed streams" {
  local pipeline want
  for pipeline in $(pipelines); do
    wanted "$pipeline"
    calls "$pipeline" bash -c 'exec "$@" <&- 2>&-' _
    [ "$(result)" = "$want" ]
    run -1 calls "$pipeline" bash -c 'exec "$@" >&-' _
    [ "$(<err)" = "$pipeline: cannot write '<stdout>': Bad file descriptor" ]
    [ -z "$(ls -A out)" ]
  done
  wanted build-layered-image
  calls build-layered-image bash -c 'exec "$@" <&-' _
  [ "$(result)" = "$want" ]
  calls build-layered-image bash -c 'exec "$@" 2>&-' _
  [ "$(result)" = "$want" ]
}

@test "temporary directories: a relative one with a = and odd bytes, none" {
  local pipeline want place=$'a=b \$(x)\nline\nc\\nd\n'
  mkdir "$place"
  for pipeline in $(pipelines); do
    wanted "$pipeline"
    calls "$pipeline" env TMPDIR="$place"
    [ "$(result)" = "$want" ]
    [ -z "$(ls -A "$place")" ]
    run -1 calls "$pipeline" env TMPDIR=bundle
    [ "$(<err)" = "$pipeline: cannot make a temporary directory in '$PWD/bundle': Not a directory" ]
  done
  TMPDIR=$place build-image --name x --copy-to-root tree --preset minimal --output it --quiet
  TMPDIR=$place build-layered-image --name x --contents tree --preset minimal --output it --quiet
  mkdir a=b
  TMPDIR=a=b build-image --name x --copy-to-root tree --output it --quiet --extra-commands 'echo made >made'
}

@test "what the caller gets has the modes that the caller's umask says" {
  local pipeline
  for pipeline in $(images); do
    (umask 027 && calls "$pipeline")
    [ ! -e out/it ] || [ "$(stat -c %a out/it)" = 640 ]
  done
}

# bounded COMMAND…: where nothing can be written but to pipes
bounded() { (trap '' XFSZ && ulimit -f 0 && "$@" 2>&1 >/dev/null) | cat; return "${PIPESTATUS[0]}"; }

@test "where nothing can be written there is a message, and nothing is left" {
  local pipeline
  gzip -k base
  mkdir out
  for pipeline in $(images); do
    row "$pipeline"
    run -1 bounded "$pipeline" "${args[@]}"
    [[ ${lines[-1]} == *': '[Ff]'ile too large' ]]
    [ -z "$(ls -A out)" ]
  done
  run -1 bounded build-image --name x --from-image base.gz
  [ "$output" = "build-image: --from-image: cannot decompress 'base.gz': File too large" ]
  # shellcheck disable=SC2016 # the other shell's
  run -1 bash -c 'share=$1 tool=x && . "$share/pipeline.sh" && copy_input bundle /dev/full' _ "$TOP/lib/shell"
  [ "$output" = "x: cannot copy 'bundle': No space left on device" ]
}
