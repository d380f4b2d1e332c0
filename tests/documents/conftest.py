# SPDX-License-Identifier: Apache-2.0
"""A world for the blocks of one document."""
import importlib.util
import os
import pathlib
import shutil
import sys
import tempfile

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

# The fixtures of tests/sim, under a name of their own: both files are called conftest.
_spec = importlib.util.spec_from_file_location("sim_fixtures", HERE.parent / "sim/conftest.py")
sims = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(sims)
start_sim = sims.start_sim


@pytest.fixture
def tmp_path():
    """A short path, below nothing of others: unit files and -o words have little room."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="thawfs-doc-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


# Where, and what of the bucket, is mounted before a document's first block.
MOUNTS = {"archive": ("mnt/archive", "s3://lab-cold/projects"), "jobs": ("archive", "s3://lab-cold")}


@pytest.fixture
def start_world(tmp_path, start_sim):
    from table import STAND_INS
    from world import World, stocked
    worlds = []

    def start(kind=None):
        sim = start_sim("--speed", 36000, "--prices", HERE.parent.parent / "tools/sim/prices.d")
        stocked(sim)
        worlds.append(World(tmp_path, sim, STAND_INS))
        if kind:
            place, source = MOUNTS[kind]
            worlds[-1].mount(source, tmp_path / place, "source.region=us-east-1",
                             "notice.sendmail=/bin/true", "notice.from=thawfs@example.org")
        return worlds[-1]

    if not os.path.exists("/dev/fuse"):
        pytest.skip("no /dev/fuse here: nothing can be mounted")
    yield start
    for world in worlds:
        world.end()


@pytest.fixture
def copy(tmp_path):
    from table import STAND_INS
    from world import Copy
    copy = Copy(tmp_path, STAND_INS)
    yield copy
    copy.end()
