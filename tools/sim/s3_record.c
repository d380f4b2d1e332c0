/* SPDX-License-Identifier: Apache-2.0 */
/* s3_record - objects, uploads and parts as JSON documents.
 *
 * Keys and headers may hold any bytes, so they are percent-encoded; digests are hex.
 */
#include "json.h"
#include "s3.h"
#include "str.h"

/* Left as they are, for the eye. */
#define PLAIN "/ :;=,+@()"

static void put_hex(struct buf *out, const char *name, const uint8_t *value, size_t len)
{
	char hex[2 * S3_SUM_MAX + 1];

	hex_encode(value, len, hex);
	buf_printf(out, ",\"%s\":\"%s\"", name, hex);
}

static void put_text(struct buf *out, const char *name, const char *text)
{
	if (!text)
		return;
	buf_printf(out, ",\"%s\":\"", name);
	percent_encode(out, text, strlen(text), PLAIN);
	buf_putc(out, '"');
}

static void put_ms(struct buf *out, const char *name, int64_t ms)
{
	buf_printf(out, ",\"%s\":%lld", name, (long long)ms);
}

static void put_part(struct buf *out, const struct s3_part *p, const struct s3_algo *algo)
{
	buf_printf(out, "{\"number\":%u,\"size\":%llu", p->number,
		   (unsigned long long)p->size_bytes);
	put_hex(out, "md5", p->md5, sizeof(p->md5));
	if (p->has_sum)
		put_hex(out, "sum", p->sum, algo->len);
}

static void put_sum(struct buf *out, const struct s3_sum *sum)
{
	if (!sum->algo)
		return;
	buf_printf(out, ",\"algorithm\":\"%s\",\"composite\":%s", sum->algo->name,
		   sum->is_composite ? "true" : "false");
	put_hex(out, "sum", sum->value, sum->algo->len);
}

static void put_restore(struct buf *out, const struct s3_restore *r)
{
	if (!r->requested_ms)
		return;
	buf_printf(out, ",\"restore\":{\"tier\":%d,\"days\":%u", (int)r->tier, r->days);
	put_ms(out, "requested", r->requested_ms);
	put_ms(out, "done", r->done_ms);
	put_ms(out, "expiry", r->expiry_ms);
	buf_putc(out, '}');
}

int s3_record_object_write(struct buf *out, const struct s3_object *o)
{
	buf_printf(out,
		   "{\"version\":\"%s\",\"data\":\"%s\",\"size\":%llu,\"etag\":\"%s\"",
		   o->version_id, o->data_id, (unsigned long long)o->size_bytes, o->etag);
	put_text(out, "key", o->key);
	buf_printf(out, ",\"seq\":%llu,\"marker\":%s", (unsigned long long)o->seq,
		   o->is_marker ? "true" : "false");
	put_ms(out, "modified", o->modified_ms);
	put_text(out, "class", o->class->name);
	put_text(out, "headers", o->headers);
	if (o->is_kms)
		buf_puts(out, ",\"kms\":true");
	if (o->access != S3_FREQUENT)
		buf_printf(out, ",\"access\":\"%s\"", s3_access_word(o->access));
	put_sum(out, &o->sum);
	put_restore(out, &o->restore);
	if (o->n_parts > 0) {
		buf_puts(out, ",\"parts\":[");
		for (uint32_t i = 0; i < o->n_parts; i++) {
			if (i > 0)
				buf_puts(out, ",\n");
			put_part(out, &o->parts[i], o->sum.algo);
			buf_putc(out, '}');
		}
		buf_putc(out, ']');
	}
	return buf_puts(out, "}\n");
}

int s3_record_upload_write(struct buf *out, const struct s3_upload *u)
{
	buf_printf(out, "{\"id\":\"%s\",\"bucket\":\"%s\"", u->id, u->bucket);
	put_text(out, "key", u->key);
	put_text(out, "class", u->class->name);
	put_text(out, "headers", u->headers);
	put_ms(out, "initiated", u->initiated_ms);
	if (u->is_kms)
		buf_puts(out, ",\"kms\":true");
	if (u->algo)
		buf_printf(out, ",\"algorithm\":\"%s\",\"composite\":%s", u->algo->name,
			   u->is_composite ? "true" : "false");
	return buf_puts(out, "}\n");
}

int s3_record_part_write(struct buf *out, const struct s3_upload *u,
			 const struct s3_upload_part *p)
{
	put_part(out, &p->part, u->algo);
	put_ms(out, "modified", p->modified_ms);
	return buf_printf(out, ",\"data\":\"%s\"}\n", p->data_id);
}

/* Fills `ret`, or answers false if the member is not there or does not fit. */
static bool get_id(struct json_object *o, const char *name, char *ret, size_t room)
{
	const char *s;

	if (json_str(o, name, &s) < 0 || strlen(s) >= room)
		return false;
	memcpy(ret, s, strlen(s) + 1);
	return true;
}

static bool get_ms(struct json_object *o, const char *name, int64_t *ret)
{
	uint64_t v;

	if (json_u64(o, name, &v) < 0 || v > INT64_MAX)
		return false;
	*ret = (int64_t)v;
	return true;
}

