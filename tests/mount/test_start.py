# SPDX-License-Identifier: Apache-2.0
"""Starting: what reaches the terminal, and the exit status."""
import os
import signal
import subprocess

import pytest
from conftest import BUILD, is_mounted, until

THAWFS = str(BUILD / "fs/thawfs")


def thawfs(*words, env=None):
    return subprocess.run([THAWFS, *map(str, words)], capture_output=True, text=True,
                          timeout=60, env=env)


@pytest.mark.parametrize("words,status,said", [
    ([], 2, "SOURCE and MOUNTPOINT are needed"),
    (["s3://b"], 2, "SOURCE and MOUNTPOINT are needed"),
    (["s3://b", "/tmp", "-o", "allow_othr"], 2, 'did you mean "allow_other"?'),
    (["s3://b", "/tmp", "-o", "restore.tiers=bulk"], 2, 'did you mean "tier"?'),
    (["s3://b", "/tmp", "-o", "cache.chunk=3M"], 2, "a power of two"),
    (["s3://b", "/tmp", "-o", "budget.b.each=yes"], 2, "[budget b] money is missing"),
    (["/nowhere/thawfs.conf", "/tmp"], 1, "/nowhere/thawfs.conf"),
    (["s3://b", "/nowhere/at/all"], 1, "/nowhere/at/all"),
    (["photos", "/tmp"], 1, "begins with glacier:// or s3://"),
])
def test_bad_usage_is_named(words, status, said):
    """S40"""
    done = thawfs(*words)
    assert said in done.stderr
    assert done.returncode == status


def test_print_config_shows_what_holds():
    """S41"""
    done = thawfs("--print-config", "glacier://us-east-1/photos", "-o",
                  "source.tier=bulk,mount.mode=0440")
    assert done.returncode == 0
    assert "[source photos]" in done.stdout and "tier = bulk" in done.stdout
    assert "mode = 0440" in done.stdout and "chunk = 16M" in done.stdout


def test_print_config_alone_shows_the_defaults():
    """S41"""
    done = thawfs("--print-config")
    assert done.returncode == 0, done.stderr
    for words in ("[source NAME]", "[mount /PATH]", "[restore /PATH]", "[budget NAME]",
                  "[policy /PATH]", "chunk = 16M", "tier = standard"):
        assert words in done.stdout


def test_a_configuration_can_be_read_back(tmp_path):
    """S41"""
    first = thawfs("--print-config", "glacier://us-east-1/photos").stdout
    (tmp_path / "a.conf").write_text(first)
    assert thawfs("--print-config", tmp_path / "a.conf").stdout == first


def test_a_daemon_tells_its_caller_how_it_went(tmp_path, sim):
    """S42"""
    mnt = tmp_path / "mnt"
    mnt.mkdir()
    words = f"state.dir={tmp_path}/state,cache.dir={tmp_path}/cache,source.endpoint={sim.url}," \
            f"mount.clock={sim.url}/_sim/clock"
    done = thawfs("s3://nosuchbucket", mnt, "-o", words, env=sim.env)
    assert done.returncode == 1 and "nosuchbucket" in done.stderr
    assert not is_mounted(mnt)

    done = thawfs("s3://lab", mnt, "-o", words, env=sim.env)
    assert done.returncode == 0, done.stderr
    assert "budget=default usd=10.00 per=day" in done.stderr
    assert is_mounted(mnt) and os.listdir(mnt) == ["runs"]
    (tmp_path / "again").mkdir()
    again = thawfs("s3://lab", tmp_path / "again", "-o", words, env=sim.env)
    assert again.returncode == 1 and "state" in again.stderr
    subprocess.run(["umount", mnt], check=True)
    until(lambda: "stopped\n" in (tmp_path / "state/thawfs.log").read_text())


def test_mount_words_are_taken(start_mount, sim):
    """S43"""
    mount = start_mount(sim, "s3://lab", "ro,dev,suid,noexec,_netdev,nofail,x-systemd.automount",
                        "default_permissions,fsname=shown")
    line = next(s for s in open("/proc/self/mountinfo") if str(mount.path) in s)
    assert "nosuid,nodev,noexec" in line and "fuse.thawfs shown" in line
    mount.stop(signal.SIGINT)
