#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""From "ready at the service" to the first byte at a reader that was waiting.

	tests/bench/first_byte.py [BUILD]	a table on stderr, JSON on stdout

With a queue: real milliseconds from the end of the restore (the simulator's clock is put forward
behind it; the daemon keeps its own, so no poll comes due) to the byte, for an object and for an
archive, on loopback. Without one: service seconds, of an expedited restore of an archive whose
polls are 15 s apart. BUILD is a build directory without sanitizers (build-plain).
"""
import datetime
import importlib.util
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build-plain").resolve()
os.environ["THAW_BUILD"] = str(BUILD)


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


mounts = load("conftest", ROOT / "tests/mount/conftest.py")
notices = load("test_notices", ROOT / "tests/mount/test_notices.py")

ROUNDS = 12
SIZE = 300000
VAULT = [f"photos/{i}" for i in range(ROUNDS)]
BUCKET = [f"lab/{i}" for i in range(ROUNDS)]
INTERVAL_S = notices.INTERVAL


def world(folder, has_queue):
    sim = mounts.sims.Sim(folder, "--speed", "1")
    sim.vault("photos")
    assert sim.s3("PUT", "/lab").status == 200
    for i in range(ROUNDS):
        data = mounts.pattern(SIZE, i)
        sim.upload(data, str(i))
        sim.s3("PUT", f"/lab/{i}", data, {"x-amz-storage-class": "DEEP_ARCHIVE"})
    sim.inventory("photos")
    config = notices.CONFIG.format(url=sim.url)
    if has_queue:
        notices.sqs(sim, "CreateQueue", QueueName="q")
        sim.admin("POST", "topics", {"arn": notices.TOPIC, "queue": notices.QUEUE})
        assert sim.s3("PUT", "/lab?notification=", notices.NOTIFY).status == 200
        assert sim.glacier("PUT", "/vaults/photos/notification-configuration", {
            "SNSTopic": notices.TOPIC, "Events": ["ArchiveRetrievalCompleted"]}).status == 204
        config = config.replace("endpoint", f"queue = {sim.url}/111122223333/q\nendpoint")
    mount = mounts.Mount(folder, sim, config, f"mount.clock={sim.url}/_sim/clock")
    mounts.until(lambda: sim.requests("InitiateJob"), 20, "the inventory's job")
    sim.advance("6h")
    for source in ("photos", "lab"):
        mounts.until(lambda: mounts.listed(mount.path / source), 60, f"catalog of {source}")
    return sim, mount


def told(sim, mount, file):
    """Milliseconds, with a queue."""
    reader = notices.Reader(mount.path / file)
    mount.wait_state(mount.path / file, "restoring")
    time.sleep(0.4)
    before = time.time()
    sim.advance("13h")
    return 1000 * (reader.end() - before)


def polled(sim, mount, file):
    """Service seconds, without one."""
    path = mount.path / file
    notices.ask(mount, file, "expedited")
    mount.wait_state(path, "restoring")
    reader = notices.Reader(path)
    while not reader.is_done():
        sim.advance("3s")
        time.sleep(0.4)
    came = notices.seconds(sim.clock()["now"]) - (time.time() - reader.end())
    return came - notices.seconds(mount.attribute(path, "ready"))


def measure(has_queue, files, how):
    with tempfile.TemporaryDirectory() as folder:
        sim, mount = world(pathlib.Path(folder), has_queue)
        try:
            if has_queue:
                mount.stop()
                mount.words = ("mount.clock=",)
                mount.start()
            return {name: [how(sim, mount, file) for file in these]
                    for name, these in files.items()}
        finally:
            mount.process.terminate()
            mount.process.wait(20)
            sim.stop()


def main():
    began = datetime.datetime.now()
    got = {f"queue, {name}, ms": took for name, took in measure(
        True, {"object": BUCKET, "archive": VAULT}, told).items()}
    got |= {f"polls of {INTERVAL_S} s, {name}, service s": took for name, took in measure(
        False, {"archive": VAULT[:4]}, polled).items()}
    result = {}
    print(f"{'first byte after the end of the restore':44} {'n':>3} {'median':>8} {'most':>8}",
          file=sys.stderr)
    for name, took in got.items():
        result[name] = {"n": len(took), "median": round(statistics.median(took), 1),
                        "most": round(max(took), 1)}
        print(f"{name:44} {len(took):3} {result[name]['median']:8} {result[name]['most']:8}",
              file=sys.stderr)
    result["seconds"] = round((datetime.datetime.now() - began).total_seconds())
    print(json.dumps(result))


if __name__ == "__main__":
    main()
