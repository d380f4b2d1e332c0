# SPDX-License-Identifier: Apache-2.0
"""Where a bucket's names come from: listings in parts, S3 Inventory, versions, tiers."""
import gzip
import hashlib
import json
import os
import subprocess
import urllib.parse

import pytest
from conftest import BUILD, SPEED, listed, pattern, until

CONFIG = """
[source lab]
url = s3://lab
endpoint = {url}
{more}
[budget test]
money = 1000
"""
BASE = "inv/lab/cfg"
COLUMNS = ["Bucket", "Key", "Size", "LastModifiedDate", "ETag", "StorageClass"]


def thaw(*args):
    return subprocess.run([str(BUILD / "tools/thaw/thaw"), *map(str, args)], text=True,
                          capture_output=True, timeout=50)


def put(sim, key, data=b"x", bucket="lab", storage="DEEP_ARCHIVE"):
    answer = sim.s3("PUT", f"/{bucket}/{urllib.parse.quote(key)}", data,
                    {"x-amz-storage-class": storage})
    assert answer.status == 200, answer.body
    return answer


def tree(root):
    return {os.path.relpath(os.path.join(d, f), root): os.stat(os.path.join(d, f))
            for d, _, names in os.walk(root) for f in names}


def document(included="Current"):
    fields = "".join(f"<Field>{f}</Field>" for f in
                     [*COLUMNS[2:], "IntelligentTieringAccessTier"])
    return ("<InventoryConfiguration><Destination><S3BucketDestination><Bucket>arn:aws:s3:::reports"
            "</Bucket><Format>CSV</Format><Prefix>inv</Prefix></S3BucketDestination></Destination>"
            f"<IsEnabled>true</IsEnabled><Id>cfg</Id><IncludedObjectVersions>{included}"
            f"</IncludedObjectVersions><OptionalFields>{fields}</OptionalFields><Schedule><Frequency>"
            "Daily</Frequency></Schedule></InventoryConfiguration>").encode()


class Reports:
    """The buckets lab and reports; takes inventories of the one into the other, or writes them."""

    def __init__(self, sim, included="Current"):
        self.sim = sim
        for bucket in ("lab", "reports"):
            assert sim.s3("PUT", f"/{bucket}").status == 200
        assert sim.s3("PUT", "/lab?inventory=&id=cfg", document(included)).status == 200

    def take(self):
        self.sim.admin("POST", "s3/inventory", {"bucket": "lab", "id": "cfg"})

    def write(self, day, parts, columns=COLUMNS, **members):
        """A report by hand. `parts`: the bytes of each file; `members` replace those of the manifest."""
        told = []
        for i, data in enumerate(parts):
            key = f"{BASE}/data/{day}-{i}.csv.gz"
            assert self.sim.s3("PUT", f"/reports/{key}", data).status == 200
            told.append({"key": key, "size": len(data), "MD5checksum": hashlib.md5(data).hexdigest()})
        checksum = members.pop("checksum", None)
        manifest = json.dumps({
            "sourceBucket": "lab", "destinationBucket": "arn:aws:s3:::reports",
            "version": "2016-11-30", "creationTimestamp": "1893456000000", "fileFormat": "CSV",
            "fileSchema": ", ".join(columns), "files": told, **members}).encode()
        checksum = (checksum or hashlib.md5(manifest).hexdigest()).encode()
        for name, body in ("manifest.json", manifest), ("manifest.checksum", checksum):
            assert self.sim.s3("PUT", f"/reports/{BASE}/2030-01-{day:02}T00-00Z/{name}",
                               body).status == 200

    def mount(self, start_mount, more=""):
        more = f"inventory = s3://reports/{BASE}\n{more}"
        return start_mount(self.sim, CONFIG.format(url=self.sim.url, more=more))


def rows(keys):
    return gzip.compress("".join(
        f'"lab","{urllib.parse.quote_plus(k)}","1","2024-01-02T03:04:05.000Z","abc","GLACIER"\n'
        for k in keys).encode())


@pytest.fixture
def reports(start_sim):
    return Reports(start_sim("--speed", SPEED))


