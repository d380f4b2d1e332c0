# SPDX-License-Identifier: Apache-2.0
"""Uploads: framed, checked on both sides, never over what is there, tried again, told of truly."""
import base64
import hashlib
import json
import os
import socket
import subprocess
import threading

import pytest
from conftest import BUILD, ENV, reply

CHUNK = 128 << 10
MIB = 1 << 20


def put_words(url, verb, **names):
    words = []
    for name, value in names.items():
        for v in value if isinstance(value, list) else [value]:
            words.append(f"{name.replace('__', '.')}={v}")
    return [str(BUILD / "tests/wire/put"), url, verb, *words]


def put(verb, url="s3://depot/deep", env=None, **names):
    """Makes the call and gives (what came before, the answer)."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    done = subprocess.run(put_words(url, verb, **names), env={**keep, **(env or ENV)},
                          capture_output=True, timeout=55)
    said = done.stderr.decode()
    assert done.returncode == 0, said
    assert "Sanitizer" not in said and "runtime error" not in said, said
    lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
    return lines[:-1], lines[-1]


class Depot:
    """A bucket of a `sim`, and files to be put into it."""

    def __init__(self, sim, directory):
        self.sim = sim
        self.dir = directory
        assert sim.s3("PUT", "/depot").status == 200

    def file(self, data):
        path = self.dir / hashlib.sha256(data).hexdigest()[:16]
        path.write_bytes(data)
        return {"file": path, "len": len(data)}

    def ask(self, verb, **names):
        return put(verb, endpoint=self.sim.url, **names)

    def do(self, verb, **names):
        return self.ask(verb, **names)[1]

    def good(self, verb, **names):
        done = self.do(verb, **names)
        assert done["result"] == 0, done
        return done

    def head(self, key):
        (told,), _ = self.ask("head", key=key)
        return told

    def body(self, key):
        got = self.sim.s3("GET", f"/depot/{key}")
        assert got.status == 200, got.body
        return got.body

    def is_there(self, key):
        return self.sim.s3("HEAD", f"/depot/{key}").status == 200

    def fault(self, operation, act, **match):
        self.sim.admin("POST", "faults", {
            "rules": [{"match": {"operation": operation, **match}, "act": act}]})

    def parts(self, key, data, size, **names):
        """Puts all parts, and gives the upload's id and what complete wants of them."""
        upload = self.good("begin", key=key, **names)["id"]
        names = {"key": key, "id": upload, "sum": names.get("sum", "SHA256")}
        done = [self.good("part", number=i + 1, off=0, **names,
                          **self.file(data[at:at + size]))
                for i, at in enumerate(range(0, len(data), size))]
        return upload, [f"{p['number']}:{p['size']}:{p['etag']}:{p['value']}" for p in done]


@pytest.fixture
def depot(sim, tmp_path):
    return Depot(sim, tmp_path)


def crc64nvme(data):
    """By its definition (AWS protocol reference 2.4), bit by bit."""
    crc = (1 << 64) - 1
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x9A6C9329AC4BC9B5 if crc & 1 else 0)
    return format(crc ^ (1 << 64) - 1, "016x")


@pytest.mark.parametrize("size", [0, 1, CHUNK, 3 * CHUNK + 17])
def test_what_is_put_is_there_byte_for_byte_and_proved(depot, size):
    """S223"""
    data = os.urandom(size)
    done = depot.good("put", key="deep/k", **{"class": "DEEP_ARCHIVE"}, **depot.file(data))
    assert (done["size"], done["value"]) == (size, hashlib.sha256(data).hexdigest())
    assert (done["PutObject"], done["bytes"]) == (1, size)
    told = depot.head("deep/k")
    assert (told["size"], told["class"], told["parts"]) == (size, "DEEP_ARCHIVE", 0)
    assert (told["sum"], told["value"]) == ("SHA256", done["value"])
    (line,) = [x for x in depot.sim.bill()["lines"] if x["operation"] == "PutObject"]
    assert line["tariff"] == "s3.put.DEEP_ARCHIVE"
    depot.good("put", key="deep/warm", **depot.file(data))
    assert depot.body("deep/warm") == data


def test_a_crc_is_sent_and_told(depot):
    data = b"123456789"
    done = depot.good("put", key="k", sum="CRC64NVME", **depot.file(data))
    assert done["value"] == "ae8b14860a799888" == crc64nvme(data)
    assert depot.head("k")["value"] == done["value"]


