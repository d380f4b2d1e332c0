/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"

#include "test.h"
#include <string.h>

static const struct budget budgets[] = {
	{ .name = "default", .money = 10 * MONEY_PER_USD, .period = BUDGET_DAY },
	{ .name = "default",
	  .money = 5 * MONEY_PER_USD,
	  .period = BUDGET_DAY,
	  .is_each = true },
	{ .name = "lab",
	  .who = BUDGET_GROUP,
	  .id = 100,
	  .money = 1,
	  .period = BUDGET_MONTH },
	{ .name = "guest",
	  .who = BUDGET_USER,
	  .id = 7,
	  .money = 1,
	  .period = BUDGET_TOTAL },
	{ .name = "dna",
	  .who = BUDGET_SOURCE,
	  .source = "dna",
	  .money = 1,
	  .period = BUDGET_WEEK },
};

static void all_budgets_that_apply_are_drawn_on(void **state)
{
	struct budget_draw draws[BUDGETS_MAX];
	struct guard_ask ask = {
		.uid = 1000, .gid = 100, .source = "x", .now_ms = 1767225600000
	};

	(void)state;
	assert_int_equal(guard_draws(budgets, 5, &ask, draws), 3);
	assert_string_equal(draws[0].key, "default/2026-01-01");
	assert_string_equal(draws[1].key, "default/uid=1000/2026-01-01");
	assert_string_equal(draws[2].key, "lab/2026-01");
	assert_true(draws[1].limit == 5 * MONEY_PER_USD);
	ask = (struct guard_ask){
		.uid = 7, .gid = 1, .source = "dna", .now_ms = 1767225600000
	};
	assert_int_equal(guard_draws(budgets, 5, &ask, draws), 4);
	assert_string_equal(draws[2].key, "guest/total");
	/* 2026-01-01 is a Thursday: its week began on Monday, 29 December. */
	assert_string_equal(draws[3].key, "dna/week-2025-12-29");
}

static void a_budget_that_names_a_reader_twice_is_drawn_on_once(void **state)
{
	const struct budget lab[] = {
		{ .name = "lab", .who = BUDGET_GROUP, .id = 100, .money = 9 },
		{ .name = "lab", .who = BUDGET_USER, .id = 7, .money = 4 },
	};
	struct guard_ask ask = { .uid = 7, .gid = 100, .source = "x", .now_ms = 1000 };
	struct budget_draw draws[BUDGETS_MAX];

	(void)state;
	/* The journal refuses a key given twice: every restore would fail. */
	assert_int_equal(guard_draws(lab, 2, &ask, draws), 1);
	assert_true(draws[0].limit == 4);
}

static void a_new_day_is_a_new_key(void **state)
{
	struct budget_draw today[BUDGETS_MAX], tomorrow[BUDGETS_MAX];
	struct guard_ask ask = { .uid = 1, .gid = 1, .source = "x" };

	(void)state;
	ask.now_ms = 1767225600000 - 1;
	guard_draws(budgets, 1, &ask, today);
	ask.now_ms++;
	guard_draws(budgets, 1, &ask, tomorrow);
	assert_string_equal(today[0].key, "default/2025-12-31");
	assert_string_equal(tomorrow[0].key, "default/2026-01-01");
}

static void a_refusal_names_budget_limit_use_and_need(void **state)
{
	struct budget_draw draw = { .key = "default/2026-01-01",
				    .limit = 10 * MONEY_PER_USD };
	struct budget_use use = { .spent = 9 * MONEY_PER_USD };
	struct guard_need need = { .money = 2 * MONEY_PER_USD, .bytes = 7, .files = 1 };
	char text[256];

	(void)state;
	guard_refusal_text(&draw, &use, &need, text, sizeof(text));
	assert_non_null(strstr(
		text, "budget default/2026-01-01 allows 10.00 USD; 9.00 is spent"));
	assert_non_null(strstr(text, "needs 2.00"));
	draw = (struct budget_draw){ .key = "lab/total", .limit = -1, .files = 50 };
	use = (struct budget_use){ .spent_files = 40, .reserved_files = 10 };
	guard_refusal_text(&draw, &use, &need, text, sizeof(text));
	assert_non_null(strstr(text, "allows 50 files; 50 are restored or reserved"));
	draw = (struct budget_draw){ .key = "lab/total", .limit = -1, .bytes = 2048 };
	use = (struct budget_use){ .reserved_bytes = 2048 };
	guard_refusal_text(&draw, &use, &need, text, sizeof(text));
	assert_non_null(strstr(text, "allows 2.0 KiB; 2.0 KiB are restored"));
}

static void a_group_is_its_members_and_a_request_may_name_the_one_that_counts(
	void **state)
{
	const struct budget of_groups[] = {
		{ .name = "a", .who = BUDGET_GROUP, .id = 10, .money = 1 },
		{ .name = "b", .who = BUDGET_GROUP, .id = 11, .money = 1 },
		{ .name = "c", .who = BUDGET_GROUP, .id = 12, .money = 1 },
	};
	struct origin o = { .n_groups = 1, .groups = { 11 } };
	struct guard_ask ask = { .uid = 1, .gid = 10, .origin = &o, .source = "x" };
	struct budget_draw draws[BUDGETS_MAX];

	(void)state;
	assert_int_equal(guard_draws(of_groups, 3, &ask, draws), 2);
	o.has_group = true;
	o.group = 11;
	assert_int_equal(guard_draws(of_groups, 3, &ask, draws), 1);
	assert_int_equal(strncmp(draws[0].key, "b/", 2), 0);
}

static void a_budget_of_a_path_is_of_all_below_it(void **state)
{
	const struct budget of_path = {
		.name = "raw", .who = BUDGET_PATH, .path = "/lab/raw", .money = 1
	};
	static const struct {
		const char *path;
		int n;
	} rows[] = {
		{ "/lab/raw", 1 },   { "/lab/raw/a/b", 1 },
		{ "/lab/rawer", 0 }, { "/lab", 0 },
		{ "", 0 },
	};
	struct budget_draw draws[BUDGETS_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct guard_ask ask = { .source = "x", .path = rows[i].path };
		assert_int_equal(guard_draws(&of_path, 1, &ask, draws), rows[i].n);
	}
}

static void a_warning_comes_when_the_mark_is_passed_and_only_then(void **state)
{
	const struct budget b = { .money = 100, .warn_percent = 80 };
	struct guard_need need = { .money = 10 };

	(void)state;
	assert_false(guard_warns(&b, &(struct budget_use){ .spent = 79 }, &need));
	assert_true(guard_warns(&b, &(struct budget_use){ .spent = 80 }, &need));
	assert_true(guard_warns(&b, &(struct budget_use){ .reserved = 89 }, &need));
	assert_false(guard_warns(&b, &(struct budget_use){ .spent = 90 }, &need));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_budgets_that_apply_are_drawn_on),
		cmocka_unit_test(a_budget_that_names_a_reader_twice_is_drawn_on_once),
		cmocka_unit_test(a_new_day_is_a_new_key),
		cmocka_unit_test(a_refusal_names_budget_limit_use_and_need),
		cmocka_unit_test(
			a_group_is_its_members_and_a_request_may_name_the_one_that_counts),
		cmocka_unit_test(a_budget_of_a_path_is_of_all_below_it),
		cmocka_unit_test(a_warning_comes_when_the_mark_is_passed_and_only_then),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
