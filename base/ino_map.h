/* SPDX-License-Identifier: Apache-2.0 */
/* ino_map - things by inode number, over uthash.
 *
 * A thing embeds a `struct ino_item`; the map keeps things, it does not own them.
 *
 * Thread: whoever holds the lock of what the map belongs to.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The default falls through the cases of a switch, which clang warns of. */
#define HASH_FUNCTION HASH_FNV
#include <uthash.h>

struct ino_item {
	uint64_t ino;
	UT_hash_handle hh;
};

struct ino_map {
	struct ino_item *first; /* NULL: empty */
};

/* The item, or NULL. */
struct ino_item *ino_map_find(const struct ino_map *m, uint64_t ino);
/* There must be none of that number. */
void ino_map_add(struct ino_map *m, struct ino_item *item, uint64_t ino);
void ino_map_remove(struct ino_map *m, struct ino_item *item);

static inline size_t ino_map_count(const struct ino_map *m)
{
	return HASH_COUNT(m->first);
}

/* In order of arrival; NULL after the last. The next one may be asked for before an item goes. */
static inline struct ino_item *ino_map_next(const struct ino_item *item)
{
	return item->hh.next;
}
