/* SPDX-License-Identifier: Apache-2.0 */
/* fake_walk - a source whose walks and single questions do not go anywhere: a walk is kept for the
 * test to answer, both are counted, and the clock is set by hand.
 *
 * Included once by each test program, which owns these variables.
 */
#pragma once

#include "backend.h"
#include "test.h"

static struct clock *test_clock;
static struct backends *backends;
static struct backend asked;

static struct backend_call *walking; /* the walk, or its page, under way */
static unsigned int walks, singles, dones;

static void walk_begins(struct backend_call *c)
{
	assert_null(walking);
	walking = c;
	walks++;
}

/* One question about one thing, which costs a request of its own. */
static void single_begins(struct backend_call *c, const char *operation)
{
	c->operation = operation;
	c->requests = 1;
	singles++;
}

static void on_done(struct backend_call *c)
{
	(void)c;
	dones++;
}

/* Gives the gathering its time. */
static void gather(void)
{
	for (int i = 0; i < 8; i++) {
		clock_advance(test_clock, 10);
		backends_wait(backends, 10);
	}
}

static void fake_walk_init(void)
{
	test_clock = clock_new_virtual(1000000000);
	backends = backends_new(test_clock);
	asked = (struct backend){ .all = backends };
	walking = NULL;
	walks = singles = dones = 0;
}

static void fake_walk_done(void)
{
	backends_free(backends);
	clock_free(test_clock);
}
