/* SPDX-License-Identifier: Apache-2.0 */
/* Inventories of vaults that somebody has saved, JSON and CSV. */
#include "fuzz.h"
#include "inventory.h"
#include "json.h"

#define NS "glacier://us-east-1/photos"

/* As it comes from the service: element by element. */
static int element(void *arg, struct json_object *o)
{
	struct listing_entry e;

	(void)arg;
	if (inventory_entry(o, &e) == 0)
		assert(e.object.id[0] && memchr(e.description, 0, sizeof(e.description)));
	return 0;
}

static int member(void *arg, const char *key, struct json_object *value)
{
	(void)arg, (void)key, (void)value;
	return 0;
}

static void entries(const uint8_t *data, size_t size)
{
	struct json_stream *s = json_stream_new("ArchiveList", element, member, NULL);

	if (!s)
		abort();
	(void)json_stream_feed(s, (const char *)data, size);
	json_stream_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct import_cfg cfg = { .source = "photos", .ns = NS, .is_vault = true };
	struct import *im = import_new(NULL, &cfg);
	_close_ int fd = fuzz_file(data, size);
	int64_t taken_ms;
	_buf_ struct buf err;
	buf_init(&err, BUF_TEXT_MAX);
	if (!im)
		abort();
	entries(data, size);
	int r = inventory_read(fd, NS, im, &taken_ms, &err);
	assert(r == 0 || err.len > 0);
	import_free(im);
	return 0;
}
