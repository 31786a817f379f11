# SPDX-License-Identifier: MIT
"""vm-tree.py make: two layers, one.tar and two.tar, that make a directory "tree" with all that
a file tree can hold. The other commands compare with it

check FOUND LAYER: what a script saw of it, "INODE LINKS TYPE-AND-MODE UID GID SIZE TIME MAJOR
MINOR|PATH" in lines, and its copy, "copy" in a layer;
attributes FOUND: "PATH NAME VALUE" of each extended attribute, all in hexadecimal;
moved LAYER: the files with attributes that a script moved from there to "moved".

vm-tree.py bad: layers N.tar with what no file system holds, and the message of each, N.err.
"""
import errno, hashlib, io, os, random, re, struct, sys, tarfile

REG, DIR, SYM, LNK = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
CHR, BLK, FIFO = tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE
KINDS = {REG: 0o10, DIR: 0o4, SYM: 0o12, CHR: 0o2, BLK: 0o6, FIFO: 0o1}
LAST = 2**32 - 2

entries = []
rng = random.Random(1)


def text(raw):
    return raw.decode("utf-8", "surrogateescape")


def add(path, kind=REG, data=b"", mode=0o644, uid=0, gid=0, mtime=1, link="", dev=(0, 0), xattrs=None):
    t = tarfile.TarInfo(path if isinstance(path, str) else text(path))
    t.type, t.size, t.mode, t.uid, t.gid, t.mtime = kind, len(data), mode, uid, gid, mtime
    t.linkname, (t.devmajor, t.devminor) = link, dev
    t.pax_headers = {"SCHILY.xattr." + n: text(v) for n, v in (xattrs or {}).items()}
    entries.append((t, data, xattrs or {}))


def names():
    add("tree/names", DIR, mode=0o755)
    for byte in set(range(1, 256)) - {ord("/"), ord(".")}:
        add(b"tree/names/" + bytes([byte]))
    for length in range(2, 256):
        add(b"tree/names/" + bytes(rng.choice([c for c in range(1, 256) if c != 47]) for _ in range(length)))
    for name in "...", "..a", ".a", ".!", ".-", "..!", ". ", ".\x01":
        add("tree/names/" + name)
    add("tree/many", DIR, mode=0o755)
    for i in range(1500):
        add(f"tree/many/{i:04}" + "n" * rng.randrange(60), LNK, link="tree/files/1")
    add("tree/long", DIR, mode=0o755)
    for i in range(40):
        add(f"tree/long/{i:03}".ljust(10 + 255, "l"))
    # directories of just so many bytes that they fit behind their inode, or not; into a block
    for size in [*range(4030, 4036), *range(4094, 4099)]:
        add(f"tree/border{size}", DIR, mode=0o755)
        for i in range(124):
            add(f"tree/border{size}/{i:020}", LNK, link="tree/files/1")
        add(f"tree/border{size}/".ljust(16 + size - 12 - 3 - 24 - 124 * 32, "z"))
    add("tree/empty", DIR, mode=0o700)
    path = "tree/deep"
    for i in range(100):
        add(path, DIR, mode=0o755)
        path += f"/directory{i}"
    add(path)


def files():
    add("tree/files", DIR, mode=0o755)
    for size in [0, 1, 2, 63, 64, 65, *range(3900, 4101), 8191, 8192, 8193, 65537, 2**20, 2**20 + 1]:
        add(f"tree/files/{size}", data=rng.randbytes(size))
    add("tree/links", DIR, mode=0o755)
    for size in [1, 2, 59, 60, 61, 1000, *range(4028, 4037), 4094, 4095]:
        add(f"tree/links/{size}", SYM, link="x" * size, mode=0o777, mtime=size)
    add("tree/links/other", LNK, link="tree/links/4095")
    add("tree/nodes", DIR, mode=0o755)
    for major, minor in (1, 3), (0, 1), (255, 255), (256, 256), (4095, 1048575), (0, 1048575), (4095, 0):
        add(f"tree/nodes/c{major}-{minor}", CHR, dev=(major, minor), mode=0o600, uid=5)
        add(f"tree/nodes/b{major}-{minor}", BLK, dev=(major, minor), mode=0o666)
    add("tree/nodes/fifo", FIFO, mode=0o4642)
    add("tree/nodes/again", LNK, link="tree/nodes/fifo")


