/* SPDX-License-Identifier: Apache-2.0 */
/* retry - what a failed answer means and whether the same request may be tried again.
 *
 * Pure. The service's code decides; the status alone only where there is no code (HEAD, front
 * ends that answer HTML): vault throttling and vault limits are both "400". Sources: AWS protocol
 * reference 1.11, 2.5, 2.10, 4.3, 6 (botocore's standard retry mode; 2026-09).
 */
#pragma once

#include "fault.h"
#include <stdbool.h>
#include <stdint.h>

#define RETRY_ATTEMPTS_MAX 3

enum retry_action {
	RETRY_NEVER,    /* the same request fails again */
	RETRY_LATER,    /* back off, then again */
	RETRY_RESIGN,   /* look at the clock offset: again if it explains the refusal */
	RETRY_REFRESH,  /* read the credentials anew, then again */
	RETRY_REDIRECT, /* another region: again there, if the answer says which */
};

struct retry_verdict {
	enum fault_kind kind;
	enum retry_action action;
	/* The service surely did not act on the request: sending it again cannot be paid twice. */
	bool is_refusal;
};

/* `service` is "glacier" or "s3"; `code` "" if the answer had none. */
struct retry_verdict retry_judge(const char *service, int status, const char *code);

/* Delay before try `attempt` + 1 (attempts count from 1): full jitter over 1, 2, 4 ... 20 s; none at all
 * for 0, of what broke while its bytes were coming;
 * `fraction` is random in [0, 1). `asked_ms` is the service's wish (x-amz-retry-after), -1 if
 * none: it raises the delay by at most 5 s. */
int64_t retry_delay_ms(int attempt, double fraction, int64_t asked_ms);
