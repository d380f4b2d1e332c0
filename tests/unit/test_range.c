/* SPDX-License-Identifier: Apache-2.0 */
#include "range.h"

#include "test.h"
#include "treehash.h"
#include <stdio.h>

#define GIB (1024 * MIB)
/* Standard, as in prices.c: a request costs as much as 5.1 MiB. */
#define REQUEST ((price_t)500000)
#define PER_GIB ((price_t)100000000)

/* What is missing, in a few runs of MiB: { first, count } up to a count of 0. */
struct row {
	uint64_t size, off, len, min;
	struct span missing[4];
	int n;
	struct span expected;
};

static int plan(const struct row *row, struct span *ret)
{
	struct span missing[4];
	size_t n = 0;

	for (; n < 4 && row->missing[n].len; n++) {
		uint64_t off = row->missing[n].off * MIB, len = row->missing[n].len * MIB;
		missing[n] =
			(struct span){ off,
				       len < row->size - off ? len : row->size - off };
	}
	struct range_ask ask = {
		.size_bytes = row->size,
		.off = row->off,
		.len = row->len,
		.min_bytes = row->min ? row->min : MIB,
		.missing = missing,
		.n_missing = n,
		.request = REQUEST,
		.retrieval_gib = PER_GIB,
	};
	return range_plan(&ask, ret);
}

static void plans(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct span got = { 0 };

		if (plan(&rows[i], &got) != rows[i].n)
			fail_msg("row %zu: something, or nothing, to ask for", i);
		if (got.off != rows[i].expected.off || got.len != rows[i].expected.len)
			fail_msg("row %zu: %llu+%llu MiB", i,
				 (unsigned long long)(got.off / MIB),
				 (unsigned long long)(got.len / MIB));
	}
}

#define ALL(size)                 \
	{                         \
		{                 \
			0, (size) \
		}                 \
	}

/* S70 */
static void a_part_is_the_smallest_node_around_what_is_wanted(void **state)
{
	static const struct row rows[] = {
		{ 10 * GIB, 0, 65536, 0, ALL(10240), 1, { 0, MIB } },
		{ 10 * GIB, MIB - 1, 2, 0, ALL(10240), 1, { 0, 2 * MIB } },
		{ 10 * GIB, 3 * MIB, MIB + 1, 0, ALL(10240), 1, { 0, 8 * MIB } },
		{ 10 * GIB, 4 * MIB, MIB + 1, 0, ALL(10240), 1, { 4 * MIB, 2 * MIB } },
		{ 10 * GIB, 5 * GIB, 1, 0, ALL(10240), 1, { 5 * GIB, MIB } },
		{ 10 * GIB,
		  5 * GIB + 3 * MIB,
		  1,
		  4 * MIB,
		  ALL(10240),
		  1,
		  { 5 * GIB, 4 * MIB } },
		{ 10 * GIB, 0, 1, 3 * MIB, ALL(10240), 1, { 0, 4 * MIB } },
		/* The end is a node too. */
		{ 7 * MIB + 5, 7 * MIB + 1, 1, 0, ALL(8), 1, { 7 * MIB, 5 } },
		{ 7 * MIB + 5, 6 * MIB, 2 * MIB, 0, ALL(8), 1, { 6 * MIB, MIB + 5 } },
		{ 7 * MIB + 5, 5 * MIB, 2 * MIB, 0, ALL(8), 1, { 4 * MIB, 3 * MIB + 5 } },
		/* What is wanted is cut at the end. */
		{ 7 * MIB, 6 * MIB, 10 * GIB, 0, ALL(7), 1, { 6 * MIB, MIB } },
	};

	(void)state;
	plans(rows, ARRAY_SIZE(rows));
}

static void all_is_asked_for_where_a_part_is_not_cheaper(void **state)
{
	static const struct row rows[] = {
		{ MIB, 0, 1, 0, ALL(1), 1, { 0, 0 } },
		{ 77, 0, 1, 0, ALL(1), 1, { 0, 0 } },
		{ 8 * MIB, 3 * MIB, 2 * MIB, 0, ALL(8), 1, { 0, 0 } },
		{ 8 * MIB, 0, 1, 8 * MIB, ALL(8), 1, { 0, 0 } },
		/* A node that has more than the rest: the rest. */
		{ 32 * MIB,
		  15 * MIB,
		  2 * MIB,
		  0,
		  { { 15, 2 } },
		  1,
		  { 15 * MIB, 2 * MIB } },
	};

	(void)state;
	plans(rows, ARRAY_SIZE(rows));
}

