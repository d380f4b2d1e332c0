/* SPDX-License-Identifier: Apache-2.0 */
/* Recall-ahead: what is foreseen, what it may cost, and that nobody hears of what is refused.
 * Promises are cited by number (docs/SEMANTICS.md). */
#include "cases.h"

#include "facts.h"
#include <errno.h>

#define FILES 12
#define SIZE  1000

static struct memory_object *files[FILES];
static uint64_t inos[FILES]; /* in order of listing */

static int ino_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Twelve small files in each source, the first listed being the newest. */
static struct rig *begin(uint32_t ahead, money_t budget)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct clock *clock = clock_new_virtual(RIG_START_MS);

	store = memory_install(clock);
	for (size_t i = 0; i < FILES; i++) {
		char name[24];

		snprintf(name, sizeof(name), "f%02zu", i);
		files[i] = memory_add(name, "DEEP_ARCHIVE", SIZE);
		files[i]->object.modified_ms = (int64_t)(1000000 - i);
	}
	archive = memory_add("archive", "VAULT", BIG);
	object = NULL;
	rig_init(rig);
	rig->cfg.ahead = (struct ahead_cfg){ ahead, 1 << 30 };
	rig->cfg.wave_hold_ms = 3000;
	if (budget)
		rig->budgets[0].money = budget;
	rig_open(rig, RIG_START_MS);
	clock_free(clock);
	for (size_t i = 0; i < FILES; i++) {
		inos[i] = rig_ino(rig, "bucket", files[i]->object.id);
		assert_true(inos[i] != 0);
	}
	qsort(inos, FILES, sizeof(inos[0]), ino_order);
	return rig;
}

static void end(struct rig *rig)
{
	rig_done(rig);
	free(rig);
}

static unsigned int restores(void)
{
	unsigned int n = 0;

	for (size_t i = 0; i < FILES; i++)
		n += files[i]->restores;
	return n;
}

/* Time passes, a minute at a time, and what is due happens. */
static void pass(struct rig *rig, int minutes)
{
	for (int i = 0; i < minutes; i++) {
		rig_settle(rig);
		clock_advance(rig->clock, 60000);
	}
	rig_settle(rig);
}

/* S110 */
static void who_reads_in_order_waits_for_two_restores(void **state)
{
	struct rig *rig = begin(UINT32_MAX, 0);
	(void)state;

	int64_t began = clock_service_ms(rig->clock);
	for (size_t i = 0; i < FILES; i++)
		read_whole(rig, inos[i], 0);
	int64_t took = clock_service_ms(rig->clock) - began;
	/* Restored, and each noticed by a poll a quarter of an hour later at most. */
	assert_true(took <= 2 * (store->restore_ms + (int64_t)20 * 60000));
	for (size_t i = 0; i < FILES; i++)
		assert_int_equal(files[i]->restores, 1);
	end(rig);
}

static void nothing_is_foreseen_unless_it_was_said(void **state)
{
	struct rig *rig = begin(0, 0);
	(void)state;

	for (size_t i = 0; i < 4; i++)
		read_whole(rig, inos[i], 0);
	pass(rig, 10);
	assert_int_equal(restores(), 4);
	end(rig);
}

/* S111 */
static void a_wave_is_held_and_goes_oldest_first(void **state)
{
	struct rig *rig = begin(UINT32_MAX, 0);
	struct rig_reader reader;
	uint64_t last_id = UINT64_MAX;
	(void)state;

	read_whole(rig, inos[0], 0);
	rig_read(rig, &reader, inos[1], 0, 100);
	rig_settle(rig);
	assert_int_equal(restores(), 2); /* the reader's own goes at once */
	clock_advance(rig->clock, 2900);
	rig_settle(rig);
	assert_int_equal(restores(), 2);
	clock_advance(rig->clock, 200);
	pass(rig, 1);
	assert_int_equal(restores(), FILES);
	/* The later in the listing the older: they were asked for from the end. */
	for (size_t i = 2; i < FILES; i++) {
		struct request rec;

		assert_int_equal(journal_request_of(rig->state->journal, inos[i], &rec),
				 0);
		assert_true(rec.id < last_id);
		last_id = rec.id;
	}
	assert_true(rig_run(rig, rig_is_answered, &reader, 60 * HOURS));
	end(rig);
}

/* S112 */
static void what_a_budget_refuses_of_it_nobody_hears_of(void **state)
{
	struct rig *rig = begin(0, 0);
	struct request rec;
	struct facts facts;
	money_t one;
	(void)state;

	read_whole(rig, inos[0], 0);
	assert_int_equal(journal_request_of(rig->state->journal, inos[0], &rec), 0);
	one = rec.estimate;
	end(rig);

	/* Enough for five. */
	rig = begin(UINT32_MAX, 5 * one + one / 2);
	struct rig_reader reader;
	read_whole(rig, inos[0], 0);
	rig_read(rig, &reader, inos[1], 0, 100);
	pass(rig, 10);
	assert_in_range(restores(), 3, 5);
	for (size_t i = 0; i < FILES; i++) {
		if (journal_request_of(rig->state->journal, inos[i], &rec) == -ENOENT) {
			assert_int_equal(facts_of(rig->engine, inos[i], &facts), 0);
			assert_int_equal(facts.state, FILE_COLD);
		} else {
			assert_int_not_equal(rec.state, REQUEST_FAILED);
		}
	}
	assert_true(rig_run(rig, rig_is_answered, &reader, 60 * HOURS));
	assert_int_equal(reader.result, 0);
	end(rig);
}

