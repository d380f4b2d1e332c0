/* SPDX-License-Identifier: Apache-2.0 */
#include "s3_report.h"

#include "clock.h"
#include "csv.h"
#include "digest.h"
#include "gunzip.h"
#include "json.h"
#include "str.h"
#include <errno.h>

static int refuse(struct buf *err, const char *what, const char *why)
{
	buf_reset(err);
	buf_printf(err, "%.300s: %s", what, why);
	return -EBADMSG;
}

/* ---- the columns ---- */

/* What one row says, before it is an entry. */
struct row {
	struct listing_entry entry;
	bool is_marker, has_size;
};

static int key_set(const char *text, struct row *row)
{
	struct object *o = &row->entry.object;
	_buf_ struct buf key;
	buf_init(&key, CSV_LINE_MAX);
	int r = percent_decode(&key, text, strlen(text), true);
	if (r < 0)
		return r;
	/* A key that holds NUL cannot be told in C, nor can one above S3's own limit. */
	if (key.len == 0 || key.len > OBJECT_ID_MAX || memchr(key.data, 0, key.len))
		return -EBADMSG;
	memcpy(o->id, key.data, key.len + 1);
	return 0;
}

static int copy(const char *text, char *to, size_t room)
{
	if (strlen(text) >= room)
		return -EBADMSG;
	memcpy(to, text, strlen(text) + 1);
	return 0;
}

static int version_set(const char *text, struct row *row)
{
	return copy(text, row->entry.object.version, OBJECT_VERSION_MAX);
}

static int latest_set(const char *text, struct row *row)
{
	bool is_latest;
	if (str_to_bool(text, &is_latest) < 0)
		return -EBADMSG;
	row->entry.is_old = !is_latest;
	return 0;
}

static int marker_set(const char *text, struct row *row)
{
	return str_to_bool(text, &row->is_marker) < 0 ? -EBADMSG : 0;
}

/* A delete marker has none. */
static int size_set(const char *text, struct row *row)
{
	row->has_size = *text != 0;
	return row->has_size && str_to_u64(text, &row->entry.object.size_bytes) < 0
		       ? -EBADMSG
		       : 0;
}

static int date_set(const char *text, struct row *row)
{
	return time_parse_rfc3339(text, &row->entry.object.modified_ms) < 0 ? -EBADMSG
									    : 0;
}

static int etag_set(const char *text, struct row *row)
{
	return copy(text, row->entry.object.etag, OBJECT_ETAG_MAX);
}

static int class_set(const char *text, struct row *row)
{
	return copy(text, row->entry.object.storage_class, OBJECT_CLASS_MAX);
}

/* Behind the class in S3's order of columns; another order only means that it is not told. */
static int access_set(const char *text, struct row *row)
{
	struct object *o = &row->entry.object;
	return *text && streq(o->storage_class, CLASS_TIERED)
		       ? copy(storage_class_tiered(text), o->storage_class,
			      OBJECT_CLASS_MAX)
		       : 0;
}

enum {
	COLUMN_OTHER, /* nobody asked for it */
	COLUMN_BUCKET,
	COLUMN_KEY,
	COLUMN_VERSION,
	COLUMN_LATEST,
	COLUMN_MARKER,
	COLUMN_SIZE,
	COLUMN_DATE,
	COLUMN_ETAG,
	COLUMN_CLASS,
	COLUMN_ACCESS,
	COLUMNS,
};

static const struct column {
	const char *name;
	bool is_needed;
	int (*set)(const char *text, struct row *row); /* 0, -EBADMSG or -ENOMEM */
	const char *why;
} columns[COLUMNS] = {
	[COLUMN_BUCKET] = { "Bucket", false, NULL, "the row is of another bucket" },
	[COLUMN_KEY] = { "Key", true, key_set, "the Key is none" },
	[COLUMN_VERSION] = { "VersionId", false, version_set, "the VersionId is none" },
	[COLUMN_LATEST] = { "IsLatest", false, latest_set,
			    "IsLatest is not true or false" },
	[COLUMN_MARKER] = { "IsDeleteMarker", false, marker_set,
			    "IsDeleteMarker is not true or false" },
	[COLUMN_SIZE] = { "Size", true, size_set, "the Size is no number" },
	[COLUMN_DATE] = { "LastModifiedDate", true, date_set,
			  "the LastModifiedDate is no date" },
	[COLUMN_ETAG] = { "ETag", true, etag_set, "the ETag is too long" },
	[COLUMN_CLASS] = { "StorageClass", true, class_set,
			   "the StorageClass is too long" },
	[COLUMN_ACCESS] = { "IntelligentTieringAccessTier", false, access_set, "" },
};

static uint8_t column_find(const char *name)
{
	for (unsigned int i = COLUMN_BUCKET; i < COLUMNS; i++)
		if (streq(columns[i].name, name))
			return (uint8_t)i;
	return COLUMN_OTHER;
}

