#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# build-image over the example closure. look(1 of tests/) checks every archive's digests, counts,
# parents and names before it shows anything of it.
# shellcheck disable=SC2030,SC2031,SC2154 # a test is a subshell; run sets stderr
load helper

libc=/nix/store/1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-libc-2.36
shell=/nix/store/2bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-shell-5.2
conf=/nix/store/3cccccccccccccccccccccccccccccc3-hello.conf
hello=/nix/store/4ddddddddddddddddddddddddddddddd-hello-1.0
link=/nix/store/5fffffffffffffffffffffffffffffff-hello-link

setup() {
  setup_path
  made example .
}

teardown() { chmod -R u+w "$BATS_TEST_TMPDIR" || :; }

# image OPTION…: the file image
image() {
  build-image --name x --tag t --closure graph --root-dir root --compressor none --output image --quiet "$@" >printed
}

files() { look image files | cut -d ' ' -f 2-; }
content() { look image read "$1"; }
stored() { look image names | grep -oE '^nix/store/[^/]+' | sort -u | sed 's,^,/,' | xargs; }

# store NAME: a new path in the store and in the graph, its directory
store() {
  local path
  path=/nix/store/$(printf '%032d' "$1" | tr 0 z)-$2
  mkdir -p "root$path"
  printf '%s\t1\t-\t\\e\n' "$path" >>graph
  sort -o graph graph
  printf '%s\n' "$path"
}

# --- the layer ---

@test "one layer: files in the root, what they mention in the store, each with the store's modes" {
  image --copy-to-root "$hello"
  [ "$(cat printed)" = image ]
  files >out
  cat >want <<END
d 0755 0:0 root:root 1 /
d 0555 0:0 root:root 1 /bin
f 0555 0:0 root:root 1 /bin/hello
l 0777 0:0 root:root 1 /bin/hi -> hello
d 0755 0:0 root:root 1 /nix
d 0755 0:0 root:root 1 /nix/store
d 0555 0:0 root:root 1 $libc
d 0555 0:0 root:root 1 $libc/lib
l 0777 0:0 root:root 1 $libc/lib/libc.so -> libc.so.6
f 0444 0:0 root:root 1 $libc/lib/libc.so.6
d 0555 0:0 root:root 1 $shell
d 0555 0:0 root:root 1 $shell/bin
f 0555 0:0 root:root 1 $shell/bin/sh
f 0444 0:0 root:root 1 $conf
d 0555 0:0 root:root 1 /share
d 0555 0:0 root:root 1 /share/doc
f 0444 0:0 root:root 1 /share/doc/a file with spaces
f 0444 0:0 root:root 1 /share/doc/empty
END
  same out want
  cmp <(content bin/hello) "root$hello/bin/hello"
  [ "$(look image config | jq '.rootfs.diff_ids | length')" = 1 ]
}

@test "a path of copyToRoot is in the store where something mentions it" {
  image --copy-to-root "$hello" --config <(printf 'Cmd\t%s/bin/hello\n' "$hello")
  [ "$(stored)" = "$libc $shell $conf $hello" ]
  image --copy-to-root "$libc" # mentions itself
  [ "$(stored)" = "$libc" ]
  image --config <(echo "{\"Env\": [\"L=$link\"]}")
  [ "$(stored)" = "$libc $shell $conf $hello $link" ]
  image --copy-to-root "$hello" --extra-commands 'rm bin/hello bin/hi'
  [ "$(stored)" = '' ]
  image --extra-commands "ln -s $shell/bin/sh sh"
  [ "$(stored)" = "$libc $shell" ]
  image --allow-empty
  [ "$(files)" = 'd 0755 0:0 root:root 1 /' ]
}

@test "uid and gid own the root's files, root the store" {
  image --copy-to-root "$hello" --uid 1000 --gid 100 --extra-commands 'echo hi >new'
  [ "$(files | awk '$6 !~ "^/nix" { print $3, $4 }' | sort -u)" = '1000:100 :' ]
  [ "$(files | awk '$6 ~ "^/nix" { print $3, $4 }' | sort -u)" = '0:0 root:root' ]
  image --allow-empty --uid 0 --gid 7
  [ "$(files)" = 'd 0755 0:7 root: 1 /' ]
}

