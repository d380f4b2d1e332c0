/* SPDX-License-Identifier: Apache-2.0 */
/* The engine on a store in memory and a clock set by hand. Promises are cited by number
 * (docs/SEMANTICS.md). */
#include "cases.h"

#include "facts.h"
#include <errno.h>

static void a_cold_archive_is_restored_once_and_read_right(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "archive");

	read_whole(rig, ino, 0);
	assert_true(rig_is_right(rig, ino, archive));
	assert_int_equal(archive->restores, 1);
	assert_int_equal(rig_ledger(rig, "InitiateJob", "retrieval").quantity, BIG);
	assert_int_equal(rig_ledger(rig, "InitiateJob", "retrieval").lines, 1);
	assert_int_equal(archive->fetched_bytes, BIG);
	assert_true(rig_ledger(rig, "GetJobOutput", "transfer").quantity >
		    BIG); /* inventory */

	struct fill fill;
	assert_int_equal(store_fill(rig->state->store, ino, &fill), 0);
	assert_int_equal(fill.proof, PROOF_TREE_HASH);
}

static void a_cold_object_is_restored_once_and_read_right(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");

	read_whole(rig, ino, 0);
	assert_true(rig_is_right(rig, ino, object));
	assert_int_equal(object->restores, 1);
	assert_int_equal(rig_ledger(rig, "RestoreObject", "request").quantity, 1);
	assert_int_equal(rig_ledger(rig, "RestoreObject", "retrieval").quantity, BIG);

	struct fill fill;
	assert_int_equal(store_fill(rig->state->store, ino, &fill), 0);
	assert_int_equal(fill.proof, PROOF_CHECKSUM);
}

static void a_second_read_of_what_is_here_costs_nothing(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "archive");

	read_whole(rig, ino, 0);
	unsigned int fetches = store->calls[BACKEND_FETCH],
		     finds = store->calls[BACKEND_FIND];
	read_whole(rig, ino, 0);
	assert_int_equal(store->calls[BACKEND_FETCH], fetches);
	assert_int_equal(store->calls[BACKEND_FIND], finds);
}

static void forty_readers_of_one_file_make_one_restore(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct rig_reader readers[40];

	for (size_t i = 0; i < ARRAY_SIZE(readers); i++)
		rig_read(rig, &readers[i], ino, i * 100000, 4096);
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		assert_true(rig_run(rig, rig_is_answered, &readers[i], 60 * HOURS));
		assert_int_equal(readers[i].result, 0);
	}
	assert_int_equal(object->restores, 1);
}

static void an_interrupted_reader_leaves_and_the_restore_goes_on(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "archive");
	struct rig_reader reader;

	rig_read(rig, &reader, ino, 0, 100);
	rig_settle(rig);
	assert_false(reader.is_answered);
	engine_interrupt(rig->engine, reader.waiter.id);
	rig_settle(rig);
	assert_true(reader.is_answered);
	assert_int_equal(reader.result, -EINTR);
	read_whole(rig, ino, 0);
	assert_int_equal(archive->restores, 1);
}

static void a_reader_interrupted_before_it_is_taken_gets_eintr(void **state)
{
	struct rig *rig = *state;
	struct rig_reader reader;

	rig_read(rig, &reader, rig_ino(rig, "vault", "archive"), 0, 100);
	reader.was_interrupted = true;
	rig_settle(rig);
	assert_int_equal(reader.result, -EINTR);
	assert_int_equal(archive->restores, 0);
}

/* S21 */
static void the_intent_is_durable_before_the_paid_call(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct rig_reader reader;
	struct request rec;

	rig_read(rig, &reader, ino, 0, 100);
	while (store->calls[BACKEND_RESTORE] == 0) {
		engine_turn(rig->engine, 1);
		if (restore_find(rig->engine, ino) &&
		    restore_find(rig->engine, ino)->phase == PHASE_SENDING) {
			/* The call is queued, not answered: the intent must be there already. */
			assert_int_equal(
				journal_request_of(rig->state->journal, ino, &rec), 0);
			assert_int_equal(rec.state, REQUEST_INTENT);
			assert_true(rec.reserved > 0);
		}
		memory_pump();
	}
	assert_true(rig_run(rig, rig_is_answered, &reader, 60 * HOURS));
}