static bool has_column(const struct s3_report *r, unsigned int column)
{
	return memchr(r->columns, (int)column, r->n_columns) != NULL;
}

/* "Bucket, Key, Size, ..." */
static int schema_parse(const char *schema, struct s3_report *r, struct buf *err)
{
	_free_ char *names = strdup_ptr(schema);
	char *rest = names, *name;
	if (!names)
		return -ENOMEM;
	while (rest && (name = strsep(&rest, ","))) {
		name += strspn(name, " ");
		if (r->n_columns == S3_REPORT_COLUMNS_MAX)
			return refuse(err, schema, "too many columns");
		r->columns[r->n_columns++] = column_find(name);
	}
	for (unsigned int i = COLUMN_BUCKET; i < COLUMNS; i++)
		if (columns[i].is_needed && !has_column(r, i))
			return refuse(err, columns[i].name,
				      "the inventory lacks this column: add it to the "
				      "optional fields of its configuration");
	r->has_versions = has_column(r, COLUMN_LATEST) && has_column(r, COLUMN_MARKER) &&
			  has_column(r, COLUMN_VERSION);
	return 0;
}

/* ---- the manifest ---- */

static int file_parse(struct json_object *o, struct s3_report_file *ret)
{
	const char *key, *md5;
	if (json_str(o, "key", &key) < 0 || !*key || strlen(key) > OBJECT_ID_MAX ||
	    json_u64(o, "size", &ret->size_bytes) < 0 ||
	    json_str(o, "MD5checksum", &md5) < 0 ||
	    hex_decode(md5, ret->md5, sizeof(ret->md5)) < 0)
		return -EBADMSG;
	ret->key = strdup_ptr(key);
	return ret->key ? 0 : -ENOMEM;
}

static int files_parse(struct json_object *doc, struct s3_report *r, struct buf *err)
{
	struct json_object *list;
	size_t n;
	if (json_array(doc, "files", &list, &n) < 0)
		return refuse(err, "manifest.json", "no files in it");
	r->files = calloc(n + 1, sizeof(*r->files));
	if (!r->files)
		return -ENOMEM;
	for (; r->n_files < n; r->n_files++) {
		int e = file_parse(json_at(list, r->n_files), &r->files[r->n_files]);
		if (e < 0)
			return e == -EBADMSG ? refuse(err, "manifest.json",
						      "a file without key, size or "
						      "MD5checksum")
					     : e;
	}
	return 0;
}

/* Milliseconds as text. */
static int64_t time_parse(const char *text)
{
	int64_t ms;
	return str_to_i64(text, &ms) < 0 ? 0 : ms;
}

int s3_report_parse(const char *data, size_t len, struct s3_report *ret, struct buf *err)
{
	_cleanup_(json_freep) struct json_object *doc = json_parse(data, len);
	const char *bucket, *format, *schema, *time;
	*ret = (struct s3_report){ .n_files = 0 };
	if (!doc || json_str(doc, "sourceBucket", &bucket) < 0 ||
	    json_str(doc, "fileFormat", &format) < 0 ||
	    json_str(doc, "fileSchema", &schema) < 0 ||
	    json_str(doc, "creationTimestamp", &time) < 0 ||
	    strlen(bucket) >= sizeof(ret->bucket))
		return refuse(err, "manifest.json", "this is no inventory's manifest");
	if (!streq(format, "CSV"))
		return refuse(err, format,
			      "the inventory is of this format: configure it as CSV");
	memcpy(ret->bucket, bucket, strlen(bucket) + 1);
	ret->taken_ms = time_parse(time);
	if (ret->taken_ms <= 0)
		return refuse(err, "manifest.json", "creationTimestamp is no time");
	int r = schema_parse(schema, ret, err);
	return r < 0 ? r : files_parse(doc, ret, err);
}

void s3_report_done(struct s3_report *r)
{
	for (size_t i = 0; i < r->n_files; i++)
		free(r->files[i].key);
	free(r->files);
	*r = (struct s3_report){ .n_files = 0 };
}

bool s3_report_is_whole(const char *manifest, size_t len, const char *text,
			size_t text_len)
{
	uint8_t told[16], is[16];
	char hex[33];
	_cleanup_(digest_freep) struct digest *d = digest_new(DIGEST_MD5);
	while (text_len > 0 && (text[text_len - 1] == '\n' || text[text_len - 1] == '\r'))
		text_len--;
	if (text_len != 32 || !d)
		return false;
	memcpy(hex, text, 32);
	hex[32] = 0;
	digest_add(d, manifest, len);
	digest_end(d, is);
	return hex_decode(hex, told, sizeof(told)) == 0 && !memcmp(told, is, sizeof(is));
}

/* ---- the rows ---- */

static const char no_gzip[] = "this is no gzip data";

struct s3_report_reader {
	const struct s3_report *report;
	const struct s3_report_file *file;
	bool has_old;
	s3_report_fn each;
	void *arg;
	struct gunzip *gunzip;
	struct digest *digest;
	uint64_t size_bytes;
	struct buf rest; /* of a line that has not ended */
	struct csv csv;
	const char *why; /* a row is not as it should be */
};

