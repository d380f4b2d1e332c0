# SPDX-License-Identifier: Apache-2.0
"""Reading what is cold, what is here, and what will not come."""
import concurrent.futures
import errno
import hashlib
import mmap
import os
import signal
import subprocess
import time

import pytest
from conftest import FILES, OBJECTS, restores, until

BEACH = "photos/holiday/beach.jpg"
RUN = "lab/runs/2024/a.dat"
DATA = {BEACH: FILES["holiday/beach.jpg"], RUN: OBJECTS["runs/2024/a.dat"]}


def charges(sim):
    """What the service billed for restores: (operation, component) -> quantity."""
    return restores(sim.bill()["lines"])


def reader(path, *words):
    """A process that reads; `state` of /proc says whether it waits."""
    return subprocess.Popen(["cat", str(path), *words], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def wait_parked(mount, n=1):
    until(lambda: f"thawfs_waiting_reads {n}\n" in (mount.path / ".thaw/metrics").read_text(),
          20, f"{n} parked readers")


@pytest.mark.parametrize("name", DATA)
def test_a_cold_file_is_restored_and_read(mount, sim, name):
    """S10, S11: right bytes, and a second read costs nothing."""
    out = subprocess.run(["sha256sum", mount.path / name], capture_output=True, text=True,
                         timeout=50)
    assert out.stdout.split()[:1] == [hashlib.sha256(DATA[name]).hexdigest()], out.stderr
    assert mount.attribute(mount.path / name, "state") == "cached"
    bill = charges(sim)
    assert (mount.path / name).read_bytes() == DATA[name]
    mount.stop()
    mount.start()
    until(lambda: (mount.path / name).exists())
    assert (mount.path / name).read_bytes() == DATA[name]
    assert charges(sim) == bill


def test_the_ledger_is_the_bill(mount, sim):
    """S12: restores and retrieved bytes."""
    for name in DATA:
        (mount.path / name).read_bytes()
    mount.wait_booked()
    assert mount.booked()["RestoreObject", "request"] == 1


def test_every_read_size_gives_the_same_bytes(mount):
    """S10"""
    path, data = mount.path / BEACH, DATA[BEACH]
    with open(path, "rb", buffering=0) as cold:
        for off, size in ((len(data) - 5, 100), (0, 1), (4095, 4098), (1 << 20, 1 << 20),
                          (len(data), 10), (len(data) + 10, 10)):
            assert os.pread(cold.fileno(), size, off) == data[off:off + size]
        whole = os.pread(cold.fileno(), len(data) + 1, 0)
        assert whole == data
    with open(path, "rb") as cached:
        assert cached.read() == data
        with mmap.mmap(cached.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ) as m:
            assert m[:] == data


def test_an_empty_object_is_read_without_a_restore(start_mount, sim):
    """S13"""
    sim.s3("PUT", "/lab/none", b"", {"x-amz-storage-class": "DEEP_ARCHIVE"})
    mount = start_mount(sim, "s3://lab")
    assert (mount.path / "none").read_bytes() == b""
    assert charges(sim) == {}


def test_ctrl_c_ends_the_wait_at_once_and_the_restore_goes_on(mount, sim):
    """S14"""
    cat = reader(mount.path / BEACH)
    wait_parked(mount)
    mount.wait_state(mount.path / BEACH, "requested", "restoring")
    asked = time.monotonic()
    cat.send_signal(signal.SIGINT)
    cat.communicate(timeout=5)
    assert cat.returncode == -signal.SIGINT and time.monotonic() - asked < 0.5
    mount.wait_state(mount.path / BEACH, "cached")
    assert (mount.path / BEACH).read_bytes() == DATA[BEACH]
    mount.wait_booked()


def test_o_nonblock_says_not_yet_and_asks(mount):
    """S15"""
    fd = os.open(mount.path / RUN, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(BlockingIOError):
        os.read(fd, 10)
    mount.wait_state(mount.path / RUN, "cached")
    assert os.read(fd, 10) == DATA[RUN][:10]
    os.close(fd)


def test_a_page_fault_on_cold_bytes_fails_at_once_and_asks(mount):
    """S16"""
    touch = ("import mmap,sys; f=open(sys.argv[1],'rb'); "
             "print(mmap.mmap(f.fileno(),0,mmap.MAP_PRIVATE,mmap.PROT_READ)[0])")
    began = time.monotonic()
    done = subprocess.run(["python3", "-c", touch, mount.path / RUN], capture_output=True,
                          timeout=20)
    assert done.returncode == -signal.SIGBUS and time.monotonic() - began < 2
    until(lambda: mount.attribute(mount.path / RUN, "state") != "cold")
    mount.wait_state(mount.path / RUN, "cached")
    done = subprocess.run(["python3", "-c", touch, mount.path / RUN], capture_output=True,
                          text=True, timeout=20)
    assert done.stdout.strip() == str(DATA[RUN][0]), done.stderr


def test_parked_faults_leave_everybody_killable(start_mount, start_sim):
    """S16, S19: twenty faults on one cold file, then open, read and map it."""
    sim = start_sim("--speed", 1)
    sim.s3("PUT", "/lab")
    sim.s3("PUT", "/lab/a", b"x" * 50000, {"x-amz-storage-class": "DEEP_ARCHIVE"})
    mount = start_mount(sim, "s3://lab")
    touch = ("import mmap,sys; f=open(sys.argv[1],'rb'); "
             "mmap.mmap(f.fileno(),0,mmap.MAP_PRIVATE,mmap.PROT_READ)[0]")
    faults = [subprocess.Popen(["python3", "-c", touch, mount.path / "a"]) for _ in range(20)]
    cat = reader(mount.path / "a")
    for fault in faults:
        assert fault.wait(10) == -signal.SIGBUS
    wait_parked(mount)
    assert subprocess.run(["head", "-c", "0", mount.path / "a"], timeout=5).returncode == 0
    cat.kill()
    cat.communicate(timeout=1)
    wait_parked(mount, 0)


def test_metadata_and_warm_reads_do_not_wait_behind_parked_ones(mount):
    """S3, S19"""
    warm = mount.path / "lab/runs/notes.txt"
    warm.read_bytes()
    mount.sim.admin("POST", "clock", {"speed": 1})
    parked = [reader(mount.path / BEACH) for _ in range(40)]
    wait_parked(mount, 40)
    began = time.monotonic()
    for _ in range(50):
        with open(warm, "rb", buffering=0) as f:
            assert os.pread(f.fileno(), 10, 0) == OBJECTS["runs/notes.txt"][:10]
        os.stat(mount.path / "lab/runs/2024")
    assert time.monotonic() - began < 2
    for cat in parked:
        cat.kill()
        cat.communicate(timeout=2)


def test_many_readers_one_restore(mount, sim):
    """S17"""
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        got = list(pool.map(lambda _: (mount.path / RUN).read_bytes(), range(12)))
    assert all(data == DATA[RUN] for data in got)
    assert charges(sim)["RestoreObject", "request"] == 1
    mount.wait_booked()


def test_stopping_answers_the_parked_and_ends_in_two_seconds(start_mount, start_sim):
    """S18"""
    sim = start_sim("--speed", 1)
    sim.s3("PUT", "/lab")
    sim.s3("PUT", "/lab/a", b"x" * 5000, {"x-amz-storage-class": "DEEP_ARCHIVE"})
    mount = start_mount(sim, "s3://lab")
    parked = [reader(mount.path / "a") for _ in range(20)]
    wait_parked(mount, 20)
    mount.stop(seconds=2)
    for cat in parked:
        assert os.strerror(errno.ETIMEDOUT) in cat.communicate(timeout=2)[1].decode()


def test_an_unmount_from_outside_ends_the_daemon(mount):
    """S18"""
    subprocess.run(["umount", mount.path], check=True)
    mount.process.wait(2)
    assert "unmounted" in mount.said()


def test_killed_readers_leave_nothing_parked(start_mount, start_sim):
    """S19"""
    sim = start_sim("--speed", 1)
    sim.s3("PUT", "/lab")
    sim.s3("PUT", "/lab/a", b"x" * 5000, {"x-amz-storage-class": "DEEP_ARCHIVE"})
    mount = start_mount(sim, "s3://lab")
    parked = [reader(mount.path / "a") for _ in range(40)]
    wait_parked(mount, 40)
    states = {open(f"/proc/{p.pid}/stat").read().rsplit(")", 1)[1].split()[0] for p in parked}
    assert states == {"S"}
    threads = len(os.listdir(f"/proc/{mount.process.pid}/task"))
    for cat in parked:
        cat.kill()
    began = time.monotonic()
    for cat in parked:
        cat.communicate(timeout=2)
    assert time.monotonic() - began < 1
    wait_parked(mount, 0)
    assert len(os.listdir(f"/proc/{mount.process.pid}/task")) == threads


def test_ordinary_tools_work(mount, tmp_path):
    """S20: tar, cp -r, rsync, md5sum, head, less."""
    lab = mount.path / "lab/runs"
    for line in ("tar cf all.tar -C {lab} .", "cp -r {lab} copied", "head -c 10 {lab}/notes.txt",
                 "md5sum {lab}/notes.txt", "rsync -a {lab}/ synced", "less {lab}/notes.txt",
                 "mkdir untarred", "tar xf all.tar -C untarred"):
        program = line.split()[0]
        if subprocess.run(["which", program], capture_output=True).returncode:
            continue
        done = subprocess.run(line.format(lab=lab), shell=True, cwd=tmp_path,
                              capture_output=True, timeout=50)
        assert done.returncode == 0, done.stderr
    for where in ("copied", "synced", "untarred"):
        if (tmp_path / where).exists():
            for name, data in OBJECTS.items():
                assert (tmp_path / where / name.removeprefix("runs/")).read_bytes() == data
