/* SPDX-License-Identifier: Apache-2.0 */
#include "private.h"

/* What a call cost goes to the ledger; the paid one's charges are the restore's own. */
static void call_meter(struct restore *r)
{
	if (r->verb == BACKEND_FETCH)
		inventory_charge(r);
	else if (r->verb != BACKEND_RESTORE)
		r->heads += r->call->requests;
}

static void calls_next(struct engine *e);

static void call_leave(struct call *c)
{
	if (c->restore)
		c->restore->call = NULL;
	c->restore = NULL;
}

static void call_done(struct backend_call *backend)
{
	struct call *c = container_of(backend, struct call, backend);
	struct restore *r = c->restore;
	struct engine *e = r->engine;

	c->is_answered = true;
	call_meter(r);
	r->answered(r); /* may queue its next call, or free the restore */
	call_leave(c);
	c->is_taken = false;
	calls_next(e);
}

static void call_start(struct call *c, struct restore *r)
{
	if (r->call)
		call_leave(container_of(r->call, struct call, backend));
	c->is_taken = true;
	c->is_answered = false;
	c->restore = r;
	r->call = &c->backend;
	c->backend = (struct backend_call){
		.verb = r->verb,
		.object = r->brief ? &c->object : NULL,
		.tier = r->rec.tier,
		.days = r->rec.days,
		.is_fresh = r->is_fresh,
		.data = r->verb == BACKEND_FETCH ? inventory_data : NULL,
		.done = call_done,
		.arg = r,
	};
	if (r->brief)
		brief_expand(r->brief, &c->object);
	/* Our mark in a vault job's description: which daemon's which request. */
	snprintf(c->backend.tag, sizeof(c->backend.tag), "thawfs:%s:%llx",
		 r->engine->state->instance, (unsigned long long)r->rec.id);
	snprintf(c->backend.token, sizeof(c->backend.token), "%s", r->rec.token);
	backend_start(r->source->backend, &c->backend);
}

static struct call *call_free(struct engine *e)
{
	for (size_t i = 0; i < CALLS_MAX; i++)
		if (!e->calls[i].is_taken)
			return &e->calls[i];
	return NULL;
}

static void calls_next(struct engine *e)
{
	struct call *c;

	while (!TAILQ_EMPTY(&e->waiting_calls) && (c = call_free(e))) {
		struct restore *r = TAILQ_FIRST(&e->waiting_calls);

		TAILQ_REMOVE(&e->waiting_calls, r, in_calls);
		r->is_queued = false;
		call_start(c, r);
	}
}

void call_queue(struct restore *r, enum backend_verb verb,
		void (*answered)(struct restore *r))
{
	r->verb = verb;
	r->is_fresh = r->is_hinted;
	r->answered = answered;
	r->is_queued = true;
	TAILQ_INSERT_TAIL(&r->engine->waiting_calls, r, in_calls);
	calls_next(r->engine);
}

void call_drop(struct restore *r)
{
	if (r->is_queued)
		TAILQ_REMOVE(&r->engine->waiting_calls, r, in_calls);
	r->is_queued = false;
	if (!r->call)
		return;
	struct call *c = container_of(r->call, struct call, backend);
	if (c->is_answered)
		return;
	backend_cancel(r->source->backend, r->call);
	call_meter(r);
	call_leave(c);
	c->is_taken = false;
}

void call_forget(struct restore *r)
{
	call_drop(r);
	if (r->call)
		call_leave(container_of(r->call, struct call, backend));
}

const char *call_request_id(const struct restore *r)
{
	return r->call ? r->call->request_id : NULL;
}