void s3_report_reader_free(struct s3_report_reader *rd)
{
	if (!rd)
		return;
	gunzip_free(rd->gunzip);
	digest_free(rd->digest);
	buf_done(&rd->rest);
	csv_done(&rd->csv);
	free(rd);
}

static int row_parse(struct s3_report_reader *rd, struct row *row)
{
	const struct s3_report *rep = rd->report;
	rd->why = "not as many fields as the manifest says";
	if (rd->csv.n != rep->n_columns)
		return -EBADMSG;
	for (size_t i = 0; i < rep->n_columns; i++) {
		const struct column *c = &columns[rep->columns[i]];
		const char *text = rd->csv.fields[i];
		rd->why = c->why;
		if (rep->columns[i] == COLUMN_BUCKET && !streq(text, rep->bucket))
			return -EBADMSG;
		int r = c->set ? c->set(text, row) : 0;
		if (r < 0)
			return r;
	}
	rd->why = columns[COLUMN_SIZE].why;
	return row->has_size || row->is_marker ? 0 : -EBADMSG;
}

static int row_take(struct s3_report_reader *rd)
{
	struct row row = { .is_marker = false };
	struct object *o = &row.entry.object;
	int r = row_parse(rd, &row);
	if (r < 0)
		return r;
	if (row.is_marker || (row.entry.is_old && !rd->has_old))
		return 0;
	/* As a listing tells it, so that both make the same identities. */
	if (!rd->has_old)
		o->version[0] = 0;
	else if (!o->version[0])
		memcpy(o->version, "null", sizeof("null"));
	return rd->each(rd->arg, &row.entry);
}

static int line_take(struct s3_report_reader *rd, const char *line, size_t len)
{
	int r = csv_take(&rd->csv, line, len, &rd->why);
	if (r > 0)
		r = row_take(rd);
	if (r == 0)
		rd->why = no_gzip;
	return r;
}

static int text_take(void *arg, const char *data, size_t len)
{
	struct s3_report_reader *rd = arg;
	const char *end = data + len, *newline;
	while ((newline = memchr(data, '\n', (size_t)(end - data)))) {
		size_t n = (size_t)(newline - data);
		int r;
		if (rd->rest.len) {
			r = buf_add(&rd->rest, data, n);
			if (r == 0)
				r = line_take(rd, rd->rest.data, rd->rest.len);
			buf_reset(&rd->rest);
		} else {
			r = line_take(rd, data, n);
		}
		if (r != 0)
			return r;
		data = newline + 1;
	}
	if (data == end)
		return 0;
	rd->why = "the line is too long";
	int r = buf_add(&rd->rest, data, (size_t)(end - data));
	return r == -EMSGSIZE ? -EBADMSG : r;
}

struct s3_report_reader *s3_report_reader_new(const struct s3_report *r, size_t file,
					      bool has_old, s3_report_fn each, void *arg)
{
	_cleanup_(s3_report_reader_freep) struct s3_report_reader *rd =
		calloc(1, sizeof(*rd));
	if (!rd)
		return NULL;
	rd->report = r;
	rd->file = &r->files[file];
	rd->has_old = has_old;
	rd->each = each;
	rd->arg = arg;
	buf_init(&rd->rest, CSV_LINE_MAX);
	rd->gunzip = gunzip_new(text_take, rd);
	rd->digest = digest_new(DIGEST_MD5);
	if (csv_init(&rd->csv, NULL) < 0 || !rd->gunzip || !rd->digest)
		return NULL;
	return steal_ptr(rd);
}

static int damaged(const struct s3_report_reader *rd, struct buf *err, const char *why)
{
	buf_reset(err);
	buf_printf(err, "the inventory is damaged: %.300s, line %llu: %s", rd->file->key,
		   (unsigned long long)rd->csv.line, why);
	return -EBADMSG;
}

int s3_report_reader_feed(struct s3_report_reader *rd, const void *data, size_t len,
			  struct buf *err)
{
	rd->why = no_gzip;
	digest_add(rd->digest, data, len);
	rd->size_bytes += len;
	int r = gunzip_feed(rd->gunzip, data, len);
	return r == -EBADMSG ? damaged(rd, err, rd->why) : r;
}

int s3_report_reader_end(struct s3_report_reader *rd, struct buf *err)
{
	uint8_t md5[16];
	digest_end(rd->digest, md5);
	if (rd->size_bytes != rd->file->size_bytes)
		return damaged(rd, err, "it has not the length the manifest says");
	if (memcmp(md5, rd->file->md5, sizeof(md5)) != 0)
		return damaged(rd, err, "it has not the MD5 the manifest says");
	if (gunzip_end(rd->gunzip) < 0 || rd->rest.len)
		return damaged(rd, err, "it ends here");
	return 0;
}
