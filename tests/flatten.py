#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A model of layer-flatten: trees in dictionaries, layers applied one by one, the naive way.

  flatten.py check N     compares it with layer-flatten on N random streams
  flatten.py many N      a stream of one layer with N small files, on stdout
"""
import io
import random
import subprocess
import sys
import tarfile

TYPES = {"file": tarfile.REGTYPE, "link": tarfile.SYMTYPE, "dir": tarfile.DIRTYPE,
         "char": tarfile.CHRTYPE, "block": tarfile.BLKTYPE, "fifo": tarfile.FIFOTYPE}
DEFAULT = {"kind": "dir", "mode": 0o755, "uid": 0, "gid": 0, "uname": "", "gname": "", "mtime": "0",
           "xattrs": (), "target": "", "device": (0, 0), "data": b""}


# --- random layers ---

def random_file(kind):
    value = {"kind": kind, "mode": random.choice([0o644, 0o4755, 0o1777, 0, 0o7777]),
             "uid": random.choice([0, 7, 2097151, 2097152, 4294967294]), "gid": random.randrange(9),
             "uname": random.choice(["", "root", "n" * 40, "é"]), "gname": random.choice(["", "users"]),
             "mtime": random.choice(["0", "1", "1.5", "-7", "-1.25", "1700000000.123456789", "8589934592"]),
             "xattrs": (), "target": "", "device": (0, 0), "data": b""}
    if random.random() < 0.2:
        value["xattrs"] = tuple(sorted({"user.a": "x", "security.capability": "\x01\x02\n="}.items())
                                [:random.randrange(3)])
    if kind == "link":
        value["target"] = random.choice(["a", "../b", "/a/b", "t" * 120, "nowhere"])
    elif kind == "file":
        value["data"] = random.randbytes(random.choice([0, 1, 511, 512, 513, 3000]))
    elif kind in ("char", "block"):
        value["device"] = (random.randrange(300), random.randrange(70000))
    return value


def random_path():
    names = ["a", "b", "a-", "a.b", "é"]
    return "/".join(random.choice(names) for _ in range(random.choice([1, 1, 2, 2, 3, 4])))


def parents(path):
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]


def fits(own, path, kind):
    """Whether a layer that has these names can have this one, too."""
    if any(own.get(p, "dir") != "dir" for p in parents(path)):
        return False
    below = any(p.startswith(path + "/") for p in own)
    return (path not in own or own[path] == kind == "dir") and (kind == "dir" or not below)


def random_layer(view):
    """Entries (path, what) that fit; what: a value, "hardlink TARGET", "whiteout" or "opaque"."""
    entries, own = [], {}
    view = dict(view)
    for _ in range(random.choice([0, 1, 3, 6, 10])):
        path = random_path()
        kind = random.choice(["file"] * 4 + ["dir"] * 4 + ["hardlink"] * 3 + ["whiteout"] * 4 +
                             ["opaque", "link", "char", "block", "fifo"])
        if kind in ("whiteout", "opaque"):
            if any(own.get(p) == "link" for p in parents(path)):
                continue  # it goes where the link leads
            entries.append((path, kind))
            continue
        if not fits(own, path, kind):
            continue
        targets = [p for p in view if view[p]["kind"] != "dir" and p not in parents(path)]
        if kind != "hardlink":
            entries.append((path, random_file(kind)))
        elif targets:
            entries.append((path, "hardlink " + random.choice(sorted(targets))))
        else:
            continue
        own[path] = kind
        for parent in parents(path):
            own.setdefault(parent, "dir")
        put(view, path, entries[-1][1], view)
    if random.random() < 0.3:
        entries.insert(0, ("", random_file("dir")))
    return entries


# --- the model ---

def remove(tree, path):
    for p in [p for p in tree if p == path or p.startswith(path + "/")]:
        del tree[p]


def put(tree, path, what, view):
    value = view[what.split(" ", 1)[1]] if isinstance(what, str) else what
    for parent in parents(path):
        if parent not in tree or tree[parent]["kind"] != "dir":
            remove(tree, parent)
            tree[parent] = dict(DEFAULT)
    if path and (value["kind"] != "dir" or tree.get(path, value)["kind"] != "dir"):
        remove(tree, path)
    tree[path] = value


def apply(tree, entries):
    """The tree with a layer on top. view is what it would be without whiteouts: where links look."""
    view, lower, new = dict(tree), dict(tree), dict(tree)
    for path, what in entries:
        if what == "whiteout":
            remove(new, path)
        elif what == "opaque":
            for p in [p for p in lower if p.startswith(path + "/")]:
                new.pop(p, None)
    for path, what in entries:
        if what not in ("whiteout", "opaque"):
            # the same object under both, as one file has several names
            value = view[what.split(" ", 1)[1]] if isinstance(what, str) else what
            put(view, path, value, view)
            put(new, path, value, view)
    return new


# --- tars ---

def header(path, value):
    info = tarfile.TarInfo(path)
    info.type = TYPES[value["kind"]]
    info.mode, info.uid, info.gid = value["mode"], value["uid"], value["gid"]
    info.uname, info.gname, info.linkname = value["uname"], value["gname"], value["target"]
    info.devmajor, info.devminor = value["device"]
    info.size = len(value["data"])
    info.pax_headers = {"SCHILY.xattr." + name: text for name, text in value["xattrs"]}
    if value["mtime"] != "0":
        info.pax_headers["mtime"] = value["mtime"]
    return info


def layer_tar(entries):
    out = io.BytesIO()
    tar = tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT)
    for path, what in entries:
        start = random.choice(["", "./", "/"])
        head, _, tail = path.rpartition("/")
        if what == "whiteout":
            tar.addfile(tarfile.TarInfo(start + (head and head + "/") + ".wh." + tail))
        elif what == "opaque":
            tar.addfile(tarfile.TarInfo(start + path + "/.wh..wh..opq"))
        elif isinstance(what, str):
            info = tarfile.TarInfo(start + path)
            info.type, info.linkname = tarfile.LNKTYPE, what.split(" ", 1)[1]
            tar.addfile(info)
        else:
            info = header(start + path if path else "./", what)
            tar.addfile(info, io.BytesIO(what["data"]))
    tar.close()
    return out.getvalue()


def stream(layers):
    out = io.BytesIO()
    tar = tarfile.open(fileobj=out, mode="w")
    for number, layer in enumerate(layers):
        info = tarfile.TarInfo(f"{number}.tar")
        info.size = len(layer)
        tar.addfile(info, io.BytesIO(layer))
    tar.close()
    return out.getvalue()


def expected(tree):
    """What the tar has, in its order: name, and all there is to know of it."""
    tree = {"": dict(DEFAULT)} | tree
    firsts, rows = {}, []
    for path in sorted(tree, key=lambda p: [n.encode() for n in p.split("/")] if p else []):
        value = tree[path]
        name = "./" + path if path else "."
        if value["kind"] != "dir" and firsts.setdefault(id(value), name) != name:
            rows.append((name, "hard link to " + firsts[id(value)]))
        else:
            rows.append((name, tuple(value.items())))
    return rows


def found(data):
    rows = []
    tar = tarfile.open(fileobj=io.BytesIO(data))
    for info in tar:
        if info.islnk():
            rows.append((info.name, "hard link to " + info.linkname))
            continue
        value = {"kind": next(k for k, t in TYPES.items() if t == info.type), "mode": info.mode,
                 "uid": info.uid, "gid": info.gid, "uname": info.uname, "gname": info.gname,
                 "mtime": info.pax_headers.get("mtime", str(int(info.mtime))),
                 "xattrs": tuple((k[13:], v) for k, v in info.pax_headers.items()
                                 if k.startswith("SCHILY.xattr.")),
                 "target": info.linkname, "device": (info.devmajor, info.devminor),
                 "data": tar.extractfile(info).read() if info.isfile() else b""}
        rows.append((info.name, tuple(value.items())))
    return rows


# --- checks ---

def check(seed):
    random.seed(seed)
    tree, layers = {}, []
    for _ in range(random.randrange(1, 6)):
        entries = random_layer(tree)
        layers.append(layer_tar(entries))
        tree = apply(tree, entries)
    with open("stream.tar", "wb") as f:
        f.write(stream(layers))
    with open("stream.tar", "rb") as f:
        piped = {"input": f.read()} if seed % 2 else {"stdin": f}
        run = subprocess.run(["layer-flatten"], stdout=subprocess.PIPE, check=False, **piped)
    if run.returncode:
        sys.exit(f"seed {seed}: status {run.returncode}")
    want, have = expected(tree), found(run.stdout)
    if want != have:
        for line in sorted(set(map(str, want)) ^ set(map(str, have))):
            print(line[:300])
        sys.exit(f"seed {seed}: other entries, or in another order; see stream.tar")


def many(count):
    """Each header is the first one with another name, which differs in the sum of its bytes."""
    info = tarfile.TarInfo()
    info.size = 10
    block = info.tobuf(tarfile.USTAR_FORMAT)
    first, rest = int(block[148:154], 8), block[156:] + b"0123456789".ljust(512, b"\0")
    layer = tarfile.TarInfo("0.tar")
    layer.size = 1024 * (count + 1)
    sys.stdout.buffer.write(layer.tobuf())
    for n in range(count):
        name = b"usr/lib/directory-%d/file-number-%d" % (n // 200, n)
        sys.stdout.buffer.write(name.ljust(100, b"\0") + block[100:148] + b"%06o\0 " % (first + sum(name)) + rest)
    sys.stdout.buffer.write(bytes(2048))


if sys.argv[1] == "check":
    for one in range(int(sys.argv[2])):
        check(one)
else:
    many(int(sys.argv[2]))
