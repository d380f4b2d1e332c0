/* SPDX-License-Identifier: Apache-2.0 */
#include "upload_xml.h"
#include "s3_xml.h"
#include "str.h"
#include "xml_pass.h"
#include <stdio.h>

#define NAMESPACE "http://s3.amazonaws.com/doc/2006-03-01/"

bool upload_sum_parse(enum digest_kind kind, const char *text, uint8_t ret[DIGEST_MAX],
		      uint32_t *ret_parts)
{
	size_t len = strcspn(text, "-");
	uint8_t value[DIGEST_MAX];
	uint64_t parts = 0;
	char base64[64];

	if (len >= sizeof(base64))
		return false;
	memcpy(base64, text, len);
	base64[len] = '\0';
	if (text[len] && (str_to_u64(text + len + 1, &parts) < 0 || parts == 0 ||
			  parts > UPLOAD_PARTS_MAX))
		return false;
	if (base64_decode(base64, value, sizeof(value)) != (ssize_t)digest_len(kind))
		return false;
	memcpy(ret, value, sizeof(value));
	*ret_parts = (uint32_t)parts;
	return true;
}

/* <ChecksumSHA256> and its like, of the kinds that we send. */
static void sum_member(struct upload_piece *p, const char *name, const char *text)
{
	static const enum digest_kind kinds[] = { DIGEST_SHA256, DIGEST_CRC64NVME };
	const char *algo = str_after(name, "Checksum");
	uint32_t parts;

	for (size_t i = 0; algo && i < ARRAY_SIZE(kinds); i++)
		if (streq(algo, digest_name(kinds[i])) &&
		    upload_sum_parse(kinds[i], text, p->value, &parts))
			p->sum = kinds[i];
}

/* What is copied whole or not at all. */
static int word_copy(char *ret, size_t room, const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len >= room)
		return -EBADMSG;
	memcpy(ret, text, len + 1);
	return 0;
}

/* ---- InitiateMultipartUpload ---- */

static int begun_begin(struct xml_pass *p, const char *name)
{
	return p->depth == 1 && !streq(name, "InitiateMultipartUploadResult") ? -EBADMSG
									      : 0;
}

static int begun_end(struct xml_pass *p, const char *name, const char *parent)
{
	(void)parent;
	return p->depth == 1 && streq(name, "UploadId")
		       ? word_copy(p->arg, UPLOAD_ID_MAX, xml_text_of(p))
		       : 0;
}

int upload_begun_parse(const char *data, size_t len, char ret_id[UPLOAD_ID_MAX])
{
	char id[UPLOAD_ID_MAX] = "";
	struct xml_pass p = { .begin = begun_begin, .end = begun_end, .arg = id };

	int r = xml_pass_run(&p, data, len);
	if (r == 0 && !id[0])
		r = -EBADMSG;
	if (r == 0)
		memcpy(ret_id, id, sizeof(id));
	return r;
}

/* ---- CompleteMultipartUpload ---- */

int upload_complete_put(struct buf *out, const struct upload_piece *parts, size_t n)
{
	buf_puts(out, "<CompleteMultipartUpload xmlns=\"" NAMESPACE "\">");
	for (size_t i = 0; i < n; i++) {
		const char *algo = digest_name(parts[i].sum);

		buf_printf(out, "<Part><PartNumber>%u</PartNumber><ETag>\"",
			   parts[i].number);
		/* ETags of services hold nothing that XML minds, but nobody has said so. */
		for (const char *c = parts[i].etag; *c; c++)
			if (*c == '<' || *c == '&')
				buf_puts(out, *c == '<' ? "&lt;" : "&amp;");
			else
				buf_putc(out, *c);
		buf_printf(out, "\"</ETag><Checksum%s>", algo);
		base64_encode(parts[i].value, digest_len(parts[i].sum), out);
		buf_printf(out, "</Checksum%s></Part>", algo);
	}
	return buf_puts(out, "</CompleteMultipartUpload>");
}

static int completed_begin(struct xml_pass *p, const char *name)
{
	return p->depth == 1 && !streq(name, "CompleteMultipartUploadResult") ? -EBADMSG
									      : 0;
}

static int completed_end(struct xml_pass *p, const char *name, const char *parent)
{
	struct upload_piece *piece = p->arg;

	(void)parent;
	if (p->depth == 1 && streq(name, "ETag"))
		s3_etag_copy(xml_text_of(p), piece->etag);
	else if (p->depth == 1)
		sum_member(piece, name, xml_text_of(p));
	return 0;
}

int upload_completed_parse(const char *data, size_t len, struct upload_piece *ret)
{
	struct upload_piece piece = { .sum = DIGEST_NONE };
	struct xml_pass p = { .begin = completed_begin,
			      .end = completed_end,
			      .arg = &piece };

	int r = xml_pass_run(&p, data, len);
	if (r == 0 && !piece.etag[0])
		r = -EBADMSG;
	if (r == 0)
		*ret = piece;
	return r;
}

/* ---- ListMultipartUploads ---- */

struct list_pass {
	struct upload_page *page;
	struct upload_pending now;
	int (*each)(void *arg, const struct upload_pending *p);
	void *arg;
};

