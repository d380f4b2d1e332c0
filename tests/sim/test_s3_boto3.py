# SPDX-License-Identifier: Apache-2.0
"""boto3 as the distribution has it, unpatched, against thaw-sim: versions, restores, copies,
inventories, uploads in parts. Its own checks are left on."""
import datetime

import pytest

import sigv4

boto3 = pytest.importorskip("boto3")
from botocore.config import Config  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402

MIB = 1 << 20


def client_of(sim, **more):
    config = Config(signature_version="s3v4", s3={"addressing_style": "path"},
                    retries={"max_attempts": 0})
    return boto3.client("s3", **{
        "endpoint_url": sim.url, "region_name": "us-east-1", "config": config,
        "aws_access_key_id": sigv4.KEY, "aws_secret_access_key": sigv4.SECRET, **more})


@pytest.fixture
def s3(sim):
    s3 = client_of(sim)
    s3.create_bucket(Bucket="work")
    return s3


def code_of(call, **parameters):
    with pytest.raises(ClientError) as e:
        call(**parameters)
    return (e.value.response["ResponseMetadata"]["HTTPStatusCode"],
            e.value.response["Error"]["Code"])


def test_versions(s3):
    s3.put_bucket_versioning(Bucket="work", VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket="work")["Status"] == "Enabled"
    ids = [s3.put_object(Bucket="work", Key=f"ü {i % 2}\n", Body=b"%d" % i)["VersionId"]
           for i in range(6)]
    s3.delete_object(Bucket="work", Key="ü 0\n")
    pages = s3.get_paginator("list_object_versions").paginate(
        Bucket="work", PaginationConfig={"PageSize": 2})
    seen = [(e["Key"], e["VersionId"]) for p in pages for e in p.get("Versions", [])]
    assert seen == [(f"ü {i % 2}\n", ids[i]) for i in (4, 2, 0, 5, 3, 1)]
    assert code_of(s3.get_object, Bucket="work", Key="ü 0\n") == (404, "NoSuchKey")
    assert s3.get_object(Bucket="work", Key="ü 0\n", VersionId=ids[2])["Body"].read() == b"2"
    gone = s3.delete_objects(Bucket="work", Delete={"Objects": [
        {"Key": k, "VersionId": v} for k, v in seen]})
    assert len(gone["Deleted"]) == 6 and "Errors" not in gone


