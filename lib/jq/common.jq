# SPDX-License-Identifier: MIT
# What credentials.jq and oci-index.jq begin with; both get slurped input. What they find wrong ends them with one
# sentence.

def fail(sentence): sentence | halt_error(1);

def shown: tojson | if length > 60 then .[:60] + "…" else . end;

def kind:
  {string: "a string", number: "a number", boolean: "a boolean", array: "a list",
   object: "an object"}[type] // "null";

def wrong(what; expected): fail("\(what): expected \(expected), found \(kind)");

def document: if length == 1 then .[0] else fail("expected one JSON document, found \(length)") end;

def object(what): if type == "object" then . else wrong(what; "an object") end;

# null is as good as none
def list(what):
  if . == null then [] elif type == "array" then . else wrong(what; "a list") end;

def string(what): if type == "string" then . else wrong(what; "a string") end;

# The escapes of layerpipe(7). @tsv makes the usual ones; the others are rare.
def hex: "0123456789abcdef"[.:. + 1];

def odd_bytes: range(1; 9), 11, 12, range(14; 32), 127;

def escape:
  if test("[\\x01-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f]") then
    reduce odd_bytes as $byte (.; ("\\x" + ($byte / 16 | floor | hex) + ($byte % 16 | hex)) as $hex
      | split([$byte] | implode) | [.[0], (.[1:][] | $hex, .)] | add) # join copies all it has
  else . end;

def field:
  if . == null then "-" elif . == "" then "\\e" elif . == "-" then "\\x2d"
  elif test("\\x00") then fail("a NUL byte cannot be in a string")
  else [.] | @tsv | escape end;

def line: map(field) | join("\t");
