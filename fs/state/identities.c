/* SPDX-License-Identifier: Apache-2.0 */
#include "identities.h"

#include "digest.h"
#include "str.h"

/* Pages that a transaction has changed are in memory: a row in the midst of others costs one. */
#define PIECE_BYTES ((size_t)24 << 20)
#define PAGE_BYTES  4096
#define ROW_BYTES   64
/* Rows a scan steps over before it looks the key up. */
#define STEPS_MAX 16

struct identities {
	struct db db;
	MDB_dbi tables[2], meta; /* enum identity_table */
	struct journal *journal;
};

int identities_open(const char *dir, uint64_t map_bytes, struct journal *j,
		    struct identities **ret)
{
	struct identities *ids = calloc(1, sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	ids->journal = j;
	const struct db_table tables[] = {
		{ "places", &ids->tables[IDENTITY_PLACES] },
		{ "contents", &ids->tables[IDENTITY_CONTENTS] },
		{ "meta", &ids->meta },
	};
	int r = db_open(&ids->db, dir, "identities", IDENTITIES_FORMAT, map_bytes, tables,
			ARRAY_SIZE(tables));
	if (r < 0) {
		free(ids);
		return r;
	}
	*ret = ids;
	return 0;
}

void identities_close(struct identities *ids)
{
	if (!ids)
		return;
	db_close(&ids->db);
	free(ids);
}

void identity_begin(struct buf *whole, const char *ns, enum identity_kind kind)
{
	buf_reset(whole);
	buf_add(whole, ns, strlen(ns) + 1);
	buf_putc(whole, (char)kind);
}

int identity_end(const struct buf *whole, struct identity_key *ret)
{
	if (whole->err == 0)
		digest_of(DIGEST_SHA256, whole->data, whole->len, ret->bytes);
	return whole->err;
}

static MDB_val key_val(const struct identity_key *key)
{
	return db_val(key->bytes, sizeof(key->bytes));
}

static int number_of(MDB_val val, uint64_t *ret)
{
	struct record rec;
	int r = record_open(&rec, val.mv_data, val.mv_size, KIND_IDENTITY, DB_VERSION);
	if (r < 0)
		return r;
	uint64_t ino = record_get_u64(&rec);
	if (rec.err == 0 && (ino < INO_FIRST || ino > INO_MAX))
		return -EBADMSG;
	if (rec.err == 0)
		*ret = ino;
	return rec.err;
}

/* ---- numbers ---- */

static void numbers_post(void *journal, struct state_op *op)
{
	journal_numbers_post(journal, container_of(op, struct numbers_op, op));
}

/* Both remember the first free number, so that either may be lost or an old copy. */
int identities_take(struct identities *ids, uint64_t n, uint64_t *ret_first)
{
	MDB_txn *txn = NULL;
	struct numbers_op op = { .n = n };
	int r = db_write(&ids->db, NULL, &txn);
	if (r == 0)
		r = db_get_number(txn, ids->meta, "next_ino", INO_FIRST, &op.at_least);
	if (r == 0)
		r = state_op_wait(numbers_post, ids->journal, &op.op);
	if (r == 0)
		r = db_put_number(txn, ids->meta, "next_ino", op.first + n);
	if (r < 0) {
		if (txn)
			mdb_txn_abort(txn);
		return r;
	}
	r = db_commit(&ids->db, txn);
	if (r == 0)
		*ret_first = op.first;
	return r;
}

int identities_of(struct identities *ids, const struct identity_key *key, uint64_t *ret)
{
	struct identity_scan scan;
	int r = identity_scan_begin(ids, IDENTITY_PLACES, &scan);
	if (r == 0)
		r = identity_scan_find(&scan, key, ret);
	identity_scan_end(&scan);
	if (r != -ENOENT)
		return r;
	struct identity_write write = { .table = IDENTITY_PLACES };
	uint64_t ino;
	r = identities_take(ids, 1, &ino);
	if (r == 0)
		r = identity_write_add(ids, &write, key, ino);
	if (r == 0)
		r = identity_write_end(ids, &write);
	identity_write_drop(&write);
	if (r == 0)
		*ret = ino;
	return r;
}

/* ---- many ---- */

int identity_scan_begin(struct identities *ids, enum identity_table table,
			struct identity_scan *ret)
{
	*ret = (struct identity_scan){ .is_over = false };
	int r = db_read(&ids->db, &ret->txn);
	if (r == 0)
		r = db_cursor(ret->txn, ids->tables[table], &ret->cur);
	return r;
}

void identity_scan_end(struct identity_scan *s)
{
	if (s->cur)
		mdb_cursor_close(s->cur);
	if (s->txn)
		mdb_txn_abort(s->txn);
	*s = (struct identity_scan){ .is_over = true };
}

/* Of the row the scan stands at. */
static int scan_order(const struct identity_scan *s, const struct identity_key *key)
{
	return s->key.mv_size == sizeof(key->bytes)
		       ? memcmp(s->key.mv_data, key->bytes, sizeof(key->bytes))
		       : -1;
}

int identity_scan_find(struct identity_scan *s, const struct identity_key *key,
		       uint64_t *ret)
{
	int r = 0;
	/* What is looked for is near, where most are looked for. */
	for (int i = 0; !s->is_over && r == 0 && i < STEPS_MAX; i++) {
		if (s->key.mv_data && scan_order(s, key) >= 0)
			break;
		r = db_move(s->cur, &s->key, &s->val, MDB_NEXT);
	}
	if (!s->is_over && r == 0 && scan_order(s, key) < 0) {
		s->key = key_val(key);
		r = db_move(s->cur, &s->key, &s->val, MDB_SET_RANGE);
	}
	s->is_over = s->is_over || r == -ENOENT;
	if (r < 0)
		return r;
	return s->is_over || scan_order(s, key) != 0 ? -ENOENT : number_of(s->val, ret);
}

int identity_write_add(struct identities *ids, struct identity_write *w,
		       const struct identity_key *key, uint64_t ino)
{
	_buf_ struct buf b;
	buf_init(&b, DB_VALUE_MAX);
	if (w->txn && w->piece > PIECE_BYTES) {
		int r = identity_write_end(ids, w);
		if (r < 0)
			return r;
	}
	int r = w->txn ? 0 : db_write(&ids->db, NULL, &w->txn);
	if (r < 0)
		return r;
	w->piece += ROW_BYTES;
	record_begin(&b, KIND_IDENTITY, DB_VERSION);
	record_u64(&b, ino);
	r = record_end(&b);
	if (r < 0)
		return r;
	MDB_val k = key_val(key), val = db_val(b.data, b.len);
	int rc = mdb_put(w->txn, ids->tables[w->table], &k, &val, MDB_APPEND);
	/* A number is never changed: -EEXIST is our mistake. */
	if (rc == MDB_KEYEXIST) {
		rc = mdb_put(w->txn, ids->tables[w->table], &k, &val, MDB_NOOVERWRITE);
		w->piece += PAGE_BYTES;
	}
	return db_errno(rc);
}

int identity_write_end(struct identities *ids, struct identity_write *w)
{
	w->piece = 0;
	return w->txn ? db_commit(&ids->db, steal_ptr(w->txn)) : 0;
}

void identity_write_drop(struct identity_write *w)
{
	if (w->txn)
		mdb_txn_abort(steal_ptr(w->txn));
}
