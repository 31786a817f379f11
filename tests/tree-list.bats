#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# tree-list: directory trees as an mtree.
load helper

setup() {
  setup_path
  umask 022
  PATH=$TOP/tests/fixtures:$PATH
}

# tree DIR NAME…: a directory with these files, each holding its DIR and name; NAME/ is a directory,
# NAME->TARGET a link
tree() {
  local dir=$1 name dirs=("$1")
  shift
  for name; do
    name=$dir/${name%%->*}
    dirs+=("${name%/*}")
  done
  mkdir -p "${dirs[@]}"
  for name; do
    case $name in
      *'->'*) ln -s "${name#*->}" "$dir/${name%%->*}" ;;
      */) ;;
      *) echo "$dir/$name" >"$dir/$name" ;;
    esac
  done
}

# brief COMMAND…: name, type and what it leads to, one a line
brief() {
  "$@" >listing || return
  sed -E '1d; s/ (type)=/ /; s/ (mode|uid|gid|size|time|uname|gname)=[^ ]*//g; s/ (link|contents)=/ /' listing
}

# lists WANT COMMAND…: that brief listing, and nothing on stderr
lists() {
  local want=$1
  shift
  brief "$@" 2>err | diff <(printf '%s\n' "$want") - && [ ! -s err ]
}

@test "every kind of file is listed, and bsdtar reads the listing" {
  tree t file dir/ 'link->file'
  chmod 4750 t/file
  mkfifo -m 600 t/pipe
  python3 -c 'import os
os.setxattr("t/file", "user.b", b"\1\2")
os.setxattr("t/file", "user.a", b"")'
  cat >want <<'EOF'
#mtree
. type=dir mode=0755 uid=0 gid=0 time=1.0
./dir type=dir mode=0755 uid=0 gid=0 time=1.0
./file type=file mode=4750 uid=0 gid=0 size=7 time=1.0 contents=t/./file xattr.user.a= xattr.user.b=AQI=
./link type=link mode=0777 uid=0 gid=0 time=1.0 link=file
./pipe type=fifo mode=0600 uid=0 gid=0 time=1.0
EOF
  tree-list --owner 0:0 t >found
  diff want found
  sed 's/ xattr[^ ]*//g' found >plain
  [ "$(bsdtar -tf plain)" = $'.\n./dir\n./file\n./link\n./pipe' ]
}

@test "a listing packs and unpacks to the tree it was made of" {
  odd-tree t
  chmod 444 t/size511
  tree-list t >first
  mkdir copy
  layer-tar --mtree first --bare >layer.tar
  check-layer <layer.tar
  tar -xpf layer.tar -C copy
  tree-list copy | sed 's,contents=copy,contents=t,' >second
  diff first second
  diff -r --no-dereference t copy
  # another program that reads the listing packs the same
  bsdtar -cf bsd.tar @first
  mkdir copy2
  tar -xpf bsd.tar -C copy2
  tree-list copy2 | sed 's,contents=copy2,contents=t,' | diff first -
}

@test "hard links are files of their own" {
  tree t a
  ln t/a t/b
  tree-list t >m
  layer-tar --mtree m --bare >layer.tar
  mkdir copy
  tar -xf layer.tar -C copy
  same t/a copy/a
  same t/a copy/b
}

