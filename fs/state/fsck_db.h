/* SPDX-License-Identifier: Apache-2.0 */
/* fsck_db - what the files of fsck share. */
#pragma once

#include "db.h"
#include "fsck.h"
#include <stdio.h>

#define FROM_BACKUP "put a backup of the state back (thaw backup --restore)"

struct fsck {
	const struct fsck_cfg *cfg;
	struct db db;
	MDB_txn *txn;             /* writes where it is to repair */
	const char *env, *remedy; /* what helps where it cannot be read */
	bool has_changed;
	uint64_t format; /* of the environment; 0: nothing was ever written to it */
};

/* Says something of a table, or of the environment where that is "". */
void fsck_say(struct fsck *f, const char *table, const char *remedy, bool is_mended,
	      const char *fmt, ...) _printf_(5, 6);
/* Opens the environment `name` in `dir`, without making anything, and a transaction. 0, or -errno after
 * saying why. */
int fsck_open(struct fsck *f, const struct fsck_cfg *cfg, const char *dir,
	      const char *name);
/* Commits what was repaired, closes. */
int fsck_close(struct fsck *f);
/* 0, or -ENOENT: there is no such table (an older thawfs's), which is nothing wrong. */
int fsck_table(struct fsck *f, const char *name, MDB_dbi *ret);
/* That it is missing is said. */
int fsck_table_needed(struct fsck *f, const char *name, MDB_dbi *ret);
/* Each value is a record of that kind, unharmed. `damaged` may remove the row: true if it has. NULL: says
 * it, with `remedy`. 0 or -errno. */
int fsck_rows(struct fsck *f, const char *table, enum db_kind kind, uint8_t version,
	      const char *remedy);

/* The parts, each in a file of its own. */
int fsck_journal(const struct fsck_cfg *cfg);
int fsck_catalog(const struct fsck_cfg *cfg);
int fsck_index(const struct fsck_cfg *cfg);

/* Whether every inode number of the catalog is somebody's, and nobody's twice (fsck_names.c). Gives the
 * highest. `f`: the identities. */
int fsck_numbers(struct fsck *f, uint64_t *ret_highest);
