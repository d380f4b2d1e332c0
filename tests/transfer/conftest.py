# SPDX-License-Identifier: Apache-2.0
"""A vault behind a mount, a bucket to put it into, and `thaw transfer`."""
import base64
import importlib.util
import json
import pathlib
import re
import subprocess
import urllib.parse
from xml.etree import ElementTree

import pytest

HERE = pathlib.Path(__file__).resolve().parent
_spec = importlib.util.spec_from_file_location("mount_fixtures", HERE.parent / "mount/conftest.py")
mounts = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(mounts)
pytest_runtest_makereport = mounts.pytest_runtest_makereport
start_sim, start_mount, until = mounts.start_sim, mounts.start_mount, mounts.until
listed, pattern, sims, BUILD = mounts.listed, mounts.pattern, mounts.sims, mounts.BUILD
THAW = BUILD / "tools/thaw/thaw"
MIB = 1 << 20

# One in two parts, small ones, and some in a directory.
FILES = {
    "large.bin": pattern(16 * MIB + 7, 1),
    "runs/one-part": pattern(2 * MIB, 2),
    "runs/a b%c": b"some",
    "täst": pattern(MIB + 1, 3),
    "dot": b".",
}


class Transfer:
    """The command, with a state directory of its own, from a mount to s3://dst/in."""

    def __init__(self, tmp_path, sim, mount):
        self.sim, self.mount, self.state = sim, mount, tmp_path / "transfer"
        self.to, self.env = "s3://dst/in", sim.env

    def command(self, *words, to=None, source=None):
        return [str(w) for w in (THAW, "transfer", "--state", self.state, "--endpoint",
                                 self.sim.url, *words, source or self.mount.path,
                                 to or self.to)]

    def start(self, *words, **how):
        return subprocess.Popen(self.command(*words, **how), env=self.env, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def __call__(self, *words, status=0, **how):
        done = subprocess.run(self.command(*words, **how), env=self.env, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=100)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        assert "Sanitizer" not in done.stderr, done.stderr
        return done

    def plan(self, *words):
        return json.loads(self("--dry-run", "--json", *words).stdout)

    def listed(self, query, element):
        """Elements of a listing of the destination, each {tag: text}."""
        answer = self.sim.s3("GET", f"/dst?{query}")
        assert answer.status == 200, answer.body
        root = ElementTree.fromstring(re.sub(rb' xmlns="[^"]*"', b"", answer.body))
        return [{child.tag: child.text for child in e} for e in root.findall(element)]

    def stored(self):
        """Sizes of what is at the destination, by key."""
        found = self.listed("list-type=2", "Contents")
        return {e["Key"]: int(e["Size"]) for e in found}

    def head(self, key):
        answer = self.sim.s3("HEAD", "/dst/" + urllib.parse.quote(key, safe="/-_.~"), b"",
                             {"x-amz-checksum-mode": "ENABLED"})
        assert answer.status == 200
        return answer.headers

    def pending(self):
        """Uploads that were begun and neither completed nor aborted."""
        return self.listed("uploads=", "Upload")

    def jobs(self):
        """Paid restores of archives; an inventory retrieves nothing."""
        return [r for r in self.sim.bill()["lines"]
                if r["operation"] == "InitiateJob" and r["component"] == "retrieval"]


def described(name):
    """A description that means this name: its own, or FastGlacier's where it is not ASCII."""
    if name.isascii():
        return name
    path = base64.b64encode(name.encode()).decode()
    return f"<m><v>4</v><p>{path}</p><lm>20190121T085242Z</lm></m>"


def fill(sim, files):
    sim.vault("photos")
    for name, data in files.items():
        sim.upload(data, described(name))
    sim.inventory("photos")
    assert sim.s3("PUT", "/dst").status == 200


@pytest.fixture
def sim(start_sim):
    sim = start_sim("--speed", mounts.SPEED)
    fill(sim, FILES)
    return sim


@pytest.fixture
def mount(start_mount, sim):
    mount = start_mount(sim, "glacier://us-east-1/photos", "source.refresh=1000d")
    until(lambda: listed(mount.path), 30, "catalog")
    return mount


@pytest.fixture
def transfer(tmp_path, sim, mount):
    return Transfer(tmp_path, sim, mount)
