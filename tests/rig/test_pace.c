/* SPDX-License-Identifier: Apache-2.0 */
/* Pace and fairness: how fast a service is asked, and who comes first. Promises are cited by number
 * (docs/SEMANTICS.md). */
#include "cases.h"

#include <errno.h>

#define MANY  2000
#define ALICE 1000
#define BOB   1001

static struct memory_object *files[MANY];
static uint64_t inos[MANY];
static struct ask asks[MANY];
static unsigned int answered;

static struct rig *begin(const struct pace_cfg *pace, size_t n)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct clock *clock = clock_new_virtual(RIG_START_MS);

	store = memory_install(clock);
	for (size_t i = 0; i < n; i++) {
		char name[24];

		snprintf(name, sizeof(name), "f%04zu", i);
		files[i] = memory_add(name, "DEEP_ARCHIVE", 1000);
	}
	archive = object = NULL;
	rig_init(rig);
	rig->budgets[0].money = rig->budgets[1].money = 1000 * MONEY_PER_USD;
	if (pace)
		rig->bucket.pace = *pace;
	rig_open(rig, RIG_START_MS);
	clock_free(clock);
	for (size_t i = 0; i < n; i++)
		inos[i] = rig_ino(rig, "bucket", files[i]->object.id);
	answered = 0;
	return rig;
}

static void end(struct rig *rig)
{
	rig_done(rig);
	free(rig);
}

static void ask_done(struct ask *a, int r)
{
	(void)a;
	answered++;
	assert_true(r == 0 || r == -ETIMEDOUT); /* the end of the test */
}

/* As a request for a directory does. */
static void ask_for(struct rig *rig, size_t from, size_t to, uint32_t uid)
{
	for (size_t i = from; i < to; i++) {
		asks[i] = (struct ask){ .verb = ASK_GET,
					.ino = inos[i],
					.is_bulk = true,
					.uid = uid,
					.gid = uid,
					.done = ask_done };
		engine_ask(rig->engine, &asks[i]);
	}
}

static unsigned int restored(size_t from, size_t to)
{
	unsigned int n = 0;

	for (size_t i = from; i < to; i++)
		n += files[i]->restores;
	return n;
}

static unsigned int calls(void)
{
	unsigned int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(store->calls); i++)
		n += store->calls[i];
	return n;
}

/* S113 */
static void a_reader_is_served_before_two_thousand_requests(void **state)
{
	struct rig *rig = begin(NULL, MANY);
	struct rig_reader reader;
	(void)state;

	ask_for(rig, 0, MANY - 1, ALICE);
	for (int i = 0; i < 40; i++) {
		engine_turn(rig->engine, 1);
		memory_pump();
	}
	assert_true(restored(0, MANY - 1) < 200); /* far from done */
	unsigned int before = calls();
	rig_read(rig, &reader, inos[MANY - 1], 0, 100);
	reader.waiter.uid = BOB;
	for (int i = 0; i < 20000 && !files[MANY - 1]->restores; i++) {
		engine_turn(rig->engine, 1);
		/* While its intent is on the way to the disk the service stands still. */
		if (rig_phase(rig, inos[MANY - 1]) != PHASE_RESERVING)
			memory_pump();
	}
	assert_int_equal(files[MANY - 1]->restores, 1);
	/* Its look and its restore each waited for those under way, and for none of the thousands. */
	print_message("sent after %u calls of others\n", calls() - before - 2);
	assert_true(calls() - before <= 2 * CALLS_NETWORK + 8);
	end(rig);
}

/* S113 */
static void one_who_asks_for_few_does_not_wait_for_one_who_asks_for_many(void **state)
{
	struct rig *rig = begin(NULL, MANY);
	(void)state;

	ask_for(rig, 0, MANY - 40, ALICE);
	ask_for(rig, MANY - 40, MANY, BOB);
	for (int i = 0; i < 20000 && restored(MANY - 40, MANY) < 40; i++) {
		engine_turn(rig->engine, 1);
		memory_pump();
	}
	assert_int_equal(restored(MANY - 40, MANY), 40);
	/* One of each in turn, but for the calls that were under way. */
	assert_true(restored(0, MANY - 40) <= 40 + 2 * CALLS_NETWORK);
	end(rig);
}

/* S113: and all of them come to their end. */
static void everybody_is_served_in_the_end(void **state)
{
	struct rig *rig = begin(NULL, MANY);
	(void)state;

	ask_for(rig, 0, MANY, ALICE);
	for (int i = 0; i < 1000 && restored(0, MANY) < MANY; i++) {
		rig_settle(rig);
		clock_advance(rig->clock, 100);
	}
	assert_int_equal(answered, MANY);
	assert_int_equal(restored(0, MANY), MANY);
	end(rig);
}

/* Real seconds until `n` are restored. */
static double seconds_for(struct rig *rig, unsigned int n)
{
	int64_t began = clock_real_ms(rig->clock);

	for (int i = 0; i < 100000 && restored(0, n) < n; i++) {
		rig_settle(rig);
		clock_advance(rig->clock, 100);
	}
	assert_int_equal(restored(0, n), n);
	return (double)(clock_real_ms(rig->clock) - began) / 1000;
}

