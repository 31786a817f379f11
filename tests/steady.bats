#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What changes between its listing and its reading, or while it is read, is an error in each image that is
# made of it.
# shellcheck disable=SC2030,SC2031 # a test is a subshell
load helper

hello=/nix/store/4ddddddddddddddddddddddddddddddd-hello-1.0

# Programs of which layer-tar first runs the file change, once, in the test's directory.
setup() {
  setup_path
  made example .
  chmod -R u+w root
  mv root root.was
  mkdir beside pipes
  cp -as "$BUILD"/{bin,share,libexec} beside
  rm beside/bin/layer-tar
  printf '%s\n' '#!/bin/sh' "[ -e '$PWD/changed' ] || (cd '$PWD' && echo >changed && sh -eu ./change) || exit 9" \
    "exec '$BUILD/bin/layer-tar' \"\$@\"" >beside/bin/layer-tar
  for tool in stream-layered-image build-layered-image build-image; do # they look for their files beside themselves
    cp --remove-destination "$BUILD/bin/$tool" beside/bin
  done
  chmod +x beside/bin/*
}

contents() {
  rm -rf src changed out image root
  cp -a root.was root
  mkdir -p src/etc src/bin root/far
  echo one >src/etc/a
  echo far >root/far/file
  ln -s a src/etc/link
  ln -s /far src/dir
  touch -hd @1 src/etc/*
}

# refuses CHANGE NAME: each line of commands fails, with one line that has this name
refuses() {
  local command status
  while IFS= read -r command; do
    contents
    status=0
    echo "$1" >change
    bash -euc "$command" >out 2>err || status=$?
    [[ $status = 1 && $(wc -l <err) = 1 && $(<err) == *"$2"*@('changed while it was read'|'No such file or directory') &&
      ! -e image ]] || { echo "$1: $command: status $status, $(<err)"; return 1; }
  done <commands
}

changes() {
  contents
  echo : >change
  bash -euc "$(head -n 1 commands)" >out # all is well
  refuses 'echo ONE >src/etc/a; touch -d @1 src/etc/a' "'./etc/a'" # as many bytes, the same time
  refuses 'cp -p src/etc/a new; echo ONE >new; touch -d @1 new; mv new src/etc/a' "'./etc'"
  refuses 'chmod 600 src/etc/a' "'./etc/a'"
  refuses 'echo more >>src/etc/a; truncate -s 4 src/etc/a' "'./etc/a'"
  refuses 'ln -sfn b src/etc/link' "'./etc'"
  refuses 'echo new >src/etc/new' "'./etc'"
  refuses 'echo new >src/new' "'./new'"
  refuses 'rm src/etc/link' "'./etc'"
}

@test "layered images: what changes in contents is an error" {
  # without store paths in it, as a change of theirs is layer-tar's to find
  command="--name x --closure graph --root-dir root --contents src --contents $hello --quiet --include-store-paths=false"
  echo "beside/bin/stream-layered-image $command" >commands
  changes
  refuses "rm root$hello/bin/hello" "'./bin"
  echo "beside/bin/build-layered-image $command --output image --extra-commands 'echo >x'" >commands
  refuses 'echo ONE >src/etc/a; touch -d @1 src/etc/a' "'./etc/a'"
  refuses "echo new >root$hello/bin/new" "'./bin/new'"
}

@test "images of one layer: what changes in copyToRoot is an error" {
  command="beside/bin/build-image --name x --closure graph --root-dir root --copy-to-root src --copy-to-root $hello --quiet --output image"
  echo "$command" >commands
  changes
  refuses 'echo FAR >root/far/file' "'./dir/file'" # where a link leads, which is followed
  refuses "rm root$hello/bin/hello" "bin/hello'"
  refuses "echo new >root$hello/bin/new" "'./bin/new'"
}

@test "what is too young for its time to tell of a change" {
  mkdir -p t
  for i in {1..20}; do
    echo "a$i" >t/file
    tree-list --stamps t >one
    echo "b$i" >t/file
    tree-list --stamps t >two
    run -1 cmp -s one two
  done
}
