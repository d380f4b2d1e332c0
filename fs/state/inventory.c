/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory.h"

#include "clock.h"
#include "csv.h"
#include "import_set.h"
#include "json.h"
#include "str.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static void date_read(const char *text, struct raw *raw)
{
	time_parse_rfc3339(text, &raw->modified_ms);
}

static void hash_read(const char *text, struct raw *raw)
{
	raw->has_tree_hash =
		hex_decode(text, raw->tree_hash.bytes, sizeof(raw->tree_hash.bytes)) == 0;
}

static const struct raw raw_empty = {
	.version = "", .etag = "", .description = "", .storage_class = "VAULT"
};

static int raw_check(const struct raw *raw, bool has_size)
{
	return raw->id && *raw->id && strlen(raw->id) <= OBJECT_ID_MAX && has_size
		       ? 0
		       : -EBADMSG;
}

int inventory_raw_of(struct json_object *element, struct raw *ret)
{
	struct raw raw = raw_empty;
	const char *text;

	(void)json_str(element, "ArchiveId", &raw.id);
	(void)json_str(element, "ArchiveDescription", &raw.description);
	if (json_str(element, "CreationDate", &text) == 0)
		date_read(text, &raw);
	if (json_str(element, "SHA256TreeHash", &text) == 0)
		hash_read(text, &raw);
	int r = raw_check(&raw, json_u64(element, "Size", &raw.size_bytes) == 0);
	if (r == 0)
		*ret = raw;
	return r;
}

/* The text of the later field of that name, NULL: none, or of the other type. */
static const char *field_find(const struct json_field *fields, size_t n, const char *key,
			      bool is_string)
{
	while (n-- > 0)
		if (streq(fields[n].key, key))
			return fields[n].is_string == is_string ? fields[n].text : NULL;
	return NULL;
}

int inventory_raw(const struct json_field *fields, size_t n, struct raw *ret)
{
	struct raw raw = raw_empty;
	raw.id = field_find(fields, n, "ArchiveId", true);
	const char *text = field_find(fields, n, "ArchiveDescription", true);
	if (text)
		raw.description = text;
	text = field_find(fields, n, "CreationDate", true);
	if (text)
		date_read(text, &raw);
	text = field_find(fields, n, "SHA256TreeHash", true);
	if (text)
		hash_read(text, &raw);
	text = field_find(fields, n, "Size", false);
	int r = raw_check(&raw, text && str_to_u64(text, &raw.size_bytes) == 0);
	if (r == 0)
		*ret = raw;
	return r;
}

int inventory_entry(struct json_object *element, struct listing_entry *ret)
{
	struct raw raw;
	int r = inventory_raw_of(element, &raw);
	if (r < 0)
		return r;
	*ret = (struct listing_entry){ .is_restoring = false };
	struct object *o = &ret->object;
	snprintf(o->id, sizeof(o->id), "%s", raw.id);
	snprintf(o->storage_class, sizeof(o->storage_class), "%s", raw.storage_class);
	snprintf(ret->description, sizeof(ret->description), "%s", raw.description);
	o->size_bytes = raw.size_bytes;
	o->modified_ms = raw.modified_ms;
	o->tree_hash = raw.tree_hash;
	o->has_tree_hash = raw.has_tree_hash;
	return 0;
}

#define PIECE_BYTES ((size_t)256 << 10)

struct reading {
	FILE *file;
	const char *ns;
	struct import *im;
	int64_t taken_ms;
	bool has_vault, is_foreign;
	struct buf *err;
};

static int say(struct reading *rd, int r, const char *unit, uint64_t at, const char *why)
{
	buf_reset(rd->err);
	buf_printf(rd->err, "the inventory is damaged at %s %llu: %s", unit,
		   (unsigned long long)at, why);
	return r;
}

/* ---- JSON ---- */

