#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A brute force of plan-cost, which follows the definitions word by word.

  plancost.py tsv GRAPH PLAN EVENTS WEIGHTS PREVIOUS    what is expected; - where there is no file
  plancost.py check N                                   compares it with plan-cost on N random ones
  plancost.py replay GRAPH PLAN EVENTS WEIGHTS          what --replay adds, with the plans of layer-plan
  plancost.py check-replay N                            compares that on N random ones
"""
import hashlib
import random
import subprocess
import sys

from samesource import same_source

ALPHABET = "0123456789abcdfghijklmnpqrsvwxyz"
NAMES = ["foo", "foo-1", "foo.1", "bar", "bar-lib", "baz?", "qux_2", "FOO", "libqux-1.5.0", "qux-1.5.0+2-dev",
         "quy-1.5.0", "a-2024.11.28", "b-2024.11.28"]


def rows(name):
    if name == "-":
        return None
    with open(name, encoding="utf-8") as f:
        return [line.split("\t") for line in f.read().splitlines()]


def name_of(path):
    return path.rsplit("/", 1)[1][33:]


class Closure:
    def __init__(self, graph, weights):
        self.size = {path: size for path, size, *_ in graph}
        self.refs = {row[0]: set(row[3].replace("\\e", "").split()) for row in graph}
        by_name = {name: int(weight) for name, weight in weights or []}
        self.closure = {path: self.closure_of(path) for path in self.refs}
        self.source = {path: path for path in self.refs}
        for a in self.refs:
            for b in self.refs:
                if same_source(name_of(a), name_of(b)):
                    self.source = {path: self.source[b] if source == self.source[a] else source
                                   for path, source in self.source.items()}

        named = {source: [by_name[name_of(path)] for path in self.refs
                          if self.source[path] == source and name_of(path) in by_name]
                 for source in self.source.values()}
        self.factor = {path: max(named[self.source[path]], default=1) for path in self.refs}

    def closure_of(self, path):
        seen, todo = {path}, [path]
        while todo:
            new = self.refs[todo.pop()] - seen
            seen |= new
            todo += new
        return seen

    def changed(self, names):
        first = {path for path in self.refs if name_of(path) in names}
        return {path for path in self.refs if self.closure[path] & first}

    def weigh(self, sources):
        return sum(self.weight(source) for source in sources)

    def weight(self, source):
        paths = [path for path in self.refs if self.source[path] == source]
        doublings = sum(int(self.size[path]) for path in paths) // 32768
        return max(self.factor[path] for path in paths) * max(1, doublings.bit_length())


def ratio(a, b):
    return a / b if b else float("inf") if a else 1.0


def layers_of(plan):
    layers = {}
    for number, *path in plan:
        layers.setdefault(int(number), []).append(path)
    return list(layers.values())


def from_first(layers, chosen):
    """Everything from the lowest layer that is chosen."""
    first = chosen.index(True) if True in chosen else len(layers)
    return layers[first:]


def pulled(layers, chosen):
    return [layer for layer, is_chosen in zip(layers, chosen) if is_chosen]


def figures(graph, plan, events, weights, previous):
    closure = Closure(graph, weights)
    sizes = dict(closure.size)
    sizes.update((path, size) for _, path, size, _ in plan if size != "-")
    size = closure.size = {path: int(text) for path, text in sizes.items()}
    layers = [[path for path, *_ in layer] for layer in layers_of(plan)]

    def total(paths):
        return sum(size[path] for path in paths)

    def total_layers(some):
        return sum(total(layer) for layer in some)

    def changers(paths):
        return {closure.source[q] for path in paths for q in closure.closure[path]}

    every = closure.weigh(set(closure.source.values()))
    cost = sum(total(layer) * closure.weigh(changers(layer)) for layer in layers)
    chain = sum(total(layer) * closure.weigh(changers(sum(layers[:i + 1], [])))
                for i, layer in enumerate(layers))
    least = sum(size[path] * closure.weigh(changers([path])) for path in size)
    yield "size", total(size)
    yield "layers", len(layers)
    yield "paths", len(size)
    yield "expected-cost", ratio(cost, least)
    yield "expected-chain-cost", ratio(chain, least)
    yield "expected-bytes", cost / every

    hits = [0] * len(layers)
    if events is not None:
        named = {}
        for event, name in events:
            named.setdefault(event, set()).add(name)
        costs = []
        for event, names in named.items():
            changed = closure.changed(names)
            chosen = [bool(changed & set(layer)) for layer in layers]
            hits = [hit + is_chosen for hit, is_chosen in zip(hits, chosen)]
            by_layer, by_chain = pulled(layers, chosen), from_first(layers, chosen)
            if changed:
                costs.append((event, len(changed), total(changed), len(by_layer),
                              total_layers(by_layer), len(by_chain), total_layers(by_chain)))
        yield "events", len(costs), len(named)
        for key, column in (("events-cost", 4), ("events-chain-cost", 6)):
            if costs:
                yield (key, ratio(sum(c[column] for c in costs), sum(c[2] for c in costs)),
                       sum(ratio(c[column], c[2]) for c in costs) / len(costs))
        for event in costs:
            yield "event", *event

    kept = ["-"] * len(layers)
    if previous is not None:
        here = [[(path, nar_hash) for path, _, nar_hash in layer] for layer in layers_of(plan)]
        there = [[(path, nar_hash) for path, _, nar_hash in layer]
                 for layer in layers_of(previous)]
        new = set(sum(here, [])) - set(sum(there, []))
        differ = [layer not in there for layer in here]
        above = [i >= len(there) or layer != there[i] for i, layer in enumerate(here)]
        new_bytes = total(path for path, _ in new)
        yield "pull-paths", len(new), new_bytes
        for key, some in (("pull-layers", pulled(layers, differ)),
                          ("pull-chain", from_first(layers, above))):
            yield key, len(some), total_layers(some), ratio(total_layers(some), new_bytes)
        kept = ["no" if is_new else "yes" for is_new in differ]

    for i, layer in enumerate(layers):
        changes = closure.weigh(changers(layer))
        alone = sum(size[path] * closure.weigh(changers([path])) for path in layer)
        largest = min(layer, key=lambda path: (-size[path], name_of(path), path))
        yield ("layer", i + 1, total(layer), len(layer), len(changers(layer)), changes / every,
               total(layer) * changes / (cost or 1), ratio(total(layer) * changes, alone),
               hits[i] if events is not None else "-", kept[i], name_of(largest))


def drawn(event, name):
    """What looks random."""
    return hashlib.sha256(f"{event}\t{name}".encode()).digest()


def renamed(path, event):
    bits = int.from_bytes(drawn(event, path)[:20], "little")
    new = "".join(ALPHABET[bits >> 5 * i & 31] for i in reversed(range(32)))
    return f"{path[:-len(name_of(path)) - 33]}{new}-{name_of(path)}"


def resized(path, size, event):
    n = int.from_bytes(drawn(event, name_of(path))[:4], "big")
    return (size * (970000 + n % 60001) + 500000) // 1000000


def planned(graph, weights, layers, previous):
    """The plan's lines, and whether it decayed."""
    write("replay.graph", graph)
    command = ["layer-plan", "--max-layers=128", f"--reserve={128 - layers}", "replay.graph"]
    if weights is not None:
        write("replay.weights", weights)
        command.append("--weights=replay.weights")
    if previous is not None:
        write("replay.previous", previous)
        command.append("--previous=replay.previous")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()], "planned afresh" in done.stderr


