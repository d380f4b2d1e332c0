# SPDX-License-Identifier: Apache-2.0
"""What `thaw` prints, writes and exits with, on a plain directory that looks like a mount."""
import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

THAW = os.path.join(os.environ.get("THAW_BUILD", "build"), "tools/thaw/thaw")
NOW = "2026-11-22T10:00:00Z"
ENV = {**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8", "TERM": "xterm", "COLUMNS": ""}


class Mount:
    """A directory with sidecars; `daemon` callables answer what is written."""

    def __init__(self, root):
        self.root = root
        self.dir("")

    def dir(self, name):
        path = self.root / name
        (path / ".thaw").mkdir(parents=True, exist_ok=True)
        (path / ".thaw/summary").write_text("files: 1\n")
        (path / ".thaw/request").write_text("")
        return path

    def file(self, name, **facts):
        path = self.root / name
        self.dir(os.path.dirname(name))
        path.write_bytes(b"")
        facts = {
            "name": path.name, "source": "vault", "id": "x", "storage_class": "GLACIER",
            "size": 3 << 20, "here": 0, "state": "cold", "tier": "standard", "days": 3,
            "requested": "", "ready": "", "expires": "", "eta": "2026-11-22T14:00:00Z",
            "eta_least": "2026-11-22T13:00:00Z", "cost_estimate": "0.012340000",
            "price_date": "2026-11-01", "verified": "", "error": "", "errno": "", "now": NOW,
            **facts}
        (path.parent / ".thaw" / (path.name + ".json")).write_text(json.dumps(facts, indent=1))
        request = path.parent / ".thaw" / (path.name + ".request")
        if not request.exists():
            request.write_text("")
        return path

    def asked(self, name):
        path = self.root / name
        return (path.parent / ".thaw" / (path.name + ".request")).read_text()


@pytest.fixture
def mount(tmp_path):
    return Mount(tmp_path / "mnt")


def thaw(*args, cwd=None, env=ENV):
    return subprocess.run([os.path.abspath(THAW), *map(str, args)], cwd=cwd, env=env, text=True,
                          capture_output=True, timeout=30)


class Terminal:
    """thaw on a terminal of its own, `columns` wide."""

    def __init__(self, *args, columns=80, env=ENV):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.clear()
            os.environ.update(env)
            subprocess.run(["stty", "cols", str(columns), "rows", "24"])
            os.execv(THAW, ["thaw", *map(str, args)])
        self.text = ""

    def read_until(self, pattern, seconds=15):
        end = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            if not self.read_some(end - time.monotonic()):
                raise AssertionError(f"no {pattern!r} in {self.text!r}")
        return self.text

    def read_some(self, seconds):
        ready, _, _ = select.select([self.fd], [], [], max(0, seconds))
        if not ready:
            return False
        try:
            piece = os.read(self.fd, 65536).decode()
        except OSError:  # the other side is closed
            return False
        self.text += piece
        return bool(piece)

    def end(self, seconds=15):
        until = time.monotonic() + seconds
        while self.read_some(until - time.monotonic()):
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)


# ---- usage ----

def test_help_lists_every_verb_and_each_has_an_example():
    said = thaw("--help")
    assert said.returncode == 0
    for verb in ("status", "get", "wait", "cancel", "evict", "top", "refresh"):
        assert re.search(rf"^  {verb} ", said.stdout, re.M)
        own = thaw(verb, "--help")
        assert own.returncode == 0 and f"example: thaw {verb}" in own.stdout
        assert max(map(len, own.stdout.splitlines())) <= 80


def test_a_misspelt_verb_is_answered_with_the_nearest():
    said = thaw("statsu", "x")
    assert said.returncode == 2 and 'did you mean "status"?' in said.stderr


@pytest.mark.parametrize("args, words", [
    (["get", "--teir", "bulk", "x"], "did you mean --tier?"),
    (["wait", "--timeout", "soon", "x"], '"soon" is not a time'),
    (["get", "--days", "0", "x"], "is not a number of days"),
    (["get", "--tier"], "needs a value"),
    (["get", "--timeout", "5s", "x"], "goes with --wait"),
    (["get"], "which path?"), (["correct"], "give it [--] AMOUNT REASON"),
    (["--versoin"], 'did you mean "--version"?'), (["find", "--state", "cached,clod", "."], 'did you mean "cold"?'),
    (["refresh", "a", "b"], "one path only"),
    (["cancel", "--json", "x"], "no option --json"),
])
def test_bad_usage_exits_2_and_says_what_is_wrong(args, words):
    said = thaw(*args)
    assert said.returncode == 2 and words in said.stderr and said.stdout == ""


