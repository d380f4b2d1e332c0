#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a transfer makes of bytes that are ready: one large archive, and many small ones, beside curl
that downloads the same bytes and uploads them again, at the same simulator; and its memory.

	THAW_BUILD=DIR tests/bench/transfer.py [ROUNDS]	a table on stderr, JSON on stdout

LARGE (MiB) is 1024, SMALL (how many, of 8 KiB) 10000 unless set. The restores are over before the clock
starts: it runs from the moment they are ready to the end of the command, so the mount's part of the work
is in it, its hashing and its cache on disk. curl hashes nothing and keeps nothing but the file that it
sends. Both have 16 connections for the small ones, one for the large one's curl.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import world
from world import BUILD, MIB, Rounds, conftest, say

sims = conftest.sims
LARGE = int(os.environ.get("LARGE", 1024)) * MIB
SMALL = int(os.environ.get("SMALL", 10_000))
SIZE = 8 << 10


def peak_mib(process):
    try:
        for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0


class Vault:
    """A simulator with a vault of these sizes, and a mount of it; service time stands almost still."""

    def __init__(self, folder, sizes):
        self.dir, self.n, self.bytes = folder, len(sizes), sum(sizes)
        archives = [{"description": f"d/{i:06}", "size": s, "fill": str(i)}
                    for i, s in enumerate(sizes)]
        (folder / "seed.json").write_text(json.dumps({
            "vaults": [{"name": "photos", "archives": archives}], "buckets": [{"name": "dst"}]}))
        self.sim = sims.Sim(folder, "--speed", 60, "--seed", folder / "seed.json")
        self.sim.inventory("photos")
        self.mount = conftest.Mount(folder, self.sim, "glacier://us-east-1/photos",
                                    "restore.tier=bulk")
        while not conftest.listed(self.mount.path):
            self.mount.advance(1)

    def end(self):
        self.mount.kill()
        self.sim.stop()

    def jobs(self):
        return [line for line in self.sim.bill()["lines"]
                if line["operation"] == "InitiateJob" and line["component"] == "retrieval"]

    def transfer(self, concurrency):
        """Seconds from ready to stored, and the command's and the daemon's memory at their most."""
        run = subprocess.Popen(
            [str(w) for w in (BUILD / "tools/thaw/thaw", "transfer", "--yes", "--tier", "bulk",
                              "--state", self.dir / "transfer", "--endpoint", self.sim.url,
                              "--concurrency", concurrency, self.mount.path, "s3://dst/in")],
            env=self.sim.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        conftest.until(lambda: run.poll() is not None or len(self.jobs()) == self.n, 1800, "asking")
        self.sim.advance("13h")
        began, most = time.monotonic(), 0
        while run.poll() is None:
            most = max(most, peak_mib(run))
            time.sleep(0.02)
        took = time.monotonic() - began
        assert run.returncode == 0, run.returncode
        return took, most, peak_mib(self.mount.process)

    def outputs(self):
        """Where each restored archive can be got."""
        marker, found = "", []
        while marker is not None:
            page = self.sim.glacier("GET", "/vaults/photos/jobs?completed=true&limit=1000" + (
                f"&marker={marker}" if marker else "")).json
            found += [f"{self.sim.url}/-/vaults/photos/jobs/{job['JobId']}/output"
                      for job in page["JobList"] if job["Action"] == "ArchiveRetrieval"]
            marker = page["Marker"]
        assert len(found) >= self.n
        return found[:self.n]

    def curl(self, service, lines):
        (self.dir / "curl.conf").write_text("\n".join(lines) + "\n")
        key = f"{sims.sigv4.KEY}:{sims.sigv4.SECRET}"
        subprocess.run(["curl", "-sSf", "--parallel", "--parallel-max", "16", "--aws-sigv4",
                        f"aws:amz:us-east-1:{service}", "--user", key, "-K",
                        self.dir / "curl.conf", *(
                            ["-H", "x-amz-glacier-version: 2012-06-01"] if service == "glacier"
                            else ["-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"])],
                       check=True, stdout=subprocess.DEVNULL, timeout=1800)

    def by_curl(self):
        outputs, files = self.outputs(), self.dir / "files"
        files.mkdir()
        began = time.monotonic()
        self.curl("glacier", [f'url="{url}"\noutput="{files}/{i}"'
                              for i, url in enumerate(outputs)])
        self.curl("s3", [f'url="{self.sim.url}/dst/curl/{i}"\nupload-file="{files}/{i}"\n'
                         'output="/dev/null"' for i in range(len(outputs))])
        took = time.monotonic() - began
        shutil.rmtree(files)
        return took


def one(sizes, concurrency, name, rounds, memory):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="transfer-bench-"))
    vault = None
    try:
        vault = Vault(folder, sizes)
        took, most, daemon = vault.transfer(concurrency)
        memory.add(f"thaw transfer, {name}", most)
        memory.add(f"thawfs, {name}", daemon)
        rounds.add("thaw transfer", vault.bytes / took / 1e6)
        rounds.add("files a second", vault.n / took)
        rounds.add("curl", vault.bytes / vault.by_curl() / 1e6)
    finally:
        if vault:
            vault.end()
        shutil.rmtree(folder)


def main():
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    large, small, memory = Rounds(), Rounds(), Rounds()
    for _ in range(turns):
        one([LARGE], 64, f"{LARGE // MIB} MiB in 64 parts at once", large, memory)
        one([SIZE] * SMALL, 16, f"{SMALL} of 8 KiB", small, memory)
    told = {
        "large": large.tell(f"One archive of {LARGE // MIB} MiB", "MB/s",
                            {"to curl": large.ratio("thaw transfer", "curl")}),
        "small": small.tell(f"{SMALL} archives of 8 KiB", "MB/s, 1/s",
                            {"to curl": small.ratio("thaw transfer", "curl")}),
        "memory": memory.tell("Memory at its most", "MiB", {}),
    }
    print(json.dumps(told, indent=1))
    say(f"\nload {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    assert world.BUILD
    main()
