#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# stream-layered-image over the example closure. look(1 of tests/) checks every archive's digests,
# counts, parents and names before it shows anything of it.
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

stream() { stream-layered-image --name x --tag t --closure graph --root-dir root --quiet "$@"; }

# The store paths in an image.
stored() { look "$1" names | grep -oE '^nix/store/[^/]+' | sort -u | sed 's,^,/,'; }

layer_count() { look "$1" diffids | wc -l; }

# --- name, tag, metadata ---

@test "the name is lower-cased and keeps host and path" {
  stream --name Registry.example:5000/Team/Hello --tag V1 --contents "$hello" >image
  [ "$(look image manifest | jq -r '.RepoTags[]')" = registry.example:5000/team/hello:V1 ]
}

@test "defaults: created, architecture, no configuration" {
  stream --contents "$hello" >image
  [ "$(look image config | jq -r .created)" = 1970-01-01T00:00:01Z ]
  [ "$(look image config | jq -r .os)" = linux ]
  [ "$(look image config | jq -c .config)" = '{}' ]
  stream --contents "$hello" --architecture arm64 >image
  [ "$(look image config | jq -r .architecture)" = arm64 ]
}

@test "without a tag it is 32 nix-base32 characters of the image, told on stderr" {
  stream-layered-image --name x --closure graph --root-dir root --contents "$hello" >one 2>err
  tag=$(look one manifest | jq -r '.RepoTags[0]')
  [[ $tag =~ ^x:[0-9a-df-np-sv-z]{32}$ ]]
  grep -qF "image $tag sha256:" err
  stream-layered-image --name x --closure graph --root-dir root --contents "$hello" >two 2>/dev/null
  same one two
  stream-layered-image --name x --closure graph --root-dir root --contents "$shell" >two 2>/dev/null
  [ "$tag" != "$(look two manifest | jq -r '.RepoTags[0]')" ]
}

@test "created: any ISO 8601 time or now; layers do not depend on it" {
  stream --contents "$hello" >base
  stream --contents "$hello" --created 2024-02-29T12:30:00+02:00 >image
  [ "$(look image config | jq -r .created)" = 2024-02-29T10:30:00Z ]
  SOURCE_DATE_EPOCH=86400 stream --contents "$hello" --created now >image
  [ "$(look image config | jq -r .created)" = 1970-01-02T00:00:00Z ]
  [ "$(look image config | jq -c .rootfs)" = "$(look base config | jq -c .rootfs)" ]
  stream --contents "$hello" --created now >image
  [ "$(look image config | jq -r .created | cut -c 1-2)" = 20 ]
}

@test "known plans: an image shares layers of several paths with the images of these plans" {
  # libc and shell, in an order that layer-plan does not write; the other plan has no path of the image
  lines "1\t$shell\t-\t-" "1\t$libc\t-\t-" >known
  lines '1\t/nix/store/00000000000000000000000000000000-none\t-\t-' >foreign
  stream --contents "$hello" --sharing 100 --known-plan foreign --known-plan known --plan-out plan >image
  cut -f 1,2 plan | grep -B 1 "$libc" | cut -f 2 >found
  lines "$shell" "$libc" | same found /dev/stdin
  jq -n '{ contents: $ARGS.positional, sharing: 100, knownPlans: ["foreign", "known"] }' --args "$hello" >attrs.json
  stream --attrs attrs.json | same image /dev/stdin
  fails 2 "stream-layered-image: --known-plan: only with the strategy update-cost (see 'stream-layered-image --help')" \
    stream --contents "$hello" --strategy popularity --known-plan known
}

@test "files of options for plans are read where no store path is to be planned, too" {
  local nothing
  mkdir src
  for nothing in --contents=src "--contents=$hello --include-store-paths=false"; do
    # shellcheck disable=SC2086 # options
    fails 1 "layer-plan: cannot open 'nowhere': No such file or directory" stream $nothing --known-plan nowhere
  done
  stream --contents src >want
  echo 1 >bad
  fails 1 'layer-plan: bad:1: expected 4 fields separated by single tabs, found 1' stream --contents src --known-plan bad
  echo '{' >bad
  fails 1 'layer-plan: bad: cannot parse JSON: Unfinished JSON term at EOF at line 2, column 0' stream --contents src --layering-pipeline bad
  lines "1\t$libc\t-\t-" >known
  stream --contents src --known-plan known --previous-plan known --explain --plan-out plan 2>err | same want /dev/stdin
  [ ! -s err ] && [ ! -s plan ]
}

@test "a layeringPipeline, in the attributes or in a file that they name" {
  echo '[["popularity_contest"], ["limit_layers", 2]]' >pipeline.json
  stream --contents "$hello" --layering-pipeline pipeline.json >image
  [ "$(layer_count image)" = 3 ]
  jq '{layeringPipeline: .}' pipeline.json >attrs.json
  stream --attrs attrs.json --contents "$hello" | same image /dev/stdin
  echo '{"layeringPipeline": "pipeline.json"}' >attrs.json
  stream --attrs attrs.json --contents "$hello" | same image /dev/stdin
  echo '{"layeringPipeline": {}}' >attrs.json
  fails 1 'stream-layered-image: attrs.json: layeringPipeline: expected a list of operations, or the name of a file, found {}' \
    stream --attrs attrs.json --contents "$hello"
}

