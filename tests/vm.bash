# SPDX-License-Identifier: MIT
# Shared by the tests of vm-exec: an image of a static busybox, and ways to look at layers.
# shellcheck shell=bash

# layer_of DIR > LAYER-STREAM: one layer, all owned by root
layer_of() { tree-list --allow-whiteouts --owner 0:0 --mtime 1 "$1" | layer-tar --mtree - --allow-empty; }

# make_base: base.stream, one layer with a shell and a few files, and what is in base already
make_base() {
  mkdir -p base/bin base/etc base/data/sub
  cp "$(command -v busybox)" base/bin/busybox
  base/bin/busybox --list | python3 -c 'import os, sys
for name in set(sys.stdin.read().split()) - {"busybox"}: os.symlink("busybox", "base/bin/" + name)'
  echo welcome >base/etc/motd
  echo one >base/data/one
  echo two >base/data/sub/two
  chmod -R u=rwX,go=rX base
  layer_of base >base.stream
}

# base_once: copies of base.stream and base, which are made once for all tests of a file
base_once() {
  [ -d "$BATS_FILE_TMPDIR/base" ] || (cd "$BATS_FILE_TMPDIR" && make_base)
  cp -a "$BATS_FILE_TMPDIR"/base{,.stream} .
}

# make_empty: empty.stream, one layer without entries
make_empty() { layer-tar --mtree - --allow-empty </dev/null >empty.stream; }

# script LINE… > FILE
script() { printf '%s\n' "$@"; }

# layer < LAYER-STREAM > TAR: the one layer in it
layer() { tar -xO; }

# listing < LAYER-STREAM: type, mode, owner, size or device, time and name of each entry
listing() {
  layer | python3 -c '
import sys, tarfile
for t in tarfile.open(fileobj=sys.stdin.buffer, mode="r|"):
    kind = {b"0": "-", b"1": "h", b"2": "l", b"3": "c", b"4": "b", b"5": "d", b"6": "p"}[t.type]
    size = f"{t.devmajor},{t.devminor}" if kind in "cb" else t.size
    name = t.name.encode("utf-8", "surrogateescape").decode("latin-1").encode("unicode_escape").decode()
    print(f"{kind}{t.mode:04o} {t.uid}:{t.gid} {size} {t.mtime} {name}" + (f" > {t.linkname}" if t.linkname else ""))'
}

# stream_of ENTRY… [-- ENTRY…]… > LAYER-STREAM: layers, as another tar would make them, of entries NAME,
# NAME/ (a directory), NAME>TARGET (a symbolic link), NAME=TARGET (a hard link), NAME!MAJOR,MINOR
# (a character device)
stream_of() {
  python3 - "$@" <<'END'
import io, re, sys, tarfile

def entry(word):
    name, kind, rest = re.fullmatch(r"([^>=!]*)([>=!]?)(.*)", word, re.S).groups()
    t = tarfile.TarInfo(name)
    t.mode, t.mtime = 0o755, 1
    data = b""
    if kind == ">": t.type, t.linkname = tarfile.SYMTYPE, rest
    elif kind == "=": t.type, t.linkname = tarfile.LNKTYPE, rest
    elif kind == "!":
        t.type = tarfile.CHRTYPE
        t.devmajor, t.devminor = map(int, rest.split(","))
    elif name.endswith("/"): t.type = tarfile.DIRTYPE
    else: data = b"" if "/.wh." in "/" + name else b"text\n"
    t.size = len(data)
    return t, io.BytesIO(data)

layers = [[]]
for word in sys.argv[1:]:
    if word == "--": layers.append([])
    else: layers[-1].append(word)
with tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=tarfile.PAX_FORMAT) as stream:
    for words in layers:
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for word in words: tar.addfile(*entry(word))
        t = tarfile.TarInfo("layer.tar")
        t.size = data.tell()
        data.seek(0)
        stream.addfile(t, data)
END
}

