/* SPDX-License-Identifier: Apache-2.0 */
#include "s3_status.h"

#include "fake_walk.h"
#include "str.h"
#include <errno.h>
#include <stdio.h>

#define KEYS 40

static struct s3_status *status;

static char behind[OBJECT_ID_MAX + 1]; /* where the page under way begins */
static struct object objects[KEYS];
static struct backend_call calls[KEYS];

static void page(struct backend *b, struct backend_call *c, const char *after)
{
	(void)b;
	walk_begins(c);
	snprintf(behind, sizeof(behind), "%s", after);
}

static void head(struct backend *b, struct backend_call *c)
{
	(void)b;
	single_begins(c, "HeadObject");
}

static const struct s3_status_ops status_ops = { page, head };

static int setup(void **state)
{
	(void)state;
	fake_walk_init();
	status = s3_status_new(&asked, &status_ops);
	return status ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	/* Its walk is not a real one. */
	if (walking)
		walking->done(walking);
	s3_status_free(status);
	fake_walk_done();
	return 0;
}

static void ask(int from, int to)
{
	for (int i = from; i < to; i++) {
		snprintf(objects[i].id, sizeof(objects[i].id), "dir/file%04d", i);
		snprintf(objects[i].etag, sizeof(objects[i].etag), "etag-%d", i);
		snprintf(objects[i].storage_class, sizeof(objects[i].storage_class),
			 "DEEP_ARCHIVE");
		calls[i] = (struct backend_call){ .verb = BACKEND_PROBE,
						  .object = &objects[i],
						  .done = on_done };
		s3_status_ask(status, &calls[i]);
	}
}

/* A page with the keys [from, to), restored until `expires_ms`, or under way (0). */
static void list(int from, int to, int64_t expires_ms, bool is_truncated)
{
	for (int i = from; i < to; i++) {
		struct listing_entry e = { .is_restoring = !expires_ms,
					   .copy_expires_ms = expires_ms };

		snprintf(e.object.id, sizeof(e.object.id), "dir/file%04d", i);
		snprintf(e.object.etag, sizeof(e.object.etag), "etag-%d", i);
		assert_int_equal(s3_status_see(status, &e), 0);
	}
	s3_status_page_seen(status, is_truncated);
	struct backend_call *c = walking;
	walking = NULL;
	c->requests = 1;
	c->done(c);
}

static void many_probes_of_neighbours_share_one_page(void **state)
{
	(void)state;
	ask(0, 30);
	gather();
	assert_int_equal(walks, 1);
	assert_string_equal(behind, "dir/file000");
	list(0, 30, 0, true);
	assert_int_equal(dones, 30);
	assert_int_equal(singles, 0);
	unsigned int lists = 0;
	for (int i = 0; i < 30; i++) {
		assert_int_equal(calls[i].state, REMOTE_RESTORING);
		assert_int_equal(calls[i].requests, 0);
		lists += calls[i].list_requests;
	}
	assert_int_equal(lists, 1);
}

static void few_probes_are_cheaper_by_head(void **state)
{
	(void)state;
	ask(0, 12);
	gather();
	assert_int_equal(walks, 0);
	assert_int_equal(singles, 12);
	assert_false(s3_status_page_pays(12));
	assert_true(s3_status_page_pays(13));
}

static void who_comes_a_little_later_is_answered_from_the_page(void **state)
{
	(void)state;
	ask(0, 20);
	gather();
	list(0, KEYS, 2000000000000, false);
	ask(20, 22);
	gather();
	assert_int_equal(walks, 1);
	assert_int_equal(dones, 22);
	assert_int_equal(calls[21].state, REMOTE_READY);
	assert_true(calls[21].expires_ms == 2000000000000);
	clock_advance(test_clock, 6000);
	ask(22, 23);
	gather();
	assert_int_equal(singles, 1); /* it is too old now */
}

static void what_a_page_does_not_tell_is_asked_by_head(void **state)
{
	(void)state;
	ask(0, 20);
	gather();
	list(0, 15, 0, false);
	assert_int_equal(dones, 15);
	assert_int_equal(singles, 5);
}

static void another_etag_is_another_object(void **state)
{
	(void)state;
	ask(0, 20);
	snprintf(objects[3].etag, sizeof(objects[3].etag), "other");
	gather();
	list(0, 20, 0, false);
	assert_int_equal(calls[3].fault.kind, FAULT_CHANGED);
	assert_true(calls[3].result < 0);
	assert_int_equal(calls[4].result, 0);
}

static void what_is_ready_without_its_proof_is_asked_by_head(void **state)
{
	(void)state;
	ask(0, 20);
	calls[3].is_proof_wanted = true;
	gather();
	list(0, 20, 2000000000000, false);
	assert_int_equal(singles, 1);
	assert_int_equal(dones, 19);
}

static void a_page_that_answers_few_is_not_tried_again_for_a_while(void **state)
{
	(void)state;
	ask(0, 20);
	gather();
	list(0, 5, 0, true); /* a thousand others lie between */
	gather();
	assert_int_equal(dones, 5);
	assert_int_equal(singles, 15);
	ask(0, 20);
	gather();
	assert_int_equal(walks, 1);
	clock_advance(test_clock, (int64_t)16 * 60 * 1000);
	ask(0, 20);
	gather();
	assert_int_equal(walks, 2);
}

static void a_service_that_never_tells_is_found_out(void **state)
{
	(void)state;
	ask(0, 20);
	gather();
	list(0, 0, 0, false);
	assert_int_equal(singles, 20);
	for (int i = 0; i < 3; i++) {
		calls[i].state = REMOTE_RESTORING;
		s3_status_head_told(status, &calls[i]);
	}
	clock_advance(test_clock, (int64_t)16 * 60 * 1000);
	ask(0, 20);
	gather();
	assert_int_equal(walks, 1);
	assert_int_equal(singles, 40);
}

static void a_page_that_fails_leaves_it_to_heads(void **state)
{
	(void)state;
	ask(0, 20);
	gather();
	struct backend_call *c = walking;
	walking = NULL;
	c->result = -EIO;
	c->done(c);
	gather();
	assert_int_equal(singles, 20);
}

static void what_is_taken_back_is_not_answered(void **state)
{
	(void)state;
	ask(0, 20);
	gather();
	assert_true(s3_status_cancel(status, &calls[7]));
	assert_false(s3_status_cancel(status, &calls[7]));
	list(0, 20, 0, false);
	assert_int_equal(dones, 19);
}

static void before_a_key_is_close_to_it(void **state)
{
	char key[OBJECT_ID_MAX + 1];

	(void)state;
	s3_status_before("dir/a1", key);
	assert_string_equal(key, "dir/a");
	s3_status_before("dir/\xc3\xa4", key);
	assert_string_equal(key, "dir/");
	s3_status_before("x", key);
	assert_string_equal(key, "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(many_probes_of_neighbours_share_one_page),
		TEST(few_probes_are_cheaper_by_head),
		TEST(who_comes_a_little_later_is_answered_from_the_page),
		TEST(what_a_page_does_not_tell_is_asked_by_head),
		TEST(another_etag_is_another_object),
		TEST(what_is_ready_without_its_proof_is_asked_by_head),
		TEST(a_page_that_answers_few_is_not_tried_again_for_a_while),
		TEST(a_service_that_never_tells_is_found_out),
		TEST(a_page_that_fails_leaves_it_to_heads),
		TEST(what_is_taken_back_is_not_answered),
		TEST(before_a_key_is_close_to_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
