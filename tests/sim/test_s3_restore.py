# SPDX-License-Identifier: Apache-2.0
"""RestoreObject: every row of the answers, the life of the copy, the bill."""
from email.utils import parsedate_to_datetime

import pytest

from s3_client import NS, S3


@pytest.fixture
def b(sim):
    return S3(sim).bucket("archive")


def restores(sim):
    return [(line["component"], line["tariff"], line["quantity"], line.get("days"))
            for line in sim.bill()["lines"] if line["operation"] == "RestoreObject"]


def to_one_o_clock(sim):
    day = 86400000
    sim.advance(f"{(day - sim.clock()['now_ms'] % day) // 1000 + 3600}s")


def test_a_cold_object_is_seen_but_not_read(b):
    b.put_cold("k", b"data", "DEEP_ARCHIVE")
    h = b.head("k").headers
    assert h["x-amz-storage-class"] == "DEEP_ARCHIVE"
    assert h["content-length"] == "4" and "x-amz-restore" not in h
    r = b.get("k")
    assert (r.status, r.code) == (403, "InvalidObjectState")
    assert r.xml().findtext("StorageClass") == "DEEP_ARCHIVE"


@pytest.mark.parametrize("storage_class, tier, before, after", [
    ("GLACIER", "Expedited", "2m", "2m"),
    ("GLACIER", "Standard", "3h", "2h"),
    ("GLACIER", None, "3h", "2h"),
    ("GLACIER", "Bulk", "7h", "2h"),
    ("DEEP_ARCHIVE", "Standard", "10h", "2h"),
    ("DEEP_ARCHIVE", "Bulk", "43h", "2h"),
])
def test_a_restore_takes_its_hours_and_then_reads(b, sim, storage_class, tier, before, after):
    b.put_cold("k", b"data", storage_class)
    r = b.restore("k", 1, tier)
    assert (r.status, r.body) == (202, b"")
    sim.advance(before)
    assert b.restore_state("k") == 'ongoing-request="true"'
    assert b.get("k").code == "InvalidObjectState"
    sim.advance(after)
    assert b.restore_state("k").startswith('ongoing-request="false", expiry-date="')
    assert b.get("k").body == b"data"
    assert b.head("k").headers["x-amz-storage-class"] == storage_class


def test_the_copy_expires_at_a_midnight_and_the_object_is_cold_again(b, sim):
    b.put_cold("k")
    b.restore("k", 2)
    done = sim.advance("4h")
    sim.advance("1m")
    expiry = parsedate_to_datetime(b.expiry("k"))
    assert (expiry.hour, expiry.minute, expiry.second) == (0, 0, 0)
    kept = expiry.timestamp() - done["now_ms"] / 1000
    assert 2 * 86400 - 120 <= kept <= 3 * 86400
    sim.advance(f"{int(kept) - 600}s")
    assert b.get("k").status == 200
    sim.advance("15m")
    assert b.restore_state("k") is None
    assert b.get("k").code == "InvalidObjectState"
    assert b.restore("k").status == 202


@pytest.mark.parametrize("options, days", [([], 4), (["--expiry-from-request"], 3)])
def test_days_count_from_completion_or_from_the_request(start_sim, options, days):
    sim = start_sim(*options)
    b = S3(sim).bucket("archive")
    b.put_cold("k", storage_class="DEEP_ARCHIVE")
    to_one_o_clock(sim)  # ready 44 hours later, that is on the next day
    midnight = sim.clock()["now_ms"] // 86400000
    b.restore("k", 2, "Bulk")
    sim.advance("45h")
    assert parsedate_to_datetime(b.expiry("k")).timestamp() / 86400 - midnight == days


def test_a_running_restore_is_not_started_twice(b, sim):
    b.put_cold("k")
    assert b.restore("k", 1, "Standard").status == 202
    for days, tier in [(1, "Standard"), (1, "Bulk"), (2, "Standard"), (2, "Expedited")]:
        r = b.restore("k", days, tier)
        assert (r.status, r.code) == (409, "RestoreAlreadyInProgress")
    assert len(restores(sim)) == 3


