/* SPDX-License-Identifier: Apache-2.0 */
/* store_rig - one file of a store, with bytes that are the same in every run. */
#pragma once

#include "state_rig.h"

#define INO 0x123

/* Bytes of a file: the same in every run, different everywhere. */
static inline uint8_t *bytes_new(uint64_t len)
{
	uint8_t *b = malloc(len + 1);
	assert_non_null(b);
	for (uint64_t i = 0; i < len; i++)
		b[i] = (uint8_t)(i * 2654435761u >> 13);
	return b;
}

static inline struct store *store_of(void **state)
{
	return ((struct rig *)*state)->state->store;
}

static inline struct fill begin(struct store *s, uint64_t size)
{
	struct fill_op op = { .ino = INO, .size_bytes = size };
	assert_int_equal(store_fill_wait(s, &op), 0);
	return op.fill;
}

static inline struct node_hash tree_hash(const uint8_t *data, uint64_t len)
{
	struct node_hash leaves[64];
	treehash_leaves(data, len, leaves);
	return treehash_fold(leaves, treehash_leaf_count(len));
}

static inline int chunk(struct store *s, const struct fill *f, const uint8_t *bytes,
			uint64_t off, uint64_t len, bool prove, struct fill *ret)
{
	struct chunk_op op = { .ino = INO,
			       .gen = f->gen,
			       .off = off,
			       .len = len,
			       .data = bytes + off,
			       .has_expected = prove };
	if (prove)
		op.expected = tree_hash(bytes + off, len);
	int r = store_chunk_wait(s, &op);
	if (r == 0)
		*ret = op.fill;
	return r;
}

static inline void assert_data(struct store *s, const struct fill *f,
			       const uint8_t *bytes)
{
	_free_ uint8_t *back = malloc(f->size_bytes + 1);
	_close_ int fd = store_open_data(s, f->ino, f->gen);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, back, f->size_bytes + 1, 0), f->size_bytes);
	assert_memory_equal(back, bytes, f->size_bytes);
}
