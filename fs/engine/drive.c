/* SPDX-License-Identifier: Apache-2.0 */
/* drive - does what the edges of restore.c say. Each do_* starts one thing and returns; its answer
 * comes back as an event. */
#include "json.h"
#include "log.h"
#include "pace.h"
#include "private.h"
#include <errno.h>

void restore_free(struct restore *r)
{
	struct engine *e = r->engine;

	call_drop(r);
	fetch_drop(r);
	restore_promise(r, 0);
	timers_disarm(&e->real, &r->again);
	timers_disarm(&e->service, &r->watch);
	if (!r->is_left)
		ino_map_remove(&e->restores, &r->by_ino);
	hint_remove(r);
	json_stream_free(r->stream);
	free(r);
}

const struct storage_class *restore_class(const struct restore *r)
{
	return storage_class_find(r->is_inventory ? "VAULT" : r->object.storage_class);
}

/* ---- find ---- */

static void do_find(struct restore *r);

static void find_again_fires(struct restore *r)
{
	do_find(r);
}

/* The restore under way is the one we paid for: vault jobs carry our mark; S3 knows only one
 * restore of an object, and our intent to make it is durable. */
static bool is_our_own(const struct restore *r)
{
	if (r->phase != PHASE_RECHECKING || r->rec.kind == REQUEST_FETCH)
		return false;
	return r->source->backend->ops->catalog_is_job ? r->call.is_ours : true;
}

static void find_cold(struct restore *r)
{
	bool is_listed_late = r->source->backend->ops->catalog_is_job;

	if (r->phase == PHASE_RECHECKING && r->rec.kind == REQUEST_FETCH) {
		restore_fails(
			r, EIO,
			"what somebody else had restored is gone: read again to ask anew");
		return;
	}
	if (r->phase == PHASE_RECHECKING && is_listed_late && r->rechecks++ == 0) {
		r->retry = find_again_fires;
		timers_arm(&r->engine->real, &r->again,
			   engine_real_ms(r->engine) + RECHECK_MS);
		return;
	}
	if (r->lost > LOST_MAX) {
		restore_fails(
			r, EIO,
			"asked %u times, and no answer came: the service does not have the "
			"request, nothing was paid",
			r->lost);
		return;
	}
	restore_happens(r, EV_COLD);
}

/* A paid call may have been taken: this must not end, and release its money, before it is known. */
static bool may_be_paid(const struct restore *r)
{
	return r->phase == PHASE_RECHECKING && r->rec.kind != REQUEST_FETCH;
}

static void find_failed(struct restore *r)
{
	const struct fault *f = &r->call.fault;
	bool is_gone = f->kind == FAULT_NOT_FOUND || f->kind == FAULT_CHANGED;

	if (may_be_paid(r) && !is_gone) {
		if (!fault_is_transient(f))
			waiters_fail(r, f->kind == FAULT_DENIED ? EACCES : EIO);
		restore_retry(r, f, false, do_find);
	} else if (fault_is_transient(f)) {
		restore_retry(r, f, true, do_find);
	} else {
		restore_fails_for(r, f);
	}
}

static bool lacks_proof(const struct restore *r)
{
	return r->source->cfg.require_proof && !r->is_inventory &&
	       !r->object.has_tree_hash && r->proof.kind == DIGEST_NONE;
}

static void find_answered(struct restore *r)
{
	struct backend_call *c = &r->call;

	if (c->result < 0) {
		find_failed(r);
		return;
	}
	restore_recovers(r);
	r->proof = c->proof;
	if (lacks_proof(r) && (!may_be_paid(r) || c->state == REMOTE_COLD)) {
		restore_fails(
			r, EOPNOTSUPP,
			"the service offers no checksum for this object and this source has "
			"verify = require; nothing was paid");
		return;
	}
	if (c->state != REMOTE_COLD && c->state != REMOTE_FAILED &&
	    c->state != REMOTE_UNKNOWN) {
		snprintf(r->rec.token, sizeof(r->rec.token), "%s", c->token);
		r->rec.ready_ms = c->ready_ms;
		r->rec.expires_ms = c->expires_ms;
	}
	switch (c->state) {
	case REMOTE_RESTORING:
		restore_happens(r, is_our_own(r) ? EV_ACCEPTED : EV_RUNNING);
		return;
	case REMOTE_READY:
	case REMOTE_ONLINE:
		restore_happens(r, is_our_own(r) ? EV_ACCEPTED : EV_READY);
		return;
	case REMOTE_UNKNOWN:
	case REMOTE_COLD:
	case REMOTE_FAILED:
		find_cold(r);
		return;
	}
}

