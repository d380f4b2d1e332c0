/* SPDX-License-Identifier: Apache-2.0 */
/* dispatch - which service a request is for, and what every request goes through before its
 * service sees it: signature, fault rules.
 *
 * All services share one port, so a request is told by what only its service's requests carry:
 * a target header, the version header of the vaults, the service in the signature's scope, and
 * for what is not signed its path. Everything else is S3's.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <strings.h>
#include <sys/random.h>

#include "io.h"
#include "quirks.h"
#include "s3.h"
#include "server.h"
#include "sigv4.h"
#include "str.h"

#define FORM_MAX   ((size_t)1 << 20)
#define ID_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#define UUID       "0123456789abcdef", 36

static void s3_error(struct sim_req *req, struct sim_res *res, int status,
		     const char *code, const char *message)
{
	sim_s3_error(req, res, status, code, message, NULL);
}

static void glacier_error(struct sim_req *req, struct sim_res *res, int status,
			  const char *code, const char *message)
{
	(void)req;
	sim_glacier_error(res, status, code, message);
}

static const struct service {
	const char *id_letters;
	size_t id_len;
	void (*route)(struct sim_req *req);
	void (*handle)(struct sim_req *req, struct sim_res *res);
	void (*error)(struct sim_req *req, struct sim_res *res, int status,
		      const char *code, const char *message);
} services[] = {
	[SIM_S3] = { "0123456789ABCDEF", 16, sim_s3_route, sim_s3_handle, s3_error },
	[SIM_GLACIER] = { ID_LETTERS, 47, sim_glacier_route, sim_glacier_handle,
			  glacier_error },
	[SIM_SQS] = { UUID, sim_sqs_route, sim_sqs_handle, sim_api_error },
	[SIM_SNS] = { UUID, sim_sns_route, sim_sns_handle, sim_api_error },
	[SIM_STS] = { UUID, sim_sts_route, sim_sts_handle, sim_api_error },
	[SIM_PRICING] = { UUID, sim_pricing_route, sim_pricing_handle, sim_api_error },
	[SIM_METADATA] = { UUID, sim_metadata_route, sim_metadata_handle,
			   sim_metadata_error },
};

static int form_read(struct sim_conn *c)
{
	const char *type = sim_header(&c->req, "content-type");
	_buf_ struct buf body;

	buf_init(&body, FORM_MAX);
	if (!type || !str_after(type, "application/x-www-form-urlencoded") ||
	    c->req.body_len == 0 || c->req.body_len > FORM_MAX)
		return 0;
	int r = sim_body(&c->req, FORM_MAX, &body);
	return r < 0 ? r : sim_pairs_parse(&c->form, body.data);
}

static bool scope_names(const char *scope, const char *name)
{
	const char *at = scope ? strstr(scope, "/aws4_request") : NULL;
	size_t len = strlen(name);

	return at && (size_t)(at - scope) > len && at[-1 - (ptrdiff_t)len] == '/' &&
	       strncmp(at - len, name, len) == 0;
}

static bool is_signed(const struct sim_req *req)
{
	const char *authorization = sim_header(req, "authorization");

	return sim_query(req, "X-Amz-Credential") ||
	       (authorization && str_after(authorization, "AWS4-"));
}

static bool is_web_identity(const struct sim_req *req)
{
	return streq_ptr(sim_form(req, "Action"), "AssumeRoleWithWebIdentity");
}

/* What nobody signs. */
static bool is_open(const struct sim_conn *c)
{
	return c->service == SIM_METADATA ||
	       (c->service == SIM_PRICING && sim_pricing_is_path(c->req.raw_path)) ||
	       (c->service == SIM_STS && is_web_identity(&c->req));
}

static enum sim_service service_find(const struct sim_req *req)
{
	const char *target = sim_header(req, "x-amz-target");
	const char *authorization = sim_header(req, "authorization");
	const char *credential = sim_query(req, "X-Amz-Credential");

