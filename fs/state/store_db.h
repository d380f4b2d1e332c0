/* SPDX-License-Identifier: Apache-2.0 */
/* store_db - the index environment and the data files, for the files that make up the store. */
#pragma once

#include "db.h"
#include "store.h"
#include "writer.h"
#include <stdatomic.h>
#include <sys/stat.h>

struct store {
	struct db db;
	/* last_gen */
	MDB_dbi meta;
	/* inode number -> fill */
	MDB_dbi fill;
	/* inode number, first MiB -> row */
	MDB_dbi row;
	struct writer *writer;
	struct worker *hash;
	int data_fd;      /* CACHE/data */
	int cache_fd;     /* CACHE */
	bool has_ballast; /* the writer's */
	_Atomic uint64_t used_bytes;
};

/* Opens the environment "index" and the data files in `dir`, drops what does not fit together,
 * and starts the threads. 0 or -errno. */
int store_open(const char *dir, uint64_t map_bytes, struct store **ret);
void store_close(struct store *s);

/* ---- rows (store_rows.c) ---- */

struct fill_row {
	struct fill fill;
	uint64_t
		version; /* grows with every row: a proof holds for the version it looked at */
};

/* Proved as a whole by more than its rows say: they need not be looked at again. */
static inline bool fill_is_settled(const struct fill *f)
{
	return f->is_whole && f->proof != PROOF_RANGE;
}

/* One extent. */
struct extent {
	uint64_t ino, gen;
	uint64_t first, count; /* MiB */
	uint64_t len;          /* bytes */
	bool is_proved;
	const uint8_t *leaves; /* count * SHA256_LEN; borrowed from the transaction */
};

/* 0, -ENOENT, -EBADMSG. */
int fill_get(struct store *s, MDB_txn *txn, uint64_t ino, struct fill_row *ret);
int fill_put(struct store *s, MDB_txn *txn, const struct fill_row *row);
/* Removes the fill and all its rows. */
int fill_remove(struct store *s, MDB_txn *txn, uint64_t ino);
/* Counts here_bytes and held_bytes anew: takes time in proportion to the rows. */
int fill_recount(struct store *s, MDB_txn *txn, struct fill_row *row);

int extent_put(struct store *s, MDB_txn *txn, const struct extent *e);
/* Removes all rows, readable or not, that begin in [first, first + count). Gives how many. */
int extent_clear(struct store *s, MDB_txn *txn, uint64_t ino, uint64_t first,
		 uint64_t count);
/* Makes two of the row that reaches over `mib`, if one does. */
int extent_cut(struct store *s, MDB_txn *txn, const struct fill *f, uint64_t mib);
/* Where a walk is; zero-initialise but for the first three. */
struct extent_walk {
	struct store *s;
	MDB_txn *txn;
	uint64_t ino, gen;
	MDB_cursor *cur;
};
/* The first readable extent of the fill that ends behind `mib`. 0, -ENOENT, or -errno.
 * Damaged rows, and those of another generation, are passed over: their bytes are not here. */
int extent_find(struct extent_walk *w, uint64_t mib, struct extent *ret);
int extent_next(struct extent_walk *w, struct extent *ret);
void extent_walk_end(struct extent_walk *w);

/* MiB that `bytes` take. */
static inline uint64_t mib_of(uint64_t bytes)
{
	return bytes / MIB + (bytes % MIB != 0);
}

/* ---- data files (store_data.c) ---- */

/* Gives a descriptor. */
int data_open(struct store *s, uint64_t ino, uint64_t gen, int flags);
/* Makes the file, of full size without a block, its name durable. */
int data_make(struct store *s, uint64_t ino, uint64_t gen, uint64_t size_bytes);
void data_remove(struct store *s, uint64_t ino, uint64_t gen);
/* A data file's mtime is its generation: whoever else writes to it changes that. */
int data_stamp(int fd, uint64_t gen);
bool data_is_stamped(const struct stat *st, uint64_t gen);
/* Compares the file of a fill with its rows, byte by byte, and forgets what differs; the row is
 * written, the file has its size and its stamp again. Takes time in proportion to the file. */
int fill_recheck(struct store *s, MDB_txn *txn, struct fill_row *row);
/* At start: drops fills whose file is missing, files without a fill, and what was changed. */
int data_reconcile(struct store *s);

/* A file that is there to be deleted: LMDB cannot even delete rows on a full disk. */
void ballast_make(struct store *s);
/* True if there was one. */
bool ballast_drop(struct store *s);

/* ---- operations ---- */

/* Removes a fill inside the transaction, and notes in `w` what is to follow the commit. A fill
 * that cannot be read counts as nothing; its file goes at the next start. */
int store_drop(struct store *s, MDB_txn *txn, uint64_t ino, struct store_work *w);
/* With the result known: the files and the sum of bytes follow the rows. */
void store_settle(struct store *s, struct store_work *w, uint64_t ino, int result);

extern const struct op_kind chunk_kind, prove_kind;

/* What a chunk meets: 0 it is to be written, 1 it is here already, or -errno. */
int chunk_meets(struct store *s, MDB_txn *txn, const struct chunk_op *op,
		struct fill_row *ret);
/* Writes the chunks of a batch to their files and syncs each file once. */
void store_chunks_write(void *target, struct state_op *first);

/* Real UTC. */
int64_t store_now_us(void);
