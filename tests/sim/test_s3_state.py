# SPDX-License-Identifier: Apache-2.0
"""What was answered survives SIGKILL; seeds."""
import base64
import hashlib
import json
import os

from s3_client import S3, md5


def test_sigkill_loses_nothing_that_was_answered(sim):
    b = S3(sim).bucket("kept")
    b.put_cold("odd \n key", b"x" * 100000, "DEEP_ARCHIVE")
    b.put("warm", b"old")
    b.put("warm", b"new", x_amz_meta_a="b c")
    b.put("gone", b"1")
    b.call("DELETE", "gone")
    b.restore("odd \n key", 2)
    upload = b.call("POST", "parts", "uploads").xml().findtext("UploadId")
    tag = b.call("PUT", "parts", f"partNumber=1&uploadId={upload}", {}, b"part").headers["etag"]
    before = b.page(encoding_type="url")
    files = data_files(sim)

    sim.kill()
    open(os.path.join(sim.data, "s3", "data", "0" * 32), "w").close()  # written, never answered
    sim.start()
    after = b.page(encoding_type="url")
    assert [(e.tag, e.text) for e in after.iter()] == [(e.tag, e.text) for e in before.iter()]
    assert data_files(sim) == files
    assert b.get("warm").body == b"new"
    assert b.head("warm").headers["x-amz-meta-a"] == "b c"
    assert b.restore("odd \n key", 2).code == "RestoreAlreadyInProgress"
    sim.advance("12h")
    assert b.get("odd \n key").body == b"x" * 100000
    body = (f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part>"
            "</CompleteMultipartUpload>").encode()
    assert b.call("POST", "parts", f"uploadId={upload}", {}, body).status == 200
    assert b.get("parts").body == b"part"


def data_files(sim):
    return sorted(os.listdir(os.path.join(sim.data, "s3", "data")))


def test_what_was_overwritten_or_deleted_leaves_no_bytes_behind(sim):
    b = S3(sim).bucket("tidy")
    b.put("k", b"1")
    b.put("k", b"2")
    assert len(data_files(sim)) == 1
    b.call("DELETE", "k")
    assert data_files(sim) == []


def fill(size, text):
    """The bytes that {"size":N,"fill":TEXT} stands for, see seed.c."""
    key = hashlib.sha256(text.encode()).digest()
    blocks = (hashlib.sha256(key + i.to_bytes(8, "little")).digest() for i in range(size // 32 + 1))
    return b"".join(blocks)[:size]


def test_a_seed_stands_for_objects_of_every_kind(start_sim, tmp_path):
    (tmp_path / "file").write_bytes(b"from a file")
    seed = {"buckets": [{"name": "seeded", "objects": [
        {"key": "a b/ü+%", "file": "file", "last-modified": "2020-01-02T03:04:05Z"},
        {"key": "parts", "size": 2500, "fill": "x", "part-size": 1000,
         "storage-class": "DEEP_ARCHIVE", "checksum": "sha256-composite"},
        {"key": "old", "size": 100, "fill": "y", "storage-class": "GLACIER",
         "checksum": "none", "part-size": 60},
    ]}]}
    (tmp_path / "seed.json").write_text(json.dumps(seed))
    sim = start_sim("--seed", tmp_path / "seed.json")
    files = data_files(sim)
    sim.restart()  # with the same seed: everything is there
    assert data_files(sim) == files
    b = S3(sim)
    listing = b.call("GET", "/seeded", "list-type=2").xml()
    assert [k.text for k in listing.iter("Key")] == ["a b/ü+%", "old", "parts"]
    r = b.call("GET", "/seeded/a%20b/%C3%BC%2B%25", "", {"x-amz-checksum-mode": "ENABLED"})
    assert r.body == b"from a file"
    assert r.headers["last-modified"] == "Thu, 02 Jan 2020 03:04:05 GMT"
    assert "x-amz-checksum-crc64nvme" in r.headers

    data = fill(2500, "x")
    pieces = [data[:1000], data[1000:2000], data[2000:]]
    h = b.call("HEAD", "/seeded/parts", "", {"x-amz-checksum-mode": "ENABLED"}).headers
    digests = b"".join(hashlib.md5(p).digest() for p in pieces)
    assert h["etag"] == f'"{md5(digests)}-3"'
    digests = b"".join(hashlib.sha256(p).digest() for p in pieces)
    whole = base64.b64encode(hashlib.sha256(digests).digest()).decode()
    assert h["x-amz-checksum-sha256"] == whole + "-3"
    h = b.call("HEAD", "/seeded/old", "", {"x-amz-checksum-mode": "ENABLED"}).headers
    assert not [n for n in h if n.startswith("x-amz-checksum")] and h["etag"].endswith('-2"')
