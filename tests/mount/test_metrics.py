# SPDX-License-Identifier: Apache-2.0
"""`.thaw/metrics`, as Prometheus itself sees it, and what packaging/ makes of it."""
import decimal
import json
import os
import pathlib
import re
import shutil
import subprocess
import urllib.request

import pytest
from conftest import FILES, until

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"


def metrics(mount):
    text = (mount.path / ".thaw/metrics").read_text()
    return {m[1]: decimal.Decimal(m[2]) for m in re.finditer(r"^([^#\s]\S*) +(\S+)$", text, re.M)}


def test_what_was_asked_paid_and_failed_is_counted_over_a_restart(mount):  # S134
    path = mount.path / "photos/thesis.pdf"
    assert path.read_bytes() == FILES["thesis.pdf"]
    gone = mount.path / "photos/holiday/beach.jpg"
    mount.ask(gone, "get tier=bulk")
    mount.ask(gone, "cancel")
    until(lambda: metrics(mount)["thawfs_requests_cancelled_total"] == 1, 30, "the cancel")
    for _ in range(2):
        now = metrics(mount)
        assert now['thawfs_requests_done_total{tier="standard"}'] == 1
        assert now['thawfs_retrieved_bytes_total{tier="standard"}'] == len(FILES["thesis.pdf"])
        charged = sum(v for k, v in now.items() if k.startswith("thawfs_charged_usd"))
        booked = sum(decimal.Decimal(x["amount"]) for x in mount.ledger())
        assert abs(charged - booked) < decimal.Decimal("1e-7")  # each is rounded
        assert now['thawfs_source_catalog_age_seconds{source="photos"}'] >= 0
        mount.stop()
        mount.start()


def test_latencies_are_a_histogram_and_its_length_does_not_change(mount):
    path = mount.path / ".thaw/metrics"
    for _ in range(3):
        size = path.stat().st_size
        assert len(path.read_bytes()) == size
    now = metrics(mount)
    for kind in ("metadata", "read"):
        buckets = [v for k, v in now.items()
                   if k.startswith(f'thawfs_request_duration_seconds_bucket{{kind="{kind}"')]
        assert buckets == sorted(buckets)
        assert buckets[-1] == now[f'thawfs_request_duration_seconds_count{{kind="{kind}"}}'] > 0


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool here")
def test_promtool_finds_nothing_wrong(mount):  # S134
    said = subprocess.run(["promtool", "check", "metrics"], text=True, capture_output=True,
                          input=(mount.path / ".thaw/metrics").read_text(), timeout=30)
    assert said.returncode == 0, said.stdout + said.stderr
    rules = PACKAGING / "prometheus"
    for words in (["check", "rules", "thawfs.rules.yml"], ["test", "rules", "thawfs.rules-test.yml"]):
        said = subprocess.run(["promtool", *words], cwd=rules, text=True, capture_output=True,
                              timeout=60)
        assert said.returncode == 0, said.stdout + said.stderr


def test_what_alerts_and_the_dashboard_speak_of_is_there(mount):  # S134
    text = (mount.path / ".thaw/metrics").read_text()
    there = set(re.findall(r"^# TYPE (\S+)", text, re.M))
    said = (PACKAGING / "prometheus/thawfs.rules.yml").read_text()
    board = json.loads((PACKAGING / "grafana/thawfs.json").read_text())
    said += "".join(t["expr"] for p in board["panels"] for t in p["targets"])
    named = {re.sub("_bucket$", "", n) for n in re.findall(r"\bthawfs_[a-z_]*[a-z]\b", said)}
    assert named <= there, named - there


@pytest.mark.long
@pytest.mark.timeout(180)
@pytest.mark.skipif(not shutil.which("prometheus"), reason="no Prometheus here")
def test_prometheus_scrapes_it_through_a_textfile(mount, tmp_path):
    import socket
    ports = []
    for _ in range(2):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            ports.append(s.getsockname()[1])
    texts = tmp_path / "texts"
    texts.mkdir()
    os.symlink(mount.path / ".thaw/metrics", texts / "thawfs.prom")
    (tmp_path / "p.yml").write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs: [{job_name: thaw, "
        f"static_configs: [{{targets: ['127.0.0.1:{ports[0]}']}}]}}]\n")
    programs = [
        subprocess.Popen(["prometheus-node-exporter", "--collector.disable-defaults",
                          "--collector.textfile", f"--collector.textfile.directory={texts}",
                          f"--web.listen-address=127.0.0.1:{ports[0]}"], stderr=subprocess.DEVNULL),
        subprocess.Popen(["prometheus", f"--config.file={tmp_path}/p.yml",
                          f"--storage.tsdb.path={tmp_path}/data", "--log.level=error",
                          f"--web.listen-address=127.0.0.1:{ports[1]}"], stderr=subprocess.DEVNULL)]

    def value(query):
        url = f"http://127.0.0.1:{ports[1]}/api/v1/query?query={query}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                result = json.load(answer)["data"]["result"]
            return float(result[0]["value"][1]) if result else None
        except OSError:
            return None

    try:
        until(lambda: value("thawfs_waiting_reads") == 0, 60, "the scrape")
        (mount.path / "photos/thesis.pdf").read_bytes()
        until(lambda: value("sum(thawfs_requests_done_total)") == 1, 60, "the scrape")
        assert value("node_textfile_scrape_error") == 0
    finally:
        for p in programs:
            p.terminate()
            p.wait(20)