static void do_find(struct restore *r)
{
	call_queue(r, BACKEND_FIND, find_answered);
}

/* ---- send ---- */

static void do_send(struct restore *r);

static void send_lost(struct restore *r)
{
	restore_happens(r, EV_LOST);
}

static void send_answered(struct restore *r)
{
	struct backend_call *c = &r->call;

	if (c->result < 0 && c->is_lost) {
		log_warning(
			"ino=%llu request=%llu the answer to a paid call is lost: looking for "
			"it before anything is sent again",
			(unsigned long long)r->ino, (unsigned long long)r->rec.id);
		r->rechecks = 0;
		/* Where every answer is lost looking and asking must not chase each other. */
		r->retry = send_lost;
		timers_arm(&r->engine->real, &r->again,
			   engine_real_ms(r->engine) +
				   pace_retry_ms(r->lost++, r->engine->noise >> 8));
		return;
	}
	if (c->result < 0 && fault_is_transient(&c->fault)) {
		restore_retry(r, &c->fault, true, do_send);
		return;
	}
	restore_recovers(r);
	if (c->result < 0) {
		restore_fails_for(r, &c->fault);
		return;
	}
	if (c->token[0])
		snprintf(r->rec.token, sizeof(r->rec.token), "%s", c->token);
	r->rec.expires_ms = c->expires_ms;
	if (c->is_new)
		restore_happens(r, EV_ACCEPTED);
	else
		restore_happens(r, c->state == REMOTE_RESTORING ? EV_RUNNING : EV_READY);
}

static void do_send(struct restore *r)
{
	call_queue(r, BACKEND_RESTORE, send_answered);
}

/* ---- note ---- */

static void do_note(struct restore *r, bool has_charges)
{
	struct cost_line lines[COST_LINES_MAX];
	size_t n = 0;
	int64_t now = engine_service_ms(r->engine);

	r->rec.state = r->phase == PHASE_RESTORING ? REQUEST_RESTORING : REQUEST_READY;
	if (!r->rec.accepted_ms)
		r->rec.accepted_ms = now;
	if (r->phase == PHASE_FETCHING && !r->rec.ready_ms)
		r->rec.ready_ms = now;
	/* Charged now: what the restore itself costs. The rest is charged as it flows. */
	for (size_t i = 0; has_charges && i < r->estimate.n; i++)
		if (strcmp(r->estimate.lines[i].operation,
			   r->source->backend->ops->restore_operation) == 0)
			lines[n++] = r->estimate.lines[i];
	note_step(r, lines, n, r->call.request_id);
}

/* ---- watch and probe ---- */

static void do_probe(struct restore *r);

void restore_watch_fires(struct timer *t)
{
	do_probe(container_of(t, struct restore, watch));
}

static void do_watch(struct restore *r)
{
	int64_t wait =
		pace_probe_ms(restore_class(r), r->rec.tier, inbox_is_trusted(r->source));

	if (r->is_cancelled && r->phase == PHASE_RESTORING) {
		restore_happens(r, EV_CANCELLED);
		return;
	}
	if (r->is_hinted)
		wait = 0;
	timers_arm(&r->engine->service, &r->watch, engine_service_ms(r->engine) + wait);
}

