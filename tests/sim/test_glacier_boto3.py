# SPDX-License-Identifier: Apache-2.0
"""The vault service, driven by boto3 unpatched: its own hashes are left on."""
import io
import random

import boto3
import botocore.config
import botocore.exceptions
import botocore.utils
import pytest

import sigv4
from conftest import MIB

PART = 8 * MIB


@pytest.fixture
def client(sim):
    return boto3.client("glacier", region_name="us-east-1", endpoint_url=sim.url,
                        aws_access_key_id=sigv4.KEY, aws_secret_access_key=sigv4.SECRET,
                        config=botocore.config.Config(retries={"max_attempts": 0}))


def test_forty_mebibytes_go_up_in_parts_and_come_back_whole(sim, client):
    data = random.Random(5).randbytes(40 * MIB + 12345)
    client.create_vault(vaultName="photos")
    upload = client.initiate_multipart_upload(vaultName="photos", archiveDescription="big",
                                              partSize=str(PART))["uploadId"]
    for first in range(0, len(data), PART):
        part = data[first:first + PART]
        client.upload_multipart_part(vaultName="photos", uploadId=upload, body=part,
                                     range=f"bytes {first}-{first + len(part) - 1}/*")
    whole = botocore.utils.calculate_tree_hash(io.BytesIO(data))
    done = client.complete_multipart_upload(vaultName="photos", uploadId=upload,
                                            archiveSize=str(len(data)), checksum=whole)
    assert done["checksum"] == whole
    job = client.initiate_job(vaultName="photos", jobParameters={
        "Type": "archive-retrieval", "ArchiveId": done["archiveId"], "Tier": "Bulk"})["jobId"]
    sim.advance("12h")
    said = client.describe_job(vaultName="photos", jobId=job)
    assert (said["StatusCode"], said["SHA256TreeHash"]) == ("Succeeded", whole)
    got = b""
    for first in range(0, len(data), 16 * MIB):
        last = min(first + 16 * MIB, len(data)) - 1
        piece = client.get_job_output(vaultName="photos", jobId=job,
                                      range=f"bytes={first}-{last}")
        body = piece["body"].read()
        assert piece["checksum"] == botocore.utils.calculate_tree_hash(io.BytesIO(body))
        got += body
    assert got == data
    client.delete_archive(vaultName="photos", archiveId=done["archiveId"])
    sim.advance("1d")
    client.delete_vault(vaultName="photos")
    assert client.list_vaults()["VaultList"] == []


def jobs(**parameters):
    return lambda c, a: c.initiate_job(vaultName="photos", jobParameters=parameters)


def archive_job(**parameters):
    return lambda c, a: c.initiate_job(vaultName="photos", jobParameters={
        "Type": "archive-retrieval", "ArchiveId": a, **parameters})


BAD, MISSING, NONE = ("InvalidParameterValueException", "MissingParameterValueException",
                      "ResourceNotFoundException")


@pytest.mark.parametrize("call, status, code", [
    (lambda c, a: c.describe_vault(vaultName="nope"), 404, NONE),
    (lambda c, a: c.create_vault(vaultName="a b"), 400, BAD),
    (lambda c, a: c.delete_vault(vaultName="photos"), 400, BAD),
    (lambda c, a: c.list_vaults(limit="0"), 400, BAD),
    (lambda c, a: c.list_vaults(accountId="999999999999"), 403, "AccessDeniedException"),
    (lambda c, a: c.upload_archive(vaultName="nope", body=b"x"), 404, NONE),
    (lambda c, a: c.upload_archive(vaultName="photos", body=b""), 400, BAD),
    (lambda c, a: c.upload_archive(vaultName="photos", body=b"x", checksum="0" * 64), 400, BAD),
    (lambda c, a: c.initiate_multipart_upload(vaultName="photos", partSize="3"), 400, BAD),
    (lambda c, a: c.list_parts(vaultName="photos", uploadId="nope"), 404, NONE),
    (jobs(Type="archive-retrieval"), 400, MISSING),
    (jobs(ArchiveId="x"), 400, MISSING),
    (jobs(Type="bogus"), 400, BAD),
    (jobs(Type="archive-retrieval", ArchiveId="nope"), 404, NONE),
    (archive_job(Tier="Instant"), 400, BAD),
    (archive_job(RetrievalByteRange="1-2"), 400, BAD),
    (archive_job(Description="\t"), 400, BAD),
    (jobs(Type="inventory-retrieval"), 404, NONE),
    (lambda c, a: c.list_jobs(vaultName="photos", statuscode="finished"), 400, BAD),
    (lambda c, a: c.describe_job(vaultName="photos", jobId="nope"), 404, NONE),
    (lambda c, a: c.get_job_output(vaultName="photos", jobId="nope"), 404, NONE),
    (lambda c, a: c.get_vault_access_policy(vaultName="photos"), 404, NONE),
])
def test_a_bad_request_has_the_documented_status_and_code(client, call, status, code):
    client.create_vault(vaultName="photos")
    archive = client.upload_archive(vaultName="photos", body=b"x")["archiveId"]
    with pytest.raises(botocore.exceptions.ClientError) as told:
        call(client, archive)
    answer = told.value.response
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]) == \
        (status, code)
    assert answer["Error"]["Message"]
