#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helper

setup() {
  setup_path
  made example ex
  mapfile -t P <ex/paths
}

# The 32 characters of a path's hash.
hash() { basename "$1" | cut -c1-32; }

@test "contents, link targets and names, in a directory, a file and a link" {
  mkdir -p tree/sub/"x$(hash "${P[1]}")"
  echo "see ${P[0]}/lib" >tree/sub/file
  ln -s "${P[2]}" tree/link
  reference-scan --graph ex/graph tree >out
  lines "${P[@]:0:3}" >expect
  same expect out
  reference-scan --graph ex/graph tree/sub/file >out
  lines "${P[0]}" >expect
  same expect out
  reference-scan --graph ex/graph tree/link >out
  lines "${P[2]}" >expect
  same expect out
}

@test "several trees: each path once, sorted" {
  echo "${P[3]} ${P[0]}" >a
  echo "${P[0]} ${P[1]}" >b
  reference-scan --graph ex/graph a b a >out
  lines "${P[0]}" "${P[1]}" "${P[3]}" >expect
  same expect out
}

@test "what is no whole hash part is none" {
  local h
  h=$(hash "${P[0]}")
  printf '%s' "${h:0:31}" >short
  printf '%s\n%s' "${h:0:16}" "${h:16}" >broken
  # the hash of one file's end and of the next one's beginning
  printf '%s' "${h:0:16}" >halves-1
  printf '%s' "${h:16}" >halves-2
  printf '%s' "${h^^}" >upper
  printf '%s' "$h" | tr a e >other
  reference-scan --graph ex/graph short broken halves-1 halves-2 upper other >out
  [ ! -s out ]
  # alone, and in a longer run of such characters
  for text in "$h" "0$h" "${h}0" "$h$h" "zzzz${h}zzzz"; do
    printf '%s' "$text" >file
    reference-scan --graph ex/graph file >out
    lines "${P[0]}" >expect
    same expect out
  done
}

@test "a hash part at every place around the border of a buffer" {
  local h at
  h=$(hash "${P[1]}")
  for at in $(seq 262000 4 262180) 524200 524270; do
    { head -c "$at" /dev/zero; printf '%s' "$h"; } >file
    reference-scan --graph ex/graph file >out
    lines "${P[1]}" >expect
    same expect out
  done
}

@test "a graph of bare candidates, from standard input, with references that are not known" {
  sed 's/$/\t-\t-\t-/' ex/paths >candidates
  echo "${P[4]}" >file
  reference-scan --graph - file <candidates >out
  lines "${P[4]}" >expect
  same expect out
}

@test "names with any byte; pipes and sockets are passed over" {
  mkdir tree
  echo "${P[0]}" >tree/$'\xff\n\t'
  mkfifo "tree/$(hash "${P[1]}")"
  reference-scan --graph ex/graph tree >out
  lines "${P[0]}" >expect
  same expect out
  fails 1 "reference-scan: cannot read 'tree/$(hash "${P[1]}")': it is not a file, directory or symbolic link" \
    reference-scan --graph ex/graph "tree/$(hash "${P[1]}")"
}

@test "--unknown: store paths that are written out and not in the graph, behind the others" {
  local h known=${P[3]} lost=/nix/store/7zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz-lost+1.0 other=/nix/store/6aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa6-b
  printf '%s\n' "$other/bin $known" "$lost $lost/x ${lost%lost*}again" "$other" >text
  reference-scan --graph ex/graph --unknown /nix/store text >out
  lines "$known" "$other\t?" "$lost\t?" >expect
  same expect out
  reference-scan --graph ex/graph text >out
  lines "$known" >expect
  same expect out
  # from standard input; the hash of a known path with another name; in names and links of a tree
  h=$(hash "$known")
  mkdir tree
  ln -s "$lost/y" tree/link
  printf '%s' "/nix/store/$h-new $other" | reference-scan --graph ex/graph --unknown /nix/store// - tree >out
  lines "$known" "$other\t?" "$lost\t?" >expect
  same expect out
  # what is none: another directory, a hash that is too short or long or has no name, an e in it
  printf '%s\n' "/gnu/store/${lost##*/}" "/nix/store/${lost:12}" "/nix/store/0${lost##*/}" "${lost%%-*}" "${lost%%-*}-" \
    "/nix/store/${lost##*/7}" /nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-x >text
  reference-scan --graph ex/graph --unknown /nix/store text >out
  [ ! -s out ]
  # beside what looks like the directory, and in another one
  printf '/x/x/%s' "${lost##*/}" >text
  reference-scan --graph ex/graph --unknown /x text >out
  lines "/x/${lost##*/}\t?" >expect
  same expect out
  for store in store /nix//store /nix/./store; do
    fails 2 "reference-scan: --unknown: bad store directory '$store': expected an absolute path without an empty, . or .. part and without a slash at its end (see 'reference-scan --help')" \
      reference-scan --graph ex/graph --unknown $store text
  done
}