@test "several trees are merged, later ones win; directories outside the store too" {
  one=$(store 1 one)
  two=$(store 2 two)
  mkdir -p "root$one/etc/sub" "root$two/etc" src/etc/sub
  echo one >"root$one/etc/a"; echo one >"root$one/etc/b"; echo one >"root$one/etc/c"
  echo two >"root$two/etc/b"; echo two >"root$two/etc/c"
  echo src >src/etc/c; echo src >src/etc/sub/run
  chmod 600 src/etc/c; chmod 700 src/etc/sub/run src/etc
  image --copy-to-root "$one" --copy-to-root "$two" --copy-to-root src
  [ "$(content etc/a) $(content etc/b) $(content etc/c)" = 'one two src' ]
  files | grep -qxF 'd 0555 0:0 root:root 1 /etc'
  files | grep -qxF 'f 0444 0:0 root:root 1 /etc/c'
  files | grep -qxF 'f 0555 0:0 root:root 1 /etc/sub/run'
  image --copy-to-root src --copy-to-root "$one"
  [ "$(content etc/c)" = one ]
  ln -s "$PWD/root$one" root/result
  mkdir -p root/other && cp -a root/nix/store root/other && ln -s "$PWD/root/other/${one#/nix/}" result
  build-image --name x --tag t --store-dir "$PWD/root/other/store" --copy-to-root result --compressor none --output image --quiet
  [ "$(content etc/a)" = one ]
}

# entries OPTION…: kind, name and target of each entry of the image
entries() {
  image "$@"
  files | awk '$6 != "/" { print $1, substr($6, 2) ($8 ? " " $8 : "") }'
}

@test "keepContentsDirlinks: as rsync -k without it, as rsync -K with it" {
  a=$(store 1 a)
  b=$(store 2 b)
  mkdir -p "root$a/real/sub" "root$b/link" "root$b/abs"
  touch "root$a/real/sub/a" "root$b/link/b" "root$b/abs/c"
  ln -s real "root$a/link"
  ln -s sub/a "root$a/real/file-link"
  ln -s real/sub "root$a/abs"
  entries --copy-to-root "$a" --copy-to-root "$b" >out
  lines 'd abs' 'f abs/a' 'f abs/c' 'd link' 'f link/b' 'l link/file-link sub/a' 'd link/sub' 'f link/sub/a' \
    'd real' 'l real/file-link sub/a' 'd real/sub' 'f real/sub/a' >want
  same out want
  entries --copy-to-root "$a" --copy-to-root "$b" --keep-contents-dirlinks >out
  lines 'l abs real/sub' 'l link real' 'd real' 'f real/b' 'l real/file-link sub/a' 'd real/sub' 'f real/sub/a' \
    'f real/sub/c' >want
  same out want
}

@test "a link to a directory of a chroot store becomes that directory" {
  env=$(store 1 env)
  ln -s "$hello/share" "root$env/share"
  ln -s "$hello/bin/hello" "root$env/run"
  ln -s "$shell/bin" "root$env/bin"
  image --copy-to-root "$env"
  files | grep -qxF 'd 0555 0:0 root:root 1 /share/doc'
  files | grep -qxF 'f 0444 0:0 root:root 1 /share/doc/empty'
  files | grep -qxF "l 0777 0:0 root:root 1 /run -> $hello/bin/hello"
  cmp <(content bin/sh) "root$shell/bin/sh"
  [ "$(stored)" = "$libc $shell $conf $hello" ]
  rm "root$env/run"
  image --copy-to-root "$env"
  [ "$(stored)" = "$libc" ]
  image --copy-to-root "$env" --keep-contents-dirlinks
  files | grep -qxF "l 0777 0:0 root:root 1 /share -> $hello/share"
}

@test "the store directory is 0755 and root's, whatever commands make of it; their own files stay" {
  image --copy-to-root "$hello" --uid 5 --extra-commands "mkdir -p -m 700 nix/store${libc#/nix/store}; echo own >.$libc/own"
  files | awk '$6 ~ "^/nix" && $6 !~ "shell|hello.conf" { print $1, $2, $3, $6 }' >out
  cat >want <<END
d 0755 0:0 /nix
d 0755 0:0 /nix/store
d 0700 5:0 $libc
d 0555 0:0 $libc/lib
l 0777 0:0 $libc/lib/libc.so
f 0444 0:0 $libc/lib/libc.so.6
f 0644 5:0 $libc/own
END
  same out want
}

