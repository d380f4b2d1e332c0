# SPDX-License-Identifier: Apache-2.0
"""The hooks without a Slurm: what each release calls, with a `thaw stage` that answers as it is told."""
import shutil
import subprocess

import pytest

from conftest import SHIPPED

pytestmark = pytest.mark.long

LUA = [lua for lua in ("lua5.1", "lua5.3", "lua5.4") if shutil.which(lua)]

DRIVER = """
slurm = { SUCCESS = 0, ERROR = -1, log_user = function(...) print("user", string.format(...)) end }
dofile(arg[1] .. "/burst_buffer.lua")
"""

# Notes how it was called; answers with the first line of `answers`, "STATUS WORDS".
STAGE = """#!/bin/sh
echo "$@" | tr '\\n' '/' | sed 's/$/\\n/' >> {dir}/calls
read status words < {dir}/answers
sed -i 1d {dir}/answers
[ -z "$words" ] || echo "$words"
exit $status
"""


@pytest.fixture(params=LUA or ["lua5.1"])
def lua(request, tmp_path):
    if not shutil.which(request.param):
        pytest.skip("no lua here")
    for name in ("burst_buffer.lua", "job_submit.lua"):
        shutil.copy(SHIPPED / name, tmp_path / name)
    (tmp_path / "thaw-site.lua").write_text(f'return {{ stage = "{tmp_path}/stage" }}')
    (tmp_path / "job").write_text("#!/bin/bash\n#THAW stage_in=/a \\\n  tier=bulk\n#THAW days=3\ntrue\n")
    for name, text in (("stage", STAGE.format(dir=tmp_path)), ("scontrol", "#!/bin/sh\n"),
                       ("squeue", f"#!/bin/sh\ncat {tmp_path}/state\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "state").write_text("PENDING|1000|ada|proj42\n")

    def run(script, *answers):
        """What is printed, and how `thaw stage` was called."""
        (tmp_path / "answers").write_text("".join(line + "\n" for line in answers))
        (tmp_path / "calls").write_text("")
        (tmp_path / "driver.lua").write_text(DRIVER + script)
        said = subprocess.run([request.param, tmp_path / "driver.lua", tmp_path], text=True,
                              env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True,
                              timeout=30)
        assert said.returncode == 0, said
        return said.stdout, (tmp_path / "calls").read_text().splitlines()

    run.dir = tmp_path
    return run


def test_a_new_slurm_asks_once_and_then_again_and_again(lua):
    """S220"""
    said, calls = lua(f"""
slurm.SLURM_BB_BUSY = "BUSY"
print(slurm_bb_data_in(4711, "{lua.dir}/job", 1000, 1000, {{}}))
for _ = 1, 4 do print(slurm_bb_test_data_in(4711, "{lua.dir}/job", 1000, 1000, {{}})) end
""", "0 20 files", "75 3 of 20 files are here", "255", "0 20 of 20", "1 thaw: /a/b: it is lost")
    assert said.split("\n")[:5] == ["0", "0\tBUSY", "0\tBUSY", "0", "-1\t/a/b: it is lost"]
    assert len(calls) == 5 and calls[0] == \
        "1000 in --spec #THAW stage_in=/a   tier=bulk/#THAW days=3 --timeout 10m --job 4711 " \
        "--account proj42/"
    assert all(" wait " in line and "--timeout" not in line for line in calls[1:])


def test_an_old_one_is_held_until_all_is_here(lua):
    """S220"""
    said, calls = lua(f'print(slurm_bb_data_in(4711, "{lua.dir}/job"))', "0 20 files",
                      "75 3 of 20 files are here", "75 4 of 20", "0 20 of 20")
    assert said == "0\n"
    assert [line.split()[1] for line in calls] == ["in", "wait", "wait", "wait"]


def test_what_begins_anew_keeps_its_pins(lua):
    """S220"""
    script = f'print(slurm_bb_job_teardown(4711, "{lua.dir}/job", "true"))'
    assert lua(script, "0") == ("0\n", [])
    (lua.dir / "state").write_text("CANCELLED|1000|ada|(null)\n")
    said, calls = lua(script, "0")
    assert said == "0\n" and calls[0].startswith("1000 out ") and "4711" in calls[0]


def test_sbatch_says_the_cost_or_the_reason_and_waits_for_no_gateway(lua):
    """S220"""
    script = f"""
local f = io.open("{lua.dir}/job")
local text = f:read("*a")
dofile(arg[1] .. "/job_submit.lua")
for _ = 1, 4 do print(slurm_job_submit({{ script = text, user_id = 1000 }}, nil, 1000)) end
print(slurm_job_submit({{ script = "#!/bin/sh\\ntrue\\n" }}, nil, 1000))
print(slurm_bb_job_process("{lua.dir}/job", 1000, 1000, {{}}))
"""
    said, calls = lua(script, "0 20 files, 3 USD estimated", "77 thaw: /a: over budget x", "75",
                      "255", "2 thaw: no such word")
    assert said.splitlines() == ["user\tthaw: 20 files, 3 USD estimated", "0",
                                 "user\tthaw: /a: over budget x", "-1", "0", "0", "0",
                                 "-1\tno such word"]
    assert len(calls) == 5