# ---- which files are meant ----

@pytest.mark.parametrize("verb", ["status", "get", "wait", "cancel", "evict", "refresh"])
def test_a_path_outside_any_mount_is_one_clear_line(verb, tmp_path):
    said = thaw(verb, tmp_path)
    assert said.returncode == 1
    assert said.stderr == f"thaw: {tmp_path}: not in a thawfs mount\n"


def test_where_the_current_directory_is_meant_and_in_no_mount_it_says_what_to_name(tmp_path):
    for words in (["approve", "storm-1"], ["report"], ["correct", "1", "why"]):
        said = thaw(*words, cwd=tmp_path)
        assert said.returncode == 1
        assert said.stderr == "thaw: .: not in a thawfs mount: name a directory of one\n", words


def test_relative_paths_and_symlinks_lead_to_the_same_sidecar(mount, tmp_path):
    mount.file("a/run.tar", state="restoring")
    (tmp_path / "link").symlink_to(mount.root / "a/run.tar")
    for path in ("mnt/a/run.tar", "mnt/a/../a/run.tar", "link"):
        said = thaw("status", path, cwd=tmp_path)
        assert said.returncode == 0 and "restoring" in said.stdout, said.stderr
    inside = thaw("status", "run.tar", cwd=mount.root / "a")
    assert "restoring" in inside.stdout


def test_a_directory_means_its_files_and_r_those_below_but_never_through_symlinks(mount):
    mount.file("top.dat")
    mount.file("sub/low.dat")
    (mount.root / "loop").symlink_to(mount.root)
    flat = thaw("status", mount.root).stdout
    deep = thaw("status", "-r", mount.root).stdout
    assert "top.dat" in flat and "low.dat" not in flat
    assert "sub/low.dat" in deep and "loop" not in deep


# ---- status ----

def test_status_of_a_directory_is_an_aligned_table_of_80_columns(mount):
    mount.file("short.dat", state="cached", here=3 << 20)
    mount.file("a-very-long-name-of-a-file-that-does-not-fit-at-all-2019.tar.gz",
               state="restoring")
    mount.file("umläut-数据.dat", state="requested", eta="2026-11-24T09:30:00Z")
    terminal = Terminal("status", mount.root)
    assert terminal.end() == 0
    lines = terminal.text.replace("\r", "").splitlines()
    assert lines[0].split() == ["NAME", "SIZE", "STATE", "HERE", "READY", "COST", "USD"]
    assert "…" in lines[1] and "2019.tar.gz" in lines[1]
    assert "4 h, 14:00" in lines[1] and "0.01234" in lines[1]
    assert "48 h, Tue 09:30" in lines[3]

    def columns(line):
        return len(line) + sum(line.count(wide) for wide in "数据")
    assert {columns(line) for line in lines[:-1]} == {80}
    assert lines[-1] == "3 files, 9.0 MiB; 1 here, 3.0 MiB"


@pytest.mark.parametrize("columns, head", [(60, "NAME SIZE STATE HERE READY"), (40, "NAME STATE HERE READY"),
                                           (37, "NAME STATE HERE READY")])
def test_in_a_narrow_terminal_columns_give_way_and_no_line_is_broken(mount, columns, head):
    mount.file("a-rather-long-name-of-a-file.tar.gz", state="restoring")
    mount.file("b", eta="2026-11-24T09:30:00Z", state="requested")
    terminal = Terminal("status", mount.root, columns=columns)
    assert terminal.end() == 0
    lines = terminal.text.replace("\r", "").splitlines()
    assert lines[0].split() == head.split() and "4 h" in lines[1] and "48 h" in lines[2]
    assert max(map(len, lines)) <= columns, lines


def test_a_directory_without_files_says_so(mount):
    mount.file("sub/x.dat")
    assert thaw("status", cwd=mount.root).stdout == "no files there; -r shows those below\n"
    assert thaw("get", mount.root).stdout == "no files there; -r asks for those below\n"
    assert thaw("status", "--json", mount.root).stdout == ""


