# SPDX-License-Identifier: Apache-2.0
"""CopyObject, DeleteObjects, listings of uploads, answers that are a matter of taste."""
import hashlib
import threading
import time

import pytest

from s3_client import S3, b64, md5

MIB = 1 << 20


@pytest.fixture
def b(sim):
    return S3(sim).bucket("work")


def copy(b, source, key, **headers):
    return b.put(key, x_amz_copy_source=source, **headers)


# Copies

def test_a_copy_has_the_bytes_and_what_was_said_of_them(b):
    b.put("a b+c", b"data", x_amz_meta_colour="blue", Content_Type="text/plain")
    r = copy(b, "/work/a%20b%2Bc", "copy", x_amz_storage_class="STANDARD_IA")
    assert r.status == 200 and r.xml().findtext("ETag") == f'"{md5(b"data")}"'
    r = b.get("copy", x_amz_checksum_mode="ENABLED")
    assert r.body == b"data" and "x-amz-checksum-crc64nvme" in r.headers
    assert (r.headers["x-amz-meta-colour"], r.headers["content-type"]) == ("blue", "text/plain")
    assert r.headers["x-amz-storage-class"] == "STANDARD_IA"
    copy(b, "work/copy", "again", x_amz_metadata_directive="REPLACE", x_amz_meta_size="big")
    h = b.head("again").headers
    assert "x-amz-meta-colour" not in h and h["x-amz-meta-size"] == "big"
    b.call("DELETE", "a b+c")
    assert b.get("copy").body == b"data"


def test_what_is_cold_is_copied_only_while_restored(b, sim):
    b.put_cold("k", b"data")
    r = copy(b, "work/k", "copy")
    assert (r.status, r.code) == (403, "ObjectNotInActiveTierError")
    b.restore("k")
    sim.advance("5h")
    assert copy(b, "work/k", "copy").status == 200
    assert b.get("copy").body == b"data"


