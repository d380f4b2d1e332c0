/* SPDX-License-Identifier: Apache-2.0 */
/* The engine on its own thread, and all that the threads of a mount do to it at once: for the
 * thread sanitizer above all. What comes out does not depend on who is faster: every reader is
 * answered once, and every file is paid once. */
#include "rig.h"

#include "facts.h"
#include "test.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define FILES   6
#define THREADS 4
#define READS   25
#define SIZE    (MIB + 99)

static struct memory_store *store;

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct clock *clock = clock_new_virtual(RIG_START_MS);

	store = memory_install(clock);
	store->is_prompt = true;
	for (int i = 0; i < FILES; i++) {
		char id[8];

		snprintf(id, sizeof(id), "file-%d", i);
		memory_add(id, i % 2 ? "DEEP_ARCHIVE" : "VAULT", SIZE);
	}
	rig_init(rig);
	rig->has_thread = true;
	rig_open(rig, RIG_START_MS);
	clock_free(clock);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	rig_done(*state);
	free(*state);
	return 0;
}

/* ---- a reader of its own thread ---- */

struct reader {
	struct waiter waiter;
	atomic_int answers;
	int result; /* before `answers` */
};

static bool is_interrupted(struct waiter *w)
{
	(void)w;
	return false;
}

static void answered(struct waiter *w, int r)
{
	struct reader *reader = container_of(w, struct reader, waiter);

	reader->result = r;
	atomic_fetch_add(&reader->answers, 1);
}

static const struct waiter_ops ops = { is_interrupted, answered };
static atomic_ulong last_id;

static void reader_begin(struct rig *rig, struct reader *reader, uint64_t ino)
{
	*reader = (struct reader){
		.waiter = {
			.ops = &ops,
			.id = atomic_fetch_add(&last_id, 1) + 1,
			.ino = ino,
			.len = SIZE,
			.uid = 1000,
			.gid = 1000,
		},
	};
	engine_wait(rig->engine, &reader->waiter);
}

struct asked {
	struct ask ask;
	atomic_int answers;
};

static void ask_done(struct ask *a, int r)
{
	(void)r;
	atomic_fetch_add(&container_of(a, struct asked, ask)->answers, 1);
}

static void refresh(struct rig *rig, uint64_t ino)
{
	struct asked asked = { .ask = { .verb = ASK_REFRESH, .ino = ino } };

	asked.ask.done = ask_done;
	engine_ask(rig->engine, &asked.ask);
	while (!atomic_load(&asked.answers))
		usleep(100);
}

/* ---- the crowd ---- */

struct crowd {
	struct rig *rig;
	uint64_t inos[FILES];
	atomic_int n_left;
	atomic_int wrong;
};

/* All that a mount shows of a file and of itself. */
static void look_around(struct crowd *c, uint64_t ino)
{
	struct engine *e = c->rig->engine;
	_buf_ struct buf text = { .len = 0 };
	struct source_status status;
	struct engine_stats stats;
	struct facts facts;

	buf_init(&text, 1 << 20);
	if (facts_of(e, ino, &facts) < 0 || facts_json(&facts, true, &text) < 0)
		atomic_fetch_add(&c->wrong, 1);
	engine_source_status(e, "bucket", &status);
	engine_source_status(e, "vault", &status);
	engine_queue_text(e, &text);
	engine_stats(e, &stats);
}

static void read_one(struct crowd *c, unsigned int n)
{
	struct reader reader;
	uint64_t ino = c->inos[n % FILES];
	bool is_impatient = n % 3 == 0;

	reader_begin(c->rig, &reader, ino);
	while (!atomic_load(&reader.answers)) {
		look_around(c, ino);
		if (is_impatient)
			engine_interrupt(c->rig->engine, reader.waiter.id);
		usleep(200);
	}
	if (reader.result != 0 && !(is_impatient && reader.result == -EINTR))
		atomic_fetch_add(&c->wrong, 1);
	if (n % 10 == 0)
		refresh(c->rig, c->inos[1]);
}

static void *crowd_main(void *arg)
{
	struct crowd *c = arg;

	for (unsigned int n = 0; n < READS; n++)
		read_one(c, n);
	atomic_fetch_sub(&c->n_left, 1);
	return NULL;
}

static void crowd_fill(struct rig *rig, struct crowd *c)
{
	c->rig = rig;
	for (int i = 0; i < FILES; i++) {
		c->inos[i] = rig_ino(rig, i % 2 ? "bucket" : "vault",
				     store->objects[i].object.id);
		assert_true(c->inos[i] != 0);
	}
}

static void a_crowd_is_served_and_every_file_is_paid_once(void **state)
{
	struct rig *rig = *state;
	struct crowd c = { .n_left = THREADS };
	pthread_t threads[THREADS];

	crowd_fill(rig, &c);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, crowd_main, &c);
	while (atomic_load(&c.n_left)) {
		clock_advance(rig->clock, 120000);
		usleep(2000);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(c.wrong, 0);
	engine_stop(rig->engine);
	for (int i = 0; i < FILES; i++) {
		assert_true(rig_is_right(rig, c.inos[i], &store->objects[i]));
		assert_int_equal(store->objects[i].restores, 1);
	}
}

static void a_stop_answers_all_who_wait_and_all_who_come_after(void **state)
{
	struct rig *rig = *state;
	struct crowd c = { .n_left = 0 };
	struct reader before[FILES], after;

	crowd_fill(rig, &c);
	for (int i = 0; i < FILES; i++)
		reader_begin(rig, &before[i], c.inos[i]);
	engine_stop(rig->engine);
	reader_begin(rig, &after, c.inos[0]);
	while (!atomic_load(&after.answers))
		usleep(1000);
	assert_int_equal(after.result, -ETIMEDOUT);
	for (int i = 0; i < FILES; i++) {
		assert_int_equal(before[i].answers, 1);
		assert_int_equal(before[i].result, -ETIMEDOUT);
	}
	look_around(&c, c.inos[0]);
	assert_int_equal(c.wrong, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_crowd_is_served_and_every_file_is_paid_once),
		TEST(a_stop_answers_all_who_wait_and_all_who_come_after),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
