/* SPDX-License-Identifier: Apache-2.0 */
#include "cache.h"
#include "calls.h"
#include "log.h"
#include "notes.h"
#include "private.h"
#include "sources.h"
#include "steps.h"
#include "storm.h"
#include "transfers.h"
#include "waiters.h"
#include "wave.h"
#include <errno.h>

/* Asks of a directory's taken in one turn of the loop. */
#define ASKS_PER_TURN 32
/* Buckets of waiters looked through each second for readers that are gone: all in a minute. */
#define GONE_BUCKETS (WAITER_BUCKETS / 64)

static struct waiter_list *bucket(struct engine *e, uint64_t id)
{
	return &e->by_id[id & (WAITER_BUCKETS - 1)];
}

void waiter_answer(struct waiter *w, int result)
{
	if (w->is_parked) {
		LIST_REMOVE(w, of_restore);
		LIST_REMOVE(w, by_id);
	}
	if (w->restore && w->how != WAIT_POLL) {
		w->restore->n_waiters--;
		w->engine->n_waiters--;
	}
	w->is_parked = false;
	w->restore = NULL;
	origin_unref(w->whose);
	w->whose = NULL;
	w->ops->answer(w, result);
}

/* Real time; 0: none. */
static int64_t wait_limit_ms(const struct engine *e, enum wait_how how)
{
	if (how == WAIT_FAULT)
		return FAULT_WAIT_MS;
	return how == WAIT_POLL ? 0 : e->cfg->max_wait_ms;
}

void waiter_park(struct engine *e, struct waiter_list *list, struct waiter *w)
{
	int64_t limit_ms = wait_limit_ms(e, w->how);

	w->is_parked = true;
	w->restore = NULL;
	w->since_ms = engine_real_ms(e);
	w->since_service_ms = engine_service_ms(e);
	w->give_up_ms = limit_ms ? w->since_ms + limit_ms : 0;
	LIST_INSERT_HEAD(list, w, of_restore);
	LIST_INSERT_HEAD(bucket(e, w->id), w, by_id);
}

/* `r` NULL: a poll of what nobody has asked for. */
static void waiter_park_for(struct engine *e, struct restore *r, struct waiter *w)
{
	waiter_park(e, r ? &r->waiters : &e->idle, w);
	w->restore = r;
	if (!r || w->how == WAIT_POLL)
		return;
	fetch_heeds(r, w->off, w->len);
	r->n_waiters++;
	e->n_waiters++;
	call_promote(r);
	if (r->in_fetching) {
		fetch_queue_wake(r);
		fetch_pump(e);
	}
}

/* Why a page fault fails stays with the request until the bytes are here. */
static void fault_explain(struct restore *r)
{
	if (r->why)
		return;
	restore_say(
		r,
		"a memory-mapped read, or starting a program, cannot wait for a restore: it has "
		"been asked for; `thaw wait` until it is here, then try again");
	if (restore_phase_is_durable(r->phase))
		note_step(r, NULL, 0, NULL);
}

static struct wish waiter_wish(const struct waiter *w)
{
	return (struct wish){
		.ino = w->ino,
		.off = w->off,
		.len = w->len,
		.uid = w->uid,
		.gid = w->gid,
		.pid = w->pid,
		.origin = w->whose ? &w->whose->origin : NULL,
		.is_walking = w->how != WAIT_PARK && w->off < STORM_HEAD_BYTES,
	};
}

/* What a reader gets whose wish could not even be taken up. */
static int wish_errno(int r)
{
	return r == -ENOENT ? -ESTALE : r;
}

static bool has_failed(struct engine *e, uint64_t ino)
{
	struct request last;

	return journal_request_of(e->state->journal, ino, &last) == 0 &&
	       (last.state == REQUEST_FAILED || last.state == REQUEST_CANCELLED);
}

static void poll_take(struct engine *e, struct waiter *w)
{
	struct restore *r = restore_find(e, w->ino);

	waiter_interrupt(e, w->id); /* this one takes its place */
	if (!r && has_failed(e, w->ino))
		waiter_answer(w, -EIO);
	else if (w->ops->stays(w))
		waiter_park_for(e, r, w);
}

