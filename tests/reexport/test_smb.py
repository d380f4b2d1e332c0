# SPDX-License-Identifier: Apache-2.0
"""A mount handed on by Samba: what clients see of files that are here and of those that are not."""
import os
import re
import subprocess

import pytest
from mounts import cold_lab
from servers import samba  # noqa: F401

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]

USERS = ("thawsmb1", "thawsmb2")
FILES = {"warm": 300000, "cold": 300000, "shared": 300000, "poor": 300000, "empty": 0}
CONF = """
[source lab]
url = s3://lab
endpoint = {url}
refresh = 0
[mount]
allow-other = yes
[restore]
days = 100
[budget all]
money = 1000
[budget second]
who = user:thawsmb2
files = 1
per = total
"""


@pytest.fixture
def people():
    if os.geteuid() != 0:
        pytest.skip("making users needs root")
    for user in USERS:
        subprocess.run(["useradd", "-M", "-N", "-g", "nogroup", user])
    yield
    for user in USERS:
        subprocess.run(["userdel", user], capture_output=True)


@pytest.fixture
def mount(start_sim, start_mount, tmp_path, people):
    mount = cold_lab(start_sim, start_mount, tmp_path, FILES, CONF)
    mount.ask(mount.path / "lab/warm", "get\n")
    mount.wait_state(mount.path / "lab/warm", "cached")
    mount.wait_booked()
    return mount


def attributes(server, name):
    done = server.run(USERS[0], f"allinfo lab\\{name}")
    assert done.returncode == 0, done.stdout
    return re.search(r"^attributes: *(\S*) \(", done.stdout, re.M).group(1)


def get(server, user, name, to):
    """How it ended, and the bytes."""
    done = server.run(user, f"get lab\\{name} {to}")
    status = re.search(r"NT_STATUS_\w+", done.stdout)
    assert done.returncode == 0 or status, done.stdout
    return (status and status.group()), to.read_bytes() if not status else None


def test_cold_files_are_shown_offline_and_refused_at_read(mount, samba, tmp_path):
    """S190, S191"""
    server = samba(mount.path, *USERS)
    before = len(mount.sim.requests("RestoreObject"))
    listing = server.run(USERS[0], "ls lab\\*").stdout
    shown = {m[1]: (m[2], int(m[3])) for m in
             re.finditer(r"^  (\w+) +([A-Za-z]+) +(\d+)  ", listing, re.M)}
    assert {name: size for name, (_, size) in shown.items()} == FILES
    is_offline = {name for name, (letters, _) in shown.items() if "o" in letters}
    assert is_offline == {"cold", "shared", "poor"}, listing
    assert "O" in attributes(server, "cold") and "O" not in attributes(server, "warm")
    assert len(mount.sim.requests("RestoreObject")) == before, "looking asks for nothing"
    here = (mount.path / "lab/warm").read_bytes()
    assert get(server, USERS[0], "warm", tmp_path / "out") == (None, here)
    assert get(server, USERS[0], "empty", tmp_path / "out") == (None, b"")
    # Opened, and not read.
    opened = server.run(USERS[0], "open lab\\cold; close 1")
    assert "NT_STATUS" not in opened.stdout, opened.stdout
    assert mount.attribute(mount.path / "lab/cold", "state") == "cold"
    assert get(server, USERS[0], "cold", tmp_path / "out") == ("NT_STATUS_NETWORK_BUSY", None)
    mount.wait_state(mount.path / "lab/cold", "cached")
    assert get(server, USERS[0], "cold", tmp_path / "out") == (
        None, (mount.path / "lab/cold").read_bytes())
    assert "O" not in attributes(server, "cold")


def test_two_clients_pay_once_and_each_is_who_he_is(mount, samba, tmp_path):
    """S17, S190"""
    server = samba(mount.path, *USERS)
    mount.sim.admin("POST", "clock", {"speed": 1})
    for user in USERS:
        assert get(server, user, "shared", tmp_path / user)[0] == "NT_STATUS_NETWORK_BUSY"
    mount.sim.admin("POST", "clock", {"speed": 36000})
    mount.wait_state(mount.path / "lab/shared", "cached")
    want = (mount.path / "lab/shared").read_bytes()
    for user in USERS:
        assert get(server, user, "shared", tmp_path / user) == (None, want)
    mount.wait_booked()

    def charged(name):
        return [(w["user"], w["program"]) for w in mount.ledger() if w["resource"] == f"lab/{name}"
                and (w["operation"], w["component"]) == ("RestoreObject", "retrieval")]
    assert charged("shared") == [(USERS[0], "smbd")]
    # What is asked for by writing a line is charged likewise; a budget that says no is told.
    (tmp_path / "get").write_text("get\n")
    put = f"put {tmp_path}/get lab\\.thaw\\poor.request"
    assert "NT_STATUS" not in server.run(USERS[1], put).stdout
    mount.wait_state(mount.path / "lab/poor", "cached")
    mount.wait_booked()
    assert charged("poor") == [(USERS[1], "smbd")]
    assert get(server, USERS[1], "cold", tmp_path / "out")[0] == "NT_STATUS_DISK_FULL"
