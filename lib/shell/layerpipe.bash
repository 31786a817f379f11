# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Completion for the filters and pipelines: what --help says is what is offered.

_layerpipe() {
  local word=$2 previous=$3 help values
  help=$("$1" --help 2>/dev/null) || return
  COMPREPLY=()
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(grep -oE -- '--[a-z][a-z0-9_-]*' <<<"$help" | sort -u)" -- "$word")
  elif [[ $previous == --* ]]; then
    # a choice, as in "--compressor none|gz|zstd" and "--compressor KIND  none, gz or zstd"
    values=$(sed -nE "s/^ .*$previous ([a-z0-9:-]+(\|[a-z0-9:-]+)+) .*/\1/p
      s/^ .*$previous [A-Z]+ +(([a-z0-9-]+, )*[a-z0-9-]+ or [a-z0-9:-]+)([ ,;].*|$)/\1/p" <<<"$help" | sed 's/, \| or \||/ /g')
    [ -z "$values" ] || mapfile -t COMPREPLY < <(compgen -W "$values" -- "$word")
  fi
}

complete -o default -F _layerpipe \
  bin-sh build-image build-layered-image build-nix-shell-image ca-certificates closure-graph config-json export-image \
  fake-nss image-assemble image-diff image-layers layer-flatten layer-plan layer-serve layer-tar merge-images \
  nix-prefetch-docker plan-cost pull-image reference-scan registry-credentials registry-push shadow-setup \
  stream-layered-image stream-nix-shell-image tree-list usr-bin-env vm-exec
