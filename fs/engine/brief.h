/* SPDX-License-Identifier: Apache-2.0 */
/* brief - what a file is at the service, in as many bytes as it takes: `struct object` has room
 * for the longest of everything, and there may be a hundred thousand restores under way.
 *
 * Thread: the owner's; constant once made.
 */
#pragma once

#include "backend.h"
#include "cleanup.h"

struct brief {
	uint64_t size_bytes;
	int64_t modified_ms;
	const struct storage_class *class; /* of the table */
	struct node_hash tree_hash;
	bool has_tree_hash;
	uint16_t version_at, etag_at, class_at; /* into `id` */
	char id[]; /* and behind its NUL version, etag and class, each with its own */
};

/* NULL when out of memory. */
struct brief *brief_new(const struct object *o);
void brief_free(struct brief *b);
DEFINE_CLEANUP(struct brief, brief_free)
void brief_expand(const struct brief *b, struct object *ret);
