# SPDX-License-Identifier: Apache-2.0
"""S150: what `thaw doctor` says of a mount."""
import json
import subprocess

from conftest import BUILD, CONFIG, listed, until


def doctor(path, *words, **how):
    done = subprocess.run([BUILD / "tools/thaw/thaw", "doctor", "--json", *words, path],
                          capture_output=True, text=True, timeout=50, **how)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == any(r["level"] == "problem" for r in rows), done.stdout
    return {(r["subject"], r["source"]): r for r in rows}, done.stdout


def test_of_a_mount_it_says_what_the_daemon_knows(mount):
    before = mount.sim.bill()["total"]
    said, text = doctor(mount.path / "lab/runs", env={"PATH": "/usr/bin:/bin"})
    for source in "photos", "lab":
        assert said["credentials", source]["text"] == "environment"
        assert said["catalog", source]["level"] == "ok", said["catalog", source]
        assert "within" in said["clock", source]["text"]
        assert said["queue", source]["text"].startswith("no queue")
    assert said["configuration", ""]["level"] == "ok"
    assert str(mount.dir / "state") in said["state directory", ""]["text"]
    assert mount.sim.bill()["total"] == before
    for name in "config", "sources":
        text += (mount.path / ".thaw" / name).read_text()
    assert mount.sim.env["AWS_SECRET_ACCESS_KEY"] not in text


def test_who_is_no_administrator_is_told_so(start_mount, sim, tmp_path):
    tmp_path.chmod(0o755)
    for above in list(tmp_path.parents)[:2]:
        above.chmod(0o755)
    mount = start_mount(sim, CONFIG.format(url=sim.url), "allow_other")
    said, _ = doctor(mount.path, user="nobody", group="nogroup", extra_groups=[])
    assert said["configuration", ""]["level"] == "warning"
    assert "administrators" in said["configuration", ""]["text"]
    for name in "config", "sources":
        assert subprocess.run(["cat", mount.path / ".thaw" / name], user="nobody",
                              group="nogroup", extra_groups=[], capture_output=True).returncode


def test_a_queue_that_cannot_be_read_is_told(start_mount, sim):
    config = CONFIG.format(url=sim.url).replace(
        "[source lab]", f"queue = {sim.url}/111122223333/none\n[source lab]")
    mount = start_mount(sim, config)
    mount.may_log = "queue="
    until(lambda: listed(mount.path / "photos"), 30, "catalog of photos")
    until(lambda: "cannot be read" in (mount.path / ".thaw/sources").read_text(), 30, "a failure")
    said, _ = doctor(mount.path)
    assert said["queue", "photos"]["level"] == "warning"
    assert "queue does not exist" in said["queue", "photos"]["text"]
