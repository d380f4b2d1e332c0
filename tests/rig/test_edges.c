/* SPDX-License-Identifier: Apache-2.0 */
/* What happens between two steps: a stop, a crash, a cancel, a disk that takes nothing, a store
 * that is slow. Money is counted on both sides, by the fake service and by the ledger. */
#include "cases.h"

#include "facts.h"
#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/resource.h>

static struct memory_object *other;

static int setup_three(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct clock *clock = clock_new_virtual(RIG_START_MS);

	store = memory_install(clock);
	archive = memory_add("archive", "VAULT", BIG);
	object = memory_add("object", "DEEP_ARCHIVE", BIG);
	other = memory_add("other", "DEEP_ARCHIVE", BIG);
	rig_init(rig);
	rig_open(rig, RIG_START_MS);
	rig_settle(rig);
	clock_free(clock);
	*state = rig;
	return 0;
}

static void reopen(struct rig *rig, int64_t later_ms)
{
	int64_t now = clock_service_ms(rig->clock);

	rig_close(rig);
	rig_open(rig, now + later_ms);
}

static void ask(struct rig *rig, struct rig_asked *asked, enum ask_verb verb,
		uint64_t ino)
{
	*asked = (struct rig_asked){ .answers = 0 };
	rig_ask(rig, asked, verb, ino);
}

static void restored_by_somebody(struct memory_object *o)
{
	o->is_restored = true;
	o->ready_ms = RIG_START_MS;
	o->expires_ms = RIG_START_MS + 1000 * HOURS;
}

static void forget_post(void *target, struct state_op *op)
{
	store_forget_post(target, container_of(op, struct forget_op, op));
}

static void forget(struct rig *rig, uint64_t ino)
{
	struct forget_op op = { .ino = ino };

	state_op_wait(forget_post, rig->state->store, &op.op);
}

/* ---- money ---- */

static void a_refusal_cut_short_is_not_paid_by_the_next_run(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "archive");
	struct rig_reader reader;
	struct request rec;
	struct facts facts;

	rig->budgets[1].money = 1;
	rig_read(rig, &reader, ino, 0, 100);
	rig_go_to(rig, ino, PHASE_ENDING);
	/* The refusal is being written: its first step is durable, its last is not. */
	while (journal_request_of(rig->state->journal, ino, &rec) < 0)
		;
	assert_int_equal(rec.state, REQUEST_INTENT);
	reopen(rig, HOURS);
	clock_advance(rig->clock, 10 * HOURS);
	rig_settle(rig);
	assert_int_equal(archive->restores, 0);
	assert_int_equal(facts_of(rig->engine, ino, &facts), 0);
	assert_int_equal(facts.state, FILE_DENIED);
}

static void limit_files(rlim_t bytes)
{
	struct rlimit lim;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &lim), 0);
	lim.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &lim), 0);
}

/* Lets the paid call be accepted while the journal's disk takes nothing. */
static void accept_unwritten(struct rig *rig, uint64_t ino)
{
	rig_go_to(rig, ino, PHASE_SENDING);
	limit_files(4096);
	rig_go_to(rig, ino, PHASE_RESTORING);
	while (rig->engine->n_ops)
		engine_turn(rig->engine, 1);
	limit_files(RLIM_INFINITY);
	assert_false(LIST_EMPTY(&rig->engine->owed_notes));
}

static void what_was_paid_is_written_though_the_request_has_ended_meanwhile(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct rig_asked get, cancel;
	struct request rec;

	ask(rig, &get, ASK_GET, ino);
	accept_unwritten(rig, ino);
	ask(rig, &cancel, ASK_CANCEL, ino);
	rig_settle(rig);
	assert_int_equal(cancel.result, 0);
	for (int i = 0; i < 3; i++) {
		clock_advance(rig->clock, 6000);
		rig_settle(rig);
	}
	assert_true(LIST_EMPTY(&rig->engine->owed_notes));
	assert_int_equal(rig_ledger(rig, "RestoreObject", "retrieval").lines, 1);
	assert_int_equal(journal_request_of(rig->state->journal, ino, &rec), 0);
	assert_int_equal(rec.state, REQUEST_CANCELLED);
	assert_true(rec.reserved == 0 && rec.charged > 0);
}

