/* SPDX-License-Identifier: Apache-2.0 */
/* upload_xml - the documents of uploads in parts, and checksums as S3 writes them. Pure.
 *
 * Shapes: AWS protocol reference 2.4, 2.8 (2026-09). The parsers: 0, -EBADMSG (not such a document),
 * -ENOMEM, or what a callback answered.
 */
#pragma once

#include "upload.h"

/* InitiateMultipartUploadResult. */
int upload_begun_parse(const char *data, size_t len, char ret_id[UPLOAD_ID_MAX]);

/* CompleteMultipartUpload, of all `parts`. 0 or an error of `out`. */
int upload_complete_put(struct buf *out, const struct upload_piece *parts, size_t n);

/* CompleteMultipartUploadResult; sum DIGEST_NONE: no checksum told. */
int upload_completed_parse(const char *data, size_t len, struct upload_piece *ret);

struct upload_page {
	bool is_truncated;
	/* Where the next one begins. */
	char key[OBJECT_ID_MAX + 1], id[UPLOAD_ID_MAX]; /* of uploads */
	uint64_t number;                                /* of parts */
};

/* ListMultipartUploadsResult, asked with encoding-type=url. */
int upload_list_parse(const char *data, size_t len, struct upload_page *ret,
		      int (*each)(void *arg, const struct upload_pending *p), void *arg);
/* ListPartsResult. */
int upload_parts_parse(const char *data, size_t len, struct upload_page *ret,
		       int (*each)(void *arg, const struct upload_piece *p), void *arg);

/* A checksum as headers and documents have it, "BASE64" or "BASE64-PARTS" (parts 0: the former). False:
 * it is none of that kind. */
bool upload_sum_parse(enum digest_kind kind, const char *text, uint8_t ret[DIGEST_MAX],
		      uint32_t *ret_parts);
