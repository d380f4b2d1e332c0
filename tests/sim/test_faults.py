# SPDX-License-Identifier: Apache-2.0
"""Every kind of fault, seen from outside."""
import http.client
import json
import time

import pytest

import sigv4
from conftest import MIB, tree_hash

HTTP_TROUBLE = (http.client.HTTPException, ConnectionError)


@pytest.fixture
def b(sim):
    """A bucket with a small object."""
    assert sim.s3("PUT", "/bucket").status == 200
    assert sim.s3("PUT", "/bucket/key", b"0123456789").status == 200
    return sim


def get(sim, key="key", **more):
    return sim.s3("GET", f"/bucket/{key}", **more)


def put(sim, key="key"):
    return sim.s3("PUT", f"/bucket/{key}", b"new")


@pytest.mark.parametrize("status, code", [
    (400, "ThrottlingException"), (500, "ServiceUnavailableException"),
    (503, "InsufficientCapacityException"), (400, "InsufficientCapacityException"),
    (400, "PolicyEnforcedException"), (400, "NoLongerSupportedException"),
    (408, "RequestTimeoutException"), (400, "LimitExceededException")])
def test_a_vault_error_can_be_made_up(sim, status, code):
    sim.vault()
    sim.fault({"operation": "InitiateJob"}, {"status": status, "code": code})
    answer = sim.glacier("POST", "/vaults/photos/jobs", {"Type": "inventory-retrieval"})
    assert (answer.status, answer.json["code"]) == (status, code)
    assert set(answer.json) == {"code", "message", "type"}
    assert sim.bill()["lines"] == []


@pytest.mark.parametrize("status, code", [
    (503, "SlowDown"), (500, "InternalError"), (409, "RestoreAlreadyInProgress"),
    (503, "GlacierExpeditedRetrievalNotAvailable"), (404, "NoSuchKey"), (200, "InternalError")])
def test_an_s3_error_can_be_made_up_also_under_a_good_status(b, status, code):
    b.fault({"operation": "GetObject"}, {"status": status, "code": code})
    answer = get(b)
    assert answer.status == status
    assert f"<Error><Code>{code}</Code>".encode() in answer.body


def test_a_load_balancer_s_page_is_html_and_may_be_empty(b):
    b.fault({"operation": "GetObject", "nth": 1}, {"status": 503, "body": "html"})
    b.fault({"operation": "GetObject", "nth": 2}, {"status": 502, "body": "empty"})
    page = get(b)
    assert (page.status, page.headers["Content-Type"]) == (503, "text/html")
    assert page.body.startswith(b"<html>")
    empty = get(b)
    assert (empty.status, empty.body) == (502, b"")


@pytest.mark.parametrize("status, code", [
    (301, "PermanentRedirect"), (307, "TemporaryRedirect"),
    (400, "AuthorizationHeaderMalformed")])
def test_a_bucket_can_be_in_another_region(b, status, code):
    b.fault({"operation": "GetObject"}, {"status": status, "region": "eu-west-1"})
    answer = get(b)
    assert answer.status == status
    assert answer.headers["x-amz-bucket-region"] == "eu-west-1"
    assert f"<Code>{code}</Code>".encode() in answer.body
    where = b"<Region>eu-west-1</Region>" if status == 400 else \
        b"<Endpoint>s3.eu-west-1.amazonaws.com</Endpoint>"
    assert where in answer.body
    assert b.s3("HEAD", "/bucket").status == 200


def test_a_rule_fires_from_the_nth_call_on_and_so_many_times(b):
    b.fault({"operation": "GetObject", "nth": 2, "times": 2}, {"status": 500})
    assert [get(b).status for _ in range(5)] == [200, 500, 500, 200, 200]


def test_a_rule_holds_for_the_keys_its_pattern_names(b):
    put(b, "other")
    b.fault({"operation": "GetObject", "resource": "bucket/o*"}, {"status": 500})
    assert (get(b, "other").status, get(b).status) == (500, 200)


def test_lots_are_the_same_for_the_same_seed(b):
    def drawn(seed):
        b.clear_faults()
        b.fault({"operation": "GetObject", "probability": 0.5, "seed": seed}, {"status": 500})
        return [get(b).status for _ in range(24)]

    first = drawn(7)
    assert 4 < first.count(500) < 20
    assert drawn(7) == first
    assert drawn(8) != first


