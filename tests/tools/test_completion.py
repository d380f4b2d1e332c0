# SPDX-License-Identifier: Apache-2.0
"""thaw completion: what each shell offers is what help lists."""
import os
import re
import shutil
import subprocess

import pytest
from test_thaw import thaw


def verbs():
    return re.findall(r"^  ([a-z]+) +\S", thaw("--help").stdout, re.M)


def flags(verb):
    return set(re.findall(r"^  (?:-.,|   ) (--[a-z0-9-]+)", thaw(verb, "--help").stdout, re.M))


def offered(tmp_path, *words):
    """By bash, behind `thaw` and these words."""
    (tmp_path / "thaw.bash").write_text(thaw("completion", "bash").stdout)
    script = f"""source {tmp_path}/thaw.bash
COMP_WORDS=(thaw {' '.join(repr(w) for w in words)}); COMP_CWORD={len(words)}
_thaw; printf '%s ' ${{COMPREPLY[*]}}"""
    said = subprocess.run(["bash", "-c", script], text=True, capture_output=True, timeout=20)
    assert said.returncode == 0 and not said.stderr, said
    return set(said.stdout.split())


def test_bash_offers_the_verbs_and_each_ones_options(tmp_path):
    assert offered(tmp_path, "") >= set(verbs()) - {"thaw"}
    assert offered(tmp_path, "stat") == {"status"}
    for verb in ("get", "find", "report", "top"):
        assert offered(tmp_path, verb, "--") == flags(verb)
    # Files are the shell's own.
    assert offered(tmp_path, "get", "x") == set()


TIERS = {"expedited", "standard", "bulk"}


def test_bash_offers_what_an_option_can_be(tmp_path):
    for words in (("get", "--tier", ""), ("plan", "-t", ""), ("get", "--tier", "="),
                  ("get", "--tier", "=", "")):
        assert offered(tmp_path, *words) == TIERS, words
    assert offered(tmp_path, "get", "--tier", "b") == {"bulk"}
    assert offered(tmp_path, "find", "--state", "ca") == {"cached"}
    # That is a directory.
    assert offered(tmp_path, "prices", "--state", "") == set()
    assert "project" in offered(tmp_path, "report", "--by", "")
    assert offered(tmp_path, "help", "st") == {"status", "stage"}
    assert offered(tmp_path, "completion", "") == {"bash", "zsh", "fish"}


def test_what_is_offered_is_what_the_command_knows(tmp_path):
    said = thaw("report", "--by", "weather", tmp_path).stderr
    for word in offered(tmp_path, "report", "--by", ""):
        assert re.search(rf"\b{word}\b", said), (word, said)
    for word in TIERS:
        assert word in thaw("get", "--help").stdout


@pytest.mark.skipif(not shutil.which("fish"), reason="no fish")
def test_fish_offers_the_same(tmp_path):
    (tmp_path / "thaw.fish").write_text(thaw("completion", "fish").stdout)

    def fish(line):
        said = subprocess.run(["fish", "--no-config", "-c",
                               f"source {tmp_path}/thaw.fish; complete -C '{line}'"],
                              text=True, capture_output=True, timeout=50, cwd=tmp_path,
                              env={**os.environ, "HOME": str(tmp_path)})
        assert said.returncode == 0 and not said.stderr, said
        return {row.split("\t")[0] for row in said.stdout.splitlines()}

    assert fish("thaw get --tier ") == TIERS
    assert fish("thaw st") == {"status", "stage"} == fish("thaw help st")
    assert fish("thaw get --email ") == set()


@pytest.mark.parametrize("shell,check", [("zsh", "-n"), ("fish", "--no-execute"), ("bash", "-n")])
def test_each_shell_can_read_its_own_and_every_verb_is_in_it(tmp_path, shell, check):
    text = thaw("completion", shell).stdout
    for verb in verbs():
        assert re.search(rf"\b{verb}\b", text), verb
        for flag in flags(verb):
            assert flag.lstrip("-") in text
    if shutil.which(shell):
        (tmp_path / "script").write_text(text)
        said = subprocess.run([shell, check, tmp_path / "script"], text=True, capture_output=True,
                              timeout=20)
        assert said.returncode == 0 and not said.stderr, said


def test_no_shell_or_another_is_bad_usage():
    for words in ((), ("tcsh",)):
        assert thaw("completion", *words).returncode == 2
