/* SPDX-License-Identifier: Apache-2.0 */
/* db - the little of LMDB that the three environments use, with -errno.
 *
 * LMDB's own rules (lmdb.h 0.9.24, "Caveats"), and how they are kept here:
 *   1. One transaction a thread: with MDB_NOTLS readers are tied to their transaction, not to
 *      their thread; each environment has one thread that writes (writer.h).
 *   2. Never across fork: state_open() comes after the last fork.
 *   3. Never twice in one process: state_open() takes the directory's lock before it opens.
 *   4. No long transactions, they keep old pages alive: a read ends before its function returns.
 *   5. Readers that died leave slots behind: mdb_reader_check() at start.
 * The map is big, sparse and never resized. Nothing is opened with MDB_NOSYNC or MDB_WRITEMAP: a
 * commit that has returned is durable, and a stray pointer cannot reach the pages.
 *
 * LMDB does not notice flipped bits: every value is a record (record.h) with a kind of its own.
 */
#pragma once

#include "cleanup.h"
#include "record.h"
#include <lmdb.h>

struct db {
	MDB_env *env;
	int dir_fd; /* the environment's directory, for statvfs */
};

#define DB_MAP_BYTES_DEFAULT ((uint64_t)64 << 30)
#define DB_KEY_MAX           511 /* mdb_env_get_maxkeysize() of the build everyone ships */

/* The format of each environment as it is written today, kept in its `meta/format`; one without that
 * has 1. An environment of another is upgraded or refused before it is opened (upgrade.h). */
#define JOURNAL_FORMAT    2
#define IDENTITIES_FORMAT 1
#define CATALOG_FORMAT    1 /* its files of names too: they count only through it */
#define INDEX_FORMAT      2
#define ANY_FORMAT        0 /* for tools: whatever is there, and nothing is written of it */

/* Kinds of records. Persisted: numbers never change meaning (docs/FORMAT.md). */
enum db_kind {
	KIND_NUMBER = 1, /* a counter */
	KIND_TEXT = 2,
	KIND_IDENTITY = 16,
	KIND_REQUEST = 17,
	KIND_CHARGE = 18,
	KIND_BUDGET = 19,
	KIND_EVENT = 20,
	KIND_USAGE = 21,
	KIND_SET = 22,
	KIND_SET_FILE = 23,
	KIND_PIN = 24,
	KIND_ENTRY = 32,
	KIND_SOURCE = 33,
	KIND_FILL = 48,
	KIND_ROW = 49,
	/* Of `thaw transfer` (tools/thaw/transfer), in a directory of its own. */
	KIND_TRANSFER_ARCHIVE = 64,
	KIND_TRANSFER_PART = 65,
};

struct db_table {
	const char *name;
	MDB_dbi *ret_dbi;
};

/* Makes the directory `name` (0700) in `path` if it is missing, opens the environment and its
 * tables; a new one gets `format`. 0, -ENOTSUP (a newer format), -EPROTO (an older one) or
 * -errno. */
int db_open(struct db *db, const char *path, const char *name, uint64_t format,
	    uint64_t map_bytes, const struct db_table *tables, size_t n);
/* Opens an environment that is there, for at most `n` tables, without opening or making one. 0,
 * -ENOENT or -errno. */
int db_open_bare(struct db *db, const char *path, const char *name, uint64_t map_bytes,
		 size_t n);
void db_close(struct db *db);
/* The environment's format; 0: nothing was ever written to it. */
int db_format(MDB_txn *txn, uint64_t *ret);
/* Writes the environment, as of one moment, to the empty file `to`, synced. Whoever writes may go on. */
int db_copy(MDB_env *env, int to);

/* What an LMDB result means: 0, -ENOENT, -EEXIST, -ENOSPC, -EBADMSG (damaged), or -errno. */
int db_errno(int rc);

int db_read(const struct db *db, MDB_txn **ret);
/* Which commit a read that begins now would see: grows with each; 0 if none can begin. */
uint64_t db_turn(const struct db *db);
int db_write(const struct db *db, MDB_txn *parent, MDB_txn **ret);
/* Ends `txn` either way. An I/O error on a full file system is -ENOSPC: LMDB 0.9.24 says EIO
 * when its file cannot grow (measured 2026-10). */
