# SPDX-License-Identifier: Apache-2.0
"""The facts about FUSE that decide thawfs's design, each held both ways: that what we avoid is
still harmful, and that what we do instead is still harmless. A test that fails here says that a
kernel or libfuse has changed and a decision in docs/ARCHITECTURE.md may be made anew."""
import os
import signal
import subprocess
import sys

import pytest

from conftest import wait_until

pytestmark = pytest.mark.timeout(30)

FILE_SIZE = 1 << 20
SHORT_SIZE = 5000
# What an error looks like from Python: prints "N bytes" or the name of the errno.
READ = """
import errno, os, sys
try:
    fd = os.open(sys.argv[1], os.O_RDONLY | int(sys.argv[2]))
    print(len(os.pread(fd, 1 << 17, 0)), "bytes")
except OSError as e:
    print(errno.errorcode[e.errno])
"""
# One read(2) with a handler for SIGUSR1 that asks for restarts.
READ_ONCE = """
import ctypes, errno, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
signal.signal(signal.SIGUSR1, lambda *_: None)
signal.siginterrupt(signal.SIGUSR1, False)
fd = os.open(sys.argv[1], os.O_RDONLY)
n = libc.read(fd, ctypes.create_string_buffer(4096), 4096)
print(n, errno.errorcode.get(ctypes.get_errno()))
"""
READ_AHEAD = """
import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
for off in range(0, 1 << 20, 1 << 17):
    os.posix_fadvise(fd, off, 1 << 17, os.POSIX_FADV_WILLNEED)
os.read(fd, 1)
"""
# One access through a mapping of the kind named: prints the byte, or the name of the errno.
FAULT = """
import errno, mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
try:
    m = mmap.mmap(fd, 4096, getattr(mmap, sys.argv[2]), mmap.PROT_READ)
    print("read", m[0])
except OSError as e:
    print(errno.errorcode[e.errno])
"""


def parked(probe, names):
    """A reader for each name, all of whose reads have reached the probe."""
    before = probe.count("read")
    readers = [probe.head(name) for name in names]
    assert probe.gets("read", before + len(readers))
    return readers


# Fact 1: blocked reads must be foreground requests.

def test_twelve_parked_page_cache_reads_hang_every_other_reader_for_good(mount):
    probe = mount()
    with open(f"{probe.connection}/max_background") as f:
        assert int(f.read()) == 12
    readers = parked(probe, [f"p.{n}" for n in range(12)])
    assert readers[0].reaches("D")
    other = probe.head("f.1")
    assert not other.ends(0.7)

    for reader in readers:
        reader.kill()
    assert all(reader.ends() for reader in readers)
    assert not probe.gets("interrupt", seconds=0.3) and probe.count("release") == 0
    assert not other.ends(0.3)
    assert probe.count("read", ino=(1 << 24) + 1) == 0


def test_parked_direct_io_reads_disturb_nobody_and_say_when_they_go(mount):
    probe = mount()
    readers = parked(probe, [f"dkp.{n}" for n in range(40)])
    assert all(reader.reaches("S") for reader in readers[:2])
    assert len(probe.head("f.1").output()) == 10

    for reader in readers:
        reader.kill(signal.SIGTERM)
    assert all(reader.ends() for reader in readers)
    assert probe.gets("interrupt", 40) and probe.gets("release", 40)


# Fact 2: the page cache, for files that are here.

def test_a_keep_cache_handle_reads_again_without_asking_the_daemon(mount):
    probe = mount()
    for name, is_kept in (("k.1", True), ("f.1", False)):
        assert len(probe.cat(name).output()) == FILE_SIZE
        first = probe.count("read")
        assert len(probe.cat(name).output()) == FILE_SIZE
        assert (probe.count("read") == first) == is_kept


def test_read_ahead_is_many_at_once_and_uninterruptible_with_async_read_only(mount):
    for option, at_once, state in ("async_read", True, "D"), ("sync_read", False, "S"):
        probe = mount("-o", option)
        assert probe.count("init", async_read=int(at_once)) == 1
        reader = probe.python(READ_AHEAD, probe.path("kp.1"))
        assert probe.gets("read", 2, seconds=0.7) == at_once
        assert reader.reaches(state)
        reader.kill()
        assert reader.ends()
        assert probe.gets("interrupt", seconds=0.5) != at_once


# Fact 3: never park a page fault.

