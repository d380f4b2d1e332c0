# SPDX-License-Identifier: Apache-2.0
"""S67: answers that are none, to every call: each ends soon, in a fault with a name, and gives
nothing that could be taken for truth. `drive` runs under ASan and UBSan."""
import concurrent.futures
import email.utils
import json
import os
import random
import subprocess

import pytest
from conftest import Fake, drive, reply

MIB = 1 << 20
NOW = email.utils.formatdate(usegmt=True)
LIST = b"<ListBucketResult>%s</ListBucketResult>"
ENTRY = (b"<Contents><Key>%s</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
         b"<ETag>&quot;e&quot;</ETag><Size>%s</Size><StorageClass>GLACIER</StorageClass></Contents>")


def raw(*lines, body=b""):
    return b"\r\n".join([b"HTTP/1.1 200 X", b"Date: " + NOW.encode(), *lines]) + b"\r\n\r\n" + body


def xml(inside):
    return reply(200, LIST % inside, Content_Type="application/xml")


def doc(text, status=200):
    return reply(status, text if isinstance(text, bytes) else json.dumps(text).encode(),
                 Content_Type="application/json")


def job(**more):
    """A job of ours as DescribeJob tells it, but for what is wrong with it."""
    return doc({"JobId": "J", "Action": "ArchiveRetrieval", "ArchiveId": "k", "StatusCode":
                "Succeeded", "Completed": True, "ArchiveSizeInBytes": 10,
                "CreationDate": "2026-01-01T00:00:00.000Z", "VaultARN": "arn", **more})


# name -> (answer, calls that may take it for an answer)
ANYTHING = {
    "nothing at all": (b"", ()),
    "one byte": (b"H", ()),
    "a banner of another protocol": (b"SSH-2.0-OpenSSH_9.2\r\n", ()),
    "binary noise": (random.Random(1).randbytes(5000), ()),
    "a status that is none": (b"HTTP/1.1 9x9 X\r\n\r\n", ()),
    "status 999": (reply(999), ()),
    "status 0": (b"HTTP/1.1 000 X\r\nContent-Length: 0\r\n\r\n", ()),
    "status 100 for ever": (b"HTTP/1.1 100 Continue\r\n\r\n" * 5000, ()),
    "switching protocols": (b"HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", ()),
    "a redirect elsewhere": (reply(302, Location="http://192.0.2.1/"), ()),
    "a redirect to a file": (reply(301, Location="file:///etc/passwd"), ()),
    "no content": (reply(204), ("s3 check",)),
    "HTTP 0.9": (b"<html>hello</html>", ()),
    "a header of 100 KB": (raw(b"X-A: " + b"a" * 100000, b"Content-Length: 0"), ()),
    "twenty thousand headers": (raw(*[b"X-%d: a" % i for i in range(20000)],
                                    b"Content-Length: 0"), ()),
    "a header without a colon": (raw(b"nonsense", b"Content-Length: 2", body=b"{}"), ()),
    "a header with a NUL": (raw(b"X-A: a\0b", b"Content-Length: 2", body=b"{}"), ()),
    "a length below zero": (raw(b"Content-Length: -1"), ()),
    # curl reads it as no length: an answer without a body.
    "a length beyond all numbers": (raw(b"Content-Length: 99999999999999999999999"),
                                    ("s3 restore",)),
    "two lengths": (raw(b"Content-Length: 2", b"Content-Length: 5", body=b"{}"), ()),
    "less than the length": (raw(b"Content-Length: 1000", body=b"{"), ()),
    "chunks that are none": (raw(b"Transfer-Encoding: chunked", body=b"zz\r\n"), ()),
    "a chunk beyond all numbers": (raw(b"Transfer-Encoding: chunked", body=b"f" * 40 + b"\r\n"), ()),
    "chunks without an end": (raw(b"Transfer-Encoding: chunked", body=b"5\r\nabcde\r\n"), ()),
    "gzip that was not asked for": (raw(b"Content-Encoding: gzip", b"Content-Length: 4",
                                        body=b"\x1f\x8b\x08\0"), ()),
    "a page for people": (reply(200, b"<html><body>Sign in to the hotel</body></html>"), ()),
    "a page for people, denied": (reply(403, b"<html>" + b"x" * 300000), ()),
    "invalid UTF-8": (reply(200, b"\xff\xfe\xfd{}"), ()),
    "an error that is no document": (reply(400, b"{\"code\":[]}"), ()),
    "an error with a code of 10 KB": (reply(400, b"<Error><Code>" + b"C" * 10000 +
                                            b"</Code></Error>"), ()),
    "an error with escapes for a terminal": (reply(400, b"<Error><Code>a\x1b[2J</Code></Error>"), ()),
    "an error inside a success": (reply(200, b"<Error><Code>AccessDenied</Code></Error>"), ()),
}
DOCUMENTS = {
    "XML entities": (reply(200, b"<!DOCTYPE a [<!ENTITY x 'y'>]>" + LIST % b"<Name>&x;</Name>"), ()),
    "XML that calls for a file": (reply(200, b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
                                        + LIST % b"<Name>&x;</Name>"), ()),
    "XML ten thousand deep": (xml(b"<a>" * 10000 + b"</a>" * 10000), ()),
    "XML that ends early": (reply(200, b"<ListBucketResult><Contents>"), ()),
    "XML of another root": (reply(200, b"<Other/>"), ()),
    "a text of 1 MB": (xml(b"<Name>" + b"a" * MIB + b"</Name>"), ()),
    "a key that climbs": (xml(ENTRY % (b"../../etc/passwd", b"5")), ("s3 list", "s3 check")),
    "a key of 5 KB": (xml(ENTRY % (b"k" * 5000, b"5")), ("s3 check",)),
    "a size below zero": (xml(ENTRY % (b"k", b"-5")), ()),
    "a size beyond all numbers": (xml(ENTRY % (b"k", b"9" * 40)), ()),
    "a size that is a word": (xml(ENTRY % (b"k", b"big")), ()),
    "a page after which the same one comes": (
        xml(b"<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
            + ENTRY % (b"k", b"5")), ("s3 check",)),
    "a next page nobody can ask for": (xml(b"<IsTruncated>true</IsTruncated>"), ("s3 check",)),
    "JSON ten thousand deep": (doc(b"[" * 10000 + b"]" * 10000), ()),
    "JSON that is a number": (doc(b"42"), ()),
    "JSON with a trailing word": (doc(b"{} extra"), ()),
    "JSON of wrong types": (doc({"JobList": 5, "JobId": [], "StatusCode": {}, "VaultARN": 1}), ()),
    "a list of jobs that are none": (doc({"JobList": [1, None, "x", []]}), ()),
    "a marker for ever": (doc({"JobList": [], "Marker": "m"}), ()),
    "a job without an end": (doc({"JobList": [{"JobId": "x" * 5000}]}), ()),
    "a job of another archive": (job(ArchiveId="another", JobId="other"), ("vault check",)),
    "a job of no known state": (job(StatusCode="Perhaps"), ("vault check",)),
    "a range that is none": (reply(206, b"y" * 10, Content_Range="bytes x-y/z"), ()),
    "another range": (reply(206, b"y" * 10, Content_Range="bytes 100-109/200"), ()),
    "a range larger than asked": (reply(206, b"y" * 100, Content_Range="bytes 0-99/100"), ()),
    "all instead of a range": (reply(200, b"y" * 500000), ()),
    "a tree hash that is none": (reply(206, b"y" * 10, Content_Range="bytes 0-9/10",
                                       x_amz_sha256_tree_hash="zz"), ("s3 fetch",)),
    # A restore is answered without a body; the rest is for a look at the object.
    "a restore header that is none": (reply(200, x_amz_restore='ongoing-request="maybe"',
                                            ETag='"e"', x_amz_storage_class="GLACIER"),
                                      ("s3 restore",)),
    "an expiry that is none": (reply(200, x_amz_restore='ongoing-request="false", expiry-date="soon"',
                                     ETag='"e"', x_amz_storage_class="GLACIER"), ("s3 restore",)),
    "another object": (reply(200, ETag='"other"', x_amz_storage_class="GLACIER",
                             x_amz_restore='ongoing-request="false", expiry-date='
                                           '"Fri, 09 Jan 2099 00:00:00 GMT"'), ("s3 restore",)),
}
ANSWERS = {**ANYTHING, **DOCUMENTS}

