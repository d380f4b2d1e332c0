/* SPDX-License-Identifier: Apache-2.0 */
#include "open_as.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define OWN_GROUPS_MAX 256

/* Of this thread only, unlike setgroups(3). */
static int thread_groups(size_t n, const gid_t *groups)
{
	return syscall(SYS_setgroups, n, groups) < 0 ? -errno : 0;
}

static int open_plain(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

/* The daemon is root. */
static int open_switched(const struct asker *who, const char *path)
{
	gid_t own[OWN_GROUPS_MAX];
	int n = getgroups(OWN_GROUPS_MAX, own);
	int r = n < 0 ? -errno : thread_groups(who->n_groups, who->groups);
	if (r < 0)
		return r;
	setfsgid(who->gid);
	setfsuid(who->uid);
	/* They tell nothing of failure; -1 is refused and gives what holds. */
	bool is_switched = (uid_t)setfsuid((uid_t)-1) == who->uid &&
			   (gid_t)setfsgid((gid_t)-1) == who->gid;
	r = is_switched ? open_plain(path) : -EACCES;
	setfsuid(geteuid());
	setfsgid(getegid());
	(void)thread_groups((size_t)n, own);
	return r;
}

/* Reading a file of our own tree would have the daemon wait for itself. Where the mount was handed
 * over nobody told us its place: then no FUSE file will do. */
static bool may_be_ours(const struct mount *m, int fd, const struct stat *st)
{
	struct statfs fs;
	struct stat root;

	if (m->cfg->is_handed)
		return fstatfs(fd, &fs) < 0 || fs.f_type == FUSE_SUPER_MAGIC;
	return stat(m->cfg->mountpoint, &root) == 0 && root.st_dev == st->st_dev;
}

int open_as(const struct mount *m, const struct asker *who, const char *path)
{
	struct stat st;
	uid_t own = geteuid();
	if (own != 0 && own != who->uid && who->uid != 0)
		return -EACCES;
	_close_ int fd =
		own == 0 && who->uid != 0 ? open_switched(who, path) : open_plain(path);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || may_be_ours(m, fd, &st))
		return -EINVAL;
	return steal_fd(&fd);
}
