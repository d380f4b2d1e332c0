/* SPDX-License-Identifier: Apache-2.0 */
/* s3_report - the files of an inventory: rows, gzip, manifest.
 *
 * Source: AWS protocol reference section 2.6, 2026-09.
 */
#include "io.h"
#include "json.h"
#include "log.h"
#include "s3_inventory.h"
#include "str.h"
#include <limits.h>
#include <stdio.h>
#include <zlib.h>

#define REPORT_MAX ((size_t)1 << 30)

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

unsigned int s3_report_field(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (streq(fields[i].name, name))
			return 1U << i;
	return 0;
}

struct s3_report {
	char to_bucket[S3_BUCKET_MAX + 1];
	char base[2 * S3_INVENTORY_WORD + S3_BUCKET_MAX + 8]; /* PREFIX/SOURCE/ID */
	char source[S3_BUCKET_MAX + 1];
	char schema[512];
	int64_t time_ms;
	struct buf csv;
};

void s3_report_free(struct s3_report *r)
{
	if (!r)
		return;
	buf_done(&r->csv);
	free(r);
}

static void put_row(struct s3_report *rep, const struct s3_inventory *inv,
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

static void put_rows(struct s3_report *rep, const struct s3_inventory *inv,
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

struct s3_report *s3_report_new(const struct s3_inventory *inv, const struct s3_bucket *b,
				int64_t time_ms)
{
	struct s3_report *rep = calloc(1, sizeof(*rep));
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
static int store(struct sim *sim, const struct s3_report *rep, const char *key,
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

static int publish_manifest(struct sim *sim, const struct s3_report *rep,
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

int s3_report_publish(struct sim *sim, const struct s3_report *rep)
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
