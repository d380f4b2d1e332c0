/* SPDX-License-Identifier: Apache-2.0 */
/* fetch_queue - the files that are being fetched, in the order in which they are given transfers:
 * what lapses first; of what lapses within the same hour, what somebody waits for; of these each in
 * turn. One transfer at least is for what somebody waits for, lest a reader of what never lapses
 * hangs behind all that does.
 *
 * Each source has two heaps, by whether somebody waits, so that a hundred thousand files cost no more than a few. A
 * file that can start nothing now (all its transfers are under way, or it pauses after a failure)
 * stays in its heap, behind all others. A source whose window (flow.h) is full is passed over. Small
 * files have heaps and transfers of their own, so that neither kind waits behind the other. */
#include "private.h"
#include "transfers.h"

#define HOUR_MS    ((int64_t)3600 * 1000)
#define TURN_BITS  40
#define HOURS_MAX  (((int64_t)1 << 22) - 1) /* four centuries and more */
#define ORDER_REST INT64_MAX

int64_t fetch_order(int64_t expires_ms, uint64_t turn_no)
{
	int64_t hour = expires_ms ? expires_ms / HOUR_MS : HOURS_MAX;

	hour = hour < HOURS_MAX ? hour : HOURS_MAX;
	return (hour << TURN_BITS) |
	       (int64_t)(turn_no & ((UINT64_C(1) << TURN_BITS) - 1));
}

void fetch_queue_init(struct source *s)
{
	for (int i = 0; i < 4; i++)
		timers_init(&s->fetching[i / 2][i % 2]);
}

void fetch_queue_done(struct source *s)
{
	for (int i = 0; i < 4; i++)
		timers_done(&s->fetching[i / 2][i % 2]);
}

static bool is_small(const struct restore *r)
{
	return r->rec.size_bytes <= MIB && r->engine->cfg->chunk_bytes > MIB;
}

static int place(struct restore *r)
{
	struct timers *heap = &r->source->fetching[is_small(r)][r->n_waiters > 0];
	struct timers *old = r->in_fetching;
	int64_t order =
		r->is_resting ? ORDER_REST : fetch_order(r->rec.expires_ms, r->turn_no);

	if (old && old != heap)
		timers_disarm(old, &r->place);
	int result = timers_arm(heap, &r->place, order);
	if (result < 0 && !old)
		return result;
	/* Without memory it stays where it was, which has room for it. */
	r->in_fetching = result < 0 ? old : heap;
	return result < 0 ? timers_arm(old, &r->place, order) : 0;
}

int fetch_queue_join(struct restore *r)
{
	r->is_resting = false;
	r->turn_no = r->engine->next_turn_no++;
	return place(r);
}

void fetch_queue_leave(struct restore *r)
{
	if (r->in_fetching)
		timers_disarm(r->in_fetching, &r->place);
	r->in_fetching = NULL;
}

void fetch_queue_next(struct restore *r)
{
	r->turn_no = r->engine->next_turn_no++;
	place(r);
}

void fetch_queue_rest(struct restore *r)
{
	r->is_resting = true;
	place(r);
}

void fetch_queue_wake(struct restore *r)
{
	if (!r->in_fetching)
		return;
	r->is_resting = false;
	place(r);
}

static bool is_reader_served(const struct engine *e)
{
	for (size_t i = 0; i < TRANSFERS_MAX; i++) {
		const struct transfer *t = &e->transfers[i];

		if (t->is_for_reader && t->restore && t->restore->n_waiters)
			return true;
	}
	return false;
}

static bool is_sooner(const struct restore *a, const struct restore *b)
{
	return fetch_order(a->rec.expires_ms, 0) < fetch_order(b->rec.expires_ms, 0);
}

/* The first range of a file that somebody waits for has the road for itself, but for what lapses
 * sooner. */
static bool stands_back(const struct restore *other)
{
	for (size_t i = 0; i < TRANSFERS_MAX; i++) {
		const struct transfer *t = &other->engine->transfers[i];

		if (t->state == TRANSFER_RECEIVING && t->source == other->source &&
		    !t->is_small && t->restore->n_waiters &&
		    t->restore->came_bytes == 0 && !is_sooner(other, t->restore))
			return true;
	}
	return false;
}

static struct restore *first_of(struct timers *heap)
{
	struct timer *t = timers_first(heap);

	if (!t || t->due_ms == ORDER_REST)
		return NULL;
	return container_of(t, struct restore, place);
}

static struct restore *sooner(struct restore *a, struct restore *b)
{
	if (!a || !b)
		return a ? a : b;
	return b->place.due_ms < a->place.due_ms ? b : a;
}

static bool is_full(const struct source *s)
{
	uint64_t chunk = s->engine->cfg->chunk_bytes;

	return s->receiving_bytes >= flow_window(&s->flow, chunk);
}

struct restore *fetch_queue_first(struct engine *e, bool is_small)
{
	struct restore *read = NULL, *other = NULL;

	for (size_t i = 0; i < e->n_sources; i++) {
		struct timers *heaps = e->sources[i]->fetching[is_small];
		struct restore *r;

		if (is_full(e->sources[i]))
			continue;
		/* Readers may have left since. */
		while ((r = first_of(&heaps[true])) && !r->n_waiters)
			place(r);
		read = sooner(read, r);
		r = first_of(&heaps[false]);
		if (r && (is_small || !stands_back(r)))
			other = sooner(other, r);
	}
	if (!read || !other)
		return read ? read : other;
	return is_sooner(other, read) && is_reader_served(e) ? other : read;
}
