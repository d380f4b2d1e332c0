# SPDX-License-Identifier: Apache-2.0
"""What each fenced block of the documents is, in the order they stand in. A block without a row, or a
row without a block, fails the test: nothing is passed over unsaid.

A row is a block's first words and what is done with it. The shell blocks of a document run in one
shell, one after the other, with `set -e`, as they are written: only places (/mnt, /etc/thawfs) lie
below the test's own directory, and the services are thaw-sim. A line that ends in "# fails" has to
fail, one with "# status 1" may end so."""
import checks

# What is mounted before a document's first block; the others begin with nothing.
WORLDS = {
    "docs/COSTS.md": "archive",
    "docs/CLUSTERS.md": "jobs",
    "docs/FORMAT.md": "archive",
    "docs/JSON.md": "archive",
    "docs/man/thaw.1.scd": "archive",
    "docs/man/thawfs-stage.8.scd": "jobs",
}

# Programs that cannot be what they are on the reader's machine: why, and what stands in for them.
STAND_INS = {
    "systemctl": (
        "a test has no service manager of its own; tests/systemd boots one and starts the unit",
        '[ "$1 $2" = "enable --now" ] && unit=${3%@*} name=${3#*@}\n'
        'grep -q ^ExecStart= "$ROOT/packaging/systemd/$unit@.service"\n'
        'mkdir -p "$D/srv/thawfs/$name"\n'
        'exec thawfs "$D/etc/thawfs/$name.conf" "$D/srv/thawfs/$name" -o nonempty'),
    "sbatch": (
        "tests/slurm has a real slurmctld, for minutes; here a job is a process that has ended",
        'job() { bash "$@" >&2; }\n'
        'case $1 in --parsable) shift; job "$@"; echo 4711 ;;\n'
        '--dependency=afterok:4711) [ "$2" = --kill-on-invalid-dep=yes ]; job "$3" ;;\n'
        '*) exit 1 ;; esac'),
    "thawfs-stage": (
        "starts the installed thaw alone, as another user; tests/slurm has it so. Here: the same "
        "words, as who runs the test",
        'shift; exec thaw stage "$@"'),
    "chgrp": (
        "not every machine has a group slurm",
        '[ "$1" = slurm ] && [ -f "$2" ]'),
    "thawfs-updatedb": (
        "works on /etc/updatedb.conf unless it is told another",
        'exec sh "$ROOT/packaging/indexers/thawfs-updatedb" "${1-$D/etc/updatedb.conf}"'),
    "aws": (
        "a person waits until the simulator says that it is ready",
        'for try in $(seq 600); do curl -so /dev/null "$2/_sim/clock" && break; sleep 0.1; done\n'
        'exec /usr/bin/env PATH="$SYSTEM_PATH" aws "$@"'),
    "sudo": (
        "in a copy of the sources: what it installs goes below DESTDIR",
        'exec "$@"'),
    "tests/run": (
        "in a copy of the sources: it would run itself, for an hour. Here one of its parts",
        'exec tests/run.real "${@:-tools}"'),
    ".ci/check": (
        "in a copy of the sources: three compilers and clang-tidy over all of it take half an hour, and "
        "`tests/run check` is just that. Here what it checks at once",
        'exec .ci/check.real format layers banned cleanups lengths promises'),
    "editor": (
        "somebody changes the words of one message, where they are said and where they are listed",
        'sed -i "s/check url, and whose/check the url, and whose/" "$@"'),
}

TABLE = {
    "README.md": [
        ("tools/demo", "copy"),
        ("sudo packaging/bootstrap", "copy"),
        ("[source vault]", checks.written("archive.conf")),
        ("mkdir /mnt/archive", checks.run(
            r"budget=everyone usd=25\.00 per=day", r"^2019$", "DEEP_ARCHIVE", checks.SUM)),
        ("[mount]", checks.config),
        ("[budget lab]", checks.config),
        ("[notice]", checks.config),
        ('{"id"', checks.event),
    ],
    "CONTRIBUTING.md": [
        (".ci/check", "copy"),
    ],
    "docs/ARCHITECTURE.md": [
        ("kernel ──", checks.layers),
    ],
    "docs/CLUSTERS.md": [
        ("[policy / served]", checks.config),
        ("[Unit]", checks.drop_in("nfs-ganesha.service")),
        ("#!/bin/bash", checks.job_script),
        ("cp /usr/share/thawfs/slurm/", checks.run()),
        ("BurstBufferType=", checks.slurm_conf),
        ("[mount]", checks.config),
        ("recall=$(sbatch", checks.run("a.dat: OK", before=checks.work)),
        ("thaw transfer --plan", checks.job_array),
        ("THAW_PARTITIONS=16", checks.job_array),
    ],
    "docs/COSTS.md": [
        ("thaw plan -r", checks.run("bulk", "expedited")),
        ("region,service", checks.written("own.csv")),
        ("thaw prices show", checks.run("us-east-1", "eu-central-1")),
    ],
    "docs/FORMAT.md": [
        ("STATE/state.lock", checks.layout),
    ],
    "docs/HACKING.md": [
        ("packaging/bootstrap", "copy"),
        ("meson setup", "copy"),
    ],
    "docs/JSON.md": [
        ("cd /mnt/archive", checks.run(r"^bulk \d+\.\d+$", r"^\d+$")),
    ],
    "docs/OPERATIONS.md": [
        # With copies there: tests/mount/test_upgrade.py.
        ("for copy in", checks.run()),
    ],
    "docs/TRANSFER.md": [
        ("thaw transfer --plan", checks.transfer_words),
    ],
    "docs/man/thaw.1.scd": [
        ("source <(thaw completion", checks.run()),
        ("thaw plan", checks.run("bulk")),
        ("thaw get", checks.run()),
        ("thaw top", checks.run()),
    ],
    "docs/man/thaw-sim.1.scd": [
        ("aws --endpoint-url", checks.run("VaultList")),
        ('{"vaults"', checks.seed),
        ('{"total"', checks.bill),
        ('{"rules"', checks.faults),
        ("thaw-sim --listen", checks.run('"total"', before=checks.simulator_ends)),
    ],
    "docs/man/thawfs-mount.8.scd": [
        ("ExecStartPre=", checks.unit_lines),
    ],
    "docs/man/thawfs-stage.8.scd": [
        ("chgrp slurm", checks.run()),
        ("thawfs-stage", checks.run()),
    ],
    "docs/man/thawfs-updatedb.8.scd": [
        ("thawfs-updatedb", checks.run("fuse.thawfs")),
    ],
    "docs/man/thawfs.1.scd": [
        ("mkdir ~/cold", checks.run("run-07.tar.* cold ")),
        ("thaw doctor", checks.run("configuration")),
        ("/etc/thawfs/lab.conf", checks.fstab),
    ],
    "docs/man/thawfs.conf.5.scd": [
        ("[source vault]", checks.config),
    ],
}
