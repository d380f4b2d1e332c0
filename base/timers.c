/* SPDX-License-Identifier: Apache-2.0 */
#include "timers.h"
#include "cleanup.h"

#define TIMERS_FIRST_ROOM ((size_t)64)

void timers_init(struct timers *ts)
{
	*ts = (struct timers){ 0 };
}

void timers_done(struct timers *ts)
{
	for (size_t slot = 1; slot <= ts->n; slot++)
		ts->heap[slot - 1]->slot = 0;
	free(ts->heap);
	timers_init(ts);
}

static struct timer *at(const struct timers *ts, size_t slot)
{
	return ts->heap[slot - 1];
}

static void place(struct timers *ts, struct timer *t, size_t slot)
{
	ts->heap[slot - 1] = t;
	t->slot = slot;
}

/* Moves what stands at `slot` to where it belongs. */
static void settle(struct timers *ts, size_t slot)
{
	struct timer *t = at(ts, slot);

	while (slot > 1 && at(ts, slot / 2)->due_ms > t->due_ms) {
		place(ts, at(ts, slot / 2), slot);
		slot /= 2;
	}
	for (;;) {
		size_t child = 2 * slot;
		if (child < ts->n && at(ts, child + 1)->due_ms < at(ts, child)->due_ms)
			child++;
		if (child > ts->n || at(ts, child)->due_ms >= t->due_ms)
			break;
		place(ts, at(ts, child), slot);
		slot = child;
	}
	place(ts, t, slot);
}

int timers_arm(struct timers *ts, struct timer *t, int64_t due_ms)
{
	if (t->slot == 0) {
		if (ts->n == ts->room) {
			size_t room = ts->room > 0 ? 2 * ts->room : TIMERS_FIRST_ROOM;
			struct timer **heap =
				reallocarray(ts->heap, room, sizeof(struct timer *));
			if (!heap)
				return -ENOMEM;
			ts->heap = heap;
			ts->room = room;
		}
		place(ts, t, ++ts->n);
	}
	t->due_ms = due_ms;
	settle(ts, t->slot);
	return 0;
}

void timers_disarm(struct timers *ts, struct timer *t)
{
	size_t slot = t->slot;
	if (slot == 0)
		return;

	struct timer *last = at(ts, ts->n--);
	t->slot = 0;
	if (last != t) {
		place(ts, last, slot);
		settle(ts, slot);
	}
}

void timers_run(struct timers *ts, int64_t now_ms)
{
	/* No more than were armed at the start: a callback that arms for now cannot hold the
	 * loop. */
	for (size_t left = ts->n; left > 0 && ts->n > 0; left--) {
		struct timer *t = at(ts, 1);
		if (t->due_ms > now_ms)
			return;
		timers_disarm(ts, t);
		t->fire(t);
	}
}

struct timer *timers_first(const struct timers *ts)
{
	return ts->n > 0 ? at(ts, 1) : NULL;
}

int64_t timers_next(const struct timers *ts)
{
	return ts->n > 0 ? at(ts, 1)->due_ms : INT64_MAX;
}
