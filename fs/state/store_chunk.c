/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that arrived: hashed, compared and written to their file on the pool, where the disk begins with
 * them while others are still coming; then, on the writer, the file's sync and the row. */
#include "store_db.h"

#include "io.h"
#include <fcntl.h>
#include <string.h>

/* ---- hash ---- */

static bool is_expected(const struct chunk_op *op, struct node_hash *nodes, uint64_t n)
{
	struct node_hash root = treehash_fold(nodes, n);

	return memcmp(&root, &op->expected, sizeof(root)) == 0;
}

static int parts_compare(const struct chunk_op *op)
{
	uint8_t value[DIGEST_MAX];
	uint64_t at = op->off, end = op->off + op->len;
	_cleanup_(digest_freep) struct digest *d = digest_new(op->digest);

	if (!d)
		return -ENOMEM;
	for (size_t i = 0; i < op->n_parts; i++) {
		const struct proof_part *part = &op->parts[i];

		if (part->end <= at || part->end > end)
			return -EINVAL;
		digest_add(d, (const uint8_t *)op->data + (at - op->off),
			   (size_t)(part->end - at));
		digest_end(d, value);
		if (memcmp(value, part->value, digest_len(op->digest)) != 0)
			return -EBADMSG;
		at = part->end;
	}
	return at == end ? 0 : -EINVAL;
}

static int chunk_hash(struct chunk_op *op)
{
	uint64_t n = treehash_leaf_count(op->len);
	op->work.leaves = malloc(n * sizeof(*op->work.leaves));
	if (!op->work.leaves)
		return -ENOMEM;
	treehash_leaves(op->data, op->len, op->work.leaves);
	if (op->parts)
		return parts_compare(op);
	if (!op->has_expected)
		return 0;
	_free_ struct node_hash *nodes = malloc(n * sizeof(*nodes));
	if (!nodes)
		return -ENOMEM;
	memcpy(nodes, op->work.leaves, n * sizeof(*nodes));
	return is_expected(op, nodes, n) ? 0 : -EBADMSG;
}

static bool chunk_is_proved(const struct chunk_op *op)
{
	return op->has_expected || op->parts;
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
	return e.is_proved ? 1 : CHUNK_PENDING;
}

/* Of two operations for the same bytes one waits here until the other has its row, or has failed:
 * nothing is written over bytes that somebody may be proving. Nobody waits for whom he holds up:
 * what is in the list needs the writer only, and the writer never waits for the pool. */
static void writing_begin(struct store *s, struct chunk_op *op)
{
	struct store_work *w;

	pthread_mutex_lock(&s->mu);
	do {
		LIST_FOREACH (w, &s->writing, of_writing) {
			const struct chunk_op *other =
				container_of(w, struct chunk_op, work);
			if (other->ino == op->ino && other->off < op->off + op->len &&
			    op->off < other->off + other->len)
				break;
		}
		if (w)
			pthread_cond_wait(&s->written, &s->mu);
	} while (w);
	LIST_INSERT_HEAD(&s->writing, &op->work, of_writing);
	op->work.is_writing = true;
	pthread_mutex_unlock(&s->mu);
}

/* On to the writer. What has landed first gets its row first: who was shown the last bytes of a file,
 * with their row, finds all rows. */
static void chunk_pass(struct store *s, struct chunk_op *op)
{
	pthread_mutex_lock(&s->landing);
	if (op->work.is_written) {
		pthread_mutex_lock(&s->mu);
		op->work.is_landed = true;
		pthread_mutex_unlock(&s->mu);
		if (op->landed.run && op->op.reply_to)
			mailbox_post(op->op.reply_to, &op->landed);
		else if (op->landed.run)
			op->landed.run(&op->landed);
	}
	writer_pass(s->writer, &chunk_kind, &op->op);
	pthread_mutex_unlock(&s->landing);
}

uint64_t chunk_landed_end(struct store *s, const struct fill *f, uint64_t mib)
{
	uint64_t end = mib, bytes = f->held_bytes;
	struct store_work *w;

	pthread_mutex_lock(&s->mu);
	LIST_FOREACH (w, &s->writing, of_writing) {
		const struct chunk_op *op = container_of(w, struct chunk_op, work);
		uint64_t first = op->off / MIB, behind = first + mib_of(op->len);

		if (!w->is_landed || op->ino != f->ino || op->gen != f->gen)
			continue;
		bytes += op->len;
		if (op->is_early && chunk_is_proved(op) && first <= mib && behind > mib)
			end = behind;
	}
	pthread_mutex_unlock(&s->mu);
	return bytes < f->size_bytes ? end : mib;
}

