# SPDX-License-Identifier: Apache-2.0
"""A real mount for every test: thaw-sim with fixtures behind it, and what must hold at its end."""
import datetime
import importlib.util
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("THAW_BUILD", HERE.parent.parent / "build"))

# The daemon may be of another build than the rest: one under a sanitizer.
DAEMON = pathlib.Path(os.environ.get("THAW_DAEMON", BUILD / "fs/thawfs"))

# The fixtures of tests/sim, under a name of their own: both files are called conftest.
_spec = importlib.util.spec_from_file_location("sim_fixtures", HERE.parent / "sim/conftest.py")
sims = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(sims)
start_sim = sims.start_sim

# Or a line of priority error and above.
TROUBLE = re.compile(r"^<[0-3]>|error|leak|sanitizer", re.I)

# A service hour in a third of a second: a Standard restore takes about two, a day eight.
SPEED = 10800


def pattern(size, seed=1):
    """Bytes that differ everywhere, so that a wrong range shows."""
    import random
    return random.Random(seed).randbytes(size)


def restores(lines):
    total = {}
    for line in lines:
        if line["operation"] in ("InitiateJob", "RestoreObject"):
            key = line["operation"], line["component"]
            total[key] = total.get(key, 0) + int(line["quantity"])
    return total


def until(true, seconds=20, what="it"):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"{what} did not happen in {seconds} s"
        time.sleep(0.02)


def is_mounted(path):
    with open("/proc/self/mountinfo") as f:
        return any(line.split()[4] == str(path) for line in f)


class Mount:
    """A thawfs in the foreground. `source` is a URL or the text of a configuration file."""

    def __init__(self, tmp_path, sim, source, *words):
        self.sim, self.words = sim, words
        self.path = tmp_path / "mnt"
        self.dir = tmp_path
        self.log_path = tmp_path / "thawfs.log"
        self.source = source
        if "://" not in source.split("\n")[0]:
            (tmp_path / "thawfs.conf").write_text(source)
            self.source = str(tmp_path / "thawfs.conf")
        self.path.mkdir()
        self.may_log = None
        self.load = None  # the command that made a mount fail, for repro.sh
        self.start()

    def command(self):
        words = [f"mount.clock={self.sim.url}/_sim/clock", f"state.dir={self.dir}/state",
                 f"cache.dir={self.dir}/cache", "cache.reserve=0", *self.words]
        if "://" in self.source:
            words.append(f"source.endpoint={self.sim.url}")
        return [str(DAEMON), self.source, str(self.path), "-f", "-v", "-o",
                ",".join(words)]

    def start(self):
        self.is_stopped = False
        self.log = open(self.log_path, "a")
        self.process = subprocess.Popen(self.command(), env=self.sim.env, stderr=self.log,
                                        stdin=subprocess.DEVNULL)
        until(lambda: is_mounted(self.path) or self.process.poll() is not None, 40, "mount")
        assert self.process.poll() is None, self.log_path.read_text()

    def stop(self, how=signal.SIGTERM, seconds=10):
        """Ends it; nothing may be left, and nothing may have been complained about."""
        if self.process.returncode is None:
            self.process.send_signal(how)
            self.process.wait(seconds)
        self.log.close()
        self.is_stopped = True
        assert self.process.returncode == 0, self.said()
        assert not is_mounted(self.path)
        for line in self.said().splitlines():
            allowed = self.may_log and re.search(self.may_log, line)
            assert allowed or not TROUBLE.search(line), line

    def kill(self):
        """As the machine would: nothing is asked of what it leaves."""
        self.is_stopped = True
        self.process.kill()
        self.process.wait()
        self.log.close()
        subprocess.run(["umount", "-l", self.path], check=True)

    def now(self):
        """The daemon's clock of the service, in seconds."""
        line = (self.path / ".thaw/sources").read_text().splitlines()[0]
        said = json.loads(line)["now"].replace("Z", "+00:00")
        return datetime.datetime.fromisoformat(said).timestamp()

    def advance(self, hours):
        """Service time goes on, and the daemon has seen it."""
        before = self.now()
        self.sim.advance(f"{hours}h")
        until(lambda: self.now() >= before + hours * 3600, 20, "the daemon's clock")

    def booked(self):
        """What the ledger has of restores: (operation, component) -> quantity."""
        return restores(self.ledger())

    def wait_booked(self):
        """A charge is written down while its file is read already: until all of them are."""
        until(lambda: self.booked() == restores(self.sim.bill()["lines"]), 10,
              f"{self.booked()} being the bill {self.sim.bill()['lines']}")

    def end(self):
        """At the end of a test, however it went: what was billed is booked."""
        try:
            if not self.is_stopped and is_mounted(self.path):
                self.wait_booked()
            if not self.is_stopped:
                self.stop()
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            if is_mounted(self.path):
                subprocess.run(["umount", "-l", self.path], check=True)

    def said(self):
        return self.log_path.read_text()

    def of(self, file, kind):
        """The text of a sidecar."""
        file = pathlib.Path(file)
        return (file.parent / ".thaw" / f"{file.name}.{kind}").read_text()

    def ask(self, file, line):
        file = pathlib.Path(file)
        with open(file.parent / ".thaw" / f"{file.name}.request", "w") as f:
            f.write(line)

    def attribute(self, file, name):
        return os.getxattr(file, "user.thaw." + name).decode()

    def wait_state(self, file, *states, seconds=30):
        until(lambda: self.attribute(file, "state") in states, seconds,
              f"{file} becoming {states}")

    def ledger(self):
        import csv
        with open(self.path / ".thaw/ledger.csv", newline="") as f:
            return list(csv.DictReader(f))

    def write_repro(self):
        fixed = {k: v for k, v in self.sim.env.items() if k.startswith("AWS_")}
        env = " ".join(f"{k}={shlex.quote(v)}" for k, v in fixed.items())
        lines = ["#!/bin/sh", "# The daemon of the failed test; its logs lie beside this file.",
                 shlex.join([str(BUILD / "tools/sim/thaw-sim"), "--listen", self.sim.host,
                             "--data", str(self.sim.data), *self.sim.options]) + " &",
                 "sleep 1", f"{env} {shlex.join(self.command())}"]
        if self.load:
            lines[-1] += " &"
            lines += ["sleep 1", self.load]
        (self.dir / "repro.sh").write_text("\n".join(lines) + "\n")
        return self.dir / "repro.sh"


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.failed = outcome.get_result().failed


