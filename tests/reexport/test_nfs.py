# SPDX-License-Identifier: Apache-2.0
"""A mount handed on by nfs-ganesha: what clients see of files that are here and of those that are not."""
import concurrent.futures
import contextlib
import hashlib
import os
import re
import subprocess
import sys
import time

import nfs4
import pytest
from mounts import cold_lab, listed, until
from servers import ganesha  # noqa: F401

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]

HERE_NAMES = ("warm/a", "warm/b", "warm/deep/er/c")
FILES = {**{name: 300000 for name in HERE_NAMES}, "cold/a": 200000, "cold/b": 200000,
         "cold/c": 1000, "empty": 0, "names/b lank": 10, "names/\u00e4": 10,
         **{f"many/{n:02}": 4000 for n in range(60)}}
CONF = """
[source lab]
url = s3://lab
endpoint = {url}
refresh = 0
[mount]
allow-other = yes
[restore]
days = 100
[policy]
storm-files = 0
storm-heads = 0
[budget all]
money = 1000
"""


SERVED = """
[policy / served]
programs = ganesha.nfsd, nfsd, smbd
recall = explicit
"""


def begin(start_sim, start_mount, tmp_path, conf):
    mount = cold_lab(start_sim, start_mount, tmp_path, FILES, conf)
    for name in HERE_NAMES:
        mount.ask(mount.path / "lab" / name, "get\n")
    for name in HERE_NAMES:
        mount.wait_state(mount.path / "lab" / name, "cached")
    mount.wait_booked()
    return mount


@pytest.fixture
def mount(start_sim, start_mount, tmp_path):
    return begin(start_sim, start_mount, tmp_path, CONF)


def walk(server, path):
    """As `ls -lR`: what a listing and each file's attributes say."""
    done = server.run("nfs-ls", path)
    assert done.returncode == 0, done.stderr
    found = {}
    for line in done.stdout.decode().splitlines():
        mode, links, uid, gid, size, name = re.match(
            r"(\S+) +(\d+) +(\d+) +(\d+) +(\d+) (.*)", line).groups()
        found[f"{path}/{name}"] = mode, int(size)
        if mode[0] == "d":
            found.update(walk(server, f"{path}/{name}"))
    return found


def walk_here(root, path):
    found = {}
    for at, dirs, files in os.walk(root / path):
        for name in dirs + files:
            st = os.stat(os.path.join(at, name))
            mode = "d" if name in dirs else "-"
            mode += "".join(c if st.st_mode >> 8 - i & 1 else "-" for i, c in enumerate("rwxrwxrwx"))
            found[os.path.relpath(os.path.join(at, name), root)] = mode, st.st_size
    return found


def md5(data):
    return hashlib.md5(data).hexdigest()


def test_a_tree_and_what_is_here_of_it_are_the_same_over_nfs(mount, ganesha):
    """S190"""
    server = ganesha(mount.path)
    paid = len(mount.sim.bill()["lines"])
    assert walk(server, "lab") == walk_here(mount.path, "lab")
    for name in (*HERE_NAMES, "empty"):
        done = server.cat(f"lab/{name}")
        assert done.returncode == 0, done.stderr
        assert md5(done.stdout) == md5((mount.path / "lab" / name).read_bytes())
    assert len(mount.sim.bill()["lines"]) == paid, "looking and reading what is here costs nothing"


def handle(client, name):
    return client.handle("archive", "lab", *name.split("/"))


def test_a_cold_read_is_told_to_come_back_and_holds_no_thread_of_the_server(mount, ganesha):
    """S190, S17"""
    server = ganesha(mount.path)
    client = nfs4.Client(server.port, 1234, 1235)
    before = len(mount.sim.requests("RestoreObject"))
    mount.sim.admin("POST", "clock", {"speed": 1})
    took = []

    def cold(n):
        begin = time.monotonic()
        said = client.says(client.read, handle(client, f"many/{n:02}"), 4000)
        took.append(time.monotonic() - begin)
        return said

    slowest = 0
    # Many more clients than the server has threads, and two of one file.
    with concurrent.futures.ThreadPoolExecutor(61) as clients:
        cold_reads = [clients.submit(cold, n % 60) for n in range(61)]
        while not all(c.done() for c in cold_reads) or not slowest:
            begin = time.monotonic()
            done = server.cat("lab/warm/a")
            slowest = max(slowest, time.monotonic() - begin)
            assert md5(done.stdout) == md5((mount.path / "lab/warm/a").read_bytes())
    assert {c.result() for c in cold_reads} == {"DELAY"}
    print(f"61 clients told to come back after {max(took):.2f} s at most; "
          f"cached reads beside them took {slowest:.2f} s at most", file=sys.stderr)
    until(lambda: len(mount.sim.requests("RestoreObject")) >= before + 60, 60, "60 restores")
    mount.sim.admin("POST", "clock", {"speed": 36000})
    for n in range(60):
        mount.wait_state(mount.path / f"lab/many/{n:02}", "cached")
    for n in (0, 59):
        done = server.cat(f"lab/many/{n:02}")
        assert done.stdout == (mount.path / f"lab/many/{n:02}").read_bytes()
    assert len(mount.sim.requests("RestoreObject")) == before + 60, "each once"
    mount.wait_booked()
    users = {w["user"] for w in mount.ledger() if w["resource"].startswith("lab/many/")}
    assert users == {"nobody"}, "ganesha asks as root, whoever its client is: for nobody"


