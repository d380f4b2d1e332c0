/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "cleanup.h"
#include "http.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void *wake(void *arg)
{
	struct timespec nap = { 0, 50 * 1000000L };

	nanosleep(&nap, NULL);
	http_wake(arg);
	return NULL;
}

static void another_thread_ends_the_wait(void **state)
{
	struct http *h = http_new();
	int64_t before = now_ms();
	pthread_t thread;
	(void)state;

	assert_int_equal(pthread_create(&thread, NULL, wake, h), 0);
	http_wait(h, 20000);
	assert_true(now_ms() - before < 10000);
	pthread_join(thread, NULL);
	http_free(h);
}

static char ran[16];
static size_t n_ran;
static struct http *loop;
static struct http_later lates[3];
static struct timer timers[2];

static void note(char c)
{
	ran[n_ran++] = c;
	ran[n_ran] = '\0';
}

static void first_runs(struct http_later *l)
{
	note('a');
	http_later_cancel(loop, &lates[1]);
	http_later(loop, l); /* the next wait's */
}

static void others_run(struct http_later *l)
{
	note(l == &lates[1] ? 'b' : 'c');
}

static void what_is_deferred_runs_once_in_order_and_can_be_taken_back(void **state)
{
	(void)state;

	loop = http_new();
	n_ran = 0;
	lates[0].run = first_runs;
	lates[1].run = lates[2].run = others_run;
	for (size_t i = 0; i < ARRAY_SIZE(lates); i++) {
		http_later(loop, &lates[i]);
		http_later(loop, &lates[i]); /* queued once */
	}
	assert_int_equal(n_ran, 0);
	http_wait(loop, 20000);
	assert_string_equal(ran, "ac");
	http_wait(loop, 20000);
	assert_string_equal(ran, "aca");
	http_later_cancel(loop, &lates[0]);
	http_free(loop);
}

static void timer_runs(struct timer *t)
{
	note(t == &timers[0] ? '0' : '1');
}

static void timers_end_the_wait_when_they_are_due(void **state)
{
	int64_t before = now_ms();
	(void)state;

	loop = http_new();
	n_ran = 0;
	timers[0].fire = timers[1].fire = timer_runs;
	assert_int_equal(http_timer_arm(loop, &timers[0], 60), 0);
	assert_int_equal(http_timer_arm(loop, &timers[1], 0), 0);
	while (n_ran < 2)
		http_wait(loop, 20000);
	assert_string_equal(ran, "10");
	assert_true(now_ms() - before >= 60 && now_ms() - before < 10000);
	http_free(loop);
}

struct seen {
	int n, err, status;
	bool was_sent;
};

static void on_done(void *arg, const struct http_result *res)
{
	struct seen *s = arg;

	s->n++;
	s->err = res->err;
	s->status = res->status;
	s->was_sent = res->was_sent;
	assert_true(res->text[0] != '\0');
}

/* Port 1 of loopback: nobody is there. */
static struct seen get(const char *url)
{
	static const char *const headers[] = { "Host: x", NULL };
	struct seen s = { .n = 0 };
	struct http_request r = {
		.method = "POST",
		.url = url,
		.headers = headers,
		.body = "x",
		.body_len = 1,
		.is_once = true,
		.done = on_done,
		.arg = &s,
	};

	loop = http_new();
	assert_non_null(http_start(loop, &r));
	assert_int_equal(s.n, 0);
	while (s.n == 0)
		http_wait(loop, 20000);
	http_wait(loop, 0);
	assert_int_equal(s.n, 1);
	http_free(loop);
	return s;
}

static void what_never_left_is_told_apart_and_told_later(void **state)
{
	struct seen s = get("http://127.0.0.1:1/");
	(void)state;

	assert_int_equal(s.err, -ECONNREFUSED);
	assert_int_equal(s.status, 0);
	assert_false(s.was_sent);
}

static void only_web_addresses_are_opened(void **state)
{
	static const char *const urls[] = { "file:///etc/passwd", "ftp://127.0.0.1:1/",
					    "gopher://127.0.0.1:1/" };
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(urls); i++)
		assert_int_equal(get(urls[i]).err, -EINVAL);
}

static void a_loop_with_running_transfers_can_be_freed(void **state)
{
	static const char *const headers[] = { NULL };
	struct seen s = { .n = 0 };
	struct http_request r = { .method = "GET",
				  .url = "http://127.0.0.1:1/",
				  .headers = headers,
				  .done = on_done,
				  .arg = &s };
	(void)state;

	loop = http_new();
	assert_non_null(http_start(loop, &r));
	http_cancel(http_start(loop, &r));
	http_free(loop);
	http_free(NULL);
	http_cancel(NULL);
	assert_int_equal(s.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_thread_ends_the_wait),
		cmocka_unit_test(
			what_is_deferred_runs_once_in_order_and_can_be_taken_back),
		cmocka_unit_test(timers_end_the_wait_when_they_are_due),
		cmocka_unit_test(what_never_left_is_told_apart_and_told_later),
		cmocka_unit_test(only_web_addresses_are_opened),
		cmocka_unit_test(a_loop_with_running_transfers_can_be_freed),
	};
	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
