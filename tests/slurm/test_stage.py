# SPDX-License-Identifier: Apache-2.0
"""Jobs that stage in from a mount, by the distribution's Slurm. Service time stands still but where a
test sets it forward: what waits, waits."""
import json
import os
import signal
import urllib.parse

import pytest

from conftest import SHIPPED, THAW, mounts, until

pytestmark = [pytest.mark.long, pytest.mark.timeout(150)]

RUN = {f"run42/part-{i:02d}.dat": mounts.pattern(40000 + i, i) for i in range(20)}
OTHERS = {"late.dat": mounts.pattern(5000, 50), "secret/hers.dat": mounts.pattern(5000, 51),
          "odd/it's $(a) \"name\".dat": mounts.pattern(5000, 52)}

CONFIG = """
[source lab]
url = s3://lab
refresh = 0
endpoint = {url}
[mount]
allow-other = yes
stagers = slurm
mode = 0444
dir-mode = 0555
[mount /lab/secret]
uid = thawother
mode = 0400
dir-mode = 0500
[restore]
days = 100
[budget all]
money = 1000
[budget small]
who = path:/lab/late.dat
money = 0.0000001
"""


@pytest.fixture
def archive(start_sim, start_mount, people):
    """Cold objects; `archive.dir` is where jobs see them."""
    sim = start_sim("--speed", 1)
    assert sim.s3("PUT", "/lab").status == 200
    for key, data in {**RUN, **OTHERS}.items():
        put = sim.s3("PUT", "/lab/" + urllib.parse.quote(key), data,
                     {"x-amz-storage-class": "DEEP_ARCHIVE"})
        assert put.status == 200, put.body
    mount = start_mount(sim, CONFIG.format(url=sim.url))
    until(lambda: mounts.listed(mount.path / "lab"), 30, "the catalog")
    mount.lab = mount.path / "lab"
    return mount


def restores(mount):
    return mount.booked().get(("RestoreObject", "request"), 0)


def wait_restores(mount, slurm, job, n):
    """Until so many were asked for; ends at once where the stage-in has failed."""
    until(lambda: restores(mount) == n or "data_in: " in slurm.job(job)[1], 60, f"{n} restores")
    assert restores(mount) == n, slurm.job(job)


def pins(path):
    return json.loads((path.parent / ".thaw" / f"{path.name}.json").read_text())["pin_count"]


def pinned(mount):
    return sum(pins(mount.lab / name) for name in RUN)


def let_come(mount, slurm, job):
    """Bulk restores of Deep Archive end within 48 hours."""
    mount.advance(49)
    slurm.wait_job(job, "COMPLETED", 90)


DIRECTIVE = "#THAW stage_in={}/run42 tier=bulk days=3"


def test_a_job_starts_when_its_twenty_files_are_here_and_holds_no_node_before(slurm, archive):
    """S220, S221"""
    sums = f"cd {archive.lab}/run42 && md5sum *.dat | md5sum; echo staged=$THAW_STAGED; " \
           f"while ! [ -e {slurm.dir}/out/end ]; do sleep 0.1; done"
    job = slurm.submit(DIRECTIVE.format(archive.lab), sums, "-A", "proj42")
    wait_restores(archive, slurm, job, 20)
    slurm.wait_reason(job, "BurstBufferStageIn")
    assert slurm.is_idle()
    # All of the node is anybody else's.
    assert slurm.say("srun", "-n2", "true", user=slurm.user, timeout=60).returncode == 0
    assert slurm.job(job)[0] == "PENDING" and slurm.is_idle()
    assert pinned(archive) == 20
    until(lambda: "0 of 20 files are here" in slurm.say("scontrol", "show", "job", job).stdout, 60,
          "word of how far it is")
    archive.advance(49)
    slurm.wait_job(job, "RUNNING", 90)
    assert all(archive.attribute(archive.lab / name, "state") == "cached" for name in RUN)
    assert pinned(archive) == 20
    (slurm.dir / "out/end").touch()
    slurm.wait_job(job, "COMPLETED")
    assert "staged=yes" in slurm.output(job), slurm.output(job)
    until(lambda: pinned(archive) == 0, 60, "the end of the pins")
    lines = [x for x in archive.ledger() if x["operation"] == "RestoreObject"]
    assert lines and {(x["job"], x["account"], x["user"]) for x in lines} == \
        {(str(job), "proj42", slurm.user)}
    archive.wait_booked()
    for by, name in (("job", f"job {job}"), ("account", "proj42")):
        month = archive.ledger()[-1]["time"][:7]
        said = slurm.say(THAW, "report", "--by", by, "--month", month, "--csv", archive.path)
        assert name in said.stdout, said


