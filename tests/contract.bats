#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What every filter promises. A tool without a row in the table below fails.
load helper
load registry

# row TOOL: how to call it on good input, inside of what make-example makes.
#   options, operands  how it is called
#   most               how many operands there may be
#   input              standard input; /dev/null where the tool reads none
#   form               lines: one of the line formats; any: something else
#   empty, refusal     exit status for empty input, and what is said of it
#   output             lines or binary; its own: what a command writes that it runs
row() {
  options=() operands=() most=any input=/dev/null form=lines empty=1 output=lines
  refusal='*--allow-empty'
  case $1 in
    closure-graph) input=closure.json form=any ;;
    config-json) input=config empty=0 ;;
    image-assemble) input=stream form=any output=binary ;;
    image-diff) input=image operands=(image -) form=any most=2 refusal='<stdin>: empty' ;;
    image-layers) input=image form=any most=1 output=binary refusal='<stdin>: empty' ;;
    layer-flatten) input=stream form=any output=binary ;;
    layer-plan) input=graph most=1 ;;
    layer-serve)
      input=plan options=(--layout layout --plan - --known known --root-dir root)
      operands=(sh -c 'cat layout/blobs/sha256/*') refusal='<stdin>: the plan is empty' output='its own'
      ;;
    layer-tar) input=plan options=(--root-dir root) most=1 output=binary ;;
    merge-images) operands=(-) input=image form=any output=binary refusal='<stdin>: ' ;;
    plan-cost) input=plan options=(--graph graph) most=1 refusal='<stdin>: the plan is empty' ;;
    reference-scan) input=graph options=(--graph -) operands=(root) empty=0 ;;
    registry-push) options=(--tls-verify=false) operands=(full "$REGISTRY/contract/x:1") form=any ;;
    tree-list) operands=(root/nix) form=any ;;
    vm-exec) input=machine options=(--engine userns --script script) form=any most=0 output=binary ;;
    *) return 1 ;;
  esac
  args=("${options[@]}" "${operands[@]}")
}

setup_file() {
  setup_path
  mkdir example help
  cd example || return
  ln -s "$BATS_FILE_TMPDIR/help" help
  made example .
  printf 'Cmd\t/bin/hello\nEnv\tA=b\nLabels\tname\tvalue\n' >config
  sed 's/^\([^\t]*\t[^\t]*\t[^\t]*\).*/1\t\1/' graph >plan
  layer-tar --root-dir root <plan >stream
  image-assemble <stream >image
  image-assemble --format oci --known known --output full <stream
  layer-tar --root-dir root --known known <plan | image-assemble --format oci --output layout
  mkdir -p shell/bin
  cp "$(command -v busybox)" shell/bin/sh
  { cat stream; tree-list --owner 0:0 shell | layer-tar --mtree -; } >machine
  echo 'echo made >/file' >script
  fake_start ../registry
  export REGISTRY
  REGISTRY=127.0.0.1:$(sed -n 's/^plain=//p' ../registry/ports)
}

teardown_file() { kill "$FAKE_PID"; }

setup() {
  setup_path
  cp -a "$BATS_FILE_TMPDIR/example" .
  cd example || return
  problems=0
  tools=("$TOP"/bin/*.c) pipelines=()
  tools=("${tools[@]##*/}")
  tools=("${tools[@]%.c}")
  for file in "$TOP"/pipelines/*; do [[ $file == *.nix ]] || pipelines+=("${file##*/}"); done
}

problem() {
  echo "$@"
  problems=$((problems + 1))
}

no_problems() { [ "$problems" = 0 ]; }

# own STATUS TOOL: sets own to the status of a failure (1) or a wrong command line (2); that of a program that
# ends with another program's status is 125
own() {
  own=$1
  case $2 in
    layer-serve | vm-exec) own=125 ;;
  esac
}

