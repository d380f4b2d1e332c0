# SPDX-License-Identifier: Apache-2.0
"""A researcher's way from the request to the bill: asks with days, tier and address, is told twice, downloads by
the link, and the group's month has it."""
import decimal
import grp
import json
import os
import re
import subprocess

import pytest
from conftest import BUILD, OBJECTS, until
from test_mail import body, get, start, trap  # noqa: F401
from test_presign import curl, life_s

THAW = BUILD / "tools/thaw/thaw"
KEY = "runs/2024/b.dat"


def billed(sim, resource):
    """Without what stored it."""
    return sum(decimal.Decimal(x["amount"]) for x in sim.bill()["lines"]
               if x["resource"] == resource and x["operation"] != "PutObject")


def booked(mount, resource):
    return [x for x in mount.ledger() if x["resource"] == resource]


@pytest.mark.timeout(180)
def test_request_mails_link_bill_and_report_are_of_one_story(start, trap, sim):  # noqa: F811  S196, S132, S131
    mount = start("link = 24h\nadmins = root@example.test\n")
    path = mount.path / "lab" / KEY
    group = grp.getgrgid(os.getgid()).gr_name
    get(mount, "--tier", "bulk", "--days", "36500", "--email", "ada@example.test", "--group", group,
        path)
    until(lambda: len(trap.to("ada@")) == 2, 90, "two mails")
    asked, ended = trap.to("ada@")

    # What was asked for is what was sent, and what the first mail says.
    assert len(sim.requests("RestoreObject")) == 1
    assert "bulk" in body(asked).lower() and str(path) in body(asked)
    line, = [x for x in mount.ledger()
             if x["operation"] == "RestoreObject" and x["component"] == "request"]
    assert line["tier"] == line["tier_asked"] == "bulk"
    story, = map(json.loads, (mount.path / ".thaw/requests.json").read_text().splitlines())
    assert story["tier"] == "bulk" and story["days"] == 36500
    assert asked["X-To"] == ended["X-To"] == "ada@example.test, root@example.test"

    # The second says what it has cost: the lines of the bill for this object.
    mount.wait_booked()
    said = decimal.Decimal(re.search(r"^Charged: (\S+) USD", body(ended), re.M)[1])
    lines = booked(mount, f"lab/{KEY}")
    assert abs(said - sum(decimal.Decimal(x["amount"]) for x in lines)) < decimal.Decimal("0.000001")
    assert abs(said - billed(sim, f"lab/{KEY}")) < decimal.Decimal("0.000001")

    # Its link needs nothing but curl, in the text and as HTML.
    url = re.search(r"^ *(https?://\S+)$", body(ended), re.M)[1]
    got = curl(url)
    assert got.returncode == 0 and got.stdout == OBJECTS[KEY]
    assert 0 < life_s(url) <= 24 * 3600
    assert f'<a href="{url.replace("&", "&amp;")}">' in body(ended, "html")
    assert "X-Amz-Signature" not in mount.said()

    # And the month of the group has it.
    month = line["time"][:7]
    report = json.loads(subprocess.run(
        [THAW, "report", "--month", month, "--by", "group", "--json", mount.path],
        text=True, capture_output=True, timeout=60, check=True).stdout)
    row, = [r for r in report["rows"] if r["name"] == group]
    of_group = [x for x in mount.ledger() if x["group"] == group and x["time"].startswith(month)]
    assert decimal.Decimal(row["charged"]) == sum(decimal.Decimal(x["amount"]) for x in of_group)
    assert decimal.Decimal(row["charged"]) >= said - decimal.Decimal("0.000001")
    assert row["done"] == 1 and row["bytes"] == len(OBJECTS[KEY]), report


@pytest.mark.long
@pytest.mark.timeout(180)
def test_two_requesters_and_a_kill_between_event_and_mail_leave_two_mails_each(  # noqa: F811
        start, trap):  # S132, S133
    mount = start("link = 1h\n")
    path = mount.path / "lab" / KEY
    (trap.path / "refuse").touch()
    for who in ("ada", "ben"):
        get(mount, "--email", f"{who}@example.test", "--days", "36500", path)
    mount.wait_state(path, "cached")
    until((trap.path / "refused").exists, 30, "a mail being refused")
    mount.kill()
    (trap.path / "refuse").unlink()
    assert not trap.mails()
    mount.start()
    until(lambda: len(trap.mails()) == 4, 90, "four mails")
    mount.stop()
    mount.start()
    for who in ("ada", "ben"):
        first, second = trap.to(who)
        assert "asked for" in first["Subject"] and "1 file here" in second["Subject"]
        assert curl(re.search(r"^ *(https?://\S+)$", body(second), re.M)[1]).stdout == OBJECTS[KEY]
    assert len({m["Message-ID"] for m in trap.mails()}) == 4
    assert sum(x["operation"] == "RestoreObject" and x["component"] == "request"
               for x in mount.ledger()) == 1
    mount.may_log = "cannot be sent"
