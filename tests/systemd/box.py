# SPDX-License-Identifier: Apache-2.0
"""A Debian whose systemd is process 1 of namespaces of its own. Its network is the machine's, so
that thaw-sim answers there."""
import contextlib
import os
import pathlib
import shutil
import subprocess
import time

import pytest

# What a root needs to be booted and to have mounts of FUSE.
BASE = ("systemd", "systemd-sysv", "dbus", "fuse3", "util-linux", "mount", "procps")
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


@contextlib.contextmanager
def booted_from(root, base):
    """A Box on an overlay of `root`, not started yet."""
    if os.geteuid() or not os.path.exists("/dev/fuse") or not unified():
        pytest.skip("needs root, /dev/fuse and control groups of the second version")
    path = base / "root"
    for d in (path, base / "changes", base / "work"):
        d.mkdir(parents=True)
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={root},"
                    f"upperdir={base}/changes,workdir={base}/work", path], check=True)
    box = Box(path, base)
    try:
        box.put("/etc/machine-id", "")
        for unit in MASKED:
            (path / "etc/systemd/system" / unit).symlink_to("/dev/null")
        yield box
    finally:
        box.end()
        subprocess.run(["umount", "-l", path], check=True)