def test_the_life_of_a_cold_object(s3, sim):
    s3.put_object(Bucket="work", Key="k", Body=b"data", StorageClass="DEEP_ARCHIVE",
                  ChecksumAlgorithm="SHA256")
    assert code_of(s3.get_object, Bucket="work", Key="k") == (403, "InvalidObjectState")
    assert code_of(s3.copy_object, Bucket="work", Key="x", CopySource={"Bucket": "work", "Key": "k"}) == (
        403, "ObjectNotInActiveTierError")
    request = {"Days": 2, "GlacierJobParameters": {"Tier": "Bulk"}}
    s3.restore_object(Bucket="work", Key="k", RestoreRequest=request)
    assert s3.head_object(Bucket="work", Key="k")["Restore"] == 'ongoing-request="true"'
    assert code_of(s3.restore_object, Bucket="work", Key="k", RestoreRequest=request) == (
        409, "RestoreAlreadyInProgress")
    sim.advance("45h")
    got = s3.get_object(Bucket="work", Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == b"data" and got["ChecksumSHA256"]
    s3.copy_object(Bucket="work", Key="x", CopySource={"Bucket": "work", "Key": "k"})
    assert s3.get_object(Bucket="work", Key="x")["Body"].read() == b"data"


def test_an_upload_in_parts_with_checksums(s3, tmp_path):
    data = bytes(range(256)) * (12 * MIB // 256) + b"tail"
    (tmp_path / "f").write_bytes(data)
    s3.upload_file(str(tmp_path / "f"), "work", "big", ExtraArgs={
        "ChecksumAlgorithm": "SHA256", "StorageClass": "GLACIER_IR"})
    told = s3.get_object_attributes(Bucket="work", Key="big", ObjectAttributes=[
        "ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"])
    assert told["ObjectSize"] == len(data) and told["StorageClass"] == "GLACIER_IR"
    assert told["ObjectParts"]["TotalPartsCount"] == 2
    part = s3.get_object(Bucket="work", Key="big", PartNumber=1, ChecksumMode="ENABLED")
    assert part["PartsCount"] == 2 and part["Body"].read() == data[:8 * MIB]
    s3.download_file("work", "big", str(tmp_path / "g"))
    assert (tmp_path / "g").read_bytes() == data


def test_a_bucket_is_found_in_its_region(sim, s3):
    far = client_of(sim, region_name="eu-west-1")
    s3.create_bucket(Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    far.put_object(Bucket="far", Key="k", Body=b"1")
    assert s3.get_bucket_location(Bucket="far")["LocationConstraint"] == "eu-west-1"
    for how in ("301", "400"):
        sim.admin("POST", "quirks", {"s3-redirect": how})
        fresh = client_of(sim)
        # It signs for the region that the answer names, and asks again.
        assert fresh.get_object(Bucket="far", Key="k")["Body"].read() == b"1"


def test_configurations(s3):
    s3.put_bucket_request_payment(Bucket="work", RequestPaymentConfiguration={"Payer": "Requester"})
    assert s3.get_bucket_request_payment(Bucket="work")["Payer"] == "Requester"
    assert s3.head_object(Bucket="work", Key=s3.put_object(
        Bucket="work", Key="k", RequestPayer="requester") and "k",
        RequestPayer="requester")["RequestCharged"] == "requester"
    inventory = {"Destination": {"S3BucketDestination": {
        "Bucket": "arn:aws:s3:::work", "Format": "CSV", "Prefix": "inv"}}, "IsEnabled": True,
        "Id": "i", "IncludedObjectVersions": "All", "OptionalFields": ["Size", "ETag"],
        "Schedule": {"Frequency": "Daily"}}
    s3.put_bucket_inventory_configuration(Bucket="work", Id="i", InventoryConfiguration=inventory)
    assert s3.get_bucket_inventory_configuration(
        Bucket="work", Id="i")["InventoryConfiguration"] == inventory
    assert len(s3.list_bucket_inventory_configurations(
        Bucket="work")["InventoryConfigurationList"]) == 1
    tiering = {"Id": "t", "Status": "Enabled",
               "Tierings": [{"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}]}
    s3.put_bucket_intelligent_tiering_configuration(
        Bucket="work", Id="t", IntelligentTieringConfiguration=tiering)
    assert s3.get_bucket_intelligent_tiering_configuration(
        Bucket="work", Id="t")["IntelligentTieringConfiguration"] == tiering


def test_intelligent_tiering_tells_its_archive(s3, sim):
    s3.put_object(Bucket="work", Key="k", Body=b"data", StorageClass="INTELLIGENT_TIERING")
    sim.admin("POST", "s3/archive-tier", {"bucket": "work", "key": "k",
                                          "tier": "DEEP_ARCHIVE_ACCESS"})
    assert s3.head_object(Bucket="work", Key="k")["ArchiveStatus"] == "DEEP_ARCHIVE_ACCESS"
    with pytest.raises(ClientError) as e:
        s3.get_object(Bucket="work", Key="k")
    assert e.value.response["Error"]["AccessTier"] == "DEEP_ARCHIVE_ACCESS"
    s3.restore_object(Bucket="work", Key="k", RestoreRequest={
        "GlacierJobParameters": {"Tier": "Standard"}})
    sim.advance("12h")
    got = s3.head_object(Bucket="work", Key="k")
    assert "ArchiveStatus" not in got and got["LastModified"] < datetime.datetime.now(
        datetime.timezone.utc)


def test_a_presigned_address_reads(s3, sim):
    s3.put_object(Bucket="work", Key="k k", Body=b"data")
    address = s3.generate_presigned_url("get_object", {"Bucket": "work", "Key": "k k"})
    assert sim.plain("GET", address.removeprefix(sim.url)).body == b"data"
