#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How fast cached bytes are read, beside what else a machine has for it.

	tests/bench/read.py [BUILD] [--size MIB] [--rounds N]

A table on stderr, JSON on stdout. BUILD is a build directory without sanitizers (build-plain). thaw-sim
stands in for the service. The same bytes are read natively, and through thawfs, s3fs, rclone and
passthrough_ll (of libfuse's own examples), each with its cache warm. Each figure is the median of N
rounds, and the ratios are of figures of the same run: nothing else is worth comparing.
What a program needs that is not here
(packages s3fs, rclone; libfuse3-dev for passthrough_ll) is left out, and said so. Root, for the mounts.
"""
import argparse
import json
import mmap
import os
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MIB = 1 << 20
PARTS = ("warm",)
EXAMPLE = pathlib.Path("/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c")


def say(text):
    print(text, file=sys.stderr, flush=True)


def options():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("build", nargs="?", default=ROOT / "build-plain")
    p.add_argument("--size", type=int, default=512, help="MiB of the large file")
    p.add_argument("--rounds", type=int, default=5)
    return p.parse_args()


ARGS = options()
os.environ["THAW_BUILD"] = str(pathlib.Path(ARGS.build).resolve())
sys.path.insert(0, str(ROOT / "tests/mount"))

import conftest  # noqa: E402

SIZE = ARGS.size * MIB


# ---- what is measured: each gives MB/s, or reads/s


def sequential(path, block=MIB):
    began = time.monotonic()
    fd = os.open(path, os.O_RDONLY)
    buffer, total = bytearray(block), 0
    with os.fdopen(fd, "rb", buffering=0) as f:
        while n := f.readinto(buffer):
            total += n
    assert total == os.stat(path).st_size
    return total / 1e6 / (time.monotonic() - began)


def scattered(path, seconds=1.0):
    lot, size, n = random.Random(1), os.stat(path).st_size, 0
    fd = os.open(path, os.O_RDONLY)
    began = time.monotonic()
    while (spent := time.monotonic() - began) < seconds:
        for _ in range(64):
            os.pread(fd, 4096, lot.randrange(size // 4096) * 4096)
        n += 64
    os.close(fd)
    return n / spent


def mapped(path):
    with open(path, "rb") as f:
        m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
        began = time.monotonic()
        for at in range(0, len(m), MIB):
            m[at:at + MIB]
        spent = time.monotonic() - began
        size = len(m)
        m.close()
    return size / 1e6 / spent


def median(measure, before=lambda: None):
    figures = []
    for _ in range(ARGS.rounds):
        before()
        figures.append(measure())
    return statistics.median(figures)


def forget_file(path):
    """The pages of one inode only."""
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


# ---- the world: a simulator with a bucket, and those who mount it


class World:
    def __init__(self):
        self.temp = tempfile.TemporaryDirectory(prefix="thawfs-bench-", dir="/var/tmp")
        self.dir = pathlib.Path(self.temp.name)
        objects = [{"key": f"large{i}", "storage-class": "STANDARD", "size": SIZE, "fill": "x"}
                   for i in range(1)]
        (self.dir / "seed.json").write_text(
            json.dumps({"buckets": [{"name": "lab", "objects": objects}]}))
        self.sim = conftest.sims.Sim(self.dir, "--speed", 3600, "--seed",
                                     str(self.dir / "seed.json"))
        self.mounts = []
        self.mount = None

    def thawfs(self):
        self.mount = conftest.Mount(self.dir, self.sim, "s3://lab", "source.storage-classes=all",
                                    "budget.bench.money=1000000", "source.refresh=0")
        conftest.until(lambda: conftest.listed(self.mount.path), 120, "the catalog")
        return self.mount.path

    def started(self, name, command, env=None):
        path = self.dir / name
        path.mkdir()
        self.mounts.append(path)
        words = [w.format(path=path, url=self.sim.url, dir=self.dir) for w in command]
        p = subprocess.Popen(words, env=env or self.sim.env, stdin=subprocess.DEVNULL,
                             stderr=open(self.dir / f"{name}.log", "w"))
        try:
            conftest.until(lambda: conftest.is_mounted(path), 20, name)
        except AssertionError:
            say(f"{name} does not mount: {(self.dir / f'{name}.log').read_text()[-300:]}")
            p.kill()
            self.mounts.remove(path)
            return None
        return path

    def s3fs(self):
        if not shutil.which("s3fs"):
            return say("no s3fs here: left out")
        keys = self.dir / "keys"
        keys.write_text("AKIATHAWSIM000000000:thaw-sim-secret")
        keys.chmod(0o600)
        (self.dir / "s3fs-cache").mkdir()
        return self.started("s3fs", ["s3fs", "lab", "{path}", "-f", "-o", "url={url}", "-o",
                                     "use_path_request_style", "-o", "passwd_file={dir}/keys", "-o",
                                     "use_cache={dir}/s3fs-cache", "-o", "endpoint=us-east-1", "-o",
                                     "parallel_count=4"])

    def rclone(self):
        if not shutil.which("rclone"):
            return say("no rclone here: left out")
        env = {**self.sim.env, "RCLONE_CONFIG_SIM_TYPE": "s3", "RCLONE_CONFIG_SIM_PROVIDER": "Other",
               "RCLONE_CONFIG_SIM_ENDPOINT": self.sim.url, "RCLONE_CONFIG_SIM_REGION": "us-east-1",
               "RCLONE_CONFIG_SIM_ACCESS_KEY_ID": "AKIATHAWSIM000000000",
               "RCLONE_CONFIG_SIM_SECRET_ACCESS_KEY": "thaw-sim-secret",
               "RCLONE_CONFIG": str(self.dir / "rclone.conf")}
        env.pop("AWS_CA_BUNDLE", None)  # its library refuses one here
        return self.started("rclone", ["rclone", "mount", "sim:lab", "{path}", "--read-only",
                                       "--vfs-cache-mode", "full", "--cache-dir", "{dir}/rclone-cache"],
                            env)

    def passthrough_ll(self, source):
        """libfuse's own example over a directory, with its pages kept."""
        program = self.dir / "passthrough_ll.bin"
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "fuse3"], capture_output=True,
                               text=True).stdout.split()
        built = EXAMPLE.exists() and subprocess.run(
            ["cc", "-O2", "-w", str(EXAMPLE), "-o", str(program), *flags]).returncode == 0
        if not built:
            return say("no passthrough_ll here (libfuse3-dev): left out")
        return self.started("passthrough_ll", [str(program), "-f", "-o", f"source={source}", "-o",
                                               "cache=always", "{path}"])

    def close(self):
        for path in self.mounts:
            subprocess.run(["umount", "-l", path])
        if self.mount and self.mount.process.poll() is None:
            self.mount.process.send_signal(signal.SIGTERM)
            self.mount.process.wait(60)
        self.sim.kill()
        self.temp.cleanup()


