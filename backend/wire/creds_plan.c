/* SPDX-License-Identifier: Apache-2.0 */
#include "creds_plan.h"
#include "digest.h"
#include "profile.h"
#include "str.h"
#include <stdio.h>

#define CONTAINER_HOST "http://169.254.170.2"
#define INSTANCE_HOST  "http://169.254.169.254"

static const char *env(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : NULL;
}

/* ---- the plan's strings ---- */

static void wipe_free(char *s)
{
	if (s)
		explicit_bzero(s, strlen(s));
	free(s);
}

void creds_plan_done(struct creds_plan *p)
{
	for (size_t i = 0; i < PLAN_VALUES; i++)
		wipe_free(p->values[i]);
	for (size_t i = 0; i < p->n_roles; i++) {
		free(p->roles[i].arn);
		free(p->roles[i].session);
		wipe_free(p->roles[i].external_id);
		free(p->roles[i].duration);
	}
	*p = (struct creds_plan){ 0 };
}

static int set(struct creds_plan *p, enum plan_value v, const char *value)
{
	wipe_free(p->values[v]);
	p->values[v] = strdup_ptr(value);
	return value && !p->values[v] ? -ENOMEM : 0;
}

static int role_add(struct creds_plan *p, const char *arn, const char *session,
		    const char *external_id, const char *duration)
{
	struct creds_role *role = &p->roles[p->n_roles];

	if (p->n_roles == CREDS_ROLES_MAX)
		return -ELOOP;
	p->n_roles++;
	role->arn = strdup_ptr(arn);
	role->session = strdup_ptr(session);
	role->external_id = strdup_ptr(external_id);
	role->duration = strdup_ptr(duration);
	return role->arn ? 0 : -ENOMEM;
}

/* ---- the files ---- */

/* A profile as both files have it. */
struct both {
	struct profile shared, config;
};

static void both_done(struct both *b)
{
	profile_done(&b->shared);
	profile_done(&b->config);
}

#define _both_ _cleanup_(both_done)

/* `variable`, else ~/.aws/`name`; a path that cannot exist without HOME. The caller frees. */
static char *file_path(const char *variable, const char *name)
{
	char *path = NULL;

	if (env(variable))
		return strdup(env(variable));
	if (asprintf(&path, "%s/.aws/%s", env("HOME") ? env("HOME") : "~", name) < 0)
		return NULL;
	return path;
}

static char *shared_path(void)
{
	return file_path("AWS_SHARED_CREDENTIALS_FILE", "credentials");
}

static char *config_path(void)
{
	return file_path("AWS_CONFIG_FILE", "config");
}

/* Files that cannot be read are as good as absent; why is in `looked`. */
static void read_one(struct profile *p, struct buf *looked)
{
	int r = profile_refresh(p);

	if (r < 0)
		buf_printf(looked, "; %s: %s", p->path, strerrordesc_np(-r));
	else if (!p->is_found)
		buf_printf(looked, "; %s: no profile \"%s\"", p->path, p->section);
}

static int both_read(struct both *b, const char *name, struct buf *looked)
{
	_free_ char *shared = shared_path();
	_free_ char *config = config_path();

	if (!shared || !config)
		return -ENOMEM;
	int r = profile_init(&b->shared, shared, PROFILE_SHARED, name);
	if (r == 0)
		r = profile_init(&b->config, config, PROFILE_CONFIG, name);
	if (r < 0)
		return r;
	read_one(&b->shared, looked);
	read_one(&b->config, looked);
	return 0;
}

/* The credentials file has the last word, as in botocore. */
static const char *value(const struct both *b, enum profile_key k)
{
	return b->shared.values[k] ? b->shared.values[k] : b->config.values[k];
}

/* ---- the ways ---- */

/* A plan in the making. */
struct planner {
	struct creds_plan *plan;
	const char *named;  /* of the configuration, or NULL */
	struct buf *looked; /* what was looked at in vain, for people */
	struct buf *err;
};

/* All ways: 1 taken, 0 nothing here, -ENOKEY (found something that must not be passed over: `err`
 * says what), -ENOMEM. */

static int refuse(struct planner *p, const char *fmt, ...) _printf_(2, 3);

static int refuse(struct planner *p, const char *fmt, ...)
{
	_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	buf_reset(p->err);
	buf_puts(p->err, text ? text : "out of memory");
	return -ENOKEY;
}

static int take(struct planner *p, enum creds_way way, const char *origin)
{
	p->plan->way = way;
	return set(p->plan, PLAN_ORIGIN, origin) < 0 ? -ENOMEM : 1;
}

