#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Merged images, and what the helpers put into one, in real clients. The numbers are those of the
# cases in nixpkgs' tests of dockerTools.
load ../helper
load clients
load closure

setup_file() {
  setup_path
  needs_root
  needs dockerd docker podman skopeo umoci runc fakeroot openssl
  closure_make
  cd "$CLOSURE" || return
  build none '{name: "app", tag: "one", maxLayers: 3, contents: [$p.app], config: {Cmd: ["/bin/app"]}}' >app.tar
  build gz '{name: "hello", tag: "two", contents: [$p.hello], config: {Cmd: ["/bin/hello"]}}' >hello.tar
  build zstd '{name: "owned", tag: "three", contents: [$p.busybox],
    fakeRootCommands: "mkdir -p home/alice && chown 1000 home/alice",
    config: {Cmd: ["/bin/stat", "-c", "%u", "/home/alice"]}}' >owned.tar
  build none '{name: "untagged", contents: [$p.hello], config: {Cmd: ["/bin/hello"], Env: ["A=1"]}}' >untagged.tar
  merge-images --compressor none app.tar hello.tar owned.tar untagged.tar >merged.tar
  clients_start "$BATS_FILE_TMPDIR/clients"
  docker_start
}

teardown_file() { clients_stop; }

# build COMPRESSOR EXPRESSION: the image of these attributes (see attrs)
build() {
  attrs "$2" >attrs.json
  build-layered-image --quiet --attrs attrs.json --compressor "$1" --closure "$CLOSURE/closure.json" \
    --root-dir "$CLOSURE/root" --output image >/dev/null
  cat image
}

setup() {
  setup_path
  merged=$CLOSURE/merged.tar
}

# all_run RUN: each of the images runs as it does alone
all_run() {
  [ "$("$1" app:one)" = $'app says hello\nhello with common' ]
  [ "$("$1" hello:two)" = 'hello with common' ]
  [ "$("$1" owned:three)" = 1000 ]
}

@test "T39 one docker load gives all tags, and each image runs" {
  docker load --quiet -i "$merged" | LC_ALL=C sort >loaded
  sed 's/:[^:]*$/:TAG/' loaded >found
  lines 'Loaded image: app:TAG' 'Loaded image: hello:TAG' 'Loaded image: owned:TAG' \
    'Loaded image: untagged:TAG' | same - found
  all_run docker_run
}

@test "T39 the tag made from the content is kept" {
  docker load --quiet -i "$merged" >loaded
  tag=$(image-layers --repo-tags "$CLOSURE/untagged.tar")
  grep -qx "Loaded image: $tag" loaded
  [ "$(docker_run "$tag")" = 'hello with common' ]
}

@test "docker: image IDs are those of the images alone" {
  docker load --quiet -i "$merged" >/dev/null
  docker image inspect -f '{{.Id}}' app:one >id
  tar -xOf "$CLOSURE/app.tar" "$(tar -xOf "$CLOSURE/app.tar" manifest.json | jq -r '.[0].Config')" | sha256sum |
    sed 's/^/sha256:/; s/ .*//' | same id -
}

@test "docker: gz, straight from a pipe" {
  docker rmi -f app:one hello:two >/dev/null 2>&1 || :
  merge-images --compressor gz "$CLOSURE/hello.tar" "$CLOSURE/app.tar" | docker load --quiet | sort >loaded
  lines 'Loaded image: app:one' 'Loaded image: hello:two' | same - loaded
  [ "$(docker_run app:one)" = $'app says hello\nhello with common' ]
}

@test "podman: all tags, and each image runs" {
  podman load --quiet -i "$merged" >loaded
  for name in app:one hello:two owned:three; do grep -q "localhost/$name" loaded; done
  all_run podman_run
}

@test "skopeo takes each image out by its name, every digest right" {
  for name in app:one hello:two owned:three; do
    skopeo copy -q "docker-archive:$merged:$name" "dir:${name%:*}"
    image-layers --list "$CLOSURE/${name%:*}.tar" | cut -f 1 >want
    jq -r '.rootfs.diff_ids[]' "${name%:*}/$(jq -r '.config.digest[7:]' "${name%:*}/manifest.json")" | same want -
  done
}

@test "images that docker, podman and skopeo saved, merged" {
  docker load --quiet -i "$merged" >/dev/null
  podman load --quiet -i "$merged" >/dev/null
  docker save -o docker.tar app:one
  podman save --quiet -o podman.tar hello:two
  podman save --quiet --format oci-archive -o oci.tar owned:three
  skopeo copy -q "docker-archive:$merged:app:one" oci:layout:app:four
  merge-images --compressor none docker.tar podman.tar oci.tar layout >again.tar
  image-layers --repo-tags again.tar | sed 's,^.*/,,' | LC_ALL=C sort >found
  lines app:four app:one hello:two owned:three | same - found
  docker rmi -f app:one hello:two owned:three >/dev/null
  docker load --quiet -i again.tar >loaded
  docker image inspect -f '{{.RootFS.Layers}}' app:one >layers
  docker image inspect -f '{{.RootFS.Layers}}' app:four | same layers -
  [ "$(docker_run app:four)" = $'app says hello\nhello with common' ]
  [ "$(docker_run localhost/hello:two)" = 'hello with common' ]
  [ "$(docker_run localhost/owned:three)" = 1000 ]
}

@test "T36 and the other helpers: certificates, users, env and sh in a container" {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out own.pem \
    -subj '/CN=own' -days 2 2>/dev/null
  cp "$(command -v busybox)" busybox
  bin-sh --program busybox --output sh
  usr-bin-env --program busybox --output env
  ca-certificates --bundle own.pem --output certs
  fake-nss --extra-passwd-lines 'web:x:80:80::/srv:/bin/sh' --extra-group-lines 'web:x:80:' --output nss
  mkdir script
  printf '#!/usr/bin/env sh\nexec cat /etc/ssl/certs/ca-bundle.crt\n' >script/certs
  chmod +x script/certs
  stream-layered-image --quiet --name helpers --tag t --contents "$(path busybox)" --contents sh \
    --contents env --contents certs --contents nss --contents script --closure "$CLOSURE/closure.json" \
    --root-dir "$CLOSURE/root" --config <(lines 'Env\tPATH=/bin' 'User\tweb') | docker load --quiet
  docker_run helpers:t /bin/sh -c 'cd /etc; cat ssl/certs/ca-bundle.crt; cat ssl/certs/ca-certificates.crt; cat pki/tls/certs/ca-bundle.crt
    /certs; id -un; id -gn; ls -A /var/empty' >said
  { cat own.pem own.pem own.pem own.pem && lines web web; } | same - said
  [ "$(docker_run --user nobody helpers:t /bin/id -u)" = 65534 ]
}
