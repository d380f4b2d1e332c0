#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What waiting costs: hours of service time for tar over cold files, with recall-ahead and without;
memory and delays with ten thousand parked readers and a hundred thousand requests.

	tests/bench/restore.py [BUILD] [hours|memory]	a table on stderr, JSON on stdout

BUILD is a build directory without sanitizers (build-plain). thaw-sim stands in for the service: a
bucket of DEEP_ARCHIVE objects in the standard tier for the hours, a generated vault for the memory.
The hours are the simulator's, whose clock is fast: what this machine itself needs for a file (some
10 ms) counts as hours too, and is the more of them the more files there are. Without recall-ahead
small numbers are measured and the others projected from them, a restore each. All of it takes some
fifteen minutes on a quiet machine.
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from datetime import datetime

ROOT = pathlib.Path(__file__).resolve().parents[2]
ARGS = [a for a in sys.argv[1:] if a not in ("hours", "memory")]
PARTS = [a for a in sys.argv[1:] if a in ("hours", "memory")] or ["hours", "memory"]
os.environ["THAW_BUILD"] = str(pathlib.Path(ARGS[0] if ARGS else ROOT / "build-plain").resolve())
sys.path.insert(0, str(ROOT / "tests/mount"))

import conftest  # noqa: E402

SIZE = 1000
# (files, service hours in a second): slower where this machine's own time would show.
AHEAD = [(1, 1), (10, 1), (100, 1), (1000, 0.2), (2000, 0.1)]
ALONE = [(1, 1), (3, 1), (6, 1)]
READERS = 10_000
REQUESTS = 100_000
DURABLE_SECONDS = 300

# Threads of one program, all reading; the stacks are small.
READ = """
import os, sys, threading
threading.stack_size(65536)
def read(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        os.pread(fd, 10, 0)
    except OSError:
        pass
for i in range(int(sys.argv[2])):
    threading.Thread(target=read, args=(sys.argv[1],), daemon=True).start()
sys.stdin.read()
os._exit(0)
"""


def say(text):
    print(text, file=sys.stderr, flush=True)


class Bench:
    """A simulator of `options`, and a mount of `url` from it."""

    def __init__(self, url, options, hours_a_second, *words):
        self.dir = tempfile.TemporaryDirectory(prefix="thawfs-bench-")
        path = pathlib.Path(self.dir.name)
        self.sim = conftest.sims.Sim(path, "--speed", 50000, *options)
        self.mount = conftest.Mount(path, self.sim, url, "budget.bench.money=1000000",
                                    "source.refresh=0", *words)
        conftest.until(lambda: conftest.listed(self.mount.path), 300, "the catalog")
        self.sim.admin("POST", "clock", {"speed": max(1, int(3600 * hours_a_second))})

    def archive(self, i):
        """Of a generated vault: a thousand to a directory."""
        return self.mount.path / f"generated/{i // 1000:06}/{i:012}.dat"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.mount.process.send_signal(signal.SIGTERM)
            self.mount.process.wait(60)
        finally:
            self.mount.log.close()
            self.sim.kill()
            self.dir.cleanup()

    def hours(self):
        now = datetime.fromisoformat(self.sim.clock()["now"].replace("Z", "+00:00"))
        return now.timestamp() / 3600

    def anonymous(self):
        """RssAnon of the daemon, bytes."""
        with open(f"/proc/{self.mount.process.pid}/status") as f:
            for line in f:
                if line.startswith("RssAnon:"):
                    return float(line.split()[1]) * 1024
        return 0

    def metric(self, name):
        for line in (self.mount.path / ".thaw/metrics").read_text().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        return None


def tar_hours(n, speed, *words):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as seed:
        json.dump({"buckets": [{"name": "lab", "objects": [
            {"key": f"run/{i:06}", "storage-class": "DEEP_ARCHIVE", "size": SIZE, "fill": "x"}
            for i in range(n)]}]}, seed)
        seed.flush()
        bench = Bench("s3://lab", ["--seed", seed.name], speed, *words)
    with bench as b:
        began = b.hours()
        done = subprocess.run(["sh", "-c", 'tar c -C "$0" run | wc -c', b.mount.path],
                              capture_output=True, text=True)
        assert int(done.stdout) > n * SIZE, done.stderr
        return b.hours() - began


def hours():
    rows = []
    alone = {n: tar_hours(n, speed) for n, speed in ALONE}
    each = alone[ALONE[-1][0]] / ALONE[-1][0]
    say("tar c of N cold files: hours of service time\n"
        "     N   recall-ahead off   recall-ahead = directory")
    for n, speed in AHEAD:
        took = tar_hours(n, speed, "restore.recall-ahead=directory", "restore.wave-hold=1s")
        off = alone.get(n)
        rows.append({"files": n, "off_hours": off or n * each, "off_is_projected": off is None,
                     "ahead_hours": took})
        say(f"{n:6}   {off or n * each:13.1f}{'' if off else ' *':3}  {took:21.1f}")
    say("     * projected from " + ", ".join(f"{n}: {h:.1f} h" for n, h in alone.items()))
    return rows


