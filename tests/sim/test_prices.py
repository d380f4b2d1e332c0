# SPDX-License-Identifier: Apache-2.0
"""thaw prices: tables from the service's price list, and what is said of them."""
import json
import os
import pathlib
import re
import subprocess

import pytest
from conftest import BUILD

OFFERS = pathlib.Path(__file__).resolve().parents[2] / "tools/sim/prices.d"
CODES = ("AmazonS3", "AmazonS3GlacierDeepArchive", "AmazonGlacier", "AWSDataTransfer")


@pytest.fixture
def sim(start_sim):
    return start_sim("--prices", OFFERS)


@pytest.fixture
def prices(tmp_path, sim):
    """Runs `thaw prices` on a state directory of the test's own."""
    def run(*words, **how):
        return subprocess.run([BUILD / "tools/thaw/thaw", "prices", *map(str, words), "--state",
                               tmp_path / "state"], capture_output=True, text=True, timeout=60,
                              env={**sim.env, **how})
    return run


def shown(prices, region):
    rows = [json.loads(line) for line in prices("show", "--json", region).stdout.splitlines()]
    return {(r["service"], r["class"], r["tier"], r["item"], r["from_gib"]): r["usd"] for r in rows}


def test_the_built_in_table_is_shown_with_its_date_and_source(prices):
    """S127"""
    said = prices("show")
    assert said.returncode == 0 and "us-east-1 s3 (built in)" in said.stdout
    assert "of 2026-09, us-east-1 list prices" in said.stdout
    assert "from memory" in said.stdout and "GLACIER" in said.stdout
    assert shown(prices, "us-east-1")["s3", "DEEP_ARCHIVE", "bulk", "retrieval", 0] == "0.0025"
    none = prices("show", "eu-central-1")
    assert none.returncode == 1 and "thaw prices update eu-central-1" in none.stderr


@pytest.mark.parametrize("how", [[], ["--api"]], ids=["bulk", "api"])
def test_an_update_reads_the_price_list(prices, sim, tmp_path, how):
    """S127"""
    done = prices("update", "eu-central-1", "us-east-1", "--endpoint", sim.url, *how)
    assert done.returncode == 0, done.stderr
    assert oct(os.stat(tmp_path / "state/prices.csv").st_mode & 0o777) == "0o600"
    here, there = shown(prices, "us-east-1"), shown(prices, "eu-central-1")
    assert set(here) == set(there)
    # The list of the simulator says in every figure what is built in; what storing costs, which
    # only `thaw transfer` asks for, is not taken from lists.
    (tmp_path / "state/prices.csv").rename(tmp_path / "kept")
    built_in = shown(prices, "us-east-1")
    assert {at: usd for at, usd in built_in.items() if at[3] not in ("put", "store")} == here
    (tmp_path / "kept").rename(tmp_path / "state/prices.csv")
    assert there["s3", "GLACIER", "expedited", "retrieval", 0] == "0.0318"
    assert there["s3", "DEEP_ARCHIVE", "", "get", 0] == "0.000000424"
    assert there["glacier", "VAULT", "bulk", "request", 0] == "0.0000265"
    assert there["glacier", "VAULT", "", "get", 0] == "0"
    assert there["s3", "*", "", "transfer", 51200] == "0.07"
    said = prices("show", "eu-central-1").stdout
    assert re.search(r"of 2026-09-01, AWS price list AmazonS3 20260901000000 \(offer\)", said)
    assert prices("check", "eu-central-1", "us-east-1").returncode == 0
    # Without a region: all that the file has, again.
    assert prices("update", "--endpoint", sim.url, *how).returncode == 0
    assert shown(prices, "eu-central-1") == there
    signed = [r for r in sim.requests("GetProducts")]
    assert bool(signed) == bool(how)


def test_all_regions_are_updated_in_one_go(prices, sim, tmp_path):
    """S127: those of the list's own index."""
    done = prices("update", "--all", "--endpoint", sim.url)
    assert done.returncode == 0, done.stderr
    regions = sorted(p.stem for p in (OFFERS / "AmazonS3").iterdir())
    assert len(regions) > 1
    for region in regions:
        assert f"{region}: " in done.stdout
        assert prices("check", region).returncode == 0
    before = (tmp_path / "state/prices.csv").read_text()
    assert prices("update", "--all", "--endpoint", "http://127.0.0.1:9").returncode == 1
    assert (tmp_path / "state/prices.csv").read_text() == before


def test_saved_offers_are_imported(prices, tmp_path):
    """S127"""
    files = [OFFERS / code / "eu-central-1.json" for code in CODES]
    assert prices("import", *files).returncode == 0
    assert prices("check", "eu-central-1").returncode == 0
    # A table of one's own, over it.
    own = tmp_path / "own.csv"
    own.write_text("garage,s3,*,,get,0,0,2026-11,own,ours\n")
    assert prices("import", own).returncode == 0
    assert shown(prices, "garage") == {("s3", "*", "", "get", 0): "0"}
    assert ("s3", "GLACIER", "", "copy", 0) in shown(prices, "eu-central-1")


def test_a_check_names_what_is_missing_and_what_is_old(prices):
    """S127"""
    whole = prices("check", "us-east-1")
    assert whole.returncode == 0 and "from memory" in whole.stdout, whole
    old = prices("check", "--older", "1d")
    assert old.returncode == 1 and "old, `thaw prices update`" in old.stdout
    assert prices("import", OFFERS / "AmazonS3/eu-central-1.json").returncode == 0
    part = prices("check", "eu-central-1")
    assert part.returncode == 1
    assert "DEEP_ARCHIVE bulk: no price for request" in part.stdout
    assert "GLACIER: no price for transfer" in part.stdout
    assert prices("check", "mars").returncode == 1


def test_what_is_no_price_list_changes_nothing(prices, sim, tmp_path):
    """S127"""
    assert prices("update", "eu-central-1", "--endpoint", sim.url).returncode == 0
    before = (tmp_path / "state/prices.csv").read_bytes()
    cut = tmp_path / "cut.json"
    cut.write_bytes((OFFERS / "AmazonS3/us-east-1.json").read_bytes()[:9000])
    bad = tmp_path / "bad.csv"
    bad.write_text("us-east-1,s3,GLACIER,,get,0,cheap,2026-11,own,x\n")
    for words, said in ((["import", cut], "neither a table of prices nor an offer file"),
                        (["import", bad], "bad.csv:1: column 7"),
                        (["import", tmp_path / "nothing"], "No such file"),
                        (["update", "mars-1", "--endpoint", sim.url], "HTTP 404"),
                        (["update", "x", "--endpoint", "http://127.0.0.1:1"], "127.0.0.1:1")):
        done = prices(*words)
        assert done.returncode == 1 and said in done.stderr, (words, done)
        assert (tmp_path / "state/prices.csv").read_bytes() == before
    sim.fault({"operation": "GetOffer"}, {"cut_after": 3000})
    assert prices("update", "us-east-1", "--endpoint", sim.url).returncode == 1
    assert (tmp_path / "state/prices.csv").read_bytes() == before
    sim.clear_faults()
    for words in (["sho"], ["import"]):
        assert prices(*words).returncode == 2, words
    assert 'did you mean "show"?' in prices("sho").stderr


def test_an_update_without_a_region_needs_a_table(prices):
    assert prices("update").returncode == 2
