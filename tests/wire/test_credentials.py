# SPDX-License-Identifier: Apache-2.0
"""S64: every place credentials come from, against thaw-sim's STS, metadata and portal."""
import datetime
import hashlib
import json
import os
import stat
import subprocess
import sys
import time

import pytest
from conftest import ENV, Fake, drive, drive_words, reply

KEYS = f"aws_access_key_id = {ENV['AWS_ACCESS_KEY_ID']}\n" \
       f"aws_secret_access_key = {ENV['AWS_SECRET_ACCESS_KEY']}\n"
ROLE = "arn:aws:iam::111122223333:role/lab/archive-reader"


@pytest.fixture
def bucket(sim):
    sim.s3("PUT", "/lab")
    sim.s3("PUT", "/lab/a", b"x" * 100, {"x-amz-storage-class": "GLACIER"})
    return sim


def home(tmp_path, config="", credentials="", **more):
    """An environment whose files are these, and which knows nothing else."""
    (tmp_path / ".aws").mkdir(exist_ok=True)
    (tmp_path / ".aws/config").write_text(config)
    (tmp_path / ".aws/credentials").write_text(credentials)
    return {"HOME": str(tmp_path), "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true", **more}


def check(sim, env, **names):
    _, answer = drive("s3://lab", "check", env=env, endpoint=sim.url, **names)
    return answer


def test_a_role_is_assumed_with_the_keys_of_another_profile(bucket, tmp_path):
    env = home(tmp_path, f"[profile lab]\nrole_arn = {ROLE}\nsource_profile = base\n"
               "role_session_name = archive\nduration_seconds = 900\nexternal_id = 1&2 3\n",
               f"[base]\n{KEYS}", AWS_ENDPOINT_URL_STS=bucket.url)
    assert check(bucket, env, profile="lab")["result"] == 0
    [ask] = bucket.requests("AssumeRole")
    assert ask["status"] == 200 and ask["resource"] == ROLE


def test_roles_are_assumed_one_after_the_other(bucket, tmp_path):
    env = home(tmp_path, f"[profile a]\nrole_arn = {ROLE}2\nsource_profile = b\n"
               f"[profile b]\nrole_arn = {ROLE}1\ncredential_source = Environment\n",
               AWS_ENDPOINT_URL_STS=bucket.url, **{k: v for k, v in ENV.items()})
    assert check(bucket, env, profile="a")["result"] == 0
    assert [r["resource"] for r in bucket.requests("AssumeRole")] == [ROLE + "1", ROLE + "2"]


def test_a_role_that_may_not_be_assumed_says_so(bucket, tmp_path):
    env = home(tmp_path, "[default]\nrole_arn = arn:aws:iam::999999999999:role/x\n"
               "source_profile = base\n", f"[base]\n{KEYS}", AWS_ENDPOINT_URL_STS=bucket.url)
    answer = check(bucket, env)
    assert answer["result"] < 0 and "AccessDenied" in json.dumps(answer)
    assert "role arn:aws:iam::999999999999:role/x" in json.dumps(answer)
    assert ENV["AWS_SECRET_ACCESS_KEY"] not in json.dumps(answer)


@pytest.mark.parametrize("token,works", [("a-token\n", True), ("expired\n", False)])
def test_a_web_identity_is_exchanged_unsigned(bucket, tmp_path, token, works):
    (tmp_path / "token").write_text(token)
    env = home(tmp_path, AWS_ENDPOINT_URL_STS=bucket.url, AWS_ROLE_ARN=ROLE,
               AWS_WEB_IDENTITY_TOKEN_FILE=str(tmp_path / "token"))
    answer = check(bucket, env)
    assert (answer["result"] == 0) == works
    if not works:
        assert "ExpiredTokenException" in json.dumps(answer)


def sso(tmp_path, sim, token, hours):
    cache = tmp_path / ".aws/sso/cache"
    cache.mkdir(parents=True, exist_ok=True)
    ends = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)
    (cache / (hashlib.sha1(b"corp").hexdigest() + ".json")).write_text(json.dumps(
        {"accessToken": token, "expiresAt": ends.strftime("%Y-%m-%dT%H:%M:%SZ")}))
    return home(tmp_path, "[default]\nsso_session = corp\nsso_account_id = 111122223333\n"
                "sso_role_name = Reader\n[sso-session corp]\nsso_region = us-east-1\n"
                "sso_start_url = https://corp.awsapps.com/start\n",
                AWS_ENDPOINT_URL_SSO=sim.url)


def test_a_sign_in_that_is_there_is_used(bucket, tmp_path):
    assert check(bucket, sso(tmp_path, bucket, "token", 1))["result"] == 0
    assert bucket.requests("GetRoleCredentials")


@pytest.mark.parametrize("token,hours", [("token", -1), ("expired", 1)])
def test_a_sign_in_that_has_ended_says_what_to_do(bucket, tmp_path, token, hours):
    answer = check(bucket, sso(tmp_path, bucket, token, hours))
    assert answer["result"] < 0
    assert "aws sso login" in json.dumps(answer)


