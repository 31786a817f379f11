# SPDX-License-Identifier: MIT
# Slurped input: one JSON value, which comes out in brackets, so that a string keeps its quotes.
if length == 1 then . else "expected one JSON value, found \(length)" | halt_error(1) end
