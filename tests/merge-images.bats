#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# merge-images: several images in one archive that loads as all of them, or nothing.
# shellcheck disable=SC2154 # run sets stderr
load helper

# base, a and b: layers as GNU tar makes them; owned: one with an owner of its own
setup_file() {
  setup_path
  local name owner
  for name in base a b owned; do
    mkdir "$name"
    echo "this is $name" >"$name/$name"
    owner=0
    [ "$name" != owned ] || owner=1000
    tar -C "$name" --format=ustar --owner="$owner" --group="$owner" --mtime=@1 -cf "$name.tar" "$name"
  done
}

setup() {
  setup_path
  cp -a "$BATS_FILE_TMPDIR"/{base,a,b,owned}{,.tar} .
}

# image NAME:TAG LAYER… -- OPTION…: an image of these layers on standard output; $stream is the file with their stream
image() {
  local name=$1 layers=()
  shift
  while [ $# != 0 ] && [ "$1" != -- ]; do layers+=("$1.tar") && shift; done
  lines "Cmd\t/$name" >"$BATS_TEST_TMPDIR/config"
  stream="$BATS_FILE_TMPDIR/of ${layers[*]}"
  [ -e "$stream" ] || "$TOP/tests/fixtures/make-stream" "${layers[@]}" >"$stream"
  image-assemble --architecture amd64 --name "${name%:*}" --tag "${name##*:}" \
    --config "$BATS_TEST_TMPDIR/config" "${@:2}" <"$stream"
}

# look IMAGE: Python checks that the archive is what the specification says; prints a line for each
# image: its ID, names, and the number of its layers
look() {
  python3 - "$1" <<'END'
import hashlib, json, sys, tarfile
data = open(sys.argv[1], "rb").read()
assert len(data) % 10240 == 0 and data[-1024:] == bytes(1024)
tar = tarfile.open(sys.argv[1], "r:")
names = tar.getnames()
assert len(set(names)) == len(names) and names[-1] == "manifest.json", names
for m in tar.getmembers():
    assert (m.mode, m.uid, m.gid, m.uname, m.gname, m.mtime) == (0o644, 0, 0, "", "", 1), m
used = {"manifest.json"}
for image in json.load(tar.extractfile("manifest.json")):
    config = tar.extractfile(image["Config"]).read()
    id = hashlib.sha256(config).hexdigest()
    assert image["Config"] == id + ".json"
    for name, diffid in zip(image["Layers"], json.loads(config)["rootfs"]["diff_ids"], strict=True):
        digest = hashlib.sha256(tar.extractfile(name).read()).hexdigest()
        assert diffid == "sha256:" + digest and name == digest + "/layer.tar", (name, diffid)
    used |= {image["Config"], *image["Layers"]}
    print(id, " ".join(image["RepoTags"] or ["-"]), len(image["Layers"]))
assert used == set(names), used ^ set(names)
END
}

# id IMAGE: the ID of the only image in it
id() { image-layers "$1" >/dev/null && tar -xOf "$1" manifest.json | jq -r '.[0].Config | split(".")[0]'; }

stored() { tar -tf "$1" | grep -c layer.tar; }

@test "two images: names, IDs and configurations stay, equal layers are stored once" {
  image a:1 base a >a.image
  image b:2 base b >b.image
  merge-images a.image b.image >merged
  look merged >found
  lines "$(id a.image) a:1 2" "$(id b.image) b:2 2" | same - found
  [ "$(stored merged)" = 3 ]
  for one in a b; do
    tar -xOf "$one.image" "$(id "$one.image").json" >config.old
    tar -xOf merged "$(id "$one.image").json" | same config.old -
    image-layers "$one.image" --config >lines.old
    image-layers --image "$(image-layers --repo-tags "$one.image")" merged --config >lines.new
    same lines.old lines.new
  done
}

@test "skopeo takes either image out of it" {
  needs skopeo
  image a:1 base a >a.image
  image b:2 base b >b.image
  merge-images --output merged a.image b.image
  for name in a:1 b:2; do
    skopeo copy -q "docker-archive:merged:$name" dir:out
    skopeo copy -q "docker-archive:${name%:*}.image" dir:want
    jq -S . out/manifest.json >out.json
    jq -S . want/manifest.json | same - out.json
    rm -r out want
  done
}

@test "inputs of every compression; the output is compressed as the last one, or as asked" {
  image a:1 base a -- --compressor gz >a.gz
  image b:2 base b >b.none
  image c:3 base owned -- --compressor zstd >c.zst
  merge-images --compressor none a.gz b.none c.zst >merged
  look merged | cut -d ' ' -f 2 | tr '\n' ' ' >found
  [ "$(cat found)" = 'a:1 b:2 c:3 ' ]
  merge-images c.zst b.none a.gz >merged.gz
  merge-images b.none c.zst a.gz --output merged.zst --compressor zstd --jobs 3
  merge-images a.gz c.zst b.none >merged.none
  gzip -t merged.gz
  zstd -q -t merged.zst
  look merged.none >/dev/null
  zstd -q -d -o merged.tar merged.zst
  look merged.tar | cut -d ' ' -f 2 | tr '\n' ' ' >found
  [ "$(cat found)" = 'b:2 c:3 a:1 ' ]
  merge-images a.gz b.none c.zst --compressor zstd --jobs 1 >one
  merge-images a.gz b.none c.zst | same one -
}

@test "the bytes do not depend on how the inputs are kept" {
  image a:1 base a >a.image
  image b:2 base b >b.image
  merge-images a.image b.image >want
  gzip -k a.image b.image
  merge-images --compressor none a.image.gz b.image.gz | same want -
  merge-images a.image - <b.image | same want -
  merge-images - b.image < <(cat a.image) | same want -
  merge-images want | same want -
  merge-images want a.image want | same want -
}

@test "owners in layers stay (a layer is copied byte for byte), and an image has a layer twice" {
  image a:1 base owned base >a.image
  image b:2 base >b.image
  merge-images a.image b.image >merged
  look merged | cut -d ' ' -f 2- >found
  lines 'a:1 3' 'b:2 1' | same - found
  [ "$(stored merged)" = 2 ]
  tar -xOf merged "$(sha256sum owned.tar | cut -d ' ' -f 1)/layer.tar" | same owned.tar -
}

@test "an image that comes twice is there once, with all of its names" {
  image a:1 base a >a.image
  cp config same.config
  image-assemble --architecture amd64 --name r.example/a --tag x --tag y --config same.config <"$stream" >again
  image-assemble --architecture amd64 --config same.config <"$stream" >unnamed
  merge-images a.image a.image again unnamed >merged
  look merged >found
  lines "$(id a.image) a:1 r.example/a:x r.example/a:y 2" | same - found
  merge-images unnamed >merged
  look merged >found
  lines "$(id a.image) - 2" | same - found
}

@test "one name for two images is an error, however it is written" {
  image a:1 base a >a.image
  image docker.io/library/a:1 base b >b.image
  fails 1 "merge-images: b.image: 'docker.io/library/a:1' is another image in a.image: a name can stand for one image only" \
    merge-images a.image b.image
  fails 1 "merge-images: a.image: 'a:1' is another image in b.image: a name can stand for one image only" \
    merge-images b.image a.image
  image localhost/a:1 base b >c.image
  merge-images a.image c.image >merged
  [ "$(image-layers --repo-tags merged | tr '\n' ' ')" = 'a:1 localhost/a:1 ' ]
}

@test "members of one name and other bytes: no layer is lost" {
  # as the archives of nixpkgs: members that are called alike in both
  for one in a b; do
    image "$one:1" base "$one" >"$one.image"
    mkdir "$one.dir"
    tar -C "$one.dir" -xf "$one.image"
    mkdir "$one.new" "$one.new/layer"
    cp "$one.tar" "$one.new/layer/layer.tar"
    cp base.tar "$one.new/base.tar"
    cp "$one.dir/$(id "$one.image").json" "$one.new/config.json"
    printf '[{"Config":"config.json","RepoTags":["%s:1"],"Layers":["base.tar","layer/layer.tar"]}]' "$one" \
      >"$one.new/manifest.json"
    tar -C "$one.new" -cf "$one.clash" .
  done
  merge-images a.image b.image >want
  merge-images a.clash b.clash >merged
  look merged
  same want merged
  [ "$(stored merged)" = 3 ]
}

@test "archives of other programs: layers in links, layouts, compressed layers" {
  needs skopeo umoci
  image a:1 base a >a.image
  image b:2 base b >b.image
  merge-images a.image b.image >want
  skopeo copy -q docker-archive:a.image docker-archive:a.skopeo:a:1
  merge-images a.skopeo b.image >merged
  look merged | cut -d ' ' -f 2- >found
  [ "$(cat found)" = $'docker.io/library/a:1 2\nb:2 2' ]
  skopeo copy -q docker-archive:b.image oci:layout:b:2
  skopeo copy -q docker-archive:b.image oci-archive:b.oci:b:2
  grep -q gzip layout/blobs/sha256/*
  # skopeo writes configurations of its own, so IDs differ, but for no layer
  merge-images layout >merged.layout
  merge-images b.oci | same merged.layout -
  merge-images --compressor none a.image layout >merged
  look merged >/dev/null
  tar -tf merged | grep layer.tar | LC_ALL=C sort >found
  tar -tf want | grep layer.tar | LC_ALL=C sort | same - found
}

@test "a layer that is compressed in one file and not in the other is read where it is not" {
  image a:1 base a >a.image
  mkdir dir
  tar -C dir -xf a.image
  layer=$(sha256sum base.tar | cut -d ' ' -f 1)/layer.tar
  gzip <base.tar >"dir/$layer"
  sed -i s/a:1/c:1/ dir/manifest.json
  tar -C dir -cf c.image .
  merge-images c.image >merged
  look merged >/dev/null
  # a damaged one does not matter where another one is copied
  printf 'xxxx' | dd of="dir/$layer" bs=1 seek=$(($(stat -c %s "dir/$layer") - 8)) conv=notrunc status=none
  tar -C dir -cf damaged .
  run -1 --separate-stderr merge-images damaged
  [[ "$stderr" == "merge-images: damaged: layer 1 (sha256:"*"): "* ]]
  merge-images damaged a.image >merged
  look merged >/dev/null
}

@test "a damaged or cut input: one message, and no output" {
  image a:1 base a >a.image
  image b:2 base b >b.image
  sed 's/this is b$/that is b/' b.image >changed
  echo old >out
  fails 1 "merge-images: changed: layer 2 (sha256:$(sha256sum b.tar | cut -d ' ' -f 1)): damaged: its bytes are sha256:$(sed 's/this is b$/that is b/' b.tar | sha256sum | cut -d ' ' -f 1)" \
    merge-images --output out a.image changed
  [ "$(cat out)" = old ]
  merge-images a.image changed >partial 2>/dev/null || status=$?
  [ "$status" = 1 ]
  tar -tf partial >listed 2>/dev/null || :
  run -1 grep -x manifest.json listed
  head -c 20000 b.image >short
  run -1 --separate-stderr merge-images --output out a.image short
  [[ "$stderr" == "merge-images: short: "* && "$stderr" != *$'\n'* ]]
  fails 1 "merge-images: a.tar: no image: expected a docker-archive, which has a manifest.json, or an OCI image layout, which has an index.json" \
    merge-images a.tar
  : >empty
  run -1 --separate-stderr merge-images --output out a.image empty
  [[ "$stderr" == "merge-images: empty: "* ]]
  fails 1 "merge-images: cannot open 'nowhere': No such file or directory" merge-images a.image nowhere
  printf '[]' >manifest.json
  tar -cf none manifest.json
  fails 1 'merge-images: none: its list of images is empty' merge-images a.image none
  [ "$(cat out)" = old ]
  [ "$(find . -name '.*out*' -o -name 'out.*' | wc -l)" = 0 ]
}

@test "the output may be one of the inputs" {
  image a:1 base a >a.image
  image b:2 base b >b.image
  merge-images a.image b.image >want
  merge-images --output b.image a.image b.image
  same want b.image
}

# named NAME MESSAGE: an image of that name is refused
named() {
  jq -c --arg name "$1" '.[0].RepoTags = [$name]' manifest.json >new && mv new manifest.json
  tar -cf bad manifest.json ./[0-9a-f]*.json ./*/layer.tar
  fails 1 "merge-images: bad: bad $2" merge-images bad
}

@test "names that no archive can hold" {
  image a:1 base a >a.image
  tar -xf a.image
  named a "image name 'a': expected NAME:TAG"
  named r.example:5000/a "image name 'r.example:5000/a': expected NAME:TAG"
  named A:1 "image name 'A': it must be lower case"
  named a:-1 "tag '-1': expected A-Z a-z 0-9 _ and, but not first, '.' and '-', at most 128 bytes"
  jq -c '.[0].RepoTags = ["a@sha256:0"]' manifest.json >new && mv new manifest.json
  tar -cf bad manifest.json ./[0-9a-f]*.json ./*/layer.tar
  fails 1 "merge-images: bad: 'a@sha256:0' has no tag: expected NAME:TAG (--name gives it one)" merge-images bad
}

@test "configurations that together are too many bytes" {
  for i in {1..9}; do
    mkdir "big$i"
    printf '{"architecture":"amd64","os":"linux","author":"%s","rootfs":{"type":"layers","diff_ids":[]}%*s}' \
      "$i" 4000000 '' >"big$i/config.json"
    printf '[{"Config":"config.json","RepoTags":["x:%s"],"Layers":[]}]' "$i" >"big$i/manifest.json"
    tar -C "big$i" -cf "$i.image" manifest.json config.json
  done
  merge-images --output out {1..8}.image
  fails 1 'merge-images: 9.image: the configurations of all images are more than 33554432 bytes' \
    merge-images {1..9}.image
}

@test "progress: a line a layer, then the images" {
  image a:1 base a >a.image
  image b:2 base b >b.image
  merge-images --progress lines --output out a.image b.image 2>said
  [ "$(grep -c '^layer [123]/3: ' said)" = 3 ]
  tail -n 2 said >found
  lines "image a:1 sha256:$(id a.image)" "image b:2 sha256:$(id b.image)" | same - found
}

@test "usage errors" {
  hint="(see 'merge-images --help')"
  fails 2 "merge-images: an operand is missing $hint" merge-images
  fails 2 "merge-images: '-' is given twice: standard input can be read only once $hint" merge-images - a -
  fails 2 "merge-images: --compressor: expected none, gz or zstd, found 'xz' $hint" \
    merge-images --compressor xz a
}

@test "--name: images with a tag alone, a digest, or no name" {
  made images images
  fails 1 "merge-images: images/oci: bad image name '1.0': expected NAME:TAG (--name gives it one)" \
    merge-images images/oci
  merge-images --name r.example:5000/app images/oci >named
  [ "$(image-layers --repo-tags named)" = r.example:5000/app:1.0 ]
  merge-images --name x:7 images/plain.tar images/null.tar >named
  [ "$(image-layers --repo-tags named | paste -sd ' ')" = "$(image-layers --repo-tags images/plain.tar | paste -sd ' ') x:7" ]
  digest=sha256:$(printf 'a%.0s' {1..64})
  cp -r images/oci d
  jq -c --arg n "docker.io/library/app@$digest" '.manifests[0].annotations = {"org.opencontainers.image.ref.name": $n}' \
    images/oci/index.json >d/index.json
  run -1 merge-images d
  [ "$output" = "merge-images: d: 'docker.io/library/app@$digest' has no tag: expected NAME:TAG (--name gives it one)" ]
  merge-images --name app d >named
  [ "$(image-layers --repo-tags named)" = app:latest ]
  jq -c --arg n "app:2@$digest" '.manifests[0].annotations = {"org.opencontainers.image.ref.name": $n}' \
    images/oci/index.json >d/index.json
  merge-images d >named
  [ "$(image-layers --repo-tags named)" = app:2 ]
  jq -c --arg n "docker.io/library/app@$digest" '.manifests[0].annotations += {"io.containerd.image.name": $n}' \
    images/oci/index.json >d/index.json
  merge-images d >named
  [ "$(image-layers --repo-tags named)" = docker.io/library/app:1.0 ]
  fails 1 "merge-images: bad image name 'A': it must be lower case" merge-images --name A images/oci
}

@test "signatures beside an image are left out" {
  made images images
  cp -r images/oci d
  jq -c '.manifests += [.manifests[0] | .artifactType = "application/x"]' images/oci/index.json >d/index.json
  merge-images --name app d >merged
  [ "$(image-layers --repo-tags merged)" = app:1.0 ]
  jq -c '.manifests[0].artifactType = "application/x"' images/oci/index.json >d/index.json
  run -1 merge-images --name app d
  [[ $output == "merge-images: d: its list of images is empty; left out: sha256:"*" (artifact of type \"application/x\")" ]]
}

# entries LAYOUT: what its index names, one a line
entries() {
  jq -r '.manifests[] | [.annotations["io.containerd.image.name"] // "-", (.mediaType | split(".")[3]),
    (.platform | if . then [.os, .architecture, .variant // empty] | join("/") else "-" end)] | join(" ")' "$1"
}

# whole LAYOUT: each blob is what its name says
whole() { (cd "$1/blobs/sha256" && sha256sum -- *) | awk '$1 != $2 { bad = 1 } END { exit bad }'; }

@test "oci: images of one name for several platforms become an index, an OCI image keeps its bytes" {
  local index blob
  image app:1 base a >amd64.tar
  image app:1 base b -- --architecture arm64/v8 --format oci --layer-compressor zstd --output arm64
  image other:2 base >other.tar
  merge-images --format oci --output out amd64.tar arm64 other.tar
  whole out
  entries out/index.json >got
  lines 'docker.io/library/app:1 index -' 'docker.io/library/other:2 manifest linux/amd64' | same got /dev/stdin
  index=out/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' out/index.json)
  entries "$index" >got
  lines '- manifest linux/amd64' '- manifest linux/arm64/v8' | same got /dev/stdin
  [ "$(jq -r '.manifests[1].digest' "$index")" = "$(jq -r '.manifests[0].digest' arm64/index.json)" ]
  for blob in arm64/blobs/sha256/*; do same "$blob" "out/${blob#*/}"; done
  # the base layer of the docker-archives is there once: 2 layers, 2 of zstd; 3 configurations, 3 manifests, an index
  [ "$(find out/blobs -type f | wc -l)" = 11 ]
  # each platform is found again, and is the image that it was
  image-layers --platform linux/amd64 --image app:1 out | same <(image-layers amd64.tar) /dev/stdin
  image-layers --platform arm64 --image app:1 out | same <(image-layers arm64) /dev/stdin
  image-layers --platform arm64/v8 --config --image app:1 out | grep -qx 'variant	v8'
  fails 1 'image-layers: out: no image for linux/arm64/v7, but linux/amd64, linux/arm64/v8' \
    image-layers --platform arm64/v7 --image app:1 out
  # the same once more changes nothing, and another image joins the layout
  cp -a out before
  merge-images --format oci --jobs 3 --output out amd64.tar arm64 other.tar
  diff -r before out
  image more:3 a | merge-images --format oci --layer-compressor none --output out -
  [ "$(jq '.manifests | length' out/index.json)" = 3 ]
  whole out
}

