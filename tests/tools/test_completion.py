# SPDX-License-Identifier: Apache-2.0
"""thaw completion: what each shell offers is what help lists."""
import re
import shutil
import subprocess

import pytest
from test_thaw import thaw


def verbs():
    return re.findall(r"^  ([a-z]+) +\S", thaw("--help").stdout, re.M)


def flags(verb):
    return set(re.findall(r"^  -., (--[a-z-]+)", thaw(verb, "--help").stdout, re.M))


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
