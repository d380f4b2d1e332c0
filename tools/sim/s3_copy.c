/* SPDX-License-Identifier: Apache-2.0 */
/* s3_copy - CopyObject.
 *
 * The copy is an object put whole, whatever its source was: its tag is an MD5 again, its checksum
 * is over the bytes. Data files never change, so a copy is a link.
 *
 * Source: AWS protocol reference sections 2.3 and 2.10, 2026-09; S3 API reference for the headers.
 */
#include "io.h"
#include "s3.h"
#include "str.h"
#include <fcntl.h>
#include <stdio.h>
#include <strings.h>

/* What x-amz-copy-source says, decoded. */
struct source {
	char bucket[S3_BUCKET_MAX + 1];
	char key[S3_KEY_MAX + 1];
	char version_id[S3_ID_LEN + 1]; /* "": the newest */
};

/* [/]bucket/key[?versionId=V] */
static int read_source(struct s3_call *call, struct source *ret)
{
	const char *header = sim_header(call->req, "x-amz-copy-source");
	_buf_ struct buf text = { 0 };

	call->message = "Invalid copy source object key";
	const char *query = strstr(header, "?versionId=");
	size_t len = query ? (size_t)(query - header) : strlen(header);
	*ret = (struct source){ 0 };
	if (query && strlen(query + 11) > S3_ID_LEN)
		return S3_INVALID_ARGUMENT;
	if (query)
		snprintf(ret->version_id, sizeof(ret->version_id), "%s", query + 11);
	buf_init(&text, S3_BUCKET_MAX + S3_KEY_MAX + 3);
	if (percent_decode(&text, header, len, false) < 0 || text.len == 0)
		return S3_INVALID_ARGUMENT;
	const char *at = text.data + (text.data[0] == '/');
	const char *slash = strchr(at, '/');
	if (!slash || slash - at > S3_BUCKET_MAX || !slash[1] ||
	    strlen(slash + 1) > S3_KEY_MAX)
		return S3_INVALID_ARGUMENT;
	snprintf(ret->bucket, sizeof(ret->bucket), "%.*s", (int)(slash - at), at);
	snprintf(ret->key, sizeof(ret->key), "%s", slash + 1);
	call->message = NULL;
	return 0;
}

static bool says(const struct sim_req *req, const char *name, const char *word)
{
	const char *value = sim_header(req, name);

	return value && strcasecmp(value, word) == 0;
}

/* A copy onto itself must change something. */
static int check_itself(struct s3_call *call, const struct source *from)
{
	const struct sim_req *req = call->req;

	if (!streq(from->bucket, call->bucket) || !streq(from->key, call->key) ||
	    from->version_id[0] || says(req, "x-amz-metadata-directive", "REPLACE") ||
	    sim_header(req, "x-amz-storage-class") ||
	    sim_header(req, "x-amz-server-side-encryption"))
		return 0;
	call->message =
		"This copy request is illegal because it is trying to copy an "
		"object to itself without changing the object's metadata, storage "
		"class, website redirect location or encryption attributes.";
	return S3_INVALID_REQUEST;
}

/* Gives the bucket and the object that is copied, if it can be; `mu` is held. */
static int find_source(struct s3_call *call, const struct source *from,
		       struct s3_bucket **ret_bucket, struct s3_object **ret)
{
	const char *match = sim_header(call->req, "x-amz-copy-source-if-match");
	const char *none = sim_header(call->req, "x-amz-copy-source-if-none-match");
	struct s3_bucket *b = s3_bucket_find(call->s3, from->bucket);
	if (!b)
		return S3_NO_SUCH_BUCKET;
	struct s3_object *o = from->version_id[0]
				      ? s3_version_find(b, from->key, from->version_id)
				      : s3_object_find(b, from->key);
	if (!o)
		return from->version_id[0] ? S3_NO_SUCH_VERSION : S3_NO_SUCH_KEY;
	if (o->is_marker) {
		call->message =
			"The source of a copy request may not specifically refer to "
			"a delete marker by version id.";
		return S3_INVALID_REQUEST;
	}
	if ((match && !s3_etag_fits(match, o)) || (none && s3_etag_fits(none, o)))
		return S3_PRECONDITION_FAILED;
	if (!s3_is_readable(b, o, call->req->now_ms))
		return S3_NOT_ACTIVE;
	*ret_bucket = b;
	*ret = o;
	return 0;
}

