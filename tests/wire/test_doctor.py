# SPDX-License-Identifier: Apache-2.0
"""S150, S151: `thaw doctor` on a configuration, against thaw-sim: a line a finding, no secret, and
nothing that has a price without --paid."""
import datetime
import email.utils
import json
import os
import subprocess
import time

import pytest
from conftest import BUILD, ENV, Fake, reply
from test_credentials import KEYS, ROLE, home, sso

PATH = {"PATH": os.environ["PATH"]}
QUEUE = "arn:aws:sqs:us-east-1:111122223333:q"
NOTIFY = (f"<NotificationConfiguration><QueueConfiguration><Queue>{QUEUE}</Queue>"
          "<Event>s3:ObjectRestore:*</Event></QueueConfiguration></NotificationConfiguration>")


@pytest.fixture
def world(sim):
    sim.s3("PUT", "/lab")
    sim.s3("PUT", "/lab/a", b"x" * 100, {"x-amz-storage-class": "GLACIER"})
    sim.glacier("PUT", "/vaults/photos")
    return sim


def doctor(tmp_path, config, env, *words, status=None):
    """What it says, by subject and source."""
    path = tmp_path / "thawfs.conf"
    path.write_text(config + f"[state]\ndir = {tmp_path}/state\n[cache]\ndir = {tmp_path}/cache\n"
                    "reserve = 0\n")
    done = subprocess.run([BUILD / "tools/thaw/thaw", "doctor", *words, "--json", path],
                          env={**PATH, **env}, capture_output=True, text=True, timeout=50)
    assert not done.stderr, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == any(r["level"] == "problem" for r in rows), done.stdout
    if status is not None:
        assert done.returncode == status, done.stdout
    for secret in ("thaw-sim-secret", "SECRETTOKEN"):
        assert secret not in done.stdout
    return {(r["subject"], r["source"]): r for r in rows}


def vault(sim, more=""):
    return f"[source arch]\nurl = glacier://us-east-1/photos\nendpoint = {sim.url}\n{more}"


def bucket(sim, more=""):
    return f"[source lab]\nurl = s3://lab\nendpoint = {sim.url}\n{more}"


def test_a_source_that_is_well_is_said_to_be(world, tmp_path):
    said = doctor(tmp_path, vault(world) + bucket(world),
                  {**ENV, "AWS_ENDPOINT_URL_STS": world.url}, status=0)
    assert said["credentials", "arch"]["text"] == "from environment"
    assert said["identity", "arch"]["text"].startswith("arn:aws:iam::111122223333:")
    assert "DescribeVault" in said["service", "arch"]["text"]
    assert "within 30 s" in said["clock", "lab"]["text"]
    assert "s3:RestoreObject" in said["actions", "lab"]["text"]
    assert said["state directory", ""]["level"] != "problem"
    assert said["libfuse", ""]["text"][0] == "3"


def test_nothing_that_has_a_price_is_asked_unless_it_is_wished(world, tmp_path):
    env = {**ENV, "AWS_ENDPOINT_URL_STS": world.url}
    config = vault(world) + bucket(world, f"queue = {world.url}/111122223333/q\n")
    before = world.bill()["total"], len(world.requests("ListObjectsV2"))
    said = doctor(tmp_path, config, env)
    assert (world.bill()["total"], len(world.requests("ListObjectsV2"))) == before
    assert not world.requests("ReceiveMessage")
    for subject in "service", "notifications", "queue":
        assert "--paid" in said[subject, "lab"]["text"]
    world.aws("sqs", "create-queue", "--queue-name", "q")
    world.s3("PUT", "/lab?notification=", NOTIFY.encode())
    said = doctor(tmp_path, config, env, "--paid", status=0)
    assert "ListObjectsV2" in said["service", "lab"]["text"]
    assert "are told of" in said["notifications", "lab"]["text"]
    assert "answers" in said["queue", "lab"]["text"]
    assert len(world.requests("ListObjectsV2")) == before[1] + 1


@pytest.mark.parametrize("what", ["vault", "bucket"])
def test_a_queue_nobody_writes_to_is_a_warning(world, tmp_path, what):
    world.aws("sqs", "create-queue", "--queue-name", "q")
    make = vault if what == "vault" else bucket
    name = "arch" if what == "vault" else "lab"
    said = doctor(tmp_path, make(world, f"queue = {world.url}/111122223333/q\n"), ENV, "--paid")
    assert said["notifications", name]["level"] == "warning"
    assert "nobody is told" in said["notifications", name]["text"]


def test_a_vault_that_tells_is_seen_for_nothing(world, tmp_path):
    world.glacier("PUT", "/vaults/photos/notification-configuration", {
        "SNSTopic": "arn:aws:sns:us-east-1:111122223333:t",
        "Events": ["ArchiveRetrievalCompleted"]})
    said = doctor(tmp_path, vault(world), ENV)
    assert "are told of" in said["notifications", "arch"]["text"]


def test_a_queue_that_is_not_there_is_a_problem(world, tmp_path):
    said = doctor(tmp_path, bucket(world, f"queue = {world.url}/111122223333/none\n"), ENV,
                  "--paid", status=1)
    assert said["queue", "lab"]["level"] == "problem"


