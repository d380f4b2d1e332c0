# SPDX-License-Identifier: Apache-2.0
"""Names that change while they are read: listings, inode numbers, files in use."""
import ctypes
import errno
import json
import os
import re
import subprocess
import threading
import time

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


def test_what_is_not_there_is_asked_for_once_a_second(mounted, tmp_path):
    """S9"""
    sim, mount = mounted
    refresh(mount.path / "old", inventory(tmp_path / "i", {"A": ("a", 1)}))
    before, began = requests(mount)["lookup"], time.monotonic()
    for _ in range(200):
        assert not os.path.exists(mount.path / "old/b")
    most = 3 + time.monotonic() - began
    assert requests(mount)["lookup"] - before <= most


class Handle(ctypes.Structure):
    """What a server that exports the mount gives its clients (name_to_handle_at(2))."""
    _fields_ = [("size", ctypes.c_uint), ("type", ctypes.c_int), ("bytes", ctypes.c_ubyte * 128)]


LIBC = ctypes.CDLL(None, use_errno=True)


def handle_of(path):
    handle, mount_id = Handle(size=128), ctypes.c_int()
    if LIBC.name_to_handle_at(-100, os.fsencode(path), ctypes.byref(handle),
                              ctypes.byref(mount_id), 0) < 0:
        raise OSError(ctypes.get_errno(), "name_to_handle_at")
    return handle


def open_handle(root, handle):
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    fd = LIBC.open_by_handle_at(at, ctypes.byref(handle), os.O_RDONLY)
    error = ctypes.get_errno()
    os.close(at)
    if fd < 0:
        raise OSError(error, "open_by_handle_at")
    return fd


def test_a_re_exports_handles_hold_over_refreshes_and_mounts(mounted, tmp_path):
    """S4, S89"""
    sim, mount = mounted
    root = mount.path / "old"
    refresh(root, inventory(tmp_path / "1", {"A": ("d/e/here", 7), "B": ("d/gone", 8)}))
    handles = {name: handle_of(root / name) for name in ("d/e/here", "d/gone", "d/e")}
    numbers = {name: (root / name).stat().st_ino for name in handles}
    refresh(root, inventory(tmp_path / "2", {"A": ("d/e/renamed", 7), "C": ("d/new", 8)}))
    mount.stop()
    mount.start()
    # The kernel knows none of them by name now.
    fd = open_handle(root, handles["d/e/here"])
    assert (os.fstat(fd).st_ino, os.fstat(fd).st_size) == (numbers["d/e/here"], 7)
    os.close(fd)
    fd = open_handle(root, handles["d/e"])
    assert (os.fstat(fd).st_ino, os.listdir(fd)) == (numbers["d/e"], ["renamed"])
    os.close(fd)
    with pytest.raises(OSError) as refused:
        open_handle(root, handles["d/gone"])
    assert refused.value.errno == errno.ESTALE


LIBC.opendir.restype = LIBC.readdir.restype = ctypes.c_void_p
LIBC.telldir.restype = ctypes.c_long
LIBC.telldir.argtypes = LIBC.readdir.argtypes = LIBC.closedir.argtypes = [ctypes.c_void_p]
LIBC.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]
NAME_AT = 19  # in struct dirent of x86-64 and arm64


def read_dir(stream, most):
    """Names, and the position behind each."""
    names = []
    while len(names) < most and (entry := LIBC.readdir(stream)):
        name = ctypes.string_at(entry + NAME_AT).decode()
        names += [(name, LIBC.telldir(stream))] if name not in (".", "..") else []
    return names


def test_a_position_in_a_listing_holds_over_a_refresh(mounted, tmp_path):
    """S124"""
    sim, mount = mounted
    root, count = mount.path / "old", 3000
    for k in (1, 2):
        names = {f"id-{i}-{k * (i % 10 == 0)}": (f"d/n{i}-{k * (i % 10 == 0)}", i)
                 for i in range(count)}
        inventory(tmp_path / f"{k}", names)
    refresh(root, tmp_path / "1")
    stream = LIBC.opendir(os.fsencode(root / "d"))
    first = read_dir(stream, count + 1)
    assert len(first) == count
    refresh(root, tmp_path / "2")
    for at in (0, 1, 777, 1500, 2222, count - 2):
        LIBC.seekdir(stream, first[at][1])
        behind = [n for n, _ in read_dir(stream, count) if n.endswith("-0")]
        assert behind == [n for n, _ in first[at + 1:] if n.endswith("-0")], at
    LIBC.closedir(stream)


def test_a_source_is_refreshed_as_often_as_it_says(start_sim, start_mount):
    """S81"""
    sim = start_sim("--speed", str(SPEED))
    for bucket in ("often", "never"):
        assert sim.s3("PUT", f"/{bucket}").status == 200
        sim.s3("PUT", f"/{bucket}/a", b"x", {"x-amz-storage-class": "GLACIER"})
    mount = start_mount(sim, "".join(
        f"[source {bucket}]\nurl = s3://{bucket}\nendpoint = {sim.url}\nrefresh = {every}\n"
        for bucket, every in (("often", "2h"), ("never", "0"))))

    def listing(bucket):
        try:
            return sorted(os.listdir(mount.path / bucket))
        except BlockingIOError:
            return None

    until(lambda: listing("often") == listing("never") == ["a"], 30, "the first listings")
    for bucket in ("often", "never"):
        sim.s3("PUT", f"/{bucket}/b", b"x", {"x-amz-storage-class": "GLACIER"})
    until(lambda: listing("often") == ["a", "b"], 60, "a listing that nobody asked for")
    assert listing("never") == ["a"]


def test_what_is_gone_vanishes_and_what_is_in_use_stays(mounted, tmp_path):
    """S89"""
    sim, mount = mounted
    root = mount.path / "old"
    data = os.urandom(100000)
    here = sim.upload(data, "here", "old")
    gone = sim.upload(data, "gone", "old")
    refresh(root, inventory(tmp_path / "1", {here: ("here", 100000), gone: ("gone", 100000)}))
    direct = os.open(root / "here", os.O_RDONLY)
    assert (root / "here").read_bytes() == data
    with open(root / "here", "rb") as in_use, open(root / "gone", "rb", buffering=0) as cold:
        assert in_use.read(10) == data[:10]
        refresh(root, inventory(tmp_path / "2", {"X": ("other", 1)}))
        assert os.listdir(root) == ["other"]
        # Where it ends the kernel may ask anew.
        size = subprocess.run(["stat", "-L", "--cached=never", "-c", "%s",
                               f"/proc/self/fd/{direct}"], pass_fds=[direct],
                              capture_output=True, text=True, check=True)
        assert size.stdout == "100000\n"
        assert in_use.read() == data[10:]
        # Where it ends is known to who asks thawfs, not the page cache, too.
        assert os.pread(direct, 10, 99995) == data[-5:] and os.pread(direct, 10, 100000) == b""
        os.close(direct)
        with pytest.raises(OSError) as e:
            cold.read(10)
        assert e.value.errno == errno.ESTALE
    assert not (root / "here").exists()
    # It comes back with what it had: its number, its bytes.
    refresh(root, inventory(tmp_path / "3", {here: ("again", 100000)}))
    until(lambda: mount.attribute(root / "again", "state") == "cached", 5, "what was here")
    assert (root / "again").read_bytes() == data