def test_help_of_a_verb_is_found_either_way():
    assert thaw("help", "get").stdout == thaw("get", "--help").stdout
    assert 'did you mean "get"?' in thaw("help", "gett").stderr


def test_names_in_a_pipe_are_whole(mount):
    name = "n" * 200
    mount.file(name)
    assert name in thaw("status", mount.root).stdout


def test_control_characters_in_names_never_reach_the_terminal(mount):
    mount.file("evil\x1b[2Jname\n.dat")
    said = thaw("status", mount.root)
    assert "evil?[2Jname?.dat" in said.stdout and "\x1b" not in said.stdout


def test_a_name_cannot_turn_the_rest_of_its_line_around(mount):
    mount.file("report\u202ecod.exe")
    mount.file("\u05d0\u200f\u05d1.dat")
    said = thaw("status", mount.root).stdout
    assert "report?cod.exe" in said and "\u05d0\u200f\u05d1.dat" in said


def test_status_of_one_file_explains_it(mount):
    path = mount.file("run.tar", state="restoring", requested="2026-11-22T09:00:00Z",
                      cost_charged="0.010000000")
    said = thaw("status", path).stdout
    for words in ("restoring: the service is bringing it back", "in 4 h",
                  "Sun 2026-11-22 14:00", "0.01234 USD estimated", "0.01 USD", "copy kept 3 days"):
        assert words in said, said
    assert max(map(len, said.splitlines())) <= 80 + len(str(path))


def test_status_of_a_failed_file_says_why_in_the_words_of_the_mount(mount):
    words = "the hash of what came differs from the inventory's, three times in a row, " * 3
    path = mount.file("run.tar", state="failed", error=words + "\x1b[2J", errno="EIO")
    said = thaw("status", path).stdout
    assert " ".join(said.split()).count(words + "?[2J (EIO)") == 1
    *lines, remedy = said.splitlines()[1:]
    assert max(map(len, lines)) <= 80 and "\x1b" not in said
    assert remedy == f"  to ask again: thaw get --retry {path}"


def test_a_cold_file_says_how_long_it_would_take_and_a_cached_one_costs_nothing_more(mount):
    cold = mount.file("cold.dat")
    here = mount.file("here.dat", state="cached", here=3 << 20)
    assert "takes     3 h to 4 h from when it is asked for" in thaw("status", cold).stdout
    assert "estimated" not in thaw("status", here).stdout
    assert re.search(r"here\.dat .* 100%  -  +-$", thaw("status", mount.root).stdout, re.M)


def test_below_a_table_stands_why_some_of_it_does_not_come_and_what_to_do(mount):
    mount.file("a.dat", state="cached", here=3 << 20)
    bad = mount.file("it's bad.dat", state="denied", error="budget lab says no")
    mount.file("held.dat", state="held")
    said = thaw("status", mount.root).stdout
    assert "3 files, 9.0 MiB; 1 here, 3.0 MiB\n" in said
    quoted = str(bad).replace("'", "'\\''")
    assert f"{bad}\n  budget lab says no\n  thaw get --retry '{quoted}'\n" in said, said
    assert f"thaw approve {mount.root}/held.dat\n" in said
    both = thaw("status", bad, mount.root / "a.dat").stdout
    assert both.startswith("NAME ") and "budget lab says no" in both
    one = thaw("status", bad).stdout
    assert "reason    budget lab says no" in one and "thaw get --retry '" in one


def test_reasons_below_a_table_are_few(mount):
    for i in range(30):
        mount.file(f"{i:02}.dat", state="failed", error="gone wrong")
    said = thaw("status", mount.root).stdout
    assert said.count("gone wrong") == 10 and "and 20 more that cannot be had" in said


def test_json_is_one_object_a_line_as_the_mount_wrote_it_with_the_path(mount):
    path = mount.file('quo"te {x}: y.dat', error='said "no", twice  \\ {', size=2 ** 50)
    mount.file("b.dat")
    lines = thaw("status", "--json", mount.root).stdout.splitlines()
    assert len(lines) == 2
    facts = {o["name"]: o for o in map(json.loads, lines)}[path.name]
    assert facts["path"] == str(path) and facts["error"] == 'said "no", twice  \\ {'
    assert facts["size"] == 2 ** 50


