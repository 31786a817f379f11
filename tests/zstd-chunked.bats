#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Layers as zstd:chunked: pieces.py reads them as a client does, and compares each with its tar.
# shellcheck disable=SC2154 # run sets stderr
load helper

setup() {
  setup_path
  stream=$TOP/tests/fixtures/make-stream
}

pieces() { python3 "$TOP/tests/pieces.py" "$@"; }

# chunked LAYOUT [OPTION…]: of the layers on stdin
chunked() { image-assemble --format oci --layer-compressor zstd:chunked --output "$@"; }

# closure DIR HASH: a tree whose files mention a store path of that hash: large ones at byte 200,000 and across the
# border of a block
closure() {
  mkdir -p "$1/bin"
  python3 - "$@" <<'END'
import random, sys
for name, size in ("bin/program", 600000), ("4095", 4095), ("4096", 4096), ("4097", 4097), ("large", 2500000):
    data = bytearray(random.Random(1).randbytes(size))
    for at in (200000, 298985):
        data[at:at + 45] = b"/nix/store/" + sys.argv[2].encode() + b"-x"
    with open(f"{sys.argv[1]}/{name}", "wb") as file:
        file.write(data[:size])
END
  head -c 100000 /dev/zero >"$1/zeros"
  echo "/nix/store/$2-shell/bin/sh" >"$1/bin/script"
  : >"$1/empty"
  ln -s bin/program "$1/link"
}

one=0123456789abcdfghijklmnpqrsvwxyz two=zyxwvsrqpnmlkjihgfdcba9876543210

