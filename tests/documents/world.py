# SPDX-License-Identifier: Apache-2.0
"""Where a document's blocks run: one shell, a home with credentials, thaw-sim for the services."""
import hashlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

from documents import ROOT

BUILD = pathlib.Path(os.environ.get("THAW_BUILD", ROOT / "build"))

# What the documents call theirs, and whose names the system has.
PEOPLE = {"anna": "daemon", "ben": "bin", "klein": "games", "lab": "users", "curators": "adm",
          "slurm": "daemon", "itadmin": "daemon", "pigenomics": "bin", "genomics": "adm",
          "film": "bin"}
# On a reader's machine -> below the test's directory; longest first.
PLACES = ["/usr/share/thawfs/slurm", "/usr/lib/thawfs", "/var/cache/thawfs", "/var/lib/thawfs",
          "/etc/updatedb.conf", "/etc/thawfs", "/etc/slurm", "/srv/thawfs", "/mnt/archive", "/archive",
          "/tmp/sim"]
RUN = b"run 7\n" * 30000


def until(true, seconds, what):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"{what} did not happen in {seconds} s"
        time.sleep(0.05)


def mounted(below):
    with open("/proc/self/mountinfo") as f:
        return [line.split()[4] for line in f if line.split()[4].startswith(str(below))]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def stocked(sim):
    """What the documents speak of: a vault, a bucket with two projects."""
    for vault in ("film-archive", "institute-2012"):
        sim.vault(vault)
        sim.upload(RUN * 16, "film.mov", vault=vault)
        sim.inventory(vault)
    for bucket in ("lab-cold", "institute-cold"):
        assert sim.s3("PUT", f"/{bucket}").status == 200
    for key, data in {"projects/2019/run-07.tar": RUN, "projects/2019/notes": b"notes\n",
                      "run42/a.dat": b"a" * 5000, "run42/b.dat": b"b" * 5000}.items():
        put = sim.s3("PUT", f"/lab-cold/{key}", data, {"x-amz-storage-class": "DEEP_ARCHIVE"})
        assert put.status == 200, put.body


