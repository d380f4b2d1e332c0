/* SPDX-License-Identifier: Apache-2.0 */
/* What is said, reserved and charged of a file some of which is here.
 * Promises are cited by number (docs/SEMANTICS.md). */
#include "cases.h"

#include "facts.h"
#include "plan.h"
#include "str.h"

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

struct flow {
	uint64_t id, fetched_bytes, fetches;
	money_t looked;
};

static int flow_add(void *arg, const struct charge *c)
{
	struct flow *f = arg;

	if (c->request_id != f->id)
		return 0;
	if (streq(c->component, "transfer"))
		f->fetched_bytes += c->quantity;
	else if (streq(c->operation, "GetObject"))
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
	struct flow flow = { .id = rec.id };
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
	assert_int_equal(request_budget_bytes(&rec), missing);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_here_of_an_archive_is_not_asked_for_again),
		TEST(what_is_here_of_an_object_is_restored_and_not_fetched_again),
		TEST(what_was_called_off_halfway_costs_the_rest_of_its_transfer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
