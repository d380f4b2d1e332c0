# SPDX-License-Identifier: Apache-2.0
"""The reader of a queue against thaw-sim, and against servers that misbehave."""
import hashlib
import json
import os
import subprocess
import time

import pytest
from conftest import BUILD, ENV, reply  # this directory's

TEST_EVENT = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "lab"})


def event(key, name="ObjectRestore:Completed"):
    return json.dumps({"Records": [{"eventName": name, "awsRegion": "us-east-1", "s3": {
        "bucket": {"name": "lab"}, "object": {"key": key, "size": 1}}}]})


def messages(*bodies, md5=None):
    return reply(200, json.dumps({"Messages": [
        {"MessageId": f"m{i}", "ReceiptHandle": f"r{i}", "Body": body,
         "MD5OfBody": md5 or hashlib.md5(body.encode()).hexdigest()}
        for i, body in enumerate(bodies)]}).encode())


def empty(_request):
    time.sleep(0.05)
    return reply(200, b"{}")


def refusal(code, status=400):
    return reply(status, json.dumps({"__type": "com.amazonaws.sqs#" + code,
                                     "message": "no"}).encode())


def operation(request):
    return request.headers["x-amz-target"].removeprefix("AmazonSQS.")


@pytest.fixture
def listen():
    running = []

    def start(*words):
        keep = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        running.append(subprocess.Popen([BUILD / "tests/wire/listen", *words], text=True,
                                        env={**keep, **ENV}, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE))
        return running[-1]

    yield start
    for process in running:
        process.terminate()
        said = process.communicate(timeout=10)[1]
        assert "Sanitizer" not in said and "runtime error" not in said, said


def hear(process, count):
    """So many lines, after those that say it works."""
    lines = []
    while len(lines) < count:
        line = json.loads(process.stdout.readline())
        if line.get("said") != "works":
            lines.append(line)
    return lines


def until(true, seconds=10):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def sqs(sim, name, **members):
    answer = sim.signed("sqs", "POST", "/", json.dumps(members).encode(), {
        "Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS." + name})
    assert answer.status == 200, answer.body
    return answer.json


# S61
def test_messages_are_read_within_a_moment_and_deleted_behind_it(sim, listen):
    sqs(sim, "CreateQueue", QueueName="q")
    url = sim.url + "/111122223333/q"
    process = listen(url, "us-east-1")
    until(lambda: sim.requests("CreateQueue"))
    time.sleep(0.5)  # its long poll is under way
    began = time.monotonic()
    sqs(sim, "SendMessage", QueueUrl=url, MessageBody=event("a+b%21"))
    heard = hear(process, 2)
    assert time.monotonic() - began < 0.5
    assert heard[0] == {"notice": "s3", "container": "lab", "id": "a b!", "token": ""}
    assert heard[1]["said"] == "read"

    def attributes():
        got = sqs(sim, "GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return [int(got["ApproximateNumberOfMessages" + x]) for x in ("", "NotVisible")]
    until(lambda: attributes() == [0, 0])
    for body in (TEST_EVENT, "nonsense", event("k")):
        sqs(sim, "SendMessage", QueueUrl=url, MessageBody=body)
    said = [line for line in hear(process, 4) if "said" in line]
    assert [line["kind"] for line in said] == [1, 3, 0]
    until(lambda: attributes() == [0, 0])


# S61
def test_a_message_is_deleted_only_after_it_was_handed_over(fake, listen):
    server = fake(messages(event("a"), event("b")), reply(200, b'{"Successful":[]}'), empty)
    heard = hear(listen(server.url + "/1/q", "us-east-1"), 4)
    assert [line["id"] for line in heard if "id" in line] == ["a", "b"]
    until(lambda: len(server.requests) >= 3)
    assert [operation(r) for r in server.requests[:3]] == [
        "ReceiveMessage", "DeleteMessageBatch", "ReceiveMessage"]
    asked, gone = (json.loads(r.body) for r in server.requests[:2])
    assert asked == {"QueueUrl": server.url + "/1/q", "MaxNumberOfMessages": 10,
                     "MessageSystemAttributeNames": ["SentTimestamp"],
                     "WaitTimeSeconds": 20, "VisibilityTimeout": 60}
    assert [e["ReceiptHandle"] for e in gone["Entries"]] == ["r0", "r1"]


# S61
def test_a_damaged_message_is_neither_read_nor_deleted(fake, listen):
    server = fake(messages(event("a"), md5="0" * 32), empty)
    (line,) = hear(listen(server.url + "/1/q", "us-east-1"), 1)
    assert (line["said"], line["text"]) == ("damaged", "m0")
    until(lambda: len(server.requests) >= 2)
    assert {operation(r) for r in server.requests} == {"ReceiveMessage"}


@pytest.mark.parametrize("answer", [
    refusal("QueueDoesNotExist"), refusal("OverLimit", 403), reply(200, b"<html>"),
    refusal("InvalidSecurity", 403)])
def test_errors_make_longer_and_longer_pauses(fake, listen, answer):
    server = fake(answer, answer, answer, messages(event("a")), empty)
    lines = hear(listen(server.url + "/1/q", "us-east-1"), 4)
    assert [line.get("said") for line in lines] == ["failed"] * 3 + [None]
    at = [r.at for r in server.requests]
    pauses = [b - a for a, b in zip(at, at[1:4])]
    assert 0.9 < pauses[0] < 1.8 < pauses[1] < 3.6 < pauses[2] < 7


def test_an_empty_answer_that_comes_at_once_is_not_asked_for_in_a_circle(fake, listen):
    server = fake(reply(200, b"{}"))
    listen(server.url + "/1/q", "us-east-1")
    time.sleep(2.5)
    assert len(server.requests) <= 4


@pytest.mark.parametrize("url, word", [
    ("https://sqs.us-east-1.amazonaws.com/1", "ACCOUNT/NAME"),
    ("https://sqs.us-east-1.amazonaws.com//q", "ACCOUNT/NAME"),
    ("nonsense", "ACCOUNT/NAME"),
    ("http://queue.example/1/q", "loopback"),
    ("https://queue.example/1/q", "region"),
])
def test_what_is_no_queue_is_refused_with_words(listen, url, word):
    process = listen(url)
    assert process.wait(10) == 1
    assert word in process.stderr.read()
