#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How fast files are read, cached and cold, beside what else a machine has for it.

	tests/bench/read.py [BUILD] [--parts NAME,...] [--size MIB] [--rounds N]

A table on stderr, JSON on stdout. BUILD is a build directory without sanitizers (build-plain). thaw-sim
stands in for the service, on the same processors. Parts, in this order (all, if none is named):

	warm	the same cached bytes read natively, through thawfs, passthrough_ll (of libfuse's own
		examples), s3fs and rclone, each with its cache warm
	cold	a restored object through the mount for the first time, beside curl, the disk, s3fs, rclone
	slow	the same where the service gives 100 MB/s
	breaks	the same where each connection is reset after 16 MiB
	first	until the first byte of a file whose restored copy is there
	small	--files files of 4 KiB to 1 MiB with tar, and with `thaw get -r` before it, beside
		`aws s3 cp --recursive`
	memory	anonymous memory of the daemon while four files of --memory MIB come at once

In each round everything is measured once, one after the other; a figure is the median of the rounds, a
ratio the median of the rounds' ratios. Who needs what is not here (packages s3fs, rclone, awscli;
libfuse3-dev for passthrough_ll) is left out, and said so. As root, for the mounts.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def options():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("build", nargs="?", default=ROOT / "build-plain")
    p.add_argument("--parts", default="warm,cold,slow,breaks,first,small,memory")
    p.add_argument("--size", type=int, default=512, help="MiB of the large file")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--files", type=int, default=10_000)
    p.add_argument("--memory", type=int, default=2048, help="MiB of each of the four files")
    return p.parse_args()


def main():
    args = options()
    os.environ["THAW_BUILD"] = str(pathlib.Path(args.build).resolve())
    subprocess.run(["ninja", "-C", args.build, "fs/thawfs", "tools/sim/thaw-sim", "tools/thaw/thaw",
                    "tests/bench/reader"],
                   check=True, stdout=subprocess.DEVNULL)
    import read_cold
    import read_many
    import read_warm
    parts = {"warm": read_warm.warm, "cold": read_cold.cold, "slow": read_cold.slow,
             "breaks": read_cold.breaks, "first": read_cold.first, "small": read_many.small,
             "memory": read_many.memory}
    result = {"options": {k: str(v) for k, v in vars(args).items()}, "load_before": os.getloadavg()[0]}
    for name in args.parts.split(","):
        result[name] = parts[name](args)
    result["load_after"] = os.getloadavg()[0]
    print(json.dumps(result))


if __name__ == "__main__":
    sys.exit(main())
