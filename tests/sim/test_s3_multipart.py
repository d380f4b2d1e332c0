# SPDX-License-Identifier: Apache-2.0
"""Uploads in parts: tags, checksums, refusals."""
import base64
import hashlib

import pytest

from s3_client import S3, b64, md5

# AWS protocol reference, appendix B: 5 MiB of "a", then "b".
PARTS = [b"a" * (5 << 20), b"b"]
ETAG = '"e5a8c5272b26fc10581a21089559b006-2"'
COMPOSITE = {"sha256": "tfmzeY9XeH2OXmxrtS4iDWlNIKUTAFv0/csHs2lsoD8=-2",
             "sha1": "6tQrb5UfMOI7nbrrtGcqdpRvM6M=-2", "crc32": "dYPmEQ==-2"}
FULL = {"crc32": "rBxv8Q==", "crc32c": "yKBXfw==", "crc64nvme": "q73CYp7EDYg="}
PART_SUMS = {
    "sha256": ["oplo+tLngqqfIECjXwWtuX7Yl56x9XLIyOp4Y34nXzw=",
               "PiPoFgA5WUoziU9lZOGxNIu9egCI1CxKy3PurtWcAJ0="],
    "sha1": ["YbjWYArJTZEodPVpqTQRIPaAyfg=", "6dcfXufJLW3J6S/9rRe4vUlBj5g="],
    "crc32": ["r/zBbw==", "cb7v+Q=="],
}


@pytest.fixture
def b(sim):
    return S3(sim).bucket("multipart")


class Upload:
    def __init__(self, bucket, key="k", **headers):
        self.bucket, self.key = bucket, key
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        r = bucket.call("POST", key, "uploads", named)
        assert r.status == 200, r
        self.id = r.xml().findtext("UploadId")

    def part(self, number, data, headers=None):
        return self.bucket.call("PUT", self.key, f"partNumber={number}&uploadId={self.id}",
                                headers or {}, data)

    def complete(self, parts, sums=None, headers=None):
        body = "".join(
            f"<Part><PartNumber>{n}</PartNumber><ETag>{tag}</ETag>{(sums or {}).get(n, '')}</Part>"
            for n, tag in parts)
        body = f"<CompleteMultipartUpload>{body}</CompleteMultipartUpload>".encode()
        return self.bucket.call("POST", self.key, f"uploadId={self.id}", headers or {}, body)


def test_parts_become_one_object_with_the_tag_of_parts_and_a_crc_of_the_whole(b):
    up = Upload(b, x_amz_storage_class="DEEP_ARCHIVE", x_amz_meta_a="1")
    tags = [(n, up.part(n, data).headers["etag"]) for n, data in enumerate(PARTS, 1)]
    r = up.complete(tags)
    assert r.status == 200 and r.xml().findtext("ETag") == ETAG
    h = b.head("k", x_amz_checksum_mode="ENABLED").headers
    assert h["etag"] == ETAG
    assert h["content-length"] == str(sum(map(len, PARTS)))
    assert h["x-amz-storage-class"] == "DEEP_ARCHIVE" and h["x-amz-meta-a"] == "1"
    assert h["x-amz-checksum-crc64nvme"] == FULL["crc64nvme"]
    assert h["x-amz-checksum-type"] == "FULL_OBJECT"
    assert up.complete(tags).code == "NoSuchUpload"


@pytest.mark.parametrize("algo", COMPOSITE)
def test_a_composite_checksum_is_over_the_parts(b, algo):
    up = Upload(b, x_amz_checksum_algorithm=algo.upper())
    tags, sums = [], {}
    for n, data in enumerate(PARTS, 1):
        value = PART_SUMS[algo][n - 1]
        tags.append((n, up.part(n, data, {f"x-amz-checksum-{algo}": value}).headers["etag"]))
        sums[n] = f"<Checksum{algo.upper()}>{value}</Checksum{algo.upper()}>"
    assert up.complete(tags).code == "InvalidRequest"
    r = up.complete(tags, sums)
    assert r.xml().findtext(f"Checksum{algo.upper()}") == COMPOSITE[algo]
    h = b.get("k", x_amz_checksum_mode="ENABLED").headers
    assert h[f"x-amz-checksum-{algo}"] == COMPOSITE[algo]
    assert h["x-amz-checksum-type"] == "COMPOSITE"
    r = b.get("k", query="partNumber=2", x_amz_checksum_mode="ENABLED")
    assert (r.status, r.body) == (206, b"b")
    assert r.headers["x-amz-mp-parts-count"] == "2"
    assert r.headers[f"x-amz-checksum-{algo}"] == PART_SUMS[algo][1]
    doc = b.call("GET", "k", "attributes", {"x-amz-object-attributes": "ObjectParts"}).xml()
    assert doc.findtext("ObjectParts/PartsCount") == "2"
    assert [p.findtext("Size") for p in doc.iter("Part")] == ["5242880", "1"]
    assert [p.findtext(f"Checksum{algo.upper()}") for p in doc.iter("Part")] == PART_SUMS[algo]


