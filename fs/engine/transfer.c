/* SPDX-License-Identifier: Apache-2.0 */
/* transfer - ranges from the service into buffers, from buffers into the store.
 *
 * A fixed set of transfers is shared by all files that are being fetched, in the order of
 * fetch_queue.c. Most have a buffer of one chunk: memory stays bounded whatever is asked. Once its bytes
 * are in their file, not yet on disk, a transfer hands its buffer on to one that has none; there are
 * few of these, so that a slow disk slows the network.
 *
 * How many of them one file has follows from what its source has shown (flow.h); several files take
 * turns. */
#include "admit.h"
#include "cache.h"
#include "log.h"
#include "notes.h"
#include "private.h"
#include "sources.h"
#include "steps.h"
#include "transfers.h"
#include "waiters.h"
#include <errno.h>

static size_t transfers_large(uint64_t chunk_bytes)
{
	uint64_t n = TRANSFERS_BYTES / chunk_bytes;

	return n < 2 ? 2 : n < TRANSFERS_LARGE ? (size_t)n : TRANSFERS_LARGE;
}

int transfers_init(struct engine *e)
{
	uint64_t chunk = e->cfg->chunk_bytes;
	size_t n_large = transfers_large(chunk);
	size_t n = chunk > MIB ? n_large + TRANSFERS_SMALL : n_large;

	for (size_t i = 0; i < TRANSFERS_MAX; i++)
		e->transfers[i].engine = e;
	for (size_t i = 0; i < n; i++) {
		struct transfer *t = &e->transfers[i];

		t->is_small = i >= n_large;
		t->buffer = malloc(t->is_small ? MIB : chunk);
		if (!t->buffer)
			return -ENOMEM;
	}
	return 0;
}

void transfers_done(struct engine *e)
{
	for (size_t i = 0; i < TRANSFERS_MAX; i++)
		free(e->transfers[i].buffer);
}

/* It is all here, or does not come. */
static void transfer_ends(struct transfer *t)
{
	if (t->state == TRANSFER_RECEIVING)
		t->source->receiving_bytes -= t->len;
	t->state = TRANSFER_STORING;
}

static void transfer_free(struct transfer *t)
{
	transfer_ends(t);
	if (t->restore) {
		t->restore->n_transfers--;
		fetch_queue_wake(t->restore);
	}
	free(steal_ptr(t->parts));
	t->restore = NULL;
	t->state = TRANSFER_FREE;
	t->engine->n_transfers--;
}

/* ---- charges: what a range cost, also when it broke off ---- */

static void transfer_charge(struct restore *r, const struct backend_call *c)
{
	struct cost_line lines[1 + TRANSFER_LINES];
	size_t n = 0;

	if (c->requests && r->tariff.get_request > 0)
		lines[n++] = cost_line_make(c->operation, COST_REQUEST, c->requests, 0,
					    r->tariff.get_request);
	n += transfer_lines(r->source, r, c, r->tariff.transfer_gib, &lines[n]);
	if (n)
		note_step(r, lines, n, c->request_id);
}

/* ---- into the store ---- */

static void chunk_corrupt(struct restore *r, uint64_t off)
{
	const char *what = r->brief->has_tree_hash ? "tree hash" : "checksum";

	r->corrupt++;
	log_warning("ino=%llu off=%llu the bytes do not match the service's own %s, "
		    "fetching them again",
		    (unsigned long long)r->ino, (unsigned long long)off, what);
	if (r->corrupt > CORRUPT_MAX)
		restore_fails(r, EIO,
			      "what the service sends does not match its own %s, %d "
			      "times: nothing of it was served",
			      what, CORRUPT_MAX + 1);
}

void fetch_fill_is(struct restore *r, const struct fill *fill)
{
	bool is_more = fill->gen == r->fill.gen && fill->held_bytes >= r->fill.held_bytes;
	uint64_t came = is_more ? fill->held_bytes - r->fill.held_bytes : 0;
	uint64_t due = r->promised_bytes;

	r->fill = *fill;
	if (is_more)
		restore_promise(r, due > came ? due - came : 0);
	else
		restore_promise(r, restore_bytes_to_come(r));
}

