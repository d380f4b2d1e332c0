# SPDX-License-Identifier: Apache-2.0
"""What is done with a block: (world, block) each. What is wrong is an assertion that fails."""
import json
import os
import re
import shutil
import subprocess

from documents import ROOT, blocks
from world import BUILD, as_config, until

SUM = "SHA-256 of run-07.tar"


def run(*says, before=None):
    """A shell block, whose output has these lines (regular expressions)."""
    def do(world, block):
        if before:
            before(world)
        said = world.run(block.text)
        said = "\n".join(line for line in said.split("\n") if not line.startswith("+"))
        for pattern in says:
            pattern = world.sum if pattern == SUM else pattern
            assert re.search(pattern, said, re.M), f"{block.name}: nothing like {pattern!r} in\n{said}"
    return do


def written(name):
    """A file that later blocks use; a configuration is one that a daemon starts with."""
    def do(world, block):
        (world.cwd / name).write_text(world.place(as_config(block.text)))
        if name.endswith(".conf"):
            config(world, block)
    return do


def config(world, block):
    """A daemon starts with it, with the sources of the README where it names none."""
    text = block.text
    if not re.search(r"^url *=", text, re.M):
        sources = blocks("README.md")[2].text.split("[cache]")[0]
        for name, rest in re.findall(r"^\[source (\w+)\][^\n]*\n(.*?)(?=^\[|\Z)", text, re.M | re.S):
            sources = sources.replace(f"[source {name}]\n", f"[source {name}]\n{rest.rstrip()}\n")
            text = re.sub(rf"^\[source {name}\].*?(?=^\[|\Z)", "", text, flags=re.M | re.S)
        text = sources + text
    stands, said = world.starts(world.place(as_config(text)))
    assert stands, f"{block.name}: {said}\n{text}"


def layers(world, block):
    """Each directory of the drawing exists."""
    for directory in re.findall(r"[a-z]+/(?:[a-z]+/)*", block.text.replace("/dev/fuse", "")):
        assert (ROOT / directory).is_dir(), directory


