#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# docker-tools.nix: images that Nix builds, in a sandbox that sees nothing of this machine but the store.
# shellcheck disable=SC2030,SC2031,SC2154 # a test is a subshell; built sets variables
load ../helper
load clients
load ../registry
load ../mkclosure/nix

setup_file() {
  setup_path
  needs_root
  needs nix patchelf curl skopeo docker dockerd podman runc docker-registry sqlite3 qemu-system-x86_64 groupadd useradd
  [ "${SANITIZED:-0}" = 0 ] || skip 'sanitized programs need what is not in the store'
  dpkg-query -W -f '${Package}\t${Architecture}\t${Version}\t${Pre-Depends}, ${Depends}\t${Provides}\t${db:Status-Status}\n' |
    perl "$TOP/tests/mkclosure/depends.pl" bash busybox-static coreutils libzstd1 zlib1g >packages.json
  nix_store "$PWD/root"
  NIX_CONFIG+=$'\nsandbox = true\nsandbox-fallback = false'
  # packages are made of this machine's programs; images of packages alone
  images --attr pkgs.layerpipe --attr pkgs.stdenv --attr pkgs.shadow --attr pkgs.linux --attr pkgs.qemu_kvm \
    --attr pkgs.e2fsprogs --attr pkgs.nix --attr pkgs.busybox >log 2>&1 || { cat log && return 1; }
  NIX_CONFIG=$(grep -v '^extra-sandbox-paths' <<<"$NIX_CONFIG")
  images --attr all >all 2>log || { cat log && return 1; }
  clients_start "$PWD/clients"
  docker_start
}

teardown_file() { clients_stop; }

setup() {
  setup_path
  dir=$BATS_FILE_TMPDIR
}

teardown() { registry_stop; }

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

# in_store COMMAND…: runs it where there is nothing but the store, and /dev, /proc and /tmp, and the directories "seen"
in_store() {
  local seen_here=(dev proc "${seen[@]}")
  mkdir -p "$dir/root"/{tmp,var/tmp} "${seen_here[@]/#/"$dir/root/"}"
  # shellcheck disable=SC2016 # expanded inside
  unshare --mount bash -euc 'root=$0 n=$1
    shift
    mount --bind "$root" "$root" # container storage asks for a mount there
    for seen in "${@:1:n}"; do mount --rbind "/$seen" "$root/$seen"; done
    exec env -i PATH=/usr/sbin:/usr/bin chroot "$root" "${@:n+1}"' "$dir/root" ${#seen_here[@]} "${seen_here[@]}" "$@"
}
seen=()

# streamed NAME [OPTION…] > ARCHIVE: what its script writes
streamed() {
  built "$1"
  local script=${!1}
  in_store "${script#"$dir/root"}" "${@:2}" 2>log || { cat log >&2 && return 1; }
}

# hash NAME: the hash in the name of its output
hash_of() { basename "${!1}" | cut -c -32; }

