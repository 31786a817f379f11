# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $work, attr: from beside
# runAsRoot: a script as root over the layers of the base and the contents of the new one.
#
#   as_root      $work/listed: what the script made of $work/root, and extraCommands of that, as
#                layerpipe-mtree(5) lines, with the files in $work/tree; whiteouts are files, as in
#                a layer. $work/after: all files of the image after the script

session+=(as_root_commands as_root_tree)

# Before anything is built.
as_root_needs() { [ -z "${attr[runAsRoot]}" ] || need_fakeroot "${called[runAsRoot]}"; }

as_root() {
  local as_root_path=() status=0 options=(--engine "${attr[engine]}" --memory "${attr[buildVMMemorySize]}"
    --disk "${attr[diskSize]}" --script "$work/script" "${times[@]}")
  local name
  for name in kernel modules qemu mke2fs; do
    [ -z "${attr[$name]}" ] || options+=("--$name" "${attr[$name]}")
  done
  printf '%s\n' "${attr[runAsRoot]}" >"$work/script"
  as_root_store
  as_root_shell
  base_layer >/dev/null # before anything runs: is it undamaged?
  as_root_run || status=$?
  case $status in
    0) ;;
    124 | 125) exit 1 ;; # vm-exec has said why
    *) [ -e "$work/failed" ] || fail "${called[runAsRoot]}: the commands failed with status $status"; exit 1 ;;
  esac
  as_root_image | image-layers --files - >"$work/after"
  confined changed_layer as_root_commands >"$work/said"
  rm "$work/changed"
  tree-list --allow-whiteouts "${times[@]}" "$work/tree" >"$work/left"
  fake_owners "$work/said" <"$work/left" >"$work/found"
  keep_attributes "$work/after" <"$work/found" >"$work/listed"
}

# Without job control, what is waited for would outlive a build that is killed.
as_root_run() {
  local status=0
  as_root_stages | vm-exec "${options[@]}" >"$work/changed" &
  as_root_vm=$!
  trap 'kill "$as_root_vm" 2>/dev/null || :; pipeline_end' EXIT
  wait "$as_root_vm" || status=$?
  wait # for the stages
  trap pipeline_end EXIT
  return "$status"
}

as_root_stages() {
  local status
  set +e
  stages base_layer contents_layer
  status=$?
  [ "$status" != 1 ] || : >"$work/failed"
  return "$status"
}
contents_layer() { layer-tar --mtree "$work/root" "${base_onto[@]}"; }

as_root_image() { stages base_layer changed_layer | image-assemble --name x --tag x --progress none; }
changed_layer() { cat "$work/changed"; }

as_root_commands() { faked as_root_tree; }

# Extended attributes are not in the tree, as fakeroot takes a new file that has some for one of no
# kind. They stay with the names that they had after the script.
as_root_tree() {
  local quiet=--warning=no-unknown-keyword
  tar -xO | tar -xp $quiet --same-owner
  LD_PRELOAD='' chmod -R u+rwX . # of no concern to the fake root, who may read all
  [ -z "${attr[extraCommands]}" ] || run extraCommands "$BASH"
  fake_listing "$@"
}

# What the script and the contents mention of the store is there, as it is under Nix. A link cannot
# be mounted: what it leads to stands in its place.
as_root_store() {
  local lines line path file
  mentions "$work/root" "$work/script" >"$work/mentioned"
  end_mark >>"$work/mentioned"
  closure_cut "$work/mentioned"
  lines_twice "$work/graph"
  for line in "${lines[@]}"; do
    path=${line%%$'\t'*}
    store_file "$path"
    [ -n "$file" ] || continue
    options+=(--mount "$file:$path")
    as_root_path+=("$path")
  done
}

# The shell that the first line names; else the image's, or a bash of these store paths.
as_root_shell() {
  local path first file
  IFS= read -r first <"$work/script" || :
  if [[ $first =~ ^#!\ *(/[^[:space:]]+) && ${BASH_REMATCH[1]} != */env ]]; then
    options+=(--shell "${BASH_REMATCH[1]}")
    return
  fi
  options+=(--shell /bin/bash --shell /bin/sh)
  for path in "${as_root_path[@]}"; do
    store_file "$path/bin/bash"
    [ ! -x "$file" ] || options+=(--shell "$path/bin/bash")
  done
}
