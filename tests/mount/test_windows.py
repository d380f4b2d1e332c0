# SPDX-License-Identifier: Apache-2.0
"""What the service gives for a while only, and what is given up: against thaw-sim, bill and all."""
import datetime
import errno
import json
import subprocess
import time

import pytest
from conftest import BUILD, OBJECTS, listed, pattern, restores, until

THAW = BUILD / "tools/thaw/thaw"
MIB = 1 << 20
BIG = pattern(6 * MIB + 99, 21)


class Reader:
    """Reads all of a file."""

    def __init__(self, path):
        self.process = subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)

    def got(self, seconds=30):
        return self.process.communicate(timeout=seconds)[0]


def paid(sim, operation, component="retrieval"):
    return sum(int(line["quantity"]) for line in sim.bill()["lines"]
               if (line["operation"], line["component"]) == (operation, component))


@pytest.fixture
def lab(start_sim, start_mount):
    """A bucket with a big object, cached in chunks of a MiB."""
    sim = start_sim("--speed", 10800)
    assert sim.s3("PUT", "/lab").status == 200
    put = sim.s3("PUT", "/lab/big", BIG, {"x-amz-storage-class": "DEEP_ARCHIVE"})
    assert put.status == 200, put.body
    mount = start_mount(sim, "s3://lab", "source.refresh=0", "cache.chunk=1M")
    until(lambda: listed(mount.path), 30, "catalog")
    mount.file = mount.path / "big"
    return mount


# S70
def test_a_copy_that_vanishes_halfway_is_asked_for_again_and_paid_twice_not_thrice(lab):
    sim = lab.sim
    # From the third range on they hang until the copy is gone.
    sim.fault({"operation": "GetObject", "nth": 3, "times": 1000}, {"delay_ms": 3000})
    reader = Reader(lab.file)
    until(lambda: len(sim.requests("GetObject")) >= 2, 30, "the download")
    sim.admin("POST", "s3/vanish", {"bucket": "lab", "key": "big"})
    sim.clear_faults()
    assert reader.got(60) == BIG
    assert paid(sim, "RestoreObject") == 2 * len(BIG)
    until(lambda: lab.booked() == restores(sim.bill()["lines"]), 10, "the bill being booked")
    # Chunks that were here are not fetched again.
    assert paid(sim, "GetObject", "transfer") < 2 * len(BIG)


# S71
def test_what_was_given_up_is_listed_with_its_reason_until_it_is_asked_for_again(mount):
    sim = mount.sim
    mount.may_log = "AccessDenied"  # its words are those of an internal error
    file = mount.path / "lab/runs/notes.txt"
    sim.fault({"operation": "RestoreObject"}, {"status": 403, "code": "AccessDenied"})
    with pytest.raises(PermissionError):
        file.read_bytes()
    lines = [json.loads(x) for x in (mount.path / ".thaw/failed").read_text().splitlines()]
    assert [x["path"] for x in lines] == ["lab/runs/notes.txt"]
    assert lines[0]["errno"] == "EACCES" and "AccessDenied" in lines[0]["error"]
    sim.clear_faults()
    said = subprocess.run([THAW, "get", "--retry", "--wait", mount.path / "lab"], text=True,
                          capture_output=True, timeout=60)
    assert said.returncode == 0, said.stderr
    assert file.read_bytes() == OBJECTS["runs/notes.txt"]
    assert mount.attribute(mount.path / "lab/runs/2024/a.dat", "state") == "cold"
    assert (mount.path / ".thaw/failed").read_text() == ""


def booked(mount):
    """All that the ledger has of restores, also of copies: quantities and days."""
    total = {}
    for line in mount.ledger():
        if line["operation"] in ("InitiateJob", "RestoreObject"):
            key = line["operation"], line["component"]
            total.setdefault(key, []).append((int(line["quantity"]), int(line["days"] or 0)))
    return {key: sorted(x) for key, x in total.items()}


def billed(sim):
    total = {}
    for line in sim.bill()["lines"]:
        if line["operation"] in ("InitiateJob", "RestoreObject"):
            key = line["operation"], line["component"]
            total.setdefault(key, []).append((int(line["quantity"]), int(line.get("days", 0))))
    return {key: sorted(x) for key, x in total.items()}


