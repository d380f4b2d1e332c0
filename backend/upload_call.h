/* SPDX-License-Identifier: Apache-2.0 */
/* upload_call - one request of an uploader, with its tries: made, run to its end, explained. For upload.c
 * alone.
 *
 *	_cleanup_(upload_call_done) struct upload_call c;
 *	int r = upload_call_init(&c, ...);   then upload_query_put(), exchange_header(), upload_body_set()
 *	r < 0: upload_call_fail()            it cannot be made
 *	r = upload_call_run(&c, ret_fault);  0: look at c.x; upload_answer_fail() if that makes no sense
 */
#pragma once

#include "chunked.h"
#include "s3_site.h"
#include "upload.h"
#include "upload_meta.h"

struct uploader {
	struct clock *clock;       /* owned */
	struct backends *backends; /* owned: the event loop */
	struct backend *backend;   /* owned: the bucket */
	const atomic_bool *is_ending;
	struct upload_counts counts;
};

/* One request, with its tries. */
struct upload_call {
	struct exchange x; /* first: callbacks get this */
	struct uploader *u;
	enum upload_op op;
	struct chunked body; /* of a source */
	bool is_done;
	char meta_names[UPLOAD_META_MAX][64];
};

/* Method, path and who pays; `key` "": the bucket. 0 or -errno, as all that fill a request. */
int upload_call_init(struct upload_call *c, struct uploader *u, enum upload_op op,
		     const char *method, const char *key);
void upload_call_done(struct upload_call *c);
/* One more member of the query. */
int upload_query_put(struct upload_call *c, const char *name, const char *value);
/* A header of a number; `name` is a constant. */
int upload_header_put(struct upload_call *c, const char *name, uint64_t value);
/* What is sent is a source's. */
int upload_body_set(struct upload_call *c, const struct upload_source *s,
		    enum digest_kind kind);

/* 0 or -errno with `ret_fault`, as upload.h says. */
int upload_call_run(struct upload_call *c, struct fault *ret_fault);
/* Gives `r`, which filling it has failed with. */
int upload_call_fail(struct upload_call *c, int r, struct fault *ret_fault);
/* Gives -EBADMSG: what was answered cannot be. */
int upload_answer_fail(struct upload_call *c, const char *code, const char *text,
		       struct fault *ret_fault);