@pytest.fixture
def start_mount(tmp_path, request, start_sim):
    """Mounts; at the end, while its thaw-sim runs, unmounts and looks for anything left behind."""
    mounts = []

    def start(sim, source, *words):
        mounts.append(Mount(tmp_path, sim, source, *words))
        return mounts[-1]

    yield start
    try:
        for mount in mounts:
            mount.end()
    finally:
        if getattr(request.node, "failed", False) and mounts:
            print(f"to repeat it: {mounts[-1].write_repro()}")
            print(mounts[-1].said()[-4000:])


def cold_lab(start_sim, start_mount, tmp_path, files, conf):
    """A mount of a bucket "lab" with these Deep Archive objects, {name: size}."""
    bucket = {"name": "lab", "objects": [
        {"key": name, "size": size, "fill": name, "storage-class": "DEEP_ARCHIVE"}
        for name, size in files.items()]}
    (tmp_path / "seed.json").write_text(json.dumps({"buckets": [bucket]}))
    sim = start_sim("--speed", 36000, "--seed", tmp_path / "seed.json")
    mount = start_mount(sim, conf.format(url=sim.url))
    until(lambda: listed(mount.path / "lab"), 30, "catalog")
    return mount


FILES = {
    "holiday/beach.jpg": pattern(3 * (1 << 20) + 17, 1),
    "holiday/mountain.jpg": pattern(1 << 20, 2),
    "thesis.pdf": pattern(300000, 3),
    "empty": b"",
}
OBJECTS = {
    "runs/2024/a.dat": pattern(2 * (1 << 20) + 5, 4),
    "runs/2024/b.dat": pattern(70000, 5),
    "runs/notes.txt": b"notes\n" * 100,
}


@pytest.fixture
def sim(start_sim):
    """A vault `photos` with FILES (its inventory taken) and a bucket `lab` with OBJECTS."""
    sim = start_sim("--speed", SPEED)
    sim.vault("photos")
    for name, data in FILES.items():
        if data:
            sim.upload(data, name)
    sim.inventory("photos")
    assert sim.s3("PUT", "/lab").status == 200
    for key, data in OBJECTS.items():
        put = sim.s3("PUT", f"/lab/{key}", data, {"x-amz-storage-class": "DEEP_ARCHIVE"})
        assert put.status == 200, put.body
    return sim


CONFIG = """
[source photos]
url = glacier://us-east-1/photos
endpoint = {url}
[source lab]
url = s3://lab
endpoint = {url}
[budget test]
money = 1000
"""


@pytest.fixture
def mount(start_mount, sim):
    """Both in one tree, with their names."""
    mount = start_mount(sim, CONFIG.format(url=sim.url))
    for source in ("photos", "lab"):
        until(lambda: listed(mount.path / source), 30, f"catalog of {source}")
    return mount


def listed(path):
    try:
        return os.listdir(path)
    except BlockingIOError:
        return None
