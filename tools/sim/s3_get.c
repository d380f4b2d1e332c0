/* SPDX-License-Identifier: Apache-2.0 */
/* s3_get - HeadObject, GetObject, GetObjectAttributes.
 *
 * Source: AWS protocol reference sections 2.3 and 2.4, 2026-09.
 */
#include "clock.h"
#include "quirks.h"
#include "s3.h"
#include "str.h"
#include <stdio.h>
#include <strings.h>

/* What of the object is asked for. */
struct span {
	uint64_t off, len;
	bool is_part_of_it;         /* 206 */
	const struct s3_part *part; /* asked for by number, of a multipart object */
};

bool s3_etag_fits(const char *wanted, const struct s3_object *o)
{
	size_t len = strlen(o->etag);

	if (streq(wanted, "*"))
		return true;
	/* A list of quoted tags is looked through; S3 also takes one without quotes. */
	for (const char *p = strstr(wanted, o->etag); p; p = strstr(p + 1, o->etag)) {
		char before = p == wanted ? '"' : p[-1];
		char behind = p[len] ? p[len] : '"';

		if (before == '"' && behind == '"')
			return true;
	}
	return false;
}

/* RFC 7232 section 6: tags go before times. */
static int check_conditions(const struct sim_req *req, const struct s3_object *o)
{
	const char *match = sim_header(req, "If-Match");
	const char *none = sim_header(req, "If-None-Match");
	const char *since = sim_header(req, "If-Modified-Since");
	const char *until = sim_header(req, "If-Unmodified-Since");
	int64_t ms;

	if (match && !s3_etag_fits(match, o))
		return S3_PRECONDITION_FAILED;
	if (!match && until && time_parse_http(until, &ms) == 0 && o->modified_ms > ms)
		return S3_PRECONDITION_FAILED;
	if (none && s3_etag_fits(none, o))
		return S3_NOT_MODIFIED;
	if (!none && since && time_parse_http(since, &ms) == 0 && o->modified_ms <= ms)
		return S3_NOT_MODIFIED;
	return 0;
}

/* "12-34" -> numbers; an absent one leaves false. */
static bool parse_bounds(const char *s, uint64_t *ret_from, uint64_t *ret_to, bool has[2])
{
	char from[24], to[24];
	const char *dash = strchr(s, '-');

	if (!dash || dash - s >= (ptrdiff_t)sizeof(from) ||
	    strlen(dash + 1) >= sizeof(to))
		return false;
	snprintf(from, sizeof(from), "%.*s", (int)(dash - s), s);
	snprintf(to, sizeof(to), "%s", dash + 1);
	has[0] = from[0] != '\0';
	has[1] = to[0] != '\0';
	if (!has[0] && !has[1])
		return false;
	return (!has[0] || str_to_u64(from, ret_from) == 0) &&
	       (!has[1] || str_to_u64(to, ret_to) == 0);
}

/* One range; anything S3 does not understand (several, another unit) gets the whole. */
static int parse_range(const char *header, uint64_t size, struct span *ret)
{
	const char *s = str_after(header, "bytes=");
	uint64_t from = 0, to = 0;
	bool has[2];

	if (!s || !parse_bounds(s, &from, &to, has) || (has[0] && has[1] && to < from))
		return 0;
	if (!has[0]) {
		/* The last `to` bytes. */
		if (to == 0 || size == 0)
			return S3_INVALID_RANGE;
		from = to < size ? size - to : 0;
		to = size - 1;
	} else if (from >= size) {
		return S3_INVALID_RANGE;
	} else if (!has[1] || to >= size) {
		to = size - 1;
	}
	*ret = (struct span){ .off = from, .len = to - from + 1, .is_part_of_it = true };
	return 0;
}

/* Part 1 of an object that was put whole is the object. */
static int find_part(struct s3_call *call, const char *text, const struct s3_object *o,
		     struct span *ret)
{
	uint64_t number, off = 0;

	if (str_to_u64(text, &number) < 0 || number < 1 || number > S3_PARTS_MAX) {
		call->message =
			"Part number must be an integer between 1 and 10000, inclusive";
		return S3_INVALID_ARGUMENT;
	}
	if (o->n_parts == 0 && number == 1) {
		ret->is_part_of_it = o->size_bytes > 0;
		return 0;
	}
	for (uint32_t i = 0; i < o->n_parts; i++) {
		const struct s3_part *p = &o->parts[i];

		if (p->number == number) {
			*ret = (struct span){ off, p->size_bytes, true, p };
			return 0;
		}
		off += p->size_bytes;
	}
	call->message = "The requested partnumber is not satisfiable";
	return S3_INVALID_RANGE;
}

static int find_span(struct s3_call *call, const struct s3_object *o, struct span *ret)
{
	const char *range = sim_header(call->req, "Range");
	const char *part = sim_query(call->req, "partNumber");

	*ret = (struct span){ .len = o->size_bytes };
	if (part && range) {
		call->message = "Cannot specify both Range header and partNumber query "
				"parameter";
		return S3_INVALID_REQUEST;
	}
	if (part)
		return find_part(call, part, o, ret);
	if (!range)
		return 0;
	int r = parse_range(range, o->size_bytes, ret);
	if (r == S3_INVALID_RANGE) {
		s3_xml_text(&call->extra, "RangeRequested", range);
		s3_xml_u64(&call->extra, "ActualObjectSize", o->size_bytes);
	}
	return r;
}

