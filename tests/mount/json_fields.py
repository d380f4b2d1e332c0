# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/JSON.md beside what is printed."""
import pathlib
import re

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/JSON.md"


def kind(value):
    return {bool: "flag", int: "number", float: "number", str: "text", list: "list", dict: "object",
            type(None): "null"}[type(value)]


def fields(value, at="", into=None):
    """{"tiers[].cost": {"text"}, ...}"""
    into = {} if into is None else into
    if isinstance(value, dict):
        for key, inner in value.items():
            path = f"{at}.{key}" if at else key
            into.setdefault(path, set()).add(kind(inner))
            fields(inner, path, into)
    elif isinstance(value, list):
        for inner in value:
            if not isinstance(inner, (dict, list)):
                into.setdefault(f"{at}[]", set()).add(kind(inner))
            fields(inner, f"{at}[]", into)
    return into


def documented(name):
    """field -> (kinds, whether it may be missing)"""
    part = re.search(rf"^## {re.escape(name)}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.M | re.S)[1]
    rows = {}
    for field, words in re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", part, re.M):
        kinds = set(re.findall(r"\b(flag|number|text|list|object|null)\b", words))
        assert kinds, (name, field)
        rows[field] = kinds, "may be missing" in words
    same = re.search(r"^As `thaw (\w+)`", part, re.M)
    if same:
        rows = {**documented(same[1]), **rows}
    return rows


def compare(name, objects):
    assert objects, name
    rows, seen = documented(name), {}
    for o in objects:
        found = fields(o)
        fields(o, into=seen)
        for field, (_, may_miss) in rows.items():
            inside = "[]" in field or "." in field
            assert inside or may_miss or field in found, f"{name}: {field} is missing in {o}"
    for field, kinds in seen.items():
        assert field in rows, f"{name}: {field} is not in docs/JSON.md: {kinds}"
        assert kinds <= rows[field][0], f"{name}: {field} is {kinds}"
    for field, (_, may_miss) in rows.items():
        assert may_miss or field in seen, f"{name}: {field} is documented and never printed"
