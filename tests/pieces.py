#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Reads zstd:chunked layers of a layout as a client does, with code of its own.

  pieces.py check LAYOUT TAR…   each layer of the image against the layer tar that it is of
  pieces.py pull OLD NEW        what a client that has the image in OLD pulls of that in NEW:
                                bytes of data, bytes of tables, requests of ranges, bytes of its new layers
"""
import base64, datetime, hashlib, io, json, os, struct, subprocess, sys, tarfile

PREFIX = "io.github.containers.zstd-chunked."
OLD_PREFIX = "io.containers.zstd-chunked."
TYPES = {tarfile.REGTYPE: "reg", tarfile.LNKTYPE: "hardlink", tarfile.SYMTYPE: "symlink", tarfile.CHRTYPE: "char",
         tarfile.BLKTYPE: "block", tarfile.DIRTYPE: "dir", tarfile.FIFOTYPE: "fifo"}


def expand(data):
    return subprocess.run(["zstd", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def crc64(data):
    """The remainder of all bits, lowest of a byte first, as one polynomial divided by x^64 + x^4 + x^3 + x + 1.
    Twos vanish in squares: x^64m is as much as x^4m + x^3m + x^m + 1 where m is a power of two."""
    rest = int.from_bytes(data.translate(REVERSED), "big") << 64
    rest ^= (1 << 64) - 1 << 8 * len(data)
    m = 1 << len(data).bit_length()
    while m:
        while high := rest >> 64 * m:
            rest = rest & (1 << 64 * m) - 1 ^ high ^ high << m ^ high << 3 * m ^ high << 4 * m
        m >>= 1
    return (rest ^ (1 << 64) - 1).to_bytes(8, "big").translate(REVERSED)[::-1]


class Layer:
    """A layer of an image, with its table if it has one."""

    def __init__(self, layout, descriptor):
        self.digest = descriptor["digest"]
        self.annotations = descriptor.get("annotations", {})
        with open(os.path.join(layout, "blobs", *self.digest.split(":")), "rb") as f:
            self.blob = f.read()
        assert sha256(self.blob) == self.digest and len(self.blob) == descriptor["size"]
        self.table = self.split = None
        self.tables = 0
        if PREFIX + "manifest-position" in self.annotations:
            self.read_tables()

    def read_tables(self):
        place = self.annotations[PREFIX + "manifest-position"]
        assert self.annotations[OLD_PREFIX + "manifest-position"] == place
        offset, length, raw, kind = map(int, place.split(":"))
        packed = self.blob[offset:offset + length]
        checksum = sha256(packed)
        assert self.annotations[PREFIX + "manifest-checksum"] == checksum
        assert self.annotations[OLD_PREFIX + "manifest-checksum"] == checksum
        text = expand(packed)
        assert len(text) == raw and kind == 1
        self.table = json.loads(text)
        at, size, raw_split = map(int, self.annotations[PREFIX + "tarsplit-position"].split(":"))
        packed_split = self.blob[at:at + size]
        assert self.table["tarSplitDigest"] == sha256(packed_split)
        self.split = expand(packed_split)
        assert len(self.split) == raw_split
        footer = struct.pack("<7Q", offset, length, raw, 1, at, size, raw_split) + b"GNUlInUx"
        assert self.blob.endswith(b"\x50\x2a\x4d\x18" + struct.pack("<L", 64) + footer)
        self.frames = self.blob[:offset - 8]
        self.tables = length + size

    def files(self):
        """Of each file with contents its entry and its pieces: size, digest, begin and end in the blob."""
        entries = self.table["entries"]
        for i, entry in enumerate(entries):
            if entry["type"] != "reg" or not entry.get("size"):
                continue
            parts = [entry]
            while i + len(parts) < len(entries) and entries[i + len(parts)]["type"] == "chunk":
                parts.append(entries[i + len(parts)])
            begins = [p["offset"] for p in parts] + [entry["endOffset"]]
            yield entry, [(p["chunkSize"] if len(parts) > 1 else entry["size"],
                           p["chunkDigest"] if len(parts) > 1 else entry["digest"],
                           begins[n], begins[n + 1]) for n, p in enumerate(parts)]


def layers(layout):
    with open(os.path.join(layout, "index.json")) as f:
        digest = json.load(f)["manifests"][0]["digest"]
    with open(os.path.join(layout, "blobs", *digest.split(":"))) as f:
        return [Layer(layout, d) for d in json.load(f)["layers"]]


def modtime(entry):
    if "modtime" not in entry:
        return 0
    return datetime.datetime.fromisoformat(entry["modtime"].replace("Z", "+00:00")).timestamp()


def raw_name(tar, member):
    """With the slash behind a directory, which tarfile takes away."""
    name = member.pax_headers.get("path")
    if name is None:
        header = tar[member.offset_data - 512:member.offset_data]
        prefix, name = (header[a:b].split(b"\0")[0].decode() for a, b in ((345, 500), (0, 100)))
        name = prefix + "/" + name if prefix else name
    return name


def check_entries(layer, tar):
    """The table says what the headers say."""
    entries = [e for e in layer.table["entries"] if e["type"] != "chunk"]
    members = tarfile.open(fileobj=io.BytesIO(tar), errors="strict").getmembers()
    assert len(entries) == len(members)
    for e, m in zip(entries, members):
        assert e["type"] == TYPES[m.type] and e["name"] == raw_name(tar, m), e
        assert modtime(e) == m.mtime, e
        assert (e.get("devMajor", 0), e.get("devMinor", 0)) == (m.devmajor, m.devminor), e
        assert e.get("linkName", "") == m.linkname and e.get("mode", 0) == m.mode, e
        assert (e.get("size", 0), e.get("uid", 0), e.get("gid", 0)) == (m.size if m.isreg() else 0, m.uid, m.gid), e
        xattrs = {k[13:]: base64.b64encode(v.encode("utf-8", "surrogateescape")).decode()
                  for k, v in m.pax_headers.items() if k.startswith("SCHILY.xattr.")}
        assert e.get("xattrs", {}) == xattrs, e
        contents = tar[m.offset_data:m.offset_data + m.size] if m.isreg() else b""
        assert e.get("digest") == (sha256(contents) if contents else None), e


def check_pieces(layer):
    for entry, pieces in layer.files():
        contents = b""
        for size, digest, begin, end in pieces:
            piece = expand(layer.blob[begin:end])[:size]
            assert sha256(piece) == digest, entry["name"]
            contents += piece
        assert len(contents) == entry["size"] and sha256(contents) == entry["digest"], entry["name"]


def check_split(layer, tar):
    at = 0
    for position, line in enumerate(layer.split.splitlines()):
        part = json.loads(line)
        payload = base64.b64decode(part["payload"] or "")
        assert part["position"] == position
        if part["type"] == 2:
            assert tar[at:at + len(payload)] == payload
            at += len(payload)
        else:
            size = part.get("size", 0)
            assert payload == (crc64(tar[at:at + size]) if size else b""), part["name"]
            at += size
    assert at == len(tar)


def check(layout, tars):
    found = layers(layout)
    assert len(found) == len(tars)
    for layer, name in zip(found, tars):
        with open(name, "rb") as f:
            tar = f.read()
        assert expand(layer.blob) == tar, name
        if layer.table is None:
            print(f"{name}: no table")
            continue
        assert expand(layer.frames) == tar, name
        check_entries(layer, tar)
        check_pieces(layer)
        check_split(layer, tar)
        counts = [len(pieces) for _, pieces in layer.files()]
        print(f"{name}: {len(counts)} files, {sum(counts)} pieces")


def pull(old, new):
    had = layers(old)
    blobs = {layer.digest for layer in had}
    files = {entry["digest"] for layer in had for entry, _ in layer.files()}
    chunks = {p[1] for layer in had for _, pieces in layer.files() if len(pieces) > 1 for p in pieces}
    data = tables = whole = ranges = 0
    for layer in layers(new):
        if layer.digest in blobs:
            continue
        whole += len(layer.blob)
        tables += layer.tables
        end = None
        for entry, pieces in layer.files():
            if entry["digest"] in files:
                continue
            for _, digest, begin, upto in pieces:
                if len(pieces) > 1 and digest in chunks:
                    continue
                data += upto - begin
                ranges += begin != end
                end = upto
    print(data, tables, ranges, whole)


if sys.argv[1] == "check":
    check(sys.argv[2], sys.argv[3:])
else:
    pull(*sys.argv[2:])
