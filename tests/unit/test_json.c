/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "json.h"
#include "str.h"
#include <errno.h>
#include <stdio.h>

static struct json_object *parse(const char *s)
{
	return json_parse(s, strlen(s));
}

static void a_whole_document_is_parsed_and_nothing_less(void **state)
{
	static const char *const good[] = { "{}", " {\"a\":1} \n", "[1,2]", "\"s\"",
					    "12", "-1.5",          "true" };
	static const char *const bad[] = { "",      " ",          "{",     "{}x",
					   "{} {}", "{\"a\":1,}", "[1,]",  "nul",
					   "1 2",   "{\"a\":}",   "\"open" };
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		_cleanup_(json_freep) struct json_object *o = parse(good[i]);
		assert_non_null(o);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_null(parse(bad[i]));
	assert_null(json_parse("{}\0x", 4));
	_cleanup_(json_freep) struct json_object *part = json_parse("{}garbage", 2);
	assert_non_null(part);
}

static void what_is_beyond_ascii_stands_in_strings_only(void **state)
{
	static const char *const bad[] = { "\xc3\xa4",        "{\xc3\xa4:1}",
					   "[\"\xc3\xa4\",]", "nul\xc3\xa4",
					   "'\xc3\xa4'",      "\"\xc3\xa4\" x",
					   "1\xc3\xa4",       "\"\xc3\xa4\" /**/" };
	const char *s = NULL;
	(void)state;

	_cleanup_(json_freep) struct json_object *o =
		parse("{\"\xc3\xa4\":\"\xe2\x82\xac \xf0\x9f\x8e\x9e \\n\"}");
	assert_non_null(o);
	assert_int_equal(json_str(o, "\xc3\xa4", &s), 0);
	assert_string_equal(s, "\xe2\x82\xac \xf0\x9f\x8e\x9e \n");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_null(parse(bad[i]));
}

static void nesting_is_limited(void **state)
{
	char s[101];
	(void)state;

	memset(s, '[', 50);
	memset(s + 50, ']', 50);
	s[100] = '\0';
	assert_null(parse(s));
	_cleanup_(json_freep) struct json_object *shallow = json_parse(s + 30, 40);
	assert_non_null(shallow);
}

