/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "str.h"

static void numbers_are_whole_strings_of_digits(void **state)
{
	uint64_t u = 7;
	int64_t i = 7;
	(void)state;

	assert_int_equal(str_to_u64("", &u), -EINVAL);
	assert_int_equal(str_to_u64("+1", &u), -EINVAL);
	assert_int_equal(str_to_u64(" 1", &u), -EINVAL);
	assert_int_equal(str_to_u64("1 ", &u), -EINVAL);
	assert_int_equal(str_to_u64("-1", &u), -EINVAL);
	assert_int_equal(str_to_u64("0x10", &u), -EINVAL);
	assert_int_equal(str_to_u64("18446744073709551616", &u), -ERANGE);
	assert_int_equal(str_to_u64("18446744073709551616x", &u), -EINVAL);
	assert_int_equal(u, 7);
	assert_int_equal(str_to_u64("18446744073709551615", &u), 0);
	assert_true(u == UINT64_MAX);

	assert_int_equal(str_to_i64("9223372036854775808", &i), -ERANGE);
	assert_int_equal(str_to_i64("--1", &i), -EINVAL);
	assert_int_equal(i, 7);
	assert_int_equal(str_to_i64("-9223372036854775808", &i), 0);
	assert_true(i == INT64_MIN);
	assert_int_equal(str_to_i64("9223372036854775807", &i), 0);
	assert_true(i == INT64_MAX);
}

