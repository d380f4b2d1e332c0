# SPDX-License-Identifier: Apache-2.0
"""Where a bucket's names come from: listings in parts, S3 Inventory, versions, tiers."""
import gzip
import hashlib
import json
import os
import subprocess
import time
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


def test_a_report_is_read_once_unless_somebody_asks(start_sim, start_mount):
    """S80"""
    reports = Reports(start_sim())  # where days pass only when they are told to
    sim = reports.sim
    put(sim, "a")
    reports.take()
    mount = reports.mount(start_mount)
    root = mount.path / "lab"

    def fetched(name):
        return len([r for r in sim.requests("GetObject") if name in r["resource"]])

    until(lambda: listed(root), 30, "catalog")
    assert fetched("/data/") == 1
    mount.stop()
    sim.s3("PUT", "/lab?inventory=&id=cfg", document().replace(b"true", b"false"))
    sim.advance("30h")
    mount.start()
    until(lambda: fetched("manifest.json") == 2)
    until(lambda: "source.refresh:" in (root / ".thaw/summary").read_text())
    assert fetched("/data/") == 1 and os.listdir(root) == ["a"]
    assert thaw("refresh", root).returncode == 0
    until(lambda: fetched("/data/") == 2)


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


def test_before_the_first_report_there_are_no_names(start_sim, start_mount):
    """S7, S80"""
    reports = Reports(start_sim())
    mount = reports.mount(start_mount)
    mount.may_log = "nothing was changed"
    root = mount.path / "lab"
    until(lambda: "no inventory has been delivered yet" in (root / ".thaw/summary").read_text())
    with pytest.raises(BlockingIOError):
        os.listdir(root)
    put(reports.sim, "a")
    reports.sim.advance("25h")
    until(lambda: listed(root) == ["a"] or not reports.sim.advance("61m"), 30, "catalog")


@pytest.fixture
def lab(start_sim):
    sim = start_sim("--speed", SPEED)
    assert sim.s3("PUT", "/lab").status == 200
    return sim


def filled(start_sim, tmp_path, keys):
    """A simulator whose bucket has many small objects."""
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps({"buckets": [{"name": "lab", "objects": [
        {"key": k, "size": 1, "storage-class": "DEEP_ARCHIVE"} for k in keys]}]}))
    return start_sim("--speed", SPEED, "--seed", seed)


def versions_on(sim):
    assert sim.s3("PUT", "/lab?versioning", b"<VersioningConfiguration><Status>Enabled</Status>"
                  b"</VersioningConfiguration>").status == 200


def lists_of(sim):
    return [r for r in sim.requests() if r["operation"].startswith("ListObject")]


def test_a_big_bucket_is_listed_from_several_places_at_once(start_sim, start_mount, tmp_path):
    """S81: every key once, whatever the tree looks like, and not many calls more than one by one."""
    keys = [f"top/{d:02}/{i:03}" for d in range(8) for i in range(25)]
    keys += [f"flat{i:03}" for i in range(60)] + ["a", "top/00", "top/99/x/y/z", "top", "zz"]
    lab = filled(start_sim, tmp_path, keys)
    lab.admin("POST", "quirks", {"page-size": 4})
    lab.fault({"operation": "ListObjectsV2", "nth": 6, "times": 9}, {"status": 503,
                                                                    "code": "SlowDown"})
    mount = start_mount(lab, CONFIG.format(url=lab.url, more=""))
    until(lambda: listed(mount.path / "lab"), 40, "catalog")
    assert len(tree(mount.path / "lab")) == len(keys)
    calls = lists_of(lab)
    assert len(keys) / 4 + 9 < len(calls) < len(keys) / 4 + 9 + 40, len(calls)
    assert "the last one cost 0.00" in thaw("refresh", mount.path / "lab").stdout
    summary = (mount.path / "lab/.thaw/summary").read_text()
    assert "source.refresh.cost: 0.00" in summary and "source.age:      0 h" in summary


def test_versions_are_files_of_their_own(lab, start_mount):
    """S82"""
    put(lab, "k", b"old")
    versions_on(lab)
    first = put(lab, "k", b"first").headers["x-amz-version-id"]
    put(lab, "k", b"second")
    gone = put(lab, "gone", b"1").headers["x-amz-version-id"]
    assert lab.s3("DELETE", "/lab/gone").status == 204
    mount = start_mount(lab, CONFIG.format(url=lab.url, more="versions = yes"))
    root = mount.path / "lab"
    until(lambda: listed(root), 30, "catalog")
    assert sorted(os.listdir(root)) == sorted(["k", "k@null", f"k@{first}", f"gone@{gone}"])
    for name, data in ("k", b"second"), ("k@null", b"old"), (f"k@{first}", b"first"):
        assert (root / name).read_bytes() == data
    put(lab, "k", b"third!")
    assert thaw("refresh", root).returncode == 0
    until(lambda: len(os.listdir(root)) == 5, 20, "the new version")
    assert os.stat(root / "k").st_size == 6


