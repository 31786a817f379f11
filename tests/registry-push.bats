#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# registry-push against tests/fixtures/fake-registry, which does wrong what a repository's name says: what is asked and sent,
# who gets to know of credentials, and what a registry has afterwards.
# shellcheck disable=SC2154,SC2030,SC2031 # plain, tls: ports of the registry; a test is a subshell
load helper
load registry

setup_file() {
  setup_path
  made example example
  cd example || return
  layer-plan --max-layers 4 graph >plan
  layer-tar --root-dir root plan >layers
  image-assemble --name a --tag 1 --format oci --output layout layers
  mkdir top
  echo changed >top/file
  { cat layers; tree-list --owner 0:0 top | layer-tar --mtree -; } | image-assemble --name a --tag 1 --format oci --output more
  image-assemble --name a --tag 1 --architecture arm64 --format oci --output arm64 layers
  image-assemble --name a --tag 1 --architecture amd64 --format oci --output amd64 layers
  merge-images --format oci --output index amd64 arm64
  IMAGE=$(digest layout)
  mapfile -t PARTS < <(digests "$(blob layout "$IMAGE")")
  export IMAGE CONFIG=${PARTS[0]} LAYER=${PARTS[3]}
  cd .. || return
  fake_start fake
}

teardown_file() { kill "$FAKE_PID"; }

setup() {
  setup_path
  ln -s "$BATS_FILE_TMPDIR"/{example,fake} .
  # shellcheck source=/dev/null
  . fake/ports
  layout=example/layout host=127.0.0.1:$plain user='u\tp:"w\\\\ord'
  # what messages begin with: of a manifest; of the configuration, 0, or of layer 3
  ask='cannot ask for the manifest'
  push_of=([0]="cannot push the configuration ($CONFIG)" [3]="cannot push layer 3 ($LAYER, store paths: \
['/nix/store/4ddddddddddddddddddddddddddddddd-hello-1.0', '/nix/store/3cccccccccccccccc...)")
}

# Wherever a test sends it, it never goes there.
teardown() { [ -f fake/log ] && [[ $'\n'$(<fake/log) != *$'\nforeign CONNECT'* ]]; }

# push NAME OPTION…: as image NAME:1, without TLS
push() { registry-push --tls-verify=false "${@:2}" "$layout" "$host/$1:1"; }

# push_as LINE NAME OPTION…: with these credentials
push_as() {
  local line
  printf -v line %b "$host\t$1"
  push "${@:2}" --credentials 9 9<<<"$line"
}

# pushed PUSH…: it succeeds, says so and nothing else, and the registry, which takes nothing but what has the digest that
# it should have, and no manifest before its blobs, has the manifest
pushed() {
  local name=$2 image=$IMAGE
  [ "$1" = push ] || name=$3
  [ "$layout" = example/layout ] || image=$(digest "$layout")
  "$@" >out 2>err || { cat err && return 1; }
  [ ! -s err ]
  [ "$(<out)" = "$host/$name:1@$image" ]
  cmp "fake/store/$name/manifests/1" "$layout/blobs/sha256/${image#sha256:}"
}

# refused MESSAGE PUSH…: that message of the repository, status 1, and the registry has no tag
refused() {
  local name=$3
  [ "$2" = push ] || name=$4
  fails 1 "registry-push: $host/$name: $1" "${@:2}"
  secrets_not_in fails.err
  if tagged "$name"; then return 1; fi
}

# secrets_not_in FILE
secrets_not_in() {
  local secrets='p:"w|cDoidw|dTpwOiJ3|identity-token|token-[0-9]|secretstate'
  [ -f "$1" ]
  if [[ $(<"$1") =~ $secrets ]]; then echo "$1: ${BASH_REMATCH[0]}" && return 1; fi
}

