/* SPDX-License-Identifier: Apache-2.0 */
#include "creds_fetch.h"
#include "clock.h"
#include "creds_process.h"
#include "exchange.h"
#include "io.h"
#include "json.h"
#include "str.h"
#include <fcntl.h>
#include <stdio.h>
#include <time.h>

#define ANSWER_MAX     ((size_t)64 << 10)
#define TOKEN_FILE_MAX ((size_t)16 << 10)
#define METADATA_PATH  "/latest/meta-data/iam/security-credentials/"
#define SESSION        "thawfs"
#define STS_REGION     "us-east-1" /* where nobody says another */
#define TEXT_LEN       400

/* How long one question may take in all, its retries included. */
#define INSTANCE_MS  1000
#define CONTAINER_MS 6000
#define SERVICE_MS   60000

struct creds_fetch {
	struct creds_fetch_cfg cfg;
	struct creds_found found; /* so far */
	size_t n_assumed;         /* roles */

	struct creds_process *process;
	struct site site;
	struct exchange x;
	bool is_asking; /* `x` is under way */
	void (*answered)(struct creds_fetch *f);
	struct timer give_up;
	struct http_later later;
	void (*later_run)(struct creds_fetch *f);
	char session_token[120]; /* of instance metadata */
	char why[TEXT_LEN];
};

/* ---- beginning and end ---- */

static void ask_end(struct creds_fetch *f)
{
	if (f->is_asking)
		exchange_done(&f->x);
	f->is_asking = false;
	http_timer_disarm(f->cfg.http, &f->give_up);
	creds_free(f->site.creds);
	f->site.creds = NULL;
}

void creds_fetch_cancel(struct creds_fetch *f)
{
	if (!f)
		return;
	ask_end(f);
	creds_process_cancel(f->process);
	http_later_cancel(f->cfg.http, &f->later);
	creds_found_done(&f->found);
	explicit_bzero(f->session_token, sizeof(f->session_token));
	free(f);
}

static void end(struct creds_fetch *f, int r)
{
	struct creds_fetch_cfg cfg = f->cfg;
	struct creds_found found = f->found;
	char why[TEXT_LEN];

	snprintf(why, sizeof(why), "%s", f->why);
	f->found = (struct creds_found){ 0 };
	creds_fetch_cancel(f);
	cfg.done(cfg.arg, r, &found, why);
	creds_found_done(&found);
}

static void fails(struct creds_fetch *f, int r, const char *fmt, ...) _printf_(3, 4);

static void fails(struct creds_fetch *f, int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->why, sizeof(f->why), fmt, ap);
	va_end(ap);
	end(f, r);
}

static void later_runs(struct http_later *l)
{
	struct creds_fetch *f = container_of(l, struct creds_fetch, later);

	f->later_run(f);
}

/* ---- one question ---- */

static const char *origin(const struct creds_fetch *f)
{
	return f->cfg.plan->values[PLAN_ORIGIN];
}

static void no_answer(struct creds_fetch *f)
{
	ask_end(f);
	fails(f, -ETIMEDOUT, "%s: no answer from %s", origin(f), f->site.origin);
}

static void give_up_fires(struct timer *t)
{
	no_answer(container_of(t, struct creds_fetch, give_up));
}

static void ask_answered(struct exchange *x)
{
	struct creds_fetch *f = container_of(x, struct creds_fetch, x);

	http_timer_disarm(f->cfg.http, &f->give_up);
	f->answered(f);
}

static void sts_error_parse(const char *body, size_t len, struct site_error *ret)
{
	creds_sts_error(body, len, ret->code, sizeof(ret->code), ret->text,
			sizeof(ret->text));
}

/* Metadata has none; a document may be anything. */
static void no_error_parse(const char *body, size_t len, struct site_error *ret)
{
	(void)body, (void)len, (void)ret;
}

