# SPDX-License-Identifier: Apache-2.0
"""SIGKILL of the daemon at each step of one restore: paid once, right bytes.

tests/rig/test_crash.c kills the engine at every edge of its table; here the whole daemon dies,
with its databases, its cache and its mount, and another one takes over.
"""
import os
import re
import subprocess

import pytest
from conftest import DAEMON, HERE, listed, pattern, restores, until

HELPER = HERE.parent.parent / "packaging/mount/mount.fuse.thawfs"
MIB = 1 << 20
# An hour in 36 ms: a Standard restore takes a fifth of a second, a deep one half.
SPEED = 100000
# More than one chunk of 1 MiB, with a tail.
DATA = pattern(5 * MIB + 4097, 11)
RESTORE = {"vault": "InitiateJob", "bucket": "RestoreObject"}
FETCH = {"vault": "GetJobOutput", "bucket": "GetObject"}

# The steps of an undisturbed restore, as [debug] crash-at names them.
STEPS = [
    "new/wanted",          # nothing known yet
    "looking/cold",        # about to reserve: before the intent
    "looking/cold+",       # the intent on its way to the journal
    "reserving/committed",   # the intent is durable, nothing sent
    "reserving/committed+",  # the request queued
    "sending/accepted",    # the service has it, the journal does not know
    "sending/accepted+",   # the note on its way to the journal
    "restoring/noted",     # the charge is booked
    "restoring/running",   # polled once
    "restoring/ready",     # ready, and not written down
    "restoring/ready+",
    "fetching/noted",
    "fetching/fetched",    # every byte is here, not all are proved
    "proving/proved",
    "proving/proved+",
    "ending/committed",    # the end is durable
]


@pytest.fixture(params=RESTORE)
def kind(request):
    return request.param


@pytest.fixture
def mount(start_sim, start_mount, kind):
    """One cold file of DATA, its name in a catalog that is here to stay."""
    sim = start_sim("--speed", SPEED)
    if kind == "vault":
        sim.vault("photos")
        sim.upload(DATA, "file")
        sim.inventory("photos")
        url = "glacier://us-east-1/photos"
    else:
        sim.s3("PUT", "/lab")
        put = sim.s3("PUT", "/lab/file", DATA, {"x-amz-storage-class": "DEEP_ARCHIVE"})
        assert put.status == 200, put.body
        url = "s3://lab"
    # A listing of its own accord would pass the same steps. No copy is to lapse on a slow machine
    # meanwhile: it would be asked for again, or for more days.
    mount = start_mount(sim, url, "source.refresh=0", "cache.chunk=1M", "restore.days=100")
    until(lambda: listed(mount.path), 30, "catalog")
    mount.file = mount.path / "file"
    mount.operation = RESTORE[kind]
    mount.paid_before = paid(mount, restores(sim.bill()["lines"]))
    return mount


def paid(mount, totals):
    """(restores of the operation, bytes retrieved), of a bill or a ledger."""
    return totals.get((mount.operation, "request"), 0), \
        totals.get((mount.operation, "retrieval"), 0)


def transferred(mount, kind):
    return sum(int(line["quantity"]) for line in mount.sim.bill()["lines"]
               if line["component"] == "transfer" and line["operation"] == FETCH[kind])


def gone(mount):
    """Waits for the daemon to have been killed; takes away the mount it left."""
    mount.process.wait(30)
    assert mount.process.returncode == -9, mount.said()
    mount.log.close()
    mount.is_stopped = True
    subprocess.run(["umount", "-l", mount.path], check=True)


def check_paid_once(mount):
    assert mount.file.read_bytes() == DATA
    mount.wait_state(mount.file, "cached")
    until(lambda: mount.booked() == restores(mount.sim.bill()["lines"]), 10,
          "the ledger becoming the bill")
    before, now = mount.paid_before, paid(mount, mount.booked())
    assert (now[0] - before[0], now[1] - before[1]) == (1, len(DATA)), mount.ledger()


