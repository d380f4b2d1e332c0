# SPDX-License-Identifier: Apache-2.0
"""Who is let through and who is not: policies, budgets, the storm breaker, approvals; for real users,
with the service's request log to say that nothing was paid."""
import errno
import grp
import json
import os
import shutil
import threading
import time

import pytest
from conftest import listed, until
from users import people, read, run_as, thaw, tmp_path  # noqa: F401

FILES = {"raw/a": 4000, "raw/b": 5000, "film/c": 6000, "film/d": 7000, "e": 8000}


CONF = """
[mount]
allow-other = yes
[source lab]
url = s3://lab
endpoint = {url}
refresh = 0
"""


@pytest.fixture
def start(start_sim, start_mount, tmp_path, people):
    """Mounts FILES, in Deep Archive, with more of a configuration."""
    def start(rules, files=FILES, *words):
        bucket = {"name": "lab", "objects": [
            {"key": name, "size": size, "fill": name, "storage-class": "DEEP_ARCHIVE"}
            for name, size in files.items()]}
        (tmp_path / "seed.json").write_text(json.dumps({"buckets": [bucket]}))
        sim = start_sim("--speed", 10800, "--seed", tmp_path / "seed.json")
        mount = start_mount(sim, CONF.format(url=sim.url) + rules, *words)
        until(lambda: listed(mount.path / "lab"), 30, "catalog")
        return mount

    return start


def paid(mount):
    """What the service was asked for that costs more than a look."""
    return [r for r in mount.sim.requests() if r["operation"] in ("RestoreObject", "GetObject")]


def assert_refused(mount, path, said, *words):
    """`said` is how a reader failed; nothing was paid, and the reason stands where one looks."""
    text = mount.of(path, "status")
    assert said.returncode != 0, said
    assert paid(mount) == []
    assert "summary: refused; nothing was paid" in text
    for word in words:
        assert word in text, text
        assert word in mount.attribute(path, "error")
    assert mount.attribute(path, "state") == "denied"


EDQUOT, EACCES = os.strerror(errno.EDQUOT), os.strerror(errno.EACCES)

REFUSED = [
    # rules, who reads, what, errno, words
    ("[policy]\nrecall = deny\n", "thawalice", "raw/a", EACCES,
     ["the policy for / does not let you", "ask an administrator"]),
    ("[policy]\nrecall = deny\n", "root", "raw/a", EACCES, ["the policy for /"]),
    ("[policy /lab/raw]\nrecall = explicit\n", "thawalice", "raw/a", EACCES,
     ["under /lab/raw reading restores nothing", "`thaw get FILE`"]),
    ("[policy /lab/raw film]\nrecall = deny\ngroups = thawfilm\n", "thawbob", "raw/a", EACCES,
     ["the policy for /lab/raw"]),
    ("[policy / cats]\nrecall = deny\nprograms = cat\n", "thawalice", "e", EACCES,
     ["the policy for /"]),
    ("[policy]\nusers = thawbob\nrecall = deny\n", "thawbob", "e", EACCES, ["the policy for /"]),
    ("[budget b]\nmoney = 0.0000001\n", "thawalice", "e", EDQUOT,
     ["budget b/", "allows 0.00 USD", "this needs"]),
    ("[budget b]\nbytes = 4K\nper = month\n", "thawalice", "raw/b", EDQUOT,
     ["budget b/", "allows 4.0 KiB", "this needs 4.9 KiB"]),
    ("[budget b]\nwho = user:thawalice\nmoney = 0\n", "thawalice", "e", EDQUOT, ["budget b/"]),
    ("[budget b]\nwho = group:thawlab\nmoney = 0\n", "thawalice", "e", EDQUOT, ["budget b/"]),
    ("[budget b]\nwho = source:lab\nmoney = 0\nper = total\n", "thawbob", "e", EDQUOT,
     ["budget b/total"]),
    ("[budget b]\nwho = path:/lab/film\nmoney = 0\nper = week\n", "thawbob", "film/c", EDQUOT,
     ["budget b/week-"]),
    ("[budget b]\nmoney = 0\neach = yes\n", "thawbob", "e", EDQUOT, ["budget b/uid="]),
    ("", "thawalice", "e", EDQUOT, ["no price is known", "prices = us-east-1"]),
]


