# SPDX-License-Identifier: Apache-2.0
"""nfs-ganesha and Samba with the sample configurations, on ports of loopback, and their clients."""
import pathlib
import shutil
import socket
import subprocess

import pytest
from mounts import until

PACKAGING = pathlib.Path(__file__).resolve().parents[2] / "packaging"
SAMPLE = "/srv/thawfs/archive"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def need(*programs):
    missing = [p for p in programs if not shutil.which(p)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (packaging/bootstrap)")


class Ganesha:
    """The sample with this mount in it; what is added is where this one listens and writes."""

    def __init__(self, tmp_path, path):
        self.dir = tmp_path / "ganesha"
        self.dir.mkdir()
        self.port = free_port()
        text = (PACKAGING / "ganesha/ganesha.conf").read_text()
        assert SAMPLE in text
        text = text.replace(SAMPLE, str(path))
        for block, more in (
                ("NFS_CORE_PARAM {", f"Bind_addr = 127.0.0.1; NFS_Port = {self.port};"),
                ("NFSV4 {", f"Graceless = true; Lease_Lifetime = 5; RecoveryRoot = {self.dir};")):
            assert block in text
            text = text.replace(block, f"{block}\n\t{more}")
        (self.dir / "ganesha.conf").write_text(text + "LOG { Default_Log_Level = EVENT; }\n")
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["ganesha.nfsd", "-F", "-L", self.dir / "log", "-f", self.dir / "ganesha.conf",
             "-p", self.dir / "pid"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)
        until(lambda: answers(self.port) or self.process.poll() is not None, 30, "ganesha")
        assert self.process.poll() is None, self.said()

    def said(self):
        return (self.dir / "log").read_text()

    def stop(self):
        if self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def url(self, path=""):
        return f"nfs://127.0.0.1/archive/{path}?version=4&nfsport={self.port}"

    def run(self, program, path="", *words, seconds=50):
        return subprocess.run([program, self.url(path), *words], capture_output=True,
                              timeout=seconds)

    def cat(self, path):
        return self.run("nfs-cat", path)


class Samba:
    def __init__(self, tmp_path, path, *users):
        self.dir = tmp_path / "samba"
        self.dir.mkdir()
        self.port = free_port()
        own = {key: self.dir / key.split()[0] for key in (
            "private dir", "lock directory", "state directory", "cache directory", "pid directory")}
        for d in own.values():
            d.mkdir()
        text = (PACKAGING / "samba/smb.conf").read_text()
        assert SAMPLE in text
        lines = ["[global]", "server role = standalone server", "interfaces = lo",
                 "bind interfaces only = yes", f"smb ports = {self.port}", "disable netbios = yes",
                 "load printers = no", "printcap name = /dev/null", "disable spoolss = yes",
                 f"ncalrpc dir = {self.dir}/state/ncalrpc", f"log file = {self.dir}/log",
                 f"passdb backend = tdbsam:{self.dir}/private/passdb.tdb"]
        lines += [f"{key} = {d}" for key, d in own.items()]
        self.conf = self.dir / "smb.conf"
        self.conf.write_text("\n".join(lines) + "\n" + text.replace(SAMPLE, str(path)))
        for user in users:
            subprocess.run(["smbpasswd", "-c", self.conf, "-s", "-a", user], text=True,
                           input="secret\nsecret\n", check=True, capture_output=True)
        # Not in a session of its own: it makes one, and must be able to.
        self.out = open(self.dir / "out", "w")
        self.process = subprocess.Popen(["smbd", "-F", "-s", self.conf], stdout=self.out,
                                        stderr=self.out, stdin=subprocess.DEVNULL)
        until(lambda: answers(self.port) or self.process.poll() is not None, 30, "smbd")
        assert self.process.poll() is None, (self.dir / "out").read_text()

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.out.close()

    def run(self, user, command, seconds=60):
        """What smbclient prints, of errors too, and its status."""
        return subprocess.run(
            ["smbclient", "-s", self.conf, "//127.0.0.1/archive", "-p", str(self.port),
             "-U", f"{user}%secret", "-c", command], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", timeout=seconds)


@pytest.fixture
def ganesha(tmp_path):
    need("ganesha.nfsd", "nfs-ls", "nfs-cat", "nfs-cp")
    begun = []

    def start(path):
        begun.append(Ganesha(tmp_path, path))
        return begun[-1]

    yield start
    for server in begun:
        server.stop()


@pytest.fixture
def samba(tmp_path):
    need("smbd", "smbpasswd", "smbclient")
    begun = []

    def start(path, *users):
        begun.append(Samba(tmp_path, path, *users))
        return begun[-1]

    yield start
    for server in begun:
        server.stop()
