/* SPDX-License-Identifier: Apache-2.0 */
/* watch - looks at the service now and then until what was asked for is ready. */
#include "calls.h"
#include "notes.h"
#include "pace.h"
#include "private.h"
#include "steps.h"
#include "transfers.h"
#include <errno.h>

void watch_fires(struct timer *t)
{
	probe_begin(container_of(t, struct restore, watch));
}

void watch_begin(struct restore *r)
{
	int64_t wait =
		pace_probe_ms(restore_class(r), r->rec.tier, inbox_is_trusted(r->source));

	if (r->is_cancelled && r->phase == PHASE_RESTORING) {
		restore_happens(r, EV_CANCELLED);
		return;
	}
	if (r->is_hinted)
		wait = 0;
	proof_shrink(r);
	timers_arm(&r->engine->service, &r->watch,
		   pace_together_ms(engine_service_ms(r->engine) + wait, wait));
}

static void probe_answered(struct restore *r)
{
	struct backend_call *c = r->call;

	if (c->result < 0 && fault_is_transient(&c->fault)) {
		/* Hours of waiting outlast any outage: no limit. */
		restore_retry(r, &c->fault, false, probe_begin);
		return;
	}
	restore_recovers(r);
	if (c->fault.kind == FAULT_NOT_FOUND && r->source->backend->ops->catalog_is_job) {
		restore_lapses(r); /* a job that is not listed any more */
		return;
	}
	if (c->result < 0) {
		restore_fails_for(r, &c->fault);
		return;
	}
	proof_hear(r, &c->proof);
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
		restore_lapses(r);
		return;
	}
}

void probe_begin(struct restore *r)
{
	call_queue(r, BACKEND_PROBE, probe_answered);
	r->is_hinted = false; /* of what comes from now on this look may know nothing */
}

void restore_hint(struct restore *r)
{
	r->is_hinted = true;
	if (r->phase != PHASE_RESTORING || !r->watch.slot)
		return; /* a look is under way, or comes soon: watch_begin() sees to the rest */
	timers_disarm(&r->engine->service, &r->watch);
	probe_begin(r);
}
