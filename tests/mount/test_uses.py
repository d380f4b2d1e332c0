# SPDX-License-Identifier: Apache-2.0
"""Ways of reading that programs really use: fio's verified reads, dd's flags, sendfile, copies."""
import errno
import os
import shutil
import subprocess

import pytest
from conftest import OBJECTS, restores, until
from test_read import RUN

SIZE = 8 << 20


def run(*words, **how):
    return subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=50,
                          **how)


def fio(path, *words):
    return run("fio", "--name=warm", f"--filename={path}", "--verify=crc32c", "--bs=64k",
               f"--size={SIZE}", "--minimal", *words, cwd=os.environ.get("TMPDIR", "/tmp"))


@pytest.fixture
def verified(start_sim, start_mount, tmp_path):
    """A warm file whose every block fio can check."""
    made = tmp_path / "made"
    said = fio(made, "--rw=write", "--do_verify=0", "--verify_state_save=0")
    assert said.returncode == 0, said.stderr
    sim = start_sim("--speed", 100000)
    sim.s3("PUT", "/lab")
    sim.s3("PUT", "/lab/fio", made.read_bytes(), {"x-amz-storage-class": "DEEP_ARCHIVE"})
    mount = start_mount(sim, "s3://lab", "source.refresh=0")
    assert (mount.path / "fio").read_bytes() == made.read_bytes()
    return mount.path / "fio"


@pytest.mark.skipif(not shutil.which("fio"), reason="no fio")
@pytest.mark.parametrize("how", [("--rw=read", "--ioengine=psync"),
                                 ("--rw=randread", "--ioengine=psync", "--direct=1"),
                                 ("--rw=randread", "--ioengine=mmap"),
                                 ("--rw=read", "--ioengine=libaio", "--iodepth=16", "--direct=1"),
                                 ("--rw=read", "--ioengine=splice"),
                                 ("--rw=randread", "--ioengine=psync", "--numjobs=8")],
                         ids=lambda how: "-".join(w.split("=")[1] for w in how))
def test_fio_verifies_a_warm_file(verified, how):
    """S10, S20"""
    said = fio(verified, "--readonly", *how)
    assert said.returncode == 0 and "verify:" not in said.stderr, said.stderr


def test_dd_with_its_flags(mount):
    """S10, S15: direct waits and is right; nonblock asks, says not yet, and is right later."""
    path, data = mount.path / RUN, OBJECTS["runs/2024/a.dat"]
    first = run("dd", f"if={path}", "iflag=nonblock", "status=none")
    assert first.returncode == 1 and os.strerror(errno.EAGAIN) in first.stderr
    mount.wait_state(path, "cached")
    for flags in ("nonblock", "direct", "direct,nonblock", "fullblock"):
        out = mount.dir / "out"
        said = run("dd", f"if={path}", f"of={out}", f"iflag={flags}", "bs=100k", "status=none")
        assert said.returncode == 0, said.stderr
        assert out.read_bytes() == data, flags
    other = mount.path / "lab/runs/2024/b.dat"
    said = run("dd", f"if={other}", f"of={out}", "iflag=direct", "bs=4k", "status=none")
    assert said.returncode == 0 and out.read_bytes() == OBJECTS["runs/2024/b.dat"], said


def test_sendfile_of_a_warm_file(mount):
    """S10"""
    path, data = mount.path / RUN, OBJECTS["runs/2024/a.dat"]
    path.read_bytes()
    with open(path, "rb") as f, open(mount.dir / "out", "w+b") as out:
        sent = 0
        while sent < len(data):
            sent += os.sendfile(out.fileno(), f.fileno(), sent, 300000)
        out.seek(0)
        assert out.read() == data


def test_pythons_copy_of_a_cold_file_waits_for_it(mount):
    """S16, S20: it begins with sendfile, which fails at once, and goes on with read."""
    shutil.copyfile(mount.path / RUN, mount.dir / "copy")
    assert (mount.dir / "copy").read_bytes() == OBJECTS["runs/2024/a.dat"]


def test_sendfile_of_a_cold_file_is_right_or_fails(mount):
    """S16: since Linux 6.5 it goes through the page cache, and is a page fault to us."""
    path, data = mount.path / RUN, OBJECTS["runs/2024/a.dat"]
    with open(path, "rb") as f, open(mount.dir / "out", "w+b") as out:
        try:
            sent = os.sendfile(out.fileno(), f.fileno(), 0, 5000)
            out.seek(0)
            assert out.read() == data[:sent] and sent
        except OSError as e:
            assert e.errno == errno.EIO
    mount.wait_state(path, "cached")
    until(lambda: mount.booked() == restores(mount.sim.bill()["lines"]), 10, "the ledger becoming the bill")
