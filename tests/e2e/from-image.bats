#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# build-image, and images on top of images, in docker and podman. The numbers are those of the cases
# in nixpkgs' tests of dockerTools; tests/from-image.bats looks at the archives.
load ../helper
load clients
load closure

setup_file() {
  setup_path
  needs_root
  needs dockerd docker podman skopeo
  closure_make
  clients_start "$BATS_FILE_TMPDIR/clients"
  docker_start
  cd "$BATS_FILE_TMPDIR" || return
  export BASE=$BATS_FILE_TMPDIR/base.tar
  merged_base
}

teardown_file() { clients_stop; }

# make PIPELINE FILE EXPRESSION [OPTION…]: the image of these attributes (see attrs) in a file.
# Not compressed: podman of Debian 12 reads no gzip (podman issue 15944).
make() {
  attrs "$3" >attrs.json
  set -- "$1" "$2" --attrs attrs.json --closure "$CLOSURE/closure.json" --root-dir "$CLOSURE/root" "${@:4}"
  case $1 in
    stream-*) "$1" "${@:3}" >"$2" 2>log ;;
    *) "$1" --output "$2" --compressor none "${@:3}" >out 2>log ;;
  esac || { cat log && return 1; }
}

# loaded PIPELINE FILE EXPRESSION: the same, and gives it to the clients
loaded() {
  make "$@"
  give "$2"
}

# What images are given to. Where both pipelines do the same, docker gets the image of one, podman that of the other;
# where what counts is the files in an image, one client is enough.
clients=(docker podman)
given_to() { clients=("$@"); }
client_of() {
  given_to podman
  [ "$1" != build-image ] || given_to docker
}

# give FILE: to these clients
give() {
  local client
  for client in "${clients[@]}"; do
    $client load --quiet -i "$PWD/$1" >"loaded.$client"
  done
}

# says TEXT IMAGE [COMMAND…]: what a container prints
says() {
  local text=$1 client
  shift
  for client in "${clients[@]}"; do
    "${client}_run" "$@" >said || { echo "$client: $? $(cat said)" && return 1; }
    [ "$(cat said)" = "$text" ] || { echo "$client says $(cat said)" && return 1; }
  done
}

inspect() { "${clients[0]}" image inspect "$1" | jq -r ".[0]$2"; }

# A system like Debian: everything is in /usr, and /bin and the like are links.
merged_base() {
  local applet
  mkdir -p merged/usr/{bin,sbin,lib} merged/{etc,root,var} merged/var/lib
  install -m 1777 -d merged/tmp
  for dir in bin sbin lib; do ln -s usr/$dir merged/$dir; done
  cp "$(command -v busybox)" merged/usr/bin/
  for applet in sh cat ls env id stat touch; do ln -s busybox merged/usr/bin/$applet; done
  echo base >merged/usr/lib/base
  lines 'Env\tPATH=/usr/bin:/bin' 'Env\tFROM_PARENT=true' 'Env\tLAST_LAYER=parent' 'Cmd\tsh' 'Cmd\t-c' 'Cmd\techo base' \
    'WorkingDir\t/var' 'Labels\tof\tbase' 'history\t2020-01-01T00:00:00Z\t-\tADD rootfs.tar /\t-\t-' >merged.conf
  tree-list --owner 0:0 merged | layer-tar --mtree - | image-assemble --name merged --tag 1 --config merged.conf >"$BASE"
}

# --- build-image ---

@test "T1 files in the root run, with what they need in the store" {
  given_to docker
  loaded build-image image '{name: "b1", tag: "latest", copyToRoot: $p.hello, config: {Cmd: ["/bin/hello"]}}'
  [ "$(cat loaded.docker)" = 'Loaded image: b1:latest' ]
  [ "$(inspect b1:latest .Created)" = 1970-01-01T00:00:01Z ]
  [ "$(inspect b1:latest '.RootFS.Layers | length')" = 1 ]
  says 'hello with common' b1:latest
}

@test "T2 without a tag: one out of the content" {
  given_to docker
  loaded build-image image '{name: "b2", copyToRoot: $p.hello}'
  grep -Exq 'Loaded image: b2:[0-9a-df-np-sv-z]{32}' loaded.docker
}

