#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What usr-bin-env, bin-sh, ca-certificates and fake-nss share.
load helper

setup() {
  setup_path
  coreutils=/nix/store/6cccccccccccccccccccccccccccccc6-coreutils-9.5
  bash=/nix/store/7bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-bash-5.2
  cacert=/nix/store/8aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-nss-cacert-3.98
  mkdir -p "root$coreutils/bin" "root$bash/bin" "root$cacert/etc/ssl/certs"
  printf '#!/bin/sh\n' | tee "root$coreutils/bin/env" >"root$bash/bin/bash"
  chmod +x "root$coreutils/bin/env" "root$bash/bin/bash"
  printf -- '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n' \
    >"root$cacert/etc/ssl/certs/ca-bundle.crt"
}

# make TOOL DIR: a good tree of it
make() {
  case $1 in
    usr-bin-env) set -- "$@" --coreutils "$coreutils" --root-dir "$BATS_TEST_TMPDIR/root" ;;
    bin-sh) set -- "$@" --bash "$bash" --root-dir "$BATS_TEST_TMPDIR/root" ;;
    ca-certificates) set -- "$@" --cacert "$cacert" --root-dir "$BATS_TEST_TMPDIR/root" ;;
  esac
  "$1" --output "$2" "${@:3}"
}

trees='usr-bin-env bin-sh ca-certificates fake-nss'

# listing DIR: everything but inodes and owners
listing() { (cd "$1" && find . -printf "%p %y %m %T@ %l\n" | LC_ALL=C sort && find . -type f | LC_ALL=C sort | xargs -r cat); }

nothing_left() { [ -z "$(find . -name '.layerpipe*' -print -quit)" ]; }

@test "the same tree in any umask, locale and place; modes and times are fixed" {
  for tool in $trees; do
    make "$tool" one >said
    echo one | same - said
    mkdir -m 2770 setgid
    (umask 077 && TZ=Asia/Tokyo LC_ALL=C.UTF-8 make "$tool" setgid/two >said)
    listing one >one.list
    listing setgid/two >two.list
    same one.list two.list
    run grep -Ev ' (d 755|f 644|l 777) 1\.0+ ' <(find one -printf '%p %y %m %T@ \n')
    [ -z "$output" ]
    rm -r one setgid
  done
  nothing_left
}

@test "an empty directory is taken, with a slash or odd bytes in its name too" {
  local odd=$'a b\n\xff'
  for tool in $trees; do
    mkdir empty "$odd"
    for output in empty/ "$odd" new/; do
      make "$tool" "$output" >said
      printf '%s\n' "$output" | same - said
      [ "$(find "$output" -mindepth 1 | wc -l)" -ge 2 ]
    done
    rm -r empty "$odd" new
  done
  nothing_left
}

@test "a directory that is not empty, a file and a link are left alone" {
  mkdir full empty
  echo mine >full/file
  ln -s empty link
  for tool in $trees; do
    fails 1 "$tool: --output: 'full' is not empty" make "$tool" full
    fails 1 "$tool: --output: 'full/file' exists and is not a directory" make "$tool" full/file
    fails 1 "$tool: --output: 'link' exists and is not a directory" make "$tool" link
    fails 1 "$tool: cannot make a temporary directory in '$PWD/no': No such file or directory" make "$tool" no/where
  done
  [ "$(cat full/file)" = mine ]
  [ "$(find full empty | wc -l)" = 3 ]
  nothing_left
}

@test "where the tree can not get its name nothing is left" {
  mkdir sub
  cd sub
  for tool in $trees; do
    fails 1 "$tool: cannot write '.': Device or resource busy" make "$tool" .
  done
  [ -z "$(ls -A . )" ]
}

@test "a package is found through a link outside of the store" {
  store=$PWD/store
  mkdir "$store"
  cp -r "root$coreutils" "root$bash" "root$cacert" "$store"
  ln -s "$store/${coreutils##*/}" env-result
  ln -s "$store/${bash##*/}" sh-result
  usr-bin-env --coreutils env-result --store-dir "$store" --output env
  [ "$(readlink env/usr/bin/env)" = "$store/${coreutils##*/}/bin/env" ]
  usr-bin-env --program env-result/bin/env --store-dir "$store/" --output env2
  [ "$(readlink env2/usr/bin/env)" = "$store/${coreutils##*/}/bin/env" ]
  bin-sh --bash ./sh-result/ --store-dir "$store" --output sh
  [ "$(readlink sh/bin/sh)" = "$store/${bash##*/}/bin/bash" ]
  fails 1 "bin-sh: --bash: 'sh-result' is not in /nix/store: give --program FILE" \
    bin-sh --bash sh-result --output sh2
  fails 1 "bin-sh: --bash: '/nix/store/../../etc' is not in /nix/store: give --program FILE" \
    bin-sh --bash /nix/store/../../etc --output sh2
}

