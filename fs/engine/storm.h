/* SPDX-License-Identifier: Apache-2.0 */
/* storm - notices who reads far more cold files than anybody means to, before it is paid. Pure: no
 * I/O, and the clock is given.
 *
 * Counted is what reading would restore or fetch, once for each file: for each process group (what
 * a shell makes of one command line, with all its children) and, with four times the limits, for
 * each user. What lies further back than the window does not count any more. Over a limit it trips:
 * the group, or the user, is refused until the pause is over or somebody calms it. Windows are of
 * real time and not kept across a restart.
 *
 * Thread: its owner's.
 */
#pragma once

#include "rules.h"

struct storms; /* opaque */

#define STORM_USER_FACTOR 4
/* A read that begins before this looks at the head of a file. */
#define STORM_HEAD_BYTES ((uint64_t)64 << 10)

enum storm_why {
	STORM_FILES,
	STORM_BYTES,
	STORM_HEADS,   /* the pattern of an indexer */
	STORM_INDEXER, /* a program known to be one */
};

struct storm_ask {
	uint64_t ino, bytes;
	uint32_t uid, pgrp; /* pgrp 0: not known, only the user counts */
	const char *program;
	bool is_cold;    /* needs a restore: counts as a file */
	bool is_walking; /* its reader looks at the head and does not wait */
	bool is_indexer; /* a known program's name */
	struct storm_limits limits;
};

/* One that has tripped. */
struct storm {
	uint64_t id; /* from 1, of this run */
	enum storm_why why;
	bool is_user;
	uint32_t uid, pgrp;
	char program[16];      /* whose read tripped it */
	uint64_t files, bytes; /* asked for within the window until then */
	uint64_t refused;      /* reads turned away since */
	struct storm_limits limits;
	int64_t since_ms, until_ms; /* real */
};

struct storms *storms_new(void);
void storms_free(struct storms *s);

/* May this be asked for? 0, and it is counted; -EDQUOT and who is in the way (`ret_is_new`: only
 * now has it tripped; `ret` stays until the next call); -ENOMEM. */
int storms_admit(struct storms *s, const struct storm_ask *ask, int64_t now_ms,
		 const struct storm **ret, bool *ret_is_new);
/* Lets it go on, counting from zero. 0 or -ENOENT. */
int storms_calm(struct storms *s, uint64_t id);
/* The tripped ones, oldest first: the one after `after`, or NULL. */
const struct storm *storms_next(struct storms *s, uint64_t after, int64_t now_ms);
/* Since the start. */
uint64_t storms_count(const struct storms *s);
/* For people: what happened; at most 256 bytes with the remedy. */
void storm_text(const struct storm *t, char *ret, size_t room);
