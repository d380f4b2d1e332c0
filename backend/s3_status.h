/* SPDX-License-Identifier: Apache-2.0 */
/* s3_status - many questions about a bucket's restores, few pages of its listing.
 *
 * A page of a listing tells the RestoreStatus of a thousand keys for the price of twelve and a half
 * HEADs (AWS protocol reference 2.2 and 5.2, 2026-09). PROBEs that come within a short while are
 * gathered; where enough of them are due a page is listed from the first of their keys on, which
 * answers all it covers, and those that come within a few seconds (of service time) after it.
 *
 * A listing is believed where it says that something is there or under way. What it says nothing of
 * is asked by HEAD: it may be gone, or the service may not tell the status in listings at all, which
 * is found out so and remembered. Also asked by HEAD: what is needed at once, what Intelligent-
 * Tiering keeps, versions, and what is ready while its proof is not known yet. FINDs never come here.
 *
 * Thread: the engine's.
 */
#pragma once

#include "backend.h"

struct s3_status; /* opaque */

/* Both start a call that ends as any other. */
struct s3_status_ops {
	/* Lists a page of the keys behind `after`, telling each by s3_status_see() and the end by
	 * s3_status_page_seen(). */
	void (*page)(struct backend *b, struct backend_call *c, const char *after);
	void (*head)(struct backend *b, struct backend_call *c);
};

/* NULL when out of memory. Keeps `b` and `ops`. */
struct s3_status *s3_status_new(struct backend *b, const struct s3_status_ops *ops);
void s3_status_free(struct s3_status *s);
/* A PROBE. */
void s3_status_ask(struct s3_status *s, struct backend_call *c);
/* Takes it back; false if it is not here (any more). */
bool s3_status_cancel(struct s3_status *s, const struct backend_call *c);
/* A HEAD of the source has been answered: a listing may have known less. */
void s3_status_head_told(struct s3_status *s, const struct backend_call *c);

/* From inside a page: a key, and whether there are more behind it. 0 or -ENOMEM. */
int s3_status_see(struct s3_status *s, const struct listing_entry *e);
void s3_status_page_seen(struct s3_status *s, bool is_truncated);

/* Pure: whether a page is cheaper than so many HEADs. */
bool s3_status_page_pays(size_t due);
/* Pure: a key such that little lies between it and `key`, which comes behind it. */
void s3_status_before(const char *key, char ret[OBJECT_ID_MAX + 1]);