/* To a transfer that could begin if it had one; if there is none `t` keeps it. */
static void buffer_hand_on(struct transfer *t)
{
	for (size_t i = 0; i < TRANSFERS_MAX; i++) {
		struct transfer *to = &t->engine->transfers[i];

		if (to->state != TRANSFER_FREE || to->buffer)
			continue;
		to->is_small = t->is_small;
		to->buffer = steal_ptr(t->buffer);
		return;
	}
}

/* Its bytes can be read, if they are proved. */
static void chunk_landed(struct msg *m)
{
	struct transfer *t = container_of(m, struct transfer, chunk.landed);

	buffer_hand_on(t);
	if (t->restore && !t->engine->is_stopping)
		waiters_serve(t->restore, t->off, t->len);
	fetch_pump(t->engine);
}

static void chunk_done(struct msg *m)
{
	struct transfer *t = container_of(m, struct transfer, chunk.op.msg);
	struct engine *e = t->engine;
	struct restore *r = t->restore;
	uint64_t off = t->off, len = t->len;
	int result = t->chunk.op.result;

	engine_op_done(e);
	/* They have been paid for: not fetched again, written when there is room; but where a file
	 * system takes them first and then has no room for them. */
	if (r && result == -ENOSPC && !e->is_stopping) {
		t->has_no_room = t->buffer != NULL;
		if (!t->buffer)
			transfer_free(t);
		room_lacks(r);
		return;
	}
	transfer_free(t);
	if (e->is_stopping)
		return;
	if (r && result == 0) {
		fetch_fill_is(r, &t->chunk.fill);
		extra_consider(r);
		waiters_serve(r, off, len);
		prove_more(r, off, len);
	} else if (r && result == -EBADMSG) {
		chunk_corrupt(r, off);
	} else if (r) {
		restore_fails(r, EIO, "the cache cannot be written (%s)",
			      strerrordesc_np(-result));
	}
	fetch_pump(e);
}

static void transfer_store(struct transfer *t)
{
	struct restore *r = t->restore;

	transfer_ends(t);
	t->has_no_room = false;
	t->chunk = (struct chunk_op){
		.ino = r->ino,
		.gen = r->fill.gen,
		.off = t->off,
		.len = t->len,
		.data = t->buffer,
		.landed.run = chunk_landed,
		.is_early = !r->rec.len && !fetch_is_sparse(r),
		.has_expected = t->call.has_tree_hash,
		.expected = t->call.tree_hash,
	};
	free(t->parts);
	t->parts = prove_chunk(r, &t->chunk);
	engine_op(t->engine, &t->chunk.op, chunk_done);
	store_chunk_post(t->engine->state->store, &t->chunk);
}

static struct transfer *roomless(struct restore *r)
{
	for (size_t i = 0; i < TRANSFERS_MAX; i++) {
		struct transfer *t = &r->engine->transfers[i];

		if (t->state == TRANSFER_STORING && t->restore == r && t->has_no_room)
			return t;
	}
	return NULL;
}

void chunks_store_again(struct restore *r)
{
	struct transfer *t;

	while ((t = roomless(r)))
		transfer_store(t);
	fetch_queue_wake(r);
	fetch_pump(r->engine);
}

void chunks_give_up(struct restore *r)
{
	struct transfer *t;

	while ((t = roomless(r)))
		transfer_free(t);
}

/* ---- from the service ---- */

static int transfer_data(struct backend_call *c, const void *data, size_t len)
{
	struct transfer *t = c->arg;

	if (len > t->len - t->got)
		return -EPROTO;
	if (t->got == 0)
		t->first_ms = engine_real_ms(t->engine);
	t->source->came_bytes += len;
	memcpy(t->buffer + t->got, data, len);
	t->got += len;
	return 0;
}

