# SPDX-License-Identifier: Apache-2.0
"""Temporary credentials: where they come from, how they end, and the price list; by boto3 and by
requests of our own."""
import json
import pathlib
import time

import boto3
import botocore.config
import botocore.exceptions
import botocore.session
import botocore.utils
import pytest

import sigv4
from test_queues import find_all, form

ROLE = "arn:aws:iam::111122223333:role/reader"
PRICES = pathlib.Path(__file__).resolve().parents[2] / "tools/sim/prices.d"


@pytest.fixture
def boto(sim):
    """A client of a service, with the simulator's own key unless told otherwise."""
    def client(service, **how):
        how = {"aws_access_key_id": sigv4.KEY, "aws_secret_access_key": sigv4.SECRET, **how}
        return boto3.client(service, region_name="us-east-1", endpoint_url=sim.url,
                            config=botocore.config.Config(retries={"max_attempts": 0}), **how)
    return client


def keys(credentials):
    return {"aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials["SessionToken"]}


def test_an_assumed_role_may_do_everything_until_its_token_is_left_out(sim, boto):
    role = boto("sts").assume_role(RoleArn=ROLE, RoleSessionName="sess", DurationSeconds=900)
    assert role["AssumedRoleUser"]["Arn"] == \
        "arn:aws:sts::111122223333:assumed-role/reader/sess"
    temporary = keys(role["Credentials"])
    who = boto("sts", **temporary).get_caller_identity()
    assert (who["Account"], who["Arn"]) == ("111122223333", role["AssumedRoleUser"]["Arn"])
    url = boto("sqs", **temporary).create_queue(QueueName="q")["QueueUrl"]
    assert url.endswith("/111122223333/q")
    boto("s3", **temporary).create_bucket(Bucket="bucket")
    boto("glacier", **temporary).create_vault(vaultName="photos")
    sim.restart()
    who = boto3.client("sts", region_name="us-east-1", endpoint_url=sim.url,
                       **temporary).get_caller_identity()
    assert who["Account"] == "111122223333"
    del temporary["aws_session_token"]
    with pytest.raises(botocore.exceptions.ClientError) as told:
        boto3.client("sts", region_name="us-east-1", endpoint_url=sim.url,
                     **temporary).get_caller_identity()
    assert told.value.response["Error"]["Code"] == "InvalidClientTokenId"


def test_expired_credentials_are_refused_in_each_service_s_words(sim, boto):
    sim.admin("POST", "quirks", {"credentials-lifetime-s": 1})
    got = sim.plain("GET", "/v2/credentials/thaw-sim-role").json
    old = keys({**got, "SessionToken": got["Token"]})
    time.sleep(1.1)
    seen = {}
    for service, call in (("s3", lambda c: c.list_buckets()),
                          ("glacier", lambda c: c.list_vaults()),
                          ("sqs", lambda c: c.list_queues()),
                          ("sts", lambda c: c.get_caller_identity())):
        with pytest.raises(botocore.exceptions.ClientError) as told:
            call(boto(service, **old))
        error = told.value.response
        seen[service] = (error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"])
    assert seen == {"s3": (400, "ExpiredToken"), "glacier": (403, "ExpiredTokenException"),
                    "sqs": (400, "ExpiredToken"), "sts": (400, "ExpiredToken")}


def test_a_web_identity_is_taken_unsigned(sim):
    def assume(token, role=ROLE):
        return sim.plain("POST", "/", (
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=sess"
            f"&RoleArn={role}&WebIdentityToken={token}").encode(),
            {"Content-Type": "application/x-www-form-urlencoded"})

    answer = assume("a.b.c")
    assert answer.status == 200
    assert b"<AssumeRoleWithWebIdentityResult>" in answer.body
    key, secret, token = (find_all(answer, name)[0] for name in (
        "AccessKeyId", "SecretAccessKey", "SessionToken"))
    assert sim.glacier("GET", "/vaults", headers={"x-amz-security-token": token}, key=key,
                       secret=secret).status == 200
    assert (assume("expired").status, find_all(assume("expired"), "Code")) == \
        (400, ["ExpiredTokenException"])
    other = assume("a", ROLE.replace("1111", "9999"))
    assert (other.status, find_all(other, "Code")) == (403, ["AccessDenied"])


@pytest.mark.parametrize("members, code", [
    ({"RoleArn": "nonsense", "RoleSessionName": "sess"}, "ValidationError"),
    ({"RoleArn": ROLE}, "ValidationError"),
    ({"RoleArn": ROLE, "RoleSessionName": "sess", "DurationSeconds": 899}, "ValidationError"),
])
def test_a_bad_role_is_refused(sim, members, code):
    answer = form(sim, "AssumeRole", "sts", "2011-06-15", **members)
    assert (answer.status, find_all(answer, "Code")) == (400, [code])


def test_the_instance_s_own_client_finds_its_credentials(sim):
    fetcher = botocore.utils.InstanceMetadataFetcher(
        timeout=5, num_attempts=1, base_url=sim.url + "/",
        config={"ec2_metadata_service_endpoint": sim.url + "/",
                "ec2_metadata_service_endpoint_mode": None, "ec2_credential_refresh_window": 1,
                "ec2_metadata_v1_disabled": False})
    got = fetcher.retrieve_iam_role_credentials()
    assert got["role_name"] == "thaw-sim-role"
    sts = boto3.client("sts", region_name="us-east-1", endpoint_url=sim.url,
                       aws_access_key_id=got["access_key"],
                       aws_secret_access_key=got["secret_key"], aws_session_token=got["token"])
    assert sts.get_caller_identity()["Arn"].endswith("assumed-role/thaw-sim-role/i-0")


def test_version_one_of_the_metadata_can_be_switched_off(sim):
    path = "/latest/meta-data/iam/security-credentials/"
    assert sim.plain("GET", path).body == b"thaw-sim-role"
    sim.admin("POST", "quirks", {"metadata": "v2"})
    assert sim.plain("GET", path).status == 401
    assert sim.plain("PUT", "/latest/api/token").status == 400
    ttl = {"X-aws-ec2-metadata-token-ttl-seconds": "1"}
    token = sim.plain("PUT", "/latest/api/token", headers=ttl).body.decode()
    session = {"X-aws-ec2-metadata-token": token}
    assert sim.plain("GET", path, headers=session).body == b"thaw-sim-role"
    assert sim.plain("GET", path + "thaw-sim-role", headers=session).json["Code"] == "Success"
    assert sim.plain("GET", path, headers={"X-aws-ec2-metadata-token": "AQ" + "0" * 48}
                     ).status == 401
    time.sleep(1.1)
    assert sim.plain("GET", path, headers=session).status == 401


def test_the_metadata_can_fail_by_rule_like_everything_else(sim):
    sim.fault({"operation": "ContainerCredentials", "nth": 1}, {"status": 503})
    assert sim.plain("GET", "/v2/credentials/thaw-sim-role").status == 503
    assert sim.plain("GET", "/v2/credentials/thaw-sim-role").status == 200


@pytest.fixture
def priced(start_sim):
    return start_sim("--prices", PRICES)


def usd(terms):
    (term,) = terms.values()
    return [d["pricePerUnit"]["USD"] for d in term["priceDimensions"].values()]


def test_the_bulk_offers_lead_from_the_index_to_a_price(priced):
    offers = priced.plain("GET", "/offers/v1.0/aws/index.json").json["offers"]
    assert set(offers) == {"AmazonS3", "AmazonGlacier", "AmazonS3GlacierDeepArchive",
                           "AWSDataTransfer"}
    regions = priced.plain("GET", offers["AmazonS3"]["currentRegionIndexUrl"]).json["regions"]
    offer = priced.plain("GET", regions["us-east-1"]["currentVersionUrl"]).json
    (sku,) = [sku for sku, p in offer["products"].items()
              if p["attributes"]["usagetype"] == "Standard-Retrieval-Bytes"
              and p["attributes"]["operation"] == "DeepArchiveRestoreObject"]
    assert usd(offer["terms"]["OnDemand"][sku]) == ["0.0200000000"]
    assert priced.plain("GET", "/offers/v1.0/aws/No/current/us-east-1/index.json").status == 404
    assert priced.plain("GET", "/offers/v1.0/aws/../current/x/index.json").status == 404


def test_get_products_filters_and_pages(priced):
    client = boto3.client("pricing", region_name="us-east-1", endpoint_url=priced.url,
                          aws_access_key_id=sigv4.KEY, aws_secret_access_key=sigv4.SECRET)
    region = {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "us-east-1"}
    usage = {"Type": "TERM_MATCH", "Field": "usagetype", "Value": "TimedStorage-ByteHrs"}
    (product,) = client.get_products(ServiceCode="AmazonS3", Filters=[region, usage])["PriceList"]
    product = json.loads(product)
    assert product["product"]["attributes"]["regionCode"] == "us-east-1"
    assert usd(product["terms"]["OnDemand"]) == ["0.0230000000", "0.0220000000",
                                                 "0.0210000000"]
    pages = client.get_paginator("get_products").paginate(
        ServiceCode="AmazonS3", Filters=[region], PaginationConfig={"PageSize": 5})
    seen = [json.loads(p)["product"]["sku"] for page in pages for p in page["PriceList"]]
    offer = json.loads((PRICES / "AmazonS3/us-east-1.json").read_text())
    assert seen == list(offer["products"])
    with pytest.raises(botocore.exceptions.ClientError) as told:
        client.get_products(ServiceCode="AmazonNothing")
    assert told.value.response["Error"]["Code"] == "InvalidParameterException"
