#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What ten million names cost: importing, mounting, listing, refreshing under readers.

	tests/bench/catalog.py [BUILD] [FILES] [TREE]	a table on stderr, JSON on stdout

BUILD is a build directory without sanitizers (build-plain); FILES (10 000 000) are imported, against
a tenth of them and against jq, mounted, and refreshed under readers; trees of TREE (1 000 000) files
are listed, against the same in tmpfs and in reference_fs. 0 FILES or 0 TREE leave that part out.
Needs 1.6 KiB of disk a file in $TMPDIR, /dev/fuse and jq.
"""
import json
import multiprocessing
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMESPACE = "glacier://us-east-1/bench@127.0.0.1"
CONFIG = """
[source bench]
url = glacier://us-east-1/bench
endpoint = http://127.0.0.1:{port}
[budget none]
money = 0
"""
LIB = {"stdout": subprocess.PIPE, "text": True, "check": True}


def run(*words, **more):
    return subprocess.run([str(w) for w in words], **{**LIB, **more}).stdout


def seconds(*words):
    began = time.monotonic()
    run(*words)
    return time.monotonic() - began


def is_changed(at):
    """As catalog_bench's `generate … 10` says."""
    mask = (1 << 64) - 1
    x = (at + 0x9e3779b97f4a7c15) & mask
    x = ((x ^ x >> 30) * 0xbf58476d1ce4e5b9) & mask
    x = ((x ^ x >> 27) * 0x94d049bb133111eb) & mask
    return (x ^ x >> 31) % 1000 < 10


class Bench:
    def __init__(self, build, folder):
        self.build, self.folder = build, folder
        self.tool = build / "tests/bench/catalog_bench"
        self.sim = subprocess.Popen(
            [build / "tools/sim/thaw-sim", "--listen", "127.0.0.1:0", "--data", folder / "sim",
             "--generate", "vault=bench,archives=1,seed=1"], stdout=subprocess.PIPE, text=True)
        self.port = self.sim.stdout.readline().split()[-1].rsplit(":", 1)[1]
        (folder / "conf").write_text(CONFIG.format(port=self.port))

    def generate(self, name, count, dirs, changed=0):
        path = self.folder / name
        run(self.tool, "generate", path, count, dirs, changed)
        return path

    def state(self, name):
        path = self.folder / name
        path.mkdir(mode=0o700)
        return path

    def load(self, state, path):
        return json.loads(run(self.tool, "import", state, path, NAMESPACE))


class Mounted:
    """A file system of a process, until the end of the block."""

    def __init__(self, command, path, env=None):
        self.path = path
        path.mkdir(exist_ok=True)
        began = time.monotonic()
        self.process = subprocess.Popen([str(c) for c in command], env=env,
                                        stderr=subprocess.DEVNULL)
        while not os.path.ismount(path):
            assert self.process.poll() is None and time.monotonic() < began + 60
            time.sleep(0.002)
        self.seconds = time.monotonic() - began

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["fusermount3", "-u", self.path], check=True)
        self.process.wait(30)

    def requests(self):
        """What the kernel has asked for, of thawfs."""
        text = (self.path / ".thaw/metrics").read_text()
        return {op: int(n) for op, n in re.findall(r'requests_total{op="(\w+)"} +(\d+)', text)}

    def anon_mib(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"RssAnon:\s+(\d+)", text).group(1)) / 1024


def thawfs(bench, state, *options):
    env = {**os.environ, "AWS_ACCESS_KEY_ID": "AKIATHAWSIM000000000",
           "AWS_SECRET_ACCESS_KEY": "thaw-sim-secret"}
    path = bench.folder / "mnt"
    return Mounted([bench.build / "fs/thawfs", bench.folder / "conf", path, "-f", "-o",
                    ",".join((f"state.dir={state},cache.dir={state}/cache,cache.reserve=0",
                              *options))], path, env)