@test "the same image from every description of the closure, and from the files alone" {
  args=(--name x --tag t --root-dir root --quiet --copy-to-root "$hello" --compressor none)
  build-image "${args[@]}" --closure graph --output want
  build-image "${args[@]}" --closure closure.json --output out
  same want out
  build-image "${args[@]}" --closure - --output out <closure.json
  same want out
  build-image "${args[@]}" --output out
  same want out
  jq '{closure: ., other: []}' closure.json >attrs.json
  build-image "${args[@]}" --closure attrs.json --closure-key closure --output out
  same want out
}

@test "the same bytes from another directory, user, umask, time zone, locale, order" {
  local place
  place=$(mktemp -d)
  chmod 755 "$place"
  made example "$place"
  mkdir "$place/src" && echo hi >"$place/src/file"
  mkdir -m 1777 "$place/other"
  args=(--name x --copy-to-root "$hello" --copy-to-root "$place/src" --root-dir "$place/root"
    --extra-commands 'mkdir -p var/empty; echo hi >var/file; ln var/file var/same')
  build-image "${args[@]}" --closure graph --config <(printf 'Cmd\tx\n') --output one
  jq reverse closure.json >"$place/other/closure"
  (
    cd "$place/other" && umask 077
    export TZ=Asia/Tokyo LC_ALL=C.UTF-8 LANG=C.UTF-8 HOME=/nowhere TMPDIR=$PWD
    run_as=()
    [ "$(id -u)" != 0 ] || run_as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    printf 'Cmd\tx\n' | "${run_as[@]}" "$BUILD/bin/build-image" "${args[@]}" --closure closure --config - --output two
  )
  cp "$place/other/two" two
  chmod -R u+w "$place" && rm -r "$place"
  same one two
}

# --- commands ---

@test "extraCommands: in the tree, quotes and parentheses as they are, the first failure ends it" {
  image --copy-to-root "$hello" --extra-commands "echo '(\"a b\")' \"\$(echo '\$x;')\" >'q (1)'; mkdir -m 1777 tmp"
  [ "$(content 'q (1)')" = '("a b") $x;' ]
  files | grep -qxF 'd 1777 0:0 root:root 1 /tmp'
  rm image
  run -1 image --extra-commands 'echo one; (exit 7); echo three'
  [ "$output" = $'one\nbuild-image: --extra-commands: the commands failed with status 7' ]
  [ ! -e image ]
}

# --- attributes ---

@test "the file: named after image and tag, compressed as asked" {
  args=(--name registry.example/Team/Hello --closure graph --root-dir root --copy-to-root "$hello" --quiet)
  [ "$(build-image "${args[@]}" --tag 1 --compressor none)" = hello-1.tar ]
  [ "$(build-image "${args[@]}" --tag 1)" = hello-1.tar.gz ]
  [ "$(build-image "${args[@]}" --tag 1 --compressor zstd)" = hello-1.tar.zst ]
  gzip -dc hello-1.tar.gz | cmp - hello-1.tar
  zstd -dqc hello-1.tar.zst | cmp - hello-1.tar
  [ "$(look hello-1.tar manifest | jq -r '.RepoTags[]')" = registry.example/team/hello:1 ]
  run -0 --separate-stderr build-image "${args[@]}" --quiet=false
  [ "$output" = hello.tar.gz ]
  tag=$(look hello.tar.gz manifest | jq -r '.RepoTags[0]')
  [[ $tag =~ ^registry.example/team/hello:[0-9a-df-np-sv-z]{32}$ ]]
  [[ $stderr == *"image $tag sha256:"* ]]
}

