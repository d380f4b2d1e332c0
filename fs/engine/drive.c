/* SPDX-License-Identifier: Apache-2.0 */
/* drive - does what the edges of restore.c say. Each action starts one thing and returns; its answer
 * comes back as an event. */
#include "admit.h"
#include "board.h"
#include "calls.h"
#include "json.h"
#include "log.h"
#include "notes.h"
#include "pace.h"
#include "private.h"
#include "sources.h"
#include "steps.h"
#include "transfers.h"
#include "waiters.h"
#include <errno.h>

void restore_free(struct restore *r)
{
	struct engine *e = r->engine;

	call_forget(r);
	extra_free(r->extra);
	fetch_drop(r);
	proof_forget(r);
	restore_promise(r, 0);
	allowance_grant(r, 0);
	timers_disarm(&e->real, &r->again);
	timers_disarm(&e->service, &r->watch);
	if (!r->is_left) {
		queue_leave(r);
		ino_map_remove(&e->restores, &r->by_ino);
	}
	hint_remove(r);
	json_stream_free(r->stream);
	brief_free(r->brief);
	free(r->trouble);
	restore_texts_free(r);
	free(r);
}

const struct storage_class *restore_class(const struct restore *r)
{
	return r->brief ? r->brief->class : storage_class_find("VAULT");
}

/* ---- note ---- */

/* What is paid of a line of the estimate; false: nothing. A copy that came between look and call is
 * kept longer by the call: the request and the days that are added are paid, the bytes are not (AWS
 * protocol reference 2.5, 2026-09). Until when others have paid nobody tells: at least until
 * `paid_until_ms`, so the days are counted at their upper end. */
static bool is_charged(const struct restore *r, unsigned int actions, struct cost_line *l)
{
	int64_t now = engine_service_ms(r->engine);

	if (!(actions & DO_CHARGE_DAYS) || l->component == COST_REQUEST)
		return actions & (DO_CHARGE | DO_CHARGE_DAYS);
	if (l->component != COST_STORAGE)
		return false;
	uint32_t days = pace_days_added(now, r->rec.days, r->paid_until_ms);
	*l = cost_line_make(l->operation, l->component, l->quantity, days, l->price);
	return days > 0;
}

/* What the paid call has cost; the rest is charged as it flows. Of what was foreseen for the call
 * and is not paid the budgets hold nothing any more, once it has been answered. */
static void do_note(struct restore *r, unsigned int actions)
{
	struct cost_line lines[COST_LINES_MAX];
	size_t n = 0;
	money_t saved = 0;
	struct estimate estimate;
	int64_t now = engine_service_ms(r->engine);
	bool is_answer = !r->rec.accepted_ms;

	r->rec.state = r->phase == PHASE_RESTORING ? REQUEST_RESTORING : REQUEST_READY;
	if (!r->rec.accepted_ms)
		r->rec.accepted_ms = now;
	if (r->phase == PHASE_FETCHING && !r->rec.ready_ms)
		r->rec.ready_ms = now;
	restore_estimate(r, r->rec.kind != REQUEST_FETCH, &estimate);
	for (size_t i = 0; i < estimate.n; i++) {
		struct cost_line l = estimate.lines[i];

		if (!streq(l.operation, r->source->backend->ops->restore_operation))
			continue;
		saved += l.amount;
		if (!is_charged(r, actions, &l))
			continue;
		saved -= l.amount;
		lines[n++] = l;
	}
	note_answer(r, lines, n, is_answer ? saved : 0);
}

/* ---- end ---- */

static void do_end(struct restore *r)
{
	call_drop(r);
	fetch_drop(r);
	timers_disarm(&r->engine->real, &r->again);
	timers_disarm(&r->engine->service, &r->watch);
	r->is_end_due =
		r->extra != NULL; /* money is on its way: its charges come first */
	if (r->is_end_due)
		return;

	r->rec.ended_ms = engine_service_ms(r->engine);
	if (r->is_cancelled && !r->rec.err) {
		r->rec.err = ECANCELED;
		restore_say(r, "cancelled by request");
	}
	if (r->is_cancelled)
		r->rec.state = REQUEST_CANCELLED;
	else
		r->rec.state = r->rec.err ? REQUEST_FAILED : REQUEST_DONE;
	if (r->rec.state == REQUEST_DONE)
		restore_say(r, "%s", "");
	/* What was refused has been said, once for all of a storm. */
	bool is_said = !r->rec.id &&
		       (r->is_ahead || r->rec.err == EDQUOT || r->rec.err == EACCES);
	if (r->rec.err && !r->is_cancelled && !is_said)
		log_notice("ino=%llu request=%llu failed: %s", (unsigned long long)r->ino,
			   (unsigned long long)r->rec.id, restore_why(r));
	if (r->rec.id)
		note_end(r);
	else
		intent_refused(r);
}

