/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a vault's archives: what is asked for, what it costs, what comes after. */
#include "cases.h"

#include "facts.h"
#include <errno.h>

#define LONG (24 * MIB + 5)

static struct memory_object *large;

static int setup_parts(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct clock *clock = clock_new_virtual(RIG_START_MS);

	store = memory_install(clock);
	large = memory_add("large", "VAULT", LONG);
	object = memory_add("object", "DEEP_ARCHIVE", BIG);
	rig_init(rig);
	rig->cfg.chunk_bytes = 4 * MIB;
	rig->cfg.has_ranges = true;
	rig->cfg.range_min_bytes = MIB;
	rig_open(rig, RIG_START_MS);
	clock_free(clock);
	*state = rig;
	return 0;
}

static bool is_done(void *asked)
{
	return ((struct rig_asked *)asked)->answers > 0;
}

static void get(struct rig *rig, struct rig_asked *a, uint64_t ino, uint64_t off,
		uint64_t len)
{
	*a = (struct rig_asked){ .ask = { .off = off, .len = len, .gid = 1000 } };
	rig_ask(rig, a, ASK_GET, ino);
}

/* Asks, and lets it come. */
static void get_now(struct rig *rig, uint64_t ino, uint64_t off, uint64_t len,
		    int expected)
{
	struct rig_asked a;

	get(rig, &a, ino, off, len);
	assert_true(rig_run(rig, is_done, &a, HOURS));
	assert_int_equal(a.result, expected);
}

static bool is_nothing_under_way(void *arg)
{
	return restore_first(((struct rig *)arg)->engine) == NULL;
}

static void let_it_end(struct rig *rig)
{
	assert_true(rig_run(rig, is_nothing_under_way, rig, 100 * HOURS));
	rig_settle(rig);
}

static void read_now(struct rig *rig, uint64_t ino, uint64_t off, uint64_t len,
		     int expected)
{
	struct rig_reader reader;

	rig_read(rig, &reader, ino, off, len);
	assert_true(rig_run(rig, rig_is_answered, &reader, 60 * HOURS));
	assert_int_equal(reader.result, expected);
	rig_settle(rig);
}

/* Bytes and requests paid, at the service and in the ledger. */
static void assert_paid(struct rig *rig, unsigned int jobs, uint64_t bytes)
{
	assert_int_equal(large->restores, jobs);
	assert_int_equal(large->restored_bytes, bytes);
	assert_int_equal(rig_ledger(rig, "InitiateJob", "retrieval").quantity, bytes);
	assert_int_equal(rig_ledger(rig, "InitiateJob", "retrieval").lines, jobs);
}

static bool is_here(struct rig *rig, uint64_t ino, uint64_t off, uint64_t len)
{
	struct fill fill;

	return store_covers(rig->state->store, ino, off, len, &fill) == 1;
}

static void assert_facts(struct rig *rig, uint64_t ino, enum file_state state,
			 enum proof proof)
{
	struct facts f;

	assert_int_equal(facts_of(rig->engine, ino, &f), 0);
	assert_int_equal(f.state, state);
	assert_int_equal(f.fill.proof, proof);
	assert_true(f.request.reserved == 0);
}

/* S120 S123 */
static void the_head_of_an_archive_costs_a_part(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "large");

	read_now(rig, ino, 0, 65536, 0);
	assert_paid(rig, 1, MIB);
	assert_int_equal(large->fetched_bytes, MIB);
	assert_facts(rig, ino, FILE_PARTIAL, PROOF_RANGE);
	/* What is here is read at no cost, what lies beside it is not here. */
	read_now(rig, ino, 1000, 1000, 0);
	assert_paid(rig, 1, MIB);
	assert_false(is_here(rig, ino, MIB, 1));
}

