/* SPDX-License-Identifier: Apache-2.0 */
/* journal_sums - what the open requests hold of each budget: for who compares it with what the budgets
 * say (journal_check.c, fsck_journal.c). */
#pragma once

#include "journal_db.h"
#include "keytree.h"

struct journal_sum {
	struct keynode name;
	struct journal_sum *next;
	struct budget_use held;
	bool is_seen; /* in the budgets: the reader's */
	char key[BUDGET_KEY_MAX];
};

/* Zeroed before. */
struct journal_sums {
	struct keytree by_key;
	struct journal_sum *all;
};

/* 0; -EPROTO: a request in `open` has ended, or holds what cannot be; or an error of reading, -ENOENT
 * where one in `open` is not there. */
int journal_sums_make(struct journal_sums *sums, struct journal *j, MDB_txn *txn);
/* NULL: nobody holds anything of it. */
struct journal_sum *journal_sums_find(const struct journal_sums *sums, const char *key);
/* Whether what is reserved is that; NULL: nothing. */
bool journal_sum_is(const struct journal_sum *s, const struct budget_use *use);
void journal_sums_done(struct journal_sums *sums);
