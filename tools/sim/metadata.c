/* SPDX-License-Identifier: Apache-2.0 */
/* metadata - where an instance or a container finds its credentials. Not signed; real time.
 *
 *	PUT /latest/api/token                                    a session, version 2
 *	GET /latest/meta-data/iam/security-credentials/[ROLE]    the role, its credentials
 *	GET /latest/meta-data/placement/region
 *	GET /v2/credentials/ROLE                                 as a container's agent answers
 *	GET /federation/credentials?role_name=R&account_id=A     as single sign-on's portal answers
 *
 * The same credentials are given until half of their life is over. (AWS protocol reference 4.4,
 * 2026-09)
 */
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include "quirks.h"
#include "server.h"
#include "str.h"

#define ROLE        "thaw-sim-role"
#define TTL_MAX     21600
#define CREDENTIALS "/latest/meta-data/iam/security-credentials/"
#define CONTAINER   "/v2/credentials/" ROLE
#define PORTAL      "/federation/credentials"

struct sim_metadata {
	pthread_mutex_t mu;       /* a leaf but for the keys' */
	struct sim_issued issued; /* given out at present */
	int64_t lifetime_s;       /* of these */
	uint8_t secret[32];       /* of this process: sessions end with it */
};

int sim_metadata_open(struct sim *sim)
{
	struct sim_metadata *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	sim->metadata = m;
	pthread_mutex_init(&m->mu, NULL);
	return getrandom(m->secret, sizeof(m->secret), 0) < 0 ? -errno : 0;
}

void sim_metadata_close(struct sim *sim)
{
	if (!sim->metadata)
		return;
	pthread_mutex_destroy(&sim->metadata->mu);
	free(sim->metadata);
	sim->metadata = NULL;
}

bool sim_metadata_is_path(const char *path)
{
	return str_after(path, "/latest/") || str_after(path, "/v2/credentials/") ||
	       streq(path, PORTAL);
}

void sim_metadata_error(struct sim_req *req, struct sim_res *res, int status,
			const char *code, const char *message)
{
	(void)req;
	res->status = status;
	res->content_type = "text/plain";
	buf_reset(&res->headers);
	buf_reset(&res->body);
	buf_printf(&res->body, "%s: %s\n", code, message);
}

static void fail(struct sim_req *req, struct sim_res *res, int status)
{
	sim_metadata_error(req, res, status,
			   status == 404   ? "Not Found"
			   : status == 401 ? "Unauthorized"
					   : "Bad Request",
			   req->raw_path);
}

/* A session is its end and what proves that we wrote it. */
static void session_make(const struct sim_metadata *m, int64_t end_s, char ret[80])
{
	uint8_t text[40];
	uint8_t md[32];
	char hex[65];

	memcpy(text, m->secret, 32);
	memcpy(text + 32, &end_s, 8);
	EVP_Digest(text, sizeof(text), md, NULL, EVP_sha256(), NULL);
	hex_encode(md, 16, hex);
	snprintf(ret, 80, "AQ%016" PRIx64 "%.32s", (uint64_t)end_s, hex);
}

static bool session_is_good(const struct sim_metadata *m, const char *token)
{
	char want[80];
	uint8_t be[8];
	char first[17];
	int64_t end_s = 0;

	if (strlen(token) != 50)
		return false;
	snprintf(first, sizeof(first), "%.16s", token + 2);
	if (hex_decode(first, be, 8) < 0)
		return false;
	for (size_t i = 0; i < 8; i++)
		end_s = (int64_t)((uint64_t)end_s << 8 | be[i]);
	session_make(m, end_s, want);
	return streq(want, token) && time(NULL) < end_s;
}

static void session_answer(struct sim_req *req, struct sim_res *res)
{
	const char *ttl = sim_header(req, "x-aws-ec2-metadata-token-ttl-seconds");
	int64_t s = 0;
	char token[80];

	if (!ttl || str_to_i64(ttl, &s) < 0 || s < 1 || s > TTL_MAX) {
		fail(req, res, 400);
		return;
	}
	session_make(req->sim->metadata, time(NULL) + s, token);
	res->status = 200;
	res->content_type = "text/plain";
	sim_res_header(res, "X-aws-ec2-metadata-token-ttl-seconds", "%" PRId64, s);
	buf_puts(&res->body, token);
}

