/* SPDX-License-Identifier: Apache-2.0 */
#include "io.h"
#include "clock.h"
#include "str.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#define HOLDER_MAX ((size_t)512)

int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int pwrite_all(int fd, const void *data, size_t len, off_t off)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		off += n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t pread_full(int fd, void *ret, size_t len, off_t off)
{
	char *p = ret;
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, p + done, len - done, off + (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int file_read(int dir_fd, const char *name, size_t max_len, struct buf *out)
{
	_close_ int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	size_t total = 0;
	for (;;) {
		char piece[16384];
		ssize_t n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return buf_add(out, "", 0);
		total += (size_t)n;
		if (total > max_len)
			return -EFBIG;
		int r = buf_add(out, piece, (size_t)n);
		if (r < 0)
			return r;
	}
}

static int file_fill(int dir_fd, const char *name, const void *data, size_t len)
{
	int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
	_close_ int fd = openat(dir_fd, name, flags, 0600);
	if (fd < 0)
		return -errno;

	int r = write_all(fd, data, len);
	if (r < 0)
		return r;
	if (fsync(fd) < 0)
		return -errno;
	return 0;
}

int file_replace(int dir_fd, const char *name, const void *data, size_t len)
{
	/* The thread id keeps writers apart; what a crash leaves is truncated by the next. */
	_free_ char *fresh = NULL;
	if (asprintf(&fresh, "%s.%d.new", name, (int)gettid()) < 0)
		return -ENOMEM;

	int r = file_fill(dir_fd, fresh, data, len);
	if (r == 0 && renameat(dir_fd, fresh, dir_fd, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(dir_fd, fresh, 0);
		return r;
	}
	return dir_sync(dir_fd);
}

int dir_sync(int dir_fd)
{
	return fsync(dir_fd) < 0 ? -errno : 0;
}

int dir_name_sync(const char *path)
{
	_free_ char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	_close_ int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* One that may be written and not read cannot be synced. */
	return fd < 0 ? 0 : dir_sync(fd);
}

int dir_open_make(const char *path)
{
	if (path[0] == '\0')
		return -ENOENT;

	_free_ char *p = strdup(path);
	if (!p)
		return -ENOMEM;

	/* With a slash at its end O_NOFOLLOW would follow. */
	size_t len = strlen(p);
	while (len > 1 && p[len - 1] == '/')
		p[--len] = '\0';

	for (char *slash = p; slash;) {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		int r = mkdir(p, 0700) < 0 ? -errno : dir_name_sync(p);
		if (r < 0 && r != -EEXIST)
			return r;
		if (slash)
			*slash = '/';
	}

	int fd = open(p, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* The line in a lock file, or NULL. */
static char *holder_read(int fd)
{
	char line[HOLDER_MAX];

	ssize_t n = pread_full(fd, line, sizeof(line) - 1, 0);
	if (n < 0)
		return NULL;
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return strdup(line);
}

static int holder_write(int fd)
{
	char host[HOST_NAME_MAX + 1] = "", since[32], line[HOLDER_MAX];

	if (gethostname(host, sizeof(host) - 1) < 0)
		return -errno;
	time_rfc3339((int64_t)time(NULL) * 1000, since);
	int n = snprintf(line, sizeof(line), "%d %s %s\n", (int)getpid(), host, since);
	if (ftruncate(fd, 0) < 0)
		return -errno;
	return pwrite_all(fd, line, (size_t)n, 0);
}

int lock_take(int dir_fd, const char *name, char **ret_holder)
{
	int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
	_close_ int fd = openat(dir_fd, name, flags, 0600);
	if (fd < 0)
		return -errno;

	/* Belongs to the open file, not the process: survives the fork of daemonising, and no
	 * close() elsewhere drops it. */
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if (errno != EAGAIN && errno != EACCES)
			return -errno;
		if (ret_holder)
			*ret_holder = holder_read(fd);
		return -EWOULDBLOCK;
	}

	int r = holder_write(fd);
	return r < 0 ? r : steal_fd(&fd);
}

bool fs_is_remote(int fd, const char **ret_type)
{
	/* statfs(2) and linux/magic.h of Linux 6.12; Lustre and GPFS from their own sources. */
	static const struct {
		uint32_t magic;
		const char *word;
	} types[] = {
		{ 0x00006969, "NFS" },    { 0x0000517b, "SMB" },  { 0xff534d42, "CIFS" },
		{ 0xfe534d42, "SMB2" },   { 0x65735546, "FUSE" }, { 0x01021997, "9p" },
		{ 0x00c36400, "Ceph" },   { 0x5346414f, "AFS" },  { 0x6b414653, "AFS" },
		{ 0x0bd00bd0, "Lustre" }, { 0x47504653, "GPFS" },
	};
	struct statfs st;

	if (fstatfs(fd, &st) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if ((uint32_t)st.f_type == types[i].magic) {
			if (ret_type)
				*ret_type = types[i].word;
			return true;
		}
	}
	return false;
}