# S72
@pytest.mark.parametrize("name, operation", [
    ("lab/runs/2024/b.dat", "RestoreObject"), ("photos/thesis.pdf", "InitiateJob")])
def test_a_bulk_restore_is_made_faster_and_both_are_booked_as_billed(mount, name, operation):
    sim, file = mount.sim, mount.path / name
    sim.admin("POST", "clock", {"speed": 60})
    before = len(billed(sim).get((operation, "retrieval"), []))
    mount.ask(file, "get tier=bulk")
    mount.wait_state(file, "restoring")
    mount.ask(file, "get tier=standard")
    until(lambda: len(billed(sim)[operation, "retrieval"]) == before + 2, 10, "the second call")
    until(lambda: mount.attribute(file, "tier") == "standard", 10, "the faster tier")
    sim.advance("13h")  # a bulk restore of a deep archive takes two days
    mount.wait_state(file, "cached")
    until(lambda: booked(mount) == billed(sim), 10, "the bill being booked")


# S72
def test_what_cannot_be_made_faster_says_so(mount):
    sim, file = mount.sim, mount.path / "lab/runs/2024/b.dat"
    sim.admin("POST", "clock", {"speed": 60})
    with pytest.raises(OSError) as refused:
        mount.ask(file, "get tier=expedited")
    assert refused.value.errno == errno.EINVAL
    put = sim.s3("POST", "/lab/runs/2024/b.dat?restore=", b"""<RestoreRequest>
<Days>2</Days><GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters></RestoreRequest>""")
    assert put.status == 202, put.body
    mount.ask(file, "get tier=bulk")
    mount.wait_state(file, "restoring")
    with pytest.raises(OSError) as refused:
        mount.ask(file, "get tier=standard")
    assert refused.value.errno == errno.EOPNOTSUPP
    until(lambda: "somebody else asked" in mount.of(file, "status"), 5, "the reason")
    mount.stop()  # the other's restore is on the bill, and not in the ledger


# S73
def test_a_copy_that_would_lapse_during_the_download_is_kept_longer_and_booked(lab):
    sim = lab.sim
    sim.admin("POST", "clock", {"speed": 600})
    lab.ask(lab.file, "get days=1")
    lab.wait_state(lab.file, "restoring")
    sim.fault({"operation": "GetObject", "times": 1000}, {"delay_ms": 2000})
    sim.advance("13h")
    until(lambda: lab.attribute(lab.file, "expires"), 30, "the copy")
    # While the first ranges are on their way a day goes by, all but 40 minutes: four seconds.
    left = stamp(lab.attribute(lab.file, "expires")) - stamp(sim.clock()["now"])
    sim.advance(f"{int(left.total_seconds() - 2400)}s")
    lab.wait_state(lab.file, "cached", seconds=60)
    assert len(billed(sim)["RestoreObject", "request"]) == 2, billed(sim)
    assert paid(sim, "RestoreObject") == len(BIG)
    until(lambda: booked(lab) == billed(sim), 10, "the bill being booked")


