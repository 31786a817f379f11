# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 # $tool, $work, attr: from beside
# skopeo, for what comes from registries and what goes to them. All of the network is skopeo's: TLS, proxies,
# redirects and credentials.
#
#   skopeo_start [PURPOSE]       checks that it is there, and authfile
#   authfile_check               checks the latter alone
#   skopeo_name ATTRIBUTE NAME   that it takes the name for a name of an image and nothing else
#   skopeo_tag ATTRIBUTE TAG     the same of a tag
#   skopeo_words COMMAND WORD…   sets words to what runs it, with ${platform[@]}
#   heard COMMAND…               tells what it says on descriptor 4, where skopeo's standard error is. It ends with
#                                125 where skopeo failed
#   $file_name                   what messages call its descriptor 3

shopt -s extglob
shopt -s lastpipe # what reads skopeo's messages is not a subshell

platform=() file_name=''

skopeo_start() {
  need skopeo "${1:-$tool}"
  authfile_check
}

# Without this check a push with a wrong file name would go on without credentials.
authfile_check() {
  [[ -z ${attr[authfile]} || -e ${attr[authfile]} ]] || fail "${called[authfile]}: '${attr[authfile]}' does not exist"
}

skopeo_name() {
  local part='[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*' host='([A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:]+\])(:[0-9]+)?'
  [[ ${#2} -le 255 && $2 =~ ^($host/)?$part(/$part)*$ ]] ||
    usage "${called[$1]}: expected a name such as debian or registry.example/team/app, without a tag, found '$2'"
}

skopeo_tag() {
  [[ $2 =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$ ]] ||
    usage "${called[$1]}: expected a tag such as latest or 1.0, found '$2'"
}

skopeo_words() {
  words=(skopeo --insecure-policy --tmpdir "$work" "${platform[@]}" "$1")
  [ -z "${attr[authfile]}" ] || words+=(--authfile "${attr[authfile]}")
  words+=("${@:2}")
}

heard() {
  local said='' status=0 words
  { { "$@" 4>&1 >&5 5>&-; } | listen; } 5>&1 || status=$?
  [[ $status != 125 || -n $said ]] || message 'skopeo failed and did not say why'
  [ "$status" != 125 ] || status=1
  [ "$status" = 0 ] || exit "$status"
}

# Lines such as: time="…" level=fatal msg="…", with \n, \t, \" and \\ in what is said.
listen() {
  local line kind advice
  while IFS= read -r line || [ -n "$line" ]; do
    said=1 kind=
    if [[ $line =~ ^time=\"[^\"]*\"\ level=([a-z]+)\ msg=(.*)$ ]]; then
      line=${BASH_REMATCH[2]#\"} line=${line%\"} line=${line//:\\n/: } line=${line//\\n/; }
      line=${line//\\t/} line=${line//\\\"/\"} line=${line//\\\\/\\}
      [ "${BASH_REMATCH[1]}" != warning ] || kind='warning: '
    fi
    # where it fails, it tries to remove the file, whose name that is not
    line=${line/ \(dest: remove \/dev\/fd\/3: +([a-z ])\): /} line=${line//\/dev\/fd\/3/$file_name}
    advise "$line"
    message "${kind}skopeo: ${line%; }$advice"
  done
}

# Sets advice. Where a command substitution finds no pipe, bash closes its standard input, and this loop never ends.
advise() {
  advice=
  case $1 in
    *'server gave HTTP response to HTTPS client'*) advice=' (--tls-verify=false allows a registry without TLS)' ;;
    *'authentication required'* | *'unauthorized'* | *'requested access to the resource is denied'*)
      advice=" ('skopeo login' stores a user's name and password)"
      ;;
  esac
}
