#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086 # no store path has a blank in it
load helper

setup() {
  setup_path
  made example ex
  A=/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-a
  B=/nix/store/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-b
  C=/nix/store/cccccccccccccccccccccccccccccccc-c
  # one hash in all its forms
  SRI=sha256-1p9Xq7jrQuW+nh6S4i/dbToOihEIYbTDasG+oOe6hsU=
  HEX=d69f57abb8eb42e5be9e1e92e22fdd6d3a0e8a110861b4c36ac1bea0e7ba86c5
  BASE32=1ic6pbks1gn1db1v8q882650wfkdvlpy54hykszfahpbp2mmg7yn
}

# The closure of three paths in each form; expect: its graph lines.
forms() {
  lines "$A\t5\t$SRI\t$A $B $C\t$A.drv" "$B\t7\t$SRI\t$C" "$C\t9\t$SRI\t\\\\e" >expect
  lines "$A\t-\t-\t$A $B $C\t$A.drv" "$B\t-\t-\t$C" "$C\t-\t-\t\\\\e" >expect.bare
  lines $C $HEX 9 '' 0 $A $HEX 5 $A.drv 3 $A $B $C $B sha256:$BASE32 7 '' 1 $C >in.registration
  lines $C '' 0 $A $A.drv 3 $A $C $B $B '' 1 $C >in.text
  lines "StorePath: $C" "URL: x" "NarHash: sha256:$BASE32" 'NarSize: 9' 'References: ' \
    "StorePath: $A" "NarHash: sha256:$HEX" 'NarSize: 5' "Deriver: ${A##*/}.drv" "References: ${C##*/} ${A##*/} ${B##*/}" 'Sig: x' 'Sig: y' '' \
    "StorePath: $B" "NarHash: $SRI" 'NarSize: 7' "Deriver: x" "References: ${C##*/}" >in.narinfo
  jq -Rn '[inputs / "\t" | {path: .[0], narSize: (.[1] | tonumber), narHash: .[2], registrationTime: 1, deriver: .[4],
    references: (.[3] | if . == "\\e" then [] else . / " " end)}]' <expect >in.array.json
  jq 'map({key: .path, value: del(.path)}) | from_entries' in.array.json >in.object.json
  jq --arg hex $HEX '{version: 2, storeDir: "/nix/store", info: map({key: .path[11:], value: {
    narSize, references: (.references | map(.[11:])), ca: null, deriver: (.deriver | if . then .[11:] else . end),
    narHash: {algorithm: "sha256", format: "base16", hash: $hex}}}) | from_entries}' in.array.json >in.version.json
  jq --arg hash sha256:$BASE32 '{builder: "x", outputs: {out: "y"}, list: ["a"], none: [],
    closure: map(.narHash = $hash)}' in.array.json >in.attrs.json
  jq '.[]' in.array.json >in.documents.json
  cp expect in.graph
}

@test "every form gives the same graph, from a file and from a pipe" {
  local form
  forms
  for form in registration narinfo array.json object.json version.json attrs.json documents.json graph; do
    echo "form: $form"
    closure-graph in.$form >out
    same expect out
    # a pipe cannot be read twice
    closure-graph < <(cat in.$form) >out
    same expect out
  done
  closure-graph in.text >out
  same expect.bare out
}

@test "derivers: the first of several, and what is none" {
  lines "$A\t5\t$SRI\t\\\\e\t$B.drv" "$A\t-\t-\t-\t$A.drv" "$A\t-\t-\t-\t-" | closure-graph >out
  lines "$A\t5\t$SRI\t\\\\e\t$A.drv" | same out /dev/stdin
  lines "$A\t5\t$SRI\t\\\\e\tx" >in
  fails 1 "closure-graph: in:1: deriver of '$A': 'x' is not a store path: expected /…/HASH-NAME" closure-graph in
  lines "$A\t5\t$SRI\t\\\\e\t-\t-" >in
  fails 1 'closure-graph: in:1: expected 5 fields separated by single tabs, found 6' closure-graph in
  for deriver in '' unknown-deriver; do
    echo "[{\"path\": \"$A\", \"references\": [], \"deriver\": \"$deriver\"}]" | closure-graph >out
    lines "$A\t-\t-\t\\\\e" | same out /dev/stdin
  done
  echo "[{\"path\": \"$A\", \"references\": [], \"deriver\": 1}]" >in
  fails 1 "closure-graph: in: '$A': deriver: expected a store path, found 1" closure-graph in
}