@test "oci: of an image that comes twice, the manifest is kept" {
  image app:1 base a >docker.tar
  image app:1 base a -- --format oci --layer-compressor zstd --output oci
  for order in 'docker.tar oci' 'oci docker.tar'; do
    # shellcheck disable=SC2086 # two words
    merge-images --format oci --output out $order
    [ "$(jq -r '.manifests[].digest' out/index.json)" = "$(jq -r '.manifests[].digest' oci/index.json)" ]
    rm -r out
  done
}

@test "oci: progress counts the blobs that come, however a layer is compressed" {
  image app:1 base a >docker.tar
  image app:2 base b -- --format oci --layer-compressor gz --output gz
  image app:3 base -- --format oci --layer-compressor zstd --output zstd
  image app:4 base a -- --format oci --known known --output thin
  image-layers --list thin | cut -f 4 | sed 's,sha256:,thin/blobs/sha256/,' | xargs rm
  # counts FROM…: found is the lines of layers, each with its number and how many there are
  counts() {
    rm -rf out
    merge-images --format oci --progress lines --output out "$@" 2>said
    grep -o '^layer [0-9]*/[0-9]*' said >found
  }
  # base as gz, that of docker.tar and of gz being one blob, and as zstd; a and b
  for order in 'docker.tar gz zstd' 'gz zstd docker.tar' 'zstd docker.tar gz'; do
    # shellcheck disable=SC2086 # three words
    counts $order
    same <(lines 'layer 1/5' 'layer 2/5' 'layer 3/5' 'layer 4/5' 'layer 5/5') found
  done
  counts thin zstd
  same <(lines 'layer 1/1') found
}