/* The object's own checksum goes with the whole, a part's with the part, none with a range. */
static void sum_headers(struct s3_call *call, const struct s3_object *o,
			const struct span *span)
{
	const char *mode = sim_header(call->req, "x-amz-checksum-mode");

	if (!mode || strcasecmp(mode, "ENABLED") != 0 ||
	    sim_quirk(call->sim, QUIRK_S3_CHECKSUMS))
		return;
	if (span->part && span->part->has_sum) {
		struct s3_sum sum = { .algo = o->sum.algo };

		memcpy(sum.value, span->part->sum, sizeof(sum.value));
		s3_sum_headers(call->res, &sum, 0);
	} else if ((span->len == o->size_bytes && !sim_header(call->req, "Range")) ||
		   sim_quirk(call->sim, QUIRK_S3_RANGE_SUM) == 2) {
		s3_sum_headers(call->res, &o->sum, o->n_parts);
	}
}

/* The part that a range is, where the service would know it. */
static void find_range_part(struct s3_call *call, const struct s3_object *o,
			    struct span *span)
{
	uint64_t off = 0;

	if (sim_quirk(call->sim, QUIRK_S3_RANGE_SUM) != 1)
		return;
	for (uint32_t i = 0; i < o->n_parts; i++) {
		if (off == span->off && o->parts[i].size_bytes == span->len)
			span->part = &o->parts[i];
		off += o->parts[i].size_bytes;
	}
}

static void kept_headers(struct sim_res *res, const char *lines)
{
	while (lines && *lines) {
		const char *colon = strchr(lines, ':');
		const char *end = strchr(lines, '\n');
		char name[256];

		if (!colon || !end || colon > end)
			return;
		snprintf(name, sizeof(name), "%.*s", (int)(colon - lines), lines);
		sim_res_header(res, name, "%.*s", (int)(end - colon - 2), colon + 2);
		lines = end + 1;
	}
}

static void object_headers(struct s3_call *call, const struct s3_object *o,
			   const struct span *span, enum s3_access access)
{
	struct sim_res *res = call->res;
	char modified[40];

	sim_time_http(o->modified_ms, modified);
	sim_res_header(res, "Last-Modified", "%s", modified);
	sim_res_header(res, "ETag", "\"%s\"", o->etag);
	sim_res_header(res, "Accept-Ranges", "bytes");
	s3_encryption_header(res, o->is_kms);
	if (!streq(o->class->name, "STANDARD"))
		sim_res_header(res, "x-amz-storage-class", "%s", o->class->name);
	if (access != S3_FREQUENT)
		sim_res_header(res, "x-amz-archive-status", "%s", s3_access_word(access));
	s3_restore_header(res, o, call->req->now_ms);
	sum_headers(call, o, span);
	kept_headers(res, o->headers);
	if (span->part && sim_query(call->req, "partNumber"))
		sim_res_header(res, "x-amz-mp-parts-count", "%u", o->n_parts);
	if (span->is_part_of_it) {
		res->status = 206;
		sim_res_header(res, "Content-Range", "bytes %llu-%llu/%llu",
			       (unsigned long long)span->off,
			       (unsigned long long)(span->off + span->len - 1),
			       (unsigned long long)o->size_bytes);
	}
}

static int find(struct s3_call *call, const struct s3_bucket **ret_bucket,
		struct s3_object **ret)
{
	const struct s3_bucket *b = s3_bucket_find(call->s3, call->bucket);

	*ret_bucket = b;
	return b ? s3_object_named(call, b, ret) : (int)S3_NO_SUCH_BUCKET;
}

/* The body is not sent to a HEAD, but its length is. */
static int answer_locked(struct s3_call *call, bool is_get)
{
	int64_t now_ms = call->req->now_ms;
	const struct s3_bucket *b;
	struct s3_object *o;
	struct span span;

	int r = find(call, &b, &o);
	if (r == 0)
		r = check_conditions(call->req, o);
	if (r)
		return r;
	enum s3_access access = s3_access_of(b, o, now_ms);
	if (is_get && !s3_is_readable(b, o, now_ms)) {
		s3_xml_text(&call->extra, "StorageClass", o->class->name);
		if (access != S3_FREQUENT)
			s3_xml_text(&call->extra, "AccessTier", s3_access_word(access));
		return S3_INVALID_OBJECT_STATE;
	}
	r = find_span(call, o, &span);
	if (r)
		return r;
	if (!span.part && span.is_part_of_it)
		find_range_part(call, o, &span);
	/* A HEAD has the length without the file. */
	call->res->file_off = span.off;
	call->res->file_len = span.len;
	if (is_get && o->data_id[0]) {
		int fd = s3_data_open(call->s3, o->data_id);
		if (fd < 0)
			return fd;
		call->res->file_fd = fd;
	}
	object_headers(call, o, &span, access);
	if (is_get)
		o->read_ms = now_ms;
	return 0;
}