static void what_was_paid_but_not_written_is_found_by_the_next_run(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct rig_asked get;

	ask(rig, &get, ASK_GET, ino);
	accept_unwritten(rig, ino);
	reopen(rig, HOURS);
	read_whole(rig, ino, 0);
	assert_int_equal(object->restores, 1);
	assert_int_equal(rig_ledger(rig, "RestoreObject", "retrieval").lines, 1);
}

static void a_stop_while_the_journal_takes_nothing_comes_to_an_end(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct rig_asked get;

	ask(rig, &get, ASK_GET, ino);
	rig_go_to(rig, ino, PHASE_SENDING);
	limit_files(4096);
	rig_go_to(rig, ino, PHASE_RESTORING);
	/* The step is not answered yet; it fails while we stop. Nothing may be left behind. */
	int64_t now = clock_service_ms(rig->clock);
	rig_close(rig);
	limit_files(RLIM_INFINITY);
	rig_open(rig, now + HOURS);
	read_whole(rig, ino, 0);
	assert_int_equal(object->restores, 1);
	assert_int_equal(rig_ledger(rig, "RestoreObject", "retrieval").lines, 1);
}

static uint64_t looks(void)
{
	return store->calls[BACKEND_FIND] + store->calls[BACKEND_PROBE];
}

static uint64_t heads_charged(struct rig *rig)
{
	return rig_ledger(rig, "HeadObject", "request").quantity;
}

static void polls_are_in_the_ledger_but_for_one(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	uint64_t before = looks(), heads = heads_charged(rig);
	struct rig_asked get;

	store->restore_ms = 40 * HOURS;
	ask(rig, &get, ASK_GET, ino);
	rig_settle(rig);
	for (int i = 0; i < 20; i++) {
		clock_advance(rig->clock, HOURS);
		rig_settle(rig);
	}
	assert_int_equal(rig_phase(rig, ino), PHASE_RESTORING);
	assert_true(looks() - before > 10);
	assert_true(heads_charged(rig) - heads + 1 >= looks() - before);
	assert_true(heads_charged(rig) - heads <= looks() - before);
}

static void a_look_that_ends_in_a_refusal_is_in_the_ledger(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	uint64_t before = looks(), heads = heads_charged(rig);

	store->has_no_checksums = true;
	engine_source(rig->engine, "bucket")->first_cfg.require_proof = true;
	for (int i = 0; i < 3; i++)
		read_whole(rig, ino, -EOPNOTSUPP);
	assert_int_equal(object->restores, 0);
	assert_int_equal(heads_charged(rig) - heads, looks() - before);
}

static void what_a_stop_cuts_short_is_in_the_ledger(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct rig_reader reader;

	restored_by_somebody(object);
	rig_read(rig, &reader, ino, 0, 100);
	rig_go_to(rig, ino, PHASE_FETCHING);
	while (!restore_find(rig->engine, ino)->n_transfers)
		engine_turn(rig->engine, 1);
	reopen(rig, 0);
	assert_int_equal(reader.result, -ETIMEDOUT);
	assert_true(object->fetched_bytes > 0);
	read_whole(rig, ino, 0);
	assert_int_equal(rig_ledger(rig, "GetObject", "transfer").quantity,
			 object->fetched_bytes);
}

static void a_call_that_is_always_lost_is_given_up_unpaid(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	unsigned int before = store->calls[BACKEND_RESTORE];
	struct request rec;

	store->mishap[BACKEND_RESTORE] = MISHAP_LOST_BEFORE;
	store->mishaps[BACKEND_RESTORE] = 1000;
	read_whole(rig, ino, -EIO);
	assert_true(store->calls[BACKEND_RESTORE] - before <= LOST_MAX + 1);
	assert_int_equal(journal_request_of(rig->state->journal, ino, &rec), 0);
	assert_int_equal(rec.state, REQUEST_FAILED);
	assert_true(rec.reserved == 0 && rec.charged >= 0);
	assert_int_equal(rig_ledger(rig, "RestoreObject", "retrieval").lines, 0);
}

