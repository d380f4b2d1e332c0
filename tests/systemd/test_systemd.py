# SPDX-License-Identifier: Apache-2.0
"""The shipped unit, and fstab's automount, under a real systemd: readiness, stops and kills
with somebody waiting, a reboot. Paid once, always."""
import re
import subprocess
import textwrap
import time

import pytest
import sigv4
from box import until
from conftest import ROOT

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]

FILES = {"warm": b"w" * 300000, "cold": b"c" * 300000, "other": b"o" * 300000}
CONF = """
[source bucket]
url = s3://lab
region = us-east-1
endpoint = {url}
path-style = yes
[mount]
clock = {url}/_sim/clock
[cache]
reserve = 0
[restore]
days = 100
"""
FSTAB = ("/etc/thawfs/lab.conf /srv/thawfs/lab fuse.thawfs allow_other,default_permissions,nodev,"
         "nosuid,noauto,nofail,_netdev,x-systemd.automount,drop_privileges,setuid=thawfs,"
         "state.dir=/var/lib/thawfs/lab,cache.dir=/var/cache/thawfs/lab 0 0\n")
FILE = "/srv/thawfs/lab/bucket/{}"


@pytest.fixture
def sim(start_sim, box):
    """And a machine that is configured for it, not started yet."""
    sim = start_sim("--speed", 36000)
    assert sim.s3("PUT", "/lab").status == 200
    for name, data in FILES.items():
        put = sim.s3("PUT", f"/lab/{name}", data, {"x-amz-storage-class": "DEEP_ARCHIVE"})
        assert put.status == 200
    box.put("/etc/thawfs/lab.conf", CONF.format(url=sim.url))
    box.put("/var/lib/thawfs/.aws/credentials", "[default]\n"
            f"aws_access_key_id = {sigv4.KEY}\naws_secret_access_key = {sigv4.SECRET}\n", 0o600)
    box.chroot("chown -R thawfs: /var/lib/thawfs")
    return sim


def paid(sim):
    return sum(int(line["quantity"]) for line in sim.bill()["lines"]
               if line["operation"] == "RestoreObject" and line["component"] == "request")


def reads(box, name, seconds=60):
    """An ordinary user does, and gets what was stored."""
    said = box.run(f"su reader -c 'md5sum {FILE.format(name)}'", seconds=seconds).stdout
    want = subprocess.run(["md5sum"], input=FILES[name], capture_output=True).stdout[:32].decode()
    assert said[:32] == want, said


def wait_names(box):
    end = time.monotonic() + 40
    while "warm" not in (said := box.run(f"ls {FILE.format('')}", status=None).stdout):
        assert time.monotonic() < end, said + box.said()
        time.sleep(0.2)