@test "defaults: created, architecture, no configuration" {
  image --allow-empty
  [ "$(look image config | jq -c '[.created, .os, .config]')" = '["1970-01-01T00:00:01Z","linux",{}]' ]
  image --allow-empty --created 2024-02-29T12:30:00+02:00 --architecture arm64
  [ "$(look image config | jq -c '[.created, .architecture]')" = '["2024-02-29T10:30:00Z","arm64"]' ]
}

@test "--attrs: all attributes by their names, one path or a list; options win" {
  jq -n --arg hello "$hello" '{name: "App", tag: "7", fromImage: null, fromImageName: null, fromImageTag: null,
    copyToRoot: $hello, keepContentsDirlinks: false, runAsRoot: null, extraCommands: "echo hi >hi", config: {Cmd: ["/bin/hello"]},
    architecture: "arm64", diskSize: 2048, buildVMMemorySize: 1024, created: "2001-02-03T04:05:06Z", uid: 1, gid: 2, contents: null,
    compressor: "none", output: "image", closure: "graph", rootDir: "root", storeDir: "/nix/store", quiet: true,
    inheritConfig: false}' >attrs.json
  build-image --attrs attrs.json >printed
  [ "$(look image manifest | jq -r '.RepoTags[]')" = app:7 ]
  [ "$(look image config | jq -c '[.architecture, .created, .config.Cmd]')" = '["arm64","2001-02-03T04:05:06Z",["/bin/hello"]]' ]
  files | grep -qxF 'f 0644 1:2 : 1 /hi'
  [ "$(content hi)" = hi ]
  jq --arg shell "$shell" '.copyToRoot = [.copyToRoot, $shell]' attrs.json >list.json
  build-image --attrs list.json --tag 8 >printed
  [ "$(look image manifest | jq -r '.RepoTags[]')" = app:8 ]
  cmp <(content bin/sh) "root$shell/bin/sh"
  content bin/hello >/dev/null
}

@test "contents is the old name of copyToRoot" {
  image --copy-to-root "$hello"
  mv image want
  image --contents "$hello" 2>err
  echo 'build-image: warning: --contents is deprecated: use --copy-to-root' >said
  same said err
  same want image
  fails 2 "build-image: --contents and --copy-to-root: expected --copy-to-root alone (see 'build-image --help')" \
    image --contents "$hello" --copy-to-root "$hello"
}

@test "a file is no deletion: copyToRoot and store paths never, extraCommands where they may" {
  local said="cannot be in an image: in a layer, a name that begins with '.wh.' deletes what lower layers have"
  local hint='would delete a file of the base image (--allow-whiteouts allows this)'
  mkdir -p src/d
  touch src/d/.wh.x
  fails 1 "tree-list: 'src/d/.wh.x' $said" image --copy-to-root src
  fails 1 "tree-list: 'src/d/.wh.x' $said" image --copy-to-root src --allow-whiteouts --extra-commands 'true'
  fails 1 "build-image: --extra-commands: 'd/.wh.x' $hint" image --extra-commands 'mkdir d; touch d/.wh.x'
  image --allow-whiteouts --extra-commands 'mkdir d; touch d/.wh.x'
  look image names | grep -qx d/.wh.x
  chmod u+w "root$libc"/{,lib} && touch "root$libc/lib/.wh.x"
  fails 1 "tree-list: 'root$libc/lib/.wh.x' $said" image --copy-to-root "$hello" --allow-whiteouts
}

@test "a store that cannot be listed is an error" {
  mkdir bin tree
  printf '#!/bin/sh\nexit 3\n' >bin/find
  chmod +x bin/find
  PATH=$PWD/bin:$PATH fails 1 "build-image: cannot list 'root/nix/store'" \
    build-image --name x --copy-to-root tree --root-dir root --quiet --output out.tar
  [ ! -e out.tar ]
}

