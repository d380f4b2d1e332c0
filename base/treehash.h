/* SPDX-License-Identifier: Apache-2.0 */
/* treehash - the SHA-256 tree hash of Glacier vaults.
 *
 * Leaves are the SHA-256 of each MiB; neighbours are hashed together level by level; an odd last
 * node goes up unchanged. (Glacier developer guide, "Computing checksums", 2023-06; vectors in
 * AWS protocol reference, appendix B.)
 */
#pragma once

#include "digest.h"
#include <stdbool.h>

#define MIB ((uint64_t)1 << 20)

struct node_hash {
	uint8_t bytes[SHA256_LEN];
};

/* Number of leaves of `len` bytes: at least 1, also for 0 bytes. */
uint64_t treehash_leaf_count(uint64_t len);
/* The leaves of `data`, treehash_leaf_count(len) of them. */
void treehash_leaves(const void *data, uint64_t len, struct node_hash *ret);
/* Folds `n` >= 1 nodes of equal level into their root. `nodes` is overwritten. Also right for
 * chunk roots instead of leaves, where chunks are a power of two of MiB. */
struct node_hash treehash_fold(struct node_hash *nodes, uint64_t n);
/* Whether leaves [first, first + count) of `total` are one node of the tree. */
bool treehash_is_aligned(uint64_t first, uint64_t count, uint64_t total);
