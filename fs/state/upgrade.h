/* SPDX-License-Identifier: Apache-2.0 */
/* upgrade - environments that an older thawfs wrote become today's; those of a newer one are refused.
 *
 * Each environment carries its format (db.h); a table has the steps from one to the next. The promise:
 *   1. If any environment is of a newer format, nothing of any is changed.
 *   2. Before one is changed a copy of it, as of one moment and synced, lies beside it. All steps are
 *      one transaction. Cut off at any moment, by SIGKILL or a power loss, the environment is the old
 *      one or the new one with the copy of the old.
 *   3. There is one copy for each upgrade, however often it was cut off.
 *
 *	NAME.vF.new                   being made. While NAME has format F it may be half a copy, and is
 *	                              made again; once NAME has a later one it is whole
 *	NAME.vF-YYYYMMDDTHHMMSSZ      the copy, for whoever wants to go back to the older thawfs
 *
 * A row that cannot be read stays as it is: it is damaged in either format.
 *
 * Thread: the main one, before anything is opened, while both directories are locked.
 */
#pragma once

#include "buf.h"
#include <stdint.h>

/* Appends to `notes` (may be NULL) a line for each that was upgraded. 0, -ENOTSUP (newer), -ENOSPC (no
 * room for the copy), or -errno, with a line for people in `err`. What cannot be looked at is left to
 * who opens it. */
int upgrade_all(const char *state_dir, const char *cache_dir, uint64_t map_bytes,
		struct buf *notes, struct buf *err);
/* Today's format of the environment `name`. */
uint64_t upgrade_format(const char *name);
