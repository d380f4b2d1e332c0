# SPDX-License-Identifier: Apache-2.0
"""`thaw` on paths as people have them: relative, through symbolic links, bind mounts and another file
system that shows a mount again, as a file server's clients see it."""
import json
import os
import re
import shutil
import subprocess

import pytest
from conftest import is_mounted, until
from test_thaw import states, thaw

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="bind mounts need root")
NOTES = "lab/runs/notes.txt"


@pytest.fixture
def elsewhere(tmp_path):
    """Where something is mounted; unmounted at the end."""
    path = tmp_path / "elsewhere"
    path.mkdir()
    yield path
    if is_mounted(path):
        subprocess.run(["umount", path], check=True)


def test_a_file_is_the_same_by_whatever_path(mount, tmp_path):
    (tmp_path / "link").symlink_to(mount.path / "lab/runs")
    (tmp_path / "chain").symlink_to("link/notes.txt")
    (mount.path.parent / "work").mkdir()
    for path, cwd in [(NOTES, mount.path), ("../mnt/" + NOTES, tmp_path / "work"),
                      ("link/notes.txt", tmp_path), ("chain", tmp_path),
                      (f"{mount.path}//lab/./runs/../runs/notes.txt", None)]:
        said = thaw("status", "--json", path, cwd=cwd)
        assert said.returncode == 0, said.stderr
        facts = json.loads(said.stdout)
        assert facts["path"] == path and facts["state"] == "cold" and facts["name"] == "notes.txt"


def test_through_a_bind_mount_of_a_part_all_works_that_is_of_files(mount, elsewhere):
    subprocess.run(["mount", "--bind", mount.path / "lab/runs", elsewhere], check=True)
    assert states(elsewhere)["notes.txt"] == "cold"
    said = thaw("plan", "-r", "--json", elsewhere)
    assert json.loads(said.stdout)["all"]["files"] == 3, said
    said = thaw("get", "--wait", "notes.txt", cwd=elsewhere)
    assert said.returncode == 0, said.stderr
    assert states(mount.path / "lab/runs")["notes.txt"] == "cached"
    assert thaw("evict", elsewhere / "notes.txt").returncode == 0
    found = thaw("find", "--name", "*.dat", elsewhere)
    assert sorted(found.stdout.split()) == [f"{elsewhere}/2024/a.dat", f"{elsewhere}/2024/b.dat"]
    said = thaw("top", elsewhere)
    assert said.returncode == 1 and said.stderr == \
        f"thaw: {elsewhere}: only a part of the mount is seen here: name its root\n"


def test_a_bind_mount_of_one_file_is_told_to_be_one(mount, tmp_path):
    path = tmp_path / "one.txt"
    path.touch()
    subprocess.run(["mount", "--bind", mount.path / NOTES, path], check=True)
    try:
        said = thaw("status", path)
        assert said.returncode == 1 and said.stderr == f"thaw: {path}: not in a thawfs mount\n"
        assert os.getxattr(path, "user.thaw.state") == b"cold"
    finally:
        subprocess.run(["umount", path], check=True)


@pytest.fixture
def shown_again(mount, elsewhere):
    """The whole mount through a second FUSE file system, whose type is not thawfs's."""
    if not shutil.which("bindfs"):
        pytest.skip("no bindfs")
    process = subprocess.Popen(["bindfs", "-f", mount.path, elsewhere], stdin=subprocess.DEVNULL)
    until(lambda: is_mounted(elsewhere) or process.poll() is not None, 20, "bindfs")
    yield elsewhere
    subprocess.run(["umount", elsewhere], check=True)
    process.wait(20)


def test_over_a_re_export_all_works_that_files_can_do(mount, shown_again):
    path = shown_again / NOTES
    with open("/proc/self/mountinfo") as f:
        assert not re.search(rf" {shown_again} .* fuse\.thawfs ", f.read())
    assert states(shown_again / "lab")["notes.txt"] == "cold"
    said = thaw("plan", "-r", shown_again / "lab")
    assert said.stdout == "" and said.stderr == (
        f"thaw: {shown_again}: seen here through another file system, which hands on no questions: "
        "plan where the mount is\n")
    said = thaw("get", "--wait", path)
    assert said.returncode == 0, said.stderr
    assert states(shown_again / "lab")["notes.txt"] == "cached"
    assert path.read_bytes() == b"notes\n" * 100
    assert thaw("top", shown_again).stdout.startswith("0 files under way")
    assert thaw("evict", path).returncode == 0
    until(lambda: states(shown_again / "lab")["notes.txt"] == "cold" or
          states(shown_again / "lab")["notes.txt"] == "ready", 10, "it being given up")
    assert thaw("pin", path).returncode == 0 and thaw("unpin", path).returncode == 0
    assert thaw("report", "--month", "2026-11", "--json", shown_again).returncode == 0
    assert thaw("find", "--state", "cold", shown_again).stdout.count("\n") >= 3


@pytest.mark.parametrize("verb", ["status", "plan", "get", "wait", "cancel", "approve", "evict", "pin",
                                  "unpin", "verify", "find", "top", "refresh"])
def test_outside_of_any_mount_there_is_one_clear_line(tmp_path, verb):
    for path, why in [(tmp_path, "not in a thawfs mount"),
                      (tmp_path / "none", "No such file or directory")]:
        said = thaw(verb, path)
        assert (said.returncode, said.stdout) == (1, ""), said
        assert said.stderr == f"thaw: {path}: {why}\n"


def test_of_a_mount_whose_daemon_has_gone_it_is_said(mount):
    mount.process.kill()
    mount.process.wait()
    mount.is_stopped = True
    try:
        for verb in ("status", "plan", "get", "find", "top", "report"):
            said = thaw(verb, mount.path)
            assert (said.returncode, said.stdout) == (1, ""), said
            assert said.stderr == (f"thaw: {mount.path}: the mount's daemon has gone: unmount it "
                                   f"(fusermount3 -u), mount it again\n"), said.stderr
    finally:
        subprocess.run(["umount", "-l", mount.path], check=True)
