#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# layer-tar: store layers and layers from an mtree.
load helper

setup() {
  setup_path
  store=/nix/store
  hash=0123456789abcdfghijklmnpqrsvwxyz
}

example() {
  "$TOP/tests/fixtures/make-example" "$BATS_TEST_TMPDIR/ex"
  cd ex || return
  plan 3 graph >plan
}

# plan N: graph lines to a plan, the first N paths in layer 1, the others in layer 2
plan() { awk -F '\t' -v OFS='\t' -v n="$1" '{ print (NR > n) + 1, $1, $2, $3 }' "$2"; }

# one PATH…: a plan of one layer, nar-hashes not known
one() { printf '1\t%s\t-\t-\n' "$@"; }

# odd_tree DIR NAME…: a store path full of odd names, made in the order given
odd_tree() {
  python3 - "$@" <<'EOF'
import os, sys
top = os.fsencode(sys.argv[1])
os.makedirs(top)
os.chdir(top)
names = [b"a", b"a-b", b"a.txt", b"new\nline", b"sp ace", b"tab\ttab", b"back\\slash", b"100%", b"it's \"",
         b"\xff", b"\x80", "é".encode(), "日本".encode(), "\U0001f600".encode(), "\ue000".encode(), b"\xc3", b"\xc3(", b"\xed\xa0\x80", b"-dash", b".hidden", b"~"]
prefix = len(b"/nix/store/0123456789abcdfghijklmnpqrsvwxyz-odd/")
for size in 99, 100, 101, 155, 156, 256:
    names.append(b"n" * (size - prefix))
if "reverse" in sys.argv:
    names.reverse()
for i, name in enumerate(names):
    os.mkdir(name + b".d") if len(name) < 200 else None
    with open(name, "wb") as f:
        f.write(name)
    if len(name) < 200:
        os.symlink(b"../" + name, name + b".d/link")
for size in 0, 1, 511, 512, 513, 65535, 65536, 65537, 300000:
    with open(b"size%d" % size, "wb") as f:
        f.write(b"x" * size)
os.makedirs(b"a.d/z/empty")
os.makedirs(b"/".join([b"d" * 100] * 5))
for length in 99, 100, 101, 4095:
    os.symlink(b"t" * length, b"target%d" % length)
os.symlink(b"\xfe\xff", b"badlink")
os.symlink(b"nowhere", b"dangling")
os.link(b"a", b"hard")
os.link(b"dangling", b"hardlink-of-link")
os.chmod(b"size1", 0o4755)
os.chmod(b"size511", 0o000)
EOF
}

@test "store layers are the bytes that Python's tarfile writes" {
  local base=root$store/$hash
  odd_tree "$base-odd"
  ln -s "$hash-odd" "$base-link"
  ln -s nowhere "$base-dangling"
  echo file >"$base-file"
  mkdir "$base-empty"
  ln "$base-odd/a" "$base-empty/across"
  for form in 'uid=0' 'uid=1000 gid=100 uname=user gname=users mtime=0' \
    'uid=3000000 gid=4294967294 mtime=8589934592' "uname=$(printf 'n%.0s' {1..40}) gname=é"; do
    set -- "$store/$hash"-{odd,link,dangling,file,empty}
    # shellcheck disable=SC2046,SC2001
    one "$@" | layer-tar --root-dir root --bare $(sed 's/[^ ]*=/--&/g' <<<"$form") >c.tar
    # shellcheck disable=SC2086
    "$TOP/tests/fixtures/python-layer" root $store $form "$@" >python.tar
    same c.tar python.tar
  done
  tar -tf c.tar >/dev/null
}

@test "the stream's members are the bare layers" {
  example
  layer-tar --root-dir root <plan >stream.tar
  mkdir out
  tar --warning=no-unknown-keyword -xf stream.tar -C out
  for n in 1 2; do
    grep "^$n" plan | sed 's/^2/1/' | layer-tar --root-dir root --bare >bare.tar
    same bare.tar out/layer-000$n.tar
  done
  [ "$(ls out)" = $'layer-0001.tar\nlayer-0002.tar' ]
}
