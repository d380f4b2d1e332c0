# SPDX-License-Identifier: Apache-2.0
"""Regions, requester pays, encrypted objects, Intelligent-Tiering's archive tiers."""
import hashlib
import json

import pytest

import sigv4
from s3_client import S3, md5

OTHER = {"key": "AKIAOTHER", "secret": "other-secret"}
CREATE = ("<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint>"
          "</CreateBucketConfiguration>").encode()


# Regions

@pytest.fixture
def elsewhere(sim):
    """A bucket of another region."""
    s3 = S3(sim)
    assert s3.call("PUT", "/far", "", {}, CREATE).status == 200
    assert sim.s3("PUT", "/far/k", b"data", region="eu-west-1").status == 200
    return s3


@pytest.mark.parametrize("how, status, code", [
    ("301", 301, "PermanentRedirect"), ("307", 307, "TemporaryRedirect"),
    ("400", 400, "AuthorizationHeaderMalformed")])
def test_a_call_for_another_region_is_sent_away(elsewhere, sim, how, status, code):
    sim.admin("POST", "s3/bucket", {"bucket": "far", "redirect": how})
    r = elsewhere.call("GET", "/far/k")
    assert (r.status, r.code, r.headers["x-amz-bucket-region"]) == (status, code, "eu-west-1")
    if how == "400":
        assert r.xml().findtext("Region") == "eu-west-1"
    else:
        assert r.xml().findtext("Endpoint") == "far.s3.eu-west-1.amazonaws.com"
    for path in ("/far/k", "/far"):
        r = elsewhere.call("HEAD", path)
        assert (r.status, r.body) == (status, b"")
        assert r.headers["x-amz-bucket-region"] == "eu-west-1"
    assert sim.s3("GET", "/far/k", region="eu-west-1").body == b"data"


def test_everybody_may_ask_where_a_bucket_is(elsewhere, sim):
    assert elsewhere.call("GET", "/far", "location").xml().text == "eu-west-1"
    r = sim.s3("HEAD", "/far", region="eu-west-1")
    assert r.headers["x-amz-bucket-region"] == "eu-west-1"


def test_a_region_that_is_not_the_bucket_s_is_named_in_a_header_too(sim):
    assert sim.s3("PUT", "/here").status == 200
    r = sim.s3("HEAD", "/here/k", region="ap-south-1")
    assert (r.status, r.headers["x-amz-bucket-region"]) == (400, "us-east-1")


def test_a_region_without_buckets_is_none(sim):
    r = sim.s3("GET", "/", region="ap-south-1")
    assert r.status == 400 and b"<Region>us-east-1</Region>" in r.body


def test_only_us_east_1_creates_buckets_elsewhere(elsewhere, sim):
    body = CREATE.replace(b"eu-west-1", b"eu-west-2")
    r = sim.s3("PUT", "/third", body, region="eu-west-1")
    assert r.status == 400 and b"IllegalLocationConstraintException" in r.body


# Requester pays

@pytest.fixture
def paid(start_sim):
    """A bucket of the usual key whose requesters pay."""
    sim = start_sim("--key", f"{OTHER['key']}:{OTHER['secret']}")
    b = S3(sim).bucket("paid")
    b.put_cold("k", b"12345")
    r = b.call("PUT", "", "requestPayment", {}, (
        b"<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>"))
    assert r.status == 200
    sim.admin("POST", "s3/bucket", {"bucket": "paid", "owner": sigv4.KEY})
    return sim


RESTORE = b"<RestoreRequest><Days>1</Days></RestoreRequest>"


@pytest.mark.parametrize("method, target, body", [
    ("GET", "/paid?list-type=2", b""), ("HEAD", "/paid/k", b""), ("GET", "/paid/k", b""),
    ("POST", "/paid/k?restore", RESTORE), ("GET", "/paid?versions", b""),
    ("GET", "/paid/k?attributes", b""), ("HEAD", "/paid", b""), ("PUT", "/paid/n", b"new")])
def test_a_stranger_must_say_that_he_pays(paid, method, target, body):
    attributes = {"x-amz-object-attributes": "ObjectSize"} if "attributes" in target else {}
    r = paid.s3(method, target, body, attributes, **OTHER)
    assert r.status == 403
    if method != "HEAD":
        assert b"<Code>AccessDenied</Code>" in r.body
    r = paid.s3(method, target, body, {"x-amz-request-payer": "requester", **attributes}, **OTHER)
    assert r.headers["x-amz-request-charged"] == "requester"
    assert r.status == (403 if (method, target) == ("GET", "/paid/k") else r.status) < 404


