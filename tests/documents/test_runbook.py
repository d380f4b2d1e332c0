# SPDX-License-Identifier: Apache-2.0
"""Commands in backticks that say what they work on are run, with something in its place, on a mount
of the README's configuration."""
import os
import re

import pytest
from documents import DOCUMENTS, blocks, read, words
from world import as_config, until

# With what of the world in the place of each word.
PLACEHOLDERS = [
    ("/etc/thawfs/NAME.conf", "{work}/archive.conf"), ("/srv/thawfs/NAME", "{mnt}"),
    ("MOUNT/SOURCE", "{mnt}/bucket"), ("MOUNTPOINT", "{mnt}"), ("MOUNT", "{mnt}"),
    ("STATE CACHE", "{dir}/nowhere {dir}/nowhere"), ("BACKUP STATE", "{work}/backup {work}/state"),
    ("STATE BACKUP", "{dir}/var/lib/thawfs {work}/backup"), ("FILE.csv", "{work}/export.csv"),
    ("EXPORT.csv", "{work}/export.csv"), ("archive.conf", "{work}/archive.conf"),
    ("CONFIG", "{work}/archive.conf"),
    ("REGION...", "eu-central-1"), ("REGION", "eu-central-1"), ("NUMBER", "1"),
    ("DIR", "{mnt}/bucket/2019"), ("FILE", "{mnt}/bucket/2019/run-07.tar"),
]
# What ends otherwise here, as it should: with this status, and these words.
ENDS = {
    "thaw approve storm-1 MOUNT": (1, ""),
    "thaw approve storm-1 DIR": (1, ""),
    "thaw approve NUMBER DIR": (1, ""),
    "thaw fsck STATE CACHE": (1, "no state directory"),
}
COMMAND = re.compile(r"(?:thaw [a-z]+ .*|cat (?:MOUNT|DIR).*|curl -O .*)")


def commands():
    """Whole ones: they name what they work on. In the documents' order, each once."""
    found = {}
    for document in DOCUMENTS:
        for _, span in words(document) if document.endswith(".md") else []:
            has_operand = any(name in span for name, _ in PLACEHOLDERS)
            if COMMAND.fullmatch(span) and has_operand and not set("…|") & set(span):
                found.setdefault(span, document)
    return found


def filled(command, world, mnt):
    if "--range" in command:  # objects of buckets are restored whole
        command = command.replace("FILE", str(mnt / "vault/film.mov"))
    for name, value in PLACEHOLDERS:
        value = value.format(dir=world.dir, work=world.cwd, mnt=mnt)
        command = re.sub(rf"(?<![\w/{{]){re.escape(name)}(?![\w])", value, command)
    return command


@pytest.mark.timeout(240)
def test_commands_within_a_sentence_work(start_world):
    world = start_world()
    mnt = world.dir / "mnt/archive"
    (world.cwd / "archive.conf").write_text(world.place(as_config(blocks("README.md")[2].text)) +
                                            "\n[notice]\nsendmail = /bin/true\nfrom = a@example.org\n")
    (world.cwd / "export.csv").write_text(
        "lineItem/UsageStartDate,lineItem/ProductCode,lineItem/Operation,lineItem/UsageType,"
        "lineItem/UsageAmount,lineItem/UnblendedCost\n")
    world.mount("archive.conf", mnt)
    until(lambda: is_listed(mnt / "vault"), 60, "the vault's inventory")
    named = set(re.findall(r"[\w.]+(?=`)", "\n".join(
        line for line in read("README.md").split("\n") if re.match(r"\| `[A-Z]+/\.thaw/", line))))
    for place in (mnt, mnt / "bucket", mnt / "bucket/2019"):
        assert set(os.listdir(place / ".thaw")) <= named, set(os.listdir(place / ".thaw")) - named
    wrong, found = [], commands()
    assert len(found) > 20, found
    for command, document in found.items():
        status, says = ENDS.get(command, (0, ""))
        said = world.run(f"status=0; {filled(command, world, mnt)} || status=$?\necho \"status=$status\"\n")
        if f"\nstatus={status}\n" not in said or says not in said:
            wrong.append(f"{document}: `{command}`:\n{said}")
    assert not wrong, "\n".join(wrong)


def is_listed(path):
    try:
        return os.listdir(path)
    except BlockingIOError:
        return None
