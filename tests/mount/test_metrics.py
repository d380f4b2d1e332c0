# SPDX-License-Identifier: Apache-2.0
"""`.thaw/metrics`, as Prometheus itself sees it, and what packaging/ makes of it."""
import decimal
import json
import os
import pathlib
import re
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest
from conftest import CONFIG, FILES, listed, until

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
        until(lambda: "thawfs_budget_warnings_total" in metrics(mount), 20, "the sums")
        now = metrics(mount)
        assert now['thawfs_requests_asked_total{tier="standard"}'] == 1
        assert now['thawfs_requests_asked_total{tier="bulk"}'] == 1
        assert now['thawfs_requests_restored_total{tier="standard"}'] == 1
        assert now['thawfs_restored_bytes_total{tier="standard"}'] == len(FILES["thesis.pdf"])
        assert now['thawfs_requests_done_total{tier="standard"}'] == 1
        assert now['thawfs_retrieved_bytes_total{tier="standard"}'] == len(FILES["thesis.pdf"])
        charged = sum(v for k, v in now.items() if k.startswith("thawfs_charged_usd"))
        booked = sum(decimal.Decimal(x["amount"]) for x in mount.ledger())
        assert abs(charged - booked) < decimal.Decimal("1e-7")  # each is rounded
        assert now['thawfs_source_catalog_age_seconds{source="photos"}'] >= 0
        mount.stop()
        mount.start()


def test_budgets_are_shown_with_what_they_are_drawn_on_by_all_and_by_one(start_mount, sim):  # S134
    mount = start_mount(sim, CONFIG.format(url=sim.url) + "per = total\n[budget each]\nmoney = 2\n"
                        "each = yes\nper = total\n"
                        "[budget files]\nfiles = 100\n[budget none]\nmoney = 0\nwho = user:daemon\n")
    until(lambda: listed(mount.path / "lab"), 30, "catalog")
    mount.ask(mount.path / "lab/runs/2024/b.dat", "get days=36500")

    def of(name, budget, each="no"):
        return metrics(mount)[f'thawfs_budget_{name}{{budget="{budget}",each="{each}"}}']

    assert of("limit_usd", "test") == 1000 and of("limit_usd", "each", "yes") == 2
    assert of("reserved_usd", "test") > 0 or of("spent_usd", "test") > 0
    mount.wait_state(mount.path / "lab/runs/2024/b.dat", "cached")
    until(lambda: of("reserved_usd", "test") == 0, 30, "the settlement")
    spent = of("spent_usd", "test")
    assert 0 < spent == of("spent_usd", "each", "yes")
    booked = sum(decimal.Decimal(x["amount"]) for x in mount.ledger())  # read later: it may be more
    assert spent <= booked + decimal.Decimal("1e-7")
    assert abs(of("used_ratio", "each", "yes") - spent / 2) < decimal.Decimal("1e-7")
    assert of("used_ratio", "none") == 1
    assert not any("files" in k for k in metrics(mount) if k.startswith("thawfs_budget"))


def test_what_services_refuse_is_counted_by_code_also_where_a_retry_mends_it(mount, sim):  # S134
    assert metrics(mount)['thawfs_service_errors_total{code="other"}'] == 0
    sim.fault({"operation": "GetObject", "nth": 1}, {"status": 503, "code": "SlowDown"})
    path = mount.path / "lab/runs/notes.txt"
    mount.ask(path, "get days=36500")
    mount.wait_state(path, "cached")
    until(lambda: metrics(mount).get('thawfs_service_errors_total{code="SlowDown"}') == 1, 20,
          "the error")


def scraped(port, path="metrics"):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def listening(mount):
    """The port the daemon has chosen."""
    return int(re.findall(r"metrics at=\S+ port=(\d+)", mount.said())[-1])


def test_a_port_tells_what_the_file_does_and_nothing_else(start_mount, sim):  # S215
    mount = start_mount(sim, CONFIG.format(url=sim.url), "mount.metrics-listen=127.0.0.1:0")
    until(lambda: listed(mount.path / "lab"), 30, "catalog")
    kind, text = scraped(listening(mount))
    assert kind.startswith("text/plain; version=0.0.4")
    names = set(re.findall(r"^# TYPE (\S+)", text, re.M))
    assert names == set(re.findall(r"^# TYPE (\S+)", (mount.path / ".thaw/metrics").read_text(), re.M))
    for path, status in (("", 404), ("ledger.csv", 404), ("metrics/../config", 404)):
        with pytest.raises(urllib.error.HTTPError) as e:
            scraped(listening(mount), path)
        assert e.value.code == status
    request = urllib.request.Request(f"http://127.0.0.1:{listening(mount)}/metrics", b"x", method="POST")
    with pytest.raises(urllib.error.HTTPError) as e:
        urllib.request.urlopen(request, timeout=10)
    assert e.value.code == 405
    # One who holds a connection open holds up no stop.
    import socket
    with socket.create_connection(("127.0.0.1", listening(mount))):
        mount.stop()


def test_a_port_that_is_taken_is_said_and_nothing_is_mounted(start_mount, sim, tmp_path):  # S215
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        with pytest.raises(AssertionError, match="metrics-listen: 127.0.0.1:.*Address already in use"):
            start_mount(sim, CONFIG.format(url=sim.url), f"mount.metrics-listen=127.0.0.1:{port}")
    assert not os.listdir(tmp_path / "mnt")


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
def test_prometheus_scrapes_it_through_a_textfile_and_from_the_port(  # S215
        start_mount, sim, tmp_path):
    import socket
    mount = start_mount(sim, CONFIG.format(url=sim.url), "mount.metrics-listen=127.0.0.1:0")
    until(lambda: listed(mount.path / "photos"), 30, "catalog")
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
        f"static_configs: [{{targets: ['127.0.0.1:{ports[0]}']}}]}}, {{job_name: direct, "
        f"static_configs: [{{targets: ['127.0.0.1:{listening(mount)}']}}]}}]\n")
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
        until(lambda: value("thawfs_waiting_reads{job='thaw'}") == 0, 60, "the scrape")
        (mount.path / "photos/thesis.pdf").read_bytes()
        for job in ("thaw", "direct"):
            until(lambda: value(f"sum(thawfs_requests_done_total{{job='{job}'}})") == 1, 60,
                  f"the scrape of {job}")
            assert value(f"thawfs_budget_limit_usd{{job='{job}'}}") == 1000
        assert value("node_textfile_scrape_error") == 0
    finally:
        for p in programs:
            p.terminate()
            p.wait(20)