@test "a plan can be had, and kept for the next image" {
  stream --contents "$hello" --plan-out plan >one
  [ "$(cut -f 1 plan | sort -u | wc -l)" = "$(($(layer_count one) - 1))" ]
  stream --contents "$hello" --previous-plan plan --plan-out plan >two
  same one two
  fails 2 "layer-plan: --max-decay: only with --strategy update-cost (see 'layer-plan --help')" \
    stream --contents "$hello" --strategy popularity --max-decay 5
  stream --contents "$hello" --explain >two 2>said
  same one two
  grep -q "$hello" said
  fails 1 "stream-layered-image: cannot write 'none/plan': No such file or directory" stream --contents "$hello" --plan-out none/plan ||
    [ "$(cat "$BATS_TEST_TMPDIR/fails.err")" = "stream-layered-image: cannot write 'none/plan': No such file or directory" ]
}

@test "what lies in the store and is no store path ends no build" {
  chmod u+w root/nix/store
  mkdir root/nix/store/{eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-odd,.links,"6ggggggggggggggggggggggggggggggg-a b"}
  stream-layered-image --name x --tag t --root-dir root --contents "$hello" --quiet >image
  stored image >found
  [ -s found ] && ! grep odd found
}

@test "mtime is the time of every file" {
  stream --contents "$hello" --extra-commands 'touch new' --mtime 1980-01-01 >image
  [ "$(look image files | awk '{ print $6 }' | sort -u)" = 315532800 ]
  stream --contents "$hello" --extra-commands 'touch new' >image
  [ "$(look image files | awk '{ print $6 }' | sort -u)" = 1 ]
  SOURCE_DATE_EPOCH=77 stream --contents "$hello" --extra-commands 'touch new' --mtime now >image
  [ "$(look image files | awk '{ print $6 }' | sort -u)" = 77 ]
}

@test "uid, gid, uname and gname own the store, not the customisation layer" {
  stream --contents "$hello" --uid 1000 --gid 100 --uname user --gname users >image
  [ "$(look image files | awk '$7 ~ "^/nix" { print $4, $5 }' | sort -u)" = '1000:100 user:users' ]
  [ "$(look image files | awk '$7 !~ "^/nix" { print $4, $5 }' | sort -u)" = '0:0 root:root' ]
}

# --- contents and closure ---

@test "contents are links in the root, their closure is in the store" {
  stream --contents "$hello" >image
  look image files | grep '^5 ' | cut -d ' ' -f 2,3,7- >out
  cat >want <<END
d 0755 /
d 0755 /bin
l 0777 /bin/hello -> $hello/bin/hello
l 0777 /bin/hi -> $hello/bin/hi
d 0755 /share
d 0755 /share/doc
l 0777 /share/doc/a file with spaces -> $hello/share/doc/a file with spaces
l 0777 /share/doc/empty -> $hello/share/doc/empty
END
  same out want
  [ "$(stored image | xargs)" = "$libc $shell $conf $hello" ]
  [ "$(look image files | awk '$7 ~ "^/nix(/store)?$" { print $3 }' | sort -u)" = 0755 ]
}

@test "a link into the store stands for what it leads to; another store directory" {
  store=$PWD/other/store
  mkdir -p "$store"
  cp -a root/nix/store/. "$store"
  chmod -R u+w "$store"
  grep -rlZ /nix/store "$store" | xargs -0 sed -i "s,/nix/store,$store,g"
  ln -sfn "$store/${hello##*/}/bin/hello" "$store/${link##*/}"
  ln -s "$store/${hello##*/}" result
  stream-layered-image --name x --tag t --quiet --store-dir "$store" --contents result >image
  look image files >out
  grep -qF "/bin/hi -> $store/${hello##*/}/bin/hi" out
  look image names | grep -oE "^${store#/}/[^/]+$" | sed 's,.*/,,' >out
  printf '%s\n' "${libc##*/}" "${shell##*/}" "${conf##*/}" "${hello##*/}" >want
  same out want
}

