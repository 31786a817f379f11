#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A few faults of the campaign that make faults runs; and that it would notice what it looks for.
# shellcheck disable=SC2030,SC2031 # a test is a subshell
load helper

setup() {
  setup_path
  needs unshare busybox fakeroot fakechroot python3
  unshare --map-root-user --mount --pid --ipc --fork true 2>/dev/null ||
    { [ "${MUST_RUN:-0}" != 1 ] && skip 'no namespaces'; }
  # the inputs are made once, by the true programs
  [ -d "$BATS_FILE_TMPDIR/in" ] || "$TOP/tests/faults/make-inputs" "$BATS_FILE_TMPDIR/in"
  campaign=("$TOP/tests/faults/run" --inputs "$BATS_FILE_TMPDIR/in")
}

@test "faults: another status than 0 or the same bytes, and nothing is left or changed" {
  "${campaign[@]}" --jobs 2 --total 120 --match "^(closure-graph|config-json|image-|layer-|merge-images|plan-cost|reference-scan|tree-list)" >found || { cat found; false; }
  [ "$(awk '$2 == "faults," { print ($1 > 100) }' found)" = 1 ]
}

# build COMMAND…: a build whose layer-plan is this shell script, with the true one as plan
build() {
  mkdir -p build/faults
  cp -as "$BUILD"/{bin,share,libexec} build
  cp "$BUILD/faults/inject" build/faults
  rm build/bin/layer-plan
  printf '%s\n' '#!/bin/sh' "plan() { '$BUILD/bin/layer-plan' \"\$@\"; }" "$@" >build/bin/layer-plan
  chmod +x build/bin/layer-plan
}

@test "the campaign notices a lost status, and what a failure leaves, changes or starts" {
  build 'plan "$@" && exit' 'case $* in' \
    '  in/graph) exit 0 ;;' \
    '  *weights*) echo 1 >out/plan ;;' \
    '  *previous*) echo 1 >"$TMPDIR/plan" ;;' \
    '  *explain*) [ "$(wc -l <in/graph)" = 5 ] && kill -SEGV $$; echo 1 >../precious ;;' \
    '  *) sleep 9 & ;;' 'esac' 'exit 1'
  BUILD=$PWD/build run -1 "${campaign[@]}" --jobs 2 --total 50 --match ^layer-plan
  for wrong in 'status 0 and other bytes' 'status 1, and left in out: plan' 'left in TMPDIR: plan' \
    'changed: around/precious' 'left running: sleep' 'crash of layer-plan, signal 11'; do
    [[ $output == *$'\n'"$wrong"$'\n'* || $output == "$wrong"$'\n'* ]] || { echo "not found: $wrong"; echo "$output"; false; }
  done
}

# one RESULT FAULT COMMAND: what the campaign says of one fault
one() {
  run "${campaign[@]}" "$2" "$3"
  [[ ${lines[-1]} == "$1" && $status = "$4" ]] || { echo "$2: $output"; false; }
}

@test "a fault can be run alone; one that never comes is told" {
  one right 'layer-plan read 1 error=EIO' 'layer-plan in/graph' 0
  [ "${lines[0]}" = "layer-plan: cannot read 'in/graph': Input/output error" ]
  one 'the fault never came' 'layer-plan read 99 short' 'layer-plan in/graph' 0
}

@test "a layout that gets its names is complete or gone, whichever thread a signal could reach" {
  local command='image-assemble --name a --tag 1 --format oci --known in/known --output out/layout <in/stream'
  one right 'image-assemble rename 1 killpg=INT' "$command" 0
  one right 'image-assemble make 2 killpg=TERM' "$command" 0
}

@test "of what changes meanwhile, each line is one from before or after" {
  one 'mixed: before and after' 'tree-list stat 11 add=in/tree/usr/share/big' 'tree-list --keep-mtime --prefix usr/local in/tree' 0
  build 'plan "$@"'
  mv build/bin/tree-list build/bin/true-list
  printf '%s\n' '#!/bin/sh' 'before=$(ls in/tree/etc)' 'true-list "$@"' \
    '[ "$before" = "$(ls in/tree/etc)" ] || echo ./other' >build/bin/tree-list
  chmod +x build/bin/tree-list
  BUILD=$PWD/build one 'status 0 and other bytes' 'true-list stat 11 add=in/tree/etc/greeting' 'tree-list in/tree' 1
}

@test "what a shell cannot open is not taken for done, and does not stay" {
  local match
  for match in '^(usr-bin-env|shadow-setup)' '^sh .*pull-image'; do
    "${campaign[@]}" --jobs 2 --total 22 --only '^bash (pipe|dup) ' --match "$match" >found || { cat found; false; }
    [ "$(awk '$2 == "faults," { print ($1 > 15) }' found)" = 1 ]
  done
}

@test "what a shell fails to read, or reads at another place, does not change the image" {
  "${campaign[@]}" --jobs 2 --total 24 --only '^bash (seek|read) [0-9]+ error' --match '^(build-image|stream-layered-image --name x --closure)' >found ||
    { cat found; false; }
  [ "$(awk '$2 == "faults," { print ($1 > 10) }' found)" = 1 ]
}

@test "a shell that is ended while it reads ends what it started and nothing else" {
  "${campaign[@]}" --jobs 2 --total 24 --only '^bash read .* signal=TERM' --match '^(usr-bin-env|shadow-setup)' >found || { cat found; false; }
  [ "$(awk '$2 == "faults," { print ($1 > 20) }' found)" = 1 ]
}

@test "what it runs cannot write anywhere else" {
  echo mine >mine
  build "echo yours >'$PWD/mine'" 'plan "$@"'
  BUILD=$PWD/build one right 'CUT in/graph 100' 'layer-plan in/graph' 0
  [[ $output == *'mine: Read-only file system'* ]]
  [ "$(cat mine)" = mine ]
}
