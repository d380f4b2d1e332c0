/* SPDX-License-Identifier: Apache-2.0 */
/* dir_cache - which listings the kernel may show again without asking.
 *
 * The kernel keeps what it read of a directory, where it is told so at each opening (readdir's
 * cache; Linux 4.20, fuse_readdir_cached()). It may show that again as long as the names are those
 * it read, and no longer than it may believe a name: READDIRPLUS renews names by the page, while
 * a kept listing whose names have run out is looked up name by name.
 *
 * Nothing is invalidated: a listing that is not kept is dropped when the directory is opened next,
 * and one that is being read goes on at its position.
 *
 * Lock: one mutex, a leaf. Thread: any.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct dir_cache; /* opaque */

struct dir_cache *dir_cache_new(void);
void dir_cache_free(struct dir_cache *c);
/* Of a directory that is opened now: whether what the kernel has of it still holds. `turn` grows
 * with every change of names. Forgets some where there are many: then they are read again. */
bool dir_cache_holds(struct dir_cache *c, uint64_t ino, uint64_t turn, int64_t now_ms);
