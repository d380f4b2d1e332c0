/* SPDX-License-Identifier: Apache-2.0 */
/* plan_ask - what asking for paths would cost, take and be refused, by the daemon that counts.
 *
 * Paths are only resolved here. All that lie in one mount go into one question, to MOUNT/.thaw/plan;
 * the answer is one JSON object (docs/JSON.md, `plan`).
 */
#pragma once

#include "buf.h"
#include "cli.h"

#define PLAN_ANSWER_MAX ((size_t)16 << 20)

/* What is asked of one mount. */
struct question {
	char *root; /* owned: the topmost directory of it that can be seen */
	struct buf text;
	struct question *next;
};

struct questions {
	const struct settings *set;
	struct question *first;
	bool is_quiet; /* what is wrong is said elsewhere */
	int status;    /* EXIT_DONE, or what has gone wrong */
};

/* One more path; a list of them, a line each ("-": standard input). What is wrong with one is said and
 * noted in `status`. 0 or -ENOMEM. */
int questions_add(struct questions *qs, const char *path);
int questions_add_list(struct questions *qs, const char *name);
void questions_done(struct questions *qs);
#define _questions_ _cleanup_(questions_done)

/* 0 and the answer's text, or -errno: -ENOENT (a mount that does not plan), -EINVAL (no such tier or
 * number of days), -EAGAIN (the first listing is not here yet), -ENOTSUP (the mount is seen through
 * another file system, as over NFS, that does not hand on what is asked). */
int question_ask(const struct question *q, struct buf *out);

/* A line on stderr about a path, once; notes it in `status`. */
void question_say(struct questions *qs, const char *path, const char *words);