@test "links lead from --root-dir: of contents, and on the way to the store" {
  local store=$PWD/other/store name=${hello##*/} real=5gggggggggggggggggggggggggggggg5-real target
  # what the host has under the same names
  mkdir -p host "$store"
  echo secret >host/secret
  ln -s "$PWD/host" "$store/$name"
  ln -s "$store/$name" result
  mkdir -p "in$store/$real"
  echo mine >"in$store/$real/mine"
  args=(--name x --tag t --quiet --store-dir "$store" --root-dir in --contents result)
  for target in "$real" "$store/$real" "/../..$store/$real"; do
    ln -sfn "$target" "in$store/$name"
    stream-layered-image "${args[@]}" >image
    look image files | grep -F "/mine -> $store/$real/mine"
    run ! grep -aq secret image
  done
  for target in "$PWD/host" "../../../../../../../../../../../..$PWD/host" /proc/self/cwd/host "$name"; do
    ln -sfn "$target" "in$store/$name"
    fails 1 "stream-layered-image: --contents: 'result' leads to 'in$store/$name', which does not exist" stream-layered-image "${args[@]}"
  done
  # paths of a store beside it are none
  mkdir outside tree
  cp -a root/nix/store outside
  echo "$hello" >tree/mention
  for target in "$PWD/outside" ../outside; do
    ln -sfn "$target" in/nix
    stream-layered-image --name x --tag t --quiet --root-dir in --contents tree >image
    [ "$(stored image)" = '' ]
  done
}

@test "two contents are merged; of two files with one name the first is taken, with a warning" {
  mkdir -p root/nix/store/6ggggggggggggggggggggggggggggggg-other/bin
  other=/nix/store/6ggggggggggggggggggggggggggggggg-other
  printf '%s\t1\t-\t\\e\n' $other >>graph
  echo other >root$other/bin/other
  stream --contents "$hello" --contents $other >image
  look image files >out
  grep -qF "/bin/other -> $other/bin/other" out
  grep -qF "/bin/hi -> $hello/bin/hi" out
  echo other >root$other/bin/hi
  stream --contents "$hello" --contents $other >image 2>err
  echo "tree-list: warning: '$hello/bin/hi' hides '$other/bin/hi'" >want
  same err want
  look image files >out
  grep -qF "/bin/hi -> $hello/bin/hi" out
  mkdir -p src/bin two/bin && echo src >src/bin/new && echo two >two/bin/new && echo two >two/bin/hi
  stream --contents src --contents two --contents "$hello" >image 2>err
  [ ! -s err ]
  [ "$(look image read bin/new)" = src ]
  look image files >out
  grep -qF "/bin/hi -> $hello/bin/hi" out
}

@test "a store path that is a link or a file stays one" {
  stream --config <(printf 'Cmd\t%s\n' "$link") >image
  look image files | grep -qF "l 0777 0:0 root:root 1 $link -> $hello/bin/hello"
  look image files | grep -qF "f 0444 0:0 root:root 1 $conf"
  [ "$(look image read "${conf#/}")" = greeting=hello ]
}

@test "a directory outside the store is copied, as the store would hold it" {
  mkdir -p src/sub
  echo hi >src/hello.txt
  echo '#!/bin/sh' >src/sub/run
  chmod 600 src/hello.txt
  chmod 700 src/sub/run src/sub
  ln -s sub/run src/link
  stream --contents src --contents "$hello" >image
  [ "$(look image read hello.txt)" = hi ]
  look image files | grep '^5 ' | cut -d ' ' -f 2-5,7- | grep -E ' /(hello.txt|sub|link|bin/hi)' >out
  cat >want <<END
l 0777 0:0 root:root /bin/hi -> $hello/bin/hi
f 0444 0:0 root:root /hello.txt
l 0777 0:0 root:root /link -> sub/run
d 0755 0:0 root:root /sub
f 0555 0:0 root:root /sub/run
END
  same out want
}

@test "a directory outside the store brings the store paths that it mentions" {
  mkdir src
  echo "see $shell/bin/sh" >src/note
  stream --contents src >image
  [ "$(stored image | xargs)" = "$libc $shell" ]
}

@test "includeStorePaths=false: links without a store" {
  stream --contents "$hello" --include-store-paths=false >image
  run -1 grep -q '^nix' <(look image names)
  look image files | grep -qF "/bin/hello -> $hello/bin/hello"
  [ "$(layer_count image)" = 1 ]
  stream --contents "$hello" --include-store-paths=false --fake-root-commands 'chown 5 bin' --enable-fakechroot >image
  run -1 grep -q '^nix' <(look image names)
}

@test "store paths come from contents, configuration and customisation layer only" {
  stream --config <(echo "{\"Cmd\": [\"$hello/bin/hello\"]}") >image
  [ "$(stored image | xargs)" = "$libc $shell $conf $hello" ]
  stream --config <(echo "{\"Healthcheck\": {\"Test\": [\"$conf\"]}}") >image
  [ "$(stored image)" = "$conf" ]
  stream --extra-commands "cat root$hello/share/doc/empty || :; echo $conf >/dev/null; echo hi >hi" >image
  [ "$(stored image)" = '' ]
  stream --extra-commands "ln -s $conf etc" >image
  [ "$(stored image)" = "$conf" ]
  stream --extra-commands "mkdir ${conf#/nix/store/}" >image
  [ "$(stored image)" = "$conf" ]
  stream --fake-root-commands "echo $shell >note; chown 7 note" >image
  [ "$(stored image | xargs)" = "$libc $shell" ]
}

@test "the same image from every description of the closure, from the files alone and from Nix" {
  needs nix
  printf 'Cmd\t%s\n' "$link" >config
  # by popularity, as the sizes in the example's descriptions are made up
  args=(--name x --tag t --root-dir root --quiet --config config --max-layers 4 --strategy popularity)
  stream-layered-image "${args[@]}" --closure graph >want
  stream-layered-image "${args[@]}" --closure closure.json >out
  same out want
  stream-layered-image "${args[@]}" --closure - <closure.json >out
  same out want
  jq '{closure: ., other: []}' closure.json >attrs.json
  stream-layered-image "${args[@]}" --closure attrs.json --closure-key closure >out
  same out want
  stream-layered-image "${args[@]}" >scanned
  [ "$(look scanned config | jq -c .rootfs)" = "$(look want config | jq -c .rootfs)" ]
  registration >dump
  NIX_REMOTE='' nix-store --store "$PWD/root" --load-db <dump
  stream-layered-image "${args[@]}" >asked
  same asked want
}

# The nix-store is a stand-in, as a store of that size takes too long to make.
@test "a closure and roots that do not fit into a command line" {
  local hash=0000000000000000000000000000000000000000000000000000000000000000
  mkdir -p bin root/nix/var/nix/db
  seq -f "/nix/store/%032.0f-$(printf 'n%.0s' {1..200})" 9000 >paths
  cat >bin/nix-store <<END
#!$BASH
case " \$* " in
  *' --query --requisites '*) cat '$PWD/paths' ;;
  *' --dump-db '*) printf '%s\n$hash\n120\n\n0\n' "\${@:4}" ;;
esac
END
  chmod +x bin/nix-store
  sed "s/$/\t120\tsha256-$(printf 'A%.0s' {1..43})=\t\\\\e/" paths >want
  head -n 1 paths >roots
  closure_of_roots >out
  cmp out want
  cp paths roots
  closure_of_roots --closure want >out
  cmp out want
}

# Of the roots in the file of that name.
closure_of_roots() {
  # shellcheck disable=SC2016 # the other shell's
  PATH=$PWD/bin:$PATH bash -c 'set -euo pipefail
    here=$0/bin share=$0/share/layerpipe
    . "$share/pipeline.sh"
    . "$share/store.sh"
    . "$share/closure.sh"
    pipeline_start stream-layered-image --name x --root-dir root "$@"
    closure_open
    { cat roots && end_mark; } >"$work/mentioned"
    closure_cut "$work/mentioned"
    cat "$work/graph"' "$BUILD" "$@"
}

# What nix-store --load-db reads of the closure.
registration() {
  local hash
  jq -r '.[] | .path, .narHash, .narSize, "", (.references | length), .references[]' closure.json |
    while IFS= read -r line; do
      hash=${line#sha256-}
      [ "$hash" = "$line" ] || line=$(printf %s "$hash" | openssl base64 -d -A | od -An -tx1 | tr -d ' \n')
      printf '%s\n' "$line"
    done
}

@test "a path that is not in the closure is named; a file is no tree" {
  grep -v "^$hello" graph | grep -v "^$link" >less
  fails 1 "closure-graph: root '$hello' is not in the closure" stream --closure less --contents "$hello"
  fails 1 "stream-layered-image: --contents: 'root$conf' is a file: expected a directory of what goes into the root" \
    stream --contents "$conf"
}

# --- layers ---

@test "maxLayers from 2 on: no path lost, as many layers as are needed" {
  for n in 2 3 4 5 6 7 128; do
    stream --contents "$hello" --max-layers $n >image
    [ "$(stored image | xargs)" = "$libc $shell $conf $hello" ]
    [ "$(layer_count image)" = $((n < 5 ? n : 5)) ]
  done
}

@test "the customisation layer is on top and says so; an empty one is left out" {
  stream --contents "$hello" --extra-commands 'echo hi >extraCommands' >image
  [ "$(look image read extraCommands)" = hi ]
  [ "$(look image config | jq -r '.history[-1].comment')" = 'customisation layer' ]
  stream --config <(printf 'Cmd\t%s\n' "$conf") >image
  [ "$(layer_count image)" = 1 ]
  stream --allow-empty >image
  [ "$(layer_count image)" = 1 ]
  [ "$(look image files)" = '1 d 0755 0:0 root:root 1 /' ]
}

@test "images share the layers that are the same" {
  stream --contents "$hello" >one
  stream --contents "$shell" --extra-commands 'echo other >other' >two
  comm -12 <(look one diffids | sort) <(look two diffids | sort) >shared
  [ "$(wc -l <shared)" = 2 ]
}

# --- commands ---

@test "extraCommands: in the tree, quotes and parentheses as they are" {
  stream --contents "$hello" --extra-commands "echo '(\"a b\")' \"\$(echo '\$x;')\" >'q (1)'
    mkdir -m 1777 tmp; chmod u+s 'q (1)'; rm bin/hi; pwd >&2; cat" >image
  [ "$(look image read 'q (1)')" = '("a b") $x;' ]
  look image files | grep -qF 'd 1777 0:0 root:root 1 /tmp'
  look image files | grep -qF 'f 4644 0:0 root:root 1 /q (1)'
  run -1 grep -qx bin/hi <(look image names)
}

@test "a command that fails stops the build with its output and status" {
  run -1 --separate-stderr stream --contents "$hello" --extra-commands 'echo one; echo two >&2; (exit 7); echo three'
  [ -z "$output" ]
  [ "$stderr" = $'one\ntwo\nstream-layered-image: --extra-commands: the commands failed with status 7' ]
  fails 1 'stream-layered-image: --fake-root-commands: the commands failed with status 3' stream --fake-root-commands 'exit 3'
  fails 1 'stream-layered-image: --fake-root-commands: the commands failed with status 3' \
    stream --fake-root-commands 'exit 3' --enable-fakechroot
}

@test "a file is no deletion: contents and store paths never, commands where they may" {
  local said="cannot be in an image: in a layer, a name that begins with '.wh.' deletes what lower layers have"
  local hint='would delete a file of the base image (--allow-whiteouts allows this)'
  needs fakeroot
  mkdir -p src/d made/d
  touch src/d/.wh.x
  fails 1 "tree-list: 'src/d/.wh.x' $said" stream --contents src
  fails 1 "tree-list: 'src/d/.wh.x' $said" stream --contents src --allow-whiteouts --extra-commands true
  fails 1 "stream-layered-image: --extra-commands: 'd/.wh.x' $hint" stream --extra-commands 'mkdir d; touch d/.wh.x'
  fails 1 "stream-layered-image: --extra-commands: '.wh..wh..opq' $hint" stream --extra-commands 'touch .wh..wh..opq'
  fails 1 "stream-layered-image: --fake-root-commands: '.wh.x' $hint" stream --fake-root-commands 'touch .wh.x'
  stream --allow-whiteouts --extra-commands 'touch .wh.x' --fake-root-commands 'mkdir d; touch d/.wh..wh..opq' >image
  look image names | grep '^[^n].*wh' >found
  lines .wh.x d/.wh..wh..opq >want
  same want found
  chmod u+w "root$libc"/{,lib} && touch "root$libc/lib/.wh.x"
  run -1 --separate-stderr stream --contents "$hello" --allow-whiteouts
  [ "$stderr" = "layer-tar: '$libc/lib/.wh.x' $said" ]
  [[ $output != *manifest.json* ]]
}

@test "what jq finds in the caller's home changes nothing" {
  mkdir home
  echo 'def map(f): ["evil"]; def to_entries: [];' >home/.jq
  echo '{"Cmd": ["/bin/hello"], "Env": ["A=b"]}' >config.json
  stream --config config.json >want
  HOME=$PWD/home stream --config config.json >found
  same want found
}

@test "fakeRootCommands: owners, after extraCommands" {
  needs fakeroot
  stream --contents "$hello" --extra-commands 'mkdir -p home/alice home/bob; echo hi >home/alice/file' \
    --fake-root-commands 'chown -R 1000:100 ./home/alice; chown -h 7 bin/hi; mknod null c 1 3; test "$(id -u)" = 0' >image
  look image files | awk '$7 ~ "^/(home|bin|null)" { print $2, $3, $4, $7 }' >out
  cat >want <<'END'
d 0755 0:0 /bin
l 0777 0:0 /bin/hello
l 0777 7:0 /bin/hi
d 0755 0:0 /home
d 0755 1000:100 /home/alice
f 0644 1000:100 /home/alice/file
d 0755 0:0 /home/bob
? 0644 0:0 /null
END
  same out want
}

@test "enableFakechroot: / is the image, the host is not touched" {
  needs fakechroot fakeroot
  mkdir -p outside
  cat >commands <<END
mkdir /data; echo hi >/data/file; cp /data/file /copy; chown 12345:12345 /data/file
ln -s $conf /conf; ln -s /data/file /absolute; ln -s data/file /relative
cat /absolute /relative; echo more >>/absolute; echo in >>/outward/kept
[ "\$(readlink /absolute)" = /data/file ]; cd /data; [ "\$PWD" = /data ]; [ ! -e $PWD/graph ]
echo x >/dev/null; [ -e /proc/self ]; ! type busybox ldconfig sudo 2>/dev/null
END
  stream --contents "$hello" --enable-fakechroot --extra-commands "mkdir -p .$PWD/outside; ln -s $PWD/outside outward" \
    --fake-root-commands "$(cat commands)" >image
  look image files | awk '$7 ~ "^/(data|copy|conf|absolute|relative|outward|dev|proc|sys|etc|usr)" { print $2, $3, $4, $7, $8, $9 }' >out
  cat >want <<END
l 0777 0:0 /absolute -> /data/file
l 0777 0:0 /conf -> $conf
f 0644 0:0 /copy  
d 0755 0:0 /data  
f 0644 12345:12345 /data/file  
l 0777 0:0 /outward -> $PWD/outside
l 0777 0:0 /relative -> data/file
END
  same out want
  [ "$(look image read data/file)" = $'hi\nmore' ]
  [ "$(stored image | xargs)" = "$libc $shell $conf $hello" ]
  [ -z "$(ls -A outside)" ] && [ ! -e /data ] && [ ! -e /copy ]
}

@test "enableFakechroot: users and groups are made in the image" {
  needs fakechroot fakeroot useradd groupadd
  stream --enable-fakechroot --fake-root-commands 'mkdir -p /etc /data; touch /etc/passwd /etc/group
    groupadd -r redis; useradd -r -g redis redis; chown redis:redis /data' >image
  [ "$(look image read etc/group | cut -d : -f 1)" = redis ]
  uid=$(look image read etc/passwd | cut -d : -f 3)
  gid=$(look image read etc/group | cut -d : -f 3)
  look image files >out
  grep -qF "d 0755 $uid:$gid : 1 /data" out
}

@test "enableFakechroot: libraries of the image do not disturb the host's programs" {
  needs fakechroot fakeroot
  stream --contents "$libc" --enable-fakechroot --extra-commands 'echo junk >lib/libc.so.6.new; mv lib/libc.so.6.new lib/libc.so.6' \
    --fake-root-commands 'ls / >/list' >image
  [ "$(look image read list)" = $'lib\nlist' ]
}

@test "a program that is missing is named before anything runs" {
  mkdir bin
  for p in bash env jq mktemp readlink dirname chmod rm cat awk sed; do ln -s "$(command -v $p)" bin; done
  fails 1 'stream-layered-image: --fake-root-commands needs fakeroot, which is not installed' \
    env PATH="$PWD/bin" "$BUILD/bin/stream-layered-image" --name x --extra-commands 'echo ran' --fake-root-commands true
  printf '#!/bin/sh\n getopt -o x\n' >bin/fakeroot
  chmod +x bin/fakeroot
  fails 1 'stream-layered-image: --fake-root-commands needs getopt, which fakeroot calls and which is not installed' \
    env PATH="$PWD/bin" "$BUILD/bin/stream-layered-image" --name x --extra-commands 'echo ran' --fake-root-commands true
  ln -s "$(command -v getopt)" bin
  fails 1 'stream-layered-image: --enable-fakechroot needs fakechroot, which is not installed' \
    env PATH="$PWD/bin" "$BUILD/bin/stream-layered-image" --name x --fake-root-commands true --enable-fakechroot
  rm bin/jq
  fails 1 'stream-layered-image: stream-layered-image needs jq, which is not installed' \
    env PATH="$PWD/bin" "$BUILD/bin/stream-layered-image" --name x
}

# --- attributes ---

@test "--attrs: all attributes by their names; options win" {
  jq -n --arg hello "$hello" '{name: "App", tag: "7", fromImage: null, contents: [$hello], config: {Cmd: ["a\u0001b", "-", ""]},
    architecture: "arm64", created: "2001-02-03T04:05:06Z", mtime: "1970-01-01T00:00:09Z", maxLayers: 2,
    extraCommands: "echo hi >hi", fakeRootCommands: "chown 3 hi", enableFakechroot: false, includeStorePaths: true,
    uid: 1, gid: 2, uname: "u", gname: "g", closure: "graph", rootDir: "root", storeDir: "/nix/store", quiet: true}' >attrs.json
  stream-layered-image --attrs attrs.json >image
  [ "$(look image manifest | jq -r '.RepoTags[]')" = app:7 ]
  [ "$(look image config | jq -c '[.architecture, .created, .config.Cmd]')" = '["arm64","2001-02-03T04:05:06Z",["a\u0001b","-",""]]' ]
  [ "$(layer_count image)" = 2 ]
  look image files | grep -qF "d 0755 1:2 u:g 9 /nix/store"
  look image files | grep -qE "^2 f 0644 3:0 [^ ]* 9 /hi"
  stream-layered-image --attrs attrs.json --name other --max-layers 4 --contents "$shell" --include-store-paths=false >image
  [ "$(look image manifest | jq -r '.RepoTags[]')" = other:7 ]
  [ "$(layer_count image)" = 1 ]
  run -1 grep -q hello <(look image names)
}

@test "--attrs: a derivation's .attrs.json, its own graph in it" {
  jq --arg hello "$hello" '{builder: "/bin/sh", outputs: {out: "/nix/store/x"}, system: "x86_64-linux", name: "app.tar.gz", stdenv: "/x",
    exportReferencesGraph: {closure: [$hello]}, closure: map(.narHash = "sha256:" + "0" * 52),
    imageName: "app", contents: $hello, rootDir: "root", tag: "t", quiet: true}' closure.json >.attrs.json
  stream-layered-image --attrs .attrs.json >image
  [ "$(look image manifest | jq -r '.RepoTags[]')" = app:t ]
  [ "$(stored image | xargs)" = "$libc $shell $conf $hello" ]
}

