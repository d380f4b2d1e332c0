/* SPDX-License-Identifier: Apache-2.0 */
#include "private.h"

/* The calls that send something paid or metered are counted for the ledger. */
static void call_meter(struct restore *r)
{
	if (r->call.verb != BACKEND_RESTORE)
		r->heads += r->call.requests;
}

static void calls_next(struct engine *e);

static void call_done(struct backend_call *c)
{
	struct restore *r = c->arg;
	struct engine *e = r->engine;

	r->is_calling = false;
	e->n_calls--;
	call_meter(r);
	calls_next(e);
	r->answered(r);
}

static void calls_next(struct engine *e)
{
	while (e->n_calls < CALLS_MAX && !TAILQ_EMPTY(&e->calls)) {
		struct restore *r = TAILQ_FIRST(&e->calls);

		TAILQ_REMOVE(&e->calls, r, in_calls);
		r->is_queued = false;
		r->is_calling = true;
		e->n_calls++;
		backend_start(r->source->backend, &r->call);
	}
}

void call_queue(struct restore *r, enum backend_verb verb,
		void (*answered)(struct restore *r))
{
	struct engine *e = r->engine;

	r->call = (struct backend_call){
		.verb = verb,
		.object = r->is_inventory ? NULL : &r->object,
		.tier = r->rec.tier,
		.days = r->rec.days,
		.is_fresh = r->is_hinted,
		.done = call_done,
		.arg = r,
	};
	/* Our mark in a vault job's description: which daemon's which request. */
	snprintf(r->call.tag, sizeof(r->call.tag), "thawfs:%s:%llx", e->state->instance,
		 (unsigned long long)r->rec.id);
	snprintf(r->call.token, sizeof(r->call.token), "%s", r->rec.token);
	r->answered = answered;
	r->is_queued = true;
	TAILQ_INSERT_TAIL(&e->calls, r, in_calls);
	calls_next(e);
}

void call_drop(struct restore *r)
{
	struct engine *e = r->engine;

	if (r->is_queued)
		TAILQ_REMOVE(&e->calls, r, in_calls);
	if (r->is_calling) {
		backend_cancel(r->source->backend, &r->call);
		call_meter(r);
		e->n_calls--;
	}
	r->is_queued = r->is_calling = false;
}
