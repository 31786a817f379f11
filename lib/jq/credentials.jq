# SPDX-License-Identifier: MIT
# Credentials of a registry, after common.jq: a file of podman, skopeo or docker goes in; what a credential
# helper says, where $helper is true. $host is the registry, $repository is without it.
# Out come lines, the best first: "helper NAME SERVER" or "line HOST USER SECRET"; then "end". Nothing of a secret gets into
# a message.

def hub: "https://index.docker.io/v1/";

# As docker wrote keys once: with a scheme and a path.
def normal:
  (split("://") | .[-1] | split("/")[0])
  | if . == "index.docker.io" or . == "registry-1.docker.io" then "docker.io" else . end;

# Most specific first.
def keys_of_image:
  ($repository | split("/")) as $parts
  | [range($parts | length; -1; -1) | [$host] + $parts[:.] | join("/")];

def decoded(what):
  string(what)
  | (try @base64d catch fail("\(what): expected base64 of USER:SECRET"))
  | (if test("\ufffd") then fail("\(what): expected UTF-8") else . end)
  | split(":")
  | if length < 2 then fail("\(what): expected base64 of USER:SECRET") else . end
  | [.[0], (.[1:] | join(":") | rtrimstr("\u0000"))];

# USER and SECRET of an entry; null where it has none
def pair(what):
  object(what)
  | if (.identitytoken // "") != "" then ["<token>", .identitytoken]
    elif (.auth // "") != "" then .auth | decoded("\(what): auth")
    elif (.registrytoken // "") != "" then fail("\(what): a registrytoken is not supported: log in again")
    elif (.username // "") != "" or (.password // "") != "" then [.username // "", .password // ""]
    else null end
  | if . == null then . else map(string("\(what): user or secret")) end;

def map_of(key): .[key] // {} | object(key);

# The value of the first of the keys that is there, else that of an old one for the same host.
def lookup(keys):
  . as $map
  | first((keys[] | $map[.] // empty),
      ($map | to_entries[] | select(.key | split("://") | length == 2 or .[0] == "index.docker.io")
        | select(.key | normal == $host) | .value), null);

def helper(what): [string(what)] | select(.[0] != "") | ["helper"] + . + [if $host == "docker.io" then hub else $host end];

def of_file:
  ((map_of("credHelpers") | lookup([$host])) // "" | helper("credHelpers")),
  (.credsStore // "" | helper("credsStore")),
  (map_of("auths") | map_values(. // {}) | lookup(keys_of_image)
    | select(. != null) | pair("auths: \($host)") | select(. != null) | ["line", $host] + .);

def of_helper:
  [.Username // "", .Secret // ""]
  | map(string("Username or Secret"))
  | select(.[1] != "")
  | ["line", $host] + .;

def utf8: if any(.[]; test("\ufffd")) then fail("\($host): user or secret: expected UTF-8") else . end;

document | object(if $helper then "the answer" else "the file" end) | (if $helper then of_helper else of_file end | utf8 | line), "end"
