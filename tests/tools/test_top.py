# SPDX-License-Identifier: Apache-2.0
"""thaw top, on a queue as a mount writes it."""
import json
import os
import re

from test_thaw import Terminal, mount, plain, thaw  # noqa: F401


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
    assert head == ("3 files under way, 1 being fetched, 0 waiting for approval; "
                    "2 readers waiting")
    assert sums == "512.0 MiB of 3.0 GiB here; 0.75 USD estimated for all of it", sums
    assert names.split() == ["STATE", "HERE", "SIZE", "READY", "READERS", "PID", "USER", "PATH"]
    assert [r.split()[-1] for r in rows] == ["/lab/run/wanted.dat", "/lab/idle.dat",
                                             "/lab/fetched.dat"]
    assert re.search(r"restoring +0% +1.0 GiB +2 h +2 +4712 +root /lab/run/wanted", rows[0])
    assert re.search(r"fetching +50% +1.0 GiB +- +- +0 ", rows[2])


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
    text = re.sub(r"\x1b\[\?[0-9]*[a-z]", "", screen.text)
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
