/* SPDX-License-Identifier: Apache-2.0 */
/* What was restored is there for a while only: what if it goes before all of it was fetched.
 * Promises are cited by number (docs/SEMANTICS.md). */
#include "cases.h"

#include "facts.h"
#include <errno.h>

static void ask(struct rig *rig, struct rig_asked *asked, enum ask_verb verb,
		uint64_t ino)
{
	rig_ask(rig, asked, verb, ino);
	rig_settle(rig);
}

static void lapses_halfway(struct rig *rig, const char *source, struct memory_object *o,
			   const char *operation)
{
	uint64_t ino = rig_ino(rig, source, o->object.id);
	struct rig_reader reader;
	struct request first, second;

	rig_read(rig, &reader, ino, 0, BIG);
	fetch_one_chunk(rig, ino);
	uint64_t id = request_id(rig, ino);
	o->is_restored = false;
	assert_true(rig_run(rig, rig_is_answered, &reader, 60 * HOURS));
	assert_int_equal(reader.result, 0);
	rig_settle(rig);
	assert_true(rig_is_right(rig, ino, o));
	assert_int_equal(o->restores, 2);
	assert_int_equal(rig_ledger(rig, operation, "retrieval").lines, 2);
	/* What was here is not fetched again; what was on its way is billed half. */
	assert_true(o->fetched_bytes < BIG + MIB);
	assert_int_equal(journal_request_of(rig->state->journal, ino, &second), 0);
	assert_int_equal(journal_request(rig->state->journal, id, &first), 0);
	assert_int_equal(second.renewals, 1);
	assert_int_equal(second.state, REQUEST_DONE);
	assert_int_equal(first.state, REQUEST_FAILED);
	assert_true(first.reserved == 0 && first.charged > 0);
	assert_non_null(strstr(first.error, "asked for again"));
}

/* S70 */
static void what_lapses_halfway_is_asked_for_again_and_what_is_here_stays(void **state)
{
	lapses_halfway(*state, "vault", archive, "InitiateJob");
	lapses_halfway(*state, "bucket", object, "RestoreObject");
}

/* S70 */
static void what_lapses_and_nobody_waits_for_is_not_paid_again(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct rig_reader reader;
	struct facts facts;

	rig_read(rig, &reader, ino, 0, 100);
	fetch_one_chunk(rig, ino);
	engine_interrupt(rig->engine, reader.waiter.id);
	object->is_restored = false;
	rig_settle(rig);
	assert_int_equal(rig_phase(rig, ino), PHASE_ENDED);
	assert_int_equal(object->restores, 1);
	assert_int_equal(facts_of(rig->engine, ino, &facts), 0);
	assert_non_null(strstr(facts.why, "nobody waits for it"));
	assert_true(facts.request.reserved == 0);
	/* Read again, it goes on from there. */
	read_whole(rig, ino, 0);
	assert_int_equal(object->restores, 2);
	assert_true(object->fetched_bytes < BIG + MIB);
}

static void what_was_asked_for_is_asked_again_without_a_reader(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "archive");
	struct rig_asked get = { .answers = 0 };

	ask(rig, &get, ASK_GET, ino);
	fetch_one_chunk(rig, ino);
	archive->is_restored = false;
	rig_settle(rig);
	assert_int_equal(rig_phase(rig, ino), PHASE_RESTORING);
	assert_int_equal(archive->restores, 2);
	clock_advance(rig->clock, 10 * HOURS);
	rig_settle(rig);
	assert_true(rig_is_right(rig, ino, archive));
}