def unprice(mount):
    """Starts it again where no price is known: its names are there already."""
    mount.stop()
    mount.words += ("source.lab.prices=mars-north-1",)
    mount.start()


@pytest.mark.parametrize("rules,user,name,error,words", REFUSED,
                         ids=[f"{i}" for i in range(len(REFUSED))])
def test_who_is_refused_reads_why_and_nothing_is_paid(start, rules, user, name, error, words):
    """S24, S25, S70, S90, S93"""
    mount = start(rules)
    if not rules:
        unprice(mount)
    path = mount.path / "lab" / name
    said = read(user, path)
    assert error in said.stderr, said
    assert_refused(mount, path, said, *words)


def test_a_listing_without_a_known_price_is_refused(start):
    """S25, S171: names that are there are shown, and nothing is asked of the service."""
    mount = start("")
    before = len(mount.sim.requests())
    unprice(mount)
    assert sorted(listed(mount.path / "lab")) == ["e", "film", "raw"]
    said = thaw("root", "refresh", mount.path / "lab")
    assert said.returncode == 77, said
    summary = (mount.path / "lab/.thaw/summary").read_text()
    assert "no price is known for a listing in mars-north-1" in summary
    assert "`thaw prices update mars-north-1`" in summary and "[source lab]" in summary
    assert {r["operation"] for r in mount.sim.requests()[before:]} <= {"Clock"}


def test_who_is_not_meant_by_a_rule_reads(start):
    """S93"""
    mount = start("[policy /lab/raw]\nrecall = deny\n"
                  "[policy /lab/raw lab]\ngroups = thawlab\nrecall = auto\n"
                  "[policy / root]\nusers = root\nrecall = deny\nroot-exempt = yes\n"
                  "[budget film]\nwho = group:thawfilm\nmoney = 0\n"
                  "[budget path]\nwho = path:/lab/film\nmoney = 0\n"
                  "[budget all]\nmoney = 10\n")
    lab = mount.path / "lab"
    assert read("thawalice", lab / "raw/a").returncode == 0
    assert read("root", lab / "e").returncode == 0
    assert EACCES in read("thawbob", lab / "raw/b").stderr
    # What is here is read by everybody.
    assert read("thawbob", lab / "raw/a").returncode == 0


def test_explicit_is_asked_for_by_name_and_then_read(start):
    """S93"""
    mount = start("[policy]\nrecall = explicit\n[budget b]\nmoney = 1\n")
    path = mount.path / "lab/e"
    assert EACCES in read("thawalice", path).stderr
    said = thaw("thawalice", "get", "--wait", path)
    assert said.returncode == 0, said
    assert read("thawbob", path).returncode == 0


def test_a_tier_the_policy_bounds_is_what_is_sent(start):
    mount = start("[policy]\ntiers = bulk\n[budget b]\nmoney = 1\n")
    path = mount.path / "lab/e"
    said = thaw("thawalice", "get", "--tier", "standard", path)
    assert said.returncode == 77 and "does not allow the tier standard" in said.stderr, said
    assert thaw("thawalice", "get", path).returncode == 0
    assert json.loads(mount.of(path, "json"))["tier"] == "bulk"
    until(lambda: mount.booked(), 10, "a charge")
    line = [x for x in mount.ledger() if x["operation"] == "RestoreObject"][0]
    assert line["tier"] == "bulk" and line["tier_asked"] != "standard"
    assert (line["user"], line["group"]) == ("thawalice", grp.getgrgid(int(line["gid"])).gr_name)


