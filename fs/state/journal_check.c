/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's invariants:
 *   1. what a budget holds reserved is the sum over the open requests that draw on it;
 *   2. no request holds less than nothing, and one that has ended holds nothing;
 *   3. a request is in `open` exactly while it has not ended. */
#include "journal_db.h"

#include <string.h>
#include <uthash.h>

struct sum {
	UT_hash_handle hh;
	money_t held;
	bool is_seen; /* in the budgets */
	char key[sizeof(((struct budget_draw *)0)->key)];
};

static void sums_free(struct sum **all)
{
	struct sum *s, *next;
	HASH_ITER(hh, *all, s, next)
	{
		HASH_DEL(*all, s);
		free(s);
	}
}

static int sum_add(struct sum **all, const char *key, money_t held)
{
	struct sum *s = NULL;
	HASH_FIND_STR(*all, key, s);
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s)
			return -ENOMEM;
		memcpy(s->key, key, sizeof(s->key));
		HASH_ADD_STR(*all, key, s);
	}
	s->held += held;
	return 0;
}

static int requests_sum(struct journal *j, MDB_txn *txn, struct sum **all)
{
	_db_cursor_ MDB_cursor *c = NULL;
	MDB_val key, val;
	int r = db_cursor(txn, j->open, &c);
	if (r < 0)
		return r;
	r = db_move(c, &key, &val, MDB_FIRST);
	for (; r == 0; r = db_move(c, &key, &val, MDB_NEXT)) {
		struct request_row row;
		r = request_get(j, txn, key_get_u64(key.mv_data), &row);
		if (r < 0)
			return r;
		if (row.rec.reserved < 0 || request_is_final(row.rec.state))
			return -EPROTO;
		for (size_t i = 0; r == 0 && i < row.n_draws; i++)
			r = sum_add(all, row.draws[i].key, row.rec.reserved);
		if (r < 0)
			return r;
	}
	return r == -ENOENT ? 0 : r;
}

static int budgets_compare(struct journal *j, MDB_txn *txn, struct sum **all)
{
	_db_cursor_ MDB_cursor *c = NULL;
	MDB_val key, val;
	int r = db_cursor(txn, j->budget, &c);
	if (r < 0)
		return r;
	r = db_move(c, &key, &val, MDB_FIRST);
	for (; r == 0; r = db_move(c, &key, &val, MDB_NEXT)) {
		char name[sizeof(((struct sum *)0)->key)] = "";
		struct budget b;
		struct sum *s = NULL;
		if (key.mv_size >= sizeof(name))
			return -EBADMSG;
		memcpy(name, key.mv_data, key.mv_size);
		r = budget_get(j, txn, name, &b);
		if (r < 0)
			return r;
		HASH_FIND_STR(*all, name, s);
		if (b.reserved != (s ? s->held : 0))
			return -EPROTO;
		if (s)
			s->is_seen = true;
	}
	return r == -ENOENT ? 0 : r;
}

static int all_seen(const struct sum *all)
{
	for (const struct sum *s = all; s; s = s->hh.next) {
		if (!s->is_seen)
			return -EPROTO;
	}
	return 0;
}

int journal_check(struct journal *j, MDB_txn *txn)
{
	struct sum *all = NULL;
	int r = requests_sum(j, txn, &all);
	if (r == 0)
		r = budgets_compare(j, txn, &all);
	if (r == 0)
		r = all_seen(all);
	sums_free(&all);
	return r;
}
