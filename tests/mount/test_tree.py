# SPDX-License-Identifier: Apache-2.0
"""What the tree shows, without anything being paid."""
import errno
import os
import stat
import subprocess

import pytest
from conftest import FILES, OBJECTS, listed, until


def all_files(root):
    return {os.path.relpath(os.path.join(d, f), root)
            for d, _, names in os.walk(root) for f in names}


def run(*words, **how):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=50,
                          **how)
    assert done.returncode == 0, done.stderr
    return done.stdout


def paid(sim):
    """The operations of the bill, but those that keep the catalog."""
    return [line["operation"] for line in sim.bill()["lines"]
            if line["operation"] not in ("ListObjectsV2", "PutObject", "UploadArchive")
            and line["component"] in ("request", "retrieval", "transfer")]


def test_every_archive_and_object_is_a_file(mount):
    """S1"""
    assert all_files(mount.path / "photos") == {n for n, d in FILES.items() if d}
    assert all_files(mount.path / "lab") == set(OBJECTS)


def test_stat_tells_the_true_size_and_no_hole(mount):
    """S2"""
    for name, data in OBJECTS.items():
        st = os.stat(mount.path / "lab" / name)
        assert st.st_size == len(data)
        assert st.st_blocks == -(-len(data) // 512)
        assert stat.S_IMODE(st.st_mode) == 0o444 and st.st_nlink == 1
        assert abs(st.st_mtime - st.st_ctime) < 1
    with open(mount.path / "lab/runs/2024/a.dat", "rb") as f:
        assert os.lseek(f.fileno(), 0, os.SEEK_HOLE) == len(OBJECTS["runs/2024/a.dat"])
    st = os.stat(mount.path / "lab/runs")
    assert stat.S_IMODE(st.st_mode) == 0o555 and st.st_nlink == 3


def test_looking_is_free(mount, sim):
    """S3: ls, find, du, stat, open, access, getxattr and statfs ask for nothing."""
    before = paid(sim)
    run("ls", "-lR", mount.path)
    run("find", mount.path, "-type", "f", "-size", "+1k")
    run("du", "-a", mount.path)
    run("df", mount.path)
    run("stat", mount.path / "lab/runs/notes.txt")
    with open(mount.path / "lab/runs/notes.txt", "rb"):
        pass
    run("test", "-r", mount.path / "lab/runs/notes.txt")
    assert mount.attribute(mount.path / "lab/runs/notes.txt", "state") == "cold"
    run("cat", mount.path / "lab/runs/.thaw/summary")
    assert paid(sim) == before
    assert all(mount.attribute(mount.path / "lab" / n, "state") == "cold" for n in OBJECTS)


def test_inode_numbers_survive_a_new_mount(mount):
    """S4"""
    def numbers():
        return {n: os.stat(mount.path / "lab" / n).st_ino for n in OBJECTS}

    before = numbers()
    mount.stop()
    mount.start()
    until(lambda: listed(mount.path / "lab"))
    assert numbers() == before
    assert len(set(before.values())) == len(before)


def test_dot_thaw_is_found_but_not_listed(mount):
    """S5"""
    assert ".thaw" not in os.listdir(mount.path / "lab/runs")
    assert ".thaw" not in os.listdir(mount.path)
    assert set(os.listdir(mount.path / "lab/runs/.thaw")) == {"summary", "request", "plan"}
    assert set(os.listdir(mount.path / ".thaw")) == {
        "summary", "request", "plan", "queue", "budgets", "failed", "storms", "ledger.csv", "ledger.json",
        "requests.json", "usage.json", "config", "sources", "cache", "metrics"}
    assert os.stat(mount.path / "lab/runs/.thaw/..").st_ino == \
        os.stat(mount.path / "lab/runs").st_ino
    with pytest.raises(FileNotFoundError):
        os.stat(mount.path / "lab/runs/.thaw/nothing.status")


@pytest.mark.parametrize("change", [
    lambda d: open(d / "new", "w"),
    lambda d: open(d / "notes.txt", "r+"),
    lambda d: open(d / "notes.txt", "w"),
    lambda d: os.mkdir(d / "new"),
    lambda d: os.mkfifo(d / "new"),
    lambda d: os.unlink(d / "notes.txt"),
    lambda d: os.rmdir(d / "2024"),
    lambda d: os.rename(d / "notes.txt", d / "new"),
    lambda d: os.link(d / "notes.txt", d / "new"),
    lambda d: os.symlink("notes.txt", d / "new"),
    lambda d: os.chmod(d / "notes.txt", 0o777),
    lambda d: os.chown(d / "notes.txt", 1, 1),
    lambda d: os.utime(d / "notes.txt"),
    lambda d: os.truncate(d / "notes.txt", 0),
    lambda d: os.setxattr(d / "notes.txt", "user.mine", b"x"),
    lambda d: os.setxattr(d / "notes.txt", "user.thaw.state", b"cached"),
    lambda d: os.removexattr(d / "notes.txt", "user.thaw.etag"),
])
def test_nothing_can_be_changed(mount, change):
    """S6"""
    with pytest.raises(OSError) as refused:
        change(mount.path / "lab/runs")
    assert refused.value.errno == errno.EROFS


@pytest.fixture
def slow(start_mount, start_sim):
    """A vault whose first inventory takes hours."""
    sim = start_sim("--speed", 1)
    sim.vault("slow")
    sim.upload(b"x", "x", "slow")
    sim.inventory("slow")
    return start_mount(sim, "glacier://us-east-1/slow")


def test_a_source_without_a_catalog_is_not_an_empty_directory(slow):
    """S7"""
    for look in (os.listdir, lambda p: os.stat(p / "anything")):
        with pytest.raises(BlockingIOError):
            look(slow.path)
    words = (slow.path / ".thaw/summary").read_text()
    assert "source: slow" in words and "waiting for its first catalog" in words


def test_the_summary_says_when_the_first_catalog_is_expected(slow):
    """S7"""
    until(lambda: "source.expected: 20" in (slow.path / ".thaw/summary").read_text(), 5)


def test_a_single_url_is_the_root_itself(start_mount, sim):
    """S8"""
    mount = start_mount(sim, "s3://lab/runs/")
    assert set(os.listdir(mount.path)) == {"2024", "notes.txt"}
    assert os.stat(mount.path / "2024/..").st_ino == os.stat(mount.path).st_ino
    line = next(s for s in open("/proc/self/mountinfo") if str(mount.path) in s)
    assert "fuse.thawfs s3://lab/runs/" in line
    assert "nosuid,nodev" in line and " rw," in line
