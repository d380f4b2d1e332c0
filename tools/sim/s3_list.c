/* SPDX-License-Identifier: Apache-2.0 */
/* s3_list - ListObjectsV2, and ListObjects for those who still ask.
 *
 * A page walks the sorted index from where the last one ended. A continuation token is the
 * base64 of "k" and the last key, or "p" and the last common prefix, all of which is then left
 * behind.
 *
 * Source: AWS protocol reference section 2.2, 2026-09.
 */
#include "quirks.h"
#include "s3.h"
#include "str.h"
#include <stdio.h>
#include <strings.h>

#define PAGE_MAX ((size_t)15 << 20)

struct listing {
	struct s3_call *call;
	const char *prefix, *delimiter;
	char after[S3_KEY_MAX + 1]; /* names up to this one have been told */
	bool is_after_prefix;       /* `after` is a common prefix */
	uint64_t max_keys;
	bool has_url_encoding;
	bool wants_restore;
	bool wants_owner;

	struct buf contents, prefixes;
	uint64_t count;
	bool is_truncated;
	char last[S3_KEY_MAX + 1]; /* key or prefix told last */
	bool is_last_prefix;
};

/* As S3 does with encoding-type=url: "/" stays, a blank becomes "+". */
void s3_list_name(struct buf *out, bool has_url_encoding, const char *name,
		  const char *text)
{
	if (!has_url_encoding) {
		s3_xml_text(out, name, text);
		return;
	}
	buf_printf(out, "<%s>", name);
	for (const char *p = text; *p; p++) {
		if (*p == ' ')
			buf_putc(out, '+');
		else
			percent_encode(out, p, 1, "/*");
	}
	buf_printf(out, "</%s>", name);
}

static void put_name(struct buf *out, const struct listing *l, const char *name,
		     const char *text)
{
	s3_list_name(out, l->has_url_encoding, name, text);
}

static void put_owner(struct buf *out)
{
	buf_puts(out, "<Owner>");
	s3_xml_text(out, "ID", SIM_ACCOUNT);
	buf_puts(out, "</Owner>");
}

void s3_list_object(struct buf *out, const struct s3_object *o)
{
	char etag[sizeof(o->etag) + 2];

	snprintf(etag, sizeof(etag), "\"%s\"", o->etag);
	s3_xml_time(out, "LastModified", o->modified_ms);
	s3_xml_text(out, "ETag", etag);
	if (o->sum.algo) {
		s3_xml_text(out, "ChecksumAlgorithm", o->sum.algo->label);
		s3_xml_text(out, "ChecksumType",
			    o->sum.is_composite ? "COMPOSITE" : "FULL_OBJECT");
	}
	s3_xml_u64(out, "Size", o->size_bytes);
}

static void put_object(struct listing *l, const struct s3_object *o)
{
	struct buf *out = &l->contents;

	buf_puts(out, "<Contents>");
	put_name(out, l, "Key", o->key);
	s3_list_object(out, o);
	if (l->wants_owner)
		put_owner(out);
	s3_xml_text(out, "StorageClass", o->class->name);
	if (l->wants_restore)
		s3_restore_xml(out, o, l->call->req->now_ms);
	buf_puts(out, "</Contents>");
}

static void put_prefix(struct listing *l, const char *prefix)
{
	buf_puts(&l->prefixes, "<CommonPrefixes>");
	put_name(&l->prefixes, l, "Prefix", prefix);
	buf_puts(&l->prefixes, "</CommonPrefixes>");
}

