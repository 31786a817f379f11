#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Pages and the completion know of each other and of the tools.
load helper

tools() { (cd "$TOP" && for f in bin/*.c pipelines/*; do basename "$f" .c; done | sort); }

help_options() { "$1" --help | grep -oE '^ +(-h, )?--[a-z-]+' | grep -oE -- '--[a-z-]+' | sort -u; }

@test "layerpipe(7) and the completion name each tool" {
  tools >tools
  sed -n '/^\.Sh DESCRIPTION/,/^The formats/s/^\.It Xr \([a-z-]*\) 1$/\1/p' "$TOP/man/layerpipe.7" | sort >page
  same tools page
  bash -c '. "$TOP/lib/shell/layerpipe.bash"; complete -p' | grep -oE '[a-z-]+$' | sort >completed
  same tools completed
}

@test "pages refer to pages that are there" {
  for page in "$TOP"/man/*; do
    sed -n 's/^\.Xr \([a-z-]*\) \([157]\).*/\1.\2/p' "$page"
  done | sort -u >refs
  for tool in $(tools); do echo "$tool.1"; done | grep -xf - refs >ours
  grep -xE '(closure-graph|layer-plan|layer-stream|image-config|layer-list|layerpipe-mtree)\.5|layerpipe\.7' refs >>ours
  [ "$(wc -l <ours)" -gt 5 ]
  while read -r page; do [ -f "$TOP/man/$page" ] || { echo "$page"; false; }; done <ours
}

@test "completion offers options and choices" {
  complete() {
    bash -c '. "$TOP/lib/shell/layerpipe.bash" && _layerpipe "$@" && printf "%s\n" "${COMPREPLY[@]}"' _ "$@"
  }
  for tool in $(tools); do
    complete "$tool" -- "$tool" | sort >offered
    help_options "$tool" >help
    same help offered
  done
  complete build-layered-image --max build-layered-image >offered
  echo --max-layers >want
  same want offered
  complete build-layered-image z --compressor >offered
  echo zstd >want
  same want offered
  complete image-assemble "" --progress >offered
  printf '%s\n' auto bar lines none >want
  same want offered
  printf '%s\n' popularity size-first update-cost >want
  for tool in layer-plan stream-layered-image; do
    complete "$tool" "" --strategy | sort >offered
    same want offered
  done
}

# MODULE for each module of lib/; a name with _ is a part of the module before it, and ustar.h is
# how tar looks to its own parts.
modules() { (cd "$TOP" && basename -a lib/*/*.[ch]) | sed 's/[_.].*//' | grep -vx ustar | sort -u; }

# MODULE USED, what a module includes
uses() {
  local file module
  for file in "$TOP"/lib/*/*.[ch]; do
    module=$(basename "$file" | sed 's/[_.].*//; s/^ustar$/tar/')
    sed -nE 's/^#include "[a-z]+\/([a-z0-9-]+)(_[a-z]+)?\.h"$/\1/p' "$file" | sed "s/^/$module /; s/ ustar$/ tar/"
  done | sort -u | awk '$1 != $2'
}

@test "layerpipe(7) draws the modules, and no module uses one beside or below it" {
  sed -n '/^\.Sh MODULES/,/^\.Ed/p' "$TOP/man/layerpipe.7" | sed -n '/^\.Bd/,/^\.Ed/p' | grep -v '^\.' >drawing
  tr ' ' '\n' <drawing | sort >drawn
  modules >there
  same drawn there
  [ "$(uses | wc -l)" -gt 100 ]
  uses | awk 'NR == FNR { for (i = 1; i <= NF; i++) line[$i] = NR; next }
    line[$2] >= line[$1] { print $1 " uses " $2 ", which is not above it"; bad = 1 } END { exit bad }' drawing -
}