class World:
    """`sim` may be ended early by a block that starts one itself."""

    def __init__(self, dir, sim, stand_ins):
        self.dir, self.sim, self.cwd = dir, sim, dir / "work"
        self.blocks = 0
        self.url = f"http://127.0.0.1:{free_port()}" if sim is None else sim.url
        self.sum = hashlib.sha256(RUN).hexdigest()
        for place in PLACES:
            (dir / place[1:]).parent.mkdir(parents=True, exist_ok=True)
        for place in ("mnt", "etc/thawfs", "etc/slurm", "usr/lib/thawfs", "srv/thawfs", "home/.aws",
                      "bin", "work"):
            (dir / place).mkdir(parents=True, exist_ok=True)
        (dir / "usr/share/thawfs/slurm").symlink_to(ROOT / "packaging/slurm")
        shutil.copy(BUILD / "tools/stage/thawfs-stage", dir / "usr/lib/thawfs")
        self.furnish()
        for name, (_, text) in stand_ins.items():
            self.program(name, f"set -e\n{text}")
        self.program("thawfs", f"""case " $* " in *" --print-config "*|*" --help "*) words= ;;
*) words=mount.clock={self.url}/_sim/clock,cache.reserve=0,restore.days=100$THAWFS_WORDS ;; esac
case $1 in *://*) words=$words,state.dir=$D/state,cache.dir=$D/cache ;; esac
exec {BUILD}/fs/thawfs "$@" ${{words:+-o "$words"}}""")
        self.program("thaw", f"""case "$1 $2" in "prices update") set -- "$@" --endpoint {self.url} ;; esac
case $1 in prices) set -- "$@" --state "$D/prices" ;; esac
exec {BUILD}/tools/thaw/thaw "$@\"""")
        self.program("thaw-sim", f'exec {BUILD}/tools/sim/thaw-sim "$@"')
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "XDG_"))}
        self.env |= {"HOME": str(dir / "home"), "D": str(dir), "ROOT": str(ROOT), "LC_ALL": "C.UTF-8",
                     "PATH": f"{dir}/bin:{BUILD}/tools/sim:{self.env['PATH']}",
                     "SYSTEM_PATH": "/usr/bin:/bin", "AWS_ENDPOINT_URL": self.url, "THAWFS_WORDS": "",
                     "AWS_EC2_METADATA_DISABLED": "true", "NO_COLOR": "1"}
        self.out = open(dir / "out", "w+")
        self.shell = None

    def furnish(self):
        """Files that documents take for granted."""
        home, etc = self.dir / "home", self.dir / "etc"
        (home / ".aws/credentials").write_text(
            "[default]\naws_access_key_id = AKIATHAWSIM000000000\n"
            "aws_secret_access_key = thaw-sim-secret\n")
        (home / ".aws/config").write_text("[default]\nregion = us-east-1\n")
        (etc / "thawfs/owners").write_text("/bucket, daemon, daemon, 0440, 0550\n")
        (etc / "thawfs/words").mkdir()
        (etc / "thawfs/mail").write_text("secret\n")
        (etc / "thawfs/hook").write_text("#!/bin/sh\n")
        (etc / "thawfs/hook").chmod(0o755)
        lab = (ROOT / "packaging/examples/bucket.conf").read_text().replace("= 50G", "= 0")
        lab = lab.replace("[cache]\n", f"[cache]\ndir = {self.dir}/cache-lab\n")
        (etc / "thawfs/lab.conf").write_text(f"{lab}\n[state]\ndir = {self.dir}/state-lab\n")
        shutil.copy(ROOT / "tools/sim/prices.d/AmazonS3/us-east-1.json", self.cwd / "offer.json")
        (etc / "updatedb.conf").write_text('PRUNEFS = "nfs tmpfs"\n')

    def program(self, name, text):
        path = self.dir / "bin" / name
        if "/" not in name:
            path.write_text(f"#!/bin/bash\n{text}\n")
            path.chmod(0o755)

    def place(self, text):
        for place in PLACES:
            text = re.sub(rf"(?<![\w/.]){re.escape(place)}(?![\w-])", f"{self.dir}{place}", text)
        return text.replace("http://127.0.0.1:8000", self.url).replace(
            "127.0.0.1:8000", self.url.removeprefix("http://"))

    def run(self, text, seconds=100):
        """In the document's shell; gives what it printed."""
        if self.shell is None:
            self.shell = subprocess.Popen(["bash", "-s"], stdin=subprocess.PIPE, stdout=self.out,
                                          stderr=self.out, text=True, cwd=self.cwd, env=self.env,
                                          start_new_session=True)
            self.shell.stdin.write("set -e -o pipefail\n")
        self.blocks += 1
        script, mark = self.dir / f"block-{self.blocks}", self.dir / f"done-{self.blocks}"
        script.write_text(self.place(expected(text)))
        at = self.out.seek(0, os.SEEK_END)
        self.shell.stdin.write(f"set -x; . {script} </dev/null; {{ set +x; }} 2>/dev/null\n: >{mark}\n")
        self.shell.stdin.flush()
        end = time.monotonic() + seconds
        while not mark.exists() and self.shell.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        self.out.seek(at)
        said = self.out.read()
        assert mark.exists(), f"it did not work as it is written:\n{text}\nwhat was printed:\n{said}"
        return said

    def mount(self, source, path, *words):
        path.mkdir(parents=True, exist_ok=True)
        self.run(f"thawfs {source} {path} -o {','.join(words)}" if words else f"thawfs {source} {path}")

    def starts(self, config):
        """Whether a daemon mounts it; what it said otherwise."""
        name = self.dir / f"config-{self.blocks}"
        self.blocks += 1
        name.mkdir()
        (name / "mnt").mkdir()
        (name / "thawfs.conf").write_text(config)
        words = f",state.dir={name}/state,cache.dir={name}/cache,cache.size=1G"
        env = {**self.env, "THAWFS_WORDS": words}
        with open(name / "log", "w") as log:
            daemon = subprocess.Popen([self.dir / "bin/thawfs", name / "thawfs.conf", name / "mnt", "-f"],
                                      env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        until(lambda: mounted(name) or daemon.poll() is not None, 60, "a start")
        stands = daemon.poll() is None
        if stands:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(30)
        return stands, (name / "log").read_text()

    def end(self):
        # Not into the mounts.
        locks = subprocess.run(["find", self.dir, "-xdev", "-name", "state.lock", "-exec", "cat", "{}", "+"],
                               capture_output=True, text=True, timeout=30).stdout
        daemons = [int(line.split()[0]) for line in locks.splitlines()]
        for path in mounted(self.dir):
            subprocess.run(["umount", "-l", path] if os.geteuid() == 0 else ["fusermount3", "-uz", path])
        if self.shell:
            try:
                os.killpg(self.shell.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
            self.shell.stdin.close()
            self.shell.wait(10)
        self.out.close()
        until(lambda: not any(of_thawfs(pid) for pid in daemons), 60, "the end of the daemons")


def of_thawfs(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text() == "thawfs\n"
    except OSError:
        return False


def expected(text):
    """Comments that say how a line ends."""
    lines = []
    for line in text.split("\n"):
        m = re.fullmatch(r"(.*\S)\s+# (fails|status (\d+)\b).*", line)
        if m:
            line = f"if {m[1]}; then false; fi" if m[2] == "fails" else f"{m[1]} || [ $? = {m[3]} ]"
        lines.append(line)
    return "\n".join(lines)


def renamed(text):
    return re.sub(r"(?<![\w@./-])(" + "|".join(PEOPLE) + r")(?![\w@./-])", lambda n: PEOPLE[n[1]], text)


def as_config(text):
    """With names of users and groups that every system has."""
    def named(m):
        return m[1] + renamed(m[2])
    return re.sub(r"^([a-z-]+ *=)([^;\n]*)", named, text, flags=re.M)


class Copy(World):
    """A copy of the sources, to build and install as a document says. What is installed goes below
    the test's directory; the editor is somebody who changes two words."""

    def __init__(self, dir, stand_ins):
        self.dir, self.blocks, self.shell = dir, 0, None
        self.cwd = dir / "thawfs"
        names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT,
                               check=True, capture_output=True).stdout.decode().split("\0")
        for name in filter(None, names):
            if (ROOT / name).is_file():
                (self.cwd / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.cwd / name, follow_symlinks=False)
        for words in (["init", "-q"], ["add", "-A"],
                      ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "copy"]):
            subprocess.run(["git", *words], cwd=self.cwd, check=True)
        (dir / "bin").mkdir()
        for name in ("sudo", "editor", "tests/run", ".ci/check"):
            path = self.cwd / name if "/" in name else dir / "bin" / name
            if path.exists():
                path.rename(f"{path}.real")
            path.write_text(f"#!/bin/bash\nset -e\n{stand_ins[name][1]}\n")
            path.chmod(0o755)
        self.env = {**os.environ, "PATH": f"{dir}/bin:{os.environ['PATH']}", "DESTDIR": str(dir / "root"),
                    "EDITOR": "editor"}
        self.env.pop("THAW_BUILD", None)
        self.out = open(dir / "out", "w+")

    def place(self, text):
        return text
