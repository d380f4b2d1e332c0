/* SPDX-License-Identifier: Apache-2.0 */
/* sts - temporary credentials for whoever asks: every role of the account may be assumed. Real
 * time. (AWS protocol reference 4.4, 2026-09) */
#include "api.h"
#include "quirks.h"

#include <stdio.h>
#include <time.h>

#include "str.h"

#define XMLNS     "https://sts.amazonaws.com/doc/2011-06-15/"
#define ROLE_MIN  900
#define ROLE_MAX  43200
#define ROLE_USED 3600

static void time_print(int64_t s, char ret[32])
{
	sim_time_iso(s * 1000, ret);
	memcpy(ret + 19, "Z", 2);
}

static void credentials_print(struct api_out *out, const struct sim_issued *issued)
{
	char iso[32];

	time_print(issued->expires_s, iso);
	api_open(out, "Credentials");
	api_str(out, "AccessKeyId", issued->id);
	api_str(out, "SecretAccessKey", issued->secret);
	api_str(out, "SessionToken", issued->token);
	api_str(out, "Expiration", iso);
	api_close(out, "Credentials");
}

/* "arn:aws:iam::ACCOUNT:role/PATH/NAME" and the session's name make the identity's ARN. */
static bool identity_make(const char *role, const char *session, char ret[300])
{
	const char *name =
		role ? str_after(role, "arn:aws:iam::" SIM_ACCOUNT ":role/") : NULL;
	const char *last = name ? strrchr(name, '/') : NULL;

	if (last)
		name = last + 1;
	if (!name || !*name || !session || strlen(session) < 2 || strlen(session) > 64)
		return false;
	snprintf(ret, 300, "arn:aws:sts::" SIM_ACCOUNT ":assumed-role/%.120s/%s", name,
		 session);
	return true;
}

/* Fills in whom and how long; false after an error answer. */
static bool role_take(struct sim_req *req, struct sim_res *res, struct sim_issued *issued)
{
	const char *duration = sim_form(req, "DurationSeconds");
	int64_t s = ROLE_USED;

	const char *role = sim_form(req, "RoleArn");
	if (role && str_after(role, "arn:aws:iam::") && !strstr(role, SIM_ACCOUNT)) {
		sim_api_error(req, res, 403, "AccessDenied",
			      "The role is another account's");
		return false;
	}
	if (!identity_make(role, sim_form(req, "RoleSessionName"), issued->arn)) {
		sim_api_error(req, res, 400, "ValidationError",
			      "RoleArn or RoleSessionName is not valid");
		return false;
	}
	if (duration && (str_to_i64(duration, &s) < 0 || s < ROLE_MIN || s > ROLE_MAX)) {
		sim_api_error(req, res, 400, "ValidationError",
			      "DurationSeconds is from 900 to 43200");
		return false;
	}
	if (sim_quirk(req->sim, QUIRK_CREDENTIALS_S) < ROLE_MIN)
		s = sim_quirk(req->sim, QUIRK_CREDENTIALS_S);
	issued->expires_s = time(NULL) + s;
	return true;
}

static void role_answer(struct sim_req *req, struct sim_res *res,
			struct sim_issued *issued, const char *subject)
{
	struct api_out out;

	int r = sim_keys_issue(req->sim->keys, issued);
	if (r < 0) {
		sim_api_error(req, res, 500, "InternalFailure", strerrorname_np(-r));
		return;
	}
	api_begin(req, res, XMLNS, &out);
	if (subject)
		api_str(&out, "SubjectFromWebIdentityToken", subject);
	credentials_print(&out, issued);
	api_open(&out, "AssumedRoleUser");
	api_str(&out, "AssumedRoleId", "AROATHAWSIM0000000000:session");
	api_str(&out, "Arn", issued->arn);
	api_close(&out, "AssumedRoleUser");
	api_end(&out);
}

static void assume(struct sim_req *req, struct sim_res *res)
{
	struct sim_issued issued = { 0 };

	if (role_take(req, res, &issued))
		role_answer(req, res, &issued, NULL);
}

/* Any token but "expired" will do: nobody here issues them. */
static void assume_web(struct sim_req *req, struct sim_res *res)
{
	struct sim_issued issued = { 0 };
	const char *token = sim_form(req, "WebIdentityToken");

	if (!token || !*token)
		sim_api_error(req, res, 400, "InvalidIdentityToken",
			      "The web identity token is missing");
	else if (streq(token, "expired"))
		sim_api_error(req, res, 400, "ExpiredTokenException",
			      "The web identity token has expired");
	else if (role_take(req, res, &issued))
		role_answer(req, res, &issued, "thaw-sim");
}

static void identity(struct sim_req *req, struct sim_res *res)
{
	struct api_out out;
	char id[140] = "";
	char arn[300];
	const char *header = sim_header(req, "authorization");
	const char *at = header ? strstr(header, "Credential=") : NULL;

	if (at)
		snprintf(id, sizeof(id), "%.*s", (int)strcspn(at + 11, "/"), at + 11);
	sim_keys_arn(req->sim->keys, id, arn);
	api_begin(req, res, XMLNS, &out);
	api_str(&out, "Arn", arn);
	api_str(&out, "UserId", id);
	api_str(&out, "Account", SIM_ACCOUNT);
	api_end(&out);
}

static const struct operation {
	const char *name;
	void (*run)(struct sim_req *req, struct sim_res *res);
} operations[] = {
	{ "AssumeRole", assume },
	{ "AssumeRoleWithWebIdentity", assume_web },
	{ "GetCallerIdentity", identity },
};

static const struct operation *operation_find(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(operations); i++) {
		if (streq(operations[i].name, name))
			return &operations[i];
	}
	return NULL;
}

void sim_sts_route(struct sim_req *req)
{
	const struct operation *op = operation_find(api_action(req));
	const char *role = sim_form(req, "RoleArn");

	if (op)
		snprintf(req->operation, sizeof(req->operation), "%s", op->name);
	if (role)
		snprintf(req->resource, sizeof(req->resource), "%.300s", role);
}

void sim_sts_handle(struct sim_req *req, struct sim_res *res)
{
	const struct operation *op = operation_find(api_action(req));

	if (op)
		op->run(req, res);
	else
		sim_api_error(req, res, 400, "InvalidAction",
			      "The operation is not known");
}
