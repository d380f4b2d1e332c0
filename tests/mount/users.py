# SPDX-License-Identifier: Apache-2.0
"""Real users, made for the tests of a session, and what they run."""
import grp
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

import pytest
from conftest import BUILD

# Of their groups by membership alone: everybody's first one is nogroup.
USERS = {"thawalice": "thawlab", "thawbob": "thawfilm", "thawboss": "thawfilm",
         "thawklein": "thawlab"}


@pytest.fixture(scope="session")
def people():
    if os.geteuid() != 0:
        pytest.skip("making users needs root")
    for group in sorted(set(USERS.values())):
        subprocess.run(["groupadd", "-f", group], check=True)
    for user, group in USERS.items():
        subprocess.run(["useradd", "-M", "-N", "-g", "nogroup", "-G", group, user])
    yield
    for user in USERS:
        subprocess.run(["userdel", user], capture_output=True)
    for group in sorted(set(USERS.values())):
        subprocess.run(["groupdel", group], capture_output=True)


@pytest.fixture
def tmp_path():
    """Where others may go too: pytest's own is for its user alone."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="thawfs-users-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def login(user):
    """What subprocess.run() takes to be somebody who has logged in: with all his groups."""
    if user == "root":
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid,
            "extra_groups": [g.gr_gid for g in grp.getgrall() if user in g.gr_mem]}


def run_as(user, *words, **how):
    how.setdefault("timeout", 50)
    how.update(login(user))
    return subprocess.run([str(w) for w in words], text=True, errors="replace", capture_output=True,
                          start_new_session=True, **how)


def thaw(user, *words):
    return run_as(user, BUILD / "tools/thaw/thaw", *words)


def read(user, path, program="cat"):
    return run_as(user, program, path)