/* "arn:aws:glacier:REGION:ACCOUNT:vaults/NAME" against "glacier://REGION/NAME[@HOST]". */
static bool is_of_vault(const char *arn, const char *ns)
{
	const char *region = str_after(ns, "glacier://");
	const char *parts[6] = { arn };
	for (size_t i = 1; i < ARRAY_SIZE(parts); i++) {
		const char *colon = strchr(parts[i - 1], ':');
		if (!colon)
			return false;
		parts[i] = colon + 1;
	}
	const char *name = str_after(parts[5], "vaults/");
	size_t region_len = (size_t)(parts[4] - 1 - parts[3]);
	if (!region || !name || strncmp(region, parts[3], region_len) != 0 ||
	    region[region_len] != '/')
		return false;
	const char *wanted = region + region_len + 1;
	size_t len = strcspn(wanted, "@");
	return strlen(name) == len && strncmp(wanted, name, len) == 0;
}

static int json_element(void *arg, uint64_t offset, const char *text, size_t len)
{
	struct reading *rd = arg;
	return import_json(rd->im, offset, text, len);
}

static int json_member(void *arg, const char *key, struct json_object *value)
{
	struct reading *rd = arg;
	const char *text = json_text(value);
	if (text && streq(key, "InventoryDate"))
		time_parse_rfc3339(text, &rd->taken_ms);
	if (!text || !streq(key, "VaultARN"))
		return 0;
	rd->has_vault = true;
	if (is_of_vault(text, rd->ns))
		return 0;
	rd->is_foreign = true;
	buf_reset(rd->err);
	buf_printf(rd->err, "the inventory is of another vault: %.200s", text);
	return -EBADMSG;
}

static int json_read(struct reading *rd)
{
	_cleanup_(json_stream_freep) struct json_stream *s =
		json_stream_new_raw("ArchiveList", json_element, json_member, rd);
	_free_ char *piece = malloc(PIECE_BYTES);
	uint64_t bad_at = 0;
	size_t n;
	int r = s && piece ? 0 : -ENOMEM;
	while (r == 0 && (n = fread(piece, 1, PIECE_BYTES, rd->file)) > 0)
		r = json_stream_feed(s, piece, n);
	if (r == 0 && ferror(rd->file))
		r = -EIO;
	if (r == 0)
		r = json_stream_end(s);
	if (rd->is_foreign)
		return r;
	/* What is broken inside an element, those find who take it apart. */
	int settled = import_settle(rd->im, &bad_at);
	if (settled < 0 && settled != -EBADMSG)
		return settled;
	if (settled < 0)
		return say(rd, settled, "byte", bad_at, "no archive's JSON begins here");
	if (r == -EBADMSG || r == -EMSGSIZE)
		return say(rd, -EBADMSG, "byte", json_stream_offset(s),
			   feof(rd->file) ? "it ends here" : "not an inventory's JSON");
	if (r == 0 && !rd->has_vault)
		return say(rd, -EBADMSG, "byte", 0,
			   "it does not say of which vault it is");
	return r;
}

/* ---- CSV ---- */

static int id_set(const char *text, struct listing_entry *e)
{
	if (!*text || strlen(text) > OBJECT_ID_MAX)
		return -EBADMSG;
	snprintf(e->object.id, sizeof(e->object.id), "%s", text);
	return 0;
}

static int description_set(const char *text, struct listing_entry *e)
{
	snprintf(e->description, sizeof(e->description), "%s", text);
	return 0;
}

static int date_set(const char *text, struct listing_entry *e)
{
	return time_parse_rfc3339(text, &e->object.modified_ms) < 0 ? -EBADMSG : 0;
}

static int size_set(const char *text, struct listing_entry *e)
{
	return str_to_u64(text, &e->object.size_bytes) < 0 ? -EBADMSG : 0;
}

static int hash_set(const char *text, struct listing_entry *e)
{
	struct object *o = &e->object;
	if (hex_decode(text, o->tree_hash.bytes, sizeof(o->tree_hash.bytes)) < 0)
		return -EBADMSG;
	o->has_tree_hash = true;
	return 0;
}

