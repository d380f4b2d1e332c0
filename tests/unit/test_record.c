/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "record.h"
#include "str.h"

#define KIND    7
#define VERSION 2

static void record_make(struct buf *b)
{
	buf_init(b, BUF_TEXT_MAX);
	record_begin(b, KIND, VERSION);
	record_u8(b, 200);
	record_u32(b, 0x01020304);
	record_u64(b, UINT64_MAX - 1);
	record_i64(b, INT64_MIN);
	record_i128(b, -((__int128)1 << 100) - 5);
	record_str(b, "name");
	record_str(b, NULL);
	record_blob(b, "\0\1\2", 3);
	assert_int_equal(record_end(b), 0);
}

static void what_is_written_is_read_back(void **state)
{
	_buf_ struct buf b;
	struct record r;
	char s[5];
	size_t len = 0;
	(void)state;

	record_make(&b);
	assert_int_equal(record_open(&r, b.data, b.len, KIND, VERSION), 0);
	assert_int_equal(r.version, VERSION);
	assert_int_equal(record_get_u8(&r), 200);
	assert_int_equal(record_get_u32(&r), 0x01020304);
	assert_true(record_get_u64(&r) == UINT64_MAX - 1);
	assert_true(record_get_i64(&r) == INT64_MIN);
	assert_true(record_get_i128(&r) == -((__int128)1 << 100) - 5);
	record_get_str(&r, s, sizeof(s));
	assert_string_equal(s, "name");
	record_get_str(&r, s, sizeof(s));
	assert_string_equal(s, "");
	assert_memory_equal(record_get_blob(&r, &len), "\0\1\2", 3);
	assert_int_equal(len, 3);
	assert_int_equal(r.err, 0);
	assert_ptr_equal(r.at, r.end);
}

static void the_bytes_are_the_same_on_every_machine(void **state)
{
	_buf_ struct buf b;
	char hex[64];
	(void)state;

	buf_init(&b, 100);
	record_begin(&b, 1, 2);
	record_u32(&b, 3);
	record_i64(&b, -2);
	record_str(&b, "x");
	assert_int_equal(record_end(&b), 0);
	hex_encode(b.data, b.len - 4, hex);
	assert_string_equal(hex, "010203000000feffffffffffffff0100000078");
}

static void a_number_takes_the_bytes_it_needs(void **state)
{
	static const struct {
		uint64_t v;
		size_t len;
	} rows[] = { { 0, 1 },
		     { 127, 1 },
		     { 128, 2 },
		     { 16383, 2 },
		     { 16384, 3 },
		     { INT64_MAX, 9 },
		     { UINT64_MAX - 5, 10 } };
	static const uint8_t too_long[] = {
		255, 255, 255, 255, 255, 255, 255, 255, 255, 2
	};
	struct record r;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_buf_ struct buf b;
		buf_init(&b, BUF_TEXT_MAX);
		record_begin(&b, KIND, VERSION);
		record_var(&b, rows[i].v);
		assert_int_equal(b.len - 2, rows[i].len);
		assert_int_equal(record_end(&b), 0);
		assert_int_equal(record_open(&r, b.data, b.len, KIND, VERSION), 0);
		assert_true(record_get_var(&r) == rows[i].v);
		assert_int_equal(r.err, 0);
		assert_true(record_get_var(&r) == 0);
		assert_int_equal(r.err, -EBADMSG);
	}
	r = (struct record){ .at = too_long, .end = too_long + sizeof(too_long) };
	assert_true(record_get_var(&r) == 0);
	assert_int_equal(r.err, -EBADMSG);
}

static void every_flipped_bit_is_noticed(void **state)
{
	_buf_ struct buf b;
	struct record r;
	(void)state;

	record_make(&b);
	for (size_t bit = 0; bit < 8 * b.len; bit++) {
		b.data[bit / 8] = (char)(b.data[bit / 8] ^ (1 << bit % 8));
		assert_int_equal(record_open(&r, b.data, b.len, KIND, VERSION), -EBADMSG);
		assert_int_equal(record_get_u8(&r), 0);
		b.data[bit / 8] = (char)(b.data[bit / 8] ^ (1 << bit % 8));
	}
}