def test_a_hidden_charge_is_not_made_up(mount):
    assert "charged" not in thaw("status", mount.file("x")).stdout


# ---- get ----

def test_get_writes_one_line_a_file_and_prints_what_was_asked(mount):
    path = mount.file("run.tar", tier="bulk")
    said = thaw("get", "--tier", "bulk", "--days", "7", path)
    assert said.returncode == 0, said.stderr
    assert mount.asked("run.tar") == "get tier=bulk days=7\n"
    assert "asked for" in said.stdout and "0.01234 USD" in said.stdout and "bulk" in said.stdout


def test_get_of_a_tree_asks_for_what_is_not_here_and_sums_up(mount):
    mount.file("a.dat")
    mount.file("sub/b.dat")
    mount.file("c.dat", state="cached")
    said = thaw("get", "-r", mount.root)
    assert said.returncode == 0
    assert mount.asked("a.dat") == mount.asked("sub/b.dat") == "get\n"
    assert mount.asked("c.dat") == ""
    assert "2 asked for, 6.0 MiB, 0.02468 USD estimated; 1 already here" in said.stdout


def test_get_on_a_terminal_asks_first_and_no_is_no(mount):
    """S184"""
    mount.file("a.dat")
    mount.file("b.dat", state="cached")
    for answer in (b"\n", b"n\n", b"\x04", b"yesterday\n"):
        terminal = Terminal("get", "-r", mount.root)
        terminal.read_until(r"ask for 1 file, 3.0 MiB, at most about 0.01234 USD\? \[y/N\] ")
        os.write(terminal.fd, answer)
        assert terminal.end() == 1 and "nothing was asked for" in terminal.text
    terminal = Terminal("get", "-r", mount.root)
    terminal.read_until(r"\[y/N\] ")
    os.write(terminal.fd, b"\x03")
    assert terminal.end() == -signal.SIGINT
    assert mount.asked("a.dat") == ""
    terminal = Terminal("get", "-r", mount.root)
    terminal.read_until(r"\[y/N\] ")
    os.write(terminal.fd, b"y\n")
    assert terminal.end() == 0 and mount.asked("a.dat") == "get\n"


def test_get_with_yes_or_for_nothing_asks_no_question(mount):
    """S184"""
    mount.file("a.dat")
    terminal = Terminal("get", "--yes", mount.root)
    assert terminal.end() == 0 and "[y/N]" not in terminal.text
    assert mount.asked("a.dat") == "get\n"
    mount.file("a.dat", state="cached")
    terminal = Terminal("get", mount.root)
    assert terminal.end() == 0 and "[y/N]" not in terminal.text


def test_get_of_many_on_a_terminal_prints_the_sum_alone(mount):
    for i in range(25):
        mount.file(f"{i:02}.dat")
    terminal = Terminal("get", "-y", "--email", "a@b.org", mount.root)
    assert terminal.end() == 0
    text = terminal.text.replace("\r", "")
    assert text == ("25 asked for, 75.0 MiB, 0.3085 USD estimated; ready in 3 h to 4 h\n"
                    "a@b.org is told when all of it is here, or has failed\n"), text


# S71
def test_get_retry_asks_for_what_has_failed_and_nothing_else(mount):
    mount.file("cold.dat")
    mount.file("sub/bad.dat", state="failed", error="gone wrong", errno="EIO")
    mount.file("sub/poor.dat", state="denied", error="budget", errno="EDQUOT")
    mount.file("sub/coming.dat", state="restoring")
    said = thaw("get", "--retry", "--tier", "bulk", cwd=mount.root)
    assert said.returncode == 0, said.stderr
    assert mount.asked("sub/bad.dat") == mount.asked("sub/poor.dat") == "get tier=bulk\n"
    assert mount.asked("cold.dat") == mount.asked("sub/coming.dat") == ""
    assert "2 asked for" in said.stdout


def test_a_tier_cannot_smuggle_in_other_words(mount):
    path = mount.file("a.dat")
    assert thaw("get", "--tier", "bulk\ncancel", path).returncode == 2
    assert mount.asked("a.dat") == ""


@pytest.fixture
def refusing(mount):
    """A request channel whose writes fail: only a device answers a write with an errno."""
    path = mount.file("full.dat", error="budget default/day: 9.99 of 10 USD used", errno="EDQUOT")
    request = mount.root / ".thaw/full.dat.request"
    request.unlink()
    request.symlink_to("/dev/full")
    return path


