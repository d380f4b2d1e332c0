/* SPDX-License-Identifier: Apache-2.0 */
/* What can be said, where it goes, and what holds if it is not said. */
#include "config_table.h"

/* In the order of enum tier. */
static const char *const tier_words[] = { "default", "expedited", "standard", "bulk",
					  NULL };
static const char *const ranges_words[] = { "off", "auto", NULL };
static const char *const verify_words[] = { "best", "require", NULL };
static const char *const plus_words[] = { "auto", "always", "never", NULL };
/* From LOG_NOTICE on. */
static const char *const level_words[] = { "notice", "info", "debug", NULL };
/* In the order of enum recall, enum over, enum root_exempt. */
static const char *const recall_words[] = { "default", "auto", "explicit", "deny", NULL };
static const char *const over_words[] = { "default", "refuse", "hold", NULL };
static const char *const root_words[] = { "default", "no", "yes", NULL };
/* In the order of enum budget_period. */
static const char *const period_words[] = { "day", "week", "month", "total", NULL };

#define ROW(section, key, type, member, fallback, help)                           \
	{                                                                         \
		key, type, offsetof(struct section, member), fallback, NULL, help \
	}
#define ROW_WORD(section, key, member, fallback, words, help)                        \
	{                                                                            \
		key, OPTION_WORD, offsetof(struct section, member), fallback, words, \
			help                                                         \
	}

static const struct option_row mount_rows[] = {
	ROW(mount_section, "uid", OPTION_STR, uid, NULL,
	    "owner shown; default: who mounts"),
	ROW(mount_section, "gid", OPTION_STR, gid, NULL,
	    "group shown; default: who mounts"),
	ROW(mount_section, "mode", OPTION_MODE, mode, "0444", "permissions of files"),
	ROW(mount_section, "dir-mode", OPTION_MODE, dir_mode, "0555",
	    "permissions of directories"),
	ROW_WORD(
		mount_section, "readdirplus", readdirplus, "always", plus_words,
		"listings carry attributes: always (fast find and ls -l, 1.2 GB of kernel "
		"memory per million names), auto, never"),
	ROW(mount_section, "passthrough", OPTION_BOOL, passthrough, "yes",
	    "the kernel reads cached files itself, where it and libfuse can and the daemon "
	    "may (CAP_SYS_ADMIN)"),
	ROW(mount_section, "inotify", OPTION_BOOL, inotify, "yes",
	    "who watches a file (inotifywait -e attrib) is told when its state changes"),
	ROW(mount_section, "metrics-listen", OPTION_STR, metrics_listen, NULL,
	    "http://ADDRESS/metrics too tells what .thaw/metrics does: 127.0.0.1:9808"),
	ROW(mount_section, "metrics-remote", OPTION_BOOL, metrics_remote, "no",
	    "the address may be reached from other machines"),
	ROW(mount_section, "clock", OPTION_STR, clock, NULL,
	    "URL of a simulator's clock to follow"),
	ROW(mount_section, "allow-other", OPTION_BOOL, allow_other, "no",
	    "other users may use the mount"),
	ROW(mount_section, "admins", OPTION_STR, admins, NULL,
	    "users who see and steer everything, besides root"),
	ROW_WORD(mount_section, "log-level", log_level, "notice", level_words,
		 "notice, info (as -v) or debug (as -v -v)"),
	ROW(mount_section, "stagers", OPTION_STR, stagers, NULL,
	    "users whose programs ask in others' names and say for which Slurm job: slurm"),
	ROW(mount_section, "owners", OPTION_STR, owners, NULL,
	    "file of owners, lines of: path, user, group, mode, dir-mode"),
	ROW(mount_section, "reexport", OPTION_STR, reexport,
	    "nfsd, ganesha.nfsd, unfsd, smbd",
	    "file servers that hand the mount on, named as in /proc/PID/comm: their reads of what "
	    "is not here ask for it and never wait (docs/CLUSTERS.md); none: nobody"),
};