def process(tmp_path, body, **more):
    script = tmp_path / "keys here"
    script.write_text(f"#!{sys.executable}\n{body}\n")
    script.chmod(0o700)
    return home(tmp_path, f"[default]\ncredential_process = '{script}' \"a b\"\n", **more)


def test_a_process_is_run_without_a_shell(bucket, tmp_path):
    env = process(tmp_path, "import json, sys\nassert sys.argv[1:] == ['a b']\n"
                  "print(json.dumps({'Version': 1, 'AccessKeyId': "
                  f"{ENV['AWS_ACCESS_KEY_ID']!r}, 'SecretAccessKey': "
                  f"{ENV['AWS_SECRET_ACCESS_KEY']!r}}}))")
    assert check(bucket, env)["result"] == 0


@pytest.mark.parametrize("body", ["import sys; sys.exit(3)", "print('no')", "print('x' * 100000)",
                                  "print('{\"Version\": 2}')"])
def test_a_process_that_fails_is_an_error_with_its_place(bucket, tmp_path, body):
    answer = check(bucket, process(tmp_path, body))
    assert answer["result"] < 0
    assert "credential_process of" in json.dumps(answer)


def test_a_container_is_asked_with_its_token(bucket, tmp_path):
    (tmp_path / "auth").write_text("Bearer " + "t" * 2000 + "\n")
    env = home(tmp_path, AWS_CONTAINER_CREDENTIALS_FULL_URI=bucket.url +
               "/v2/credentials/thaw-sim-role",
               AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(tmp_path / "auth"))
    assert check(bucket, env)["result"] == 0
    assert bucket.requests("ContainerCredentials")


def test_a_container_elsewhere_is_not_asked_in_the_clear(bucket, tmp_path):
    env = home(tmp_path, AWS_CONTAINER_CREDENTIALS_FULL_URI="http://192.0.2.1/x")
    answer = check(bucket, env)
    assert answer["result"] < 0 and "must be https" in json.dumps(answer)


@pytest.mark.parametrize("kind", ["v1-and-v2", "v2"])
def test_an_instance_gives_its_role(bucket, tmp_path, kind):
    bucket.admin("POST", "quirks", {"metadata": kind})
    env = {**home(tmp_path), "AWS_EC2_METADATA_DISABLED": "false",
           "AWS_EC2_METADATA_SERVICE_ENDPOINT": bucket.url + "/"}
    assert check(bucket, env)["result"] == 0
    assert bucket.requests("MetadataToken")


def test_an_instance_without_version_2_is_asked_by_version_1(bucket, tmp_path):
    keys = {"Code": "Success", "AccessKeyId": ENV["AWS_ACCESS_KEY_ID"],
            "SecretAccessKey": ENV["AWS_SECRET_ACCESS_KEY"]}
    fake = Fake(reply(404), reply(200, b"a-role\n"), reply(200, json.dumps(keys).encode()))
    env = {**home(tmp_path), "AWS_EC2_METADATA_DISABLED": "false",
           "AWS_EC2_METADATA_SERVICE_ENDPOINT": fake.url}
    assert check(bucket, env)["result"] == 0
    assert [r.method for r in fake.requests] == ["PUT", "GET", "GET"]
    assert fake.requests[2].target.endswith("/security-credentials/a-role")


def test_where_nothing_is_the_start_says_so_at_once(tmp_path):
    env = {**home(tmp_path), "AWS_EC2_METADATA_DISABLED": "false",
           "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9"}
    at = time.monotonic()
    done = subprocess.run(drive_words("s3://lab", "check", endpoint="http://127.0.0.1:9"),
                          env={**env, "PATH": os.environ["PATH"]}, capture_output=True,
                          timeout=30)
    assert time.monotonic() - at < 10
    assert b"no AWS credentials" in done.stderr + done.stdout
    assert b"aws configure" in done.stderr + done.stdout


def test_credentials_that_run_out_are_renewed_while_calls_go_on(bucket, tmp_path):
    bucket.admin("POST", "quirks", {"credentials-lifetime-s": 4})
    env = {**home(tmp_path), "AWS_EC2_METADATA_DISABLED": "false",
           "AWS_EC2_METADATA_SERVICE_ENDPOINT": bucket.url}
    bucket.fault({"operation": "ListObjectsV2"}, {"delay_ms": 150})
    _, answer = drive("s3://lab", "check", env=env, endpoint=bucket.url, repeat=90)
    assert answer["result"] == 0
    assert len(bucket.requests("MetadataToken")) >= 3
    assert not [r for r in bucket.requests()
                if r["operation"] == "ListObjectsV2" and r["status"] != 200]


RELAY = """import json, urllib.request
got = json.load(urllib.request.urlopen("%s/v2/credentials/thaw-sim-role"))
print(json.dumps({"Version": 1, "AccessKeyId": got["AccessKeyId"],
                  "SecretAccessKey": got["SecretAccessKey"], "SessionToken": got["Token"],
                  "Expiration": got["Expiration"]}))"""

