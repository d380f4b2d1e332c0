# SPDX-License-Identifier: Apache-2.0
"""Every way to read a file: cold, while it comes, and cached, by each mode that the kernel offers."""
import mmap
import os
import stat
import subprocess
import sys
import threading

import pytest
from conftest import SPEED, listed, pattern, until

MIB = 1 << 20
PROGRAM = b"#!/bin/sh\necho it runs\n"
DATA = pattern(9 * MIB + 4321, 7)
MODES = [("passthrough", "mount.passthrough=yes"), ("page cache", "mount.passthrough=no")]


def start(start_mount, start_sim, option, *words):
    sim = start_sim("--speed", SPEED)
    sim.vault("photos")
    sim.upload(DATA, "data")
    sim.upload(PROGRAM, "program")
    sim.inventory("photos")
    mount = start_mount(sim, "glacier://us-east-1/photos", option, "mount.mode=0555", "cache.chunk=1M",
                        *words)
    until(lambda: listed(mount.path), 30, "catalog")
    return mount


@pytest.fixture(params=MODES, ids=[name for name, _ in MODES])
def mount(request, start_mount, start_sim):
    mount = start(start_mount, start_sim, request.param[1])
    mount.wanted = request.param[0]
    return mount


def is_passed_through(mount):
    """What the kernel offered, and has not refused since."""
    return "passthrough=yes" in mount.said() and "passthrough=no the kernel" not in mount.said()


def reads_asked(mount):
    """Reads that the kernel has asked the daemon for; those of what is counted are among them."""
    for line in (mount.path / ".thaw/metrics").read_text().splitlines():
        if line.startswith('thawfs_requests_total{op="read"}'):
            return int(line.split()[1])
    raise AssertionError("no such metric")


def child(code, *words):
    """Runs in a process of its own: a test must not hang on a mount."""
    return subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True,
                          timeout=60)


MMAP = """
import mmap, sys
with open(sys.argv[1], "rb") as f:
    m = mmap.mmap(f.fileno(), 0, flags=getattr(mmap, sys.argv[2]), prot=mmap.PROT_READ)
    sys.stdout.buffer.write(m[:])
"""
SENDFILE = """
import os, sys
fd, off, size = os.open(sys.argv[1], os.O_RDONLY), 0, os.stat(sys.argv[1]).st_size
out = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
while off < size:
    off += os.sendfile(out, fd, off, size - off)
"""
SPLICE = """
import os, sys
fd, (r, w) = os.open(sys.argv[1], os.O_RDONLY), os.pipe()
while n := os.splice(fd, w, 65536):
    sys.stdout.buffer.write(os.read(r, n))
"""
DIRECT = """
import mmap, os, sys
fd, room, off = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECT), mmap.mmap(-1, 1 << 20), 0
while n := os.preadv(fd, [room], off):
    sys.stdout.buffer.write(room[:n])
    off += n
"""


def check_all(path, tmp_path):
    assert path.read_bytes() == DATA
    for flags in ("MAP_PRIVATE", "MAP_SHARED"):
        done = child(MMAP, path, flags)
        assert done.stdout == DATA, (flags, done.stderr[-300:])
    done = child(SENDFILE, path, tmp_path / "sent")
    assert done.returncode == 0 and (tmp_path / "sent").read_bytes() == DATA, done.stderr[-300:]
    if hasattr(os, "splice"):
        done = child(SPLICE, path)
        assert done.stdout == DATA, done.stderr[-300:]
    done = child(DIRECT, path)
    assert done.stdout == DATA, done.stderr[-300:]
    fd = os.open(path, os.O_RDONLY)
    try:
        for off in (0, 1, 4095, 5 * MIB - 3, len(DATA) - 10, len(DATA), len(DATA) + 5):
            assert os.pread(fd, 5000, off) == DATA[off:off + 5000]
    finally:
        os.close(fd)


def test_a_cached_file_is_read_in_every_way(mount, tmp_path):  # S142 S10
    file, program = mount.path / "data", mount.path / "program"
    assert file.read_bytes() == DATA and program.read_bytes() == PROGRAM
    for path in (file, program):
        mount.wait_state(path, "cached")
    before = reads_asked(mount)
    check_all(file, tmp_path)
    if is_passed_through(mount):
        assert reads_asked(mount) - before < 10  # sidecars only
    assert subprocess.run([program], capture_output=True, timeout=30).stdout == b"it runs\n"
    if mount.wanted == "page cache":
        assert not is_passed_through(mount)


def test_handles_of_every_kind_live_together_while_a_file_becomes_cached(mount, tmp_path):  # S142
    file = mount.path / "data"
    cold = os.open(file, os.O_RDONLY)
    got, errors = {}, []

    def read(i):
        try:
            with open(file, "rb") as f:
                got[i] = f.read()
        except OSError as e:
            errors.append(e)
    readers = [threading.Thread(target=read, args=(i,)) for i in range(8)]
    try:
        for r in readers[:4]:
            r.start()
        mount.wait_state(file, "cached")
        for r in readers[4:]:
            r.start()
        warm = os.open(file, os.O_RDONLY)
        private = mmap.mmap(warm, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
        shared = mmap.mmap(warm, 0, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ)
        os.close(warm)  # the mappings hold it
        check_all(file, tmp_path)
        assert os.pread(cold, MIB, 3 * MIB) == DATA[3 * MIB:4 * MIB]
        assert private[:] == DATA and shared[:] == DATA
        for r in readers:
            r.join(60)
            assert not r.is_alive()
        assert not errors and all(got[i] == DATA for i in range(8))
        with pytest.raises(OSError):
            mount.ask(file, "evict")  # S51: open, by its mappings
        private.close()
        shared.close()
    finally:
        os.close(cold)
    until(lambda: evicted(mount, file), 20, "the last handle being released")
    assert file.read_bytes() == DATA  # fetched again, or restored: another data file


def evicted(mount, file):
    try:
        mount.ask(file, "evict")
    except OSError:
        return False
    return True


def test_many_open_and_close_a_cached_file_at_once(mount):  # S142
    file = mount.path / "data"
    assert file.read_bytes() == DATA
    mount.wait_state(file, "cached")
    errors = []

    def work(i):
        try:
            for k in range(60):
                with open(file, "rb", buffering=0) as f:
                    off = (i * 7919 + k * 104729) % (len(DATA) - 100)
                    f.seek(off)
                    assert f.read(100) == DATA[off:off + 100]
        except (OSError, AssertionError) as e:
            errors.append(e)
    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
        assert not t.is_alive()
    assert not errors, errors[:3]
    assert stat.S_ISREG(os.stat(file).st_mode)
