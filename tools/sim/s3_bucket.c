/* SPDX-License-Identifier: Apache-2.0 */
/* s3_bucket - create, find, list and delete buckets. */
#include "s3.h"
#include "str.h"
#include <ctype.h>
#include <stdio.h>

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

struct location {
	char region[S3_REGION_MAX + 1];
};

static int on_location(void *arg, const char *path, const char *text)
{
	struct location *l = arg;

	if (!streq(path, "CreateBucketConfiguration/LocationConstraint"))
		return 0;
	if (strlen(text) >= sizeof(l->region))
		return S3_ILLEGAL_LOCATION;
	memcpy(l->region, text, strlen(text) + 1);
	return 0;
}

/* Calls signed for us-east-1 may create buckets in every region, others in their own. */
static int read_location(struct s3_call *call, struct location *ret)
{
	char key[S3_OWNER_MAX + 1], region[S3_REGION_MAX + 1];

	*ret = (struct location){ 0 };
	s3_signed_by(call->req, key, region);
	int r = call->req->body_len > 0 ? s3_body_read_xml(call, on_location, ret) : 0;
	if (r)
		return r;
	if (!ret->region[0])
		memcpy(ret->region, region, sizeof(region));
	return streq(region, "us-east-1") || streq(ret->region, region)
		       ? S3_OK
		       : S3_ILLEGAL_LOCATION;
}

static int create_locked(struct s3_call *call, const struct location *location)
{
	struct s3_bucket *b = s3_bucket_find(call->s3, call->bucket);

	/* us-east-1 alone still answers 200 to an owner who asks again. */
	if (b)
		return streq(s3_region_of(call->sim, b), "us-east-1")
			       ? S3_OK
			       : S3_BUCKET_OWNED_BY_YOU;
	int r = s3_bucket_add(call->s3, call->bucket, call->req->now_ms);
	if (r < 0 || streq(location->region, call->sim->region))
		return r;
	b = s3_bucket_find(call->s3, call->bucket);
	memcpy(b->config.region, location->region, sizeof(b->config.region));
	return s3_bucket_save(b);
}

int s3_create_bucket(struct s3_call *call)
{
	struct location location;

	int r = read_location(call, &location);
	if (r)
		return r;
	pthread_mutex_lock(&call->sim->mu);
	r = create_locked(call, &location);
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

/* The bucket's region into `ret`; false: there is no such bucket. */
static bool region_find(struct s3_call *call, char ret[S3_REGION_MAX + 1])
{
	pthread_mutex_lock(&call->sim->mu);
	const struct s3_bucket *b = s3_bucket_find(call->s3, call->bucket);
	if (b)
		snprintf(ret, S3_REGION_MAX + 1, "%s", s3_region_of(call->sim, b));
	pthread_mutex_unlock(&call->sim->mu);
	return b != NULL;
}

int s3_head_bucket(struct s3_call *call)
{
	char region[S3_REGION_MAX + 1];

	if (!region_find(call, region))
		return S3_NO_SUCH_BUCKET;
	sim_res_header(call->res, "x-amz-bucket-region", "%s", region);
	return s3_bill(call, "request", "s3.head", 1, 0);
}

int s3_get_bucket_location(struct s3_call *call)
{
	char region[S3_REGION_MAX + 1];
	struct buf *out = &call->res->body;

	if (!region_find(call, region))
		return S3_NO_SUCH_BUCKET;
	s3_xml_begin(out, "LocationConstraint");
	if (!streq(region, "us-east-1"))
		buf_puts(out, region);
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
