/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "cleanup.h"
#include "money.h"

#define GIB ((uint64_t)1 << 30)

static price_t price(const char *s)
{
	price_t p = PRICE_UNKNOWN;

	assert_int_equal(price_parse(s, &p), 0);
	return p;
}

static void assert_money(money_t m, const char *expected)
{
	char s[48];

	money_format(m, s);
	assert_string_equal(s, expected);
}

/* AWS protocol reference 5.2, 2026-09: Bulk, 3 days, out to the internet, chunks of 8 MiB. */
static void a_hundred_gb_of_deep_archive_cost_what_the_reference_says(void **state)
{
	uint64_t bytes = 100 * GIB;
	money_t request = money_for_count(price("0.000025"), 1);
	money_t retrieval = money_for_bytes(price("0.0025"), bytes);
	money_t copy = money_for_byte_days(price("0.023"), bytes, 4);
	money_t gets = money_for_count(price("0.0000004"), 12800);
	money_t transfer = money_for_bytes(price("0.09"), bytes);
	(void)state;

	assert_money(request, "0.000025000");
	assert_money(retrieval, "0.250000000");
	assert_money(copy, "0.306666667");
	assert_money(gets, "0.005120000");
	assert_money(transfer, "9.000000000");
	assert_money(request + retrieval + copy + gets + transfer, "9.561811667");
	assert_money(money_for_bytes(price("0.02"), bytes) - retrieval, "1.750000000");
}

static void a_million_chunks_cost_exactly_the_whole(void **state)
{
	money_t retrieval = 0, copy = 0;
	uint64_t bytes = 0;
	(void)state;

	for (uint64_t i = 0; i < 1000000; i++) {
		uint64_t chunk = (16 << 20) + i * 7919 % 12347;
		retrieval += money_for_bytes(price("0.0025"), chunk);
		copy += money_for_byte_days(price("0.0210000001"), chunk, 3);
		bytes += chunk;
	}
	assert_true(retrieval == money_for_bytes(price("0.0025"), bytes));
	assert_true(copy == money_for_byte_days(price("0.0210000001"), bytes, 3));
}

static void a_thousand_times_a_thousandth_is_the_whole(void **state)
{
	(void)state;

	assert_true(money_for_count(price("0.0000000001"), 10000000000ULL) ==
		    MONEY_PER_USD);
	assert_true(money_for_bytes(price("1"), GIB) == MONEY_PER_USD);
	assert_true(money_for_byte_days(price("1"), GIB, 30) == MONEY_PER_USD);
}

static void what_is_printed_is_read_back(void **state)
{
	static const char *const amounts[] = { "0.000000000",
					       "0.000000001",
					       "-0.000000001",
					       "12.345678901",
					       "-10.000000000",
					       "0.500000000",
					       "499999999999999999.999999999" };
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(amounts); i++) {
		money_t m = 1;
		assert_int_equal(money_parse(amounts[i], &m), 0);
		assert_money(m, amounts[i]);
	}
}

static void printing_rounds_half_away_from_zero(void **state)
{
	money_t half, less;
	(void)state;

	assert_int_equal(money_parse("0.0000000005", &half), 0);
	assert_int_equal(money_parse("0.0000000004", &less), 0);
	assert_money(half, "0.000000001");
	assert_money(half - 1, "0.000000000");
	assert_money(less, "0.000000000");
	assert_money(-half, "-0.000000001");
	assert_money(-less, "0.000000000");
	assert_money(MONEY_PER_USD - half, "1.000000000");
}

static void amounts_that_are_not_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"-",
		".",
		".5",
		"1.",
		"1.2.3",
		"+1",
		" 1",
		"1 ",
		"1e3",
		"--1",
		"0x1",
		"$1",
		"0.00000000001",
		"500000000000000001",
		"99999999999999999999999999999999999999999",
	};
	money_t m = 42;
	price_t p = 42;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(money_parse(bad[i], &m), -EINVAL);
		assert_int_equal(price_parse(bad[i], &p), -EINVAL);
	}
	assert_int_equal(price_parse("-1", &p), -EINVAL);
	assert_int_equal(price_parse("922337203", &p), 0);
	assert_int_equal(price_parse("922337204", &p), -EINVAL);
	assert_true(m == 42);
}

static void words_have_two_to_six_decimals(void **state)
{
	static const char *const cases[][2] = {
		{ "0", "0.00" },         { "10", "10.00" },
		{ "1.5", "1.50" },       { "0.000025", "0.000025" },
		{ "0.0000004", "0.00" }, { "-0.1234567", "-0.123457" },
		{ "0.1230", "0.123" },   { "0.9999999", "1.00" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		money_t m = 0;
		char s[48];
		assert_int_equal(money_parse(cases[i][0], &m), 0);
		money_words(m, s);
		assert_string_equal(s, cases[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_hundred_gb_of_deep_archive_cost_what_the_reference_says),
		cmocka_unit_test(a_million_chunks_cost_exactly_the_whole),
		cmocka_unit_test(a_thousand_times_a_thousandth_is_the_whole),
		cmocka_unit_test(what_is_printed_is_read_back),
		cmocka_unit_test(printing_rounds_half_away_from_zero),
		cmocka_unit_test(amounts_that_are_not_are_refused),
		cmocka_unit_test(words_have_two_to_six_decimals),
	};
	return cmocka_run_group_tests_name("money", tests, NULL, NULL);
}
