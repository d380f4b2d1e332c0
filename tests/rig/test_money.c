/* SPDX-License-Identifier: Apache-2.0 */
/* What is said, reserved and charged: of a file some of which is here, and of what an account sends out
 * for nothing.
 * Promises are cited by number (docs/SEMANTICS.md). */
#include "cases.h"

#include "facts.h"
#include "plan.h"
#include "str.h"
#include <errno.h>

/* What `.thaw/plan` says that asking for it would cost. */
static money_t planned(struct rig *rig, uint64_t ino)
{
	struct plan_ask ask = { .uid = 1000, .gid = 1000 };
	_cleanup_(plan_freep) struct plan *p = plan_new(rig->engine, &ask);
	_buf_ struct buf text = { .len = 0 };
	char amount[48];
	money_t m;

	buf_init(&text, BUF_TEXT_MAX);
	assert_int_equal(plan_add(p, ino), 0);
	assert_int_equal(plan_text(p, &text), 0);
	buf_putc(&text, '\0');
	const char *chosen = strstr(text.data, "\"chosen\":");
	assert_non_null(chosen);
	assert_int_equal(
		sscanf(strstr(chosen, "\"cost\":"), "\"cost\":\"%47[0-9.]", amount), 1);
	assert_int_equal(money_parse(amount, &m), 0);
	return m;
}

/* As it is printed. */
static void assert_money(money_t a, money_t b)
{
	char left[48], right[48];

	money_format(a, left);
	money_format(b, right);
	assert_string_equal(left, right);
}

struct flowed {
	uint64_t id, fetched_bytes, free_bytes, fetches;
	money_t looked;
};

static int flow_add(void *arg, const struct charge *c)
{
	struct flowed *f = arg;

	if (c->request_id != f->id)
		return 0;
	if (streq(c->component, "transfer")) {
		f->fetched_bytes += c->quantity;
		f->free_bytes += c->price == 0 ? c->quantity : 0;
	} else if (streq(c->operation, "GetObject"))
		f->fetches += c->quantity;
	else if (streq(c->operation, "HeadObject"))
		f->looked += c->amount;
	return 0;
}

static void looks_of(const struct facts *f, money_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < f->estimate.n; i++)
		if (streq(f->estimate.lines[i].operation, "HeadObject"))
			*ret += f->estimate.lines[i].amount;
}

/* Reads what is missing, and compares all that was said of it with what it cost. */
static void rest_costs_what_was_said(struct rig *rig, uint64_t ino, uint64_t missing)
{
	struct rig_reader reader;
	struct request rec;
	struct facts facts;
	money_t looks;

	assert_int_equal(facts_of(rig->engine, ino, &facts), 0);
	assert_money(planned(rig, ino), facts.estimate.total);
	looks_of(&facts, &looks);
	rig_read(rig, &reader, ino, 0, BIG);
	assert_true(rig_run(rig, rig_is_answered, &reader, 60 * HOURS));
	assert_int_equal(reader.result, 0);
	rig_settle(rig);
	assert_int_equal(journal_request_of(rig->state->journal, ino, &rec), 0);
	assert_true(rec.estimate == facts.estimate.total);
	struct flowed flow = { .id = rec.id };
	journal_each_charge(rig->state->journal, 0, flow_add, &flow);
	assert_int_equal(flow.fetched_bytes, missing);
	assert_true(rec.charged - flow.looked == rec.estimate - looks);
}

/* One chunk is here, the copy is gone, and nobody waits. */
static void stop_halfway(struct rig *rig, uint64_t ino, struct memory_object *o)
{
	struct rig_reader reader;

	rig_read(rig, &reader, ino, 0, 100);
	fetch_one_chunk(rig, ino);
	engine_interrupt(rig->engine, reader.waiter.id);
	o->is_restored = false;
	rig_settle(rig);
	assert_int_equal(rig_phase(rig, ino), PHASE_ENDED);
}

/* S143 */
static void what_is_here_of_an_archive_is_not_asked_for_again(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "vault", "archive");
	struct facts facts;

	stop_halfway(rig, ino, archive);
	assert_int_equal(facts_of(rig->engine, ino, &facts), 0);
	uint64_t missing = BIG - facts.fill.held_bytes;
	assert_in_range(missing, 1, BIG - MIB);
	uint64_t before = archive->restored_bytes;
	rest_costs_what_was_said(rig, ino, missing);
	assert_int_equal(archive->restored_bytes - before, missing);
}