# make_places: input and places, which are options to mount on what the layers have or lack
make_places() {
  mkdir -p lower/opt/sub lower/opt/full host/in
  ln -s full lower/opt/link
  touch lower/opt/file lower/opt/full/file
  echo host >host/file
  chmod 2750 lower/opt/sub
  {
    cat base.stream
    tree-list --owner 7:8 --mtime 1111 lower | sed '/^\.\/opt\/sub /s,$, xattr.user.note=aGVsbG8=,' | layer-tar --mtree -
    stream_of opt/ opt/mine/ new/ new/mine/ tmp/ etc/.wh.motd etc/ >new.stream
    cat new.stream
  } >input
  places=(--mount "$PWD/host/file:/opt/link/file" --mount "$PWD/host/file:/opt/file" --mount "$PWD/host:/opt/full")
  for place in /opt/sub/a/b /opt/sub/c /opt/mine /new/mine /new/a /n/a /n/a/in /n//b/c/; do
    places+=(--mount "$PWD/host:$place")
  done
}

# places_script: finds all that make_places tells of
places_script() {
  script 'cat /opt/file /opt/sub/a/b/file /opt/sub/c/file /opt/mine/file /new/mine/file /new/a/file' \
    'cat /opt/link/file /opt/full/file /n/a/file /n/a/in/file /n/b/c/file' \
    'stat -c "%a %u %g %Y" / /opt/sub' 'chmod 700 /opt/sub' 'rmdir /n/a 2>/dev/null || :' 'test ! -e /etc/motd'
}

# check_places OUT LOG: what comes of it: parents look as they did, and what the new layer has stays
check_places() {
  listing <"$1" >found
  lines 'd0755 0:0 0 1 etc' '-0000 0:0 0 1 etc/.wh.motd' 'd0755 0:0 0 1 new' 'd0755 0:0 0 1 new/mine' \
    'd0755 0:0 0 1 opt' 'd0755 0:0 0 1 opt/mine' 'd0700 7:8 0 1111 opt/sub' 'd0755 0:0 0 1 tmp' >want
  same want found
  layer <"$1" | grep -aq 'SCHILY.xattr.user.note=hello$'
  { for _ in $(seq 11); do echo host; done; lines '755 7 8 1111' '2750 7 8 1111'; } >want
  same want "$2"
}

# fails_without_room: TMPDIR has room for the layers, and not for what is made of them
fails_without_room() {
  needs_root
  mkdir small
  mount -t tmpfs -o size=3m small small
  TMPDIR=$PWD/small fails_script 125 "vm-exec: cannot write a temporary file in '$PWD/small' (TMPDIR can name another directory): No space left on device" true || bad=1
  umount small
  [ -z "${bad:-}" ]
}

# private_tmpdir: where left_behind looks; it misses what runs without this TMPDIR
private_tmpdir() { export TMPDIR=$PWD; }

# ours PID: whether a process is of this test: of the programs under test, and not of a vm-exec
# that runs beside it
ours() {
  local pid=$1 exe
  exe=$(readlink "/proc/$pid/exe")
  [[ $exe == "$BUILD"/* ]] || grep -qxz "BUILD=$BUILD" "/proc/$pid/environ" || return
  while [ "${pid:-0}" -gt 1 ]; do
    [[ $(readlink "/proc/$pid/exe") != */vm-exec ]] || grep -qxz "TMPDIR=$TMPDIR" "/proc/$pid/environ" || return
    pid=$(sed -n 's/^PPid:\t//p' "/proc/$pid/status")
  done
} 2>/dev/null

# left_behind: what a run must not leave: processes, mounts, files in TMPDIR
left_behind() {
  local pid
  needs pgrep
  for pid in $(pgrep -f '^layerpipe-guest|^qemu-system.*layerpipe'); do
    ! ours "$pid" || echo "$pid"
  done
  grep -E 'overlay.*lowerdir=/lower' /proc/mounts || :
  find "$TMPDIR" -maxdepth 1 -name 'layerpipe-*' || :
}
