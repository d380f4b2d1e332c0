# SPDX-License-Identifier: Apache-2.0
"""Whose the files are, and who may see, read, ask, steer and approve what: real users on one mount."""
import errno
import grp
import json
import os
import pwd
import pathlib
import subprocess
import time

import pytest
import conftest
from conftest import listed, until
from users import USERS, people, read, run_as, thaw, tmp_path  # noqa: F401

FILES = {"open/a": 4000, "open/b": 4000, "team/a": 4000, "team/b": 4000, "team/c": 4000,
         "team/klein/a": 4000, "team/klein/b": 4000, "seen/a": 4000}
# `open` is everybody's to read, `team` the group's, `team/klein` one user's; of `seen` others may
# not know what is in it.
CONF = """
[mount]
allow-other = yes
admins = thawboss
owners = {dir}/owners
[mount /lab/team/klein]
uid = thawklein
mode = 0400
dir-mode = 0500
[mount /lab/seen]
dir-mode = 0551
[source lab]
url = s3://lab
endpoint = {url}
refresh = 0
uid = thawklein
[budget all]
money = {money}
approvers = thawalice
managers = thawbob
"""
OWNERS = """# path, user, group, mode, dir-mode
/lab/team, , thawlab, 0440, 0550
"/lab/none, at all", root
"""


@pytest.fixture
def start(start_sim, start_mount, tmp_path, people):
    def start(money="1000", *words, speed=10800):
        bucket = {"name": "lab", "objects": [
            {"key": name, "size": size, "fill": name, "storage-class": "DEEP_ARCHIVE"}
            for name, size in FILES.items()]}
        (tmp_path / "seed.json").write_text(json.dumps({"buckets": [bucket]}))
        (tmp_path / "owners").write_text(OWNERS)
        sim = start_sim("--speed", speed, "--seed", tmp_path / "seed.json")
        mount = start_mount(sim, CONF.format(url=sim.url, dir=tmp_path, money=money), *words)
        until(lambda: listed(mount.path / "lab"), 30, "catalog")
        return mount

    return start


def test_owner_group_and_mode_are_those_of_the_longest_path(start):
    """S2"""
    lab = start().path / "lab"
    klein, team = pwd.getpwnam("thawklein").pw_uid, grp.getgrnam("thawlab").gr_gid
    seen = {}
    for where, dirs, files in os.walk(lab):
        for name in [".", *files]:
            st = os.stat(os.path.join(where, name))
            path = os.path.relpath(os.path.join(where, name), lab)
            seen[path] = st.st_uid, st.st_gid, st.st_mode & 0o777
            # What a listing carries is what a look-up says, and so are the sidecars'.
            if name != ".":
                status = os.stat(os.path.join(where, ".thaw", name + ".status"))
                assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == seen[path]
            else:
                assert os.stat(os.path.join(where, ".thaw")).st_mode == st.st_mode
    own = os.getgid()
    assert seen == {
        ".": (klein, own, 0o555), "open": (klein, own, 0o555), "open/a": (klein, own, 0o444),
        "open/b": (klein, own, 0o444), "seen": (klein, own, 0o551), "seen/a": (klein, own, 0o444),
        "team": (klein, team, 0o550), "team/a": (klein, team, 0o440),
        "team/b": (klein, team, 0o440), "team/c": (klein, team, 0o440),
        "team/klein": (klein, team, 0o500), "team/klein/a": (klein, team, 0o400),
        "team/klein/b": (klein, team, 0o400)}
    assert os.stat(lab.parent).st_uid == os.getuid()


def ask(path, line):
    """Writes a request as a user's shell would: exit 0, or the errno's words on stderr."""
    return "sh", "-c", f"printf '%s\\n' '{line}' > {path}"


