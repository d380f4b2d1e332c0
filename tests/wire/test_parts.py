# SPDX-License-Identifier: Apache-2.0
"""In which parts an object was uploaded, and by what each can be proved: as the store finds out."""
import hashlib
import os
import zlib

import pytest
from conftest import drive, reply  # this directory's

MIB = 1 << 20
KEY = "big"


def value_of(algo, data):
    if algo == "crc32":
        return zlib.crc32(data).to_bytes(4, "big")
    return hashlib.sha256(data).digest()


def upload(sim, parts, algo=None):
    """An object of these parts, in an archive class. Gives what a call about it names."""
    sim.s3("PUT", "/parts")
    etag = sim.upload_parts("parts", KEY, parts, algo)
    assert etag == hashlib.md5(b"".join(hashlib.md5(p).digest() for p in parts)).hexdigest() + (
        f"-{len(parts)}")
    return {"id": KEY, "etag": etag, "size": sum(map(len, parts)), "proof": 1}


def find(sim, names, verb="find"):
    return drive("s3://parts", verb, endpoint=sim.url, clock=sim.url + "/_sim/clock", **names)[1]


def ends(parts):
    return [sum(map(len, parts[:i + 1])) for i in range(len(parts))]


def told(answer):
    return [(int(end), value) for end, value in
            (word.split(":") for word in answer["proof_parts"].split())]


def sums(parts, algo="sha256"):
    return list(zip(ends(parts), (value_of(algo, p).hex() for p in parts)))


def calls(sim):
    return [r["operation"] for r in sim.requests() if r["operation"].startswith(("Head", "GetObj"))]


PARTS = [os.urandom(5 * MIB), os.urandom(6 * MIB + 7), b"end"]
EVEN = [os.urandom(5 * MIB), os.urandom(5 * MIB), b"end"]


def test_each_part_is_proved_by_its_own_checksum(sim):  # S140
    names = upload(sim, PARTS, "sha256")
    a = find(sim, names)
    assert (a["result"], a["proof"], a["proof_is_etag"]) == (0, "SHA256", 0)
    assert told(a) == sums(PARTS)
    assert (a["requests"], a["parts_requests"]) == (1, 1)
    assert calls(sim) == ["HeadObject", "GetObjectAttributes"]


def test_a_crc_of_the_whole_gives_way_to_those_of_its_parts(sim):  # S140
    a = find(sim, upload(sim, PARTS, "crc32"))
    assert (a["proof"], told(a)) == ("CRC32", sums(PARTS, "crc32"))


def test_many_parts_are_told_page_by_page(fake):
    etag = "0" * 32 + "-3"
    head = reply(200, ETag=f'"{etag}"', x_amz_storage_class="DEEP_ARCHIVE")

    def page(numbers, is_last):
        listed = b"".join(b"<Part><PartNumber>%d</PartNumber><Size>5242880</Size>"
                          b"<ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part>" % n for n in numbers)
        return reply(200, b"<GetObjectAttributesResponse><ETag>%s</ETag><ObjectParts>"
                          b"<IsTruncated>%s</IsTruncated><NextPartNumberMarker>%d"
                          b"</NextPartNumberMarker>%s</ObjectParts></GetObjectAttributesResponse>"
                     % (etag.encode(), b"false" if is_last else b"true", numbers[-1], listed))
    server = fake(head, page([1, 2], False), page([3], True))
    a = drive("s3://photos", "find", endpoint=server.url, id=KEY, proof=1, size=15 * MIB,
              etag=etag)[1]
    assert told(a) == [(n * 5 * MIB, "00000000") for n in (1, 2, 3)]
    assert a["parts_requests"] == 2
    assert server.requests[2].headers["x-amz-part-number-marker"] == "2"


def test_a_look_that_wants_no_proof_asks_for_no_parts(sim):
    names = upload(sim, PARTS, "sha256")
    del names["proof"]
    a = find(sim, names)
    assert (a["proof_parts"], a["requests"], a["parts_requests"]) == ("", 1, 0)
    assert calls(sim) == ["HeadObject"]


@pytest.mark.parametrize("status,code", [(403, "AccessDenied"), (501, "NotImplemented"),
                                         (405, "MethodNotAllowed")])
def test_who_may_not_ask_for_attributes_asks_each_part(sim, status, code):  # S140
    names = upload(sim, PARTS, "sha256")
    sim.fault({"operation": "GetObjectAttributes", "times": 99}, {"status": status, "code": code})
    a = find(sim, names)
    assert (a["result"], a["proof"], a["proof_is_etag"]) == (0, "SHA256", 0)
    assert told(a) == sums(PARTS)
    assert a["requests"] == 1 + len(PARTS)
    assert a["parts_requests"] == (3 if status == 501 else 1)  # a 5xx may pass


def test_an_etag_of_parts_is_proved_by_their_sizes(sim):  # S140
    sim.admin("POST", "quirks", {"s3-default-checksum": "no"})
    names = upload(sim, PARTS)
    a = find(sim, names)
    assert (a["proof"], a["proof_is_etag"]) == ("MD5", 1)
    assert a["proof_value"] == names["etag"].split("-")[0]
    assert [end for end, _ in told(a)] == ends(PARTS)
    assert calls(sim) == ["HeadObject", "GetObjectAttributes"] + ["HeadObject"] * 4  # the last first


def test_parts_of_one_size_are_told_by_the_first_and_the_last(sim):
    sim.admin("POST", "quirks", {"s3-default-checksum": "no"})
    parts = [EVEN[0]] * 6 + [b"end"]
    a = find(sim, upload(sim, parts))
    assert [end for end, _ in told(a)] == ends(parts)
    assert a["requests"] == 3


def test_a_whole_with_a_checksum_costs_no_heads_of_parts(sim):
    names = upload(sim, PARTS, "crc32")
    sim.fault({"operation": "GetObjectAttributes", "times": 99},
              {"status": 403, "code": "AccessDenied"})
    a = find(sim, names)
    assert (a["proof"], a["proof_parts"], a["requests"]) == ("CRC32", "", 1)


def test_an_etag_under_a_key_proves_nothing(sim):  # S28
    sim.admin("POST", "quirks", {"s3-default-checksum": "no"})
    sim.s3("PUT", "/parts")
    sim.upload_parts("parts", KEY, [EVEN[0]], None, {"x-amz-server-side-encryption": "aws:kms"})
    head = sim.s3("HEAD", f"/parts/{KEY}")
    a = find(sim, {"id": KEY, "etag": head.headers["ETag"].strip('"'), "size": len(EVEN[0]),
                   "proof": 1})
    assert (a["result"], a["proof"], a["proof_parts"]) == (0, "none", "")


def test_parts_that_are_gone_for_a_moment_are_asked_again(sim):
    names = upload(sim, PARTS, "sha256")
    sim.fault({"operation": "GetObjectAttributes", "nth": 1},
              {"status": 503, "code": "SlowDown"})
    a = find(sim, names)
    assert told(a) == sums(PARTS) and (a["requests"], a["parts_requests"]) == (1, 2)


def test_only_what_is_ready_is_asked_for_its_parts_again(sim):
    names = upload(sim, PARTS, "sha256")
    assert told(find(sim, names, "probe")) == []
    drive("s3://parts", "restore", endpoint=sim.url, clock=sim.url + "/_sim/clock", id=KEY,
          tier="standard", days=2, etag=names["etag"])
    assert told(find(sim, names, "probe")) == []
    sim.advance("13h")
    a = find(sim, names, "probe")
    assert a["state"] == "ready" and told(a) == sums(PARTS)