static void a_number_bounds_how_far_it_goes(void **state)
{
	struct rig *rig = begin(3, 0);
	struct rig_reader reader;
	(void)state;

	read_whole(rig, inos[0], 0);
	rig_read(rig, &reader, inos[1], 0, 100);
	pass(rig, 10);
	assert_int_equal(restores(), 5);
	assert_true(restore_find(rig->engine, inos[4]) != NULL);
	assert_true(restore_find(rig->engine, inos[5]) == NULL);
	end(rig);
}

static void bytes_bound_how_far_it_goes(void **state)
{
	struct rig *rig = begin(UINT32_MAX, 0);
	struct rig_reader reader;
	(void)state;

	rig->engine->first_cfg.ahead.bytes = (uint64_t)4 * SIZE;
	read_whole(rig, inos[0], 0);
	rig_read(rig, &reader, inos[1], 0, 100);
	pass(rig, 10);
	assert_int_equal(restores(), 6);
	end(rig);
}

static void a_subtree_has_its_own_say(void **state)
{
	static const struct subtree_cfg subtrees[] = {
		{ "/", true, { 0, 0 } },
		{ "/bucket", true, { UINT32_MAX, 1 << 30 } },
		{ "/bucket2", true, { 0, 0 } },
	};
	struct rig *rig = begin(0, 0);
	struct rig_reader reader;
	(void)state;

	rig->engine->first_cfg.subtrees = subtrees;
	rig->engine->first_cfg.n_subtrees = ARRAY_SIZE(subtrees);
	rig->engine->has_ahead = true;
	read_whole(rig, inos[0], 0);
	rig_read(rig, &reader, inos[1], 0, 100);
	pass(rig, 10);
	assert_int_equal(restores(), FILES);
	end(rig);
}

static void asked(struct ask *a, int r)
{
	*(int *)a->arg = r;
}

static void a_request_may_ask_for_those_behind_it(void **state)
{
	struct rig *rig = begin(0, 0);
	int result = -1;
	struct ask ask = { .verb = ASK_GET,
			   .ino = inos[2],
			   .ahead = 4,
			   .uid = 1000,
			   .gid = 1000,
			   .done = asked,
			   .arg = &result };
	(void)state;

	ask.ino = inos[2];
	engine_ask(rig->engine, &ask);
	pass(rig, 2);
	assert_int_equal(result, 0);
	assert_int_equal(restores(), 5);
	for (size_t i = 2; i < 7; i++)
		assert_true(restore_find(rig->engine, inos[i]) != NULL);
	end(rig);
}

/* Somebody who comes to what was foreseen, and refused, is told why. */
static void who_comes_to_what_was_foreseen_is_a_reader_like_any(void **state)
{
	struct rig *rig = begin(UINT32_MAX, 0);
	struct rig_reader reader, other;
	struct facts facts;
	(void)state;

	read_whole(rig, inos[0], 0);
	rig_read(rig, &reader, inos[1], 0, 100);
	rig_settle(rig);
	store->mishap[BACKEND_FIND] = MISHAP_DENIED;
	store->mishaps[BACKEND_FIND] = FILES;
	clock_advance(rig->clock, 3100);
	pass(rig, 1);
	assert_int_equal(facts_of(rig->engine, inos[5], &facts), 0);
	assert_int_equal(facts.state, FILE_COLD);
	store->mishaps[BACKEND_FIND] = FILES;
	rig_read(rig, &other, inos[5], 0, 100);
	pass(rig, 1);
	assert_true(other.is_answered);
	assert_int_equal(other.result, -EACCES);
	assert_int_equal(facts_of(rig->engine, inos[5], &facts), 0);
	assert_int_equal(facts.state, FILE_DENIED);
	end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_reads_in_order_waits_for_two_restores),
		cmocka_unit_test(nothing_is_foreseen_unless_it_was_said),
		cmocka_unit_test(a_wave_is_held_and_goes_oldest_first),
		cmocka_unit_test(what_a_budget_refuses_of_it_nobody_hears_of),
		cmocka_unit_test(a_number_bounds_how_far_it_goes),
		cmocka_unit_test(bytes_bound_how_far_it_goes),
		cmocka_unit_test(a_subtree_has_its_own_say),
		cmocka_unit_test(a_request_may_ask_for_those_behind_it),
		cmocka_unit_test(who_comes_to_what_was_foreseen_is_a_reader_like_any),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
