# SPDX-License-Identifier: Apache-2.0
"""Bytes of the state and the cache that are not what was written, between two mounts."""
import contextlib
import os
import random
import shutil
import subprocess

import pytest
from conftest import CONFIG, FILES, OBJECTS, is_mounted, listed, until

WANT = {f"photos/{name}": data for name, data in FILES.items() if data}
WANT |= {f"lab/{key}": data for key, data in OBJECTS.items()}
SEED = int(os.environ.get("THAW_SEED", 20261122))


def damage(path, rng):
    """Some of its bytes, a page of it, its end, or all of it."""
    size = path.stat().st_size
    how = rng.choice(("bytes", "page", "cut", "zeros", "longer"))
    with open(path, "r+b") as f:
        if how == "cut":
            f.truncate(rng.randrange(size + 1))
        elif how == "longer":
            f.seek(size)
            f.write(rng.randbytes(rng.randrange(1, 10000)))
        elif how == "bytes":
            for _ in range(rng.randrange(1, 50)):
                f.seek(rng.randrange(max(size, 1)))
                f.write(rng.randbytes(1))
        else:
            f.seek(rng.randrange(size // 4096 + 1) * 4096)
            f.write(rng.randbytes(4096) if how == "page" else bytes(4096))
    return how


def may_start(mount):
    """Starts the daemon again; a refusal must say why, in one line, and not by dying."""
    done = subprocess.Popen(mount.command(), env=mount.sim.env, stderr=subprocess.PIPE,
                            stdin=subprocess.DEVNULL)
    mount.process = done
    until(lambda: is_mounted(mount.path) or done.poll() is not None, 40, "an answer")
    if done.poll() is None:
        return True
    said = done.stderr.read().decode().splitlines()
    assert done.returncode == 1, (done.returncode, said)
    assert said[-1].startswith("thawfs: "), said
    return False


def all_right(mount):
    """What is read is right, or refused."""
    seen = 0
    for name, data in WANT.items():
        try:
            fd = os.open(mount.path / name, os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            continue
        try:
            got = os.read(fd, len(data) + 1)
            assert got == data[:len(got)], name
            seen += len(got) > 0
        except OSError:
            pass
        finally:
            with contextlib.suppress(OSError):  # the daemon may have found its index damaged
                os.close(fd)
    return seen


def rounds(mount, seed, n):
    rng = random.Random(seed)
    keep = mount.dir / "keep"
    shutil.copytree(mount.dir / "state", keep / "state")
    shutil.copytree(mount.dir / "cache", keep / "cache")
    outcomes = {"served": 0, "refused": 0, "reads": 0}
    for i in range(n):
        for name in ("state", "cache"):
            shutil.rmtree(mount.dir / name)
            shutil.copytree(keep / name, mount.dir / name)
        files = sorted(p for name in ("state", "cache") for p in (mount.dir / name).rglob("*")
                       if p.is_file() and not p.name.endswith((".lock", "lock.mdb")))
        hurt = [(p.relative_to(mount.dir), damage(p, rng))
                for p in rng.sample(files, rng.randrange(1, min(4, len(files))))]
        try:
            if may_start(mount):
                outcomes["served"] += 1
                outcomes["reads"] += all_right(mount)
            else:
                outcomes["refused"] += 1
        except AssertionError as e:
            raise AssertionError(f"seed {seed} round {i}: {hurt}: {e}") from e
        finally:
            if mount.process.poll() is None:
                mount.process.terminate()
                mount.process.wait(20)
            mount.process.stderr.close()
            if is_mounted(mount.path):
                subprocess.run(["umount", "-l", mount.path], check=True)
        assert mount.process.returncode in (0, 1), (seed, i, hurt, mount.process.returncode)
    return outcomes


@pytest.fixture
def filled(start_mount, sim):
    """A mount that was read and stopped; its service stands still from here on."""
    mount = start_mount(sim, CONFIG.format(url=sim.url))
    for name, data in WANT.items():
        until(lambda: listed(mount.path / name.split("/")[0]), 20, name)
        assert (mount.path / name).read_bytes() == data
    mount.stop()
    sim.admin("POST", "clock", {"speed": 0})
    return mount


@pytest.mark.timeout(200)
def test_damaged_state_is_refused_or_made_again_and_never_served(filled):
    """S66"""
    print(rounds(filled, SEED, 30))


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_much_damaged_state_is_refused_or_made_again_and_never_served(filled):
    """S66"""
    print(rounds(filled, SEED + 1, 500))
