# SPDX-License-Identifier: Apache-2.0
"""poll() and epoll on files: they sleep until a read need not wait."""
import contextlib
import os
import select
import threading
import time

import pytest
from conftest import FILES, OBJECTS

RUN, BEACH = "lab/runs/2024/a.dat", "photos/holiday/beach.jpg"
DATA = {RUN: OBJECTS["runs/2024/a.dat"], BEACH: FILES["holiday/beach.jpg"]}


def poll(fd, seconds):
    """What a poll for reading says: 0 if nothing within that time."""
    p = select.poll()
    p.register(fd, select.POLLIN)
    events = p.poll(1000 * seconds)
    return events[0][1] if events else 0


@pytest.fixture
def opened():
    fds = []

    def start(path, flags=os.O_NONBLOCK):
        fds.append(os.open(path, os.O_RDONLY | flags))
        return fds[-1]

    yield start
    for fd in fds:
        with contextlib.suppress(OSError):  # the mount has gone
            os.close(fd)


def read_all(fd, size):
    """As a program does that never blocks: how often it slept."""
    data, slept = b"", 0
    while len(data) < size:
        try:
            got = os.read(fd, 1 << 20)
            assert got
            data += got
        except BlockingIOError:
            slept += 1
            assert poll(fd, 40) == select.POLLIN
    return data, slept


# S63
@pytest.mark.parametrize("file", [RUN, BEACH])
def test_a_program_that_never_blocks_reads_a_cold_file_by_poll(mount, opened, file):
    data, slept = read_all(opened(mount.path / file), len(DATA[file]))
    assert data == DATA[file]
    assert 1 <= slept <= 8  # it sleeps, instead of asking in a circle
    assert poll(opened(mount.path / file), 0) == select.POLLIN


# S63
def test_a_poll_asks_for_nothing_and_waits_until_somebody_does(mount, opened):
    fd = opened(mount.path / RUN)
    assert poll(fd, 0) == 0
    assert poll(fd, 1) == 0
    assert mount.attribute(mount.path / RUN, "state") == "cold"
    assert not mount.sim.requests("RestoreObject")
    said = []
    thread = threading.Thread(target=lambda: said.append(poll(fd, 40)))
    thread.start()
    time.sleep(0.3)
    mount.ask(mount.path / RUN, "get\n")
    thread.join()
    assert said == [select.POLLIN]
    assert os.read(fd, 1 << 20) == DATA[RUN][:1 << 20]


# S63
@pytest.mark.parametrize("flag", [0, select.EPOLLET])
def test_epoll_tells_many_handles_each(mount, opened, flag):
    fds = [opened(mount.path / RUN) for _ in range(40)]
    with pytest.raises(BlockingIOError):
        os.read(fds[0], 1)
    with select.epoll() as e:
        for fd in fds:
            e.register(fd, select.EPOLLIN | flag)
        ready, end = set(), time.monotonic() + 40
        while len(ready) < len(fds):
            assert time.monotonic() < end
            ready.update(fd for fd, _ in e.poll(5))
    assert all(os.pread(fd, 9, 1234) == DATA[RUN][1234:1243] for fd in fds)


# S63
def test_a_request_that_fails_ends_the_poll(mount, opened):
    fd = opened(mount.path / RUN)
    mount.may_log = "failed"
    mount.sim.fault({"operation": "RestoreObject"}, {"status": 403, "code": "AccessDenied"})
    with pytest.raises(BlockingIOError):
        os.read(fd, 1)
    assert poll(fd, 20) == select.POLLIN | select.POLLERR
    assert mount.attribute(mount.path / RUN, "state") in ("failed", "denied")
    mount.sim.clear_faults()
    assert read_all(fd, 100)[0][:100] == DATA[RUN][:100]


def test_pollers_come_and_go_and_leave_nothing(mount, opened):
    path = mount.path / RUN
    fd = opened(path)
    for _ in range(300):
        assert poll(fd, 0.001) == 0
    for _ in range(50):
        other = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        assert poll(other, 0.001) == 0
        os.close(other)
    # At the end of the file, of an empty one, of a sidecar nothing has to be waited for.
    assert poll(opened(path.parent / ".thaw/a.dat.status", 0), 0) == select.POLLIN
    assert os.pread(fd, 10, len(DATA[RUN])) == b""
    assert poll(fd, 0) == select.POLLIN


def test_a_stop_does_not_wait_for_pollers(mount, opened):
    fd = opened(mount.path / RUN)
    said = []
    thread = threading.Thread(target=lambda: said.append(poll(fd, 30)))
    thread.start()
    time.sleep(0.5)
    began = time.monotonic()
    mount.stop()
    thread.join()
    assert time.monotonic() - began < 3
    assert said
