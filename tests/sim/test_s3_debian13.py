# SPDX-License-Identifier: Apache-2.0
"""boto3 of Debian 13, from a root of its own, against thaw-sim on loopback: it knows RestoreStatus
in listings and CRC64NVME, which Debian 12's does not."""
import json
import pathlib
import subprocess

import pytest

import sigv4
from s3_client import S3

TESTS = pathlib.Path(__file__).resolve().parent.parent

PROLOGUE = f"""
import boto3, json, sys
from botocore.config import Config
s3 = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1",
                  aws_access_key_id="{sigv4.KEY}", aws_secret_access_key="{sigv4.SECRET}",
                  config=Config(s3={{"addressing_style": "path"}}, retries={{"max_attempts": 0}}))
"""


@pytest.fixture(scope="module")
def debian13():
    made = subprocess.run([TESTS / "debian_root", "debian13", "trixie", "python3-boto3",
                           "python3-awscrt"], capture_output=True, text=True)
    if made.returncode == 77:
        pytest.skip(made.stderr.strip())
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def run(root, sim, script):
    """What the script prints, from JSON; it finds a client `s3`."""
    done = subprocess.run(["chroot", root, "python3", "-", sim.url], input=PROLOGUE + script,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.long
def test_listings_tell_restores_to_the_client_that_asks(debian13, sim):
    b = S3(sim).bucket("archive")
    for key in ("cold", "copy", "running"):
        b.put_cold(key)
    b.restore("copy", 3)
    sim.advance("5h")
    b.restore("running", 1)
    told = run(debian13, sim, """
pages = s3.get_paginator("list_objects_v2").paginate(
    Bucket="archive", OptionalObjectAttributes=["RestoreStatus"], PaginationConfig={"PageSize": 1})
print(json.dumps([boto3.__version__, {e["Key"]: e.get("RestoreStatus")
                  for p in pages for e in p["Contents"]}], default=str))
""")
    assert told[0] >= "1.37"
    assert told[1]["cold"] is None
    assert told[1]["running"] == {"IsRestoreInProgress": True}
    assert told[1]["copy"]["IsRestoreInProgress"] is False
    assert "00:00:00" in told[1]["copy"]["RestoreExpiryDate"]


@pytest.mark.long
def test_crc64nvme_is_what_the_common_runtime_computes(debian13, sim):
    """Debian's runtime names itself 1.0.0.dev0, which boto3 takes for too old to be asked for this
    algorithm: the script asks it."""
    S3(sim).bucket("sums")
    told = run(debian13, sim, """
import base64
from awscrt import checksums
def crc(data):
    return base64.b64encode(checksums.crc64nvme(data).to_bytes(8, "big")).decode()
data = b"x" * (9 << 20)
s3.put_object(Bucket="sums", Key="k", Body=data, ChecksumCRC64NVME=crc(data))
got = s3.get_object(Bucket="sums", Key="k", ChecksumMode="ENABLED")
assert got["Body"].read() == data
assert got["ChecksumCRC64NVME"] == crc(data)
up = s3.create_multipart_upload(Bucket="sums", Key="parts", ChecksumAlgorithm="CRC64NVME")
parts = []
for i, piece in enumerate((data, b"tail"), 1):
    done = s3.upload_part(Bucket="sums", Key="parts", UploadId=up["UploadId"], PartNumber=i,
                          Body=piece, ChecksumCRC64NVME=crc(piece))
    parts.append({"PartNumber": i, "ETag": done["ETag"], "ChecksumCRC64NVME": crc(piece)})
whole = s3.complete_multipart_upload(
    Bucket="sums", Key="parts", UploadId=up["UploadId"], ChecksumType="FULL_OBJECT",
    ChecksumCRC64NVME=crc(data + b"tail"), MultipartUpload={"Parts": parts})
head = s3.head_object(Bucket="sums", Key="parts", ChecksumMode="ENABLED")
assert head["ChecksumCRC64NVME"] == crc(data + b"tail")
try:
    s3.put_object(Bucket="sums", Key="bad", Body=b"1", ChecksumCRC64NVME=crc(b"2"))
    bad = None
except s3.exceptions.ClientError as e:
    bad = e.response["Error"]["Code"]
print(json.dumps([got["ChecksumType"], whole["ChecksumType"], bad]))
""")
    assert told == ["FULL_OBJECT", "FULL_OBJECT", "BadDigest"]


@pytest.mark.long
def test_the_client_s_own_checks_are_satisfied(debian13, sim):
    """By default it sends CRC32 with every upload, and checks what it reads."""
    S3(sim).bucket("sums")
    told = run(debian13, sim, """
s3.put_object(Bucket="sums", Key="default", Body=b"123456789")
got = s3.get_object(Bucket="sums", Key="default")
assert got["Body"].read() == b"123456789"
print(json.dumps([got["ChecksumCRC32"], got["ChecksumType"]]))
""")
    assert told == ["y/Q5Jg==", "FULL_OBJECT"]