/* S24 */
static void a_budget_says_no_to_paying_again(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct rig_reader reader;
	struct facts facts;

	rig_read(rig, &reader, ino, 0, 100);
	fetch_one_chunk(rig, ino);
	uint64_t id = request_id(rig, ino);
	rig->budgets[1].money = 1;
	object->is_restored = false;
	assert_true(rig_run(rig, rig_is_answered, &reader, HOURS));
	assert_int_equal(reader.result, -EDQUOT);
	rig_settle(rig);
	assert_int_equal(object->restores, 1);
	assert_int_equal(request_id(rig, ino), id);
	assert_int_equal(facts_of(rig->engine, ino, &facts), 0);
	assert_int_equal(facts.state,
			 FILE_FAILED); /* and not "denied": it has cost something */
	assert_true(facts.request.reserved == 0);
	assert_non_null(strstr(facts.why, "has lapsed"));
	assert_non_null(strstr(facts.why, "budget default/uid=1000"));
}

static void what_lapses_again_and_again_is_given_up(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");

	store->mishap[BACKEND_FETCH] = MISHAP_LAPSED;
	store->mishaps[BACKEND_FETCH] = 1000;
	read_whole(rig, ino, -EIO);
	assert_int_equal(object->restores, 3);
	assert_int_equal(rig_ledger(rig, "RestoreObject", "retrieval").lines, 3);
}

static void what_somebody_restored_anew_is_fetched_unpaid(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct rig_reader reader;

	rig_read(rig, &reader, ino, 0, 100);
	fetch_one_chunk(rig, ino);
	object->ready_ms = clock_service_ms(rig->clock) + 5 * HOURS;
	object->expires_ms = object->ready_ms + 48 * HOURS;
	assert_true(rig_run(rig, rig_is_answered, &reader, 60 * HOURS));
	assert_int_equal(reader.result, 0);
	assert_int_equal(object->restores, 1);
	assert_int_equal(rig_ledger(rig, "RestoreObject", "retrieval").lines, 1);
}

static void what_is_gone_before_it_was_seen_ready_is_asked_for_again(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "archive");
	struct rig_reader reader;

	rig_read(rig, &reader, ino, 0, 100);
	rig_settle(rig);
	clock_advance(rig->clock, 40 * HOURS); /* asleep: ready and gone meanwhile */
	assert_true(rig_run(rig, rig_is_answered, &reader, 60 * HOURS));
	assert_int_equal(reader.result, 0);
	assert_int_equal(archive->restores, 2);
}

static void a_service_that_shows_what_it_does_not_give_is_given_up(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");

	store->mishap[BACKEND_FETCH] = MISHAP_COLD;
	store->mishaps[BACKEND_FETCH] = 1000;
	read_whole(rig, ino, -EIO);
	assert_int_equal(object->restores, 1);
}

/* ---- which one first ---- */

#define LONG (16 * MIB)

static struct memory_object *three[3];

static int setup_three(void **state)
{
	static const char *const names[] = { "one", "two", "three" };
	struct rig *rig = calloc(1, sizeof(*rig));
	struct clock *clock = clock_new_virtual(RIG_START_MS);

	store = memory_install(clock);
	for (size_t i = 0; i < ARRAY_SIZE(three); i++)
		three[i] = memory_add(names[i], "DEEP_ARCHIVE", LONG);
	rig_init(rig);
	rig_open(rig, RIG_START_MS);
	clock_free(clock);
	*state = rig;
	return 0;
}

static void turn_until_stored(struct rig *rig)
{
	do
		engine_turn(rig->engine, 1);
	while (rig->engine->n_ops);
}

