/* SPDX-License-Identifier: Apache-2.0 */
/* 200 readers of 200 cold files at once, and money for 50: exactly 50 are paid and 150 refused (and
 * when it is killed in between: test_crowd.c); and what is held, refused or let through by hand. */
#include "rig.h"

#include "test.h"
#include <errno.h>

#define HOURS   ((int64_t)3600 * 1000)
#define READERS 200
#define PAID    50
#define SIZE    3000

static struct memory_store *store;

struct crowd {
	struct rig_reader of[READERS];
};

static bool all_answered(void *arg)
{
	struct crowd *c = arg;

	for (size_t i = 0; i < READERS; i++)
		if (!c->of[i].is_answered)
			return false;
	return true;
}

static uint64_t ino_of(struct rig *rig, const char *source, size_t i)
{
	char name[16];

	snprintf(name, sizeof(name), "f%03zu", i);
	return rig_ino(rig, source, name);
}

static struct crowd *read_all(struct rig *rig, const char *source)
{
	struct crowd *c = calloc(1, sizeof(*c));

	for (size_t i = 0; i < READERS; i++)
		rig_read(rig, &c->of[i], ino_of(rig, source, i), 0, SIZE);
	assert_true(rig_run(rig, all_answered, c, 100 * HOURS));
	rig_settle(rig);
	return c;
}

static size_t count(const struct crowd *c, int result)
{
	size_t n = 0;

	for (size_t i = 0; i < READERS; i++)
		n += c->of[i].result == result;
	return n;
}

static unsigned int paid(void)
{
	unsigned int n = 0;

	for (size_t i = 0; i < store->n; i++)
		n += store->objects[i].restores;
	return n;
}

static void prepare(struct rig *rig, const char *class)
{
	struct clock *clock = clock_new_virtual(RIG_START_MS);

	store = memory_install(clock);
	for (size_t i = 0; i < READERS; i++) {
		char name[16];
		snprintf(name, sizeof(name), "f%03zu", i);
		memory_add(name, class, SIZE);
	}
	clock_free(clock);
	rig_init(rig);
	rig->budgets[0] = (struct budget){
		.name = "fifty", .money = -1, .files = PAID, .period = BUDGET_TOTAL
	};
	rig->cfg.n_budgets = 1;
}

/* S90 */
static void of_200_readers_a_budget_for_50_files_pays_50(void **state)
{
	struct budget_use use;
	struct rig rig;

	(void)state;
	prepare(&rig, "VAULT");
	rig_open(&rig, RIG_START_MS);
	_free_ struct crowd *c = read_all(&rig, "vault");
	assert_int_equal(count(c, 0), PAID);
	assert_int_equal(count(c, -EDQUOT), READERS - PAID);
	assert_int_equal(paid(), PAID);
	assert_int_equal(rig_ledger(&rig, "InitiateJob", "request").quantity,
			 PAID + 1 /* the inventory */);
	assert_int_equal(journal_budget(rig.state->journal, "fifty/total", &use), 0);
	assert_int_equal(use.spent_files, PAID);
	assert_int_equal(use.reserved_files, 0);
	assert_int_equal(use.spent_bytes, PAID * SIZE);
	rig_done(&rig);
}

static void of_200_readers_money_for_50_restores_pays_50(void **state)
{
	struct rig rig;
	struct rig_reader first;
	struct request one;

	(void)state;
	prepare(&rig, "VAULT");
	/* The readers' own: the inventory is nobody's. */
	rig.budgets[0] = (struct budget){ .name = "fifty",
					  .who = BUDGET_USER,
					  .id = 1000,
					  .money = MONEY_PER_USD,
					  .period = BUDGET_TOTAL };
	rig_open(&rig, RIG_START_MS);
	uint64_t ino = ino_of(&rig, "vault", 0);
	rig_read(&rig, &first, ino, 0, SIZE);
	rig_go_to(&rig, ino, PHASE_SENDING);
	assert_int_equal(journal_request_of(rig.state->journal, ino, &one), 0);
	rig.budgets[0].money = one.estimate * PAID;
	_free_ struct crowd *c = read_all(&rig, "vault");
	assert_int_equal(count(c, 0), PAID);
	assert_int_equal(count(c, -EDQUOT), READERS - PAID);
	assert_int_equal(paid(), PAID);
	rig_done(&rig);
}