static int link_data(struct sim_s3 *s3, const struct s3_object *from,
		     struct s3_object *to)
{
	if (!from->data_id[0])
		return 0;
	int r = s3_id_new(to->data_id);
	if (r < 0)
		return r;
	return linkat(s3->data_fd, from->data_id, s3->data_fd, to->data_id, 0) < 0
		       ? -errno
		       : 0;
}

/* All of the copy but its sums. */
static int copy_head(struct s3_call *call, const struct source *from,
		     struct s3_object **ret)
{
	struct s3_bucket *b;
	struct s3_object *old;

	_cleanup_(s3_object_freep) struct s3_object *o = s3_object_new(call->key);
	if (!o)
		return -ENOMEM;
	int r = s3_upload_class(call, &o->class);
	if (r == 0)
		r = s3_upload_encryption(call, &o->is_kms);
	if (r == 0 && says(call->req, "x-amz-metadata-directive", "REPLACE"))
		r = s3_upload_headers(call, &o->headers);
	if (r)
		return r;
	pthread_mutex_lock(&call->sim->mu);
	r = find_source(call, from, &b, &old);
	if (r == 0) {
		o->size_bytes = old->size_bytes;
		o->sum.algo = old->sum.algo;
		if (!o->headers)
			o->headers = strdup(old->headers ? old->headers : "");
		if (b->config.versioning != S3_UNVERSIONED)
			sim_res_header(call->res, "x-amz-copy-source-version-id", "%s",
				       old->version_id);
		r = o->headers ? link_data(call->s3, old, o) : -ENOMEM;
	}
	pthread_mutex_unlock(&call->sim->mu);
	if (r)
		return r;
	o->modified_ms = call->req->now_ms - call->req->now_ms % 1000;
	*ret = steal_ptr(o);
	return 0;
}

/* Reads the data: without `mu`. */
static int copy_sums(struct s3_call *call, struct s3_object *o)
{
	const char *wanted = sim_header(call->req, "x-amz-checksum-algorithm");
	uint8_t md5[16] = { 0 };

	if (wanted)
		o->sum.algo = s3_algo_find(wanted);
	if (!o->sum.algo && (wanted || !call->sim->has_no_default_sum))
		o->sum.algo = s3_algo_find("crc64nvme");
	_close_ int fd = o->data_id[0] ? s3_data_open(call->s3, o->data_id) : -1;
	if (fd < 0 && o->data_id[0])
		return fd;
	int r = dir_sync(call->s3->data_fd);
	if (r == 0)
		r = s3_md5_file(fd, 0, o->size_bytes, md5);
	if (r == 0 && o->sum.algo)
		r = s3_sum_file(o->sum.algo, fd, 0, o->size_bytes, o->sum.value);
	hex_encode(md5, sizeof(md5), o->etag);
	return r == 0 && o->is_kms ? s3_etag_hide(o->etag) : r;
}

static void put_result(struct s3_call *call, const struct s3_object *o)
{
	struct buf *out = &call->res->body;
	char etag[sizeof(o->etag) + 2];

	snprintf(etag, sizeof(etag), "\"%s\"", o->etag);
	s3_xml_begin(out, "CopyObjectResult");
	s3_xml_time(out, "LastModified", o->modified_ms);
	s3_xml_text(out, "ETag", etag);
	if (o->sum.algo) {
		s3_xml_sum(out, o->sum.algo, o->sum.value, 0);
		s3_xml_text(out, "ChecksumType", "FULL_OBJECT");
	}
	buf_puts(out, "</CopyObjectResult>");
	s3_encryption_header(call->res, o->is_kms);
}

int s3_copy_object(struct s3_call *call)
{
	_cleanup_(s3_object_freep) struct s3_object *o = NULL;
	struct source from;
	char id[S3_ID_LEN + 1];

	int r = read_source(call, &from);
	if (r == 0)
		r = check_itself(call, &from);
	if (r == 0)
		r = copy_head(call, &from, &o);
	if (r)
		return r;
	memcpy(id, o->data_id, sizeof(id));
	const struct s3_class *class = o->class;
	r = copy_sums(call, o);
	if (r == 0) {
		put_result(call, o);
		r = s3_object_store(call, steal_ptr(o));
	}
	if (r) {
		s3_data_remove(call->s3, id);
		return r;
	}
	return s3_bill_put(call, class);
}
