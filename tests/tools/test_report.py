# SPDX-License-Identifier: Apache-2.0
"""thaw report, on the lines a mount writes: sums, forms, and the page in a real browser."""
import csv
import decimal
import io
import json
import os
import pathlib
import re
import shutil

import ledgers
import page
import pytest
from test_thaw import mount, thaw  # noqa: F401

# Screenshots are kept here, for people.
OUT = pathlib.Path(os.environ.get("THAW_BUILD", "build")) / "report"


def usd(text):
    return decimal.Decimal(text)


@pytest.fixture
def month(mount):  # noqa: F811
    return mount, *ledgers.months(mount)


def test_sums_are_those_of_the_ledgers_lines(month):  # S131
    mount, ledger, requests, usage = month  # noqa: F811
    said = thaw("report", "--month", "2026-10", "--json", mount.root)
    assert said.returncode == 0, said.stderr
    report = json.loads(said.stdout)
    for group in ledgers.GROUPS:
        row = next((r for r in report["rows"] if r["name"] == group), None)
        lines = [x for x in ledger if x["group"] == group and x["time"].startswith("2026-10")]
        assert usd(row["charged"] if row else "0") == sum(usd(x["amount"]) for x in lines)
        ended = [q for q in requests if q["group"] == group and q["ended"].startswith("2026-10")]
        assert (row["done"] if row else 0) == sum(q["outcome"] == "done" for q in ended)
        assert (row["failed"] if row else 0) == sum(q["outcome"] == "failed" for q in ended)
        assert not row or row["bytes"] == sum(q["bytes"] for q in ended if q["outcome"] == "done")
    for name, charged in zip(report["month_names"], report["months"]):
        assert usd(charged) == sum(usd(x["amount"]) for x in ledger if x["time"].startswith(name))
    assert report["cache"]["waited"] == sum(
        d["waited"] for d in usage if d["day"].startswith("2026-10"))


def test_estimate_and_charge_are_of_the_same_requests(month):
    mount, ledger, requests, _ = month  # noqa: F811
    total = json.loads(thaw("report", "-jm", "2026-10", mount.root).stdout)["total"]
    done = [q for q in requests if q["ended"].startswith("2026-10") and q["outcome"] == "done"]
    numbers = {q["request"] for q in done}
    assert usd(total["estimate"]) == sum(usd(q["estimate"]) for q in done)
    assert usd(total["settled"]) == sum(usd(x["amount"]) for x in ledger
                                        if x["request"] in numbers)


def test_the_median_wait_is_one_that_was_waited(month):
    mount, _, requests, _ = month  # noqa: F811
    tiers = {t["tier"]: t for t in json.loads(
        thaw("report", "-jm", "2026-10", mount.root).stdout)["tiers"]}
    import datetime as dt
    waits = sorted((dt.datetime.fromisoformat(q["ready"][:-1]) -
                    dt.datetime.fromisoformat(q["asked"][:-1])).total_seconds()
                   for q in requests if q["ended"].startswith("2026-10") and
                   q["outcome"] == "done" and q["tier"] == "standard")
    assert tiers["standard"]["wait_50"] == waits[(len(waits) * 50 + 99) // 100 - 1]
    assert tiers["standard"]["wait_100"] == waits[-1] >= tiers["standard"]["wait_90"]


def test_csv_is_the_table_and_its_total(month):
    mount, *_ = month  # noqa: F811
    rows = list(csv.DictReader(io.StringIO(
        thaw("report", "--month", "2026-10", "--by", "user", "--csv", mount.root).stdout)))
    total = json.loads(thaw("report", "-jm", "2026-10", mount.root).stdout)["total"]
    assert [r["user"] for r in rows] == ["ada"] and usd(rows[0]["charged"]) == usd(total["charged"])


def test_what_is_no_month_or_no_such_grouping_is_said(month):
    mount, *_ = month  # noqa: F811
    for words in (("--month", "october"), ("--month", "2026-13"), ("--by", "weather")):
        said = thaw("report", *words, mount.root)
        assert said.returncode == 2 and words[1] in said.stderr


def test_a_month_of_nothing_is_a_report_of_nothing(month, tmp_path):
    mount, *_ = month  # noqa: F811
    said = thaw("report", "--month", "2031-01", mount.root)
    assert said.returncode == 0 and re.search(r"^total +0.00 +0 +0 ", said.stdout, re.M)
    assert "Nothing was restored" in thaw("report", "-m", "2031-01", "-H", "-", mount.root).stdout


def test_a_damaged_ledger_is_no_report(month):
    mount, *_ = month  # noqa: F811
    (mount.root / ".thaw/ledger.json").write_text("{\n")
    said = thaw("report", mount.root)
    assert said.returncode == 1 and "ledger.json" in said.stderr and not said.stdout


@pytest.mark.skipif(not shutil.which("chromedriver"), reason="no browser here")
@pytest.mark.timeout(180)
def test_the_page_lies_well_on_desk_phone_and_paper(month):  # S131
    mount, *_ = month  # noqa: F811
    OUT.mkdir(exist_ok=True)
    html = OUT.resolve() / "report.html"
    assert thaw("report", "-m", "2026-10", "--html", html, mount.root).returncode == 0
    text = html.read_text()
    # Nothing of it is elsewhere, and names are text.
    assert not re.search(r"(src=|href=|url\()|<script|@import", text)
    assert "astro &lt;&amp;&gt; optics" in text and "<&>" not in text
    driver = page.browser()
    try:
        for width, scheme in ((1280, "light"), (390, "light"), (390, "dark")):
            said = page.look(driver, html, OUT, width, scheme)
            assert said["inner"] == width and said["scroll"] <= said["client"], said
            assert not said["wide"] and not said["over"] and not said["out"], said
            assert not said["log"] and said["least"] >= 10, said
        page.print_to(driver, html, OUT / "report.pdf")
    finally:
        driver.quit()
