# SPDX-License-Identifier: Apache-2.0
"""As many names as a vault has: imported, mounted, and changed under a walk and readers."""
import importlib.util
import multiprocessing
import os
import pathlib
import re
import subprocess

import pytest
from conftest import BUILD, HERE

_spec = importlib.util.spec_from_file_location("bench", HERE.parent / "bench/catalog.py")
bench = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bench)

CONFIG = """
[source bench]
url = glacier://us-east-1/bench
endpoint = {url}
"""


def generate(path, count, changed):
    tool = BUILD / "tests/bench/catalog_bench"
    subprocess.run(["ninja", "-C", BUILD, "tests/bench/catalog_bench"], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run([tool, "generate", path, str(count), str(max(1, count // 1000)), str(changed)],
                   check=True)
    return path


def refresh(root, path):
    return subprocess.Popen([BUILD / "tools/thaw/thaw", "refresh", "--from", path, root],
                            stderr=subprocess.PIPE, text=True)


def anon_mib(mount):
    text = pathlib.Path(f"/proc/{mount.process.pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+)", text).group(1)) / 1024


def name_of(at, count):
    return f"dir-{at % max(1, count // 1000):05}/img-{at:08}.jpg"


def read_all(root, names, is_over, told):
    """A process of its own: the facts of files that never change, again and again."""
    seen, failed = {}, []
    while not is_over.is_set():
        for name in names:
            try:
                st = os.stat(root / name)
                now = (st.st_ino, st.st_size, st.st_mtime_ns,
                       os.getxattr(root / name, "user.thaw.id"))
                if seen.setdefault(name, now) != now:
                    failed.append(f"{name} changed: {seen[name]} {now}")
            except OSError as e:
                failed.append(f"{name}: {e}")
    told.put((seen, failed[:5]))


@pytest.mark.parametrize("count", [
    20_000, pytest.param(10_000_000, marks=[pytest.mark.long, pytest.mark.timeout(3600)])])
def test_a_refresh_disturbs_nobody(start_sim, start_mount, tmp_path, count):
    """S124: a walk and readers, one per cent of the names changed; S160: in little memory."""
    sim = start_sim("--speed", "3600")
    sim.vault("bench")
    mount = start_mount(sim, CONFIG.format(url=sim.url))
    root = mount.path / "bench"
    first = refresh(root, generate(tmp_path / "0.json", 1000, 0))
    assert first.wait() == 0, first.stderr.read()
    mount.stop()
    mount.start()
    os.listdir(root)
    small_mib = anon_mib(mount)

    path = generate(tmp_path / "1.json", count, 0)
    first = refresh(root, path)
    assert first.wait() == 0, first.stderr.read()
    assert anon_mib(mount) < 128
    path.unlink()
    mount.stop()
    mount.start()
    os.listdir(root)
    assert anon_mib(mount) < min(48, small_mib + 16)

    path = generate(tmp_path / "2.json", count, 10)
    names = [name_of(at, count) for at in range(0, count, count // 100)
             if not bench.is_changed(at)]
    is_over, walked, read = (multiprocessing.Event(), multiprocessing.Queue(),
                             multiprocessing.Queue())
    walker = multiprocessing.Process(target=bench.find_all, args=(root, count, is_over, walked))
    reader = multiprocessing.Process(target=read_all, args=(root, names, is_over, read))
    for p in (walker, reader):
        p.start()
    second = refresh(root, path)
    result = second.wait()
    is_over.set()
    walks, (seen, failed) = walked.get(), read.get()
    for p in (walker, reader):
        p.join()
    assert result == 0, second.stderr.read()
    assert not failed and len(seen) == len(names)
    assert walks["walks"] > 0 and {**walks, "walks": 0} == {
        "walks": 0, "failed": 0, "missing": 0, "twice": 0}
    assert os.statvfs(root).f_files == count
