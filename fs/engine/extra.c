/* SPDX-License-Identifier: Apache-2.0 */
/* What the services do with a second call: AWS protocol reference 2.5 and 1.3, 2026-09.
 *
 *	S3, restore running	a faster tier with the same days is accepted (202), and charged as a
 *				restore by the new tier; asked again it is refused (409)
 *	S3, copy there		the expiry is reckoned anew from now (200): the request is charged,
 *				and the days added
 *	vault			a second job, beside the first
 */
#include "extra.h"
#include "admit.h"
#include "calls.h"
#include "guard.h"
#include "log.h"
#include "notes.h"
#include "pace.h"
#include "steps.h"
#include "transfers.h"
#include <errno.h>

#define DAY_MS ((int64_t)24 * 3600 * 1000)
/* An extension with less than this left is not sent. */
#define LEAST_LEFT_MS 60000
/* The journal could not be written: try again, money is waiting. */
#define END_AGAIN_MS 5000

static bool is_vault(const struct extra *x)
{
	return x->restore->source->backend->ops->catalog_is_job;
}

/* ---- the life of one ---- */

static void extra_reserve(struct extra *x);
static void extra_send(struct extra *x);
static void extra_seek(struct extra *x);
static void extra_end(struct extra *x);
static void extra_leave(struct extra *x);

static const struct extra_edge edges[] = {
	{ EXTRA_NONE, EV_WANTED, EXTRA_RESERVING, extra_reserve },
	{ EXTRA_NONE, EV_ADOPTED, EXTRA_SEEKING, extra_seek },

	{ EXTRA_RESERVING, EV_COMMITTED, EXTRA_SENDING, extra_send },
	{ EXTRA_RESERVING, EV_REFUSED, EXTRA_NONE, extra_leave },

	{ EXTRA_SENDING, EV_ACCEPTED, EXTRA_ENDING, extra_end },
	{ EXTRA_SENDING, EV_READY, EXTRA_SEEKING, extra_seek },
	{ EXTRA_SENDING, EV_LOST, EXTRA_SEEKING, extra_seek },
	{ EXTRA_SENDING, EV_FAILED, EXTRA_ENDING, extra_end },

	{ EXTRA_SEEKING, EV_COLD, EXTRA_SENDING, extra_send },
	{ EXTRA_SEEKING, EV_ACCEPTED, EXTRA_ENDING, extra_end },
	{ EXTRA_SEEKING, EV_FAILED, EXTRA_ENDING, extra_end },

	{ EXTRA_ENDING, EV_COMMITTED, EXTRA_NONE, extra_leave },
};

const struct extra_edge *extra_edge_find(enum extra_phase from, enum restore_event event)
{
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++)
		if (edges[i].from == from && edges[i].event == event)
			return &edges[i];
	return NULL;
}

const struct extra_edge *extra_edges(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(edges);
	return edges;
}

const char *extra_phase_word(enum extra_phase p)
{
	static const char *const words[] = {
		[EXTRA_NONE] = "extra",
		[EXTRA_RESERVING] = "extra-reserving",
		[EXTRA_SENDING] = "extra-sending",
		[EXTRA_SEEKING] = "extra-seeking",
		[EXTRA_ENDING] = "extra-ending",
	};
	return words[p];
}

static void edge_passed(const struct engine *e, const struct extra_edge *edge,
			bool is_after)
{
	if (e->cfg->on_edge)
		e->cfg->on_edge(extra_phase_word(edge->from),
				restore_event_word(edge->event), is_after,
				e->cfg->on_edge_arg);
}

