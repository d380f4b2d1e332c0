/* SPDX-License-Identifier: Apache-2.0 */
/* What the cache holds in all, and in which order it may be given up: by rank (what it would take
 * to have it again), then by last use. The index keeps that order itself, so that neither a start
 * nor an eviction goes through a million files. */
#include "store_db.h"

#include <string.h>

/* Uses noted in memory before they are written. */
#define TOUCHED_MAX 32768

struct touch {
	struct ino_item by_ino;
	int64_t used_ms;
};

static struct touch *touch_of(struct ino_item *item)
{
	return item ? container_of(item, struct touch, by_ino) : NULL;
}

struct use_key {
	uint8_t bytes[17];
};

static struct use_key use_key(uint8_t rank, int64_t used_ms, uint64_t ino)
{
	struct use_key k;

	k.bytes[0] = rank;
	key_put_u64(k.bytes + 1, used_ms > 0 ? (uint64_t)used_ms : 0);
	key_put_u64(k.bytes + 9, ino);
	return k;
}

/* ---- the order ---- */

int use_put(struct store *s, MDB_txn *txn, const struct fill_row *row)
{
	const struct fill *f = &row->fill;
	struct use_key is = use_key(f->rank, f->used_ms, f->ino);
	struct use_key was = use_key(row->was_rank, row->was_used_ms, f->ino);
	int r = 0;

	if (row->is_known && memcmp(&is, &was, sizeof(is)) == 0)
		return 0;
	if (row->is_known)
		r = db_delete(txn, s->use, db_val(was.bytes, sizeof(was.bytes)));
	return r < 0 ? r
		     : db_put(txn, s->use, db_val(is.bytes, sizeof(is.bytes)),
			      db_val("", 0));
}

int use_remove(struct store *s, MDB_txn *txn, const struct fill *f)
{
	struct use_key key = use_key(f->rank, f->used_ms, f->ino);

	return db_delete(txn, s->use, db_val(key.bytes, sizeof(key.bytes)));
}

/* Whether the place in the order is that of a fill that is there. */
static bool use_holds(struct store *s, MDB_txn *txn, const struct store_place *at)
{
	struct fill_row row = { 0 };

	return fill_get(s, txn, at->ino, &row) == 0 && row.fill.rank == at->rank &&
	       row.fill.used_ms == at->used_ms;
}

int store_next_use(struct store *s, struct store_place *at)
{
	_db_read_ MDB_txn *txn = NULL;
	_db_cursor_ MDB_cursor *cur = NULL;
	struct use_key from = use_key(at->rank, at->used_ms, at->ino + 1);
	MDB_val key = db_val(from.bytes, sizeof(from.bytes)), val = { 0 };
	int r = db_read(&s->db, &txn);

	if (r == 0)
		r = db_cursor(txn, s->use, &cur);
	if (r == 0)
		r = db_move(cur, &key, &val, MDB_SET_RANGE);
	if (r < 0)
		return r;
	if (key.mv_size != sizeof(from.bytes))
		return -EBADMSG;
	const uint8_t *bytes = key.mv_data;
	*at = (struct store_place){ .rank = bytes[0],
				    .used_ms = (int64_t)key_get_u64(bytes + 1),
				    .ino = key_get_u64(bytes + 9) };
	at->is_stale = !use_holds(s, txn, at);
	return 0;
}

/* ---- the sum ---- */

int used_add(struct store *s, MDB_txn *txn, int64_t delta)
{
	uint64_t used = 0;
	int r = delta ? db_get_number(txn, s->meta, "used_bytes", 0, &used) : 0;

	/* A sum that would be below nothing was wrong before: it is counted anew at a start. */
	if (r == 0 && delta < 0 && used < (uint64_t)-delta)
		delta = -(int64_t)used;
	return r < 0 || !delta ? r
			       : db_put_number(txn, s->meta, "used_bytes",
					       used + (uint64_t)delta);
}

struct rewriting {
	struct store *s;
	uint64_t used_bytes, damaged;
};

static int fill_rewrite(void *arg, MDB_txn *txn, MDB_val key, MDB_val val)
{
	struct rewriting *w = arg;
	struct fill_row row = { 0 };
	uint64_t ino = key.mv_size == 8 ? key_get_u64(key.mv_data) : 0;
	int r = fill_get(w->s, txn, ino, &row);

	(void)val;
	if (r == -EBADMSG || r == -ENOENT) {
		w->damaged++;
		return 0;
	}
	row.is_known = false; /* it has no place yet */
	w->used_bytes += fill_room(&row.fill);
	return r < 0 ? r : fill_put(w->s, txn, &row);
}

