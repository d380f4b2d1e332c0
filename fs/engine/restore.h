/* SPDX-License-Identifier: Apache-2.0 */
/* restore - the life of one wish for a file's bytes, as a table. Pure: no I/O, no clock.
 *
 *	phase        what is under way                      durable meanwhile
 *	new          nothing                                nothing
 *	looking      FIND: what does the service have?      nothing
 *	reserving    the intent to pay for a restore        nothing yet
 *	joining      the intent to use a running restore    nothing yet
 *	claiming     the intent to fetch what is readable   nothing yet
 *	holding      the wish that must be approved         nothing yet
 *	held         nothing, until somebody approves       HELD
 *	sending      the paid call                          INTENT
 *	rechecking   FIND: did a lost call arrive?          INTENT
 *	restoring    the service works                      RESTORING (once noted)
 *	fetching     ranges come in                         READY (once noted)
 *	proving      the whole is verified                  READY
 *	lapsed       FIND: what was restored is gone        as before
 *	renewing     the intent to pay for it again         as before, until the new one is
 *	ending       the outcome is being written           as before
 *	ended        done, failed or cancelled              DONE, FAILED, CANCELLED
 *
 * The paid call is sent in one place only: on the way into `sending`, which can be entered only
 * with a durable intent. A lost answer leads to `rechecking`, never straight back. What is asked
 * for again because it has lapsed is a request of its own, whose intent ends the old one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum restore_phase {
	PHASE_NEW,
	PHASE_LOOKING,
	PHASE_RESERVING,
	PHASE_JOINING,
	PHASE_CLAIMING,
	PHASE_HOLDING,
	PHASE_HELD,
	PHASE_SENDING,
	PHASE_RECHECKING,
	PHASE_RESTORING,
	PHASE_FETCHING,
	PHASE_PROVING,
	PHASE_LAPSED,
	PHASE_RENEWING,
	PHASE_ENDING,
	PHASE_ENDED,
};

enum restore_event {
	EV_WANTED,    /* somebody wants the bytes */
	EV_ADOPTED,   /* an open request of an earlier run, its intent durable */
	EV_RESUMED,   /* likewise, but accepted already */
	EV_COLD,      /* the service: not restored, nothing under way */
	EV_RUNNING,   /* the service: a restore is under way */
	EV_READY,     /* the service: can be read */
	EV_COMMITTED, /* the intent, the wish that is held, or the outcome is durable */
	EV_REFUSED,   /* a budget or the policy said no; nothing was written */
	EV_HELD,      /* a budget said no, and the policy is to wait for an approval */
	EV_APPROVED,  /* somebody lets it through */
	EV_ACCEPTED,  /* the paid call was taken */
	EV_KEPT,      /* the paid call found a copy, and keeps it longer */
	EV_LOST,      /* the paid call left, no answer came */
	EV_NOTED,     /* progress is durable */
	EV_LAPSED,  /* the service does not have it any more, and not all of it is here */
	EV_FETCHED, /* every byte is held */
	EV_PROVED,  /* the whole is verified */
	EV_CORRUPT, /* the whole does not verify; the bytes are forgotten; try once more */
	EV_FAILED,  /* it will not get better */
	EV_CANCELLED, /* nobody wants it any more */
};

/* What to do on an edge: a set. */
enum restore_action {
	DO_NOTHING = 0,
	DO_FIND = 1 << 0,
	DO_RESERVE = 1 << 1,
	DO_SEND = 1 << 2,
	DO_NOTE = 1 << 3,   /* write progress to the journal */
	DO_CHARGE = 1 << 4, /* the note carries the restore's charges */
	DO_WATCH = 1 << 5,  /* probe after a while */
	DO_PROBE = 1 << 6,  /* probe now */
	DO_FETCH = 1 << 7,
	DO_PROVE = 1 << 8,
	DO_END = 1 << 9,    /* write the outcome */
	DO_LEAVE = 1 << 10, /* answer everybody, forget it */
	DO_HOLD = 1 << 11,  /* write the wish that must be approved */
	DO_STAND = 1 << 12, /* it is held: say so, unless nobody wants it any more */
	DO_CHARGE_DAYS =
		1 << 13, /* the note carries what a copy costs that is kept longer */
};

struct restore_edge {
	enum restore_phase from;
	enum restore_event event;
	enum restore_phase to;
	unsigned int actions;
};

/* The edge for an event, or NULL: not legal here. */
const struct restore_edge *restore_edge_find(enum restore_phase from,
					     enum restore_event event);
/* The whole table, for tests that must not forget a row. */
const struct restore_edge *restore_edges(size_t *ret_n);

const char *restore_phase_word(enum restore_phase p);
const char *restore_event_word(enum restore_event e);

/* True where the intent (or more) is durable. */
bool restore_phase_is_durable(enum restore_phase p);