	if (target && str_after(target, "AmazonSQS."))
		return SIM_SQS;
	if (target && str_after(target, "AWSPriceListService."))
		return SIM_PRICING;
	if (!is_signed(req) && sim_metadata_is_path(req->raw_path))
		return SIM_METADATA;
	if (!is_signed(req) && sim_pricing_is_path(req->raw_path))
		return SIM_PRICING;
	if (is_web_identity(req))
		return SIM_STS;
	if (sim_header(req, "x-amz-glacier-version"))
		return SIM_GLACIER;
	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		if (scope_names(authorization, sim_service_name((enum sim_service)i)) ||
		    scope_names(credential, sim_service_name((enum sim_service)i)))
			return (enum sim_service)i;
	}
	return SIM_S3;
}

/* 47 of [A-Za-z0-9_-] for vaults, 16 hex digits for S3, a UUID elsewhere. (1.1, 2.1) */
static void request_id_make(struct sim_conn *c)
{
	const struct service *s = &services[c->service];
	size_t n_letters = strlen(s->id_letters);
	uint8_t bytes[48];

	if (getrandom(bytes, sizeof(bytes), 0) < 0)
		memset(bytes, 0, sizeof(bytes));
	for (size_t i = 0; i < s->id_len; i++)
		c->req.request_id[i] = s->id_letters[bytes[i] % n_letters];
	if (s->id_len == 36) {
		for (size_t i = 8; i < 24; i += 5)
			c->req.request_id[i] = '-';
	}
}

static void answer_error(struct sim_conn *c, int status, const char *code,
			 const char *message)
{
	services[c->service].error(&c->req, &c->res, status, code, message);
}

static bool answer_refusal(struct sim_conn *c)
{
	struct sim_refusal refusal = { 0 };

	buf_init(&refusal.message, BUF_TEXT_MAX);
	buf_init(&refusal.extra_xml, BUF_TEXT_MAX);
	int r = sim_sigv4_check(c, &refusal);
	if (refusal.region)
		sim_res_header(&c->res, "x-amz-bucket-region", "%s", refusal.region);
	if (r < 0)
		answer_error(c, 500, "InternalFailure", "signature check failed");
	else if (refusal.status && c->service == SIM_S3)
		sim_s3_error(&c->req, &c->res, refusal.status, refusal.code,
			     refusal.message.data, refusal.extra_xml.data);
	else if (refusal.status)
		answer_error(c, refusal.status, refusal.code, refusal.message.data);
	buf_done(&refusal.message);
	buf_done(&refusal.extra_xml);
	return r < 0 || refusal.status;
}

static const char html[] = "<html>\r\n<head><title>%d</title></head>\r\n<body>\r\n"
			   "<center><h1>%d Service Trouble</h1></center>\r\n"
			   "</body>\r\n</html>\r\n";

/* What S3 says to who asks in the wrong region: 301, 307, or 400 with the right one. (2.1) */
static void answer_region(struct sim_conn *c)
{
	const struct sim_fault *act = c->act;
	char extra[256];
	const char *code = act->status == 301   ? "PermanentRedirect"
			   : act->status == 307 ? "TemporaryRedirect"
						: "AuthorizationHeaderMalformed";

	if (act->status == 400)
		snprintf(extra, sizeof(extra), "<Region>%s</Region>", act->region);
	else
		snprintf(extra, sizeof(extra), "<Endpoint>s3.%s.amazonaws.com</Endpoint>",
			 act->region);
	sim_s3_error(
		&c->req, &c->res, act->status, code,
		"The bucket you are attempting to access must be addressed using the "
		"specified endpoint.",
		extra);
	sim_res_header(&c->res, "x-amz-bucket-region", "%s", act->region);
	if (act->status != 400)
		sim_res_header(&c->res, "Location", "http://s3.%s.amazonaws.com%s",
			       act->region, c->req.raw_path);
}

static bool is_throttling(const char *code)
{
	return strstr(code, "Throttl") || streq(code, "SlowDown");
}

