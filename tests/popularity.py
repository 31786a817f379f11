#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An independent brute force of layer-plan, and the graphs to try it on.

  popularity.py plan LAYERS <GRAPH     the plan that is expected
  popularity.py counts <GRAPH          "NAME POPULARITY" of each path, by name
  popularity.py diamonds N             a graph of N diamonds on top of each other
  popularity.py chain N                a graph of N paths in a row
  popularity.py check N                runs layer-plan on N random graphs and compares

It follows the definition as dockerTools came to it, not the one that layer-plan uses: a counter
for each path, made of the counters of what the path refers to. Each reference counts 1 for its
target, and 1 for each path that the target's counter has, on top of what that counter says.
"""
import collections
import functools
import random
import subprocess
import sys

ALPHABET = "0123456789abcdfghijklmnpqrsvwxyz"
NAMES = ["foo", "foo-1", "foo-1.2", "foo.1", "foo+x", "foo_x", "foo?", "FOO", "bar", "bar-1-lib"]


def path(number, name):
    digits = ""
    for _ in range(32):
        number, digit = divmod(number, 32)
        digits = ALPHABET[digit] + digits
    return f"/nix/store/{digits}-{name}"


def write(graph, out):
    for p in graph:
        refs = " ".join(graph[p]) or "\\e"
        out.append(f"{p}\t{len(graph[p]) * 100}\t-\t{refs}\n")
    return "".join(out)


def read(text):
    rows = [line.split("\t") for line in text.splitlines()]
    return {row[0]: [r for r in row[3].split(" ") if r not in (row[0], "\\e")] for row in rows}


def counts(graph):
    @functools.lru_cache(None)
    def counter(p):
        c = collections.Counter()
        for ref in graph[p]:
            c[ref] += 1
            for below, n in counter(ref).items():
                c[below] += n + 1
        return c

    roots = set(graph) - {r for p in graph for r in graph[p]}
    total = collections.Counter()
    for root in roots:
        total[root] += 1
        for below, n in counter(root).items():
            total[below] += n + 1
    return total


def rotated(p):
    front, *rest = p.split("-")
    return "-".join(rest + [front]).encode()


def plan(text, layers):
    popularity = counts(read(text))
    facts = {line.split("\t")[0]: line.split("\t")[1:3] for line in text.splitlines()}
    order = sorted(popularity, key=lambda p: (-popularity[p], rotated(p)))
    rows = [(min(rank, layers), p, *facts[p]) for rank, p in enumerate(order, 1)]
    return "".join("%d\t%s\t%s\t%s\n" % row for row in rows)


def random_graph(rng):
    n = rng.randint(1, 40)
    density = rng.choice([0.02, 0.1, 0.3, 0.8])
    numbers = rng.sample(range(10**6), n)
    paths = [path(number, rng.choice(NAMES)) for number in numbers]
    graph = {}
    for i, p in enumerate(paths):
        refs = [q for q in paths[:i] if rng.random() < density]
        graph[p] = sorted(refs + [p] * rng.randint(0, 1))
    lines = write(graph, []).splitlines(True)
    rng.shuffle(lines)
    return "".join(lines)


def check(n):
    for seed in range(n):
        rng = random.Random(seed)
        text = random_graph(rng)
        layers = rng.choice([1, 2, 3, 5, 8, 13, 39, 40, 41])
        expected = plan(text, layers)
        command = ["layer-plan", "--strategy=popularity", f"--max-layers={layers + 1}", "--reserve=1"]
        found = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
        if found.stdout != expected or found.stderr:
            sys.exit(f"graph {seed}, {layers} layers:\n{text}expected:\n{expected}"
                     f"found:\n{found.stdout}{found.stderr}")


def diamonds(n):
    """Path 3i refers to 3i+1 and 3i+2, which refer to 3(i+1)."""
    names = [path(i, "d%d" % (i % 3)) for i in range(3 * n + 1)]
    graph = {names[-1]: []}
    for i in range(0, 3 * n, 3):
        graph[names[i]] = [names[i + 1], names[i + 2]]
        graph[names[i + 1]] = graph[names[i + 2]] = [names[i + 3]]
    return graph


def chain(n):
    names = [path(i, "c") for i in range(n)]
    return {p: names[i + 1:i + 2] for i, p in enumerate(names)}


def main():
    sys.setrecursionlimit(10**6)
    what, *args = sys.argv[1:]
    if what == "plan":
        sys.stdout.write(plan(sys.stdin.read(), int(args[0])))
    elif what == "counts":
        for p, n in sorted((p[44:], n) for p, n in counts(read(sys.stdin.read())).items()):
            print(p, n)
    elif what == "check":
        check(int(args[0]))
    else:
        sys.stdout.write(write({"diamonds": diamonds, "chain": chain}[what](int(args[0])), []))


main()
