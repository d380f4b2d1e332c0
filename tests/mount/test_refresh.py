# SPDX-License-Identifier: Apache-2.0
"""Names that change while they are read: listings, inode numbers, files in use."""
import errno
import json
import os
import re
import subprocess
import threading

import pytest

from conftest import BUILD, until

SPEED = 3600
CONFIG = """
[source old]
url = glacier://us-east-1/old
endpoint = {url}
[source empty]
url = glacier://us-east-1/empty
endpoint = {url}
"""


def inventory(path, archives):
    """`archives`: id -> (path, size)"""
    path.write_text(json.dumps({
        "VaultARN": "arn:aws:glacier:us-east-1:111122223333:vaults/old",
        "InventoryDate": "2026-11-22T00:00:00Z",
        "ArchiveList": [{"ArchiveId": i, "ArchiveDescription": p, "Size": size,
                         "CreationDate": "2012-05-15T17:19:46Z"}
                        for i, (p, size) in archives.items()]}))
    return path


def refresh(root, path):
    done = subprocess.run([BUILD / "tools/thaw/thaw", "refresh", "--from", path, root],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def mounted(start_sim, start_mount):
    sim = start_sim("--speed", str(SPEED))
    sim.vault("old")
    sim.vault("empty")
    return sim, start_mount(sim, CONFIG.format(url=sim.url))


def names_of(count, change):
    """Every hundredth is another archive, under another name, in each list."""
    return {f"id-{i}-{change if i % 100 == 0 else 0}":
            (f"dir-{i % 7}/" + (f"changed-{i}-{change}" if i % 100 == 0 else f"same-{i}"), i)
            for i in range(count)}


def check_listing(root, count):
    """All that never changes, once; of the rest nothing twice."""
    seen = []
    for name in os.listdir(root):
        seen += [f"{name}/{n}" for n in os.listdir(root / name)]
    assert len(seen) == len(set(seen)), "a name came twice"
    want = {f"dir-{i % 7}/same-{i}" for i in range(count) if i % 100}
    assert want <= set(seen), "an unchanged name was missing"


def test_listings_are_whole_while_catalogs_come_and_go(mounted, tmp_path):
    """S124"""
    sim, mount = mounted
    root, count = mount.path / "old", 4000
    lists = [inventory(tmp_path / f"{k}.json", names_of(count, k)) for k in (1, 2)]
    refresh(root, lists[0])
    numbers = {p: (root / p).stat().st_ino for p, _ in names_of(count, 1).values()}
    failures, is_over = [], threading.Event()

    def walk():
        while not is_over.is_set():
            try:
                check_listing(root, count)
            except (AssertionError, OSError) as e:
                failures.append(repr(e))
                return

    walkers = [threading.Thread(target=walk) for _ in range(3)]
    for w in walkers:
        w.start()
    for turn in range(8):
        refresh(root, lists[(turn + 1) % 2])
    is_over.set()
    for w in walkers:
        w.join()
    assert not failures, failures
    # A listing of now is of the catalog of now, however warm.
    assert {f"{d}/{n}" for d in os.listdir(root) for n in os.listdir(root / d)} == set(numbers)
    mount.stop()
    mount.start()
    assert {p: (root / p).stat().st_ino for p in numbers} == numbers


def test_statfs_tells_what_a_source_holds(mounted, tmp_path):
    """S87"""
    sim, mount = mounted
    refresh(mount.path / "old", inventory(tmp_path / "i", {"A": ("a", 8192), "B": ("b", 1)}))
    assert os.statvfs(mount.path / "old").f_files == 2
    assert os.statvfs(mount.path / "old").f_blocks == 3
    assert os.statvfs(mount.path / "old/a").f_files == 2
    assert os.statvfs(mount.path / "empty").f_files == 0
    assert os.statvfs(mount.path).f_files == 2


def test_deep_and_wide_trees_are_shown(mounted, tmp_path):
    """S88"""
    sim, mount = mounted
    deep = "/".join(["d"] * 200) + "/file"
    archives = {"DEEP": (deep, 7)} | {f"W{i}": (f"wide/n{i}", i) for i in range(20000)}
    refresh(mount.path / "old", inventory(tmp_path / "i", archives))
    assert (mount.path / "old" / deep).stat().st_size == 7
    assert (mount.path / "old/d").stat().st_nlink == 3
    wide = {e.name: e.stat().st_size for e in os.scandir(mount.path / "old/wide")}
    assert wide == {f"n{i}": i for i in range(20000)}


def requests(mount):
    """What the kernel has asked the daemon for so far."""
    text = (mount.path / ".thaw/metrics").read_text()
    return {op: int(n) for op, n in re.findall(r'requests_total{op="(\w+)"} +(\d+)', text)}


def test_a_listing_is_not_asked_for_file_by_file(mounted, tmp_path):
    """S129"""
    sim, mount = mounted
    root, count, dirs = mount.path / "old", 4000, 20
    refresh(root, inventory(tmp_path / "i", {f"A{i}": (f"d{i % dirs}/n{i}", 5000 + i)
                                             for i in range(count)}))
    # With a directory's first opening its names come by the page; then the kernel has them.
    for command, most in ((f"find {root} -size +1k -type f", count / 100),
                          (f"ls -lUnR {root}", count / 100),
                          (f"ls -lnR --color=never {root}", count / 100)):
        before = requests(mount)
        lines = subprocess.run(command.split(), stdout=subprocess.PIPE, check=True).stdout
        assert lines.count(b"/n" if "find" in command else b" n") == count
        after = requests(mount)
        asked = {op: after[op] - before[op] for op in ("lookup", "getattr", "getxattr")}
        assert max(asked.values()) <= most, (command, asked)


def test_what_is_gone_vanishes_and_what_is_in_use_stays(mounted, tmp_path):
    """S89"""
    sim, mount = mounted
    root = mount.path / "old"
    data = os.urandom(100000)
    here = sim.upload(data, "here", "old")
    gone = sim.upload(data, "gone", "old")
    refresh(root, inventory(tmp_path / "1", {here: ("here", 100000), gone: ("gone", 100000)}))
    assert (root / "here").read_bytes() == data
    with open(root / "here", "rb") as in_use, open(root / "gone", "rb", buffering=0) as cold:
        assert in_use.read(10) == data[:10]
        refresh(root, inventory(tmp_path / "2", {"X": ("other", 1)}))
        assert os.listdir(root) == ["other"]
        assert in_use.read() == data[10:]
        with pytest.raises(OSError) as e:
            cold.read(10)
        assert e.value.errno == errno.ESTALE
    assert not (root / "here").exists()
    # It comes back with what it had: its number, its bytes.
    refresh(root, inventory(tmp_path / "3", {here: ("again", 100000)}))
    until(lambda: mount.attribute(root / "again", "state") == "cached", 5, "what was here")
    assert (root / "again").read_bytes() == data
