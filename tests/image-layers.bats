#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helper

setup_file() {
  setup_path
  made images images
}

setup() {
  setup_path
  ln -s "$BATS_FILE_TMPDIR/images" images
}

# Images that hold the same layers
layouts='plain legacy skopeo nixpkgs hybrid crane dotted gz zstd mixed oci oci-zstd oci-docker oci-bare index flat'

# layers_of STREAM DIR: the layer tars in it
layers_of() {
  [ ! -e "$2" ] || rm -r "$2"
  tar --one-top-level="$2" -xf "$1"
}

# unpack IMAGE: to d/
unpack() {
  [ ! -e d ] || rm -r d
  tar --one-top-level=d -xf "images/$1.tar"
}

# edit FILE PROGRAM: has jq change it; its text is read before it is written
edit() { jq -c "$2" <<<"$(<"d/$1")" >"d/$1"; }

# sum FILE: sets sum to its SHA-256
sum() {
  sum=$(sha256sum <"$1")
  sum=${sum%% *}
}

# refused MESSAGE [OPTION…]: of d/, packed again as bad.tar
refused() {
  local message=$1
  shift
  tar -C d -cf bad.tar .
  fails 1 "image-layers: bad.tar: $message" image-layers "$@" bad.tar
}

# each_refused FILE PREFIX PROGRAM MESSAGE…: d/ is refused with each message, PREFIX in front of it, when the program
# of jq before it has changed the file
each_refused() {
  local file=$1 prefix=$2 programs=empty messages=() changed i
  for ((i = 3; i < $#; i += 2)); do
    programs+=", (${*:i:1})"
    messages+=("${*:i+1:1}")
  done
  mapfile -t changed < <(jq -c "$programs" "d/$file")
  [ ${#changed[@]} = ${#messages[@]} ]
  for i in "${!changed[@]}"; do
    printf '%s\n' "${changed[i]}" >"d/$file"
    refused "$prefix${messages[i]}"
  done
}

# big: an image with one layer of 8 MiB, and one in which a byte of that is another
big() {
  mkdir tree
  truncate -s 8M tree/file
  tar -C tree -cf layer.tar .
  tar -cf layers.tar layer.tar
  image-assemble <layers.tar >big.tar
  cp big.tar damaged.tar
  printf x | dd of=damaged.tar bs=1M seek=4 conv=notrunc status=none
}

# --- every layout ---

@test "every layout gives the same layers, with what is known of them" {
  local layout layer=0 want
  image-layers images/plain.tar >want
  layers_of want layers
  for want in a b a; do
    same "layers/layer-000$((layer += 1)).tar" "images/$want.tar"
  done
  python3 - <<'P' >records
import tarfile
with tarfile.open("want") as tar:
    for member in tar:
        print(member.pax_headers["comment"], end=";\n")
    print(tar.pax_headers)
P
  mapfile -t ids <images/diffids
  lines "${ids[@]/#/LAYERPIPE.diffid=}" | sed '1s/$/\nLAYERPIPE.comment=first/; 3s/$/\nLAYERPIPE.comment=-/' |
    sed '2s/$/;/; 3s/$/;/; 5s/$/;/' >expected
  echo "{'comment': 'LAYERPIPE.layers=3'}" >>expected
  same expected records
  for layout in $layouts; do image-layers "images/$layout.tar" >"found.$layout"; done
  for layout in oci plain.tar.gz plain.tar.zst; do image-layers "images/$layout" >"found.in-$layout"; done
  all_same want found.*
}

@test "from standard input: a file, a pipe, compressed" {
  image-layers images/plain.tar >want
  image-layers <images/plain.tar >found
  same want found
  image-layers - < <(cat images/skopeo.tar) >found
  same want found
  image-layers < <(cat images/plain.tar.gz) >found
  same want found
  { head -c 512 images/a.tar; cat images/plain.tar; } >behind
  { head -c 512 >/dev/null; image-layers; } <behind >found
  same want found
}

@test "a layer in a plain file is read in place, nothing is put aside" {
  TMPDIR=/nowhere image-layers images/gz.tar >found
  image-layers images/plain.tar >want
  same want found
  fails 1 "image-layers: images/plain.tar.gz: cannot create a temporary file in '/nowhere': No such file or directory" \
    env TMPDIR=/nowhere image-layers images/plain.tar.gz
}

@test "an image without layers and names" {
  image-layers images/null.tar >found
  image-assemble --allow-empty <found >made
  image-layers --list images/null.tar >list
  image-layers --repo-tags images/null.tar >names
  [ "$(cat list names | wc -c)" = 0 ]
  image-layers --config images/null.tar >config
  [ "$(grep -v ^architecture config)" = "$(lines 'os\tlinux')" ]
}

# --- round trips ---

@test "taken apart and assembled again: the same layers, the same image ID" {
  made example example
  cat >config <<'E'
Cmd	/bin/hello
Env	A=b
Entrypoint	\e
Labels	name	value
ExposedPorts	80/tcp
Tty	false
StopTimeout	0
os.features	a
json	Healthcheck	{"Test":["NONE"]}
json	Odd	[1,null,{"a":""}]
E
  layer-plan --max-layers 4 example/graph | layer-tar --root-dir example/root >stream
  image-assemble --name hello --tag 1.0 --config config --layers-out list <stream >image
  image-layers image >layers
  layers_of stream a
  layers_of layers b
  diff -r a b
  image-layers --config image >lines
  image-assemble --name hello --tag 1.0 --config lines --layers-out again <layers >image.2
  same list again
  image-layers --list image >found
  same list found
  image-layers --config image.2 >lines.2
  same lines lines.2
  tar -xOf image manifest.json | jq '.[0].Config' >id
  tar -xOf image.2 manifest.json | jq '.[0].Config' >id.2
  same id id.2
  image-layers image.2 | image-assemble --name hello --tag 1.0 --config lines.2 >image.3
  same image.2 image.3
}

@test "a foreign image keeps its layers and its history" {
  image-layers --config images/plain.tar >lines
  image-layers images/plain.tar | image-assemble --config lines >made
  image-layers made >found
  layers_of found a
  layers_of <(image-layers images/plain.tar) b
  diff -r a b
  image-layers --config made >lines.2
  sort lines >lines.sorted
  sort lines.2 | diff lines.sorted -
  tar -xOf made "$(tar -xOf made manifest.json | jq -r '.[0].Config')" | jq -S .history >history
  jq -S '.history | map(del(.empty_layer | select(. == false)) | del(.[] | select(. == "")))' \
    images/config.json >want
  same want history
}

# --- lines ---

@test "--config: lines of what has a form, everything else left out" {
  cat >want <<'E'
os	linux
created	2020-02-02T02:02:02.5Z
User	user:1
AttachStdin	false
Env	PATH=/bin
Env	TAB=\t\x01
Cmd	/bin/sh
Cmd	-c
Cmd	\e
Volumes	/data
WorkingDir	/
ExposedPorts	80/tcp
Labels	empty	\e
Labels	name	\x2d
json	Healthcheck	{"Test":["NONE"]}
history	2020-02-02T02:02:02Z	-	ADD \x1b[1m a	first	-
history	2020-02-02T02:02:02Z	-	ENV PATH=/bin	-	true
history	-	me	-	-	-
history	-	-	-	\x2d	-
E
  image-layers --config images/plain.tar | grep -v ^architecture >found
  same want found
  grep -v ^history found | config-json | jq -S .config >config
  jq -S '.config | with_entries(select(.value | IN("", null, []) | not))' images/config.json >want
  same want config
}

@test "--config: keys in any capitals, one string for a list; a history that does not fit" {
  unpack plain
  edit config.json '.config = {env: ["A=b"], CMD: "one", tty: true, "no name": 1}
    | del(.history[2]) | .Author = "me"'
  tar -C d -cf odd.tar .
  lines 'os\tlinux' 'created\t2020-02-02T02:02:02.5Z' 'Env\tA=b' 'Cmd\tone' 'Tty\ttrue' \
    'author\tme' | sort >want
  image-layers --config odd.tar | grep -v ^architecture | sort >found
  same want found
  image-layers --list odd.tar | cut -f 5 | sort -u >comments
  [ "$(cat comments)" = - ]
}

@test "--list: blobs as they are stored" {
  mapfile -t ids <images/diffids
  type=application/vnd.oci.image.layer.v1.tar
  # row LAYER SUFFIX COMPRESSOR COMMENT
  row() {
    local blob=$BATS_TEST_TMPDIR/blob
    $3 <"images/$1.tar" >"$blob"
    sum "images/$1.tar"
    printf 'sha256:%s\t%s\t%s\t' "$sum" "$(stat -c %s "$blob")" "$type$2"
    sum "$blob"
    printf 'sha256:%s\t%s\n' "$sum" "$4"
  }
  { row a '' cat first; row b '' cat -; row a '' cat '\x2d'; } >want
  for layout in plain legacy hybrid oci-bare; do image-layers --list "images/$layout.tar" >"found.$layout"; done
  all_same want found.*
  zstd='zstd -qc'
  { row a +zstd "$zstd" first; row b +zstd "$zstd" -; row a +zstd "$zstd" '\x2d'; } >want
  for layout in zstd oci-zstd; do
    image-layers --list "images/$layout.tar" >found
    same want found
  done
  image-layers --list images/gz.tar >gz
  image-layers --list images/oci.tar >oci
  same gz oci
  image-layers --list images/oci-docker.tar | cut -f 3 | sort -u >found
  [ "$(cat found)" = application/vnd.docker.image.rootfs.diff.tar.gzip ]
}

@test "--files: the merged tree" {
  cat >want <<'E'
. type=dir mode=0755 uid=0 gid=0 time=0.0
./bin type=dir mode=0755 uid=0 gid=0 time=0.0
./bin/sh type=file mode=0644 uid=0 gid=0 size=150000 time=0.0
./etc type=dir mode=0755 uid=0 gid=0 time=0.0
./etc/greeting type=file mode=0644 uid=0 gid=0 size=6 time=0.0
./etc/link type=link mode=0644 uid=0 gid=0 time=0.0 link=greeting
E
  for layout in plain zstd hybrid oci-docker; do image-layers --files "images/$layout.tar" >"found.$layout"; done
  all_same want found.*
}

@test "--files: contents of a plain layer are skipped" {
  big
  image-layers --files big.tar >want
  image-layers --files damaged.tar >found
  same want found
  run -1 image-layers damaged.tar
}

@test "--store-paths: what Nix's archives of the paths would be" {
  made example example
  mkdir -p example/root/nix/store/6ggggggggggggggggggggggggggggggg-odd/a.{1,22,333,4444,55555,666666,7777777,88888888}
  ln example/root/nix/store/4*/bin/hello example/root/nix/store/6ggggggggggggggggggggggggggggggg-odd/a.1/hello
  mkdir -p example/root/nix/store/{.links,no-path}
  mkfifo example/root/nix/store/.links/fifo
  tar -C example/root -cf layer.tar .
  tar -cf layers.tar layer.tar
  image-assemble <layers.tar >image
  image-layers --store-paths image >found
  for path in example/root/nix/store/[1-6]*; do
    printf '%s\t%s\n' "${path#example/root}" "$(nix-store --dump "$path" | wc -c)"
  done >want
  [ "$(wc -l <want)" = 6 ]
  same want found
}

@test "--store-paths: another store, a path with a device, a path that lost a file" {
  mkdir -p a/gnu/store/1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-{whole,lost,special}/dir b/gnu/store
  touch a/gnu/store/1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-{whole,lost,special}/dir/{one,two}
  mkfifo a/gnu/store/1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-special/dir/fifo
  mkdir -p b/gnu/store/1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-lost/dir
  touch b/gnu/store/1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-lost/dir/.wh.one
  for layer in a b; do tar -C $layer -cf $layer.tar gnu; done
  tar -cf layers.tar a.tar b.tar
  image-assemble <layers.tar >image
  rm a/gnu/store/1*-lost/dir/one
  for name in lost whole; do
    path=gnu/store/1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-$name
    printf '/%s\t%s\n' "$path" "$(nix-store --dump "a/$path" | wc -c)"
  done >want
  image-layers --store-paths --store-dir /gnu/store image >found
  same want found
  image-layers --store-paths image >found
  [ ! -s found ]
}

# --- names and platforms ---

@test "--image selects; names are compared as docker shows them" {
  image-layers images/two.tar >first
  image-layers --image other:2.0 images/two.tar >found
  same first found
  image-layers images/plain.tar >want
  for name in app:1.0 app docker.io/library/app docker.io/app:latest index.docker.io/library/app:1.0; do
    image-layers --image "$name" images/two.tar >found
    same want found
  done
  image-layers --image registry.example/app:1.0 images/hybrid.tar >found
  same want found
  for name in app:2.0 app: 1.0 library/app/x:1.0 example/app:1.0; do
    fails 1 "image-layers: images/two.tar: no image '$name' in it, but other:2.0, app:1.0, docker.io/library/app:latest" \
      image-layers --image "$name" images/two.tar
  done
  fails 1 "image-layers: images/null.tar: no image 'app' in it: none has a name" \
    image-layers --image app images/null.tar
}

@test "--image: an OCI layout may give nothing but a tag" {
  image-layers images/plain.tar >want
  for name in 1.0 app:1.0 whatever:1.0; do
    image-layers --image "$name" images/oci >found
    same want found
  done
  fails 1 "image-layers: images/oci: no image 'app' in it, but 1.0" image-layers --image app images/oci
  fails 1 "image-layers: images/oci-zstd.tar: no image '1.0' in it, but registry.example/app:1.0" \
    image-layers --image 1.0 images/oci-zstd.tar
}

@test "--repo-tags" {
  lines other:2.0 app:1.0 docker.io/library/app:latest >want
  image-layers --repo-tags images/two.tar >found
  same want found
  image-layers --repo-tags --image app images/two.tar >found
  tail -n 2 want | diff - found
  [ "$(image-layers --repo-tags images/oci)" = 1.0 ]
}

@test "two names for one manifest are one image" {
  cp -r images/oci both
  jq -c '.manifests += [.manifests[0] | .annotations["org.opencontainers.image.ref.name"] = "2.0"]' \
    images/oci/index.json >both/index.json
  lines 1.0 2.0 >want
  image-layers --repo-tags --image 2.0 both >found
  same want found
}

@test "of an index, this machine's image; none is an error that lists what there is" {
  arch=$(jq -r .architecture images/config.json)
  for layout in index flat; do
    image-layers --config images/$layout.tar >config
    grep -qx "architecture	$arch" config
    ! grep ^author config
  done
  fails 1 "image-layers: images/foreign.tar: no image for linux/$arch, but linux/s390x, linux/mips/v7" \
    image-layers images/foreign.tar
  unpack foreign
  index=d/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' d/index.json)
  jq -c '{manifests: [.manifests[0]]}' "$index" >d/index.json
  tar -C d -cf only.tar .
  [ "$(image-layers --config only.tar | grep ^arch)" = "$(lines 'architecture\ts390x')" ]
}

# --- images that are wrong ---

@test "a layer that is not what the configuration says" {
  mapfile -t ids <images/diffids
  unpack plain
  edit config.json '.rootfs.diff_ids[1] = .rootfs.diff_ids[0]'
  refused "layer 2 (${ids[0]}): damaged: its bytes are ${ids[1]}"
  unpack plain
  truncate -s 1024 d/2.tar
  sum d/2.tar
  refused "layer 2 (${ids[1]}): damaged: its bytes are sha256:$sum"
  # a compressed one is looked at before anything is written
  unpack gz
  edit config.json '.rootfs.diff_ids[1] = .rootfs.diff_ids[0]'
  refused "layer 2 (${ids[0]}): damaged: its bytes are ${ids[1]}"
  refused "layer 2 (${ids[0]}): damaged: its bytes are ${ids[1]}" --files
}

@test "a stream that began when the damage was seen has no end" {
  big
  status=0
  image-layers damaged.tar >out 2>err || status=$?
  [ "$status" = 1 ]
  grep -Exq 'image-layers: damaged.tar: layer 1 \(sha256:[0-9a-f]{64}\): damaged: its bytes are sha256:[0-9a-f]{64}' err
  [ "$(stat -c %s out)" -gt 1000000 ]
  run -1 image-assemble --output made <out
  [[ $output == 'image-assemble: <stdin>: truncated '* ]]
  [ ! -e made ]
}

@test "a compressed layer that is cut short, or is something else" {
  mapfile -t ids <images/diffids
  unpack gz
  truncate -s -9 d/2.tar
  refused "layer 2 (${ids[1]}): bad gzip data: it is cut short"
  unpack gz
  gzip -n d/2.tar
  mv d/2.tar.gz d/2.tar
  refused "layer 2 (${ids[1]}): '2.tar' is not a tar, compressed or not"
  unpack plain
  xz d/2.tar
  mv d/2.tar.xz d/2.tar
  tar -C d -cf xz.tar .
  image-layers xz.tar >found
  image-layers images/plain.tar >want
  same want found
  truncate -s -9 d/2.tar
  refused "layer 2 (${ids[1]}): bad xz data: it is cut short"
  echo text >d/2.tar
  refused "layer 2 (${ids[1]}): '2.tar' is not a tar, compressed or not"
}

@test "tars that their tools never finished, and empty ones" {
  unpack plain
  head -c $((512 * 2 + 6)) images/a.tar >d/1.tar # up to the contents of etc/greeting
  : >d/2.tar
  sum d/1.tar
  edit config.json ".rootfs.diff_ids[0, 2] = \"sha256:$sum\""
  sum d/2.tar
  edit config.json ".rootfs.diff_ids[1] = \"sha256:$sum\""
  tar -C d -cf odd.tar .
  image-layers odd.tar >layers
  layers_of layers got
  same d/1.tar got/layer-0001.tar
  [ -f got/layer-0002.tar ] && [ ! -s got/layer-0002.tar ]
  image-layers --files odd.tar | cut -d ' ' -f 1 >found
  lines . ./etc ./etc/greeting >want
  same want found
  image-assemble <layers >made
  image-layers --list odd.tar | cut -f 1,2 >want
  image-layers --list made | cut -f 1,2 >found
  same want found
}

@test "a manifest that is wrong" {
  unpack plain
  each_refused manifest.json '' \
    '.[0].Layers |= .[:2]' 'the manifest has 2 layers, but the configuration 3 diff IDs' \
    '.[0].Layers = null' 'the manifest has 0 layers, but the configuration 3 diff IDs' \
    '.[0].Layers += ["1.tar"]' 'the manifest has 4 layers, but the configuration 3 diff IDs' \
    '.[0].Layers[0] = "nowhere"' "no member 'nowhere'" \
    '.[0].Layers[0] = "/etc/passwd"' \
      "'/etc/passwd': expected a name without a leading '/' and without '..'" \
    '.[0].Layers[0] = "x/../../../etc/passwd"' \
      "'x/../../../etc/passwd': expected a name without a leading '/' and without '..'" \
    '.[0].Layers[0] = "a\u0000b"' 'manifest.json: Layers: a NUL byte cannot be in a string' \
    '.[0].Layers[0] = 1' 'manifest.json: Layers: expected a string, found a number' \
    '.[0].Layers = "1.tar"' 'manifest.json: Layers: expected a list, found a string' \
    '.[0].Config = null' 'manifest.json: Config: expected a string, found null' \
    '.[0].Config = "nowhere"' "no member 'nowhere'" \
    '.[0].RepoTags = ["a\nb:c"]' \
      'manifest.json: name of the image: expected NAME:TAG, found "a\nb:c"' \
    '[]' 'its list of images is empty' \
    'null' 'manifest.json: manifest: expected a list of images, found null' \
    '[.]' 'manifest.json: image: expected an object, found a list' \
    '.[0]' 'manifest.json: expected an index or an image manifest of the OCI image specification' \
    '[range(4097) as $i | .[0]]' 'manifest.json: more than 4096 images' \
    '.[0].Layers = [range(4097) | "1.tar"]' \
      'manifest.json: more than 4096 names or layers'
  echo '[{' >d/manifest.json
  refused "manifest.json: cannot parse JSON: string or '}' expected near end of file at line 2, column 0"
  echo '[] []' >d/manifest.json
  refused "manifest.json: cannot parse JSON: end of file expected near '[' at line 1, column 4"
  rm d/manifest.json
  refused 'no image: expected a docker-archive, which has a manifest.json, or an OCI image layout, which has an index.json'
}

@test "a layer that is no file of the image" {
  unpack plain
  ln -sf /etc/passwd d/1.tar
  refused "'1.tar': a link to '/etc/passwd', which is outside"
  rm d/1.tar
  mkdir d/1.tar
  refused "'1.tar' is no regular file"
}

@test "a configuration that is wrong" {
  unpack plain
  each_refused config.json 'config.json: ' \
    '[]' 'configuration: expected an object, found a list' \
    '.rootfs = null' 'rootfs: expected an object, found null' \
    '.rootfs.diff_ids = {}' 'diff_ids: expected a list, found an object' \
    '.rootfs.diff_ids[0] = "sha256:ABC"' \
      'diff_ids: expected sha256: and 64 lower-case hex digits, found "sha256:ABC"' \
    '.config = []' 'config: expected an object, found a list' \
    '.config.Env = {a: 1}' 'Env: expected a list, found an object' \
    '.config.Env = [1]' 'Env: expected a string, found a number' \
    '.config.Labels = ["a"]' 'Labels: expected an object, found a list' \
    '.config.Labels = {a: 1}' 'Labels "a": expected a string, found a number' \
    '.config.Tty = "yes"' 'Tty: expected true or false, found a string' \
    '.config.Memory = "1"' 'Memory: expected a number, found a string' \
    '.config.Cmd = ["a\u0000"]' 'Cmd: a NUL byte cannot be in a string' \
    '.history = {}' 'history: expected a list, found an object' \
    '.history[0] = 1' 'history: expected an object, found a number' \
    '.history[0].comment = 1' 'history: comment: expected a string, found a number'
}

@test "a configuration whose bytes, numbers and keys are odd" {
  odd() { # TEXT: of the configuration, in front of what each has; an image without layers
    rm -rf d
    mkdir d
    echo '[{"Config": "c", "Layers": []}]' >d/manifest.json
    printf '{%b, "rootfs": {"diff_ids": []}}' "$1" >d/c
    tar -C d -cf bad.tar .
  }
  shown() { odd "$1" && image-layers --config bad.tar | same <(lines "$2") -; }
  unreadable() {
    odd "$1"
    run -1 image-layers bad.tar
    [[ $output == 'image-layers: bad.tar: c: cannot parse JSON: '*' at line 1, column '+([0-9]) ]]
  }
  shown '"author": "J\xff\xc3\xa9"' 'author\tJ\ufffdé'
  shown '"author": "a", "author": "b", "OS": "c"' 'author\tb\nos\tc'
  shown '"config": {"Memory": 5e3, "memoryswap": -1}' 'Memory\t5000\nMemorySwap\t-1'
  shown '"config": {"x": [1e2, -0.5, 1.5e-7, 9007199254740992, 1e300, 123456789012345678]}' \
    'json\tx\t[100,-0.5,1.5e-07,9007199254740992,1e+300,123456789012345680]'
  shown '"config": {"x": "\\u007f\\u0001/"}' 'json\tx\t"\\\\u007f\\\\u0001/"'
  unreadable '"x": "\\udc00"'
  unreadable '"x": 1e400'
  unreadable '"\\u0000": 1'
}

@test "manifest.json promises no digest of a configuration, an OCI manifest does" {
  local layout name
  image-layers images/plain.tar | layer-flatten >want
  for layout in nixpkgs crane legacy skopeo; do
    unpack $layout
    name=$(jq -r '.[0].Config' d/manifest.json)
    [[ $name =~ [0-9a-f]{64} ]]
    sed -i 's/user:1/user:2/' "d/$name"
    tar -C d -cf edited.tar .
    [ "$(image-layers --config edited.tar | grep ^User)" = "$(lines 'User\tuser:2')" ]
    image-layers edited.tar | layer-flatten >found
    same want found
    image-layers edited.tar | image-assemble --name x >again # its own ID is right
    "$TOP/tests/look" again names >/dev/null
  done
  unpack plain
  mv d/config.json "d/$(printf '%064d' 0).json"
  edit manifest.json ".[0].Config = \"$(printf '%064d' 0).json\""
  tar -C d -cf edited.tar .
  image-layers --config edited.tar | grep -q ^User
  # docker from 25 on writes both, and a blob's name is its digest
  unpack hybrid
  name=$(jq -r '.[0].Config' d/manifest.json)
  sed -i 's/user:1/user:2/' "d/$name"
  sum "d/$name"
  refused "'$name' is damaged: its bytes are sha256:$sum"
}

# manifest_of DIR: sets manifest to the file of the only manifest
manifest_of() {
  [[ $(<"$1/index.json") =~ sha256:([0-9a-f]{64}) ]]
  manifest=$1/blobs/sha256/${BASH_REMATCH[1]}
}

# new_manifest PROGRAM: changes the manifest of the layout d, and the index so that it fits
new_manifest() {
  local manifest index
  manifest_of d
  index=$(<d/index.json)
  jq -c "$1" "$manifest" >new
  sum new
  mv new "d/blobs/sha256/$sum"
  printf '%s\n' "${index//"${manifest##*/}"/"$sum"}" >d/index.json
}

@test "an OCI layout that is wrong" {
  mapfile -t ids <images/diffids
  refused_layout() {
    unpack oci
    new_manifest "$1"
    manifest_of d
    refused "${manifest#d/}: $2"
  }
  refused_layout '.layers = 1' 'layers: expected a list, found a number'
  refused_layout '.layers[0].digest = "sha512:0"' \
    'layer: expected sha256: and 64 lower-case hex digits, found "sha512:0"'
  refused_layout '.layers[0].size = -1' 'size of the layer: expected a whole number of at most 2^53'
  refused_layout '.config.mediaType = "application/vnd.cncf.helm.config.v1+json"' \
    'no container image: its configuration is of type "application/vnd.cncf.helm.config.v1+json"'
  refused_layout '.config = null' 'configuration: expected an object, found null'
  refused_layout 'del(.config)' 'expected an index or an image manifest of the OCI image specification'
  unpack oci
  new_manifest '.layers[1].size += 1'
  manifest_of d
  blob=blobs/sha256/$(jq -r '.layers[1].digest[7:]' "$manifest")
  size=$(stat -c %s "d/$blob")
  refused "layer 2 (${ids[1]}): '$blob' has $size bytes, expected $((size + 1))"
  unpack oci
  rm "d/$blob"
  refused "no member '$blob'"
  unpack oci
  printf x | dd of="d/$blob" bs=1 seek=$((size / 2)) conv=notrunc status=none
  tar -C d -cf bad.tar .
  run -1 image-layers bad.tar
  [[ $output == "image-layers: bad.tar: layer 2 (${ids[1]}): "* ]]
  unpack oci
  manifest_of d
  echo >>"$manifest"
  sum "$manifest"
  refused "'${manifest#d/}' is damaged: its bytes are sha256:$sum"
  unpack oci
  edit index.json '.manifests = []'
  refused 'its list of images is empty'
  unpack oci
  edit index.json '.manifests[0].annotations = "x"'
  refused 'index.json: annotations: expected an object, found a string'
  unpack oci
  printf '\0{}' >>d/index.json
  refused "'index.json' is not JSON: it has a NUL byte"
}

@test "a blob whose bytes decompress to the layer, but are not the blob's" {
  mapfile -t ids <images/diffids
  unpack oci
  manifest_of d
  blob=$(jq -r '.layers[1].digest[7:]' "$manifest")
  python3 - "d/blobs/sha256/$blob" <<'P'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[9] ^= 1  # which system made it
open(sys.argv[1], "wb").write(data)
P
  sum "d/blobs/sha256/$blob"
  refused "layer 2 (${ids[1]}): damaged: its blob is sha256:$sum"
}

@test "a plain layer with a digest that is not its diff ID" {
  mapfile -t ids <images/diffids
  unpack oci-bare
  manifest_of d
  config=$(jq -r '.config.digest[7:]' "$manifest")
  jq -c '.rootfs.diff_ids[0] = .rootfs.diff_ids[1]' "d/blobs/sha256/$config" >new
  sum new
  size=$(stat -c %s new)
  mv new "d/blobs/sha256/$sum"
  new_manifest ".config = {digest: \"sha256:$sum\", size: $size}"
  refused "layer 1 (${ids[1]}): it is not compressed, but has another digest: ${ids[0]}"
}

@test "an index with too many images, and one with many platforms" {
  cp -r images/oci d
  many() {
    jq -nc --arg platform "$1" '{manifests: [range(5000) | {size: 1,
      digest: "sha256:\("0" * 60)\(. + 1000)",
      platform: {os: "linux", architecture: ($platform + (. | tostring))}}]}' >d/index.json
  }
  many x
  refused 'index.json: more than 4096 images in one index'
  edit index.json '.manifests |= .[:30]'
  printf -v zeros '%060d' 0
  run -1 image-layers d
  [[ $output == "image-layers: d: no member 'blobs/sha256/${zeros}1000', the manifest of the image for linux/x0, linux/x1, "* ]]
  for i in {1000..1029}; do
    echo '{}' >"d/blobs/sha256/$zeros$i"
  done
  refused "no image for linux/$(jq -r .architecture images/config.json), but $(
    seq -f linux/x%.0f -s ', ' 0 19) and 10 more"
}

@test "indexes within indexes, without end" {
  cp -r images/oci d
  for _ in 1 2 3 4 5 6 7 8; do
    sum d/index.json
    mv d/index.json "d/blobs/sha256/$sum"
    echo "{\"manifests\": [{\"digest\": \"sha256:$sum\", \"size\": 1}]}" >d/index.json
  done
  refused 'indexes nested deeper than 8'
}

@test "one mode, one image" {
  fails 2 "image-layers: give only one of --list, --config, --repo-tags, --files and --store-paths (see 'image-layers --help')" \
    image-layers --list --config images/plain.tar
  fails 2 "image-layers: give --list, --config, --files and --store-paths once each (see 'image-layers --help')" \
    image-layers --list --list=a images/plain.tar
  fails 2 "image-layers: two kinds of lines would go to 'a' (see 'image-layers --help')" \
    image-layers --list=a --files=a images/plain.tar
  fails 2 "image-layers: --store-dir goes with --store-paths only (see 'image-layers --help')" \
    image-layers --store-dir /gnu/store images/plain.tar
  fails 2 "image-layers: --store-dir: bad store directory 'x': expected an absolute path without an empty, . or .. part and without a slash at its end (see 'image-layers --help')" \
    image-layers --store-paths --store-dir x images/plain.tar
  fails 1 "image-layers: cannot open 'nowhere': No such file or directory" image-layers nowhere
  fails 2 "image-layers: --repo-tags goes with no other lines (see 'image-layers --help')" \
    image-layers --repo-tags --files=files images/plain.tar
  fails 2 "image-layers: --known goes with a layer stream only (see 'image-layers --help')" \
    image-layers --known known --files=files images/plain.tar
  [ ! -e files ]
}

@test "lines of several kinds in one run" {
  local kind
  for kind in list config files store-paths; do image-layers --$kind images/nixpkgs.tar >"want.$kind"; done
  image-layers --list=list --config=config --files=files --store-paths=store-paths images/nixpkgs.tar >said
  [ ! -s said ]
  image-layers --config --files=files.2 images/nixpkgs.tar >config.2
  for kind in list config files store-paths; do same "want.$kind" "$kind"; done
  same files files.2
  same config config.2
  head -c 9000 images/nixpkgs.tar >short
  run -1 image-layers --config=none --files=none.2 short
  [ ! -e none ] && [ ! -e none.2 ]
  fails 1 "image-layers: cannot create 'no/where': No such file or directory" image-layers --files=no/where images/plain.tar
}

@test "what is damaged anywhere never gives another image" {
  python3 - <<'P'
import random, subprocess
data = open("images/nixpkgs.tar", "rb").read()
good = subprocess.run(["image-layers", "images/nixpkgs.tar"], stdout=subprocess.PIPE, check=True).stdout
random.seed(1)
for _ in range(40):
    bad = bytearray(data)
    bad[random.randrange(len(bad))] ^= 1 << random.randrange(8)
    if random.random() < 0.2:
        del bad[random.randrange(len(bad)):]
    open("bad.tar", "wb").write(bad)
    done = subprocess.run(["image-layers", "bad.tar"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    whole = done.stdout == good
    if done.returncode == 0 and not whole or done.returncode not in (0, 1) or \
            done.returncode == 1 and done.stderr.count(b"\n") != 1:
        raise SystemExit(f"{done.returncode} {done.stderr}")
P
}

# --- layouts of today's tools ---

# entry FILTER: changes the only entry of the index of the layout d
entry() { edit index.json ".manifests[0] |= ($1)"; }

@test "an artifactType that is a configuration's is that of an image: go-containerregistry" {
  image-layers images/oci >want
  for type in application/vnd.oci.image.config.v1+json application/vnd.docker.container.image.v1+json; do
    unpack oci
    entry ".artifactType = \"$type\""
    image-layers d >found
    same want found
    new_manifest ".artifactType = \"$type\""
    image-layers d >found
    same want found
  done
  unpack oci
  entry '.artifactType = ""'
  image-layers d >found
  same want found
}

@test "what is no image in a layout is left out, and named where nothing is left" {
  local hex
  unpack oci
  hex=$(jq -r '.manifests[0].digest[:19]' d/index.json)
  entry '.artifactType = "application/x"'
  refused "its list of images is empty; left out: $hex (artifact of type \"application/x\")"
  entry 'del(.artifactType) | .annotations.kind = "dev.cosignproject.cosign/sigs"'
  refused "its list of images is empty; left out: $hex (of the kind \"dev.cosignproject.cosign/sigs\")"
  entry 'del(.annotations) | .annotations["vnd.docker.reference.type"] = "attestation-manifest"'
  refused "its list of images is empty; left out: $hex (note of a builder: \"attestation-manifest\")"
  entry 'del(.annotations) | .mediaType = "text/html"'
  refused "its list of images is empty; left out: $hex (of type \"text/html\")"
  entry 'del(.annotations) | .mediaType = "text/html"'
  [ "$(image-layers --repo-tags d | wc -c)" = 0 ]
}

@test "an artifact that only its manifest tells of" {
  for change in '.artifactType = "application/x"' '.config.mediaType = "application/x"' \
    '.layers[0].mediaType = "application/vnd.dev.cosign.simplesigning.v1+json"'; do
    unpack oci
    new_manifest "$change"
    cp d/index.json sig.json
    sig=$(jq -r '.manifests[0].digest[7:]' sig.json)
    unpack oci
    manifest_of d
    jq -c "$change" "$manifest" >"d/blobs/sha256/$sig"
    jq -c --slurpfile s sig.json '.manifests = [($s[0].manifests[0] | .annotations["org.opencontainers.image.ref.name"] = "sig")] + .manifests' \
      images/oci/index.json >d/index.json
    [ "$(image-layers --repo-tags d)" = 1.0 ]
    image-layers d >found
    image-layers images/oci >want
    same want found
    run -1 image-layers --image sig d
    [[ $output == "image-layers: d: no image 'sig' in it, but 1.0; left out: sha256:${sig:0:12} ("* ]]
  done
}

@test "an image for a platform whose manifest is not in the file; a foreign layer" {
  arch=$(jq -r .architecture images/config.json)
  unpack flat
  mine=$(jq -r --arg a "$arch" '.manifests[] | select(.platform.architecture == $a) | .digest[7:]' d/index.json)
  rm "d/blobs/sha256/$mine"
  image-layers --config d | grep -q '^architecture'
  mapfile -t ids <images/diffids
  unpack oci
  new_manifest '.layers[1].mediaType = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"'
  manifest_of d
  rm "d/blobs/sha256/$(jq -r '.layers[1].digest[7:]' "$manifest")"
  refused "layer 2 (${ids[1]}): a foreign layer, whose bytes are not in the image: its type is application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
}

@test "a configuration for another platform than the index says" {
  unpack flat
  mine=$(jq -r .architecture images/config.json)
  edit index.json '[.manifests[].platform] as [$a, $b] | .manifests[0].platform = $b | .manifests[1].platform = $a'
  for option in --platform --prefer-platform; do
    refused "no image for linux/s390x, but linux/$mine" $option s390x
  done
  # a configuration without a variant says nothing else
  edit index.json ".manifests[1].platform = {os: \"linux\", architecture: \"$mine\", variant: \"v9\"}"
  for option in --platform --prefer-platform; do
    image-layers $option "$mine/v9" d | same <(image-layers images/plain.tar) /dev/stdin
  done
}

@test "a variant that a platform without one has" {
  local platform
  image-layers images/plain.tar >layers
  for platform in amd64 arm arm64 arm64/v9; do
    image-assemble --name x --tag 1 --architecture $platform --format oci --output "of-${platform/\//-}" layers
  done
  merge-images --format oci --output all of-amd64 of-arm of-arm64-v9 of-arm64
  for platform in amd64/v1 arm/v7 arm64/v8; do
    for option in --platform --prefer-platform; do
      image-layers $option $platform --config all >config
      grep -E '^(architecture|variant)' config | same <(lines "architecture\t${platform%/*}") /dev/stdin
      image-layers $option $platform "of-${platform%/*}" | same layers /dev/stdin
    done
  done
  fails 1 'image-layers: all: no image for linux/arm/v6, but linux/amd64, linux/arm, linux/arm64/v9, linux/arm64' \
    image-layers --platform arm/v6 all
  fails 1 'image-layers: of-arm64: no image for linux/arm64/v7, but linux/arm64' image-layers --platform arm64/v7 of-arm64
  # one that says it goes first
  image-assemble --name x --tag 1 --architecture arm64/v8 --format oci --output of-arm64-v8 layers
  merge-images --format oci --output both of-arm64 of-arm64-v8
  image-layers --platform arm64/v8 --config both | grep -q '^variant'
}

@test "skopeo's dir: form" {
  unpack oci
  mkdir dir
  manifest_of d
  cp "$manifest" dir/manifest.json
  cp d/blobs/sha256/* dir
  echo 'Directory Transport Version: 1.1' >dir/version
  image-layers images/oci >want
  image-layers dir >found
  same want found
  tar -C dir -cf dir.tar .
  image-layers dir.tar >found
  same want found
  layer=$(jq -r '.layers[0].digest[7:]' dir/manifest.json)
  ln -sf "$PWD/d/blobs/sha256/$layer" "dir/$layer"
  image-layers dir >found
  same want found
  config=$(jq -r '.config.digest[7:]' dir/manifest.json)
  echo >>"dir/$config"
  sum "dir/$config"
  fails 1 "image-layers: dir: '$config' is damaged: its bytes are sha256:$sum" image-layers dir
}

@test "skopeo writes dir:, and it is read" {
  needs skopeo
  skopeo --insecure-policy copy -q docker-archive:images/plain.tar dir:made
  image-layers --config made >found
  image-layers --config images/plain.tar >want
  same want found
  image-layers made >found
  image-layers images/plain.tar >want
  same want found
}

@test "manifest.json with keys in any capitals; an archive compressed with xz" {
  needs xz
  image-layers images/plain.tar >want
  local spelled
  for spelled in '(.[:1] | ascii_downcase) + .[1:]' ascii_upcase 'explode | map(if . % 2 == 0 then [.] | implode | ascii_upcase else [.] | implode end) | add' ascii_downcase; do
    unpack plain
    edit manifest.json "map(with_entries(.key |= ($spelled)))"
    ! grep -q '"Config".*"RepoTags".*"Layers"' d/manifest.json
    tar -C d -cf lower.tar .
    image-layers lower.tar >found
    same want found
    [ "$(image-layers --repo-tags lower.tar)" = "$(image-layers --repo-tags images/plain.tar)" ]
  done
  xz -k lower.tar
  image-layers lower.tar.xz >found
  same want found
  image-layers < <(xz -dc lower.tar.xz | xz -9e) >found
  same want found
}

@test "links in a layout: to blobs anywhere, to other files only inside" {
  cp -r images/oci away
  mkdir -p lay/blobs/sha256
  ln -sr away/blobs/sha256/* lay/blobs/sha256/
  cp away/index.json lay/
  image-layers images/oci >want
  image-layers lay >found
  same want found
  rm -r lay/blobs
  ln -s "$PWD/away/blobs" lay/blobs
  image-layers lay >found
  same want found
  mv lay/index.json lay/real
  ln -s real lay/index.json
  image-layers lay >found
  same want found
  ln -sf "$PWD/away/index.json" lay/index.json
  fails 1 "image-layers: lay: 'index.json' is a symbolic link out of the directory, which is not followed" \
    image-layers lay
  ln -sf real lay/index.json
  rm lay/blobs
  cp -r away/blobs lay/
  manifest_of lay
  ln -sf /etc/passwd "$manifest"
  sum /etc/passwd
  fails 1 "image-layers: lay: '${manifest#lay/}' is damaged: its bytes are sha256:$sum" image-layers lay
}

# with_store COMMAND…: the same files but for /nix, which has an empty store
with_store() {
  unshare -rm bash -c '
    mkdir new
    for top in /*; do
      [ "$top" != /nix ] || continue
      if [ -L "$top" ]; then
        cp -P "$top" new/
      elif [ -d "$top" ]; then
        mkdir "new$top" && mount --rbind "$top" "new$top"
      fi || exit
    done
    mkdir -p new/nix/store
    exec chroot new "$BASH" -euc "cd \"\$1\" && shift && \"\$@\"" _ "$PWD" "$@"' _ "$@"
}

farms() {
  local path=/nix/store/00000000000000000000000000000000 blob
  mkdir -p farm/blobs/sha256 $path-oci whole chain/blobs/sha256 /nix/out
  cp -r images/oci/. $path-oci
  # linkFarm: each file is a link
  for blob in images/oci/blobs/sha256/*; do
    ln -s "$path-oci/blobs/sha256/${blob##*/}" farm/blobs/sha256/
    ln -s "$path-oci/blobs/sha256/${blob##*/}" "$path-${blob##*/}"
    ln -s "$path-${blob##*/}" chain/blobs/sha256/"${blob##*/}"
  done
  ln -s $path-oci/index.json $path-oci/oci-layout farm/
  # directories are
  ln -s $path-oci/index.json $path-oci/blobs whole/
  # and links of the store lead on
  ln -s ${path##*/}-oci/index.json $path-index
  ln -s $path-index chain/index.json
  for farm in farm whole chain; do
    image-layers $farm >found
    cmp found want
  done
  # but none leads out of it
  cp images/oci/index.json /nix/out
  ln -sf /nix/out/index.json $path-index
  ! image-layers chain 2>said
  echo "image-layers: chain: 'index.json' is a symbolic link out of the directory, which is not followed" | cmp - said
}

@test "a layout of links into a Nix store" {
  unshare -rm true 2>/dev/null || { [ "${MUST_RUN:-0}" != 1 ] && skip 'no namespaces here'; }
  image-layers images/oci >want
  export -f farms
  with_store bash -euc farms
}

@test "what is no archive is called that" {
  echo hello >text
  fails 1 "image-layers: text: not a tar archive: it has only 6 bytes" image-layers text
  cp images/plain.tar more.tar
  head -c 1000 /dev/urandom >junk
  cat junk >>more.tar
  size=$(stat -c %s images/plain.tar)
  run -1 image-layers more.tar
  [ "$output" = "image-layers: more.tar: header at byte $size: bytes behind the end of the archive, and no further one" ]
  cp images/plain.tar few.tar
  echo few >>few.tar
  run -1 image-layers few.tar
  [ "$output" = "image-layers: few.tar: 4 bytes behind the end of the archive, at byte $size" ]
}
