# SPDX-License-Identifier: Apache-2.0
"""`thaw` on a real mount. What it prints is tested in tests/tools."""
import hashlib
import json
import os
import subprocess

import pytest
from conftest import BUILD, CONFIG, OBJECTS, SPEED, listed, pattern, until


def thaw(*args, **how):
    return subprocess.run([str(BUILD / "tools/thaw/thaw"), *map(str, args)], text=True,
                          capture_output=True, timeout=50, **how)


def states(path):
    said = thaw("status", "-r", "--json", path)
    assert said.returncode == 0, said.stderr
    return {o["name"]: o["state"] for o in map(json.loads, said.stdout.splitlines())}


def test_get_wait_brings_a_tree_here_for_one_restore_each(mount):
    """S12, S33"""
    said = thaw("get", "-r", "--wait", mount.path / "lab/runs")
    assert said.returncode == 0, said.stderr
    assert set(states(mount.path / "lab").values()) == {"cached"}
    for name, data in OBJECTS.items():
        read = (mount.path / "lab" / name).read_bytes()
        assert hashlib.sha256(read).digest() == hashlib.sha256(data).digest(), name
    mount.wait_booked()
    restores = [x for x in mount.ledger() if x["operation"] == "RestoreObject"
                and x["component"] == "request"]
    assert len(restores) == len(OBJECTS)


def test_what_a_budget_refuses_exits_77_with_its_name(start_mount, sim):
    mount = start_mount(sim, CONFIG.format(url=sim.url).replace("1000", "0.0000001"))
    until(lambda: listed(mount.path / "lab"), 30, "catalog of lab")
    said = thaw("get", mount.path / "lab/runs/2024/a.dat")
    assert said.returncode == 77 and "refused: budget test" in said.stderr, said
    assert states(mount.path / "lab/runs/2024")["a.dat"] == "denied"
    assert not [x for x in mount.ledger() if x["operation"] == "RestoreObject"]


def test_a_tier_nobody_knows_asks_for_nothing(mount):
    """S34"""
    said = thaw("get", "--tier", "gold", mount.path / "lab/runs/notes.txt")
    assert said.returncode == 1 and "does not take this tier" in said.stderr
    assert states(mount.path / "lab/runs")["notes.txt"] == "cold"


def test_wait_times_out_and_cancel_takes_back(mount):
    path = mount.path / "lab/runs/notes.txt"
    assert thaw("get", "--tier", "bulk", path).returncode == 0
    assert thaw("wait", "--timeout", "300ms", path).returncode == 75
    assert thaw("cancel", path).returncode == 0
    mount.wait_state(path, "cold")
    said = thaw("wait", path)
    assert said.returncode == 1 and f"thaw get {path}" in said.stderr


def test_refresh_finds_the_source_of_a_directory_within(mount):
    """S36"""
    assert thaw("refresh", mount.path / "lab/runs/2024").returncode == 0
    assert thaw("refresh", mount.path).returncode == 1


def test_a_source_without_names_yet_is_not_yet_rather_than_empty(start_mount, sim):
    """S7"""
    mount = start_mount(sim, CONFIG.format(url=sim.url))
    said = thaw("status", mount.path / "photos")
    assert said.returncode == 75 and "not here yet" in said.stderr
    assert "waiting for its first catalog" in said.stdout and "cold" not in said.stdout
    assert "source.expected: 2" in said.stdout


def test_bind_mounts_and_directories_entered_work(mount, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("bind mounts need root")
    other = tmp_path / "elsewhere"
    other.mkdir()
    subprocess.run(["mount", "--bind", mount.path / "lab/runs", other], check=True)
    try:
        assert states(other)["notes.txt"] == "cold"
        said = thaw("status", "notes.txt", cwd=other)
        assert "cold" in said.stdout, said.stderr
    finally:
        subprocess.run(["umount", other], check=True)


# S152
def test_a_directory_is_asked_for_oldest_first(start_sim, start_mount):
    sim = start_sim("--speed", SPEED)
    sim.vault("photos")
    stored = []
    for name in ("c", "a", "d", "b"):
        stored.append(sim.upload(pattern(1000, ord(name)), f"run/{name}"))
        sim.advance("1h")
    sim.inventory("photos")
    mount = start_mount(sim, "glacier://us-east-1/photos")
    until(lambda: listed(mount.path), 30, "the catalog")
    (mount.path / "run/.thaw/request").write_text("get")

    def asked():
        """By the number of their intents: the calls themselves are under way together."""
        lines = [line for line in mount.ledger() if line["operation"] == "InitiateJob"
                 and line["component"] == "retrieval"]
        return [line["resource"].split("/")[-1]
                for line in sorted(lines, key=lambda line: int(line["request"]))]

    until(lambda: len(asked()) == 4, 30, "four restores")
    assert asked() == stored
    created = [mount.attribute(mount.path / f"run/{name}", "created") for name in "cadb"]
    assert created == sorted(created) and len(set(created)) == 4