def test_an_approver_lets_one_through_and_it_is_on_the_record(start):
    """S91"""
    mount = start("[budget film]\nmoney = 0\napprovers = thawboss\nmanagers = thawbob\n")
    path = mount.path / "lab/film/c"
    assert EDQUOT in read("thawalice", path).stderr
    said = thaw("thawalice", "approve", path)
    assert said.returncode == 77 and "an approver of the budget" in said.stderr, said
    assert paid(mount) == []
    said = thaw("thawboss", "approve", path)
    assert said.returncode == 0, said
    assert read("thawalice", path).returncode == 0
    # Nothing else is let through by it.
    assert EDQUOT in read("thawalice", mount.path / "lab/film/d").stderr
    assert "nothing to approve" in thaw("thawboss", "approve", path).stdout
    import pwd
    mount.wait_booked()
    lines = [x for x in mount.ledger() if x["request"] != "0" and x["approver"]]
    assert {x["approver"] for x in lines} == {str(pwd.getpwnam("thawboss").pw_uid)}
    assert {x["uid"] for x in lines} == {str(pwd.getpwnam("thawalice").pw_uid)}
    assert lines[0]["program"] == "cat" and lines[0]["budgets"] == "film"
    assert {x["user"] for x in lines} == {"thawalice"}
    # The manager of the budget sees them, another one does not.
    ledger = mount.path / ".thaw/ledger.csv"
    assert "RestoreObject" in read("thawbob", ledger).stdout
    assert "RestoreObject" not in read("thawboss", ledger).stdout
    assert "charged so far USD" in read("thawbob", path.parent / ".thaw/c.status").stdout


def test_what_is_held_waits_also_over_a_restart_until_it_is_approved(start):
    """S92"""
    mount = start("[policy]\nover = hold\n[budget b]\nmoney = 0\napprovers = thawboss\n")
    path = mount.path / "lab/e"
    said = thaw("thawalice", "get", path)
    assert said.returncode == 0, said
    mount.wait_state(path, "held")
    assert "waits for approval" in mount.of(path, "status")
    assert "error: budget b/" in mount.of(path, "status")
    mount.stop()
    mount.start()
    until(lambda: listed(mount.path / "lab"), 30, "catalog")
    assert mount.attribute(path, "state") == "held" and paid(mount) == []
    reader = []
    thread = threading.Thread(target=lambda: reader.append(read("thawalice", path)))
    thread.start()
    number = json.loads(mount.of(path, "json"))["request"]
    said = thaw("thawboss", "approve", number, mount.path)
    assert said.returncode == 0, said
    thread.join(40)
    assert reader and reader[0].returncode == 0


def test_a_group_and_a_project_are_charged_where_they_are_his(start, tmp_path):
    """S95"""
    (tmp_path / "who").write_text("# who pays\nuser:thawalice dna\nuser:thawalice rna\n"
                                  "group:thawfilm film-42\n")
    mount = start(f"[policy]\nchargeback = {tmp_path}/who\n"
                  "[budget lab]\nwho = group:thawlab\nmoney = 1\n")
    lab = mount.path / "lab"
    assert thaw("thawbob", "get", lab / "raw/a").returncode == 0
    assert thaw("thawalice", "get", lab / "raw/b").returncode == 0
    assert thaw("thawalice", "get", "--project", "rna", lab / "film/c").returncode == 0
    assert thaw("thawalice", "get", "--group", "thawlab", lab / "film/d").returncode == 0
    assert thaw("thawalice", "get", "--project", "film-42", lab / "e").returncode == 77
    assert thaw("thawalice", "get", "--group", "thawfilm", lab / "e").returncode == 77
    assert thaw("thawalice", "get", "--group", "nosuchgroup", lab / "e").returncode == 1
    until(lambda: mount.booked().get(("RestoreObject", "request")) == 4, what="four charges")
    lines = mount.ledger()
    projects = {x["resource"].split("/", 1)[1]: x["project"] for x in lines
                if x["component"] == "retrieval"}
    assert projects == {"raw/a": "film-42", "raw/b": "dna", "film/c": "rna", "film/d": "thawlab"}
    # The JSON is the same; lines may have been added since.
    with open(mount.path / ".thaw/ledger.json") as f:
        rows = [json.loads(line) for line in f]
    assert len(rows) >= len(lines)
    for row, line in zip(rows, lines):
        assert {key: "" if row[key] is None else str(row[key]) for key in line} == line


