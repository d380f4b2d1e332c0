/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "cleanup.h"
#include "turns.h"
#include <stdlib.h>

struct item {
	struct turn turn;
	uint32_t uid;
};

static struct item *take(struct turns *ts, bool is_urgent)
{
	struct turn *t = turns_take(ts, is_urgent);
	return t ? container_of(t, struct item, turn) : NULL;
}

static void one_of_every_user_comes_in_turn(void **state)
{
	struct turns ts;
	struct item many[100] = { 0 }, few[3] = { 0 };
	(void)state;

	turns_init(&ts);
	for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
		many[i].uid = 1000;
		turns_add(&ts, &many[i].turn, 1000, false);
	}
	for (size_t i = 0; i < ARRAY_SIZE(few); i++) {
		few[i].uid = 1001;
		turns_add(&ts, &few[i].turn, 1001, false);
	}
	unsigned int of_few = 0;
	for (int i = 0; i < 6; i++)
		of_few += take(&ts, false)->uid == 1001;
	assert_int_equal(of_few, 3);
	for (size_t i = 3; i < ARRAY_SIZE(many); i++)
		assert_ptr_equal(take(&ts, false), &many[i]); /* in order of arrival */
	assert_null(take(&ts, false));
}

static void what_somebody_waits_for_is_in_a_lane_of_its_own(void **state)
{
	struct turns ts;
	struct item a = { .uid = 1 }, b = { .uid = 2 }, c = { .uid = 62 };
	(void)state;

	turns_init(&ts);
	turns_add(&ts, &a.turn, a.uid, false);
	turns_add(&ts, &b.turn, b.uid, false);
	turns_add(&ts, &c.turn, c.uid, false); /* shares its row with a */
	assert_null(take(&ts, true));
	turns_promote(&ts, &c.turn);
	turns_promote(&ts, &c.turn);
	assert_ptr_equal(take(&ts, true), &c);
	turns_promote(&ts, &c.turn); /* does not wait any more */
	assert_null(take(&ts, true));
	turns_remove(&ts, &a.turn);
	turns_remove(&ts, &a.turn);
	assert_ptr_equal(take(&ts, false), &b);
	assert_null(take(&ts, false));
}

/* Whatever is done: what was added and not removed is taken, once. */
static void nothing_is_lost_and_nothing_comes_twice(void **state)
{
	struct turns ts;
	struct item items[200] = { 0 };
	uint32_t seed = 3;
	size_t waiting = 0;
	(void)state;

	turns_init(&ts);
	for (int i = 0; i < 20000; i++) {
		seed = seed * 1664525u + 1013904223u;
		struct item *it = &items[(seed >> 8) % ARRAY_SIZE(items)];
		unsigned int what = seed >> 28;

		if (what < 8 && !it->turn.is_waiting) {
			turns_add(&ts, &it->turn, seed >> 16, what & 1);
			waiting++;
		} else if (what == 8) {
			waiting -= it->turn.is_waiting;
			turns_remove(&ts, &it->turn);
		} else if (what == 9) {
			turns_promote(&ts, &it->turn);
		} else if (what > 12) {
			bool is_urgent = what & 1;
			struct item *got = take(&ts, is_urgent);
			if (got)
				assert_false(got->turn.is_waiting);
			waiting -= got != NULL;
		}
		assert_int_equal(ts.urgent.n + ts.bulk.n, waiting);
	}
	while (take(&ts, true) || take(&ts, false))
		waiting--;
	assert_int_equal(waiting, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_of_every_user_comes_in_turn),
		cmocka_unit_test(what_somebody_waits_for_is_in_a_lane_of_its_own),
		cmocka_unit_test(nothing_is_lost_and_nothing_comes_twice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