static void an_open_request_is_taken_up_and_never_doubled(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "archive");
	struct request first, second;
	struct rig_asked get;

	store->mishap[BACKEND_RESTORE] = MISHAP_LOST_AFTER;
	store->mishaps[BACKEND_RESTORE] = 1;
	ask(rig, &get, ASK_GET, ino);
	rig_go_to(rig, ino, PHASE_SENDING);
	memory_pump();
	/* As if the catalog had not had it when open requests were taken up. */
	rig_settle(rig);
	restore_free(restore_find(rig->engine, ino));
	assert_int_equal(journal_request_of(rig->state->journal, ino, &first), 0);
	assert_int_equal(first.state, REQUEST_INTENT);

	read_whole(rig, ino, 0);
	assert_int_equal(journal_request_of(rig->state->journal, ino, &second), 0);
	assert_int_equal(second.id, first.id);
	assert_int_equal(archive->restores, 1);
	assert_int_equal(rig_ledger(rig, "InitiateJob", "retrieval").lines, 1);
}

/* ---- the cache ---- */

static void two_that_fit_only_alone_are_not_both_paid(void **state)
{
	struct rig *rig = *state;
	struct rig_reader first, second;

	rig->engine->first_cfg.cache_bytes =
		store_used_bytes(rig->state->store) + BIG + MIB;
	rig_read(rig, &first, rig_ino(rig, "bucket", "object"), 0, 100);
	rig_settle(rig);
	rig_read(rig, &second, rig_ino(rig, "bucket", "other"), 0, 100);
	rig_settle(rig);
	assert_true(second.is_answered);
	assert_int_equal(second.result, -ENOSPC);
	assert_true(rig_run(rig, rig_is_answered, &first, 60 * HOURS));
	assert_int_equal(first.result, 0);
	assert_int_equal(other->restores, 0);
	rig_settle(rig);
	assert_true(rig->engine->promised_bytes == 0);
}

static void what_is_here_in_part_is_not_counted_twice(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct rig_asked cancel;
	struct rig_reader reader;

	restored_by_somebody(object);
	rig->engine->first_cfg.cache_bytes = BIG + MIB / 2;
	rig_read(rig, &reader, ino, 0, 100);
	rig_go_to(rig, ino, PHASE_FETCHING);
	while (store_used_bytes(rig->state->store) == 0) {
		engine_turn(rig->engine, 1);
		if (restore_find(rig->engine, ino)->n_transfers > 0)
			memory_pump();
	}
	ask(rig, &cancel, ASK_CANCEL, ino);
	rig_settle(rig);
	assert_true(store_used_bytes(rig->state->store) >= MIB);
	read_whole(rig, ino, 0);
}

static void bytes_forgotten_before_they_are_proved_are_fetched_again(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct fill fill = { .held_bytes = 0 };
	struct rig_reader reader;

	restored_by_somebody(object);
	rig_read(rig, &reader, ino, 0, 100);
	rig_go_to(rig, ino, PHASE_FETCHING);
	while (!restore_find(rig->engine, ino)->n_transfers)
		engine_turn(rig->engine, 1);
	while (memory_pump())
		;
	while (store_fill(rig->state->store, ino, &fill) < 0 || fill.held_bytes != BIG)
		;
	/* As a check of the cache would, that finds them damaged. */
	forget(rig, ino);
	assert_true(rig_run(rig, rig_is_answered, &reader, HOURS));
	assert_int_equal(reader.result, 0);
	assert_true(rig_is_right(rig, ino, object));
}

static void proof_that_is_required_since_the_restart_is_required(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct rig_asked get;
	struct fill fill;

	store->has_no_checksums = true;
	ask(rig, &get, ASK_GET, ino);
	rig_settle(rig);
	assert_int_equal(rig_phase(rig, ino), PHASE_RESTORING);
	rig->bucket.require_proof = true;
	reopen(rig, 0);
	read_whole(rig, ino, -EOPNOTSUPP);
	assert_int_equal(store_covers(rig->state->store, ino, 0, 1, &fill), 0);
}

