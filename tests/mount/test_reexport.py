# SPDX-License-Identifier: Apache-2.0
"""What a file server's process may and gets. Here it is one by its name; real ones: tests/reexport."""
import ctypes
import errno
import os

import pytest
from conftest import cold_lab, listed, until
from users import login, people, run_as, tmp_path  # noqa: F401

FILES = {"a": 3000, "b": 3000, "c": 3000, "d": 3000}
CONF = """
[mount]
allow-other = yes
[source lab]
url = s3://lab
endpoint = {url}
refresh = 0
[restore]
days = 100
[budget all]
money = 1000
[budget guests]
who = user:nobody
files = 1
per = total
"""

# A program of this name that reads, or writes, as whoever starts it. Its threads have other names.
SERVER = """
import ctypes, errno, os, sys, threading
ctypes.CDLL(None).prctl(15, b"ganesha.nfsd")
def work():
    ctypes.CDLL(None).prctl(15, b"svc_1")
    try:
        fd = os.open(sys.argv[2], os.O_RDONLY if sys.argv[1] == "read" else os.O_WRONLY)
        print(len(os.read(fd, 9000)) if sys.argv[1] == "read" else os.write(fd, b"%s\\n" % sys.argv[3].encode()))
    except OSError as e:
        print(errno.errorcode[e.errno])
t = threading.Thread(target=work)
t.start()
t.join()
"""


def serve(user, *words):
    done = run_as(user, "/usr/bin/python3", "-c", SERVER, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def mount(start_sim, start_mount, tmp_path, people):
    return cold_lab(start_sim, start_mount, tmp_path, FILES, CONF)


def test_a_file_server_never_waits_and_asks_for_whom_it_serves(mount):
    """S190"""
    lab = mount.path / "lab"
    assert serve("thawalice", "read", lab / "a") == "EAGAIN"
    mount.wait_state(lab / "a", "cached")
    assert serve("thawalice", "read", lab / "a") == "3000"
    # As root it acts for nobody, whose budget is one file.
    assert serve("root", "read", lab / "b") == "EAGAIN"
    mount.wait_state(lab / "b", "cached")
    assert serve("root", "read", lab / "c") == "EDQUOT"
    mount.wait_state(lab / "c", "denied")
    until(lambda: {w["resource"] for w in mount.ledger()} >= {"lab/a", "lab/b"})
    asked = {w["resource"]: (w["user"], w["program"]) for w in mount.ledger()
             if w["operation"] == "RestoreObject"}
    assert asked == {"lab/a": ("thawalice", "ganesha.nfsd"), "lab/b": ("nobody", "ganesha.nfsd")}


def test_root_in_a_file_server_is_no_administrator(mount):
    """S190"""
    root = mount.path / ".thaw/request"
    assert serve("root", "write", root, "correct amount=0.01 note=x") == "EACCES"
    assert run_as("root", "sh", "-c", f"echo correct amount=0.01 note=x >{root}").returncode == 0
    assert serve("root", "read", mount.path / ".thaw/queue") == "EACCES"
    lines = serve("root", "read", mount.path / ".thaw/ledger.csv")
    assert int(lines) < os.stat(mount.path / ".thaw/ledger.csv").st_size
    request = mount.path / "lab/.thaw/d.request"
    assert serve("root", "write", request, "get") == "4"
    mount.wait_state(mount.path / "lab/d", "cached")
    assert serve("root", "write", request, "evict") == "6", "what nobody asked for nobody may evict"


def test_what_is_not_here_is_shown_offline(mount):
    """S191"""
    path = mount.path / "lab/a"
    assert os.getxattr(path, "user.DOSATTRIB") == b"0x1020"
    assert "user.DOSATTRIB" not in os.listxattr(path)
    assert len(run_as("root", "cat", path).stdout)
    for here in (path, mount.path / "lab"):
        with pytest.raises(OSError) as e:
            os.getxattr(here, "user.DOSATTRIB")
        assert e.value.errno == errno.ENODATA


class Handle(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_uint), ("type", ctypes.c_int), ("text", ctypes.c_ubyte * 128)]


LIBC = ctypes.CDLL(None, use_errno=True)


def handle_of(path):
    """name_to_handle_at(2)"""
    handle, mount_id = Handle(128), ctypes.c_int()
    r = LIBC.name_to_handle_at(-100, os.fsencode(path), ctypes.byref(handle),
                               ctypes.byref(mount_id), 0)
    assert r == 0, os.strerror(ctypes.get_errno())
    return bytes(handle)


# In a process of its own, as everything that touches a mount.
OPEN = """
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
fd = libc.open_by_handle_at(os.open(sys.argv[1], os.O_RDONLY), bytes.fromhex(sys.argv[2]), os.O_RDONLY)
if fd < 0:
    print(errno.errorcode[ctypes.get_errno()])
else:
    st = os.fstat(fd)
    print(os.readlink(f"/proc/self/fd/{fd}"), st.st_ino, st.st_size)
"""


def open_handle(mount, handle):
    done = run_as("root", "/usr/bin/python3", "-c", OPEN, mount.path, handle.hex())
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_file_handle_leads_to_its_file_after_restarts(mount):
    """S192. (Not of `.thaw` itself: the kernel looks for a directory in the listing of its parent.)"""
    places = [mount.path / "lab" / name for name in ("a", "b", ".", ".thaw/a.status")]
    kept = {path: (handle_of(path), os.stat(path).st_ino) for path in places}
    stranger = Handle.from_buffer_copy(kept[places[0]][0])
    stranger.text[2] = 0x33  # a number nobody has
    for how in (mount.stop, mount.kill, mount.stop):
        for path, (handle, ino) in kept.items():
            found = open_handle(mount, handle)
            assert len(found) == 3 and int(found[1]) == ino, (path, found)
            if path.name in FILES:
                assert found == [str(path), str(ino), str(FILES[path.name])]
        assert open_handle(mount, bytes(stranger)) == ["ESTALE"]
        how()
        mount.start()
        until(lambda: listed(mount.path / "lab"), 30, "catalog")
