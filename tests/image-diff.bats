#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helper

setup() {
  setup_path
  made example .
  layer-plan --strategy popularity --max-layers 4 graph >plan
}

other() { python3 "$TOP/tests/image-diff.py" "$@"; }

# make_image NAME:TAG [OPTION…]: of the plan
make_image() {
  local name=$1
  shift
  layer-tar --root-dir root <plan | image-assemble --name "${name%:*}" --tag "${name#*:}" "$@"
}

# change_conf TEXT: what the second layer holds
change_conf() {
  local conf
  conf=root$(grep hello.conf paths)
  chmod u+w "$conf"
  echo "$1" >"$conf"
  sed -i '/hello.conf/s/sha256-..../sha256-AAAA/' plan
}

# layer NAME…: a layer tar with these files
layer() {
  mkdir -p tree
  (cd tree && touch -- "$@" && tar --sort=name --mtime=@1 --owner=0 --group=0 -cf - -- "$@")
}

# image LAYER…: of these layer tars
image() { tar -cf - -- "$@" | image-assemble --name test --tag 1; }

# figures A B: a line a layer, all but digests, history and contents
figures() { image-diff "$@" | cut -f 1,4-9; }

@test "an image and itself: all is shared, nothing to pull" {
  make_image hello:1 >1.tar
  image-diff 1.tar 1.tar >found
  [ "$(cut -f 1,4,5,8,9 found | tr '\t' ,)" = "$(printf 'shared,%d,%d,0,0\n' 1 1 2 2 3 3 4 4)" ]
  other chains 1.tar >want
  cut -f 3 found | same want /dev/stdin
  image-layers --list 1.tar | cut -f 1 >want
  cut -f 2 found | same want /dev/stdin
}

@test "a layer below changed" {
  make_image hello:1 >1.tar
  change_conf greeting=ahoy
  make_image hello:2 >2.tar
  figures 1.tar 2.tar >found
  lines 'shared\t1\t1\t10240\t10240\t0\t0' 'removed\t2\t-\t10240\t10240\t0\t0' \
    'added\t-\t2\t10240\t10240\t10240\t10240' 'shared\t3\t3\t10240\t10240\t0\t10240' \
    'shared\t4\t4\t10240\t10240\t0\t10240' | same found /dev/stdin
  image-diff 1.tar 2.tar >found
  other chains 2.tar >want
  grep -v ^removed found | cut -f 3 | same want /dev/stdin
  other chains 1.tar | sed -n 2p >want
  grep ^removed found | cut -f 3 | same want /dev/stdin
}

@test "what layers hold" {
  layer a 'b c' >layer1
  layer ./- $'tab\there' "$(printf 'high\377')" >layer2
  mkdir -p tree/empty/dir tree/full
  (cd tree && touch full/file && tar --sort=name --mtime=@1 -cf - empty full) >layer3
  tar -cf layer4 -T /dev/null
  image layer1 layer2 layer3 layer4 >image.tar
  image-diff image.tar image.tar | cut -f 10-12 >found
  lines '-\t2\ta b\\x20c' '-\t3\t\\x2d tab\\there high\\xff' '-\t4\tempty/dir full/file' \
    '-\t0\t\\e' | same found /dev/stdin
}

@test "store paths are named once, and comments are the history" {
  make_image hello:1 >1.tar
  image-diff 1.tar 1.tar | cut -f 10-12 >found
  hello=$(grep hello-1.0 paths) link=$(grep hello-link paths)
  sed -n 4p found >last
  lines "store paths: ['$hello', '$link']\t11\t$hello $link" | same last /dev/stdin
}

@test "the command that made a layer goes before a comment" {
  layer a >layer
  image layer >image.tar
  mkdir unpacked
  tar -C unpacked -xf image.tar
  config=$(jq -r '.[0].Config' unpacked/manifest.json)
  jq -c '.history = [{created_by: "RUN make\ta", comment: "tool"}, {comment: "none", empty_layer: true}]' \
    unpacked/"$config" >unpacked/config.json
  jq -c '.[0].Config = "config.json"' unpacked/manifest.json >manifest
  mv manifest unpacked/manifest.json
  tar -C unpacked -cf made.tar .
  image-diff made.tar made.tar | cut -f 10 >found
  lines 'RUN make\\ta' | same found /dev/stdin
}

@test "many names: the first hundred" {
  mapfile -t many < <(seq -w 150)
  layer "${many[@]}" >layer
  image layer >image.tar
  image-diff image.tar image.tar | cut -f 11,12 >found
  lines "150\t$(seq -w 150 | head -n 100 | tr '\n' ' ')..." | same found /dev/stdin
}

