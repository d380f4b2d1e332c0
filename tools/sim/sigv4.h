/* SPDX-License-Identifier: Apache-2.0 */
/* sigv4 - what the signature check and the canonical request share. */
#pragma once

#include "server.h"

#define CANONICAL_MAX ((size_t)256 << 10)
#define SIGNED_MAX    128

/* What a request says about its signature; strings are owned by `text`. */
struct auth {
	char *text;
	const char *key_id, *day, *region, *service, *terminator;
	const char *signed_names; /* "a;b;c" */
	const char *signature;
	const char *stamp; /* 20260102T030405Z */
	const char *payload_hash;
	bool is_presigned;
	int64_t expires_s;
	int64_t stamp_s;
	char body_hash[65];
	char *names[SIGNED_MAX]; /* of signed_names, in `names_text` */
	size_t n_names;
	char *names_text;
};

/* Appends the canonical request. `times`: how often the path is encoded beyond what was sent
 * (0 or 1). */
void canonical_request(const struct sim_conn *c, const struct auth *a, int times,
		       struct buf *out);
/* The signature that fits `canonical`, lower-case hex; `key`: the signing key. Appends the string
 * it signs to `to_sign`. */
void signature_make(const struct auth *a, const uint8_t key[32],
		    const struct buf *canonical, struct buf *to_sign, char ret[65]);
/* The signing key of a secret for a day, region and service. */
void signing_key_make(const char *secret, const char *day, const char *region,
		      const char *service, uint8_t ret[32]);
