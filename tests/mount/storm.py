#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""storm - many processes read random ranges of a mount in every way there is, and compare.

  storm.py MOUNT SOURCE --seed N --seconds S [--workers W] --sim URL

SOURCE holds the same files as MOUNT. Meanwhile files are evicted, the service's copies lapse, and
files turn from cold to cached again. At the end every file is here, and a JSON line tells how often
each was evicted. What differs or fails is told with its seed, worker and number: the same seed
makes the same choices in every worker.
"""
import argparse
import errno
import json
import mmap
import os
import pathlib
import random
import signal
import sys
import time
import urllib.request

MIB = 1 << 20
EDGES = (0, 1, 4095, 4096, 4097, MIB - 1, MIB, MIB + 1, 16 * MIB - 1, 16 * MIB, 16 * MIB + 1)
LENGTHS = (1, 2, 511, 4095, 4096, 4097, 65536, 131072, 131073, MIB - 1, MIB, MIB + 1)


# Ways to read [off, off + n): each gives bytes, or None where this handle has no such way.

def by_pread(fd, off, n):
    return os.pread(fd, n, off)


def by_read(fd, off, n):
    """As a stream: in pieces, to the end of what was wanted or of the file."""
    os.lseek(fd, off, os.SEEK_SET)
    pieces = []
    while n:
        piece = os.read(fd, min(n, 100000))
        if not piece:
            break
        pieces.append(piece)
        n -= len(piece)
    return b"".join(pieces)


def by_sendfile(fd, off, n):
    out = os.memfd_create("storm")
    try:
        done = 0
        while done < n:
            sent = os.sendfile(out, fd, off + done, n - done)
            if not sent:
                break
            done += sent
        return os.pread(out, n, 0)
    finally:
        os.close(out)


def by_splice(fd, off, n):
    if not hasattr(os, "splice"):
        return None
    there, back = os.pipe()
    try:
        pieces, done = [], 0
        while done < n:
            moved = os.splice(fd, back, min(n - done, 65536), off + done)
            if not moved:
                break
            while moved:
                pieces.append(os.read(there, moved))
                moved -= len(pieces[-1])
                done += len(pieces[-1])
        return b"".join(pieces)
    finally:
        os.close(there)
        os.close(back)


def by_map(fd, off, n):
    """Only of a handle whose file was here when it was opened: others say ENODEV."""
    size = os.fstat(fd).st_size
    if off >= size:
        return b""
    try:
        with mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ) as m:
            return m[off:off + n]
    except OSError as e:
        if e.errno == errno.ENODEV:
            return None
        raise


def by_direct(fd, off, n):
    with mmap.mmap(-1, n) as room:
        got = os.preadv(fd, [room], off)
        return room[:got]


WAYS = ((by_pread, 0), (by_read, 0), (by_direct, os.O_DIRECT), (by_map, 0), (by_sendfile, 0),
        (by_splice, 0))


# Through the page cache on any handle (Linux since 6.5): where bytes are not here these fail with
# EIO, as a page fault does.
PAGED = (by_sendfile, by_splice)


def is_cold(fd):
    """Was the file not here when it was opened? Told by what libfuse before 3.17 refuses then."""
    if not os.fstat(fd).st_size:
        return False
    try:
        mmap.mmap(fd, 1, mmap.MAP_SHARED, mmap.PROT_READ).close()
    except OSError as e:
        return e.errno == errno.ENODEV
    return False


class Files:
    def __init__(self, mount, source):
        self.names = sorted(str(p.relative_to(source)) for p in source.rglob("*") if p.is_file())
        self.paths = [os.path.join(mount, name) for name in self.names]
        self.data = [self.map(source / name) for name in self.names]
        # A file that is about to be evicted is left alone by most.
        self.avoided = mmap.mmap(-1, max(len(self.names), 1))
        self.is_over = mmap.mmap(-1, 1)

    @staticmethod
    def map(path):
        if not path.stat().st_size:
            return b""
        with open(path, "rb") as f:
            return memoryview(mmap.mmap(f.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ))


def choose_range(rng, size):
    near = rng.choice(EDGES) * rng.choice((1, 1, 1, 2, 3, 7))
    off = rng.choice((near, size - near, rng.randrange(size + 1), size - 1, size))
    return max(off, 0), rng.choice(LENGTHS)


def work(files, seed, number, room):
    """One reader; its counts go to `room`: reads and bytes."""
    rng = random.Random(f"{seed}/{number}")
    reads = total = 0
    while not files.is_over[0]:
        i = rng.randrange(len(files.names))
        way, flags = rng.choice(WAYS)
        ranges = [choose_range(rng, len(files.data[i])) for _ in range(rng.randint(1, 8))]
        if files.avoided[i] and rng.random() < 0.97:
            continue
        fd = os.open(files.paths[i], os.O_RDONLY | flags)
        try:
            for off, n in ranges:
                where = f"{files.names[i]} [{off}, +{n}) {way.__name__} read {reads}"
                try:
                    got = way(fd, off, n)
                except OSError as e:
                    if way in PAGED and e.errno == errno.EIO and is_cold(fd):
                        break
                    return f"{where}: {e.strerror}"
                if got is None:
                    break
                if got != files.data[i][off:off + n]:
                    return f"{where}: {len(got)} bytes that differ from the source"
                reads += 1
                total += len(got)
        finally:
            os.close(fd)
        room[0:16] = reads.to_bytes(8, "little") + total.to_bytes(8, "little")
    return None


def start_worker(files, args, number, room):
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        # What is measured meanwhile is the daemon, not how the machine shares its processors.
        os.nice(15)
        trouble = work(files, args.seed, number, room)
        if trouble:
            print(f"storm: seed {args.seed} worker {number}: {trouble}", file=sys.stderr, flush=True)
        status = 1 if trouble else 0
    except BaseException as e:
        print(f"storm: seed {args.seed} worker {number}: {e!r}", file=sys.stderr, flush=True)
    os._exit(status)


class Conductor:
    """Evicts; knows how often each file had to be restored."""

    def __init__(self, files, args):
        self.files, self.args = files, args
        self.rng = random.Random(f"{args.seed}/conductor")
        self.evictions = dict.fromkeys(files.names, 0)

    def state(self, i):
        return os.getxattr(self.files.paths[i], "user.thaw.state").decode()

    def ask(self, i, words):
        folder, name = os.path.split(self.files.paths[i])
        with open(f"{folder}/.thaw/{name}.request", "w") as f:
            f.write(words)

    def is_missing(self):
        return [i for i in range(len(self.files.names))
                if len(self.files.data[i]) and self.state(i) != "cached"]

    def bring_all(self, seconds):
        """Nothing is evicted now: in the end all is here, and nobody pays any more."""
        end = time.monotonic() + seconds
        for i in self.is_missing():
            if self.state(i) in ("cold", "ready", "partial", "online"):
                self.ask(i, "get")
        while self.is_missing():
            if time.monotonic() > end:
                names = {self.files.names[i]: self.state(i) for i in self.is_missing()}
                raise SystemExit(f"storm: seed {self.args.seed}: not here after {seconds} s: {names}")
            time.sleep(0.1)

    def lapse(self):
        """No copy outlives this, nor one that a slow machine had kept for 30 days more."""
        body = json.dumps({"advance": "1000h"}).encode()
        request = urllib.request.Request(self.args.sim + "/_sim/clock", body, method="POST")
        urllib.request.urlopen(request, timeout=20).read()

    def evict(self, i):
        self.files.avoided[i] = 1
        try:
            for _ in range(40):
                try:
                    self.ask(i, "evict")
                    self.evictions[self.files.names[i]] += 1
                    return
                except OSError as e:
                    if e.errno != errno.EBUSY:
                        raise
                time.sleep(0.05)
        finally:
            self.files.avoided[i] = 0

    def run(self, seconds):
        """For so long, counted from when all was here for the first time."""
        self.bring_all(120)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.bring_all(120)
            self.lapse()
            some = [i for i in range(len(self.files.names)) if len(self.files.data[i])]
            for i in self.rng.sample(some, max(1, len(some) // 3)):
                if time.monotonic() < until:
                    self.evict(i)
                    time.sleep(self.rng.random() / 4)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("mount", type=pathlib.Path)
    p.add_argument("source", type=pathlib.Path)
    p.add_argument("--seed", required=True)
    p.add_argument("--seconds", type=float, default=60)
    p.add_argument("--workers", type=int, default=64)
    p.add_argument("--sim", required=True)
    args = p.parse_args()

    files = Files(args.mount, args.source)
    began = time.monotonic()
    rooms = [mmap.mmap(-1, 16) for _ in range(args.workers)]
    pids = [start_worker(files, args, n, rooms[n]) for n in range(args.workers)]
    failed = True
    conductor = Conductor(files, args)
    try:
        conductor.run(args.seconds)
        failed = False
    finally:
        # A reader is done soon after the time is up, or hangs.
        files.is_over[0] = 1
        took = time.monotonic() - began
        end = time.monotonic() + (60 if not failed else 1)
        while pids and time.monotonic() < end:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid:
                pids.remove(pid)
                failed = failed or status != 0
            else:
                time.sleep(0.05)
        for pid in pids:
            print(f"storm: seed {args.seed}: a reader hangs", file=sys.stderr)
            failed = True
            os.kill(pid, signal.SIGKILL)
    conductor.bring_all(120)
    counts = [(int.from_bytes(r[:8], "little"), int.from_bytes(r[8:], "little")) for r in rooms]
    print(json.dumps({"reads": sum(c[0] for c in counts), "bytes": sum(c[1] for c in counts),
                      "seconds": took, "evictions": conductor.evictions}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
