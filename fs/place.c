/* SPDX-License-Identifier: Apache-2.0 */
#include "place.h"
#include "cleanup.h"
#include "log.h"
#include "str.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <mntent.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEVICE "/dev/fuse"
/* Mounts of daemons that have died, one over the other. */
#define DEAD_MAX 8

/* ---- the mount point ---- */

static int refuse_absent(const char *arg, int r, struct buf *err)
{
	if (r == -ENOTCONN)
		buf_printf(err,
			   "%s: a mount whose daemon is gone: unmount it first: "
			   "fusermount3 -u %s (as root: umount %s)",
			   arg, arg, arg);
	else if (r == -ENOENT)
		buf_printf(err, "%s: no such directory: mkdir %s", arg, arg);
	else if (r == -ENOTDIR)
		buf_printf(err, "%s: not a directory: a mount point must be one", arg);
	else
		buf_printf(err, "%s: %s: choose another mount point", arg,
			   strerrordesc_np(-r));
	return r;
}

/* Is what is mounted there, last of all, a thawfs? */
static bool is_thawfs(const char *path)
{
	struct mntent e;
	char text[4096];
	bool is_ours = false;
	FILE *mounts = setmntent("/proc/self/mounts", "re");

	if (!mounts)
		return false;
	while (getmntent_r(mounts, &e, text, sizeof(text)))
		if (streq(e.mnt_dir, path))
			is_ours = streq(e.mnt_type, "fuse.thawfs");
	endmntent(mounts);
	return is_ours;
}

/* As whoever made it may: root by itself, others by the helper of libfuse. Programs that have it open
 * keep what they have, an error. */
static bool unmount_dead(const char *path)
{
	char program[] = "fusermount3", options[] = "-uqz", end[] = "--";
	_free_ char *at = strdup(path);
	char *argv[] = { program, options, end, at, NULL };
	pid_t pid;
	int status;

	if (umount2(path, MNT_DETACH) == 0)
		return true;
	if (!at || posix_spawnp(&pid, program, NULL, NULL, argv, environ) != 0)
		return false;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* 0, or -errno of the stat() that says what is there. A thawfs whose daemon has died serves nobody any
 * more, and makes way; anything else stays. */
static int stat_replacing(const char *arg, struct stat *ret)
{
	/* It does not look at the last component: a dead mount passes. */
	_free_ char *path = realpath(arg, NULL);

	for (int i = 0; stat(arg, ret) < 0; i++) {
		int r = -errno;
		if (r != -ENOTCONN || i == DEAD_MAX || !path || !is_thawfs(path) ||
		    !unmount_dead(path))
			return r;
		log_notice("at=%s took the place of a mount whose daemon had died", path);
	}
	return 0;
}

/* systemd and autofs mount over a trigger of theirs. */
static bool is_trigger(const char *path)
{
	struct statfs fs;
	return statfs(path, &fs) == 0 && fs.f_type == AUTOFS_SUPER_MAGIC;
}

static bool is_mount_root(const char *path)
{
	struct statx stx;

	if (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_TYPE, &stx) < 0)
		return false;
	return (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT) && !is_trigger(path);
}

/* What cannot be listed is for the kernel to judge. */
static bool is_empty(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *e = NULL;

	if (!dir)
		return true;
	do {
		/* cppcheck-suppress readdirCalled ; a stream of our own */
		e = readdir(dir);
	} while (e && (streq(e->d_name, ".") || streq(e->d_name, "..")));
	closedir(dir);
	return e == NULL;
}

int place_mountpoint(const char *arg, bool may_hold_files, char **ret, struct buf *err)
{
	struct stat st;

	int r = stat_replacing(arg, &st);
	if (r < 0)
		return refuse_absent(arg, r, err);
	if (!S_ISDIR(st.st_mode))
		return refuse_absent(arg, -ENOTDIR, err);
	_free_ char *path = realpath(arg, NULL);
	if (!path)
		return refuse_absent(arg, -errno, err);
	if (is_mount_root(path)) {
		buf_printf(err,
			   "%s: something is mounted there already: unmount it first "
			   "(umount %s), or choose another directory",
			   arg, arg);
		return -EBUSY;
	}
	if (!may_hold_files && !is_empty(path)) {
		buf_printf(err,
			   "%s: not empty, and a mount would hide its files: choose an "
			   "empty directory, or say -o nonempty",
			   arg);
		return -ENOTEMPTY;
	}
	*ret = steal_ptr(path);
	return 0;
}

int place_handed(const char *arg, struct buf *err)
{
	const char *digits = str_after(arg, "/dev/fd/");
	uint64_t fd;

	if (!digits || str_to_u64(digits, &fd) < 0 || fd > INT_MAX)
		return -ENOENT;
	if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0) {
		buf_printf(err,
			   "%s: not an open descriptor: this form is for mount.fuse3 -o "
			   "drop_privileges",
			   arg);
		return -EBADF;
	}
	return (int)fd;
}

/* ---- the device ---- */

int place_device(struct buf *err)
{
	_close_ int fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		return 0;
	int r = -errno;
	if (r == -EACCES || r == -EPERM)
		buf_printf(err,
			   DEVICE ": %s: this user may not mount: chmod 666 " DEVICE
				  ", or run as root",
			   strerrordesc_np(-r));
	else
		buf_printf(err,
			   DEVICE ": %s: load the kernel's module (modprobe fuse); in a "
				  "container, start it with --device " DEVICE
				  " --cap-add SYS_ADMIN",
			   strerrordesc_np(-r));
	return r;
}

/* ---- the cache ---- */

int place_cache(const char *dir, uint64_t size_bytes, uint64_t reserve_bytes,
		uint64_t chunk_bytes, struct buf *err)
{
	struct statvfs fs;

	if (size_bytes && size_bytes < chunk_bytes) {
		buf_printf(err,
			   "[cache] size: %llu MiB cannot hold a chunk of %llu MiB: make "
			   "size larger, or chunk smaller",
			   (unsigned long long)(size_bytes >> 20),
			   (unsigned long long)(chunk_bytes >> 20));
		return -EINVAL;
	}
	if (statvfs(dir, &fs) < 0)
		return 0; /* opening it says more */
	uint64_t disk_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
	if (!disk_bytes ||
	    (disk_bytes > reserve_bytes && disk_bytes - reserve_bytes >= chunk_bytes))
		return 0;
	buf_printf(
		err,
		"cache directory %s: too small: its disk of %llu MiB, less the reserve "
		"of %llu MiB, cannot hold a chunk of %llu MiB: set [cache] dir to a "
		"larger disk, or reserve lower",
		dir, (unsigned long long)(disk_bytes >> 20),
		(unsigned long long)(reserve_bytes >> 20),
		(unsigned long long)(chunk_bytes >> 20));
	return -ENOSPC;
}
