/* SPDX-License-Identifier: Apache-2.0 */
/* rules - what the owner of a mount has decided: who may recall, and what may be spent.
 *
 * Plain values, filled by the configuration before the engine starts and constant after; strings
 * and arrays are borrowed for the engine's life.
 */
#pragma once

#include "money.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Users and groups; none of either: nobody is named. */
struct people {
	const uint32_t *uids, *gids;
	size_t n_uids, n_gids;
};

enum budget_period {
	BUDGET_DAY,
	BUDGET_WEEK,
	BUDGET_MONTH,
	BUDGET_TOTAL,
};

enum budget_who {
	BUDGET_EVERYONE,
	BUDGET_USER,   /* `id` is the uid */
	BUDGET_GROUP,  /* `id` is the gid: its members, however they are */
	BUDGET_SOURCE, /* `source` */
	BUDGET_PATH,   /* `path` and below, from the mount's root */
};

/* One `who` of one [budget NAME]. */
struct budget {
	const char *name;
	enum budget_who who;
	uint32_t id;
	const char *source, *path;
	bool is_each;          /* a budget for each user, or one pool */
	money_t money;         /* negative: no limit */
	uint64_t bytes, files; /* 0: no limit */
	uint32_t
		warn_percent; /* of the money: the log says when it is reached; 0: never */
	enum budget_period period;
	struct people managers;  /* see what is charged to it */
	struct people approvers; /* let a wish past its limits */
};

enum recall {
	RECALL_INHERIT, /* of a policy only: as the next one says */
	RECALL_AUTO,
	RECALL_EXPLICIT,
	RECALL_DENY,
};

enum over {
	OVER_INHERIT,
	OVER_REFUSE,
	OVER_HOLD, /* wait for an approval instead */
};

enum root_exempt {
	ROOT_INHERIT,
	ROOT_HELD, /* root is like anybody */
	ROOT_EXEMPT,
};

/* What one process group may ask for by reading, within a window of real time; a user four times
 * that. 0: no limit. In a policy UINT64_MAX, or a negative time: as the next one says. */
struct storm_limits {
	uint64_t files; /* distinct cold ones */
	uint64_t bytes;
	uint64_t heads; /* files of which only the head was tried, without waiting */
	int64_t window_ms, pause_ms;
};
#define STORM_INHERIT    UINT64_MAX
#define STORM_INHERIT_MS (-1)

/* One [policy] or [policy PATH]. It is of no concern to who is not named by its users, groups or
 * programs, where it names any. */
struct policy {
	const char *path; /* "/": everywhere */
	struct people people;
	const char *const *programs; /* NULL-terminated, or NULL */
	enum recall recall;
	enum over over;
	enum root_exempt root;
	unsigned int tiers; /* bits of enum tier; 0: as the next one says */
	struct storm_limits storm;
	int64_t links_ms; /* longest life of a link; 0: none; negative: as the next one says */
};
#define LINKS_INHERIT_MS (-1)

/* Who a restore is charged to, where the request does not say: one line of the mapping. */
struct chargeback {
	bool is_group; /* `id` is a gid */
	uint32_t id;
	const char *project;
};

/* "/lab" holds "/lab" and "/lab/x", "/" everything. */
bool path_holds(const char *dir, const char *path);
/* Is he named, himself or by one of `groups`? */
bool people_have(const struct people *p, uint32_t uid, uint32_t gid,
		 const uint32_t *groups, size_t n_groups);
