# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $work, attr: from beside
# Credentials for registries, from where podman, skopeo and docker keep them (containers-auth.json(5)).
#
#   credentials_place NAME             sets host and repository from [HOST/]NAME[:TAG]
#   credentials_find HOST REPOSITORY   sets credentials to the line HOST TAB USER TAB SECRET, or to nothing where there
#                                      are none. Docker Hub is docker.io. attr[authfile] is read alone, if it is given
#
# A secret is in no argument, in no file and in no message.

credentials_place() {
  local name=$1
  [[ ${name##*/} != *:* ]] || name=${name%:*}
  host=${name%%/*} repository=${name#*/}
  [[ $name == */* && ($host == *[.:]* || $host == localhost) ]] || host=docker.io repository=$name
  [[ $host != @(index.docker.io|registry-1.docker.io) ]] || host=docker.io
  [[ $host != docker.io || $repository == */* ]] || repository=library/$repository
}

credentials_find() {
  local host=$1 repository=$2 files file found
  credentials=
  credentials_files
  for file in "${files[@]}"; do
    credentials_of "$file"
    [ -z "$credentials" ] || return 0
  done
}

# Sets files to those that are looked at, in their order. One that the user named must be there.
credentials_files() {
  local entry runtime=/run/containers/$EUID config='' docker='' home=''
  files=("${attr[authfile]}")
  for entry in "${environment_of_caller[@]}"; do
    case $entry in
      REGISTRY_AUTH_FILE=?*) files=("${attr[authfile]:-${entry#*=}}") ;;
      XDG_RUNTIME_DIR=?*) runtime=${entry#*=}/containers ;;
      XDG_CONFIG_HOME=?*) config=${entry#*=} ;;
      DOCKER_CONFIG=?*) docker=${entry#*=} ;;
      HOME=?*) home=${entry#*=} ;;
    esac
  done
  if [ -n "${files[0]}" ]; then
    [ -e "${files[0]}" ] || fail "cannot read '${files[0]}': No such file or directory"
    return 0
  fi
  [[ -n $config || -z $home ]] || config=$home/.config
  [[ -n $docker || -z $home ]] || docker=$home/.docker
  files=("$runtime/auth.json" ${config:+"$config/containers/auth.json"} ${docker:+"$docker/config.json"})
}

# credentials_of FILE: sets credentials to what it has for $host, itself or by a helper. One that is not there has none.
credentials_of() {
  local said candidate reason status=0
  [ ! -d "$1" ] || fail "cannot read '$1': Is a directory"
  said=$(credentials_jq --argjson helper false 2>"$work/credentials.err" <"$1") || status=$?
  credentials_failed "$1"
  while [ -n "$said" ]; do
    candidate=${said%%$'\n'*} said=${said#*$'\n'}
    case $candidate in
      line$'\t'*) credentials=${candidate#*$'\t'} ;;
      helper$'\t'*) credentials_help "${candidate#*$'\t'}" ;;
      end) return 0 ;;
    esac
    [ -z "$credentials" ] || return 0
  done
}

credentials_jq() {
  exec jq -sr --arg host "$host" --arg repository "$repository" "$@" \
    "$(<"$share/common.jq")$(<"$share/credentials.jq")"
}

# credentials_failed NAME: what jq or the opening of its input said, if status says so; what jq said is whole
credentials_failed() {
  if [ "$status" = 0 ]; then
    [[ $said == end || $said == *$'\n'end ]] || fail "cannot read '$1'"
    return 0
  fi
  IFS= read -r -d '' reason <"$work/credentials.err" || :
  reason=${reason%$'\n'}
  case $reason in
    *": line "*": $1: No such file or directory" | *": line "*": $1: Not a directory") said='' ;;
    *": line "*": $1: "*) fail "cannot read '$1': ${reason##*: }" ;;
    *'parse error: '*) fail "$1: not JSON: ${reason##*parse error: }" ;;
    *) fail "$1: ${reason#jq: error: }" ;;
  esac
}

# credentials_help NAME TAB SERVER: sets credentials to what the helper has, as docker asks it
credentials_help() {
  local name=${1%$'\t'*} server=${1#*$'\t'} said reason status=0
  [[ $name =~ ^[A-Za-z0-9_.-]+$ ]] || fail "expected the name of a credential helper, found '$name'"
  name=docker-credential-$name
  need "$name" "$host"
  said=$(printf '%s' "$server" | with_caller_environment "$name" get) || status=$?
  [[ $status = 0 || $said != *'credentials not found'* ]] || return 0
  reason=${said%%$'\n'*}
  # what it says of a failure is one plain line; an answer has the secret in it
  [[ $status = 0 || -z $reason || $reason == *[{}]* ]] || fail "$name: $reason"
  [ $status = 0 ] || fail "$name: failed with status $status"
  said=$(printf '%s' "$said" | credentials_jq --argjson helper true 2>"$work/credentials.err") || status=$?
  credentials_failed "$name"
  credentials=${said%end} credentials=${credentials%$'\n'}
  credentials=${credentials#*$'\t'}
}
