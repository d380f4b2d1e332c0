# SPDX-License-Identifier: Apache-2.0
"""Installed in a fresh Debian 12 and 13, an older package and then a newer one over it, while somebody
waits for a cold file; then a restart of the machine. What was paid for is not paid again."""
import os
import pathlib
import re
import signal

import pytest

import lab
from conftest import booting, machine, mounts, root_of

pytestmark = [pytest.mark.long, pytest.mark.timeout(4000)]


@pytest.fixture
def sim(start_sim):
    """Its hours pass when a test says so: none is over because a machine is slow."""
    sim = start_sim("--speed", 1)
    lab.fill(sim)
    return sim


def unprivileged(pid, uid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    assert re.search(rf"^Uid:(\t{uid}){{4}}$", status, re.M), status
    assert re.search(r"^CapEff:\t0+$", status, re.M), status


def restore(m, sim, name):
    """Half a day later it is here."""
    sim.advance("12h")
    lab.reads(m, name)


def test_mounted_by_fstab_it_survives_an_upgrade_and_a_restart(debs, old_debs, suite, sim, tmp_path):
    """S14, S22, S65: an upgrade leaves a mount of fstab's to the old program; the new one takes over
    its state when it is mounted again."""
    with machine(tmp_path, f"fresh-{suite}", suite) as m:
        lab.put_debs(m, old_debs, "-old")
        lab.put_debs(m, debs, "-new")
        m.run("apt-get update && apt-get -y --no-install-recommends install /debs/thawfs-old.deb", 900)
        lab.configure(m, sim)
        m.run("mkdir -p /srv/thawfs/lab && chown thawfs: /srv/thawfs/lab")
        m.put("/etc/fstab", lab.FSTAB)
        try:
            m.run("mount /srv/thawfs/lab")
            lab.wait_names(m)
            daemon, = m.pids("thawfs")
            unprivileged(daemon, m.run("id -u thawfs").strip())
            warm = lab.waits(m, sim, "warm")
            sim.advance("12h")
            assert warm.wait(120) == 0
            lab.reads(m, "warm")

            waiter = lab.waits(m, sim, "cold")
            m.run(f"apt-get -y install {lab.rebuilt(m)}", 900)
            assert "rebuilt" in m.run("dpkg-query -W thawfs")
            assert waiter.poll() is None, "an upgrade does not end who waits"
            # As a machine that is switched off and on.
            os.kill(daemon, signal.SIGKILL)
            assert waiter.wait(60)
            m.run("umount /srv/thawfs/lab")
            m.run("mount /srv/thawfs/lab")
            lab.wait_names(m)
            new, = [pid for pid in m.pids("thawfs") if pid != daemon]
            assert "deleted" not in os.readlink(f"/proc/{new}/exe")
            restore(m, sim, "cold")
            lab.reads(m, "warm")
            assert lab.asked(sim) == 2, "each once"
            lab.is_booked(m, sim)
        finally:
            m.run("umount -l /srv/thawfs/lab; true")
            for pid in m.pids("thawfs"):
                os.kill(pid, signal.SIGKILL)


class Booted:
    """A Box as tests/packages/lab.py uses a machine."""

    def __init__(self, box):
        self.box, self.path, self.put, self.popen = box, box.path, box.put, box.popen

    def run(self, command, seconds=90):
        return self.box.run("export DEBIAN_FRONTEND=noninteractive HOME=/root; " + command,
                            seconds=seconds).stdout


def program_of(m):
    """The main process of the unit, and whether its program is the installed one."""
    pid = m.run("systemctl show -p MainPID --value thawfs@lab").strip()
    return pid, "deleted" not in m.run(f"readlink /proc/{pid}/exe")


def test_the_unit_is_restarted_by_an_upgrade_and_goes_on_after_a_reboot(debs, old_debs, suite, sim,
                                                                        tmp_path):
    """S22: under a real systemd. Who waits is told that it timed out; removed and purged, what was
    paid for is there when the package comes back."""
    root = root_of(f"booted-{suite}", suite, booting.BASE)
    with booting.booted_from(root, tmp_path / "box") as box:
        m = Booted(box)
        lab.put_debs(m, old_debs, "-old")
        lab.put_debs(m, debs, "-new")
        box.boot()
        m.run("apt-get update && apt-get -y --no-install-recommends install /debs/thawfs-old.deb", 900)
        lab.configure(m, sim)
        m.run("chown -R thawfs: /var/lib/thawfs && systemctl enable --now thawfs@lab")
        lab.wait_names(m)
        warm = lab.waits(m, sim, "warm")
        sim.advance("12h")
        assert warm.wait(120) == 0

        waiter = lab.waits(m, sim, "cold")
        old, _ = program_of(m)
        m.run(f"dpkg -i {lab.rebuilt(m)}", 900)
        said = waiter.communicate(timeout=60)[1]
        assert waiter.returncode and "timed out" in said, said
        new, is_installed = program_of(m)
        assert new not in ("0", old) and is_installed
        lab.wait_names(m)
        lab.reads(m, "warm")
        again = lab.reader(m, "cold")
        mounts.until(lambda: '"waiters":1' in m.run(f"cat {lab.AT}/.thaw/queue"), 60, "the reader")
        box.off()
        assert again.wait(60)

        box.boot()
        lab.wait_names(m)
        restore(m, sim, "cold")
        assert lab.asked(sim) == 2, "each once"
        lab.is_booked(m, sim)

        m.run("apt-get -y purge thawfs")
        assert "fuse.thawfs" not in m.run("cat /proc/mounts")
        m.run("dpkg -i /debs/thawfs-new.deb && systemctl start thawfs@lab")
        lab.wait_names(m)
        lab.reads(m, "cold")
        lab.reads(m, "warm")
        assert lab.asked(sim) == 2, "each once"
        lab.is_booked(m, sim)
