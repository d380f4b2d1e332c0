# SPDX-License-Identifier: Apache-2.0
"""A small world to break: a vault and a bucket with files of every kind, a daemon in the middle of
restoring them, and what must hold whatever was done to it.

A *plan* says what is done in one run: who reads what, what the service does wrong, when the daemon
is killed. It is made from a random generator, but is all that a run depends on, so a plan that
found something is kept as it is (tests/data/campaign) whatever becomes of the generator.
"""
import csv
import hashlib
import importlib.util
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import time

import paid

HERE = pathlib.Path(__file__).resolve().parent
FOUND = HERE.parent / "data/campaign"

_spec = importlib.util.spec_from_file_location("mount_fixtures", HERE.parent / "mount/conftest.py")
mounts = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(mounts)
BUILD = mounts.BUILD

MIB = 1 << 20
CHUNK = MIB
TRANSFERS = 16  # chunks of a MiB in flight, fs/engine/private.h
CONFIG = """
[mount]
clock = {url}/_sim/clock
[source photos]
url = glacier://us-east-1/photos
endpoint = {url}
refresh = 0
[source lab]
url = s3://lab
endpoint = {url}
refresh = 0
storage-classes = all
[restore]
tier = {tier}
days = {days}
retry = 20s
{options}[cache]
dir = {dir}/cache
chunk = 1M
reserve = 0
[state]
dir = {dir}/state
[budget test]
money = {money}
"""
# Name: (bytes, storage class).
FILES = {
    "photos/big": (3 * MIB + 17, "VAULT"),
    "photos/even": (2 * MIB, "VAULT"),
    "photos/small": (70001, "VAULT"),
    "lab/deep": (2 * MIB + 5, "DEEP_ARCHIVE"),
    "lab/deep-small": (90003, "DEEP_ARCHIVE"),
    "lab/flexible": (MIB + 9, "GLACIER"),
    "lab/online": (MIB + 13, "STANDARD"),
}
DATA = {name: random.Random(name).randbytes(size) for name, (size, _) in FILES.items()}
HASHES = {name: hashlib.sha256(data).hexdigest() for name, data in DATA.items()}
# Looks at the service, and how long one is waited for before time goes on all the same.
LOOKS = ("DescribeJob", "ListJobs", "HeadObject", "ListObjectsV2")
LOOK_SECONDS = 5
# A reader that has been let go of ends by itself; a busy machine may not have started it yet.
REAP_SECONDS = 60

