/* SPDX-License-Identifier: Apache-2.0 */
/* calls - the control calls, each in its turn: what somebody waits for before what nobody does, the
 * users one after another, and no faster than service and configuration allow. Some of the places
 * are kept for what somebody waits for, so that it leaves at once whatever else is asked. */
#include "calls.h"
#include "extra.h"
#include "notes.h"
#include "private.h"
#include "sources.h"
#include "steps.h"
#include <assert.h>
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

void source_pace(struct source *s)
{
	const struct pace_cfg *p = &s->cfg->pace;

	bucket_init(&s->requests, p->requests, p->requests, engine_real_ms(s->engine));
	bucket_init(&s->bytes, p->bytes_a_day / 86400, p->bytes_a_day / 24,
		    engine_service_ms(s->engine));
}

int service_join(struct source *s)
{
	struct engine *e = s->engine;
	int64_t now = engine_real_ms(e);
	const char *scheme = s->backend->ops->scheme;
	const char *endpoint = s->cfg->backend.endpoint ? s->cfg->backend.endpoint : "";
	struct service *service;

	turns_init(&s->looks);
	turns_init(&s->sends);
	turns_init(&s->extras);
	source_pace(s);
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
	r->parts_asked += r->call->parts_requests;
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

static void place_take(struct engine *e, struct place *p, bool is_bulk, bool is_shared)
{
	*p = (struct place){ .is_taken = true,
			     .is_bulk = is_bulk,
			     .is_shared = is_shared };
	e->n_shared_calls += is_shared;
	e->n_network_calls += !is_shared;
	e->n_bulk_calls += !is_shared && is_bulk;
}

static void place_leave(struct engine *e, struct place *p)
{
	p->is_taken = false;
	e->n_shared_calls -= p->is_shared;
	e->n_network_calls -= !p->is_shared;
	e->n_bulk_calls -= !p->is_shared && p->is_bulk;
}

static void call_end(struct call *c, struct engine *e)
{
	place_leave(e, &c->place);
	e->next_call = (size_t)(c - e->calls); /* few are ever touched */
}

/* It does less from now on, if it says that this is too much. */
static void service_heed(struct source *s, const struct backend_call *c)
{
	struct service *service = s->service;
	int64_t now = engine_real_ms(s->engine);

	if (c->result >= 0 || c->fault.kind != FAULT_THROTTLED)
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
	service_heed(r->source, backend);
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
	c->is_answered = false;
	c->restore = r;
	r->call = &c->backend;
	c->backend = (struct backend_call){
		.verb = r->verb,
		.object = r->brief ? &c->object : NULL,
		.tier = r->rec.tier,
		.days = r->rec.days,
		.is_fresh = r->is_fresh,
		.is_first = r->is_first && r->phase == PHASE_LOOKING,
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
	snprintf(c->backend.token, sizeof(c->backend.token), "%s", restore_token(r));
	backend_start(r->source->backend, &c->backend);
}

static struct call *call_free(struct engine *e)
{
	for (size_t i = 0; i < CALLS_MAX; i++) {
		struct call *c = &e->calls[(e->next_call + i) % CALLS_MAX];

		if (c->place.is_taken)
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

/* What waits in a source, and what it has to wait for besides a place. An extra does not wait for
 * bytes: those were waited for when the restore was asked for, and a copy that lapses meanwhile is
 * paid again. Its looks are few, and go at the pace of what they are about. */
enum line {
	LINE_EXTRAS,
	LINE_SENDS,
	LINE_LOOKS,
	LINES,
};

static struct turns *turns_in(struct source *s, enum line line)
{
	switch (line) {
	case LINE_EXTRAS:
		return &s->extras;
	case LINE_SENDS:
		return &s->sends;
	case LINE_LOOKS:
	case LINES:
		break;
	}
	return &s->looks;
}

/* Milliseconds of real time until the source may make such a call; 0: now. */
static int64_t pace_wait_ms(struct source *s, enum line line)
{
	struct engine *e = s->engine;
	int64_t now = engine_real_ms(e);
	struct bucket *b = line == LINE_LOOKS ? &s->service->looks : &s->service->sends;
	int64_t wait = bucket_wait_ms(b, now);
	int64_t own = bucket_wait_ms(&s->requests, now);
	int64_t bytes = 0;

	if (line == LINE_SENDS)
		bytes = bucket_wait_ms(&s->bytes, engine_service_ms(e));
	/* Service time may run faster: a look every second, then, and nothing is lost. */
	bytes = bytes > 1000 ? 1000 : bytes;
	wait = wait > own ? wait : own;
	return wait > bytes ? wait : bytes;
}

/* `bytes`: how many the service is asked to restore. */
static void pace_take(struct source *s, enum line line, uint64_t bytes)
{
	int64_t now = engine_real_ms(s->engine);

	bucket_take(line == LINE_LOOKS ? &s->service->looks : &s->service->sends, 1, now);
	bucket_take(&s->requests, 1, now);
	bucket_take(&s->bytes, (double)bytes, engine_service_ms(s->engine));
}

static uint64_t request_bytes(const struct request_numbers *rec)
{
	return rec->len ? rec->len : rec->size_bytes;
}

/* A look at a vault is hardly a call: one walk over its jobs answers all that wait. */
static bool has_room(const struct engine *e, bool urgent, bool is_shared)
{
	if (is_shared)
		return e->n_shared_calls < CALLS_SHARED - (urgent ? 0 : CALLS_NETWORK);
	return e->n_network_calls < CALLS_NETWORK &&
	       (urgent || e->n_bulk_calls < CALLS_BULK);
}

static void restore_start(struct source *s, struct turn *t, bool is_bulk, bool is_shared)
{
	struct restore *r = container_of(t, struct restore, turn);
	struct call *c = call_free(s->engine);

	assert(c); /* has_room() says so */
	place_take(s->engine, &c->place, is_bulk, is_shared);
	pace_take(s, is_paid(r) ? LINE_SENDS : LINE_LOOKS,
		  is_paid(r) ? request_bytes(&r->rec) : 0);
	call_start(c, r);
}

static void extra_start(struct source *s, struct turn *t, bool is_bulk)
{
	struct extra *x = container_of(t, struct extra, turn);
	bool is_restored = x->call.verb == BACKEND_RESTORE && extra_is_raise(x);

	if (!extra_turn_comes(x))
		return;
	place_take(s->engine, &x->place, is_bulk, false);
	pace_take(s, LINE_EXTRAS, is_restored ? request_bytes(&x->rec.numbers) : 0);
	backend_start(s->backend, &x->call);
}

/* Starts one call of the source; `ret_wait_ms` becomes less where one only has to wait. */
static bool source_call(struct source *s, bool urgent, enum line line,
			int64_t *ret_wait_ms)
{
	struct turns *ts = turns_in(s, line);
	bool is_shared = line == LINE_LOOKS && s->backend->ops->catalog_is_job;

	if (!(urgent ? &ts->urgent : &ts->bulk)->n)
		return false;
	int64_t wait = pace_wait_ms(s, line);
	if (wait) {
		*ret_wait_ms = wait < *ret_wait_ms ? wait : *ret_wait_ms;
		return false;
	}
	if (!has_room(s->engine, urgent, is_shared))
		return false;
	struct turn *t = turns_take(ts, urgent);
	if (line == LINE_EXTRAS)
		extra_start(s, t, !urgent);
	else
		restore_start(s, t, !urgent, is_shared);
	return true;
}

static void calls_next(struct engine *e)
{
	int64_t wait = INT64_MAX;
	bool has_moved = true;

	while (has_moved) {
		has_moved = false;
		/* Paid calls first: who waits for them has waited longer. */
		for (size_t i = 0; i < e->n_sources; i++)
			for (enum line line = 0; line < LINES; line++)
				has_moved |=
					source_call(e->sources[i], true, line, &wait);
		for (size_t i = 0; i < e->n_sources && !has_moved; i++)
			for (enum line line = 0; line < LINES; line++)
				has_moved |=
					source_call(e->sources[i], false, line, &wait);
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
	turns_add(turns_of(r), &r->turn, r->rec.gid, r->rec.uid, is_urgent(r));
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

/* ---- of extras ---- */

void extra_call_queue(struct extra *x)
{
	/* A copy that is to be kept is about to lapse. */
	bool urgent = x->restore->n_waiters || !extra_is_raise(x);

	turns_add(&x->restore->source->extras, &x->turn, x->rec.gid, x->rec.uid, urgent);
	calls_next(x->engine);
}

void extra_call_over(struct extra *x)
{
	service_heed(x->restore->source, &x->call);
	place_leave(x->engine, &x->place);
	calls_next(x->engine);
}

void extra_call_drop(struct extra *x)
{
	struct source *s = x->restore->source;

	turns_remove(&s->extras, &x->turn);
	if (!x->place.is_taken)
		return;
	backend_cancel(s->backend, &x->call);
	place_leave(x->engine, &x->place);
}