@test "owners, times and prefix" {
  tree t a
  touch -d @12345.9 t/a
  chmod 1777 t
  lists_line() { grep "^$1 " listing | cut -d ' ' -f 3-; }
  tree-list --owner 5:6 t >listing
  [ "$(lists_line ./a)" = 'mode=0644 uid=5 gid=6 size=4 time=1.0 contents=t/./a' ]
  tree-list --owner 5:6:me:us --mtime 1970-01-02 --prefix /opt/./x/ t >listing
  [ "$(cut -d ' ' -f -4 listing | head -n 4)" = '#mtree
. type=dir mode=0755 uid=5
./opt type=dir mode=0755 uid=5
./opt/x type=dir mode=1777 uid=5' ]
  [ "$(lists_line ./opt/x/a)" = 'mode=0644 uid=5 gid=6 uname=me gname=us size=4 time=86400.0 contents=t/./a' ]
  tree-list --keep-mtime t/ >listing
  [ "$(lists_line ./a)" = "mode=0644 uid=$(id -u) gid=$(id -g) size=4 time=12345.0 contents=t/./a" ]
  fails 1 "tree-list: bad prefix 'a/../b': expected no .. in it" tree-list --prefix a/../b t
}

@test "--stamps: a comment behind each line tells of every change" {
  mkdir -p t/d
  echo a >'t/d/a b'
  tree-list --stamps t >listing
  [ "$(grep '^#' listing)" = "#mtree
# ./d $(stat -c '%d %i %.9Z' t/d)
# ./d/a\\040b $(stat -c '%d %i %.9Z' 't/d/a b')" ]
  grep -v '^# ' listing >lines
  tree-list t >plain
  same plain lines
  layer-tar --mtree listing --bare >one
  layer-tar --mtree plain --bare >two
  same one two
  echo b >'t/d/a b'
  tree-list --stamps t >again
  [ "$(diff listing again | grep -c '^>')" = 1 ]
}

@test "the owners and devices that fakeroot shows" {
  needs fakeroot
  tree t a b
  fakeroot -s db sh -c 'chown 1000:2000 t/a; mknod t/null c 1 3; chown -h 7 t/b; chmod 4755 t/b'
  fakeroot -i db tree-list t >listing
  cut -d ' ' -f 1-5 listing | diff - <(cat <<'EOF'
#mtree
. type=dir mode=0755 uid=0 gid=0
./a type=file mode=0644 uid=1000 gid=2000
./b type=file mode=4755 uid=7 gid=0
./null type=char mode=0644 uid=0 gid=0
EOF
  )
  grep -q '^./null .*device=linux,1,3$' listing
}

@test "of several trees the later one wins" {
  tree a x/file x/only-a 'both->a'
  tree b x/file x/only-b both
  chmod 700 b/x
  lists '. dir
./both file b/./both
./x dir
./x/file file b/./x/file
./x/only-a file a/./x/only-a
./x/only-b file b/./x/only-b' tree-list a b
  grep -q '^./x type=dir mode=0700' listing
}

@test "a directory and something else of one name are an error" {
  local hint='(--keep-dirlinks and --follow-dirlinks are for links to directories)'
  tree a x/file
  tree b x
  fails 1 "tree-list: cannot merge 'a/x', a directory, and 'b/x', a file" tree-list a b
  fails 1 "tree-list: cannot merge 'b/x', a file, and 'a/x', a directory" tree-list b a
  tree c 'x->nowhere'
  fails 1 "tree-list: cannot merge 'a/x', a directory, and 'c/x', a symbolic link $hint" tree-list a c
  hint=': only a link to a directory of this tree can take in a directory'
  fails 1 "tree-list: cannot merge 'c/x', a symbolic link, and 'a/x', a directory$hint" \
    tree-list --keep-dirlinks --follow-dirlinks c a
}

@test "--keep-dirlinks: a directory goes where an earlier link leads" {
  tree a usr/lib/ 'lib->usr/lib' 'deep/link->../other' 'other->/lib/' 'loop->loop' 'out->/etc'
  tree b lib/x deep/link/y
  lists '. dir
./deep dir
./deep/link link ../other
./lib link usr/lib
./loop link loop
./other link /lib/
./out link /etc
./usr dir
./usr/lib dir
./usr/lib/x file b/./lib/x
./usr/lib/y file b/./deep/link/y' tree-list --keep-dirlinks a b
  local hint=': only a link to a directory of this tree can take in a directory'
  tree c loop/x
  fails 1 "tree-list: cannot merge 'a/loop', a symbolic link, and 'c/loop', a directory$hint" \
    tree-list --keep-dirlinks a c
  tree d out/x # /etc is no directory of the tree
  fails 1 "tree-list: cannot merge 'a/out', a symbolic link, and 'd/out', a directory$hint" \
    tree-list --keep-dirlinks a d
}

@test "--follow-dirlinks: a relative link that leads nowhere from its new place" {
  tree store/p lib/mod/.bin/ lib/mod/tool/run 'lib/mod/.bin/run->../tool/run' 'lib/mod/.bin/gone->../none' \
    'lib/mod/.bin/near->./run' 'bin->lib/mod/.bin' 'sbin->lib/mod/.bin' tool/run
  mkdir other && mv store/p/tool other
  lists "./bin/gone link ../none
./bin/near link $PWD/store/p/lib/mod/tool/run
./bin/run link $PWD/store/p/lib/mod/tool/run
./lib/mod/.bin/run link ../tool/run" bash -c 'tree-list --follow-dirlinks --store-dir "$PWD/store" "$PWD/store/p" | grep -E "^#|^\./(bin/|lib/mod/.bin/run)"'
  # with a root directory, the link is one within it
  lists './bin/run link /store/p/lib/mod/tool/run' \
    bash -c 'tree-list --follow-dirlinks --store-dir /store --root-dir . ./store/p | grep -E "^#|^\./bin/run"'
  # it leads to what another tree has there: nothing is changed
  lists './bin/run link ../tool/run' \
    bash -c 'tree-list --follow-dirlinks --store-dir "$PWD/store" store/p other | grep -E "^#|^\./bin/run"'
  # outside of the store that is a warning
  rm store/p/lib/mod/.bin/near
  tree-list --follow-dirlinks store/p >listing 2>err
  grep -q '^./bin/run type=link .*link=../tool/run' listing
  lines "tree-list: warning: 'store/p/bin/run' leads nowhere from where it is listed: --keep-dirlinks (of build-image: --keep-contents-dirlinks) keeps the link to its directory" \
    "tree-list: warning: 'store/p/sbin/run' leads nowhere from where it is listed: --keep-dirlinks (of build-image: --keep-contents-dirlinks) keeps the link to its directory" >want
  same err want
}

@test "--follow-dirlinks: a link to a directory is the directory" {
  tree a real/sub/file 'link->real' 'real/file-link->sub/file' 'dangling->nowhere'
  lists '. dir
./dangling link nowhere
./link dir
./link/file-link link sub/file
./link/sub dir
./link/sub/file file a/./real/sub/file
./real dir
./real/file-link link sub/file
./real/sub dir
./real/sub/file file a/./real/sub/file' tree-list --follow-dirlinks a
  tree b sub/ 'sub/up->..'
  fails 1 "tree-list: 'b/sub/up' leads back to 'b': a loop of links" tree-list --follow-dirlinks b
}

@test "--follow-dirlinks --root-dir: links lead to what lies below it" {
  tree root/nix/store/env 'bin->/nix/store/p/bin' 'lib->../p/lib' 'etc->/etc' 'chain->/nix/store/other'
  tree root/nix/store/p bin/x lib/ 'lib/sub->/nix/store/p/bin'
  ln -s env/bin root/nix/store/other
  tree src 'bin->/nix/store/p/bin' 'here->deep' deep/file 'via->here'
  lists ". dir
./bin dir
./bin/x file root/./nix/store/p/bin/x
./chain dir
./chain/x file root/./nix/store/p/bin/x
./deep dir
./deep/file file src/./deep/file
./etc link /etc
./here dir
./here/file file src/./deep/file
./lib dir
./lib/sub dir
./lib/sub/x file root/./nix/store/p/bin/x
./via dir
./via/file file src/./deep/file" tree-list --follow-dirlinks --root-dir root root/nix/store/env src
  tree loop 'a->b' 'b->a'
  lists '. dir
./a link b
./b link a' tree-list --follow-dirlinks --root-dir root loop
  tree root/up x/ 'x/up->/up'
  fails 1 "tree-list: 'root/up/x/up' leads back to 'root/up': a loop of links" \
    tree-list --follow-dirlinks --root-dir root root/up
}

@test "--root-dir: links lead from it in every way of listing" {
  local target
  tree outside store/p/secret store/link
  tree root other/store/p/mine
  for target in ../../outside "$PWD/outside" /../../../../../../../../../../../..$PWD/outside; do
    ln -sfn "$target" root/nix
    local hint="(the link 'root/nix' leads to '$target' in 'root/')"
    fails 1 "tree-list: cannot open directory 'root/nix/store/p': No such file or directory $hint" \
      tree-list --links --root-dir root /nix/store/p
    fails 1 "tree-list: cannot open directory 'root/nix/store': No such file or directory $hint" \
      tree-list --in-place --root-dir root /nix/store/p
    for option in --prefix=x --keep-dirlinks --follow-dirlinks; do
      fails 1 "tree-list: cannot open directory 'root/nix/store/p': No such file or directory $hint" \
        tree-list "$option" --root-dir root root/nix/store/p
    done
  done
  ln -sfn ../../../other root/nix
  ln -s ../../../../../../../../../other/store root/other/store/p/up
  lists '. dir
./mine link /nix/store/p/mine
./up link /nix/store/p/up' tree-list --links --root-dir root /nix/store/p
  lists '. dir
./nix dir
./nix/store dir
./nix/store/p dir
./nix/store/p/mine file root/./other/store/p/mine
./nix/store/p/up link ../../../../../../../../../other/store' tree-list --in-place --root-dir root /nix/store/p
  lists '. dir
./mine file root/./other/store/p/mine
./up link ../../../../../../../../../other/store' tree-list --keep-dirlinks --root-dir root/ root/nix/store/p
  rm root/other/store/p/up
  tree root 'other/store/up->../../../../../../../../../third' 'other/store/file->up/x' third/x
  lists '. dir
./file link up/x
./p dir
./p/mine file root/./other/store/p/mine
./up dir
./up/x file root/./third/x' tree-list --follow-dirlinks --root-dir root root/nix/store/
}

@test "a directory that becomes a link while it is listed leads nowhere" {
  local mode listing good=0
  tree root/real/store/p dir/file 'to-dir->dir'
  tree outside/store/p dir/secret
  ln -s real root/nix
  ln -s "$PWD/outside" bait
  for mode in --in-place --links --follow-dirlinks; do
    local operand=/nix/store/p
    [ $mode != --follow-dirlinks ] || operand=root/nix/store/p
    # shellcheck disable=SC2016 # for another shell
    exchange root/real bait bash -c 'for i in {1..40}; do
      tree-list "$@" >"$i.m" 2>>err || rm "$i.m"; done' x $mode --root-dir root $operand
    for listing in *.m; do
      run ! grep secret "$listing"
      grep -q dir/file "$listing"
      good=$((good + 1))
    done
    rm ./*.m
  done
  [ $good -gt 0 ]
}

@test "--links: a link for every file, directories real" {
  tree root/nix/store/p bin/x 'bin/y->x' 'share->data' data/ data/file
  chmod 700 root/nix/store/p/data
  lists '. dir
./bin dir
./bin/x link /nix/store/p/bin/x
./bin/y link /nix/store/p/bin/y
./data dir
./data/file link /nix/store/p/data/file
./share link /nix/store/p/share' tree-list --links --root-dir root /nix/store/p
  run ! grep -v '^#' listing -c -e mode=0755 -e mode=0777
  layer-tar --mtree listing --bare >layer.tar
  mkdir farm
  tar -xf layer.tar -C farm
  [ "$(readlink farm/bin/x)" = /nix/store/p/bin/x ]
}

@test "--links: the first of two files wins, and it is told" {
  tree a bin/x bin/same 'deep->/a'
  tree b bin/x 'bin/same->../../a/bin/same'
  brief tree-list --links "$PWD/a" "$PWD/b" >found 2>err
  grep -q "^./bin/x link $PWD/a/bin/x$" found
  [ "$(cat err)" = "tree-list: warning: '$PWD/a/bin/x' hides '$PWD/b/bin/x'" ]
}

@test "--links: a link to a directory opens where a directory meets it" {
  tree a real/one 'dir->real' 'both->real'
  tree b dir/two other/three 'both->other' real/four
  local want=". dir
./both dir
./both/one link $PWD/a/both/one
./both/three link $PWD/b/both/three
./dir dir
./dir/one link $PWD/a/dir/one
./dir/two link $PWD/b/dir/two
./other dir
./other/three link $PWD/b/other/three
./real dir
./real/four link $PWD/b/real/four
./real/one link $PWD/a/real/one"
  lists "$want" tree-list --links "$PWD/a" "$PWD/b"
  lists "$want" tree-list --links "$PWD/b" "$PWD/a"
  tree c 'dir->real/one' real/one
  fails 1 "tree-list: cannot merge '$PWD/b/dir', a directory, and '$PWD/c/dir', a symbolic link" \
    tree-list --links "$PWD/b" "$PWD/c"
  fails 1 "tree-list: cannot merge '$PWD/c/dir', a symbolic link, and '$PWD/b/dir', a directory" \
    tree-list --links "$PWD/c" "$PWD/b"
  tree d 'x->.'
  tree e 'x->.'
  fails 1 "tree-list: '$PWD/d/x' leads back to '$PWD/d': a loop of links" tree-list --links "$PWD/d" "$PWD/e"
}

@test "--links: what --root-dir holds does not lead out of it" {
  mkdir outside
  echo secret >outside/file
  tree root/a x/
  ln -s "$PWD/outside" root/a/dir
  ln -s /a root/link
  tree root/b dir/here
  fails 1 "tree-list: cannot merge '/a/dir', a symbolic link, and '/b/dir', a directory" \
    tree-list --links --root-dir root /a /b
  lists '. dir
./dir link /link/dir
./x dir' tree-list --links --root-dir root /link
}

@test "--in-place: operands of any kind at their own paths" {
  local s=nix/store
  tree root $s/tree/bin/x 'nix/store/tree/bin/y->x' $s/plain 'nix/store/link->/nix/store/tree' $s/other
  chmod 700 root/nix
  chmod 1775 root/nix/store
  chmod 555 root/$s/tree
  chmod 444 root/$s/plain
  lists '. dir
./nix dir
./nix/store dir
./nix/store/link link /nix/store/tree
./nix/store/plain file root/./nix/store/plain
./nix/store/tree dir
./nix/store/tree/bin dir
./nix/store/tree/bin/x file root/./nix/store/tree/bin/x
./nix/store/tree/bin/y link x' tree-list --in-place --root-dir root/ -- /$s/tree/ /$s/plain //$s//link
  cut -d ' ' -f 1,3 listing >found
  printf '%s\n' '. mode=0755' './nix mode=0755' './nix/store mode=0755' './nix/store/plain mode=0444' \
    './nix/store/tree mode=0555' >want
  grep -xFf want found | diff want -
  # the same without ROOT
  sed "s,contents=root/.,contents=/.$PWD/root,; s,^\./nix,.$PWD/root/nix," listing | grep /root/nix/store/ >want
  tree-list --in-place "$PWD/root/$s/link" "$PWD/root/$s/tree" "$PWD/root/$s/plain" >found
  grep /root/nix/store/ found | diff want -
  [ "$(grep -c "^\.$PWD type=dir mode=0755 uid=0 gid=0 " found)" = 1 ]
}

@test "--in-place: owner, time, one path twice and one below another" {
  tree root a/b/c a/d
  chmod 700 root/a
  touch -d @12345.9 root/a/d
  tree-list --in-place --root-dir root --owner 5:6 --mtime 7 /a/b/c /a/b/c >found
  diff found - <<'EOF'
#mtree
. type=dir mode=0755 uid=5 gid=6 time=7.0
./a type=dir mode=0755 uid=5 gid=6 time=7.0
./a/b type=dir mode=0755 uid=5 gid=6 time=7.0
./a/b/c type=file mode=0644 uid=5 gid=6 size=11 time=7.0 contents=root/./a/b/c
EOF
  tree-list --in-place --root-dir root --keep-mtime /a/b /a >want
  tree-list --in-place --root-dir root --keep-mtime /a /a/b >found
  same want found
  grep -q '^./a type=dir mode=0700' found
  grep -q '^./a/d type=file mode=0644 .* time=12345.0 ' found
}

@test "--in-place: a layer of store paths is packed and unpacked" {
  mkdir -p root/nix/store
  odd-tree root/nix/store/odd
  echo x >root/nix/store/file
  tree-list --in-place --root-dir root /nix/store/odd /nix/store/file >m
  layer-tar --mtree m --bare >layer.tar
  check-layer <layer.tar
  mkdir copy
  tar -xpf layer.tar -C copy
  diff -r --no-dereference root copy
}

@test "--in-place: what is no place" {
  local operand expected='expected an absolute path, no . and .. in it'
  tree root a/b 'link->a'
  for operand in a / '' /a/../a /a/./b /.; do
    fails 1 "tree-list: bad operand '$operand': $expected" tree-list --in-place --root-dir root "$operand"
  done
  fails 1 "tree-list: cannot read 'root/a/x': No such file or directory" \
    tree-list --in-place --root-dir root /a/x
  fails 1 "tree-list: cannot open directory 'nowhere': No such file or directory" \
    tree-list --in-place --root-dir nowhere /a
  # a link on the way is followed, but not where it is an operand, too
  lists '. dir
./link dir
./link/b file root/./a/b' tree-list --in-place --root-dir root /link/b
  tree-list --in-place "$PWD/root/link/b" >found
  grep -q "^\.$PWD/root/link type=dir" found
  fails 1 "tree-list: cannot list anything below '$PWD/root/link', a symbolic link" \
    tree-list --in-place "$PWD/root/link" "$PWD/root/link/b"
  python3 -c 'import os, socket; os.chdir("root"); socket.socket(socket.AF_UNIX).bind("s")'
  fails 1 "tree-list: 'root/s' is a socket: an image cannot hold one" tree-list --in-place --root-dir root /s
}

@test "operands: links to directories are followed, files are none" {
  tree t a
  ln -s t link
  lists '. dir
./a file link/./a' tree-list link/
  fails 1 "tree-list: cannot open directory 't/a': Not a directory" tree-list t/a
  fails 1 "tree-list: cannot open directory 'nowhere': No such file or directory" tree-list nowhere
  ln -s t/a file-link
  fails 1 "tree-list: cannot open directory 'file-link': Not a directory" tree-list --links file-link
  fails 2 "tree-list: an operand is missing (see 'tree-list --help')" tree-list
  tree-list / 2>/dev/null | head -n 3 >found || true
  [ "$(sed -n 2p found)" = '. type=dir mode=0755 uid=0 gid=0 time=1.0' ] || [ ! -s found ]
}

@test "what cannot be in an image, and what cannot be read" {
  tree t a
  python3 -c 'import os, socket; os.chdir("t"); socket.socket(socket.AF_UNIX).bind("s")'
  fails 1 "tree-list: 't/s' is a socket: an image cannot hold one" tree-list t
  rm t/s
  mkdir -m 0 t/locked
  chmod 755 .
  fails 1 "tree-list: cannot open directory 't/locked': Permission denied" \
    setpriv --reuid 65534 --clear-groups "$(type -P tree-list)" t
}

@test "names that delete what lower layers have are listed where that is meant" {
  local name way what="cannot be in an image: in a layer, a name that begins with '.wh.' deletes what lower layers have"
  for name in d/.wh.x d/.wh.x/ 'd/.wh.x->y' d/.wh..wh..opq d/.wh..wh.plnk/ d/.wh. .wh.d; do
    rm -rf t
    tree t a "$name" d/.whx d/x.wh.
    name=${name%%->*}
    fails 1 "tree-list: 't/${name%/}' $what" tree-list t
    fails 1 "tree-list: 't/${name%/}' $what" tree-list --follow-dirlinks t
    for way in --links --in-place; do
      fails 1 "tree-list: '$PWD/t/${name%/}' $what" tree-list "$way" "$PWD/t"
    done
    tree-list --allow-whiteouts t >listing
    grep -q "^./${name%/} " listing
  done
  rm t/.wh.d
  tree-list t >listing
  [ "$(wc -l <listing)" = 6 ]
  fails 1 "tree-list: 'x/.wh.y' $what" tree-list --prefix x/.wh.y t
  # the name in the image counts, not that of the host
  mv t .wh.t
  ln -s .wh.t u
  tree-list u >listing
  tree v "b->$PWD/.wh.t"
  tree-list --follow-dirlinks v >listing
  grep -q "^./b/a .* contents=/.$PWD/.wh.t/a$" listing
  mv v/b v/.wh.b
  fails 1 "tree-list: '.wh.b' $what" tree-list --follow-dirlinks v
}

@test "what an overlay file system takes for a deletion is refused, and its notes are left out" {
  local what='cannot be in an image: an overlay file system takes the character device 0:0 for a deletion'
  needs fakeroot
  tree t a d/
  fakeroot -s db mknod t/d/gone c 0 0
  fails 1 "tree-list: 't/d/gone' $what" fakeroot -i db tree-list t
  fails 1 "tree-list: 't/d/gone' $what" fakeroot -i db tree-list --allow-whiteouts t
  fakeroot -i db tree-list --links "$PWD/t" >listing
  rm t/d/gone
  fakeroot -s db mknod t/d/here b 0 0
  fakeroot -i db tree-list t >listing
  rm t/d/here
  python3 -c 'import os
os.setxattr("t/d", "user.overlay.opaque", b"y")
os.setxattr("t/d", "user.over", b"y")'
  tree-list t >listing
  grep -q '^./d .* xattr.user.over=eQ==$' listing
}

@test "the listing does not depend on who lists, where and when" {
  odd-tree a/t
  odd-tree b/t reverse
  (cd a && tree-list --owner 0:0 t >../want)
  (cd b && umask 077 && TZ=Asia/Tokyo LC_ALL=tr_TR.UTF-8 tree-list --owner 0:0 t >../found)
  same want found
  [ -s want ]
}

@test "wrong options" {
  local see="(see 'tree-list --help')" owner
  mkdir t
  for owner in 1 1:2:3 1:2:3:4:5 ''; do
    fails 2 "tree-list: --owner: expected UID:GID or UID:GID:UNAME:GNAME, found '$owner' $see" \
      tree-list --owner "$owner" t
  done
  fails 2 "tree-list: --owner: 'x': expected a number from 0 to 4294967294 $see" tree-list --owner x:0 t
  local option
  for option in --links --keep-dirlinks --follow-dirlinks --prefix=x; do
    fails 2 "tree-list: --in-place goes without --links, --keep-dirlinks, --follow-dirlinks and --prefix $see" \
      tree-list --in-place "$option" "$PWD/t"
  done
  fails 2 "tree-list: --links goes without --keep-dirlinks, --follow-dirlinks and --keep-mtime $see" \
    tree-list --links --keep-mtime t
  fails 2 "tree-list: --mtime: bad time 'soon': expected one like 2024-02-29T12:30:00Z $see" \
    tree-list --mtime soon t
}

@test "a tree deeper than there are descriptors" {
  python3 - <<'EOF'
import os
os.mkdir("t")
os.chdir("t")
for depth in range(1500):
    os.mkdir("d")
    os.chdir("d")
EOF
  (ulimit -n 100 && tree-list t >listing)
  [ "$(wc -l <listing)" = 1502 ]
}

@test "paths longer than the kernel takes one are listed, and packed" {
  python3 - <<'P'
import os
os.mkdir("deep")
os.chdir("deep")
for name in ["n" * 255] * 18 + ["d"] * 1500:
    os.mkdir(name)
    os.chdir(name)
with open("file", "w") as f:
    f.write("here")
os.setxattr("file", "user.note", b"kept")
os.symlink("there", "link")
P
  tree-list deep >list
  lines 1521 | same <(grep -vc '^#' list) /dev/stdin
  grep -c 'd/file .* xattr.user.note=' list
  grep -c 'd/link .* link=there' list
  layer-tar --bare --mtree list >layer.tar
  python3 - <<'P' >found
import tarfile
with tarfile.open("layer.tar") as tar:
    entries = tar.getmembers()
    file = next(t for t in entries if t.name.endswith("/d/file"))
    print(len(entries), len(file.name), tar.extractfile(file).read(), file.pax_headers["SCHILY.xattr.user.note"])
P
  lines "1521 7612 b'here' kept" | same found /dev/stdin
  rm -rf deep
}

@test "a listing that fails half-way has no lines" {
  needs "$BUILD/faults/inject"
  mkdir tree
  (cd tree && touch {1..3000}-with-a-name-that-makes-a-longer-line-of-it)
  tree-list tree >whole
  [ "$(wc -c <whole)" -gt 400000 ]
  "$BUILD/faults/inject" log 60 tree-list xattr 2900 error=5 tree-list tree >out 2>said
  grep -cx 'done.error=5' log
  grep -cx 'status.1' log
  grep -cx "tree-list: cannot list extended attributes of 'tree/.*': Input/output error" said
  same out /dev/null
}

@test "a message shows the two ends of a very long name" {
  local x y
  x=$(printf 'x%.0s' {1..299}) y=$(printf 'y%.0s' {1..299})
  fails 1 "tree-list: cannot open directory '$x...$y': File name too long" tree-list "${x}é$x${y}é$y"
  fails 1 "tree-list: cannot open directory '${x}é$y': File name too long" tree-list "${x}é$y"
}
