/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "cleanup.h"
#include "timers.h"

#include <stdbool.h>

#define N 200

struct alarm {
	struct timer timer; /* first */
	int fired;
};

static struct timers heap;
static int64_t last_due_ms;
static int n_fired;

static void alarm_fire(struct timer *t)
{
	struct alarm *a = (struct alarm *)t;

	assert_true(t->due_ms >= last_due_ms);
	last_due_ms = t->due_ms;
	a->fired++;
	n_fired++;
}

static void again_fire(struct timer *t)
{
	n_fired++;
	assert_int_equal(timers_arm(&heap, t, t->due_ms), 0);
}

static struct timer *victim;

static void disarming_fire(struct timer *t)
{
	(void)t;
	n_fired++;
	timers_disarm(&heap, victim);
}

static int setup(void **state)
{
	(void)state;
	timers_init(&heap);
	last_due_ms = INT64_MIN;
	n_fired = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	timers_done(&heap);
	return 0;
}

static void alarms_arm(struct alarm alarms[N])
{
	for (int i = 0; i < N; i++) {
		alarms[i] = (struct alarm){ .timer.fire = alarm_fire };
		assert_int_equal(timers_arm(&heap, &alarms[i].timer, i * 7919 % 101), 0);
	}
}

static void timers_fire_in_order_and_once(void **state)
{
	struct alarm alarms[N];
	(void)state;

	alarms_arm(alarms);
	assert_int_equal(timers_next(&heap), 0);
	timers_run(&heap, 49);
	for (int i = 0; i < N; i++)
		assert_int_equal(alarms[i].fired, alarms[i].timer.due_ms <= 49);
	assert_int_equal(timers_next(&heap), 50);
	timers_run(&heap, 1000);
	assert_int_equal(n_fired, N);
	timers_run(&heap, 2000);
	assert_int_equal(n_fired, N);
	assert_true(timers_next(&heap) == INT64_MAX);
}

static void a_disarmed_timer_does_not_fire(void **state)
{
	struct alarm alarms[N];
	(void)state;

	alarms_arm(alarms);
	for (int i = 0; i < N; i += 3) {
		timers_disarm(&heap, &alarms[i].timer);
		timers_disarm(&heap, &alarms[i].timer);
	}
	timers_run(&heap, 1000);
	for (int i = 0; i < N; i++)
		assert_int_equal(alarms[i].fired, i % 3 != 0);
}

static void arming_an_armed_timer_moves_it(void **state)
{
	struct alarm alarms[N];
	(void)state;

	alarms_arm(alarms);
	for (int i = 0; i < N; i++)
		assert_int_equal(timers_arm(&heap, &alarms[i].timer, i * 31 % 97 + 500),
				 0);
	timers_run(&heap, 499);
	assert_int_equal(n_fired, 0);
	timers_run(&heap, 1000);
	assert_int_equal(n_fired, N);
}

static void a_timer_that_arms_itself_for_now_does_not_hold_the_loop(void **state)
{
	struct timer t = { .fire = again_fire };
	(void)state;

	assert_int_equal(timers_arm(&heap, &t, 5), 0);
	timers_run(&heap, 10);
	assert_int_equal(n_fired, 1);
	assert_int_equal(timers_next(&heap), 5);
	timers_run(&heap, 10);
	assert_int_equal(n_fired, 2);
}

static void a_callback_may_disarm_one_that_is_due(void **state)
{
	struct timer t = { .fire = disarming_fire };
	struct alarm other = { .timer.fire = alarm_fire };
	(void)state;

	victim = &other.timer;
	assert_int_equal(timers_arm(&heap, &t, 1), 0);
	assert_int_equal(timers_arm(&heap, &other.timer, 2), 0);
	timers_run(&heap, 10);
	assert_int_equal(n_fired, 1);
	assert_int_equal(other.fired, 0);
}

static void timers_that_outlive_the_heap_are_not_armed(void **state)
{
	struct timer t = { .fire = again_fire };
	(void)state;

	assert_int_equal(timers_arm(&heap, &t, 1), 0);
	timers_done(&heap);
	assert_int_equal(t.slot, 0);
	timers_disarm(&heap, &t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(timers_fire_in_order_and_once, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_disarmed_timer_does_not_fire, setup,
						teardown),
		cmocka_unit_test_setup_teardown(arming_an_armed_timer_moves_it, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			a_timer_that_arms_itself_for_now_does_not_hold_the_loop, setup,
			teardown),
		cmocka_unit_test_setup_teardown(a_callback_may_disarm_one_that_is_due,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			timers_that_outlive_the_heap_are_not_armed, setup, teardown),
	};
	return cmocka_run_group_tests_name("timers", tests, NULL, NULL);
}
