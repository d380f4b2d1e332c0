/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define GROW_MIN ((size_t)64 << 10)
#define GROW_MAX ((size_t)256 << 20)

/* Where the file system knows no files without a name. */
static int file_unlinked(int dir_fd)
{
	char name[32];
	for (unsigned int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "scratch.%u", i);
		int fd = openat(dir_fd, name,
				O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd >= 0) {
			unlinkat(dir_fd, name, 0);
			return fd;
		}
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

int scratch_file(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	return errno == EOPNOTSUPP || errno == EISDIR ? file_unlinked(dir_fd) : -errno;
}

int scratch_open(struct scratch *s, int dir_fd)
{
	int fd = scratch_file(dir_fd);
	if (fd < 0)
		return fd;
	*s = (struct scratch){ .fd = fd };
	return 0;
}

int scratch_grow(struct scratch *s, size_t len)
{
	if (len <= s->room)
		return 0;
	size_t more = s->room < GROW_MIN ? GROW_MIN : s->room;
	if (more > GROW_MAX)
		more = GROW_MAX;
	size_t room = len > s->room + more ? len : s->room + more;
	int r = posix_fallocate(s->fd, (off_t)s->room, (off_t)(room - s->room));
	if (r != 0)
		return -r;
	char *data =
		s->data ? mremap(s->data, s->room, room, MREMAP_MAYMOVE)
			: mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	if (data == MAP_FAILED)
		return -errno;
	s->data = data;
	s->room = room;
	return 0;
}

void scratch_close(struct scratch *s)
{
	if (s->data)
		munmap(s->data, s->room);
	if (s->fd >= 0)
		close(s->fd);
	*s = (struct scratch){ .fd = -1 };
}
