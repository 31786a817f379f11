#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# layer-flatten: what layers make on top of each other. tests/unit/layertree.c has the corners one
# by one, tests/flatten.py a model of it all.
load helper

setup() {
  setup_path
  PATH=$TOP/tests/fixtures:$PATH
}

# layer FILE MTREE-LINE…: a layer tar
layer() {
  local file=$1
  shift
  printf '%s\n' "$@" | layer-tar --mtree - --bare >"$file"
}

# two_layers: 1.tar and 2.tar in the stream "layers", with their digests
two_layers() {
  layer 1.tar './a type=dir' './a/b type=file' './c type=file'
  layer 2.tar './a/.wh.b type=file' './d type=link link=c'
  make-stream 1.tar,diffid="$(diffid 1.tar)" 2.tar,diffid="$(diffid 2.tar)" >layers
}

diffid() { printf 'sha256:%s' "$(sha256sum "$1" | cut -d ' ' -f 1)"; }

@test "a model agrees on random layers, from files and from pipes" {
  python3 "$TOP/tests/flatten.py" check 300
}

@test "a stream in a file, at any place of it, or from a pipe gives the same bytes" {
  two_layers
  layer-flatten <layers >flat
  tar -tf flat >names
  lines ./ ./a/ ./c ./d >want
  same want names
  mkfifo pipe
  cat layers >pipe &
  layer-flatten <pipe >piped
  wait $!
  same flat piped
  { echo 'a line before it' && cat layers; } >shifted
  { read -r _ && layer-flatten; } <shifted >behind
  same flat behind
  layer-flatten <layers | cat >through
  same flat through
}

@test "streams follow each other, and a plain tar of layers is one" {
  two_layers
  layer-flatten <layers >flat
  make-stream 1.tar >one
  make-stream - 2.tar >two
  cat one two >both
  layer-flatten <both >found
  same flat found
}

@test "equal trees are equal bytes, however layers cut them" {
  layer all.tar './a type=dir mode=0700' './a/b type=file uid=7' './a/c type=link link=b'
  layer 1.tar './a/c type=link link=b'
  layer 2.tar './a type=dir mode=0700' './a/b type=file uid=7'
  make-stream all.tar >one
  make-stream 1.tar 2.tar >two
  layer-flatten <one >flat
  layer-flatten <two >found
  same flat found
  make-stream flat >again
  layer-flatten <again >found
  same flat found
}

@test "contents of every size, and names of any bytes" {
  python3 - <<'END'
import io, tarfile
out = tarfile.open("1.tar", "w", format=tarfile.PAX_FORMAT)
data = bytes(n * 7 % 251 for n in range(251)) * 13000
for size in 0, 1, 511, 512, 513, 65535, 65536, 65537, 3 << 20:
    info = tarfile.TarInfo(f"size/{size}")
    info.size = size
    out.addfile(info, io.BytesIO(data[:size]))
for name in b"\xff", b"a\nb", b" ", b"\\", b"-", b"n" * 255, b"d/" * 200 + b"x":
    out.addfile(tarfile.TarInfo("names/" + name.decode("utf-8", "surrogateescape")))
out.close()
END
  make-stream 1.tar >layers
  layer-flatten <layers >flat
  mkdir want found
  tar -xf 1.tar -C want
  tar -xf flat -C found
  diff -r want found
}

@test "a layer that is not what its digest says is an error, and nothing is written" {
  two_layers
  make-stream 1.tar 2.tar,diffid="$(diffid 1.tar)" >wrong
  fails 1 "layer-flatten: <stdin>: layer 2 ('layer-0002.tar'): its diff ID is given as \
$(diffid 1.tar), but its bytes are $(diffid 2.tar)" layer-flatten <wrong
  # shellcheck disable=SC2002 # a pipe
  cat wrong | fails 1 "layer-flatten: <stdin>: layer 2 ('layer-0002.tar'): its diff ID is given as \
$(diffid 1.tar), but its bytes are $(diffid 2.tar)" layer-flatten
}