# refuses STATUS PATTERN COMMAND…: that status, nothing on stdout, and one line on stderr that
# begins with the tool's name and is like the pattern, as the shell matches it
refuses() {
  local own like=$2 tool=$3 status=0 said
  own "$1" "$tool"
  shift 2
  "$@" >out 2>err || status=$?
  mapfile said <err
  # shellcheck disable=SC2053 # a pattern
  if [ "$status" != "$own" ] || [ -s out ] || [ ${#said[@]} != 1 ] || [[ ${said[0]} != *$'\n' ]] ||
    [[ ${said[0]} != "$tool: "$like* ]]; then
    problem "$*: expected status $own and '$tool: $like', found $status and '$(head -c 500 err)'"
  fi
}

# gives FILE COMMAND…: this on stdout, nothing on stderr, status 0
gives() {
  local want=$1 status=0
  shift
  "$@" >out 2>err || status=$?
  if [ "$status" != 0 ] || [ -s err ] || ! cmp out "$want"; then
    problem "$*: status $status, '$(head -c 500 err)', or other output"
  fi
}

@test "every tool has a row and does what it is for" {
  local tool
  for tool in "${tools[@]}"; do
    row "$tool" || { problem "$tool: no row"; continue; }
    "$tool" "${args[@]}" <"$input" >out 2>err || problem "$tool: status $?: $(<err)"
    [ -s out ] || problem "$tool: no output"
    [ ! -s err ] || problem "$tool: stderr: $(<err)"
  done
  no_problems
}

@test "--help and --version" {
  local tool flag said line
  for tool in "${tools[@]}" "${pipelines[@]}"; do
    for flag in -h --help; do
      "$tool" $flag >out 2>err || problem "$tool $flag: status $?"
      [ ! -s err ] || problem "$tool $flag: stderr"
      mapfile -t said <out
      [[ ${said[0]} == "usage: $tool "* ]] || problem "$tool $flag: ${said[0]}"
      for line in "${said[@]}"; do
        [ ${#line} -le 100 ] || problem "$tool $flag: more than 100 columns: $line"
      done
    done
    "$tool" --version >out 2>err || problem "$tool --version: status $?"
    [ ! -s err ] || problem "$tool --version: stderr"
    mapfile said <out
    [[ ${#said[@]} = 1 && ${said[0]} =~ ^"$tool (layerpipe) "[0-9]*\.[0-9]*\.[0-9]*$'\n'$ ]] || problem "$(<out)"
  done
  no_problems
}

# helped TOOL…: help/TOOL gets what --help says, once for all tests
helped() {
  local tool
  for tool; do
    [ -e "help/$tool" ] || "$tool" --help >"help/$tool"
  done
}

@test "--help of more than 15 options has groups with headings" {
  helped "${tools[@]}" "${pipelines[@]}"
  cd help
  awk -v RS= -v FS='\n' '
    { n = gsub(/\n +(-[a-zA-Z], )?--/, "&"); all[FILENAME] += n }
    /(^|\n) +--/ && $1 ~ /^ / { bare[FILENAME]++ }
    $1 ~ /^[A-Z][a-zA-Z ]*:$/ && n { groups[FILENAME]++ }
    n > 12 { large[FILENAME]++ }
    END {
      for (tool in all)
        if (all[tool] > 15 ? bare[tool] || large[tool] || groups[tool] < 3 : groups[tool] > 0) {
          print tool ": " all[tool] " options, " groups[tool] + 0 " groups"
          bad = 1
        }
      exit bad
    }' "${tools[@]}" "${pipelines[@]}"
}

@test "--help, the page and the program name the same options" {
  local all=("${tools[@]}" "${pipelines[@]}") tool
  helped "${all[@]}"
  # TOOL:OPTION, one a line
  (cd help && grep -oE '^ +(-[a-zA-Z], )?--[a-z][a-z0-9_-]*' "${all[@]}") | sed 's/:.* /:/' | sort >in-help
  (cd "$TOP/man" && grep '^\.It Fl' "${all[@]/%/.1}") | awk '{
    tool = substr($1, 1, index($1, ".1:") - 1)
    for (line = $0; match(line, / -[a-z][a-z0-9_-]*/); line = substr(line, RSTART + RLENGTH))
      print tool ":-" substr(line, RSTART + 1, RLENGTH - 1)
  }' | sort >in-page
  {
    (cd "$TOP/bin" && grep -oE '\{ *"[a-z][a-z0-9-]*", *(no|required|optional)_argument' "${tools[@]/%/.c}") |
      sed 's/\.c:.*"\(.*\)".*/:--\1/'
    printf '%s\n' "${tools[@]/%/:--help}" "${tools[@]/%/:--version}"
  } | sort >in-program
  for tool in "${all[@]}"; do
    [[ $'\n'$(<in-help) == *$'\n'"$tool:"* ]] || problem "$tool: no options in --help"
    [ -e "$TOP/man/$tool.1" ] || problem "$tool: no page"
  done
  diff in-help in-page || problem '--help (<) and page (>) differ'
  printf '%s:\n' "${tools[@]}" | grep -Ff - in-help | diff - in-program || problem '--help (<) and program (>) differ'
  no_problems
}

# Pipelines take options from one table: each line of it is tried once.
@test "wrong options are one line on stderr and status 2" {
  local tool option line
  local -A tried=()
  helped "${tools[@]}" "${pipelines[@]}"
  for tool in "${tools[@]}" "${pipelines[@]}"; do
    refuses 2 "unknown option '--no-such-option' (see '$tool --help')" "$tool" --no-such-option
    refuses 2 "unknown option '-Z'" "$tool" -Z
    refuses 2 "option '--help=x' takes no argument" "$tool" --help=x
    while IFS= read -r line; do
      [[ $line =~ ^\ +(-[a-zA-Z],\ )?(--[a-z0-9_-]+)[\ =][^\ ] ]] || continue
      option=${BASH_REMATCH[2]}
      if [ ! -e "$TOP/bin/$tool.c" ]; then
        [ -z "${tried[$line]-}" ] || continue
        tried[$line]=1
      fi
      refuses 2 "option '$option' needs an argument" "$tool" "$option"
    done <"help/$tool"
  done
  no_problems
}

@test "-- ends the options, and operands are counted" {
  local tool
  for tool in "${tools[@]}"; do
    row "$tool"
    "$tool" "${args[@]}" <"$input" >want
    gives want "$tool" "${options[@]}" -- "${operands[@]}" <"$input"
    [ "$most" != any ] || continue
    local many=()
    while [ ${#many[@]} -le "$most" ]; do many+=(nowhere); done
    refuses 2 'too many operands' "$tool" "${args[@]}" "${many[@]}" <"$input"
    refuses 2 'too many operands' "$tool" "${args[@]}" -- --help "${many[@]}" <"$input"
  done
  no_problems
}

@test "an output that cannot be written is an error, for --help too" {
  local tool flag own status
  for tool in "${tools[@]}" "${pipelines[@]}"; do
    own 1 "$tool"
    for flag in --help --version; do
      status=0
      "$tool" $flag >/dev/full 2>err || status=$?
      [[ "$status $(<err)" == "$own $tool: "*'No space left on device' ]] ||
        problem "$tool $flag >/dev/full: $status $(<err)"
      status=0
      "$tool" $flag >&- 2>err || status=$?
      [[ "$status $(<err)" == "$own $tool: "*'Bad file descriptor' ]] || problem "$tool $flag >&-: $status $(<err)"
    done
  done
  for tool in "${tools[@]}"; do
    row "$tool"
    [ "$output" != 'its own' ] || continue
    own 1 "$tool"
    status=0
    "$tool" "${args[@]}" <"$input" >/dev/full 2>err || status=$?
    [ "$status $(<err)" = "$own $tool: cannot write '<stdout>': No space left on device" ] ||
      problem "$tool >/dev/full: $status $(<err)"
    status=0
    "$tool" "${args[@]}" <"$input" >&- 2>err || status=$?
    [ "$status $(<err)" = "$own $tool: cannot write '<stdout>': Bad file descriptor" ] ||
      problem "$tool >&-: $status $(<err)"
  done
  no_problems
}

# noted STATUS INPUT COMMAND…: for those who go through all that was noted in one start of Python
noted() {
  [ -d noted ] || mkdir noted
  printf '%s\0' "$@" >"noted/$3"
}

# no_terminal stdin|stdout WORDS: each command that was noted refuses that to be a terminal
no_terminal() {
  python3 - "$@" <<'EOF'
import os, pty, subprocess, sys
stream, words = sys.argv[1:]
_, terminal = pty.openpty()
problems = []
for name in sorted(os.listdir("noted")):
    status, path, *command = os.fsdecode(open(f"noted/{name}", "rb").read()).split("\0")[:-1]
    streams = {"stdin": open(path), "stdout": subprocess.PIPE, stream: terminal}
    done = subprocess.run(command, stderr=subprocess.PIPE, timeout=10, **streams)
    want = f"{command[0]}: refusing to {words} a terminal".encode()
    if done.returncode != int(status) or done.stdout or not done.stderr.startswith(want):
        problems.append(f"{name}: found {done.returncode} {done.stderr}")
sys.exit("\n".join(problems) or None)
EOF
}

@test "binary input is not from a terminal" {
  local tool
  for tool in "${tools[@]}"; do
    row "$tool"
    case $input in stream | image | machine) ;; *) continue ;; esac
    own 2 "$tool"
    noted "$own" /dev/null "$tool" "${args[@]}"
  done
  for tool in build-image build-layered-image; do
    noted 2 /dev/null $tool --name x --output out --from-image -
  done
  noted 2 /dev/null stream-layered-image --name x --from-image -
  no_terminal stdin 'read binary data from'
}

@test "what waits for lines on a terminal says so" {
  python3 - <<'EOF'
import os, pty, subprocess, sys
for tool, what, said in (("closure-graph", "the description of a closure", "the closure is empty"),
                         ("layer-plan", "closure-graph(5) lines", "<stdin>: no paths to plan"),
                         ("config-json", "image-config(5) lines, or JSON,", "")):
    ours, theirs = pty.openpty()
    os.write(ours, b"\x04")
    done = subprocess.run([tool], stdin=theirs, capture_output=True, text=True, timeout=10)
    first, _, rest = done.stderr.partition("\n")
    if first != f"{tool}: waiting for {what} on the terminal (Ctrl-D ends it)" or not rest.startswith(said and f"{tool}: {said}"):
        sys.exit(done.stderr)
EOF
}

@test "a reader that went away: a quiet death by SIGPIPE, an error where that is ignored" {
  local tool
  for tool in "${tools[@]}"; do
    row "$tool"
    own 1 "$tool"
    [ "$output" = 'its own' ] || noted "$own" "$input" "$tool" "${args[@]}"
  done
  python3 - <<'EOF'
import os, signal, subprocess, sys
reader, writer = os.pipe()
os.close(reader)
problems = []
for name in sorted(os.listdir("noted")):
    status, path, *command = os.fsdecode(open(f"noted/{name}", "rb").read()).split("\0")[:-1]
    for action, want in ((signal.SIG_DFL, (-signal.SIGPIPE, "")),
                         (signal.SIG_IGN, (int(status), f"{name}: cannot write '<stdout>': Broken pipe\n"))):
        signal.signal(signal.SIGPIPE, action)
        done = subprocess.run(command, stdin=open(path), stdout=writer, stderr=subprocess.PIPE, restore_signals=False)
        if (done.returncode, done.stderr.decode()) != want:
            problems.append(f"{name}, {action.name}: found {done.returncode} {done.stderr}")
sys.exit("\n".join(problems) or None)
EOF
}

@test "binary output is not for a terminal" {
  local tool
  for tool in "${tools[@]}"; do
    row "$tool"
    own 2 "$tool"
    [ "$output" != binary ] || noted "$own" "$input" "$tool" "${args[@]}"
  done
  no_terminal stdout 'write binary data to'
}

@test "a closed or missing input is an error" {
  local tool
  for tool in "${tools[@]}"; do
    row "$tool"
    [ "$input" != /dev/null ] || continue
    refuses 1 "cannot read '<stdin>': Bad file descriptor" "$tool" "${args[@]}" <&-
    refuses 1 "cannot read '<stdin>': Is a directory" "$tool" "${args[@]}" </
  done
  no_problems
}

@test "empty input" {
  local tool
  for tool in "${tools[@]}"; do
    row "$tool"
    [ "$input" != /dev/null ] || continue
    if [ "$empty" = 1 ]; then
      refuses 1 "$refusal" "$tool" "${args[@]}" </dev/null
    else
      "$tool" "${args[@]}" </dev/null >out 2>err || problem "$tool: status $?"
      [ ! -s err ] || problem "$tool: $(<err)"
    fi
  done
  no_problems
}

# spoiled N PATTERN TEXT: bad gets the lines of good, in line N of which the first match of the pattern has become that text
spoiled() {
  local all=("${good[@]}")
  all[$1 - 1]=${all[$1 - 1]/$2/"$3"}
  printf '%s\n' "${all[@]}" >bad
}

@test "lines that are no lines are refused where they stand" {
  local tool
  { head -c 17825792 /dev/zero | tr '\0' a; echo; } >long
  for tool in "${tools[@]}"; do
    row "$tool"
    [ "$form" = lines ] || continue
    mapfile -t good <"$input"
    printf '%s' "$(<"$input")" >bad
    refuses 1 "<stdin>:${#good[@]}: last line is cut short" "$tool" "${args[@]}" <bad
    printf '%s\n' "${good[@]}" >bad
    printf 'a\0b\n' >>bad
    refuses 1 "<stdin>:$((${#good[@]} + 1)): NUL byte" "$tool" "${args[@]}" <bad
    refuses 1 '<stdin>:1: record too long' "$tool" "${args[@]}" <long
    spoiled 1 $'\t' $'\t\\q'
    refuses 1 '<stdin>:1: ' "$tool" "${args[@]}" <bad
    spoiled 2 $'\t' $'\t\xff'
    refuses 1 '<stdin>:2: ' "$tool" "${args[@]}" <bad
    spoiled 2 $'\t' $'\t\x01'
    refuses 1 '<stdin>:2: ' "$tool" "${args[@]}" <bad
    spoiled 1 % $'\r' # at the end
    refuses 1 '<stdin>:1: ' "$tool" "${args[@]}" <bad
    spoiled 1 $'\t' $'\t\t'
    refuses 1 '<stdin>:1: ' "$tool" "${args[@]}" <bad
    spoiled 1 '#' $'\n' # at the beginning
    refuses 1 '<stdin>:1: ' "$tool" "${args[@]}" <bad
  done
  no_problems
}

@test "noise is refused, and no tool crashes on it" {
  local tool noise
  for noise in 1 2 3; do
    openssl enc -aes-128-ctr -K 0$noise -iv 0 -in /dev/zero 2>/dev/null | head -c 5000 >$noise
  done
  head -c 1000000 /dev/zero >zeros
  for tool in "${tools[@]}"; do
    row "$tool"
    [ "$input" != /dev/null ] || continue
    { head -c 200 "$input"; cat 3; } >noisy
    for noise in 1 2 3 noisy zeros; do
      refuses 1 '' "$tool" "${args[@]}" <$noise
    done
  done
  no_problems
}

@test "a path that leads elsewhere is refused" {
  local tool path text whole=/nix/store/1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-libc-2.36
  for tool in "${tools[@]}"; do
    row "$tool"
    # read succeeds where there is a NUL, as in an archive
    ! IFS= read -r -d '' text <"$input" || continue
    [[ $text == */nix/store* ]] || continue
    for path in /nix/store/../../etc/passwd /nix/store/.. /etc/passwd /nix/store/ nix/store $whole/lib; do
      printf %s "${text//$whole/$path}" >bad
      refuses 1 '*store' "$tool" "${args[@]}" <bad
    done
  done
  no_problems
}

@test "nothing but the input decides the output" {
  local tool
  cp -a . ../elsewhere
  for tool in "${tools[@]}"; do
    row "$tool"
    "$tool" "${args[@]}" <"$input" >../want
    [ -s ../want ] || problem "$tool: no output"
    gives ../want env -i PATH="$PATH" "$tool" "${args[@]}" <"$input"
    gives ../want env LC_ALL=tr_TR.UTF-8 LANG=de_DE TZ=Asia/Kathmandu HOME=/nowhere USER=x \
      COLUMNS=10 POSIXLY_CORRECT=1 "$tool" "${args[@]}" <"$input"
    (umask 077 && gives ../want "$tool" "${args[@]}" <"$input" && no_problems) ||
      problem "$tool: umask"
    (cd ../elsewhere && gives ../want "$tool" "${args[@]}" <"$input" && no_problems) ||
      problem "$tool: another directory"
  done
  no_problems
}
