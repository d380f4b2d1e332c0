/* SPDX-License-Identifier: Apache-2.0 */
/* admit - whether a wish may go on: what the cache and the budgets say of it. */
#include "guard.h"
#include "log.h"
#include "private.h"
#include <errno.h>

int restore_draws(const struct restore *r, struct budget_draw ret[BUDGETS_MAX])
{
	struct guard_ask ask = {
		.uid = r->rec.uid,
		.gid = r->rec.gid,
		.source = r->source->cfg.backend.name,
		.now_ms = engine_service_ms(r->engine),
	};

	return guard_draws(r->engine->cfg.budgets, r->engine->cfg.n_budgets, &ask, ret);
}

void restore_refuse(struct restore *r, const struct budget_draw *draw, money_t used)
{
	r->rec.err = EDQUOT;
	guard_refusal_text(draw, used, r->estimate.total, r->rec.error,
			   sizeof(r->rec.error));
	log_notice("ino=%llu uid=%u refused: %s", (unsigned long long)r->ino, r->rec.uid,
		   r->rec.error);
}

uint64_t restore_bytes_to_come(const struct restore *r)
{
	struct fill fill;

	if (store_fill(r->engine->state->store, r->ino, &fill) == 0 &&
	    fill.size_bytes == r->rec.size_bytes)
		return fill.size_bytes - fill.held_bytes;
	return r->rec.size_bytes;
}

bool restore_is_refused_here(struct restore *r, const struct entry *entry)
{
	struct engine *e = r->engine;
	struct budget_draw draws[BUDGETS_MAX];
	bool may_be_here =
		entry->is_restoring || entry->copy_expires_ms > engine_service_ms(e);
	uint64_t free_bytes = store_free_bytes(e->state->store);
	uint64_t used_bytes = store_used_bytes(e->state->store);
	uint64_t needed = restore_bytes_to_come(r);
	uint64_t to_come = e->promised_bytes + needed;

	if ((e->cfg.cache_bytes && used_bytes + to_come > e->cfg.cache_bytes) ||
	    to_come + e->cfg.reserve_bytes > free_bytes) {
		char words[24];

		size_words(needed, words);
		r->rec.err = ENOSPC;
		snprintf(
			r->rec.error, sizeof(r->rec.error),
			"the cache cannot hold %s more: evict something or make it larger; "
			"nothing was paid",
			words);
		return true;
	}
	restore_promise(r, needed);
	restore_estimate(r, restore_class(r)->is_archive && !may_be_here, &r->estimate);
	/* Where looking costs something a hopeless wish is not looked up at all. */
	if (r->estimate.is_unknown || r->tariff.head_request == 0)
		return false;
	int n = restore_draws(r, draws);
	for (int i = 0; i < n; i++) {
		money_t spent, reserved;

		if (journal_budget(e->state->journal, draws[i].key, &spent, &reserved) <
		    0)
			continue;
		if (spent + reserved + r->estimate.total > draws[i].limit) {
			restore_refuse(r, &draws[i], spent + reserved);
			return true;
		}
	}
	return false;
}
