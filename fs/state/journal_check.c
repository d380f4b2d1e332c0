/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's invariants:
 *   1. what a budget holds reserved is the sum over the open requests that draw on it;
 *   2. no request holds less than nothing, and one that has ended holds nothing;
 *   3. a request is in `open` exactly while it has not ended. */
#include "journal_db.h"

#include "keytree.h"
#include <string.h>

struct sum {
	struct keynode name;
	struct sum *next;
	struct budget_use held;
	bool is_seen; /* in the budgets */
	char key[sizeof(((struct budget_draw *)0)->key)];
};

struct sums {
	struct keytree by_key;
	struct sum *all;
};

static struct sum *sum_get(struct sums *sums, const char *key)
{
	size_t len = strnlen(key, sizeof(((struct sum *)0)->key) - 1);
	struct sum *s = keytree_find(&sums->by_key, key, len);
	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	memcpy(s->key, key, len);
	s->name = (struct keynode){ .key = s->key, .len = len };
	if (keytree_add(&sums->by_key, &s->name) < 0) {
		free(s);
		return NULL;
	}
	s->next = sums->all;
	sums->all = s;
	return s;
}

/* -EPROTO: more than there can be of it. */
static int sum_add(struct sums *sums, const char *key, const struct request *rec)
{
	struct sum *s = sum_get(sums, key);
	if (!s)
		return -ENOMEM;
	struct budget_use *b = &s->held;
	if (__builtin_add_overflow(b->reserved, rec->reserved, &b->reserved) ||
	    __builtin_add_overflow(b->reserved_bytes, rec->reserved_bytes,
				   &b->reserved_bytes) ||
	    __builtin_add_overflow(b->reserved_files, rec->reserved_files,
				   &b->reserved_files))
		return -EPROTO;
	return 0;
}

static void sums_done(struct sums *sums)
{
	struct sum *next;
	keytree_done(&sums->by_key);
	for (struct sum *s = sums->all; s; s = next) {
		next = s->next;
		free(s);
	}
}

static int requests_sum(struct journal *j, MDB_txn *txn, struct sums *sums)
{
	_db_walk_ struct db_walk w = { 0 };
	int r = db_walk(&w, txn, j->open, (MDB_val){ 0 });
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		struct request_row row;
		r = request_get(j, txn, key_get_u64(w.key.mv_data), &row);
		if (r < 0)
			return r;
		if (row.rec.reserved < 0 || request_is_final(row.rec.state))
			return -EPROTO;
		for (size_t i = 0; r == 0 && i < row.n_draws; i++)
			r = sum_add(sums, row.draws[i].key, &row.rec);
	}
	return r;
}

static int budgets_compare(struct journal *j, MDB_txn *txn, struct sums *sums)
{
	_db_walk_ struct db_walk w = { 0 };
	int r = db_walk(&w, txn, j->budget, (MDB_val){ 0 });
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		char name[sizeof(((struct sum *)0)->key)] = "";
		struct budget_use b;
		struct budget_use none = { 0 };
		if (w.key.mv_size >= sizeof(name))
			return -EBADMSG;
		memcpy(name, w.key.mv_data, w.key.mv_size);
		r = budget_get(j, txn, name, &b);
		if (r < 0)
			return r;
		struct sum *s = keytree_find(&sums->by_key, name, strlen(name));
		const struct budget_use *held = s ? &s->held : &none;
		if (b.reserved != held->reserved ||
		    b.reserved_bytes != held->reserved_bytes ||
		    b.reserved_files != held->reserved_files)
			return -EPROTO;
		if (s)
			s->is_seen = true;
	}
	return r;
}

static int all_seen(const struct sum *all)
{
	for (const struct sum *s = all; s; s = s->next) {
		if (!s->is_seen)
			return -EPROTO;
	}
	return 0;
}

int journal_check(struct journal *j, MDB_txn *txn)
{
	struct sums sums = { 0 };
	int r = requests_sum(j, txn, &sums);
	if (r == 0)
		r = budgets_compare(j, txn, &sums);
	if (r == 0)
		r = all_seen(sums.all);
	sums_done(&sums);
	return r;
}
