/* SPDX-License-Identifier: Apache-2.0 */
/* jobs - many questions about a vault's jobs, one walk over the list of them.
 *
 * What is asked within a short while goes together. A FIND is answered only from a walk that
 * began after it was asked: a job that was sent before the question is never missed by it, and
 * money depends on that. Only one of what we have never asked for (`is_first`) may be answered, and
 * only by "no", from a walk that ended less time ago than it took: the answer of a new walk would
 * be no newer, and a hundred thousand questions would be as many thousand pages. A PROBE may be answered from a walk that ended a few seconds (of service
 * time) ago, unless it is to be fresh; one whose job no walk has shown is asked about by itself.
 *
 * Thread: the engine's.
 */
#pragma once

#include "backend.h"
#include "glacier_json.h"

struct jobs; /* opaque */

/* Both start a call that ends as any other. */
struct jobs_ops {
	/* Lists all jobs, from the first page on, telling each by jobs_see(). */
	void (*walk)(struct backend *b, struct backend_call *c);
	/* Asks about the job `token`. */
	void (*describe)(struct backend *b, struct backend_call *c);
};

/* NULL when out of memory. Keeps `b` and `ops`. */
struct jobs *jobs_new(struct backend *b, const struct jobs_ops *ops);
void jobs_free(struct jobs *j);
/* A FIND or a PROBE with its token. */
void jobs_ask(struct jobs *j, struct backend_call *c);
/* Takes it back; false if it is not here (any more). */
bool jobs_cancel(struct jobs *j, struct backend_call *c);

/* From inside a walk: a job, and the end of a page. */
void jobs_see(struct jobs *j, const struct glacier_job *job);
/* The number of pages so far. */
unsigned int jobs_page_seen(struct jobs *j);

/* Pure: whether so many questions are answered with fewer requests by a walk, the last of which
 * had `pages` (0: not known, taken for one). */
bool jobs_walk_pays(size_t finds, size_t probes, unsigned int pages);

/* Writes a job's state into the answer of a call, at service time `now_ms`. */
void job_tell(struct backend_call *c, const struct glacier_job *job, int64_t now_ms);
