/* SPDX-License-Identifier: Apache-2.0 */
/* Proving a whole fill: hashed on the pool, noted by the writer. */
#include "store_db.h"

#include "io.h"
#include <fcntl.h>
#include <string.h>

/* The answer of a comparison: 0 it holds, 1 it does not. */
static int differs(const void *is, const void *ought, size_t len)
{
	return memcmp(is, ought, len) != 0;
}

/* What of the file is to be proved, in MiB. */
static void prove_bounds(const struct prove_op *op, const struct fill *f,
			 uint64_t *ret_first, uint64_t *ret_end)
{
	*ret_first = op->len ? op->off / MIB : 0;
	*ret_end = mib_of(op->len ? op->off + op->len : f->size_bytes);
}

static int leaves_collect(struct store *s, MDB_txn *txn, const struct fill *f,
			  uint64_t first, uint64_t end, struct node_hash *ret)
{
	struct extent_walk w = { s, txn, f->ino, f->gen, NULL };
	struct extent e;
	uint64_t at = first;
	int r = end > first ? extent_find(&w, first, &e) : -ENOENT;
	while (r == 0 && e.first == at && e.first + e.count <= end) {
		memcpy(ret + (at - first), e.leaves, e.count * SHA256_LEN);
		at += e.count;
		r = extent_next(&w, &e);
	}
	extent_walk_end(&w);
	if (r < 0 && r != -ENOENT)
		return r;
	return at == end ? 0 : -EAGAIN;
}

static int compare_tree_hash(struct store *s, MDB_txn *txn, const struct prove_op *op,
			     const struct fill *f)
{
	uint64_t first, end;
	prove_bounds(op, f, &first, &end);
	uint64_t n = end > first ? end - first : 1;
	_free_ struct node_hash *leaves = malloc(n * sizeof(*leaves));
	if (!leaves)
		return -ENOMEM;
	if (f->size_bytes == 0)
		treehash_leaves("", 0, leaves);
	int r = leaves_collect(s, txn, f, first, end, leaves);
	if (r < 0)
		return r;
	struct node_hash root = treehash_fold(leaves, n);
	return differs(&root, &op->tree_hash, sizeof(root));
}

static int digest_file(int fd, uint64_t size, struct digest *d)
{
	_free_ uint8_t *piece = malloc(MIB);
	if (!piece)
		return -ENOMEM;
	for (uint64_t at = 0; at < size; at += MIB) {
		size_t want = size - at < MIB ? (size_t)(size - at) : MIB;
		ssize_t n = pread_full(fd, piece, want, (off_t)at);
		if (n < 0)
			return (int)n;
		if ((size_t)n != want)
			return -EIO;
		digest_add(d, piece, want);
	}
	return 0;
}

static int compare_digest(struct store *s, const struct prove_op *op,
			  const struct fill *f)
{
	uint8_t value[DIGEST_MAX];
	_close_ int fd = data_open(s, f->ino, f->gen, O_RDONLY);
	if (fd < 0)
		return fd;
	struct digest *d = digest_new(op->digest);
	if (!d)
		return -ENOMEM;
	int r = digest_file(fd, f->size_bytes, d);
	digest_end(d, value);
	digest_free(d);
	return r < 0 ? r : differs(value, op->value, digest_len(op->digest));
}

/* 0 it holds, 1 it does not, or -errno. */
static int compare(struct store *s, struct prove_op *op)
{
	_db_read_ MDB_txn *txn = NULL;
	struct fill_row row = { 0 };
	int r = db_read(&s->db, &txn);
	if (r == 0)
		r = fill_get(s, txn, op->ino, &row);
	if (r < 0)
		return r == -EBADMSG ? -ENOENT : r;
	if (row.fill.gen != op->gen)
		return -ENOENT;
	if (op->len && (!op->by_tree_hash || op->off + op->len > row.fill.size_bytes))
		return -EINVAL;
	if (!op->len && row.fill.held_bytes != row.fill.size_bytes)
		return -EAGAIN;
	op->work.version = row.version;
	if (op->by_tree_hash)
		return compare_tree_hash(s, txn, op, &row.fill);
	/* Reading a large file takes minutes: no transaction that long. */
	mdb_txn_abort(steal_ptr(txn));
	if (op->digest != DIGEST_NONE)
		return compare_digest(s, op, &row.fill);
	return op->proof == PROOF_TRANSPORT ? 0 : -EINVAL;
}

