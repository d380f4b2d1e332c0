/* SPDX-License-Identifier: Apache-2.0 */
/* trace - what a daemon writes, syncs and sends, in order. LD_PRELOADed; $THAW_TRACE names the file
 * of lines, and behind it `.data` the bytes of what was written to a journal:
 *
 *	write PATH BYTES_BEFORE LEN IS_DSYNC      a pwrite() has returned
 *	sync PATH                                 an fsync() or fdatasync() has returned
 *	send FIRST_LINE                           a send() of an HTTP request begins
 */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): libc calls its own by other
 * names. */

#define OURS       __attribute__((visibility("default")))
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* Protects the two files. */
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static FILE *lines, *data;
static unsigned long n_data;

static void __attribute__((constructor)) trace_open(void)
{
	const char *path = getenv("THAW_TRACE");
	char beside[PATH_MAX];

	if (!path)
		return;
	snprintf(beside, sizeof(beside), "%s.data", path);
	data = fopen(beside, "ae");
	lines = fopen(path, "ae");
	if (!data || !lines)
		abort();
	setvbuf(lines, NULL, _IOLBF, 4096);
}

static int path_of(int fd, char ret[PATH_MAX])
{
	char link[40];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, ret, PATH_MAX - 1);
	ret[n < 0 ? 0 : n] = '\0';
	return lines && ret[0] == '/';
}

static void wrote(int fd, const void *bytes, ssize_t len)
{
	char path[PATH_MAX];

	if (len <= 0 || !path_of(fd, path))
		return;
	pthread_mutex_lock(&mu);
	int is_journal = strstr(path, "/journal/") != NULL;
	fprintf(lines, "write %s %lu %zd %d\n", path, n_data, is_journal ? len : 0,
		(fcntl(fd, F_GETFL) & O_DSYNC) != 0);
	if (is_journal && fwrite(bytes, 1, (size_t)len, data) == (size_t)len)
		n_data += (unsigned long)len;
	pthread_mutex_unlock(&mu);
}

static void synced(int fd)
{
	char path[PATH_MAX];

	if (!path_of(fd, path))
		return;
	pthread_mutex_lock(&mu);
	fprintf(lines, "sync %s\n", path);
	pthread_mutex_unlock(&mu);
}

OURS ssize_t pwrite(int fd, const void *bytes, size_t len, off_t off)
{
	ssize_t n = REAL(pwrite)(fd, bytes, len, off);

	wrote(fd, bytes, n);
	return n;
}

OURS ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t off)
{
	return pwrite(fd, bytes, len, off);
}

OURS ssize_t writev(int fd, const struct iovec *iov, int n_iov)
{
	ssize_t n = REAL(writev)(fd, iov, n_iov);

	for (int i = 0; n > 0 && i < n_iov; i++)
		wrote(fd, iov[i].iov_base, (ssize_t)iov[i].iov_len);
	return n;
}

OURS int fsync(int fd)
{
	int r = REAL(fsync)(fd);

	if (r == 0)
		synced(fd);
	return r;
}

OURS int fdatasync(int fd)
{
	int r = REAL(fdatasync)(fd);

	if (r == 0)
		synced(fd);
	return r;
}

OURS ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
	const char *text = bytes;
	size_t n = 0;

	while (n < len && n < 1000 && text[n] != '\r' && text[n] != '\n')
		n++;
	if (lines && n > 9 && n < len && strncmp(text + n - 9, " HTTP/1.1", 9) == 0) {
		pthread_mutex_lock(&mu);
		fprintf(lines, "send %.*s\n", (int)n, text);
		pthread_mutex_unlock(&mu);
	}
	return REAL(send)(fd, bytes, len, flags);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
