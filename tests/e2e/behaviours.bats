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

# image EXPRESSION: makes the image of these attributes (see attrs) and loads it; what the pipeline
# says goes to ./log, what docker says to ./loaded
image() {
  attrs "$1" >attrs.json
  stream-layered-image --attrs attrs.json --closure "$CLOSURE/closure.json" --root-dir "$CLOSURE/root" \
    >image.tar 2>log || { cat log && return 1; }
  docker load --quiet -i image.tar >loaded
}

inspect() { docker image inspect "$1" | jq -r ".[0]$2"; }

# the paths of a store in a container of the image
store_of() { docker_run "$1" "$(path busybox)/bin/ls" /nix/store; }

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
  image '{name: "t2", contents: [$p.hello]}'
  same first.tar image.tar
  image '{name: "t2", contents: [$p.app]}'
  [ "$(cut -d : -f 3 loaded)" != "$tag" ]
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

# shows NAME ATTRIBUTES: the three checks of T7 with includeStorePaths = false
runs_only_with_store() {
  local name=$1
  image "{name: \"$name\", tag: \"t\", includeStorePaths: false, contents: [\$p.hello],
    config: {Cmd: [\"/bin/hello\"]}} + $2"
  run ! docker_run "$name:t"
  [ "$(docker_run --volume "$CLOSURE/root/nix/store:/nix/store:ro" "$name:t")" = 'hello with common' ]
  docker create --name "$name" "$name:t" >/dev/null
  docker export "$name" | tar -t >files
  docker rm "$name" >/dev/null
  grep -qx bin/hello files
  run ! grep nix/store files
}

@test "T7 includeStorePaths=false: runs with the store mounted, holds none itself" {
  runs_only_with_store t7 '{}'
}

@test "T7 the same with enableFakechroot" {
  runs_only_with_store t7f '{enableFakechroot: true}'
}

@test "T9 a store path that is a plain file" {
  image '{name: "t9", tag: "t", config: {Cmd: ["\($p.busybox)/bin/cat", $p.conf]}}'
  [ "$(docker_run t9:t)" = greeting=hello ]
}

@test "T10 a store path that is a symlink stays one" {
  image '{name: "t10", tag: "t", config: {Cmd: ["\($p.busybox)/bin/readlink", $p.link]}}'
  [ "$(docker_run t10:t)" = "$(path hello)/bin/hello" ]
}

@test "T11 not root: /nix and /nix/store are 755" {
  image '{name: "t11", tag: "t", contents: [$p.busybox],
    config: {User: "1000", Cmd: ["/bin/sh", "-c", "id -u; stat -c %a /nix /nix/store; ls / >/dev/null"]}}'
  [ "$(docker_run t11:t)" = $'1000\n755\n755' ]
}

@test "T12 only what the image mentions is in it, not what extraCommands read" {
  image '{name: "t12", tag: "t", config: {Cmd: ["/bin/ls", "/nix/store"]}, extraCommands:
    "cp -r \($root)\($p.busybox)/bin . && cp -rL \($root)\($p.lib)/. . && cat \($root)\($p.hello)/bin/hello >/dev/null"}'
  [ "$(docker_run t12:t)" = "$(basename "$(path lib)")" ]
}

@test "T13 what only fakeRootCommands mention is in it" {
  image '{name: "t13", tag: "t", config: {Cmd: ["/bin/greet"]},
    fakeRootCommands: "mkdir bin && ln -s \($p.hello)/bin/hello bin/greet"}'
  [ "$(docker_run t13:t)" = 'hello with common' ]
}

@test "T14 what only config mentions is in it" {
  image '{name: "t14", tag: "t", config: {Cmd: ["\($p.hello)/bin/hello"], Env: ["LIB=\($p.multi)/lib"]}}'
  [ "$(docker_run t14:t)" = 'hello with common' ]
  closure_of hello multi >want
  store_of t14:t >found
  same want found
}

@test "T15 extraCommands write into the root" {
  image '{name: "t15", tag: "t", contents: [$p.busybox], extraCommands: "echo \"it'"'"'s (here)\" > extraCommands",
    config: {Cmd: ["/bin/cat", "/extraCommands"]}}'
  [ "$(docker_run t15:t)" = "it's (here)" ]
}

@test "T16 two images share layers" {
  image '{name: "t16a", tag: "t", contents: [$p.hello]}'
  image '{name: "t16b", tag: "t", contents: [$p.app, $p.server]}'
  inspect t16a:t '.RootFS.Layers[]' | sort >a
  inspect t16b:t '.RootFS.Layers[]' | sort >b
  [ "$(comm -12 a b | wc -l)" -ge 1 ]
}

