/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of several parts: what is proved when, and by what. */
#include "cases.h"

#include "facts.h"
#include <errno.h>

#define SIZE (20 * MIB + 77)

static struct memory_object *large;

static int setup_large(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct clock *clock = clock_new_virtual(RIG_START_MS);

	store = memory_install(clock);
	memory_add("archive", "VAULT", BIG);
	large = memory_add("large", "DEEP_ARCHIVE", SIZE);
	large->part_bytes = 6 * MIB; /* no multiple of a chunk */
	large->has_part_sums = true;
	rig_init(rig);
	rig->cfg.chunk_bytes = 4 * MIB;
	rig_open(rig, RIG_START_MS);
	clock_free(clock);
	*state = rig;
	return 0;
}

static struct fill fill_of(struct rig *rig, uint64_t ino)
{
	struct fill fill = { .ino = 0 };

	(void)store_fill(rig->state->store, ino, &fill);
	return fill;
}

static bool is_read(struct rig *rig, uint64_t ino, uint64_t off, uint64_t len)
{
	struct rig_reader reader;

	rig_read(rig, &reader, ino, off, len);
	assert_true(rig_run(rig, rig_is_answered, &reader, 60 * HOURS));
	return reader.result == 0;
}

static bool has_ended(void *arg)
{
	return restore_first(((struct rig *)arg)->engine) == NULL;
}

static void let_it_end(struct rig *rig)
{
	assert_true(rig_run(rig, has_ended, rig, 100 * HOURS));
	rig_settle(rig);
}

/* S140 */
static void a_part_is_served_while_the_rest_comes(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "large");
	struct rig_reader reader;

	rig_read(rig, &reader, ino, 0, 100);
	fetch_one_chunk(rig, ino);
	assert_false(reader.is_answered);
	while (!reader.is_answered) {
		engine_turn(rig->engine, 1);
		memory_pump();
		while (rig->engine->n_ops)
			engine_turn(rig->engine, 1);
	}
	assert_int_equal(reader.result, 0);
	struct fill fill = fill_of(rig, ino);
	assert_int_equal(fill.here_bytes, 6 * MIB);
	assert_int_equal(fill.proof, PROOF_PART);
	let_it_end(rig);
	fill = fill_of(rig, ino);
	assert_true(fill.is_whole);
	assert_int_equal(fill.proof, PROOF_PART);
	assert_true(rig_is_right(rig, ino, large));
	assert_int_equal(large->restores, 1);
	assert_int_equal(large->fetched_bytes, SIZE);
	/* Once before it was paid for; its parts were kept while it was restored. */
	assert_int_equal(rig_ledger(rig, "GetObjectAttributes", "request").quantity, 1);
}

/* S141 */
static void what_is_waited_for_comes_before_the_rest(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "large");
	struct rig_reader reader;
	struct fill fill;

	large->part_bytes = 4 * MIB;
	rig_read(rig, &reader, ino, 13 * MIB, 100);
	fetch_one_chunk(rig, ino);
	assert_true(reader.is_answered);
	assert_int_equal(large->fetched_bytes, 4 * MIB);
	assert_int_equal(store_covers(rig->state->store, ino, 12 * MIB, 4 * MIB, &fill),
			 1);
	let_it_end(rig);
	assert_true(rig_is_right(rig, ino, large));
}

/* S140 */
static void an_etag_of_parts_proves_the_whole_and_nothing_before(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "large");

	large->has_part_sums = false;
	engine_source(rig->engine, "bucket")->first_cfg.require_proof = true;
	assert_true(is_read(rig, ino, 0, 100));
	assert_true(fill_of(rig, ino).is_whole);
	let_it_end(rig);
	assert_int_equal(fill_of(rig, ino).proof, PROOF_ETAG);
	assert_true(rig_is_right(rig, ino, large));
}

/* S140: parts of no whole MiB are proved with all of their neighbours. */
static void parts_of_odd_sizes_prove_the_whole(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "large");

	large->part_bytes = 5000001;
	assert_true(is_read(rig, ino, 0, 100));
	assert_true(fill_of(rig, ino).is_whole);
	let_it_end(rig);
	assert_int_equal(fill_of(rig, ino).proof, PROOF_PART);
	assert_true(rig_is_right(rig, ino, large));
}

/* S27 */
static void a_part_with_a_flipped_byte_is_fetched_again_alone(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "large");

	store->mishap[BACKEND_FETCH] = MISHAP_CORRUPT;
	store->spared[BACKEND_FETCH] = 2;
	store->mishaps[BACKEND_FETCH] = 1;
	assert_true(is_read(rig, ino, 0, SIZE));
	let_it_end(rig);
	assert_true(rig_is_right(rig, ino, large));
	assert_true(large->fetched_bytes > SIZE);
	assert_true(large->fetched_bytes <= SIZE + 6 * MIB);
	assert_int_equal(large->restores, 1);
}