@pytest.mark.parametrize("how, happened", [
    ({"status": 500}, False), ({"status": 500, "when": "after"}, True),
    ({"drop": "before"}, False), ({"drop": "after"}, True)])
def test_a_fault_fires_before_the_effect_or_after_it(b, how, happened):
    b.fault({"operation": "PutObject"}, how)
    if "drop" in how:
        with pytest.raises(HTTP_TROUBLE):
            put(b)
    else:
        assert put(b).status == 500
    assert (get(b).body == b"new") == happened


def test_a_paid_job_s_answer_can_be_lost(sim):
    sim.vault()
    archive = sim.upload(b"x")
    sim.fault({"operation": "InitiateJob"}, {"drop": "after"})
    with pytest.raises(HTTP_TROUBLE):
        sim.job(Type="archive-retrieval", ArchiveId=archive, Description="tag")
    assert len([x for x in sim.bill()["lines"] if x["component"] == "retrieval"]) == 1
    (job,) = sim.glacier("GET", "/vaults/photos/jobs").json["JobList"]
    assert job["JobDescription"] == "tag"


def test_a_body_can_break_off_or_have_one_bit_wrong(b):
    b.fault({"operation": "GetObject", "nth": 1}, {"cut_after": 4})
    b.fault({"operation": "GetObject", "nth": 2}, {"flip": 3})
    with pytest.raises(http.client.IncompleteRead) as cut:
        get(b)
    assert cut.value.partial == b"0123"
    assert get(b).body == b"0122456789"


def test_a_header_can_be_wrong_or_missing(sim):
    sim.vault()
    data = b"x" * MIB
    job = sim.job(Type="archive-retrieval", ArchiveId=sim.upload(data))
    sim.advance("5h")
    sim.fault({"operation": "GetJobOutput", "nth": 1}, {"tree_hash": "wrong"})
    sim.fault({"operation": "GetJobOutput", "nth": 2}, {"without": "X-Amz-Sha256-Tree-Hash"})
    said = [sim.glacier("GET", f"/vaults/photos/jobs/{job}/output").headers[
        "x-amz-sha256-tree-hash"] for _ in range(3)]
    assert said[0] not in (None, tree_hash(data))
    assert said[1:] == [None, tree_hash(data)]


def test_an_answer_can_be_late_or_stall_in_the_middle(b):
    b.fault({"operation": "GetObject", "nth": 1}, {"delay_ms": 600})
    b.fault({"operation": "GetObject", "nth": 2}, {"stall_ms": 600, "stall_after": 4})
    began = time.monotonic()
    assert get(b).body == b"0123456789"
    assert time.monotonic() - began > 0.6

    headers = {"Host": b.host}
    connection = http.client.HTTPConnection(b.host, timeout=10)
    connection.request("GET", "/bucket/key",
                       headers=sigv4.sign("s3", "GET", "/bucket/key", headers))
    answer = connection.getresponse()
    began = time.monotonic()
    assert answer.read(4) == b"0123"
    assert time.monotonic() - began < 0.5
    assert answer.read() == b"456789"
    assert time.monotonic() - began > 0.4
    connection.close()


def test_throttling_can_say_how_long_to_wait(b):
    b.admin("POST", "quirks", {"retry-after-ms": 1500})
    b.fault({"operation": "GetObject"}, {"status": 503, "code": "SlowDown"})
    assert get(b).headers["x-amz-retry-after"] == "1500"


@pytest.mark.parametrize("act", [{"drop": "x"}, {"body": "x"}, {"when": "x"}, {"deliver": "x"},
                                 {"status": 99}])
def test_a_rule_that_makes_no_sense_is_refused(sim, act):
    rules = json.dumps({"rules": [{"match": {}, "act": act}]}).encode()
    assert sim.plain("POST", "/_sim/faults", rules).status == 400
    assert sim.admin("GET", "faults") == {"rules": []}


def test_what_a_fault_did_is_in_the_log(b):
    b.fault({"operation": "GetObject"}, {"status": 500, "when": "after"})
    get(b)
    assert [r["fault"] for r in b.requests("GetObject")] == ["status after"]
