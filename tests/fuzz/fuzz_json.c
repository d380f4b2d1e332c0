/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: whole, flat (where both read it they agree), and as a stream in pieces of each length. */
#include "fuzz.h"
#include "json.h"
#include "str.h"

#define FIELDS 16

static int member(void *arg, const char *key, struct json_object *value)
{
	(void)arg;
	assert(key);
	json_text(value);
	return 0;
}

static int element(void *arg, struct json_object *o)
{
	return json_each(o, member, arg);
}

static void whole(const uint8_t *data, size_t size)
{
	struct json_object *list;
	const char *s;
	size_t n = 0, len;
	uint64_t number;
	double real;
	bool is;

	_cleanup_(json_freep) struct json_object *o =
		json_parse((const char *)data, size);
	if (!o)
		return;
	json_each(o, member, NULL);
	_buf_ struct buf quoted;
	buf_init(&quoted, BUF_TEXT_MAX);
	if (json_str(o, "s", &s) == 0 && json_quote(&quoted, s) == 0)
		assert(quoted.len >= 2);
	if (json_bytes(o, "s", &s, &len) == 0)
		assert(s);
	json_u64(o, "n", &number);
	json_number(o, "n", &real);
	json_boolean(o, "b", &is);
	json_child(o, "o", &list);
	if (json_array(o, "a", &list, &n) == 0)
		for (size_t i = 0; i <= n; i++)
			json_text(json_at(list, i));
}

/* Any text becomes a string that is one. */
static void quote(const uint8_t *data, size_t size)
{
	_free_ char *text = fuzz_text(data, size);
	_buf_ struct buf out;

	buf_init(&out, BUF_TEXT_MAX);
	buf_puts(&out, "{\"s\":");
	if (json_quote(&out, text) < 0 || buf_putc(&out, '}') < 0)
		return;
	struct json_object *o = json_parse(out.data, out.len);
	assert(o);
	json_free(o);
}

static void flat(const uint8_t *data, size_t size)
{
	struct json_field fields[FIELDS];
	_free_ char *text = fuzz_text(data, size);
	_free_ char *kept = fuzz_text(data, size);

	int n = json_flat(text, size, fields, FIELDS);
	if (n < 0) {
		assert(memcmp(text, kept, size) == 0);
		return;
	}
	assert(n <= FIELDS);
	for (int i = 0; i < n; i++)
		assert(strlen(fields[i].key) <= size && strlen(fields[i].text) <= size);
	json_free(json_parse(kept, size));
}

static void stream(struct json_stream *s, const uint8_t *data, size_t size, size_t piece)
{
	int r = 0;

	if (!s)
		abort();
	for (size_t at = 0; r == 0 && at < size; at += piece)
		r = json_stream_feed(s, (const char *)data + at,
				     size - at < piece ? size - at : piece);
	if (r == 0)
		(void)json_stream_end(s);
	assert(json_stream_offset(s) <= size);
	json_stream_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	whole(data, size);
	quote(data, size);
	flat(data, size);
	for (size_t piece = 1; piece <= 9; piece += 4) {
		struct json_stream *s = json_stream_new_map(member, NULL);
		if (!s)
			abort();
		json_stream_open(s, "o");
		stream(s, data, size, piece);
		stream(json_stream_new("a", element, member, NULL), data, size, piece);
	}
	return 0;
}
