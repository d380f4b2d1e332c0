/* SPDX-License-Identifier: Apache-2.0 */
#include "ino_map.h"

/* NOLINTBEGIN(readability-function-size,readability-function-cognitive-complexity): what uthash's macros expand to is measured as if it stood here. */

struct ino_item *ino_map_find(const struct ino_map *m, uint64_t ino)
{
	struct ino_item *item = NULL;

	HASH_FIND(hh, m->first, &ino, sizeof(ino), item);
	return item;
}

void ino_map_add(struct ino_map *m, struct ino_item *item, uint64_t ino)
{
	item->ino = ino;
	HASH_ADD(hh, m->first, ino, sizeof(item->ino), item);
}

void ino_map_remove(struct ino_map *m, struct ino_item *item)
{
	HASH_DEL(m->first, item);
}

/* NOLINTEND(readability-function-size,readability-function-cognitive-complexity) */