static int current(struct sim *sim, struct sim_issued *ret)
{
	struct sim_metadata *m = sim->metadata;
	int64_t lifetime_s = sim_quirk(sim, QUIRK_CREDENTIALS_S);
	int64_t now_s = time(NULL);
	int r = 0;

	pthread_mutex_lock(&m->mu);
	if (m->lifetime_s != lifetime_s ||
	    m->issued.expires_s - now_s < (lifetime_s + 1) / 2) {
		m->issued.expires_s = now_s + lifetime_s;
		snprintf(m->issued.arn, sizeof(m->issued.arn),
			 "arn:aws:sts::" SIM_ACCOUNT ":assumed-role/" ROLE "/i-0");
		r = sim_keys_issue(sim->keys, &m->issued);
		m->lifetime_s = r < 0 ? 0 : lifetime_s;
	}
	*ret = m->issued;
	pthread_mutex_unlock(&m->mu);
	return r;
}

static void credentials_answer(struct sim_req *req, struct sim_res *res, bool is_instance)
{
	struct sim_issued issued;
	char now[32];
	char end[32];

	if (current(req->sim, &issued) < 0) {
		fail(req, res, 500);
		return;
	}
	sim_time_iso((int64_t)time(NULL) * 1000, now);
	sim_time_iso(issued.expires_s * 1000, end);
	res->status = 200;
	res->content_type = "application/json";
	buf_putc(&res->body, '{');
	if (is_instance)
		buf_printf(&res->body,
			   "\"Code\":\"Success\",\"LastUpdated\":\"%.19sZ\","
			   "\"Type\":\"AWS-HMAC\",",
			   now);
	else
		buf_puts(&res->body,
			 "\"RoleArn\":\"arn:aws:iam::" SIM_ACCOUNT ":role/" ROLE "\",");
	buf_printf(&res->body,
		   "\"AccessKeyId\":\"%s\",\"SecretAccessKey\":\"%s\",\"Token\":\"%s\","
		   "\"Expiration\":\"%.19sZ\"}",
		   issued.id, issued.secret, issued.token, end);
}

/* Whoever signed in, with any token but "expired", has the role asked for. */
static void portal_answer(struct sim_req *req, struct sim_res *res)
{
	const char *token = sim_header(req, "x-amz-sso_bearer_token");
	const char *role = sim_query(req, "role_name");
	const char *account = sim_query(req, "account_id");
	struct sim_issued issued;

	if (!token || streq(token, "expired")) {
		fail(req, res, 401);
		return;
	}
	if (!role || !account || !streq(account, SIM_ACCOUNT)) {
		fail(req, res, 400);
		return;
	}
	if (current(req->sim, &issued) < 0) {
		fail(req, res, 500);
		return;
	}
	res->status = 200;
	res->content_type = "application/json";
	buf_printf(&res->body,
		   "{\"roleCredentials\":{\"accessKeyId\":\"%s\","
		   "\"secretAccessKey\":\"%s\",\"sessionToken\":\"%s\","
		   "\"expiration\":%" PRId64 "000}}",
		   issued.id, issued.secret, issued.token, issued.expires_s);
}

static void text_answer(struct sim_res *res, const char *text)
{
	res->status = 200;
	res->content_type = "text/plain";
	buf_puts(&res->body, text);
}

/* Version 1 is version 2 without a session. */
static bool session_fits(const struct sim_req *req)
{
	const char *token = sim_header(req, "x-aws-ec2-metadata-token");

	if (token)
		return session_is_good(req->sim->metadata, token);
	return sim_quirk(req->sim, QUIRK_METADATA) == 0;
}

void sim_metadata_route(struct sim_req *req)
{
	bool is_container = str_after(req->raw_path, "/v2/");
	bool is_session = streq(req->raw_path, "/latest/api/token");
	bool is_portal = streq(req->raw_path, PORTAL);

	snprintf(req->operation, sizeof(req->operation), "%s",
		 is_container ? "ContainerCredentials"
		 : is_portal  ? "GetRoleCredentials"
		 : is_session ? "MetadataToken"
			      : "Metadata");
	snprintf(req->resource, sizeof(req->resource), "%.300s", req->raw_path);
}

void sim_metadata_handle(struct sim_req *req, struct sim_res *res)
{
	const char *path = req->raw_path;

	if (streq(path, "/latest/api/token") && streq(req->method, "PUT"))
		session_answer(req, res);
	else if (!streq(req->method, "GET"))
		fail(req, res, 405);
	else if (streq(path, CONTAINER))
		credentials_answer(req, res, false);
	else if (streq(path, PORTAL))
		portal_answer(req, res);
	else if (!session_fits(req))
		fail(req, res, 401);
	else if (streq(path, CREDENTIALS))
		text_answer(res, ROLE);
	else if (streq(path, CREDENTIALS ROLE))
		credentials_answer(req, res, true);
	else if (streq(path, "/latest/meta-data/placement/region"))
		text_answer(res, req->sim->region);
	else
		fail(req, res, 404);
}
