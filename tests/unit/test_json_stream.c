/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "json.h"
#include "str.h"

static const char sample[] =
	" {\"VaultARN\" : \"arn:\\u00e4 \\\"}]{[\\\\\", \"n\":-12 ,\"t\":true,\"nul\":null,"
	"\"o\":{\"ArchiveList\":[1,{\"x\":\"]\"}]},\n\t\"ArchiveList\":[ {\"id\":\"a}\\\"{\"} ,"
	"{\"id\":\"b\\\\\",\"deep\":[[{\"q\":[]}]]},{\"id\":\"\"}\r\n] ,\"last\":1.5e3} \n";
static const char sample_log[] = "VaultARN n t nul(null) o <a}\"{><b\\><>last ";

/* What the callbacks saw, in words. */
struct seen {
	struct buf log;
	int answer; /* of the second element */
	int elements;
};

static int element_seen(void *arg, struct json_object *element)
{
	struct seen *seen = arg;
	const char *id = "?";

	json_str(element, "id", &id);
	buf_printf(&seen->log, "<%s>", id);
	seen->elements++;
	return seen->elements == 2 ? seen->answer : 0;
}

static int member_seen(void *arg, const char *key, struct json_object *value)
{
	struct seen *seen = arg;

	buf_printf(&seen->log, "%s%s ", key, value ? "" : "(null)");
	return 0;
}

/* Feeds the three pieces that two cuts make. */
static int run(struct seen *seen, const char *doc, size_t len, size_t cut1, size_t cut2)
{
	_cleanup_(json_stream_freep) struct json_stream *s =
		json_stream_new("ArchiveList", element_seen, member_seen, seen);

	assert_non_null(s);
	int r = json_stream_feed(s, doc, cut1);
	if (r == 0)
		r = json_stream_feed(s, doc + cut1, cut2 - cut1);
	if (r == 0)
		r = json_stream_feed(s, doc + cut2, len - cut2);
	if (r == 0) {
		assert_int_equal(json_stream_offset(s), len);
		r = json_stream_end(s);
	}
	return r;
}

/* One byte at a time; the answer, and that the whole in one go has the same. */
static int run_bytes(const char *doc)
{
	struct seen seen = { 0 }, whole = { 0 };
	size_t len = strlen(doc);
	int r = 0;

	buf_init(&seen.log, BUF_TEXT_MAX);
	buf_init(&whole.log, BUF_TEXT_MAX);
	_cleanup_(json_stream_freep) struct json_stream *s =
		json_stream_new("ArchiveList", element_seen, NULL, &seen);
	for (size_t i = 0; i < len && r == 0; i++)
		r = json_stream_feed(s, doc + i, 1);
	if (r == 0)
		r = json_stream_end(s);
	assert_int_equal(run(&whole, doc, len, 0, len), r);
	assert_int_equal(whole.elements, seen.elements);
	buf_done(&seen.log);
	buf_done(&whole.log);
	return r;
}

static void a_document_cut_anywhere_reads_the_same(void **state)
{
	size_t len = strlen(sample);
	(void)state;

	for (size_t cut1 = 0; cut1 <= len; cut1++)
		for (size_t cut2 = cut1; cut2 <= len; cut2 += cut1 % 7 + 1) {
			struct seen seen = { 0 };
			buf_init(&seen.log, BUF_TEXT_MAX);
			assert_int_equal(run(&seen, sample, len, cut1, cut2), 0);
			assert_string_equal(seen.log.data, sample_log);
			buf_done(&seen.log);
		}
	assert_int_equal(run_bytes(sample), 0);
}

static void a_truncated_document_is_never_complete(void **state)
{
	size_t len = (size_t)(strrchr(sample, '}') - sample);
	(void)state;

	for (size_t n = 0; n <= len; n++) {
		struct seen seen = { 0 };
		buf_init(&seen.log, BUF_TEXT_MAX);
		assert_int_equal(run(&seen, sample, n, n / 2, n), -EBADMSG);
		buf_done(&seen.log);
	}
}