@test "names of files and derivations, tags, passthru" {
  cat >want <<'END'
["docker-image-Bash.tar","docker-image-on-top.tar.zst","bash","team/on-top"]
["docker-image-on-top.tar.zst","merge-docker-images","docker-layer-on-top"]
["stream-layered","layered-on-top.tar.zst","layered-on-top","layered-conf"]
["yes",true,true]
{"architecture":"arm64","name":"team/on-top"}
["made-env.tar","hello-2.12-env.tar.gz","1","stream-run"]
["x","x",true]
["docker-image-a-b-2.tar","2","a/b:2",true,true,"mine"]
END
  value '[
    [ bash.name onTop.name bash.imageName onTop.imageName ]
    [ exported.name merged.name onTop.layer.name ]
    [ layered.name layeredOnTopFile.name layeredOnTopFile.imageName layered.conf.name ]
    [ layered.mine layered.isExe (layeredOnTopFile.imageTag == layeredOnTopFile.stream.conf.imageTag) ]
    { inherit (onTop.buildArgs) name architecture; }
    [ nixShell.name helloShell.name nixShell.imageTag nixShellRun.name ]
    (let x = bash.override { tag = "x"; }; in [ x.imageTag x.buildArgs.tag (x.outPath != bash.outPath) ])
    (let
      pull = hash: dockerTools.pullImage ({ imageName = "c"; imageDigest = "d"; finalImageName = "a/b"; finalImageTag = "2"; } // hash);
      pulled = pull { hash = pkgs.lib.fakeHash; };
    in [ pulled.name pulled.imageTag pulled.destNameTag (pulled.outPath == (pull { sha256 = pkgs.lib.fakeHash; }).outPath)
      (pulled.outPath == (pull { outputHash = pkgs.lib.fakeHash; outputHashAlgo = "sha256"; }).outPath)
      (pull { name = "mine"; hash = pkgs.lib.fakeHash; }).name ])
  ]' | jq -c '.[]' >found
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
  refuses 'dockerTools.streamLayeredImage: maxLayers: expected more than 1' '(layered.override { maxLayers = 1; }).outPath'
  refuses "dockerTools.streamLayeredImage: unknown attribute 'copyToRoot'" '(layered.override { copyToRoot = [ ]; }).outPath'
  refuses 'dockerTools.streamNixShellImage: command and run: expected one of them' \
    '(dockerTools.streamNixShellImage { drv = pkgs.hello; command = "a"; run = "b"; }).outPath'
  refuses "dockerTools.streamNixShellImage: 'x' has __structuredAttrs" \
    '(dockerTools.buildNixShellImage { drv = derivation { name = "x"; system = "x"; builder = "x"; __structuredAttrs = true; }; }).outPath'
  refuses 'dockerTools.streamLayeredImage: enableFakechroot works on Linux only' "((import $TOP/pipelines/docker-tools.nix {
    pkgs = pkgs // { stdenv = pkgs.stdenv // { hostPlatform.isDarwin = true; }; };
  }).streamLayeredImage { name = \"x\"; enableFakechroot = true; }).outPath"
  value '(nothing.override { contents = [ ]; }).outPath' >out 2>err
  grep -qF 'dockerTools.buildImage: contents is deprecated: use copyToRoot' err
}

@test "the README shows the derivation with single filters that is built here" {
  sed '1,/^{ runCommand/d' "$TOP/tests/nix/examples/filters.nix" >want
  [ -s want ]
  sed -n '/^runCommand "hello.tar"/,/^```$/p' "$TOP/README.md" | sed '$d' | same want -
}