/* S143 */
static void what_is_here_of_an_object_is_restored_and_not_fetched_again(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct facts facts;

	stop_halfway(rig, ino, object);
	assert_int_equal(facts_of(rig->engine, ino, &facts), 0);
	uint64_t missing = BIG - facts.fill.held_bytes;
	assert_in_range(missing, 1, BIG - MIB);
	rest_costs_what_was_said(rig, ino, missing);
	assert_int_equal(object->restored_bytes, 2 * BIG); /* S3 restores no parts */
}

static struct ask cancel = { .verb = ASK_CANCEL, .uid = 1000 };

static void cancelled(struct ask *a, int r)
{
	(void)a;
	assert_int_equal(r, 0);
}

/* S29, S143 */
static void what_was_called_off_halfway_costs_the_rest_of_its_transfer(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = rig_ino(rig, "bucket", "object");
	struct rig_reader reader;
	struct facts facts;
	struct request rec;

	rig_read(rig, &reader, ino, 0, 100);
	fetch_one_chunk(rig, ino);
	cancel.ino = ino;
	cancel.done = cancelled;
	engine_ask(rig->engine, &cancel);
	rig_settle(rig);
	assert_int_equal(facts_of(rig->engine, ino, &facts), 0);
	assert_int_equal(facts.state, FILE_READY);
	assert_false(facts_needs_restore(&facts));
	uint64_t missing = BIG - facts.fill.held_bytes;
	rest_costs_what_was_said(rig, ino, missing);
	assert_int_equal(object->restores, 1);
	assert_int_equal(journal_request_of(rig->state->journal, ino, &rec), 0);
	assert_int_equal(request_budget_bytes(&rec.numbers), missing);
}

/* ---- free transfer ---- */

#define FREE (3 * MIB)

static struct memory_object *second;

static int setup_free(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct clock *clock = clock_new_virtual(RIG_START_MS);

	store = memory_install(clock);
	object = memory_add("object", "DEEP_ARCHIVE", BIG);
	second = memory_add("second", "DEEP_ARCHIVE", BIG);
	memory_add("third", "DEEP_ARCHIVE", BIG);
	rig_init(rig);
	rig->cfg.free_bytes = FREE;
	rig->bucket.shares_free = true;
	rig_open(rig, RIG_START_MS);
	clock_free(clock);
	*state = rig;
	return 0;
}

static uint64_t left(struct rig *rig)
{
	allowances_turn(rig->engine);
	return allowance_left(engine_source(rig->engine, "bucket"));
}

static uint64_t free_of(struct rig *rig, uint64_t ino)
{
	struct request rec;

	assert_int_equal(journal_request_of(rig->state->journal, ino, &rec), 0);
	return rec.free_granted;
}

static uint64_t object_ino(struct rig *rig, const char *name)
{
	return rig_ino(rig, "bucket", name);
}

/* S173 */
static void what_an_allowance_covers_costs_nothing_and_the_rest_does(void **state)
{
	struct rig *rig = *state;
	struct facts facts;

	assert_int_equal(left(rig), FREE);
	rest_costs_what_was_said(rig, object_ino(rig, "object"), BIG);
	assert_int_equal(free_of(rig, object_ino(rig, "object")), BIG);
	assert_int_equal(left(rig), FREE - BIG);
	rest_costs_what_was_said(rig, object_ino(rig, "second"), BIG);
	assert_int_equal(free_of(rig, object_ino(rig, "second")), FREE - BIG);
	assert_int_equal(left(rig), 0);
	assert_int_equal(facts_of(rig->engine, object_ino(rig, "third"), &facts), 0);
	for (size_t i = 0; i < facts.estimate.n; i++)
		assert_true(facts.estimate.lines[i].component != COST_TRANSFER ||
			    facts.estimate.lines[i].price > 0);
}

/* S173: at once, each has what was said to it. */
static void many_at_once_never_share_more_than_there_is(void **state)
{
	static const char *const names[] = { "object", "second", "third" };
	struct rig *rig = *state;
	struct rig_reader readers[3];
	uint64_t granted = 0;

	for (size_t i = 0; i < 3; i++)
		rig_read(rig, &readers[i], object_ino(rig, names[i]), 0, BIG);
	for (size_t i = 0; i < 3; i++)
		rig_go_to(rig, object_ino(rig, names[i]), PHASE_RESTORING);
	for (size_t i = 0; i < 3; i++)
		granted += free_of(rig, object_ino(rig, names[i]));
	assert_int_equal(granted, FREE);
	assert_int_equal(left(rig), 0);
	for (size_t i = 0; i < 3; i++) {
		assert_true(rig_run(rig, rig_is_answered, &readers[i], 60 * HOURS));
		assert_int_equal(readers[i].result, 0);
	}
	rig_settle(rig);
	for (size_t i = 0; i < 3; i++) {
		struct request rec;
		struct flowed flow;
		journal_request_of(rig->state->journal, object_ino(rig, names[i]), &rec);
		flow = (struct flowed){ .id = rec.id };
		journal_each_charge(rig->state->journal, 0, flow_add, &flow);
		assert_int_equal(flow.free_bytes, rec.free_granted);
		assert_int_equal(rec.free_left, 0);
	}
}