void extra_happens(struct extra *x, enum restore_event ev)
{
	const struct extra_edge *edge = extra_edge_find(x->phase, ev);
	struct engine *e = x->engine;

	if (!edge) {
		log_err("ino=%llu extra phase=%s event=%s is not in the table, ignored",
			(unsigned long long)x->rec.ino, extra_phase_word(x->phase),
			restore_event_word(ev));
		return;
	}
	log_debug("ino=%llu request=%llu phase=%s event=%s next=%s",
		  (unsigned long long)x->rec.ino, (unsigned long long)x->rec.id,
		  extra_phase_word(x->phase), restore_event_word(ev),
		  extra_phase_word(edge->to));
	edge_passed(e, edge, false);
	x->phase = edge->to;
	edge->act(x);
	edge_passed(e, edge, true);
}

/* ---- who is told ---- */

static void asks_tell(struct extra *x, int result)
{
	struct ask *a;

	while ((a = STAILQ_FIRST(&x->asks))) {
		STAILQ_REMOVE_HEAD(&x->asks, of_restore);
		a->done(a, result);
	}
}

/* Why it goes on as it was stays with the restore, for who asked. */
static void extra_explain(const struct extra *x, const char *why)
{
	struct restore *r = x->restore;

	log_notice("ino=%llu request=%llu %s: %s", (unsigned long long)x->rec.ino,
		   (unsigned long long)x->rec.id,
		   extra_is_raise(x) ? "not made faster" : "not kept longer", why);
	if (!extra_is_raise(x) || r->phase != PHASE_RESTORING)
		return;
	restore_say(r, "not made faster: %.200s", why);
	note_step(r, NULL, 0, NULL);
}

/* ---- failures ---- */

/* The first `n_paid` of its lines are charged all the same. */
static void extra_fails(struct extra *x, int err, const char *text, size_t n_paid)
{
	x->rec.err = err;
	x->n_lines = n_paid;
	snprintf(x->rec.error, sizeof(x->rec.error), "%s", text);
	extra_happens(x, EV_FAILED);
}

void extra_fires(struct timer *t)
{
	struct extra *x = container_of(t, struct extra, again);

	x->retry(x);
}

static void extra_later(struct extra *x, void (*retry)(struct extra *x), int64_t wait_ms)
{
	x->retry = retry;
	timers_arm(&x->engine->real, &x->again, engine_real_ms(x->engine) + wait_ms);
}

static void extra_retry(struct extra *x, void (*retry)(struct extra *x), bool has_limit)
{
	struct engine *e = x->engine;
	int64_t now = engine_real_ms(e);

	if (!x->failures)
		x->first_failure_ms = now;
	if (has_limit && now - x->first_failure_ms > e->cfg->retry_ms) {
		extra_fails(x, EIO, x->call.fault.text, 0);
		return;
	}
	e->noise = e->noise * 1664525u + 1013904223u;
	extra_later(x, retry, pace_retry_ms(x->failures++, e->noise >> 8));
}

/* ---- calls ---- */

static void call_done(struct backend_call *c)
{
	struct extra *x = c->arg;

	if (c->verb != BACKEND_RESTORE)
		x->restore->heads += c->requests;
	extra_call_over(x);
	x->answered(x);
}

static void extra_call(struct extra *x, enum backend_verb verb,
		       void (*answered)(struct extra *x))
{
	x->call = (struct backend_call){
		.verb = verb,
		.object = &x->object,
		.tier = x->rec.tier,
		.days = x->rec.days,
		.off = x->rec.off,
		.len = x->rec.len,
		.done = call_done,
		.arg = x,
	};
	snprintf(x->call.tag, sizeof(x->call.tag), "thawfs:%s:%llx",
		 x->engine->state->instance, (unsigned long long)x->rec.id);
	x->answered = answered;
	extra_call_queue(x);
}

/* ---- reserve ---- */

