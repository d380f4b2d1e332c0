/* SPDX-License-Identifier: Apache-2.0 */
/* The table of open inodes. */
#include "open.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int some_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static bool is_open_fd(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void an_open_file_is_not_retired(void **state)
{
	struct open_table *t = open_table_new();

	assert_true(open_retire(t, 20));
	assert_int_equal(open_add(t, 20), 0);
	assert_int_equal(open_add(t, 20), 0);
	assert_int_equal(open_add(t, 21), 0);
	assert_int_equal(open_count(t), 2);
	open_remove(t, 20);
	assert_false(open_retire(t, 20));
	open_remove(t, 20);
	assert_true(open_retire(t, 20));
	assert_false(open_retire(t, 21));
	open_table_free(t);
}

static void a_descriptor_serves_its_own_generation_until_the_last_close(void **state)
{
	struct open_table *t = open_table_new();
	int first = some_fd(), second = some_fd();

	assert_int_equal(open_add(t, 20), 0);
	assert_int_equal(open_add(t, 20), 0);
	assert_int_equal(open_data_add(t, 20, 1, 100, first)->fd, first);
	assert_int_equal(open_data_add(t, 20, 2, 100, second)->fd, second);
	assert_int_equal(open_data_find(t, 20, 1)->fd, first);
	assert_int_equal(open_data_find(t, 20, 2)->fd, second);
	assert_null(open_data_find(t, 20, 3));
	open_remove(t, 20);
	assert_true(is_open_fd(first) && is_open_fd(second));
	open_remove(t, 20);
	assert_false(is_open_fd(first) || is_open_fd(second));
	open_table_free(t);
}

static void a_second_descriptor_of_a_generation_is_closed(void **state)
{
	struct open_table *t = open_table_new();
	int first = some_fd(), second = some_fd();

	assert_int_equal(open_add(t, 20), 0);
	const struct data_file *d = open_data_add(t, 20, 1, 100, first);
	assert_ptr_equal(open_data_add(t, 20, 1, 100, second), d);
	assert_false(is_open_fd(second));
	int late = some_fd();
	assert_null(open_data_add(t, 99, 1, 100, late)); /* not open */
	assert_false(is_open_fd(late));
	open_table_free(t);
	assert_false(is_open_fd(first));
}

/* S142: the kernel takes one id for all handles of an inode, or none. */
static void all_cached_handles_of_an_inode_are_of_one_kind(void **state)
{
	struct open_table *t = open_table_new();

	assert_int_equal(open_backing_join(t, 20, 7), OPEN_BACKING_NONE); /* not open */
	assert_int_equal(open_add(t, 20), 0);
	assert_int_equal(open_backing_join(t, 20, 0), OPEN_BACKING_NONE);
	assert_int_equal(open_backing_join(t, 20, 7), 7);
	assert_int_equal(open_backing_join(t, 20, 8), 7); /* who was slower */
	assert_int_equal(open_backing_join(t, 20, 0), 7);
	assert_int_equal(open_backing_join(t, 20, OPEN_BACKING_CACHED), 7);
	for (int i = 0; i < 3; i++)
		assert_int_equal(open_backing_leave(t, 20), 0);
	assert_int_equal(open_backing_leave(t, 20), 7); /* the last gives it back */
	assert_int_equal(open_backing_leave(t, 20), 0);
	assert_int_equal(open_backing_join(t, 20, OPEN_BACKING_CACHED),
			 OPEN_BACKING_CACHED);
	assert_int_equal(open_backing_join(t, 20, 9), OPEN_BACKING_CACHED);
	assert_int_equal(open_backing_leave(t, 20), 0);
	assert_int_equal(open_backing_leave(t, 20), 0);
	assert_int_equal(open_backing_join(t, 20, 9), 9);
	open_table_free(t);
}

static void what_was_never_released_goes_with_the_table(void **state)
{
	struct open_table *t = open_table_new();
	struct snapshot *a = open_snapshot_new(t), *b = open_snapshot_new(t);
	struct snapshot *c = open_snapshot_new(t);

	buf_puts(&a->text, "a");
	buf_puts(&b->text, "b");
	buf_puts(&c->text, "c");
	open_snapshot_free(t, b);
	open_snapshot_free(t, NULL);
	open_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_open_file_is_not_retired),
		cmocka_unit_test(
			a_descriptor_serves_its_own_generation_until_the_last_close),
		cmocka_unit_test(a_second_descriptor_of_a_generation_is_closed),
		cmocka_unit_test(all_cached_handles_of_an_inode_are_of_one_kind),
		cmocka_unit_test(what_was_never_released_goes_with_the_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
