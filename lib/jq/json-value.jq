# SPDX-License-Identifier: MIT
# Slurped input: one JSON value of the config object, which comes out in brackets, so that a string keeps
# its quotes. $key is its key: what clients expect of it is checked, as they do not load an image
# in which it is of another type.

def bad(text): text | halt_error(1);

def shown: tojson | if length > 60 then .[:60] + "…" else . end;

# jq reads nan, makes 1e1000 finite and rounds whole numbers beyond 2^53.
def fits: (isnan | not) and fabs <= 9007199254740992;

def is_integer: type == "number" and floor == .;

# The value of a member, in whatever capitals it is written; Go takes null for none.
def member(name): to_entries[] | select((.key | ascii_downcase) == (name | ascii_downcase)) | .value | values;

# Docker's HealthConfig
def check_healthcheck:
  if type != "object" then bad("expected an object such as {\"Test\": [\"CMD\", \"/bin/check\"]}, found \(shown)")
  else
    (member("Test") | if type == "array" and all(type == "string") then empty
      else bad("Test: expected a list of strings such as [\"CMD\", \"/bin/check\"], found \(shown)") end),
    (("Interval", "Timeout", "StartPeriod", "StartInterval") as $name | member($name) | if is_integer then empty
      else bad("\($name): expected a number of nanoseconds, 30000000000 for 30 s, found \(shown)") end),
    (member("Retries") | if is_integer then empty else bad("Retries: expected a number, found \(shown)") end)
  end;

if [.. | numbers | select(fits | not)] != [] then
  bad("expected numbers that JSON and its readers can hold, found one too large, or none")
elif length != 1 then bad("expected one JSON value, found \(length)")
elif ($key | ascii_downcase) == "healthcheck" then (.[0] | values | check_healthcheck), .
else . end
