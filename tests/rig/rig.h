/* SPDX-License-Identifier: Apache-2.0 */
/* rig - the engine and the real state layer on a store in memory and a clock set by hand: a
 * 48-hour restore takes milliseconds. */
#pragma once

#include "calls.h"
#include "clock.h"
#include "memory_backend.h"
#include "private.h"
#include "steps.h"
#include "transfers.h"

#define RIG_START_MS ((int64_t)1767225600000) /* 2026-01-01T00:00:00Z */

struct rig {
	char dir[64]; /* holds state and cache; survives rig_close() */
	struct clock *clock;
	struct backends *backends;
	struct state *state;
	struct engine *engine;
	struct budget budgets[2];
	struct source_cfg vault, bucket;
	struct source_cfg more; /* a third source, where it has a name */
	uint64_t map_bytes;     /* of each database */
	struct engine_cfg cfg;
	struct prices *prices;
	bool has_thread; /* the engine runs on its own: rig_run() and the like are not for it */
};

/* A reader without a kernel. */
struct rig_reader {
	struct waiter waiter;
	bool is_answered, was_interrupted;
	int result;
};

/* A request without a process. */
struct rig_asked {
	struct ask ask; /* what is asked beside verb and inode is the caller's */
	unsigned int answers;
	int result;
};

/* Makes the directory and the default configuration: 10 USD a day, 5 a user. */
void rig_init(struct rig *rig);
/* Opens everything at service time `now_ms`, with the catalogs in place. */
void rig_open(struct rig *rig, int64_t now_ms);
void rig_close(struct rig *rig);
/* Closes and removes the directory. */
void rig_done(struct rig *rig);

/* Turns the loop until `is_over` says so, time passing whenever nothing else happens. False: it
 * did not within `most_ms` of service time. */
bool rig_run(struct rig *rig, bool (*is_over)(void *arg), void *arg, int64_t most_ms);
/* Turns until nothing happens any more, without time passing. */
void rig_settle(struct rig *rig);

/* Where a restore stands; PHASE_ENDED: there is none. */
enum restore_phase rig_phase(struct rig *rig, uint64_t ino);
/* Turns, the service answering, without time passing, until that phase is reached. */
void rig_go_to(struct rig *rig, uint64_t ino, enum restore_phase phase);

uint64_t rig_ino(struct rig *rig, const char *source, const char *name);
void rig_read(struct rig *rig, struct rig_reader *reader, uint64_t ino, uint64_t off,
	      uint64_t len);
bool rig_is_answered(void *reader);
/* As user 1000. */
void rig_ask(struct rig *rig, struct rig_asked *asked, enum ask_verb verb, uint64_t ino);
/* Compares what the cache holds with the object's bytes; true if equal. */
bool rig_is_right(struct rig *rig, uint64_t ino, const struct memory_object *o);
/* Ledger lines of a component: their number, the sum of their quantities. */
struct rig_sum {
	unsigned int lines;
	uint64_t quantity;
};
struct rig_sum rig_ledger(struct rig *rig, const char *operation, const char *component);
