# SPDX-License-Identifier: Apache-2.0
"""Recall-ahead on a real mount: tar waits for two restores, whatever the number of its files."""
import io
import subprocess
import tarfile
import time

import pytest
from conftest import pattern, until

# A service hour in a second: what this machine takes for a few hundred small files is hours then.
SPEED = 3600
# DEEP_ARCHIVE, standard: at most twelve hours (AWS protocol reference 5.1, 2026-09).
RESTORE_HOURS = 12


def fill(sim, n):
    assert sim.s3("PUT", "/lab").status == 200
    for i in range(n):
        put = sim.s3("PUT", f"/lab/run/{i:05}.dat", pattern(1000 + i, i),
                     {"x-amz-storage-class": "DEEP_ARCHIVE"})
        assert put.status == 200, put.body


def hours(sim):
    """Service time in hours."""
    from datetime import datetime
    return datetime.fromisoformat(sim.clock()["now"].replace("Z", "+00:00")).timestamp() / 3600


def restored(sim):
    return sum(line["operation"] == "RestoreObject" and line["component"] == "request"
               for line in sim.bill()["lines"])


def tar(mount, n, most_hours, timeout):
    """tar c of the directory; gives the service hours it took."""
    began, at = hours(mount.sim), time.monotonic()
    done = subprocess.run(["sh", "-c", "tar c -C \"$0\" run | cat", mount.path],
                          capture_output=True, timeout=timeout)
    took, real = hours(mount.sim) - began, time.monotonic() - at
    assert done.returncode == 0, done.stderr
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        got = {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}
    assert got == {f"run/{i:05}.dat": pattern(1000 + i, i) for i in range(n)}
    print(f"{n} files: {took:.1f} service hours, {real:.1f} s")
    assert took <= most_hours, took
    # Each once, and nothing besides.
    assert restored(mount.sim) == n
    return took


def recall_ahead(start_sim, start_mount, n):
    sim = start_sim("--speed", SPEED)
    fill(sim, n)
    return start_mount(sim, "s3://lab", "restore.recall-ahead=directory",
                       "restore.wave-hold=300ms", "budget.test.money=1000")


def test_tar_of_two_hundred_cold_files_takes_two_restore_times(start_sim, start_mount):
    """S110: without recall-ahead it would be two hundred. What this machine needs for the files
    themselves counts as hours at this speed: six are allowed."""
    mount = recall_ahead(start_sim, start_mount, 200)
    tar(mount, 200, 2 * RESTORE_HOURS + 6, 120)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_tar_of_two_thousand_cold_files_takes_two_restore_times(start_sim, start_mount):
    """S110"""
    sim_speed = 360  # a service hour in ten seconds
    mount = recall_ahead(start_sim, start_mount, 2000)
    mount.sim.admin("POST", "clock", {"speed": sim_speed})
    tar(mount, 2000, 2 * RESTORE_HOURS + 6, 500)


def test_a_loop_of_the_shell_is_seen_too(start_sim, start_mount):
    """S110: a process for each file, by name; recognised at the third."""
    mount = recall_ahead(start_sim, start_mount, 12)
    began = hours(mount.sim)
    done = subprocess.run(["sh", "-c", "for f in \"$0\"/run/*; do cat \"$f\"; done | wc -c",
                           mount.path], capture_output=True, timeout=100)
    took = hours(mount.sim) - began
    assert int(done.stdout) == sum(1000 + i for i in range(12)), done.stderr
    assert took <= 3 * RESTORE_HOURS + 3, took
    assert restored(mount.sim) == 12


def test_it_is_off_unless_it_is_asked_for(start_sim, start_mount):
    """S110"""
    sim = start_sim("--speed", 50000)
    fill(sim, 5)
    mount = start_mount(sim, "s3://lab")
    for i in (0, 1, 2):
        assert (mount.path / f"run/{i:05}.dat").read_bytes() == pattern(1000 + i, i)
    time.sleep(1)
    assert restored(sim) == 3
    # One asks for those behind a file by saying so.
    mount.ask(mount.path / "run/00003.dat", "get ahead=directory")
    until(lambda: restored(sim) == 5, 20, "both")