REFUSED = [
    ("#THAW stage_in={lab}/run42 teir=bulk", 'did you mean "tier"?'),
    ("#THAW stage_in={lab}/run43", "No such file or directory"),
    ("#THAW stage_in=run42", "a path from the root"),
    ("#THAW stage_in=/etc/passwd", "not in a thawfs mount"),
    ("#THAW stage_in={lab}/late.dat", "over budget small/"),
    ("#THAW stage_in={lab}/secret/hers.dat", "Permission denied"),
    ("#THAW stage_in={lab}/run42 group=daemon", "the group is not one of yours"),
    ("#THAW stage_in={lab}/run42 gateway=nowhere", "no such gateway"),
    ("#THAW stage_in={lab}/run42\ntrue\n#THAW tier=bulk", "behind the first command"),
]


def test_what_cannot_be_staged_is_refused_at_sbatch_with_the_reason(slurm, archive):
    """S220"""
    for directive, words in REFUSED:
        said = slurm.sbatch(directive.format(lab=archive.lab))
        assert said.returncode == 1 and words in said.stderr, (directive, said)
    said = slurm.sbatch("", "true", "--bb", "#THAW stage_in=/etc/passwd")
    assert said.returncode == 1 and "not in a thawfs mount" in said.stderr, said
    assert restores(archive) == 0
    # Hers she may.
    job = slurm.submit(f"#THAW stage_in={archive.lab}/secret/hers.dat",
                       f"md5sum {archive.lab}/secret/hers.dat", user="thawother")
    wait_restores(archive, slurm, job, 1)
    let_come(archive, slurm, job)
    assert restores(archive) == 1


def test_a_restart_of_slurmctld_begins_the_stage_in_anew_and_pays_nothing_twice(slurm, archive):
    """S220"""
    job = slurm.submit(DIRECTIVE.format(archive.lab))
    wait_restores(archive, slurm, job, 20)
    for how in (signal.SIGHUP, signal.SIGTERM, signal.SIGKILL):
        if how == signal.SIGHUP:
            os.kill(int((slurm.dir / "state/slurmctld.pid").read_text()), how)
        else:
            slurm.stop_ctld(how)
            slurm.start_ctld()
        until(lambda: slurm.job(job)[0] == "PENDING", 60, "the job")
        assert pinned(archive) == 20
    # Slurm leaves it alone for a minute.
    archive.advance(49)
    slurm.wait_job(job, "COMPLETED", 140)
    assert restores(archive) == 20
    until(lambda: pinned(archive) == 0, 60, "the end of the pins")


def test_a_daemon_that_is_killed_meanwhile_keeps_the_job_waiting(slurm, archive):
    """S220"""
    job = slurm.submit(DIRECTIVE.format(archive.lab))
    wait_restores(archive, slurm, job, 20)
    slurm.wait_reason(job, "BurstBufferStageIn")
    archive.kill()
    other = slurm.submit(f"#THAW stage_in={archive.lab}/odd gateway=far")
    archive.start()
    until(lambda: mounts.listed(archive.lab), 30, "the catalog")
    wait_restores(archive, slurm, other, 21)
    let_come(archive, slurm, job)
    slurm.wait_job(other, "COMPLETED", 60)
    assert restores(archive) == 21


