#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What nixpkgs' tests of dockerTools show, shown of our pipelines in a real docker. The numbers are
# those of the cases there: T1 bash, T2 no tag, and so on.
load ../helper
load clients
load closure

setup_file() {
  setup_path
  needs_root
  needs dockerd docker fakeroot fakechroot curl
  closure_make
  clients_start "$BATS_FILE_TMPDIR/clients"
  docker_start
}

teardown_file() { clients_stop; }

# make EXPRESSION: makes the image of these attributes (see attrs); what the pipeline says goes to ./log
make() {
  attrs "$1" >attrs.json
  stream-layered-image --attrs attrs.json --closure "$CLOSURE/closure.json" --root-dir "$CLOSURE/root" \
    >image.tar 2>log || { cat log && return 1; }
}

# image EXPRESSION: the same, and loads it; what docker says goes to ./loaded
image() {
  make "$1"
  docker load --quiet -i image.tar >loaded
}

inspect() { docker image inspect "$1" | jq -r ".[0]$2"; }

# what a shell says in a container of the image
shell_of() { docker_run "$1" "$(path busybox)/bin/sh" -c "PATH=$(path busybox)/bin; $2"; }

# names of the files in image.tar, and the paths of its store
files() { image-layers --files image.tar | cut -d ' ' -f 1; }
store() { files | sed -n 's,^\./nix/store/\([^/]*\)$,\1,p' | LC_ALL=C sort; }

# what the closures of these names hold, as ls would list it
closure_of() {
  local name
  for name; do nix-store -qR "$(path "$name")"; done | sed 's,/nix/store/,,' | LC_ALL=C sort -u
}

@test "T1 created is 1970-01-01T00:00:01Z, the tag is the one asked for, and it runs" {
  image '{name: "t1", tag: "latest", contents: [$p.hello], config: {Cmd: ["/bin/hello"]}}'
  [ "$(cat loaded)" = 'Loaded image: t1:latest' ]
  [ "$(inspect t1:latest .Created)" = 1970-01-01T00:00:01Z ]
  [ "$(docker_run t1:latest)" = 'hello with common' ]
}

@test "T2 without a tag: 32 characters out of the content, told on stderr, the same every time" {
  image '{name: "t2", contents: [$p.hello]}'
  grep -Exq 'Loaded image: t2:[0-9a-df-np-sv-z]{32}' loaded
  tag=$(cut -d : -f 3 loaded)
  grep -q "t2:$tag" log
  cp image.tar first.tar
  make '{name: "t2", contents: [$p.hello]}'
  same first.tar image.tar
  make '{name: "t2", contents: [$p.app]}'
  [[ $(image-layers --repo-tags image.tar) == t2:* && $(image-layers --repo-tags image.tar) != "t2:$tag" ]]
}

@test "T3 created now; T4 a name with a registry and slashes stays whole; T5 it is lower-cased; T6 architecture" {
  image '{name: "registry-1.example:5000/group/onTopOfT4", tag: "t", created: "now", architecture: "arm64", contents: [$p.hello]}'
  [ "$(cat loaded)" = 'Loaded image: registry-1.example:5000/group/ontopoft4:t' ]
  docker image inspect -f '{{.Created}} {{.Architecture}}' registry-1.example:5000/group/ontopoft4:t >found
  read -r created architecture <found
  [ $(($(date +%s) - $(date -d "$created" +%s))) -le 60 ]
  [ "$architecture" = arm64 ]
}

@test "T4 build-layered-image names its file after the last component" {
  attrs '{name: "registry-1.example/group/t4", tag: "t", compressor: "none", contents: [$p.hello]}' >attrs.json
  build-layered-image --quiet --attrs attrs.json --closure "$CLOSURE/closure.json" --root-dir "$CLOSURE/root"
  ls t4* >files
  [ "$(wc -l <files)" = 1 ]
  docker load --quiet -i "$(cat files)" >loaded
  [ "$(cat loaded)" = 'Loaded image: registry-1.example/group/t4:t' ]
}

