/* SPDX-License-Identifier: Apache-2.0 */
/* Data files: CACHE/data/XX/INO.GEN, XX the low byte of the inode number, all in hex. */
#include "store_db.h"

#include "io.h"
#include "str.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define DATA_NAME_MAX 48
#define DATA_NAME_LEN 33 /* INO.GEN */

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
	/* A file that stays is without a fill, and goes at the next start. */
	(void)unlinkat(s->data_fd, name, 0);
}

/* ---- start ---- */

/* A file is made at its full size and carries its stamp: 1; another one is checked again, 0;
 * -ENOENT: there is none. */
static int data_is_good(struct store *s, const struct fill *f)
{
	char name[DATA_NAME_MAX];
	struct stat st;
	data_name(f->ino, f->gen, name);
	if (fstatat(s->data_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode))
		return -ENOENT;
	return (uint64_t)st.st_size == f->size_bytes && data_is_stamped(&st, f->gen);
}

/* 0: the fill may stay, as it is now; -ENOENT: it may not. */
static int fill_check(struct store *s, MDB_txn *txn, struct fill_row *row)
{
	int r = data_is_good(s, &row->fill);
	if (r == 0)
		r = fill_recheck(s, txn, row);
	if (r == 0 && row->fill.held_bytes == 0 && row->fill.size_bytes > 0)
		r = -ENOENT; /* nothing of it is left */
	return r < 0 ? r : 0;
}

/* All fills are looked at, one fstatat() each: the files must be gone through anyway, and a fill
 * found good here needs no second look in the path of a read. */
static int fills_check(struct store *s, MDB_txn *txn, uint64_t *ret_used)
{
	_db_cursor_ MDB_cursor *cur = NULL;
	MDB_val key = { 0 }, val = { 0 };
	int r = db_cursor(txn, s->fill, &cur);
	if (r < 0)
		return r;
	r = db_move(cur, &key, &val, MDB_FIRST);
	for (; r == 0; r = db_move(cur, &key, &val, MDB_NEXT)) {
		struct fill_row row = { 0 };
		if (key.mv_size != 8)
			return -EBADMSG;
		uint64_t ino = key_get_u64(key.mv_data);
		r = fill_get(s, txn, ino, &row);
		if (r == 0)
			r = fill_check(s, txn, &row);
		if (r == 0) {
			*ret_used += row.fill.held_bytes;
			continue;
		}
		if (r != -EBADMSG && r != -ENOENT)
			return r;
		r = fill_remove(s, txn, ino);
		if (r < 0)
			return r;
	}
	return r == -ENOENT ? 0 : r;
}

static bool data_is_known(struct store *s, MDB_txn *txn, const char *name)
{
	uint64_t ino, gen;
	struct fill_row row = { 0 };
	uint8_t raw[8];
	char digits[17] = "";
	if (strlen(name) != DATA_NAME_LEN || name[16] != '.')
		return false;
	memcpy(digits, name, 16);
	if (hex_decode(digits, raw, sizeof(raw)) < 0)
		return false;
	ino = key_get_u64(raw);
	if (hex_decode(name + 17, raw, sizeof(raw)) < 0)
		return false;
	gen = key_get_u64(raw);
	return fill_get(s, txn, ino, &row) == 0 && row.fill.gen == gen;
}

/* Files without a fill: of a crash between making one and its row, or between the removal of the
 * rows and of the file. */
static int bucket_sweep(struct store *s, MDB_txn *txn, const char *bucket)
{
	int fd = openat(s->data_fd, bucket,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP ? 0 : -errno;
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	struct dirent *d;
	/* cppcheck-suppress readdirCalled ; the directory is ours alone */
	while ((d = readdir(dir)) != NULL) {
		if (d->d_name[0] != '.' && !data_is_known(s, txn, d->d_name))
			(void)unlinkat(fd, d->d_name, 0);
	}
	closedir(dir);
	return 0;
}

static int files_sweep(struct store *s)
{
	_db_read_ MDB_txn *txn = NULL;
	int r = db_read(&s->db, &txn);
	for (unsigned int i = 0; r == 0 && i < 256; i++) {
		char name[3];
		snprintf(name, sizeof(name), "%02x", i);
		r = bucket_sweep(s, txn, name);
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

int data_reconcile(struct store *s)
{
	MDB_txn *txn = NULL;
	uint64_t used = 0;
	int r = db_write(&s->db, NULL, &txn);
	if (r < 0)
		return r;
	r = fills_check(s, txn, &used);
	if (r < 0) {
		mdb_txn_abort(txn);
		return r;
	}
	r = db_commit(&s->db, txn);
	if (r < 0)
		return r;
	atomic_store(&s->used_bytes, used);
	return files_sweep(s);
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
