#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Images of a nix-shell, on standard output.
# shellcheck disable=SC2016,SC2030,SC2031 # texts of others; a test is a subshell
load helper

conf=/nix/store/3cccccccccccccccccccccccccccccc3-hello.conf
out=/nix/store/6ggggggggggggggggggggggggggggggg-it

setup() {
  setup_path
  made example .
  # a derivation whose strings have all that ATerm escapes, parentheses, and one input
  env=("(\"a\",\"(x) [y],\\n\\\"q\\\" \\\\ \$z\")" "(\"conf\",\"$conf\")" '("name","it")' "(\"out\",\"$out\")"
    '("passAsFile","text more")' '("shellHook","echo hook")' '("text","long'"'"'\ntext")')
  drv 'echo "$a" >$out'
}

teardown() { chmod -R u+w "$BATS_TEST_TMPDIR" || :; }

# drv SCRIPT [VARIABLE]: the file it.drv
drv() {
  local IFS=,
  printf 'Derive([("out","%s","","")],[],[],"x86_64-linux","/bin/bash",["-c","%s"],[%s])' "$out" \
    "${1//\"/\\\"}" "${env[*]}${2-}" >it.drv
}

stream() { stream-nix-shell-image --drv it.drv --tag 1 --closure graph --root-dir root --quiet "$@"; }
config() { image-layers --config image; }

# unpack: the files of image in f/
unpack() {
  mkdir f
  image-layers image | layer-flatten | tar -xf - -C f
}

@test "environment, user, command; inputs are there and outputs are not" {
  printf '%s\t1\t-\t\\e\n' "$out" >>graph
  stream --uid 7 --gid 8 --home-directory /home/x >image 2>err
  [ ! -s err ]
  [ "$(image-layers --repo-tags image)" = it-env:1 ]
  config >lines
  for line in 'User\t7:8' 'WorkingDir\t/build' 'Cmd\t/bin/bash' 'Cmd\t--rcfile' 'Env\tHOME=/home/x' 'Env\tNIX_BUILD_TOP=/build' \
    'Env\tNIX_STORE=/nix/store' "Env\\tconf=$conf" "Env\\tout=$out" 'Env\ttextPath=/build/.attr-text'; do
    grep -qxF "$(printf %b "$line")" lines
  done
  grep -qF 'a=(x) [y],\n"q" \\ $z' lines
  run -1 grep '	text=' lines
  unpack
  [ "$(ls f/nix/store)" = "${conf##*/}" ]
  [ "$(cat f/build/.attr-text)" = "long'"$'\n'text ]
  [ "$(readlink f/bin/sh)" = /bin/bash ]
  grep -qx 'nixbld:x:7:8:Build user:/home/x:/noshell' f/etc/passwd
  image-layers --files image | grep -qE '^./build type=dir mode=0755 uid=7 gid=8 '
  image-layers --files image | grep -qE '^./nix/store type=dir mode=0755 uid=7 gid=8 '
}

# in_shell [COMMAND…]: what the container would do, with the variables of the image and the tree f
in_shell() {
  local variables
  mapfile -t variables < <(config | sed -n 's/^Env\t//p')
  variables=("${variables[@]/#out=*/out=$PWD/out}")
  variables=("${variables[@]/#PATH=/PATH=$PWD/f/bin:}")
  sed -i "s,/nix/store/6g[^ ]*-it,$PWD/out,g; s,^PATH=',&$PWD/f/bin:," f/etc/nix-shell.rc
  [ $# != 0 ] || set -- "$BASH" f/etc/nix-shell.rc
  env -i "${variables[@]}" "$@"
}

@test "the shell: hook, run, command, buildDerivation" {
  drv "printf made >\$out"
  printf '%s\n' 'runHook() { eval "${!1}"; }' >setup
  mkdir stdenv && mv setup stdenv
  env+=("(\"stdenv\",\"$PWD/stdenv\")")
  drv 'printf made >$out'
  stream --run 'buildDerivation; [ "$SHELL" = /bin/bash ] && echo done' >image
  [ "$(config | grep -c '^Cmd')" = 2 ]
  unpack
  [ "$(in_shell)" = $'hook\ndone' ]
  [ "$(cat out)" = made ]
  # as the container's command
  rm out
  in_shell bash -c 'buildDerivation && cat "$out"' | grep -qx made
  stream --command 'echo hi' >image
  image-layers image | layer-flatten | tar -xOf - ./etc/nix-shell.rc | grep . | tail -n 2 >found
  lines 'echo hi' exit | same found -
  fails 2 "stream-nix-shell-image: --command and --run: expected one of them (see 'stream-nix-shell-image --help')" stream --command x --run y
}

@test "the forms of nix derivation show" {
  stream >image
  jq -n --arg out "$out" --arg conf "$conf" '{name: "it", builder: "/bin/bash", args: ["-c", "echo \"$a\" >$out"],
    env: {a: "(x) [y],\n\"q\" \\ $z", conf: $conf, name: "it", out: $out, passAsFile: "text more", shellHook: "echo hook", text: "long'"'"'\ntext"},
    inputDrvs: {}, inputSrcs: [], outputs: {out: {path: $out}}, system: "x86_64-linux"}' >one
  jq '{"/nix/store/x.drv": .}' one >it.drv && stream | cmp - image
  jq '{derivations: {"x.drv": .}, version: 4}' one >it.drv && stream | cmp - image
  # since Nix 2.32, names of outputs without the store directory
  jq --arg out "${out##*/}" '{derivations: {"x.drv": (.outputs.out.path = $out)}, version: 4}' one >it.drv && stream | cmp - image
  jq '{a: ., b: .}' one >it.drv && fails 1 "stream-nix-shell-image: it.drv: expected one derivation" stream
  jq '{a: (. + {structuredAttrs: {}})}' one >it.drv
  text='the derivation has structured attributes (__structuredAttrs), which have no environment: expected one without'
  fails 1 "stream-nix-shell-image: it.drv: $text" stream
  drv x ',("__json","{}")'
  fails 1 "stream-nix-shell-image: it.drv: $text" stream
  echo 'Derive([' >it.drv && run -1 --separate-stderr stream
  # an output whose name the contents tell, and a control character, which Nix does not escape
  printf 'Derive([("out","","r:sha256","")],[],[],"x","/bin/sh",[],[("color","\033[1m"),("name","x")])' >it.drv
  stream >odd
  image-layers --config odd | grep -qxF 'Env	color=\x1b[1m'
  fails 2 "stream-nix-shell-image: --coreutils: expected a package in '/nix/store', found '/no/such dir' (see 'stream-nix-shell-image --help')" \
    stream --coreutils '/no/such dir'
}