# runs_only_with_store NAME ATTRIBUTES: the three checks of T7 with includeStorePaths = false
runs_only_with_store() {
  local name=$1
  image "{name: \"$name\", tag: \"t\", includeStorePaths: false, contents: [\$p.hello],
    config: {Cmd: [\"/bin/hello\"]}} + $2"
  run ! docker_run "$name:t"
  [ "$(docker_run --volume "$CLOSURE/root/nix/store:/nix/store:ro" "$name:t")" = 'hello with common' ]
  files >files
  grep -qx ./bin/hello files
  run ! grep nix/store files
}

@test "T7 includeStorePaths=false: runs with the store mounted, holds none itself" {
  runs_only_with_store t7 '{}'
}

@test "T7 the same with enableFakechroot" {
  runs_only_with_store t7f '{enableFakechroot: true}'
}

@test "T9 a store path that is a plain file; T10 one that is a symlink stays one" {
  image '{name: "t9", tag: "t", config: {Cmd: ["\($p.busybox)/bin/sh", "-c", "cd \($p.busybox)/bin; ./cat \($p.conf); ./readlink \($p.link)"]}}'
  [ "$(docker_run t9:t)" = $'greeting=hello\n'"$(path hello)/bin/hello" ]
}

@test "T11 not root: /nix and /nix/store are 755; T15 extraCommands; T22 a working directory of mode 0777; T27 the last of two values counts" {
  image '{name: "t11", tag: "t", contents: [$p.busybox],
    extraCommands: "echo \"it'"'"'s (here)\" >extraCommands; mkdir -p example-output && chmod 0777 example-output",
    config: {User: "1000", WorkingDir: "/example-output", Env: ["LAST_LAYER=parent", "FROM_CHILD=true", "LAST_LAYER=child"],
      Cmd: ["/bin/sh", "-c", "id -u; stat -c %a /nix /nix/store; ls / >/dev/null; cat /extraCommands;
        pwd && stat -c %a . && touch file && ls; env | grep -E \"^(LAST_LAYER|FROM_CHILD)=\" | sort"]}}'
  docker_run t11:t >found
  lines 1000 755 755 "it's (here)" /example-output 777 file FROM_CHILD=true LAST_LAYER=child | same - found
  [ "$(inspect t11:t .Config.Env | jq -c .)" = '["LAST_LAYER=child","FROM_CHILD=true"]' ]
}

@test "T12 only what the image mentions is in it, not what extraCommands read" {
  image '{name: "t12", tag: "t", config: {Cmd: ["/bin/ls", "/nix/store"]}, extraCommands:
    "cp -r \($root)\($p.busybox)/bin . && cp -rL \($root)\($p.lib)/. . && cat \($root)\($p.hello)/bin/hello >/dev/null"}'
  [ "$(docker_run t12:t)" = "$(basename "$(path lib)")" ]
}

@test "T13 what only fakeRootCommands mention is in it; T31 chown there" {
  image '{name: "t13", tag: "t", config: {Cmd: ["/bin/greet"]},
    fakeRootCommands: "mkdir -p bin home/alice && ln -s \($p.hello)/bin/hello bin/greet && chown 1000 ./home/alice"}'
  [ "$(shell_of t13:t '/bin/greet; stat -c %u:%g /home/alice /home')" = $'hello with common\n1000:0\n0:0' ]
}

@test "T14 what only config mentions is in it" {
  image '{name: "t14", tag: "t", config: {Cmd: ["\($p.hello)/bin/hello"], Env: ["LIB=\($p.multi)/lib"]}}'
  [ "$(docker_run t14:t)" = 'hello with common' ]
  closure_of hello multi >want
  store >found
  same want found
}

@test "T16 two images share layers" {
  make '{name: "t16a", tag: "t", contents: [$p.hello]}'
  image-layers --list image.tar | cut -f 1 | sort >a
  make '{name: "t16b", tag: "t", contents: [$p.app, $p.server]}'
  image-layers --list image.tar | cut -f 1 | sort >b
  [ "$(comm -12 a b | wc -l)" -ge 1 ]
}

