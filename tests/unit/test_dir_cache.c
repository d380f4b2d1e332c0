/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "dir_cache.h"

static void a_listing_holds_until_names_change_or_run_out(void **state)
{
	struct dir_cache *c = dir_cache_new();
	(void)state;
	assert_non_null(c);
	assert_false(dir_cache_holds(c, 20, 1, 1000));
	assert_true(dir_cache_holds(c, 20, 1, 2000));
	assert_true(dir_cache_holds(c, 20, 1, 45999));
	/* Read again, it holds again. */
	assert_false(dir_cache_holds(c, 20, 1, 46000));
	assert_true(dir_cache_holds(c, 20, 1, 90000));
	assert_false(dir_cache_holds(c, 20, 2, 90001));
	assert_true(dir_cache_holds(c, 20, 2, 90002));
	assert_false(dir_cache_holds(c, 21, 2, 90003));
	assert_true(dir_cache_holds(c, 20, 2, 90004));
	dir_cache_free(c);
}

static void what_is_forgotten_is_read_again(void **state)
{
	struct dir_cache *c = dir_cache_new();
	(void)state;
	assert_non_null(c);
	for (uint64_t ino = 16; ino < 100000; ino++)
		assert_false(dir_cache_holds(c, ino, 1, 0));
	assert_false(dir_cache_holds(c, 16, 1, 0));
	assert_true(dir_cache_holds(c, 99999, 1, 0));
	dir_cache_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_listing_holds_until_names_change_or_run_out),
		cmocka_unit_test(what_is_forgotten_is_read_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