# What the service may do wrong (docs/SIMULATOR.md, "Faults"). Words of the rule:
#	calls	which it is for: `paid`, `look` (is it there, is it ready), `fetch`, `list`, `notify`
#	ends	a wish may end with an errno
#	again	what was paid by the call that met it is gone, and may be paid again
CALLS = {
    "paid": ("InitiateJob", "RestoreObject"),
    "look": ("ListJobs", "DescribeJob", "HeadObject"),
    "fetch": ("GetJobOutput", "GetObject"),
}
FAULTS = {
    "throttled": {"calls": "paid look fetch", "act": {"status": 400, "code": "ThrottlingException"}},
    "slow-down": {"calls": "paid look fetch", "act": {"status": 503, "code": "SlowDown"}},
    "error": {"calls": "paid look fetch", "act": {"status": 500, "code": "InternalError"}},
    "error-after": {"calls": "paid", "act": {"status": 500, "code": "InternalError",
                                             "when": "after"}},
    "no-capacity": {"calls": "paid", "ends": True,
                    "act": {"status": 503, "code": "InsufficientCapacityException"}},
    "no-capacity-400": {"calls": "paid", "ends": True,
                        "act": {"status": 400, "code": "InsufficientCapacityException"}},
    "no-expedited": {"calls": "paid", "ends": True, "act": {
        "status": 503, "code": "GlacierExpeditedRetrievalNotAvailable"}},
    "policy": {"calls": "paid", "ends": True,
               "act": {"status": 400, "code": "PolicyEnforcedException"}},
    "no-longer": {"calls": "paid", "ends": True,
                  "act": {"status": 400, "code": "NoLongerSupportedException"}},
    "in-progress": {"calls": "paid", "ends": True,
                    "act": {"status": 409, "code": "RestoreAlreadyInProgress"}},
    "denied": {"calls": "paid look fetch", "ends": True,
               "act": {"status": 403, "code": "AccessDenied"}},
    "error-in-200": {"calls": "paid fetch", "ends": True,
                     "act": {"status": 200, "code": "InternalError"}},
    "html": {"calls": "paid look fetch", "act": {"status": 503, "body": "html"}},
    "empty": {"calls": "paid look fetch", "act": {"status": 502, "body": "empty"}},
    "moved": {"calls": "look fetch", "ends": True,
              "act": {"status": 301, "region": "eu-west-1"}},
    "moved-400": {"calls": "look fetch", "ends": True,
                  "act": {"status": 400, "region": "eu-west-1"}},
    "lost-before": {"calls": "paid look fetch", "act": {"drop": "before"}},
    "lost-after": {"calls": "paid look fetch", "act": {"drop": "after"}},
    "late": {"calls": "paid look fetch", "act": {"delay_ms": 400}},
    "stall": {"calls": "fetch", "act": {"stall_ms": 300, "stall_after": 5000}},
    "cut": {"calls": "fetch", "act": {"cut_after": 5000}},
    "flip": {"calls": "fetch", "act": {"flip": 5001}},
    "wrong-hash": {"calls": "fetch", "act": {"tree_hash": "wrong"}},
    "no-hash": {"calls": "fetch", "act": {"without": "X-Amz-Sha256-Tree-Hash"}},
    "no-etag": {"calls": "look fetch", "ends": True, "act": {"without": "ETag"}},
    "no-length": {"calls": "look", "ends": True,
                  "act": {"without": "Content-Length"}},
    "job-fails": {"calls": "paid", "ends": True, "again": True,
                  "act": {"job_failure": "the robot dropped it"}},
}
# Options of [restore] that a plan may turn on. A daemon that does not know one runs without it.
OPTIONS = {
    "recall-ahead": ("2", "directory"),
    "ranges": ("auto",),
    "wave-hold": ("1s",),
    "pace": ("auto", "30/s"),
}
# Who reads: a shell line with the file in $1. Each must end, with the right hash or a word.
READERS = {
    "read": 'exec sha256sum "$1"',
    "head": 'exec head -c 100 "$1" >/dev/null',
    "nonblock": 'exec dd if="$1" of=/dev/null iflag=nonblock count=1 status=none',
    "tail": 'exec tail -c 100 "$1" >/dev/null',
    "map": 'exec python3 -c "import mmap,os,sys; '
           'm = mmap.mmap(os.open(sys.argv[1], 0), 0, mmap.MAP_PRIVATE, mmap.PROT_READ); '
           'm[0]" "$1"',
    "upgrade": 'echo get tier=bulk >"$(dirname "$1")/.thaw/$(basename "$1").request"; '
               'sleep 0.2; '
               'echo get tier=standard >"$(dirname "$1")/.thaw/$(basename "$1").request"',
    "range": 'echo get range=0-1048575 >"$(dirname "$1")/.thaw/$(basename "$1").request"',
    "get": 'echo get >"$(dirname "$1")/.thaw/$(basename "$1").request"',
    "cancel": 'sleep 0.3; echo cancel >"$(dirname "$1")/.thaw/$(basename "$1").request"',
}
TROUBLE = re.compile(r"^<[0-2]>|is not in the table|assert|sanitizer", re.I | re.M)
EDGE = re.compile(r"phase=(\S+) event=(\S+) next=")


class Broken(AssertionError):
    """A promise does not hold."""


def edges():
    """The engine's table, as [debug] crash-at names its rows."""
    done = subprocess.run([BUILD / "tests/campaign/edges"], capture_output=True, text=True,
                          check=True)
    return done.stdout.split()


def known_options():
    done = subprocess.run([mounts.DAEMON, "s3://none", "/nowhere", "--print-config"],
                          capture_output=True, text=True, check=True)
    return {line.split(" = ")[0] for line in done.stdout.splitlines() if " = " in line}


def holds(true, words):
    if not true:
        raise Broken(words() if callable(words) else words)


# ---- making a world ----

