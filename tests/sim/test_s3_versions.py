# SPDX-License-Identifier: Apache-2.0
"""Versions: ids, "null", markers, listings of them, and restores of one of several."""
import threading

import pytest

from s3_client import S3


def versioning(b, status):
    r = b.call("PUT", "", "versioning", {}, (
        f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>").encode())
    assert r.status == 200, r


@pytest.fixture
def b(sim):
    b = S3(sim).bucket("history")
    versioning(b, "Enabled")
    return b


def put(b, key, body, **headers):
    return b.put(key, body, **headers).headers["x-amz-version-id"]


def versions(b, query=""):
    """(key, version, is latest, kind) of all pages."""
    told, more = [], ""
    while True:
        doc = b.call("GET", "", f"versions&{query}{more}").xml()
        told += [(e.findtext("Key"), e.findtext("VersionId"), e.findtext("IsLatest"), e.tag)
                 for e in doc if e.tag in ("Version", "DeleteMarker")]
        told += [(p.findtext("Prefix"), "prefix") for p in doc.iter("CommonPrefixes")]
        if doc.findtext("IsTruncated") != "true":
            return told
        more = "&key-marker=" + doc.findtext("NextKeyMarker")
        if doc.findtext("NextVersionIdMarker"):
            more += "&version-id-marker=" + doc.findtext("NextVersionIdMarker")


def test_a_bucket_says_how_it_keeps_versions(sim):
    b = S3(sim).bucket("history")
    assert b.call("GET", "", "versioning").xml().findtext("Status") is None
    for status in ("Enabled", "Suspended"):
        versioning(b, status)
        assert b.call("GET", "", "versioning").xml().findtext("Status") == status
    bad = b"<VersioningConfiguration><Status>Off</Status></VersioningConfiguration>"
    assert b.call("PUT", "", "versioning", {}, bad).code == "MalformedXML"


def test_each_put_makes_a_version_that_stays_readable(b):
    one, two = put(b, "k", b"one"), put(b, "k", b"two")
    assert one != two and "null" not in (one, two)
    r = b.get("k")
    assert (r.body, r.headers["x-amz-version-id"]) == (b"two", two)
    assert b.get("k", f"versionId={one}").body == b"one"
    assert b.head("k", f"versionId={one}").headers["content-length"] == "3"
    r = b.get("k", "versionId=" + "0" * 32)
    assert (r.status, r.code) == (404, "NoSuchVersion")
    assert b.head("k", "versionId=" + "0" * 32).status == 404


def test_a_delete_leaves_a_marker(b):
    one = put(b, "k", b"one")
    r = b.call("DELETE", "k")
    marker = r.headers["x-amz-version-id"]
    assert (r.status, r.headers["x-amz-delete-marker"]) == (204, "true")
    for method in ("GET", "HEAD"):
        r = b.call(method, "k")
        assert (r.status, r.headers["x-amz-delete-marker"]) == (404, "true")
        r = b.call(method, "k", f"versionId={marker}")
        assert (r.status, r.headers["allow"]) == (405, "DELETE")
        assert r.headers["x-amz-delete-marker"] == "true"
    assert b.walk() == ([], [])
    assert b.get("k", f"versionId={one}").body == b"one"
    r = b.call("DELETE", "k", f"versionId={marker}")
    assert r.headers["x-amz-delete-marker"] == "true"
    assert b.get("k").body == b"one"


def test_a_version_deleted_is_gone_and_the_one_before_is_the_newest(b):
    one, two = put(b, "k", b"one"), put(b, "k", b"two")
    r = b.call("DELETE", "k", f"versionId={two}")
    assert r.headers["x-amz-version-id"] == two and "x-amz-delete-marker" not in r.headers
    assert b.get("k").headers["x-amz-version-id"] == one
    assert b.call("DELETE", "k", f"versionId={two}").status == 204
    assert b.call("DELETE", "", "").code == "BucketNotEmpty"
    b.call("DELETE", "k", f"versionId={one}")
    assert versions(b) == []
    assert b.call("DELETE", "", "").status == 204


def test_the_null_version_is_the_one_from_before_and_from_while_suspended(sim):
    b = S3(sim).bucket("history")
    assert "x-amz-version-id" not in b.put("k", b"before").headers
    versioning(b, "Enabled")
    assert b.get("k").headers["x-amz-version-id"] == "null"
    one = put(b, "k", b"one")
    assert b.get("k", "versionId=null").body == b"before"
    versioning(b, "Suspended")
    assert put(b, "k", b"suspended") == "null"
    assert versions(b) == [("k", "null", "true", "Version"), ("k", one, "false", "Version")]
    assert b.get("k", "versionId=null").body == b"suspended"
    r = b.call("DELETE", "k")
    assert r.headers["x-amz-version-id"] == "null"
    assert versions(b) == [("k", "null", "true", "DeleteMarker"), ("k", one, "false", "Version")]


@pytest.mark.parametrize("max_keys", [1, 2, 3, 1000])
def test_pages_of_versions_miss_nothing(b, max_keys):
    expected = []
    for key in ("a", "a/b", "c", "d/e", "d/f", "g"):
        newest = [put(b, key, b"1"), put(b, key, b"2")][::-1]
        kinds = ["Version"] * 2
        if key in ("c", "d/e"):
            newest.insert(0, b.call("DELETE", key).headers["x-amz-version-id"])
            kinds.insert(0, "DeleteMarker")
        expected += [(key, v, str(i == 0).lower(), k)
                     for i, (v, k) in enumerate(zip(newest, kinds))]
    assert versions(b, f"max-keys={max_keys}") == expected
    assert versions(b, f"prefix=d/&max-keys={max_keys}") == [
        e for e in expected if e[0].startswith("d/")]
    rolled = versions(b, f"delimiter=/&max-keys={max_keys}")
    plain = [e for e in expected if "/" not in e[0]]
    assert sorted(rolled) == sorted(plain + [("a/", "prefix"), ("d/", "prefix")])


def test_each_version_is_restored_by_itself(b, sim):
    old = put(b, "k", b"old", x_amz_storage_class="DEEP_ARCHIVE")
    new = put(b, "k", b"new", x_amz_storage_class="GLACIER")
    body = b"<RestoreRequest><Days>1</Days></RestoreRequest>"
    r = b.call("POST", "k", f"restore&versionId={old}", {}, body)
    assert (r.status, r.headers["x-amz-version-id"]) == (202, old)
    assert "x-amz-restore" not in b.head("k").headers
    assert b.head("k", f"versionId={old}").headers["x-amz-restore"] == 'ongoing-request="true"'
    sim.advance("12h")
    assert b.get("k", f"versionId={old}").body == b"old"
    assert b.get("k", f"versionId={new}").code == "InvalidObjectState"
    marker = b.call("DELETE", "k").headers["x-amz-version-id"]
    assert b.call("POST", "k", "restore", {}, body).code == "NoSuchKey"
    r = b.call("POST", "k", f"restore&versionId={marker}", {}, body)
    assert (r.status, r.code) == (405, "MethodNotAllowed")


def test_versions_and_their_order_survive_sigkill(b, sim):
    for i in range(5):
        put(b, "k", str(i).encode())
    b.call("DELETE", "k")
    put(b, "other", b"x")
    before = versions(b)
    sim.kill()
    sim.start()
    assert versions(b) == before
    put(b, "k", b"newest")
    assert versions(b)[1:] == [(k, v, "false" if k == "k" else l, t) for k, v, l, t in before]


def test_uploads_in_parts_and_attributes_know_versions(b):
    one = put(b, "k", b"one")
    upload = b.call("POST", "k", "uploads").xml().findtext("UploadId")
    tag = b.call("PUT", "k", f"partNumber=1&uploadId={upload}", {}, b"part").headers["etag"]
    done = b.call("POST", "k", f"uploadId={upload}", {}, (
        f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part>"
        "</CompleteMultipartUpload>").encode())
    assert done.headers["x-amz-version-id"] not in ("null", one)
    r = b.call("GET", "k", f"attributes&versionId={one}", {"x-amz-object-attributes": "ObjectSize"})
    assert r.headers["x-amz-version-id"] == one and r.xml().findtext("ObjectSize") == "3"


def test_writers_of_one_key_at_once_lose_no_version(b):
    def write(n):
        for i in range(5):
            put(b, "k", f"{n}.{i}".encode())
    writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for w in writers:
        w.start()
    for w in writers:
        w.join()
    told = versions(b)
    assert len({v for _, v, _, _ in told}) == 20
    assert {b.get("k", f"versionId={v}").body for _, v, _, _ in told} == {
        f"{n}.{i}".encode() for n in range(4) for i in range(5)}


def test_of_two_first_writers_with_a_condition_one_wins(b):
    answers = []

    def write(n):
        answers.append(b.put("k", b"x" * n, If_None_Match="*").status)
    writers = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for w in writers:
        w.start()
    for w in writers:
        w.join()
    assert answers.count(200) == 1 and set(answers) <= {200, 409, 412}