/* Of [mount PATH], and of [source NAME]. */
#define OWNER_ROWS(section, at)                                                      \
	ROW(section, "uid", OPTION_STR, at uid, NULL,                                \
	    "owner shown; default: as above it"),                                    \
		ROW(section, "gid", OPTION_STR, at gid, NULL, "likewise the group"), \
		ROW(section, "mode", OPTION_MODE, at mode, "",                       \
		    "likewise the permissions of files"),                            \
		ROW(section, "dir-mode", OPTION_MODE, at dir_mode, "",               \
		    "and of directories")

static const struct option_row owner_rows[] = {
	OWNER_ROWS(owner_section, ),
};

static const struct option_row source_rows[] = {
	ROW(source_section, "url", OPTION_STR, url, NULL,
	    "glacier://REGION/VAULT or s3://BUCKET[/PREFIX]"),
	ROW(source_section, "profile", OPTION_STR, profile, NULL,
	    "AWS profile; default: the usual chain"),
	ROW(source_section, "region", OPTION_STR, region, NULL,
	    "default: the URL's, the environment's, the profile's"),
	ROW(source_section, "endpoint", OPTION_STR, endpoint, NULL,
	    "URL of another service than Amazon's own"),
	ROW(source_section, "path-style", OPTION_BOOL, path_style, "no",
	    "bucket in the path instead of the host name"),
	ROW(source_section, "queue", OPTION_STR, queue, NULL,
	    "URL of an SQS queue, for thawfs alone, that is told when restores end"),
	ROW(source_section, "prices", OPTION_STR, prices, NULL,
	    "region whose prices count for this source, default its own; or a table's file"),
	ROW(source_section, "egress", OPTION_STR, egress, NULL,
	    "USD a GiB for transfer out, 0 over a private link; default: as in [prices]"),
	ROW(source_section, "egress-free", OPTION_STR, egress_free, NULL,
	    "free transfer out a month of this source alone, for one of another account: a size "
	    "like 100G, 0 for none; default: what [prices] says, with the others"),
	ROW(source_section, "refresh", OPTION_DURATION, refresh_ms, "24h",
	    "how often the catalog is read again; 0: only when asked"),
	ROW(source_section, "inventory", OPTION_STR, inventory, NULL,
	    "s3://BUCKET/PREFIX/SOURCE/ID, where S3 Inventory leaves its reports: the "
	    "catalog is made of the newest one, and the bucket is not listed"),
	ROW(source_section, "versions", OPTION_BOOL, versions, "no",
	    "older versions of objects are files too, NAME@VERSION"),
	ROW(source_section, "pace", OPTION_STR, pace, NULL,
	    "as in [restore], for this source"),
	ROW(source_section, "names", OPTION_STR, names, NULL,
	    "file of names for archives, lines of: archive id, name"),
	ROW(source_section, "backslash-separates", OPTION_BOOL, backslash, "no",
	    "a backslash in a vault's descriptions separates directories, as / does"),
	ROW(source_section, "storage-classes", OPTION_STR, storage_classes, "archive",
	    "objects shown: archive, online, all, or classes by name; a comma list"),
	ROW(source_section, "archive-classes", OPTION_STR, archive_classes, NULL,
	    "what a service that is not Amazon's calls its archives: NAME, or NAME:DEEP_ARCHIVE "
	    "where it is like that and not like GLACIER; a comma list"),
	ROW(source_section, "requester-pays", OPTION_BOOL, requester_pays, "no",
	    "the bucket's owner does not pay"),
	ROW_WORD(source_section, "verify", verify, "best", verify_words,
		 "require: refuse objects that offer no proof of their bytes"),
	ROW_WORD(source_section, "tier", tier, "default", tier_words,
		 "default: as in [restore]"),
	ROW(source_section, "days", OPTION_U64, days, "0", "0: as in [restore]"),
	OWNER_ROWS(source_section, owner.),
};