/* A mishap on the first restore call; the reader must not notice, and it is paid once. */
static void lost_and_found(struct rig *rig, struct memory_object *o, const char *source,
			   enum memory_mishap mishap)
{
	store->mishap[BACKEND_RESTORE] = mishap;
	store->mishaps[BACKEND_RESTORE] = 1;
	uint64_t ino = rig_ino(rig, source, o->object.id);
	read_whole(rig, ino, 0);
	assert_true(rig_is_right(rig, ino, o));
	assert_int_equal(o->restores, 1);
	assert_int_equal(rig_ledger(rig, o == archive ? "InitiateJob" : "RestoreObject",
				    "retrieval")
				 .quantity,
			 BIG);
}

/* S23 */
static void a_lost_answer_is_looked_for_and_never_paid_twice(void **state)
{
	lost_and_found(*state, archive, "vault", MISHAP_LOST_AFTER);
	assert_int_equal(store->calls[BACKEND_RESTORE], 2); /* one is the inventory's */
	lost_and_found(*state, object, "bucket", MISHAP_LOST_AFTER);
	assert_int_equal(store->calls[BACKEND_RESTORE], 3);
}

static void a_call_that_never_arrived_is_sent_again(void **state)
{
	lost_and_found(*state, archive, "vault", MISHAP_LOST_BEFORE);
	lost_and_found(*state, object, "bucket", MISHAP_LOST_BEFORE);
}

static void a_list_that_lags_is_looked_at_twice_before_paying_again(void **state)
{
	store->late_lists = 1;
	lost_and_found(*state, archive, "vault", MISHAP_LOST_AFTER);
	assert_int_equal(store->late_lists, 0);
}

static void somebody_elses_job_is_not_taken_for_the_lost_one(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "archive");
	struct rig_reader reader;

	store->mishap[BACKEND_RESTORE] = MISHAP_LOST_BEFORE;
	store->mishaps[BACKEND_RESTORE] = 1;
	rig_read(rig, &reader, ino, 0, 100);
	rig_go_to(rig, ino, PHASE_SENDING);
	memory_pump();
	archive->is_restored = true;
	archive->ready_ms = RIG_START_MS;
	archive->expires_ms = RIG_START_MS + 100 * HOURS;
	snprintf(archive->tag, sizeof(archive->tag), "somebody");
	assert_true(rig_run(rig, rig_is_answered, &reader, 60 * HOURS));
	assert_int_equal(reader.result, 0);
	rig_settle(rig);
	assert_int_equal(archive->restores, 0);
	assert_int_equal(rig_ledger(rig, "InitiateJob", "retrieval").lines, 0);
}

/* Whatever befalls the look, what may have been paid is not let go of. */
static void outage_after_a_lost_answer(struct rig *rig, enum memory_mishap mishap)
{
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct rig_reader reader;
	struct request rec;

	store->mishap[BACKEND_RESTORE] = MISHAP_LOST_AFTER;
	store->mishaps[BACKEND_RESTORE] = 1;
	rig_read(rig, &reader, ino, 0, 100);
	rig_go_to(rig, ino, PHASE_SENDING);
	store->mishap[BACKEND_FIND] = mishap;
	store->mishaps[BACKEND_FIND] = 1000;
	for (int i = 0; i < 60; i++) {
		rig_settle(rig);
		clock_advance(rig->clock, 60000);
	}
	assert_int_equal(journal_request_of(rig->state->journal, ino, &rec), 0);
	assert_int_equal(rec.state, REQUEST_INTENT);
	assert_true(rec.reserved > 0);
	assert_int_equal(reader.is_answered, mishap == MISHAP_DENIED);
	assert_int_equal(reader.result, mishap == MISHAP_DENIED ? -EACCES : 0);
	store->mishaps[BACKEND_FIND] = 0;
	read_whole(rig, ino, 0);
	assert_int_equal(object->restores, 1);
	assert_int_equal(rig_ledger(rig, "RestoreObject", "retrieval").lines, 1);
}

static void an_outage_after_a_lost_answer_loses_no_charge(void **state)
{
	outage_after_a_lost_answer(*state, MISHAP_BUSY);
}

static void rights_lost_after_a_lost_answer_lose_no_charge(void **state)
{
	outage_after_a_lost_answer(*state, MISHAP_DENIED);
}