@test "T17, T18 two layers: no path is lost" {
  image '{name: "t17", tag: "t", maxLayers: 2, contents: [$p.app, $p.server, $p.source], config: {Cmd: ["/bin/app"]}}'
  [ "$(inspect t17:t '.RootFS.Layers | length')" = 2 ]
  { lines 'app says hello' 'hello with common' && closure_of app server source; } >want
  shell_of t17:t '/bin/app && ls /nix/store' >found
  same want found
}

@test "T20 one layer is not enough" {
  attrs '{name: "t20", tag: "t", maxLayers: 1, contents: [$p.hello]}' >attrs.json
  run ! stream-layered-image --attrs attrs.json --closure "$CLOSURE/closure.json" --root-dir "$CLOSURE/root"
  [[ "$output" == *maxLayers* ]]
}

@test "T21 as many layers as paths, one fewer, one more" {
  paths=$(closure_of app | wc -l)
  closure_of app >want
  for layers in "$paths" "$((paths + 1))" "$((paths + 2))"; do
    make "{name: \"t21\", tag: \"$layers\", maxLayers: $layers, contents: [\$p.app]}"
    [ "$(image-layers --list image.tar | wc -l)" = $((layers < paths + 1 ? layers : paths + 1)) ]
    store >found
    same want found
  done
}

@test "T21 no path at all" {
  make '{name: "t21", tag: "none", extraCommands: "cp -r \($root)\($p.busybox)/bin .", config: {Cmd: ["/bin/ls", "/"]}}'
  [ "$(image-layers --list image.tar | wc -l)" = 1 ]
  files >files
  grep -qx ./bin/busybox files
  run ! grep '^\./nix' files
}

@test "T28 a server answers HTTP, as user nobody" {
  image '{name: "t28", tag: "t", maxLayers: 2, contents: [$p.server],
    extraCommands: "mkdir -p etc tmp && chmod 1777 tmp && echo nobody:x:65534:65534::/:/bin/sh >etc/passwd && echo nobody:x:65534: >etc/group",
    config: {User: "nobody:nobody", ExposedPorts: {"8080/tcp": {}}, Cmd: ["/bin/server"]}}'
  [ "$(inspect t28:t .Config.ExposedPorts | jq -c .)" = '{"8080/tcp":{}}' ]
  docker_run --detach --name server t28:t >/dev/null
  for _ in {1..50}; do
    inside curl -sf http://127.0.0.1:8080/ >answer && break
    sleep 0.1
  done
  inside stat -c %u "/proc/$(docker inspect -f '{{.State.Pid}}' server)" >uid
  docker kill server >/dev/null
  [ "$(cat answer)" = served ]
  [ "$(cat uid)" = 65534 ]
}

@test "T32 enableFakechroot: / is the root of the image; T31 chown of a file there" {
  image '{name: "t32", tag: "t", enableFakechroot: true, config: {Cmd: ["/greeting"]},
    fakeRootCommands: "mkdir /made && ln -s \($p.hello)/bin/hello /greeting && chown 7:8 /made && touch /testfile && chown 12345:12345 /testfile"}'
  [ "$(shell_of t32:t '/greeting; stat -c %u:%g /testfile /made')" = $'hello with common\n12345:12345\n7:8' ]
  run ! test -e /made -o -e /testfile
}

@test "T33 ids and names of the owner of store files" {
  image '{name: "t33", tag: "t", uid: 1000, gid: 1001, uname: "user", gname: "users", contents: [$p.busybox],
    config: {User: "1000", Cmd: ["/bin/stat", "-c", "%u:%g", "/nix/store", "\($p.busybox)/bin/busybox"]}}'
  [ "$(docker_run t33:t)" = $'1000:1001\n1000:1001' ]
}

@test "T35 a plain directory in contents" {
  image '{name: "t35", tag: "t", contents: [$p.source, $p.busybox], config: {Cmd: ["/bin/cat", "/hello.txt"]}}'
  [ "$(docker_run t35:t)" = 'hello from a source directory' ]
}
