/* SPDX-License-Identifier: Apache-2.0 */
/* journal_pins - which files must stay in the cache, for whom and until when.
 *
 * A pin is of a file, a user and a job (0: none), with a count and a lifetime: who pins twice unpins
 * twice. Who pins for a job, in its name, may have to say so again after a crash of his: such a pin
 * is there or not, and goes at the first word. One whose time is over holds nothing, whether its row is still there or not. Pins are kept with what
 * is precious: no restart loses one.
 *
 * Thread: as in journal.h.
 */
#pragma once

#include "journal.h"

struct pin {
	uint64_t ino, job;
	uint32_t uid, count;
	int64_t made_ms, until_ms; /* service time */
	uint64_t size_bytes;       /* of the file */
};

enum pin_verb {
	PIN_ADD, /* one more; the later of both ends holds */
	PIN_REMOVE, /* one less; of that user without a pin of that job: of another of his jobs */
	PIN_CLEAR, /* all of everybody's */
	PIN_PURGE, /* of all files, those that are over */
};

/* Result 0, or -ENOENT: he has none there (REMOVE), nobody has (CLEAR). */
struct pin_op {
	struct state_op op;
	enum pin_verb verb;
	bool is_for_job; /* ADD: counts once; REMOVE: all of that job's, and no other's */
	struct pin pin;
	int64_t now_ms; /* service time */
};
void journal_pin_post(struct journal *j, struct pin_op *op);

/* What holds a file at `now_ms`. */
struct pinned {
	uint32_t holders; /* users, each job of theirs counted; 0: it is not pinned */
	int64_t until_ms; /* the last of them */
};
/* 0 or -errno. */
int journal_pinned(struct journal *j, uint64_t ino, int64_t now_ms, struct pinned *ret);
/* All that hold anything at `now_ms`, those of one file together. A non-zero answer of `each` stops. */
int journal_each_pin(struct journal *j, int64_t now_ms,
		     int (*each)(void *arg, const struct pin *p), void *arg);
