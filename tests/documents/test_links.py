# SPDX-License-Identifier: Apache-2.0
"""Links between documents lead somewhere, also to a heading; a quoted section exists."""
import re

import pytest
from documents import DOCUMENTS, ROOT, anchors, headings, links, prose

PAGES = [d for d in DOCUMENTS if d.endswith(".md")]


@pytest.mark.parametrize("document", PAGES)
def test_links_lead_to_files_and_headings(document):
    wrong = []
    for where, target in links(document):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", path):
            continue  # of the world
        there = (ROOT / document).parent / path if path else ROOT / document
        if not there.exists() or ROOT not in there.resolve().parents:
            wrong.append(f"{where}: {target}: no such file")
        elif anchor and anchor not in anchors(str(there.resolve().relative_to(ROOT))):
            wrong.append(f"{where}: {target}: no such heading")
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize("document", PAGES)
def test_sections_that_are_quoted_exist(document):
    """docs/COSTS.md, "Price tables"; [CLUSTERS.md](CLUSTERS.md), "Slurm"."""
    text = " ".join(prose(document).split())
    quoted = r'`?\[?(?:docs/)?([A-Z]{4,})(?:\.md)?[`\]]*(?:\([^)]*\))?,? "([A-Z][^"]+)"'
    for name, title in re.findall(quoted, text):
        page = next((d for d in PAGES if d.split("/")[-1] == f"{name}.md"), None)
        if page:
            assert title.rstrip(",") in headings(page), (name, title)


def test_every_page_is_reached_from_the_readme():
    """By links, from one to the next."""
    seen, linked = set(), ["README.md"]
    while linked:
        document = linked.pop()
        if document in seen:
            continue
        seen.add(document)
        for _, target in links(document):
            there = ((ROOT / document).parent / target.partition("#")[0]).resolve()
            if there.suffix == ".md" and there.is_file():
                linked.append(str(there.relative_to(ROOT)))
    assert set(PAGES) - seen == set()
