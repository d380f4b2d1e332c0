/* SPDX-License-Identifier: Apache-2.0 */
/* A second paid call for a restore under way: a faster tier, more days for its copy. Promises are
 * cited by number (docs/SEMANTICS.md). */
#include "cases.h"

#include "admit.h"
#include "extra.h"
#include "facts.h"
#include <errno.h>

static void ask(struct rig *rig, struct rig_asked *asked, enum ask_verb verb,
		uint64_t ino)
{
	rig_ask(rig, asked, verb, ino);
	rig_settle(rig);
}

/* ---- a faster tier ---- */

static void ask_tier(struct rig *rig, struct rig_asked *asked, enum tier tier,
		     uint64_t ino)
{
	*asked = (struct rig_asked){ .ask.tier = tier };
	ask(rig, asked, ASK_GET, ino);
	assert_int_equal(asked->answers, 1);
}

static void is_raised(struct rig *rig, const char *source, struct memory_object *o,
		      const char *operation)
{
	uint64_t ino = rig_ino(rig, source, o->object.id);
	struct rig_asked get;
	struct request rec;
	struct rig_reader reader;

	ask_tier(rig, &get, TIER_BULK, ino);
	assert_int_equal(get.result, 0);
	uint64_t id = request_id(rig, ino);
	ask_tier(rig, &get, TIER_STANDARD, ino);
	assert_int_equal(get.result, 0);
	rig_read(rig, &reader, ino, 0, 100);
	assert_true(rig_run(rig, rig_is_answered, &reader, 2 * HOURS));
	assert_int_equal(reader.result, 0);
	rig_settle(rig);
	assert_true(rig_is_right(rig, ino, o));
	assert_int_equal(o->restores, 2);
	assert_int_equal(rig_ledger(rig, operation, "retrieval").lines, 2);
	assert_int_equal(rig_ledger(rig, operation, "retrieval").quantity, 2 * BIG);
	assert_int_equal(request_id(rig, ino), id);
	/* Its own request, that holds nothing any more. */
	assert_int_equal(journal_request(rig->state->journal, id + 1, &rec), 0);
	assert_int_equal(rec.kind, REQUEST_RAISE);
	assert_int_equal(rec.state, REQUEST_DONE);
	assert_true(rec.reserved == 0 && rec.charged > 0);
}

/* S72 */
static void a_running_restore_is_made_faster_and_charged_once_more(void **state)
{
	is_raised(*state, "vault", archive, "InitiateJob");
	is_raised(*state, "bucket", object, "RestoreObject");
}

static void a_lost_answer_to_it(struct rig *rig, const char *source,
				struct memory_object *o, enum memory_mishap mishap)
{
	uint64_t ino = rig_ino(rig, source, o->object.id);
	struct rig_asked get;

	ask_tier(rig, &get, TIER_BULK, ino);
	store->mishap[BACKEND_RESTORE] = mishap;
	store->mishaps[BACKEND_RESTORE] = 1;
	ask_tier(rig, &get, TIER_STANDARD, ino);
	assert_int_equal(get.result, 0);
	read_whole(rig, ino, 0);
	assert_int_equal(o->restores, 2);
	assert_int_equal(rig_ledger(rig, o == archive ? "InitiateJob" : "RestoreObject",
				    "retrieval")
				 .lines,
			 2);
}

/* S23 */
static void a_lost_answer_to_a_faster_tier_is_looked_for(void **state)
{
	a_lost_answer_to_it(*state, "vault", archive, MISHAP_LOST_AFTER);
	a_lost_answer_to_it(*state, "bucket", object, MISHAP_LOST_AFTER);
}

static void a_faster_tier_that_never_arrived_is_asked_for_again(void **state)
{
	a_lost_answer_to_it(*state, "vault", archive, MISHAP_LOST_BEFORE);
	a_lost_answer_to_it(*state, "bucket", object, MISHAP_LOST_BEFORE);
}

static unsigned int looks_before;

static unsigned int looks(void)
{
	return store->calls[BACKEND_FIND] + store->calls[BACKEND_PROBE];
}

/* The look for a lost second call still finds it restoring. */
static void ready_after_the_look(void)
{
	if (store->calls[BACKEND_RESTORE] == 2 && looks() > looks_before)
		object->ready_ms = 1;
}

