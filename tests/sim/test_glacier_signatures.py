# SPDX-License-Identifier: Apache-2.0
"""What the signature check lets in and what it refuses."""
import hashlib
import json

import pytest

import sigv4

VAULTS = "/-/vaults?limit=5"
VERSION = {"x-amz-glacier-version": "2012-06-01"}


def headers_for(sim, method="GET", target=VAULTS, body=b"", more=None, **how):
    headers = {"Host": sim.host, **VERSION, **(more or {})}
    return sigv4.sign("glacier", method, target, headers, body, **how)


def code(answer):
    return answer.status, answer.json["code"]


def test_a_right_signature_is_accepted_whatever_is_signed_with_it(sim):
    assert sim.plain("GET", VAULTS, headers=headers_for(sim)).status == 200
    more = {"x-Amz-Meta-B": "  two   blanks  ", "Range": "bytes=0-9", "x-amz-security-token": "T/+="}
    assert sim.plain("GET", VAULTS, headers=headers_for(sim, more=more)).status == 200
    later = headers_for(sim, more={"x-amz-security-token": "T"}, unsigned={"x-amz-security-token"})
    assert sim.plain("GET", VAULTS, headers=later).status == 200
    marker = "/-/vaults?marker=arn%3Aaws%3Aglacier%3Aus-east-1%3A111122223333%3Avaults%2Fa&limit=1"
    assert sim.plain("GET", marker, headers=headers_for(sim, target=marker)).status == 200


@pytest.mark.parametrize("part", ["method", "path", "query", "header", "signature", "host"])
def test_one_changed_byte_is_refused(sim, part):
    headers = headers_for(sim, more={"x-amz-sns-topic": "arn"})
    method, target = "GET", VAULTS
    if part == "method":
        method = "PUT"
    elif part == "path":
        target = target.replace("/vaults", "/vaultt")
    elif part == "query":
        target = target.replace("5", "6")
    elif part == "header":
        headers["x-amz-sns-topic"] = "arm"
    elif part == "signature":
        last = headers["Authorization"][-1]
        headers["Authorization"] = headers["Authorization"][:-1] + ("0" if last != "0" else "1")
    elif part == "host":
        headers["Host"] = "localhost:" + sim.host.split(":")[1]
    assert code(sim.plain(method, target, headers=headers)) == (403, "InvalidSignatureException")


def test_a_changed_body_is_refused(sim):
    sim.vault()
    body = json.dumps({"Type": "inventory-retrieval"}).encode()
    headers = headers_for(sim, "POST", "/-/vaults/photos/jobs", body)
    changed = sim.plain("POST", "/-/vaults/photos/jobs", body.replace(b"i", b"j", 1), headers)
    assert code(changed) == (403, "InvalidSignatureException")
    assert "The Canonical String for this request should have been" in changed.json["message"]
    assert sim.requests("InitiateJob")[-1]["status"] == 403


@pytest.mark.parametrize("how, status, name", [
    ({"secret": "thaw-sim-secreT"}, 403, "InvalidSignatureException"),
    ({"key": "AKIATHAWSIM000000001"}, 400, "UnrecognizedClientException"),
    ({"region": "us-east-2"}, 403, "InvalidSignatureException"),
    ({"late_s": 310}, 403, "InvalidSignatureException"),
    ({"late_s": -310}, 403, "InvalidSignatureException"),
    ({"payload": "UNSIGNED-PAYLOAD"}, 403, "InvalidSignatureException"),
    ({"unsigned": {"x-amz-glacier-version"}}, 403, "InvalidSignatureException"),
    ({"unsigned": {"host"}}, 403, "InvalidSignatureException"),
])
def test_a_wrong_signer_is_refused(sim, how, status, name):
    if "late_s" in how:
        how = {"date": sigv4.stamp(-how["late_s"])}
    assert code(sim.plain("GET", VAULTS, headers=headers_for(sim, **how))) == (status, name)


def test_the_skew_is_told_with_both_times(sim):
    late = sim.plain("GET", VAULTS, headers=headers_for(sim, date=sigv4.stamp(-400)))
    assert late.json["message"].startswith("Signature expired: 20")
    early = sim.plain("GET", VAULTS, headers=headers_for(sim, date=sigv4.stamp(400)))
    assert early.json["message"].startswith("Signature not yet current: 20")
    near = headers_for(sim, date=sigv4.stamp(-280))
    assert sim.plain("GET", VAULTS, headers=near).status == 200


