/* SPDX-License-Identifier: Apache-2.0 */
/* tables - the price tables of a mount: what is built in, what `thaw prices` wrote into the state
 * directory, [prices] file, and a source's own.
 *
 * Thread: the main thread's; what it gives is constant until tables_free().
 */
#pragma once

#include "config.h"

/* The file that `thaw prices` writes, in the state directory. */
#define PRICES_FILE "prices.csv"

struct tables {
	struct prices *all;              /* owned */
	struct prices *own[SOURCES_MAX]; /* owned; NULL: `all` */
};

/* Whether what the configuration says of prices makes sense; and what follows from it. 0, or -EINVAL with a line for people in
 * `err`. */
int tables_check(struct config *cfg, struct buf *err);
/* 0, or -errno with a line for people in `err`: a table that is there but broken refuses the
 * start. */
int tables_load(const struct config *cfg, struct tables *ret, struct buf *err);
void tables_free(struct tables *t);
/* For the log: what counts, and of when. */
void tables_tell(const struct tables *t);
