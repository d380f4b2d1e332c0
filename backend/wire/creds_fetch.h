/* SPDX-License-Identifier: Apache-2.0 */
/* creds_fetch - asks for the credentials a plan says: of a process, an instance, a container,
 * single sign-on, and of STS for each role in turn (AWS protocol reference 4.4, 2026-09).
 *
 * Endpoints for private installations: AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL_SSO. Metadata is
 * never asked for through a proxy.
 *
 * Thread: the owner's of the http loop.
 */
#pragma once

#include "creds_plan.h"
#include "http.h"

/* Strings are owned. */
struct creds_found {
	char *id, *secret;
	char *token;        /* NULL: none */
	int64_t expires_ms; /* UTC; 0: never */
};
void creds_found_done(struct creds_found *f);

struct creds_fetch; /* opaque */

struct creds_fetch_cfg {
	struct http *http;
	const struct creds_plan *plan; /* borrowed until the end */
	/* Once, from http_wait(), unless cancelled; the fetch is gone then. `found` is the
	 * taker's if r is 0; else `why` says what failed, for people. */
	void (*done)(void *arg, int r, struct creds_found *found, const char *why);
	void *arg;
};

/* 0 or -ENOMEM. */
int creds_fetch_start(const struct creds_fetch_cfg *cfg, struct creds_fetch **ret);
void creds_fetch_cancel(struct creds_fetch *f);

/* ---- what is answered: pure ---- */

/* All: 0, -EPROTO (not of that shape), -ENOMEM. */

/* Of an instance, a container or a process: one document with AccessKeyId, SecretAccessKey, Token
 * or SessionToken, and Expiration. */
int creds_json_parse(const char *data, size_t len, struct creds_found *ret);
/* Of single sign-on: roleCredentials, expiration in milliseconds. */
int creds_sso_parse(const char *data, size_t len, struct creds_found *ret);
/* Of STS. */
int creds_sts_parse(const char *data, size_t len, struct creds_found *ret);
/* "Code: Message" of an error of STS into `ret`; empty if there is none. */
void creds_sts_error(const char *data, size_t len, char *code, size_t code_room,
		     char *text, size_t text_room);
