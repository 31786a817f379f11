#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Images on top of images: what fromImage means to each pipeline that takes one. T19 and so on are
# the cases of nixpkgs' own tests; tests/e2e/from-image.bats has those that need a client.
# shellcheck disable=SC2030,SC2031,SC2154 # a test is a subshell; run sets stderr
load helper

libc=/nix/store/1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-libc-2.36
shell=/nix/store/2bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-shell-5.2
conf=/nix/store/3cccccccccccccccccccccccccccccc3-hello.conf
hello=/nix/store/4ddddddddddddddddddddddddddddddd-hello-1.0

setup() {
  setup_path
  made example .
  closure-graph --scan --root-dir root paths >sizes # the true ones
  options=(--tag t --closure sizes --root-dir root --quiet)
}

teardown() { chmod -R u+w "$BATS_TEST_TMPDIR" || :; }

# stream NAME OPTION…: the layered image NAME in the file NAME
stream() { stream-layered-image --name "$1" "${options[@]}" "${@:2}" >"$1"; }

# build NAME OPTION…: the same by build-image
build() { build-image --name "$1" "${options[@]}" --compressor none --output "$1" "${@:2}" >/dev/null; }

# config IMAGE FILTER: what jq finds in the configuration
config() { look "$1" config | jq -c "$2"; }
diffids() { look "$1" diffids; }
content() { look "$1" read "$2"; }

# the store paths in layer N and above
stored_from() { look "$1" files | awk -v n="$2" '$1 >= n && $7 ~ "^/nix/store/" { print $7 }' | cut -d / -f 4 | sort -u | xargs; }

names() { printf '%s\n' "${@##*/}" | sort | xargs; }

# on_top BASE CHILD: the base's layers are the child's first
on_top() {
  diffids "$1" >below
  diffids "$2" | head -n "$(wc -l <below)" | cmp - below
}

# image NAME CONFIG LAYER…: an image of directories, and of image-config(5) lines
image() {
  local layer
  for layer in "${@:3}"; do
    tree-list --owner 0:0 "$layer" | layer-tar --mtree -
  done | image-assemble --name "$1" --tag t --config "$2" >"$1"
}

# --- layers ---

@test "T19: base layers pass through and count: a base of two, four in all" {
  stream base --contents "$shell" --max-layers 2
  [ "$(diffids base | wc -l)" = 2 ]
  stream child --contents "$hello" --from-image base --max-layers 4
  [ "$(diffids child | wc -l)" = 4 ]
  on_top base child
  [ "$(content child bin/hello 2>/dev/null || echo link)" = link ]
  [ "$(stored_from child 1)" = "$(names "$libc" "$shell" "$conf" "$hello")" ]
  build-layered-image --name child "${options[@]}" --contents "$hello" --from-image base --max-layers 4 \
    --compressor none --output built >/dev/null
  same child built
  # as many as there is room for
  stream child --contents "$hello" --from-image base --max-layers 5
  [ "$(diffids child | wc -l)" = 5 ]
}

@test "T20: no layer left for the contents: the numbers, before anything is built" {
  stream base --contents "$shell" --max-layers 3
  text='--max-layers: expected more than 4, as the base image has 3 and the customisation layer is one. At least 1 layer is required to store contents'
  fails 1 "stream-layered-image: $text" stream-layered-image --name x "${options[@]}" --contents "$hello" --from-image base \
    --max-layers 4 --extra-commands 'echo ran'
  fails 1 "build-layered-image: $text" build-layered-image --name x "${options[@]}" --contents "$hello" --from-image base \
    --max-layers 4 --extra-commands 'echo ran'
  fails 1 "stream-layered-image: ${text/than 4/than 3}" stream-layered-image --name x "${options[@]}" --from-image base --max-layers 3
  [ ! -e x-t.tar.gz ]
  stream child --contents "$hello" --from-image base --max-layers 5
  [ "$(diffids child | wc -l)" = 5 ]
}

