# SPDX-License-Identifier: Apache-2.0
"""A machine with a mount of a small bucket: its configuration, and what was paid."""
import csv
import hashlib
import io
import subprocess

import sigv4
from conftest import mounts

DATA = {name: name.encode() * 100000 for name in ("warm", "cold", "late")}
AT = "/srv/thawfs/lab"

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
tier = standard
days = 100
"""

FSTAB = (f"/etc/thawfs/lab.conf {AT} fuse.thawfs allow_other,default_permissions,nodev,nosuid,noauto,"
         "nofail,_netdev,drop_privileges,setuid=thawfs,state.dir=/var/lib/thawfs/lab,"
         "cache.dir=/var/cache/thawfs/lab 0 0\n")


def fill(sim):
    assert sim.s3("PUT", "/lab").status == 200
    for name, data in DATA.items():
        put = sim.s3("PUT", f"/lab/{name}", data, {"x-amz-storage-class": "GLACIER"})
        assert put.status == 200


def configure(m, sim):
    """What an administrator does once the package is installed; and one who will read."""
    m.run("useradd -m researcher")
    m.run("install -d -o thawfs -g thawfs -m 0700 /var/lib/thawfs/.aws")
    m.put("/var/lib/thawfs/.aws/credentials", "[default]\n"
          f"aws_access_key_id = {sigv4.KEY}\naws_secret_access_key = {sigv4.SECRET}\n")
    m.put("/etc/thawfs/lab.conf", CONFIG.format(url=sim.url))


def wait_names(m):
    mounts.until(lambda: "cold" in m.run(f"ls {AT}/bucket 2>&1; true"), 60, "the catalog")


def reader(m, name):
    return m.popen(f"su researcher -c 'sha256sum {AT}/bucket/{name}'", stdout=subprocess.PIPE,
                   stderr=subprocess.PIPE)


def reads(m, name):
    """An ordinary user does, and gets what was stored."""
    said = m.run(f"su researcher -c 'sha256sum {AT}/bucket/{name}'", seconds=120)
    assert said[:64] == hashlib.sha256(DATA[name]).hexdigest(), said


def asked(sim):
    """How many restores are on the bill."""
    return sum(int(line["quantity"]) for line in sim.bill()["lines"]
               if line["operation"] == "RestoreObject" and line["component"] == "request")


def waits(m, sim, name):
    """One who reads a cold file, once its restore is asked for."""
    before = asked(sim)
    process = reader(m, name)
    mounts.until(lambda: asked(sim) == before + 1, 60, f"the restore of {name}")
    assert process.poll() is None
    return process


def is_booked(m, sim):
    """The ledger is the bill."""
    def booked():
        return mounts.restores(csv.DictReader(io.StringIO(m.run(f"cat {AT}/.thaw/ledger.csv"))))
    mounts.until(lambda: booked() == mounts.restores(sim.bill()["lines"]), 30, "the ledger")


def put_debs(m, directory, suffix=""):
    """The packages there into /debs of the machine, as files to install."""
    (m.path / "debs").mkdir(exist_ok=True)
    for deb in directory.glob("*.deb"):
        (m.path / "debs" / (deb.name.split("_")[0] + suffix + ".deb")).write_bytes(deb.read_bytes())


def rebuilt(m, name="thawfs-new"):
    """The same package with a newer version."""
    m.run(f"cd /debs && rm -rf tree && dpkg-deb -R {name}.deb tree && "
          "sed -i 's/^Version: .*/&+rebuilt/' tree/DEBIAN/control && "
          "dpkg-deb -b tree thawfs-rebuilt.deb")
    return "/debs/thawfs-rebuilt.deb"