/* S121 S122 */
static void a_second_miss_brings_the_rest_and_only_that(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "large");

	read_now(rig, ino, 5, 10, 0);
	read_now(rig, ino, 9 * MIB, 10, 0);
	assert_paid(rig, 2, LONG);
	assert_int_equal(large->fetched_bytes, LONG);
	assert_facts(rig, ino, FILE_CACHED, PROOF_TREE_HASH);
	assert_true(rig_is_right(rig, ino, large));
}

/* S120 */
static void without_the_option_a_read_brings_all(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "large");

	rig->engine->first_cfg.has_ranges = false;
	read_now(rig, ino, 0, 65536, 0);
	assert_paid(rig, 1, LONG);
}

/* S120 */
static void a_part_is_asked_for_by_a_request_whatever_the_option(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "large");

	rig->engine->first_cfg.has_ranges = false;
	get_now(rig, ino, 9 * MIB, MIB + 1, 0);
	let_it_end(rig);
	assert_paid(rig, 1, 4 * MIB);
	assert_true(is_here(rig, ino, 8 * MIB, 4 * MIB));
	/* Again: it is here. Beyond the end, or of an object: refused. */
	get_now(rig, ino, 8 * MIB, 4 * MIB, 0);
	get_now(rig, ino, LONG, 1, -EINVAL);
	get_now(rig, rig_ino(rig, "bucket", "object"), 0, 1, -EOPNOTSUPP);
	assert_paid(rig, 1, 4 * MIB);
	/* All of it: what lies before and behind, in one job, since 4 MiB cost less than one
	 * more. */
	read_now(rig, ino, 0, 10, 0);
	assert_paid(rig, 2, 4 * MIB + LONG);
	assert_int_equal(large->fetched_bytes, LONG);
	assert_true(rig_is_right(rig, ino, large));
}

/* S120: the last node is cut at the end. */
static void the_tail_of_an_archive_costs_its_last_node(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "large");

	read_now(rig, ino, LONG - 1, 4096, 0);
	assert_paid(rig, 1, 5);
	read_now(rig, ino, LONG - 1, 4096, 0);
	read_now(rig, ino, 3 * MIB, 1, 0);
	assert_paid(rig, 2, LONG);
	assert_true(rig_is_right(rig, ino, large));
}

static void readers_before_the_intent_share_a_part(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "large");
	struct rig_reader a, b;

	rig_read(rig, &a, ino, 9 * MIB, 10);
	rig_read(rig, &b, ino, 11 * MIB, 10);
	assert_true(rig_run(rig, rig_is_answered, &a, 60 * HOURS));
	assert_true(rig_run(rig, rig_is_answered, &b, HOURS));
	rig_settle(rig);
	assert_int_equal(a.result, 0);
	assert_int_equal(b.result, 0);
	assert_paid(rig, 1, 4 * MIB);
}

/* Two MiB of another file are here, and the cache has room for two more. Two readers: the part of one
 * is a MiB, that of both is four. */
static uint64_t opened;

static bool has_opened(void *arg, uint64_t ino)
{
	(void)arg;
	return ino == opened;
}

static void two_in_a_small_cache(struct rig *rig, bool is_open, int expected)
{
	uint64_t ino = rig_ino(rig, "vault", "large");
	uint64_t old = rig_ino(rig, "bucket", "object");
	struct rig_reader a, b;

	read_now(rig, old, 0, 10, 0);
	let_it_end(rig);
	rig->engine->first_cfg.cache_bytes = 4 * MIB + MIB / 2;
	opened = is_open ? old : 0;
	engine_watch_opens(rig->engine, has_opened, NULL);
	rig_read(rig, &a, ino, 9 * MIB, 10);
	rig_read(rig, &b, ino, 11 * MIB, 10);
	assert_true(rig_run(rig, rig_is_answered, &a, 60 * HOURS));
	assert_true(rig_run(rig, rig_is_answered, &b, HOURS));
	rig_settle(rig);
	assert_int_equal(a.result, expected);
	assert_int_equal(b.result, expected);
	assert_int_equal(rig->engine->promised_bytes, 0);
	assert_int_equal(is_here(rig, old, 0, 1), is_open);
}

