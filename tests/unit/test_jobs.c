/* SPDX-License-Identifier: Apache-2.0 */
#include "jobs.h"

#include "fake_walk.h"
#include "str.h"
#include <errno.h>
#include <stdio.h>

#define FINDS 10

static struct jobs *jobs;

static void walk(struct backend *b, struct backend_call *c)
{
	(void)b;
	walk_begins(c);
}

static void describe(struct backend *b, struct backend_call *c)
{
	(void)b;
	single_begins(c, "DescribeJob");
}

static const struct jobs_ops jobs_ops = { walk, describe };

static int setup(void **state)
{
	(void)state;
	fake_walk_init();
	jobs = jobs_new(&asked, &jobs_ops);
	return jobs ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	jobs_free(jobs);
	fake_walk_done();
	return 0;
}

static void see(const char *id, enum remote_state state)
{
	struct glacier_job job = { .state = state, .is_whole = true };

	job.completed_ms = state == REMOTE_RESTORING ? 0 : 1000000000;
	snprintf(job.id, sizeof(job.id), "job-%s", id);
	snprintf(job.archive_id, sizeof(job.archive_id), "%s", id);
	snprintf(job.message, sizeof(job.message), "said");
	jobs_see(jobs, &job);
}

static void walk_ends(int result)
{
	struct backend_call *c = walking;

	assert_non_null(c);
	walking = NULL;
	jobs_page_seen(jobs);
	c->requests = 1;
	c->operation = "ListJobs";
	c->result = result;
	if (result < 0)
		fault_set(&c->fault, FAULT_BUSY, "Busy", "later");
	c->done(c);
}

static void find(struct backend_call *c, struct object *o, const char *id)
{
	*o = (struct object){ .size_bytes = 1 };
	snprintf(o->id, sizeof(o->id), "%s", id);
	*c = (struct backend_call){ .verb = BACKEND_FIND, .object = o, .done = on_done };
	jobs_ask(jobs, c);
}

static void probe(struct backend_call *c, const char *token, bool is_fresh)
{
	*c = (struct backend_call){
		.verb = BACKEND_PROBE,
		.done = on_done,
		.is_fresh = is_fresh,
	};
	snprintf(c->token, sizeof(c->token), "%s", token);
	jobs_ask(jobs, c);
}

/* S62 */
static void ten_questions_are_one_walk_metered_once(void **state)
{
	struct backend_call calls[FINDS];
	struct object objects[FINDS];
	unsigned int requests = 0;

	(void)state;
	for (int i = 0; i < FINDS; i++) {
		char id[] = { (char)('a' + i), '\0' };
		find(&calls[i], &objects[i], id);
	}
	gather();
	assert_int_equal(walks, 1);
	see("c", REMOTE_RESTORING);
	see("d", REMOTE_READY);
	walk_ends(0);
	assert_int_equal(dones, FINDS);
	for (int i = 0; i < FINDS; i++)
		requests += calls[i].requests;
	assert_int_equal(requests, 1);
	assert_int_equal(calls[0].state, REMOTE_COLD);
	assert_int_equal(calls[2].state, REMOTE_RESTORING);
	assert_int_equal(calls[3].state, REMOTE_READY);
	assert_string_equal(calls[3].token, "job-d");
}

/* S62 */
static void a_find_is_answered_only_by_a_walk_that_began_after_it(void **state)
{
	struct backend_call first, second;
	struct object a, b;

	(void)state;
	find(&first, &a, "a");
	gather();
	find(&second, &b, "b");
	gather();
	assert_int_equal(walks, 1);
	walk_ends(0);
	assert_int_equal(dones, 1);
	gather();
	assert_int_equal(walks, 2);
	see("b", REMOTE_RESTORING); /* sent before the second question was asked */
	walk_ends(0);
	assert_int_equal(dones, 2);
	assert_int_equal(second.state, REMOTE_RESTORING);

	/* However fresh a walk is: */
	find(&first, &a, "a");
	gather();
	assert_int_equal(walks, 3);
	walk_ends(0);
}

static void find_first(struct backend_call *c, struct object *o, const char *id)
{
	find(c, o, id);
	c->is_first = true;
}

