/* SPDX-License-Identifier: Apache-2.0 */
/* Budgets in the journal: what each key has spent and reserved, and whether there is enough left. */
#include "journal_db.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

uint64_t request_budget_bytes(const struct request_numbers *rec)
{
	if (rec->kind >= REQUEST_INVENTORY)
		return 0;
	if (rec->kind == REQUEST_FETCH && rec->is_partial)
		return rec->missing_bytes;
	return rec->len ? rec->len : rec->size_bytes;
}

uint64_t request_budget_files(const struct request_numbers *rec)
{
	return rec->kind < REQUEST_INVENTORY;
}

enum budget_lack budget_lacks(const struct budget_draw *draw,
			      const struct budget_use *use, money_t money, uint64_t bytes,
			      uint64_t files)
{
	uint64_t held_bytes = (uint64_t)(use->spent_bytes + use->reserved_bytes);
	uint64_t held_files = (uint64_t)(use->spent_files + use->reserved_files);

	if (draw->limit >= 0 && use->spent + use->reserved + money > draw->limit)
		return BUDGET_LACKS_MONEY;
	if (draw->bytes && bytes && held_bytes + bytes > draw->bytes)
		return BUDGET_LACKS_BYTES;
	if (draw->files && files && held_files + files > draw->files)
		return BUDGET_LACKS_FILES;
	return BUDGET_ALLOWS;
}

/* What it has left; where money is no matter nobody has less. */
static bool has_less(const struct budget_draw *a, const struct budget_use *a_use,
		     const struct budget_draw *b, const struct budget_use *b_use)
{
	if (a->limit < 0 || b->limit < 0)
		return a->limit >= 0;
	return a->limit - a_use->spent - a_use->reserved <
	       b->limit - b_use->spent - b_use->reserved;
}

int budgets_allow(struct journal *j, MDB_txn *txn, struct reserve_op *op)
{
	uint64_t bytes = request_budget_bytes(&op->rec.numbers);
	uint64_t files = request_budget_files(&op->rec.numbers);
	bool is_refused = false;

	op->refused_use = (struct budget_use){ 0 };

	for (size_t i = 0; i < op->n_draws; i++) {
		struct budget_use use = { 0 };
		int r = budget_get(j, txn, op->draws[i].key, &use);
		if (r < 0)
			return r;
		if (budget_lacks(&op->draws[i], &use, op->rec.estimate, bytes, files) ==
		    BUDGET_ALLOWS)
			continue;
		if (is_refused && !has_less(&op->draws[i], &use, &op->draws[op->refused],
					    &op->refused_use))
			continue;
		is_refused = true;
		op->refused = i;
		op->refused_use = use;
	}
	return is_refused ? -EDQUOT : 0;
}

/* ---- rows ---- */

static MDB_val budget_key(const char *key)
{
	return db_val(key, strnlen(key, sizeof(((struct budget_draw *)0)->key)));
}

static int budget_decode(struct record *rec, struct budget_use *ret)
{
	struct budget_use use = { 0 };

	use.spent = record_get_i128(rec);
	use.reserved = record_get_i128(rec);
	if (rec->at != rec->end) {
		use.spent_bytes = record_get_i64(rec);
		use.reserved_bytes = record_get_i64(rec);
		use.spent_files = record_get_i64(rec);
		use.reserved_files = record_get_i64(rec);
	}
	if (rec->err)
		return rec->err;
	*ret = use;
	return 0;
}

int budget_get(struct journal *j, MDB_txn *txn, const char *key, struct budget_use *ret)
{
	struct record rec;
	int r = db_get_record(txn, j->budget, budget_key(key), KIND_BUDGET, &rec);
	if (r == -ENOENT) {
		*ret = (struct budget_use){ 0 };
		return 0;
	}
	return r < 0 ? r : budget_decode(&rec, ret);
}

int budget_add(struct journal *j, MDB_txn *txn, const char *key,
	       const struct budget_use *by)
{
	struct budget_use use = { 0 };
	_buf_ struct buf out;
	buf_init(&out, DB_VALUE_MAX);
	int r = budget_get(j, txn, key, &use);
	if (r < 0)
		return r;
	use.spent += by->spent;
	use.reserved += by->reserved;
	use.spent_bytes += by->spent_bytes;
	use.reserved_bytes += by->reserved_bytes;
	use.spent_files += by->spent_files;
	use.reserved_files += by->reserved_files;
	if (use.reserved < 0 || use.reserved_bytes < 0 || use.reserved_files < 0)
		return -EBADMSG;
	record_begin(&out, KIND_BUDGET, DB_VERSION);
	record_i128(&out, use.spent);
	record_i128(&out, use.reserved);
	record_i64(&out, use.spent_bytes);
	record_i64(&out, use.reserved_bytes);
	record_i64(&out, use.spent_files);
	record_i64(&out, use.reserved_files);
	return db_put_record(txn, j->budget, budget_key(key), &out);
}