def test_a_request_without_signature_or_version_is_refused(sim):
    assert code(sim.plain("GET", VAULTS, headers=VERSION)) == (
        400, "MissingAuthenticationTokenException")
    bare = sigv4.sign("glacier", "GET", VAULTS, {"Host": sim.host})
    assert code(sim.plain("GET", VAULTS, headers=bare)) == (
        400, "MissingParameterValueException")
    broken = {**VERSION, "Authorization": "AWS4-HMAC-SHA256 Credential=a/glacier/aws4_request"}
    assert code(sim.plain("GET", VAULTS, headers=broken)) == (400, "IncompleteSignatureException")


def test_another_service_s_scope_is_refused(sim):
    headers = sigv4.sign("s3", "GET", VAULTS, {"Host": sim.host, **VERSION})
    assert code(sim.plain("GET", VAULTS, headers=headers)) == (403, "InvalidSignatureException")


def test_s3_refuses_in_its_own_words(sim):
    def refused(method="GET", target="/bucket/k", **how):
        answer = sim.s3(method, target, **how)
        text = answer.body.decode()
        return answer.status, text[text.index("<Code>") + 6:text.index("</Code>")]

    assert refused(secret="x") == (403, "SignatureDoesNotMatch")
    assert refused(key="AKIANOBODY") == (403, "InvalidAccessKeyId")
    assert refused(date=sigv4.stamp(-1000)) == (403, "RequestTimeTooSkewed")
    assert refused(region="eu-west-1") == (400, "AuthorizationHeaderMalformed")
    assert refused(headers={"x-amz-meta-a": "b"}, unsigned={"x-amz-meta-a"}) == (
        403, "AccessDenied")
    wrong = hashlib.sha256(b"other").hexdigest()
    assert refused("PUT", body=b"this", payload=wrong) == (400, "XAmzContentSHA256Mismatch")
    assert refused(date=sigv4.stamp(-400)) == (404, "NoSuchBucket")  # S3 allows 15 minutes
    assert refused(payload="UNSIGNED-PAYLOAD") == (404, "NoSuchBucket")
    assert refused(target="/bucket/a//b/./../c%20d%2B") == (404, "NoSuchBucket")


def test_presigned_addresses_hold_until_they_expire(sim):
    def ask(target):
        answer = sim.plain("GET", target)
        return answer.status, answer.body.decode()

    good = sigv4.presign("s3", "GET", "/bucket/k", sim.host)
    assert "NoSuchBucket" in ask(good)[1]
    assert "SignatureDoesNotMatch" in ask(good.replace("/k?", "/l?"))[1]
    old = sigv4.presign("s3", "GET", "/bucket/k", sim.host, date=sigv4.stamp(-100), expires=60)
    assert "Request has expired" in ask(old)[1]
    long = sigv4.presign("s3", "GET", "/bucket/k", sim.host, expires=604801)
    assert "AuthorizationQueryParametersError" in ask(long)[1]


def chunked(data, size, date, seed, signing):
    """A body in signed chunks (STREAMING-AWS4-HMAC-SHA256-PAYLOAD)."""
    scope = f"{date[:8]}/us-east-1/s3/aws4_request"
    key = sigv4.signing_key(sigv4.SECRET, date[:8], "us-east-1", "s3")
    out, previous = b"", seed
    for piece in [data[i:i + size] for i in range(0, len(data), size)] + [b""]:
        text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", date, scope, previous,
                          hashlib.sha256(b"").hexdigest(), hashlib.sha256(piece).hexdigest()])
        previous = sigv4.mac(key, text).hex()
        out += f"{len(piece):x};chunk-signature={previous}\r\n".encode() + piece + b"\r\n"
    return out if signing else out.replace(data[:4], b"\0\0\0\0", 1)


@pytest.mark.parametrize("is_good", [True, False])
def test_signed_chunks_are_checked_one_by_one(sim, is_good):
    assert sim.s3("PUT", "/bucket").status == 200
    data, date = bytes(range(256)) * 40, sigv4.stamp()
    payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    headers = sigv4.sign("s3", "PUT", "/bucket/k", {
        "Host": sim.host, "x-amz-content-sha256": payload,
        "x-amz-decoded-content-length": str(len(data))}, date=date, payload=payload)
    body = chunked(data, 4096, date, headers["Authorization"][-64:], is_good)
    put = sim.plain("PUT", "/bucket/k", body, headers)
    if is_good:
        assert put.status == 200, put.body
        assert sim.s3("GET", "/bucket/k").body == data
    else:
        assert put.status == 403 and b"SignatureDoesNotMatch" in put.body


def test_a_second_key_and_region_can_be_given(start_sim):
    sim = start_sim("--key", "AKIAOTHER:s/e+c=ret", "--region", "eu-north-1")
    own = headers_for(sim, key="AKIAOTHER", secret="s/e+c=ret", region="eu-north-1")
    assert sim.plain("GET", VAULTS, headers=own).status == 200
    first = headers_for(sim, region="eu-north-1")
    assert sim.plain("GET", VAULTS, headers=first).status == 200
