/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "confine.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static char dir[] = "/tmp/thawfs-confine-XXXXXX";

static int dir_make(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static char *path_of(const char *name)
{
	char *path = NULL;

	assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
	return path;
}

static bool can_write(const char *name)
{
	_free_ char *path = path_of(name);
	_close_ int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	return fd >= 0;
}

/* Runs `check` in a child that is confined: what is given up does not come back. Gives what it
 * gave. */
static int confined(bool is_handed, int (*check)(void))
{
	struct config *cfg = config_new();
	int status = 0;

	assert_non_null(cfg);
	free(cfg->state.dir);
	free(cfg->cache.dir);
	cfg->state.dir = path_of("state");
	cfg->cache.dir = path_of("cache");
	cfg->is_handed = is_handed;
	pid_t pid = fork();
	if (pid == 0) {
		confine(cfg);
		_exit(check());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	config_free(cfg);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int check_places(void)
{
	if (!can_write("state/a") || !can_write("cache/a"))
		return 1;
	return can_write("elsewhere") ? 2 : 0;
}

static void a_handed_mount_writes_to_its_own_directories_only(void **state)
{
	(void)state;

	if (syscall(SYS_landlock_create_ruleset, NULL, 0,
		    LANDLOCK_CREATE_RULESET_VERSION) < 1)
		skip();
	assert_int_equal(confined(true, check_places), 0);
	assert_int_equal(confined(false, check_places), 2);
}

static int check_memory(void)
{
	struct rlimit core;

	return prctl(PR_GET_DUMPABLE) != 0 || getrlimit(RLIMIT_CORE, &core) < 0 ||
	       core.rlim_max != 0;
}

static void memory_is_written_to_no_core(void **state)
{
	(void)state;

	assert_int_equal(confined(false, check_memory), 0);
}

static int check_privileges(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

static void what_is_started_gains_nothing_where_the_mount_can_end_all_the_same(
	void **state)
{
	(void)state;

	assert_int_equal(confined(true, check_privileges), 1);
	assert_int_equal(confined(false, check_privileges), geteuid() == 0);
}

static int dir_remove(void **state)
{
	static const char *const names[] = { "state/a", "cache/a", "elsewhere" };
	static const char *const dirs[] = { "state", "cache", "" };
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_free_ char *path = path_of(names[i]);
		unlink(path);
	}
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		_free_ char *path = path_of(dirs[i]);
		rmdir(path);
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_handed_mount_writes_to_its_own_directories_only),
		cmocka_unit_test(memory_is_written_to_no_core),
		cmocka_unit_test(
			what_is_started_gains_nothing_where_the_mount_can_end_all_the_same),
	};
	return cmocka_run_group_tests_name("confine", tests, dir_make, dir_remove);
}
