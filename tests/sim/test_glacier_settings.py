# SPDX-License-Identifier: Apache-2.0
"""Notices, policies, capacity, jobs that end badly, and what the documents leave open."""
import json

import boto3
import pytest

import sigv4
from conftest import MIB
from test_queues import ask, bodies

QUEUE = "arn:aws:sqs:us-east-1:111122223333:q"
TOPIC = "arn:aws:sns:us-east-1:111122223333:t"


def job(sim, archive, **more):
    return sim.job(Type="archive-retrieval", ArchiveId=archive, **more)


def try_job(sim, archive, **more):
    return sim.glacier("POST", "/vaults/photos/jobs",
                       {"Type": "archive-retrieval", "ArchiveId": archive, **more})


def describe(sim, job_id):
    return sim.glacier("GET", f"/vaults/photos/jobs/{job_id}").json


@pytest.fixture
def archive(sim):
    sim.vault()
    return sim.upload(b"x" * MIB)


@pytest.fixture
def queue(sim):
    """A queue that hears of what TOPIC is told, raw."""
    url = ask(sim, "CreateQueue", QueueName="q").json["QueueUrl"]
    sim.admin("POST", "topics", {"arn": TOPIC, "queue": QUEUE, "raw": True})
    return url


def test_the_topic_of_a_job_is_told_of_its_end_once(sim, archive, queue):
    job_id = job(sim, archive, SNSTopic=TOPIC, Description="tag")
    assert bodies(sim, queue) == []
    sim.advance("5h")
    (notice,) = map(json.loads, bodies(sim, queue, VisibilityTimeout=0))
    assert notice == describe(sim, job_id)
    assert (notice["StatusCode"], notice["JobDescription"]) == ("Succeeded", "tag")
    sim.kill()
    sim.start()
    url = queue.replace(queue.split("/")[2], sim.host)
    sim.advance("1h")
    assert len(bodies(sim, url)) == 1


def test_a_vault_tells_of_the_kinds_of_jobs_it_is_configured_for(sim, archive, queue):
    path = "/vaults/photos/notification-configuration"
    assert sim.glacier("GET", path).status == 404
    config = {"SNSTopic": TOPIC, "Events": ["InventoryRetrievalCompleted"]}
    assert sim.glacier("PUT", path, {**config, "Events": ["Bogus"]}).status == 400
    assert sim.glacier("PUT", path, config).status == 204
    assert sim.glacier("GET", path).json == config
    sim.inventory("photos")
    job(sim, archive)
    sim.job(Type="inventory-retrieval")
    sim.advance("6h")
    assert [json.loads(b)["Action"] for b in bodies(sim, queue)] == ["InventoryRetrieval"]
    assert sim.glacier("DELETE", path).status == 204
    assert sim.glacier("GET", path).status == 404


def test_a_job_fails_when_its_archive_goes_meanwhile_and_says_so(sim, archive, queue):
    job_id = job(sim, archive, SNSTopic=TOPIC)
    assert sim.glacier("DELETE", f"/vaults/photos/archives/{archive}").status == 204
    assert describe(sim, job_id)["StatusCode"] == "InProgress"
    sim.advance("5h")
    said = describe(sim, job_id)
    assert (said["Completed"], said["StatusCode"]) == (True, "Failed")
    assert said["SHA256TreeHash"] is None
    assert sim.glacier("GET", f"/vaults/photos/jobs/{job_id}/output").status == 400
    assert json.loads(bodies(sim, queue)[0])["StatusCode"] == "Failed"
    assert len(sim.glacier("GET", "/vaults/photos/jobs?statuscode=Failed").json["JobList"]) == 1
    assert sim.glacier("GET",
                       "/vaults/photos/jobs?statuscode=Succeeded").json["JobList"] == []


def test_a_fault_rule_lets_an_accepted_job_end_badly(sim, archive):
    sim.fault({"operation": "InitiateJob"}, {"job_failure": "Retrieval failed internally"})
    job_id = job(sim, archive)
    sim.advance("5h")
    said = describe(sim, job_id)
    assert (said["StatusCode"], said["StatusMessage"]) == ("Failed",
                                                           "Retrieval failed internally")


