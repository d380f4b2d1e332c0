/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "io.h"
#include "str.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char root[64];
static int root_fd = -1;

static int setup(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/thawfs-io-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return root_fd < 0 ? -1 : 0;
}

static int entry_remove(const char *path, const struct stat *st, int type,
			struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	(void)state;
	close(root_fd);
	return nftw(root, entry_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static void a_file_is_replaced_whole(void **state)
{
	_buf_ struct buf b;
	struct stat st;
	(void)state;

	buf_init(&b, BUF_TEXT_MAX);
	assert_int_equal(file_read(root_fd, "f", 100, &b), -ENOENT);
	assert_int_equal(file_replace(root_fd, "f", "first, long", 11), 0);
	assert_int_equal(file_replace(root_fd, "f", "second", 6), 0);
	assert_int_equal(file_read(root_fd, "f", 100, &b), 0);
	assert_string_equal(b.data, "second");
	assert_int_equal(fstatat(root_fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);

	/* Nothing else is left behind. */
	assert_int_equal(unlinkat(root_fd, "f", 0), 0);
	assert_int_equal(rmdir(root), 0);
	assert_int_equal(mkdir(root, 0700), 0); /* for teardown */
}

static void a_replacement_that_fails_leaves_the_old_file(void **state)
{
	(void)state;

	assert_int_equal(mkdirat(root_fd, "d", 0700), 0);
	assert_int_equal(mkdirat(root_fd, "d/in", 0700), 0);
	assert_int_equal(file_replace(root_fd, "d", "x", 1), -EISDIR);
	assert_int_equal(faccessat(root_fd, "d/in", F_OK, 0), 0);
	_free_ char *fresh = NULL;
	assert_true(asprintf(&fresh, "d.%d.new", (int)gettid()) > 0);
	assert_int_equal(faccessat(root_fd, fresh, F_OK, 0), -1);
}

static void a_file_longer_than_allowed_is_refused(void **state)
{
	_buf_ struct buf b;
	(void)state;

	buf_init(&b, BUF_TEXT_MAX);
	assert_int_equal(file_replace(root_fd, "f", "12345", 5), 0);
	assert_int_equal(file_read(root_fd, "f", 4, &b), -EFBIG);
	buf_reset(&b);
	assert_int_equal(file_read(root_fd, "f", 5, &b), 0);
	assert_int_equal(b.len, 5);
	buf_reset(&b);
	assert_int_equal(file_replace(root_fd, "empty", "", 0), 0);
	assert_int_equal(file_read(root_fd, "empty", 0, &b), 0);
	assert_string_equal(b.data, "");
}

static void reads_are_full_but_at_the_end(void **state)
{
	char data[8] = "";
	(void)state;

	_close_ int fd = openat(root_fd, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write_all(fd, "01234", 5), 0);
	assert_int_equal(pwrite_all(fd, "xy", 2, 4), 0);
	assert_int_equal(pread_full(fd, data, 8, 1), 5);
	assert_string_equal(data, "123xy");
	assert_int_equal(pread_full(fd, data, 8, 100), 0);
	assert_int_equal(pread_full(-1, data, 8, 0), -EBADF);
	assert_int_equal(write_all(-1, "x", 1), -EBADF);
	assert_int_equal(pwrite_all(-1, "x", 1, 0), -EBADF);
}

static void directories_are_made_with_their_parents(void **state)
{
	_free_ char *path = NULL, *slashes = NULL;
	struct stat st;
	(void)state;

	assert_true(asprintf(&path, "%s/a/b/c", root) > 0);
	assert_true(asprintf(&slashes, "%s//a/b/c///", root) > 0);
	_close_ int fd = dir_open_make(path);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(dir_sync(fd), 0);
	_close_ int again = dir_open_make(slashes);
	assert_true(again >= 0);
	_close_ int top = dir_open_make("/");
	assert_true(top >= 0);
	assert_int_equal(dir_open_make(""), -ENOENT);
}

static void a_symlink_in_the_last_component_is_refused(void **state)
{
	_free_ char *path = NULL, *slash = NULL, *file = NULL;
	(void)state;

	assert_int_equal(mkdirat(root_fd, "real", 0700), 0);
	assert_int_equal(symlinkat("real", root_fd, "link"), 0);
	assert_true(asprintf(&path, "%s/link", root) > 0);
	assert_true(asprintf(&slash, "%s/link/", root) > 0);
	assert_int_equal(dir_open_make(path), -ENOTDIR);
	assert_int_equal(dir_open_make(slash), -ENOTDIR);
	assert_int_equal(file_replace(root_fd, "f", "", 0), 0);
	assert_true(asprintf(&file, "%s/f", root) > 0);
	assert_int_equal(dir_open_make(file), -ENOTDIR);
}

static void a_lock_is_held_by_one_and_names_its_holder(void **state)
{
	_free_ char *holder = NULL;
	char pid[16];
	(void)state;

	int fd = lock_take(root_fd, "lock", NULL);
	assert_true(fd >= 0);
	assert_int_equal(lock_take(root_fd, "lock", &holder), -EWOULDBLOCK);
	snprintf(pid, sizeof(pid), "%d ", (int)getpid());
	assert_non_null(str_after(holder, pid));
	assert_null(strchr(holder, '\n'));
	assert_int_equal(lock_take(root_fd, "lock", NULL), -EWOULDBLOCK);

	close(fd);
	_close_ int next = lock_take(root_fd, "lock", NULL);
	assert_true(next >= 0);
}

static void a_lock_survives_the_fork_of_a_daemon(void **state)
{
	int go[2];
	(void)state;

	assert_int_equal(pipe(go), 0);
	int fd = lock_take(root_fd, "lock", NULL);
	assert_true(fd >= 0);
	pid_t child = fork();
	if (child == 0) {
		char byte;
		close(go[1]);
		_exit(read(go[0], &byte, 1) == 0 ? 0 : 1);
	}
	assert_true(child > 0);
	close(fd);
	assert_int_equal(lock_take(root_fd, "lock", NULL), -EWOULDBLOCK);
	close(go[0]);
	close(go[1]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	_close_ int next = lock_take(root_fd, "lock", NULL);
	assert_true(next >= 0);
}

static void local_file_systems_are_not_remote(void **state)
{
	const char *type = "untouched";
	(void)state;

	_close_ int fd = open("/proc", O_RDONLY | O_CLOEXEC);
	assert_false(fs_is_remote(fd, &type));
	assert_string_equal(type, "untouched");
	assert_false(fs_is_remote(-1, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_is_replaced_whole, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			a_replacement_that_fails_leaves_the_old_file, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_longer_than_allowed_is_refused,
						setup, teardown),
		cmocka_unit_test_setup_teardown(reads_are_full_but_at_the_end, setup,
						teardown),
		cmocka_unit_test_setup_teardown(directories_are_made_with_their_parents,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_symlink_in_the_last_component_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_lock_is_held_by_one_and_names_its_holder, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lock_survives_the_fork_of_a_daemon,
						setup, teardown),
		cmocka_unit_test(local_file_systems_are_not_remote),
	};
	return cmocka_run_group_tests_name("io", tests, NULL, NULL);
}
