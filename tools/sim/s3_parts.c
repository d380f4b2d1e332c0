/* SPDX-License-Identifier: Apache-2.0 */
/* s3_parts - what is being uploaded: ListParts and ListMultipartUploads.
 *
 * Source: AWS protocol reference section 2.8, 2026-09; S3 API reference for the shapes.
 */
#include "s3.h"
#include "str.h"
#include <stdio.h>

static uint64_t number_of(const struct sim_req *req, const char *name, uint64_t or_else)
{
	const char *text = sim_query(req, name);
	uint64_t n;

	return text && str_to_u64(text, &n) == 0 ? n : or_else;
}

static void put_part(struct buf *out, const struct s3_upload *u,
		     const struct s3_upload_part *p)
{
	char hex[33], etag[35];

	hex_encode(p->part.md5, sizeof(p->part.md5), hex);
	snprintf(etag, sizeof(etag), "\"%s\"", hex);
	buf_puts(out, "<Part>");
	s3_xml_u64(out, "PartNumber", p->part.number);
	s3_xml_time(out, "LastModified", p->modified_ms);
	s3_xml_text(out, "ETag", etag);
	s3_xml_u64(out, "Size", p->part.size_bytes);
	if (p->part.has_sum)
		s3_xml_sum(out, u->algo, p->part.sum, 0);
	buf_puts(out, "</Part>");
}

static void put_parts(struct s3_call *call, const struct s3_upload *u)
{
	uint64_t marker = number_of(call->req, "part-number-marker", 0);
	uint64_t max = number_of(call->req, "max-parts", S3_LIST_MAX);
	struct buf *out = &call->res->body;
	uint32_t i = 0, last = 0;

	if (max > S3_LIST_MAX)
		max = S3_LIST_MAX;
	s3_xml_begin(out, "ListPartsResult");
	s3_xml_text(out, "Bucket", call->bucket);
	s3_xml_text(out, "Key", call->key);
	s3_xml_text(out, "UploadId", u->id);
	s3_xml_text(out, "StorageClass", u->class->name);
	s3_xml_u64(out, "PartNumberMarker", marker);
	s3_xml_u64(out, "MaxParts", max);
	while (i < u->n_parts && u->parts[i].part.number <= marker)
		i++;
	for (uint64_t n = 0; n < max && i < u->n_parts; n++, i++) {
		put_part(out, u, &u->parts[i]);
		last = u->parts[i].part.number;
	}
	s3_xml_text(out, "IsTruncated", i < u->n_parts ? "true" : "false");
	s3_xml_u64(out, "NextPartNumberMarker", last);
	buf_puts(out, "</ListPartsResult>");
}

int s3_list_parts(struct s3_call *call)
{
	const char *id = sim_query(call->req, "uploadId");

	pthread_mutex_lock(&call->sim->mu);
	const struct s3_upload *u = s3_upload_find(call->s3, id);
	if (u && (!streq(u->bucket, call->bucket) || !streq(u->key, call->key)))
		u = NULL;
	if (u)
		put_parts(call, u);
	pthread_mutex_unlock(&call->sim->mu);
	return u ? s3_bill(call, "request", "s3.list", 1, 0) : S3_NO_SUCH_UPLOAD;
}

/* Known deviation: one page, unsorted; nobody has a thousand uploads open here. */
int s3_list_multipart_uploads(struct s3_call *call)
{
	struct buf *out = &call->res->body;

	s3_xml_begin(out, "ListMultipartUploadsResult");
	s3_xml_text(out, "Bucket", call->bucket);
	s3_xml_text(out, "IsTruncated", "false");
	pthread_mutex_lock(&call->sim->mu);
	bool has_bucket = s3_bucket_find(call->s3, call->bucket) != NULL;
	for (size_t i = 0; i < call->s3->n_uploads; i++) {
		const struct s3_upload *u = call->s3->uploads[i];

		if (!streq(u->bucket, call->bucket))
			continue;
		buf_puts(out, "<Upload>");
		s3_xml_text(out, "Key", u->key);
		s3_xml_text(out, "UploadId", u->id);
		s3_xml_text(out, "StorageClass", u->class->name);
		s3_xml_time(out, "Initiated", u->initiated_ms);
		buf_puts(out, "</Upload>");
	}
	pthread_mutex_unlock(&call->sim->mu);
	if (!has_bucket)
		return S3_NO_SUCH_BUCKET;
	buf_puts(out, "</ListMultipartUploadsResult>");
	return s3_bill(call, "request", "s3.list", 1, 0);
}
