# SPDX-License-Identifier: Apache-2.0
"""What must stay in the cache, and whether it is still what was written."""
import json
import os

from conftest import listed, until
from test_evict import data_files
from test_read import BEACH, DATA, RUN, charges
from test_room import CHEAP, here, lab, read  # noqa: F401
from test_thaw import thaw


def pins(path):
    name = path.parent / ".thaw" / f"{path.name}.json"
    return json.loads(name.read_text())["pin_count"]


def test_what_is_pinned_stays_over_a_restart_until_its_time_is_over(lab):  # noqa: F811
    """S181"""
    first = lab.path / "lab" / CHEAP[0]
    read(lab, CHEAP[0])
    said = thaw("pin", "--days", "3", first)
    assert said.returncode == 0 and "pinned" in said.stdout, said
    assert lab.attribute(first, "pinned")
    lab.stop()
    lab.start()
    until(lambda: listed(lab.path / "lab"), 20, "the catalog")
    assert pins(first) == 1
    read(lab, *CHEAP[1:])
    assert CHEAP[0] in here(lab, CHEAP)
    said = thaw("evict", first)
    assert said.returncode == 1 and "pinned" in said.stderr, said
    lab.advance(73)
    until(lambda: pins(first) == 0, 10, "the end of the pin")
    read(lab, *CHEAP[1:])
    assert CHEAP[0] not in here(lab, CHEAP)


def test_pins_count_and_are_each_ones_own(lab):  # noqa: F811
    """S181"""
    file = lab.path / "lab" / CHEAP[0]
    for _ in range(2):
        assert thaw("pin", file).returncode == 0
    assert pins(file) == 1
    assert thaw("unpin", file).returncode == 0
    assert pins(file) == 1
    assert thaw("unpin", file).returncode == 0
    assert pins(file) == 0
    said = thaw("unpin", file)
    assert said.returncode == 0 and "not pinned" in said.stdout, said
    assert thaw("pin", file).returncode == 0
    assert thaw("unpin", "--all", file).returncode == 0
    assert pins(file) == 0
    assert charges(lab.sim) == {}


def restored(sim):
    return charges(sim)["RestoreObject", "request"]


def rot(file):
    """A byte is another one, and the file system does not tell."""
    st = file.stat()
    with open(file, "r+b") as f:
        f.seek(st.st_size // 2)
        byte = f.read(1)[0]
        f.seek(st.st_size // 2)
        f.write(bytes([byte ^ 1]))
    os.utime(file, ns=(st.st_atime_ns, st.st_mtime_ns))


def test_bit_rot_is_found_forgotten_and_asked_for_again_only_with_consent(mount, sim):
    """S182"""
    for name in DATA:
        assert (mount.path / name).read_bytes() == DATA[name]
    paid = restored(sim)
    said = thaw("verify", "-r", mount.path)
    assert said.returncode == 0 and "2 files" in said.stdout, said
    said = thaw("verify", "-r", "--older", "1h", mount.path)
    assert "0 files" in said.stdout and "2 not looked at" not in said.stderr, said
    mount.advance(2400)  # nothing is at the service any more
    file = next(f for f in data_files(mount) if f.stat().st_size == len(DATA[RUN]))
    rot(file)
    mount.may_log = "not what was written"
    said = thaw("verify", "-r", mount.path)
    assert said.returncode == 1 and "costs" in said.stdout, said
    assert mount.attribute(mount.path / RUN, "state") != "cached"
    assert restored(sim) == paid
    assert (mount.path / RUN).read_bytes() == DATA[RUN]
    assert restored(sim) == paid + 1


def test_a_repair_somebody_has_agreed_to_brings_it_back(mount, sim):
    """S182"""
    path = mount.path / BEACH
    assert path.read_bytes() == DATA[BEACH]
    mount.advance(2400)
    file = next(f for f in data_files(mount) if f.stat().st_size == len(DATA[BEACH]))
    rot(file)
    mount.may_log = "not what was written"
    said = thaw("verify", "--repair", path)
    assert said.returncode == 1 and "asked for again" in said.stdout, said
    mount.wait_state(path, "cached")
    assert path.read_bytes() == DATA[BEACH]
    said = thaw("verify", path)
    assert said.returncode == 0 and "as it was written" in said.stdout, said
