/* SPDX-License-Identifier: Apache-2.0 */
#include "map.h"

#include <stdlib.h>
#include <string.h>

/* NOLINTBEGIN(readability-function-size,readability-function-cognitive-complexity): what
 * uthash's macros expand to. */
void *map_find(const struct map *m, const char *key)
{
	struct item *item = NULL;

	HASH_FIND(hh, m->first, key, strlen(key), item);
	return item;
}

void map_add(struct map *m, struct item *item, const char *key)
{
	item->key = key;
	HASH_ADD_KEYPTR(hh, m->first, key, strlen(key), item);
}

void map_remove(struct map *m, struct item *item)
{
	HASH_DELETE(hh, m->first, item);
}

static int by_key(const struct item *a, const struct item *b)
{
	return strcmp(a->key, b->key);
}

void map_sort(struct map *m)
{
	HASH_SORT(m->first, by_key);
}
/* NOLINTEND(readability-function-size,readability-function-cognitive-complexity) */
