#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Layered images in two steps: stream-layered-image --prepare, and --prepared of both pipelines.
# shellcheck disable=SC2030,SC2031,SC2154 # a test is a subshell; run sets stderr
load helper

hello=/nix/store/4ddddddddddddddddddddddddddddddd-hello-1.0
shell=/nix/store/2bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-shell-5.2

setup() {
  setup_path
  made example .
  echo '{"Cmd": ["/bin/hello"], "Env": ["A=b"]}' >config.json
  image=(--name hello --tag 1 --contents "$hello" --config config.json --closure closure.json --root-dir root
    --extra-commands 'echo made >file' --quiet)
}

teardown() { chmod -R u+w "$BATS_TEST_TMPDIR" || :; }

stream() { stream-layered-image "$@"; }
prepared() { stream-layered-image --quiet --prepared p "$@"; }
tags() { image-layers --repo-tags "$1"; }

@test "two steps make the image that one makes" {
  stream "${image[@]}" >one
  [ "$(stream "${image[@]}" --prepare p)" = p ]
  [ "$(stat -c %a p p/*)" = $'755\n644\n644\n644\n644' ]
  prepared >two
  same one two
  [ "$(build-layered-image --quiet --prepared p --output three.tar --compressor none)" = three.tar ]
  same one three.tar
  [ "$(build-layered-image --quiet --prepared p --compressor none)" = hello-1.tar ]
  stream "${image[@]}" --prepare q --plan-out plan >/dev/null
  diff -r p q
  same plan p/plan
}

@test "a prepared image is written without a temporary directory, and help and wrong options need none" {
  stream "${image[@]}" >one
  stream "${image[@]}" --prepare p >/dev/null
  export TMPDIR=$PWD/no/where
  prepared >two
  same one two
  stream --help | grep -q '^usage: stream-layered-image'
  fails 2 "stream-layered-image: unknown option '--no' (see 'stream-layered-image --help')" stream --no
  fails 1 "stream-layered-image: cannot make a temporary directory in '$PWD/no/where': No such file or directory" \
    stream --name x --allow-empty
}

@test "owner and time of store layers, machine, and a store that lies elsewhere now" {
  image+=(--uid 7 --gid 8 --uname u --gname g --mtime 1980-01-01T00:00:00Z --architecture arm64 --variant v8)
  stream "${image[@]}" >one
  stream "${image[@]}" --prepare p >/dev/null
  prepared >two
  same one two
  mv root 'a new\root'
  run -1 prepared
  prepared --root-dir 'a new\root' >two
  same one two
  stream "${image[@]}" --root-dir 'a new\root' --prepare q >/dev/null
  grep -qxF "rootDir	$PWD/a new\\\\root" q/attributes
  stream --quiet --prepared q >two
  same one two
}

@test "the first step runs the commands, the second reads no files but those of the store" {
  mkdir tree
  echo own >tree/own
  image+=(--contents tree --previous-plan plan --extra-commands 'echo "$RANDOM" >file')
  layer-plan --max-layers 4 graph >plan
  stream "${image[@]}" --prepare p >/dev/null
  rm -r tree plan config.json closure.json
  prepared >one
  prepared >two
  same one two
  image-layers --files one | grep '^./own '
}

@test "another name, tag and time for a prepared image" {
  stream "${image[@]}" --prepare p >/dev/null
  prepared -t 2 >it && [ "$(tags it)" = hello:2 ]
  prepared --name other >it && [ "$(tags it)" = other:1 ]
  prepared --name other:3 >it && [ "$(tags it)" = other:3 ]
  for option in --repo_tag -t --tag; do
    prepared $option registry:5000/other:3 >it
    [ "$(tags it)" = registry:5000/other:3 ]
  done
  jq -n '{prepared: "p", repoTag: "other:4", quiet: true}' >attrs.json
  stream --attrs attrs.json >it && [ "$(tags it)" = other:4 ]
  prepared --created 2001-02-03T04:05:06Z >it
  image-layers --config it | grep -qx 'created	2001-02-03T04:05:06Z'
  stream "${image[@]}" --repo_tag other:5 >it && [ "$(tags it)" = other:5 ]
  fails 2 "build-layered-image: --to: the tag '2' in it contradicts the tag '1' (see 'build-layered-image --help')" \
    build-layered-image --prepared p --repo_tag other:1 --to oci:lay:2
  fails 2 "stream-layered-image: --repo_tag: expected NAME:TAG, found 'x' (see 'stream-layered-image --help')" prepared --repo_tag x
}

