/* SPDX-License-Identifier: Apache-2.0 */
/* writer - the one thread that writes to an environment.
 *
 * It takes everything that was posted, does it in one transaction, commits, and only then posts
 * the answers: many operations share the cost of one sync. Each operation is atomic by itself (a
 * nested transaction): one that is refused leaves no trace and does not hold up the others. When
 * the commit fails, everyone in it gets the error.
 *
 * Thread: writer_post() any; the callbacks run on the writer's.
 */
#pragma once

#include "db.h"
#include "state.h"

struct op_kind {
	/* Before the transaction: what takes long and does not write here. May be NULL. */
	int (*prepare)(void *target, struct state_op *op);
	/* Writes. 0 keeps what was written, -errno undoes it. May run twice (see `full`). */
	int (*apply)(void *target, MDB_txn *txn, struct state_op *op);
	/* After the commit, with the result known, before the answer. May be NULL. */
	void (*after)(void *target, struct state_op *op);
	/* Frees an operation nobody is told about; NULL: free(). */
	void (*free)(struct state_op *op);
	bool frees_space; /* is worth a second try on a full disk */
};

struct writer_cfg {
	const char *name;
	struct db *db;
	void *target;
	bool is_alone; /* a transaction for each operation */
	/* Before the transaction, with the whole batch: what must come first, such as data files.
	 * Sets `result` of what failed. May be NULL. */
	void (*before)(void *target, struct state_op *first);
	/* The disk is full: true if some room was made, and what frees space is tried again. */
	bool (*full)(void *target);
	/* Debug builds: before each commit. */
	void (*check)(void *target, MDB_txn *txn);
};

struct writer;

/* Keeps `db` and `target`. NULL when out of memory or threads. */
struct writer *writer_new(const struct writer_cfg *cfg);
/* Takes `op`, whatever its `result` was before. */
void writer_post(struct writer *w, const struct op_kind *kind, struct state_op *op);
/* The same for one that another thread has worked on: if it has failed it is only answered, in
 * its turn. */
void writer_pass(struct writer *w, const struct op_kind *kind, struct state_op *op);
/* Does what was posted, then ends the thread. Takes NULL. */
void writer_free(struct writer *w);

/* The next operation of a batch, or NULL. */
struct state_op *op_next(struct state_op *op);