static void what_is_not_such_a_document_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"null",
		"[]",
		"[{\"ArchiveList\":[]}]",
		"{}",
		"{\"a\":1}",
		"{\"ArchiveList\":null}",
		"{\"ArchiveList\":{}}",
		"{\"ArchiveList\":[1]}",
		"{\"ArchiveList\":[\"a\"]}",
		"{\"ArchiveList\":[[{}]]}",
		"{\"ArchiveList\":[{},]}",
		"{\"ArchiveList\":[,{}]}",
		"{\"ArchiveList\":[{}{}]}",
		"{\"ArchiveList\":[{]}]}",
		"{\"ArchiveList\":[{\"a\":x}]}",
		"{\"ArchiveList\":[],}",
		"{\"ArchiveList\":[],\"ArchiveList\":[]}",
		"{,\"ArchiveList\":[]}",
		"{\"ArchiveList\":[]}x",
		"{\"ArchiveList\":[]}{}",
		"{\"ArchiveList\" []}",
		"{ArchiveList:[]}",
		"{\"a\":,\"ArchiveList\":[]}",
		"{\"a\":1 2,\"ArchiveList\":[]}",
		"{\"a\":tru,\"ArchiveList\":[]}",
		"{\"a\":}",
		"{\"a\":]",
		"{\"a\":1\"ArchiveList\":[]}",
		"{\"a\":\"\n",
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(run_bytes(bad[i]), -EBADMSG);
}

static void an_empty_array_is_a_document(void **state)
{
	(void)state;

	assert_int_equal(run_bytes("{\"ArchiveList\":[]}"), 0);
	assert_int_equal(run_bytes("{\"ArchiveList\" : [ ] , \"x\":[] }\n\n"), 0);
	assert_int_equal(run_bytes("{\"Archive\\u004cist\":[{}]}"), 0);
}

/* An element whose string makes it `len` bytes long. */
static int run_long(const char *head, size_t len, const char *tail)
{
	_buf_ struct buf doc;
	struct seen seen = { 0 };

	buf_init(&doc, BUF_TEXT_MAX);
	buf_init(&seen.log, BUF_TEXT_MAX);
	buf_puts(&doc, head);
	for (size_t i = 0; i < len; i++)
		buf_putc(&doc, 'x');
	buf_puts(&doc, tail);
	int r = run(&seen, doc.data, doc.len, doc.len / 3, doc.len / 2);
	buf_done(&seen.log);
	return r;
}

static void pieces_beyond_64_kib_are_refused(void **state)
{
	(void)state;

	assert_int_equal(run_long("{\"ArchiveList\":[{\"id\":\"", 65536 - 9, "\"}]}"), 0);
	assert_int_equal(run_long("{\"ArchiveList\":[{\"id\":\"", 65536 - 8, "\"}]}"),
			 -EMSGSIZE);
	assert_int_equal(run_long("{\"m\":\"", 65534, "\",\"ArchiveList\":[]}"), 0);
	assert_int_equal(run_long("{\"m\":\"", 65535, "\",\"ArchiveList\":[]}"),
			 -EMSGSIZE);
	assert_int_equal(run_long("{\"", 65535, "\":1,\"ArchiveList\":[]}"), -EMSGSIZE);
}

static void nesting_is_limited(void **state)
{
	_buf_ struct buf doc;
	(void)state;

	buf_init(&doc, BUF_TEXT_MAX);
	buf_puts(&doc, "{\"ArchiveList\":[{\"a\":");
	for (int i = 0; i < 40; i++)
		buf_putc(&doc, '[');
	for (int i = 0; i < 40; i++)
		buf_putc(&doc, ']');
	buf_puts(&doc, "}]}");
	assert_int_equal(run_bytes(doc.data), -EBADMSG);
}

static void a_callback_stops_with_its_answer(void **state)
{
	static const int answers[] = { 7, -ENOSPC };
	size_t len = strlen(sample);
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct seen seen = { .answer = answers[i] };
		buf_init(&seen.log, BUF_TEXT_MAX);
		_cleanup_(json_stream_freep) struct json_stream *s =
			json_stream_new("ArchiveList", element_seen, NULL, &seen);
		assert_int_equal(json_stream_feed(s, sample, len), answers[i]);
		assert_int_equal(json_stream_feed(s, "x", 1), answers[i]);
		assert_true(json_stream_end(s) < 0);
		assert_int_equal(seen.elements, 2);
		buf_done(&seen.log);
	}
}

