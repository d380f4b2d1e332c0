# SPDX-License-Identifier: Apache-2.0
"""The Debian packages: built in a Debian 12 and a Debian 13, installed in fresh ones, mounted by
fstab, read by an ordinary user, upgraded while somebody waits."""
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

import sigv4
from conftest import machine

pytestmark = pytest.mark.long

DATA = bytes(range(256)) * 4096 * 3

CONFIG = """
[source bucket]
url = s3://lab
region = us-east-1
endpoint = {url}
path-style = yes
[mount]
clock = {url}/_sim/clock
allow-other = yes
[cache]
reserve = 0
[restore]
tier = expedited
"""

OPTIONS = ("allow_other,default_permissions,nodev,nosuid,noauto,nofail,_netdev,drop_privileges,setuid=thawfs,"
           "state.dir=/var/lib/thawfs/lab,cache.dir=/var/cache/thawfs/lab")


def until(true, seconds, what):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"{what} did not happen in {seconds} s"
        time.sleep(0.1)


def install(m, out, version="*"):
    (m.path / "debs").mkdir(exist_ok=True)
    for deb in out.glob(f"thaw*_{version}_amd64.deb"):
        if "dbgsym" not in deb.name:
            (m.path / "debs" / deb.name).write_bytes(deb.read_bytes())
    m.run("apt-get update")
    m.run(f"apt-get -y --no-install-recommends install /debs/thaw*_{version}_amd64.deb")


def rebuilt(m):
    """The same package with a newer version."""
    m.run("cd /debs && mkdir new && dpkg-deb -R thawfs_*_amd64.deb new && "
          "sed -i 's/^Version: .*/&+rebuilt/' new/DEBIAN/control && "
          "dpkg-deb -b new thawfs-rebuilt.deb")
    return "/debs/thawfs-rebuilt.deb"


def set_up(m, sim):
    assert sim.s3("PUT", "/lab").status == 200
    for name in ("warm", "cold"):
        put = sim.s3("PUT", f"/lab/{name}", DATA, {"x-amz-storage-class": "GLACIER"})
        assert put.status == 200
    m.run("useradd -m researcher && mkdir -p /srv/thawfs/lab && chown thawfs: /srv/thawfs/lab")
    m.run("install -d -o thawfs -g thawfs -m 0700 /var/lib/thawfs/.aws")
    m.put("/var/lib/thawfs/.aws/credentials", "[default]\n"
          f"aws_access_key_id = {sigv4.KEY}\naws_secret_access_key = {sigv4.SECRET}\n")
    m.put("/etc/thawfs/lab.conf", CONFIG.format(url=sim.url))
    m.put("/etc/fstab", f"/etc/thawfs/lab.conf /srv/thawfs/lab fuse.thawfs {OPTIONS} 0 0\n")


def paid(sim):
    return sum(int(line["quantity"]) for line in sim.bill()["lines"]
               if line["operation"] == "RestoreObject" and line["component"] == "request")


def test_lintian_has_nothing_to_complain_of(debs):
    suite, out = debs
    lint = (out / "lintian.txt").read_text()
    assert not re.findall(r"^[EW]: .*", lint, re.M), lint


@pytest.mark.timeout(1800)
def test_installed_and_mounted_by_fstab_it_survives_an_upgrade_and_a_restart(
        debs, start_sim, tmp_path):
    """S14, S65"""
    suite, out = debs
    sim = start_sim("--speed", 10800)
    with machine(tmp_path, f"fresh-{suite}", suite) as m:
        install(m, out)
        assert m.run("thawfs --version").startswith("thawfs ")
        assert m.run("stat -c '%U %a' /var/lib/thawfs /var/cache/thawfs").split() == \
            ["thawfs", "700"] * 2
        set_up(m, sim)
        try:
            m.run("mount /srv/thawfs/lab")
            until(lambda: "cold" in m.run("ls /srv/thawfs/lab/bucket 2>&1; true"), 30, "the catalog")
            [daemon] = m.pids("thawfs")
            status = pathlib.Path(f"/proc/{daemon}/status").read_text()
            uid = m.run("id -u thawfs").strip()
            assert re.search(rf"^Uid:(\t{uid}){{4}}$", status, re.M), status
            assert re.search(r"^CapEff:\t0+$", status, re.M), status
            want = subprocess.run(["sha256sum"], input=DATA, capture_output=True).stdout[:64]
            said = m.run("su researcher -c 'sha256sum /srv/thawfs/lab/bucket/warm'")
            assert said[:64] == want.decode()

            sim.admin("POST", "clock", {"speed": 1})
            reader = m.popen("su researcher -c 'sha256sum /srv/thawfs/lab/bucket/cold'",
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            until(lambda: paid(sim) == 2, 30, "the second restore")
            m.run(f"apt-get -y install {rebuilt(m)}")
            assert "rebuilt" in m.run("dpkg-query -W thawfs")
            assert reader.poll() is None, "an upgrade does not end who waits"
            # As a machine that is switched off and on.
            os.kill(daemon, signal.SIGKILL)
            reader.wait(30)
            assert reader.returncode
            m.run("umount /srv/thawfs/lab")
            m.run("mount /srv/thawfs/lab")
            sim.admin("POST", "clock", {"speed": 10800})
            said = m.run("su researcher -c 'sha256sum /srv/thawfs/lab/bucket/cold'")
            assert said[:64] == want.decode()
            assert paid(sim) == 2, "paid once"
        finally:
            m.run("umount -l /srv/thawfs/lab; true")
            for pid in m.pids("thawfs"):
                os.kill(pid, signal.SIGKILL)