class Daemon(mounts.Mount):
    """A Mount that may die while it starts."""

    def __init__(self, directory, sim, config):
        self.may_die = True
        super().__init__(directory, sim, config)

    def command(self):
        words = [str(mounts.DAEMON), self.source, str(self.path), "-f", "-v", "-v"]
        return words + (["-o", ",".join(self.words)] if self.words else [])

    def start(self):
        self.is_stopped = False
        self.log = open(self.log_path, "a")
        self.process = subprocess.Popen(self.command(), env=self.sim.env, stderr=self.log,
                                        stdin=subprocess.DEVNULL)
        mounts.until(lambda: mounts.is_mounted(self.path) or self.is_dead(), 60, "mount")

    def is_dead(self):
        return self.process.poll() is not None

    def kill(self):
        self.is_stopped = True
        self.process.kill()
        self.process.wait()
        self.log.close()
        if mounts.is_mounted(self.path):
            subprocess.run(["umount", "-l", self.path], check=True)

    def write_config(self, plan, money=1000):
        options = "".join(f"{k} = {v}\n" for k, v in plan.get("options", {}).items()
                          if k in known_options())
        self.source = str(self.dir / "thawfs.conf")
        pathlib.Path(self.source).write_text(CONFIG.format(
            url=self.sim.url, dir=self.dir, tier=plan["tier"], days=plan["days"], money=money,
            options=options))


class Golden:
    """A simulator's data, a state and a cache in which both catalogs are in place: runs begin with
    copies of it."""

    def __init__(self, directory):
        self.dir = directory
        self.dir.mkdir()
        self.resources = {}  # of the bill and of the log: file
        sim = mounts.sims.Sim(self.dir, "--speed", 100000)
        daemon = None
        try:
            self.fill(sim)
            daemon = Daemon(self.dir, sim, CONFIG.format(url=sim.url, dir=self.dir, days=3,
                                                         tier="standard", money=1000, options=""))
            for source in ("photos", "lab"):
                mounts.until(lambda: mounts.listed(daemon.path / source), 60,
                             f"catalog of {source}")
            daemon.stop()
            sim.admin("POST", "clock", {"speed": 1})
            sim.advance("30h")  # the inventory's job has lapsed
            self.lines = len(sim.bill()["lines"])
        finally:
            if daemon and not daemon.is_dead():
                daemon.kill()
            sim.stop()
        for ballast in self.dir.glob("cache/ballast"):
            ballast.unlink()

    def fill(self, sim):
        sim.vault("photos")
        mounts_ok = sim.s3("PUT", "/lab").status == 200
        for name, (_, storage_class) in FILES.items():
            source, key = name.split("/")
            if source == "photos":
                archive = sim.upload(DATA[name], key)
                self.resources[f"vaults/photos/archives/{archive}"] = name
            else:
                put = sim.s3("PUT", f"/lab/{key}", DATA[name],
                             {"x-amz-storage-class": storage_class})
                mounts_ok = mounts_ok and put.status == 200
                self.resources[f"lab/{key}"] = name
        assert mounts_ok
        sim.inventory("photos")

    def copy(self, directory):
        directory.mkdir()
        for part in ("sim", "state", "cache"):
            subprocess.run(["cp", "-a", "--sparse=always", self.dir / part, directory], check=True)


# ---- a run ----

