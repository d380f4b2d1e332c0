/* SPDX-License-Identifier: Apache-2.0 */
#include "backup.h"
#include "clock.h"
#include "db.h"
#include "digest.h"
#include "io.h"
#include "json.h"
#include "str.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MANIFEST       "manifest.json"
#define MANIFEST_MAX   ((size_t)16 << 20)
#define BACKUP_VERSION 1
/* A refresh may be putting new names in place: looked again so often. */
#define CATALOG_TRIES 10
/* How far inode numbers go on after a restoration. */
#define INO_STEP   ((uint64_t)1 << 30)
#define INO_LIMIT  ((uint64_t)1 << 48)
#define COPY_BYTES ((size_t)1 << 20)

struct backup {
	const char *state_dir;
	int from_fd, to_fd;
	int lock_fd;     /* of the state, where no daemon has it; or -1 */
	struct buf list; /* the manifest's files */
	struct backup_sum sum;
	struct buf *err;
};

static int complain(struct backup *b, const char *what, int r)
{
	buf_reset(b->err);
	buf_printf(b->err, "%s: %s", what, strerrordesc_np(-r));
	return r;
}

static DIR *dir_read(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

static bool dir_is_empty(int fd)
{
	DIR *dir = dir_read(fd, ".");
	struct dirent *d;
	bool is_empty = true;

	/* cppcheck-suppress readdirCalled ; this thread's own */
	while (dir && is_empty && (d = readdir(dir)) != NULL)
		is_empty = d->d_name[0] == '.';
	if (dir)
		closedir(dir);
	return dir && is_empty;
}

static int empty_open(struct backup *b, const char *path)
{
	_close_ int fd = dir_open_make(path);

	if (fd < 0)
		return complain(b, path, fd);
	if (!dir_is_empty(fd))
		return complain(b, path, -ENOTEMPTY);
	return steal_fd(&fd);
}

/* ---- one file ---- */

/* Reads all of it; to `to` as well, if that is not negative. */
static int digest_copy(int from, int to, char ret_hex[65], uint64_t *ret_bytes)
{
	_cleanup_(digest_freep) struct digest *d = digest_new(DIGEST_SHA256);
	_free_ char *piece = malloc(COPY_BYTES);
	uint8_t raw[32];
	uint64_t bytes = 0;
	ssize_t n;

	if (!d || !piece)
		return -ENOMEM;
	while ((n = pread(from, piece, COPY_BYTES, (off_t)bytes)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		int r = to >= 0 ? write_all(to, piece, (size_t)n) : 0;
		if (r < 0)
			return r;
		digest_add(d, piece, (size_t)n);
		bytes += (uint64_t)n;
	}
	digest_end(d, raw);
	hex_encode(raw, sizeof(raw), ret_hex);
	*ret_bytes = bytes;
	return to >= 0 && fsync(to) < 0 ? -errno : 0;
}

static int file_make(struct backup *b, const char *path)
{
	_close_ int fd =
		openat(b->to_fd, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	return steal_fd(&fd);
}

static int list_add(struct backup *b, const char *path, const char *hex, uint64_t bytes)
{
	buf_printf(&b->list, "%s\n{", b->sum.files ? "," : "");
	json_put(&b->list, "path", path);
	json_put(&b->list, "sha256", hex);
	buf_printf(&b->list, ",\"bytes\":%llu}", (unsigned long long)bytes);
	b->sum.files++;
	b->sum.bytes += bytes;
	return b->list.err;
}

/* A file that is open, under the name it will have. */
static int file_add(struct backup *b, int from, const char *path)
{
	char hex[65];
	uint64_t bytes = 0;
	_close_ int to = file_make(b, path);
	int r = to < 0 ? to : digest_copy(from, to, hex, &bytes);

	return r < 0 ? complain(b, path, r) : list_add(b, path, hex, bytes);
}

/* ---- environments ---- */

/* LMDB's own copy: one read transaction, whoever writes meanwhile. */
static int env_copy(struct backup *b, const char *name, int to)
{
	_free_ char *path = NULL;
	MDB_env *env = NULL;
	unsigned int flags = MDB_RDONLY | MDB_NOTLS;

	if (asprintf(&path, "%s/%s", b->state_dir, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	int r = db_errno(mdb_env_create(&env));
	/* Where no daemon runs no other process has it open, and nothing is left behind. */
	if (r == 0)
		r = db_errno(mdb_env_open(
			env, path, flags | (b->lock_fd >= 0 ? MDB_NOLOCK : 0), 0600));
	if (r == 0)
		r = db_copy(env, to);
	if (env)
		mdb_env_close(env);
	return r;
}

static int env_add(struct backup *b, const char *name)
{
	char path[64], hex[65];
	uint64_t bytes = 0;

	if (mkdirat(b->to_fd, name, 0700) < 0 && errno != EEXIST)
		return complain(b, name, -errno);
	snprintf(path, sizeof(path), "%s/data.mdb", name);
	(void)unlinkat(b->to_fd, path, 0);
	_close_ int to = file_make(b, path);
	int r = to < 0 ? to : env_copy(b, name, to);
	if (r == 0)
		r = digest_copy(to, -1, hex, &bytes);
	return r < 0 ? complain(b, path, r) : list_add(b, path, hex, bytes);
}

/* ---- the catalog: an environment, and the files its rows name ---- */

struct names {
	char *of[256]; /* owned */
	int fds[256];
	size_t n;
};

static void names_done(struct names *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->of[i]);
		if (l->fds[i] >= 0)
			close(l->fds[i]);
	}
	l->n = 0;
}

static int name_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Opens them all: what is removed afterwards can still be read. */
static int names_open(struct backup *b, struct names *l)
{
	DIR *dir = dir_read(b->from_fd, "catalog");
	struct dirent *d;
	int r = dir ? 0 : -errno;

	/* cppcheck-suppress readdirCalled ; this thread's own */
	while (r == 0 && (d = readdir(dir)) != NULL) {
		size_t len = strlen(d->d_name);
		bool is_ours = (len > 6 && streq(d->d_name + len - 6, ".names")) ||
			       (len > 8 && streq(d->d_name + len - 8, ".renames"));

		if (!is_ours)
			continue;
		if (l->n == ARRAY_SIZE(l->of))
			r = -E2BIG;
		else if ((l->of[l->n] = strdup(d->d_name)) != NULL)
			l->fds[l->n++] = -1;
		else
			r = -ENOMEM;
	}
	if (r == 0)
		qsort(l->of, l->n, sizeof(l->of[0]), name_order);
	for (size_t i = 0; r == 0 && i < l->n; i++)
		l->fds[i] =
			openat(dirfd(dir), l->of[i], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (dir)
		closedir(dir);
	return r;
}

static bool names_are_same(const struct names *a, const struct names *b)
{
	bool is_same = a->n == b->n;

	for (size_t i = 0; is_same && i < a->n; i++)
		is_same = streq(a->of[i], b->of[i]) && a->fds[i] >= 0;
	return is_same;
}

/* A number is in each name and is never used again: if the same files are there before and after,
 * nothing was replaced while the rows were copied. -EAGAIN: something was. */
static int catalog_try(struct backup *b)
{
	struct names before = { .n = 0 }, after = { .n = 0 };
	struct backup_sum was = b->sum;
	size_t list_len = b->list.len;

	int r = names_open(b, &before);
	if (r == 0)
		r = env_add(b, "catalog");
	if (r == 0)
		r = names_open(b, &after);
	if (r == 0 && !names_are_same(&before, &after)) {
		b->sum = was;
		b->list.len = list_len;
		r = -EAGAIN;
	}
	for (size_t i = 0; r == 0 && i < before.n; i++) {
		char path[300];
		snprintf(path, sizeof(path), "catalog/%s", before.of[i]);
		r = file_add(b, before.fds[i], path);
	}
	names_done(&before);
	names_done(&after);
	return r;
}

static int catalog_add(struct backup *b)
{
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < CATALOG_TRIES; i++)
		r = catalog_try(b);
	return r == -EAGAIN ? complain(b, "catalog: it is being refreshed", r) : r;
}

static int prices_add(struct backup *b)
{
	_close_ int fd =
		openat(b->from_fd, "prices.csv", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? 0 : file_add(b, fd, "prices.csv");
}

/* ---- the manifest ---- */

static int manifest_write(struct backup *b)
{
	_buf_ struct buf text;
	char now[32];
	struct timespec t;

	buf_init(&text, MANIFEST_MAX);
	clock_gettime(CLOCK_REALTIME, &t);
	time_rfc3339((int64_t)t.tv_sec * 1000, now);
	buf_printf(&text, "{\"backup\":%d", BACKUP_VERSION);
	json_put(&text, "thawfs", THAWFS_VERSION);
	json_put(&text, "time", now);
	json_put(&text, "state", b->state_dir);
	buf_printf(&text, ",\"files\":[%s\n]}\n", b->list.len ? b->list.data : "");
	int r = text.err ? text.err : b->list.err;
	if (r < 0)
		return complain(b, MANIFEST, r);
	r = file_replace(b->to_fd, MANIFEST, text.data, text.len);
	return r < 0 ? complain(b, MANIFEST, r) : 0;
}

/* Their names, before the manifest's. */
static int dirs_sync(struct backup *b)
{
	static const char *const dirs[] = { "journal", "identities", "catalog", "." };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(dirs); i++) {
		_close_ int fd =
			openat(b->to_fd, dirs[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = fd < 0 ? -errno : dir_sync(fd);
	}
	return r < 0 ? complain(b, "syncing", r) : 0;
}

static void backup_init(struct backup *b, struct buf *err)
{
	*b = (struct backup){ .from_fd = -1, .to_fd = -1, .lock_fd = -1, .err = err };
	buf_init(&b->list, MANIFEST_MAX);
}

static void backup_done(struct backup *b)
{
	buf_done(&b->list);
	if (b->from_fd >= 0)
		close(b->from_fd);
	if (b->to_fd >= 0)
		close(b->to_fd);
	if (b->lock_fd >= 0)
		close(b->lock_fd);
}
#define _backup_ _cleanup_(backup_done)

int backup_make(const char *state_dir, const char *dir, struct backup_sum *ret,
		struct buf *err)
{
	_backup_ struct backup b;
	_free_ char *holder = NULL;

	backup_init(&b, err);
	b.state_dir = state_dir;
	b.from_fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b.from_fd < 0)
		return complain(&b, state_dir, -errno);
	/* It must be there: one of ours would be in the way of the daemon's user. */
	if (faccessat(b.from_fd, "state.lock", F_OK, 0) < 0) {
		buf_printf(err, "%s: no state directory of thawfs", state_dir);
		return -ENOENT;
	}
	b.lock_fd = lock_take(b.from_fd, "state.lock", &holder);
	if (b.lock_fd < 0 && b.lock_fd != -EWOULDBLOCK)
		return complain(&b, state_dir, b.lock_fd);
	b.to_fd = empty_open(&b, dir);
	int r = b.to_fd < 0 ? b.to_fd : env_add(&b, "journal");
	if (r == 0)
		r = env_add(&b, "identities");
	if (r == 0)
		r = catalog_add(&b);
	if (r == 0)
		r = prices_add(&b);
	if (r == 0)
		r = dirs_sync(&b);
	if (r == 0)
		r = manifest_write(&b);
	if (r == 0)
		*ret = b.sum;
	return r;
}

/* ---- the way back ---- */

static int manifest_read(struct backup *b, struct json_object **ret)
{
	_buf_ struct buf text;
	uint64_t version = 0;

	buf_init(&text, MANIFEST_MAX);
	if (file_read(b->from_fd, MANIFEST, MANIFEST_MAX, &text) < 0) {
		buf_printf(b->err, "no %s: not a backup, or not a whole one", MANIFEST);
		return -ENOENT;
	}
	_cleanup_(json_freep) struct json_object *o = json_parse(text.data, text.len);
	if (!o || json_u64(o, "backup", &version) < 0) {
		buf_printf(b->err, "%s is damaged", MANIFEST);
		return -EBADMSG;
	}
	if (version > BACKUP_VERSION) {
		buf_printf(b->err, "made by a newer thawfs: run that one");
		return -ENOTSUP;
	}
	*ret = steal_ptr(o);
	return 0;
}

/* Nothing that leads out of the directory. */
static bool is_plain(const char *path)
{
	return *path && *path != '/' && !strstr(path, "..") && !strstr(path, "//");
}

/* Compares; writes too, where there is something to write to. */
static int file_take(struct backup *b, struct json_object *o)
{
	const char *path, *sum;
	uint64_t bytes, is_bytes = 0;
	char hex[65];

	if (json_str(o, "path", &path) < 0 || json_str(o, "sha256", &sum) < 0 ||
	    json_u64(o, "bytes", &bytes) < 0 || !is_plain(path)) {
		buf_printf(b->err, "%s is damaged", MANIFEST);
		return -EBADMSG;
	}
	_close_ int from = openat(b->from_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (from < 0)
		return complain(b, path, -errno);
	_close_ int to = b->to_fd < 0 ? -1 : file_make(b, path);
	int r = b->to_fd >= 0 && to < 0 ? to : digest_copy(from, to, hex, &is_bytes);
	if (r < 0)
		return complain(b, path, r);
	if (is_bytes != bytes || !streq(hex, sum)) {
		buf_printf(b->err, "%s is not what %s says: damaged", path, MANIFEST);
		return -EBADMSG;
	}
	b->sum.files++;
	b->sum.bytes += bytes;
	return 0;
}

static int files_take(struct backup *b)
{
	_cleanup_(json_freep) struct json_object *o = NULL;
	struct json_object *files;
	size_t n = 0;

	int r = manifest_read(b, &o);
	if (r == 0 && json_array(o, "files", &files, &n) < 0) {
		buf_printf(b->err, "%s is damaged", MANIFEST);
		r = -EBADMSG;
	}
	for (size_t i = 0; r == 0 && i < n; i++)
		r = file_take(b, json_at(files, i));
	return r;
}

int backup_check(const char *dir, struct backup_sum *ret, struct buf *err)
{
	_backup_ struct backup b;

	backup_init(&b, err);
	b.from_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b.from_fd < 0)
		return complain(&b, dir, -errno);
	int r = files_take(&b);
	if (r == 0)
		*ret = b.sum;
	return r;
}

/* Numbers that were given since the backup are given to nobody else. */
static int numbers_raise(const char *state_dir, const char *name)
{
	MDB_dbi meta;
	const struct db_table table = { "meta", &meta };
	struct db db;
	MDB_txn *txn = NULL;
	uint64_t next = 0;

	int r = db_open(&db, state_dir, name, ANY_FORMAT, 0, &table, 1);
	if (r < 0)
		return r;
	r = db_write(&db, NULL, &txn);
	if (r == 0)
		r = db_get_number(txn, meta, "next_ino", 0, &next);
	if (r == 0 && next > INO_LIMIT - 2 * INO_STEP)
		r = -EOVERFLOW;
	if (r == 0 && next)
		r = db_put_number(txn, meta, "next_ino", next + INO_STEP);
	if (r == 0)
		r = db_commit(&db, txn);
	else if (txn)
		mdb_txn_abort(txn);
	db_close(&db);
	return r;
}

/* All of it becomes his whose the directory is: root may do this for the daemon's user. */
static int owner_give(struct backup *b)
{
	static const char *const dirs[] = { ".", "journal", "identities", "catalog" };
	struct stat st;
	int r = fstat(b->to_fd, &st) < 0 ? -errno : 0;

	for (size_t i = 0; r == 0 && st.st_uid != geteuid() && i < ARRAY_SIZE(dirs);
	     i++) {
		DIR *dir = dir_read(b->to_fd, dirs[i]);
		struct dirent *d;

		/* cppcheck-suppress readdirCalled ; this thread's own */
		while (r == 0 && dir && (d = readdir(dir)) != NULL)
			if (!streq(d->d_name, "..") &&
			    fchownat(dirfd(dir), d->d_name, st.st_uid, st.st_gid,
				     AT_SYMLINK_NOFOLLOW) < 0)
				r = -errno;
		if (dir)
			closedir(dir);
	}
	return r;
}

int backup_restore(const char *dir, const char *state_dir, struct backup_sum *ret,
		   struct buf *err)
{
	static const char *const dirs[] = { "journal", "identities", "catalog" };
	_backup_ struct backup b;

	backup_init(&b, err);
	int r = backup_check(dir, ret, err);
	if (r < 0)
		return r;
	b.from_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b.from_fd < 0)
		return complain(&b, dir, -errno);
	b.to_fd = empty_open(&b, state_dir);
	if (b.to_fd < 0)
		return b.to_fd;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(dirs); i++)
		if (mkdirat(b.to_fd, dirs[i], 0700) < 0)
			r = complain(&b, dirs[i], -errno);
	if (r == 0)
		r = files_take(&b);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < 2; i++)
		r = numbers_raise(state_dir, dirs[i]);
	if (r == 0)
		r = owner_give(&b);
	if (r < 0)
		return complain(&b, state_dir, r);
	return dirs_sync(&b);
}