def importing(bench, count, got):
    for name, n in (("tenth", count // 10), ("whole", count)):
        path, state = bench.generate(f"{name}.json", n, max(1, n // 1000)), bench.state(name)
        got[f"import_{name}"] = bench.load(state, path)
        if name == "tenth":
            jq = seconds("sh", "-c", f"jq -c '.ArchiveList[]' {path} >/dev/null")
            got["jq_per_second"] = round(n / jq)
            path.unlink()
    changed = bench.generate("changed.json", count, max(1, count // 1000), 10)
    got["import_changed"] = bench.load(bench.folder / "whole", changed)
    changed.unlink()
    small = bench.state("small")
    bench.load(small, bench.generate("small.json", 1000, 10))
    for name in ("small", "whole"):
        with thawfs(bench, bench.folder / name) as m:
            got[f"mount_{name}"] = {"seconds": round(m.seconds, 3),
                                    "anon_mib": round(m.anon_mib(), 1)}


def tmpfs_make(path, count, dirs):
    shutil.rmtree(path, ignore_errors=True)
    for d in range(dirs):
        (path / f"dir-{d:05}").mkdir(parents=True)
    for i in range(count):
        fd = os.open(path / f"dir-{i % dirs:05}/img-{i:08}.jpg", os.O_CREAT | os.O_WRONLY)
        os.ftruncate(fd, i * 2654435761 % 100000000)
        os.close(fd)


def listed(root):
    """The first `find` after the mount, then warm, the best of three: seconds. `ls -lU` asks tmpfs
    for a label and an access list of each file, and us once: what it costs without that is
    find_warm."""
    find, ls = f"find {root} -size +1k | wc -l", f"ls -lUnR {root} >/dev/null"
    cold = seconds("sh", "-c", find)
    seconds("sh", "-c", ls)
    return {"find_cold": round(cold, 2),
            "ls_warm": round(min(seconds("sh", "-c", ls) for _ in range(3)), 2),
            "find_warm": round(min(seconds("sh", "-c", find) for _ in range(3)), 2)}


def asked(mounted, began):
    """What the kernel has asked for since, if it was much."""
    return {op: n - began[op] for op, n in mounted.requests().items() if n - began[op] > 10}


def deep(bench, got):
    """200 directories in each other, 50 files in each."""
    state, path = bench.state("deep"), bench.folder / "deep.json"
    names = ["d/" * depth + f"f{i}" for depth in range(200) for i in range(50)]
    path.write_text(json.dumps({
        "VaultARN": "arn:aws:glacier:us-east-1:111122223333:vaults/bench",
        "ArchiveList": [{"ArchiveId": f"{i:0138}", "ArchiveDescription": name, "Size": 9999,
                         "CreationDate": "2012-05-15T17:19:46Z"}
                        for i, name in enumerate(names)]}))
    bench.load(state, path)
    with thawfs(bench, state) as m:
        began = m.requests()
        got["deep_200"] = {"files": len(names), **listed(m.path / "bench"),
                           "asked": asked(m, began)}


def listing(bench, count, got):
    memory = pathlib.Path("/dev/shm/thawfs-bench")
    deep(bench, got)
    for dirs in (1, 1000):
        state = bench.state(f"tree-{dirs}")
        bench.load(state, bench.generate("tree.json", count, dirs))
        with thawfs(bench, state) as m:
            began = m.requests()
            ours = listed(m.path / "bench")
            all_asked = asked(m, began)
        path = bench.folder / "reference"
        with Mounted([bench.build / "tests/bench/reference_fs", count, dirs, path], path) as m:
            floor = listed(m.path)
        tmpfs_make(memory, count, dirs)
        tmpfs = listed(memory)
        shutil.rmtree(memory)
        got[f"tree_{dirs}"] = {
            "ours": ours, "reference": floor, "tmpfs": tmpfs, "asked": all_asked,
            **{f"{what}_to_{name}": round(ours[what] / other[what], 2)
               for what in ours for name, other in (("tmpfs", tmpfs), ("reference", floor))}}


def latencies(root, names, until):
    took = []
    while not until():
        for name in names:
            began = time.monotonic()
            os.stat(root / name)
            took.append(time.monotonic() - began)
            time.sleep(0.001)
    return {"p50_us": round(statistics.median(took) * 1e6),
            "p99_us": round(statistics.quantiles(took, n=100)[98] * 1e6)}


def find_all(root, count, is_over, told):
    """A process of its own: walks again and again; what is in both lists and came not once."""
    got = {"walks": 0, "failed": 0, "missing": 0, "twice": 0}
    while not got["walks"] or not is_over.is_set():
        seen = bytearray(count)
        with subprocess.Popen(["find", root, "-type", "f"], stdout=subprocess.PIPE) as find:
            for line in find.stdout:
                seen[int(line[-13:-5])] += 1
        got["failed"] += find.returncode != 0
        got["walks"] += 1
        for at in range(count):
            if seen[at] != 1 and not is_changed(at):
                got["twice" if seen[at] else "missing"] += 1
    told.put(got)


def refreshing(bench, count, got):
    """Readers' latency and a find's names: alone, under a find, and while a refresh is under way."""
    with thawfs(bench, bench.folder / "whole") as m:
        root = m.path / "bench"
        first = next(os.scandir(root)).name
        names = [f"{first}/.thaw/{n}.status" for n in os.listdir(root / first)[:50]]
        is_over, told = multiprocessing.Event(), multiprocessing.Queue()
        find = multiprocessing.Process(target=find_all, args=(root, count, is_over, told))

        def reading(seconds_most):
            end = time.monotonic() + seconds_most
            return latencies(root, names, lambda: time.monotonic() > end)

        row = {"quiet": reading(5)}
        find.start()
        row["find"] = reading(5)
        began = time.monotonic()
        with subprocess.Popen([bench.build / "tools/thaw/thaw", "refresh", "--from",
                               bench.folder / "whole.json", root],
                              stdout=subprocess.DEVNULL) as refresh:
            row["find_and_refresh"] = latencies(root, names, lambda: refresh.poll() is not None)
        row["seconds"] = round(time.monotonic() - began, 1)
        is_over.set()
        row["walked"] = told.get()
        find.join()
        got["refresh"] = {**row, "refresh_failed": refresh.returncode,
                          "anon_mib": round(m.anon_mib(), 1)}


def main():
    words = sys.argv[1:]
    build = pathlib.Path(words[0] if words else ROOT / "build-plain").resolve()
    count = int(words[1]) if len(words) > 1 else 10_000_000
    tree = int(words[2]) if len(words) > 2 else 1_000_000
    run("ninja", "-C", build, "tests/bench/catalog_bench", "tests/bench/reference_fs")
    got = {"load": os.getloadavg()[0], "cores": os.cpu_count()}
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/tmp")) as folder:
        bench = Bench(build, pathlib.Path(folder))
        try:
            if count:
                importing(bench, count, got)
                refreshing(bench, count, got)
            if tree:
                listing(bench, tree, got)
        finally:
            bench.sim.terminate()
            bench.sim.wait(20)
    for name, value in got.items():
        print(f"{name:16} {json.dumps(value)}", file=sys.stderr)
    print(json.dumps(got))


if __name__ == "__main__":
    main()
