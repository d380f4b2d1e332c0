# SPDX-License-Identifier: Apache-2.0
"""The Debian packages, built in a Debian 12 and a Debian 13: what is in them, what lintian says, and
what they leave behind."""
import re
import subprocess

import pytest

from conftest import machine
from lab import put_debs
from shipped import of_package, tree

pytestmark = [pytest.mark.long, pytest.mark.timeout(4000)]

# What Debian's tools add, of each package.
ADDED = ("share/doc/{}/changelog", "share/doc/{}/changelog.Debian", "share/doc/{}/copyright",
         "share/lintian/overrides/{}")


def expected(package):
    """What meson installs, with Debian's names: of changes, and of where zsh looks."""
    files = of_package(package)
    files.pop("share/doc/thawfs/CHANGELOG.md", None)
    if "share/zsh/site-functions/_thaw" in files:
        files["share/zsh/vendor-completions/_thaw"] = files.pop("share/zsh/site-functions/_thaw")
    files.update({path.format(package): "0644" for path in ADDED})
    return {f"usr/{path}": mode for path, mode in files.items()}


def test_lintian_finds_nothing(debs):
    said = (debs / "lintian.txt").read_text()
    assert not re.findall(r"^[EWIP]: .*", said, re.M), said


@pytest.mark.parametrize("package", ["thawfs", "thaw-sim"])
def test_a_package_has_its_files_of_the_manifest(debs, package, tmp_path):
    deb, = debs.glob(f"{package}_*.deb")
    subprocess.run(["dpkg-deb", "-x", deb, tmp_path / "files"], check=True)
    assert tree(tmp_path / "files") == expected(package)
    if package == "thawfs":
        assert (tmp_path / "files/etc/thawfs").is_dir()


def test_passthrough_is_built_in_where_libfuse_has_it(debs, suite, tmp_path):
    deb, = debs.glob("thawfs_*.deb")
    subprocess.run(["dpkg-deb", "-x", deb, tmp_path / "files"], check=True)
    program = (tmp_path / "files/usr/bin/thawfs").read_bytes()
    assert (b"passthrough=no the kernel refuses" in program) == (suite != "bookworm")


# What dpkg and adduser write, whatever is installed.
OTHERS = re.compile(r"^\./(var/lib/(dpkg|apt)|var/cache|var/log|debs|tmp|proc|dev|run)(/|$)|"
                    r"^\./etc/(passwd|group|shadow|gshadow)-?$|^\./etc/\.pwd\.lock$")


def contents(m):
    """Each file, directory and link: kind, mode, owner, size, where it leads."""
    lines = m.run("cd / && find . -xdev -printf '%y %m %u %s %l %P\\n' | sed 's/^d \\([^ ]* [^ ]*\\) "
                  "[0-9]*/d \\1/'").splitlines()
    return {line for line in lines if not OTHERS.search("./" + line.split(" ", 5)[-1])}


def test_installed_removed_and_purged_nothing_is_left(debs, suite, tmp_path):
    """But the user: its number must not become somebody else's."""
    with machine(tmp_path, f"fresh-{suite}", suite) as m:
        put_debs(m, debs)
        wants = m.run("for p in thawfs thaw-sim; do dpkg-deb -f /debs/$p.deb Depends; done")
        m.run("apt-get update && apt-get -y --no-install-recommends satisfy "
              f"'{', '.join(wants.strip().splitlines())}'", 900)
        before = contents(m)
        m.run("dpkg -i /debs/thawfs.deb /debs/thaw-sim.deb")
        assert m.run("thawfs --version").startswith("thawfs ")
        assert m.run("thaw-sim --version; thaw --version")
        assert m.run("stat -c '%U %a' /var/lib/thawfs /var/cache/thawfs").split() == \
            ["thawfs", "700"] * 2
        assert m.run("stat -c '%U %a' /etc/thawfs /srv/thawfs").split() == ["root", "755"] * 2
        # An administrator's word on a program outlives the next package.
        m.run("groupadd slurm && dpkg-statoverride --update --add root slurm 4750 "
              "/usr/lib/thawfs/thawfs-stage && dpkg -i /debs/thawfs.deb")
        assert m.run("stat -c '%G %a' /usr/lib/thawfs/thawfs-stage").split() == ["slurm", "4750"]
        m.run("dpkg-statoverride --remove /usr/lib/thawfs/thawfs-stage")
        # And as docs/CLUSTERS.md says for RPMs, which have no such list.
        m.run("dpkg -i /debs/thawfs.deb && chown root: /usr/lib/thawfs/thawfs-stage")
        m.put("/etc/tmpfiles.d/thawfs-stage.conf",
              "z /usr/lib/thawfs/thawfs-stage 4750 root slurm\n")
        m.run("systemd-tmpfiles --create thawfs-stage.conf && rm /etc/tmpfiles.d/thawfs-stage.conf")
        assert m.run("stat -c '%G %a' /usr/lib/thawfs/thawfs-stage").split() == ["slurm", "4750"]
        m.run("dpkg -r thawfs thaw-sim")
        assert "kept" not in m.run("dpkg -P thawfs thaw-sim")
        assert contents(m) - before == set()
        assert before - contents(m) == set()


def test_a_purge_keeps_what_was_paid_for(debs, suite, tmp_path):
    """State and cache of a mount, whatever is in them."""
    with machine(tmp_path, f"fresh-{suite}", suite) as m:
        put_debs(m, debs)
        m.run("apt-get update && apt-get -y --no-install-recommends install /debs/thawfs.deb", 900)
        m.run("cd /var && mkdir -p lib/thawfs/lab lib/thawfs/empty cache/thawfs/lab && "
              "touch lib/thawfs/lab/journal cache/thawfs/lab/data && chown -R thawfs: lib/thawfs cache/thawfs")
        said = m.run("apt-get -y purge thawfs")
        assert "kept, since they hold what was paid for: /var/lib/thawfs /var/cache/thawfs" in said
        left = m.run("find /var/lib/thawfs /var/cache/thawfs -type f").split()
        assert left == ["/var/lib/thawfs/lab/journal", "/var/cache/thawfs/lab/data"]
        assert "absent" in m.run("ls -d /etc/thawfs /srv/thawfs 2>/dev/null || echo absent")