@test "a base without a history, or with one that does not fit its layers: they count all the same" {
  local edit
  stream base --contents "$shell" --max-layers 2
  mkdir parts
  tar -xf base -C parts
  cp "parts/$(jq -r '.[0].Config' parts/manifest.json)" whole
  jq -c '.[0].Config = "edited.json"' parts/manifest.json >manifest
  mv manifest parts/manifest.json
  for edit in 'del(.history)' '.history += .history' '.history[0].empty_layer = true'; do
    jq -c "$edit" whole >parts/edited.json
    tar -cf edited -C parts .
    stream child --contents "$hello" --from-image edited --max-layers 4
    [ "$(diffids child | wc -l)" = 4 ]
    on_top base child
  done
}

@test "build-image: more layers than docker takes are a warning" {
  mkdir dir
  tree-list --owner 0:0 dir | layer-tar --mtree - >layer
  printf 'layer %.0s' {1..125} | xargs cat | image-assemble --name base --tag t >base
  run -0 build full --from-image base
  [ "$output" = 'build-image: warning: the image has 126 layers: docker and others refuse more than 125' ]
  printf 'layer %.0s' {1..124} | xargs cat | image-assemble --name base --tag t >base
  run -0 build full --from-image base
  [ -z "$output" ] && [ "$(diffids full | wc -l)" = 125 ]
}

@test "T22, T24: three images stacked: each above its base, each base layer once, nothing unpacked" {
  needs_root
  mkdir small data
  head -c 2000000 /dev/urandom >data/data
  build one --copy-to-root data --extra-commands 'mkdir -p tmp && echo layer1 >tmp/layer1 && echo layer1 >tmp/layer2 && echo layer1 >tmp/layer3
    mkdir -m 777 example-output'
  for pipeline in build stream; do
    # shellcheck disable=SC2016 # expanded there
    unshare -m bash -c 'mount -t tmpfs -o size=300k none small
      export TMPDIR=$PWD/small
      . "$TOP/tests/helper.bash"; '"$(declare -f stream build); $(declare -p options)"'
      "$1" two --from-image one --extra-commands "mkdir -p tmp && echo layer2 >tmp/layer2 && echo layer2 >tmp/layer3"
      "$1" three --from-image two --extra-commands "mkdir -p tmp && echo layer3 >tmp/layer3"
      ls -A small >left' _ $pipeline 2>&1 | { grep -v bats_require || :; }
    on_top one two
    on_top two three
    [ "$(content three tmp/layer1) $(content three tmp/layer2) $(content three tmp/layer3)" = 'layer1 layer2 layer3' ]
    [ "$(diffids three | wc -l)" = 3 ]
    [ "$(look three manifest | jq '.Layers | unique | length')" = 3 ]
    look three files | grep -qF 'd 0777 0:0 root:root 1 /example-output'
    [ "$(stat -c %s three)" -lt 2100000 ]
    [ ! -s left ]
  done
}

@test "T26: a base in which two layers are one file" {
  made images images
  build child --from-image images/legacy.tar --extra-commands 'echo own >own'
  cat images/diffids >want
  diffids child | head -n 3 | cmp - want
  [ "$(look child manifest | jq -c '.Layers | [length, (unique | length)]')" = '[4,3]' ]
  [ "$(content child own)" = own ]
  stream child --from-image images/legacy.tar --extra-commands 'echo own >own'
  diffids child | head -n 3 | cmp - want
}

@test "with nothing of its own: a layered image has the base's layers alone, build-image adds one" {
  stream base --contents "$hello"
  stream child --from-image base
  diffids base >want
  diffids child | cmp - want
  build child --from-image base
  [ "$(diffids child | wc -l)" = $(($(wc -l <want) + 1)) ]
}

# --- what a base is ---

