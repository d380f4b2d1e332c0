/* SPDX-License-Identifier: Apache-2.0 */
/* room - the cache never takes more than its size, nor of its disk's reserve: who wants to bring
 * something waits until there is room for it, before anything is paid, and what is given up for that
 * is what is worth least (victims.c). Who cannot be helped that way is refused.
 *
 *	used        bytes in data files
 *	promised    bytes still to come, to all that is under way
 *	most        the size, or what the disk leaves above the reserve
 *	high, low   marks in percent of it: above the one it is emptied down to the other, beside
 *		    everything else
 *
 * Never given up: what is open, pinned, or under way. */
#include "admit.h"
#include "cache.h"
#include "log.h"
#include "notes.h"
#include "private.h"
#include "steps.h"
#include "transfers.h"
#include <errno.h>

/* Every so many seconds uses are written, and new files ranked. */
#define RANK_TICKS  10
#define PURGE_TICKS 3600 /* and pins that are over are removed */
/* After all that could go has gone, and the mark was not reached: real time. */
#define ROOM_QUIET_MS 60000

/* ---- how much there is ---- */

uint64_t room_most(struct engine *e)
{
	uint64_t used = store_used_bytes(e->state->store);
	uint64_t free_bytes = store_free_bytes(e->state->store);
	uint64_t most = used + free_bytes;

	most -= most < e->cfg->reserve_bytes ? most : e->cfg->reserve_bytes;
	if (e->cfg->cache_bytes && e->cfg->cache_bytes < most)
		most = e->cfg->cache_bytes;
	return most;
}

/* `needed` counts instead of what was promised to `r` before; NULL: nobody's. */
static uint64_t room_taken(const struct restore *r, struct engine *e, uint64_t needed)
{
	return store_used_bytes(e->state->store) + e->promised_bytes -
	       (r ? r->promised_bytes : 0) + needed;
}

/* What of the cache no eviction can give: bytes of what is under way, here or still to come, and of
 * what is pinned. */
static uint64_t room_bound(const struct restore *except)
{
	struct engine *e = except->engine;
	uint64_t sum = e->promised_bytes - except->promised_bytes + e->room.pinned_here;

	for (struct restore *r = restore_first(e); r; r = restore_next(r))
		sum += r->fill.held_bytes;
	return sum;
}

static void room_refuse(struct restore *r, uint64_t needed)
{
	char words[24];

	size_words(needed, words);
	r->rec.err = ENOSPC;
	restore_say(
		r,
		"the cache cannot hold %s more, and nothing else of it can be given up: "
		"unpin or close something, or make it larger; nothing was paid",
		words);
}

bool room_holds(struct restore *r)
{
	uint64_t needed = restore_bytes_to_come(r);

	if (room_taken(r, r->engine, needed) > room_most(r->engine))
		return false;
	restore_promise(r, needed);
	return true;
}

static void room_stats(struct engine *e)
{
	struct cache_stats *s = &e->cache;
	uint64_t most = room_most(e);

	s->most_bytes = most;
	s->high_bytes = most / 100 * e->cfg->high_percent;
	s->low_bytes = most / 100 * e->cfg->low_percent;
	s->promised_bytes = e->promised_bytes;
}

/* ---- who waits ---- */

static void room_join(struct restore *r, enum room_wait how)
{
	struct room *room = &r->engine->room;

	r->room = how;
	r->room_seen = r->engine->cache.evicted_bytes;
	TAILQ_INSERT_TAIL(&room->waiting, r, in_room);
}

void room_leave(struct restore *r)
{
	if (r->room == ROOM_HAS)
		return;
	r->room = ROOM_HAS;
	TAILQ_REMOVE(&r->engine->room.waiting, r, in_room);
}

/* On with what needed the room. */
static void room_granted(struct restore *r)
{
	if (r->phase == PHASE_HELD)
		restore_happens(r, EV_APPROVED);
	else if (r->phase == PHASE_RESERVING)
		intent_begin(r);
	else
		restore_admitted(r);
}

static void admit_go_on(struct restore *r)
{
	if (!r->is_cancelled && room_holds(r)) {
		room_granted(r);
		return;
	}
	if (!r->is_cancelled)
		room_refuse(r, restore_bytes_to_come(r));
	restore_happens(r, EV_REFUSED);
}

static void fetch_lacks(struct restore *r)
{
	chunks_give_up(r);
	restore_fails(r, ENOSPC,
		      "the cache's disk is full, and nothing else of the cache can be "
		      "given up: make room and read again; what was restored is not paid "
		      "again while the service has it");
}

