# SPDX-License-Identifier: Apache-2.0
"""What is shipped: the one list of it, `manifest`, and what is made of it to compare."""
import pathlib
import stat

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def manifest():
    """Path below the prefix -> (package, mode)."""
    rows = (line.split() for line in (HERE / "manifest").read_text().splitlines()
            if line and not line.startswith("#"))
    return {path: (package, mode) for package, mode, path in rows}


def of_package(name):
    return {path: mode for path, (package, mode) in manifest().items() if package == name}


def tree(root):
    """What is below: path -> mode, `link` for a link. A page or document may be compressed."""
    found = {}
    for path in pathlib.Path(root).rglob("*"):
        kind = path.lstat().st_mode
        if stat.S_ISDIR(kind):
            continue
        name = str(path.relative_to(root)).removesuffix(".gz")
        found[name] = "link" if stat.S_ISLNK(kind) else f"{stat.S_IMODE(kind):04o}"
    return found
