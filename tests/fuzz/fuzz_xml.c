/* SPDX-License-Identifier: Apache-2.0 */
/* S3's documents: listings, versions, parts, errors. */
#include "fuzz.h"
#include "s3_xml.h"

static int entry(void *arg, const struct listing_entry *e)
{
	(void)arg;
	assert(e->object.id[0] && memchr(e->object.id, 0, sizeof(e->object.id)));
	assert(memchr(e->object.version, 0, sizeof(e->object.version)));
	return 0;
}

static int prefix(void *arg, const char *text)
{
	(void)arg;
	assert(*text && strlen(text) <= OBJECT_ID_MAX);
	return 0;
}

static int part(void *arg, const struct s3_part *p)
{
	(void)arg;
	assert(digest_len(p->kind) <= DIGEST_MAX);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct s3_list_taker taker = { entry, prefix, NULL };
	struct s3_page page = { .is_truncated = false };
	struct s3_attributes attributes = { .part = part };
	struct site_error err = { .code = "" };
	buf_init(&page.token, 8192);
	buf_init(&page.version, 8192);
	s3_list_parse((const char *)data, size, &page, &taker);
	s3_error_parse((const char *)data, size, &err);
	enum backend_wiring wiring = WIRING_UNKNOWN;
	if (s3_wiring_parse((const char *)data, size, &wiring) == 0)
		assert(wiring != WIRING_UNKNOWN);
	if (s3_xml_text((const char *)data, size, "Arn", err.text, sizeof(err.text)) == 0)
		assert(memchr(err.text, 0, sizeof(err.text)));
	s3_attributes_parse((const char *)data, size, &attributes);
	assert(memchr(attributes.etag, 0, sizeof(attributes.etag)));
	buf_done(&page.token);
	buf_done(&page.version);
	return 0;
}
