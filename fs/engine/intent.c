/* SPDX-License-Identifier: Apache-2.0 */
/* intent - what is durable before money leaves: the request with what it reserves in the budgets;
 * and the record of a wish that ended without one. */
#include "admit.h"
#include "guard.h"
#include "log.h"
#include "notes.h"
#include "private.h"
#include "steps.h"
#include "waiters.h"
#include "wave.h"
#include <errno.h>

/* A refusal like the last one is not written again within this time. */
#define REFUSAL_AGAIN_MS 60000

void restore_promise(struct restore *r, uint64_t bytes)
{
	r->engine->promised_bytes += bytes - r->promised_bytes;
	r->promised_bytes = bytes;
}

struct reservation {
	struct reserve_op reserve;
	struct restore *restore;
};

/* The intent as it was written; what was said of the restore meanwhile stays. */
static void restore_reserved(struct restore *r, const struct request *rec)
{
	struct request_then then = r->rec.then;

	r->rec = rec->numbers;
	r->rec.then = then;
	restore_token_set(r, rec->token);
}

/* The log says once that a budget is nearly spent: when this intent took it there. */
static void budgets_warn(const struct restore *r, const struct reserve_op *op)
{
	const struct engine_cfg *cfg = r->engine->cfg;
	struct guard_need need = { .money = op->rec.estimate };

	for (size_t i = 0; i < op->n_draws; i++) {
		const struct budget *b =
			guard_budget(cfg->budgets, cfg->n_budgets, &op->draws[i]);
		struct budget_use use;

		if (!b || !b->warn_percent ||
		    journal_budget(r->engine->state->journal, op->draws[i].key, &use) < 0)
			continue;
		if (guard_warns(b, &use, &need))
			note_event(r->engine, EVENT_BUDGET,
				   "budget=%s over %u%% of it is spent or reserved",
				   op->draws[i].key, b->warn_percent);
	}
}

static void reserve_done(struct msg *m)
{
	struct reservation *v = container_of(m, struct reservation, reserve.op.msg);
	struct restore *r = v->restore;
	struct engine *e = r->engine;
	int result = v->reserve.op.result;
	enum restore_event ev = EV_COMMITTED;

	engine_op_done(e);
	if (result < 0)
		allowance_grant(r, 0);
	if (result == 0)
		restore_reserved(r, &v->reserve.rec);
	else if (result == -EDQUOT)
		ev = restore_refuse(r, &v->reserve.draws[v->reserve.refused],
				    &v->reserve.refused_use);
	if (result == 0 && !v->reserve.is_held)
		budgets_warn(r, &v->reserve);
	free(v);
	if (e->is_stopping)
		return;
	if (result == 0 || result == -EDQUOT) {
		if (result == 0)
			asks_answer(r, 0);
		else if (r->phase == PHASE_RENEWING)
			lapse_explain(r);
		restore_happens(r, ev);
	} else {
		restore_fails(r, EIO,
			      "the journal cannot be written (%s): nothing was paid",
			      strerrordesc_np(-result));
	}
}

