# SPDX-License-Identifier: Apache-2.0
"""Two thousand nasty descriptions and keys, made from a seed, as a mount shows them: every archive
is reachable by exactly one path, which leads back to it, and the order of the list means nothing."""
import base64
import gzip
import hashlib
import json
import os
import random
import re
import subprocess
import sys
import urllib.parse

import pytest
from conftest import BUILD, SPEED, listed, until

sys.setrecursionlimit(5000)  # os.walk takes a frame for each level, and there are trees of 900
N = 2000
SEED = 20261122


def pieces():
    """What keys and paths are made of."""
    every = [bytes([b]) for b in range(1, 256)]
    return [*every, b"same", b"Same", b"SAME", b"same/", b"//", b"/../", b"./", b".thaw", b"..", b".",
            b"%2F", b"%", b"%zz", b"%25", "\u00e9".encode(), "e\u0301".encode(), "日本".encode(),
            b"\xf0\x9f\x90", b"\xed\xa0\x80", b"\xc0\xaf", b"x" * 300, b"y" * 255, b"z" * 256,
            "é".encode() * 150, b"w" * 238 + b"~0123456789abcdef", b"-20240102T030405Z", b"@v1",
            b"00undefined/", b"00error/", b" ", b"\\", b"a", b"a/b", b"a/b/c"]


def keys():
    """Keys of a bucket: any bytes but NUL, up to 1 024 of them, each once."""
    rng = random.Random(SEED)
    parts = pieces()
    made = {b"a", b"a/b", b"a/", b"a//", b"/a", b"/", b"same", b"Same", b".thaw", b".thaw/x", b"..",
            b"k" * 1024, b"/" * 900, b"d/" * 512, *[bytes([b]) for b in range(1, 256)]}
    while len(made) < N:
        key = b"".join(rng.choice(parts) for _ in range(rng.randrange(1, 7)))
        made.add(key[:1024])
    return sorted(made)


def descriptions():
    """Of every program there was, whole, cut short and bent; many of them alike."""
    rng = random.Random(SEED)
    parts = pieces()

    def path():
        return b"".join(rng.choice(parts) for _ in range(rng.randrange(0, 4)))

    def text(p):
        return p.decode("utf-8", "replace")

    def b64(p, url=False):
        return (base64.urlsafe_b64encode if url else base64.b64encode)(p).decode()

    schemes = [
        lambda p: text(p),
        lambda p: f"<m><v>4</v><p>{b64(p)}</p><lm>20190121T085242Z</lm></m>",
        lambda p: f'"<ArchiveMetadata> <Path> {b64(p)} </Path></ArchiveMetadata>"',
        lambda p: json.dumps({"Path": text(p), "UTCDateModified": "20100310T110623Z"}),
        lambda p: json.dumps(json.dumps({"path": text(p)})),
        lambda p: "mt2 " + b64(json.dumps({"filename": text(p), "mtime": "20130102T030405Z"})
                               .encode(), True).rstrip("="),
        lambda p: "mt2 " + b64(json.dumps({"filename": text(p)}).encode()),
        lambda p: "mt1 " + b64(json.dumps({"filename": text(p)}, ensure_ascii=False).encode()
                               .decode("latin1").encode(), True),
        lambda p: "mt2 eyJtdGltZSI6IjAifQ==",
        lambda p: "",
        lambda p: "   "]
    made = []
    while len(made) < N:
        d = rng.choice(schemes)(path())
        if rng.random() < 0.2:
            d = d[:rng.randrange(0, len(d) + 1)]
        made.append(d[:1024] if len(d.encode()) <= 1024 else "plain")
    return made


def shown(root):
    """path below the root -> what it leads back to; each is looked up, too."""
    found = {}
    for d, _, names in os.walk(os.fsencode(root)):
        for name in names:
            path = os.path.join(d, name)
            found[os.path.relpath(path, os.fsencode(root))] = os.getxattr(path, "user.thaw.id")
    return found


def renames(root):
    return {r["path"].encode("utf-8", "surrogateescape"): r["reasons"]
            for r in map(json.loads, (root / ".thaw/renames").read_text().splitlines())}


def unescape(path):
    """docs/FORMAT.md: decode every %XX, and leave out %2F: no component holds a slash."""
    def decode(m):
        return b"" if m[0] == b"%2F" else bytes([int(m[0][1:], 16)])
    return b"/".join(re.sub(rb"%[0-9A-Fa-f]{2}", decode, c) for c in path.split(b"/"))


