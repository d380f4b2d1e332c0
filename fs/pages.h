/* SPDX-License-Identifier: Apache-2.0 */
/* pages - a long text that is never held: each read makes the lines it covers, and forgets them.
 *
 * Lines are numbered and once made never change. So one open shows one text, however its reads lie,
 * and takes a few kilobytes. A read that goes on where the last ended makes nothing twice; another
 * begins at one of some hundred marks that reads before it have left.
 *
 * Thread: any. Lock: one mutex of each text, held while lines are made: reads of one open come one
 * after another.
 */
#pragma once

#include "buf.h"
#include <stdint.h>

/* Where a line begins. */
struct pages_mark {
	uint64_t line, off;
};

struct pages_walk; /* opaque */

/* Hands the lines from number `from` on to pages_take(), in order, until that does not answer 0,
 * and gives its answer on; 0 at the end; or -errno. */
typedef int (*pages_feed_fn)(void *arg, uint64_t from, struct pages_walk *w);

/* One line; one without a text still counts. */
int pages_take(struct pages_walk *w, uint64_t line, const char *text, size_t len);

/* What all of it is long: `mark` goes on from where it is (zeros: the beginning) to the end.
 * 0 or -errno of the feed; `mark` is untouched then. */
int pages_measure(pages_feed_fn feed, void *arg, struct pages_mark *mark);

struct pages; /* opaque */

/* Takes `arg`, also on failure: freed by free(). Gives the text, or NULL. */
struct pages *pages_new(pages_feed_fn feed, void *arg);
void pages_free(struct pages *p);
/* Appends what there is of the `size` bytes at `off`: nothing at the end. 0 or -errno. */
int pages_read(struct pages *p, uint64_t off, size_t size, struct buf *out);