void intent_begin(struct restore *r)
{
	bool is_renewal = r->phase == PHASE_RENEWING;
	bool needs_restore = r->phase == PHASE_RESERVING || is_renewal;

	if (r->phase == PHASE_RESERVING && !part_settle(r))
		return;
	struct reservation *v = calloc(1, sizeof(*v));

	if (!v) {
		restore_fails(r, ENOMEM, "out of memory: nothing was paid");
		return;
	}
	if (!r->is_inventory)
		r->rec.kind = needs_restore ? REQUEST_RESTORE : REQUEST_FETCH;
	restore_count_missing(r);
	struct estimate estimate;
	restore_estimate(r, needs_restore, &estimate);
	r->estimate = estimate.total;
	if (estimate.is_unknown) {
		free(v);
		restore_fails(
			r, EDQUOT,
			"no price is known for %s %s in %s: refused, nothing was paid; "
			"`thaw prices update %s` fetches its list, `prices = us-east-1` in "
			"[source %s] takes another region's",
			restore_class(r)->name, tier_word(r->rec.tier),
			source_price_region(r->source), source_price_region(r->source),
			r->source->cfg->backend.name);
		return;
	}
	int n = restore_draws(r, v->reserve.draws);
	if (n < 0) {
		free(v);
		restore_fails(r, EDQUOT, "more than %d budgets apply: refused",
			      BUDGETS_MAX);
		return;
	}
	allowance_grant(r, r->rec.free_granted);
	v->restore = r;
	v->reserve.n_draws = (size_t)n;
	restore_record(r, &v->reserve.rec);
	v->reserve.rec.estimate = r->estimate;
	if (is_renewal)
		lapse_renew(r, &v->reserve);
	engine_op(r->engine, &v->reserve.op, reserve_done);
	journal_reserve_post(r->engine->state->journal, &v->reserve);
}

void intent_hold(struct restore *r)
{
	struct reservation *v = calloc(1, sizeof(*v));

	if (!v) {
		restore_fails(r, ENOMEM, "out of memory: nothing was paid");
		return;
	}
	restore_promise(r, 0);
	v->restore = r;
	v->reserve.is_held = true;
	restore_record(r, &v->reserve.rec);
	v->reserve.rec.estimate = r->estimate;
	engine_op(r->engine, &v->reserve.op, reserve_done);
	journal_reserve_post(r->engine->state->journal, &v->reserve);
}

static void leave_later(struct restore *r)
{
	restore_happens(r, EV_COMMITTED);
}

/* Somebody may have come meanwhile, and is to be told why after all. */
static void leave_silently(struct restore *r)
{
	if (r->is_ahead)
		restore_happens(r, EV_COMMITTED);
	else
		intent_refused(r);
}

/* An outcome without an intent: nothing was paid, but the reason must be seen. Written as the one
 * refusal of its file, unless that says the same already. */
static void refusal_reserved(struct msg *m)
{
	struct reservation *v = container_of(m, struct reservation, reserve.op.msg);
	struct restore *r = v->restore;
	int result = v->reserve.op.result;

	engine_op_done(r->engine);
	if (result == 0)
		r->rec.id = v->reserve.rec.id;
	free(v);
	if (r->engine->is_stopping)
		return;
	if (result < 0) {
		log_err("ino=%llu the journal cannot be written: %s, going on",
			(unsigned long long)r->ino, strerrordesc_np(-result));
		restore_happens(r, EV_COMMITTED);
		return;
	}
	note_end(r);
}

static bool is_written_already(const struct restore *r)
{
	struct request last;

	if (journal_request_of(r->engine->state->journal, r->ino, &last) < 0)
		return false;
	return last.state == REQUEST_FAILED && last.err == r->rec.err &&
	       r->rec.ended_ms - last.ended_ms < REFUSAL_AGAIN_MS;
}

void intent_refused(struct restore *r)
{
	/* What was only looked for, and is not wanted any more, is nobody's business later. */
	bool is_silent = r->is_ahead || r->is_cancelled || is_written_already(r);
	struct reservation *v = is_silent ? NULL : calloc(1, sizeof(*v));

	if (r->is_ahead)
		ahead_refused(r);
	if (!v) {
		/* Not from inside the caller: it may still hold the restore. */
		r->retry = r->is_ahead ? leave_silently : leave_later;
		timers_arm(&r->engine->real, &r->again, engine_real_ms(r->engine));
		return;
	}
	v->restore = r;
	restore_record(r, &v->reserve.rec);
	v->reserve.rec.estimate = 0;
	v->reserve.is_refusal = true;
	engine_op(r->engine, &v->reserve.op, refusal_reserved);
	journal_reserve_post(r->engine->state->journal, &v->reserve);
}