@pytest.mark.parametrize("algo", FULL)
def test_a_full_object_checksum_is_over_the_bytes(b, algo):
    up = Upload(b, x_amz_checksum_algorithm=algo.upper(), x_amz_checksum_type="FULL_OBJECT")
    tags = [(n, up.part(n, data).headers["etag"]) for n, data in enumerate(PARTS, 1)]
    wrong = b64(bytes(len(base64.b64decode(FULL[algo]))))
    assert up.complete(tags, headers={f"x-amz-checksum-{algo}": wrong}).code == "BadDigest"
    assert up.complete(tags, headers={f"x-amz-checksum-{algo}": FULL[algo]}).status == 200
    h = b.head("k", x_amz_checksum_mode="ENABLED").headers
    assert h[f"x-amz-checksum-{algo}"] == FULL[algo]


def test_parts_may_come_in_any_order_and_twice(b):
    up = Upload(b)
    up.part(7, b"wrong")
    up.part(7, b"end")
    first = up.part(2, b"x" * (5 << 20))
    doc = b.call("GET", "k", f"uploadId={up.id}").xml()
    assert [p.findtext("PartNumber") for p in doc.iter("Part")] == ["2", "7"]
    r = up.complete([(2, first.headers["etag"]), (7, f'"{md5(b"end")}"')])
    assert r.status == 200
    assert b.get("k", range="bytes=-4").body == b"xend"


def test_refusals(b):
    up = Upload(b)
    tag = up.part(1, b"small").headers["etag"]
    last = up.part(2, b"last").headers["etag"]
    assert up.complete([(1, tag), (2, last)]).code == "EntityTooSmall"
    assert up.complete([(2, last), (1, tag)]).code == "InvalidPartOrder"
    assert up.complete([(1, last)]).code == "InvalidPart"
    assert up.complete([(3, tag)]).code == "InvalidPart"
    assert up.complete([]).code == "MalformedXML"
    assert up.complete([(1, tag)], headers={"x-amz-mp-object-size": "9"}).code == "InvalidRequest"
    assert up.part(0, b"x").code == "InvalidArgument"
    assert up.part(10001, b"x").code == "InvalidArgument"
    assert up.part(1, b"x", {"content-md5": b64(hashlib.md5(b"y").digest())}).code == "BadDigest"
    assert b.call("POST", "k", "uploads", {"x-amz-checksum-algorithm": "SHA256",
                                           "x-amz-checksum-type": "FULL_OBJECT"}).status == 400
    assert b.call("PUT", "k", "partNumber=1&uploadId=none", {}, b"x").code == "NoSuchUpload"
    assert b.head("k").status == 404
    assert up.complete([(1, tag)]).status == 200


def test_an_aborted_upload_is_gone(b):
    up = Upload(b)
    up.part(1, b"x")
    assert b.call("GET", "", "uploads").xml().findtext("Upload/UploadId") == up.id
    assert b.call("DELETE", "k", f"uploadId={up.id}").status == 204
    assert b.call("DELETE", "k", f"uploadId={up.id}").code == "NoSuchUpload"
    assert b.call("GET", "", "uploads").xml().find("Upload") is None


def test_a_completion_may_fail_behind_its_200(sim):
    b = S3(sim).bucket("parts")
    upload = b.call("POST", "k", "uploads").xml().findtext("UploadId")
    tag = b.call("PUT", "k", f"partNumber=1&uploadId={upload}", {}, b"part").headers["etag"]
    body = (f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part>"
            "</CompleteMultipartUpload>").encode()
    sim.fault({"operation": "CompleteMultipartUpload", "nth": 1},
              {"status": 200, "code": "InternalError"})
    r = b.call("POST", "k", f"uploadId={upload}", {}, body)
    assert (r.status, r.code) == (200, "InternalError")
    assert b.head("k").status == 404
    assert b.call("POST", "k", f"uploadId={upload}", {}, body).status == 200
    assert b.get("k").body == b"part"