int budget_rewrite(struct journal *j, MDB_txn *txn, MDB_val key)
{
	const struct budget_use none = { 0 };
	char name[BUDGET_KEY_MAX] = "";

	if (key.mv_size >= sizeof(name))
		return -EBADMSG;
	memcpy(name, key.mv_data, key.mv_size);
	return budget_add(j, txn, name, &none);
}

int free_use_add(struct journal *j, MDB_txn *txn, const struct free_use *use)
{
	if (!use->bytes)
		return 0;
	return budget_add(j, txn, use->key,
			  &(struct budget_use){ .spent_bytes = (int64_t)use->bytes });
}

int journal_budget(struct journal *j, const char *key, struct budget_use *ret)
{
	_db_read_ MDB_txn *txn = NULL;
	int r = db_read(&j->db, &txn);
	return r < 0 ? r : budget_get(j, txn, key, ret);
}

int journal_each_budget(struct journal *j, const char *prefix,
			int (*each)(void *arg, const char *key,
				    const struct budget_use *use),
			void *arg)
{
	_db_read_ MDB_txn *txn = NULL;
	_db_cursor_ MDB_cursor *c = NULL;
	MDB_val key = budget_key(prefix), val = { 0 };
	size_t len = key.mv_size;

	int r = db_read(&j->db, &txn);
	if (r == 0)
		r = db_cursor(txn, j->budget, &c);
	if (r < 0)
		return r;
	r = db_move(c, &key, &val, MDB_SET_RANGE);
	for (; r == 0; r = db_move(c, &key, &val, MDB_NEXT)) {
		char name[sizeof(((struct budget_draw *)0)->key)];
		struct budget_use use;
		struct record rec;

		if (key.mv_size < len || memcmp(key.mv_data, prefix, len) != 0)
			return 0;
		if (key.mv_size >= sizeof(name))
			return -EBADMSG;
		memcpy(name, key.mv_data, key.mv_size);
		name[key.mv_size] = '\0';
		r = record_open(&rec, val.mv_data, val.mv_size, KIND_BUDGET, DB_VERSION);
		if (r == 0)
			r = budget_decode(&rec, &use);
		if (r == 0)
			r = each(arg, name, &use);
		if (r != 0)
			return r;
	}
	return r == -ENOENT ? 0 : r;
}

/* The row at or behind `from`, if its key begins with `prefix`: 0 and the key; 1: there is none. */
static int row_at(MDB_cursor *c, const char *from, const char *prefix,
		  char ret[BUDGET_KEY_MAX])
{
	MDB_val key = db_val(from, strlen(from)), val = { 0 };
	size_t len = strlen(prefix);

	int r = db_move(c, &key, &val, MDB_SET_RANGE);
	if (r < 0)
		return r == -ENOENT ? 1 : r;
	if (key.mv_size < len || key.mv_size >= BUDGET_KEY_MAX ||
	    memcmp(key.mv_data, prefix, len) != 0)
		return 1;
	memcpy(ret, key.mv_data, key.mv_size);
	ret[key.mv_size] = '\0';
	return 0;
}

int journal_each_use(struct journal *j, const char *name, const char *period,
		     int (*each)(void *arg, const struct budget_use *use), void *arg)
{
	_db_read_ MDB_txn *txn = NULL;
	_db_cursor_ MDB_cursor *c = NULL;
	char prefix[BUDGET_KEY_MAX], at[BUDGET_KEY_MAX], key[BUDGET_KEY_MAX];
	struct budget_use use;

	snprintf(prefix, sizeof(prefix), "%.64s/uid=", name);
	snprintf(at, sizeof(at), "%s", prefix);
	int r = db_read(&j->db, &txn);
	if (r == 0)
		r = db_cursor(txn, j->budget, &c);
	/* From reader to reader: his other periods are passed over, however many there were. */
	for (; r == 0;) {
		r = row_at(c, at, prefix, key);
		if (r != 0)
			break;
		const char *end = strrchr(key, '/');
		if (end < key + strlen(prefix))
			return -EBADMSG;
		snprintf(at, sizeof(at), "%.*s/%s", (int)(end - key), key, period);
		r = budget_get(j, txn, at, &use);
		if (r == 0 && (use.spent || use.reserved))
			r = each(arg, &use);
		snprintf(at, sizeof(at), "%.*s0", (int)(end - key), key); /* behind '/' */
	}
	return r == 1 ? 0 : r;
}
