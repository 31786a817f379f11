#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# nix-prefetch-docker: what it prints is what pull-image, and Nix, take.
load helper
load registry

setup_file() {
  setup_path
  needs docker-registry skopeo nix
  registry_start "$PWD/registry"
  for arch in amd64 arm64; do
    mkdir -p tree
    echo "for $arch" >tree/file
    tree-list --owner 0:0 tree | layer-tar --mtree - | image-assemble --architecture $arch --name app --output $arch.tar
    registry_push docker-archive:$arch.tar team/app:$arch
  done
  export ARM=$DIGEST
  registry_index team/app amd64 arm64
  export INDEX=$DIGEST
}

teardown_file() { registry_stop; }

setup() {
  setup_path
  mkdir tmp bin
  export TMPDIR=$PWD/tmp NIX_REMOTE="local?root=$PWD/nix"
  for program in bash env readlink cat jq skopeo; do ln -s "$(command -v $program)" bin; done
}

teardown() { [ -z "$(ls -A tmp)" ]; }

# Where there is no Nix, unless a test says with_nix.
tool() { PATH=$BUILD/bin:$PWD/bin nix-prefetch-docker "$@"; }

with_nix() { ln -s "$(command -v nix-store)" bin; }

prefetch() { tool --tls-verify=false "$@" 2>err; }

# expression DIGEST HASH NAME TAG: as nixpkgs' program prints it
expression() {
  cat <<END
{
  imageName = "$REGISTRY/team/app";
  imageDigest = "$1";
  hash = "$2";
  finalImageName = "$3";
  finalImageTag = "$4";
}
END
}

# told DIGEST HASH NAME TAG [PATH]: as it tells it
told() {
  echo "-> ImageName: $REGISTRY/team/app
-> ImageDigest: $1
-> FinalImageName: $3
-> FinalImageTag: $4${5:+
-> ImagePath: $5}
-> ImageHash: $2"
}

# skopeo_hash DIGEST NAME:TAG [OPTION…]: of what skopeo makes of the image
skopeo_hash() {
  rm -f archive
  skopeo --insecure-policy "${@:3}" copy --quiet --src-tls-verify=false "docker://$REGISTRY/team/app@$1" docker-archive:archive:"$2"
  hash=sha256-$(openssl dgst -sha256 -binary archive | base64)
}

@test "by a tag: the digest is that of the index, the hash that of this machine's image" {
  skopeo_hash "$INDEX" "$REGISTRY/team/app:1.0"
  prefetch "$REGISTRY/team/app" 1.0 >found
  expression "$INDEX" "$hash" "$REGISTRY/team/app" 1.0 | same - found
  told "$INDEX" "$hash" "$REGISTRY/team/app" 1.0 | same - err
  prefetch --image-name "$REGISTRY/team/app" --image-tag 1.0 --quiet >found
  expression "$INDEX" "$hash" "$REGISTRY/team/app" 1.0 | same - found
  [ ! -s err ]
}

@test "for another machine, under another name, options and operands in any order" {
  skopeo_hash "$INDEX" final/name:7 --override-os linux --override-arch arm64
  prefetch --quiet --arch arm64 "$REGISTRY/team/app" --final-image-name final/name 1.0 --final-image-tag 7 --os linux >found
  expression "$INDEX" "$hash" final/name 7 | same - found
  prefetch --quiet --arch arm64 --final-image-name final/name --final-image-tag 7 -- "$REGISTRY/team/app" 1.0 >found
  expression "$INDEX" "$hash" final/name 7 | same - found
  run -1 prefetch --quiet --arch s390x "$REGISTRY/team/app" 1.0
  [ -z "$output" ]
  [[ $(<err) == 'nix-prefetch-docker: skopeo: '*'no image found in manifest list for architecture s390x'* ]]
}

@test "by a digest: no tag is looked up, and the final one is latest or what was said" {
  registry_forget
  skopeo_hash "$ARM" x:latest
  for operands in "$REGISTRY/team/app $ARM" "$REGISTRY/team/app --image-digest $ARM"; do
    # shellcheck disable=SC2086 # words
    prefetch --quiet --final-image-name x $operands >found
    expression "$ARM" "$hash" x latest | same - found
  done
  prefetch --quiet --final-image-name x --image-digest "$ARM" "$REGISTRY/team/app" 1.0 >found
  skopeo_hash "$ARM" x:1.0
  expression "$ARM" "$hash" x 1.0 | same - found
  [[ $(registry_requests) != *' /v2/team/app/manifests/1.0 '* ]]
}

