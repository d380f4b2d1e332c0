/* SPDX-License-Identifier: Apache-2.0 */
/* journal_db - the journal's environment, for the files that make it up. */
#pragma once

#include "db.h"
#include "journal.h"
#include "writer.h"

struct journal {
	struct db db;
	/* next_ino, instance */
	MDB_dbi meta;
	/* request id -> request */
	MDB_dbi request;
	/* inode number -> id of its newest request */
	MDB_dbi newest;
	/* ids of the requests that have not ended: a start reads these only */
	MDB_dbi open;
	/* charge's number -> charge */
	MDB_dbi ledger;
	/* budget key -> spent, reserved */
	MDB_dbi budget;
	/* event's number -> event */
	MDB_dbi event;
	/* day -> usage */
	MDB_dbi usage;
	/* set's number -> set; (set, inode number) -> set_file; (inode number, set) where it is
	 * waited for */
	MDB_dbi set, set_file, member;
	/* inode number, uid, job -> pin */
	MDB_dbi pin;
	struct writer *writer;
};

/* Opens the environment "journal" in `dir` and starts its thread. 0 or -errno. */
int journal_open(const char *dir, uint64_t map_bytes, struct journal **ret);
void journal_close(struct journal *j);
/* The mark of this state directory, made on first use. Before anything is posted. */
int journal_instance(struct journal *j, char ret[17]);

/* A request with the budgets it draws on, as it is kept. */
struct request_row {
	struct request rec;
	struct budget_draw draws[BUDGETS_MAX];
	size_t n_draws;
};

/* 0, -ENOENT, -EBADMSG. */
int request_get(struct journal *j, MDB_txn *txn, uint64_t id, struct request_row *ret);
/* Writes the row and keeps `open` in step with its state. */
int request_put(struct journal *j, MDB_txn *txn, const struct request_row *row);
bool request_is_final(enum request_state s);

/* Gives the charge its number and writes it. */
int ledger_add(struct journal *j, MDB_txn *txn, struct charge *charge);
/* 0, -EBADMSG or -ENOTSUP. */
int charge_decode(MDB_val key, MDB_val val, struct charge *ret);

/* The newest request of an inode: 0, -ENOENT, or -EBADMSG. */
int request_newest(struct journal *j, MDB_txn *txn, uint64_t ino, struct request *ret);

/* ---- journal_set.c ---- */

/* A request for a file has ended: so has the waiting of all who are to be told. */
int sets_ended(struct journal *j, MDB_txn *txn, const struct request *rec);

/* ---- journal_event.c ---- */

/* `rec` has been written down, or is held. Nothing for what is no file, or was refused. */
int event_asked(struct journal *j, MDB_txn *txn, const struct request *rec);

/* `rec` has ended. `path` may be NULL. */
int event_ended(struct journal *j, MDB_txn *txn, const struct request *rec,
		const char *path);

/* ---- journal_budget.c ---- */

/* Absent: zeros. */
int budget_get(struct journal *j, MDB_txn *txn, const char *key, struct budget_use *ret);
/* Adds `by` to all of it; -EBADMSG if less than nothing would be reserved. */
int budget_add(struct journal *j, MDB_txn *txn, const char *key,
	       const struct budget_use *by);
/* Adds what was used; nothing where that is nothing. */
int free_use_add(struct journal *j, MDB_txn *txn, const struct free_use *use);
/* 0; or -EDQUOT with op->refused and op->refused_use. */
int budgets_allow(struct journal *j, MDB_txn *txn, struct reserve_op *op);

/* Each reads a row of whatever day, and writes it as it would be written today: for upgrade.c. 0,
 * -EBADMSG (it cannot be read), or -errno. */
int request_rewrite(struct journal *j, MDB_txn *txn, MDB_val key);
int charge_rewrite(struct journal *j, MDB_txn *txn, MDB_val key, MDB_val val);
int event_rewrite(struct journal *j, MDB_txn *txn, MDB_val key, MDB_val val);
int budget_rewrite(struct journal *j, MDB_txn *txn, MDB_val key);

/* Whether what the budgets hold reserved is what the open requests hold: 0, -EPROTO, or an error
 * of reading. Takes time in proportion to the open requests and budgets. */
int journal_check(struct journal *j, MDB_txn *txn);

extern const struct op_kind numbers_kind;