def parked(b):
    """Ten thousand readers of one file: bytes each."""
    before = b.anonymous()
    child = subprocess.Popen([sys.executable, "-c", READ, b.archive(0),
                              str(READERS)], stdin=subprocess.PIPE)
    began = time.monotonic()
    conftest.until(lambda: b.metric("thawfs_waiting_reads") == READERS, 300, "the readers")
    took = time.monotonic() - began
    time.sleep(2)
    used = b.anonymous() - before
    threads = len(os.listdir(f"/proc/{b.mount.process.pid}/task"))
    began = time.monotonic()
    child.kill()
    child.wait()
    conftest.until(lambda: b.metric("thawfs_waiting_reads") == 0, 120, "the readers' end")
    gone = time.monotonic() - began
    say(f"{READERS} parked readers: {used / READERS:.0f} bytes each, {used / 2**20:.1f} MiB, "
        f"parked in {took:.1f} s, {threads} threads in all, gone in {gone:.1f} s")
    return {"readers": READERS, "bytes_each": used / READERS, "parked_s": took,
            "threads": threads, "gone_s": gone}


def paid_after(b, path):
    """Seconds from a read until its restore is accepted by the service."""
    began = time.monotonic()
    child = subprocess.Popen(["cat", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    conftest.until(lambda: b.mount.attribute(path, "state") == "restoring", 300, "the restore")
    took = time.monotonic() - began
    child.kill()
    child.wait()
    return took


def warm(b):
    """A file that is here."""
    path = b.archive(1)
    child = subprocess.Popen(["cat", path], stdout=subprocess.DEVNULL)
    conftest.until(lambda: b.mount.attribute(path, "state") == "restoring", 60, "the restore")
    b.sim.advance("12h")
    assert child.wait(60) == 0
    conftest.until(lambda: b.mount.attribute(path, "state") == "cached", 60, "a warm file")
    return path


def read_some(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        os.pread(fd, 10, 0)
    finally:
        os.close(fd)


class Feel:
    """How long calls on a warm file take, milliseconds, gathered in rounds."""

    CALLS = {"stat": os.stat, "getxattr": lambda p: os.getxattr(p, "user.thaw.state"),
             "open, read, close": read_some,
             "its .status": lambda p: (p.parent / f".thaw/{p.name}.status").read_text()}

    def __init__(self):
        self.took = {name: [] for name in self.CALLS}

    def round(self, path, n=50):
        for _ in range(n):
            for name, call in self.CALLS.items():
                at = time.monotonic()
                call(path)
                self.took[name].append((time.monotonic() - at) * 1000)

    def said(self):
        rows = {}
        for name, took in self.took.items():
            took.sort()
            rows[name] = {"median_ms": took[len(took) // 2],
                          "p99_ms": took[len(took) * 99 // 100], "calls": len(took)}
        return rows


def requested(b):
    """A directory of a hundred thousand files asked for at once: bytes each, and what others feel."""
    here = warm(b)
    idle, meanwhile, after = Feel(), Feel(), Feel()
    idle.round(here, 500)
    alone = paid_after(b, b.archive(REQUESTS - 1))
    before = b.anonymous()
    began = time.monotonic()
    child = subprocess.Popen(["sh", "-c", 'echo get > "$0"', b.mount.path / "generated/.thaw/request"])
    among = []
    time.sleep(3)
    # Those at the end: their own turn is far away.
    for i in range(2, 12):
        among.append(paid_after(b, b.archive(REQUESTS - i)))
        meanwhile.round(here)
    end = time.monotonic() + DURABLE_SECONDS
    while child.poll() is None and time.monotonic() < end:
        meanwhile.round(here, 10)
        time.sleep(1)
    took = time.monotonic() - began
    is_durable = child.poll() is not None
    time.sleep(10)
    used = b.anonymous() - before
    # All wait for their turn at the service, a hundred a second: a thousand seconds.
    behind = []
    for i in range(12, 32):
        behind.append(paid_after(b, b.archive(REQUESTS - i)))
        after.round(here, 25)
    at = time.monotonic()
    queue = len((b.mount.path / ".thaw/queue").read_bytes())
    queue_s = time.monotonic() - at
    lag = 1000 * b.metric("thawfs_engine_lag_max_seconds")
    if not is_durable:
        child.kill()
        child.wait()
    among.sort()
    behind.sort()
    say(f"{REQUESTS} requests: {'durable' if is_durable else 'NOT all durable'} in {took:.0f} s; "
        f"{used / REQUESTS:.0f} bytes each, "
        f"{used / 2**20:.0f} MiB\n"
        f".thaw/queue: {queue / 2**20:.0f} MiB, read in {queue_s:.1f} s\n"
        f"a read while they are asked for: its restore accepted after "
        f"{among[len(among) // 2]:.2f} s (median), {among[-1]:.2f} s at most; behind all of them "
        f"{behind[len(behind) // 2]:.2f} s, {behind[-1]:.2f} s; {alone:.2f} s when alone\n"
        f"the loop's longest turn: {lag:.0f} ms\n"
        f"of a warm file, ms: median / p99     idle            meanwhile       all queued")
    rows = {"idle": idle.said(), "meanwhile": meanwhile.said(), "queued": after.said()}
    for name in Feel.CALLS:
        say(f"  {name:34}" + "".join(f"{r[name]['median_ms']:7.2f} /{r[name]['p99_ms']:7.2f}"
                                     for r in rows.values()))
    return {"requests": REQUESTS, "is_durable": is_durable, "durable_s": took,
            "bytes_each": used / REQUESTS, "queue_bytes": queue, "queue_s": queue_s,
            "read_alone_s": alone, "read_among_s": among, "read_behind_s": behind, "lag_max_ms": lag, "warm": rows}


def memory():
    options = ["--generate", f"vault=lab,archives={REQUESTS},seed=7"]
    with Bench("glacier://us-east-1/lab", options, 0.0001) as b:
        return {"parked": parked(b), "requested": requested(b)}


def main():
    parts = {"hours": hours, "memory": memory}
    json.dump({name: parts[name]() for name in PARTS}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
