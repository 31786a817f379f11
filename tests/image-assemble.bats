#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# image-assemble: layer streams to an image that loads, or to nothing.
# shellcheck disable=SC2154 # run sets stderr
load helper

# base.tar and top.tar: layers as GNU tar makes them
setup_file() {
  setup_path
  mkdir -p tree/bin tree/etc
  echo '#!/bin/sh' >tree/bin/hello
  echo value >tree/etc/conf
  local tar=(tar -C tree --format=ustar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@1)
  "${tar[@]}" -cf base.tar bin
  "${tar[@]}" -cf top.tar etc
  base=$(sha256sum base.tar | cut -d' ' -f1)
  top=$(sha256sum top.tar | cut -d' ' -f1)
  key=$(printf key | sha256sum | cut -d' ' -f1)
  export base top key stream=$TOP/tests/fixtures/make-stream
}

setup() {
  setup_path
  hint="(see 'image-assemble --help')"
  cp -a "$BATS_FILE_TMPDIR/." .
}

assemble() { image-assemble --architecture amd64 "$@"; }

# look IMAGE: checks by Python that the archive is what the specification says, whole and exact
look() {
  python3 - "$1" <<'END'
import hashlib, json, sys, tarfile
data = open(sys.argv[1], "rb").read()
assert len(data) % 10240 == 0 and data[-1024:] == bytes(1024)
tar = tarfile.open(sys.argv[1], "r:")
members = tar.getmembers()
names = [m.name for m in members]
assert len(set(names)) == len(names), names
assert names[-1] == "manifest.json", names
for m in members:
    assert (m.mode, m.uid, m.gid, m.uname, m.gname, m.mtime) == (0o644, 0, 0, "", "", 1), m
(manifest,) = json.load(tar.extractfile("manifest.json"))
assert list(manifest) == ["Config", "RepoTags", "Layers"], manifest
config_bytes = tar.extractfile(manifest["Config"]).read()
assert manifest["Config"] == hashlib.sha256(config_bytes).hexdigest() + ".json"
assert names[-2] == manifest["Config"]
assert set(names[:-2]) == set(manifest["Layers"])
config = json.loads(config_bytes)
digests = ["sha256:" + hashlib.sha256(tar.extractfile(n).read()).hexdigest() for n in manifest["Layers"]]
assert config["rootfs"] == {"type": "layers", "diff_ids": digests}, (config, digests)
assert len(config["history"]) == len(digests)
assert all(h["created"] == config["created"] for h in config["history"])
END
}

manifest() { tar -xOf "$1" manifest.json | jq -c ".[0]$2"; }

# whole FILE: is there a manifest, or an end?
whole() { grep -qa 'manifest\.json' "$1" || cmp -s -n 1024 <(tail -c 1024 "$1") /dev/zero; }

@test "make-stream writes what Python's tarfile writes" {
  printf odd >odd
  "$stream" "base.tar,comment=ü $(printf 'x%.0s' {1..90}),key=$key" "odd,diffid=sha256:$top,blob=a 1 b" odd >got
  "$stream" --old - "odd,comment=x,key=$key" >>got
  python3 - "$key" "$top" <<'END' >want
import io, sys, tarfile
key, top = sys.argv[1:]

def stream(records, *members):
    out = io.BytesIO()
    tar = tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, pax_headers=records)
    for number, (name, records) in enumerate(members, 1):
        data = open(name, "rb").read()
        info = tarfile.TarInfo(f"layer-{number:04}.tar")
        info.size, info.pax_headers = len(data), records
        tar.addfile(info, io.BytesIO(data))
    length = tar.offset
    tar.close()
    # two zero blocks, without tarfile's padding to a record
    sys.stdout.buffer.write(out.getvalue()[:length + 1024])

about = f"LAYERPIPE.key={key}\nLAYERPIPE.comment=ü {'x' * 90}"
stream({"comment": "LAYERPIPE.layers=3"}, ("base.tar", {"comment": about}),
       ("odd", {"comment": f"LAYERPIPE.diffid=sha256:{top}\nLAYERPIPE.blob=a 1 b"}), ("odd", {}))
stream({}, ("odd", {"LAYERPIPE.comment": "x", "LAYERPIPE.key": key}))
END
  same want got
}

