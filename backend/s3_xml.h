/* SPDX-License-Identifier: Apache-2.0 */
/* s3_xml - S3's documents and header values. Pure.
 *
 * A document with a DOCTYPE, deeper than 16, or with a text above 64 KiB is refused. Shapes: AWS
 * protocol reference 2.1-2.5 (2026-09).
 */
#pragma once

#include "backend.h"
#include "exchange.h"

struct s3_page {
	bool is_truncated;
	/* Where the next one begins; the caller inits and frees. Of ListObjectsV2 the token, as it
	 * is; of ListObjectVersions a key, decoded, and a version. */
	struct buf token, version;
};

/* A key as a listing tells it with encoding-type=url. -EBADMSG: it holds NUL, which cannot be told in C,
 * or is none or longer than S3's own limit. */
int s3_key_decode(const char *encoded, struct buf *key);

/* What is told of a listing; a non-zero answer ends with it. */
struct s3_list_taker {
	int (*entry)(void *arg, const struct listing_entry *e);
	int (*prefix)(void *arg, const char *prefix); /* CommonPrefixes; NULL: not told */
	void *arg;
};

/* ListBucketResult or ListVersionsResult (without its delete markers), asked with
 * encoding-type=url. 0, -EBADMSG (not such a document, a key that is none), -ENOMEM. */
int s3_list_parse(const char *data, size_t len, struct s3_page *ret,
		  const struct s3_list_taker *taker);

/* NotificationConfiguration. 0, -EBADMSG or -ENOMEM. */
int s3_wiring_parse(const char *data, size_t len, enum backend_wiring *ret);

/* The text of the first element `name`, whatever it is in, cut to fit; -ENOENT: there is none. 0,
 * -EBADMSG or -ENOMEM. */
int s3_xml_text(const char *data, size_t len, const char *name, char *ret, size_t room);

/* An <Error> document; another root leaves `ret` as it is. */
void s3_error_parse(const char *data, size_t len, struct site_error *ret);

/* x-amz-restore. False if it is not understood. No expiry: 0. */
bool s3_restore_parse(const char *value, bool *ret_ongoing, int64_t *ret_expires_ms);

/* What of a HEAD says how the bytes can be proved; NULL where a header is absent. */
struct s3_proof_headers {
	const char *etag, *checksum_type;
	const char *sha256, *sha1, *crc64nvme, *crc32c, *crc32;
	const char *sse;     /* x-amz-server-side-encryption */
	const char *sse_key; /* x-amz-server-side-encryption-customer-algorithm */
};
struct proof_offer s3_proof_choose(const struct s3_proof_headers *h);
/* Whether the ETag is made of MD5s of the bytes: neither under a KMS key nor the customer's. */
bool s3_etag_is_digest(const struct s3_proof_headers *h);
/* The checksum of the bytes that a HEAD tells, of the object or the part it asked for: the strongest
 * that is one. `is_part`: the type is that of the whole, and says nothing. False: none. */
bool s3_checksum_choose(const struct s3_proof_headers *h, bool is_part,
			struct proof_offer *ret);

/* A part as GetObjectAttributes tells it. */
struct s3_part {
	uint64_t number, size_bytes;
	enum digest_kind kind; /* DIGEST_NONE: no checksum that we know */
	uint8_t value[DIGEST_MAX];
};
struct s3_attributes {
	char etag[OBJECT_ETAG_MAX];
	bool is_truncated;
	uint64_t next; /* the marker of the page behind this one */
	/* Each part; a non-zero answer ends with it. */
	int (*part)(void *arg, const struct s3_part *p);
	void *arg;
};
/* GetObjectAttributesResponse. 0, -EBADMSG, -ENOMEM, or what `part` answered. */
int s3_attributes_parse(const char *data, size_t len, struct s3_attributes *ret);

/* RestoreRequest; days 0: none (Intelligent-Tiering). */
int s3_restore_body(struct buf *out, enum tier tier, uint32_t days);

/* An ETag without its quotes, cut to fit. */
void s3_etag_copy(const char *value, char ret[OBJECT_ETAG_MAX]);
