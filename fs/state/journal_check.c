/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's invariants:
 *   1. what a budget holds reserved is the sum over the open requests that draw on it;
 *   2. no request holds less than nothing, and one that has ended holds nothing;
 *   3. a request is in `open` exactly while it has not ended. */
#include "journal_sums.h"

#include <string.h>

static struct journal_sum *sum_get(struct journal_sums *sums, const char *key)
{
	size_t len = strnlen(key, sizeof(((struct journal_sum *)0)->key) - 1);
	struct journal_sum *s = keytree_find(&sums->by_key, key, len);
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
static int sum_add(struct journal_sums *sums, const char *key, const struct request *rec)
{
	struct journal_sum *s = sum_get(sums, key);
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

void journal_sums_done(struct journal_sums *sums)
{
	struct journal_sum *next;
	keytree_done(&sums->by_key);
	for (struct journal_sum *s = sums->all; s; s = next) {
		next = s->next;
		free(s);
	}
}

struct journal_sum *journal_sums_find(const struct journal_sums *sums, const char *key)
{
	return keytree_find(&sums->by_key, key, strlen(key));
}

bool journal_sum_is(const struct journal_sum *s, const struct budget_use *use)
{
	const struct budget_use none = { 0 }, *held = s ? &s->held : &none;

	return use->reserved == held->reserved &&
	       use->reserved_bytes == held->reserved_bytes &&
	       use->reserved_files == held->reserved_files;
}

int journal_sums_make(struct journal_sums *sums, struct journal *j, MDB_txn *txn)
{
	_db_walk_ struct db_walk w = { 0 };
	int r = db_walk(&w, txn, j->open, (MDB_val){ 0 });
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		struct request_row row;
		if (w.key.mv_size != 8)
			return -EBADMSG;
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

static int budgets_compare(struct journal *j, MDB_txn *txn, struct journal_sums *sums)
{
	_db_walk_ struct db_walk w = { 0 };
	int r = db_walk(&w, txn, j->budget, (MDB_val){ 0 });
	while (r == 0 && (r = db_walk_next(&w)) > 0) {
		char name[sizeof(((struct journal_sum *)0)->key)] = "";
		struct budget_use b;
		if (w.key.mv_size >= sizeof(name))
			return -EBADMSG;
		memcpy(name, w.key.mv_data, w.key.mv_size);
		r = budget_get(j, txn, name, &b);
		if (r < 0)
			return r;
		struct journal_sum *s = journal_sums_find(sums, name);
		if (!journal_sum_is(s, &b))
			return -EPROTO;
		if (s)
			s->is_seen = true;
	}
	return r;
}

static int all_seen(const struct journal_sum *all)
{
	for (const struct journal_sum *s = all; s; s = s->next) {
		if (!s->is_seen)
			return -EPROTO;
	}
	return 0;
}

int journal_check(struct journal *j, MDB_txn *txn)
{
	struct journal_sums sums = { 0 };
	int r = journal_sums_make(&sums, j, txn);
	if (r == 0)
		r = budgets_compare(j, txn, &sums);
	if (r == 0)
		r = all_seen(sums.all);
	journal_sums_done(&sums);
	return r;
}
