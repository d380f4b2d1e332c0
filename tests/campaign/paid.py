# SPDX-License-Identifier: Apache-2.0
"""Whether what was paid may be paid again: by the simulator's log of requests, never by guess."""
import datetime
import json
import re

MIB = 1 << 20
PAID = ("InitiateJob", "RestoreObject")
FETCHES = ("GetJobOutput", "GetObject")
# The longest a restore takes, in hours, and how long a vault's output lasts: AWS protocol reference
# 1.3, 2.5, 2026-09.
LONGEST = {
    "VAULT": {"Expedited": 1 / 12, "Standard": 5, "Bulk": 12},
    "GLACIER": {"Expedited": 1 / 12, "Standard": 5, "Bulk": 12},
    "DEEP_ARCHIVE": {"Standard": 12, "Bulk": 48},
}
OUTPUT_HOURS = 24
RENEWALS = 2  # fs/engine/lapse.c


class RequestLog:
    """What the simulator was asked and has answered, as it writes it down."""

    def __init__(self, sim):
        self.path, self.lines, self.at = sim.data / "requests.jsonl", [], 0

    def read(self):
        with open(self.path, "rb") as f:
            f.seek(self.at)
            new = f.read()
        whole = new[:new.rfind(b"\n") + 1]
        self.at += len(whole)
        self.lines += [json.loads(line) for line in whole.splitlines()]

    def count(self):
        self.read()
        return len(self.lines)

    def since(self, n):
        self.read()
        return self.lines[n:]


def seconds_of(iso):
    return datetime.datetime.fromisoformat(iso.replace("Z", "+00:00")).timestamp()


def has_lapsed(lines, asked, again, size, storage_class, days):
    """Whether what the paid call `asked` brought was over before `again`, when it was paid anew,
    and not every chunk of it had been sent by then (S70)."""
    hours = LONGEST[storage_class][asked["tier"]]
    hours += OUTPUT_HOURS if storage_class == "VAULT" else 24 * days
    if seconds_of(again) < seconds_of(asked["service_time"]) + 3600 * hours:
        return False
    sent = [False] * ((size + MIB - 1) // MIB)
    for line in lines:
        if line["operation"] not in FETCHES or line["resource"] != asked["resource"] \
                or "fault" in line or line["status"] >= 300 \
                or not asked["service_time"] <= line["service_time"] <= again:
            continue
        first = int(re.match(r"bytes=(\d+)-", line.get("range", "bytes=0-"))[1])
        for at in range(first // MIB, (first + line["bytes"] + MIB - 1) // MIB):
            sent[at] = True
    return not all(sent)


def losses(lines, payments, is_failing, size, storage_class, days):
    """How many of a file's `payments` (lines of the bill, oldest first) bought what was gone before
    it was here: the service failed in it, where faults do that, or its time was over."""
    asked = {line["request_id"]: line for line in lines if line["operation"] in PAID}
    asked = [asked[line["request_id"]] for line in payments]
    failed = sum(is_failing and "fault" in line for line in asked)
    lapsed = sum(has_lapsed(lines, before, after["service_time"], size, storage_class, days)
                 for before, after in zip(asked, asked[1:]))
    return failed + min(lapsed, RENEWALS)