class Run:
    """One plan, carried out in a directory of its own."""

    def __init__(self, golden, directory, plan):
        self.golden, self.dir, self.plan = golden, directory, plan
        golden.copy(directory)
        (directory / "plan.json").write_text(json.dumps(plan, indent=1))
        self.sim = mounts.sims.Sim(directory, "--speed", 1)
        self.daemon = None
        self.readers = []
        self.failed = {}  # file: errno words of its last reader
        self.kills = 0
        self.others = []  # lines of the bill that are not ours
        self.log = paid.RequestLog(self.sim)
        self.advanced = None  # (lines of the log, real time) when service time was last moved

    def carry_out(self):
        rules = [rule for name, calls, nth in self.plan["faults"]
                 for rule in fault_rules(name, calls, nth)]
        if self.plan.get("restored"):
            self.restore_elsewhere(self.plan["restored"])
        if rules:
            self.sim.admin("POST", "faults", {"rules": rules})
        self.daemon = Daemon.__new__(Daemon)
        self.open()
        for leg in self.plan["legs"]:
            self.leg(leg)
        self.finish()
        self.check()
        self.stop()

    def open(self):
        """As Mount's own, but of directories that are there."""
        d = self.daemon
        d.sim, d.words, d.dir = self.sim, (), self.dir
        d.path, d.log_path = self.dir / "mnt", self.dir / "thawfs.log"
        d.may_log = d.load = None
        d.path.mkdir()
        d.is_stopped = True

    def restore_elsewhere(self, key):
        """Somebody else asks for an object before we do."""
        body = (b'<RestoreRequest><Days>20</Days><GlacierJobParameters><Tier>Standard</Tier>'
                b'</GlacierJobParameters></RestoreRequest>')
        assert self.sim.s3("POST", f"/lab/{key}?restore=", body).status == 202
        self.sim.advance("1h")
        self.others = self.sim.bill(self.golden.lines)["lines"]

    def leg(self, leg):
        """A daemon's life: readers come, it is killed at a step or an instant, or all are done."""
        d = self.daemon
        # Poor: enough for a look at an object, not for a restore.
        d.write_config(self.plan, "0.00001" if self.plan.get("is_poor") else 1000)
        d.words = ("debug.crash-at=" + leg["at"],) if "at" in leg else ()
        d.start()
        for name, how in leg["readers"]:
            self.read(name, how)
        end = time.monotonic() + leg["ms"] / 1000 if "ms" in leg else None
        self.drive(end, leg.get("seconds", 60))
        self.kills += 1
        d.kill()
        self.reap("a killed daemon")

    def read(self, name, how):
        process = subprocess.Popen(["sh", "-c", READERS[how], "sh", self.daemon.path / name],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.readers.append((name, how, process))

    def drive(self, end, seconds):
        """Lets time pass until the daemon is dead, the instant has come, or nobody waits. Service
        time goes on only where nothing but time is waited for, so that no window lapses for want
        of a moment to look."""
        limit = time.monotonic() + seconds
        while not self.daemon.is_dead():
            now = time.monotonic()
            if end and now >= end:
                return
            if not any(p.poll() is None for _, _, p in self.readers) and not self.queue():
                return
            if now > limit:
                raise Broken(f"after {seconds} s there are still readers, of "
                             f"{self.waiting()}; the queue: {self.queue()}")
            if self.is_idle() and self.has_looked():
                self.advance()
            time.sleep(0.03)

    def waiting(self):
        return [f"{how} {name}" for name, how, p in self.readers if p.poll() is None]

    def queue(self):
        """What is under way, by the daemon's own word; nothing where it is dead."""
        try:
            text = (self.daemon.path / ".thaw/queue").read_text()
        except OSError:
            return []
        return [json.loads(line) for line in text.splitlines()]

    def is_idle(self):
        queue = self.queue()
        return queue and all(r["phase"] == "restoring" and not r["trouble"] for r in queue)

    def advance(self):
        self.advanced = self.log.count(), time.monotonic()
        self.sim.advance("6h")
        time.sleep(0.25)  # the queue is as of a moment ago

    def has_looked(self):
        """The daemon has had an answer about all it waits for since time was moved."""
        if not self.advanced or time.monotonic() > self.advanced[1] + LOOK_SECONDS:
            return True
        seen = {line["resource"] for line in self.log.since(self.advanced[0])
                if line["operation"] in LOOKS + CALLS["paid"] and line["status"] < 300}
        # Of the object itself, or a listing of the vault's jobs or of the bucket.
        return all(r["resource"] in seen or r["resource"].split("/archives/")[0] in seen
                   or r["resource"].split("/")[0] in seen for r in self.queue())

    def reap(self, of):
        """Every reader has ended: with the right bytes, or with a word why not."""
        for name, how, process in self.readers:
            try:
                out, err = process.communicate(timeout=REAP_SECONDS)
            except subprocess.TimeoutExpired:
                raise Broken(f"{how} of {name} still waits, of {of}") from None
            if process.returncode == 0 and how == "read":
                holds(out.split()[0] == HASHES[name], f"wrong bytes of {name} were served")
            if process.returncode == 0:
                self.failed.pop(name, None)
            else:
                self.failed[name] = err
                holds(err or process.returncode < 0 or process.returncode > 128,
                      f"{how} of {name} was told nothing")
        self.readers = []

    def finish(self):
        """The last life: nothing more is done to it, and all that was wanted is read."""
        d = self.daemon
        d.words = ()
        d.write_config(self.plan)
        d.start()
        holds(not d.is_dead(), lambda: f"it does not start again:\n{d.said()[-2000:]}")
        for attempt in range(3):
            for name in self.plan["files"]:
                self.read(name, "read")
            self.drive(None, 90)
            holds(not d.is_dead(), lambda: f"it died by itself:\n{d.said()[-2000:]}")
            self.failed = {}
            self.reap("a daemon that nothing was done to")
            if not self.failed:
                return
            holds(attempt > 0 or self.may_fail(),
                  lambda: f"reads fail for no reason: {self.failed}")
            self.sim.clear_faults()
        raise Broken(f"read three times, and still: {self.failed}")

    def may_fail(self):
        return any(FAULTS[name].get("ends") for name, _, _ in self.plan["faults"]) or \
            any(how == "cancel" for leg in self.plan["legs"] for _, how in leg["readers"])

    # What must hold

    def check(self):
        mounts.until(lambda: not self.queue(), 30, "an empty queue")
        self.check_restores(self.bill()[self.golden.lines:])
        until(self.is_booked, lambda: f"restores in the ledger {mounts.restores(self.ledger())} "
              f"and in the bill {mounts.restores(self.bill())}")
        self.check_metered(self.bill(), self.ledger())
        said = self.daemon.said()
        holds(not TROUBLE.search(said), lambda: "the log: " + TROUBLE.search(said)[0])

    def bill(self):
        """But for what others had to pay."""
        lines = self.sim.bill()["lines"]
        begin = self.golden.lines
        return lines[:begin] + lines[begin + len(self.others):]

    def check_restores(self, bill):
        """Each file's restore is paid once; more often only where what was bought was lost, or
        where somebody asked for a faster tier. Parts of an archive cost what they are."""
        has_parts = self.has_reader("range") or "ranges" in self.plan.get("options", {})
        may_fail = any(FAULTS[name].get("again") for name, _, _ in self.plan["faults"])
        payments = {}
        for line in bill:
            if line["operation"] in CALLS["paid"] and line["component"] == "retrieval":
                payments.setdefault(self.golden.resources[line["resource"]], []).append(line)
        for name, (size, storage_class) in FILES.items():
            is_cold = storage_class != "STANDARD" and \
                self.plan.get("restored") != name.split("/")[1]
            # Where parts are wanted they come beside the whole; else they are the rest of it.
            lines = [line for line in payments.get(name, [])
                     if not has_parts or int(line["quantity"]) == size]
            most = 1 + self.has_reader("upgrade", name) + paid.losses(
                self.log.since(0), lines, may_fail, size, storage_class, self.plan["days"])
            if not (is_cold or self.has_reader("upgrade", name)) or not self.was_asked(name):
                most = 0
            holds(len(lines) <= most, f"the restore of {name} was paid {len(lines)} times, and "
                  f"{most} can be explained: {[line['time'] for line in lines]}")
            holds(lines or has_parts or not is_cold or name not in self.plan["files"],
                  f"the restore of {name} was not paid, and it was read")

    def has_reader(self, how, name=None):
        return any(h == how and (name is None or n == name)
                   for leg in self.plan["legs"] for n, h in leg["readers"])

    def was_asked(self, name):
        if "recall-ahead" in self.plan.get("options", {}):
            return True
        return name in self.plan["files"] or any(n == name for leg in self.plan["legs"] for n, _ in leg["readers"])

    def is_booked(self):
        """The ledger's restores are the bill's. It has one more where a daemon died over a faster
        tier, and said that nobody can tell any more whether it was taken."""
        booked, billed = mounts.restores(self.ledger()), mounts.restores(self.bill())
        if "cannot be told any more: booked as paid" in self.daemon.said():
            return all(booked.get(key, 0) >= n for key, n in billed.items())
        return booked == billed

    def check_metered(self, bill, ledger):
        """Bytes sent, and requests that cost: equal up to what was in flight when it died, or when
        the service broke off."""
        breaks = self.kills + 3 * len(self.plan["faults"])
        for operations, component, slack in (
                (CALLS["fetch"], "transfer", breaks * TRANSFERS * CHUNK),
                (("GetObject", "HeadObject"), "request", breaks * (TRANSFERS + 8))):
            billed, booked = (sum(int(x["quantity"]) for x in lines if
                                  x["operation"] in operations and x["component"] == component)
                              for lines in (bill, ledger))
            holds(abs(billed - booked) <= slack,
                  f"{component} of {operations}: billed {billed}, booked {booked}")

    def ledger(self):
        with open(self.daemon.path / ".thaw/ledger.csv", newline="") as f:
            return list(csv.DictReader(f))

    def stop(self):
        d = self.daemon
        d.process.send_signal(signal.SIGTERM)
        try:
            d.process.wait(20)
        except subprocess.TimeoutExpired:
            raise Broken("it does not stop") from None
        d.is_stopped = True
        holds(d.process.returncode == 0, f"it exits {d.process.returncode}")

    def end(self):
        """Whatever happened: nothing stays."""
        d = self.daemon
        if d and hasattr(d, "process"):
            if d.process.poll() is None or mounts.is_mounted(d.path):
                d.kill()
        for _, _, process in self.readers:
            process.kill()
            process.communicate()
        self.sim.stop()

    def edges_passed(self):
        text = self.daemon.said() if self.daemon and self.daemon.log_path.exists() else ""
        return {f"{phase}/{event}" for phase, event in EDGE.findall(text)}


def until(true, words):
    end = time.monotonic() + 20
    while not true():
        holds(time.monotonic() < end, words)
        time.sleep(0.1)


def fault_rules(name, calls, nth):
    """The rules of a fault: the nth of such calls goes wrong."""
    return [{"match": {"operation": operation, "nth": nth, "times": 1},
             "act": FAULTS[name]["act"]} for operation in CALLS[calls]]


def carry_out(golden, directory, plan):
    """Runs a plan: (None or what is wrong, edges passed). Leaves the directory only on failure."""
    run = None
    wrong = None
    try:
        run = Run(golden, directory, plan)
        run.carry_out()
    except (AssertionError, OSError, subprocess.SubprocessError) as e:
        wrong = f"{type(e).__name__}: {e}"
    finally:
        passed = run.edges_passed() if run else set()
        if run:
            try:
                run.end()
            except AssertionError as e:
                wrong = wrong or f"thaw-sim: {e}"
    if wrong:
        print(f"--- {wrong}\nto repeat it: THAW_PLAN={directory}/plan.json tests/run crash",
              flush=True)
    else:
        # Who has mounted all of this elsewhere, too, holds the mount point.
        shutil.rmtree(directory, ignore_errors=True)
    return wrong, passed


# ---- making plans ----

def draw_faults(rng, n):
    faults = []
    for _ in range(n):
        name = rng.choice(sorted(FAULTS))
        faults.append([name, rng.choice(FAULTS[name]["calls"].split()), rng.choice((1, 1, 2, 3))])
    return faults


def draw_readers(rng, files, faults):
    hows = ["read"] * 4 + ["head", "tail", "nonblock", "get", "map", "range"]
    # To believe that a restore is under way and make it faster is to begin one.
    if not any(name == "in-progress" for name, _, _ in faults):
        hows.append("upgrade")
    return [[name, rng.choice(hows)] for name in files for _ in range(rng.choice((1, 1, 2)))]


def draw_plan(rng):
    """Without a kill yet."""
    files = sorted(rng.sample(sorted(FILES), rng.choice((1, 2, 3, 4))))
    return {
        "tier": rng.choice(("standard", "standard", "bulk", "expedited")),
        "days": rng.choice((1, 3)),
        "files": files,
        "faults": draw_faults(rng, rng.choice((0, 0, 0, 1, 2))),
        "restored": rng.choice(("deep", "flexible")) if rng.random() < 0.15 else None,
        "is_poor": rng.random() < 0.1,
        "options": {k: rng.choice(v) for k, v in OPTIONS.items() if rng.random() < 0.25},
        "legs": [],
    }
