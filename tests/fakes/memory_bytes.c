/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of objects in memory, which nobody holds, and what vouches for them. */
#include "memory_backend.h"

/* Eight bytes of an object depend on their place alone. */
static uint64_t word_at(const struct memory_object *o, uint64_t word)
{
	uint64_t x = word * 0x9e3779b97f4a7c15u + o->seed;

	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9u;
	return x ^ x >> 32;
}

void memory_bytes(const struct memory_object *o, uint64_t off, void *ret, size_t len)
{
	uint8_t *to = ret;
	uint64_t end = off + len;

	while (off < end) {
		uint64_t word = word_at(o, off >> 3);
		size_t skip = off & 7;
		size_t n = 8 - skip < end - off ? 8 - skip : (size_t)(end - off);

		memcpy(to, (uint8_t *)&word + skip, n);
		to += n;
		off += n;
	}
}

bool memory_is_node(uint64_t off, uint64_t len, uint64_t size)
{
	return off % MIB == 0 &&
	       treehash_is_aligned(off / MIB, treehash_leaf_count(len),
				   treehash_leaf_count(size)) &&
	       (len % MIB == 0 || off + len == size);
}

struct node_hash memory_hash(const struct memory_object *o, uint64_t off, uint64_t len)
{
	char *bytes = malloc(len + 1);
	struct node_hash *leaves = calloc(treehash_leaf_count(len), sizeof(*leaves));

	if (!bytes || !leaves)
		abort();
	memory_bytes(o, off, bytes, len);
	treehash_leaves(bytes, len, leaves);
	struct node_hash root = treehash_fold(leaves, treehash_leaf_count(len));
	free(leaves);
	free(bytes);
	return root;
}
