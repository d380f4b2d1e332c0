#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How fast bytes are proved, beside `openssl speed sha256`.

	tests/bench/digest.py [BUILD] [--rounds N]

A table on stderr, JSON on stdout. BUILD is a build directory without sanitizers (build-plain). In each
round openssl, digest_bench and openssl again are run for a second each; a ratio is to the mean of the two
openssl figures around it, and what is printed are the medians of the rounds.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def options():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("build", nargs="?", default=ROOT / "build-plain")
    p.add_argument("--rounds", type=int, default=5)
    return p.parse_args()


def openssl(processes):
    """Bytes per second of SHA-256 over pieces of 1 MiB, all processes together."""
    out = subprocess.run(["openssl", "speed", "-mr", "-seconds", "1", "-bytes", "1048576", "-multi",
                          str(processes), "-evp", "sha256"], capture_output=True, text=True, check=True)
    # "+F:22:sha256:1807.5…"; the last one is the sum where there are several
    last = [line for line in out.stdout.splitlines() if line.startswith("+F:")][-1]
    return float(last.split(":")[-1])


def main():
    args = options()
    bench = pathlib.Path(args.build).resolve() / "tests/bench/digest_bench"
    subprocess.run(["ninja", "-C", args.build, "tests/bench/digest_bench"], check=True,
                   stdout=subprocess.DEVNULL)
    processors = os.cpu_count()
    rounds = []
    for _ in range(args.rounds):
        before = openssl(1), openssl(processors)
        row = json.loads(subprocess.run([bench, "0.5"], capture_output=True, check=True).stdout)
        after = openssl(1), openssl(processors)
        row["openssl sha256"] = (before[0] + after[0]) / 2
        row["openssl sha256, all threads"] = (before[1] + after[1]) / 2
        row["tree hash / openssl"] = row["tree hash"] / row["openssl sha256"]
        row["all threads: tree hash / openssl"] = (row["tree hash, all threads"]
                                                   / row["openssl sha256, all threads"])
        row["tree hash: all threads / one"] = row["tree hash, all threads"] / row["tree hash"]
        rounds.append(row)
    result = {name: statistics.median(row[name] for row in rounds) for name in rounds[0]}
    for name, figure in result.items():
        text = f"{figure / 1e6:9.0f} MB/s" if figure > 1000 else f"{figure:9.2f}"
        print(f"{name:34}{text}", file=sys.stderr)
    print(json.dumps({"rounds": args.rounds, "load": os.getloadavg()[0], **result}))


if __name__ == "__main__":
    main()