# What renews them, seen from the service, and the environment they are found in.
SOURCES = {
    "role": ("AssumeRole", lambda tmp, sim: home(
        tmp, f"[default]\nrole_arn = {ROLE}\nsource_profile = base\n", f"[base]\n{KEYS}",
        AWS_ENDPOINT_URL_STS=sim.url)),
    "web identity": ("AssumeRoleWithWebIdentity", lambda tmp, sim: home(
        tmp, AWS_ENDPOINT_URL_STS=sim.url, AWS_ROLE_ARN=ROLE,
        AWS_WEB_IDENTITY_TOKEN_FILE=str(tmp / "token"))),
    "single sign-on": ("GetRoleCredentials", lambda tmp, sim: sso(tmp, sim, "token", 1)),
    "process": ("ContainerCredentials", lambda tmp, sim: process(tmp, RELAY % sim.url)),
    "container": ("ContainerCredentials", lambda tmp, sim: home(
        tmp, AWS_CONTAINER_CREDENTIALS_FULL_URI=sim.url + "/v2/credentials/thaw-sim-role")),
    "instance": ("MetadataToken", lambda tmp, sim: {
        **home(tmp), "AWS_EC2_METADATA_DISABLED": "false",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": sim.url}),
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_download_outlives_its_credentials(bucket, tmp_path, source):
    """S64: they end while it is under way; it goes on, where it was, with new ones."""
    data = os.urandom(6 << 20)
    bucket.s3("PUT", "/lab/big", data)
    (tmp_path / "token").write_text("a-token\n")
    operation, env = SOURCES[source]
    bucket.admin("POST", "quirks", {"credentials-lifetime-s": 3})
    bucket.fault({"operation": "GetObject", "nth": 1},
                 {"stall_after": 2 << 20, "stall_ms": 4500, "cut_after": 3 << 20})
    out = tmp_path / "out"
    _, answer = drive("s3://lab", "fetch", env=env(tmp_path, bucket), endpoint=bucket.url,
                      id="big", off=0, len=len(data), out=out)
    assert answer["result"] == 0, answer
    assert out.read_bytes() == data
    assert len(bucket.requests("GetObject")) == 2
    assert len(bucket.requests(operation)) >= 2


def test_requests_go_through_the_proxy_but_not_those_for_the_instance(bucket, tmp_path):
    """S64"""
    proxy = Fake(lambda request: reply(502, b"proxied"))
    env = {**home(tmp_path), "AWS_EC2_METADATA_DISABLED": "false",
           "AWS_EC2_METADATA_SERVICE_ENDPOINT": bucket.url, "http_proxy": proxy.url}
    answer = check(bucket, env)
    assert bucket.requests("MetadataToken") and not bucket.requests("ListObjectsV2")
    assert answer["result"] < 0 and "502" in json.dumps(answer)
    assert proxy.requests and all(r.target.startswith(bucket.url) for r in proxy.requests)
    before = len(proxy.requests)
    assert check(bucket, {**env, "no_proxy": "127.0.0.1"})["result"] == 0
    assert len(proxy.requests) == before
    proxy.listener.close()


@pytest.mark.parametrize("names,region", [
    ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-west-2"}, "eu-west-1"),
    ({"AWS_DEFAULT_REGION": "us-west-2"}, "us-west-2"),
    ({}, "ap-south-1")])
def test_the_region_that_is_signed_with_is_that_of_the_environment_then_the_profile(
        tmp_path, names, region):
    """S64"""
    fake = Fake(reply(200, b"<ListBucketResult></ListBucketResult>"))
    env = home(tmp_path, "[default]\nregion = ap-south-1\n", f"[default]\n{KEYS}")
    del env["AWS_REGION"]
    assert check_at(fake, {**env, **names})["result"] == 0
    assert f"/{region}/s3/aws4_request" in fake.requests[0].headers["authorization"]
    fake.listener.close()


def check_at(fake, env, **names):
    return drive("s3://lab", "check", env=env, **names, endpoint=fake.url)[1]


@pytest.mark.parametrize("how", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "profile"])
def test_the_endpoint_is_that_of_the_environment_or_the_profile(bucket, tmp_path, how):
    """S64"""
    env = home(tmp_path, f"[default]\nendpoint_url = {bucket.url}\n" if how == "profile" else "",
               f"[default]\n{KEYS}", **({} if how == "profile" else {how: bucket.url}))
    assert drive("s3://lab", "check", env=env)[1]["result"] == 0
    assert bucket.requests("ListObjectsV2")


def test_the_files_of_credentials_are_only_read(bucket, tmp_path):
    env = home(tmp_path, credentials=f"[default]\n{KEYS}")
    (tmp_path / ".aws/credentials").chmod(stat.S_IRUSR)
    assert check(bucket, env)["result"] == 0
