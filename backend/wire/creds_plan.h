/* SPDX-License-Identifier: Apache-2.0 */
/* creds_plan - where credentials will come from: the environment and the AWS files, read and
 * decided, with nothing asked of anybody yet.
 *
 * The order is botocore's, which users of AWS tools expect (AWS protocol reference 4.4, 2026-09):
 *
 *	environment (unless a profile was named)
 *	the profile's role, assumed with the keys of another profile or of where we run
 *	a web identity, of the profile or (unless one was named) of the environment
 *	the profile's single sign-on
 *	its keys in the credentials file, its process, its keys in the config file
 *	the container, the instance
 *
 * Thread: the owner's. Reads small local files.
 */
#pragma once

#include "buf.h"
#include <stdbool.h>
#include <sys/stat.h>

#define CREDS_ROLES_MAX 5
#define CREDS_REMEDY                                                             \
	"Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or put the keys into " \
	"the credentials file (aws configure)"

enum creds_way {
	CREDS_STATIC,       /* PLAN_ID, PLAN_SECRET, PLAN_TOKEN */
	CREDS_PROCESS,      /* PLAN_COMMAND */
	CREDS_WEB_IDENTITY, /* PLAN_TOKEN_FILE and the first role */
	CREDS_SSO,          /* PLAN_SSO_* */
	CREDS_CONTAINER,    /* PLAN_URL, PLAN_AUTH or PLAN_AUTH_FILE */
	CREDS_INSTANCE,     /* PLAN_URL */
};

enum plan_value {
	PLAN_ORIGIN, /* for people: "environment", "/root/.aws/credentials [default]" */
	PLAN_ID,
	PLAN_SECRET,
	PLAN_TOKEN,
	PLAN_COMMAND,
	PLAN_TOKEN_FILE,
	PLAN_SSO_CACHE, /* the file `aws sso login` wrote */
	PLAN_SSO_REGION,
	PLAN_SSO_ACCOUNT,
	PLAN_SSO_ROLE,
	PLAN_URL,
	PLAN_AUTH,
	PLAN_AUTH_FILE,
	PLAN_REGION, /* for STS; NULL: nobody says */
	PLAN_LOOKED, /* of a fallback: what was looked at before in vain, for people */
	PLAN_VALUES,
};

struct creds_role {
	char *arn;
	char *session;     /* NULL: ours */
	char *external_id; /* NULL: none */
	char *duration;    /* digits; NULL: the service's default */
};

struct creds_plan {
	enum creds_way way;
	char *values[PLAN_VALUES]; /* owned; NULL where the way has none */
	/* To be assumed one after the other; a web identity takes the first itself. */
	struct creds_role roles[CREDS_ROLES_MAX];
	size_t n_roles;
	bool is_fallback; /* nothing said so: where we run may have some */
	struct stat shared,
		config; /* of the files when they were read; zeros: not there */
};

/* `profile` is the one named in the configuration; NULL: AWS_PROFILE, then "default". 0; -ENOKEY
 * with a line for people in `err` (what was looked at and what to do); or -ENOMEM. */
int creds_plan_make(const char *profile, struct creds_plan *ret, struct buf *err);
/* Wipes what is secret. */
void creds_plan_done(struct creds_plan *p);
/* One of the files has changed since. */
bool creds_plan_is_stale(const struct creds_plan *p);

/* A value of the profile, from either file: caller frees; NULL if nobody says. */
char *creds_profile_region(const char *profile);
char *creds_profile_endpoint(const char *profile);