@test "JSON is what pull-image takes" {
  prefetch --quiet --json "$REGISTRY/team/app" 1.0 >found.json
  jq -r 'keys_unsorted | join(" ")' found.json >keys
  echo 'imageName imageDigest hash finalImageName finalImageTag' | same - keys
  expression "$(jq -r .imageDigest found.json)" "$(jq -r .hash found.json)" "$REGISTRY/team/app" 1.0 >want
  prefetch --quiet "$REGISTRY/team/app" 1.0 | same want -
  pull-image --attrs found.json --tls-verify=false --output x
  [ "sha256-$(openssl dgst -sha256 -binary x | base64)" = "$(jq -r .hash found.json)" ]
}

@test "Nix has the image then, under the name that pullImage gives it" {
  local path
  with_nix
  prefetch "$REGISTRY/team/app" 1.0 --final-image-name a/b >found
  path=$(sed -n 's/^-> ImagePath: //p' err)
  [[ $path == /nix/store/*-docker-image-a-b-1.0.tar ]]
  hash=$(sed -n 's/^  hash = "\(.*\)";$/\1/p' found)
  told "$INDEX" "$hash" a/b 1.0 "$path" >want
  grep -v '^warning: the group' err | same want -
  [ "sha256-$(openssl dgst -sha256 -binary "nix$path" | base64)" = "$hash" ]
  # what an expression with that hash makes
  nix-instantiate --eval -E "(derivation { name = \"docker-image-a-b-1.0.tar\"; system = \"x\"; builder = \"x\";
    outputHash = \"$hash\"; outputHashAlgo = \"sha256\"; }).outPath" >out.path
  [ "$(<out.path)" = "\"$path\"" ]
}

@test "a Nix that fails: nothing is printed" {
  printf '#!%s/bin/bash\necho "error: no store" >&2\nexit 1\n' "$PWD" >bin/nix-store
  chmod +x bin/nix-store
  run -1 prefetch "$REGISTRY/team/app" 1.0
  [ -z "$output" ]
  [ "$(<err)" = 'error: no store
nix-prefetch-docker: cannot add the image to the Nix store' ]
}

@test "what is wrong is told before anything is asked for" {
  registry_forget
  fails 2 "nix-prefetch-docker: expected --image-name NAME (see 'nix-prefetch-docker --help')" tool
  fails 2 "nix-prefetch-docker: too many operands: expected none after '1.0', found 'x' (see 'nix-prefetch-docker --help')" \
    tool "$REGISTRY/team/app" 1.0 x
  fails 2 "nix-prefetch-docker: --image-tag: expected a tag such as latest or 1.0, found 'a b' (see 'nix-prefetch-docker --help')" \
    tool "$REGISTRY/team/app" 'a b'
  fails 2 "nix-prefetch-docker: --image-digest: expected sha256: and 64 digits from 0 to 9 and a to f, found 'sha256:x' (see 'nix-prefetch-docker --help')" \
    tool "$REGISTRY/team/app" sha256:x
  fails 2 "nix-prefetch-docker: --image-name: expected a name such as debian or registry.example/team/app, without a tag, found '$REGISTRY/team/app:1.0' (see 'nix-prefetch-docker --help')" \
    tool "$REGISTRY/team/app:1.0"
  fails 2 "nix-prefetch-docker: unknown option '-x' (see 'nix-prefetch-docker --help')" tool a -x
  [ -z "$(registry_requests)" ]
}

@test "what is not there, and a registry without TLS" {
  fails 1 "nix-prefetch-docker: skopeo: Error parsing image name \"docker://$REGISTRY/team/app:none\": reading manifest none in $REGISTRY/team/app: manifest unknown: manifest unknown" \
    tool --tls-verify=false "$REGISTRY/team/app" none
  run -1 tool "$REGISTRY/team/app" 1.0
  [[ $output == 'nix-prefetch-docker: skopeo: '*' (--tls-verify=false allows a registry without TLS)' ]]
}

@test "skopeo that says nothing and does nothing" {
  printf '#!%s/bin/bash\n' "$PWD" >skopeo
  chmod +x skopeo
  mv -f skopeo bin/skopeo
  fails 1 "nix-prefetch-docker: skopeo: expected a digest, found ''" tool "$REGISTRY/team/app" 1.0
  fails 1 'nix-prefetch-docker: skopeo wrote nothing' tool "$REGISTRY/team/app" "$INDEX"
}
