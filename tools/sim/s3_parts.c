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
	uint64_t max =
		s3_list_page_max(call, number_of(call->req, "max-parts", S3_LIST_MAX));
	struct buf *out = &call->res->body;
	uint32_t i = 0, last = 0;

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

/* A page of uploads, in the order of keys and then of ids. */
struct page {
	struct s3_call *call;
	const char *prefix, *delimiter;
	const char *key_marker, *id_marker; /* "": from the beginning */
	uint64_t max, count;
	bool has_url_encoding, is_truncated;
	struct buf uploads, prefixes;
	char last_key[S3_KEY_MAX + 1];
	char last_id[S3_ID_LEN + 1];
};

static int by_key(const void *a, const void *b)
{
	const struct s3_upload *const *x = a, *const *y = b;
	int by = strcmp((*x)->key, (*y)->key);

	return by ? by : strcmp((*x)->id, (*y)->id);
}

/* Those of the bucket, sorted; the caller frees. */
static struct s3_upload **sorted(const struct s3_call *call, size_t *ret_n)
{
	const struct sim_s3 *s3 = call->s3;
	struct s3_upload **list = calloc(s3->n_uploads + 1, sizeof(struct s3_upload *));
	size_t n = 0;

	for (size_t i = 0; list && i < s3->n_uploads; i++)
		if (streq(s3->uploads[i]->bucket, call->bucket))
			list[n++] = s3->uploads[i];
	if (list)
		qsort(list, n, sizeof(struct s3_upload *), by_key);
	*ret_n = n;
	return list;
}

static bool is_behind_marker(const struct page *p, const struct s3_upload *u)
{
	int by = strcmp(u->key, p->key_marker);

	if (!p->key_marker[0] || by > 0)
		return true;
	return by == 0 && p->id_marker[0] && strcmp(u->id, p->id_marker) > 0;
}

static void put_upload(struct page *p, const struct s3_upload *u)
{
	struct buf *out = &p->uploads;

	buf_puts(out, "<Upload>");
	s3_list_name(out, p->has_url_encoding, "Key", u->key);
	s3_xml_text(out, "UploadId", u->id);
	s3_xml_text(out, "StorageClass", u->class->name);
	s3_xml_time(out, "Initiated", u->initiated_ms);
	if (u->algo) {
		s3_xml_text(out, "ChecksumAlgorithm", u->algo->label);
		s3_xml_text(out, "ChecksumType",
			    u->is_composite ? "COMPOSITE" : "FULL_OBJECT");
	}
	buf_puts(out, "</Upload>");
}

/* False: the page is full. */
static bool page_add(struct page *p, const struct s3_upload *u)
{
	char common[S3_KEY_MAX + 1];
	bool is_rolled = s3_list_rolled_up(p->prefix, p->delimiter, u->key, common);

	/* Of a common prefix all is told with the first, here or on the page before. */
	if (is_rolled && (streq(common, p->last_key) || streq(common, p->key_marker)))
		return true;
	p->is_truncated = p->count == p->max;
	if (p->is_truncated)
		return false;
	p->count++;
	if (is_rolled) {
		buf_puts(&p->prefixes, "<CommonPrefixes>");
		s3_list_name(&p->prefixes, p->has_url_encoding, "Prefix", common);
		buf_puts(&p->prefixes, "</CommonPrefixes>");
	} else {
		put_upload(p, u);
	}
	snprintf(p->last_key, sizeof(p->last_key), "%s", is_rolled ? common : u->key);
	snprintf(p->last_id, sizeof(p->last_id), "%s", is_rolled ? "" : u->id);
	return true;
}

static int page_fill(struct page *p)
{
	size_t n;
	_free_ struct s3_upload **list = sorted(p->call, &n);
	if (!list)
		return -ENOMEM;

	for (size_t i = 0; i < n && p->max > 0; i++) {
		if (!str_after(list[i]->key, p->prefix) || !is_behind_marker(p, list[i]))
			continue;
		if (!page_add(p, list[i]))
			break;
	}
	return p->uploads.err ? p->uploads.err : p->prefixes.err;
}

static void put_page(const struct page *p)
{
	struct buf *out = &p->call->res->body;
	bool url = p->has_url_encoding;

	s3_xml_begin(out, "ListMultipartUploadsResult");
	s3_xml_text(out, "Bucket", p->call->bucket);
	s3_list_name(out, url, "KeyMarker", p->key_marker);
	s3_xml_text(out, "UploadIdMarker", p->id_marker);
	s3_list_name(out, url, "NextKeyMarker", p->last_key);
	s3_xml_text(out, "NextUploadIdMarker", p->last_id);
	s3_list_name(out, url, "Prefix", p->prefix);
	if (p->delimiter && p->delimiter[0])
		s3_list_name(out, url, "Delimiter", p->delimiter);
	if (url)
		s3_xml_text(out, "EncodingType", "url");
	s3_xml_u64(out, "MaxUploads", p->max);
	s3_xml_text(out, "IsTruncated", p->is_truncated ? "true" : "false");
	buf_add(out, p->uploads.data, p->uploads.len);
	buf_add(out, p->prefixes.data, p->prefixes.len);
	buf_puts(out, "</ListMultipartUploadsResult>");
}

static void page_done(struct page *p)
{
	buf_done(&p->uploads);
	buf_done(&p->prefixes);
}

static const char *query_or_empty(const struct sim_req *req, const char *name)
{
	const char *text = sim_query(req, name);

	return text ? text : "";
}

int s3_list_multipart_uploads(struct s3_call *call)
{
	const struct sim_req *req = call->req;
	const char *encoding = sim_query(req, "encoding-type");
	_cleanup_(page_done) struct page p = {
		.call = call,
		.prefix = query_or_empty(req, "prefix"),
		.delimiter = sim_query(req, "delimiter"),
		.key_marker = query_or_empty(req, "key-marker"),
		.id_marker = query_or_empty(req, "upload-id-marker"),
		.max = s3_list_page_max(call, number_of(req, "max-uploads", S3_LIST_MAX)),
		.has_url_encoding = encoding && streq(encoding, "url"),
	};

	buf_init(&p.uploads, (size_t)8 << 20);
	buf_init(&p.prefixes, (size_t)8 << 20);
	buf_puts(&p.uploads, "");
	buf_puts(&p.prefixes, "");
	pthread_mutex_lock(&call->sim->mu);
	int r = s3_bucket_find(call->s3, call->bucket) ? page_fill(&p)
						       : (int)S3_NO_SUCH_BUCKET;
	pthread_mutex_unlock(&call->sim->mu);
	if (r)
		return r;
	put_page(&p);
	return s3_bill(call, "request", "s3.list", 1, 0);
}