static void prove_run(struct msg *m)
{
	struct store_work *w = container_of(m, struct store_work, msg);
	struct prove_op *op = container_of(w, struct prove_op, work);
	int r = compare(w->store, op);
	w->is_refuted = r == 1;
	op->op.result = r < 0 ? r : 0;
	writer_pass(w->store->writer, &prove_kind, &op->op);
}

void store_prove_post(struct store *s, struct prove_op *op)
{
	op->work = (struct store_work){ .msg.run = prove_run, .store = s, .op = &op->op };
	op->op.result = 0;
	worker_post(s->hash, &op->work.msg);
}

/* The pending rows of what was refuted: what was proved by itself stays. */
static int pending_drop(struct store *s, MDB_txn *txn, struct prove_op *op,
			struct fill_row *row)
{
	uint64_t at, end, held = row->fill.held_bytes;
	int r = 0;
	prove_bounds(op, &row->fill, &at, &end);
	while (r >= 0 && at < end) {
		struct extent_walk w = { s, txn, op->ino, op->gen, NULL };
		struct extent e = { 0 };
		r = extent_find(&w, at, &e);
		extent_walk_end(&w);
		if (r < 0 || e.first >= end)
			break;
		if (!e.is_proved)
			r = extent_clear(s, txn, op->ino, e.first, e.count);
		at = e.first + e.count;
	}
	if (r >= 0 || r == -ENOENT)
		r = fill_recount(s, txn, row);
	row->version++;
	if (r == 0)
		r = fill_put(s, txn, row);
	op->work.used_delta = (int64_t)(row->fill.held_bytes - held);
	return r;
}

static int refute(struct store *s, MDB_txn *txn, struct prove_op *op,
		  struct fill_row *row)
{
	const struct fill *f = &row->fill;
	bool is_mixed = f->here_bytes > 0 && f->here_bytes < f->held_bytes;
	return op->len || is_mixed ? pending_drop(s, txn, op, row)
				   : store_drop(s, txn, op->ino, &op->work);
}

static int part_prove(struct store *s, MDB_txn *txn, const struct prove_op *op,
		      struct fill_row *row)
{
	struct extent_walk w = { s, txn, op->ino, op->gen, NULL };
	struct fill *f = &row->fill;
	struct extent e;
	uint64_t at, end;
	prove_bounds(op, f, &at, &end);
	int r = 0;
	while (r == 0 && at < end) {
		r = extent_find(&w, at, &e);
		if (r == 0 && !e.is_proved) {
			e.is_proved = true;
			f->here_bytes += e.len;
			r = extent_put(s, txn, &e);
		}
		at = r == 0 ? e.first + e.count : at;
	}
	extent_walk_end(&w);
	f->is_whole = f->here_bytes == f->size_bytes;
	return r;
}

static int prove_apply(void *target, MDB_txn *txn, struct state_op *base)
{
	struct store *s = target;
	struct prove_op *op = container_of(base, struct prove_op, op);
	struct fill_row row = { 0 };
	int r = fill_get(s, txn, op->ino, &row);
	if (r == -EBADMSG || (r == 0 && row.fill.gen != op->gen))
		return -ENOENT;
	if (r < 0)
		return r;
	if (row.version != op->work.version)
		return -EAGAIN;
	/* Kept, although the answer is an error: store_prove_after() gives it. */
	if (op->work.is_refuted)
		return refute(s, txn, op, &row);
	struct fill *f = &row.fill;
	if (!f->is_whole || f->proof < op->proof)
		f->proof = op->proof;
	if (op->len) {
		r = part_prove(s, txn, op, &row);
	} else {
		f->here_bytes = f->size_bytes;
		f->is_whole = true;
	}
	if (r == 0)
		r = fill_put(s, txn, &row);
	if (r == 0)
		op->fill = row.fill;
	return r;
}

static void prove_after(void *target, struct state_op *base)
{
	struct prove_op *op = container_of(base, struct prove_op, op);
	store_settle(target, &op->work, op->ino, base->result);
	if (base->result == 0 && op->work.is_refuted)
		base->result = -EBADMSG;
}

const struct op_kind prove_kind = {
	.apply = prove_apply,
	.after = prove_after,
	.frees_space = true,
};