@test "--unknown: across the borders of pieces; one file's end and the next one's beginning are none" {
  local at lost=/nix/store/7zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz-lost
  lines "$lost\t?" >expect
  for at in 65480 65490 65500 65520 65526 65533 65536; do
    { head -c "$at" /dev/zero; printf '%s' "$lost"; } >file
    reference-scan --graph ex/graph --unknown /nix/store - <file >out
    same expect out
  done
  printf '%s' "${lost:0:30}" >half
  printf '%s' "${lost:30}" | reference-scan --graph ex/graph --unknown /nix/store half - half >out
  [ ! -s out ]
}

@test "nothing found is an empty list, and no error" {
  echo hello >file
  reference-scan --graph ex/graph file ex/root >out
  [ -s out ]
  reference-scan --graph ex/graph file >out
  [ ! -s out ]
  reference-scan --graph /dev/null file >out
  [ ! -s out ]
}

@test "what is missing or broken is said" {
  echo hello >file
  fails 1 "reference-scan: cannot read 'none': No such file or directory" reference-scan --graph ex/graph none
  fails 1 "reference-scan: cannot open 'none': No such file or directory" reference-scan --graph none file
  fails 1 "reference-scan: file:1: expected 4 fields separated by single tabs, found 1" reference-scan --graph file file
  fails 2 "reference-scan: --graph is missing: give the paths to look for (see 'reference-scan --help')" reference-scan file
  fails 2 "reference-scan: an operand is missing: give a tree to search (see 'reference-scan --help')" \
    reference-scan --graph ex/graph
}

@test "- is standard input, across the borders of its pieces" {
  local h at
  h=$(hash "${P[1]}")
  for at in 0 65510 65530 65536 131060; do
    { head -c "$at" /dev/zero; printf '%s' "$h"; } >file
    reference-scan --graph ex/graph - <file >out
    lines "${P[1]}" >expect
    same expect out
  done
  printf '%s' "${h:0:16}" >half
  printf '%s' "${h:16}" | reference-scan --graph ex/graph half - half >out
  [ ! -s out ]
  echo "${P[0]}" | reference-scan --graph ex/graph file - >out
  lines "${P[0]}" "${P[1]}" >expect
  same expect out
  fails 1 "reference-scan: cannot read '<stdin>': Is a directory" reference-scan --graph ex/graph - </
  fails 2 "reference-scan: standard input cannot be the graph and a tree (see 'reference-scan --help')" \
    reference-scan --graph - -
}

@test "a file that cannot be read is an error, and nothing is printed" {
  [ "$(id -u)" != 0 ] || needs setpriv
  mkdir tree
  echo "${P[0]}" >tree/a
  echo "${P[1]}" >tree/b
  chmod 000 tree/b
  chmod 755 .
  local as=()
  [ "$(id -u)" != 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  fails 1 "reference-scan: cannot read 'tree/b': Permission denied" "${as[@]}" "$(command -v reference-scan)" --graph ex/graph tree
}

@test "deep trees" {
  python3 - <<'PY'
import os
for i in range(1500):
    os.mkdir('deep'); os.chdir('deep')
open('file', 'w').write('/nix/store/1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-libc-2.36')
PY
  reference-scan --graph ex/graph deep >out
  lines "${P[0]}" >expect
  same expect out
  chmod -R u+w deep && rm -rf deep
}
