# SPDX-License-Identifier: Apache-2.0
"""demo - what tools/demo shows, once everything is built: demo.py BUILD [--keep | --stop]."""
import base64
import csv
import hashlib
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.request
from decimal import Decimal

SPEED = int(os.environ.get("DEMO_SPEED", 1800))  # a service hour passes in two seconds
KEY = {"AWS_ACCESS_KEY_ID": "AKIATHAWSIM000000000",
       "AWS_SECRET_ACCESS_KEY": "thaw-sim-secret"}
VAULT, BUCKET = "reef-survey", "coral-genomics"
MIB = 1 << 20
# Where, name, bytes, storage class of the bucket's, bytes of a part where it was uploaded in parts.
# The vault has names as tar users, duplicity and git-annex give them, and as the programs in
# DESCRIPTIONS wrap them.
SAMPLES = [
    ("vault", "2019/transect-01.tar", 40 * MIB + 12345, None, 0),
    ("vault", "2019/transect-02.tar", 3 * MIB, None, 0),
    ("vault", "WORM-s1048576-m1435630500--north.wav", MIB, None, 0),
    ("vault", "duplicity-full.20150630T021500Z.vol1.difftar.gpg", 2 * MIB, None, 0),
    ("vault", "2013/tides.csv", 20_000, None, 0),
    ("vault", "2016/reef 12.jpg", 400_000, None, 0),
    ("vault", "2019/dives/märz.log", 3_000, None, 0),
    ("bucket", "papers/2021/figures.tar", 9 * MIB + 1, "GLACIER", 0),
    ("bucket", "runs/run-07/reads.fastq.gz", 24 * MIB + 777, "DEEP_ARCHIVE", 8 * MIB),
    ("bucket", "runs/run-07/samples.csv", 4711, "DEEP_ARCHIVE", 0),
    ("bucket", "scans/reef-model.ply", 300 * MIB, "DEEP_ARCHIVE", 0),
]
READ = [("vault", "2019/transect-01.tar"), ("bucket", "runs/run-07/reads.fastq.gz")]
# USD a day: enough for those, and not for this one.
BUDGET = "0.02"
TOO_DEAR = ("bucket", "scans/reef-model.ply")
PATIENCE_S = 100


def base64_of(text):
    return base64.b64encode(text.encode()).decode()


# What mt-aws-glacier, CloudBerry and FastGlacier write as an archive's description.
DESCRIPTIONS = {
    "2013/tides.csv": lambda name: "mt2 " + base64_of(json.dumps(
        {"filename": name, "mtime": "20130102T030405Z"})).translate(
            str.maketrans("+/", "-_", "=")),
    "2016/reef 12.jpg": lambda name: json.dumps(
        {"Path": name, "UTCDateModified": "20160310T110623Z"}),
    "2019/dives/märz.log": lambda name:
        f"<m><v>4</v><p>{base64_of(name)}</p><lm>20190321T085242Z</lm></m>",
}


class Trouble(Exception):
    """What went wrong and what to do about it, for the person who runs the demo."""


def width():
    """As wide as the terminal, but no line is longer than one likes to read."""
    return max(40, min(shutil.get_terminal_size((80, 24)).columns - 2, 100))


def say(text):
    print("\n" + textwrap.fill(" ".join(text.split()), width()), flush=True)


def title(text):
    print(f"\n\033[1m{text}\033[0m" if colour() else f"\n{text}", flush=True)


def colour():
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def show(text):
    print("\n" + textwrap.indent(text.rstrip("\n"), "    "), flush=True)


# ---- what must be taken away in the end, also by a later run ----

