/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a data file still has what its rows say: hashed off the writer, noted by it. What
 * differs, or cannot be read, is forgotten; its bytes are never served again.
 *
 * A data file's mtime is its generation. One whose mtime is another was written to by somebody
 * else, or by us just before a crash: it is hashed before it is used. */
#include "store_db.h"

#include "io.h"
#include "log.h"
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static struct timespec stamp_of(uint64_t gen)
{
	return (struct timespec){ .tv_sec = (time_t)(gen / 1000000),
				  .tv_nsec = (long)(gen % 1000000) * 1000 };
}

int data_stamp(int fd, uint64_t gen)
{
	const struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, stamp_of(gen) };

	return futimens(fd, times) < 0 ? -errno : 0;
}

bool data_is_stamped(int fd, uint64_t gen)
{
	struct timespec want = stamp_of(gen);
	struct stat st;

	/* Some file systems keep whole seconds. */
	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_mtim.tv_sec == want.tv_sec &&
	       (st.st_mtim.tv_nsec == want.tv_nsec || st.st_mtim.tv_nsec == 0);
}

/* ---- hashing ---- */

/* A row, taken out of its transaction: hashing takes longer than one may last. */
struct taken {
	uint64_t first, count, len;
	uint8_t *leaves; /* owned */
};

static void taken_done(struct taken *t)
{
	free(t->leaves);
}
#define _taken_ _cleanup_(taken_done)

/* The first row from `mib` on. 0, -ENOENT, or -errno. */
static int row_take(struct store *s, const struct fill *f, uint64_t mib,
		    struct taken *ret)
{
	_db_read_ MDB_txn *txn = NULL;
	struct extent e;
	int r = db_read(&s->db, &txn);
	if (r < 0)
		return r;
	struct extent_walk w = { s, txn, f->ino, f->gen, NULL };
	r = extent_find(&w, mib, &e);
	if (r == 0) {
		*ret = (struct taken){ .first = e.first, .count = e.count, .len = e.len };
		ret->leaves = malloc(e.count * SHA256_LEN);
		if (ret->leaves)
			memcpy(ret->leaves, e.leaves, e.count * SHA256_LEN);
		else
			r = -ENOMEM;
	}
	extent_walk_end(&w);
	return r;
}