size_t s3_list_seek_behind(const struct s3_bucket *b, size_t from, const char *prefix)
{
	size_t len = strlen(prefix), to = b->n_objects;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (strncmp(b->objects[mid]->key, prefix, len) <= 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static size_t first_of(const struct listing *l, const struct s3_bucket *b)
{
	const char *from = strcmp(l->after, l->prefix) > 0 ? l->after : l->prefix;
	size_t i = s3_object_seek(b, from);

	if (l->is_after_prefix)
		return s3_list_seek_behind(b, i, l->after);
	while (i < b->n_objects && strcmp(b->objects[i]->key, l->after) <= 0 &&
	       l->after[0])
		i++;
	return i;
}

bool s3_list_rolled_up(const char *prefix, const char *delimiter, const char *key,
		       char ret[S3_KEY_MAX + 1])
{
	if (!delimiter || !delimiter[0])
		return false;
	const char *at = strstr(key + strlen(prefix), delimiter);
	if (!at)
		return false;
	size_t len = (size_t)(at - key) + strlen(delimiter);
	memcpy(ret, key, len);
	ret[len] = '\0';
	return true;
}

static void walk(struct listing *l, const struct s3_bucket *b)
{
	size_t prefix_len = strlen(l->prefix);
	size_t i = first_of(l, b);

	while (i < b->n_objects && l->max_keys > 0) {
		const struct s3_object *o = b->objects[i];
		char common[S3_KEY_MAX + 1];

		if (strncmp(o->key, l->prefix, prefix_len) != 0)
			return;
		if (o->is_marker) {
			i++;
			continue;
		}
		if (l->count == l->max_keys) {
			l->is_truncated = true;
			return;
		}
		l->count++;
		l->is_last_prefix =
			s3_list_rolled_up(l->prefix, l->delimiter, o->key, common);
		if (l->is_last_prefix) {
			put_prefix(l, common);
			i = s3_list_seek_behind(b, i, common);
		} else {
			put_object(l, o);
			i++;
		}
		snprintf(l->last, sizeof(l->last), "%s",
			 l->is_last_prefix ? common : o->key);
	}
}

static int refuse(struct s3_call *call, const char *message, const char *name)
{
	call->message = message;
	s3_xml_text(&call->extra, "ArgumentName", name);
	return S3_INVALID_ARGUMENT;
}

static int read_token(struct listing *l, const char *token)
{
	char text[S3_KEY_MAX + 2];
	ssize_t n = base64_decode(token, text, sizeof(text) - 1);

	if (n < 1 || (text[0] != 'k' && text[0] != 'p') || memchr(text, '\0', (size_t)n))
		return refuse(l->call, "The continuation token provided is incorrect",
			      "continuation-token");
	text[n] = '\0';
	snprintf(l->after, sizeof(l->after), "%s", text + 1);
	l->is_after_prefix = text[0] == 'p';
	return 0;
}

static int put_token(struct listing *l, struct buf *out)
{
	char text[S3_KEY_MAX + 2];
	int n = snprintf(text, sizeof(text), "%c%s", l->is_last_prefix ? 'p' : 'k',
			 l->last);

	buf_puts(out, "<NextContinuationToken>");
	base64_encode(text, (size_t)n, out);
	return buf_puts(out, "</NextContinuationToken>");
}

int s3_list_query(struct s3_call *call, uint64_t *ret_max_keys,
		  bool *ret_has_url_encoding)
{
	const char *max_keys = sim_query(call->req, "max-keys");
	const char *encoding = sim_query(call->req, "encoding-type");
	uint64_t n = S3_LIST_MAX;

	if (max_keys && (str_to_u64(max_keys, &n) < 0 || n > INT32_MAX))
		return refuse(call,
			      "Provided max-keys not an integer or within integer range",
			      "max-keys");
	if (encoding && !streq(encoding, "url"))
		return refuse(call, "Invalid Encoding Method specified in Request",
			      "encoding-type");
	*ret_max_keys = n;
	*ret_has_url_encoding = encoding != NULL;
	return 0;
}

static int listing_init(struct listing *l, struct s3_call *call)
{
	const struct sim_req *req = call->req;
	const char *attributes = sim_header(req, "x-amz-optional-object-attributes");

	l->call = call;
	l->prefix = sim_query(req, "prefix");
	if (!l->prefix)
		l->prefix = "";
	l->delimiter = sim_query(req, "delimiter");
	l->wants_restore = attributes && strstr(attributes, "RestoreStatus") &&
			   !sim_quirk(call->sim, QUIRK_S3_RESTORE_STATUS);
	buf_init(&l->contents, PAGE_MAX);
	buf_init(&l->prefixes, PAGE_MAX);
	buf_puts(&l->contents, "");
	buf_puts(&l->prefixes, "");
	return s3_list_query(call, &l->max_keys, &l->has_url_encoding);
}

static void listing_done(struct listing *l)
{
	buf_done(&l->contents);
	buf_done(&l->prefixes);
}

/* What both kinds begin with. */
static void put_head(struct listing *l, struct buf *out)
{
	uint64_t asked = l->max_keys;

	s3_xml_begin(out, "ListBucketResult");
	s3_xml_text(out, "Name", l->call->bucket);
	put_name(out, l, "Prefix", l->prefix);
	if (l->delimiter && l->delimiter[0])
		put_name(out, l, "Delimiter", l->delimiter);
	s3_xml_u64(out, "MaxKeys", asked);
	if (l->has_url_encoding)
		s3_xml_text(out, "EncodingType", "url");
	s3_xml_text(out, "IsTruncated", l->is_truncated ? "true" : "false");
}

uint64_t s3_list_page_max(const struct s3_call *call, uint64_t asked)
{
	uint64_t page = (uint64_t)sim_quirk(call->sim, QUIRK_PAGE_SIZE);
	uint64_t most = page ? page : S3_LIST_MAX;

	return asked < most ? asked : most;
}

static int run(struct listing *l)
{
	struct s3_call *call = l->call;

	l->max_keys = s3_list_page_max(call, l->max_keys);
	pthread_mutex_lock(&call->sim->mu);
	const struct s3_bucket *b = s3_bucket_find(call->s3, call->bucket);
	if (b)
		walk(l, b);
	pthread_mutex_unlock(&call->sim->mu);
	if (!b)
		return S3_NO_SUCH_BUCKET;
	return l->contents.err ? l->contents.err : l->prefixes.err;
}

static int finish(struct listing *l, struct buf *out)
{
	buf_add(out, l->contents.data, l->contents.len);
	buf_add(out, l->prefixes.data, l->prefixes.len);
	buf_puts(out, "</ListBucketResult>");
	return s3_bill(l->call, "request", "s3.list", 1, 0);
}

int s3_list_objects_v2(struct s3_call *call)
{
	_cleanup_(listing_done) struct listing l = { 0 };
	const char *token = sim_query(call->req, "continuation-token");
	const char *start = sim_query(call->req, "start-after");
	const char *owner = sim_query(call->req, "fetch-owner");
	struct buf *out = &call->res->body;

	int r = listing_init(&l, call);
	if (r)
		return r;
	l.wants_owner = owner && streq(owner, "true");
	if (token)
		r = read_token(&l, token);
	else if (start)
		snprintf(l.after, sizeof(l.after), "%s", start);
	if (r == 0)
		r = run(&l);
	if (r)
		return r;
	put_head(&l, out);
	s3_xml_u64(out, "KeyCount", l.count);
	if (start)
		put_name(out, &l, "StartAfter", start);
	if (token)
		s3_xml_text(out, "ContinuationToken", token);
	if (l.is_truncated)
		put_token(&l, out);
	return finish(&l, out);
}

int s3_list_objects_v1(struct s3_call *call)
{
	_cleanup_(listing_done) struct listing l = { 0 };
	const char *marker = sim_query(call->req, "marker");
	struct buf *out = &call->res->body;
	int r = listing_init(&l, call);
	if (r)
		return r;
	l.wants_owner = true;
	if (marker && strncmp(marker, l.prefix, strlen(l.prefix)) == 0) {
		char common[S3_KEY_MAX + 1];

		snprintf(l.after, sizeof(l.after), "%s", marker);
		/* NextMarker was a common prefix: what is under it has been told. */
		l.is_after_prefix =
			s3_list_rolled_up(l.prefix, l.delimiter, marker, common) &&
			streq(common, marker);
	} else if (marker) {
		snprintf(l.after, sizeof(l.after), "%s", marker);
	}
	r = run(&l);
	if (r)
		return r;
	put_head(&l, out);
	put_name(out, &l, "Marker", marker ? marker : "");
	if (l.is_truncated && l.delimiter && l.delimiter[0])
		put_name(out, &l, "NextMarker", l.last);
	return finish(&l, out);
}
