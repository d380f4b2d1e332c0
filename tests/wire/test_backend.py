# SPDX-License-Identifier: Apache-2.0
"""The stores against thaw-sim, and against servers that misbehave."""
import email.utils
import hashlib
import json
import os
import socket
import subprocess
import time
from urllib.parse import quote

import pytest
from conftest import ENV, drive, reply  # this directory's

MIB = 1 << 20
VAULT = "glacier://us-east-1/photos"
ODD_KEYS = ["plain", "dir/a b+c(é)~=@:&,;$!*'%.txt", "/leading", "trailing/", "a//b/./../c",
            "line\nfeed\rand\x01", "ünï/☃", "%2F%41+", "k" * 1024]


def tree_hash(data):
    nodes = [hashlib.sha256(data[i:i + MIB]).digest() for i in range(0, len(data), MIB)]
    while len(nodes) > 1:
        pairs = [nodes[i:i + 2] for i in range(0, len(nodes), 2)]
        nodes = [hashlib.sha256(b"".join(p)).digest() if len(p) == 2 else p[0] for p in pairs]
    return nodes[0].hex()


def ask(sim, url, verb, **names):
    return drive(url, verb, endpoint=sim.url, clock=sim.url + "/_sim/clock", **names)


def answer(sim, url, verb, **names):
    return ask(sim, url, verb, **names)[1]


def restored_job(sim, archive, tag="t"):
    token = answer(sim, VAULT, "restore", id=archive, tier="standard", tag=tag)["token"]
    sim.advance("13h")
    return token


def bucket(sim, name="photos"):
    assert sim.s3("PUT", f"/{name}").status == 200
    return f"s3://{name}"


def put(sim, name, key, data, storage_class="DEEP_ARCHIVE", **headers):
    target = f"/{name}/" + quote(key, safe="/-_.~")
    a = sim.s3("PUT", target, data, {"x-amz-storage-class": storage_class, **headers})
    assert a.status == 200, a.body
    return a.headers["ETag"].strip('"')


# Vaults


def test_a_vault_archive_is_restored_and_read_with_the_tree_hash_of_each_range(sim, tmp_path):
    data = os.urandom(5 * MIB + 17)
    sim.vault()
    archive = sim.upload(data, "picture")
    assert answer(sim, VAULT, "check")["result"] == 0
    assert answer(sim, VAULT, "find", id=archive, tag="t")["state"] == "cold"

    asked = answer(sim, VAULT, "restore", id=archive, tier="bulk", tag="t")
    assert (asked["result"], asked["is_new"], asked["is_lost"]) == (0, 1, 0)
    assert answer(sim, VAULT, "probe", token=asked["token"])["state"] == "restoring"
    found = answer(sim, VAULT, "find", id=archive, tag="t")
    assert (found["state"], found["is_ours"], found["token"]) == \
        ("restoring", 1, asked["token"])
    assert answer(sim, VAULT, "find", id=archive, tag="other")["is_ours"] == 0

    early = answer(sim, VAULT, "fetch", token=asked["token"], id=archive, off=0, len=MIB)
    assert early["fault"] == "cold", early
    sim.advance("13h")
    ready = answer(sim, VAULT, "probe", token=asked["token"])
    assert ready["state"] == "ready"
    assert ready["expires_ms"] - ready["ready_ms"] == 24 * 3600 * 1000

    out = tmp_path / "out"
    for off, size in ((0, 4 * MIB), (4 * MIB, MIB + 17)):
        got = answer(sim, VAULT, "fetch", token=asked["token"], id=archive, off=off, len=size,
                     out=out)
        part = data[off:off + size]
        assert (got["result"], got["operation"], got["requests"]) == (0, "GetJobOutput", 1)
        assert got["body_bytes"] == size and out.read_bytes() == part
        assert got["tree_hash"] == tree_hash(part)
    odd = answer(sim, VAULT, "fetch", token=asked["token"], id=archive, off=5, len=10, out=out)
    assert odd["tree_hash"] == "" and out.read_bytes() == data[5:15]

    sim.advance("25h")
    assert answer(sim, VAULT, "probe", token=asked["token"])["state"] == "cold"
    assert answer(sim, VAULT, "find", id=archive, tag="t")["state"] == "cold"
    late = answer(sim, VAULT, "fetch", token=asked["token"], id=archive, off=0, len=10)
    assert late["fault"] == "not-found"
    assert len(sim.requests("InitiateJob")) == 1


