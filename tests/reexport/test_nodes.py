# SPDX-License-Identifier: Apache-2.0
"""Two nodes, each with its own mount, state and cache, over one bucket and over one vault."""
import collections
import hashlib
import subprocess
import sys

import mounts
import pytest
from mounts import listed, until

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]

FILES = 20
# What a vault's job has brought lies there for a day: twelve seconds.
SPEED = 7200
DATA = {f"{n:02}": mounts.pattern(70000 + n, n) for n in range(FILES)}
CONF = """
[source it]
url = {source}
endpoint = {url}
refresh = 0
[restore]
days = 100
[budget all]
money = 1000
"""


@pytest.fixture
def sim(start_sim):
    sim = start_sim("--speed", SPEED)
    sim.vault("photos")
    assert sim.s3("PUT", "/lab").status == 200
    for name, data in DATA.items():
        sim.upload(data, name)
        put = sim.s3("PUT", f"/lab/{name}", data, {"x-amz-storage-class": "DEEP_ARCHIVE"})
        assert put.status == 200, put.body
    sim.inventory("photos")
    return sim


@pytest.fixture
def nodes(sim, tmp_path):
    begun = []

    def start(source):
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            begun.append(mounts.Mount(tmp_path / name, sim, CONF.format(url=sim.url, source=source)))
        for node in begun:
            until(lambda: listed(node.path / "it"), 30, "catalog")
        return begun

    yield start
    for node in begun:
        if node.process.poll() is None:
            node.stop()


def read(node, names):
    """A process for each, all at once."""
    return [subprocess.Popen(["sha256sum", node.path / "it" / name], stdout=subprocess.PIPE)
            for name in names]


def check(processes, names):
    for process, name in zip(processes, names, strict=True):
        said = process.communicate(timeout=100)[0].decode()
        assert said[:64] == hashlib.sha256(DATA[name]).hexdigest(), name


def meet(sim, nodes, names, operation):
    """Both nodes read; no paid call arrives before the other node has looked, too."""
    sim.admin("POST", "clock", {"speed": 1})
    before = len(sim.requests(operation))
    sim.fault({"operation": operation}, {"delay_ms": 3000})
    processes = [read(node, names) for node in nodes]
    until(lambda: len(sim.requests(operation)) >= before + len(names), 60, "the paid calls")
    for node in nodes:
        until(lambda: {node.attribute(node.path / "it" / n, "state") for n in names} ==
              {"restoring"}, 60, "all being restored")
    sim.clear_faults()
    return processes


def billed(sim):
    """(operation, component) -> number of lines, quantity"""
    count, total = collections.Counter(), collections.Counter()
    for line in sim.bill()["lines"]:
        key = line["operation"], line["component"]
        count[key] += 1
        total[key] += int(float(line["quantity"]))
    return count, total


def test_a_bucket_read_from_two_nodes_is_restored_once(sim, nodes):
    """S26: S3 restores an object once, whoever asks; each node pays what it transfers."""
    one, two = nodes("s3://lab")
    names = sorted(DATA)
    # Both look before either has asked: what one is told then is that it is under way.
    processes = meet(sim, (one, two), names, "RestoreObject")
    sim.admin("POST", "clock", {"speed": SPEED})
    for one_node in processes:
        check(one_node, names)
    count, total = billed(sim)
    asked = sim.requests("RestoreObject")
    bytes_once = sum(map(len, DATA.values()))
    print(f"{FILES} objects, two nodes: {len(asked)} requests, "
          f"{count['RestoreObject', 'retrieval']} retrievals billed, "
          f"{total['GetObject', 'transfer'] / bytes_once:.1f} times the bytes sent",
          file=sys.stderr)
    assert len(asked) > FILES, "the two met"
    assert count["RestoreObject", "retrieval"] == FILES
    assert total["RestoreObject", "retrieval"] == bytes_once
    assert total["GetObject", "transfer"] == 2 * bytes_once
    booked = [w for node in (one, two) for w in node.ledger()
              if (w["operation"], w["component"]) == ("RestoreObject", "retrieval")]
    print(f"{len(booked)} retrievals in both ledgers", file=sys.stderr)
    for node in (one, two):
        assert {node.attribute(node.path / "it" / name, "state") for name in names} == {"cached"}


def test_a_vault_read_from_two_nodes_is_paid_twice_where_they_meet(sim, nodes):
    """What docs/CLUSTERS.md warns of, measured."""
    one, two = nodes("glacier://us-east-1/photos")
    early, late = sorted(DATA)[:FILES // 2], sorted(DATA)[FILES // 2:]
    # One after the other: the second sees the first one's job, and joins it.
    sim.admin("POST", "clock", {"speed": 1})
    first = read(one, early)
    until(lambda: len(sim.requests("InitiateJob")) >= len(early), 60, "the first node's jobs")
    second = read(two, early)
    until(lambda: {two.attribute(two.path / "it" / n, "state") for n in early} == {"restoring"}, 60,
          "the second node's waiting")
    joined = retrievals(sim)
    sim.admin("POST", "clock", {"speed": SPEED})
    check(first, early)
    check(second, early)
    # At the same moment: nobody's job is there to be seen.
    before = retrievals(sim)
    processes = meet(sim, (one, two), late, "InitiateJob")
    met = retrievals(sim) - before
    sim.admin("POST", "clock", {"speed": SPEED})
    for one_node in processes:
        check(one_node, late)
    print(f"{len(early)} archives, one node after the other: {joined} jobs paid; "
          f"{len(late)} at the same moment: {met}", file=sys.stderr)
    assert joined == len(early)
    assert len(late) < met <= 2 * len(late)


def retrievals(sim):
    return billed(sim)[0]["InitiateJob", "retrieval"]
