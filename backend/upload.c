/* SPDX-License-Identifier: Apache-2.0 */
#include "upload.h"
#include "crc.h"
#include "str.h"
#include "upload_call.h"
#include "upload_xml.h"
#include <endian.h>
#include <inttypes.h>
#include <stdio.h>

/* Part of a completion with all parts: number, ETag and checksum in their elements. */
#define PART_XML_MAX ((size_t)256)

static const char *const op_names[] = {
	[UPLOAD_HEAD] = "HeadObject",
	[UPLOAD_PUT] = "PutObject",
	[UPLOAD_BEGIN] = "CreateMultipartUpload",
	[UPLOAD_PART] = "UploadPart",
	[UPLOAD_COMPLETE] = "CompleteMultipartUpload",
	[UPLOAD_ABORT] = "AbortMultipartUpload",
	[UPLOAD_LIST] = "ListMultipartUploads",
	[UPLOAD_PARTS] = "ListParts",
};

const char *upload_op_name(enum upload_op op)
{
	return op_names[op];
}

int uploader_open(const struct backend_cfg *cfg, const atomic_bool *is_ending,
		  struct uploader **ret, struct buf *err)
{
	_cleanup_(uploader_freep) struct uploader *u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;

	u->is_ending = is_ending;
	u->clock = clock_new();
	u->backends = u->clock ? backends_new(u->clock) : NULL;
	if (!u->backends)
		return -ENOMEM;
	if (!str_after(cfg->url, "s3://") || cfg->archive_classes) {
		buf_printf(err, "url %s: must be s3://BUCKET[/PREFIX]", cfg->url);
		return -EINVAL;
	}
	int r = backend_open(u->backends, cfg, &u->backend, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(u);
	return 0;
}

void uploader_free(struct uploader *u)
{
	if (!u)
		return;
	backend_close(u->backend);
	backends_free(u->backends);
	clock_free(u->clock);
	free(u);
}

const char *uploader_prefix(const struct uploader *u)
{
	return u->backend->prefix;
}

const char *uploader_region(const struct uploader *u)
{
	return u->backend->region;
}

const struct upload_counts *uploader_counts(const struct uploader *u)
{
	return &u->counts;
}

static const char *text_of(const struct buf *b)
{
	return b->data ? b->data : "";
}

static const char *whole_type(enum digest_kind kind)
{
	return kind == DIGEST_CRC64NVME ? "FULL_OBJECT" : "COMPOSITE";
}

/* Class and metadata: of what makes an object. */
static int object_set(struct upload_call *c, const struct upload_object *o)
{
	size_t bytes = 0;
	int r = o->storage_class
			? exchange_header(&c->x, "x-amz-storage-class", o->storage_class)
			: 0;

	for (size_t i = 0; r == 0 && i < o->n_meta; i++) {
		_buf_ struct buf value;
		const struct upload_meta *m = &o->meta[i];
		char *name = c->meta_names[i];

		buf_init(&value, (size_t)4 * UPLOAD_META_BYTES);
		r = upload_meta_put(&value, m->value);
		if (r < 0 || value.len == 0)
			continue;
		if (!upload_meta_is_name(m->name))
			return -EINVAL;
		snprintf(name, sizeof(c->meta_names[i]), UPLOAD_META_PREFIX "%s",
			 m->name);
		bytes += strlen(m->name) + value.len;
		r = exchange_header(&c->x, name, value.data);
	}
	if (r == -EMSGSIZE || (r == 0 && bytes > UPLOAD_META_BYTES)) {
		fault_set(&c->x.fault, FAULT_REFUSED, "MetadataTooLarge",
			  "the object's metadata is more than 2048 bytes");
		return -E2BIG;
	}
	return r;
}

/* The checksum of an answer's headers, if it has one, against ours. */
static int answer_check(struct upload_call *c, const struct upload_piece *p,
			struct fault *ret_fault)
{
	const char *text = exchange_answer_header(&c->x, chunked_trailer(p->sum));
	uint8_t value[DIGEST_MAX] = { 0 };
	uint32_t parts;

	if (!p->etag[0])
		return upload_answer_fail(c, "BadAnswer", "the answer has no ETag",
					  ret_fault);
	if (!text)
		return 0;
	if (!upload_sum_parse(p->sum, text, value, &parts) || parts > 0 ||
	    memcmp(value, p->value, digest_len(p->sum)) != 0)
		return upload_answer_fail(
			c, "WrongChecksum",
			"the service has stored other bytes than were sent", ret_fault);
	return 0;
}

/* A body that was sent: what it was, and what the service says of it. */
static int piece_take(struct upload_call *c, uint32_t number, struct upload_piece *ret,
		      struct fault *ret_fault)
{
	const char *etag = exchange_answer_header(&c->x, "etag");
	struct upload_piece p = {
		.number = number,
		.size_bytes = c->body.at,
		.sum = c->body.kind,
	};

