# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $here, $work, attr: from beside
# Images in registries. All of the network is skopeo's: TLS, proxies, redirects and credentials.
#
#   registry_start                  checks the attributes
#   registry_digest                 sets imageDigest to the digest of what imageTag names
#   registry_pull FILE CALLED HASH  makes FILE, a docker-archive of that hash, or of any if it is "-"; prints the
#                                   hash. Messages call it CALLED
#   $file_name                      what nixpkgs calls that file

# shellcheck source=/dev/null
. "$share/pipeline.sh"

shopt -s extglob
shopt -s lastpipe # what reads skopeo's messages is not a subshell

registry_start() {
  need skopeo "$tool"
  [ -n "${attr[finalImageName]}" ] || attr[finalImageName]=${attr[imageName]}
  [ -n "${attr[finalImageTag]}" ] || attr[finalImageTag]=${attr[imageTag]-latest}
  registry_image imageName
  registry_image finalImageName
  registry_tag imageTag
  registry_tag finalImageTag
  registry_digest_check
  registry_platform
  # skopeo would go on without credentials
  [[ -z ${attr[authfile]} || -e ${attr[authfile]} ]] || fail "${called[authfile]}: '${attr[authfile]}' does not exist"
  file_name=docker-image-${attr[finalImageName]}-${attr[finalImageTag]}.tar
  file_name=${file_name//[\/:]/-}
}

# registry_image ATTRIBUTE: a name that skopeo takes for a name and nothing else
registry_image() {
  local name=${attr[$1]} part='[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*' host='([A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:]+\])(:[0-9]+)?'
  [[ ${#name} -le 255 && $name =~ ^($host/)?$part(/$part)*$ ]] ||
    usage "${called[$1]}: expected a name such as debian or registry.example/team/app, without a tag, found '$name'"
}

registry_tag() {
  [[ ! -v attr[$1] || ${attr[$1]} =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$ ]] ||
    usage "${called[$1]}: expected a tag such as latest or 1.0, found '${attr[$1]}'"
}

registry_digest_check() {
  [[ -z ${attr[imageDigest]} || ${attr[imageDigest]} =~ ^sha256:[0-9a-f]{64}$ ]] ||
    usage "${called[imageDigest]}: expected sha256: and 64 digits from 0 to 9 and a to f, found '${attr[imageDigest]}'"
}

# Sets platform. Without arch skopeo takes the machine that it runs on.
registry_platform() {
  local arch=${attr[arch]}
  [[ ${attr[os]} =~ ^[a-z0-9]+$ ]] || usage "${called[os]}: expected a name such as linux, found '${attr[os]}'"
  platform=(--override-os "${attr[os]}")
  [ -n "$arch" ] || return 0
  [ "$arch" != x86_64 ] || arch=amd64
  registry_machine
  platform+=(--override-arch "${arch%%/*}")
  [[ $arch != */* ]] || platform+=(--override-variant "${arch#*/}")
}

# That $arch is a machine as Go names it.
registry_machine() {
  local reason
  [[ $arch != */*/* ]] || usage "${called[arch]}: expected ARCH or ARCH/VARIANT, found '$arch'"
  if ! reason=$(config-json --architecture "${attr[os]}/$arch" </dev/null 2>&1 >/dev/null); then
    reason=${reason##*: expected }
    usage "${called[arch]}: expected ${reason% (see *}"
  fi
}

registry_digest() {
  local digest
  digest=$(heard tag_digest)
  [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || fail "skopeo: expected a digest, found '$digest'"
  attr[imageDigest]=$digest
}

tag_digest() {
  skopeo_words inspect --no-tags --format '{{.Digest}}' --tls-verify="${attr[tlsVerify]}" \
    -- "docker://${attr[imageName]}:${attr[imageTag]}"
  with_caller_environment "${words[@]}" 2>&4 || return 125
}

registry_pull() { heard pinned_copy "$@"; }

# Signatures have no place in an archive.
pinned_copy() {
  local progress=(--quiet)
  [[ ${attr[quiet]} = true || ! -t 2 ]] || progress=()
  skopeo_words copy "${progress[@]}" --remove-signatures --src-tls-verify="${attr[tlsVerify]}" \
    -- "docker://${attr[imageName]}@${attr[imageDigest]}" \
    "docker-archive:/dev/fd/3:${attr[finalImageName]}:${attr[finalImageTag]}"
  umask "$caller_umask"
  with_caller_environment "$here/../libexec/layerpipe/pinned" "$tool" "$@" "${words[@]}"
}

# skopeo_words COMMAND WORD…: sets words to what runs it
skopeo_words() {
  words=(skopeo --insecure-policy --tmpdir "$work" "${platform[@]}" "$1")
  [ -z "${attr[authfile]}" ] || words+=(--authfile "${attr[authfile]}")
  words+=("${@:2}")
}

# heard COMMAND…: tells what it says on descriptor 4, where skopeo's standard error is. It ends with 125 where
# skopeo failed.
heard() {
  local said='' status=0 words
  { { "$@" 4>&1 >&5 5>&-; } | listen; } 5>&1 || status=$?
  [[ $status != 125 || -n $said ]] || message 'skopeo failed and did not say why'
  [ "$status" != 125 ] || status=1
  [ "$status" = 0 ] || exit "$status"
}

# Lines such as: time="…" level=fatal msg="…", with \n, \t, \" and \\ in what is said.
listen() {
  local line kind
  while IFS= read -r line || [ -n "$line" ]; do
    said=1 kind=
    if [[ $line =~ ^time=\"[^\"]*\"\ level=([a-z]+)\ msg=(.*)$ ]]; then
      line=${BASH_REMATCH[2]#\"} line=${line%\"} line=${line//:\\n/: } line=${line//\\n/; }
      line=${line//\\t/} line=${line//\\\"/\"} line=${line//\\\\/\\}
      [ "${BASH_REMATCH[1]}" != warning ] || kind='warning: '
    fi
    # where it fails, it tries to remove the file, whose name that is not
    line=${line/ \(dest: remove \/dev\/fd\/3: +([a-z ])\): /} line=${line//\/dev\/fd\/3/$file_name}
    message "${kind}skopeo: ${line%; }$(advice "$line")"
  done
}

advice() {
  case $1 in
    *'server gave HTTP response to HTTPS client'*) echo ' (--tls-verify=false allows a registry without TLS)' ;;
    *'authentication required'* | *'unauthorized'*) echo " ('skopeo login' stores a user's name and password)" ;;
  esac
}
