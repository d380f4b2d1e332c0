/* SPDX-License-Identifier: Apache-2.0 */
/* plan - what asking for a set of files would cost, take and be refused, without asking.
 *
 * Files are added one by one and only counted: what differs in price or in the rules that hold is kept
 * apart (source, class, needs a restore or not), everything else is added up, so a million files are a handful of rows.
 * All of it comes from catalog, index and journal: no call is made and nothing is changed.
 *
 * Thread: one at a time; any but the engine's own, since it reads what is durable.
 */
#pragma once

#include "engine.h"
#include "origin.h"

struct plan; /* opaque */

struct plan_ask {
	enum tier tier; /* TIER_NONE: each source's default */
	uint32_t days;  /* 0: likewise */
	uint32_t uid, gid;
	const struct origin *origin; /* kept; NULL: nobody in particular */
};

/* NULL: out of memory. Keeps `e`. */
struct plan *plan_new(struct engine *e, const struct plan_ask *ask);
void plan_free(struct plan *p);
DEFINE_CLEANUP(struct plan, plan_free)

/* Counts a file. What has gone, or is damaged, is counted as lost. 0 or -ENOMEM. */
int plan_add(struct plan *p, uint64_t ino);
/* Appends members of a JSON object, from "now" on, without its brackets. 0 or a buf error. */
int plan_text(struct plan *p, struct buf *out);
