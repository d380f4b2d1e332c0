# SPDX-License-Identifier: Apache-2.0
"""A transfer as a job array, by the distribution's Slurm: packaging/slurm/transfer.sh."""
import collections
import re

import pytest

import test_stage
from conftest import SHIPPED, THAW, mounts, until

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]
PARTS = 3
RUN, archive = test_stage.RUN, test_stage.archive


def restores(sim):
    """How often each object's restore was paid."""
    return collections.Counter(line["resource"] for line in sim.bill()["lines"]
                               if line["operation"] == "RestoreObject"
                               and line["component"] == "request")


def test_a_job_array_transfers_each_object_once_and_pays_each_restore_once(slurm, archive):
    """S239, S240: three tasks, a plan, a bucket; a task's state is its own."""
    sim, out = archive.sim, slurm.dir / "out"
    assert sim.s3("PUT", "/dst").status == 200
    plan, state = out / "films.plan", out / "transfer-state"
    env = ["env", *(f"{key}={sim.env[key]}" for key in sim.env if key.startswith("AWS_")),
           f"THAW_TRANSFER_STATE={state}"]
    what = ["--endpoint", sim.url, "--plan", plan, "--tier", "bulk", archive.lab / "run42",
            "s3://dst/in"]
    said = slurm.say(*env, THAW, "transfer", "--state", out / "plan-state", *what)
    assert said.returncode == 0, said
    array = [*env, "sbatch", "--parsable", "--cpus-per-task=1", "--mem=100",
             "-o", out / "transfer-%a.out"]
    said = slurm.say(*array, f"--array=1-{PARTS}", SHIPPED / "transfer.sh", *what)
    assert said.returncode == 0, said
    job = int(said.stdout)
    asked = 0

    def is_over():
        """Time moves whenever something more was asked for: tasks may wait for others' processors."""
        nonlocal asked
        n = sum(restores(sim).values())
        if n > asked:
            asked = n
            archive.advance(49)
        states = slurm.say("squeue", "-h", "-r", "-t", "all", "-j", job, "-o", "%T").stdout.split()
        return len(states) == PARTS and not set(states) & {"PENDING", "RUNNING", "COMPLETING",
                                                           "CONFIGURING"}

    until(is_over, 300, "the end of all tasks")
    texts = [(out / f"transfer-{i}.out").read_text() for i in range(1, PARTS + 1)]
    copied = [int(re.search(r"(\d+) archives copied", text)[1]) for text in texts]
    assert sum(copied) == len(RUN) and min(copied) >= 1, texts
    listing = sim.s3("GET", "/dst?list-type=2").body.decode()
    assert sorted(re.findall("<Key>([^<]*)</Key>", listing)) == \
        sorted("in/" + name.removeprefix("run42/") for name in RUN)
    assert set(restores(sim).values()) == {1} and len(restores(sim)) == len(RUN)
    assert sorted(p.name for p in state.iterdir()) == [f"{i}-{PARTS}" for i in range(1, PARTS + 1)]
    # A part of the array would be split in another way.
    said = slurm.say(*array, "--array=2", SHIPPED / "transfer.sh", *what)
    again = int(said.stdout)
    slurm.wait_about(again, "FAILED|", 60)
    assert "THAW_PARTITIONS=N" in (out / "transfer-2.out").read_text()
    assert mounts.listed(archive.lab)
