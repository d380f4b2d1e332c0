/* SPDX-License-Identifier: Apache-2.0 */
/* plan_parts - what plan.c counts and plan_text.c shows. */
#pragma once

#include "admit.h"
#include "facts.h"
#include "plan.h"
#include "policy.h"
#include "private.h"

/* What has to be done for a file. */
enum plan_need {
	NEED_NOTHING, /* cached */
	NEED_NO_ASK,  /* asked for already: what it costs is reserved */
	NEED_FETCH,   /* readable at the service: transfer only */
	NEED_RESTORE,
	NEED_LOST, /* gone at the service, or its record is damaged */
	PLAN_NEEDS,
};

/* What budgets and policy say of files that are alike to them. */
struct plan_rules {
	enum recall recall;
	const char *recall_path;
	unsigned int tiers; /* allowed */
	size_t n_draws;
	struct budget_draw draws[BUDGETS_MAX];
};

/* Files that cost alike, under the same rules. */
struct plan_group {
	const struct source *source;
	const struct storage_class *storage_class;
	enum plan_need need;
	size_t rules;   /* index into the plan's */
	enum tier tier; /* by default, before class and policy have their say */
	uint32_t days;
	struct estimate_sum sum;
};

struct plan_count {
	uint64_t files, bytes;
};

struct plan {
	struct engine *engine;
	struct plan_ask ask;
	struct facts facts; /* of the file being added: large, so not on the stack */
	struct plan_count of[PLAN_NEEDS];
	uint64_t to_cache_bytes;
	struct plan_group *groups; /* owned */
	size_t n, room;
	struct plan_rules *rules; /* owned */
	size_t n_rules, last_rules;
	const struct source *last_source; /* that `last_rules` are of */
};

/* What it all needs of the cache, as wishes would be served one after the other. */
struct plan_room {
	uint64_t needed_bytes, free_bytes;
	struct plan_count evicted; /* what would be given up for it, or could be */
	bool fits;
};
/* plan_room.c. In time it takes a look at each file that would go. */
void plan_room(const struct plan *p, struct plan_room *ret);

/* What is wanted of each file of a group: sizes are in its sum. */
struct cost_wish plan_wish(const struct plan *p, const struct plan_group *g,
			   enum tier tier);
