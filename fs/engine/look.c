/* SPDX-License-Identifier: Apache-2.0 */
/* look - asks the service what it has of an object, and sends the paid call. */
#include "calls.h"
#include "log.h"
#include "notes.h"
#include "pace.h"
#include "private.h"
#include "steps.h"
#include "transfers.h"
#include "waiters.h"
#include <errno.h>

/* ---- find ---- */

/* The restore under way is the one we paid for: vault jobs carry our mark; S3 knows only one
 * restore of an object, and our intent to make it is durable. */
static bool is_our_own(const struct restore *r)
{
	if (r->phase != PHASE_RECHECKING || r->rec.kind == REQUEST_FETCH)
		return false;
	return r->source->backend->ops->catalog_is_job ? r->call->is_ours : true;
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
	if (r->phase == PHASE_LAPSED && lapse_is_final(r))
		return;
	if (r->phase == PHASE_RECHECKING && is_listed_late && r->rechecks++ == 0) {
		r->retry = look_begin;
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
	/* One whose date has passed may linger: nobody pays for it any more. */
	r->paid_until_ms =
		r->call->expires_ms ? 0 : pace_copy_paid_ms(engine_service_ms(r->engine));
	restore_happens(r, EV_COLD);
}

/* A paid call may have been taken: this must not end, and release its money, before it is known. */
static bool may_be_paid(const struct restore *r)
{
	return r->phase == PHASE_RECHECKING && r->rec.kind != REQUEST_FETCH;
}

static void find_failed(struct restore *r)
{
	const struct fault *f = &r->call->fault;
	bool is_gone = f->kind == FAULT_NOT_FOUND || f->kind == FAULT_CHANGED;

	if (may_be_paid(r) && !is_gone) {
		if (!fault_is_transient(f))
			waiters_fail(r, f->kind == FAULT_DENIED ? EACCES : EIO);
		restore_retry(r, f, false, look_begin);
	} else if (fault_is_transient(f)) {
		restore_retry(r, f, true, look_begin);
	} else {
		restore_fails_for(r, f);
	}
}

static void find_answered(struct restore *r)
{
	struct backend_call *c = r->call;

	if (c->result < 0) {
		find_failed(r);
		return;
	}
	restore_recovers(r);
	proof_hear(r, &c->proof);
	if (proof_lacks(r) && (!may_be_paid(r) || c->state == REMOTE_COLD)) {
		restore_fails(
			r, EOPNOTSUPP,
			"the service offers no checksum for this object and this source has "
			"verify = require; nothing was paid");
		return;
	}
	if (c->state != REMOTE_COLD && c->state != REMOTE_FAILED &&
	    c->state != REMOTE_UNKNOWN) {
		restore_token_set(r, c->token);
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

void look_begin(struct restore *r)
{
	call_queue(r, BACKEND_FIND, find_answered);
}

/* ---- send ---- */

static void send_lost(struct restore *r)
{
	restore_happens(r, EV_LOST);
}

static void send_answered(struct restore *r)
{
	struct backend_call *c = r->call;

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
		restore_retry(r, &c->fault, true, send_begin);
		return;
	}
	restore_recovers(r);
	if (c->result < 0) {
		restore_fails_for(r, &c->fault);
		return;
	}
	if (c->token[0])
		restore_token_set(r, c->token);
	r->rec.expires_ms = c->expires_ms;
	if (c->is_new)
		restore_happens(r, EV_ACCEPTED);
	else if (c->state == REMOTE_READY)
		restore_happens(r, EV_KEPT);
	else
		restore_happens(r, c->state == REMOTE_RESTORING ? EV_RUNNING : EV_READY);
}

void send_begin(struct restore *r)
{
	call_queue(r, BACKEND_RESTORE, send_answered);
}
