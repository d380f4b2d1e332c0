# SPDX-License-Identifier: Apache-2.0
"""What was said beforehand is what is billed, to the last decimal."""
import json
import random
import re
from decimal import Decimal
from fractions import Fraction

import pytest
from conftest import listed, until
from test_plan import named, plan

MIB = 1 << 20
CHUNK = 1 * MIB
N = 200
TIERS = {"VAULT": ("expedited", "standard", "bulk"), "GLACIER": ("expedited", "standard", "bulk"),
         "DEEP_ARCHIVE": ("standard", "bulk"), "STANDARD": (None,)}
UNITS = {"request": 1, "retrieval": 1 << 30, "storage": (1 << 30) * 30, "transfer": 1 << 30}


def table(seed):
    """Class, tier, size and days of N requests, every class with every tier of its own."""
    rnd = random.Random(seed)
    kinds = [(c, t) for c, tiers in TIERS.items() for t in tiers]
    edges = [1, 1000, MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 17]
    rows = []
    for i in range(N):
        storage_class, tier = kinds[i % len(kinds)]
        size = edges[i // len(kinds)] if i // len(kinds) < len(edges) else rnd.randrange(
            1, rnd.choice([5000, 200000, 3 * MIB]))
        rows.append((storage_class, tier, size, rnd.choice([1, 2, 3, 7, 30])))
    return rows


def exact(lines):
    """(operation, component, price) -> quantity, byte-days for what is kept; what is free has none."""
    total = {}
    for line in lines:
        if Fraction(line["price"]):
            key = line["operation"], line["component"], Fraction(line["price"])
            days = int(line.get("days") or 0) if line["component"] == "storage" else 1
            total[key] = total.get(key, 0) + int(line["quantity"]) * days
    return total


def amount(lines):
    return sum(price * quantity / UNITS[component]
               for (_, component, price), quantity in exact(lines).items())


def nano(value):
    """As amounts are printed: nine decimals, half away from zero."""
    units = value * 10**9
    whole = units.numerator // units.denominator
    whole += units - whole >= Fraction(1, 2)
    return f"{whole // 10**9}.{whole % 10**9:09d}"


@pytest.fixture
def cold(start_sim, tmp_path):
    """The table's files, an archive or an object each; gives the simulator and name -> row."""
    rows = {f"{i:03d}": row for i, row in enumerate(table(1))}
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps({
        "vaults": [{"name": "photos", "archives": [
            {"description": name, "size": size, "fill": name}
            for name, (c, _, size, _) in rows.items() if c == "VAULT"]}],
        "buckets": [{"name": "lab", "objects": [
            {"key": name, "storage-class": c, "size": size, "fill": name}
            for name, (c, _, size, _) in rows.items() if c != "VAULT"]}]}))
    # Slow enough that no copy comes near its end, where more days would be asked for (S73).
    sim = start_sim("--speed", 7200, "--seed", seed)
    sim.inventory("photos")
    return sim, rows