/* What is not here: a restore is found or made, and waited for as the reader will. */
static void miss_take(struct engine *e, struct waiter *w)
{
	struct wish wish = waiter_wish(w);
	struct restore *r;
	int result = restore_wish(e, &wish, &r);

	if (result < 0)
		waiter_answer(w, wish_errno(result));
	else if (w->how == WAIT_NEVER)
		waiter_answer(w, r->phase == PHASE_ENDING && r->rec.err ? -r->rec.err
									: -EAGAIN);
	else if (w->how == WAIT_FAULT && r->phase != PHASE_FETCHING &&
		 r->phase != PHASE_PROVING) {
		fault_explain(r);
		waiter_answer(w, -EIO);
	} else {
		if (w->how == WAIT_PARK && r->phase != PHASE_ENDING)
			ahead_saw(w, &wish);
		waiter_park_for(e, r, w);
	}
}

void waiter_take(struct engine *e, struct waiter *w)
{
	_free_ struct origin *origin = steal_ptr(w->origin);
	struct fill fill;

	w->engine = e;
	w->restore = NULL;
	w->is_parked = false;
	if (origin) /* ten thousand readers of one program are one */
		w->whose = origin_share(e, origin);
	if (origin && !w->whose) {
		waiter_answer(w, -ENOMEM);
		return;
	}
	if (w->ops->is_interrupted(w)) {
		waiter_answer(w, -EINTR);
		return;
	}
	if (e->is_stopping) {
		waiter_answer(w, -ETIMEDOUT);
		return;
	}
	if (store_covers(e->state->store, w->ino, w->off, w->len, &fill) == 1) {
		if (w->needs_check)
			check_wait(e, w);
		else
			waiter_answer(w, 0);
		return;
	}
	if (w->how == WAIT_POLL)
		poll_take(e, w);
	else
		miss_take(e, w);
}

void waiter_interrupt(struct engine *e, uint64_t id)
{
	struct waiter *w;

	LIST_FOREACH (w, bucket(e, id), by_id) {
		if (w->id == id) {
			waiter_answer(w, -EINTR);
			return;
		}
	}
}

void waiters_serve(struct restore *r, uint64_t off, uint64_t len)
{
	struct store *store = r->engine->state->store;
	struct waiter *next;

	for (struct waiter *w = LIST_FIRST(&r->waiters); w; w = next) {
		struct fill fill;

		next = LIST_NEXT(w, of_restore);
		if (w->off >= off + len || w->off + w->len <= off)
			continue;
		if (store_covers(store, w->ino, w->off, w->len, &fill) == 1)
			waiter_answer(w, 0);
	}
}

void waiters_fail(struct restore *r, int err)
{
	while (!LIST_EMPTY(&r->waiters))
		waiter_answer(LIST_FIRST(&r->waiters), -err);
}

/* Waits on as it did, for another restore; `r` NULL: a poll of what nobody asks for. */
static void waiter_move(struct waiter *w, struct restore *r)
{
	LIST_REMOVE(w, of_restore);
	LIST_INSERT_HEAD(r ? &r->waiters : &w->engine->idle, w, of_restore);
	if (w->how != WAIT_POLL) {
		w->restore->n_waiters--;
		r->n_waiters++;
	}
	w->restore = r;
}

void waiters_again(struct restore *r)
{
	struct engine *e = r->engine;
	struct restore *next = restore_find(e, r->ino);
	struct waiter *w, *after;
	struct ask *a;

	for (w = LIST_FIRST(&r->waiters); w; w = after) {
		after = LIST_NEXT(w, of_restore);
		if (w->how == WAIT_POLL)
			waiter_move(w, next);
	}
	while ((w = LIST_FIRST(&r->waiters))) {
		struct wish wish = waiter_wish(w);
		int result = restore_wish(e, &wish, &next);

		if (result < 0)
			waiter_answer(w, wish_errno(result));
		else
			waiter_move(w, next);
	}
	while ((a = STAILQ_FIRST(&r->asks))) {
		STAILQ_REMOVE_HEAD(&r->asks, of_restore);
		ask_take(e, a);
	}
}

void waiters_adopt(struct restore *r)
{
	struct waiter *next;

	for (struct waiter *w = LIST_FIRST(&r->engine->idle); w; w = next) {
		next = LIST_NEXT(w, of_restore);
		if (w->ino != r->ino)
			continue;
		LIST_REMOVE(w, of_restore);
		LIST_INSERT_HEAD(&r->waiters, w, of_restore);
		w->restore = r;
	}
}

void waiters_abandon(struct engine *e)
{
	while (!LIST_EMPTY(&e->idle))
		waiter_answer(LIST_FIRST(&e->idle), -ETIMEDOUT);
}

static void waiter_give_up(struct waiter *w)
{
	if (w->how == WAIT_FAULT)
		fault_explain(w->restore);
	waiter_answer(w, w->how == WAIT_FAULT ? -EIO : -ETIMEDOUT);
}

