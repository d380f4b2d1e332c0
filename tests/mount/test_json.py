# SPDX-License-Identifier: Apache-2.0
"""docs/JSON.md: what `thaw ... --json` prints is what is documented, field by field, and jq can read it."""
import json
import shutil
import subprocess

import pytest
from conftest import BUILD, listed, pattern, until
from json_fields import compare
from test_thaw import thaw

CONFIG = """
[source lab]
url = s3://lab
endpoint = {url}
[budget all]
money = 1000
bytes = 1T
files = 1000
[policy /lab/free]
recall = explicit
[mount]
admins = 0
"""


def said(*words, status=0):
    done = thaw(*words)
    assert done.returncode == status, done
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def archive(start_mount, start_sim):
    sim = start_sim("--speed", 60)
    assert sim.s3("PUT", "/lab").status == 200
    for name in ("runs/a.dat", "runs/b.dat", "free/c.dat", "free/C.dat"):
        assert sim.s3("PUT", f"/lab/{name}", pattern(70000),
                      {"x-amz-storage-class": "DEEP_ARCHIVE"}).status == 200
    mount = start_mount(sim, CONFIG.format(url=sim.url))
    until(lambda: listed(mount.path / "lab"), 30, "the catalog")
    return mount


# S185
def test_each_command_prints_the_fields_that_are_documented(archive):
    lab = archive.path / "lab"
    compare("status", said("status", "-r", "--json", lab))
    compare("plan", said("plan", "-r", "--json", lab) +
            said("plan", "-r", "--json", lab / "free", lab / "runs"))
    compare("find", said("find", "--json", lab))
    compare("get", said("get", "--json", "--tier", "bulk", lab / "runs"))
    archive.wait_state(lab / "runs/a.dat", "restoring")
    with open(lab / "runs/a.dat", "rb") as reader:
        process = subprocess.Popen(["cat"], stdin=reader, stdout=subprocess.DEVNULL)
        until(lambda: any(o["waiting"] for o in said("top", "--json", archive.path)), 20, "a reader")
        compare("top", said("top", "--json", archive.path))
        archive.sim.advance("49h")
        assert process.wait(30) == 0
    compare("wait", said("wait", "--json", lab / "runs"))
    compare("verify", said("verify", "-r", "--json", lab))
    compare("status", said("status", "-r", "--json", lab))
    month = json.loads((archive.path / ".thaw/budgets").read_text())["now"][:7]
    compare("report", said("report", "--json", "--month", month, archive.path))
    compare("doctor", said("doctor", "--json", archive.path))
    compare("prices", said("prices", "--json", "--state", archive.dir / "state", "show"))
    compare("presign", said("presign", "--json", lab / "runs/a.dat"))
    compare("find --clashes", said("find", "--clashes", "--json", lab))


# S185
def test_what_is_said_of_the_state_is_documented_too(archive):
    """With one extent's data gone."""
    with open(archive.path / "lab/runs/a.dat", "rb") as reader:
        process = subprocess.Popen(["cat"], stdin=reader, stdout=subprocess.DEVNULL)
        archive.wait_state(archive.path / "lab/runs/a.dat", "restoring")
        archive.sim.advance("49h")
        assert process.wait(30) == 0
    compare("backup", said("backup", "--json", archive.dir / "state", archive.dir / "backup"))
    archive.stop()
    for path in (archive.dir / "cache").rglob("*"):
        if path.is_file() and path.stat().st_size == 70000:
            path.unlink()
    compare("fsck", said("fsck", "--json", archive.dir / "state", archive.dir / "cache", status=1))


def test_a_file_and_a_pipe_into_jq(archive):
    if not shutil.which("jq"):
        pytest.skip("no jq")
    lab = archive.path / "lab"

    def jq(words, program):
        line = f'"$0" {words} | jq -r "$1"'
        done = subprocess.run(["bash", "-c", "set -o pipefail; " + line, BUILD / "tools/thaw/thaw", program],
                              cwd=lab, text=True, capture_output=True, timeout=50)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()
    assert jq("status -r --json .", 'select(.state == "cold") | .name') == ["C.dat", "c.dat", "a.dat", "b.dat"]
    assert jq("plan -r --json .", ".all.files") == ["4"]
    assert jq("find --json --name 'c*' .", ".path") == ["./free/c.dat"]