@pytest.mark.timeout(400)
def test_the_estimates_of_200_requests_are_the_bill(start_mount, cold):
    """S126"""
    sim, rows = cold
    mount = start_mount(sim, f"""
[source photos]
url = glacier://us-east-1/photos
endpoint = {sim.url}
refresh = 0
[source lab]
url = s3://lab
endpoint = {sim.url}
refresh = 0
storage-classes = all
[cache]
chunk = 1M
[budget test]
money = 1000
""")
    until(lambda: listed(mount.path / "photos") and listed(mount.path / "lab"), 60)
    start = len(sim.bill()["lines"])
    plans = {}
    for name, (c, tier, size, days) in rows.items():
        at = ("photos/" if c == "VAULT" else "lab/") + name
        words = [f"tier={tier}"] if tier else []
        answer = plan(mount.path, f"days={days}", named("file", at), *words)
        assert answer["chosen"]["asked"]["files"] == 1, (name, answer)
        (group,) = answer["groups"]
        (chosen,) = [t for t in group["tiers"] if t["tier"] == (tier or "")]
        assert chosen["cost"] == answer["chosen"]["cost"] == nano(amount(chosen["lines"]))
        plans[at] = chosen
    for name, (c, tier, size, days) in rows.items():
        at = mount.path / ("photos" if c == "VAULT" else "lab") / name
        mount.ask(at, f"get days={days}" + (f" tier={tier}" if tier else "") + "\n")
    for at in plans:
        mount.wait_state(mount.path / at, "cached", seconds=120)

    ids = {mount.attribute(mount.path / at, "id"): at for at in plans}
    billed = {at: [] for at in plans}
    for line in sim.bill(start)["lines"]:
        key = re.sub(r"^(lab/|vaults/photos/archives/)", "", line["resource"])
        if line["operation"] not in ("ListObjectsV2", "HeadBucket") and key in ids:
            billed[ids[key]].append(line)
    for at, chosen in plans.items():
        said, was = exact(chosen["lines"]), exact(billed[at])
        looks = [k for k in said if k[0] == "HeadObject"]
        # How often it is looked at the service decides: the estimate is the most.
        for key in looks:
            assert 1 <= was.get(key, 0) <= said[key], (at, said, was)
        over = sum(key[2] * (said[key] - was[key]) for key in looks)
        assert {k: v for k, v in said.items() if k not in looks} == \
            {k: v for k, v in was.items() if k[0] != "HeadObject"}, at
        assert nano(amount(chosen["lines"]) - over) == nano(amount(billed[at])), at
    # Together, in the bill's own figures.
    total = sum(Decimal(line["amount"]) for lines in billed.values() for line in lines)
    assert abs(total - Decimal(nano(sum(amount(b) for b in billed.values())))) < Decimal("1e-6")

    mount.wait_booked()
    # The tier that was priced is the tier that was sent, once, and the ledger says the same.
    sent = {}
    for r in sim.requests("RestoreObject") + sim.requests("InitiateJob"):
        sent.setdefault(r["resource"].split("/")[-1], []).append(r.get("tier", "").lower())
    ledger = {r["resource"].split("/")[-1]: r["tier"] for r in mount.ledger()
              if r["component"] == "retrieval"}
    for at, chosen in plans.items():
        key = mount.attribute(mount.path / at, "id")
        assert sent.get(key, [""]) == [chosen["tier"]] == [ledger.get(key, "")], at


TIERED = [(f"{place}-{tier}", place, tier) for place, tiers in (
    ("ARCHIVE_ACCESS", ("expedited", "standard", "bulk")),
    ("DEEP_ARCHIVE_ACCESS", ("standard", "bulk"))) for tier in tiers]


def test_what_tiering_brings_back_costs_what_was_said_and_stays(start_sim, start_mount):
    """S126: no days, no copy, and money for Expedited only."""
    sim = start_sim("--speed", 28800)
    data = bytes(range(251)) * 10000
    assert sim.s3("PUT", "/lab").status == 200
    for key, place, _ in TIERED:
        put = sim.s3("PUT", "/lab/" + key, data, {"x-amz-storage-class": "INTELLIGENT_TIERING"})
        assert put.status == 200, put.body
        sim.admin("POST", "s3/archive-tier", {"bucket": "lab", "key": key, "tier": place})
    mount = start_mount(sim, f"""
[source lab]
url = s3://lab
endpoint = {sim.url}
refresh = 0
storage-classes = INTELLIGENT_TIERING
[cache]
chunk = 1M
[budget test]
money = 1000
""")
    root = mount.path / "lab"
    until(lambda: listed(root), 60)
    said, start = {}, len(sim.bill()["lines"])
    for key, _, tier in TIERED:
        answer = plan(mount.path, "days=7", named("file", "lab/" + key), f"tier={tier}")
        (group,) = answer["groups"]
        (said[key],) = [t for t in group["tiers"] if t["tier"] == tier]
        assert said[key]["cost"] == nano(amount(said[key]["lines"]))
        mount.ask(root / key, f"get days=7 tier={tier}")
    for key in said:
        mount.wait_state(root / key, "cached", seconds=120)
        assert (root / key).read_bytes() == data
    for key, chosen in said.items():
        was = exact([line for line in sim.bill(start)["lines"] if line["resource"] == f"lab/{key}"])
        until(lambda: exact_by(mount.ledger()).get(key) == was, 10, f"{key} being booked")
        assert {k: v for k, v in exact(chosen["lines"]).items() if k[0] != "HeadObject"} == \
            {k: v for k, v in was.items() if k[0] != "HeadObject"}, key
        paid = {k[1] for k in was if k[0] == "RestoreObject"}
        assert paid == ({"request", "retrieval"} if "expedited" in key else set()), was
        # It has moved back: evicted and read again nothing is restored.
        mount.ask(root / key, "evict")
        assert (root / key).read_bytes() == data
    assert len(sim.requests("RestoreObject")) == len(TIERED)


def exact_by(ledger):
    lines = {}
    for line in ledger:
        lines.setdefault(line["resource"].split("/")[-1], []).append(line)
    return {key: exact(x) for key, x in lines.items()}
