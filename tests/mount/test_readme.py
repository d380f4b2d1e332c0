# SPDX-License-Identifier: Apache-2.0
"""The README's first mount, word for word, with a profile file, against the simulator."""
import hashlib
import os
import pathlib
import re
import subprocess

import pytest
from conftest import BUILD, is_mounted, pattern, until

README = (pathlib.Path(__file__).resolve().parents[2] / "README.md").read_text()
RUN = "2019/run-07.tar"


def section(title):
    return re.search(rf"^## {title}\n(.*?)(?=^## )", README, re.M | re.S)[1]


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)




@pytest.mark.timeout(120)
def test_the_first_mount_of_the_readme_works_as_it_is_written(tmp_path, start_sim):
    sim = start_sim("--speed", 10800)
    assert sim.glacier("PUT", "/vaults/film-archive").status == 201
    assert sim.s3("PUT", "/lab-cold").status == 200
    data = pattern(70000)
    put = sim.s3("PUT", f"/lab-cold/projects/{RUN}", data,
                 {"x-amz-storage-class": "DEEP_ARCHIVE"})
    assert put.status == 200, put.body

    text = section("A first real mount")
    config, = blocks(text, "ini")
    commands = blocks(text, "sh")[1]
    # What a test cannot have: Amazon's endpoints, the places of root, time.
    config = config.replace("\n\n[source", f"\nendpoint = {sim.url}\n\n[source") \
                   .replace("\n\n[cache]", f"\nendpoint = {sim.url}\n\n[cache]") \
                   .replace("/var/cache", f"{tmp_path}/cache").replace("/var/lib", f"{tmp_path}/lib")
    config += f"\n[mount]\nclock = {sim.url}/_sim/clock\n"
    mnt = tmp_path / "mnt/archive"
    commands = commands.replace("/mnt/archive", str(mnt))
    (tmp_path / "mnt").mkdir()
    (tmp_path / "archive.conf").write_text(config)

    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    (home / ".aws/credentials").write_text(
        f"[default]\naws_access_key_id = {sim.env['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {sim.env['AWS_SECRET_ACCESS_KEY']}\n")
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    env |= {"HOME": str(home), "PATH": f"{BUILD}/fs:{BUILD}/tools/thaw:{env['PATH']}"}

    out = tmp_path / "out"
    try:
        # Output to a file: the daemon keeps what it was started with until it stands.
        with open(out, "w") as f:
            done = subprocess.run(["sh", "-ex"], input=commands, text=True, cwd=tmp_path, env=env,
                                  stdout=f, stderr=f, timeout=90)
    finally:
        if is_mounted(mnt):
            subprocess.run(["umount", "-l", mnt])
    said = out.read_text()
    assert done.returncode == 0, said
    assert "budget=everyone usd=25.00 per=day" in said
    assert "\n2019\n" in said, "ls"
    assert "DEEP_ARCHIVE" in said, "thaw status"
    assert hashlib.sha256(data).hexdigest() in said
    log = tmp_path / "lib/thawfs/thawfs.log"
    until(lambda: "stopped\n" in log.read_text(), 10, "its end")


def test_the_readmes_other_commands_exist(tmp_path):
    """--print-config as it is named there."""
    (tmp_path / "a.conf").write_text(blocks(section("A first real mount"), "ini")[0])
    done = subprocess.run([BUILD / "fs/thawfs", "--print-config", tmp_path / "a.conf"],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and "[source bucket]" in done.stdout, done.stderr
    assert "money = 25" in done.stdout
