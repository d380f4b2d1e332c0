/* SPDX-License-Identifier: Apache-2.0 */
/* The worked examples of docs/COSTS.md, worked out again. */
#include "test.h"

#include "io.h"
#include "pace.h"
#include "prices.h"
#include "str.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#define GIB   ((uint64_t)1 << 30)
#define CHUNK ((uint64_t)16 << 20)

/* A row of the table. */
struct example {
	char service[16], storage_class[16], tier[16];
	unsigned long long gib, days, chunks, looks;
	char amounts[6][24]; /* request, retrieval, copy, fetching, transfer, looking */
	char total[24];
};

static bool example_read(const char *line, struct example *x)
{
	/* NOLINTNEXTLINE(cert-err34-c): the document is ours, and wrong numbers fail the test */
	return sscanf(line,
		      "| %15s | %15s | %15s | %llu | %llu | %llu | %llu | %23s | %23s | %23s "
		      "| %23s | %23s | %23s | %23s |",
		      x->service, x->storage_class, x->tier, &x->gib, &x->days,
		      &x->chunks, &x->looks, x->amounts[0], x->amounts[1], x->amounts[2],
		      x->amounts[3], x->amounts[4], x->amounts[5], x->total) == 14;
}

/* Which column a line of an estimate stands in. */
static size_t column_of(const struct cost_line *l)
{
	if (l->component == COST_RETRIEVAL)
		return 1;
	if (l->component == COST_STORAGE)
		return 2;
	if (l->component == COST_TRANSFER)
		return 4;
	if (streq(l->operation, "HeadObject"))
		return 5;
	return streq(l->operation, "GetObject") || streq(l->operation, "GetJobOutput")
		       ? 3
		       : 0;
}

static void example_check(const struct example *x)
{
	_cleanup_(prices_freep) struct prices *p = prices_new();
	const struct storage_class *c = storage_class_find(x->storage_class);
	struct price_cfg cfg = { .service = x->service, .region = "us-east-1" };
	enum tier tier = TIER_NONE;
	bool is_vault = streq(x->service, "glacier");
	money_t by[6] = { 0 };
	struct tariff t;
	struct estimate e;
	char text[48];

	if (!streq(x->tier, "-"))
		assert_int_equal(tier_parse(x->tier, &tier), 0);
	uint32_t looks = is_vault ? 0 : 1 + pace_probes(c, tier);
	assert_int_equal(looks, x->looks);
	struct estimate_ask ask = {
		.scheme = x->service,
		.restore_operation = is_vault ? "InitiateJob" : "RestoreObject",
		.size_bytes = x->gib * GIB,
		.chunk_bytes = CHUNK,
		.days = (uint32_t)x->days,
		.status_calls = looks,
		.needs_restore = tier != TIER_NONE,
	};
	prices_for(p, &cfg, c->name, tier, &t);
	estimate_make(&t, &ask, &e);
	assert_false(e.is_unknown);
	for (size_t i = 0; i < e.n; i++) {
		by[column_of(&e.lines[i])] += e.lines[i].amount;
		if (column_of(&e.lines[i]) == 3)
			assert_int_equal(e.lines[i].quantity, x->chunks);
	}
	for (size_t i = 0; i < 6; i++) {
		money_format(by[i], text);
		assert_string_equal(text, x->amounts[i]);
	}
	money_format(e.total, text);
	assert_string_equal(text, x->total);
}

/* S126 */
static void the_examples_of_the_document_come_out(void **state)
{
	const char *source = getenv("THAW_SOURCE");
	_free_ char *path = NULL;
	_buf_ struct buf text;
	struct example x;
	size_t n = 0;
	(void)state;

	assert_true(asprintf(&path, "%s/docs/COSTS.md", source ? source : ".") > 0);
	buf_init(&text, BUF_TEXT_MAX);
	assert_int_equal(file_read(AT_FDCWD, path, BUF_TEXT_MAX, &text), 0);
	for (char *rest = text.data, *line; rest && (line = strsep(&rest, "\n"));) {
		if (!example_read(line, &x))
			continue;
		example_check(&x);
		n++;
	}
	assert_int_equal(n, 9); /* every class with every tier */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_the_document_come_out),
	};
	return cmocka_run_group_tests_name("costs", tests, NULL, NULL);
}
