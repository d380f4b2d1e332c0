/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_pool - threads that look, copy and put together; what they did comes back as events.
 *
 * Jobs are taken in turn: of a large archive a thread takes one part and hands the rest on, so that many
 * archives and the parts of one go on side by side. Each thread has an uploader of its own.
 *
 * Thread: all functions belong to the run's thread. Lock: `mu` in transfer_pool.c; nothing is called under it.
 */
#pragma once

#include "transfer_copy.h"

struct pool; /* opaque */

enum job_kind {
	JOB_LOOK,   /* what has the key? Where nothing has, its restore is asked for */
	JOB_COPY,   /* copy it; what an earlier run began is looked at before */
	JOB_VERIFY, /* is it there as it was stored? */
};

enum event_kind {
	EVENT_BEGUN, /* copy->archive.upload_id is to be written down */
	EVENT_PART,  /* `part` is stored */
	EVENT_ENDED, /* the job's last; the copy is the receiver's */
};

struct event {
	enum event_kind kind;
	enum job_kind job;
	struct copy *copy;
	struct archive_part part;
	enum copy_found
		found; /* of JOB_LOOK, JOB_VERIFY; of JOB_COPY: FOUND_NOTHING: it was copied */
	int asked; /* of JOB_LOOK that found nothing: 0 or -errno; -ECANCELED: it was not */
	int result;
	bool is_dropped; /* nothing of it is at the destination any more */
	struct event *next;
};

struct pool_cfg {
	const struct backend_cfg *bucket;
	uint32_t threads;
	const char *ask; /* what is written to ask for a restore; keeps */
	const atomic_bool *is_ending;
};

/* 0, or -errno with a line in `err`. */
int pool_start(const struct pool_cfg *cfg, struct pool **ret, struct buf *err);
/* Waits for what is under way, which ends soon once `is_ending` is set. */
void pool_stop(struct pool *p);
DEFINE_CLEANUP(struct pool, pool_stop)

/* Takes `copy`, until its EVENT_ENDED. 0 or -ENOMEM (nothing was taken). */
int pool_add(struct pool *p, enum job_kind kind, struct copy *copy);
/* The oldest event, NULL after `timeout_ms` without one; the caller frees it. */
struct event *pool_wait(struct pool *p, int timeout_ms);
/* Once `is_ending` is set: gets threads out of reads that may wait for hours. One that was about to read is
 * missed: again until pool_jobs() is 0. */
void pool_nudge(struct pool *p);
/* Jobs that have not ended. */
size_t pool_jobs(const struct pool *p);
/* Requests and bytes of all threads. */
void pool_counts(struct pool *p, struct upload_counts *ret);
