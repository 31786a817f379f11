#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Where an allocation fails: status 1, and a line that says what is lacking; no crash.
load helper

@test "each filter, out of memory at one allocation after the other" {
  [ "${SANITIZED:-0}" != 1 ] || skip 'the sanitizers have allocations of their own'
  needs cc busybox
  cc -shared -fPIC -O1 -o malloc.so "$TOP/tests/fixtures/malloc.c"
  "$TOP/tests/faults/make-inputs" in
  awk '/^\[/ { on = $1 == "[filters" } on && NF && !/^\[/' "$TOP/tests/faults/cases" >cases
  unshare --map-root-user --mount true 2>/dev/null || sed -i /^vm-exec/d cases
  "$TOP/tests/fixtures/starve" "$PWD/malloc.so" 5 3 <cases >found
  [[ $(<found) =~ ^[0-9]{3}\ runs$ ]] || { cat found; false; }
}
