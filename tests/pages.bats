#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Pages and the completion know of each other and of the tools.
load helper

setup() {
  setup_path
  tools=("$TOP"/bin/*.c "$TOP"/pipelines/*[!x])
  tools=("${tools[@]##*/}")
  tools=("${tools[@]%.c}")
}

@test "layerpipe(7) and the completion name each tool" {
  printf '%s\n' "${tools[@]}" | sort >tools
  sed -n '/^\.Sh DESCRIPTION/,/^The formats/s/^\.It Xr \([a-z-]*\) 1$/\1/p' "$TOP/man/layerpipe.7" | sort >page
  same tools page
  bash -c '. "$TOP/lib/shell/layerpipe.bash"; complete -p' | grep -oE '[a-z-]+$' | sort >completed
  same tools completed
}

@test "pages refer to pages that are there" {
  sed -n 's/^\.Xr \([a-z-]*\) \([157]\).*/\1.\2/p' "$TOP"/man/* | sort -u >refs
  printf '%s.1\n' "${tools[@]}" | grep -xf - refs >ours
  grep -xE '(closure-graph|layer-plan|layer-stream|image-config|layer-list|layerpipe-mtree)\.5|layerpipe\.7' refs >>ours
  [ "$(wc -l <ours)" -gt 5 ]
  while read -r page; do [ -f "$TOP/man/$page" ] || { echo "$page"; false; }; done <ours
}

@test "completion offers options and choices" {
  complete() {
    bash -c '. "$TOP/lib/shell/layerpipe.bash" && _layerpipe "$@" && printf "%s\n" "${COMPREPLY[@]}"' _ "$@"
  }
  # TOOL:OPTION, one a line
  # shellcheck disable=SC2016
  bash -c '. "$TOP/lib/shell/layerpipe.bash"
    for tool; do _layerpipe "$tool" -- "$tool" && printf "$tool:%s\n" "${COMPREPLY[@]}"; done' _ "${tools[@]}" | sort >offered
  mkdir help
  for tool in "${tools[@]}"; do "$tool" --help >"help/$tool"; done
  (cd help && grep -oE '^ +(-[a-z], )?--[a-z0-9_-]+' "${tools[@]}") | sed 's/:.* /:/' | sort -u >want
  same want offered
  complete build-layered-image --max-l build-layered-image >offered
  echo --max-layers >want
  same want offered
  complete build-layered-image z --compressor >offered
  echo zstd >want
  same want offered
  complete build-layered-image zstd: --layer-compressor >offered
  echo zstd:chunked >want
  same want offered
  complete build-image "" --via >offered
  printf '%s\n' registry-push skopeo >want
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

# rooms_find FILE LINE FINDING…: what tests/rooms says when the line stands at the end of the file of lib/
rooms_find() {
  rm -rf lib
  cp -r "$TOP/lib" .
  printf '%s\n' "$2" >>"lib/$1"
  local status=0
  "$TOP/tests/rooms" lib >found || status=$?
  [ $status = 1 ]
  printf '%s\n' "${@:3}" | LC_ALL=C sort >want
  LC_ALL=C sort found | same want -
}

@test "lib/README.md names each module once" {
  "$TOP/tests/rooms" >found
  [ ! -s found ]
  rooms_find plan/new.c '' 'plan/new: README.md does not name it in its room' 'plan/new: no plan/new.h'
  rooms_find README.md '- gone.jq: a program' 'jq/gone.jq: README.md names it here, or once more, and should not'
  rooms_find README.md '- config.jq: again' 'jq/config.jq: README.md names it here, or once more, and should not'
}

@test "rooms include rooms before them only, and modules form no circle" {
  rooms_find base/base64.h '#include "layer/layerstream.h"' \
    'base/base64.h: includes layer/layerstream.h from a later room'
  rooms_find base/base64.h '#include "err.h"' 'base/base64.h: "err.h" does not begin with a room'
  rooms_find base/base64.h '#include "../bin/x.h"' 'base/base64.h: "../bin/x.h" does not begin with a room'
  rooms_find tar/walk.c '#include "tar/tarread_parts.h"' 'tar/walk.c: includes a part of tar/tarread'
  rooms_find tar/ustar.h '#include "tar/tar.h"' 'in a circle: tar/tar' 'in a circle: tar/ustar'
  rooms_find shell/message.sh '. "$share/pipeline.sh"' \
    'in a circle: shell/message.sh' 'in a circle: shell/pipeline.sh'
}