CALLS = {
    "s3 check": ("s3://lab", "check", {}),
    "s3 list": ("s3://lab", "list", {}),
    "s3 find": ("s3://lab", "find", {"id": "k", "etag": "e", "class": "GLACIER", "size": 10}),
    "s3 restore": ("s3://lab", "restore", {"id": "k", "tier": "bulk", "days": 1, "class": "GLACIER"}),
    "s3 fetch": ("s3://lab", "fetch", {"id": "k", "etag": "e", "off": 0, "len": 10, "size": 10}),
    "vault check": ("glacier://us-east-1/photos", "check", {}),
    "vault find": ("glacier://us-east-1/photos", "find", {"id": "k", "size": 10, "tag": "t"}),
    "vault restore": ("glacier://us-east-1/photos", "restore", {"id": "k", "tier": "bulk", "tag": "t"}),
    "vault probe": ("glacier://us-east-1/photos", "probe", {"id": "k", "token": "J", "size": 10}),
    "vault fetch": ("glacier://us-east-1/photos", "fetch",
                    {"id": "k", "token": "J", "off": 0, "len": 10, "size": 10}),
}
FAULTS = {"network", "busy", "throttled", "auth", "denied", "not found", "changed", "cold",
          "refused", "protocol", "capacity"}


def outcome(name, call):
    url, verb, names = CALLS[call]
    server = Fake(ANSWERS[name][0])
    try:
        _, got = drive(url, verb, endpoint=server.url, **names)
    except subprocess.TimeoutExpired:
        return {"result": 0, "for ever": 1}
    finally:
        server.listener.close()
    return got


def judge(name, call, got):
    """What is wrong with the outcome, or None."""
    if got["result"] < 0:
        fault = got.get("fault", "").replace("_", " ")
        return None if fault in FAULTS else f"no fault with a name: {got}"
    return None if call in ANSWERS[name][1] else f"taken for an answer: {got}"


def test_there_are_sixty_of_them():
    assert len(ANSWERS) >= 60


def run(pairs):
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        got = list(pool.map(lambda pair: judge(*pair, outcome(*pair)), pairs))
    return {f"{call}: {name}": said for (name, call), said in zip(pairs, got) if said}


@pytest.mark.timeout(200)
def test_a_hostile_answer_ends_in_a_fault_with_a_name():
    """Each answer to one call, another one for each."""
    calls = sorted(CALLS)
    seed = int(os.environ.get("THAW_SEED", 7))
    assert run([(name, calls[(i + seed) % len(calls)]) for i, name in enumerate(ANSWERS)]) == {}


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_every_hostile_answer_to_every_call_ends_in_a_fault_with_a_name():
    assert run([(name, call) for name in ANSWERS for call in CALLS]) == {}
