/* SPDX-License-Identifier: Apache-2.0 */
/* s3_versions - ListObjectVersions.
 *
 * Entries stand in the order of their keys, each key's newest first, markers among them. A page
 * ends behind a version or a common prefix; the two markers it gives are the last entry's, and
 * the next page begins behind it.
 *
 * Source: AWS protocol reference section 2.2, 2026-09.
 */
#include "quirks.h"
#include "s3.h"
#include "str.h"
#include <stdio.h>

struct walk {
	struct s3_call *call;
	const char *prefix, *delimiter;
	const char *key_marker, *version_marker; /* "" and NULL: from the beginning */
	uint64_t max_keys, count;
	bool has_url_encoding, wants_restore;

	struct buf entries, prefixes;
	bool is_truncated;
	char last_key[S3_KEY_MAX + 1];
	char last_version[S3_ID_LEN + 1]; /* "": `last_key` is a common prefix */
};

static void put_version(struct walk *w, const struct s3_object *o, bool is_latest)
{
	struct buf *out = &w->entries;
	const char *element = o->is_marker ? "DeleteMarker" : "Version";

	buf_printf(out, "<%s>", element);
	s3_list_name(out, w->has_url_encoding, "Key", o->key);
	s3_xml_text(out, "VersionId", o->version_id);
	s3_xml_text(out, "IsLatest", is_latest ? "true" : "false");
	if (o->is_marker) {
		s3_xml_time(out, "LastModified", o->modified_ms);
	} else {
		s3_list_object(out, o);
		s3_xml_text(out, "StorageClass", o->class->name);
		if (w->wants_restore)
			s3_restore_xml(out, o, w->call->req->now_ms);
	}
	buf_puts(out, "<Owner>");
	s3_xml_text(out, "ID", SIM_ACCOUNT);
	buf_printf(out, "</Owner></%s>", element);
}

/* True: the page is full, there is more. */
static bool is_full(struct walk *w)
{
	w->is_truncated = w->count == w->max_keys;
	return w->is_truncated;
}

/* Versions of one key from `o` on. */
static bool walk_key(struct walk *w, const struct s3_object *newest,
		     const struct s3_object *o)
{
	for (; o; o = o->older) {
		if (is_full(w))
			return false;
		w->count++;
		put_version(w, o, o == newest);
		snprintf(w->last_key, sizeof(w->last_key), "%s", o->key);
		memcpy(w->last_version, o->version_id, sizeof(w->last_version));
	}
	return true;
}

static bool walk_prefix(struct walk *w, const char *common)
{
	if (is_full(w))
		return false;
	w->count++;
	buf_puts(&w->prefixes, "<CommonPrefixes>");
	s3_list_name(&w->prefixes, w->has_url_encoding, "Prefix", common);
	buf_puts(&w->prefixes, "</CommonPrefixes>");
	snprintf(w->last_key, sizeof(w->last_key), "%s", common);
	w->last_version[0] = '\0';
	return true;
}

/* Where the page begins: a key, and in `ret` the version of it, NULL for its newest. */
static size_t first_of(const struct walk *w, const struct s3_bucket *b,
		       const struct s3_object **ret)
{
	const char *marker = w->key_marker;
	size_t i = s3_object_seek(b, strcmp(marker, w->prefix) > 0 ? marker : w->prefix);
	char common[S3_KEY_MAX + 1];

	*ret = NULL;
	if (!marker[0] || i == b->n_objects || strcmp(marker, w->prefix) < 0)
		return i;
	if (strncmp(marker, w->prefix, strlen(w->prefix)) == 0 &&
	    s3_list_rolled_up(w->prefix, w->delimiter, marker, common) &&
	    streq(common, marker))
		return s3_list_seek_behind(b, i, marker);
	if (!streq(b->objects[i]->key, marker))
		return i;
	const struct s3_object *o =
		w->version_marker ? s3_version_find(b, marker, w->version_marker) : NULL;
	*ret = o ? o->older : NULL;
	return *ret ? i : i + 1;
}

