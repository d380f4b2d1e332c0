/* SPDX-License-Identifier: Apache-2.0 */
#include "flow.h"

#include "cleanup.h"

#include "test.h"

#define MB    ((uint64_t)1000 * 1000)
#define CHUNK ((uint64_t)16 << 20)

/* What is known, and the window in ranges of 16 MiB that follows. */
static const struct known {
	struct flow flow; /* bytes a millisecond, alike, milliseconds */
	double ranges;
} known[] = {
	{ { 100000, 100000, 0 }, 2.0 }, /* 100 MB/s, one connection takes all of it */
	{ { 100000, 100000, 20 }, 2.24 },
	{ { 100000, 100000, 200 }, 4.38 },
	{ { 1000000, 1000000, 50 }, 7.96 },
	{ { 180000, 90000, 30 },
	  4.64 }, /* each connection is held to 90 MB/s: more of them */
	{ { 360000, 90000, 30 }, 9.29 },
	{ { 1, 1, 10000 }, 2.0 },
};

/* S186 */
static void the_window_is_rate_times_delay_and_a_range(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		double is = (double)flow_window(&known[i].flow, CHUNK) / (double)CHUNK;

		if (is < known[i].ranges - 0.01 || is > known[i].ranges + 0.01)
			fail_msg("row %zu: %.3f", i, is);
	}
	struct flow nothing = { .all = 0 };
	assert_true(flow_window(&nothing, CHUNK) == 4 * CHUNK);
}

/* Roads, and how many ranges a file has on each of them in the end, of at most five. */
static const struct road {
	uint64_t link,
		connection; /* bytes a second that fit; of one connection; 0: no limit */
	int64_t delay_ms;
	unsigned int least, most;
} roads[] = {
	{ 100 * MB, 0, 1, 2, 3 },         { 100 * MB, 0, 100, 3, 3 },
	{ 1250 * MB, 0, 1, 2, 3 },        { 1250 * MB, 0, 50, 5, 5 },
	{ 1250 * MB, 90 * MB, 30, 5, 5 }, { 200 * MB, 90 * MB, 30, 4, 5 },
	{ 5 * MB, 0, 30, 2, 3 },
};

static unsigned int ranges_of(const struct flow *f)
{
	uint64_t window = flow_window(f, CHUNK);
	uint64_t n = window / CHUNK + (window % CHUNK != 0);

	return n < 5 ? (unsigned int)n : 5;
}

/* `n` ranges, all the time. */
static void send(struct flow *f, const struct road *road, unsigned int n)
{
	double of_one = (double)road->link / 1000 / n;

	if (road->connection && of_one > (double)road->connection / 1000)
		of_one = (double)road->connection / 1000;
	int64_t last_ms = road->delay_ms + (int64_t)((double)CHUNK / of_one);
	flow_hear(f, &(struct flow_sample){
			     .len = CHUNK,
			     .first_ms = road->delay_ms,
			     .last_ms = last_ms,
			     .came = n * CHUNK,
		     });
}

/* S186 */
static void it_settles_at_what_fills_the_road(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(roads); i++) {
		struct flow f = { .all = 0 };

		send(&f, &roads[i], 1);
		for (int j = 0; j < 100; j++)
			send(&f, &roads[i], ranges_of(&f));
		unsigned int n = ranges_of(&f);
		if (n < roads[i].least || n > roads[i].most)
			fail_msg("road %zu: %u ranges", i, n);
	}
}

static void a_road_that_gets_slower_is_noticed(void **state)
{
	const struct road fast = { 1250 * MB, 0, 50, 0, 0 },
			  slow = { 20 * MB, 0, 50, 0, 0 };
	struct flow f = { .all = 0 };

	(void)state;
	send(&f, &fast, 1);
	for (int i = 0; i < 20; i++)
		send(&f, &fast, ranges_of(&f));
	assert_int_equal(ranges_of(&f), 5);
	for (int i = 0; i < 40; i++)
		send(&f, &slow, ranges_of(&f));
	assert_true(ranges_of(&f) <= 3);
}

static void small_ranges_say_nothing_of_the_rate(void **state)
{
	struct flow f = { 100000, 100000, 20 }, was = f;

	(void)state;
	flow_hear(&f, &(struct flow_sample){ 4096, 20, 21, 4096 });
	assert_memory_equal(&f, &was, sizeof(f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_window_is_rate_times_delay_and_a_range),
		cmocka_unit_test(it_settles_at_what_fills_the_road),
		cmocka_unit_test(a_road_that_gets_slower_is_noticed),
		cmocka_unit_test(small_ranges_say_nothing_of_the_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
