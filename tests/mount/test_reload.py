# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: the configuration is read again, whole or not at all, and nobody who reads notices."""
import errno
import hashlib
import os
import signal
import socket
import subprocess
import threading

import pytest

from conftest import CONFIG, FILES, OBJECTS, listed, until

BUDGET = "[budget test]\nmoney = 1000\n"
POOR = "[budget test]\nmoney = 0\nmanagers = root\n"


def reload(mount, text=None):
    """Sends SIGHUP and gives what the log says of it, once it has said how it ended."""
    if text is not None:
        (mount.dir / "thawfs.conf").write_text(text)
    before = mount.said()
    mount.process.send_signal(signal.SIGHUP)
    new = lambda: mount.said()[len(before):]
    until(lambda: "configuration read again" in new() or "configuration not read" in new(), 60,
          "a reload")
    return new()


def summary(mount):
    return (mount.path / ".thaw/summary").read_text()


def config(mount):
    return CONFIG.format(url=mount.sim.url)


# S198
def test_a_raised_budget_counts_at_once_and_who_waits_does_not_notice(mount):
    first, second = mount.path / "photos/thesis.pdf", mount.path / "photos/holiday/mountain.jpg"
    asked = lambda: mount.booked()["InitiateJob", "request"]
    before = asked()
    reader = subprocess.Popen(["cat", first], stdout=subprocess.PIPE)
    mount.wait_state(first, "requested", "restoring", "ready", "fetching", "cached")
    reload(mount, config(mount).replace(BUDGET, POOR))
    with pytest.raises(OSError) as refused:
        second.read_bytes()
    assert refused.value.errno == errno.EDQUOT
    assert reader.communicate(timeout=60)[0] == FILES["thesis.pdf"]

    said = reload(mount, config(mount))
    assert "budget=test usd=1000" in said
    assert second.read_bytes() == FILES["holiday/mountain.jpg"]
    assert "configuration: read again 20" in summary(mount)
    mount.wait_booked()
    assert asked() == before + 2


# S199
@pytest.mark.parametrize("wrong, why", [
    ("[budget test]\nmony = 5\n", 'unknown key "mony" in [budget]; did you mean "money"?'),
    ("[budget test]\nmoney = much\n", '"much" is not an amount'),
    ("[policy /nowhere]\nrecall = deny\n", "is in no source there is"),
    ("[notice]\nhook = /nowhere/hook\n", "/nowhere/hook"),
])
def test_a_bad_configuration_changes_nothing_and_says_why(mount, wrong, why):
    poor = config(mount).replace(BUDGET, POOR) + "[policy /lab]\nrecall = deny\n"
    reload(mount, poor)
    said = reload(mount, config(mount).replace(BUDGET, "") + wrong)
    assert "the one before holds" in said and why in said
    if "unknown key" in why:
        assert f"{mount.dir}/thawfs.conf:9: " in said
    assert "configuration.refused: 20" in summary(mount) and why in summary(mount)
    with pytest.raises(OSError) as refused:
        (mount.path / "photos/thesis.pdf").read_bytes()
    assert refused.value.errno == errno.EDQUOT
    with pytest.raises(OSError) as refused:
        (mount.path / "lab/runs/notes.txt").read_bytes()
    assert refused.value.errno == errno.EACCES

    reload(mount, config(mount))
    assert "configuration.refused" not in summary(mount)


# S200
def test_what_needs_a_restart_is_named_and_stays(mount):
    text = config(mount)
    photos = text.index("[source photos]")
    text = (text[:photos] + text[text.index("[source lab]"):] + f"path-style = yes\n"
            "[source new]\nurl = s3://new\n[mount]\nuid = nobody\nlog-level = debug\n")
    text = text.replace("[budget test]\nmoney = 1000\npath-style = yes\n",
                        "[budget test]\nmoney = 7\n")
    said = reload(mount, text.replace("url = s3://lab", "url = s3://lab\nversions = yes"))
    for line in ("[source photos] is gone, which needs a restart",
                 "[source new] is new, and needs a restart",
                 "[source lab] versions needs a restart", "[mount] uid needs a restart"):
        assert line in said, said
        assert line in summary(mount)
    assert "dir needs a restart" not in said
    assert "budget=test usd=7" in said
    assert sorted(os.listdir(mount.path)) == ["lab", "photos"]
    assert (mount.path / "photos/thesis.pdf").read_bytes() == FILES["thesis.pdf"]
    assert (mount.path / "photos/thesis.pdf").stat().st_uid == os.getuid()
    assert "needs a restart" not in reload(mount, config(mount))


# S198
def test_a_storm_of_reloads_under_readers_is_felt_by_none(mount):
    cached, names = mount.path / "lab/runs/notes.txt", mount.path / "photos/holiday"
    assert cached.read_bytes() == OBJECTS["runs/notes.txt"]
    waits = subprocess.Popen(["cat", mount.path / "lab/runs/2024/a.dat"], stdout=subprocess.PIPE)
    texts = [config(mount), config(mount).replace(BUDGET, BUDGET + "managers = root\n")
             + "[policy /photos]\nrecall = explicit\n[restore /lab]\ndays = 9\n", "nonsense\n"]
    wrong, rounds, is_over = [], [0] * 3, threading.Event()

    def look(which):
        try:
            while not is_over.is_set():
                assert cached.read_bytes() == OBJECTS["runs/notes.txt"]
                assert b"beach.jpg" in b" ".join(os.listdir(os.fsencode(names)))
                assert "USD" in mount.of(names / "beach.jpg", "cost")
                assert mount.attribute(names / "beach.jpg", "cost.estimate")
                assert "cost.estimate" in summary(mount)
                rounds[which] += 1
        except BaseException as e:
            wrong.append(e)

    readers = [threading.Thread(target=look, args=[i]) for i in range(3)]
    for t in readers:
        t.start()
    for i in range(120):
        (mount.dir / "new.conf").write_text(texts[i % 3])
        os.replace(mount.dir / "new.conf", mount.dir / "thawfs.conf")
        mount.process.send_signal(signal.SIGHUP)
        if i % 8 == 0:
            seen = sum(rounds)
            until(lambda: sum(rounds) > seen or wrong, 60, "readers going on")
    is_over.set()
    for t in readers:
        t.join(60)
    assert not wrong, wrong
    out = waits.communicate(timeout=60)[0]
    assert hashlib.sha256(out).digest() == hashlib.sha256(OBJECTS["runs/2024/a.dat"]).digest()
    reload(mount, config(mount))


# S201
def test_the_service_manager_is_told_when_a_reload_begins_and_ends(sim, start_mount, tmp_path):
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(tmp_path / "notify"))
    manager.settimeout(60)
    sim.env["NOTIFY_SOCKET"] = str(tmp_path / "notify")
    mount = start_mount(sim, CONFIG.format(url=sim.url))
    assert manager.recv(4096) == b"READY=1"
    reload(mount)
    assert manager.recv(4096).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
    assert manager.recv(4096).startswith(b"READY=1\nSTATUS=")
    reload(mount, "nonsense\n")
    assert manager.recv(4096).startswith(b"RELOADING=1\n")
    assert b"refused" in manager.recv(4096)
    (mount.dir / "thawfs.conf").write_text(CONFIG.format(url=sim.url))
