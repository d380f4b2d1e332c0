/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that arrived: hashed on the pool; then, on the writer, the file, its sync, the row. */
#include "store_db.h"

#include "io.h"
#include <fcntl.h>
#include <string.h>

/* ---- hash ---- */

static int chunk_hash(struct chunk_op *op)
{
	uint64_t n = treehash_leaf_count(op->len);
	op->work.leaves = malloc(n * sizeof(*op->work.leaves));
	if (!op->work.leaves)
		return -ENOMEM;
	treehash_leaves(op->data, op->len, op->work.leaves);
	if (!op->has_expected)
		return 0;
	_free_ struct node_hash *nodes = malloc(n * sizeof(*nodes));
	if (!nodes)
		return -ENOMEM;
	memcpy(nodes, op->work.leaves, n * sizeof(*nodes));
	struct node_hash root = treehash_fold(nodes, n);
	return memcmp(&root, &op->expected, sizeof(root)) == 0 ? 0 : -EBADMSG;
}

static void chunk_run(struct msg *m)
{
	struct store_work *w = container_of(m, struct store_work, msg);
	struct chunk_op *op = container_of(w, struct chunk_op, work);
	op->op.result = chunk_hash(op);
	writer_pass(w->store->writer, &chunk_kind, &op->op);
}

void store_chunk_post(struct store *s, struct chunk_op *op)
{
	op->work = (struct store_work){ .msg.run = chunk_run, .store = s, .op = &op->op };
	op->op.result = 0;
	if (op->len == 0 || op->off % MIB != 0) {
		op->op.result = -EINVAL;
		writer_pass(s->writer, &chunk_kind, &op->op);
		return;
	}
	worker_post(s->hash, &op->work.msg);
}

/* ---- data files ---- */

int chunk_meets(struct store *s, MDB_txn *txn, const struct chunk_op *op,
		struct fill_row *ret)
{
	int r = fill_get(s, txn, op->ino, ret);
	if (r == -EBADMSG || (r == 0 && ret->fill.gen != op->gen))
		r = -ENOENT;
	if (r < 0)
		return r;
	uint64_t size = ret->fill.size_bytes;
	if (op->off > size || op->len > size - op->off ||
	    (op->len % MIB != 0 && op->off + op->len != size))
		return -EINVAL;
	if (fill_is_settled(&ret->fill))
		return 1;

	struct extent_walk w = { s, txn, op->ino, op->gen, NULL };
	struct extent e;
	uint64_t first = op->off / MIB;
	r = extent_find(&w, first, &e);
	extent_walk_end(&w);
	if (r == -ENOENT || (r == 0 && e.first >= first + mib_of(op->len)))
		return 0;
	if (r < 0)
		return r;
	if (e.first != first || e.len != op->len)
		return -EEXIST;
	return e.is_proved;
}

/* A data file of the batch; `result` is of its sync. */
struct open_file {
	uint64_t ino, gen;
	int fd;
	int result;
};

static struct open_file *file_of(struct store *s, struct open_file *files, size_t *n,
				 const struct chunk_op *op)
{
	for (size_t i = 0; i < *n; i++) {
		if (files[i].ino == op->ino && files[i].gen == op->gen)
			return &files[i];
	}
	struct open_file *f = &files[(*n)++];
	*f = (struct open_file){ .ino = op->ino, .gen = op->gen };
	f->fd = data_open(s, op->ino, op->gen, O_WRONLY);
	f->result = f->fd < 0 ? f->fd : 0;
	return f;
}

static bool is_chunk(const struct state_op *op)
{
	return op->kind == &chunk_kind && op->result == 0;
}

static int chunk_write(struct store *s, MDB_txn *txn, struct chunk_op *op,
		       struct open_file *files, size_t *n)
{
	struct fill_row row = { 0 };
	int r = chunk_meets(s, txn, op, &row);
	if (r != 0)
		return r < 0 ? r : 0;
	struct open_file *f = file_of(s, files, n, op);
	if (f->result < 0)
		return f->result;
	r = pwrite_all(f->fd, op->data, op->len, (off_t)op->off);
	/* On a full disk give back what was taken for nothing: the index needs a page or two
	 * before anything can be deleted. No proved row is here (chunk_meets). */
	if (r < 0)
		(void)fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				(off_t)op->off, (off_t)op->len);
	return r;
}