/* A question to `base` ("http://HOST"), to be filled in and started. */
static struct exchange *ask_new(struct creds_fetch *f, const char *base, const char *path,
				void (*answered)(struct creds_fetch *f))
{
	size_t len = strlen(base);

	ask_end(f);
	f->site = (struct site){ .http = f->cfg.http,
				 .service = "",
				 .error_parse = no_error_parse };
	while (len > 0 && base[len - 1] == '/')
		len--;
	snprintf(f->site.origin, sizeof(f->site.origin), "%.*s", (int)len, base);
	const char *host = strstr(f->site.origin, "://");
	snprintf(f->site.host, sizeof(f->site.host), "%s", host ? host + 3 : "");
	f->answered = answered;
	f->is_asking = true;
	exchange_init(&f->x, &f->site, ANSWER_MAX);
	buf_puts(&f->x.path, path);
	f->x.done = ask_answered;
	return &f->x;
}

static void ask_start(struct creds_fetch *f, int64_t limit_ms)
{
	(void)http_timer_arm(f->cfg.http, &f->give_up, limit_ms);
	exchange_start(&f->x);
}

static const char *answer_text(const struct creds_fetch *f)
{
	return f->x.answer.data ? f->x.answer.data : "";
}

static void ask_failed(struct creds_fetch *f)
{
	int r = f->x.result;
	char text[TEXT_LEN];

	if (f->site.is_direct && f->x.status == 0) {
		no_answer(f); /* it is not there: how that showed helps nobody */
		return;
	}
	snprintf(text, sizeof(text), "%.200s (%.60s)", f->x.fault.text, f->x.fault.code);
	ask_end(f);
	fails(f, r, "%s: %s: %s", origin(f), f->site.origin, text);
}

/* ---- roles, by STS ---- */

static void roles_go_on(struct creds_fetch *f);

static void answer_take(struct creds_fetch *f, int (*parse)(const char *data, size_t len,
							    struct creds_found *ret))
{
	struct creds_found found;

	int r = parse(answer_text(f), f->x.answer.len, &found);
	if (f->x.answer.data)
		explicit_bzero(f->x.answer.data, f->x.answer.len);
	ask_end(f);
	if (r < 0) {
		fails(f, r, "%s: what %s answered holds no credentials", origin(f),
		      f->site.origin);
		return;
	}
	creds_found_done(&f->found);
	f->found = found;
	roles_go_on(f);
}

static void role_answered(struct creds_fetch *f)
{
	if (f->x.result < 0) {
		ask_failed(f);
		return;
	}
	f->n_assumed++;
	answer_take(f, creds_sts_parse);
}

static void form_add(struct buf *body, const char *name, const char *value)
{
	if (!value)
		return;
	buf_printf(body, "%s%s=", body->len ? "&" : "", name);
	percent_encode(body, value, strlen(value), "");
}

static const char *sts_region(const struct creds_fetch *f)
{
	const char *region = getenv("AWS_REGION");

	if (!region || !*region)
		region = getenv("AWS_DEFAULT_REGION");
	if (!region || !*region)
		region = f->cfg.plan->values[PLAN_REGION];
	return region && *region ? region : STS_REGION;
}

static struct exchange *sts_ask(struct creds_fetch *f)
{
	const char *own = getenv("AWS_ENDPOINT_URL_STS");
	char url[300];

	snprintf(url, sizeof(url), "https://sts.%.60s.amazonaws.com", sts_region(f));
	struct exchange *x = ask_new(f, own && *own ? own : url, "/", role_answered);
	x->method = "POST";
	f->site.service = "sts";
	f->site.path_mode = SIGV4_PATH_GENERIC;
	f->site.error_parse = sts_error_parse;
	snprintf(f->site.region, sizeof(f->site.region), "%s", sts_region(f));
	(void)exchange_header(x, "content-type", "application/x-www-form-urlencoded");
	return x;
}

