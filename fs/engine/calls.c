/* SPDX-License-Identifier: Apache-2.0 */
/* calls - the control calls, each in its turn: what somebody waits for before what nobody does, the
 * users one after another, and no faster than service and configuration allow. Some of the places
 * are kept for what somebody waits for, so that it leaves at once whatever else is asked. */
#include "calls.h"
#include "private.h"
#include "sources.h"
#include "steps.h"
#include <errno.h>

/* What a service takes a second, of one account in one region. S3: 1000 restores, 5500 HEADs (AWS
 * protocol reference 2.8, 4, 2026-09); half of it leaves room for others. Vaults have no published
 * limit; 100 is what the solutions of Amazon's own ask at (lessons 1C, 2026-09). Looks at one share
 * walks over its jobs, which have a pace of their own (backend/jobs.c). */
static const struct {
	const char *scheme;
	double looks, sends;
} limits[] = {
	{ "s3", 2500, 500 },
	{ "glacier", 0, 100 },
};

int service_join(struct source *s)
{
	struct engine *e = s->engine;
	int64_t now = engine_real_ms(e);
	const char *scheme = s->backend->ops->scheme;
	const char *endpoint = s->cfg.backend.endpoint ? s->cfg.backend.endpoint : "";
	struct service *service;

	turns_init(&s->looks);
	turns_init(&s->sends);
	bucket_init(&s->requests, s->cfg.pace.requests, s->cfg.pace.requests, now);
	bucket_init(&s->bytes, s->cfg.pace.bytes_a_day / 86400,
		    s->cfg.pace.bytes_a_day / 24, engine_service_ms(e));
	LIST_FOREACH (service, &e->services, link) {
		s->service = service;
		if (streq(service->scheme, scheme) &&
		    streq(service->region, s->backend->region) &&
		    streq(service->endpoint, endpoint))
			return 0;
	}
	service = calloc(1, sizeof(*service));
	if (!service)
		return -ENOMEM;
	service->scheme = scheme;
	service->region = s->backend->region;
	service->endpoint = endpoint;
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		if (!streq(limits[i].scheme, scheme))
			continue;
		bucket_init(&service->looks, limits[i].looks, limits[i].looks, now);
		bucket_init(&service->sends, limits[i].sends, limits[i].sends, now);
	}
	LIST_INSERT_HEAD(&e->services, service, link);
	s->service = service;
	return 0;
}

void services_free(struct engine *e)
{
	struct service *service;

	while ((service = LIST_FIRST(&e->services))) {
		LIST_REMOVE(service, link);
		free(service);
	}
}

/* What a call cost goes to the ledger; the paid one's charges are the restore's own. */
static void call_meter(struct restore *r)
{
	if (r->verb == BACKEND_FETCH)
		inventory_charge(r);
	else if (r->verb != BACKEND_RESTORE)
		r->heads += r->call->requests;
	if (r->call->list_requests)
		meter_lists(r->source, r->call);
}

static void calls_next(struct engine *e);

static void call_leave(struct call *c)
{
	if (c->restore)
		c->restore->call = NULL;
	c->restore = NULL;
}

static void call_end(struct call *c, struct engine *e)
{
	c->is_taken = false;
	e->next_call = (size_t)(c - e->calls); /* few are ever touched */
	e->n_shared_calls -= c->is_shared;
	e->n_network_calls -= !c->is_shared;
	e->n_bulk_calls -= !c->is_shared && c->is_bulk;
}

/* It does less from now on, if it says that this is too much. */
static void service_heed(const struct restore *r)
{
	struct service *service = r->source->service;
	int64_t now = engine_real_ms(r->engine);

	if (r->call->result >= 0 || r->call->fault.kind != FAULT_THROTTLED)
		return;
	bucket_slow(&service->looks, now);
	bucket_slow(&service->sends, now);
}

static void call_done(struct backend_call *backend)
{
	struct call *c = container_of(backend, struct call, backend);
	struct restore *r = c->restore;
	struct engine *e = r->engine;

	c->is_answered = true;
	call_meter(r);
	service_heed(r);
	part_heard(r);
	r->answered(r); /* may queue its next call, or free the restore */
	call_leave(c);
	call_end(c, e);
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
		.off = r->rec.off,
		.len = r->rec.len,
		.is_proof_wanted = r->proof.kind == DIGEST_NONE,
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
	for (size_t i = 0; i < CALLS_MAX; i++) {
		struct call *c = &e->calls[(e->next_call + i) % CALLS_MAX];

		if (c->is_taken)
			continue;
		e->next_call = (size_t)(c - e->calls);
		return c;
	}
	return NULL;
}

/* ---- whose turn it is ---- */

static bool is_paid(const struct restore *r)
{
	return r->verb == BACKEND_RESTORE;
}

static struct turns *turns_of(struct restore *r)
{
	return is_paid(r) ? &r->source->sends : &r->source->looks;
}

/* Somebody waits for what the call leads to; of looks whether a restore is ready, which come
 * round for all of them, only for one a notice is about. */