static void every_truncation_is_noticed(void **state)
{
	_buf_ struct buf b;
	struct record r;
	(void)state;

	record_make(&b);
	for (size_t len = 0; len < b.len; len++)
		assert_int_equal(record_open(&r, b.data, len, KIND, VERSION), -EBADMSG);
}

static void another_kind_or_a_newer_version_is_refused(void **state)
{
	_buf_ struct buf b;
	struct record r;
	(void)state;

	record_make(&b);
	assert_int_equal(record_open(&r, b.data, b.len, KIND + 1, VERSION), -EBADMSG);
	assert_int_equal(record_open(&r, b.data, b.len, KIND, VERSION - 1), -ENOTSUP);
	assert_int_equal(record_open(&r, b.data, b.len, KIND, VERSION + 1), 0);
}

static void reading_past_the_end_gives_zeros_and_an_error(void **state)
{
	_buf_ struct buf b;
	struct record r;
	size_t len = 9;
	char s[4] = "abc";
	(void)state;

	buf_init(&b, 100);
	record_begin(&b, KIND, 1);
	record_u32(&b, 1000); /* a length that lies */
	assert_int_equal(record_end(&b), 0);

	assert_int_equal(record_open(&r, b.data, b.len, KIND, 1), 0);
	assert_null(record_get_blob(&r, &len));
	assert_int_equal(len, 0);
	assert_int_equal(r.err, -EBADMSG);
	assert_true(record_get_i128(&r) == 0);

	assert_int_equal(record_open(&r, b.data, b.len, KIND, 1), 0);
	assert_int_equal(record_get_u64(&r), 0);
	assert_int_equal(r.err, -EBADMSG);
	assert_int_equal(record_get_u8(&r), 0);

	assert_int_equal(record_open(&r, b.data, b.len, KIND, 1), 0);
	record_get_str(&r, s, sizeof(s));
	assert_string_equal(s, "");
	assert_int_equal(r.err, -EBADMSG);
}

static void strings_too_long_or_with_a_nul_are_refused(void **state)
{
	_buf_ struct buf b;
	struct record r;
	char s[4];
	(void)state;

	buf_init(&b, 100);
	record_begin(&b, KIND, 1);
	record_str(&b, "four");
	record_end(&b);
	assert_int_equal(record_open(&r, b.data, b.len, KIND, 1), 0);
	record_get_str(&r, s, sizeof(s));
	assert_int_equal(r.err, -EBADMSG);

	record_begin(&b, KIND, 1);
	record_blob(&b, "a\0b", 3);
	record_end(&b);
	assert_int_equal(record_open(&r, b.data, b.len, KIND, 1), 0);
	record_get_str(&r, s, sizeof(s));
	assert_int_equal(r.err, -EBADMSG);
}

static void a_buffer_that_is_too_small_says_so_at_the_end(void **state)
{
	_buf_ struct buf b;
	(void)state;

	buf_init(&b, 8);
	record_begin(&b, KIND, 1);
	record_u64(&b, 1);
	assert_int_equal(record_end(&b), -EMSGSIZE);
}

static void keys_sort_as_their_numbers(void **state)
{
	static const uint64_t numbers[] = { 0, 1, 255, 256, 1ULL << 32, UINT64_MAX };
	uint8_t before[8], key[8];
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		key_put_u64(key, numbers[i]);
		assert_true(key_get_u64(key) == numbers[i]);
		if (i > 0)
			assert_true(memcmp(before, key, sizeof(key)) < 0);
		memcpy(before, key, sizeof(key));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(the_bytes_are_the_same_on_every_machine),
		cmocka_unit_test(a_number_takes_the_bytes_it_needs),
		cmocka_unit_test(every_flipped_bit_is_noticed),
		cmocka_unit_test(every_truncation_is_noticed),
		cmocka_unit_test(another_kind_or_a_newer_version_is_refused),
		cmocka_unit_test(reading_past_the_end_gives_zeros_and_an_error),
		cmocka_unit_test(strings_too_long_or_with_a_nul_are_refused),
		cmocka_unit_test(a_buffer_that_is_too_small_says_so_at_the_end),
		cmocka_unit_test(keys_sort_as_their_numbers),
	};
	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
