# SPDX-License-Identifier: Apache-2.0
"""`thaw backup`: a copy made under a running daemon serves on another machine, and nothing is paid twice."""
import json
import os
import shutil
import subprocess
import threading

import pytest

from conftest import BUILD, CONFIG, FILES, Mount, OBJECTS, listed, restores, until

THAW = BUILD / "tools/thaw/thaw"


def backup(*words, status=0):
    run = subprocess.run([THAW, "backup", *map(str, words)], capture_output=True, text=True,
                         timeout=120)
    assert run.returncode == status, run.stderr
    return run.stdout + run.stderr


@pytest.fixture
def elsewhere(tmp_path, sim):
    """Another machine: a state put back from a backup, an empty cache, the same services."""
    made = []

    def start(copy):
        there = tmp_path / f"there{len(made)}"
        there.mkdir()
        backup("--restore", copy, there / "state")
        made.append(Mount(there, sim, CONFIG.format(url=sim.url)))
        return made[-1]

    yield start
    for mount in made:
        mount.end()


def read_all(mount, files):
    for file, data in files.items():
        assert subprocess.run(["cat", mount.path / file], capture_output=True,
                              timeout=90).stdout == data


# S202 S203
def test_what_is_under_way_at_a_backup_goes_on_elsewhere_and_is_paid_once(mount, elsewhere):
    files = {"photos/thesis.pdf": FILES["thesis.pdf"], "lab/runs/2024/b.dat": OBJECTS["runs/2024/b.dat"]}
    for file in files:
        mount.ask(mount.path / file, "get")
        mount.wait_state(mount.path / file, "requested", "restoring", "ready")
    names = {n: os.stat(mount.path / n).st_ino for n in files}
    assert "files" in backup(mount.dir / "state", mount.dir / "copy")
    # Paid after the backup: of this the copy knows nothing.
    late = {"photos/holiday/mountain.jpg": FILES["holiday/mountain.jpg"],
            "lab/runs/2024/a.dat": OBJECTS["runs/2024/a.dat"]}
    for file in late:
        mount.ask(mount.path / file, "get")
        mount.wait_state(mount.path / file, "restoring", "ready", "fetching", "cached")
    paid = restores(mount.sim.bill()["lines"])
    mount.kill()

    there = elsewhere(mount.dir / "copy")
    for source in ("photos", "lab"):
        until(lambda: listed(there.path / source), 30, "the names, which were in the copy")
    assert {n: os.stat(there.path / n).st_ino for n in files} == names
    read_all(there, {**files, **late})
    assert restores(there.sim.bill()["lines"]) == paid
    there.stop()  # the ledger cannot have what was paid after the copy: no comparison at the end


# S204
def test_numbers_given_since_the_backup_are_not_given_again(mount, elsewhere):
    backup(mount.dir / "state", mount.dir / "copy")
    there = elsewhere(mount.dir / "copy")
    mount.sim.s3("PUT", "/lab/new", b"new", {"x-amz-storage-class": "DEEP_ARCHIVE"})
    (there.path / "lab/.thaw/request").write_text("refresh\n")
    until(lambda: "new" in os.listdir(there.path / "lab"), 60, "a refresh")
    assert os.stat(there.path / "lab/new").st_ino > 1 << 30


# S202
def test_a_backup_that_is_damaged_or_not_whole_is_not_put_back(mount, tmp_path):
    copy = mount.dir / "copy"
    backup(mount.dir / "state", copy)
    assert "not empty" in backup(mount.dir / "state", copy, status=1)
    manifest = json.loads((copy / "manifest.json").read_text())
    assert {"journal/data.mdb", "identities/data.mdb", "catalog/data.mdb"} <= \
        {f["path"] for f in manifest["files"]}
    for name in ("journal/data.mdb", "identities/data.mdb"):
        bad = tmp_path / "bad"
        shutil.copytree(copy, bad)
        with open(bad / name, "r+b") as f:
            f.seek(5000)
            byte = f.read(1)
            f.seek(5000)
            f.write(bytes([byte[0] ^ 1]))
        assert f"{name} is not what manifest.json says" in \
            backup("--restore", bad, tmp_path / "no", status=1)
        assert not (tmp_path / "no").exists()
        shutil.rmtree(bad)
    shutil.copytree(copy, tmp_path / "half")
    os.unlink(tmp_path / "half/manifest.json")
    assert "not a whole one" in backup("--restore", tmp_path / "half", tmp_path / "no", status=1)
    assert "no state directory" in backup(tmp_path / "half", tmp_path / "no", status=1)


# S202
def test_backups_under_load_are_each_of_one_moment(mount):
    is_over, failed = threading.Event(), []

    def work():
        while not is_over.is_set():
            try:
                for name in ("runs/notes.txt", "runs/2024/b.dat"):
                    assert (mount.path / "lab" / name).read_bytes() == OBJECTS[name]
                    mount.ask(mount.path / "lab" / name, "evict")
                (mount.path / "lab/.thaw/request").write_text("refresh\n")
            except OSError:
                pass  # an evict of what is open, a refresh under way
            except BaseException as e:
                failed.append(e)

    thread = threading.Thread(target=work)
    thread.start()
    for i in range(5):
        backup(mount.dir / "state", mount.dir / f"copy{i}")
        backup("--restore", mount.dir / f"copy{i}", mount.dir / f"state{i}")
    is_over.set()
    thread.join(60)
    assert not failed
