-- SPDX-License-Identifier: Apache-2.0
-- burst_buffer.lua - Slurm stages in from a thawfs mount: for Slurm 22.05 and later.
--
--	#THAW stage_in=/archive/run42 tier=bulk days=3 group=lab
--
-- It lies beside slurm.conf. Everything that is decided is decided by `thaw stage`, in the name of the
-- job's user (thawfs-stage); here is only what Slurm calls when. docs/CLUSTERS.md, "Slurm".
--
-- Slurm kills these functions at any time and calls them again (a restart of slurmctld begins every
-- stage-in anew): what they do may be done again, nothing is paid twice.

local here = debug.getinfo(1, "S").source:match("^@(.*)/") or "."
local site = { stage = "/usr/lib/thawfs/thawfs-stage", default_gateway = "local",
	gateways = {}, mail = "/usr/bin/mail" }
local own = loadfile(here .. "/thaw-site.lua")
if own then
	for key, value in pairs(own() or {}) do site[key] = value end
end

-- `thaw stage` says so where Slurm shall ask again; ssh where it has not come through; timeout(1).
local NOT_YET, NO_GATEWAY, TOO_LONG = 75, 255, 124
-- Before Slurm 24.05 a stage-in is one call that ends with it, and between two looks its user is told.
local LOOK = "30s"

local unpack = unpack or table.unpack

local function quote(s)
	if type(s) == "number" then s = string.format("%.0f", s) end
	return "'" .. tostring(s):gsub("'", "'\\''") .. "'"
end

local function quoted(words)
	local t = {}
	for i, word in ipairs(words) do t[i] = quote(word) end
	return table.concat(t, " ")
end

-- Exit status, and what was printed.
local function run(words)
	local pipe = io.popen("{ " .. quoted(words) .. "; } 2>&1 </dev/null; echo \"rc=$?\"")
	local out = pipe:read("*a")
	pipe:close()
	return tonumber(out:match("rc=(%d+)%s*$")) or 1, (out:gsub("rc=%d+%s*$", ""))
end

