/* SPDX-License-Identifier: Apache-2.0 */
/* check - has a cached file still what was written?
 *
 * Asked before the first use of a file that something else wrote to, or that a crash left; when it
 * cannot be read; and because somebody wants to know (`thaw verify`). Of one file at a time there is
 * one check, and readers wait for it as they do for a restore: interruptibly, without a thread. What
 * it finds wrong is forgotten: who waited for that asks for it like for anything that is not here. */
#include "cache.h"
#include "log.h"
#include "private.h"
#include "steps.h"
#include "transfers.h"
#include "waiters.h"
#include <errno.h>

struct check {
	struct check_op op;
	struct engine *engine;
	struct waiter_list waiters;
	bool is_for_fetch;   /* a restore goes on behind it */
	bool is_again;       /* somebody cannot wait for this one's pace */
	uint64_t pace_bytes; /* of the next one */
	struct ino_item by_ino;
};

static struct check *check_of(struct ino_item *item)
{
	return item ? container_of(item, struct check, by_ino) : NULL;
}

static void check_begin(struct check *c);

static void fetch_goes_on(struct engine *e, uint64_t ino, int result)
{
	struct restore *r = restore_find(e, ino);

	if (!r || r->phase != PHASE_FETCHING || r->filling || r->in_fetching)
		return;
	if (result < 0)
		restore_fails(r, EIO, "what is here of it cannot be checked (%s)",
			      strerrordesc_np(-result));
	else
		fetch_begin(r);
}

static void check_over(struct check *c, int result)
{
	struct engine *e = c->engine;
	uint64_t ino = c->op.ino;
	bool is_for_fetch = c->is_for_fetch;

	ino_map_remove(&e->checks, &c->by_ino);
	while (!LIST_EMPTY(&c->waiters)) {
		struct waiter *w = LIST_FIRST(&c->waiters);

		w->needs_check = false;
		waiter_answer(w, result < 0 ? -EIO : 0);
	}
	free(c);
	if (is_for_fetch)
		fetch_goes_on(e, ino, result);
}

static void check_done(struct msg *m)
{
	struct check *c = container_of(m, struct check, op.op.msg);
	struct engine *e = c->engine;
	int result = c->op.op.result;

	engine_op_done(e);
	if (e->is_stopping) {
		ino_map_remove(&e->checks, &c->by_ino);
		free(c);
		return;
	}
	e->cache.checked_bytes += c->op.checked_bytes;
	e->cache.wrong_bytes += c->op.wrong_bytes;
	if (c->is_again && result == -ECANCELED) {
		c->is_again = false;
		check_begin(c);
		return;
	}
	if (result < 0)
		log_err("ino=%llu cannot be checked: %s, going on",
			(unsigned long long)c->op.ino, strerrordesc_np(-result));
	check_over(c, result);
}

static void check_begin(struct check *c)
{
	uint64_t ino = c->op.ino;

	c->op = (struct check_op){ .ino = ino, .pace_bytes = c->pace_bytes };
	engine_op(c->engine, &c->op.op, check_done);
	store_check_post(c->engine->state->store, &c->op);
}

/* The one under way, or a new one; NULL when out of memory. */
static struct check *check_get(struct engine *e, uint64_t ino, uint64_t pace_bytes)
{
	struct check *c = check_of(ino_map_find(&e->checks, ino));

	if (c && c->pace_bytes && !pace_bytes) {
		/* At leisure was for somebody who is in no hurry. */
		c->is_again = true;
		c->pace_bytes = 0;
		atomic_store(&c->op.is_cancelled, true);
	}
	if (c)
		return c;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->engine = e;
	c->op.ino = ino;
	c->pace_bytes = pace_bytes;
	LIST_INIT(&c->waiters);
	ino_map_add(&e->checks, &c->by_ino, ino);
	check_begin(c);
	return c;
}

void check_wait(struct engine *e, struct waiter *w)
{
	struct check *c = check_get(e, w->ino, 0);

	if (!c)
		waiter_answer(w, -ENOMEM);
	else if (w->how == WAIT_NEVER)
		waiter_answer(w, -EAGAIN);
	else
		waiter_park(e, &c->waiters, w);
}

void check_before_fetch(struct restore *r)
{
	struct check *c = check_get(r->engine, r->ino, 0);

	if (c)
		c->is_for_fetch = true;
	else
		restore_fails(r, ENOMEM, "out of memory");
}

int ask_verify(struct engine *e, struct ask *a)
{
	struct fill fill;
	int r = store_fill(e->state->store, a->ino, &fill);

	if (r < 0)
		return r == -ENOENT ? r : -EIO;
	return check_get(e, a->ino, e->cfg->verify_pace_bytes) ? 0 : -ENOMEM;
}

/* Page faults, and readers with a limit, do not wait for the end of it. */
void checks_sweep(struct engine *e, int64_t now_ms)
{
	for (struct ino_item *i = e->checks.first; i; i = ino_map_next(i)) {
		struct waiter *next;

		for (struct waiter *w = LIST_FIRST(&check_of(i)->waiters); w; w = next) {
			next = LIST_NEXT(w, of_restore);
			if (w->give_up_ms && w->give_up_ms <= now_ms)
				waiter_answer(w,
					      w->how == WAIT_FAULT ? -EIO : -ETIMEDOUT);
		}
	}
}

void checks_abandon(struct engine *e)
{
	for (struct ino_item *i = e->checks.first; i; i = ino_map_next(i)) {
		struct check *c = check_of(i);

		atomic_store(&c->op.is_cancelled, true);
		while (!LIST_EMPTY(&c->waiters))
			waiter_answer(LIST_FIRST(&c->waiters), -ETIMEDOUT);
	}
}

struct check_msg {
	struct msg msg;
	struct engine *engine;
	uint64_t ino;
};

static void check_taken(struct msg *m)
{
	struct check_msg *c = container_of(m, struct check_msg, msg);

	if (!c->engine->is_stopping)
		(void)check_get(c->engine, c->ino, 0);
	free(c);
}

void engine_check(struct engine *e, uint64_t ino)
{
	struct check_msg *c = calloc(1, sizeof(*c));

	if (!c)
		return; /* whoever reads it asks again */
	c->msg.run = check_taken;
	c->engine = e;
	c->ino = ino;
	mailbox_post(e->box, &c->msg);
}