/* Asks for all three, to lapse after so many hours, up to where all are being fetched. */
static void fetch_three(struct rig *rig, const int lapse_hours[3])
{
	struct rig_asked gets[3] = { { .answers = 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(three); i++)
		ask(rig, &gets[i], ASK_GET, rig_ino(rig, "bucket", three[i]->object.id));
	int64_t now = clock_service_ms(rig->clock);
	for (size_t i = 0; i < ARRAY_SIZE(three); i++) {
		three[i]->ready_ms = now + 10 * HOURS;
		three[i]->expires_ms = now + lapse_hours[i] * HOURS;
	}
	clock_advance(rig->clock, 10 * HOURS);
	for (size_t i = 0; i < ARRAY_SIZE(three); i++)
		rig_go_to(rig, rig_ino(rig, "bucket", three[i]->object.id),
			  PHASE_FETCHING);
	turn_until_stored(rig);
}

static void answer_one(struct rig *rig)
{
	assert_true(memory_pump());
	turn_until_stored(rig);
}

/* What the other two have fetched when all of this one is here. */
static uint64_t others_when_through(struct rig *rig, const struct memory_object *o)
{
	uint64_t others = 0;

	while (o->fetched_bytes < LONG)
		answer_one(rig);
	for (size_t i = 0; i < ARRAY_SIZE(three); i++)
		others += three[i] == o ? 0 : three[i]->fetched_bytes;
	rig_settle(rig);
	for (size_t i = 0; i < ARRAY_SIZE(three); i++)
		assert_true(rig_is_right(rig, rig_ino(rig, "bucket", three[i]->object.id),
					 three[i]));
	return others;
}

/* S70 */
static void what_lapses_first_is_fetched_first(void **state)
{
	struct rig *rig = *state;

	fetch_three(rig, (const int[]){ 100, 100, 20 });
	/* In turns the others would be nearly through, too. */
	assert_true(others_when_through(rig, three[2]) <= LONG);
}

/* S70 */
static void of_what_lapses_at_once_it_is_the_one_somebody_waits_for(void **state)
{
	struct rig *rig = *state;
	struct rig_reader reader;

	fetch_three(rig, (const int[]){ 100, 100, 100 });
	rig_read(rig, &reader, rig_ino(rig, "bucket", "three"), 0, LONG);
	assert_true(others_when_through(rig, three[2]) <= LONG);
	assert_true(reader.is_answered);
	assert_int_equal(reader.result, 0);
}

/* S70 */
static void a_reader_gets_a_share_whatever_lapses_before(void **state)
{
	struct rig *rig = *state;
	struct rig_reader reader;

	fetch_three(rig, (const int[]){ 20, 20, 100 });
	rig_read(rig, &reader, rig_ino(rig, "bucket", "three"), LONG - 100, 100);
	while (three[2]->fetched_bytes < MIB)
		answer_one(rig);
	/* They have sixteen transfers to its one, and are not through. */
	assert_in_range(three[0]->fetched_bytes + three[1]->fetched_bytes, 0,
			2 * LONG - 1);
	rig_settle(rig);
	assert_true(reader.is_answered);
	assert_int_equal(reader.result, 0);
}

static void the_order_is_by_hours_then_by_turns(void **state)
{
	(void)state;

	assert_true(fetch_order(5 * HOURS, 9) < fetch_order(6 * HOURS, 1));
	assert_true(fetch_order(5 * HOURS, 1) < fetch_order(5 * HOURS + 1000, 2));
	assert_true(fetch_order(5 * HOURS + 1000, 1) < fetch_order(5 * HOURS, 2));
	assert_true(fetch_order(RIG_START_MS, 9) < fetch_order(0, 1));
	assert_true(fetch_order(INT64_MAX, 1) < fetch_order(0, 2));
}

#define TEST(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)
#define THREE(f) cmocka_unit_test_setup_teardown(f, setup_three, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_lapses_halfway_is_asked_for_again_and_what_is_here_stays),
		TEST(what_lapses_and_nobody_waits_for_is_not_paid_again),
		TEST(what_was_asked_for_is_asked_again_without_a_reader),
		TEST(a_budget_says_no_to_paying_again),
		TEST(what_lapses_again_and_again_is_given_up),
		TEST(what_somebody_restored_anew_is_fetched_unpaid),
		TEST(what_is_gone_before_it_was_seen_ready_is_asked_for_again),
		TEST(a_service_that_shows_what_it_does_not_give_is_given_up),
		THREE(what_lapses_first_is_fetched_first),
		THREE(of_what_lapses_at_once_it_is_the_one_somebody_waits_for),
		THREE(a_reader_gets_a_share_whatever_lapses_before),
		cmocka_unit_test(the_order_is_by_hours_then_by_turns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