static void a_busy_service_is_asked_again(void **state)
{
	lost_and_found(*state, archive, "vault", MISHAP_BUSY);
}

static void a_denied_restore_fails_with_the_services_words(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "archive");
	struct facts facts;

	store->mishap[BACKEND_RESTORE] = MISHAP_DENIED;
	store->mishaps[BACKEND_RESTORE] = 1;
	read_whole(rig, ino, -EACCES);
	assert_int_equal(facts_of(rig->engine, ino, &facts), 0);
	assert_int_equal(facts.state, FILE_DENIED);
	assert_non_null(strstr(facts.why, "the test wanted it"));
	assert_true(facts.request.reserved == 0);
	assert_true(facts.request.charged == 0);
}

static void denied_after_it_was_paid_it_does_not_say_nothing_was_paid(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct facts facts;

	store->mishap[BACKEND_FETCH] = MISHAP_DENIED;
	store->mishaps[BACKEND_FETCH] = 1;
	read_whole(rig, ino, -EACCES);
	assert_int_equal(facts_of(rig->engine, ino, &facts), 0);
	assert_true(facts.request.charged > 0);
	assert_int_equal(facts.state, FILE_FAILED);
}

/* S24 */
static void a_budget_says_no_before_anything_is_paid(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "archive");
	struct facts facts;

	rig->budgets[1].money = 1; /* next to nothing for a user */
	read_whole(rig, ino, -EDQUOT);
	assert_int_equal(archive->restores, 0);
	assert_int_equal(facts_of(rig->engine, ino, &facts), 0);
	assert_int_equal(facts.state, FILE_DENIED);
	assert_non_null(strstr(facts.why, "budget default/uid=1000/2026-01-01 allows"));
}

/* S25 */
static void an_unknown_price_is_refused(void **state)
{
	struct rig *rig = *state;

	struct source *s = engine_source(rig->engine, "vault");

	s->backend->region = "nowhere-1";
	read_whole(rig, rig_ino(rig, "vault", "archive"), -EDQUOT);
	assert_int_equal(archive->restores, 0);
	s->first_cfg.prices =
		"us-east-1"; /* the owner takes another region's for good enough */
	read_whole(rig, rig_ino(rig, "vault", "archive"), 0);
	assert_int_equal(archive->restores, 1);
}

/* S26 */
static void what_somebody_else_restored_is_simply_read(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");

	object->is_restored = true;
	object->ready_ms = RIG_START_MS;
	object->expires_ms = RIG_START_MS + 100 * HOURS;
	read_whole(rig, ino, 0);
	assert_int_equal(object->restores, 0);
	assert_int_equal(rig_ledger(rig, "RestoreObject", "retrieval").lines, 0);
	assert_int_equal(rig_ledger(rig, "GetObject", "transfer").quantity, BIG);
}

static void a_flipped_bit_is_fetched_again_and_never_served(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "archive");

	store->mishap[BACKEND_FETCH] = MISHAP_CORRUPT;
	store->mishaps[BACKEND_FETCH] = 1;
	read_whole(rig, ino, 0);
	assert_true(rig_is_right(rig, ino, archive));
	assert_true(archive->fetched_bytes > BIG);
}

/* S27 */
static void bytes_that_never_verify_end_in_eio(void **state)
{
	struct rig *rig = *state;
	uint64_t vault_ino = rig_ino(rig, "vault", "archive");
	uint64_t bucket_ino = rig_ino(rig, "bucket", "object");
	struct fill fill;

	store->mishap[BACKEND_FETCH] = MISHAP_CORRUPT;
	store->mishaps[BACKEND_FETCH] = 1000;
	read_whole(rig, vault_ino, -EIO);
	read_whole(rig, bucket_ino, -EIO);
	assert_int_equal(store_covers(rig->state->store, vault_ino, 0, 1, &fill), 0);
	assert_int_equal(store_covers(rig->state->store, bucket_ino, 0, 1, &fill), 0);
}

