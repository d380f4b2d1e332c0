/* SPDX-License-Identifier: Apache-2.0 */
#include "s3_xml.h"
#include "str.h"
#include "xml_pass.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

void s3_etag_copy(const char *value, char ret[OBJECT_ETAG_MAX])
{
	size_t len = strlen(value);

	if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
		value++;
		len -= 2;
	}
	snprintf(ret, OBJECT_ETAG_MAX, "%.*s", (int)(len < INT_MAX ? len : INT_MAX),
		 value);
}

struct list_pass {
	struct s3_page *page;
	struct listing_entry entry;
	const struct s3_list_taker *taker;
};

int s3_key_decode(const char *encoded, struct buf *key)
{
	buf_reset(key);
	int r = percent_decode(key, encoded, strlen(encoded), true);
	if (r < 0)
		return r;
	return key->len == 0 || key->len > OBJECT_ID_MAX ||
			       memchr(key->data, '\0', key->len)
		       ? -EBADMSG
		       : 0;
}

static int key_take(struct object *o, const char *encoded)
{
	_buf_ struct buf key;

	buf_init(&key, XML_TEXT_MAX);
	int r = s3_key_decode(encoded, &key);
	if (r == 0)
		memcpy(o->id, key.data, key.len + 1);
	return r;
}

static int prefix_give(struct list_pass *l, const char *encoded)
{
	_buf_ struct buf key;

	buf_init(&key, XML_TEXT_MAX);
	if (!l->taker->prefix)
		return 0;
	int r = s3_key_decode(encoded, &key);
	return r < 0 ? r : l->taker->prefix(l->taker->arg, key.data);
}

static bool is_item(const char *name)
{
	return streq(name, "Contents") || streq(name, "Version");
}

static int list_begin(struct xml_pass *p, const char *name)
{
	struct list_pass *l = p->arg;

	if (p->depth == 1 && !streq(name, "ListBucketResult") &&
	    !streq(name, "ListVersionsResult"))
		return -EBADMSG;
	if (p->depth == 2 && is_item(name)) {
		l->entry = (struct listing_entry){ .description = "" };
		snprintf(l->entry.object.storage_class, OBJECT_CLASS_MAX, "STANDARD");
	}
	return 0;
}

static int contents_member(struct listing_entry *e, const char *name, const char *text)
{
	if (streq(name, "Key"))
		return key_take(&e->object, text);
	if (streq(name, "LastModified"))
		return time_parse_rfc3339(text, &e->object.modified_ms) < 0 ? -EBADMSG
									    : 0;
	if (streq(name, "Size"))
		return str_to_u64(text, &e->object.size_bytes) < 0 ? -EBADMSG : 0;
	if (streq(name, "VersionId") && strlen(text) >= OBJECT_VERSION_MAX)
		return -EBADMSG;
	if (streq(name, "ETag"))
		s3_etag_copy(text, e->object.etag);
	else if (streq(name, "VersionId"))
		memcpy(e->object.version, text, strlen(text) + 1);
	else if (streq(name, "IsLatest"))
		e->is_old = !streq(text, "true");
	else if (streq(name, "StorageClass"))
		snprintf(e->object.storage_class, OBJECT_CLASS_MAX, "%s", text);
	return 0;
}

static int restore_member(struct listing_entry *e, const char *name, const char *text)
{
	if (streq(name, "IsRestoreInProgress"))
		e->is_restoring = streq(text, "true");
	else if (streq(name, "RestoreExpiryDate"))
		return time_parse_rfc3339(text, &e->copy_expires_ms) < 0 ? -EBADMSG : 0;
	return 0;
}

/* A member of the document itself. */
static int page_member(struct list_pass *l, const char *name, const char *text)
{
	struct s3_page *page = l->page;

	if (is_item(name))
		return l->entry.object.id[0] ? l->taker->entry(l->taker->arg, &l->entry)
					     : -EBADMSG;
	if (streq(name, "IsTruncated"))
		page->is_truncated = streq(text, "true");
	else if (streq(name, "NextContinuationToken"))
		return buf_puts(&page->token, text);
	else if (streq(name, "NextKeyMarker"))
		return s3_key_decode(text, &page->token);
	else if (streq(name, "NextVersionIdMarker"))
		return buf_puts(&page->version, text);
	return 0;
}

static int list_end(struct xml_pass *p, const char *name, const char *parent)
{
	struct list_pass *l = p->arg;
	const char *text = xml_text_of(p);

	if (p->depth == 1)
		return page_member(l, name, text);
	if (p->depth == 2 && is_item(parent))
		return contents_member(&l->entry, name, text);
	if (p->depth == 2 && streq(parent, "CommonPrefixes") && streq(name, "Prefix"))
		return prefix_give(l, text);
	if (p->depth == 3 && streq(parent, "RestoreStatus"))
		return restore_member(&l->entry, name, text);
	return 0;
}

