/* SPDX-License-Identifier: Apache-2.0 */
#include "retry.h"
#include "cleanup.h"
#include "str.h"
#include <stddef.h>

#define CAP_MS        20000
#define ASKED_MORE_MS 5000

/* `service` NULL: any. `is_prefix`-free: codes are whole words. First match counts, so a row of
 * one service stands before the general one. */
static const struct code_row {
	const char *service;
	const char *code;
	enum fault_kind kind;
	enum retry_action action;
	bool is_refusal;
} codes[] = {
	{ "glacier", "LimitExceededException", FAULT_REFUSED, RETRY_NEVER, true },
	{ "glacier", "PolicyEnforcedException", FAULT_REFUSED, RETRY_NEVER, true },
	{ "glacier", "NoLongerSupportedException", FAULT_REFUSED, RETRY_NEVER, true },
	{ "glacier", "InsufficientCapacityException", FAULT_CAPACITY, RETRY_NEVER, true },
	{ "s3", "GlacierExpeditedRetrievalNotAvailable", FAULT_CAPACITY, RETRY_NEVER,
	  true },
	{ "s3", "BadDigest", FAULT_BUSY, RETRY_LATER, true },

	{ NULL, "Throttling", FAULT_THROTTLED, RETRY_LATER, true },
	{ NULL, "ThrottlingException", FAULT_THROTTLED, RETRY_LATER, true },
	{ NULL, "ThrottledException", FAULT_THROTTLED, RETRY_LATER, true },
	{ NULL, "RequestThrottled", FAULT_THROTTLED, RETRY_LATER, true },
	{ NULL, "RequestThrottledException", FAULT_THROTTLED, RETRY_LATER, true },
	{ NULL, "TooManyRequestsException", FAULT_THROTTLED, RETRY_LATER, true },
	{ NULL, "RequestLimitExceeded", FAULT_THROTTLED, RETRY_LATER, true },
	{ NULL, "BandwidthLimitExceeded", FAULT_THROTTLED, RETRY_LATER, true },
	{ NULL, "LimitExceededException", FAULT_THROTTLED, RETRY_LATER, true },
	{ NULL, "SlowDown", FAULT_THROTTLED, RETRY_LATER, true },

	{ NULL, "RequestTimeout", FAULT_BUSY, RETRY_LATER, false },
	{ NULL, "RequestTimeoutException", FAULT_BUSY, RETRY_LATER, false },
	{ NULL, "PriorRequestNotComplete", FAULT_BUSY, RETRY_LATER, false },
	{ NULL, "InternalError", FAULT_BUSY, RETRY_LATER, false },
	{ NULL, "InternalFailure", FAULT_BUSY, RETRY_LATER, false },
	{ NULL, "ServiceUnavailable", FAULT_BUSY, RETRY_LATER, false },
	{ NULL, "ServiceUnavailableException", FAULT_BUSY, RETRY_LATER, false },
	{ NULL, "OperationAborted", FAULT_BUSY, RETRY_LATER, true },
	{ "s3", "ConditionalRequestConflict", FAULT_BUSY, RETRY_LATER, true },

	{ NULL, "RequestTimeTooSkewed", FAULT_AUTH, RETRY_RESIGN, true },
	{ NULL, "RequestExpired", FAULT_AUTH, RETRY_RESIGN, true },
	{ NULL, "RequestInTheFuture", FAULT_AUTH, RETRY_RESIGN, true },
	{ NULL, "InvalidSignatureException", FAULT_AUTH, RETRY_RESIGN, true },
	{ NULL, "SignatureDoesNotMatch", FAULT_AUTH, RETRY_RESIGN, true },
	{ NULL, "AuthFailure", FAULT_AUTH, RETRY_RESIGN, true },
	{ NULL, "ExpiredToken", FAULT_AUTH, RETRY_REFRESH, true },
	{ NULL, "ExpiredTokenException", FAULT_AUTH, RETRY_REFRESH, true },
	{ NULL, "InvalidToken", FAULT_AUTH, RETRY_NEVER, true },
	{ NULL, "InvalidAccessKeyId", FAULT_AUTH, RETRY_NEVER, true },
	{ NULL, "UnrecognizedClientException", FAULT_AUTH, RETRY_NEVER, true },
	{ NULL, "MissingAuthenticationTokenException", FAULT_AUTH, RETRY_NEVER, true },

	{ NULL, "PermanentRedirect", FAULT_REFUSED, RETRY_REDIRECT, true },
	{ NULL, "TemporaryRedirect", FAULT_REFUSED, RETRY_REDIRECT, true },
	{ NULL, "AuthorizationHeaderMalformed", FAULT_REFUSED, RETRY_REDIRECT, true },

	{ NULL, "AccessDenied", FAULT_DENIED, RETRY_NEVER, true },
	{ NULL, "AccessDeniedException", FAULT_DENIED, RETRY_NEVER, true },
	{ NULL, "AllAccessDisabled", FAULT_DENIED, RETRY_NEVER, true },
	{ NULL, "ResourceNotFoundException", FAULT_NOT_FOUND, RETRY_NEVER, true },
	{ NULL, "NoSuchBucket", FAULT_NOT_FOUND, RETRY_NEVER, true },
	{ NULL, "NoSuchKey", FAULT_NOT_FOUND, RETRY_NEVER, true },
	{ NULL, "NoSuchVersion", FAULT_NOT_FOUND, RETRY_NEVER, true },
	{ NULL, "MethodNotAllowed", FAULT_NOT_FOUND, RETRY_NEVER, true },
	{ NULL, "PreconditionFailed", FAULT_CHANGED, RETRY_NEVER, true },
	{ NULL, "InvalidObjectState", FAULT_COLD, RETRY_NEVER, true },
	{ NULL, "ObjectNotInActiveTierError", FAULT_COLD, RETRY_NEVER, true },
};