def test_a_catalog_comes_from_an_inventory(reports, start_mount):
    """S80: keys, sizes, times and classes are the bucket's; nothing is listed."""
    sim = reports.sim
    sim.s3("PUT", "/lab?versioning", b"<VersioningConfiguration><Status>Enabled</Status>"
           b"</VersioningConfiguration>")
    data = pattern(100000)
    put(sim, "runs/a b+ü%41.dat", data)
    put(sim, "runs/old", b"1")
    put(sim, "runs/old", b"22")
    put(sim, "online", b"x", storage="STANDARD")
    put(sim, "tiered", b"x", storage="INTELLIGENT_TIERING")
    put(sim, "sunk", b"x", storage="INTELLIGENT_TIERING")
    sim.admin("POST", "s3/archive-tier", {"bucket": "lab", "key": "sunk",
                                          "tier": "DEEP_ARCHIVE_ACCESS"})
    reports.take()
    mount = reports.mount(start_mount)
    root = mount.path / "lab"
    until(lambda: listed(root), 30, "catalog")
    files = tree(root)
    assert {k: v.st_size for k, v in files.items()} == {
        "runs/a b+ü%2541.dat": len(data), "runs/old": 2, "sunk": 1}
    assert mount.attribute(root / "sunk", "state") == "cold"
    assert len([r for r in sim.requests("ListObjectsV2") if r["resource"] == "lab"]) == 1
    with open(root / "runs/a b+ü%2541.dat", "rb") as f:
        assert f.read() == data
    put(sim, "runs/new")
    sim.advance("25h")
    until(lambda: "runs/new" in tree(root), 30, "the next day's report")


def test_a_report_that_is_not_what_it_says_changes_nothing(reports, start_mount):
    """S80"""
    put(reports.sim, "a")
    reports.take()
    mount = reports.mount(start_mount)
    mount.may_log = "nothing was changed"
    root = mount.path / "lab"
    until(lambda: listed(root), 30, "catalog")
    whole = rows(f"k{i}" for i in range(3000))
    bent = gzip.compress(b'"lab","a","1","2024-01-02T03:04:05.000Z","abc","GLACIER"\n'
                         b'"lab","b","x","2024-01-02T03:04:05.000Z","abc","GLACIER"\n')
    shown = {"key": f"{BASE}/data/1-0.csv.gz", "size": len(whole), "MD5checksum": "00" * 16}
    for day, words, args, members in [
            (1, "it has not the MD5", [[whole]], {"files": [shown]}),
            (2, "line 2: the Size is no number", [[bent]], {}),
            (3, "it ends here", [[whole[:-9]]], {}),
            (4, "of another bucket", [[whole]], {"sourceBucket": "other"}),
            (5, "Parquet: the inventory is of this format", [[whole]], {"fileFormat": "Parquet"}),
            (6, "StorageClass: the inventory lacks this column", [[whole], COLUMNS[:-1]], {}),
            (7, "manifest.json is not what", [[whole]], {"checksum": "00" * 16}),
            (8, "this is no gzip data", [[b"plain"]], {}),
            (9, "the row is of another bucket",
             [[gzip.compress(gzip.decompress(whole).replace(b"lab", b"bal"))]], {})]:
        reports.write(day, *args, **members)
        assert thaw("refresh", root).returncode == 0
        until(lambda: words in (root / ".thaw/summary").read_text(), 20, words)
        assert os.listdir(root) == ["a"]
    reports.write(10, [whole, rows(["last"])])
    assert thaw("refresh", root).returncode == 0
    until(lambda: len(os.listdir(root)) == 3001, 20, "the next whole one")


def test_the_bytes_of_a_report_may_be_slow_to_come(reports, start_mount):
    """S80: a piece that breaks off is asked for again; the catalog comes whole."""
    reports.write(1, [rows(f"{i:06}" for i in range(60000))])
    reports.sim.fault({"operation": "GetObject", "resource": "*/data/*", "times": 5},
                      {"cut_after": 1000})
    mount = reports.mount(start_mount)
    until(lambda: listed(mount.path / "lab"), 30, "catalog")
    assert len(os.listdir(mount.path / "lab")) == 60000
    assert len(reports.sim.requests("GetObject")) > 5


def test_before_the_first_report_there_are_no_names(reports, start_mount):
    """S7, S80"""
    mount = reports.mount(start_mount)
    mount.may_log = "nothing was changed"
    root = mount.path / "lab"
    until(lambda: "no inventory has been delivered yet" in (root / ".thaw/summary").read_text())
    with pytest.raises(BlockingIOError):
        os.listdir(root)
    put(reports.sim, "a")
    reports.sim.advance("25h")
    until(lambda: listed(root) == ["a"], 30, "catalog")