/* Lets one range of a ready file arrive, and no more. True if the reader of it was answered. */
static bool is_served_by_its_range(struct rig *rig, uint64_t ino)
{
	struct rig_reader reader;
	bool is_early;

	rig_read(rig, &reader, ino, 0, 100);
	rig_settle(rig);
	clock_advance(rig->clock, 10 * HOURS);
	rig_go_to(rig, ino, PHASE_FETCHING);
	while (restore_find(rig->engine, ino)->n_transfers < 1)
		engine_turn(rig->engine, 1);
	memory_pump();
	while (rig->engine->n_ops)
		engine_turn(rig->engine, 1);
	is_early = reader.is_answered;
	assert_int_equal(rig_phase(rig, ino), PHASE_FETCHING);
	assert_true(rig_run(rig, rig_is_answered, &reader, HOURS));
	assert_int_equal(reader.result, 0);
	return is_early;
}

static void a_range_is_served_as_soon_as_it_is_proved_and_no_sooner(void **state)
{
	struct rig *rig = *state;

	/* A vault vouches for each range, S3 for the whole only. */
	assert_true(is_served_by_its_range(rig, rig_ino(rig, "vault", "archive")));
	assert_false(is_served_by_its_range(rig, rig_ino(rig, "bucket", "object")));
}

static void a_broken_connection_is_resumed(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");

	store->mishap[BACKEND_FETCH] = MISHAP_SHORT;
	store->mishaps[BACKEND_FETCH] = 3;
	read_whole(rig, ino, 0);
	assert_true(rig_is_right(rig, ino, object));
	assert_int_equal(object->restores, 1);
}

/* S28 */
static void without_a_checksum_it_is_transport_or_refused(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct source *s = engine_source(rig->engine, "bucket");
	struct fill fill;

	store->has_no_checksums = true;
	s->first_cfg.require_proof = true;
	read_whole(rig, ino, -EOPNOTSUPP);
	assert_int_equal(object->restores, 0);
	s->first_cfg.require_proof = false;
	read_whole(rig, ino, 0);
	assert_int_equal(store_fill(rig->state->store, ino, &fill), 0);
	assert_int_equal(fill.proof, PROOF_TRANSPORT);
}

static void a_page_fault_on_cold_bytes_asks_and_fails_at_once(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "archive");
	struct rig_reader reader;

	rig_read(rig, &reader, ino, 0, 100);
	reader.waiter.how = WAIT_FAULT;
	rig_settle(rig);
	assert_true(reader.is_answered);
	assert_int_equal(reader.result, -EIO);
	assert_int_equal(archive->restores, 1);

	struct facts facts;
	assert_int_equal(facts_of(rig->engine, ino, &facts), 0);
	assert_int_equal(facts.state, FILE_RESTORING);
	assert_non_null(strstr(facts.why, "cannot wait for a restore"));
	read_whole(rig, ino, 0);
	assert_int_equal(facts_of(rig->engine, ino, &facts), 0);
	assert_string_equal(facts.why, "");
}

static void a_reader_that_does_not_wait_gets_eagain(void **state)
{
	struct rig *rig = *state;
	struct rig_reader reader;

	rig_read(rig, &reader, rig_ino(rig, "vault", "archive"), 0, 100);
	reader.waiter.how = WAIT_NEVER;
	rig_settle(rig);
	assert_int_equal(reader.result, -EAGAIN);
	assert_int_equal(archive->restores, 1);
}

static void max_wait_ends_a_wait_but_not_the_restore(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "archive");
	struct rig_reader reader;

	rig->engine->first_cfg.max_wait_ms = 60000;
	rig_read(rig, &reader, ino, 0, 100);
	assert_true(rig_run(rig, rig_is_answered, &reader, HOURS));
	assert_int_equal(reader.result, -ETIMEDOUT);
	rig->engine->first_cfg.max_wait_ms = 0;
	read_whole(rig, ino, 0);
	assert_int_equal(archive->restores, 1);
}

static void ask(struct rig *rig, struct rig_asked *asked, enum ask_verb verb,
		uint64_t ino)
{
	rig_ask(rig, asked, verb, ino);
	rig_settle(rig);
	assert_int_equal(asked->answers, 1);
}

/* S29 */
static void cancel_dismisses_readers_and_nothing_is_fetched(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct rig_asked asked = { .answers = 0 };
	struct rig_reader reader;

	ask(rig, &asked, ASK_GET, ino);
	assert_int_equal(asked.result, 0);
	rig_read(rig, &reader, ino, 0, 1);
	rig_settle(rig);
	ask(rig, &asked, ASK_CANCEL, ino);
	assert_int_equal(asked.result, 0);
	assert_int_equal(reader.result, -ECANCELED);
	clock_advance(rig->clock, 10 * HOURS);
	rig_settle(rig);
	assert_int_equal(store->calls[BACKEND_FETCH], 1); /* the inventory */
	/* Wanted again: joined, not paid again. */
	read_whole(rig, ino, 0);
	assert_int_equal(object->restores, 1);
}