@test "attribute sets, and a derivation's own" {
  mkdir drv
  jq -n --arg bash "$bash" '{builder: "x", outputs: {out: "/nix/store/x"}, name: "bin-sh", env: {},
    bash: $bash, rootDir: "root", output: "one"}' >attrs.json
  bin-sh --attrs attrs.json
  [ "$(readlink one/bin/sh)" = "$bash/bin/bash" ]
  jq -n '{extraPasswdLines: ["a:x:1:1::/:/x", "b:x:2:2::/:/x\n"], extraGroupLines: ["a:x:1:"]}' >attrs.json
  fake-nss --attrs attrs.json --output two
  [ "$(tail -n 2 two/etc/passwd)" = $'a:x:1:1::/:/x\nb:x:2:2::/:/x' ]
  [ "$(tail -n 1 two/etc/group)" = a:x:1: ]
  jq -n '{extraPasswdLines: "", output: "three"}' >attrs.json
  fails 1 'fake-nss: attrs.json: extraPasswdLines: expected a list of lines, found ""' fake-nss --attrs attrs.json
  jq -n '{name: "x", output: "three"}' >attrs.json
  fails 1 'fake-nss: attrs.json: unknown attribute "name"' fake-nss --attrs attrs.json
}

@test "in an image, over each other" {
  contents=()
  for tool in $trees; do
    make "$tool" "$tool"
    contents+=(--contents "$tool")
  done
  stream-layered-image --name x --tag 1 --quiet --root-dir root "${contents[@]}" >image
  tar -xf image
  layers=$(jq -r '.[0].Layers[]' manifest.json)
  [ "$(wc -l <<<"$layers")" = 4 ]
  tar -tvf "$(tail -n 1 <<<"$layers")" | awk '{ print $1, $2, $6, $7, $8 }' | grep -v '^d' >files
  cat >want <<END
lrwxrwxrwx root/root bin/sh -> $bash/bin/bash
-r--r--r-- root/root etc/group  
-r--r--r-- root/root etc/nsswitch.conf  
-r--r--r-- root/root etc/passwd  
lrwxrwxrwx root/root etc/pki/tls/certs/ca-bundle.crt -> $cacert/etc/ssl/certs/ca-bundle.crt
lrwxrwxrwx root/root etc/ssl/certs/ca-bundle.crt -> $cacert/etc/ssl/certs/ca-bundle.crt
lrwxrwxrwx root/root etc/ssl/certs/ca-certificates.crt -> $cacert/etc/ssl/certs/ca-bundle.crt
lrwxrwxrwx root/root usr/bin/env -> $coreutils/bin/env
END
  sed 's,^\([^ ]* [^ ]*\) \./,\1 ,' files | same - want
  tar -tf "$(tail -n 1 <<<"$layers")" | sed 's,^\./,,' | grep -qx var/empty/
}

@test "the command line" {
  for tool in usr-bin-env bin-sh ca-certificates; do
    case $tool in
      usr-bin-env) package=coreutils file=program ;;
      bin-sh) package=bash file=program ;;
      ca-certificates) package=cacert file=bundle ;;
    esac
    fails 2 "$tool: expected --output DIR (see '$tool --help')" "$tool" "--$file" x
    fails 2 "$tool: expected --$package DIR or --$file FILE (see '$tool --help')" \
      "$tool" --output x
    fails 2 "$tool: --$package and --$file: expected one of them (see '$tool --help')" \
      "$tool" --output x "--$package" /nix/store/x "--$file" y
    fails 1 "$tool: --$file: 'nowhere' does not exist or is not a file" "$tool" --output x "--$file" nowhere
    fails 1 "$tool: --$file: '.' does not exist or is not a file" "$tool" --output x "--$file" .
  done
  nothing_left
}