void restore_extra_over(struct restore *r)
{
	if (r->phase == PHASE_ENDING && r->is_end_due)
		do_end(r);
}

static void do_leave(struct restore *r)
{
	call_drop(r);
	if (r->is_cancelled && !r->rec.err)
		r->rec.err = ECANCELED;
	if (r->rec.err == 0)
		waiters_serve(r, 0, UINT64_MAX / 2);
	bool goes_on = !r->rec.err && (r->rec.len || fetch_is_sparse(r));
	if (!r->is_unwanted && !goes_on)
		waiters_fail(r, r->rec.err ? r->rec.err : EIO);
	if (!r->is_unwanted)
		asks_answer(r, -r->rec.err);
	note_metered(r);
	queue_leave(r);
	ino_map_remove(&r->engine->restores, &r->by_ino);
	r->is_left = true;
	restore_promise(r, 0);
	allowance_grant(r, 0);
	if (goes_on)
		part_ended(r);
	waiters_again(r);
	if (r->is_inventory)
		inventory_left(r);
	if (r->n_notes == 0)
		restore_free(r);
}

void restore_noted(struct restore *r, bool is_end)
{
	r->n_notes--;
	if (r->is_left && r->n_notes == 0)
		restore_free(r);
	else if (!r->is_left && !r->engine->is_stopping) {
		if (!is_end)
			asks_answer(r, 0); /* what is to follow is durable */
		restore_happens(r, is_end ? EV_COMMITTED : EV_NOTED);
	}
}

/* ---- events ---- */

static void restore_act(struct restore *r, unsigned int actions)
{
	/* The order matters only for DO_NOTE: progress is posted before what follows from it.
	 * The last action of a set may end the restore: nothing is read from `r` after it. */
	if (actions & DO_NOTE)
		do_note(r, actions);
	if (actions & DO_FIND)
		look_begin(r);
	else if (actions & DO_RESERVE)
		intent_begin(r);
	else if (actions & DO_HOLD)
		intent_hold(r);
	else if (actions & DO_STAND)
		held_stands(r);
	else if (actions & DO_SEND)
		send_begin(r);
	else if (actions & DO_WATCH)
		watch_begin(r);
	else if (actions & DO_PROBE)
		probe_begin(r);
	else if (actions & DO_FETCH)
		fetch_begin(r);
	else if (actions & DO_PROVE)
		prove_begin(r);
	else if (actions & DO_END)
		do_end(r);
	else if (actions & DO_LEAVE)
		do_leave(r);
}

static void edge_passed(const struct engine *e, const struct restore_edge *edge,
			bool is_after)
{
	if (e->cfg->on_edge)
		e->cfg->on_edge(restore_phase_word(edge->from),
				restore_event_word(edge->event), is_after,
				e->cfg->on_edge_arg);
}

void restore_happens(struct restore *r, enum restore_event ev)
{
	const struct restore_edge *edge = restore_edge_find(r->phase, ev);
	struct engine *e = r->engine;

	if (!edge) {
		log_err("ino=%llu phase=%s event=%s is not in the table, ignored",
			(unsigned long long)r->ino, restore_phase_word(r->phase),
			restore_event_word(ev));
		return;
	}
	log_debug("ino=%llu request=%llu phase=%s event=%s next=%s",
		  (unsigned long long)r->ino, (unsigned long long)r->rec.id,
		  restore_phase_word(r->phase), restore_event_word(ev),
		  restore_phase_word(edge->to));
	edge_passed(e, edge, false);
	r->phase = edge->to;
	restore_invariants(r, edge);
	restore_act(r, edge->actions);
	edge_passed(e, edge, true);
}

void restore_cancel(struct restore *r)
{
	r->is_cancelled = true;
	waiters_fail(r, ECANCELED);
	/* Where money is on its way the end comes as soon as it has arrived (watch_begin). */
	if (restore_edge_find(r->phase, EV_CANCELLED))
		restore_happens(r, EV_CANCELLED);
}
