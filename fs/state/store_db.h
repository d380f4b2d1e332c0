/* SPDX-License-Identifier: Apache-2.0 */
/* store_db - the index environment and the data files, for the files that make up the store. */
#pragma once

#include "db.h"
#include "ino_map.h"
#include "store.h"
#include "writer.h"
#include <pthread.h>
#include <stdatomic.h>

LIST_HEAD(work_list, store_work);

struct store {
	struct db db;
	/* last_gen */
	MDB_dbi meta;
	/* inode number -> fill */
	MDB_dbi fill;
	/* inode number, first MiB -> row */
	MDB_dbi row;
	/* rank, last use, inode number -> nothing */
	MDB_dbi use;
	struct writer *writer;
	struct worker *hash;
	struct worker *scrub; /* what is checked at leisure */
	int data_fd;          /* CACHE/data */
	int cache_fd;         /* CACHE */
	bool has_ballast;     /* the writer's */
	_Atomic uint64_t used_bytes;
	uint64_t last_gen; /* of earlier runs: constant */
	pthread_t sweeper;
	bool has_sweeper;
	atomic_bool is_closing;
	pthread_mutex_t mu;       /* a leaf, of what follows */
	pthread_mutex_t landing;  /* held while a chunk goes on to the writer */
	pthread_cond_t written;   /* something left `writing` */
	struct work_list writing; /* chunks whose bytes the pool may be writing */
	struct ino_map filling;   /* struct filling: what this run writes to */
	struct ino_map touched;   /* uses that are not written yet */
	size_t n_touched;
};

/* Opens the environment "index" and the data files in `dir`, and starts the threads; goes through
 * neither rows nor files. 0 or -errno. */
int store_open(const char *dir, uint64_t map_bytes, struct store **ret);
void store_close(struct store *s);

/* ---- rows (store_rows.c) ---- */

struct fill_row {
	struct fill fill;
	uint64_t
		version; /* grows with every row: a proof holds for the version it looked at */
	/* As it is in the index, and so in the order of uses. */
	bool is_known;
	uint8_t was_rank;
	int64_t was_used_ms;
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
/* Removes the fill, all its rows, and its place in the order of uses. */
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
/* Opens it for somebody who trusts its rows: -EAGAIN where it must be checked first. */
int data_open_trusted(struct store *s, uint64_t ino, uint64_t gen, int flags);
/* This run writes to the file, or has just checked it: its mtime says nothing until that is over.
 * 0 or -ENOMEM. */
int filling_add(struct store *s, uint64_t ino, uint64_t gen);
void filling_remove(struct store *s, uint64_t ino, uint64_t gen);
void fillings_free(struct ino_map *m);

/* ---- checks (store_check.c) ---- */

/* A data file's mtime is its generation: whoever else writes to it changes that. */
int data_stamp(int fd, uint64_t gen);
bool data_is_stamped(int fd, uint64_t gen);

/* ---- the order of uses, and what there is in all (store_use.c) ---- */

/* The row's place follows its rank and last use: fill_put() calls it. */
int use_put(struct store *s, MDB_txn *txn, const struct fill_row *row);
int use_remove(struct store *s, MDB_txn *txn, const struct fill *f);
/* Disk that a fill's file takes, nearly. */
static inline uint64_t fill_room(const struct fill *f)
{
	return (f->held_bytes + 4095) & ~(uint64_t)4095;
}
static inline int64_t fill_room_delta(const struct fill *was, const struct fill *is)
{
	return (int64_t)(fill_room(is) - fill_room(was));
}
/* Adds to the sum that a start reads, in the transaction of what changes it. */
int used_add(struct store *s, MDB_txn *txn, int64_t delta);
/* At start. */
int used_load(struct store *s, MDB_txn *txn);
/* Writes every fill as it would be written today, and the order of uses and the sum anew: for
 * upgrade.c. Adds to `ret_damaged` those that cannot be read: they count for nothing. */
int fills_rewrite(struct store *s, MDB_txn *txn, uint64_t *ret_damaged);
void touched_free(struct ino_map *m);
/* Writes down what was used. */
int touches_apply(struct store *s, MDB_txn *txn, const struct ino_map *touched);

/* ---- after an unclean stop (store_sweep.c) ---- */

int sweep_start(struct store *s);
/* Waits for its end: `is_closing` makes that soon. */
void sweep_end(struct store *s);

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

extern const struct op_kind chunk_kind, prove_kind, check_kind;

/* What a chunk meets: 0 nothing, 1 it is here already and proved, CHUNK_PENDING it is to be written
 * over what waits for its proof, or -errno. */
#define CHUNK_PENDING 2
int chunk_meets(struct store *s, MDB_txn *txn, const struct chunk_op *op,
		struct fill_row *ret);
/* Where what has landed early and holds `mib` ends, in MiB; `mib` itself: nothing does, or all of the
 * file has landed. */
uint64_t chunk_landed_end(struct store *s, const struct fill *f, uint64_t mib);
/* Syncs the files of a batch of chunks, each once. What was not written yet is written before. */
void store_chunks_write(void *target, struct state_op *first);

/* Real UTC. */
int64_t store_now_us(void);