static void sizes_are_binary_multiples(void **state)
{
	static const struct {
		const char *s;
		uint64_t bytes;
	} good[] = {
		{ "123", 123 },       { "0", 0 },
		{ "64M", 64 << 20 },  { "10 GiB", 10ULL << 30 },
		{ "1T", 1ULL << 40 }, { "1k", 1024 },
		{ "5B", 5 },
	};
	static const char *const bad[] = { "",   "M",         "1.5G", "1 X",
					   "-1", "16777216T", "1GB",  "1M " };
	uint64_t bytes = 0;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(str_to_size(good[i].s, &bytes), 0);
		assert_int_equal(bytes, good[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(str_to_size(bad[i], &bytes), -EINVAL);
}

static void durations_without_a_unit_are_seconds(void **state)
{
	static const struct {
		const char *s;
		int64_t ms;
	} good[] = {
		{ "30s", 30000 },     { "5m", 300000 }, { "12h", 43200000 },
		{ "3d", 259200000 },  { "250ms", 250 }, { "90", 90000 },
		{ "2w", 1209600000 },
	};
	int64_t ms = 0;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(str_to_duration_ms(good[i].s, &ms), 0);
		assert_int_equal(ms, good[i].ms);
	}
	assert_int_equal(str_to_duration_ms("3 fortnights", &ms), -EINVAL);
	assert_int_equal(str_to_duration_ms("18446744073709551615ms", &ms), -EINVAL);
}

static void booleans_have_eight_spellings(void **state)
{
	bool b = false;
	(void)state;

	assert_int_equal(str_to_bool("Yes", &b), 0);
	assert_true(b);
	assert_int_equal(str_to_bool("off", &b), 0);
	assert_false(b);
	assert_int_equal(str_to_bool("1", &b), 0);
	assert_true(b);
	assert_int_equal(str_to_bool("false", &b), 0);
	assert_false(b);
	assert_int_equal(str_to_bool("maybe", &b), -EINVAL);
	assert_int_equal(str_to_bool("", &b), -EINVAL);
}

static void hex_goes_there_and_back(void **state)
{
	const uint8_t data[] = { 0x00, 0x7f, 0x80, 0xff };
	uint8_t back[4] = { 0 };
	char hex[9];
	(void)state;

	hex_encode(data, sizeof(data), hex);
	assert_string_equal(hex, "007f80ff");
	assert_int_equal(hex_decode("007F80fF", back, 4), 0);
	assert_memory_equal(back, data, 4);
	assert_int_equal(hex_decode("007f80", back, 4), -EINVAL);
	assert_int_equal(hex_decode("007f80ff00", back, 4), -EINVAL);
	assert_int_equal(hex_decode("007f80fg", back, 4), -EINVAL);
}

static void base64_has_the_vectors_of_rfc_4648(void **state)
{
	static const char *const vectors[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		size_t len = strlen(vectors[i][0]);
		char back[8] = "";
		_buf_ struct buf b;
		buf_init(&b, 100);
		buf_puts(&b, "");
		assert_int_equal(base64_encode(vectors[i][0], len, &b), 0);
		assert_string_equal(b.data, vectors[i][1]);
		assert_int_equal(base64_decode(b.data, back, sizeof(back)), len);
		assert_memory_equal(back, vectors[i][0], len);
	}
}

static void base64_that_is_not_is_refused(void **state)
{
	static const char *const bad[] = { "Zg",   "Zg=",      "Zh==", "Zm9=",   "=m9v",
					   "Z===", "Zg==Zg==", "Zm 9", "Zm9v\n", "Z-8_" };
	char back[8];
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(base64_decode(bad[i], back, sizeof(back)), -EINVAL);
	assert_int_equal(base64_decode("Zm9vYmFy", back, 5), -ENOSPC);
	assert_int_equal(base64_decode("Zm9vYmFy", back, 6), 6);
}

static void percent_encoding_keeps_what_it_is_told_to(void **state)
{
	_buf_ struct buf b;
	(void)state;

	buf_init(&b, 1000);
	percent_encode(&b, "a b/\xc3\xa4~%\0z", 10, "/");
	assert_string_equal(b.data, "a%20b/%C3%A4~%25%00z");
	buf_reset(&b);
	percent_encode(&b, "a/b", 3, "");
	assert_string_equal(b.data, "a%2Fb");
}

static void percent_decoding_leaves_a_lone_percent(void **state)
{
	_buf_ struct buf b;
	(void)state;

	buf_init(&b, 1000);
	percent_decode(&b, "%41+%zz%4", 9, true);
	assert_string_equal(b.data, "A %zz%4");
	buf_reset(&b);
	percent_decode(&b, "a+b%2b", 6, false);
	assert_string_equal(b.data, "a+b+");
	buf_reset(&b);
	percent_decode(&b, "%41", 2, false);
	assert_string_equal(b.data, "%4");
}

static void utf8_has_one_form_for_each_character(void **state)
{
	static const struct {
		const char *s;
		size_t len;
	} cases[] = {
		{ "a", 1 },
		{ "\xc3\xa4", 2 },
		{ "\xe2\x82\xac", 3 },
		{ "\xf0\x9f\x98\x80", 4 },
		{ "\xf4\x8f\xbf\xbf", 4 },
		{ "\xc0\x80", 0 },         /* overlong */
		{ "\xe0\x80\x80", 0 },     /* overlong */
		{ "\xf0\x80\x80\x80", 0 }, /* overlong */
		{ "\xed\xa0\x80", 0 },     /* surrogate */
		{ "\xf4\x90\x80\x80", 0 }, /* beyond U+10FFFF */
		{ "\xc3", 0 },             /* cut off */
		{ "\xc3(", 0 },
		{ "\xe2\x82", 0 },
		{ "\x80", 0 },
		{ "\xff", 0 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(utf8_sequence(cases[i].s, strlen(cases[i].s)),
				 cases[i].len);
	assert_int_equal(utf8_sequence("\0", 1), 1);
	assert_int_equal(utf8_sequence("", 0), 0);
}

static void the_nearest_word_is_near(void **state)
{
	static const char *const words[] = { "tier", "days", "recall-ahead", "uid" };
	(void)state;

	assert_string_equal(str_nearest("tiers", words, 4), "tier");
	assert_string_equal(str_nearest("teir", words, 4), "tier");
	assert_string_equal(str_nearest("recall_ahed", words, 4), "recall-ahead");
	assert_string_equal(str_nearest("day", words, 4), "days");
	assert_null(str_nearest("xyz", words, 4));
	assert_null(str_nearest("something else", words, 4));
	assert_null(str_nearest("", words, 4));
}

static void sizes_for_people_have_one_decimal(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *words;
	} cases[] = {
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ 1024, "1.0 KiB" },
		{ 12897485, "12.3 MiB" },
		{ (1 << 20) - 1, "1.0 MiB" },
		{ 5ULL << 40, "5.0 TiB" },
		{ UINT64_MAX, "16.0 EiB" },
	};
	char words[24];
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_words(cases[i].bytes, words);
		assert_string_equal(words, cases[i].words);
	}
}

static void prefixes_and_nulls_compare(void **state)
{
	(void)state;

	assert_string_equal(str_after("s3://bucket", "s3://"), "bucket");
	assert_null(str_after("s3:/", "s3://"));
	assert_true(streq_ptr(NULL, NULL));
	assert_false(streq_ptr("", NULL));
	assert_true(streq_ptr("a", "a"));
	assert_null(strdup_ptr(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_whole_strings_of_digits),
		cmocka_unit_test(sizes_are_binary_multiples),
		cmocka_unit_test(durations_without_a_unit_are_seconds),
		cmocka_unit_test(booleans_have_eight_spellings),
		cmocka_unit_test(hex_goes_there_and_back),
		cmocka_unit_test(base64_has_the_vectors_of_rfc_4648),
		cmocka_unit_test(base64_that_is_not_is_refused),
		cmocka_unit_test(percent_encoding_keeps_what_it_is_told_to),
		cmocka_unit_test(percent_decoding_leaves_a_lone_percent),
		cmocka_unit_test(utf8_has_one_form_for_each_character),
		cmocka_unit_test(the_nearest_word_is_near),
		cmocka_unit_test(sizes_for_people_have_one_decimal),
		cmocka_unit_test(prefixes_and_nulls_compare),
	};
	return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
