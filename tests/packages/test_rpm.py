# SPDX-License-Identifier: Apache-2.0
"""The RPM packages, by this machine's rpmbuild: what is in them, that they can be installed, and that
their programs run. A Debian's rpmbuild proves the spec, not that they run on a Fedora."""
import os
import pathlib
import shutil
import subprocess

import pytest

from shipped import HERE, ROOT, of_package, tree

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def rpms(tmp_path_factory):
    """Name -> file, those in $THAW_DEBS/rpm where there are some. Without the unit tests: those of
    Debian's packages have been run."""
    if not shutil.which("rpmbuild"):
        pytest.skip("no rpmbuild here")
    out = pathlib.Path(os.environ.get("THAW_DEBS") or tmp_path_factory.mktemp("build")) / "rpm"
    if not (out / "RPMS").exists():
        run(ROOT / "packaging/build-rpm", out, "--nodeps", "--nocheck", "--load",
            HERE / "rpm-macros")
    files = [f for f in (out / "RPMS").rglob("*.rpm") if "debug" not in f.name]
    return {run("rpm", "-qp", "--qf", "%{NAME}", f): f for f in files}


@pytest.fixture(scope="module")
def root(rpms, tmp_path_factory):
    """Both installed, without what they depend on, and without scripts: there is no shell in it."""
    at = tmp_path_factory.mktemp("root")
    run("rpm", "--root", at, "--nodeps", "--noscripts", "--ignorearch", "-i", *rpms.values())
    return at


@pytest.mark.parametrize("package", ["thawfs", "thaw-sim"])
def test_a_package_lists_its_files_of_the_manifest(rpms, package):
    """As Debian's packages do, but for what each kind adds."""
    lines = run("rpm", "-qp", "--qf", "[%{FILEMODES:perms} %{FILENAMES}\\n]", rpms[package])
    listed = {line.split(" ", 1)[1].lstrip("/").removesuffix(".gz") for line in lines.splitlines()
              if not line.startswith("d") and "/.build-id" not in line}
    licence, = (path for path in listed if "/licenses/" in path)
    assert licence.endswith("/LICENSE")
    assert listed - {licence} == {f"usr/{path}" for path in of_package(package)}


def test_what_is_installed_has_the_manifests_modes(root):
    found = {path: mode for path, mode in tree(root / "usr").items()
             if "licenses/" not in path and "/.build-id" not in path and "lib/sysimage" not in path}
    assert found == {**of_package("thawfs"), **of_package("thaw-sim")}
    assert (root / "etc/thawfs").is_dir()


def test_installed_programs_run(root):
    for name in ("bin/thawfs", "bin/thaw", "bin/thaw-sim", "sbin/mount.thawfs"):
        at = root / "usr" / name
        program = root / os.readlink(at).lstrip("/") if at.is_symlink() and \
            os.readlink(at).startswith("/") else at
        assert "0.1.0" in run(program, "--version"), name
    for name in ("thawfs-mount", "thawfs-stage"):
        done = subprocess.run([root / "usr/lib/thawfs" / name], capture_output=True, text=True)
        assert done.returncode == 2 and "usage" in done.stderr, done


def test_the_scripts_of_the_packages_are_shell(rpms):
    scripts = run("rpm", "-qp", "--scripts", rpms["thawfs"])
    assert "try-restart" in scripts and "systemctl stop" in scripts
    for name in ("POSTIN", "PREUN"):
        text = run("rpm", "-qp", "--qf", f"%{{{name}}}", rpms["thawfs"])
        done = subprocess.run(["sh", "-n"], input=text, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr


# What it asks for where it has no distribution's configuration; what it does not know of Fedora's
# ways (rpmbuild says where %{buildroot} is and strips, /usr/lib has what is no library); what is so
# (no address of a source); and what it takes a name for: a page's section, a package of locales.
NOT_OURS = ("no-signature", "no-packager-tag", "no-group-tag", "no-buildhost-tag", "no-url-tag",
            "invalid-license", "spelling-error", "no-buildroot-tag", "invalid-url",
            "unstripped-binary-or-object", "hardcoded-library-path", "bad-manual-page-folder",
            "no-manual-page-for-binary", "no-dependency-on locales-sim")


def test_rpmlint_finds_nothing(rpms, tmp_path):
    if not shutil.which("rpmlint"):
        pytest.skip("no rpmlint here")
    (tmp_path / "lint.toml").write_text(
        f'CompressExtension = "gz"\nFilters = {list(NOT_OURS)!r}\n')
    done = subprocess.run(["rpmlint", "-c", tmp_path / "lint.toml", ROOT / "packaging/rpm/thawfs.spec",
                           *rpms.values()], capture_output=True, text=True)
    found = [line for line in done.stdout.splitlines() if ": E: " in line or ": W: " in line]
    assert not found, "\n".join(found)
