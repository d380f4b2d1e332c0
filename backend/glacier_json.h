/* SPDX-License-Identifier: Apache-2.0 */
/* glacier_json - the vault service's documents. Pure.
 *
 * Members that do not apply may be null or absent, unknown ones are ignored, times come with and
 * without milliseconds (AWS protocol reference 1.1, 1.4; 2026-09).
 */
#pragma once

#include "backend.h"
#include "exchange.h"

struct json_object;

/* Output of a job is promised for a day after completion (reference 1.4). */
#define GLACIER_OUTPUT_MS ((int64_t)24 * 3600 * 1000)

struct glacier_job {
	int64_t created_ms;
	int64_t completed_ms;    /* 0 while running */
	enum remote_state state; /* RESTORING, READY, FAILED */
	bool is_inventory;
	bool is_whole; /* all of the archive; the whole inventory, as JSON */
	/* What of the archive its output is; len 0: not told. Its own tree hash is there once it is
	 * known, and only for a range that is a node of the archive's tree (1.4, 1.9). */
	uint64_t off, len;
	bool has_tree_hash;
	struct node_hash tree_hash;
	char id[RESTORE_TOKEN_MAX];
	char archive_id[256];
	char message[200]; /* StatusMessage */
	char description[1025];
};

/* 0, or -EBADMSG. */
int glacier_job_parse(struct json_object *o, struct glacier_job *ret);

/* How well a job answers "is [off, off + len) of `object` being restored?" (len 0: all of it;
 * NULL: the inventory): 0 not at all, the higher the better. A job that brings more serves if its
 * range is a node of the archive's tree, so that parts of its output can be verified. Ours (by `tag`, "" none) before others', finished before running; output
 * that has expired at `now_ms` is worth nothing, and a failure counts only if it is ours. */
int glacier_job_rank(const struct glacier_job *j, const struct backend_call *ask,
		     int64_t now_ms);
bool glacier_job_is_ours(const struct glacier_job *j, const char *tag);

/* The body of InitiateJob for a RESTORE. 0, -EINVAL (tag not printable ASCII, no tier, a range
 * that the service does not take), or the buffer's. */
int glacier_job_body(struct buf *out, const struct backend_call *ask);

/* {"code":...,"message":...,"type":...}; anything else leaves `ret` as it is. */
void glacier_error_parse(const char *data, size_t len, struct site_error *ret);
