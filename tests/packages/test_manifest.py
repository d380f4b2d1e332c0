# SPDX-License-Identifier: Apache-2.0
"""What is shipped, and what building it needs, is the same however it is packaged: meson, Debian,
RPM, Spack. Nothing is built here; test_debian.py and test_rpm.py look at the packages themselves."""
import ast
import json
import os
import pathlib
import re
import subprocess

import pytest

from shipped import ROOT, manifest, of_package, tree

pytestmark = pytest.mark.timeout(300)  # some seconds, on a machine that has nothing else to do

BUILD = pathlib.Path(os.environ.get("THAW_BUILD", ROOT / "build-plain"))
PACKAGING = ROOT / "packaging"


def read(path):
    return (ROOT / path).read_text()


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A copy of what `meson install` makes, below the prefix; and the prefix."""
    options = json.loads(subprocess.run(["meson", "introspect", "--buildoptions", BUILD], check=True,
                                        capture_output=True).stdout)
    prefix = next(o["value"] for o in options if o["name"] == "prefix")
    at = tmp_path_factory.mktemp("install")
    done = subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", at],
                          capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return at / prefix.lstrip("/"), prefix


def test_meson_installs_what_the_manifest_lists(installed):
    """With its modes; a link is a link."""
    assert tree(installed[0]) == {path: mode for path, (_, mode) in manifest().items()}


def test_nothing_is_installed_outside_of_the_prefix(installed):
    at, prefix = installed
    top = at.parents[len(pathlib.Path(prefix).parts) - 2]
    assert set(tree(top)) == {f"{prefix.lstrip('/')}/{path}" for path in manifest()}


def test_programs_are_named_where_they_are_installed(installed):
    """In the unit and in what Slurm reads, whatever the prefix."""
    at, prefix = installed
    for name in ("lib/systemd/system/thawfs@.service", "share/thawfs/slurm/burst_buffer.lua",
                 "share/thawfs/slurm/thaw-site.lua"):
        named = set(re.findall(r"/[\w./-]*/thawfs(?:-\w+)?(?![\w/.@%-])", (at / name).read_text()))
        named = {n for n in named if "/bin/" in n or "/lib/thawfs/" in n}
        assert named, name
        for program in named:
            assert program.startswith(prefix + "/"), (name, program)
            assert (at / program.removeprefix(prefix + "/")).exists(), (name, program)


def test_every_document_and_sample_is_shipped():
    tracked = subprocess.run(["git", "ls-files", "docs/*.md", "packaging"], cwd=ROOT, check=True,
                             capture_output=True, text=True).stdout.split()
    names = {pathlib.Path(path).name for path in manifest()}
    # What makes packages, what stays with the source, and what is installed by another name.
    others = re.compile(r"packaging/(debian|rpm|spack|prices|systemd)/|meson\.build$|"
                        r"packaging/(bootstrap|build-deb|build-rpm)$|rules-test\.yml$")
    left = [path for path in tracked
            if not others.search(path) and pathlib.Path(path).name not in names]
    assert not left, "neither in tests/packages/manifest nor known to stay behind"


# What the spec's macros are below the prefix.
MACROS = {"_bindir": "bin", "_sbindir": "sbin", "_datadir": "share", "_mandir": "share/man",
          "_docdir": "share/doc", "_prefix": "", "_unitdir": "lib/systemd/system",
          "_sysusersdir": "lib/sysusers.d", "_tmpfilesdir": "lib/tmpfiles.d"}


def spec_files():
    """Package -> what the spec says it takes and what it leaves, below the prefix."""
    packages, name = {}, None
    for line in read("packaging/rpm/thawfs.spec").split("\n"):
        begin = re.fullmatch(r"%files(?: -n (\S+))?", line)
        if begin:
            name = begin[1] or "thawfs"
            packages[name] = [], []
        elif re.match(r"%[a-z]+$", line):
            name = None
        path = re.fullmatch(r"(%exclude )?%\{(\w+)\}/(\S+?)\*?", line)
        if name and path and path[2] in MACROS:
            packages[name][bool(path[1])].append(f"{MACROS[path[2]]}/{path[3]}".lstrip("/"))
    return packages


def is_below(path, tops):
    return any(path == top or path.startswith(top + "/") for top in tops)


def test_the_spec_takes_each_file_into_its_package():
    found = {}
    for name, (takes, leaves) in spec_files().items():
        for top in takes:
            assert any(is_below(path, [top]) for path in manifest()), f"{top} is not installed"
        for path in manifest():
            if is_below(path, takes) and not is_below(path, leaves):
                found.setdefault(path, []).append(name)
    assert found == {path: [package] for path, (package, _) in manifest().items()}


def test_debians_rules_take_the_simulator_out():
    sim = re.search(r"^SIM = (.*)", read("packaging/debian/rules"), re.M)[1].split()
    sim = [path.removeprefix("usr/") for path in sim]
    assert {path for path in manifest() if is_below(path, sim)} == set(of_package("thaw-sim"))


# As meson.build names it -> Debian's and Spack's; Fedora's is beside Debian's in the bootstrap.
NEEDS = {"fuse3": ("libfuse3-dev", "libfuse"), "libcurl": ("libcurl4-openssl-dev", "curl"),
         "expat": ("libexpat1-dev", "expat"), "lmdb": ("liblmdb-dev", "lmdb"),
         "libcrypto": ("libssl-dev", "openssl"), "json-c": ("libjson-c-dev", "json-c"),
         "inih": ("libinih-dev", "libinih"), "zlib": ("zlib1g-dev", "zlib-api"),
         "libmicrohttpd": ("libmicrohttpd-dev", "libmicrohttpd"),
         "cmocka": ("libcmocka-dev", "cmocka"), "unistring": ("libunistring-dev", "libunistring")}
# Not asked for in meson.build by a dependency(), and a compiler.
BESIDES = {"uthash-dev": "uthash", "scdoc": None, "meson": "meson"}


def needed():
    """What all meson.build ask for -> the least version, or None."""
    found = {}
    for file in subprocess.run(["git", "ls-files", "*meson.build"], cwd=ROOT, check=True,
                               capture_output=True, text=True).stdout.split():
        for name, version in re.findall(r"(?:\bdependency|find_library)\('([\w.+-]+)'"
                                        r"(?:, version: '>= ([\d.]+)')?", read(file)):
            found[name] = version or found.get(name)
    return {name: version for name, version in found.items() if name not in ("threads", "m")}


def fedora():
    rows = (line.split(None, 2) for line in re.search(r"table='\n(.*?)\n'", read("packaging/bootstrap"),
                                                      re.S)[1].split("\n"))
    return {row[0]: row[1] for row in rows}


def test_packages_are_built_with_what_meson_asks_for():
    """The same of each way to package it, with the same least version."""
    control = {m[1]: m[2] for m in re.finditer(r"^ ([\w.+-]+)(?: \(>= ([\d.]+)\))?(?: <!nocheck>)?,$",
                                               read("packaging/debian/control").split("\n\n")[0], re.M)}
    spec = {m[1]: m[2] for m in re.finditer(r"^BuildRequires: +(\S+)(?: >= ([\d.]+))?$",
                                            read("packaging/rpm/thawfs.spec"), re.M)}
    for name, version in needed().items():
        apt = NEEDS[name][0]
        assert apt in fedora(), f"{apt} is not in packaging/bootstrap"
        assert control.get(apt, "absent") == version, apt
        assert spec.get(fedora()[apt], "absent") == version, fedora()[apt]
    assert set(control) == {NEEDS[name][0] for name in needed()} | set(BESIDES) | {
        "dh-sequence-installsysusers", "pkgconf"}
    assert set(spec) == {fedora()[name] for name in control if name in fedora()} | {
        "gcc", "ninja-build", "pkgconf-pkg-config", "systemd-rpm-macros"}


def test_spacks_recipe_asks_for_the_same():
    recipe, = (node for node in ast.parse(read("packaging/spack/package.py")).body
               if isinstance(node, ast.ClassDef))
    asks = {}
    for node in recipe.body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and \
                node.value.func.id == "depends_on":
            name, _, version = node.value.args[0].value.partition("@")
            asks[name] = version.rstrip(":") or None
    for name, version in needed().items():
        spack = NEEDS[name][1]
        assert spack in asks, spack
        assert version is None or asks[spack] == version, spack
    assert set(asks) == {NEEDS[name][1] for name in needed()} | {
        name for name in BESIDES.values() if name} | {"c", "pkgconfig"}
