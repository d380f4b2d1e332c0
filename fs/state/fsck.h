/* SPDX-License-Identifier: Apache-2.0 */
/* fsck - whether what is on disk can be what a daemon wrote: each database by itself, the index against
 * the data files, and the numbers of all against each other. While no daemon runs.
 *
 * Each finding is said with its remedy. A repair only takes away what is of no use any more (a fill whose
 * file is gone, a file nothing leads to, a source's row that will be made again) or writes down again what
 * follows from the rest (a sum, the next inode number): it loses nothing. What is precious and damaged is
 * for a backup.
 *
 * LMDB ends the process where it meets a page that cannot be: each part is for a process of its own.
 *
 * Thread: one; for programs that have no state open.
 */
#pragma once

#include "buf.h"
#include <stdbool.h>

enum fsck_part {
	FSCK_JOURNAL,
	FSCK_IDENTITIES, /* and the numbers of journal, catalog and index */
	FSCK_CATALOG,    /* and its files of names */
	FSCK_INDEX,      /* and data files */
	FSCK_PARTS,
};

struct fsck_cfg {
	const char *state_dir, *cache_dir;
	bool is_repair;
	/* `where`: "journal/request"; `remedy` may be "". */
	void (*say)(void *arg, const char *where, const char *what, const char *remedy,
		    bool is_mended);
	void *arg;
};

/* Held while parts are looked at: no daemon may start. Gives descriptors. 0, or -errno (-EWOULDBLOCK: a
 * daemon runs) with a line for people in `err`. */
int fsck_lock(const struct fsck_cfg *cfg, int ret_fds[2], struct buf *err);
const char *fsck_word(enum fsck_part part);
/* 0 when it was gone through, whatever was found; -errno when it could not be: that is said, too. */
int fsck_look(const struct fsck_cfg *cfg, enum fsck_part part);
