#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Where images go: the forms of files, and --to with layouts, archives, registries and engines.
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # a test is a subshell; REGISTRY comes from registry.bash; run sets stderr
load helper
load registry

hello=/nix/store/4ddddddddddddddddddddddddddddddd-hello-1.0
hint="(see 'build-layered-image --help')"
args=(--name hello --closure graph --root-dir root --contents "$hello" --quiet)

# example/image.tar is what build makes of the example, and the file files what is in it
setup_file() {
  setup_path
  needs docker-registry skopeo curl docker
  registry_start "$PWD/registry"
  made example example
  chmod -R u+w example/root
  cd example || return
  build --output image.tar --compressor none --tag 1
  tree image.tar >files
}

teardown_file() { registry_stop; }

setup() {
  setup_path
  made example .
  chmod -R u+w root
  mkdir tmp home
  export TMPDIR=$PWD/tmp HOME=$PWD/home
  known=home/.cache/layerpipe/known-layers
  repository=test-$BATS_TEST_NUMBER
  started=() # to be ended after the test
  registry_forget
  example=$BATS_FILE_TMPDIR/example
}

# Whatever happens, the directory for temporary files is empty then.
teardown() {
  [ ${#started[@]} = 0 ] || kill "${started[@]}" 2>/dev/null || :
  chmod -R u+w "$BATS_TEST_TMPDIR" || :
  [ -z "$(ls -A tmp)" ]
}

build() { build-layered-image "${args[@]}" "$@"; }
push() { build --tls-verify=false --to "docker://$REGISTRY/$repository:$1" "${@:2}"; }

# tree IMAGE > its files
tree() { image-layers --files "$1"; }

# sent: how many blobs the registry got since registry_forget
sent() { registry_requests | grep -cE '^PUT /v2/[^ ]*/blobs/' || true; }

# requests METHOD PATTERN: how many there were since registry_forget
requests() { registry_requests | grep -cE "^$1 .*$2" || true; }

# is_there TAG: the registry has the image that want is. What has the digest of an image that was pulled is not pulled
# again: the registry takes no manifest without the blobs that it names.
is_there() {
  local digest
  digest=$(curl -sSfI -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$REGISTRY/v2/$repository/manifests/$1" |
    sed -n 's/\r$//; s/^docker-content-digest: //Ip')
  [[ $digest == sha256:* ]]
  if [ ! -e "files.$digest" ]; then
    rm -f pulled
    skopeo --insecure-policy copy --quiet --src-tls-verify=false "docker://$REGISTRY/$repository:$1" docker-archive:pulled:x:y
    tree pulled >"files.$digest"
  fi
  same want "files.$digest"
}

# unreadable [PATH]: of the store, this path is left, and the names in hello; whoever reads a file there finds other bytes
unreadable() {
  find root/nix/store -mindepth 1 -maxdepth 1 ! -name "${hello##*/}" ! -name "${1##*/}" -exec rm -r {} +
  find "root$hello" -type f -size +0 -exec sed -i '1s/./X/' {} +
}

@test "OCI and hybrid files: those of image-assemble, with layers compressed, and annotations" {
  local format
  cp "$example/files" want
  for format in oci hybrid; do
    stream-layered-image "${args[@]}" --tag 1 --format $format --annotation a=b --annotation c= >"$format.tar"
    tree "$format.tar" | same want -
    [ "$(build --tag 1 --format $format --annotation a=b --annotation c=)" = hello-1.tar ]
    same "$format.tar" hello-1.tar
    image-layers --list "$format.tar" | cut -f 3 | sort -u >types
    grep -q gzip types
  done
  tar -xOf oci.tar index.json | jq -e '.annotations == {a: "b", c: ""}'
  [ "$(build --tag 1 --format oci --layer-compressor zstd --output lay.out)" = lay.out ]
  [ "$(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' lay.out/index.json)" = 1 ]
  image-layers --list lay.out | grep -q zstd
  [ "$(build --tag 2 --format oci --compressor zstd)" = hello-2.tar.zst ]
  jq -n --arg hello "$hello" '{name: "hello", tag: "1", contents: [$hello], closure: "graph", rootDir: "root", quiet: true,
    format: "oci", layerCompressor: "gz", annotations: {a: "b", c: ""}}' >attrs.json
  stream-layered-image --attrs attrs.json | same oci.tar -
  mkdir tree
  echo hi >tree/file
  [ "$(build-image --name one --tag 1 --copy-to-root tree --quiet --format oci)" = one-1.tar ]
  tar -xOf one-1.tar index.json | jq -e '.manifests | length == 1'
}

@test "an OCI layout and an OCI archive" {
  cp "$example/files" want
  mkdir out
  [ "$(build --to oci:out/images:1)" = oci:out/images:1 ]
  [ "$(build --tag 2 --to oci:out/images)" = oci:out/images ]
  jq -e '[.manifests[].annotations["org.opencontainers.image.ref.name"]] == ["1", "2"]' out/images/index.json
  tree out/images | same want -
  [ -z "$(find out/images -type p)" ]
  # what was compressed once is remembered, and used where its blob is there
  [ "$(wc -l <"$known")" = "$(image-layers --list "$example/image.tar" | wc -l)" ]
  cp -a out/images other
  build --to oci:other:3 --known-layers none
  [ "$(build --to oci-archive:-x.tar --tag 1)" = oci-archive:-x.tar ]
  tree ./-x.tar | same want -
  stream-layered-image "${args[@]}" --tag 1 --prepare prepared >printed
  build-layered-image --quiet --prepared prepared --to oci:out/prepared:5
  jq -r '.manifests[].digest' out/images/index.json out/prepared/index.json | sort -u >digests
  [ "$(wc -l <digests)" = 1 ]
  mkdir tree
  echo hi >tree/file
  [ "$(build-image --name one --copy-to-root tree --quiet --to oci:out/images:4)" = oci:out/images:4 ]
  jq -e '.manifests | length == 3' out/images/index.json
}

@test "where layers are remembered" {
  build --to oci:a:1
  [ -s "$known" ]
  XDG_CACHE_HOME=$PWD/cache build --to oci:b:1
  same "$known" cache/layerpipe/known-layers
  build --to oci:c:1 --known-layers mine
  same "$known" mine
  rm -r home/.cache
  build --to oci:d:1 --known-layers none
  XDG_CACHE_HOME=relative HOME=/nonexistent build --to oci:e:1
  env -u HOME -u XDG_CACHE_HOME build-layered-image "${args[@]}" --to oci:f:1
  [ -z "$(ls -A home)" ]
  [ ! -e relative ]
  echo >file
  run -0 --separate-stderr env XDG_CACHE_HOME="$PWD/file" build-layered-image "${args[@]}" --to oci:g:1
  [ "$stderr" = "build-layered-image: warning: known layers are not used: cannot make '$PWD/file/layerpipe': Not a directory" ]
  same a/index.json g/index.json
}

@test "mistakes" {
  fails 2 "build-layered-image: --to: expected docker://HOST/NAME:TAG, oci:DIR:TAG, oci-archive:FILE, containers-storage:NAME:TAG or docker-daemon:NAME:TAG, found 'x' $hint" build --to x
  fails 2 "build-layered-image: --to: expected docker://HOST/NAME:TAG, oci:DIR:TAG, oci-archive:FILE, containers-storage:NAME:TAG or docker-daemon:NAME:TAG, found 'oci::1' $hint" build --to oci::1
  fails 2 "build-layered-image: --output and --to: expected one of them $hint" build --to oci:a:1 --output x
  fails 2 "build-layered-image: --compressor and --to: expected one of them $hint" build --to oci:a:1 --compressor gz
  fails 2 "build-layered-image: --format: with --to, expected oci, found 'docker' $hint" build --to oci:a:1 --format docker
  fails 2 "build-layered-image: --to: the tag '1' in it contradicts the tag '2' $hint" build --to oci:a:1 --tag 2
  fails 2 "build-layered-image: --to: the tag '1' in it contradicts the tag '2' $hint" build --to containers-storage:a:1 --tag 2
  fails 2 "build-layered-image: --authfile: it goes with --to $hint" build --output x --authfile y
  fails 2 "build-layered-image: --known-layers: it goes with --to $hint" build --output x --known-layers y
  fails 2 "build-layered-image: --tls-verify: it goes with --to $hint" build --output x --tls-verify
  fails 2 "build-layered-image: --via: it goes with --to $hint" build --output x --via skopeo
  fails 2 "build-layered-image: --via: it goes with --to docker://HOST/NAME:TAG $hint" build --to oci:a:1 --via skopeo
  fails 2 "build-layered-image: --via: expected one of registry-push, skopeo, found 'x' $hint" build --to docker://a/b --via x
  fails 2 "build-layered-image: --to: registry-push takes no IPv6 address, found '[::1]:5000/a:1' (--via skopeo does) $hint" \
    build --to 'docker://[::1]:5000/a:1'
  fails 2 "build-layered-image: --to: expected a tag such as latest or 1.0, found '1 2' $hint" build --to 'oci:a:1 2'
  fails 2 "build-layered-image: --to: expected a directory in oci:DIR:TAG, found 'graph' (oci-archive:FILE is a file) $hint" build --to oci:graph:1
  fails 2 "build-layered-image: --to: expected oci-archive:FILE.tar, found 'oci-archive:x' $hint" build --to oci-archive:x
  fails 2 "build-layered-image: --to: expected a name such as debian or registry.example/team/app, without a tag, found 'A' $hint" build --to docker://A
  fails 2 "build-layered-image: --layer-compressor goes with --format oci or hybrid $hint" build --layer-compressor gz
  fails 2 "build-layered-image: --annotation: expected KEY=VALUE in UTF-8, found 'a' $hint" build --format oci --annotation a
  fails 2 "build-layered-image: --compressor and --layer-compressor: an image is compressed once $hint" \
    build --format oci --compressor gz --layer-compressor gz
  fails 2 "build-layered-image: --layer-compressor: with --to and this destination, expected none, found 'gz' $hint" \
    build --to containers-storage:a:1 --layer-compressor gz
  fails 2 "build-layered-image: --to: expected a name such as debian or registry.example/team/app, without a tag, found 'A' $hint" \
    build --to docker-daemon:A:1
  for via in registry-push skopeo; do
    fails 1 "build-layered-image: --authfile: 'none' does not exist" push 1 --authfile none --via "$via"
  done
  jq -n '{name: "x", allowEmpty: true, format: "oci", annotations: {a: 1}}' >attrs.json
  fails 1 'build-layered-image: attrs.json: annotations: expected an object of strings, found {"a":1}' build-layered-image --attrs attrs.json
  mkdir 'a:b'
  TMPDIR=$PWD/a:b run -1 build --to docker://localhost/a:1 --via skopeo
  [[ $output == "build-layered-image: --to needs a temporary directory whose name has no colon: set TMPDIR, not '$PWD/a:b/layerpipe."* ]]
  [ -z "$(registry_requests)" ]
}

@test "first push, the same again, one path changed, another repository" {
  local changed
  cp "$example/files" want
  [ "$(push 1)" = "docker://$REGISTRY/$repository:1" ]
  is_there 1
  # a prepared image is the same: a new tag, no blob
  stream-layered-image "${args[@]}" --tag 1 --prepare prepared >printed
  registry_forget
  build-layered-image --quiet --tls-verify=false --prepared prepared --to "docker://$REGISTRY/$repository:5" >printed
  [ "$(sent)" = 0 ]
  is_there 5
  # the same again: one question, and no file of the store is read
  cp -a root root.was
  unreadable -
  registry_forget
  [ "$(push 1)" = "docker://$REGISTRY/$repository:1" ]
  [ "$(registry_requests)" = "HEAD /v2/$repository/manifests/1 200" ]
  # under another tag: a new manifest, no blob
  registry_forget
  push 2
  [ "$(sent)" = 0 ]
  [ "$(requests PUT /manifests/2)" = 1 ]
  is_there 2
  # a path has other contents: of the store, its layer is all that can be read
  rm -r root
  cp -a root.was root
  changed=$(sed -n 's/\t.*//; /-shell-/p' graph)
  sed -i '$s/$/ /' "root$changed/bin/sh"
  awk -v p="$changed" 'BEGIN { FS = OFS = "\t" } $1 == p { $3 = "sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s" } 1' \
    graph >graph.new
  mv graph.new graph
  build --output image.tar --compressor none --tag 1
  tree image.tar >want
  unreadable "$changed"
  registry_forget
  push 1
  [ "$(sent)" = 2 ] # the layer and the configuration
  is_there 1
  # another repository of the same registry, which takes over what the first one has
  repository+=-other
  registry_forget
  push 1
  [ "$(sent)" = 0 ]
  [ "$(requests POST "mount=.*from=${repository%-other}&?.* 201")" -gt 2 ]
  is_there 1
  lines "$REGISTRY	${repository%-other}" "$REGISTRY	$repository" | same - "$known.repositories"
  # skopeo remembers it, too; of the configuration it does not
  repository+=s
  registry_forget
  push 1 --via skopeo
  [ "$(sent)" = 1 ]
  is_there 1
  repository=${repository%s}
  repository=${repository%-other}
  # without a memory all is read, and the image is the same
  rm -r root home/.cache
  cp -a root.was root
  sed -i '$s/$/ /' "root$changed/bin/sh"
  registry_forget
  push 1
  [ "$(registry_requests)" = "HEAD /v2/$repository/manifests/1 200" ]
}

@test "which repositories the registry is asked for" {
  local i
  mkdir -p "${known%/*}"
  {
    for i in 1 2 3 4; do printf '%s\told%s\n' "$REGISTRY" $i; done
    printf '%s\n' "$REGISTRY	" "$REGISTRY	-x" "$REGISTRY	a b" "$REGISTRY	A" "other.example	there" garbage
  } >"$known.repositories"
  mkdir bin
  # shellcheck disable=SC2016 # the program's
  printf '#!/bin/sh\nprintf "%%s\\n" "$@" >%q\n' "$PWD/words" >bin/registry-push
  chmod +x bin/registry-push
  cp -as "$BUILD"/{share,libexec} .
  cp -ans "$BUILD/bin/." bin
  cp --remove-destination "$BUILD/bin/build-layered-image" bin
  PATH=$PWD/bin:$PATH
  push 1 >printed
  sed -n '/^--mount-from$/{n;p}' words >from
  lines old4 old3 old2 | same - from
  [ "$(tail -n 1 "$known.repositories")" = "$REGISTRY	$repository" ]
  # what the base says of itself comes first
  cp "$known.repositories" was
  image-assemble --allow-empty --name "$REGISTRY/team/base" --tag 1 --output base.tar </dev/null
  push 1 --from-image base.tar >printed
  sed -n '/^--mount-from$/{n;p}' words >from
  lines team/base old4 old3 | same - from
  same was "$known.repositories"
  # nothing is remembered, nothing is asked for
  push 1 --known-layers none >printed
  run -1 grep mount-from words
  # it cannot be written: the image is there all the same
  rm "$known.repositories"
  mkdir "$known.repositories"
  run -0 --separate-stderr push 1
  [ "$stderr" = "build-layered-image: warning: cannot remember 'docker://$REGISTRY/$repository:1': cannot write '$PWD/$known.repositories': Is a directory" ]
}

@test "known layers that the registry lacks are made when it asks for them" {
  args+=(--uid 7 --gname users --mtime 2000-01-01T00:00:00Z) # so that it has none of them from other tests
  build --to oci:first:1
  build --output image.tar --compressor none --tag 1
  tree image.tar >want
  push 1
  is_there 1
  [ "$(sent)" -gt 2 ]
  # a store path that is not what it was when its layer became known
  build --to oci:second:1 --max-layers 3
  sed -i '1s/./X/' "root$hello/bin/hello"
  registry_forget
  for via in registry-push skopeo; do
    run -1 --separate-stderr push 1 --max-layers 3 --via $via
    [[ $stderr == 'layer-serve: layer '*' has changed: its diff ID is sha256:'* ]]
    [ "${#stderr_lines[@]}" = 1 ]
    [ -z "$output" ]
  done
  [ "$(requests PUT /manifests/1)" = 0 ]
}

@test "an image on a base: of the base's layers comes what the registry lacks, and nothing else is read" {
  local name image=(--name one)
  for name in other base; do
    mkdir $name
    seq 400000 >$name/$name
    tree-list --owner 0:0 $name | layer-tar --mtree - | image-assemble --name $name --tag 1 --output $name.tar
  done
  merge-images other.tar base.tar >images.tar
  gzip -n images.tar
  args+=(--from-image images.tar.gz --from-image-name base --from-image-tag 1)
  build --output image.tar --compressor none --tag 1
  tree image.tar >want
  # known, but not in the registry
  build --to oci:first:1
  push 1
  is_there 1
  build --to oci:second:1 --layer-compressor zstd
  # whoever reads the base now finds other bytes
  gunzip images.tar.gz
  LC_ALL=C sed -i 's/^54321$/12345/' images.tar
  gzip -n images.tar
  unreadable -
  registry_forget
  push 2
  [ "$(sent)" = 0 ]
  [ "$(skopeo_digest "$repository:1")" = "$(skopeo_digest "$repository:2")" ]
  # the same in one layer: its own, and the configuration
  mkdir tree
  echo "$repository" >tree/file
  image+=("${args[@]:8}" --copy-to-root tree --tls-verify=false)
  registry_forget
  build-image "${image[@]}" --to "docker://$REGISTRY/$repository:3"
  [ "$(sent)" = 2 ]
  # commands get its bytes
  run -1 build-image "${image[@]}" --run-as-root : --engine userns --to "docker://$REGISTRY/$repository:4"
  [[ $output == 'image-layers: images.tar.gz: layer 1 (sha256:'*'): damaged: its bytes are sha256:'* ]]
  # a registry that has it not gets no other
  run -1 --separate-stderr build-image "${image[@]}" --to "docker://$REGISTRY/$repository:4" --layer-compressor zstd
  [[ $stderr == "layer-serve: images.tar.gz: layer 1 (sha256:"*"): damaged: its bytes are sha256:"* ]]
  [ "${#stderr_lines[@]}" = 1 ]
}

@test "without NAR hashes all is read, and the registry still gets only what it lacks" {
  sed -i 's/\tsha256[^\t]*\t/\t-\t/' graph
  build --output image.tar --compressor none --tag 1
  tree image.tar >want
  push 1
  is_there 1
  registry_forget
  push 1
  [ "$(registry_requests)" = "HEAD /v2/$repository/manifests/1 200" ]
  registry_forget
  push 2
  [ "$(sent)" = 0 ]
  is_there 2
}

@test "an image of one layer" {
  mkdir tree
  echo hi >tree/file
  one() { build-image --name one --copy-to-root tree --quiet --tls-verify=false --to "docker://$REGISTRY/$repository:$1"; }
  [ "$(one 1)" = "docker://$REGISTRY/$repository:1" ]
  build-image --name one --copy-to-root tree --quiet --output image.tar --compressor none
  tree image.tar >want
  is_there 1
  registry_forget
  one 1
  [ "$(registry_requests)" = "HEAD /v2/$repository/manifests/1 200" ]
}

@test "without a tag, it is the image's; skopeo is needed for --via skopeo alone, and goes without curl" {
  build --to "docker://$REGISTRY/$repository" --tls-verify=false >printed
  [[ $(<printed) =~ ^"docker://$REGISTRY/$repository:"[0-9a-z]{32}$ ]]
  mkdir bin
  find /bin/ /usr/bin/ -mindepth 1 ! -name curl ! -name skopeo -exec ln -sf -t bin {} +
  registry_forget
  PATH=$BUILD/bin:$PWD/bin build --to "docker://$REGISTRY/$repository" --tls-verify=false | same printed -
  [ "$(registry_requests)" = "HEAD /v2/$repository/manifests/$(sed 's/.*://' printed) 200" ]
  PATH=$BUILD/bin:$PWD/bin fails 1 'build-layered-image: --via skopeo needs skopeo, which is not installed' \
    build --to "docker://$REGISTRY/$repository" --via skopeo
  PATH=$BUILD/bin:$PWD/bin fails 1 'build-layered-image: --to containers-storage needs skopeo, which is not installed' \
    build --to containers-storage:a:1
  ln -s "$(command -v skopeo)" bin
  registry_forget
  PATH=$BUILD/bin:$PWD/bin build --to "docker://$REGISTRY/$repository" --tls-verify=false --via skopeo | same printed -
  [ "$(requests HEAD /manifests/)" = 0 ]
  [ "$(sent)" = 0 ]
  [ "$(requests PUT /manifests/)" = 1 ]
}

@test "--via skopeo: what is no plain yes is none: another digest, another status, a redirect, no end" {
  push 1 --via skopeo
  real=$(PATH=/usr/bin:/bin command -v curl)
  mkdir bin
  PATH=$PWD/bin:$PATH
  # says LINE…: whether these headers say that the image is there
  says() {
    printf '%s\r\n' "$@" >headers
    share=$BUILD/share/layerpipe bash -c '. "$share/destination.sh" && head_says "$1" <headers' - "$digest"
  }
  digest=$(skopeo_digest "$repository:1")
  says 'HTTP/2 200' "docker-content-digest: $digest"
  says 'HTTP/1.1 100 Continue' '' 'HTTP/1.1 200 OK' "Docker-Content-Digest:$digest"
  run -1 says 'HTTP/1.1 200 OK'
  run -1 says 'HTTP/1.1 200 OK' "Docker-Content-Digest: sha256:$(printf '0%.0s' {1..64})"
  run -1 says 'HTTP/1.1 200 OK' "Docker-Content-Digest: ${digest}0"
  run -1 says 'HTTP/1.1 307 Temporary Redirect' "Docker-Content-Digest: $digest"
  run -1 says 'HTTP/1.1 401 Unauthorized' "Docker-Content-Digest: $digest"
  run -1 says 'HTTP/1.1 200 OK' "Docker-Content-Digest: $digest" '' 'HTTP/1.1 500 Error'
  run -1 says ''
  registry_forget
  push 1 --via skopeo
  [ "$(registry_requests)" = "HEAD /v2/$repository/manifests/1 200" ]
  # and then skopeo pushes
  printf '#!/bin/sh\nexit 22\n' >bin/curl
  chmod +x bin/curl
  registry_forget
  push 1 --via skopeo
  [ "$(requests PUT /manifests/1)" = 1 ]
  # no option of the user's, no password, no other protocol
  printf '#!/bin/sh\nprintf "%%s\\n" "$@" >>%q\nexec %q "$@"\n' "$PWD/words" "$real" >bin/curl
  echo 'user = "me:secret"' >home/.curlrc
  echo "machine 127.0.0.1 login me password secret" >home/.netrc
  push 1 --via skopeo
  [ "$(head -n 1 words)" = --disable ]
  run -1 grep -E -e '^(--location|-L|--netrc|-n|--user)$' words
  : >words
  run -1 build --via skopeo --to "docker://$REGISTRY/$repository:1"
  grep -qx '=https' words
  run -1 grep -E '=http$|--insecure' words
}

@test "a registry without TLS is allowed by --tls-verify=false alone" {
  run -1 build --to "docker://$REGISTRY/$repository:1"
  [[ $output == 'registry-push: '"$REGISTRY/$repository: "*'it does not speak TLS (--tls-verify=false allows a registry without TLS)' ]]
  [ "${#lines[@]}" = 1 ]
  run -1 build --to "docker://$REGISTRY/$repository:1" --via skopeo
  [[ $output == 'build-layered-image: skopeo: '*'http: server gave HTTP response to HTTPS client (--tls-verify=false allows a registry without TLS)' ]]
}

@test "tokens: the push has the password of --authfile, and shows it nowhere" {
  local remembered=.cache/layerpipe/known-layers.repositories
  auth_start
  jq -nc --arg registry "$REGISTRY" --arg auth "$(printf u:p | base64)" '{auths: {($registry): {auth: $auth}}}' >authfile
  run -1 push 1
  [[ $output == "registry-push: $REGISTRY/$repository: "*"(nobody is logged in to $REGISTRY: 'skopeo login' stores a user's name and password)" ]]
  [ "${#lines[@]}" = 1 ]
  [ "$(push 1 --authfile authfile)" = "docker://$REGISTRY/$repository:1" ]
  registry_forget
  push 1 --authfile authfile
  [ "$(sent)" = 0 ]
  [ "$(requests PUT /manifests/)" = 0 ]
  # what layer-serve makes is sent, too
  repository+=-served
  rm "$HOME/$remembered"
  REGISTRY_AUTH_FILE=$PWD/authfile push 1
  [ "$(sent)" -gt 2 ]
  [ "$(requests PUT /manifests/)" = 1 ]
  # skopeo: the question has no password
  run -1 push 1 --via skopeo
  [[ $output == 'build-layered-image: skopeo: '*"('skopeo login' stores a user's name and password)" ]]
  registry_forget
  push 1 --authfile authfile --via skopeo
  [ "$(registry_requests | head -n 1)" = "HEAD /v2/$repository/manifests/1 401" ]
  [ "$(sent)" = 0 ]
  [ "$(requests PUT /manifests/)" = 1 ]
  # what everybody may pull is known without it
  repository=public/image
  push 1 --authfile authfile --via skopeo
}

@test "a registry that refuses a blob, that dies midway, and one that is not there" {
  python3 - <<'END' &
import http.server, os
class Registry(http.server.BaseHTTPRequestHandler):
    def answer(self, status, *headers):
        self.send_response(status)
        for name, value in headers + (("Content-Length", "0"),):
            self.send_header(name, value)
        self.end_headers()
    def do_GET(self): self.answer(200)
    def do_HEAD(self): self.answer(404)
    def do_POST(self): self.answer(202, ("Location", self.path + "1"))
    def do_PATCH(self):
        self.rfile.read(10)
        os._exit(0)
    def do_PUT(self): self.answer(403)
    def log_message(self, *args): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Registry)
with open("port.new", "w") as f: f.write(str(server.server_port))
os.rename("port.new", "port")
server.serve_forever()
END
  started+=($!)
  until [ -e port ]; do sleep 0.05; done
  run -1 build --tls-verify=false --to "docker://127.0.0.1:$(<port)/a:1"
  [[ $output == "registry-push: 127.0.0.1:$(<port)/a: "*403* ]]
  [ "${#lines[@]}" = 1 ]
  run -1 build --tls-verify=false --to "docker://127.0.0.1:$(<port)/a:1" --via skopeo
  [[ $output == 'build-layered-image: skopeo: '* ]]
  [ -z "$(ls -A tmp)" ]
  run -1 build --tls-verify=false --to "docker://127.0.0.1:$(<port)/a:1"
  [[ $output == "registry-push: 127.0.0.1:$(<port)/a: "*[Cc]onnect* ]]
  run -1 build --tls-verify=false --to "docker://127.0.0.1:$(<port)/a:1" --via skopeo
  [[ $output == 'build-layered-image: skopeo: '*'connection refused' ]]
}