@test "--from takes its form, and no other" {
  local form
  forms
  for form in registration narinfo text graph; do
    closure-graph --from $form in.$form >out
    [ -s out ]
  done
  closure-graph --from json in.array.json >out
  same expect out
  closure-graph --from json <in.array.json >out
  same expect out
  fails 1 "closure-graph: in.text:1: expected 4 fields separated by single tabs, found 1" \
    closure-graph --from graph in.text
  fails 1 "closure-graph: in.graph: cannot parse JSON: Invalid numeric literal at line 1, column 46" \
    closure-graph --from json in.graph
  fails 2 "closure-graph: --from: expected auto, graph, registration, text, json, narinfo or paths, found 'nix' (see 'closure-graph --help')" \
    closure-graph --from nix in.text
}

@test "each form is told from every other by its beginning" {
  lines $A '' 0 >in && closure-graph in >out
  lines $A $B.drv 0 >in && closure-graph in >out
  lines $A $HEX 1 '' 0 >in && closure-graph in >out
  lines $A $HEX 1 $B.drv 0 >in && closure-graph in >out
  lines $A sha256:$BASE32 1 '' 0 >in && closure-graph in >out
  printf ' \n\t[]' >in && closure-graph --allow-empty in >out
  # the longest line in front that a graph can have: its first TAB tells
  { printf '%s\t-\t-\t' $A; yes $B | head -n 3000 | tr '\n' ' '; printf '%s\n%s\t-\t-\t-\n' $B $B; } >in
  closure-graph in >out
  lines "$A\t-\t-\t$B" "$B\t-\t-\t-" >expect
  same expect out
}

@test "several inputs of different forms are one closure, and fill each other's gaps" {
  forms
  lines $A '' 3 $A $B $C >in1
  lines "$B\t7\t-\t-" "$C\t-\t$SRI\t\\\\e" "$A\t5\t-\t-" "$B\t-\t$SRI\t$C" >in2
  lines $C $HEX 9 '' 0 >in3
  jq ".[] | select(.path == \"$A\")" in.array.json >in4
  closure-graph in1 in2 in3 in4 >out
  same expect out
  closure-graph in4 in3 - in1 <in2 >out
  same expect out
}

@test "one path with different data names the path and both places" {
  lines "$A\t1\t-\t\\\\e" >a
  lines "$B\t1\t-\t\\\\e" "$A\t2\t-\t\\\\e" >b
  fails 1 "closure-graph: b:2: '$A' is described twice, with different NAR size (first in a:1)" closure-graph a b
  lines $A $HEX 2 '' 0 >c
  fails 1 "closure-graph: c:1: '$A' is described twice, with different NAR size (first in a:1)" closure-graph a c
  jq -n "{path: \"$A\", narSize: 3, references: []}" >d
  fails 1 "closure-graph: a:1: '$A' is described twice, with different NAR size (first in d)" closure-graph d a
}

@test "the order of the input does not matter, and output is input" {
  local seed
  cut -f1,4 ex/graph >expect
  for seed in 1 2 3; do
    shuf --random-source=<(yes $seed) ex/graph | awk -F'\t' -v OFS='\t' '{ n = split($4, r, " ")
      $4 = r[n]; for (i = n - 1; i > 0; i--) $4 = $4 " " r[i]; print }' >in
    closure-graph in >out
    same ex/graph out
    closure-graph out >again
    same out again
  done
  closure-graph ex/closure.json >out
  same ex/graph out
}

@test "--root cuts to closures, which is what tsort and join say too" {
  closure-graph --root "$(grep shell ex/paths)" ex/graph | cut -f1 >out
  grep -E 'libc|shell' ex/paths >expect
  same expect out
  closure-graph --root "$(grep 'hello.conf' ex/paths)" --root "$(grep shell ex/paths)" ex/graph | cut -f1 >out
  grep -E 'libc|shell|conf' ex/paths >expect
  same expect out
  closure-graph --root "$(tail -n 1 ex/paths)" ex/graph >out
  same ex/graph out
  fails 1 "closure-graph: root '$A' is not in the closure" closure-graph --root $A ex/graph
}

