/* SPDX-License-Identifier: Apache-2.0 */
#include "confine.h"
#include "io.h"
#include "log.h"
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* All that changes a file system, as of the first version of Landlock (Linux 5.13). */
#define WRITING                                                          \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |     \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |   \
	 LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

/* Takes `fd`. */
static void allow_writing(int rules, int fd, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr below = { .allowed_access = rights,
						    .parent_fd = fd };

	if (fd < 0 || syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH,
			      &below, 0) < 0)
		log_warning("path=%s cannot be allowed under Landlock (%m), going on",
			    path);
	if (fd >= 0)
		close(fd);
}

static void restrict_writing(const struct config *cfg)
{
	struct landlock_ruleset_attr all = { .handled_access_fs = WRITING };

	_close_ int rules =
		(int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	if (rules < 0) {
		log_info("no Landlock here (%m), going on");
		return;
	}
	/* Made now where they are not there: their parents may not be written to afterwards. */
	const char *state = cfg->state.dir, *cache = cfg->cache.dir;
	allow_writing(rules, dir_open_make(state), state, WRITING);
	allow_writing(rules, dir_open_make(cache), cache, WRITING);
	allow_writing(rules, open("/dev/null", O_PATH | O_CLOEXEC), "/dev/null",
		      LANDLOCK_ACCESS_FS_WRITE_FILE);
	if (syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		log_warning("Landlock refuses (%m), going on");
}

void confine(const struct config *cfg)
{
	const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (!cfg->is_handed && geteuid() != 0)
		return;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		log_warning("no_new_privs cannot be set (%m), going on");
	else if (cfg->is_handed)
		restrict_writing(cfg);
}
