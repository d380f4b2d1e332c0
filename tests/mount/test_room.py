# SPDX-License-Identifier: Apache-2.0
"""A cache that is smaller than what is read: what is given up, what stays, what is refused."""
import errno
import os
import threading
import time

import pytest
from conftest import listed, pattern, until
from test_plan import named, plan, thaw
from test_read import charges

MIB = 1 << 20
SIZE = 16 * MIB
FILE = 3 * MIB
CONFIG = """
[source lab]
url = s3://lab
storage-classes = all
endpoint = {url}
refresh = 0
[cache]
size = 16M
chunk = 1M
[restore]
days = 2
[budget test]
money = 1000
"""
DEAR = [f"deep/{i}" for i in range(3)]
CHEAP = [f"online/{i:02}" for i in range(9)]
DATA = {name: pattern(FILE, 50 + i) for i, name in enumerate(DEAR + CHEAP)}


@pytest.fixture
def lab(start_mount, start_sim):
    sim = start_sim("--speed", 10800)
    assert sim.s3("PUT", "/lab").status == 200
    for name, data in DATA.items():
        kind = "DEEP_ARCHIVE" if name in DEAR else "STANDARD"
        put = sim.s3("PUT", f"/lab/{name}", data, {"x-amz-storage-class": kind})
        assert put.status == 200, put.body
    put = sim.s3("PUT", "/lab/large", bytes(SIZE + 1), {"x-amz-storage-class": "GLACIER"})
    assert put.status == 200, put.body
    mount = start_mount(sim, CONFIG.format(url=sim.url))
    until(lambda: listed(mount.path / "lab"), 20, "the catalog")
    return mount


def here(mount, names):
    return [name for name in names if mount.attribute(mount.path / "lab" / name, "state") == "cached"]


def read(mount, *names):
    for name in names:
        assert (mount.path / "lab" / name).read_bytes() == DATA[name], name


class Watch(threading.Thread):
    """The most that the data files ever took."""

    def __init__(self, mount):
        super().__init__(daemon=True)
        self.root, self.most, self.is_over = mount.dir / "cache/data", 0, False

    def look(self):
        total = 0
        for path in self.root.rglob("*"):
            try:
                total += path.stat().st_blocks * 512 if path.is_file() else 0
            except OSError:
                pass
        self.most = max(self.most, total)

    def run(self):
        while not self.is_over:
            self.look()
            time.sleep(0.01)


def test_more_is_read_than_the_cache_holds_and_it_never_takes_more(lab):
    """S180: and what is dear to have again stays, although it was used longest ago."""
    watch = Watch(lab)
    watch.start()
    read(lab, *DEAR)
    paid = charges(lab.sim)
    lab.advance(240)  # the service holds none of them any more
    for _ in range(2):
        read(lab, *CHEAP)
        assert here(lab, DEAR) == DEAR
    read(lab, *DEAR)
    watch.is_over = True
    watch.join()
    assert charges(lab.sim) == paid
    assert 12 * MIB < watch.most <= SIZE, watch.most
    metrics = (lab.path / ".thaw/metrics").read_text()
    assert "thawfs_cache_evictions 0\n" not in metrics


def test_what_was_used_longest_ago_goes_first(lab):
    """S180: of what is as dear."""
    read(lab, *CHEAP[:4])
    time.sleep(0.05)
    for name in (CHEAP[0], CHEAP[2], CHEAP[4]):
        read(lab, name)
    # Above 13.6 MiB (85 %) four files stay, whichever way it came.
    read(lab, CHEAP[5])
    left = here(lab, CHEAP)
    assert CHEAP[5] in left and CHEAP[4] in left, left
    assert CHEAP[1] not in left, left


def test_an_open_file_is_never_given_up(lab):
    """S180"""
    read(lab, CHEAP[0])
    with open(lab.path / "lab" / CHEAP[0], "rb") as f:
        read(lab, *CHEAP[1:])
        assert CHEAP[0] in here(lab, CHEAP)
        assert f.read() == DATA[CHEAP[0]]


def test_what_can_never_fit_is_refused_unpaid_and_nothing_goes_for_it(lab):
    """S180"""
    read(lab, *CHEAP[:4])
    before = here(lab, CHEAP)
    fd = os.open(lab.path / "lab/large", os.O_RDONLY)
    try:
        with pytest.raises(OSError) as e:
            os.read(fd, 1)
        assert e.value.errno == errno.ENOSPC
    finally:
        os.close(fd)
    assert here(lab, CHEAP) == before
    assert ("RestoreObject", "request") not in charges(lab.sim)
    assert "the cache cannot hold" in lab.attribute(lab.path / "lab/large", "error")


def test_where_all_that_could_go_is_open_a_read_is_refused_and_goes_on_afterwards(lab):
    """S180"""
    files = []
    for name in CHEAP[:5]:
        files.append(open(lab.path / "lab" / name, "rb"))
        assert files[-1].read() == DATA[name]
    try:
        with pytest.raises(OSError) as e:
            (lab.path / "lab" / CHEAP[6]).read_bytes()
        assert e.value.errno == errno.ENOSPC
    finally:
        for f in files:
            f.close()
    read(lab, CHEAP[6])


def test_a_plan_counts_what_would_be_given_up(lab):
    """S125 S180"""
    read(lab, *CHEAP[:4])
    wanted = [lab.path / "lab" / name for name in CHEAP[5:8]]
    lines = [named("file", f"lab/{name}") for name in CHEAP[5:8]]
    # What was promised to the last one counts until it has ended, and a second longer.
    until(lambda: plan(lab.path, *lines)["cache"]["free_bytes"] == SIZE - 4 * FILE, 20, "its end")
    room = plan(lab.path, *lines)["cache"]
    assert room["needed_bytes"] == 3 * FILE, room
    assert room["evicted"] == {"files": 2, "bytes": 2 * FILE} and room["fits"], room
    said = thaw("plan", *wanted)
    assert said.returncode == 0 and "2 files (6.0 MiB) would be given up for it" in said.stdout, said
    files = [open(lab.path / "lab" / name, "rb") for name in CHEAP[:3]]
    try:
        room = plan(lab.path, *lines)["cache"]
        assert room["evicted"] == {"files": 1, "bytes": FILE} and not room["fits"], room
        said = thaw("plan", *wanted)
        assert said.returncode == 77 and "too little, some would be refused" in said.stdout, said
    finally:
        for f in files:
            f.close()
    assert here(lab, CHEAP) == CHEAP[:4]
    large = plan(lab.path, named("file", "lab/large"))["cache"]
    assert large["evicted"]["files"] == 0 and not large["fits"], large
