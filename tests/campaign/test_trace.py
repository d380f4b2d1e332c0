# SPDX-License-Identifier: Apache-2.0
"""The order of what a daemon syncs and sends, as the kernel is asked: the intent to pay is on the
disk before the first byte of the paid request leaves."""
import os
import pathlib
import tempfile

import pytest
import world

KIND_REQUEST, INTENT = 17, 1  # docs/FORMAT.md
PAID = {"photos/small": "/vaults/photos/jobs HTTP", "lab/deep-small": "/lab/deep-small?restore"}


@pytest.fixture
def traced(golden, runs):
    """A run whose daemon is traced; it gives what was traced."""
    with tempfile.TemporaryDirectory(prefix="thawfs-trace-") as directory:
        trace = pathlib.Path(directory) / "trace"
        plan = {"tier": "standard", "days": 1, "files": sorted(PAID), "faults": [],
                "restored": None, "legs": []}
        run = world.Run(golden, runs / "trace", plan)
        run.sim.env = {**run.sim.env, "THAW_TRACE": str(trace),
                       "LD_PRELOAD": str(world.BUILD / "tests/campaign/libtrace.so")}
        try:
            run.daemon = world.Daemon.__new__(world.Daemon)
            run.open()
            run.finish()
            inos = {name: os.stat(run.daemon.path / name).st_ino for name in PAID}
            run.check()
            run.stop()
        finally:
            run.end()
        yield trace.read_text().splitlines(), trace.with_suffix(".data").read_bytes(), inos


def has_intent(page, ino):
    """Whether a written page has the record of an intent for the file: kind, version, id, inode
    number, source, kind of request, state."""
    at = page.find(ino.to_bytes(8, "little"))
    while at >= 0:
        source = int.from_bytes(page[at + 8:at + 12], "little")
        state = page[at + 12 + source + 1:at + 12 + source + 2]
        if at >= 10 and page[at - 10] == KIND_REQUEST and state == bytes([INTENT]):
            return True
        at = page.find(ino.to_bytes(8, "little"), at + 1)
    return False


# S21
def test_the_intent_is_synced_before_the_request_is_sent(traced):
    lines, data, inos = traced
    for name, words in PAID.items():
        sent = next(i for i, line in enumerate(lines)
                    if line.startswith("send POST") and words in line)
        steps = []  # the page with the intent, the sync of the pages, the root that names them
        for line in lines[:sent]:
            word, path, *more = line.split()
            if not path.endswith("/journal/data.mdb"):
                continue
            if word == "write" and not steps:
                begin, length = int(more[0]), int(more[1])
                if has_intent(data[begin:begin + length], inos[name]):
                    steps = ["page"]
            elif word == "sync" and steps == ["page"]:
                steps = ["page", "sync"]
            elif word == "write" and more[2] == "1" and steps == ["page", "sync"]:
                steps = ["page", "sync", "root"]
        assert steps == ["page", "sync", "root"], f"{name}: {steps} before {lines[sent]}"
