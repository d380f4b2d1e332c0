# SPDX-License-Identifier: Apache-2.0
"""What packaging/indexers ships does keep a real updatedb off a mount."""
import pathlib
import re
import shutil
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "packaging/indexers/thawfs-updatedb"
SYSTEMS = pathlib.Path("/etc/updatedb.conf")


def found(tmp_path, conf):
    """What updatedb finds below the directory, with this configuration in the system's place."""
    db = tmp_path / "db"
    script = ('mount --make-rprivate / && mount --bind "$1" /etc/updatedb.conf && '
              'exec updatedb -l 0 -U "$2" -o "$3"')
    subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", conf, tmp_path, db], check=True,
                   timeout=50)
    listed = subprocess.run(["plocate", "-d", db, ""], capture_output=True, text=True)
    return {line.split("/")[-1] for line in listed.stdout.splitlines()}


@pytest.mark.skipif(not shutil.which("updatedb") or not SYSTEMS.exists(), reason="no plocate here")
def test_updatedb_does_not_go_in_once_its_configuration_has_been_told(mount, tmp_path):
    """docs/OPERATIONS.md; the type is fuse.thawfs (S8)."""
    (tmp_path / "beside").touch()
    mount.wait_booked()
    booked = mount.booked()
    conf = tmp_path / "updatedb.conf"
    # Debian's leaves out /tmp, where this mount may be.
    text = re.sub(r"(?m)^PRUNEPATHS=.*", 'PRUNEPATHS=""', SYSTEMS.read_text())
    conf.write_text(text.replace("fuse.thawfs", ""))
    before = found(tmp_path, conf)
    assert {"beside", "thesis.pdf", "a.dat"} <= before
    subprocess.run([SCRIPT, conf], check=True)
    once = conf.read_text()
    subprocess.run([SCRIPT, conf], check=True)
    assert conf.read_text() == once and once.count("fuse.thawfs") == 1
    after = found(tmp_path, conf)
    assert "beside" in after and not {"thesis.pdf", "a.dat"} & after
    mount.wait_booked()
    assert mount.booked() == booked, "neither asked for anything"