def owners():
    add("tree/modes", DIR, mode=0o755)
    for mode in 0, 0o7777, 0o4755, 0o2755, 0o1777, 0o2644, 0o111:
        add(f"tree/modes/f{mode:o}", mode=mode, data=b"x")
        add(f"tree/modes/d{mode:o}", DIR, mode=mode)
    for uid, gid in (LAST, LAST), (2**31, 0), (0, 2**16), (65534, 65535):
        add(f"tree/modes/o{uid}-{gid}", uid=uid, gid=gid, mode=0o4711)
        add(f"tree/modes/l{uid}-{gid}", SYM, uid=uid, gid=gid, link="l", mode=0o777)
    for mtime in -(2**40), -(2**31), -1, 0, 2**31, 2**32, 2**34 - 2**31 - 1, 2**40:
        add(f"tree/modes/t{mtime}", mtime=mtime)
        add(f"tree/modes/td{mtime}", DIR, mtime=mtime, mode=0o755)


def acl(*permissions):
    tags = (1, 2, 4, 16, 32)  # owner, a user, group, mask, others
    return struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", tag, p, 1000 if tag == 2 else LAST + 1) for tag, p in zip(tags, permissions))


def attributes():
    capability = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)
    sets = {
        "small": {"user.a": b"1"},
        "none": {"user.empty": b""},
        "bytes": {"user.\u00ff\u0100 ": bytes(range(256))},
        "names": {"user." + "n" * 250: b"x", "trusted." + "t" * 247: b"yy"},
        "many": {f"user.{i}": b"v" * i for i in range(60)},
        "kinds": {"user.x": b"1", "trusted.x": b"12", "security.x": b"123"},
        "capability": {"security.capability": capability},
        "acl": {"system.posix_acl_access": acl(6, 4, 4, 6, 4)},
        "large": {"user.large": rng.randbytes(65535)},
        "sum": {f"user.{i}": rng.randbytes(3000) for i in range(5)},
        "overlay": {"trusted.overlay.opaque": b"y", "user.overlay.redirect": b"/x", "user.y": b"y"},
    }
    add("tree/attributes", DIR, mode=0o755)
    for name, xattrs in sets.items():
        add("tree/attributes/" + name, data=name.encode(), mode=0o664, xattrs=xattrs)
    for size in range(970, 1010):  # contents that just fit behind the attributes, or not
        add(f"tree/attributes/{size}", data=rng.randbytes(size), xattrs={"user.x": bytes(3000)})
    both = {"system.posix_acl_access": acl(7, 5, 5, 7, 5), "system.posix_acl_default": acl(7, 7, 5, 7, 0)}
    add("tree/attributes/dir", DIR, mode=0o775, xattrs={**both, "user.d": b"d"})
    add("tree/attributes/link", SYM, link="none", mode=0o777, xattrs={"trusted.l": b"l"})
    add("tree/attributes/long", SYM, link="n" * 4000, mode=0o777, xattrs={"security.l": b"l" * 500})
    add("tree/attributes/node", CHR, dev=(1, 3), xattrs={"security.n": b"n"})


def all_entries():
    entries.clear()
    add("./", DIR, mode=0o751, uid=3, gid=4, mtime=77)
    add("tree", DIR, mode=0o755, uid=1, gid=2, mtime=99)
    files()
    names()
    owners()
    attributes()
    return entries


def make():
    with tarfile.open("one.tar", "w", format=tarfile.PAX_FORMAT) as one, \
         tarfile.open("two.tar", "w", format=tarfile.PAX_FORMAT) as two:
        for i, (t, data, _) in enumerate(all_entries()):
            second = i % 3 == 0 and t.type != LNK
            if second and t.type != DIR:  # what is there before is replaced
                old = tarfile.TarInfo(t.name)
                old.type, old.linkname = SYM, "replaced"
                one.addfile(old)
            (two if second else one).addfile(t, io.BytesIO(data))
        for name in "tree/gone", "tree/gone/x", "tree/empty/x", "tree/replaced/x/y":
            one.addfile(tarfile.TarInfo(name) if name[-1] in "xy" else directory(name))
        for name in "tree/.wh.gone", "tree/empty/.wh..wh..opq", "tree/.wh.replaced":
            two.addfile(tarfile.TarInfo(name))