def test_the_inventory_is_a_job_that_is_found_again(sim, tmp_path):
    sim.vault()
    archive = sim.upload(b"x" * 10, "one")
    sim.inventory("photos")
    asked = answer(sim, VAULT, "restore", tag="inv")
    assert asked["result"] == 0, asked
    sim.advance("13h")
    found = answer(sim, VAULT, "find", tag="other")
    assert (found["state"], found["token"]) == ("ready", asked["token"])
    out = tmp_path / "out"
    got = answer(sim, VAULT, "fetch", token=asked["token"], out=out)
    assert got["result"] == 0, got
    assert json.loads(out.read_bytes())["ArchiveList"][0]["ArchiveId"] == archive
    assert answer(sim, VAULT, "find", id=archive)["state"] == "cold"


def test_a_job_is_found_behind_pages_of_others(sim):
    sim.vault()
    archive, other = sim.upload(b"a" * 10), sim.upload(b"b" * 10)
    for _ in range(120):
        sim.job(Type="archive-retrieval", ArchiveId=other)
    mine = sim.job(Type="archive-retrieval", ArchiveId=archive, Description="mine")
    found = answer(sim, VAULT, "find", id=archive, tag="mine")
    assert (found["token"], found["is_ours"], found["requests"]) == (mine, 1, 3)


def test_an_accepted_restore_without_an_answer_is_lost_and_sent_once(sim):
    sim.vault()
    archive = sim.upload(b"a" * 10)
    sim.fault({"operation": "InitiateJob", "nth": 1}, {"drop": "after"})
    lost = answer(sim, VAULT, "restore", id=archive, tier="standard", tag="t")
    assert (lost["is_lost"], lost["fault"], lost["requests"]) == (1, "network", 1)
    assert len(sim.requests("InitiateJob")) == 1
    found = answer(sim, VAULT, "find", id=archive, tag="t")
    assert (found["state"], found["is_ours"]) == ("restoring", 1)


def test_a_restore_after_a_kept_connection_died_is_sent_once(sim):
    """curl would repeat the POST on a new connection by itself."""
    sim.vault()
    archive = sim.upload(b"a" * 10)
    sim.fault({"operation": "InitiateJob", "nth": 2, "times": 1}, {"drop": "after"})
    _, last = ask(sim, VAULT, "restore", id=archive, tier="standard", tag="t", repeat=2)
    assert last["is_lost"] == 1
    assert len(sim.requests("InitiateJob")) == 2


@pytest.mark.parametrize("code,status,fault", [
    ("PolicyEnforcedException", 400, "refused"), ("LimitExceededException", 400, "refused"),
    ("ThrottlingException", 400, "throttled"), ("InsufficientCapacityException", 503, "capacity"),
    ("InsufficientCapacityException", 400, "capacity")])
def test_a_refused_restore_is_neither_lost_nor_repeated(sim, code, status, fault):
    sim.vault()
    archive = sim.upload(b"a" * 10)
    sim.fault({"operation": "InitiateJob"}, {"status": status, "code": code})
    got = answer(sim, VAULT, "restore", id=archive, tier="expedited", tag="t")
    assert (got["fault"], got["code"], got["is_lost"], got["requests"]) == (fault, code, 0, 1)


def test_a_restore_answered_by_a_server_error_may_have_been_accepted(fake):
    server = fake(reply(502, b"<html>Bad Gateway</html>"))
    got = drive(VAULT, "restore", endpoint=server.url, id="A", tier="bulk", tag="t")[1]
    assert (got["is_lost"], got["fault"], len(server.requests)) == (1, "busy", 1)


def test_a_restore_that_never_left_is_not_lost():
    with socket.socket() as nobody:  # bound, so that it is nobody else's; not listening
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        got = drive(VAULT, "restore", endpoint=url, id="A", tier="bulk", tag="t")[1]
    assert (got["is_lost"], got["fault"], got["requests"]) == (0, "network", 0)


# Buckets


