# SPDX-License-Identifier: MIT
"""graph.py PATHS REFERENCES FILE: a closure of that size, as FILE.json and as FILE.registration.

Layers of libraries below programs: a path refers to some of the paths before it, mostly to a few
that everything needs. The same bytes every time.
"""
import json
import random
import sys

paths, references = map(int, sys.argv[1:3])
chosen = random.Random(1)
alphabet = "0123456789abcdfghijklmnpqrsvwxyz"
names = [f"/nix/store/{''.join(chosen.choices(alphabet, k=32))}-package-{i}" for i in range(paths)]

refers = [set() for _ in names]
count = 0
while count < references:
    i = chosen.randrange(1, paths)
    # the square draws towards the early paths
    j = int(i * chosen.random() ** 2)
    if j not in refers[i]:
        refers[i].add(j)
        count += 1

entries = [
    {
        "path": name,
        "narHash": "sha256-" + "A" * 43 + "=",
        "narSize": 120 + chosen.randrange(1 << 22),
        "references": [names[j] for j in sorted(refers[i])],
    }
    for i, name in enumerate(names)
]

# what nix path-info --json tells, and what nix-store --dump-db does
with open(sys.argv[3] + ".json", "w") as file:
    json.dump(entries, file)
with open(sys.argv[3] + ".registration", "w") as file:
    for entry in entries:
        lines = [entry["path"], "0" * 64, entry["narSize"], "", len(entry["references"]), *entry["references"]]
        print(*lines, sep="\n", file=file)
