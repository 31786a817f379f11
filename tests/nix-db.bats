#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# includeNixDB: Nix's database in images.
load helper

hello=/nix/store/4ddddddddddddddddddddddddddddddd-hello-1.0
shell=/nix/store/2bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-shell-5.2
link=/nix/store/5fffffffffffffffffffffffffffffff-hello-link

setup() {
  setup_path
  needs nix sqlite3
  made example .
  closure=(--closure graph --root-dir root --quiet --include-nix-db)
}

teardown() { chmod -R u+w "$BATS_TEST_TMPDIR" || :; }

stream() { stream-layered-image --name x --tag 1 "${closure[@]}" "$@"; }
database() { echo nix/var/nix/db/db.sqlite; }

# unpack IMAGE: its files in image/
unpack() {
  ! [ -e image ] || { chmod -R u+w image && rm -r image; }
  mkdir image
  image-layers "$1" | layer-flatten | tar -xf - -C image
}

# Nix in there.
nix_store() { NIX_REMOTE="local?root=$PWD/image" USER=nobody NIX_CONFIG='build-users-group =' nix-store "$@"; }

@test "beside a preset" {
  stream --contents "$shell" --preset minimal >one
  image-layers one | layer-flatten | tar -tf - >files
  for name in tmp/ etc/passwd "$(database)"; do grep -qx "./$name" files; done
}

@test "a layered image: what is registered, rooted and not there" {
  echo "{\"Env\": [\"A=$link\"]}" >config
  stream --contents "$shell" --config config >one
  unpack one
  nix_store -qR "$link" | sort >found
  same paths found
  sqlite3 "image/$(database)" 'select distinct registrationTime, deriver from ValidPaths' >found
  echo '1|' | same found -
  lines nix/var nix/var/nix nix/var/nix/{db,db/{db.sqlite,schema},gcroots,gcroots/docker} \
    nix/var/nix/gcroots/docker/"${shell##*/}" nix/var/nix/gcroots/docker/"${link##*/}" \
    nix/var/nix/gcroots/profiles nix/var/nix/profiles | sort >want
  unpack one
  (cd image && find nix/var | sort) >found
  same want found
  [ "$(readlink image/nix/var/nix/gcroots/profiles)" = /nix/var/nix/profiles ]
  [ "$(readlink "image/nix/var/nix/gcroots/docker/${shell##*/}")" = "$shell" ]
}

@test "the same bytes elsewhere, at another time, in two steps" {
  stream --contents "$hello" >one
  mkdir 'a b?%'
  TMPDIR=$PWD/'a b?%' stream --contents "$hello" >two
  same one two
  stream --contents "$hello" --prepare p >/dev/null
  stream-layered-image --prepared p --quiet >two
  same one two
}

@test "what the base image has registered stays, and Nix takes what is new" {
  stream --contents "$shell" --name base >base
  stream --contents "$hello" --from-image base >two
  unpack two
  [ "$(sqlite3 "image/$(database)" 'select count(*) from ValidPaths')" = 4 ]
  nix_store -qR "$hello" | grep -qxF "$shell"
  build-image --name x "${closure[@]}" --from-image base --copy-to-root "$hello" --compressor none --output three >/dev/null
  unpack three
  nix_store -q --references "$shell" | grep -q libc
}

@test "a database of the base that is a link is an error, and nothing is read or written through it" {
  local name
  stream --contents "$shell" --name base >base
  mkdir -p tree/nix/var/nix/db
  for name in schema db.sqlite; do
    echo 9 >host
    ln -s "$PWD/host" "tree/nix/var/nix/db/$name"
    { image-layers base && tree-list --owner 0:0 tree | layer-tar --mtree -; } | image-assemble --name odd >odd
    fails 1 "stream-layered-image: --include-nix-db: 'odd': '/nix/var/nix/db/$name' is not a file" \
      stream --contents "$hello" --from-image odd
    [ "$(<host)" = 9 ]
    rm "tree/nix/var/nix/db/$name"
  done
}

@test "an image of one layer, of a user" {
  build-image --name x "${closure[@]}" --copy-to-root "$hello" --uid 1000 --gid 100 --compressor none --output one >/dev/null
  image-layers --files one | grep -q "^./$(database) type=file mode=0644 uid=1000 gid=100 "
  image-layers --files one | grep -q "^./nix/store type=dir mode=0755 uid=0 gid=0 "
  unpack one
  nix_store -qR "$shell" | wc -l | grep -qx 2
  stream --contents "$hello" --uid 1000 --gid 100 --uname u --gname g >two
  image-layers --files two | grep -q "^./$(database) type=file mode=0644 uid=1000 gid=100 uname=u gname=g "
  image-layers --files two | grep -q "^./nix/store type=dir mode=0755 uid=1000 gid=100 "
}

@test "what it needs" {
  see="(see 'stream-layered-image --help')"
  fails 2 "stream-layered-image: --include-nix-db: expected the store directory /nix/store, found '/store' $see" \
    stream --store-dir /store --contents root
  fails 2 "stream-layered-image: --include-nix-db and --include-store-paths: a database is of store paths that are there $see" \
    stream --include-store-paths=false --contents root
  sed -i 's/sha256-[^\t]*/-/' graph
  fails 1 'stream-layered-image: --include-nix-db needs a closure with NAR hashes and sizes, such as that of nix path-info --json' \
    stream --contents "$hello"
}