def test_get_that_fails_says_so_and_exits_1(refusing):
    said = thaw("get", refusing)
    assert said.returncode == 1 and "failed: budget default/day" in said.stderr


def test_get_that_may_not_write_is_refused_with_77(mount):
    if os.geteuid() != 0:
        pytest.skip("needs another user")
    path = mount.file("mine.dat", error="recall = deny for you")
    os.chmod(mount.root / ".thaw/mine.dat.request", 0o600)
    for parent in path.parents:
        if str(parent).startswith("/tmp/"):
            os.chmod(parent, 0o755)
    said = subprocess.run([os.path.abspath(THAW), "get", path], user=65534, text=True,
                          capture_output=True, env=ENV)
    assert said.returncode == 77 and "refused: recall = deny for you" in said.stderr


# ---- wait ----

def test_wait_for_what_is_here_is_over_at_once(mount):
    mount.file("a.dat", state="cached")
    assert thaw("wait", mount.root).returncode == 0


def test_wait_for_a_cold_file_nobody_asked_for_names_the_remedy(mount):
    path = mount.file("a.dat")
    said = thaw("wait", path)
    assert said.returncode == 1 and f"thaw get {path}" in said.stderr


def test_wait_that_runs_out_of_time_exits_75(mount):
    mount.file("a.dat", state="restoring")
    begun = time.monotonic()
    said = thaw("wait", "--timeout", "300ms", mount.root)
    assert said.returncode == 75 and "1 of 1 file still to come" in said.stderr
    assert time.monotonic() - begun < 5


def test_wait_in_a_pipe_prints_a_line_a_change(mount):
    path = mount.file("a.dat", state="restoring")
    process = subprocess.Popen([THAW, "wait", path], stdout=subprocess.PIPE, text=True, env=ENV)
    assert "restoring, expected in 4 h (14:00)" in process.stdout.readline()
    time.sleep(1.2)  # several looks, no change
    mount.file("a.dat", state="fetching", here=1 << 20)
    assert "fetching" in process.stdout.readline()
    mount.file("a.dat", state="cached", here=3 << 20)
    assert process.stdout.read() == f"{path}: cached\n"
    assert process.wait() == 0


@pytest.mark.parametrize("state", ["failed", "denied", "lost"])
def test_wait_for_a_file_that_fails_exits_1_with_the_reason(mount, state):
    mount.file("a.dat", state=state, error="the reason why")
    mount.file("b.dat", state="cached")
    said = thaw("wait", mount.root)
    assert said.returncode == 1 and f"{state}: the reason why" in said.stderr


def test_wait_for_several_in_a_pipe_ends_with_the_sum(mount):
    mount.file("a.dat", state="cached", here=3 << 20, cost_charged="0.500000000")
    mount.file("b.dat", state="cached", here=3 << 20)
    said = thaw("wait", mount.root)
    assert said.stdout.endswith("2 of 2 files here, 6.0 MiB of 6.0 MiB, 0.50 USD\n"), said


def test_wait_that_is_interrupted_says_that_the_restore_goes_on(mount):
    path = mount.file("a.dat", state="restoring")
    process = subprocess.Popen([THAW, "wait", path], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=ENV)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=15)
    assert process.returncode == 130 and "1 of 1 file still to come, and the restore goes on" in said


def test_wait_notices_that_a_request_was_cancelled(mount):
    path = mount.file("a.dat", state="restoring")
    process = subprocess.Popen([THAW, "wait", path], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=ENV)
    process.stdout.readline()
    mount.file("a.dat", state="cold")
    _, said = process.communicate(timeout=15)
    assert process.returncode == 1 and "nobody asks for it any more" in said


def test_get_wait_asks_then_waits(mount):
    path = mount.file("a.dat", state="requested")
    process = subprocess.Popen([THAW, "get", "--wait", path], stdout=subprocess.PIPE, text=True,
                               env=ENV)
    assert "asked for" in process.stdout.readline()
    mount.file("a.dat", state="cached")
    process.communicate(timeout=15)
    assert process.returncode == 0 and mount.asked("a.dat") == "get\n"


# ---- the terminal ----