/* ---- by hand ---- */

struct said {
	struct ask ask;
	bool is_done;
	int result;
};

static void said_done(struct ask *a, int r)
{
	struct said *s = container_of(a, struct said, ask);

	s->is_done = true;
	s->result = r;
}

static bool is_said(void *arg)
{
	return ((struct said *)arg)->is_done;
}

static int say(struct rig *rig, enum ask_verb verb, uint64_t ino, uint32_t uid,
	       bool is_admin)
{
	struct said s = { .ask = { .verb = verb,
				   .ino = ino,
				   .uid = uid,
				   .is_admin = is_admin,
				   .done = said_done } };

	engine_ask(rig->engine, &s.ask);
	assert_true(rig_run(rig, is_said, &s, HOURS));
	return s.result;
}

static const uint32_t boss[] = { 77 };

static void one_over_budget(struct rig *rig, const struct policy *p)
{
	prepare(rig, "VAULT");
	rig->budgets[0].bytes = 1;
	rig->budgets[0].approvers = (struct people){ .uids = boss, .n_uids = 1 };
	rig->cfg.policies = p;
	rig->cfg.n_policies = p != NULL;
	rig_open(rig, RIG_START_MS);
}

/* S91 */
static void what_was_refused_is_let_through_by_its_approver_alone(void **state)
{
	struct rig_reader reader;
	struct request rec;
	struct rig rig;

	(void)state;
	one_over_budget(&rig, NULL);
	uint64_t ino = ino_of(&rig, "vault", 7);
	rig_read(&rig, &reader, ino, 0, SIZE);
	assert_true(rig_run(&rig, rig_is_answered, &reader, HOURS));
	assert_int_equal(reader.result, -EDQUOT);
	rig_settle(&rig);
	assert_int_equal(say(&rig, ASK_APPROVE, ino, 1000, false), -EACCES);
	assert_int_equal(paid(), 0);
	assert_int_equal(say(&rig, ASK_APPROVE, ino_of(&rig, "vault", 8), 77, false),
			 -ENOENT);
	assert_int_equal(say(&rig, ASK_APPROVE, ino, 77, false), 0);
	assert_int_equal(journal_request_of(rig.state->journal, ino, &rec), 0);
	assert_true(rec.has_approver);
	assert_int_equal(rec.approver, 77);
	assert_int_equal(rec.uid, 1000);
	rig_read(&rig, &reader, ino, 0, SIZE);
	assert_true(rig_run(&rig, rig_is_answered, &reader, 60 * HOURS));
	assert_int_equal(reader.result, 0);
	rig_settle(&rig);
	assert_int_equal(paid(), 1);
	rig_done(&rig);
}

static const struct policy hold = { .path = "/", .over = OVER_HOLD };

/* S92 */
static void what_is_held_costs_nothing_until_it_is_approved_or_cancelled(void **state)
{
	struct rig_reader reader;
	struct budget_use use;
	struct request rec;
	struct rig rig;

	(void)state;
	one_over_budget(&rig, &hold);
	uint64_t ino = ino_of(&rig, "vault", 7);
	rig_read(&rig, &reader, ino, 0, SIZE);
	rig_go_to(&rig, ino, PHASE_HELD);
	assert_int_equal(journal_request_of(rig.state->journal, ino, &rec), 0);
	assert_int_equal(rec.state, REQUEST_HELD);
	assert_non_null(strstr(rec.error, "budget fifty/total"));
	assert_int_equal(journal_budget(rig.state->journal, "fifty/total", &use), 0);
	assert_int_equal(use.reserved_files + use.spent_files, 0);
	assert_int_equal(rig.engine->promised_bytes, 0);
	/* Over a restart. */
	rig_close(&rig);
	assert_int_equal(reader.result, -ETIMEDOUT);
	rig_open(&rig, RIG_START_MS + HOURS);
	assert_int_equal(rig_phase(&rig, ino), PHASE_HELD);
	assert_int_equal(say(&rig, ASK_CANCEL, ino, 1000, false), 0);
	rig_settle(&rig);
	assert_int_equal(journal_request_of(rig.state->journal, ino, &rec), 0);
	assert_int_equal(rec.state, REQUEST_CANCELLED);
	assert_int_equal(paid(), 0);
	/* Again, and now it is let through: under the number it was held by. */
	rig_read(&rig, &reader, ino, 0, SIZE);
	rig_go_to(&rig, ino, PHASE_HELD);
	assert_int_equal(journal_request_of(rig.state->journal, ino, &rec), 0);
	uint64_t id = rec.id;
	assert_int_equal(say(&rig, ASK_APPROVE, ino, 77, false), 0);
	assert_true(rig_run(&rig, rig_is_answered, &reader, 60 * HOURS));
	assert_int_equal(reader.result, 0);
	rig_settle(&rig);
	assert_int_equal(journal_request_of(rig.state->journal, ino, &rec), 0);
	assert_int_equal(rec.id, id);
	assert_int_equal(paid(), 1);
	rig_done(&rig);
}

