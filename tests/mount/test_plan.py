# SPDX-License-Identifier: Apache-2.0
"""What asking would cost, before it is asked: .thaw/plan and `thaw plan`."""
import errno
import json
import os
import re
import subprocess
import urllib.parse

import pytest
from conftest import BUILD, FILES, OBJECTS, listed, until

NOTES = "lab/runs/notes.txt"


def plan(directory, *lines):
    """What .thaw/plan answers to these lines."""
    fd = os.open(directory / ".thaw/plan", os.O_RDWR)
    try:
        text = "".join(line + "\n" for line in lines).encode()
        while text:
            text = text[os.write(fd, text[:100000]):]
        pieces = []
        while piece := os.pread(fd, 1 << 16, sum(map(len, pieces))):
            pieces.append(piece)
    finally:
        os.close(fd)
    return json.loads(b"".join(pieces))


def named(kind, path):
    return f"{kind}={urllib.parse.quote(str(path))}"


def thaw(*words, **how):
    return subprocess.run([BUILD / "tools/thaw/thaw", *map(str, words)], capture_output=True,
                          text=True, timeout=60, **how)


def test_a_plan_counts_what_is_below_and_asks_for_nothing(mount, sim):
    """S125"""
    before, bill = sim.requests(), sim.bill()["total"]
    whole = plan(mount.path)
    size = sum(map(len, OBJECTS.values())) + sum(map(len, FILES.values()))
    n = len(OBJECTS) + sum(1 for data in FILES.values() if data)
    assert whole["all"] == {"files": n, "bytes": size} == whole["states"]["cold"]
    assert whole["cache"]["needed_bytes"] == size and whole["cache"]["fits"]
    by_tier = {t["tier"]: t for t in whole["tiers"]}
    assert list(by_tier) == ["expedited", "standard", "bulk"]
    assert by_tier["expedited"]["not_offered"]["files"] == len(OBJECTS)
    assert whole["chosen"]["cost"] == by_tier["standard"]["cost"]
    assert [b["budget"].split("/")[0] for b in whole["budgets"]] == ["test"]
    assert whole["budgets"][0]["needed"] == whole["chosen"]["cost"]
    # A directory's own files; its tree; a file named twice counts once.
    assert plan(mount.path, named("file", "lab"))["all"]["files"] == 0
    both = plan(mount.path, named("file", NOTES), named("tree", "lab/runs"), "tier=bulk",
                "days=9", named("file", "lab/runs/nothing"))
    assert both["all"]["files"] == len(OBJECTS)
    assert both["chosen"]["tier"] == "bulk"
    assert both["missing"] == {"paths": 1, "names": ["lab/runs/nothing"]}
    assert plan(mount.path / "lab/runs", "file=notes.txt")["all"]["files"] == 1
    with open(mount.path / "lab/.thaw/plan") as f:  # as it is: everything below
        assert json.load(f)["all"]["files"] == len(OBJECTS)
    asked = [r["operation"] for r in sim.requests()[len(before):]]
    assert not set(asked) - {"Clock"}, asked
    assert sim.bill()["total"] == bill


@pytest.mark.parametrize("line", ["tier=fast", "days=0", "days=x", "get", "file"])
def test_a_line_that_is_no_question_is_refused(mount, line):
    """S34"""
    with pytest.raises(OSError) as refused:
        plan(mount.path, line)
    assert refused.value.errno == errno.EINVAL


def test_a_plan_knows_what_is_here_and_what_is_under_way(mount):
    """S125"""
    (mount.path / NOTES).read_bytes()
    mount.ask(mount.path / "lab/runs/2024/a.dat", "get tier=bulk\n")
    states = plan(mount.path / "lab")["states"]
    assert states["cached"] == {"files": 1, "bytes": len(OBJECTS["runs/notes.txt"])}
    assert states["under-way"]["files"] + states["cached"]["files"] + \
        states["ready"]["files"] == 2
    assert states["cold"]["files"] == 1


