# SPDX-License-Identifier: MIT
"""What layer-plan's plans cost when something changes.

    plans.py [LAYERS…]     a table for tests/fixtures/graphs and their events (24 50 99); BENCH_GRAPHS
                           is another directory with NAME.json.gz and updates.tsv, BENCH_OLD another
                           layer-plan whose update-cost is in the table too
    plans.py time          seconds and memory for generated closures

For one event, changed paths are its paths and all that depend on them. All costs are bytes over the
bytes of the changed paths, summed over all events:
  update    layers that hold a changed path
  chain     layers from the first of these on: what a client pulls that knows layers by chain ID
  fresh     stability: layers that the plan before did not have, when the events follow each other and
            each gives its paths new hashes and changes sizes by up to 3 %; the mean of BENCH_YEARS
            years (8) that differ in how sizes change
    worst   the same of the worst of these years
  sequence  as fresh, but --previous has the plan before
  sharing   bytes of all different layers of the five images over bytes of all different paths
"""
import collections
import concurrent.futures
import gzip
import hashlib
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(os.environ.get("BENCH_GRAPHS") or pathlib.Path(__file__).resolve().parent.parent / "fixtures/graphs")
GRAPHS = sorted(file.name[:-8] for file in HERE.glob("*.json.gz"))
OLD = os.environ.get("BENCH_OLD")
YEARS = int(os.environ.get("BENCH_YEARS") or 8)
STRATEGIES = {
    "popularity": ["--strategy=popularity"],
    "size-first": ["--strategy=size-first"],
    "update-cost": ["--strategy=update-cost"],
    **({"old update-cost": [OLD, "--strategy=update-cost"]} if OLD else {}),
    "  --sharing 0": ["--strategy=update-cost", "--sharing=0"],
    "  --sharing 10": ["--strategy=update-cost", "--sharing=10"],
}

# What update-cost of 0.1, commit 21c3352, had, in 8 years: stored, whatever BENCH_YEARS is. BENCH_OLD measures it.
STORED = {
    24: {"update": [1.002, 1.020, 1.006, 1.011, 1.222, 1.106], "chain": [1.355, 1.456, 1.515, 1.524, 2.211],
         "fresh": [1.002, 1.020, 1.006, 1.011, 1.247], "  worst": [1.002, 1.020, 1.006, 1.011, 1.301],
         "sequence": [1.002, 1.021, 1.005, 1.011, 1.239]},
    50: {"update": [1.000, 1.002, 1.000, 1.000, 1.081, 1.084], "chain": [1.361, 1.646, 1.532, 1.526, 2.604],
         "fresh": [1.000, 1.002, 1.000, 1.000, 1.090], "  worst": [1.000, 1.002, 1.000, 1.000, 1.109],
         "sequence": [1.000, 1.002, 1.000, 1.000, 1.084]},
    99: {"update": [1.000, 1.000, 1.000, 1.000, 1.019, 1.032], "chain": [1.361, 1.647, 1.532, 1.526, 2.443],
         "fresh": [1.000, 1.000, 1.000, 1.000, 1.020], "  worst": [1.000, 1.000, 1.000, 1.000, 1.023],
         "sequence": [1.000, 1.000, 1.000, 1.000, 1.020]},
}


class Closure:
    def __init__(self, entries):
        """entries: path -> (size, references, hash)"""
        self.entries = entries
        self.users = collections.defaultdict(set)
        for path, (_, refs, _) in entries.items():
            for ref in refs:
                self.users[ref].add(path)

    def changed(self, names):
        """The paths of these names and all that depend on them."""
        queue = [path for path in self.entries if path[44:] in names]
        found = set(queue)
        while queue:
            new = self.users[queue.pop()] - found
            found |= new
            queue += new
        return found

    def size(self, paths):
        return sum(self.entries[path][0] for path in paths)

    def updated(self, names, turn, year):
        """The closure with other hashes for what changed, and other sizes, by up to 3 %, for the names."""
        changed = self.changed(names)

        def resized(path, size):
            if path[44:] not in names:
                return size
            return round(size * random.Random(f"{path[44:]} {turn} {year}").uniform(.97, 1.03))

        def new(path):
            if path not in changed:
                return path
            return path[:11] + hashlib.sha256(f"{path}{turn}".encode()).hexdigest()[:32].replace("e", "z") + path[43:]
        return Closure({
            new(path): (resized(path, size), [new(ref) for ref in refs], f"{nar_hash}{turn}" if path in changed else nar_hash)
            for path, (size, refs, nar_hash) in self.entries.items()})

    def lines(self):
        return "".join(sorted(
            "%s\t%d\tsha256:%s\t%s\n" % (
                path, size, hashlib.sha256(nar_hash.encode()).hexdigest(), " ".join(refs) or "\\e")
            for path, (size, refs, nar_hash) in self.entries.items()))


def load(name):
    with gzip.open(HERE / f"{name}.json.gz") as file:
        return Closure({p["path"]: (p["narSize"], p["references"], p["narHash"]) for p in json.load(file)})


def load_events():
    events = collections.defaultdict(set)
    for line in open(HERE / "updates.tsv"):
        event, name = line.rstrip("\n").split("\t")
        events[event].add(name)
    return events