@test "--exclude leaves paths out, and what dangles by it" {
  local libc conf
  libc=$(grep libc ex/paths) conf=$(grep conf ex/paths)
  closure-graph --exclude $libc --exclude $conf ex/graph >out
  grep -v -e "^$libc" -e "^$conf" ex/graph | sed -e "s,$libc\$,\\\\e," -e "s, $conf,," >expect
  same expect out
  # it need not be described
  grep -v "^$conf" ex/graph >in
  closure-graph --exclude $conf in | cut -f1 >out
  grep -v "$conf" ex/paths >expect
  same expect out
  # roots lead nowhere through it
  closure-graph --exclude "$(grep shell ex/paths)" --root "$(tail -n 1 ex/paths)" ex/graph | cut -f1 >out
  grep -v -e libc -e shell ex/paths >expect
  same expect out
  fails 1 "closure-graph: root '$conf' is not in the closure" closure-graph --root $conf --exclude $conf ex/graph
}

@test "another store directory, a space in its name too" {
  lines "/my store/${A##*/}\t1\t-\t/my\\\\x20store/${A##*/} /my\\\\x20store/${B##*/}" \
    "/my store/${B##*/}\t1\t-\t\\\\e" >graph
  closure-graph --store-dir '/my store' graph >out
  same graph out
  closure-graph --store-dir '/my store//' graph >out
  same graph out
  jq -n "{version: 2, storeDir: \"/my store\", info: {\"${A##*/}\": {narSize: 1, references: [\"${A##*/}\", \"${B##*/}\"]},
    \"${B##*/}\": {narSize: 1, references: []}}}" >json
  closure-graph --store-dir '/my store' json >out
  same graph out
  fails 1 "closure-graph: json: '/my store/${A##*/}' is outside the store directory '/nix/store'" closure-graph json
  fails 2 "closure-graph: --store-dir: expected an absolute path, found 'my' (see 'closure-graph --help')" \
    closure-graph --store-dir my graph
}

@test "--key chooses in an .attrs.json" {
  forms
  jq "{one: ., two: .[2:], name: \"x\", exportReferencesGraph: {one: [], two: []}}" in.array.json >attrs.json
  closure-graph --key one attrs.json >out
  same expect out
  closure-graph --key two --from json attrs.json | cut -f1 >out
  echo $C >expect
  same expect out
  fails 1 "closure-graph: attrs.json: more than one closure in it: choose one with --key: one two" closure-graph attrs.json
  fails 1 "closure-graph: attrs.json: no key 'three'; its keys: exportReferencesGraph name one two" \
    closure-graph --key three attrs.json
  fails 2 "closure-graph: --key chooses in JSON: it does not go with --scan or --from (see 'closure-graph --help')" \
    closure-graph --key one --from text attrs.json
}

@test "nothing of the user's jq set-up is taken" {
  forms
  mkdir home
  echo 'def length: 0; def tojson: 1; def map(f): [];' >home/.jq
  HOME=$PWD/home closure-graph in.array.json >out
  same expect out
}

@test "a jq that is missing or fails is one clear error" {
  local bin
  forms
  bin=$(command -v closure-graph)
  mkdir path
  fails 1 "closure-graph: in.array.json: cannot run 'jq': it is not installed, or not on PATH" \
    env PATH="$PWD/path" "$bin" in.array.json
  ln -s "$(type -P false)" path/jq
  fails 1 "closure-graph: in.array.json: 'jq' ended with status 1" env PATH="$PWD/path" "$bin" in.array.json
  printf '#!/bin/sh\nkill -9 $$\n' >path/kill9 && chmod +x path/kill9 && ln -sf kill9 path/jq
  fails 1 "closure-graph: in.array.json: 'jq' was ended by signal 9 (Killed)" env PATH="$PWD/path" "$bin" in.array.json
}