/* Holds a check to its pace: so long one of `len` bytes has to take. */
static void pace_wait(const struct check_op *op, uint64_t len)
{
	if (!op->pace_bytes)
		return;
	uint64_t ns = (uint64_t)((double)len / (double)op->pace_bytes * 1e9);
	struct timespec t = { .tv_sec = (time_t)(ns / 1000000000),
			      .tv_nsec = (long)(ns % 1000000000) };
	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

/* Whether the file has what the row says; `piece` holds a MiB. 1, 0, or -ECANCELED. */
static int row_holds(struct check_op *op, int fd, const struct taken *t, void *piece)
{
	for (uint64_t i = 0; i < t->count; i++) {
		uint64_t len = t->len - i * MIB < MIB ? t->len - i * MIB : MIB;
		struct node_hash leaf;
		if (atomic_load(&op->is_cancelled))
			return -ECANCELED;
		ssize_t n = pread_full(fd, piece, len, (off_t)((t->first + i) * MIB));
		if (n < 0 || (uint64_t)n < len)
			return 0; /* what cannot be read is not here */
		treehash_leaves(piece, len, &leaf);
		op->checked_bytes += len;
		if (memcmp(&leaf, t->leaves + i * SHA256_LEN, sizeof(leaf)) != 0)
			return 0;
		pace_wait(op, len);
	}
	return 1;
}

static int wrong_add(struct check_op *op, const struct taken *t)
{
	struct span *grown = reallocarray(op->wrong, op->n_wrong + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	op->wrong = grown;
	op->wrong[op->n_wrong++] = (struct span){ t->first, t->count };
	op->wrong_bytes += t->len;
	return 0;
}

static int rows_check(struct store *s, struct check_op *op)
{
	_free_ void *piece = malloc(MIB);
	uint64_t at = 0;
	_close_ int fd = data_open(s, op->ino, op->fill.gen, O_RDONLY);
	if (!piece)
		return -ENOMEM;
	/* Without a file nothing can be read, and all of it is wrong. */
	for (;;) {
		_taken_ struct taken t = { .leaves = NULL };
		int r = row_take(s, &op->fill, at, &t);
		if (r < 0)
			return r == -ENOENT ? 0 : r;
		r = row_holds(op, fd, &t, piece);
		if (r == 0)
			r = wrong_add(op, &t);
		if (r < 0)
			return r;
		at = t.first + t.count;
	}
}

static void check_run(struct msg *m)
{
	struct store_work *w = container_of(m, struct store_work, msg);
	struct check_op *op = container_of(w, struct check_op, work);
	int r = store_fill(w->store, op->ino, &op->fill);
	if (r == 0)
		r = rows_check(w->store, op);
	op->op.result = r == -ENOENT ? 0 : r; /* it is gone: nothing to check */
	writer_pass(w->store->writer, &check_kind, &op->op);
}

void store_check_post(struct store *s, struct check_op *op)
{
	op->work = (struct store_work){ .msg.run = check_run, .store = s, .op = &op->op };
	op->op.result = 0;
	worker_post(op->pace_bytes ? s->scrub : s->hash, &op->work.msg);
}

/* ---- the rows ---- */

/* The file gets its size and its stamp again: what its rows say is so. Without a file there are no
 * rows left. */
static int file_mend(struct store *s, const struct fill *f)
{
	_close_ int fd = data_open(s, f->ino, f->gen, O_WRONLY);
	struct stat st;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size != f->size_bytes &&
	    ftruncate(fd, (off_t)f->size_bytes) < 0)
		return -errno;
	return data_stamp(fd, f->gen);
}

/* Of a whole fill every row must be there: one that cannot be read vouches for nothing. */
static void fill_shrink(struct fill_row *row, uint64_t held)
{
	struct fill *f = &row->fill;

	if (f->held_bytes == held) {
		if (f->is_whole)
			f->here_bytes = f->size_bytes;
		return;
	}
	f->is_whole = false;
	if (!f->here_bytes)
		f->proof = PROOF_NONE;
	else if (f->proof == PROOF_TREE_HASH)
		f->proof = PROOF_RANGE;
	row->version++;
}

static int check_apply(void *target, MDB_txn *txn, struct state_op *base)
{
	struct store *s = target;
	struct check_op *op = container_of(base, struct check_op, op);
	struct fill_row row = { 0 };
	int r = fill_get(s, txn, op->ino, &row);
	/* Another fill by now, or none: what was found is about nothing. */
	if (r == -ENOENT || r == -EBADMSG || (r == 0 && row.fill.gen != op->fill.gen)) {
		op->n_wrong = 0;
		return 0;
	}
	struct fill was = row.fill;
	for (size_t i = 0; r >= 0 && i < op->n_wrong; i++)
		r = extent_clear(s, txn, op->ino, op->wrong[i].off, op->wrong[i].len);
	if (r >= 0)
		r = fill_recount(s, txn, &row);
	if (r < 0)
		return r;
	if (row.fill.held_bytes == 0 && row.fill.size_bytes > 0)
		return store_drop(s, txn, op->ino, &op->work);
	fill_shrink(&row, was.held_bytes);
	row.fill.checked_ms = store_now_us() / 1000;
	op->work.used_delta = fill_room_delta(&was, &row.fill);
	r = file_mend(s, &row.fill);
	if (r == 0)
		r = used_add(s, txn, op->work.used_delta);
	if (r == 0)
		r = fill_put(s, txn, &row);
	if (r == 0)
		op->fill = row.fill;
	return r;
}

static void check_after(void *target, struct state_op *base)
{
	struct check_op *op = container_of(base, struct check_op, op);

	store_settle(target, &op->work, op->ino, base->result);
	free(op->wrong);
	op->wrong = NULL;
	if (base->result == 0 && op->wrong_bytes)
		log_warning("ino=%llu gen=%llu the cached file is not what was written: "
			    "%llu bytes are wrong, and forgotten",
			    (unsigned long long)op->ino, (unsigned long long)op->fill.gen,
			    (unsigned long long)op->wrong_bytes);
}

const struct op_kind check_kind = {
	.apply = check_apply,
	.after = check_after,
	.frees_space = true,
};
