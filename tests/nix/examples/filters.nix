# SPDX-License-Identifier: MIT
# An image by single filters, in a derivation
{ runCommand, layerpipe, hello }:
runCommand "hello.tar" {
  __structuredAttrs = true;
  exportReferencesGraph.closure = [ hello ];
  nativeBuildInputs = [ layerpipe ];
} ''
  printf 'Cmd\t%s\n' ${hello}/bin/hello >config
  closure-graph --key closure .attrs.json | layer-plan --max-layers 4 | layer-tar |
    image-assemble --name hello --tag filters --config config >"$out"
''