	memcpy(p.value, c->body.value, sizeof(p.value));
	s3_etag_copy(etag ? etag : "", p.etag);
	int r = answer_check(c, &p, ret_fault);
	if (r == 0)
		*ret = p;
	return r;
}

int upload_put(struct uploader *u, const struct upload_object *o,
	       const struct upload_source *s, struct upload_piece *ret,
	       struct fault *ret_fault)
{
	_cleanup_(upload_call_done) struct upload_call c;

	int r = upload_call_init(&c, u, UPLOAD_PUT, "PUT", o->key);
	if (r == 0)
		r = exchange_header(&c.x, "if-none-match", "*");
	if (r == 0)
		r = object_set(&c, o);
	if (r == 0)
		r = upload_body_set(&c, s, o->sum);
	if (r < 0)
		return upload_call_fail(&c, r, ret_fault);
	r = upload_call_run(&c, ret_fault);
	return r < 0 ? r : piece_take(&c, 0, ret, ret_fault);
}

int upload_begin(struct uploader *u, const struct upload_object *o,
		 char ret_id[UPLOAD_ID_MAX], struct fault *ret_fault)
{
	_cleanup_(upload_call_done) struct upload_call c;

	int r = upload_call_init(&c, u, UPLOAD_BEGIN, "POST", o->key);
	if (r == 0)
		r = upload_query_put(&c, "uploads", "");
	if (r == 0)
		r = exchange_header(&c.x, "x-amz-checksum-algorithm",
				    digest_name(o->sum));
	if (r == 0)
		r = exchange_header(&c.x, "x-amz-checksum-type", whole_type(o->sum));
	if (r == 0)
		r = object_set(&c, o);
	if (r < 0)
		return upload_call_fail(&c, r, ret_fault);
	r = upload_call_run(&c, ret_fault);
	if (r < 0)
		return r;
	r = upload_begun_parse(text_of(&c.x.answer), c.x.answer.len, ret_id);
	return r < 0 ? upload_answer_fail(&c, "BadAnswer",
					  "an upload was begun without an id", ret_fault)
		     : 0;
}

int upload_part(struct uploader *u, const struct upload_object *o, const char *id,
		uint32_t number, const struct upload_source *s, struct upload_piece *ret,
		struct fault *ret_fault)
{
	_cleanup_(upload_call_done) struct upload_call c;
	char text[16];

	snprintf(text, sizeof(text), "%u", number);
	int r = upload_call_init(&c, u, UPLOAD_PART, "PUT", o->key);
	if (r == 0)
		r = upload_query_put(&c, "partNumber", text);
	if (r == 0)
		r = upload_query_put(&c, "uploadId", id);
	if (r == 0)
		r = upload_body_set(&c, s, o->sum);
	if (r < 0)
		return upload_call_fail(&c, r, ret_fault);
	r = upload_call_run(&c, ret_fault);
	return r < 0 ? r : piece_take(&c, number, ret, ret_fault);
}

/* "BASE64", of parts "BASE64-N". */
static int whole_put(struct upload_call *c, enum digest_kind kind,
		     const uint8_t value[DIGEST_MAX], size_t n)
{
	_buf_ struct buf text;

	buf_init(&text, 128);
	base64_encode(value, digest_len(kind), &text);
	if (kind == DIGEST_SHA256)
		buf_printf(&text, "-%zu", n);
	return text.err ? text.err
			: exchange_header(&c->x, chunked_trailer(kind), text.data);
}

/* What the whole has to be. */
static int complete_ask(struct upload_call *c, const struct upload_object *o,
			const struct upload_piece *parts, size_t n,
			struct upload_piece *whole)
{
	*whole = (struct upload_piece){ .sum = o->sum };
	for (size_t i = 0; i < n; i++) {
		whole->size_bytes += parts[i].size_bytes;
		if (parts[i].number != i + 1 || parts[i].sum != o->sum)
			return -EINVAL;
	}
	int r = upload_sum_of_parts(parts, n, whole->value);
	if (r == 0)
		r = whole_put(c, o->sum, whole->value, n);
	if (r == 0)
		r = exchange_header(&c->x, "x-amz-checksum-type", whole_type(o->sum));
	if (r == 0)
		r = upload_header_put(c, "x-amz-mp-object-size", whole->size_bytes);
	if (r == 0)
		r = exchange_header(&c->x, "if-none-match", "*");
	if (r == 0)
		r = exchange_header(&c->x, "content-type", "application/xml");
	c->x.body.max_len = (n + 1) * PART_XML_MAX;
	c->x.is_patient = true;
	return r < 0 ? r : upload_complete_put(&c->x.body, parts, n);
}

int upload_complete(struct uploader *u, const struct upload_object *o, const char *id,
		    const struct upload_piece *parts, size_t n, struct upload_piece *ret,
		    struct fault *ret_fault)
{
	_cleanup_(upload_call_done) struct upload_call c;
	struct upload_piece whole, told;

