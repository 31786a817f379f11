# SPDX-License-Identifier: MIT
# Store paths as JSON tells them, to closure-graph(5) lines. Options: --arg store_dir DIR
# (where names without a directory lie), --arg key NAME (the graph in an .attrs.json).
# What is wrong ends it with one sentence.

def fail(sentence): sentence | halt_error(1);

def shown: tojson | if length > 80 then .[:79] + "…" else . end;

# newer versions leave the store directory out
def full($dir): if startswith("/") then . else $dir + "/" + . end;

# store paths as one TAB-separated string, spaces in them hidden
def fields: @tsv | if contains(" ") then split(" ") | join("\\x20") else . end;

def nar_size($path):
  if . == null then "-"
  elif type == "number" and . >= 0 and . <= 9007199254740992 and floor == . then .
  else fail("'\($path)': narSize: expected a number of bytes, found \(shown)") end;

# a string or a structured hash, in any encoding: the reader of the lines knows them
def nar_hash($path):
  if . == null then "-"
  elif type == "string" then [.] | @tsv
  elif type == "object" and (.algorithm | type) == "string" and (.hash | type) == "string" then
    ["\(.algorithm):\(.hash)"] | @tsv
  else fail("'\($path)': narHash: expected a hash, found \(shown)") end;

def references($path; $dir):
  def wrong: fail("'\($path)': references: expected a list of store paths, found \(shown)");
  if type != "array" then wrong
  elif length == 0 then "\\e"
  # one that is no string is what full cannot do
  else . as $list | try map(full($dir)) catch ($list | wrong)
    | fields | split("\t") | join(" ") end;

# the last field, which is left out where it is not known
def deriver($path; $dir):
  if . == null or . == "" or . == "unknown-deriver" then ""
  elif type == "string" then "\t\([full($dir)] | @tsv)"
  else fail("'\($path)': deriver: expected a store path, found \(shown)") end;

# one path: an object, or null where the store does not have it
def line($path; $dir):
  if . == null or (type == "object" and .valid == false) then
    fail("'\($path)' is not valid in the store it was asked of: build or fetch it first")
  elif type != "object" then fail("'\($path)': expected an object, found \(shown)")
  else "\([$path] | fields)\t\(.narSize | nar_size($path))\t\(
    .narHash | nar_hash($path))\t\(.references | references($path; $dir))\(.deriver | deriver($path; $dir))" end;

def is_path: type == "object" and (.path | type) == "string";

def listed($dir):
  if is_path then line(.path | full($dir); $dir)
  else fail("expected an object with a path, found \(shown)") end;

def keyed($dir): to_entries[] | (.key | full($dir)) as $path | .value | line($path; $dir);

def is_graph:
  type == "array" and length > 0 and all(is_path and (.references | type) == "array");

# the one graph in an .attrs.json
def only_graph:
  . as $attrs | [keys[] | select($attrs[.] | is_graph)]
  | if length == 1 then $attrs[.[0]]
    elif length == 0 then
      fail("expected a closure, found an object without one; its keys: " +
        ($attrs | keys | join(" ") | .[:200]))
    else fail("more than one closure in it: choose one with --key: " + join(" ")) end;

def lines($dir):
  if type == "array" then .[] | listed($dir)
  elif type != "object" then fail("expected an object or a list of paths, found \(shown)")
  elif (.info | type) == "object" and has("version") then
    (.storeDir // $dir) as $own | .info | keyed($own)
  elif is_path and has("references") then listed($dir)
  elif all(keys_unsorted[]; startswith("/")) then keyed($dir)
  else only_graph[] | listed($dir) end;

def chosen($key):
  if type == "object" and has($key) then .[$key]
  elif type == "object" then fail("no key '\($key)'; its keys: " + (keys | join(" ") | .[:200]))
  else fail("expected an object with the key '\($key)', found \(shown)") end;

$ARGS.named as $options
| if $options | has("key") then chosen($options.key) else . end
| lines($options.store_dir)