def test_thaw_plan_prints_a_table(mount, sim, tmp_path):
    """S125"""
    said = thaw("plan", "-r", mount.path / "lab")
    assert said.returncode == 0, said.stderr
    for words in (f"{len(OBJECTS)} files", "cold", "expedited", "standard", "bulk", "retrieval",
                  "storage", "transfer", "in all", "up to 12 h", "budget test/", "2026-09",
                  "nothing was asked"):
        assert words in said.stdout, (words, said.stdout)
    # Paths of several directories, relative ones, a list: one plan.
    names = tmp_path / "list"
    names.write_text("runs/notes.txt\nruns/2024/a.dat\n")
    one = thaw("plan", "--json", "--files-from", names, "runs/2024/b.dat", "runs/2024/a.dat",
               cwd=mount.path / "lab")
    assert json.loads(one.stdout)["all"]["files"] == 3, one
    piped = thaw("plan", "--json", "-F", "-", input="runs/notes.txt\n", cwd=mount.path / "lab")
    assert json.loads(piped.stdout)["all"]["files"] == 1
    # What cannot be had of a tier is refused beforehand, and a file that is not there is named.
    assert thaw("plan", "--tier", "expedited", mount.path / NOTES).returncode == 77
    gone = thaw("plan", mount.path / "lab/nothing")
    assert gone.returncode == 1 and "nothing" in gone.stderr
    assert thaw("plan", "/tmp").returncode == 1
    assert thaw("plan").returncode == 2
    assert not [r for r in sim.requests() if r["operation"] in ("RestoreObject", "GetObject",
                                                                  "HeadObject")]


def test_an_unknown_price_and_a_budget_are_told_beforehand(start_mount, sim):
    """S25 S125"""
    config = """
[source photos]
url = glacier://us-east-1/photos
endpoint = {url}
[source lab]
url = s3://lab
endpoint = {url}
[budget tight]
money = 0.0001
"""
    mount = start_mount(sim, config.format(url=sim.url))
    until(lambda: listed(mount.path / "photos") and listed(mount.path / "lab"), 40)
    mount.stop()  # a listing without a price is refused: this one was had before
    mount.words += ("source.lab.prices=mars",)
    mount.start()
    photos = plan(mount.path / "photos")
    assert [b["allows"] for b in photos["budgets"]] == [False]
    lab = plan(mount.path / "lab")
    assert lab["chosen"]["cost"] == "unknown"
    assert lab["chosen"]["unknown"]["files"] == len(OBJECTS)
    said = thaw("plan", "-r", mount.path)
    assert said.returncode == 77 and "unknown" in said.stdout
    assert "not all of it is allowed" in said.stdout


def test_a_plan_says_what_policy_would_refuse(start_mount, sim):
    """S125"""
    config = """
[source lab]
url = s3://lab
endpoint = {url}
[policy]
recall = explicit
[policy /lab/runs/2024]
recall = deny
[budget pool]
money = 10
files = 2
[budget path]
who = path:/lab/runs/2024
money = 1
"""
    mount = start_mount(sim, config.format(url=sim.url))
    until(lambda: listed(mount.path / "lab"), 40)
    lab = plan(mount.path / "lab")
    assert lab["chosen"]["refused"]["files"] == 2 and lab["chosen"]["asked"]["files"] == 1
    assert {(p["path"], p["recall"], p["of"]["files"]) for p in lab["policies"]} == \
        {("/", "explicit", 1), ("/lab/runs/2024", "deny", 2)}
    # What is refused takes nothing from a budget.
    assert [(b["budget"].split("/")[0], b["files"]["needed"], b["allows"])
            for b in lab["budgets"]] == [("pool", 1, True)]
    said = thaw("plan", "-r", mount.path)
    assert said.returncode == 77
    assert "policy /lab/runs/2024: 2 files are refused" in said.stdout, said.stdout
    assert "1 files are restored when asked for, not when read" in said.stdout
    assert re.search(r"\n  files: 0 used of 2, this takes \d", said.stdout), said.stdout