def start_of(pid):
    """The start time of a process: with it a number names one process for ever."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[19]
    except OSError:
        return None


class Stage:
    """Everything the demo puts up, noted in a file before it is there."""

    def __init__(self, build):
        self.note = os.path.join(build, "demo-stage.json")
        self.dir = None
        self.is_kept = False
        self.processes = {}  # name -> [pid, start time]

    def load(self):
        try:
            with open(self.note) as f:
                known = json.load(f)
        except (OSError, ValueError):
            return False
        self.dir, self.is_kept = known["dir"], known["is_kept"]
        self.processes = known["processes"]
        return True

    def save(self):
        with open(self.note + ".new", "w") as f:
            json.dump({"dir": self.dir, "is_kept": self.is_kept,
                       "processes": self.processes}, f)
        os.replace(self.note + ".new", self.note)

    def set_up(self):
        self.dir = tempfile.mkdtemp(prefix="thawfs-demo-")
        self.save()
        for name in ("samples", "sim", "state", "cache", "mnt"):
            os.mkdir(self.path(name))

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def add_process(self, name, pid):
        self.processes[name] = [pid, start_of(pid)]
        self.save()

    def is_running(self, name):
        pid, start = self.processes.get(name, (None, None))
        return start is not None and start_of(pid) == start

    def end_process(self, name):
        if not self.is_running(name):
            return
        pid = self.processes[name][0]
        for number in (signal.SIGTERM, signal.SIGKILL):
            os.kill(pid, number)
            if wait_until(lambda: not self.is_running(name), 10):
                return

    def is_mounted(self):
        with open("/proc/self/mountinfo") as f:
            return any(line.split()[4] == self.path("mnt") for line in f)

    def unmount(self):
        """True if it went without force."""
        if not self.is_mounted():
            return True
        if subprocess.run(["fusermount3", "-u", self.path("mnt")],
                          stderr=subprocess.DEVNULL).returncode == 0:
            return wait_until(lambda: not self.is_running("thawfs"), 10)
        subprocess.run(["fusermount3", "-u", "-z", self.path("mnt")])
        return False

    def strike(self):
        clean = self.unmount()
        self.end_process("thawfs")
        self.end_process("thaw-sim")
        if self.is_mounted():
            raise Trouble(f"{self.path('mnt')} is still mounted: leave it, then tools/demo --stop")
        shutil.rmtree(self.dir, ignore_errors=True)
        if os.path.exists(self.note):
            os.unlink(self.note)
        return clean


def wait_until(is_so, seconds, step=0.05):
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(step)
    return True


# ---- the simulated service ----

class Sim:
    def __init__(self, build, stage):
        self.build, self.stage = build, stage
        self.url = None

    def start(self):
        log = open(self.stage.path("thaw-sim.log"), "wb")
        process = subprocess.Popen(
            [f"{self.build}/tools/sim/thaw-sim", "--listen", "127.0.0.1:0",
             "--data", self.stage.path("sim"), "--speed", str(SPEED),
             "--seed", self.stage.path("samples/seed.json")],
            stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True)
        self.stage.add_process("thaw-sim", process.pid)
        m = re.match(r"thaw-sim: listening on (http://\S+)", process.stdout.readline())
        if not m:
            with open(log.name) as f:
                raise Trouble(f"the simulator did not start: {f.read().strip()}")
        self.url = m[1]

    def ask(self, path):
        with urllib.request.urlopen(f"{self.url}/_sim/{path}", timeout=10) as answer:
            return json.load(answer)

    def bill(self):
        return self.ask("bill")["lines"]


def samples_make(stage):
    """Writes the sample files and the simulator's seed; gives their hashes."""
    hashes, vault, bucket = {}, [], []
    for where, name, size, storage_class, part in SAMPLES:
        file = name.replace("/", "_")
        with open(stage.path("samples", file), "wb") as f:
            if (where, name) == TOO_DEAR:
                f.truncate(size)
            else:
                data = random.Random(name).randbytes(size)
                hashes[where, name] = hashlib.sha256(data).hexdigest()
                f.write(data)
        if where == "vault":
            describe = DESCRIPTIONS.get(name, str)
            vault.append({"description": describe(name), "file": file})
            continue
        bucket.append({"key": name, "storage-class": storage_class, "file": file,
                       "last-modified": "2021-05-20T09:30:00Z"})
        if part:
            bucket[-1]["part-size"] = part
    with open(stage.path("samples/seed.json"), "w") as f:
        json.dump({"vaults": [{"name": VAULT, "archives": vault}],
                   "buckets": [{"name": BUCKET, "objects": bucket}]}, f)
    return hashes


# ---- the mount ----

def configuration(stage, sim):
    return textwrap.dedent(f"""\
        [source vault]
        url = glacier://us-east-1/{VAULT}
        endpoint = {sim.url}

        [source bucket]
        url = s3://{BUCKET}
        endpoint = {sim.url}
        region = us-east-1

        [mount]
        clock = {sim.url}/_sim/clock

        [budget demo]
        money = {BUDGET}
        per = day

        [cache]
        dir = {stage.path("cache")}

        [state]
        dir = {stage.path("state")}
        """)