static void waiters_give_up(struct restore *r, int64_t now_ms)
{
	struct waiter *next;

	for (struct waiter *w = LIST_FIRST(&r->waiters); w; w = next) {
		next = LIST_NEXT(w, of_restore);
		if (w->give_up_ms && w->give_up_ms <= now_ms)
			waiter_give_up(w);
	}
}

/* Who has waited long enough for the intent is told that it is remembered; others wait on. */
static void asks_give_up(struct restore *r, int64_t now_ms)
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

static void restore_sweep(struct restore *r, int64_t now_ms)
{
	const struct waiter *w;

	LIST_FOREACH (w, &r->waiters, of_restore)
		if (w->how == WAIT_PARK &&
		    now_ms - w->since_ms > r->engine->oldest_wait_ms)
			r->engine->oldest_wait_ms = now_ms - w->since_ms;
	waiters_give_up(r, now_ms);
	asks_give_up(r, now_ms);
}

/* Of those whose process has ended without the kernel telling: a part each time. */
static void gone_sweep(struct engine *e)
{
	if (!e->cfg->is_gone)
		return;
	for (int i = 0; i < GONE_BUCKETS; i++) {
		struct waiter *next;

		e->gone_at = (e->gone_at + 1) % WAITER_BUCKETS;
		for (struct waiter *w = LIST_FIRST(&e->by_id[e->gone_at]); w; w = next) {
			next = LIST_NEXT(w, by_id);
			if (w->how != WAIT_PARK || !w->pid || !w->started ||
			    !e->cfg->is_gone(w->pid, w->started))
				continue;
			log_notice("pid=%u uid=%u ino=%llu waited for is gone: let go of",
				   w->pid, w->uid, (unsigned long long)w->ino);
			waiter_answer(w, -EINTR);
		}
	}
}

void waiters_sweep(struct engine *e, int64_t now_ms)
{
	gone_sweep(e);
	e->oldest_wait_ms = 0;
	checks_sweep(e, now_ms);
	for (struct restore *r = restore_first(e); r; r = restore_next(r))
		restore_sweep(r, now_ms);
}

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

/* Those of one process; the restore goes on. 0, or -ENOENT: it waits for nothing here. */
static int waiters_fail_of(struct restore *r, uint32_t pid, int err)
{
	struct waiter *next;
	int result = -ENOENT;

	for (struct waiter *w = LIST_FIRST(&r->waiters); w; w = next) {
		next = LIST_NEXT(w, of_restore);
		if (w->pid != pid)
			continue;
		waiter_answer(w, -err);
		result = 0;
	}
	return result;
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

void ask_take(struct engine *e, struct ask *a)
{
	int r = -EINVAL;

	a->engine = e;
	if (e->is_stopping) {
		a->done(a, -ETIMEDOUT);
		return;
	}
	switch (a->verb) {
	case ASK_GET:
		r = ask_get(e, a);
		break;
	case ASK_CANCEL:
		r = ask_cancel(e, a);
		break;
	case ASK_REFRESH:
		r = ask_refresh(e, a);
		break;
	case ASK_EVICT:
		r = ask_evict(e, a);
		break;
	case ASK_VERIFY:
		r = ask_verify(e, a);
		break;
	case ASK_PIN:
		r = ask_pin(e, a);
		break;
	case ASK_UNPIN:
		r = ask_unpin(e, a);
		break;
	case ASK_CORRECT:
		r = ask_correct(e, a);
		break;
	case ASK_APPROVE:
		r = ask_approve(e, a);
		break;
	}
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

/* ---- the messages ---- */

static void wait_taken(struct msg *m)
{
	struct waiter *w = container_of(m, struct waiter, msg);

	waiter_take(w->engine, w);
}

void engine_wait(struct engine *e, struct waiter *w)
{
	w->engine = e;
	w->msg.run = wait_taken;
	mailbox_post(e->box, &w->msg);
}

struct interrupt_msg {
	struct msg msg;
	struct engine *engine;
	uint64_t id;
};

static void interrupt_taken(struct msg *m)
{
	struct interrupt_msg *i = container_of(m, struct interrupt_msg, msg);

	waiter_interrupt(i->engine, i->id);
	free(i);
}

void engine_interrupt(struct engine *e, uint64_t waiter_id)
{
	struct interrupt_msg *i = calloc(1, sizeof(*i));

	if (!i) {
		log_err("out of memory: an interrupt is lost");
		return;
	}
	i->msg.run = interrupt_taken;
	i->engine = e;
	i->id = waiter_id;
	mailbox_post(e->box, &i->msg);
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
