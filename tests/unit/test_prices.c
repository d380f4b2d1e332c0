/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "prices.h"
#include "str.h"
#include <stdlib.h>
#include <unistd.h>

#define GIB ((uint64_t)1 << 30)

static struct prices *known; /* what is built in */

static void ask(const char *service, const char *region, const char *storage_class,
		enum tier tier, struct tariff *ret)
{
	struct price_cfg cfg = { .service = service, .region = region };

	prices_for(known, &cfg, storage_class, tier, ret);
}

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
		ask(rows[i].scheme, "us-east-1", rows[i].storage_class, rows[i].tier, &t);
		assert_int_equal(t.restore_request, usd(rows[i].request));
		assert_int_equal(t.retrieval_gib, usd(rows[i].gib));
		assert_int_equal(t.transfer_gib, usd("0.09"));
	}
	ask("s3", "us-east-1", "DEEP_ARCHIVE", TIER_BULK, &t);
	assert_int_equal(t.copy_gib_month, usd("0.023"));
	assert_int_equal(t.get_request, usd("0.0000004"));
	assert_int_equal(t.head_request, usd("0.0000004"));
	assert_int_equal(t.list_request, usd("0.000005"));
	ask("glacier", "us-east-1", "VAULT", TIER_BULK, &t);
	assert_int_equal(t.copy_gib_month, 0);
	assert_int_equal(t.get_request, 0);
}

static void what_is_not_in_the_table_is_unknown(void **state)
{
	struct tariff t;
	(void)state;

	ask("s3", "eu-west-1", "DEEP_ARCHIVE", TIER_BULK, &t);
	assert_int_equal(t.restore_request, PRICE_UNKNOWN);
	assert_int_equal(t.transfer_gib, PRICE_UNKNOWN);
	ask("s3", "us-east-1", "DEEP_ARCHIVE", TIER_EXPEDITED, &t);
	assert_int_equal(t.restore_request, PRICE_UNKNOWN);
	assert_int_equal(t.retrieval_gib, PRICE_UNKNOWN);
	ask("s3", "us-east-1", "GLACIER_IR", TIER_NONE, &t);
	assert_int_equal(t.get_request, PRICE_UNKNOWN);
	ask("ftp", "us-east-1", "STANDARD", TIER_NONE, &t);
	assert_int_equal(t.get_request, PRICE_UNKNOWN);
	assert_string_equal(t.date, "unknown");
	ask("s3", "us-east-1", "STANDARD_IA", TIER_NONE, &t);
	assert_string_equal(t.date, "2026-09");
	ask("s3", "eu-west-1", "DEEP_ARCHIVE", TIER_BULK, &t);
	assert_string_equal(t.date, "unknown");
}