# digests FILE: those in it, in their order. Of a layout's index: of its image; of a manifest: of its configuration and layers
digests() {
  local rest
  rest=$(<"$1")
  while [[ $rest =~ sha256:[0-9a-f]{64} ]]; do
    echo "${BASH_REMATCH[0]}"
    rest=${rest#*"${BASH_REMATCH[0]}"}
  done
}
digest() { digests "$1/index.json"; }
blob() { echo "$1/blobs/sha256/${2#sha256:}"; }
tagged() { [ -d "fake/store/$1/manifests" ]; }

# has NAME TAG: the manifest of $layout, with the same bytes, and all that it names, with its digest
has() {
  local part digest
  digest=$(digest "$layout")
  same "fake/store/$1/manifests/$2" "$(blob "$layout" "$digest")"
  for part in $(digests "fake/store/$1/manifests/$2"); do echo "${part#sha256:}  fake/store/$1/blobs/$part"; done >parts
  sha256sum --check --quiet parts
}

# asked NAME: what the registry was asked for, in order, without the digests of blobs and with what was given for it
asked() {
  sed -nE "s,^([a-z]+) ([A-Z]+) /(v2|token|cdn)/$1([/?][^ ]*)? ([^ ]*) auth=([^ ]*) .*,\1 \2 \3\4 \5 \6,"'; T
    s/^plain //; s|v2/||; s|(blobs)/sha256:[0-9a-f]*|\1|; s|(manifests)/sha256:[0-9a-f]*|\1/DIGEST|
    s|blobs/uploads/\?mount=sha256[%3A:]*[0-9a-f]*&from=(.*) |mount=\1 |; s|blobs/uploads/[^ ]*|uploads|; s/\?[^ ]* / /
    s/ token-[0-9]+$/ token/; s/ Bearer:token-[0-9]+$/ token/; s/ Basic:/ /; p' fake/log
}

# count NAME: the same, each once, with how often
count() { asked "$1" | sort | uniq -c | sed 's/^ *//'; }

# forget NAME
forget() { sed -i "\\|/$1/|d" fake/log; }

@test "first push, the same again, another tag, a layer on top" {
  pushed push new/app
  lines 'HEAD manifests/1 404 none' 'PUT manifests/1 201 none' >want
  asked new/app | grep manifests | same want -
  [ "$(asked new/app | tail -n 1)" = 'PUT manifests/1 201 none' ]
  lines '5 HEAD blobs 404 none' '1 HEAD manifests/1 404 none' '5 POST uploads 202 none' '1 PUT manifests/1 201 none' \
    '5 PUT uploads 201 none' >want
  count new/app | same want -
  # each PUT has its length, and neither a range nor an expectation
  grep ' PUT /v2/new/app/blobs/' fake/log >puts
  [ "$(grep -cE ' length=([0-9]+) body=\1 type=application/octet-stream more= ' puts)" = 5 ]
  [ "$(grep -c 'PUT .*/manifests/1 .* type=application/vnd.oci.image.manifest.v1+json ' fake/log)" -ge 1 ]
  # the same: one request
  forget new/app
  pushed push new/app
  echo '1 HEAD manifests/1 200 none' | same - <(count new/app)
  # other tags of the same
  forget new/app
  registry-push --tls-verify=false "$layout" "$host/new/app" 1 2 3 >out
  for tag in latest 1 2 3; do echo "$host/new/app:$tag@$(digest "$layout")"; done | same - out
  has new/app 2
  has new/app 3
  run -1 grep -E ' (POST|PUT uploads)' <(asked new/app)
  # one layer and the configuration are new
  forget new/app
  layout=example/more
  pushed push new/app
  [ "$(asked new/app | grep -c '^PUT uploads')" = 2 ]
}

# one_changed NAME COUNT…: $layout is there; that $layout with one layer more is pushed with requests like these
one_changed() {
  forget "$1"
  layout=example/more pushed push "$1" --plain-http
  lines "${@:2}" | same - <(count "$1" | grep -v ' PUT \| POST ')
}

# earlier NAME: $layout is there
earlier() {
  [ -d fake/store/seed/app ] || pushed push seed/app
  rm -rf "fake/store/$1"
  mkdir -p "fake/store/$1"
  cp -a fake/store/seed/app/* "fake/store/$1"
}

# other_manifest NAME FILTER: what the tag 1 names becomes this
other_manifest() {
  local dir=fake/store/$1/manifests
  jq -c "$2" "$dir/1" >manifest
  cp manifest "$dir/1"
  cp manifest "$dir/sha256:$(sha256sum <manifest | cut -d ' ' -f 1)"
}

@test "the image that the tag names: what it has is not asked for" {
  local fault form head='1 HEAD manifests/1 200 none' garbage
  earlier former
  one_changed former '1 GET manifests/DIGEST 200 none' '2 HEAD blobs 404 none' "$head"
  # what it has elsewhere, the registry need not have
  for form in '.layers[].urls = ["http://127.0.0.1/x"]' '.layers[].mediaType = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"'; do
    earlier former
    other_manifest former "$form"
    one_changed former '1 GET manifests/DIGEST 200 none' '4 HEAD blobs 200 none' '2 HEAD blobs 404 none' "$head"
  done
  # where its manifest cannot be had, each is asked for
  for fault in mget-404 mget-403 mget-500 mget-429/after-long; do
    earlier "$fault/former"
    code=${fault%%/*}
    one_changed "$fault/former" "1 GET manifests/DIGEST ${code#*-} none" '4 HEAD blobs 200 none' '2 HEAD blobs 404 none' "$head"
  done
  for fault in mget-other mget-long; do
    earlier "$fault/former"
    one_changed "$fault/former" '1 GET manifests/DIGEST 200 none' '4 HEAD blobs 200 none' '2 HEAD blobs 404 none' "$head"
  done
  for garbage in '{}' '{"config": {"digest": "sha256:..", "size": 1}}'; do
    earlier former
    echo "$garbage" >fake/store/former/manifests/1
    cp fake/store/former/manifests/{1,"sha256:$(sha256sum <fake/store/former/manifests/1 | cut -d ' ' -f 1)"}
    one_changed former '1 GET manifests/DIGEST 200 none' '4 HEAD blobs 200 none' '2 HEAD blobs 404 none' "$head"
  done
  earlier digest-none/former
  one_changed digest-none/former '4 HEAD blobs 200 none' '2 HEAD blobs 404 none' "$head"
  # --dry-run tells what the registry says of each
  earlier former
  forget former
  push former --dry-run --plain-http >out
  run -1 grep GET <(asked former)
}

@test "the image that the tag names: an index, and the registry of Docker, which counts pulls" {
  layout=example/index push platforms/app
  forget platforms/app
  layout=example/amd64 pushed push platforms/app
  lines '3 GET manifests/DIGEST 200 none' '1 HEAD blobs 200 none' '1 HEAD manifests/1 200 none' '1 PUT manifests/1 201 none' >want
  count platforms/app | same want -
  # its requests go to the registry of this test, as if that were a proxy
  for layout in example/layout example/more; do
    no_proxy='' NO_PROXY='' http_proxy=http://$host registry-push --plain-http "$layout" former/hub:1 >out
  done
  grep -q ' HEAD http://registry-1.docker.io/v2/former/hub/manifests/1 200 ' fake/log
  run -1 grep ' GET http://registry-1.docker.io/' fake/log
}

@test "a registry that has lost layers of the image that the tag names" {
  local code
  earlier lost
  rm "fake/store/lost/blobs/$LAYER"
  forget lost
  layout=example/more
  pushed push lost
  has lost 1
  lines '1 GET manifests/DIGEST 200 none' '3 HEAD blobs 200 none' '3 HEAD blobs 404 none' '1 HEAD manifests/1 200 none' \
    '3 POST uploads 202 none' '1 PUT manifests/1 201 none' '1 PUT manifests/1 400 none' '3 PUT uploads 201 none' >want
  count lost | same want -
  layout=example/layout
  for code in 404 409 422; do
    earlier "mput-$code-1/lost"
    layout=example/more
    pushed push "mput-$code-1/lost"
    [ "$(asked "mput-$code-1/lost" | grep -c '^HEAD blobs')" = 6 ]
  done
  # not for ever
  layout=example/layout
  earlier mput-400/lost
  layout=example/more
  fails 1 "registry-push: $host/mput-400/lost: cannot push the manifest $(digest "$layout"): 400 Bad Request: CODE400: because of 400" \
    push mput-400/lost
  [ "$(asked mput-400/lost | grep -c '^PUT manifests/1 400')" = 2 ]
}

@test "nothing is read that the registry has" {
  pushed push read/app
  cp -a example/layout thin
  for part in $(digests "$(blob thin "$(digest thin)")" | tail -n +2); do rm "$(blob thin "$part")"; done
  registry-push --tls-verify=false thin "$host/read/app:2" >out
  [ "$(<out)" = "$host/read/app:2@$(digest thin)" ]
  has read/app 2
  part=$LAYER
  rm "fake/store/read/app/blobs/$part"
  layout=thin
  fails 1 "registry-push: $host/read/app: ${push_of[3]}: neither the layout nor the registry has the blob; run registry-push \
with layer-serve, which makes it" registry-push --tls-verify=false thin "$host/read/app:3"
  [ ! -e fake/store/read/app/manifests/3 ]
}

@test "an index: its images come before it" {
  layout=example/index
  push index/app >out
  [ "$(<out)" = "$host/index/app:1@$(digest "$layout")" ]
  same fake/store/index/app/manifests/1 "$(blob "$layout" "$(digest "$layout")")"
  for part in $(digests fake/store/index/app/manifests/1); do
    same "fake/store/index/app/manifests/$part" "$(blob "$layout" "$part")"
  done
  asked index/app | tail -n 3 >found
  lines 'PUT manifests/DIGEST 201 none' 'PUT manifests/DIGEST 201 none' 'PUT manifests/1 201 none' | same - found
  # a layer of both goes once
  [ "$(asked index/app | grep -c '^PUT uploads')" = "$(find example/index/blobs -type f | wc -l | xargs -I N expr N - 3)" ]
}

@test "--dry-run: what would be sent" {
  push dry/app --dry-run >out
  part=$(blob "$layout" "$(digest "$layout")")
  { jq -r '.config | ["missing", .digest, .size, "configuration"] | @tsv' "$part"
    jq -r '.layers[] | ["missing", .digest, .size] | @tsv' "$part"
    echo "missing	$(digest "$layout")	$(stat -c %s "$part")	manifest"; } >want
  cut -f 1-3 out | same <(cut -f 1-3 want) -
  [ "$(sed -n '1p;$p' out | cut -f 4 | xargs)" = 'configuration manifest' ]
  run -1 grep -v '^HEAD ' <(asked dry/app)
  [ ! -e fake/store/dry ]
  # some are there, some can be mounted
  pushed push dry/other
  layout=example/more
  mkdir -p fake/store/dry/app/blobs
  first=$(digests "$(blob "$layout" "$(digest "$layout")")" | sed -n 2p)
  cp "fake/store/dry/other/blobs/$first" fake/store/dry/app/blobs
  push dry/app --dry-run --mount-from dry/other >out
  cut -f 1 out | xargs >found
  echo 'missing present mount mount mount missing missing' | same - found
  run -1 tagged dry/app
}

@test "mounts: taken, refused in three ways, and of the second repository" {
  pushed push from/app
  pushed push mount/app --mount-from from/app
  [ "$(count mount/app | grep -c '^4 POST mount=from.*app 201\|^5 POST mount=from.*app 201')" = 1 ]
  [ "$(asked mount/app | grep -c '^PUT uploads')" -le 1 ]
  # the registry begins an upload instead: this one is used
  pushed push mount-202/app --mount-from from/app
  [ "$(asked mount-202/app | grep -c '^POST')" = 5 ]
  [ "$(asked mount-202/app | grep -c '^PUT uploads 201')" = 5 ]
  pushed push mount-400/app --mount-from from/app
  [ "$(asked mount-400/app | grep -c '^PUT uploads 201')" = 5 ]
  pushed push mount-401/app --mount-from from/app
  pushed push second/app --mount-from nothing/there --mount-from from/app
  [ "$(asked second/app | grep -c '^PUT uploads')" -le 1 ]
  # the token is for the source, too
  forget from/app
  pushed push_as "$user" token/mount/app --mount-from from/app
  grep -E 'GET /token/token/mount/app\?' fake/log | grep -q 'repository(:|%3A)from(/|%2F)app(:|%3A)pull' ||
    grep -qE 'GET /token/token/mount/app\?.*repository(:|%3A)from(/|%2F)app(:|%3A)pull' fake/log
}

@test "several requests at a time, at most --jobs" {
  pushed push wait-4/app
  grep -q 'HEAD /v2/wait-4/app/blobs.*flight=[45]$' fake/log
  sed -i '/CONNECT$/d' fake/log
  pushed push slow/app --jobs 2
  run -1 grep -E '/v2/slow/app/.* flight=([3-9]|[1-9][0-9])$' fake/log
  [ "$(grep -c '^plain CONNECT' fake/log)" -le 3 ]
  sed -i '/CONNECT$/d' fake/log
  pushed push slow/many
  [ "$(grep -c '^plain CONNECT' fake/log)" -le 9 ]
}

@test "who may push: Basic, tokens of all kinds, nobody" {
  pushed push_as "$user" basic/app
  # the secret goes nowhere before it is asked for
  asked basic/app | head -n 1 | grep -qx 'HEAD manifests/1 401 none'
  pushed push_as "$user" token/app
  [ "$(asked token/app | grep -c '^GET token')" = 1 ]
  asked token/app | grep '^GET token' | grep -q ' 200 u:p:"w'
  run -1 grep -E '^[A-Z]+ (manifests|blobs|uploads).* u:' <(asked token/app)
  pushed push token-anonymous/app
  pushed push_as "$user" token/token-two/app
  pushed push_as "$user" token/token-many/app
  pushed push_as "$user" token/token-odd/app
  pushed push_as "$user" token/token-access/app
  pushed push_as "$user" token-late/app
  pushed push_as "$user" token/realm-other/app
  pushed push_as "$user" token/realm-localhost/app
}

@test "tokens that end: renewed, also after a body" {
  pushed push_as "$user" token/token-uses-3/app --jobs 1
  [ "$(asked token/token-uses-3/app | grep -c '^GET token')" -gt 2 ]
  pushed push_as "$user" token/token-seconds/slow/app
  pushed push_as "$user" token/put-401-2/app
  [ "$(asked token/put-401-2/app | grep -c 'PUT uploads 401')" = 2 ]
  # the same Location once more
  [ "$(asked token/put-401-2/app | grep -c '^POST uploads 202')" = 5 ]
}

@test "tokens for other repositories that are not given, and tokens that end and are not renewed" {
  pushed push from/app
  pushed push_as "$user" token/token-picky/app --mount-from from/app
  [ "$(asked token/token-picky/app | grep -c '^GET token')" = 2 ]
  [ "$(asked token/token-picky/app | grep -c '^PUT uploads 201')" = 5 ]
  # each blob is asked for in another repository, whose server of tokens denies
  push_as "$user" token/token-uses-6/app --dry-run --jobs 1 --mount-from token-denied/src >out
  [ "$(grep -c ^missing out)" = 6 ]
  [ "$(asked token-denied/src | grep -c '^GET token')" = 2 ]
}

@test "identity tokens: by POST, and by GET where that is not taken" {
  pushed push_as '<token>\tidentity-token' token/identity/app
  asked token/identity/app | grep -qx 'POST token 200 none'
  run -1 grep 'identity-token' fake/log
  pushed push_as '<token>\tidentity-token' token/token-post-404/app
  pushed push_as '<token>\tidentity-token' token/token-post-405/app
}

@test "no token, no password" {
  local nobody="(nobody is logged in to $host: give --credentials)" name tokens="$ask: no token from 'http://$host/token"
  refused "$ask: the registry asks for a user and a password $nobody" push basic/no
  refused "${push_of[0]}: 401 Unauthorized: CODE401: because of 401 $nobody" push token/no --jobs 1
  refused "$ask: the registry refuses this user and password (as user u)" push_as 'u\twrong secret' basic/wrong
  refused "$tokens/token/wrong': 401 Unauthorized (as user u)" push_as 'u\twrong secret' token/wrong
  refused "$tokens/token/identity/wrong': 401 Unauthorized" push_as '<token>\twrong-token' token/identity/wrong
  refused "$ask: 401 Unauthorized (as user u)" push_as "$user" token/token-never/app
  [ "$(asked token/token-never/app | grep -c '^HEAD manifests')" -le 3 ]
  refused "$tokens/token/token-denied/app': 401 Unauthorized (as user u)" push_as "$user" token/token-denied/app
  # answers of the server of tokens
  refused "$tokens/token/token-huge/app': its answer has more than 64 KiB" push_as "$user" token/token-huge/app
  for name in bad none lines; do
    refused "$tokens/token/token-$name/app': cannot read the reply: expected JSON with a token" \
      push_as "$user" "token/token-$name/app"
  done
  run -1 grep -r X-Evil fake/log
}

# elsewhere: sets places to URLs of addresses that are not public, nor the registry's, as the faults call them
elsewhere() {
  local port
  port=$(sed -n 's/^foreign=//p' fake/ports)
  places=([foreign]=http://127.0.0.2:$port [private]=http://10.0.0.1 [link]=http://169.254.169.254 [v6]="http://[::1]:$port"
    [mapped]="http://[::ffff:127.0.0.2]:$port" [decimal]=http://2130706434:$port [hex]=http://0x7f.2:$port)
}

@test "tokens are not asked for where the registry may not send a user" {
  local realm place
  declare -A places
  elsewhere
  for realm in "${!places[@]}"; do
    refused "$ask: refused to ask '${places[$realm]}/token/token/realm-$realm/app' for a token: a private address that is not \
the registry's" push_as "$user" "token/realm-$realm/app"
  done
  place="$ask: refused to ask for a token where the registry says"
  refused "$place: a URL with a user in it" push_as "$user" token/realm-user/app
  refused "$place: expected a URL of http or https" push_as "$user" token/realm-file/app
  refused "$place: expected a URL of http or https" push_as "$user" token/realm-ftp/app
  refused "$place: a URL with a byte that none can have" push_as "$user" token/realm-odd/app
  refused "$ask: the registry answers 401 Unauthorized, but does not say how it wants to be told who asks" \
    push_as "$user" token/realm-none/app
  for realm in foreign private link v6 mapped decimal hex user file ftp none odd; do
    [ "$(asked "token/realm-$realm/app")" = 'HEAD manifests/1 401 none' ]
  done
}

@test "uploads to where the registry says, without what is secret, or not at all" {
  local where place
  declare -A places
  for where in path absolute relative bare; do
    pushed push_as "$user" "token/location-$where/app"
    run -1 grep -E '^PUT uploads.* none$' <(asked "token/location-$where/app")
  done
  for where in other localhost; do
    pushed push_as "$user" "token/location-$where/app"
    [ "$(asked "token/location-$where/app" | grep -c '^other PUT uploads 201 none')" = 5 ]
  done
  elsewhere
  for where in "${!places[@]}"; do
    refused "${push_of[0]}: refused to upload to '${places[$where]}/v2/token/location-$where/app/blobs/uploads/away-1': a \
private address that is not the registry's" push_as "$user" "token/location-$where/app" --jobs 1
  done
  place="${push_of[0]}: refused to upload to where the registry says"
  refused "$place: a URL with a user in it" push_as "$user" token/location-user/app --jobs 1
  refused "$place: expected a URL of http or https" push_as "$user" token/location-file/app --jobs 1
  refused "$place: expected a URL of http or https" push_as "$user" token/location-ftp/app --jobs 1
  refused "$place: a URL with a byte that none can have" push_as "$user" token/location-odd/app --jobs 1
  refused "${push_of[0]}: the registry does not say where to" push_as "$user" token/location-none/app --jobs 1
  for where in "${!places[@]}" user file ftp odd none; do
    run -1 grep PUT <(asked "token/location-$where/app")
  done
}

@test "redirects: of HEAD alone, and what is secret does not come along" {
  pushed push_as "$user" token/redirect-other/app
  run -1 grep -vE ' none$' <(asked token/redirect-other/app | grep '^other ')
  asked token/redirect-other/app | grep -q '^other HEAD cdn/blobs 404 none'
  # a place with tokens of its own gets none of ours
  run -1 push_as "$user" token/redirect-401/app
  run -1 grep -vE ' none$' <(asked token/redirect-401/app | grep '^other ')
  run -1 grep -E '/token/x' fake/log
  run -1 push redirect-loop/app
  [ "$(asked redirect-loop/app | grep -c '^HEAD manifests')" -le 11 ]
  run -1 push redirect-file/app
  refused "${push_of[0]}: refused a redirect of a POST to 'http://127.0.0.1:$other/v2/post-307/app/blobs/uploads/'" \
    push post-307/app --jobs 1
  refused "${push_of[0]}: refused a redirect of a PUT to 'http://127.0.0.1:$other/v2/put-307/app/blobs/uploads/1'" \
    push put-307/app --jobs 1
  run -1 grep '^other ' <(asked post-307/app; asked put-307/app)
  local where
  declare -A places
  elsewhere
  for where in "${!places[@]}"; do
    refused "$ask: refused a redirect to '${places[$where]}/cdn/redirect-$where/app/manifests/1': a private address that is not \
the registry's" push "redirect-$where/app"
  done
}

@test "https: certificates, and never back to http" {
  local ca=fake/cert.pem before where
  host=127.0.0.1:$tls
  registry-push --ca-file "$ca" "$layout" "$host/secure/app:1" >out
  [ "$(<out)" = "$host/secure/app:1@$(digest "$layout")" ]
  has secure/app 1
  grep -q '^tls HEAD /v2/secure/app/manifests/1 404' fake/log
  SSL_CERT_FILE=$ca registry-push "$layout" "$host/secure/app:1" >out
  pushed push secure/again
  fails 1 "registry-push: $host/secure/no: $ask: its certificate is not accepted: SSL certificate problem: self-signed \
certificate (--ca-file FILE names whose certificates are)" registry-push "$layout" "$host/secure/no:1"
  before=$(grep -c '^plain CONNECT' fake/log) || :
  fails 1 "registry-push: 127.0.0.1:$plain/secure/no: $ask: it does not speak TLS (--tls-verify=false allows a registry \
without TLS)" registry-push --ca-file "$ca" "$layout" "127.0.0.1:$plain/secure/no:1"
  [ "$(grep -c '^plain CONNECT' fake/log)" = $((before + 1)) ] # it is not tried again
  fails 1 "registry-push: $host/secure/no: $ask: cannot read certificates from 'nowhere'" \
    registry-push --ca-file nowhere "$layout" "$host/secure/no:1"
  [ -z "$(asked secure/no)" ]
  for where in token/realm-down location-down redirect-down; do
    run -1 registry-push --ca-file "$ca" --credentials 9 "$layout" "$host/$where/app:1" 9< <(printf '%b\n' "$host\t$user")
    run -1 grep '^other ' <(asked "$where/app")
    run -1 tagged "$where/app"
  done
  registry-push --ca-file "$ca" --credentials 9 "$layout" "$host/token/location-tlsother/app:1" \
    9< <(printf '%b\n' "$host\t$user") >out
  [ "$(asked token/location-tlsother/app | grep -c '^tlsother PUT uploads 201 none')" = 5 ]
}

@test "HTTP/2: all requests at a time on one connection, and large bodies" {
  needs nghttpx
  local port proxy
  mkdir large
  head -c 8000000 /dev/urandom >large/file
  { cat example/layers; tree-list --owner 0:0 large | layer-tar --mtree -; } | image-assemble --name a --tag 1 --format oci --output big
  port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
  nghttpx --conf=/dev/null --workers=1 --frontend="127.0.0.1,$port" --backend="127.0.0.1,$plain" --no-ocsp \
    --accesslog-file=access --accesslog-format='$remote_port $alpn $status' fake/key.pem fake/cert.pem >proxy.err 2>&1 3>&- &
  proxy=$!
  timeout 60 bash -c 'until (: </dev/tcp/127.0.0.1/"$1") 2>/dev/null; do kill -0 "$2" && sleep 0.02 || exit 1; done' - "$port" $proxy ||
    { cat proxy.err && return 1; }
  layout=big
  registry-push --ca-file fake/cert.pem big "127.0.0.1:$port/wait-4/h2/app:1" >out || { kill $proxy && return 1; }
  kill $proxy
  while [ -e /proc/$proxy/exe ]; do sleep 0.02; done
  has wait-4/h2/app 1
  grep -q 'HEAD /v2/wait-4/h2/app/blobs.*flight=[4-6]$' fake/log
  [ "$(cut -d ' ' -f 1,2 access | sort | uniq -c | sed -E 's/^ *([0-9]+) [0-9]+ /\1 /')" = '20 h2' ]
}

@test "--plain-http: one connection and one request where nothing is new, and never TLS" {
  pushed push plain/app
  sed -i '/CONNECT$/d' fake/log
  forget plain/app
  registry-push --plain-http "$layout" "$host/plain/app:1" >out
  [ "$(<out)" = "$host/plain/app:1@$IMAGE" ]
  { echo 'plain CONNECT'; asked plain/app; } >found
  lines 'plain CONNECT' 'HEAD manifests/1 200 none' | same - found
  [ "$(grep -c CONNECT fake/log)" = 1 ]
  registry-push --plain-http --credentials 9 "$layout" "$host/token/plain/app:1" 9< <(printf '%b\n' "$host\t$user") >out
  has token/plain/app 1
}

@test "what passes is tried again: each status, each way of Retry-After, each place where a connection ends" {
  local fault
  # they wait a second or two: all at once
  for fault in mhead-500-1 head-500-2 post-503-2 put-500-1 put-504-2 mput-502-1 post-429-1/after-seconds head-429-1/after-date \
    mput-429-1/after-odd put-408-1 cut-mhead-1 cut-head-2 cut-post-1 cut-before-1 cut-in-2 cut-after-1 cut-stored-1 \
    cut-answer-1 cut-mput-1; do
    (push "$fault/app" >"out.${fault//\//-}" 2>"err.${fault//\//-}" || echo "$fault" >>failed) &
  done
  wait
  [ ! -e failed ] || { cat failed err.*; false; }
  cat err.* | same - /dev/null
  has post-503-2/app 1
  has cut-in-2/app 1
  has cut-stored-1/app 1
  has cut-answer-1/app 1
  [ "$(asked post-503-2/app | grep -c '^POST uploads 503')" = 2 ]
}

@test "progress: what is sent again counts once" {
  local size
  size=$(stat -c %s "$(blob "$layout" "$CONFIG")")
  push cut-after-2/bar --jobs 1 --progress bar 2>err
  tr '\r' '\n' <err | grep -oE "^layer 0/5 .*\] [0-9.]+ [a-zA-Z]+" | sed 's/.*\] //' | sort -u >found
  echo "$size B" | same - found
}

@test "what does not pass is not tried again, and leaves no tag" {
  local code hint manifest words=([400]='Bad Request' [403]=Forbidden [404]='Not Found')
  manifest="cannot push the manifest $(digest "$layout")"
  for code in 400 403 404; do
    hint=
    [ $code != 403 ] || hint=" (nobody is logged in to $host: give --credentials)"
    refused "${push_of[0]}: $code ${words[code]}: CODE$code: because of $code$hint" push "post-$code/app" --jobs 1
    [ "$(asked "post-$code/app" | grep -c '^POST')" = 1 ]
    refused "$manifest: $code ${words[code]}: CODE$code: because of $code$hint" push "mput-$code/app"
    [ "$(asked "mput-$code/app" | grep -c '^PUT manifests')" = 1 ]
  done
  refused "${push_of[0]}: 413 Content Too Large: CODE413: because of 413" push put-413/app --jobs 1
  # what is missing in the registry, or not known to be there, is sent
  pushed push mhead-403/app
  pushed push digest-none/app
  forget digest-none/app
  registry-push --tls-verify=false "$layout" "$host/digest-none/app:1" >out
  has digest-none/app 1
}

@test "other answers that registries give" {
  pushed push put-only-202/app
  local status
  for status in 200 202; do
    push "mput-$status-1/app" >out
    [ "$(<out)" = "$host/mput-$status-1/app:1@$IMAGE" ]
  done
  refused "cannot push the manifest $IMAGE: 204" push mput-204/app
  refused "cannot push the manifest $IMAGE: 206: CODE206: because of 206" push mput-206/app
}

@test "a registry that takes no PUT with a body: one PATCH" {
  local name
  pushed push no-put/app --jobs 1
  has no-put/app 1
  lines '5 PATCH uploads 202 none' '6 POST uploads 202 none' '5 PUT uploads 201 none' '1 PUT uploads 405 none' >want
  count no-put/app | grep uploads | same want -
  grep ' PATCH /v2/no-put/app/' fake/log >patches
  [ "$(grep -cE ' length=([0-9]+) body=\1 type=application/octet-stream more= ' patches)" = 5 ]
  [ "$(grep -c ' PUT /v2/no-put/app/blobs/uploads/.*secretstate2&digest=.* 201 auth=none length=0 ' fake/log)" = 5 ]
  pushed push no-put/patch-made/app
  pushed push no-put/patch-none/app
  pushed push no-put/cut-patch-2/app
  pushed push_as "$user" token/no-put/token-uses-2/app --jobs 1
  has token/no-put/token-uses-2/app 1
  for name in put-416-1 put-400-1; do
    pushed push "$name/app" --jobs 1
    [ "$(asked "$name/app" | grep -c ' PATCH\|^PATCH uploads 202')" = 5 ]
  done
  refused "${push_of[0]}: 416 Range Not Satisfiable: CODE416: because of 416" push put-416/app --jobs 1
  refused "${push_of[0]}: 405 Method Not Allowed: CODE405: because of 405" push no-put/patch-405/app --jobs 1
  [ "$(asked no-put/patch-405/app | grep -c '^P[UA][A-Z]* uploads')" = 2 ]
  # both answers are told
  refused "${push_of[0]}: 405 Method Not Allowed: CODE405: because of 405\
 (PUT was refused before: 400 Bad Request: CODE400: because of 400)" push put-400-1/patch-405/app --jobs 1
  refused "${push_of[0]}: 405 Method Not Allowed (PUT was refused before: 400 Bad Request)" \
    push_as "$user" token/put-400-1/echo-error/patch-405/app --jobs 1
  # what is damaged goes nowhere
  damaged other_bytes
  run -1 push no-put/damaged
  run -1 tagged no-put/damaged
}

@test "answers that are not true, not sound, or do not end" {
  run -1 push digest-wrong/app
  run -1 push digest-odd/app
  refused "cannot push the manifest $(digest "$layout"): 400 Bad Request" push mput-400/huge-error/app
  refused "cannot push the manifest $(digest "$layout"): 400 Bad Request: EVIL: a\\x1b[31m\\x0ab "$'\u202e c' \
    push mput-400/evil-error/app
  refused "cannot push the manifest $(digest "$layout"): 400 Bad Request" push_as "$user" basic/mput-400/echo-error/app
  refused "cannot push the manifest $(digest "$layout"): 400 Bad Request" push_as "$user" token/mput-400/echo-error/app
  refused "cannot push the manifest $(digest "$layout"): 400 Bad Request" push_as "$user" basic/mput-400/echo-plain/app
  for name in json long; do
    for kind in basic token; do
      refused "cannot push the manifest $IMAGE: 400 Bad Request" push_as "$user" "$kind/mput-400/echo-$name/app"
    done
  done
  for kind in basic token; do
    for name in echo echo-percent; do
      refused "${push_of[0]}: refused an address that repeats what is secret" push_as "$user" "$kind/location-$name/app" --jobs 1
    done
    refused "$ask: refused an address that repeats what is secret" push_as "$user" "$kind/redirect-echo/app"
  done
  refused "$ask: its answer has more than 64 KiB of headers" push endless/app
}

# damaged COMMAND…: a layout whose second layer is what the command, which gets its name, makes of it
damaged() {
  rm -rf bad
  cp -a "$BATS_FILE_TMPDIR/example/layout" bad
  part=$LAYER
  chmod u+w "$(blob bad "$part")"
  "$@" "$(blob bad "$part")"
  layout=bad
}

# link_to OTHER BLOB: the blob is moved there, and is a link to it
link_to() {
  mv "$2" "$1"
  ln -sr "$1" "$2"
}

other_bytes() { printf 'X' | dd of="$1" bs=1 seek=20 conv=notrunc status=none; }

@test "a blob that is not what the manifest says stops the push, and the tag stays" {
  pushed push bad/app
  rm -r fake/store/bad/app/blobs
  before=$(sha256sum fake/store/bad/app/manifests/1)
  sed -i 's/"mediaType"/"mediaType" /' fake/store/bad/app/manifests/1
  before=$(sha256sum fake/store/bad/app/manifests/1)
  damaged other_bytes
  wrong="registry-push: $host/bad/app: ${push_of[3]}" size=$(stat -c %s "$(blob bad "$part")")
  fails 1 "$wrong: the blob has another digest, sha256:$(sha256sum "$(blob bad "$part")" | cut -d ' ' -f 1)" push bad/app
  damaged truncate -s -1
  fails 1 "$wrong: the blob has $((size - 1)) bytes, its manifest says $size: the layout is damaged" push bad/app
  damaged truncate -s +1
  fails 1 "$wrong: the blob has $((size + 1)) bytes, its manifest says $size: the layout is damaged" push bad/app
  damaged rm
  fails 1 "$wrong: neither the layout nor the registry has the blob; run registry-push with layer-serve, which makes it" \
    push bad/app
  # links lead nowhere but within the layout
  damaged link_to "$PWD/outside"
  fails 1 "$wrong: the blob is a link that leads out of the layout" push bad/app
  damaged link_to "$PWD/outside"
  rm outside
  mkfifo outside
  fails 1 "$wrong: the blob is a link that leads out of the layout" push bad/app
  damaged link_to bad/elsewhere
  pushed push linked/app
  ln -sf "$PWD/example/layout/index.json" bad/index.json
  fails 1 "registry-push: bad: index.json: it is a link that leads out of the layout" push bad/app
  [ "$before" = "$(sha256sum fake/store/bad/app/manifests/1)" ]
  # the layer that was wrong is not there
  [ ! -e "fake/store/bad/app/blobs/$part" ]
}

@test "layouts that cannot be pushed" {
  fails 1 "registry-push: cannot open 'nowhere', expected the directory of an OCI layout: No such file or directory" \
    registry-push --tls-verify=false nowhere "$host/layout/app:1"
  mkdir empty
  fails 1 "registry-push: empty: index.json: cannot open it: No such file or directory" \
    registry-push --tls-verify=false empty "$host/layout/app:1"
  cp -a example/layout bad
  image-assemble --name b --tag 2 --format oci --output bad example/layers
  fails 1 "registry-push: bad: it has 2 images: choose one with --image NAME:TAG; there are: docker.io/library/a:1, docker.io/library/b:2" \
    registry-push --tls-verify=false bad "$host/layout/app:1"
  registry-push --tls-verify=false --image b:2 bad "$host/layout/app:1" >out
  fails 1 "registry-push: bad: no image is called 'c:3'; there are: docker.io/library/a:1, docker.io/library/b:2" \
    registry-push --tls-verify=false --image c:3 bad "$host/layout/app:1"
  # digests become names of files: they are checked first
  cp -a example/layout evil
  jq -c '.manifests[0].digest = "sha256:../../../top/file"' example/layout/index.json >evil/index.json
  fails 1 "registry-push: evil: index.json: expected digests of sha256: and 64 lower-case hex digits" \
    registry-push --tls-verify=false evil "$host/layout/app:2"
  echo '{"manifests": {' >evil/index.json
  fails 1 "registry-push: evil: index.json: byte 14: expected '[', found '{'" \
    registry-push --tls-verify=false evil "$host/layout/app:2"
  # sizes that are not true
  jq -c '.manifests[0].size += 1' example/layout/index.json >evil/index.json
  size=$(stat -c %s "$(blob evil "$IMAGE")")
  fails 1 "registry-push: evil: manifest $IMAGE has $size bytes, the layout says $((size + 1)): the layout is damaged" \
    registry-push --tls-verify=false evil "$host/layout/app:2"
  jq -c '.layers += [.layers[0] | .size += 1]' "$(blob evil "$IMAGE")" >manifest
  cp manifest "evil/blobs/sha256/$(sha256sum manifest | cut -d ' ' -f 1)"
  jq -c --arg digest "sha256:$(sha256sum manifest | cut -d ' ' -f 1)" --argjson size "$(stat -c %s manifest)" \
    '.manifests[0] += {$digest, $size}' example/layout/index.json >evil/index.json
  fails 1 "registry-push: evil: $(digests manifest | sed -n 2p) has two sizes: the layout is damaged" \
    registry-push --tls-verify=false evil "$host/layout/app:2"
  [ ! -e fake/store/layout/app/manifests/2 ]
}

# until_asked NAME: until the registry was asked by what was started last
until_asked() { until grep -q "/$1/" fake/log; do kill -0 $! && sleep 0.02 || return; done; }

# lines_given TEXT NAME: a push with these lines
lines_given() { push "$2" --credentials 9 9< <(printf '%b' "$1"); }

@test "credentials: the first line of the registry, of nobody else, and in no argument" {
  pushed push basic/first --credentials 9 9< <(printf '%b' "other.example\tx\ty\n$host\t$user\n$host\tu\twrong\n")
  nobody="$ask: the registry asks for a user and a password (nobody is logged in to $host: give --credentials)"
  refused "$nobody" lines_given "other.example\t$user\n" basic/other
  refused "$nobody" lines_given '' basic/none
  wrong="registry-push: credentials:1: expected 3 fields separated by single tabs, found"
  fails 1 "$wrong 2" lines_given "$host\tu\n" basic/short
  fails 1 "$wrong 4" lines_given "$host\tu\tsecretstate\tmore\n" basic/long
  # shellcheck disable=SC1003 # a backslash
  fails 1 'registry-push: credentials:1: secret: bad escape: expected \\ \t \n \r or \xHH' \
    lines_given "$host\tu\t\\\\q\n" basic/escape
  fails 1 "registry-push: cannot read 'credentials': Bad file descriptor" push basic/closed --credentials 8
  # while it runs
  registry-push --tls-verify=false --credentials 9 "$layout" "$host/basic/wait-90/cmdline" 9< <(printf '%b\n' "$host\t$user") &
  until_asked wait-90/cmdline
  tr '\0' '\n' <"/proc/$!/cmdline" >cmdline
  tr '\0' '\n' <"/proc/$!/environ" >>cmdline
  grep -q -- --credentials cmdline
  secrets_not_in cmdline
  kill $!
}

# wrong MESSAGE ARGUMENT…
wrong() { fails 2 "registry-push: $1 (see 'registry-push --help')" registry-push "${@:2}"; }

@test "command lines" {
  wrong "an operand is missing" 
  wrong "an operand is missing" "$layout"
  wrong "bad image name '$host/A': it must be lower case" "$layout" "$host/A"
  wrong "bad reference '$host/a@sha256:x': push to a tag, not to a digest" "$layout" "$host/a@sha256:x"
  wrong "bad tag 'bad tag': expected A-Z a-z 0-9 _ and, but not first, '.' and '-', at most 128 bytes" "$layout" "$host/a:1" 'bad tag'
  wrong "--mount-from: bad image name 'A B': it must be lower case" --mount-from 'A B' "$layout" "$host/a:1"
  wrong "--mount-from: expected a repository of the same registry without its host, found 'h:1/b'" --mount-from h:1/b "$layout" "$host/a:1"
  wrong "--jobs: '0': expected a number from 1 to 64" --jobs 0 "$layout" "$host/a:1"
  wrong "--credentials: 'x': expected a number from 0 to 1048576" --credentials x "$layout" "$host/a:1"
  wrong "--plain-http and --tls-verify=true contradict each other" --plain-http --tls-verify "$layout" "$host/a:1"
  wrong "--plain-http and --ca-file contradict each other" --ca-file x --plain-http "$layout" "$host/a:1"
  wrong "--tls-verify: expected true or false, found 'maybe'" --tls-verify=maybe "$layout" "$host/a:1"
}

@test "nothing is left after a signal" {
  mkdir tmp
  TMPDIR=$PWD/tmp registry-push --tls-verify=false "$layout" "$host/wait-90/app" >out 2>err &
  until_asked wait-90/app
  kill $!
  status=0
  wait $! || status=$?
  [ "$status" = 143 ]
  [ -z "$(ls -A tmp)" ]
  run -1 tagged wait-90/app
}
