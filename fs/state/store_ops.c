/* SPDX-License-Identifier: Apache-2.0 */
/* What the store's writer does: begin and forget fills. Bytes: store_chunk.c; proofs:
 * store_prove.c. */
#include "store_db.h"

#include <fcntl.h>
#include <time.h>

int64_t store_now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void store_settle(struct store *s, struct store_work *w, uint64_t ino, int result)
{
	if (result == 0) {
		atomic_fetch_add(&s->used_bytes, (uint64_t)w->used_delta);
		if (w->stale_gen) {
			filling_remove(s, ino, w->stale_gen);
			data_remove(s, ino, w->stale_gen);
		}
	} else if (w->made_gen) {
		data_remove(s, ino, w->made_gen);
	}
	free(w->leaves);
	w->leaves = NULL;
}

int store_drop(struct store *s, MDB_txn *txn, uint64_t ino, struct store_work *w)
{
	struct fill_row old = { 0 };
	w->used_delta = 0;
	w->stale_gen = 0;
	int r = fill_get(s, txn, ino, &old);
	if (r == -ENOENT)
		return 0;
	if (r < 0 && r != -EBADMSG)
		return r;
	if (r == 0) {
		w->stale_gen = old.fill.gen;
		w->used_delta = -(int64_t)fill_room(&old.fill);
	}
	r = used_add(s, txn, w->used_delta);
	return r < 0 ? r : fill_remove(s, txn, ino);
}

/* ---- fill ---- */

/* Never one that was used, even if the index was lost: then time has gone on meanwhile. */
static int gen_next(struct store *s, MDB_txn *txn, uint64_t *ret)
{
	uint64_t last;
	int r = db_get_number(txn, s->meta, "last_gen", 0, &last);
	if (r < 0)
		return r;
	uint64_t now = (uint64_t)store_now_us();
	uint64_t gen = last + 1 > now ? last + 1 : now;
	r = db_put_number(txn, s->meta, "last_gen", gen);
	if (r == 0)
		*ret = gen;
	return r;
}

static int fill_begin(struct store *s, MDB_txn *txn, struct fill_op *op,
		      struct fill_row *row)
{
	uint64_t gen = 0;
	int r = store_drop(s, txn, op->ino, &op->work);
	if (r == 0)
		r = gen_next(s, txn, &gen);
	if (r == 0)
		r = data_make(s, op->ino, gen, op->size_bytes);
	if (r < 0)
		return r;
	op->work.made_gen = gen;
	*row = (struct fill_row){
		.fill = { .ino = op->ino, .gen = gen, .size_bytes = op->size_bytes }
	};
	return 0;
}

/* 0; -EAGAIN: it must be checked; -ENOENT: it is not there. */
static int data_trust(struct store *s, const struct fill *f)
{
	_close_ int fd = data_open_trusted(s, f->ino, f->gen, O_RDONLY);

	return fd < 0 ? fd : 0;
}

static int fill_apply(void *target, MDB_txn *txn, struct state_op *base)
{
	struct store *s = target;
	struct fill_op *op = container_of(base, struct fill_op, op);
	struct fill_row row = { 0 };
	if (op->size_bytes > INT64_MAX)
		return -EFBIG;
	int r = fill_get(s, txn, op->ino, &row);
	if (r < 0 && r != -ENOENT && r != -EBADMSG)
		return r;
	bool is_there = r == 0 && row.fill.size_bytes == op->size_bytes;
	/* Writing to it ends what its mtime says of it. */
	if (is_there)
		r = data_trust(s, &row.fill);
	if (is_there && r < 0 && r != -ENOENT)
		return r;
	if (!is_there || r < 0)
		r = fill_begin(s, txn, op, &row);
	row.fill.used_ms = store_now_us() / 1000;
	if (r == 0)
		r = fill_put(s, txn, &row);
	if (r == 0)
		op->fill = row.fill;
	return r;
}

static void fill_after(void *target, struct state_op *base)
{
	struct fill_op *op = container_of(base, struct fill_op, op);
	store_settle(target, &op->work, op->ino, base->result);
	if (base->result == 0 && !op->fill.is_whole)
		base->result = filling_add(target, op->ino, op->fill.gen);
}

const struct op_kind fill_kind = { .apply = fill_apply, .after = fill_after };

void store_fill_post(struct store *s, struct fill_op *op)
{
	op->work = (struct store_work){ 0 };
	writer_post(s->writer, &fill_kind, &op->op);
}

/* ---- forget ---- */

static int forget_apply(void *target, MDB_txn *txn, struct state_op *base)
{
	struct forget_op *op = container_of(base, struct forget_op, op);
	return store_drop(target, txn, op->ino, &op->work);
}

static void forget_after(void *target, struct state_op *base)
{
	struct store *s = target;
	struct forget_op *op = container_of(base, struct forget_op, op);
	store_settle(s, &op->work, op->ino, base->result);
	if (!s->has_ballast)
		ballast_make(s);
}

const struct op_kind forget_kind = {
	.apply = forget_apply,
	.after = forget_after,
	.frees_space = true,
};

void store_forget_post(struct store *s, struct forget_op *op)
{
	op->work = (struct store_work){ 0 };
	writer_post(s->writer, &forget_kind, &op->op);
}
