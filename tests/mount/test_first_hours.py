# SPDX-License-Identifier: Apache-2.0
"""Before the first catalog, and without the service (S7): what is said, and what still works."""
import errno
import os

import pytest
from conftest import CONFIG, FILES, OBJECTS, until


def summary(mount, source=""):
    text = (mount.path / source / ".thaw/summary").read_text()
    return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)


def refused(path):
    try:
        os.listdir(path)
    except OSError as e:
        return e.errno
    return 0


@pytest.fixture
def slow(start_sim):
    """A vault whose inventory takes some seconds; `photos` has one, `empty` has none yet."""
    sim = start_sim("--speed", 3600)
    for vault in ("photos", "empty"):
        sim.vault(vault)
    sim.upload(FILES["thesis.pdf"], "thesis.pdf")
    sim.inventory("photos")
    return sim


def test_until_the_first_catalog_the_summary_says_when(start_mount, slow):
    """S7"""
    slow.admin("POST", "clock", {"speed": 60})
    mount = start_mount(slow, "glacier://us-east-1/photos")
    assert refused(mount.path) == errno.EAGAIN
    with pytest.raises(BlockingIOError):
        os.stat(mount.path / "thesis.pdf")
    until(lambda: summary(mount).get("source.expected"), 5, "a time")
    said = summary(mount)
    assert said["source.state"] == "waiting for its first catalog"
    assert said["source.expected"] > slow.clock()["now"][:19]
    slow.admin("POST", "clock", {"speed": 3600})
    until(lambda: refused(mount.path) == 0, 30, "the catalog")
    # Names are there a moment before the engine has heard of it.
    until(lambda: summary(mount)["source.state"] == "ready", 10, "the source being ready")
    assert summary(mount)["source.catalog"]
    assert os.listdir(mount.path) == ["thesis.pdf"]


def test_a_vault_without_inventory_is_asked_again_until_it_has_one(start_mount, slow):
    """S7: a vault of today has no inventory until the service has taken one."""
    mount = start_mount(slow, "glacier://us-east-1/empty")
    mount.may_log = "ResourceNotFound|inventory"
    until(lambda: "source.error" in summary(mount), 20, "the service's refusal")
    said = summary(mount)
    assert refused(mount.path) == errno.EAGAIN
    assert said["source.state"] == "waiting for its first catalog"
    assert "no inventory yet" in said["source.error"]
    assert said["source.error"].split()[-1] > slow.clock()["now"][:19], "when it is asked again"
    slow.upload(FILES["thesis.pdf"], "thesis.pdf", vault="empty")
    slow.inventory("empty")
    until(lambda: refused(mount.path) == 0, 40, "the catalog, asked for again")
    assert os.listdir(mount.path) == ["thesis.pdf"]
    assert "source.error" not in summary(mount)


def test_without_the_service_what_is_here_is_read_and_the_rest_says_so(start_mount, sim):
    """S7, S11: a source with a catalog mounts when its service is away."""
    mount = start_mount(sim, CONFIG.format(url=sim.url))
    warm, cold = mount.path / "lab/runs/2024/b.dat", mount.path / "lab/runs/2024/a.dat"
    until(lambda: refused(mount.path / "photos") == 0 and warm.exists(), 30, "both catalogs")
    assert warm.read_bytes() == OBJECTS["runs/2024/b.dat"]
    mount.stop()

    sim.fault({"operation": "*"}, {"drop": "before"})  # every call; the clock is none
    mount.may_log = "code=NoAnswer"
    mount.start()
    for source in ("photos", "lab"):
        until(lambda: summary(mount, source)["source.state"] == "offline", 20, "offline")
        said = summary(mount, source)["source.error"]
        assert said.startswith(f"{source} (") and "check the network" in said, said
    assert sorted(os.listdir(mount.path / "photos")) == ["holiday", "thesis.pdf"]
    assert warm.read_bytes() == OBJECTS["runs/2024/b.dat"]
    fd = os.open(cold, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(BlockingIOError):
        os.read(fd, 1)
    os.close(fd)
    until(lambda: "error: \n" not in mount.of(cold, "status"), 20, "the reason")

    sim.clear_faults()
    for source in ("photos", "lab"):
        until(lambda: summary(mount, source)["source.state"] == "ready", 40, "the service again")
    assert cold.read_bytes() == OBJECTS["runs/2024/a.dat"]