# An independent Nix archive writer: path -> NAR size and hash.
nar() {
  python3 - "$@" <<'PY'
import base64, hashlib, os, stat, sys
def s(b): return len(b).to_bytes(8, 'little') + b + bytes(-len(b) % 8)
def node(p):
    st = os.lstat(p)
    if stat.S_ISLNK(st.st_mode): return s(b'(') + s(b'type') + s(b'symlink') + s(b'target') + s(os.readlink(p)) + s(b')')
    if stat.S_ISDIR(st.st_mode):
        return s(b'(') + s(b'type') + s(b'directory') + b''.join(
            s(b'entry') + s(b'(') + s(b'name') + s(n) + s(b'node') + node(p + b'/' + n) + s(b')')
            for n in sorted(os.listdir(p))) + s(b')')
    x = s(b'executable') + s(b'') if st.st_mode & 0o100 else b''
    return s(b'(') + s(b'type') + s(b'regular') + x + s(b'contents') + s(open(p, 'rb').read()) + s(b')')
for p in sys.argv[1:]:
    nar = s(b'nix-archive-1') + node(os.fsencode(p))
    print(len(nar), 'sha256-' + base64.b64encode(hashlib.sha256(nar).digest()).decode(), sep='\t')
PY
}

@test "--scan: sizes and hashes are those of the archive, references those of the example" {
  local dir=ex/root/$A name
  mkdir -p "$dir/sub/empty"
  for name in $'tab\there' $'new\nline' $'\xff\xfe' $'\xee\x80\x80' 'ü' '-' ' ' '.hidden' 'b/../c'; do
    [ "$name" = 'b/../c' ] || echo "$name" >"$dir/$name"
  done
  ln -s "$(head -n 1 ex/paths)/lib" "$dir/link"
  ln -s "$(printf 'x%.0s' {1..3000})" "$dir/long"
  head -c 600000 /dev/zero >"$dir/sub/large"
  chmod 755 "$dir/sub/large"
  : >"$dir/sub/void"
  echo $A >>ex/paths
  closure-graph --scan --root-dir ex/root ex/paths >out
  mapfile -t places < <(sort ex/paths | sed s,^,ex/root,)
  nar "${places[@]}" >expect
  cut -f2,3 out >found
  same expect found
  { cut -f1,4 ex/graph; printf '%s\t%s\n' $A "$(head -n 1 ex/paths)"; } >expect
  cut -f1,4 out >found
  same expect found
  # from the roots on, among all there is
  : >ex/root/nix/store/.links
  mkdir "ex/root$A.lock"
  closure-graph --scan --root-dir ex/root/ --root $A --root "$(tail -n 2 ex/paths | head -n 1)" >walked
  same out walked
}

