/* SPDX-License-Identifier: Apache-2.0 */
/* creds - where AWS credentials and the region come from.
 *
 * A table of providers is asked in the order users of AWS tools expect (AWS protocol reference
 * 4.4, botocore's chain): the environment unless a profile was named, then the profile in the
 * shared credentials file, then static keys of the profile in the config file. The files are
 * looked at again whenever they changed, so a rotated key is used by the next request: ask
 * before each signing and keep nothing.
 *
 * Secrets are wiped before they are freed and never appear in a text.
 *
 * Thread: the owner's. Reads small local files.
 */
#pragma once

#include "buf.h"

struct creds; /* opaque */

struct creds_key {
	const char *id, *secret;
	const char *token; /* session token, NULL if none */
	const char *
		origin; /* for people: "environment", "/root/.aws/credentials [default]" */
};

/* `profile` is the one named in the configuration, NULL: AWS_PROFILE, then "default". Looks
 * nothing up yet. NULL when out of memory. */
struct creds *creds_new(const char *profile);
void creds_free(struct creds *c);
DEFINE_CLEANUP(struct creds, creds_free)

/* Borrowed until the next call. 0, -ENOKEY (a line in `err` says what was looked at and what to
 * do), or -ENOMEM. */
int creds_get(struct creds *c, struct creds_key *ret, struct buf *err);

/* The service said the credentials have expired: look everything up anew at the next get. */
void creds_expire(struct creds *c);

/* The region: AWS_REGION, AWS_DEFAULT_REGION, `region` of the profile. Borrowed until the next
 * call; NULL if none says. */
const char *creds_region(struct creds *c);

/* AWS_CA_BUNDLE: the authorities that certificates are checked against; NULL if unset. */
const char *creds_ca_bundle(void);
