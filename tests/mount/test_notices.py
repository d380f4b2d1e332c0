# SPDX-License-Identifier: Apache-2.0
"""How soon a reader learns that its restore has ended: with a queue, and by polls."""
import datetime
import json
import os
import subprocess
import time

import pytest
from conftest import CONFIG, FILES, OBJECTS, listed, until

TOPIC = "arn:aws:sns:us-east-1:111122223333:t"
QUEUE = "arn:aws:sqs:us-east-1:111122223333:q"
NOTIFY = f"""<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<QueueConfiguration><Id>cfg</Id><Queue>{QUEUE}</Queue><Event>s3:ObjectRestore:*</Event>
</QueueConfiguration></NotificationConfiguration>""".encode()
KEY, ARCHIVE = "lab/runs/notes.txt", "photos/thesis.pdf"
INTERVAL = 15  # s of service time between two polls of an expedited restore
DATA = {KEY: OBJECTS["runs/notes.txt"], ARCHIVE: FILES["thesis.pdf"]}


def sqs(sim, name, **members):
    answer = sim.signed("sqs", "POST", "/", json.dumps(members).encode(), {
        "Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS." + name})
    assert answer.status == 200, answer.body
    return answer.json


def send(sim, body):
    sqs(sim, "SendMessage", QueueUrl=sim.url + "/111122223333/q", MessageBody=body)


def left(sim):
    got = sqs(sim, "GetQueueAttributes", QueueUrl=sim.url + "/111122223333/q",
              AttributeNames=["All"])["Attributes"]
    return sum(int(got["ApproximateNumberOfMessages" + x]) for x in ("", "NotVisible"))


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def ask(mount, file, tier):
    mount.ask(mount.path / file, f"get tier={tier}\n")


def metric(mount, name):
    for line in (mount.path / ".thaw/metrics").read_text().splitlines():
        if line.startswith(name + " "):
            return int(line.split()[1])
    raise AssertionError(name)


@pytest.fixture
def slow(start_sim, start_mount):
    """Both sources, at the pace of real time; the vault's catalog is there."""
    def start(has_queue, *words):
        sim = start_sim("--speed", "1")
        sim.vault("photos")
        sim.upload(DATA[ARCHIVE], "thesis.pdf")
        sim.inventory("photos")
        assert sim.s3("PUT", "/lab").status == 200
        for key, data in OBJECTS.items():
            sim.s3("PUT", f"/lab/{key}", data, {"x-amz-storage-class": "DEEP_ARCHIVE"})
        config = CONFIG.format(url=sim.url)
        if has_queue:
            sqs(sim, "CreateQueue", QueueName="q")
            sim.admin("POST", "topics", {"arn": TOPIC, "queue": QUEUE})
            assert sim.s3("PUT", "/lab?notification=", NOTIFY).status == 200
            assert sim.glacier("PUT", "/vaults/photos/notification-configuration", {
                "SNSTopic": TOPIC, "Events": ["ArchiveRetrievalCompleted",
                                              "InventoryRetrievalCompleted"]}).status == 204
            queue = f"queue = {sim.url}/111122223333/q\nendpoint"
            config = config.replace("endpoint", queue)
        mount = start_mount(sim, config, *words)
        until(lambda: sim.requests("InitiateJob"), 20, "the inventory's job")
        sim.advance("6h")
        for source in ("photos", "lab"):
            until(lambda: listed(mount.path / source), 30, f"catalog of {source}")
        return sim, mount
    return start


class Reader:
    """Reads a file; `end` is when its first byte came."""

    def __init__(self, path):
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-c",
             "import os, sys, time; f = os.open(sys.argv[1], os.O_RDONLY);"
             "b = os.read(f, 1); print(time.time(), flush=True)", str(path)],
            stdout=subprocess.PIPE, text=True)

    def is_done(self):
        return self.process.poll() is not None

    def end(self, seconds=20):
        text = self.process.communicate(timeout=seconds)[0]
        assert self.process.returncode == 0
        return float(text)


