# SPDX-License-Identifier: Apache-2.0
"""The vault service, driven by the AWS command line and by requests of our own."""
import hashlib
import json
import random

import pytest

from conftest import MIB, tree_hash


def some_bytes(size, seed=1):
    return random.Random(seed).randbytes(size)


def lines(sim, component):
    return [(line["operation"], line["resource"], line["quantity"], line["amount"])
            for line in sim.bill()["lines"] if line["component"] == component]


def job_state(sim, job):
    return sim.glacier("GET", f"/vaults/photos/jobs/{job}").json


def output(sim, job, span=None):
    headers = {"Range": f"bytes={span}"} if span else {}
    return sim.glacier("GET", f"/vaults/photos/jobs/{job}/output", headers=headers)


def archive_job(sim, data=None, **more):
    archive = sim.upload(some_bytes(100) if data is None else data)
    return archive, sim.job(Type="archive-retrieval", ArchiveId=archive, **more)


def test_the_aws_command_line_takes_an_archive_in_and_out_again(sim, tmp_path):
    data = some_bytes(3 * MIB + 77)
    (tmp_path / "in").write_bytes(data)
    vault = ["--account-id", "-", "--vault-name", "photos"]

    sim.aws("glacier", "create-vault", *vault)
    up = sim.aws("glacier", "upload-archive", *vault, "--body", tmp_path / "in",
                 "--archive-description", "holiday, \"2012\"")
    assert up["checksum"] == tree_hash(data)
    assert len(up["archiveId"]) == 138
    job = sim.aws("glacier", "initiate-job", *vault, "--job-parameters", json.dumps(
        {"Type": "archive-retrieval", "ArchiveId": up["archiveId"], "Tier": "Bulk"}))["jobId"]
    assert len(job) == 92
    sim.advance("12h")
    assert sim.aws("glacier", "describe-job", *vault, f"--job-id={job}")["Completed"]
    got = sim.aws("glacier", "get-job-output", *vault, f"--job-id={job}", tmp_path / "out")
    assert got["checksum"] == tree_hash(data)
    assert (tmp_path / "out").read_bytes() == data

    archive = f"vaults/photos/archives/{up['archiveId']}"
    assert lines(sim, "request") == [
        ("UploadArchive", archive, 1, "0.000030000"),
        ("InitiateJob", archive, 1, "0.000025000")]
    assert lines(sim, "retrieval") == [("InitiateJob", archive, len(data), "0.000007324")]
    assert lines(sim, "transfer") == [("GetJobOutput", archive, len(data), "0.000263678")]
    assert sim.bill()["total"] == "0.000326003"


def test_parts_in_any_order_make_one_archive(sim, tmp_path):
    data = some_bytes(5 * MIB + 5)
    sim.vault()
    upload = sim.glacier("POST", "/vaults/photos/multipart-uploads", headers={
        "x-amz-part-size": str(2 * MIB), "x-amz-archive-description": "parts"})
    assert upload.status == 201
    path = upload.headers["Location"].removeprefix("/111122223333")
    for first in (4 * MIB, 0, 2 * MIB):
        part = data[first:first + 2 * MIB]
        done = sim.glacier("PUT", path, part, {
            "Content-Range": f"bytes {first}-{first + len(part) - 1}/*",
            "x-amz-content-sha256": hashlib.sha256(part).hexdigest(),
            "x-amz-sha256-tree-hash": tree_hash(part)})
        assert done.status == 204, done.body
    parts = sim.glacier("GET", path + "?limit=2").json
    assert [p["RangeInBytes"] for p in parts["Parts"]] == ["0-2097151", "2097152-4194303"]
    rest = sim.glacier("GET", f"{path}?marker={parts['Marker']}").json
    assert [p["SHA256TreeHash"] for p in rest["Parts"]] == [tree_hash(data[4 * MIB:])]
    assert rest["Marker"] is None

    wrong = sim.glacier("POST", path, headers={
        "x-amz-archive-size": str(len(data)), "x-amz-sha256-tree-hash": "0" * 64})
    assert (wrong.status, wrong.json["code"]) == (400, "InvalidParameterValueException")
    whole = sim.glacier("POST", path, headers={
        "x-amz-archive-size": str(len(data)), "x-amz-sha256-tree-hash": tree_hash(data)})
    assert whole.status == 201, whole.body
    assert sim.glacier("GET", path).status == 404

    job = sim.job(Type="archive-retrieval", ArchiveId=whole.headers["x-amz-archive-id"])
    sim.advance("5h")
    assert output(sim, job).body == data


