-- What is this site's of burst_buffer.lua; lies beside it. Read at each call. All of it may be left out.
return {
	-- Asks the mount in a user's name: root's, with SlurmUser's group and mode 4750.
	stage = "/usr/lib/thawfs/thawfs-stage",

	-- Where a job that names no gateway is staged. The controller itself, where the mount is on it:
	default_gateway = "local",

	-- Others by name, as `gateway=NAME` in a job script: a command before `stage`. What follows it comes
	-- as one word, to be read by a shell there.
	gateways = {
		-- gw1 = { "ssh", "-oBatchMode=yes", "-oConnectTimeout=5", "gw1.example.org" },
	},

	-- Who names no email= is told at USER@mail_domain; nil: he is not.
	mail_domain = nil,
	-- Tells that a stage-in has failed: `mail -s SUBJECT ADDRESS`, the text on its input.
	mail = "/usr/bin/mail",
}
