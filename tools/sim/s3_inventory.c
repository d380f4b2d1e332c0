/* SPDX-License-Identifier: Apache-2.0 */
/* s3_inventory - S3 Inventory: a bucket's objects as files in another bucket, once a day or week.
 *
 *	PREFIX/SOURCE/ID/data/UUID.csv.gz
 *	PREFIX/SOURCE/ID/YYYY-MM-DDTHH-MMZ/manifest.json, and last manifest.checksum
 *
 * One is due at the first midnight UTC (of a Sunday, if weekly) behind the last, or behind its
 * configuration; a clock that jumps over several gets the latest. Known deviations: CSV only;
 * one data file; no hive/; not billed.
 *
 * Source: AWS protocol reference section 2.6, 2026-09.
 */
#include "json.h"
#include "log.h"
#include "s3.h"
#include "str.h"
#include <limits.h>
#include <stdio.h>
#include <zlib.h>

#include "io.h"

#define WORD_MAX   256
#define REPORT_MAX ((size_t)1 << 30)

struct s3_inventory {
	struct s3_inventory *next;
	char *document;  /* as it was put */
	int64_t last_ms; /* taken, or configured */
	char id[WORD_MAX];
	char to_bucket[S3_BUCKET_MAX + 1];
	char to_prefix[WORD_MAX];
	char prefix[WORD_MAX]; /* of the keys that are listed */
	unsigned int fields;   /* bits of `fields` below */
	bool is_enabled, is_weekly, has_all_versions;
};

/* What a row is made of. */
struct row {
	const struct s3_bucket *bucket;
	const struct s3_object *object;
	int64_t now_ms;
};

static void put_size(struct buf *out, const struct row *r)
{
	if (!r->object->is_marker)
		buf_printf(out, "%llu", (unsigned long long)r->object->size_bytes);
}

static void put_modified(struct buf *out, const struct row *r)
{
	char iso[32];

	sim_time_iso(r->object->modified_ms, iso);
	buf_puts(out, iso);
}

static void put_etag(struct buf *out, const struct row *r)
{
	buf_puts(out, r->object->etag);
}

static void put_class(struct buf *out, const struct row *r)
{
	if (!r->object->is_marker)
		buf_puts(out, r->object->class->name);
}

static void put_multipart(struct buf *out, const struct row *r)
{
	buf_puts(out, r->object->n_parts > 0 ? "true" : "false");
}

static void put_encryption(struct buf *out, const struct row *r)
{
	buf_puts(out, r->object->is_kms ? "SSE-KMS" : "SSE-S3");
}

static void put_access(struct buf *out, const struct row *r)
{
	enum s3_access access = s3_access_of(r->bucket, r->object, r->now_ms);

	if (s3_class_is_tiering(r->object->class))
		buf_puts(out,
			 access == S3_FREQUENT ? "FREQUENT" : s3_access_word(access));
}

static void put_algorithm(struct buf *out, const struct row *r)
{
	if (r->object->sum.algo)
		buf_puts(out, r->object->sum.algo->label);
}

static void put_nothing(struct buf *out, const struct row *r)
{
	(void)out;
	(void)r;
}

/* The optional columns, in the order of the file. */
static const struct field {
	const char *name;
	void (*put)(struct buf *out, const struct row *r);
} fields[] = {
	{ "Size", put_size },
	{ "LastModifiedDate", put_modified },
	{ "ETag", put_etag },
	{ "StorageClass", put_class },
	{ "IsMultipartUploaded", put_multipart },
	{ "ReplicationStatus", put_nothing },
	{ "EncryptionStatus", put_encryption },
	{ "ObjectLockRetainUntilDate", put_nothing },
	{ "ObjectLockMode", put_nothing },
	{ "ObjectLockLegalHoldStatus", put_nothing },
	{ "IntelligentTieringAccessTier", put_access },
	{ "BucketKeyStatus", put_nothing },
	{ "ChecksumAlgorithm", put_algorithm },
};

void s3_inventories_free(struct s3_inventory *list)
{
	while (list) {
		struct s3_inventory *next = list->next;

		free(list->document);
		free(list);
		list = next;
	}
}
DEFINE_CLEANUP(struct s3_inventory, s3_inventories_free)

/* Configurations */

static int take_word(char *ret, size_t room, const char *text)
{
	if (strlen(text) >= room)
		return S3_INVALID_ARGUMENT;
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}

