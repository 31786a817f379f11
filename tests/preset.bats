#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# preset: what programs expect of an image, where the contents lack it.
load helper

shell=/nix/store/2bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-shell-5.2

setup() {
  setup_path
  mkdir -p root/{bin,etc/ssl/certs}
  touch root/bin/{bash,env}
  chmod +x root/bin/*
  echo certificates >root/etc/ssl/certs/ca-bundle.crt
}

# files IMAGE: mode, owner, name and link of each
files() { image-layers "$1" | layer-flatten | tar -tvf - | awk '{ print $1, $2, $6 $7 $8 }'; }

# added: by --preset shell
added() {
  lines 'lrwxrwxrwx root/root ./bin/sh->bash' '-rw-r--r-- root/root ./etc/group' '-rw-r--r-- root/root ./etc/nsswitch.conf' \
    '-rw-r--r-- root/root ./etc/passwd' 'drwxr-xr-x root/root ./etc/pki/' 'drwxr-xr-x root/root ./etc/pki/tls/' \
    'drwxr-xr-x root/root ./etc/pki/tls/certs/' \
    'lrwxrwxrwx root/root ./etc/pki/tls/certs/ca-bundle.crt->../../../ssl/certs/ca-bundle.crt' \
    'lrwxrwxrwx root/root ./etc/ssl/certs/ca-certificates.crt->ca-bundle.crt' 'drwx------ root/root ./root/' \
    'drwxrwxrwt root/root ./tmp/' 'drwxr-xr-x root/root ./usr/' 'drwxr-xr-x root/root ./usr/bin/' \
    'lrwxrwxrwx root/root ./usr/bin/env->../../bin/env' 'drwxr-xr-x root/root ./var/' 'dr-xr-xr-x root/root ./var/empty/'
}

@test "shell: programs, certificates, users, directories, in both kinds of images" {
  build-image --name x --quiet --copy-to-root root --output plain >name
  build-image --name x --quiet --copy-to-root root --output one --preset shell >name
  stream-layered-image --name x --quiet --contents root >layered.plain
  stream-layered-image --name x --quiet --contents root --preset shell >layered
  added >want
  comm -13 <(files plain | sort) <(files one | sort) | sort -k 3 | same <(sort -k 3 want) -
  comm -13 <(files layered.plain | sort) <(files layered | sort) | sort -k 3 | same <(sort -k 3 want) -
  image-layers one | layer-flatten | tar -xOf - ./etc/passwd ./etc/group ./etc/nsswitch.conf >found
  lines root:x:0: nobody:x:65534: 'hosts: files dns' 'root:x:0:0:root user:/root:/bin/sh' \
    'nobody:x:65534:65534:nobody:/var/empty:/bin/sh' | same - found
}

@test "minimal: no programs, and nothing that the contents have is replaced" {
  rm -r root/bin
  mkdir root/{tmp,home}
  echo mine >root/etc/passwd
  echo own >root/tmp/own
  ln -s home root/root
  ln -s nowhere root/var
  stream-layered-image --name x --tag 1 --quiet --contents root --preset minimal \
    --extra-commands 'ls etc; stat -c %a tmp; cat etc/passwd' >image 2>said
  grep -qx mine said
  grep -qx 1777 said
  grep -qx nsswitch.conf said
  files image >found
  grep -qx 'drwxrwxrwt root/root ./tmp/' found
  grep -qx 'lrwxrwxrwx root/root ./root->home' found
  run ! grep -E '/(bin|var/empty)' found
  stream-layered-image --name x --tag 1 --quiet --preset minimal >image
  files image >found
  run ! grep certs found
  [ "$(wc -l <found)" = 9 ]
}

@test "links of the contents are followed; nothing is put behind those that lead elsewhere, or below a file" {
  mkdir -p root/usr 'other dir'
  mv root/bin root/usr/bin
  ln -s usr/bin root/bin
  rm -r root/etc/ssl/certs
  ln -s /nix/store/00000000000000000000000000000000-x/certs root/etc/ssl/certs
  touch root/var
  ln -s loop root/loop
  TMPDIR=$PWD/'other dir' stream-layered-image --name x --quiet --contents root --preset shell >image
  files image >found
  for line in 'lrwxrwxrwx root/root ./usr/bin/sh->bash' 'lrwxrwxrwx root/root ./bin->usr/bin' '-r--r--r-- root/root ./var' \
    'lrwxrwxrwx root/root ./etc/pki/tls/certs/ca-bundle.crt->../../../ssl/certs/ca-bundle.crt'; do
    grep -qxF -e "$line" found
  done
  run ! grep -E '/(bin/sh|certs/ca-certificates.crt|empty)' <(grep -v usr found)
  rm root/usr/bin/env
  fails 1 'stream-layered-image: --preset shell: the contents have no bin/env (add coreutils to them)' \
    stream-layered-image --name x --quiet --contents root --preset shell
}

@test "contents of the store" {
  made example .
  for tool in build-image stream-layered-image; do
    option=--contents
    [ $tool != build-image ] || option=--copy-to-root
    $tool --name x --tag 1 --quiet --closure graph --root-dir root $option "$shell" --preset minimal >image
    [ $tool != build-image ] || mv "$(<image)" image
    files image >found
    grep -qx 'drwxrwxrwt root/root ./tmp/' found
    grep -q ' \./bin/sh' found
  done
}

@test "owner and time are those of the other files" {
  build-image --name x --quiet --uid 5 --gid 6 --mtime 2000-01-01T00:00:00Z --preset minimal --output image >name
  image-layers image | layer-flatten | tar --utc --full-time -tvf - | awk '{ print $2, $4, $5 }' | sort -u |
    same <(echo '5/6 2000-01-01 00:00:00') -
}

@test "mistakes" {
  rm root/bin/env
  fails 1 'build-image: --preset shell: the contents have no bin/env (add coreutils to them)' \
    build-image --name x --quiet --copy-to-root root --preset shell --output image
  rm root/bin/bash
  fails 1 'stream-layered-image: --preset shell: the contents have no bin/sh and no bin/bash (add a shell to them)' \
    stream-layered-image --name x --quiet --contents root --preset shell
  fails 2 "build-image: --preset and --from-image: expected one of them (see 'build-image --help')" \
    build-image --name x --preset minimal --from-image base --output image
  fails 2 "build-image: --preset: expected one of minimal, shell, found 'all' (see 'build-image --help')" \
    build-image --name x --preset all --output image
  [ ! -e image ]
}