-- The lines #THAW of a script before its first command: those that Slurm knows of. Continued ones are
-- put together. And whether there are more behind it.
local function directives(script)
	local found, is_over, is_late, more = {}, false, false, ""
	for line in script:gmatch("[^\n]*") do
		line = more .. line
		more = ""
		local is_ours = line:match("^#THAW%s") or line == "#THAW"
		if is_ours and line:match("\\$") then
			more = line:sub(1, -2)
		elseif is_ours then
			if is_over then is_late = true else found[#found + 1] = line end
		elseif not line:match("^%s*#") and not line:match("^%s*$") then
			is_over = true
		end
	end
	return table.concat(found, "\n"), is_late
end

local function directives_in(path)
	local f = io.open(path)
	local script = f and f:read("*a") or ""
	if f then f:close() end
	return directives(script)
end

local function word_of(spec, key)
	return spec:match("%s" .. key .. "=(%S+)")
end

-- Runs `thaw stage ACT` on the job's gateway. `limit`, seconds: ended by force; nil: never.
local function stage(uid, spec, limit, act, ...)
	local name = word_of(spec, "gateway") or site.default_gateway
	local far = site.gateways[name]
	if not far and name ~= "local" then
		return 1, "thaw: gateway=" .. name .. ": no such gateway"
	end
	local words = { site.stage, uid, act, "--spec", spec, ... }
	if far then
		local command = quoted(words)
		words = { unpack(far) }
		words[#words + 1] = command
	end
	if limit then
		local bound = { "timeout", "-k", "1", limit }
		for _, word in ipairs(words) do bound[#bound + 1] = word end
		words = bound
	end
	return run(words)
end

-- The complaints in what was printed: one line, short enough for squeue.
local function reason(out)
	local t = {}
	for line in out:gmatch("[^\n]+") do
		if line:match("^thaw") or line:match("^ssh") or line:match("^/") then
			t[#t + 1] = (line:gsub("^thaw: ", ""))
		end
	end
	local text = #t > 0 and table.concat(t, "; ") or out:gsub("%s+", " ")
	return text:sub(1, 300)
end

-- What Slurm knows of a job: state, uid, user, account. nil: nothing any more.
local function job_of(job)
	local rc, out = run({ "squeue", "-h", "-a", "-t", "all", "-j", job, "-o", "%T|%U|%u|%a" })
	local state, uid, user, account = out:match("^(%u+)|(%d+)|([^|\n]*)|([^|\n]*)")
	if rc ~= 0 or not state then return nil end
	if account == "(null)" then account = "" end
	return { state = state, uid = uid, user = user, account = account }
end

local function tell(spec, job, user, why)
	local to = word_of(spec, "email") or
		user and site.mail_domain and user .. "@" .. site.mail_domain
	if not to then return end
	local pipe = io.popen(quoted({ site.mail, "-s", "Slurm job " .. job ..
		": stage-in failed", to }) .. " >/dev/null 2>&1", "w")
	pipe:write("What job ", job, " asks for with\n\n", spec, "\n\nwas not staged in:\n\n", why,
		"\n\nThe job is held. Cancel it (scancel ", job,
		") and submit it again.\nWhat has been restored stays restored and is not paid again.\n")
	pipe:close()
end

local function failed(spec, job, user, out)
	local why = reason(out)
	tell(spec, job, user, why)
	return slurm.ERROR, why
end

-- The user sees it in `scontrol show job`.
local function progress(job, out)
	run({ "scontrol", "update", "job=" .. job, "admincomment=thaw: " ..
		out:gsub("%s+", " "):sub(1, 100) })
end

local function is_later(rc)
	return rc == NOT_YET or rc == NO_GATEWAY
end

-- Slurm 24.05 and later: slurm_bb_test_data_in is asked until all is here.
local function has_polling()
	return slurm.SLURM_BB_BUSY ~= nil
end

function slurm_bb_pools()
	return slurm.SUCCESS
end

-- Why a script is refused, nil: it is not; and what it would cost. slurmctld waits for it, so it is
-- short. What cannot be said yet is not refused: it is asked again before anything is paid.
function thaw_check(script, uid)
	local spec, is_late = directives(script)
	if is_late then
		return "a #THAW line stands behind the first command: Slurm would ignore it"
	end
	if spec == "" then return nil end
	local rc, out = stage(uid, spec, 5, "check")
	if rc == 0 then return nil, (out:gsub("%s+$", "")) end
	if rc == TOO_LONG or is_later(rc) then return nil end
	return reason(out)
end

-- At sbatch. Before 23.02 Slurm does not say here whose job it is: job_submit.lua knows.
function slurm_bb_job_process(path, uid)
	if not uid then return slurm.SUCCESS end
	local f = io.open(path)
	local why = thaw_check(f:read("*a"), uid)
	f:close()
	if why then return slurm.ERROR, why end
	return slurm.SUCCESS
end

function slurm_bb_setup()
	return slurm.SUCCESS
end

function slurm_bb_data_in(job, script, uid, gid, info)
	local who = job_of(job)
	if not who then return slurm.ERROR, "Slurm does not know this job any more" end
	local spec = directives_in(script)
	local words = { "--job", job }
	if who.account ~= "" then words[3], words[4] = "--account", who.account end
	local rc, out = stage(who.uid, spec, nil, "in", "--timeout", "10m", unpack(words))
	for _ = 1, 60 do -- ssh has no such patience
		if rc ~= NO_GATEWAY then break end
		os.execute("sleep 10")
		rc, out = stage(who.uid, spec, nil, "in", "--timeout", "10m", unpack(words))
	end
	if rc ~= 0 then return failed(spec, job, who.user, out) end
	if has_polling() then return slurm.SUCCESS end
	repeat
		rc, out = stage(who.uid, spec, nil, "wait", "--job", job, "--timeout", LOOK)
		if is_later(rc) then progress(job, out) end
		if rc == NO_GATEWAY then os.execute("sleep 10") end
	until not is_later(rc)
	if rc ~= 0 then return failed(spec, job, who.user, out) end
	return slurm.SUCCESS
end

function slurm_bb_test_data_in(job, script, uid, gid, info)
	local who = job_of(job)
	local spec = directives_in(script)
	local rc, out = stage(who and who.uid or uid, spec, nil, "wait", "--job", job)
	if rc == 0 then return slurm.SUCCESS end
	if is_later(rc) then
		progress(job, out)
		return slurm.SUCCESS, slurm.SLURM_BB_BUSY
	end
	return failed(spec, job, who and who.user, out)
end

function slurm_bb_real_size()
	return slurm.SUCCESS
end

-- The job's environment.
function slurm_bb_paths(job, script, file)
	local f = io.open(file, "w")
	if f then
		f:write("THAW_STAGED=yes\n")
		f:close()
	end
	return slurm.SUCCESS
end

function slurm_bb_pre_run()
	return slurm.SUCCESS
end

function slurm_bb_post_run()
	return slurm.SUCCESS
end

function slurm_bb_data_out()
	return slurm.SUCCESS
end

function slurm_bb_test_data_out()
	return slurm.SUCCESS
end

-- Of a job that has ended, was cancelled, or has failed to stage in. And of one that goes on: when
-- slurmctld is started it lets all go that was staging, and then begins anew. That one is still pending,
-- and keeps its pins. What was asked for is never taken back: it is paid.
function slurm_bb_job_teardown(job, script, hurry, uid)
	local who = job_of(job)
	if who and who.state == "PENDING" then return slurm.SUCCESS end
	local as = who and who.uid or uid
	if as then stage(as, directives_in(script), 60, "out", "--job", job) end
	return slurm.SUCCESS
end

-- `scontrol show bbstat`.
function slurm_bb_get_status()
	local names = { "local" }
	for name in pairs(site.gateways) do names[#names + 1] = name end
	table.sort(names)
	return slurm.SUCCESS, "thaw: gateways " .. table.concat(names, ", ") .. "; else " ..
		site.default_gateway .. "\n"
end
