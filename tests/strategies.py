#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Independent models of layer-plan's strategies, and the graphs to try them on.

  strategies.py STRATEGY N [SEED]   runs layer-plan on N random graphs and compares
                                    (update-cost, size-first or pipeline)
  strategies.py same N              plans of shuffled input and of other hashes are the same plans
  strategies.py leaf N              with --previous, a new path changes one layer at the most

The models work with sets of names and follow the definitions in layer-plan(1) step by step.
"""
import json
import random
import subprocess
import sys
import tempfile
from fractions import Fraction

from samesource import same_source

ALPHABET = "0123456789abcdfghijklmnpqrsvwxyz"


def store_path(rng, name):
    return "/nix/store/" + "".join(rng.choices(ALPHABET, k=32)) + "-" + name


class Graph:
    def __init__(self, size, refs):
        self.size, self.refs = size, refs
        self.closure = {}
        for path in refs:  # those that are referred to come first
            self.closure[path] = {path}.union(*(self.closure[ref] for ref in refs[path] if ref != path))
        self.users = {path: {user for user in refs if path in self.closure[user]} for path in refs}

    def text(self, rng):
        lines = [f"{path}\t{self.size[path]}\t-\t{' '.join(sorted(refs)) or chr(92) + 'e'}\n"
                 for path, refs in self.refs.items()]
        rng.shuffle(lines)
        return "".join(lines)


def random_graph(rng, most):
    def some_name(i):
        kind = rng.randrange(5)  # with and without versions, some of one source
        return [f"n{i:02}", f"n{i:02}", f"{rng.choice(['lib', 'python3-', ''])}stem{i:02}-2.{i % 3}",
                f"n{i:02}-2024.{i % 3}.10+1-3", f"n{i // 10}-3-1.5.{i % 3}-o{i:02}"][kind]

    paths = [store_path(rng, some_name(i)) for i in rng.sample(range(100), rng.randint(1, most))]
    density = rng.random() * .4
    refs = {path: [ref for ref in paths[:i] if rng.random() < density] + [path] * (rng.random() < .2)
            for i, path in enumerate(paths)}
    # few sizes: ties are what is hard
    size = {path: rng.choice([1, 10, 10, 100, rng.randint(1, 1000)]) for path in paths}
    if rng.random() < .5:  # large and small sources
        size = {path: own * rng.choice([1, 2000]) for path, own in size.items()}
    return Graph(size, refs)


def layer_plan(text, *options):
    result = subprocess.run(["layer-plan", *options], input=text, capture_output=True, text=True, check=False)
    if result.returncode or result.stderr:
        sys.exit(f"layer-plan {options}: status {result.returncode}: {result.stderr}{text}")
    return result.stdout


def layers(text):
    found = {}
    for line in text.splitlines():
        layer, path = line.split("\t")[:2]
        found.setdefault(int(layer), []).append(path)
    if list(found) != list(range(1, len(found) + 1)):
        sys.exit(f"layers are not 1, 2, 3…: {text}")
    return list(found.values())


def name(path):
    return path[44:]


# --- the models: lists of layers, bottom first; the paths of a layer in any order ---


def find_sources(graph):
    """path -> one path of its source"""
    source = {path: path for path in graph.refs}
    for a in graph.refs:
        for b in graph.refs:
            if same_source(name(a), name(b)):
                old, new = source[a], source[b]
                source.update({path: new for path in source if source[path] == old})
    return source


def rounded(number):
    digits = f"{number:b}"
    return int(digits[:3].ljust(len(digits), "0"), 2)


def update_cost(graph, limit, sharing, weights, min_size):
    source = find_sources(graph)
    weight_of = {}
    for path, own in source.items():
        named = [weights[name(p)] for p, other in source.items() if other == own and name(p) in weights]
        bytes_of = sum(graph.size[p] for p, other in source.items() if other == own)
        weight_of[own] = max(named, default=1) * max(1, (bytes_of >> 15).bit_length())

    def weight(sources):
        return sum(weight_of[own] for own in sources)

    def sources(group):
        return {source[p] for path in group for p in graph.closure[path]}

    def size(group):
        return sum(graph.size[p] for p in group)

    total = weight(set(source.values())) or 1

    def unshared(group):
        if len(group) == 1:
            return 0
        bytes_ = 0
        for path in group:
            users = len(graph.users[path])
            others = len(graph.users[path] - set.intersection(*(graph.users[p] for p in group)))
            wanted = rounded(graph.size[path]) * 10 * users // (10 * users + len(sources([path])))
            each = wanted * 7 // 10 // users
            bytes_ += wanted - each * users + (each + graph.size[path] * 5 // len(graph.refs)) * others
        return bytes_

    def cost(group):
        return 100 * size(group) * weight(sources(group)) + sharing * total * unshared(group)

    def rank(group):
        return min((name(p), graph.size[p]) for p in group)

    groups = [[path] for path in graph.refs]

    def merge_cheapest(small):
        choices = [(cost(a + b) - cost(a) - cost(b), rank(a), rank(b) < rank(a), rank(b), a, b)
                   for a in groups for b in groups if a is not b and (not small or size(a) < min_size)]
        a, b = min(choices)[4:]
        groups.remove(a)
        groups.remove(b)
        groups.append(a + b)

    while len(groups) > 1 and any(size(group) < min_size for group in groups):
        merge_cheapest(True)
    while len(groups) > limit:
        merge_cheapest(False)

    def chance(adds, group_size):
        return Fraction(adds, group_size + 1)

    order, below = [], set()
    while groups:
        def set_of(layer, below=below):
            return [group for group in groups if sources(group) <= below | sources(layer)]

        first = min(groups, key=lambda layer: (chance(weight(sources(layer) - below), sum(map(size, set_of(layer)))), rank(layer)))
        chosen = sorted(set_of(first), key=lambda layer: (chance(weight(sources(layer) - below), size(layer)), rank(layer)))
        order += chosen
        groups = [group for group in groups if group not in chosen]
        below = below | sources(first)

    def pull(order):
        changed, sum_ = set(), 0
        for layer in order:
            changed |= sources(layer)
            sum_ += size(layer) * weight(changed)
        return sum_

    def moved_down(start, end):
        known = {source for layer in order[:end] + [order[start]] for source in sources(layer)}
        goes = [sources(layer) <= known for layer in order[end:start + 1]]
        return (order[:end] + [layer for layer, down in zip(order[end:], goes) if down] +
                [layer for layer, down in zip(order[end:], goes) if not down] + order[start + 1:])

    before = None
    while before != order:
        before = order
        for start in range(1, len(order)):
            order = min([order] + [moved_down(start, end) for end in reversed(range(start))], key=pull)
    return order


def size_first(graph, limit):
    label = {path: frozenset() for path in graph.refs}
    for primary in sorted(graph.refs, key=lambda path: (-graph.size[path], name(path))):
        new = dict(label)
        above, below = graph.users[primary] - {primary}, graph.closure[primary] - {primary}
        for path in below:
            new[path] = label[path] - above
            if not new[path] & below:
                new[path] |= {primary}
        new[primary] = frozenset([primary])
        if len(set(new.values())) > limit:
            break
        label = new
    classes = {}
    for path in graph.refs:
        classes.setdefault(label[path], []).append(path)

    def closure_size(group):
        return sum(graph.size[path] for path in set().union(*(graph.closure[path] for path in group)))

    return sorted(classes.values(), key=lambda group: (closure_size(group), min(map(name, group))))


class Part:
    """A graph value of a pipeline: paths in order and the references among them."""

    def __init__(self, paths, edges):
        self.paths, self.edges = paths, edges

    def only(self, keep, edges=None):
        keep = set(keep)
        return Part([p for p in self.paths if p in keep],
                    {e for e in (self.edges if edges is None else edges) if keep.issuperset(e)})

    def reach(self, start, edges):
        found, queue = set(start), list(start)
        while queue:
            at = queue.pop()
            new = {b for a, b in edges if a == at} - found
            found |= new
            queue += new
        return found


def popularity(part):
    """By counting every walk."""
    roots = [p for p in part.paths if not any(b == p for _, b in part.edges)]
    walks = dict.fromkeys(part.paths, 0)
    queue = list(roots)
    while queue:
        at = queue.pop()
        walks[at] += 1
        queue += [b for a, b in part.edges if a == at]
    count = {p: sum(walks[q] for q in part.paths if p in part.reach([q], part.edges)) for p in part.paths}
    return sorted(part.paths, key=lambda p: (-count[p], p.split("-", 1)[1]))


def nonempty(**parts):
    return {key: part for key, part in parts.items() if part.paths}


def split_paths(names, part):
    split = set()
    for item in names:
        if isinstance(item, dict):
            children = item["children_of"]
            split |= {b for a, b in part.edges for c in ([children] if isinstance(children, str) else children) if a == c}
        elif item in part.paths:
            split.add(item)
    if not split:
        return {"rest": part}
    roots = [p for p in part.paths if not any(b == p for _, b in part.edges)]
    if len(roots) == 1 and roots[0] in split:
        return {"main": part}
    down = part.reach(split, part.edges)
    edges = {(a, b) for a, b in part.edges if b not in split}
    rest = part.reach(set(roots) - split, edges)
    return nonempty(main=part.only(down - rest, edges), common=part.only(down & rest, edges),
                    rest=part.only(rest - down, edges))


def subcomponent(names, part, turned):
    edges = {(b, a) for a, b in part.edges} if turned else part.edges
    found = part.reach(set(names) & set(part.paths), edges)
    return nonempty(main=part.only(found), rest=part.only(set(part.paths) - found))


def flatten(value):
    if isinstance(value, Part):
        return [value]
    return [part for item in (value.values() if isinstance(value, dict) else value) for part in flatten(item)]


def apply(operation, value):
    op, *args = operation
    if op == "popularity_contest":
        return [value.only([p]) for p in popularity(value)]
    if op == "split_paths":
        return split_paths(args[0], value)
    if op in ("subcomponent_in", "subcomponent_out"):
        return subcomponent(args[0], value, op == "subcomponent_in")
    if op == "over":
        return {key: apply(args[1], item) if key == args[0] else item for key, item in value.items()}
    if op == "pipe":
        for inner in args[0]:
            value = apply(inner, value)
        return value
    if op == "map":
        if isinstance(value, dict):
            return {key: apply(args[0], item) for key, item in value.items()}
        return [apply(args[0], item) for item in value]
    if op == "split_every":
        return [value.only(value.paths[i:i + args[0]]) for i in range(0, len(value.paths), args[0])]
    if op == "limit_layers":
        rest = value[args[0] - 1:]
        merged = Part([p for part in rest for p in part.paths], {e for part in rest for e in part.edges})
        return value[:args[0] - 1] + [merged] * bool(rest)
    if op == "remove_paths":
        return value.only(set(value.paths) - set([args[0]] if isinstance(args[0], str) else args[0]))
    if op == "reverse":
        return value[::-1]
    return flatten(value)


def random_operation(rng, paths, kind, depth):
    """An operation for a value of that kind, and the kind of what it gives."""
    some = rng.sample(paths, rng.randint(0, min(3, len(paths)))) + [store_path(rng, "none")]
    if kind == "graph":
        op = rng.choice(["popularity_contest", "split_paths", "split_paths", "subcomponent_in", "subcomponent_out",
                         "split_every", "remove_paths", "pipe"])
        if op == "popularity_contest":
            return [op], "list"
        if op == "split_paths":
            names = [rng.choice([p, {"children_of": p}, {"children_of": [p]}]) for p in some]
            return [op, names], "dict"
        if op == "split_every":
            return [op, rng.randint(1, 4)], "list"
        if op == "remove_paths":
            return [op, rng.choice([some, some[0]])], "graph"
        if op == "pipe":
            ops, kind = random_pipeline(rng, paths, depth + 1)
            return [op, ops], kind
        return [op, some], "dict"
    if kind == "dict":
        key, (inner, inner_kind) = rng.choice(["main", "common", "rest"]), random_operation(rng, paths, "graph", depth + 1)
        return (["over", key, inner], "nested") if rng.random() < .7 else (["map", inner], "nested")
    if kind == "nested":
        return ["flatten"], "list"
    op = rng.choice(["limit_layers", "reverse", "map"])
    if op == "limit_layers":
        return [op, rng.randint(1, 6)], "list"
    if op == "map" and depth < 4:
        return [op, random_operation(rng, paths, "graph", depth + 1)[0]], "nested"
    return ["reverse"], "list"


def random_pipeline(rng, paths, depth=0):
    ops, kind = [], "graph"
    for _ in range(rng.randint(0, 5)):
        op, kind = random_operation(rng, paths, kind, depth)
        ops.append(op)
    return ops, kind


def pipeline(graph, ops):
    order = sorted(graph.refs, key=lambda p: (graph.size[p], name(p)))
    value = Part(order, {(a, b) for a in graph.refs for b in graph.refs[a] if a != b})
    for op in ops:
        value = apply(op, value)
    return [part.paths for part in flatten(value) if part.paths]


# --- comparing ---


def check(strategy, seed):
    rng = random.Random(seed)
    graph = random_graph(rng, 22)
    limit = rng.choice([1, 2, 3, 5, 8, 13, 21, 22, 23])
    options, files = [f"--max-layers={limit + 1}", "--reserve=1"], {}
    if strategy == "pipeline":
        ops, _ = random_pipeline(rng, list(graph.refs))
        files["pipeline"] = json.dumps(ops)
        options = ["--max-layers=128", "--reserve=3", "--allow-empty"]
        expected = pipeline(graph, ops)
    elif strategy == "size-first":
        expected = [sorted(layer, key=name) for layer in size_first(graph, limit)]
    else:
        weights = {name(path): rng.randint(0, 9) for path in graph.refs if rng.random() < .5} if rng.random() < .4 else {}
        sharing, min_size = rng.choice([0, 1, 2, 3, 50]), rng.choice([0, 0, 20, 300])
        files["weights"] = "".join(f"{key}\t{value}\n" for key, value in weights.items()) + "other\t7\n"
        options += [f"--sharing={sharing}", f"--min-layer-size={min_size}"]
        expected = [sorted(layer, key=name) for layer in update_cost(graph, limit, sharing, weights, min_size)]
    if strategy != "pipeline":
        options.append(f"--strategy={strategy}")
    with tempfile.TemporaryDirectory() as directory:
        for option, text in files.items():
            with open(f"{directory}/{option}", "w", encoding="utf-8") as file:
                file.write(text)
            options.append(f"--{option}={directory}/{option}")
        if strategy == "pipeline":
            run = subprocess.run(["layer-plan", *options], input=graph.text(rng), capture_output=True, text=True, check=False)
            found = layers(run.stdout)
            if run.returncode or "warning: --max-layers 128" not in run.stderr:
                sys.exit(f"graph {seed}: {files}\n{run.stderr}")
        else:
            found = layers(layer_plan(graph.text(rng), *options))
    if found != expected:
        sys.exit(f"graph {seed}: {options} {files}\n{graph.text(rng)}expected: {expected}\nfound: {found}")


def names_of(plan):
    return [line.split("\t")[0] + name(line.split("\t")[1]) for line in plan.splitlines()]


def check_same(seed):
    rng = random.Random(seed)
    graph = random_graph(rng, 40)
    new = {path: store_path(rng, name(path)) for path in graph.refs}
    other = Graph({new[p]: s for p, s in graph.size.items()}, {new[p]: [new[r] for r in refs] for p, refs in graph.refs.items()})
    for strategy in "size-first", "update-cost":
        options = [f"--strategy={strategy}", f"--max-layers={rng.randint(2, 30)}"]
        plan = layer_plan(graph.text(rng), *options)
        if layer_plan(graph.text(rng), *options) != plan:
            sys.exit(f"graph {seed}, {options}: another order, another plan")
        if names_of(layer_plan(other.text(rng), *options)) != names_of(plan):
            sys.exit(f"graph {seed}, {options}: other hashes, another plan")


def check_leaf(seed):
    rng = random.Random(seed)
    graph = random_graph(rng, 40)
    limit = rng.randint(2, 30)
    options = ["--strategy=update-cost", f"--max-layers={limit}", "--max-decay=1000000"]
    plan = layer_plan(graph.text(rng), *options)
    leaf, path = store_path(rng, "leaf"), rng.choice(list(graph.refs))
    refs, kind = {leaf: [], **graph.refs}, rng.randrange(3)
    if kind == 0:
        refs[path] = refs[path] + [leaf]
    elif kind == 1:
        refs = {**graph.refs, leaf: [path]}
    grown = Graph({leaf: rng.randint(1, 5000), **graph.size}, refs)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        file.write(plan)
        file.flush()
        again = layer_plan(grown.text(rng), *options, f"--previous={file.name}")
        same = layer_plan(graph.text(rng), *options, f"--previous={file.name}")
    if same != plan:
        sys.exit(f"graph {seed}: nothing changed, but the plan did")
    new = [set(layer) for layer in layers(again)]
    lost = [layer for layer in layers(plan) if set(layer) not in new]
    if len(lost) > 1 or set().union(*new) != set(refs):
        sys.exit(f"graph {seed}: {lost} changed")


def main():
    what, n = sys.argv[1], int(sys.argv[2])
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    for seed in range(first, first + n):
        if what == "same":
            check_same(seed)
        elif what == "leaf":
            check_leaf(seed)
        else:
            check(what, seed)


main()