/* ---- and where the cache is small ---- */

static uint64_t opened;

static bool has_opened(void *arg, uint64_t ino)
{
	(void)arg;
	return ino == opened;
}

static void read_held(struct rig *rig, struct rig_reader *reader, uint64_t ino)
{
	rig_read(rig, reader, ino, 0, SIZE);
	rig_go_to(rig, ino, PHASE_HELD);
}

static bool is_here(struct rig *rig, uint64_t ino)
{
	struct fill fill;

	return store_fill(rig->state->store, ino, &fill) == 0 && fill.is_whole;
}

/* One file is here, another is held, and since then the cache has no room for both. */
static uint64_t held_beside_one(struct rig *rig, struct rig_reader *reader,
				uint64_t *ret_old)
{
	struct rig_reader first;

	one_over_budget(rig, &hold);
	uint64_t old = ino_of(rig, "vault", 7), ino = ino_of(rig, "vault", 8);
	read_held(rig, &first, old);
	assert_int_equal(say(rig, ASK_APPROVE, old, 77, false), 0);
	assert_true(rig_run(rig, rig_is_answered, &first, 60 * HOURS));
	read_held(rig, reader, ino);
	rig_settle(rig);
	rig->engine->first_cfg.cache_bytes = store_used_bytes(rig->state->store) + 10;
	opened = 0;
	engine_watch_opens(rig->engine, has_opened, NULL);
	*ret_old = old;
	return ino;
}

/* S92 S180 */
static void what_is_approved_gets_room_as_a_wish_does(void **state)
{
	struct rig_reader reader;
	struct rig rig;

	(void)state;
	uint64_t old, ino = held_beside_one(&rig, &reader, &old);
	assert_true(is_here(&rig, old));
	assert_int_equal(say(&rig, ASK_APPROVE, ino, 77, false), 0);
	assert_true(rig_run(&rig, rig_is_answered, &reader, 60 * HOURS));
	assert_int_equal(reader.result, 0);
	rig_settle(&rig);
	assert_false(is_here(&rig, old));
	assert_true(is_here(&rig, ino));
	assert_int_equal(paid(), 2);
	assert_int_equal(rig.engine->promised_bytes, 0);
	rig_done(&rig);
}

/* S92 S180: and may be approved once more, when there is. */
static void what_is_approved_and_finds_no_room_is_refused_unpaid(void **state)
{
	struct rig_reader reader;
	struct request rec;
	struct rig rig;

	(void)state;
	uint64_t ino = held_beside_one(&rig, &reader, &opened);
	struct said s = {
		.ask = { .verb = ASK_APPROVE, .ino = ino, .uid = 77, .done = said_done }
	};
	engine_ask(rig.engine, &s.ask);
	rig_settle(&rig); /* no time passes: he is still there */
	assert_true(s.is_done);
	assert_int_equal(s.result, -ENOSPC);
	assert_true(reader.is_answered);
	assert_int_equal(reader.result, -ENOSPC);
	assert_int_equal(journal_request_of(rig.state->journal, ino, &rec), 0);
	assert_int_equal(rec.state, REQUEST_FAILED);
	assert_int_equal(rec.err, ENOSPC);
	assert_non_null(strstr(rec.error, "the cache cannot hold"));
	assert_int_equal(paid(), 1);
	assert_int_equal(rig.engine->promised_bytes, 0);
	assert_int_equal(say(&rig, ASK_APPROVE, ino, 1000, false), -EACCES);
	opened = 0;
	assert_int_equal(say(&rig, ASK_APPROVE, ino, 77, false), 0);
	rig_read(&rig, &reader, ino, 0, SIZE);
	assert_true(rig_run(&rig, rig_is_answered, &reader, 60 * HOURS));
	assert_int_equal(reader.result, 0);
	rig_settle(&rig);
	assert_int_equal(paid(), 2);
	rig_done(&rig);
}

