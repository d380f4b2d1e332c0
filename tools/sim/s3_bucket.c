/* SPDX-License-Identifier: Apache-2.0 */
/* s3_bucket - create, find, list and delete buckets. */
#include "s3.h"
#include "str.h"
#include <ctype.h>

bool s3_bucket_name_is_valid(const char *name)
{
	size_t len = strlen(name);

	if (len < 3 || len > S3_BUCKET_MAX)
		return false;
	if (!isalnum((unsigned char)name[0]) || !isalnum((unsigned char)name[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!islower((unsigned char)name[i]) &&
		    !isdigit((unsigned char)name[i]) && name[i] != '-' && name[i] != '.')
			return false;
	return !strstr(name, "..");
}

int s3_list_buckets(struct s3_call *call)
{
	struct buf *out = &call->res->body;

	s3_xml_begin(out, "ListAllMyBucketsResult");
	buf_puts(out, "<Owner>");
	s3_xml_text(out, "ID", SIM_ACCOUNT);
	buf_puts(out, "</Owner><Buckets>");
	pthread_mutex_lock(&call->sim->mu);
	for (size_t i = 0; i < call->s3->n_buckets; i++) {
		const struct s3_bucket *b = call->s3->buckets[i];

		buf_puts(out, "<Bucket>");
		s3_xml_text(out, "Name", b->name);
		s3_xml_time(out, "CreationDate", b->created_ms);
		buf_puts(out, "</Bucket>");
	}
	pthread_mutex_unlock(&call->sim->mu);
	buf_puts(out, "</Buckets></ListAllMyBucketsResult>");
	return s3_bill(call, "request", "s3.list", 1, 0);
}

static int on_location(void *arg, const char *path, const char *text)
{
	struct s3_call *call = arg;

	if (!streq(path, "CreateBucketConfiguration/LocationConstraint"))
		return 0;
	return streq(text, call->sim->region) ? 0 : S3_ILLEGAL_LOCATION;
}

static int check_location(struct s3_call *call)
{
	_buf_ struct buf body = { 0 };

	if (call->req->body_len == 0)
		return 0;
	buf_init(&body, BUF_TEXT_MAX);
	int r = sim_body(call->req, BUF_TEXT_MAX, &body);
	if (r < 0)
		return r == -EFBIG ? S3_MALFORMED_XML : r;
	return s3_xml_read(body.data, body.len, on_location, call);
}

int s3_create_bucket(struct s3_call *call)
{
	int r = check_location(call);
	if (r)
		return r;

	pthread_mutex_lock(&call->sim->mu);
	/* us-east-1 alone still answers 200 to an owner who asks again. */
	if (!s3_bucket_find(call->s3, call->bucket))
		r = s3_bucket_add(call->s3, call->bucket, call->req->now_ms);
	else if (!streq(call->sim->region, "us-east-1"))
		r = S3_BUCKET_OWNED_BY_YOU;
	pthread_mutex_unlock(&call->sim->mu);
	if (r)
		return r;
	sim_res_header(call->res, "Location", "/%s", call->bucket);
	return 0;
}

bool s3_bucket_exists(struct s3_call *call)
{
	pthread_mutex_lock(&call->sim->mu);
	bool found = s3_bucket_find(call->s3, call->bucket) != NULL;
	pthread_mutex_unlock(&call->sim->mu);
	return found;
}

int s3_head_bucket(struct s3_call *call)
{
	if (!s3_bucket_exists(call))
		return S3_NO_SUCH_BUCKET;
	sim_res_header(call->res, "x-amz-bucket-region", "%s", call->sim->region);
	return s3_bill(call, "request", "s3.head", 1, 0);
}

int s3_get_bucket_location(struct s3_call *call)
{
	struct buf *out = &call->res->body;

	if (!s3_bucket_exists(call))
		return S3_NO_SUCH_BUCKET;
	s3_xml_begin(out, "LocationConstraint");
	if (!streq(call->sim->region, "us-east-1"))
		buf_puts(out, call->sim->region);
	buf_puts(out, "</LocationConstraint>");
	return 0;
}

int s3_delete_bucket(struct s3_call *call)
{
	int r = S3_NO_SUCH_BUCKET;

	pthread_mutex_lock(&call->sim->mu);
	struct s3_bucket *b = s3_bucket_find(call->s3, call->bucket);
	if (b)
		r = b->n_objects > 0 || s3_hold_is_owner(call->s3, b)
			    ? (int)S3_BUCKET_NOT_EMPTY
			    : s3_bucket_remove(call->s3, b);
	pthread_mutex_unlock(&call->sim->mu);
	if (r == 0)
		call->res->status = 204;
	return r;
}
