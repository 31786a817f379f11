#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A flattened image is what real clients make of the same layers: names, kinds, modes, owners, times,
# attributes, contents, devices and hard links.
load ../helper
load clients

setup_file() {
  setup_path
  needs_root
  needs umoci podman skopeo dockerd docker
  clients_start "$BATS_FILE_TMPDIR/clients"
  cd "$BATS_FILE_TMPDIR" || return
  make_layers
  image both base change again top
  image all base change again top more
}

setup() {
  setup_path
  PATH=$TOP/tests/fixtures:$PATH
  cd "$BATS_FILE_TMPDIR" || return
}

teardown_file() { clients_stop; }

# image NAME LAYER…: NAME.tar, and NAME.list: what comes of flattening it
image() {
  local name=$1
  shift
  "$TOP/tests/fixtures/make-stream" - "${@/%/.layer}" >"$name.stream"
  image-assemble --name "$name" --tag t --output "$name.tar" <"$name.stream"
  layer-flatten <"$name.stream" >"$name.flat"
  mkdir "$name"
  tar --xattrs --xattrs-include='*' --numeric-owner --same-permissions -xf "$name.flat" -C "$name"
  "$TOP/tests/fixtures/list-tree" "$name" >"$name.list"
}

# Every kind of whiteout and replacement, hard links, attributes, odd owners and times. A layer
# names each directory that it has something in, as clients do otherwise differ in what they make
# of it.
make_layers() {
  python3 - <<'END'
import io, tarfile

def layer(name, *entries):
    with tarfile.open(f"{name}.layer", "w", format=tarfile.PAX_FORMAT) as tar:
        for number, entry in enumerate(entries):
            path, *options = entry.split(" ")
            info = tarfile.TarInfo(path.rstrip("/"))
            info.type = tarfile.DIRTYPE if path.endswith("/") else tarfile.REGTYPE
            info.mode = 0o755 if path.endswith("/") else 0o644
            info.pax_headers["mtime"] = f"{1000000000 + len(path) % 3}.{number:03}000001"
            data = f"{name} {path}".encode()
            for option in options:
                key, value = option.split("=", 1)
                if key == "mode":
                    info.mode = int(value, 8)
                elif key == "owner":
                    info.uid, info.gid = map(int, value.split(":"))
                elif key == "time":
                    info.pax_headers["mtime"] = value
                elif key in ("symlink", "hardlink"):
                    info.type = tarfile.SYMTYPE if key == "symlink" else tarfile.LNKTYPE
                    info.linkname = value
                elif key == "char":
                    info.type = tarfile.CHRTYPE
                    info.devmajor, info.devminor = map(int, value.split(","))
                elif key == "fifo":
                    info.type = tarfile.FIFOTYPE
                elif key == "size":
                    data = bytes(n % 251 for n in range(int(value)))
                else:
                    info.pax_headers["SCHILY.xattr." + key] = value
            if info.isreg() and not ".wh." in path:
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data))

capability = "security.capability=\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
layer("base", "./ mode=0751 owner=1:2", "bin/", "bin/ping mode=0755 " + capability, "bin/su mode=4755",
      "etc/ mode=0700", "etc/passwd", "etc/group owner=65534:65534", "big size=3000000", "empty size=0",
      "file/ owner=4294967294:2097152", "file/hidden", "file/kept user.name=value", "gone", "gone.d/",
      "gone.d/x", "gone.d/y/", "gone.d/y/z", "opaque/ user.dir=1", "opaque/one", "opaque/two/",
      "opaque/two/three", "hl1 time=7", "hl2 time=7 hardlink=hl1", "hl3 time=7 hardlink=hl1", "hl4 time=7 hardlink=hl1",
      "file-dir", "dir-file/", "dir-file/x", "dir-link symlink=etc", "link-file symlink=etc/passwd",
      "flip/", "flip/x", "flip/y", "dev/", "dev/null mode=0666 char=1,3", "dev/pipe fifo=1",
      "new", "time/", "time/far time=4294967296", "time/near time=1.123456789", "é\n\\ time=0")