def directory(name):
    t = tarfile.TarInfo(name)
    t.type = DIR
    return t


def wanted():
    """Path, entry, contents, attributes, names of the same file; in the order of all_entries()."""
    files, groups = {}, {}
    for t, data, xattrs in all_entries():
        target = t.linkname if t.type == LNK else t.name
        groups.setdefault(target, []).append(t.name)
        files[t.name] = files[target] if t.type == LNK else (t, data, xattrs)
    return {name: (*files[name], groups[files[name][0].name]) for name in files if name != "./"}


def same(what, found, want):
    if found != want:
        sys.exit(f"{what}: found {found}, expected {want}")


def check(found_file, copy_file):
    want = wanted()
    seen, inodes = {}, {}
    for line in re.split(rb"\n(?=[0-9]+ [0-9]+ [0-9a-f]+ )", open(found_file, "rb").read()[:-1]):
        numbers, path = line.split(b"|", 1)
        path = text(path[1:])
        inode, links, mode, uid, gid, size, mtime, major, minor = numbers.split()
        seen[path] = int(inode)
        t, data, _, group = want[path]
        same(f"{path!a}: mode", int(mode, 16), KINDS[t.type] << 12 | t.mode)
        same(f"{path!a}: owner", (int(uid), int(gid)), (t.uid, t.gid))
        same(f"{path!a}: time", int(mtime) % 2**64, int(t.mtime) % 2**64)
        if t.type in (REG, SYM):
            same(f"{path!a}: size", int(size), len(t.linkname) if t.type == SYM else t.size)
        if t.type in (CHR, BLK):
            same(f"{path!a}: device", (int(major, 16), int(minor, 16)), (t.devmajor, t.devminor))
        if t.type != DIR:
            same(f"{path!a}: links", int(links), len(group))
            inodes.setdefault(inode, set()).add(path)
    same("names", sorted(seen, key=ascii), sorted(want, key=ascii))
    for paths in inodes.values():
        same("names of one inode", paths, set(want[next(iter(paths))][3]))
    check_copy(want, copy_file)


def check_copy(want, copy_file):
    copied = {}
    for t in (tar := tarfile.open(copy_file)):
        name = t.name.replace("copy", "tree", 1)
        if t.name == "copy" or t.name.startswith("copy/"):
            data = tar.extractfile(t).read() if t.isreg() else b""
            first = t.linkname.replace("copy", "tree", 1)
            copied[name] = copied[first] if t.type == LNK else (t, data, name)
    same("copied", sorted(copied, key=ascii), sorted(want, key=ascii))
    for name, (t, data, first) in copied.items():
        w, contents, _, group = want[name]
        same(f"{name!a}: type, mode, owner, target", (t.type, t.mode, t.uid, t.gid, t.linkname),
             (w.type, w.mode, w.uid, w.gid, w.linkname))
        same(f"{name!a}: device", (t.devmajor, t.devminor), (w.devmajor, w.devminor))
        same(f"{name!a}: contents", hashlib.sha1(data).digest(), hashlib.sha1(contents).digest())
        same(f"{name!a}: first name", first in group, True)
        if t.type in (REG, DIR) and -(2**31) <= w.mtime < 2**34 - 2**31:  # what an ext4 can hold
            same(f"{name!a}: time", t.mtime, w.mtime)


def public(xattrs):
    return {n: v for n, v in xattrs.items() if not n.startswith(("trusted.overlay.", "user.overlay."))}


def check_attributes(found_file):
    found = {}
    for line in open(found_file):
        path, name, value = (bytes.fromhex(s) for s in line[:-1].split(" "))
        found.setdefault(text(path[1:]), {})[text(name)] = value
    for path, (_, _, xattrs, _) in wanted().items():
        same(f"{path!a}: attributes", found.pop(path, {}), public(xattrs))
    same("others with attributes", found, {})