def test_an_upload_with_a_hole_cannot_be_completed(sim):
    data = some_bytes(MIB)
    sim.vault()
    upload = sim.glacier("POST", "/vaults/photos/multipart-uploads",
                         headers={"x-amz-part-size": str(MIB)})
    path = upload.headers["Location"].removeprefix("/111122223333")
    part = {"Content-Range": f"bytes {MIB}-{2 * MIB - 1}/*",
            "x-amz-content-sha256": hashlib.sha256(data).hexdigest(),
            "x-amz-sha256-tree-hash": tree_hash(data)}
    assert sim.glacier("PUT", path, data, part).status == 204
    done = sim.glacier("POST", path, headers={
        "x-amz-archive-size": str(MIB), "x-amz-sha256-tree-hash": tree_hash(data)})
    assert done.status == 400
    assert sim.glacier("DELETE", path).status == 204
    assert sim.glacier("GET", "/vaults/photos/multipart-uploads").json["UploadsList"] == []


def test_output_comes_neither_before_completion_nor_a_day_after(sim):
    sim.vault()
    _, job = archive_job(sim, Tier="Expedited", Description="fs:ino=42")
    early = output(sim, job)
    assert (early.status, early.json["code"]) == (400, "InvalidParameterValueException")
    assert early.json["message"].endswith(job)
    state = job_state(sim, job)
    assert (state["StatusCode"], state["Completed"], state["Tier"]) == (
        "InProgress", False, "Expedited")
    assert state["JobDescription"] == "fs:ino=42"
    assert state["CompletionDate"] is None

    sim.advance("5m")
    assert output(sim, job).status == 200
    sim.advance("23h")
    assert output(sim, job).status == 200
    sim.advance("1h")
    late = output(sim, job)
    assert (late.status, late.json["code"]) == (404, "ResourceNotFoundException")
    assert late.json["message"] == f"The job ID was not found: {job}"
    assert sim.glacier("GET", "/vaults/photos/jobs").json["JobList"] == []


@pytest.mark.parametrize("tier, least_h, most_h", [
    ("Expedited", 1 / 60, 5 / 60), ("Standard", 3, 5), ("Bulk", 5, 12)])
def test_a_job_takes_the_time_of_its_tier(sim, tier, least_h, most_h):
    sim.vault()
    _, job = archive_job(sim, Tier=tier)
    sim.advance(f"{int(least_h * 3600) - 5}s")
    assert not job_state(sim, job)["Completed"]
    sim.advance(f"{int((most_h - least_h) * 3600) + 5}s")
    assert job_state(sim, job)["Completed"]


def test_only_aligned_ranges_come_with_a_tree_hash(sim):
    data = some_bytes(7 * MIB - 9)
    sim.vault()
    _, job = archive_job(sim, data)
    sim.advance("5h")
    whole = output(sim, job)
    assert (whole.status, whole.headers["x-amz-sha256-tree-hash"]) == (200, tree_hash(data))
    assert "Content-Range" not in whole.headers
    size = len(data)
    for first, end, aligned in [(0, 4, True), (4, 6, True), (6, 7, True), (4, 7, True),
                                (0, 3, False), (2, 6, False), (1, 3, False), (3, 7, False)]:
        first, end = first * MIB, min(end * MIB, size)
        part = output(sim, job, f"{first}-{end - 1}")
        assert part.status == 206
        assert part.body == data[first:end]
        assert part.headers["Content-Range"] == f"bytes {first}-{end - 1}/{size}"
        want = tree_hash(data[first:end]) if aligned else None
        assert part.headers["x-amz-sha256-tree-hash"] == want, (first, end)
    odd = output(sim, job, "5-104")
    assert odd.body == data[5:105] and "x-amz-sha256-tree-hash" not in odd.headers
    assert output(sim, job, f"{size}-").status == 416