def test_two_clients_that_come_back_get_the_bytes_and_pay_once(mount, ganesha):
    """S190, S17: what a kernel's client does by itself."""
    server = ganesha(mount.path)

    def come_back(uid):
        client, said = nfs4.Client(server.port, uid), []
        file = handle(client, "cold/a")
        while not said or said[-1] == "DELAY":
            said.append(client.says(client.read, file, 200000))
            time.sleep(0.2)
        return said[0], said[-1], client.read(file, 200000)

    with concurrent.futures.ThreadPoolExecutor(2) as clients:
        said = list(clients.map(come_back, (1234, 1235)))
    assert said == [("DELAY", "OK", (mount.path / "lab/cold/a").read_bytes())] * 2
    mount.wait_booked()
    charged = [w for w in mount.ledger() if w["resource"] == "lab/cold/a"
               and (w["operation"], w["component"]) == ("RestoreObject", "retrieval")]
    assert len(charged) == 1


def test_what_is_asked_for_over_nfs_is_the_user_s_and_no_administrator_s(mount, ganesha):
    """S190"""
    port = ganesha(mount.path).port
    user, root = nfs4.Client(port, 1234, 1235), nfs4.Client(port, 0)
    for client, name in ((user, "b"), (root, "c")):
        request = client.handle("archive", "lab", "cold", ".thaw", name + ".request")
        assert client.says(client.write, request, b"get\n") == "OK"
        mount.wait_state(mount.path / "lab/cold" / name, "cached")
    for client in (user, root):
        queue = client.handle("archive", ".thaw", "queue")
        assert client.says(client.read, queue, 4000) == "ACCESS"
        everything = client.handle("archive", ".thaw", "request")
        line = b"correct amount=0.01 note=x\n"
        assert client.says(client.write, everything, line) == "ACCESS"
    mount.wait_booked()
    asked = {(w["resource"], w["uid"], w["program"]) for w in mount.ledger()
             if w["resource"].startswith("lab/cold/")}
    assert asked == {("lab/cold/b", "1234", "ganesha.nfsd"),
                     ("lab/cold/c", "65534", "ganesha.nfsd")}


def test_a_policy_keeps_clients_from_asking_at_all(start_sim, start_mount, tmp_path, ganesha):
    """S93: the policy docs/CLUSTERS.md has."""
    mount = begin(start_sim, start_mount, tmp_path, CONF + SERVED)
    client = nfs4.Client(ganesha(mount.path).port)
    assert client.says(client.read, handle(client, "cold/a"), 4000) == "ACCESS"
    assert client.says(client.read, handle(client, "warm/a"), 4000) == "OK"
    assert len(mount.sim.requests("RestoreObject")) == len(HERE_NAMES)


@contextlib.contextmanager
def lower_numbers_taken(path, device):
    """The kernel gives a mount the lowest number that is free: by others' mounts on this machine,
    that need not be the one this mount has just had."""
    taken = []
    try:
        for n in range(200):
            at = path / f"taken-{n}"
            at.mkdir(exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "none", at], check=True)
            taken.append(at)
            if os.stat(at).st_dev >= device:
                break
        subprocess.run(["umount", taken.pop()], check=True)
        yield
    finally:
        for at in taken:
            subprocess.run(["umount", at], check=True)


def start_again(mount, how, device):
    """With the number of its device."""
    for _ in range(10):
        how()
        with lower_numbers_taken(mount.dir, device):
            mount.start()
        until(lambda: listed(mount.path / "lab"), 30, "catalog")
        if os.stat(mount.path).st_dev == device:
            return
        how = mount.stop
    pytest.skip("others mount and unmount here all the time")


def test_handles_lead_to_their_files_after_restarts(mount, ganesha):
    """S192: in the order docs/CLUSTERS.md says, also after a kill; and what another order does."""
    server = ganesha(mount.path)
    client = nfs4.Client(server.port)
    files = {name: handle(client, name) for name in (*HERE_NAMES, "cold/c", "many/01")}
    top = client.handle("archive", "lab", "warm")
    device = os.stat(mount.path).st_dev

    def check(how):
        for name in HERE_NAMES:
            data = client.read(files[name], 300000)
            assert data == (mount.path / "lab" / name).read_bytes(), (how, name)
        assert client.says(client.read, files["cold/c"], 10) in ("DELAY", "OK"), how
        assert client.handle("archive", "lab", "warm") == top, how

    check("at first")
    for how in (mount.stop, mount.kill):
        server.stop()
        start_again(mount, how, device)
        server.start()
        check(how.__name__)
    # The server alone.
    server.stop()
    server.start()
    check("server")
    # The daemon alone: errors, until the server is started again; never another file's bytes. Of
    # many/01 nothing is in anybody's memory.
    mount.kill()
    mount.start()
    until(lambda: listed(mount.path / "lab"), 30, "catalog")
    said = client.says(client.read, files["many/01"], 10)
    server.stop()
    server.start()
    then = client.says(client.read, files["many/01"], 10)
    is_other = os.stat(mount.path).st_dev != device
    print(f"the daemon alone: {said}; then the server: {then}, with {'another' if is_other else 'the same'} "
          f"device number", file=sys.stderr)
    assert said not in ("OK", "DELAY")
    assert then == ("STALE" if is_other else "DELAY")
    # What has a handle of before finds its file by name again.
    assert client.read(handle(client, "warm/a"), 10) == (mount.path / "lab/warm/a").read_bytes()[:10]