/* S180 */
static void a_part_that_grows_before_its_intent_gets_room_for_that(void **state)
{
	two_in_a_small_cache(*state, false, 0);
	assert_paid(*state, 1, 4 * MIB);
}

/* S180 */
static void a_part_that_grows_and_finds_no_room_is_refused_unpaid(void **state)
{
	two_in_a_small_cache(*state, true, -ENOSPC);
	assert_paid(*state, 0, 0);
}

/* S121 */
static void who_wants_more_than_the_part_under_way_waits_for_the_rest(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "large");
	struct rig_reader head, more, gone, never;

	rig_read(rig, &head, ino, 0, 10);
	rig_go_to(rig, ino, PHASE_RESTORING);
	rig_read(rig, &more, ino, 20 * MIB, 10);
	rig_read(rig, &gone, ino, 21 * MIB, 10);
	rig_settle(rig);
	engine_interrupt(rig->engine, gone.waiter.id);
	assert_true(rig_run(rig, rig_is_answered, &head, 60 * HOURS));
	assert_int_equal(head.result, 0);
	assert_false(more.is_answered);
	rig_read(rig, &never, ino, 3, 10);
	assert_true(rig_run(rig, rig_is_answered, &more, 60 * HOURS));
	assert_int_equal(more.result, 0);
	assert_int_equal(gone.result, -EINTR);
	assert_int_equal(never.result, 0);
	let_it_end(rig);
	assert_paid(rig, 2, LONG);
	assert_true(rig_is_right(rig, ino, large));
	assert_int_equal(rig->engine->n_waiters, 0);
}

/* S33 S121 */
static void what_is_asked_for_beyond_is_durable_when_the_write_returns(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "large");
	struct rig_asked head;

	get(rig, &head, ino, 0, 10);
	rig_go_to(rig, ino, PHASE_RESTORING);
	rig_settle(rig);
	get_now(rig, ino, 0, 0, 0);
	int64_t now = clock_service_ms(rig->clock);
	rig_close(rig);
	rig_open(rig, now);
	let_it_end(rig);
	assert_paid(rig, 2, LONG);
	assert_true(rig_is_right(rig, ino, large));
}

/* S26 */
static void a_job_for_all_of_it_serves_a_part_but_not_the_other_way_round(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "large");

	large->is_restored = true;
	large->ready_ms = RIG_START_MS + 8 * HOURS;
	large->expires_ms = RIG_START_MS + 200 * HOURS;
	read_now(rig, ino, 9 * MIB, 10, 0);
	assert_paid(rig, 0, 0);
	assert_int_equal(large->fetched_bytes, MIB);
	/* Somebody else's part is no use for the rest. */
	large->job_off = 4 * MIB;
	large->job_len = 4 * MIB;
	read_now(rig, ino, 0, 10, 0);
	assert_int_equal(large->restores, 1);
	assert_true(rig_is_right(rig, ino, large));
}

/* S26 */
static void somebody_elses_part_serves_a_smaller_one(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "large");

	large->is_restored = true;
	large->ready_ms = RIG_START_MS;
	large->expires_ms = RIG_START_MS + 200 * HOURS;
	large->job_off = 8 * MIB;
	large->job_len = 8 * MIB;
	read_now(rig, ino, 13 * MIB, 10, 0);
	assert_paid(rig, 0, 0);
	assert_int_equal(large->fetched_bytes, MIB);
	assert_true(is_here(rig, ino, 13 * MIB, MIB));
}

/* S123 */
static void a_part_without_hashes_of_its_chunks_is_proved_by_its_jobs(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "large");

	store->has_no_chunk_hashes = true;
	read_now(rig, ino, 6 * MIB, 3 * MIB, 0);
	assert_paid(rig, 1, 16 * MIB);
	assert_facts(rig, ino, FILE_PARTIAL, PROOF_RANGE);
}

