# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $work, attr: from beside
# runAsRoot: a script as root over the layers of the base and the contents of the new one.
#
#   as_root      $work/tree: what the script made of $work/root, with $work/owners for fakeroot;
#                whiteouts are files, as in a layer
#   as_faker COMMAND…   runs a command as the fake root of that tree

# Before anything is built.
as_root_needs() { [ -z "${attr[runAsRoot]}" ] || need fakeroot runAsRoot; }

as_root() {
  local as_root_path=() status=0 options=(--engine "${attr[engine]}" --memory "${attr[buildVMMemorySize]}"
    --disk "${attr[diskSize]}" --script "$work/script")
  printf '%s\n' "${attr[runAsRoot]}" >"$work/script"
  as_root_store
  as_root_shell
  stages base_layer contents_layer | vm-exec "${options[@]}" >"$work/changed" || status=$?
  case $status in
    0) ;;
    124 | 125) exit 1 ;; # vm-exec has said why
    *) [ -e "$work/failed" ] || message "runAsRoot: the commands failed with status $status" && exit 1 ;;
  esac
  : >"$work/owners"
  tar -xO --warning=no-unknown-keyword -f "$work/changed" |
    as_faker tar -xp --xattrs --xattrs-include='*' --same-owner -C "$work/tree"
  rm "$work/changed"
}

contents_layer() { layer-tar --mtree "$work/root" "${base_onto[@]}"; }

as_faker() { FAKEROOTDONTTRYCHOWN=1 fakeroot -i "$work/owners" -s "$work/owners" -- "$@"; }

# What the script and the contents mention of the store is there, as it is under Nix.
as_root_store() {
  local path
  root_mentions "$work/script" >"$work/mentioned"
  closure_cut <"$work/mentioned"
  while IFS=$'\t' read -r path _; do
    options+=(--mount "${attr[rootDir]}$path:$path")
    as_root_path+=("$path")
  done <"$work/graph"
}

# The shell that the first line names; else the image's, or a bash of these store paths.
as_root_shell() {
  local path first
  IFS= read -r first <"$work/script" || :
  if [[ $first =~ ^#!\ *(/[^[:space:]]+) ]]; then
    options+=(--shell "${BASH_REMATCH[1]}")
    return
  fi
  options+=(--shell /bin/bash --shell /bin/sh)
  for path in "${as_root_path[@]}"; do
    [ ! -x "${attr[rootDir]}$path/bin/bash" ] || options+=(--shell "$path/bin/bash")
  done
}
