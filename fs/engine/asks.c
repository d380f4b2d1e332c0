/* SPDX-License-Identifier: Apache-2.0 */
/* asks - what is asked of the engine by a request: verbs, who waits for their outcome, and the many
 * of a directory, a few in each turn of the loop. */
#include "cache.h"
#include "notes.h"
#include "private.h"
#include "sources.h"
#include "steps.h"
#include "waiters.h"
#include "wave.h"
#include <errno.h>

/* Asks of a directory's taken in one turn of the loop. */
#define ASKS_PER_TURN 32

void asks_answer(struct restore *r, int result)
{
	struct ask *a;

	while ((a = STAILQ_FIRST(&r->asks))) {
		STAILQ_REMOVE_HEAD(&r->asks, of_restore);
		a->done(a, result);
	}
}

int ask_park(struct restore *r, struct ask *a)
{
	/* A step on its way may be what is to follow this one. */
	if (restore_phase_is_durable(r->phase) && r->n_notes == 0)
		return 0;
	a->give_up_ms = a->is_bulk ? INT64_MAX : engine_real_ms(r->engine) + ASK_WAIT_MS;
	STAILQ_INSERT_TAIL(&r->asks, a, of_restore);
	return -EINPROGRESS;
}

/* 0; -EOPNOTSUPP: all or nothing, but of a vault's archives; -EINVAL: it begins behind the end. */
static int ask_part_check(struct engine *e, const struct ask *a)
{
	struct entry entry;

	int r = catalog_get(e->state->catalog, a->ino, &entry);
	if (r < 0)
		return r;
	struct source *s = engine_source(e, entry.source);
	if (!s)
		return -ENOENT;
	if (!s->backend->ops->is_range_proved)
		return -EOPNOTSUPP;
	return a->off < entry.object.size_bytes ? 0 : -EINVAL;
}

static bool ask_is_here(struct engine *e, const struct ask *a)
{
	struct fill fill;

	if (a->len)
		return store_covers(e->state->store, a->ino, a->off, a->len, &fill) == 1;
	return store_fill(e->state->store, a->ino, &fill) == 0 && fill.is_whole;
}

static int ask_get(struct engine *e, struct ask *a)
{
	struct wish wish = {
		.ino = a->ino,
		.off = a->off,
		.len = a->len,
		.is_asked = true,
		.tier = a->tier,
		.days = a->days,
		.uid = a->uid,
		.gid = a->gid,
		.pid = a->pid,
		.origin = &a->origin,
	};
	struct restore *r;

	int result = a->len ? ask_part_check(e, a) : 0;
	if (result == 0 && a->ahead)
		result = ahead_asked(e, &wish, a->ahead);
	if (result < 0 || ask_is_here(e, a))
		return result;
	result = restore_wish(e, &wish, &r);
	if (result == 0)
		result = extra_raise(r, a);
	if (result < 0)
		return result;
	return r->phase == PHASE_HELD ? 0 : ask_park(r, a);
}

void asks_give_up(struct restore *r, int64_t now_ms)
{
	struct ask_queue asks = STAILQ_HEAD_INITIALIZER(asks);
	struct ask *a;

	STAILQ_CONCAT(&asks, &r->asks);
	while ((a = STAILQ_FIRST(&asks))) {
		STAILQ_REMOVE_HEAD(&asks, of_restore);
		if (a->give_up_ms > now_ms)
			STAILQ_INSERT_TAIL(&r->asks, a, of_restore);
		else
			a->done(a, 0);
	}
}

static int ask_cancel(struct engine *e, struct ask *a)
{
	struct restore *r = restore_find(e, a->ino);

	if (!r || r->is_inventory)
		return -ENOENT;
	if (a->pid_only)
		return waiters_fail_of(r, a->pid_only, ECANCELED);
	restore_cancel(r);
	return 0;
}

static int ask_refresh(struct engine *e, struct ask *a)
{
	struct entry entry;

	int r = catalog_get(e->state->catalog, a->ino, &entry);
	if (r < 0)
		return r;
	struct source *s = engine_source(e, entry.source);
	if (!s)
		return -ENOENT;
	if (a->is_saved)
		return saved_refresh(s, a);
	if (source_refuses(s))
		return -EDQUOT;
	s->is_asked = true;
	source_refresh(s);
	return 0;
}

static int (*const takes[])(struct engine *e, struct ask *a) = {
	[ASK_GET] = ask_get,     [ASK_CANCEL] = ask_cancel,   [ASK_REFRESH] = ask_refresh,
	[ASK_EVICT] = ask_evict, [ASK_VERIFY] = ask_verify,   [ASK_PIN] = ask_pin,
	[ASK_UNPIN] = ask_unpin, [ASK_CORRECT] = ask_correct, [ASK_APPROVE] = ask_approve,
};

void ask_take(struct engine *e, struct ask *a)
{
	a->engine = e;
	if (e->is_stopping) {
		a->done(a, -ETIMEDOUT);
		return;
	}
	int r = takes[a->verb](e, a);
	if (r != -EINPROGRESS)
		a->done(a, r);
}

static struct ask *backlog_next(struct engine *e)
{
	struct turn *t = turns_take(&e->backlog, false);

	return t ? container_of(t, struct ask, turn) : NULL;
}

void asks_take(struct engine *e)
{
	struct ask *a;

	for (int i = 0; i < ASKS_PER_TURN && (a = backlog_next(e)); i++)
		ask_take(e, a);
}

void asks_abandon(struct engine *e)
{
	struct ask *a;

	while ((a = backlog_next(e)))
		a->done(a, -ETIMEDOUT);
}

static void ask_taken(struct msg *m)
{
	struct ask *a = container_of(m, struct ask, msg);

	if (a->is_bulk && !a->engine->is_stopping)
		turns_add(&a->engine->backlog, &a->turn, a->gid, a->uid, false);
	else
		ask_take(a->engine, a);
}

void engine_ask(struct engine *e, struct ask *a)
{
	a->engine = e;
	a->msg.run = ask_taken;
	mailbox_post(e->box, &a->msg);
}
