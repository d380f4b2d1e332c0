# SPDX-License-Identifier: Apache-2.0
"""A storm of readers while files come and go: see storm.py."""
import collections
import json
import os
import pathlib
import random
import re
import shlex
import subprocess
import sys
import threading
import time

import conftest
import pytest
from conftest import HERE, listed, until

MIB = 1 << 20
SIZES = (0, 1, 4095, 4096, 4097, 65537, MIB - 1, MIB, MIB + 1, 3 * MIB + 17, 8 * MIB,
         16 * MIB - 1, 16 * MIB, 16 * MIB + 1, 17 * MIB + 4095, 32 * MIB + 1, 33 * MIB, 1000, 0,
         200 * MIB)
LAG_MAX_MS = 50
CONFIG = """
[source photos]
url = glacier://us-east-1/photos
endpoint = {url}
refresh = 0
[source lab]
url = s3://lab
endpoint = {url}
refresh = 0
[restore]
tier = expedited
days = 1
[budget test]
money = 1000000
"""


def write_source(root, seed, sizes):
    """Every size, in turn to the vault and to the bucket; a vault holds no empty archive."""
    rng = random.Random(seed)
    for i, size in enumerate(sizes):
        path = root / ("lab" if i % 2 or not size else "photos") / f"{i:02}-{size}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as f:
            for at in range(0, size, 16 * MIB):
                f.write(rng.randbytes(min(16 * MIB, size - at)))


def upload(sim, root):
    sim.vault("photos")
    for path in sorted((root / "photos").iterdir()):
        sim.upload(path.read_bytes(), path.name)
    sim.inventory("photos")
    sim.s3("PUT", "/lab")
    for path in sorted((root / "lab").iterdir()):
        put = sim.s3("PUT", f"/lab/{path.name}", path.read_bytes(),
                     {"x-amz-storage-class": "GLACIER"})
        assert put.status == 200, put.body


def restored(sim):
    """Restores paid, by file size: a vault's lines name no file, and no two sizes are the same."""
    paid, sizes = collections.Counter(), collections.Counter()
    for line in sim.bill()["lines"]:
        if line["operation"] in ("InitiateJob", "RestoreObject"):
            if line["component"] == "retrieval":
                sizes[int(line["quantity"])] += 1
            if line["component"] == "request":
                paid[line["operation"]] += int(line["quantity"])
    return sizes


class Starvation(threading.Thread):
    """The longest that the engine's thread could have run and was not let, by the kernel's own
    account (Documentation/scheduler/sched-stats.rst): in any half second, summed: a shorter window is full
    before the turn that it is to explain is over."""

    def __init__(self, mount):
        super().__init__(daemon=True)
        tasks = pathlib.Path(f"/proc/{mount.process.pid}/task").iterdir()
        self.task = next(t for t in tasks if (t / "comm").read_text() == "engine\n")
        self.worst_ms, self.is_done = 0, False

    def run(self):
        window = collections.deque()
        while not self.is_done:
            delay_ms = int((self.task / "schedstat").read_text().split()[1]) / 1e6
            window.append((time.monotonic(), delay_ms))
            while window[-1][0] - window[0][0] > 0.5 and len(window) > 2:
                window.popleft()
            self.worst_ms = max(self.worst_ms, delay_ms - window[0][1])
            time.sleep(0.02)


def lag(mount):
    text = (mount.path / ".thaw/metrics").read_text()
    return 1000 * float(re.search(r"^thawfs_engine_lag_max_seconds (\S+)$", text, re.M)[1])


def storm(start_sim, start_mount, tmp_path, seconds, sizes=SIZES, lag_max_ms=LAG_MAX_MS):
    seed = os.environ.get("THAW_SEED") or str(random.SystemRandom().randrange(1 << 32))
    print(f"seed {seed}: THAW_SEED={seed} repeats its choices")
    source = tmp_path / "source"
    write_source(source, seed, sizes)
    sim = start_sim("--speed", 100000)
    upload(sim, source)
    mount = start_mount(sim, CONFIG.format(url=sim.url))
    for name in ("photos", "lab"):
        until(lambda: listed(mount.path / name), 30, f"catalog of {name}")
    # Expedited takes a third of a second, what was restored lasts longer than a round.
    sim.admin("POST", "clock", {"speed": 800})
    words = [sys.executable, str(HERE / "storm.py"), str(mount.path), str(source), "--seed", seed,
             "--seconds", str(seconds), "--sim", sim.url]
    mount.load = f"THAW_SEED={seed} {shlex.join(words)}"
    starved = Starvation(mount)
    starved.start()
    done = subprocess.run(words, capture_output=True, text=True, timeout=seconds + 400)
    assert done.returncode == 0, f"{done.stderr}\nagain: {mount.load}"
    starved.is_done = True
    said = json.loads(done.stdout)
    worst = lag(mount)
    print(f"{said['reads'] / said['seconds']:.0f} reads/s, "
          f"{said['bytes'] / said['seconds'] / 1e6:.0f} MB/s, "
          f"{sum(said['evictions'].values())} evictions, engine lag {worst} ms; "
          f"kept from running {starved.worst_ms:.0f} ms")
    assert sum(said["evictions"].values()) > 0
    sizes = restored(sim)
    for name, evictions in said["evictions"].items():
        size = int(name.rsplit("-", 1)[1])
        if size:
            assert sizes[size] == 1 + evictions, f"{name}: {sizes[size]} restores, {evictions=}"
    assert worst < lag_max_ms + starved.worst_ms, f"the engine's loop took {worst} ms"


@pytest.mark.timeout(500)
def test_a_minute_of_storm(start_sim, start_mount, tmp_path):
    """S10, S12, S17, S51"""
    storm(start_sim, start_mount, tmp_path, int(os.environ.get("THAW_STORM_S", 60)))


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_half_an_hour_of_storm(start_sim, start_mount, tmp_path):
    """S10, S12, S17, S51"""
    storm(start_sim, start_mount, tmp_path, 1800)


@pytest.mark.long
@pytest.mark.timeout(500)
def test_a_storm_under_the_thread_sanitizer(start_sim, start_mount, tmp_path, monkeypatch):
    """S10, S12, S17, S51: what it finds is in the daemon's log, and fails the test."""
    daemon = HERE.parent.parent / "build-tsan/fs/thawfs"
    if not daemon.exists():
        pytest.skip("no build-tsan/fs/thawfs")
    monkeypatch.setattr(conftest, "DAEMON", daemon)
    storm(start_sim, start_mount, tmp_path, 30, [size for size in SIZES if size < 8 * MIB], 10000)
