# SPDX-License-Identifier: Apache-2.0
"""thaw correct --from: a real bill beside the ledger."""
import pytest
from test_thaw import mount, thaw  # noqa: F401

LEDGER = """seq,time,uid,operation,component,amount,remote_id,note
1,2026-11-20T10:00:00Z,0,RestoreObject,request,0.000100000,,
2,2026-11-20T23:00:00Z,0,RestoreObject,retrieval,0.010000000,,"with, a comma"
3,2026-11-20T23:00:00Z,0,HeadObject,request,0.000000400,,
4,2026-11-21T01:00:00Z,0,RestoreObject,request,0.500000000,,
5,2026-11-21T01:00:00Z,0,GetObject,transfer,0.090000000,,
6,2026-11-25T01:00:00Z,0,GetObject,transfer,0.090000000,,
7,2026-11-26T01:00:00Z,0,Correction,correction,0.250000000,,AWS bill 2026-11-21 RestoreObject
8,2026-11-26T01:00:00Z,0,Correction,correction,7.000000000,,of something else
"""
EXPORT_HEAD = ("identity/LineItemId,lineItem/UsageStartDate,lineItem/ProductCode,"
               "lineItem/UsageType,lineItem/Operation,lineItem/UnblendedCost,"
               + ",".join(f"resourceTags/user:t{i}" for i in range(100)) + "\n")


def export_line(day, product, operation, cost):
    return f"id,{day}T00:00:00Z,{product},USE1-x,{operation},{cost}" + 100 * "," + "\n"


EXPORT = EXPORT_HEAD + "".join(export_line(*x) for x in (
    ("2026-11-20", "AmazonS3", "RestoreObject", "0.0100500000"),
    ("2026-11-20", "AmazonS3", "RestoreObject", "0.02"),
    ("2026-11-20", "AmazonS3", "PutObject", "9"),
    ("2026-11-20", "AmazonEC2", "RestoreObject", "5"),
    ("2026-11-21", "AmazonS3", "RestoreObject", "0.75"),
    ("2026-11-22", "AWSDataTransfer", "GetObject", "0.09"),
))


@pytest.fixture
def billed(mount, tmp_path):  # noqa: F811
    (mount.root / ".thaw/ledger.csv").write_text(LEDGER)
    export = tmp_path / "2026-11.csv"
    export.write_text(EXPORT)
    return mount, export


def test_a_real_bill_is_shown_beside_the_ledger_and_nothing_is_booked_unasked(billed):
    """S118: days of the export, operations of both; earlier corrections of it count."""
    mount, export = billed
    said = thaw("correct", "--from", export, mount.root)
    assert said.returncode == 0, said
    rows = {tuple(x.split()[:2]): x.split()[2:] for x in said.stdout.splitlines()[1:-1]}
    assert rows == {
        ("2026-11-20", "HeadObject"): ["0.000000400", "not", "in", "it"],
        ("2026-11-20", "RestoreObject"): ["0.010100000", "0.030050000", "0.019950000"],
        ("2026-11-21", "GetObject"): ["0.090000000", "0.000000000", "-0.090000000"],
        ("2026-11-21", "RestoreObject"): ["0.750000000", "0.750000000", "0.000000000"],
        ("2026-11-22", "GetObject"): ["0.000000000", "0.090000000", "0.090000000"],
        ("2026-11-25", "GetObject"): ["0.090000000", "not", "in", "it"],
    }
    assert said.stdout.splitlines()[-1].startswith("3 to correct: --yes")
    assert (mount.root / ".thaw/request").read_text() == ""


def test_with_yes_each_difference_is_one_correction(billed):
    """S118"""
    mount, export = billed
    said = thaw("correct", "--from", export, "--yes", cwd=mount.root)
    assert said.returncode == 0, said
    assert said.stdout.splitlines()[-3:] == [
        "booked: 0.019950000 USD", "booked: -0.090000000 USD", "booked: 0.090000000 USD"]
    asked = (mount.root / ".thaw/request").read_text()
    assert asked.startswith("correct amount=") and "note=%41%57%53%20%62" in asked


@pytest.mark.parametrize("text,why", [
    ("", "line 1: it is empty"),
    ("lineItem/UsageStartDate,x\n", "line 1: no column lineItem/ProductCode"),
    (EXPORT + export_line("yesterday", "AmazonS3", "GetObject", "1"), "line 8: lineItem/UsageSt"),
    (EXPORT + export_line("2026-11-21", "AmazonS3", "GetObject", "1 USD"), "line 8: lineItem/Unb"),
    (EXPORT + "id\n", "line 8: fewer fields"),
])
def test_a_bad_bill_is_refused_with_file_line_and_reason_and_nothing_is_done(billed, text, why):
    """S118"""
    mount, export = billed
    export.write_text(text)
    said = thaw("correct", "--yes", "--from", export, mount.root)
    assert said.returncode == 1 and f"{export}: {why}" in said.stderr, said
    assert (mount.root / ".thaw/request").read_text() == ""
    assert thaw("correct", "--from", "/none.csv", mount.root).returncode == 1
    assert thaw("correct", "--yes", "1", "x", mount.root).returncode == 2