static void chunks_sync(struct state_op *first, struct open_file *files, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (files[i].fd < 0)
			continue;
		(void)data_stamp(files[i].fd, files[i].gen);
		if (fdatasync(files[i].fd) < 0)
			files[i].result = -errno;
		close(files[i].fd);
	}
	for (struct state_op *op = first; op; op = op_next(op)) {
		if (!is_chunk(op))
			continue;
		struct chunk_op *c = container_of(op, struct chunk_op, op);
		for (size_t i = 0; i < n; i++) {
			if (files[i].ino == c->ino && files[i].gen == c->gen)
				op->result = files[i].result;
		}
	}
}

void store_chunks_write(void *target, struct state_op *first)
{
	struct store *s = target;
	_db_read_ MDB_txn *txn = NULL;
	size_t chunks = 0, n = 0;
	for (struct state_op *op = first; op; op = op_next(op))
		chunks += is_chunk(op);
	if (!chunks)
		return;
	_free_ struct open_file *files = calloc(chunks, sizeof(*files));
	int r = files ? db_read(&s->db, &txn) : -ENOMEM;
	for (struct state_op *op = first; op; op = op_next(op)) {
		if (!is_chunk(op))
			continue;
		struct chunk_op *c = container_of(op, struct chunk_op, op);
		op->result = r < 0 ? r : chunk_write(s, txn, c, files, &n);
	}
	if (files)
		chunks_sync(first, files, n);
}

/* ---- rows ---- */

/* What the new row makes of the fill. */
static void fill_grow(struct fill *f, const struct extent *e)
{
	f->held_bytes += e->len;
	f->here_bytes += e->is_proved ? e->len : 0;
	if (e->is_proved && f->proof < PROOF_RANGE)
		f->proof = PROOF_RANGE;
}

static int extent_add(struct store *s, MDB_txn *txn, const struct extent *e,
		      struct fill_row *row)
{
	int cleared = extent_clear(s, txn, e->ino, e->first, e->count);
	if (cleared < 0)
		return cleared;
	int r = extent_put(s, txn, e);
	if (r < 0)
		return r;
	struct fill *f = &row->fill;
	fill_grow(f, e);
	/* Rows that were replaced or damaged have been counted before. */
	if (cleared > 0 || f->held_bytes > f->size_bytes)
		r = fill_recount(s, txn, row);
	f->is_whole = f->here_bytes == f->size_bytes;
	f->used_ms = store_now_us() / 1000;
	row->version++;
	return r;
}

static int chunk_apply(void *target, MDB_txn *txn, struct state_op *base)
{
	struct store *s = target;
	struct chunk_op *op = container_of(base, struct chunk_op, op);
	struct fill_row row = { 0 };
	/* Once more: something in this batch may have come before. */
	int r = chunk_meets(s, txn, op, &row);
	if (r == 1)
		op->fill = row.fill;
	if (r != 0)
		return r < 0 ? r : 0;
	struct extent e = { .ino = op->ino,
			    .gen = op->gen,
			    .first = op->off / MIB,
			    .count = mib_of(op->len),
			    .len = op->len,
			    .is_proved = op->has_expected,
			    .leaves = op->work.leaves->bytes };
	struct fill was = row.fill;
	r = extent_add(s, txn, &e, &row);
	if (r == 0)
		r = fill_put(s, txn, &row);
	op->work.used_delta = fill_room_delta(&was, &row.fill);
	if (r == 0)
		r = used_add(s, txn, op->work.used_delta);
	if (r == 0)
		op->fill = row.fill;
	return r;
}

static void chunk_after(void *target, struct state_op *base)
{
	struct chunk_op *op = container_of(base, struct chunk_op, op);
	store_settle(target, &op->work, op->ino, base->result);
	if (base->result == 0 && op->fill.is_whole)
		filling_remove(target, op->ino, op->gen);
}

const struct op_kind chunk_kind = { .apply = chunk_apply, .after = chunk_after };
