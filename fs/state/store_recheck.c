/* SPDX-License-Identifier: Apache-2.0 */
/* A data file whose mtime is not its stamp was written to by somebody else, or by us just before
 * a crash: what its rows say is compared with its bytes again, and what differs is forgotten. */
#include "store_db.h"

#include "io.h"
#include "log.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

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

bool data_is_stamped(const struct stat *st, uint64_t gen)
{
	struct timespec want = stamp_of(gen);

	/* Some file systems keep whole seconds. */
	return st->st_mtim.tv_sec == want.tv_sec &&
	       (st->st_mtim.tv_nsec == want.tv_nsec || st->st_mtim.tv_nsec == 0);
}

/* Whether the file has what the row says; `piece` holds a MiB. */
static bool extent_holds(int fd, const struct extent *e, void *piece)
{
	for (uint64_t i = 0; i < e->count; i++) {
		uint64_t len = e->len - i * MIB < MIB ? e->len - i * MIB : MIB;
		struct node_hash leaf;
		ssize_t n = pread_full(fd, piece, len, (off_t)((e->first + i) * MIB));
		if (n < 0 || (uint64_t)n < len)
			return false; /* what cannot be read is not here */
		treehash_leaves(piece, len, &leaf);
		if (memcmp(&leaf, e->leaves + i * SHA256_LEN, sizeof(leaf)) != 0)
			return false;
	}
	return true;
}

/* The first extent from `mib` on that does not hold: 1 and it, 0, or -errno. */
static int next_wrong(struct store *s, MDB_txn *txn, const struct fill *f, int fd,
		      uint64_t mib, struct extent *ret)
{
	struct extent_walk w = { s, txn, f->ino, f->gen, NULL };
	_free_ void *piece = malloc(MIB);
	bool is_wrong = false;
	int r = piece ? extent_find(&w, mib, ret) : -ENOMEM;
	while (r == 0 && !is_wrong) {
		is_wrong = !extent_holds(fd, ret, piece);
		if (!is_wrong)
			r = extent_next(&w, ret);
	}
	extent_walk_end(&w);
	if (r < 0 && r != -ENOENT)
		return r;
	return is_wrong;
}

int fill_recheck(struct store *s, MDB_txn *txn, struct fill_row *row)
{
	struct fill *f = &row->fill;
	struct extent e = { .count = 0 };
	uint64_t at = 0, lost = 0;
	int wrong;

	_close_ int fd = data_open(s, f->ino, f->gen, O_RDWR);
	if (fd < 0)
		return fd;
	while ((wrong = next_wrong(s, txn, f, fd, at, &e)) == 1) {
		at = e.first + e.count;
		lost += e.len;
		int r = extent_clear(s, txn, f->ino, e.first, e.count);
		if (r < 0)
			return r;
	}
	if (wrong < 0)
		return wrong;
	uint64_t held = f->held_bytes;
	int r = fill_recount(s, txn, row);
	/* Of a whole fill every row must be there: one that cannot be read vouches for nothing. */
	if (r == 0 && f->held_bytes != held) {
		f->is_whole = false;
		if (f->proof == PROOF_TREE_HASH)
			f->proof = PROOF_RANGE;
		row->version++;
	} else if (r == 0 && f->is_whole) {
		f->here_bytes = f->size_bytes;
	}
	if (r == 0 && ftruncate(fd, (off_t)f->size_bytes) < 0)
		r = -errno;
	if (r == 0)
		r = data_stamp(fd, f->gen);
	if (r == 0)
		r = fill_put(s, txn, row);
	log_notice(
		"ino=%llu gen=%llu the cached file was written to by somebody else, or "
		"in a crash: checked again, %llu of %llu bytes are not what they were, "
		"and forgotten",
		(unsigned long long)f->ino, (unsigned long long)f->gen,
		(unsigned long long)lost, (unsigned long long)held);
	return r;
}