@test "layers in another order are shared, and pulled by chain ID" {
  layer a >layer1
  layer b >layer2
  image layer1 layer2 >a.tar
  image layer2 layer1 >b.tar
  figures a.tar b.tar >found
  lines 'shared\t2\t1\t10240\t10240\t0\t10240' 'shared\t1\t2\t10240\t10240\t0\t10240' |
    same found /dev/stdin
}

@test "one more layer on top" {
  layer a >layer1
  layer b >layer2
  image layer1 >a.tar
  image layer1 layer2 >b.tar
  figures a.tar b.tar >found
  lines 'shared\t1\t1\t10240\t10240\t0\t0' 'added\t-\t2\t10240\t10240\t10240\t10240' |
    same found /dev/stdin
  figures b.tar a.tar >found
  lines 'shared\t1\t1\t10240\t10240\t0\t0' 'removed\t2\t-\t10240\t10240\t0\t0' |
    same found /dev/stdin
}

@test "a layer that is there twice is pulled once, by chain ID twice" {
  layer a >layer1
  layer b >layer2
  image layer1 >a.tar
  cp layer2 layer3
  image layer1 layer2 layer3 >b.tar
  figures a.tar b.tar >found
  lines 'shared\t1\t1\t10240\t10240\t0\t0' 'added\t-\t2\t10240\t10240\t10240\t10240' \
    'added\t-\t3\t10240\t10240\t0\t10240' | same found /dev/stdin
}

@test "random lists: what another program reckons" {
  other check 150
}

@test "lists in place of images" {
  make_image hello:1 --layers-out list1 >1.tar
  change_conf greeting=ahoy
  make_image hello:2 --layers-out list2 >2.tar
  image-diff 1.tar 2.tar >both
  image-diff list1 list2 >found
  sed 's/[^\t]*\t[^\t]*\t\([^\t]*\)$/-\t-\t\1/' both | same found /dev/stdin
  # what B does not tell of a layer that both have, A does
  image-diff 1.tar list2 >found
  sed '/^added/s/[^\t]*\t[^\t]*\t\([^\t]*\)$/-\t-\t\1/' both | same found /dev/stdin
  image-diff <(cat list1) - <list2 >found
  image-diff list1 list2 | same found /dev/stdin
  # what a compressed layer is as a tar, a list does not say
  lines "sha256:$(printf a%.0s {1..64})\t5\tapplication/x+gzip\tsha256:$(printf b%.0s {1..64})\t-" >list
  [ "$(figures list list | cut -f 4,5)" = $'-\t5' ]
}

@test "an image from a pipe, and one that is compressed" {
  make_image hello:1 >1.tar
  change_conf greeting=ahoy
  make_image hello:2 --compressor gz >2.tar.gz
  gunzip <2.tar.gz >2.tar
  image-diff 1.tar 2.tar >want
  image-diff 1.tar 2.tar.gz | same want /dev/stdin
  image-diff - 2.tar.gz <1.tar | same want /dev/stdin
  image-diff <(cat 1.tar) <(cat 2.tar.gz) | same want /dev/stdin
}

@test "an image as crane and kaniko write it, which begins like a list" {
  made images images
  [ "$(head -c 7 images/crane.tar)" = sha256: ]
  image-diff images/plain.tar images/crane.tar | cut -f 1-3 >found
  image-diff images/plain.tar images/plain.tar | cut -f 1-3 >want
  same found want
}

@test "an OCI layout with compressed layers: bytes as stored, and as tars" {
  needs skopeo
  make_image hello:1 >1.tar
  skopeo copy --quiet --insecure-policy --dest-compress docker-archive:1.tar oci:layout:hello
  image-diff 1.tar layout >found
  cut -f 1,4-6,8,9 found >figures
  lines 'shared\t'{1,2,3,4}'\t10240\t0\t0' | sed 's/shared\t\([0-9]\)/&\t\1/' | same figures /dev/stdin
  cut -f 7 found >stored
  jq -r '.layers[].size' layout/blobs/sha256/"$(jq -r '.manifests[0].digest' layout/index.json | cut -d: -f2)" |
    same stored /dev/stdin
  image-diff 1.tar 1.tar | cut -f 10-12 >want
  cut -f 10-12 found | same want /dev/stdin
}

@test "a compressed layer that is not what the image says" {
  needs skopeo
  layer a >layer1
  layer b >layer2
  image layer1 layer2 >image.tar
  skopeo copy --quiet --insecure-policy --dest-compress docker-archive:image.tar oci:layout:x
  manifest=layout/blobs/sha256/$(jq -r '.manifests[0].digest' layout/index.json | cut -d: -f2)
  mapfile -t blobs < <(jq -r '.layers[].digest' "$manifest" | cut -d: -f2)
  diffid=$(image-layers --list image.tar | sed -n 1p | cut -f 1)
  gzip -n <layer2 >layout/blobs/sha256/"${blobs[0]}"
  status=0
  image-diff image.tar layout >found 2>err || status=$?
  [ $status = 1 ] && [ ! -s found ]
  grep -q "^image-diff: layout: layer 1 ($diffid): " err
}