# ---- the parts


def warm_figures(path, before):
    sequential(path)
    return {"first read MB/s": median(lambda: sequential(path), before),
            "re-read MB/s": median(lambda: sequential(path)),
            "4 KiB reads/s": median(lambda: scattered(path)),
            "mmap scan MB/s": median(lambda: mapped(path))}


def data_file(world):
    return max((world.dir / "cache/data").rglob("*.*"), key=lambda p: p.stat().st_size)


def part_warm(world):
    """The bytes are here: in the disk's page cache, as after any recent use. Before each first read the
    pages of the mount's own inode are dropped, where it has any."""
    figures = {}
    path = world.thawfs() / "large0"
    sequential(path)
    world.mount.wait_state(path, "cached", seconds=120)
    native = data_file(world)
    figures["native"] = warm_figures(native, lambda: None)
    figures["thawfs"] = warm_figures(path, lambda: forget_file(path))
    sequential(native)
    example = world.passthrough_ll(native.parent)
    others = {"passthrough_ll": example and example / native.name}
    for name in ("s3fs", "rclone"):
        at = getattr(world, name)()
        others[name] = at and at / "large0"
    for name, other in others.items():
        if other:
            figures[name] = warm_figures(other, lambda: forget_file(other))
    return figures


def table(part, figures):
    columns = list(dict.fromkeys(c for row in figures.values() for c in row))
    say(f"\n{part:26}" + "".join(f"{c:>18}" for c in columns))
    for name, row in figures.items():
        say(f"{name:26}" + "".join(f"{row[c]:18.1f}" if c in row else f"{'':18}" for c in columns))
    for base in ("native",):
        if base not in figures:
            continue
        for name, row in figures.items():
            ratios = {c: row[c] / figures[base][c] for c in row if figures[base].get(c)}
            say(f"{name + ' / ' + base:26}" + "".join(
                f"{ratios[c]:18.2f}" if c in ratios else f"{'':18}" for c in columns))


def main():
    result = {"size_mib": ARGS.size, "rounds": ARGS.rounds, "load": os.getloadavg()[0]}
    world = World()
    try:
        for part in PARTS:
            result[part] = globals()[f"part_{part}"](world)
            table(part, result[part])
        if world.mount:
            result["passthrough"] = "passthrough=yes" in world.mount.said() \
                and "passthrough=no the kernel" not in world.mount.said()
    finally:
        world.close()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