# In this order, on one mount: what the first ones ask for, the later ones steer.
#                       what                                     root alice bob  boss klein
TABLE = [
    ("list open",       lambda m: ("ls", m / "lab/open"),           "y y y y y"),
    ("list team",       lambda m: ("ls", m / "lab/team"),           "y y n n y"),
    ("list klein's",    lambda m: ("ls", m / "lab/team/klein"),     "y n n n y"),
    ("list seen",       lambda m: ("ls", m / "lab/seen"),           "y n n n y"),
    ("stat in seen",    lambda m: ("stat", m / "lab/seen/a"),       "y y y y y"),
    ("stat in team",    lambda m: ("stat", m / "lab/team/a"),       "y y n n y"),
    ("state in team",   lambda m: ("getfattr", "-n", "user.thaw.state", m / "lab/team/a"),
     "y y n n y"),
    ("state of klein's", lambda m: ("cat", m / "lab/team/klein/.thaw/a.status"), "y n n n y"),
    ("cost in team",    lambda m: ("cat", m / "lab/team/.thaw/a.cost"), "y y n n y"),
    ("link in team",    lambda m: ("cat", m / "lab/team/.thaw/a.link"), "y y n n y"),
    ("summary of seen", lambda m: ("cat", m / "lab/seen/.thaw/summary"), "y n n n y"),
    ("renames",         lambda m: ("cat", m / "lab/.thaw/renames"), "y n n y n"),
    ("queue",           lambda m: ("cat", m / ".thaw/queue"),       "y n n y n"),
    ("storms",          lambda m: ("cat", m / ".thaw/storms"),      "y n n y n"),
    ("metrics",         lambda m: ("cat", m / ".thaw/metrics"),     "y y y y y"),
    ("ask for open",    lambda m: ask(m / "lab/open/.thaw/a.request", "get"), "y y y y y"),
    ("ask for klein's", lambda m: ask(m / "lab/team/klein/.thaw/a.request", "get"), "- n n n y"),
    ("ask for team",    lambda m: ask(m / "lab/team/.thaw/a.request", "get"), "- y n n -"),
    ("ask for the team's directory", lambda m: ask(m / "lab/team/.thaw/request", "get"), "- - n n -"),
    ("ask for seen",    lambda m: ask(m / "lab/seen/.thaw/request", "get"), "- n n y -"),
    ("read open",       lambda m: ("cat", m / "lab/open/a"),        "y y y y y"),
    ("read team",       lambda m: ("cat", m / "lab/team/a"),        "- y n n y"),
    ("read klein's",    lambda m: ("cat", m / "lab/team/klein/a"),  "y n n n y"),
    ("refresh",         lambda m: ask(m / "lab/.thaw/request", "refresh"), "y n n y n"),
    ("approve a storm", lambda m: ask(m / ".thaw/request", "approve storm-9"), "n n n n n"),
    ("correct",         lambda m: ask(m / ".thaw/request", "correct amount=0.01 note=x"), "y n n y n"),
    ("write",           lambda m: ("touch", m / "lab/open/a"),      "n n n n n"),
    # Of alice's: bob manages the budget, boss is an administrator but may not pass `team`.
    ("evict alice's",   lambda m: ask(m / "lab/team/.thaw/a.request", "evict"), "- y n n n"),
    ("cancel all below team", lambda m: ask(m / "lab/team/.thaw/request", "cancel"), "- n n n n"),
    ("cancel all below open", lambda m: ask(m / "lab/open/.thaw/request", "cancel"), "- n n - n"),
]
WHO = ("root", "thawalice", "thawbob", "thawboss", "thawklein")


def test_who_may_do_what_is_the_table(start):
    """S145, S37"""
    mount = start()
    wrong = []
    for what, command, expected in TABLE:
        for user, may in zip(WHO, expected.split(), strict=True):
            if may == "-":
                continue
            done = run_as(user, *command(mount.path))
            if (done.returncode == 0) != (may == "y"):
                wrong.append(f"{user} {what}: {done.returncode} {done.stderr.strip()}")
    assert not wrong, "\n".join(wrong)
    # Who asked first is charged, and sees it; so do the manager and the administrator.
    def lines(user):
        text = read(user, mount.path / ".thaw/ledger.csv").stdout
        return {w for w in USERS for line in text.splitlines() if f",{w}," in line}
    assert lines("thawboss") == lines("thawbob") == lines("root") >= {"thawalice", "thawklein"}
    assert lines("thawalice") == {"thawalice"} and lines("thawklein") == {"thawklein"}