static void the_offset_says_where_it_broke(void **state)
{
	struct seen seen = { 0 };
	(void)state;

	buf_init(&seen.log, BUF_TEXT_MAX);
	_cleanup_(json_stream_freep) struct json_stream *s =
		json_stream_new("ArchiveList", element_seen, NULL, &seen);
	assert_int_equal(json_stream_feed(s, "{\"a\":1", 6), 0);
	assert_int_equal(json_stream_feed(s, " ; ", 3), -EBADMSG);
	assert_int_equal(json_stream_offset(s), 7);
	buf_done(&seen.log);
}

/* ---- maps ---- */

static int path_seen(void *arg, const char *path, struct json_object *value)
{
	struct seen *seen = arg;
	const char *v = "?";

	json_str(value, "v", &v);
	buf_printf(&seen->log, "%s=%s ", path, v);
	return 0;
}

static void objects_that_are_entered_give_their_members(void **state)
{
	static const char doc[] =
		"{\"a\":{\"v\":\"1\"},\"p\":{},\"t\":{\"x\":{\"y\":{}},\"o\":{\"k.1\":{\"v\":"
		"\"}\"},\"k2\":{\"v\":\"3\"}},\"z\":[{}]},\"o\":{\"v\":\"4\"},\"p\":{\"q\":{}}}";
	(void)state;

	for (size_t cut = 0; cut < sizeof(doc); cut++) {
		struct seen seen = { .elements = 0 };

		buf_init(&seen.log, BUF_TEXT_MAX);
		_cleanup_(json_stream_freep) struct json_stream *s =
			json_stream_new_map(path_seen, &seen);
		assert_non_null(s);
		json_stream_open(s, "p");
		json_stream_open(s, "t");
		json_stream_open(s, "t.o");
		assert_int_equal(json_stream_feed(s, doc, cut), 0);
		assert_int_equal(json_stream_feed(s, doc + cut, sizeof(doc) - 1 - cut),
				 0);
		assert_int_equal(json_stream_end(s), 0);
		assert_string_equal(seen.log.data,
				    "a=1 t.x=? t.o.k.1=} t.o.k2=3 t.z=? o=4 p.q=? ");
		buf_done(&seen.log);
	}
}

static void what_is_too_long_is_left_out_of_a_map(void **state)
{
	struct seen seen = { .elements = 0 };
	_buf_ struct buf doc;
	(void)state;

	buf_init(&doc, BUF_TEXT_MAX);
	buf_init(&seen.log, BUF_TEXT_MAX);
	buf_puts(&doc, "{\"a\":{\"v\":\"");
	for (int i = 0; i < 70000; i++)
		buf_putc(&doc, 'x');
	buf_puts(&doc, "\"},\"b\":{\"v\":\"2\"}}");
	_cleanup_(json_stream_freep) struct json_stream *s =
		json_stream_new_map(path_seen, &seen);
	for (size_t at = 0; at < doc.len; at += 1000)
		assert_int_equal(
			json_stream_feed(s, doc.data + at,
					 doc.len - at < 1000 ? doc.len - at : 1000),
			0);
	assert_int_equal(json_stream_end(s), 0);
	assert_string_equal(seen.log.data, "b=2 ");
	buf_done(&seen.log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_that_are_entered_give_their_members),
		cmocka_unit_test(what_is_too_long_is_left_out_of_a_map),
		cmocka_unit_test(a_document_cut_anywhere_reads_the_same),
		cmocka_unit_test(a_truncated_document_is_never_complete),
		cmocka_unit_test(what_is_not_such_a_document_is_refused),
		cmocka_unit_test(an_empty_array_is_a_document),
		cmocka_unit_test(pieces_beyond_64_kib_are_refused),
		cmocka_unit_test(nesting_is_limited),
		cmocka_unit_test(a_callback_stops_with_its_answer),
		cmocka_unit_test(the_offset_says_where_it_broke),
	};
	return cmocka_run_group_tests_name("json_stream", tests, NULL, NULL);
}
