# SPDX-License-Identifier: Apache-2.0
"""thaw top, on a queue as a mount writes it."""
import json
import os
import re

import pytest
from screens import screen  # noqa: F401
from test_thaw import THAW, Terminal, mount, plain, thaw  # noqa: F401


def line(path, **facts):
    return json.dumps({
        "request": 1, "ino": 17, "source": "lab", "path": path, "resource": "lab" + path,
        "phase": "restoring", "tier": "bulk", "size": 1 << 30, "here": 0,
        "asked": "2026-11-22T10:00:00Z", "eta": "2026-11-23T10:00:00Z", "uid": 0,
        "estimate": "0.250000000", "ahead": False, "trouble": "", "left": 7200, "waiters": 0,
        "waiting": [], **facts}) + "\n"


def fill(mount):
    waiting = [{"pid": 4711, "uid": 1000, "since": "2026-11-22T10:00:00Z", "seconds": 60},
               {"pid": 4712, "uid": 1000, "since": "2026-11-22T09:00:00Z", "seconds": 3660}]
    (mount.root / ".thaw/queue").write_text(
        line("/lab/idle.dat") +
        line("/lab/fetched.dat", phase="fetching", here=1 << 29, left=None) +
        line("/lab/run/wanted.dat", waiters=2, waiting=waiting))


def test_it_shows_what_somebody_waits_for_first_and_who_has_waited_longest(mount):  # noqa: F811
    fill(mount)
    mount.dir("lab")
    sub = mount.dir("lab/run")
    said = thaw("top", sub)
    assert said.returncode == 0, said.stderr
    head, sums, names, *rows = said.stdout.splitlines()
    assert head == "3 files under way: 1 arriving, 0 to be approved; 2 readers wait"
    assert sums == "512.0 MiB of 3.0 GiB here; 0.75 USD estimated for all of it", sums
    assert names.split() == ["STATE", "HERE", "SIZE", "READY", "AGE", "USD", "WAIT", "PID", "USER", "PATH"]
    assert [r.split()[-1] for r in rows] == ["/lab/run/wanted.dat", "/lab/idle.dat",
                                             "/lab/fetched.dat"]
    assert re.search(r"restoring +0% +1.0 GiB +2 h +- +0.25 +2 +4712 +root /lab/run/wanted", rows[0])
    assert re.search(r"fetching +50% +1.0 GiB +- +- +0.25 +- +- ", rows[2])


def test_json_is_the_queue_as_it_stands(mount):  # noqa: F811
    fill(mount)
    said = thaw("top", "--json", mount.root)
    assert said.stdout == (mount.root / ".thaw/queue").read_text()


def test_an_empty_queue_is_no_table(mount):  # noqa: F811
    (mount.root / ".thaw/queue").write_text("")
    said = thaw("top", mount.root)
    assert said.returncode == 0 and len(said.stdout.splitlines()) == 2


def test_ctrl_c_leaves_the_terminal_as_it_was(mount):  # noqa: F811
    fill(mount)
    screen = Terminal("top", mount.root)
    screen.read_until(r"wanted\.dat")
    (mount.root / ".thaw/queue").write_text(line("/lab/later.dat"))
    screen.read_until(r"later\.dat")
    os.write(screen.fd, b"\x03")
    assert screen.end() == 0
    on, off = screen.text.count("\x1b[?1049h"), screen.text.count("\x1b[?1049l")
    assert (on, off) == (1, 1) and screen.text.rindex("\x1b[?25h") > screen.text.index("\x1b[?25l")
    # What was there last stays to be read, and no line was wider than the terminal.
    after = plain(screen.text.split("\x1b[?1049l")[1])
    assert "later.dat" in after
    text = re.sub(r"\x1b\[\?[0-9]*[a-z]", "", re.sub(r"\x1b\[(H|\?1049l)", "\n", screen.text))
    assert max(map(len, plain(text).splitlines())) <= 80


def test_names_never_reach_the_terminal_as_they_are(mount):  # noqa: F811
    (mount.root / ".thaw/queue").write_text(line("/lab/\x1b[31mred"))
    assert "\x1b" not in thaw("top", mount.root).stdout


def test_somebody_who_may_not_see_it_is_told(mount):  # noqa: F811
    (mount.root / ".thaw/queue").write_text("")
    if os.geteuid() == 0:
        return  # nothing is forbidden to root
    (mount.root / ".thaw/queue").chmod(0)
    said = thaw("top", mount.root)
    assert said.returncode == 77 and "administrators" in said.stderr


# ---- live, with keys ----

def many(mount, n):  # noqa: F811
    (mount.root / ".thaw/queue").write_text("".join(
        line(f"/lab/run{i % 3}/file-{i:03}.dat", request=i, size=i << 20,
             phase="held" if i == 7 else "restoring", estimate=f"{i}.000000000",
             asked=f"2026-11-22T{i % 10:02}:00:00Z") for i in range(1, n + 1)))
    (mount.root / ".thaw/budgets").write_text(json.dumps({
        "now": "2026-11-22T12:00:00Z", "charged_today": "1.500000000", "left_out": 0, "budgets": [
            {"budget": "all/2026-11-22", "limit": "10", "spent": "4", "reserved": "1"}]}))
    (mount.root / ".thaw/cache").write_text("used bytes: 1024 (1.0 KiB)\n"
                                            "may take bytes: 4096 (4.0 KiB)\n")


