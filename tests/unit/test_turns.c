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

/* S113: who asks, a letter each, and whose turn it is then. */
static void groups_come_in_turn_and_users_within_them(void **state)
{
	static const struct {
		const char *asks, *served;
	} rows[] = {
		{ "a", "a" },
		/* In order of arrival. */
		{ "aaa", "aaa" },
		/* Two users of one group, however many the first has brought. */
		{ "aaaaabb", "ababaaa" },
		{ "aaabbbccc", "abcabcabc" },
		/* Two groups, however many users the first has. */
		{ "abcX", "aXbc" },
		{ "aabbccXX", "aXbXcabc" },
		/* Both: half of the turns are the other group's, and in it they alternate. */
		{ "aaabbbXXY", "aXbYaXbab" },
		/* Whose turn is over waits for the others', not for a moment without them. */
		{ "aXXXX", "aXXXX" },
	};
	(void)state;

	for (size_t row = 0; row < ARRAY_SIZE(rows); row++) {
		struct turns ts;
		struct item items[16] = { 0 };
		char served[17] = "";

		turns_init(&ts);
		for (size_t i = 0; rows[row].asks[i]; i++) {
			char c = rows[row].asks[i];

			items[i].uid = (uint32_t)c;
			turns_add(&ts, &items[i].turn, c < 'a' ? 1 : 0, items[i].uid,
				  false);
		}
		struct item *it;
		for (size_t i = 0; (it = take(&ts, false)); i++)
			served[i] = (char)it->uid;
		assert_string_equal(served, rows[row].served);
	}
}

static void what_somebody_waits_for_is_in_a_lane_of_its_own(void **state)
{
	struct turns ts;
	struct item a = { .uid = 1 }, b = { .uid = 2 }, c = { .uid = 1 + TURN_USERS };
	(void)state;

	turns_init(&ts);
	turns_add(&ts, &a.turn, 0, a.uid, false);
	turns_add(&ts, &b.turn, 0, b.uid, false);
	turns_add(&ts, &c.turn, 0, c.uid, false); /* shares its row with a */
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
			turns_add(&ts, &it->turn, seed >> 20, seed >> 16, what & 1);
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
		cmocka_unit_test(groups_come_in_turn_and_users_within_them),
		cmocka_unit_test(what_somebody_waits_for_is_in_a_lane_of_its_own),
		cmocka_unit_test(nothing_is_lost_and_nothing_comes_twice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
