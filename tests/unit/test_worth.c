/* SPDX-License-Identifier: Apache-2.0 */
/* S180: what is given up first. */
#include "worth.h"

#include "cleanup.h"
#include "test.h"

#define GIB   ((uint64_t)1 << 30)
#define HOURS ((int64_t)3600 * 1000)
/* Transfer out, which all have in common: 0.09 USD a GiB. */
#define OUT (MONEY_PER_USD * 9 / 100)

/* In the order in which they are given up: 10 GiB each, where nothing else is said. */
static const struct row {
	const char *what;
	struct worth_ask ask;
} rows[] = {
	{ "no listing has it any more",
	  { .is_nameless = true, .cost = 100 * OUT, .size_bytes = 10 * GIB } },
	{ "costs nothing, as from a bucket of the same region",
	  { .size_bytes = 10 * GIB } },
	{ "a copy the service still holds",
	  { .cost = 10 * OUT, .size_bytes = 10 * GIB } },
	{ "Glacier Flexible Retrieval, standard: 0.01 USD a GiB, 5 hours",
	  { .cost = 10 * (OUT + MONEY_PER_USD / 100),
	    .size_bytes = 10 * GIB,
	    .wait_ms = 5 * HOURS } },
	{ "Deep Archive, standard: 0.02 USD a GiB, 12 hours",
	  { .cost = 10 * (OUT + MONEY_PER_USD / 50),
	    .size_bytes = 10 * GIB,
	    .wait_ms = 12 * HOURS } },
	{ "Deep Archive, bulk: 0.0025 USD a GiB, 48 hours",
	  { .cost = 10 * (OUT + MONEY_PER_USD / 400),
	    .size_bytes = 10 * GIB,
	    .wait_ms = 48 * HOURS } },
	{ "a file of 4 KiB: its request costs more than its bytes, and it frees nothing",
	  { .cost = MONEY_PER_USD / 10000, .size_bytes = 4096, .wait_ms = 12 * HOURS } },
	{ "dearer than anything",
	  { .cost = MONEY_PER_USD * 1000000, .size_bytes = 1, .wait_ms = 48 * HOURS } },
	{ "nobody knows what it costs", { .is_unknown = true, .size_bytes = 10 * GIB } },
	{ "came a moment ago, and nobody has read it",
	  { .is_unread = true, .cost = 10 * OUT, .size_bytes = 10 * GIB } },
};

static void what_is_dearer_to_have_again_is_given_up_later(void **state)
{
	uint8_t last = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t rank = worth_rank(&rows[i].ask);

		if (rank <= last)
			fail_msg("%s: rank %u, the one before %u", rows[i].what, rank,
				 last);
		last = rank;
	}
}

/* So that within a rank use decides, and not a fraction of a cent. */
static void nearly_the_same_cost_is_the_same_rank(void **state)
{
	struct worth_ask a = { .cost = OUT, .size_bytes = GIB }, b = a;

	b.cost += MONEY_PER_USD / 10000;
	assert_int_equal(worth_rank(&a), worth_rank(&b));
	b.cost = 2 * OUT;
	assert_int_equal(worth_rank(&a) + 4, worth_rank(&b));
	a.cost *= 1000;
	a.size_bytes *= 1000;
	assert_int_equal(worth_rank(&a) + 4, worth_rank(&b));
}

static void an_empty_file_has_a_rank(void **state)
{
	struct worth_ask a = { .size_bytes = 0 };

	assert_int_equal(worth_rank(&a), RANK_LEAST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_dearer_to_have_again_is_given_up_later),
		cmocka_unit_test(nearly_the_same_cost_is_the_same_rank),
		cmocka_unit_test(an_empty_file_has_a_rank),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
