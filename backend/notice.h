/* SPDX-License-Identifier: Apache-2.0 */
/* notice - what a message of a queue says. Pure.
 *
 * A notice is a hint: somebody's restore may have ended. It may be late, doubled, out of order,
 * about what is nobody's business here, or forged by whoever may write to the queue; so all it
 * may lead to is a look at the service. Shapes: S3 event notification, EventBridge, the job a
 * vault publishes; each as it is or in the envelope of a topic (AWS protocol reference 1.10, 3.1
 * to 3.3, 2026-09). Nothing in a message is ever fetched.
 */
#pragma once

#include "backend.h"

struct notice {
	const char *scheme;               /* "glacier", "s3" */
	char region[64];                  /* "" where it is not told */
	char container[300];              /* as in backend.resource_root */
	char id[OBJECT_ID_MAX + 1];       /* archive id or key; "": a vault's inventory */
	char version[OBJECT_VERSION_MAX]; /* S3; "" where it is not told */
	char token[RESTORE_TOKEN_MAX];    /* a vault's job id */
};

enum notice_kind {
	NOTICE_ENDED,   /* restores that have ended: one each was told */
	NOTICE_NOTHING, /* well known, and nothing to look at */
	NOTICE_CONFIRM, /* a topic wants its subscription confirmed: a person's business */
	NOTICE_UNKNOWN, /* not understood */
};

/* Reads a message's body of `len` bytes and tells each restore in it that has ended. */
enum notice_kind notice_parse(const char *data, size_t len,
			      void (*tell)(void *arg, const struct notice *n), void *arg);

/* True if the notice may be about that object of that source (`object` NULL: its inventory), whose
 * restore is known as `token`. */
bool notice_is_about(const struct notice *n, const struct backend *b,
		     const struct object *object, const char *token);
