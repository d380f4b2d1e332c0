# SPDX-License-Identifier: Apache-2.0
"""What the service gives for a while only, and what is given up: against thaw-sim, bill and all."""
import json
import subprocess

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