def plan(closure, options, previous=None):
    """The layers, each a list of paths, and the plan's text."""
    program, *options = options if "/" in options[0] else ["layer-plan", *options]
    command = [program, "--max-layers=128", *options]
    with tempfile.NamedTemporaryFile("w") as file:
        if previous is not None:
            file.write(previous)
            file.flush()
            command.append(f"--previous={file.name}")
        text = subprocess.run(command, input=closure.lines(), stdout=subprocess.PIPE, text=True, check=True,
                              stderr=subprocess.PIPE)
    layers = collections.defaultdict(list)
    for line in text.stdout.splitlines():
        layer, path = line.split("\t")[:2]
        layers[int(layer)].append(path)
    return list(layers.values()), text.stdout, bool(text.stderr.replace(WARNING, ""))


WARNING = "layer-plan: warning: --max-layers 128: docker and others refuse images of more than 125 layers\n"


def costs(closure, layers, events):
    """Update cost and chain cost."""
    changed_bytes = update = chain = 0
    for names in events.values():
        changed = closure.changed(names)
        hit = [not changed.isdisjoint(layer) for layer in layers]
        changed_bytes += closure.size(changed)
        update += sum(closure.size(layer) for layer, is_hit in zip(layers, hit) if is_hit)
        if any(hit):
            chain += sum(closure.size(layer) for layer in layers[hit.index(True):])
    return update / changed_bytes, chain / changed_bytes


def sequence(closure, options, events, keep, year):
    """Cost of the events one after the other, and how often it was planned afresh."""
    changed_bytes = pulled = afresh = 0
    layers, text, _ = plan(closure, options)
    for turn, names in enumerate(events.values()):
        changed = closure.changed(names)
        if not changed:
            continue
        have, before = {frozenset(layer) for layer in layers}, closure
        closure = closure.updated(names, turn, year)
        changed_bytes += closure.size(path for path in closure.entries if path not in before.entries)
        layers, text, notice = plan(closure, options, text if keep else None)
        pulled += sum(closure.size(layer) for layer in layers if frozenset(layer) not in have)
        afresh += notice
    return pulled / changed_bytes, afresh


def years(closure, options, events, keep):
    """Mean and worst cost of several years, and how often it was planned afresh in all of them."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(lambda year: sequence(closure, options, events, keep, year), range(YEARS)))
    return statistics.mean(row[0] for row in found), max(row[0] for row in found), sum(row[1] for row in found)


def sharing(closures, plans):
    layers = {frozenset(layer): closure.size(layer) for closure, plan in zip(closures, plans) for layer in plan}
    paths = {path: entry[0] for closure in closures for path, entry in closure.entries.items()}
    return sum(layers.values()) / sum(paths.values())


def table(limits):
    closures, events = [load(name) for name in GRAPHS], load_events()
    for limit in limits:
        print(f"\n{limit} layers".ljust(26) + "".join(name.rjust(9) for name in GRAPHS) + "  sharing")
        for name, options in STRATEGIES.items():
            options = options + [f"--reserve={128 - limit}"]
            plans = [plan(closure, options)[0] for closure in closures]
            rows = [costs(*pair, events) for pair in zip(closures, plans)]
            print(f"{name:16} update   " + "".join(f"{row[0]:9.3f}" for row in rows) +
                  f"{sharing(closures, plans):9.3f}")
            print(f"{'':16} chain    " + "".join(f"{row[1]:9.3f}" for row in rows))
            for keep in [False, True] if "--strategy=update-cost" in options else [False]:
                found = [years(closure, options, events, keep) for closure in closures]
                figure = "sequence" if keep else "fresh"
                print(f"{'':16} {figure:8} " + "".join(f"{row[0]:9.3f}" for row in found) +
                      (f"  afresh {sum(row[2] for row in found)} times" if keep else ""))
                if not keep:
                    print(f"{'':16} {'  worst':8} " + "".join(f"{row[1]:9.3f}" for row in found))
        if not OLD and not os.environ.get("BENCH_GRAPHS"):
            for i, (figure, values) in enumerate(STORED.get(limit, {}).items()):
                print(f"{'' if i else '0.1 (stored)':16} {figure:8} " + "".join(f"{value:9.3f}" for value in values))


def generated(n):
    """Libraries below programs, sizes as they are in a distribution."""
    rng = random.Random(n)
    paths = ["/nix/store/" + "".join(rng.choices("0123456789abcdfghijklmnpqrsvwxyz", k=32)) + f"-package-{i}"
             for i in range(n)]
    return Closure({
        path: (int(rng.lognormvariate(12, 2)),
               sorted({paths[int(i * rng.random() ** 3)] if rng.random() < .7 else paths[rng.randrange(max(0, i - 50), i)]
                       for _ in range(min(i, rng.choice([0, 1, 1, 2, 3, 3, 5, 8])))}), path)
        for i, path in enumerate(paths)})


def times():
    for n, seconds in (1200, .3), (10000, 10):
        lines = generated(n).lines()
        for name in "popularity", "size-first", "update-cost":
            start = time.monotonic()
            with subprocess.Popen(["layer-plan", f"--strategy={name}", "--max-layers=100"], stdin=subprocess.PIPE,
                                  stdout=subprocess.DEVNULL, text=True) as process:
                process.stdin.write(lines)
                process.stdin.close()
                usage = os.wait4(process.pid, 0)
                process.returncode = usage[1]
            if usage[1]:
                sys.exit(1)
            print(f"{n} paths, {name}".ljust(44) +
                  f"{time.monotonic() - start:9.2f} s (aim {seconds}) {usage[2].ru_maxrss / 1024:6.0f} MiB (aim 512)")


if __name__ == "__main__":
    if sys.argv[1:] == ["time"]:
        times()
    else:
        table([int(limit) for limit in sys.argv[1:]] or [24, 50, 99])