def test_what_one_may_not_read_is_passed_over_and_not_told(start):
    """S145, S35"""
    mount = start()
    totals = {user: read(user, mount.path / ".thaw/summary").stdout for user in WHO}
    count = {user: int(next(s for s in text.splitlines() if s.startswith("total:")).split()[1])
             for user, text in totals.items()}
    assert count == {"root": 8, "thawalice": 5, "thawbob": 2, "thawboss": 8, "thawklein": 8}
    for user in WHO:
        plan = thaw(user, "plan", "-r", "--json", mount.path)
        assert f'"files":{count[user]}' in plan.stdout.replace(" ", ""), plan
    assert run_as("thawbob", *ask(mount.path / ".thaw/request", "get")).returncode == 0
    until(lambda: sum(r["operation"] == "RestoreObject" for r in mount.sim.requests()) >= 2)
    for name in FILES:
        is_his = name.startswith("open/")
        assert (mount.attribute(mount.path / "lab" / name, "state") != "cold") == is_his, name
    hidden = thaw("thawbob", "plan", "--json", mount.path / "lab/team/a")
    assert hidden.returncode != 0 or '"paths":1' in hidden.stdout.replace(" ", "")


def test_approvers_and_administrators_let_through_what_a_budget_refused(start):
    """S91, S145"""
    mount = start(money="0.000001")
    path = mount.path / "lab/open/a"
    approve = ask(mount.path / "lab/open/.thaw/a.request", "approve")
    assert run_as("thawbob", *ask(mount.path / "lab/open/.thaw/a.request", "get")).returncode != 0
    for user in ("thawbob", "thawklein"):
        assert run_as(user, *approve).returncode != 0
    assert run_as("thawalice", *approve).returncode == 0
    assert read("thawbob", path).returncode == 0


def test_without_allow_other_nobody_else_sees_anything(start):
    """S145"""
    mount = start("1000", "mount.allow-other=no")
    for user in WHO[1:]:
        for command in (("ls", mount.path), ("cat", mount.path / "lab/open/a"),
                        ("cat", mount.path / ".thaw/metrics"),
                        ask(mount.path / "lab/open/.thaw/a.request", "get"),
                        ("getfattr", "-n", "user.thaw.state", mount.path / "lab/open/a")):
            done = run_as(user, *command)
            assert done.returncode != 0 and os.strerror(errno.EACCES) in done.stderr, done
    assert read("root", mount.path / "lab/open/a").returncode == 0


def test_who_has_no_process_here_is_his_user_number(start, tmp_path, monkeypatch):
    """S146: as through a re-export; here the daemon is in a PID namespace without the readers."""
    inside = tmp_path / "inside"
    inside.write_text(f'#!/bin/sh\nexec unshare --pid --fork {conftest.DAEMON} "$@"\n')
    inside.chmod(0o755)
    monkeypatch.setattr(conftest, "DAEMON", inside)
    # A day of the service's may end at any moment.
    mount = start("1000", "budget.guests.who=user:nobody", "budget.guests.files=1",
                  "budget.guests.per=total",
                  "budget.film.who=group:thawfilm", "budget.film.money=0.000001",
                  "policy./lab/open cat.programs=cat", "policy./lab/open cat.recall=deny")
    try:
        # A group that only the system's list of users tells: to read, and to be charged.
        assert run_as("thawalice", *ask(mount.path / "lab/team/.thaw/a.request", "get")).returncode == 0
        assert run_as("thawbob", *ask(mount.path / "lab/team/.thaw/a.request", "get")).returncode != 0
        assert os.strerror(errno.EDQUOT) in read("thawbob", mount.path / "lab/open/b").stderr
        # A policy of a program concerns nobody whose program is unknown.
        assert read("nobody", mount.path / "lab/open/a").returncode == 0
        until(lambda: any(w["user"] == "nobody" for w in mount.ledger()))
        line = next(w for w in mount.ledger() if w["user"] == "nobody")
        assert line["program"] == "" and "guests" in line["budgets"]
        assert os.strerror(errno.EDQUOT) in read("nobody", mount.path / "lab/open/b").stderr
        until(lambda: mount.attribute(mount.path / "lab/team/a", "state") == "cached")
    finally:
        # unshare(1) hands on no signal.
        until(lambda: mount.booked() == conftest.restores(mount.sim.bill()["lines"]))
        subprocess.run(["umount", mount.path], check=True)
        mount.process.wait(20)