/* Who has room now goes on. With `is_last` nothing more will be given up: the others are refused. */
static void room_serve(struct engine *e, bool is_last)
{
	struct restore *next;

	for (struct restore *r = TAILQ_FIRST(&e->room.waiting); r; r = next) {
		uint64_t needed = restore_bytes_to_come(r);
		bool has_room = room_taken(r, e, needed) <= room_most(e);

		next = TAILQ_NEXT(r, in_room);
		if (r->room == ROOM_FETCH)
			has_room = r->room_seen != e->cache.evicted_bytes;
		if (!has_room && !is_last && !r->is_cancelled)
			continue;
		bool is_fetch = r->room == ROOM_FETCH;
		room_leave(r);
		if (!is_fetch)
			admit_go_on(r);
		else if (has_room)
			chunks_store_again(r);
		else
			fetch_lacks(r);
	}
}

/* ---- giving up ---- */

/* What is to be freed for the low mark, once the high one was passed. */
static uint64_t marks_want(struct engine *e)
{
	struct room *room = &e->room;
	uint64_t most = room_most(e), taken = room_taken(NULL, e, 0);
	uint64_t low = most / 100 * e->cfg->low_percent;

	if (taken > most / 100 * e->cfg->high_percent)
		room->is_emptying = true;
	else if (taken <= low)
		room->is_emptying = false;
	if (!room->is_emptying || engine_real_ms(e) < room->quiet_until_ms)
		return 0;
	return taken > low ? taken - low : 0;
}

static uint64_t room_wanted(struct engine *e)
{
	const struct restore *r = TAILQ_FIRST(&e->room.waiting);

	if (!r)
		return marks_want(e);
	uint64_t most = room_most(e);
	uint64_t needed =
		r->room == ROOM_FETCH ? e->cfg->chunk_bytes : restore_bytes_to_come(r);
	uint64_t taken = room_taken(r, e, needed);
	return taken > most ? taken - most : 1;
}

static void look_again(struct victims *look)
{
	look->at = (struct store_place){ .ino = 0 };
	look->is_over = false;
}

static void room_looked(struct msg *m);

static void room_look(struct engine *e, uint64_t want)
{
	struct victims *look = &e->room.look;

	e->room.is_looking = true;
	look->engine = e;
	look->want_bytes = want;
	look->done = room_looked;
	e->n_ops++;
	victims_look(look);
}

/* What was found is gone, or was kept: who waits may go on now, or more must go. */
static void room_turn(struct engine *e)
{
	struct room *room = &e->room;

	if (room->is_looking || room->n_evicting || e->is_stopping)
		return;
	room_serve(e, false);
	uint64_t want = room_wanted(e);
	if (want && !room->look.is_over) {
		room_look(e, want);
		return;
	}
	if (want) {
		/* That was all. */
		room->quiet_until_ms = engine_real_ms(e) + ROOM_QUIET_MS;
		room_serve(e, true);
	}
	look_again(&room->look);
}

static void room_evicted(struct engine *e, uint64_t bytes, int result)
{
	e->room.n_evicting--;
	if (result == 0) {
		e->cache.evictions++;
		e->cache.evicted_bytes += bytes;
	}
	room_turn(e);
}

static void room_looked(struct msg *m)
{
	struct victims *v = container_of(m, struct victims, msg);
	struct engine *e = v->engine;

	engine_op_done(e);
	e->room.is_looking = false;
	if (e->is_stopping)
		return;
	e->cache.pinned_bytes = v->pinned_bytes;
	e->cache.pinned_files = v->pinned_files;
	e->room.pinned_here = v->pinned_here;
	for (size_t i = 0; i < v->n; i++)
		if (evict_for_room(e, v->inos[i], room_evicted) == 0)
			e->room.n_evicting++;
	room_turn(e);
}

/* ---- in and out ---- */

void room_ask(struct restore *r)
{
	struct engine *e = r->engine;
	uint64_t needed = restore_bytes_to_come(r);

	if (room_holds(r)) {
		room_granted(r);
		return;
	}
	/* What could not fit if all else went is no reason to give up anything. */
	if (room_bound(r) + needed > room_most(e)) {
		room_refuse(r, needed);
		restore_happens(r, EV_REFUSED);
		return;
	}
	room_join(r, ROOM_ADMIT);
	room_turn(e);
}

void room_lacks(struct restore *r)
{
	if (r->room == ROOM_HAS)
		room_join(r, ROOM_FETCH);
	room_turn(r->engine);
}

void room_tick(struct engine *e)
{
	struct room *room = &e->room;

	room_stats(e);
	room_turn(e);
	/* Uses are written, and new files get their rank, before that is wanted. */
	if (++room->ticks % RANK_TICKS == 0 && !room->is_looking)
		room_look(e, 0);
	if (room->ticks % PURGE_TICKS == 1)
		pins_purge(e);
}

int room_init(struct engine *e)
{
	TAILQ_INIT(&e->room.waiting);
	e->evictor = worker_new("evict", 1);
	return e->evictor ? 0 : -ENOMEM;
}

void room_stop(struct engine *e)
{
	atomic_store(&e->room.look.is_cancelled, true);
}
