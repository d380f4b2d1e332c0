/* SPDX-License-Identifier: Apache-2.0 */
/* config - what was asked for: the configuration file, the command line's words, and what follows
 * from both.
 *
 * Thread: the main thread fills it; constant after.
 */
#pragma once

#include "access.h"
#include "engine.h"
#include "option.h"
#include "state.h"
#include <sys/types.h>

#define SOURCES_MAX 64
#define SECTIONS_MAX \
	64 /* of [budget NAME], [policy PATH], [restore PATH], [mount PATH] */
#define ADMINS_MAX    32
#define ADDRESSES_MAX 16
#define DRAWS_MAX     128 /* of all `who` of all budgets */

enum readdirplus {
	READDIRPLUS_AUTO,
	READDIRPLUS_ALWAYS,
	READDIRPLUS_NEVER,
};

/* [mount] */
struct mount_section {
	char *uid, *gid; /* a name or a number; NULL: who mounts */
	uint32_t mode, dir_mode;
	int readdirplus; /* enum readdirplus */
	bool passthrough, inotify;
	char *clock;          /* URL of a simulator's clock; NULL: the machine's */
	char *metrics_listen; /* address (port.h); NULL: nowhere */
	bool metrics_remote;
	bool allow_other;
	char *admins, *stagers; /* comma lists of users */
	char *owners;           /* a file of rules (config_access.c); absolute */
	char *reexport;         /* a comma list of programs (reexport.h) */
	int log_level;          /* above LOG_NOTICE */
};

/* Sections that have a name begin with it: config.c finds them by it. */

/* [mount PATH], and what [source NAME] says of the same */
struct owner_section {
	char name[512]; /* PATH; [source NAME]: none */
	char *uid, *gid;
	uint32_t mode, dir_mode; /* OPTION_MODE_UNSAID: as above it */
};

/* [source NAME] */
struct source_section {
	char name[64];
	char *url, *profile, *region, *endpoint, *storage_classes, *archive_classes;
	char *queue;
	char *prices; /* a region, or a file (config_is_file) */
	char *egress;
	char *egress_free;
	uint64_t egress_free_bytes; /* what follows from it */
	char *names;                /* absolute */
	char *pace;
	struct pace_cfg pace_of; /* what follows from it */
	char *inventory;
	bool versions;
	bool backslash;
	bool path_style, requester_pays;
	int64_t refresh_ms;
	int verify; /* 0 best, 1 require */
	int tier;   /* enum tier; TIER_NONE: as in [restore] */
	uint64_t days;
	struct owner_section owner;
};

/* [cache] */
struct cache_section {
	char *dir;
	uint64_t size_bytes, reserve_bytes, chunk_bytes;
	uint64_t high_percent, low_percent, pin_percent;
	uint64_t verify_pace_bytes;
};

/* [restore] */
struct restore_section {
	int tier;
	uint64_t days;
	int64_t max_wait_ms, retry_ms;
	char *pace;
	int ranges; /* 0 off, 1 auto */
	uint64_t range_min_bytes;
	char *recall_ahead;
	uint64_t recall_ahead_bytes;
	int64_t wave_hold_ms;
};

/* [restore PATH] */
struct subtree_section {
	char name[512];              /* PATH */
	char *recall_ahead;          /* NULL: as above it */
	uint64_t recall_ahead_bytes; /* 0: as in [restore] */
	int tier;                    /* enum tier; TIER_NONE: as above it */
	uint64_t days;               /* 0: likewise */
};

/* [budget NAME] */
struct budget_section {
	char name[64];
	char *who, *money, *managers, *approvers;
	uint64_t bytes, files, warn;
	bool each;
	int per; /* enum budget_period */
};

/* [policy] and [policy PATH]; NULL: as the next one says */
struct policy_section {
	char name[512]; /* PATH, and a label behind a blank; "": [policy] */
	int recall, over, root;
	char *users, *groups, *programs, *tiers;
	char *storm_files, *storm_bytes, *storm_heads, *storm_window, *storm_pause;
	char *links;
	char *chargeback;
};

/* [prices] */
struct prices_section {
	char *file;   /* absolute */
	char *egress; /* USD a GiB; NULL: the table's */
	uint64_t egress_volume_bytes, egress_free_bytes;
};

struct notice_cfg;

/* [notice] */
struct notice_section {
	char *smtp, *smtp_user, *smtp_password_file, *smtp_ca;
	int smtp_tls; /* enum send_tls */
	char *sendmail, *from, *admins, *domains, *templates, *hook, *webhook;
	int64_t settle_ms, link_ms;
};

/* [state] */
struct state_section {
	char *dir;
};

/* [debug] */
struct debug_section {
	char *crash_at;
};

struct config {
	struct mount_section mount;
	struct owner_section owner_sections[SECTIONS_MAX];
	size_t n_owner_sections;
	struct source_section sources[SOURCES_MAX];
	size_t n_sources;
	struct cache_section cache;
	struct restore_section restore;
	struct subtree_section subtree_sections[SECTIONS_MAX];
	size_t n_subtree_sections;
	struct budget_section budget_sections[SECTIONS_MAX];
	size_t n_budget_sections;
	struct policy_section policy, policy_sections[SECTIONS_MAX];
	size_t n_policy_sections;
	struct prices_section prices;
	struct notice_section notice;
	struct state_section state;
	struct debug_section debug;

