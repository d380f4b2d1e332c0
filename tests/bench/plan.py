#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""plan - how long `thaw plan -r` of a large tree takes, from the catalog alone.

  plan.py [--archives N]

Mounts a generated vault of N archives (one million), plans the tree three times, and prints a table
and a JSON line.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("THAW_BUILD", HERE.parent.parent / "build-plain"))
sys.path.insert(0, str(HERE.parent / "mount"))
os.environ["THAW_BUILD"] = str(BUILD)

import conftest  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--archives", type=int, default=1_000_000)
    n = parser.parse_args().archives
    with tempfile.TemporaryDirectory() as where:
        path = pathlib.Path(where)
        sim = conftest.sims.Sim(path, "--speed", 36000, "--generate",
                                f"vault=big,archives={n},seed=1")
        mount = conftest.Mount(path, sim, "glacier://us-east-1/big", "source.refresh=0")
        try:
            conftest.until(lambda: conftest.listed(mount.path), 600, "the catalog")
            runs, before = [], len(sim.requests())
            for _ in range(3):
                begin = time.monotonic()
                done = subprocess.run([BUILD / "tools/thaw/thaw", "plan", "-r", "--json",
                                       mount.path], capture_output=True, text=True)
                runs.append(time.monotonic() - begin)
                assert json.loads(done.stdout)["all"]["files"] == n, done
            asked = [r["operation"] for r in sim.requests()[before:]
                     if r["operation"] not in ("Clock", "ListJobs", "DescribeVault")]
            assert not asked, asked
        finally:
            mount.stop()
            sim.stop()
    print(f"{'archives':>12} {'seconds':>24} {'each':>10}")
    print(f"{n:>12} {' '.join(f'{r:7.2f}' for r in runs):>24} {min(runs) / n * 1e6:>7.2f} us")
    print(json.dumps({"archives": n, "seconds": runs, "load": os.getloadavg()[0]}))


if __name__ == "__main__":
    main()
