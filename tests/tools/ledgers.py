# SPDX-License-Identifier: Apache-2.0
"""A ledger and its requests, as a mount writes them: months of a lab that restores things."""
import datetime as dt
import json
import random

GROUPS = ["microscopy", "genomics", "climate", "astro <&> optics", "neuro", "library", "chemistry"]
HOURS = {"standard": (3.2, 4.6), "bulk": (6, 11), "expedited": (0.02, 0.08)}
ERRORS = ("the service has no such archive any more", "InsufficientCapacityException: Expedited "
          "retrievals are not available at this time; ask for standard")
GIB = 1 << 30


def stamp(t):
    return t.strftime("%Y-%m-%dT%H:%M:%SZ")


def months(mount, last="2026-10", n=12, per_month=60, seed=1):
    """Writes ledger.json, requests.json and usage.json of the `n` months up to `last`."""
    random.seed(seed)
    ledger, requests, usage = [], [], []
    year, month = map(int, last.split("-"))
    for back in range(n - 1, -1, -1):
        at = year * 12 + month - 1 - back
        begin = dt.datetime(at // 12, at % 12 + 1, 1)
        for _ in range(per_month + random.randrange(per_month)):
            one(begin, ledger, requests)
        usage += [{"day": (begin + dt.timedelta(days=d)).strftime("%Y-%m-%d"),
                   "from_cache": random.randrange(20, 200), "waited": random.randrange(0, 60)}
                  for d in range(28)]
    for name, lines in (("ledger", ledger), ("requests", requests), ("usage", usage)):
        text = "".join(json.dumps(x) + "\n" for x in lines)
        (mount.root / f".thaw/{name}.json").write_text(text)
    (mount.root / ".thaw/queue").write_text("")
    return ledger, requests, usage


def one(begin, ledger, requests):
    """One request and what it has cost."""
    tier = random.choices(list(HOURS), (5, 4, 1))[0]
    group = random.choices(GROUPS, (9, 7, 5, 3, 2, 1, 1))[0]
    size = int(random.lognormvariate(2, 1.5) * GIB)
    asked = begin + dt.timedelta(minutes=random.randrange(27 * 1440))
    ready = asked + dt.timedelta(hours=random.uniform(*HOURS[tier]))
    n = len(requests) + 1
    estimate = size / GIB * {"standard": 0.01, "bulk": 0.0025, "expedited": 0.03}[tier] + 0.0005
    outcome = random.choices(("done", "failed", "cancelled"), (94, 4, 2))[0]
    who = {"uid": 1000, "gid": 100, "user": "ada", "group": group, "project": "", "program": "tar",
           "request": n, "source": "lab", "tier": tier}
    requests.append({**who, "seq": n, "outcome": outcome, "restored": True, "days": 3, "size": size,
                     "path": f"/lab/{group}/2019/run-{n:04}/stack_{n % 7}.tar", "bytes": size,
                     "asked": stamp(asked), "accepted": stamp(asked), "ready": stamp(ready),
                     "ended": stamp(ready + dt.timedelta(minutes=9)), "errno": "EIO" if outcome == "failed" else "",
                     "error": random.choice(ERRORS) if outcome == "failed" else "",
                     "estimate": f"{estimate:.9f}"})
    if outcome != "cancelled":
        ledger.append({**who, "seq": len(ledger) + 1, "time": stamp(asked),
                       "amount": f"{estimate * random.uniform(.93, 1):.9f}",
                       "operation": "RestoreObject", "estimate": f"{estimate:.9f}"})
