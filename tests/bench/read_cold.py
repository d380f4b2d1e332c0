# SPDX-License-Identifier: Apache-2.0
"""The parts of read.py for large files that are not cached: their restored copies are at the service, so
what is measured is the look at it, the transfer, the proof, the write, the sync and the row in the index.

An object has parts of 16 MiB with a checksum each, as most large ones have: a part is proved, and read,
while the next ones come."""
import os
import subprocess

from world import MIB, Rounds, World, evict, processor_s, read, touch, written

PART = 16 * MIB
CHUNK = 16 * MIB  # cache.chunk's default
RATE = 100e6
BREAK = 16 * MIB


def objects(args):
    """s3fs and rclone look at the storage class, so they get theirs; the bytes are the same."""
    common = {"size": args.size * MIB, "fill": "x", "part-size": PART, "checksum": "crc32-composite"}
    return [{"key": "cold", "storage-class": "DEEP_ARCHIVE", **common},
            {"key": "online", "storage-class": "STANDARD", **common}]


def curl(url):
    done = subprocess.run(["curl", "-sf", "-o", os.devnull, "-w", "%{speed_download}", url],
                          capture_output=True, text=True)
    assert done.returncode == 0, done
    return float(done.stdout) / 1e6


def through_thawfs(mount, path, rounds, name="thawfs"):
    """Once, and made cold again."""
    size = path.stat().st_size
    touch(mount.dir, 2 * size)
    before = processor_s(mount.process)
    rounds.add(name, read("read", path))
    mount.wait_state(path, "cached", seconds=300)
    spent = processor_s(mount.process) - before
    evict(mount, path)
    return spent / (size / 1e9)


def cold(args):
    rounds, processor, size = Rounds(), Rounds(), args.size * MIB
    with World(objects(args)) as world:
        mount = world.thawfs()
        path = mount.path / "lab/cold"
        address = world.address("cold")
        curl(address)
        for _ in range(args.rounds):
            rounds.add("curl", curl(address))
            processor.add("core-seconds a GB", through_thawfs(mount, path, rounds))
            touch(world.dir, 2 * size)
            rounds.add("disk", written(world.dir, size))
            for name in ("s3fs", "rclone"):
                at = getattr(world, name)()
                touch(world.dir, 2 * size)
                rounds.add(name, read("read", at / "online") if at else None)
                world.unmount(name)
    result = rounds.tell("cold stream", "MB/s", {
        "thawfs / min(0.45 curl, 0.9 disk)": rounds.ratio("thawfs", (0.45, "curl"), (0.9, "disk"), goal=1),
        "thawfs / curl": rounds.ratio("thawfs", "curl"),
        "thawfs / disk": rounds.ratio("thawfs", "disk"),
        "thawfs / s3fs": rounds.ratio("thawfs", "s3fs", goal=1.5),
        "thawfs / rclone": rounds.ratio("thawfs", "rclone", goal=1.5)})
    result["processor"] = processor.tell("cold stream, the daemon's processor time", "", {})
    return result


def slow(args):
    rounds = Rounds()
    with World(objects(args)) as world:
        lane = world.lane("--rate", RATE)
        mount = world.thawfs("thawfs", lane)
        path = mount.path / "lab/cold"
        for _ in range(args.rounds):
            rounds.add("curl", curl(world.address("cold", lane)))
            through_thawfs(mount, path, rounds)
    return rounds.tell("cold stream, the service gives 100 MB/s", "MB/s", {
        "thawfs / curl": rounds.ratio("thawfs", "curl", goal=0.97)})


def fetched(world):
    """Bytes of answers the simulator has billed."""
    return sum(int(line["quantity"]) for line in world.sim.bill()["lines"]
               if line["component"] == "transfer")


def breaks(args):
    rounds, again = Rounds(), Rounds()
    size = args.size * MIB
    with World(objects(args)) as world:
        lanes = {"whole": world.lane(), "broken": world.lane("--reset-every", BREAK)}
        for name, lane in lanes.items():
            mount = world.thawfs(name, lane)
            evict_path = mount.path / "lab/cold"
            read("first", evict_path)  # the look, the first connection
            mount.wait_state(evict_path, "cached", seconds=300)
            evict(mount, evict_path)
        for _ in range(args.rounds):
            for name in lanes:
                before = fetched(world)
                mount = world.mounts[name]
                through_thawfs(mount, mount.path / "lab/cold", rounds, name)
                again.add(name, 100 * ((fetched(world) - before) / size - 1))
    result = rounds.tell("cold stream, connections reset after 16 MiB", "MB/s", {
        "broken / whole": rounds.ratio("broken", "whole", goal=0.7)})
    result["again"] = again.tell("fetched again (at most 8 %)", "%", {})
    return result


def first(args):
    """A chunk's time is curl's for the first chunk; the rest is looking, proving, waking."""
    rounds, over = Rounds(), Rounds()
    with World(objects(args)) as world:
        mount = world.thawfs()
        path = mount.path / "lab/cold"
        address = world.address("cold")
        for _ in range(max(args.rounds, 9)):
            chunk = 1000 * CHUNK / 1e6 / curl(address)
            ours = read("first", path)
            rounds.add("a chunk by curl", chunk)
            rounds.add("first 64 KiB", ours)
            over.add("more than a chunk", ours - chunk)
            mount.wait_state(path, "cached", seconds=300)
            evict(mount, path)
    result = rounds.tell("first byte of a file whose copy is there", "ms", {})
    result["over"] = over.tell("first byte, over a chunk's transfer (at most 50)", "ms", {})
    return result