/* The answer to a faster tier is lost, and `happens` before it is asked for again. */
static void asked_for_again(struct rig *rig, void (*happens)(void))
{
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct rig_asked get;

	store->calls[BACKEND_RESTORE] = 0;
	ask_tier(rig, &get, TIER_BULK, ino);
	store->mishap[BACKEND_RESTORE] = MISHAP_LOST_AFTER;
	store->mishaps[BACKEND_RESTORE] = 1;
	looks_before = looks();
	memory_changed = happens;
	ask_tier(rig, &get, TIER_STANDARD, ino);
	read_whole(rig, ino, 0);
	memory_changed = NULL;
	assert_int_equal(store->calls[BACKEND_RESTORE], 3);
	assert_int_equal(object->restores, 2);
	assert_int_equal(rig_ledger(rig, "RestoreObject", "retrieval").lines, 2);
}

/* S12, S23: between the look and the second try it became ready. */
static void a_faster_tier_nobody_can_tell_of_any_more_is_booked(void **state)
{
	struct rig *rig = *state;

	asked_for_again(rig, ready_after_the_look);
	assert_int_equal(rig_ledger(rig, "RestoreObject", "request").quantity, 3);
}

static void denied_after_the_look(void)
{
	if (store->calls[BACKEND_RESTORE] != 2 || looks() == looks_before)
		return;
	store->mishap[BACKEND_RESTORE] = MISHAP_DENIED;
	store->mishaps[BACKEND_RESTORE] = 1;
}

/* S12, S23: the answer to the second try says nothing of the first. */
static void a_faster_tier_refused_when_asked_for_again_is_booked(void **state)
{
	asked_for_again(*state, denied_after_the_look);
}

struct raise {
	struct rig *rig;
	uint64_t id;
};

static bool raise_is_over(void *arg)
{
	struct raise *raise = arg;
	struct request rec;

	assert_int_equal(journal_request(raise->rig->state->journal, raise->id, &rec), 0);
	return rec.state == REQUEST_DONE;
}

/* S12, S23: all of the file is here, and what a faster tier cost is not known yet. */
static void stopped_with_all_here_a_faster_tier_is_booked_nevertheless(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "archive");
	struct rig_asked get;
	struct request rec;

	ask_tier(rig, &get, TIER_BULK, ino);
	uint64_t id = request_id(rig, ino);
	store->mishap[BACKEND_RESTORE] = MISHAP_LOST_AFTER;
	store->mishaps[BACKEND_RESTORE] = 1;
	store->mishap[BACKEND_FIND] = MISHAP_LOST_BEFORE;
	store->mishaps[BACKEND_FIND] = 100000;
	ask_tier(rig, &get, TIER_STANDARD, ino);
	read_whole(rig, ino, 0);
	assert_int_equal(rig_phase(rig, ino), PHASE_ENDING);
	assert_int_equal(rig_ledger(rig, "InitiateJob", "retrieval").lines, 1);

	int64_t now = clock_service_ms(rig->clock);
	rig_close(rig);
	rig_open(rig, now + 60000);
	rig_settle(rig);
	assert_int_equal(rig_phase(rig, ino), PHASE_ENDING);
	store->mishaps[BACKEND_FIND] = 0;
	struct raise raise = { rig, id + 1 };
	assert_true(rig_run(rig, raise_is_over, &raise, HOURS));
	rig_settle(rig);
	assert_int_equal(rig_phase(rig, ino), PHASE_ENDED);
	assert_int_equal(rig_ledger(rig, "InitiateJob", "retrieval").lines, 2);
	assert_int_equal(journal_request(rig->state->journal, raise.id, &rec), 0);
	assert_int_equal(rec.state, REQUEST_DONE);
	assert_true(rec.reserved == 0 && rec.charged > 0);
}

/* S24, S72 */
static void a_faster_tier_that_is_refused_leaves_the_restore_as_it_is(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct rig_asked get;
	struct facts facts;

	ask_tier(rig, &get, TIER_BULK, ino);
	rig->budgets[1].money = 1;
	ask_tier(rig, &get, TIER_STANDARD, ino);
	assert_int_equal(get.result, -EDQUOT);
	assert_int_equal(facts_of(rig->engine, ino, &facts), 0);
	assert_int_equal(facts.state, FILE_RESTORING);
	assert_non_null(strstr(facts.why, "not made faster: budget default/uid=1000"));
	rig->budgets[1].money = 5 * MONEY_PER_USD;
	store->mishap[BACKEND_RESTORE] = MISHAP_DENIED;
	store->mishaps[BACKEND_RESTORE] = 1;
	ask_tier(rig, &get, TIER_STANDARD, ino);
	assert_int_equal(get.result, 0);
	ask_tier(rig, &get, TIER_EXPEDITED, ino);
	assert_int_equal(get.result, -EINVAL); /* the class does not have it */
	ask_tier(rig, &get, TIER_BULK, ino);
	assert_int_equal(get.result, 0); /* nothing to do */
	read_whole(rig, ino, 0);
	assert_int_equal(object->restores, 1);
	assert_int_equal(rig_ledger(rig, "RestoreObject", "retrieval").lines, 1);
}

