/* SPDX-License-Identifier: Apache-2.0 */
/* plan_room - what a plan needs of the cache, counted as its wishes would be (room.c): what is free,
 * and then what may be given up, in its order.
 *
 * Files of the set that are here already may be among that: wishes one after the other would give
 * them up just so. */
#include "cache.h"
#include "plan_parts.h"

static bool is_under_way(struct engine *e, uint64_t ino)
{
	struct request rec;

	return journal_request_of(e->state->journal, ino, &rec) == 0 &&
	       request_is_open(&rec);
}

/* Not by the engine's records, which are its thread's, but by what is durable. */
static bool is_kept(const struct plan *p, uint64_t ino)
{
	struct engine *e = p->engine;
	struct pinned pinned;

	return file_is_open(e, ino) ||
	       journal_pinned(e->state->journal, ino, clock_service_ms(e->clock),
			      &pinned) < 0 ||
	       pinned.holders || is_under_way(e, ino);
}

/* As much of what may be given up as makes `bytes`. */
static struct plan_count victims_count(const struct plan *p, uint64_t bytes)
{
	struct store *store = p->engine->state->store;
	struct store_place at = { .ino = 0 };
	struct plan_count sum = { .files = 0 };
	struct fill fill;

	while (sum.bytes < bytes && store_next_use(store, &at) == 0) {
		if (at.is_stale || is_kept(p, at.ino) ||
		    store_fill(store, at.ino, &fill) < 0 || !fill.held_bytes)
			continue;
		sum.files++;
		sum.bytes += fill.held_bytes;
	}
	return sum;
}

void plan_room(const struct plan *p, struct plan_room *ret)
{
	struct engine *e = p->engine;
	struct engine_stats stats;
	struct plan_room room = { .needed_bytes = p->to_cache_bytes };
	uint64_t most = room_most(e), lacks = 0;

	engine_stats(e, &stats);
	uint64_t taken = store_used_bytes(e->state->store) + stats.cache.promised_bytes;
	room.free_bytes = most > taken ? most - taken : 0;
	if (room.needed_bytes > room.free_bytes)
		lacks = room.needed_bytes - room.free_bytes;
	/* For what can never fit nothing goes. */
	if (room.needed_bytes <= most)
		room.evicted = victims_count(p, lacks);
	room.fits = room.evicted.bytes >= lacks;
	*ret = room;
}