bad_attrs() {
  printf '%s\n' "$1" >a.json
  fails 1 "stream-layered-image: a.json: $2" stream-layered-image --attrs a.json
}

@test "--attrs: each mistake names the attribute and what it should be" {
  bad_attrs '{"name":"x","maxLayers":"ten"}' 'maxLayers: expected a number from 2 to 128, found "ten"'
  bad_attrs '{"name":"x","maxLayers":1}' 'maxLayers: expected a number from 2 to 128, found 1'
  bad_attrs '{"name":"x","maxLayers":2.5}' 'maxLayers: expected a number from 2 to 128, found 2.5'
  bad_attrs '{"name":7}' 'name: expected a string, found 7'
  bad_attrs '{"name":"a\u0000b"}' 'name: expected a string, found "a\u0000b"'
  bad_attrs '{"name":"x","contents":[{}]}' 'contents: expected a list of paths, found {}'
  bad_attrs '{"name":"x","contents":""}' 'contents: expected a list of paths, found ""'
  bad_attrs '{"name":"x","knownPlans":[7]}' 'knownPlans: expected a list of file names, found 7'
  bad_attrs '{"name":"x","config":"sh"}' 'config: expected an object, found "sh"'
  bad_attrs '{"name":"x","enableFakechroot":"yes"}' 'enableFakechroot: expected true or false, found "yes"'
  bad_attrs '{"name":"x","maxlayers":5}' 'unknown attribute "maxlayers": did you mean maxLayers?'
  bad_attrs '{"name":"x","compressor":"gz"}' 'unknown attribute "compressor"'
  bad_attrs '[]' 'expected one JSON object'
  bad_attrs '{} {}' 'expected one JSON object'
  bad_attrs '{"name":' 'not JSON: Unfinished JSON term at EOF at line 2, column 0'
  fails 1 "stream-layered-image: cannot read 'none.json': No such file or directory" stream-layered-image --attrs none.json
}

