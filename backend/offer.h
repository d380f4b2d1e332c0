/* SPDX-License-Identifier: Apache-2.0 */
/* offer - the service's own price list, read into a price table.
 *
 * An offer file is one of the bulk API's (AWS protocol reference 5.3, 2026-09), of many megabytes:
 * it is read as it comes, and only the few products that a read is made of are kept. A product whose
 * unit, currency or figure is not the one expected is left out: its price stays unknown.
 *
 * The offers that matter: offer_codes. Thread: the owner's.
 */
#pragma once

#include "price_table.h"

struct json_object;
struct offer; /* opaque */

/* NULL-terminated: one file each, of one region, makes its prices whole. */
extern const char *const offer_codes[];

/* Rows go to `t`, as products come that belong to `region`; NULL: to any. Keeps both. */
struct offer *offer_new(struct price_table *t, const char *region);
void offer_free(struct offer *o);
DEFINE_CLEANUP(struct offer, offer_free)
/* 0, -EBADMSG (not an offer file), -ENOMEM. */
int offer_feed(struct offer *o, const char *data, size_t len);
/* 0 and the number of prices it gave, or -EBADMSG (cut off). */
int offer_end(struct offer *o, size_t *ret_n);

/* One entry of GetProducts' PriceList, a document in a string (5.4): what it gives, added to the
 * table. 0, -EBADMSG or -ENOMEM. */
int offer_product(struct price_table *t, const char *region, const char *text,
		  size_t len);

/* What the price list does not speak of, since it costs nothing (5.1): a vault's output, its looks
 * and its copies. */
int offer_add_free(struct price_table *t, const char *region, const char *date);

/* What is missing of a region for `service` to be read in every tier: appends a line each. Gives
 * their number. */
size_t offer_missing(const struct prices *p, const char *service, const char *region,
		     struct buf *out);