@test "what a producer that died leaves is an error" {
  two_layers
  make-stream 3 1.tar 2.tar >short
  fails 1 'layer-flatten: <stdin>: stream announced 3 layers, but holds 2: its producer failed' \
    layer-flatten <short
  head -c -1024 layers >short
  fails 1 "layer-flatten: <stdin>: truncated at byte $(stat -c %s short): expected more, up to two \
zero blocks at the end of the archive" layer-flatten <short
}

@test "no layers are an error unless that is said" {
  fails 1 'layer-flatten: <stdin>: no layers (--allow-empty makes an empty tree)' \
    layer-flatten </dev/null
  make-stream 0 >none
  fails 1 'layer-flatten: <stdin>: no layers (--allow-empty makes an empty tree)' \
    layer-flatten <none
  layer-flatten --allow-empty <none >flat
  [ "$(tar -tf flat)" = ./ ]
  [ "$(stat -c %s flat)" = 10240 ]
}

@test "errors in a layer name it and the place in it" {
  layer good.tar './a type=file'
  python3 - <<'END'
import tarfile
out = tarfile.open("bad.tar", "w")
out.addfile(tarfile.TarInfo("x"))
out.addfile(tarfile.TarInfo("../../etc/passwd"))
END
  make-stream good.tar bad.tar >layers
  fails 1 "layer-flatten: <stdin>: layer 2 ('layer-0002.tar'): header at byte 512: \
'../../etc/passwd' leads out of the root" layer-flatten <layers
}

@test "a layer without zero blocks at its end is whole where a digest says so" {
  layer 1.tar './a type=file'
  head -c 512 1.tar >open.tar
  make-stream open.tar,diffid="$(diffid open.tar)" >layers
  layer-flatten <layers >flat
  lines ./ ./a >want
  tar -tf flat >names
  same want names
  make-stream open.tar >layers
  fails 1 "layer-flatten: <stdin>: layer 1 ('layer-0001.tar'): cut short: a tar ends with two \
zero blocks" layer-flatten <layers
}

@test "what follows the end of a layer's archive is hashed, but no part of it" {
  layer 1.tar './a type=file'
  layer 2.tar './b type=file'
  cat 1.tar 2.tar >both.tar
  make-stream both.tar,diffid="$(diffid both.tar)" >layers
  layer-flatten <layers >flat
  lines ./ ./a >want
  tar -tf flat >names
  same want names
}

@test "the spool is in TMPDIR, and an input that is a file needs none" {
  two_layers
  export TMPDIR=$PWD/missing
  layer-flatten <layers >flat
  # shellcheck disable=SC2002 # a pipe
  cat layers | fails 1 \
    "layer-flatten: cannot create a temporary file in '$TMPDIR': No such file or directory" layer-flatten
}

@test "a full disk for the spool is an error that says what to do" {
  needs_root
  needs unshare
  two_layers
  mkdir full
  unshare -m bash -c '
    mount -t tmpfs -o size=4k none full && TMPDIR=$PWD/full layer-flatten >flat 2>err' \
    < <(cat layers) && false
  [ "$(cat err)" = "layer-flatten: cannot write a temporary file in '$PWD/full' (TMPDIR can name \
another directory): No space left on device" ]
  [ ! -s flat ]
}

@test "100,000 files take less than 64 MiB and little time" {
  [ "${SANITIZED:-0}" != 1 ] || skip 'the sanitizers need more'
  python3 "$TOP/tests/flatten.py" many 100000 >layers
  python3 - <<'END'
import resource, subprocess
subprocess.run("cat layers | layer-flatten >flat", shell=True, check=True)
found = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
assert found < 64 << 10, f"{found} KiB"
END
  [ "$(tar -tf flat | wc -l)" = $((100000 + 500 + 3)) ]
}

# --- images ---

@test "an image in any layout gives what its layers in a stream give" {
  local image
  made images images
  make-stream - images/a.tar images/b.tar images/a.tar >stream
  layer-flatten <stream >want
  for image in images/*.tar images/*.tar.* images/oci; do
    case $image in
      */a.tar | */b.tar | */foreign.tar | */null.tar | */two.tar) continue ;;
    esac
    layer-flatten --from-image "$image" >found || { echo "$image"; false; }
    image-layers "$image" | layer-flatten >piped
    same piped found || { echo "$image"; false; }
    case $image in
      */index.tar | */flat.tar) ;;
      *) same want found || { echo "$image"; false; } ;;
    esac
  done
  layer-flatten --from-image - <images/plain.tar >found
  same want found
  layer-flatten --from-image images/two.tar --image app:1.0 >found
  same want found
  layer-flatten --from-image images/two.tar >found
  run -1 cmp -s want found
}