def test_the_frame_on_the_wire_is_the_documented_one(fake, tmp_path):
    sums = {"x-amz-checksum-sha256": None}
    server = fake(lambda r: reply(200, ETag='"e"', **{
        "x_amz_checksum_sha256": sums["x-amz-checksum-sha256"]}))
    data = os.urandom(CHUNK + 5)
    sums["x-amz-checksum-sha256"] = base64.b64encode(hashlib.sha256(data).digest()).decode()
    (tmp_path / "f").write_bytes(data)
    _, done = put("put", endpoint=server.url, key="k", file=tmp_path / "f", len=len(data))
    assert done["result"] == 0, done
    (request,) = server.requests
    assert request.headers["x-amz-content-sha256"] == "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    assert request.headers["content-encoding"] == "aws-chunked"
    assert request.headers["x-amz-decoded-content-length"] == str(len(data))
    assert request.headers["x-amz-trailer"] == "x-amz-checksum-sha256"
    assert request.headers["if-none-match"] == "*"
    assert "content-type" not in request.headers and "expect" not in request.headers
    assert request.body == (b"20000\r\n" + data[:CHUNK] + b"\r\n5\r\n" + data[CHUNK:] +
                            b"\r\n0\r\nx-amz-checksum-sha256:" +
                            sums["x-amz-checksum-sha256"].encode() + b"\r\n\r\n")


def test_metadata_comes_back_as_it_was_given(depot):
    """Nothing of it is lost that a header cannot hold; S3's limit is said before anything is sent."""
    meta = {"meta__archive-id": "A_-x", "meta__description": " 100%  Grüße, \"µ\"\tend ",
            "meta__empty": "", "meta__plain": "a b c"}
    depot.good("put", key="k", **meta, **depot.file(b"x"))
    told = depot.head("k")
    assert {k: told.get(k[6:], "") for k in meta} == meta
    raw = depot.sim.s3("HEAD", "/depot/k").headers
    assert raw["x-amz-meta-plain"] == "a b c" and raw["x-amz-meta-archive-id"] == "A_-x"
    assert raw["x-amz-meta-description"] == "%20100%25 %20Gr%C3%BC%C3%9Fe, \"%C2%B5\"%09end%20"
    done = depot.do("put", key="big", meta__d="ü" * 400, **depot.file(b"x"))
    assert (done["error"], done["code"], done["PutObject"]) == ("E2BIG", "MetadataTooLarge", 0)


def test_what_is_there_is_never_overwritten(depot):
    """S223"""
    depot.good("put", key="k", **depot.file(b"old"))
    done = depot.do("put", key="k", **depot.file(b"new"))
    assert (done["error"], done["code"], done["PutObject"]) == ("EEXIST", "PreconditionFailed", 1)
    upload, pieces = depot.parts("k", b"new", MIB)
    done = depot.do("complete", key="k", id=upload, piece=pieces)
    assert done["error"] == "EEXIST", done
    assert depot.body("k") == b"old"
    assert [u["id"] for u in depot.ask("list", prefix="")[0]] == [upload], "it stays"
    depot.good("abort", key="k", id=upload)
    depot.good("abort", key="k", id=upload)
    assert depot.ask("list", prefix="")[0] == []


@pytest.mark.parametrize("kind", ["SHA256", "CRC64NVME"])
def test_parts_become_the_object_whose_checksum_was_told(depot, kind):
    """S223"""
    data = os.urandom(5 * MIB) * 2 + b"end"
    names = {"sum": kind, "class": "GLACIER", "meta__tree": "abc"}
    upload, pieces = depot.parts("deep/k", data, 5 * MIB, **names)
    (pending,), _ = depot.ask("list")
    assert (pending["key"], pending["id"]) == ("deep/k", upload)
    assert (pending["class"], pending["sum"]) == ("GLACIER", kind)
    told, _ = depot.ask("parts", key="deep/k", id=upload)
    assert [f"{p['number']}:{p['size']}:{p['etag']}:{p['value']}" for p in told] == pieces
    done = depot.good("complete", key="deep/k", id=upload, piece=pieces, sum=kind)
    assert done["size"] == len(data) and done["CompleteMultipartUpload"] == 1
    head = depot.head("deep/k")
    assert (head["size"], head["class"], head["tree"]) == (len(data), "GLACIER", "abc")
    assert (head["sum"], head["value"]) == (kind, done["value"])
    assert head["parts"] == (3 if kind == "SHA256" else 0)
    if kind == "SHA256":
        digests = b"".join(hashlib.sha256(data[i:i + 5 * MIB]).digest()
                           for i in range(0, len(data), 5 * MIB))
        assert done["value"] == hashlib.sha256(digests).hexdigest()
    lines = [x["tariff"] for x in depot.sim.bill()["lines"]]
    assert lines.count("s3.put.STANDARD") == 4 and lines.count("s3.put.GLACIER") == 1