@test "mistakes" {
  fails 1 "build-image: --copy-to-root: 'root/nix/store/x' does not exist" image --copy-to-root /nix/store/x
  fails 1 "build-image: --copy-to-root: 'root$conf' is a file: expected a directory of what goes into the root" image --copy-to-root "$conf"
  fails 2 "build-image: --disk-size: expected a number from 1 to 1048576, found '0' (see 'build-image --help')" image --disk-size 0
  fails 2 "build-image: unknown option '--max-layers': build-layered-image or stream-layered-image has it (see 'build-image --help')" \
    image --max-layers 3
  fails 2 "build-layered-image: unknown option '--copy-to-root': build-image has it (see 'build-layered-image --help')" \
    build-layered-image --name x --copy-to-root a
  fails 2 "build-image: unknown option '--nothing-like-it' (see 'build-image --help')" image --nothing-like-it
  fails 2 "build-image: unknown option '--platform': did you mean --architecture? (see 'build-image --help')" image --platform a
  fails 1 "build-image: --copy-to-root: '/nix/store/x' does not exist: --root-dir names the directory that the store lies below" \
    build-image --name x --copy-to-root /nix/store/x --quiet
  fails 2 "build-image: --architecture: Go has no machine 'amd46': did you mean amd64? (see 'build-image --help')" \
    image --copy-to-root "$hello" --architecture amd46
  fails 2 "build-image: unknown option '--copyToRoot': did you mean --copy-to-root? (see 'build-image --help')" \
    image --copyToRoot "$hello"
  fails 2 "build-image: too many operands: expected options only, found 'data' (see 'build-image --help')" \
    image --extra-commands mkdir data
  fails 1 "build-image: --copy-to-root: 'graph' is a file: expected a directory of what goes into the root" \
    image --copy-to-root graph
  fails 1 "build-image: cannot read '{\"Cmd\": []}': expected the name of a file, found JSON" image --config '{"Cmd": []}'
  fails 1 "build-image: cannot read '{}': expected the name of a file, found JSON" image --attrs '{}'
  fails 1 'build-image: --config: Cmd: expected a list of strings, found a string' image --config <(echo '{"Cmd": "sh"}')
  mkdir -p a b/x && touch a/x
  fails 1 "tree-list: cannot merge 'a/x', a file, and 'b/x', a directory" image --copy-to-root a --copy-to-root b
}

# --- what never happens ---

@test "a stage that dies fails the image, with one message, and leaves no file" {
  args=(--name x --closure graph --root-dir root --copy-to-root "$hello" --quiet --output out/image)
  mkdir out broken
  echo old >out/image
  cp -a "$BUILD/bin" "$BUILD/share" "$BUILD/libexec" broken/
  for tool in closure-graph reference-scan tree-list layer-tar image-assemble; do
    for how in 'kill -KILL $$' "$BUILD/bin/$tool \"\$@\" | head -c 700; kill -KILL \$\$" "$BUILD/bin/$tool \"\$@\"; exit 9"; do
      rm -f "broken/bin/$tool"
      [ "$tool" != image-assemble ] || how="[[ \$* != *--allow-empty* ]] || exec $BUILD/bin/$tool \"\$@\"; kill -KILL \$\$"
      printf '#!/usr/bin/env bash\n%s\n' "$how" >"broken/bin/$tool"
      chmod +x "broken/bin/$tool"
      run broken/bin/build-image "${args[@]}"
      [ "$status" != 0 ] || { echo "$tool: $how" && false; }
      [ "$(ls -A out)" = image ] && [ "$(cat out/image)" = old ]
    done
    cp "$BUILD/bin/$tool" "broken/bin/$tool"
  done
}

@test "a file that cannot be read: one message" {
  chmod -R u+w root && rm -r "root$libc"
  fails 1 "tree-list: cannot read 'root$libc': No such file or directory" image --copy-to-root "$hello"
}

@test "temporary files go to TMPDIR and away; nothing is copied where no command runs" {
  needs_root
  mkdir small src
  head -c 3000000 /dev/urandom >src/data
  unshare -m bash -c 'mount -t tmpfs -o size=200k none small && TMPDIR=$PWD/small build-image \
    --name x --copy-to-root src --quiet --output image >printed && ls -A small >left'
  [ ! -s left ]
  cmp <(content data) src/data
}

@test "hostile names in the tree" {
  mkdir -p 'src/-n' $'src/new\nline' && touch src/'a b' src/$'tab\t' src/'back\slash' src/$'\xff\xfe' src/'%s$(x)`y`*' src/"'q'" \
    src/'#c' src/'é' $'src/new\nline/-' src/"$(printf 'l%.0s' {1..200})"
  (cd src && find . -mindepth 1 | sed 's,^\./,,' | LC_ALL=C sort) >want
  mv -- src $'-hostile\n dir'
  for commands in '' 'touch x && rm x'; do
    image --copy-to-root $'-hostile\n dir' --extra-commands "$commands"
    look image names | LC_ALL=C sort | cmp - want
  done
}