@test "--scan finds hash parts wherever they stand, as reference-scan does" {
  local b=${B#/nix/store/} c=${C#/nix/store/}
  mkdir -p s/nix/store/{"${A##*/}",names,"${B##*/}"}
  rmdir s/nix/store/names
  touch "s$C"
  # across the border of a buffer
  { head -c 262130 /dev/zero; printf %s "${b:0:32}"; } >"s$A/border"
  printf 'x%sy' "${c:0:32}" >"s$A/inside"
  mkdir "s$B/${c:0:32}"
  lines $A $B $C >list
  closure-graph --scan --root-dir s list | cut -f1,4 >out
  lines "$A\t$B $C" "$B\t$C" "$C\t\\\\e" >expect
  same expect out
  # what is not in the list cannot be found
  lines $A $C | closure-graph --scan --root-dir s | cut -f4 >out
  lines "$C" '\\e' >expect
  same expect out
}

@test "--scan says what it cannot scan" {
  echo $A >list
  fails 1 "closure-graph: cannot read 'ex/root$A': No such file or directory" closure-graph --scan --root-dir ex/root list
  fails 1 "closure-graph: root '$A' is not in the store" closure-graph --scan --root-dir ex/root --root $A
  fails 1 "closure-graph: cannot open directory 'none': No such file or directory" \
    closure-graph --scan --root-dir none --root $A
  mkdir none
  fails 1 "closure-graph: cannot read store directory 'none/nix/store': No such file or directory" \
    closure-graph --scan --root-dir none --root $A
  mkfifo "ex/root$A"
  fails 1 "closure-graph: cannot read 'ex/root$A': it is not a file, directory or symbolic link" closure-graph --scan --root-dir ex/root list
  lines $A ${A}2 >list
  fails 1 "closure-graph: cannot tell '$A' from '${A}2' where they are mentioned: their hash parts are the same" \
    closure-graph --scan --root-dir ex/root list
  fails 2 "closure-graph: --from paths: bare paths need --scan (see 'closure-graph --help')" closure-graph --from paths list
  fails 2 "closure-graph: --scan reads bare paths: it does not go with --from (see 'closure-graph --help')" \
    closure-graph --scan --from json list
  fails 2 "closure-graph: --root-dir: only --scan reads files of the store (see 'closure-graph --help')" \
    closure-graph --root-dir / list
}

@test "--scan: links on the way to the store lead from --root-dir, never out of it" {
  local target hint
  mkdir -p "outside/store/${A#/nix/store/}" root
  echo "${B#/nix/store/}" >"outside/store/${A#/nix/store/}/file"
  for target in "$PWD/outside" ../outside ../../../../../../../../..$PWD/outside; do
    ln -sfn "$target" root/nix
    hint="(the link 'root/nix' leads to '$target' in 'root/')"
    fails 1 "closure-graph: cannot read store directory 'root/nix/store': No such file or directory $hint" \
      closure-graph --scan --root-dir root --root $A
    echo $A | fails 1 "closure-graph: cannot read store directory 'root/nix/store': No such file or directory $hint" \
      closure-graph --scan --root-dir root
  done
  cp -a outside root
  ln -sfn /outside root/nix
  closure-graph --scan --root-dir root --root $A >found
  closure-graph --scan --root-dir root <<<$A | same found -
  ln -s outside nix
  closure-graph --scan --root-dir . --root $A | same found -
}

@test "--scan: a store path that is a link is read as one" {
  mkdir -p root/nix/store
  ln -s ../../../../../../etc/passwd "root$A"
  closure-graph --scan --root-dir root --root $A >found
  nar "root$A" | same <(cut -f 2,3 found) -
}

@test "an empty closure has to be meant" {
  fails 1 "closure-graph: the closure is empty (--allow-empty makes an empty graph)" closure-graph /dev/null
  closure-graph --allow-empty /dev/null >out
  [ ! -s out ]
  closure-graph --allow-empty --scan </dev/null >out
  [ ! -s out ]
}

@test "a chain of 100,000 paths, and a cycle as long" {
  awk 'BEGIN { for (i = 0; i < 100000; i++) printf "/nix/store/%032d-p\t1\t-\t/nix/store/%032d-p\n", i, i < 99999 ? i + 1 : i }' >chain
  closure-graph --root "$(head -n 1 chain | cut -f1)" chain >out
  same chain out
  sed '$s,[^\t]*$,/nix/store/00000000000000000000000000000000-p,' chain >cycle
  local status=0
  closure-graph cycle >out 2>err || status=$?
  [ $status = 1 ] && [ ! -s out ]
  [ "$(wc -l <err)" = 1 ]
  grep -q '^closure-graph: the references form a cycle: ' err
  [ "$(grep -o -e ' -> ' err | wc -l)" = 11 ]
  grep -q -e ' -> 99990 more -> .*0-p.$' err
}

@test "100,000 paths with 500,000 references: within memory and time" {
  awk -v h=$HEX 'BEGIN { srand(1); for (i = 0; i < 100000; i++) {
    n = i ? 5 : 0; printf "/nix/store/%032d-package-%d\n%s\n%d\n\n%d\n", i, i, h, i, n
    while (n--) { r = int(rand() * i); printf "/nix/store/%032d-package-%d\n", r, r } } }' >registration
  # ten times what it takes on an idle machine: a quadratic step would take minutes
  limits() { [ "${SANITIZED:-0}" = 1 ] || ulimit -v 153600 -t 10; }
  (limits && closure-graph registration) >graph
  [ "$(wc -l <graph)" = 100000 ]
  (limits && closure-graph graph) >again
  same graph again
}

@test "input that fails late leaves nothing on standard output" {
  { cat ex/graph; echo junk; } >in
  fails 1 "closure-graph: in:6: expected 4 fields separated by single tabs, found 1" closure-graph in
  fails 1 "closure-graph: cannot open 'missing': No such file or directory" closure-graph ex/graph missing
  fails 1 "closure-graph: cannot read '.': Is a directory" closure-graph .
  { cat ex/closure.json; echo '['; } >in
  fails 1 "closure-graph: in: cannot parse JSON: Unfinished JSON term at EOF at line 3, column 0" closure-graph in
}
