# SPDX-License-Identifier: Apache-2.0
"""`thaw` on a terminal and a real mount: what it asks, draws and leaves behind."""
import importlib.util
import re

import pytest
from conftest import BUILD, HERE, listed, pattern, until
from test_thaw import states, thaw

_spec = importlib.util.spec_from_file_location("screens", HERE.parent / "tools/screens.py")
screens = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(screens)
screen = screens.screen

THAW = BUILD / "tools/thaw/thaw"


@pytest.fixture
def archive(start_mount, start_sim):
    """Three cold objects, and a service that is not ready before it is told what time it is."""
    sim = start_sim("--speed", 60)
    assert sim.s3("PUT", "/lab").status == 200
    for name in ("a", "b", "sub/c"):
        assert sim.s3("PUT", f"/lab/runs/{name}.dat", pattern(70000),
                      {"x-amz-storage-class": "DEEP_ARCHIVE"}).status == 200
    mount = start_mount(sim, "s3://lab")
    until(lambda: listed(mount.path), 30, "the catalog")
    return mount


def test_get_shows_the_plan_and_wait_one_bar_with_bytes_files_span_and_money(archive, screen):
    """S184"""
    runs = archive.path / "runs"
    shown = screen(THAW, "get", "-r", "--tier", "bulk", "--days", "7", runs, columns=100)
    text = shown.until("[y/N]")
    assert "3 files" in text and re.search(r"bulk: 0\.\d+ USD, ready in up to 48 h", text), text
    assert "budget " in text and "cache: needs" in text
    assert re.search(r"ask for 3 files, 205.1 KiB, 0\.\d+ USD\? \[y/N\]", text), text
    shown.keys("n", "Enter")
    assert "nothing was asked for" in shown.ended(1)
    assert set(states(runs).values()) == {"cold"} and not archive.booked()

    shown = screen(THAW, "get", "-r", "--tier", "bulk", "--days", "7", runs, columns=100)
    shown.until("[y/N]")
    shown.keys("y", "Enter")
    text = shown.ended()
    assert re.search(r"3 asked for, 205.1 KiB, 0\.\d+ USD estimated", text), text
    assert archive.attribute(runs / "sub/c.dat", "days") == "7"

    shown = screen(THAW, "wait", "-r", runs, columns=100)
    shown.until(lambda text: re.search(r"0/3 files  0 B of 205.1 KiB .*0%  restoring, in .+, "
                                       r"0\.\d+ USD", text.replace("\n", "")))
    shown.keys("C-c")
    text = shown.ended(130)
    assert "3 of 3 files still to come, and the restore goes on" in " ".join(text.split())
    assert set(states(runs).values()) <= {"requested", "restoring"}

    shown = screen(THAW, "wait", "-r", runs, columns=60)
    shown.until("restoring, in")
    shown.resize(30, 5)
    shown.until(lambda text: max(map(len, text.splitlines())) <= 30 and "restoring, in" in text)
    shown.resize(100, 24)
    shown.until("0/3 files")
    archive.sim.advance("49h")
    text = shown.until("status=")
    assert "3/3 files  205.1 KiB of 205.1 KiB" in text and "100%  done" in text
    shown.ended()
    assert set(states(runs).values()) == {"cached"}
    again = screen(THAW, "get", "-r", runs)
    assert "[y/N]" not in again.ended()
    said = thaw("wait", "-r", runs)
    assert said.returncode == 0 and "3 of 3 files here" in said.stdout
