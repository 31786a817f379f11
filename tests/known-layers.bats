#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Known layers: what was compressed once is sent by reference, and a damaged file changes nothing.
# shellcheck disable=SC2154 # run sets stderr
load helper

# a closure with a plan of three layers, known, and the layout that the image of it is in
setup() {
  setup_path
  stream=$TOP/tests/fixtures/make-stream
  cp -a "$BATS_FILE_TMPDIR"/example/. .
  mkdir -p empty/nix/store out
}

setup_file() {
  setup_path
  mkdir example
  cd example || return
  made example .
  layer-plan --max-layers 3 graph >plan
  layer-tar --root-dir root plan >s
  image-assemble --name a --tag 1 --format oci --known known --output layout s
}

# check LINE: the line of known-layers(5) with that text in front of its check
check() {
  local sum
  sum=$(printf '%s\t' "$1" | sha256sum)
  printf '%s\t%s\n' "$1" "${sum:0:16}"
}

# read_anew STREAM: of the three layers, 1 where there are bytes, 0 where it comes by reference
read_anew() { tar -tvf "$1" | awk '{ printf "%d ", ($3 > 0) }'; }

@test "a line a layer, with the right check" {
  image-layers --list layout | cut -f 1,3,4,2 >want
  cut -f 3,4,5,6 known | awk -F '\t' -v OFS='\t' '{ print $1, $4, $2, $3 }' | same want /dev/stdin
  while IFS= read -r line; do check "${line%$'\t'*}"; done <known | same known /dev/stdin
  grep -ao 'LAYERPIPE.key=.*' s | cut -d = -f 2 | same <(cut -f 1 known) /dev/stdin
  # what is known is not written again
  cp known before
  image-assemble --name a --tag 1 --format oci --known known --output layout s
  image-assemble --format hybrid --known known s >image
  same before known
}

@test "a known layer comes by reference, and nothing of it is read from the store" {
  layer-tar --root-dir empty --known known plan >ref
  tar -tvf ref | awk '{ n += $3 } END { print NR, n }' | same <(echo '3 0') /dev/stdin
  for jobs in 1 4; do layer-tar --root-dir empty --known known --jobs $jobs plan | same ref /dev/stdin; done
  # the image is the same one, and the blobs that are there stay
  image-assemble --name a --tag 2 --format oci --layers-out list --output layout ref
  [ "$(jq '[.manifests[].digest] | unique | length' layout/index.json)" = 1 ]
  image-layers --list layout | same list /dev/stdin
  # where they are not there they are left out
  image-assemble --name a --tag 1 --format oci --output out/thin ref
  diff -r layout out/thin | grep -c '^Only in layout/blobs/sha256: ' | same <(echo 3) /dev/stdin
  cmp out/thin/index.json <(jq -cj '.manifests |= .[:1]' layout/index.json)
  # one of the layers changes
  sed 's/sha256-[^ ]*$/sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=/;1q' plan >changed
  sed 1d plan >>changed
  run -1 --separate-stderr layer-tar --root-dir empty --known known changed
  layer-tar --root-dir root --known known changed >got
  [ "$(read_anew got)" = '1 0 0 ' ]
}

@test "bytes and references mix, in any order, and a layer that comes twice is one" {
  layer-tar --root-dir empty --known known plan >ref
  for order in 's ref' 'ref s' 'ref ref'; do
    # shellcheck disable=SC2086
    image-assemble --format oci --output out/l $order
    jq -r '.manifests[0].digest[7:]' out/l/index.json >digest
    jq -c '[.layers[].digest] | .[:3] == .[3:]' "out/l/blobs/sha256/$(<digest)" | same <(echo true) /dev/stdin
    rm -r out/l
  done
}

@test "only what was compressed in the same way counts" {
  layer-tar --root-dir root --known known --layer-compressor zstd plan | same s /dev/stdin
  layer-tar --root-dir root --known known --layer-compressor none plan | same s /dev/stdin
  layer-tar --root-dir root --known absent plan | same s /dev/stdin
  # another version of the library
  sed 's/libdeflate [0-9.]*/libdeflate 0.1/;s/\t[^\t]*$//' known | while IFS= read -r line; do check "$line"; done >other
  layer-tar --root-dir root --known other plan 2>err | same s /dev/stdin
  [ ! -s err ]
  for kind in none zstd; do
    image-assemble --name a --tag 1 --format oci --layer-compressor $kind --known known --output out/$kind s
    layer-tar --root-dir empty --known known --layer-compressor $kind plan |
      image-assemble --name a --tag 1 --format oci --output out/again
    cmp out/$kind/index.json out/again/index.json
    rm -r out/again
  done
  [ "$(wc -l <known)" = 9 ]
}