@test "every layout, compressed or not, in a file, a directory or a pipe: the same image" {
  needs zstd xz
  made images images
  printf 'Cmd\tx\n' >conf
  extra=(--extra-commands 'echo own >own' --config conf)
  build want --from-image images/plain.tar "${extra[@]}"
  diffids want | head -n 3 | cmp - images/diffids
  xz -k images/plain.tar
  n=0
  # image-layers(1) has its own test of them all
  for base in hybrid.tar mixed.tar plain.tar.zst plain.tar.xz oci; do
    [ -e "images/$base" ]
    build out --name want --from-image "images/$base" "${extra[@]}"
    same want out
    n=$((n + 1))
  done
  [ $n = 5 ]
  build out --name want --from-image - "${extra[@]}" <images/gz.tar
  same want out
  build out --name want --from-image <(cat images/plain.tar.gz) "${extra[@]}"
  same want out
  stream want --contents "$hello" --from-image images/hybrid.tar --name x
  stream out --contents "$hello" --from-image images/plain.tar.zst --name x
  same want out
}

@test "fromImageName and fromImageTag choose among several; one alone is a warning, and the first is taken" {
  made images images
  build first --from-image images/two.tar
  build want --from-image images/plain.tar --name x
  build out --from-image images/two.tar --from-image-name app --from-image-tag 1.0 --name x
  same want out
  build out --from-image images/two.tar --from-image-name other --from-image-tag 2.0 --name first
  same first out
  echo 'build-image: warning: --from-image-name and --from-image-tag go together: the first image is the base' >said
  build out --from-image images/two.tar --from-image-name app --name first 2>err
  same said err
  same first out
  build out --from-image images/two.tar --from-image-tag 1.0 --name first 2>err
  same said err
  same first out
  jq -n '{name: "x", fromImage: "images/two.tar", fromImageName: "app", fromImageTag: "1.0", tag: "t", quiet: true,
    compressor: "none", output: "out", inheritConfig: false}' >attrs.json
  build-image --attrs attrs.json >/dev/null
  same want out
  fails 1 "image-layers: images/two.tar: no image 'app:7' in it, but other:2.0, app:1.0, docker.io/library/app:latest" \
    build out --from-image images/two.tar --from-image-name app --from-image-tag 7
}