@test "a layer with a table is its tar, and the table fits: of the store, and with all kinds of members" {
  made example .
  layer-plan --max-layers 3 graph >plan
  layer-tar --root-dir root plan >store.tar
  mkdir store
  tar -xf store.tar -C store
  chunked layout <store.tar >/dev/null
  pieces check layout store/* >found
  [ "$(cut -d ' ' -f 2- found)" = "$(lines '1 files, 1 pieces' '4 files, 4 pieces' '0 files, 0 pieces')" ] || { cat found; false; }
  closure tree $one
  mkdir -p "tree/$(printf 'n%.0s' {1..150})"
  echo long >"tree/$(printf 'n%.0s' {1..150})/é\"\\"
  ln tree/4097 tree/hard
  mkfifo tree/fifo
  [ "$(id -u)" != 0 ] || mknod tree/null c 1 3
  tree-list --owner 1000:100 tree | layer-tar --mtree - >tree.tar
  tar -xOf tree.tar >layer.tar
  rm -r layout
  chunked layout <tree.tar >/dev/null
  # program: its first block, a block and two blocks with a path, and what lies between; of large, a long piece ends at 1 MiB
  [ "$(pieces check layout layer.tar)" = 'layer.tar: 9 files, 22 pieces' ]
  tar -C tree --format=pax --xattrs --xattrs-include=user.* --sort=name --owner=0 --group=0 --numeric-owner \
    --mtime='@1.5' --pax-option=delete=atime,delete=ctime,exthdr.name=%d/PaxHeaders/%f -cf pax.tar bin 4097
  rm -r layout
  "$stream" pax.tar | chunked layout >/dev/null
  [ "$(pieces check layout pax.tar)" = 'pax.tar: 3 files, 8 pieces' ]
}

@test "another hash in a store path changes the pieces with it, and no others" {
  closure a $one
  closure b $two
  for x in a b; do tree-list --owner 0:0 $x | layer-tar --mtree - | chunked $x.oci >/dev/null; done
  read -r data tables ranges whole < <(pieces pull a.oci b.oci)
  # the script, and in two files a block of 4 KiB and two that a path lies across
  [ "$ranges" = 5 ] || { echo "$data $tables $ranges $whole"; false; }
  ((data > 24000 && data < 30000 && whole > 3000000)) || { echo "$data $tables $ranges $whole"; false; }
  [ "$(pieces pull a.oci a.oci)" = '0 0 0 0' ]
  # image-diff finds the same: two long pieces are one range each
  image-diff --pieces a.oci b.oci >found
  [ "$(grep ^added found | cut -f 14,15)" = "$((data + tables))"$'\t'5 ]
  [ "$(grep ^removed found | cut -f 14,15)" = $'0\t0' ]
  [ "$(image-diff --pieces a.oci a.oci | cut -f 1,14,15)" = $'shared\t0\t0' ]
}

@test "image-diff --pieces: archives, layers without a table, each added layer once" {
  closure a $one
  closure b $two
  echo more >b/more
  for x in a b; do tree-list --owner 0:0 $x | layer-tar --mtree - >$x.s; done
  tree-list --owner 1:1 a | layer-tar --mtree - >c.s
  cat c.s b.s b.s | chunked new >/dev/null
  image-assemble --format oci --layer-compressor zstd:chunked <a.s >old.tar
  image-assemble --format oci --layer-compressor zstd <a.s >zstd.tar
  pieces_of() { image-diff --pieces "$@" | cut -f 1,15; }
  # one has other owners alone; of the others, a small file is new, and 5 pieces
  [ "$(pieces_of old.tar new)" = "$(lines 'removed\t0' 'added\t0' 'added\t6' 'added\t0')" ]
  # the OCI manifest of an archive that has a manifest.json, too
  image-assemble --format hybrid --layer-compressor zstd:chunked <a.s >old.hybrid
  cat c.s b.s b.s | image-assemble --format hybrid --layer-compressor zstd:chunked >new.hybrid
  image-diff --pieces old.tar new | same <(image-diff --pieces old.hybrid new.hybrid) /dev/stdin
  # nothing is found in a layer without a table, and such a layer is pulled whole
  [ "$(pieces_of zstd.tar new)" = "$(lines 'removed\t0' 'added\t20' 'added\t21' 'added\t0')" ]
  image-diff --pieces old.tar zstd.tar >found
  [ "$(cut -f 1,14,15 found)" = $'shared\t0\t0' ]
  image-assemble --format oci --layer-compressor zstd <b.s >zstd-b.tar
  image-diff --pieces old.tar zstd-b.tar | grep ^added >found
  [ "$(cut -f 14,15 found)" = "$(cut -f 7 found)"$'\t-' ]
  image-diff --pieces --format text old.tar zstd-b.tar >text
  grep -qx 'Pulled whole, as they have no table of pieces: 1 of 1 layers' text
  grep -qx "pull by pieces      1$(sed -n 's/^pull by layer *1//p' text)" text
  image-diff --pieces --format text old.tar new >text
  grep -q '^pull by pieces      2 ' text
  [ "$(grep -c 'Pulled whole' text)" = 0 ]
}

@test "image-diff --pieces: what is refused" {
  made example .
  layer-plan --max-layers 2 graph >plan
  layer-tar --root-dir root plan | chunked good --layers-out list >/dev/null
  fails 2 "image-diff: --pieces counts layers: it does not go with --paths (see 'image-diff --help')" \
    image-diff --pieces --paths good good
  fails 1 'image-diff: list: found a layer list, which does not tell what layers hold: expected an image' \
    image-diff --pieces list good
  fails 1 'image-diff: list: found a layer list, which does not tell what layers hold: expected an image' \
    image-diff --pieces good list
  # changed JQ: bad is good with another manifest
  manifest=$(jq -r '.manifests[0].digest[7:]' good/index.json)
  changed() {
    local digest
    rm -rf bad
    cp -r good bad
    jq -cj "$1" "good/blobs/sha256/$manifest" >new
    digest=$(sha256sum new | cut -d ' ' -f 1)
    mv new "bad/blobs/sha256/$digest"
    sed "s/$manifest/$digest/; s/\"size\":[0-9]*/\"size\":$(stat -c %s "bad/blobs/sha256/$digest")/" good/index.json >bad/index.json
  }
  new=io.github.containers.zstd-chunked old=io.containers.zstd-chunked
  layer="image-diff: bad: layer 1 ($(image-layers --list good | head -n 1 | cut -f 1)): its table of pieces:"
  bytes=$(jq -r --arg key $new.manifest-checksum '.layers[0].annotations[$key]' "good/blobs/sha256/$manifest")
  image-diff --pieces good good >want
  changed ".layers[].annotations |= del(.[\"$new.manifest-checksum\", \"$new.manifest-position\", \"$new.tarsplit-position\"])"
  image-diff --pieces bad bad | same want /dev/stdin
  changed ".layers[].annotations |= del(.[\"$new.manifest-position\", \"$old.manifest-position\"])"
  image-diff --pieces bad bad | same want /dev/stdin
  changed ".layers[].annotations[\"$new.manifest-checksum\"] |= (.[:-4] + \"0000\")"
  mkdir tree
  tree-list --owner 0:0 tree | layer-tar --mtree - | chunked other >/dev/null
  fails 1 "$layer damaged: its bytes are $bytes" image-diff --pieces other bad
  fails 1 "$layer damaged: its bytes are $bytes" image-diff --pieces bad good
  # nobody pulls a layer that is there
  image-diff --pieces good bad | same want /dev/stdin
  image-diff good bad >/dev/null
  changed ".layers[].annotations[\"$new.manifest-position\"] = \"8:1:1:2\""
  fails 1 "$layer manifest-position '8:1:1:2': expected a table of kind 1" image-diff --pieces bad good
  blob=blobs/sha256/$(jq -r '.layers[0].digest[7:]' "good/blobs/sha256/$manifest")
  IFS=: read -r at length _ < <(jq -r --arg key $new.manifest-position '.layers[0].annotations[$key]' "good/blobs/sha256/$manifest")
  { printf '\x28\xb5\x2f\xfd' && head -c $((length - 4)) /dev/zero | tr '\0' '\377'; } >torn
  changed ".layers[].annotations[\"$new.manifest-checksum\"] = \"sha256:$(sha256sum <torn | cut -d ' ' -f 1)\""
  dd if=torn of="bad/$blob" bs=1 seek="$at" conv=notrunc status=none
  fails 1 "$layer $blob: bad zstd data: Unsupported frame parameter" image-diff --pieces bad good
  # of a layer that A has twice, one table is read
  echo file >tree/file
  tree-list --owner 0:0 tree | layer-tar --mtree - >s
  rm -r good
  cat s s | chunked good >/dev/null
  manifest=$(jq -r '.manifests[0].digest[7:]' good/index.json)
  changed ".layers[1].annotations[\"$new.manifest-position\"] = \"8:1:1:2\""
  image-diff --pieces bad other >/dev/null
}