static const struct column {
	const char *name, *why;
	bool is_needed;
	int (*set)(const char *text, struct listing_entry *e);
} columns[] = {
	{ "ArchiveId", "the ArchiveId is empty or too long", true, id_set },
	{ "ArchiveDescription", "", true, description_set },
	{ "CreationDate", "the CreationDate is no date", false, date_set },
	{ "Size", "the Size is no number", true, size_set },
	{ "SHA256TreeHash", "the SHA256TreeHash is no hash", false, hash_set },
};

/* Which column each field is; NULL: one nobody asked for. */
struct heading {
	const struct column *of[CSV_FIELDS_MAX];
	size_t n;
};

static int heading_read(const struct csv *c, struct heading *ret, const char **ret_why)
{
	size_t found = 0, needed = 0;
	*ret = (struct heading){ .n = c->n };
	for (size_t k = 0; k < ARRAY_SIZE(columns); k++) {
		needed += columns[k].is_needed;
		for (size_t i = 0; i < c->n; i++) {
			if (!streq(c->fields[i], columns[k].name))
				continue;
			ret->of[i] = &columns[k];
			found += columns[k].is_needed;
		}
	}
	if (found == needed)
		return 0;
	*ret_why =
		"the first line must name ArchiveId, ArchiveDescription and Size, once";
	return -EBADMSG;
}

static int row_read(const struct csv *c, const struct heading *h,
		    struct listing_entry *ret, const char **ret_why)
{
	*ret = (struct listing_entry){ .is_restoring = false };
	snprintf(ret->object.storage_class, sizeof(ret->object.storage_class), "VAULT");
	*ret_why = "not as many fields as the first line";
	int r = c->n == h->n ? 0 : -EBADMSG;
	for (size_t i = 0; r == 0 && i < c->n; i++) {
		if (!h->of[i])
			continue;
		*ret_why = h->of[i]->why;
		r = h->of[i]->set(c->fields[i], ret);
	}
	return r;
}

static int csv_read(struct reading *rd)
{
	struct heading heading = { .n = 0 };
	struct listing_entry entry;
	const char *why = "";
	struct csv c;
	rd->im->is_patient = true;
	int r = csv_init(&c, rd->file);
	if (r == 0)
		r = csv_next(&c, &why);
	if (r > 0)
		r = heading_read(&c, &heading, &why);
	while (r == 0 && (r = csv_next(&c, &why)) > 0) {
		r = row_read(&c, &heading, &entry, &why);
		if (r == 0)
			r = import_add(rd->im, &entry);
	}
	uint64_t line = c.line;
	csv_done(&c);
	if (r == 0 && !heading.n)
		return say(rd, -EBADMSG, "line", 1, "it is empty");
	return r == -EBADMSG ? say(rd, r, "line", line, why) : r;
}

int inventory_read(int fd, const char *ns, struct import *im, int64_t *ret_taken_ms,
		   struct buf *err)
{
	struct reading rd = { .ns = ns, .im = im, .err = err };
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	rd.file = copy < 0 ? NULL : fdopen(copy, "r");
	if (!rd.file) {
		if (copy >= 0)
			close(copy);
		return -ENOMEM;
	}
	rd.taken_ms = (int64_t)st.st_mtim.tv_sec * 1000;
	rewind(rd.file); /* whoever had it before */
	int first = getc(rd.file);
	while (first == ' ' || first == '\n' || first == '\r' || first == '\t')
		first = getc(rd.file);
	rewind(rd.file);
	int r = first == '{' ? json_read(&rd) : csv_read(&rd);
	fclose(rd.file);
	if (r < 0 && !err->len)
		buf_printf(err, "the inventory cannot be read: %s", strerrordesc_np(-r));
	if (r == 0)
		*ret_taken_ms = rd.taken_ms;
	return r;
}
