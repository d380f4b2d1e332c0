/* SPDX-License-Identifier: Apache-2.0 */
/* s3_heads - asks where Intelligent-Tiering keeps the objects of a listing: only HEAD tells (AWS
 * protocol reference 2.2, 2026-09). A few at a time and at most a hundred a second: nobody waits
 * for it but the catalog.
 *
 * Thread: the engine's.
 */
#pragma once

#include "s3_site.h"

#define S3_HEADS_MAX 4

struct s3_head {
	struct s3_heads *all;
	struct backend_call call;
	struct listing_entry entry;
	bool is_busy;
};

struct s3_waiting;
STAILQ_HEAD(s3_waiting_list, s3_waiting);

struct s3_heads {
	struct backend *backend;
	/* Gives the entry with its class as it is now; an object that is gone, or that cannot be
	 * asked for, as it was listed. */
	int (*give)(void *arg, const struct listing_entry *e);
	/* After each: `r` is what `give` answered. May free everything. */
	void (*moved)(void *arg, int r);
	void *arg;
	uint32_t requests; /* sent */
	/* Its own. */
	struct s3_head heads[S3_HEADS_MAX];
	struct s3_waiting_list waiting;
	size_t n;
	struct timer pace;
	bool is_paced;
};

void s3_heads_init(struct s3_heads *h);
/* Cancels what is under way. */
void s3_heads_done(struct s3_heads *h);
/* Copies the entry. 0 or -ENOMEM. */
int s3_heads_add(struct s3_heads *h, const struct listing_entry *e);
/* So many wait that no more should be listed for now. */
bool s3_heads_is_full(const struct s3_heads *h);
/* Nothing waits, nothing is under way. */
bool s3_heads_is_idle(const struct s3_heads *h);
