/* SPDX-License-Identifier: Apache-2.0 */
/* S181: pins count, end, and survive. */
#include "journal_pins.h"
#include "state_rig.h"

#define DAY ((int64_t)24 * 3600 * 1000)

static int job_pin(void **state, enum pin_verb verb, uint64_t ino, uint32_t uid,
		   uint64_t job)
{
	struct pin_op op = {
		.verb = verb,
		.is_for_job = true,
		.pin = { .ino = ino, .uid = uid, .job = job, .until_ms = DAY },
	};

	return journal_pin_wait(((struct rig *)*state)->state->journal, &op);
}

static int pin(void **state, enum pin_verb verb, uint64_t ino, uint32_t uid, uint64_t job,
	       int64_t now_ms, int64_t until_ms)
{
	struct pin_op op = {
		.verb = verb,
		.pin = { .ino = ino, .uid = uid, .job = job, .made_ms = now_ms },
		.now_ms = now_ms,
	};

	op.pin.until_ms = until_ms;
	return journal_pin_wait(((struct rig *)*state)->state->journal, &op);
}

static unsigned int holders(void **state, uint64_t ino, int64_t now_ms)
{
	struct pinned p = { .holders = 77 };

	assert_int_equal(
		journal_pinned(((struct rig *)*state)->state->journal, ino, now_ms, &p),
		0);
	return p.holders;
}

static void who_pins_twice_unpins_twice(void **state)
{
	assert_int_equal(holders(state, 20, 0), 0);
	assert_int_equal(pin(state, PIN_ADD, 20, 1000, 0, 0, DAY), 0);
	assert_int_equal(pin(state, PIN_ADD, 20, 1000, 0, 0, 2 * DAY), 0);
	assert_int_equal(pin(state, PIN_ADD, 20, 1000, 0, 0, DAY / 2), 0);
	assert_int_equal(holders(state, 20, DAY), 1); /* the later end holds */
	assert_int_equal(pin(state, PIN_ADD, 20, 1001, 0, 0, DAY), 0);
	assert_int_equal(holders(state, 20, 0), 2);
	assert_int_equal(holders(state, 21, 0), 0);
	assert_int_equal(holders(state, 19, 0), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pin(state, PIN_REMOVE, 20, 1000, 0, 0, 0), 0);
	assert_int_equal(pin(state, PIN_REMOVE, 20, 1000, 0, 0, 0), -ENOENT);
	assert_int_equal(holders(state, 20, 0), 1);
	assert_int_equal(pin(state, PIN_CLEAR, 20, 0, 0, 0, 0), 0);
	assert_int_equal(holders(state, 20, 0), 0);
	assert_int_equal(pin(state, PIN_CLEAR, 20, 0, 0, 0, 0), -ENOENT);
}

/* S220 */
static void what_is_pinned_in_a_jobs_name_counts_once(void **state)
{
	assert_int_equal(job_pin(state, PIN_ADD, 20, 1000, 7), 0);
	assert_int_equal(job_pin(state, PIN_ADD, 20, 1000, 7), 0);
	assert_int_equal(job_pin(state, PIN_ADD, 20, 1000, 8), 0);
	assert_int_equal(pin(state, PIN_ADD, 20, 1000, 0, 0, DAY), 0);
	assert_int_equal(holders(state, 20, 0), 3);
	assert_int_equal(job_pin(state, PIN_REMOVE, 20, 1000, 7), 0);
	assert_int_equal(holders(state, 20, 0), 2);
	/* Of another job's, or nobody's, it takes none. */
	assert_int_equal(job_pin(state, PIN_REMOVE, 20, 1000, 7), -ENOENT);
	assert_int_equal(job_pin(state, PIN_REMOVE, 20, 1001, 8), -ENOENT);
	assert_int_equal(holders(state, 20, 0), 2);
}

static void each_job_has_its_own(void **state)
{
	assert_int_equal(pin(state, PIN_ADD, 20, 1000, 7, 0, DAY), 0);
	assert_int_equal(pin(state, PIN_ADD, 20, 1000, 8, 0, DAY), 0);
	assert_int_equal(holders(state, 20, 0), 2);
	assert_int_equal(pin(state, PIN_REMOVE, 20, 1000, 8, 0, 0), 0);
	/* By hand, after the job has gone. */
	assert_int_equal(pin(state, PIN_REMOVE, 20, 1000, 0, 0, 0), 0);
	assert_int_equal(holders(state, 20, 0), 0);
}

static int count_one(void *arg, const struct pin *p)
{
	*(unsigned int *)arg += 1;
	return 0;
}

static void a_pin_ends_with_its_time_and_survives_a_restart(void **state)
{
	struct rig *r = *state;
	unsigned int n = 0;

	assert_int_equal(pin(state, PIN_ADD, 20, 1000, 0, 0, DAY), 0);
	assert_int_equal(pin(state, PIN_ADD, 30, 1000, 0, 0, 2 * DAY), 0);
	rig_reopen(r);
	assert_int_equal(holders(state, 20, DAY - 1), 1);
	assert_int_equal(holders(state, 20, DAY), 0);
	assert_int_equal(pin(state, PIN_REMOVE, 20, 1000, 0, DAY, 0), -ENOENT);
	assert_int_equal(pin(state, PIN_PURGE, 0, 0, 0, DAY, 0), 0);
	assert_int_equal(journal_each_pin(r->state->journal, 0, count_one, &n), 0);
	assert_int_equal(n, 1);
	/* One that is over counts from the start again. */
	assert_int_equal(pin(state, PIN_ADD, 30, 1000, 0, 3 * DAY, 4 * DAY), 0);
	assert_int_equal(pin(state, PIN_REMOVE, 30, 1000, 0, 3 * DAY, 0), 0);
	assert_int_equal(holders(state, 30, 3 * DAY), 0);
}

int main(void)
{
#define RIG(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		RIG(who_pins_twice_unpins_twice),
		RIG(what_is_pinned_in_a_jobs_name_counts_once),
		RIG(each_job_has_its_own),
		RIG(a_pin_ends_with_its_time_and_survives_a_restart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
