/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that are replaced. The names with 64 are other functions here, so neither large files
 * nor fortification may be asked of the headers. */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE
#include "disk.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): libc calls its own by other
 * names. */

#define OURS    __attribute__((visibility("default")))
#define FDS_MAX 1024
#define ROOM    ((size_t)512 << 20)

_Static_assert(sizeof(off_t) == 8, "one set of functions for both names");

/* Lock: `mu` protects everything, and is held over the call it logs: the order is the kernel's. */
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static struct disk_log *recording;
static char root[PATH_MAX];
static struct {
	char path[120]; /* "": not ours */
	bool is_dsync;
} fds[FDS_MAX];

struct disk_log *disk_log_new(void)
{
	struct disk_log *log = mmap(NULL, sizeof(*log) + ROOM, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (log == MAP_FAILED)
		abort();
	log->room = ROOM;
	return log;
}

void disk_record(struct disk_log *log, const char *dir)
{
	log->n = 0;
	log->used = 0;
	snprintf(root, sizeof(root), "%s/", dir);
	recording = log;
}

/* ---- the log; with `mu` ---- */

static struct disk_op *op_add(enum disk_kind kind, const char *path)
{
	if (recording->n == DISK_OPS_MAX)
		abort();
	struct disk_op *op = &recording->ops[recording->n++];
	*op = (struct disk_op){ .kind = kind };
	snprintf(op->path, sizeof(op->path), "%s", path);
	return op;
}

static void bytes_add(struct disk_op *op, const void *data, size_t len)
{
	if (len > recording->room - recording->used)
		abort();
	if (!op->len)
		op->data = recording->used;
	memcpy(recording->bytes + recording->used, data, len);
	recording->used += len;
	op->len += len;
}

/* Locks are nothing after a power loss, the report of renames is made again with each catalog, and
 * the ballast is not made here. */
static bool is_left_out(const char *path)
{
	return strstr(path, ".lock") || strstr(path, "/lock.mdb") ||
	       strstr(path, "mdb-lock") || strstr(path, ".renames") ||
	       strstr(path, "/ballast");
}

/* The path below the root, or "" for what is not recorded. */
static void path_of(int dir, const char *name, char ret[120])
{
	size_t len = strlen(root);

	ret[0] = '\0';
	if (!recording)
		return;
	if (name[0] == '/') {
		if (strlen(name) + 1 == len && strncmp(name, root, len - 1) == 0)
			snprintf(ret, 120, ".");
		if (strncmp(name, root, len) == 0)
			snprintf(ret, 120, "%.110s", name + len);
	} else if (dir >= 0 && dir < FDS_MAX && fds[dir].path[0]) {
		snprintf(ret, 120, "%.60s/%.55s", fds[dir].path, name);
	}
	if (is_left_out(ret))
		ret[0] = '\0';
}

/* With `mu`, as all below. */
static bool is_logged(int fd)
{
	return recording && fd >= 0 && fd < FDS_MAX && fds[fd].path[0];
}

void disk_world(const void *a, size_t a_len, const void *b, size_t b_len)
{
	if (!recording)
		return;
	pthread_mutex_lock(&mu);
	struct disk_op *op = op_add(DISK_WORLD, "");
	bytes_add(op, a, a_len);
	bytes_add(op, b, b_len);
	pthread_mutex_unlock(&mu);
}

/* ---- the calls ---- */

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int opened(int fd, const char *path, bool was_there, int flags)
{
	if (fd < 0 || fd >= FDS_MAX)
		return fd;
	snprintf(fds[fd].path, sizeof(fds[fd].path), "%s", path);
	fds[fd].is_dsync = flags & O_DSYNC;
	if (*path && !was_there)
		op_add(DISK_CREATE, path);
	if (*path && was_there && flags & O_TRUNC)
		op_add(DISK_SIZE, path);
	return fd;
}

OURS int openat(int dir, const char *name, int flags, ...)
{
	char path[120];
	va_list ap;

	va_start(ap, flags);
	mode_t mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	pthread_mutex_lock(&mu);
	path_of(dir, name, path);
	bool was_there = !(flags & O_CREAT) || faccessat(dir, name, F_OK, 0) == 0;
	int fd = opened(REAL(openat)(dir, name, flags, mode), path, was_there, flags);
	pthread_mutex_unlock(&mu);
	return fd;
}

OURS int openat64(int dir, const char *name, int flags, ...)
{
	va_list ap;

	va_start(ap, flags);
	mode_t mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return openat(dir, name, flags, mode);
}

OURS int open(const char *name, int flags, ...)
{
	va_list ap;

	va_start(ap, flags);
	mode_t mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return openat(AT_FDCWD, name, flags, mode);
}

OURS int open64(const char *name, int flags, ...)
{
	va_list ap;

	va_start(ap, flags);
	mode_t mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return openat(AT_FDCWD, name, flags, mode);
}

/* What fortified callers use. */
int __open64_2(const char *name, int flags);
OURS int __open64_2(const char *name, int flags)
{
	return openat(AT_FDCWD, name, flags);
}

int __openat64_2(int dir, const char *name, int flags);
OURS int __openat64_2(int dir, const char *name, int flags)
{
	return openat(dir, name, flags);
}

OURS int close(int fd)
{
	pthread_mutex_lock(&mu);
	if (fd >= 0 && fd < FDS_MAX)
		fds[fd].path[0] = '\0';
	int r = REAL(close)(fd);
	pthread_mutex_unlock(&mu);
	return r;
}

/* With `mu`: what a write has done. */
static void wrote(int fd, const void *data, ssize_t len, off_t off)
{
	if (len <= 0 || !is_logged(fd))
		return;
	struct disk_op *op = op_add(DISK_WRITE, fds[fd].path);
	op->off = (uint64_t)off;
	op->is_dsync = fds[fd].is_dsync;
	bytes_add(op, data, (size_t)len);
}

OURS ssize_t pwrite(int fd, const void *data, size_t len, off_t off)
{
	pthread_mutex_lock(&mu);
	ssize_t n = REAL(pwrite)(fd, data, len, off);
	wrote(fd, data, n, off);
	pthread_mutex_unlock(&mu);
	return n;
}

OURS ssize_t pwrite64(int fd, const void *data, size_t len, off64_t off)
{
	return pwrite(fd, data, len, off);
}

OURS ssize_t write(int fd, const void *data, size_t len)
{
	pthread_mutex_lock(&mu);
	off_t off = is_logged(fd) ? lseek(fd, 0, SEEK_CUR) : 0;
	ssize_t n = REAL(write)(fd, data, len);
	wrote(fd, data, n, off);
	pthread_mutex_unlock(&mu);
	return n;
}

OURS ssize_t writev(int fd, const struct iovec *iov, int n_iov)
{
	pthread_mutex_lock(&mu);
	off_t off = is_logged(fd) ? lseek(fd, 0, SEEK_CUR) : 0;
	ssize_t n = REAL(writev)(fd, iov, n_iov);
	ssize_t left = n;
	for (int i = 0; i < n_iov && left > 0; i++) {
		ssize_t len =
			left < (ssize_t)iov[i].iov_len ? left : (ssize_t)iov[i].iov_len;
		wrote(fd, iov[i].iov_base, len, off);
		off += len;
		left -= len;
	}
	pthread_mutex_unlock(&mu);
	return n;
}

OURS int ftruncate(int fd, off_t len)
{
	pthread_mutex_lock(&mu);
	int r = REAL(ftruncate)(fd, len);
	if (r == 0 && is_logged(fd))
		op_add(DISK_SIZE, fds[fd].path)->off = (uint64_t)len;
	pthread_mutex_unlock(&mu);
	return r;
}

OURS int ftruncate64(int fd, off64_t len)
{
	return ftruncate(fd, len);
}

/* There is no ballast here: it would be most of the work. */
OURS int fallocate(int fd, int mode, off_t off, off_t len)
{
	(void)fd;
	(void)mode;
	(void)off;
	(void)len;
	errno = EOPNOTSUPP;
	return -1;
}

OURS int fallocate64(int fd, int mode, off64_t off, off64_t len)
{
	return fallocate(fd, mode, off, len);
}

static int synced(int fd, int r)
{
	if (r == 0 && is_logged(fd))
		op_add(DISK_SYNC, fds[fd].path);
	return r;
}

OURS int fsync(int fd)
{
	pthread_mutex_lock(&mu);
	int r = synced(fd, REAL(fsync)(fd));
	pthread_mutex_unlock(&mu);
	return r;
}

OURS int fdatasync(int fd)
{
	pthread_mutex_lock(&mu);
	int r = synced(fd, REAL(fdatasync)(fd));
	pthread_mutex_unlock(&mu);
	return r;
}

static int named(int r, enum disk_kind kind, int dir, const char *name)
{
	char path[120];

	path_of(dir, name, path);
	if (r == 0 && *path)
		op_add(kind, path);
	return r;
}

OURS int mkdirat(int dir, const char *name, mode_t mode)
{
	pthread_mutex_lock(&mu);
	int r = named(REAL(mkdirat)(dir, name, mode), DISK_MKDIR, dir, name);
	pthread_mutex_unlock(&mu);
	return r;
}

OURS int mkdir(const char *name, mode_t mode)
{
	return mkdirat(AT_FDCWD, name, mode);
}

OURS int unlinkat(int dir, const char *name, int flags)
{
	pthread_mutex_lock(&mu);
	int r = named(REAL(unlinkat)(dir, name, flags), DISK_UNLINK, dir, name);
	pthread_mutex_unlock(&mu);
	return r;
}

OURS int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	pthread_mutex_lock(&mu);
	int r = named(REAL(renameat)(from_dir, from, to_dir, to), DISK_RENAME, from_dir,
		      from);
	if (r == 0 && recording && recording->n)
		path_of(to_dir, to, recording->ops[recording->n - 1].to);
	pthread_mutex_unlock(&mu);
	return r;
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