static int take_field(struct s3_inventory *inv, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (streq(fields[i].name, name)) {
			inv->fields |= 1U << i;
			return 0;
		}
	return S3_MALFORMED_XML;
}

static int on_destination(struct s3_inventory *inv, const char *name, const char *text)
{
	if (streq(name, "/Bucket")) {
		const char *bucket = str_after(text, "arn:aws:s3:::");

		return bucket ? take_word(inv->to_bucket, sizeof(inv->to_bucket), bucket)
			      : (int)S3_INVALID_ARGUMENT;
	}
	if (streq(name, "/Prefix"))
		return take_word(inv->to_prefix, sizeof(inv->to_prefix), text);
	if (streq(name, "/Format"))
		return streq(text, "CSV") ? S3_OK : S3_NOT_IMPLEMENTED;
	return 0;
}

static int on_element(void *arg, const char *path, const char *text)
{
	struct s3_inventory *inv = arg;
	const char *name = str_after(path, "InventoryConfiguration");

	if (!name)
		return S3_MALFORMED_XML;
	const char *of_destination = str_after(name, "/Destination/S3BucketDestination");
	if (of_destination)
		return on_destination(inv, of_destination, text);
	if (streq(name, "/Id"))
		return take_word(inv->id, sizeof(inv->id), text);
	if (streq(name, "/Filter/Prefix"))
		return take_word(inv->prefix, sizeof(inv->prefix), text);
	if (streq(name, "/OptionalFields/Field"))
		return take_field(inv, text);
	if (streq(name, "/IsEnabled"))
		inv->is_enabled = streq(text, "true");
	else if (streq(name, "/IncludedObjectVersions"))
		inv->has_all_versions = streq(text, "All");
	else if (streq(name, "/Schedule/Frequency"))
		inv->is_weekly = streq(text, "Weekly");
	return 0;
}

static int inventory_read(const char *document, int64_t last_ms,
			  struct s3_inventory **ret)
{
	_cleanup_(s3_inventories_freep) struct s3_inventory *inv =
		calloc(1, sizeof(*inv));
	if (!inv)
		return -ENOMEM;

	inv->last_ms = last_ms;
	inv->document = strdup(document);
	if (!inv->document)
		return -ENOMEM;
	int r = s3_xml_read(document, strlen(document), on_element, inv);
	if (r)
		return r;
	if (!inv->id[0] || !inv->to_bucket[0])
		return S3_MALFORMED_XML;
	*ret = steal_ptr(inv);
	return 0;
}

void s3_inventories_write(struct buf *out, const struct s3_inventory *list)
{
	buf_puts(out, ",\"inventories\":[");
	for (const struct s3_inventory *i = list; i; i = i->next) {
		buf_printf(out, "%s{\"last\":%lld,\"document\":", i == list ? "" : ",",
			   (long long)i->last_ms);
		json_quote(out, i->document);
		buf_putc(out, '}');
	}
	buf_putc(out, ']');
}

int s3_inventories_read(struct json_object *doc, struct s3_inventory **ret)
{
	struct s3_inventory **end = ret;
	struct json_object *array;
	size_t n = 0;

	if (json_array(doc, "inventories", &array, &n) < 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_at(array, i);
		const char *document;
		uint64_t last;

		if (json_str(o, "document", &document) < 0 ||
		    json_u64(o, "last", &last) < 0 || last > INT64_MAX ||
		    inventory_read(document, (int64_t)last, end) != 0)
			return -EBADMSG;
		end = &(*end)->next;
	}
	return 0;
}

/* Where the one with that id hangs, or the end. */
static struct s3_inventory **find(struct s3_bucket *b, const char *id)
{
	struct s3_inventory **at = &b->config.inventories;

	while (*at && !streq((*at)->id, id))
		at = &(*at)->next;
	return at;
}

/* When it is due. */
static int64_t due_ms(const struct s3_inventory *inv)
{
	int64_t day = inv->last_ms / S3_DAY_MS + 1;

	/* 1970 began on a Thursday: day 3 was a Sunday. */
	while (inv->is_weekly && day % 7 != 3)
		day++;
	return inv->is_enabled ? day * S3_DAY_MS : INT64_MAX;
}

