/* SPDX-License-Identifier: Apache-2.0 */
/* cases - what the tests on the rig begin and end with: one archive, one object, everything open.
 *
 * Included once by each test program, which owns these variables.
 */
#pragma once

#include "rig.h"
#include "test.h"

#define HOURS ((int64_t)3600 * 1000)
#define BIG   (2 * MIB + 12345)

static struct memory_store *store;
static struct memory_object *archive, *object;

static __attribute__((unused)) int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct clock *clock = clock_new_virtual(RIG_START_MS);

	store = memory_install(clock);
	archive = memory_add("archive", "VAULT", BIG);
	object = memory_add("object", "DEEP_ARCHIVE", BIG);
	rig_init(rig);
	rig_open(rig, RIG_START_MS);
	clock_free(clock);
	*state = rig;
	return 0;
}

static __attribute__((unused)) int teardown(void **state)
{
	rig_done(*state);
	free(*state);
	return 0;
}

/* Reads until answered, whatever it takes up to 60 hours, and compares the answer. */
static __attribute__((unused)) void read_whole(struct rig *rig, uint64_t ino,
					       int expected)
{
	struct rig_reader reader;

	rig_read(rig, &reader, ino, 0, 100);
	assert_true(rig_run(rig, rig_is_answered, &reader, 60 * HOURS));
	assert_int_equal(reader.result, expected);
	rig_settle(rig);
}

static __attribute__((unused)) uint64_t request_id(struct rig *rig, uint64_t ino)
{
	struct request rec;

	assert_int_equal(journal_request_of(rig->state->journal, ino, &rec), 0);
	return rec.id;
}

/* Up to the moment when one chunk of it is here and others are on their way: the first one goes alone. */
static __attribute__((unused)) void fetch_one_chunk(struct rig *rig, uint64_t ino)
{
	rig_settle(rig);
	clock_advance(rig->clock, 10 * HOURS);
	rig_go_to(rig, ino, PHASE_FETCHING);
	while (restore_find(rig->engine, ino)->n_transfers < 1)
		engine_turn(rig->engine, 1);
	memory_pump();
	while (rig->engine->n_ops)
		engine_turn(rig->engine, 1);
	assert_int_equal(rig_phase(rig, ino), PHASE_FETCHING);
}