static void walk(struct walk *w, const struct s3_bucket *b)
{
	const struct s3_object *from;
	size_t i = first_of(w, b, &from);

	while (i < b->n_objects && w->max_keys > 0) {
		const struct s3_object *newest = b->objects[i];
		char common[S3_KEY_MAX + 1];

		if (strncmp(newest->key, w->prefix, strlen(w->prefix)) != 0)
			return;
		if (s3_list_rolled_up(w->prefix, w->delimiter, newest->key, common)) {
			if (!walk_prefix(w, common))
				return;
			i = s3_list_seek_behind(b, i, common);
		} else {
			if (!walk_key(w, newest, from ? from : newest))
				return;
			i++;
		}
		from = NULL;
	}
}

static int walk_init(struct walk *w, struct s3_call *call)
{
	const struct sim_req *req = call->req;
	const char *attributes = sim_header(req, "x-amz-optional-object-attributes");
	const char *prefix = sim_query(req, "prefix");
	const char *key_marker = sim_query(req, "key-marker");

	w->call = call;
	w->prefix = prefix ? prefix : "";
	w->delimiter = sim_query(req, "delimiter");
	w->key_marker = key_marker ? key_marker : "";
	w->version_marker = sim_query(req, "version-id-marker");
	w->wants_restore = attributes && strstr(attributes, "RestoreStatus") &&
			   !sim_quirk(call->sim, QUIRK_S3_RESTORE_STATUS);
	buf_init(&w->entries, (size_t)8 << 20);
	buf_init(&w->prefixes, (size_t)8 << 20);
	buf_puts(&w->entries, "");
	buf_puts(&w->prefixes, "");
	if (w->version_marker && !w->key_marker[0]) {
		call->message =
			"A version-id marker cannot be specified without a key marker.";
		return S3_INVALID_ARGUMENT;
	}
	return s3_list_query(call, &w->max_keys, &w->has_url_encoding);
}

static void walk_done(struct walk *w)
{
	buf_done(&w->entries);
	buf_done(&w->prefixes);
}

static void put_answer(const struct walk *w, uint64_t asked)
{
	struct buf *out = &w->call->res->body;
	bool url = w->has_url_encoding;

	s3_xml_begin(out, "ListVersionsResult");
	s3_xml_text(out, "Name", w->call->bucket);
	s3_list_name(out, url, "Prefix", w->prefix);
	s3_list_name(out, url, "KeyMarker", w->key_marker);
	s3_xml_text(out, "VersionIdMarker", w->version_marker ? w->version_marker : "");
	if (w->is_truncated)
		s3_list_name(out, url, "NextKeyMarker", w->last_key);
	if (w->is_truncated && w->last_version[0])
		s3_xml_text(out, "NextVersionIdMarker", w->last_version);
	s3_xml_u64(out, "MaxKeys", asked);
	if (w->delimiter && w->delimiter[0])
		s3_list_name(out, url, "Delimiter", w->delimiter);
	if (url)
		s3_xml_text(out, "EncodingType", "url");
	s3_xml_text(out, "IsTruncated", w->is_truncated ? "true" : "false");
	buf_add(out, w->entries.data, w->entries.len);
	buf_add(out, w->prefixes.data, w->prefixes.len);
	buf_puts(out, "</ListVersionsResult>");
}

int s3_list_object_versions(struct s3_call *call)
{
	_cleanup_(walk_done) struct walk w = { 0 };

	int r = walk_init(&w, call);
	if (r)
		return r;
	uint64_t asked = w.max_keys;
	w.max_keys = s3_list_page_max(call, w.max_keys);
	pthread_mutex_lock(&call->sim->mu);
	const struct s3_bucket *b = s3_bucket_find(call->s3, call->bucket);
	if (b)
		walk(&w, b);
	pthread_mutex_unlock(&call->sim->mu);
	if (!b)
		return S3_NO_SUCH_BUCKET;
	if (w.entries.err || w.prefixes.err)
		return w.entries.err ? w.entries.err : w.prefixes.err;
	put_answer(&w, asked);
	return s3_bill(call, "request", "s3.list", 1, 0);
}
