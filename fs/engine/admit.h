/* SPDX-License-Identifier: Apache-2.0 */
/* admit - whether a wish may go on, and what it would cost: admit.c, cost.c.
 *
 * Thread: the engine's, but where something else is said.
 */
#pragma once

#include "missing.h"
#include "private.h"

/* ---- admit.c ---- */
struct policy_verdict;
/* The path of a file as rules name it; "" where no rule names one. */
#define RULE_PATH_MAX 8192 /* SUBTREE_PATH_MAX */
void rule_path(struct engine *e, uint64_t ino, char ret[RULE_PATH_MAX]);
void restore_policy(struct engine *e, const struct wish *wish,
		    struct policy_verdict *ret);
/* The budgets `r` draws on: their number or -errno. */
int restore_draws(const struct restore *r, struct budget_draw ret[BUDGETS_MAX]);
/* A budget says no: sets the outcome, and gives the event that says so: EV_REFUSED or EV_HELD. */
enum restore_event restore_refuse(struct restore *r, const struct budget_draw *draw,
				  const struct budget_use *use);
/* What of it the cache does not hold yet. */
uint64_t restore_bytes_to_come(const struct restore *r);
/* Whether policy and breaker let it go on; else sets the outcome. */
bool restore_may(struct restore *r, const struct wish *wish,
		 const struct policy_verdict *v);
/* There is room for it: what budgets say, and on it goes. */
void restore_admitted(struct restore *r);

/* ---- cost.c ---- */
/* What is wanted of one file. */
struct cost_wish {
	const struct storage_class *storage_class;
	enum tier tier;
	uint32_t days;
	uint64_t size_bytes;
	uint64_t off, len; /* len 0: all of it */
	uint32_t parts;    /* object_parts() */
	bool needs_restore;
	bool is_partial; /* some of that is here, and `missing` is not */
	struct missing missing;
	uint64_t free_bytes; /* of its transfer (allowance.h) */
};
/* The region whose prices count. */
const char *source_price_region(const struct source *s);
/* Whether any price is known there. */
bool cost_is_known(const struct source *s);
/* Any thread. The prices that count for a source. */
void cost_tariff(const struct source *s, const char *storage_class, enum tier tier,
		 struct tariff *ret);
/* Any thread. `w` in the words of prices.h. */
void cost_ask(const struct source *s, const struct cost_wish *w,
	      struct estimate_ask *ret);
/* Any thread. Of a file some of which is here: what is left to restore of it, and to fetch. */
void cost_of_rest(const struct source *s, uint64_t ino, struct cost_wish *w);
/* Any thread. What `w` would cost now, and the prices it is made of. */
void cost_estimate(const struct source *s, const struct cost_wish *w,
		   struct tariff *ret_tariff, struct estimate *ret);
/* Of the calls a catalog is made of. */
void cost_of_catalog(const struct source *s, struct tariff *ret);
/* Looks up the prices of a restore whose `rec` is filled. */
void restore_price(struct restore *r);
/* Counts what of its range the cache lacks, and what of that could be fetched for nothing: into
 * `rec`, for the estimate and the budgets. */
void restore_count_missing(struct restore *r);
/* Of what it lacked then, at the prices it began with. */
void restore_estimate(const struct restore *r, bool needs_restore, struct estimate *ret);