@test "created now is the time of the second step" {
  stream "${image[@]}" --created now --prepare p >/dev/null
  SOURCE_DATE_EPOCH=86400 prepared >it
  image-layers --config it | grep -qx 'created	1970-01-02T00:00:00Z'
}

@test "without a tag it is made from the content" {
  stream --name x --contents "$hello" --closure graph --root-dir root --quiet >one
  stream --name x --contents "$hello" --closure graph --root-dir root --prepare p >/dev/null
  prepared >two
  same one two
  [ ! -e p/base ]
}

@test "a base image, compressed or one of several in a file" {
  stream --name base --tag 1 --contents "$shell" --closure graph --root-dir root --quiet >base.tar
  stream --name other --tag 1 --extra-commands 'echo >other' --quiet >other.tar
  merge-images other.tar base.tar | gzip >both.tar.gz
  image+=(--from-image both.tar.gz --from-image-name base --from-image-tag 1 --inherit-config)
  stream "${image[@]}" >one
  stream "${image[@]}" --prepare p >/dev/null
  (cd / && stream --quiet --prepared "$BATS_TEST_TMPDIR/p") >two
  same one two
  stream --name base --tag 1 --extra-commands 'echo >other' --quiet >both.tar.gz
  fails 1 "stream-layered-image: --prepared: '$PWD/both.tar.gz' is not the base image that 'p' was prepared with" \
    prepared
}

@test "a base image without layers" {
  image-assemble --name z --tag 1 --allow-empty </dev/null >zero.tar
  image+=(--from-image zero.tar)
  stream "${image[@]}" >one
  stream "${image[@]}" --prepare p >/dev/null
  prepared >two
  same one two
}

@test "what belongs to the other step is an error" {
  stream "${image[@]}" --prepare p >/dev/null
  see="(see 'stream-layered-image --help')"
  fails 2 "stream-layered-image: --extra-commands and --prepared: the prepared image has its own $see" prepared --extra-commands x
  jq -n '{prepared: "p", maxLayers: 4}' >attrs.json
  fails 2 "stream-layered-image: maxLayers and prepared: the prepared image has its own $see" stream --attrs attrs.json
  fails 2 "stream-layered-image: --prepare and --prepared: expected one of them $see" prepared --prepare q
  fails 2 "stream-layered-image: --repo_tag and --prepare: it goes with --prepared $see" stream "${image[@]}" --prepare q --repo_tag a:1
  fails 2 "stream-layered-image: --from-image: expected a file, as the base image is read again later $see" \
    stream "${image[@]}" --prepare q --from-image -
  [ ! -e q ]
}

@test "a directory that is none, or not whole, or whose store is gone" {
  stream "${image[@]}" --prepare p >/dev/null
  none="is no prepared image: expected a directory that --prepare made"
  fails 1 "stream-layered-image: --prepared: 'q' $none" stream --prepared q
  fails 1 "stream-layered-image: --prepare: 'p' is not empty" stream "${image[@]}" --prepare p
  mv p/config config
  fails 1 "stream-layered-image: --prepared: 'p' $none" prepared
  mv config p
  sed -i '$d' p/attributes
  fails 1 "stream-layered-image: p/attributes: the line layers is missing: expected what --prepare made" prepared
  echo 'contents	x' >>p/attributes
  fails 1 "stream-layered-image: p/attributes: 'contents\x09x' is no line of it: expected what --prepare made" prepared
  sed -i '$s/.*/name	a\\c/' p/attributes
  fails 1 "stream-layered-image: p/attributes: 'name\x09a\\c' is no line of it: expected what --prepare made" prepared
  sed -i '$s/.*/layers	5/' p/attributes
  rm p/customisation
  run -1 --separate-stderr prepared
  [[ $stderr == 'image-assemble: '*'expected 5'* ]]
}

@test "a first step that fails leaves nothing" {
  fails 1 "stream-layered-image: cannot write 'none/plan': No such file or directory" \
    stream "${image[@]}" --prepare p --plan-out none/plan
  [ ! -e p ]
  run -1 stream "${image[@]}" --prepare p --extra-commands false
  run -1 stream "${image[@]}" --prepare p --contents "$PWD/gone"
  [ -z "$(find . -name 'p' -o -name '.layerpipe*')" ]
}