/* S27 */
static void parts_that_never_verify_are_never_served(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "large");

	store->mishap[BACKEND_FETCH] = MISHAP_CORRUPT;
	store->mishaps[BACKEND_FETCH] = 1000;
	assert_false(is_read(rig, ino, 0, 100));
	let_it_end(rig);
	assert_int_equal(fill_of(rig, ino).here_bytes, 0);
	assert_int_equal(large->restores, 1);
	store->mishaps[BACKEND_FETCH] = 0;
	assert_true(is_read(rig, ino, 0, SIZE));
	let_it_end(rig);
	assert_true(rig_is_right(rig, ino, large));
	assert_int_equal(large->restores, 1);
}

static bool has_some(void *arg)
{
	struct fill fill = fill_of(arg, rig_ino(arg, "bucket", "large"));

	return fill.held_bytes >= 4 * MIB;
}

/* S50 S22 */
static void what_was_here_before_a_crash_is_proved_and_not_fetched_again(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "large");
	struct rig_reader reader;

	rig_read(rig, &reader, ino, 0, SIZE);
	rig_go_to(rig, ino, PHASE_RESTORING);
	assert_true(rig_run(rig, has_some, rig, 60 * HOURS));
	uint64_t held = fill_of(rig, ino).held_bytes;
	assert_true(held < SIZE);
	int64_t now = clock_service_ms(rig->clock);
	rig_close(rig);
	rig_open(rig, now);
	assert_true(is_read(rig, ino, 0, SIZE));
	let_it_end(rig);
	assert_true(rig_is_right(rig, ino, large));
	assert_true(large->fetched_bytes <= 2 * SIZE - held);
	assert_int_equal(large->restores, 1);
}

/* An object that is always there, in parts of 2 MiB. */
static uint64_t make_online(struct rig *rig)
{
	large->is_online = true;
	large->part_bytes = 2 * MIB;
	return rig_ino(rig, "bucket", "large");
}

/* S187 */
static void a_random_reader_brings_the_parts_it_reads_and_no_more(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = make_online(rig);

	assert_true(is_read(rig, ino, 13 * MIB, 100));
	assert_true(is_read(rig, ino, 5 * MIB, 2 * MIB));
	rig_settle(rig);
	assert_int_equal(large->fetched_bytes, 6 * MIB);
	assert_int_equal(rig_phase(rig, ino), PHASE_FETCHING);
	let_it_end(rig);
	assert_int_equal(large->fetched_bytes, 6 * MIB);
	assert_int_equal(fill_of(rig, ino).here_bytes, 6 * MIB);
	assert_true(is_read(rig, ino, 5 * MIB, MIB));
	assert_int_equal(large->fetched_bytes, 6 * MIB);
	assert_int_equal(large->restores, 0);
}

/* S187 */
static void who_reads_in_sequence_is_read_ahead_for(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = make_online(rig);

	assert_true(is_read(rig, ino, 0, 2 * MIB));
	rig_settle(rig);
	assert_int_equal(large->fetched_bytes, 2 * MIB);
	assert_true(is_read(rig, ino, 2 * MIB, MIB));
	rig_settle(rig);
	assert_int_equal(large->fetched_bytes, 6 * MIB);
	for (uint64_t off = 0; off < SIZE; off += MIB)
		assert_true(is_read(rig, ino, off, MIB));
	let_it_end(rig);
	assert_true(rig_is_right(rig, ino, large));
	assert_int_equal(large->fetched_bytes, SIZE);
}

/* S187 */
static void what_is_asked_for_comes_as_a_whole(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = make_online(rig);
	static struct rig_asked get;

	assert_true(is_read(rig, ino, 13 * MIB, 100));
	rig_ask(rig, &get, ASK_GET, ino);
	let_it_end(rig);
	assert_true(rig_is_right(rig, ino, large));
	assert_int_equal(large->fetched_bytes, SIZE);
}

#define PROOF(f) cmocka_unit_test_setup_teardown(f, setup_large, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROOF(a_random_reader_brings_the_parts_it_reads_and_no_more),
		PROOF(who_reads_in_sequence_is_read_ahead_for),
		PROOF(what_is_asked_for_comes_as_a_whole),
		PROOF(a_part_is_served_while_the_rest_comes),
		PROOF(what_is_waited_for_comes_before_the_rest),
		PROOF(an_etag_of_parts_proves_the_whole_and_nothing_before),
		PROOF(parts_of_odd_sizes_prove_the_whole),
		PROOF(a_part_with_a_flipped_byte_is_fetched_again_alone),
		PROOF(parts_that_never_verify_are_never_served),
		PROOF(what_was_here_before_a_crash_is_proved_and_not_fetched_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
