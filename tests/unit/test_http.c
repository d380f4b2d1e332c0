/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "cleanup.h"
#include "http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
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

/* A server of one connection that sends its head at once, or never, and then a byte every 50 ms. */
struct sender {
	int listener;
	const char *head;
	char url[64];
	atomic_bool is_over;
};

static void *send_slowly(void *arg)
{
	struct sender *s = arg;
	_close_ int fd = accept(s->listener, NULL, NULL);
	struct timespec nap = { 0, 50 * 1000000L };

	if (fd >= 0)
		(void)!send(fd, s->head, strlen(s->head), MSG_NOSIGNAL);
	while (fd >= 0 && !atomic_load(&s->is_over) &&
	       send(fd, "x", 1, MSG_NOSIGNAL) == 1)
		nanosleep(&nap, NULL);
	return NULL;
}

static void sender_start(struct sender *s, const char *head, pthread_t *ret_thread)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	*s = (struct sender){ .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
			      .head = head };
	assert_int_equal(bind(s->listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(s->listener, 1), 0);
	assert_int_equal(getsockname(s->listener, (struct sockaddr *)&at, &len), 0);
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u/", ntohs(at.sin_port));
	assert_int_equal(pthread_create(ret_thread, NULL, send_slowly, s), 0);
}

static int take_all(void *arg, const void *data, size_t len)
{
	return 0;
}

/* S67 */
static void who_sends_slowly_keeps_no_place_for_ever(void **state)
{
	static const char body[] = "HTTP/1.1 200 X\r\nContent-Length: 1000000\r\n\r\n";
	static const struct {
		const char *head;
		int stall_s, document_s;
		bool is_document;
	} rows[] = {
		{ "HTTP/1.1 200 ", 1, 600, false }, /* a status line by the byte */
		{ "HTTP/1.1 200 X\r\nA: ", 1, 600, false }, /* headers */
		{ body, 1, 600, false },                    /* a body */
		{ body, 600, 1, true }, /* a document, had it come fast enough */
	};
	static const char *const headers[] = { NULL };
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sender sender;
		struct seen s = { .n = 0 };
		pthread_t thread;

		sender_start(&sender, rows[i].head, &thread);
		struct http_request r = { .method = "GET",
					  .url = sender.url,
					  .headers = headers,
					  .is_document = rows[i].is_document,
					  .data = take_all,
					  .done = on_done,
					  .arg = &s };
		loop = http_new();
		http_patience(loop, rows[i].stall_s, rows[i].document_s);
		int64_t before = now_ms();
		assert_non_null(http_start(loop, &r));
		while (s.n == 0 && now_ms() - before < 60000)
			http_wait(loop, 1000);
		assert_int_equal(s.n, 1);
		assert_int_equal(s.err, -ETIMEDOUT);
		http_free(loop);
		atomic_store(&sender.is_over, true);
		close(sender.listener);
		pthread_join(thread, NULL);
	}
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
		cmocka_unit_test(who_sends_slowly_keeps_no_place_for_ever),
		cmocka_unit_test(a_loop_with_running_transfers_can_be_freed),
	};
	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