def replay(graph, plan, events, weights):
    sizes = {row[0]: int(row[1]) for row in graph if row[1] != "-"}
    sizes.update((path, int(size)) for _, path, size, _ in plan if size != "-")
    graph = [(path, sizes[path], *rest) for path, _, *rest in graph]
    limit = len(layers_of(plan))
    named = {}
    for event, name in events:
        named.setdefault(event, set()).add(name)
    changed_bytes = decayed = 0
    sums = [[0, 0], [0, 0]]
    before = [plan, plan]
    for event, names in named.items():
        changed = Closure(graph, None).changed(names)
        if not changed:
            continue
        new = {path: renamed(path, event) for path in changed}
        graph = [(new.get(path, path), resized(path, size, event) if name_of(path) in names else size,
                  "-" if path in new else nar_hash,
                  " ".join(new.get(ref, ref) for ref in refs.split()), *deriver)
                 for path, size, nar_hash, refs, *deriver in graph]
        size = {row[0]: row[1] for row in graph}
        changed_bytes += sum(size[path] for path in new.values())
        for i, keep in enumerate([False, True]):
            now, is_decayed = planned(graph, weights, limit, before[i] if keep else None)
            decayed += is_decayed
            here, there = ([[path for path, *_ in layer] for layer in layers_of(lines)]
                           for lines in (now, before[i]))
            above = [j >= len(there) or layer != there[j] for j, layer in enumerate(here)]
            for j, some in enumerate([[layer for layer in here if layer not in there], from_first(here, above)]):
                sums[i][j] += sum(size[path] for layer in some for path in layer)
            before[i] = now
    if before[0] is plan:
        return
    for key, j in ("replay-cost", 0), ("replay-chain-cost", 1):
        yield key, ratio(sums[0][j], changed_bytes), ratio(sums[1][j], changed_bytes)
    yield "replay-decayed", decayed


