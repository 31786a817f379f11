#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helper

setup() {
  setup_path
  "$TOP/tests/fixtures/make-example" .
  printf 'Cmd\t/bin/hello\nEnv\tA=b\nLabels\tname\tvalue\n' >config
  layer-plan --max-layers 4 graph | layer-tar --root-dir root >stream
  image-assemble --name hello --tag 1.0 --config config --layers-out list <stream >image
}

@test "an image taken apart and assembled again is the same image" {
  image-layers image >layers
  image-layers --config image >lines
  image-assemble --name hello --tag 1.0 --config lines --layers-out again <layers >image.2
  same list again
  image-layers --config image.2 >lines.2
  same lines lines.2
  tar -tf image | grep json >names
  tar -tf image.2 | grep json >names.2
  same names names.2
}

@test "lines: layers, configuration, names" {
  image-layers --list image >found
  same list found
  image-layers --config image | grep -v -e ^history -e ^architecture >found
  lines 'created\t1970-01-01T00:00:01Z' 'os\tlinux' 'Env\tA=b' 'Cmd\t/bin/hello' \
    'Labels\tname\tvalue' >want
  same want found
  image-layers --repo-tags image >found
  lines hello:1.0 >want
  same want found
}
