/* SPDX-License-Identifier: Apache-2.0 */
/* victims - which files may be given up next, and the ranks that say so, on a thread of its own:
 * what having a file again would take is worked out from catalog, journal and prices, and the index
 * keeps the order. So a look costs what it finds, however many files the cache has.
 *
 * The ranks of the index are as of when they were written: what has become dearer since is found
 * out when its turn comes, and goes further back. */
#include "cache.h"
#include "facts.h"
#include "log.h"
#include "private.h"
#include "worth.h"
#include <errno.h>
#include <time.h>

static void rank_post(void *store, struct state_op *op)
{
	store_rank_post(store, container_of(op, struct rank_op, op));
}

/* Ranks that are to be written: a batch is one commit. */
static int ranks_write(struct victims *v, struct rank_op *op)
{
	if (!op->n)
		return 0;
	op->op.result = 0;
	int r = state_op_wait(rank_post, v->engine->state->store, &op->op);
	op->n = 0;
	return r;
}

static int rank_write(struct victims *v, struct rank_op *op, const struct store_place *at,
		      uint8_t rank)
{
	op->places[op->n] = *at;
	op->ranks[op->n++] = rank;
	return op->n == RANKS_MAX ? ranks_write(v, op) : 0;
}

/* Every source has its names: what is in none of them cannot be read. */
static bool are_names_known(struct engine *e)
{
	bool is_known = true;

	pthread_mutex_lock(&e->board_mu);
	for (size_t i = 0; i < e->n_sources; i++)
		is_known = is_known && e->sources[i]->status.catalog_ms;
	pthread_mutex_unlock(&e->board_mu);
	return is_known;
}

/* What the file is worth now; RANK_NONE: that cannot be told at this moment. */
static uint8_t rank_now(struct victims *v, uint64_t ino, struct fill *ret)
{
	struct engine *e = v->engine;
	struct worth_ask ask = { .is_nameless = false };
	struct facts f;

	if (store_fill(e->state->store, ino, ret) < 0)
		return RANK_NONE;
	ask.is_unread = !ret->is_read && v->now_ms - ret->used_ms < UNREAD_MS;
	int r = facts_without_fill(e, ino, &f);
	if (r == -ENOENT && are_names_known(e)) {
		ask.is_nameless = true;
	} else if (r < 0) {
		return RANK_NONE;
	} else {
		ask.is_unknown = f.estimate.is_unknown;
		ask.cost = f.estimate.total;
		ask.size_bytes = f.entry.object.size_bytes;
		ask.wait_ms = f.eta_ms ? f.eta_ms - f.now_ms : 0;
	}
	return worth_rank(&ask);
}

static bool is_cancelled(struct victims *v)
{
	return atomic_load(&v->is_cancelled);
}

/* All of one rank, if used before `until_ms`, is ranked anew. */
static int ranks_renew(struct victims *v, struct rank_op *op, uint8_t rank,
		       int64_t until_ms)
{
	struct store_place at = { .rank = rank };
	int r = 0;

	while (r == 0 && !is_cancelled(v)) {
		struct fill fill;

		r = store_next_use(v->engine->state->store, &at);
		if (r < 0 || at.rank != rank || at.used_ms >= until_ms)
			break;
		uint8_t now = at.is_stale ? rank : rank_now(v, at.ino, &fill);
		if (at.is_stale || (now != RANK_NONE && now != rank))
			r = rank_write(v, op, &at, now);
	}
	int written = ranks_write(v, op);
	return r < 0 && r != -ENOENT ? r : written;
}

/* From where the last look ended, until enough was found. */
static int victims_find(struct victims *v, struct rank_op *op)
{
	uint64_t found = 0;
	int r = 0;

	while (v->n < VICTIMS_MAX && found < v->want_bytes && !is_cancelled(v)) {
		struct fill fill;

		r = store_next_use(v->engine->state->store, &v->at);
		if (r < 0)
			break;
		uint8_t now = v->at.is_stale ? RANK_NONE : rank_now(v, v->at.ino, &fill);
		if (v->at.is_stale || now > v->at.rank) {
			r = rank_write(v, op, &v->at, now);
			if (r < 0)
				break;
		} else if (now != RANK_NONE && fill.held_bytes) {
			v->inos[v->n++] = v->at.ino;
			found += fill.held_bytes;
		}
	}
	v->is_over = r == -ENOENT;
	int written = ranks_write(v, op);
	return r < 0 && r != -ENOENT ? r : written;
}

static void touch_post(void *store, struct state_op *op)
{
	store_touch_post(store, container_of(op, struct touch_op, op));
}

/* Uses of a moment ago count. */
static void uses_write(struct victims *v)
{
	struct store *s = v->engine->state->store;
	struct touch_op op = { .op.result = 0 };

	if (store_has_touched(s))
		(void)state_op_wait(touch_post, s, &op.op);
}

struct pin_sum {
	struct store *store;
	uint64_t last_ino, bytes, here, files;
};

/* A file counts once, whoever holds it. */
static int pin_add(void *arg, const struct pin *p)
{
	struct pin_sum *sum = arg;
	struct fill fill;

	if (p->ino == sum->last_ino)
		return 0;
	sum->last_ino = p->ino;
	sum->bytes += p->size_bytes;
	sum->files++;
	if (store_fill(sum->store, p->ino, &fill) == 0)
		sum->here += fill.held_bytes;
	return 0;
}

static int pins_count(struct victims *v)
{
	struct pin_sum sum = { .store = v->engine->state->store };
	int r = journal_each_pin(v->engine->state->journal,
				 clock_service_ms(v->engine->clock), pin_add, &sum);

	v->pinned_bytes = sum.bytes;
	v->pinned_here = sum.here;
	v->pinned_files = sum.files;
	return r;
}

/* The evictor. */
static void victims_run(struct msg *m)
{
	struct victims *v = container_of(m, struct victims, msg);
	struct rank_op *op = calloc(1, sizeof(*op));
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	v->now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	v->n = 0;
	uses_write(v);
	int r = op ? ranks_renew(v, op, RANK_NONE, INT64_MAX) : -ENOMEM;
	if (r == 0)
		r = ranks_renew(v, op, RANK_UNREAD, v->now_ms - UNREAD_MS);
	if (r == 0)
		r = pins_count(v);
	if (r == 0 && v->want_bytes)
		r = victims_find(v, op);
	free(op);
	if (r < 0) {
		v->is_over = true;
		log_err("what the cache may give up cannot be told: %s, going on",
			strerrordesc_np(-r));
	}
	v->msg.run = v->done;
	mailbox_post(v->engine->box, &v->msg);
}

void victims_look(struct victims *v)
{
	v->msg.run = victims_run;
	worker_post(v->engine->evictor, &v->msg);
}
