#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Each fuzz target on what was found before, and for a moment on what it makes of that: the same
# every time, so that a change is what makes it fail. make fuzz looks for more.
load helper

setup_file() {
  export FUZZ=${FUZZ:-${BUILD:-$BATS_TEST_DIRNAME/../build}/fuzz}
  unset UBSAN_OPTIONS
  # A run frees little: to keep 256 MiB of freed memory from being used again costs half the time, and to
  # give memory back to the system and take it again up to a third of the rest. So memory that is used after
  # 2 MiB more were freed is not seen to be free; make fuzz, which keeps the 256 MiB, looks for that.
  export ASAN_OPTIONS=quarantine_size_mb=2:allocator_release_to_os_interval_ms=-1
}

# A target begins with all of its corpus.
@test "every fuzz target passes its corpus, and then runs clean for a moment" {
  local source target corpus n=0
  for source in "$TOP"/tests/fuzz/*.c; do
    target=$(basename "$source" .c)
    corpus=$(find "$TOP/tests/fuzz/corpus/$target" -type f ! -empty | wc -l) # an empty file is not counted
    [ "$corpus" != 0 ] || { echo "no corpus: $target"; false; }
    mkdir "$target"
    "$FUZZ/$target" -seed=1 -runs=1000 -timeout=10 -rss_limit_mb=1024 -artifact_prefix="$PWD/" \
      "$target" "$TOP/tests/fuzz/corpus/$target" >log 2>&1 || { tail -50 log; false; }
    grep -q "^INFO: seed corpus: files: $corpus " log || { head -20 log; false; }
    n=$((n + 1))
  done
  [ $n -gt 0 ]
}

@test "a corpus belongs to a target" {
  local corpus
  for corpus in "$TOP"/tests/fuzz/corpus/*; do
    [ -e "$TOP/tests/fuzz/$(basename "$corpus").c" ] || { echo "no target: $corpus"; false; }
  done
}
