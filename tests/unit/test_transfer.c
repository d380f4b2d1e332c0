/* SPDX-License-Identifier: Apache-2.0 */
/* S236, S233: what a transfer plans and how much it asks for; pure. */
#include "transfer_pace.h"
#include "transfer_plan.h"

#include "test.h"
#include <stdio.h>
#include <string.h>

#define GIB     ((uint64_t)1 << 30)
#define TIB     ((uint64_t)1 << 40)
#define HOUR_MS ((int64_t)3600 * 1000)

static void parts_are_nodes_of_the_hash_tree_and_never_too_many(void **state)
{
	const struct {
		uint64_t size, part;
		uint32_t parts;
	} rows[] = {
		{ 0, 16 * MIB, 1 },
		{ 1, 16 * MIB, 1 },
		{ 16 * MIB, 16 * MIB, 1 },
		{ 16 * MIB + 1, 16 * MIB, 2 },
		{ 160000 * MIB - 1, 16 * MIB, 10000 },
		{ 160000 * MIB + 1, 32 * MIB, 5001 },
		{ 5 * TIB, 1 * GIB, 5120 },
		{ 40 * TIB, 0, 1 },
		{ 40000 * GIB, 4 * GIB, 10000 },
		{ 40000 * GIB + 1, 0, 1 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t part = transfer_part_bytes(rows[i].size);

		assert_int_equal(part, rows[i].part);
		assert_int_equal(transfer_parts(rows[i].size), rows[i].parts);
		assert_true(part == 0 || (part & (part - 1)) == 0);
	}
	assert_int_equal(transfer_puts(16 * MIB), 1);
	assert_int_equal(transfer_puts(16 * MIB + 1), 4);
}

static void what_does_not_fit_is_left_out_with_a_reason(void **state)
{
	char longest[TRANSFER_KEY_MOST + 2];
	(void)state;

	memset(longest, 'x', sizeof(longest));
	longest[TRANSFER_KEY_MOST + 1] = '\0';
	assert_non_null(transfer_unfit(1, longest));
	longest[TRANSFER_KEY_MOST] = '\0';
	assert_null(transfer_unfit(1, longest));
	assert_non_null(transfer_unfit(1, "\xff"));
	assert_null(transfer_unfit(36 * TIB, "k"));
	assert_non_null(strstr(transfer_unfit(40000 * GIB + 1, "k"), "parts"));
	assert_non_null(strstr(transfer_unfit(TRANSFER_OBJECT_MOST + 1, "k"), "50 TB"));
}

static void partitions_are_equal_in_bytes_and_leave_nothing_out(void **state)
{
	uint64_t bytes[4] = { 0 }, before = 0, total = 7000;
	uint32_t last = 0;
	(void)state;

	for (int i = 0; i < 1000; i++, before += 7) {
		uint32_t p = partition_of(before, total, 4);

		assert_true(p < 4 && p >= last);
		last = p;
		bytes[p] += 7;
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(bytes[i], 1750);
	assert_int_equal(partition_of(0, 0, 4), 0);
	assert_int_equal(partition_of(total, total, 4), 3);
	assert_int_equal(partition_of(UINT64_MAX - 1, UINT64_MAX, 7), 6);
}

static void young_archives_are_charged_for_what_is_left_of_90_days(void **state)
{
	const int64_t day = 24 * HOUR_MS, now = 1000 * day;
	struct archive young = { .state = ARCHIVE_WAITING,
				 .size_bytes = GIB,
				 .created_ms = now - 60 * day };
	struct archive old = young, done = young, out = young;
	struct plan_total t = { 0 };
	struct plan_costs c;
	(void)state;

	old.created_ms = now - 91 * day;
	done.state = ARCHIVE_DONE;
	out.state = ARCHIVE_SKIPPED;
	plan_total_add(&t, &young, now, true);
	plan_total_add(&t, &old, now, true);
	plan_total_add(&t, &done, now, true);
	plan_total_add(&t, &out, now, true);
	assert_int_equal(t.archives, 2);
	assert_int_equal(t.done_archives, 1);
	assert_int_equal(t.skipped_bytes, GIB);
	assert_int_equal(t.young_archives, 1);
	struct plan_prices p = { .put = 500000,
				 .head = 4000,
				 .store_gib_month = 9900000,
				 .vault_store_gib_month = 36000000,
				 .date = "" };
	plan_costs_make(&t, &p, &c);
	/* 30 days of a GiB: a GiB-month. */
	assert_true(c.early.usd == money_for_byte_days(36000000, GIB, 30));
	assert_true(c.store.usd == money_for_byte_days(9900000, 2 * GIB, 30));
	assert_true(c.put.usd == money_for_count(500000, t.puts) && t.puts == 132);
	p.put = PRICE_UNKNOWN;
	plan_costs_make(&t, &p, &c);
	assert_true(c.put.is_unknown && !c.put.usd && !c.store.is_unknown);
}

static void built_in_prices_know_what_is_put_and_kept(void **state)
{
	struct prices *tables = prices_new();
	struct plan_prices p;
	(void)state;

	plan_prices_find(tables, "us-east-1", "DEEP_ARCHIVE", "us-east-1", &p);
	assert_int_equal(p.put, 500000);
	assert_int_equal(p.store_gib_month, 9900000);
	assert_int_equal(p.vault_store_gib_month, 36000000);
	plan_prices_find(tables, "us-east-1", "ONEZONE_IA", NULL, &p);
	assert_int_equal(p.put, PRICE_UNKNOWN);
	plan_prices_find(tables, "mars-north-1", "DEEP_ARCHIVE", "mars-north-1", &p);
	assert_int_equal(p.store_gib_month, PRICE_UNKNOWN);
	assert_int_equal(p.vault_store_gib_month, PRICE_UNKNOWN);
	prices_free(tables);
}

static void a_day_asks_for_no_more_than_its_quota(void **state)
{
	struct pace p = { .quota_bytes = 24 * GIB };
	int64_t now = 1000000;
	(void)state;

	assert_int_equal(pace_wait_ms(&p, now), 0);
	pace_asked(&p, 6 * GIB);
	assert_int_equal(pace_wait_ms(&p, now), 6 * HOUR_MS);
	assert_int_equal(pace_wait_ms(&p, now + 5 * HOUR_MS), HOUR_MS);
	/* A service that throttles is asked less. */
	pace_throttled(&p, 2 * GIB);
	assert_int_equal(pace_wait_ms(&p, now + 6 * HOUR_MS), 2 * HOUR_MS);
	assert_int_equal(pace_wait_ms(&p, now + 8 * HOUR_MS), 0);
	/* What is larger than a day's share goes, and the next waits for the day's end. */
	pace_asked(&p, 1000 * GIB);
	assert_int_equal(pace_wait_ms(&p, now + 10 * HOUR_MS), 14 * HOUR_MS);
	assert_int_equal(pace_wait_ms(&p, now + 24 * HOUR_MS), 0);
	assert_int_equal(p.asked_bytes, 0);
	p.quota_bytes = 0;
	pace_asked(&p, TIB);
	assert_int_equal(pace_wait_ms(&p, now), 0);
}

static void a_mounts_metrics_tell_what_was_throttled(void **state)
{
	static const char head[] = "# TYPE thawfs_service_errors_total counter\n";
	char text[1024];
	(void)state;

	snprintf(text, sizeof(text),
		 "%s"
		 "thawfs_service_errors_total{code=\"SlowDown\"}                    3\n"
		 "thawfs_service_errors_total{code=\"SlowDownLater\"}             100\n"
		 "thawfs_service_errors_total{code=\"ThrottlingException\"}        40\n"
		 "thawfs_service_errors_total{code=\"InternalError\"}             100\n"
		 "thawfs_service_errors_total{code=\"RequestLimitExceeded\"}      500\n"
		 "thawfs_service_errors_total{code=\"other\"}                     100\n",
		 head);
	assert_int_equal(pace_throttled_answers(text), 543);
	assert_int_equal(pace_throttled_answers(head), 0);
	assert_int_equal(pace_throttled_answers(""), 0);
}

static void a_year_at_a_quota_never_passes_it_on_any_day(void **state)
{
	struct pace p = { .quota_bytes = 100 * GIB };
	int64_t now = 1, day = 0;
	uint64_t asked = 0, all = 0;
	(void)state;

	while (now < (int64_t)365 * 24 * HOUR_MS) {
		int64_t wait = pace_wait_ms(&p, now);

		if (p.day_ms != day) {
			assert_true(asked <= 100 * GIB);
			day = p.day_ms;
			asked = 0;
		}
		now += wait;
		if (wait)
			continue;
		pace_asked(&p, GIB / 2);
		asked += GIB / 2;
		all += GIB / 2;
	}
	assert_true(all >= 36400 * GIB);
}

static void no_more_is_ahead_than_19_hours_use_up(void **state)
{
	struct pace p = { .quota_bytes = 0 };
	int64_t now = 1000;
	(void)state;

	assert_int_equal(pace_window_bytes(&p),
			 (uint64_t)(PACE_RATE_FIRST * 19 * 3600000));
	pace_copied(&p, 0, now, 0);
	for (int i = 1; i <= 600; i++)
		pace_copied(&p, 1000000, now + (int64_t)i * 1000, 0);
	/* A megabyte a second. */
	assert_int_equal(pace_window_bytes(&p), (uint64_t)1000 * 19 * 3600000);
	/* Hours in which nothing was ready are no slow copying. */
	pace_copied(&p, 0, now + 9 * HOUR_MS, 1);
	pace_copied(&p, 60000000, now + 9 * HOUR_MS + 60000, 0);
	assert_int_equal(pace_window_bytes(&p), (uint64_t)1000 * 19 * 3600000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_are_nodes_of_the_hash_tree_and_never_too_many),
		cmocka_unit_test(what_does_not_fit_is_left_out_with_a_reason),
		cmocka_unit_test(partitions_are_equal_in_bytes_and_leave_nothing_out),
		cmocka_unit_test(young_archives_are_charged_for_what_is_left_of_90_days),
		cmocka_unit_test(built_in_prices_know_what_is_put_and_kept),
		cmocka_unit_test(a_day_asks_for_no_more_than_its_quota),
		cmocka_unit_test(a_mounts_metrics_tell_what_was_throttled),
		cmocka_unit_test(a_year_at_a_quota_never_passes_it_on_any_day),
		cmocka_unit_test(no_more_is_ahead_than_19_hours_use_up),
	};
	return cmocka_run_group_tests_name("transfer", tests, NULL, NULL);
}