int s3_put_bucket_inventory(struct s3_call *call)
{
	_cleanup_(s3_inventories_freep) struct s3_inventory *inv = NULL;
	const char *id = sim_query(call->req, "id");
	_buf_ struct buf body = { 0 };

	int r = s3_body_read_text(call, &body);
	if (r == 0)
		r = inventory_read(body.data, call->req->now_ms, &inv);
	if (r)
		return r;
	if (!id || !streq(id, inv->id))
		return S3_INVALID_ARGUMENT;
	pthread_mutex_lock(&call->sim->mu);
	struct s3_bucket *b = s3_bucket_find(call->s3, call->bucket);
	if (b) {
		struct s3_inventory **at = find(b, inv->id);
		struct s3_inventory *before = *at;

		inv->next = before ? before->next : NULL;
		s3_change_at(call->s3, due_ms(inv));
		*at = steal_ptr(inv);
		if (before)
			before->next = NULL;
		s3_inventories_free(before);
		r = s3_bucket_save(b);
	}
	pthread_mutex_unlock(&call->sim->mu);
	return b ? r : (int)S3_NO_SUCH_BUCKET;
}

static void put_list(struct buf *out, const struct s3_inventory *list)
{
	s3_xml_begin(out, "ListInventoryConfigurationsResult");
	s3_xml_text(out, "IsTruncated", "false");
	for (; list; list = list->next) {
		/* Without a declaration of its own. */
		const char *root = strstr(list->document, "<InventoryConfiguration");

		buf_puts(out, root ? root : "");
	}
	buf_puts(out, "</ListInventoryConfigurationsResult>");
}

int s3_get_bucket_inventory(struct s3_call *call)
{
	const char *id = sim_query(call->req, "id");
	int r = 0;

	pthread_mutex_lock(&call->sim->mu);
	struct s3_bucket *b = s3_bucket_find(call->s3, call->bucket);
	const struct s3_inventory *inv = b && id ? *find(b, id) : NULL;
	if (!b)
		r = S3_NO_SUCH_BUCKET;
	else if (!id)
		put_list(&call->res->body, b->config.inventories);
	else if (!inv)
		r = S3_NO_SUCH_CONFIG;
	else
		buf_puts(&call->res->body, inv->document);
	pthread_mutex_unlock(&call->sim->mu);
	return r;
}

int s3_delete_bucket_inventory(struct s3_call *call)
{
	const char *id = sim_query(call->req, "id");
	int r = S3_NO_SUCH_BUCKET;

	pthread_mutex_lock(&call->sim->mu);
	struct s3_bucket *b = s3_bucket_find(call->s3, call->bucket);
	struct s3_inventory **at = b && id ? find(b, id) : NULL;
	if (b)
		r = S3_NO_SUCH_CONFIG;
	if (at && *at) {
		struct s3_inventory *gone = *at;

		*at = gone->next;
		gone->next = NULL;
		s3_inventories_free(gone);
		r = s3_bucket_save(b);
	}
	pthread_mutex_unlock(&call->sim->mu);
	if (r == 0)
		call->res->status = 204;
	return r;
}

/* Reports */

struct report {
	struct report *next;
	char to_bucket[S3_BUCKET_MAX + 1];
	char base[2 * WORD_MAX + S3_BUCKET_MAX + 8]; /* PREFIX/SOURCE/ID */
	char source[S3_BUCKET_MAX + 1];
	char schema[512];
	int64_t time_ms;
	struct buf csv;
};

static void report_free(struct report *r)
{
	if (!r)
		return;
	buf_done(&r->csv);
	free(r);
}
DEFINE_CLEANUP(struct report, report_free)

static void put_row(struct report *rep, const struct s3_inventory *inv,
		    const struct row *row, bool is_latest)
{
	const struct s3_object *o = row->object;
	struct buf *out = &rep->csv;

	buf_printf(out, "\"%s\",\"", row->bucket->name);
	/* As the real ones: a blank is "+", "/" stays. */
	for (const char *p = o->key; *p; p++) {
		if (*p == ' ')
			buf_putc(out, '+');
		else
			percent_encode(out, p, 1, "/*");
	}
	buf_putc(out, '"');
	if (inv->has_all_versions)
		buf_printf(out, ",\"%s\",\"%s\",\"%s\"",
			   streq(o->version_id, S3_NULL_VERSION) ? "" : o->version_id,
			   is_latest ? "true" : "false", o->is_marker ? "true" : "false");
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (!(inv->fields & 1U << i))
			continue;
		buf_puts(out, ",\"");
		fields[i].put(out, row);
		buf_putc(out, '"');
	}
	buf_putc(out, '\n');
}