def test_a_faster_tier_overtakes_and_is_charged_too(b, sim):
    b.put_cold("k", b"12345")
    assert b.restore("k", 1, "Bulk").status == 202
    assert b.restore("k", 1, "Expedited").status == 202
    sim.advance("4m")
    assert b.get("k").status == 200
    assert restores(sim) == [
        ("request", "s3.GLACIER.bulk.request", 1, None),
        ("retrieval", "s3.GLACIER.bulk.gib", 5, None),
        ("storage", "s3.copy.gib-month", 5, 2),
        ("request", "s3.GLACIER.expedited.request", 1, None),
        ("retrieval", "s3.GLACIER.expedited.gib", 5, None),
    ]


def test_an_upgrade_never_makes_it_later(b, sim):
    b.put_cold("k", storage_class="DEEP_ARCHIVE")
    b.restore("k", 1, "Bulk")
    sim.advance("40h")
    assert b.restore("k", 1, "Standard").status == 202
    sim.advance("4h")
    sim.advance("1m")
    assert b.get("k").status == 200


def test_a_second_restore_moves_the_expiry_and_charges_the_days_added(b, sim):
    to_one_o_clock(sim)  # no midnight until the end
    b.put_cold("k", b"12345")
    b.restore("k", 1)
    sim.advance("5h")
    first = parsedate_to_datetime(b.expiry("k"))
    assert b.restore("k", 10).status == 200
    second = parsedate_to_datetime(b.expiry("k"))
    added = (second - first).days
    assert added == 9
    assert b.restore("k", 1).status == 200
    assert parsedate_to_datetime(b.expiry("k")) <= first
    assert restores(sim)[3:] == [
        ("request", "s3.GLACIER.standard.request", 1, None),
        ("storage", "s3.copy.gib-month", 5, added),
        ("request", "s3.GLACIER.standard.request", 1, None),
    ]


def test_refusals(b):
    b.put("warm", b"1")
    b.put_cold("instant", storage_class="GLACIER_IR")
    b.put_cold("deep", storage_class="DEEP_ARCHIVE")
    b.put_cold("cold")
    assert b.get("instant").status == 200
    for key in ("warm", "instant"):
        r = b.restore(key)
        assert (r.status, r.code) == (403, "InvalidObjectState")
        assert "not allowed" in r.xml().findtext("Message")
    r = b.restore("deep", 1, "Expedited")
    assert r.status == 400
    assert r.xml().findtext("Message") == (
        "Retrieval option is not supported by this storage class")
    assert b.restore("absent").code == "NoSuchKey"
    assert b.restore("cold", 0).code == "InvalidArgument"
    assert b.restore("cold", -3).code == "InvalidArgument"
    for body in [b"", b"<RestoreRequest>", b"no xml", b"<Other><Days>1</Days></Other>",
                 b"<RestoreRequest/>", b"<RestoreRequest><Days>one</Days></RestoreRequest>",
                 b"<!DOCTYPE x [<!ENTITY d '1'>]><RestoreRequest><Days>&d;</Days></RestoreRequest>"]:
        r = b.restore("cold", body=body)
        assert (r.status, r.code) == (400, "MalformedXML"), body
    assert b.restore("cold", 1, "Fast").code == "MalformedXML"
    assert b.restore_state("cold") is None


def test_namespaces_and_blanks_in_the_request_do_not_matter(b):
    b.put_cold("k")
    body = (f'<?xml version="1.0"?>\n<s3:RestoreRequest xmlns:s3="{NS[1:-1]}">\n'
            "  <s3:Days>1</s3:Days>\n</s3:RestoreRequest>\n").encode()
    assert b.restore("k", body=body).status == 202


def test_overwriting_a_restored_object_makes_a_cold_one(b, sim):
    b.put_cold("k", b"old")
    b.restore("k")
    sim.advance("5h")
    b.put_cold("k", b"new")
    assert b.restore_state("k") is None
    assert b.get("k").status == 403


def test_the_bill_of_a_restore(b, sim):
    b.put_cold("a/k", b"x" * 5000, "DEEP_ARCHIVE")
    b.restore("a/k", 3, "Bulk")
    assert restores(sim) == [
        ("request", "s3.DEEP_ARCHIVE.bulk.request", 1, None),
        ("retrieval", "s3.DEEP_ARCHIVE.bulk.gib", 5000, None),
        ("storage", "s3.copy.gib-month", 5000, 4),
    ]
    assert {line["resource"] for line in sim.bill()["lines"]} == {"archive/a/k"}
