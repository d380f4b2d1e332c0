/* SPDX-License-Identifier: Apache-2.0 */
/* fetch_queue - the files that are being fetched, in the order in which they are given transfers:
 * what lapses first; of what lapses within the same hour, what somebody waits for; of these each in
 * turn. One transfer at least is for what somebody waits for, lest a reader of what never lapses
 * hangs behind all that does.
 *
 * Two heaps, by whether somebody waits, so that a hundred thousand files cost no more than a few. A
 * file that can start nothing now (all its transfers are under way, or it pauses after a failure)
 * stays in its heap, behind all others. */
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

void fetch_queue_init(struct engine *e)
{
	timers_init(&e->fetching[false]);
	timers_init(&e->fetching[true]);
}

void fetch_queue_done(struct engine *e)
{
	timers_done(&e->fetching[false]);
	timers_done(&e->fetching[true]);
}

static int place(struct restore *r)
{
	struct timers *heap = &r->engine->fetching[r->n_waiters > 0];
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
		const struct restore *r = e->transfers[i].restore;

		if (r && r->n_waiters)
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

struct restore *fetch_queue_first(struct engine *e)
{
	struct restore *read, *other = first_of(&e->fetching[false]);

	/* Readers may have left since. */
	while ((read = first_of(&e->fetching[true])) && !read->n_waiters) {
		place(read);
		other = first_of(&e->fetching[false]);
	}
	if (!read || !other)
		return read ? read : other;
	bool is_sooner =
		other->place.due_ms >> TURN_BITS < read->place.due_ms >> TURN_BITS;
	return is_sooner && is_reader_served(e) ? other : read;
}
