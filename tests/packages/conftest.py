# SPDX-License-Identifier: Apache-2.0
"""Other Debians, to build packages in and to install them in: each on an overlay of a root that
is made once (tests/debian_root).

$THAW_DEBS is a directory in which packages are looked for before they are built, and left: SUITE/new
of what is committed, SUITE/old of $THAW_UPGRADE_FROM, which is thirty commits before, and
SUITE/ccache with what was compiled; and rpm (test_rpm.py)."""
import contextlib
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def load(name, path):
    """Another directory's fixtures, under a name of their own."""
    spec = importlib.util.spec_from_file_location(name, HERE.parent / path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


mounts = load("mount_fixtures", "mount/conftest.py")
booting = load("systemd_box", "systemd/box.py")
start_sim = mounts.start_sim

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


def root_of(name, suite, packages=()):
    made = subprocess.run([HERE.parent / "debian_root", name, suite, *packages],
                          capture_output=True, text=True)
    if made.returncode == 77:
        pytest.skip(made.stderr.strip())
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


@contextlib.contextmanager
def machine(tmp_path, name, suite, packages=(), kept=None):
    """Of a directory `kept` on the host the machine has /kept."""
    root = root_of(name, suite, packages)
    base = pathlib.Path(tmp_path) / name
    path = base / "root"
    for d in (path, base / "changes", base / "work"):
        d.mkdir(parents=True)
    mounts = []

    def mount(*words):
        subprocess.run(["mount", *words], check=True)
        mounts.append(words[-1])

    try:
        mount("-t", "overlay", "overlay", "-o", f"lowerdir={root},"
              f"upperdir={base}/changes,workdir={base}/work", path)
        mount("-t", "proc", "proc", path / "proc")
        (path / "dev/fuse").touch()
        mount("--bind", "/dev/fuse", path / "dev/fuse")
        if kept:
            kept.mkdir(parents=True, exist_ok=True)
            (path / "kept").mkdir()
            mount("--bind", kept, path / "kept")
        yield Machine(path)
    finally:
        for at in reversed(mounts):
            subprocess.run(["umount", "-l", at], check=True)
        shutil.rmtree(base, ignore_errors=True)


def build(base, suite, out, commit, is_tested=True):
    """Packages of `commit`, and what lintian says of them, into `out`; not tested, without its
    tests. What has been compiled for the packages beside it is not compiled again."""
    with machine(base, f"builder-{suite}", suite, BUILDERS, out.parent / "ccache") as builder:
        subprocess.run([ROOT / "packaging/build-deb", "--prepare", builder.path / "build", commit],
                       check=True)
        if not is_tested:
            for meson in builder.path.glob("build/thawfs-*/meson.build"):
                meson.write_text(meson.read_text().replace("subdir('tests')\n", ""))
        builder.run("apt-get update")
        builder.run("apt-get -y --no-install-recommends install ccache && "
                    "cd /build/thawfs-*/ && apt-get -y --no-install-recommends build-dep .", 900)
        said = builder.run("export CCACHE_DIR=/kept PATH=/usr/lib/ccache:$PATH && "
                           "cd /build/thawfs-*/ && dpkg-buildpackage -us -uc " +
                           ("" if is_tested else "-b -Pnocheck"), 3600)
        out.mkdir(parents=True)
        (out / "build.txt").write_text(said)
        # Machine code is no text; one source, of two Debians' standards.
        (out / "lintian.txt").write_text(builder.run(
            "cd /build && lintian --allow-root --display-info --pedantic --suppress-tags "
            "spelling-error-in-binary,out-of-date-standards-version *.changes; true"))
        for deb in builder.path.glob("build/*.deb"):
            if "dbgsym" not in deb.name:
                (out / deb.name).write_bytes(deb.read_bytes())


@pytest.fixture(scope="session", params=["bookworm", "trixie"])
def suite(request):
    return request.param


@pytest.fixture(scope="session")
def shelf(suite, tmp_path_factory):
    base = os.environ.get("THAW_DEBS") or tmp_path_factory.mktemp("debs")
    return pathlib.Path(base) / suite


@pytest.fixture(scope="session")
def debs(suite, shelf, tmp_path_factory):
    """A directory with the packages of what is committed; its unit tests have passed."""
    if not (shelf / "new").exists():
        build(tmp_path_factory.mktemp("build"), suite, shelf / "new", "HEAD")
    return shelf / "new"


@pytest.fixture(scope="session")
def old_debs(suite, shelf, tmp_path_factory):
    """Those of some time ago."""
    commit = os.environ.get("THAW_UPGRADE_FROM", "HEAD~30")
    if subprocess.run(["git", "-C", ROOT, "rev-parse", "-q", "--verify", commit + "^{commit}"],
                      stdout=subprocess.DEVNULL).returncode:
        pytest.skip(f"this clone has no {commit}")
    if not (shelf / "old").exists():
        build(tmp_path_factory.mktemp("build"), suite, shelf / "old", commit, is_tested=False)
    return shelf / "old"