static void get_refuses_a_tier_the_class_does_not_have(void **state)
{
	struct rig *rig = *state;
	struct rig_asked asked = { .ask.tier = TIER_EXPEDITED };

	ask(rig, &asked, ASK_GET, rig_ino(rig, "bucket", "object"));
	assert_int_equal(asked.result, -EINVAL);
	assert_int_equal(object->restores, 0);
}

static void a_restart_takes_up_what_was_open(void **state)
{
	struct rig *rig = *state;
	struct rig_reader reader;

	rig_read(rig, &reader, rig_ino(rig, "vault", "archive"), 0, 100);
	rig_settle(rig);
	int64_t now = clock_service_ms(rig->clock);
	rig_close(rig);
	assert_int_equal(reader.result, -ETIMEDOUT);
	rig_open(rig, now + HOURS);
	read_whole(rig, rig_ino(rig, "vault", "archive"), 0);
	assert_true(rig_is_right(rig, rig_ino(rig, "vault", "archive"), archive));
	assert_int_equal(archive->restores, 1);
	assert_int_equal(rig_ledger(rig, "InitiateJob", "retrieval").lines, 1);
}

static void an_outage_of_hours_while_restoring_is_ridden_out(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "archive");
	struct rig_reader reader;

	rig_read(rig, &reader, ino, 0, 100);
	rig_settle(rig);
	store->is_unreachable = true;
	for (int i = 0; i < 600; i++) {
		clock_advance(rig->clock, 60000);
		rig_settle(rig);
	}
	assert_false(reader.is_answered);
	store->is_unreachable = false;
	assert_true(rig_run(rig, rig_is_answered, &reader, 20 * HOURS));
	assert_int_equal(reader.result, 0);
	assert_int_equal(archive->restores, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_cold_archive_is_restored_once_and_read_right),
		TEST(a_cold_object_is_restored_once_and_read_right),
		TEST(a_second_read_of_what_is_here_costs_nothing),
		TEST(forty_readers_of_one_file_make_one_restore),
		TEST(an_interrupted_reader_leaves_and_the_restore_goes_on),
		TEST(a_reader_interrupted_before_it_is_taken_gets_eintr),
		TEST(the_intent_is_durable_before_the_paid_call),
		TEST(a_lost_answer_is_looked_for_and_never_paid_twice),
		TEST(a_call_that_never_arrived_is_sent_again),
		TEST(a_list_that_lags_is_looked_at_twice_before_paying_again),
		TEST(somebody_elses_job_is_not_taken_for_the_lost_one),
		TEST(an_outage_after_a_lost_answer_loses_no_charge),
		TEST(rights_lost_after_a_lost_answer_lose_no_charge),
		TEST(a_busy_service_is_asked_again),
		TEST(a_denied_restore_fails_with_the_services_words),
		TEST(denied_after_it_was_paid_it_does_not_say_nothing_was_paid),
		TEST(a_budget_says_no_before_anything_is_paid),
		TEST(an_unknown_price_is_refused),
		TEST(what_somebody_else_restored_is_simply_read),
		TEST(a_flipped_bit_is_fetched_again_and_never_served),
		TEST(bytes_that_never_verify_end_in_eio),
		TEST(a_range_is_served_as_soon_as_it_is_proved_and_no_sooner),
		TEST(a_broken_connection_is_resumed),
		TEST(without_a_checksum_it_is_transport_or_refused),
		TEST(a_page_fault_on_cold_bytes_asks_and_fails_at_once),
		TEST(a_reader_that_does_not_wait_gets_eagain),
		TEST(max_wait_ends_a_wait_but_not_the_restore),
		TEST(cancel_dismisses_readers_and_nothing_is_fetched),
		TEST(get_refuses_a_tier_the_class_does_not_have),
		TEST(a_restart_takes_up_what_was_open),
		TEST(an_outage_of_hours_while_restoring_is_ridden_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
