# SPDX-License-Identifier: Apache-2.0
"""What cannot work is refused with one line that names the thing and the remedy (S40): the table of
docs/MESSAGES.md is what is tested, in the foreground and as a daemon. What leads to each row is in
situations_*.py."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import pytest
import situations_config  # noqa: F401 - each adds its situations
import situations_world   # noqa: F401
from conftest import is_mounted, until
from start import SITUATIONS, Start

ROOT = pathlib.Path(__file__).resolve().parents[2]


def rows():
    """situation -> (message, status); cells of a Markdown table."""
    found = {}
    for line in (ROOT / "docs/MESSAGES.md").read_text().splitlines():
        cells = [c.strip() for c in line.strip("|").split(" | ")]
        if line.startswith("| ") and len(cells) == 4 and cells[2].isdigit():
            assert cells[0] not in found, f"twice in the table: {cells[0]}"
            found[cells[0]] = cells[1].strip("`"), int(cells[2])
    return found


ROWS = rows()


@pytest.fixture
def start(tmp_path, sim):
    start = Start(tmp_path, sim)
    yield start
    start.end()


def pattern_of(message, names):
    """A message of the table: … is anything, a name in capitals what the situation says."""
    text = message
    for name, value in names.items():
        text = re.sub(rf"\b{name}\b", lambda _: str(value), text)
    return ".+".join(map(re.escape, text.split("…")))


def test_every_message_of_the_table_has_its_situation():
    assert sorted(ROWS) == sorted(SITUATIONS)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts file systems to fail on")
@pytest.mark.parametrize("words", SITUATIONS)
def test_bad_input_is_refused_with_one_line(start, words):
    """S40"""
    message, status = ROWS[words]
    SITUATIONS[words](start)
    before = start.mnt.is_mount() if start.mnt not in start.mounted else True
    for flags in (["-f"], []):
        done = start.run(*flags)
        said = done.stderr.rstrip("\n")
        assert re.fullmatch(pattern_of(f"thawfs: {message}", start.names), said), said
        assert done.returncode == status and done.stdout == ""
        assert is_mounted(start.mnt) == before


@pytest.mark.parametrize("flags", [["-f"], []])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_start_that_waits_at_once(start, flags, number):
    """S18: the service takes the connection and never answers."""
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(8)
        start.words["source.endpoint"] = f"http://127.0.0.1:{mute.getsockname()[1]}"
        process = subprocess.Popen(start.command(*flags), env=start.env, stderr=subprocess.PIPE,
                                   text=True)
        lock = start.dir / "state/state.lock"
        until(lambda: lock.exists() and lock.read_text(), 10, "the daemon's lock")
        pid = int(lock.read_text().split()[0])
        time.sleep(0.3)
        process.send_signal(number)
        process.communicate(timeout=2)
        assert process.returncode in (1, -number)
        until(lambda: not os.path.exists(f"/proc/{pid}"), 2, "its end")
    assert not is_mounted(start.mnt)


def test_a_full_mount_point_is_taken_when_it_is_meant(start):
    """S43"""
    (start.mnt / "file").write_text("")
    start.words["nonempty"] = None
    assert start.run().returncode == 0
    start.mounted.append(start.mnt)
    assert os.listdir(start.mnt) == ["runs"]
    subprocess.run(["umount", start.mnt], check=True)
    start.mounted.clear()
    until(lambda: "stopped\n" in (start.dir / "state/thawfs.log").read_text())
