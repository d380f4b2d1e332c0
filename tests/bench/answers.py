#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How long an attribute and a sidecar take on a large catalog, and that no service is asked.

	tests/bench/answers.py [BUILD] [FILES] [ASKS]	a table on stderr, JSON on stdout

FILES (10 000 000) archives are imported and mounted; each question is asked ASKS (2000) times, of files all
over the catalog, by one process (this one: a system call of Python's is some 1 to 3 µs of it). `cold` is the first
time a file is looked at, and so has its look-ups; `warm` the second time. What thaw-sim was asked meanwhile is
counted. A floor is beside them: a getattr that the daemon answers (`statx` with AT_STATX_FORCE_SYNC).
"""
import ctypes
import json
import os
import pathlib
import random
import statistics
import sys
import tempfile
import time
import urllib.request

from catalog import ROOT, Bench, run, thawfs

ATTRIBUTES = ("state", "eta", "progress", "cost.estimate", "tree-hash")
SIDECARS = ("status", "cost", "json")
LIBC = ctypes.CDLL(None, use_errno=True)
STATX = ctypes.create_string_buffer(256)


def attribute(path, name):
    os.getxattr(path, "user.thaw." + name)


def sidecar(path, suffix):
    folder, name = path.rsplit("/", 1)
    fd = os.open(f"{folder}/.thaw/{name}.{suffix}", os.O_RDONLY)
    assert os.read(fd, 65536)
    os.close(fd)


def floor(path, _):
    assert LIBC.statx(-100, path.encode(), 0x2000, 0x7ff, STATX) == 0


def asked(ask, what, paths):
    took = []
    for path in paths:
        began = time.perf_counter()
        ask(path, what)
        took.append(time.perf_counter() - began)
    return {"p50_us": round(statistics.median(took) * 1e6, 1),
            "p99_us": round(statistics.quantiles(took, n=100)[98] * 1e6, 1)}


def some_files(root, n):
    """All over it: files of directories that lie apart."""
    folders = [e.path for e in os.scandir(root)]
    random.Random(1).shuffle(folders)
    each = max(1, -(-n // len(folders)))
    files = []
    for folder in folders:
        files += [f"{folder}/{name}" for name in sorted(os.listdir(folder))[:each]]
        if len(files) >= n:
            break
    random.Random(2).shuffle(files)
    return files[:n]


def calls(bench):
    with urllib.request.urlopen(f"http://127.0.0.1:{bench.port}/_sim/requests", timeout=30) as f:
        answer = json.load(f)
    return len(answer["requests"] if isinstance(answer, dict) else answer)


def measure(bench, state, asks, got):
    with thawfs(bench, state) as m:
        files = some_files(m.path / "bench", asks)
        time.sleep(2)  # what a start asks of the service is over
        before = calls(bench)
        for kind, ask, words in (("attribute", attribute, ATTRIBUTES),
                                 ("sidecar", sidecar, SIDECARS), ("floor", floor, ("statx",))):
            for word in words:
                row = got.setdefault(f"{kind}.{word}", {})
                row["cold"] = asked(ask, word, files)
                row["warm"] = asked(ask, word, files)
        got["calls_meanwhile"] = calls(bench) - before


def main():
    words = sys.argv[1:]
    build = pathlib.Path(words[0] if words else ROOT / "build-plain").resolve()
    count = int(words[1]) if len(words) > 1 else 10_000_000
    asks = int(words[2]) if len(words) > 2 else 2000
    run("ninja", "-C", build, "tests/bench/catalog_bench")
    got = {"files": count, "load": os.getloadavg()[0], "cores": os.cpu_count()}
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/tmp")) as folder:
        bench = Bench(build, pathlib.Path(folder))
        try:
            state = bench.state("state")
            bench.load(state, bench.generate("list.json", count, max(1, count // 1000)))
            measure(bench, state, asks, got)
        finally:
            bench.sim.terminate()
            bench.sim.wait(20)
    for name, value in got.items():
        print(f"{name:24} {json.dumps(value)}", file=sys.stderr)
    print(json.dumps(got))


if __name__ == "__main__":
    main()
