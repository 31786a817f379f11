#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# registry-credentials: files of podman, skopeo and docker, their order, their keys, and credential helpers.
load helper

setup() {
  setup_path
  mkdir home
  export HOME=$PWD/home
  unset REGISTRY_AUTH_FILE DOCKER_CONFIG XDG_CONFIG_HOME
  export XDG_RUNTIME_DIR=$PWD/runtime
}

# auths FILE KEY USER:SECRET…: a file with these
auths() {
  local file=$1 entries=
  shift
  [[ $file != */* || -d ${file%/*} ]] || mkdir -p "${file%/*}"
  while [ $# -gt 0 ]; do
    entries+=${entries:+, }"\"$1\": {\"auth\": \"$(printf %s "$2" | base64 -w 0)\"}"
    shift 2
  done
  echo "{\"auths\": {$entries}}" >"$file"
}

# gives LINE ARGUMENT…: that line, or nothing where it is empty, and no message
gives() {
  printf %b "$1${1:+\n}" >want
  registry-credentials "${@:2}" >found 2>err
  same want found
  [ ! -s err ] || { cat err && return 1; }
}

# helper NAME SCRIPT: makes the credential helper
helper() {
  mkdir -p helpers
  printf '%s\n' '#!/bin/sh' "server=\$(cat); echo \"\$1 \$server\" >>'$PWD/asked'" "$2" >"helpers/docker-credential-$1"
  chmod +x "helpers/docker-credential-$1"
  PATH=$PWD/helpers:$PATH
}

@test "the key that says most counts; old keys of docker; Docker Hub" {
  auths file r.example host:1 r.example/team team:2 r.example/team/app app:3 r.example:5000 port:4 \
    https://old.example/v2/ old:5 https://index.docker.io/v1/ hub:6 https://r.example/v1/ never:7
  gives 'r.example\thost\t1' --authfile file r.example/x
  gives 'r.example\thost\t1' --authfile file r.example/teams/app:1.0
  gives 'r.example\tteam\t2' --authfile file r.example/team/x
  gives 'r.example\tapp\t3' --authfile file docker://r.example/team/app/deep:tag
  gives 'r.example:5000\tport\t4' --authfile file r.example:5000/team/app
  gives 'old.example\told\t5' --authfile file old.example/x
  for name in debian docker.io/debian docker://docker.io/library/debian:12 index.docker.io/a/b; do
    gives 'docker.io\thub\t6' --authfile file "$name"
  done
  gives '' --authfile file other.example/x
  gives '' --authfile file --image-name r.example:1/x
  auths file docker.io hub:6 docker.io/library/debian debian:7
  gives 'docker.io\tdebian\t7' --authfile file debian
  gives 'docker.io\thub\t6' --authfile file a/b
}

@test "secrets of all forms: colons, odd bytes, user and password, identity tokens, nothing" {
  auths file a.example $'u:p:"w\\ord' b.example $'u\tv:\n\r\x01\x7fä' c.example u: d.example :s e.example -:-
  gives 'a.example\tu\tp:"w\\\\ord' --authfile file a.example/x
  # shellcheck disable=SC1003 # backslashes
  gives 'b.example\tu\\tv\t\\n\\r\\x01\\x7fä' --authfile file b.example/x
  gives 'c.example\tu\t\\e' --authfile file c.example/x
  gives 'd.example\t\\e\ts' --authfile file d.example/x
  gives 'e.example\t\\x2d\t\\x2d' --authfile file e.example/x
  echo '{"auths": {"a.example": {"username": "u", "password": "p"}, "b.example": {"auth": "dTpw", "identitytoken": "i"},
    "c.example": {}, "d.example": null, "e.example": {"registrytoken": "r", "auth": "dTpw"}}, "other": [1]}' >file
  gives 'a.example\tu\tp' --authfile file a.example/x
  gives 'b.example\t<token>\ti' --authfile file b.example/x
  gives '' --authfile file c.example/x
  gives '' --authfile file d.example/x
  gives 'e.example\tu\tp' --authfile file e.example/x
  gives 'a.example\tu\tp' --authfile <(cat file) a.example/x
  echo '{}' >file
  gives '' --authfile file a.example/x
}

@test "files in their order" {
  auths home/.docker/config.json r.example docker:1 only.example docker:1
  gives 'r.example\tdocker\t1' r.example/x
  auths other/config.json r.example other:2
  DOCKER_CONFIG=$PWD/other gives 'r.example\tother\t2' r.example/x
  auths home/.config/containers/auth.json r.example config:3
  DOCKER_CONFIG=$PWD/other gives 'r.example\tconfig\t3' r.example/x
  gives 'only.example\tdocker\t1' only.example/x
  auths xdg/containers/auth.json r.example xdg:4
  XDG_CONFIG_HOME=$PWD/xdg gives 'r.example\txdg\t4' r.example/x
  auths runtime/containers/auth.json r.example runtime:5
  XDG_CONFIG_HOME=$PWD/xdg gives 'r.example\truntime\t5' r.example/x
  auths mine r.example mine:6
  REGISTRY_AUTH_FILE=$PWD/mine gives 'r.example\tmine\t6' r.example/x
  # a file that is named is read alone
  REGISTRY_AUTH_FILE=$PWD/mine gives '' only.example/x
  auths his r.example his:7
  REGISTRY_AUTH_FILE=$PWD/mine gives 'r.example\this\t7' --authfile his r.example/x
  # nobody at home
  env -u HOME -u XDG_RUNTIME_DIR registry-credentials only.example/x | same - /dev/null
}

@test "credential helpers" {
  # shellcheck disable=SC2016 # the helper's
  helper some 'case $server in
    r.example|https://index.docker.io/v1/) printf '\''{"ServerURL":"%s","Username":"h","Secret":"s\\ts"}'\'' "$server" ;;
    token.example) echo '\''{"Username":"<token>","Secret":"i"}'\'' ;;
    broken.example) echo "the key is locked"; exit 1 ;;
    odd.example) echo "{" ;;
    late.example) echo "{\"Username\":\"u\",\"Secret\":\"secret\"}"; exit 3 ;;
    mute.example) echo lost >&2; exit 4 ;;
    list.example) echo "[]" ;;
    *) echo "credentials not found in native keychain"; exit 1 ;;
  esac'
  auths home/.docker/config.json r.example file:1 none.example file:2
  jq '. + {credHelpers: {"r.example": "some", "docker.io": "some", "none.example": "some", "path.example": "../some",
    "gone.example": "gone"}}' home/.docker/config.json >file
  gives 'r.example\th\ts\\ts' --authfile file r.example/x
  gives 'docker.io\th\ts\\ts' --authfile file x
  # it has none: the file has
  gives 'none.example\tfile\t2' --authfile file none.example/x
  lines 'get r.example' 'get https://index.docker.io/v1/' 'get none.example' | sed 's/^get/some get/' |
    same - <(sed 's/^/some /' asked)
  fails 1 "registry-credentials: expected the name of a credential helper, found '../some'" \
    registry-credentials --authfile file path.example/x
  fails 1 'registry-credentials: gone.example needs docker-credential-gone, which is not installed' \
    registry-credentials --authfile file gone.example/x
  jq '. + {credsStore: "some"}' home/.docker/config.json >file
  gives 'r.example\th\ts\\ts' --authfile file r.example/x
  gives 'token.example\t<token>\ti' --authfile file token.example/x
  gives 'none.example\tfile\t2' --authfile file none.example/x
  gives '' --authfile file nobody.example/x
  fails 1 'registry-credentials: docker-credential-some: the key is locked' \
    registry-credentials --authfile file broken.example/x
  fails 1 'registry-credentials: docker-credential-some: not JSON: Unfinished JSON term at EOF at line 1, column 1' \
    registry-credentials --authfile file odd.example/x
  # what it answered is not told
  fails 1 'registry-credentials: docker-credential-some: failed with status 3' \
    registry-credentials --authfile file late.example/x
  fails 1 $'lost\nregistry-credentials: docker-credential-some: failed with status 4' \
    registry-credentials --authfile file mute.example/x
  fails 1 'registry-credentials: docker-credential-some: the answer: expected an object, found a list' \
    registry-credentials --authfile file list.example/x
  # it sees the caller's environment
  # shellcheck disable=SC2016 # the helper's
  helper some 'printf '\''{"Username":"%s","Secret":"s"}'\'' "$MINE"'
  MINE=me gives 'a.example\tme\ts' --authfile file a.example/x
}

# refused FILE-TEXT MESSAGE
refused() {
  printf '%s\n' "$1" >file
  fails 1 "registry-credentials: file: $2" registry-credentials --authfile file r.example/x
}

@test "files that are not right, and no secret in a message" {
  fails 1 "registry-credentials: cannot read 'gone': No such file or directory" registry-credentials --authfile gone x
  mkdir dir
  fails 1 "registry-credentials: cannot read 'dir': Is a directory" registry-credentials --authfile dir x
  refused '' 'expected one JSON document, found 0'
  refused '{} {}' 'expected one JSON document, found 2'
  refused '["secret"]' 'the file: expected an object, found a list'
  refused '{"auths": "secret"}' 'auths: expected an object, found a string'
  refused '{"auths": {"r.example": "secret"}}' 'auths: r.example: expected an object, found a string'
  refused '{"auths": {"r.example": {"auth": ["secret"]}}}' 'auths: r.example: auth: expected a string, found a list'
  refused '{"auths": {"r.example": {"auth": "sec!ret"}}}' 'auths: r.example: auth: expected base64 of USER:SECRET'
  refused '{"auths": {"r.example": {"auth": "c2VjcmV0"}}}' 'auths: r.example: auth: expected base64 of USER:SECRET'
  refused '{"auths": {"r.example": {"auth": "dTph/2I="}}}' 'auths: r.example: auth: expected UTF-8'
  refused $'{"auths": {"r.example": {"username": "u", "password": "a\xffb"}}}' 'r.example: user or secret: expected UTF-8'
  refused '{"auths": {"r.example": {"registrytoken": "secret"}}}' \
    'auths: r.example: a registrytoken is not supported: log in again'
  refused '{"auths": {"r.example": {"username": {"secret": 1}}}}' \
    'auths: r.example: user or secret: expected a string, found an object'
  refused '{"credHelpers": ["secret"]}' 'credHelpers: expected an object, found a list'
  refused '{"auths": {secret' 'not JSON: Invalid numeric literal at line 2, column 0'
  # a mistake in what is for another registry is no mistake here
  echo '{"auths": {"other.example": {"auth": "!"}}}' >file
  gives '' --authfile file r.example/x
}

@test "a file that cannot be read is an error, one that is not there is not" {
  local as=()
  # who is root here may not read everything
  [ "$(id -u)" != 0 ] || as=(setpriv "--bounding-set=-dac_override,-dac_read_search")
  needs setpriv
  gives '' r.example/x
  auths home/.docker/config.json r.example u:p
  chmod 000 home/.docker/config.json
  fails 1 "registry-credentials: cannot read '$HOME/.docker/config.json': Permission denied" \
    "${as[@]}" registry-credentials r.example/x
}

@test "names, and a terminal" {
  fails 2 "registry-credentials: expected --image-name NAME (see 'registry-credentials --help')" registry-credentials
  fails 2 "registry-credentials: --image-name: expected a name such as debian or registry.example/team/app, without a \
tag, found 'A/..' (see 'registry-credentials --help')" registry-credentials A/..
  fails 2 "registry-credentials: --image-name: expected a tag such as latest or 1.0, found '' (see 'registry-credentials --help')" \
    registry-credentials r.example/x:
  fails 2 "registry-credentials: too many operands: expected none after 'x', found 'y' (see 'registry-credentials --help')" \
    registry-credentials x y
  run -2 script -qec 'registry-credentials x' /dev/null
  [[ $output == *'registry-credentials: refusing to show a secret on a terminal: redirect the output'* ]]
}

@test "a secret is in no argument and in no file" {
  # what is started looks at its own arguments and at what the temporary directory holds
  helper some 'echo "{\"Username\":\"u\",\"Secret\":\"topsecret\"}"'
  mkdir ways tmp
  printf '%s\n' '#!/bin/sh' "tr '\\0' '\\n' </proc/\$\$/cmdline >>'$PWD/seen'" "grep -r topsecret '$PWD/tmp' >>'$PWD/seen'" \
    "exec $(command -v jq) \"\$@\"" >ways/jq
  chmod +x ways/jq
  echo '{"credsStore": "some"}' >file
  TMPDIR=$PWD/tmp PATH=$PWD/ways:$PATH gives 'r.example\tu\ttopsecret' --authfile file r.example/x
  [ "$(grep -c '^--arg$' seen)" -ge 4 ]
  run -1 grep topsecret seen
  [ -z "$(ls -A tmp)" ]
}
