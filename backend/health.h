/* SPDX-License-Identifier: Apache-2.0 */
/* health - whom a source's requests are signed as, and what may be asked there.
 *
 * Looks that change nothing, each a request of its own: whose credentials these are, whether the
 * vault or bucket is there, who is told of restores, whether the queue can be read. Those the
 * service charges for are made only where that is wanted. What must be paid to be tried (a
 * restore) is not tried.
 *
 * Thread: the owner's of the loop; waits for the answers.
 */
#pragma once

#include "backend.h"

enum health_look {
	HEALTH_IDENTITY, /* GetCallerIdentity, free and allowed to everybody */
	HEALTH_ACCESS,   /* BACKEND_CHECK */
	HEALTH_WIRING,   /* BACKEND_WIRING */
	HEALTH_QUEUE,    /* ReceiveMessage */
	HEALTH_LOOKS,
};

enum health_answer {
	HEALTH_UNASKED, /* not configured, not wanted, or nobody to ask */
	HEALTH_UNPAID,  /* not asked because it costs something */
	HEALTH_GOOD,
	HEALTH_BAD, /* `fault` */
};

struct health_cfg {
	const struct backend_cfg *source;
	const char *queue; /* URL; NULL: none */
	bool may_pay;
};

struct health {
	/* Credentials: 0, or what opening the source or fetching them answered, with `why`. */
	int result;
	char why[1024];
	char origin[512];   /* for people: "environment", "/root/.aws/config [lab]" */
	int64_t expires_ms; /* UTC; 0: never, or not known */
	char region[64];
	char host[320];
	char identity[320]; /* ARN; "" unknown */
	enum backend_wiring wiring;
	bool has_skew; /* an answer had a date */
	int64_t skew_ms;
	struct {
		enum health_answer answer;
		struct fault fault;
	} looks[HEALTH_LOOKS];
};

/* What a look is called by the API, and the action a policy must allow; "" if none need. */
const char *health_operation(enum health_look look, bool is_vault);
const char *health_action(enum health_look look, bool is_vault);
/* Whether the service charges for it (AWS protocol reference 5.1, 2026-09). */
bool health_is_paid(enum health_look look, bool is_vault);

/* All that thawfs does with a source, as a policy names it: NULL-terminated, what costs money last.
 * packaging/iam/thawfs-policy.json has the same, a test holds them together. */
const char *const *health_actions(bool is_vault);
extern const char *const health_queue_actions[];

/* 0 or -ENOMEM; what is wrong is in `ret`. */
int health_look(struct backends *bs, const struct health_cfg *cfg, struct health *ret);
