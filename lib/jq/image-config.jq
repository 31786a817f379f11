# SPDX-License-Identifier: MIT
# An image configuration (OCI image specification, "Image Configuration") to lines: first
#   layer DIFF-ID COMMENT for each layer,
# then what is in it as image-config(5). What has no form there is left out, and so is a history
# that does not fit the layers. Shapes are checked as clients do it; values are the reader's.

# Keys at the top, and those of the config object that have lines of their own
def tops: {
  created: "text", author: "text", architecture: "text", os: "text", "os.version": "text",
  "os.features": "list", variant: "text"};

def kinds: {
  User: "text", WorkingDir: "text", StopSignal: "text", Hostname: "text", Domainname: "text",
  Image: "text", MacAddress: "text",
  Cmd: "list", Entrypoint: "list", Env: "list", OnBuild: "list", Shell: "list",
  ExposedPorts: "set", Volumes: "set", Labels: "map",
  Memory: "number", MemorySwap: "number", CpuShares: "number", StopTimeout: "number",
  ArgsEscaped: "boolean", AttachStdin: "boolean", AttachStdout: "boolean",
  AttachStderr: "boolean", Tty: "boolean", OpenStdin: "boolean", StdinOnce: "boolean",
  NetworkDisabled: "boolean"};

# Go, and so every client, reads keys in any mixture of capitals.
def spelled(names): . as $key
  | first(names | keys_unsorted[] | select(ascii_downcase == ($key | ascii_downcase))) // $key;

def is_empty: . == null or . == "" or . == [] or . == {};

# The values of a key, each a list of fields.
def values($key; $kind):
  if $kind == "text" then [string($key)]
  elif $kind == "number" then if type == "number" then [tostring] else wrong($key; "a number") end
  elif $kind == "boolean" then if type == "boolean" then [tostring] else wrong($key; "true or false") end
  elif $kind == "list" then
    # docker takes one string for a list of one
    if type == "string" then [.] else list($key)[] | [string($key)] end
  elif $kind == "set" then object($key) | keys_unsorted[] | [.]
  else object($key) | to_entries[] | .key as $name | [$name, (.value | string("\($key) \($name | shown)"))] end;

def top_lines:
  to_entries[]
  | (.key | spelled(tops)) as $key
  | select(tops[$key]) | .value | select(is_empty | not)
  | [$key] + values($key; tops[$key]);

def config_lines:
  to_entries[]
  | (.key | spelled(kinds)) as $key
  | .value
  | if kinds[$key] then select(is_empty | not) | [$key] + values($key; kinds[$key])
    elif . == null then empty
    elif $key | test("\\A[A-Za-z0-9._-]+\\z") then ["json", $key, tojson]
    else empty end;

def diff_ids:
  .rootfs | object("rootfs") | .diff_ids | list("diff_ids") | map(digest("diff_ids"));

# The entries, or none where they do not tell of these layers.
def history($layers):
  (.history | list("history") | map(object("history")))
  | if map(select(.empty_layer != true)) | length == $layers then . else [] end;

def text($what): if is_empty then null else string("history: \($what)") end;

def history_line:
  ["history", (.created | text("created")), (.author | text("author")),
   (.created_by | text("created_by")), (.comment | text("comment")),
   if .empty_layer == true then "true" else null end];

def layer_lines($ids; $history):
  [$history[] | select(.empty_layer != true)
    | [(.comment | text("comment")), (.created_by | text("created_by"))]] as $texts
  | range($ids | length) | ["layer", $ids[.], $texts[.][0], $texts[.][1]];

document
| object("configuration")
| diff_ids as $ids
| history($ids | length) as $history
| layer_lines($ids; $history), top_lines,
  (.config | if . == null then {} else object("config") end | config_lines),
  ($history[] | history_line)
| line