def test_the_bar_is_redrawn_in_place_and_ends_full(mount):
    path = mount.file("a.dat", state="restoring")
    terminal = Terminal("wait", path)
    first = terminal.read_until(r"restoring, in 3 h to 4 h, 0\.01234 USD")
    assert "0/1 file " in first and "░" in first
    mount.file("a.dat", state="fetching", here=3 << 19)
    terminal.read_until(r"50%")
    mount.file("a.dat", state="cached", here=3 << 20)
    assert terminal.end() == 0
    assert terminal.text.count("\n") == 1 and terminal.text.endswith("\n")
    last = plain(terminal.text).split("\r")[-2]
    assert "1/1 file " in last and "100%" in last and "█" in last and "░" not in last


@pytest.mark.parametrize("columns", [132, 80, 60, 40, 20])
def test_the_bar_respects_the_width_of_the_terminal(mount, columns):
    path = mount.file("a.dat", state="restoring")
    terminal = Terminal("wait", "--timeout", "400ms", path, columns=columns)
    assert terminal.end() == 75
    drawn = [line for line in re.split(r"[\r\n]", plain(terminal.text)) if "%" in line]
    assert drawn and all(len(line) < columns for line in drawn)


def test_no_color_and_ascii_are_respected(mount):
    path = mount.file("a.dat", state="restoring")
    terminal = Terminal("wait", "--timeout", "400ms", path,
                        env={**ENV, "NO_COLOR": "1", "LC_ALL": "C"})
    terminal.end()
    assert "\x1b[32m" not in terminal.text and "----" in terminal.text
    assert terminal.text.isascii()


def test_ctrl_c_ends_the_line_and_exits_130(mount):
    path = mount.file("a.dat", state="restoring")
    terminal = Terminal("wait", path)
    terminal.read_until("restoring")
    os.write(terminal.fd, b"\x03")
    assert terminal.end() == 130
    assert terminal.text.endswith("\n") and "\x1b[?25l" not in terminal.text
    assert terminal.text.count("\x1b[32m") == terminal.text.count("\x1b[0m")


def test_a_failure_while_the_bar_stands_gets_a_line_of_its_own(mount):
    mount.file("a.dat", state="restoring")
    mount.file("b.dat", state="restoring")
    terminal = Terminal("wait", mount.root)
    terminal.read_until("restoring")
    mount.file("a.dat", state="failed", error="gone wrong")
    terminal.read_until("gone wrong")
    os.kill(terminal.pid, signal.SIGINT)
    terminal.end()
    assert re.search(r"\r(\x1b\[K)?thaw: \S+a\.dat: failed: gone wrong\r\n", terminal.text)


# ---- evict ----

def test_evict_gives_up_what_is_here_and_nothing_else(mount):
    mount.file("a.dat", state="cached", here=3 << 20)
    mount.file("b.dat")
    said = thaw("evict", mount.root)
    assert said.returncode == 0, said.stderr
    assert mount.asked("a.dat") == "evict\n" and mount.asked("b.dat") == ""
    assert "a.dat: evicted" in said.stdout and "b.dat: cold, nothing to evict" in said.stdout


# ---- cancel, refresh ----

def test_cancel_takes_back_what_is_on_its_way_and_nothing_else(mount):
    mount.file("a.dat", state="restoring")
    mount.file("b.dat", state="cached")
    said = thaw("cancel", mount.root)
    assert said.returncode == 0
    assert mount.asked("a.dat") == "cancel\n" and mount.asked("b.dat") == ""


def test_refresh_asks_the_directory(mount):
    assert thaw("refresh", mount.root).returncode == 0
    assert (mount.root / ".thaw/request").read_text() == "refresh\n"


# S152
def test_the_oldest_are_asked_for_first_whatever_their_names(mount):
    for name, year in (("a", 2021), ("b", 2019), ("c", 2020), ("d", 2019)):
        mount.file(f"run/{name}", created=f"{year}-01-01T00:00:00Z")
    done = thaw("get", "-r", mount.root / "run")
    asked = [line.split("/run/")[1][0] for line in done.stdout.splitlines()
             if line.startswith("asked for")]
    assert asked == ["b", "d", "c", "a"]
    done = thaw("get", *(mount.root / f"run/{name}" for name in "acb"))
    asked = [line.split("/run/")[1][0] for line in done.stdout.splitlines()
             if line.startswith("asked for")]
    assert asked == ["b", "c", "a"]
