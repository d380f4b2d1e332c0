/* SPDX-License-Identifier: Apache-2.0 */
#include "grace.h"
#include "test.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

struct thing {
	struct retired retired;
	int value;
};

static int freed;

static void thing_free(struct retired *r)
{
	freed++;
	free(r);
}

static struct thing *thing_new(int value)
{
	struct thing *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->value = value;
	return t;
}

static void what_nobody_looks_at_is_freed_at_once(void **state)
{
	struct thing *t = thing_new(1);
	int before = freed;

	grace_retire(&t->retired, thing_free);
	assert_int_equal(grace_collect(), 0);
	assert_int_equal(freed, before + 1);
}

static void what_somebody_looks_at_stays_until_he_has_left(void **state)
{
	unsigned int mine = grace_enter();
	struct thing *t = thing_new(1);
	int before = freed;

	grace_retire(&t->retired, thing_free);
	for (int i = 0; i < 5; i++)
		assert_int_equal(grace_collect(), 1);
	assert_int_equal(freed, before);
	grace_leave(mine);
	assert_int_equal(grace_collect(), 0);
	assert_int_equal(freed, before + 1);
}

static void who_comes_later_holds_up_nothing_for_ever(void **state)
{
	struct thing *t = thing_new(1);
	int before = freed;
	unsigned int first = grace_enter();

	grace_retire(&t->retired, thing_free);
	assert_int_equal(grace_collect(), 1);
	/* Always somebody inside, never the same one. */
	for (int i = 0; i < 10 && freed == before; i++) {
		unsigned int next = grace_enter();
		grace_leave(first);
		first = next;
		(void)grace_collect();
	}
	assert_int_equal(freed, before + 1);
	grace_leave(first);
	assert_int_equal(grace_collect(), 0);
}

static struct thing *_Atomic current;
static atomic_bool is_over;

static void *look(void *arg)
{
	while (!atomic_load(&is_over)) {
		unsigned int mine = grace_enter();
		struct thing *t = current;
		/* AddressSanitizer sees it if it was freed. */
		assert_true(t->value > 0);
		grace_leave(mine);
	}
	return arg;
}

static void nothing_is_freed_under_threads_that_look(void **state)
{
	pthread_t threads[4];
	int before = freed;

	current = thing_new(1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, look, NULL), 0);
	for (int i = 2; i < 2000; i++) {
		struct thing *old = current;
		current = thing_new(i);
		grace_retire(&old->retired, thing_free);
		(void)grace_collect();
	}
	atomic_store(&is_over, true);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(grace_collect(), 0);
	assert_int_equal(freed, before + 1998);
	free(current);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nobody_looks_at_is_freed_at_once),
		cmocka_unit_test(what_somebody_looks_at_stays_until_he_has_left),
		cmocka_unit_test(who_comes_later_holds_up_nothing_for_ever),
		cmocka_unit_test(nothing_is_freed_under_threads_that_look),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
