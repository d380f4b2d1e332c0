/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"

#include "catalog.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *key, *path;
} rows[] = {
	{ "a", "a" },
	{ "a/b.txt", "a/b.txt" },
	{ "r\303\251pertoire/\303\244", "r\303\251pertoire/\303\244" },
	{ "", "%2F" },
	{ "/", "%2F/%2F" },
	{ "/a", "%2F/a" },
	{ "a/", "a/%2F" },
	{ "a//b", "a/%2F/b" },
	{ ".", "%2E" },
	{ "..", "%2E%2E" },
	{ "../x", "%2E%2E/x" },
	{ "...", "..." },
	{ ".thaw", "%2Ethaw" },
	{ ".thaw/x", "%2Ethaw/x" },
	{ ".thawed", ".thawed" },
	{ "100%", "100%" },
	{ "%2F", "%252F" },
	{ "%zz", "%zz" },
	{ "50%ab", "50%25ab" },
	{ "a\nb", "a%0Ab" },
	{ "\x7f", "%7F" },
	{ "\xff", "%FF" },
	{ "\xc3", "%C3" },
	{ "\xc0\xaf", "%C0%AF" },
	{ "\xed\xa0\x80", "%ED%A0%80" },
	{ "a b\\c", "a b\\c" },
};

static void keys_become_legal_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_buf_ struct buf b;
		buf_init(&b, BUF_TEXT_MAX);
		assert_int_equal(name_from_key(rows[i].key, strlen(rows[i].key), &b), 0);
		assert_string_equal(b.data, rows[i].path);
	}
}

static void a_description_is_trimmed_and_a_blank_one_is_undefined(void **state)
{
	static const struct {
		const char *description, *path;
	} d[] = {
		{ " a/b \t", "a/b" },
		{ "", "00undefined/ID" },
		{ " \n ", "00undefined/ID" },
		{ "a b", "a b" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(d); i++) {
		_buf_ struct buf b;
		struct name_origin origin = { 0 };
		buf_init(&b, BUF_TEXT_MAX);
		buf_init(&origin.text, BUF_TEXT_MAX);
		assert_int_equal(
			name_from_description(d[i].description, "ID", false, &b, &origin),
			0);
		assert_string_equal(b.data, d[i].path);
		buf_done(&origin.text);
	}
}

static void a_long_component_is_cut_between_characters_and_marked(void **state)
{
	char key[400];
	_buf_ struct buf b;
	_buf_ struct buf back;
	(void)state;
	buf_init(&b, BUF_TEXT_MAX);
	buf_init(&back, BUF_TEXT_MAX);
	/* 237 bytes, then two-byte characters: 238 would be in the middle of one. */
	memset(key, 'x', 237);
	for (size_t i = 237; i < 399; i += 2)
		key[i] = (char)0xc3, key[i + 1] = (char)0xa9;
	assert_int_equal(name_from_key(key, 399, &b), 0);
	assert_int_equal(b.len, 237 + 17);
	assert_int_equal(b.data[237], '~');
	assert_int_equal(name_unescape(b.data, &back), -EINVAL);
	/* What only looks cut must not be taken for it. */
	buf_reset(&back);
	assert_int_equal(name_from_key(b.data, b.len, &back), 0);
	assert_string_not_equal(back.data, b.data);
}

static void folder_markers_are_empty_keys_that_end_in_a_slash(void **state)
{
	(void)state;
	assert_true(name_is_folder_marker("a/", 2, 0));
	assert_false(name_is_folder_marker("a/", 2, 1));
	assert_false(name_is_folder_marker("a", 1, 0));
	assert_false(name_is_folder_marker("", 0, 0));
}

static void a_suffix_never_makes_a_name_too_long(void **state)
{
	static const size_t lengths[] = { 1, 100, 238, 239, 240, 254, 255 };
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		_buf_ struct buf b;
		buf_init(&b, BUF_TEXT_MAX);
		buf_puts(&b, "dir/");
		for (size_t k = 0; k < lengths[i]; k++)
			buf_putc(&b, 'n');
		assert_int_equal(name_add_suffix(&b, "-20120515T171946Z"), 0);
		assert_true(b.len <= 4 + NAME_LEN_MAX);
		assert_non_null(strstr(b.data, "-20120515T171946Z"));
		assert_memory_equal(b.data, "dir/n", 5);
	}
}

/* xorshift: the same bytes in every run. */
static uint64_t next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static void assert_legal(const char *c)
{
	assert_true(*c && strlen(c) <= NAME_LEN_MAX);
	assert_string_not_equal(c, ".");
	assert_string_not_equal(c, "..");
	assert_string_not_equal(c, ".thaw");
	for (; *c; c++)
		assert_true((unsigned char)*c >= 0x20 && *c != 0x7f && *c != '/');
}

static void any_component_is_legal_and_can_be_read_back(void **state)
{
	static const char odd[] = "%%.thaw2F0\303\251\xff\n\x7f";
	uint64_t x = 88172645463325252u;
	(void)state;
	for (int n = 0; n < 20000; n++) {
		char original[300];
		size_t len = next(&x) % (n % 10 ? 12 : 300);
		for (size_t i = 0; i < len; i++) {
			uint64_t v = next(&x);
			char c = v & 1 ? odd[(v >> 8) % (sizeof(odd) - 1)]
				       : (char)(v >> 8);
			original[i] = c == '/' ? '_' : c;
		}
		_buf_ struct buf name;
		_buf_ struct buf back;
		buf_init(&name, BUF_TEXT_MAX);
		buf_init(&back, BUF_TEXT_MAX);
		assert_int_equal(name_from_key(original, len, &name), 0);
		assert_legal(name.data);
		if (name_unescape(name.data, &back) == -EINVAL) {
			assert_true(name.len >= 252);
			continue;
		}
		assert_int_equal(back.len, len);
		assert_memory_equal(back.data, original, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_become_legal_paths),
		cmocka_unit_test(a_description_is_trimmed_and_a_blank_one_is_undefined),
		cmocka_unit_test(a_long_component_is_cut_between_characters_and_marked),
		cmocka_unit_test(folder_markers_are_empty_keys_that_end_in_a_slash),
		cmocka_unit_test(a_suffix_never_makes_a_name_too_long),
		cmocka_unit_test(any_component_is_legal_and_can_be_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