static void somebody_elses_restore_is_not_made_faster(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct rig_asked get;

	object->is_restored = true;
	object->ready_ms = RIG_START_MS + 20 * HOURS;
	object->expires_ms = RIG_START_MS + 200 * HOURS;
	ask_tier(rig, &get, TIER_BULK, ino);
	assert_int_equal(get.result, 0);
	ask_tier(rig, &get, TIER_STANDARD, ino);
	assert_int_equal(get.result, -EOPNOTSUPP);
	assert_int_equal(object->restores, 0);
}

/* A stop at every turn of it: the next run finishes, and the ledger has what was paid. */
static void stopped_at_any_turn_a_faster_tier_is_booked_as_paid(void **state)
{
	struct rig *rig = *state;
	unsigned int paid = 0;

	for (int i = 0; i < 16; i++) {
		struct memory_object *o = i % 2 ? object : archive;
		uint64_t ino = rig_ino(rig, i % 2 ? "bucket" : "vault", o->object.id);
		struct rig_asked get;

		o->restores = 0;
		o->is_restored = false;
		ask_tier(rig, &get, TIER_BULK, ino);
		store->mishap[BACKEND_RESTORE] = MISHAP_LOST_AFTER;
		store->mishaps[BACKEND_RESTORE] = (unsigned int)i % 4 / 2;
		get.ask.tier = TIER_STANDARD;
		engine_ask(rig->engine, &get.ask);
		for (int turn = 0; turn < i / 2; turn++) {
			engine_turn(rig->engine, 1);
			memory_pump();
			if (turn > 3)
				clock_advance(rig->clock, 1000);
		}
		int64_t now = clock_service_ms(rig->clock);
		rig_close(rig);
		store->mishaps[BACKEND_RESTORE] = 0;
		rig_open(rig, now + 60000);
		read_whole(rig, ino, 0);
		ask(rig, &get, ASK_EVICT, ino);
		assert_int_equal(get.result, 0);
		paid += o->restores;
		assert_true(o->restores == 1 || o->restores == 2);
		assert_int_equal(
			rig_ledger(rig, "RestoreObject", "retrieval").lines +
				rig_ledger(rig, "InitiateJob", "retrieval").lines,
			paid);
	}
	assert_true(paid > 20);
}

/* ---- more days ---- */

/* Somebody else's copy is there, for a day, once it has been looked for. */
static void restored_after_the_look(void)
{
	if (object->is_restored || !store->calls[BACKEND_FIND])
		return;
	object->is_restored = true;
	object->ready_ms = 1;
	object->expires_ms = RIG_START_MS + 48 * HOURS; /* the midnight behind */
}

static int money_of_days(void *arg, const struct charge *c)
{
	if (streq(c->component, "storage"))
		*(uint32_t *)arg += c->days;
	return 0;
}

static void until_it_is_fetched(struct rig *rig, struct rig_reader *reader, uint64_t ino)
{
	store->calls[BACKEND_FIND] = 0;
	memory_changed = restored_after_the_look;
	rig_read(rig, reader, ino, 0, 100);
	rig_go_to(rig, ino, PHASE_FETCHING);
	while (restore_find(rig->engine, ino)->n_notes)
		engine_turn(rig->engine, 1);
	memory_changed = NULL;
}

/* S24, S73 */
static void a_copy_that_came_before_the_call_is_charged_by_the_days_it_gains(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct rig_reader reader;
	uint32_t days = 0;

	until_it_is_fetched(rig, &reader, ino);
	assert_int_equal(object->restores, 0);
	assert_int_equal(object->extensions, 1);
	assert_true(object->added_days > 0);
	assert_int_equal(rig_ledger(rig, "RestoreObject", "request").quantity, 1);
	assert_int_equal(rig_ledger(rig, "RestoreObject", "storage").lines, 1);
	assert_int_equal(rig_ledger(rig, "RestoreObject", "retrieval").lines, 0);
	journal_each_charge(rig->state->journal, 0, money_of_days, &days);
	assert_int_equal(days, object->added_days);
	read_whole(rig, ino, 0);
}

