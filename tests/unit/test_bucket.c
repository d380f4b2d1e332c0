/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "bucket.h"

/* How many are taken in `ms` milliseconds by one who takes whenever he may. */
static unsigned int taken_in(struct bucket *b, int64_t *now_ms, int64_t ms)
{
	int64_t end = *now_ms + ms;
	unsigned int n = 0;

	for (;;) {
		int64_t wait = bucket_wait_ms(b, *now_ms);
		if (*now_ms + wait >= end)
			break;
		*now_ms += wait;
		if (!wait) {
			bucket_take(b, 1, *now_ms);
			n++;
		}
	}
	*now_ms = end;
	return n;
}

static void the_rate_is_kept(void **state)
{
	struct bucket b;
	int64_t now = 5000;
	(void)state;

	bucket_init(&b, 100, 10, now);
	assert_in_range(taken_in(&b, &now, 10000), 1000, 1011);
	now += 3600000; /* nothing gathers beyond the room */
	assert_in_range(taken_in(&b, &now, 1000), 100, 111);
}

static void without_a_limit_nobody_waits(void **state)
{
	struct bucket b;
	(void)state;

	bucket_init(&b, 0, 0, 0);
	bucket_take(&b, 1e12, 0);
	assert_int_equal(bucket_wait_ms(&b, 0), 0);
}

static void what_was_taken_in_advance_is_waited_for(void **state)
{
	struct bucket b;
	(void)state;

	/* A tebibyte a day, and one file of ten. */
	double day = 1099511627776.0;
	bucket_init(&b, day / 86400, day / 24, 0);
	assert_int_equal(bucket_wait_ms(&b, 0), 0);
	bucket_take(&b, 10 * day, 0);
	int64_t wait = bucket_wait_ms(&b, 0);
	assert_in_range(wait, (int64_t)(9.9 * 86400000), (int64_t)(10 * 86400000));
	assert_int_equal(bucket_wait_ms(&b, wait), 0);
}

static void throttling_halves_it_and_it_comes_back(void **state)
{
	struct bucket b;
	int64_t now = 0;
	(void)state;

	bucket_init(&b, 64, 1, now);
	(void)taken_in(&b, &now, 1000);
	bucket_slow(&b, now);
	bucket_slow(&b, now); /* of the same burst */
	assert_true(b.rate > 31 && b.rate < 33);
	assert_in_range(taken_in(&b, &now, 1000), 30, 36);
	for (int i = 0; i < 20; i++) {
		now += 1001;
		bucket_slow(&b, now);
	}
	assert_true(b.rate >= 1 && b.rate < 5); /* never none at all */
	now += 40000;
	(void)bucket_wait_ms(&b, now);
	assert_true(b.rate == 64);
}

static void a_clock_set_back_changes_nothing(void **state)
{
	struct bucket b;
	(void)state;

	bucket_init(&b, 1, 1, 100000);
	bucket_take(&b, 1, 100000);
	assert_true(bucket_wait_ms(&b, 50000) <= 1001);
	assert_int_equal(bucket_wait_ms(&b, 51001), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rate_is_kept),
		cmocka_unit_test(without_a_limit_nobody_waits),
		cmocka_unit_test(what_was_taken_in_advance_is_waited_for),
		cmocka_unit_test(throttling_halves_it_and_it_comes_back),
		cmocka_unit_test(a_clock_set_back_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