static const struct option_row cache_rows[] = {
	ROW(cache_section, "dir", OPTION_STR, dir, NULL, "where restored bytes are kept"),
	ROW(cache_section, "size", OPTION_SIZE, size_bytes, "0",
	    "most it may take; 0: what its disk has, less the reserve"),
	ROW(cache_section, "reserve", OPTION_SIZE, reserve_bytes, "1G",
	    "left free on its disk"),
	ROW(cache_section, "high-water", OPTION_U64, high_percent, "95",
	    "percent of what it may take: above, it gives up what is worth least"),
	ROW(cache_section, "low-water", OPTION_U64, low_percent, "85",
	    "percent: down to that"),
	ROW(cache_section, "pin-share", OPTION_U64, pin_percent, "50",
	    "percent of what it may take that users may pin; administrators any"),
	ROW(cache_section, "verify-pace", OPTION_SIZE, verify_pace_bytes, "100M",
	    "bytes a second that `thaw verify` reads; 0: as fast as it goes"),
	ROW(cache_section, "chunk", OPTION_SIZE, chunk_bytes, "16M",
	    "fetched and verified at a time; a power of two of MiB"),
};

static const struct option_row restore_rows[] = {
	ROW_WORD(restore_section, "tier", tier, "standard", tier_words,
		 "expedited, standard or bulk"),
	ROW(restore_section, "days", OPTION_U64, days, "3",
	    "how long S3 keeps a restored copy"),
	ROW(restore_section, "max-wait", OPTION_DURATION, max_wait_ms, "0",
	    "longest a read waits; 0: as long as it takes"),
	ROW(restore_section, "retry", OPTION_DURATION, retry_ms, "5m",
	    "how long transient failures are tried again"),
	ROW(restore_section, "pace", OPTION_STR, pace, "auto",
	    "how fast each source is asked: auto (what the service takes), or a bound "
	    "below that, like 20/s, 1T/day or both"),
	ROW_WORD(
		restore_section, "ranges", ranges, "off", ranges_words,
		"auto: the first read of a vault's archive asks for a part of it, the next "
		"one for the rest"),
	ROW(restore_section, "range-min", OPTION_SIZE, range_min_bytes, "1M",
	    "least of an archive that is asked for"),
	ROW(restore_section, "recall-ahead", OPTION_STR, recall_ahead, "off",
	    "off; or how many files are restored ahead of who reads one cold file of a "
	    "directory after another; or directory: all that follow"),
	ROW(restore_section, "recall-ahead-bytes", OPTION_SIZE, recall_ahead_bytes,
	    "100G", "the most of it at a time"),
	ROW(restore_section, "wave-hold", OPTION_DURATION, wave_hold_ms, "3s",
	    "how long what is restored ahead waits for more, to be asked for oldest "
	    "first"),
};

static const struct option_row subtree_rows[] = {
	ROW(subtree_section, "recall-ahead", OPTION_STR, recall_ahead, NULL,
	    "as in [restore], for PATH and below"),
	ROW(subtree_section, "recall-ahead-bytes", OPTION_SIZE, recall_ahead_bytes, "0",
	    "0: as in [restore]"),
	ROW_WORD(subtree_section, "tier", tier, "default", tier_words,
		 "for PATH and below; default: as its source has it"),
	ROW(subtree_section, "days", OPTION_U64, days, "0",
	    "likewise; 0: as its source has it"),
};

static const struct option_row budget_rows[] = {
	ROW(budget_section, "who", OPTION_STR, who, "everyone",
	    "everyone, user:NAME, group:NAME, source:NAME, path:/P; a comma list"),
	ROW(budget_section, "each", OPTION_BOOL, each, "no",
	    "a budget for each user, or one pool"),
	ROW(budget_section, "money", OPTION_STR, money, NULL, "USD"),
	ROW(budget_section, "bytes", OPTION_SIZE, bytes, "0",
	    "of the files restored; 0: no limit"),
	ROW(budget_section, "files", OPTION_U64, files, "0",
	    "files restored; 0: no limit"),
	ROW(budget_section, "warn", OPTION_U64, warn, "80",
	    "percent of the money: the log says when it is reached; 0: never"),
	ROW(budget_section, "managers", OPTION_STR, managers, NULL,
	    "users who see what is charged to it"),
	ROW(budget_section, "approvers", OPTION_STR, approvers, NULL,
	    "users who may let a request past its limits (thaw approve)"),
	ROW_WORD(budget_section, "per", per, "day", period_words,
		 "day, week, month (UTC) or total"),
};