@test "layers that are not compressed are read in place" {
  made images images
  TMPDIR=$PWD/missing layer-flatten --from-image images/plain.tar >flat
  TMPDIR=$PWD/missing fails 1 "layer-flatten: cannot create a temporary file in '$PWD/missing': \
No such file or directory" layer-flatten --from-image images/gz.tar
}

@test "a damaged layer of an image is an error, large files in it too" {
  head -c 5000000 /dev/zero >zeros
  layer 1.tar './zeros type=file contents=zeros'
  make-stream 1.tar | image-assemble >image.tar
  printf x | dd of=image.tar bs=1 seek=3000000 conv=notrunc status=none
  run -1 --separate-stderr layer-flatten --from-image image.tar
  [ -z "$output" ]
  # shellcheck disable=SC2154 # run sets it
  [[ $stderr == "layer-flatten: image.tar: layer 1 ($(diffid 1.tar)): damaged: its bytes are sha256:"* ]]
}

@test "an image without layers is an error unless that is said" {
  made images images
  fails 1 'layer-flatten: images/null.tar: no layers (--allow-empty makes an empty tree)' \
    layer-flatten --from-image images/null.tar
  layer-flatten --from-image images/null.tar --allow-empty >flat
  [ "$(tar -tf flat)" = ./ ]
}

@test "the output appears whole or not at all" {
  two_layers
  layer-flatten <layers >want
  layer-flatten --output flat <layers >printed
  [ ! -s printed ]
  same want flat
  echo old >flat
  fails 1 'layer-flatten: <stdin>: no layers (--allow-empty makes an empty tree)' \
    layer-flatten --output flat </dev/null
  [ "$(cat flat)" = old ]
  fails 1 "layer-flatten: cannot create 'missing/flat': No such file or directory" \
    layer-flatten --output missing/flat <layers
  fails 1 "layer-flatten: cannot write '': No such file or directory" layer-flatten --output '' <layers
}

@test "--image needs an image" {
  fails 2 "layer-flatten: --image goes with --from-image only (see 'layer-flatten --help')" \
    layer-flatten --image a:1 </dev/null
}

@test "a file that changes between the first and the second reading" {
  local change message
  truncate -s 5000000 large
  layer 1.tar './large type=file contents=large'
  make-stream 1.tar >layers
  image-assemble <layers >image.tar
  for change in 'printf x | dd of=FILE bs=1 seek=3000000 conv=notrunc status=none' 'truncate -s 4000000 FILE'; do
    message='it changed while it was read'
    [[ $change != truncate* ]] || message='it became shorter while it was read'
    cp image.tar changed.tar
    fails 1 "layer-flatten: changed.tar: layer 1 ($(diffid 1.tar)): $message" \
      meanwhile "${change/FILE/changed.tar}" layer-flatten --from-image changed.tar
    cp layers changed
    fails 1 "layer-flatten: <stdin>: $message" \
      meanwhile "${change/FILE/changed}" layer-flatten <changed
  done
}

@test "an error in the middle of a layer while its digest is reckoned beside" {
  mkdir many
  (cd many && touch {1..300} && head -c 3000000 /dev/zero >large && tar -cf ../many.tar {1..300} ./300 large)
  make-stream many.tar,diffid="$(diffid many.tar)" >layers
  for _ in {1..20}; do
    fails 1 "layer-flatten: <stdin>: layer 1 ('layer-0001.tar'): header at byte 153600: './300' is in the layer twice" \
      layer-flatten <layers
  done
}

# --- sparse files ---

# holes FILE SIZE OFFSET…: a file of that size with a few bytes at each offset, and holes
holes() {
  local file=$1 offset
  truncate -s "$2" "$file"
  shift 2
  for offset; do
    printf 'at %s' "$offset" | dd of="$file" bs=1 seek="$offset" conv=notrunc status=none
  done
}