static void role_form(struct buf *body, const char *action, const struct creds_role *role)
{
	form_add(body, "Action", action);
	form_add(body, "Version", "2011-06-15");
	form_add(body, "RoleArn", role->arn);
	form_add(body, "RoleSessionName", role->session ? role->session : SESSION);
	form_add(body, "DurationSeconds", role->duration);
	form_add(body, "ExternalId", role->external_id);
}

static void role_assume(struct creds_fetch *f)
{
	struct creds_key key = { f->found.id, f->found.secret, f->found.token, "" };
	struct exchange *x = sts_ask(f);

	f->site.creds = creds_new_fixed(&key);
	if (!f->site.creds) {
		ask_end(f);
		fails(f, -ENOMEM, "out of memory");
		return;
	}
	role_form(&x->body, "AssumeRole", &f->cfg.plan->roles[f->n_assumed]);
	ask_start(f, SERVICE_MS);
}

static void roles_go_on(struct creds_fetch *f)
{
	if (f->n_assumed < f->cfg.plan->n_roles)
		role_assume(f);
	else
		end(f, 0);
}

/* ---- the first keys: a function a way, each run from the loop ---- */

static void static_begin(struct creds_fetch *f)
{
	char *const *v = f->cfg.plan->values;

	f->found.id = strdup_ptr(v[PLAN_ID]);
	f->found.secret = strdup_ptr(v[PLAN_SECRET]);
	f->found.token = strdup_ptr(v[PLAN_TOKEN]);
	if (f->found.id && f->found.secret)
		roles_go_on(f);
	else
		fails(f, -ENOMEM, "out of memory");
}

static void process_done(void *arg, int r, const struct buf *out)
{
	struct creds_fetch *f = arg;

	f->process = NULL;
	if (r == 0)
		r = creds_json_parse(out->data ? out->data : "", out->len, &f->found);
	if (r == -EPROTO)
		fails(f, r,
		      "%s: it failed, or did not write {\"Version\": 1, \"AccessKeyId\": …}",
		      origin(f));
	else if (r < 0)
		fails(f, r, "%s: %s", origin(f), strerrordesc_np(-r));
	else
		roles_go_on(f);
}

static void process_begin(struct creds_fetch *f)
{
	int r = creds_process_start(f->cfg.http, f->cfg.plan->values[PLAN_COMMAND],
				    process_done, f, &f->process);

	if (r < 0)
		fails(f, r, "%s: %s", origin(f),
		      r == -EINVAL ? "this is no command line" : strerrordesc_np(-r));
}

static void text_wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->room);
	buf_done(b);
}

/* A token from a file: one line, nothing in it that could end a header. */
static int token_read(const char *path, struct buf *ret)
{
	int r = file_read(AT_FDCWD, path, TOKEN_FILE_MAX, ret);

	if (r < 0)
		return r;
	while (ret->len > 0 && strchr(" \t\r\n", ret->data[ret->len - 1]))
		ret->data[--ret->len] = '\0';
	return ret->len > 0 && !strpbrk(ret->data, "\r\n") &&
			       strlen(ret->data) == ret->len
		       ? 0
		       : -EPROTO;
}

static void web_identity_begin(struct creds_fetch *f)
{
	const struct creds_plan *plan = f->cfg.plan;
	_cleanup_(text_wipe) struct buf token;

	buf_init(&token, TOKEN_FILE_MAX);
	int r = token_read(plan->values[PLAN_TOKEN_FILE], &token);
	if (r < 0) {
		fails(f, r, "%s: %s: %s", origin(f), plan->values[PLAN_TOKEN_FILE],
		      r == -EPROTO ? "holds no token" : strerrordesc_np(-r));
		return;
	}
	struct exchange *x = sts_ask(f);
	role_form(&x->body, "AssumeRoleWithWebIdentity", &plan->roles[0]);
	form_add(&x->body, "WebIdentityToken", token.data);
	ask_start(f, SERVICE_MS);
}

static int64_t utc_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A token is not renewed here: what renews it may be used once and comes anew, so that the file of
 * the AWS tools would have to be written, which is theirs. Whenever they have, it is read. */
