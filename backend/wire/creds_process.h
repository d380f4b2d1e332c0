/* SPDX-License-Identifier: Apache-2.0 */
/* creds_process - runs a credential_process without a shell and without holding up the loop: a
 * thread of its own waits for it, and the loop looks every now and then whether it has ended.
 *
 * Thread: the owner's of the http loop.
 */
#pragma once

#include "buf.h"
#include "http.h"

struct creds_process; /* opaque */

/* `done` runs once, from http_wait(), unless cancelled; the process is gone then. r: 0 and what it
 * wrote (at most 64 KiB), -ENOENT and the like (cannot be started), -ETIMEDOUT (a minute),
 * -EPROTO (its status was not 0, or it wrote too much). */
typedef void (*creds_process_fn)(void *arg, int r, const struct buf *out);

/* 0, -EINVAL (the line is no command) or -ENOMEM. */
int creds_process_start(struct http *http, const char *command, creds_process_fn done,
			void *arg, struct creds_process **ret);
/* Ends it. */
void creds_process_cancel(struct creds_process *p);

/* Splits a command line as a shell would (quotes, backslashes), with nothing expanded. Gives a
 * NULL-terminated list to be freed in one piece, or NULL: a quote is open, or out of memory. */
char **command_split(const char *line);
