# SPDX-License-Identifier: Apache-2.0
"""What .thaw and the attributes say, and asking through them."""
import errno
import json
import os
import re
import subprocess

import pytest
from conftest import OBJECTS, cold_lab, listed, until

NOTES = "lab/runs/notes.txt"


def test_a_sidecar_has_its_true_size(mount):
    """S30"""
    for name in ("notes.txt.status", "notes.txt.cost", "notes.txt.json", "summary"):
        path = mount.path / "lab/runs/.thaw" / name
        assert os.stat(path).st_size == len(path.read_bytes()) > 0, name
    for name in ("queue", "ledger.csv", "metrics"):
        path = mount.path / ".thaw" / name
        # They move: of two looks one may be older.
        until(lambda: os.stat(path).st_size == len(path.read_bytes()), what=f"the size of {name}")


QUIET = """
[mount]
allow-other = yes
[source lab]
url = s3://lab
endpoint = {url}
refresh = 0
[budget b]
money = 10
"""
ATTRIBUTES = ("state", "progress", "eta", "requested", "ready", "expires", "tier", "days", "cost.estimate",
              "cost.charged", "verified", "error", "id", "storage-class")


def asked(mount):
    """What the kernel has asked the daemon for, by kind."""
    text = (mount.path / ".thaw/metrics").read_text()
    return {op: int(n) for op, n in re.findall(r'thawfs_requests_total{op="(\w+)"} +(\d+)', text)}


def asked_by(look, mount):
    """Likewise, because of this: without what it takes to read that."""
    first, second = asked(mount), asked(mount)
    look()
    third = asked(mount)
    return {op: third[op] - 2 * second[op] + first[op]
            for op in ("lookup", "getattr", "open", "read")}


def test_looking_asks_the_daemon_little_and_no_service_anything(start_sim, start_mount, tmp_path):
    """S3, S30"""
    names = [f"f{i}" for i in range(20)]
    mount = cold_lab(start_sim, start_mount, tmp_path, dict.fromkeys(names, 3000), QUIET)
    lab = mount.path / "lab"
    before = len(mount.sim.requests())
    first, second = [], []
    for name in names:
        def look():
            with open(lab / f".thaw/{name}.status", "rb", buffering=0) as f:
                assert f.read(65536).startswith(b"name: ")
        # More than an open() can need comes only where the machine has kept it waiting in between.
        first.append(asked_by(look, mount))
        second.append(asked_by(look, mount))
        for word in ATTRIBUTES:
            os.getxattr(lab / name, f"user.thaw.{word}")
        for kind in ("cost", "json", "request"):
            assert mount.of(lab / name, kind)
    assert {"lookup": 1, "getattr": 0, "open": 1, "read": 1} in first, first
    assert any({**n, "getattr": 0} == {"lookup": 0, "getattr": 0, "open": 1, "read": 1}
               and n["getattr"] <= 1 for n in second), second
    for name in os.listdir(lab / ".thaw"):
        (lab / ".thaw" / name).read_bytes()
    assert {r["operation"] for r in mount.sim.requests()[before:]} <= {"Clock"}
    assert not mount.booked()


def test_sidecars_and_attributes_agree(mount):
    """S31"""
    facts = json.loads(mount.of(mount.path / NOTES, "json"))
    assert facts["state"] == mount.attribute(mount.path / NOTES, "state") == "cold"
    assert "state: cold" in mount.of(mount.path / NOTES, "status")
    assert mount.attribute(mount.path / NOTES, "progress") == f"0/{len(OBJECTS['runs/notes.txt'])}"
    assert mount.attribute(mount.path / NOTES, "storage-class") == "DEEP_ARCHIVE"


def test_only_unchanging_attributes_are_listed(mount):
    """S32"""
    names = set(os.listxattr(mount.path / NOTES))
    assert "user.thaw.storage-class" in names
    assert not names & {"user.thaw.state", "user.thaw.progress", "user.thaw.request"}
    assert os.listxattr(mount.path / "lab/runs") == []
    with pytest.raises(OSError) as refused:
        os.getxattr(mount.path / NOTES, "user.thaw.nothing")
    assert refused.value.errno == errno.ENODATA


@pytest.mark.parametrize("name", ["security.selinux", "security.capability", "trusted.thaw",
                                  "system.posix_acl_access", "system.posix_acl_default"])
def test_labels_and_access_lists_are_not_supported(mount, name):
    """S128: which `ls -l` takes as the answer for all files."""
    for path in (NOTES, "lab/runs", "lab"):
        with pytest.raises(OSError) as refused:
            os.getxattr(mount.path / path, name)
        assert refused.value.errno == errno.EOPNOTSUPP


def test_a_request_file_asks(mount):
    """S33"""
    mount.ask(mount.path / NOTES, "get tier=bulk days=2\n")
    assert mount.attribute(mount.path / NOTES, "tier") == "bulk"
    assert mount.attribute(mount.path / NOTES, "state") in ("requested", "restoring")
    until(lambda: '"lab/runs/notes.txt"' in (mount.path / ".thaw/queue").read_text())
    mount.wait_state(mount.path / NOTES, "cached")
    assert (mount.path / NOTES).read_bytes() == OBJECTS["runs/notes.txt"]


