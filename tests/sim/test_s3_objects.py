# SPDX-License-Identifier: Apache-2.0
"""PutObject, HeadObject, GetObject, attributes, buckets: bytes, headers, refusals."""
import hashlib

import pytest

from s3_client import S3, b64, md5

# AWS protocol reference, appendix B.
SUMS = {
    "crc32": "y/Q5Jg==",
    "crc32c": "4waSgw==",
    "crc64nvme": "rosUhgp5mIg=",
    "sha1": "98O8HYCOBHMq32eZZczDTKeuNEE=",
    "sha256": "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
}

ODD_KEYS = [
    "plain", "with blank", "plus+plus", "per%cent", "per%2Fcent", "ünïcode/日本語",
    "control\x01\x1f", "new\nline", "tab\there", "return\r", "trailing/", "//double//slash",
    "/leading", "dots/./and/../dots", "amp&<>\"'", "question?mark", "hash#", "~tilde", "a" * 1024,
    b"bytes\xff\xfe",
]


@pytest.fixture
def b(sim):
    return S3(sim).bucket("objects")


def test_what_was_put_is_got_with_the_md5_as_its_tag(b):
    data = bytes(range(256)) * 1000
    assert b.put("k", data).headers["etag"] == f'"{md5(data)}"'
    r = b.get("k")
    assert (r.status, r.body, r.headers["etag"]) == (200, data, f'"{md5(data)}"')
    assert r.headers["content-length"] == str(len(data))
    assert "x-amz-storage-class" not in r.headers
    assert "x-amz-request-id" in r.headers and "x-amz-id-2" in r.headers


def test_an_empty_object_is_an_object(b):
    b.put("empty")
    assert b.get("empty").status == 200 and b.get("empty").body == b""
    assert b.head("empty").headers["content-length"] == "0"
    assert b.get("empty", range="bytes=0-0").status == 416


@pytest.mark.parametrize("key", ODD_KEYS, ids=range(len(ODD_KEYS)))
def test_any_bytes_make_a_key(b, key):
    assert b.put(key, b"odd").status == 200
    assert b.get(key).body == b"odd"
    raw = key if isinstance(key, bytes) else key.encode()
    assert b.walk() == ([raw], [])


def test_keys_that_are_too_long_or_hold_a_nul_are_refused(b):
    assert b.put("a" * 1025).code == "KeyTooLongError"
    assert b.put("nul\0").code == "InvalidURI"


def test_metadata_and_content_headers_come_back(b):
    b.put("k", b"x", x_amz_meta_Colour="Blue sky", content_type="text/plain",
          cache_control="no-cache", content_encoding="gzip")
    h = b.head("k").headers
    assert h["x-amz-meta-colour"] == "Blue sky"
    assert h["content-type"] == "text/plain"
    assert h["cache-control"] == "no-cache"
    assert h["content-encoding"] == "gzip"


@pytest.mark.parametrize("algo", SUMS)
def test_a_checksum_sent_is_checked_and_kept(b, algo):
    name = f"x-amz-checksum-{algo}"
    r = b.call("PUT", "k", "", {name: SUMS[algo]}, b"123456789")
    assert r.status == 200 and r.headers[name] == SUMS[algo]
    h = b.head("k", x_amz_checksum_mode="ENABLED").headers
    assert h[name] == SUMS[algo] and h["x-amz-checksum-type"] == "FULL_OBJECT"
    assert name not in b.head("k").headers
    r = b.call("PUT", "bad", "", {name: SUMS[algo]}, b"123456780")
    assert (r.status, r.code) == (400, "BadDigest")
    assert b.head("bad").status == 404


def test_without_a_checksum_the_service_makes_a_crc64nvme(b):
    b.put("k", b"123456789")
    h = b.get("k", x_amz_checksum_mode="ENABLED").headers
    assert h["x-amz-checksum-crc64nvme"] == SUMS["crc64nvme"]