@pytest.mark.parametrize("step", STEPS)
def test_a_daemon_killed_at_a_step_pays_once(mount, step):
    """S12, S22: the next daemon finishes what this one began."""
    mount.stop()
    mount.words += (f"debug.crash-at={step}",)
    mount.start()
    reader = subprocess.Popen(["cat", mount.file], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
    gone(mount)
    got, said = reader.communicate(timeout=10)
    assert got == DATA or (DATA.startswith(got) and said), "wrong bytes, or not told"
    mount.words = mount.words[:-1]
    mount.start()
    check_paid_once(mount)


def test_a_daemon_killed_while_restoring_pays_once(mount):
    """S12, S22: the hours of waiting, seen from outside."""
    mount.sim.admin("POST", "clock", {"speed": 1})
    mount.ask(mount.file, "get")
    mount.wait_state(mount.file, "restoring")
    mount.kill()
    mount.start()
    mount.wait_state(mount.file, "restoring")
    mount.sim.admin("POST", "clock", {"speed": SPEED})
    check_paid_once(mount)


def test_a_daemon_killed_in_a_fetch_uses_what_is_here(mount, kind):
    """S12, S50: the chunks that were on disk are not fetched again."""
    mount.sim.fault({"operation": FETCH[kind], "nth": 4, "times": 1000}, {"delay_ms": 5000})
    fetched_before = transferred(mount, kind)
    mount.ask(mount.file, "get")
    # Rows are written within two seconds of their bytes.
    until(lambda: held(mount) >= 3 * MIB, 30, "three chunks on disk")
    mount.kill()
    mount.sim.clear_faults()
    sent = transferred(mount, kind)
    mount.start()
    check_paid_once(mount)
    again = transferred(mount, kind) - sent
    assert 0 < again <= len(DATA) - 3 * MIB, f"{again} bytes fetched after the crash"
    assert sent - fetched_before <= len(DATA)


def held(mount):
    said = re.search(r"^thawfs_cache_used_bytes (\d+)$",
                     (mount.path / ".thaw/metrics").read_text(), re.M)
    return int(said[1])


def is_served(path):
    try:
        return bool(os.listdir(path))
    except OSError:
        return False


def test_a_mount_whose_daemon_has_died_makes_way(mount):
    """S238: nobody has to unmount it first; who had it open is told."""
    fd = os.open(mount.path / "file", os.O_RDONLY | os.O_NONBLOCK)
    for _ in range(2):
        mount.process.kill()
        mount.process.wait()
        mount.log.close()
        assert not is_served(mount.path)
        mount.start()
        until(lambda: is_served(mount.path), 20, "the next one")
    for use in (lambda: os.read(fd, 1), lambda: os.close(fd)):
        with pytest.raises(OSError, match="not connected"):
            use()


def test_mount_of_fstabs_type_replaces_a_mount_whose_daemon_has_died(mount):
    """S238: mount.fuse3 looks at the directory before it starts anything."""
    mount.process.kill()
    mount.process.wait()
    mount.log.close()
    mount.is_stopped = True
    _, source, at, *words = mount.command()
    helper = [HELPER, source, at, "-o", words[-1] + ",drop_privileges"]
    env = {**mount.sim.env, "PATH": f"{DAEMON.parent}:{os.environ['PATH']}:/usr/sbin:/sbin"}
    try:
        subprocess.run(["mount.fuse3", *helper[1:], "-t", "fuse.thawfs"], env=env, check=False)
        assert not is_served(mount.path), "or it needs no help any more"
        subprocess.run(helper, env=env, check=True)
        until(lambda: is_served(mount.path), 20, "the next one")
    finally:
        subprocess.run(["umount", "-l", at], check=True)
    assert subprocess.run(["findmnt", "--mountpoint", at], check=False).returncode
    lock = (mount.dir / "state/state.lock").read_text().split()
    until(lambda: not lock or not os.path.exists(f"/proc/{lock[0]}"), 20, "its end")
