# SPDX-License-Identifier: Apache-2.0
"""Objects that were uploaded in parts, on a real mount: right bytes, and by what they are proved."""
import json
import os
import subprocess
import time

import pytest
from conftest import SPEED, listed, pattern, until

MIB = 1 << 20
PARTS = [pattern(5 * MIB, 1), pattern(6 * MIB + 3, 2), pattern(5 * MIB, 3), b"end"]
EVEN = [pattern(5 * MIB, 4), pattern(5 * MIB, 5), pattern(7 * MIB + 1, 6)]


def mounted(start_mount, start_sim, parts, algo, quirk="yes", *words):
    sim = start_sim("--speed", SPEED)
    sim.admin("POST", "quirks", {"s3-default-checksum": quirk})
    assert sim.s3("PUT", "/lab").status == 200
    sim.upload_parts("lab", "big", parts, algo)
    mount = start_mount(sim, "s3://lab", "source.verify=require", *words)
    until(lambda: listed(mount.path), 30, "catalog")
    return mount


@pytest.mark.parametrize("algo,quirk,parts,verified", [
    ("sha256", "yes", EVEN, "part"), ("sha256", "no", PARTS, "part"), ("crc32", "no", EVEN, "part"),
    (None, "yes", EVEN, "checksum"), (None, "no", EVEN, "etag"), (None, "no", PARTS, "etag")])
def test_an_object_of_parts_is_read_and_says_by_what_it_is_proved(
        start_mount, start_sim, algo, quirk, parts, verified):  # S140 S12
    mount = mounted(start_mount, start_sim, parts, algo, quirk)
    file = mount.path / "big"
    assert file.read_bytes() == b"".join(parts)
    mount.wait_state(file, "cached")
    assert mount.attribute(file, "verified") == verified
    bill = {line["operation"]: 0 for line in mount.sim.bill()["lines"]}
    for line in mount.sim.bill()["lines"]:
        if line["component"] == "request":
            bill[line["operation"]] += int(line["quantity"])
    until(lambda: sum(int(line["quantity"]) for line in mount.ledger()
                      if line["operation"] == "GetObjectAttributes")
          == bill["GetObjectAttributes"], 10, "the ledger being the bill")


def test_a_part_is_read_while_the_rest_is_on_its_way(start_mount, start_sim):  # S140
    mount = mounted(start_mount, start_sim, EVEN, "sha256", "no", "cache.chunk=1M")
    mount.sim.fault({"operation": "GetObject", "nth": 8, "times": 1}, {"delay_ms": 4000})
    file = mount.path / "big"
    fd = os.open(file, os.O_RDONLY)
    try:
        assert os.read(fd, 4096) == EVEN[0][:4096]
        assert mount.attribute(file, "state") in ("fetching", "partial")
        assert mount.attribute(file, "verified") == "part"
    finally:
        os.close(fd)
    mount.wait_state(file, "cached")
    assert file.read_bytes() == b"".join(EVEN)


def anonymous_bytes(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("RssAnon:"))


def stream_four(start_mount, start_sim, tmp_path, size, seconds):
    """The most the daemon has taken while four files are read from beginning to end at once."""
    (tmp_path / "seed.json").write_text(json.dumps({"buckets": [{"name": "lab", "objects": [
        {"key": f"{i}", "storage-class": "STANDARD", "size": size, "fill": "x"} for i in range(4)]}]}))
    sim = start_sim("--speed", SPEED, "--seed", str(tmp_path / "seed.json"))
    mount = start_mount(sim, "s3://lab", "source.storage-classes=all", "budget.all.money=1000")
    until(lambda: listed(mount.path), 60, "catalog")
    readers = [subprocess.Popen(["dd", f"if={mount.path}/{i}", "of=/dev/null", "bs=1M", "status=none"])
               for i in range(4)]
    most, end = 0, time.monotonic() + seconds
    while any(r.poll() is None for r in readers):
        most = max(most, anonymous_bytes(mount.process.pid))
        assert time.monotonic() < end
        time.sleep(0.05)
    assert all(r.returncode == 0 for r in readers)
    return most


def test_four_files_are_streamed_in_bounded_memory(start_mount, start_sim, tmp_path):  # S141
    assert stream_four(start_mount, start_sim, tmp_path, 64 * MIB, 120) < 128 * MIB


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_four_large_files_are_streamed_in_bounded_memory(start_mount, start_sim, tmp_path):  # S141
    assert stream_four(start_mount, start_sim, tmp_path, 2048 * MIB, 1500) < 128 * MIB
