# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $work, $known, attr and others: from beside
# Images for registries, by registry-push.
#
#   push_start NAME   checks what is needed, before anything is built
#   push_end          brings the image of the layout $work/image to $output, a docker://NAME:TAG
#
# Credentials are those of credentials.sh, on a descriptor. A registry is asked to take over layers from the
# repositories that it got images in before, and from that of the base image. $known.repositories remembers the
# former: lines HOST TAB REPOSITORY, the last one at the end.

# shellcheck source=/dev/null
. "$share/credentials.sh"

push_sources_most=3 # as each can cost one question a layer

push_start() {
  authfile_check
  [[ $1 != '['* ]] || usage "${called[to]}: registry-push takes no IPv6 address, found '$1' (${called[via]} skopeo does)"
}

push_end() {
  local host repository credentials mode status=0 repositories=() sources=()
  credentials_place "${output#docker://}"
  push_sources
  credentials_find "$host" "$repository"
  progress_mode
  if [ "$mode" = bar ]; then
    pushed 4>&2 || status=$?
  else
    { { pushed 4>&1 >&5 5>&-; } | push_said; } 5>&2 || status=$?
  fi
  case $status in
    0) push_remember ;;
    1 | 2) exit "$status" ;;
    125) exit 1 ;; # layer-serve has said why
    *) fail "registry-push failed with status $status" ;;
  esac
}

# What registry-push says, on descriptor 4, is told apart from what layer-serve says of the base.
pushed() {
  local words=(registry-push "--tls-verify=${attr[tlsVerify]}" --progress "$mode" "${sources[@]}")
  [ -z "$credentials" ] || words+=(--credentials 6)
  # shellcheck disable=SC2016 # the other shell's
  "${serve[@]}" "$BASH" -c 'exec "$@" >/dev/null 2>&4 4>&-' - \
    env "${environment_of_caller[@]}" LC_ALL=C "${words[@]}" -- "$work/image" "$output" 6< <(printf '%s\n' "$credentials")
}

# The advice is for who calls it by hand.
push_said() {
  local line
  while IFS= read -r line || [ -n "$line" ]; do
    printf '%s\n' "${line/%: give --credentials)/: \'skopeo login\' stores a user\'s name and password)}" >&2
  done
}

# Sets sources to registry-push's options: the repositories of $host that may have the layers.
push_sources() {
  local found part='[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*' i
  push_repositories
  push_base
  for ((i = ${#repositories[@]} - 1; i >= 0 && ${#sources[@]} < 2 * push_sources_most; i--)); do
    found=${repositories[i]}
    [[ ${#found} -le 255 && $found =~ ^$part(/$part)*$ && $found != "$repository" ]] || continue
    [[ " ${sources[*]} " == *" $found "* ]] || sources+=(--mount-from "$found")
  done
}

# Sets repositories to those of $host that are remembered.
push_repositories() {
  local lines=() line
  [[ -n $known && -f $known.repositories ]] || return 0
  mapfile -t lines <"$known.repositories"
  for line in "${lines[@]}"; do
    [[ $line != "$host"$'\t'* ]] || repositories+=("${line#*$'\t'}")
  done
}

# Adds that of the base, if the base's file says that it is from $host.
push_base() {
  local lines=() line
  [ ${#base_served[@]} != 0 ] || return 0
  image-layers --repo-tags -- "${base[-1]}" >"$work/base.names" 2>/dev/null || return 0
  mapfile -t lines <"$work/base.names"
  for line in "${lines[@]}"; do
    [[ $line != "$host/"* ]] || { line=${line#"$host/"} && repositories+=("${line%:*}"); }
  done
}

# What is among the last ones already is not written again.
push_remember() {
  local reason first
  [ -n "$known" ] || return 0
  repositories=()
  push_repositories
  first=$((${#repositories[@]} > push_sources_most ? ${#repositories[@]} - push_sources_most : 0))
  [[ " ${repositories[*]:first} " != *" $repository "* ]] || return 0
  reason=$( (umask "$caller_umask" && printf '%s\t%s\n' "$host" "$repository" >>"$known.repositories") 2>&1) ||
    message "warning: cannot remember '$output': cannot write '$known.repositories': ${reason##*: }"
}