int s3_list_parse(const char *data, size_t len, struct s3_page *ret,
		  const struct s3_list_taker *taker)
{
	struct list_pass l = { .page = ret, .taker = taker };
	struct xml_pass p = { .begin = list_begin, .end = list_end, .arg = &l };

	return xml_pass_run(&p, data, len);
}

/* <Event> of each target, and <EventBridgeConfiguration>, which is told of everything (AWS protocol
 * reference 3.1, 2026-09). */
static int wiring_end(struct xml_pass *p, const char *name, const char *parent)
{
	enum backend_wiring *wiring = p->arg;
	bool is_bridge = p->depth == 1 && streq(name, "EventBridgeConfiguration");

	(void)parent;
	if (is_bridge || (p->depth == 2 && streq(name, "Event") &&
			  str_after(xml_text_of(p), "s3:ObjectRestore:")))
		*wiring = WIRING_RESTORES;
	else if (p->depth == 1 && *wiring == WIRING_NONE)
		*wiring = WIRING_OTHER;
	return 0;
}

static int wiring_begin(struct xml_pass *p, const char *name)
{
	return p->depth == 1 && !streq(name, "NotificationConfiguration") ? -EBADMSG : 0;
}

int s3_wiring_parse(const char *data, size_t len, enum backend_wiring *ret)
{
	enum backend_wiring wiring = WIRING_NONE;
	struct xml_pass p = { .begin = wiring_begin, .end = wiring_end, .arg = &wiring };

	int r = xml_pass_run(&p, data, len);
	if (r == 0)
		*ret = wiring;
	return r;
}

struct text_pass {
	const char *name;
	char text[1024];
	bool is_found;
};

static int text_end(struct xml_pass *p, const char *name, const char *parent)
{
	struct text_pass *t = p->arg;

	(void)parent;
	if (t->is_found || !streq(name, t->name))
		return 0;
	snprintf(t->text, sizeof(t->text), "%s", xml_text_of(p));
	t->is_found = true;
	return 0;
}

int s3_xml_text(const char *data, size_t len, const char *name, char *ret, size_t room)
{
	struct text_pass t = { .name = name };
	struct xml_pass p = { .end = text_end, .arg = &t };

	int r = xml_pass_run(&p, data, len);
	if (r == 0 && !t.is_found)
		r = -ENOENT;
	if (r == 0)
		snprintf(ret, room, "%s", t.text);
	return r;
}

/* The text of a member of <Error>, by name. */
static int error_end(struct xml_pass *p, const char *name, const char *parent)
{
	struct site_error *e = p->arg;

	(void)parent;
	if (p->depth != 1)
		return 0;
	if (streq(name, "Code"))
		snprintf(e->code, sizeof(e->code), "%s", xml_text_of(p));
	else if (streq(name, "Message"))
		snprintf(e->text, sizeof(e->text), "%s", xml_text_of(p));
	else if (streq(name, "Region"))
		snprintf(e->region, sizeof(e->region), "%s", xml_text_of(p));
	return 0;
}

static int error_begin(struct xml_pass *p, const char *name)
{
	return p->depth == 1 && !streq(name, "Error") ? -EBADMSG : 0;
}

void s3_error_parse(const char *data, size_t len, struct site_error *ret)
{
	struct xml_pass p = { .begin = error_begin, .end = error_end, .arg = ret };

	/* A document that breaks off still said what it said. */
	(void)xml_pass_run(&p, data, len);
}

/* The value of key="value" in `s`; false if there is none or it does not fit. */
static bool quoted_value(const char *s, const char *key, char *ret, size_t room)
{
	for (const char *at = strstr(s, key); at; at = strstr(at + 1, key)) {
		const char *p = at + strlen(key);
		p += strspn(p, " \t");
		if (*p != '=')
			continue;
		p++;
		p += strspn(p, " \t");
		if (*p != '"')
			continue;
		size_t len = strcspn(p + 1, "\"");
		if (len >= room || p[1 + len] != '"')
			return false;
		memcpy(ret, p + 1, len);
		ret[len] = '\0';
		return true;
	}
	return false;
}

bool s3_restore_parse(const char *value, bool *ret_ongoing, int64_t *ret_expires_ms)
{
	char ongoing[8], date[64];
	int64_t expires_ms = 0;

	if (!quoted_value(value, "ongoing-request", ongoing, sizeof(ongoing)))
		return false;
	if (!streq(ongoing, "true") && !streq(ongoing, "false"))
		return false;
	if (quoted_value(value, "expiry-date", date, sizeof(date)) &&
	    time_parse_http(date, &expires_ms) < 0)
		return false;
	*ret_ongoing = streq(ongoing, "true");
	*ret_expires_ms = expires_ms;
	return true;
}

static bool checksum_take(const char *value, enum digest_kind kind,
			  struct proof_offer *ret)
{
	struct proof_offer offer = { .kind = kind };