/* Without a code we know. */
static const struct status_row {
	int status;
	enum fault_kind kind;
	enum retry_action action;
} statuses[] = {
	{ 301, FAULT_REFUSED, RETRY_REDIRECT }, { 307, FAULT_REFUSED, RETRY_REDIRECT },
	{ 400, FAULT_REFUSED, RETRY_NEVER },    { 401, FAULT_AUTH, RETRY_NEVER },
	{ 403, FAULT_DENIED, RETRY_NEVER },     { 404, FAULT_NOT_FOUND, RETRY_NEVER },
	{ 405, FAULT_NOT_FOUND, RETRY_NEVER },  { 408, FAULT_BUSY, RETRY_LATER },
	{ 410, FAULT_NOT_FOUND, RETRY_NEVER },  { 412, FAULT_CHANGED, RETRY_NEVER },
	{ 429, FAULT_THROTTLED, RETRY_LATER },  { 500, FAULT_BUSY, RETRY_LATER },
	{ 502, FAULT_BUSY, RETRY_LATER },       { 503, FAULT_BUSY, RETRY_LATER },
	{ 504, FAULT_BUSY, RETRY_LATER },       { 509, FAULT_THROTTLED, RETRY_LATER },
};

/* A bare status of a HEAD hides the code: these two can be more than they say. */
static enum retry_action bare_action(int status, enum retry_action usual)
{
	if (status == 400)
		return RETRY_REDIRECT; /* or ExpiredToken: the caller tries both */
	if (status == 403)
		return RETRY_RESIGN;
	return usual;
}

struct retry_verdict retry_judge(const char *service, int status, const char *code)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		const struct code_row *row = &codes[i];
		if (streq(row->code, code) &&
		    (!row->service || streq(row->service, service)))
			return (struct retry_verdict){ row->kind, row->action,
						       row->is_refusal };
	}
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		const struct status_row *row = &statuses[i];
		if (row->status != status)
			continue;
		return (struct retry_verdict){
			row->kind,
			*code ? row->action : bare_action(status, row->action),
			status < 500 && status != 408,
		};
	}
	if (status >= 500)
		return (struct retry_verdict){ FAULT_BUSY, RETRY_LATER, false };
	if (status >= 400)
		return (struct retry_verdict){ FAULT_REFUSED, RETRY_NEVER, true };
	return (struct retry_verdict){ FAULT_PROTOCOL, RETRY_NEVER, false };
}

int64_t retry_delay_ms(int attempt, double fraction, int64_t asked_ms)
{
	int64_t top = CAP_MS;

	if (attempt == 0)
		return 0;
	if (attempt >= 1 && attempt <= 5)
		top = (int64_t)1000 << (attempt - 1);
	if (top > CAP_MS)
		top = CAP_MS;

	int64_t delay = (int64_t)((double)top * fraction);
	if (asked_ms > delay)
		delay = asked_ms < delay + ASKED_MORE_MS ? asked_ms
							 : delay + ASKED_MORE_MS;
	return delay;
}
