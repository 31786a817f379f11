# SPDX-License-Identifier: MIT
# config.jq: the config object → image-config(5) lines, then "# end". Sees to it that each key has the
# type that clients expect; what the values may be is config-json's to check. A key without lines
# of its own goes through as JSON. Run with -rs.

def bad(text): text | halt_error(1);

def shown: tojson | if length > 60 then .[:60] + "…" else . end;

def kind:
  {string: "a string", number: "a number", boolean: "a boolean", array: "a list",
   object: "an object"}[type] // "null";

def kinds: {
  User: "text", WorkingDir: "text", StopSignal: "text", Hostname: "text", Domainname: "text",
  Image: "text", MacAddress: "text",
  Cmd: "list", Entrypoint: "list", Env: "list", OnBuild: "list", Shell: "list",
  ExposedPorts: "ports", Volumes: "set", Labels: "map",
  Memory: "number", MemorySwap: "number", CpuShares: "number", StopTimeout: "number",
  ArgsEscaped: "boolean", AttachStdin: "boolean", AttachStdout: "boolean",
  AttachStderr: "boolean", Tty: "boolean", OpenStdin: "boolean", StdinOnce: "boolean",
  NetworkDisabled: "boolean"};

# The insertions, deletions and changes of a letter that lead from one list of code points to another
def distance($a; $b):
  reduce range($a | length) as $i ([range($b | length + 1)];
    . as $row
    | reduce range($b | length) as $j ([$i + 1];
        . + [[.[-1] + 1, $row[$j + 1] + 1, $row[$j] + if $a[$i] == $b[$j] then 0 else 1 end] | min]))
  | last;

# What others call Cmd and Env
def others: {Command: "Cmd", Environment: "Env"};

# The known key that a mistyped one may have meant, or null: nearer than base/near.h asks for, as an
# unknown key is no error here.
def nearest:
  ascii_downcase as $key
  | [(kinds, others | keys[]), "Healthcheck"]
  | map({name: ., n: distance($key | explode; ascii_downcase | explode), most: ([length / 3 | floor, 3] | min)})
  | map(select(.n <= .most)) | min_by(.n, .name).name
  | others[. // ""] // .;

# A key goes through as JSON unless it looks like one of the above, or this is the configuration of a
# whole image.
def other($key):
  if $key == "config" then bad("unknown key \"config\": expected the map that it stands for")
  elif $key == "Healthcheck" or ($key | length) > 32 then $key
  else ($key | nearest) as $meant
    | if $meant then bad("unknown key \($key | shown): did you mean \($meant)?") else $key end
  end;

# The escapes of layerpipe(7); a string is a list of code points here.
def hex: "0123456789abcdef"[.:. + 1];

def escape:
  if . == 92 then "\\\\" elif . == 9 then "\\t" elif . == 10 then "\\n" elif . == 13 then "\\r"
  elif . < 32 or . == 127 then "\\x" + (. / 16 | floor | hex) + (. % 16 | hex)
  else [.] | implode end;

def field($key):
  if . == "" then "\\e" elif . == "-" then "\\x2d"
  elif explode | all(. >= 32 and . != 92 and . != 127) then .
  elif explode | any(. == 0) then bad("\($key): a NUL byte cannot be in a string")
  else explode | map(escape) | join("") end;

def wrong($key; what): bad("\($key): expected \(what), found \(kind)");

def scalar($key; $json; what): if type == $json then tostring else wrong($key; what) end;

def list($key):
  if type != "array" then wrong($key; "a list of strings")
  else .[] | if type == "string" then .
    else bad("\($key): expected a list of strings, found \(kind) in it") end end;

def set($key; what):
  if type != "object" then wrong($key; what)
  else to_entries[] | if .value == {} or .value == null then .key
    else bad("\($key): expected {} as the value of \(.key | shown), found \(.value | shown)") end end;

def map_of_strings($key):
  if type != "object" then wrong($key; "an object of strings")
  else to_entries[] | if .value | type == "string" then [.key, .value]
    else bad("\($key): expected a string as the value of \(.key | shown), found \(.value | kind)") end end;

# Lists that replace the one of a base image, be they empty.
def replaces($key; $value): $value == [] and ($key | IN("Cmd", "Entrypoint", "Shell"));

# The fields after the key, for each of its lines.
def fields($key):
  kinds[$key] as $kind
  | if $kind == "map" then map_of_strings($key)
    elif $kind == "text" then scalar($key; "string"; "a string") | [.]
    elif $kind == "number" then scalar($key; "number"; "a number") | [.]
    elif $kind == "boolean" then scalar($key; "boolean"; "true or false") | [.]
    elif $kind == "set" then set($key; "an object whose values are {}") | [.]
    elif $kind == "ports" and type != "array" then set($key; "an object of ports, or a list of ports") | [.]
    else list($key) | [.] end;

if length == 1 and (.[0] | type) == "object" then .[0]
else bad("expected one object, found \(if length == 1 then .[0] | kind else "\(length) values" end)") end
| (to_entries[]
  | select(.value != null)
  | .key as $key
  | .value
  | if replaces($key; .) then ["reset", $key]
    elif kinds[$key] then [$key] + fields($key) else ["json", other($key), tojson] end
  | map(field($key))
  | join("\t")),
  "# end"