@test "a name with a tag, short options" {
  build-image --name Foo:1 --copy-to-root "$hello" --closure graph --root-dir root -q -o one.tar.gz >printed 2>err
  [ "$(cat printed)" = one.tar.gz ] && [ ! -s err ]
  build-image --name foo -t 1 --copy-to-root "$hello" --closure graph --root-dir root --quiet --output two.tar.gz >printed
  same one.tar.gz two.tar.gz
  [ "$(look one.tar.gz manifest | jq -r '.RepoTags[0]')" = foo:1 ]
  image --name r.example:5000/foo --copy-to-root "$hello"
  [ "$(look image manifest | jq -r '.RepoTags[0]')" = r.example:5000/foo:t ]
  fails 2 "build-image: --name: the tag '2' in it contradicts the tag 't' (see 'build-image --help')" image --name foo:2
  build-image -t Foo:1 --copy-to-root "$hello" --closure graph --root-dir root -q -o three.tar.gz >printed || cat printed
  build-image --name foo -t foo:1 --copy-to-root "$hello" --closure graph --root-dir root -q -o three.tar.gz >printed
  same one.tar.gz three.tar.gz
  echo '{"tag": "foo:1", "rootDir": "root", "closure": "graph", "quiet": true}' >attrs
  build-image --attrs attrs --copy-to-root "$hello" -o four.tar.gz >printed
  same one.tar.gz four.tar.gz
  local tag
  for tag in bar:1 foo: :1 foo:a/b; do
    fails 2 "build-image: --tag: bad tag '$tag': expected A-Z a-z 0-9 _ and, but not first, '.' and '-', at most 128 bytes (see 'build-image --help')" \
      build-image --name foo -t $tag --copy-to-root "$hello" --closure graph --root-dir root -q
  done
  fails 2 "build-image: --tag: bad tag '': expected A-Z a-z 0-9 _ and, but not first, '.' and '-', at most 128 bytes (see 'build-image --help')" \
    build-image --name foo --tag= --copy-to-root "$hello" --closure graph --root-dir root -q
  fails 2 "build-image: unknown option '-x' (see 'build-image --help')" image -x
}

@test "nothing but a name is an error, unless it is meant" {
  local said='nothing would be in the image: expected contents, a preset, a base image, a config or commands (--allow-empty makes an empty image)'
  fails 2 "build-image: $said (see 'build-image --help')" build-image --name x --quiet --output image
  fails 2 "stream-layered-image: $said (see 'stream-layered-image --help')" stream-layered-image --name x --closure graph
  [ ! -e image ]
  build-image --name x --quiet --output image --allow-empty >printed
  stream-layered-image --name x --quiet --allow-empty >/dev/null
}

@test "mtime is the time of every file" {
  image --copy-to-root "$hello" --extra-commands 'touch new'
  [ "$(files | awk '{ print $5 }' | sort -u)" = 1 ]
  image --copy-to-root "$hello" --extra-commands 'touch new' --mtime 1980-01-01
  [ "$(files | awk '{ print $5 }' | sort -u)" = 315532800 ]
  SOURCE_DATE_EPOCH=86400 image --copy-to-root "$hello" --mtime now
  [ "$(files | awk '{ print $5 }' | sort -u)" = 86400 ]
}

# contents_are MESSAGE CONTENT: of both pipelines, where the attribute is @
contents_are() {
  fails 1 "build-image: ${1/@/--copy-to-root}" image --copy-to-root "$2"
  fails 1 "stream-layered-image: ${1/@/--contents}" stream-layered-image --name x --tag t --closure graph --root-dir root --contents "$2" --quiet
}

