# SPDX-License-Identifier: Apache-2.0
"""thaw transfer, of a mounted tree: what it plans, copies, leaves alone and says."""
import base64
import hashlib
import json
import signal
import subprocess

import pytest

from conftest import FILES, MIB, THAW, described, sims, until


def composite(data, part=16 * MIB):
    """The checksum of an object in parts: the digest of their digests, and how many."""
    parts = [hashlib.sha256(data[i:i + part]).digest() for i in range(0, len(data), part)]
    if len(parts) == 1:
        return base64.b64encode(parts[0]).decode()
    return base64.b64encode(hashlib.sha256(b"".join(parts)).digest()).decode() + f"-{len(parts)}"


def test_every_archive_becomes_one_object_with_its_bytes_and_its_tree_hash(transfer, sim, mount):
    """S231, S232: paid once, in the class asked for, checked by the destination; once more is nothing."""
    plan = transfer.plan("--tier", "bulk")
    assert (plan["archives"], plan["bytes"]) == (len(FILES), sum(map(len, FILES.values())))
    assert not transfer.stored() and not transfer.jobs()
    said = transfer("--yes", "--tier", "bulk", "--concurrency", 4).stdout
    assert f"{len(FILES)} archives copied" in said
    assert set(transfer.stored()) == {f"in/{name}" for name in FILES}
    for name, data in FILES.items():
        head = transfer.head(f"in/{name}")
        assert head["Content-Length"] == str(len(data))
        assert head["x-amz-storage-class"] == "DEEP_ARCHIVE"
        assert head["x-amz-meta-thaw-tree-hash"] == sims.tree_hash(data)
        assert head["x-amz-checksum-sha256"] == composite(data), name
    assert transfer.pending() == []
    # What was planned is what was billed; each restore once.
    assert len(transfer.jobs()) == plan["restores"] == len(FILES)
    billed = sum(float(line["amount"]) for line in transfer.jobs())
    assert abs(billed - float(plan["costs"]["retrieval"])) < 1e-9
    assert float(plan["costs"]["request"]) == pytest.approx(len(FILES) * 0.000025)
    puts = [r for r in sim.requests() if r["operation"] in (
        "PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")
        and "dst" in json.dumps(r)]
    assert len(puts) == plan["puts"]
    calls = len(puts), len(transfer.jobs())
    again = transfer("--yes").stdout
    assert f"{len(FILES)} archives copied" in again
    assert len(transfer.jobs()) == calls[1]


def test_what_is_refused_sends_nothing(transfer, sim):
    """S233, S235: no yes (system B's acknowledgement never refused, D7; ours does), what cannot be meant,
    another transfer's directory."""
    before = len(sim.requests())
    said = transfer(status=2)
    assert "--yes" in said.stderr and "to copy" in said.stdout
    assert "another transfer" in transfer("--yes", to="s3://dst/other", status=1).stderr
    said = transfer("--yes", "--storage-class", "GLACIER", status=1)
    assert "another transfer" in said.stderr and "s3://dst/in" in said.stderr
    for words, want in [(["--quota", "fast"], "a size a day"), (["--storage-class", "DEEP"], "class"),
                        (["--checksum", "md5"], "sha256 or crc64nvme"),
                        (["--concurrency", "0"], "1 to 256")]:
        assert want in transfer("--yes", *words, status=2).stderr, words
    assert "no s3://" in transfer("--yes", to="/tmp", status=2).stderr
    assert not transfer.jobs() and not transfer.stored()
    sent = {r["operation"] for r in sim.requests()[before:]}
    assert not sent & {"InitiateJob", "PutObject", "CreateMultipartUpload", "HeadObject"}, sent


def test_what_is_there_is_never_overwritten(transfer, sim):
    """S234: the same archive is skipped unpaid; anything else of that name fails, unpaid."""
    same, other = "dot", "täst"
    put = sim.s3("PUT", f"/dst/in/{same}", FILES[same],
                 {"x-amz-meta-thaw-tree-hash": sims.tree_hash(FILES[same])})
    assert put.status == 200
    assert sim.s3("PUT", "/dst/in/t%C3%A4st", b"mine").status == 200
    said = transfer("--yes", status=1)
    assert "something else has its key" in said.stderr
    assert f"{len(FILES) - 2} archives copied" in said.stdout and "1 skipped, 1 failed" in said.stdout
    assert len(transfer.jobs()) == len(FILES) - 2
    assert transfer.stored()[f"in/{other}"] == 4
    # Out of the way, and tried again.
    assert sim.s3("DELETE", "/dst/in/t%C3%A4st").status == 204
    said = transfer("--yes", "--retry")
    assert transfer.stored()[f"in/{other}"] == len(FILES[other])


def archives(mount):
    """What the vault's inventory lists."""
    for name in FILES:
        path = mount.path / name
        yield {"ArchiveId": mount.attribute(path, "id"), "ArchiveDescription": described(name),
               "CreationDate": json.loads(mount.of(path, "json"))["created"],
               "Size": len(FILES[name]), "SHA256TreeHash": mount.attribute(path, "tree-hash")}


def test_an_archive_that_is_not_what_the_inventory_says_makes_no_object(transfer, sim, mount, tmp_path):
    """S231: its hash is wrong: failed, with the reason, and nothing of that name at the destination."""
    wrong = {"VaultARN": "arn:aws:glacier:us-east-1:111122223333:vaults/photos",
             "InventoryDate": "2026-01-01T00:00:00Z", "ArchiveList": []}
    for entry in archives(mount):
        if entry["ArchiveDescription"] == "runs/one-part":
            entry["SHA256TreeHash"] = "0" * 64
        wrong["ArchiveList"].append(entry)
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    done = subprocess.run([THAW, "refresh", "--from", tmp_path / "wrong.json", mount.path],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    mount.may_log = "tree hash|verif"
    said = transfer("--yes", status=1)
    assert "runs/one-part" in said.stderr
    assert set(transfer.stored()) == {f"in/{n}" for n in FILES if n != "runs/one-part"}
    assert transfer.pending() == [] and len(transfer.jobs()) == len(FILES)


def test_ctrl_c_ends_at_once_and_the_same_command_goes_on(transfer, sim):
    """S235: status 75, what was asked for is not asked again."""
    run = transfer.start("--yes", "--tier", "bulk")
    until(lambda: len(transfer.jobs()) == len(FILES), 30, "all restores being asked for")
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=20)
    assert run.returncode == 75, (out, err)
    assert "the same command" in err
    transfer("--yes", "--tier", "bulk")
    assert len(transfer.jobs()) == len(FILES)
    assert set(transfer.stored()) == {f"in/{name}" for name in FILES}


def test_selected_ones_only_and_crc64nvme(transfer):
    """S232: a pattern on names; the destination keeps a checksum of the whole."""
    transfer("--yes", "--select", "runs/*", "--checksum", "crc64nvme", "--storage-class", "standard")
    assert set(transfer.stored()) == {"in/runs/one-part", "in/runs/a b%c"}
    head = transfer.head("in/runs/one-part")
    assert head["x-amz-checksum-crc64nvme"]


def test_what_the_service_throttles_is_counted_and_said(transfer, sim, mount):
    """S236: each counts as an archive that was asked for; nothing is paid twice."""
    mount.may_log = "Throttl"
    sim.fault({"operation": "InitiateJob", "times": 2},
              {"status": 400, "code": "ThrottlingException"})
    said = transfer("--yes", "--quota", "1T")
    assert "the service said 2 times to slow down" in said.stderr
    assert len(transfer.jobs()) == len(FILES)
    assert "slow down" not in transfer("--yes").stderr
