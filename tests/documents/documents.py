# SPDX-License-Identifier: Apache-2.0
"""What the documents hold: fenced blocks, words in backticks, links and headings. Pure."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md",
         *sorted((ROOT / "docs").glob("*.md")), ROOT / "packaging/indexers/README.md"]
MANUAL = sorted((ROOT / "docs/man").glob("*.scd"))
DOCUMENTS = [str(p.relative_to(ROOT)) for p in [*PAGES, *MANUAL]]

FENCE = re.compile(r"^([ \t]*)```([^\n`]*)\n(.*?)^\1```[ \t]*$", re.M | re.S)
LANGUAGES = {"sh", "ini", "csv", "json", "text"}


class Block:
    """A fenced block. `first` is its first line, by which the table finds it; `name` says where it is."""

    def __init__(self, document, text, m):
        indent = m[1]
        lines = [line.removeprefix(indent) for line in m[3].splitlines()]
        self.document, self.language = document, m[2].strip()
        self.text = "\n".join(lines) + "\n"
        if document.endswith(".scd"):
            self.text = re.sub(r"\\(.)", r"\1", self.text)
        self.first = self.text.split("\n")[0].strip()
        self.name = f"{document}:{text.count(chr(10), 0, m.start()) + 1}"


def read(document):
    return (ROOT / document).read_text()


def blocks(document):
    text = read(document)
    return [Block(document, text, m) for m in FENCE.finditer(text)]


def prose(document):
    """Without fenced blocks; lines keep their numbers."""
    return FENCE.sub(lambda m: "\n" * m[0].count("\n"), read(document))


def words(document):
    """(where, words) of all that stands in backticks (a page of the manual: in bold or backticks),
    as it is typed."""
    text = prose(document)
    if document.endswith(".scd"):
        text = re.sub(r"(?<![\\\w])_(?=\S)|(?<=[\w/])_(?!\w)", "", text)
        found = re.finditer(r"(?<!\\)\*((?:\\.|[^*\\])+)\*", text)
        spans = [(m.start(), re.sub(r"\\(.)", r"\1", m[1])) for m in found]
    else:
        found = re.finditer(r"(?<!`)(`{1,2})(?!`)(.+?)(?<!`)\1(?!`)", text, re.S)
        spans = [(m.start(), m[2]) for m in found]
    return [(f"{document}:{text.count(chr(10), 0, at) + 1}",
             " ".join(span.replace("\\|", "|").split())) for at, span in spans]


def links(document):
    """(where, target) of all links."""
    text = prose(document)
    return [(f"{document}:{text.count(chr(10), 0, m.start()) + 1}", m[1])
            for m in re.finditer(r"\[[^\]]+\]\(([^)\s]+)\)", text)]


def anchors(document):
    """Of its headings, as a browser of repositories makes them."""
    found = set()
    for title in re.findall(r"^#+ +(.+?) *$", prose(document), re.M):
        name = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        number = 1
        while (name if number == 1 else f"{name}-{number - 1}") in found:
            number += 1
        found.add(name if number == 1 else f"{name}-{number - 1}")
    return found


def headings(document):
    return re.findall(r"^#+ +(.+?) *$", prose(document), re.M)