@test "oci: an image without the blobs of its layers, and without a name" {
  image app:1 base a -- --format oci --known known --output full
  cp -a full thin
  image-layers --list full | cut -f 4 | sed 's,sha256:,thin/blobs/sha256/,' | xargs rm
  image app:1 base b -- --architecture arm64 >arm64.tar
  merge-images --format oci --output out thin arm64.tar
  [ "$(find out/blobs -type f | wc -l)" = 7 ]
  image-layers --platform amd64 --list out | same <(image-layers --list full) /dev/stdin
  fails 1 "merge-images: thin: no member '$(image-layers --list full | sed -n 1p | cut -f 4 | sed 's,sha256:,blobs/sha256/,')'" \
    merge-images thin
  # where it comes once more with them, they are in the layout, too
  for order in 'thin full' 'full thin'; do
    # shellcheck disable=SC2086 # two words
    merge-images --format oci --output "of $order" $order
    image-layers "of $order" | same <(image-layers full) /dev/stdin
  done
  jq -c 'del(.manifests[].annotations)' full/index.json >index
  cp index full/index.json
  merge-images --format oci --output nameless full
  entries nameless/index.json | same <(echo '- manifest linux/amd64') /dev/stdin
}

@test "oci: of an image that comes twice, each layer is taken where it is" {
  image app:1 base a -- --format oci --output full
  mapfile -t blobs < <(image-layers --list full | cut -f 4 | sed 's,sha256:,blobs/sha256/,')
  for i in 0 1; do cp -a full lacks$i && rm "lacks$i/${blobs[i]}"; done
  for order in 'lacks0 lacks1' 'lacks1 lacks0'; do
    # shellcheck disable=SC2086 # two words
    merge-images --format oci --output "of $order" $order
    diff -r full/blobs "of $order/blobs"
  done
  # from an archive that is read by its manifest.json, too; the manifest of the layout stays
  image app:1 base a -- --format hybrid --layer-compressor gz >hybrid.tar
  for order in 'lacks0 hybrid.tar' 'hybrid.tar lacks0'; do
    rm -rf out
    # shellcheck disable=SC2086 # two words
    merge-images --format oci --output out $order
    diff -r full/blobs out/blobs
  done
}

