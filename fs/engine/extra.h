/* SPDX-License-Identifier: Apache-2.0 */
/* extra - a second paid call for a restore that is under way: a faster tier, or more days for its
 * copy. Whatever becomes of it, the restore goes on.
 *
 *	phase        what is under way                      durable meanwhile
 *	none         nothing                                nothing
 *	reserving    the intent to pay for it               nothing yet
 *	sending      the paid call                          INTENT, of a request of its own
 *	seeking      did a lost call arrive?                INTENT
 *	ending       the outcome, with its charges          INTENT
 *
 * As with a restore the paid call is sent only with a durable intent, and a lost answer leads to a
 * look at the service. A restore does not end before its extra has.
 *
 * Thread: the engine's.
 */
#pragma once

#include "private.h"

enum extra_phase {
	EXTRA_NONE,
	EXTRA_RESERVING,
	EXTRA_SENDING,
	EXTRA_SEEKING,
	EXTRA_ENDING,
};

struct extra {
	struct engine *engine;
	struct restore *restore;
	enum extra_phase phase;
	struct request rec; /* REQUEST_RAISE or REQUEST_EXTEND */
	struct cost_line lines[COST_LINES_MAX];
	size_t n_lines;
	struct ask_queue asks;
	bool may_be_taken; /* a call whose answer was lost may have been accepted */
	bool is_taken;     /* it was; what it has brought is being looked at */
	bool is_rechecked;

	/* Its control call: waiting for its turn, under way, or answered. */
	struct turn turn;
	struct place place;
	struct backend_call call;
	struct object object;
	void (*answered)(struct extra *x);

	struct timer again; /* real */
	void (*retry)(struct extra *x);
	unsigned int failures;
	int64_t first_failure_ms;

	struct reserve_op reserve;
	struct step_op step;
};

struct extra_edge {
	enum extra_phase from;
	enum restore_event event;
	enum extra_phase to;
	void (*act)(struct extra *x);
};

/* The edge for an event, or NULL: not legal here. */
const struct extra_edge *extra_edge_find(enum extra_phase from, enum restore_event event);
/* The whole table, for tests that must not forget a row. */
const struct extra_edge *extra_edges(size_t *ret_n);
const char *extra_phase_word(enum extra_phase p);

static inline bool extra_is_raise(const struct extra *x)
{
	return x->rec.kind == REQUEST_RAISE;
}
void extra_happens(struct extra *x, enum restore_event ev);
/* Its timer's. */
void extra_fires(struct timer *t);
/* Its call's turn has come. False: it has waited too long to be worth anything, and ends. */
bool extra_turn_comes(struct extra *x);