def test_a_ranged_job_gives_its_range_and_is_paid_for_that(sim):
    data = some_bytes(6 * MIB)
    sim.vault()
    archive, job = archive_job(sim, data, RetrievalByteRange=f"{2 * MIB}-{4 * MIB - 1}")
    crooked = sim.job(Type="archive-retrieval", ArchiveId=archive,
                      RetrievalByteRange=f"{MIB}-{3 * MIB - 1}")
    bad = sim.glacier("POST", "/vaults/photos/jobs", {
        "Type": "archive-retrieval", "ArchiveId": archive, "RetrievalByteRange": "1-1048576"})
    assert (bad.status, bad.json["code"]) == (400, "InvalidParameterValueException")
    sim.advance("5h")

    assert job_state(sim, job)["SHA256TreeHash"] == tree_hash(data[2 * MIB:4 * MIB])
    assert job_state(sim, crooked)["SHA256TreeHash"] is None
    assert output(sim, job).body == data[2 * MIB:4 * MIB]
    part = output(sim, job, f"{MIB}-{2 * MIB - 1}")
    assert part.body == data[3 * MIB:4 * MIB]
    assert part.headers["x-amz-sha256-tree-hash"] == tree_hash(part.body)
    whole = output(sim, crooked)
    assert whole.body == data[MIB:3 * MIB] and "x-amz-sha256-tree-hash" not in whole.headers
    assert [quantity for _, _, quantity, _ in lines(sim, "retrieval")] == [2 * MIB, 2 * MIB]


def test_the_inventory_is_of_yesterday(sim):
    sim.vault()
    none = sim.glacier("POST", "/vaults/photos/jobs", {"Type": "inventory-retrieval"})
    assert (none.status, none.json["code"]) == (404, "ResourceNotFoundException")
    assert sim.glacier("GET", "/vaults/photos").json["NumberOfArchives"] is None
    first = sim.upload(b"one", 'a "b", c\\')
    sim.advance("1d")
    second = sim.upload(b"two")
    assert sim.glacier("DELETE", f"/vaults/photos/archives/{first}").status == 204

    job = sim.job(Type="inventory-retrieval")
    csv = sim.job(Type="inventory-retrieval", Format="CSV")
    sim.advance("5h")
    got = output(sim, job)
    assert got.headers["Content-Type"] == "application/json"
    assert "x-amz-sha256-tree-hash" not in got.headers
    assert job_state(sim, job)["InventorySizeInBytes"] == len(got.body)
    (entry,) = got.json["ArchiveList"]
    assert entry == {"ArchiveId": first, "ArchiveDescription": 'a "b", c\\', "Size": 3,
                     "CreationDate": entry["CreationDate"],
                     "SHA256TreeHash": hashlib.sha256(b"one").hexdigest()}
    text = output(sim, csv).body.decode()
    assert text.splitlines()[1].startswith(first + r',"a \"b\", c\",')
    gone = sim.glacier("POST", "/vaults/photos/jobs",
                       {"Type": "archive-retrieval", "ArchiveId": first})
    assert gone.json["message"] == f"The archive ID was not found: {first}"

    sim.advance("1d")
    job = sim.job(Type="inventory-retrieval")
    sim.advance("5h")
    assert [a["ArchiveId"] for a in output(sim, job).json["ArchiveList"]] == [second]
    assert [(o, r, q) for o, r, q, _ in lines(sim, "request") if o == "InitiateJob"] == [
        ("InitiateJob", "vaults/photos/inventory", 1)] * 3
    assert lines(sim, "retrieval") == []


