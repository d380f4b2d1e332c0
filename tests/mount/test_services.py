# SPDX-License-Identifier: Apache-2.0
"""A service that is not Amazon's, by the configuration that ships (packaging/examples)."""
import decimal
import pathlib
import re
import subprocess

import conftest
import pytest
from conftest import HERE, listed, pattern, restores, until

EXAMPLES = HERE.parent.parent / "packaging/examples"
FILES = {f"run/{i:02}": pattern(20000 + i, i) for i in range(16)}


@pytest.fixture
def service(start_sim, start_mount, tmp_path):
    sim = start_sim("--speed", conftest.SPEED)
    sim.admin("POST", "quirks", {"s3-classes": "cold-archive", "s3-restore-status": "silent",
                                 "s3-checksums": "never", "s3-default-checksum": "no"})
    assert sim.s3("PUT", "/lab").status == 200
    for key, data in FILES.items():
        put = sim.s3("PUT", f"/lab/{key}", data, {"x-amz-storage-class": "COLD_ARCHIVE"})
        assert put.status == 200, put.body
    text = (EXAMPLES / "other-service.conf").read_text()
    for what, by in (("s3://BUCKET", "s3://lab"), (r"https://\S+example", sim.url),
                     ("region = REGION", "region = us-east-1"), (r"\nprofile = .*", ""),
                     (r"/etc/thawfs/other-service.csv", str(EXAMPLES / "other-service.csv"))):
        text, n = re.subn(what, by, text)
        assert n == 1, what
    mount = start_mount(sim, text)
    until(lambda: listed(mount.path / "cold"), 30, "catalog")
    return mount


def test_a_service_without_statuses_and_checksums_is_lived_with(service):
    """S161, S74"""
    mount = service
    with open(mount.path / "cold/run/.thaw/request", "w") as f:
        f.write("get\n")
    for name, data in FILES.items():
        path = mount.path / "cold" / name
        assert path.read_bytes() == data
        assert mount.attribute(path, "verified") == "md5"
        assert mount.attribute(path, "storage-class") == "COLD_ARCHIVE"
    asked = mount.sim.requests("RestoreObject")
    assert len(asked) == len(FILES)
    # Charged by the table that came with it: 0.009 USD a GiB brought back, and nothing for the asking.
    got = [w for w in mount.ledger() if w["operation"] == "RestoreObject"]
    by = {w["component"]: decimal.Decimal(0) for w in got}
    for line in got:
        by[line["component"]] += decimal.Decimal(line["amount"])
    assert by["request"] == 0 and by["retrieval"] > 0


def test_a_tier_the_policy_does_not_have_is_refused_before_it_is_sent(service):
    mount = service
    with pytest.raises(PermissionError):
        mount.ask(mount.path / "cold/run/00", "get tier=bulk")
    assert mount.sim.requests("RestoreObject") == []
