# SPDX-License-Identifier: Apache-2.0
"""docs/man: what programs say of themselves is in their pages, and each page can be printed."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from test_completion import flags, verbs
from test_thaw import THAW

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAN = ROOT / "docs/man"
THAWFS = os.path.join(os.environ.get("THAW_BUILD", "build"), "fs/thawfs")
TELLS = {"thaw.1": THAW, "thawfs.conf.5": THAWFS}
PAGES = sorted(p.name.removesuffix(".scd") for p in MAN.glob("*.scd"))


def filled(page, *program):
    """Its source, with what the program says in its places."""
    if page not in TELLS:
        return (MAN / f"{page}.scd").read_text()
    done = subprocess.run([MAN / "fill", MAN / f"{page}.scd", *program], text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def plain(text):
    return re.sub(r"\\(.)", r"\1", text)


def test_each_verb_and_each_of_its_options_is_in_its_page():
    text = plain(filled("thaw.1", THAW))
    for name in set(verbs()) - {"thaw"}:
        part = re.search(rf"^## {name}\n(.*?)(?=^##? )", text, re.M | re.S)[1]
        for flag in flags(name) - {"--help"}:
            assert f"*{flag}*" in part, (name, flag)


def test_each_option_is_in_its_page_with_its_default():
    said = subprocess.run([THAWFS, "--print-config"], text=True, capture_output=True, timeout=60,
                          env={**os.environ, "XDG_STATE_HOME": "", "XDG_CACHE_HOME": ""})
    assert said.returncode == 0, said.stderr
    text = plain(filled("thawfs.conf.5", THAWFS))
    for block in said.stdout.strip().split("\n\n"):
        name, *lines = block.split("\n")
        if name == "[debug]":
            continue
        part = re.search(rf"^## {re.escape(name)}\n(.*?)(?=^##? )", text, re.M | re.S)[1]
        for help_line, line in zip(lines[::2], lines[1::2]):
            key, value = line.split(" =")
            found = re.search(rf"^\*{key}\*(.*)\n\t(.*)\n", part, re.M)
            assert found and found[2].replace("*", "`") == help_line[2:], (name, key)
            # Of the two places the page names, the one of who asks.
            value = value.replace(f" {os.path.expanduser('~')}/.", " ~/.")
            assert value.strip() in found[1] and bool(value.strip()) == bool(found[1]), (name, key)


def test_a_section_without_a_place_is_an_error(tmp_path):
    text = (MAN / "thawfs.conf.5.scd").read_text().replace("@[cache]@\n", "")
    (tmp_path / "page.scd").write_text(text)
    done = subprocess.run([MAN / "fill", tmp_path / "page.scd", THAWFS], text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 1 and "@[cache]@" in done.stderr


def test_what_the_daemon_takes_is_in_its_page():
    """Its options, and the variables it finds credentials by."""
    text = plain(filled("thawfs.1"))
    usage = subprocess.run([THAWFS, "--help"], text=True, capture_output=True, timeout=60).stdout
    for word in re.findall(r"--[a-z-]+|\b[a-z]+_[a-z_]+\b|nonempty|foreground(?=,)", usage):
        assert re.search(rf"\*(-o )?{word}\*", text), word
    for source in (ROOT / "backend").rglob("*.c"):
        for name in re.findall(r'"(AWS_[A-Z0-9_]+)"', source.read_text()):
            name = re.sub("^AWS_ENDPOINT_URL_.*", "AWS_ENDPOINT_URL_SERVICE", name)
            assert f"*{name}*" in text, (source.name, name)


def test_each_page_is_made_and_packed():
    made = re.findall(r"^  '(\S+)':", (MAN / "meson.build").read_text(), re.M)
    assert sorted(made) == PAGES
    spec = (ROOT / "packaging/rpm/thawfs.spec").read_text()
    for page in [*PAGES, "mount.thawfs.8"]:
        assert f"/man{page[-1]}/{page}*\n" in spec


@pytest.mark.skipif(not (shutil.which("scdoc") and shutil.which("man")), reason="no scdoc, or no man")
@pytest.mark.parametrize("is_cross", [False, True])
@pytest.mark.parametrize("page", PAGES)
def test_each_page_can_be_printed_without_a_warning(tmp_path, page, is_cross):
    program = [] if is_cross else [TELLS.get(page)]
    source = filled(page, *program)
    roff = subprocess.run(["scdoc"], input=source, text=True, capture_output=True, timeout=20)
    assert roff.returncode == 0, roff.stderr
    (tmp_path / page).write_text(roff.stdout)
    done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", tmp_path / page],
                          env={**os.environ, "LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80"},
                          text=True, capture_output=True, timeout=20)
    assert done.returncode == 0 and not done.stderr, done.stderr
    # What does not break is as long as a line at most: newer groffs warn of the rest.
    prose = plain(re.sub(r"^\t*```\n.*?^\t*```\n", "", source, flags=re.M | re.S))
    assert [word for word in prose.split() if len(word) > 66] == []