/* S123 S27 */
static void a_part_that_nothing_vouches_for_is_not_shown(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "large");

	store->has_no_chunk_hashes = store->has_no_job_hashes = true;
	read_now(rig, ino, 0, 10, -EIO);
	assert_false(is_here(rig, ino, 0, 1));
	assert_paid(rig, 1, MIB);
	/* With the rest of it the inventory vouches for the whole. */
	get_now(rig, ino, 0, 0, 0);
	let_it_end(rig);
	assert_paid(rig, 2, LONG);
	assert_facts(rig, ino, FILE_CACHED, PROOF_TREE_HASH);
}

/* S27 */
static void a_flipped_byte_in_a_part_is_fetched_again(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "large");

	store->mishap[BACKEND_FETCH] = MISHAP_CORRUPT;
	store->mishaps[BACKEND_FETCH] = 1;
	read_now(rig, ino, 0, 10, 0);
	assert_paid(rig, 1, MIB);
	/* In the rest only the whole can tell: the head stays, the rest is fetched again. */
	store->mishaps[BACKEND_FETCH] = 1;
	read_now(rig, ino, 5 * MIB, 10, 0);
	assert_paid(rig, 2, LONG);
	assert_true(rig_is_right(rig, ino, large));
	assert_int_equal(large->fetched_bytes, 2 * MIB + 2 * (LONG - MIB));
}

static void go_to_fetching(struct rig *rig, uint64_t ino)
{
	rig_go_to(rig, ino, PHASE_RESTORING);
	clock_advance(rig->clock, 5 * HOURS);
	rig_go_to(rig, ino, PHASE_FETCHING);
}

/* S70 S122 */
static void only_what_is_missing_is_asked_for_after_a_lapse(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "large");
	struct rig_reader reader;

	rig->engine->first_cfg.has_ranges = false;
	rig_read(rig, &reader, ino, 0, LONG);
	go_to_fetching(rig, ino);
	while (!is_here(rig, ino, 0, 8 * MIB)) {
		engine_turn(rig->engine, 1);
		memory_pump();
	}
	large->is_restored = false;
	assert_true(rig_run(rig, rig_is_answered, &reader, 60 * HOURS));
	assert_int_equal(reader.result, 0);
	rig_settle(rig);
	assert_int_equal(large->restores, 2);
	assert_true(large->restored_bytes <= 2 * LONG - 8 * MIB);
	assert_int_equal(rig_ledger(rig, "InitiateJob", "retrieval").quantity,
			 large->restored_bytes);
	assert_true(rig_is_right(rig, ino, large));
}

/* S24: a part fits where the whole does not. */
static void a_budget_for_a_part_is_enough(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "large");

	rig->budgets[1].money =
		MONEY_PER_USD / 2000; /* five MiB's transfer and retrieval */
	read_now(rig, ino, 0, 10, 0);
	read_now(rig, ino, 5 * MIB, 10, -EDQUOT);
	assert_paid(rig, 1, MIB);
}

/* A cache too small for the archive holds a part of it. */
static void a_part_fits_a_cache_that_is_too_small_for_the_whole(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "large");

	rig->engine->first_cfg.cache_bytes = 8 * MIB;
	read_now(rig, ino, 0, 10, 0);
	read_now(rig, ino, 5 * MIB, 10, -ENOSPC);
	assert_paid(rig, 1, MIB);
	assert_int_equal(rig->engine->promised_bytes, 0);
}