def test_the_owner_pays_without_a_word(paid):
    r = paid.s3("HEAD", "/paid/k")
    assert r.status == 200 and "x-amz-request-charged" not in r.headers


def test_the_bill_goes_to_the_requester(paid):
    before = len(paid.bill()["lines"])
    pays = {"x-amz-request-payer": "requester"}
    assert paid.s3("POST", "/paid/k?restore", RESTORE, pays, **OTHER).status == 202
    paid.s3("HEAD", "/paid/k")
    lines = paid.bill(before)["lines"]
    assert {(e["operation"], e["payer"]) for e in lines} == {
        ("RestoreObject", OTHER["key"]), ("HeadObject", sigv4.KEY)}


def test_a_presigned_request_pays_in_its_query(paid):
    target = sigv4.presign("s3", "HEAD", "/paid/k?x-amz-request-payer=requester", paid.host,
                           **OTHER)
    assert paid.plain("HEAD", target).status == 200
    assert paid.plain("HEAD", sigv4.presign("s3", "HEAD", "/paid/k", paid.host,
                                            **OTHER)).status == 403


# Encryption

def test_the_tag_of_a_kms_object_is_no_md5(sim):
    b = S3(sim).bucket("secret")
    key = "arn:aws:kms:us-east-1:111122223333:key/k"
    r = b.put("k", b"data", x_amz_server_side_encryption="aws:kms",
              x_amz_server_side_encryption_aws_kms_key_id=key)
    tag = r.headers["etag"]
    assert md5(b"data") not in tag and len(tag) == 34
    h = b.head("k", x_amz_checksum_mode="ENABLED").headers
    assert (h["etag"], h["x-amz-server-side-encryption"]) == (tag, "aws:kms")
    assert h["x-amz-server-side-encryption-aws-kms-key-id"] == key
    assert "x-amz-checksum-crc64nvme" in h
    assert b.get("k", If_Match=tag).body == b"data"
    assert b.put("x", b"", x_amz_server_side_encryption="rot13").code == "InvalidArgument"

    upload = b.call("POST", "parts", "uploads",
                    {"x-amz-server-side-encryption": "aws:kms"}).xml().findtext("UploadId")
    part = b.call("PUT", "parts", f"partNumber=1&uploadId={upload}", {}, b"p").headers["etag"]
    b.call("POST", "parts", f"uploadId={upload}", {}, (
        f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part}</ETag></Part>"
        "</CompleteMultipartUpload>").encode())
    tag = b.head("parts").headers["etag"]
    assert tag.endswith('-1"') and md5(hashlib.md5(b"p").digest()) not in tag


# Intelligent-Tiering

@pytest.fixture
def b(sim):
    b = S3(sim).bucket("clever")
    b.put("k", b"data", x_amz_storage_class="INTELLIGENT_TIERING")
    return b


def archive(sim, tier, key="k"):
    sim.admin("POST", "s3/archive-tier", {"bucket": "clever", "key": key, "tier": tier})


NO_DAYS = b"<RestoreRequest/>"


@pytest.mark.parametrize("tier, hours", [("ARCHIVE_ACCESS", 4), ("DEEP_ARCHIVE_ACCESS", 11)])
def test_an_archived_object_is_moved_back_by_a_restore(b, sim, tier, hours):
    assert "x-amz-archive-status" not in b.head("k").headers
    r = b.restore("k", body=NO_DAYS)
    assert (r.status, r.code) == (403, "ObjectAlreadyInActiveTierError")
    archive(sim, tier)
    h = b.head("k").headers
    assert h["x-amz-archive-status"] == tier
    assert h["x-amz-storage-class"] == "INTELLIGENT_TIERING" and "x-amz-restore" not in h
    r = b.get("k")
    assert (r.status, r.code) == (403, "InvalidObjectState")
    assert r.xml().findtext("AccessTier") == tier
    assert tier.encode() not in b.call("GET", "", "list-type=2").body
    r = b.restore("k", 1)
    assert (r.status, r.code) == (400, "InvalidArgument")
    assert b.restore("k", body=NO_DAYS).status == 202
    assert b.restore("k", body=NO_DAYS).code == "RestoreAlreadyInProgress"
    assert b.restore_state("k") == 'ongoing-request="true"'
    assert b.head("k").headers["x-amz-archive-status"] == tier
    sim.kill()
    sim.start()
    sim.advance(f"{hours}h")
    h = b.head("k").headers
    assert "x-amz-archive-status" not in h and "x-amz-restore" not in h
    assert b.get("k").body == b"data"
    sim.advance("30d")
    assert b.get("k").body == b"data"  # no copy that would expire


