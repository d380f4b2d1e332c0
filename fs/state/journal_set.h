/* SPDX-License-Identifier: Apache-2.0 */
/* journal_set - who is to be told of which files: a set is what one person asked for at a time, with
 * the address for it. Several may wait for one file.
 *
 * A file joins a set in a transaction that also sees whether its request is open, and leaves it in
 * the one that ends the request: so no end is missed, also by those who joined a restore of
 * somebody else's, and none is counted twice. A set is forgotten once its end has been told.
 *
 * Thread: as in journal.h.
 */
#pragma once

#include "journal.h"

/* Longest address (RFC 5321 4.5.3.1.3: 256 octets with its brackets). */
#define EMAIL_MAX 255

/* Persisted: numbers never change meaning. */
enum set_file_state {
	SET_FILE_PENDING = 1,
	SET_FILE_HERE = 2,
	SET_FILE_FAILED = 3,
	SET_FILE_CANCELLED = 4,
};

struct set {
	uint64_t id;
	uint32_t uid;
	char email[EMAIL_MAX + 1];
	int64_t made_ms;                        /* service time */
	int64_t touched_ms;                     /* real UTC: a file was added */
	bool is_asked_told;                     /* the first mail has gone */
	uint64_t files[SET_FILE_CANCELLED + 1]; /* by state */
	uint64_t bytes;
	money_t estimate; /* of requests that are his */
	money_t charged;  /* likewise, of those that have ended */
};

struct set_file {
	uint64_t ino, request_id; /* 0: it was here */
	enum set_file_state state;
	char path[4096]; /* as it was called */
};

/* Adds files to the set that `uid` has for this address and number: made if there is none, or if it
 * has number 0 and its first mail has gone. */
struct subscription {
	uint64_t ino;
	char *path; /* owned */
};
struct subscribe_op {
	struct state_op op;
	uint32_t uid;
	char email[EMAIL_MAX + 1];
	uint64_t number; /* the client's; 0: none */
	int64_t now_ms, real_ms;
	struct subscription *files; /* owned: freed by subscribe_op_done() */
	size_t n;
};
/* Waits until it is durable: not for the engine. Gives op->result. */
int journal_subscribe_wait(struct journal *j, struct subscribe_op *op);
void subscribe_op_done(struct subscribe_op *op);

/* The first mail of a set has gone; or the last, and the set is forgotten. Waits until that is durable:
 * for a thread of its own. Gives op->result. */
struct set_told_op {
	struct state_op op;
	uint64_t id;
	bool is_end;
};
int journal_set_told_wait(struct journal *j, struct set_told_op *op);

/* A non-zero answer of `each` stops and is given back. */
int journal_each_set(struct journal *j, int (*each)(void *arg, const struct set *s),
		     void *arg);
int journal_each_set_file(struct journal *j, uint64_t set,
			  int (*each)(void *arg, const struct set_file *f), void *arg);

/* How far somebody has come who tells of events ("hook", "webhook", "mail"): 0 at first. Waits
 * likewise. */
struct mark_op {
	struct state_op op;
	const char *name; /* borrowed */
	uint64_t seq;
};
int journal_mark_wait(struct journal *j, struct mark_op *op);
int journal_mark(struct journal *j, const char *name, uint64_t *ret);
