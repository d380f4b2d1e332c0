# SPDX-License-Identifier: Apache-2.0
"""What a transfer leaves for people and programs: reports, counters, a check of what was stored."""
import csv
import html.parser
import importlib.util
import json
import pathlib
import re
import shlex
import subprocess

import pytest
from conftest import FILES, THAW, sims

HERE = pathlib.Path(__file__).resolve().parent
_spec = importlib.util.spec_from_file_location("json_fields", HERE.parent / "mount/json_fields.py")
fields = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fields)
ALL = sum(map(len, FILES.values()))


def lines(path):
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def counters(path):
    """{name{labels}: value} of a textfile; each family has its type before it."""
    found, typed = {}, set()
    for line in path.read_text().splitlines():
        if line.startswith("# TYPE "):
            typed.add(line.split()[2])
        elif not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            assert name.split("{")[0] in typed, line
            found[name] = int(value)
    return found


class Page(html.parser.HTMLParser):
    """Text of a page that fetches nothing and fits a phone."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)
        assert 'name="viewport"' in text and "default-src 'none'" in text
        assert not {"script", "link", "img", "iframe"} & set(self.tags)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        assert not {"src", "href"} & {name for name, _ in attrs}

    def handle_data(self, data):
        self.text += data


def run(*words, status=0):
    done = subprocess.run([str(w) for w in (THAW, "transfer", *words)], text=True,
                          capture_output=True, timeout=100)
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done


def test_the_report_says_of_each_archive_what_became_of_it(transfer, sim):
    """S241: files that agree with each other and the destination; the command in it tries again."""
    assert sim.s3("PUT", "/dst/in/dot", FILES["dot"], {
        "x-amz-meta-thaw-tree-hash": sims.tree_hash(FILES["dot"])}).status == 200
    assert sim.s3("PUT", "/dst/in/t%C3%A4st", b"mine").status == 200
    assert "--retry" in transfer("--yes", status=1).stdout
    report = transfer.state / "report"
    rows = {row["path"]: row for row in lines(report / "report.csv")}
    assert {path: row["state"] for path, row in rows.items()} == {
        "large.bin": "done", "runs/one-part": "done", "runs/a b%c": "done", "täst": "failed",
        "dot": "skipped"}
    for path, row in rows.items():
        assert int(row["bytes"]) == len(FILES[path])
        assert row["tree_hash"] == sims.tree_hash(FILES[path])
        assert row["key"] == f"in/{path}"
    assert [row["path"] for row in lines(report / "failed.csv")] == ["täst"]
    assert rows["large.bin"]["checksum"].endswith(
        transfer.head("in/large.bin")["x-amz-checksum-sha256"].split("-")[0])

    text = (report / "report.json").read_text()
    said = json.loads(text)
    fields.compare("transfer --merge", [said])
    assert (said["completed_archives"], said["failed_archives"], said["skipped_archives"]) == (3, 1, 1)
    copied = ALL - len(FILES["dot"]) - len(FILES["täst"])
    for step in ("requested", "staged", "downloaded", "validated", "completed"):
        assert (said[f"{step}_archives"], said[f"{step}_bytes"]) == (3, copied), step
    assert [f["path"] for f in said["failures"]] == ["täst"]

    prom = counters(report / "transfer.prom")
    assert prom['thaw_transfer_step_bytes_total{step="validated"}'] == copied
    assert prom['thaw_transfer_archives{state="failed"}'] == 1
    assert (report / "transfer.prom").stat().st_mode & 0o444 == 0o444
    page = Page((report / "report.html").read_text())
    assert "täst" in page.text and "something else has its key" in page.text

    # As it stands there, from anywhere.
    retry = said["transfers"][0]["retry"]
    assert retry in page.text
    assert sim.s3("DELETE", "/dst/in/t%C3%A4st").status == 204
    words = shlex.split(retry)
    assert words[:3] == ["thaw", "transfer", "--retry"]
    done = subprocess.run([str(THAW), *words[1:], "--yes"], env=transfer.env, text=True, cwd="/",
                          capture_output=True, timeout=100)
    assert done.returncode == 0, done.stderr
    said = json.loads((report / "report.json").read_text())
    assert (said["completed_archives"], said["failed_archives"]) == (4, 0)
    assert not said["failures"] and said["transfers"][0]["retry"] == ""
    assert lines(report / "failed.csv") == []


def test_verify_says_what_is_no_longer_as_it_was_stored(transfer, sim, mount, tmp_path):
    """S242: other bytes, other metadata, what is gone; it restores and stores nothing."""
    transfer("--yes", "--report", tmp_path / "out")
    assert not (transfer.state / "report").exists() and (tmp_path / "out/report.csv").exists()
    jobs = len(transfer.jobs())
    assert f"{len(FILES)} objects are as they were stored, 0 are not" in transfer("--verify").stdout
    tree = {"x-amz-meta-thaw-tree-hash": sims.tree_hash(FILES["dot"])}
    assert sim.s3("PUT", "/dst/in/dot", b"!", tree).status == 200
    assert sim.s3("DELETE", "/dst/in/runs/one-part").status == 204
    before = len(sim.requests())
    said = transfer("--verify", status=1)
    assert re.search(r"in/dot: is not as it was stored: checksum .* instead of SHA256 .*ETag "
                     r".*metadata thaw-created is missing", said.stderr), said.stderr
    assert "in/runs/one-part: is gone from the destination" in said.stderr
    assert "3 objects are as they were stored, 2 are not, 0 could" in said.stdout
    sent = [r["operation"] for r in sim.requests()[before:]]
    assert sent.count("HeadObject") == len(FILES) and "PutObject" not in sent
    assert len(transfer.jobs()) == jobs
    counts = json.loads(transfer("--verify", "--json", status=1).stdout)
    assert counts == {"right": 3, "wrong": 2, "unknown": 0}
    fields.compare("transfer --verify", [counts])


@pytest.fixture
def reports(tmp_path):
    """Two reports, and their sums."""
    made = []
    for i in (1, 2):
        said = {"transfers": [{"id": f"{i:016}", "from": "glacier://r/v", "to": f"s3://b/{i}",
                               "storage_class": "STANDARD", "now": "2026-11-23T00:00:00Z",
                               "retry": ""}],
                "tries": i, "lapses": 10 * i, "oldest_wait_s": 100 * i, "failures": []}
        for n, name in enumerate(("waiting", "asked", "copying", "requested", "staged",
                                  "downloaded", "validated", "completed", "failed", "skipped",
                                  "throttled")):
            said[f"{name}_archives"] = i * (n + 1)
            said[f"{name}_bytes"] = i * (n + 1) << 40
        said["failures"] = [{"path": f"<b>{i}", "key": "k", "bytes": 1, "reason": "why & how"}]
        (tmp_path / f"r{i}").mkdir()
        (tmp_path / f"r{i}/report.json").write_text(json.dumps(said))
        made.append(said)
    return made


def test_reports_of_several_add_up(reports, tmp_path):
    """S243: sums of sums, the longest wait; a report that is named twice, or is none, is refused."""
    one, two = tmp_path / "r1", tmp_path / "r2"
    said = json.loads(run("--merge", "--json", "--report", tmp_path / "all", one, two).stdout)
    for name, value in said.items():
        if name == "oldest_wait_s":
            assert value == 200
        elif isinstance(value, int):
            assert value == reports[0][name] + reports[1][name], name
        else:
            assert value == reports[0][name] + reports[1][name]
    fields.compare("transfer --merge", [said])
    assert json.loads((tmp_path / "all/report.json").read_text()) == said
    assert "<b>1" in Page((tmp_path / "all/report.html").read_text()).text
    assert counters(tmp_path / "all/transfer.prom")["thaw_transfer_lapses_total"] == 30
    assert re.search(r"^completed +24 archives", run("--merge", one, two).stdout, re.M)
    # What was merged is a report again, and has both in it.
    assert "named already" in run("--merge", tmp_path / "all", one, status=1).stderr
    assert "named already" in run("--merge", one, one, status=1).stderr
    (two / "report.json").write_text("{}")
    assert "no report of a transfer" in run("--merge", one, two, status=1).stderr
    assert "No such file" in run("--merge", tmp_path / "none", status=1).stderr
