/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the index: fills and extents. Layouts: docs/FORMAT.md. */
#include "store_db.h"

#include <string.h>

struct extent_key {
	uint8_t bytes[16];
};

static struct extent_key extent_key(uint64_t ino, uint64_t first)
{
	struct extent_key k = { 0 };
	key_put_u64(k.bytes, ino);
	key_put_u64(k.bytes + 8, first);
	return k;
}

/* ---- fills ---- */

int fill_get(struct store *s, MDB_txn *txn, uint64_t ino, struct fill_row *ret)
{
	uint8_t key[8];
	struct record rec;
	key_put_u64(key, ino);
	int r = db_get_record(txn, s->fill, db_val(key, sizeof(key)), KIND_FILL, &rec);
	if (r < 0)
		return r;
	struct fill_row row = { 0 };
	struct fill *f = &row.fill;
	f->ino = record_get_u64(&rec);
	f->gen = record_get_u64(&rec);
	f->size_bytes = record_get_u64(&rec);
	f->here_bytes = record_get_u64(&rec);
	f->held_bytes = record_get_u64(&rec);
	f->proof = record_get_u8(&rec);
	f->is_whole = record_get_u8(&rec);
	f->used_ms = record_get_i64(&rec);
	row.version = record_get_u64(&rec);
	if (rec.at != rec.end) { /* not in rows of earlier days */
		f->rank = record_get_u8(&rec);
		f->is_read = record_get_u8(&rec);
		f->checked_ms = record_get_i64(&rec);
	}
	row.is_known = true;
	row.was_rank = f->rank;
	row.was_used_ms = f->used_ms;
	if (rec.err)
		return rec.err;
	if (f->ino != ino || f->here_bytes > f->held_bytes ||
	    f->held_bytes > f->size_bytes)
		return -EBADMSG;
	*ret = row;
	return 0;
}

int fill_put(struct store *s, MDB_txn *txn, const struct fill_row *row)
{
	_buf_ struct buf b;
	uint8_t key[8];
	const struct fill *f = &row->fill;
	buf_init(&b, DB_VALUE_MAX);
	key_put_u64(key, f->ino);
	record_begin(&b, KIND_FILL, DB_VERSION);
	record_u64(&b, f->ino);
	record_u64(&b, f->gen);
	record_u64(&b, f->size_bytes);
	record_u64(&b, f->here_bytes);
	record_u64(&b, f->held_bytes);
	record_u8(&b, (uint8_t)f->proof);
	record_u8(&b, f->is_whole);
	record_i64(&b, f->used_ms);
	record_u64(&b, row->version);
	record_u8(&b, f->rank);
	record_u8(&b, f->is_read);
	record_i64(&b, f->checked_ms);
	int r = use_put(s, txn, row);
	return r < 0 ? r : db_put_record(txn, s->fill, db_val(key, sizeof(key)), &b);
}

int extent_clear(struct store *s, MDB_txn *txn, uint64_t ino, uint64_t first,
		 uint64_t count)
{
	_db_cursor_ MDB_cursor *cur = NULL;
	struct extent_key from = extent_key(ino, first);
	struct extent_key last = extent_key(ino, first + count - 1);
	int removed = 0;
	int r = db_cursor(txn, s->row, &cur);
	while (r == 0) {
		MDB_val key = db_val(from.bytes, sizeof(from.bytes)), val = { 0 };
		r = db_move(cur, &key, &val, MDB_SET_RANGE);
		if (r == 0 &&
		    (key.mv_size != 16 || memcmp(key.mv_data, last.bytes, 16) > 0))
			break;
		if (r == 0)
			r = db_errno(mdb_cursor_del(cur, 0));
		removed += r == 0;
	}
	return r < 0 && r != -ENOENT ? r : removed;
}

int fill_remove(struct store *s, MDB_txn *txn, uint64_t ino)
{
	uint8_t key[8];
	struct fill_row row = { 0 };
	key_put_u64(key, ino);
	int r = extent_clear(s, txn, ino, 0, UINT64_MAX);
	if (r >= 0 && fill_get(s, txn, ino, &row) == 0)
		r = use_remove(s, txn, &row.fill);
	return r < 0 ? r : db_delete(txn, s->fill, db_val(key, sizeof(key)));
}

int fill_recount(struct store *s, MDB_txn *txn, struct fill_row *row)
{
	struct extent_walk w = { s, txn, row->fill.ino, row->fill.gen, NULL };
	struct extent e;
	uint64_t here = 0, held = 0;
	int r = extent_find(&w, 0, &e);
	for (; r == 0; r = extent_next(&w, &e)) {
		held += e.len;
		here += e.is_proved ? e.len : 0;
	}
	extent_walk_end(&w);
	if (r != -ENOENT)
		return r;
	row->fill.here_bytes = here;
	row->fill.held_bytes = held;
	return 0;
}

/* ---- extents ---- */

enum extent_flags {
	EXTENT_PROVED = 1,
};

