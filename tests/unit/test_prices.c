/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "prices.h"
#include "str.h"

#define GIB ((uint64_t)1 << 30)

static price_t usd(const char *s)
{
	price_t p = -2;

	assert_int_equal(price_parse(s, &p), 0);
	return p;
}

/* AWS protocol reference 5.2. */
static void restores_cost_what_the_price_list_says(void **state)
{
	static const struct {
		const char *scheme, *storage_class;
		enum tier tier;
		const char *request, *gib;
	} rows[] = {
		{ "s3", "GLACIER", TIER_EXPEDITED, "0.01", "0.03" },
		{ "s3", "GLACIER", TIER_STANDARD, "0.00005", "0.01" },
		{ "s3", "GLACIER", TIER_BULK, "0", "0" },
		{ "s3", "DEEP_ARCHIVE", TIER_STANDARD, "0.0001", "0.02" },
		{ "s3", "DEEP_ARCHIVE", TIER_BULK, "0.000025", "0.0025" },
		{ "glacier", "VAULT", TIER_EXPEDITED, "0.01", "0.03" },
		{ "glacier", "VAULT", TIER_STANDARD, "0.00005", "0.01" },
		{ "glacier", "VAULT", TIER_BULK, "0.000025", "0.0025" },
	};
	struct tariff t;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		prices_for(rows[i].scheme, "us-east-1", rows[i].storage_class,
			   rows[i].tier, &t);
		assert_int_equal(t.restore_request, usd(rows[i].request));
		assert_int_equal(t.retrieval_gib, usd(rows[i].gib));
		assert_int_equal(t.transfer_gib, usd("0.09"));
	}
	prices_for("s3", "us-east-1", "DEEP_ARCHIVE", TIER_BULK, &t);
	assert_int_equal(t.copy_gib_month, usd("0.023"));
	assert_int_equal(t.get_request, usd("0.0000004"));
	assert_int_equal(t.head_request, usd("0.0000004"));
	assert_int_equal(t.list_request, usd("0.000005"));
	prices_for("glacier", "us-east-1", "VAULT", TIER_BULK, &t);
	assert_int_equal(t.copy_gib_month, 0);
	assert_int_equal(t.get_request, 0);
}

static void what_is_not_in_the_table_is_unknown(void **state)
{
	struct tariff t;
	(void)state;

	prices_for("s3", "eu-west-1", "DEEP_ARCHIVE", TIER_BULK, &t);
	assert_int_equal(t.restore_request, PRICE_UNKNOWN);
	assert_int_equal(t.transfer_gib, PRICE_UNKNOWN);
	prices_for("s3", "us-east-1", "DEEP_ARCHIVE", TIER_EXPEDITED, &t);
	assert_int_equal(t.restore_request, PRICE_UNKNOWN);
	assert_int_equal(t.retrieval_gib, PRICE_UNKNOWN);
	prices_for("s3", "us-east-1", "GLACIER_IR", TIER_NONE, &t);
	assert_int_equal(t.get_request, PRICE_UNKNOWN);
	prices_for("ftp", "us-east-1", "STANDARD", TIER_NONE, &t);
	assert_int_equal(t.get_request, PRICE_UNKNOWN);
	assert_string_equal(t.date, "2026-09");
}

static struct estimate estimate_of(const char *scheme, const char *region,
				   const char *class, enum tier tier, uint64_t size,
				   bool needs_restore)
{
	bool is_vault = streq(scheme, "glacier");
	struct estimate_ask ask = {
		.scheme = scheme,
		.restore_operation = is_vault ? "InitiateJob" : "RestoreObject",
		.size_bytes = size,
		.chunk_bytes = 8 << 20,
		.days = 3,
		.needs_restore = needs_restore,
	};
	struct estimate e;
	struct tariff t;

	prices_for(scheme, region, class, tier, &t);
	estimate_make(&t, &ask, &e);
	return e;
}

/* The worked example of reference 5.2: 100 GB, Bulk, three days, 8 MiB chunks. */
static void the_worked_example_comes_out(void **state)
{
	struct estimate e = estimate_of("s3", "us-east-1", "DEEP_ARCHIVE", TIER_BULK,
					100 * GIB, true);
	char total[48];
	(void)state;

	assert_false(e.is_unknown);
	assert_int_equal(e.n, 5);
	assert_int_equal(e.lines[2].component, COST_STORAGE);
	assert_int_equal(e.lines[2].days, 4);
	assert_int_equal(e.lines[3].quantity, 12800);
	/* 0.000025 + 0.25 + 100 * 0.023 * 4/30 + 12800 * 0.0000004 + 9.00 */
	money_format(e.total, total);
	assert_string_equal(total, "9.561811667");
}

