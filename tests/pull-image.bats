#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# pull-image, against skopeo alone and a registry on the loopback.
# shellcheck disable=SC2030,SC2031,SC2153 # a test is a subshell; REGISTRY comes from registry.bash
load helper
load registry

fake=sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

setup_file() {
  setup_path
  needs docker-registry skopeo
  make_images
  registry_start "$PWD/registry"
  registry_push docker-archive:images/plain.tar team/app:1.0
  export PLAIN=$DIGEST
  registry_push docker-archive:images/plain.tar team/index:amd64
  image-layers images/plain.tar | image-assemble --architecture arm64 --name app >arm64.tar
  registry_push docker-archive:arm64.tar team/index:arm64
  registry_index team/index amd64 arm64
  export INDEX=$DIGEST
  skopeo_gives plain "team/app@$PLAIN" app:2
}

make_images() { "$TOP/tests/fixtures/make-images" images; }

teardown_file() { registry_stop; }

setup() {
  setup_path
  mkdir tmp
  export TMPDIR=$PWD/tmp
  started=() # to be ended after the test
}

# Whatever happens, the directory for temporary files is empty then.
teardown() {
  [ ${#started[@]} = 0 ] || kill "${started[@]}" 2>/dev/null || :
  [ -z "$(ls -A tmp)" ]
}

# skopeo_gives FILE DIGEST NAME [OPTION…]: what skopeo makes of an image, without us
skopeo_gives() {
  skopeo --insecure-policy "${@:4}" copy --quiet --src-tls-verify=false "docker://$REGISTRY/${2%@*}@${2#*@}" \
    "docker-archive:$1:$3"
}

sri() { echo "sha256-$(openssl dgst -sha256 -binary "$1" | base64)"; }

# want [NAME]: that of the plain image; sets hash
want() {
  if [ $# = 0 ]; then cp "$BATS_FILE_TMPDIR/plain" want; else skopeo_gives want "team/app@$PLAIN" "$1"; fi
  hash=$(sri want)
}

pull() {
  pull-image --tls-verify=false --image-name "$REGISTRY/team/app" --image-digest "$PLAIN" \
    --final-image-name app --final-image-tag 2 "$@"
}

@test "the bytes are skopeo's, and the file is called as nixpkgs calls it" {
  want
  [ "$(pull --hash "$hash")" = docker-image-app-2.tar ]
  same want docker-image-app-2.tar
  [ "$(pull --hash "$hash" --name other.tar)" = other.tar ]
  [ "$(pull --hash "$hash" --name other.tar --output x)" = x ]
  same want other.tar
  same want x
  rm want
  want "$REGISTRY/team/app:latest"
  pull-image --tls-verify=false --image-name "$REGISTRY/team/app" --image-digest "$PLAIN" --hash "$hash" >printed
  [ "$(<printed)" = "docker-image-${REGISTRY/:/-}-team-app-latest.tar" ]
  same want "$(<printed)"
}

@test "a hash in each of Nix's forms, under each of its names" {
  local form base16
  want
  instead "exec cat $PWD/want >&3" # what skopeo made, without asking it each time
  base16=$(sha256sum <want | cut -d ' ' -f 1)
  for form in "$hash" "$base16" "sha256:$base16" "${hash#sha256-}" "sha256:${hash#sha256-}" \
    "$(python3 - "$base16" <<<'
import sys
raw, out = bytes.fromhex(sys.argv[1]), ""
for n in range(51, -1, -1):
    out += "0123456789abcdfghijklmnpqrsvwxyz"[int.from_bytes(raw, "little") >> n * 5 & 31]
print(out)')"; do
    rm -f x
    pull --hash "$form" --output x >printed || { echo "$form" && false; }
    same want x
  done
  for option in --sha256 --output-hash; do
    rm -f x
    pull "$option" "$hash" --output x >printed
    same want x
  done
  pull --output-hash "$hash" --output-hash-algo sha256 --output x >printed
  fails 2 "pull-image: --output-hash-algo: expected one of sha256, found 'sha512' (see 'pull-image --help')" \
    pull --output-hash "$hash" --output-hash-algo sha512
  fails 2 "pull-image: --hash and --sha256: expected one of them (see 'pull-image --help')" pull --hash "$hash" --sha256 "$hash"
}

@test "a wrong hash: no file, or the old one, and both hashes are told" {
  local wrong
  want
  fails 1 "pull-image: hash mismatch in 'x': specified: $fake, got: $hash" pull --hash $fake --output x
  [ ! -e x ]
  [ -z "$(find . -mindepth 1 ! -name want ! -name tmp ! -name 'fails.*')" ]
  echo old >x
  wrong=$(printf '0%.0s' {1..64})
  fails 1 "pull-image: hash mismatch in 'x': specified: $fake, got: $hash" pull --sha256 "$wrong" --output x
  [ "$(<x)" = old ]
}

@test "without a hash the right one is told, as by Nix" {
  want
  for option in --output=x --hash=; do
    fails 1 "pull-image: warning: no hash is given: assuming '$fake'
pull-image: hash mismatch in 'docker-image-app-2.tar': specified: $fake, got: $hash" pull $option --output docker-image-app-2.tar
  done
  [ ! -e docker-image-app-2.tar ]
}

@test "what is no hash, digest, name or tag is refused before anything is asked for" {
  local bad
  registry_forget
  for bad in x sha256- "sha256-$fake" "sha512-$fake" "${fake%=}" "$(printf '0%.0s' {1..63})" "$(printf 'e%.0s' {1..52})" ' '; do
    fails 2 "pull-image: --hash: expected a SHA-256 hash in SRI form, base 16, base 32 or base 64, found '$bad'" pull --hash "$bad"
  done
  for bad in x sha256:x "sha512:${PLAIN#*:}" "$PLAIN:" "${PLAIN#*:}" $'\n' "${PLAIN^^}"; do
    fails 2 "pull-image: --image-digest: expected sha256: and 64 digits from 0 to 9 and a to f, found '${bad/$'\n'/\\x0a}' (see 'pull-image --help')" \
      pull --hash $fake --image-digest "$bad"
  done
  for bad in -- --help 'a b' $'a\nb' A/B a/ a//b a:1 "a@$PLAIN" ../a docker://a 'a/$(id)' "a'" ä; do
    for option in --image-name --final-image-name; do
      [[ $option = --image-name || $bad = [ad]* ]] || continue
      fails 2 "pull-image: $option: expected a name such as debian or registry.example/team/app, without a tag, found '${bad/$'\n'/\\x0a}' (see 'pull-image --help')" \
        pull --hash $fake "$option" "$bad"
    done
  done
  for bad in - -x 'a b' a:b $'a\n' a/b "$(printf 'a%.0s' {1..129})"; do
    fails 2 "pull-image: --final-image-tag: expected a tag such as latest or 1.0, found '${bad/$'\n'/\\x0a}' (see 'pull-image --help')" \
      pull --hash $fake --final-image-tag "$bad"
  done
  [ -z "$(registry_requests)" ]
}

@test "each platform of an index, by the names that Go and others have for it" {
  local arch
  for arch in amd64 arm64; do
    skopeo_gives "$arch.tar" "team/index@$INDEX" app:2 --override-os linux --override-arch "$arch"
  done
  run -1 cmp amd64.tar arm64.tar
  for arch in amd64:amd64 amd64:x86_64 arm64:arm64; do
    pull --image-name "$REGISTRY/team/index" --image-digest "$INDEX" --arch "${arch#*:}" --hash "$(sri "${arch%:*}.tar")" \
      --output x >printed
    same "${arch%:*}.tar" x
  done
  run -1 pull --image-name "$REGISTRY/team/index" --image-digest "$INDEX" --arch s390x --hash $fake
  [[ $output == 'pull-image: skopeo: '*'no image found in manifest list for architecture s390x'* ]]
  run -1 pull --image-name "$REGISTRY/team/index" --image-digest "$INDEX" --os windows --arch amd64 --hash $fake
  [[ $output == 'pull-image: skopeo: '*'no image found in manifest list for architecture amd64,'*'OS windows'* ]]
  fails 2 "pull-image: --arch: expected 'arm64', as Go names it, found 'aarch64-linux' (see 'pull-image --help')" \
    pull --hash $fake --arch aarch64-linux
  fails 2 "pull-image: --arch: expected ARCH or ARCH/VARIANT, found 'linux/arm/v7' (see 'pull-image --help')" \
    pull --hash $fake --arch linux/arm/v7
  fails 2 "pull-image: --os: expected a name such as linux, found '--help' (see 'pull-image --help')" pull --hash $fake --os --help
}

@test "without arch it is this machine" {
  case $(uname -m) in x86_64 | aarch64) ;; *) skip 'not in the index' ;; esac
  skopeo_gives want "team/index@$INDEX" app:2
  pull --image-name "$REGISTRY/team/index" --image-digest "$INDEX" --hash "$(sri want)" --output x >printed
  same want x
}

@test "the registry is asked for what skopeo asks for, and for no more" {
  registry_forget
  want app:2
  registry_requests >skopeo
  grep -qx "GET /v2/team/app/manifests/$PLAIN 200" skopeo
  registry_forget
  pull --hash "$hash" >printed
  registry_requests >ours
  LC_ALL=C sort -o skopeo skopeo
  LC_ALL=C sort ours | same skopeo -
}

@test "a registry without TLS is allowed by --tls-verify=false alone" {
  fails 1 "pull-image: skopeo: initializing source docker://$REGISTRY/team/app@$PLAIN: pinging container registry $REGISTRY: Get \"https://$REGISTRY/v2/\": http: server gave HTTP response to HTTPS client (--tls-verify=false allows a registry without TLS)" \
    pull --hash $fake --tls-verify=true
  fails 1 "pull-image: skopeo: initializing source docker://$REGISTRY/team/app@$PLAIN: pinging container registry $REGISTRY: Get \"https://$REGISTRY/v2/\": http: server gave HTTP response to HTTPS client (--tls-verify=false allows a registry without TLS)" \
    pull-image --image-name "$REGISTRY/team/app" --image-digest "$PLAIN" --hash $fake
}

@test "an image that is not there" {
  fails 1 "pull-image: skopeo: initializing source docker://$REGISTRY/team/none@$PLAIN: reading manifest $PLAIN in $REGISTRY/team/none: manifest unknown: manifest unknown" \
    pull --hash $fake --image-name "$REGISTRY/team/none"
}

@test "--attrs: the attributes of pullImage, also out of a derivation" {
  local name
  want
  jq -n --arg name "$REGISTRY/team/app" --arg digest "$PLAIN" --arg hash "$hash" '{imageName: $name, imageDigest: $digest,
    sha256: $hash, hash: null, os: "linux", arch: "x86_64", finalImageName: "app", finalImageTag: "2", tlsVerify: false}' >attrs.json
  [ "$(pull-image --attrs attrs.json)" = docker-image-app-2.tar ]
  same want docker-image-app-2.tar
  jq '. + {name: "docker-image.tar", builder: "x", outputs: {out: "y"}, system: "z", outputHash: .sha256,
    outputHashAlgo: "sha256", outputHashMode: "flat"} | del(.sha256)' attrs.json >.attrs.json
  pull-image --attrs .attrs.json --output x >printed
  same want x
  for name in imageName imageDigest; do
    jq "del(.$name)" attrs.json >less.json
    option=$([ $name = imageName ] && echo '--image-name NAME' || echo '--image-digest DIGEST')
    fails 2 "pull-image: expected $option, or $name in 'less.json' (see 'pull-image --help')" pull-image --attrs less.json
  done
}

