# SPDX-License-Identifier: Apache-2.0
"""The part of read.py for what is cached: in the disk's page cache too, as after any recent use."""
import subprocess

from world import MIB, Rounds, World, data_file, forget, metric, read, say

# What is measured, and how. Before a first read the pages of the mount's own inode are dropped, where it
# has any: what is read then is read through the daemon.
MEASURES = {"first read": "read", "re-read": "read", "4 KiB reads": "random", "mmap scan": "map"}
READS = 'thawfs_requests_total{op="read"}'


def window_kib(path):
    """The kernel's read-ahead window of a mount."""
    dev = subprocess.run(["mountpoint", "-d", path], capture_output=True, text=True).stdout.strip()
    with open(f"/sys/class/bdi/{dev}/read_ahead_kb") as f:
        return int(f.read())


def contenders(world, size):
    """Everybody's path of the same bytes, read once."""
    mount = world.thawfs()
    path = mount.path / "lab/large"
    read("read", path)
    mount.wait_state(path, "cached", seconds=120)
    native = data_file(mount)
    example = world.passthrough_ll(native.parent)
    s3fs, rclone = world.s3fs(), world.rclone()
    paths = {"native": native, "thawfs": path, "passthrough_ll": example and example / native.name,
             "s3fs": s3fs and s3fs / "large", "rclone": rclone and rclone / "large"}
    paths = {name: p for name, p in paths.items() if p}
    for name, p in paths.items():
        read("read", p)
        assert p.stat().st_size == size, name
    return mount, paths


def warm(args):
    size = args.size * MIB
    rounds = {m: Rounds() for m in MEASURES}
    with World([{"key": "large", "storage-class": "STANDARD", "size": size, "fill": "x"}]) as world:
        mount, paths = contenders(world, size)
        asked = Rounds()
        for _ in range(args.rounds):
            for name, path in paths.items():
                for what, how in MEASURES.items():
                    if what == "first read" and name != "native":
                        forget(path)
                    before = metric(mount, READS)
                    rounds[what].add(name, read(how, path))
                    if name == "thawfs" and how != "random":
                        asked.add(what, (metric(mount, READS) - before) / args.size)
        said = mount.said()
        result = {"passthrough": "passthrough=yes" in said and "passthrough=no the kernel" not in said,
                  "read_ahead_kib": {n: window_kib(world.dir / n / ("mnt" if n == "thawfs" else ""))
                                     for n in paths if n != "native"}}
    say(f"\nwarm: passthrough={result['passthrough']}, read-ahead windows {result['read_ahead_kib']} KiB")
    for what, r in rounds.items():
        result[what] = r.tell(f"warm, {what}", "reads/s" if what == "4 KiB reads" else "MB/s", {
            f"thawfs / {base}": r.ratio("thawfs", base) for base in paths if base != "thawfs"})
    result["requests"] = asked.tell("warm, READ requests per MiB to thawfs", "", {})
    return result
