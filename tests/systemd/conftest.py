# SPDX-License-Identifier: Apache-2.0
"""A Debian 12 whose systemd is process 1 of namespaces of its own, with the programs of the build
and the shipped unit in it. Its network is the machine's, so that thaw-sim answers there."""
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = pathlib.Path(os.environ.get("THAW_BUILD", ROOT / "build-plain"))

_spec = importlib.util.spec_from_file_location("sim_fixtures", HERE.parent / "sim/conftest.py")
sims = importlib.util.module_from_spec(_spec)
sys.modules["sim_fixtures"] = sims
_spec.loader.exec_module(sims)
start_sim = sims.start_sim

PACKAGES = ("systemd", "systemd-sysv", "dbus", "fuse3", "libfuse3-3", "libcurl4", "libexpat1",
            "liblmdb0", "libjson-c5", "libinih1", "libmicrohttpd12", "libunistring2", "libssl3",
            "zlib1g", "util-linux", "mount", "procps")
# What would change the machine's own settings, or wait for what is not there.
MASKED = ("systemd-sysctl.service", "systemd-modules-load.service", "systemd-udevd.service",
          "systemd-udev-trigger.service", "systemd-timesyncd.service",
          "systemd-networkd-wait-online.service", "systemd-binfmt.service",
          "proc-sys-fs-binfmt_misc.automount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount",
          "systemd-pstore.service", "kmod-static-nodes.service")

BOOT = r"""
set -e; R=$1; CG=$2
mkdir -p $CG; echo $$ >$CG/cgroup.procs
exec unshare --pid --fork --kill-child --mount --uts --ipc --cgroup --propagation private sh -ec '
R=$1
hostname thawbox
mount -t proc proc $R/proc
mount -t sysfs -o ro sysfs $R/sys
mount -t cgroup2 cgroup2 $R/sys/fs/cgroup
mount -t tmpfs tmpfs $R/run
mount -t tmpfs -o mode=755 tmpfs $R/dev
for d in autofs null zero full random urandom tty fuse; do
	touch $R/dev/$d; mount --bind /dev/$d $R/dev/$d
done
mkdir $R/dev/pts $R/dev/shm
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts $R/dev/pts
ln -s pts/ptmx $R/dev/ptmx; ln -s /proc/self/fd $R/dev/fd
mount -t tmpfs tmpfs $R/dev/shm
cd $R; mkdir -p .old; pivot_root . .old; umount -l .old
exec env -i container=thawbox PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
	/lib/systemd/systemd --log-target=console --log-level=info --show-status=no
' box "$R"
"""


def until(true, seconds=40, what="it"):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"{what} did not happen in {seconds} s"
        time.sleep(0.1)


def unified():
    """Where control groups of the second version are, or None."""
    for at in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        if os.path.exists(at + "/cgroup.procs") and os.path.exists(at + "/cgroup.controllers"):
            return at
    return None


class Box:
    def __init__(self, path, base):
        self.path, self.base = path, base
        self.cgroup = pathlib.Path(unified()) / f"thawfs-test-{os.getpid()}"
        self.process = None

    def put(self, path, text, mode=0o644):
        file = self.path / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def copy(self, source, path, mode=0o755):
        file = self.path / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, file)
        file.chmod(mode)

    def chroot(self, command):
        subprocess.run(["chroot", self.path, "sh", "-c", command], check=True,
                       stdout=subprocess.DEVNULL)

    def boot(self):
        self.log = open(self.base / "log", "a")
        self.process = subprocess.Popen(["bash", "-c", BOOT, "boot", self.path, self.cgroup],
                                        stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, start_new_session=True)
        until(lambda: self.process.poll() is not None or self.find_init(), 20, "systemd")
        assert self.process.poll() is None, self.said()
        until(lambda: self.run("systemctl is-system-running --wait", status=None).stdout.strip()
              in ("running", "degraded"), 60, "the start")

    def find_init(self):
        """The one child of unshare(1), once it is systemd."""
        at = pathlib.Path(f"/proc/{self.process.pid}")
        try:
            children = (at / f"task/{self.process.pid}/children").read_text().split()
            self.init = int(children[0])
            return (os.readlink(at / "exe").endswith("/unshare") and
                    os.readlink(f"/proc/{self.init}/exe").endswith("/systemd"))
        except (OSError, IndexError):
            return False

    def popen(self, command, **how):
        return subprocess.Popen(["nsenter", "-t", str(self.init), "-a", "env", "-i",
                                 "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "sh", "-c",
                                 command], stdin=subprocess.DEVNULL, text=True, **how)

    def run(self, command, status=0, seconds=90):
        p = self.popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            said, _ = p.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            p.kill()
            raise
        assert status is None or p.returncode == status, f"{command}: {p.returncode}\n{said[-3000:]}"
        return subprocess.CompletedProcess(command, p.returncode, said)

    def said(self):
        return (self.base / "log").read_text(errors="replace")[-6000:]

    def off(self):
        """Switched off in order."""
        self.run("systemctl poweroff", status=None)
        self.process.wait(90)
        self.end()

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.kill()  # unshare takes its child along
            self.process.wait(20)
        if self.process:
            self.log.close()
        self.process = None
        until(self.has_gone, 30, "the end of its control groups")

    def has_gone(self):
        for at, _, _ in os.walk(self.cgroup, topdown=False):
            try:
                os.rmdir(at)
            except OSError:
                return False
        return True


@pytest.fixture
def box(tmp_path):
    if os.geteuid() or not os.path.exists("/dev/fuse") or not unified():
        pytest.skip("needs root, /dev/fuse and control groups of the second version")
    if re.match(r"12(\.|$)", pathlib.Path("/etc/debian_version").read_text()) is None:
        pytest.skip("programs of this build run in a Debian 12 only where that is one")
    made = subprocess.run([HERE.parent / "debian_root", "systemd-bookworm", "bookworm", *PACKAGES],
                          capture_output=True, text=True)
    if made.returncode == 77:
        pytest.skip(made.stderr.strip())
    assert made.returncode == 0, made.stderr
    path = tmp_path / "root"
    for d in (path, tmp_path / "changes", tmp_path / "work"):
        d.mkdir()
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={made.stdout.strip()},"
                    f"upperdir={tmp_path}/changes,workdir={tmp_path}/work", path], check=True)
    box = Box(path, tmp_path)
    try:
        box.put("/etc/machine-id", "")
        for unit in MASKED:
            (path / "etc/systemd/system" / unit).symlink_to("/dev/null")
        box.copy(BUILD / "fs/thawfs", "/usr/bin/thawfs")
        box.copy(BUILD / "tools/thaw/thaw", "/usr/bin/thaw")
        box.copy(BUILD / "tools/hold/thawfs-mount", "/usr/lib/thawfs/thawfs-mount")
        packaging = ROOT / "packaging/systemd"
        box.copy(packaging / "thawfs@.service", "/usr/lib/systemd/system/thawfs@.service", 0o644)
        box.copy(packaging / "sysusers.conf", "/usr/lib/sysusers.d/thawfs.conf", 0o644)
        box.copy(packaging / "tmpfiles.conf", "/usr/lib/tmpfiles.d/thawfs.conf", 0o644)
        box.chroot("systemd-sysusers 2>/dev/null && useradd -m reader && "
                   "install -d -o thawfs -g thawfs -m 0700 /var/lib/thawfs /var/cache/thawfs")
        yield box
    finally:
        box.end()
        subprocess.run(["umount", "-l", path], check=True)