def first_file(text):
    return re.search(r"file-(\d+)", text)[1]


@pytest.fixture
def top(mount, screen):  # noqa: F811
    def start(n=40, **how):
        many(mount, n)
        shown = screen(os.path.abspath(THAW), "top", mount.root, **how)
        shown.until("q quit" if how.get("columns", 80) > 30 else "STATE")
        return shown
    return start


def test_keys_sort_filter_and_scroll(top):
    shown = top()
    text = shown.text()
    assert "1.50 USD today; tightest budget 5.00 of 10.00 USD: all/2026-11-22" in text
    assert "cache: 1.0 KiB of 4.0 KiB" in text
    shown.keys("b")
    shown.until(lambda text: first_file(text) == "040")
    shown.keys("r")
    shown.until(lambda text: first_file(text) == "001")
    shown.keys("r", "t")
    shown.until(lambda text: first_file(text) == "007")
    shown.keys("m", "G")
    shown.until("file-001")
    shown.keys("g", "/", "run0")
    shown.until(lambda text: "file-039" in text and "file-040" not in text)
    shown.keys("Enter", "Escape")
    shown.until("file-040")
    shown.keys("h")
    shown.until("cancel the selected restore (asks first)")
    shown.keys("x", "q")
    shown.ended()


def test_what_is_under_way_is_looked_at_again_while_it_is_shown(top, mount):  # noqa: F811
    shown = top(3)
    (mount.root / ".thaw/queue").write_text(line("/lab/later.dat"))
    shown.until(lambda text: "later.dat" in text and "file-" not in text)
    shown.keys("q")
    assert "later.dat" in shown.ended()


def test_cancel_and_approve_ask_and_write_one_line(top, mount):  # noqa: F811
    path = mount.file("lab/run1/file-007.dat")
    shown = top(8)
    shown.keys("t")
    shown.until(lambda text: first_file(text) == "007")
    shown.keys("c")
    shown.until("cancel /lab/run1/file-007.dat? what is paid stays paid [y/N]")
    shown.keys("Enter")
    shown.until("nothing was done")
    assert mount.asked("lab/run1/file-007.dat") == ""
    shown.keys("c", "y")
    shown.until("cancelled /lab/run1/file-007.dat")
    assert mount.asked("lab/run1/file-007.dat") == "cancel\n", path
    shown.keys("a")
    shown.until("approve /lab/run1/file-007.dat, 7.00 USD? [y/N]")
    assert (mount.root / ".thaw/request").read_text() == ""
    shown.keys("y")
    shown.until("approved /lab/run1/file-007.dat")
    assert (mount.root / ".thaw/request").read_text() == "approve 7\n"
    shown.keys("j", "a")
    shown.until("that waits for nobody's approval")
    shown.keys("q")
    shown.ended()


def test_it_follows_the_window_down_to_a_tiny_one_and_back(top):
    shown = top()
    shown.resize(40, 6)
    shown.until(lambda text: len(text.splitlines()) <= 6 and "STATE      HERE PATH" in text)
    shown.resize(12, 1)
    shown.until(lambda text: text.startswith("q quit"))
    shown.keys("b", "c")
    shown.until("cancel")
    shown.resize(130, 30)
    shown.until(lambda text: "AGE" in text and "file-040" in text and "[y/N]" in text)
    shown.keys("n", "C-c")
    shown.ended()


@pytest.mark.parametrize("key", ["C-c", "C-\\", "q"])
def test_however_it_ends_the_terminal_is_as_it_was(top, key):
    shown = top(2)
    shown.keys(key)
    assert "file-001" in shown.ended()


def test_a_stop_gives_the_terminal_back_and_it_goes_on(mount, screen):  # noqa: F811
    many(mount, 2)
    shown = screen("bash", "--norc", "-i")
    shown.until("bash-")
    shown.keys(f"{os.path.abspath(THAW)} top {mount.root}", "Enter")
    shown.until("q quit")
    shown.keys("C-z")
    shown.until(lambda text: "Stopped" in text and "q quit" not in text)
    shown.keys("stty -a | grep -c -- '-icanon'; fg", "Enter")
    shown.until("q quit")
    shown.keys("q")
    text = shown.until(lambda text: text.count("bash-") >= 3)
    assert "\n0\n" in text, text
    shown.keys("exit", "Enter")
    shown.ended()


def test_no_colour_where_it_is_not_wanted_and_no_utf_8_where_there_is_none(top, mount):  # noqa: F811
    shown = top(8, env={"NO_COLOR": "1"})
    shown.keys("j")
    assert "\x1b[33m" not in shown.text("-e")
    shown.keys("q")
    shown.ended()
    shown = top(8, env={"LC_ALL": "C"}, columns=60)
    assert "\x1b[33m" in shown.text("-e")
    (mount.root / ".thaw/queue").write_text(line("/lab/äöü-" + "n" * 90 + ".dat", phase="held"))
    text = shown.until("nnn")
    assert "~" in text and "ä" not in text and "…" not in text and "??" in text
    shown.keys("q")
    shown.ended()


def test_a_terminal_that_cannot_place_text_gets_it_once(mount):  # noqa: F811
    fill(mount)
    from test_thaw import ENV
    screen_of = Terminal("top", mount.root, env={**ENV, "TERM": "dumb"})
    assert screen_of.end() == 0 and "\x1b" not in screen_of.text
