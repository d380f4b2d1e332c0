/* SPDX-License-Identifier: Apache-2.0 */
#include "state_rig.h"

#include "writer.h"
#include <pthread.h>

/* An operation that writes its number, unless it is told to fail. */
struct number_op {
	struct state_op op;
	uint64_t number;
	int error;  /* what apply answers, after it has written */
	int *tries; /* counts; the error is given on the first only */
};

struct desk {
	struct rig *rig;
	struct db db;
	MDB_dbi dbi;
	struct writer *writer;
	int made_room;
	bool has_room; /* to make */
	pthread_barrier_t gate;
};

static MDB_val number_key(uint64_t n, uint8_t key[8])
{
	key_put_u64(key, n);
	return db_val(key, 8);
}

static int number_apply(void *target, MDB_txn *txn, struct state_op *base)
{
	struct desk *d = target;
	struct number_op *op = container_of(base, struct number_op, op);
	uint8_t key[8];
	int r = db_put(txn, d->dbi, number_key(op->number, key), db_val("", 0));
	if (r < 0)
		return r;
	if (op->tries && (*op->tries)++ > 0)
		return 0;
	return op->error;
}

static const struct op_kind taking = { .apply = number_apply };
static const struct op_kind freeing = { .apply = number_apply, .frees_space = true };

/* Holds the thread up, so that what is posted meanwhile is one batch. */
static int gate_prepare(void *target, struct state_op *op)
{
	struct desk *d = target;
	(void)op;
	pthread_barrier_wait(&d->gate);
	pthread_barrier_wait(&d->gate);
	return 0;
}

static int gate_apply(void *target, MDB_txn *txn, struct state_op *op)
{
	(void)target;
	(void)txn;
	(void)op;
	return 0;
}

static const struct op_kind gate = { .prepare = gate_prepare, .apply = gate_apply };

static bool room(void *target)
{
	struct desk *d = target;
	d->made_room++;
	return d->has_room;
}

static int desk_setup(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));
	d->rig = rig_new();
	const struct db_table table = { "numbers", &d->dbi };
	assert_int_equal(
		db_open(&d->db, d->rig->dir, "env", ANY_FORMAT, RIG_MAP_BYTES, &table, 1),
		0);
	pthread_barrier_init(&d->gate, NULL, 2);
	d->writer = writer_new(&(struct writer_cfg){
		.name = "writer", .db = &d->db, .target = d, .full = room });
	assert_non_null(d->writer);
	*state = d;
	return 0;
}

static int desk_teardown(void **state)
{
	struct desk *d = *state;
	writer_free(d->writer);
	db_close(&d->db);
	pthread_barrier_destroy(&d->gate);
	rig_free(d->rig);
	free(d);
	return 0;
}

static bool is_written(struct desk *d, uint64_t number)
{
	_db_read_ MDB_txn *txn = NULL;
	MDB_val val;
	uint8_t key[8];
	assert_int_equal(db_read(&d->db, &txn), 0);
	return db_get(txn, d->dbi, number_key(number, key), &val) == 0;
}

static void no_run(struct msg *m)
{
	(void)m;
}

/* Does all in one batch and waits for the answers; ends the thread. */
static void batch(struct desk *d, const struct op_kind **kinds, struct number_op *ops,
		  size_t n)
{
	struct state_op *first = calloc(1, sizeof(*first)); /* freed by the writer */
	struct mailbox *box = mailbox_new(NULL, NULL);
	writer_post(d->writer, &gate, first);
	pthread_barrier_wait(&d->gate);
	for (size_t i = 0; i < n; i++) {
		ops[i].op.reply_to = box;
		ops[i].op.msg.run = no_run;
		writer_post(d->writer, kinds[i], &ops[i].op);
	}
	pthread_barrier_wait(&d->gate);
	for (size_t got = 0; got < n;) {
		for (struct msg *m = mailbox_wait(box); m; m = m->next)
			got++;
	}
	writer_free(d->writer);
	d->writer = NULL;
	mailbox_free(box);
}

static void who_fails_leaves_no_trace_and_holds_up_nobody(void **state)
{
	struct desk *d = *state;
	const struct op_kind *kinds[] = { &taking, &taking, &taking };
	struct number_op ops[] = { { .number = 1 },
				   { .number = 2, .error = -EDQUOT },
				   { .number = 3 } };
	batch(d, kinds, ops, 3);
	assert_int_equal(ops[0].op.result, 0);
	assert_int_equal(ops[1].op.result, -EDQUOT);
	assert_int_equal(ops[2].op.result, 0);
	assert_true(is_written(d, 1) && !is_written(d, 2) && is_written(d, 3));
	assert_int_equal(d->made_room, 0);
}

static void the_last_reserve_is_only_for_what_frees_space(void **state)
{
	struct desk *d = *state;
	const struct op_kind *kinds[] = { &taking, &freeing };
	int tries[2] = { 0 };
	struct number_op ops[] = {
		{ .number = 1, .error = -ENOSPC, .tries = &tries[0] },
		{ .number = 2, .error = -ENOSPC, .tries = &tries[1] }
	};
	d->has_room = true;
	batch(d, kinds, ops, 2);
	assert_int_equal(d->made_room, 1);
	assert_int_equal(ops[0].op.result, -ENOSPC);
	assert_int_equal(ops[1].op.result, 0);
	assert_true(tries[0] == 1 && tries[1] == 2);
	assert_true(!is_written(d, 1) && is_written(d, 2));
}

static void the_reserve_is_kept_when_only_takers_fail(void **state)
{
	struct desk *d = *state;
	const struct op_kind *kinds[] = { &taking };
	struct number_op ops[] = { { .number = 1, .error = -ENOSPC } };
	d->has_room = true;
	batch(d, kinds, ops, 1);
	assert_int_equal(d->made_room, 0);
	assert_int_equal(ops[0].op.result, -ENOSPC);
}

static void what_was_posted_is_done_before_the_end(void **state)
{
	struct desk *d = *state;
	for (uint64_t i = 1; i <= 100; i++) {
		struct number_op *op = calloc(1, sizeof(*op));
		op->number = i;
		writer_post(d->writer, &taking, &op->op);
	}
	writer_free(d->writer);
	d->writer = NULL;
	for (uint64_t i = 1; i <= 100; i++)
		assert_true(is_written(d, i));
}

int main(void)
{
#define DESK(f) cmocka_unit_test_setup_teardown(f, desk_setup, desk_teardown)
	const struct CMUnitTest tests[] = {
		DESK(who_fails_leaves_no_trace_and_holds_up_nobody),
		DESK(the_last_reserve_is_only_for_what_frees_space),
		DESK(the_reserve_is_kept_when_only_takers_fail),
		DESK(what_was_posted_is_done_before_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
