/* SPDX-License-Identifier: Apache-2.0 */
/* store - the bytes that are here, and the proof they have passed.
 *
 * A *fill* is one attempt to have a file's bytes: a generation number that is never used again
 * (not even after the index was lost), a sparse data file of its own, and rows of extents in MiB.
 * A row is written only after its bytes are on disk (fdatasync). Served is only what is proved: by its
 * row, or, as long as its operation is under way, by what it was compared with before it was written
 * (a *landed* chunk: it counts for store_covers(), and is gone if the run ends before its row is
 * written). Data files are written in place, never punched, never rewritten; to forget a fill its rows
 * go first, then the file.
 *
 * Serving: ask store_fill() for the generation and what is proved, open that generation's file,
 * pread. ENOENT on open means the fill was replaced in between: ask again. A descriptor serves
 * only rows of its own generation.
 *
 * A data file is checked when it is used first after something else wrote to it; a start looks at
 * none.
 *
 * Thread: reading from any thread; *_post as in state.h. Hashing and writing data happen on a small
 * pool, syncs and rows on one thread, in that order for each operation.
 */
#pragma once

#include "backend.h"
#include "digest.h"
#include "ino_map.h"
#include "state.h"
#include "treehash.h"
#include <stdatomic.h>
#include <sys/queue.h>

struct store;

/* The strongest proof the served bytes have passed. Persisted numbers. Words: "range",
 * "tree-hash", "part", "checksum", "md5", "etag", "transport". */
enum proof {
	PROOF_NONE = 0,
	PROOF_TRANSPORT = 1, /* TLS, If-Match and length only */
	PROOF_ETAG = 2,
	PROOF_MD5 = 3,
	PROOF_CHECKSUM = 4,
	PROOF_PART = 5,
	PROOF_RANGE = 6,     /* the service's own header, whole not yet */
	PROOF_TREE_HASH = 7, /* whole archive against the inventory */
};
const char *proof_word(enum proof p);

/* A run of bytes. */
struct span {
	uint64_t off, len;
};

struct fill {
	uint64_t ino, gen;
	uint64_t size_bytes;
	uint64_t here_bytes; /* proved and on disk */
	uint64_t held_bytes; /* on disk, pending or proved */
	enum proof proof;
	bool is_whole;   /* every byte proved: here_bytes == size_bytes */
	int64_t used_ms; /* real UTC of its last step, or use (store_touch), about */
	uint8_t rank; /* what it would take to have it again; RANK_NONE: not known yet */
	bool is_read; /* used since it came */
	int64_t checked_ms; /* real UTC of the last check of all its bytes; 0: none */
};

#define RANK_NONE 0

/* What the store keeps with an operation while it is under way; nobody else's. */
struct store_work {
	struct msg msg;
	struct store *store;
	struct state_op *op;
	struct node_hash *leaves;
	uint64_t version;      /* of the fill, when it was looked at */
	struct node_hash root; /* of the part that was looked at, likewise */
	uint64_t stale_gen;    /* its data file goes once the commit is durable */
	uint64_t made_gen;     /* its data file goes if there is no commit */
	int64_t used_delta;
	bool is_refuted;
	bool is_written;                   /* of a chunk: its bytes are in the file */
	bool is_writing;                   /* it is in the list */
	bool is_landed;                    /* and its bytes are in the file; the lock */
	LIST_ENTRY(store_work) of_writing; /* the store's lock */
};

/* 0, -ENOENT, -EBADMSG. */
int store_fill(struct store *s, uint64_t ino, struct fill *ret);
/* Whether [off, off + len) (cut at the file's end) is proved, by rows or as it landed: 1 or 0, and the
 * fill (all zeros but for the inode number if there is none). A file of size 0 is covered once its fill
 * is whole. */
int store_covers(struct store *s, uint64_t ino, uint64_t off, uint64_t len,
		 struct fill *ret);
/* The data file of one generation, O_RDONLY. Gives a descriptor, -ENOENT, or -EAGAIN: somebody
 * else wrote to it, or a crash came in between, so store_check_post() has to come first. */
int store_open_data(struct store *s, uint64_t ino, uint64_t gen);
/* The next bytes to fetch: the first MiB at or after `from` that no row holds, with as much around
 * it as is missing too: the largest power of two of MiB, at most `max_len`, that starts at a
 * multiple of itself (so that the service's range tree hash vouches for it), cut at the file's
 * end. It may so begin before `from`. Pending rows count as held. 1 and the range; 0: nothing is
 * missing; -ENOENT: no fill. */
int store_next_missing(struct store *s, uint64_t ino, uint64_t from, uint64_t max_len,
		       uint64_t *ret_off, uint64_t *ret_len);
/* What no row holds, in order and apart, in whole MiB but at the file's end: all of it where there
 * is no fill of that size. Gives their number, at most `max`; the last then reaches to the last
 * missing byte. Or -errno. */
int store_missing(struct store *s, uint64_t ino, uint64_t size_bytes, struct span *ret,
		  size_t max);
/* Whether rows, proved or not, hold [off, off + len), in whole MiB but at the end. */
bool store_holds(struct store *s, uint64_t ino, uint64_t off, uint64_t len);
/* Grows with every commit; 0: it cannot be told now. */
uint64_t store_turn(struct store *s);
/* Bytes in data files (held, in blocks of 4 KiB), for admission and metrics. */
uint64_t store_used_bytes(struct store *s);
/* Files of which anything is here. */
uint64_t store_fills(struct store *s);
/* Bytes the cache's file system can still take. */
uint64_t store_free_bytes(struct store *s);