/* S73 */
static void what_a_kept_copy_does_not_cost_is_not_reserved_any_more(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct rig_reader reader;
	struct budget_use use;
	struct request rec;

	until_it_is_fetched(rig, &reader, ino);
	assert_int_equal(journal_request_of(rig->state->journal, ino, &rec), 0);
	struct estimate all;
	restore_estimate(restore_find(rig->engine, ino), true, &all);
	assert_int_equal(all.lines[1].component, COST_RETRIEVAL);
	assert_true(rec.reserved + rec.charged + all.lines[1].amount <= rec.estimate);
	read_whole(rig, ino, 0);
	assert_int_equal(journal_budget(rig->state->journal, "default/2026-01-01", &use),
			 0);
	assert_true(use.reserved == 0);
}

/* S73 */
static void a_copy_that_would_lapse_before_all_is_here_is_kept_longer(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct rig_reader reader;

	rig_read(rig, &reader, ino, 0, BIG);
	fetch_one_chunk(rig, ino); /* at once: its pace is not known */
	assert_int_equal(object->extensions, 0);
	object->expires_ms = clock_service_ms(rig->clock) + 26 * HOURS;
	restore_find(rig->engine, ino)->rec.expires_ms = object->expires_ms;
	clock_advance(rig->clock, 26 * HOURS - 600000);
	memory_pump();
	while (rig->engine->n_ops)
		engine_turn(rig->engine, 1);
	assert_true(rig_run(rig, rig_is_answered, &reader, HOURS));
	assert_int_equal(reader.result, 0);
	rig_settle(rig);
	assert_int_equal(object->extensions, 1);
	assert_int_equal(object->restores, 1);
	assert_int_equal(rig_ledger(rig, "RestoreObject", "retrieval").lines, 1);
	assert_int_equal(rig_ledger(rig, "RestoreObject", "request").quantity, 2);
	assert_int_equal(rig_ledger(rig, "RestoreObject", "storage").lines, 2);
	assert_true(object->added_days > 0);
}

/* S73: a copy that is gone when the call arrives would be restored anew, and paid. */
static void more_days_whose_turn_comes_too_late_are_not_asked_for(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct source *bucket = rig->engine->sources[1];
	struct rig_reader reader;

	rig_read(rig, &reader, ino, 0, BIG);
	fetch_one_chunk(rig, ino);
	object->expires_ms = clock_service_ms(rig->clock) + 26 * HOURS;
	restore_find(rig->engine, ino)->rec.expires_ms = object->expires_ms;
	clock_advance(rig->clock, 26 * HOURS - 600000);
	/* The next call may leave in a quarter of an hour. */
	bucket_init(&bucket->requests, 1, 1, clock_real_ms(rig->clock));
	bucket_take(&bucket->requests, 900, clock_real_ms(rig->clock));
	memory_pump();
	/* Nothing is answered from now on. */
	struct restore *r = restore_find(rig->engine, ino);
	while (!r->extra || r->extra->phase != EXTRA_SENDING)
		engine_turn(rig->engine, 1);
	unsigned int sent = store->calls[BACKEND_RESTORE];
	clock_advance(rig->clock, 901000);
	while (r->extra)
		engine_turn(rig->engine, 1);
	assert_int_equal(r->phase, PHASE_FETCHING);
	assert_int_equal(store->calls[BACKEND_RESTORE], sent);
	assert_true(rig_run(rig, rig_is_answered, &reader, 60 * HOURS));
	assert_int_equal(reader.result, 0);
	assert_int_equal(object->extensions, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_running_restore_is_made_faster_and_charged_once_more),
		TEST(a_lost_answer_to_a_faster_tier_is_looked_for),
		TEST(a_faster_tier_that_never_arrived_is_asked_for_again),
		TEST(a_faster_tier_nobody_can_tell_of_any_more_is_booked),
		TEST(a_faster_tier_refused_when_asked_for_again_is_booked),
		TEST(stopped_with_all_here_a_faster_tier_is_booked_nevertheless),
		TEST(a_faster_tier_that_is_refused_leaves_the_restore_as_it_is),
		TEST(somebody_elses_restore_is_not_made_faster),
		TEST(stopped_at_any_turn_a_faster_tier_is_booked_as_paid),
		TEST(a_copy_that_came_before_the_call_is_charged_by_the_days_it_gains),
		TEST(what_a_kept_copy_does_not_cost_is_not_reserved_any_more),
		TEST(a_copy_that_would_lapse_before_all_is_here_is_kept_longer),
		TEST(more_days_whose_turn_comes_too_late_are_not_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
