# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $here, $work, attr: from beside
# Images that come from registries.
#
#   registry_start                  checks the attributes
#   registry_digest                 sets imageDigest to the digest of what imageTag names
#   registry_pull FILE CALLED HASH  makes FILE, a docker-archive of that hash, or of any if it is "-"; prints the
#                                   hash. Messages call it CALLED
#   $file_name                      what nixpkgs calls that file

# shellcheck source=/dev/null
. "$share/pipeline.sh"
. "$share/skopeo.sh"

registry_start() {
  skopeo_start
  [ -n "${attr[finalImageName]}" ] || attr[finalImageName]=${attr[imageName]}
  [ -n "${attr[finalImageTag]}" ] || attr[finalImageTag]=${attr[imageTag]-latest}
  skopeo_name imageName "${attr[imageName]}"
  skopeo_name finalImageName "${attr[finalImageName]}"
  skopeo_tag imageTag "${attr[imageTag]-latest}"
  skopeo_tag finalImageTag "${attr[finalImageTag]}"
  registry_digest_check
  registry_platform
  file_name=docker-image-${attr[finalImageName]}-${attr[finalImageTag]}.tar
  file_name=${file_name//[\/:]/-}
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
