/* SPDX-License-Identifier: Apache-2.0 */
/* Data files: CACHE/data/XX/INO.GEN, XX the low byte of the inode number, all in hex. */
#include "store_db.h"

#include "io.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define DATA_NAME_MAX 48

static void data_name(uint64_t ino, uint64_t gen, char ret[DATA_NAME_MAX])
{
	snprintf(ret, DATA_NAME_MAX, "%02x/%016lx.%016lx", (unsigned int)(ino & 0xff),
		 ino, gen);
}

int data_open(struct store *s, uint64_t ino, uint64_t gen, int flags)
{
	char name[DATA_NAME_MAX];
	data_name(ino, gen, name);
	int fd = openat(s->data_fd, name, flags | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

/* ---- which files may be trusted ---- */

struct filling {
	struct ino_item by_ino;
	uint64_t gen;
};

/* With the lock. */
static struct filling *filling_find(struct store *s, uint64_t ino)
{
	struct ino_item *item = ino_map_find(&s->filling, ino);

	return item ? container_of(item, struct filling, by_ino) : NULL;
}

int filling_add(struct store *s, uint64_t ino, uint64_t gen)
{
	pthread_mutex_lock(&s->mu);
	struct filling *f = filling_find(s, ino);
	bool is_new = !f;
	if (is_new)
		f = calloc(1, sizeof(*f));
	if (is_new && f)
		ino_map_add(&s->filling, &f->by_ino, ino);
	if (f)
		f->gen = gen;
	pthread_mutex_unlock(&s->mu);
	return f ? 0 : -ENOMEM;
}

void filling_remove(struct store *s, uint64_t ino, uint64_t gen)
{
	pthread_mutex_lock(&s->mu);
	struct filling *f = filling_find(s, ino);
	bool is_this = f && f->gen == gen;
	if (is_this)
		ino_map_remove(&s->filling, &f->by_ino);
	pthread_mutex_unlock(&s->mu);
	if (is_this)
		free(f);
}

void fillings_free(struct ino_map *m)
{
	while (m->first) {
		struct filling *f = container_of(m->first, struct filling, by_ino);
		ino_map_remove(m, &f->by_ino);
		free(f);
	}
}

static bool is_filling(struct store *s, uint64_t ino, uint64_t gen)
{
	pthread_mutex_lock(&s->mu);
	const struct filling *f = filling_find(s, ino);
	bool is = f && f->gen == gen;
	pthread_mutex_unlock(&s->mu);
	return is;
}

int data_open_trusted(struct store *s, uint64_t ino, uint64_t gen, int flags)
{
	_close_ int fd = data_open(s, ino, gen, flags);

	if (fd < 0)
		return fd;
	if (!is_filling(s, ino, gen) && !data_is_stamped(fd, gen))
		return -EAGAIN;
	return steal_fd(&fd);
}

/* ---- making and removing ---- */

/* Opens data/XX, made if need be. */
static int bucket_open(struct store *s, uint64_t ino)
{
	char name[3];
	snprintf(name, sizeof(name), "%02x", (unsigned int)(ino & 0xff));
	if (mkdirat(s->data_fd, name, 0700) == 0) {
		int r = dir_sync(s->data_fd);
		if (r < 0)
			return r;
	} else if (errno != EEXIST) {
		return -errno;
	}
	int fd =
		openat(s->data_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

int data_make(struct store *s, uint64_t ino, uint64_t gen, uint64_t size_bytes)
{
	char name[DATA_NAME_MAX];
	data_name(ino, gen, name);
	_close_ int dir = bucket_open(s, ino);
	if (dir < 0)
		return dir;
	_close_ int fd =
		openat(s->data_fd, name,
		       O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	int r = 0;
	if (ftruncate(fd, (off_t)size_bytes) < 0)
		r = -errno;
	if (r == 0)
		r = data_stamp(fd, gen);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0)
		r = dir_sync(dir);
	if (r < 0)
		data_remove(s, ino, gen);
	return r;
}

void data_remove(struct store *s, uint64_t ino, uint64_t gen)
{
	char name[DATA_NAME_MAX];
	data_name(ino, gen, name);
	/* A file that stays is without a fill, and goes after the next unclean stop. */
	(void)unlinkat(s->data_fd, name, 0);
}

/* ---- ballast ---- */

#define BALLAST_NAME       "ballast"
#define BALLAST_BYTES      ((off_t)64 << 20)
#define BALLAST_FREE_BYTES ((uint64_t)1 << 30)

void ballast_make(struct store *s)
{
	struct stat st;
	if (fstatat(s->cache_fd, BALLAST_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_size == BALLAST_BYTES) {
		s->has_ballast = true;
		return;
	}
	if (store_free_bytes(s) <= BALLAST_FREE_BYTES)
		return;
	_close_ int fd = openat(s->cache_fd, BALLAST_NAME,
				O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	/* A file system that cannot allocate, or has no room, goes without. */
	if (fallocate(fd, 0, 0, BALLAST_BYTES) < 0)
		(void)unlinkat(s->cache_fd, BALLAST_NAME, 0);
	else
		s->has_ballast = true;
}

bool ballast_drop(struct store *s)
{
	if (!s->has_ballast)
		return false;
	s->has_ballast = false;
	return unlinkat(s->cache_fd, BALLAST_NAME, 0) == 0;
}

uint64_t store_free_bytes(struct store *s)
{
	struct statvfs st;
	if (fstatvfs(s->data_fd, &st) < 0)
		return 0;
	return (uint64_t)st.f_bavail * st.f_frsize;
}