@test "sparse files in every form: what GNU tar makes of them" {
  needs bsdtar
  mkdir tree want
  holes tree/begin 1M 0
  holes tree/middle 300001 100000 200000
  holes tree/end 2M 2097142
  holes tree/empty 100000
  # shellcheck disable=SC2046 # numbers
  holes tree/many 8M $(seq 4096 65536 8000000)
  ln tree/middle tree/name
  printf whole >tree/whole
  tar -C tree -cf whole.tar .
  local form
  for form in 'pax --sparse-version=0.0' 'pax --sparse-version=0.1' 'pax --sparse-version=1.0' gnu; do
    # shellcheck disable=SC2086 # words
    tar -C tree --sparse --format=$form -cf layer.tar .
    [ "$(stat -c %s layer.tar)" -lt 1500000 ]
    tar -cf stream layer.tar
    layer-flatten <stream >flat
    layer-flatten < <(cat stream) | cmp - flat
    rm -rf want found
    mkdir want found
    tar -C want -xf layer.tar
    tar -C found -xf flat
    diff -r want found
    diff -r tree found
    [ "$(stat -c %i found/middle)" = "$(stat -c %i found/name)" ]
    ! tar -tvvf flat | grep -q '^S'
    image-assemble --name x <stream | layer-flatten --from-image - | cmp - flat
    image-assemble --name x <stream >image
    image-layers --files image >files
    grep -q '^./end .*size=2097152' files
  done
  bsdtar -C tree --format=pax -cf layer.tar .
  grep -aq GNU.sparse.realsize layer.tar
  tar -cf stream layer.tar
  layer-flatten <stream >flat
  rm -rf found
  mkdir found
  tar -C found -xf flat
  diff -r tree found
}

@test "sparse files: holes below an upper layer's files, an entry that replaces one" {
  mkdir lower upper
  holes lower/a 100000 50000
  holes lower/b 100000 50000
  printf new >upper/b
  tar -C lower --sparse --format=pax -cf 1.tar a b
  tar -C upper -cf 2.tar b
  tar -cf stream 1.tar 2.tar
  layer-flatten <stream >flat
  tar -xOf flat ./a | cmp - lower/a
  tar -xOf flat ./b | cmp - upper/b
}

@test "sparse files that are a bomb, or no file" {
  truncate -s 2G bomb
  tar --sparse --format=pax -cf layer.tar bomb
  tar -cf stream layer.tar
  run -1 --separate-stderr layer-flatten <stream
  # shellcheck disable=SC2154
  [[ $stderr == "layer-flatten: <stdin>: layer 1 ('layer.tar'): header at byte "*": sparse files with 2147483648 bytes of holes in an archive of "*" so far: this looks like a bomb" ]]
  [ -z "$output" ]
  # an archive of layers, and of an image, is none
  truncate -s 1M sparse.tar
  tar --sparse --format=pax -cf stream sparse.tar
  run -1 --separate-stderr layer-flatten <stream
  [[ $stderr == "layer-flatten: <stdin>: header at byte 1024: sparse file: not supported" ]]
}

@test "layer streams as operands: one on top of the other, and - is standard input" {
  local see="(see 'layer-flatten --help')"
  mkdir -p lower upper
  echo one | tee lower/a lower/b
  echo two >upper/b
  tar -C lower -cf 1.tar a b
  tar -C upper -cf 2.tar b
  make-stream 1.tar >one
  make-stream 2.tar >two
  cat one two | layer-flatten >want
  layer-flatten one two >found
  same want found
  layer-flatten one - <two >found
  same want found
  layer-flatten <(cat one) two --output found
  same want found
  tar -xOf found ./b >b
  lines two | same b /dev/stdin
  : >nothing
  fails 1 'layer-flatten: nothing: empty, not even a layer stream: its producer failed' \
    layer-flatten --allow-empty one nothing
  make-stream 0 >none
  fails 1 'layer-flatten: the inputs together: no layers (--allow-empty makes an empty tree)' layer-flatten none none
  fails 1 "layer-flatten: cannot open 'absent': No such file or directory" layer-flatten one absent
  fails 2 "layer-flatten: --from-image goes without other operands, found 'one' $see" \
    layer-flatten --from-image image one
}