@test "two layers: the very bytes of the archive's parts, and what skopeo makes of it" {
  needs skopeo
  "$stream" "base.tar,comment=the base,key=$key" top.tar >s
  lines 'Cmd\t/bin/hello' 'Env\tA=1' >conf
  assemble --name hello --tag latest --config conf <s >image
  look image
  cat >want <<END
{"created":"1970-01-01T00:00:01Z","architecture":"amd64","os":"linux","config":{"Env":["A=1"],"Cmd":["/bin/hello"]},"rootfs":{"type":"layers","diff_ids":["sha256:$base","sha256:$top"]},"history":[{"created":"1970-01-01T00:00:01Z","comment":"the base"},{"created":"1970-01-01T00:00:01Z"}]}
END
  id=$(sha256sum want | cut -d' ' -f1)
  tar -xOf image "$id.json" >got
  same got want
  [ "$(tar -xOf image manifest.json)" = "[{\"Config\":\"$id.json\",\"RepoTags\":[\"hello:latest\"],\"Layers\":[\"$key/layer.tar\",\"$top/layer.tar\"]}]" ]
  tar -xOf image "$key/layer.tar" >got
  same got base.tar
  skopeo copy -q docker-archive:image dir:dir
  jq -r '.layers[].digest' dir/manifest.json >got
  lines "sha256:$base" "sha256:$top" >want
  same got want
}

@test "a plain tar of layer tars, directories skipped, gives the same image as the stream" {
  mkdir -p layers/sub
  cp base.tar layers/sub/1.tar
  cp top.tar layers/sub/2.tar
  tar -C layers --sort=name -cf plain.tar .
  assemble --name x <plain.tar >a
  "$stream" base.tar top.tar >s
  assemble --name x <s >b
  same a b
  look a
}

@test "records of their own, as streams had them once, and comments of others" {
  local about
  about="base.tar,comment=the base,key=$key,diffid=sha256:$(sha256sum <base.tar | cut -c 1-64)"
  "$stream" "$about" top.tar,comment= >s
  "$stream" --old "$about" top.tar,comment= >old
  grep -ac '^[0-9]* LAYERPIPE' old
  fails 1 '' grep -a '^[0-9]* LAYERPIPE' s
  assemble --name a --tag 1 --layers-out list <s >new.tar
  assemble --name a --tag 1 --layers-out list.old <old >old.tar
  same old.tar new.tar
  same list.old list
  # what git archive writes
  tar --pax-option=comment=0123456789abcdef0123456789abcdef01234567 --format pax -cf plain.tar base.tar
  assemble --layers-out list <plain.tar >image
  lines 1 | same <(wc -l <list) /dev/stdin
}

@test "streams concatenate, padded ones and plain tars too; empty ones add nothing" {
  "$stream" base.tar >a
  "$stream" 0 >empty
  tar -cf b top.tar
  cat a empty b empty >both
  assemble <both >got
  "$stream" base.tar top.tar >s
  assemble <s >want
  look want
  same got want
}

@test "layer streams as operands: one on top of the other, and - is standard input" {
  "$stream" "base.tar,comment=the base,key=$key" >a
  "$stream" top.tar >b
  cat a b a | assemble --name a --tag 1 >want.tar
  assemble --name a --tag 1 a b a >found.tar
  same want.tar found.tar
  assemble --name a --tag 1 a - <(cat a) <b >found.tar
  same want.tar found.tar
  cat b a | assemble --name a --tag 1 -- a - >found.tar
  same want.tar found.tar
}