def test_an_object_with_any_key_is_restored_and_read(sim, tmp_path):
    url = bucket(sim)
    out = tmp_path / "out"
    datas = {key: os.urandom(1000 + i) for i, key in enumerate(ODD_KEYS)}
    etags = {key: put(sim, "photos", key, data) for key, data in datas.items()}
    entries, end = ask(sim, url, "list")
    assert end["result"] == 0
    assert {e["id"]: e["etag"] for e in entries} == etags
    assert [e["size"] for e in entries if e["id"] == "plain"] == [1000]

    for key, data in datas.items():
        names = {"id": key, "etag": etags[key]}
        cold = answer(sim, url, "find", **names)
        assert (cold["state"], cold["proof"]) == ("cold", "CRC64NVME"), key
        assert answer(sim, url, "fetch", off=0, len=10, **names)["fault"] == "cold"
        asked = answer(sim, url, "restore", tier="bulk", days=2, **names)
        assert (asked["result"], asked["is_new"], asked["state"]) == (0, 1, "restoring")
        again = answer(sim, url, "restore", tier="bulk", days=2, **names)
        assert (again["result"], again["is_new"], again["state"]) == (0, 0, "restoring")
        assert answer(sim, url, "probe", **names)["state"] == "restoring"
    sim.advance("49h")
    for key, data in datas.items():
        names = {"id": key, "etag": etags[key]}
        ready = answer(sim, url, "probe", **names)
        assert ready["state"] == "ready" and ready["expires_ms"] % 86400000 == 0
        got = answer(sim, url, "fetch", off=0, len=len(data), out=out, **names)
        assert got["result"] == 0 and out.read_bytes() == data
        whole = answer(sim, url, "fetch", off=0, len=0, out=out, **names)
        assert whole["result"] == 0 and out.read_bytes() == data
        part = answer(sim, url, "fetch", off=7, len=100, out=out, **names)
        assert part["body_bytes"] == 100 and out.read_bytes() == data[7:107]
    extended = answer(sim, url, "restore", id="plain", tier="bulk", days=9)
    assert (extended["is_new"], extended["state"]) == (0, "ready")
    sim.advance("96h")
    assert answer(sim, url, "probe", id="trailing/")["state"] == "cold"


def test_a_listing_shows_the_wanted_classes_and_running_restores(sim):
    url = bucket(sim)
    for key, storage_class in (("a", "STANDARD"), ("b", "GLACIER"), ("c", "DEEP_ARCHIVE")):
        put(sim, "photos", key, b"x", storage_class)
    answer(sim, url, "restore", id="b", tier="expedited", days=1)

    def listed(**names):
        return [(e["id"], e["is_restoring"]) for e in ask(sim, url, "list", **names)[0]]
    assert listed() == [("b", 1), ("c", 0)]
    assert listed(classes="all") == [("a", 0), ("b", 1), ("c", 0)]
    assert listed(classes="STANDARD, GLACIER") == [("a", 0), ("b", 1)]
    sim.advance("1h")
    entries = ask(sim, url, "list")[0]
    assert entries[0]["is_restoring"] == 0 and entries[0]["copy_expires_ms"] > 0
    assert answer(sim, url, "find", id="a")["state"] == "online"
    assert answer(sim, url, "restore", id="a", tier="bulk", days=1)["state"] == "online"


def test_a_listing_stays_below_its_prefix_and_ends_when_told(sim):
    url = bucket(sim)
    for key in [f"in/{i}" for i in range(9)] + ["inner", "out"]:
        put(sim, "photos", key, b"")
    entries, end = ask(sim, url + "/in/", "list")
    assert [e["id"] for e in entries] == [f"in/{i}" for i in range(9)]
    entries, end = ask(sim, url, "list", stop=5)
    assert len(entries) == 5 and end["result"] == -125 and end["requests"] == 1


def test_a_listing_goes_over_all_pages(fake):
    def page(n, token):
        return reply(200, b"<ListBucketResult><IsTruncated>%s</IsTruncated>%s<Contents>"
                          b"<Key>k+%%2B%d</Key><StorageClass>GLACIER</StorageClass></Contents>"
                          b"</ListBucketResult>" % (
                              b"true" if token else b"false",
                              b"<NextContinuationToken>%s</NextContinuationToken>" % token
                              if token else b"", n))
    server = fake(page(1, b"1/ab+c=="), reply(500), page(2, b"2"), page(3, b""))
    entries, end = drive("s3://photos", "list", endpoint=server.url)
    assert [e["id"] for e in entries] == ["k +1", "k +2", "k +3"]
    assert end["requests"] == 4
    assert "continuation-token=1%2Fab%2Bc%3D%3D" in server.requests[2].target


def test_an_overwritten_object_is_another_one(sim):
    url = bucket(sim)
    etag = put(sim, "photos", "k", b"one", "STANDARD")
    put(sim, "photos", "k", b"two", "STANDARD")
    assert answer(sim, url, "find", id="k", etag=etag)["fault"] == "changed"
    assert answer(sim, url, "fetch", id="k", etag=etag, off=0, len=3)["fault"] == "changed"
    assert answer(sim, url, "find", id="gone")["fault"] == "not-found"