/* S114 */
static void a_source_is_asked_no_faster_than_it_was_said(void **state)
{
	const struct pace_cfg pace = { .requests = 4 };
	struct rig *rig = begin(&pace, 20);
	(void)state;

	ask_for(rig, 0, 20, ALICE);
	/* A look and a restore each. */
	double took = seconds_for(rig, 20);
	assert_true(took >= (40 - 4) / 4.0 - 0.2);
	assert_true(took <= 40 / 4.0 + 2);
	end(rig);
}

/* S114 */
static void bytes_a_day_are_kept_to(void **state)
{
	const struct pace_cfg pace = { .bytes_a_day = 24 * 1000 };
	struct rig *rig = begin(&pace, 6);
	(void)state;

	/* A file an hour; the first two as soon as there is anything. */
	ask_for(rig, 0, 6, ALICE);
	int64_t began = clock_service_ms(rig->clock);
	for (int i = 0; i < 1000 && restored(0, 6) < 6; i++) {
		rig_settle(rig);
		clock_advance(rig->clock, 60000);
	}
	assert_int_equal(restored(0, 6), 6);
	assert_in_range(clock_service_ms(rig->clock) - began, 4 * HOURS - 600000,
			4 * HOURS + 600000);
	end(rig);
}

/* S114 */
static void a_service_that_throttles_is_asked_less(void **state)
{
	struct rig *rig = begin(NULL, 50);
	struct service *service = rig->engine->sources[1]->service;
	(void)state;

	assert_string_equal(service->scheme, "s3");
	store->mishap[BACKEND_RESTORE] = MISHAP_THROTTLED;
	store->mishaps[BACKEND_RESTORE] = 10;
	ask_for(rig, 0, 50, ALICE);
	rig_settle(rig);
	assert_true(service->sends.rate <= service->sends.full / 2);
	assert_true(seconds_for(rig, 50) < 30);
	assert_int_equal(restored(0, 50), 50);
	clock_advance(rig->clock, 60000);
	bucket_wait_ms(&service->sends, clock_real_ms(rig->clock));
	assert_true(service->sends.rate >= service->sends.full);
	end(rig);
}

/* Asks for all of them by a slow tier, until it is under way. */
static void restore_slowly(struct rig *rig, unsigned int n)
{
	ask_for(rig, 0, n, ALICE);
	seconds_for(rig, n);
	clock_advance(rig->clock, 60000); /* the buckets are full again */
	rig_settle(rig);
	answered = 0;
}

static void hurry(struct rig *rig, size_t from, size_t to, uint32_t uid)
{
	for (size_t i = from; i < to; i++) {
		asks[i] = (struct ask){ .verb = ASK_GET,
					.tier = TIER_STANDARD,
					.ino = inos[i],
					.uid = uid,
					.gid = uid,
					.done = ask_done };
		engine_ask(rig->engine, &asks[i]);
	}
}

/* S114: a faster tier is a call like the first, but for the bytes, which were waited for. */
static void a_second_paid_call_goes_at_the_pace_of_the_first(void **state)
{
	static const struct {
		struct pace_cfg pace;
		unsigned int files, throttled;
		double least_s, most_s;
	} rows[] = {
		{ .files = 30, .most_s = 0.5 },
		{ .pace.requests = 4, .files = 20, .least_s = 3.8, .most_s = 6 },
		{ .pace.requests = 2, .files = 20, .least_s = 8.8, .most_s = 11 },
		{ .pace.bytes_a_day = 24000, .files = 6, .most_s = 0.5 },
		{ .files = 30, .throttled = 8, .least_s = 0.1, .most_s = 60 },
	};
	(void)state;

	for (size_t row = 0; row < ARRAY_SIZE(rows); row++) {
		unsigned int n = rows[row].files;
		struct rig *rig = begin(NULL, n);
		struct source *bucket = rig->engine->sources[1];
		struct service *service = bucket->service;

		rig->engine->sources[1]->first_cfg.tier = TIER_BULK;
		restore_slowly(rig, n);
		bucket_init(&bucket->requests, rows[row].pace.requests,
			    rows[row].pace.requests, clock_real_ms(rig->clock));
		bucket_init(&bucket->bytes, rows[row].pace.bytes_a_day / 86400,
			    rows[row].pace.bytes_a_day / 24,
			    clock_service_ms(rig->clock));
		store->mishap[BACKEND_RESTORE] = MISHAP_THROTTLED;
		store->mishaps[BACKEND_RESTORE] = rows[row].throttled;
		hurry(rig, 0, n, ALICE);
		int64_t began = clock_real_ms(rig->clock);
		rig_settle(rig);
		if (rows[row].throttled)
			assert_true(service->sends.rate <= service->sends.full / 2);
		for (int i = 0; i < 10000 && restored(0, n) < 2 * n; i++) {
			clock_advance(rig->clock, 100);
			rig_settle(rig);
		}
		double took = (double)(clock_real_ms(rig->clock) - began) / 1000;
		print_message("row %zu: %.1f s\n", row, took);
		assert_int_equal(restored(0, n), 2 * n);
		assert_int_equal(answered, n);
		assert_true(took >= rows[row].least_s && took <= rows[row].most_s);
		end(rig);
	}
}

