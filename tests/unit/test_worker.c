/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "cleanup.h"
#include "mailbox.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#define ERRANDS 1000

struct errand {
	struct msg msg; /* first */
	int number;
};

static atomic_int n_run, n_out_of_order;
static int last_number;
static char thread_name[16];
static sigset_t thread_mask;
static pthread_barrier_t meeting;

static void errand_run(struct msg *m)
{
	n_run++;
	free(m);
}

static void ordered_run(struct msg *m)
{
	struct errand *e = (struct errand *)m;

	if (e->number != last_number + 1)
		n_out_of_order++;
	last_number = e->number;
	errand_run(m);
}

static void meeting_run(struct msg *m)
{
	pthread_barrier_wait(&meeting);
	errand_run(m);
}

static void looking_run(struct msg *m)
{
	pthread_getname_np(pthread_self(), thread_name, sizeof(thread_name));
	pthread_sigmask(SIG_SETMASK, NULL, &thread_mask);
	errand_run(m);
}

static struct msg *errand_new(void (*run)(struct msg *m), int number)
{
	struct errand *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	e->msg.run = run;
	e->number = number;
	return &e->msg;
}

static int setup(void **state)
{
	(void)state;
	n_run = 0;
	n_out_of_order = 0;
	last_number = 0;
	return 0;
}

static void all_that_waits_is_run_before_the_end(void **state)
{
	(void)state;

	for (unsigned int threads = 1; threads <= 4; threads++) {
		n_run = 0;
		struct worker *w = worker_new("test", threads);
		assert_non_null(w);
		for (int i = 0; i < ERRANDS; i++)
			worker_post(w, errand_new(errand_run, i));
		worker_free(w);
		assert_int_equal(n_run, ERRANDS);
	}
}

static void one_thread_keeps_the_order(void **state)
{
	struct worker *w = worker_new("test", 1);
	(void)state;

	assert_non_null(w);
	for (int i = 1; i <= ERRANDS; i++)
		worker_post(w, errand_new(ordered_run, i));
	worker_free(w);
	assert_int_equal(n_run, ERRANDS);
	assert_int_equal(n_out_of_order, 0);
}

/* Each waits for the others: passes only if one batch is shared out. */
static void threads_share_what_was_posted_together(void **state)
{
	(void)state;

	assert_int_equal(pthread_barrier_init(&meeting, NULL, 3), 0);
	struct worker *w = worker_new("test", 3);
	assert_non_null(w);
	for (int i = 0; i < 3; i++)
		worker_post(w, errand_new(meeting_run, i));
	worker_free(w);
	assert_int_equal(n_run, 3);
	pthread_barrier_destroy(&meeting);
}

static void threads_are_named_and_leave_signals_alone(void **state)
{
	struct worker *w = worker_new("a-name-that-is-too-long", 1);
	(void)state;

	assert_non_null(w);
	worker_post(w, errand_new(looking_run, 0));
	worker_free(w);
	assert_string_equal(thread_name, "a-name-that-is-");
	assert_int_equal(sigismember(&thread_mask, SIGTERM), 1);
	worker_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_that_waits_is_run_before_the_end, setup),
		cmocka_unit_test_setup(one_thread_keeps_the_order, setup),
		cmocka_unit_test_setup(threads_share_what_was_posted_together, setup),
		cmocka_unit_test_setup(threads_are_named_and_leave_signals_alone, setup),
	};
	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
