# SPDX-License-Identifier: Apache-2.0
"""Giving up what is here, and having it again."""
import errno
import mmap

import pytest
from conftest import OBJECTS, until
from test_read import BEACH, DATA, RUN, charges
from test_thaw import thaw


def data_files(mount):
    return [f for f in (mount.dir / "cache/data").glob("*/*") if f.is_file()]


def evict(mount, file):
    """The request itself; a close may reach the daemon a moment late."""
    def is_done():
        try:
            mount.ask(file, "evict\n")
        except OSError as e:
            assert e.errno == errno.EBUSY, e
            return False
        return True
    until(is_done, 5, f"eviction of {file}")


@pytest.mark.parametrize("name", DATA)
def test_an_evicted_file_is_gone_from_the_cache_and_read_again(mount, sim, name):
    """S51: the service's copy lasts, so that the second restore costs nothing."""
    path = mount.path / name
    assert path.read_bytes() == DATA[name]
    paid = charges(sim)
    sim.admin("POST", "clock", {"speed": 1})
    assert len(data_files(mount)) == 1
    evict(mount, path)
    assert data_files(mount) == []
    assert mount.attribute(path, "state") == "ready"
    assert mount.attribute(path, "progress") == f"0/{len(DATA[name])}"
    assert path.read_bytes() == DATA[name]
    assert mount.attribute(path, "state") == "cached"
    assert charges(sim) == paid


def test_when_the_copy_has_lapsed_an_evicted_file_is_cold(mount, sim):
    """S51: and one more restore brings it back."""
    path = mount.path / RUN
    path.read_bytes()
    sim.advance("240h")
    evict(mount, path)
    until(lambda: mount.attribute(path, "state") == "cold", 10, "cold")
    assert path.read_bytes() == DATA[RUN]
    assert charges(sim)["RestoreObject", "request"] == 2
    mount.wait_booked()


def test_an_open_file_is_not_evicted(mount):
    """S51: neither open nor mapped."""
    path = mount.path / RUN
    path.read_bytes()
    with open(path, "rb") as f:
        m = mmap.mmap(f.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ)
        for _ in range(2):
            with pytest.raises(OSError) as e:
                mount.ask(path, "evict")
            assert e.value.errno == errno.EBUSY
            f.close()
    said = thaw("evict", path)
    assert said.returncode == 1 and "is open" in said.stderr, said
    assert m[:] == DATA[RUN]
    m.close()
    said = thaw("evict", path)
    assert said.returncode == 0 and "evicted" in said.stdout, said
    assert data_files(mount) == []
    said = thaw("evict", path)
    assert said.returncode == 0 and "nothing to evict" in said.stdout, said


def test_a_file_on_its_way_is_not_evicted(mount, sim):
    """S51"""
    sim.admin("POST", "clock", {"speed": 1})
    path = mount.path / BEACH
    mount.ask(path, "get")
    mount.wait_state(path, "restoring", "requested")
    with pytest.raises(OSError) as e:
        mount.ask(path, "evict")
    assert e.value.errno == errno.EBUSY


def test_a_directory_is_evicted_but_for_what_is_open(mount):
    """S35, S51"""
    runs = mount.path / "lab/runs"
    assert thaw("get", "-r", "--wait", runs).returncode == 0
    assert len(data_files(mount)) == len(OBJECTS)
    with open(mount.path / RUN, "rb"):
        with pytest.raises(OSError) as e:
            (runs / ".thaw/request").write_text("evict\n")
        assert e.value.errno == errno.EBUSY
        until(lambda: len(data_files(mount)) == 1, 5, "all but one evicted")
    until(lambda: thaw("evict", "-r", runs).returncode == 0)
    assert data_files(mount) == []
