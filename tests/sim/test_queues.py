# SPDX-License-Identifier: Apache-2.0
"""Queues and topics, by the JSON and the query protocol and by boto3."""
import contextlib
import http.client
import json
import threading
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree

import boto3
import pytest

import sigv4

QUEUE = "arn:aws:sqs:us-east-1:111122223333:q"
TOPIC = "arn:aws:sns:us-east-1:111122223333:t"
ALL = ["All"]


def ask(sim, operation, **members):
    """The JSON protocol."""
    return sim.signed("sqs", "POST", "/", json.dumps(members).encode(), {
        "Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS." + operation})


def form(sim, operation, service="sqs", version="2012-11-05", target="/", **members):
    """The query protocol."""
    body = urllib.parse.urlencode({"Action": operation, "Version": version, **members}).encode()
    return sim.signed(service, "POST", target, body, {
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})


def find_all(answer, name):
    return [e.text for e in ElementTree.fromstring(answer.body).iter()
            if e.tag.split("}")[-1] == name]


@pytest.fixture
def url(sim):
    made = ask(sim, "CreateQueue", QueueName="q")
    assert made.status == 200, made.body
    return made.json["QueueUrl"]


def send(sim, url, body, **more):
    answer = ask(sim, "SendMessage", QueueUrl=url, MessageBody=body, **more)
    assert answer.status == 200, answer.body
    return answer.json


def receive(sim, url, **more):
    answer = ask(sim, "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10,
                 MessageSystemAttributeNames=ALL, **more)
    assert answer.status == 200, answer.body
    return answer.json.get("Messages", [])


def bodies(sim, url, **more):
    return [m["Body"] for m in receive(sim, url, **more)]


def test_boto3_sends_receives_and_deletes(sim):
    client = boto3.client("sqs", region_name="us-east-1", endpoint_url=sim.url,
                          aws_access_key_id=sigv4.KEY, aws_secret_access_key=sigv4.SECRET)
    url = client.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "7"})["QueueUrl"]
    assert client.get_queue_url(QueueName="q")["QueueUrl"] == url
    assert client.list_queues()["QueueUrls"] == [url]
    client.send_message(QueueUrl=url, MessageBody="a <&> \"b\"")
    (message,) = client.receive_message(QueueUrl=url, AttributeNames=ALL)["Messages"]
    assert message["Body"] == "a <&> \"b\""
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=ALL)["Attributes"]
    assert attributes["VisibilityTimeout"] == "7"
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "1"
    assert attributes["QueueArn"] == QUEUE
    done = client.delete_message_batch(QueueUrl=url, Entries=[
        {"Id": "a", "ReceiptHandle": message["ReceiptHandle"]}])
    assert [e["Id"] for e in done["Successful"]] == ["a"]
    assert "Messages" not in client.receive_message(QueueUrl=url)


def test_the_json_and_the_query_protocol_say_the_same(sim, url):
    sent = send(sim, url, "one")
    got = form(sim, "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10,
               **{"AttributeName.1": "All"})
    assert find_all(got, "MessageId") == [sent["MessageId"]]
    assert find_all(got, "MD5OfBody") == [sent["MD5OfMessageBody"]]
    assert find_all(got, "Name") == ["ApproximateReceiveCount",
                                     "ApproximateFirstReceiveTimestamp", "SentTimestamp"]
    handle = find_all(got, "ReceiptHandle")[0]
    gone = form(sim, "DeleteMessageBatch", QueueUrl=url, **{
        "DeleteMessageBatchRequestEntry.1.Id": "a",
        "DeleteMessageBatchRequestEntry.1.ReceiptHandle": handle,
        "DeleteMessageBatchRequestEntry.2.Id": "b",
        "DeleteMessageBatchRequestEntry.2.ReceiptHandle": "nonsense"})
    assert find_all(gone, "Id") == ["a", "b"]
    assert find_all(gone, "Code") == ["ReceiptHandleIsInvalid"]
    # The queue's path stands for its URL.
    assert find_all(form(sim, "ReceiveMessage", target="/111122223333/q"), "MessageId") == []