@test "the same bytes with any number of threads, in any pieces; zstd(1) reads them" {
  closure tree $one
  tree-list --owner 0:0 tree | layer-tar --mtree - >s
  tar -xOf s >layer.tar
  for jobs in 1 2 7; do chunked $jobs.oci --jobs $jobs <s >/dev/null; done
  chunked slow.oci < <(python3 -c 'import sys
while data := sys.stdin.buffer.read(777): sys.stdout.buffer.write(data); sys.stdout.flush()' <s) >/dev/null
  for other in 2 7 slow; do diff -r 1.oci $other.oci; done
  for blob in 1.oci/blobs/sha256/*; do
    ! zstd -dc "$blob" 2>/dev/null | cmp -s - layer.tar || found=$blob
  done
  [ -n "$found" ]
}

@test "a tar that readers see in different ways gets no table" {
  mkdir tree
  echo x >tree/file
  local tar=(tar -C tree --sort=name --owner=0 --group=0 --numeric-owner --mtime=@1)
  "${tar[@]}" --format=ustar -cf twice.tar file ./file
  "${tar[@]}" --format=pax -cf times.tar file
  "${tar[@]}" --format=ustar -cf behind.tar file
  printf 'more%508s' '' >>behind.tar
  long=$(printf 'l%.0s' {1..120})
  echo y >"tree/$long"
  "${tar[@]}" --format=gnu -cf gnu.tar "$long"
  printf z >"tree/$(printf '\xff')"
  "${tar[@]}" --format=ustar -cf bytes.tar "$(printf '\xff')"
  truncate -s 1M tree/sparse
  echo end >>tree/sparse
  "${tar[@]}" --format=pax --sparse --pax-option=delete=atime,delete=ctime -cf sparse.tar sparse
  "${tar[@]}" --format=ustar -cf whole.tar file sparse
  head -c 700000 whole.tar >short.tar
  # fields that one reader looks at and another does not
  python3 - <<'END'
import tarfile
def member(name, change, kind=tarfile.REGTYPE, size=0, records={}):
    entry = tarfile.TarInfo("x")
    entry.type, entry.mtime, entry.pax_headers = kind, 1, records
    block = bytearray(entry.tobuf(tarfile.PAX_FORMAT))
    header = block[-512:]
    for at, text in change.items():
        header[at:at + len(text)] = text
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    with open(name + ".tar", "wb") as f:
        f.write(block[:-512] + header + bytes(1024))
member("device", {329: b"0000001"})
member("linkname", {157: b"y"})
member("star", {508: b"tar\0"})
member("mode", {100: b"\x80\0\0\1\0\0\1\0"})
member("dirsize", {}, tarfile.DIRTYPE, records={"size": "5"})
with open("extended.tar", "wb") as f:
    f.write((tarfile.TarInfo("y")).create_pax_header({**tarfile.TarInfo("y").get_info(), "path": "z" * 200}, "utf-8")[:1024] * 2)
    f.write(tarfile.TarInfo("y").tobuf() + bytes(1024))
END
  odd=({twice,times,behind,gnu,bytes,sparse,short,device,linkname,star,mode,dirsize,extended}.tar)
  # of each its digest, as not all of them have an end
  mapfile -t layers < <(sha256sum "${odd[@]}" | sed -E 's/^(\S+) +(.*)/\2,diffid=sha256:\1/')
  "$stream" "${layers[@]}" | chunked odd.oci >/dev/null
  pieces check odd.oci "${odd[@]}" >found
  printf '%s: no table\n' "${odd[@]}" | same found /dev/stdin
  manifest=odd.oci/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' odd.oci/index.json)
  [ "$(jq -c '[.layers[].annotations | keys] | unique' "$manifest")" = '[["layerpipe.compressor"]]' ]
}

@test "known layers, by reference and in layer-serve, keep their tables" {
  made example .
  layer-plan --max-layers 3 graph >plan
  layer-tar --root-dir root plan | chunked first --known known >/dev/null
  [ "$(cut -f 2 known | grep -c '^zstd:chunked 1: libzstd .*; toc sha256:[0-9a-f]\{64\} [0-9:]* tar-split [0-9:]*$')" = 3 ]
  layer-tar --root-dir root --known known --layer-compressor zstd:chunked plan | chunked second --known known >/dev/null
  same first/index.json second/index.json
  [ "$(find second/blobs -type f | wc -l)" = 2 ]
  # shellcheck disable=SC2016 # expanded inside
  layer-serve --layout second --plan plan --known known --root-dir root -- \
    bash -c 'for blob in first/blobs/sha256/*; do cmp "$blob" "second/blobs/sha256/${blob##*/}" || exit 1; done'
  [ "$(wc -l <known)" = 3 ]
}

