# SPDX-License-Identifier: Apache-2.0
"""A whole vault as people have them, transferred: all of it, each byte, what was planned, and whatever
happens on the way. Service time moves by hand, so that a slow machine loses no window."""
import collections
import hashlib
import http.client
import json
import os
import random
import signal
import subprocess
import time
import urllib.parse

import pytest
import vault
from conftest import Transfer, listed, sims, until

MIB = 1 << 20
CLASS = "STANDARD"  # read without a restore: every byte is looked at


class Campaign(Transfer):
    """A transfer of `n` archives whose service stands almost still unless it is told to move."""

    def __init__(self, tmp_path, start_sim, start_mount, n, **how):
        self.archives = vault.write_seed(tmp_path / "seed.json", n, **how)
        sim = start_sim("--speed", 1, "--seed", tmp_path / "seed.json")
        sim.inventory("photos")
        mount = start_mount(sim, "glacier://us-east-1/photos")
        super().__init__(tmp_path, sim, mount)
        self.words = ["--yes", "--tier", "bulk", "--storage-class", CLASS, "--concurrency", 16]
        self.move_until(lambda: listed(mount.path), "the names")
        self.inventory = {a["id"]: a for a in self.vault_read()}
        assert len(self.inventory) == n

    def move_until(self, true, what, seconds=120):
        """An hour after the other, as slowly as the daemon sees them."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, what
            self.mount.advance(1)

    def vault_read(self):
        """What the service has: a job would be somebody else's."""
        for line in (self.sim.data / "glacier/journal").read_text().splitlines():
            entry = json.loads(line)
            if entry["op"] == "archive":
                yield entry

    def archive_jobs(self):
        """How often each archive's restore was paid."""
        return collections.Counter(
            line["resource"] for line in self.sim.bill()["lines"]
            if line["operation"] == "InitiateJob" and line["component"] == "request"
            and "/archives/" in line["resource"])

    def run(self, n, *words, seconds=600):
        """One run to its end: time moves once all `n` restores were asked for."""
        run = self.start(*self.words, *words)
        until(lambda: run.poll() is not None or sum(self.archive_jobs().values()) >= n, seconds,
              f"{n} restores being asked for")
        if run.poll() is None:
            self.mount.advance(13)
        out, err = run.communicate(timeout=seconds)
        assert run.returncode == 0, (run.returncode, out[-2000:], err[-2000:])
        return out

    def objects(self):
        """Keys below in/."""
        keys, token = [], ""
        while token is not None:
            query = "list-type=2&prefix=in/" + (f"&continuation-token={token}" if token else "")
            page = self.sim.s3("GET", f"/dst?{query}")
            doc = sims_xml(page.body)
            keys += [e.text for e in doc.iter("Key")]
            token = doc.findtext("NextContinuationToken")
            token = token and urllib.parse.quote(token, safe="")
        return keys

    def check(self):
        """Every archive is one object with its bytes."""
        keys = self.objects()
        assert len(keys) == len(self.inventory)
        left = dict(self.inventory)
        for key in keys:
            headers, size, tree = self.look(key)
            archive = left.pop(headers["x-amz-meta-thaw-archive-id"])
            assert size == archive["size"], key
            assert tree == headers["x-amz-meta-thaw-tree-hash"] == archive["tree"], key
            assert headers.get("x-amz-storage-class", "STANDARD") == CLASS
            assert headers.get("x-amz-checksum-sha256"), key
        assert not left
        assert self.pending() == []

    def look(self, key):
        """Headers, size and tree hash of an object, read a MiB after the other."""
        path = "/dst/" + urllib.parse.quote(key, safe="/-_.~")
        headers = {"Host": self.sim.host, "x-amz-checksum-mode": "ENABLED"}
        connection = http.client.HTTPConnection(self.sim.host, timeout=50)
        connection.request("GET", path, headers=sims.sigv4.sign("s3", "GET", path, headers, b""))
        answer = connection.getresponse()
        assert answer.status == 200, key
        nodes, size = [], 0
        while data := answer.read(MIB):
            nodes.append(hashlib.sha256(data).digest())
            size += len(data)
        connection.close()
        while len(nodes) > 1:
            nodes = [hashlib.sha256(b"".join(nodes[i:i + 2])).digest() if i + 1 < len(nodes)
                     else nodes[i] for i in range(0, len(nodes), 2)]
        return answer.headers, size, nodes[0].hex()

    def billed(self, since):
        total = collections.Counter()
        for line in self.sim.bill(since)["lines"]:
            if "inventory" in line["resource"]:
                continue
            name = {"InitiateJob": line["component"], "GetJobOutput": "transfer",
                    "HeadObject": "head", "ListMultipartUploads": "list"}.get(
                        line["operation"], "put")
            total[name] += float(line["amount"])
        return total


def sims_xml(body):
    import xml.etree.ElementTree as tree
    root = tree.fromstring(body)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


@pytest.fixture
def campaign(tmp_path, start_sim, start_mount):
    def start(n, **how):
        return Campaign(tmp_path, start_sim, start_mount, n, **how)
    return start