def test_wrong_keys_and_missing_ones_are_told_apart(sim):
    bucket(sim)
    env = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIATHAWSIM000000000",
           "AWS_SECRET_ACCESS_KEY": "wrong"}
    got = drive("s3://photos", "check", env=env, endpoint=sim.url)[1]
    assert (got["fault"], got["code"], got["requests"]) == ("auth", "SignatureDoesNotMatch", 1)
    with pytest.raises(AssertionError, match="(?s)no AWS credentials: .*HOME|no AWS credentials"):
        drive("s3://photos", "check", env={"AWS_REGION": "us-east-1", "HOME": "/nonexistent"},
              endpoint=sim.url)


# Faults of the way


def fetch_faulty(sim, tmp_path, act, match=None):
    """A fetch of 3 MiB under a fault; gives the answer, the bytes got, and those meant."""
    data = os.urandom(3 * MIB)
    sim.vault()
    token = restored_job(sim, sim.upload(data))
    sim.fault({"operation": "GetJobOutput", **(match or {"nth": 1})}, act)
    out = tmp_path / "out"
    got = answer(sim, VAULT, "fetch", token=token, id="A", off=0, len=3 * MIB, out=out)
    return got, out.read_bytes(), data


def test_a_body_that_breaks_off_is_resumed_where_it_broke(sim, tmp_path):
    got, read, data = fetch_faulty(sim, tmp_path, {"cut_after": MIB + 7})
    assert got["result"] == 0 and read == data
    assert got["tree_hash"] == tree_hash(data)
    assert got["requests"] == 2 and got["body_bytes"] == len(data)
    assert sim.requests("GetJobOutput")[-1]["status"] == 206


def test_a_body_that_always_breaks_off_fails_after_three_tries(sim, tmp_path):
    got, read, data = fetch_faulty(sim, tmp_path, {"cut_after": 1000}, {"times": 9})
    assert (got["fault"], got["requests"]) == ("network", 3)
    assert read == data[:len(read)] and got["body_bytes"] == len(read) > 0


def test_a_body_that_breaks_off_again_and_again_is_read_while_it_moves(sim, tmp_path):
    data = os.urandom(5 * MIB)
    url = bucket(sim)
    etag = put(sim, "photos", "k", data, "STANDARD")
    sim.fault({"operation": "GetObject", "times": 9}, {"cut_after": MIB + 5})
    out = tmp_path / "out"
    got = answer(sim, url, "fetch", id="k", etag=etag, off=0, len=len(data), out=out)
    assert got["result"] == 0 and out.read_bytes() == data
    assert (got["requests"], got["body_bytes"]) == (5, len(data))


@pytest.mark.parametrize("status,code", [(500, "InternalFailure"), (503, ""),
                                         (400, "ThrottlingException")])
def test_a_busy_service_is_asked_again(sim, tmp_path, status, code):
    act = {"status": status, "code": code} if code else {"status": status}
    got, read, data = fetch_faulty(sim, tmp_path, act, {"times": 2})
    assert got["result"] == 0 and got["requests"] == 3 and read == data


def test_a_dropped_idempotent_call_is_repeated(sim, tmp_path):
    got, read, data = fetch_faulty(sim, tmp_path, {"drop": "before"})
    assert got["result"] == 0 and read == data


def test_a_refused_call_is_not_repeated(sim):
    sim.vault()
    sim.fault({"operation": "DescribeVault"}, {"status": 403, "code": "AccessDeniedException"})
    got = answer(sim, VAULT, "check")
    assert (got["fault"], got["requests"], got["result"]) == ("denied", 1, -13)


RANGE = {"Content_Range": "bytes 10-19/100"}


@pytest.mark.parametrize("what,code", [
    (reply(200, b"y" * 100), "RangeIgnored"),
    (reply(206, b"y" * 10), "NoRange"),
    (reply(206, b"y" * 10, Content_Range="bytes 0-9/100"), "WrongRange"),
    (reply(206, b"y" * 10, Content_Range="bytes 10-19/15"), "NoRange"),
    (reply(206, b"y" * 9, **RANGE), "WrongLength"),
    (reply(206, b"y" * 11, **RANGE), "WrongLength"),
    (b"HTTP/1.1 206 X\r\nContent-Range: bytes 10-19/100\r\n\r\n" + b"y" * 11, "TooLong"),
    (b"HTTP/1.1 206 X\r\nContent-Range: bytes 10-19/100\r\n\r\n" + b"y" * 9, "TooShort"),
    (b"HTTP/1.1 206 X\r\n" + b"X-Big: " + b"a" * 70000 + b"\r\n\r\n", "BadAnswer"),
    (b"HTTP/1.1 206 X\r\n" + b"".join(b"X-%d: %s\r\n" % (i, b"a" * 90) for i in range(900)),
     "BadAnswer"),
    (b"not HTTP at all\r\n\r\n", "NoAnswer")])