/* S72 */
static void the_rest_is_just_what_is_missing(void **state)
{
	static const struct row rows[] = {
		{ 10 * GIB, 0, 0, 0, ALL(10240), 1, { 0, 0 } },
		{ 10 * GIB, 0, 0, 0, { { 1, 10239 } }, 1, { MIB, 10 * GIB - MIB } },
		{ 10 * GIB, 0, 0, 0, { { 0, 5120 } }, 1, { 0, 5 * GIB } },
		/* A few MiB between cost less than one more job. */
		{ 10 * GIB, 0, 0, 0, { { 0, 100 }, { 105, 10 } }, 1, { 0, 115 * MIB } },
		{ 10 * GIB, 0, 0, 0, { { 0, 100 }, { 106, 10 } }, 1, { 0, 100 * MIB } },
		{ 10 * GIB, 0, 0, 0, { { 7, 1 } }, 1, { 7 * MIB, MIB } },
		{ 10 * GIB, 0, 0, 0, { { 0, 0 } }, 0, { 0, 0 } },
	};

	(void)state;
	plans(rows, ARRAY_SIZE(rows));
}

/* S72 */
static void a_part_grows_over_what_is_here_only_where_one_more_job_costs_more(
	void **state)
{
	static const struct row rows[] = {
		/* 1 MiB again, instead of two jobs. */
		{ GIB, MIB, 2 * MIB, 0, { { 1, 1023 } }, 1, { 0, 4 * MIB } },
		/* 8 MiB again: what there is room for, and the next time the rest. */
		{ GIB, 8 * MIB, 16 * MIB, 0, { { 8, 1016 } }, 1, { 8 * MIB, 8 * MIB } },
		{ GIB, 0, 24 * MIB, 0, { { 16, 1008 } }, 1, { 16 * MIB, 8 * MIB } },
		/* All that is wanted is here. */
		{ GIB, 0, 8 * MIB, 0, { { 8, 1016 } }, 0, { 0, 0 } },
	};

	(void)state;
	plans(rows, ARRAY_SIZE(rows));
}

static void without_prices_nothing_is_asked_for_again(void **state)
{
	const struct span missing[] = { { MIB, MIB }, { 3 * MIB, 5 * MIB } };
	struct range_ask ask = { .size_bytes = 8 * MIB,
				 .missing = missing,
				 .n_missing = 2,
				 .request = PRICE_UNKNOWN,
				 .retrieval_gib = PRICE_UNKNOWN };
	struct span got = { 0 };

	(void)state;
	assert_int_equal(range_plan(&ask, &got), 1);
	assert_int_equal(got.off, MIB);
	assert_int_equal(got.len, MIB);
	ask.len = 2 * MIB;
	assert_int_equal(range_plan(&ask, &got), 1);
	assert_int_equal(got.off, MIB);
	assert_int_equal(got.len, MIB);
}

/* ---- properties, over random archives of up to 64 MiB ---- */

#define MOST 64

static uint64_t noise = 42;

static uint64_t any(uint64_t below)
{
	noise ^= noise << 13;
	noise ^= noise >> 7;
	noise ^= noise << 17;
	return noise % below;
}

struct model {
	uint64_t size, n;
	bool is_here[MOST];
	struct span missing[MOST];
	size_t n_missing;
};

static uint64_t cut(const struct model *m, uint64_t mib)
{
	return mib * MIB < m->size ? mib * MIB : m->size;
}

static void model_look(struct model *m)
{
	m->n_missing = 0;
	for (uint64_t i = 0; i < m->n; i++) {
		if (m->is_here[i])
			continue;
		if (i == 0 || m->is_here[i - 1])
			m->missing[m->n_missing++].off = i * MIB;
		struct span *s = &m->missing[m->n_missing - 1];
		s->len = cut(m, i + 1) - s->off;
	}
}

static void model_make(struct model *m)
{
	*m = (struct model){ .size = any(MOST * MIB) + 1 };
	m->n = treehash_leaf_count(m->size);
	for (uint64_t run = any(4); run; run--) {
		uint64_t first = any(m->n), count = any(m->n - first) + 1;
		for (uint64_t i = first; i < first + count; i++)
			m->is_here[i] = true;
	}
	model_look(m);
}