@test "paths without a NAR hash are known by their diff ID, when they have been read" {
  cut -f 1-3 plan | sed 's/$/\t-/' >bare
  layer-tar --root-dir root bare >t
  image-assemble --format oci --known mine --output out/l t
  cut -f 1 mine | sort -u | same <(echo -) /dev/stdin
  layer-tar --root-dir root --known mine bare | tar -tv | awk '{ n += $3 } END { print n }' | same <(echo 0) /dev/stdin
  run -1 --separate-stderr layer-tar --root-dir empty --known mine bare
  [[ $stderr == "layer-tar: "*"No such file or directory" ]]
}

@test "the layers of an image by reference" {
  image-assemble --name a --tag 1 s >image
  image-layers --known known image | image-assemble --name a --tag 1 --format oci --output out/l
  cmp out/l/index.json layout/index.json
  [ "$(find out/l/blobs -type f | wc -l)" = 2 ]
  image-layers --known known --layer-compressor zstd image >got
  image-layers image | same got /dev/stdin
  local hint="(see 'image-layers --help')"
  fails 2 "image-layers: --known goes with a layer stream only $hint" image-layers --list --known known image
  fails 2 "image-layers: --layer-compressor goes with --known only $hint" image-layers --layer-compressor gz image
}

@test "who needs the bytes refuses, and says what to do" {
  layer-tar --root-dir empty --known known plan >ref
  local it="it is sent by reference, without its bytes: only 'image-assemble --format oci --output DIR' takes that (leave out --known where the stream is made)"
  fails 1 "image-assemble: ref: layer 1 ('layer-0001.tar'): $it" image-assemble ref
  fails 1 "image-assemble: ref: layer 1 ('layer-0001.tar'): $it" image-assemble --format oci ref
  fails 1 "image-assemble: ref: layer 1 ('layer-0001.tar'): $it" image-assemble --format oci --output out/l.tar ref
  fails 1 "image-assemble: ref: layer 1 ('layer-0001.tar'): $it" image-assemble --format hybrid ref
  fails 1 "layer-flatten: <stdin>: layer 1 ('layer-0001.tar'): $it" layer-flatten <ref
  [ -z "$(ls -A out)" ]
}

