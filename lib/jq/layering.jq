# SPDX-License-Identifier: MIT
# A layering pipeline, a list of operations [name, argument…], to lines of position, word and
# argument: each operation, then its paths or, up to the word "end", the operations in it.
# What is wrong ends it with one sentence.

def fail(sentence): sentence | halt_error(1);

def shown: tojson | if length > 80 then .[:79] + "…" else . end;

def most: 64;

def line($at; $word; $argument):
  "\($at)\t\($word)\t\($argument | if . == "" then "\\e" elif . == "-" then "\\x2d" else [.] | @tsv end)";

def plain($at; $word): "\($at)\t\($word)\t-";

def wrong($at; $name; $expected):
  fail("operation \($at) (\($name)): expected \($expected), found \(shown)");

def as_list: if type == "array" then . else [.] end;

def paths($at; $name; $word; $expected):
  as_list[] | if type == "string" then line($at; $word; .) else wrong($at; $name; $expected) end;

def path_or_children($at; $name):
  "paths and {\"children_of\": paths}" as $expected
  | if type == "object" and keys == ["children_of"] then
      .children_of | paths($at; $name; "children_of"; $expected)
    else paths($at; $name; "path"; $expected) end;

def count($at; $name):
  if type == "number" and . >= 1 and . <= 4294967295 and floor == . then line($at; $name; tostring)
  else wrong($at; $name; "a number from 1") end;

def arguments($at; $name; $n):
  if length != $n + 1 then
    .[1:] | wrong($at; $name; if $n == 0 then "no argument" elif $n == 1 then "one argument"
      else "\($n) arguments" end)
  else . end;

def operation($at; $depth):
  if type != "array" or length == 0 or (.[0] | type) != "string" then
    fail("operation \($at): expected [name, argument…], found \(shown)")
  elif $depth > most then fail("operation \($at): nested deeper than \(most) operations")
  else .[0] as $name
  | if $name == "popularity_contest" or $name == "reverse" or $name == "flatten" then
      arguments($at; $name; 0) | plain($at; $name)
    elif $name == "split_every" or $name == "limit_layers" then
      arguments($at; $name; 1) | .[1] | count($at; $name)
    elif $name == "split_paths" then
      arguments($at; $name; 1) | .[1]
      | plain($at; $name), (as_list[] | path_or_children($at; $name))
    elif $name == "subcomponent_in" or $name == "subcomponent_out" or $name == "remove_paths" then
      arguments($at; $name; 1) | .[1] | plain($at; $name), paths($at; $name; "path"; "paths")
    elif $name == "over" then
      arguments($at; $name; 2)
      | if (.[1] | type) == "string" then line($at; $name; .[1])
        else .[1] | wrong($at; $name; "a key") end,
        (.[2] | operation("\($at).1"; $depth + 1)), plain($at; "end")
    elif $name == "map" then
      arguments($at; $name; 1)
      | plain($at; $name), (.[1] | operation("\($at).1"; $depth + 1)), plain($at; "end")
    elif $name == "pipe" then
      arguments($at; $name; 1) | .[1]
      | if type != "array" then wrong($at; $name; "a list of operations")
        else to_entries[] | .key as $i | .value | operation("\($at).\($i + 1)"; $depth + 1) end
    else fail("operation \($at): '\($name)': expected popularity_contest, split_paths, " +
      "subcomponent_in, subcomponent_out, over, pipe, map, split_every, limit_layers, " +
      "remove_paths, reverse or flatten") end
  end;

if type != "array" then fail("expected a list of operations, found \(shown)")
else to_entries[] | (.key + 1 | tostring) as $at | .value | operation($at; 1) end
