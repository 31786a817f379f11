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
    perl "$TOP/tests/mkclosure/depends.pl" bash coreutils libzstd1 zlib1g >packages.json
  nix_store "$PWD/root"
  NIX_CONFIG+=$'\nsandbox = true\nsandbox-fallback = false'
  # packages are made of this machine's programs; images of packages alone
  images --attr pkgs.layerpipe --attr pkgs.stdenv --attr pkgs.shadow --attr pkgs.linux --attr pkgs.qemu_kvm \
    --attr pkgs.e2fsprogs >log 2>&1 || { cat log && return 1; }
  NIX_CONFIG=$(grep -v '^extra-sandbox-paths' <<<"$NIX_CONFIG")
  images --attr all >all 2>log || { cat log && return 1; }
}

setup() {
  setup_path
  dir=$BATS_FILE_TMPDIR
}

# What a test started ends with it, as only the test knows it.
teardown() {
  registry_stop
  clients_stop
}

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

# in_store COMMAND…: runs it where there is nothing but the store, and /dev, /proc and /tmp
in_store() {
  mkdir -p "$dir/root"/{dev,proc,tmp,var/tmp}
  # shellcheck disable=SC2016 # expanded inside
  unshare --mount bash -euc 'mount --rbind /dev "$0/dev"; mount --rbind /proc "$0/proc"; exec env -i PATH=/usr/sbin:/usr/bin chroot "$0" "$@"' "$dir/root" "$@"
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
END
  {
    value '[ bash.name onTop.name bash.imageName onTop.imageName ]'
    value '[ exported.name merged.name onTop.layer.name ]'
    value '[ layered.name layeredOnTopFile.name layeredOnTopFile.imageName layered.conf.name ]'
    value '[ layered.mine layered.isExe (layeredOnTopFile.imageTag == layeredOnTopFile.stream.conf.imageTag) ]'
    value '{ inherit (onTop.buildArgs) name architecture; }'
    value '[ nixShell.name helloShell.name nixShell.imageTag nixShellRun.name ]'
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
  refuses 'dockerTools.streamLayeredImage: maxLayers: expected more than 1' '(layered.override { maxLayers = 1; }).outPath'
  refuses "dockerTools.streamLayeredImage: unknown attribute 'copyToRoot'" '(layered.override { copyToRoot = [ ]; }).outPath'
  refuses 'dockerTools.streamNixShellImage: command and run: expected one of them' \
    '(dockerTools.streamNixShellImage { drv = pkgs.hello; command = "a"; run = "b"; }).outPath'
  refuses "dockerTools.streamNixShellImage: 'x' has __structuredAttrs" \
    '(dockerTools.buildNixShellImage { drv = derivation { name = "x"; system = "x"; builder = "x"; __structuredAttrs = true; }; }).outPath'
  value '(nothing.override { contents = [ ]; }).outPath' >out 2>err
  grep -qF 'dockerTools.buildImage: contents is deprecated: use copyToRoot' err
}

@test "images are the same when they are built again" {
  images --check --attr nothing --attr onTop --attr exported --attr merged --attr nss --attr filters \
    --attr layered.conf --attr layered --attr database.stream.conf --attr shadowBasic >out 2>log || { cat log && return 1; }
  [ "$(wc -l <out)" = 10 ]
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
  same <(image-layers --repo-tags "$merged") <(for i in onTop nothing bash; do built $i && image-layers --repo-tags "${!i}"; done)
  grep -q '^alice:x:1000:100::/home/alice:/bin/sh$' "$nss/etc/passwd"
  image-layers --files "$helpers" >files
  for name in usr/bin/env bin/sh etc/ssl/certs/ca-certificates.crt etc/passwd; do
    grep -q "^\./$name type=" files
  done
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

@test "includeNixDB: Nix works in the image, and finds what it should find" {
  built database
  mkdir tree
  layer-flatten --from-image "$database" >files.tar
  tar -C tree -xf files.tar --exclude=dev
  hello=$(readlink tree/bin/hello)
  nix-store -qR "${hello%/bin/hello}" >want
  nix_store "$PWD/tree"
  nix-store -qR "${hello%/bin/hello}" >found
  same want found
  nix-store --verify --check-contents >log 2>&1
  run -1 grep -E 'modified|missing|error' log
}

@test "copyTo sends to a registry what it lacks: of an image with one other path one layer" {
  registry_start "$PWD/registry"
  images --attr copies >scripts 2>log || { cat log && return 1; }
  mapfile -t scripts <scripts
  sent() {
    registry_forget
    in_store "$1/bin/copy-to" "docker://$REGISTRY/hello:$2" --tls-verify=false --known-layers /tmp/known 2>log
    registry_requests | grep -c '^PUT .*/blobs/' || :
  }
  sent "${scripts[0]}" 1 >first
  sent "${scripts[1]}" 2 >second
  sent "${scripts[1]}" 2 >third
  same <(lines 'docker://'"$REGISTRY/hello:1" 8) first # 7 layers and the configuration
  same <(lines 'docker://'"$REGISTRY/hello:2" 2) second
  same <(lines 'docker://'"$REGISTRY/hello:2" 0) third
  grep -q 'is this image already' log
}

@test "pullImage takes what its hash is of, and nothing else" {
  registry_start "$PWD/registry"
  built nothing
  skopeo --insecure-policy copy -q --dest-tls-verify=false "docker-archive:$nothing" "docker://$REGISTRY/nothing:1"
  digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/nothing:1")
  pulled() {
    nix-build --no-out-link --expr "with import $TOP/tests/nix/images.nix { packages = $dir/packages.json; built = $BUILD; };
      dockerTools.pullImage { imageName = \"$REGISTRY/nothing\"; imageDigest = \"$digest\"; finalImageName = \"a/b\";
      finalImageTag = \"2\"; tlsVerify = false; $1 }"
  }
  run -1 pulled 'hash = "";'
  hash=$(sed -n 's/.* got: *\(sha256-[^ ]*\).*/\1/p' <<<"$output" | head -n 1)
  pulled "hash = \"$hash\";" >path 2>log || { cat log && return 1; }
  [[ $(cat path) == /nix/store/*-docker-image-a-b-2.tar ]]
  skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$REGISTRY/nothing@$digest" docker-archive:want:a/b:2
  same want "$dir/root$(cat path)"
  pulled "sha256 = \"$(nix-hash --type sha256 --to-base32 "$(sha256sum want | cut -d ' ' -f 1)")\"; name = \"mine\";" >path 2>log
  [[ $(cat path) == /nix/store/*-mine ]]
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

@test "docker and podman run them" {
  clients_start "$dir/clients"
  docker_start
  built bash && built extraCommands && built filters && built layered
  in_store "${layered#"$dir/root"}" -t layered:1 2>log >layered
  built shadowBasic
  shell=$(value pkgs.runtimeShell | jq -r .)
  built nixShellRun
  in_store "${nixShellRun#"$dir/root"}" 2>log >run
  hellos=("$dir"/root/nix/store/*-hello-2.12/bin/hello) # which say the same
  made=$(echo "from 'a file'" && cat "${hellos[0]}")
  for client in docker podman; do
    $client load -i "$bash" >/dev/null
    [ "$("${client}_run" "bash:$(hash_of bash)")" = 'from base' ]
    gzip -dc "$extraCommands" | $client load >/dev/null
    [ "$("${client}_run" hello:latest)" = 'Hello, world!' ]
    $client load -i "$filters" >/dev/null
    [ "$("${client}_run" hello:filters)" = 'Hello, world!' ]
    $client load -i run >/dev/null
    [ "$("${client}_run" run:1)" = "$made"$'\n1000\n/build' ]
    $client load -i layered >/dev/null
    [ "$("${client}_run" layered:1)" = layered ]
    # what runAsRoot made belongs to the user that it made
    gzip -dc "$shadowBasic" | $client load >/dev/null
    # shellcheck disable=SC2016 # expanded in the container
    [ "$("${client}_run" --user redis "shadow-basic:$(hash_of shadowBasic)" "$shell" -c 'echo mine >/data/x && echo "$UID $(</data/x)"')" = '999 mine' ]
    # directories of the store are open to every user
    [ "$("${client}_run" --user 999 layered:1 stat -c '%a %u' /nix /nix/store)" = $'755 0\n755 0' ]
  done
  [ "$(docker inspect -f '{{.Created}}' "bash:$(hash_of bash)")" = 1970-01-01T00:00:01Z ]
}
