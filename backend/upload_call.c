/* SPDX-License-Identifier: Apache-2.0 */
#include "upload_call.h"
#include "str.h"
#include <inttypes.h>
#include <stdio.h>

#define ENDING_MS 200
/* A service has lost patience with a source this slow (upload.h). */
#define SLOW_MS 10000

static bool is_ending(const struct uploader *u)
{
	return u->is_ending && atomic_load(u->is_ending);
}

void upload_call_done(struct upload_call *c)
{
	exchange_done(&c->x);
	chunked_done(&c->body);
}

static void on_done(struct exchange *x)
{
	((struct upload_call *)x)->is_done = true;
}

static ssize_t on_pull(struct exchange *x, void *data, size_t len)
{
	struct upload_call *c = (struct upload_call *)x;

	if (is_ending(c->u))
		return -EINTR;
	uint64_t before = c->body.at;
	ssize_t n = chunked_pull(&c->body, data, len);
	c->u->counts.bytes += c->body.at - before;
	if (n < 0)
		exchange_fail(x, FAULT_NONE, "SourceFailed",
			      "the bytes to be sent could not be read");
	return n;
}

static void on_again(struct exchange *x)
{
	chunked_rewind(&((struct upload_call *)x)->body);
}

int upload_call_init(struct upload_call *c, struct uploader *u, enum upload_op op,
		     const char *method, const char *key)
{
	struct s3 *s = u->backend->priv;

	*c = (struct upload_call){ .u = u, .op = op };
	exchange_init(&c->x, &s->site, S3_ANSWER_MAX);
	c->x.method = method;
	c->x.done = on_done;
	int r = s3_path_put(s, key, &c->x.path);
	if (r == 0 && u->backend->cfg.requester_pays)
		r = exchange_header(&c->x, "x-amz-request-payer", "requester");
	return r;
}

int upload_query_put(struct upload_call *c, const char *name, const char *value)
{
	struct buf *q = &c->x.query;

	buf_printf(q, "%s%s=", q->len ? "&" : "", name);
	return percent_encode(q, value, strlen(value), "");
}

int upload_header_put(struct upload_call *c, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	return exchange_header(&c->x, name, text);
}

int upload_body_set(struct upload_call *c, const struct upload_source *s,
		    enum digest_kind kind)
{
	int r = chunked_init(&c->body, s, kind);
	if (r < 0)
		return r;

	c->x.pull = on_pull;
	c->x.again = on_again;
	c->x.pull_len = chunked_len(&c->body);
	c->x.payload = SIGV4_TRAILED;
	r = exchange_header(&c->x, "content-encoding", "aws-chunked");
	if (r == 0)
		r = upload_header_put(c, "x-amz-decoded-content-length", s->len);
	return r < 0 ? r : exchange_header(&c->x, "x-amz-trailer", chunked_trailer(kind));
}

/* A connection that broke while the source kept it waiting. */
static void slowness_tell(const struct upload_call *c, struct fault *f)
{
	bool is_late = f->kind == FAULT_NETWORK || streq(f->code, "RequestTimeout");
	char text[sizeof(f->text)];
	char words[32];

	if (!is_late || c->body.longest_ms < SLOW_MS)
		return;
	duration_words(c->body.longest_ms, words);
	snprintf(text, sizeof(text), "%.160s: the bytes to be sent were waited for %s",
		 f->text, words);
	snprintf(f->text, sizeof(f->text), "%s", text);
}

static int errno_of(const struct upload_call *c, int r)
{
	static const struct {
		const char *code;
		int err;
	} rows[] = {
		{ "PreconditionFailed", -EEXIST }, { "BadDigest", -EBADMSG },
		{ "NoSuchUpload", -ENOENT },       { "InvalidPart", -ENOENT },
		{ "NoCredentials", -ENOKEY },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (streq(rows[i].code, c->x.fault.code))
			return rows[i].err;
	return r;
}

int upload_call_run(struct upload_call *c, struct fault *ret_fault)
{
	struct uploader *u = c->u;

	exchange_start(&c->x);
	while (!c->is_done && !is_ending(u))
		backends_wait(u->backends, ENDING_MS);
	u->counts.requests[c->op] += c->x.requests;
	int r = c->is_done ? c->x.result : -EINTR;
	if (r == -EINTR)
		fault_set(&c->x.fault, FAULT_NONE, "Interrupted", "the program ends");
	if (r == -ENOMEM)
		fault_set(&c->x.fault, FAULT_NONE, "NoMemory", "out of memory");
	slowness_tell(c, &c->x.fault);
	*ret_fault = c->x.fault;
	return r < 0 ? errno_of(c, r) : r;
}

int upload_call_fail(struct upload_call *c, int r, struct fault *ret_fault)
{
	if (!c->x.fault.code[0])
		fault_set(&c->x.fault, FAULT_REFUSED, strerrorname_np(-r),
			  "the request cannot be made");
	*ret_fault = c->x.fault;
	return r;
}

int upload_answer_fail(struct upload_call *c, const char *code, const char *text,
		       struct fault *ret_fault)
{
	exchange_fail(&c->x, FAULT_PROTOCOL, code, text);
	*ret_fault = c->x.fault;
	return -EBADMSG;
}