	int r = upload_call_init(&c, u, UPLOAD_COMPLETE, "POST", o->key);
	if (r == 0)
		r = upload_query_put(&c, "uploadId", id);
	if (r == 0)
		r = complete_ask(&c, o, parts, n, &whole);
	if (r < 0)
		return upload_call_fail(&c, r, ret_fault);
	r = upload_call_run(&c, ret_fault);
	if (r < 0)
		return r;
	r = upload_completed_parse(text_of(&c.x.answer), c.x.answer.len, &told);
	if (r < 0)
		return upload_answer_fail(&c, "BadAnswer",
					  "a completion was answered by something else",
					  ret_fault);
	if (told.sum == o->sum &&
	    memcmp(told.value, whole.value, digest_len(o->sum)) != 0)
		return upload_answer_fail(
			&c, "WrongChecksum",
			"the service has put other bytes together than the "
			"parts were",
			ret_fault);
	memcpy(whole.etag, told.etag, sizeof(whole.etag));
	*ret = whole;
	return 0;
}

int upload_abort(struct uploader *u, const char *key, const char *id,
		 struct fault *ret_fault)
{
	_cleanup_(upload_call_done) struct upload_call c;

	int r = upload_call_init(&c, u, UPLOAD_ABORT, "DELETE", key);
	if (r == 0)
		r = upload_query_put(&c, "uploadId", id);
	if (r < 0)
		return upload_call_fail(&c, r, ret_fault);
	r = upload_call_run(&c, ret_fault);
	return r == -ENOENT && streq(c.x.fault.code, "NoSuchUpload") ? 0 : r;
}

/* ---- What is there ---- */

static void head_sum(struct upload_call *c, struct upload_head *h)
{
	static const enum digest_kind kinds[] = { DIGEST_SHA256, DIGEST_CRC64NVME };

	for (size_t i = 0; h->sum == DIGEST_NONE && i < ARRAY_SIZE(kinds); i++) {
		const char *text =
			exchange_answer_header(&c->x, chunked_trailer(kinds[i]));
		if (text && upload_sum_parse(kinds[i], text, h->value, &h->parts))
			h->sum = kinds[i];
	}
}

int upload_head(struct uploader *u, const char *key, struct upload_head *ret,
		struct fault *ret_fault)
{
	_cleanup_(upload_call_done) struct upload_call c;

	int r = upload_call_init(&c, u, UPLOAD_HEAD, "HEAD", key);
	if (r == 0)
		r = exchange_header(&c.x, "x-amz-checksum-mode", "ENABLED");
	if (r < 0)
		return upload_call_fail(&c, r, ret_fault);
	r = upload_call_run(&c, ret_fault);
	if (r < 0)
		return r;
	const char *etag = exchange_answer_header(&c.x, "etag");
	const char *size = exchange_answer_header(&c.x, "content-length");
	const char *class = exchange_answer_header(&c.x, "x-amz-storage-class");
	struct upload_head h = { .sum = DIGEST_NONE };
	if (!etag || !size || str_to_u64(size, &h.size_bytes) < 0)
		return upload_answer_fail(
			&c, "BadAnswer",
			"HeadObject answered without an ETag or a length", ret_fault);
	s3_etag_copy(etag, h.etag);
	snprintf(h.storage_class, sizeof(h.storage_class), "%s",
		 class ? class : "STANDARD");
	head_sum(&c, &h);
	h.meta_len = upload_meta_take(&c.x.answer_headers, h.meta, sizeof(h.meta));
	*ret = h;
	return 0;
}

/* A page of a listing, from where `page` is; then it is where the next begins. */
static int list_page(struct uploader *u, const char *prefix, struct upload_page *page,
		     int (*each)(void *arg, const struct upload_pending *p), void *arg,
		     struct fault *ret_fault)
{
	_cleanup_(upload_call_done) struct upload_call c;

