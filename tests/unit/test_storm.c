/* SPDX-License-Identifier: Apache-2.0 */
#include "storm.h"

#include "test.h"
#include <errno.h>
#include <string.h>

#define MINUTE ((int64_t)60000)

static struct storm_ask ask_of(uint64_t ino, uint32_t pgrp)
{
	return (struct storm_ask){
		.ino = ino,
		.bytes = 1000,
		.uid = 1000,
		.pgrp = pgrp,
		.program = "grep",
		.is_cold = true,
		.limits = { .files = 10,
			    .window_ms = 10 * MINUTE,
			    .pause_ms = 60 * MINUTE },
	};
}

static int admit(struct storms *s, const struct storm_ask *ask, int64_t now_ms)
{
	const struct storm *t;
	bool is_new;

	return storms_admit(s, ask, now_ms, &t, &is_new);
}

/* How many of `n` further files it may ask for. */
static unsigned int allowed(struct storms *s, struct storm_ask ask, unsigned int n,
			    int64_t now_ms)
{
	unsigned int yes = 0;

	for (unsigned int i = 0; i < n; i++, ask.ino++)
		yes += admit(s, &ask, now_ms) == 0;
	return yes;
}

static int setup(void **state)
{
	*state = storms_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	storms_free(*state);
	return 0;
}

static void the_limit_is_the_last_file_let_through(void **state)
{
	assert_int_equal(allowed(*state, ask_of(1, 5), 50, 0), 10);
}

static void another_process_group_is_not_stopped_with_it(void **state)
{
	allowed(*state, ask_of(1, 5), 50, 0);
	assert_int_equal(allowed(*state, ask_of(100, 6), 5, 0), 5);
}

static void a_user_has_four_times_as_much_over_all_his_groups(void **state)
{
	unsigned int total = 0;

	for (uint32_t pgrp = 1; pgrp <= 10; pgrp++)
		total += allowed(*state, ask_of((uint64_t)pgrp * 100, pgrp), 9, 0);
	assert_int_equal(total, 40);
	/* Now he is stopped, whatever he starts. */
	assert_int_equal(allowed(*state, ask_of(5000, 77), 3, 0), 0);
	struct storm_ask other = ask_of(6000, 78);
	other.uid = 1001;
	assert_int_equal(allowed(*state, other, 3, 0), 3);
}

static void one_file_counts_once(void **state)
{
	struct storm_ask ask = ask_of(1, 5);

	for (int i = 0; i < 100; i++)
		assert_int_equal(admit(*state, &ask, 0), 0);
	assert_int_equal(allowed(*state, ask_of(2, 5), 50, 0), 9);
}

static void what_lies_before_the_window_does_not_count(void **state)
{
	for (int i = 0; i < 30; i++) {
		struct storm_ask ask = ask_of((uint64_t)i, 5);
		assert_int_equal(admit(*state, &ask, (int64_t)i * 2 * MINUTE), 0);
	}
}

static void bytes_count_also_of_what_needs_no_restore(void **state)
{
	struct storm_ask ask = ask_of(1, 5);

	ask.is_cold = false;
	assert_int_equal(allowed(*state, ask, 30, 0), 30);
	ask.ino = 100;
	ask.pgrp = 6;
	ask.uid = 2;
	ask.limits.bytes = 2500;
	assert_int_equal(allowed(*state, ask, 30, 0), 2);
}

static void who_looks_at_heads_and_walks_on_is_stopped_sooner(void **state)
{
	struct storm_ask ask = ask_of(1, 5);

	ask.limits.heads = 3;
	assert_int_equal(allowed(*state, ask, 8, 0), 8);
	ask.ino = 100;
	ask.pgrp = 6;
	ask.is_walking = true;
	assert_int_equal(allowed(*state, ask, 8, 0), 3);
}

