/* SPDX-License-Identifier: Apache-2.0 */
/* sqs - reads a queue of notices by long polls, on the loop all sources share.
 *
 * A message is handed over, then deleted: what a notice asks for is a look at the service, and
 * every start looks at all that is under way, so nothing is lost with it. One whose body is not
 * what its MD5 says is neither read nor deleted: it comes again. Messages come at least once, in
 * any order (AWS protocol reference 3.4, 2026-09). The queue must be this daemon's alone: what is
 * read is gone for others.
 *
 * Thread: the engine's.
 */
#pragma once

#include "backend.h"
#include "notice.h"

struct sqs; /* opaque */

enum sqs_event {
	SQS_FAILED,  /* `text` says why; tried again after a pause */
	SQS_WORKS,   /* the first answer, at all or after a failure */
	SQS_DAMAGED, /* a message that is not what its checksum says */
	SQS_READ,    /* a message was read: `kind` */
};

struct sqs_cfg {
	const char *url;     /* borrowed: https://sqs.REGION.amazonaws.com/ACCOUNT/NAME */
	const char *profile; /* borrowed; NULL: default chain */
	const char *region;  /* for URLs that do not tell it; NULL: none known */
	/* None may close the queue. */
	void (*notice)(void *arg, const struct notice *n);
	/* A message was read, whatever it is: how long it had been in the queue, and when (UTC, real).
	 * NULL: nobody asks. */
	void (*came)(void *arg, int64_t lag_ms, int64_t now_ms);
	void (*said)(void *arg, enum sqs_event ev, enum notice_kind kind,
		     const char *text);
	void *arg;
};

/* 0, -EINVAL, -ENOKEY, with a line for people in `err`; or -ENOMEM. */
int sqs_open(struct backends *bs, const struct sqs_cfg *cfg, struct sqs **ret,
	     struct buf *err);
void sqs_close(struct sqs *q);
/* Reads until it is stopped. */
void sqs_start(struct sqs *q);
void sqs_stop(struct sqs *q);
/* Before sqs_start(): is it there, may we read it? One message is looked at and left where it is.
 * Runs the loop until that is known. 0 or -errno with its fault. A paid request. */
int sqs_look(struct sqs *q, struct fault *ret);
/* The last thing it was asked it answered. */
bool sqs_is_working(const struct sqs *q);
