/* SPDX-License-Identifier: Apache-2.0 */
/* missing - what of a file the cache lacks, and how many requests it takes to fetch it.
 *
 * Thread: any; from the index alone, without waiting.
 */
#pragma once

#include "store.h"

struct missing {
	uint64_t bytes;
	uint64_t chunks; /* requests, of at most a chunk each */
};

/* Pure. The requests for one run of missing bytes, in the pieces that store_next_missing() gives. */
uint64_t missing_chunks(struct span run, uint64_t size_bytes, uint64_t chunk_bytes);
/* Of `part` (len 0: of all) of a file that is fetched in pieces of at most `chunk_bytes`. 0 or -errno. */
int missing_of(struct store *s, uint64_t ino, uint64_t size_bytes, struct span part,
	       uint64_t chunk_bytes, struct missing *ret);
