#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# docker-tools.nix: images that Nix builds, in a sandbox that sees nothing of this machine but the store.
# shellcheck disable=SC2030,SC2031,SC2154 # a test is a subshell; built sets variables
load ../helper
load clients
load ../mkclosure/nix

setup_file() {
  setup_path
  needs_root
  needs nix patchelf curl skopeo docker dockerd podman runc
  [ "${SANITIZED:-0}" = 0 ] || skip 'sanitized programs need what is not in the store'
  dpkg-query -W -f '${Package}\t${Architecture}\t${Version}\t${Pre-Depends}, ${Depends}\t${Provides}\t${db:Status-Status}\n' |
    perl "$TOP/tests/mkclosure/depends.pl" bash coreutils libzstd1 zlib1g >packages.json
  nix_store "$PWD/root"
  NIX_CONFIG+=$'\nsandbox = true\nsandbox-fallback = false'
  # packages are made of this machine's programs; images of packages alone
  images --attr pkgs.layerpipe --attr pkgs.stdenv >log 2>&1 || { cat log && return 1; }
  NIX_CONFIG=$(grep -v '^extra-sandbox-paths' <<<"$NIX_CONFIG")
  images --attr all >all 2>log || { cat log && return 1; }
}

setup() {
  setup_path
  dir=$BATS_FILE_TMPDIR
}

teardown_file() { clients_stop; }

# images OPTION…: nix-build of images.nix
images() {
  nix-build "$TOP/tests/nix/images.nix" --no-out-link --arg packages "$BATS_FILE_TMPDIR/packages.json" \
    --arg built "$BUILD" "$@"
}

# value EXPRESSION: evaluates it where images.nix has its names; a line of JSON
value() {
  nix-instantiate --eval --strict --json --expr \
    "with import $TOP/tests/nix/images.nix { packages = $BATS_FILE_TMPDIR/packages.json; built = $BUILD; }; $1" && echo
}

# refuses MESSAGE EXPRESSION
refuses() {
  run -1 value "$2"
  grep -F "$1" <<<"$output" || { echo "$output" && return 1; }
}

# built NAME: sets it to where the output lies
built() {
  local link
  link=$(readlink "$dir/root$(cat "$dir/all")/$1")
  printf -v "$1" %s "$dir/root$link"
}

# hash NAME: the hash in the name of its output
hash_of() { basename "${!1}" | cut -c -32; }

@test "names of files and derivations, tags, passthru" {
  cat >want <<'END'
["docker-image-Bash.tar","docker-image-on-top.tar.zst","bash","team/on-top"]
["docker-image-on-top.tar.zst","merge-docker-images","docker-layer-on-top"]
{"architecture":"arm64","name":"team/on-top"}
["x","x",true]
END
  {
    value '[ bash.name onTop.name bash.imageName onTop.imageName ]'
    value '[ exported.name merged.name onTop.layer.name ]'
    value '{ inherit (onTop.buildArgs) name architecture; }'
    value 'let x = bash.override { tag = "x"; }; in [ x.imageTag x.buildArgs.tag (x.outPath != bash.outPath) ]'
  } >found
  same want found
  built bash
  [ "$(value bash.imageTag)" = "\"$(hash_of bash)\"" ]
  [ "$(image-layers --repo-tags "$bash")" = "bash:$(hash_of bash)" ]
}

@test "what is wrong is said when it is evaluated" {
  refuses 'dockerTools: compressor: expected one of "none", "gz", "zstd", found "xz"' '(bash.override { compressor = "xz"; }).outPath'
  refuses "dockerTools.buildImage: unknown attribute 'nmae': expected some of " '(bash.override { nmae = ""; }).outPath'
  refuses "dockerTools.buildImage: unknown attribute 'output': expected some of " '(bash.override { output = ""; }).outPath'
  refuses 'dockerTools.buildImage: contents and copyToRoot: expected copyToRoot alone' '(bash.override { contents = [ ]; }).outPath'
  value '(nothing.override { contents = [ ]; }).outPath' >out 2>err
  grep -qF 'dockerTools.buildImage: contents is deprecated: use copyToRoot' err
}

@test "images are the same when they are built again" {
  images --check --attr nothing --attr onTop --attr exported --attr merged --attr nss --attr filters >out 2>log || { cat log && return 1; }
  [ "$(wc -l <out)" = 6 ]
}

@test "configuration, owners, and paths that the builder's PATH alone knows" {
  built onTop
  image-layers --config "$onTop" | grep -v ^history >found
  lines 'architecture\tarm64' 'os\tlinux' 'created\t2020-01-02T03:04:05Z' 'User\t1000:100' 'Env\tPATH=/bin' 'Env\tB=base' 'Env\tA=top' 'Env\tC=top' >want
  same <(sort want) <(grep -v '^Cmd' found | sort)
  image-layers --files "$onTop" >files
  grep -q '^\./copied type=file .* uid=1000 gid=100 ' files
  link=$(sed -n 's/^\.\/ls type=link .* link=\([^ ]*\).*/\1/p' files)
  grep -q "^\.$link " files
  grep -q '^\./build-helpers.nix type=file ' files
}

@test "created = now is now" {
  built createdNow
  created=$(image-layers --config "$createdNow" | sed -n 's/^created\t//p')
  [ "$(date -d "$created" +%s)" -gt 1700000000 ]
}

@test "layer is what the image has on top" {
  built layer onTop
  built onTop
  [ "$(cat "$layer/VERSION")" = 1.0 ]
  jq -e '.architecture == "arm64"' "$layer/json" >/dev/null
  [ "sha256:$(sha256sum <"$layer/layer.tar" | cut -d ' ' -f 1)" = "$(image-layers --list "$onTop" | tail -n 1 | cut -f 1)" ]
}

@test "exportImage, mergeImages, helpers" {
  built exported && built merged && built nss && built helpers && built bash
  tar -tf "$exported" >names
  grep -qx './bin/bash' names
  same <(image-layers --repo-tags "$merged") <(for i in onTop nothing bash; do built $i && image-layers --repo-tags "${!i}"; done)
  grep -q '^alice:x:1000:100::/home/alice:/bin/sh$' "$nss/etc/passwd"
  image-layers --files "$helpers" >files
  for name in usr/bin/env bin/sh etc/ssl/certs/ca-certificates.crt etc/passwd; do
    grep -q "^\./$name type=" files
  done
}

@test "docker and podman run them" {
  clients_start "$dir/clients"
  docker_start
  built bash && built extraCommands && built filters
  for client in docker podman; do
    $client load -i "$bash" >/dev/null
    [ "$("${client}_run" "bash:$(hash_of bash)")" = 'from base' ]
    gzip -dc "$extraCommands" | $client load >/dev/null
    [ "$("${client}_run" hello:latest)" = 'Hello, world!' ]
    $client load -i "$filters" >/dev/null
    [ "$("${client}_run" hello:filters)" = 'Hello, world!' ]
  done
  [ "$(docker inspect -f '{{.Created}}' "bash:$(hash_of bash)")" = 1970-01-01T00:00:01Z ]
}
