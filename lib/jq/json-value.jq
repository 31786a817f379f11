# SPDX-License-Identifier: MIT
# Slurped input: one JSON value, which comes out in brackets, so that a string keeps its quotes.
# jq reads nan, makes 1e1000 finite and rounds whole numbers beyond 2^53.
def fits: (isnan | not) and fabs <= 9007199254740992;

if [.. | numbers | select(fits | not)] != [] then
  "expected numbers that JSON and its readers can hold, found one too large, or none" | halt_error(1)
elif length == 1 then . else "expected one JSON value, found \(length)" | halt_error(1) end