bad_option() {
  local message=$1
  shift
  fails 2 "stream-layered-image: $message (see 'stream-layered-image --help')" stream-layered-image "$@"
}

@test "options: each mistake is one line and status 2" {
  bad_option 'expected --name NAME'
  bad_option "option '--name' needs an argument" --name
  bad_option "unknown option '--max=3'" --max=3
  bad_option "unknown option '--compressor': build-image or build-layered-image has it" --name x --compressor gz
  bad_option "unknown option '-x'" -x
  bad_option '--max-layers: expected a number from 2 to 128, found '"'1'" --name x --max-layers 1
  bad_option '--max-layers: expected a number from 2 to 128, found '"'0100'" --name x --max-layers=0100
  bad_option '--max-layers: expected a number from 2 to 128, found '"'2+2'" --name x --max-layers=2+2
  bad_option '--enable-fakechroot: expected true or false, found '"'no'" --name x --enable-fakechroot=no
  bad_option '--contents: expected a path, found '"''" --name x --contents=
  bad_option '--exclude: expected a store path, found '"''" --name x --exclude=
  bad_option '--known-plan: expected a file name, found '"''" --name x --known-plan=
  bad_option "too many operands: expected options only, found '--help'" --name x -- --help y
  fails 1 "stream-layered-image: --from-image: 'base.tar' does not exist: expected the file of an image" stream --from-image base.tar
  fails 1 "stream-layered-image: --contents: 'root/nix/store/x' does not exist" stream --contents /nix/store/x
  fails 1 'stream-layered-image: --contents: '"'a\\x0ab'"' does not exist' stream --contents $'a\nb'
  run -0 stream-layered-image --version
  [[ $output =~ ^'stream-layered-image (layerpipe) '[0-9.]+$ ]]
  run -1 bash -c 'stream-layered-image --name x >&-'
  [ "$output" = "stream-layered-image: cannot write '<stdout>': Bad file descriptor" ]
  run -1 bash -c 'stream-layered-image --help >/dev/full'
  [ "$output" = "stream-layered-image: cannot write '<stdout>': No space left on device" ]
}

