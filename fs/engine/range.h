/* SPDX-License-Identifier: Apache-2.0 */
/* range - what of an archive one job should bring. Pure.
 *
 * A job for a part of a vault's archive brings whole MiB (AWS protocol reference 1.3, 2026-09), and
 * the service vouches for its bytes only if the part is a node of the archive's hash tree: a power
 * of two of MiB that starts at a multiple of itself, or is cut at the archive's end (1.9). So:
 *
 *	part	the smallest such node around what is wanted and missing, not less than the
 *		configured minimum
 *	rest	from the first missing byte to the last, whatever its shape: once all is here the
 *		whole is proved against the inventory
 *
 * All of it is wanted, or a part that is not cheaper than that: the rest. What is here already
 * is asked for again only where that costs less than one more job; else what is wanted takes
 * several jobs, and this gives the first.
 */
#pragma once

#include "money.h"
#include "store.h"

struct range_ask {
	uint64_t size_bytes;        /* of the archive; not 0 */
	uint64_t off, len;          /* what is wanted, cut at the end; len 0: all of it */
	uint64_t min_bytes;         /* of a part, where the archive has as much */
	const struct span *missing; /* in whole MiB but at the end, in order, apart */
	size_t n_missing;
	price_t request, retrieval_gib;
};

/* 1 and what to ask for (len 0: the whole archive), or 0: nothing that is wanted is missing. */
int range_plan(const struct range_ask *ask, struct span *ret);
