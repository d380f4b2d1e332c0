# SPDX-License-Identifier: Apache-2.0
"""`thaw fsck`: each thing is damaged in turn, named with its remedy, mended where nothing is lost by it,
and never served wrong afterwards."""
import os
import shutil
import subprocess

import pytest

from conftest import BUILD, FILES, OBJECTS, is_mounted
from records import set_number

THAW = BUILD / "tools/thaw/thaw"
READ = {"photos/thesis.pdf": FILES["thesis.pdf"], "lab/runs/2024/b.dat": OBJECTS["runs/2024/b.dat"],
        "lab/runs/notes.txt": OBJECTS["runs/notes.txt"]}


def fsck(state, cache, *words):
    run = subprocess.run([THAW, "fsck", *words, str(state), str(cache)], capture_output=True,
                         text=True, timeout=120)
    assert run.returncode in (0, 1), run.stderr
    return run.returncode, run.stdout + run.stderr


def data_file(dirs, size):
    return next(f for f in (dirs / "cache/data").rglob("*.*") if f.stat().st_size == size)


def lose_data(dirs):
    data_file(dirs, 70000).unlink()


def cut_data(dirs):
    os.truncate(data_file(dirs, 70000), 100)


def leave_orphan(dirs):
    (dirs / "cache/data/7f").mkdir(exist_ok=True)
    (dirs / "cache/data/7f/000000000000007f.0000000000000001").write_bytes(b"orphan")


def flip(path, near):
    """A bit of the records of which some hold `near`: LMDB does not see it."""
    data = bytearray(path.read_bytes())
    found, at = 0, data.find(near)
    while at >= 0:
        data[at] ^= 1
        found, at = found + 1, data.find(near, at + 1)
    assert found
    path.write_bytes(data)


def damage_ledger(dirs):
    flip(dirs / "state/journal/data.mdb", b"InitiateJob")


def damage_fills(dirs):
    size = len(OBJECTS["runs/2024/b.dat"]).to_bytes(8, "little")
    flip(dirs / "cache/index/data.mdb", size * 3)  # size, here, held


def lose_names(dirs):
    for name in (dirs / "state/catalog").glob("lab.*.names"):
        name.unlink()


def tear_pages(dirs):
    with open(dirs / "state/journal/data.mdb", "r+b") as f:
        f.seek(2 * 4096)
        f.write(b"\xff" * (os.fstat(f.fileno()).st_size - 2 * 4096))


def put_old_state_back(dirs):
    """A state of before: a cache that outlived it holds numbers that would be given again."""
    shutil.rmtree(dirs / "state/identities")
    shutil.copytree(dirs / "old/identities", dirs / "state/identities")


# damage, what is said, whether --repair mends it, whether a start takes it then
DAMAGES = [
    (lose_data, "index/fill: inode", "has no data file", True),
    (cut_data, "index/fill: inode", "of another size", True),
    (leave_orphan, "index/data: 7f/000000000000007f.0000000000000001", "belongs to nothing", True),
    (damage_fills, "index/fill: inode", "is damaged", True),
    (put_old_state_back, "identities/meta: inode number", "would be given again", True),
    (damage_ledger, "journal/ledger: row", "put a backup of the state back", False),
    (lose_names, "catalog/source: lab.", "the source is listed again", False),
    (tear_pages, "journal", "put a backup of the state back", False),
]


@pytest.fixture
def stopped(mount):
    """A mount that has read a few files, off; with what its identities were before their first names."""
    for file, data in READ.items():
        assert subprocess.run(["cat", mount.path / file], capture_output=True,
                              timeout=90).stdout == data
    mount.wait_booked()
    mount.stop()
    return mount


# S216
def test_each_damage_is_named_and_mended_where_nothing_is_lost(stopped, tmp_path):
    mount = stopped
    code, said = fsck(mount.dir / "state", mount.dir / "cache")
    assert (code, said) == (0, "nothing is wrong\n")
    blank = tmp_path / "blank"
    shutil.copytree(mount.dir / "state", blank / "state")
    for damage, where, why, is_mended in DAMAGES:
        dirs = tmp_path / damage.__name__
        shutil.copytree(mount.dir / "state", dirs / "state")
        shutil.copytree(mount.dir / "cache", dirs / "cache", copy_function=shutil.copy2)
        if damage is put_old_state_back:
            fresh_identities(dirs / "old", blank)
        damage(dirs)
        code, said = fsck(dirs / "state", dirs / "cache")
        assert code == 1 and where in said and why in said, (damage, said)
        again = fsck(dirs / "state", dirs / "cache")
        assert again == (code, said), "looking changes nothing"
        code, said = fsck(dirs / "state", dirs / "cache", "--repair")
        assert code == (0 if is_mended else 1), (damage, said)
        if is_mended:
            assert "mended" in said and where in said
            assert fsck(dirs / "state", dirs / "cache") == (0, "nothing is wrong\n"), damage


def fresh_identities(to, blank):
    """Identities in which no number was given yet: the record of `next_ino` of a new state."""
    to.mkdir()
    shutil.copytree(blank / "state/identities", to / "identities")
    set_number(to / "identities/data.mdb", "next_ino", 16)


# S216
def test_a_repaired_cache_serves_what_it_has_and_asks_for_the_rest(stopped):
    mount = stopped
    lose_data(mount.dir)
    leave_orphan(mount.dir)
    assert fsck(mount.dir / "state", mount.dir / "cache", "--repair")[0] == 0
    mount.start()
    for file, data in READ.items():
        assert subprocess.run(["cat", mount.path / file], capture_output=True,
                              timeout=90).stdout == data


# S216
def test_nothing_is_looked_at_under_a_daemon_or_where_there_is_no_state(mount, tmp_path):
    code, said = fsck(mount.dir / "state", mount.dir / "cache")
    assert code == 1 and "a daemon uses it" in said and "stop it first" in said
    assert is_mounted(mount.path)
    code, said = fsck(tmp_path, tmp_path)
    assert code == 1 and "no state directory" in said
