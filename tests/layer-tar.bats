#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# layer-tar: store layers, layers from an mtree, and the stream around them.
load helper

setup() {
  setup_path
  store=/nix/store/0123456789abcdfghijklmnpqrsvwxyz # of paths that are called by their names
  PATH=$TOP/tests/fixtures:$PATH
}

# one PATH…: a plan of one layer, nar-hashes not known
one() { printf '1\t%s\t-\t-\n' "$@"; }

# example: the example closure in two layers, its plan in plan
example() {
  made example ex
  cd ex || return
  awk -F '\t' -v OFS='\t' '{ print (NR > 3) + 1, $1, $2, $3 }' graph >plan
}

# records KEY FILE: the values of a stream's pax records of that name
records() { grep -ao "LAYERPIPE\.$1=.*" "$2" | cut -d = -f 2-; }

# members FILE DIR: the members of a stream
members() { mkdir "$2" && tar -xf "$1" -C "$2"; }

# bare PATH…: writes the layer of these to layer.tar
bare() {
  one "$@" >bare-plan
  layer-tar --root-dir root --bare <bare-plan >layer.tar
}

# --- bytes ---

@test "store layers are the bytes that Python's tarfile writes" {
  local form
  odd-tree "root$store-odd"
  ln -s nowhere "root$store-dangling"
  ln -s "$store-odd" "root$store-link"
  echo file >"root$store-file"
  mkdir "root$store-empty" "root$store-across"
  ln "root$store-odd/a" "root$store-across/a"
  local paths=("$store-odd" "$store-dangling" "$store-link" "$store-file" "$store-empty" "$store-across")
  one "${paths[@]}" >plan
  for form in uid=0 'uid=1000 gid=100 uname=user gname=users mtime=0' \
    'uid=3000000 gid=4294967294 mtime=8589934592' "uname=$(printf 'n%.0s' {1..40}) gname=é" \
    $'uname=\xff gid=2097152'; do
    read -ra words <<<"$form"
    layer-tar --root-dir root --bare "${words[@]/#/--}" <plan >c.tar
    python-layer root /nix/store "${words[@]}" "${paths[@]}" >python.tar
    same c.tar python.tar
  done
  check-layer <c.tar
  tar -tf c.tar >/dev/null
}

@test "another store directory has its own way to it" {
  mkdir -p root/a/b/c
  echo x >root/a/b/c/0123456789abcdfghijklmnpqrsvwxyz-x
  one /a/b/c/0123456789abcdfghijklmnpqrsvwxyz-x >plan
  layer-tar --root-dir root --store-dir /a/b/c --bare <plan >c.tar
  python-layer root /a/b/c /a/b/c/0123456789abcdfghijklmnpqrsvwxyz-x >python.tar
  same c.tar python.tar
}