static void getters_tell_absent_from_mistyped(void **state)
{
	_cleanup_(json_freep) struct json_object *o = parse(
		"{\"s\":\"x\",\"n\":18446744073709551615,\"neg\":-1,\"f\":1.5,\"b\":true,"
		"\"null\":null,\"a\":[1,{\"k\":2}],\"o\":{\"in\":\"y\"}}");
	const char *s = NULL;
	uint64_t n = 0;
	bool b = false;
	struct json_object *a = NULL, *child = NULL;
	size_t len = 0;
	(void)state;

	assert_non_null(o);
	assert_int_equal(json_str(o, "s", &s), 0);
	assert_string_equal(s, "x");
	assert_int_equal(json_str(o, "n", &s), -EINVAL);
	assert_int_equal(json_str(o, "null", &s), -ENOENT);
	assert_int_equal(json_str(o, "none", &s), -ENOENT);
	assert_int_equal(json_u64(o, "n", &n), 0);
	assert_true(n == UINT64_MAX);
	assert_int_equal(json_u64(o, "neg", &n), -EINVAL);
	assert_int_equal(json_u64(o, "f", &n), -EINVAL);
	assert_int_equal(json_u64(o, "s", &n), -EINVAL);
	assert_int_equal(json_boolean(o, "b", &b), 0);
	assert_true(b);
	assert_int_equal(json_boolean(o, "n", &b), -EINVAL);
	assert_int_equal(json_array(o, "a", &a, &len), 0);
	assert_int_equal(len, 2);
	assert_int_equal(json_u64(json_at(a, 1), "k", &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(json_u64(json_at(a, 0), "k", &n), -EINVAL);
	assert_null(json_at(a, 2));
	assert_int_equal(json_array(o, "o", &a, &len), -EINVAL);
	assert_int_equal(json_child(o, "o", &child), 0);
	assert_int_equal(json_str(child, "in", &s), 0);
	assert_int_equal(json_child(NULL, "o", &child), -EINVAL);
}

static void quoting_makes_valid_json_of_any_bytes(void **state)
{
	_buf_ struct buf b;
	(void)state;

	buf_init(&b, 1000);
	json_quote(&b, "a\"b\\c\n\t\x01\x7f\xc3\xa4\xff\xc3");
	assert_string_equal(b.data,
			    "\"a\\\"b\\\\c\\n\\t\\u0001\\u007f\xc3\xa4\xef\xbf\xbd"
			    "\xef\xbf\xbd\"");
	for (int byte = 1; byte < 256; byte++) {
		char s[2] = { (char)byte, '\0' };
		buf_reset(&b);
		json_quote(&b, s);
		_cleanup_(json_freep) struct json_object *o = json_parse(b.data, b.len);
		assert_non_null(o);
	}
}

static const char *const flats[] = {
	"{}",
	" { \"a\" : \"b\" , \"n\":12}\n",
	"{\"a\":\"\",\"b\":0,\"a\":\"x\\\"y\\\\\\/\\b\\f\\n\\r\\t\"}",
	"{\"ArchiveId\":\"A\",\"Size\":9}",
	"{\"a\":\"0123456789\\nabcdefg\",\"b\":\"0123456789\\\"\",\"c\":\"\xc3\xa9tude no. 9\"}",
};

static const char *const not_flat[] = {
	"",
	"{",
	"{\"a\":\"b\"",
	"{\"a\":\"b\"} x",
	"{\"a\":\"b\",}",
	"{\"a\" \"b\"}",
	"{\"a\":01}",
	"{\"a\":-1}",
	"{\"a\":1.5}",
	"{\"a\":1e5}",
	"{\"a\":1234567890123456789}",
	"{\"a\":null}",
	"{\"a\":{}}",
	"{\"a\":[]}",
	"{\"a\":\"\\u0041\"}",
	"{\"a\\n\":\"b\"}",
	"{\"a\":\"\n\"}",
	"{\"a\":\"0123\037567890123456789\"}",
	"{\"a\":\"0123456789\\x0123456789\"}",
	"{\"a\":\"\\x\"}",
	"{\"a\":\"\\",
	"[]",
};

/* Where json_flat() says yes, json-c says the same. */
static void flat_is_compared(const char *text, size_t len, bool must_be_flat)
{
	struct json_field f[4];
	char copy[128] = { 0 };
	memcpy(copy, text, len);
	int n = json_flat(copy, len, f, 4);
	if (n < 0) {
		assert_int_equal(n, -ENOTSUP);
		assert_memory_equal(copy, text, len);
		assert_false(must_be_flat);
		return;
	}
	_cleanup_(json_freep) struct json_object *o = json_parse(text, len);
	if (!o)
		fail_msg("json-c refuses %.*s", (int)len, text);
	for (int i = n; i-- > 0;) {
		const char *s = NULL;
		uint64_t v = 0, mine = 0;
		bool is_last = true;
		for (int k = i + 1; k < n; k++)
			is_last = is_last && !streq(f[k].key, f[i].key);
		if (!is_last)
			continue;
		if (f[i].is_string) {
			assert_int_equal(json_str(o, f[i].key, &s), 0);
			assert_string_equal(s, f[i].text);
		} else {
			assert_int_equal(json_u64(o, f[i].key, &v), 0);
			assert_int_equal(str_to_u64(f[i].text, &mine), 0);
			assert_int_equal(v, mine);
		}
	}
}

static void members_come_with_the_comma_they_need(void **state)
{
	_buf_ struct buf b;
	(void)state;
	buf_init(&b, 4096);
	buf_putc(&b, '{');
	json_put(&b, "name", "a \"b\"");
	json_put_time(&b, "time", 1000);
	buf_puts(&b, ",\"of\":{");
	json_put(&b, "ends in", "{");
	json_put(&b, "last", "");
	buf_puts(&b, "}}");
	assert_string_equal(b.data,
			    "{\"name\":\"a \\\"b\\\"\",\"time\":\"1970-01-01T00:00:01Z\","
			    "\"of\":{\"ends in\":\"{\",\"last\":\"\"}}");
}

static void what_is_flat_is_what_json_c_says(void **state)
{
	static const char odd[] = "{}[]\",:\\0129-. nab\n\x01";
	uint64_t x = 88172645463325252u;
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(flats); i++)
		flat_is_compared(flats[i], strlen(flats[i]), true);
	for (size_t i = 0; i < ARRAY_SIZE(not_flat); i++) {
		struct json_field f[4];
		char copy[64] = { 0 };
		snprintf(copy, sizeof(copy), "%s", not_flat[i]);
		if (json_flat(copy, strlen(copy), f, 4) != -ENOTSUP)
			fail_msg("taken for flat: %s", not_flat[i]);
	}
	for (int turn = 0; turn < 20000; turn++) {
		char text[128];
		const char *base = flats[turn % (int)ARRAY_SIZE(flats)];
		size_t len = strlen(base);
		memcpy(text, base, len + 1);
		for (int k = 0; k < 3 && len; k++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			text[x % len] = odd[(x >> 32) % (sizeof(odd) - 1)];
		}
		flat_is_compared(text, len, false);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_document_is_parsed_and_nothing_less),
		cmocka_unit_test(what_is_beyond_ascii_stands_in_strings_only),
		cmocka_unit_test(nesting_is_limited),
		cmocka_unit_test(getters_tell_absent_from_mistyped),
		cmocka_unit_test(quoting_makes_valid_json_of_any_bytes),
		cmocka_unit_test(members_come_with_the_comma_they_need),
		cmocka_unit_test(what_is_flat_is_what_json_c_says),
	};
	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
