/* SPDX-License-Identifier: Apache-2.0 */
/* sigv4 - AWS Signature Version 4, as header and as presigned query.
 *
 * Pure: no clock, no environment. Our own because libcurl's signs several request shapes wrongly
 * (AWS protocol reference 4.6, measured with 7.88.1); the whole suite of its appendix A passes.
 *
 * Every header given is signed: leave out what a proxy may touch.
 */
#pragma once

#include "buf.h"

#define SIGV4_PAIRS_MAX 64 /* headers, and query parameters, of one request */
#define SIGV4_HEX_LEN   65
#define SIGV4_UNSIGNED  "UNSIGNED-PAYLOAD"
/* Framed as aws-chunked, with checksums behind it (AWS protocol reference 2.8, 2026-09). */
#define SIGV4_TRAILED "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

enum sigv4_path {
	SIGV4_PATH_AS_IS = 0, /* S3: the path is encoded once, on the wire already */
	SIGV4_PATH_ENCODE = 1 << 0,    /* encode what is given (again) */
	SIGV4_PATH_NORMALISE = 1 << 1, /* dot segments and double slashes go */
	SIGV4_PATH_GENERIC = SIGV4_PATH_ENCODE | SIGV4_PATH_NORMALISE, /* all but S3 */
};

struct sigv4_pair {
	const char *name, *value;
};

struct sigv4_key {
	const char *id, *secret;
	const char *token; /* session token for a presigned query; NULL or "": none */
};

struct sigv4_request {
	const char *method;
	const char *path;                 /* as sent */
	const char *query;                /* as sent, without '?', "" if none */
	const struct sigv4_pair *headers; /* all to be signed; any order, any case */
	size_t n_headers;
	const char *payload_hash; /* hex, or SIGV4_UNSIGNED */
	int path_mode;            /* enum sigv4_path bits */
};

struct sigv4_scope {
	const char *time; /* "20260102T030405Z" */
	const char *region, *service;
};

/* All: 0, -E2BIG (more than SIGV4_PAIRS_MAX), -ENOMEM, or -EMSGSIZE of `out`. */

/* The canonical request; the joined names of the signed headers to `signed_names`. */
int sigv4_canonical(const struct sigv4_request *r, struct buf *out,
		    struct buf *signed_names);
/* Lower-case hex signature. */
int sigv4_sign(const struct sigv4_request *r, const struct sigv4_scope *s,
	       const struct sigv4_key *key, char ret[SIGV4_HEX_LEN]);
/* The value of the Authorization header. `r` carries host and x-amz-date already, and
 * x-amz-security-token where there is one. */
int sigv4_authorize(const struct sigv4_request *r, const struct sigv4_scope *s,
		    const struct sigv4_key *key, struct buf *out);
/* The whole query of a presigned URL, `r->query` included. `r->payload_hash` is what the
 * service expects (S3: SIGV4_UNSIGNED). */
int sigv4_presign(const struct sigv4_request *r, const struct sigv4_scope *s,
		  const struct sigv4_key *key, unsigned int expires_s, struct buf *out);
/* The signing key of a day, region and service. `ret`: 32 bytes, the caller wipes them. */
int sigv4_day_key(const struct sigv4_scope *s, const char *secret, unsigned char ret[32]);