static int take_of(struct planner *p, enum creds_way way, const struct profile *from,
		   const char *what)
{
	_free_ char *origin = NULL;

	if (asprintf(&origin, "%s%s [%s]", what, from->path, from->section) < 0) {
		origin = NULL;
		return -ENOMEM;
	}
	return take(p, way, origin);
}

static int take_keys(struct planner *p, const char *id, const char *secret,
		     const char *token)
{
	int r = set(p->plan, PLAN_ID, id);

	if (r == 0)
		r = set(p->plan, PLAN_SECRET, secret);
	if (r == 0)
		r = set(p->plan, PLAN_TOKEN, token);
	return r;
}

static int by_environment(struct planner *p)
{
	const char *id = env("AWS_ACCESS_KEY_ID");
	const char *secret = env("AWS_SECRET_ACCESS_KEY");

	if (!id) {
		buf_puts(p->looked, "environment: no AWS_ACCESS_KEY_ID");
		return 0;
	}
	if (!secret)
		return refuse(
			p, "AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is not; "
			   "set both, or neither to use ~/.aws");
	if (take_keys(p, id, secret, env("AWS_SESSION_TOKEN")) < 0)
		return -ENOMEM;
	return take(p, CREDS_STATIC, "environment");
}

static int by_keys(struct planner *p, const struct profile *f)
{
	const char *id = f->values[PROFILE_ID], *secret = f->values[PROFILE_SECRET];

	if (!id && !secret)
		return 0;
	if (!id || !secret)
		return refuse(p, "%s: profile \"%s\" has no %s", f->path, f->section,
			      id ? "aws_secret_access_key" : "aws_access_key_id");
	if (take_keys(p, id, secret, f->values[PROFILE_TOKEN]) < 0)
		return -ENOMEM;
	return take_of(p, CREDS_STATIC, f, "");
}

static int by_process(struct planner *p, const struct both *b)
{
	const char *command = value(b, PROFILE_PROCESS);

	if (!command)
		return 0;
	if (set(p->plan, PLAN_COMMAND, command) < 0)
		return -ENOMEM;
	return take_of(p, CREDS_PROCESS,
		       b->shared.values[PROFILE_PROCESS] ? &b->shared : &b->config,
		       "credential_process of ");
}

static int by_web_identity(struct planner *p, const char *file, const char *arn,
			   const char *session, const char *origin)
{
	if (set(p->plan, PLAN_TOKEN_FILE, file) < 0)
		return -ENOMEM;
	int r = role_add(p->plan, arn, session, NULL, NULL);
	return r < 0 ? r : take(p, CREDS_WEB_IDENTITY, origin);
}

static int by_environment_identity(struct planner *p)
{
	const char *file = env("AWS_WEB_IDENTITY_TOKEN_FILE"), *arn = env("AWS_ROLE_ARN");

	if (!file)
		return 0;
	if (!arn)
		return refuse(
			p, "AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not");
	return by_web_identity(p, file, arn, env("AWS_ROLE_SESSION_NAME"),
			       "web identity of the environment");
}