static void fetch_again(struct restore *r)
{
	fetch_queue_wake(r);
	fetch_pump(r->engine);
}

static void transfer_failed(struct restore *r, const struct backend_call *c)
{
	if (c->fault.kind == FAULT_COLD ||
	    (c->fault.kind == FAULT_NOT_FOUND && r->source->backend->ops->catalog_is_job))
		restore_lapses(r);
	else if (fault_is_transient(&c->fault) || c->fault.kind == FAULT_PROTOCOL)
		restore_retry(r, &c->fault, true, fetch_again);
	else
		restore_fails_for(r, &c->fault);
}

/* All of it is here: what that tells of the source. */
static void transfer_came(struct transfer *t, struct restore *r)
{
	struct source *s = t->source;

	flow_hear(&s->flow, &(struct flow_sample){
				    .len = t->len,
				    .first_ms = t->first_ms - t->asked_ms,
				    .last_ms = engine_real_ms(t->engine) - t->asked_ms,
				    .came = s->came_bytes - t->came_before,
			    });
	r->came_bytes += t->len;
	r->active_ms = engine_real_ms(t->engine);
	fetch_queue_wake(r);
}

static void transfer_done(struct backend_call *c)
{
	struct transfer *t = c->arg;
	struct engine *e = t->engine;
	struct restore *r = t->restore;

	transfer_charge(r, c);
	if (c->result == 0 && t->got == t->len) {
		restore_recovers(r);
		transfer_store(t);
		transfer_came(t, r);
	} else {
		if (c->result == 0)
			fault_set(&c->fault, FAULT_PROTOCOL, "ShortBody",
				  "the answer was shorter than asked");
		else if (c->result == -EPROTO && c->fault.kind == FAULT_NONE)
			fault_set(&c->fault, FAULT_PROTOCOL, "LongBody",
				  "the answer was longer than asked");
		transfer_free(t);
		transfer_failed(r, c);
	}
	fetch_pump(e);
}

static void transfer_start(struct transfer *t, struct restore *r, uint64_t off,
			   uint64_t len)
{
	t->restore = r;
	t->source = r->source;
	t->source->receiving_bytes += len;
	t->state = TRANSFER_RECEIVING;
	t->is_for_reader = r->n_waiters > 0;
	t->off = off;
	t->len = len;
	t->got = 0;
	t->asked_ms = engine_real_ms(t->engine);
	t->came_before = r->source->came_bytes;
	r->n_transfers++;
	t->engine->n_transfers++;
	brief_expand(r->brief, &t->object);
	t->call = (struct backend_call){
		.verb = BACKEND_FETCH,
		.object = &t->object,
		.off = off - r->job_off, /* the job's output begins there */
		.len = len,
		.data = transfer_data,
		.done = transfer_done,
		.arg = t,
	};
	snprintf(t->call.token, sizeof(t->call.token), "%s", restore_token(r));
	backend_start(r->source->backend, &t->call);
}

/* ---- who is next ---- */

static struct transfer *free_transfer(struct engine *e, bool is_small)
{
	for (size_t i = 0; i < TRANSFERS_MAX; i++) {
		struct transfer *t = &e->transfers[i];

		if (t->buffer && t->is_small == is_small && t->state == TRANSFER_FREE)
			return t;
	}
	return NULL;
}

/* While somebody waits its first range goes alone, and is here the sooner. */
static bool may_have_more(const struct restore *r)
{
	return !r->n_transfers || !r->n_waiters || r->came_bytes;
}

/* Somebody may read on: until nobody has for a while. */
static bool lingers(struct restore *r)
{
	struct engine *e = r->engine;
	int64_t until_ms = r->active_ms + LINGER_MS;

	if (!fetch_lingers(r))
		return false;
	if (!LIST_EMPTY(&r->provings))
		return true; /* their end wakes it */
	if (r->n_waiters || engine_real_ms(e) >= until_ms)
		return false;
	r->retry = fetch_again;
	timers_arm(&e->real, &r->again, until_ms);
	return true;
}