def test_lock_owner_tells_page_faults_and_read_ahead_from_direct_io_reads(mount):
    probe = mount()
    probe.cat("f.1").output()
    probe.python(FAULT, probe.path("f.2"), "MAP_PRIVATE").output()
    assert probe.count("read", owner=0) > 1 and probe.count("read", owner=1) == 0
    probe.cat("dk.3").output()
    assert probe.count("read", owner=1) > 1
    on_direct = {"ino": (1 << 24) + (3 << 16) + 4}
    assert probe.python(FAULT, probe.path("dk.4"), "MAP_PRIVATE").output() == "read 0\n"
    assert probe.count("read", owner=0, **on_direct) > 0
    assert probe.count("read", owner=1, **on_direct) == 0


def test_an_open_beside_a_parked_fault_is_unkillable_unless_it_keeps_the_cache(mount):
    probe = mount()
    fault = probe.python(FAULT, probe.path("dkp.1"), "MAP_PRIVATE")
    assert probe.gets("read") and fault.reaches("D")
    keeping = probe.python(READ, probe.path("dkp.1"), 0)
    assert probe.gets("read", owner=1), "an open that keeps the cache goes through"
    keeping.kill()
    assert keeping.ends()

    probe.say("nokeep")
    opens = probe.count("open")
    dropping = probe.python(READ, probe.path("dkp.1"), 0)
    assert probe.gets("open", opens + 1) and dropping.reaches("D")
    dropping.kill()
    assert not dropping.ends(0.7)
    probe.abort()
    assert dropping.ends()


def test_a_second_page_fault_beside_a_parked_one_can_be_killed(mount):
    probe = mount()
    faults = [probe.python(FAULT, probe.path("kp.1"), "MAP_PRIVATE") for _ in range(3)]
    assert probe.gets("read") and all(fault.reaches("D") for fault in faults)
    for fault in faults:
        fault.kill()
    assert all(fault.ends() for fault in faults)


def test_shared_mappings_of_a_direct_io_handle_are_refused(mount):
    probe = mount()
    assert probe.python(FAULT, probe.path("dk.1"), "MAP_SHARED").output() == "ENODEV\n"
    assert probe.python(FAULT, probe.path("k.1"), "MAP_SHARED").output() == "read 0\n"


# Fact 4: never a short reply to a page cache read.

def test_a_short_reply_through_the_page_cache_truncates_the_file_for_everybody(mount):
    probe = mount()
    size = ("stat", "-c", "%s")
    assert len(probe.cat("s.1").output()) == SHORT_SIZE
    assert probe.run(*size, probe.path("s.1")).output() == f"{SHORT_SIZE}\n"
    assert len(probe.cat("s.1").output()) == SHORT_SIZE


def test_a_short_reply_to_a_direct_io_read_is_just_a_short_read(mount):
    probe = mount()
    assert probe.python(READ, probe.path("dks.1"), 0).output() == f"{SHORT_SIZE} bytes\n"
    assert probe.run("stat", "-c", "%s", probe.path("dks.1")).output() == f"{FILE_SIZE}\n"
    assert len(probe.cat("dks.1").output()) == FILE_SIZE


# Fact 5: what must never wait.

def test_invalidating_an_inode_with_a_parked_page_cache_read_deadlocks_the_daemon(mount):
    probe = mount()
    parked(probe, ["p.1"])
    probe.say("inval p.1", wait=False)
    assert probe.gets("invalidating") and not probe.gets("invalidated", seconds=0.7)
    probe.proc.kill()
    assert not wait_until(probe.is_gone, 0.5)


def test_invalidating_an_inode_with_a_parked_direct_io_read_returns_at_once(mount):
    probe = mount()
    parked(probe, ["dkp.1"])
    probe.say("inval dkp.1")
    assert probe.count("invalidated") == 1


def test_a_parked_lookup_makes_every_other_of_its_directory_unkillable(mount):
    probe = mount()
    probe.run("stat", probe.path("many")).output()
    probe.run("stat", probe.path("l.1"))
    assert probe.gets("lookup", name="l.1")
    other = probe.run("stat", probe.path("f.1"))
    elsewhere = probe.run("stat", probe.path("many/f.1"))
    assert elsewhere.ends() and other.reaches("D")
    other.kill()
    assert not other.ends(0.5) and probe.count("lookup", parent=1, name="f.1") == 0
    probe.say("answer")
    assert other.ends()


# Fact 6: interrupts.

def test_any_handled_signal_interrupts_a_parked_read_and_eintr_reaches_it(mount):
    probe = mount()
    reader = probe.python(READ_ONCE, probe.path("dkp.1"))
    assert probe.gets("read") and reader.reaches("S")
    reader.kill(signal.SIGUSR1)
    assert reader.output() == "-1 EINTR\n"
    assert probe.count("interrupt") == 1


