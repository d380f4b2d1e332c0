-- SPDX-License-Identifier: Apache-2.0
-- job_submit.lua - what sbatch says of a job's #THAW lines: why it is refused, or what they are
-- expected to cost. slurm.conf: JobSubmitPlugins=lua. Lies beside burst_buffer.lua.
--
-- Needed before Slurm 23.02, whose burst buffers do not learn at submission whose job it is. A site with
-- a job_submit.lua of its own takes over the first two lines and calls thaw_submit() in its own
-- slurm_job_submit().

local here = debug.getinfo(1, "S").source:match("^@(.*)/") or "."
dofile(here .. "/burst_buffer.lua")

function thaw_submit(job_desc, submit_uid)
	-- Lines of `sbatch --bb`, and of the script.
	local script = (job_desc.burst_buffer or "") .. "\n" .. (job_desc.script or "")
	-- Root submits for others.
	local uid = submit_uid == 0 and job_desc.user_id or submit_uid
	local why, cost = thaw_check(script, uid)
	if why then
		slurm.log_user("thaw: %s", why)
		return slurm.ERROR
	end
	if cost then slurm.log_user("thaw: %s", cost) end
	return slurm.SUCCESS
end

function slurm_job_submit(job_desc, part_list, submit_uid)
	return thaw_submit(job_desc, submit_uid)
end

function slurm_job_modify(job_desc, job_rec, part_list, modify_uid)
	return slurm.SUCCESS
end

return slurm.SUCCESS
