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
	while (r == 0 && e.first <= at && at < end) {
		uint64_t behind = e.first + e.count < end ? e.first + e.count : end;
		memcpy(ret + (at - first), e.leaves + (at - e.first) * SHA256_LEN,
		       (behind - at) * SHA256_LEN);
		at = behind;
		r = extent_next(&w, &e);
	}
	extent_walk_end(&w);
	if (r < 0 && r != -ENOENT)
		return r;
	return at == end ? 0 : -EAGAIN;
}

/* The tree hash of what is to be proved, as its rows have it. */
static int root_of(struct store *s, MDB_txn *txn, const struct prove_op *op,
		   const struct fill *f, struct node_hash *ret)
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
	if (r == 0)
		*ret = treehash_fold(leaves, n);
	return r;
}

static int compare_tree_hash(struct store *s, MDB_txn *txn, const struct prove_op *op,
			     const struct fill *f)
{
	struct node_hash root;
	int r = root_of(s, txn, op, f, &root);
	return r < 0 ? r : differs(&root, &op->tree_hash, sizeof(root));
}

#define PIECE_BYTES \
	((size_t)256 << 10) /* stays in the cache between the copy and the digest */

/* Adds [at, end) of the file. */
static int digest_file(int fd, uint64_t at, uint64_t end, struct digest *d)
{
	_free_ uint8_t *piece = malloc(PIECE_BYTES);
	if (!piece)
		return -ENOMEM;
	for (; at < end; at += PIECE_BYTES) {
		size_t want = end - at < PIECE_BYTES ? (size_t)(end - at) : PIECE_BYTES;
		ssize_t n = pread_full(fd, piece, want, (off_t)at);
		if (n < 0)
			return (int)n;
		if ((size_t)n != want)
			return -EIO;
		digest_add(d, piece, want);
	}
	return 0;
}

/* The parts one after the other: each against its own value; or their digests, one behind the
 * other, against that of the whole. */
static int compare_parts(int fd, const struct prove_op *op, struct digest *d)
{
	_cleanup_(digest_freep) struct digest *of_all = digest_new(op->digest);
	size_t len = digest_len(op->digest);
	uint8_t value[DIGEST_MAX];
	uint64_t at = op->off;
	int r = of_all ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < op->n_parts; i++) {
		const struct proof_part *part = &op->parts[i];
		r = digest_file(fd, at, part->end, d);
		if (r < 0)
			break;
		digest_end(d, value);
		digest_add(of_all, value, len);
		if (op->len)
			r = differs(value, part->value, len);
		at = part->end;
	}
	if (r != 0 || op->len)
		return r;
	digest_end(of_all, value);
	return differs(value, op->value, len);
}

static int compare_digest(struct store *s, const struct prove_op *op,
			  const struct fill *f)
{
	uint8_t value[DIGEST_MAX];
	_close_ int fd = data_open(s, f->ino, f->gen, O_RDONLY);
	if (fd < 0)
		return fd;
	_cleanup_(digest_freep) struct digest *d = digest_new(op->digest);
	if (!d)
		return -ENOMEM;
	if (op->parts)
		return compare_parts(fd, op, d);
	int r = digest_file(fd, 0, f->size_bytes, d);
	if (r < 0)
		return r;
	digest_end(d, value);
	return differs(value, op->value, digest_len(op->digest));
}

/* What is asked for makes sense of this fill. */
static int prove_check(const struct prove_op *op, const struct fill *f)
{
	uint64_t end = op->len ? op->off + op->len : f->size_bytes;
	if (!op->len && f->held_bytes != f->size_bytes)
		return -EAGAIN;
	if (end > f->size_bytes || (op->len && !op->by_tree_hash && !op->parts))
		return -EINVAL;
	return op->parts && op->parts[op->n_parts - 1].end != end ? -EINVAL : 0;
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
	r = prove_check(op, &row.fill);
	if (r == 0 && op->len)
		r = root_of(s, txn, op, &row.fill, &op->work.root);
	if (r < 0)
		return r;
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
	struct fill was = row->fill;
	uint64_t at, end;
	int r;
	prove_bounds(op, &row->fill, &at, &end);
	r = extent_cut(s, txn, &row->fill, at);
	if (r == 0)
		r = extent_cut(s, txn, &row->fill, end);
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
	op->work.used_delta = fill_room_delta(&was, &row->fill);
	return r < 0 ? r : used_add(s, txn, op->work.used_delta);
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
	int r = extent_cut(s, txn, f, at);
	if (r == 0)
		r = extent_cut(s, txn, f, end);
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

/* Whether what was compared is what is here now: of a part, that its rows have the same bytes. */
static int prove_still(struct store *s, MDB_txn *txn, const struct prove_op *op,
		       const struct fill_row *row)
{
	struct node_hash root;
	if (!op->len)
		return row->version == op->work.version ? 0 : -EAGAIN;
	int r = root_of(s, txn, op, &row->fill, &root);
	if (r < 0)
		return r;
	return differs(&root, &op->work.root, sizeof(root)) ? -EAGAIN : 0;
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
	r = prove_still(s, txn, op, &row);
	if (r < 0)
		return r;
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
	else if (base->result == 0 && op->fill.is_whole)
		filling_remove(target, op->ino, op->gen);
}

const struct op_kind prove_kind = {
	.apply = prove_apply,
	.after = prove_after,
	.frees_space = true,
};
