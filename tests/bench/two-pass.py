# SPDX-License-Identifier: MIT
"""A model of the streamer that layerpipe is measured against.

    two-pass.py ROOT <plan >image

Reads layer-plan(5) lines and writes a docker-archive, the way it is done with pathlib and tarfile
by who wants a layer's digest for its name: every layer is written twice, first into SHA-256, then,
by a thread and through a pipe, as a member of the image.
"""
import hashlib
import io
import itertools
import json
import os
import pathlib
import sys
import tarfile
import threading


class Digest:
    """A file that keeps only the digest and the size of what is written to it."""

    def __init__(self):
        self.sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data):
        self.sha256.update(data)
        self.size += len(data)


def member(name, type_, mode, size=0):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.size, info.mtime = type_, mode, size, 1
    info.uname = info.gname = "root"
    return info


def add_file(layer, root, path):
    info = layer.gettarinfo(path)
    info.name = "/" + str(path.relative_to(root))
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    info.mtime = 1
    if info.islnk():
        info.type, info.linkname = tarfile.REGTYPE, ""
        info.size = path.lstat().st_size
    if info.isreg():
        with path.open("rb") as file:
            layer.addfile(info, file)
    else:
        layer.addfile(info)


def files_of(path):
    return [path] if path.is_symlink() else sorted(itertools.chain([path], path.rglob("*")))


def write_layer(out, root, paths):
    with tarfile.open(fileobj=out, mode="w|") as layer:
        for name in "/nix", "/nix/store":
            layer.addfile(member(name, tarfile.DIRTYPE, 0o755))
        for path in paths:
            for file in files_of(pathlib.Path(root + path)):
                add_file(layer, root, file)


def add_layer(image, root, paths):
    digest = Digest()
    write_layer(digest, root, paths)
    name = digest.sha256.hexdigest() + "/layer.tar"
    reader, writer = (os.fdopen(fd, mode) for fd, mode in zip(os.pipe(), ("rb", "wb")))

    def produce():
        with writer:
            write_layer(writer, root, paths)

    threading.Thread(target=produce).start()
    with reader:
        image.addfile(member(name, tarfile.REGTYPE, 0o644, digest.size), reader)
    return name, "sha256:" + digest.sha256.hexdigest()


def read_plan(lines):
    layers = []
    for line in lines:
        number, path = line.rstrip("\n").split("\t")[:2]
        if int(number) > len(layers):
            layers.append([])
        layers[-1].append(path)
    return layers


def main():
    root = sys.argv[1]
    image = tarfile.open(fileobj=sys.stdout.buffer, mode="w|")
    names, digests = zip(*[add_layer(image, root, paths) for paths in read_plan(sys.stdin)])
    config = json.dumps({
        "created": "1970-01-01T00:00:01Z", "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": digests},
    }).encode()
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": ["model:latest"], "Layers": names}]).encode()
    for name, data in (config_name, config), ("manifest.json", manifest):
        image.addfile(member(name, tarfile.REGTYPE, 0o644, len(data)), io.BytesIO(data))
    image.close()


main()
