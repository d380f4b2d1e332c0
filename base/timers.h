/* SPDX-License-Identifier: Apache-2.0 */
/* timers - a heap of deadlines.
 *
 * A timer is embedded in its owner; adding an armed one moves it. The unit is whatever
 * milliseconds the owner of the heap compares with (real or service time).
 *
 * Thread: the owner's.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct timer {
	int64_t due_ms;
	size_t slot; /* 1-based place in the heap; 0: not armed */
	void (*fire)(struct timer *t);
};

struct timers {
	struct timer **heap; /* owned array, timers are borrowed */
	size_t n, room;
};

void timers_init(struct timers *ts);
void timers_done(struct timers *ts);
/* 0 or -ENOMEM (only when the heap grows). */
int timers_arm(struct timers *ts, struct timer *t, int64_t due_ms);
void timers_disarm(struct timers *ts, struct timer *t);
/* Fires all that are due, earliest first; a callback may arm and disarm. What it arms for now may
 * wait for the next run. */
void timers_run(struct timers *ts, int64_t now_ms);
/* The one that is due first, still armed; NULL: none is armed. */
struct timer *timers_first(const struct timers *ts);
/* The next deadline, or INT64_MAX. */
int64_t timers_next(const struct timers *ts);