/* S62 */
static void of_what_was_never_asked_for_a_walk_says_no_for_as_long_as_it_took(
	void **state)
{
	struct backend_call c[5];
	struct object o[5];

	(void)state;
	find(&c[0], &o[0], "a");
	gather();
	find_first(&c[1], &o[1], "b"); /* while it is under way: it answers that too */
	find_first(&c[2], &o[2], "c");
	clock_advance(test_clock, 300);
	see("c", REMOTE_RESTORING);
	walk_ends(0);
	assert_int_equal(walks, 1);
	assert_int_equal(dones, 2);
	assert_int_equal(c[1].state, REMOTE_COLD);

	gather(); /* but a yes is a new walk's */
	assert_int_equal(walks, 2);
	see("c", REMOTE_RESTORING);
	clock_advance(test_clock, 300);
	walk_ends(0);
	assert_int_equal(dones, 3);
	assert_int_equal(c[2].state, REMOTE_RESTORING);

	find_first(&c[3], &o[3], "d");
	gather();
	assert_int_equal(walks, 2);
	assert_int_equal(dones, 4);
	clock_advance(test_clock, 600);
	find_first(&c[4], &o[4], "e");
	gather();
	assert_int_equal(walks, 3);
	walk_ends(0);
	assert_int_equal(dones, 5);
}

static void probes_are_answered_from_a_walk_for_five_seconds(void **state)
{
	struct backend_call f, p[3];
	struct object a;

	(void)state;
	find(&f, &a, "a");
	gather();
	see("b", REMOTE_FAILED);
	see("a", REMOTE_READY);
	see("c", REMOTE_RESTORING);
	walk_ends(0);
	probe(&p[0], "job-a", false);
	probe(&p[1], "job-b", false);
	gather();
	assert_int_equal(dones, 3);
	assert_int_equal(p[0].state, REMOTE_READY);
	assert_int_equal(p[0].requests, 0);
	assert_int_equal(p[1].state, REMOTE_FAILED);
	assert_string_equal(p[1].fault.text, "said");

	probe(&p[2], "job-c", true); /* a notice came: now */
	assert_int_equal(singles, 1);
	probe(&p[2], "job-x", false); /* no walk has shown it */
	gather();
	assert_int_equal(singles, 2);
	clock_advance(test_clock, 5000);
	probe(&p[2], "job-a", false);
	gather();
	assert_int_equal(singles, 3);
	assert_int_equal(walks, 1);
}

static void probes_are_walked_where_that_takes_fewer_requests(void **state)
{
	static const struct {
		size_t finds, probes;
		unsigned int pages;
		bool pays;
	} rows[] = {
		{ 0, 0, 0, false },  { 0, 1, 0, false },  { 0, 2, 0, true },
		{ 0, 1, 1, false },  { 0, 2, 1, true },   { 0, 20, 20, false },
		{ 0, 21, 20, true }, { 1, 0, 999, true }, { 1, 1, 999, true },
	};
	struct backend_call p[2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(
			jobs_walk_pays(rows[i].finds, rows[i].probes, rows[i].pages),
			rows[i].pays);
	probe(&p[0], "job-a", false);
	probe(&p[1], "job-b", false);
	gather();
	assert_int_equal(walks, 1);
	see("a", REMOTE_RESTORING);
	walk_ends(0);
	assert_int_equal(dones, 1);
	assert_int_equal(singles, 1); /* the other was not in the list */
}

static void a_walk_that_fails_fails_all_that_share_it(void **state)
{
	struct backend_call calls[2], p;
	struct object a, b;

	(void)state;
	find(&calls[0], &a, "a");
	find(&calls[1], &b, "b");
	gather();
	see("a", REMOTE_READY);
	walk_ends(-EIO);
	assert_int_equal(dones, 2);
	assert_int_equal(calls[1].result, -EIO);
	assert_int_equal(calls[1].fault.kind, FAULT_BUSY);
	probe(&p, "job-a", false); /* half a walk proves nothing */
	gather();
	assert_int_equal(singles, 1);
}

static void what_is_taken_back_is_not_answered(void **state)
{
	struct backend_call calls[3];
	struct object o;

	(void)state;
	find(&calls[0], &o, "a");
	find(&calls[1], &o, "a");
	assert_true(jobs_cancel(jobs, &calls[0]));
	assert_false(jobs_cancel(jobs, &calls[0]));
	gather();
	assert_true(jobs_cancel(jobs, &calls[1]));
	walk_ends(0);
	assert_int_equal(dones, 0);
	find(&calls[2], &o, "a");
	gather();
	assert_int_equal(walks, 2); /* and is left under way: teardown */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(ten_questions_are_one_walk_metered_once),
		TEST(a_find_is_answered_only_by_a_walk_that_began_after_it),
		TEST(of_what_was_never_asked_for_a_walk_says_no_for_as_long_as_it_took),
		TEST(probes_are_answered_from_a_walk_for_five_seconds),
		TEST(probes_are_walked_where_that_takes_fewer_requests),
		TEST(a_walk_that_fails_fails_all_that_share_it),
		TEST(what_is_taken_back_is_not_answered),
	};

	return cmocka_run_group_tests_name("jobs", tests, NULL, NULL);
}
