# SPDX-License-Identifier: Apache-2.0
"""Services that speak S3 and are not Amazon's: other names of classes, and what they leave out."""
import os

import pytest
from conftest import drive

URL = "s3://photos"


def ask(sim, verb, **names):
    return drive(URL, verb, endpoint=sim.url, clock=sim.url + "/_sim/clock", **names)


def answer(sim, verb, **names):
    return ask(sim, verb, **names)[1]


@pytest.fixture
def other(sim):
    sim.admin("POST", "quirks", {"s3-classes": "cold-archive", "s3-restore-status": "silent",
                                 "s3-checksums": "never"})
    assert sim.s3("PUT", "/photos").status == 200
    return sim


def put(sim, key, data, storage_class):
    done = sim.s3("PUT", f"/photos/{key}", data, {"x-amz-storage-class": storage_class})
    assert done.status == 200, done.body


def test_an_archive_by_another_name_is_listed_restored_and_read(other, tmp_path):
    """S161"""
    data, out = os.urandom(5000), tmp_path / "out"
    put(other, "k", data, "COLD_ARCHIVE")
    put(other, "w", data, "STANDARD")
    assert ask(other, "list")[0] == [], "an unknown class is no archive"
    names = {"archives": "COLD_ARCHIVE:DEEP_ARCHIVE, NEVER_SEEN"}
    assert [e["id"] for e in ask(other, "list", **names)[0]] == ["k"]
    assert [e["id"] for e in ask(other, "list", classes="COLD_ARCHIVE", **names)[0]] == ["k"]
    names["id"] = "k"
    cold = answer(other, "find", **names)
    assert (cold["state"], cold["proof"]) == ("cold", "MD5"), "no checksum: its ETag is one"
    assert answer(other, "fetch", off=0, len=10, out=out, **names)["fault"] == "cold"
    assert answer(other, "restore", tier="standard", days=2, **names)["state"] == "restoring"
    # Nothing of it stands in a listing; HEAD tells.
    assert [e["is_restoring"] for e in ask(other, "list", archives="COLD_ARCHIVE")[0]] == [0]
    assert answer(other, "probe", **names)["state"] == "restoring"
    other.advance("49h")
    assert answer(other, "probe", **names)["state"] in ("ready", "cold")
    answer(other, "restore", tier="standard", days=9, **names)
    other.advance("5h")
    got = answer(other, "fetch", off=0, len=len(data), out=out, **names)
    assert got["result"] == 0 and out.read_bytes() == data


def test_a_tier_the_service_does_not_know_is_refused_unpaid(other):
    put(other, "k", b"x", "COLD_ARCHIVE")
    got = answer(other, "restore", archives="COLD_ARCHIVE", id="k", tier="expedited", days=1)
    assert got["result"] < 0 and got["fault"] == "refused", got
    assert [w for w in other.bill()["lines"] if w["operation"] == "RestoreObject"] == []


@pytest.mark.parametrize("words", ["STANDARD", "cold", "COLD:STANDARD", "GLACIER:DEEP_ARCHIVE",
                                   "A:GLACIER,A:DEEP_ARCHIVE", "X" * 40])
def test_a_name_that_cannot_be_one_is_refused(other, words):
    with pytest.raises(AssertionError, match="archive-classes"):
        answer(other, "check", archives=words)
