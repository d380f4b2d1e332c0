# SPDX-License-Identifier: Apache-2.0
"""The demo shows what it promises (S12) and leaves nothing behind, also when it is killed."""
import json
import os
import re
import signal
import subprocess
import time

import pytest

BUILD = os.path.abspath(os.environ.get("THAW_BUILD", "build-plain"))
DEMO = os.path.abspath("tools/demo.d/demo.py")
PROGRAMS = ("fs/thawfs", "tools/thaw/thaw", "tools/sim/thaw-sim")


@pytest.fixture
def demo(tmp_path):
    """Starts the demo on a build directory of its own, and stops it in the end."""
    for name in PROGRAMS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to(os.path.join(BUILD, name))

    def start(*words):
        return subprocess.Popen(["/usr/bin/python3", "-Bu", DEMO, tmp_path, *words], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                env={**os.environ, "DEMO_SPEED": "7200"})
    start.note = tmp_path / "demo-stage.json"
    yield start
    start("--stop").communicate(timeout=40)


def left_over(directory):
    with open("/proc/self/mountinfo") as f:
        return os.path.exists(directory) or f" {directory}/mnt " in f.read()


@pytest.mark.timeout(120)
def test_the_demo_reads_the_right_bytes_and_the_bill_agrees_with_the_ledger(demo):
    process = demo()
    said, _ = process.communicate(timeout=100)
    assert process.returncode == 0, said
    assert len(re.findall(r"^    [0-9a-f]{16}… is what was put in", said, re.M)) == 2
    assert re.search(r"^    restore requests +3 .* =$", said, re.M), said
    assert "Restores and bytes brought back agree." in said
    assert "Disk quota exceeded" in said and "budget demo/" in said
    assert max(map(len, said.splitlines())) <= 80, said
    assert not demo.note.exists()


@pytest.mark.timeout(120)
def test_a_killed_demo_is_cleaned_up_by_stop(demo):
    process = demo()
    for line in process.stdout:
        if line.startswith("3. Reading"):
            break
    time.sleep(1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    directory = json.loads(demo.note.read_text())["dir"]
    assert left_over(directory)
    said, _ = demo("--stop").communicate(timeout=40)
    assert "taken away" in said
    assert not left_over(directory) and not demo.note.exists()


@pytest.mark.timeout(120)
def test_a_second_demo_cleans_up_after_a_killed_first(demo):
    first = demo()
    for line in first.stdout:
        if line.startswith("3. Reading"):
            break
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    directory = json.loads(demo.note.read_text())["dir"]
    assert left_over(directory)
    second = demo()
    assert "Cleaning up after a demo that was killed." in [next(second.stdout), next(second.stdout)][1]
    for line in second.stdout:
        if line.startswith("2. Mounting"):
            break
    assert not left_over(directory)
    second.send_signal(signal.SIGINT)
    second.communicate(timeout=40)
    assert not demo.note.exists()


@pytest.mark.timeout(120)
def test_keep_leaves_a_mount_that_a_second_demo_respects(demo):
    process = demo("--keep")
    said, _ = process.communicate(timeout=100)
    assert process.returncode == 0, said
    directory = json.loads(demo.note.read_text())["dir"]
    assert os.listdir(f"{directory}/mnt/vault")
    second = demo()
    said, _ = second.communicate(timeout=20)
    assert second.returncode == 1 and "tools/demo --stop" in said
    assert left_over(directory)