int extent_put(struct store *s, MDB_txn *txn, const struct extent *e)
{
	_buf_ struct buf b;
	struct extent_key key = extent_key(e->ino, e->first);
	buf_init(&b, DB_VALUE_MAX);
	record_begin(&b, KIND_ROW, DB_VERSION);
	record_u64(&b, e->ino);
	record_u64(&b, e->first);
	record_u64(&b, e->gen);
	record_u64(&b, e->count);
	record_u8(&b, e->is_proved ? EXTENT_PROVED : 0);
	record_u64(&b, e->len);
	record_blob(&b, e->leaves, e->count * SHA256_LEN);
	return db_put_record(txn, s->row, db_val(key.bytes, sizeof(key.bytes)), &b);
}

/* Whether the row says something that can be true. */
static bool extent_decode(MDB_val key, MDB_val val, struct extent *ret)
{
	struct record rec;
	size_t len;
	if (record_open(&rec, val.mv_data, val.mv_size, KIND_ROW, DB_VERSION) < 0)
		return false;
	struct extent e = { .ino = record_get_u64(&rec) };
	e.first = record_get_u64(&rec);
	e.gen = record_get_u64(&rec);
	e.count = record_get_u64(&rec);
	e.is_proved = record_get_u8(&rec) & EXTENT_PROVED;
	e.len = record_get_u64(&rec);
	e.leaves = record_get_blob(&rec, &len);
	if (rec.err || e.count == 0 || mib_of(e.len) != e.count ||
	    len / SHA256_LEN != e.count)
		return false;
	*ret = e;
	return key.mv_size == 16 && key_get_u64(key.mv_data) == e.ino &&
	       key_get_u64((const uint8_t *)key.mv_data + 8) == e.first;
}

/* From where the cursor is, on to a row that counts. */
static int extent_settle(struct extent_walk *w, MDB_val key, MDB_val val,
			 struct extent *ret)
{
	int r = 0;
	for (; r == 0; r = db_move(w->cur, &key, &val, MDB_NEXT)) {
		if (key.mv_size != 16 || key_get_u64(key.mv_data) != w->ino)
			return -ENOENT;
		if (extent_decode(key, val, ret) && ret->gen == w->gen)
			return 0;
	}
	return r;
}

int extent_find(struct extent_walk *w, uint64_t mib, struct extent *ret)
{
	struct extent_key from = extent_key(w->ino, mib);
	MDB_val key = db_val(from.bytes, sizeof(from.bytes)), val = { 0 };
	int r = w->cur ? 0 : db_cursor(w->txn, w->s->row, &w->cur);
	if (r < 0)
		return r;
	/* The row before may reach into `mib`. */
	r = db_move(w->cur, &key, &val, MDB_SET_RANGE);
	bool is_exact = r == 0 && key.mv_size == 16 &&
			memcmp(key.mv_data, from.bytes, sizeof(from.bytes)) == 0;
	if (r == 0 && !is_exact)
		r = db_move(w->cur, &key, &val, MDB_PREV);
	else if (r == -ENOENT)
		r = db_move(w->cur, &key, &val, MDB_LAST);
	if (r == -ENOENT && !is_exact) /* nothing before: from the first */
		r = db_move(w->cur, &key, &val, MDB_FIRST);
	if (r < 0)
		return r;
	if (key.mv_size == 16 && key_get_u64(key.mv_data) != w->ino)
		r = db_move(w->cur, &key, &val, MDB_NEXT);
	if (r == 0)
		r = extent_settle(w, key, val, ret);
	while (r == 0 && ret->first + ret->count <= mib)
		r = extent_next(w, ret);
	return r;
}

int extent_next(struct extent_walk *w, struct extent *ret)
{
	MDB_val key = { 0 }, val = { 0 };
	int r = db_move(w->cur, &key, &val, MDB_NEXT);
	return r < 0 ? r : extent_settle(w, key, val, ret);
}

void extent_walk_end(struct extent_walk *w)
{
	if (w->cur)
		mdb_cursor_close(w->cur);
	w->cur = NULL;
}

int extent_cut(struct store *s, MDB_txn *txn, const struct fill *f, uint64_t mib)
{
	struct extent_walk w = { s, txn, f->ino, f->gen, NULL };
	struct extent e;
	int r = extent_find(&w, mib, &e);
	bool is_over = r == 0 && e.first < mib;
	_free_ uint8_t *leaves = is_over ? malloc(e.count * SHA256_LEN) : NULL;

	if (leaves) /* they are the transaction's */
		memcpy(leaves, e.leaves, e.count * SHA256_LEN);
	extent_walk_end(&w);
	if (!is_over)
		return r == -ENOENT ? 0 : r;
	if (!leaves)
		return -ENOMEM;
	struct extent left = e, right = e;
	left.leaves = leaves;
	left.count = mib - e.first;
	left.len = left.count * MIB;
	right.leaves = leaves + left.count * SHA256_LEN;
	right.first = mib;
	right.count = e.count - left.count;
	right.len = e.len - left.len;
	r = extent_put(s, txn, &left);
	return r < 0 ? r : extent_put(s, txn, &right);
}