def test_only_the_very_range_asked_for_is_taken(fake, tmp_path, what, code):
    server = fake(what)
    out = tmp_path / "out"
    got = drive("s3://photos", "fetch", endpoint=server.url, id="k", off=10, len=10, out=out)[1]
    assert got["code"] == code and got["result"] < 0
    assert len(out.read_bytes()) <= 10


def test_no_redirect_is_followed_and_the_answer_names_the_region(fake):
    server = fake(reply(301, b"", x_amz_bucket_region="eu-west-1",
                        Location="http://169.254.169.254/"),
                  reply(200, b"", ETag='"e"', x_amz_storage_class="DEEP_ARCHIVE"))
    got = drive("s3://photos", "find", endpoint=server.url, id="k")[1]
    assert (got["result"], got["state"], got["requests"]) == (0, "cold", 2)
    scopes = [r.headers["authorization"].split("/")[2] for r in server.requests]
    assert scopes == ["us-east-1", "eu-west-1"]


def test_a_redirect_for_ever_ends(fake):
    server = fake(reply(301, b"", x_amz_bucket_region="eu-west-1"))
    got = drive("s3://photos", "find", endpoint=server.url, id="k")[1]
    assert got["result"] < 0 and got["requests"] == 2


SKEWED = b"<Error><Code>RequestTimeTooSkewed</Code><Message>m</Message></Error>"


def test_a_skewed_clock_is_corrected_once_and_remembered(fake):
    ahead = email.utils.formatdate(time.time() + 7200, usegmt=True)
    server = fake(reply(403, SKEWED, Date=ahead), reply(202), reply(200))
    lines, last = drive("s3://photos", "restore", endpoint=server.url, id="k", tier="bulk",
                        days=1, repeat=2)
    assert lines[0]["is_new"] == 1 and lines[0]["requests"] == 2 and last["requests"] == 1
    stamps = [time.mktime(time.strptime(r.headers["x-amz-date"], "%Y%m%dT%H%M%SZ"))
              for r in server.requests]
    assert 7100 < stamps[1] - stamps[0] < 7300 and 7100 < stamps[2] - stamps[0] < 7300


def test_a_skew_that_stays_is_a_failure_of_authentication(fake):
    server = fake(reply(403, SKEWED, Date=email.utils.formatdate(0, usegmt=True)))
    got = drive("s3://photos", "find", endpoint=server.url, id="k")[1]
    assert (got["fault"], got["requests"]) == ("denied", 2)  # HEAD: no code to tell
    got = drive("s3://photos", "check", endpoint=server.url)[1]
    assert (got["fault"], got["requests"]) == ("auth", 2)


def test_expired_credentials_are_read_anew(fake, tmp_path):
    creds = tmp_path / "credentials"
    creds.write_text("[default]\naws_access_key_id = OLD\naws_secret_access_key = s\n"
                     "aws_session_token = " + "t" * 900 + "\n")

    def expired(request):
        creds.write_text("[default]\naws_access_key_id = NEW\naws_secret_access_key = s\n")
        return reply(400, b"<Error><Code>ExpiredToken</Code><Message>m</Message></Error>")
    server = fake(expired, reply(202))
    got = drive("s3://photos", "restore", endpoint=server.url, id="k", tier="bulk", days=1,
                env={"AWS_SHARED_CREDENTIALS_FILE": str(creds), "AWS_REGION": "us-east-1"})[1]
    assert (got["is_new"], got["requests"]) == (1, 2)
    first, second = server.requests
    assert first.headers["x-amz-security-token"] == "t" * 900
    assert "Credential=NEW/" in second.headers["authorization"]
    assert "x-amz-security-token" not in second.headers