@test "images are the same when they are built again" {
  images --check --attr nothing --attr onTop --attr exported --attr merged --attr nss --attr filters \
    --attr layered.conf --attr layered --attr database.stream.conf --attr shadowBasic --attr helloShell.stream.conf \
    --attr helloShell --attr usrBinEnv --attr binSh --attr caCertificates >out 2>log || { cat log && return 1; }
  [ "$(wc -l <out)" = 15 ]
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

@test "a preset brings its packages" {
  built preset && built presetLayered
  image-layers "$preset" >layers
  layer-flatten <layers >files.tar
  tar -tvf files.tar >files
  grep -q '^drwxrwxrwt .* \./tmp/$' files
  grep -q ' \./bin/hello$' files
  [ "$(tar -xOf files.tar ./bin/sh)" = own ]
  grep -qE ' \./bin/bash -> /nix/store/.*-bash.*/bash$' files
  grep -q ' \./usr/bin/env -> ../../bin/env$' files
  grep -qE ' \./bin/cat -> /nix/store/.*-coreutils.*/cat$' files
  [ "$(tar -xOf files.tar ./etc/nsswitch.conf)" = 'hosts: files dns' ]
  image-layers "$presetLayered" >layers
  layer-flatten <layers >files.tar
  tar -tvf files.tar >files
  grep -qE ' \./etc/ssl/certs/ca-bundle.crt -> /nix/store/.*-preset-minimal/etc/ssl/certs/ca-bundle.crt$' files
  grep -q ' \./etc/passwd$' files
  run ! grep -q bash files
}

@test "created = now is now" {
  built createdNow
  created=$(image-layers --config "$createdNow" | sed -n 's/^created\t//p')
  [ "$(date -d "$created" +%s)" -gt 1700000000 ]
}

@test "runAsRoot: a shell, a PATH, a machine of the store; KVM only where it is asked for" {
  value '{ inherit (asRoot) runAsRoot kernel modules qemu mke2fs; }' >found
  store='/nix/store/[0-9a-z]{32}-'
  grep -qE '"runAsRoot":"#!'"$store"'bash[^/]*/bin/bash\\nset -e\\nexport PATH='"$store"'coreutils[^:]*/bin:[^"]*\\nmkdir -p /data\\necho' found
  grep -qE "\"kernel\":\"${store}linux-6.1/bzImage\".*\"mke2fs\":\"${store}e2fsprogs-1.47/bin/mke2fs\"" found
  grep -qE "\"modules\":\"${store}linux-6.1/lib/modules/6.1\".*\"qemu\":\"${store}qemu-8/bin/qemu-system-x86_64\"" found
  [ "$(value 'map (image: image.requiredSystemFeatures) [ redis (bash.override { runAsRoot = "true"; engine = "kvm"; }) ]')" = '[[],["kvm"]]' ]
  value '[ shadowBasic.drvPath shadowBasic.runAsRoot ]' | grep -qE "\.drv\".*export PATH=${store}shadow/bin[$][{]PATH:[+]"
}

@test "runAsRoot in a machine that is made of the store alone" {
  built shadowBasic
  skopeo copy -q "docker-archive:$shadowBasic" dir:checked
  image-layers --files "$shadowBasic" | grep -v nix/store >files
  grep -qx './data type=dir mode=0755 uid=999 gid=999 time=1.0' files
  layer-flatten --from-image "$shadowBasic" | tar -xO ./etc/passwd ./etc/group >found
  grep -qE '^root:x:0:0::/root:/nix/store/[^/]*-bash[^/]*/bin/bash$' found
  grep -q '^redis:x:999:999::/home/redis:' found
  grep -qx 'redis:x:999:' found
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
  built exportedExample
  tar -tf "$exportedExample" | grep -qx './bin/hello'
  same <(image-layers --repo-tags "$merged") <(for i in onTop nothing cross parent bash; do built $i && image-layers --repo-tags "${!i}"; done)
  grep -q '^alice:x:1000:100::/home/alice:/bin/sh$' "$nss/etc/passwd"
  image-layers --files "$helpers" >files
  for name in usr/bin/env bin/sh etc/ssl/certs/ca-certificates.crt etc/passwd; do
    grep -q "^\./$name type=" files
  done
  built fakeNssExample
  image-layers --files "$fakeNssExample" >files
  for name in bin/sh etc/passwd etc/group etc/nsswitch.conf; do
    grep -q "^\./$name type=link .* link=/nix/store/" files
  done
}

# layers PLAN: the paths of each of its layers, without hashes
layers() { awk '{ sub(".*/.{33}", "", $2); all[$1] = all[$1] $2 " " } END { for (i in all) print all[i] }' "$1" | sort; }

@test "previousPlan keeps the layers of an earlier image, knownPlans those of others" {
  built planned && built known
  layers "$dir/root$(value layered.conf.outPath | jq -r .)/plan" >want
  [ "$(wc -l <want)" = 4 ]
  layers "$planned/plan" | comm -12 want - | same want -
  # those of one path are such without a plan, too
  layers "$known/plan" | comm -12 want - | grep ' .* ' >found
  grep ' .* ' want | same - found
}

@test "a layered image is prepared once; the script streams it under any name" {
  built layered && built layeredOnTop && built layeredOnTopFile
  in_store "${layered#"$dir/root"}" >streamed 2>log
  tag=$(value layered.imageTag)
  [ "$(image-layers --repo-tags streamed)" = "layered:${tag:1:32}" ]
  [ "$(image-layers --list streamed | wc -l)" = 5 ]
  in_store "${layered#"$dir/root"}" --repo_tag other:1 >again 2>log
  [ "$(image-layers --repo-tags again)" = other:1 ]
  same <(image-layers --list streamed) <(image-layers --list again)
  # what a command wrote, the clock, is the same in both: it ran when the image was prepared
  in_store "${layeredOnTop#"$dir/root"}" >streamed 2>log
  same <(zstd -dc "$layeredOnTopFile") streamed
  image-layers --files streamed >files
  grep -q '^\./home/alice type=dir mode=0755 uid=1000 gid=100' files
  grep -q '^\./home/alice/hello type=file mode=4755 ' files
  grep -q "^\./nix/store/[^/ ]*-hello-2.12/bin/hello " files
}

@test "layered images by their configuration, by contents, without store paths" {
  built layeredContents && built layeredConfig && built withoutStore
  image-layers --files "$layeredContents" | grep -q '^\./bin/hello type=link .* link=/nix/store/[^/]*-hello-2.12/bin/hello'
  image-layers --files "$layeredConfig" | grep -q '^\./nix/store/[^/]*-hello-2.12/bin/hello '
  in_store "${withoutStore#"$dir/root"}" 2>log | image-layers --files >files
  run -1 grep nix/store files
}

@test "includeNixDB: Nix finds in the image what it should find" {
  built database && built databaseOfOne
  for image in database databaseOfOne; do
    mkdir $image
    layer-flatten --from-image "${!image}" >files.tar
    tar -C $image -xf files.tar --exclude=dev
    hello=$(readlink $image/bin/hello)
    nix-store -qR "${hello%/bin/hello}" >want
    nix-store -q --references "${hello%/bin/hello}" >>want
    (
      nix_store "$PWD/$image"
      nix-store -qR "${hello%/bin/hello}" >found
      nix-store -q --references "${hello%/bin/hello}" >>found
      same want found
      nix-store --verify --check-contents >log 2>&1
    )
    run -1 grep -E 'modified|missing|error' log
  done
}

@test "copyToRegistry: of an image with one other path Nix makes the plan anew, and one layer is sent" {
  registry_start "$PWD/registry"
  # copied HELLO TAG: builds the script and runs it; its address, blobs that were sent, derivations that were built
  copied() {
    nix-build --no-out-link --expr "with import $TOP/tests/nix/images.nix { packages = $dir/packages.json; built = $BUILD; };
      let hello = pkgs.hello.overrideAttrs (old: { again = \"$1\"; }); in (dockerTools.buildLayeredImage {
      name = \"$REGISTRY/hello\"; tag = \"1\"; config.Cmd = [ \"\${hello}/bin/hello\" ]; }).copyToRegistry" >script 2>log ||
      { cat log && return 1; }
    registry_forget
    in_store "$(cat script)/bin/copy-to-registry" --tls-verify=false --known-layers /tmp/known 2>said || { cat said && return 1; }
    registry_requests | grep -c '^PUT .*/blobs/' || :
    sed -nE "s/^building '\/nix\/store\/.{33}(.*)\.drv'.*/\1/p" log | sort
  }
  to=docker://$REGISTRY/hello:1
  copied one >first
  copied two >second
  copied two >third
  same <(lines "$to" 3) <(head -n 2 first) # 2 layers and the configuration
  same <(lines "$to" 2 copy-to-registry hello-2.12 hello-conf hello-conf-mentions) second
  same <(lines "$to" 0) third
  [ "$(registry_requests)" = "HEAD /v2/hello/manifests/1 200" ]
}

@test "copyTo: of the file of buildImage a registry gets what it lacks, too" {
  registry_start "$PWD/registry"
  built parent && built parentCopy
  # pushed TAG: the blobs that were sent
  pushed() {
    registry_forget
    in_store "${parentCopy#"$dir/root"}/bin/copy-to" "docker://$REGISTRY/parent:$1" --plain-http >said 2>&1 || { cat said && return 1; }
    registry_requests | grep -c '^PUT .*/blobs/' || :
  }
  [ "$(pushed 1)" = 2 ]
  [ "$(pushed 2)" = 0 ]
  # by skopeo, whose options these are
  in_store "${parentCopy#"$dir/root"}/bin/copy-to" "docker://$REGISTRY/parent:3" --dest-tls-verify=false >said 2>&1 || { cat said && return 1; }
  grep -q 'Copying blob' said
  [ "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/parent:3")" ]
  skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/parent:2" | jq -r '.config.digest | sub("sha256:"; "") + ".json"' >found
  tar -xOf "$parent" manifest.json | jq -r '.[].Config' | same found -
  [ -z "$(find "$dir/root/tmp" -name 'tmp.*')" ]
  # with a password
  registry_stop
  started=()
  auth_start
  run pushed 1
  [[ $output == *'nobody is logged in'* ]]
  mkdir -p "$dir/root/run/containers/0"
  jq -nc --arg registry "$REGISTRY" --arg auth "$(printf u:p | base64)" '{auths: {($registry): {auth: $auth}}}' >"$dir/root/run/containers/0/auth.json"
  [ "$(pushed 1)" = 2 ]
  kill "${started[0]}"
}

@test "pullImage takes what its hash is of, and nothing else" {
  registry_start "$PWD/registry"
  built parent
  skopeo --insecure-policy copy -q --dest-tls-verify=false "docker-archive:$parent" "docker://$REGISTRY/parent:1"
  digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/parent:1")
  pulled() {
    nix-build --no-out-link --expr "with import $TOP/tests/nix/images.nix { packages = $dir/packages.json; built = $BUILD; };
      let pulled = { hash }: pkgs.callPackage $TOP/tests/nix/examples/pull.nix { imageName = \"$REGISTRY/parent\";
        imageDigest = \"$digest\"; sha256 = hash; tlsVerify = false; }; in $1" "${@:2}"
  }
  run -1 pulled 'pulled { hash = ""; }'
  hash=$(sed -n 's/.* got: *\(sha256-[^ ]*\).*/\1/p' <<<"$output" | head -n 1)
  base32=$(nix-hash --type sha256 --to-base32 "$(base64 -d <<<"${hash#sha256-}" | od -An -v -tx1 | tr -d ' \n')")
  pulled "[ (pulled { hash = \"$hash\"; }) (pulled { hash = \"$base32\"; }) (dockerTools.buildImage {
    name = \"on-pulled\"; tag = \"1\"; fromImage = pulled { hash = \"$hash\"; }; copyToRoot = pkgs.hello; compressor = \"none\"; }) ]" \
    >paths 2>log || { cat log && return 1; }
  mapfile -t paths <paths
  [[ ${paths[0]} == /nix/store/*-docker-image-nix-2.11.1.tar && ${paths[0]} == "${paths[1]}" ]]
  skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$REGISTRY/parent@$digest" docker-archive:want:nix:2.11.1
  same want "$dir/root${paths[0]}"
  pulled "pulled { hash = \"$hash\"; }" --check >path 2>log || { cat log && return 1; }
  podman_says 'Hello, world!' "$dir/root${paths[2]}" on-pulled:1 hello
}

@test "the flake" {
  mkdir nixpkgs checkout
  cp -r "$TOP"/tests/nix/. nixpkgs
  cp -r "$TOP"/tests/mkclosure mkclosure
  cp "$dir/packages.json" nixpkgs
  cp -r "$TOP"/{flake.nix,overlay.nix,package.nix,Makefile,bin,lib,man,pipelines} checkout
  sed -i 's,\.\./mkclosure,./mkclosure,; s,\.\./\.\./package.nix,./package.nix,' nixpkgs/default.nix
  mv mkclosure nixpkgs
  cp -r checkout/. nixpkgs # of which package.nix is one part
  cat >nixpkgs/flake.nix <<'END'
{ outputs = { self }: { legacyPackages.x86_64-linux = import ./. { packages = ./packages.json; system = "x86_64-linux"; };
  legacyPackages.aarch64-linux = import ./. { packages = ./packages.json; system = "aarch64-linux"; }; }; }
END
  NIX_CONFIG=${NIX_CONFIG/nix-command/nix-command flakes}
  nix flake show --json "path:$PWD/checkout" --override-input nixpkgs "path:$PWD/nixpkgs" --no-write-lock-file >shown 2>log || { cat log && return 1; }
  [ "$(jq -r '.packages["x86_64-linux"].default.name' shown)" = layerpipe-0.1.0 ]
  [ "$(jq -c '.checks["aarch64-linux"] | map_values(.name)' shown)" = '{"image":"bash.tar.gz","package":"layerpipe-0.1.0"}' ]
  jq -e '.overlays.default.type == "nixpkgs-overlay"' shown >/dev/null
}

# each COMMAND…: for both clients at once; $client is which
each() {
  local client pid pids=() status=0
  for client in docker podman; do
    (set -e && "$@") >"said.$client" 2>&1 3>&- &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || status=1; done
  [ $status = 0 ] || cat said.docker said.podman
  return $status
}

# prints TEXT NAME COMMAND…: what a container prints
prints() {
  local found status=0
  found=$("${client}_run" "${@:2}") || status=$?
  [ "$found" = "$1" ] && [ $status = 0 ] && return
  printf '%s: expected %s, found %s, status %d\n' "$client" "$1" "$found" $status
  return 1
}

# loads ARCHIVE
loads() { $client load -i "$1" >/dev/null; }

# CLIENT_says TEXT ARCHIVE NAME COMMAND…: of that client, where what counts is the files in an image
docker_says() { client=docker loads_and_prints "$@"; }
podman_says() { client=podman loads_and_prints "$@"; }

loads_and_prints() {
  loads "$2"
  prints "$1" "${@:3}"
}

@test "each fails where a command fails for one of both clients" {
  fails_in() {
    [ "$client" != "$1" ]
    echo going on >>went
  }
  each fails_in none
  [ "$(wc -l <went)" = 2 ]
  for fails in docker podman; do
    status=0
    each fails_in $fails >said & # in a condition, or under run, nothing would end where a command fails
    wait $! || status=$?
    [ $status = 1 ]
  done
  [ "$(wc -l <went)" = 4 ]
}

@test "docker and podman run them" {
  built filters
  streamed layered -t layered:1 >layered.tar
  docker_says 'Hello, world!' "$filters" hello:filters
  # directories of the store are open to every user
  podman_says $'layered\n755 0\n755 0' "$PWD/layered.tar" --user 999 layered:1
}

@test "images of a nix-shell: buildDerivation, run, command, hook, inputs, passAsFile, a home and none" {
  built helloShell
  streamed nixShellRun >run.tar
  streamed nixShellCommand >command.tar
  hello=$(image-layers --repo-tags "$helloShell")
  hellos=("$dir"/root/nix/store/*-hello-2.12/bin/hello) # which say the same
  ran=$(echo "from 'a file'" && cat "${hellos[0]}" && lines 1000 /build home 'not interactive')
  shells_run() {
    # shellcheck disable=SC2016 # expanded in the container
    case $client in
      docker)
        loads "$PWD/run.tar"
        prints "$ran" run:1
        prints "from 'a file'" run:1 bash -c 'buildDerivation && head -n 1 $out'
        ;;
      podman)
        loads "$helloShell"
        prints 'Hello, world!' "$hello" bash -c 'buildDerivation && $out/bin/hello'
        loads "$PWD/command.tar"
        podman_run --tty command:1 | tr -d '\r' >said
        lines 'the hook' 'Hello, world!' 'this is a string' 'no home' interactive | same - said
        ;;
    esac
  }
  each shells_run
}

@test "the examples of the manual: commands, with and without a machine" {
  built extraCommands && built asRoot && built redis
  local -A given=([docker]=$extraCommands [podman]=$asRoot)
  examples_run() {
    loads "${given[$client]}"
    prints 'Hello, world!' hello:latest
    $client image inspect -f '{{.Config.WorkingDir}}' hello:latest | grep -qx /data
  }
  each examples_run
  docker_says 'redis in /data' "$redis" redis:latest
  for image in "$extraCommands" "$asRoot"; do
    layer-flatten --from-image "$image" >files.tar
    [ "$(tar -xOf files.tar ./my-file)" = 'some content' ]
    tar --numeric-owner -tvf files.tar | grep -q '^drwxr-xr-x 0/0 .* \./data/$'
  done
}

@test "several images in one file" {
  built merged && built bash && built onTop && built nothing && built parent
  cross_tag=$(value cross.imageTag | jq -r .)
  docker_says $'from base\n/bin/bash\n/bin/ls\n/bin' "$merged" "bash:$(hash_of bash)" /bin/bash -c 'echo from $A; type -P bash ls; ls -d /bin'
  client=docker prints 'ls: /nix: No such file or directory' "parent:$(hash_of parent)" busybox sh -c 'busybox ls /nix 2>&1; :'
  docker image inspect -f '{{.Architecture}}' "team/on-top:$(hash_of onTop)" "nothing:$(hash_of nothing)" "cross:$cross_tag" >arch
  lines arm64 amd64 arm64 | same - arch
  [ "$(docker inspect -f '{{.Created}}' "bash:$(hash_of bash)")" = 1970-01-01T00:00:01Z ]
}

@test "four images on each other: order, a machine, variables, owners, fakechroot, /etc, certificates, a link to a path" {
  streamed top >top.tar
  # shellcheck disable=SC2016 # expanded in the container
  docker_says $'one\ntwo\nthree\none\ntwo\ntwo\nextra\none\ntwo\ntwo\nlocalhost\ntrue true true top\n1000\n12345\nHello, world!\nHello, world!\nsymbolic link' "$PWD/top.tar" registry.example/team/top:1 \
    busybox sh -c 'cat /tmp/layer1 /tmp/layer2 /tmp/layerN /extra /seen /etc/some-config; echo $FROM_PARENT $FROM_CHILD $FROM_TOP $LAST
      stat -c %u /home/alice /tmp/layerN; /hello/bin/hello; /bin/hello; stat -c %F /nix/store/*-hello-link
      test -r /etc/ssl/certs/ca-bundle.crt && test -r /etc/ssl/certs/ca-certificates.crt && test -r /etc/pki/tls/certs/ca-bundle.crt'
  [ "$(image-layers --config top.tar | grep -c $'^Env\tLAST=')" = 1 ]
  [ "$(date -d "$(docker inspect -f '{{.Created}}' registry.example/team/top:1)" +%s)" -gt 1700000000 ]
}

@test "two and four layers are that many" {
  built twoLayered
  [ "$(image-layers --list "$twoLayered" | wc -l)" = 2 ]
  streamed fourLayered >four.tar
  [ "$(image-layers --list four.tar | wc -l)" = 4 ]
  podman_says $'/bin/bash\n/bin/busybox\n/bin/hello\n1000\n1000' "$PWD/four.tar" four-layered:1 \
    /bin/busybox sh -c 'busybox ls /bin/bash /bin/busybox /bin/hello; busybox id -u; busybox id -g'
}

# lacks_hello NAME: a container of it cannot start in $client, as its command is not there
lacks_hello() {
  local status=0
  "${client}_run" "$1" >"lacks.$client" 2>&1 || status=$?
  [ $status = 127 ] && grep -E 'hello-2.12/bin/hello"?:.*no such file or directory' "lacks.$client"
}

@test "without store paths they run where the store is mounted, and only there" {
  streamed withoutStore -t hello:without >without.tar
  streamed withoutStoreFakechroot >fakechroot.tar
  local -A tag=([docker]=without [podman]=fakechroot)
  without_run() {
    loads_and_prints 'Hello, world!' "$PWD/${tag[$client]}.tar" --volume "$dir/root/nix/store:/nix/store:ro" "hello:${tag[$client]}"
    lacks_hello "hello:${tag[$client]}"
  }
  each without_run
}

@test "what runAsRoot made belongs to the user that it made, in an image on top, too" {
  built onRoot
  docker_says $'redis 999\nmine' "$onRoot" "on-root:$(hash_of onRoot)" /bin/busybox sh -c 'stat -c "%U %u" /data; echo mine >/data/x && cat /data/x'
}

@test "Nix works in the container" {
  streamed withNix >nix.tar
  path=$(value 'pkgs.nix.outPath' | jq -r .)
  {
    nix-store -qR "$path"
    nix-store -q --references "$(value 'pkgs.hello.outPath' | jq -r .)"
    echo nix
  } >want
  # shellcheck disable=SC2016 # expanded in the container
  podman_says "$(cat want)" "$PWD/nix.tar" with-nix:1 busybox sh -ec 'nix-store -qR $0; nix-store -q --references /bin/hello
    busybox readlink $(busybox readlink /bin/nix-daemon); nix-store --verify --check-contents 2>/tmp/found
    busybox grep -q "checking store hashes" /tmp/found && ! busybox grep -E "modified|missing|error" /tmp/found' "$path"
}

@test "copyToPodman and copyToDockerDaemon" {
  images --attr copies >scripts 2>log || { cat log && return 1; }
  mapfile -t scripts <scripts
  mkdir -p "$CLIENTS/podman/root" "$CLIENTS/podman/run"
  lines '[storage]' 'driver = "overlay"' "graphroot = \"$CLIENTS/podman/root\"" "runroot = \"$CLIENTS/podman/run\"" >"$CLIENTS/storage.conf"
  # the client of docker is this machine's
  seen=(usr lib lib64 "${CLIENTS#/}")
  inside_store() { inside bash -euc "$(declare -f in_store); $(declare -p seen dir); in_store \"\$@\"" - "$@"; }
  host=unix://$CLIENTS/docker/sock
  copies_run() {
    local storage=CONTAINERS_STORAGE_CONF=$CLIENTS/storage.conf
    case $client in
      podman)
        inside_store env "$storage" "${scripts[0]}/bin/copy-to-podman" --quiet
        inside_store env "$storage" "${scripts[1]}/bin/copy-to-podman" --quiet
        ;;
      docker)
        inside_store env DOCKER_HOST="$host" "${scripts[2]}/bin/copy-to-docker-daemon" --quiet
        inside_store "${scripts[3]}/bin/copy-to-docker-daemon" --quiet --dest-daemon-host "$host"
        ;;
    esac
    prints copied docker.io/library/copied:1
    prints 'copied file' docker.io/library/copied-file:1
  }
  each copies_run
}

@test "a server answers HTTP, as user nobody" {
  streamed web >web.tar
  podman load --quiet -i "$PWD/web.tar"
  [ "$(podman image inspect -f '{{json .Config.ExposedPorts}}' web:1)" = '{"8080/tcp":{}}' ]
  podman_run --detach --name server web:1
  for _ in {1..50}; do
    inside curl -sf http://127.0.0.1:8080/ >answer && break
    sleep 0.1
  done
  inside stat -c %u "/proc/$(podman inspect -f '{{.State.Pid}}' server)" >uid
  podman kill server
  [ "$(cat answer uid | paste -sd ' ')" = 'served 65534' ]
}
