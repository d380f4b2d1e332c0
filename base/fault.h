/* SPDX-License-Identifier: Apache-2.0 */
/* fault - why a remote call failed, in the service's own words.
 *
 * Travels beside the -errno. Sources of the codes: AWS protocol reference 1.11, 2.10, 6 (2026-09).
 */
#pragma once

#include <stdint.h>

enum fault_kind {
	FAULT_NONE,
	FAULT_NETWORK,   /* no complete answer: try again */
	FAULT_BUSY,      /* 5xx, timeouts at the service: try again */
	FAULT_THROTTLED, /* slower, then again */
	FAULT_CAPACITY,  /* this tier has no capacity now: other tier or later */
	FAULT_AUTH,      /* credentials missing, wrong, expired; clock skew that stayed */
	FAULT_DENIED,    /* the service forbids it */
	FAULT_NOT_FOUND, /* vault, bucket, archive, key, job: gone or never there */
	FAULT_CHANGED,   /* the object is another one now (412) */
	FAULT_COLD,      /* not restored (InvalidObjectState) */
	FAULT_REFUSED,   /* bad request, policy: the same call will fail again */
	FAULT_PROTOCOL,  /* the answer made no sense */
};

struct fault {
	enum fault_kind kind;
	int http_status;     /* 0 if none */
	char code[64];       /* the service's code, or a word of ours */
	char request_id[80]; /* empty if none */
	char text[256];      /* for people, one line, printable */
};

/* The -errno that stands for a kind (project-wide meanings). */
int fault_errno(enum fault_kind kind);
const char *fault_word(enum fault_kind kind);
/* Fills in all of it (http_status 0, no request id); `text` and `code` may be NULL or hold
 * anything: controls and broken UTF-8 become '?', what does not fit is cut. */
void fault_set(struct fault *f, enum fault_kind kind, const char *code, const char *text);