bad_config() {
  printf '%s\n' "$1" >c.json
  fails 1 "stream-layered-image: --config: $2" stream --config c.json --extra-commands 'echo ran'
}

@test "config is checked before anything is built: the key and what it should be" {
  bad_config '{"Cmd": "sh"}' 'Cmd: expected a list of strings, found a string'
  bad_config '{"cmd": ["sh"]}' 'unknown key "cmd": did you mean Cmd?'
  bad_config '{"Comand": ["sh"]}' 'unknown key "Comand": did you mean Cmd?'
  bad_config '{"Environment": ["A=b"]}' 'unknown key "Environment": did you mean Env?'
  bad_config '{"Entrypiont": ["sh"]}' 'unknown key "Entrypiont": did you mean Entrypoint?'
  bad_config '{"HealthCheck": {}}' 'unknown key "HealthCheck": did you mean Healthcheck?'
  bad_config '{"os": "linux", "config": {}}' 'unknown key "config": expected the map that it stands for'
  bad_config '{"Entrypoint": ["sh", 1]}' 'Entrypoint: expected a list of strings, found a number in it'
  bad_config '{"Env": {"A": "b"}}' 'Env: expected a list of strings, found an object'
  bad_config '{"Env": ["A"]}' "Env: expected NAME=VALUE in UTF-8, with a name before the =, found 'A'"
  bad_config '{"ExposedPorts": {"http": {}}}' "ExposedPorts: expected N, N/tcp, N/udp or N/sctp, with N from 1 to 65535, found 'http'"
  bad_config '{"ExposedPorts": "80"}' 'ExposedPorts: expected an object of ports, or a list of ports, found a string'
  bad_config '{"Volumes": ["/data"]}' 'Volumes: expected an object whose values are {}, found a list'
  bad_config '{"Volumes": {"/data": 1}}' 'Volumes: expected {} as the value of "/data", found 1'
  bad_config '{"Labels": {"a": 1}}' 'Labels: expected a string as the value of "a", found a number'
  bad_config '{"User": 1000}' 'User: expected a string, found a number'
  bad_config '{"Tty": "yes"}' 'Tty: expected true or false, found a string'
  bad_config '{"User": "a\u0000"}' 'User: a NUL byte cannot be in a string'
  bad_config '[]' 'expected one object, found a list'
  bad_config '{} {}' 'expected one object, found 2 values'
  bad_config '{"Cmd" []}' 'not JSON: Expected separator between values at line 1, column 8'
  printf 'Cmd\tsh\nCmdd\tsh\n' >conf
  run -1 stream --config conf
  [[ $output == "stream-layered-image: conf:2: unknown key 'Cmdd'"* ]]
}

