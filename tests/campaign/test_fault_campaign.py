# SPDX-License-Identifier: Apache-2.0
"""Everything thaw-sim can do wrong, alone and in pairs, while files of every kind are read: what is
served is right, what is paid is paid once, and everybody who waits is told how it ended."""
import itertools
import random
import time

import pytest
import world

SEED = 20260901
SECONDS = 60
ALONE = [(name, calls) for name, fault in sorted(world.FAULTS.items())
         for calls in fault["calls"].split()]


def plan_of(rng, faults):
    return {"tier": rng.choice(("standard", "expedited")), "days": 2, "files": sorted(world.FILES),
            "faults": [[name, calls, rng.choice((1, 2))] for name, calls in faults],
            "restored": None, "legs": []}


def carry_out(golden, runs, plans, end=None):
    wrong = []
    n = 0
    for n, (name, plan) in enumerate(plans, 1):
        print(name, flush=True)
        trouble, _ = world.carry_out(golden, runs / name, plan)
        if trouble:
            wrong.append(f"{name}: {trouble}")
        if end and time.monotonic() > end:
            break
    print(f"{n} runs, {len(wrong)} of them wrong", flush=True)
    assert not wrong, "\n".join(wrong)


def alone():
    rng = random.Random(SEED)
    plans = [(f"{name}-{calls}", plan_of(rng, [(name, calls)])) for name, calls in ALONE]
    rng.shuffle(plans)
    return plans


# S10 S12 S23 S27
@pytest.mark.timeout(200)
def test_each_fault_changes_neither_bytes_nor_what_is_paid(golden, runs):
    """As many as fit into a minute, the same ones first."""
    carry_out(golden, runs, alone(), time.monotonic() + SECONDS)


# S10 S12 S23 S27
@pytest.mark.long
@pytest.mark.timeout(3600)
def test_each_fault_alone(golden, runs):
    carry_out(golden, runs, alone())


# S10 S12 S23 S27
@pytest.mark.long
@pytest.mark.timeout(4 * 3600)
def test_faults_in_pairs(golden, runs):
    rng = random.Random(SEED + 1)

    def plans():
        for pair in itertools.combinations(sorted(world.FAULTS), 2):
            faults = [(name, rng.choice(world.FAULTS[name]["calls"].split())) for name in pair]
            yield "+".join(f"{n}-{c}" for n, c in faults), plan_of(rng, faults)

    carry_out(golden, runs, plans())
