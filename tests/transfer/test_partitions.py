# SPDX-License-Identifier: Apache-2.0
"""thaw transfer --plan and --partition: a plan as a file, split so that each archive is one machine's."""
import copy
import json
import subprocess

import pytest

from conftest import FILES, THAW


@pytest.fixture
def machine(transfer, tmp_path):
    """The same transfer with a state directory of its own."""
    def of(name):
        other = copy.copy(transfer)
        other.state = tmp_path / name
        return other
    return of


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_partitions_of_a_plan_store_everything_once_and_pay_once(transfer, machine, tmp_path):
    """S239, S240: by creation date and bytes, at the same time, each with a state of its own."""
    plan = tmp_path / "plan"
    said = transfer("--plan", plan)
    assert "to copy" in said.stdout and not transfer.jobs() and not transfer.stored()
    head, *rest = lines(plan)
    assert (head["thaw_transfer_plan"], head["to"]) == (1, "s3://dst/in")
    assert (head["archives"], head["bytes"]) == (len(FILES), sum(map(len, FILES.values())))
    assert {e["key"]: e["size"] for e in rest} == {f"in/{n}": len(d) for n, d in FILES.items()}
    assert [(e["created"], e["id"]) for e in rest] == sorted((e["created"], e["id"]) for e in rest)
    # It stays as it is: partitions may be using it.
    before = plan.read_bytes()
    transfer("--plan", plan)
    said = machine("other")("--plan", plan, "--select", "dot", status=1)
    assert "another plan is there" in said.stderr and plan.read_bytes() == before
    assert [p.name for p in tmp_path.glob("plan*")] == ["plan"]
    parts = [machine(f"part{i}") for i in (1, 2, 3)]
    shares = [p.plan("--plan", plan, "--partition", f"{i}/3") for i, p in enumerate(parts, 1)]
    assert sum(s["archives"] for s in shares) == len(FILES)
    assert sum(s["bytes"] for s in shares) == head["bytes"]
    runs = [p.start("--yes", "--plan", plan, "--partition", f"{i}/3")
            for i, p in enumerate(parts, 1)]
    for run in runs:
        out, err = run.communicate(timeout=100)
        assert run.returncode == 0, (out, err)
    assert transfer.stored() == {f"in/{name}": len(data) for name, data in FILES.items()}
    assert len(transfer.jobs()) == len(FILES) and transfer.pending() == []
    # Once more is nothing; a state directory is of one partition.
    parts[0]("--yes", "--plan", plan, "--partition", "1/3")
    assert "another transfer" in parts[0]("--yes", "--plan", plan, "--partition", "2/3",
                                          status=1).stderr
    assert len(transfer.jobs()) == len(FILES)


def test_without_a_plan_each_partition_splits_what_it_lists(transfer, machine):
    """S239, S243: which it says must be the same for all, and keeps; their reports add up to all of it."""
    for i in 1, 2:
        part = machine(f"part{i}")
        said = part("--yes", "--partition", f"{i}/2")
        assert "must be the same for all" in said.stderr
        assert sorted(p.name for p in part.state.iterdir()) == [
            "plan", "report", "transfer", "transfer.lock"]
    assert machine("part1").state.joinpath("plan").read_bytes() == \
        machine("part2").state.joinpath("plan").read_bytes()
    assert set(transfer.stored()) == {f"in/{name}" for name in FILES}
    assert len(transfer.jobs()) == len(FILES)
    merged = subprocess.run([THAW, "transfer", "--merge", "--json", machine("part1").state / "report",
                             machine("part2").state / "report"], text=True, capture_output=True)
    assert merged.returncode == 0, merged.stderr
    said = json.loads(merged.stdout)
    assert len(said["transfers"]) == 2
    assert (said["completed_archives"], said["completed_bytes"]) == (
        len(FILES), sum(map(len, FILES.values())))


def test_a_plan_that_does_not_fit_the_source_any_more_says_so_and_goes_on(transfer, machine, tmp_path):
    """S240: gone, and of another size."""
    plan = tmp_path / "plan"
    transfer("--plan", plan)
    head, *rest = lines(plan)
    for entry in rest:
        if entry["key"] == "in/dot":
            entry["id"] = entry["id"][:-1] + "~"
        if entry["key"] == "in/runs/a b%c":
            entry["size"] += 1
    head["bytes"] += 1
    plan.write_text("".join(json.dumps(e) + "\n" for e in (head, *rest)))
    said = machine("part")("--yes", "--plan", plan, "--partition", "1/1", status=1)
    assert "in/dot: is in the plan, and no longer at the source" in said.stderr
    assert "in/runs/a b%c: has another size than in the plan" in said.stderr
    assert f"{len(FILES) - 2} archives copied" in said.stdout and "2 failed" in said.stdout
    assert set(transfer.stored()) == {f"in/{n}" for n in FILES} - {"in/dot", "in/runs/a b%c"}
    assert len(transfer.jobs()) == len(FILES) - 2


def test_what_is_no_plan_of_this_transfer_is_refused(transfer, machine, tmp_path):
    """S240: cut off, of another destination, of another class; before anything is sent."""
    plan = tmp_path / "plan"
    transfer("--plan", plan)
    part = machine("part")
    words = "--yes", "--plan", plan, "--partition", "1/2"
    assert "another --storage-class" in part(*words, "--storage-class", "GLACIER", status=2).stderr
    assert "another destination" in part(*words, to="s3://dst/elsewhere", status=2).stderr
    assert "another --select" in part(*words, "--select", "dot", status=2).stderr
    for i in "0/2", "3/2", "2", "1/", "1/10001":
        assert "3/16" in part("--yes", "--plan", plan, "--partition", i, status=2).stderr
    whole = plan.read_text()
    for text in whole[:-30], whole[:whole.rindex("\n", 0, -1) + 1], whole + whole.splitlines()[-1]:
        plan.write_text(text)
        assert "is cut off or was changed" in part(*words, status=1).stderr
    plan.write_text("{}\n")
    assert "no plan of a transfer" in part(*words, status=2).stderr
    assert not transfer.jobs() and not transfer.stored() and not part.state.exists()