@test "T3, T4, T5, T6 time, name and architecture" {
  given_to docker
  loaded build-image image '{name: "example.org:5000/group/B3", tag: "t", created: "now", architecture: "arm64", allowEmpty: true}'
  [ "$(cat loaded.docker)" = 'Loaded image: example.org:5000/group/b3:t' ]
  created=$(date -d "$(inspect example.org:5000/group/b3:t .Created)" +%s)
  [ $(($(date +%s) - created)) -le 60 ]
  [ "$(inspect example.org:5000/group/b3:t .Architecture)" = arm64 ]
}

@test "a tree of links: links to directories become directories, of the chroot store too" {
  given_to podman
  loaded build-image image '{name: "b4", tag: "t", copyToRoot: [$p.all, $p.busybox]}'
  says $'app says hello\nhello with common\nhello from a source directory' b4:t \
    /bin/sh -c "/$(basename "$(path app)")/bin/app && cat /$(basename "$(path source)")/hello.txt"
}

@test "T35 a plain source directory, of the store and not" {
  mkdir src
  echo plain >src/plain.txt
  given_to docker
  loaded build-image image '{name: "b35", tag: "t", copyToRoot: [$p.source, "src", $p.busybox], config: {Cmd: ["/bin/cat", "/hello.txt", "/plain.txt"]}}'
  says $'hello from a source directory\nplain' b35:t
}

@test "T38 compressors" {
  for pipeline in build-image build-layered-image; do
    attribute=copyToRoot
    [ $pipeline = build-image ] || attribute='maxLayers: 2, contents'
    for compressor in none gz zstd; do
      make $pipeline $compressor "{tag: \"t\", name: \"$pipeline\", $attribute: [\$p.hello]}" --compressor $compressor
    done
    # the very bytes that the other tests give to docker; it takes gz as well, but 20 knows no zstd
    gzip -dc gz | cmp - none
    zstd -dqc zstd | cmp - none
    docker load --quiet -i gz >loaded
    [ "$(cat loaded)" = "Loaded image: $pipeline:t" ]
    image-layers --list none | cut -f 1 >want
    inspect $pipeline:t '.RootFS.Layers[]' | same want -
  done
}

@test "T30 commands with quotes and parentheses, T11 another user" {
  given_to docker
  loaded build-image image '{name: "b30", tag: "t", copyToRoot: [$p.hello, $p.busybox], extraCommands: "echo \"it'"'"'s (here)\" > note; mkdir -m 1777 tmp",
    config: {User: "1000", Cmd: ["/bin/sh", "-c", "cat /note; touch /tmp/x; stat -c %a /nix /nix/store /tmp; ls /nix/store >/dev/null"]}}'
  says "it's (here)
755
755
1777" b30:t
}

@test "uid and gid own the root, not the store" {
  given_to podman
  loaded build-image image '{name: "buid", tag: "t", uid: 1000, gid: 100, copyToRoot: [$p.busybox, $p.hello],
    extraCommands: "mkdir data", config: {User: "1000", Cmd: ["/bin/sh", "-c", "touch /data/x; cd /; stat -c %u:%g data bin/hello nix/store"]}}'
  says '1000:100
1000:100
0:0' buid:t
}

# --- images on top of images ---

@test "T19 a layered image on a layered image: exactly four layers" {
  given_to docker
  make stream-layered-image base '{name: "t19a", tag: "t", maxLayers: 2, contents: [$p.busybox]}'
  loaded stream-layered-image image '{name: "t19b", tag: "t", fromImage: "base", maxLayers: 4, contents: [$p.app, $p.hello],
    config: {Cmd: ["/bin/app"]}}'
  [ "$(inspect t19b:t '.RootFS.Layers | length')" = 4 ]
  says $'app says hello\nhello with common\nof the base' t19b:t /bin/sh -c '/bin/app; echo of the base'
}

@test "T20 base layers and the customisation fill the image" {
  make stream-layered-image base '{name: "t20", tag: "t", maxLayers: 3, contents: [$p.app]}'
  run -1 make stream-layered-image image '{name: "t20", tag: "t", fromImage: "base", maxLayers: 4, contents: [$p.hello]}'
  [[ $output == *'At least 1 layer is required to store contents'* ]]
}