@test "T17, T18 two layers: no path is lost" {
  image '{name: "t17", tag: "t", maxLayers: 2, contents: [$p.app, $p.server, $p.source], config: {Cmd: ["/bin/app"]}}'
  [ "$(inspect t17:t '.RootFS.Layers | length')" = 2 ]
  [ "$(docker_run t17:t)" = $'app says hello\nhello with common' ]
  closure_of app server source >want
  store_of t17:t >found
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
    image "{name: \"t21\", tag: \"$layers\", maxLayers: $layers, contents: [\$p.app]}"
    [ "$(inspect "t21:$layers" '.RootFS.Layers | length')" = $((layers < paths + 1 ? layers : paths + 1)) ]
    store_of "t21:$layers" >found
    same want found
  done
}

@test "T21 no path at all" {
  image '{name: "t21", tag: "none", extraCommands: "cp -r \($root)\($p.busybox)/bin .", config: {Cmd: ["/bin/ls", "/"]}}'
  [ "$(inspect t21:none '.RootFS.Layers | length')" = 1 ]
  [[ "$(docker_run t21:none)" != *nix* ]]
}

@test "T22 a working directory with mode 0777 is writable" {
  image '{name: "t22", tag: "t", contents: [$p.busybox],
    extraCommands: "mkdir -p example-output && chmod 0777 example-output",
    config: {User: "1000", WorkingDir: "/example-output", Cmd: ["/bin/sh", "-c", "pwd && stat -c %a . && touch file && ls"]}}'
  [ "$(docker_run t22:t)" = $'/example-output\n777\nfile' ]
}

@test "T27 of two values of a variable the last one counts, and stands there once" {
  image '{name: "t27", tag: "t", contents: [$p.busybox],
    config: {Env: ["LAST_LAYER=parent", "FROM_CHILD=true", "LAST_LAYER=child"], Cmd: ["/bin/env"]}}'
  docker_run t27:t >variables
  grep -qx LAST_LAYER=child variables
  grep -qx FROM_CHILD=true variables
  [ "$(inspect t27:t .Config.Env | jq -c .)" = '["LAST_LAYER=child","FROM_CHILD=true"]' ]
}

@test "T28 a server answers HTTP, as user nobody" {
  image '{name: "t28", tag: "t", contents: [$p.server],
    extraCommands: "mkdir -p etc tmp && chmod 1777 tmp && echo nobody:x:65534:65534::/:/bin/sh >etc/passwd && echo nobody:x:65534: >etc/group",
    config: {User: "nobody:nobody", ExposedPorts: {"8080/tcp": {}}, Cmd: ["/bin/server"]}}'
  [ "$(inspect t28:t .Config.ExposedPorts | jq -c .)" = '{"8080/tcp":{}}' ]
  NETWORK=host docker_run --detach --name server t28:t >/dev/null
  for _ in {1..50}; do
    inside curl -sf http://127.0.0.1:8080/ >answer && break
    sleep 0.1
  done
  inside stat -c %u "/proc/$(docker inspect -f '{{.State.Pid}}' server)" >uid
  docker kill server >/dev/null
  [ "$(cat answer)" = served ]
  [ "$(cat uid)" = 65534 ]
}

@test "T31 fakeRootCommands: chown" {
  image '{name: "t31", tag: "t", contents: [$p.busybox], fakeRootCommands: "mkdir -p ./home/alice && chown 1000 ./home/alice",
    config: {Cmd: ["/bin/stat", "-c", "%u:%g", "/home/alice", "/home"]}}'
  [ "$(docker_run t31:t)" = $'1000:0\n0:0' ]
}

@test "T31 with enableFakechroot: chown of a file in /" {
  image '{name: "t31c", tag: "t", contents: [$p.busybox], enableFakechroot: true,
    fakeRootCommands: "touch /testfile && chown 12345:12345 /testfile",
    config: {Cmd: ["/bin/stat", "-c", "%u:%g", "/testfile"]}}'
  [ "$(docker_run t31c:t)" = 12345:12345 ]
  run ! test -e /testfile
}

@test "T32 enableFakechroot: / is the root of the image" {
  image '{name: "t32", tag: "t", enableFakechroot: true, config: {Cmd: ["/greeting"]},
    fakeRootCommands: "mkdir /made && ln -s \($p.hello)/bin/hello /greeting && chown 7:8 /made"}'
  [ "$(docker_run t32:t)" = 'hello with common' ]
  run ! test -e /made
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
