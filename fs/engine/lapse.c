/* SPDX-License-Identifier: Apache-2.0 */
/* lapse - a vault's output lasts a day, a copy some days: what if not all of it is here by then.
 *
 * What is here stays. The service is looked at first: somebody may have restored it anew. Where it
 * has nothing the rest is asked for again, as a request of its own with a reservation of its own,
 * whose intent ends the lapsed one; so a crash between the two finds one of them open, never both.
 * Paying again is for those who wait, or who have asked by a request: a read that nobody waits for
 * any more has no say in it. And it has an end. */
#include "log.h"
#include "notes.h"
#include "pace.h"
#include "private.h"
#include "steps.h"
#include "transfers.h"
#include <errno.h>

/* How often it is paid for again. */
#define RENEWALS_MAX 2
/* How often a service is believed that shows what it does not give. */
#define LAPSES_MAX 8

static void lapse_happens(struct restore *r)
{
	restore_happens(r, EV_LAPSED);
}

void restore_lapses(struct restore *r)
{
	struct engine *e = r->engine;

	fetch_drop(r);
	timers_disarm(&e->real, &r->again);
	if (r->is_inventory || r->lapses == LAPSES_MAX) {
		restore_fails(
			r, EIO,
			"what was restored lapsed at the service before all of it was here: "
			"asking anew is charged again");
		return;
	}
	log_notice(
		"ino=%llu request=%llu what was restored has lapsed, %llu bytes are here",
		(unsigned long long)r->ino, (unsigned long long)r->rec.id,
		(unsigned long long)r->fill.held_bytes);
	part_shrink(r);
	if (r->lapses++ == 0) {
		lapse_happens(r);
		return;
	}
	r->retry = lapse_happens;
	timers_arm(&e->real, &r->again,
		   engine_real_ms(e) + pace_retry_ms(r->lapses, e->noise >> 8));
}

bool lapse_is_final(struct restore *r)
{
	r->rec.expires_ms = 0; /* whatever was said: it is gone */
	if (r->rec.renewals == RENEWALS_MAX) {
		restore_fails(
			r, EIO,
			"what was restored has lapsed %d times before all of it was here: "
			"given up; asking again is charged again",
			RENEWALS_MAX + 1);
		return true;
	}
	if (r->n_waiters || r->rec.is_asked)
		return false;
	r->is_unwanted = true;
	restore_fails(
		r, EIO,
		"what was restored lapsed at the service before all of it was here, and "
		"nobody waits for it: read again to ask for the rest, which is charged again");
	return true;
}

void lapse_renew(struct restore *r, struct reserve_op *op)
{
	int64_t now = engine_service_ms(r->engine);

	op->replaces = r->rec.id;
	op->replaced_ms = now;
	snprintf(
		op->replaced_error, sizeof(op->replaced_error),
		"what was restored lapsed at the service before all of it was here: it has "
		"been asked for again");
	op->rec.renewals++;
	op->rec.has_approver = false; /* that was a yes to one restore */
	op->rec.token[0] = '\0';
	op->rec.accepted_ms = op->rec.ready_ms = op->rec.expires_ms = 0;
	op->rec.err = 0;
	r->lost = r->rechecks = 0;
}

void lapse_explain(struct restore *r)
{
	restore_say(r, "what was restored has lapsed, and asking for the rest: %.200s",
		    restore_why(r));
}
