# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034 # DIGEST is for others
#
# A registry of our own on a free port of the loopback, and a client that keeps to itself.
#
#   registry_start DIR [YAML…]   starts one whose files lie in DIR, with these lines in its configuration;
#                                sets REGISTRY to its host and port, and REGISTRY_LOG
#   registry_stop                ends it
#   registry_push ARCHIVE NAME   puts an image there; sets DIGEST
#   registry_index NAME ARCH…    NAME:1.0 becomes an index of NAME:ARCH…; sets DIGEST
#   auth_start                   starts one that asks for tokens, and who gives them, in auth/; adds both to started
#   fake_start DIR               starts tests/fixtures/fake-registry, which tells its ports in DIR/ports; sets FAKE_PID
#   registry_requests            what it was asked for since registry_forget: METHOD PATH STATUS, one a line

registry_start() {
  local i
  mkdir -p "$1"
  lines 'version: 0.1' 'log: {level: info}' "storage: {filesystem: {rootdirectory: $1/storage}}" \
    'http: {addr: "127.0.0.1:0"}' "${@:2}" >"$1/config.yml"
  : >"$1/log" # it is read before the registry may have begun
  env -i docker-registry serve "$1/config.yml" >"$1/log" 2>&1 3>&- &
  export REGISTRY='' REGISTRY_PID=$! REGISTRY_LOG=$1/log
  for ((i = 0; i < 200; i++)); do
    REGISTRY=$(sed -nE 's/.*listening on (127\.0\.0\.1:[0-9]+)".*/\1/p' "$REGISTRY_LOG")
    [ -z "$REGISTRY" ] || break
    sleep 0.05
  done
  [ -n "$REGISTRY" ] || { cat "$REGISTRY_LOG" >&2 && return 1; }
  skopeo_alone "$1"
}

# Nothing of this user's comes to skopeo, and nothing of skopeo's to this user.
skopeo_alone() {
  mkdir -p "$1/home"
  export HOME=$1/home XDG_RUNTIME_DIR=$1/home XDG_DATA_HOME=$1/home XDG_CONFIG_HOME=$1/home
  unset REGISTRY_AUTH_FILE DOCKER_CONFIG
}

registry_stop() {
  [ -n "${REGISTRY_PID:-}" ] || return 0
  kill "$REGISTRY_PID" || return 0
  while [ -e "/proc/$REGISTRY_PID/exe" ]; do sleep 0.02; done
  REGISTRY_PID=
}

registry_push() {
  skopeo --insecure-policy copy --quiet --dest-tls-verify=false --digestfile digest "${@:3}" "$1" "docker://$REGISTRY/$2"
  DIGEST=$(<digest)
}

registry_index() {
  local name=$1 arch
  shift
  for arch; do
    skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/$name:$arch" |
      jq -R -s --arg arch "$arch" --arg digest "$(skopeo_digest "$name:$arch")" \
        '{mediaType: fromjson.mediaType, size: length, digest: $digest, platform: {os: "linux", architecture: $arch}}'
  done | jq -cs '{schemaVersion: 2, mediaType: "application/vnd.docker.distribution.manifest.list.v2+json", manifests: .}' >index.json
  python3 - "http://$REGISTRY/v2/$name/manifests/1.0" <<'END'
import sys, urllib.request
urllib.request.urlopen(urllib.request.Request(sys.argv[1], open("index.json", "rb").read(), method="PUT", headers={
    "Content-Type": "application/vnd.docker.distribution.manifest.list.v2+json"}))
END
  DIGEST=$(skopeo_digest "$name:1.0")
}

skopeo_digest() {
  skopeo inspect --no-tags --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/$1"
}

registry_forget() { registry_seen=$(wc -l <"$REGISTRY_LOG"); }

registry_requests() {
  tail -n "+$((${registry_seen:-0} + 1))" "$REGISTRY_LOG" |
    sed -nE 's/^127\.0\.0\.1 .* "([A-Z]+ [^ ]+) HTTP[^"]*" ([0-9]+) .*/\1 \2/p'
}

fake_start() {
  mkdir -p "$1"
  "$TOP/tests/fixtures/fake-registry" "$1" 3>&- &
  export FAKE_PID=$!
  until [ -e "$1/ports" ]; do kill -0 "$FAKE_PID" && sleep 0.05 || return; done
}

auth_start() {
  mkdir -p auth/tokens
  "$TOP/tests/fixtures/token-server" auth/tokens registry >auth/err 2>&1 3>&- &
  started+=($!)
  until [ -e auth/tokens/port ]; do sleep 0.05; done
  registry_start "$PWD/auth" "auth: {token: {realm: 'http://127.0.0.1:$(<auth/tokens/port)/token', service: registry,
    issuer: layerpipe-tests, rootcertbundle: '$PWD/auth/tokens/cert.pem'}}"
  started+=("$REGISTRY_PID")
}
