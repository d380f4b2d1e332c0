# SPDX-License-Identifier: Apache-2.0
"""Notifications of restores, to queues, topics and as EventBridge has them; S3 Inventory."""
import csv
import gzip
import hashlib
import io
import json
import urllib.parse

import pytest

from s3_client import S3, md5
from test_queues import QUEUE, TOPIC, ask, form

RESTORE = b"<RestoreRequest><Days>1</Days></RestoreRequest>"


def notifications(kind="Queue", arn=QUEUE, event="s3:ObjectRestore:*", inside="", outside=""):
    return (f'<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{outside}'
            f"<{kind}Configuration><Id>cfg</Id><{kind}>{arn}</{kind}><Event>{event}</Event>{inside}"
            f"</{kind}Configuration></NotificationConfiguration>").encode()


@pytest.fixture
def url(sim):
    return ask(sim, "CreateQueue", QueueName="q").json["QueueUrl"]


@pytest.fixture
def b(sim, url):
    return S3(sim).bucket("archive")


def receive(sim, url, count):
    """That many messages, deleted, as documents; and no more."""
    told = []
    while True:
        wait = 5 if len(told) < count else 0
        got = ask(sim, "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10,
                  WaitTimeSeconds=wait).json.get("Messages", [])
        for message in got:
            ask(sim, "DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            told.append(json.loads(message["Body"]))
        if not got:
            assert len(told) == count, told
            return told


def configure(b, sim, url, document=None):
    document = document or notifications()
    assert b.call("PUT", "", "notification", {}, document).status == 200
    (test,) = receive(sim, url, 1)
    assert (test["Service"], test["Event"], test["Bucket"]) == (
        "Amazon S3", "s3:TestEvent", b.name)
    assert "Records" not in test


def test_a_configuration_is_checked_kept_and_announced(b, sim, url):
    assert b"Configuration>" in b.call("GET", "", "notification").body
    configure(b, sim, url)
    assert b.call("GET", "", "notification").body == notifications()
    sim.restart()
    assert b.call("GET", "", "notification").body == notifications()
    nobody = notifications(arn=QUEUE + "-absent")
    assert b.call("PUT", "", "notification", {}, nobody).code == "InvalidArgument"
    assert b.call("PUT", "", "notification", {}, b"<Other/>").code == "MalformedXML"
    assert receive(sim, url, 0) == []


def test_a_restore_is_told_when_asked_for_done_and_expired(b, sim, url):
    configure(b, sim, url)
    b.put_cold("a/x y+1.tar", b"12345", "DEEP_ARCHIVE")
    b.call("POST", "a/x y+1.tar", "restore", {}, RESTORE)
    (post,) = [d["Records"][0] for d in receive(sim, url, 1)]
    assert post["eventName"] == "ObjectRestore:Post" and "glacierEventData" not in post
    assert "AKIATHAWSIM" in post["userIdentity"]["principalId"]
    done = sim.advance("11h")
    (completed,) = [d["Records"][0] for d in receive(sim, url, 1)]
    assert completed["eventName"] == "ObjectRestore:Completed"
    assert completed["eventVersion"].startswith("2.") and completed["eventSource"] == "aws:s3"
    assert completed["s3"]["configurationId"] == "cfg"
    assert completed["s3"]["bucket"]["arn"] == "arn:aws:s3:::archive"
    told = completed["s3"]["object"]
    assert (told["key"], told["size"], told["eTag"]) == ("a/x+y%2B1.tar", 5, md5(b"12345"))
    assert "versionId" not in told and int(told["sequencer"], 16) > int(
        post["s3"]["object"]["sequencer"], 16)
    data = completed["glacierEventData"]["restoreEventData"]
    assert data["lifecycleRestoreStorageClass"] == "DEEP_ARCHIVE"
    assert data["lifecycleRestorationExpiryTime"].endswith("T00:00:00.000Z")
    assert completed["eventTime"] <= done["now"]
    sim.advance("2d")
    (deleted,) = [d["Records"][0] for d in receive(sim, url, 1)]
    assert deleted["eventName"] == "ObjectRestore:Delete"
    assert deleted["eventTime"] == data["lifecycleRestorationExpiryTime"]


def test_each_is_told_once_across_a_restart_and_a_jump(b, sim, url):
    configure(b, sim, url)
    b.put_cold("k")
    b.call("POST", "k", "restore", {}, RESTORE)
    sim.advance("4h")
    assert len(receive(sim, url, 2)) == 2
    sim.restart()
    assert receive(sim, url, 0) == []
    sim.advance("30d")
    assert [d["Records"][0]["eventName"] for d in receive(sim, url, 1)] == ["ObjectRestore:Delete"]
    b.call("POST", "k", "restore", {}, RESTORE)
    sim.advance("30d")  # both in one step
    assert [d["Records"][0]["eventName"] for d in receive(sim, url, 3)] == [
        "ObjectRestore:Post", "ObjectRestore:Completed", "ObjectRestore:Delete"]


def test_what_completed_before_the_configuration_is_no_news(b, sim, url):
    b.put_cold("k")
    b.call("POST", "k", "restore", {}, RESTORE)
    sim.advance("5h")
    configure(b, sim, url)
    sim.kill()
    sim.start()
    sim.advance("1m")
    assert receive(sim, url, 0) == []


def test_filters_choose_events_and_keys(b, sim, url):
    inside = ("<Filter><S3Key><FilterRule><Name>prefix</Name><Value>in/</Value></FilterRule>"
              "<FilterRule><Name>suffix</Name><Value>.tar</Value></FilterRule></S3Key></Filter>")
    configure(b, sim, url, notifications(event="s3:ObjectRestore:Completed", inside=inside))
    for key in ("in/a.tar", "in/b", "out/c.tar"):
        b.put_cold(key)
        b.call("POST", key, "restore", {}, RESTORE)
    sim.advance("5h")
    assert [d["Records"][0]["s3"]["object"]["key"] for d in receive(sim, url, 1)] == ["in/a.tar"]


def test_a_version_is_named(b, sim, url):
    configure(b, sim, url)
    b.call("PUT", "", "versioning", {},
           b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
    version = b.put_cold("k").headers["x-amz-version-id"]
    b.put("k", b"newer")
    b.call("POST", "k", f"restore&versionId={version}", {}, RESTORE)
    (post,) = receive(sim, url, 1)
    assert post["Records"][0]["s3"]["object"]["versionId"] == version


def test_a_topic_passes_it_on(b, sim, url):
    form(sim, "CreateTopic", "sns", "2010-03-31", Name="t")
    form(sim, "Subscribe", "sns", "2010-03-31", TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE)
    r = b.call("PUT", "", "notification", {}, notifications("Topic", TOPIC))
    assert r.status == 200
    (letter,) = receive(sim, url, 1)
    assert letter["Type"] == "Notification"
    assert json.loads(letter["Message"])["Event"] == "s3:TestEvent"


def test_eventbridge_has_its_own_shape(b, sim, url):
    document = b"<NotificationConfiguration><EventBridgeConfiguration/></NotificationConfiguration>"
    assert b.call("PUT", "", "notification", {}, document).status == 200
    sim.admin("POST", "s3/bucket", {"bucket": "archive", "eventbridge": QUEUE})
    b.put_cold("a/x y+1.tar", b"12345", "GLACIER")
    b.call("POST", "a/x y+1.tar", "restore", {}, RESTORE)
    sim.advance("5h")
    sim.advance("3d")
    told = receive(sim, url, 3)
    assert [d["detail-type"] for d in told] == [
        "Object Restore Initiated", "Object Restore Completed", "Object Restore Expired"]
    assert all(d["source"] == "aws.s3" and d["resources"] == ["arn:aws:s3:::archive"]
               for d in told)
    assert told[1]["detail"]["object"] == {
        "key": "a/x y+1.tar", "size": 5, "etag": md5(b"12345")}
    assert told[0]["detail"]["source-ip-address"] == "127.0.0.1"
    assert told[1]["detail"]["restore-expiry-time"].endswith("T00:00:00Z")
    assert told[1]["detail"]["source-storage-class"] == "GLACIER"


def test_what_intelligent_tiering_moved_back_completes_and_never_expires(b, sim, url):
    configure(b, sim, url)
    b.put("k", b"1", x_amz_storage_class="INTELLIGENT_TIERING")
    sim.admin("POST", "s3/archive-tier", {"bucket": "archive", "key": "k",
                                          "tier": "ARCHIVE_ACCESS"})
    b.call("POST", "k", "restore", {}, b"<RestoreRequest/>")
    sim.advance("30d")
    assert [d["Records"][0]["eventName"] for d in receive(sim, url, 2)] == [
        "ObjectRestore:Post", "ObjectRestore:Completed"]


# Inventories

def inventory_document(included="Current", frequency="Daily", prefix="", form="CSV"):
    return (
        f"<InventoryConfiguration><Destination><S3BucketDestination>"
        f"<Bucket>arn:aws:s3:::lists</Bucket><Format>{form}</Format><Prefix>inv</Prefix>"
        f"</S3BucketDestination></Destination><IsEnabled>true</IsEnabled>"
        f"<Filter><Prefix>{prefix}</Prefix></Filter><Id>cfg</Id>"
        f"<IncludedObjectVersions>{included}</IncludedObjectVersions><OptionalFields>"
        f"<Field>Size</Field><Field>ETag</Field><Field>StorageClass</Field>"
        f"<Field>LastModifiedDate</Field><Field>IsMultipartUploaded</Field></OptionalFields>"
        f"<Schedule><Frequency>{frequency}</Frequency></Schedule></InventoryConfiguration>").encode()


def take(b, document):
    assert b.call("PUT", "", "inventory&id=cfg", {}, document).status == 200


def lists(sim):
    """The keys in the destination."""
    return [k.decode() for k in bucket_of(sim, "lists").walk()[0]]


def bucket_of(sim, name):
    from s3_client import Bucket
    return Bucket(S3(sim), name)


def rows(sim, manifest_key):
    """The rows of one inventory as dictionaries; checks every sum on the way."""
    to = bucket_of(sim, "lists")
    text = to.get(manifest_key).body
    checksum = to.get(manifest_key.replace("manifest.json", "manifest.checksum")).body.decode()
    assert checksum == hashlib.md5(text).hexdigest()
    manifest = json.loads(text)
    assert (manifest["sourceBucket"], manifest["destinationBucket"]) == (
        "archive", "arn:aws:s3:::lists")
    assert (manifest["version"], manifest["fileFormat"]) == ("2016-11-30", "CSV")
    (file,) = manifest["files"]
    data = to.get(file["key"]).body
    assert (len(data), md5(data)) == (file["size"], file["MD5checksum"])
    table = gzip.decompress(data).decode()
    assert all(line.startswith('"archive","') and line.endswith('"')
               for line in table.splitlines())
    columns = manifest["fileSchema"].split(", ")
    return [dict(zip(columns, row)) for row in csv.reader(io.StringIO(table))]


def test_an_inventory_comes_every_night(b, sim):
    S3(sim).bucket("lists")
    take(b, inventory_document())
    assert lists(sim) == []
    b.put_cold("a b/ü+,\"x\"\n", b"12345", "DEEP_ARCHIVE")
    now = sim.advance("1d")["now"]
    manifest, = [k for k in lists(sim) if k.endswith("manifest.json")]
    assert manifest == f"inv/archive/cfg/{now[:10]}T00-00Z/manifest.json"
    row, = rows(sim, manifest)
    assert urllib.parse.unquote_plus(row["Key"]) == "a b/ü+,\"x\"\n"
    assert (row["Bucket"], row["Size"], row["StorageClass"], row["ETag"]) == (
        "archive", "5", "DEEP_ARCHIVE", md5(b"12345"))
    assert row["IsMultipartUploaded"] == "false" and row["LastModifiedDate"].endswith("Z")
    assert list(row) == ["Bucket", "Key", "Size", "LastModifiedDate", "ETag", "StorageClass",
                         "IsMultipartUploaded"]
    b.put("later", b"")
    sim.kill()
    sim.start()
    sim.advance("1d")
    manifests = sorted(k for k in lists(sim) if k.endswith("manifest.json"))
    assert len(manifests) == 2 and len(rows(sim, manifests[1])) == 2


def test_an_inventory_of_all_versions_tells_markers(b, sim):
    S3(sim).bucket("lists")
    b.put("k", b"null")
    b.call("PUT", "", "versioning", {},
           b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
    version = b.put("k", b"one").headers["x-amz-version-id"]
    b.call("DELETE", "k")
    b.put("other/k", b"")
    take(b, inventory_document("All", prefix="k"))
    sim.admin("POST", "s3/inventory", {"bucket": "archive", "id": "cfg"})
    manifest, = [k for k in lists(sim) if k.endswith("manifest.json")]
    told = rows(sim, manifest)
    assert [(r["IsLatest"], r["IsDeleteMarker"], r["Size"]) for r in told] == [
        ("true", "true", ""), ("false", "false", "3"), ("false", "false", "4")]
    assert [r["VersionId"] for r in told][1:] == [version, ""]


def test_inventory_configurations_are_kept_listed_and_removed(b, sim):
    S3(sim).bucket("lists")
    assert b.call("GET", "", "inventory&id=cfg").code == "NoSuchConfiguration"
    take(b, inventory_document(frequency="Weekly"))
    sim.restart()
    assert b.call("GET", "", "inventory&id=cfg").body == inventory_document(frequency="Weekly")
    assert b.call("GET", "", "inventory").body.count(b"<InventoryConfiguration>") == 1
    sim.advance("1d")
    sim.advance("6d")
    assert len([k for k in lists(sim) if k.endswith("manifest.json")]) == 1
    assert b.call("DELETE", "", "inventory&id=cfg").status == 204
    assert b.call("DELETE", "", "inventory&id=cfg").code == "NoSuchConfiguration"
    r = b.call("PUT", "", "inventory&id=cfg", {}, inventory_document(form="Parquet"))
    assert r.code == "NotImplemented"
    assert b.call("PUT", "", "inventory&id=x", {}, inventory_document()).code == "InvalidArgument"
