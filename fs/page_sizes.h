/* SPDX-License-Identifier: Apache-2.0 */
/* page_sizes - how long paged texts are for those who have looked lately: what was added since is
 * measured, and no more.
 *
 * Thread: any. Lock: one mutex, a leaf.
 */
#pragma once

#include "pages.h"
#include "view.h"

/* Whose text: all of it for who sees all, else a user's own. */
struct page_reader {
	enum node_kind kind;
	bool sees_all;
	uid_t uid; /* unless he sees all */
};

struct page_sizes; /* opaque */
struct page_sizes *page_sizes_new(void);
void page_sizes_free(struct page_sizes *s);

/* The length of what `feed` gives him. 0 or -errno of the feed. */
int page_size(struct page_sizes *s, const struct page_reader *who, pages_feed_fn feed,
	      void *arg, uint64_t *ret);