static void reserved(struct msg *m)
{
	struct extra *x = container_of(m, struct extra, reserve.op.msg);
	int result = x->reserve.op.result;

	engine_op_done(x->engine);
	if (x->engine->is_stopping)
		return;
	if (result == 0) {
		x->rec = x->reserve.rec;
		asks_tell(x, 0);
		extra_happens(x, EV_COMMITTED);
		return;
	}
	struct guard_need need = { .money = x->rec.estimate };
	char why[256];
	snprintf(why, sizeof(why), "the journal cannot be written (%s)",
		 strerrordesc_np(-result));
	if (result == -EDQUOT)
		guard_refusal_text(&x->reserve.draws[x->reserve.refused],
				   &x->reserve.refused_use, &need, why, sizeof(why));
	extra_explain(x, why);
	x->rec.err = result == -EDQUOT ? EDQUOT : EIO;
	extra_happens(x, EV_REFUSED);
}

static void refused_later(struct extra *x)
{
	x->rec.err = EDQUOT;
	extra_happens(x, EV_REFUSED);
}

static void extra_reserve(struct extra *x)
{
	struct restore as = *x->restore;

	as.rec = x->rec.numbers;
	as.origin = NULL;
	int n = restore_draws(&as, x->reserve.draws);
	if (n < 0) {
		extra_later(x, refused_later, 0);
		return;
	}
	x->reserve.n_draws = (size_t)n;
	x->reserve.rec = x->rec;
	engine_op(x->engine, &x->reserve.op, reserved);
	journal_reserve_post(x->engine->state->journal, &x->reserve);
}

/* ---- send ---- */

static void lost_later(struct extra *x)
{
	extra_happens(x, EV_LOST);
}

/* Better booked than not. */
static void taken_for_paid(struct extra *x)
{
	log_warning(
		"ino=%llu request=%llu whether a faster tier was taken cannot be told any "
		"more: booked as paid",
		(unsigned long long)x->rec.ino, (unsigned long long)x->rec.id);
	extra_happens(x, EV_ACCEPTED);
}

/* An answer that took money, or may have. */
static void raise_sent(struct extra *x)
{
	const struct backend_call *c = &x->call;

	if (c->is_new || (x->may_be_taken && c->state == REMOTE_RESTORING)) {
		if (is_vault(x))
			snprintf(x->rec.token, sizeof(x->rec.token), "%s", c->token);
		extra_happens(x, EV_ACCEPTED);
		return;
	}
	/* The answer to an earlier call was lost; this one was a request for nothing. */
	if (c->state == REMOTE_READY && x->may_be_taken) {
		x->lines[0] = cost_line_make(x->lines[0].operation, COST_REQUEST, 2, 0,
					     x->lines[0].price);
		taken_for_paid(x);
		return;
	}
	/* Ready meanwhile: the service took it for an extension of no days. */
	if (c->state == REMOTE_READY)
		extra_fails(x, EALREADY, "it was ready before it could be made faster",
			    1);
	else
		extra_fails(x, EALREADY, "somebody else has asked for it to be faster",
			    0);
}

/* The lines of a whole restore, for want of the copy that was to be kept. Their number. */
static size_t lines_of_restore(struct extra *x)
{
	struct restore *r = x->restore;
	struct cost_wish w = {
		.storage_class = restore_class(r),
		.tier = x->rec.tier,
		.days = x->rec.days,
		.size_bytes = x->rec.size_bytes,
		.off = x->rec.off,
		.len = x->rec.len,
		.needs_restore = true,
	};
	struct tariff t;
	struct estimate all;
	size_t n = 0;

	cost_estimate(r->source, &w, &t, &all);
	for (size_t i = 0; i < all.n; i++)
		if (streq(all.lines[i].operation,
			  r->source->backend->ops->restore_operation))
			x->lines[n++] = all.lines[i];
	return n;
}

static void extend_sent(struct extra *x)
{
	if (x->call.is_new) {
		/* The copy went a moment before: a restore of its own has begun, and is paid. */
		extra_fails(x, ESTALE, "the copy had lapsed: it is being restored anew",
			    lines_of_restore(x));
		return;
	}
	if (x->call.state != REMOTE_READY) {
		extra_fails(x, ESTALE, "the copy has lapsed", 0);
		return;
	}
	x->is_taken = true;
	extra_happens(x, EV_READY);
}