def drop_in(unit):
    """systemd takes it, beside the shipped unit."""
    def do(world, block):
        units = world.dir / "units"
        (units / f"{unit}.d").mkdir(parents=True)
        (units / f"{unit}.d/override.conf").write_text(block.text)
        (units / unit).write_text("[Service]\nExecStart=/bin/true\n")
        shutil.copy(ROOT / "packaging/systemd/thawfs@.service", units / "thawfs@.service")
        text = (units / "thawfs@.service").read_text()
        (units / "thawfs@.service").write_text(re.sub("/usr/(bin|lib)/thawfs\\S*", "/bin/true", text))
        for named in re.findall(r"=(\S+)", block.text):
            assert re.fullmatch(r"thawfs@\w+\.service", named), named
        if not shutil.which("systemd-analyze"):
            return
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", units / unit], text=True,
                              capture_output=True, timeout=60,
                              env={**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"})
        assert str(units) not in done.stderr, done.stderr
    return do


def job_script(world, block):
    """Its lines are understood, what they name is priced, and what runs later finds the files."""
    asked = [line for line in block.text.split("\n") if line.startswith("#THAW")]
    assert asked and block.text.startswith("#!/bin/bash\n#SBATCH ")
    group = subprocess.run(["id", "-gn"], text=True, capture_output=True, check=True).stdout.strip()
    spec = "\n".join(asked).replace("group=lab", f"group={group}")
    world.run(f"thaw stage check --spec '{spec}'")
    # Three days of the simulator's are some seconds, too few for a machine that is busy.
    spec = re.sub(r"\bdays=\d+", "days=300", spec)
    world.run(f"thaw stage in --job 1 --timeout 1m --spec '{spec}'\n"
              f"until thaw stage wait --job 1 --timeout 1s --spec '{spec}'; do [ $? = 75 ]; done\n")
    assert "a.dat" in world.run(block.text)


def slurm_conf(world, block):
    """Lines with which tests/slurm starts a real one; of numbers the key."""
    real = (ROOT / "tests/slurm/conftest.py").read_text()
    for line in block.text.split():
        for word in line.split(","):
            assert re.sub(r"=\d+$", "=", word) in real, word


def joined(text):
    return re.sub(r"[ \t]+", " ", text.replace("\\\n", " "))


def transfer_words(world, block):
    """Of a region that nobody here has: the options are there, and tests/transfer runs them."""
    known = world.run("thaw transfer --help")
    run = "".join(p.read_text() for p in (ROOT / "tests/transfer").glob("*.py"))
    commands = joined(block.text).strip().split("\n")
    assert all("transfer" in command for command in commands), commands
    for option in re.findall(r"--[a-z]+", " ".join(c for c in commands if c.startswith("thaw "))):
        assert option in known and f'"{option}"' in run, option


def job_array(world, block):
    """The commands that the shipped script says of itself, which tests/slurm starts with a real Slurm."""
    transfer_words(world, block)
    script = ROOT / "packaging/slurm/transfer.sh"
    says = joined(re.sub(r"(?m)^#\s*", "", script.read_text()))
    assert os.access(script, os.X_OK)
    for command in joined(block.text).strip().split("\n"):
        command = command.replace("/usr/share/thawfs/slurm/", "").removesuffix("...").strip()
        assert command in says, command


def layout(world, block):
    """The files of a mount that was used are those that are listed, and none else."""
    patterns = []
    for line in block.text.splitlines():
        name = re.escape(line.split()[0])
        for word, like in (("SOURCE", "[^/]+"), ("XX", "[0-9a-f]{2}"), (r"\.N\.", r"\.[0-9]+\."),
                           (r"INO\.GEN", r"[0-9a-f]{16}\.[0-9a-f]{16}"), (r"\*/", ".*/")):
            name = name.replace(word, like)
        patterns.append(re.compile(name + ("[^/]*" if name.endswith("/") else "")))
    world.run(f"cat {world.dir}/mnt/archive/2019/notes")
    found = [f"{kind}/{p.relative_to(world.dir / kind.lower())}" for kind in ("STATE", "CACHE")
             for p in (world.dir / kind.lower()).rglob("*") if p.is_file()]
    for name in found:
        assert any(p.fullmatch(name) for p in patterns), f"{name} is not listed in {block.name}"
    for pattern in patterns:
        optional = re.search(r"new\\\.mdb|renames|prices|NAME", pattern.pattern)
        assert optional or any(pattern.fullmatch(n) for n in found), f"no file is like {pattern.pattern}"


def seed(world, block):
    """With values in the places of words and dots a simulator starts with it, and has what it names."""
    (world.dir / "content").write_text("x")
    text = block.text.replace("...", "words").replace(":N", ":7")
    text = text.replace('"PATH"', f'"{world.dir}/content"').replace('"HEX"', f'"{"5e" * 32}"')
    (world.dir / "seed.json").write_text(text)
    sim = subprocess.Popen([BUILD / "tools/sim/thaw-sim", "--listen", "127.0.0.1:0", "--data",
                            world.dir / "seeded", "--seed", world.dir / "seed.json"], text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        line = sim.stdout.readline()
        assert line.startswith("thaw-sim: listening"), line
        said = subprocess.run([world.dir / "bin/aws", "--endpoint-url", line.split()[-1], "s3api",
                               "list-objects-v2", "--bucket", json.loads(text)["buckets"][0]["name"]],
                              env=world.env, text=True, capture_output=True, timeout=60)
        assert '"DEEP_ARCHIVE"' in said.stdout, said
    finally:
        sim.terminate()
        sim.wait(20)
        sim.stdout.close()


def bill(world, block):
    """The real one has these members, and no others."""
    shown = json.loads(block.text.replace("...", '"x"'))
    real = world.sim.bill()
    assert set(shown) == set(real), (shown, real)
    assert set(shown["lines"][0]) == set(real["lines"][0]) - {"days", "payer"}, (shown, real)


def event(world, block):
    """What a hook is told when a file is here has these members, each of this kind."""
    hook = world.dir / "etc/thawfs/hook"
    hook.write_text(f"#!/bin/sh\ncat >>{world.dir}/events\n")
    place, told = world.dir / "mnt/told", world.dir / "events"
    world.mount("s3://lab-cold/projects", place, "source.region=us-east-1", f"notice.hook={hook}")
    world.run(f"cat {place}/2019/notes")
    until(lambda: told.exists() and '"ready"' in told.read_text(), 60, "an event")
    real = next(e for e in map(json.loads, told.read_text().splitlines()) if e["event"] == "ready")
    shown = json.loads(block.text)
    assert {k: type(v) for k, v in shown.items()} == {k: type(v) for k, v in real.items()}, real


def faults(world, block):
    assert "rules" in world.sim.admin("POST", "faults", json.loads(block.text.replace("{...}", "{}")))
    world.sim.admin("DELETE", "faults")


def simulator_ends(world):
    """The block starts its own, at the same address."""
    world.sim.stop()


def work(world):
    """What a user's second job does."""
    (world.cwd / "work.sh").write_text(f"cd {world.dir}/archive/run42 && md5sum *.dat >$D/sums\n"
                                       "md5sum -c $D/sums\n")


def unit_lines(world, block):
    """They are the shipped unit's, for the mount "lab"; what is left out is dots."""
    shipped = (ROOT / "packaging/systemd/thawfs@.service").read_text().replace("%i", "lab")
    plain = " ".join(shipped.replace("\\\n", " ").split())
    for line in block.text.replace("\\\n", " ").splitlines():
        words = re.escape(" ".join(line.split())).replace(r"\.\.\.", ".*")
        assert re.search(words, plain), line


def fstab(world, block):
    """It is a line of the shipped sample, in which findmnt finds nothing wrong."""
    line = block.text.replace("\\\n", " ").strip()
    source, target, kind, *words, dump, fsck = line.split()
    line = f"{source} {target} {kind} {''.join(words)} {dump} {fsck}"
    sample = (ROOT / "packaging/examples/fstab").read_text()
    assert f"\n{line}\n" in sample, line
    (world.dir / "fstab").write_text(world.place(sample))
    (world.dir / "srv/thawfs/lab").mkdir(parents=True, exist_ok=True)
    if shutil.which("findmnt"):
        done = subprocess.run(["findmnt", "--verify", "--tab-file", world.dir / "fstab"], text=True,
                              capture_output=True, timeout=30)
        said = done.stdout + done.stderr
        assert "[E]" not in said and not re.search(r"[1-9]\d* parse error", said), said