/* S113 */
static void one_who_hurries_few_does_not_wait_for_one_who_hurries_many(void **state)
{
	enum { N = 200, FEW = 4 };
	struct rig *rig = begin(NULL, N);
	struct source *bucket = rig->engine->sources[1];
	(void)state;

	bucket->first_cfg.tier = TIER_BULK;
	restore_slowly(rig, N);
	bucket_init(&bucket->requests, 8, 8, clock_real_ms(rig->clock));
	hurry(rig, 0, N - FEW, ALICE);
	hurry(rig, N - FEW, N, BOB);
	for (int i = 0; i < 10000 && restored(N - FEW, N) < 2 * FEW; i++) {
		rig_settle(rig);
		clock_advance(rig->clock, 100);
	}
	assert_int_equal(restored(N - FEW, N), 2 * FEW);
	assert_true(restored(0, N - FEW) <= N - FEW + 16 + 2 * FEW);
	end(rig);
}

static bool everybody_is_gone(uint32_t pid, uint64_t started)
{
	return pid == 77 && started == 5;
}

/* S115 */
static void who_waits_and_is_gone_is_let_go_of(void **state)
{
	struct rig *rig = begin(NULL, 2);
	struct rig_reader gone, other;
	(void)state;

	rig->engine->first_cfg.is_gone = everybody_is_gone;
	rig_read(rig, &gone, inos[0], 0, 100);
	gone.waiter.pid = 77;
	gone.waiter.started = 5;
	rig_read(rig, &other, inos[0], 0, 100);
	other.waiter.pid = 77;
	other.waiter.started = 6; /* the number was given out again */
	for (int i = 0; i < 70; i++) {
		rig_settle(rig);
		clock_advance(rig->clock, 1000);
	}
	assert_true(gone.is_answered);
	assert_int_equal(gone.result, -EINTR);
	assert_false(other.is_answered);
	assert_true(rig_run(rig, rig_is_answered, &other, 60 * HOURS));
	assert_int_equal(files[0]->restores, 1);
	end(rig);
}

/* S115 */
static void one_process_can_be_told_to_go(void **state)
{
	struct rig *rig = begin(NULL, 1);
	struct rig_reader one, two;
	struct ask cancel = {
		.verb = ASK_CANCEL, .ino = inos[0], .pid_only = 11, .done = ask_done
	};
	(void)state;

	cancel.ino = inos[0];
	rig_read(rig, &one, inos[0], 0, 100);
	one.waiter.pid = 11;
	rig_read(rig, &two, inos[0], 0, 100);
	two.waiter.pid = 12;
	rig_settle(rig);
	engine_ask(rig->engine, &cancel);
	rig_settle(rig);
	assert_int_equal(answered, 1);
	assert_true(one.is_answered);
	assert_int_equal(one.result, -ECANCELED);
	assert_false(two.is_answered);
	assert_true(rig_run(rig, rig_is_answered, &two, 60 * HOURS));
	assert_int_equal(two.result, 0);
	end(rig);
}

static size_t count(const struct buf *text, const char *word)
{
	size_t n = 0;

	for (const char *at = text->data; (at = strstr(at, word)); at += strlen(word))
		n++;
	return n;
}

/* S115 */
static void the_queue_lists_everybody_who_waits(void **state)
{
	static struct rig_reader readers[500];
	struct rig *rig = begin(NULL, 300);
	_buf_ struct buf text = { .len = 0 };
	(void)state;

	buf_init(&text, 64 * MIB);
	ask_for(rig, 0, 300, ALICE);
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++)
		rig_read(rig, &readers[i], inos[7], i, 1);
	for (int i = 0; i < 200; i++) {
		rig_settle(rig);
		clock_advance(rig->clock, 50);
	}
	assert_int_equal(engine_queue_text(rig->engine, &text), 0);
	assert_int_equal(count(&text, "\n"), 300);
	assert_int_equal(count(&text, "\"pid\":1,"), 500);
	assert_int_equal(count(&text, "\"path\":\"/bucket/f0007\""), 1);
	assert_int_equal(count(&text, "\"waiters\":500,"), 1);
	end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_is_served_before_two_thousand_requests),
		cmocka_unit_test(
			one_who_asks_for_few_does_not_wait_for_one_who_asks_for_many),
		cmocka_unit_test(everybody_is_served_in_the_end),
		cmocka_unit_test(a_source_is_asked_no_faster_than_it_was_said),
		cmocka_unit_test(bytes_a_day_are_kept_to),
		cmocka_unit_test(a_service_that_throttles_is_asked_less),
		cmocka_unit_test(a_second_paid_call_goes_at_the_pace_of_the_first),
		cmocka_unit_test(
			one_who_hurries_few_does_not_wait_for_one_who_hurries_many),
		cmocka_unit_test(who_waits_and_is_gone_is_let_go_of),
		cmocka_unit_test(one_process_can_be_told_to_go),
		cmocka_unit_test(the_queue_lists_everybody_who_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