static void sent(struct extra *x)
{
	const struct backend_call *c = &x->call;

	if (c->result < 0 && c->is_lost) {
		x->may_be_taken = true;
		extra_later(x, lost_later,
			    pace_retry_ms(x->failures++, x->engine->noise));
	} else if (c->result < 0 && fault_is_transient(&c->fault)) {
		extra_retry(x, extra_send, true);
	} else if (c->result < 0 && x->may_be_taken && extra_is_raise(x) &&
		   !is_vault(x)) {
		/* Of an object only this call could have told. */
		taken_for_paid(x);
	} else if (c->result < 0) {
		extra_fails(x, EIO, c->fault.text, 0);
	} else if (extra_is_raise(x)) {
		raise_sent(x);
	} else {
		extend_sent(x);
	}
}

/* The restore may have gone on since this was reserved. */
static bool is_pointless(const struct extra *x)
{
	const struct restore *r = x->restore;

	if (extra_is_raise(x))
		return r->phase != PHASE_RESTORING || r->is_cancelled;
	/* A copy that is gone when the call arrives would be restored anew, and paid. */
	return r->phase != PHASE_FETCHING ||
	       engine_service_ms(x->engine) + LEAST_LEFT_MS > x->rec.expires_ms;
}

static void gain_nothing(struct extra *x)
{
	extra_fails(x, EALREADY, "there is nothing left to gain by it", 0);
}

static void extra_send(struct extra *x)
{
	if (!x->may_be_taken && is_pointless(x))
		gain_nothing(x);
	else
		extra_call(x, BACKEND_RESTORE, sent);
}

bool extra_turn_comes(struct extra *x)
{
	if (x->call.verb != BACKEND_RESTORE || x->may_be_taken || !is_pointless(x))
		return true;
	extra_later(x, gain_nothing, 0);
	return false;
}

/* ---- seek ---- */

static void sought_raise(struct extra *x)
{
	const struct backend_call *c = &x->call;

	if (is_vault(x) && c->is_ours) {
		snprintf(x->rec.token, sizeof(x->rec.token), "%s", c->token);
		extra_happens(x, EV_ACCEPTED);
	} else if (is_vault(x) && !x->is_rechecked) {
		/* A list of jobs may lag. */
		x->is_rechecked = true;
		extra_later(x, extra_seek, RECHECK_MS);
	} else if (is_vault(x) || c->state == REMOTE_RESTORING) {
		/* Of an object only asking again tells: refused if it arrived. */
		x->is_rechecked = false;
		extra_happens(x, EV_COLD);
	} else {
		/* It has ended meanwhile, and nothing tells any more. */
		taken_for_paid(x);
	}
}

static void sought_extension(struct extra *x)
{
	const struct backend_call *c = &x->call;
	int64_t added_ms = c->expires_ms - x->rec.expires_ms;

	if (c->state != REMOTE_READY) {
		extra_fails(x, ESTALE, "the copy has lapsed", x->is_taken ? 1 : 0);
		return;
	}
	if (added_ms <= 0 && !x->is_taken) {
		extra_happens(x, EV_COLD);
		return;
	}
	x->n_lines = 1;
	if (added_ms > 0) {
		uint32_t days = (uint32_t)((added_ms + DAY_MS - 1) / DAY_MS);

		x->lines[1] = cost_line_make(x->lines[1].operation, COST_STORAGE,
					     x->rec.size_bytes, days, x->lines[1].price);
		x->n_lines = 2;
		x->rec.expires_ms = c->expires_ms;
	}
	extra_happens(x, EV_ACCEPTED);
}