def check_moved(copy_file):
    """The layer has the attributes of /moved as the disk below had them."""
    want, n = wanted(), 0
    for t in tarfile.open(copy_file):
        if t.name.startswith("moved/"):
            found = {name.removeprefix("SCHILY.xattr."): value.encode("utf-8", "surrogateescape")
                     for name, value in t.pax_headers.items() if name.startswith("SCHILY.xattr.")}
            same(f"{t.name!a}: attributes", found, public(want["tree/attributes/" + t.name[6:]][2]))
            n += 1
    same("moved files", n, 11)


def raw_acl(*entries, version=2):
    return struct.pack("<I", version) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def bad():
    none, access, default = LAST + 1, "system.posix_acl_access", "system.posix_acl_default"
    owner, group, others = (1, 6, none), (4, 4, none), (32, 4, none)
    things = [
        (errno.ENAMETOOLONG, "make", dict(path="x/" + "n" * 256)),
        (errno.ENAMETOOLONG, "make", dict(kind=SYM, link="x" * 4096)),
        (errno.EINVAL, "give", dict(uid=none)),
        (errno.EINVAL, "give", dict(uid=5, gid=2**40)),
        (errno.EINVAL, "make", dict(kind=CHR, dev=(4096, 1))),
        (errno.EINVAL, "make", dict(kind=BLK, dev=(1, 2**20))),
    ]
    for code, kind, name, value in [
        (errno.ENOTSUP, REG, "com.example.x", b"1"),
        (errno.ENOTSUP, REG, "system.other", b"1"),
        (errno.ENOTSUP, REG, access + "s", raw_acl(owner, group, others)),
        (errno.EPERM, SYM, "user.x", b"1"),
        (errno.EPERM, FIFO, "user.x", b"1"),
        (errno.EINVAL, REG, "user.", b"1"),
        (errno.ERANGE, REG, "user." + "n" * 251, b"1"),
        (errno.E2BIG, REG, "user.x", bytes(65537)),
        (errno.E2BIG, REG, access, raw_acl(owner, *[(2, 6, 5)] * 8192, group, (16, 7, none), others)),
        (errno.ENOTSUP, SYM, access, raw_acl(owner, group, others)),
        (errno.EACCES, REG, default, raw_acl(owner, group, others)),
        (errno.EINVAL, REG, access, b"\2\0\0"),
        (errno.EINVAL, REG, access, raw_acl(owner, group, others)[:-1]),
        (errno.EINVAL, REG, access, raw_acl(owner, group)),
        (errno.EINVAL, REG, access, raw_acl(owner, (3, 4, none), group, others)),
        (errno.EINVAL, REG, access, raw_acl(owner, group, others, (64, 4, none))),
        (errno.EINVAL, REG, access, raw_acl(group, owner, others)),
        (errno.EINVAL, REG, access, raw_acl(owner, owner, group, others)),
        (errno.EINVAL, REG, access, raw_acl(owner, (2, 6, 5), group, others)),
        (errno.EINVAL, REG, access, raw_acl(owner, (2, 6, none), group, (16, 7, none), others)),
        (errno.EINVAL, REG, access, raw_acl((1, 8, none), group, others)),
        (errno.EINVAL, DIR, default, raw_acl(owner, group, others, version=3)),
    ]:
        things.append((code, f"set '{name}' of", dict(kind=kind, link="y", xattrs={name: value})))
    things.append((errno.E2BIG, "set the attributes of", dict(xattrs={f"user.{i}": bytes(60000) for i in range(5)})))
    for number, (code, what, thing) in enumerate(things):
        entries.clear()
        add(**{"path": "x/file", **thing})
        t, data, _ = entries[0]
        with tarfile.open(f"{number}.tar", "w", format=tarfile.PAX_FORMAT) as tar:
            tar.addfile(t, io.BytesIO(data))
        to = f" to {t.uid}:{t.gid}" if what == "give" else ""
        with open(f"{number}.err", "w") as f:
            f.write(f"vm-exec: the layers below: cannot {what} '{t.name}'{to}: {os.strerror(code)}")


if __name__ == "__main__":
    commands = {"make": make, "check": check, "attributes": check_attributes, "moved": check_moved, "bad": bad}
    commands[sys.argv[1]](*sys.argv[2:])
