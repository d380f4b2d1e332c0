# SPDX-License-Identifier: Apache-2.0
"""What the read benchmarks share: a simulator with a bucket, those who mount it, rounds of figures."""
import errno
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["THAW_BUILD"])
MIB = 1 << 20
EXAMPLE = pathlib.Path("/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c")
sys.path.insert(0, str(ROOT / "tests/mount"))

import conftest  # noqa: E402

sigv4 = conftest.sims.sigv4


def say(text):
    print(text, file=sys.stderr, flush=True)


def read(how, path):
    """A figure of tests/bench/reader.c."""
    done = subprocess.run([BUILD / "tests/bench/reader", how, path], capture_output=True, text=True,
                          timeout=900)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


class Rounds:
    """Figures by name, one of each a round. A ratio is the median of the rounds' own: what else the
    machine did then was done to both."""

    def __init__(self):
        self.figures = {}

    def add(self, name, figure):
        if figure is not None:
            self.figures.setdefault(name, []).append(figure)

    def medians(self):
        return {name: statistics.median(figures) for name, figures in self.figures.items()}

    def ratio(self, name, *bases, goal=None):
        """To a base, or the least of several, each given as a name or as (factor, name)."""
        bases = [b if isinstance(b, tuple) else (1, b) for b in bases]
        if name not in self.figures or any(b not in self.figures for _, b in bases):
            return None
        own = self.figures[name]
        rows = zip(own, *([f * x for x in self.figures[b]] for f, b in bases))
        found = {"ratio": round(statistics.median(row[0] / min(row[1:]) for row in rows), 3),
                 "rounds": len(own)}
        return found if goal is None else {**found, "goal": goal}

    def tell(self, title, unit, ratios):
        say(f"\n{title}")
        for name, figure in self.medians().items():
            said = " ".join(f"{f:.4g}" for f in self.figures[name])
            say(f"  {name:44}{figure:12.4g} {unit:8} ({said})")
        ratios = {name: r for name, r in ratios.items() if r}
        for name, r in ratios.items():
            say(f"  {name:44}{r['ratio']:12.2f}" + (f"   goal {r['goal']}" if "goal" in r else ""))
        return {"unit": unit, "medians": self.medians(), "rounds": self.figures, "ratios": ratios}


def forget(path):
    """The page cache's pages of one inode."""
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def written(folder, size):
    """The disk's own rate, with one sync at the end."""
    path = folder / "written"
    with open(path, "wb") as f:
        f.truncate(size)
    try:
        return read("write", path)
    finally:
        path.unlink()


def touch(folder, size):
    """Memory that the machine has for certain, for the page cache of what is measured next: a host may have
    taken back what its guest did not use, and then a page costs ten times as much the first time."""
    written(folder, size)