def test_stopping_a_reader_interrupts_its_read(mount):
    probe = mount()
    reader, = parked(probe, ["dkp.1"])
    reader.kill(signal.SIGSTOP)
    assert probe.gets("interrupt") and reader.reaches("T")


def test_a_killed_reader_is_unkillable_until_its_interrupt_is_answered(mount):
    probe = mount("--ignore-interrupt")
    reader, = parked(probe, ["dkp.1"])
    reader.kill()
    assert probe.gets("interrupt")
    assert not reader.ends(0.7) and reader.state() == "D"
    probe.say("answer")
    assert reader.ends()


def test_an_interrupt_answered_enosys_is_the_last_of_the_mount(mount):
    probe = mount("--enosys-interrupt")
    for name in "dkp.1", "dkp.2":
        reader, = parked(probe, [name])
        reader.kill()
        assert not reader.ends(0.5)
    assert probe.count("interrupt") == 1


# Fact 7: directory listings with attributes.

@pytest.mark.parametrize("mode, least, most", [("yes", 0, 5), ("auto", 1000, 2000)])
def test_only_forced_readdirplus_saves_the_lookups_of_a_cold_find(mount, mode, least, most):
    probe = mount("-o", f"readdirplus={mode}")
    found = probe.run("find", probe.path("many"), "-type", "f", "-size", "+1k")
    assert found.output().count("\n") == 2000
    assert least <= probe.count("lookup") <= most


# Fact 8: O_NONBLOCK and poll.

def test_o_nonblock_is_seen_on_every_read_also_when_set_later(mount):
    probe = mount()
    nonblock = 0o4000
    for name in "dkp.1", "kp.2":
        assert probe.python(READ, probe.path(name), nonblock).output() == "EAGAIN\n"
    code = ("import fcntl, os, sys; fd = os.open(sys.argv[1], os.O_RDONLY);"
            "os.read(fd, 1); fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK); os.read(fd, 1)")
    probe.python(code, probe.path("dk.3")).output()
    third = {"ino": (1 << 24) + (3 << 16) + 3}
    assert probe.count("read", nonblock=0, **third) == 1
    assert probe.count("read", nonblock=1, **third) == 1


@pytest.mark.parametrize("waiter", ["poll", "epoll"])
def test_a_poll_on_a_regular_file_sleeps_until_it_is_notified(mount, waiter):
    probe = mount()
    code = ("import os, select, sys; p = getattr(select, sys.argv[2])();"
            "p.register(os.open(sys.argv[1], os.O_RDONLY), select.POLLIN);"
            "print(len(p.poll(0)), flush=True); print(len(p.poll()))")
    if waiter == "epoll":
        code = code.replace("p.poll(0)", "p.poll(timeout=0)")
    reader = probe.python(code, probe.path("dk.1"), waiter)
    assert probe.gets("poll", waits=1) and not reader.ends(0.5)
    probe.say("ready")
    assert reader.output() == "0\n1\n"


# Fact 11: inotify.

WATCH = """
import ctypes, os, select, struct, sys
libc = ctypes.CDLL(None)
fd = libc.inotify_init()
for path in sys.argv[1:]:
    assert libc.inotify_add_watch(fd, path.encode(), 0x4) > 0  # IN_ATTRIB
print("watching", flush=True)
for line in sys.stdin:
    print(len(os.read(fd, 4096)) if select.select([fd], [], [], 0.5)[0] else 0, flush=True)
"""


def test_watchers_hear_of_a_setxattr_by_anybody_and_not_of_an_invalidation(mount):
    probe = mount("-o", "default_permissions,allow_other")
    path = probe.path("f.1")
    os.stat(path)
    watch = subprocess.Popen([sys.executable, "-c", WATCH, path, probe.mountpoint],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert watch.stdout.readline() == "watching\n"

        def heard():
            watch.stdin.write("\n")
            watch.stdin.flush()
            return int(watch.stdout.readline())

        probe.say("inval f.1")
        assert heard() == 0
        # Of the namespace `system` a stranger may set one on what he may not write; not of `user`.
        code = ("import os, sys; os.chdir(sys.argv[1]); os.setuid(65534);"
                "os.setxattr('f.1', sys.argv[2], b'')")
        assert "PermissionError" in probe.python(code, probe.mountpoint, "user.probe").output()
        assert probe.python(code, probe.mountpoint, "system.probe").output() == ""
        assert probe.count("setxattr", name="system.probe") == 1
        assert heard() > 16  # the file's, and the directory's with the name
    finally:
        watch.terminate()
        watch.wait()