static bool is_wanted(const struct range_ask *ask, uint64_t mib)
{
	return ask->len == 0 ||
	       ((mib + 1) * MIB > ask->off && mib * MIB < ask->off + ask->len);
}

/* The answer brings something wanted, in a shape the service takes, and asks again for what is
 * here only as far as that is worth it. Marks it as here. */
static void answer_check(struct model *m, const struct range_ask *ask, struct span s)
{
	uint64_t len = s.len ? s.len : m->size, gained = 0, again = 0, gaps = 0;
	uint64_t first = s.off / MIB, count = treehash_leaf_count(len);
	bool was_here = false;

	assert_true(s.off % MIB == 0 && (len % MIB == 0 || s.off + len == m->size));
	assert_true(s.off + len <= m->size && (s.len || s.off == 0));
	for (uint64_t i = first; i < first + count; i++) {
		gained += !m->is_here[i] && is_wanted(ask, i);
		again += m->is_here[i];
		gaps += m->is_here[i] && !was_here;
		was_here = m->is_here[i];
		m->is_here[i] = true;
	}
	assert_true(gained > 0);
	assert_true(money_for_bytes(PER_GIB, again * MIB) <=
		    money_for_count(REQUEST, gaps));
}

static uint64_t wanted_left(const struct model *m, const struct range_ask *ask)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < m->n; i++)
		n += !m->is_here[i] && is_wanted(ask, i);
	return n;
}

static void whatever_is_here_jobs_bring_all_that_is_wanted(void **state)
{
	(void)state;
	for (int turn = 0; turn < 20000; turn++) {
		struct model m;
		struct span s;

		model_make(&m);
		uint64_t off = any(m.size);
		struct range_ask ask = {
			.size_bytes = m.size,
			.off = any(4) ? off : 0,
			.min_bytes = MIB << any(4),
			.missing = m.missing,
			.request = REQUEST,
			.retrieval_gib = PER_GIB,
		};
		ask.len = any(4) ? any(m.size - ask.off) + 1 : 0;
		for (int jobs = 0; wanted_left(&m, &ask); jobs++) {
			ask.n_missing = m.n_missing;
			assert_true(jobs < 2 * MOST);
			assert_int_equal(range_plan(&ask, &s), 1);
			answer_check(&m, &ask, s);
			model_look(&m);
		}
		ask.n_missing = m.n_missing;
		assert_int_equal(range_plan(&ask, &s), 0);
	}
}

/* Brute force: with nothing here no smaller node has what is wanted. */
static void no_smaller_node_would_do(void **state)
{
	(void)state;
	for (int turn = 0; turn < 2000; turn++) {
		struct model m = { .size = any(MOST * MIB) + 1 };
		struct span s;

		m.n = treehash_leaf_count(m.size);
		model_look(&m);
		struct range_ask ask = { .size_bytes = m.size,
					 .off = any(m.size),
					 .min_bytes = MIB,
					 .missing = m.missing,
					 .n_missing = m.n_missing,
					 .request = REQUEST,
					 .retrieval_gib = PER_GIB };
		ask.len = any(m.size - ask.off) + 1;
		assert_int_equal(range_plan(&ask, &s), 1);
		uint64_t count = s.len ? treehash_leaf_count(s.len) : m.n;
		uint64_t from = ask.off / MIB, to = (ask.off + ask.len - 1) / MIB;
		assert_true(treehash_is_aligned(s.off / MIB, count, m.n));
		assert_true(s.off / MIB <= from && to < s.off / MIB + count);
		for (uint64_t first = 0; first <= from; first++)
			for (uint64_t n = to - first + 1; n < count && first + n <= m.n;
			     n++)
				assert_false(treehash_is_aligned(first, n, m.n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_part_is_the_smallest_node_around_what_is_wanted),
		cmocka_unit_test(all_is_asked_for_where_a_part_is_not_cheaper),
		cmocka_unit_test(the_rest_is_just_what_is_missing),
		cmocka_unit_test(
			a_part_grows_over_what_is_here_only_where_one_more_job_costs_more),
		cmocka_unit_test(without_prices_nothing_is_asked_for_again),
		cmocka_unit_test(whatever_is_here_jobs_bring_all_that_is_wanted),
		cmocka_unit_test(no_smaller_node_would_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