static bool is_urgent(const struct restore *r)
{
	if (r->is_inventory)
		return true;
	return r->n_waiters && (r->verb != BACKEND_PROBE || r->is_fresh);
}

/* Milliseconds of real time until the source may make such a call; 0: now. */
static int64_t pace_wait_ms(struct source *s, bool is_paid_call)
{
	struct engine *e = s->engine;
	int64_t now = engine_real_ms(e);
	struct bucket *b = is_paid_call ? &s->service->sends : &s->service->looks;
	int64_t wait = bucket_wait_ms(b, now);
	int64_t own = bucket_wait_ms(&s->requests, now);
	int64_t bytes = 0;

	if (is_paid_call)
		bytes = bucket_wait_ms(&s->bytes, engine_service_ms(e));
	/* Service time may run faster: a look every second, then, and nothing is lost. */
	bytes = bytes > 1000 ? 1000 : bytes;
	wait = wait > own ? wait : own;
	return wait > bytes ? wait : bytes;
}

static void pace_take(struct restore *r)
{
	struct source *s = r->source;
	int64_t now = engine_real_ms(s->engine);

	bucket_take(is_paid(r) ? &s->service->sends : &s->service->looks, 1, now);
	bucket_take(&s->requests, 1, now);
	if (is_paid(r))
		bucket_take(&s->bytes,
			    (double)(r->rec.len ? r->rec.len : r->rec.size_bytes),
			    engine_service_ms(s->engine));
}

/* A look at a vault is hardly a call: one walk over its jobs answers all that wait. */
static bool has_room(const struct engine *e, bool urgent, bool is_shared)
{
	if (is_shared)
		return e->n_shared_calls < CALLS_SHARED - (urgent ? 0 : CALLS_NETWORK);
	return e->n_network_calls < CALLS_NETWORK &&
	       (urgent || e->n_bulk_calls < CALLS_BULK);
}

/* Starts one call of the source; `ret_wait_ms` becomes less where one only has to wait. */
static bool source_call(struct source *s, bool urgent, bool is_paid_call,
			int64_t *ret_wait_ms)
{
	struct turns *ts = is_paid_call ? &s->sends : &s->looks;
	struct turn_lane *lane = urgent ? &ts->urgent : &ts->bulk;
	struct engine *e = s->engine;

	if (!lane->n)
		return false;
	int64_t wait = pace_wait_ms(s, is_paid_call);
	if (wait) {
		*ret_wait_ms = wait < *ret_wait_ms ? wait : *ret_wait_ms;
		return false;
	}
	bool is_shared = !is_paid_call && s->backend->ops->catalog_is_job;
	struct call *c = has_room(e, urgent, is_shared) ? call_free(e) : NULL;
	if (!c)
		return false;
	struct restore *r = container_of(turns_take(ts, urgent), struct restore, turn);
	c->is_bulk = !urgent;
	c->is_shared = is_shared;
	e->n_shared_calls += c->is_shared;
	e->n_network_calls += !c->is_shared;
	e->n_bulk_calls += !c->is_shared && c->is_bulk;
	pace_take(r);
	call_start(c, r);
	return true;
}

static void calls_next(struct engine *e)
{
	int64_t wait = INT64_MAX;
	bool has_moved = true;

	while (has_moved) {
		has_moved = false;
		/* Paid calls first: who waits for them has waited longer. */
		for (size_t i = 0; i < e->n_sources; i++) {
			struct source *s = e->sources[i];

			has_moved |= source_call(s, true, true, &wait);
			has_moved |= source_call(s, true, false, &wait);
		}
		for (size_t i = 0; i < e->n_sources && !has_moved; i++) {
			struct source *s = e->sources[i];

			has_moved |= source_call(s, false, true, &wait);
			has_moved |= source_call(s, false, false, &wait);
		}
	}
	if (wait < INT64_MAX)
		timers_arm(&e->real, &e->paced, engine_real_ms(e) + wait);
}

void calls_paced(struct timer *t)
{
	calls_next(container_of(t, struct engine, paced));
}

void call_queue(struct restore *r, enum backend_verb verb,
		void (*answered)(struct restore *r))
{
	r->verb = verb;
	r->is_fresh = r->is_hinted;
	r->answered = answered;
	turns_add(turns_of(r), &r->turn, r->rec.uid, is_urgent(r));
	calls_next(r->engine);
}

void call_promote(struct restore *r)
{
	if (!r->turn.is_waiting || r->turn.is_urgent || !is_urgent(r))
		return;
	turns_promote(turns_of(r), &r->turn);
	calls_next(r->engine);
}

void call_drop(struct restore *r)
{
	turns_remove(turns_of(r), &r->turn);
	if (!r->call)
		return;
	struct engine *e = r->engine;
	struct call *c = container_of(r->call, struct call, backend);
	if (c->is_answered)
		return;
	backend_cancel(r->source->backend, r->call);
	call_meter(r);
	call_leave(c);
	call_end(c, e);
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
