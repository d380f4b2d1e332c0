/* SPDX-License-Identifier: Apache-2.0 */
/* s3_site - what s3.c and s3_list.c share; nobody else includes it. */
#pragma once

#include "op.h"
#include "s3_status.h"

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

/* Path of a key ("": the bucket), and who pays. 0 or -errno. */
int s3_path_set(struct op *op, const char *key);

/* ---- s3_list.c ---- */
int s3_check_ask(struct op *op);
int s3_check_answered(struct op *op);
void s3_list_start(struct backend *b, struct backend_call *c);
void s3_list_cancel(struct backend *b, struct backend_call *c);
/* A page for s3_status.c, which keeps `after` until its end. */
void s3_status_page(struct backend *b, struct backend_call *c, const char *after);
