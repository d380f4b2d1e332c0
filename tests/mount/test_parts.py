# SPDX-License-Identifier: Apache-2.0
"""Parts of a vault's archives on a real mount: what is paid, what is read, what survives a crash.

That what was billed is what was booked is looked at by the mount's own end, in every test.
"""
import hashlib
import io
import json
import pathlib
import re
import subprocess
import tarfile

import pytest
from conftest import BUILD, listed, pattern, restores, until

MIB = 1 << 20
# An hour in 0.7 s: a Standard restore takes three seconds, and what it brings lasts 17.
SPEED = 5000
# A large archive in the ordinary run; 64 MiB and a tail.
LARGE = pattern(64 * MIB + 4097, 21)
CONFIG = """
[source vault]
url = glacier://us-east-1/photos
endpoint = {url}
[budget test]
money = 1000
[restore]
ranges = {ranges}
"""


def billed(sim):
    """Jobs for archives, and the bytes they retrieved."""
    lines = [x for x in sim.bill()["lines"] if "/archives/" in x["resource"]
             and x["operation"] == "InitiateJob" and x["component"] == "retrieval"]
    return len(lines), sum(int(x["quantity"]) for x in lines)


@pytest.fixture
def vault(start_sim):
    sim = start_sim("--speed", SPEED)
    sim.vault("photos")
    return sim


@pytest.fixture
def mounted(vault, start_mount):
    """Mounts a vault with these archives; gives the mount."""
    def mounted(archives, ranges="auto", *words):
        for name, data in archives.items():
            vault.upload(data, name)
        vault.inventory("photos")
        mount = start_mount(vault, CONFIG.format(url=vault.url, ranges=ranges), *words)
        until(lambda: listed(mount.path / "vault"), 30, "catalog")
        return mount
    return mounted


def head(path, n):
    return subprocess.run(["head", "-c", str(n), path], capture_output=True, check=True,
                          timeout=50).stdout


def thaw(*args):
    return subprocess.run([str(BUILD / "tools/thaw/thaw"), *map(str, args)], text=True,
                          capture_output=True, timeout=50)


def test_the_head_of_a_large_archive_is_paid_as_a_part_and_the_rest_as_the_rest(mounted, vault):
    """S120, S121, S122, S123"""
    mount = mounted({"large": LARGE})
    path = mount.path / "vault/large"
    assert head(path, 65536) == LARGE[:65536]
    assert billed(vault) == (1, MIB)
    mount.wait_state(path, "partial")
    assert mount.attribute(path, "verified") == "range"
    assert mount.attribute(path, "progress") == f"{MIB}/{len(LARGE)}"
    assert mount.attribute(path, "range") == f"0-{MIB - 1}"
    assert "the rest of it" in mount.of(path, "cost")
    # What is here is read again at once, and costs nothing.
    assert head(path, MIB) == LARGE[:MIB]
    assert billed(vault) == (1, MIB)
    # A second miss.
    with open(path, "rb") as f:
        f.seek(40 * MIB + 17)
        assert f.read(100) == LARGE[40 * MIB + 17:][:100]
    assert billed(vault) == (2, len(LARGE))
    mount.wait_state(path, "cached")
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(LARGE).digest()
    assert mount.attribute(path, "verified") == "tree-hash"
    assert billed(vault) == (2, len(LARGE))


def test_tar_t_waits_twice_and_not_for_each_header(mounted, vault):
    """S121"""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for i in range(12):
            info = tarfile.TarInfo(f"run-{i}")
            info.size = 2 * MIB
            tar.addfile(info, io.BytesIO(pattern(info.size, i)))
    mount = mounted({"runs.tar": out.getvalue()})
    said = subprocess.run(["tar", "tf", mount.path / "vault/runs.tar"], capture_output=True,
                          text=True, check=True, timeout=50)
    assert said.stdout.split() == [f"run-{i}" for i in range(12)]
    assert billed(vault) == (2, len(out.getvalue()))


def test_a_range_is_asked_for_by_a_line_or_by_thaw_whatever_the_option(mounted, vault):
    """S33, S120"""
    data = LARGE[:36 * MIB + 4097]
    mount = mounted({"large": data}, "off")
    path = mount.path / "vault/large"
    said = thaw("get", "--range", f"{33 * MIB}-{33 * MIB + 99}", "--wait", path)
    assert said.returncode == 0, said
    assert billed(vault) == (1, MIB)
    with open(path, "rb") as f:
        f.seek(33 * MIB)
        assert f.read(MIB) == data[33 * MIB:34 * MIB]
    again = thaw("get", "--range", f"{33 * MIB}-{34 * MIB - 1}", path)
    assert again.returncode == 0 and "already here" in again.stdout, again
    # A sparse reader of more than one part; and what is no part of it.
    mount.ask(path, "get range=0-0")
    mount.wait_state(path, "partial")
    assert head(path, 100) == data[:100]
    assert billed(vault) == (2, 2 * MIB)
    assert thaw("get", "--range", f"{len(data)}-", path).returncode == 1
    assert "no range of bytes" in thaw("get", "--range", "0-1M", path).stderr
    status = thaw("status", "--json", path)
    assert json.loads(status.stdout)["state"] == "partial"
    # The rest: in one job, since so little of it is here.
    assert path.read_bytes() == data
    assert billed(vault)[0] == 3 and billed(vault)[1] <= len(data) + 2 * MIB


# tests/rig/test_crash.c has all steps.
STEPS = ["sending/accepted", "fetching/fetched", "ending/committed"]


@pytest.mark.parametrize("step", STEPS)
def test_killed_in_the_middle_a_part_and_the_rest_are_paid_once(mounted, vault, step):
    """S22, S122"""
    data = LARGE[:5 * MIB + 99]
    mount = mounted({"large": data})
    path = mount.path / "vault/large"
    for read, size in ((lambda: head(path, 100), 100), (path.read_bytes, len(data))):
        mount.stop()
        mount.words = (f"debug.crash-at={step}",)
        mount.start()
        reader = subprocess.Popen(["head", "-c", str(size), path], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        mount.process.wait(30)
        mount.log.close()
        subprocess.run(["umount", "-l", mount.path], check=True)
        reader.wait(10)
        mount.words = ()
        mount.start()
        assert read() == data[:size]
        mount.wait_state(path, "partial", "cached")
    assert billed(vault) == (2, len(data))
    until(lambda: mount.booked() == restores(vault.bill()["lines"]), 10, "the ledger")


def test_64_kib_of_10_gib_cost_1_mib(vault, start_mount):
    """The figure: a tenth of a second of what all of it would cost, and a ten thousandth of it.

    The archive is made ten GiB long behind the simulator's back, so that nobody has to write them.
    """
    size = 10 << 30
    data = pattern(MIB, 5)
    archive = vault.upload(data, "large")
    vault.stop()
    journal = vault.data / "glacier/journal"
    text = journal.read_text()
    lengthened = re.sub(rf'("id":"{archive}".*?"size":){MIB}\b', rf"\g<1>{size}", text)
    assert lengthened != text
    journal.write_text(lengthened)
    [file] = pathlib.Path(vault.data).rglob(f"archives/{archive}")
    with open(file, "r+b") as f:
        f.truncate(size)
    vault.start()
    vault.inventory("photos")
    mount = start_mount(vault, CONFIG.format(url=vault.url, ranges="auto"))
    until(lambda: listed(mount.path / "vault"), 30, "catalog")
    path = mount.path / "vault/large"
    assert path.stat().st_size == size
    assert head(path, 65536) == data[:65536]
    assert billed(vault) == (1, MIB)
