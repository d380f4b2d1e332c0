/* SPDX-License-Identifier: Apache-2.0 */
/* What a notice does to a restore: it is looked at sooner, and nothing else. Promises are cited
 * by number (docs/SEMANTICS.md). */
#include "cases.h"
#include "notice.h"

#include <errno.h>

static struct notice about_object(void)
{
	return (struct notice){ .scheme = "s3", .container = "b", .id = "object" };
}

static struct notice about_archive(void)
{
	return (struct notice){
		.scheme = "glacier",
		.region = "us-east-1",
		.container = "vaults/v",
		.id = "archive",
		.token = "somebody else's",
	};
}

static bool tell(struct rig *rig, struct notice n)
{
	bool is_ours = hint_take(rig->engine, &n);

	rig_settle(rig);
	return is_ours;
}

/* A reader whose restore is under way and ready in a second, long before the next poll. */
static void start(struct rig *rig, struct rig_reader *reader, const char *source,
		  const char *name)
{
	store->restore_ms = 1000;
	rig_read(rig, reader, rig_ino(rig, source, name), 0, 100);
	rig_settle(rig);
	assert_int_equal(rig_phase(rig, reader->waiter.ino), PHASE_RESTORING);
	clock_advance(rig->clock, 2000);
	rig_settle(rig);
	assert_false(reader->is_answered);
}

/* S60 */
static void a_notice_makes_the_engine_look_at_once(void **state)
{
	struct rig *rig = *state;
	struct rig_reader reader;

	start(rig, &reader, "bucket", "object");
	assert_true(tell(rig, about_object()));
	assert_true(reader.is_answered);
	assert_int_equal(reader.result, 0);

	start(rig, &reader, "vault", "archive");
	assert_true(tell(rig, about_archive()));
	assert_true(reader.is_answered);
	assert_int_equal(reader.result, 0);
	assert_int_equal(object->restores, 1);
	assert_int_equal(archive->restores, 1);
}

/* S60 */
static void a_notice_that_is_lost_costs_an_interval_and_no_more(void **state)
{
	struct rig *rig = *state;
	struct rig_reader reader;

	start(rig, &reader, "bucket", "object");
	assert_true(rig_run(rig, rig_is_answered, &reader, HOURS / 2));
	assert_int_equal(reader.result, 0);
	rig_settle(rig);
	assert_false(tell(rig, about_object())); /* late: nothing is under way */
	assert_int_equal(object->restores, 1);
}

/* S60 */
static void early_and_doubled_notices_cost_a_look_each(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct rig_reader reader;
	unsigned int before = store->calls[BACKEND_FIND] + store->calls[BACKEND_PROBE];
	uint64_t booked = rig_ledger(rig, "HeadObject", "request").quantity;

	rig_read(rig, &reader, ino, 0, 100);
	rig_settle(rig);
	unsigned int probes = store->calls[BACKEND_PROBE];
	for (int i = 0; i < 3; i++)
		assert_true(tell(rig, about_object()));
	assert_int_equal(store->calls[BACKEND_PROBE], probes + 3);
	assert_int_equal(rig_phase(rig, ino), PHASE_RESTORING);

	/* While a look is under way any number of notices make one more. */
	struct notice n = about_object();
	for (int i = 0; i < 10; i++)
		assert_true(hint_take(rig->engine, &n));
	rig_settle(rig);
	assert_int_equal(store->calls[BACKEND_PROBE], probes + 5);

	assert_true(rig_run(rig, rig_is_answered, &reader, 60 * HOURS));
	assert_int_equal(reader.result, 0);
	rig_settle(rig);
	assert_int_equal(object->restores, 1);
	assert_int_equal(rig_ledger(rig, "RestoreObject", "retrieval").quantity, BIG);
	assert_int_equal(rig_ledger(rig, "HeadObject", "request").quantity - booked,
			 store->calls[BACKEND_FIND] + store->calls[BACKEND_PROBE] -
				 before);
}

/* S60 */
static void a_notice_about_something_else_is_not_ours(void **state)
{
	struct rig *rig = *state;
	struct rig_reader reader;
	struct notice other = about_object();

	start(rig, &reader, "bucket", "object");
	unsigned int probes = store->calls[BACKEND_PROBE];
	snprintf(other.container, sizeof(other.container), "another");
	assert_false(tell(rig, other));
	other = about_object();
	snprintf(other.id, sizeof(other.id), "objects");
	assert_false(tell(rig, other));
	assert_false(tell(rig, about_archive()));
	assert_int_equal(store->calls[BACKEND_PROBE], probes);
	assert_true(rig_run(rig, rig_is_answered, &reader, 60 * HOURS));
}

/* S60 */
static void a_notice_that_overtakes_the_acceptance_is_remembered(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct notice n = about_object();
	struct rig_reader reader;

	store->restore_ms = 0;
	rig_read(rig, &reader, ino, 0, 100);
	rig_go_to(rig, ino, PHASE_SENDING);
	assert_true(hint_take(rig->engine, &n));
	rig_settle(rig);
	assert_true(reader.is_answered);
	assert_int_equal(reader.result, 0);
	assert_int_equal(object->restores, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_notice_makes_the_engine_look_at_once),
		TEST(a_notice_that_is_lost_costs_an_interval_and_no_more),
		TEST(early_and_doubled_notices_cost_a_look_each),
		TEST(a_notice_about_something_else_is_not_ours),
		TEST(a_notice_that_overtakes_the_acceptance_is_remembered),
	};

	return cmocka_run_group_tests_name("hints", tests, NULL, NULL);
}