static void a_vault_makes_no_copy_and_its_output_no_requests(void **state)
{
	struct estimate e =
		estimate_of("glacier", "us-east-1", "VAULT", TIER_STANDARD, GIB, true);
	char total[48];
	(void)state;

	assert_int_equal(e.n, 4);
	assert_string_equal(e.lines[2].operation, "GetJobOutput");
	money_format(e.total, total);
	assert_string_equal(total, "0.100050000");
}

static void free_is_known_and_not_unknown(void **state)
{
	struct estimate e =
		estimate_of("s3", "us-east-1", "GLACIER", TIER_BULK, GIB, true);
	(void)state;

	assert_false(e.is_unknown);
	assert_true(e.lines[0].amount == 0 && e.lines[1].amount == 0);
}

static void an_unknown_price_makes_the_estimate_unknown(void **state)
{
	(void)state;
	assert_true(estimate_of("s3", "eu-west-1", "GLACIER", TIER_BULK, GIB, true)
			    .is_unknown);
	assert_true(
		estimate_of("s3", "us-east-1", "DEEP_ARCHIVE", TIER_EXPEDITED, GIB, true)
			.is_unknown);
	assert_true(estimate_of("s3", "us-east-1", "STANDARD_IA", TIER_NONE, GIB, false)
			    .is_unknown);
}

static void what_is_restored_already_costs_the_way_out_only(void **state)
{
	struct estimate e =
		estimate_of("s3", "us-east-1", "STANDARD", TIER_NONE, GIB, false);
	struct estimate empty =
		estimate_of("s3", "us-east-1", "GLACIER", TIER_NONE, 0, false);
	char total[48];
	(void)state;

	assert_int_equal(e.n, 2);
	money_format(e.total, total);
	assert_string_equal(total, "0.090051200");
	assert_int_equal(empty.lines[0].quantity, 1);
	assert_false(empty.is_unknown);
}

/* AWS protocol reference 5.1: S3 restores the whole object, a vault the range alone. */
static void a_range_is_priced_by_what_is_restored_and_what_is_read(void **state)
{
	struct estimate_ask ask = {
		.scheme = "glacier",
		.restore_operation = "InitiateJob",
		.size_bytes = 100 * GIB,
		.off = (8 << 20) - 1,
		.len = (8 << 20) + 2,
		.chunk_bytes = 8 << 20,
		.needs_restore = true,
	};
	struct estimate e;
	struct tariff t;
	(void)state;

	prices_for("glacier", "us-east-1", "VAULT", TIER_STANDARD, &t);
	estimate_make(&t, &ask, &e);
	assert_int_equal(e.lines[1].quantity, ask.len);
	assert_int_equal(e.lines[2].quantity, 3);
	assert_int_equal(e.lines[3].quantity, ask.len);

	ask.scheme = "s3";
	ask.restore_operation = "RestoreObject";
	prices_for("s3", "us-east-1", "GLACIER", TIER_STANDARD, &t);
	estimate_make(&t, &ask, &e);
	assert_int_equal(e.lines[1].quantity, 100 * GIB);
	assert_int_equal(e.lines[2].quantity, 100 * GIB);
	assert_int_equal(e.lines[3].quantity, 3);
	assert_int_equal(e.lines[4].quantity, ask.len);
}

static void a_line_of_unknown_price_amounts_to_nothing(void **state)
{
	struct cost_line l =
		cost_line_make("GetObject", COST_TRANSFER, GIB, 0, PRICE_UNKNOWN);
	(void)state;

	assert_true(l.amount == 0);
	assert_int_equal(l.price, PRICE_UNKNOWN);
	assert_string_equal(cost_component_word(l.component), "transfer");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(restores_cost_what_the_price_list_says),
		cmocka_unit_test(what_is_not_in_the_table_is_unknown),
		cmocka_unit_test(the_worked_example_comes_out),
		cmocka_unit_test(a_vault_makes_no_copy_and_its_output_no_requests),
		cmocka_unit_test(free_is_known_and_not_unknown),
		cmocka_unit_test(an_unknown_price_makes_the_estimate_unknown),
		cmocka_unit_test(what_is_restored_already_costs_the_way_out_only),
		cmocka_unit_test(a_range_is_priced_by_what_is_restored_and_what_is_read),
		cmocka_unit_test(a_line_of_unknown_price_amounts_to_nothing),
	};
	return cmocka_run_group_tests_name("prices", tests, NULL, NULL);
}