@test "messages name what was typed: the option, or the attribute of --attrs" {
  echo '{"name": "x", "tag": "t:", "copyToRoot": "none", "rootDir": "rot"}' >a.json
  see="(see 'build-image --help')"
  fails 1 "build-image: rootDir: 'rot' is not a directory" build-image --attrs a.json --quiet
  fails 1 "build-image: --root-dir: 'rut' is not a directory" build-image --attrs a.json --root-dir rut --quiet
  fails 1 "build-image: copyToRoot: 'none' does not exist" build-image --attrs a.json --root-dir root --quiet
  fails 1 "build-image: --copy-to-root: 'no' does not exist" build-image --attrs a.json --root-dir root --copy-to-root no --quiet
  fails 2 "build-image: tag: bad tag 't:': expected A-Z a-z 0-9 _ and, but not first, '.' and '-', at most 128 bytes $see" \
    build-image --attrs a.json --root-dir root --copy-to-root root --quiet
  fails 2 "build-image: --tag: bad tag 't/': expected A-Z a-z 0-9 _ and, but not first, '.' and '-', at most 128 bytes $see" \
    build-image --attrs a.json --root-dir root --copy-to-root root -t t/ --quiet
  echo '{}' >b.json
  fails 2 "build-image: expected --name NAME, or name in 'b.json' $see" build-image --attrs b.json
  echo '{"name": "x", "config": {"Cmd": "a"}, "extraCommands": "false", "contents": "root"}' >b.json
  fails 1 "build-image: config: Cmd: expected a list of strings, found a string" build-image --attrs b.json --quiet 2>err || cat err
  run -1 build-image --attrs b.json --config <(echo '{}') --quiet
  [[ $output == "build-image: warning: contents is deprecated: use copyToRoot"*$'\n'"build-image: extraCommands: the commands failed with status 1" ]]
  # a file that is called as an attribute is
  printf 'Cmd\tx\nCnd\ty\n' >config
  fails 1 "build-image: config:2: unknown key 'Cnd': did you mean Cmd?" image --copy-to-root "$hello" --config config
}

@test "contents that are no directory: files, links to files, links to nothing, anywhere" {
  local to_file gone
  to_file=$(store 1 to-file)
  gone=$(store 2 gone)
  rmdir "root$to_file" "root$gone"
  ln -s "$conf" "root$to_file"
  ln -s "$hello/none" "root$gone"
  echo hi >plain
  ln -s plain to-plain
  ln -s none to-none
  ln -s "$conf" to-store
  mkfifo pipe
  local is_file='is a file: expected a directory of what goes into the root'
  contents_are "@: 'root$to_file' $is_file" "$to_file"
  contents_are "@: 'root$gone' does not exist" "$gone"
  contents_are "@: 'plain' $is_file" plain
  contents_are "@: 'to-plain' $is_file" to-plain
  contents_are "@: 'to-none' does not exist" to-none
  contents_are "@: 'to-store' $is_file" to-store
  contents_are "@: 'pipe' is not a directory" pipe
}

@test "a link and a directory of one name in two contents, in the words of this program" {
  local etc top users dangling loop
  etc=$(store 1 etc) top=$(store 2 top) users=$(store 3 users) dangling=$(store 4 dangling) loop=$(store 5 loop)
  mkdir -p "root$etc/etc/ssh" "root$users/etc"
  touch "root$etc/etc/ssh/conf" "root$users/etc/passwd"
  ln -s "$etc/etc" "root$top/etc"
  ln -s /none "root$dangling/etc"
  ln -s etc "root$loop/etc"
  for order in "$top $users" "$users $top"; do
    read -r one two <<<"$order"
    image --copy-to-root "$one" --copy-to-root "$two"
    look image names | grep '^etc/[^s]' >found
    echo etc/passwd | same found /dev/stdin
    look image names | grep -qx etc/ssh/conf
  done
  for one in "$top" "$dangling" "$loop"; do
    fails 1 "tree-list: cannot merge 'root$one/etc', a symbolic link, and 'root$users/etc', a directory: only a link to a directory of this tree can take in a directory" \
      image --keep-contents-dirlinks --copy-to-root "$one" --copy-to-root "$users"
    run -1 image --keep-contents-dirlinks --copy-to-root "$users" --copy-to-root "$one"
    [[ $output == "tree-list: cannot merge 'root$users/etc', a directory, and 'root$one/etc', a symbolic link"* ]]
    [[ $output != *--keep-dirlinks* || $output == *--keep-contents-dirlinks* ]]
  done
  for one in "$dangling" "$loop"; do
    run -1 image --copy-to-root "$one" --copy-to-root "$users"
    echo "$output"
    [[ $output != *--keep-dirlinks* || $output == *--keep-contents-dirlinks* ]]
  done
}

