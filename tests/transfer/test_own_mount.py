# SPDX-License-Identifier: Apache-2.0
"""thaw transfer glacier://REGION/VAULT: with a mount of its own, killed and taken up again."""
import os
import signal
import subprocess

import pytest
from conftest import BUILD, FILES, Transfer, fill, mounts, until

WORDS = ("--yes", "--tier", "bulk", "--cache", "1G")


class OwnMount(Transfer):
    """The command, of the vault itself."""

    def __init__(self, tmp_path, sim):
        super().__init__(tmp_path, sim, None)
        self.env = {**sim.env, "PATH": f"{BUILD / 'fs'}:{os.environ['PATH']}"}

    def command(self, *words, to=None, source="glacier://us-east-1/photos"):
        return super().command("--clock", f"{self.sim.url}/_sim/clock", *words, to=to,
                               source=source)

    def until(self, run, true, what):
        """It is true while the command runs; what it says else is shown."""
        until(lambda: true() or run.poll() is not None, 60, what)
        assert run.poll() is None, run.communicate()

    def is_mounted(self):
        return mounts.is_mounted(self.state / "mnt")


@pytest.fixture
def own(tmp_path, start_sim):
    sim = start_sim("--speed", mounts.SPEED)
    fill(sim, FILES)
    own = OwnMount(tmp_path, sim)
    yield own
    if own.is_mounted():
        subprocess.run(["fusermount3", "-uz", own.state / "mnt"], check=False)
        pytest.fail("a mount is left")


def test_a_vault_is_transferred_by_a_mount_of_its_own_also_after_kills(own):
    """S237: it waits for the inventory, takes the mount away at the end, and after SIGKILL at any time goes
    on: the dead run's mount is replaced, and nothing is paid twice (D8, D13)."""
    run = own.start(*WORDS)
    own.until(run, own.is_mounted, "the mount")
    run.kill()
    run.communicate()
    run = own.start(*WORDS)
    own.until(run, lambda: len(own.jobs()) >= 2, "restores being asked for")
    run.kill()
    run.communicate()
    run = own.start(*WORDS)
    own.until(run, lambda: own.pending() or own.stored(), "something being stored")
    run.send_signal(signal.SIGKILL)
    run.communicate()
    said = own(*WORDS)
    assert f"{len(FILES)} archives copied" in said.stdout
    assert set(own.stored()) == {f"in/{name}" for name in FILES} and own.pending() == []
    assert not own.is_mounted()
    assert len(own.jobs()) == len(FILES)


def test_ctrl_c_while_the_inventory_is_made_leaves_nothing_mounted(own):
    """S237: status 75, and why it waited is said."""
    run = own.start(*WORDS)
    own.until(run, own.is_mounted, "the mount")
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=40)
    assert run.returncode == 75, (out, err)
    assert not own.is_mounted()