int db_commit(const struct db *db, MDB_txn *txn);

static inline void db_abortp(MDB_txn **txn)
{
	if (*txn)
		mdb_txn_abort(*txn);
}
#define _db_read_ _cleanup_(db_abortp)

static inline void db_cursor_closep(MDB_cursor **c)
{
	if (*c)
		mdb_cursor_close(*c);
}
#define _db_cursor_ _cleanup_(db_cursor_closep)

int db_cursor(MDB_txn *txn, MDB_dbi dbi, MDB_cursor **ret);
/* Moves and gives; `key` is in and out as `op` needs. 0, -ENOENT at the end, or -errno. */
int db_move(MDB_cursor *c, MDB_val *key, MDB_val *val, MDB_cursor_op op);

/* A walk through the rows of a table, in the order of their keys:
 *
 *	r = db_walk(&w, txn, dbi, from);
 *	while (r == 0 && (r = db_walk_next(&w)) > 0)
 *		r = ... w.key, w.val ...;
 *	return r;
 *
 * What is not 0 in the body ends it. Inside the transaction `txn`; zeroed before, ended by
 * _db_walk_. */
struct db_walk {
	MDB_cursor *cursor;
	MDB_cursor_op next; /* how db_walk_next() moves */
	MDB_val key, val;   /* of the row, as db_get() gives it */
};

/* Before the first row whose key is not below `from`; {0}: before the first of all. */
int db_walk(struct db_walk *w, MDB_txn *txn, MDB_dbi dbi, MDB_val from);
/* Before the last row; goes backwards. */
int db_walk_back(struct db_walk *w, MDB_txn *txn, MDB_dbi dbi);
/* 1: a row, 0: that was the last, or -errno. */
int db_walk_next(struct db_walk *w);
/* The row's value, opened as a record. */
int db_walk_record(const struct db_walk *w, enum db_kind kind, struct record *ret);

static inline void db_walk_done(struct db_walk *w)
{
	db_cursor_closep(&w->cursor);
}
#define _db_walk_ _cleanup_(db_walk_done)

static inline MDB_val db_val(const void *data, size_t len)
{
	return (MDB_val){ .mv_size = len, .mv_data = (void *)(uintptr_t)data };
}

/* A value, borrowed until the transaction ends or writes. */
int db_get(MDB_txn *txn, MDB_dbi dbi, MDB_val key, MDB_val *ret);
/* The same, opened as a record of version 1. */
int db_get_record(MDB_txn *txn, MDB_dbi dbi, MDB_val key, enum db_kind kind,
		  struct record *ret);
int db_put(MDB_txn *txn, MDB_dbi dbi, MDB_val key, MDB_val val);
/* Ends the record in `b` and writes it. */
int db_put_record(MDB_txn *txn, MDB_dbi dbi, MDB_val key, struct buf *b);
/* 0 also when it was not there. */
int db_delete(MDB_txn *txn, MDB_dbi dbi, MDB_val key);

/* The last key of a table whose keys are numbers; 0 if it is empty. */
int db_last_number(MDB_txn *txn, MDB_dbi dbi, uint64_t *ret);

/* Calls for every row, in order of the keys; which may write that row again. What is not 0 ends it. */
int db_each_rewrite(MDB_txn *txn, MDB_dbi dbi,
		    int (*each)(void *arg, MDB_txn *txn, MDB_val key, MDB_val val),
		    void *arg);

/* Counters: absent is `fallback`. */
int db_get_number(MDB_txn *txn, MDB_dbi dbi, const char *key, uint64_t fallback,
		  uint64_t *ret);
int db_put_number(MDB_txn *txn, MDB_dbi dbi, const char *key, uint64_t v);

/* Records are small; the largest is a store row of a GiB extent's leaves. */
#define DB_VALUE_MAX ((size_t)1 << 20)
#define DB_VERSION   1