def test_an_attribute_asks_too(mount):
    """S33"""
    os.setxattr(mount.path / NOTES, "user.thaw.request", b"get")
    mount.wait_state(mount.path / NOTES, "cached")


@pytest.mark.parametrize("line,expected", [
    ("fetch\n", errno.EINVAL), ("get tier=slow\n", errno.EINVAL), ("\n", errno.EINVAL),
    ("get days=0\n", errno.EINVAL), ("get\nget\n", errno.EINVAL), ("cancel tier=bulk", errno.EINVAL),
    ("refresh\n", errno.EINVAL), ("pin days=0\n", errno.EINVAL),
    ("get email=a@b\n", errno.EOPNOTSUPP),
])
def test_a_wrong_request_is_refused(mount, line, expected):
    """S34"""
    with pytest.raises(OSError) as refused:
        mount.ask(mount.path / NOTES, line)
    assert refused.value.errno == expected
    assert mount.attribute(mount.path / NOTES, "state") == "cold"
    assert "get [tier=" in mount.of(mount.path / NOTES, "request"), "what would have been right"


def test_a_directory_is_asked_for_as_a_whole(mount):
    """S35"""
    request = mount.path / "lab/runs/.thaw/request"
    with open(request, "w") as f:
        f.write("get tier=bulk\n")
    for name in OBJECTS:
        assert mount.attribute(mount.path / "lab" / name, "state") != "cold"
        assert mount.attribute(mount.path / "lab" / name, "tier") == "bulk"
    for name in OBJECTS:
        mount.wait_state(mount.path / "lab" / name, "cached")
    words = (mount.path / "lab/runs/.thaw/summary").read_text()
    line = next(s for s in words.splitlines() if s.startswith("cached:"))
    assert line.split()[1] == str(len(OBJECTS))
    assert line.split()[3] == str(sum(map(len, OBJECTS.values())))


def test_a_refresh_shows_what_is_new(mount, sim):
    """S9, S36"""
    sim.s3("PUT", "/lab/runs/new", b"new", {"x-amz-storage-class": "DEEP_ARCHIVE"})
    with open(mount.path / "lab/.thaw/request", "w") as f:
        f.write("refresh\n")
    until(lambda: "new" in listed(mount.path / "lab/runs"))


def test_only_the_requester_sees_money(start_mount, sim):
    """S37"""
    mount = start_mount(sim, "s3://lab", "allow_other", "budget.b.money=10")
    subprocess.run(["chmod", "755", mount.dir, mount.dir.parent, mount.dir.parent.parent])
    until(lambda: listed(mount.path))

    def as_user(uid, *words):
        return subprocess.run([str(w) for w in words], user=uid, group=uid, extra_groups=[],
                              capture_output=True, text=True, timeout=50)

    if as_user(1001, "ls", mount.path).returncode:
        pytest.skip("users cannot reach the temporary directory")
    notes = mount.path / "runs/notes.txt"
    assert as_user(1001, "cat", notes).stdout.encode() == OBJECTS["runs/notes.txt"]
    mount.wait_booked()
    mine = as_user(1001, "cat", mount.path / ".thaw/ledger.csv").stdout
    other = as_user(1002, "cat", mount.path / ".thaw/ledger.csv").stdout
    assert "RestoreObject" in mine and "RestoreObject" not in other
    assert as_user(1002, "cat", mount.path / ".thaw/queue").returncode == 1
    cancel = ["sh", "-c", f"echo cancel > '{mount.path}/runs/.thaw/notes.txt.request'"]
    assert as_user(1002, *cancel).returncode != 0
    assert as_user(1002, "touch", notes).returncode != 0


def test_a_name_of_255_bytes_has_its_sidecars(start_mount, sim):
    """S38"""
    name = "n" * 255
    sim.s3("PUT", f"/lab/{name}", b"x", {"x-amz-storage-class": "DEEP_ARCHIVE"})
    mount = start_mount(sim, "s3://lab")
    fd = os.open(mount.path / ".thaw", os.O_RDONLY)
    with open(os.open(name + ".status", os.O_RDONLY, dir_fd=fd)) as f:
        assert "state: cold" in f.read()
    os.close(fd)


def test_an_open_ledger_shows_what_there_was_then_and_stat_says_how_long_it_is(mount):
    """S117"""
    def correct():
        with open(mount.path / ".thaw/request", "w") as f:
            f.write("correct amount=0.01 note=%22x%22%2c\n")

    for name in ("ledger.csv", "ledger.json"):
        path = mount.path / ".thaw" / name
        for _ in range(5):
            correct()
        size = None
        while size != path.stat().st_size:  # or something was booked meanwhile
            size = path.stat().st_size
            f = open(path, "rb", buffering=0)
        with f:
            correct()
            assert path.stat().st_size > size
            pieces = b"".join(os.pread(f.fileno(), 7, at) for at in range(0, size + 20, 7))
            whole = f.read()
            assert len(whole) == size and pieces == whole
            at = size // 2
            assert os.pread(f.fileno(), 100, at) == whole[at:at + 100]
        assert path.read_bytes().startswith(whole)
        until(lambda: len(path.read_bytes()) == path.stat().st_size, what=f"the size of {name}")
