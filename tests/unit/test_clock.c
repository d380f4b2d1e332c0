/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "cleanup.h"
#include "clock.h"

#include <time.h>

DEFINE_CLEANUP(struct clock, clock_free)

#define HOUR_MS ((int64_t)3600 * 1000)

static void a_virtual_clock_moves_only_when_told(void **state)
{
	_cleanup_(clock_freep) struct clock *c = clock_new_virtual(1000 * HOUR_MS);
	(void)state;

	assert_non_null(c);
	int64_t real = clock_real_ms(c);
	assert_int_equal(clock_service_ms(c), 1000 * HOUR_MS);
	clock_advance(c, 48 * HOUR_MS);
	assert_int_equal(clock_service_ms(c), 1048 * HOUR_MS);
	assert_int_equal(clock_real_ms(c), real + 48 * HOUR_MS);
	clock_follow(c, 7, 60);
	assert_int_equal(clock_service_ms(c), 7);
	assert_true(clock_speed(c) > 59 && clock_speed(c) < 61);
	assert_int_equal(clock_real_ms(c), real + 48 * HOUR_MS);
}

static void the_machines_clock_says_what_the_machine_says(void **state)
{
	_cleanup_(clock_freep) struct clock *c = clock_new();
	(void)state;

	assert_non_null(c);
	int64_t before = (int64_t)time(NULL) * 1000;
	int64_t now = clock_service_ms(c);
	assert_true(now >= before && now < before + 10000);
	assert_true(clock_speed(c) > 0.99 && clock_speed(c) < 1.01);
	int64_t real = clock_real_ms(c);
	assert_true(clock_real_ms(c) >= real);
}

static void a_followed_clock_runs_on_at_the_given_speed(void **state)
{
	_cleanup_(clock_freep) struct clock *c = clock_new();
	struct timespec nap = { .tv_nsec = 20 * 1000000L };
	(void)state;

	assert_non_null(c);
	int64_t start = clock_real_ms(c);
	clock_follow(c, 5000 * HOUR_MS, 3600);
	nanosleep(&nap, NULL);
	int64_t service = clock_service_ms(c);
	int64_t passed = clock_real_ms(c) - start;
	assert_true(service >= 5000 * HOUR_MS + INT64_C(19) * 3600);
	assert_true(service <= 5000 * HOUR_MS + (passed + 1) * 3600);
	clock_follow(c, 1, 0);
	assert_true(clock_speed(c) > 0.99);
}

static void times_are_written_in_utc(void **state)
{
	int64_t ms = 1767323045999; /* 2026-01-02T03:04:05.999Z */
	char s[32];
	(void)state;

	time_rfc3339(ms, s);
	assert_string_equal(s, "2026-01-02T03:04:05Z");
	time_basic(ms, s);
	assert_string_equal(s, "20260102T030405Z");
	time_rfc3339(0, s);
	assert_string_equal(s, "");
	assert_int_equal(time_day(ms), 20260102);
	assert_int_equal(time_day(0), 19700101);
	assert_int_equal(time_day(-1), 19691231);
	assert_int_equal(time_day(1767311999999), 20260101);
	assert_int_equal(time_day(1767312000000), 20260102);
}

static void rfc3339_is_read_with_any_fraction(void **state)
{
	static const struct {
		const char *s;
		int64_t ms;
	} good[] = {
		{ "2026-01-02T03:04:05Z", 1767323045000 },
		{ "2026-01-02T03:04:05", 1767323045000 },
		{ "2026-01-02T03:04:05.9Z", 1767323045900 },
		{ "2026-01-02T03:04:05.123456789Z", 1767323045123 },
		{ "2026-01-02T03:04:05.05", 1767323045050 },
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2024-02-29T00:00:00Z", 1709164800000 },
		{ "2016-12-31T23:59:60Z", 1483228800000 },
	};
	static const char *const bad[] = {
		"",
		"2026-01-02",
		"2026-01-02 03:04:05Z",
		"2026-02-29T00:00:00Z",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-01-00T00:00:00Z",
		"2026-01-02T24:00:00Z",
		"2026-01-02T03:60:05Z",
		"2026-01-02T03:04:05.Z",
		"2026-01-02T03:04:05Zx",
		"2026-1-2T03:04:05Z",
		"2026-01-02T03:04:05+01:00",
	};
	int64_t ms = 0;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(time_parse_rfc3339(good[i].s, &ms), 0);
		assert_int_equal(ms, good[i].ms);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(time_parse_rfc3339(bad[i], &ms), -EINVAL);
}

static void http_dates_are_read(void **state)
{
	static const char *const bad[] = {
		"",
		"Fri, 09 Jan 2026 00:00:00",
		"Fri, 09 Jan 2026 00:00:00 CET",
		"Fri, 09 Jam 2026 00:00:00 GMT",
		"Fri, 31 Feb 2026 00:00:00 GMT",
		"Fri, 9 Jan 2026 00:00:00 GMT",
		"Friday, 09-Jan-26 00:00:00 GMT",
		"Fri, 09 Jan 2026 00:00:00 GMTx",
	};
	int64_t ms = 0;
	(void)state;

	assert_int_equal(time_parse_http("Fri, 09 Jan 2026 00:00:00 GMT", &ms), 0);
	assert_int_equal(ms, 1767916800000);
	assert_int_equal(time_parse_http("Sun, 06 Nov 1994 08:49:37 GMT", &ms), 0);
	assert_int_equal(ms, 784111777000);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(time_parse_http(bad[i], &ms), -EINVAL);
}

static void durations_are_two_words_at_most(void **state)
{
	static const struct {
		int64_t ms;
		const char *words;
	} cases[] = {
		{ 0, "0 s" },
		{ -5, "0 s" },
		{ 12999, "12 s" },
		{ 60000, "1 min" },
		{ 90000, "1 min 30 s" },
		{ INT64_C(200) * 60000, "3 h 20 min" },
		{ 48 * HOUR_MS, "2 d" },
		{ 49 * HOUR_MS + INT64_C(59) * 60000, "2 d 1 h" },
		{ INT64_MAX, "106751991167 d 7 h" },
	};
	char words[32];
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		duration_words(cases[i].ms, words);
		assert_string_equal(words, cases[i].words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_virtual_clock_moves_only_when_told),
		cmocka_unit_test(the_machines_clock_says_what_the_machine_says),
		cmocka_unit_test(a_followed_clock_runs_on_at_the_given_speed),
		cmocka_unit_test(times_are_written_in_utc),
		cmocka_unit_test(rfc3339_is_read_with_any_fraction),
		cmocka_unit_test(http_dates_are_read),
		cmocka_unit_test(durations_are_two_words_at_most),
	};
	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
