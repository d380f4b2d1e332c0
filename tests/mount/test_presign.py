# SPDX-License-Identifier: Apache-2.0
"""Links: what plain curl downloads by one, who gets none, and that it ends with the copy."""
import datetime
import json
import re
import subprocess
import urllib.parse

import pytest
from conftest import BUILD, CONFIG, OBJECTS, listed, until

THAW = BUILD / "tools/thaw/thaw"
KEY = "runs/2024/b.dat"


def presign(*words):
    return subprocess.run([THAW, "presign", *words], text=True, capture_output=True, timeout=60)


def curl(url):
    """Without a key, a cookie or a configuration."""
    return subprocess.run(["curl", "-q", "-sS", "--fail-with-body", url], capture_output=True,
                          timeout=60, env={"PATH": "/usr/bin:/bin"})


def life_s(url):
    return int(urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["X-Amz-Expires"][0])


@pytest.fixture
def start(start_mount, sim):
    def start(more="", config=CONFIG):
        mount = start_mount(sim, config.format(url=sim.url) + more)
        until(lambda: listed(mount.path / "lab"), 30, "catalog")
        return mount
    return start


def restored(mount, days=36500):
    path = mount.path / "lab" / KEY
    mount.ask(path, f"get days={days}")
    mount.wait_state(path, "cached")
    return path


def test_a_link_of_a_restored_object_gives_its_bytes_to_plain_curl(start, sim):  # S196
    mount = start()
    path = restored(mount)
    before = mount.ledger()
    calls = len(sim.requests("RestoreObject"))
    said = presign("--expires", "2h", path)
    assert said.returncode == 0, said.stderr
    url = said.stdout.strip()
    got = curl(url)
    assert got.returncode == 0 and got.stdout == OBJECTS[KEY], got
    assert life_s(url) == 7200
    # When it ends, and the copy, is said beside it; not the key's secret, nor the link in a log.
    assert re.search(r"until 2\d{3}-.*the service's copy until 2\d{3}-.*account's cost", said.stderr)
    assert "X-Amz-Signature" not in mount.said() and "has a link for 7200 s" in mount.said()
    assert sim.env["AWS_SECRET_ACCESS_KEY"] not in url
    # It is for GET, of this object alone.
    other = url.replace("b.dat", "a.dat")
    assert curl(other).returncode == 22
    assert mount.ledger() == before and len(sim.requests("RestoreObject")) == calls
    # One line of facts for programs; a read without a word is an hour.
    line = json.loads(presign("--json", path).stdout)
    assert line["path"] == str(path) and line["size"] == len(OBJECTS[KEY]) and line["copy_ends"]
    assert life_s(line["link"]) == 3600
    assert life_s(json.loads(mount.of(path, "link"))["link"]) == 3600


def test_what_is_not_restored_has_no_link_and_says_what_to_do(start, sim):  # S196
    mount = start()
    path = mount.path / "lab" / KEY
    said = presign(path)
    assert said.returncode == 1 and "thaw get --wait FILE" in said.stderr and not said.stdout
    mount.ask(path, "get tier=bulk")
    mount.wait_state(path, "restoring", "requested")
    said = presign(path)
    # It may have come meanwhile on a slow machine.
    assert said.returncode == (0 if said.stdout else 75), said
    until(lambda: listed(mount.path / "photos"), 30, "catalog")
    said = presign(mount.path / "photos/thesis.pdf")
    assert said.returncode == 1 and "vault" in said.stderr
    for words in ("life=nonsense", "life=0", "days=3"):
        with pytest.raises(OSError) as e:
            with open(path.parent / ".thaw" / f"{path.name}.link", "r+") as f:
                f.write(words)
                f.flush()
                f.seek(0)
                f.read()
        assert e.value.errno == 22, words
    mount.wait_state(path, "cached")


def when(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_a_link_ends_with_the_copy_and_the_policy_s_time(start, sim):  # S196
    mount = start("[policy /lab/runs/2024]\nlinks = 3h\n")
    # A hundred days of the simulator's are some 800 seconds of a link's.
    path = restored(mount, days=100)
    speed = sim.clock()["speed"]
    left = (when(json.loads(mount.of(path, "json"))["expires"]) - when(sim.clock()["now"])) / speed
    link = json.loads(presign("--json", "--expires", "6d", path).stdout)
    assert 0 < life_s(link["link"]) <= left + 1 and link["copy_ends"]
    mount.advance(101 * 24)
    said = presign(path)
    assert said.returncode == 1 and "lapsed" in said.stderr and "cache" in said.stderr
    far = mount.path / "lab/runs/2024/a.dat"
    mount.ask(far, "get days=36500")
    mount.wait_state(far, "cached")
    assert life_s(presign("--expires", "30d", far).stdout.strip()) == 3 * 3600


def test_the_policy_gives_none_where_it_says_so(start, sim):  # S196
    mount = start("[policy /lab/runs]\nlinks = 0\n")
    path = restored(mount)
    said = presign(path)
    assert said.returncode == 77 and "[policy] links" in said.stderr and not said.stdout


def test_an_object_of_a_versioned_bucket_is_linked_by_its_version(start, sim):  # S196
    assert sim.s3("PUT", "/lab?versioning=", b"<VersioningConfiguration><Status>Enabled</Status>"
                  b"</VersioningConfiguration>").status == 200
    data = b"first of two " * 1000
    assert sim.s3("PUT", "/lab/odd%20n%C3%A4me%2B1", data).status == 200
    mount = start(config=CONFIG.replace("url = s3://lab\n",
                                        "url = s3://lab\nversions = yes\nstorage-classes = all\n"))
    path = mount.path / "lab/odd näme+1"
    url = presign("--expires", "30d", path).stdout.strip()
    assert life_s(url) == 7 * 24 * 3600  # nothing ends before
    assert sim.s3("PUT", "/lab/odd%20n%C3%A4me%2B1", b"second").status == 200
    assert "versionId=" in url and curl(url).stdout == data