/* S93 */
static void a_policy_refuses_before_anybody_is_asked(void **state)
{
	static const struct policy explicit = { .path = "/vault",
						.recall = RECALL_EXPLICIT };
	struct rig_reader reader;
	struct request rec;
	struct rig rig;

	(void)state;
	prepare(&rig, "VAULT");
	rig.cfg.policies = &explicit;
	rig.cfg.n_policies = 1;
	rig_open(&rig, RIG_START_MS);
	uint64_t ino = ino_of(&rig, "vault", 3);
	unsigned int looks = store->calls[BACKEND_FIND];
	rig_read(&rig, &reader, ino, 0, SIZE);
	assert_true(rig_run(&rig, rig_is_answered, &reader, HOURS));
	assert_int_equal(reader.result, -EACCES);
	rig_settle(&rig);
	assert_int_equal(store->calls[BACKEND_FIND], looks);
	assert_int_equal(journal_request_of(rig.state->journal, ino, &rec), 0);
	assert_non_null(strstr(rec.error, "under /vault reading restores nothing"));
	assert_non_null(strstr(rec.error, "`thaw get FILE`"));
	/* Asked by name it is restored, and then read by anybody. */
	assert_int_equal(say(&rig, ASK_GET, ino, 1000, false), 0);
	rig_read(&rig, &reader, ino, 0, SIZE);
	assert_true(rig_run(&rig, rig_is_answered, &reader, 60 * HOURS));
	assert_int_equal(reader.result, 0);
	rig_settle(&rig);
	assert_int_equal(paid(), 1);
	rig_done(&rig);
}

/* S94 */
static void a_storm_is_stopped_before_it_is_paid(void **state)
{
	static const struct policy calm = {
		.path = "/",
		.storm = { .files = 20, .window_ms = 600000, .pause_ms = 3600000 },
	};
	_buf_ struct buf text = { .len = 0 };
	struct rig rig;

	(void)state;
	prepare(&rig, "VAULT");
	rig.cfg.n_budgets = 0;
	rig.cfg.policies = &calm;
	rig.cfg.n_policies = 1;
	rig_open(&rig, RIG_START_MS);
	_free_ struct crowd *c = calloc(1, sizeof(*c));
	for (size_t i = 0; i < READERS; i++) {
		struct origin *of = calloc(1, sizeof(*of));
		assert_non_null(of);
		of->pgrp = 4711;
		rig_read(&rig, &c->of[i], ino_of(&rig, "vault", i), 0, SIZE);
		c->of[i].waiter.origin = of; /* taken when it settles */
	}
	rig_settle(&rig);
	buf_init(&text, BUF_TEXT_MAX);
	rig.engine->published_ms = 0;
	engine_turn(rig.engine, 0);
	engine_storm_text(rig.engine, &text);
	assert_non_null(strstr(text.data, "storm-1: uid 1000"));
	assert_true(rig_run(&rig, all_answered, c, 100 * HOURS));
	rig_settle(&rig);
	assert_int_equal(count(c, 0), 20);
	assert_int_equal(count(c, -EDQUOT), READERS - 20);
	assert_int_equal(paid(), 20);
	rig_done(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_200_readers_a_budget_for_50_files_pays_50),
		cmocka_unit_test(of_200_readers_money_for_50_restores_pays_50),
		cmocka_unit_test(what_was_refused_is_let_through_by_its_approver_alone),
		cmocka_unit_test(
			what_is_held_costs_nothing_until_it_is_approved_or_cancelled),
		cmocka_unit_test(what_is_approved_gets_room_as_a_wish_does),
		cmocka_unit_test(what_is_approved_and_finds_no_room_is_refused_unpaid),
		cmocka_unit_test(a_policy_refuses_before_anybody_is_asked),
		cmocka_unit_test(a_storm_is_stopped_before_it_is_paid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
