# SPDX-License-Identifier: Apache-2.0
"""A Slurm of one machine, the distribution's: munged, slurmctld and slurmd on loopback, in a directory of
its own, with what packaging/slurm has beside its slurm.conf; and a mount for it to stage from."""
import grp
import importlib.util
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SHIPPED = ROOT / "packaging/slurm"

_spec = importlib.util.spec_from_file_location("mount_fixtures", HERE.parent / "mount/conftest.py")
mounts = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(mounts)
pytest_runtest_makereport = mounts.pytest_runtest_makereport
start_sim, start_mount, until = mounts.start_sim, mounts.start_mount, mounts.until
BUILD = mounts.BUILD
THAW = BUILD / "tools/thaw/thaw"

# One submits; the other may not read what is the first one's.
USERS = ("thawjobs", "thawother")

CONF = """
ClusterName=thaw
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=slurm
AuthType=auth/munge
AuthInfo=socket={dir}/munge/socket
CredType=cred/munge
StateSaveLocation={dir}/state
SlurmdSpoolDir={dir}/spool
SlurmctldPidFile={dir}/state/slurmctld.pid
SlurmdPidFile={dir}/spool/slurmd.pid
SlurmctldLogFile={dir}/log/slurmctld.log
SlurmdLogFile={dir}/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=bf_interval=2,sched_interval=2,batch_sched_delay=0
MailProg=/bin/true
ReturnToService=2
MinJobAge=600
BurstBufferType=burst_buffer/lua
JobSubmitPlugins=lua
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=1000
PartitionName=debug Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""

SITE = """return {{
	stage = "{stage}",
	mail_domain = "example.test",
	mail = "{mail}",
	gateways = {{ far = {{ "{ssh}", "far.example.test" }} }},
}}
"""


def free_ports(n):
    held = [socket.socket() for _ in range(n)]
    for s in held:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def ended(pid):
    try:
        return "\nState:\tZ" in pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


class Slurm:
    def __init__(self, path, user):
        self.dir, self.user = path, user
        self.env = {"PATH": f"{BUILD / 'tools/thaw'}:/usr/sbin:/usr/bin:/sbin:/bin",
                    "SLURM_CONF": str(path / "etc/slurm.conf"), "LC_ALL": "C.UTF-8"}
        for name in ("etc", "log", "state", "spool", "munge", "out"):
            (path / name).mkdir()
        for name in ("log", "state"):
            shutil.chown(path / name, "slurm")
        (path / "out").chmod(0o1777)
        self.write_etc()
        self.start_munge()
        self.start_ctld()
        subprocess.run(["slurmd"], env=self.env, check=True, timeout=20)
        until(lambda: self.say("sinfo", "-h", "-o", "%t").stdout.strip() == "idle", 30, "the node")

    def write_etc(self):
        etc = self.dir / "etc"
        ports = free_ports(2)
        (etc / "slurm.conf").write_text(CONF.format(host=socket.gethostname().split(".")[0],
                                                    dir=self.dir, ports=ports))
        version = int(re.search(r"(\d+)\.", self.say("slurmctld", "-V").stdout)[1])
        if version >= 24:
            (etc / "cgroup.conf").write_text("CgroupPlugin=disabled\n")
        for name in ("burst_buffer.conf", "burst_buffer.lua", "job_submit.lua"):
            shutil.copy(SHIPPED / name, etc / name)
        self.make_stage()
        for name, text in (("mail", f'echo "$2 $3" >> {self.dir}/out/mails; cat >> {self.dir}/out/mails\n'),
                           ("ssh", 'shift; exec sh -c "$1"\n')):
            (self.dir / name).write_text("#!/bin/sh\n" + text)
            (self.dir / name).chmod(0o755)
        (etc / "thaw-site.lua").write_text(SITE.format(
            stage=self.stage, mail=self.dir / "mail", ssh=self.dir / "ssh"))

    def make_stage(self):
        """The program itself, for the `thaw` of this build, as an administrator sets it up."""
        self.stage = self.dir / "thawfs-stage"
        subprocess.run(["cc", "-std=gnu17", "-Wall", "-D_GNU_SOURCE", f'-DTHAW_PROGRAM="{THAW}"',
                        ROOT / "tools/stage/stage.c", "-o", self.stage], check=True)
        shutil.chown(self.stage, 0, "slurm")
        self.stage.chmod(0o4750)

    def start_munge(self):
        m = self.dir / "munge"
        m.chmod(0o755)
        (m / "key").write_bytes(os.urandom(128))
        (m / "key").chmod(0o600)
        subprocess.run(["munged", f"--socket={m}/socket", f"--key-file={m}/key",
                        f"--pid-file={m}/pid", f"--log-file={m}/log", f"--seed-file={m}/seed"],
                       check=True, timeout=20)

    def start_ctld(self):
        subprocess.run(["slurmctld"], env=self.env, check=True, timeout=20)
        until(lambda: self.say("scontrol", "ping").stdout.endswith("UP\n"), 30, "slurmctld")

    def end(self, pid_file, how=signal.SIGTERM):
        try:
            pid = int(pid_file.read_text())
            os.kill(pid, how)
        except (OSError, ValueError):
            return
        until(lambda: ended(pid), 20, f"the end of {pid_file.name}")

    def stop_ctld(self, how=signal.SIGTERM):
        self.end(self.dir / "state/slurmctld.pid", how)

    def stop(self):
        self.end(self.dir / "spool/slurmd.pid")
        self.stop_ctld()
        self.end(self.dir / "munge/pid")

    def say(self, *words, user=None, **how):
        """As root, or as a user who has logged in."""
        if user:
            entry = pwd.getpwnam(user)
            how.update(user=entry.pw_uid, group=entry.pw_gid,
                       extra_groups=[g.gr_gid for g in grp.getgrall() if user in g.gr_mem])
        how.setdefault("timeout", 60)
        return subprocess.run([str(w) for w in words], env=self.env, text=True, capture_output=True,
                              cwd=self.dir / "out", **how)

    def sbatch(self, directives, commands="true", *words, user=None):
        """What sbatch says of a script with these lines."""
        out = self.dir / "out"
        script = out / f"job-{time.monotonic_ns()}.sh"
        script.write_text("#!/bin/bash\n#SBATCH -n1 --mem=10\n" + directives + "\n" + commands + "\n")
        script.chmod(0o755)
        return self.say("sbatch", "--parsable", "-o", out / "%j.out", *words, script,
                        user=user or self.user)

    def submit(self, *words, **how):
        said = self.sbatch(*words, **how)
        assert said.returncode == 0, said
        return int(said.stdout)

    def job(self, job):
        """(state, reason)"""
        return tuple(self.say("squeue", "-h", "-t", "all", "-j", job, "-o",
                              "%T|%r").stdout.strip().split("|", 1))

    def wait_about(self, job, words, seconds):
        end = time.monotonic() + seconds
        while words not in "|".join(self.job(job)):
            assert time.monotonic() < end, f"{words} of job {job}: {self.job(job)}\n{self.log()[-3000:]}"
            time.sleep(0.1)

    def wait_job(self, job, state, seconds=60):
        self.wait_about(job, state + "|", seconds)

    def wait_reason(self, job, words, seconds=60):
        self.wait_about(job, words, seconds)

    def is_idle(self):
        return self.say("sinfo", "-h", "-o", "%C").stdout.startswith("0/")

    def output(self, job):
        return (self.dir / f"out/{job}.out").read_text()

    def log(self):
        return (self.dir / "log/slurmctld.log").read_text()


@pytest.fixture(scope="session")
def people():
    if os.geteuid() != 0:
        pytest.skip("a Slurm needs root")
    for user in USERS:
        subprocess.run(["useradd", "-M", "-U", user], capture_output=True)
    yield USERS
    for user in USERS:
        subprocess.run(["userdel", user], capture_output=True)


@pytest.fixture(scope="session")
def slurm(people):
    for program in ("slurmctld", "slurmd", "munged", "sbatch"):
        if not shutil.which(program):
            pytest.skip(f"no {program} here")
    path = pathlib.Path(tempfile.mkdtemp(prefix="thawfs-slurm-"))
    path.chmod(0o755)
    slurm = None
    try:
        slurm = Slurm.__new__(Slurm)
        slurm.__init__(path, people[0])
        yield slurm
    finally:
        if slurm:
            slurm.stop()
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def tmp_path():
    """Where others may go too: pytest's own is for its user alone."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="thawfs-slurm-mount-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)