layer("change", "./ mode=0755", "etc/ mode=0755 owner=3:4", "file/ owner=5:6", "file/.wh.hidden", ".wh.gone",
      ".wh.gone.d", "opaque/ user.dir=2", "opaque/.wh..wh..opq", "opaque/four", ".wh.hl1", "hl3 size=10",
      "file-dir/", "file-dir/x", "dir-file user.new=1", "dir-link/", "dir-link/x", "link-file", "flip",
      ".wh.new", "new mode=0600", ".wh.nothing")
layer("again", "flip/ mode=0711", "flip/z", "gone.d/", "gone.d/new", "etc/", "etc/.wh.group", "a/", "a/b/",
      "a/b/c time=8", "a/b/d time=8 hardlink=a/b/c")
layer("top", "a/ mode=1777", "a/b/", "a/b/.wh.c", "bin/", "bin/ping mode=0755 user.only=1", "opaque/", "opaque/one")
# what podman makes otherwise: it can not link to lower layers, merges a directory that is hidden and
# made in one layer, and knows no time before 1970
layer("more", "before/ time=-1.5", "before/1970 time=-86400.25", "hl5 hardlink=hl2", "big-link hardlink=big", ".wh.big", ".wh.gone.d", "gone.d/ mode=0700", "gone.d/again",
      "file/", "file/.wh..wh..opq", "file/last")
END
}

# same_list LIST LIST: shows the lines that differ
same_list() { cmp -s "$1" "$2" || { diff "$1" "$2" | head -40; return 1; }; }

@test "the layers show what they are meant to" {
  names=$(cut -d ' ' -f 1 both.list | xargs)
  for gone in gone etc/group file/hidden opaque/two hl1 flip/x gone.d/x a/b/c; do
    [[ " $names " != *" $gone "* ]] || { echo "$gone"; false; }
  done
  for there in hl2 hl4 flip/z gone.d/new opaque/one opaque/four dir-link/x a/b/d file/kept; do
    [[ " $names " == *" $there "* ]] || { echo "$there"; false; }
  done
  grep -q '^hl4 .* is hl2$' both.list
  grep -q '^bin/ping .* user.only=31$' both.list
  grep -q '^before/1970 file 0644 0:0 -86400250000000 ' all.list
  grep -q '^before dir 0755 0:0 -1500000000$' all.list
}

@test "umoci unpacks the same tree" {
  skopeo copy -q docker-archive:all.tar oci:oci:all
  umoci unpack --image oci:all bundle >log 2>&1 || { cat log; false; }
  list-tree bundle/rootfs >umoci.list
  same_list all.list umoci.list
}

@test "podman mounts the same tree" {
  podman load -q -i both.tar >log 2>&1 || { cat log; false; }
  mounted=$(podman image mount localhost/both:t)
  inside "$TOP/tests/fixtures/list-tree" "$mounted" >podman.list
  podman image unmount localhost/both:t >log
  sed -i '/^\. /d' podman.list # a root of its own
  sed '/^\. /d' both.list >want.list
  same_list want.list podman.list
}

@test "docker imports the result, and exports the same files" {
  docker_start
  export-image --from-image both.tar --name flat >printed
  docker import flat.tar flat:t >log
  container=$(docker create flat:t /bin/none)
  docker export "$container" >exported.tar
  mkdir exported
  tar --numeric-owner --same-permissions -xf exported.tar -C exported
  # what docker puts into each container, and what it does not keep
  rm -rf exported/.dockerenv exported/{dev/{console,pts,shm},proc,sys,etc/{hosts,hostname,resolv.conf,mtab}}
  list-tree exported | cut -d ' ' -f 1-4,6- | sed 's/ [a-z.]*=[0-9a-f]*//g' | grep -v '^\(\.\|dev\|etc\) ' >docker.list
  cut -d ' ' -f 1-4,6- both.list | sed 's/ [a-z.]*=[0-9a-f]*//g' | grep -v '^\(\.\|dev\|etc\) ' >want.list
  same_list want.list docker.list
}