def test_a_missing_queue_is_named_differently_in_the_two_protocols(sim):
    url = sim.url + "/111122223333/nope"
    answer = ask(sim, "ReceiveMessage", QueueUrl=url)
    assert answer.status == 400
    assert answer.json["__type"] == "com.amazonaws.sqs#QueueDoesNotExist"
    assert answer.headers["x-amzn-query-error"] == \
        "AWS.SimpleQueueService.NonExistentQueue;Sender"
    answer = form(sim, "ReceiveMessage", QueueUrl=url)
    assert answer.status == 400
    assert find_all(answer, "Code") == ["AWS.SimpleQueueService.NonExistentQueue"]
    assert find_all(answer, "Type") == ["Sender"]


@pytest.mark.parametrize("operation, members, code", [
    ("ReceiveMessage", {"MaxNumberOfMessages": 11}, "InvalidParameterValue"),
    ("ReceiveMessage", {"WaitTimeSeconds": 21}, "InvalidParameterValue"),
    ("SendMessage", {}, "MissingParameter"),
    ("DeleteMessage", {"ReceiptHandle": "AQEBx"}, "ReceiptHandleIsInvalid"),
    ("DeleteMessageBatch", {"Entries": []}, "EmptyBatchRequest"),
    ("DeleteMessageBatch", {"Entries": [{"Id": "a", "ReceiptHandle": "x"}] * 2},
     "BatchEntryIdsNotDistinct"),
    ("SetQueueAttributes", {"Attributes": {"Bogus": "1"}}, "InvalidAttributeName"),
    ("SetQueueAttributes", {"Attributes": {"DelaySeconds": "901"}}, "InvalidAttributeValue"),
    ("Nonsense", {}, "UnknownOperationException"),
])
def test_a_bad_request_is_refused_by_name(sim, url, operation, members, code):
    answer = ask(sim, operation, QueueUrl=url, **members)
    assert (answer.status, answer.json["__type"].split("#")[1]) == (400, code)


def test_a_received_message_is_hidden_and_comes_again(sim, url):
    send(sim, url, "one")
    (first,) = receive(sim, url, VisibilityTimeout=1)
    assert receive(sim, url) == []
    (again,) = receive(sim, url, WaitTimeSeconds=5)
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"
    assert again["ReceiptHandle"] != first["ReceiptHandle"]
    # A handle that is not the latest deletes nothing, and says so to nobody.
    assert ask(sim, "DeleteMessage", QueueUrl=url,
               ReceiptHandle=first["ReceiptHandle"]).status == 200
    assert ask(sim, "ChangeMessageVisibility", QueueUrl=url, VisibilityTimeout=0,
               ReceiptHandle=again["ReceiptHandle"]).status == 200
    assert bodies(sim, url) == ["one"]


def test_a_long_poll_ends_when_a_message_comes(sim, url):
    timer = threading.Timer(1, send, (sim, url, "late"))
    timer.start()
    began = time.monotonic()
    assert bodies(sim, url, WaitTimeSeconds=20) == ["late"]
    assert 0.8 < time.monotonic() - began < 5
    timer.join()
    began = time.monotonic()
    assert bodies(sim, url, WaitTimeSeconds=1) == []
    assert time.monotonic() - began > 0.9


def test_a_stop_does_not_wait_for_long_polls(sim, url):
    def wait():
        with contextlib.suppress(http.client.HTTPException, OSError):
            receive(sim, url, WaitTimeSeconds=20)

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.3)
    began = time.monotonic()
    sim.stop()
    assert time.monotonic() - began < 5
    thread.join()


def test_messages_survive_a_kill(sim, url):
    send(sim, url, "kept")
    send(sim, url, "hidden")
    send(sim, url, "deleted")
    first, second, third = receive(sim, url, VisibilityTimeout=600)
    ask(sim, "DeleteMessage", QueueUrl=url, ReceiptHandle=third["ReceiptHandle"])
    ask(sim, "ChangeMessageVisibility", QueueUrl=url, VisibilityTimeout=0,
        ReceiptHandle=first["ReceiptHandle"])
    sim.kill()
    sim.start()
    (message,) = receive(sim, url)
    assert message["Body"] == "kept"
    assert message["Attributes"]["ApproximateReceiveCount"] == "2"
    assert ask(sim, "DeleteMessage", QueueUrl=url,
               ReceiptHandle=second["ReceiptHandle"]).status == 200