def same(expected, found):
    """Whether the line has the values; what is rounded may be so either way."""
    fields = found.split("\t")
    if len(fields) != len(expected):
        return False
    for value, field in zip(expected, fields):
        if expected[0] == "expected-bytes" and value != field:
            if abs(value - float(field)) > 0.51:
                return False
        elif isinstance(value, float):
            if value != float(field) and not abs(value - float(field)) <= 0.000051:
                return False
        elif str(value) != field:
            return False
    return True


def write(name, lines):
    with open(name, "w", encoding="utf-8") as f:
        f.writelines("\t".join(map(str, line)) + "\n" for line in lines)


def random_case(rng):
    def sri(number):
        return f"sha256-{number:042d}0="

    n = rng.randint(1, 25)
    paths = []
    for number in rng.sample(range(10**6), n):
        digits = "".join(ALPHABET[number // 32**i % 32] for i in range(4))
        paths.append(f"/nix/store/{digits * 8}-{rng.choice(NAMES)}")
    size = {path: rng.choice([0, 1, 120, 10**4, 10**9]) + rng.randint(0, 9) for path in paths}
    digest = {path: sri(rng.randint(0, 10**6)) for path in paths}
    density = rng.choice([0.02, 0.1, 0.4])
    refs = {path: [q for q in paths[:i] if rng.random() < density] + [path] * rng.randint(0, 1)
            for i, path in enumerate(paths)}
    known = rng.random() < 0.5
    write("graph", [(path, size[path] if known else "-", digest[path],
                     " ".join(refs[path]) or "\\e") for path in paths])

    def plan(paths):
        order = rng.sample(paths, len(paths))
        cuts = sorted(rng.choice(range(len(order))) for _ in range(rng.randint(0, 6)))
        return [order[a:b] for a, b in zip([0] + cuts, cuts + [len(order)]) if a < b]

    layers = plan(paths)
    write("plan", [(i, path, size[path], digest[path])
                   for i, layer in enumerate(layers, 1) for path in layer])
    # an older plan: some paths were others, some layers stood elsewhere
    older = [list(layer) for layer in layers] if rng.random() < 0.8 else plan(paths)
    if rng.random() < 0.3:
        rng.shuffle(older)
    if rng.random() < 0.3:
        some = rng.choice(older)
        some[1:] = rng.sample(some[1:], len(some) - 1)
    if rng.random() < 0.3:
        older = older[:1] + [older[-1] + ["/nix/store/" + "0" * 32 + "-gone"]] if older[1:] else older
    was = {path: sri(7) if rng.random() < 0.1 else digest.get(path, sri(8))
           for layer in older for path in layer}
    write("previous", [(i, path, "-", was[path])
                       for i, layer in enumerate(older, 1) for path in layer])
    names = NAMES + ["no-such"]
    write("events", [(f"e{rng.randint(0, 9)}", rng.choice(names))
                     for _ in range(rng.randint(0, 12))])
    write("weights", [(name, rng.randint(0, 9))
                      for name in rng.sample(names, rng.randint(0, 3))])
    closure = Closure(rows("graph"), rows("weights"))
    return any(closure.factor.values())


def check(n):
    for seed in range(n):
        rng = random.Random(seed)
        some_weight = random_case(rng)
        options = {name: name if rng.random() < 0.6 else "-"
                   for name in ("events", "weights", "previous")}
        if not some_weight:
            options["weights"] = "-"
        command = ["plan-cost", "--graph", "graph", "--format", "tsv", "plan"]
        command += [f"--{name}={value}" for name, value in options.items() if value != "-"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        expected = list(figures(*(rows(name) for name in ("graph", "plan", *options.values()))))
        found = done.stdout.splitlines()
        if done.returncode or done.stderr or len(found) != len(expected):
            sys.exit(f"case {seed}: {done}")
        for line, values in zip(found, expected):
            if not same(values, line):
                sys.exit(f"case {seed}: {options}: expected {values}, found {line!r}")


def check_replay(n):
    for seed in range(n):
        options = ["weights"] if random_case(random.Random(seed)) else []
        command = ["plan-cost", "--graph=graph", "--events=events", "--replay", "--format=tsv", "plan"]
        done = subprocess.run(command + [f"--{name}={name}" for name in options],
                              capture_output=True, text=True, check=True)
        found = [line for line in done.stdout.splitlines() if line.startswith("replay")]
        expected = list(replay(*map(rows, ["graph", "plan", "events", *(options or "-")])))
        if not all(map(same, expected, found)) or len(found) != len(expected):
            sys.exit(f"case {seed}: expected {expected}, found {found}")


def main():
    what, *args = sys.argv[1:]
    if what == "check":
        check(int(args[0]))
    elif what == "check-replay":
        check_replay(int(args[0]))
    else:
        for values in (replay if what == "replay" else figures)(*map(rows, args)):
            form = ".0f" if values[0] == "expected-bytes" else ".4f"
            print(*(f"{v:{form}}" if isinstance(v, float) else v for v in values), sep="\t")


main()