def test_parts_that_are_not_those_are_refused(depot):
    data = os.urandom(5 * MIB + 1)
    upload, pieces = depot.parts("k", data, 5 * MIB)
    names = {"key": "k", "id": upload}
    other = pieces[0][:-1] + ("0" if pieces[0][-1] != "0" else "1")
    done = depot.do("complete", piece=[other, pieces[1]], **names)
    assert (done["error"], done["code"]) == ("ENOENT", "InvalidPart"), done
    done = depot.do("complete", piece=pieces[1:], **names)
    assert (done["error"], done["CompleteMultipartUpload"]) == ("EINVAL", 0), "no gaps"
    size = pieces[1].replace("2:1:", "2:2:")
    done = depot.do("complete", piece=[pieces[0], size], **names)
    assert (done["error"], done["code"]) == ("EACCES", "InvalidRequest"), done
    assert not depot.is_there("k")
    depot.good("complete", piece=pieces, **names)
    small, two = depot.parts("small", b"ab", 1)
    done = depot.do("complete", key="small", id=small, piece=two)
    assert (done["error"], done["code"]) == ("EACCES", "EntityTooSmall"), done
    done = depot.do("part", number=3, key="k", id=upload, **depot.file(b"x"))
    assert (done["error"], done["code"]) == ("ENOENT", "NoSuchUpload"), done


def test_listings_come_in_pages(depot):
    data = depot.file(b"x")
    first = depot.good("begin", key="a&b c+d")["id"]
    for n in range(1, 4):
        depot.good("part", key="a&b c+d", id=first, number=n, **data)
    ids = {first} | {depot.good("begin", key=f"k{i}")["id"] for i in range(2)}
    depot.sim.admin("POST", "quirks", {"page-size": 1})
    told, done = depot.ask("list", prefix="")
    assert {u["id"] for u in told} == ids and told[0]["key"] == "a&b c+d"
    assert done["ListMultipartUploads"] == 3
    told, done = depot.ask("parts", key="a&b c+d", id=first)
    assert [p["number"] for p in told] == [1, 2, 3] and done["ListParts"] == 3


@pytest.mark.parametrize("how", [{"status": 503, "code": "SlowDown"},
                                 {"drop": "after"}, {"flip_sent": 5},
                                 {"cut_sent": 2 * CHUNK},
                                 {"status": 409, "code": "ConditionalRequestConflict"}])
def test_a_part_is_sent_again_from_its_start(depot, how):
    """S223"""
    data = os.urandom(5 * CHUNK + 7)
    upload = depot.good("begin", key="k")["id"]
    depot.fault("UploadPart", how, nth=1)
    done = depot.good("part", key="k", id=upload, number=1, **depot.file(data))
    assert done["UploadPart"] == 2 and done["bytes"] > len(data)
    piece = f"1:{len(data)}:{done['etag']}:{done['value']}"
    depot.good("complete", key="k", id=upload, piece=piece)
    assert depot.body("k") == data


def test_bytes_that_change_on_the_way_are_never_stored(depot):
    """S223"""
    depot.fault("PutObject", {"flip_sent": 0})
    done = depot.do("put", key="k", **depot.file(b"0123"))
    assert (done["error"], done["code"], done["PutObject"]) == ("EBADMSG", "BadDigest", 3)
    assert not depot.is_there("k")


def test_an_answer_with_another_checksum_is_not_believed(fake, tmp_path):
    (tmp_path / "f").write_bytes(b"x")
    server = fake(reply(200, ETag='"e"', x_amz_checksum_sha256=base64.b64encode(bytes(32)).decode()))
    _, done = put("put", endpoint=server.url, key="k", file=tmp_path / "f", len=1)
    assert (done["error"], done["code"]) == ("EBADMSG", "WrongChecksum"), done


