# SPDX-License-Identifier: MIT
"""Which names are of one source: layer-plan(1) "Sources", word by word."""
import re


def version_of(name):
    """The name before its version, the version, and the version before the first +."""
    parts = name.split("-")
    ends = [i + 1 for i in range(1, len(parts)) if parts[i][:1].isdigit()]
    if not ends:
        return name, "", ""
    start = ends[-1] - 1
    while start > 1 and parts[start - 1][:1].isdigit():
        start -= 1
    start = max(range(start, ends[-1]), key=lambda i: (parts[i].split("+")[0].count("."), -i))
    version = "-".join(parts[start:ends[-1]])
    return "-".join(parts[:start]), version, version.split("+")[0]


def same_source(a, b):
    (name_a, version_a, release_a), (name_b, version_b, release_b) = version_of(a), version_of(b)

    def stem(name):
        name = re.sub(r"^(lua|ocaml|perl|php|python|ruby)[0-9.]*-(?=.)", "", name)
        return re.sub("^lib(?=.)", "", name)[:4]

    return version_a and version_b and (
        (release_a == release_b and (name_a == name_b or (len(release_a) >= 3 and stem(name_a) == stem(name_b)))) or
        (version_a == version_b and len(version_a) >= 10))