/* Of [policy] and of [policy PATH], which says nothing where it is not asked. */
#define POLICY_ROWS(recall_word, over_word, root_word, files, bytes, heads, window,        \
		    pause, life)                                                           \
	ROW_WORD(                                                                          \
		policy_section, "recall", recall, recall_word, recall_words,               \
		"auto: reading restores; explicit: `thaw get` alone does; deny: nothing"), \
		ROW(policy_section, "users", OPTION_STR, users, NULL,                      \
		    "whom it concerns; default: everybody"),                               \
		ROW(policy_section, "groups", OPTION_STR, groups, NULL,                    \
		    "or by their groups"),                                                 \
		ROW(policy_section, "programs", OPTION_STR, programs, NULL,                \
		    "only these programs, named as in /proc/PID/comm"),                    \
		ROW(policy_section, "tiers", OPTION_STR, tiers, NULL,                      \
		    "tiers that may be asked for; default: all"),                          \
		ROW_WORD(policy_section, "over", over, over_word, over_words,              \
			 "over a budget: refuse, or hold until somebody approves"),        \
		ROW_WORD(policy_section, "root-exempt", root, root_word, root_words,       \
			 "root is not bound by it"),                                       \
		ROW(policy_section, "storm-files", OPTION_STR, storm_files, files,         \
		    "cold files a process group may read in a window, a user four times "  \
		    "that; 0: any number"),                                                \
		ROW(policy_section, "storm-bytes", OPTION_STR, storm_bytes, bytes,         \
		    "likewise bytes"),                                                     \
		ROW(policy_section, "storm-heads", OPTION_STR, storm_heads, heads,         \
		    "likewise files it only tries the head of, as indexers do"),           \
		ROW(policy_section, "storm-window", OPTION_STR, storm_window, window,      \
		    "how long that is"),                                                   \
		ROW(policy_section, "storm-pause", OPTION_STR, storm_pause, pause,         \
		    "how long who did it is refused"),                                     \
		ROW(policy_section, "links", OPTION_STR, links, life,                      \
		    "how long links by `thaw presign` may last, 7d at most; 0: none are "  \
		    "made")

static const struct option_row policy_rows[] = {
	POLICY_ROWS("auto", "refuse", "no", "250", "2T", "40", "10m", "1h", "7d"),
	ROW(policy_section, "chargeback", OPTION_STR, chargeback, NULL,
	    "file of who is charged: lines of user:NAME PROJECT or group:NAME PROJECT"),
};
static const struct option_row policy_path_rows[] = {
	POLICY_ROWS("default", "default", "default", NULL, NULL, NULL, NULL, NULL, NULL),
};

static const struct option_row prices_rows[] = {
	ROW(prices_section, "file", OPTION_STR, file, NULL,
	    "a table of prices that counts before all others"),
	ROW(prices_section, "egress", OPTION_STR, egress, NULL,
	    "USD a GiB for transfer out, instead of the table's"),
	ROW(prices_section, "egress-volume", OPTION_SIZE, egress_volume_bytes, "0",
	    "what the account sends out in a month anyway: that step's price counts"),
	ROW(prices_section, "egress-free", OPTION_SIZE, egress_free_bytes, "0",
	    "how much of the account's free transfer out a month (100G with Amazon) thawfs may "
	    "count on; 0: it counts as used up"),
};

static const char *const tls_words[] = { "try", "require", "never", NULL };

static const struct option_row notice_rows[] = {
	ROW(notice_section, "smtp", OPTION_STR, smtp, NULL,
	    "mail server: smtp://HOST:PORT (STARTTLS), smtps://HOST:PORT"),
	ROW_WORD(notice_section, "smtp-tls", smtp_tls, "require", tls_words,
		 "of smtp://: require STARTTLS; try; never"),
	ROW(notice_section, "smtp-ca", OPTION_STR, smtp_ca, NULL,
	    "file of certificates that vouch for it; default: the system's"),
	ROW(notice_section, "smtp-user", OPTION_STR, smtp_user, NULL,
	    "login; default: none"),
	ROW(notice_section, "smtp-password-file", OPTION_STR, smtp_password_file, NULL,
	    "file with the password, readable by nobody else"),
	ROW(notice_section, "sendmail", OPTION_STR, sendmail, NULL,
	    "instead of a server: a program like /usr/sbin/sendmail"),
	ROW(notice_section, "from", OPTION_STR, from, NULL, "address the mails are from"),
	ROW(notice_section, "admins", OPTION_STR, admins, NULL,
	    "addresses that get copies, and alerts of budgets and storms; a comma list"),
	ROW(notice_section, "domains", OPTION_STR, domains, NULL,
	    "users may have mail sent to these domains only; a comma list; default: any"),
	ROW(notice_section, "settle", OPTION_DURATION, settle_ms, "5s",
	    "a set of requests is whole when nothing was added for so long"),
	ROW(notice_section, "link", OPTION_DURATION, link_ms, "0",
	    "the mail that files are ready has links to download them, for so long; 0: none"),
	ROW(notice_section, "templates", OPTION_STR, templates, NULL,
	    "directory of own words: asked.txt, ended.txt, alert.txt, and .html"),
	ROW(notice_section, "hook", OPTION_STR, hook, NULL,
	    "program that gets each event as JSON on its input, once"),
	ROW(notice_section, "webhook", OPTION_STR, webhook, NULL,
	    "URL that each event is POSTed to as JSON"),
};