@test "oci: names that clash, a blob that is damaged, mistakes" {
  local hint="(see 'merge-images --help')" blob
  image app:1 a >one.tar
  image app:1 b >two.tar
  image-layers --platform amd64 --list one.tar >/dev/null
  fails 1 "image-layers: one.tar: no image for linux/arm64, but linux/amd64" image-layers --platform arm64 one.tar
  image-layers --prefer-platform arm64 one.tar | same <(image-layers one.tar) /dev/stdin
  fails 1 "merge-images: two.tar: 'app:1' is another image for linux/amd64 in one.tar: a name can stand for one image of each platform" \
    merge-images --format oci --output out one.tar two.tar
  image b:1 b >two.tar
  fails 1 "merge-images: 'app:1' and 'b:1' have the same tag: in an OCI layout an image is told by its tag" \
    merge-images --format oci --output out one.tar two.tar
  image app:1 a -- --format oci --output l
  blob=$(image-layers --list l | cut -f 4)
  printf "\2" | dd of="l/blobs/sha256/${blob#*:}" bs=1 seek=9 conv=notrunc status=none
  run -1 merge-images --format oci --output out l
  [[ $output == "merge-images: l: layer 1 (sha256:"*"): damaged: its blob is sha256:"* ]]
  [ ! -e out ]
  [ "$(find . -name '.*' | wc -l)" = 1 ]
  fails 2 "merge-images: --format oci: expected --output DIR $hint" merge-images --format oci one.tar
  fails 2 "merge-images: --format oci: expected --output DIR $hint" merge-images --format oci --output out.tar one.tar
  fails 2 "merge-images: --format: expected docker or oci, found 'x' $hint" merge-images --format x one.tar
  fails 2 "merge-images: --layer-compressor goes with --format oci $hint" merge-images --layer-compressor gz one.tar
  fails 2 "merge-images: --compressor: 'out' is a directory: expected --layer-compressor $hint" \
    merge-images --format oci --output out --compressor gz one.tar
  hint="(see 'image-layers --help')"
  fails 2 "image-layers: --platform: expected 'amd64', as Go names it, found 'x86_64' $hint" image-layers --platform x86_64 one.tar
  fails 2 "image-layers: --platform: expected [OS/]ARCH[/VARIANT], found 'a/b/c/d' $hint" image-layers --platform a/b/c/d one.tar
  fails 2 "image-layers: --prefer-platform: expected [OS/]ARCH[/VARIANT], found 'a/b/c/d' $hint" image-layers --prefer-platform a/b/c/d one.tar
  fails 2 "image-layers: give only one of --platform and --prefer-platform $hint" \
    image-layers --platform amd64 --prefer-platform amd64 one.tar
  fails 2 "image-layers: --platform: names are the same for all platforms $hint" image-layers --platform amd64 --repo-tags one.tar
}