@test "T22 on a layered image, by build-image and layered: its directory of mode 0777 is writable" {
  make stream-layered-image base '{name: "t22", tag: "base", maxLayers: 2, contents: [$p.busybox], extraCommands: "mkdir -m 777 example-output"}'
  for pipeline in build-image stream-layered-image; do
    client_of $pipeline
    loaded $pipeline image '{name: "t22", tag: "t", fromImage: "base",
      config: {User: "1000", WorkingDir: "/example-output", Cmd: ["/bin/sh", "-c", "pwd; touch file; ls"]}}'
    says $'/example-output\nfile' t22:t
  done
}

# three PIPELINE: T24
three() {
  local clients
  client_of "$1"
  make "$1" one '{name: "t24", tag: "1", fromImage: "'"$BASE"'",
    extraCommands: "mkdir -m 1777 tmp; for i in 1 2 3; do echo layer1 >tmp/layer$i; done"}'
  make "$1" two '{name: "t24", tag: "2", fromImage: "one", extraCommands: "mkdir -m 1777 tmp; for i in 2 3; do echo layer2 >tmp/layer$i; done"}'
  loaded "$1" three '{name: "t24", tag: "3", fromImage: "two", extraCommands: "mkdir -m 1777 tmp; echo layer3 >tmp/layer3"}'
  says $'layer1\nlayer2\nlayer3' t24:3 sh -c 'cat /tmp/layer1 /tmp/layer2 /tmp/layer3'
  [ "$(inspect t24:3 '.RootFS.Layers | length')" = 4 ]
}

@test "T24 three images that overwrite files of each other" {
  three build-image
  three build-layered-image
}

@test "T23 a base as docker, podman and skopeo give it away, an OCI layout too" {
  docker load --quiet -i "$BASE"
  podman load --quiet -i "$BASE"
  docker save -o docker.tar merged:1
  docker save merged:1 | gzip >docker.tar.gz
  podman save --quiet --format docker-archive -o "$PWD/podman.tar" merged:1
  podman save --quiet --format oci-archive -o "$PWD/podman-oci.tar" merged:1
  skopeo copy -q "docker-archive:$BASE" docker-archive:skopeo.tar:merged:1
  skopeo copy -q "docker-archive:$BASE" oci:oci:1
  skopeo copy -q --dest-compress-format zstd "docker-archive:$BASE" oci:oci-zstd:1
  for base in docker.tar docker.tar.gz podman.tar podman-oci.tar skopeo.tar oci oci-zstd; do
    make build-layered-image image "{name: \"t23\", tag: \"t\", maxLayers: 3, fromImage: \"$base\", contents: [\$p.hello]}"
    image-layers --list image | cut -f 1 >"$base.layers"
    image-layers --config image | grep -v ^history >"$base.config"
    same docker.tar.layers "$base.layers"
    same docker.tar.config "$base.config"
    [ $base = docker.tar ] || continue
    give image # once, as all are alike
    says 'hello with common' t23:t /bin/hello
    inspect t23:t '.RootFS.Layers[0]' >found
    inspect merged:1 '.RootFS.Layers[0]' | cmp - found
  done
}

@test "T26 a base in which two layers are one" {
  mkdir a b
  echo a >a/a
  echo b >b/b
  tree-list --owner 0:0 a | layer-tar --mtree - >a.layer
  tree-list --owner 0:0 b | layer-tar --mtree - >b.layer
  { image-layers "$BASE"; cat a.layer b.layer a.layer; } | image-assemble --name repeated --tag t >repeated.tar
  docker load --quiet -i repeated.tar
  docker save -o saved.tar repeated:t
  for base in repeated.tar saved.tar; do
    given_to docker
    [ $base = repeated.tar ] || given_to podman
    loaded build-image image "{name: \"t26\", tag: \"t\", fromImage: \"$base\", extraCommands: \"echo own >own\"}"
    says $'a\nb\nown' t26:t /bin/cat /a /b /own
    [ "$(inspect t26:t '.RootFS.Layers | length')" = 5 ]
  done
}