/* S50: the part's bytes are all here, its end is not written yet, and the job is gone. */
static void a_part_that_is_here_is_not_asked_for_again_after_a_crash(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "large");
	struct rig_reader reader;

	rig_read(rig, &reader, ino, 0, 10);
	go_to_fetching(rig, ino);
	while (!is_here(rig, ino, 0, MIB)) {
		engine_turn(rig->engine, 1);
		memory_pump();
	}
	int64_t now = clock_service_ms(rig->clock);
	rig_close(rig);
	large->is_restored = false;
	rig_open(rig, now + 30 * HOURS);
	let_it_end(rig);
	read_now(rig, ino, 0, 10, 0);
	assert_paid(rig, 1, MIB);
	assert_facts(rig, ino, FILE_PARTIAL, PROOF_RANGE);
}

/* S50 S122: likewise the whole, which nothing but the inventory vouches for. */
static void what_is_held_but_not_proved_is_proved_and_not_paid_again(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "large");
	struct rig_reader reader;
	struct fill fill = { .held_bytes = 0 };

	store->has_no_chunk_hashes = true;
	rig->engine->first_cfg.has_ranges = false;
	rig_read(rig, &reader, ino, 0, 10);
	go_to_fetching(rig, ino);
	while (fill.held_bytes < LONG) {
		engine_turn(rig->engine, 0);
		if (store_fill(rig->state->store, ino, &fill) < 0)
			fill.held_bytes = 0;
		if (fill.held_bytes < LONG)
			memory_pump();
	}
	int64_t now = clock_service_ms(rig->clock);
	rig_close(rig);
	assert_int_equal(reader.result, -ETIMEDOUT);
	large->is_restored = false;
	rig_open(rig, now + 30 * HOURS);
	let_it_end(rig);
	read_now(rig, ino, 0, 10, 0);
	assert_paid(rig, 1, LONG);
	assert_true(rig_is_right(rig, ino, large));
}

static void a_part_is_made_faster_as_a_part(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "large");
	struct rig_asked slow, fast;

	get(rig, &slow, ino, 0, 10);
	rig_go_to(rig, ino, PHASE_RESTORING);
	rig_settle(rig);
	get(rig, &fast, ino, 5, 10);
	fast.ask.tier = TIER_EXPEDITED;
	assert_true(rig_run(rig, is_done, &fast, HOURS));
	assert_int_equal(fast.result, 0);
	let_it_end(rig);
	assert_paid(rig, 2, 2 * MIB);
	assert_true(is_here(rig, ino, 0, MIB));
	assert_false(is_here(rig, ino, MIB, 1));
}

#define PART(test) cmocka_unit_test_setup_teardown(test, setup_parts, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PART(the_head_of_an_archive_costs_a_part),
		PART(a_second_miss_brings_the_rest_and_only_that),
		PART(without_the_option_a_read_brings_all),
		PART(a_part_is_asked_for_by_a_request_whatever_the_option),
		PART(the_tail_of_an_archive_costs_its_last_node),
		PART(readers_before_the_intent_share_a_part),
		PART(a_part_that_grows_before_its_intent_gets_room_for_that),
		PART(a_part_that_grows_and_finds_no_room_is_refused_unpaid),
		PART(who_wants_more_than_the_part_under_way_waits_for_the_rest),
		PART(what_is_asked_for_beyond_is_durable_when_the_write_returns),
		PART(a_job_for_all_of_it_serves_a_part_but_not_the_other_way_round),
		PART(somebody_elses_part_serves_a_smaller_one),
		PART(a_part_without_hashes_of_its_chunks_is_proved_by_its_jobs),
		PART(a_part_that_nothing_vouches_for_is_not_shown),
		PART(a_flipped_byte_in_a_part_is_fetched_again),
		PART(only_what_is_missing_is_asked_for_after_a_lapse),
		PART(a_budget_for_a_part_is_enough),
		PART(a_part_fits_a_cache_that_is_too_small_for_the_whole),
		PART(a_part_that_is_here_is_not_asked_for_again_after_a_crash),
		PART(a_part_is_made_faster_as_a_part),
		PART(what_is_held_but_not_proved_is_proved_and_not_paid_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