def test_a_version_is_copied_by_its_name(b):
    b.call("PUT", "", "versioning", {},
           b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
    one = b.put("k", b"one").headers["x-amz-version-id"]
    b.put("k", b"two")
    r = copy(b, f"work/k?versionId={one}", "k")
    assert r.headers["x-amz-copy-source-version-id"] == one
    assert b.get("k").body == b"one"
    marker = b.call("DELETE", "k").headers["x-amz-version-id"]
    assert copy(b, "work/k", "x").code == "NoSuchKey"
    assert copy(b, f"work/k?versionId={marker}", "x").code == "InvalidRequest"


def test_copies_that_cannot_be(b):
    tag = b.put("k", b"data").headers["etag"]
    assert copy(b, "work/k", "k").code == "InvalidRequest"
    assert copy(b, "work/absent", "x").code == "NoSuchKey"
    assert copy(b, "nowhere/k", "x").code == "NoSuchBucket"
    assert copy(b, "work", "x").code == "InvalidArgument"
    assert copy(b, "work/k", "x", x_amz_copy_source_if_match='"no"').status == 412
    assert copy(b, "work/k", "x", x_amz_copy_source_if_match=tag).status == 200
    assert copy(b, "work/k", "x", If_None_Match="*").status == 412


# Deletes

def delete(b, inside, **headers):
    body = f"<Delete>{inside}</Delete>".encode()
    named = {"Content-MD5": b64(hashlib.md5(body).digest()), **headers}
    return b.call("POST", "", "delete", named, body)


def test_many_are_deleted_at_once(b):
    for key in ("a", "b&c", "kept"):
        b.put(key, b"x")
    doc = delete(b, "<Object><Key>a</Key></Object><Object><Key>b&amp;c</Key></Object>"
                    "<Object><Key>absent</Key></Object>").xml()
    assert [e.text for e in doc.iter("Key")] == ["a", "b&c", "absent"]
    assert doc.find("Error") is None and b.walk() == ([b"kept"], [])
    quiet = delete(b, "<Quiet>true</Quiet><Object><Key>kept</Key></Object>").xml()
    assert len(quiet) == 0 and b.walk() == ([], [])


def test_deletes_name_markers_and_versions(b):
    b.call("PUT", "", "versioning", {},
           b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
    one = b.put("k", b"one").headers["x-amz-version-id"]
    doc = delete(b, "<Object><Key>k</Key></Object>").xml()
    marker = doc.findtext("Deleted/DeleteMarkerVersionId")
    assert doc.findtext("Deleted/DeleteMarker") == "true" and b.get("k").status == 404
    doc = delete(b, f"<Object><Key>k</Key><VersionId>{marker}</VersionId></Object>").xml()
    assert doc.findtext("Deleted/DeleteMarker") == "true" and b.get("k").body == b"one"
    delete(b, f"<Object><Key>k</Key><VersionId>{one}</VersionId></Object>")
    assert b.get("k").status == 404


def test_a_delete_of_many_must_be_whole(b):
    body = b"<Delete><Object><Key>k</Key></Object></Delete>"
    assert b.call("POST", "", "delete", {}, body).code == "InvalidRequest"
    wrong = {"Content-MD5": b64(hashlib.md5(b"other").digest())}
    assert b.call("POST", "", "delete", wrong, body).code == "BadDigest"
    assert delete(b, "").code == "MalformedXML"
    assert delete(b, "<Object><Key>k</Key></Object>" * 1001).code == "MalformedXML"


# Listings of uploads

@pytest.mark.parametrize("max_uploads", [1, 2, 1000])
def test_pages_of_uploads_miss_nothing(b, max_uploads):
    started = []
    for key in ("a", "a", "d/x", "d/y", "e"):
        started.append((key, b.call("POST", key, "uploads").xml().findtext("UploadId")))

    def walk(query):
        told, more = [], ""
        while True:
            doc = b.call("GET", "", f"uploads&max-uploads={max_uploads}&{query}{more}").xml()
            told += [(u.findtext("Key"), u.findtext("UploadId")) for u in doc.iter("Upload")]
            told += [p.text for p in doc.findall("CommonPrefixes/Prefix")]
            if doc.findtext("IsTruncated") != "true":
                return told
            more = (f"&key-marker={doc.findtext('NextKeyMarker')}"
                    f"&upload-id-marker={doc.findtext('NextUploadIdMarker')}")

    assert walk("") == sorted(started)
    assert walk("prefix=d/") == sorted(s for s in started if s[0].startswith("d/"))
    rolled = walk("delimiter=/")
    assert sorted(map(str, rolled)) == sorted(
        map(str, [s for s in started if "/" not in s[0]] + ["d/"]))


# Questions with two answers

def test_expedited_on_deep_archive_is_refused_in_either_way(b, sim):
    b.put_cold("k", storage_class="DEEP_ARCHIVE")
    for quirk, status, code in (("400", 400, "InvalidArgument"), ("403", 403, "InvalidTier")):
        sim.admin("POST", "quirks", {"s3-expedited-deep": quirk})
        r = b.restore("k", 1, "Expedited")
        assert (r.status, r.code) == (status, code) and b"not supported" in r.body


def test_a_range_that_is_a_part_has_its_checksum_or_not(b, sim):
    parts = [b"a" * 5 * MIB, b"b"]
    upload = b.call("POST", "k", "uploads", {
        "x-amz-checksum-algorithm": "SHA256"}).xml().findtext("UploadId")
    sums = [b64(hashlib.sha256(p).digest()) for p in parts]
    inside = ""
    for i, (data, digest) in enumerate(zip(parts, sums), 1):
        tag = b.call("PUT", "k", f"partNumber={i}&uploadId={upload}",
                     {"x-amz-checksum-sha256": digest}, data).headers["etag"]
        inside += (f"<Part><PartNumber>{i}</PartNumber><ETag>{tag}</ETag>"
                   f"<ChecksumSHA256>{digest}</ChecksumSHA256></Part>")
    whole = f"<CompleteMultipartUpload>{inside}</CompleteMultipartUpload>".encode()
    bad = b.call("POST", "k", f"uploadId={upload}", {
        "x-amz-checksum-sha256": sums[0] + "-2"}, whole)
    assert bad.code == "BadDigest"
    assert b.call("POST", "k", f"uploadId={upload}", {}, whole).status == 200
    second = {"Range": f"bytes={5 * MIB}-{5 * MIB}", "x_amz_checksum_mode": "ENABLED"}
    for quirk, digest in (("none", None), ("part", sums[1]),
                          ("whole", "tfmzeY9XeH2OXmxrtS4iDWlNIKUTAFv0/csHs2lsoD8=-2")):
        sim.admin("POST", "quirks", {"s3-range-checksum": quirk})
        r = b.get("k", **second)
        assert (r.status, r.body) == (206, b"b")
        assert r.headers.get("x-amz-checksum-sha256") == digest
        assert "x-amz-mp-parts-count" not in r.headers


def test_redirects_follow_the_quirk_where_the_bucket_says_nothing(sim):
    s3 = S3(sim)
    s3.call("PUT", "/far", "", {}, (
        b"<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint>"
        b"</CreateBucketConfiguration>"))
    for how in ("301", "307", "400"):
        sim.admin("POST", "quirks", {"s3-redirect": how})
        assert s3.call("HEAD", "/far/k").status == int(how)


# Speed

def test_a_write_that_waits_for_the_disk_stops_no_reader(b):
    b.put("small", b"x")
    done = threading.Event()

    def write():
        for i in range(20):
            b.put(f"w{i}", b"x" * 300000)
        done.set()
    writers = [threading.Thread(target=write) for _ in range(4)]
    for w in writers:
        w.start()
    slowest = 0
    while not done.is_set():
        began = time.monotonic()
        assert b.head("small").status == 200
        slowest = max(slowest, time.monotonic() - began)
    for w in writers:
        w.join()
    assert slowest < 2
