/* SPDX-License-Identifier: Apache-2.0 */
#include "state_rig.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct rig *rig_of(void **state)
{
	return *state;
}

/* Opens and expects `result` with words that hold `word`. */
static void assert_refused(struct rig *r, int result, const char *word)
{
	struct state_cfg cfg = { .state_dir = r->state_dir,
				 .cache_dir = r->cache_dir,
				 .map_bytes = RIG_MAP_BYTES };
	struct state *s = NULL;
	_buf_ struct buf err;
	buf_init(&err, BUF_TEXT_MAX);
	assert_int_equal(state_open(&cfg, &s, &err), result);
	assert_null(s);
	assert_true(err.len > 0);
	if (!strstr(err.data, word))
		fail_msg("\"%s\" does not say \"%s\"", err.data, word);
}

static void what_is_missing_is_made_for_us_alone(void **state)
{
	struct rig *r = rig_of(state);
	struct stat st;
	rig_open(r);
	assert_int_equal(stat(r->state_dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(r->cache_dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void the_instance_stays(void **state)
{
	struct rig *r = rig_of(state);
	char instance[17];
	rig_open(r);
	assert_int_equal(strlen(r->state->instance), 16);
	memcpy(instance, r->state->instance, sizeof(instance));
	rig_reopen(r);
	assert_string_equal(r->state->instance, instance);
}

static void one_directory_may_be_both(void **state)
{
	struct rig *r = rig_of(state);
	memcpy(r->cache_dir, r->state_dir, sizeof(r->cache_dir));
	rig_open(r);
}

/* Locks are of the open file: a second opening in one process is refused like another's. */
static void another_daemon_is_named(void **state)
{
	struct rig *r = rig_of(state);
	char pid[24];
	rig_open(r);
	snprintf(pid, sizeof(pid), "%d", getpid());
	assert_refused(r, -EWOULDBLOCK, pid);
	snprintf(r->state_dir, sizeof(r->state_dir), "%s/other", r->dir);
	assert_refused(r, -EWOULDBLOCK, "cache");
}

static void a_directory_that_others_may_write_to_is_refused(void **state)
{
	struct rig *r = rig_of(state);
	assert_int_equal(mkdir(r->state_dir, 0700), 0);
	assert_int_equal(chmod(r->state_dir, 0770), 0);
	assert_refused(r, -EPERM, "chmod go-w");
}

static void a_file_is_not_a_directory(void **state)
{
	struct rig *r = rig_of(state);
	_close_ int fd = open(r->state_dir, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	assert_refused(r, -ENOTDIR, "not a directory");
	assert_int_equal(unlink(r->state_dir), 0);
	assert_int_equal(symlink("/tmp", r->state_dir), 0);
	struct state_cfg cfg = { .state_dir = r->state_dir, .cache_dir = r->cache_dir };
	struct state *s = NULL;
	_buf_ struct buf err;
	buf_init(&err, BUF_TEXT_MAX);
	assert_true(state_open(&cfg, &s, &err) < 0);
	assert_non_null(strstr(err.data, r->state_dir));
}

/* In a child that is nobody in particular, where we are root. */
static int as_nobody(struct rig *r, const char *word)
{
	pid_t pid = fork();
	if (pid == 0) {
		struct state_cfg cfg = { .state_dir = r->state_dir,
					 .cache_dir = r->cache_dir };
		struct state *s = NULL;
		struct buf err;
		buf_init(&err, BUF_TEXT_MAX);
		if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
			_exit(2);
		int rc = state_open(&cfg, &s, &err);
		_exit(rc < 0 && err.data && strstr(err.data, word) ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void what_we_may_not_write_is_refused(void **state)
{
	struct rig *r = rig_of(state);
	assert_int_equal(chmod(r->dir, 0555), 0);
	assert_int_equal(as_nobody(r, "choose another directory"), 0);
	assert_int_equal(chmod(r->dir, 0700), 0);
}

static void a_directory_of_somebody_else_is_refused(void **state)
{
	struct rig *r = rig_of(state);
	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdir(r->state_dir, 0755), 0);
	assert_int_equal(chmod(r->dir, 0755), 0);
	assert_int_equal(as_nobody(r, "belongs to user 0"), 0);
}

/* S162: a directory above, of which `mode` and `owner` say who may rename what is in it. */
static void who_may_replace_a_directory_above_is_refused(void **state)
{
	struct rig *r = rig_of(state);
	static const struct {
		mode_t mode;
		uid_t uid;
		gid_t gid;
		bool is_refused;
	} rows[] = {
		{ 0755, 0, 0, false },    { 01777, 0, 0, false },
		{ 0777, 0, 0, true },     { 0775, 0, 0, false },
		{ 0775, 0, 12, true },    { 01775, 0, 12, false },
		{ 0755, 65534, 0, true }, { 01755, 65534, 0, true },
	};
	char above[100], link[100];

	if (geteuid() != 0)
		skip();
	snprintf(above, sizeof(above), "%s/above", r->dir);
	snprintf(link, sizeof(link), "%s/link", r->dir);
	assert_int_equal(mkdir(above, 0700), 0);
	assert_int_equal(symlink(above, link), 0);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		size_t k = i / 2;
		/* By its name, and by a link to the directory above. */
		snprintf(r->state_dir, sizeof(r->state_dir), "%.60s/s",
			 i % 2 ? link : above);
		assert_int_equal(chown(above, rows[k].uid, rows[k].gid), 0);
		assert_int_equal(chmod(above, rows[k].mode), 0);
		if (rows[k].is_refused) {
			assert_refused(r, -EPERM, "others may replace it");
		} else {
			rig_open(r);
			rig_close(r);
		}
	}
}

static void all_that_is_written_is_for_us_alone(void **state)
{
	struct rig *r = rig_of(state);
	char pattern[200];

	/* Directories that were there, open to be read, and no mask. */
	assert_int_equal(mkdir(r->state_dir, 0755), 0);
	assert_int_equal(mkdir(r->cache_dir, 0755), 0);
	mode_t mask = umask(0);
	rig_open(r);
	rig_close(r);
	umask(mask);
	for (int i = 0; i < 2; i++) {
		_cleanup_(globfree) glob_t found = { 0 };
		snprintf(pattern, sizeof(pattern), "%s/*",
			 i ? r->cache_dir : r->state_dir);
		assert_int_equal(glob(pattern, 0, NULL, &found), 0);
		snprintf(pattern, sizeof(pattern), "%s/*/*",
			 i ? r->cache_dir : r->state_dir);
		assert_int_equal(glob(pattern, GLOB_APPEND, NULL, &found), 0);
		for (size_t k = 0; k < found.gl_pathc; k++) {
			struct stat st;
			assert_int_equal(lstat(found.gl_pathv[k], &st), 0);
			if (st.st_mode & 077)
				fail_msg("%s: %o", found.gl_pathv[k], st.st_mode);
		}
	}
}

static void a_damaged_environment_says_what_to_do(void **state)
{
	struct rig *r = rig_of(state);
	char path[120];
	uint8_t junk[4096];
	rig_open(r);
	rig_close(r);
	memset(junk, 0x5a, sizeof(junk));
	snprintf(path, sizeof(path), "%s/catalog/data.mdb", r->state_dir);
	_close_ int fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, junk, sizeof(junk), 0), sizeof(junk));
	assert_refused(r, -EBADMSG, "catalog is damaged: remove it");
}

int main(void)
{
#define RIG(f) cmocka_unit_test_setup_teardown(f, rig_setup_closed, rig_teardown)
	const struct CMUnitTest tests[] = {
		RIG(what_is_missing_is_made_for_us_alone),
		RIG(the_instance_stays),
		RIG(one_directory_may_be_both),
		RIG(another_daemon_is_named),
		RIG(a_directory_that_others_may_write_to_is_refused),
		RIG(a_file_is_not_a_directory),
		RIG(what_we_may_not_write_is_refused),
		RIG(a_directory_of_somebody_else_is_refused),
		RIG(who_may_replace_a_directory_above_is_refused),
		RIG(all_that_is_written_is_for_us_alone),
		RIG(a_damaged_environment_says_what_to_do),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