def test_an_inventory_knows_versions_too(start_sim, start_mount):
    """S80, S82: names and identities are those of a listing."""
    reports = Reports(start_sim("--speed", SPEED), "All")
    put(reports.sim, "k", b"old")
    versions_on(reports.sim)
    put(reports.sim, "k", b"newer")
    gone = put(reports.sim, "gone", b"1").headers["x-amz-version-id"]
    assert reports.sim.s3("DELETE", "/lab/gone").status == 204
    reports.take()
    mount = reports.mount(start_mount, "versions = yes")
    root = mount.path / "lab"
    until(lambda: listed(root), 30, "catalog")
    files = {k: (v.st_size, v.st_ino) for k, v in tree(root).items()}
    assert {k: v[0] for k, v in files.items()} == {"k": 5, "k@null": 3, f"gone@{gone}": 1}
    mount.stop()
    conf = mount.dir / "thawfs.conf"
    conf.write_text(CONFIG.format(url=reports.sim.url, more="versions = yes"))
    reports.sim.advance("25h")
    mount.start()
    until(lambda: lists_of(reports.sim)[-1]["operation"] == "ListObjectVersions", 20, "a listing")
    until(lambda: "refresh.cost" in (root / ".thaw/summary").read_text())
    assert {k: (v.st_size, v.st_ino) for k, v in tree(root).items()} == files


def test_where_tiering_keeps_an_object_is_asked_for(lab, start_mount):
    """S83: by HEAD, and only if such objects are asked for."""
    for i in range(30):
        put(lab, f"t{i:02}", storage="INTELLIGENT_TIERING")
    for key, tier in ("t03", "ARCHIVE_ACCESS"), ("t04", "DEEP_ARCHIVE_ACCESS"):
        lab.admin("POST", "s3/archive-tier", {"bucket": "lab", "key": key, "tier": tier})
    put(lab, "cold")
    put(lab, "warm", storage="STANDARD")
    mount = start_mount(lab, CONFIG.format(url=lab.url, more=""))
    root = mount.path / "lab"
    until(lambda: listed(root), 30, "catalog")
    assert os.listdir(root) == ["cold"] and not lab.requests("HeadObject")
    mount.stop()
    conf = mount.dir / "thawfs.conf"
    conf.write_text(conf.read_text().replace(
        "[budget", "storage-classes = archive, INTELLIGENT_TIERING\n[budget"))
    mount.start()
    assert thaw("refresh", root).returncode == 0
    until(lambda: len(os.listdir(root)) == 31, 20, "the others")
    states = {f: mount.attribute(root / f, "state") for f in os.listdir(root)}
    assert {f for f, s in states.items() if s == "cold"} == {"cold", "t03", "t04"}
    assert {s for s in states.values()} == {"cold", "online"}
    assert len(lab.requests("HeadObject")) == 30


@pytest.mark.parametrize("how", ["listing", "heads", "report"])
def test_a_stop_does_not_wait_for_names(start_sim, start_mount, how):
    """S18: whatever part of a refresh is under way; what was there is there again."""
    reports = Reports(start_sim())
    sim = reports.sim
    for i in range(30):
        put(sim, f"d{i % 5}/{i}", storage="INTELLIGENT_TIERING" if how == "heads" else "GLACIER")
    reports.take()
    more = "storage-classes = all"
    if how == "report":
        mount = reports.mount(start_mount, more)
    else:
        mount = start_mount(sim, CONFIG.format(url=sim.url, more=more))
    root = mount.path / "lab"
    until(lambda: listed(root), 30, "catalog")
    operation = {"listing": "ListObjectsV2", "heads": "HeadObject", "report": "GetObject"}[how]
    seen = len(sim.requests(operation))
    sim.admin("POST", "quirks", {"page-size": 2})
    sim.fault({"operation": operation, "nth": 8 if how == "listing" else 2, "times": 1000},
              {"delay_ms": 5000})
    assert thaw("refresh", root).returncode == 0
    until(lambda: len(sim.requests(operation)) > seen, 20, "a refresh")
    time.sleep(0.5)
    began = time.monotonic()
    mount.stop()
    assert time.monotonic() - began < 3
    sim.clear_faults()
    mount.start()
    assert len(tree(root)) == 30
