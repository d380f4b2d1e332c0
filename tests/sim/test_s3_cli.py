# SPDX-License-Identifier: Apache-2.0
"""The AWS command line, unchanged, as a client that nobody here wrote."""
import json
import os
import shutil
import subprocess

import pytest

# The distribution's, before whatever else is installed.
AWS = shutil.which("aws", path="/usr/bin") or shutil.which("aws")

pytestmark = pytest.mark.skipif(not AWS, reason="no AWS command line")


@pytest.fixture
def aws(sim, tmp_path):
    env = {**sim.env, "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}

    def run(*args, fails_with=None):
        done = subprocess.run([AWS, "--endpoint-url", sim.url, *args], env=env, timeout=60,
                              capture_output=True, text=True, check=False)
        if fails_with:
            assert done.returncode != 0 and fails_with in done.stderr, done
            return None
        assert done.returncode == 0, done
        return json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout
    return run


@pytest.mark.parametrize("size", [1000, 20 << 20])
def test_a_file_goes_down_the_whole_way_and_comes_back(aws, sim, tmp_path, size):
    data = os.urandom(size)
    (tmp_path / "in").write_bytes(data)
    aws("s3api", "create-bucket", "--bucket", "cli")
    aws("s3", "cp", "--storage-class", "DEEP_ARCHIVE", str(tmp_path / "in"), "s3://cli/d/a b+ü.bin")
    at = ("--bucket", "cli", "--key", "d/a b+ü.bin")
    head = aws("s3api", "head-object", *at)
    assert head["ContentLength"] == size and head["StorageClass"] == "DEEP_ARCHIVE"
    listed = aws("s3api", "list-objects-v2", "--bucket", "cli")["Contents"]
    assert [(o["Key"], o["Size"], o["StorageClass"]) for o in listed] == [
        ("d/a b+ü.bin", size, "DEEP_ARCHIVE")]
    out = str(tmp_path / "out")
    aws("s3api", "get-object", *at, out, fails_with="InvalidObjectState")
    request = ("--restore-request", "Days=1,GlacierJobParameters={Tier=Standard}")
    aws("s3api", "restore-object", *at, *request)
    aws("s3api", "restore-object", *at, *request, fails_with="RestoreAlreadyInProgress")
    sim.advance("12h")
    assert 'ongoing-request="false"' in aws("s3api", "head-object", *at)["Restore"]
    aws("s3api", "get-object", *at, out)
    assert (tmp_path / "out").read_bytes() == data
    lines = sim.bill()["lines"]
    assert sum(1 for line in lines
               if line["operation"] == "RestoreObject" and line["component"] == "request") == 1
    assert sum(line["quantity"] for line in lines if line["component"] == "transfer") == size
    assert sum(line["quantity"] for line in lines if line["component"] == "retrieval") == size


def test_directories_and_pages(aws, tmp_path):
    for name in ("a", "b c", "d/e", "d/f%"):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    aws("s3", "mb", "s3://tree")
    aws("s3", "cp", "--recursive", str(tmp_path / "tree"), "s3://tree/")
    names = [line[31:] for line in aws("s3", "ls", "s3://tree/").splitlines()]
    assert names == ["d/", "a", "b c"]
    listed = aws("s3api", "list-objects-v2", "--bucket", "tree", "--page-size", "1")
    assert [o["Key"] for o in listed["Contents"]] == ["a", "b c", "d/e", "d/f%"]
    aws("s3", "rm", "--recursive", "s3://tree/")
    aws("s3", "rb", "s3://tree")
    aws("s3", "ls", "s3://tree/", fails_with="NoSuchBucket")
