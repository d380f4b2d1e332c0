# SPDX-License-Identifier: Apache-2.0
"""thaw find: what is known of files, without reading one."""
import json
import os
import subprocess
import time

from conftest import BUILD, FILES, listed, until


def find(*args, cwd=None, status=0):
    said = subprocess.run([str(BUILD / "tools/thaw/thaw"), "find", *map(str, args)], cwd=cwd,
                          capture_output=True, timeout=50)
    assert said.returncode == status, said.stderr
    return said.stdout


def names(*args, **how):
    return sorted(find(*args, **how).decode().splitlines())


def test_a_file_is_found_by_whatever_is_known_of_it(mount, sim):
    """S84: name, path, size, state, class, tree hash, id, time; together, and without a call."""
    sim.s3("PUT", "/lab/runs/2024/x%0Ay", b"z", {"x-amz-storage-class": "GLACIER"})
    subprocess.run([str(BUILD / "tools/thaw/thaw"), "refresh", str(mount.path / "lab")], check=True)
    until(lambda: len(os.listdir(mount.path / "lab/runs/2024")) == 3, 20, "the new name")
    with open(mount.path / "photos/thesis.pdf", "rb") as f:
        f.read()
    mount.wait_state(mount.path / "photos/thesis.pdf", "cached")
    calls = len(sim.requests())
    everything = names(mount.path)
    assert len(everything) == 7 and f"{mount.path}/photos/thesis.pdf" in everything
    for args, found in [
            (["--name", "*.jpg"], ["photos/holiday/beach.jpg", "photos/holiday/mountain.jpg"]),
            (["--name", "lab/*/2024/*.dat"], ["lab/runs/2024/a.dat", "lab/runs/2024/b.dat"]),
            (["--size", "+1M"], ["lab/runs/2024/a.dat", "photos/holiday/beach.jpg"]),
            (["--size", "1M"], ["photos/holiday/mountain.jpg"]),
            (["--size", "-1K"], ["lab/runs/2024/x%0Ay", "lab/runs/notes.txt"]),
            (["--state", "cached,online"], ["photos/thesis.pdf"]),
            (["--class", "glacier"], ["lab/runs/2024/x%0Ay"]),
            (["--id", "runs/notes.txt"], ["lab/runs/notes.txt"]),
            (["--before", "2001-01-01"], []),
            (["--name", "*.dat", "--size", "-1M"], ["lab/runs/2024/b.dat"])]:
        assert names(*args, ".", cwd=mount.path) == ["./" + f for f in found], args
    hashed = os.getxattr(mount.path / "photos/thesis.pdf", "user.thaw.tree-hash").decode()
    assert names("--tree-hash", hashed[:8].upper(), mount.path) == [f"{mount.path}/photos/thesis.pdf"]
    today = time.strftime("%Y-%m-%d", time.gmtime(os.stat(mount.path / "photos/thesis.pdf").st_mtime))
    assert len(names("--after", today, mount.path)) == 7
    line = json.loads(find("--json", "--name", "thesis*", mount.path))
    assert (line["size"], line["state"], line["tree_hash"]) == (len(FILES["thesis.pdf"]), "cached", hashed)
    assert find("-0", "--class", "GLACIER", mount.path / "lab").endswith(b"x%0Ay\0")
    assert b"a size like" in subprocess.run(
        [str(BUILD / "tools/thaw/thaw"), "find", "--size", "big", "."], capture_output=True).stderr
    find("/tmp", status=1)
    assert len(sim.requests()) == calls


def test_names_that_others_take_for_one_are_shown(start_mount, start_sim):
    """S85: here they are different files."""
    sim = start_sim("--speed", 10800)
    assert sim.s3("PUT", "/lab").status == 200
    for key in ("d/Read.me", "d/read.ME", "d/other", "D/x", "caf%C3%A9", "cafe%CC%81", "CAF%C3%89"):
        assert sim.s3("PUT", f"/lab/{key}", b"x", {"x-amz-storage-class": "GLACIER"}).status == 200
    mount = start_mount(sim, f"s3://lab")
    until(lambda: listed(mount.path), 30, "catalog")
    found = [json.loads(x) for x in find("--clashes", "--json", mount.path).splitlines()]
    told = {(os.path.relpath(x["directory"], mount.path), x["name"], x["like"], x["differs"])
            for x in found}
    assert told == {("d", "read.ME", "Read.me", "case"), (".", "d", "D", "case"),
                    (".", "cafe\u0301", "CAF\u00c9", "case and form"),
                    (".", "caf\u00e9", "CAF\u00c9", "case")}


def test_a_directory_without_names_yet_is_told(start_mount, start_sim):
    sim = start_sim("--speed", 10800)
    sim.vault("photos")
    mount = start_mount(sim, "glacier://us-east-1/photos")
    assert b"the first listing is not here yet" in subprocess.run(
        [str(BUILD / "tools/thaw/thaw"), "find", str(mount.path)], capture_output=True).stderr
    find(mount.path, status=75)
