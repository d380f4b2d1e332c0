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

int waiters_fail_of(struct restore *r, uint32_t pid, int err)
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