@test "memory stays below 32 MiB: a large file, zeros behind the archive, headers without a member" {
  [ "${SANITIZED:-0}" != 1 ] || skip 'the sanitizers need more'
  head -c 60000000 /dev/urandom >random
  tar -cf layer.tar random
  head -c 40000000 /dev/zero >>layer.tar
  python3 -c 'import sys, tarfile
header = tarfile.TarInfo("y").create_pax_header({**tarfile.TarInfo("y").get_info(), "path": "z" * (1 << 20)}, "utf-8")[:-512]
for i in range(60): sys.stdout.buffer.write(header)' >headers.tar
  for it in layer headers; do
    "$stream" "$it.tar,diffid=sha256:$(sha256sum $it.tar | cut -d ' ' -f 1)" >s
    python3 - <<'END'
import resource, subprocess
subprocess.run(["image-assemble", "--format", "oci", "--jobs", "8", "--layer-compressor", "zstd:chunked"],
               stdin=open("s"), stdout=subprocess.DEVNULL, check=True)
found = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
assert found < 32 << 10, found
END
  done
}

@test "zstd:chunked is for layers" {
  hint="(see 'image-assemble --help')"
  fails 2 "image-assemble: --compressor: expected none, gz or zstd, found 'zstd:chunked' $hint" \
    image-assemble --compressor zstd:chunked </dev/null
  fails 2 "image-assemble: --layer-compressor: expected none, gz, zstd or zstd:chunked, found 'zstd:chunky' $hint" \
    image-assemble --format oci --layer-compressor zstd:chunky </dev/null
}