	if (!value || strchr(value, '-')) /* "...-N": of the parts, not of the bytes */
		return false;
	if (base64_decode(value, offer.value, sizeof(offer.value)) !=
	    (ssize_t)digest_len(kind))
		return false;
	*ret = offer;
	return true;
}

bool s3_checksum_choose(const struct s3_proof_headers *h, bool is_part,
			struct proof_offer *ret)
{
	const struct {
		const char *value;
		enum digest_kind kind;
	} offers[] = {
		{ h->sha256, DIGEST_SHA256 },       { h->sha1, DIGEST_SHA1 },
		{ h->crc64nvme, DIGEST_CRC64NVME }, { h->crc32c, DIGEST_CRC32C },
		{ h->crc32, DIGEST_CRC32 },
	};

	if (!is_part && h->checksum_type && !streq(h->checksum_type, "FULL_OBJECT"))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(offers); i++)
		if (checksum_take(offers[i].value, offers[i].kind, ret))
			return true;
	return false;
}

bool s3_etag_is_digest(const struct s3_proof_headers *h)
{
	return h->etag && !h->sse_key && !(h->sse && str_after(h->sse, "aws:kms"));
}

struct proof_offer s3_proof_choose(const struct s3_proof_headers *h)
{
	struct proof_offer offer = { .kind = DIGEST_NONE };
	char etag[OBJECT_ETAG_MAX];

	if (s3_checksum_choose(h, false, &offer) || !s3_etag_is_digest(h))
		return offer;
	s3_etag_copy(h->etag, etag);
	if (strlen(etag) == 32 && hex_decode(etag, offer.value, 16) == 0) {
		offer.kind = DIGEST_MD5;
		offer.is_etag = true;
	}
	return offer;
}

/* ---- GetObjectAttributes ---- */

struct attributes_pass {
	struct s3_attributes *to;
	struct s3_part part;
};

static int attributes_begin(struct xml_pass *p, const char *name)
{
	struct attributes_pass *a = p->arg;

	if (p->depth == 1 && !streq(name, "GetObjectAttributesResponse"))
		return -EBADMSG;
	if (p->depth == 3 && streq(name, "Part"))
		a->part = (struct s3_part){ .kind = DIGEST_NONE };
	return 0;
}

static int part_member(struct s3_part *part, const char *name, const char *text)
{
	static const enum digest_kind kinds[] = { DIGEST_SHA256, DIGEST_SHA1,
						  DIGEST_CRC64NVME, DIGEST_CRC32C,
						  DIGEST_CRC32 };
	const char *algo = str_after(name, "Checksum");
	struct proof_offer offer;

	if (streq(name, "PartNumber"))
		return str_to_u64(text, &part->number) < 0 ? -EBADMSG : 0;
	if (streq(name, "Size"))
		return str_to_u64(text, &part->size_bytes) < 0 ? -EBADMSG : 0;
	for (size_t i = 0; algo && i < ARRAY_SIZE(kinds); i++) {
		if (!streq(algo, digest_name(kinds[i])) ||
		    !checksum_take(text, kinds[i], &offer))
			continue;
		part->kind = offer.kind;
		memcpy(part->value, offer.value, sizeof(part->value));
	}
	return 0;
}

static int attributes_end(struct xml_pass *p, const char *name, const char *parent)
{
	struct attributes_pass *a = p->arg;
	const char *text = xml_text_of(p);

	if (p->depth == 1 && streq(name, "ETag"))
		s3_etag_copy(text, a->to->etag);
	if (p->depth == 3 && streq(parent, "Part"))
		return part_member(&a->part, name, text);
	if (p->depth != 2 || !streq(parent, "ObjectParts"))
		return 0;
	if (streq(name, "Part"))
		return a->to->part(a->to->arg, &a->part);
	if (streq(name, "IsTruncated"))
		a->to->is_truncated = streq(text, "true");
	else if (streq(name, "NextPartNumberMarker"))
		return str_to_u64(text, &a->to->next) < 0 ? -EBADMSG : 0;
	return 0;
}

int s3_attributes_parse(const char *data, size_t len, struct s3_attributes *ret)
{
	struct attributes_pass a = { .to = ret };
	struct xml_pass p = { .begin = attributes_begin,
			      .end = attributes_end,
			      .arg = &a };

	ret->etag[0] = '\0';
	ret->is_truncated = false;
	ret->next = 0;
	return xml_pass_run(&p, data, len);
}

int s3_restore_body(struct buf *out, enum tier tier, uint32_t days)
{
	static const char *const words[] = { "", "Expedited", "Standard", "Bulk" };

	buf_puts(out,
		 "<RestoreRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	if (days > 0)
		buf_printf(out, "<Days>%u</Days>", days);
	return buf_printf(out,
			  "<GlacierJobParameters><Tier>%s</Tier></GlacierJobParameters>"
			  "</RestoreRequest>",
			  words[tier]);
}
