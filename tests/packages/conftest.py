# SPDX-License-Identifier: Apache-2.0
"""Other Debians, to build packages in and to install them in: each on an overlay of a root that
is made once (tests/debian_root)."""
import contextlib
import importlib.util
import os
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

_spec = importlib.util.spec_from_file_location("sim_fixtures", HERE.parent / "sim/conftest.py")
sims = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(sims)
start_sim = sims.start_sim

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
BUILDERS = ("build-essential", "debhelper", "lintian", "pkgconf", "ca-certificates", "systemd",
            "fakeroot")


class Machine:
    """A root to change; `path` is where it is seen from here."""

    def __init__(self, path):
        self.path = path

    def popen(self, command, **how):
        words = ["chroot", self.path, "env", "-i", f"PATH={PATH}", "LC_ALL=C.UTF-8", "HOME=/root",
                 "DEBIAN_FRONTEND=noninteractive", "sh", "-c", command]
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, text=True, **how)

    def run(self, command, seconds=600, status=0):
        p = self.popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            said, _ = p.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            p.kill()
            raise
        assert p.returncode == status, f"{command}: {p.returncode}\n{said[-4000:]}"
        return said

    def pids(self, name):
        """Processes of that name whose root this is: there are others on the host."""
        found = []
        for proc in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if (proc / "comm").read_text().strip() == name and \
                        os.readlink(proc / "root") == str(self.path):
                    found.append(int(proc.name))
            except OSError:
                pass
        return found

    def put(self, path, text, mode=0o644):
        file = self.path / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)


@contextlib.contextmanager
def machine(tmp_path, name, suite, packages=()):
    made = subprocess.run([HERE.parent / "debian_root", name, suite, *packages],
                          capture_output=True, text=True)
    if made.returncode == 77:
        pytest.skip(made.stderr.strip())
    assert made.returncode == 0, made.stderr
    base = pathlib.Path(tmp_path) / name
    path = base / "root"
    for d in (path, base / "changes", base / "work"):
        d.mkdir(parents=True)
    mounts = []

    def mount(*words):
        subprocess.run(["mount", *words], check=True)
        mounts.append(words[-1])

    try:
        mount("-t", "overlay", "overlay", "-o", f"lowerdir={made.stdout.strip()},"
              f"upperdir={base}/changes,workdir={base}/work", path)
        mount("-t", "proc", "proc", path / "proc")
        (path / "dev/fuse").touch()
        mount("--bind", "/dev/fuse", path / "dev/fuse")
        yield Machine(path)
    finally:
        for at in reversed(mounts):
            subprocess.run(["umount", "-l", at], check=True)


@pytest.fixture(scope="session", params=["bookworm", "trixie"])
def debs(request, tmp_path_factory):
    """The suite's name, and a directory with its packages of what is committed; or those built
    before, in $THAW_DEBS/SUITE."""
    if "THAW_DEBS" in os.environ:
        return request.param, pathlib.Path(os.environ["THAW_DEBS"]) / request.param
    out = tmp_path_factory.mktemp(f"debs-{request.param}")
    with machine(out, f"builder-{request.param}", request.param, BUILDERS) as builder:
        subprocess.run([ROOT / "packaging/build-deb", "--prepare", builder.path / "build"],
                       check=True)
        builder.run("apt-get update")
        builder.run("cd /build/thawfs-*/ && apt-get -y --no-install-recommends build-dep .")
        builder.run("cd /build/thawfs-*/ && DEB_BUILD_OPTIONS=nocheck dpkg-buildpackage -us -uc",
                    1800)
        lint = builder.run("cd /build && lintian --allow-root --fail-on error,warning "
                           "--suppress-tags initial-upload-closes-no-bugs,bad-distribution-in-changes-file "
                           "*.changes; true")
        (out / "lintian.txt").write_text(lint)
        for deb in builder.path.glob("build/*_amd64.deb"):
            (out / deb.name).write_bytes(deb.read_bytes())
    return request.param, out
