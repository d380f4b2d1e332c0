/* SPDX-License-Identifier: Apache-2.0 */
/* offer_fetch - asks the service for its price list.
 *
 * The bulk API needs no credentials and gives one file an offer and region, read as it comes;
 * GetProducts is signed, and asks for the region's products a page at a time (AWS protocol
 * reference 5.3, 5.4, 2026-09). Both are free of charge.
 *
 * Thread: the owner's of `bs`; waits.
 */
#pragma once

#include "offer.h"

struct backends;

struct offer_cfg {
	const char *endpoint; /* "https://HOST"; NULL: Amazon's own */
	const char *profile;  /* GetProducts; NULL: the default chain */
	bool is_api;          /* GetProducts instead of the files */
};

/* The regions that the service has a list of prices of, one a line, from the bulk API's index. 0 or
 * -errno with a line in `err`. */
int offer_regions(struct backends *bs, const struct offer_cfg *cfg, struct buf *ret,
		  struct buf *err);
/* All that reading needs in a region, added to `t`, and the number of prices that came. 0 or -errno
 * with a line in `err`; `t` may have some rows then. */
int offers_fetch(struct backends *bs, const struct offer_cfg *cfg, const char *region,
		 struct price_table *t, size_t *ret_n, struct buf *err);
