/* SPDX-License-Identifier: Apache-2.0 */
#include "treehash.h"

#include <assert.h>
#include <stdlib.h>

uint64_t treehash_leaf_count(uint64_t len)
{
	return len == 0 ? 1 : len / MIB + (len % MIB > 0 ? 1 : 0);
}

static struct digest *sha256_new(void)
{
	struct digest *d = digest_new(DIGEST_SHA256);

	/* A few hundred bytes, or no proof of anything: nothing sensible goes on without. */
	if (!d)
		abort();
	return d;
}

void treehash_leaves(const void *data, uint64_t len, struct node_hash *ret)
{
	struct digest *d = sha256_new();
	const uint8_t *p = data;
	uint64_t n = treehash_leaf_count(len);

	for (uint64_t i = 0; i < n; i++) {
		uint64_t left = len - i * MIB;
		if (left > 0)
			digest_add(d, p + i * MIB, (size_t)(left < MIB ? left : MIB));
		digest_end(d, ret[i].bytes);
	}
	digest_free(d);
}

struct node_hash treehash_fold(struct node_hash *nodes, uint64_t n)
{
	assert(n >= 1);
	if (n == 1)
		return nodes[0];

	struct digest *d = sha256_new();
	while (n > 1) {
		for (uint64_t i = 0; i < n / 2; i++) {
			digest_add(d, &nodes[2 * i], 2 * sizeof(nodes[0]));
			digest_end(d, nodes[i].bytes);
		}
		if (n % 2 == 1)
			nodes[n / 2] = nodes[n - 1];
		n = n / 2 + n % 2;
	}
	digest_free(d);
	return nodes[0];
}

bool treehash_is_aligned(uint64_t first, uint64_t count, uint64_t total)
{
	if (count == 0 || count > total || first > total - count)
		return false;

	uint64_t width =
		1; /* of the lowest level whose full node could hold `count` leaves */
	while (width < count)
		width = width > UINT64_MAX / 2 ? UINT64_MAX : width * 2;
	return first % width == 0 && (count == width || first + count == total);
}