@test "T27 variables: of the parent, of the child, of both" {
  for pipeline in stream-layered-image build-image; do
    make $pipeline image "{name: \"t27\", tag: \"t\", fromImage: \"$BASE\", config: {Env: [\"FROM_CHILD=true\", \"LAST_LAYER=child\"]}}"
    image-layers --config image | grep -v ^history >$pipeline.config
  done
  same stream-layered-image.config build-image.config
  given_to docker
  give image
  docker_run t27:t env >found
  grep -qx FROM_PARENT=true found
  grep -qx FROM_CHILD=true found
  grep -qx LAST_LAYER=child found
  grep -qx PATH=/usr/bin:/bin found
  [ "$(inspect t27:t '.Config | [.Env[] | select(startswith("LAST_LAYER"))] + [.WorkingDir // ""] | tojson')" = '["LAST_LAYER=child",""]' ]
}

@test "T33 store files of an own user, who is configured" {
  given_to docker
  make build-image base '{name: "t33", tag: "base", extraCommands: "mkdir etc; echo user:x:1000:1000::/: >etc/passwd; echo user:x:1000: >etc/group"}'
  loaded stream-layered-image image '{name: "t33", tag: "t", fromImage: "base", maxLayers: 3, uid: 1000, gid: 1000, uname: "user", gname: "user",
    contents: [$p.busybox], config: {User: "user", Cmd: ["/bin/sh", "-c", "id -un; stat -c %U:%G /nix/store"]}}'
  says $'user\nuser:user' t33:t
}

@test "usr-merge: the base's programs stay, the own ones lie beside them" {
  for pipeline in build-image build-layered-image; do
    client_of $pipeline
    attribute=copyToRoot
    [ $pipeline = build-image ] || attribute='maxLayers: 3, contents'
    loaded $pipeline image "{name: \"merged\", tag: \"2\", fromImage: \"$BASE\", $attribute: [\$p.hello, \$p.lib],
      extraCommands: \"mkdir -p sbin && echo own >sbin/own\", config: {Cmd: [\"/bin/hello\"]}}"
    says $'hello with common\nbase\ncommon\nown\nusr/bin\nusr/lib\nusr/sbin\n/usr/bin/hello' merged:2 sh -c '/bin/hello
      cat /lib/base /lib/common /usr/sbin/own; for i in bin lib sbin; do busybox readlink /$i; done; ls /usr/bin/hello'
  done
}

@test "--inherit-config: the base's command, directory and labels; history of both" {
  given_to docker
  loaded build-image image "{name: \"inherits\", tag: \"t\", fromImage: \"$BASE\", inheritConfig: true,
    config: {Labels: {own: \"too\"}}, extraCommands: \"echo own >own\"}"
  says base inherits:t
  inspect inherits:t '.Config | [.Labels, .WorkingDir] | tojson' >found
  echo '[{"of":"base","own":"too"},"/var"]' | same - found
  docker history --format '{{.CreatedBy}}|{{.Comment}}' inherits:t >found
  lines '|contents and their closure' 'ADD rootfs.tar /|' >want
  same want found
  make build-image image "{name: \"inherits\", tag: \"t\", fromImage: \"$BASE\", inheritConfig: true, config: {Entrypoint: [\"/bin/cat\"]}}"
  image-layers --config image | grep -E '^(Entrypoint|Cmd)' >found
  lines 'Entrypoint\t/bin/cat' | same - found
}

@test "a store that the base holds is not stored again, and the image runs" {
  given_to podman
  make stream-layered-image base '{name: "held", tag: "base", maxLayers: 2, contents: [$p.hello]}'
  loaded stream-layered-image image '{name: "held", tag: "t", fromImage: "base", maxLayers: 4, contents: [$p.app], config: {Cmd: ["/bin/app"]}}'
  says $'app says hello\nhello with common' held:t
  n=$(image-layers --list base | wc -l)
  image-layers image | tar -x -C . 2>/dev/null
  for layer in layer-*.tar; do
    [ "${layer//[!0-9]/}" -le "$n" ] || tar -tPf "$layer"
  done >added
  run ! grep -e "$(path busybox)" -e "$(path lib)" -e "$(path hello)/" added
  grep -q "$(path app)" added
}
