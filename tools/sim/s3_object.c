/* SPDX-License-Identifier: Apache-2.0 */
/* s3_object - PutObject, and what every upload's head and body must hold.
 *
 * Source: AWS protocol reference sections 2.4 and 2.8, 2026-09.
 */
#include "quirks.h"
#include "s3.h"
#include "str.h"
#include <stdio.h>
#include <strings.h>

#define HEADERS_MAX ((size_t)64 << 10)

int s3_upload_class(struct s3_call *call, const struct s3_class **ret)
{
	const struct s3_class *class =
		s3_class_find(sim_header(call->req, "x-amz-storage-class"));

	if (!class || (class->priced_as && !sim_quirk(call->sim, QUIRK_S3_CLASSES)))
		return S3_INVALID_STORAGE_CLASS;
	*ret = class;
	return 0;
}

/* Headers that are kept with the object and given back with it. */
static bool is_kept(const char *name)
{
	static const char *const names[] = {
		"Cache-Control",    "Content-Disposition",
		"Content-Language", "Content-Type",
		"Expires",
	};

	if (strncasecmp(name, "x-amz-meta-", 11) == 0 ||
	    strcasecmp(name, "x-amz-server-side-encryption-aws-kms-key-id") == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return false;
}

/* "aws-chunked" describes the way here, not the object. */
static void keep_encoding(struct buf *out, const char *value)
{
	static const char chunked[] = "aws-chunked";

	if (strncasecmp(value, chunked, sizeof(chunked) - 1) == 0)
		value += sizeof(chunked) - 1;
	value += strspn(value, ", ");
	if (*value)
		buf_printf(out, "Content-Encoding: %s\n", value);
}

static void keep_header(void *arg, const char *name, const char *value)
{
	if (strcasecmp(name, "Content-Encoding") == 0)
		keep_encoding(arg, value);
	else if (is_kept(name))
		buf_printf(arg, "%s: %s\n", name, value);
}

int s3_upload_headers(struct s3_call *call, char **ret)
{
	_buf_ struct buf out = { 0 };

	buf_init(&out, HEADERS_MAX);
	buf_puts(&out, "");
	sim_headers_each(call->req, keep_header, &out);
	if (!sim_header(call->req, "Content-Type"))
		buf_puts(&out, "Content-Type: binary/octet-stream\n");
	if (out.err)
		return out.err == -EMSGSIZE ? (int)S3_INVALID_REQUEST : out.err;
	char *headers = buf_steal(&out);
	if (!headers)
		return -ENOMEM;
	*ret = headers;
	return 0;
}

int s3_upload_encryption(struct s3_call *call, bool *ret_is_kms)
{
	const char *how = sim_header(call->req, "x-amz-server-side-encryption");

	if (sim_header(call->req, "x-amz-server-side-encryption-customer-algorithm"))
		return S3_NOT_IMPLEMENTED;
	if (how && !streq(how, "AES256") && !streq(how, "aws:kms")) {
		call->message = "The encryption method specified is not supported";
		return S3_INVALID_ARGUMENT;
	}
	*ret_is_kms = how && streq(how, "aws:kms");
	return 0;
}

void s3_encryption_header(struct sim_res *res, bool is_kms)
{
	sim_res_header(res, "x-amz-server-side-encryption", "%s",
		       is_kms ? "aws:kms" : "AES256");
}

int s3_etag_hide(char etag[48])
{
	char other[S3_ID_LEN + 1];

	int r = s3_id_new(other);
	if (r == 0)
		memcpy(etag, other, S3_ID_LEN);
	return r;
}

int s3_body_verify_md5(struct s3_call *call)
{
	const char *sent = sim_header(call->req, "Content-MD5");
	uint8_t value[16];

	if (!sent)
		return 0;
	if (base64_decode(sent, value, sizeof(value)) != (ssize_t)sizeof(value))
		return S3_INVALID_DIGEST;
	return memcmp(value, call->req->body_md5, sizeof(value)) == 0 ? 0 : S3_BAD_DIGEST;
}

/* The one x-amz-checksum-* of the request; algo NULL if there is none. */
static int sent_sum(struct s3_call *call, struct s3_sum *ret)
{
	struct s3_sum sum = { 0 };
	const struct s3_algo *algo;

	for (size_t i = 0; (algo = s3_algo_at(i)) != NULL; i++) {
		char name[48];

		snprintf(name, sizeof(name), "x-amz-checksum-%s", algo->name);
		const char *text = sim_header(call->req, name);
		if (!text)
			continue;
		if (sum.algo) {
			call->message =
				"Expecting a single x-amz-checksum- header. Multiple "
				"checksum Types are not allowed.";
			return S3_INVALID_REQUEST;
		}
		if (base64_decode(text, sum.value, algo->len) != (ssize_t)algo->len) {
			call->message = "Value for x-amz-checksum header is invalid.";
			return S3_INVALID_REQUEST;
		}
		sum.algo = algo;
	}
	*ret = sum;
	return 0;
}

int s3_body_verify(struct s3_call *call, struct s3_sum *ret)
{
	const struct sim_req *req = call->req;
	struct s3_sum sum;

	int r = s3_body_verify_md5(call);
	if (r == 0)
		r = sent_sum(call, &sum);
	if (r)
		return r;
	if (sum.algo) {
		uint8_t value[S3_SUM_MAX];

		r = s3_sum_file(sum.algo, req->body_fd, 0, req->body_len, value);
		if (r < 0)
			return r;
		if (memcmp(value, sum.value, sum.algo->len) != 0) {
			call->message = "The checksum you specified did not match the "
					"calculated checksum.";
			return S3_BAD_DIGEST;
		}
	}
	*ret = sum;
	return 0;
}

/* If-None-Match: * and If-Match on a write; `old` may be NULL. */
static int check_write_conditions(const struct sim_req *req, const struct s3_object *old)
{
	const char *match = sim_header(req, "If-Match");
	const char *none = sim_header(req, "If-None-Match");
	char etag[sizeof(old->etag) + 2];

	if (none)
		return !streq(none, "*") ? S3_NOT_IMPLEMENTED
		       : old             ? S3_PRECONDITION_FAILED
					 : S3_OK;
	if (!match)
		return 0;
	if (!old)
		return S3_NO_SUCH_KEY;
	snprintf(etag, sizeof(etag), "\"%s\"", old->etag);
	return streq(match, etag) || streq(match, old->etag) ? S3_OK
							     : S3_PRECONDITION_FAILED;
}

static bool has_condition(const struct sim_req *req)
{
	return sim_header(req, "If-Match") || sim_header(req, "If-None-Match");
}

int s3_object_store(struct s3_call *call, struct s3_object *o)
{
	_cleanup_(s3_object_freep) struct s3_object *owned = o;
	struct s3_hold hold;

	pthread_mutex_lock(&call->sim->mu);
	int r = s3_hold_take(call, has_condition(call->req), &hold);
	if (r == 0) {
		struct s3_bucket *b = hold.bucket;

		r = check_write_conditions(call->req, s3_object_find(b, call->key));
		if (r == 0 && b->config.versioning == S3_UNVERSIONED)
			r = s3_bill_early(call, s3_object_find(b, call->key));
		if (r == 0)
			r = s3_object_put(call->sim, b, steal_ptr(owned));
		if (r == 0)
			s3_version_header(call, b, o);
		s3_hold_drop(call->sim, &hold);
	}
	pthread_mutex_unlock(&call->sim->mu);
	return r;
}

/* All of the object but its data. */
static int object_from_head(struct s3_call *call, struct s3_object **ret)
{
	_cleanup_(s3_object_freep) struct s3_object *o = s3_object_new(call->key);
	if (!o)
		return -ENOMEM;

	int r = s3_upload_class(call, &o->class);
	if (r == 0)
		r = s3_upload_headers(call, &o->headers);
	if (r == 0)
		r = s3_upload_encryption(call, &o->is_kms);
	if (r == 0)
		r = s3_body_verify(call, &o->sum);
	if (r)
		return r;
	const struct sim_req *req = call->req;
	if (!o->sum.algo && !call->sim->has_no_default_sum) {
		const struct s3_algo *algo = s3_algo_find("crc64nvme");

		r = s3_sum_file(algo, req->body_fd, 0, req->body_len, o->sum.value);
		if (r < 0)
			return r;
		o->sum.algo = algo;
	}
	o->size_bytes = req->body_len;
	o->modified_ms = req->now_ms - req->now_ms % 1000;
	hex_encode(req->body_md5, sizeof(req->body_md5), o->etag);
	r = o->is_kms ? s3_etag_hide(o->etag) : 0;
	if (r < 0)
		return r;
	*ret = steal_ptr(o);
	return 0;
}

int s3_put_object(struct s3_call *call)
{
	_cleanup_(s3_object_freep) struct s3_object *o = NULL;
	char id[S3_ID_LEN + 1];

	if (!s3_bucket_exists(call))
		return S3_NO_SUCH_BUCKET;
	int r = object_from_head(call, &o);
	if (r)
		return r;
	r = s3_data_take(call->s3, call->req, id);
	if (r < 0)
		return r;
	memcpy(o->data_id, id, sizeof(id));

	const struct s3_class *class = o->class;
	sim_res_header(call->res, "ETag", "\"%s\"", o->etag);
	s3_encryption_header(call->res, o->is_kms);
	s3_sum_headers(call->res, &o->sum, 0);
	r = s3_object_store(call, steal_ptr(o));
	if (r) {
		s3_data_remove(call->s3, id);
		buf_reset(&call->res->headers);
		return r;
	}
	return s3_bill_put(call, class);
}