static void sso_answered(struct creds_fetch *f)
{
	if (f->x.status == 401) {
		ask_end(f);
		fails(f, -ENOKEY,
		      "%s: %s does not take the sign-in any more: run `aws sso login`",
		      origin(f), f->site.origin);
	} else if (f->x.result < 0)
		ask_failed(f);
	else
		answer_take(f, creds_sso_parse);
}

static void sso_ask(struct creds_fetch *f, const char *token)
{
	char *const *v = f->cfg.plan->values;
	const char *own = getenv("AWS_ENDPOINT_URL_SSO");
	char url[300];

	snprintf(url, sizeof(url), "https://portal.sso.%.60s.amazonaws.com",
		 v[PLAN_SSO_REGION]);
	struct exchange *x = ask_new(f, own && *own ? own : url,
				     "/federation/credentials", sso_answered);
	form_add(&x->query, "role_name", v[PLAN_SSO_ROLE]);
	form_add(&x->query, "account_id", v[PLAN_SSO_ACCOUNT]);
	if (exchange_header(x, "x-amz-sso_bearer_token", token) < 0) {
		ask_end(f);
		fails(f, -EPROTO, "%s: the token is too long", origin(f));
		return;
	}
	ask_start(f, SERVICE_MS);
}

static void sso_begin(struct creds_fetch *f)
{
	const char *path = f->cfg.plan->values[PLAN_SSO_CACHE], *token, *expires;
	_cleanup_(text_wipe) struct buf text;
	int64_t expires_ms;

	buf_init(&text, ANSWER_MAX);
	int r = file_read(AT_FDCWD, path, ANSWER_MAX, &text);
	_cleanup_(json_freep) struct json_object *o =
		r < 0 ? NULL : json_parse(text.data ? text.data : "", text.len);
	if (!o || json_str(o, "accessToken", &token) < 0 ||
	    json_str(o, "expiresAt", &expires) < 0 ||
	    time_parse_rfc3339(expires, &expires_ms) < 0)
		fails(f, -ENOKEY, "%s: not signed in (%s): run `aws sso login`",
		      origin(f), path);
	else if (expires_ms <= utc_ms())
		fails(f, -ENOKEY, "%s: the sign-in ended at %s: run `aws sso login`",
		      origin(f), expires);
	else
		sso_ask(f, token);
}

/* ---- container and instance ---- */

static void document_answered(struct creds_fetch *f)
{
	if (f->x.result < 0)
		ask_failed(f);
	else
		answer_take(f, creds_json_parse);
}

/* Plain http is for the machine's own agents only (AWS protocol reference 4.4). */
static bool container_url_is_good(const char *url)
{
	static const char *const hosts[] = { "169.254.170.2", "169.254.170.23",
					     "[fd00:ec2::23]", "localhost", "[::1]" };
	const char *rest = str_after(url, "http://");

	if (str_after(url, "https://"))
		return true;
	if (!rest)
		return false;
	size_t len = *rest == '[' ? strcspn(rest, "]") + 1 : strcspn(rest, ":/?");
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
		if (strlen(hosts[i]) == len && strncmp(rest, hosts[i], len) == 0)
			return true;
	return str_after(rest, "127.") && strspn(rest, "0123456789.") == len;
}

static int container_authorize(struct creds_fetch *f, struct exchange *x)
{
	const char *file = f->cfg.plan->values[PLAN_AUTH_FILE];
	const char *token = f->cfg.plan->values[PLAN_AUTH];
	_cleanup_(text_wipe) struct buf text;

	buf_init(&text, TOKEN_FILE_MAX);
	if (file) {
		int r = token_read(file, &text);
		if (r < 0)
			return r;
		token = text.data;
	}
	if (!token)
		return 0;
	return strpbrk(token, "\r\n") ? -EPROTO
				      : exchange_header(x, "authorization", token);
}