static void put_rows(struct report *rep, const struct s3_inventory *inv,
		     const struct s3_bucket *b, int64_t now_ms)
{
	for (size_t i = 0; i < b->n_objects; i++) {
		const struct s3_object *newest = b->objects[i];

		if (!str_after(newest->key, inv->prefix))
			continue;
		for (const struct s3_object *o = newest; o; o = o->older) {
			struct row row = { b, o, now_ms };

			if (inv->has_all_versions || (o == newest && !o->is_marker))
				put_row(rep, inv, &row, o == newest);
		}
	}
}

static struct report *report_new(const struct s3_inventory *inv,
				 const struct s3_bucket *b, int64_t time_ms)
{
	struct report *rep = calloc(1, sizeof(*rep));
	size_t len;

	if (!rep)
		return NULL;
	memcpy(rep->to_bucket, inv->to_bucket, sizeof(rep->to_bucket));
	memcpy(rep->source, b->name, sizeof(rep->source));
	snprintf(rep->base, sizeof(rep->base), "%s%s%s/%s", inv->to_prefix,
		 inv->to_prefix[0] ? "/" : "", b->name, inv->id);
	rep->time_ms = time_ms;
	len = (size_t)snprintf(
		rep->schema, sizeof(rep->schema), "Bucket, Key%s",
		inv->has_all_versions ? ", VersionId, IsLatest, IsDeleteMarker" : "");
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (inv->fields & 1U << i)
			len += (size_t)snprintf(rep->schema + len,
						sizeof(rep->schema) - len, ", %s",
						fields[i].name);
	buf_init(&rep->csv, REPORT_MAX);
	buf_puts(&rep->csv, "");
	put_rows(rep, inv, b, time_ms);
	return rep;
}

static int gzip(const struct buf *in, struct buf *out)
{
	z_stream z = { 0 };

	if (in->len > UINT_MAX)
		return -EMSGSIZE;
	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	size_t room = deflateBound(&z, in->len);
	_free_ uint8_t *data = malloc(room);
	int r = -ENOMEM;
	if (data) {
		z.next_in = (uint8_t *)in->data;
		z.avail_in = (unsigned int)in->len;
		z.next_out = data;
		z.avail_out = (unsigned int)room;
		r = deflate(&z, Z_FINISH) == Z_STREAM_END
			    ? buf_add(out, data, room - z.avail_out)
			    : -EIO;
	}
	deflateEnd(&z);
	return r;
}

/* As if somebody had put it. Takes `mu`. */
static int store(struct sim *sim, const struct report *rep, const char *key,
		 const struct buf *bytes)
{
	_cleanup_(s3_object_freep) struct s3_object *o = s3_object_new(key);
	struct s3_hold hold;
	uint8_t md5[16];

	_close_ int fd = sim_spool_open(sim);
	if (!o || fd < 0)
		return o ? fd : -ENOMEM;
	o->size_bytes = bytes->len;
	o->modified_ms = rep->time_ms;
	o->sum.algo = s3_algo_find("crc64nvme");
	o->headers = strdup("Content-Type: binary/octet-stream\n");
	int r = write_all(fd, bytes->data, bytes->len);
	if (r == 0)
		r = s3_md5_of(bytes->data, bytes->len, md5);
	if (r == 0)
		r = s3_sum_of(o->sum.algo, bytes->data, bytes->len, o->sum.value);
	if (r == 0)
		r = s3_data_keep(sim, fd, bytes->len, o->data_id);
	if (r < 0)
		return r;
	hex_encode(md5, sizeof(md5), o->etag);

	char id[S3_ID_LEN + 1];
	memcpy(id, o->data_id, sizeof(id));
	pthread_mutex_lock(&sim->mu);
	struct s3_bucket *b = s3_bucket_find(sim->s3, rep->to_bucket);
	r = b ? 0 : -ENOENT;
	if (b) {
		s3_hold_add(sim, b, key, &hold);
		r = s3_object_put(sim, b, steal_ptr(o));
		s3_hold_drop(sim, &hold);
	}
	pthread_mutex_unlock(&sim->mu);
	if (r < 0)
		s3_data_remove(sim->s3, id);
	return r;
}