class Lane:
    """Everything that goes to the simulator by it is slowed down, or its connections are broken:
    tests/bench/lane.py."""

    def __init__(self, to, *words):
        self.process = subprocess.Popen(
            [sys.executable, ROOT / "tests/bench/lane.py", to.removeprefix("http://"), *map(str, words)],
            stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        assert self.url.startswith("http://")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class World:
    """`objects` as thaw-sim(1) has them in a seed, in a bucket `lab`, those of an archive class
    restored already. All of it below one directory of a plain file system."""

    def __init__(self, objects):
        self.temp = tempfile.TemporaryDirectory(prefix="thawfs-bench-",
                                                dir=os.environ.get("TMPDIR", "/var/tmp"))
        self.dir = pathlib.Path(self.temp.name)
        (self.dir / "seed.json").write_text(
            json.dumps({"buckets": [{"name": "lab", "objects": objects}]}))
        self.sim = conftest.sims.Sim(self.dir, "--speed", 3600, "--seed",
                                     str(self.dir / "seed.json"))
        self.mounts, self.lanes = {}, []
        self.restore([o["key"] for o in objects if o["storage-class"] != "STANDARD"])

    def restore(self, keys):
        order = b"<RestoreRequest><Days>100</Days></RestoreRequest>"
        for key in keys:
            answer = self.sim.s3("POST", f"/lab/{key}?restore=", order)
            assert answer.status == 202, answer.body
        if keys:
            self.sim.advance("49h")

    def lane(self, *words):
        self.lanes.append(Lane(self.sim.url, *words))
        return self.lanes[-1].url

    def address(self, key, url=None):
        """A presigned one, by which anyone may read the object."""
        host = (url or self.sim.url).removeprefix("http://")
        return f"http://{host}{sigv4.presign('s3', 'GET', f'/lab/{key}', host)}"

    # ---- who mounts it

    def thawfs(self, name="thawfs", url=None, *words):
        at = self.dir / name
        at.mkdir()
        mount = conftest.Mount(
            at, self.sim, f"[source lab]\nurl = s3://lab\nendpoint = {url or self.sim.url}\n"
            "storage-classes = all\nrefresh = 0\n[policy]\n"
            "storm-files = 0\nstorm-bytes = 0\nstorm-heads = 0\n"
            "[budget bench]\nmoney = 1000000\n", *words)
        conftest.until(lambda: conftest.listed(mount.path / "lab"), 120, "the catalog")
        self.mounts[name] = mount
        return mount

    def started(self, name, command, env=None):
        path = self.dir / name
        path.mkdir(exist_ok=True)
        words = [str(w).format(path=path, dir=self.dir) for w in command]
        with open(self.dir / f"{name}.log", "w") as log:
            p = subprocess.Popen(words, env=env or self.sim.env, stdin=subprocess.DEVNULL, stderr=log,
                                 stdout=log)
        try:
            conftest.until(lambda: conftest.is_mounted(path), 20, name)
        except AssertionError:
            say(f"{name} does not mount: {(self.dir / f'{name}.log').read_text()[-300:]}")
            p.kill()
            p.wait()
            return None
        self.mounts[name] = p
        return path

    def s3fs(self, url=None):
        if not shutil.which("s3fs"):
            return say("no s3fs here: left out")
        keys = self.dir / "keys"
        keys.write_text(f"{sigv4.KEY}:{sigv4.SECRET}")
        keys.chmod(0o600)
        (self.dir / "s3fs-cache").mkdir(exist_ok=True)
        options = ["use_path_request_style", "passwd_file={dir}/keys", "use_cache={dir}/s3fs-cache",
                   f"url={url or self.sim.url}", "endpoint=us-east-1", "parallel_count=4"]
        return self.started("s3fs", ["s3fs", "lab", "{path}", "-f", "-o", ",".join(options)])

    def rclone(self, url=None):
        if not shutil.which("rclone"):
            return say("no rclone here: left out")
        env = {**self.sim.env, "RCLONE_CONFIG_SIM_TYPE": "s3", "RCLONE_CONFIG_SIM_PROVIDER": "Other",
               "RCLONE_CONFIG_SIM_ENDPOINT": url or self.sim.url, "RCLONE_CONFIG_SIM_REGION": "us-east-1",
               "RCLONE_CONFIG_SIM_ACCESS_KEY_ID": sigv4.KEY,
               "RCLONE_CONFIG_SIM_SECRET_ACCESS_KEY": sigv4.SECRET,
               "RCLONE_CONFIG": str(self.dir / "rclone.conf")}
        env.pop("AWS_CA_BUNDLE", None)  # its library refuses one here
        return self.started("rclone", ["rclone", "mount", "sim:lab", "{path}", "--read-only",
                                       "--vfs-cache-mode", "full", "--cache-dir", "{dir}/rclone-cache"],
                            env)

    def passthrough_ll(self, source):
        """libfuse's own example over a directory, with its pages kept."""
        program = self.dir / "passthrough_ll.bin"
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "fuse3"], capture_output=True,
                               text=True).stdout.split()
        built = EXAMPLE.exists() and subprocess.run(
            ["cc", "-O2", "-w", str(EXAMPLE), "-o", str(program), *flags]).returncode == 0
        if not built:
            return say("no passthrough_ll here (libfuse3-dev): left out")
        return self.started("passthrough_ll", [program, "-f", "-o", f"source={source},cache=always",
                                               "{path}"])

    def unmount(self, name):
        """Ends it, and forgets what it has cached."""
        mount = self.mounts.pop(name, None)
        if mount is None:
            return
        if isinstance(mount, conftest.Mount):
            mount.process.send_signal(signal.SIGTERM)
            mount.process.wait(60)
            mount.log.close()
            shutil.rmtree(mount.dir)
            return
        subprocess.run(["umount", "-l", self.dir / name])
        try:
            mount.wait(20)
        except subprocess.TimeoutExpired:
            mount.kill()
            mount.wait()
        shutil.rmtree(self.dir / f"{name}-cache", ignore_errors=True)

    def close(self):
        for name in list(self.mounts):
            self.unmount(name)
        for lane in self.lanes:
            lane.close()
        self.sim.kill()
        self.temp.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# ---- a thawfs


def data_file(mount):
    """The largest of its cache."""
    return max((mount.dir / "cache/data").rglob("*.*"), key=lambda p: p.stat().st_size)


def metric(mount, name):
    text = (mount.path / ".thaw/metrics").read_text()
    found = re.search(rf"^{re.escape(name)} +(\S+)$", text, re.M)
    assert found, f"no metric {name}"
    return float(found[1])


def evict(mount, path):
    """Cold again; its restored copy is still at the service."""
    def is_evicted():
        try:
            mount.ask(path, "evict")
        except OSError as e:
            assert e.errno == errno.EBUSY, e  # its reader's close is still on its way
        return mount.attribute(path, "state") not in ("cached", "fetching")

    conftest.until(is_evicted, 60, f"{path} being evicted")


def processor_s(process):
    """User and system time it has had."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def anonymous_mib(process):
    text = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+)", text)[1]) / 1024


def timed(run):
    began = time.monotonic()
    run()
    return time.monotonic() - began