int fills_rewrite(struct store *s, MDB_txn *txn, uint64_t *ret_damaged)
{
	struct rewriting w = { .s = s };
	int r = db_errno(mdb_drop(txn, s->use, 0));

	if (r == 0)
		r = db_each_rewrite(txn, s->fill, fill_rewrite, &w);
	if (r == 0)
		r = db_put_number(txn, s->meta, "used_bytes", w.used_bytes);
	if (r == 0)
		*ret_damaged += w.damaged;
	return r;
}

int used_load(struct store *s, MDB_txn *txn)
{
	uint64_t used = 0;
	int r = db_get_number(txn, s->meta, "used_bytes", 0, &used);

	if (r == 0)
		atomic_store(&s->used_bytes, used);
	return r;
}

uint64_t store_used_bytes(struct store *s)
{
	return atomic_load(&s->used_bytes);
}

uint64_t store_fills(struct store *s)
{
	_db_read_ MDB_txn *txn = NULL;
	MDB_stat st = { .ms_entries = 0 };

	if (db_read(&s->db, &txn) == 0)
		(void)mdb_stat(txn, s->fill, &st);
	return st.ms_entries;
}

/* ---- uses, and ranks ---- */

void store_touch(struct store *s, uint64_t ino)
{
	int64_t now_ms = store_now_us() / 1000;

	pthread_mutex_lock(&s->mu);
	struct touch *t = touch_of(ino_map_find(&s->touched, ino));
	bool is_new = !t && s->n_touched < TOUCHED_MAX;
	if (is_new)
		t = calloc(1, sizeof(*t));
	if (is_new && t) {
		ino_map_add(&s->touched, &t->by_ino, ino);
		s->n_touched++;
	}
	if (t)
		t->used_ms = now_ms;
	pthread_mutex_unlock(&s->mu);
}

static struct ino_map touched_take(struct store *s)
{
	pthread_mutex_lock(&s->mu);
	struct ino_map taken = s->touched;
	s->touched.first = NULL;
	s->n_touched = 0;
	pthread_mutex_unlock(&s->mu);
	return taken;
}

void touched_free(struct ino_map *m)
{
	while (m->first) {
		struct touch *t = touch_of(m->first);
		ino_map_remove(m, &t->by_ino);
		free(t);
	}
}

static int touch_one(struct store *s, MDB_txn *txn, const struct touch *t)
{
	struct fill_row row = { 0 };
	int r = fill_get(s, txn, t->by_ino.ino, &row);

	if (r == -ENOENT || r == -EBADMSG)
		return 0;
	if (r < 0)
		return r;
	row.fill.used_ms = t->used_ms;
	/* Its rank may be that of what nobody has read yet: to be looked at again. */
	if (!row.fill.is_read)
		row.fill.rank = RANK_NONE;
	row.fill.is_read = true;
	return fill_put(s, txn, &row);
}

int touches_apply(struct store *s, MDB_txn *txn, const struct ino_map *touched)
{
	int r = 0;

	for (struct ino_item *i = touched->first; r == 0 && i; i = ino_map_next(i))
		r = touch_one(s, txn, touch_of(i));
	return r;
}

static int touch_apply(void *target, MDB_txn *txn, struct state_op *base)
{
	return touches_apply(target, txn,
			     &container_of(base, struct touch_op, op)->touched);
}

static void touch_after(void *target, struct state_op *base)
{
	touched_free(&container_of(base, struct touch_op, op)->touched);
}

static const struct op_kind touch_kind = { .apply = touch_apply, .after = touch_after };

void store_touch_post(struct store *s, struct touch_op *op)
{
	op->touched = touched_take(s);
	writer_post(s->writer, &touch_kind, &op->op);
}

bool store_has_touched(struct store *s)
{
	pthread_mutex_lock(&s->mu);
	bool has = s->n_touched > 0;
	pthread_mutex_unlock(&s->mu);
	return has;
}

static int rank_one(struct store *s, MDB_txn *txn, const struct store_place *at,
		    uint8_t rank)
{
	struct use_key key = use_key(at->rank, at->used_ms, at->ino);
	struct fill_row row = { 0 };

	/* A place that no fill has: of a row that was damaged. */
	if (!use_holds(s, txn, at))
		return at->is_stale ? db_delete(txn, s->use,
						db_val(key.bytes, sizeof(key.bytes)))
				    : 0;
	int r = fill_get(s, txn, at->ino, &row);
	row.fill.rank = rank;
	return r < 0 ? r : fill_put(s, txn, &row);
}

static int rank_apply(void *target, MDB_txn *txn, struct state_op *base)
{
	struct store *s = target;
	struct rank_op *op = container_of(base, struct rank_op, op);
	int r = 0;

	for (size_t i = 0; r == 0 && i < op->n; i++)
		r = rank_one(s, txn, &op->places[i], op->ranks[i]);
	return r;
}

static const struct op_kind rank_kind = { .apply = rank_apply, .frees_space = false };

void store_rank_post(struct store *s, struct rank_op *op)
{
	writer_post(s->writer, &rank_kind, &op->op);
}