/* The cache file of `aws sso login` is named by the SHA-1 of the session, or of the start URL. */
static int sso_cache_path(const char *key, char **ret)
{
	uint8_t hash[20];
	char hex[41];

	digest_of(DIGEST_SHA1, key, strlen(key), hash);
	hex_encode(hash, sizeof(hash), hex);
	if (asprintf(ret, "%s/.aws/sso/cache/%s.json", env("HOME") ? env("HOME") : "~",
		     hex) < 0) {
		*ret = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int by_sso(struct planner *p, const struct both *b)
{
	const char *name = value(b, PROFILE_SSO), *url = value(b, PROFILE_SSO_START_URL);
	const char *region = value(b, PROFILE_SSO_REGION);
	const char *account = value(b, PROFILE_SSO_ACCOUNT);
	const char *role = value(b, PROFILE_SSO_ROLE);
	_cleanup_(profile_done) struct profile session = { 0 };
	_free_ char *cache = NULL;

	if (!name && !url)
		return 0;
	if (name) {
		int r = profile_init(&session, b->config.path, PROFILE_SSO_SESSION, name);
		if (r < 0)
			return r;
		if (profile_refresh(&session) == 0 && session.values[PROFILE_SSO_REGION])
			region = session.values[PROFILE_SSO_REGION];
	}
	if (!account || !role || !region)
		return refuse(p, "%s: profile \"%s\": single sign-on needs %s",
			      b->config.path, b->config.section,
			      !account ? "sso_account_id"
			      : !role  ? "sso_role_name"
				       : "sso_region");
	if (sso_cache_path(name ? name : url, &cache) < 0 ||
	    set(p->plan, PLAN_SSO_CACHE, cache) < 0 ||
	    set(p->plan, PLAN_SSO_REGION, region) < 0 ||
	    set(p->plan, PLAN_SSO_ACCOUNT, account) < 0 ||
	    set(p->plan, PLAN_SSO_ROLE, role) < 0)
		return -ENOMEM;
	return take_of(p, CREDS_SSO, &b->config, "single sign-on of ");
}

static int by_container(struct planner *p)
{
	const char *relative = env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = env("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	_free_ char *url = NULL;

	if (!relative && !full)
		return 0;
	if (asprintf(&url, "%s%s", relative ? CONTAINER_HOST : "",
		     relative ? relative : full) < 0) {
		url = NULL;
		return -ENOMEM;
	}
	if (set(p->plan, PLAN_URL, url) < 0 ||
	    set(p->plan, PLAN_AUTH, env("AWS_CONTAINER_AUTHORIZATION_TOKEN")) < 0 ||
	    set(p->plan, PLAN_AUTH_FILE, env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")) <
		    0)
		return -ENOMEM;
	return take(p, CREDS_CONTAINER, "the container");
}

static int by_instance(struct planner *p)
{
	const char *off = env("AWS_EC2_METADATA_DISABLED");
	const char *url = env("AWS_EC2_METADATA_SERVICE_ENDPOINT");

	if (off && strcasecmp(off, "true") == 0) {
		buf_puts(p->looked,
			 "; instance metadata: off (AWS_EC2_METADATA_DISABLED)");
		return 0;
	}
	if (set(p->plan, PLAN_URL, url ? url : INSTANCE_HOST) < 0 ||
	    set(p->plan, PLAN_LOOKED, p->looked->data) < 0)
		return -ENOMEM;
	return take(p, CREDS_INSTANCE, "the instance's role");
}

static int by_credential_source(struct planner *p, const char *word)
{
	if (streq(word, "Environment"))
		return by_environment(p);
	if (streq(word, "EcsContainer"))
		return by_container(p);
	if (streq(word, "Ec2InstanceMetadata"))
		return by_instance(p);
	return refuse(p,
		      "credential_source = %s: must be Environment, EcsContainer or "
		      "Ec2InstanceMetadata",
		      word);
}

static int by_profile(struct planner *p, const char *name, int depth);

/* The keys with which the role of `b` is assumed. */
static int role_base(struct planner *p, const struct both *b, int depth)
{
	const char *source = value(b, PROFILE_SOURCE_PROFILE);
	const char *word = value(b, PROFILE_CREDENTIAL_SOURCE);
	const char *name = b->config.section;
	int r = 0;

	if (source && streq(source, name)) {
		r = by_keys(p, &b->shared);
		r = r ? r : by_keys(p, &b->config);
	} else if (source) {
		r = by_profile(p, source, depth + 1);
	} else if (word) {
		r = by_credential_source(p, word);
	} else {
		return refuse(
			p,
			"profile \"%s\" has role_arn: it also needs source_profile or "
			"credential_source",
			name);
	}
	if (r == 0)
		return refuse(p, "profile \"%s\": %s = %s has no credentials", name,
			      source ? "source_profile" : "credential_source",
			      source ? source : word);
	return r;
}

static int origin_add(struct planner *p, const char *arn)
{
	_free_ char *origin = NULL;

	if (asprintf(&origin, "role %s, assumed with %s", arn,
		     p->plan->values[PLAN_ORIGIN]) < 0) {
		origin = NULL;
		return -ENOMEM;
	}
	return set(p->plan, PLAN_ORIGIN, origin) < 0 ? -ENOMEM : 1;
}

static int by_role(struct planner *p, const struct both *b, int depth)
{
	const char *arn = value(b, PROFILE_ROLE_ARN);
	const char *file = value(b, PROFILE_WEB_IDENTITY);
	const char *session = value(b, PROFILE_ROLE_SESSION_NAME);

	if (!arn)
		return 0;
	if (value(b, PROFILE_MFA_SERIAL))
		return refuse(
			p,
			"profile \"%s\" has mfa_serial: a daemon cannot type a code; "
			"use a role without it",
			b->config.section);
	if (file)
		return by_web_identity(p, file, arn, session, "web identity");
	int r = role_base(p, b, depth);
	if (r <= 0)
		return r;
	r = role_add(p->plan, arn, session, value(b, PROFILE_EXTERNAL_ID),
		     value(b, PROFILE_DURATION));
	if (r == -ELOOP)
		return refuse(p, "profile \"%s\": more than %d roles in a chain",
			      b->config.section, CREDS_ROLES_MAX);
	return r < 0 ? r : origin_add(p, arn);
}

static int by_profile(struct planner *p, const char *name, int depth)
{
	_both_ struct both b = { 0 };

	if (depth > CREDS_ROLES_MAX)
		return refuse(p, "source_profile = %s: the profiles go round in a circle",
			      name);
	int r = both_read(&b, name, p->looked);
	if (r < 0)
		return r;
	if (depth == 0 && value(&b, PROFILE_REGION) &&
	    set(p->plan, PLAN_REGION, value(&b, PROFILE_REGION)) < 0)
		return -ENOMEM;
	r = by_role(p, &b, depth);
	if (r == 0 && depth == 0 && !p->named)
		r = by_environment_identity(p);
	if (r == 0)
		r = by_sso(p, &b);
	if (r == 0)
		r = by_keys(p, &b.shared);
	if (r == 0)
		r = by_process(p, &b);
	if (r == 0)
		r = by_keys(p, &b.config);
	if (r == 0 && (b.shared.is_found || b.config.is_found))
		buf_printf(p->looked, "; %s: profile \"%s\" has no credentials",
			   b.config.is_found ? b.config.path : b.shared.path, name);
	return r;
}

/* ---- the whole ---- */

static const char *profile_name(const char *named)
{
	if (named)
		return named;
	return env("AWS_PROFILE") ? env("AWS_PROFILE") : "default";
}

static void stats_take(struct stat *shared, struct stat *config)
{
	_free_ char *s = shared_path();
	_free_ char *c = config_path();

	*shared = *config = (struct stat){ 0 };
	if (s)
		(void)stat(s, shared);
	if (c)
		(void)stat(c, config);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
	       a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

bool creds_plan_is_stale(const struct creds_plan *p)
{
	struct stat shared, config;

	stats_take(&shared, &config);
	return !is_same(&shared, &p->shared) || !is_same(&config, &p->config);
}

/* A profile that was asked for by name must be there: where we run is no substitute. */
static bool is_profile_asked(const char *named)
{
	return !streq(profile_name(named), "default");
}

static int plan_fill(struct planner *p)
{
	int r = 0;

	if (p->named)
		buf_printf(p->looked,
			   "environment: passed over, profile \"%s\" is configured",
			   p->named);
	else
		r = by_environment(p);
	if (r == 0)
		r = by_profile(p, profile_name(p->named), 0);
	if (r == 0 && !is_profile_asked(p->named)) {
		r = by_container(p);
		if (r == 0) {
			p->plan->is_fallback = true;
			r = by_instance(p);
		}
	}
	if (r == 0)
		return refuse(
			p,
			"no AWS credentials: %s. Set AWS_ACCESS_KEY_ID and "
			"AWS_SECRET_ACCESS_KEY, or put the keys into the credentials "
			"file (aws configure)",
			p->looked->data ? p->looked->data : "");
	return r;
}

DEFINE_CLEANUP(struct creds_plan, creds_plan_done)

int creds_plan_make(const char *profile, struct creds_plan *ret, struct buf *err)
{
	_cleanup_(creds_plan_done) struct creds_plan plan = { 0 };
	_buf_ struct buf looked;

	buf_init(&looked, BUF_TEXT_MAX);
	struct planner p = { &plan, profile && *profile ? profile : NULL, &looked, err };
	stats_take(&plan.shared, &plan.config);
	int r = plan_fill(&p);
	if (r < 0)
		return r;
	*ret = plan;
	memset(&plan, 0, sizeof(plan)); /* it is the caller's now */
	return 0;
}

static char *profile_value(const char *profile, enum profile_key k)
{
	_both_ struct both b = { 0 };
	_buf_ struct buf looked;

	buf_init(&looked, BUF_TEXT_MAX);
	if (both_read(&b, profile_name(profile && *profile ? profile : NULL), &looked) <
	    0)
		return NULL;
	/* These are settings, not keys: the config file comes first. */
	return strdup_ptr(b.config.values[k] ? b.config.values[k] : b.shared.values[k]);
}

char *creds_profile_region(const char *profile)
{
	return profile_value(profile, PROFILE_REGION);
}

char *creds_profile_endpoint(const char *profile)
{
	return profile_value(profile, PROFILE_ENDPOINT);
}