def test_a_cancelled_job_lets_its_pins_go_and_takes_nothing_back(slurm, archive):
    """S220"""
    job = slurm.submit(f"#THAW stage_in={archive.lab}/run42/part-00.dat "
                       f"stage_in={archive.lab}/run42/part-01.dat")
    wait_restores(archive, slurm, job, 2)
    slurm.wait_reason(job, "BurstBufferStageIn")
    assert pinned(archive) == 2
    slurm.say("scancel", job)
    until(lambda: pinned(archive) == 0, 60, "the end of the pins")
    archive.advance(49)
    for name in ("run42/part-00.dat", "run42/part-01.dat"):
        archive.wait_state(archive.lab / name, "cached")


def test_what_will_not_come_is_told_in_squeue_and_by_mail(slurm, archive):
    """S220"""
    file = archive.lab / "run42/part-03.dat"
    job = slurm.submit(DIRECTIVE.format(archive.lab))
    wait_restores(archive, slurm, job, 20)
    slurm.wait_reason(job, "BurstBufferStageIn")
    assert slurm.say(THAW, "cancel", file, user=slurm.user).returncode == 0
    slurm.wait_reason(job, "part-03.dat: cancelled by request")
    mails = slurm.dir / "out/mails"
    until(lambda: mails.exists() and f"job {job}: stage-in failed" in mails.read_text(), 30,
          "a mail")
    assert f"{slurm.user}@example.test" in mails.read_text()
    assert "cancelled by request" in mails.read_text()
    until(lambda: pinned(archive) == 0, 60, "the end of the pins")
    slurm.say("scancel", job)


def test_nobody_else_says_for_which_job_he_asks(slurm, archive):
    """S221"""
    file = archive.lab / "run42/part-04.dat"
    said = slurm.say(THAW, "get", "--job", 4711, "--account", "rich", file, user=slurm.user)
    assert said.returncode == 77, said
    spec = ("--job", 4711, "--spec", f"#THAW stage_in={file}")
    said = slurm.say(THAW, "stage", "in", *spec, user=slurm.user)
    assert said.returncode == 77 and "stagers" in said.stderr, said
    said = slurm.say("sh", "-c", f"{slurm.stage} 0 check", user=slurm.user)
    assert said.returncode == 126, said
    assert slurm.say(slurm.stage, 0, "check", user="slurm").returncode == 2
    assert slurm.say(slurm.stage, "thawjobs", "check", user="slurm").returncode == 2
    assert slurm.say(slurm.stage, 1, "get", file, user="slurm").returncode == 2
    assert restores(archive) == 0 and pins(file) == 0


def test_without_burst_buffers_a_job_waits_for_another_that_recalls(slurm, archive):
    """S222"""
    said = slurm.say("sbatch", "--parsable", "-o", slurm.dir / "out/%j.out", SHIPPED / "recall.sh",
                     "--tier", "bulk", "-r", archive.lab / "run42", user=slurm.user)
    assert said.returncode == 0, said
    recall = int(said.stdout)
    job = slurm.submit("", f"cat {archive.lab}/run42/part-07.dat | md5sum",
                       f"--dependency=afterok:{recall}", "--kill-on-invalid-dep=yes")
    wait_restores(archive, slurm, recall, 20)
    assert slurm.job(job) == ("PENDING", "Dependency")
    archive.advance(49)
    slurm.wait_job(recall, "COMPLETED", 60)
    slurm.wait_job(job, "COMPLETED", 60)


def test_slurm_finds_nothing_missing_in_what_is_shipped(slurm):
    log = slurm.log()
    assert "missing required function" not in log and "lua: " not in log.lower().replace(
        "burst_buffer/lua: ", ""), log