static void a_known_indexer_does_not_get_its_first_file(void **state)
{
	struct storm_ask ask = ask_of(1, 5);
	const struct storm *t;
	bool is_new;
	char text[256];

	ask.is_indexer = true;
	ask.program = "updatedb";
	assert_int_equal(storms_admit(*state, &ask, 0, &t, &is_new), -EDQUOT);
	assert_true(is_new);
	storm_text(t, text, sizeof(text));
	assert_non_null(strstr(text, "updatedb (process group 5) stopped"));
	/* Its user goes on. */
	assert_int_equal(allowed(*state, ask_of(1, 6), 5, 0), 5);
}

static void it_is_told_once_and_says_how_it_goes_on(void **state)
{
	struct storms *s = *state;
	struct storm_ask ask = ask_of(100, 5);
	const struct storm *t;
	bool is_new;
	char text[256];

	allowed(s, ask_of(1, 5), 10, 0);
	assert_int_equal(storms_admit(s, &ask, 7, &t, &is_new), -EDQUOT);
	assert_true(is_new);
	assert_int_equal(storms_admit(s, &ask, 8, &t, &is_new), -EDQUOT);
	assert_false(is_new);
	assert_int_equal(t->refused, 2);
	assert_int_equal(t->files, 10);
	storm_text(t, text, sizeof(text));
	assert_non_null(strstr(text, "over 10 cold files were read within 10 min"));
	assert_non_null(strstr(text, "`thaw get`"));
	assert_non_null(strstr(text, "`thaw approve storm-1`"));
	assert_true(strlen(text) < sizeof(text) - 1);
	assert_ptr_equal(storms_next(s, 0, 9), t);
	assert_null(storms_next(s, t->id, 9));
}

static void it_ends_by_time_and_by_command(void **state)
{
	struct storms *s = *state;

	allowed(s, ask_of(1, 5), 11, 0);
	assert_int_equal(allowed(s, ask_of(100, 5), 1, 59 * MINUTE), 0);
	assert_int_equal(allowed(s, ask_of(100, 5), 99, 60 * MINUTE), 10);
	assert_int_equal(storms_calm(s, 1), -ENOENT);
	assert_int_equal(storms_calm(s, 2), 0);
	assert_int_equal(allowed(s, ask_of(300, 5), 99, 61 * MINUTE), 10);
	assert_int_equal(storms_count(s), 3);
}

static void no_limit_is_no_limit(void **state)
{
	struct storm_ask ask = ask_of(1, 5);

	ask.limits = (struct storm_limits){ 0 };
	ask.is_indexer = true;
	assert_int_equal(allowed(*state, ask, 3000, 0), 3000);
}

/* More than there is room for: the longest quiet one is forgotten, a stopped one never. */
static void a_thousand_process_groups_do_not_free_a_stopped_one(void **state)
{
	allowed(*state, ask_of(1, 5), 11, 0);
	for (uint32_t i = 0; i < 2000; i++) {
		struct storm_ask ask = ask_of(1000 + i, 100 + i);
		ask.uid = 5000 + i;
		assert_int_equal(admit(*state, &ask, i), 0);
	}
	assert_int_equal(allowed(*state, ask_of(1, 5), 3, 3000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_limit_is_the_last_file_let_through,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			another_process_group_is_not_stopped_with_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_user_has_four_times_as_much_over_all_his_groups, setup,
			teardown),
		cmocka_unit_test_setup_teardown(one_file_counts_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_lies_before_the_window_does_not_count, setup, teardown),
		cmocka_unit_test_setup_teardown(bytes_count_also_of_what_needs_no_restore,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			who_looks_at_heads_and_walks_on_is_stopped_sooner, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_known_indexer_does_not_get_its_first_file, setup, teardown),
		cmocka_unit_test_setup_teardown(it_is_told_once_and_says_how_it_goes_on,
						setup, teardown),
		cmocka_unit_test_setup_teardown(it_ends_by_time_and_by_command, setup,
						teardown),
		cmocka_unit_test_setup_teardown(no_limit_is_no_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_thousand_process_groups_do_not_free_a_stopped_one, setup,
			teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
