/* SPDX-License-Identifier: Apache-2.0 */
/* backup - a copy of a state directory, also while a daemon uses it, and the way back.
 *
 *	BACKUP/journal/data.mdb, identities/data.mdb   as of one moment each, the journal first
 *	BACKUP/catalog/                                data.mdb and the files its rows name
 *	BACKUP/prices.csv                              if there is one
 *	BACKUP/manifest.json                           written last: without it there is no backup
 *
 * Identities are only ever added, so a later copy of them has all that the journal speaks of. All is
 * synced before the manifest is.
 *
 * What comes back is older than what was lost. Inode numbers given meanwhile would be given again, and
 * a cache that outlived the state would hold other bytes under them: so numbers go on 2^30 further up.
 * Requests that were paid meanwhile are found at the service, as somebody else's (engine, FIND).
 *
 * Thread: one; for programs that have no state open.
 */
#pragma once

#include "buf.h"
#include <stdint.h>

struct backup_sum {
	uint64_t files, bytes;
};

/* `dir` is made; it may be there and empty. 0, or -errno with a line for people in `err`. */
int backup_make(const char *state_dir, const char *dir, struct backup_sum *ret,
		struct buf *err);
/* Whether each file is what the manifest says. Errors likewise. */
int backup_check(const char *dir, struct backup_sum *ret, struct buf *err);
/* Checks, then fills `state_dir`, which is made, or is there and empty. Errors likewise; what is there
 * after one is no state that a daemon would take. */
int backup_restore(const char *dir, const char *state_dir, struct backup_sum *ret,
		   struct buf *err);