	/* What relative names begin at; NULL: where this process is. Borrowed. */
	const char *base_dir;

	/* The command line (cmdline.h). */
	char *source_arg; /* SOURCE as given */
	char *mountpoint; /* absolute; or "/dev/fd/N" */
	bool is_handed;   /* that: the mount stands already, and is not ours to undo */
	char *fsname;     /* -o fsname=; NULL: SOURCE */
	bool is_single;   /* SOURCE is a URL: its tree is the mount's */
	bool is_foreground;
	int verbosity; /* -v, -v -v */
	bool has_default_permissions, has_noexec, has_nonempty;

	/* What follows (config_finish). */
	struct access_tree *access; /* owned */
	uid_t admins[ADMINS_MAX], stagers[ADMINS_MAX];
	size_t n_admins, n_stagers;
	struct ahead_cfg ahead; /* [restore] */
	struct subtree_cfg subtrees[SECTIONS_MAX];
	size_t n_subtrees;
	struct budget budgets[DRAWS_MAX];
	size_t n_budgets;
	struct policy policies[SECTIONS_MAX + 1];
	size_t n_policies;
	struct chargeback *chargebacks; /* one of `owned` */
	size_t n_chargebacks;
	/* [notice] */
	char *smtp_password; /* owned; NULL: none */
	const char *notice_admins[ADDRESSES_MAX], *notice_domains[ADDRESSES_MAX];
	size_t n_notice_admins, n_notice_domains;
	/* Groups that rules name: of these membership is looked up. */
	uint32_t groups[ORIGIN_GROUPS_MAX];
	size_t n_groups;
	void **owned; /* what the rules borrow */
	size_t n_owned;
	bool has_default_budget;
};

/* Every option at its default. Gives NULL when out of memory. */
struct config *config_new(void);
void config_free(struct config *cfg);
DEFINE_CLEANUP(struct config, config_free)

/* Makes HOME the home of who this process runs as, unless it is. mount.fuse3 -o setuid= leaves
 * root's environment (mount.fuse3(8), 3.14, 2026-11): keys would be looked for where this user
 * may not look. Root's is left as it is. */
void config_own_home(void);

/* 0, or -errno with a line for people in `err`. */
int config_load(struct config *cfg, const char *path, struct buf *err);
/* "section.key=value" */
int config_set(struct config *cfg, const char *word, struct buf *err);
/* Gives the source's section, made with its defaults at first use; NULL: bad name or too many. */
struct source_section *config_source(struct config *cfg, const char *name);
/* Once, when everything was read: checks, names to numbers, default budgets and directories.
 * 0, or -EINVAL with a line for people in `err`. */
int config_finish(struct config *cfg, struct buf *err);
/* The directories' part of it alone: makes them absolute. 0 or -ENOMEM. */
int config_finish_dirs(struct config *cfg);
/* rules_config.c: `path` of a rule begins at the mount's root, and is in a source there is. 0, or
 * -EINVAL with a line for people in `err` that begins with `where`. */
int config_check_path(const struct config *cfg, const char *where, const char *path,
		      struct buf *err);
/* Whether `prices` of a source names a file and not a region. */
bool config_is_file(const char *prices);
/* The effective values in INI form. */
int config_print(const struct config *cfg, struct buf *out);

/* config_notice.c: addresses, files and servers of [notice]. 0, or -EINVAL with a line for people. */
int config_finish_notice(struct config *cfg, struct buf *err);
void config_for_notice(const struct config *cfg, struct notice_cfg *ret);
/* May mail be sent to this address at a user's word? */
bool config_may_mail(const struct config *cfg, const char *address);

/* ---- reading it again (config_reload.c) ---- */

/* `x`: the section's name, or NULL; `target`: what rows write into. */
typedef void (*config_section_fn)(const struct option_section *s, const char *x,
				  const void *target, void *arg);
/* config.c: calls for every section there is, the named ones once for each name. */
void config_each_section(const struct config *cfg, config_section_fn each, void *arg);
/* The section's struct, or NULL: there is none of that name. */
void *config_find(const struct config *cfg, const struct option_section *s,
		  const char *x);
/* The sections [section X] become those of `running`, in their order: what is new is dropped
 * (`added`), what is missing is as there (`gone`). 0 or -ENOMEM. */
int config_align(struct config *cfg, const struct config *running, const char *section,
		 config_section_fn added, config_section_fn gone, void *arg);
/* What cannot change while it runs becomes as in `running`, and is named in `told`, a line each. What
 * follows from it does not (config_finish). 0 or -ENOMEM. */
int config_carry(struct config *cfg, const struct config *running, struct buf *told);

/* For the layers below; borrows from `cfg`. */
void config_for_engine(const struct config *cfg, struct engine_cfg *ret);
void config_for_source(const struct config *cfg, const struct source_section *s,
		       struct source_cfg *ret);

/* config_access.c: whose everything is. 0, or -EINVAL with a line for people in `err`. */
int config_finish_access(struct config *cfg, struct buf *err);

/* config_restore.c: what [restore] and [restore PATH] say, for the engine. 0, or -EINVAL with a
 * line for people in `err`. */
int config_finish_restore(struct config *cfg, struct buf *err);

/* Puts one line for people into `err`, instead of what it has; gives -EINVAL. */
#define config_refuse(err, ...) \
	(buf_reset(err), (void)buf_printf(err, __VA_ARGS__), -EINVAL)