static int list_begin(struct xml_pass *p, const char *name)
{
	struct list_pass *l = p->arg;

	if (p->depth == 1 && !streq(name, "ListMultipartUploadsResult"))
		return -EBADMSG;
	if (p->depth == 2 && streq(name, "Upload")) {
		l->now = (struct upload_pending){ .sum = DIGEST_NONE };
		snprintf(l->now.storage_class, OBJECT_CLASS_MAX, "STANDARD");
	}
	return 0;
}

static int key_copy(char ret[OBJECT_ID_MAX + 1], const char *encoded)
{
	_buf_ struct buf key;

	buf_init(&key, XML_TEXT_MAX);
	int r = s3_key_decode(encoded, &key);
	if (r == 0)
		memcpy(ret, key.data, key.len + 1);
	return r;
}

static int upload_member(struct upload_pending *u, const char *name, const char *text)
{
	if (streq(name, "Key"))
		return key_copy(u->key, text);
	if (streq(name, "UploadId"))
		return word_copy(u->id, sizeof(u->id), text);
	if (streq(name, "Initiated"))
		return time_parse_rfc3339(text, &u->begun_ms) < 0 ? -EBADMSG : 0;
	if (streq(name, "StorageClass"))
		snprintf(u->storage_class, OBJECT_CLASS_MAX, "%s", text);
	else if (streq(name, "ChecksumAlgorithm"))
		u->sum = streq(text, digest_name(DIGEST_SHA256))      ? DIGEST_SHA256
			 : streq(text, digest_name(DIGEST_CRC64NVME)) ? DIGEST_CRC64NVME
								      : DIGEST_NONE;
	return 0;
}

static int list_member(struct list_pass *l, const char *name, const char *text)
{
	struct upload_page *page = l->page;

	if (streq(name, "Upload"))
		return l->now.key[0] && l->now.id[0] ? l->each(l->arg, &l->now)
						     : -EBADMSG;
	if (streq(name, "IsTruncated"))
		page->is_truncated = streq(text, "true");
	else if (streq(name, "NextKeyMarker") && *text)
		return key_copy(page->key, text);
	else if (streq(name, "NextUploadIdMarker") && *text)
		return word_copy(page->id, sizeof(page->id), text);
	return 0;
}

static int list_end(struct xml_pass *p, const char *name, const char *parent)
{
	struct list_pass *l = p->arg;

	if (p->depth == 1)
		return list_member(l, name, xml_text_of(p));
	return p->depth == 2 && streq(parent, "Upload")
		       ? upload_member(&l->now, name, xml_text_of(p))
		       : 0;
}

int upload_list_parse(const char *data, size_t len, struct upload_page *ret,
		      int (*each)(void *arg, const struct upload_pending *p), void *arg)
{
	struct list_pass l = { .page = ret, .each = each, .arg = arg };
	struct xml_pass p = { .begin = list_begin, .end = list_end, .arg = &l };

	*ret = (struct upload_page){ .is_truncated = false };
	return xml_pass_run(&p, data, len);
}

/* ---- ListParts ---- */

struct parts_pass {
	struct upload_page *page;
	struct upload_piece now;
	int (*each)(void *arg, const struct upload_piece *p);
	void *arg;
};

static int parts_begin(struct xml_pass *p, const char *name)
{
	struct parts_pass *s = p->arg;

	if (p->depth == 1 && !streq(name, "ListPartsResult"))
		return -EBADMSG;
	if (p->depth == 2 && streq(name, "Part"))
		s->now = (struct upload_piece){ .sum = DIGEST_NONE };
	return 0;
}

static int part_member(struct upload_piece *p, const char *name, const char *text)
{
	uint64_t n;

	if (streq(name, "PartNumber")) {
		if (str_to_u64(text, &n) < 0 || n < 1 || n > UPLOAD_PARTS_MAX)
			return -EBADMSG;
		p->number = (uint32_t)n;
	} else if (streq(name, "Size")) {
		return str_to_u64(text, &p->size_bytes) < 0 ? -EBADMSG : 0;
	} else if (streq(name, "ETag")) {
		s3_etag_copy(text, p->etag);
	} else {
		sum_member(p, name, text);
	}
	return 0;
}

static int parts_end(struct xml_pass *p, const char *name, const char *parent)
{
	struct parts_pass *s = p->arg;
	const char *text = xml_text_of(p);

	if (p->depth == 2 && streq(parent, "Part"))
		return part_member(&s->now, name, text);
	if (p->depth != 1)
		return 0;
	if (streq(name, "Part"))
		return s->now.number && s->now.etag[0] ? s->each(s->arg, &s->now)
						       : -EBADMSG;
	if (streq(name, "IsTruncated"))
		s->page->is_truncated = streq(text, "true");
	else if (streq(name, "NextPartNumberMarker"))
		return str_to_u64(text, &s->page->number) < 0 ? -EBADMSG : 0;
	return 0;
}

int upload_parts_parse(const char *data, size_t len, struct upload_page *ret,
		       int (*each)(void *arg, const struct upload_piece *p), void *arg)
{
	struct parts_pass s = { .page = ret, .each = each, .arg = arg };
	struct xml_pass p = { .begin = parts_begin, .end = parts_end, .arg = &s };

	*ret = (struct upload_page){ .is_truncated = false };
	return xml_pass_run(&p, data, len);
}