@test "a file of more than 8 GiB has a pax size" {
  mkdir -p "root$store-big"
  truncate -s 9G "root$store-big/file"
  one "$store-big" >plan
  # the headers are all that differs from a smaller one
  head_of() { python3 -c 'import subprocess, sys
p = subprocess.Popen(sys.argv[2:], stdout=subprocess.PIPE)
open(sys.argv[1], "wb").write(p.stdout.read(8192))
p.kill()' "$@"; }
  head_of c.head layer-tar --root-dir root --bare <plan
  head_of python.head python-layer root /nix/store "$store-big"
  same c.head python.head
  [ "$(wc -c <c.head)" = 8192 ]
  grep -aq 'size=9663676416' c.head
}

@test "the members of a stream are the bare layers" {
  local n
  example
  layer-tar --root-dir root <plan >stream
  members stream out
  [ "$(ls out)" = $'layer-0001.tar\nlayer-0002.tar' ]
  for n in 1 2; do
    grep "^$n" plan | sed 's/^2/1/' >part
    layer-tar --root-dir root --bare <part >bare.tar
    same bare.tar out/layer-000$n.tar
    check-layer <bare.tar
  done
}

@test "nothing but the plan and the options decides the bytes" {
  local shm variant
  odd-tree "root$store-odd"
  chmod 444 "root$store-odd/size511"
  chmod 755 "root$store-odd/z/empty"
  made example root2
  cp -a root2/root/nix/store/* root/nix/store/
  { one "$store-odd"; sed 's/^\([^\t]*\t[^\t]*\t[^\t]*\).*/2\t\1/' root2/graph; } >plan
  layer-tar --root-dir root <plan >want
  [ -s want ]
  shm=$(mktemp -d -p /dev/shm)
  odd-tree "$shm$store-odd" reverse
  chmod 444 "$shm$store-odd/size511"
  chmod 755 "$shm$store-odd/z/empty"
  cp -a root2/root/nix/store/* "$shm/nix/store/"
  chmod 755 "$shm"
  for variant in 'umask 077' 'export TZ=Asia/Tokyo LC_ALL=tr_TR.UTF-8 LANG=C LC_COLLATE=C' \
    'export SOURCE_DATE_EPOCH=5' 'cd /' 'jobs=(--jobs 1)' 'jobs=(--jobs 4)' 'jobs=(--jobs 64)' \
    'run=(setpriv --reuid 65534 --regid 65534 --clear-groups)'; do
    (
      jobs=() run=()
      eval "$variant"
      "${run[@]}" "$(type -P layer-tar)" --root-dir "$shm" "${jobs[@]}" \
        <"$BATS_TEST_TMPDIR/plan" >"$BATS_TEST_TMPDIR/found"
    )
    same want found || { echo "$variant"; rm -rf "$shm"; return 1; }
  done
  layer-tar --root-dir "$shm" --digests --jobs 1 <plan >want
  layer-tar --root-dir "$shm" --digests --jobs 3 <plan >found
  rm -rf "$shm"
  same want found
}

# --- what the stream says ---

@test "the stream counts its layers and names their paths" {
  example
  layer-tar --root-dir root <plan >stream
  [ "$(records layers stream)" = 2 ]
  records comment stream | head -n 1 | diff - <(
    echo "store paths: ['$(sed -n 1,3p paths | paste -sd , | sed "s/,/', '/g")']")
  layer-tar --root-dir root --comment 'it is é' <plan >stream
  [ "$(records comment stream | sort -u)" = 'it is é' ]
}

@test "the plan is an operand or standard input" {
  example
  layer-tar --root-dir root <plan >want
  layer-tar --root-dir root plan >found
  same want found
  layer-tar --root-dir root - <plan >found
  same want found
  : >nothing
  fails 1 'layer-tar: nothing: the plan is empty (--allow-empty makes no layers of it)' layer-tar nothing
  fails 1 "layer-tar: cannot open 'absent': No such file or directory" layer-tar absent
  fails 2 "layer-tar: --mtree goes without a plan (see 'layer-tar --help')" layer-tar --mtree tree plan
}

@test "a stream is a tar that other programs list and complain of nothing" {
  local program
  example
  layer-tar --root-dir root --digests --comment $'of two\nlines=2' <plan >stream
  grep -c 'LAYERPIPE\.' <(strings stream)
  for program in tar bsdtar python3; do
    case $program in
      python3) python3 -m tarfile -l stream >names 2>said ;;
      *) "$program" -tf stream >names 2>said ;;
    esac
    same said /dev/null
    lines layer-0001.tar layer-0002.tar | diff - <(sed 's/ *$//' names)
  done
  image-assemble --layers-out list <stream >image.tar
  cut -f 5 list >comments
  lines 'of two\\nlines=2' 'of two\\nlines=2' | same comments /dev/stdin
}

@test "a comment gets no longer than readers take it" {
  local name
  name=$(printf 'n%.0s' {1..200})
  mkdir -p root/nix/store
  printf "1\t$store-$name%04d\t-\t-\n" {1..2200} >plan
  cut -f 2 plan | sed 's/^/root/' | xargs touch
  layer-tar --root-dir root <plan >stream
  records comment stream >comment
  [ "$(wc -c <comment)" -lt 600000 ]
  grep -q '] and [0-9]* more$' comment
  [ "$(grep -o "'/nix/store/" comment | wc -l)" = "$((2200 - $(sed 's/.* and \([0-9]*\) more$/\1/' comment)))" ]
}

@test "keys come from NAR hashes, and from the bytes where one is missing" {
  example
  layer-tar --root-dir root <plan >stream
  members stream out
  sha256sum out/* | cut -c 1-64 >digests
  [ -z "$(records diffid stream)" ]
  records key stream >keys
  [ "$(sort -u keys | grep -cxE '[0-9a-f]{64}')" = 2 ]
  run ! grep -qf digests keys

  layer-tar --root-dir root --digests <plan >with-digests
  records key with-digests | diff keys -
  records diffid with-digests | diff - <(sed 's/^/sha256:/' digests)

  sed '1s/[^\t]*$/-/' plan | cat >without
  layer-tar --root-dir root <without >stream
  { head -n 1 digests; tail -n 1 keys; } | diff - <(records key stream)
  records diffid stream | diff - <(head -n 1 digests | sed 's/^/sha256:/')
}

@test "a key depends on all that the bytes depend on, and on nothing else" {
  local option
  example
  layer-tar --root-dir root <plan >stream
  records key stream >want
  [ -s want ]
  for option in --uid=1 --gid=1 --uname=a --gname=a --mtime=2; do
    layer-tar --root-dir root $option <plan >stream
    [ "$(records key stream | cat - want | sort | uniq -d)" = '' ]
  done
  sed 's/\t[0-9]*\tsha/\t-\tsha/' plan >no-sizes
  layer-tar --root-dir root --comment x --jobs 1 <no-sizes >stream
  records key stream | diff want -
  sed '1{h;d};2{G}' plan >swapped
  layer-tar --root-dir root <swapped >stream
  [ "$(records key stream | cat - want | sort | uniq -d)" = "$(tail -n 1 want)" ]
}

@test "empty plans and bare layers" {
  example
  fails 1 "layer-tar: <stdin>: the plan is empty (--allow-empty makes no layers of it)" layer-tar </dev/null
  layer-tar --allow-empty --root-dir root </dev/null >stream
  [ "$(records layers stream)" = 0 ]
  [ "$(tar -tf stream)" = '' ]
  fails 1 "layer-tar: cannot write a bare layer: the plan has 2 layers, expected exactly one" \
    layer-tar --bare --root-dir root <plan
}

@test "a stream cut short by kill -9 is refused" {
  mkdir -p "root$store-x"
  head -c 5000000 /dev/urandom >"root$store-x/file"
  one "$store-x" >plan
  OUTPUT=out fails 137 '' meanwhile 'kill -9 $PID' layer-tar --root-dir root <plan
  [ -s out ]
  run ! tar -tf out
  [[ $output == *'Error is not recoverable'* ]]
}

# --- what is refused ---

@test "only files, directories and links are in store paths" {
  mkdir -p "root$store-x"
  mkfifo "root$store-x/fifo"
  one "$store-x" >plan
  local what="a store path holds files, directories and links only"
  fails 1 "layer-tar: '$store-x/fifo' is a FIFO: $what" layer-tar --root-dir root --bare <plan
  rm "root$store-x/fifo"
  python3 -c 'import socket, os, sys; os.chdir(sys.argv[1]); socket.socket(socket.AF_UNIX).bind("socket")' \
    "root$store-x"
  fails 1 "layer-tar: '$store-x/socket' is a socket: $what" layer-tar --root-dir root --bare <plan
  rm "root$store-x/socket"
  if mknod "root$store-x/null" c 1 3; then
    fails 1 "layer-tar: '$store-x/null' is a character device: $what" layer-tar --root-dir root --bare <plan
  fi
}

@test "a store path deletes nothing of other layers" {
  local name what="cannot be in an image: in a layer, a name that begins with '.wh.' deletes what lower layers have"
  for name in .wh.x dir/.wh.x dir/.wh..wh..opq; do
    rm -rf root
    mkdir -p "root$store-x/dir"
    echo keep >"root$store-x/$name"
    one "$store-x" >plan
    fails 1 "layer-tar: '$store-x/$name' $what" layer-tar --root-dir root --bare <plan
    run ! layer-tar --root-dir root <plan
    [[ $output == *"layer-tar: '$store-x/$name' $what" ]]
  done
}

@test "an mtree deletes on purpose; what only some readers take for a deletion is refused" {
  local line
  lines './d/.wh.x type=file' './d/.wh..wh..opq type=file' './d/x type=file' >m
  layer-tar --mtree m --bare | tar -tf - >found
  lines d/ d/.wh..wh..opq d/.wh.x d/x >want
  same want found
  for line in './d/.wh. type=file' './d/.wh... type=file' './d/.wh..wh.x type=file' './d/.wh.x type=dir' \
    './d/.wh.x type=link link=x'; do
    lines "$line" >m
    fails 1 "layer-tar: '$(sed 's,^\./\([^ ]*\).*,\1,' m)' deletes nothing: expected a file .wh.NAME or .wh..wh..opq" \
      layer-tar --mtree m --bare
  done
  lines './d/.wh.x/y type=file' >m
  fails 1 "layer-tar: 'd/.wh.x' deletes nothing: expected a file .wh.NAME or .wh..wh..opq" layer-tar --mtree m
  lines './d/x type=char device=linux,0,0' >m
  fails 1 "layer-tar: 'd/x' is a character device 0:0, which an overlay file system takes for a deletion: \
to delete NAME, give a file .wh.NAME" layer-tar --mtree m
  lines './d/x type=block device=linux,0,0' './d/y type=char device=linux,0,1' >m
  layer-tar --mtree m >stream
}

@test "a path that is not there, or not in the store" {
  mkdir -p root/nix/store
  one "$store-x" >plan
  fails 1 "layer-tar: cannot read '$store-x': No such file or directory" layer-tar --root-dir root <plan
  one "$PWD/root$store-x" >plan
  fails 1 "layer-tar: cannot read '$PWD/root$store-x': No such file or directory: --root-dir names the directory that the store lies below" \
    layer-tar --root-dir / --store-dir "$PWD/root/nix/store" plan
  one "$store-x" >plan
  fails 1 "layer-tar: cannot open 'none': No such file or directory" layer-tar none
  fails 1 "layer-tar: cannot open directory 'nowhere': No such file or directory" \
    layer-tar --root-dir nowhere <plan
  echo $'1\t/other/0123456789abcdfghijklmnpqrsvwxyz-x\t-\t-' >plan
  fails 1 "layer-tar: cannot open directory 'root/other': No such file or directory" \
    layer-tar --root-dir root --store-dir /other <plan
}

# A secret beside the root, where links lead that do not lead from it.
secret() {
  mkdir -p outside/store root
  echo secret >outside/store/0123456789abcdfghijklmnpqrsvwxyz-x
}

@test "links on the way to the store lead from --root-dir, never out of it" {
  local target hint
  secret
  one "$store-x" >plan
  for target in "$PWD/outside" ../outside ../../../../../../../../..$PWD/outside; do
    ln -sfn "$target" root/nix
    hint="(the link 'root/nix' leads to '$target' in 'root/')"
    fails 1 "layer-tar: cannot open directory 'root/nix/store': No such file or directory $hint" \
      layer-tar --root-dir root <plan
  done
  # the same links, and what is there now
  mkdir -p "root$PWD" root/other
  cp -a outside "root$PWD"
  cp -a outside root
  echo mine | tee "root$PWD/outside/store/"* >root/outside/store/0123456789abcdfghijklmnpqrsvwxyz-x
  for target in "$PWD/outside" ../outside ../../../../../../../../..$PWD/outside; do
    ln -sfn "$target" root/nix
    layer-tar --root-dir root --bare <plan >layer.tar
    [ "$(tar -xPOf layer.tar)" = mine ]
    tar -tPf layer.tar | xargs >found
    echo "/nix/ /nix/store/ $store-x" | same - found
  done
}

@test "a store path that is a link stays one, wherever it leads" {
  mkdir -p root/nix/store
  for target in /etc/passwd ../../../../../../etc/passwd /nix/store; do
    ln -sfn "$target" "root$store-x"
    one "$store-x" >plan
    layer-tar --root-dir root --bare <plan >layer.tar
    tar -tvPf layer.tar | tail -n 1 | grep -qF "$store-x -> $target"
  done
}

@test "a directory that becomes a link meanwhile leads nowhere" {
  local i good=0
  secret
  mkdir -p root/real/store bait
  echo mine >root/real/store/0123456789abcdfghijklmnpqrsvwxyz-x
  ln -s real root/nix
  ln -s "$PWD/outside" bait/link
  one "$store-x" >plan
  # shellcheck disable=SC2016 # for another shell
  exchange root/real bait/link bash -c 'for i in {1..50}; do
    layer-tar --root-dir root --bare <plan >"$i.tar" 2>>err || rm "$i.tar"; done'
  for i in *.tar; do
    [ "$(tar -xPOf "$i")" = mine ]
    good=$((good + 1))
  done
  [ $good -gt 0 ]
  run ! grep -v "^layer-tar: cannot open directory 'root/nix/store': " err
}

@test "the host's store may be behind a link" {
  mkdir -p "host/real/0123456789abcdfghijklmnpqrsvwxyz-x"
  ln -s real host/store
  one "$PWD/host/store/0123456789abcdfghijklmnpqrsvwxyz-x" >plan
  layer-tar --store-dir "$PWD/host/store" --bare <plan >layer.tar
  tar -tPf layer.tar | tail -n 1 | diff - <(echo "$PWD/host/store/0123456789abcdfghijklmnpqrsvwxyz-x/")
}

@test "wrong options" {
  local see="(see 'layer-tar --help')"
  fails 2 "layer-tar: --mtime: bad time 'x': expected one like 2024-02-29T12:30:00Z $see" layer-tar --mtime x
  fails 2 "layer-tar: --mtime: bad time '@1.5': '1.5': expected a number from 0 to 253402300799 $see" \
    layer-tar --mtime @1.5
  fails 2 "layer-tar: --mtime: bad time '1970-01-01T00:00:00.5Z': expected whole seconds $see" \
    layer-tar --mtime 1970-01-01T00:00:00.5Z
  fails 2 "layer-tar: --uid: '-1': expected a number from 0 to 4294967294 $see" layer-tar --uid -1
  fails 2 "layer-tar: --gid: '4294967295': expected a number from 0 to 4294967294 $see" \
    layer-tar --gid 4294967295
  fails 2 "layer-tar: --jobs: '0': expected a number from 1 to 64 $see" layer-tar --jobs 0
  fails 2 "layer-tar: --comment: expected UTF-8 text $see" layer-tar --comment $'\xff'
  local dir form='expected an absolute path without an empty, . or .. part and without a slash at its end'
  for dir in '' / store /nix/ /nix//store /nix/../store /./store; do
    fails 2 "layer-tar: --store-dir: bad store directory '$dir': $form $see" layer-tar --store-dir "$dir"
  done
  SOURCE_DATE_EPOCH=x fails 2 \
    "layer-tar: --mtime: SOURCE_DATE_EPOCH: 'x': expected a number from 0 to 253402300799 $see" \
    layer-tar --mtime now
}

@test "times in all forms" {
  local time
  made example ex
  cd ex
  one "$(head -n 1 paths)" >plan
  layer-tar --root-dir root --bare --mtime 86400 <plan >want
  [ -s want ]
  for time in 1970-01-02 19700102T0000Z @86400 '1970-01-02 01:00+01:00'; do
    layer-tar --root-dir root --bare --mtime "$time" <plan >found
    same want found
  done
  SOURCE_DATE_EPOCH=86400 layer-tar --root-dir root --bare --mtime now <plan >found
  same want found
}

# --- files that change ---

# A layer whose first file is more than a pipe holds, in plan.
changing_tree() {
  rm -rf root
  mkdir -p "root$store-x/dir/sub"
  cd "root$store-x" || return
  head -c 4000000 /dev/zero >a-large
  echo contents >dir/file
  ln -s target dir/link
  cd "$OLDPWD" || return
  one "$store-x" >plan
}

# changing COMMAND WHAT: that message, when the command ran while the layer was written
changing() {
  changing_tree
  fails 1 "layer-tar: '$store-x$2' changed while it was read" \
    meanwhile "cd root$store-x; $1" layer-tar --root-dir root <plan
}

@test "a file that shrinks, grows, goes or becomes another is an error" {
  changing 'echo >dir/file' /dir/file
  changing 'echo more >>dir/file' /dir/file
  changing 'rm dir/file' /dir
  changing 'touch dir/new' /dir
  changing 'mv dir/file dir/eile' /dir
  changing 'rm dir/file; mkdir dir/file' /dir/file
  changing 'rm dir/file; mkfifo dir/file' /dir/file
  changing 'rm dir/file; ln -s /etc/passwd dir/file' /dir/file
  changing 'rmdir dir/sub; ln -s / dir/sub' /dir/sub
  changing 'ln -sf tarGet dir/link' /dir/link
  changing 'rm -r dir' /dir
  changing 'truncate -s 2000000 a-large' /a-large
  changing 'echo more >>a-large' /a-large
}

@test "a file that is written to in place is read as it is" {
  changing_tree
  OUTPUT=out meanwhile "echo Contents >root$store-x/dir/file" layer-tar --bare --root-dir root <plan
  tar -xOPf out "$store-x/dir/file" | diff - <(echo Contents)
}

# --- size ---

@test "memory does not grow with the number of files" {
  mkdir -p "root$store-x"
  (cd "root$store-x" && for d in {1..40}; do mkdir "$d" && (cd "$d" && touch {1..500}); done)
  one "$store-x" >plan
  python3 - <<'EOF'
import os, resource, subprocess
subprocess.run(["layer-tar", "--root-dir", "root"], stdin=open("plan"), stdout=open("stream", "wb"), check=True)
assert os.path.getsize("stream") > 20000 * 512
found = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
assert found < 24 << 10, found
EOF
}

@test "a tree deeper than there are descriptors, and deeper than a path may be" {
  python3 - "root$store-deep" <<'EOF'
import os, sys
os.makedirs(sys.argv[1])
os.chdir(sys.argv[1])
for depth in range(3000):
    os.mkdir("ab")
    os.chdir("ab")
    open("z", "w").close()
EOF
  one "$store-deep" >plan
  (ulimit -n 100 && layer-tar --root-dir root --bare <plan >layer.tar)
  tar -tPf layer.tar >names
  [ "$(wc -l <names)" = 6003 ]
  [ "$(tail -n 1 names)" = "$store-deep/ab/z" ]
  check-layer <layer.tar
  rm -rf root || python3 -c 'import shutil; shutil.rmtree("root")'
}

# --- layers from an mtree ---

@test "an mtree is a layer in the safe form" {
  echo hello >hello
  cat >m <<'EOF'
#mtree
/set type=file uid=0 gid=0 mode=0644
./z/late contents=hello time=5.999
. type=dir mode=0700
./dev/null type=char mode=0666 device=linux,1,3
./dev/sda type=block device=native,8,16
./pipe type=fifo mode=0600 uid=7
/unset uid gid
./a\040b/c \
  size=6 contents=hello nlink=3 sha256digest=00
./link type=link link=a\040b/c uname=me xattr.user.b=Yg== xattr.user.a=AP8=
EOF
  layer-tar --mtree m --bare --uid 5 --gid 6 --uname u --gname g --mtime 9 >layer.tar
  check-layer <layer.tar
  python3 - >found <<'EOF'
import tarfile
for m in tarfile.open("layer.tar", encoding="utf-8", errors="surrogateescape"):
    xattrs = {k: v for k, v in m.pax_headers.items() if k.startswith("SCHILY")}
    print(m.name, m.type.decode(), oct(m.mode), m.uid, m.gid, m.uname or "-", m.gname or "-", m.size,
          m.mtime, m.linkname, m.devmajor, m.devminor, xattrs or "")
EOF
  cat >want <<'EOF'
. 5 0o700 0 0 - - 0 9  0 0 
a b 5 0o755 5 6 u g 0 9  0 0 
a b/c 0 0o644 5 6 u g 6 9  0 0 
dev 5 0o755 5 6 u g 0 9  0 0 
dev/null 3 0o666 0 0 - - 0 9  1 3 
dev/sda 4 0o644 0 0 - - 0 9  8 16 
link 2 0o644 5 6 me g 0 9 a b/c 0 0 {'SCHILY.xattr.user.a': '\x00\udcff', 'SCHILY.xattr.user.b': 'b'}
pipe 6 0o600 7 0 - - 0 9  0 0 
z 5 0o755 5 6 u g 0 9  0 0 
z/late 0 0o644 0 0 - - 6 5.000000999  0 0 
EOF
  diff want found
  head -c 100 layer.tar | tr -d '\0' | diff - <(printf ./)
}

@test "times below a second are what bsdtar makes of them" {
  local dir
  cat >m <<'EOF'
./a type=file time=5.999
./b type=file time=5.500000000
./c type=file time=-3.5
./d type=file time=-3.999999999
./e type=file time=7.0
EOF
  mkdir ours theirs
  layer-tar --mtree m --bare | tar -xf - -C ours
  bsdtar -cf - --format=pax @m | bsdtar -xf - -C theirs
  for dir in ours theirs; do (cd $dir && stat -c '%n %.9Y' ./*) >$dir.times; done
  same ours.times theirs.times
  grep -x './a 5.000000999' ours.times
  # and no record where there is nothing below it
  tail -n 1 m >whole
  layer-tar --mtree whole --bare --mtime 7 >whole.tar
  sed 's/ time=.*//' whole | layer-tar --mtree - --bare --mtime 7 >plain.tar
  same whole.tar plain.tar
  fails 1 "layer-tar: <stdin>:1: time: '1000000000': expected a number from 0 to 999999999" \
    layer-tar --mtree - <<<'./a type=file time=1.1000000000'
}

@test "an mtree from standard input, and the stream around its layer" {
  echo './a type=file' >m
  layer-tar --mtree m --bare >want
  layer-tar --mtree - --comment 'by hand' <m >stream
  members stream out
  same want out/layer-0001.tar
  [ "$(records layers stream)" = 1 ]
  [ "$(records comment stream)" = 'by hand' ]
  [ "$(records key stream)" = "$(sha256sum <want | cut -c 1-64)" ]
  [ "$(records diffid stream)" = "sha256:$(records key stream)" ]
  layer-tar --mtree - --bare --allow-empty </dev/null >empty.tar
  head -c 10240 /dev/zero >zeros
  same zeros empty.tar
}

@test "the order of an mtree's lines makes no difference" {
  local seed
  odd-tree tree
  chmod 444 tree/size511
  tree-list tree >m
  layer-tar --mtree m --bare >want
  [ -s want ]
  for seed in 1 2 3; do
    shuf --random-source=<(yes $seed) m >shuffled
    layer-tar --mtree shuffled --bare >found
    same want found
  done
}

@test "--onto: a tree goes onto a usr-merged base, and unpacks over it" {
  local file
  mkdir -p base/usr/{bin,lib,lib64,sbin} own/{bin,lib/sub,sbin,etc}
  ln -s usr/bin base/bin
  ln -s /usr/lib base/lib
  ln -s usr/lib64 base/lib64
  ln -s ./usr/sbin/ base/sbin
  echo sh >base/usr/bin/sh
  chmod 751 base/usr
  chmod 700 own/bin
  for file in bin/hello lib/x lib/sub/y sbin/z etc/conf; do echo $file >own/$file; done
  tree-list --owner 3:4 base | sed 's/ contents=[^ ]*//' >base.mtree
  tree-list --owner 0:0 own >own.mtree
  layer-tar --mtree own.mtree --onto base.mtree --bare >layer.tar
  check-layer <layer.tar
  tar -tvf layer.tar | awk '{ print $1, $2, $6 }' | diff - <(cat <<'EOF'
drwxr-xr-x 0/0 ./
drwxr-xr-x 0/0 etc/
-rw-r--r-- 0/0 etc/conf
drwxr-x--x 3/4 usr/
drwxr-xr-x 3/4 usr/bin/
-rw-r--r-- 0/0 usr/bin/hello
drwxr-xr-x 3/4 usr/lib/
drwxr-xr-x 0/0 usr/lib/sub/
-rw-r--r-- 0/0 usr/lib/sub/y
-rw-r--r-- 0/0 usr/lib/x
drwxr-xr-x 3/4 usr/sbin/
-rw-r--r-- 0/0 usr/sbin/z
EOF
  )
  # each file lies where its own name leads to, and nothing of the base is hidden
  tar -xf layer.tar -C base
  for file in bin/hello sbin/z etc/conf; do same own/$file base/$file; done
  for file in lib/x lib/sub/y; do same own/$file base/usr/$file; done
  [ "$(cat base/bin/sh)" = sh ] && [ -h base/bin ]
  # a stream holds the same
  layer-tar --mtree own.mtree --onto - <base.mtree >stream
  members stream out
  same layer.tar out/layer-0001.tar
}

@test "--onto: what does not go together" {
  local see="(see 'layer-tar --help')"
  lines './bin type=link link=usr/bin' './usr/bin/sh type=file size=9' >base
  lines './bin/x type=file' './usr/bin/x type=file' >own
  fails 1 "layer-tar: 'usr/bin/x' and 'bin/x' go to the same place in the base: 'usr/bin/x'" \
    layer-tar --mtree own --onto base
  lines './bin type=link link=bin' >base
  fails 1 "layer-tar: cannot place 'bin': in the base 'bin' leads through a circle of links" \
    layer-tar --mtree own --onto base
  lines './bin mode=0755' >base
  fails 1 "layer-tar: base:1: 'bin': expected type=" layer-tar --mtree own --onto base
  : >empty
  fails 1 'layer-tar: empty: the mtree is empty' layer-tar --mtree own --onto empty
  fails 1 "layer-tar: cannot open 'nowhere': No such file or directory" layer-tar --mtree own --onto nowhere
  fails 2 "layer-tar: --onto goes with --mtree only $see" layer-tar --onto base
  fails 2 "layer-tar: --mtree and --onto cannot both be standard input $see" layer-tar --mtree - --onto -
}

@test "contents that are not what the mtree says" {
  echo hello >hello
  ln -s hello link
  lines './a type=file size=5 contents=hello' >m
  fails 1 "layer-tar: 'hello' has 6 bytes, the mtree says 5 of 'a'" layer-tar --mtree m
  lines './a type=file contents=nowhere' >m
  fails 1 "layer-tar: cannot read 'nowhere', the contents of 'a': No such file or directory" layer-tar --mtree m
  lines './a type=file contents=link' >m
  fails 1 "layer-tar: 'link', the contents of 'a', is not a regular file" layer-tar --mtree m
  lines './a type=file contents=/' >m
  fails 1 "layer-tar: '/', the contents of 'a', is not a regular file" layer-tar --mtree m
  fails 1 "layer-tar: cannot open 'no-mtree': No such file or directory" layer-tar --mtree no-mtree
  fails 1 "layer-tar: cannot read 'no/./way', the contents of 'a': No such file or directory" \
    layer-tar --mtree - <<<'./a type=file contents=no/./way'
  head -c 4000000 /dev/zero >large
  lines './a type=file contents=large' './b type=file contents=hello' >m
  fails 1 "layer-tar: 'hello' changed while it was read" meanwhile 'echo >>hello' layer-tar --bare --mtree m
}

@test "a file with other bytes than those that were announced is an error, though its size is the same" {
  local announced="layer 1 changed while it was read: its diff ID was announced as sha256:"
  changing_tree
  status=0
  meanwhile "echo CONTENTS >root$store-x/dir/file" layer-tar --root-dir root --digests 2>err <plan || status=$?
  [ "$status" = 1 ]
  [[ $(<err) == "layer-tar: $announced"* ]]
  changing_tree
  cut -f 1,2 plan | awk '{ print $0 "\t-\t-" }' >unhashed
  status=0
  meanwhile "echo CONTENTS >root$store-x/dir/file" layer-tar --root-dir root 2>err <unhashed || status=$?
  [ "$status" = 1 ]
  [[ $(<err) == "layer-tar: $announced"* ]]
  echo hello >hello
  head -c 4000000 /dev/zero >large
  lines './a type=file contents=large' './b type=file contents=hello' >m
  status=0
  meanwhile 'echo HELLO >hello' layer-tar --mtree m 2>err || status=$?
  [ "$status" = 1 ]
  [[ $(<err) == "layer-tar: $announced"* ]]
}

@test "contents: no link is followed behind /./, before it and without it links are" {
  local name
  mkdir -p given/dir outside
  echo hello >given/dir/file
  echo secret >outside/file
  ln -s given link
  ln -s dir given/to-dir
  ln -s ../outside given/out
  ln -s dir/file given/to-file
  for name in given/./dir/file link/./dir/file link/././dir//file given/to-dir/file given/to-dir/./file "/.$PWD/given/dir/file" ./link/dir/file; do
    printf './a type=file contents=%s\n./b type=file contents=%s\n' "$name" "$name" >m
    layer-tar --bare --mtree m >layer.tar
    [ "$(tar -xOf layer.tar a b)" = $'hello\nhello' ]
  done
  for name in given/./to-dir/file given/./out/file given/./dir/../out/file; do
    fails 1 "layer-tar: '$name' changed while it was read" layer-tar --mtree - <<<"./a type=file contents=$name"
  done
  fails 1 "layer-tar: 'given/./to-file', the contents of 'a', is not a regular file" \
    layer-tar --mtree - <<<"./a type=file contents=given/./to-file"
}

@test "what tree-list listed is packed as it was, or not at all" {
  local i good=0
  mkdir -p given/dir/sub outside/sub
  echo mine >given/dir/sub/file
  echo evil >outside/sub/file
  ln -s "$PWD/outside" bait
  tree-list --owner 0:0 given >m
  # shellcheck disable=SC2016 # for another shell
  exchange given/dir bait bash -c 'for i in {1..50}; do
    layer-tar --bare --mtree m >"$i.tar" 2>>err || rm "$i.tar"; done'
  for i in *.tar; do
    [ "$(tar -xOf "$i" dir/sub/file)" = mine ]
    good=$((good + 1))
  done
  [ $good -gt 0 ]
  run ! grep -vx "layer-tar: 'given/./dir/sub/file' changed while it was read" err
  [ -z "$output" ] || echo "$output"
}
