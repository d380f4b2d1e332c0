/* SPDX-License-Identifier: Apache-2.0 */
/* S180: the order in which files are given up, kept by the index: of any number. */
#include "store_db.h"
#include "store_rig.h"

#define FILES 20000

/* Without data files: one commit for all. */
static void make(struct store *s, uint64_t first, size_t n)
{
	MDB_txn *txn = NULL;

	assert_int_equal(db_write(&s->db, NULL, &txn), 0);
	for (uint64_t i = 0; i < n; i++) {
		struct fill_row row = {
			.fill = { .ino = first + i, .gen = 1, .size_bytes = MIB },
		};

		row.fill.used_ms = 1000 + (int64_t)(i * 7919 % n);
		assert_int_equal(fill_put(s, txn, &row), 0);
	}
	assert_int_equal(db_commit(&s->db, txn), 0);
}

static void rank(struct store *s, struct rank_op *op)
{
	if (op->n)
		assert_int_equal(store_rank_wait(s, op), 0);
	op->n = 0;
}

/* By a rank of its own, all others in order of their numbers. */
static uint8_t rank_of(uint64_t ino)
{
	return (uint8_t)(2 + ino % 5);
}

static void thousands_of_files_come_by_rank_and_then_by_use(void **state)
{
	struct store *s = store_of(state);
	struct store_place at = { .ino = 0 }, last = { .ino = 0 };
	struct rank_op *op = calloc(1, sizeof(*op));
	size_t n = 0;

	assert_non_null(op);
	make(s, 100, FILES);
	while (store_next_use(s, &at) == 0 && at.rank == RANK_NONE) {
		assert_false(at.is_stale);
		op->places[op->n] = at;
		op->ranks[op->n++] = rank_of(at.ino);
		n++;
		if (op->n == RANKS_MAX)
			rank(s, op);
	}
	rank(s, op);
	assert_int_equal(n, FILES);
	at = (struct store_place){ .ino = 0 };
	for (n = 0; store_next_use(s, &at) == 0; n++) {
		assert_int_equal(at.rank, rank_of(at.ino));
		assert_true(at.rank >= last.rank);
		assert_true(at.rank > last.rank || at.used_ms >= last.used_ms);
		last = at;
	}
	assert_int_equal(n, FILES);
	assert_int_equal(store_fills(s), FILES);
	free(op);
}

static void touch_post(void *store, struct state_op *op)
{
	store_touch_post(store, container_of(op, struct touch_op, op));
}

static void what_was_used_moves_back_and_what_is_forgotten_has_no_place(void **state)
{
	struct rig *r = *state;
	struct store *s = store_of(state);
	struct store_place at = { .ino = 0 };
	struct touch_op touch = { .op.result = 0 };
	struct forget_op forget = { .ino = 101 };
	struct fill f;

	make(s, 100, 3);
	store_touch(s, 100);
	assert_true(store_has_touched(s));
	assert_int_equal(state_op_wait(touch_post, s, &touch.op), 0);
	assert_false(store_has_touched(s));
	assert_int_equal(store_forget_wait(s, &forget), 0);
	rig_reopen(r);
	s = store_of(state);
	assert_int_equal(store_next_use(s, &at), 0);
	assert_int_equal(at.ino, 102);
	assert_int_equal(store_next_use(s, &at), 0);
	assert_int_equal(at.ino, 100);
	assert_int_equal(store_next_use(s, &at), -ENOENT);
	assert_int_equal(store_fill(s, 100, &f), 0);
	assert_true(f.is_read);
}

int main(void)
{
#define RIG(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		RIG(thousands_of_files_come_by_rank_and_then_by_use),
		RIG(what_was_used_moves_back_and_what_is_forgotten_has_no_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