@test "config: every key, awkward strings, Env once, keys without lines" {
  cat >c.json <<'END'
{"Env": ["A=1", "B=x=\ty", "A=2"], "Cmd": ["a b", "-", "", "t\tn\nr\rb\\e\u001b\u007fé😀"], "Entrypoint": [], "User": "1000:100",
 "ExposedPorts": {"80/tcp": {}, "53": {}}, "Volumes": {"/data": {}}, "Labels": {"a.b": "", "-": "-"}, "WorkingDir": "/w",
 "StopSignal": "SIGINT", "StopTimeout": 5, "Tty": true, "Hostname": null, "Healthcheck": {"Test": ["CMD", "x\\\ty"], "Interval": 3}}
END
  stream --config c.json >image
  look image config | jq -Sc .config >out
  jq -Sc '.Env = ["A=2", "B=x=\ty"] | del(.Entrypoint, .Hostname)' c.json >want
  same out want
  stream --config - <c.json >again
  same again image
  stream --config <(echo '{"ExposedPorts": ["80/tcp"]}') >image
  [ "$(look image config | jq -c .config)" = '{"ExposedPorts":{"80/tcp":{}}}' ]
}

# --- what never happens ---

# broken_tools TOOL TEXT: a copy of the build with one filter replaced by a script
broken_tools() {
  rm -rf broken
  cp -a "$BUILD" broken 2>/dev/null || :
  rm -f "broken/bin/$1"
  printf '#!/usr/bin/env bash\n%s\n' "$2" >"broken/bin/$1"
  chmod +x "broken/bin/$1"
}

@test "a stage that dies at its start, in the middle or at its end fails the image" {
  mkdir -p src && head -c 300000 /dev/urandom >src/data
  args=(--name x --tag t --closure graph --root-dir root --contents "$hello" --contents src
    --extra-commands 'echo hi >hi' --quiet)
  stream-layered-image "${args[@]}" --config <(printf 'Cmd\tx\n') >whole
  look whole manifest
  tools=0
  mkdir -p broken
  cp -a "$BUILD/bin" "$BUILD/share" "$BUILD/libexec" broken/
  for tool in closure-graph reference-scan layer-plan tree-list layer-tar image-assemble; do
    tools=$((tools + 1))
    for how in 'kill -KILL $$' "$BUILD/bin/$tool \"\$@\" | head -c 700; kill -KILL \$\$" \
      "$BUILD/bin/$tool \"\$@\" | head -c 20000; kill -KILL \$\$"; do
      rm -f "broken/bin/$tool"
      # the check of name and configuration is to go well
      [ "$tool" != image-assemble ] || how="[[ \$* != *--allow-empty* ]] || exec $BUILD/bin/$tool \"\$@\"; $how"
      printf '#!/usr/bin/env bash\n%s\n' "$how" >"broken/bin/$tool"
      chmod +x "broken/bin/$tool"
      status=0
      broken/bin/stream-layered-image "${args[@]}" --config <(printf 'Cmd\tx\n') >out 2>err || status=$?
      [ "$status" != 0 ] || { echo "$tool: $how" && false; }
      [[ $(tar -tf out 2>/dev/null) != *manifest.json* ]]
    done
    cp "$BUILD/bin/$tool" "broken/bin/$tool"
  done
  [ "$tools" = 6 ]
}

