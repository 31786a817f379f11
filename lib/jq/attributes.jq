# SPDX-License-Identifier: MIT
# attributes.jq: an object of attributes → NAME NUL VALUE NUL … for each attribute (for each element of a
# list; the value of a closure that is a graph itself is empty; "?" and its name for one that there is not), then "end" NUL. $types has a line for each
# attribute that there is: name, type, what is expected. Run with -s.

def bad(text): text | halt_error(1);

def shown: tojson | if length > 60 then .[:60] + "…" else . end;

def wrong($a): bad("\($a.name): expected \($a.expected), found \(shown)");

def is_text: type == "string" and (explode | all(. != 0));

def is_map: type == "object" and all(.[]; is_text) and (keys | all(is_text and . != "" and (contains("=") | not)));

def texts($a):
  if $a.type == "list" then (arrays // [.])[] | if is_text and . != "" then . else wrong($a) end
  elif $a.type == "map" then if is_map then to_entries[] | "\(.key)=\(.value)" else wrong($a) end
  elif $a.type == "flag" then if type == "boolean" then tojson else wrong($a) end
  elif $a.type == "number" then if type == "number" then tojson else wrong($a) end
  elif $a.type == "config" then if type == "object" then tojson else wrong($a) end
  elif $a.type == "pipeline" and type == "array" then tojson
  elif $a.type == "closure" and (type == "array" or type == "object") then ""
  elif is_text and (. != "" or $a.type == "string") then .
  else wrong($a) end;

# What Nix writes to a derivation's .attrs.json: the derivation's own attributes stand beside
# ours, and its name hides the image's, which is imageName there.
def is_derivation: has("builder") and has("outputs");

($types | split("\n") | map(select(. != "") | split("\t")
  | {key: .[0], value: {name: .[0], type: .[1], expected: .[2]}})
  | from_entries | del(.attrs)) as $known
| if length == 1 and (.[0] | type) == "object" then .[0] else bad("expected one JSON object") end
| is_derivation as $derivation
| if $derivation | not then .
  elif $known.imageName then del(.name)
  else .name = .imageName | del(.imageName) end
| (to_entries[]
  | select(.value != null)
  | .key as $name
  | if $known[$name] then .value | texts($known[$name]) | $name, "\u0000", ., "\u0000"
    elif $derivation then empty
    else "?", "\u0000", ($name | shown | .[1:-1]), "\u0000" end),
  "end\u0000"
