# SPDX-License-Identifier: Apache-2.0
"""Vaults of archives that nobody stored."""
import csv
import hashlib
import http.client
import io
import json
import time

import pytest

import sigv4
from conftest import tree_hash

N = 3000


@pytest.fixture
def made(start_sim):
    return start_sim("--generate", f"vault=big,archives={N},seed=7")


def inventory_job(sim, vault="big", **more):
    answer = sim.glacier("POST", f"/vaults/{vault}/jobs",
                         {"Type": "inventory-retrieval", **more})
    assert answer.status == 202, answer.body
    return answer.headers["x-amz-job-id"]


def output(sim, job, span=None):
    headers = {"Range": f"bytes={span}"} if span else {}
    answer = sim.glacier("GET", f"/vaults/big/jobs/{job}/output", headers=headers)
    assert answer.status in (200, 206), answer.body
    return answer.body


def test_a_generated_vault_lists_all_its_archives_at_once(made):
    job = inventory_job(made)
    made.advance("5h")
    document = output(made, job)
    said = made.glacier("GET", f"/vaults/big/jobs/{job}").json
    assert said["InventorySizeInBytes"] == len(document)
    archives = json.loads(document)["ArchiveList"]
    assert len({a["ArchiveId"] for a in archives}) == N
    assert {len(a["ArchiveId"]) for a in archives} == {138}
    vault = made.glacier("GET", "/vaults/big").json
    assert vault["NumberOfArchives"] == N
    assert vault["SizeInBytes"] == sum(a["Size"] + 32768 for a in archives)
    # Any range is a part of the whole.
    for first, last in ((0, 9), (50, 1200), (100_000, 200_001),
                        (len(document) - 5, len(document) - 1)):
        assert output(made, job, f"{first}-{last}") == document[first:last + 1]


def test_any_generated_archive_can_be_retrieved_and_is_what_the_list_says(made):
    job = inventory_job(made)
    made.advance("5h")
    archives = json.loads(output(made, job))["ArchiveList"]
    for archive in (archives[0], archives[1234], archives[-1]):
        job = made.glacier("POST", "/vaults/big/jobs", {
            "Type": "archive-retrieval", "ArchiveId": archive["ArchiveId"]}).headers[
                "x-amz-job-id"]
        made.advance("5h")
        data = output(made, job)
        assert len(data) == archive["Size"]
        assert tree_hash(data) == archive["SHA256TreeHash"]
        said = made.glacier("GET", f"/vaults/big/jobs/{job}").json
        assert said["ArchiveSHA256TreeHash"] == archive["SHA256TreeHash"]
    forged = archives[0]["ArchiveId"].replace("gen-0", "gen-f")
    answer = made.glacier("POST", "/vaults/big/jobs", {
        "Type": "archive-retrieval", "ArchiveId": forged})
    assert answer.status == 404


def test_the_same_seed_makes_the_same_archives_and_another_others(start_sim, tmp_path):
    def digest(seed, name):
        sim = start_sim("--generate", f"vault={name},archives=50,seed={seed}")
        job = inventory_job(sim, name)
        sim.advance("5h")
        body = sim.glacier("GET", f"/vaults/{name}/jobs/{job}/output").body
        sim.stop()
        return hashlib.sha256(json.dumps(json.loads(body)["ArchiveList"]).encode()).digest()

    assert digest(1, "a") == digest(1, "b") != digest(2, "c")


def test_a_page_of_it_has_a_limit_a_marker_and_dates(made):
    job = inventory_job(made, InventoryRetrievalParameters={
        "Limit": "100", "StartDate": "2020-01-01T00:10:00Z"})
    made.advance("5h")
    first = json.loads(output(made, job))["ArchiveList"]
    assert len(first) == 100
    assert first[0]["CreationDate"] == "2020-01-01T00:10:00.000Z"
    marker = made.glacier("GET", f"/vaults/big/jobs/{job}").json[
        "InventoryRetrievalParameters"]["Marker"]
    job = inventory_job(made, Format="CSV", InventoryRetrievalParameters={
        "Marker": marker, "EndDate": "2020-01-01T00:12:00Z"})
    made.advance("5h")
    rest = list(csv.DictReader(io.StringIO(output(made, job).decode())))
    assert len(rest) == 20
    assert rest[0]["CreationDate"] == "2020-01-01T00:11:40.000Z"


def test_a_generated_vault_does_not_change_and_survives_a_kill(made):
    made.kill()
    made.start()
    assert made.glacier("GET", "/vaults/big").json["NumberOfArchives"] == N
    data = b"x"
    answer = made.glacier("POST", "/vaults/big/archives", data, {
        "x-amz-sha256-tree-hash": tree_hash(data),
        "x-amz-content-sha256": hashlib.sha256(data).hexdigest()})
    assert (answer.status, answer.json["code"]) == (403, "AccessDeniedException")


@pytest.mark.long
def test_ten_million_archives_are_listed_in_bounded_memory(start_sim):
    sim = start_sim("--generate", "vault=big,archives=10000000,seed=1")
    job = inventory_job(sim)
    sim.advance("5h")
    headers = {"Host": sim.host, "x-amz-glacier-version": "2012-06-01"}
    target = f"/-/vaults/big/jobs/{job}/output"
    connection = http.client.HTTPConnection(sim.host, timeout=900)
    connection.request("GET", target, headers=sigv4.sign("glacier", "GET", target, headers))
    answer = connection.getresponse()
    began, seen, entries = time.monotonic(), 0, 0
    while data := answer.read(1 << 20):
        seen += len(data)
        entries += data.count(b'"ArchiveId"')
    print(f"{entries / (time.monotonic() - began):.0f} entries/s")
    connection.close()
    assert seen == int(answer.headers["Content-Length"])
    assert entries > 9_990_000  # a name may lie across two pieces
    with open(f"/proc/{sim.process.pid}/status") as status:
        rss = [int(line.split()[1]) for line in status if line.startswith("RssAnon")][0]
    assert rss < 1 << 20  # KiB; far below the document's gigabytes, also with ASan