@test "one of several images" {
  make_image hello:1 >1.tar
  change_conf greeting=ahoy
  make_image hello:2 >2.tar
  mkdir both
  tar -C both -xf 1.tar
  mv both/manifest.json first
  tar -C both -xf 2.tar
  jq -cs add first both/manifest.json >manifest
  mv manifest both/manifest.json
  tar -C both -cf both.tar .
  figures 1.tar 2.tar >want
  figures --image-a hello:1 --image-b hello:2 both.tar both.tar | same want /dev/stdin
  figures --image-b hello:2 both.tar both.tar | same want /dev/stdin
  figures --image-a hello:2 --image-b hello:2 both.tar both.tar | cut -f 1 | uniq >found
  [ "$(cat found)" = shared ]
  fails 1 "image-diff: both.tar: no image 'hello:3' in it, but hello:1, hello:2" \
    image-diff --image-a hello:3 both.tar both.tar
}

@test "the table" {
  make_image hello:1 >1.tar
  change_conf greeting=ahoy
  make_image hello:2 --layers-out list >2.tar
  layer $'odd\e[31mname' >layer
  { image-layers 2.tar; tar -cf - layer; } | image-assemble --name hello --tag 3 >3.tar
  image-diff --format text 1.tar 3.tar >found
  same found - <<'EOF2'
A  1.tar (hello:1)
B  3.tar (hello:3)

           A    B      size    stored  entries  what it holds
shared     1    1   10.2 kB   10.2 kB        6  libc-2.36
removed    2    -   10.2 kB   10.2 kB        3  hello.conf
added      -    2   10.2 kB   10.2 kB        3  hello.conf
shared *   3    3   10.2 kB   10.2 kB        5  shell-5.2
shared *   4    4   10.2 kB   10.2 kB       11  hello-1.0, hello-link
added      -    5   10.2 kB   10.2 kB        1  odd\x1b[31mname

               layers        size    stored
A                   4     41.0 kB   41.0 kB
B                   5     51.2 kB   51.2 kB
shared              3     30.7 kB   30.7 kB
added               2     20.5 kB   20.5 kB
removed             1     10.2 kB   10.2 kB
pull by layer       2     20.5 kB   20.5 kB
pull by chain ID    4     41.0 kB   41.0 kB

* is pulled by chain ID only: something below it is not equal
EOF2
  # what is not known, and what is too long
  lines "sha256:$(printf a%.0s {1..64})\t5\tapplication/x+gzip\tsha256:$(printf b%.0s {1..64})\t$(printf é%.0s {1..70})" >a
  image-diff --format text a list | sed -n '4,6p;11p' >found
  same found - <<EOF2
           A    B      size    stored  entries  what it holds
removed    1    -         -       5 B        -  $(printf é%.0s {1..31})…
added      -    1   10.2 kB   10.2 kB        -  store paths: ['libc-2.36']
               layers        size    stored
EOF2
}

@test "--paths: what changed in the layers that are not shared" {
  local libc conf
  libc=$(grep libc paths) conf=$(grep hello.conf paths)
  make_image hello:1 >base.tar
  mkdir -p old/etc/gone/deep old/home new/etc new/made/here new/home
  echo same | tee old/same >new/same
  echo one >old/etc/text
  echo two >new/etc/text
  touch old/etc/mode new/etc/mode
  chmod 600 new/etc/mode
  ln -s a old/etc/link
  ln -s b new/etc/link
  echo gone >old/etc/gone/deep/file
  echo made >$'new/made/here/odd\tname'
  mkdir new/empty
  chmod 700 new/home
  tree-list --owner 0:0 --mtime 1 old >old.mtree
  tree-list --owner 0:0 --mtime 2 new | sed '/type=file/s/time=2/time=1/; /type=link/s/time=2/time=1/' >new.mtree
  image-assemble --name hello --tag 1 <(image-layers base.tar) <(layer-tar --mtree old.mtree) >1.tar
  change_conf greeting=ahoy
  layer-tar --root-dir root plan >store.layers
  image-assemble --name hello --tag 2 store.layers <(layer-tar --mtree new.mtree) >2.tar
  image-diff --paths 1.tar 2.tar >found
  # the time of files is not that of the directories
  lines "changed\t$conf\t15\t14" "added\tempty\t-\t0" "removed\tetc/gone/deep/file\t5\t-" \
    "changed\tetc/link\t0\t0" "changed\tetc/mode\t0\t0" "changed\tetc/text\t4\t4" "changed\thome\t0\t0" \
    "added\tmade/here/odd\\\\tname\t-\t5" | sort >want
  sort found | same want /dev/stdin
  [ "$(grep -c "$libc" found)" = 0 ]
  image-diff --paths --format text 1.tar 2.tar >found
  same found - <<'EOF2'
A  1.tar (hello:1)
B  2.tar (hello:2)

                 A         B  path
changed       15 B      14 B  hello.conf
added            -       0 B  empty
removed        5 B         -  etc/gone/deep/file
changed        0 B       0 B  etc/link
changed        0 B       0 B  etc/mode
changed        4 B       4 B  etc/text
changed        0 B       0 B  home
added            -       5 B  made/here/odd\x09name
EOF2
  image-diff --paths 1.tar 1.tar >found
  same found /dev/null
  image-layers --list 1.tar >list
  fails 1 'image-diff: list: found a layer list, which does not tell what layers hold: expected an image' \
    image-diff --paths list 2.tar
}

@test "--paths: a path that moves to another layer is not changed, the upper one of two counts" {
  layer a b >ab
  layer a >a
  layer b >b
  echo more >tree/b
  layer b >b2
  image ab >1.tar
  image a b >2.tar
  image-diff --paths 1.tar 2.tar >found
  same found /dev/null
  image a b b2 >3.tar
  image-diff --paths 1.tar 3.tar >found
  lines 'changed\tb\t0\t5' | same found /dev/stdin
  image a b2 b >4.tar
  image-diff --paths 1.tar 4.tar >found
  same found /dev/null
}

@test "the table has 80 columns at most" {
  layer "$(printf 'a%.0s' {1..100})" "$(printf 'é%.0s' {1..100})" >long
  image long >1.tar
  layer "$(printf 'b%.0s' {1..100})" >other
  image other >2.tar
  image-diff --format text 1.tar 2.tar >found
  [ "$(wc -L <found)" = 80 ]
}

@test "a table on a terminal, lines elsewhere" {
  make_image hello:1 >1.tar
  python3 -c 'import pty, sys; pty.spawn(["image-diff", "1.tar", "1.tar"])' </dev/null |
    tr -d '\r' >found
  image-diff --format text 1.tar 1.tar | same found /dev/stdin
  image-diff --format tsv 1.tar 1.tar >want
  image-diff 1.tar 1.tar | same want /dev/stdin
}

@test "what is neither image nor list" {
  make_image hello:1 --layers-out list >1.tar
  : >empty
  echo text >text
  head -c 100 list >short
  fails 1 "image-diff: cannot open 'nowhere': No such file or directory" image-diff 1.tar nowhere
  fails 1 'image-diff: empty: empty: expected an image archive' image-diff 1.tar empty
  fails 1 'image-diff: short:1: last line is cut short: expected a newline at its end' \
    image-diff short 1.tar
  fails 1 "image-diff: list: expected an image with the name 'x', found a layer list" \
    image-diff --image-b x 1.tar list
  run -1 image-diff 1.tar text
  [[ $output == 'image-diff: text: '* ]]
}

@test "wrong command lines" {
  local hint="(see 'image-diff --help')"
  fails 2 "image-diff: an operand is missing $hint" image-diff
  fails 2 "image-diff: an operand is missing $hint" image-diff a
  fails 2 "image-diff: --format: expected text or tsv, found 'table' $hint" image-diff --format table a b
  fails 2 "image-diff: standard input can be one of the images only, not both $hint" image-diff - -
}

@test "by blob: what a registry gets, of images whose blobs are not there" {
  local kind
  for kind in gz zstd; do
    make_image "hello:1" --format oci --layer-compressor $kind --known known --output full-$kind
    layer-tar --root-dir root --known known --layer-compressor $kind plan | image-assemble --format oci --output $kind
    image-layers --list $kind >$kind.list
  done
  # the same layers in another compression: all are sent again
  image-diff gz zstd | cut -f 1,8,13 >found
  awk '{ print "shared\t0\t" $2 }' zstd.list | same found /dev/stdin
  image-diff gz gz | cut -f 13 | sort -u | same <(echo 0) /dev/stdin
  image-diff --format text gz zstd >found
  grep -q '^push by blob  *4 ' found
  tail -n 1 found | same <(echo 'Some shared layers are compressed otherwise in B: a registry gets them again') /dev/stdin
  image-diff --format text gz gz >found
  run ! grep 'push by blob' found
  # a list tells the same, and a layout with blobs tells what they hold
  image-diff gz zstd | cut -f 1-5,7-9,13 >want
  image-diff gz.list zstd.list | cut -f 1-5,7-9,13 | same want /dev/stdin
  image-diff gz full-zstd | cut -f 1-5,7-9,13 | same want /dev/stdin
  change_conf 'another one'
  make_image hello:2 --output 2.tar
  run -1 image-diff --paths gz 2.tar
  [[ $output == "image-diff: gz: layer "*": its blob sha256:"*" is not there" ]]
}