def stamp(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def requests_of(lines, operation):
    return sum(int(line["quantity"]) for line in lines
               if (line["operation"], line["component"]) == (operation, "request"))


# S74
def test_probes_of_many_objects_are_pages_of_a_listing_and_booked_as_billed(start_sim, start_mount):
    sim = start_sim("--speed", 20)
    assert sim.s3("PUT", "/many").status == 200
    for i in range(60):
        put = sim.s3("PUT", f"/many/f{i:03}", b"x" * 100, {"x-amz-storage-class": "DEEP_ARCHIVE"})
        assert put.status == 200, put.body
    mount = start_mount(sim, "s3://many", "source.refresh=0")
    until(lambda: listed(mount.path), 30, "catalog")
    with open(mount.path / ".thaw/request", "w") as f:
        f.write("get tier=standard")
    until(lambda: requests_of(sim.bill()["lines"], "RestoreObject") == 60, 30, "all being asked")
    mount.wait_state(mount.path / "f059", "restoring")
    looks = len(sim.requests("HeadObject"))
    for _ in range(4):
        pages = len(sim.requests("ListObjectsV2"))
        sim.advance("1h")
        until(lambda: len(sim.requests("ListObjectsV2")) > pages, 20, "a page")
        time.sleep(0.5)
    # A tenth of what a HEAD each would have been.
    assert len(sim.requests("HeadObject")) - looks < 4 * 60 / 10
    sim.advance("9h")
    for i in range(60):
        mount.wait_state(mount.path / f"f{i:03}", "cached", seconds=60)
    for operation in ("ListObjectsV2", "HeadObject"):
        until(lambda: requests_of(mount.ledger(), operation) ==
              requests_of(sim.bill()["lines"], operation), 10,
              f"{operation} {requests_of(mount.ledger(), operation)} being booked as "
              f"{requests_of(sim.bill()['lines'], operation)}")


# S75
def test_a_directory_has_a_tier_and_days_of_its_own(start_sim, start_mount):
    sim = start_sim("--speed", 60)
    assert sim.s3("PUT", "/lab").status == 200
    for key in ("a/deep/x", "a/y", "z"):
        sim.s3("PUT", "/lab/" + key, b"x" * 100, {"x-amz-storage-class": "GLACIER"})
    config = f"""
[source lab]
url = s3://lab
endpoint = {sim.url}
[restore /lab/a]
tier = bulk
days = 7
[restore /lab/a/deep]
tier = expedited
[budget test]
money = 1000
"""
    mount = start_mount(sim, config)
    until(lambda: listed(mount.path / "lab"), 30, "catalog")
    for name, tier, days in (("a/deep/x", "expedited", "7"), ("a/y", "bulk", "7"),
                             ("z", "standard", "3")):
        file = mount.path / "lab" / name
        assert (mount.attribute(file, "tier"), mount.attribute(file, "days")) == (tier, days)
        mount.ask(file, "get")
        mount.wait_state(file, "restoring")
        assert (mount.attribute(file, "tier"), mount.attribute(file, "days")) == (tier, days)
    copies = {line["resource"]: int(line["days"]) for line in sim.bill()["lines"]
              if line["component"] == "storage"}
    assert copies == {"lab/a/deep/x": 8, "lab/a/y": 8, "lab/z": 4}


def ask_by_hand(sim, key, days):
    put = sim.s3("POST", f"/lab/{key}?restore=", f"""<RestoreRequest><Days>{days}</Days>
<GlacierJobParameters><Tier>Expedited</Tier></GlacierJobParameters></RestoreRequest>""".encode())
    assert put.status == 202, put.body


# S73
@pytest.mark.parametrize("days, others, gained", [(4, 1, 3), (2, 9, 0)])
def test_a_copy_that_came_between_look_and_call_costs_the_days_it_gains_and_no_retrieval(
        start_sim, start_mount, days, others, gained):
    sim = start_sim("--speed", 60)
    assert sim.s3("PUT", "/lab").status == 200
    put = sim.s3("PUT", "/lab/big", BIG, {"x-amz-storage-class": "GLACIER"})
    assert put.status == 200, put.body
    mount = start_mount(sim, "s3://lab", "source.refresh=0", f"restore.days={days}")
    until(lambda: listed(mount.path), 30, "catalog")
    # The small hours, so that no midnight lies between what follows.
    mount.advance(24 - stamp(sim.clock()["now"]).hour)
    # The call is on its way until somebody else's restore is over.
    sim.fault({"operation": "RestoreObject", "times": 1}, {"delay_ms": 6000})
    reader = Reader(mount.path / "big")
    until(lambda: sim.admin("GET", "faults")["rules"][0]["fired"], 30, "the paid call")
    ask_by_hand(sim, "big", others)
    theirs = billed(sim)
    sim.advance("1h")
    assert reader.got(60) == BIG
    assert mount.attribute(mount.path / "big", "expires")
    ours = dict(billed(sim))
    for key, lines in theirs.items():
        ours[key] = sorted(list(ours[key]))
        for line in lines:
            ours[key].remove(line)
    ours = {key: lines for key, lines in ours.items() if lines}
    assert sum(days for _, days in ours.get(("RestoreObject", "storage"), [])) == gained
    if not gained:  # others have paid for more than a day: nobody tells, so it counts as one
        ours["RestoreObject", "storage"] = [(len(BIG), days - 1)]
    until(lambda: booked(mount) == ours, 10, f"{booked(mount)} being {ours}")
    mount.stop()  # the other's restore is on the bill, and not in the ledger