def whole(c):
    """S230, S234: planned, transferred, looked at, and billed as it was planned."""
    plan = c.plan("--tier", "bulk", "--storage-class", CLASS)
    n = len(c.inventory)
    assert (plan["archives"], plan["bytes"]) == (n, sum(a["size"] for a in c.archives))
    since = len(c.sim.bill()["lines"])
    out = c.run(n)
    assert f"{n} archives copied" in out and "0 skipped, 0 failed" in out
    billed = c.billed(since)
    for part in "request", "retrieval", "put", "transfer":
        assert abs(billed[part] - float(plan["costs"][part])) < 1e-6, (part, billed, plan["costs"])
    assert billed["list"] < 0.00002  # a look for what an earlier run may have left
    # The simulator takes nothing for a look at what is not there; the plan does.
    assert billed["head"] <= float(plan["costs"]["head"])
    looks = [r for r in c.sim.requests("HeadObject") if r["resource"].startswith("dst/in/")]
    assert len(looks) == plan["heads"]
    assert set(c.archive_jobs().values()) == {1}
    c.check()


def test_a_vault_of_every_kind_of_name_is_transferred_as_planned(campaign):
    """S230, S234"""
    c = campaign(200, large=(MIB, MIB + 1, 33 * MIB + 7))
    whole(c)
    keys = set(c.objects())
    assert {"in/fast/pythön 2.cbb", "in/old/B:/one/3.dpx", "in/cloud/4/img.raw",
            "in/mt/répertoire/5 b?.dat", "in/plain name 1", "in/the same name"} <= keys
    same = [k for k in keys if k.startswith("in/the same name")]
    assert len(same) == sum(a["description"] == "the same name" for a in c.archives)
    assert all(k[len("in/the same name"):][:1] in ("", "-") for k in same)
    blank = [a for a in c.inventory.values() if not a["description"].strip()]
    assert {f"in/00undefined/{a['id']}" for a in blank} <= keys


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_twenty_thousand_archives_are_transferred_as_planned(campaign):
    """S230, S234: THAW_ARCHIVES and THAW_LARGEST (bytes) for fewer and less."""
    n = int(os.environ.get("THAW_ARCHIVES", 20_000))
    largest = int(os.environ.get("THAW_LARGEST", 8 << 30))
    whole(campaign(n, large=(64 * MIB, 200 * MIB + 1, largest)))


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_killed_every_few_seconds_it_pays_once_and_stores_everything(campaign):
    """S233"""
    c = campaign(300, large=(40 * MIB, 100 * MIB + 7))
    n, lots, deaths, has_moved = len(c.inventory), random.Random(5), 0, False
    while True:
        run = c.start(*c.words)
        try:
            run.wait(lots.uniform(0.3, 4))
        except subprocess.TimeoutExpired:
            run.kill()
            deaths += 1
        run.communicate()
        if run.returncode == 0:
            break
        assert run.returncode in (-signal.SIGKILL, 1, 75), run.returncode
        assert deaths < 400
        if deaths % 5 == 4:
            c.mount.kill()
            c.mount.start()
        if not has_moved and sum(c.archive_jobs().values()) >= n:
            has_moved = True
            c.mount.advance(13)
    assert deaths > 3
    assert set(c.archive_jobs().values()) == {1} and len(c.archive_jobs()) == n
    c.check()


FAULTS = [
    ("GetJobOutput", {"flip": 0}, 0.1), ("GetJobOutput", {"cut_after": 100}, 0.05),
    ("GetJobOutput", {"tree_hash": "wrong"}, 0.05),
    ("InitiateJob", {"status": 400, "code": "ThrottlingException"}, 0.1),
    ("InitiateJob", {"job_failure": "InternalError"}, 0.05),
    ("InitiateJob", {"drop": "after"}, 0.03),
    ("PutObject", {"flip_sent": 0}, 0.1), ("UploadPart", {"flip_sent": 70000}, 0.1),
    ("PutObject", {"drop": "after"}, 0.05), ("UploadPart", {"cut_sent": 100000}, 0.1),
    ("CompleteMultipartUpload", {"drop": "after"}, 0.5),
    ("CreateMultipartUpload", {"drop": "after"}, 0.3),
    ("*Part", {"status": 503, "code": "SlowDown"}, 0.1),
    ("PutObject", {"status": 503, "code": "SlowDown"}, 0.1),
    ("HeadObject", {"status": 500}, 0.1),
]


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_whatever_goes_wrong_on_the_way_every_object_is_right(campaign):
    """S230, S233: bits that flip both ways, jobs that fail, throttling, answers that are lost."""
    c = campaign(300, large=(40 * MIB, 100 * MIB + 7))
    c.mount.may_log = "."
    c.sim.admin("POST", "faults", {"rules": [
        {"match": {"operation": operation, "probability": p, "seed": i}, "act": act}
        for i, (operation, act, p) in enumerate(FAULTS)]})
    status = None
    for _ in range(20):
        run = c.start(*c.words, "--retry")
        while run.poll() is None:
            time.sleep(0.5)
            c.mount.advance(1)
        run.communicate()
        status = run.returncode
        if status == 0:
            break
        assert status in (1, 75), status
    assert status == 0
    c.check()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_what_lapsed_unread_is_asked_for_once_more(campaign):
    """S233: the daemon was away for longer than an output lives."""
    c = campaign(60)
    n = len(c.inventory)
    run = c.start(*c.words)
    until(lambda: sum(c.archive_jobs().values()) >= n, 100, "all restores being asked for")
    run.kill()
    run.communicate()
    c.mount.kill()
    c.sim.advance("60h")
    c.mount.start()
    c.run(2 * n)
    assert set(c.archive_jobs().values()) <= {1, 2}
    c.check()