	int r = upload_call_init(&c, u, UPLOAD_LIST, "GET", "");
	if (r == 0)
		r = upload_query_put(&c, "uploads", "");
	if (r == 0)
		r = upload_query_put(&c, "encoding-type", "url");
	if (r == 0)
		r = upload_query_put(&c, "prefix", prefix);
	if (r == 0 && page->key[0])
		r = upload_query_put(&c, "key-marker", page->key);
	if (r == 0 && page->id[0])
		r = upload_query_put(&c, "upload-id-marker", page->id);
	if (r < 0)
		return upload_call_fail(&c, r, ret_fault);
	r = upload_call_run(&c, ret_fault);
	if (r < 0)
		return r;
	struct upload_page next;
	r = upload_list_parse(text_of(&c.x.answer), c.x.answer.len, &next, each, arg);
	bool is_stuck = r == 0 && next.is_truncated &&
			(!next.key[0] ||
			 (streq(next.key, page->key) && streq(next.id, page->id)));
	*page = next;
	return r == -EBADMSG || is_stuck
		       ? upload_answer_fail(&c, "BadAnswer", "not a listing of uploads",
					    ret_fault)
		       : r;
}

int upload_list(struct uploader *u, const char *prefix,
		int (*each)(void *arg, const struct upload_pending *p), void *arg,
		struct fault *ret_fault)
{
	struct upload_page page = { .is_truncated = true };
	int r = 0;

	while (r == 0 && page.is_truncated)
		r = list_page(u, prefix, &page, each, arg, ret_fault);
	return r;
}

static int parts_page(struct upload_call *c, struct upload_page *page,
		      int (*each)(void *arg, const struct upload_piece *p), void *arg,
		      struct fault *ret_fault)
{
	struct upload_page next;

	int r = upload_call_run(c, ret_fault);
	if (r < 0)
		return r;
	r = upload_parts_parse(text_of(&c->x.answer), c->x.answer.len, &next, each, arg);
	bool is_stuck = r == 0 && next.is_truncated && next.number <= page->number;
	*page = next;
	return r == -EBADMSG || is_stuck
		       ? upload_answer_fail(c, "BadAnswer", "not a listing of parts",
					    ret_fault)
		       : r;
}

int upload_parts(struct uploader *u, const char *key, const char *id,
		 int (*each)(void *arg, const struct upload_piece *p), void *arg,
		 struct fault *ret_fault)
{
	struct upload_page page = { .is_truncated = true };
	int r = 0;

	while (r == 0 && page.is_truncated) {
		_cleanup_(upload_call_done) struct upload_call c;
		char marker[24];

		snprintf(marker, sizeof(marker), "%" PRIu64, page.number);
		r = upload_call_init(&c, u, UPLOAD_PARTS, "GET", key);
		if (r == 0)
			r = upload_query_put(&c, "uploadId", id);
		if (r == 0)
			r = upload_query_put(&c, "part-number-marker", marker);
		r = r < 0 ? upload_call_fail(&c, r, ret_fault)
			  : parts_page(&c, &page, each, arg, ret_fault);
	}
	return r;
}

static uint64_t crc_of(const struct upload_piece *p)
{
	uint64_t value;

	memcpy(&value, p->value, sizeof(value));
	return be64toh(value);
}

int upload_sum_of_parts(const struct upload_piece *parts, size_t n,
			uint8_t ret[DIGEST_MAX])
{
	enum digest_kind kind = n > 0 ? parts[0].sum : DIGEST_NONE;
	_cleanup_(digest_freep) struct digest *d =
		kind == DIGEST_SHA256 ? digest_new(kind) : NULL;
	uint64_t crc = 0;

	if (kind != DIGEST_CRC64NVME && kind != DIGEST_SHA256)
		return -EINVAL;
	if (kind == DIGEST_SHA256 && !d)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (parts[i].sum != kind)
			return -EINVAL;
		if (d)
			digest_add(d, parts[i].value, digest_len(kind));
		else
			crc = crc_join(CRC_64NVME, crc, crc_of(&parts[i]),
				       parts[i].size_bytes);
	}
	uint64_t sent = htobe64(crc); /* as the header has it */
	memset(ret, 0, DIGEST_MAX);
	if (d)
		digest_end(d, ret);
	else
		memcpy(ret, &sent, sizeof(sent));
	return 0;
}
