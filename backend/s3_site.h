/* SPDX-License-Identifier: Apache-2.0 */
/* s3_site - what s3.c, its lists and upload.c share; nobody else includes it. */
#pragma once

#include "op.h"
#include "s3_status.h"
#include "s3_xml.h"

#define S3_ANSWER_MAX \
	((size_t)8 << 20) /* 1000 keys of 1 KiB, encoded threefold, and room */

struct s3 {
	struct site site;
	char bucket[256];
	bool is_path_style;
	bool has_endpoint;        /* of its own: a region is only signed with */
	struct s3_status *status; /* owned */
};

static inline struct s3 *s3_of(const struct op *op)
{
	return op->backend->priv;
}

/* All verbs but BACKEND_LIST. */
extern const struct op_verb s3_verbs[];

/* Path of a key ("": the bucket), as it is sent. 0 or -errno. */
int s3_path_put(const struct s3 *s, const char *key, struct buf *out);
/* Path of a key ("": the bucket), and who pays. 0 or -errno. */
int s3_path_set(struct op *op, const char *key);
/* Path, and the version behind what the query has, of the call's object; with If-Match, since an
 * overwritten one must not be taken for it. 0 or -errno. */
int s3_object_set(struct op *op, bool with_match);

/* Of a HEAD's answer; borrowed from it. */
struct s3_proof_headers s3_proof_headers_of(const struct exchange *x);

/* ---- s3_parts.c: in which parts an object was uploaded, and how each can be proved. */
/* A HEAD has been answered, and the call's proof says what the whole can be proved by. OP_MORE, 0
 * (there is nothing to ask), or -errno. */
int s3_parts_begin(struct op *op, bool is_etag_digest);
/* Whether the answer that came is to one of these. */
bool s3_parts_is_asked(const struct op *op);
int s3_parts_answered(struct op *op);
int s3_parts_refused(struct op *op, int r);

/* ---- s3_presign.c: backend_presign() ---- */
int s3_presign(struct backend *b, const struct object *o, int64_t life_ms,
	       struct presigned *ret, struct buf *err);

/* ---- s3_list.c ---- */
int s3_check_ask(struct op *op);
int s3_check_answered(struct op *op);
void s3_list_start(struct backend *b, struct backend_call *c);
void s3_list_cancel(struct backend *b, struct backend_call *c);
/* A page for s3_status.c, which keeps `after` until its end. */
void s3_status_page(struct backend *b, struct backend_call *c, const char *after);