def test_a_vault_that_is_not_there_is_a_problem(world, tmp_path):
    said = doctor(tmp_path, vault(world).replace("photos", "nothing"), ENV, status=1)
    assert "ResourceNotFoundException" in said["service", "arch"]["text"]
    assert "region" in said["service", "arch"]["do"]


def test_an_action_that_is_denied_is_named(tmp_path):
    fake = Fake(reply(403, json.dumps({"code": "AccessDeniedException", "message": "not you",
                                       "type": "Client"}).encode(),
                      Content_Type="application/json"))
    said = doctor(tmp_path, vault(fake), ENV, status=1)
    assert said["service", "arch"]["do"] == "Allow the action glacier:DescribeVault."
    fake.listener.close()


@pytest.mark.parametrize("off,level", [(-7200, "problem"), (60, "warning")])
def test_a_clock_that_is_off_is_told(tmp_path, off, level):
    def answer(_):
        date = email.utils.formatdate(time.time() + off, usegmt=True)
        return reply(200, json.dumps({"VaultName": "photos"}).encode(), Date=date)
    fake = Fake(answer)
    said = doctor(tmp_path, vault(fake), ENV)
    assert said["clock", "arch"]["level"] == level
    assert ("ahead of" if off < 0 else "behind") in said["clock", "arch"]["text"]
    fake.listener.close()


def test_where_credentials_come_from_is_said_and_what_is_missing(world, tmp_path):
    sts = {"AWS_ENDPOINT_URL_STS": world.url}
    role = home(tmp_path, f"[profile lab]\nrole_arn = {ROLE}\nsource_profile = base\n",
                f"[base]\n{KEYS}", **sts)
    said = doctor(tmp_path, vault(world, "profile = lab\n"), role, status=0)
    assert "from role arn:aws:iam" in said["credentials", "arch"]["text"]
    assert "credentials [base]" in said["credentials", "arch"]["text"]
    assert "renewed by itself" in said["credentials", "arch"]["text"]
    assert "assumed-role/archive-reader" in said["identity", "arch"]["text"]
    said = doctor(tmp_path, vault(world, "profile = none\n"), role, status=1)
    assert said["credentials", "arch"]["level"] == "problem"
    assert "none" in said["credentials", "arch"]["text"]
    said = doctor(tmp_path, vault(world), sso(tmp_path, world, "SECRETTOKEN", -1), status=1)
    assert "aws sso login" in said["credentials", "arch"]["text"]
    assert ("identity", "arch") not in said


def test_keys_the_service_does_not_know_are_a_problem(world, tmp_path):
    env = {**ENV, "AWS_SECRET_ACCESS_KEY": "wrong", "AWS_ENDPOINT_URL_STS": world.url}
    said = doctor(tmp_path, vault(world), env, status=1)
    assert said["identity", "arch"]["level"] == "problem"
    assert said["service", "arch"]["level"] == "problem"


def test_a_configuration_thawfs_refuses_is_a_problem_in_its_words(tmp_path):
    said = doctor(tmp_path, "[source x]\nurl = glacier://us-east-1/v\ncolour = red\n", ENV,
                  status=1)
    assert 'unknown key "colour"' in said["configuration", ""]["text"]
    assert ("kernel", "") in said


def test_a_region_without_prices_is_a_problem(world, tmp_path):
    said = doctor(tmp_path, vault(world).replace("us-east-1", "mars-north-1"), ENV, status=1)
    assert said["prices", "arch"]["level"] == "problem"
    assert said["prices", "arch"]["do"] == "Run: thaw prices update mars-north-1"


def test_old_prices_are_a_warning(world, tmp_path):
    (tmp_path / "state").mkdir(mode=0o700)
    table = subprocess.run(["sed", "-n", "1p;/us-east-1,glacier/p",
                            BUILD.parent / "packaging/prices/aws.csv"],
                           capture_output=True, text=True, check=True).stdout
    old = (datetime.date.today() - datetime.timedelta(days=800)).isoformat()
    rows = [line.split(",") for line in table.splitlines()]
    assert len(rows) > 3
    (tmp_path / "state/prices.csv").write_text("".join(
        ",".join(r[:7] + ([old] if i else r[7:8]) + r[8:]) + "\n" for i, r in enumerate(rows)))
    said = doctor(tmp_path, vault(world), ENV)
    assert said["prices", "arch"]["level"] == "warning"
    assert "days old" in said["prices", "arch"]["text"]


@pytest.mark.parametrize("spoil,words", [
    (lambda p: p.mkdir() or p.chmod(0o777), "others may write"),
    (lambda p: p.write_text(""), "not a directory"),
    (lambda p: p.symlink_to("/tmp"), "symbolic link")])
def test_a_state_directory_that_will_be_refused_is_a_problem(world, tmp_path, spoil, words):
    spoil(tmp_path / "state")
    said = doctor(tmp_path, vault(world), ENV, status=1)
    assert words in said["state directory", ""]["text"]


def test_people_get_a_line_each_and_a_sum(world, tmp_path):
    path = tmp_path / "t.conf"
    path.write_text(vault(world))
    done = subprocess.run([BUILD / "tools/thaw/thaw", "doctor", path], env={**PATH, **ENV},
                          capture_output=True, text=True, timeout=50)
    lines = done.stdout.splitlines()
    assert all(line.split()[0] in ("ok", "warning", "problem") for line in lines[:-2])
    assert lines[-2] == "" and "problem" in lines[-1]
    assert "credentials of arch: from environment" in done.stdout