def waiter(box, sim, name):
    """A reader who waits for hours to come."""
    sim.admin("POST", "clock", {"speed": 1})
    before = paid(sim)
    reader = box.popen(f"su reader -c 'cat {FILE.format(name)} >/dev/null'",
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    until(lambda: paid(sim) == before + 1, 40, "the restore")
    assert reader.poll() is None
    return reader


def is_mounted(box):
    return re.search(r" /srv/thawfs/lab fuse\.thawfs ", box.run("cat /proc/mounts").stdout)


def test_the_unit_starts_stops_and_is_killed_with_readers_waiting(box, sim):
    """S18, S22"""
    box.boot()
    box.run("systemctl start thawfs@lab")
    assert is_mounted(box), "started is mounted"
    wait_names(box)
    reads(box, "warm")
    status = box.run("systemctl show -p Type -p StatusText -p NRestarts thawfs@lab").stdout
    print(status)

    reader = waiter(box, sim, "cold")
    begin = time.monotonic()
    box.run("systemctl stop thawfs@lab")
    took = time.monotonic() - begin
    said = reader.communicate(timeout=20)[0]
    print(f"stopped with a reader waiting in {took:.1f} s")
    assert reader.returncode and "timed out" in said, said
    assert took < 50 and not is_mounted(box)
    assert box.run("systemctl show -p Result --value thawfs@lab").stdout.strip() == "success"

    box.run("systemctl start thawfs@lab")
    wait_names(box)
    again = box.popen(f"su reader -c 'cat {FILE.format('cold')} >/dev/null'", stdout=subprocess.PIPE,
                      stderr=subprocess.STDOUT)
    until(lambda: '"waiters":1' in box.run("cat /srv/thawfs/lab/.thaw/queue").stdout, 40,
          "the reader")
    box.run("systemctl kill --kill-who=main -s KILL thawfs@lab")
    said = again.communicate(timeout=20)[0]
    assert again.returncode and re.search("not connected|abort", said), said
    until(lambda: box.run("systemctl show -p NRestarts --value thawfs@lab").stdout.strip() == "1"
          and is_mounted(box), 60, "a new start")
    wait_names(box)
    sim.admin("POST", "clock", {"speed": 36000})
    reads(box, "cold")
    reads(box, "warm")
    assert paid(sim) == 2, "each once"


def test_a_reboot_goes_on_with_what_was_asked_for(box, sim):
    """S22"""
    box.boot()
    box.run("systemctl enable --now thawfs@lab")
    wait_names(box)
    reader = waiter(box, sim, "cold")
    box.off()
    assert reader.wait(20)
    box.boot()
    until(lambda: is_mounted(box), 60, "the mount")
    wait_names(box)
    sim.admin("POST", "clock", {"speed": 36000})
    reads(box, "cold")
    assert paid(sim) == 1, "once"


def test_the_first_look_mounts_what_fstab_has_and_a_kill_is_recovered_from(box, sim):
    """S22: as docs/OPERATIONS.md says."""
    box.put("/etc/fstab", FSTAB)
    box.chroot("install -d /srv/thawfs/lab && chown thawfs: /srv/thawfs/lab")
    box.boot()
    box.run("systemctl start srv-thawfs-lab.automount")
    assert not is_mounted(box)
    wait_names(box)
    assert is_mounted(box)
    reads(box, "warm")
    reader = waiter(box, sim, "cold")
    box.run("kill -KILL $(pgrep -x thawfs)")
    assert reader.wait(20)
    dead = box.run("ls /srv/thawfs/lab", status=None)
    assert dead.returncode and "not connected" in dead.stdout, dead.stdout
    box.run("umount /srv/thawfs/lab")
    wait_names(box)
    sim.admin("POST", "clock", {"speed": 36000})
    reads(box, "cold")
    assert paid(sim) == 2, "each once"


STAND_IN = """
[Service]
ExecStartPre=/bin/sh -c 'grep -q " /srv/thawfs/lab fuse.thawfs " /proc/mounts && echo mounted >>/run/order'
ExecStart=/bin/sleep infinity
ExecStop=/bin/sh -c 'echo stopping >>/run/order'
"""


def test_a_file_server_is_started_after_the_mount_and_again_with_it(box, sim):
    """The lines of docs/CLUSTERS.md, with a stand-in for nfs-ganesha."""
    text = (ROOT / "docs/CLUSTERS.md").read_text()
    lines = re.search(r"```ini\n( *\[Unit\]\n.*?)```", text, re.S).group(1)
    box.put("/etc/systemd/system/nfs-ganesha.service", STAND_IN)
    box.put("/etc/systemd/system/nfs-ganesha.service.d/override.conf",
            textwrap.dedent(lines).replace("thawfs@archive", "thawfs@lab"))
    box.boot()
    box.run("systemctl start nfs-ganesha")
    assert is_mounted(box)
    for how in ("systemctl restart thawfs@lab",
                "systemctl kill --kill-who=main -s KILL thawfs@lab"):
        box.run("rm /run/order")
        box.run(how)
        until(lambda: "mounted" in box.run("cat /run/order", status=None).stdout, 40, how)
        assert box.run("cat /run/order").stdout.split() == ["stopping", "mounted"], how
        assert box.run("systemctl is-active nfs-ganesha").stdout.strip() == "active"
