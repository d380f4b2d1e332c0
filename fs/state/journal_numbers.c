/* SPDX-License-Identifier: Apache-2.0 */
/* Inode numbers: counted here, in the one environment that is backed up. */
#include "journal_db.h"

static int numbers_apply(void *target, MDB_txn *txn, struct state_op *base)
{
	struct journal *j = target;
	struct numbers_op *op = container_of(base, struct numbers_op, op);
	uint64_t next;
	int r = db_get_number(txn, j->meta, "next_ino", INO_FIRST, &next);
	if (r < 0)
		return r;
	if (next < op->at_least)
		next = op->at_least;
	if (op->n > INO_MAX || next > INO_MAX - op->n)
		return -EOVERFLOW;
	op->first = next;
	return db_put_number(txn, j->meta, "next_ino", next + op->n);
}

const struct op_kind numbers_kind = { .apply = numbers_apply };