static void probe_answered(struct restore *r)
{
	struct backend_call *c = &r->call;

	if (c->result < 0 && fault_is_transient(&c->fault)) {
		/* Hours of waiting outlast any outage: no limit. */
		restore_retry(r, &c->fault, false, do_probe);
		return;
	}
	restore_recovers(r);
	if (c->result < 0) {
		restore_fails_for(r, &c->fault);
		return;
	}
	if (c->proof.kind != DIGEST_NONE)
		r->proof = c->proof;
	switch (c->state) {
	case REMOTE_RESTORING:
		/* Hours of polls must not be lost in a crash: the ledger is one behind at most. */
		note_metered(r);
		restore_happens(r, EV_RUNNING);
		return;
	case REMOTE_READY:
	case REMOTE_ONLINE:
		r->rec.ready_ms = c->ready_ms;
		r->rec.expires_ms = c->expires_ms;
		restore_happens(r, EV_READY);
		return;
	case REMOTE_FAILED:
		restore_fails(r, EIO, "the service could not restore it: %s",
			      c->fault.text);
		return;
	case REMOTE_UNKNOWN:
	case REMOTE_COLD:
		restore_fails(
			r, EIO,
			"what was restored lapsed at the service before all of it was here: "
			"read again to ask anew, which is charged again");
		return;
	}
}

static void do_probe(struct restore *r)
{
	call_queue(r, BACKEND_PROBE, probe_answered);
	r->is_hinted = false; /* of what comes from now on this look may know nothing */
}

void restore_hint(struct restore *r)
{
	r->is_hinted = true;
	if (r->phase != PHASE_RESTORING || !r->watch.slot)
		return; /* a look is under way, or comes soon: do_watch() sees to the rest */
	timers_disarm(&r->engine->service, &r->watch);
	do_probe(r);
}

/* ---- end ---- */

static void do_end(struct restore *r)
{
	call_drop(r);
	fetch_drop(r);
	timers_disarm(&r->engine->real, &r->again);
	timers_disarm(&r->engine->service, &r->watch);

	r->rec.ended_ms = engine_service_ms(r->engine);
	if (r->is_cancelled && !r->rec.err) {
		r->rec.err = ECANCELED;
		snprintf(r->rec.error, sizeof(r->rec.error), "cancelled by request");
	}
	if (r->is_cancelled)
		r->rec.state = REQUEST_CANCELLED;
	else
		r->rec.state = r->rec.err ? REQUEST_FAILED : REQUEST_DONE;
	if (r->rec.state == REQUEST_DONE)
		r->rec.error[0] = '\0';
	if (r->rec.err && !r->is_cancelled)
		log_notice("ino=%llu request=%llu failed: %s", (unsigned long long)r->ino,
			   (unsigned long long)r->rec.id, r->rec.error);
	if (r->rec.id)
		note_end(r);
	else
		intent_refused(r);
}

static void do_leave(struct restore *r)
{
	call_drop(r);
	if (r->is_cancelled && !r->rec.err)
		r->rec.err = ECANCELED;
	if (r->rec.err == 0)
		waiters_serve(r, 0, UINT64_MAX / 2);
	waiters_fail(r, r->rec.err ? r->rec.err : EIO);
	asks_answer(r, -r->rec.err);
	note_metered(r);
	ino_map_remove(&r->engine->restores, &r->by_ino);
	r->is_left = true;
	restore_promise(r, 0);
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
	else if (!r->is_left && !r->engine->is_stopping)
		restore_happens(r, is_end ? EV_COMMITTED : EV_NOTED);
}

/* ---- events ---- */

static void restore_act(struct restore *r, unsigned int actions)
{
	/* The order matters only for DO_NOTE: progress is posted before what follows from it.
	 * The last action of a set may end the restore: nothing is read from `r` after it. */
	if (actions & DO_NOTE)
		do_note(r, actions & DO_CHARGE);
	if (actions & DO_FIND)
		do_find(r);
	else if (actions & DO_RESERVE)
		intent_begin(r);
	else if (actions & DO_SEND)
		do_send(r);
	else if (actions & DO_WATCH)
		do_watch(r);
	else if (actions & DO_PROBE)
		do_probe(r);
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
	if (e->cfg.on_edge)
		e->cfg.on_edge(restore_phase_word(edge->from),
			       restore_event_word(edge->event), is_after,
			       e->cfg.on_edge_arg);
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
	restore_act(r, edge->actions);
	edge_passed(e, edge, true);
}

void restore_cancel(struct restore *r)
{
	r->is_cancelled = true;
	waiters_fail(r, ECANCELED);
	/* Where money is on its way the end comes as soon as it has arrived (do_watch). */
	if (restore_edge_find(r->phase, EV_CANCELLED))
		restore_happens(r, EV_CANCELLED);
}