@pytest.mark.parametrize("body", [
    b"", b"<ListBucketResult>", b"not xml", b"<Other/>",
    b"<!DOCTYPE a [<!ENTITY x 'y'>]><ListBucketResult/>",
    b"<ListBucketResult>" + b"<a>" * 20 + b"</a>" * 20 + b"</ListBucketResult>",
    b"<ListBucketResult><Contents><Key>%00</Key></Contents></ListBucketResult>",
    b"<ListBucketResult><Contents><Size>-1</Size></Contents></ListBucketResult>",
    b"<ListBucketResult><Name>" + b"a" * 70000 + b"</Name></ListBucketResult>",
    b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"])
def test_a_listing_that_is_none_is_a_fault_of_the_protocol(fake, body):
    server = fake(reply(200, body))
    got = drive("s3://photos", "list", endpoint=server.url)[1]
    assert (got["fault"], got["requests"]) == ("protocol", 1)


def test_an_error_inside_a_success_is_an_error(fake):
    server = fake(reply(200, b"<Error><Code>InternalError</Code></Error>"),
                  reply(200, b"<ListBucketResult/>"))
    got = drive("s3://photos", "list", endpoint=server.url)[1]
    assert (got["result"], got["requests"]) == (0, 2)


def test_an_endless_error_page_is_cut(fake):
    server = fake(reply(403, b"<html>" + b"x" * 500000))
    got = drive("s3://photos", "check", endpoint=server.url)[1]
    assert (got["fault"], got["status"]) == ("denied", 403)


def test_calls_that_are_taken_back_are_never_heard_of_again(sim, tmp_path):
    data = os.urandom(3 * MIB)
    url = bucket(sim)
    put(sim, "photos", "k", data, "STANDARD")
    out = tmp_path / "out"
    got = answer(sim, url, "fetch", id="k", off=0, len=len(data), out=out, cancel="yes")
    assert got["result"] == 0 and out.read_bytes() == data


def test_only_a_certificate_that_proves_the_host_is_talked_to(fake, tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    server = fake(reply(202, x_amz_job_id="J"), tls=(cert, key))
    names = {"endpoint": server.url.replace("127.0.0.1", "localhost"), "id": "A",
             "tier": "bulk", "tag": "t"}
    got = drive(VAULT, "restore", **names)[1]
    assert (got["fault"], got["is_lost"], server.requests) == ("network", 0, [])
    env = {**ENV, "AWS_CA_BUNDLE": str(cert)}
    got = drive(VAULT, "restore", env=env, **names)[1]
    assert (got["is_new"], got["token"]) == (1, "J")
    assert server.requests[0].headers["host"] == names["endpoint"].removeprefix("https://")


def test_a_session_token_is_not_told(fake):
    said = b"The Canonical String should have been 'GET\nx-amz-security-token:CANARY\n'"
    server = fake(reply(403, json.dumps({"code": "InvalidSignatureException",
                                         "message": said.decode()}).encode()))
    got = drive(VAULT, "check", endpoint=server.url,
                env={**ENV, "AWS_SESSION_TOKEN": "CANARY"})[1]
    assert got["fault"] == "auth" and "CANARY" not in json.dumps(got)


def test_requests_are_sent_as_signed(fake):
    server = fake(reply(200, b"", x_amz_storage_class="GLACIER"))
    drive("s3://photos", "find", endpoint=server.url, id="a//../b c", etag="e")
    request = server.requests[0]
    assert request.method == "HEAD" and request.target == "/photos/a//../b%20c"
    signed = request.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    sent = set(request.headers) - {"authorization", "user-agent"}
    assert sent == set(signed)
    assert request.headers["if-match"] == '"e"'


@pytest.mark.parametrize("url,endpoint,words", [
    ("glacier://us-east-1", None, "must be glacier://REGION/VAULT"),
    ("glacier://us-east-1/..", None, "must be glacier://REGION/VAULT"),
    ("glacier://evil.com#/v", None, "not a region"),
    ("s3://", None, "not a s3:// URL"), ("s3://a b", None, "must be s3://BUCKET"),
    ("ftp://x", None, "must begin with glacier:// or s3://"),
    ("s3://photos", "http://example.com", "loopback only"),
    ("s3://photos", "https://h/path", "must be https://HOST"),
    ("s3://photos", "https://user@h", "must be https://HOST")])
def test_a_bad_source_is_refused_with_words(url, endpoint, words):
    names = {"endpoint": endpoint} if endpoint else {}
    with pytest.raises(AssertionError, match=words):
        drive(url, "check", **names)


def test_no_secret_appears_in_what_is_told(fake):
    server = fake(reply(403, b"<Error><Code>SignatureDoesNotMatch</Code><Message>m</Message>"
                             b"</Error>"))
    lines = json.dumps(drive("s3://photos", "check", endpoint=server.url))
    assert "thaw-sim-secret" not in lines
