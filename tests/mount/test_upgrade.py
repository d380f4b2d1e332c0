# SPDX-License-Identifier: Apache-2.0
"""State that an older thawfs left (tests/data/upgrade: of its own making, killed with requests under way):
a start upgrades it and keeps a copy, what was asked for goes on and is paid once, and there is a way
back."""
import csv
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

import pytest

from conftest import BUILD, is_mounted, listed, pattern, restores, until
from records import set_number

DATA = pathlib.Path(__file__).resolve().parent.parent / "data/upgrade"
THAW = BUILD / "tools/thaw/thaw"

pytestmark = pytest.mark.skipif(sys.byteorder != "little" or sys.maxsize < 2**32,
                                reason="the databases are those of such a machine")

CONFIG = """
[source photos]
url = glacier://us-east-1/photos
endpoint = {url}
refresh = 0
[source lab]
url = s3://lab
endpoint = {url}
refresh = 0
[budget test]
money = 1000
[restore]
days = 100
"""
UPGRADED = {"journal": "state", "index": "cache"}


# As tests/data/upgrade/make has them.
READ, ASKED, COLD = (pattern(size, seed) for size, seed in ((20000, 1), (3000, 2), (1000, 3)))
FILES = {"lab/read.dat": READ, "lab/asked.dat": ASKED, "photos/asked.jpg": pattern(5000, 4)}


@pytest.fixture
def old(tmp_path):
    with tarfile.open(DATA / "format-1.tar.xz") as tar:
        tar.extractall(tmp_path)
    return tmp_path


@pytest.fixture
def old_mount(old, start_sim, start_mount):
    sim = start_sim("--speed", 1)  # nothing ends by itself

    def start():
        mount = start_mount(sim, CONFIG.format(url=sim.url))
        for source in ("photos", "lab"):
            until(lambda: listed(mount.path / source), 60, f"catalog of {source}")
        return mount

    return start


def environment(where, name):
    return where / UPGRADED.get(name, "state") / name / "data.mdb"


def copies(where, name):
    return sorted((where / UPGRADED[name]).glob(f"{name}.v*"))


def images(where):
    return {p: p.read_bytes() for p in where.rglob("data.mdb")}


def fsck(where, *words):
    run = subprocess.run([THAW, "fsck", *words, where / "state", where / "cache"],
                         capture_output=True, text=True, timeout=120)
    assert run.returncode in (0, 1), run.stderr
    return run.returncode, run.stdout + run.stderr


def read_all(mount):
    mount.sim.admin("POST", "clock", {"speed": 10800})
    for file, data in FILES.items():
        assert subprocess.run(["cat", mount.path / file], capture_output=True,
                              timeout=120).stdout == data, file


# S225 S226
def test_what_an_older_thawfs_left_goes_on_and_is_paid_once(old, old_mount):
    before = {name: environment(old, name).read_bytes() for name in UPGRADED}
    assert fsck(old) == (0, "nothing is wrong\n")
    assert {name: environment(old, name).read_bytes() for name in UPGRADED} == before
    mount = old_mount()
    for name in UPGRADED:
        kept, = copies(old, name)
        line, = [s for s in mount.said().splitlines() if f"{name} was upgraded" in s]
        assert f"from format 1 to 2, as it was: {kept}" in line
        assert (kept / "data.mdb").read_bytes() == before[name][:(kept / "data.mdb").stat().st_size]
    inodes = json.loads((old / "inodes.json").read_text())
    assert {f: os.stat(mount.path / f).st_ino for f in inodes} == inodes
    paid = restores(mount.sim.bill()["lines"])
    read_all(mount)
    assert restores(mount.sim.bill()["lines"]) == paid, "what was asked for is not paid again"
    mount.wait_booked()
    was = list(csv.DictReader(io.StringIO((old / "ledger.csv").read_text())))
    is_now = mount.ledger()[:len(was)]
    assert [{k: row[k] for k in old_row if k in row} for row, old_row in zip(is_now, was)] == \
        [{k: v for k, v in row.items() if k in is_now[0]} for row in was]
    mount.stop()
    assert fsck(old) == (0, "nothing is wrong\n")
    # Nothing is upgraded twice.
    mount.start()
    read_all(mount)
    assert all(len(copies(old, name)) == 1 for name in UPGRADED)
    assert mount.said().count("was upgraded") == len(UPGRADED)


# S227
def test_the_copy_is_the_way_back(old, old_mount):
    """The commands of docs/OPERATIONS.md, "Going back"."""
    before = images(old)
    mount = old_mount()
    mount.stop()
    text = (DATA.parent.parent.parent / "docs/OPERATIONS.md").read_text()
    commands = text.split("## Going back")[1].split("```sh\n")[1].split("```")[0]
    commands = commands.replace("/var/lib/thawfs/NAME", str(old / "state")) \
        .replace("/var/cache/thawfs/NAME", str(old / "cache"))
    subprocess.run(["sh", "-euc", commands], check=True, timeout=60)
    for name in UPGRADED:
        size = environment(old, name).stat().st_size
        assert environment(old, name).read_bytes() == before[environment(old, name)][:size]
        assert not copies(old, name)
    assert fsck(old)[0] == 0
    mount.start()
    paid = restores(mount.sim.bill()["lines"])
    read_all(mount)
    assert restores(mount.sim.bill()["lines"]) == paid
    mount.stop()


# S224
def test_what_a_newer_thawfs_wrote_is_refused_by_name_and_not_touched(old, old_mount):
    mount = old_mount()
    mount.stop()
    for name in UPGRADED:
        set_number(environment(old, name), "format", 99)
        before = images(old)
        run = subprocess.run(mount.command(), env=mount.sim.env, capture_output=True, text=True,
                             timeout=60)
        assert run.returncode == 1 and not is_mounted(mount.path)
        assert f"{environment(old, name).parent} was written by a newer thawfs (format 99, this one " \
            "knows 2): run that one, or put back what it kept" in run.stderr
        code, said = fsck(old, "--repair")
        assert code == 1 and f"{name}/meta: it was written by a newer thawfs" in said
        assert images(old) == before
        set_number(environment(old, name), "format", 2)
    mount.start()


# S224
def test_one_newer_environment_keeps_the_older_ones_as_they_are(old, old_mount):
    mount = old_mount()
    mount.stop()
    kept, = copies(old, "journal")
    shutil.copy(kept / "data.mdb", environment(old, "journal"))
    set_number(environment(old, "index"), "format", 99)
    before = images(old)
    run = subprocess.run(mount.command(), env=mount.sim.env, capture_output=True, timeout=60)
    assert run.returncode == 1
    assert images(old) == before
    assert len(copies(old, "journal")) == 1
    mount.is_stopped = True