@pytest.fixture
def world(tmp_path):
    """A mount namespace in which /dev/fuse is for everybody, as distributions have it. Gives what to put
    before a command that runs there as a user."""
    (tmp_path / "dev").mkdir()
    script = ("mount --make-rprivate / && mount -t tmpfs tmpfs $1 && mknod $1/fuse c 10 229 &&"
              " chmod 666 $1/fuse && mount --bind $1/fuse /dev/fuse && touch $1/ready && exec cat")
    keeper = subprocess.Popen(["unshare", "--mount", "sh", "-c", script, "sh", tmp_path / "dev"],
                              stdin=subprocess.PIPE)
    root = pathlib.Path(f"/proc/{keeper.pid}/root{tmp_path}/dev/ready")
    until(lambda: root.exists() or keeper.poll() is not None)
    assert keeper.poll() is None, "no namespace of one's own can be made here"

    def within(user):
        who = [] if user == "root" else ["setpriv", f"--reuid={user}", "--regid=nogroup",
                                         "--init-groups"]
        return ["nsenter", f"--mount=/proc/{keeper.pid}/ns/mnt", *who]

    yield within
    keeper.stdin.close()
    keeper.wait(20)


def test_a_user_mounts_for_himself_and_nobody_else_sees_it(world, start_sim, tmp_path, people):
    """S147"""
    bucket = {"name": "lab", "objects": [
        {"key": "a", "size": 4000, "fill": "a", "storage-class": "DEEP_ARCHIVE"}]}
    (tmp_path / "seed.json").write_text(json.dumps({"buckets": [bucket]}))
    sim = start_sim("--speed", 10800, "--seed", tmp_path / "seed.json")
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    (home / "mnt").mkdir()
    for path in (home, home / "mnt"):
        os.chown(path, pwd.getpwnam("thawalice").pw_uid, -1)
    env = {**sim.env, "HOME": str(home), "XDG_STATE_HOME": "", "XDG_CACHE_HOME": ""}

    def run(user, *words):
        return subprocess.run([*world(user), *map(str, words)], env=env, capture_output=True,
                              text=True, errors="replace", timeout=50)

    refused = run("thawalice", conftest.DAEMON, "s3://lab", home / "mnt", "-o",
                  f"allow_other,source.endpoint={sim.url},mount.clock={sim.url}/_sim/clock")
    assert refused.returncode == 1 and "user_allow_other" in refused.stderr, refused
    made = run("thawalice", conftest.DAEMON, "s3://lab", home / "mnt", "-o",
               f"source.endpoint={sim.url},mount.clock={sim.url}/_sim/clock,cache.reserve=0")
    assert made.returncode == 0, made
    try:
        until(lambda: "a" in run("thawalice", "ls", home / "mnt").stdout)
        assert run("thawalice", "cat", home / "mnt/a").returncode == 0
        for user in ("thawbob", "thawklein"):
            for what in ("mnt", "mnt/a", "mnt/.thaw/metrics", ".local/state/thawfs",
                         ".cache/thawfs", ".cache/thawfs/data"):
                seen = run(user, "cat" if what.count("/") else "ls", home / what)
                assert seen.returncode != 0 and os.strerror(errno.EACCES) in seen.stderr, seen
            assert run(user, "find", home / ".local", home / ".cache", "-type", "f").stdout == ""
        assert run("thawbob", "fusermount3", "-u", home / "mnt").returncode != 0
    finally:
        assert run("thawalice", "fusermount3", "-u", home / "mnt").returncode == 0
        lock = home / ".local/state/thawfs/state.lock"
        until(lambda: not os.path.exists(f"/proc/{lock.read_text().split()[0]}"), 20, "its end")