@test "a signal at each stage ends all, and nothing is left" {
  local program pipeline status i signal via
  build --to oci:first:1 # the layers are known
  mkdir beside bin
  cp -as "$BUILD"/{bin,share,libexec} beside
  cp --remove-destination "$BUILD/bin/build-layered-image" beside/bin
  PATH=$PWD/bin:$PATH
  for program in layer-tar:TERM image-assemble:HUP registry-push:INT curl:HUP skopeo:INT; do
    signal=${program#*:} program=${program%:*}
    via=registry-push
    [[ $program != @(curl|skopeo) ]] || via=skopeo
    rm -f started beside/bin/* bin/*
    mkfifo started
    cp -as "$BUILD/bin/." beside/bin
    cp --remove-destination "$BUILD/bin/build-layered-image" beside/bin
    printf '#!/bin/sh\n: >started\nexec sleep 30\n' >waiting
    case $program in
      curl | skopeo) cp waiting "bin/$program" ;;
      *) cp --remove-destination waiting "beside/bin/$program" ;;
    esac
    chmod +x bin/* beside/bin/* 2>/dev/null || :
    setsid env --default-signal=TERM,HUP,INT beside/bin/build-layered-image "${args[@]}" --tls-verify=false \
      --to "docker://$REGISTRY/$repository:1" --via $via >out 2>err 3>&- &
    pipeline=$!
    timeout 60 cat started || { echo "$program was not started" && cat err && return 1; }
    [[ $program != @(registry-push|skopeo) ]] || pgrep -s $pipeline layer-serve
    kill "-$signal" $pipeline
    status=0
    wait $pipeline || status=$?
    [ $status != 0 ]
    [ -z "$(ls -A tmp)" ]
    for ((i = 0; i < 100; i++)); do pgrep -s $pipeline >/dev/null || break; sleep 0.05; done
    [ -z "$(pgrep -as $pipeline)" ]
    [ ! -s out ]
  done
  [ "$(requests PUT /)" = 0 ]
}

@test "the storage of podman gets the image, and leaves out what it has" {
  needs_root
  cp "$example/files" want
  storage="containers-storage:[vfs@$PWD/storage+$PWD/run]hello:1"
  [ "$(build --to "$storage")" = "$storage" ]
  skopeo --insecure-policy copy --quiet "$storage" docker-archive:pulled:x:y
  tree pulled | same want -
  [ "$(build --to "${storage%:1}" --tag 1)" = "$storage" ]
}