def corrections(mount):
    return [x for x in mount.ledger() if x["operation"] == "Correction"]


def test_a_correction_against_the_real_bill_is_a_line_of_its_own(start):
    """S95"""
    mount = start("[budget b]\nmoney = 1\n")
    said = thaw("thawalice", "correct", "1", "mine", mount.path)
    assert said.returncode == 77, said
    assert thaw("root", "correct", "much", "x", mount.path).returncode == 1
    said = thaw("root", "correct", "--", "-0.25", "AWS bill 2026-11, line 7", mount.path)
    assert said.returncode == 0, said
    (line,) = corrections(mount)
    assert line["component"] == "correction"
    assert float(line["amount"]) == -0.25 and line["note"] == "AWS bill 2026-11, line 7"
    assert line["request"] == "0" and line["user"] == line["group"] == "root"


def test_corrections_of_a_cost_export_are_booked_once(start, tmp_path):
    """S118"""
    mount = start("[budget b]\nmoney = 1\n")
    charge = next(x for x in mount.ledger() if x["operation"] == "ListObjectsV2")
    export = tmp_path / "bill.csv"
    export.write_text("lineItem/UsageStartDate,lineItem/ProductCode,lineItem/Operation,"
                      "lineItem/UsageType,lineItem/UnblendedCost\n"
                      f"{charge['time'][:10]}T00:00:00Z,AmazonS3,ListObjectsV2,Requests-Tier1,2\n")
    said = thaw("root", "correct", "--yes", "--from", export, mount.path)
    assert said.returncode == 0 and "booked: 1.99" in said.stdout, said
    (line,) = corrections(mount)
    assert line["note"] == f"AWS bill {charge['time'][:10]} ListObjectsV2"
    said = thaw("root", "correct", "--yes", "--from", export, mount.path)
    assert said.returncode == 0 and "booked" not in said.stdout, said
    assert corrections(mount) == [line]


# ---- storms ----

N = 5000

# As a file manager does it: many at once, the head of each.
THUMBNAILER = """
import os, sys, threading
def head(path):
    try:
        with open(path, "rb") as f:
            f.read(4096)
    except OSError:
        pass
threads = [threading.Thread(target=head, args=(sys.argv[1] + "/%04d" % i,), daemon=True)
           for i in range(400)]
for t in threads: t.start()
for t in threads: t.join(15)
os._exit(0)
"""

WALKERS = [
    ("updatedb", ["updatedb", "-l", "0", "-U", "{dir}", "-o", "{tmp}/db", "--prunefs", "",
                  "--prunepaths", ""], 0),
    ("find-file", ["find", "{dir}", "-type", "f", "-exec", "file", "{{}}", "+"], 40),
    ("find-file-each", ["find", "{dir}", "-name", "0[0-4]*", "-exec", "file", "{{}}", ";"], 40),
    ("grep", ["grep", "-r", "needle", "{dir}"], 40),
    ("thumbnailer", ["/usr/bin/python3", "-c", THUMBNAILER, "{dir}"], 250),
    ("rsync", ["timeout", "6", "rsync", "-a", "{dir}/", "{tmp}/copy/"], 250),
]


@pytest.fixture(scope="module")
def many():
    return {f"many/{i:04}": 100 + i % 50 for i in range(N)} | {"warm": 1 << 20}