# S60
@pytest.mark.parametrize("file", [KEY, ARCHIVE])
def test_with_a_queue_the_first_byte_comes_within_200_ms_of_the_end_of_the_restore(
        slow, file, record_property):
    # The daemon keeps its own time: no poll of it comes due, however far the service's goes.
    sim, mount = slow(True)
    mount.stop()
    mount.words = ("mount.clock=",)
    mount.start()
    reader = Reader(mount.path / file)
    mount.wait_state(mount.path / file, "restoring")
    time.sleep(0.5)
    assert not reader.is_done()
    before = time.time()
    sim.advance("13h")
    took = reader.end() - before
    record_property("seconds", took)
    print(f"first byte {1000 * took:.0f} ms after the end of the restore")
    assert took < 0.2
    assert metric(mount, "thawfs_notices") == 1
    source = file.split("/")[0]
    until(lambda: metric(mount, f'thawfs_queue_lag_seconds{{source="{source}"}}') >= 0, 10, "the lag")
    assert metric(mount, f'thawfs_queue_lag_seconds{{source="{source}"}}') < 60
    assert metric(mount, f'thawfs_queue_is_read{{source="{source}"}}') == 1
    assert (mount.path / file).read_bytes() == DATA[file]
    until(lambda: left(sim) == 0, what="an empty queue")


# S60
def test_without_a_queue_it_comes_within_an_interval_of_polls(slow):
    sim, mount = slow(False)
    path = mount.path / ARCHIVE
    ask(mount, ARCHIVE, "expedited")
    mount.wait_state(path, "restoring")
    reader = Reader(path)
    for _ in range(60):
        sim.advance("5s")
        time.sleep(0.4)
        if reader.is_done():
            break
    # When the first byte came, in service time, which is as fast as ours between the steps.
    came = seconds(sim.clock()["now"]) - (time.time() - reader.end())
    late = came - seconds(mount.attribute(path, "ready"))
    print(f"first byte {late:.1f} s of service time after the end of the restore")
    assert late < INTERVAL + 5 + 1


# S60
def test_notices_that_are_lost_doubled_or_nonsense_change_nothing(slow):
    sim, mount = slow(True)
    mount.may_log = "no notice"
    sim.fault({"operation": "Notify", "nth": 1}, {"deliver": "never"})
    sim.fault({"operation": "Notify", "nth": 2}, {"deliver": "twice"})
    for body in ("nonsense", "{}", '{"Type":"SubscriptionConfirmation","SubscribeURL":"' +
                 sim.url + '/confirm"}', json.dumps({"Records": [{
                     "eventName": "ObjectRestore:Completed", "s3": {
                         "bucket": {"name": "lab"}, "object": {"key": "runs/notes.txt"}}}]})):
        send(sim, body)
    readers = [Reader(mount.path / file) for file in (KEY, ARCHIVE)]
    for file in (KEY, ARCHIVE):
        mount.wait_state(mount.path / file, "restoring")
    sim.advance("13h")
    for reader in readers:
        reader.end(40)
    for file in (KEY, ARCHIVE):
        assert (mount.path / file).read_bytes() == DATA[file]
    until(lambda: left(sim) == 0, 70, "an empty queue")
    assert not [r for r in sim.requests() if "confirm" in r.get("path", "")]
    assert mount.said().count("no notice") == 1


# S62
def test_ten_cold_archives_are_looked_up_by_one_walk_or_two(start_sim, start_mount):
    sim = start_sim("--speed", "1")
    sim.vault("photos")
    for i in range(10):
        sim.upload(f"archive {i}".encode() * 1000, f"file{i}")
    sim.inventory("photos")
    mount = start_mount(sim, "glacier://us-east-1/photos")
    until(lambda: sim.requests("InitiateJob"), 20, "the inventory's job")
    sim.advance("6h")
    until(lambda: listed(mount.path), 30, "the catalog")
    before = len(sim.requests("ListJobs"))
    fds = [os.open(mount.path / f"file{i}", os.O_RDONLY | os.O_NONBLOCK) for i in range(10)]
    for fd in fds:
        with pytest.raises(BlockingIOError):
            os.read(fd, 1)
    until(lambda: len(sim.requests("InitiateJob")) == 11, what="ten jobs")
    walks = len(sim.requests("ListJobs")) - before
    print(f"{walks} walks")
    assert walks <= 2
    for fd in fds:
        os.close(fd)
