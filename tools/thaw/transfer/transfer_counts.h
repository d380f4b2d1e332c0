/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_counts - what has happened in a transfer since it began, over all of its runs.
 *
 * The promise: a count says how often something happened, and never goes down or is made to fit: what was asked
 * for again, or copied again, counts again. What is the case now are transfer_state_sums().
 *
 * Thread: the run's own.
 */
#pragma once

#include "transfer_copy.h"

enum transfer_step {
	COUNT_REQUESTED,  /* the mount took the wish for its restore */
	COUNT_STAGED,     /* it was ready, and its copying began */
	COUNT_DOWNLOADED, /* all of it was read; bytes: whatever was read */
	COUNT_VALIDATED,  /* its tree hash was the inventory's */
	COUNT_THROTTLED,  /* mount or destination said: later */
	COUNTS,
};
/* "requested", ... */
const char *transfer_step_word(enum transfer_step step);

struct transfer_counts {
	struct archive_sum n[COUNTS];
};

void transfer_count(struct transfer_counts *c, enum transfer_step step, uint64_t archives,
		    uint64_t bytes);
/* What copying it came to, as its event says. */
void transfer_count_copied(struct transfer_counts *c, const struct copy *copy, int result,
			   enum copy_found found);

/* Not durable before transfer_state_commit(). 0 or -errno. */
int transfer_counts_load(struct transfer_counts *c, struct transfer_state *s);
int transfer_counts_save(const struct transfer_counts *c, struct transfer_state *s);
