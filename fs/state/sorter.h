/* SPDX-License-Identifier: Apache-2.0 */
/* sorter - puts any number of records in order with little memory: sorted runs in a file without
 * a name, merged as they are read.
 *
 * The order is that of the keys' bytes; of equal keys that of the data's, so that it depends on
 * what was added and not on when. What fits in memory never touches the disk.
 *
 * Thread: the owner's; several sorters that were filled by different threads are merged by one.
 */
#pragma once

#include "cleanup.h"
#include <stdint.h>

#define SORTER_LEN_MAX 16384 /* of a key, and of data */

struct sorter; /* opaque */

/* `dir_fd` is borrowed; `buf_bytes` of memory are taken with the first record. NULL: no memory. */
struct sorter *sorter_new(int dir_fd, size_t buf_bytes);
void sorter_free(struct sorter *s);
DEFINE_CLEANUP(struct sorter, sorter_free)

/* 0 or -errno: -ENOSPC, -ENOMEM, -EMSGSIZE. */
int sorter_add(struct sorter *s, const void *key, size_t key_len, const void *data,
	       size_t data_len);
/* Writes out what is still in memory, and gives the memory back. Before many are merged. */
int sorter_flush(struct sorter *s);

struct sorted {
	const uint8_t *key, *data; /* borrowed until the next */
	size_t key_len, data_len;
};

struct merge; /* opaque */

/* Reads all of several sorters in order; they stay as they are, and may be read again. Nothing
 * may be added meanwhile. */
int merge_open(struct sorter *const *from, size_t n, struct merge **ret);
/* Before the first is read. `ahead` (or NULL) is called with each record some time before it comes,
 * about as many records as there are runs: to have at hand what it leads to. */
void merge_foresee(struct merge *m, void (*ahead)(void *arg, const struct sorted *rec),
		   void *arg);
/* 1, 0 at the end, or -errno. */
int merge_next(struct merge *m, struct sorted *ret);
void merge_free(struct merge *m);
DEFINE_CLEANUP(struct merge, merge_free)
