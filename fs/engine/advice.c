/* SPDX-License-Identifier: Apache-2.0 */
#include "advice.h"
#include "cleanup.h"
#include "str.h"
#include <string.h>

#define BAD_SECRET    "the secret key is not that of the access key"
#define CHECK_SECRET  "check AWS_SECRET_ACCESS_KEY, or the profile"
#define BAD_KEY       "the service does not know the access key"
#define CHECK_KEY     "check AWS_ACCESS_KEY_ID, or the profile"
#define BAD_CLOCK     "this machine's clock is wrong"
#define CHECK_CLOCK   "set it (timedatectl set-ntp true)"
#define BAD_TOKEN     "the session token is not, or no longer, good"
#define CHECK_TOKEN   "get new credentials"
#define BAD_RIGHTS    "the service denies it"
#define CHECK_RIGHTS  "the credentials need the rights README.md lists"
#define CHECK_NETWORK "check the network, and the source's region and endpoint"

/* First match counts. `has` NULL: any text; `what` NULL: the service's own words. */
static const struct code_row {
	const char *code, *has, *what, *remedy;
} codes[] = {
	{ "InvalidAccessKeyId", NULL, BAD_KEY, CHECK_KEY },
	{ "UnrecognizedClientException", NULL, BAD_KEY, CHECK_KEY },
	{ "SignatureDoesNotMatch", NULL, BAD_SECRET, CHECK_SECRET },
	{ "InvalidSignatureException", "valid region",
	  "the service there is of another region", "check the region in url" },
	{ "InvalidSignatureException", "expired", BAD_CLOCK, CHECK_CLOCK },
	{ "InvalidSignatureException", "not yet current", BAD_CLOCK, CHECK_CLOCK },
	{ "InvalidSignatureException", NULL, BAD_SECRET, CHECK_SECRET },
	{ "RequestTimeTooSkewed", NULL, BAD_CLOCK, CHECK_CLOCK },
	{ "RequestExpired", NULL, BAD_CLOCK, CHECK_CLOCK },
	{ "ExpiredToken", NULL, BAD_TOKEN, CHECK_TOKEN },
	{ "ExpiredTokenException", NULL, BAD_TOKEN, CHECK_TOKEN },
	{ "InvalidToken", NULL, BAD_TOKEN, CHECK_TOKEN },
	{ "AccessDenied", NULL, BAD_RIGHTS, CHECK_RIGHTS },
	{ "AccessDeniedException", NULL, BAD_RIGHTS, CHECK_RIGHTS },
	{ "NoSuchBucket", NULL, "there is no such bucket", "check url" },
	{ "ResourceNotFoundException", NULL,
	  "this account has no such vault in this region",
	  "check url, and whose the credentials are" },
};

/* What is left. NULL: nothing more than the service says. */
static const char *const remedies[] = {
	[FAULT_NONE] = NULL,
	[FAULT_NETWORK] = CHECK_NETWORK,
	[FAULT_BUSY] = "the service is in trouble: try again later",
	[FAULT_THROTTLED] = "the service wants fewer requests: try again later",
	[FAULT_CAPACITY] = "try again later, or another tier",
	[FAULT_AUTH] = CHECK_KEY,
	[FAULT_DENIED] = CHECK_RIGHTS,
	[FAULT_NOT_FOUND] = "check url",
	[FAULT_CHANGED] = NULL,
	[FAULT_COLD] = NULL,
	[FAULT_REFUSED] = "check url, region and endpoint",
	[FAULT_PROTOCOL] = "check endpoint: this is not the service",
};

int advice_for(const struct fault *f, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		const struct code_row *row = &codes[i];
		if (streq(row->code, f->code) && (!row->has || strstr(f->text, row->has)))
			return buf_printf(out, "%s: %s", row->what, row->remedy);
	}
	const char *remedy = remedies[f->kind];
	return buf_printf(out, "%s%s%s", f->text, remedy ? ": " : "",
			  remedy ? remedy : "");
}
