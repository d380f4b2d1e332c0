/* SPDX-License-Identifier: Apache-2.0 */
/* What S3 says of uploads in parts, its checksums and metadata. */
#include "fuzz.h"
#include "upload_meta.h"
#include "upload_xml.h"

static int pending(void *arg, const struct upload_pending *p)
{
	(void)arg;
	assert(p->key[0] && memchr(p->key, 0, sizeof(p->key)));
	assert(p->id[0] && memchr(p->id, 0, sizeof(p->id)));
	assert(memchr(p->storage_class, 0, sizeof(p->storage_class)));
	return 0;
}

static int piece(void *arg, const struct upload_piece *p)
{
	(void)arg;
	assert(p->number >= 1 && p->number <= UPLOAD_PARTS_MAX && p->etag[0]);
	assert(digest_len(p->sum) <= DIGEST_MAX);
	return 0;
}

static const char meta_name[] = "x-amz-meta-any";

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Whatever a value is, it comes back. */
static void value_try(const char *text)
{
	_buf_ struct buf header;
	char taken[256];

	buf_init(&header, (size_t)1 << 20);
	buf_add(&header, meta_name, sizeof(meta_name));
	upload_meta_put(&header, text);
	buf_putc(&header, '\0');
	size_t len = header.err ? 0 : upload_meta_take(&header, taken, sizeof(taken));
	must(len <= sizeof(taken));
	if (len > 0)
		must(strcmp(taken, "any") == 0 && strcmp(taken + 4, text) == 0);
	else
		must(!*text || strlen(text) + 5 > sizeof(taken));
}

/* Whatever a header is, what is taken of it is text. */
static void header_try(const char *text)
{
	_buf_ struct buf header;
	struct upload_head head = { .meta_len = 0 };

	buf_init(&header, (size_t)1 << 20);
	buf_add(&header, meta_name, sizeof(meta_name));
	buf_add(&header, text, strlen(text) + 1);
	head.meta_len = upload_meta_take(&header, head.meta, 256);
	must(head.meta_len <= 256);
	must(!upload_meta_find(&head, "other"));
	if (head.meta_len > 0)
		must(!head.meta[head.meta_len - 1] &&
		     upload_meta_find(&head, "any") == head.meta + 4);
}

static void answers_try(const char *text, size_t size)
{
	struct upload_page page;
	struct upload_piece whole;
	uint8_t value[DIGEST_MAX];
	char id[UPLOAD_ID_MAX];
	uint32_t parts;

	if (upload_begun_parse(text, size, id) == 0)
		must(id[0] && memchr(id, 0, sizeof(id)));
	if (upload_completed_parse(text, size, &whole) == 0)
		must(whole.etag[0] && memchr(whole.etag, 0, sizeof(whole.etag)));
	upload_list_parse(text, size, &page, pending, NULL);
	upload_parts_parse(text, size, &page, piece, NULL);
	if (upload_sum_parse(DIGEST_SHA256, text, value, &parts))
		must(parts <= UPLOAD_PARTS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_free_ char *text = calloc(1, size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	answers_try(text, size);
	if (upload_meta_is_name(text))
		must(*text && strlen(text) <= UPLOAD_META_NAME_MAX);
	value_try(text);
	header_try(text);
	return 0;
}
