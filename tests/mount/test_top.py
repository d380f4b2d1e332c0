# SPDX-License-Identifier: Apache-2.0
"""`thaw top` on a real mount; how it looks and what its keys do is tested in tests/tools."""
import importlib.util
import json

import pytest
from conftest import BUILD, HERE, listed, pattern, until

_spec = importlib.util.spec_from_file_location("screens", HERE.parent / "tools/screens.py")
screens = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(screens)
screen = screens.screen

HOLDING = """
[source lab]
url = s3://lab
endpoint = {url}
[budget test]
money = 1000
files = 1
[budget each]
who = everyone
each = yes
money = 20
[policy]
over = hold
[restore]
tier = bulk
"""


def budgets(mount):
    return json.loads((mount.path / ".thaw/budgets").read_text())


@pytest.fixture
def held(start_mount, start_sim):
    """One restore under way for as long as a test may take, and one that waits for an approval."""
    sim = start_sim("--speed", 60)
    assert sim.s3("PUT", "/lab").status == 200
    for name in ("a", "b"):
        assert sim.s3("PUT", f"/lab/runs/2024/{name}.dat", pattern(70000),
                      {"x-amz-storage-class": "DEEP_ARCHIVE"}).status == 200
    mount = start_mount(sim, HOLDING.format(url=sim.url))
    until(lambda: listed(mount.path / "lab"), 30, "catalog of lab")
    mount.ask(mount.path / "lab/runs/2024/a.dat", "get")
    mount.wait_state(mount.path / "lab/runs/2024/a.dat", "restoring")
    mount.ask(mount.path / "lab/runs/2024/b.dat", "get")
    mount.wait_state(mount.path / "lab/runs/2024/b.dat", "held")
    return mount


# S183
def test_the_budgets_of_now_are_shown_to_administrators_with_what_is_used_of_each(held):
    said = budgets(held)
    day = said["now"][:10]
    rows = {row["budget"]: row for row in said["budgets"]}
    assert set(rows) == {f"test/{day}", f"each/uid=0/{day}"}, rows
    pool = rows[f"test/{day}"]
    assert pool["limit"] == "1000.000000000" and pool["files"] == {"limit": 1, "used": 1}
    assert float(pool["reserved"]) + float(pool["spent"]) > 0
    assert "files" not in rows[f"each/uid=0/{day}"] and said["left_out"] == 0

    def charged_today():
        return sum(float(line["amount"]) for line in held.ledger() if line["time"][:10] == day)
    until(lambda: abs(float(budgets(held)["charged_today"]) - charged_today()) < 1e-9, 10,
          "what is charged being the ledger's")
    held.advance(24)
    assert budgets(held)["now"][:10] > day
    later = {row["budget"]: row for row in budgets(held)["budgets"]}
    assert not set(later) & set(rows)


def test_a_held_request_is_approved_and_one_under_way_cancelled_with_keys(held, screen):
    shown = screen(BUILD / "tools/thaw/thaw", "top", held.path / "lab")
    shown.until("1 to be approved")
    shown.keys("/", "b.dat", "Enter")
    shown.until(lambda text: "a.dat" not in text and "b.dat" in text)
    shown.keys("a")
    shown.until("[y/N]")
    assert held.attribute(held.path / "lab/runs/2024/b.dat", "state") == "held"
    shown.keys("y")
    shown.until("approved /lab/runs/2024/b.dat")
    held.wait_state(held.path / "lab/runs/2024/b.dat", "requested", "restoring", "ready",
                    "fetching", "cached")
    shown.keys("Escape", "/", "a.dat", "Enter", "c")
    shown.until("cancel /lab/runs/2024/a.dat?")
    shown.keys("y")
    shown.until("cancelled /lab/runs/2024/a.dat")
    held.wait_state(held.path / "lab/runs/2024/a.dat", "cold")
    shown.keys("q")
    shown.ended()
