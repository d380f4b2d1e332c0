# SPDX-License-Identifier: Apache-2.0
"""Who watches a file is told when its state changes."""
import ctypes
import os
import select
import struct
import subprocess

import pytest
from conftest import CONFIG, FILES, listed, until

IN_ATTRIB = 0x4
THESIS = "photos/thesis.pdf"


class Watch:
    def __init__(self, *paths):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init()
        self.names = {self.libc.inotify_add_watch(self.fd, str(p).encode(), IN_ATTRIB): str(p)
                      for p in paths}
        assert all(wd > 0 for wd in self.names)

    def hears(self, seconds=30):
        """The next events: (what is watched, the name in it)."""
        assert select.select([self.fd], [], [], seconds)[0], "no event"
        data, heard = os.read(self.fd, 65536), []
        while data:
            wd, mask, _, size = struct.unpack_from("iIII", data)
            assert mask & IN_ATTRIB
            heard.append((self.names[wd], data[16:16 + size].rstrip(b"\0").decode()))
            data = data[16 + size:]
        return heard

    def is_silent(self, seconds):
        return not select.select([self.fd], [], [], seconds)[0]

    def close(self):
        os.close(self.fd)


def test_watchers_of_a_file_and_of_its_directory_hear_of_each_change(mount):  # S197
    path = mount.path / THESIS
    before = path.stat()
    watch = Watch(path, path.parent)
    mount.ask(path, "get")
    heard = watch.hears()
    while mount.attribute(path, "state") != "cached":
        heard += watch.hears()
    assert {(str(path), ""), (str(path.parent), "thesis.pdf")} == set(heard)
    assert path.read_bytes() == FILES["thesis.pdf"]
    # Nothing of the file has changed by it, and nobody else can make it look so.
    assert path.stat().st_ctime == before.st_ctime and not os.listxattr(path) == []
    with pytest.raises(OSError):
        os.setxattr(path, "system.thaw.changed", b"")
    watch.close()


def test_a_failure_and_a_cancel_are_heard_too(mount):  # S197
    path = mount.path / "photos/holiday/mountain.jpg"
    os.stat(path)
    watch = Watch(path)
    mount.ask(path, "get tier=bulk")
    watch.hears()
    mount.ask(path, "cancel")
    until(lambda: mount.attribute(path, "state") == "cold", 30, "the cancel")
    assert watch.hears()
    watch.close()


def test_one_can_ask_for_silence_and_a_busy_watcher_holds_up_no_unmount(start_mount, sim):  # S197
    mount = start_mount(sim, CONFIG.format(url=sim.url), "mount.inotify=no")
    until(lambda: listed(mount.path / "photos"), 30, "catalog")
    watch = Watch(mount.path / THESIS)
    mount.ask(mount.path / THESIS, "get")
    mount.wait_state(mount.path / THESIS, "cached")
    assert watch.is_silent(2)
    watch.close()
    mount.stop()
    mount.words = ()
    mount.start()
    for name in ("holiday/beach.jpg", "holiday/mountain.jpg"):
        os.stat(mount.path / "photos" / name)
    mount.ask(mount.path / "photos/holiday/beach.jpg", "get")
    # From outside, while events come.
    until(lambda: subprocess.run(["umount", mount.path], capture_output=True).returncode == 0, 20,
          "the unmount")
    mount.process.wait(20)
    assert mount.process.returncode == 0
