# SPDX-License-Identifier: Apache-2.0
"""A probe file system per test, its readers, and their end: whatever a test does to the kernel,
the connection is aborted, nothing stays mounted and no process is left."""
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

import pytest

CONNECTIONS = "/sys/fs/fuse/connections"


def wait_until(condition, seconds=5.0):
    """Whether the condition becomes true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


class Reader:
    """A process that uses the mount; the test itself never touches it."""

    def __init__(self, argv):
        self.said = tempfile.TemporaryFile()  # not a pipe, whose end would have to be read
        self.proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.said,
                                     stderr=subprocess.STDOUT)
        self.pid = self.proc.pid

    def state(self):
        """The scheduler's letter: S, D, T, Z; X when it is gone."""
        try:
            with open(f"/proc/{self.pid}/stat") as f:
                return f.read().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return "X"

    def reaches(self, letter):
        """Whether it comes to this state and is in it a little later still."""
        if not wait_until(lambda: self.state() == letter):
            return False
        time.sleep(0.1)
        return self.state() == letter

    def kill(self, signum=signal.SIGKILL):
        os.kill(self.pid, signum)

    def ends(self, seconds=5.0):
        return wait_until(lambda: self.proc.poll() is not None, seconds)

    def output(self):
        assert self.ends(), f"{self.proc.args} did not end, state {self.state()}"
        self.said.seek(0)
        return self.said.read().decode()


class Probe:
    def __init__(self, mountpoint, options):
        self.mountpoint = str(mountpoint)
        self.readers, self.events = [], []
        self.proc = subprocess.Popen(
            [os.path.join(os.environ.get("THAW_BUILD", "build-plain"), "tests/kernel/probe"),
             self.mountpoint, *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        threading.Thread(target=lambda: self.events.extend(self.proc.stdout),
                         daemon=True).start()
        assert wait_until(lambda: self.heard("init") == 1), "the probe did not mount"
        # From a table and not with stat(): this process must not hang with the mount.
        with open("/proc/self/mountinfo") as f:
            line = next(m for m in f if m.split()[4] == self.mountpoint)
        self.connection = f"{CONNECTIONS}/{line.split()[2].partition(':')[2]}"

    def path(self, name):
        return os.path.join(self.mountpoint, name)

    def heard(self, word, **keys):
        """How many lines of this kind we have read so far, having these keys."""
        want = [f" {k}={v}" for k, v in keys.items()]
        return sum(re.match(rf"{word}\b", e) is not None
                   and all(f"{w} " in f"{e.rstrip()} " for w in want) for e in list(self.events))

    def gets(self, word, n=1, seconds=5.0, **keys):
        return wait_until(lambda: self.heard(word, **keys) >= n, seconds)

    def count(self, word, **keys):
        """How many there have been until now."""
        self.say("sync")
        return self.heard(word, **keys)

    def say(self, command, wait=True):
        done = self.heard("done")
        self.proc.stdin.write(command + "\n")
        self.proc.stdin.flush()
        assert not wait or self.gets("done", done + 1), f"{command} hangs"

    def run(self, *argv):
        self.readers.append(Reader(argv))
        return self.readers[-1]

    def python(self, code, *args):
        return self.run(sys.executable, "-S", "-E", "-c", code, *map(str, args))

    def cat(self, name):
        return self.run("cat", self.path(name))

    def head(self, name):
        return self.run("head", "-c", "10", self.path(name))

    def abort(self):
        try:
            with open(f"{self.connection}/abort", "w") as f:
                f.write("1")
        except FileNotFoundError:
            pass  # gone already

    def is_gone(self):
        """A killed process is not gone while one of its threads is stuck in the kernel."""
        return self.proc.poll() is not None

    def close(self):
        self.abort()
        for reader in self.readers:
            if reader.proc.poll() is None:
                reader.kill()
                reader.kill(signal.SIGCONT)
        subprocess.run(["fusermount3", "-uzq", self.mountpoint], stderr=subprocess.DEVNULL)
        self.proc.stdin.close()
        assert wait_until(self.is_gone), "the probe outlives its connection"
        assert all(r.ends() for r in self.readers), "a reader outlives the connection"
        assert not os.path.ismount(self.mountpoint), "still mounted"


@pytest.fixture(scope="session", autouse=True)
def fusectl():
    """The way to abort a connection; systems mount it at boot, containers may not."""
    if not os.path.ismount(CONNECTIONS):
        subprocess.run(["mount", "-t", "fusectl", "none", CONNECTIONS], check=False)
    if not os.path.ismount(CONNECTIONS):
        pytest.skip(f"{CONNECTIONS} is not there and cannot be mounted: run as root")


@pytest.fixture
def mount(tmp_path):
    """mount(*options) gives a mounted Probe."""
    probes = []

    def start(*options):
        mountpoint = tmp_path / f"mnt{len(probes)}"
        mountpoint.mkdir()
        probes.append(Probe(mountpoint, options))
        return probes[-1]

    yield start
    for probe in probes:
        probe.close()