static bool get_u32(struct json_object *o, const char *name, uint32_t *ret)
{
	uint64_t v;

	if (json_u64(o, name, &v) < 0 || v > UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

/* Decoded; NULL if absent. */
static char *get_text(struct json_object *o, const char *name)
{
	_buf_ struct buf text = { 0 };
	const char *s;

	if (json_str(o, name, &s) < 0)
		return NULL;
	buf_init(&text, BUF_TEXT_MAX);
	buf_add(&text, "", 0);
	percent_decode(&text, s, strlen(s), false);
	return buf_steal(&text);
}

static bool get_hex(struct json_object *o, const char *name, uint8_t *ret, size_t len)
{
	const char *s;

	return json_str(o, name, &s) == 0 && hex_decode(s, ret, len) == 0;
}

static bool get_algo(struct json_object *o, const struct s3_algo **ret,
		     bool *ret_composite)
{
	const char *s;

	if (json_str(o, "algorithm", &s) < 0)
		return true;
	*ret = s3_algo_find(s);
	return *ret && json_boolean(o, "composite", ret_composite) == 0;
}

static bool get_class(struct json_object *o, const struct s3_class **ret)
{
	const char *s;

	if (json_str(o, "class", &s) < 0)
		return false;
	*ret = s3_class_find(s);
	return *ret != NULL;
}

static bool get_part(struct json_object *o, const struct s3_algo *algo,
		     struct s3_part *ret)
{
	struct s3_part p = { 0 };

	if (!o || !get_u32(o, "number", &p.number) ||
	    json_u64(o, "size", &p.size_bytes) < 0 ||
	    !get_hex(o, "md5", p.md5, sizeof(p.md5)))
		return false;
	p.has_sum = algo && get_hex(o, "sum", p.sum, algo->len);
	*ret = p;
	return true;
}

static bool get_parts(struct json_object *doc, struct s3_object *o)
{
	struct json_object *array;
	size_t n;

	if (json_array(doc, "parts", &array, &n) < 0 || n == 0)
		return true;
	if (n > S3_PARTS_MAX)
		return false;
	o->parts = calloc(n, sizeof(*o->parts));
	if (!o->parts)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!get_part(json_at(array, i), o->sum.algo, &o->parts[o->n_parts++]))
			return false;
	return true;
}

static bool get_restore(struct json_object *doc, struct s3_restore *ret)
{
	struct json_object *o;
	uint32_t tier;

	if (json_child(doc, "restore", &o) < 0)
		return true;
	if (!get_u32(o, "tier", &tier) || tier >= S3_TIERS ||
	    !get_u32(o, "days", &ret->days) ||
	    !get_ms(o, "requested", &ret->requested_ms) ||
	    !get_ms(o, "done", &ret->done_ms) || !get_ms(o, "expiry", &ret->expiry_ms))
		return false;
	ret->tier = (enum s3_tier)tier;
	return true;
}

static bool get_object(struct json_object *doc, struct s3_object *o)
{
	struct s3_sum *sum = &o->sum;

	if (!get_id(doc, "version", o->version_id, sizeof(o->version_id)) ||
	    !get_id(doc, "data", o->data_id, sizeof(o->data_id)) ||
	    !get_id(doc, "etag", o->etag, sizeof(o->etag)) ||
	    json_u64(doc, "size", &o->size_bytes) < 0 ||
	    !get_ms(doc, "modified", &o->modified_ms) || !get_class(doc, &o->class))
		return false;
	if (!get_algo(doc, &sum->algo, &sum->is_composite))
		return false;
	if (sum->algo && !get_hex(doc, "sum", sum->value, sum->algo->len))
		return false;
	o->headers = get_text(doc, "headers");
	/* Older records have neither. */
	json_u64(doc, "seq", &o->seq);
	json_boolean(doc, "marker", &o->is_marker);
	json_boolean(doc, "kms", &o->is_kms);
	const char *access;
	if (json_str(doc, "access", &access) == 0 && !s3_access_read(access, &o->access))
		return false;
	return get_restore(doc, &o->restore) && get_parts(doc, o);
}

int s3_record_object_read(const char *data, size_t len, struct s3_object **ret)
{
	_cleanup_(json_freep) struct json_object *doc = json_parse(data, len);
	if (!doc)
		return -EBADMSG;

	_free_ char *key = get_text(doc, "key");
	if (!key)
		return -EBADMSG;
	_cleanup_(s3_object_freep) struct s3_object *o = s3_object_new(key);
	if (!o)
		return -ENOMEM;
	if (!get_object(doc, o))
		return -EBADMSG;
	*ret = steal_ptr(o);
	return 0;
}

int s3_record_upload_read(const char *data, size_t len, struct s3_upload **ret)
{
	_cleanup_(json_freep) struct json_object *doc = json_parse(data, len);
	if (!doc)
		return -EBADMSG;

	_cleanup_(s3_upload_freep) struct s3_upload *u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	u->key = get_text(doc, "key");
	u->headers = get_text(doc, "headers");
	json_boolean(doc, "kms", &u->is_kms);
	if (!u->key || !get_id(doc, "id", u->id, sizeof(u->id)) ||
	    !get_id(doc, "bucket", u->bucket, sizeof(u->bucket)) ||
	    !get_ms(doc, "initiated", &u->initiated_ms) || !get_class(doc, &u->class) ||
	    !get_algo(doc, &u->algo, &u->is_composite))
		return -EBADMSG;
	*ret = steal_ptr(u);
	return 0;
}

int s3_record_part_read(const char *data, size_t len, const struct s3_upload *u,
			struct s3_upload_part *ret)
{
	_cleanup_(json_freep) struct json_object *doc = json_parse(data, len);
	struct s3_upload_part p = { 0 };

	if (!doc || !get_part(doc, u->algo, &p.part) ||
	    !get_id(doc, "data", p.data_id, sizeof(p.data_id)) ||
	    !get_ms(doc, "modified", &p.modified_ms))
		return -EBADMSG;
	*ret = p;
	return 0;
}