@test "a line that is not whole is ignored, with a warning" {
  local offset known
  mapfile -t known <known
  # any byte of the second line
  for ((offset = 0; offset < ${#known[1]}; offset += 7)); do
    printf '%s\n' "${known[0]}" "${known[1]:0:offset}#${known[1]:offset+1}" "${known[2]}" >bad
    layer-tar --root-dir root --known bad plan >"got.$offset" 2>"err.$offset"
  done
  all_same got.*
  [ "$(read_anew got.0)" = '0 1 0 ' ]
  echo "layer-tar: warning: bad:2: not a whole line of known-layers(5): ignored" >err
  all_same err err.*
  # a torn end, NULs, a line without end
  head -c -1 known >bad
  layer-tar --root-dir root --known bad plan >got 2>err
  [ "$(read_anew got)" = '0 0 1 ' ]
  { head -c 100000 /dev/zero; echo; cat known; } >bad
  layer-tar --root-dir empty --known bad plan >got 2>err
  echo "layer-tar: warning: bad:1: not a whole line of known-layers(5): ignored" | same err /dev/stdin
  { cat known; echo; echo x; } >bad
  layer-tar --root-dir empty --known bad plan >got 2>err
  echo "layer-tar: warning: bad:4: not a whole line of known-layers(5), and not the only one: ignored" | same err /dev/stdin
  # fields that are none, with a right check
  while IFS=$'\t' read -r key how diffid type digest size _; do
    for line in "x$key	$how	$diffid	$type	$digest	$size" "$key		$diffid	$type	$digest	$size" \
      "$key	$how	$diffid	a b	$digest	$size" "$key	$how	$diffid	$type	$digest	9007199254740993" \
      "$key	$how	${diffid#sha256:}	$type	$digest	$size" "$key	$how	$diffid	$type	$digest	-1" \
      "$key	$how	$diffid	$type	$digest" "$key	$how	$diffid	$type	$digest	$size	$size"; do
      check "$line"
    done
  done < <(head -n 1 known) >bad
  layer-tar --root-dir root --known bad plan 2>err | same s /dev/stdin
  [ -s err ]
}

@test "a torn end is ended before something is appended" {
  head -c -30 known >bad
  image-assemble --format oci --known bad --output out/l s 2>err
  echo "image-assemble: warning: bad:3: not a whole line of known-layers(5): ignored" | same err /dev/stdin
  [ "$(wc -l <bad)" = 4 ]
  tail -n 1 bad | same <(tail -n 1 known) /dev/stdin
}

@test "several write at the same time" {
  local n pids=()
  for n in {1..10}; do
    image-assemble --name a --tag "$n" --format oci --known mine --output out/l s &
    pids+=($!)
  done
  for n in "${pids[@]}"; do wait "$n"; done
  sort -u mine | same <(sort known) /dev/stdin
}

@test "a line that is wrong makes no wrong image of bytes that come" {
  # the first layer's key, with the second layer's digests, which are in the layout
  { head -n 1 known | cut -f 1; sed -n 2p known | cut -f 2-6; } | paste -sd '\t' >line
  check "$(<line)" >wrong
  diffid=$(cut -f 3 line)
  cp wrong before
  run -1 --separate-stderr image-assemble --name a --tag 7 --format oci --known wrong --output layout s
  [[ $stderr == "image-assemble: s: layer 1 ('layer-0001.tar'): it is known as $diffid, but its bytes are sha256:"*" (delete its line in the file of known layers)" ]]
  [ "$(jq -c '[.manifests[].annotations["org.opencontainers.image.ref.name"]]' layout/index.json)" = '["1"]' ]
  same wrong before
  # where nothing has the wrong blob, the layer is made, and the line after it counts
  image-assemble --name a --tag 1 --format oci --known wrong --output out/l s
  diff -r out/l layout
  layer-tar --root-dir empty --known wrong plan | image-assemble --name a --tag 1 --format oci --output out/thin
  cmp out/thin/index.json layout/index.json
}

@test "two keys never stand for the same layer: neither is believed" {
  local fields
  { head -n 1 known | cut -f 1; sed -n 2p known | cut -f 2-6; } | paste -sd '\t' >line
  { cat known; check "$(<line)"; } >wrong
  layer-tar --root-dir root --known wrong plan >got
  [ "$(read_anew got)" = '1 1 0 ' ]
  # the digest of its blob alone
  fields=$(head -n 1 known | cut -f 1-4)
  { cat known; check "$fields	$(sed -n 3p known | cut -f 5,6)"; } >wrong
  layer-tar --root-dir root --known wrong plan >got
  [ "$(read_anew got)" = '1 0 1 ' ]
  # made anew, they are known again
  layer-tar --root-dir root --known wrong plan |
    image-assemble --name a --tag 1 --format oci --known wrong --output out/l
  cmp out/l/index.json layout/index.json
  layer-tar --root-dir empty --known wrong plan | image-assemble --name a --tag 1 --format oci --output out/thin
  cmp out/thin/index.json layout/index.json
}

@test "a file that cannot be read or written is an error, and no image" {
  # before anything is read
  fails 1 "image-assemble: cannot open 'no/known': No such file or directory" \
    image-assemble --format oci --known no/known --output out/l s
  fails 1 "layer-tar: cannot open 'no/known': No such file or directory" layer-tar --root-dir root --known no/known plan
  mkfifo pipe
  fails 1 "layer-tar: cannot read 'pipe': it is a pipe: expected a file" layer-tar --root-dir root --known pipe plan
  fails 1 "layer-tar: cannot read 'empty': Is a directory" layer-tar --root-dir root --known empty plan
  [ -z "$(ls -A out)" ]
  [ "$(id -u)" = 0 ] || {
    chmod a-r known
    fails 1 "layer-tar: cannot open 'known': Permission denied" layer-tar --root-dir root --known known plan
  }
}

@test "a full disk leaves the file as it was" {
  unshare -rm true 2>/dev/null || { [ "${MUST_RUN:-0}" != 1 ] && skip 'no namespaces here'; }
  mkdir small
  # shellcheck disable=SC2016
  run -0 unshare -rm bash -c '
    mount -t tmpfs -o size=12k none small
    head -n 1 known >small/known
    head -c 8000 /dev/zero >small/zero
    head -c 3700 /dev/zero | tr "\0" "\n" >>small/known
    cp small/known before
    image-assemble --format oci --known small/known --output out/l s 2>&1 | grep -v warning
    cmp before small/known'
  [ "$output" = "image-assemble: cannot write 'small/known': No space left on device" ]
  [ -z "$(ls -A out)" ]
}

@test "records of a reference that are not right" {
  local id digest
  id=sha256:$(printf x | sha256sum | cut -d ' ' -f 1)
  digest=sha256:$(printf y | sha256sum | cut -d ' ' -f 1)
  : >none
  tar -cf one.tar plan
  refuses() {
    "$stream" "$1" >t
    run -1 --separate-stderr image-assemble --format oci --output out/l t
    [[ $stderr == "image-assemble: t: header at byte "*": LAYERPIPE.blob: $2" ]] || { echo "$stderr"; false; }
  }
  for value in '' x "$digest" "$digest 1" "$digest 1 a/b" "$digest x a/b c" "$digest 1  c" "$digest 9007199254740993 a/b c" "$digest 1 a/b " "x$digest 1 a/b c"; do
    refuses "none,diffid=$id,blob=$value" "expected 'sha256:HEX SIZE MEDIA-TYPE COMPRESSOR'"
  done
  refuses "none,blob=$digest 1 a/b c" 'expected no bytes, and LAYERPIPE.diffid'
  refuses "one.tar,diffid=$id,blob=$digest 1 a/b c" 'expected no bytes, and LAYERPIPE.diffid'
  "$stream" "none,diffid=$id,blob=$digest 1 a/b c d" >t
  image-assemble --format oci --output out/l t
  [ "$(find out/l/blobs -type f | wc -l)" = 2 ]
}

@test "usage errors" {
  local hint="(see 'layer-tar --help')"
  fails 2 "layer-tar: --known goes with a plan, and without --bare $hint" layer-tar --known known --bare plan
  fails 2 "layer-tar: --known goes with a plan, and without --bare $hint" layer-tar --known known --mtree plan
  fails 2 "layer-tar: --layer-compressor goes with --known only $hint" layer-tar --layer-compressor gz plan
  fails 2 "layer-tar: --layer-compressor: expected none, gz, zstd or zstd:chunked, found 'x' $hint" layer-tar --layer-compressor x plan
  fails 2 "image-assemble: --known goes with --format oci or hybrid (see 'image-assemble --help')" image-assemble --known known
}

@test "skopeo copies a layout without its blobs to where they are" {
  needs skopeo
  layer-tar --root-dir empty --known known plan | image-assemble --name a --tag 1 --format oci --output out/thin
  skopeo copy -q --preserve-digests oci:out/thin:1 oci:layout:2
  [ "$(jq '[.manifests[].digest] | unique | length' layout/index.json)" = 1 ]
  run -1 skopeo copy -q --preserve-digests oci:out/thin:1 oci:out/other:2
}

@test "an image without the blobs of its layers: list, configuration, and layers by reference" {
  layer-tar --root-dir empty --known known plan >ref
  image-assemble --name a --tag 1 --format oci --output out/thin ref
  image-layers --list layout >list
  image-layers --list out/thin | same list /dev/stdin
  image-layers --config layout >want
  image-layers --config out/thin | same want /dev/stdin
  image-layers --known known layout >want
  image-layers --known known out/thin | same want /dev/stdin
  local digest diffid
  IFS=$'\t' read -r diffid _ _ digest _ <list
  fails 1 "image-layers: out/thin: no member 'blobs/sha256/${digest#sha256:}'" image-layers out/thin
  fails 1 "image-layers: out/thin: layer 1 ($diffid): its blob $digest is not there" image-layers --known absent out/thin
}

@test "a blob that goes away before the image is complete is not taken for there" {
  local blob status=0
  blob=layout/blobs/sha256/$(head -n 1 known | cut -f 5 | cut -c 8-)
  cp layout/index.json before
  mkfifo in
  image-assemble --name a --tag 2 --format oci --known known --output layout <in 2>err &
  exec 7>in
  head -c -1 s >&7
  sleep 0.5
  rm "$blob"
  tail -c 1 s >&7
  exec 7>&-
  wait $! || status=$?
  [ "$status" = 1 ]
  [ "$(<err)" = "image-assemble: '$blob' is gone, which was there before: make the image again" ]
  same before layout/index.json
}
