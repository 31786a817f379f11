#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Images of a nix-shell in files; tests/stream-nix-shell-image.bats has the rest.
load helper

shell=/nix/store/2bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-shell-5.2

teardown() { chmod -R u+w "$BATS_TEST_TMPDIR" || :; }

@test "packages, and the name of the file" {
  made example .
  echo 'Derive([],[],[],"x","/bin/bash",[],[("name","it")])' >it.drv
  build-nix-shell-image --drv it.drv --closure graph --root-dir root --quiet --coreutils "$shell" --cacert "$shell" \
    --shell "$shell/bin/sh" >said
  echo it-env.tar.gz | same said -
  zcat it-env.tar.gz >image
  image-layers --config image >config
  grep -qxF "Env	SSL_CERT_FILE=$shell/etc/ssl/certs/ca-bundle.crt" config
  grep -qxF "Env	PATH=$shell/bin:/bin:$shell/bin" config
  grep -qxF "Cmd	$shell/bin/sh" config
  image-layers --files image >files
  grep -qE "^./usr/bin/env .*link=$shell/bin/env" files
  grep -q "^./${shell#/}/bin/sh " files
  build-nix-shell-image --drv it.drv --tag 2 --output other.tar --compressor none --quiet >said
  echo other.tar | same said -
  image-layers --repo-tags other.tar | grep -qx it-env:2
}