static struct estimate estimate_of(const char *scheme, const char *region,
				   const char *class, enum tier tier, uint64_t size,
				   bool needs_restore)
{
	bool is_vault = streq(scheme, "glacier");
	struct estimate_ask wanted = {
		.scheme = scheme,
		.restore_operation = is_vault ? "InitiateJob" : "RestoreObject",
		.size_bytes = size,
		.chunk_bytes = 8 << 20,
		.days = 3,
		.needs_restore = needs_restore,
	};
	struct estimate e;
	struct tariff t;

	ask(scheme, region, class, tier, &t);
	estimate_make(&t, &wanted, &e);
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
	struct estimate_ask wanted = {
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

	ask("glacier", "us-east-1", "VAULT", TIER_STANDARD, &t);
	estimate_make(&t, &wanted, &e);
	assert_int_equal(e.lines[1].quantity, wanted.len);
	assert_int_equal(e.lines[2].quantity, 3);
	assert_int_equal(e.lines[3].quantity, wanted.len);

	wanted.scheme = "s3";
	wanted.restore_operation = "RestoreObject";
	ask("s3", "us-east-1", "GLACIER", TIER_STANDARD, &t);
	estimate_make(&t, &wanted, &e);
	assert_int_equal(e.lines[1].quantity, 100 * GIB);
	assert_int_equal(e.lines[2].quantity, 100 * GIB);
	assert_int_equal(e.lines[3].quantity, 3);
	assert_int_equal(e.lines[4].quantity, wanted.len);
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

/* ---- tables ---- */

static struct prices *with_file(const char *text)
{
	struct prices *p = prices_new();
	char path[] = "/tmp/thawfs-prices-XXXXXX";
	_close_ int fd = mkstemp(path);
	_buf_ struct buf err;

	buf_init(&err, BUF_TEXT_MAX);
	assert_true(p && fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(prices_add_file(p, path, &err), 0);
	unlink(path);
	return p;
}

/* A region's figures all come from the first table that has any of them. */
static void dates_are_never_mixed(void **state)
{
	_cleanup_(prices_freep) struct prices *p = with_file(
		"eu-west-1,s3,GLACIER,standard,request,0,0.00006,2026-11,offer,list, of AWS\n"
		"us-east-1,s3,GLACIER,,get,0,0.0000007,2026-11-03,own,mine\n");
	struct price_cfg cfg = { .service = "s3", .region = "us-east-1" };
	struct tariff t;
	(void)state;

	prices_for(p, &cfg, "GLACIER", TIER_STANDARD, &t);
	assert_int_equal(t.get_request, usd("0.0000007"));
	assert_int_equal(t.restore_request, PRICE_UNKNOWN);
	assert_int_equal(t.transfer_gib, PRICE_UNKNOWN);
	assert_string_equal(t.date, "2026-11-03");
	assert_string_equal(t.source, "mine");
	cfg.region = "eu-west-1";
	prices_for(p, &cfg, "GLACIER", TIER_STANDARD, &t);
	assert_int_equal(t.restore_request, usd("0.00006"));
	assert_string_equal(t.source, "list, of AWS");
	/* What the file does not speak of is as it was. */
	cfg = (struct price_cfg){ .service = "glacier", .region = "us-east-1" };
	prices_for(p, &cfg, "VAULT", TIER_BULK, &t);
	assert_int_equal(t.restore_request, usd("0.000025"));
	assert_true(t.is_unsure);
}

static void a_table_for_any_region_serves_those_without_one(void **state)
{
	_cleanup_(prices_freep) struct prices *p =
		with_file("*,s3,GLACIER,,get,0,0,2026-11,own,ours\n"
			  "here,s3,*,,get,0,0.001,2026-11,own,ours\n"
			  "here,s3,GLACIER,,get,0,0.002,2026-11,own,ours\n");
	struct price_cfg cfg = { .service = "s3", .region = "garage" };
	struct tariff t;
	(void)state;

	prices_for(p, &cfg, "GLACIER", TIER_NONE, &t);
	assert_int_equal(t.get_request, 0);
	cfg.region = "here";
	prices_for(p, &cfg, "GLACIER", TIER_NONE, &t);
	assert_int_equal(t.get_request, usd("0.002"));
	prices_for(p, &cfg, "STANDARD", TIER_NONE, &t);
	assert_int_equal(t.get_request, usd("0.001"));
}

/* AWS protocol reference 5.2: to 10 TB, next 40, next 100, above 150. */
static void transfer_out_is_priced_at_its_step(void **state)
{
	static const struct {
		uint64_t volume_gib;
		const char *gib;
	} rows[] = {
		{ 0, "0.09" },       { 10239, "0.09" },  { 10240, "0.085" },
		{ 51200, "0.07" },   { 153599, "0.07" }, { 153600, "0.05" },
		{ 9999999, "0.05" },
	};
	struct price_cfg cfg = { .service = "s3", .region = "us-east-1" };
	struct tariff t;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cfg.volume_gib = rows[i].volume_gib;
		prices_for(known, &cfg, "GLACIER", TIER_BULK, &t);
		assert_int_equal(t.transfer_gib, usd(rows[i].gib));
	}
	cfg.has_egress = true; /* over a private link */
	prices_for(known, &cfg, "GLACIER", TIER_BULK, &t);
	assert_int_equal(t.transfer_gib, 0);
}

/* A list whose first step is above nothing: the free allowance counts as used up. */
static void an_allowance_is_no_price(void **state)
{
	_cleanup_(prices_freep) struct prices *p =
		with_file("x,s3,*,,transfer,200,0.08,2026-11,own,a\n"
			  "x,s3,*,,transfer,100,0.09,2026-11,own,a\n");
	struct price_cfg cfg = { .service = "s3", .region = "x" };
	struct tariff t;
	(void)state;

	prices_for(p, &cfg, "GLACIER", TIER_NONE, &t);
	assert_int_equal(t.transfer_gib, usd("0.09"));
}

static void a_bad_line_is_named(void **state)
{
	static const struct {
		const char *line, *words;
	} rows[] = {
		{ "us-east-1,s3", "T:2: not the 10 columns" },
		{ ",s3,A,,get,0,0,2026-11,own,", "T:2: column 1 is" },
		{ "r,,A,,get,0,0,2026-11,own,", "T:2: column 2 is" },
		{ "r,s3,,,get,0,0,2026-11,own,", "T:2: column 3 is" },
		{ "r,s3,A,fast,request,0,0,2026-11,own,", "T:2: column 4 is" },
		{ "r,s3,A,,request,0,0,2026-11,own,", "T:2: column 4 is" },
		{ "r,s3,A,bulk,get,0,0,2026-11,own,", "T:2: column 4 is" },
		{ "r,s3,A,,gets,0,0,2026-11,own,", "T:2: column 5 is" },
		{ "r,s3,A,,get,-1,0,2026-11,own,", "T:2: column 6 is" },
		{ "r,s3,A,,get,0,,2026-11,own,", "T:2: column 7 is" },
		{ "r,s3,A,,get,0,0.00000000001,2026-11,own,", "T:2: column 7 is" },
		{ "r,s3,A,,get,0,-1,2026-11,own,", "T:2: column 7 is" },
		{ "r,s3,A,,get,0,0,today,own,", "T:2: column 8 is" },
		{ "r,s3,A,,get,0,0,2026-11,guess,", "T:2: column 9 is" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct price_table t = { .n = 0 };
		_buf_ struct buf err;
		_buf_ struct buf text;

		buf_init(&err, BUF_TEXT_MAX);
		buf_init(&text, BUF_TEXT_MAX);
		buf_printf(&text, "%s\n%s\n", PRICE_COLUMNS, rows[i].line);
		int r = price_table_parse(&t, "T", text.data, text.len, &err);
		assert_int_equal(r, -EINVAL);
		assert_non_null(strstr(err.data, rows[i].words));
		price_table_done(&t);
	}
}

static void a_table_is_printed_as_it_is_read(void **state)
{
	static const char text[] =
		PRICE_COLUMNS "\n"
			      "a,s3,*,,transfer,0,0.09,2026-11,own,x\n"
			      "a,s3,*,,transfer,10,0.0000000001,2026-11,memory,\n"
			      "b,s3,G,bulk,request,0,12,2026-11-05,offer,c, d\n";
	struct price_table t = { .n = 0 };
	_buf_ struct buf err;
	_buf_ struct buf out;
	(void)state;

	buf_init(&err, BUF_TEXT_MAX);
	buf_init(&out, BUF_TEXT_MAX);
	assert_int_equal(price_table_parse(&t, "T", text, sizeof(text) - 1, &err), 0);
	assert_int_equal(price_table_print(&t, &out), 0);
	assert_string_equal(out.data, text);

	struct price_row row = t.rows[2];
	row.price = 0;
	assert_int_equal(price_table_put(&t, &row), 0);
	assert_int_equal(t.n, 3);
	price_table_drop(&t, "a", "s3");
	assert_int_equal(t.n, 1);
	assert_int_equal(t.rows[0].price, 0);
	price_table_done(&t);
}

static int prices_open(void **state)
{
	known = prices_new();
	return known ? 0 : -1;
}

static int prices_close(void **state)
{
	prices_free(known);
	return 0;
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
		cmocka_unit_test(dates_are_never_mixed),
		cmocka_unit_test(a_table_for_any_region_serves_those_without_one),
		cmocka_unit_test(transfer_out_is_priced_at_its_step),
		cmocka_unit_test(an_allowance_is_no_price),
		cmocka_unit_test(a_bad_line_is_named),
		cmocka_unit_test(a_table_is_printed_as_it_is_read),
		cmocka_unit_test(a_line_of_unknown_price_amounts_to_nothing),
	};
	return cmocka_run_group_tests_name("prices", tests, prices_open, prices_close);
}
