# SPDX-License-Identifier: Apache-2.0
"""A real mount, handed on by real file servers, on loopback; each test is minutes long at most."""
import importlib.util
import pathlib
import shutil
import sys
import tempfile

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

# The fixtures of tests/mount, under a name of their own.
_spec = importlib.util.spec_from_file_location("mounts", HERE.parent / "mount/conftest.py")
mounts = importlib.util.module_from_spec(_spec)
sys.modules["mounts"] = mounts
_spec.loader.exec_module(mounts)
start_sim, start_mount = mounts.start_sim, mounts.start_mount
pytest_runtest_makereport = mounts.pytest_runtest_makereport


@pytest.fixture
def tmp_path():
    """Where others may go too: pytest's own is for its user alone."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="thawfs-reexport-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)
