/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "buf.h"

#include <string.h>

static void what_is_added_stands_there_with_a_nul_behind(void **state)
{
	_buf_ struct buf b;
	(void)state;

	buf_init(&b, BUF_TEXT_MAX);
	assert_int_equal(buf_puts(&b, "one"), 0);
	assert_int_equal(buf_putc(&b, ' '), 0);
	assert_int_equal(buf_add(&b, "two three", 3), 0);
	assert_int_equal(buf_printf(&b, " %d", 3), 0);
	assert_string_equal(b.data, "one two 3");
	assert_int_equal(b.len, 9);
}

static void a_long_format_is_written_whole(void **state)
{
	_buf_ struct buf b;
	(void)state;

	buf_init(&b, BUF_TEXT_MAX);
	for (int i = 0; i < 100; i++)
		assert_int_equal(buf_printf(&b, "%0*d", 1000 - i, 7), 0);
	assert_int_equal(b.len, 100 * 1000 - 99 * 100 / 2);
	assert_int_equal(strlen(b.data), b.len);
	assert_int_equal(b.data[b.len - 1], '7');
}

static void the_largest_size_is_reached_and_not_passed(void **state)
{
	_buf_ struct buf b;
	(void)state;

	buf_init(&b, 100);
	for (int i = 0; i < 100; i++)
		assert_int_equal(buf_putc(&b, 'x'), 0);
	assert_int_equal(b.len, 100);
	assert_int_equal(buf_putc(&b, 'x'), -EMSGSIZE);
	assert_int_equal(b.len, 100);
}

static void a_failed_buffer_stays_failed_until_reset(void **state)
{
	_buf_ struct buf b;
	(void)state;

	buf_init(&b, 4);
	assert_int_equal(buf_puts(&b, "too long"), -EMSGSIZE);
	assert_int_equal(buf_puts(&b, "ok"), -EMSGSIZE);
	assert_int_equal(buf_printf(&b, "%s", "ok"), -EMSGSIZE);
	assert_null(buf_steal(&b));

	buf_reset(&b);
	assert_int_equal(buf_puts(&b, "ok"), 0);
	assert_string_equal(b.data, "ok");
}

static void a_stolen_string_leaves_an_empty_buffer_that_works(void **state)
{
	_buf_ struct buf b;
	(void)state;

	buf_init(&b, 100);
	_free_ char *empty = buf_steal(&b);
	assert_string_equal(empty, "");
	buf_puts(&b, "mine");
	_free_ char *mine = buf_steal(&b);
	assert_string_equal(mine, "mine");
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_puts(&b, "again"), 0);
	assert_string_equal(b.data, "again");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_added_stands_there_with_a_nul_behind),
		cmocka_unit_test(a_long_format_is_written_whole),
		cmocka_unit_test(the_largest_size_is_reached_and_not_passed),
		cmocka_unit_test(a_failed_buffer_stays_failed_until_reset),
		cmocka_unit_test(a_stolen_string_leaves_an_empty_buffer_that_works),
	};
	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