def test_every_key_has_one_path_that_leads_back(start_sim, start_mount):
    """S1, S86"""
    sim = start_sim("--speed", SPEED)
    for bucket in ("lab", "reports"):
        assert sim.s3("PUT", f"/{bucket}").status == 200
    every = keys()

    def report(day, order):
        # A key that ends in / has bytes: else it is a folder's marker, which is the directory.
        rows = "".join(f'"lab","{urllib.parse.quote_from_bytes(k)}","{len(k)}",'
                       '"2024-01-02T03:04:05.000Z","abc","GLACIER"\n' for k in order)
        data = gzip.compress(rows.encode())
        told = {"key": f"r/data/{day}.csv.gz", "size": len(data),
                "MD5checksum": hashlib.md5(data).hexdigest()}
        manifest = json.dumps({"sourceBucket": "lab", "creationTimestamp": str(1800000000000 + day),
                               "fileFormat": "CSV", "files": [told], "fileSchema":
                               "Bucket, Key, Size, LastModifiedDate, ETag, StorageClass"}).encode()
        for name, body in ((told["key"], data),
                           (f"r/2030-01-{day:02}T00-00Z/manifest.json", manifest),
                           (f"r/2030-01-{day:02}T00-00Z/manifest.checksum",
                            hashlib.md5(manifest).hexdigest().encode())):
            assert sim.s3("PUT", f"/reports/{name}", body).status == 200

    report(1, every)
    mount = start_mount(sim, f"[source lab]\nurl = s3://lab\nendpoint = {sim.url}\n"
                        "inventory = s3://reports/r\n[budget test]\nmoney = 1000\n")
    root = mount.path / "lab"
    until(lambda: listed(root), 30, "catalog")
    found = shown(root)
    assert sorted(found.values()) == every
    changed = renames(root)
    for path, key in found.items():
        why = changed.get(path, [])
        assert bool(why) == (path != key), (path, key, why)
        if set(why) <= {"escaped"}:
            assert unescape(path) == key
    numbers = {p: os.stat(os.path.join(os.fsencode(root), p)).st_ino for p in found}
    assert len(set(numbers.values())) == N
    shuffled = every[:]
    random.Random(7).shuffle(shuffled)
    report(2, shuffled)
    taken = (root / ".thaw/summary").read_text().split("source.catalog: ")[1].split()[0]
    subprocess.run([str(BUILD / "tools/thaw/thaw"), "refresh", str(root)], check=True)
    until(lambda: len([r for r in sim.requests("GetObject") if "data/2" in r["resource"]]) == 1)
    until(lambda: "source.expected" not in (root / ".thaw/summary").read_text(), 20, taken)
    assert shown(root) == found
    assert {p: os.stat(os.path.join(os.fsencode(root), p)).st_ino for p in found} == numbers


@pytest.mark.parametrize("backslash", ["no", "yes"])
def test_every_description_is_one_file_in_any_order(start_sim, start_mount, tmp_path, backslash):
    """S1, S52, S86"""
    sim = start_sim("--speed", SPEED)
    sim.vault("old")
    rng = random.Random(1)
    rows = [{"ArchiveId": f"id-{i:04}", "ArchiveDescription": d, "Size": i + 1,
             "CreationDate": f"201{rng.randrange(3)}-05-15T17:19:46.700Z", "SHA256TreeHash": "ab" * 32}
            for i, d in enumerate(descriptions())]
    mount = start_mount(sim, f"[source vault]\nurl = glacier://us-east-1/old\nendpoint = {sim.url}\n"
                        f"backslash-separates = {backslash}\n[budget test]\nmoney = 1000\n")
    root = mount.path / "vault"
    seen = []
    for turn in range(2):
        path = tmp_path / "inventory.json"
        path.write_text(json.dumps({
            "VaultARN": "arn:aws:glacier:us-east-1:111122223333:vaults/old",
            "InventoryDate": f"2016-01-0{turn + 1}T03:04:05Z", "ArchiveList": rows}))
        subprocess.run([str(BUILD / "tools/thaw/thaw"), "refresh", "--from", path, root], check=True)
        seen.append(shown(root))
        rng.shuffle(rows)
    assert seen[0] == seen[1]
    assert sorted(seen[0].values()) == [f"id-{i:04}".encode() for i in range(N)]
    for path, id_ in seen[0].items():
        assert os.stat(os.path.join(os.fsencode(root), path)).st_size == int(id_[3:]) + 1
    reasons = {x for why in renames(root).values() for x in why}
    assert {"undefined", "undecodable", "duplicate", "directory", "escaped", "cut"} <= reasons