/* S173 */
static void another_month_begins_anew_and_what_was_granted_stands(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = object_ino(rig, "second");
	struct rig_reader reader;

	rest_costs_what_was_said(rig, object_ino(rig, "object"), BIG);
	clock_advance(rig->clock, 31 * (24 * HOURS));
	rig_settle(rig);
	assert_int_equal(left(rig), FREE);
	/* Asked for in one month, sent in the next. */
	rig_read(rig, &reader, ino, 0, BIG);
	rig_go_to(rig, ino, PHASE_RESTORING);
	assert_int_equal(left(rig), FREE - BIG);
	second->ready_ms += 30 * (24 * HOURS);
	second->expires_ms += 30 * (24 * HOURS);
	clock_advance(rig->clock, 30 * (24 * HOURS));
	assert_int_equal(left(rig), FREE - BIG);
	assert_true(rig_run(rig, rig_is_answered, &reader, 60 * (24 * HOURS)));
	assert_int_equal(reader.result, 0);
	rig_settle(rig);
	assert_int_equal(left(rig), FREE - BIG);
}

/* S173 */
static void over_a_restart_what_was_sent_and_granted_is_known(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = object_ino(rig, "second");
	struct rig_reader reader;

	rest_costs_what_was_said(rig, object_ino(rig, "object"), BIG);
	rig_read(rig, &reader, ino, 0, BIG);
	rig_go_to(rig, ino, PHASE_RESTORING);
	assert_int_equal(left(rig), 0);
	int64_t now = clock_service_ms(rig->clock);
	rig_close(rig);
	rig_open(rig, now);
	assert_int_equal(left(rig), 0);
	rig_read(rig, &reader, ino, 0, BIG);
	assert_true(rig_run(rig, rig_is_answered, &reader, 60 * HOURS));
	assert_int_equal(reader.result, 0);
	rig_settle(rig);
	struct request rec;
	assert_int_equal(journal_request_of(rig->state->journal, ino, &rec), 0);
	struct flowed flow = { .id = rec.id };
	journal_each_charge(rig->state->journal, 0, flow_add, &flow);
	assert_int_equal(flow.free_bytes, FREE - BIG);
	assert_int_equal(flow.fetched_bytes, BIG);
	assert_int_equal(left(rig), 0);
}

/* S173 */
static void what_is_refused_or_called_off_gives_its_grant_back(void **state)
{
	struct rig *rig = *state;
	uint64_t ino = object_ino(rig, "second");
	struct rig_reader reader;

	rig->budgets[0].money = 0;
	rig_read(rig, &reader, object_ino(rig, "object"), 0, BIG);
	assert_true(rig_run(rig, rig_is_answered, &reader, HOURS));
	assert_int_equal(reader.result, -EDQUOT);
	rig_settle(rig);
	assert_int_equal(left(rig), FREE);
	rig->budgets[0].money = 10 * MONEY_PER_USD;
	rig_read(rig, &reader, ino, 0, BIG);
	rig_go_to(rig, ino, PHASE_RESTORING);
	assert_int_equal(left(rig), FREE - BIG);
	cancel.ino = ino;
	cancel.done = cancelled;
	engine_ask(rig->engine, &cancel);
	rig_settle(rig);
	assert_int_equal(left(rig), FREE);
}

#define TEST(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)
#define FREED(f) cmocka_unit_test_setup_teardown(f, setup_free, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_here_of_an_archive_is_not_asked_for_again),
		TEST(what_is_here_of_an_object_is_restored_and_not_fetched_again),
		TEST(what_was_called_off_halfway_costs_the_rest_of_its_transfer),
		FREED(what_an_allowance_covers_costs_nothing_and_the_rest_does),
		FREED(many_at_once_never_share_more_than_there_is),
		FREED(another_month_begins_anew_and_what_was_granted_stands),
		FREED(over_a_restart_what_was_sent_and_granted_is_known),
		FREED(what_is_refused_or_called_off_gives_its_grant_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