static int publish_manifest(struct sim *sim, const struct report *rep,
			    const char *data_key, const struct buf *data)
{
	_buf_ struct buf manifest = { 0 }, checksum = { 0 };
	char key[S3_KEY_MAX + 1], iso[32], md5_hex[33];
	uint8_t md5[16];

	int r = s3_md5_of(data->data, data->len, md5);
	if (r < 0)
		return r;
	hex_encode(md5, sizeof(md5), md5_hex);
	buf_init(&manifest, BUF_TEXT_MAX);
	buf_init(&checksum, BUF_TEXT_MAX);
	buf_printf(&manifest,
		   "{\"sourceBucket\":\"%s\",\"destinationBucket\":\"arn:aws:s3:::%s\","
		   "\"version\":\"2016-11-30\",\"creationTimestamp\":\"%lld\","
		   "\"fileFormat\":\"CSV\",\"fileSchema\":\"%s\",\"files\":[{\"key\":",
		   rep->source, rep->to_bucket, (long long)rep->time_ms, rep->schema);
	json_quote(&manifest, data_key);
	buf_printf(&manifest, ",\"size\":%zu,\"MD5checksum\":\"%s\"}]}", data->len,
		   md5_hex);
	r = manifest.err ? manifest.err : s3_md5_of(manifest.data, manifest.len, md5);
	if (r < 0)
		return r;
	hex_encode(md5, sizeof(md5), md5_hex);
	buf_puts(&checksum, md5_hex);

	sim_time_iso(rep->time_ms, iso); /* 2026-01-02T03:04:... */
	snprintf(key, sizeof(key), "%s/%.13s-%.2sZ/manifest.json", rep->base, iso,
		 iso + 14);
	r = store(sim, rep, key, &manifest);
	snprintf(key, sizeof(key), "%s/%.13s-%.2sZ/manifest.checksum", rep->base, iso,
		 iso + 14);
	return r < 0 ? r : store(sim, rep, key, &checksum);
}

/* Without `mu`. */
static int publish(struct sim *sim, const struct report *rep)
{
	char id[S3_ID_LEN + 1], key[S3_KEY_MAX + 1];
	_buf_ struct buf data = { 0 };

	buf_init(&data, REPORT_MAX);
	int r = rep->csv.err ? rep->csv.err : gzip(&rep->csv, &data);
	if (r == 0)
		r = s3_id_new(id);
	if (r < 0)
		return r;
	snprintf(key, sizeof(key), "%s/data/%s.csv.gz", rep->base, id);
	r = store(sim, rep, key, &data);
	if (r == 0)
		r = publish_manifest(sim, rep, key, &data);
	if (r < 0)
		log_warning("bucket=%s error=%d inventory not delivered, going on",
			    rep->source, -r);
	return r;
}

void s3_inventories_run(struct sim *sim, int64_t now_ms)
{
	struct sim_s3 *s3 = sim->s3;
	struct report *due = NULL;

	for (size_t i = 0; i < s3->n_buckets; i++) {
		struct s3_bucket *b = s3->buckets[i];

		for (struct s3_inventory *v = b->config.inventories; v; v = v->next) {
			int64_t ms = due_ms(v);

			if (ms <= now_ms) {
				v->last_ms = now_ms - now_ms % S3_DAY_MS;
				struct report *rep = report_new(v, b, v->last_ms);
				if (rep)
					rep->next = due;
				due = rep ? rep : due;
				s3_bucket_save(b); /* else it is taken again */
			}
			s3_change_at(s3, due_ms(v));
		}
	}
	if (!due)
		return;
	pthread_mutex_unlock(&sim->mu);
	while (due) {
		_cleanup_(report_freep) struct report *rep = due;

		due = rep->next;
		publish(sim, rep);
	}
	pthread_mutex_lock(&sim->mu);
}

int s3_inventory_now(struct sim *sim, struct s3_bucket *b, const char *id)
{
	struct s3_inventory *inv = *find(b, id);
	if (!inv)
		return -ENOENT;
	_cleanup_(report_freep) struct report *rep =
		report_new(inv, b, sim_clock_now(sim->clock));
	if (!rep)
		return -ENOMEM;
	pthread_mutex_unlock(&sim->mu);
	int r = publish(sim, rep);
	pthread_mutex_lock(&sim->mu);
	return r;
}
