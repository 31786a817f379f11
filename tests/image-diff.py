# SPDX-License-Identifier: MIT
"""image-diff as somebody else would write it, from the specifications alone.

image-diff.py check N     compares N random pairs of layer lists with what image-diff says
image-diff.py chains TAR  the chain IDs of the first image in a docker-archive
"""
import hashlib
import json
import random
import subprocess
import sys
import tarfile


def chains(diffids):
    chain = []
    for diffid in diffids:
        text = f"{chain[-1]} {diffid}" if chain else None
        chain.append("sha256:" + hashlib.sha256(text.encode()).hexdigest() if text else diffid)
    return chain


def random_lists():
    sizes = {f"sha256:{n:064x}": random.randrange(1, 10**6) for n in range(random.randrange(1, 7))}
    pick = lambda: [random.choice(list(sizes)) for _ in range(random.randrange(1, 7))]
    a = pick()
    b = random.choice([pick(), a[:random.randrange(len(a) + 1)] + pick(), pick()[:1] + a])
    return a, b, sizes


def write_list(name, layers, sizes):
    with open(name, "w") as f:
        for layer in layers:
            f.write(f"{layer}\t{sizes[layer]}\tapplication/x\t{layer}\t-\n")


def check(number):
    random.seed(number)
    a, b, sizes = random_lists()
    write_list("a.list", a, sizes)
    write_list("b.list", b, sizes)
    found = subprocess.run(["image-diff", "a.list", "b.list"], check=True, capture_output=True)
    rows = [line.split("\t") for line in found.stdout.decode().splitlines()]
    in_a = {row[3]: row for row in rows if row[3] != "-"}
    in_b = {row[4]: row for row in rows if row[4] != "-"}

    # every layer is in one line, with its diff ID, and in pairs as often as both have it
    assert [in_a[str(i + 1)][1] for i in range(len(a))] == a
    assert [in_b[str(i + 1)][1] for i in range(len(b))] == b
    for layer in sizes:
        same = [row[0] for row in rows if row[1] == layer]
        assert same.count("shared") == min(a.count(layer), b.count(layer))
        assert same.count("removed") == max(0, a.count(layer) - b.count(layer))
        assert same.count("added") == max(0, b.count(layer) - a.count(layer))
    for row in rows:
        assert len(row) == 13 and row[5] == row[6] == str(sizes[row[1]])
        want = {"shared": (True, True), "added": (False, True), "removed": (True, False)}[row[0]]
        assert (row[3] != "-", row[4] != "-") == want

    chains_a, chains_b = chains(a), chains(b)
    for row in rows:
        assert row[2] == (chains_b[int(row[4]) - 1] if row[4] != "-" else chains_a[int(row[3]) - 1])
    assert sum(int(row[7]) for row in rows) == sum(sizes[layer] for layer in set(b) - set(a))
    assert sum(int(row[8]) for row in rows) == sum(
        sizes[layer] for layer, chain in zip(b, chains_b) if chain not in chains_a)


def archive_chains(name):
    with tarfile.open(name) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))[0]
        config = json.load(tar.extractfile(manifest["Config"]))
    return chains(config["rootfs"]["diff_ids"])


if sys.argv[1] == "check":
    for n in range(int(sys.argv[2])):
        check(n)
else:
    print("\n".join(archive_chains(sys.argv[2])))