static void container_begin(struct creds_fetch *f)
{
	const char *url = f->cfg.plan->values[PLAN_URL];
	const char *host = strstr(url, "://");
	const char *path = host ? strchr(host + 3, '/') : NULL;
	char base[300];

	if (!container_url_is_good(url)) {
		fails(f, -EINVAL,
		      "AWS_CONTAINER_CREDENTIALS_FULL_URI %s: must be https, or http to this "
		      "machine",
		      url);
		return;
	}
	snprintf(base, sizeof(base), "%.*s", path ? (int)(path - url) : 299, url);
	char *copy = strdup(path ? path : "/");
	if (!copy) {
		fails(f, -ENOMEM, "out of memory");
		return;
	}
	char *query = strchr(copy, '?');
	if (query)
		*query++ = '\0';
	struct exchange *x = ask_new(f, base, copy, document_answered);
	buf_puts(&x->query, query ? query : "");
	free(copy);
	f->site.is_direct = true;
	int r = container_authorize(f, x);
	if (r < 0) {
		ask_end(f);
		fails(f, r, "%s: AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: %s", origin(f),
		      strerrordesc_np(-r));
		return;
	}
	ask_start(f, CONTAINER_MS);
}

static void instance_ask(struct creds_fetch *f, const char *path,
			 void (*answered)(struct creds_fetch *f))
{
	struct exchange *x = ask_new(f, f->cfg.plan->values[PLAN_URL], path, answered);

	f->site.is_direct = true;
	if (f->session_token[0])
		(void)exchange_header(x, "x-aws-ec2-metadata-token", f->session_token);
	ask_start(f, INSTANCE_MS);
}

static void role_name_answered(struct creds_fetch *f)
{
	char path[200];

	if (f->x.result < 0) {
		ask_failed(f);
		return;
	}
	const char *name = answer_text(f);
	size_t len = strcspn(name, "\r\n");
	if (len == 0 || len > 64 ||
	    strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
			 "+=,.@_-") != len) {
		ask_end(f);
		fails(f, -EPROTO, "%s: the instance has none", origin(f));
		return;
	}
	snprintf(path, sizeof(path), METADATA_PATH "%.*s", (int)len, name);
	instance_ask(f, path, document_answered);
}

/* Version 2 by its token; where there is none (403, 404, 405), version 1. */
static void session_answered(struct creds_fetch *f)
{
	int status = f->x.status;

	if (f->x.result < 0 && status != 403 && status != 404 && status != 405) {
		ask_failed(f);
		return;
	}
	if (f->x.result == 0 && !strpbrk(answer_text(f), "\r\n"))
		snprintf(f->session_token, sizeof(f->session_token), "%s",
			 answer_text(f));
	instance_ask(f, METADATA_PATH, role_name_answered);
}

static void instance_begin(struct creds_fetch *f)
{
	struct exchange *x = ask_new(f, f->cfg.plan->values[PLAN_URL],
				     "/latest/api/token", session_answered);

	x->method = "PUT";
	f->site.is_direct = true;
	(void)exchange_header(x, "x-aws-ec2-metadata-token-ttl-seconds", "21600");
	ask_start(f, INSTANCE_MS);
}

static void (*const begins[])(struct creds_fetch *f) = {
	[CREDS_STATIC] = static_begin,
	[CREDS_PROCESS] = process_begin,
	[CREDS_WEB_IDENTITY] = web_identity_begin,
	[CREDS_SSO] = sso_begin,
	[CREDS_CONTAINER] = container_begin,
	[CREDS_INSTANCE] = instance_begin,
};

int creds_fetch_start(const struct creds_fetch_cfg *cfg, struct creds_fetch **ret)
{
	struct creds_fetch *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->cfg = *cfg;
	f->give_up.fire = give_up_fires;
	f->later.run = later_runs;
	f->later_run = begins[cfg->plan->way];
	http_later(cfg->http, &f->later);
	*ret = f;
	return 0;
}
