/* SPDX-License-Identifier: Apache-2.0 */
/* s3_access - what stands before every call on a bucket: its region, and who pays.
 *
 * One simulator stands for S3 in every region its buckets are in. A call signed for another
 * region than its bucket's is sent away, in one of the three ways that clients meet.
 *
 * A bucket that has an owner, an access key, is a stranger's to all other keys; where requesters
 * pay, strangers must say that they do. Known deviation: a temporary key is its own stranger.
 *
 * Source: AWS protocol reference section 2.1, 2026-09.
 */
#include "quirks.h"
#include "s3.h"
#include "str.h"
#include <stdio.h>

static const char *const redirect_words[S3_REDIRECTS] = { "", "301", "307", "400" };

const char *s3_redirect_word(enum s3_redirect redirect)
{
	return redirect_words[redirect];
}

bool s3_redirect_read(const char *word, enum s3_redirect *ret)
{
	for (int i = 0; i < S3_REDIRECTS; i++)
		if (streq(word, redirect_words[i])) {
			*ret = (enum s3_redirect)i;
			return true;
		}
	return false;
}

const char *s3_region_of(const struct sim *sim, const struct s3_bucket *b)
{
	return b->config.region[0] ? b->config.region : sim->region;
}

bool sim_s3_has_region(struct sim *sim, const char *region)
{
	bool has = streq(region, sim->region);

	pthread_mutex_lock(&sim->mu);
	for (size_t i = 0; i < sim->s3->n_buckets && !has; i++)
		has = streq(region, s3_region_of(sim, sim->s3->buckets[i]));
	pthread_mutex_unlock(&sim->mu);
	return has;
}

/* One word of "KEY/DAY/REGION/...", up to `end`; nothing if it is too long. */
static const char *take_word(const char *s, const char *end, char *ret, size_t room)
{
	size_t len = strcspn(s, end);

	if (ret && len < room)
		snprintf(ret, room, "%.*s", (int)len, s);
	return s[len] ? s + len + 1 : s + len;
}

void s3_signed_by(const struct sim_req *req, char ret_key[S3_OWNER_MAX + 1],
		  char ret_region[S3_REGION_MAX + 1])
{
	const char *header = sim_header(req, "authorization");
	const char *at = header ? strstr(header, "Credential=") : NULL;

	at = at ? at + strlen("Credential=") : sim_query(req, "X-Amz-Credential");
	ret_key[0] = ret_region[0] = '\0';
	if (!at)
		return;
	at = take_word(at, "/", ret_key, S3_OWNER_MAX + 1);
	at = take_word(at, "/", NULL, 0);
	take_word(at, "/", ret_region, S3_REGION_MAX + 1);
}

static void redirect(struct s3_call *call, const struct s3_config *config,
		     const char *region, const char *signed_for)
{
	char text[256];

	enum s3_redirect how = config->redirect;

	if (how == S3_REDIRECT_BY_QUIRK)
		how = (enum s3_redirect)(S3_REDIRECT_PERMANENT +
					 sim_quirk(call->sim, QUIRK_S3_REDIRECT));
	sim_res_header(call->res, "x-amz-bucket-region", "%s", region);
	if (how == S3_REDIRECT_MALFORMED) {
		snprintf(
			text, sizeof(text),
			"The authorization header is malformed; the region '%s' is wrong; "
			"expecting '%s'",
			signed_for, region);
		s3_xml_text(&call->extra, "Region", region);
		sim_s3_error(call->req, call->res, 400, "AuthorizationHeaderMalformed",
			     text, call->extra.data);
		return;
	}
	snprintf(text, sizeof(text), "%s.s3.%s.amazonaws.com", call->bucket, region);
	s3_xml_text(&call->extra, "Endpoint", text);
	s3_xml_text(&call->extra, "Bucket", call->bucket);
	if (how == S3_REDIRECT_PERMANENT) {
		sim_s3_error(
			call->req, call->res, 301, "PermanentRedirect",
			"The bucket you are attempting to access must be addressed "
			"using the specified endpoint. Please send all future requests "
			"to this endpoint.",
			call->extra.data);
		return;
	}
	sim_res_header(call->res, "Location", "https://%s%s", text, call->req->raw_path);
	sim_s3_error(call->req, call->res, 307, "TemporaryRedirect",
		     "Please re-send this request to the specified temporary endpoint. "
		     "Continue to use the original request endpoint for future requests.",
		     call->extra.data);
}

static bool is_said_to_pay(const struct sim_req *req)
{
	const char *payer = sim_header(req, "x-amz-request-payer");

	if (!payer) /* a presigned request says it in the query */
		payer = sim_query(req, "x-amz-request-payer");
	return payer && streq(payer, "requester");
}

/* False: refused. */
static bool settle_payer(struct s3_call *call, const struct s3_config *config,
			 const char *key)
{
	struct sim_req *req = call->req;
	bool is_stranger = config->owner[0] && !streq(config->owner, key);

	snprintf(req->payer, sizeof(req->payer), "%s", is_stranger ? config->owner : key);
	if (!config->is_requester_paid)
		return true;
	if (is_said_to_pay(req)) {
		sim_res_header(call->res, "x-amz-request-charged", "requester");
		snprintf(req->payer, sizeof(req->payer), "%s", key);
		return true;
	}
	return !is_stranger;
}

int s3_access_check(struct s3_call *call, const char *operation, bool *ret_is_answered)
{
	const char *expected = sim_header(call->req, "x-amz-expected-bucket-owner");
	char key[S3_OWNER_MAX + 1], signed_for[S3_REGION_MAX + 1];
	char region[S3_REGION_MAX + 1];

	s3_signed_by(call->req, key, signed_for);
	snprintf(call->req->payer, sizeof(call->req->payer), "%s", key);
	pthread_mutex_lock(&call->sim->mu);
	const struct s3_bucket *b = s3_bucket_find(call->s3, call->bucket);
	struct s3_config config = b ? b->config : (struct s3_config){ 0 };
	if (b)
		snprintf(region, sizeof(region), "%s", s3_region_of(call->sim, b));
	pthread_mutex_unlock(&call->sim->mu);
	if (!b || streq(operation, "CreateBucket"))
		return 0;

	*ret_is_answered = true;
	if (!streq(signed_for, region) && !streq(operation, "GetBucketLocation"))
		redirect(call, &config, region, signed_for);
	else if ((expected && !streq(expected, SIM_ACCOUNT)) ||
		 !settle_payer(call, &config, key))
		sim_s3_error(call->req, call->res, 403, "AccessDenied", "Access Denied",
			     NULL);
	else
		*ret_is_answered = false;
	return 0;
}