/* Begins or continues a fill: result 0 and `fill`; -EAGAIN: what there is of it must be checked
 * before more is written. A fill of another size is replaced. */
struct fill_op {
	struct state_op op;
	uint64_t ino, size_bytes;
	struct fill fill;
	struct store_work work;
};
void store_fill_post(struct store *s, struct fill_op *op);

/* Bytes that arrived: hashed into leaves, compared with what they ought to be, written, synced, then
 * the row. `off` a multiple of a MiB; `len` too but at the file's end. The row is proved where there
 * is something to compare with: a tree hash (PROOF_RANGE), or the digests of the parts it consists
 * of (`proof`); else it is pending.
 * Bytes that are held and proved already are left as they are (result 0); pending ones of the same
 * range are replaced; -EEXIST where it overlaps other rows.
 * `landed`, if it has a function, goes where the answer goes, before it, once the bytes are in the file
 * and may be read: `data` is not needed any more.
 * Result 0, -EBADMSG (it differs: nothing was written), -ENOENT (the fill is gone), -ENOSPC,
 * -EIO. `data` and `parts` stay the caller's and are needed until answered, or landed. */
struct chunk_op {
	struct state_op op;
	uint64_t ino, gen;
	uint64_t off, len;
	const void *data;
	struct msg landed;
	bool is_early; /* proved, it is served from then on; but the last of a file with its row */
	bool has_expected;
	struct node_hash expected;
	/* The first begins at `off`, the last ends with the bytes; NULL: none. */
	const struct proof_part *parts;
	size_t n_parts;
	enum digest_kind digest;
	enum proof proof;
	struct fill fill; /* the answer: the fill after this row */
	struct store_work work;
};
void store_chunk_post(struct store *s, struct chunk_op *op);

/* Proves a fill whose every byte is held: by the tree hash of its leaves, by a digest over the
 * bytes read back from the data file (or over the digests of its parts), or (PROOF_TRANSPORT) by
 * their length alone. With `len` only that part of it, by its tree hash (PROOF_RANGE) or by the
 * parts it was uploaded in, each with a digest of its own (PROOF_PART). Result 0 and every row is
 * proved; -EBADMSG: it differs, and its pending rows have been forgotten, or the whole fill where
 * there is no other choice (none or all of it were proved by themselves); -EAGAIN: bytes are
 * missing, or came in meanwhile; -ENOENT: the fill is gone; -EIO. */
struct prove_op {
	struct state_op op;
	uint64_t ino, gen;
	uint64_t off, len; /* in whole MiB but at the end; len 0: the whole */
	enum proof proof;  /* what it proves if it holds */
	bool by_tree_hash;
	struct node_hash tree_hash;
	enum digest_kind digest; /* DIGEST_NONE with PROOF_TRANSPORT */
	uint8_t value
		[DIGEST_MAX]; /* without `len`: of the whole, or of its parts' digests */
	/* The first begins at `off`, the last ends with what is to be proved. Borrowed; NULL: the
	 * digest is of the bytes. */
	const struct proof_part *parts;
	size_t n_parts;
	struct fill fill;
	struct store_work work;
};
void store_prove_post(struct store *s, struct prove_op *op);

/* Forgets a fill: rows, then file. 0 also when there was none. */
struct forget_op {
	struct state_op op;
	uint64_t ino;
	struct store_work work;
};
void store_forget_post(struct store *s, struct forget_op *op);

/* ---- checks ---- */

/* Hashes what is held again and forgets what differs or cannot be read; the data file counts as
 * ours again. Result 0 (also where there is no fill), -ECANCELED, or -errno. */
struct check_op {
	struct state_op op;
	uint64_t ino;
	uint64_t pace_bytes;      /* a second of real time; 0: as fast as it goes */
	atomic_bool is_cancelled; /* anybody may set it, until answered */
	/* The answer: */
	struct fill fill; /* as it is now */
	uint64_t checked_bytes, wrong_bytes;
	/* The store's: */
	struct span *wrong; /* owned; in MiB */
	size_t n_wrong;
	struct store_work work;
};
void store_check_post(struct store *s, struct check_op *op);

/* ---- the order of giving up: by rank, then by last use ---- */

/* Any thread, without waiting: the file is used now. It is written by the next store_touch_post(). */
void store_touch(struct store *s, uint64_t ino);
struct touch_op {
	struct state_op op;
	struct ino_map touched; /* owned */
};
void store_touch_post(struct store *s, struct touch_op *op);
/* Is there anything to write? */
bool store_has_touched(struct store *s);

struct store_place {
	uint8_t rank;
	int64_t used_ms;
	uint64_t ino;
	bool is_stale; /* no fill is there: of a row that was damaged */
};
/* The place behind `at` in that order; behind zeros: the first. 0, -ENOENT (that was the last), or
 * -errno. */
int store_next_use(struct store *s, struct store_place *at);
/* Gives fills a rank, if they still are where they were seen; stale places go. */
#define RANKS_MAX 64
struct rank_op {
	struct state_op op;
	size_t n;
	struct store_place places[RANKS_MAX];
	uint8_t ranks[RANKS_MAX];
};
void store_rank_post(struct store *s, struct rank_op *op);