static void sought(struct extra *x)
{
	const struct fault *f = &x->call.fault;

	if (x->call.result < 0 &&
	    (f->kind == FAULT_NOT_FOUND || f->kind == FAULT_CHANGED)) {
		extra_fails(x, ESTALE, f->text, x->is_taken ? 1 : 0);
	} else if (x->call.result < 0) {
		/* It may be paid: this must not end before it is known. */
		extra_retry(x, extra_seek, false);
	} else if (extra_is_raise(x)) {
		x->may_be_taken = true;
		sought_raise(x);
	} else {
		sought_extension(x);
	}
}

static void extra_seek(struct extra *x)
{
	extra_call(x, BACKEND_FIND, sought);
}

/* ---- end ---- */

/* What it has brought, in the restore: noted before the extra ends, so that a crash between the
 * two finds the extra open and looks again. */
static void extra_take_effect(struct extra *x)
{
	struct restore *r = x->restore;
	struct engine *e = x->engine;

	if (!extra_is_raise(x) && r->phase == PHASE_FETCHING) {
		r->rec.expires_ms = x->rec.expires_ms;
		fetch_queue_wake(r);
		note_step(r, NULL, 0, NULL);
	}
	if (!extra_is_raise(x) || r->phase != PHASE_RESTORING)
		return;
	r->rec.tier = x->rec.tier;
	restore_price(r);
	r->rec.accepted_ms = engine_service_ms(e);
	if (is_vault(x))
		restore_token_set(r, x->rec.token);
	note_step(r, NULL, 0, NULL);
	/* A look under way is at what was, and a failure of it means nothing any more. */
	call_drop(r);
	timers_disarm(&e->real, &r->again);
	timers_disarm(&e->service, &r->watch);
	watch_begin(r);
}

static void ended(struct msg *m)
{
	struct extra *x = container_of(m, struct extra, step.op.msg);

	engine_op_done(x->engine);
	if (x->engine->is_stopping)
		return;
	if (x->step.op.result < 0) {
		log_err("request=%llu the journal cannot be written: %s, trying again",
			(unsigned long long)x->rec.id,
			strerrordesc_np(-x->step.op.result));
		free(steal_ptr(x->step.charges));
		extra_later(x, extra_end, END_AGAIN_MS);
		return;
	}
	free(steal_ptr(x->step.charges));
	extra_happens(x, EV_COMMITTED);
}

static void extra_end(struct extra *x)
{
	bool is_done = !x->rec.err;
	struct charge *charges = calloc(COST_LINES_MAX, sizeof(*charges));

	if (!charges) {
		extra_later(x, extra_end, END_AGAIN_MS);
		return;
	}
	if (is_done && x->rec.state == REQUEST_INTENT)
		extra_take_effect(x);
	x->rec.state = is_done ? REQUEST_DONE : REQUEST_FAILED;
	x->rec.ended_ms = engine_service_ms(x->engine);
	for (size_t i = 0; i < x->n_lines; i++)
		charge_fill(&charges[i], x->restore, &x->rec.numbers, &x->lines[i],
			    x->call.request_id);
	x->step = (struct step_op){ .rec = x->rec,
				    .charges = charges,
				    .n_charges = x->n_lines };
	engine_op(x->engine, &x->step.op, ended);
	journal_step_post(x->engine->state->journal, &x->step);
	if (!is_done)
		extra_explain(x, x->rec.error);
}

static void extra_leave(struct extra *x)
{
	struct restore *r = x->restore;

	asks_tell(x, x->rec.err ? -x->rec.err : 0);
	extra_free(x);
	restore_extra_over(r);
}

void extra_free(struct extra *x)
{
	if (!x)
		return;
	extra_call_drop(x);
	timers_disarm(&x->engine->real, &x->again);
	free(x->step.charges);
	x->restore->extra = NULL;
	free(x);
}

void extra_abandon(struct extra *x)
{
	if (!x)
		return;
	extra_call_drop(x);
	timers_disarm(&x->engine->real, &x->again);
	asks_tell(x, -ETIMEDOUT);
}