@test "credentials: skopeo's own, or those of --authfile" {
  auth_start
  plain=$(jq -nc --arg registry "$REGISTRY" --arg auth "$(printf u:p | base64)" '{auths: {($registry): {auth: $auth}}}')
  echo "$plain" >authfile
  registry_push "docker-archive:$BATS_FILE_TMPDIR/images/plain.tar" team/app:1.0 --dest-authfile authfile
  [ "$DIGEST" = "$PLAIN" ]
  : >auth/tokens/log
  want_in=(--image-name "$REGISTRY/team/app" --output x)
  run -1 pull --hash $fake "${want_in[@]}"
  [[ $output == "pull-image: skopeo: "*"; unauthorized: authentication required ('skopeo login' stores a user's name and password)" ]]
  [[ $(<auth/tokens/log) == *'- repository:team/app:pull'* ]]
  run -1 pull --hash $fake "${want_in[@]}" --authfile authfile
  [[ $output == "pull-image: hash mismatch in 'x': specified: $fake, got: "* ]]
  hash=${output##*got: }
  pull --hash "$hash" "${want_in[@]}" --authfile authfile
  rm x
  REGISTRY_AUTH_FILE=authfile pull --hash "$hash" "${want_in[@]}"
  rm x
  mkdir -p home/.docker
  cp authfile home/.docker/config.json
  HOME=$PWD/home pull --hash "$hash" "${want_in[@]}"
  sed 's/"auth":".*"/"auth":"'"$(printf u:wrong | base64)"'"/' authfile >wrong
  run -1 pull --hash "$hash" "${want_in[@]}" --authfile wrong
  [[ $output == 'pull-image: skopeo: '*'unauthorized'* ]]
  fails 1 "pull-image: --authfile: 'none' does not exist" pull --hash "$hash" "${want_in[@]}" --authfile none
}

@test "what the host says of signatures has no say" {
  mkdir -p home/.config/containers/registries.d sigstore/team/app@"${PLAIN/:/=}"
  echo '{"default": [{"type": "reject"}]}' >home/.config/containers/policy.json
  echo "{docker: {$REGISTRY: {sigstore: 'file://$PWD/sigstore'}}}" >home/.config/containers/registries.d/ours.yaml
  echo a signature >sigstore/team/app@"${PLAIN/:/=}"/signature-1
  want
  export HOME=$PWD/home XDG_CONFIG_HOME=$PWD/home/.config
  run -1 skopeo --insecure-policy copy --src-tls-verify=false "docker://$REGISTRY/team/app@$PLAIN" docker-archive:none:a:b
  run -1 skopeo copy --src-tls-verify=false "docker://$REGISTRY/team/app@$PLAIN" docker-archive:none:a:b
  pull --hash "$hash" --output x
  same want x
}

@test "a registry that dies in the middle of a layer: no file, or the old one" {
  local registry
  head -c 300000 /dev/urandom >noise
  mkdir tree && mv noise tree
  tree-list --owner 0:0 tree | layer-tar --mtree - | image-assemble --name noise --output noise.tar
  registry_push docker-archive:noise.tar team/noise:1.0
  "$TOP/tests/fixtures/dying-registry" "$REGISTRY" port 100000 3>&- &
  started+=($!)
  until [ -e port ]; do sleep 0.05; done
  registry=127.0.0.1:$(<port)
  echo old >x
  run -1 pull --hash $fake --image-name "$registry/team/noise" --image-digest "$DIGEST" --output x
  [[ $output == 'pull-image: skopeo: '*'unexpected EOF'* || $output == 'pull-image: skopeo: '*'connection refused'* ]]
  [ "$(<x)" = old ]
  run -1 pull --hash $fake --image-name "$registry/team/noise" --image-digest "$DIGEST" --output y
  [[ $output == 'pull-image: skopeo: '*'connection refused' ]]
  [ ! -e y ]
}

@test "a full disk, where the image goes and where temporary files go" {
  needs unshare
  needs_root
  local place
  head -c 300000 /dev/urandom >noise
  mkdir tree small && mv noise tree
  tree-list --owner 0:0 tree | layer-tar --mtree - | image-assemble --name noise --output noise.tar
  registry_push docker-archive:noise.tar team/noise:2.0
  for place in small/x tmp; do
    # shellcheck disable=SC2016 # the other shell's
    TMPDIR=$PWD/tmp run -1 unshare -m bash -c 'mount -t tmpfs -o size=100k none small
      [ $1 = small/x ] || TMPDIR=$PWD/small
      pull-image "${@:2}"; status=$?; ls -A small; exit $status' _ $place --tls-verify=false --quiet \
      --image-name "$REGISTRY/team/noise" --image-digest "$DIGEST" --hash $fake --output "${place/tmp/x}"
    [[ $output == 'pull-image: skopeo: '*'no space left on device' ]]
    [ ! -e x ]
  done
}

# a program called skopeo that does this, the one of this machine being $skopeo
instead() {
  mkdir -p bin
  printf '#!/bin/bash\nskopeo=%q\n%s\n' "$(PATH=/usr/bin:/bin command -v skopeo)" "$1" >bin/skopeo
  chmod +x bin/skopeo
  PATH=$PWD/bin:$PATH
}

@test "skopeo that ends early, is killed, says nothing or does nothing" {
  want
  instead 'echo part >&3; kill -KILL $$'
  fails 1 'pull-image: skopeo was ended by signal 9 (Killed)' pull --hash "$hash" --output x
  instead 'echo part >&3; exit 3'
  fails 1 'pull-image: skopeo failed and did not say why' pull --hash "$hash" --output x
  # written by the descriptor: the hash is that of the whole file
  instead 'echo part >&3'
  run -1 pull --hash "$hash" --output x
  [ "$output" = "pull-image: hash mismatch in 'x': specified: $hash, got: sha256-$(echo part | openssl dgst -sha256 -binary | base64)" ]
  instead 'exit 0'
  fails 1 'pull-image: skopeo wrote nothing' pull --hash "$hash" --output x
  instead 'echo part >&3; echo words; echo "a \"line" >&2; printf %s "time=\"x\" level=warning msg=\"b \\\"c\\\\\"" >&2'
  run -1 pull --hash "$hash" --output x
  grep -qx 'pull-image: skopeo: a "line' <<<"$output"
  grep -qxF "pull-image: warning: skopeo: b \"c\\" <<<"$output"
  [ ! -e x ]
  instead '"$skopeo" "$@" && echo more >>/dev/fd/3'
  run -1 pull --hash "$hash" --output x
  [[ $output == "pull-image: hash mismatch in 'x': specified: $hash, got: "* ]]
  [ ! -e x ]
  [ ! -e x ]
}

@test "without skopeo" {
  local program
  mkdir bin
  for program in bash env readlink cat jq; do ln -s "$(command -v $program)" bin; done
  PATH=$PWD/bin:$BUILD/bin run -1 pull --hash $fake --output x
  [ "$output" = 'pull-image: pull-image needs skopeo, which is not installed' ]
}

@test "a signal ends skopeo, too, and nothing is left" {
  local signal pipeline status
  instead ': >started; echo part >&3; exec sleep 30'
  for signal in TERM HUP; do
    rm -f started
    setsid env --default-signal=TERM,HUP pull-image --tls-verify=false --image-name "$REGISTRY/team/app" \
      --image-digest "$PLAIN" --hash $fake --output x >out 2>err 3>&- &
    pipeline=$!
    until [ -e started ]; do sleep 0.05; done
    kill -$signal $pipeline
    status=0
    wait $pipeline || status=$?
    [ $status != 0 ]
    [ ! -e x ]
    [ -z "$(ls -A tmp)" ]
    for ((i = 0; i < 100; i++)); do pgrep -s $pipeline >/dev/null || break; sleep 0.05; done
    [ -z "$(pgrep -as $pipeline)" ]
  done
}

@test "the output follows a link, has the caller's modes, and is a regular file" {
  want
  ln -s target x
  echo old >target
  (umask 077 && pull --hash "$hash" --output x)
  [ -L x ]
  same want target
  [ "$(stat -c %a target)" = 600 ]
  mkfifo fifo
  fails 1 "pull-image: cannot write 'fifo': it is not a regular file (standard output can go anywhere)" \
    pull --hash "$hash" --output fifo
  fails 1 "pull-image: cannot create 'no/x': No such file or directory" pull --hash "$hash" --output no/x
  mkdir 'a:b'
  (cd 'a:b' && pull --hash "$hash" --output $'-- :\nx')
  same want $'a:b/-- :\nx'
}

@test "as an ordinary user, and as root" {
  local user=(env)
  want
  place=$(env -u TMPDIR mktemp -d)
  chmod 755 "$place"
  mkdir -m 777 "$place"/{out,home,tmp}
  if [ "$(id -u)" = 0 ]; then
    needs setpriv
    user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  fi
  "${user[@]}" env -i PATH="$PATH" HOME="$place/home" XDG_RUNTIME_DIR="$place/home" \
    TMPDIR="$place/tmp" pull-image --tls-verify=false \
    --image-name "$REGISTRY/team/app" --image-digest "$PLAIN" --final-image-name app --final-image-tag 2 --hash "$hash" \
    --output "$place/out/x"
  same want "$place/out/x"
  run -1 "${user[@]}" env -i PATH="$PATH" HOME="$place/home" XDG_RUNTIME_DIR="$place/home" \
    TMPDIR="$place/tmp" pull-image --tls-verify=false \
    --image-name "$REGISTRY/team/none" --image-digest "$PLAIN" --hash "$hash" --output "$place/out/y"
  [[ $output == "pull-image: skopeo: initializing source "* ]]
  [ "$(ls "$place/out")" = x ]
  [ -z "$(ls -A "$place/tmp")" ]
  rm -rf "$place"
}
