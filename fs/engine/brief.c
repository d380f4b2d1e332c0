/* SPDX-License-Identifier: Apache-2.0 */
#include "brief.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Gives the offset it was put at, and moves `at` behind it. */
static uint16_t put(struct brief *b, const char *s, size_t *at)
{
	size_t off = *at, len = strlen(s) + 1;

	memcpy(b->id + off, s, len);
	*at += len;
	return (uint16_t)off;
}

struct brief *brief_new(const struct object *o)
{
	size_t len = strlen(o->id) + strlen(o->version) + strlen(o->etag) +
		     strlen(o->storage_class) + 4;
	struct brief *b = calloc(1, sizeof(*b) + len);
	size_t at = 0;

	if (!b)
		return NULL;
	b->size_bytes = o->size_bytes;
	b->modified_ms = o->modified_ms;
	b->class = storage_class_find(o->storage_class);
	b->tree_hash = o->tree_hash;
	b->has_tree_hash = o->has_tree_hash;
	put(b, o->id, &at);
	b->version_at = put(b, o->version, &at);
	b->etag_at = put(b, o->etag, &at);
	b->class_at = put(b, o->storage_class, &at);
	return b;
}

void brief_free(struct brief *b)
{
	free(b);
}

void brief_expand(const struct brief *b, struct object *ret)
{
	*ret = (struct object){
		.size_bytes = b->size_bytes,
		.modified_ms = b->modified_ms,
		.tree_hash = b->tree_hash,
		.has_tree_hash = b->has_tree_hash,
	};
	snprintf(ret->id, sizeof(ret->id), "%s", b->id);
	snprintf(ret->version, sizeof(ret->version), "%s", b->id + b->version_at);
	snprintf(ret->etag, sizeof(ret->etag), "%s", b->id + b->etag_at);
	snprintf(ret->storage_class, sizeof(ret->storage_class), "%s",
		 b->id + b->class_at);
}