@test "an operand whose producer failed makes no image" {
  local size made='empty, not even a layer stream: its producer failed'
  "$stream" "base.tar,key=$key" >a
  "$stream" top.tar >b
  : >nothing
  fails 1 "image-assemble: nothing: $made" image-assemble --output image nothing b
  fails 1 "image-assemble: nothing: $made" image-assemble --output image b nothing
  fails 1 "image-assemble: nothing: $made" image-assemble --output image --allow-empty nothing
  fails 1 "image-assemble: <stdin>: $made" image-assemble --output image a - b </dev/null
  run -1 --separate-stderr image-assemble --output image <(layer-tar --root-dir nowhere plan) b
  [[ $stderr == *": $made" ]]
  for size in 1 512 1536 2560 "$(($(stat -c %s a) - 1024))"; do
    head -c "$size" a >short
    run -1 --separate-stderr image-assemble --output image short b
    [[ $stderr == 'image-assemble: short: '* ]]
  done
  fails 1 "image-assemble: cannot open 'absent': No such file or directory" image-assemble --output image a absent
  fails 1 'image-assemble: the inputs together: expected 3 layers, found 2: a producer failed' \
    image-assemble --expect-layers 3 --output image a b
  fails 1 'image-assemble: b: more than 1 layers: no more were expected' \
    image-assemble --expect-layers 1 --output image a b
  fails 1 'image-assemble: b: more than 1 layers: that is the limit set for this image' \
    image-assemble --max-layers 1 --output image a b
  [ ! -e image ]
  "$stream" 0 >none
  assemble --name a --tag 1 --output image a none
  fails 1 'image-assemble: the inputs together: no layers: expected a layer stream (--allow-empty makes an image without layers)' \
    image-assemble none none
}

@test "layers-out: what config-json makes the image's configuration of" {
  "$stream" base.tar,comment="a	b" top.tar >s
  lines 'Cmd\t/bin/hello' >conf
  assemble --config conf --created 2020-02-02 --layers-out list <s >image
  config-json --architecture amd64 --created 2020-02-02 --layers list conf >want
  tar -xOf image "$(manifest image .Config | tr -d '"')" >got
  same got want
  size=$(stat -c %s base.tar)
  lines "sha256:$base\t$size\tapplication/vnd.oci.image.layer.v1.tar\tsha256:$base\ta\\\\tb" \
    "sha256:$top\t$(stat -c %s top.tar)\tapplication/vnd.oci.image.layer.v1.tar\tsha256:$top\t-" >want
  same list want
}

@test "no tag: 32 characters of nix-base32 of the image's own ID; no name: no tags" {
  "$stream" base.tar >s
  assemble --name registry.example:5000/a/b_c <s >image
  id=$(manifest image .Config | tr -d '"' | cut -d. -f1)
  want=$(python3 - "$id" <<'END'
import sys
raw = bytes.fromhex(sys.argv[1])
folded = bytearray(20)
for i, b in enumerate(raw):
    folded[i % 20] ^= b
n = int.from_bytes(folded, "little")
print("".join("0123456789abcdfghijklmnpqrsvwxyz"[n >> 5 * i & 31] for i in reversed(range(32))))
END
  )
  [ "$(manifest image .RepoTags)" = "[\"registry.example:5000/a/b_c:$want\"]" ]
  assemble --name a --tag one --tag two.2_-x <s >image
  [ "$(manifest image .RepoTags)" = '["a:one","a:two.2_-x"]' ]
  assemble <s >image
  [ "$(manifest image .RepoTags)" = null ]
  look image
}

@test "the same layer twice is stored once and counts twice" {
  "$stream" "base.tar,key=$key" top.tar "base.tar,key=$key" top.tar "top.tar,diffid=sha256:$top" >s
  assemble <s >image
  look image
  [ "$(manifest image .Layers)" = "[\"$key/layer.tar\",\"$top/layer.tar\",\"$key/layer.tar\",\"$top/layer.tar\",\"$top/layer.tar\"]" ]
  [ "$(tar -tf image | wc -l)" = 4 ]
  "$stream" "base.tar,key=$key" "top.tar,key=$key" >s
  run -1 --separate-stderr assemble <s
  [ "$stderr" = "image-assemble: <stdin>: layer 2 ('layer-0002.tar'): an earlier layer with its key or digest is sha256:$base, but its bytes are sha256:$top" ]
}

@test "a key that is the digest of another layer is refused: both would have one name" {
  local late="image-assemble: <stdin>: layer 2 ('layer-0002.tar'): an earlier layer with its key or digest is sha256:$base, but its bytes are sha256:$top"
  local about
  for about in '' ",diffid=sha256:$top"; do
    "$stream" "base.tar,key=$top" "top.tar$about" >s
    run -1 --separate-stderr assemble <s
    [ "$stderr" = "$late" ]
  done
}