def test_expedited_is_for_the_archive_tier_only(b, sim):
    expedited = (b"<RestoreRequest><GlacierJobParameters><Tier>Expedited</Tier>"
                 b"</GlacierJobParameters></RestoreRequest>")
    archive(sim, "DEEP_ARCHIVE_ACCESS")
    assert "not supported" in b.restore("k", body=expedited).xml().findtext("Message")
    archive(sim, "ARCHIVE_ACCESS")
    assert b.restore("k", body=expedited).status == 202
    sim.advance("5m")
    assert b.get("k").status == 200
    lines = [e for e in sim.bill()["lines"] if e["operation"] == "RestoreObject"]
    assert [e["tariff"] for e in lines] == ["s3.GLACIER.expedited.request",
                                           "s3.GLACIER.expedited.gib"]


def test_what_nobody_reads_is_archived_with_age(b, sim):
    tiering = (b'<IntelligentTieringConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
               b"<Id>all</Id><Status>Enabled</Status>"
               b"<Tiering><Days>90</Days><AccessTier>ARCHIVE_ACCESS</AccessTier></Tiering>"
               b"<Tiering><Days>180</Days><AccessTier>DEEP_ARCHIVE_ACCESS</AccessTier></Tiering>"
               b"</IntelligentTieringConfiguration>")
    assert b.call("GET", "", "intelligent-tiering&id=all").code == "NoSuchConfiguration"
    assert b.call("PUT", "", "intelligent-tiering&id=all", {}, tiering).status == 200
    assert b.call("GET", "", "intelligent-tiering&id=all").body == tiering
    sim.advance("89d")
    assert b.get("k").status == 200  # from here the days count anew
    sim.advance("89d")
    assert "x-amz-archive-status" not in b.head("k").headers
    sim.advance("2d")
    assert b.head("k").headers["x-amz-archive-status"] == "ARCHIVE_ACCESS"
    sim.advance("90d")
    assert b.head("k").headers["x-amz-archive-status"] == "DEEP_ARCHIVE_ACCESS"
    b.restore("k", body=NO_DAYS)
    sim.advance("12h")
    assert b.get("k").status == 200
    assert b.call("DELETE", "", "intelligent-tiering&id=all").status == 204


# Seeds and the hand of the administrator

def test_a_seed_stands_for_all_of_that(start_sim, tmp_path):
    seed = {"buckets": [
        {"name": "far", "region": "eu-west-1", "redirect": "400", "versioning": "Enabled",
         "objects": [{"key": "k", "size": 1}, {"key": "k", "size": 2}]},
        {"name": "paid", "owner": "AKIASOMEBODY", "requester-pays": True,
         "objects": [{"key": "t", "size": 1, "storage-class": "INTELLIGENT_TIERING",
                      "archive-tier": "ARCHIVE_ACCESS", "sse": "aws:kms"}]}]}
    (tmp_path / "seed.json").write_text(json.dumps(seed))
    sim = start_sim("--seed", tmp_path / "seed.json")
    sim.restart()
    assert sim.s3("GET", "/far?versions", region="eu-west-1").body.count(b"<Version>") == 2
    assert sim.s3("GET", "/far/k").status == 400
    assert sim.s3("HEAD", "/paid/t").status == 403
    h = sim.s3("HEAD", "/paid/t", b"", {"x-amz-request-payer": "requester"}).headers
    assert h["x-amz-archive-status"] == "ARCHIVE_ACCESS"
    assert h["x-amz-server-side-encryption"] == "aws:kms"


def test_a_copy_can_vanish_before_its_time(sim):
    b = S3(sim).bucket("archive")
    b.put_cold("k")
    b.restore("k", 5)
    sim.advance("5h")
    assert b.get("k").status == 200
    sim.admin("POST", "s3/vanish", {"bucket": "archive", "key": "k"})
    assert b.restore_state("k") is None and b.get("k").status == 403
    assert sim.plain("POST", "/_sim/s3/vanish", b'{"bucket":"none","key":"k"}').status == 404
    assert sim.plain("POST", "/_sim/s3/vanish", b"no").status == 400
