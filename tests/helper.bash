# SPDX-License-Identifier: MIT
# Shared by all .bats files: load helper
# shellcheck shell=bash

bats_require_minimum_version 1.5.0

# bats exports it for a start of its own; a pipeline that is given functions starts once more, without them
export -nf bats_readlinkf 2>/dev/null || :

# bats notes each command before it runs, to tell which one failed, and starts date before each test: an eighth of
# what a short test takes. Here a command is noted when it has failed. Another bats keeps its own way.
# Of a test that ends by exit or by a variable that is not set, or that fails in teardown, no line is named.
if declare -F bats_capture_stack_trace bats_error_trap get_mills_since_epoch >/dev/null; then
  note_failures_alone() {
    trap note_failure ERR
    trap - DEBUG
    # shellcheck disable=SC2034 # bats looks at them
    BATS_DEBUG_LAST_STACK_TRACE=() BATS_DEBUG_LASTLAST_STACK_TRACE=()
  }
  note_failure() {
    local status=$?
    bats_capture_stack_trace
    (exit "$status") || bats_error_trap
  }
  get_mills_since_epoch() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }
else
  note_failures_alone() { :; }
fi

# The programs under test come first; nothing of the caller's settings reaches them.
# Call it in a setup_file, too.
setup_path() {
  note_failures_alone
  TOP=$BATS_TEST_DIRNAME
  until [ -f "$TOP/Makefile" ]; do TOP=${TOP%/*}; done
  BUILD=${BUILD:-$TOP/build}
  PATH=$BUILD/bin:$PATH
  export TOP BUILD PATH
  unset SOURCE_DATE_EPOCH TMPDIR
  cd "${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}" || exit 1
}

setup() { setup_path; }

# fails STATUS MESSAGE COMMAND…: the exact exit status, the exact message on
# stderr, nothing on stdout. A crash has another status and never passes.
fails() {
  local want_status=$1 want=$2 status=0 said=''
  shift 2
  "$@" >"$BATS_TEST_TMPDIR/fails.out" 2>"$BATS_TEST_TMPDIR/fails.err" || status=$?
  # read succeeds only where it finds a NUL; it starts no process, and this runs hundreds of times
  if IFS= read -r -d '' said <"$BATS_TEST_TMPDIR/fails.err" || [ "$status" != "$want_status" ] ||
    [ "${said%$'\n'}" != "$want" ] || [ -s "$BATS_TEST_TMPDIR/fails.out" ]; then
    printf 'command: %s\nexpected: status %s, %s\nfound: status %s, %s\n' \
      "$*" "$want_status" "$want" "$status" "$(cat "$BATS_TEST_TMPDIR/fails.err")"
    wc -c "$BATS_TEST_TMPDIR/fails.out"
    return 1
  fi
}

# made WHAT DIR: DIR gets what tests/fixtures/make-WHAT makes; for all files of a tests/run it is made once
made() {
  local kept=${RUN_SHARED-}/$1
  if [ -z "${RUN_SHARED-}" ]; then
    "$TOP/tests/fixtures/make-$1" "$2"
    return
  fi
  [ -d "$kept" ] || (
    flock 9
    [ -d "$kept" ] || { "$TOP/tests/fixtures/make-$1" "$kept.new" && mv "$kept.new" "$kept"; }
  ) 9>>"$kept.lock"
  [ -d "$2" ] || mkdir -p "$2"
  cp -a "$kept/." "$2"
}

# same FILE FILE: byte for byte
same() {
  cmp "$1" "$2" || { diff -a "$1" "$2" | head -20; return 1; }
}

# all_same FILE…: byte for byte, by one process
all_same() {
  local sums line
  sums=$(sha256sum "$@")
  while IFS= read -r line; do
    [ "${line%% *}" = "${sums%% *}" ] || { echo "$sums"; return 1; }
  done <<<"$sums"
}

# look IMAGE WHAT [NAME]: what tests/look shows of an image. It keeps all that it can show, and is not started again
# until IMAGE is another file, or was written again.
look() {
  local kept=$BATS_TEST_TMPDIR.looked/${1//\//%} what=$2
  [ "$what" != read ] || what=read.${3//\//%}
  # a name with % could be that of another file there
  if [[ ${3-} != *%* ]] && [ "$kept/IMAGE" -ef "$1" ] && [ "$kept/names" -nt "$1" ] && [ -e "$kept/$what" ]; then
    cat "$kept/$what"
  else
    LOOK_KEEPS=$kept "$TOP/tests/look" "$@"
  fi
}

# lines LINE… > FILE: each argument one line, with TABs written as \t (printf %b)
lines() { printf '%b\n' "$@"; }

# needs COMMAND…: a test that cannot run here is a failure where MUST_RUN=1
needs() {
  local c
  for c; do
    command -v "$c" >/dev/null && continue
    [ "${MUST_RUN:-0}" != 1 ] || { echo "missing: $c"; return 1; }
    skip "$c is not installed"
  done
}

# needs_root: what only root may do is skipped for others, or fails where MUST_RUN=1
needs_root() {
  [ "$(id -u)" != 0 ] || return 0
  [ "${MUST_RUN:-0}" != 1 ] || { echo 'not root'; return 1; }
  skip 'not root'
}

# on_terminal COLUMNS TERM COMMAND…: what it says there
on_terminal() {
  TERM=$2 python3 - "$1" "${@:3}" <<'EOF'
import fcntl, os, pty, struct, subprocess, sys, termios
ours, theirs = pty.openpty()
fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(sys.argv[1]), 0, 0))
subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=theirs, check=True)
os.write(theirs, b"end\n")
said = b""
while b"end" not in said:
    said += os.read(ours, 1 << 16)
sys.stdout.buffer.write(said)
EOF
}
