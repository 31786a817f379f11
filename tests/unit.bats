#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The library's C unit tests: each program prints TAP.
load helper

@test "unit programs pass" {
  local n=0 program
  for program in "$BUILD"/unit/*; do
    case $program in *.d) continue ;; esac
    "$program" >out || { cat out; echo "$program failed"; return 1; }
    grep -q '^1\.\.[1-9]' out || { cat out; echo "$program planned no test"; return 1; }
    ! grep '^not ok' out
    n=$((n + 1))
  done
  [ "$n" = "$(find "$TOP/tests/unit" -name '*.c' | wc -l)" ]
}
