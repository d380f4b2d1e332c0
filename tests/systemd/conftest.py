# SPDX-License-Identifier: Apache-2.0
"""A Debian 12 under its own systemd, with the programs of the build and the shipped unit in it."""
import importlib.util
import os
import pathlib
import re
import subprocess
import sys

import pytest
from box import BASE, booted_from

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = pathlib.Path(os.environ.get("THAW_BUILD", ROOT / "build-plain"))

_spec = importlib.util.spec_from_file_location("sim_fixtures", HERE.parent / "sim/conftest.py")
sims = importlib.util.module_from_spec(_spec)
sys.modules["sim_fixtures"] = sims
_spec.loader.exec_module(sims)
start_sim = sims.start_sim

PACKAGES = (*BASE, "libfuse3-3", "libcurl4", "libexpat1", "liblmdb0", "libjson-c5", "libinih1",
            "libmicrohttpd12", "libunistring2", "libssl3", "zlib1g")


@pytest.fixture
def box(tmp_path):
    if re.match(r"12(\.|$)", pathlib.Path("/etc/debian_version").read_text()) is None:
        pytest.skip("programs of this build run in a Debian 12 only where that is one")
    made = subprocess.run([HERE.parent / "debian_root", "systemd-bookworm", "bookworm", *PACKAGES],
                          capture_output=True, text=True)
    if made.returncode == 77:
        pytest.skip(made.stderr.strip())
    assert made.returncode == 0, made.stderr
    with booted_from(made.stdout.strip(), tmp_path) as box:
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