@pytest.mark.timeout(400)
def test_a_careless_walk_over_5000_cold_files_stays_within_the_default_budget(start, many, tmp_path):
    """S94, S42"""
    mount = start("", many)
    warm, tree = mount.path / "lab/warm", mount.path / "lab/many"
    assert len(warm.read_bytes()) == 1 << 20
    before = 1
    storms = 0
    for name, words, most in WALKERS:
        words = [w.format(dir=tree, tmp=tmp_path) if w is not THUMBNAILER else w for w in words]
        if not shutil.which(words[0]):
            pytest.fail(f"{words[0]} is not installed: packaging/bootstrap")
        began = time.monotonic()
        said = run_as("root", *words, timeout=60)
        now = len(mount.sim.requests("RestoreObject"))
        print(f"{name}: {now - before} restores, {time.monotonic() - began:.1f} s")
        assert now - before <= most, (name, now - before, said.stderr[-500:])
        if most == 40 or name == "thumbnailer":
            storms += 1
            until(lambda: f"storm-{storms}: uid 0" in (mount.path / ".thaw/storms").read_text(),
                  10, f"storm {storms} of {name} being shown")
            assert EDQUOT in said.stderr + said.stdout or name == "thumbnailer"
        before = now
        # Whatever storms, what is warm is read, and what is asked for by name is had.
        assert len(warm.read_bytes()) == 1 << 20
    assert thaw("root", "get", tree / "4999").returncode == 0
    spent = sum(float(x["amount"]) for x in mount.ledger())
    assert spent < 5
    for name, words in (("summary", f"storms: {storms:6} readers stopped"),
                        ("metrics", f"thawfs_storms_tripped {storms}\n")):
        until(lambda: words in (mount.path / ".thaw" / name).read_text(), 10, words)
    assert mount.said().count("storm breaker") == storms  # told once each
    text = mount.attribute(tree / "1500", "error") or mount.attribute(tree / "0400", "error")
    assert "storm breaker" in text and "`thaw get`" in text


def test_a_stopped_reader_goes_on_when_an_administrator_says_so(start):
    """S94"""
    files = {f"{i:02}": 100 + i for i in range(30)}
    mount = start("[policy]\nstorm-heads = 5\n[budget b]\nmoney = 10\n", files)
    lab = mount.path / "lab"
    walk = ("import os,sys,time\n"
            "ok = 0\n"
            "for i in map(int, sys.argv[2:]):\n"
            "    fd = os.open(sys.argv[1] + '/%02d' % i, os.O_RDONLY | os.O_NONBLOCK)\n"
            "    try: os.read(fd, 10)\n"
            "    except BlockingIOError: ok += 1\n"
            "    except OSError: pass\n"
            "print(ok)\n")
    said = run_as("thawalice", "python3", "-c", walk, lab, *range(10))
    assert said.stdout == "5\n", said
    until(lambda: (mount.path / ".thaw/storms").read_text(), 10, "a storm being shown")
    text = (mount.path / ".thaw/storms").read_text()
    assert "python3" in text and "tried the heads of over 5 cold files" in text
    # She is not stopped by hand in another command, and only an administrator calms the first.
    assert run_as("thawalice", "python3", "-c", walk, lab, *range(10, 13)).stdout == "3\n"
    assert thaw("thawalice", "approve", "storm-1", mount.path).returncode == 77
    assert thaw("root", "approve", "storm-1", mount.path).returncode == 0
    until(lambda: not (mount.path / ".thaw/storms").read_text(), 10, "calm")
    assert run_as("thawalice", "cat", mount.path / ".thaw/storms").returncode != 0


def test_an_indexer_by_its_name_gets_nothing(start, tmp_path):
    """S94"""
    mount = start("[budget b]\nmoney = 10\n")
    shutil.copy("/bin/cat", tmp_path / "tracker-extract")
    path = mount.path / "lab/e"
    said = read("thawalice", path, tmp_path / "tracker-extract")
    assert EDQUOT in said.stderr
    assert_refused(mount, path, said, "storm breaker: tracker-extract", "known to read every file")
    assert read("thawalice", path).returncode == 0