@test "a stage that fails after its last byte: no manifest" {
  cp -a "$BUILD/bin" "$BUILD/share" "$BUILD/libexec" .
  rm bin/layer-tar
  printf '#!/usr/bin/env bash\n%q "$@"\nexit 9\n' "$BUILD/bin/layer-tar" >bin/layer-tar
  chmod +x bin/layer-tar
  run -1 --separate-stderr bin/stream-layered-image --name x --closure graph --root-dir root --contents "$hello" --quiet
  [[ $output != *manifest.json* ]]
  [ -n "$stderr" ]
}

@test "a terminal gets no image" {
  needs script
  run -2 script -qec "stream-layered-image --name x --contents $hello --closure graph --root-dir root" /dev/null
  [[ $output == 'stream-layered-image: refusing to write binary data to a terminal: redirect the output'* ]]
}

@test "no room for temporary files: the reason, and no image" {
  [ "$(id -u)" = 0 ] || skip 'mounting needs root'
  mkdir small src
  head -c 3000000 /dev/zero >src/data
  # shellcheck disable=SC2016 # expanded there
  run -1 --separate-stderr unshare -m bash -c 'mount -t tmpfs -o size=512k none small && TMPDIR=$PWD/small stream-layered-image \
    --name x --contents src --extra-commands true --quiet; status=$?; ls -A small; exit $status'
  [ -z "$output" ]
  [[ $stderr == *'stream-layered-image: cannot copy the contents to '* ]]
  [[ $stderr == *$'\n'"stream-layered-image: there is no room left in '$PWD/small': TMPDIR can name another directory" ]]
}

@test "a reader that goes away: a failure without noise, nothing left behind" {
  mkdir tmp
  mkdir -p src && head -c 3000000 /dev/urandom >src/data
  status=0
  { TMPDIR=$PWD/tmp stream --contents src 2>err || echo $? >status; } | head -c 5000 >/dev/null
  [ "$(cat status)" != 0 ]
  [ ! -s err ] || { cat err && false; }
  [ -z "$(ls -A tmp)" ]
}

@test "temporary files go to TMPDIR and away, read-only directories too" {
  mkdir 'tmp dir'
  export TMPDIR="$PWD/tmp dir"
  stream --contents "$hello" --extra-commands 'mkdir -p a/b; touch a/b/c; chmod -R a-w a' >image
  look image files | grep -qF 'd 0555 0:0 root:root 1 /a/b'
  [ -z "$(ls -A "$TMPDIR")" ]
  run -1 stream --contents "$hello" --extra-commands 'mkdir -p a/b; touch a/b/c; chmod -R a-w a; false'
  [ -z "$(ls -A "$TMPDIR")" ]
  stream --fake-root-commands true --enable-fakechroot >image
  run -1 stream --fake-root-commands true --enable-fakechroot --unconfined-commands
  [[ $output == 'stream-layered-image: --enable-fakechroot needs a temporary directory whose name has only letters, digits and _./+-: set TMPDIR'* ]]
  [ -z "$(ls -A "$TMPDIR")" ]
}

@test "the same bytes from another directory, user, umask, time zone, locale, order" {
  local place
  place=$(mktemp -d)
  chmod 755 "$place"
  made example "$place"
  mkdir "$place/src" && echo hi >"$place/src/file"
  mkdir -m 1777 "$place/other"
  args=(--name x --contents "$hello" --contents "$place/src" --root-dir "$place/root" --max-layers 3
    --extra-commands 'mkdir -p var/empty; echo hi >var/file; ln var/file var/same' --fake-root-commands 'chown 5:6 var/file')
  stream-layered-image "${args[@]}" --closure graph --config <(printf 'Cmd\tx\n') >one
  jq reverse closure.json >"$place/other/closure"
  (
    cd "$place/other" && umask 077
    export TZ=Asia/Tokyo LC_ALL=C.UTF-8 LANG=C.UTF-8 HOME=/nowhere TMPDIR=$PWD
    run_as=()
    [ "$(id -u)" != 0 ] || run_as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    printf 'Cmd\tx\n' | "${run_as[@]}" "$BUILD/bin/stream-layered-image" "${args[@]}" --closure closure --config -
  ) >two
  chmod -R u+w "$place" && rm -r "$place"
  same one two
}

@test "hostile names in contents" {
  mkdir -p 'src/-n' $'src/new\nline' && touch src/'a b' src/$'tab\t' src/'back\slash' src/$'\xff\xfe' src/'%s$(x)`y`*' src/"'q'" \
    src/'#c' src/'é' $'src/new\nline/-' src/"$(printf 'l%.0s' {1..200})"
  (cd src && find . -mindepth 1 | sed 's,^\./,,' | LC_ALL=C sort) >want
  stream --contents src >image
  look image names >out
  LC_ALL=C sort out | cmp - want
  mv -- src $'-hostile\n dir'
  stream --contents $'-hostile\n dir' --extra-commands 'touch x && rm x' --fake-root-commands 'chown 1 ./-n' >image
  look image names >out
  LC_ALL=C sort out | cmp - want
}