/* A whole answer of the fault's own; a code is made up where the rule has none. */
static void answer_fault(struct sim_conn *c)
{
	const struct sim_fault *act = c->act;
	const char *code = act->code;
	int64_t retry_ms = sim_quirk(c->req.sim, QUIRK_RETRY_AFTER);

	c->res.sent = NULL;
	c->res.read = NULL;
	if (c->res.file_fd >= 0)
		close(c->res.file_fd);
	c->res.file_fd = -1;
	if (!*code)
		code = act->status < 500           ? "BadRequest"
		       : c->service == SIM_GLACIER ? "ServiceUnavailableException"
						   : "InternalError";
	answer_error(c, act->status, code, "We encountered an internal error.");
	if (retry_ms && is_throttling(code))
		sim_res_header(&c->res, "x-amz-retry-after", "%" PRId64, retry_ms);
	if (act->body == BODY_REGION)
		answer_region(c);
	if (act->body != BODY_HTML && act->body != BODY_EMPTY)
		return;
	buf_reset(&c->res.body);
	buf_reset(&c->res.headers);
	c->res.content_type = act->body == BODY_HTML ? "text/html" : NULL;
	if (act->body == BODY_HTML)
		buf_printf(&c->res.body, html, act->status, act->status);
}

/* One bit of the body is another one than was sent. */
static int body_flip(struct sim_req *req, uint64_t off)
{
	uint8_t byte;

	if (pread_full(req->body_fd, &byte, 1, (off_t)off) != 1)
		return -EIO;
	byte ^= 1;
	int r = pwrite_all(req->body_fd, &byte, 1, (off_t)off);
	if (r == 0)
		r = s3_md5_file(req->body_fd, 0, req->body_len, req->body_md5);
	return r < 0 ? r
		     : s3_sum_file(s3_algo_find("sha256"), req->body_fd, 0, req->body_len,
				   req->body_sha256);
}

/* Fills the answer; gives a word for the log about what a fault did, or NULL. */
static const char *serve(struct sim_conn *c)
{
	const struct service *s = &services[c->service];
	struct sim_req *req = &c->req;

	s->route(req);
	if (!is_open(c) && answer_refusal(c))
		return NULL;
	c->act = sim_faults_match(req->sim->faults, req, false);
	const struct sim_fault *act = c->act;
	if (act && act->flip_sent < req->body_len && body_flip(req, act->flip_sent) < 0)
		return "body not flipped";
	if (act && act->delay_ms) {
		poll(NULL, 0, (int)act->delay_ms);
		req->now_ms = sim_clock_now(req->sim->clock);
	}
	if (act && act->drop == DROP_BEFORE)
		return "drop before";
	if (act && act->status && !act->is_after) {
		answer_fault(c);
		return "status";
	}
	s->handle(req, &c->res);
	if (act && act->status) {
		answer_fault(c);
		return "status after";
	}
	if (!act)
		return NULL;
	return act->drop == DROP_AFTER ? "drop after" : "body";
}

void sim_dispatch_head(struct sim_conn *c)
{
	c->service = service_find(&c->req);
	/* Others are named by a body that is not there. */
	if (c->service != SIM_S3)
		return;
	services[SIM_S3].route(&c->req);
	_free_ struct sim_fault *act =
		sim_faults_match(c->req.sim->faults, &c->req, true);
	if (act)
		c->cut_sent = act->cut_sent;
}

const char *sim_dispatch(struct sim_conn *c, int body_err)
{
	int r = form_read(c);

	c->service = service_find(&c->req);
	request_id_make(c);
	if (body_err == -EBADMSG) {
		answer_error(c, 400,
			     c->service == SIM_S3 ? "IncompleteBody" : "BadRequest",
			     "The request body terminated unexpectedly");
		return NULL;
	}
	if (r < 0 || body_err < 0) {
		answer_error(c, 500,
			     c->service == SIM_S3 ? "InternalError" : "InternalFailure",
			     strerrorname_np(r < 0 ? -r : -body_err));
		return NULL;
	}
	return serve(c);
}
