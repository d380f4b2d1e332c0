#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How long an attribute and a sidecar take on a large catalog, and that no service is asked.

	tests/bench/answers.py [BUILD] [FILES] [ASKS]	a table on stderr, JSON on stdout

FILES (10 000 000) archives are imported and mounted as for everybody (allow_other, hence default_permissions);
each question is asked ASKS (2000) times, of files all over the catalog, by one process (this one: a system call of
Python's is some 1 to 3 us of it). `first` is the first time a file's text is looked at, and so has its look-ups;
`second` the second time. The same is asked of reference_fs, which answers at once: `floor` is what the kernel, libfuse
and this program take. Both are asked in turns, 50 files each, so that what else runs here meets both.

What the kernel asked of thawfs meanwhile, and what thaw-sim was asked (which must be nothing), is counted.
"""
import json
import os
import pathlib
import random
import statistics
import sys
import tempfile
import time
import urllib.request

from catalog import ROOT, Bench, Mounted, run, thawfs

ATTRIBUTES = ("state", "eta", "progress", "cost.estimate", "tree-hash")
SIDECARS = ("status", "cost", "json")
TURN = 50


def attribute(path, name):
    os.getxattr(path, "user.thaw." + name)


def sidecar(path, suffix):
    folder, name = path.rsplit("/", 1)
    fd = os.open(f"{folder}/.thaw/{name}.{suffix}", os.O_RDONLY)
    assert os.read(fd, 65536)
    os.close(fd)


def times(ask, what, paths):
    took = []
    for path in paths:
        began = time.perf_counter()
        ask(path, what)
        took.append(time.perf_counter() - began)
    return took


def us(took):
    return {"p50_us": round(statistics.median(took) * 1e6, 1),
            "p99_us": round(statistics.quantiles(took, n=100)[98] * 1e6, 1)}


def asked(ask, what, files, roots):
    """Of both, in turns."""
    ours, floor = [], []
    for at in range(0, len(files), TURN):
        for root, took in zip(roots, (ours, floor)):
            took += times(ask, what, [f"{root}/{name}" for name in files[at:at + TURN]])
    return {**us(ours), "floor_us": us(floor)["p50_us"]}


def some_files(root, n):
    """All over it: files of directories that lie apart, as paths below `root`."""
    folders = [e.name for e in os.scandir(root)]
    random.Random(1).shuffle(folders)
    each = max(1, -(-n // len(folders)))
    files = []
    for folder in folders:
        files += [f"{folder}/{name}" for name in sorted(os.listdir(root / folder))[:each]]
        if len(files) >= n:
            break
    random.Random(2).shuffle(files)
    return files[:n]


def calls(bench):
    with urllib.request.urlopen(f"http://127.0.0.1:{bench.port}/_sim/requests", timeout=30) as f:
        answer = json.load(f)
    return len(answer["requests"] if isinstance(answer, dict) else answer)


def measure(bench, ours, floor, asks, got):
    files = some_files(ours.path / "bench", asks)
    some_files(floor.path, asks)  # the kernel has seen these names of both
    time.sleep(2)  # what a start asks of the service is over
    roots, before, began = (ours.path / "bench", floor.path), calls(bench), ours.requests()
    for kind, ask, words in (("attribute", attribute, ATTRIBUTES), ("sidecar", sidecar, SIDECARS)):
        for word in words:
            got[f"{kind}.{word}"] = {"first": asked(ask, word, files, roots),
                                     "second": asked(ask, word, files, roots)}
    got["requests_a_look"] = {op: round(n, 2) for op, n in (
        (op, (n - began[op]) / asks / 2 / len(SIDECARS)) for op, n in ours.requests().items()
        if op in ("lookup", "getattr", "open", "read", "release")) if n}
    got["calls_meanwhile"] = calls(bench) - before


def main():
    words = sys.argv[1:]
    build = pathlib.Path(words[0] if words else ROOT / "build-plain").resolve()
    count = int(words[1]) if len(words) > 1 else 10_000_000
    asks = int(words[2]) if len(words) > 2 else 2000
    dirs = max(1, count // 1000)
    for tool in ("catalog_bench", "reference_fs"):
        run("ninja", "-C", build, f"tests/bench/{tool}")
    got = {"files": count, "load": os.getloadavg()[0], "cores": os.cpu_count()}
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/tmp")) as folder:
        bench = Bench(build, pathlib.Path(folder))
        try:
            state, path = bench.state("state"), bench.folder / "floor"
            bench.load(state, bench.generate("list.json", count, dirs))
            reference = [build / "tests/bench/reference_fs", count, dirs, path,
                         "allow_other,default_permissions"]
            with thawfs(bench, state, "allow_other") as ours, Mounted(reference, path) as floor:
                measure(bench, ours, floor, asks, got)
        finally:
            bench.sim.terminate()
            bench.sim.wait(20)
    for name, value in got.items():
        print(f"{name:24} {json.dumps(value)}", file=sys.stderr)
    print(json.dumps(got))


if __name__ == "__main__":
    main()
