# SPDX-License-Identifier: Apache-2.0
"""The parts of read.py for many files: ten thousand small ones, and four large ones at once."""
import random
import shutil
import subprocess
import threading
import time

from world import BUILD, MIB, Rounds, World, anonymous_mib, read, timed

SMALL, LARGE = 4 << 10, 1 << 20
MEMORY_MIB = 128


def sizes(n):
    """From 4 KiB to 1 MiB, as many in each doubling."""
    lot = random.Random(1)
    return [int(SMALL * (LARGE / SMALL) ** lot.random()) for _ in range(n)]


def tar(mount, total, is_asked):
    """One file after the other; or all of them are asked for before, and come several at once."""
    if is_asked:
        subprocess.run([BUILD / "tools/thaw/thaw", "get", "-r", "--wait", mount.path / "lab/run"],
                       check=True, stdout=subprocess.DEVNULL)
    # Through a pipe: what goes to /dev/null tar does not read.
    done = subprocess.run(["sh", "-c", 'tar c -C "$0" run | wc -c', mount.path / "lab"],
                          capture_output=True, text=True)
    assert not done.stderr and int(done.stdout) > total, done.stderr[-300:]


def small(args):
    rounds, each = Rounds(), sizes(args.files)
    objects = [{"key": f"run/{i // 1000:02}/{i:05}", "storage-class": "DEEP_ARCHIVE", "size": size,
                "fill": str(i)} for i, size in enumerate(each)]
    with World(objects) as world:
        target = world.dir / "copied"
        has_aws = shutil.which("aws")
        for _ in range(args.rounds):
            # A mount of its own each time: nothing of the one before is known.
            for name, is_asked in {"tar": False, "thaw get -r, tar": True}.items():
                mount = world.thawfs()
                rounds.add(name, len(each) / timed(lambda: tar(mount, sum(each), is_asked)))
                world.unmount("thawfs")
            if has_aws:
                took = timed(lambda: subprocess.run(
                    ["aws", "--endpoint-url", world.sim.url, "s3", "cp", "--recursive", "--quiet",
                     "--force-glacier-transfer", "s3://lab/run", target], env=world.sim.env, check=True))
                rounds.add("aws s3 cp --recursive", len(each) / took)
                shutil.rmtree(target)
    return rounds.tell(f"{args.files} files of 4 KiB to 1 MiB, {sum(each) / 1e6:.0f} MB", "files/s", {
        f"{name} / aws": rounds.ratio(name, "aws s3 cp --recursive")
        for name in ("tar", "thaw get -r, tar")})


def memory(args):
    """Four readers at once, each of a file that is larger than all buffers together."""
    rounds = Rounds()
    objects = [{"key": f"large{i}", "storage-class": "STANDARD", "size": args.memory * MIB, "fill": "x",
                "part-size": 16 * MIB, "checksum": "crc32-composite"} for i in range(4)]
    with World(objects) as world:
        mount = world.thawfs()
        before, most, failed = anonymous_mib(mount.process), 0, []

        def one(i):
            try:
                read("read", mount.path / f"lab/large{i}")
            except AssertionError as e:
                failed.append(str(e))

        threads = [threading.Thread(target=one, args=(i,)) for i in range(4)]
        for t in threads:
            t.start()
        while any(t.is_alive() for t in threads):
            most = max(most, anonymous_mib(mount.process))
            time.sleep(0.05)
        assert not failed, failed
        rounds.add("RssAnon before", before)
        rounds.add("RssAnon at most", most)
        rounds.add("RssAnon after", anonymous_mib(mount.process))
    return rounds.tell(f"four files of {args.memory} MiB at once (at most {MEMORY_MIB})", "MiB", {})