def mount(build, stage, text):
    conf = stage.path("thawfs.conf")
    with open(conf, "w") as f:
        f.write(text)
    # A regular file, not a pipe: the daemon keeps it and would keep a pipe open.
    with open(stage.path("thawfs.log"), "w+") as log:
        done = subprocess.run([f"{build}/fs/thawfs", conf, stage.path("mnt")],
                              env={**os.environ, **KEY}, stdout=log, stderr=log, timeout=60)
        log.seek(0)
        said = log.read()
    if done.returncode != 0:
        raise Trouble(f"thawfs did not start (status {done.returncode}): {said.strip()}")
    said = re.sub(r"^<\d>", "", said, flags=re.M)  # priorities, for the system's log
    try:
        with open(stage.path("state/state.lock")) as f:
            stage.add_process("thawfs", int(f.read().split()[0]))
    except (OSError, ValueError, IndexError):
        pass  # it ends with the mount
    return said


def thaw(build, *args):
    """What it says, folded to be shown."""
    done = subprocess.run([f"{build}/tools/thaw/thaw", *args], capture_output=True, text=True,
                          timeout=30)
    lines = []
    for line in (done.stdout + done.stderr).splitlines():
        indent = " " * (len(line) - len(line.lstrip()))
        lines += textwrap.wrap(line, width() - 4, subsequent_indent=indent,
                               break_long_words=False, replace_whitespace=False) or [""]
    return "\n".join(lines)


def facts(stage, where, name):
    head, tail = os.path.split(name)
    with open(stage.path("mnt", where, head, ".thaw", tail + ".json")) as f:
        return json.load(f)


def short_time(text):
    return time.strftime("%a %H:%M", time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))


def first_listing(stage, sim):
    """The vault has no names until its inventory is here: shows the wait."""
    root, shown = stage.path("mnt/vault"), 0
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            os.listdir(root)
            return
        except BlockingIOError as e:  # EAGAIN
            reason = os.strerror(e.errno)
        if time.monotonic() > end:
            with open(os.path.join(root, ".thaw/summary")) as f:
                raise Trouble(f"the vault's inventory does not come: {f.read()}")
        if time.monotonic() - shown >= 2:
            now = short_time(sim.ask("clock")["now"])
            print(f"    {now}   ls vault: {reason}", flush=True)
            shown = time.monotonic()
        time.sleep(0.2)


def state_words(f):
    words = f["state"]
    if f["state"] == "fetching" and f["size"]:
        words += f", {100 * f['here'] // f['size']}%"
    elif f["state"] in ("requested", "restoring") and f["eta"]:
        parse = "%Y-%m-%dT%H:%M:%S"
        left = (time.mktime(time.strptime(f["eta"][:19], parse))
                - time.mktime(time.strptime(f["now"][:19], parse))) / 60
        words += f", {max(0, int(left)) // 60} h {max(0, int(left)) % 60:02} min to go"
    return words


