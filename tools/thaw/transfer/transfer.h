/* SPDX-License-Identifier: Apache-2.0 */
/* transfer - one transfer: what its parts share.
 *
 * The verb is a client of a mount: names, sizes, dates and hashes are the mount's, restores are asked for and paid by it, and
 * bytes come verified from its files. What is here is what becomes of them: one object each.
 */
#pragma once

#include "transfer_counts.h"
#include "transfer_options.h"
#include "transfer_state.h"

struct transfer {
	const struct settings *set;
	struct transfer_options options;
	struct transfer_state *state; /* owned */
	struct share *share;          /* owned: of a plan; NULL: all of it */
	char *dir;                    /* owned: where `state` and reports are */
	char **roots;                 /* owned, real paths, as many as options.n_from */
	char *mount;                  /* owned: the mount's root */
	struct uploader *uploader;    /* owned: the run's thread's */
	const char *prefix;           /* of keys: "" or "DIR/" */
	const char *region;           /* of the bucket */
	bool is_mounted;              /* by this run, for itself */
	bool is_vault;                /* all that was listed are archives of vaults */
	int64_t now_ms;               /* service time, when it was asked for last */
	struct transfer_counts counts;
	int64_t reported_s; /* real, when transfer.prom was made last; 0: not yet */
};

/* The mount's service time, asked for anew. 0 or -errno. */
int transfer_clock(struct transfer *t);
