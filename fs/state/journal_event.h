/* SPDX-License-Identifier: Apache-2.0 */
/* journal_event - what has happened, in order, and how much the cache was worth.
 *
 * An event is written in the transaction of what it tells of: neither is ever without the other. Who
 * tells people of events reads on from where he was, also after a crash. Nothing here is removed: a
 * month's report needs the events of its month.
 *
 * Thread: as in journal.h.
 */
#pragma once

#include "journal.h"

/* Persisted: numbers never change meaning. */
enum event_kind {
	EVENT_DONE = 1,      /* all of it is here, and proved */
	EVENT_FAILED = 2,    /* the request says why */
	EVENT_CANCELLED = 3, /* nobody wants it any more */
	EVENT_ASKED = 4,     /* the intent is durable */
	EVENT_HELD = 5,      /* it waits for an approval */
	EVENT_BUDGET = 6,    /* one is nearly spent: `text` */
	EVENT_STORM = 7,     /* a reader is stopped: `text` */
};

/* Longest path an event keeps; of a longer one the end. */
#define EVENT_PATH_MAX 4096

struct event {
	uint64_t seq;    /* counts from 1 */
	int64_t time_ms; /* service time */
	enum event_kind kind;
	uint64_t request_id;       /* 0: of none */
	char path[EVENT_PATH_MAX]; /* as it was called when it ended; "" else */
	char text[320];            /* for people; "" where the request says it */
};

/* What no request tells of. Nobody need be told that it is written: msg.run may be NULL. */
struct event_op {
	struct state_op op;
	enum event_kind kind;
	int64_t time_ms;
	char text[320];
};
void journal_event_post(struct journal *j, struct event_op *op);

/* Of a request. */
static inline bool event_is_end(enum event_kind kind)
{
	return kind <= EVENT_CANCELLED;
}

/* Events with seq > after, in order; a non-zero answer of `each` stops and is given back. */
int journal_each_event(struct journal *j, uint64_t after,
		       int (*each)(void *arg, const struct event *e), void *arg);
/* The number of the newest one, 0: none; or -errno. */
int journal_last_event(struct journal *j, uint64_t *ret);

/* Handles that were read and closed on one day, by whether a read of theirs had to wait. */
struct usage {
	uint32_t day; /* UTC of service time, YYYYMMDD */
	uint64_t from_cache, waited;
};

/* Adds to that day's. */
struct usage_op {
	struct state_op op;
	struct usage by;
};
void journal_usage_post(struct journal *j, struct usage_op *op);
/* Every day of which something is known, in order; a non-zero answer of `each` stops. */
int journal_each_usage(struct journal *j, int (*each)(void *arg, const struct usage *u),
		       void *arg);
