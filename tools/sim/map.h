/* SPDX-License-Identifier: Apache-2.0 */
/* map - things by name, in the order they were added, over uthash.
 *
 * A thing has a `struct item` as its first member, so that a pointer to the one is a pointer to
 * the other; the map keeps things, it does not own them.
 *
 * Thread: whoever holds the lock of the state it belongs to.
 */
#pragma once

/* The default falls through the cases of a switch, which clang warns of. */
#define HASH_FUNCTION HASH_FNV
#include <uthash.h>

struct item {
	const char *key; /* kept; lives in the thing */
	UT_hash_handle hh;
};

struct map {
	struct item *first; /* NULL: empty */
};

/* The thing, or NULL. */
void *map_find(const struct map *m, const char *key);
/* There must be none of that name. */
void map_add(struct map *m, struct item *item, const char *key);
void map_remove(struct map *m, struct item *item);
void map_sort(struct map *m); /* by name */

static inline void *map_first(const struct map *m)
{
	return m->first;
}

static inline void *map_next(const struct item *item)
{
	return item->hh.next;
}