def test_a_message_received_too_often_goes_to_the_dead_letters(sim, url):
    dead = ask(sim, "CreateQueue", QueueName="dead").json["QueueUrl"]
    policy = {"deadLetterTargetArn": QUEUE.replace(":q", ":dead"), "maxReceiveCount": 2}
    ask(sim, "SetQueueAttributes", QueueUrl=url,
        Attributes={"RedrivePolicy": json.dumps(policy)})
    send(sim, url, "bad")
    for _ in range(2):
        assert bodies(sim, url, VisibilityTimeout=0) == ["bad"]
    assert bodies(sim, url, VisibilityTimeout=0) == []
    assert bodies(sim, dead) == ["bad"]


def test_a_purged_queue_is_empty_and_a_deleted_one_gone(sim, url):
    send(sim, url, "one")
    assert ask(sim, "PurgeQueue", QueueUrl=url).status == 200
    assert receive(sim, url) == []
    assert ask(sim, "DeleteQueue", QueueUrl=url).status == 200
    assert ask(sim, "GetQueueUrl", QueueName="q").status == 400


def test_a_topic_wraps_its_messages_unless_delivery_is_raw(sim, url):
    raw = ask(sim, "CreateQueue", QueueName="raw").json["QueueUrl"]
    made = form(sim, "CreateTopic", "sns", "2010-03-31", Name="t")
    assert find_all(made, "TopicArn") == [TOPIC]
    form(sim, "Subscribe", "sns", "2010-03-31", TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE)
    second = find_all(form(sim, "Subscribe", "sns", "2010-03-31", TopicArn=TOPIC,
                           Protocol="sqs", Endpoint=QUEUE[:-1] + "raw"), "SubscriptionArn")[0]
    form(sim, "SetSubscriptionAttributes", "sns", "2010-03-31", SubscriptionArn=second,
         AttributeName="RawMessageDelivery", AttributeValue="true")
    sim.restart()
    sim.admin("POST", "notify", {"to": TOPIC, "body": '{"x":1}'})
    url, raw = (u.replace(u.split("/")[2], sim.host) for u in (url, raw))
    envelope = json.loads(bodies(sim, url)[0])
    assert envelope["Type"] == "Notification"
    assert envelope["TopicArn"] == TOPIC
    assert json.loads(envelope["Message"]) == {"x": 1}
    assert bodies(sim, raw) == ['{"x":1}']


def test_delivery_may_be_lost_doubled_late_or_out_of_order(sim, url):
    def notify(body):
        sim.admin("POST", "notify", {"to": QUEUE, "body": body})

    sim.fault({"operation": "Notify", "nth": 1}, {"deliver": "never"})
    sim.fault({"operation": "Notify", "nth": 2}, {"deliver": "twice"})
    sim.fault({"operation": "Notify", "nth": 4}, {"deliver": "ahead"})
    sim.fault({"operation": "Notify", "nth": 5}, {"delay_ms": 1000})
    for word in ("lost", "doubled", "earlier", "later", "late"):
        notify(word)
    assert bodies(sim, url) == ["later", "doubled", "doubled", "earlier"]
    assert bodies(sim, url, WaitTimeSeconds=5) == ["late"]


def test_a_signature_for_another_service_or_with_an_unknown_key_is_refused(sim, url):
    body = json.dumps({"QueueName": "q"}).encode()
    headers = {"Content-Type": "application/x-amz-json-1.0",
               "X-Amz-Target": "AmazonSQS.GetQueueUrl"}
    assert sim.signed("s3", "POST", "/", body, headers).json["__type"].endswith(
        "#InvalidSignatureException")
    assert sim.signed("sqs", "POST", "/", body, headers, key="AKIAX").json["__type"].endswith(
        "#UnrecognizedClientException")
    answer = form(sim, "ListQueues")
    assert answer.status == 200
    answer = sim.signed("sqs", "POST", "/", b"Action=ListQueues", {
        "Content-Type": "application/x-www-form-urlencoded"}, secret="wrong")
    assert (answer.status, find_all(answer, "Code")) == (403, ["SignatureDoesNotMatch"])
