# SPDX-License-Identifier: MIT
# What image-manifest.jq and image-config.jq begin with; both get slurped input. What they find
# wrong ends them with one sentence.

def fail(sentence): sentence | halt_error(1);

def shown: tojson | if length > 60 then .[:60] + "…" else . end;

def kind:
  {string: "a string", number: "a number", boolean: "a boolean", array: "a list",
   object: "a map"}[type] // "null";

def wrong(what; expected): fail("\(what): expected \(expected), found \(kind)");

def document: if length == 1 then .[0] else fail("expected one JSON document, found \(length)") end;

def object(what): if type == "object" then . else wrong(what; "a map") end;

# null is as good as none
def list(what):
  if . == null then [] elif type == "array" then . else wrong(what; "a list") end;

def string(what): if type == "string" then . else wrong(what; "a string") end;

def digest(what):
  string(what)
  | if test("\\Asha256:[0-9a-f]{64}\\z") then .
    else fail("\(what): expected sha256: and 64 lower-case hex digits, found \(shown)") end;

# The escapes of layerpipe(7); a string is a list of code points here.
def hex: "0123456789abcdef"[.:. + 1];

def escape:
  if . == 92 then "\\\\" elif . == 9 then "\\t" elif . == 10 then "\\n" elif . == 13 then "\\r"
  elif . == 0 then fail("a NUL byte cannot be in a string")
  elif . < 32 or . == 127 then "\\x" + (. / 16 | floor | hex) + (. % 16 | hex)
  else [.] | implode end;

def field:
  if . == null then "-" elif . == "" then "\\e" elif . == "-" then "\\x2d"
  elif test("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f]") then explode | map(escape) | join("")
  else [.] | @tsv end; # what else has an escape, and much faster

def line: map(field) | join("\t");
