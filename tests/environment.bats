#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What pipelines make is the same in whatever environment they run.
# shellcheck disable=SC2016 # commands are expanded elsewhere
load helper

setup() {
  setup_path
  place=$(mktemp -d)
  chmod 755 "$place"
  cd "$place" || exit
  mkdir -m 777 tmp out
  mkdir -p own/etc evil
  echo own >own/etc/file
  made example example
  chmod -R a+rX .
  echo 'def map(f): ["evil"]; def to_entries: [];' >evil/.jq
  echo 'echo evil; exit 3' >evil/start
  printf '%s\n' '{"Cmd": ["/bin/hello"], "Env": ["A=b"], "Labels": {"a": "b"}}' >config.json
  commands='mkdir d; echo x >d/f; >g; umask >h; set -o noglob; ls -l d/f | cut -c 1-10 >i; sort own/etc/file 2>/dev/null || :'
}

teardown() { rm -rf --one-file-system "$place"; }

layered() { "${around[@]}" stream-layered-image --name x --tag 1 --contents own --config config.json --root-dir example/root --quiet "$@"; }
commanded() { layered --extra-commands "$commands" --fake-root-commands 'chown 3:4 d; chmod 4755 d/f'; }
single() {
  "${around[@]}" build-image --name x --tag 1 --copy-to-root own --config config.json --root-dir example/root \
    --compressor none --quiet --output out/image >said
  cat out/image said
}
tree() { "${around[@]}" fake-nss --output out/tree >said && tar -C out --sort=name --owner=0 --group=0 --numeric-owner -c tree; }

# same_in COMMAND…: what pipelines make of the environment that the command gives them, against a plain one
same_in() {
  local pipeline around
  for pipeline in layered commanded single tree; do
    around=(env -i PATH="$PATH" TMPDIR="$place/tmp")
    "$pipeline" >want
    rm -rf out/*
    around=("$@")
    "$pipeline" >found 2>err || { echo "$pipeline: status $?" && cat err && return 1; }
    cmp want found || { echo "$pipeline: other bytes" && return 1; }
    rm -rf out/*
  done
}

hostile=(SHELLOPTS=noclobber:noglob:posix:nounset BASHOPTS=nullglob:failglob:extdebug:xpg_echo
  BASH_ENV=evil/start ENV=evil/start GREP_OPTIONS=-v GREP_COLORS=mt=1 GREP_COLOR=always
  TAR_OPTIONS=--exclude=* POSIXLY_CORRECT=1 CDPATH=/:/usr GZIP=-1 XZ_OPT=-0 XZ_DEFAULTS=-0 ZSTD_CLEVEL=19
  TZ=Asia/Kathmandu LC_ALL=tr_TR.UTF-8 LANG=de_DE.UTF-8 LANGUAGE=de LC_COLLATE=C.UTF-8 IFS=/. GLOBIGNORE=*
  TIME_STYLE=+evil BLOCK_SIZE=1M LS_BLOCK_SIZE=1 QUOTING_STYLE=c _POSIX2_VERSION=199209 JQ_COLORS=1 AWKPATH=evil
  MAWK_OPTIONS=-We BASH_COMPAT=3.2 FUNCNEST=1 TMOUT=1 PS4=evil PROMPT_COMMAND=evil
  MALLOC_PERTURB_=77 OPENSSL_CONF=evil/start
  work=/evil tool=evil share=/evil here=/evil attr=evil tree=/evil base=evil lines=evil config=evil contents=evil
  output=evil options=evil 'odd-name=evil'
  'BASH_FUNC_readlink%%=() { echo /evil; }' 'BASH_FUNC_printf%%=() { echo evil; }'
  'BASH_FUNC_tree-list%%=() { echo evil; }' 'BASH_FUNC_sort%%=() { cat; }' 'BASH_FUNC_cat%%=() { echo evil; }')

@test "variables and functions of the caller change no byte" {
  same_in env "${hostile[@]}" HOME="$PWD/evil" TMPDIR="$place/tmp"
  [ -z "$(ls -A tmp)" ]
}

@test "nor do the place and the rights of temporary files" {
  needs setfacl
  local odd=$'tmp/t\'m "p\n $HOME;*'
  mkdir -m 777 "$odd"
  setfacl -d -m g:100:rwx,o::rwx "$odd"
  same_in bash -c 'umask 077 && exec "$@"' _ env TMPDIR="$PWD/$odd"
  [ -z "$(ls -A "$odd")" ]
}

@test "nor does it matter to an ordinary user" {
  needs_root
  needs setpriv
  same_in setpriv --reuid=65534 --regid=65534 --clear-groups env "${hostile[@]}" HOME="$PWD/evil" TMPDIR="$place/tmp"
  [ -z "$(ls -A tmp)" ]
}