def test_an_inventory_can_be_asked_for_in_pages(sim):
    sim.vault()
    ids = [sim.upload(b"x" * n) for n in range(1, 6)]
    sim.inventory("photos")
    seen, marker = [], None
    while True:
        job = sim.job(Type="inventory-retrieval",
                      InventoryRetrievalParameters={"Limit": "2", "Marker": marker})
        sim.advance("5h")
        page = [a["ArchiveId"] for a in output(sim, job).json["ArchiveList"]]
        assert len(page) <= 2
        seen += page
        marker = job_state(sim, job)["InventoryRetrievalParameters"]["Marker"]
        if not marker:
            break
    assert seen == ids


def test_listings_come_in_pages(sim):
    names = sorted(f"v{n:02}" for n in range(13))
    for name in reversed(names):
        sim.vault(name)
    first = sim.glacier("GET", "/vaults").json
    assert [v["VaultName"] for v in first["VaultList"]] == names[:10]
    marker = first["Marker"].replace(":", "%3A").replace("/", "%2F")
    rest = sim.glacier("GET", "/vaults?marker=" + marker).json
    assert [v["VaultName"] for v in rest["VaultList"]] == names[10:]
    assert rest["Marker"] is None

    sim.vault()
    archive = sim.upload(b"x")
    jobs = {sim.job(Type="archive-retrieval", ArchiveId=archive) for _ in range(5)}
    seen, marker = set(), ""
    while marker is not None:
        page = sim.glacier("GET", f"/vaults/photos/jobs?limit=2&marker={marker}").json
        seen |= {j["JobId"] for j in page["JobList"]}
        marker = page["Marker"]
    assert seen == jobs
    sim.advance("5h")
    running = sim.glacier("GET", "/vaults/photos/jobs?statuscode=InProgress").json
    assert running["JobList"] == []
    bad = sim.glacier("GET", "/vaults/photos/jobs?statuscode=finished")
    assert bad.json["message"] == "The job status code is not valid: finished"


def test_a_vault_can_go_only_when_it_has_been_seen_empty(sim):
    sim.vault()
    archive = sim.upload(b"x")
    assert sim.glacier("DELETE", "/vaults/photos").status == 400
    sim.glacier("DELETE", f"/vaults/photos/archives/{archive}")
    assert sim.glacier("DELETE", "/vaults/photos").status == 400
    sim.advance("1d")
    assert sim.glacier("DELETE", "/vaults/photos").status == 204
    gone = sim.glacier("GET", "/vaults/photos")
    assert (gone.status, gone.json) == (404, {
        "code": "ResourceNotFoundException", "type": "Client",
        "message": "Vault not found for ARN: arn:aws:glacier:us-east-1:111122223333:vaults/photos"})


def test_an_upload_whose_hashes_do_not_fit_is_refused(sim):
    data = some_bytes(1000)
    sim.vault()
    good = {"x-amz-sha256-tree-hash": tree_hash(data),
            "x-amz-content-sha256": hashlib.sha256(data).hexdigest()}

    def upload(**changed):
        headers = {**good, **{k.replace("_", "-"): v for k, v in changed.items()}}
        answer = sim.glacier("POST", "/vaults/photos/archives", data, headers,
                             payload=headers["x-amz-content-sha256"])
        return answer.status, answer.json["code"]

    assert upload(x_amz_sha256_tree_hash="0" * 64) == (400, "InvalidParameterValueException")
    assert upload(x_amz_content_sha256="0" * 64) == (400, "InvalidParameterValueException")
    assert upload(x_amz_archive_description="a\tb") == (400, "InvalidParameterValueException")
    assert sim.bill()["lines"] == []
