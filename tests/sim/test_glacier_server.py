# SPDX-License-Identifier: Apache-2.0
"""Clock, bill, log, faults, seeds, and that SIGKILL loses nothing that was answered."""
import hashlib
import http.client
import json
import socket
import subprocess
import time

import pytest

import sigv4
from conftest import BUILD, MIB, tree_hash
from test_glacier import archive_job, job_state, lines, output, some_bytes


def test_sigkill_loses_nothing_that_was_answered(sim):
    data = some_bytes(2 * MIB + 1)
    sim.vault()
    archive, job = archive_job(sim, data, Description="kept")
    upload = sim.glacier("POST", "/vaults/photos/multipart-uploads",
                         headers={"x-amz-part-size": str(MIB)})
    path = upload.headers["Location"].removeprefix("/111122223333")
    part = {"Content-Range": "bytes 0-99/*", "x-amz-sha256-tree-hash": tree_hash(data[:100]),
            "x-amz-content-sha256": tree_hash(data[:100])}
    assert sim.glacier("PUT", path, data[:100], part).status == 204
    sim.advance("6h")
    assert output(sim, job).body == data
    sim.inventory("photos")
    bill, log, vault = sim.bill(), sim.requests(), sim.glacier("GET", "/vaults/photos").json
    now = sim.clock()["now_ms"]

    sim.kill()
    sim.start()
    assert sim.bill() == bill
    assert sim.requests()[:len(log)] == log
    assert sim.glacier("GET", "/vaults/photos").json == vault
    assert 0 <= sim.clock()["now_ms"] - now < 5000
    assert job_state(sim, job)["JobDescription"] == "kept"
    again = output(sim, job)
    assert again.body == data and again.headers["x-amz-sha256-tree-hash"] == tree_hash(data)
    whole = sim.glacier("POST", path, headers={
        "x-amz-archive-size": "100", "x-amz-sha256-tree-hash": tree_hash(data[:100])})
    assert whole.status == 201
    numbers = [line["n"] for line in sim.requests()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert sim.bill(since=len(bill["lines"]))["lines"][0]["n"] == len(bill["lines"]) + 1


def test_a_line_cut_by_a_crash_is_forgotten(sim):
    sim.vault()
    sim.upload(b"one")
    sim.kill()
    for name, start in (("bill.jsonl", '{"n":2,"serv'), ("glacier/journal", '{"op":"arch'),
                        ("requests.jsonl", '{"n":3,')):
        with open(sim.data / name, "a") as f:
            f.write(start + "x" * 3000)
    sim.start()
    sim.upload(b"two")
    assert [line["n"] for line in sim.bill()["lines"]] == [1, 2]
    assert [r["operation"] for r in sim.requests()] == [
        "CreateVault", "UploadArchive", "UploadArchive"]
    sim.restart()
    assert len(sim.bill()["lines"]) == 2


def test_service_time_runs_at_its_speed_and_jumps(start_sim):
    sim = start_sim("--speed", 3600)
    before, real = sim.clock(), time.monotonic()
    assert before["speed"] == 3600
    time.sleep(0.3)
    passed, real = sim.clock()["now_ms"] - before["now_ms"], time.monotonic() - real
    assert 0.2 * 3600 * 1000 < passed <= (real + 0.1) * 3600 * 1000
    assert sim.admin("POST", "clock", {"speed": 0})["speed"] == 0
    still = sim.clock()["now_ms"]
    sim.advance("3d")
    assert sim.clock()["now_ms"] == still + 3 * 86400 * 1000
    assert sim.plain("POST", "/_sim/clock", b'{"advance":"soon"}').status == 400


def test_the_log_says_what_was_asked_and_answered(sim):
    sim.vault()
    _, job = archive_job(sim, some_bytes(300), Tier="Bulk")
    early = output(sim, job)
    sim.advance("12h")
    output(sim, job, "0-99")
    asked, refused, given = [r for r in sim.requests()
                             if r["operation"] in ("InitiateJob", "GetJobOutput")]
    assert asked["tier"] == "Bulk" and asked["status"] == 202
    assert (refused["status"], refused["code"]) == (400, "InvalidParameterValueException")
    assert refused["request_id"] == early.headers["x-amzn-RequestId"]
    assert len(refused["request_id"]) == 47
    assert (given["status"], given["bytes"], given["range"]) == (206, 100, "bytes=0-99")
    assert [r["operation"] for r in sim.requests("InitiateJob")] == ["InitiateJob"]


def test_the_second_call_can_be_made_to_fail(sim):
    sim.vault()
    _, job = archive_job(sim)
    sim.advance("5h")
    sim.fault({"operation": "GetJobOutput", "resource": "vaults/photos/*", "nth": 2},
              {"status": 503, "code": "ServiceUnavailableException"})
    answers = [output(sim, job) for _ in range(3)]
    assert [a.status for a in answers] == [200, 503, 200]
    assert answers[1].json["code"] == "ServiceUnavailableException"
    assert answers[1].json["type"] == "Server"


def test_a_call_can_be_delayed_until_the_rules_are_cleared(sim):
    sim.vault()
    sim.fault({"operation": "Describe*"}, {"delay_ms": 300})

    def seconds():
        start = time.monotonic()
        assert sim.glacier("GET", "/vaults/photos").status == 200
        return time.monotonic() - start

    assert seconds() > 0.3
    assert sim.clear_faults() == {"rules": []}
    assert seconds() < 0.3


@pytest.mark.parametrize("drop, jobs", [("before", 0), ("after", 1)])
def test_an_answer_can_be_lost_before_or_after_its_effect(sim, drop, jobs):
    sim.vault()
    archive = sim.upload(b"x")
    sim.fault({"operation": "InitiateJob", "times": 1}, {"drop": drop})
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        sim.job(Type="archive-retrieval", ArchiveId=archive)
    assert len(sim.glacier("GET", "/vaults/photos/jobs").json["JobList"]) == jobs
    assert len(lines(sim, "retrieval")) == jobs
    assert sim.requests("InitiateJob")[0]["fault"] == "drop " + drop


def test_a_body_can_be_cut_and_is_billed_as_far_as_it_went(sim):
    data = some_bytes(3 * MIB)
    sim.vault()
    _, job = archive_job(sim, data)
    sim.advance("5h")
    sim.fault({"operation": "GetJobOutput", "nth": 1}, {"cut_after": 1000000})
    with pytest.raises(http.client.IncompleteRead) as cut:
        output(sim, job)
    assert cut.value.partial == data[:1000000]
    assert [quantity for _, _, quantity, _ in lines(sim, "transfer")] == [1000000]
    assert output(sim, job).body == data


def test_a_byte_can_be_flipped_and_a_tree_hash_be_wrong(sim):
    data = some_bytes(2 * MIB)
    sim.vault()
    _, job = archive_job(sim, data)
    sim.advance("5h")
    sim.fault({"operation": "GetJobOutput", "nth": 1}, {"flip": 1500000})
    sim.fault({"operation": "GetJobOutput", "nth": 2}, {"tree_hash": "wrong"})
    flipped, wrong, good = (output(sim, job) for _ in range(3))
    assert [i for i in range(len(data)) if data[i] != flipped.body[i]] == [1500000]
    assert flipped.headers["x-amz-sha256-tree-hash"] == tree_hash(data)
    assert wrong.body == data
    assert wrong.headers["x-amz-sha256-tree-hash"] not in (None, tree_hash(data))
    assert good.headers["x-amz-sha256-tree-hash"] == tree_hash(data)


def test_a_reader_who_leaves_pays_for_what_he_has(sim):
    data = some_bytes(16 * MIB)
    sim.vault()
    _, job = archive_job(sim, data)
    sim.advance("5h")
    headers = {"Host": sim.host, "x-amz-glacier-version": "2012-06-01"}
    target = f"/-/vaults/photos/jobs/{job}/output"
    signed = sigv4.sign("glacier", "GET", target, headers)
    host, port = sim.host.split(":")
    with socket.create_connection((host, int(port))) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        text = "".join(f"{n}: {v}\r\n" for n, v in signed.items())
        s.sendall(f"GET {target} HTTP/1.1\r\n{text}\r\n".encode())
        taken = 0
        while taken < 4 * MIB:
            taken += len(s.recv(65536))
    for _ in range(50):
        if lines(sim, "transfer"):
            break
        time.sleep(0.1)
    ((_, _, quantity, _),) = lines(sim, "transfer")
    assert taken - 65536 <= quantity < len(data)


def test_bodies_come_chunked_and_after_a_hundred_continue(sim, tmp_path):
    data = some_bytes(MIB + 3)
    sim.vault()
    headers = sigv4.sign("glacier", "POST", "/-/vaults/photos/archives", {
        "Host": sim.host, "x-amz-glacier-version": "2012-06-01",
        "x-amz-sha256-tree-hash": tree_hash(data),
        "x-amz-content-sha256": hashlib.sha256(data).hexdigest()}, data)
    (tmp_path / "body").write_bytes(data)
    words = [w for n, v in headers.items() for w in ("-H", f"{n}: {v}")]
    for extra in ("Transfer-Encoding: chunked", "Expect: 100-continue"):
        done = subprocess.run(
            ["curl", "-sS", "-o", tmp_path / "answer", "-w", "%{http_code}", "-X", "POST",
             "--data-binary", f"@{tmp_path / 'body'}", *words, "-H", extra, "-H",
             "Content-Type:", sim.url + "/-/vaults/photos/archives"],
            capture_output=True, text=True)
        assert done.stdout == "201", (done.stderr, (tmp_path / "answer").read_text())


def test_one_connection_carries_many_requests(sim):
    connection = http.client.HTTPConnection(sim.host)
    for _ in range(20):
        connection.request("GET", "/-/vaults", headers=sigv4.sign(
            "glacier", "GET", "/-/vaults",
            {"Host": sim.host, "x-amz-glacier-version": "2012-06-01"}))
        assert connection.getresponse().read() == b'{"VaultList":[],"Marker":null}'
    connection.close()


def filled(seed, size):
    """The bytes that {"size":…,"fill":seed} stands for."""
    key = hashlib.sha256(seed.encode()).digest()
    blocks = (hashlib.sha256(key + i.to_bytes(8, "little")).digest()
              for i in range((size + 31) // 32))
    return b"".join(blocks)[:size]


def test_a_seed_gives_vaults_with_an_inventory(start_sim, tmp_path):
    (tmp_path / "file").write_bytes(b"from a file")
    (tmp_path / "seed.json").write_text(json.dumps({"vaults": [
        {"name": "photos", "archives": [
            {"description": "a", "file": "file"},
            {"description": "b", "size": 3 * MIB + 7, "fill": "b"}]},
        {"name": "empty", "archives": []}]}))
    sim = start_sim("--seed", tmp_path / "seed.json")
    for _ in range(2):
        assert sim.glacier("GET", "/vaults/photos").json["NumberOfArchives"] == 2
        assert sim.glacier("GET", "/vaults/empty").json["NumberOfArchives"] == 0
        sim.restart()  # a seed that is there is not sown again
    inventory = sim.job(Type="inventory-retrieval")
    sim.advance("5h")
    first, second = output(sim, inventory).json["ArchiveList"]
    assert first["SHA256TreeHash"] == hashlib.sha256(b"from a file").hexdigest()
    want = filled("b", 3 * MIB + 7)
    assert second["SHA256TreeHash"] == tree_hash(want)
    job = sim.job(Type="archive-retrieval", ArchiveId=second["ArchiveId"])
    sim.advance("5h")
    assert output(sim, job).body == want
    assert lines(sim, "request")[0][0] == "InitiateJob"  # seeds cost nothing


@pytest.mark.parametrize("words, said", [
    (["--listen", "0.0.0.0:0"], "loopback"), (["--listen", "nowhere"], "ADDRESS:PORT"),
    (["--speed", "fast"], "--speed"), (["--key", "x"], "ID:SECRET"), (["extra"], "needed")])
def test_bad_options_are_refused(tmp_path, words, said):
    given = words if "--listen" in words else ["--listen", "127.0.0.1:0", *words]
    done = subprocess.run([BUILD / "tools/sim/thaw-sim", "--data", tmp_path / "d", *given],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and said in done.stderr


def test_two_simulators_do_not_share_a_directory(sim):
    done = subprocess.run([BUILD / "tools/sim/thaw-sim", "--data", sim.data, "--listen",
                           "127.0.0.1:0"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "in use by" in done.stderr
