# SPDX-License-Identifier: Apache-2.0
"""What thawfs is started with, and the situations that change it until it cannot start: those of
this folder's situations_*.py, one for each row of docs/MESSAGES.md."""
import os
import pathlib
import subprocess

from conftest import BUILD, until

THAWFS = str(BUILD / "fs/thawfs")
SITUATIONS = {}


def situation(words):
    def add(function):
        SITUATIONS[words] = function
        return function
    return add


class Start:
    """What thawfs is started with; a situation changes it."""

    def __init__(self, tmp_path, sim):
        self.dir, self.sim = tmp_path, sim
        self.source, self.mnt = "s3://lab", tmp_path / "mnt"
        self.words = {"state.dir": tmp_path / "state", "cache.dir": tmp_path / "cache",
                      "cache.reserve": 0, "source.endpoint": sim.url,
                      "mount.clock": f"{sim.url}/_sim/clock"}
        self.env = dict(sim.env)
        self.before = []     # a command that starts the command
        self.names = {}      # placeholders of the message
        self.mounted = []    # to be unmounted
        self.more = []
        self.mnt.mkdir()

    def command(self, *flags):
        words = ",".join(f"{k}={v}" if v is not None else k for k, v in self.words.items())
        return [*self.before, THAWFS, self.source, str(self.mnt), "-o", words, *flags, *self.more]

    def run(self, *flags):
        return subprocess.run(self.command(*flags), env=self.env, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=40)

    def configure(self, text):
        self.source = str(self.dir / "thawfs.conf")
        pathlib.Path(self.source).write_text(text)
        self.words = {k: v for k, v in self.words.items() if not k.startswith("source.")}
        self.names["FILE"] = self.source

    def tmpfs(self, name, *options):
        path = self.dir / name
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", path], check=True)
        self.mounted.append(path)
        return path

    def other(self):
        """Another thawfs, with places of its own."""
        path = self.dir / "other"
        path.mkdir()
        words = {**self.words, "state.dir": self.dir / "state2", "cache.dir": self.dir / "cache2"}
        subprocess.run([THAWFS, "s3://lab", path, "-o",
                        ",".join(f"{k}={v}" for k, v in words.items())], env=self.env,
                       stderr=subprocess.DEVNULL, check=True)
        self.mounted.append(path)
        return path

    def end(self):
        for path in reversed(self.mounted):
            subprocess.run(["umount", "-l", path], check=True)
        lock = self.dir / "state2/state.lock"
        if lock.exists():
            pid = lock.read_text().split()[0]
            until(lambda: not os.path.exists(f"/proc/{pid}"), 10, "the other's end")
