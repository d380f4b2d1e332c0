/* SPDX-License-Identifier: Apache-2.0 */
#include "creds.h"
#include "profile.h"
#include "str.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

struct creds {
	char *named_profile; /* of the configuration, or NULL */
	struct profile shared, config;
	bool are_files_known; /* paths and section are set */
	struct creds_key key; /* what the provider found, borrowed from it */
	char *origin;
};

static const char *env(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : NULL;
}

static const char *profile_name(const struct creds *c)
{
	if (c->named_profile)
		return c->named_profile;
	return env("AWS_PROFILE") ? env("AWS_PROFILE") : "default";
}

/* `variable`, else ~/.aws/`name`; NULL without HOME. The caller frees. */
static char *file_path(const char *variable, const char *name)
{
	char *path = NULL;

	if (env(variable))
		return strdup(env(variable));
	if (!env("HOME") || asprintf(&path, "%s/.aws/%s", env("HOME"), name) < 0)
		return NULL;
	return path;
}

static int files_locate(struct creds *c)
{
	if (c->are_files_known)
		return 0;

	_free_ char *shared = file_path("AWS_SHARED_CREDENTIALS_FILE", "credentials");
	_free_ char *config = file_path("AWS_CONFIG_FILE", "config");
	/* Without HOME and variables there are no files: a path that cannot exist says so. */
	int r = profile_init(&c->shared, shared ? shared : "~/.aws/credentials",
			     profile_name(c), false);
	if (r == 0)
		r = profile_init(&c->config, config ? config : "~/.aws/config",
				 profile_name(c), true);
	c->are_files_known = r == 0;
	return r;
}

/* Providers: 1 found (c->key is set), 0 nothing here (why is added to `looked`), -ENOKEY (found
 * something that must not be passed over; `looked` is the whole message), -ENOMEM. */

static int environment_find(struct creds *c, struct buf *looked)
{
	const char *id = env("AWS_ACCESS_KEY_ID");
	const char *secret = env("AWS_SECRET_ACCESS_KEY");

	if (c->named_profile) {
		buf_printf(looked,
			   "environment: passed over, profile \"%s\" is configured",
			   c->named_profile);
		return 0;
	}
	if (!id) {
		buf_puts(looked, "environment: no AWS_ACCESS_KEY_ID");
		return 0;
	}
	if (!secret) {
		buf_reset(looked);
		buf_puts(looked,
			 "AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is not; "
			 "set both, or neither to use ~/.aws");
		return -ENOKEY;
	}
	c->key =
		(struct creds_key){ id, secret, env("AWS_SESSION_TOKEN"), "environment" };
	return 1;
}

static const char *unsupported_key(const struct profile *p)
{
	static const enum profile_key keys[] = { PROFILE_ROLE_ARN, PROFILE_PROCESS,
						 PROFILE_SSO };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (p->values[keys[i]])
			return profile_key_name(keys[i]);
	return NULL;
}

static int profile_find(struct creds *c, struct profile *p, struct buf *looked)
{
	int r = files_locate(c);
	if (r == 0)
		r = profile_refresh(p);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		buf_printf(looked, "%s: %s", p->path, strerrordesc_np(-r));
		return 0;
	}
	if (!p->is_found) {
		buf_printf(looked, "%s: no profile \"%s\"", p->path, p->section);
		return 0;
	}
	if (!p->values[PROFILE_ID] || !p->values[PROFILE_SECRET]) {
		const char *other = unsupported_key(p);
		buf_printf(looked, "%s: profile \"%s\" has no %s%s%s%s", p->path,
			   p->section,
			   p->values[PROFILE_ID] ? "aws_secret_access_key"
						 : "aws_access_key_id",
			   other ? " (its " : "", other ? other : "",
			   other ? " is not supported)" : "");
		return 0;
	}

	free(c->origin);
	c->origin = NULL;
	if (asprintf(&c->origin, "%s [%s]", p->path, p->section) < 0) {
		c->origin = NULL;
		return -ENOMEM;
	}
	c->key = (struct creds_key){ p->values[PROFILE_ID], p->values[PROFILE_SECRET],
				     p->values[PROFILE_TOKEN], c->origin };
	return 1;
}

static int shared_find(struct creds *c, struct buf *looked)
{
	return profile_find(c, &c->shared, looked);
}

static int config_find(struct creds *c, struct buf *looked)
{
	return profile_find(c, &c->config, looked);
}

/* In order of precedence. */
static int (*const providers[])(struct creds *c, struct buf *looked) = {
	environment_find,
	shared_find,
	config_find,
};

struct creds *creds_new(const char *profile)
{
	_cleanup_(creds_freep) struct creds *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;

	if (profile && *profile) {
		c->named_profile = strdup(profile);
		if (!c->named_profile)
			return NULL;
	}
	return steal_ptr(c);
}

void creds_free(struct creds *c)
{
	if (!c)
		return;
	profile_done(&c->shared);
	profile_done(&c->config);
	free(c->named_profile);
	free(c->origin);
	free(c);
}

int creds_get(struct creds *c, struct creds_key *ret, struct buf *err)
{
	_buf_ struct buf looked;

	buf_init(&looked, BUF_TEXT_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(providers); i++) {
		if (i > 0)
			buf_puts(&looked, "; ");
		int r = providers[i](c, &looked);
		if (r > 0) {
			*ret = c->key;
			return 0;
		}
		if (r == -ENOKEY)
			buf_puts(err, looked.data ? looked.data : "");
		if (r < 0)
			return r;
	}
	buf_printf(
		err,
		"no AWS credentials: %s. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
		"put the keys into the credentials file (aws configure)",
		looked.data ? looked.data : "");
	return -ENOKEY;
}

void creds_expire(struct creds *c)
{
	profile_forget(&c->shared);
	profile_forget(&c->config);
}

const char *creds_region(struct creds *c)
{
	if (env("AWS_REGION"))
		return env("AWS_REGION");
	if (env("AWS_DEFAULT_REGION"))
		return env("AWS_DEFAULT_REGION");
	if (files_locate(c) < 0)
		return NULL;
	if (profile_refresh(&c->config) == 0 && c->config.values[PROFILE_REGION])
		return c->config.values[PROFILE_REGION];
	if (profile_refresh(&c->shared) == 0 && c->shared.values[PROFILE_REGION])
		return c->shared.values[PROFILE_REGION];
	return NULL;
}

const char *creds_ca_bundle(void)
{
	return env("AWS_CA_BUNDLE");
}