/* Gives `r` something to do, or finds that it has nothing left to do, or has to rest. */
static void fetch_one(struct restore *r, struct transfer *t)
{
	bool is_pausing = r->failures && r->again.slot;
	bool may_start = !is_pausing && r->room == ROOM_HAS && may_have_more(r);
	uint64_t off, len;

	if (may_start && fetch_next_range(r, &off, &len)) {
		fetch_queue_next(r);
		transfer_start(t, r, off, len);
	} else if (!may_start || r->n_transfers || lingers(r)) {
		fetch_queue_rest(r);
	} else {
		fetch_queue_leave(r);
		restore_happens(r, EV_FETCHED);
	}
}

static void pump(struct engine *e, bool is_small)
{
	struct transfer *t;
	struct restore *r;

	while (!e->is_stopping && (t = free_transfer(e, is_small)) &&
	       (r = fetch_queue_first(e, is_small)))
		fetch_one(r, t);
}

void fetch_pump(struct engine *e)
{
	pump(e, true);
	pump(e, false);
}

/* ---- begin, drop ---- */

struct fill_begin {
	struct fill_op fill;
	uint64_t ino;
	struct engine *engine;
};

static void fill_done(struct msg *m)
{
	struct fill_begin *b = container_of(m, struct fill_begin, fill.op.msg);
	struct engine *e = b->engine;
	struct restore *r = restore_find(e, b->ino);
	int result = b->fill.op.result;
	struct fill fill = b->fill.fill;
	/* It may be of an earlier restore of this file, that was cancelled meanwhile. */
	bool is_of_this = r && r->filling == b;

	engine_op_done(e);
	free(b);
	if (!is_of_this || e->is_stopping)
		return;
	r->filling = NULL;
	if (result == -EAGAIN) {
		check_before_fetch(r);
		return;
	}
	r->fetch_began_ms = engine_service_ms(e);
	r->fetch_began_bytes = fill.held_bytes;
	r->came_bytes = 0;
	if (result < 0) {
		restore_fails(r, result == -ENOSPC ? ENOSPC : EIO,
			      "the cache cannot be written (%s)",
			      strerrordesc_np(-result));
		return;
	}
	fetch_fill_is(r, &fill);
	if (fetch_queue_join(r) < 0) {
		restore_fails(r, ENOMEM, "out of memory");
		return;
	}
	if (fill.held_bytes > fill.here_bytes)
		prove_more(r, 0, fill.size_bytes); /* of a run before */
	fetch_pump(e);
}

void fetch_begin(struct restore *r)
{
	if (r->is_cancelled) {
		restore_happens(r, EV_CANCELLED);
		return;
	}
	if (r->is_inventory) {
		inventory_fetch(r);
		return;
	}
	struct fill_begin *b = calloc(1, sizeof(*b));
	if (!b) {
		restore_fails(r, ENOMEM, "out of memory");
		return;
	}
	b->engine = r->engine;
	b->ino = r->ino;
	b->fill.ino = r->ino;
	b->fill.size_bytes = r->brief->size_bytes;
	r->filling = b;
	engine_op(r->engine, &b->fill.op, fill_done);
	store_fill_post(r->engine->state->store, &b->fill);
}

void fetch_drop(struct restore *r)
{
	fetch_queue_leave(r);
	room_leave(r);
	chunks_give_up(r);
	r->filling = NULL;
	for (size_t i = 0; i < TRANSFERS_MAX; i++) {
		struct transfer *t = &r->engine->transfers[i];

		if (t->state == TRANSFER_FREE || t->restore != r)
			continue;
		if (t->state == TRANSFER_RECEIVING) {
			backend_cancel(r->source->backend, &t->call);
			transfer_charge(r, &t->call);
			transfer_free(t);
		} else {
			/* Its buffer is still being written. */
			t->restore = NULL;
			r->n_transfers--;
		}
	}
}