@test "the platform of an image: a variant, and what others call a machine" {
  local tool
  for tool in build-image stream-layered-image; do
    "$tool" --name x --tag t --closure graph --root-dir root --config <(printf 'Cmd\t/x\n') --architecture linux/arm/v7 \
      --quiet >printed
    [ $tool = stream-layered-image ] || mv "$(cat printed)" printed
    look printed config | jq -c '[.os, .architecture, .variant]' >found
    [ "$(cat found)" = '["linux","arm","v7"]' ]
    fails 2 "$tool: --architecture: expected 'arm/v7', as Go names it, found 'arm32v7' (see '$tool --help')" \
      "$tool" --name x --tag t --closure graph --root-dir root --config <(printf 'Cmd\t/x\n') --architecture arm32v7 --quiet
  done
  image --copy-to-root "$hello" --architecture arm --variant v6
  [ "$(look image config | jq -c '[.architecture, .variant]')" = '["arm","v6"]' ]
}

@test "a link that leads nowhere once its directory is copied" {
  local tool
  tool=$(store 8 tool)
  mkdir -p "root$tool"/lib/{.bin,x} dir/{real,more}
  touch "root$tool/lib/x/run" dir/more/file
  ln -s ../x/run "root$tool/lib/.bin/run"
  ln -s lib/.bin "root$tool/bin"
  image --copy-to-root "$tool"
  files | grep -qF " /bin/run -> $tool/lib/x/run"
  [ "$(stored)" = "$tool" ]
  ln -s ../../more/file dir/real/link && mkdir dir/a && ln -s ../real dir/a/b && mkdir dir/real/c
  mv dir/real/link dir/real/c/link
  image --copy-to-root dir 2>err
  lines "tree-list: warning: 'dir/a/b/c/link' leads nowhere from where it is listed: --keep-dirlinks (of build-image: --keep-contents-dirlinks) keeps the link to its directory" | same err /dev/stdin
}

@test "progress: a bar on a terminal, lines on one that is dumb" {
  mkdir shown
  echo hi >shown/file
  unset NIX_LOG_FD
  on_terminal 80 xterm build-image --name x --tag 1 --copy-to-root shown --output image | tr '\r' '\n' >said
  grep -c '^layer 0/1 \[\.*\]' said
  on_terminal 80 dumb build-image --name x --tag 1 --copy-to-root shown --output image | tr -d '\r' >said
  grep -c '^layer 1/1: 10.2 kB sha256:' said
  fails 1 '' grep -F '[' said
}

@test "a root directory that is not there" {
  fails 1 "build-image: --root-dir: 'rot' is not a directory" image --copy-to-root "$hello" --root-dir rot
}

@test "store paths that are mentioned and are not there cause a warning, once each" {
  local none=/nix/store/00000000000000000000000000000000-gone other=/nix/store/10000000000000000000000000000000-too
  local gone="the image mentions '$none', which"
  commands="ln -s $none/bin/ls ls; printf '\0%s\0%s' $none/x $shell >f; echo /nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-none >e"
  image --extra-commands "$commands" 2>err
  lines "build-image: warning: $gone --closure does not have: it will not be there" | same err -
  echo "{\"Env\": [\"A=$other\"]}" >config
  stream-layered-image --name x --root-dir root --quiet --extra-commands "$commands" --config config >image 2>err
  lines "stream-layered-image: warning: $gone is not in the store: it will not be there" \
    "stream-layered-image: warning: the image mentions '$other', which is not in the store: it will not be there" | same err -
  # what the base image has is there
  stream-layered-image --name x --closure graph --root-dir root --quiet --contents "$shell" >base
  fails 0 '' bash -c "stream-layered-image --name x --quiet --from-image base --extra-commands 'ln -s $shell/bin/sh sh' >image"
}