/* ---- the store is slow ---- */

struct held {
	struct forget_op forget;
	sem_t go;
};

static void hold_writer(struct msg *m)
{
	sem_wait(&container_of(m, struct held, forget.op.msg)->go);
}

static void an_answer_for_a_cancelled_restore_is_not_taken_for_the_next_ones(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct held held = { .forget.ino = INO_MAX, .forget.op.msg.run = hold_writer };
	struct rig_reader first, second;
	struct rig_asked cancel;

	restored_by_somebody(object);
	sem_init(&held.go, 0, 0);
	store_forget_post(rig->state->store, &held.forget);
	rig_read(rig, &first, ino, 0, 100);
	rig_go_to(rig, ino, PHASE_FETCHING);
	ask(rig, &cancel, ASK_CANCEL, ino);
	rig_go_to(rig, ino, PHASE_ENDED);
	rig_read(rig, &second, ino, 0, 100);
	rig_go_to(rig, ino, PHASE_LOOKING);
	rig_go_to(rig, ino, PHASE_FETCHING);
	sem_post(&held.go);
	assert_true(rig_run(rig, rig_is_answered, &second, HOURS));
	assert_int_equal(first.result, -ECANCELED);
	assert_int_equal(second.result, 0);
	rig_settle(rig);
	assert_true(rig_is_right(rig, ino, object));
	sem_destroy(&held.go);
}

/* ---- requests ---- */

static void wanted_again_after_a_cancel_it_goes_on(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct rig_asked get, cancel, again;

	store->mishap[BACKEND_RESTORE] = MISHAP_BUSY;
	store->mishaps[BACKEND_RESTORE] = 3;
	ask(rig, &get, ASK_GET, ino);
	rig_settle(rig);
	assert_int_equal(rig_phase(rig, ino), PHASE_SENDING);
	ask(rig, &cancel, ASK_CANCEL, ino);
	ask(rig, &again, ASK_GET, ino);
	rig_settle(rig);
	assert_int_equal(cancel.result, 0);
	assert_int_equal(again.result, 0);
	read_whole(rig, ino, 0);
	assert_int_equal(object->restores, 1);
}

static void a_get_that_is_cancelled_at_once_is_told_so_and_once(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct rig_asked get, cancel;

	ask(rig, &get, ASK_GET, ino);
	engine_turn(rig->engine, 0);
	assert_int_equal(rig_phase(rig, ino), PHASE_LOOKING);
	ask(rig, &cancel, ASK_CANCEL, ino);
	rig_settle(rig);
	assert_int_equal(get.answers, 1);
	assert_int_equal(get.result, -ECANCELED);
	assert_int_equal(object->restores, 0);
}

/* A stop at every turn of a read: whoever waits is answered once, and the next run is right. */
static void stopped_at_any_turn_it_is_paid_once_and_right(void **state)
{
	struct rig *rig = *state;
	const char *names[] = { "archive", "object" };
	struct memory_object *objects[] = { archive, object };

	for (int i = 0; i < 24; i++) {
		const char *source = i % 2 ? "bucket" : "vault";
		struct memory_object *o = objects[i % 2];
		uint64_t ino = rig_ino(rig, source, names[i % 2]);
		struct rig_reader reader;

		rig_read(rig, &reader, ino, 0, BIG);
		for (int turn = 0; turn < i / 2; turn++) {
			engine_turn(rig->engine, 1);
			memory_pump();
			if (turn > 8)
				clock_advance(rig->clock, HOURS);
		}
		reopen(rig, 60000);
		assert_true(reader.is_answered);
		read_whole(rig, ino, 0);
		assert_true(rig_is_right(rig, ino, o));
		assert_int_equal(o->restores, 1);
		forget(rig, ino);
		o->restores = 0;
		o->is_restored = false;
	}
	assert_int_equal(rig_ledger(rig, "RestoreObject", "retrieval").lines, 12);
	assert_int_equal(rig_ledger(rig, "InitiateJob", "retrieval").lines, 12);
}

/* ---- sources ---- */