def cold_reads(stage):
    """Reads one cold file of each source at the same time; gives the hashes read."""
    readers = {at: subprocess.Popen(["sha256sum", stage.path("mnt", *at)], text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
               for at in READ}
    heads = [f"{where}: {os.path.basename(name)}" for where, name in READ]
    print(f"\n    {'service time':13} {heads[0]:29} {heads[1]}")
    last, shown, end = None, 0, time.monotonic() + PATIENCE_S
    try:
        while True:
            over = all(r.poll() is not None for r in readers.values())
            now = [facts(stage, *at) for at in READ]
            states = [f["state"] for f in now]
            is_due = time.monotonic() - shown >= 2.5 and not over
            if states != last or is_due:
                columns = [state_words(f) for f in now]
                print(f"    {short_time(now[0]['now']):13} {columns[0]:29} {columns[1]}",
                      flush=True)
                last, shown = states, time.monotonic()
            if over:
                break
            if time.monotonic() > end:
                raise Trouble("the files did not come in time; the states above say where "
                              f"they are, {stage.path('thawfs.log')} may say why")
            time.sleep(0.2)
    finally:
        for r in readers.values():
            if r.poll() is None:
                r.kill()
    read = {}
    for at, r in readers.items():
        out, err = r.communicate()
        if r.returncode != 0:
            raise Trouble(f"reading failed: {err.strip()}: {facts(stage, *at)['error']}")
        read[at] = out.split()[0]
    return read


# ---- money ----

RESTORES = ("InitiateJob", "RestoreObject")
ROWS = [
    ("restore requests", lambda o, c: c == "request" and o in RESTORES),
    ("bytes brought back", lambda o, c: c == "retrieval"),
    ("bytes kept as a copy", lambda o, c: c == "storage"),
    ("other requests", lambda o, c: c == "request" and o not in RESTORES),
    ("bytes transferred out", lambda o, c: c == "transfer"),
]


def sums(lines):
    """[(quantity, amount)] for each of ROWS, then the total amount."""
    table = []
    for _, belongs in ROWS:
        mine = [x for x in lines if belongs(x["operation"], x["component"])]
        table.append((sum(int(x["quantity"]) for x in mine),
                      sum(Decimal(x["amount"]) for x in mine)))
    return table, sum(Decimal(x["amount"]) for x in lines)


def money_compare(bill, ledger):
    """Prints both beside each other; True if restores and bytes brought back agree."""
    theirs, their_total = sums(bill)
    ours, our_total = sums(ledger)
    print(f"\n    {'':22}{'the service bills':>24}  {'thawfs wrote down':>24}")
    print(f"    {'':22}{'number':>11}{'USD':>13}  {'number':>11}{'USD':>13}")
    agree = True
    for i, (words, _) in enumerate(ROWS):
        same = theirs[i] == ours[i]
        agree = agree and (same or i > 1)
        print(f"    {words:22}{theirs[i][0]:11}{theirs[i][1]:13.6f}  "
              f"{ours[i][0]:11}{ours[i][1]:13.6f} {'=' if same else '≠'}")
    print(f"    {'total':22}{'':11}{their_total:13.6f}  {'':11}{our_total:13.6f} "
          f"{'=' if their_total == our_total else '≠'}")
    return agree


# ---- the show ----

def act_cloud(build, stage, sim):
    title("1. A pretend cloud")
    say(f"""Amazon keeps rarely used data cheaply in cold storage: a vault archive or a bucket's
        archive-class object cannot be read until one has asked for it and waited for hours.
        thaw-sim stands in for the service here, so nothing is paid, and one of its hours
        passes in {3600 / SPEED:g} seconds.""")
    hashes = samples_make(stage)
    sim.start()
    n = sum(where == "vault" for where, *_ in SAMPLES)
    print(f"\n    {sim.url}\n    vault {VAULT}: {n} archives; "
          f"bucket {BUCKET}: {len(SAMPLES) - n} objects")
    return hashes


def act_mount(build, stage, sim):
    title("2. Mounting both as one tree")
    text = configuration(stage, sim)
    show(text)
    say("thawfs says at every start what may be spent:")
    said = mount(build, stage, text)
    show("\n".join(line for line in said.splitlines() if "budget" in line))
    say("""A bucket can be listed at once. A vault cannot: its inventory has to be asked for,
        and takes hours. Until it is here the directory says so, and never looks empty:""")
    print()
    first_listing(stage, sim)
    command = "find . -type f -printf '%9s %TF %P\\n'"
    show(f"$ {command}\n" + subprocess.run(
        command, shell=True, cwd=stage.path("mnt"), capture_output=True, text=True).stdout)
    say("True names, sizes and dates; and nothing has been restored or paid for that.")


def act_read(build, stage, hashes):
    title("3. Reading cold files")
    say("What is known about a cold file before anybody pays for it:")
    where, name = READ[1]
    show(f"$ thaw status {where}/{name}\n" + thaw(build, "status", stage.path("mnt", where, name))
         .replace(stage.path("mnt") + "/", ""))
    say("""Any program may read it: here sha256sum, one file of each. The read asks for the
        restore and waits; Ctrl-C would end the waiting, not the restore.""")
    read = cold_reads(stage)
    good = True
    print()
    for at in READ:
        same = read[at] == hashes[at]
        good = good and same
        print(f"    {read[at][:16]}… {'is' if same else 'IS NOT'} what was put in: {'/'.join(at)}")
    begun = time.monotonic()
    subprocess.run(["sha256sum", *(stage.path("mnt", *at) for at in READ)],
                   stdout=subprocess.DEVNULL, check=True)
    say(f"""A second read comes from the cache: both files in
        {time.monotonic() - begun:.2f} seconds, nothing paid.""")
    return good


def act_refusal(build, stage):
    """A file the budget does not allow: refused at once, unpaid, with the reason."""
    title("4. A budget says no")
    where, name = TOO_DEAR
    say(f"""The budget above allows {BUDGET} USD a day. This file would take more, so reading it
        fails at once, before anything is paid, and its status says why:""")
    done = subprocess.run(["sha256sum", f"{where}/{name}"], cwd=stage.path("mnt"),
                          capture_output=True, text=True, timeout=30)
    show(f"$ sha256sum {where}/{name}\n{done.stderr}\n$ thaw status {where}/{name}\n"
         + thaw(build, "status", stage.path("mnt", where, name))
         .replace(stage.path("mnt") + "/", ""))
    say("To have it: a larger [budget], or tomorrow's.")
    return done.returncode != 0


def act_money(stage, sim, before):
    title("5. What it cost")
    say("""Every charge is written down before the paid call leaves. The simulated service's
        own bill and the ledger of the mount (.thaw/ledger.csv) must agree:""")
    def both():
        with open(stage.path("mnt/.thaw/ledger.csv")) as f:
            return sim.bill()[before:], list(csv.DictReader(io.StringIO(f.read())))

    # A look at the service that is under way is on one side only, for a moment.
    wait_until(lambda: len({str(sums(lines)) for lines in both()}) == 1, 3, step=0.3)
    agree = money_compare(*both())
    say("""Restores and bytes brought back agree. (A vault's inventory is asked for like a
        restore, and counted as one.)""" if agree else
        "RESTORES OR BYTES BROUGHT BACK DIFFER: please report this as a bug.")
    return agree


def keep_up(build, stage):
    stage.is_kept = True
    stage.save()
    title("It stays mounted")
    print(textwrap.dedent(f"""
        Try:
            cd {stage.path("mnt")}
            PATH={build}/tools/thaw:$PATH
            thaw status -r .
            thaw get --tier bulk --wait vault/2019/transect-02.tar
            wc -c < bucket/runs/run-07/samples.csv      # Ctrl-C it, and try again
            cat .thaw/ledger.csv
        End it:
            tools/demo --stop"""), flush=True)


def run(build, stage, keep):
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        raise Trouble("no /dev/fuse to use here; in a container start it with "
                      "--device /dev/fuse --cap-add SYS_ADMIN")
    stage.set_up()
    sim = Sim(build, stage)
    hashes = act_cloud(build, stage, sim)
    before = len(sim.bill())
    act_mount(build, stage, sim)
    good = act_read(build, stage, hashes)
    good = act_refusal(build, stage) and good
    agree = act_money(stage, sim, before)
    if keep and good and agree:
        keep_up(build, stage)
        return True
    title("6. Unmounting")
    clean = stage.strike()
    say("Unmounted, everything taken away." if clean else
        "The mount had to be taken away by force.")
    return good and agree and clean


def stop(stage):
    if not stage.load():
        say("Nothing of the demo is left.")
        return 0
    stage.strike()
    say("The demo is unmounted and taken away.")
    return 0


def quit_on_signal(number, _frame):
    raise SystemExit(128 + number)


def play(build, stage, keep):
    """The show, and whatever happens, its end."""
    old = Stage(build)
    if old.load():
        if old.is_running("demo") or (old.is_kept and old.is_running("thaw-sim")):
            raise Trouble("a demo is up already: tools/demo --stop ends it")
        say("Cleaning up after a demo that was killed.")
        old.strike()
    stage.processes["demo"] = [os.getpid(), start_of(os.getpid())]
    status = 1
    try:
        status = 0 if run(build, stage, keep) else 1
    finally:
        if stage.dir and os.path.exists(stage.note) and not stage.is_kept:
            stage.strike()
    return status


def main():
    build, words = sys.argv[1], sys.argv[2:]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, quit_on_signal)
    stage = Stage(build)
    try:
        if words == ["--stop"]:
            return stop(stage)
        return play(build, stage, words == ["--keep"])
    except Trouble as e:
        print(f"demo: {e}", file=sys.stderr)
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as e:
        print(f"demo: {type(e).__name__}: {e}", file=sys.stderr)
        print("demo: tools/demo --stop cleans up; then try again", file=sys.stderr)
    return 1


sys.exit(main())