def test_objects_of_older_days_have_no_checksum(start_sim):
    b = S3(start_sim("--no-default-checksum")).bucket("older")
    b.put("k", b"123456789")
    h = b.get("k", x_amz_checksum_mode="ENABLED").headers
    assert not [name for name in h if name.startswith("x-amz-checksum")]
    assert b.page().find("Contents/ChecksumAlgorithm") is None


def test_a_range_carries_no_checksum_of_the_whole(b):
    b.put("k", b"123456789")
    r = b.get("k", range="bytes=0-8", x_amz_checksum_mode="ENABLED")
    assert r.status == 206
    assert not [name for name in r.headers if name.startswith("x-amz-checksum")]


def test_two_checksums_or_one_that_is_none_are_refused(b):
    two = {"x-amz-checksum-crc32": SUMS["crc32"], "x-amz-checksum-sha1": SUMS["sha1"]}
    assert b.call("PUT", "k", "", two, b"123456789").code == "InvalidRequest"
    assert b.call("PUT", "k", "", {"x-amz-checksum-crc32": "!"}, b"1").code == "InvalidRequest"


def test_content_md5_is_checked(b):
    digest = b64(hashlib.md5(b"data").digest())
    assert b.put("k", b"data", content_md5=digest).status == 200
    assert b.put("k", b"date", content_md5=digest).code == "BadDigest"
    assert b.put("k", b"data", content_md5="no").code == "InvalidDigest"
    assert b.get("k").body == b"data"


@pytest.mark.parametrize("header, status, span", [
    ("bytes=0-0", 206, (0, 1)), ("bytes=2-4", 206, (2, 5)), ("bytes=7-", 206, (7, 10)),
    ("bytes=-3", 206, (7, 10)), ("bytes=-99", 206, (0, 10)), ("bytes=5-99", 206, (5, 10)),
    ("bytes=4-2", 200, (0, 10)), ("bytes=0-1,4-5", 200, (0, 10)), ("lines=1-2", 200, (0, 10)),
    ("bytes=10-", 416, None), ("bytes=10-12", 416, None), ("bytes=-0", 416, None),
])
def test_ranges(b, header, status, span):
    data = b"0123456789"
    b.put("k", data)
    r = b.get("k", range=header)
    assert r.status == status
    if status == 416:
        assert r.code == "InvalidRange"
        assert r.xml().findtext("ActualObjectSize") == "10"
        return
    assert r.body == data[span[0]:span[1]]
    if status == 206:
        assert r.headers["content-range"] == f"bytes {span[0]}-{span[1] - 1}/10"


def test_if_match_refuses_another_generation(b):
    old = b.put("k", b"old").headers["etag"]
    assert b.get("k", if_match=old).status == 200
    assert b.get("k", if_none_match=old).status == 304
    b.put("k", b"new")
    r = b.get("k", if_match=old)
    assert (r.status, r.code) == (412, "PreconditionFailed")
    assert b.head("k", if_match=old).status == 412
    assert b.get("k", if_none_match=old).status == 200


def test_writes_can_be_conditional(b):
    tag = b.put("k", b"1", if_none_match="*").headers["etag"]
    assert b.put("k", b"2", if_none_match="*").status == 412
    assert b.put("k", b"2", if_match='"00"').status == 412
    assert b.put("k", b"2", if_match=tag).status == 200
    assert b.get("k").body == b"2"


def test_errors_name_what_is_missing_and_heads_have_no_body(b):
    r = b.get("nothing")
    assert (r.status, r.code, r.xml().findtext("Key")) == (404, "NoSuchKey", "nothing")
    assert r.xml().findtext("RequestId") == r.headers["x-amz-request-id"]
    r = b.head("nothing")
    assert (r.status, r.body) == (404, b"")
    r = b.s3.call("GET", "/no-such-bucket/k")
    assert (r.status, r.code) == (404, "NoSuchBucket")
    assert b.get("k", query="versionId=abc").code == "NoSuchVersion"
    assert b.put("k", x_amz_storage_class="ICE").code == "InvalidStorageClass"
    assert b.call("GET", "", "acl").status == 501
    assert b.call("PATCH", "k").status == 405
    assert b.get("k", x_amz_expected_bucket_owner="999999999999").code == "AccessDenied"