@test "a diff ID is checked, whoever gives it" {
  "$stream" "base.tar,diffid=sha256:$base" >s
  assemble <s >image
  look image
  "$stream" "base.tar,diffid=sha256:$top" >s
  run -1 --separate-stderr assemble <s
  [ "$stderr" = "image-assemble: <stdin>: layer 1 ('layer-0001.tar'): its diff ID is given as sha256:$top, but its bytes are sha256:$base" ]
  "$stream" "top.tar,key=$key" "base.tar,key=$key,diffid=sha256:$base" >s
  run -1 assemble <s
}

@test "a stream cut at any block, or within one, fails and has no manifest" {
  # without padding, so that there are few places to cut
  tar -C tree --format=ustar -b1 -cf base.tar bin
  tar -C tree --format=ustar -b1 -cf top.tar etc
  "$stream" "base.tar,key=$key" top.tar >s
  local size status at said
  size=$(stat -c %s s)
  for ((at = 0; at < size; at += 512)); do
    for cut in $at $((at + 100)); do
      head -c "$cut" s >part
      status=0
      assemble <part >image 2>err || status=$?
      [ "$status" = 1 ] || { echo "cut at $cut: status $status"; return 1; }
      mapfile -t said <err
      [ ${#said[@]} = 1 ]
      ! whole image || { echo "cut at $cut looks whole"; return 1; }
    done
  done
  assemble <s >image
  whole image
}

@test "a plain tar without its end is refused as well" {
  tar -cf plain base.tar
  head -c "$((512 + $(stat -c %s base.tar)))" plain >part
  run -1 --separate-stderr assemble <part
  [[ $stderr == "image-assemble: <stdin>: truncated at byte "*": expected more, up to two zero blocks at the end of the archive" ]]
}

@test "more or fewer layers than announced, expected or allowed" {
  "$stream" 3 base.tar top.tar >s
  run -1 --separate-stderr assemble <s
  [ "$stderr" = "image-assemble: <stdin>: stream announced 3 layers, but holds 2: its producer failed" ]
  "$stream" 1 base.tar top.tar >s
  run -1 --separate-stderr assemble <s
  [[ $stderr == "image-assemble: <stdin>: header at byte "*": more layers than the 1 announced" ]]
  "$stream" base.tar top.tar >s
  assemble --expect-layers 2 --max-layers 2 <s >image
  look image
  run -1 --separate-stderr assemble --expect-layers 3 <s
  [ "$stderr" = "image-assemble: <stdin>: expected 3 layers, found 2: a producer failed" ]
  run -1 --separate-stderr assemble --expect-layers 1 <s
  [ "$stderr" = "image-assemble: <stdin>: more than 1 layers: no more were expected" ]
  run -1 --separate-stderr assemble --max-layers 1 <s
  [ "$stderr" = "image-assemble: <stdin>: more than 1 layers: that is the limit set for this image" ]
}

@test "no layer is an error, unless it is allowed" {
  local none="image-assemble: <stdin>: no layers: expected a layer stream (--allow-empty makes an image without layers)"
  "$stream" 0 >s
  fails 1 "$none" assemble <s
  fails 1 "$none" assemble </dev/null
  assemble --allow-empty <s >image
  look image
  run -1 assemble --allow-empty --expect-layers 1 <s
}

@test "layers in tars of every format and program, with long names" {
  local long
  long=$(printf 'n%.0s' {1..200})
  mkdir -p "plain/$long"
  cp base.tar "plain/$long/1-$long.tar"
  cp top.tar plain/töp.tar
  assemble < <("$stream" base.tar top.tar) >want
  look want
  for format in gnu oldgnu pax; do
    tar -C plain --format=$format --sort=name --owner=big:3000000000 -cf s .
    assemble <s >got
    same got want
  done
  mkdir short
  cp base.tar short/1.tar
  cp top.tar short/2.tar
  for format in v7 ustar; do
    tar -C short --format=$format -cf s 1.tar 2.tar
    assemble <s >got
    same got want
  done
  needs bsdtar busybox
  bsdtar -C short -cf s 1.tar 2.tar
  assemble <s >got
  same got want
  busybox tar -C short -cf s 1.tar 2.tar
  assemble <s >got
  same got want
}

@test "an image at --output appears whole, in place of the old one, or not at all" {
  "$stream" base.tar >s
  assemble <s >want
  mkdir out
  assemble --output out/image <s
  same out/image want
  echo old >out/image
  (umask 077; assemble --output out/image --layers-out out/list <s)
  same out/image want
  [ "$(stat -c %a out/image)" = 600 ]
  echo old >out/image
  rm out/list
  head -c 3000 s >part
  run -1 assemble --output out/image --layers-out out/list <part
  [ "$(cat out/image)" = old ]
  [ "$(ls -A out)" = image ]
  ln -s out/image link
  assemble --output link <s
  same out/image want
  [ -L link ]
  cd out
  assemble --output bare <../s
  same bare ../want
}

@test "only a regular file can be the output" {
  "$stream" base.tar >s
  fails 1 "image-assemble: cannot write '/dev/null': it is not a regular file (standard output can go anywhere)" \
    assemble --output /dev/null <s
  [ -c /dev/null ]
  mkdir dir
  run -1 assemble --output dir <s
  run -1 --separate-stderr assemble --output none/image <s
  [ "$stderr" = "image-assemble: cannot create 'none/image': No such file or directory" ]
}

# killed SIGNAL STATUS COMMAND…: in the middle of a stream; nothing may be left in out/
killed() {
  local signal=$1 want=$2 status=0 pid
  shift 2
  mkdir -p out
  rm -f fifo
  mkfifo fifo
  "$@" --output out/image --layers-out out/list <fifo &
  pid=$!
  exec 9>fifo
  head -c 4000 s >&9
  # it reads only once its outputs are open
  for _ in {1..100}; do
    [ "$(readlink /proc/$pid/fd/* | grep -c "^$PWD/out/")" != 2 ] || break
    sleep 0.05
  done
  [ -z "$(ls -A out)" ]
  kill "-$signal" $pid
  wait $pid || status=$?
  exec 9>&-
  [ "$status" = "$want" ] || { echo "status $status"; return 1; }
  [ -z "$(ls -A out)" ] || { ls -A out; return 1; }
}

@test "killed in the middle: no output, no temporary file" {
  "$stream" "base.tar,key=$key" top.tar >s
  killed KILL 137 image-assemble
  killed TERM 143 image-assemble
  killed INT 130 env --default-signal=INT image-assemble
}

@test "killed when the file gets its name: the old file or the new one, and no other" {
  local nth signal
  needs "$BUILD/faults/inject"
  "$stream" "base.tar,key=$key" top.tar >s
  assemble <s >new
  mkdir out
  for nth in 1 2 3; do # what is in its way is found, it gets a temporary name, and then its own
    for signal in 1 2 13 15; do
      echo old >out/image
      "$BUILD/faults/inject" log 60 image-assemble rename $nth signal=$signal \
        env --default-signal image-assemble --architecture amd64 --output out/image <s
      grep -qx "status.$((128 + signal))" log || { cat log; false; }
      [ "$(ls -A out)" = image ]
      cmp -s out/image new || [ "$(cat out/image)" = old ]
    done
  done
}

@test "without /proc the temporary file has a name, which a signal removes" {
  [ "${SANITIZED:-0}" != 1 ] || skip 'the sanitizers need /proc'
  unshare -rm true 2>/dev/null || { [ "${MUST_RUN:-0}" != 1 ] && skip 'no namespaces here'; }
  "$stream" "base.tar,key=$key" top.tar >s
  assemble <s >want
  mkdir out
  unshare -rm sh -c 'mount -t tmpfs none /proc && exec "$@"' sh \
    image-assemble --architecture amd64 --output out/image <s
  same out/image want
  rm out/image
  mkfifo fifo
  unshare -rm sh -c 'mount -t tmpfs none /proc && exec "$@"' sh image-assemble --output out/image <fifo &
  pid=$!
  exec 9>fifo
  head -c 4000 s >&9
  for _ in {1..100}; do
    [ -z "$(ls -A out)" ] || break
    sleep 0.05
  done
  [[ $(ls -A out) == .layerpipe-* ]]
  kill -TERM $pid
  status=0
  wait $pid || status=$?
  exec 9>&-
  [ $status = 143 ]
  [ -z "$(ls -A out)" ]
}

@test "a full disk: status 1, a message, no file" {
  unshare -rm true 2>/dev/null || { [ "${MUST_RUN:-0}" != 1 ] && skip 'no namespaces here'; }
  python3 -c 'import sys; sys.stdout.write("x" * 300000)' >tree/big
  tar -C tree --format=ustar -cf big.tar big
  "$stream" "big.tar,key=$key" >s
  "$stream" big.tar >spooled
  mkdir small
  # shellcheck disable=SC2016
  run -0 unshare -rm bash -c '
    mount -t tmpfs -o size=100k none small
    status=0
    image-assemble --output small/image <s || status=$?
    echo "$status $(ls -A small)"
    status=0
    TMPDIR=small image-assemble <spooled >/dev/null || status=$?
    echo "$status $(ls -A small)"' 2>&1
  lines "image-assemble: cannot write 'small/image': No space left on device" '1 ' \
    "image-assemble: cannot write a temporary file in 'small' (TMPDIR can name another directory): No space left on device" '1 ' >want
  echo "$output" >got
  same got want
}

@test "a reader that goes away, a full device, no place to spool" {
  "$stream" base.tar >s
  fails 1 "image-assemble: cannot write '<stdout>': No space left on device" bash -c 'image-assemble <s >/dev/full'
  mkfifo fifo
  (exec 8<fifo) &
  status=0
  # shellcheck disable=SC2016
  bash -c 'trap "" PIPE; exec 7>fifo; wait_for() { sleep 0.2; }; wait_for; exec image-assemble >&7 <s' 2>err || status=$?
  [ $status = 1 ]
  [ "$(cat err)" = "image-assemble: cannot write '<stdout>': Broken pipe" ]
  TMPDIR=/nonexistent run -1 --separate-stderr image-assemble <s
  [ "$stderr" = "image-assemble: cannot create a temporary file in '/nonexistent': No such file or directory" ]
}

# a stream of several compression blocks
big_stream() {
  python3 -c 'import random
text = random.Random(1).randbytes(1440000).hex()
print(*(text[i:i + 4096] * 3 for i in range(0, len(text), 4096)), sep="\n")' >tree/text
  tar -C tree --format=ustar --mtime=@1 -cf big.tar text
  "$stream" "big.tar,key=$key" top.tar >s
}

@test "gz and zstd: memory stays below 32 MiB, however many threads are allowed" {
  [ "${SANITIZED:-0}" != 1 ] || skip 'the sanitizers need more'
  head -c 120000000 /dev/urandom >random
  tar -cf layer.tar random
  tar -cf s layer.tar
  for kind in gz zstd; do
    python3 - "$kind" <<'EOF'
import resource, subprocess, sys
subprocess.run(["image-assemble", "--name", "a", "--tag", "b", "--jobs", "8", "--compressor", sys.argv[1]],
               stdin=open("s"), stdout=subprocess.DEVNULL, check=True)
found = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
assert found < 32 << 10, found
EOF
  done
}

@test "gz and zstd: other programs read them, and the bytes do not depend on threads or pieces" {
  needs gzip zstd
  big_stream
  assemble <s >want
  for kind in gz zstd; do
    assemble --compressor $kind --jobs 1 <s >one
    assemble --compressor $kind --jobs 4 <s >four
    same one four
    mkfifo fifo-$kind
    dd bs=4567 if=s of=fifo-$kind status=none &
    assemble --compressor $kind <fifo-$kind >pieces
    same one pieces
    if [ $kind = gz ]; then
      gzip -t <one
      gzip -dc <one >got
      # no time, no name
      [ "$(head -c 8 one | tail -c 5 | od -An -tx1 | tr -d ' ')" = 0000000000 ]
      # old clients lose the rest of the first member after 8 bytes
      python3 -c 'import sys, zlib
sys.stdout.buffer.write(zlib.decompressobj(31).decompress(sys.stdin.buffer.read()))' <one >first
      same <(head -c 8 want) first
    else
      zstd -q -t one
      zstd -q -dc one >got
    fi
    same got want
    [ "$(stat -c %s one)" -lt "$(($(stat -c %s want) * 3 / 4))" ]
  done
  assemble --compressor none <s >got
  same got want
}

@test "a compressed archive that fails has no manifest either" {
  big_stream
  head -c 5000000 s >part
  for kind in gz zstd; do
    status=0
    assemble --compressor $kind <part >image 2>err || status=$?
    [ $status = 1 ]
    grep -q '^image-assemble: <stdin>: truncated at byte ' err
    { gzip -dcq image 2>/dev/null || zstd -qdc image 2>/dev/null || true; } >got
    ! whole got || { echo "the $kind archive looks whole"; return 1; }
  done
}

@test "progress: one line a layer, a bar, or nothing" {
  "$stream" "base.tar,comment=the base,key=$key" top.tar >s
  assemble --progress lines --expect-layers 2 --name hello --tag a <s 2>err >image
  id=$(manifest image .Config | tr -d '"' | cut -d. -f1)
  lines "layer 1/2: 10.2 kB sha256:${base:0:12}… the base" "layer 2/2: 10.2 kB sha256:${top:0:12}…" \
    "image hello:a sha256:$id" >want
  same err want
  assemble --progress bar --expect-layers 2 < <(cat s) 2>err >image
  [ "$(tail -c 78 err)" = "image sha256:$(manifest image .Config | tr -d '"' | cut -d. -f1)" ]
  grep -q 'layer 0/2 \[\.\{24\}\]' err
  assemble <s 2>err >image
  [ ! -s err ]
  assemble --progress none <s 2>err >image
  [ ! -s err ]
}

@test "progress: on a terminal a bar, but not in a builder of Nix" {
  "$stream" base.tar >s
  cat >terminal <<'EOF'
import os, pty, subprocess, sys
ours, theirs = pty.openpty()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=theirs, check=True)
os.write(theirs, b"end\n")
sys.stdout.buffer.write(os.read(ours, 4096))
EOF
  env -u NIX_LOG_FD python3 terminal image-assemble --name hello <s >said
  grep -q '^image hello:' <(sed 's/.*\x1b\[K//' said)
  NIX_LOG_FD=2 python3 terminal image-assemble --name hello <s >said
  [ "$(tr -d '\r' <said)" = end ]
}

@test "progress: a bar goes by bytes where they are known, and fits the terminal" {
  local columns line
  head -c 30000000 /dev/zero >big
  tar --mtime=@1 --owner=0 --group=0 -cf big.tar big
  "$stream" "big.tar,key=$key" top.tar >s
  unset NIX_LOG_FD
  for columns in 55 66 80; do
    on_terminal $columns xterm bash -c 'image-assemble --expect-layers 2 s | { sleep 1.2 && cat >image; }' |
      tr '\r' '\n' >said
    grep -c '^layer 0/2 \[[#.]*\] [0-9.]* [kM]*B [0-9.]* [kMG]*B/s' said
    grep -c '^layer ./2 \[[#.]*\] .*/s 0:[0-9][0-9] left' said
    while IFS= read -r line; do
      [[ $line != layer* ]] || ((${#line} - 3 < columns)) # but for the escape that clears the rest
    done <said
  done
  # the first layer is part of the bytes before it is a layer
  "$stream" "base.tar,key=$key" top.tar >s
  on_terminal 80 xterm image-assemble --expect-layers 2 s | tr '\r' '\n' >said
  grep -c '^layer 0/2 \[#\{9,11\}\.\{13,15\}\] 10.2 kB' said
  on_terminal 80 xterm bash -c 'cat s | image-assemble --expect-layers 2' | tr '\r' '\n' >said
  grep -c '^layer 0/2 \[\.\{24\}\] 10.2 kB' said
}

@test "progress: a terminal that is narrow or dumb gets lines" {
  "$stream" base.tar top.tar >s
  unset NIX_LOG_FD
  image-assemble --progress lines s 2>want >image
  on_terminal 54 xterm image-assemble s | tr -d '\r' | grep -v '^end$' | same want /dev/stdin
  on_terminal 80 dumb image-assemble --progress bar s | tr -d '\r' | grep -v '^end$' | same want /dev/stdin
}

@test "names and tags are checked before anything is read" {
  bad_name() { run -2 --separate-stderr assemble --name "$1" </dev/null && [[ $stderr == *"bad image name '$1': "$2* ]]; }
  for name in a a/b a.b/c a__b a---b/c_d localhost/x LOCAL.example:80/x 1a registry-1.example.com:65535/a/b/c \
    "$(printf 'a%.0s' {1..255})"; do
    assemble --allow-empty --name "$name" </dev/null >image
  done
  for name in '' a//b /a a/ -a a- a..b a___b a.-b a+b 'a b' "$(printf 'a%.0s' {1..256})" "$key" bad_host.x:1/a -x.y/a x.:80/b a.b:/c a:x/y; do
    bad_name "$name" 'expected'
  done
  bad_name Hello 'it must be lower case'
  bad_name hello:latest 'expected a name without tag'
  bad_name "a@sha256:$base" 'expected a name without tag'
  for tag in latest _x A.b-C "$(printf 'a%.0s' {1..128})"; do
    assemble --allow-empty --name a --tag "$tag" </dev/null >image
  done
  for tag in '' .a -a b:c a: a/b 'a b' "$(printf 'a%.0s' {1..129})"; do
    run -2 --separate-stderr assemble --allow-empty --name a --tag="$tag" </dev/null
    [[ $stderr == *"--tag: bad tag '$tag': expected "* ]]
  done
}

@test "usage errors" {
  fails 2 "image-assemble: --tag needs a --name $hint" image-assemble --tag x
  image-assemble --allow-empty -t r.example:5000/hello:1 -t r.example:5000/hello:2 -t 3 </dev/null >tagged
  image-assemble --allow-empty --name r.example:5000/hello --tag 1 --tag 2 --tag 3 </dev/null | same tagged /dev/stdin
  fails 2 "image-assemble: --tag: bad tag 'other:2': expected A-Z a-z 0-9 _ and, but not first, '.' and '-', at most 128 bytes $hint" \
    image-assemble --allow-empty -t hello:1 -t other:2
  fails 2 "image-assemble: --compressor: expected none, gz or zstd, found 'xz' $hint" image-assemble --compressor xz
  fails 2 "image-assemble: --progress: expected auto, bar, lines or none, found 'x' $hint" image-assemble --progress x
  fails 2 "image-assemble: --config: standard input carries the layers: expected a file $hint" image-assemble --config -
  fails 2 "image-assemble: --max-layers: '0': expected a number from 1 to 4294967295 $hint" image-assemble --max-layers 0
  fails 2 "image-assemble: refusing to write binary data to a terminal: redirect the output $hint" \
    bash -c 'script -qec "image-assemble 2>err </dev/null" /dev/null </dev/null >/dev/null; s=$?; cat err >&2; exit $s'
}

@test "a bad configuration is found before the layers are read" {
  lines 'Env\tx' >conf
  fails 1 "image-assemble: conf:1: Env: expected NAME=VALUE in UTF-8, with a name before the =, found 'x'" \
    image-assemble --config conf --output image </dev/null
  [ ! -e image ]
  fails 1 "image-assemble: cannot open 'none': No such file or directory" image-assemble --config none </dev/null
}

@test "the same bytes in another directory, umask, time zone and locale" {
  "$stream" base.tar top.tar >s
  assemble --name a <s >want
  look want
  mkdir other
  (cd other && umask 0 && TZ=Asia/Tokyo LC_ALL=C.UTF-8 TMPDIR=$PWD assemble --name a <../s >got)
  same other/got want
}

@test "short options are the long ones, in the tools that have them" {
  lines '. type=dir' './a type=dir' >m
  layer-tar --mtree m >stream
  image-assemble --name x --tag 1 --output long stream
  image-assemble --name x -t 1 -o short stream
  same long short
  merge-images -o merged long
  layer-flatten -o flat stream && [ -s merged ] && [ -s flat ]
  fails 2 "image-assemble: option '-o' needs an argument (see 'image-assemble --help')" image-assemble -o
  fails 2 "layer-plan: unknown option '-o' (see 'layer-plan --help')" layer-plan -o
}
