# SPDX-License-Identifier: Apache-2.0
"""Credentials of a mount with several sources."""
import json
import os
import pathlib
import signal
import subprocess
import sys

from conftest import BUILD, CONFIG, OBJECTS, until

SECRET, KEY = "canary-Fetched-7d11e0", "AKIACANARY0000000002"


def children(pid):
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                yield stat.parent
        except OSError:
            pass


def test_sources_of_one_profile_fetch_once_and_what_came_is_nowhere(start_mount, sim, tmp_path):
    """S64, S65: three readers of keys (two sources, a queue), one run of the process. What it gave is
    in no log, file, sidecar, command line, environment of a child or core."""
    sim.stop()
    sim.options = [*sim.options, "--key", f"{KEY}:{SECRET}"]
    sim.start()
    sim.aws("sqs", "create-queue", "--queue-name", "q")
    runs, script = tmp_path / "runs", tmp_path / "keys"
    answer = json.dumps({"Version": 1, "AccessKeyId": KEY, "SecretAccessKey": SECRET})
    script.write_text(f"#!{sys.executable}\nimport os\nopen({str(runs)!r}, 'ab').write("
                      "open('/proc/self/environ', 'rb').read() + b'\\n')\n"
                      f"print({answer!r})\n")
    script.chmod(0o700)
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    (home / ".aws/config").write_text(f"[profile lab]\ncredential_process = {script}\n")
    sim.env = {k: v for k, v in sim.env.items() if not k.startswith("AWS_SEC")
               and k != "AWS_ACCESS_KEY_ID"} | {"HOME": str(home)}
    config = CONFIG.format(url=sim.url).replace("endpoint", "profile = lab\nendpoint").replace(
        "[source lab]", f"[source lab]\nqueue = {sim.url}/111122223333/q")
    mount = start_mount(sim, config)
    file = mount.path / "lab/runs/2024/b.dat"
    until(file.exists, 20, "the listing")
    assert file.read_bytes() == OBJECTS["runs/2024/b.dat"]
    until(lambda: "is read" in (mount.path / ".thaw/sources").read_text(), 20, "the queue")
    assert len(runs.read_bytes().splitlines()) == 1

    pid = mount.process.pid
    shown = [p.read_bytes() for p in (mount.path / ".thaw").iterdir() if p.name != "plan"]
    shown += [mount.of(file, kind).encode() for kind in ("status", "cost", "json")]
    shown += [(p / name).read_bytes() for p in children(pid) for name in ("environ", "cmdline")]
    shown += [pathlib.Path(f"/proc/{pid}/{name}").read_bytes() for name in ("environ", "cmdline")]
    shown += [subprocess.run([BUILD / "tools/thaw/thaw", "doctor", mount.path],
                             capture_output=True, timeout=30).stdout]
    assert not [text for text in shown if SECRET.encode() in text]
    mount.process.send_signal(signal.SIGABRT)
    mount.process.wait(10)
    subprocess.run(["umount", "-l", mount.path], check=True)
    mount.is_stopped = True
    assert [p for p in mount.dir.rglob("*") if p.is_file() and sim.data not in p.parents
            and SECRET.encode() in p.read_bytes()] == [script]
    assert not [p for p in mount.dir.rglob("core*")] and not os.path.exists("core")