static void writing_end(struct store *s, struct chunk_op *op)
{
	if (!op->work.is_writing)
		return;
	pthread_mutex_lock(&s->mu);
	LIST_REMOVE(&op->work, of_writing);
	op->work.is_writing = op->work.is_landed = false;
	pthread_cond_broadcast(&s->written);
	pthread_mutex_unlock(&s->mu);
}

/* Its bytes into the file, and on their way to the disk. */
static int data_write(struct store *s, const struct chunk_op *op)
{
	_close_ int fd = data_open(s, op->ino, op->gen, O_WRONLY);
	if (fd < 0)
		return fd;
	int r = pwrite_all(fd, op->data, op->len, (off_t)op->off);
	/* On a full disk give back what was taken for nothing: the index needs a page or two
	 * before anything can be deleted. No proved row is here (chunk_meets). */
	if (r < 0)
		(void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				(off_t)op->off, (off_t)op->len);
	else
		(void)sync_file_range(fd, (off_t)op->off, (off_t)op->len,
				      SYNC_FILE_RANGE_WRITE);
	(void)data_stamp(fd, op->gen);
	return r;
}

/* Where no row is. Bytes that are held and wait for their proof are replaced by the writer, which
 * takes no proof down meanwhile. */
static int chunk_write_early(struct store *s, struct chunk_op *op)
{
	_db_read_ MDB_txn *txn = NULL;
	struct fill_row row = { 0 };
	int r = db_read(&s->db, &txn);
	if (r == 0)
		r = chunk_meets(s, txn, op, &row);
	mdb_txn_abort(steal_ptr(txn));
	if (r != 0)
		return r < 0 ? r : 0;
	r = data_write(s, op);
	op->work.is_written = r == 0;
	return r;
}

static void chunk_run(struct msg *m)
{
	struct store_work *w = container_of(m, struct store_work, msg);
	struct chunk_op *op = container_of(w, struct chunk_op, work);
	int r = chunk_hash(op);
	if (r == 0) {
		writing_begin(w->store, op);
		r = chunk_write_early(w->store, op);
	}
	op->op.result = r;
	chunk_pass(w->store, op);
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

/* What was not written yet, and the file it is in for the sync. */
static int chunk_write(struct store *s, MDB_txn *txn, struct chunk_op *op,
		       struct open_file *files, size_t *n)
{
	if (!op->work.is_written) {
		struct fill_row row = { 0 };
		int r = chunk_meets(s, txn, op, &row);
		if (r < 0 || r == 1)
			return r < 0 ? r : 0;
		r = data_write(s, op);
		if (r < 0)
			return r;
	}
	return file_of(s, files, n, op)->result;
}

static void chunks_sync(struct state_op *first, struct open_file *files, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (files[i].fd < 0)
			continue;
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
static void fill_grow(struct fill *f, const struct extent *e, enum proof proof)
{
	f->held_bytes += e->len;
	f->here_bytes += e->is_proved ? e->len : 0;
	if (e->is_proved && f->proof < proof)
		f->proof = proof;
}

static int extent_add(struct store *s, MDB_txn *txn, const struct extent *e,
		      enum proof proof, struct fill_row *row)
{
	int cleared = extent_clear(s, txn, e->ino, e->first, e->count);
	if (cleared < 0)
		return cleared;
	int r = extent_put(s, txn, e);
	if (r < 0)
		return r;
	struct fill *f = &row->fill;
	fill_grow(f, e, proof);
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
	if (r < 0 || r == 1)
		return r < 0 ? r : 0;
	struct extent e = { .ino = op->ino,
			    .gen = op->gen,
			    .first = op->off / MIB,
			    .count = mib_of(op->len),
			    .len = op->len,
			    .is_proved = chunk_is_proved(op),
			    .leaves = op->work.leaves->bytes };
	struct fill was = row.fill;
	r = extent_add(s, txn, &e, op->has_expected ? PROOF_RANGE : op->proof, &row);
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
	writing_end(target, op);
	store_settle(target, &op->work, op->ino, base->result);
	if (base->result == 0 && op->fill.is_whole)
		filling_remove(target, op->ino, op->gen);
}

const struct op_kind chunk_kind = { .apply = chunk_apply, .after = chunk_after };
