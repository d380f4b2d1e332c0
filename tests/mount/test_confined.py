# SPDX-License-Identifier: Apache-2.0
"""What the daemon gives up, and where its keys do not appear."""
import os
import pathlib
import pwd
import re
import signal
import socket
import subprocess
import tempfile

import pytest
from conftest import BUILD, CONFIG, HERE, OBJECTS, is_mounted, until

NOBODY = pwd.getpwnam("nobody")
PACKAGING = HERE.parent.parent / "packaging"


def status(pid):
    return dict(line.split(":\t", 1) for line in
                pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())


def daemon_at(path):
    """The daemon's pid: its command line names /dev/fd/N, so it is found by its state lock."""
    return int((path / "state/state.lock").read_text().split()[0])


@pytest.fixture
def handed(sim):
    """A mount made by mount.fuse3 and handed to a daemon that is nobody."""
    with tempfile.TemporaryDirectory(prefix="thaw-handed-", dir="/tmp") as dir:
        dir = pathlib.Path(dir)
        os.chmod(dir, 0o755)
        for name in ("state", "cache", "mnt"):
            (dir / name).mkdir(mode=0o700)
            os.chown(dir / name, NOBODY.pw_uid, NOBODY.pw_gid)
        (dir / "thawfs.conf").write_text(CONFIG.format(url=sim.url))
        env = {**sim.env, "PATH": f"{BUILD}/fs:{os.environ['PATH']}", "HOME": "/nonexistent"}
        words = ("allow_other,default_permissions,nodev,nosuid,drop_privileges,setuid=nobody,"
                 f"state.dir={dir}/state,cache.dir={dir}/cache,cache.reserve=0,mount.clock={sim.url}/_sim/clock")
        subprocess.run(["/sbin/mount.fuse3", f"thawfs#{dir}/thawfs.conf", str(dir / "mnt"),
                        "-o", words], env=env, check=True, timeout=60)
        try:
            yield dir
        finally:
            os.kill(daemon_at(dir), signal.SIGTERM)
            until(lambda: not os.path.exists(f"/proc/{daemon_at(dir)}"), 20, "its end")
            if is_mounted(dir / "mnt"):
                subprocess.run(["umount", "-l", dir / "mnt"], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a mount for another user")
def test_a_mount_that_was_handed_over_is_served_without_privilege(handed):
    """S65"""
    said = status(daemon_at(handed))
    assert said["Uid"].split() == [str(NOBODY.pw_uid)] * 4
    assert int(said["CapEff"], 16) == int(said["CapPrm"], 16) == 0
    assert said["NoNewPrivs"] == "1"
    until(lambda: os.listdir(handed / "mnt"), 20, "the catalog")
    file = handed / "mnt/lab/runs/2024/b.dat"
    until(file.exists, 20, "the listing")
    assert file.read_bytes() == OBJECTS["runs/2024/b.dat"]


def test_keys_are_not_in_memory_that_others_read_nor_in_any_file(start_mount, sim):
    """S65"""
    secret = "canary-Secret-0f3b7c"
    key = "AKIACANARY0000000001"
    sim.stop()
    sim.options = [*sim.options, "--key", f"{key}:{secret}"]
    sim.start()
    sim.env = {**sim.env, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    mount = start_mount(sim, CONFIG.format(url=sim.url), "mount.allow-other=yes")
    file = mount.path / "lab/runs/2024/b.dat"
    until(file.exists, 20, "the listing")
    assert file.read_bytes() == OBJECTS["runs/2024/b.dat"]
    pid = mount.process.pid
    # Not dumpable: what is its own in /proc belongs to root, and no core is written.
    assert re.search(r"Max core file size\s+0\s+0\s", pathlib.Path(f"/proc/{pid}/limits").read_text())
    assert subprocess.run(["cat", f"/proc/{pid}/environ", f"/proc/{pid}/maps"], user="nobody",
                          capture_output=True).returncode != 0
    assert secret.encode() not in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    shown = [mount.of(file, kind) for kind in ("status", "cost", "json")]
    shown += [(mount.path / ".thaw" / name).read_text() for name in
              ("ledger.csv", "queue", "metrics", "summary")]
    assert secret not in "".join(shown)
    mount.process.send_signal(signal.SIGABRT)
    mount.process.wait(10)
    subprocess.run(["umount", "-l", mount.path], check=True)
    mount.is_stopped = True
    found = [p for p in mount.dir.rglob("*") if p.is_file() and sim.data not in p.parents
             and secret.encode() in p.read_bytes()]
    assert found == []
    assert not [p for p in mount.dir.rglob("core*")]


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a mount for another user")
def test_the_one_who_may_mount_gives_the_connection_away_and_ends(sim):
    """S65: as the unit does it, with this test for the service manager."""
    mounter = BUILD / "tools/hold/thawfs-mount"
    with tempfile.TemporaryDirectory(prefix="thaw-held-", dir="/tmp") as dir, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        dir = pathlib.Path(dir)
        os.chmod(dir, 0o755)
        for name in ("state", "cache"):
            (dir / name).mkdir(mode=0o700)
            os.chown(dir / name, NOBODY.pw_uid, NOBODY.pw_gid)
        (dir / "thawfs.conf").write_text(CONFIG.format(url=sim.url))
        words = [str(mounter), str(dir / "mnt"), "nobody"]
        alone = subprocess.run(words, env={}, capture_output=True, text=True)
        assert alone.returncode == 1 and "takes no descriptor" in alone.stderr
        assert not is_mounted(dir / "mnt"), "nothing is left that nobody serves"
        manager.bind(str(dir / "notify"))
        manager.settimeout(20)
        subprocess.run(words, env={"NOTIFY_SOCKET": str(dir / "notify")}, check=True, timeout=20)
        assert manager.recv(200) == b"FDSTOREREMOVE=1\nFDNAME=mount"
        said, fds, _, _ = socket.recv_fds(manager, 200, 1)
        assert said == b"FDSTORE=1\nFDNAME=mount" and len(fds) == 1
        daemon = subprocess.Popen(
            [str(BUILD / "fs/thawfs"), str(dir / "thawfs.conf"), f"/dev/fd/{fds[0]}", "-f", "-o",
             f"allow_other,default_permissions,state.dir={dir}/state,cache.dir={dir}/cache,"
             f"cache.reserve=0,mount.clock={sim.url}/_sim/clock"], env={**sim.env, "HOME": "/"},
            user="nobody", group=NOBODY.pw_gid, extra_groups=[], pass_fds=fds,
            stderr=subprocess.DEVNULL)
        os.close(fds[0])
        try:
            file = dir / "mnt/lab/runs/2024/b.dat"
            until(lambda: file.exists(), 30, "the catalog")
            assert int(status(daemon.pid)["CapPrm"], 16) == 0
            assert file.read_bytes() == OBJECTS["runs/2024/b.dat"]
        finally:
            daemon.terminate()
            daemon.wait(20)
            subprocess.run(["umount", "-l", dir / "mnt"], check=True)


def test_units_are_understood(tmp_path):
    """No word of it is unknown: verify only prints, and exits 0."""
    unit = tmp_path / "thawfs@lab.service"
    text = (PACKAGING / "systemd/thawfs@.service").read_text()
    for installed, built in (("/usr/bin/thawfs ", f"{BUILD}/fs/thawfs "),
                             ("/usr/lib/thawfs/thawfs-mount", f"{BUILD}/tools/hold/thawfs-mount")):
        assert installed in text
        text = text.replace(installed, built)
    unit.write_text(text)
    said = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)],
                          capture_output=True, text=True)
    assert said.stdout + said.stderr == "" and said.returncode == 0
    subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20",
                    "--no-pager", str(unit)], check=True, capture_output=True)
