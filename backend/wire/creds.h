/* SPDX-License-Identifier: Apache-2.0 */
/* creds - the AWS credentials and the region of one source, kept fresh.
 *
 * Where they come from is creds_plan.h's table. What must be asked for (a role, an instance, a
 * process) is fetched without holding anybody up: while it is on its way the first time, or has
 * run out, creds_get() says -EAGAIN and who waits is told; otherwise it is renewed in time and the
 * old ones go on being used. The files are looked at again whenever they changed, so a rotated key
 * is used by the next request: ask before each signing and keep nothing.
 *
 * Sources of one profile share theirs (creds_join): what is fetched is fetched once for all of them.
 *
 * Secrets are wiped before they are freed and never appear in a text.
 *
 * Thread: the owner's of the http loop. Reads small local files.
 */
#pragma once

#include "buf.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct creds; /* opaque */
struct http;

struct creds_key {
	const char *id, *secret;
	const char *token; /* session token, NULL if none */
	const char *
		origin; /* for people: "environment", "/root/.aws/credentials [default]" */
	int64_t expires_ms; /* UTC; 0: never, or nobody says */
};

/* Who waits for credentials that are being fetched; embedded in its owner. */
struct creds_waiter {
	void (*ready)(struct creds_waiter *w); /* from http_wait(): ask again */
	bool is_waiting;
	LIST_ENTRY(creds_waiter) link;
};

/* `profile` is the one named in the configuration, NULL: AWS_PROFILE, then "default". Looks
 * nothing up yet. `http` NULL: only what needs no asking. NULL when out of memory. */
struct creds *creds_new(struct http *http, const char *profile);
/* Those of one loop that may be shared, each once; zeros: none. */
struct creds_pool {
	LIST_HEAD(creds_list, creds) all;
};
/* Those of `profile` in the pool, made at first use: creds_free() lets go of them. Of other programs'
 * settings each has what it found first. */
struct creds *creds_join(struct creds_pool *pool, struct http *http, const char *profile);
/* A key that is given, for as long as it lasts. */
struct creds *creds_new_fixed(const struct creds_key *key);
void creds_free(struct creds *c);
DEFINE_CLEANUP(struct creds, creds_free)

/* At start, while nothing else runs on the loop: is there anything at all? Where nothing but the
 * instance we run on is left it is asked, for a second at most. Others are asked when they are
 * needed: they may be out of reach now. 0, -ENOKEY (a line in `err` says what was looked at and
 * what to do), or -ENOMEM. */
int creds_open(struct creds *c, struct buf *err);

/* Borrowed until the next call. 0; -EAGAIN: being fetched, creds_wait(); -ENOKEY (a line in `err`
 * says what was looked at and what to do), or -ENOMEM. */
int creds_get(struct creds *c, struct creds_key *ret, struct buf *err);
/* After -EAGAIN: once. */
void creds_wait(struct creds *c, struct creds_waiter *w);
/* Also where it does not wait. */
void creds_unwait(struct creds_waiter *w);

/* Where the last ones came from, for people: borrowed until the next call; "": none yet. Looks at
 * nothing. */
const char *creds_origin(const struct creds *c);

/* Counts what creds_get() has given: another number, other credentials. */
uint64_t creds_turn(const struct creds *c);
/* The service said that those of `turn` have expired: everything is looked up anew at the next get,
 * unless that has happened since. */
void creds_expire(struct creds *c, uint64_t turn);

/* The region: AWS_REGION, AWS_DEFAULT_REGION, `region` of the profile. Borrowed until the next
 * call; NULL if none says. */
const char *creds_region(struct creds *c);
/* The endpoint that users of AWS tools set for a service ("S3", "GLACIER", "SQS", "STS"):
 * AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, `endpoint_url` of the profile; not with
 * AWS_IGNORE_CONFIGURED_ENDPOINT_URLS. Borrowed for their life; NULL if none. */
const char *creds_endpoint(struct creds *c, const char *service);

/* AWS_CA_BUNDLE: the authorities that certificates are checked against; NULL if unset. */
const char *creds_ca_bundle(void);

/* When credentials are renewed. Pure. */
enum creds_age {
	CREDS_FRESH,
	CREDS_AGEING, /* renewed meanwhile: a quarter of an hour is left, or a quarter of their life */
	CREDS_EXPIRED, /* nobody may use them any more: a minute is left, or an eighth */
};
enum creds_age creds_age(int64_t fetched_ms, int64_t expires_ms, int64_t now_ms);
