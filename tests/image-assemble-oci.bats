#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# image-assemble --format oci and hybrid: layouts and archives that are what the specification says.
# shellcheck disable=SC2154 # run sets stderr
load helper

# layers base.tar and top.tar, and s: a stream of both
setup_file() {
  setup_path
  mkdir -p tree/bin tree/etc out
  echo '#!/bin/sh' >tree/bin/hello
  echo value >tree/etc/conf
  local tar=(tar -C tree --format=ustar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@1)
  "${tar[@]}" -cf base.tar bin
  "${tar[@]}" -cf top.tar etc
  base=$(sha256sum base.tar | cut -d' ' -f1)
  top=$(sha256sum top.tar | cut -d' ' -f1)
  key=$(printf key | sha256sum | cut -d' ' -f1)
  export base top key stream=$TOP/tests/fixtures/make-stream
  "$stream" "base.tar,key=$key" top.tar >s
}

setup() {
  setup_path
  hint="(see 'image-assemble --help')"
  cp -a "$BATS_FILE_TMPDIR/." .
}

assemble() { image-assemble --architecture arm/v7 --name hello "$@"; }

# look IMAGE KIND [KEY=VALUE…]: checks by Python that a layout, or an archive of one, is what the
# specification says: each blob, the manifests with the annotations, and layers compressed as KIND
look() {
  python3 - "$@" <<'END'
import hashlib, json, os, sys
image, kind, *annotations = sys.argv[1:]
annotations = dict(a.split("=", 1) for a in annotations)
files = {}
if os.path.isdir(image):
    for directory, _, names in os.walk(image):
        for name in names:
            path = os.path.join(directory, name)
            files[os.path.relpath(path, image)] = open(path, "rb").read()
else:
    import tarfile
    data = open(image, "rb").read()
    assert len(data) % 10240 == 0 and data[-1024:] == bytes(1024)
    tar = tarfile.open(image, "r:")
    for m in tar:
        assert (m.mode, m.uid, m.gid, m.uname, m.gname, m.mtime) == (0o644, 0, 0, "", "", 1), m
        assert m.name not in files, m
        files[m.name] = tar.extractfile(m).read()
used = {"oci-layout", "index.json"}
assert files["oci-layout"] == b'{"imageLayoutVersion":"1.0.0"}'

def expanded(kind, data):
    if kind == "gz":
        import gzip
        return gzip.decompress(data)
    if kind == "zstd":
        import subprocess
        return subprocess.run(["zstd", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data

def blob(descriptor):
    name = "blobs/sha256/" + descriptor["digest"].removeprefix("sha256:")
    data = files[name]
    used.add(name)
    assert name.endswith("/" + hashlib.sha256(data).hexdigest()) and len(data) == descriptor["size"], name
    return data

PREFIX = "application/vnd.oci.image."
index = json.loads(files["index.json"])
assert list(index)[:3] == ["schemaVersion", "mediaType", "manifests"] and index["schemaVersion"] == 2
assert index["mediaType"] == PREFIX + "index.v1+json"
assert index.get("annotations", {}) == annotations, index
for entry in index["manifests"]:
    assert entry["mediaType"] == PREFIX + "manifest.v1+json"
    manifest = json.loads(blob(entry))
    assert (manifest["schemaVersion"], manifest["mediaType"]) == (2, entry["mediaType"])
    assert manifest.get("annotations", {}) == annotations, manifest
    assert manifest["config"]["mediaType"] == PREFIX + "config.v1+json"
    config = json.loads(blob(manifest["config"]))
    assert entry["platform"] == {k: config[k] for k in ("architecture", "os", "variant") if k in config}
    diff_ids = []
    for layer in manifest["layers"]:
        suffix, library = {"none": ("", None), "gz": ("+gzip", "gz 1: libdeflate "), "zstd": ("+zstd", "zstd 1: libzstd ")}[kind]
        assert layer["mediaType"] == PREFIX + "layer.v1.tar" + suffix, layer
        assert library is None or layer["annotations"]["layerpipe.compressor"].startswith(library), layer
        assert library or "annotations" not in layer
        diff_ids.append("sha256:" + hashlib.sha256(expanded(kind, blob(layer))).hexdigest())
    assert config["rootfs"] == {"type": "layers", "diff_ids": diff_ids}, config
if "manifest.json" in files:
    used.add("manifest.json")
    (docker,) = json.loads(files["manifest.json"])
    assert docker["Config"] == "blobs/sha256/" + manifest["config"]["digest"][7:]
    assert docker["Layers"] == ["blobs/sha256/" + l["digest"][7:] for l in manifest["layers"]]
assert set(files) == used, set(files) ^ used
END
}

names() { jq -c '[.manifests[].annotations["io.containerd.image.name"]]' "$1/index.json"; }

# nothing_left: out is empty
nothing_left() { [ -z "$(ls -A out)" ] || { ls -lA out; false; }; }

@test "a layout, an archive and a hybrid: what the specification says, and the same blobs" {
  local kind
  for kind in none gz zstd; do
    assemble --format oci --tag 1 --layer-compressor $kind --output out/$kind s
    look out/$kind $kind
    assemble --format oci --tag 1 --layer-compressor $kind s >out/$kind.tar
    look out/$kind.tar $kind
    mkdir out/$kind.un
    tar -xf out/$kind.tar -C out/$kind.un
    diff -r out/$kind out/$kind.un
    assemble --format hybrid --tag 1 --layer-compressor $kind s >out/$kind.hybrid
    look out/$kind.hybrid $kind
  done
  cmp out/gz.tar <(assemble --format oci --tag 1 s)
  jq -c '.manifests[0] | .annotations, .platform' out/gz/index.json >got
  lines '{"io.containerd.image.name":"docker.io/library/hello:1","org.opencontainers.image.ref.name":"1"}' \
    '{"architecture":"arm","os":"linux","variant":"v7"}' >want
  same got want
}

@test "the order of an archive's members, and the layers as they came" {
  "$stream" "base.tar,key=$key" top.tar "base.tar,key=$key" top.tar >s
  assemble --tag 1 --format hybrid --layer-compressor none --layers-out list s >a
  tar -tf a >got
  tar -xOf a manifest.json >manifest.json
  lines "blobs/sha256/$base" "blobs/sha256/$top" "$(jq -r '.[0].Config' manifest.json)" \
    "blobs/sha256/$(tar -xOf a index.json | jq -r '.manifests[0].digest[7:]')" oci-layout index.json manifest.json >want
  same got want
  jq -r '.[0].Layers[]' manifest.json >got
  lines "blobs/sha256/$base" "blobs/sha256/$top" "blobs/sha256/$base" "blobs/sha256/$top" >want
  same got want
  [ "$(cut -f 1 list)" = "$(printf 'sha256:%s\n' "$base" "$top" "$base" "$top")" ]
  # the ID does not depend on the format
  assemble --tag 1 s >docker.tar
  [ "blobs/sha256/$(tar -xOf docker.tar manifest.json | jq -r '.[0].Config' | cut -d . -f 1)" = "$(jq -r '.[0].Config' manifest.json)" ]
}

@test "layers with a digest in the stream go straight through, where they are not compressed" {
  "$stream" "base.tar,diffid=sha256:$base" "top.tar,diffid=sha256:$top" >s
  TMPDIR=/nonexistent assemble --tag 1 --format oci --layer-compressor none s >a
  look a none
  run -1 --separate-stderr env TMPDIR=/nonexistent image-assemble --format oci s
  [ "$stderr" = "image-assemble: cannot create a temporary file in '/nonexistent': No such file or directory" ]
  "$stream" "base.tar,diffid=sha256:$top" >s
  run -1 --separate-stderr image-assemble --format oci --layer-compressor none --output out/a.tar s
  [ "$stderr" = "image-assemble: s: layer 1 ('layer-0001.tar'): its diff ID is given as sha256:$top, but its bytes are sha256:$base" ]
  nothing_left
}

@test "the layer list has the blobs" {
  assemble --format oci --layer-compressor gz --layers-out list --output out/l s
  cut -f 4 list >got
  jq -r '.manifests[0].digest[7:]' out/l/index.json >digest
  jq -r '.layers[].digest' "out/l/blobs/sha256/$(<digest)" | same got /dev/stdin
  sed 's|:|/|; s|^|out/l/blobs/|' got | xargs cat | gzip -dc >layers
  cat base.tar top.tar | same layers /dev/stdin
  image-layers --list out/l | same list /dev/stdin
  image-layers out/l | image-assemble --name hello --architecture arm/v7 --format oci --output out/again
  diff -r out/l out/again
}

@test "the same bytes with any number of threads, in another directory, umask and time, as another user" {
  local kind
  python3 -c 'import random, sys
sys.stdout.buffer.write(random.Random(1).randbytes(7000000).translate(b"abcdefgh" * 32))' >tree/etc/big
  tar -C tree --format=ustar --owner=0 --group=0 --mtime=@1 -cf big.tar etc
  "$stream" base.tar big.tar top.tar >s
  for kind in gz zstd; do
    assemble --tag 1 --format oci --layer-compressor $kind --jobs 1 s >one
    assemble --tag 1 --format oci --layer-compressor $kind --jobs 4 s | same one /dev/stdin
    (mkdir -p else && cd else && umask 077 && LC_ALL=C.UTF-8 TZ=Asia/Tokyo SOURCE_DATE_EPOCH=9 \
      assemble --tag 1 --format oci --layer-compressor $kind ../s) | same one /dev/stdin
    look one $kind
    mv one $kind
  done
  unshare --user true 2>/dev/null || { [ "${MUST_RUN:-0}" != 1 ] && skip 'no namespaces here'; }
  for kind in gz zstd; do
    unshare --user taskset -c 0 image-assemble --architecture arm/v7 --name hello --tag 1 --format oci --layer-compressor $kind s |
      same $kind /dev/stdin
  done
}

@test "annotations, in the order that they are given" {
  assemble --tag 1 --format oci --annotation a=1 --annotation 'b=c=d ü' --annotation e= --output out/l s
  look out/l gz a=1 'b=c=d ü' e=
  fails 2 "image-assemble: --annotation: 'a' is given twice $hint" image-assemble --format oci --annotation a=1 --annotation a=2
  fails 2 "image-assemble: --annotation: expected KEY=VALUE in UTF-8, found '=x' $hint" image-assemble --format oci --annotation =x
  fails 2 "image-assemble: --annotation: expected KEY=VALUE in UTF-8, found 'x' $hint" image-assemble --format oci --annotation x
  fails 2 "image-assemble: --annotation: expected KEY=VALUE in UTF-8, found 'x=\\xff' $hint" image-assemble --format oci --annotation $'x=\xff'
}

@test "an image is added to a layout; its tag is replaced, and nothing else" {
  assemble --format oci --tag 1 --tag 2 --annotation a=1 --output out/l s
  jq -c '.extra = {"x": "ü"} | .manifests[0].annotations.own = "kept"' out/l/index.json >index && cp index out/l/index.json
  stat -c '%n %i' out/l/blobs/sha256/* >before
  "$stream" top.tar >t
  image-assemble --name registry.example:80/bye --format oci --tag 2 --annotation b=2 --output out/l/ t
  [ "$(names out/l)" = '["docker.io/library/hello:1","registry.example:80/bye:2"]' ]
  [ "$(jq -c '.extra, .annotations, .manifests[0].annotations.own' out/l/index.json)" = $'{"x":"ü"}\n{"a":"1","b":"2"}\n"kept"' ]
  # blobs that are there stay the files that they are
  stat -c '%n %i' out/l/blobs/sha256/* | comm -12 - before | same before /dev/stdin
  # the same once more changes nothing
  cp out/l/index.json index
  image-assemble --name registry.example:80/bye --format oci --tag 2 --annotation b=2 --output out/l t
  same out/l/index.json index
  # without a name
  for _ in 1 2; do image-assemble --format oci --output out/l t; done
  [ "$(jq '.manifests | length' out/l/index.json)" = 3 ]
  [ "$(ls -A out)" = l ]
  [ "$(ls -A out/l)" = $'blobs\nindex.json\noci-layout' ]
}

@test "a blob of the wrong size is replaced, one of the right size kept" {
  local blob
  assemble --format oci --tag 1 --output out/l s
  jq -r '.manifests[0].digest[7:]' out/l/index.json >digest
  blob=$(jq -r '.layers[0].digest[7:]' "out/l/blobs/sha256/$(<digest)")
  : >"out/l/blobs/sha256/$blob"
  assemble --format oci --tag 1 --output out/l s
  look out/l gz
}

@test "an empty directory becomes a layout, and a link to a directory is followed" {
  mkdir out/real
  chmod 750 out/real
  ln -s real out/link
  assemble --format oci --tag 1 --output out/link s
  look out/real gz
  [ "$(stat -c %a out/real)" = 750 ]
  [ -L out/link ]
}

@test "an empty directory becomes a layout where files cannot be without a name" {
  needs unshare
  local proc=(unshare --map-root-user --mount sh -c 'mount -t tmpfs none /proc && exec "$@"' sh)
  "${proc[@]}" true 2>/dev/null || { [ "${MUST_RUN:-0}" != 1 ] && skip 'no namespaces'; }
  mkdir out/l
  "${proc[@]}" image-assemble --architecture arm/v7 --name hello --tag 1 --format oci --output out/l s
  look out/l gz
  [ "$(ls -A out/l)" = $'blobs\nindex.json\noci-layout' ]
}

@test "several at the same time, into a layout that is there and into one that is not" {
  local n pids=() place
  mkdir out/there
  for place in there new; do
    pids=()
    for n in {1..12}; do
      image-assemble --name hello --tag "$n" --architecture arm/v7 --format oci --output out/$place s &
      pids+=($!)
    done
    for n in "${pids[@]}"; do wait "$n"; done
    look out/$place gz
    [ "$(names out/$place | jq 'sort | length')" = 12 ]
  done
  [ "$(ls -A out)" = $'new\nthere' ]
}

@test "an empty directory that becomes a layout while it is looked at is one" {
  local look other='image-assemble --name hello --tag 1 --format oci --output out/l s'
  for look in 1 2; do # before a layer is read, and before names are given
    rm -rf out/l
    mkdir out/l
    "$BUILD/faults/inject" log 60 image-assemble getdents $look "run=$other" \
      image-assemble --name hello --tag 2 --format oci --output out/l s
    grep -q $'^done\t' log
    look out/l gz
    [ "$(names out/l | jq 'sort | length')" = 2 ]
  done
}

@test "what is no layout is refused before a layer is read" {
  mkdir -p out/full
  echo x >out/full/file
  fails 1 "image-assemble: 'out/full' is a directory, but neither empty nor an OCI layout: expected a file oci-layout in it" \
    image-assemble --format oci --output out/full s
  fails 1 "image-assemble: cannot write '/dev/null': it is not a directory" image-assemble --format oci --output /dev/null s
  fails 1 "image-assemble: cannot create 'out/none/l': No such file or directory" image-assemble --format oci --output out/none/l s
  ln -s nowhere out/dangling
  fails 1 "image-assemble: cannot write 'out/dangling': No such file or directory" image-assemble --format oci --output out/dangling s
}

@test "a layout that is damaged, or of another version, stays as it is" {
  assemble --format oci --tag 1 --output l s
  # refuses FILE TEXT MESSAGE
  refuses() {
    rm -rf out/l
    cp -a l out/l
    printf %s "$2" >"out/l/$1"
    cp -a out/l before
    "$stream" top.tar >t
    fails 1 "image-assemble: out/l: $3" image-assemble --name a --tag 9 --format oci --output out/l t
    diff -r out/l before
    rm -r before
  }
  refuses oci-layout '{"imageLayoutVersion":"2.0.0"}' 'oci-layout: expected version 1.0.0, found "2.0.0"'
  refuses oci-layout '[]' 'oci-layout: expected an object, found a list'
  refuses oci-layout '' 'expected one JSON document in oci-layout and one in index.json'
  refuses index.json '' 'expected one JSON document in oci-layout and one in index.json'
  refuses index.json '{"manifests": {}}' 'index.json: manifests: expected a list, found an object'
  refuses index.json '{"manifests": [1]}' 'index.json: manifests: expected an object, found a number'
  refuses index.json '{"annotations": "x"}' 'index.json: annotations: expected an object, found a string'
  refuses index.json '{"manifests": [{"annotations": []}]}' 'index.json: annotations: expected an object, found a list'
  rm -rf out/l
  cp -a l out/l
  echo '[' >out/l/index.json
  run -1 --separate-stderr image-assemble --format oci --output out/l t
  [[ $stderr == 'image-assemble: out/l: cannot parse JSON: '* ]]
}

@test "an image that fails leaves nothing behind, and a layout as it was" {
  local status=0
  head -c 3000 s >short
  run -1 --separate-stderr image-assemble --format oci --output out/l short
  nothing_left
  run -1 --separate-stderr image-assemble --format oci --output out/l.tar short
  nothing_left
  run -1 image-assemble --format hybrid short
  assemble --format oci --tag 1 --output out/l s
  cp -a out/l before
  run -1 --separate-stderr image-assemble --format oci --output out/l short
  diff -r before out/l
  # an archive on standard output lacks what makes it load
  "$stream" 3 base.tar top.tar >s
  image-assemble --format hybrid s >cut.tar || status=$?
  [ "$status" = 1 ]
  run tar -tf cut.tar
  [[ $output != *index.json* && $output != *manifest.json* ]]
}

@test "a signal while layers come leaves nothing behind" {
  local place pid status
  assemble --format oci --tag 1 --output before s
  mkfifo fifo
  for place in new there; do
    [ $place = new ] || cp -a before out/there
    image-assemble --format oci --output out/$place <fifo &
    pid=$!
    exec 9>fifo
    head -c 4000 s >&9
    sleep 0.2
    kill -TERM $pid
    status=0
    wait $pid || status=$?
    exec 9>&-
    [ $status = 143 ]
    [ $place = there ] || nothing_left
  done
  diff -r before out/there
}

@test "without /proc blobs have temporary names, which a signal removes" {
  [ "${SANITIZED:-0}" != 1 ] || skip 'the sanitizers need /proc'
  unshare -rm true 2>/dev/null || { [ "${MUST_RUN:-0}" != 1 ] && skip 'no namespaces here'; }
  local status=0 pid
  assemble --format oci --output want s
  unshare -rm sh -c 'mount -t tmpfs none /proc && exec "$@"' sh \
    image-assemble --architecture arm/v7 --name hello --format oci --output out/l <s
  diff -r want out/l
  rm -r out/l
  mkfifo fifo
  unshare -rm sh -c 'mount -t tmpfs none /proc && exec "$@"' sh image-assemble --format oci --output out/l <fifo &
  pid=$!
  exec 9>fifo
  head -c 14000 s >&9
  for _ in {1..100}; do
    [[ $(ls -A out) != .layerpipe-*.layerpipe-* ]] || break
    sleep 0.05
  done
  [[ $(ls -A out) == .layerpipe-*.layerpipe-* ]]
  kill -TERM $pid
  wait $pid || status=$?
  exec 9>&-
  [ $status = 143 ]
  nothing_left
}

@test "a full disk: status 1, a message, nothing left" {
  unshare -rm true 2>/dev/null || { [ "${MUST_RUN:-0}" != 1 ] && skip 'no namespaces here'; }
  python3 -c 'import random, sys; sys.stdout.buffer.write(random.Random(1).randbytes(300000))' >tree/big
  tar -C tree --format=ustar -cf big.tar big
  "$stream" big.tar >b
  mkdir small
  # shellcheck disable=SC2016
  run -0 unshare -rm bash -c '
    mount -t tmpfs -o size=100k none small
    try() { status=0; "$@" || status=$?; echo "$status $(ls -A small)"; }
    try image-assemble --format oci --output small/l b
    image-assemble --format oci --name a --tag 1 --output small/there s
    cp -a small/there before
    try image-assemble --format oci --name a --tag 2 --output small/there b
    diff -r before small/there
    export TMPDIR=small
    try image-assemble --format oci b >&2' 2>&1
  lines "image-assemble: cannot write 'small/l': No space left on device" '1 ' \
    "image-assemble: cannot write 'small/there': No space left on device" '1 there' \
    "image-assemble: cannot write a temporary file in 'small' (TMPDIR can name another directory): No space left on device" '1 there' >want
  echo "$output" >got
  same got want
}

@test "which names are archives" {
  local name
  for name in x.tar x.tar.gz x.tar.zst; do
    image-assemble --format oci --output out/$name s
    [ -f out/$name ]
  done
  : >out/file
  image-assemble --format oci --output out/file s
  [ -s out/file ]
  image-assemble --format oci --compressor zstd --output out/z.tar.zst s
  zstd -dc out/z.tar.zst >z.tar
  look z.tar none
  image-assemble --format oci --output out/tar s
  [ -d out/tar ]
}

@test "usage errors" {
  fails 2 "image-assemble: --format: expected docker, oci or hybrid, found 'x' $hint" image-assemble --format x
  fails 2 "image-assemble: --layer-compressor: expected none, gz, zstd or zstd:chunked, found 'xz' $hint" image-assemble --layer-compressor xz
  fails 2 "image-assemble: --layer-compressor goes with --format oci or hybrid $hint" image-assemble --layer-compressor gz
  fails 2 "image-assemble: --annotation goes with --format oci or hybrid $hint" image-assemble --annotation a=b
  fails 2 "image-assemble: --compressor and --layer-compressor: an image is compressed once $hint" \
    image-assemble --format oci --compressor gz --layer-compressor zstd
  fails 2 "image-assemble: --compressor: 'l' is a directory: expected --layer-compressor $hint" \
    image-assemble --format oci --compressor gz --output l
  image-assemble --layer-compressor none s | same <(image-assemble s) /dev/stdin
}

@test "skopeo reads each form, and keeps the digests" {
  needs skopeo
  local kind
  for kind in none gz; do
    assemble --format oci --tag 1 --layer-compressor $kind --output out/l s
    skopeo copy -q --preserve-digests oci:out/l:1 dir:dir
    jq -r '.manifests[0].digest[7:]' out/l/index.json >digest
    same dir/manifest.json "out/l/blobs/sha256/$(<digest)"
    assemble --format hybrid --tag 1 --layer-compressor $kind s >out/h.tar
    skopeo copy -q --preserve-digests oci-archive:out/h.tar dir:dir
    same dir/manifest.json "out/l/blobs/sha256/$(<digest)"
    skopeo inspect --config docker-archive:out/h.tar | jq -c .rootfs.diff_ids >got
    skopeo inspect --config oci:out/l:1 | jq -c .rootfs.diff_ids | same got /dev/stdin
  done
}

@test "who waits for the lock of a layout can be ended" {
  assemble --format oci --tag 1 --output out/l s
  exec 7<out/l/oci-layout
  flock 7
  status=0
  timeout --kill-after=5 --signal=TERM 1 image-assemble --name b --format oci --output out/l s 7<&- || status=$?
  [ "$status" = 124 ]
  exec 7<&-
  [ "$(names out/l)" = '["docker.io/library/hello:1"]' ]
}

@test "a layout can have the name -" {
  assemble --format oci --tag 1 --output - s
  assemble --format oci --tag 2 --output - s
  look ./- gz
  [ "$(names ./-)" = '["docker.io/library/hello:1","docker.io/library/hello:2"]' ]
}
