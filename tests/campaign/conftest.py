# SPDX-License-Identifier: Apache-2.0
"""One golden world for a session, and where runs are kept."""
import os
import pathlib
import shutil
import tempfile

import pytest
import world


ROOMY = 4 << 30


def place():
    """In memory where there is much of it: a killed daemon leaves nothing to a disk's mercy, and
    syncs there cost nothing. What power losses do: tests/rig/test_power.c."""
    shm = "/dev/shm"
    return shm if os.path.isdir(shm) and shutil.disk_usage(shm).free > ROOMY else None


@pytest.fixture(scope="session")
def golden():
    with tempfile.TemporaryDirectory(prefix="thawfs-golden-", dir=place()) as path:
        yield world.Golden(pathlib.Path(path) / "world")


@pytest.fixture(scope="session")
def runs():
    """What a failed run leaves stays; its plan is named. $THAW_RUNS: where."""
    where = os.environ.get("THAW_RUNS") or place()
    path = pathlib.Path(tempfile.mkdtemp(prefix="thawfs-runs-", dir=where))
    yield path
    if not any(path.iterdir()):
        path.rmdir()
