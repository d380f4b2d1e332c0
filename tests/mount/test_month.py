# SPDX-License-Identifier: Apache-2.0
"""thaw report and what it is made of, on a real mount."""
import decimal
import json
import subprocess

from conftest import BUILD, FILES, OBJECTS, until


def lines(mount, name):
    return [json.loads(x) for x in (mount.path / ".thaw" / name).read_text().splitlines()]


def report(mount, *words):
    said = subprocess.run([BUILD / "tools/thaw/thaw", "report", "--json", *words, mount.path],
                          text=True, capture_output=True, timeout=60)
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


def test_the_months_report_has_what_was_restored_at_what_it_was_billed(mount):  # S131
    for name in ("thesis.pdf", "holiday/mountain.jpg"):
        assert (mount.path / "photos" / name).read_bytes() == FILES[name]
    key = "runs/2024/b.dat"
    assert (mount.path / "lab" / key).read_bytes() == OBJECTS[key]
    until(lambda: len(lines(mount, "requests.json")) == 3, 30, "three requests having ended")
    assert (mount.path / "lab" / key).read_bytes() == OBJECTS[key]  # warm

    ended = lines(mount, "requests.json")
    assert {q["path"] for q in ended} == {"/photos/thesis.pdf", "/photos/holiday/mountain.jpg",
                                          "/lab/" + key}
    assert all(q["outcome"] == "done" and q["asked"] < q["ready"] <= q["ended"] for q in ended)

    months = sorted({x["time"][:7] for x in lines(mount, "ledger.json")} |
                    {q["ended"][:7] for q in ended})
    made = [report(mount, "--month", m, "--by", "user") for m in months]
    known = {x["operation"] for x in lines(mount, "ledger.json")}  # not who filled it
    bill = sum(decimal.Decimal(x["amount"]) for x in mount.sim.bill()["lines"]
               if x["operation"] in known)
    charged = sum(decimal.Decimal(m["total"]["charged"]) for m in made)
    assert abs(charged - bill) < decimal.Decimal("0.00001"), (charged, bill)
    assert sum(m["total"]["done"] for m in made) == 3
    assert {f["path"] for m in made for f in m["files"]} == {q["path"] for q in ended}
    # At a stop at the latest it is known how much came from the cache.
    mount.stop()
    mount.start()
    days = lines(mount, "usage.json")
    assert sum(d["waited"] for d in days) == 3 and sum(d["from_cache"] for d in days) == 1, days


def test_what_has_ended_is_still_told_after_a_kill(mount):  # S130
    (mount.path / "photos/thesis.pdf").read_bytes()
    until(lambda: lines(mount, "requests.json"), 30, "the request having ended")
    before = (mount.path / ".thaw/requests.json").read_bytes()
    assert len(before) == (mount.path / ".thaw/requests.json").stat().st_size
    mount.kill()
    mount.start()
    assert (mount.path / ".thaw/requests.json").read_bytes() == before


def test_a_request_that_was_cancelled_is_told_as_such(mount):
    path = mount.path / "photos/thesis.pdf"
    mount.ask(path, "get tier=bulk")
    mount.ask(path, "cancel")
    until(lambda: lines(mount, "requests.json"), 60, "the request having ended")
    assert lines(mount, "requests.json")[0]["outcome"] == "cancelled"