def test_delete_is_the_same_for_what_was_never_there(b):
    b.put("k", b"1")
    assert [b.call("DELETE", "k").status for _ in range(2)] == [204, 204]
    assert b.get("k").status == 404


def test_buckets_are_made_found_listed_and_deleted(b):
    assert b.call("HEAD").headers["x-amz-bucket-region"] == "us-east-1"
    assert b.s3.call("HEAD", "/another").status == 404
    assert b.s3.call("PUT", "/Bad_Name").code == "InvalidBucketName"
    assert b.call("PUT").status == 200  # once more, as us-east-1 allows
    names = [n.text for n in b.s3.call("GET", "/").xml().iter("Name")]
    assert names == ["objects"]
    assert b.call("GET", "", "location").xml().text is None
    b.put("k")
    assert b.call("DELETE").code == "BucketNotEmpty"
    b.call("DELETE", "k")
    assert b.call("DELETE").status == 204
    assert b.s3.call("HEAD", "/objects").status == 404


def test_attributes_tell_size_class_checksum(b):
    b.put_cold("k", b"123456789", "DEEP_ARCHIVE")
    names = "ETag,Checksum,ObjectParts,StorageClass,ObjectSize"
    doc = b.call("GET", "k", "attributes", {"x-amz-object-attributes": names}).xml()
    assert doc.findtext("ETag") == md5(b"123456789")
    assert doc.findtext("Checksum/ChecksumCRC64NVME") == SUMS["crc64nvme"]
    assert doc.findtext("Checksum/ChecksumType") == "FULL_OBJECT"
    assert doc.findtext("StorageClass") == "DEEP_ARCHIVE"
    assert doc.findtext("ObjectSize") == "9"
    assert doc.find("ObjectParts") is None
    assert b.call("GET", "k", "attributes").code == "InvalidArgument"


def test_what_is_handed_over_is_on_the_bill(b, sim):
    b.put("a b", b"x" * 1000)
    b.get("a b", range="bytes=100-199")
    b.head("a b")
    b.walk()
    b.get("nothing")
    lines = [(line["operation"], line["component"], line["resource"], line["quantity"])
             for line in sim.bill()["lines"]]
    assert lines == [
        ("PutObject", "request", "objects/a b", 1),
        ("GetObject", "request", "objects/a b", 1),
        ("GetObject", "transfer", "objects/a b", 100),
        ("HeadObject", "request", "objects/a b", 1),
        ("ListObjectsV2", "request", "objects", 1),
    ]


def test_what_leaves_an_archive_class_early_is_charged_for_the_rest(b, sim):
    for key, storage_class in ("g", "GLACIER"), ("d", "DEEP_ARCHIVE"), ("o", "DEEP_ARCHIVE"):
        b.put_cold(key, b"x" * 1000, storage_class)
    b.put("warm", b"x")
    sim.advance("30d")
    for key in "g", "d", "warm":
        assert b.call("DELETE", key).status == 204
    assert b.put("o", b"other").status == 200
    lines = [(x["operation"], x["resource"], x["quantity"], x["days"], x["tariff"])
             for x in sim.bill()["lines"] if x["component"] == "storage"]
    assert lines == [
        ("DeleteObject", "objects/g", 1000, 60, "s3.GLACIER.early-delete.gib-month"),
        ("DeleteObject", "objects/d", 1000, 150, "s3.DEEP_ARCHIVE.early-delete.gib-month"),
        ("PutObject", "objects/o", 1000, 150, "s3.DEEP_ARCHIVE.early-delete.gib-month"),
    ]
    b.put_cold("g", b"x")
    sim.advance("90d")
    assert b.call("DELETE", "g").status == 204
    assert len([x for x in sim.bill()["lines"] if x["component"] == "storage"]) == 3