@test "what is no base: one message, and no image" {
  needs zstd
  stream base --contents "$hello"
  echo text >text
  gzip -kc base | head -c 500 >cut.gz
  zstd -qc base | head -c 500 >cut.zst
  head -c 20000 base >cut.tar
  mkdir empty
  : >nothing
  fails 1 "build-image: --from-image: 'none' does not exist: expected the file of an image" build x --from-image none
  fails 1 "build-image: --from-image: cannot decompress 'cut.gz': unexpected end of file" build x --from-image cut.gz
  run -1 --separate-stderr build x --from-image cut.zst
  [[ ${#stderr_lines[@]} = 1 && $stderr == "build-image: --from-image: cannot decompress 'cut.zst': "* ]]
  fails 1 "image-layers: text: not a tar archive: it has only 5 bytes" build x --from-image text
  for base in cut.tar empty nothing; do
    run -1 --separate-stderr build x --from-image "$base"
    # shellcheck disable=SC2154
    [[ ${#stderr_lines[@]} = 1 && $stderr == "image-layers: $base: "* ]]
  done
  run -1 --separate-stderr stream x --from-image - <cut.tar
  [[ ${#stderr_lines[@]} = 1 && $stderr == "image-layers: <stdin>: "* ]]
  [ ! -e x ] || [ ! -s x ]
}

@test "a damaged base layer: one message that names it, and no image" {
  stream base --contents "$hello"
  sed 's/the C library/the B library/' base >bad
  layer=$(diffids base | head -n 1)
  mkdir out
  for how in 'build-image --copy-to-root' 'build-layered-image --contents'; do
    # shellcheck disable=SC2086 # words
    run -1 --separate-stderr $how "$hello" --name x "${options[@]}" --from-image bad --output out/image
    [ "${#stderr_lines[@]}" = 1 ]
    [[ $stderr == "image-layers: bad: layer 1 ($layer): damaged: its bytes are sha256:"* ]]
    [ -z "$(ls -A out)" ]
  done
  run -1 --separate-stderr stream x --from-image bad
  [ "${#stderr_lines[@]}" = 1 ]
  run ! grep -a manifest.json x
}

@test "a base that is written to, or replaced, between the stages that read it" {
  local change tool
  stream other --contents "$shell"
  for change in 'touch base' 'cp -p other base.new; mv base.new base'; do
    for tool in build-image build-layered-image; do
      stream base --contents "$shell"
      fails 1 "$tool: --from-image: 'base' changed while it was read" \
        "$tool" --name child "${options[@]}" --from-image base --output child --unconfined-commands --extra-commands "cd '$PWD'; $change"
      [ ! -e child ]
    done
  done
}

@test "a bomb is not unpacked" {
  head -c 3000000 /dev/zero | gzip >bomb.gz
  cp -a "$BUILD/bin" "$BUILD/share" "$BUILD/libexec" .
  grep -q '1 << 30' share/layerpipe/base.sh
  sed -i 's/1 << 30/1 << 20/g' share/layerpipe/base.sh
  fails 1 "build-image: --from-image: 'bomb.gz' grows to more than 1048576 bytes: this looks like a bomb" \
    bin/build-image --name x --from-image bomb.gz
}

# --- what the base holds ---

@test "store paths that the base holds whole are not stored again" {
  stream base --contents "$shell"
  stream child --contents "$hello" --from-image base
  n=$(diffids base | wc -l)
  [ "$(stored_from child $((n + 1)))" = "$(names "$conf" "$hello")" ]
  # all of them: nothing but the customisation
  stream child --contents "$shell" --from-image base --extra-commands 'echo hi >hi'
  [ "$(stored_from child $((n + 1)))" = '' ]
  [ "$(diffids child | wc -l)" = $((n + 1)) ]
  # without the store the base's stays as it is
  stream child --contents "$hello" --from-image base --include-store-paths=false
  [ "$(stored_from child 1)" = "$(names "$libc" "$shell")" ]
}

@test "a path that the base has in part, or of another size, is stored again, and so is what only it needs" {
  stream base --contents "$hello"
  build cut --from-image base --allow-whiteouts --extra-commands "mkdir -p .$shell && touch .$shell/.wh.bin"
  stream child --contents "$hello" --from-image cut
  n=$(diffids cut | wc -l)
  [ "$(stored_from child $((n + 1)))" = "$(names "$shell")" ]
  sed "s,^\($shell\t\)[0-9]*,\1999," sizes >other
  stream child --contents "$hello" --from-image base --closure other
  [ "$(stored_from child "$n")" = "$(names "$shell")" ]
  # conf is not in the base, though hello is, which needs it
  layer-plan sizes --max-layers 2 | grep -v -e hello.conf -e hello-link | layer-tar --root-dir root |
    image-assemble --name part --tag t >part
  stream child --contents "$hello" --from-image part
  [ "$(stored_from child $(($(diffids part | wc -l) + 1)))" = "$(names "$conf")" ]
}

@test "build-image: files of the closure that are in the base stay out, directories come with what is new below them" {
  build base --config <(printf 'Cmd\t%s\n' "$libc")
  build child --from-image base --copy-to-root "$hello"
  look child files | awk '$1 == 2 { print $2, $3, $7 }' | grep nix >out
  lines 'd 0755 /nix' 'd 0755 /nix/store' "d 0555 $shell" "d 0555 $shell/bin" "f 0555 $shell/bin/sh" "f 0444 $conf" >want
  same out want
  # a file of the closure that only the base lacks
  build less --from-image base --allow-whiteouts --extra-commands "mkdir -p .$libc/lib; touch .$libc/lib/.wh.libc.so"
  build child --from-image less --copy-to-root "$hello"
  look child files | awk '$1 == 3 { print $2, $3, $7 }' | grep nix >out
  lines 'd 0755 /nix' 'd 0755 /nix/store' "d 0555 $libc" "d 0555 $libc/lib" "l 0777 $libc/lib/libc.so" "d 0555 $shell" \
    "d 0555 $shell/bin" "f 0555 $shell/bin/sh" "f 0444 $conf" >want
  same out want
  # everything is there already
  build more --from-image child --copy-to-root "$hello"
  look more files | awk '$1 == 4 { print $7 }' >out
  run ! grep nix out
  grep -qx /bin/hello out
  cmp <(content more "${shell#/}/bin/sh") "root$shell/bin/sh"
}

@test "three images stacked cost one copy of the store" {
  build one --copy-to-root "$hello"
  build two --from-image one --copy-to-root "$hello"
  build three --from-image two --copy-to-root "$hello"
  [ "$(look three files | grep -c " $shell/bin/sh$")" = 1 ]
}

@test "usr-merge: what is put into a link to a directory of the base goes where it leads" {
  mkdir -p usr/usr/{bin,lib} && echo ls >usr/usr/bin/ls && echo so >usr/usr/lib/so && ln -s usr/bin usr/bin && ln -s usr/lib usr/lib
  echo '{}' >none
  image base none usr
  build child --from-image base --copy-to-root "$hello"
  look child files | awk '$1 == 2 && $7 ~ "bin" { print $2, $7 }' | grep -v nix >out
  lines 'd /usr/bin' 'f /usr/bin/hello' 'l /usr/bin/hi' >want
  same out want
  stream child --from-image base --contents "$hello" --extra-commands 'mkdir lib; echo more >lib/more'
  look child files | awk '$2 == "l" && $7 ~ "bin" { print $7, $9 }' | grep -v ^/nix >out
  lines '/bin usr/bin' "/usr/bin/hello $hello/bin/hello" "/usr/bin/hi $hello/bin/hi" >want
  same out want
  [ "$(content child usr/lib/more)" = more ]
  [ "$(look child names | grep -cx -e bin -e lib -e usr/bin/ls)" = 3 ]
}

# --- configuration ---

@test "file capabilities of the base stay, whatever is made of it" {
  local few=AQAAAgAgAAAAAAAAAAAAAAAAAAA= root=AQAAAwAgAAAAAAAAAAAAAAAAAADoAwAA many=AAAAAsIAAAABAAAAAAAAAAAAAAA= name
  lines '. type=dir mode=0755' "./few type=file mode=0755 contents=graph xattr.security.capability=$few" \
    "./many type=file mode=0755 contents=graph xattr.security.capability=$many" \
    "./of-root type=file mode=0755 contents=graph xattr.security.capability=$root xattr.user.note=aGk=" >capable
  layer-tar --mtree capable | image-assemble --name capable --tag t >capable.tar
  build built --from-image capable.tar --extra-commands 'echo >more'
  stream streamed --from-image built --extra-commands 'mkdir d; echo >d/x'
  merge-images built streamed >merged
  for name in built streamed merged; do
    image-layers --files "$name" | sed -n 's/^\.\/\(few\|many\|of-root\) .* \(xattr.security.capability=[^ ]*\).*/\1 \2/p' >found
    lines "few xattr.security.capability=$few" "many xattr.security.capability=$many" "of-root xattr.security.capability=$root" >want
    same found want
  done
  export-image --from-image streamed --output flat.tar >/dev/null
  python3 -c '
import base64, tarfile
for t in tarfile.open("flat.tar"):
    c = t.pax_headers.get("SCHILY.xattr.security.capability")
    if c:
        print(t.name[2:], "xattr.security.capability=" + base64.b64encode(c.encode("utf-8", "surrogateescape")).decode())' >found
  same found want
}

@test "T27: Env of the base is kept, own values win in its place, each name once" {
  stream parent --config <(printf 'Env\tFROM_PARENT=true\nEnv\tLAST_LAYER=parent\nEnv\tPATH=/bin\nCmd\tsh\nUser\tme\n')
  echo '{"Env": ["FROM_CHILD=true", "LAST_LAYER=child"]}' >child.json
  for pipeline in stream build; do
    $pipeline child --from-image parent --config child.json
    [ "$(config child .config)" = '{"Env":["FROM_PARENT=true","LAST_LAYER=child","PATH=/bin","FROM_CHILD=true"]}' ]
  done
}

@test "the history of the base is kept as it stands, own layers follow" {
  mkdir a b
  lines 'history\t2024-02-29T12:30:00.5Z\tme\tADD a\t-\t-' 'history\t2024-02-29T12:30:01Z\t-\tCMD x\tno files\ttrue' \
    'history\t2024-02-29T12:30:02Z\t-\tADD b\t-\t-' 'created\t2024-02-29T12:31:00Z' >conf
  image base conf a b
  build child --from-image base --created 2025-01-01
  look base config | jq .history >want
  look child config | jq '.history[:3]' | cmp - want
  [ "$(config child '.history[3:]')" = '[{"created":"2025-01-01T00:00:00Z","comment":"contents and their closure"}]' ]
  [ "$(config child .created)" = '"2025-01-01T00:00:00Z"' ]
  stream child --from-image base --inherit-config --extra-commands 'echo hi >hi'
  [ "$(config child .created)" = '"1970-01-01T00:00:01Z"' ]
  [ "$(config child '.history | length')" = 4 ]
}

# parent LINE…: an image of these image-config(5) lines
parent() {
  mkdir -p rootfs
  lines "$@" >parent.conf
  image parent parent.conf rootfs
}

@test "--inherit-config takes the base's configuration over" {
  parent 'Cmd\tc1\nEntrypoint\te\nUser\tme\nEnv\tA=1\nExposedPorts\t80/tcp\nauthor\tme\ncreated\t2024-02-29'
  for pipeline in stream build; do
    $pipeline child --from-image parent --inherit-config --config <(echo '{"Cmd": ["own"], "Env": ["A=2", "B=1"]}')
    [ "$(config child .config)" = '{"User":"me","ExposedPorts":{"80/tcp":{}},"Env":["A=2","B=1"],"Entrypoint":["e"],"Cmd":["own"]}' ]
    [ "$(config child '[.created, .author]')" = '["1970-01-01T00:00:01Z",null]' ]
  done
}

# inherits WANT CHILD: what comes of that JSON configuration on top of the lines in ./parent
inherits() {
  printf '%s' "$2" | jq -rs --arg where config -f "$TOP/lib/jq/config.jq" >marked
  sed '$d' marked >own # without the end mark
  awk -v all=1 -f "$TOP/lib/shell/inherit.awk" pass=1 own pass=2 parent >inherited
  cat inherited own | config-json | jq -c .config >found
  [ "$(cat found)" = "$1" ] || { echo "$2: expected $1, found $(cat found)" && false; }
}

@test "--inherit-config: each rule" {
  lines 'Cmd\tc1\nCmd\tc2' >parent
  inherits '{"Cmd":["c1","c2"]}' '{}'
  inherits '{"Cmd":["own"]}' '{"Cmd": ["own"]}'
  inherits '{"Entrypoint":["own"]}' '{"Entrypoint": ["own"]}'
  inherits '{"Entrypoint":["e"],"Cmd":["own"]}' '{"Entrypoint": ["e"], "Cmd": ["own"]}'
  inherits '{}' '{"Cmd": []}'
  lines 'Entrypoint\te\nCmd\tc\nShell\tsh\nShell\t-c' >parent
  inherits '{"Entrypoint":["e"],"Cmd":["c"],"Shell":["sh","-c"]}' '{}'
  inherits '{"Entrypoint":["e"],"Cmd":["own"],"Shell":["bash"]}' '{"Cmd": ["own"], "Shell": ["bash"]}'
  inherits '{"Shell":["sh","-c"]}' '{"Entrypoint": []}'
  lines 'User\tme\nWorkingDir\t/w\nStopSignal\tSIGINT\njson\tHealthcheck\t{"Test":["NONE"]}' >parent
  inherits '{"User":"me","WorkingDir":"/w","StopSignal":"SIGINT","Healthcheck":{"Test":["NONE"]}}' '{}'
  inherits '{"User":"you","WorkingDir":"/x","StopSignal":"SIGTERM","Healthcheck":{"Test":["CMD","x"]}}' \
    '{"User": "you", "WorkingDir": "/x", "StopSignal": "SIGTERM", "Healthcheck": {"Test": ["CMD", "x"]}}'
  inherits '{"WorkingDir":"/w","StopSignal":"SIGINT","Healthcheck":{"Test":["NONE"]}}' '{"User": ""}'
  lines 'ExposedPorts\t80/tcp\nVolumes\t/a\nLabels\ta\t1\nLabels\tb\t1\nEnv\tA=1\nEnv\tB=1' >parent
  inherits '{"ExposedPorts":{"443/tcp":{},"80/tcp":{}},"Env":["A=1","B=2","C=3"],"Volumes":{"/a":{},"/b":{}},"Labels":{"a":"1","b":"2","c":"3"}}' \
    '{"ExposedPorts": {"443/tcp": {}}, "Env": ["B=2", "C=3"], "Volumes": {"/b": {}}, "Labels": {"b": "2", "c": "3"}}'
  lines 'OnBuild\tRUN x\nArgsEscaped\ttrue\nHostname\th\nauthor\tme\ncreated\t2024-02-29\nCmd\tc' >parent
  inherits '{"Cmd":["c"]}' '{}'
  run ! grep -e author -e created inherited
  # lines can reset what is inherited
  printf 'reset\tCmd\nEnv\tA=b\n' >own
  awk -v all=1 -f "$TOP/lib/shell/inherit.awk" pass=1 own pass=2 parent | cat - own | config-json | jq -c .config >found
  [ "$(cat found)" = '{"Env":["A=b"]}' ]
  # without all, and of nothing
  lines 'Cmd\tc\nEnv\tA=1\nhistory\t-\t-\t-\t-\t-' >parent
  : >own
  awk -f "$TOP/lib/shell/inherit.awk" pass=1 own pass=2 parent >found
  sed 1d parent | cmp - found
}

@test "--inherit-config: architecture, system and what goes with them" {
  machine=$(config-json </dev/null | jq -r .architecture)
  parent 'architecture\tarm\nvariant\tv7\nos\twindows\nos.version\t10.0.1\nos.features\twin32k'
  about='[.architecture, .variant, .os, ."os.version", ."os.features"]'
  warning() { echo "stream-layered-image: warning: the image is for $1, but the base image for windows/arm"; }
  stream child --from-image parent --inherit-config 2>err
  [ "$(config child "$about")" = '["arm","v7","windows","10.0.1",["win32k"]]' ]
  [ ! -s err ]
  stream child --from-image parent --inherit-config --architecture arm 2>err
  [ "$(config child "$about")" = '["arm","v7","windows","10.0.1",["win32k"]]' ]
  [ ! -s err ]
  stream child --from-image parent --inherit-config --architecture arm64 2>err
  [ "$(config child "$about")" = '["arm64",null,"windows","10.0.1",["win32k"]]' ]
  warning windows/arm64 | cmp - err
  stream child --from-image parent --inherit-config --config <(printf 'os\tlinux\nvariant\tv8\n') 2>err
  [ "$(config child "$about")" = '["arm","v8","linux",null,null]' ]
  warning linux/arm | cmp - err
  # without it: nothing of that, but the same warning
  stream child --from-image parent 2>err
  [ "$(config child "$about")" = "[\"$machine\",null,\"linux\",null,null]" ]
  warning "linux/$machine" | cmp - err
}

@test "a base for several platforms: --architecture chooses, else this machine does" {
  local platform machine platforms there others=() images=()
  mkdir l
  machine=$(config-json </dev/null | jq -r .architecture)
  platforms=(amd64 arm/v7 arm64/v8 "$machine/v2")
  for platform in "${platforms[@]}"; do
    mkdir -p "of/$platform"
    echo "$platform" >"of/$platform/file"
    tree-list --owner 0:0 "of/$platform" | layer-tar --mtree - | image-assemble --name base --tag 1 --architecture "$platform" \
      --config <(lines "Env\tP=$platform") --format oci --output "l/${platform//\//-}"
    images+=("l/${platform//\//-}")
    [[ $platform/ == "$machine"/* ]] || others+=("$platform")
  done
  tree-list --owner 0:0 of/arm64/v8 | layer-tar --mtree - |
    image-assemble --name base --tag 1 --architecture arm64 --format oci --output plain
  there=$(printf ', linux/%s' "${platforms[@]}")
  there=${there#, }
  merge-images --format oci --output all "${images[@]}" 2>said
  tar -cf all.tar -C all .
  stream child --from-image all --inherit-config 2>err
  [ ! -s err ]
  [[ $(content child file)/ == "$machine"/* ]]
  stream child --from-image all.tar --inherit-config --architecture arm 2>err
  [ ! -s err ]
  [ "$(config child '[.architecture, .variant, .config.Env]')" = '["arm","v7",["P=arm/v7"]]' ]
  [ "$(content child file)" = arm/v7 ]
  build child --from-image all --architecture arm64 --variant v8
  [ "$(content child file)" = arm64/v8 ]
  # that of a base without one goes without saying
  merge-images --format oci --output usual l/arm-v7 plain
  build child --from-image usual --architecture arm64 --variant v8
  [ "$(content child file)" = arm64/v8 ]
  # a variant alone is one of this machine
  build child --from-image all --variant v2
  [ "$(content child file)" = "$machine/v2" ]
  # which there are, where none fits
  fails 1 "image-layers: all: no image for linux/s390x, but $there" stream child --from-image all --architecture s390x
  fails 1 "image-layers: all: no image for linux/arm64/v9, but $there" build child --from-image all --architecture arm64/v9 --variant v9
  # and where the image for this machine is not among them
  images=("${others[@]//\//-}")
  merge-images --format oci --output none "${images[@]/#/l/}"
  there=$(printf ', linux/%s' "${others[@]}")
  there="none: no image for linux/$machine, but ${there#, }"
  fails 1 "image-layers: $there" stream child --from-image none
  fails 1 "layer-flatten: $there" export-image --from-image none --output out.tar
  fails 1 "image-diff: $there" image-diff none all
  fails 1 "merge-images: $there" merge-images none all
  # a variant alone
  fails 1 "image-layers: ${there/$machine/$machine/v9}" build child --from-image none --variant v9
}

@test "a base whose configuration cannot be is refused before anything is built" {
  mkdir rootfs
  echo '{}' >none
  image base none rootfs
  id=$(look base manifest | jq -r .Config)
  mkdir new && tar -xf base -C new
  jq -c '.config.Env = ["A"]' "new/$id" >"new/config.json"
  jq -c '.[0].Config = "config.json"' new/manifest.json >new/m && mv new/m new/manifest.json
  tar -C new -cf bad .
  fails 1 "build-image: --from-image: Env: expected NAME=VALUE in UTF-8, with a name before the =, found 'A'" \
    build x --from-image bad --extra-commands 'echo ran'
}