static void a_vault_says_when_its_inventory_is_expected(void **state)
{
	struct rig *rig = *state;
	struct source_status status;
	struct rig_asked refresh;

	clock_advance(rig->clock, 40 * HOURS); /* the last one has lapsed */
	rig_settle(rig);
	engine_source_status(rig->engine, "vault", &status);
	assert_false(status.is_refreshing);
	ask(rig, &refresh, ASK_REFRESH, status.root_ino);
	rig_settle(rig);
	assert_int_equal(refresh.result, 0);
	clock_advance(rig->clock, 1000); /* the board is not drawn at every turn */
	rig_settle(rig);
	engine_source_status(rig->engine, "vault", &status);
	assert_true(status.is_refreshing);
	assert_true(status.expected_ms > clock_service_ms(rig->clock));
	for (int i = 0; i < 8; i++) {
		clock_advance(rig->clock, HOURS);
		rig_settle(rig);
	}
	engine_source_status(rig->engine, "vault", &status);
	assert_int_equal(status.state, SOURCE_READY);
	assert_false(status.is_refreshing);
	assert_int_equal(status.expected_ms, 0);
}

static void a_stop_while_an_inventory_comes_in_leaves_nothing_behind(void **state)
{
	struct rig *rig = *state;
	struct source_status status;
	struct rig_asked refresh;

	engine_source_status(rig->engine, "vault", &status);
	ask(rig, &refresh, ASK_REFRESH, status.root_ino);
	rig_go_to(rig, status.root_ino, PHASE_FETCHING);
	reopen(rig, HOURS); /* the leak checker looks */
	read_whole(rig, rig_ino(rig, "vault", "archive"), 0);
}

static void a_catalog_that_could_not_be_written_is_listed_again(void **state)
{
	struct rig *rig = *state;
	struct source_status status;
	struct rig_asked refresh;

	memory_add("new", "DEEP_ARCHIVE", 100);
	engine_source_status(rig->engine, "bucket", &status);
	ask(rig, &refresh, ASK_REFRESH, status.root_ino);
	engine_turn(rig->engine, 0);
	limit_files(4096);
	rig_settle(rig);
	limit_files(RLIM_INFINITY);
	clock_advance(rig->clock, 251);
	engine_turn(rig->engine, 0);
	engine_source_status(rig->engine, "bucket", &status);
	assert_false(status.is_refreshing);
	assert_int_equal(status.state, SOURCE_OFFLINE);
	clock_advance(rig->clock, 60000);
	rig_settle(rig);
	engine_source_status(rig->engine, "bucket", &status);
	assert_int_equal(status.state, SOURCE_READY);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_three, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_refusal_cut_short_is_not_paid_by_the_next_run),
		TEST(what_was_paid_is_written_though_the_request_has_ended_meanwhile),
		TEST(what_was_paid_but_not_written_is_found_by_the_next_run),
		TEST(a_stop_while_the_journal_takes_nothing_comes_to_an_end),
		TEST(polls_are_in_the_ledger_but_for_one),
		TEST(a_look_that_ends_in_a_refusal_is_in_the_ledger),
		TEST(what_a_stop_cuts_short_is_in_the_ledger),
		TEST(a_call_that_is_always_lost_is_given_up_unpaid),
		TEST(an_open_request_is_taken_up_and_never_doubled),
		TEST(two_that_fit_only_alone_are_not_both_paid),
		TEST(what_is_here_in_part_is_not_counted_twice),
		TEST(bytes_forgotten_before_they_are_proved_are_fetched_again),
		TEST(proof_that_is_required_since_the_restart_is_required),
		TEST(an_answer_for_a_cancelled_restore_is_not_taken_for_the_next_ones),
		TEST(wanted_again_after_a_cancel_it_goes_on),
		TEST(a_get_that_is_cancelled_at_once_is_told_so_and_once),
		TEST(stopped_at_any_turn_it_is_paid_once_and_right),
		TEST(a_vault_says_when_its_inventory_is_expected),
		TEST(a_stop_while_an_inventory_comes_in_leaves_nothing_behind),
		TEST(a_catalog_that_could_not_be_written_is_listed_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
