# SPDX-License-Identifier: Apache-2.0
"""S20: what the tools people use do on a cold tree, as the table of docs/SEMANTICS.md says."""
import os
import re
import shutil
import subprocess

import pytest
from conftest import listed, pattern, until

DATA = pattern((1 << 20) + 5) + b"needle\n" + bytes(70000)  # ends in zeros that are no hole

# On a cold file F, with C its bytes and O a directory: waits, and does what it does on any file.
WAITS = {
    "tar": "tar cf - -C {dir} . | tar xf - -C {O} && cmp {O}/f {C}",
    "cp -a": "cp -a {F} {O}/f && cmp {O}/f {C}",
    "cp --sparse=always": "cp --sparse=always {F} {O}/f && cmp {O}/f {C}",
    "rsync -aX": "rsync -aX {dir}/ {O} && cmp {O}/f {C}",
    "sha256sum -c": "cd {dir} && sha256sum {C} | sed 's# .*#  f#' | sha256sum -c",
    "cmp": "cmp {F} {C}",
    "dd iflag=direct": "dd if={F} iflag=direct bs=1M | cmp - {C}",
    "split": "split -b 300000 {F} {O}/s. && cat {O}/s.* | cmp - {C}",
    "less": "less -f {F} </dev/null | cmp - {C}",
    "gzip": "gzip -c {F} | gzip -d | cmp - {C}",
    "grep": "grep -c needle - <{F}",
    "python3 read()": "/usr/bin/python3 -c 'import sys; sys.stdout.buffer.write(open(\"{F}\", \"rb\")"
                      ".read())' | cmp - {C}",
    "python3 shutil.copy": "/usr/bin/python3 -c 'import shutil; shutil.copy(\"{F}\", \"{O}/f\")' "
                           "&& cmp {O}/f {C}",
}
# Fails at once with these words, and has asked for the file.
FAILS = {
    "dd iflag=nonblock": ("dd if={F} iflag=nonblock of=/dev/null",
                          "Resource temporarily unavailable"),
    "grep -r": ("grep -r needle {dir}", "Resource temporarily unavailable"),
    "file": ("file {F}", "Resource temporarily unavailable"),
    "python3 mmap": ("/usr/bin/python3 -c 'import mmap; f = open(\"{F}\", \"rb\"); print(mmap.mmap("
                     "f.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ)[:])'; [ $? = 135 ] && "
                     "echo killed by SIGBUS >&2 && false", "killed by SIGBUS"),
    "sendfile": ("/usr/bin/python3 -c 'import os; f = os.open(\"{F}\", os.O_RDONLY); os.sendfile("
                 "os.open(\"{O}/f\", os.O_WRONLY | os.O_CREAT), f, 0, 9)'", "Input/output error"),
}
# Looks, and asks for nothing.
LOOKS = ("ls -lR", "find {dir} -size +1M -newer /etc/passwd", "du -b", "stat", "test -r", "wc -c",
         "getfattr -d", "rsync -an {dir}/ {O}", "tar cf /dev/null")


def has(line):
    return shutil.which(line.split()[0]) is not None


def restores(sim):
    return sum(x["operation"] == "RestoreObject" for x in sim.bill()["lines"]
               if x["component"] == "request")


class Cold:
    """A mount with one cold file for each tool, in a directory of its own."""

    def __init__(self, tmp_path, start_mount, sim, names):
        self.sim, self.out = sim, tmp_path / "out"
        self.out.mkdir()
        (tmp_path / "bytes").write_bytes(DATA)
        self.bytes = tmp_path / "bytes"
        assert sim.s3("PUT", "/tools").status == 200
        for name in names:
            put = sim.s3("PUT", f"/tools/{name}/f", DATA, {"x-amz-storage-class": "GLACIER"})
            assert put.status == 200, put.body
        self.mount = start_mount(sim, "s3://tools", "budget.test.money=1000")
        until(lambda: listed(self.mount.path), 20, "the catalog")

    def run(self, name, line):
        out = self.out / name
        out.mkdir()
        place = self.mount.path / name
        words = line.format(F=place / "f", C=self.bytes, O=out, dir=place)
        return subprocess.run(words, shell=True, capture_output=True, text=True, errors="replace",
                              timeout=50)


def place_of(words):
    return re.sub(r"\W+", "-", words).strip("-")


@pytest.mark.timeout(180)
def test_tools_that_read_wait_and_get_the_right_bytes(tmp_path, start_mount, start_sim):
    """S20, S10, S17: one restore each."""
    tools = [words for words, line in WAITS.items() if has(line)]
    cold = Cold(tmp_path, start_mount, start_sim("--speed", 10800), map(place_of, tools))
    for n, words in enumerate(tools):
        assert cold.mount.attribute(cold.mount.path / place_of(words) / "f", "state") == "cold"
        done = cold.run(place_of(words), WAITS[words])
        assert done.returncode == 0, (words, done.stderr)
        assert restores(cold.sim) == n + 1, words


@pytest.mark.timeout(120)
def test_tools_that_will_not_wait_fail_at_once_and_have_asked(tmp_path, start_mount, start_sim):
    """S15, S16, S20"""
    tools = [words for words, (line, _) in FAILS.items() if has(line)]
    cold = Cold(tmp_path, start_mount, start_sim("--speed", 10800), map(place_of, tools))
    for words in tools:
        line, said = FAILS[words]
        done = cold.run(place_of(words), line)
        assert done.returncode != 0 and said in done.stdout + done.stderr, (words, done)
        file = cold.mount.path / place_of(words) / "f"
        until(lambda: cold.mount.attribute(file, "state") != "cold", 5, f"{words} asking")
        cold.mount.wait_state(file, "cached")
    assert restores(cold.sim) == len(tools)


def test_a_copy_carries_what_the_file_is_and_no_stale_state(tmp_path, start_mount, start_sim):
    """S32: cp -a and rsync -X."""
    cold = Cold(tmp_path, start_mount, start_sim("--speed", 10800), ["one"])
    for words in ("cp -a {F} {O}/cp", "rsync -aX {F} {O}/rsync"):
        shutil.rmtree(cold.out / "one", ignore_errors=True)
        if not has(words):
            continue
        assert cold.run("one", words).returncode == 0
        copy, = (cold.out / "one").iterdir()
        try:
            names = os.listxattr(copy)
        except OSError:
            pytest.skip("no attributes here")
        assert os.getxattr(copy, "user.thaw.id") == b"one/f"
        assert not {"user.thaw.state", "user.thaw.eta", "user.thaw.progress"} & set(names)
        assert copy.stat().st_mtime == (cold.mount.path / "one/f").stat().st_mtime


def test_tools_that_only_look_ask_for_nothing(tmp_path, start_mount, start_sim):
    """S3, S20"""
    cold = Cold(tmp_path, start_mount, start_sim("--speed", 10800), ["one"])
    for n, words in enumerate(LOOKS):
        if has(words):
            line = words if "{" in words else words + " {F}"
            done = cold.run("one", line)
            assert done.returncode == 0, (words, done.stderr)
            shutil.rmtree(cold.out / "one")
    assert cold.mount.attribute(cold.mount.path / "one/f", "state") == "cold"
    assert restores(cold.sim) == 0
