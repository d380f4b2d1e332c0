# SPDX-License-Identifier: Apache-2.0
"""Every fenced block of the documents works as it is written: table.py says what each is."""
import re

import pytest
from documents import DOCUMENTS, LANGUAGES, ROOT, blocks
from table import STAND_INS, TABLE, WORLDS
from world import as_config, expected, renamed


def test_every_block_has_its_row():
    for document in DOCUMENTS:
        rows = TABLE.get(document, [])
        found = blocks(document)
        assert len(found) == len(rows), f"{document}: {[b.name for b in found]}: {len(rows)} rows"
        for block, (first, _) in zip(found, rows):
            assert block.first.startswith(first), f"{block.name}: {block.first!r}, not {first!r}"
    assert set(TABLE) <= set(DOCUMENTS)


def test_every_block_says_what_it_is():
    """In the pages; the manual's form knows no such word."""
    for document in DOCUMENTS:
        for block in blocks(document):
            assert document.endswith(".scd") or block.language in LANGUAGES, block.name


def test_lines_that_fail_by_intent_say_so():
    assert expected("a b   # fails: why\nc # status 1: old\nd # e") == \
        "if a b; then false; fi\nc || [ $? = 1 ]\nd # e"
    assert len(STAND_INS) < 12 and all(len(reason) > 20 for reason, _ in STAND_INS.values())


@pytest.mark.timeout(180)
@pytest.mark.parametrize("document", [d for d in TABLE if any(do != "copy" for _, do in TABLE[d])])
def test_the_blocks_of_a_document_work_as_they_are_written(document, start_world):
    world = start_world(WORLDS.get(document))
    for block, (_, do) in zip(blocks(document), TABLE[document]):
        if do != "copy":
            do(world, block)


@pytest.mark.timeout(180)
def test_the_samples_start_a_daemon(start_world):
    """packaging/examples, with a service that is not Amazon's filled in."""
    world = start_world()
    for name in ("chargeback", "other-service.csv"):
        text = renamed((ROOT / "packaging/examples" / name).read_text())
        (world.dir / "etc/thawfs" / name).write_text(text)
    samples = sorted((ROOT / "packaging/examples").glob("*.conf"))
    assert len(samples) >= 4
    for sample in samples:
        text = sample.read_text().replace("BUCKET", "lab-cold").replace("profile = SERVICE", "")
        text = re.sub("^endpoint = .*", f"endpoint = {world.url}", text, flags=re.M)
        text = text.replace("region = REGION", "region = us-east-1")
        stands, said = world.starts(world.place(as_config(text)))
        assert stands, f"{sample.name}: {said}"


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("document", [d for d in TABLE if any(do == "copy" for _, do in TABLE[d])])
def test_a_copy_of_the_sources_is_built_and_tried_as_a_document_says(document, copy):
    for block, (_, do) in zip(blocks(document), TABLE[document]):
        if do == "copy":
            copy.run(block.text, 3500)
    if document == "README.md":
        for name in ("bin/thawfs", "bin/thaw", "bin/thaw-sim", "share/man/man1/thawfs.1"):
            assert list((copy.dir / "root").rglob(name)), name