def test_the_data_retrieval_policy_refuses_standard_jobs_only(sim, archive):
    path = "/policies/data-retrieval"
    rate = {"Policy": {"Rules": [{"Strategy": "BytesPerHour", "BytesPerHour": 3 * MIB // 2}]}}
    assert sim.glacier("GET", path).json["Policy"]["Rules"][0]["Strategy"] == "FreeTier"
    assert sim.glacier("PUT", path, {"Policy": {"Rules": [{"Strategy": "No"}]}}).status == 400
    assert sim.glacier("PUT", path, rate).status == 204
    assert sim.glacier("GET", path).json == rate
    assert try_job(sim, archive).status == 202
    refused = try_job(sim, archive)
    assert (refused.status, refused.json["code"]) == (400, "PolicyEnforcedException")
    assert try_job(sim, archive, Tier="Bulk").status == 202
    sim.advance("61m")
    assert try_job(sim, archive).status == 202
    retrieved = [line for line in sim.bill()["lines"] if line["component"] == "retrieval"]
    assert len(retrieved) == 3


@pytest.mark.parametrize("status", [400, 503])
def test_expedited_needs_capacity_which_can_be_bought(sim, archive, status):
    sim.admin("POST", "quirks", {"expedited-capacity": "none",
                                 "expedited-capacity-status": status})
    refused = try_job(sim, archive, Tier="Expedited")
    assert (refused.status, refused.json["code"]) == (status, "InsufficientCapacityException")
    bought = sim.glacier("POST", "/provisioned-capacity")
    assert bought.status == 201
    (unit,) = sim.glacier("GET", "/provisioned-capacity").json["ProvisionedCapacityList"]
    assert unit["CapacityId"] == bought.headers["x-amz-capacity-id"]
    assert try_job(sim, archive, Tier="Expedited").status == 202
    assert sim.glacier("POST", "/provisioned-capacity").status == 201
    assert sim.glacier("POST", "/provisioned-capacity").json["code"] == \
        "LimitExceededException"
    sim.advance("31d")
    assert try_job(sim, archive, Tier="Expedited").status == status


def test_job_lists_may_be_shuffled_in_tiny_pages_and_lose_nothing(sim, archive):
    made = [job(sim, archive) for _ in range(9)]
    sim.admin("POST", "quirks", {"job-order": "shuffled", "page-size": 2})
    seen, marker = [], None
    while True:
        page = sim.glacier("GET", "/vaults/photos/jobs" +
                           (f"?marker={marker}" if marker else "")).json
        assert len(page["JobList"]) <= 2
        seen += [j["JobId"] for j in page["JobList"]]
        marker = page["Marker"]
        if not marker:
            break
    assert sorted(seen) == sorted(made)
    assert seen != made


def test_documents_may_leave_nulls_out_have_seconds_and_unknown_members(sim, archive):
    job_id = job(sim, archive)
    usual = describe(sim, job_id)
    assert usual["SNSTopic"] is None and len(usual["CreationDate"]) == 24
    sim.admin("POST", "quirks", {"null-members": "absent", "timestamps": "s",
                                 "extra-members": "yes"})
    said = describe(sim, job_id)
    assert "SNSTopic" not in said and "CompletionDate" not in said
    assert said["CreationDate"] == usual["CreationDate"][:19] + "Z"
    assert set(said) - set(usual) == {"SinceYesterday"}
    sim.restart()
    assert "SNSTopic" not in describe(sim, job_id)


def test_the_marker_of_vaults_may_name_the_next_one(sim):
    for name in "abc":
        sim.vault(name)
    sim.admin("POST", "quirks", {"vaults-marker": "next"})
    page = sim.glacier("GET", "/vaults?limit=2").json
    assert page["Marker"].endswith("/c")
    rest = sim.glacier("GET", "/vaults?marker=" + page["Marker"].replace(":", "%3A").replace(
        "/", "%2F")).json
    assert [v["VaultName"] for v in rest["VaultList"]] == ["c"]


def test_a_first_inventory_that_is_not_there_may_fail_later_instead(sim, archive):
    answer = sim.glacier("POST", "/vaults/photos/jobs", {"Type": "inventory-retrieval"})
    assert answer.status == 404
    sim.admin("POST", "quirks", {"first-inventory": "failed"})
    job_id = sim.job(Type="inventory-retrieval")
    sim.advance("5h")
    assert describe(sim, job_id)["StatusCode"] == "Failed"


def test_an_account_without_the_service_is_told_so_by_every_operation(sim, archive):
    sim.admin("POST", "quirks", {"no-longer-supported": "yes"})
    for method, path in (("GET", "/vaults"), ("GET", "/vaults/photos/jobs"),
                         ("GET", "/policies/data-retrieval")):
        answer = sim.glacier(method, path)
        assert (answer.status, answer.json["code"]) == (400, "NoLongerSupportedException")


def test_an_unknown_quirk_or_value_changes_nothing(sim):
    before = sim.admin("GET", "quirks")
    for doc in ({"bogus": 1}, {"timestamps": "h"}, {"page-size": 1, "job-order": "x"}):
        assert sim.plain("POST", "/_sim/quirks", json.dumps(doc).encode()).status == 400
    assert sim.admin("GET", "quirks") == before


def test_tags_and_access_policies_are_kept(sim):
    sim.vault()
    assert sim.glacier("POST", "/vaults/photos/tags?operation=add",
                       {"Tags": {"a": "1", "b": "2"}}).status == 204
    assert sim.glacier("POST", "/vaults/photos/tags?operation=remove",
                       {"TagKeys": ["a"]}).status == 204
    assert sim.glacier("GET", "/vaults/photos/tags").json == {"Tags": {"b": "2"}}
    full = {"Tags": {str(i): "" for i in range(51)}}
    assert sim.glacier("POST", "/vaults/photos/tags?operation=add",
                       full).json["code"] == "LimitExceededException"
    path = "/vaults/photos/access-policy"
    assert sim.glacier("PUT", path, {"Policy": "{}"}).status == 204
    assert sim.glacier("GET", path).json == {"Policy": "{}"}
    assert sim.glacier("DELETE", path).status == 204
    assert sim.glacier("GET", path).status == 404


def test_deletion_before_ninety_days_is_charged_for_the_rest(sim, archive):
    sim.advance("30d")
    sim.glacier("DELETE", f"/vaults/photos/archives/{archive}")
    (line,) = [x for x in sim.bill()["lines"] if x["component"] == "storage"]
    assert (line["operation"], line["quantity"], line["days"]) == ("DeleteArchive", MIB, 60)


def test_boto3_reads_the_settings(sim):
    client = boto3.client("glacier", region_name="us-east-1", endpoint_url=sim.url,
                          aws_access_key_id=sigv4.KEY, aws_secret_access_key=sigv4.SECRET)
    sim.vault()
    client.set_vault_notifications(vaultName="photos", vaultNotificationConfig={
        "SNSTopic": TOPIC, "Events": ["ArchiveRetrievalCompleted"]})
    got = client.get_vault_notifications(vaultName="photos")
    assert got["vaultNotificationConfig"]["SNSTopic"] == TOPIC
    client.set_data_retrieval_policy(Policy={"Rules": [{"Strategy": "None"}]})
    assert client.get_data_retrieval_policy()["Policy"]["Rules"][0]["Strategy"] == "None"
    client.purchase_provisioned_capacity()
    assert len(client.list_provisioned_capacity()["ProvisionedCapacityList"]) == 1
    client.add_tags_to_vault(vaultName="photos", Tags={"a": "1"})
    assert client.list_tags_for_vault(vaultName="photos")["Tags"] == {"a": "1"}


def test_lines_of_a_csv_inventory_may_end_in_either_way(sim, archive):
    def lines():
        job_id = sim.job(Type="inventory-retrieval", Format="CSV")
        sim.advance("5h")
        return sim.glacier("GET", f"/vaults/photos/jobs/{job_id}/output").body

    sim.inventory("photos")
    usual = lines()
    assert usual.count(b"\r\n") == 2
    sim.admin("POST", "quirks", {"csv-lines": "lf"})
    assert lines() == usual.replace(b"\r\n", b"\n")


def test_a_range_past_the_end_is_refused_in_either_way(sim, archive):
    job_id = job(sim, archive)
    sim.advance("5h")
    path, past = f"/vaults/photos/jobs/{job_id}/output", {"Range": f"bytes={MIB}-"}
    assert sim.glacier("GET", path, headers=past).status == 416
    sim.admin("POST", "quirks", {"range-past-end-status": 400})
    assert sim.glacier("GET", path, headers=past).status == 400
