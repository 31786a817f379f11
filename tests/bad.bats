#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# tests/bad/TOOL/CASE.in is refused with exit status 1 and the message in CASE.err, where the
# input is called <stdin>. CASE.args has the arguments, one a line.
load helper

@test "bad input is refused, with the very message" {
  local input case tool n=0 bad=0
  for input in "$TOP"/tests/bad/*/*.in; do
    case=${input%.in} tool=${input%/*}
    tool=${tool##*/}
    local args=()
    [ ! -e "$case.args" ] || mapfile -t args <"$case.args"
    fails 1 "$(<"$case.err")" "$tool" "${args[@]}" <"$input" ||
      { echo "case: ${case#"$TOP"/}"; bad=$((bad + 1)); }
    n=$((n + 1))
  done
  echo "$n cases, $bad of them bad"
  [ $n -gt 0 ] && [ $bad = 0 ]
}

@test "each case of bad input has its message, and no file stands alone" {
  local file case bad=0
  for file in "$TOP"/tests/bad/*/*; do
    case=${file%.*}
    if ! [ -s "$case.err" ] || ! [ -e "$case.in" ]; then
      echo "incomplete: $file"
      bad=1
    fi
  done
  [ $bad = 0 ]
}