def test_a_lost_answer_of_a_completion_is_told_by_what_is_there(depot):
    upload, pieces = depot.parts("k", b"whole", MIB)
    depot.fault("CompleteMultipartUpload", {"drop": "after"}, nth=1)
    done = depot.do("complete", key="k", id=upload, piece=pieces)
    assert done["CompleteMultipartUpload"] == 2
    assert done["error"] in ("ENOENT", "EEXIST"), done
    assert depot.head("k")["parts"] == 1 and depot.body("k") == b"whole"
    depot.fault("PutObject", {"drop": "after"}, nth=1)
    done = depot.do("put", key="p", **depot.file(b"x"))
    assert (done["error"], done["PutObject"]) == ("EEXIST", 2), "by itself, the first time"
    assert depot.body("p") == b"x"


def test_an_error_inside_a_success_is_one(fake):
    error = b'<?xml version="1.0"?>\n<Error><Code>InternalError</Code><Message>m</Message></Error>'
    server = fake(reply(200, b"   \n" + error))
    _, done = put("complete", endpoint=server.url, key="k", id="u",
                  piece="1:1:e:" + "00" * 32)
    assert done["result"] < 0, done
    server = fake(reply(200, error))
    _, done = put("complete", endpoint=server.url, key="k", id="u",
                  piece="1:1:e:" + "00" * 32)
    assert (done["error"], done["code"]) == ("EAGAIN", "InternalError"), done
    assert done["CompleteMultipartUpload"] == 3


def test_a_source_that_fails_ends_the_call_at_once(depot):
    data = depot.file(bytes(4 * CHUNK))
    upload = depot.good("begin", key="k")["id"]
    done = depot.do("part", key="k", id=upload, number=1, fail_at=2 * CHUNK + 1, **data)
    assert (done["error"], done["code"], done["UploadPart"]) == ("EIO", "SourceFailed", 1)
    done = depot.do("part", key="k", id=upload, number=1, end_at=CHUNK + 1, **data)
    assert (done["error"], done["code"]) == ("EINTR", "Interrupted")
    assert depot.ask("parts", key="k", id=upload)[0] == []
    done = depot.do("put", key="p", fail_at=0, **depot.file(b"x"))
    assert done["error"] == "EIO" and not depot.is_there("p")


def test_a_source_may_take_its_time(depot):
    data = os.urandom(3 * CHUNK)
    depot.good("put", key="k", stall_ms=3000, **depot.file(data))
    assert depot.body("k") == data


class Refuser:
    """Answers behind the head of each request, and counts what came of its body."""

    def __init__(self, answer):
        self.answer, self.body, self.heads = answer, 0, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                data = b""
                while b"\r\n\r\n" not in data:
                    data += connection.recv(65536)
                self.heads.append(data.partition(b"\r\n\r\n")[0].decode().lower())
                connection.sendall(self.answer)
                while got := connection.recv(65536):
                    self.body += len(got)


def test_a_refusal_of_a_large_body_costs_nothing(tmp_path):
    """S223"""
    error = b"<Error><Code>AccessDenied</Code><Message>m</Message></Error>"
    (tmp_path / "f").write_bytes(bytes(8 * MIB))
    for _ in range(3):  # a refusal that takes more than three seconds comes too late
        server = Refuser(reply(403, error))
        _, done = put("part", endpoint=server.url, key="k", id="u", number=1,
                      file=tmp_path / "f", len=8 * MIB)
        server.listener.close()
        if server.body == 0:
            break
    assert (done["error"], done["code"], done["UploadPart"]) == ("EACCES", "AccessDenied", 1)
    assert "expect: 100-continue" in server.heads[0]
    assert server.body == 0 and done["bytes"] == 0


@pytest.mark.long
def test_many_threads_need_little_memory(depot):
    """64 parts under way: what curl and a chunk need each, whatever the parts' size."""
    data = depot.file(os.urandom(MIB) * 320)
    done = depot.good("whole", key="k", part=5 * MIB, threads=64, **data)
    assert depot.head("k")["parts"] == 64 and done["size"] == 320 * MIB
    sanitized = (BUILD / ".gate").exists() and "sanitize" in (BUILD / ".gate").read_text()
    assert sanitized or done["rss_kib"] < 48 << 10, done["rss_kib"]