static int answer(struct s3_call *call, bool is_get)
{
	pthread_mutex_lock(&call->sim->mu);
	int r = answer_locked(call, is_get);
	pthread_mutex_unlock(&call->sim->mu);
	return r;
}

int s3_head_object(struct s3_call *call)
{
	int r = answer(call, false);

	return r ? r : s3_bill(call, "request", "s3.head", 1, 0);
}

static void bill_transfer(struct sim_req *req, uint64_t bytes, void *arg)
{
	(void)arg;
	if (bytes > 0)
		sim_bill_add(req->sim, req, "transfer", "transfer.out.gib", bytes, 0);
}

int s3_get_object(struct s3_call *call)
{
	int r = answer(call, true);
	if (r)
		return r;
	call->res->sent = bill_transfer;
	return s3_bill(call, "request", "s3.get", 1, 0);
}

/* Parts behind `marker`, at most `max`. */
static void part_list(struct buf *out, const struct s3_object *o, uint64_t marker,
		      uint64_t max)
{
	uint32_t from = 0;

	while (from < o->n_parts && o->parts[from].number <= marker)
		from++;
	uint32_t to = o->n_parts - from > max ? from + (uint32_t)max : o->n_parts;
	s3_xml_u64(out, "PartNumberMarker", marker);
	s3_xml_u64(out, "NextPartNumberMarker",
		   to > from ? o->parts[to - 1].number : marker);
	s3_xml_u64(out, "MaxParts", max);
	s3_xml_text(out, "IsTruncated", to < o->n_parts ? "true" : "false");
	for (uint32_t i = from; i < to; i++) {
		buf_puts(out, "<Part>");
		s3_xml_u64(out, "PartNumber", o->parts[i].number);
		s3_xml_u64(out, "Size", o->parts[i].size_bytes);
		s3_xml_sum(out, o->sum.algo, o->parts[i].sum, 0);
		buf_puts(out, "</Part>");
	}
}

static void parts_xml(struct buf *out, const struct s3_object *o, uint64_t marker,
		      uint64_t max)
{
	buf_puts(out, "<ObjectParts>");
	s3_xml_u64(out, "PartsCount", o->n_parts);
	/* Parts without checksums of their own are only counted. */
	if (o->parts[0].has_sum)
		part_list(out, o, marker, max);
	buf_puts(out, "</ObjectParts>");
}

static bool wants(const char *attributes, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = strstr(attributes, name); p; p = strstr(p + 1, name)) {
		bool starts = p == attributes || p[-1] == ',' || p[-1] == ' ';

		if (starts && (p[len] == '\0' || p[len] == ',' || p[len] == ' '))
			return true;
	}
	return false;
}

static uint64_t header_number(const struct sim_req *req, const char *name,
			      uint64_t or_else)
{
	const char *text = sim_header(req, name);
	uint64_t n;

	return text && str_to_u64(text, &n) == 0 ? n : or_else;
}

static int attributes_locked(struct s3_call *call, const char *names)
{
	struct buf *out = &call->res->body;
	const struct s3_bucket *b;
	struct s3_object *o;
	char modified[40];

	int r = find(call, &b, &o);
	if (r)
		return r;
	sim_time_http(o->modified_ms, modified);
	sim_res_header(call->res, "Last-Modified", "%s", modified);
	s3_xml_begin(out, "GetObjectAttributesResponse");
	if (wants(names, "ETag"))
		s3_xml_text(out, "ETag", o->etag);
	if (wants(names, "Checksum") && o->sum.algo) {
		buf_puts(out, "<Checksum>");
		s3_xml_sum(out, o->sum.algo, o->sum.value, 0);
		s3_xml_text(out, "ChecksumType",
			    o->sum.is_composite ? "COMPOSITE" : "FULL_OBJECT");
		buf_puts(out, "</Checksum>");
	}
	if (wants(names, "ObjectParts") && o->n_parts > 0) {
		uint64_t max = header_number(call->req, "x-amz-max-parts", S3_LIST_MAX);

		parts_xml(out, o, header_number(call->req, "x-amz-part-number-marker", 0),
			  max < S3_LIST_MAX ? max : S3_LIST_MAX);
	}
	if (wants(names, "StorageClass") && !streq(o->class->name, "STANDARD"))
		s3_xml_text(out, "StorageClass", o->class->name);
	if (wants(names, "ObjectSize"))
		s3_xml_u64(out, "ObjectSize", o->size_bytes);
	buf_puts(out, "</GetObjectAttributesResponse>");
	return 0;
}

int s3_get_object_attributes(struct s3_call *call)
{
	const char *names = sim_header(call->req, "x-amz-object-attributes");

	if (!names) {
		call->message =
			"The x-amz-object-attributes header specifying the attributes "
			"to be retrieved is either missing or empty";
		return S3_INVALID_ARGUMENT;
	}
	pthread_mutex_lock(&call->sim->mu);
	int r = attributes_locked(call, names);
	pthread_mutex_unlock(&call->sim->mu);
	return r ? r : s3_bill(call, "request", "s3.get", 1, 0);
}