static const struct option_row state_rows[] = {
	ROW(state_section, "dir", OPTION_STR, dir, NULL,
	    "requests, ledger, names; precious"),
};

#ifdef THAW_CRASH_POINTS
static const struct option_row debug_rows[] = {
	ROW(debug_section, "crash-at", OPTION_STR, crash_at, NULL,
	    "die at this step: PHASE/EVENT, + for after it, #N for the Nth"),
};
#endif

static void *mount_target(void *cfg, const char *x)
{
	return &((struct config *)cfg)->mount;
}

static void *cache_target(void *cfg, const char *x)
{
	return &((struct config *)cfg)->cache;
}

static void *restore_target(void *cfg, const char *x)
{
	return &((struct config *)cfg)->restore;
}

static void *policy_target(void *cfg, const char *x)
{
	return &((struct config *)cfg)->policy;
}

static void *prices_target(void *cfg, const char *x)
{
	return &((struct config *)cfg)->prices;
}

static void *notice_target(void *cfg, const char *x)
{
	return &((struct config *)cfg)->notice;
}

static void *state_target(void *cfg, const char *x)
{
	return &((struct config *)cfg)->state;
}

#ifdef THAW_CRASH_POINTS
static void *debug_target(void *cfg, const char *x)
{
	return &((struct config *)cfg)->debug;
}
#endif

static void *source_target(void *cfg, const char *name)
{
	return config_named(cfg, SECTION_SOURCE, name);
}

static void *owner_target(void *cfg, const char *path)
{
	return config_named(cfg, SECTION_OWNER, path);
}

static void *subtree_target(void *cfg, const char *path)
{
	return config_named(cfg, SECTION_SUBTREE, path);
}

static void *budget_target(void *cfg, const char *name)
{
	return config_named(cfg, SECTION_BUDGET, name);
}

static void *policy_path_target(void *cfg, const char *name)
{
	return config_named(cfg, SECTION_POLICY, name);
}

#define SECTION(name, is_named, rows, target)                  \
	{                                                      \
		name, is_named, rows, ARRAY_SIZE(rows), target \
	}

static const struct option_section sections[] = {
	[SECTION_SOURCE] = SECTION("source", true, source_rows, source_target),
	[SECTION_OWNER] = SECTION("mount", true, owner_rows, owner_target),
	[SECTION_SUBTREE] = SECTION("restore", true, subtree_rows, subtree_target),
	[SECTION_BUDGET] = SECTION("budget", true, budget_rows, budget_target),
	[SECTION_POLICY] = SECTION("policy", true, policy_path_rows, policy_path_target),
	SECTION("mount", false, mount_rows, mount_target),
	SECTION("cache", false, cache_rows, cache_target),
	SECTION("restore", false, restore_rows, restore_target),
	SECTION("policy", false, policy_rows, policy_target),
	SECTION("prices", false, prices_rows, prices_target),
	SECTION("notice", false, notice_rows, notice_target),
	SECTION("state", false, state_rows, state_target),
#ifdef THAW_CRASH_POINTS
	SECTION("debug", false, debug_rows, debug_target),
#endif
};
const struct option_schema config_schema = { sections, ARRAY_SIZE(sections) };