def test_prices_of_ones_own_and_a_private_link(start_mount, sim, tmp_path):
    """S127"""
    own = tmp_path / "own.csv"
    own.write_text("*,s3,*,standard,request,0,0.5,2026-11,own,our own service\n"
                   "*,s3,*,standard,retrieval,0,0,2026-11,own,our own service\n"
                   + "".join(f"*,s3,*,,{item},0,0,2026-11,own,our own service\n"
                             for item in ("get", "head", "list", "transfer"))
                   + "*,s3,*,,copy,0,0.01,2026-11,own,our own service\n")
    config = """
[source lab]
url = s3://lab
endpoint = {url}
prices = {own}
[source photos]
url = glacier://us-east-1/photos
endpoint = {url}
egress = 0
[prices]
egress = 7
"""
    mount = start_mount(sim, config.format(url=sim.url, own=own))
    until(lambda: listed(mount.path / "photos") and listed(mount.path / "lab"), 40)
    (group,) = plan(mount.path, named("file", NOTES))["groups"]
    # [prices] egress counts for what says nothing of its own.
    lines = {(li["operation"], li["component"]): li["price"]
             for t in group["tiers"] if t["tier"] == "standard" for li in t["lines"]}
    assert lines["RestoreObject", "request"] == "0.5"
    assert lines["GetObject", "transfer"] == "7"
    (group,) = plan(mount.path / "photos")["groups"]
    assert {li["price"] for t in group["tiers"] for li in t["lines"]
            if li["component"] == "transfer"} == {"0"}
    assert "prices: 2026-11, our own service" in mount.of(mount.path / NOTES, "cost")
    mount.ask(mount.path / NOTES, "get\n")
    mount.wait_state(mount.path / NOTES, "cached")
    mount.wait_booked()
    assert [r["price"] for r in mount.ledger() if r["operation"] == "RestoreObject"
            and r["component"] == "request"] == ["0.5000000000"]


def test_the_free_transfer_of_the_month_is_planned_granted_and_used(start_mount, sim):
    """S125, S173: and is known over a restart."""
    mount = start_mount(sim, f"""[source lab]
url = s3://lab
endpoint = {sim.url}
[prices]
egress-free = 100K
""")
    until(lambda: listed(mount.path / "lab"), 40)
    whole = plan(mount.path)
    assert whole["free_transfer"] == [
        {"name": "prices", "limit_bytes": 102400, "left_bytes": 102400}]
    assert whole["chosen"]["free_transfer_bytes"] == 102400
    transfer = [li for g in whole["groups"] for t in g["tiers"] if t["tier"] == "standard"
                for li in t["lines"] if li["component"] == "transfer"]
    assert [(li["quantity"], li["price"]) for li in transfer] == [
        (102400, "0"), (sum(map(len, OBJECTS.values())) - 102400, "0.09")]
    said = thaw("plan", "-r", mount.path).stdout
    assert "free transfer out this month (prices): 100.0 KiB left of 100.0 KiB" in said
    assert "of this transfer 100.0 KiB would be free" in said
    size = len(OBJECTS["runs/notes.txt"])
    assert len((mount.path / NOTES).read_bytes()) == size

    def free_lines():
        return [x for x in mount.ledger() if x["component"] == "transfer"]

    until(free_lines, what="the transfer being booked")
    (line,) = free_lines()
    assert (int(line["quantity"]), float(line["price"])) == (size, 0)
    for _ in range(2):
        (free,) = plan(mount.path)["free_transfer"]
        assert free["left_bytes"] == 102400 - size
        mount.stop()
        mount.start()
    until(lambda: listed(mount.path / "lab"), 40)


def test_a_plan_goes_by_the_tier_and_the_days_of_a_directory(start_mount, sim):
    """S125: as it will be asked for."""
    mount = start_mount(sim, f"""[source lab]
url = s3://lab
endpoint = {sim.url}
[restore /lab/runs]
tier = bulk
days = 9
""")
    until(lambda: listed(mount.path / "lab"), 40)
    (group,) = plan(mount.path, named("file", NOTES))["groups"]
    assert group["default_tier"] == "bulk"
    (chosen,) = [t for t in group["tiers"] if t["tier"] == "bulk"]
    # A copy's last day is charged to its end.
    assert {li["days"] for li in chosen["lines"] if li["component"] == "storage"} == {9 + 1}
    whole = plan(mount.path, named("file", NOTES))["chosen"]
    assert whole["cost"] == chosen["cost"]
    (group,) = plan(mount.path, named("file", NOTES), "days=2")["groups"]
    assert 2 + 1 in {li["days"] for t in group["tiers"] for li in t["lines"]}
