/* SPDX-License-Identifier: Apache-2.0 */
#include "db.h"

#include "io.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* Readers at one time: FUSE workers, engine, pools, and callbacks that read in turn. */
#define READERS_MAX 256

static const struct {
	int rc;
	int err;
} errors[] = {
	{ MDB_NOTFOUND, ENOENT },       { MDB_KEYEXIST, EEXIST },
	{ MDB_MAP_FULL, ENOSPC },       { MDB_TXN_FULL, ENOSPC },
	{ MDB_READERS_FULL, EAGAIN },   { MDB_CORRUPTED, EBADMSG },
	{ MDB_PAGE_NOTFOUND, EBADMSG }, { MDB_INVALID, EBADMSG },
	{ MDB_INCOMPATIBLE, EBADMSG },  { MDB_VERSION_MISMATCH, ENOTSUP },
	{ MDB_BAD_VALSIZE, EINVAL },
};

int db_errno(int rc)
{
	if (rc == 0)
		return 0;
	if (rc > 0)
		return -rc;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		if (errors[i].rc == rc)
			return -errors[i].err;
	}
	return -EIO;
}

/* Whether it is of that format; a new one becomes it. */
static int format_take(MDB_txn *txn, uint64_t format)
{
	uint64_t is = 0;
	MDB_dbi meta;
	int r = format == ANY_FORMAT ? 0 : db_format(txn, &is);
	if (r < 0 || format == ANY_FORMAT || is == format)
		return r;
	if (is)
		return is > format ? -ENOTSUP : -EPROTO;
	r = db_errno(mdb_dbi_open(txn, "meta", MDB_CREATE, &meta));
	return r < 0 ? r : db_put_number(txn, meta, "format", format);
}

static int tables_open(const struct db *db, uint64_t format,
		       const struct db_table *tables, size_t n)
{
	MDB_txn *txn = NULL;
	int r = db_write(db, NULL, &txn);
	if (r == 0)
		r = format_take(txn, format);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = db_errno(
			mdb_dbi_open(txn, tables[i].name, MDB_CREATE, tables[i].ret_dbi));
	if (r == 0)
		return db_commit(db, txn);
	if (txn)
		mdb_txn_abort(txn);
	return r;
}

/* A file that was cut would end the process (SIGBUS) where its lost end is read: zeros there are
 * found to be no pages. LMDB itself may leave the end of a file unwritten, so this is no proof of
 * damage. */
static int map_cover(MDB_env *env)
{
	struct stat st;
	MDB_envinfo info = { .me_last_pgno = 0 };
	MDB_stat pages = { .ms_psize = 0 };
	mdb_filehandle_t fd = -1;
	int r = db_errno(mdb_env_get_fd(env, &fd));
	if (r == 0)
		r = db_errno(mdb_env_info(env, &info));
	if (r == 0)
		r = db_errno(mdb_env_stat(env, &pages));
	if (r < 0)
		return r;
	off_t least = (off_t)((info.me_last_pgno + 1) * pages.ms_psize);
	if (fstat(fd, &st) < 0 || (st.st_size < least && ftruncate(fd, least) < 0))
		return -errno;
	return 0;
}

static int env_open(struct db *db, const char *path, uint64_t map_bytes, size_t n,
		    unsigned int flags)
{
	int r = db_errno(mdb_env_create(&db->env));
	if (r == 0)
		r = db_errno(mdb_env_set_mapsize(
			db->env, map_bytes ? map_bytes : DB_MAP_BYTES_DEFAULT));
	if (r == 0)
		r = db_errno(mdb_env_set_maxdbs(db->env, (MDB_dbi)n));
	if (r == 0)
		r = db_errno(mdb_env_set_maxreaders(db->env, READERS_MAX));
	if (r == 0)
		r = db_errno(mdb_env_open(db->env, path, MDB_NOTLS | flags, 0600));
	int dead = 0;
	if (r == 0)
		r = db_errno(mdb_reader_check(db->env, &dead));
	return r == 0 ? map_cover(db->env) : r;
}

/* LMDB writes the first pages of a new file and syncs them with its first commit: a power loss in
 * between leaves one that it takes for damaged. So it is made under another name. */
static int file_make(struct db *db, const char *dir, uint64_t map_bytes)
{
	_free_ char *path = NULL;
	if (faccessat(db->dir_fd, "data.mdb", F_OK, 0) == 0)
		return 0;
	if (asprintf(&path, "%s/new.mdb", dir) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	(void)unlinkat(db->dir_fd, "new.mdb", 0);
	int r = env_open(db, path, map_bytes, 0, MDB_NOSUBDIR);
	if (r == 0)
		r = db_errno(mdb_env_sync(db->env, 1));
	if (db->env)
		mdb_env_close(steal_ptr(db->env));
	(void)unlinkat(db->dir_fd, "new.mdb-lock", 0);
	if (r == 0 && renameat(db->dir_fd, "new.mdb", db->dir_fd, "data.mdb") < 0)
		r = -errno;
	return r < 0 ? r : dir_sync(db->dir_fd);
}

int db_open(struct db *db, const char *path, const char *name, uint64_t format,
	    uint64_t map_bytes, const struct db_table *tables, size_t n)
{
	*db = (struct db){ .dir_fd = -1 };
	_free_ char *dir = NULL;
	if (asprintf(&dir, "%s/%s", path, name) < 0) {
		dir = NULL;
		return -ENOMEM;
	}
	int r = mkdir(dir, 0700) < 0 ? -errno : dir_name_sync(dir);
	if (r < 0 && r != -EEXIST)
		return r;
	db->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (db->dir_fd < 0)
		return -errno;
	r = file_make(db, dir, map_bytes);
	if (r == 0)
		r = env_open(db, dir, map_bytes, n + 1, 0); /* and `meta` */
	if (r == 0)
		r = tables_open(db, format, tables, n);
	if (r == 0)
		r = dir_sync(db->dir_fd);
	if (r < 0)
		db_close(db);
	return r;
}

int db_open_bare(struct db *db, const char *path, const char *name, uint64_t map_bytes,
		 size_t n)
{
	*db = (struct db){ .dir_fd = -1 };
	_free_ char *dir = NULL;
	if (asprintf(&dir, "%s/%s", path, name) < 0) {
		dir = NULL;
		return -ENOMEM;
	}
	db->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int r = db->dir_fd < 0 || faccessat(db->dir_fd, "data.mdb", F_OK, 0) < 0
			? -errno
			: env_open(db, dir, map_bytes, n, 0);
	if (r < 0)
		db_close(db);
	return r;
}

void db_close(struct db *db)
{
	if (db->env)
		mdb_env_close(db->env);
	if (db->dir_fd >= 0)
		close(db->dir_fd);
	*db = (struct db){ .dir_fd = -1 };
}

int db_format(MDB_txn *txn, uint64_t *ret)
{
	MDB_dbi all, meta;
	MDB_stat st = { 0 };
	int r = db_errno(mdb_dbi_open(txn, NULL, 0, &all));
	if (r == 0)
		r = db_errno(mdb_stat(txn, all, &st));
	if (r == 0 && st.ms_entries == 0) {
		*ret = 0;
		return 0;
	}
	if (r == 0)
		r = db_errno(mdb_dbi_open(txn, "meta", 0, &meta));
	if (r == 0)
		return db_get_number(txn, meta, "format", 1, ret);
	if (r == -ENOENT)
		*ret = 1;
	return r == -ENOENT ? 0 : r;
}

int db_copy(MDB_env *env, int to)
{
	int r = db_errno(mdb_env_copyfd2(env, to, 0));
	return r == 0 && fsync(to) < 0 ? -errno : r;
}

int db_read(const struct db *db, MDB_txn **ret)
{
	return db_errno(mdb_txn_begin(db->env, NULL, MDB_RDONLY, ret));
}

uint64_t db_turn(const struct db *db)
{
	_db_read_ MDB_txn *txn = NULL;

	return db_read(db, &txn) == 0 ? mdb_txn_id(txn) + 1 : 0;
}

int db_write(const struct db *db, MDB_txn *parent, MDB_txn **ret)
{
	return db_errno(mdb_txn_begin(db->env, parent, 0, ret));
}

static bool is_full(int fd)
{
	struct statvfs s;
	/* Less than the few pages a commit needs is full. */
	return fstatvfs(fd, &s) == 0 && (uint64_t)s.f_bavail * s.f_frsize < (64 << 10);
}

int db_commit(const struct db *db, MDB_txn *txn)
{
	int r = db_errno(mdb_txn_commit(txn));
	return r == -EIO && is_full(db->dir_fd) ? -ENOSPC : r;
}

int db_cursor(MDB_txn *txn, MDB_dbi dbi, MDB_cursor **ret)
{
	return db_errno(mdb_cursor_open(txn, dbi, ret));
}

int db_move(MDB_cursor *c, MDB_val *key, MDB_val *val, MDB_cursor_op op)
{
	return db_errno(mdb_cursor_get(c, key, val, op));
}

int db_walk(struct db_walk *w, MDB_txn *txn, MDB_dbi dbi, MDB_val from)
{
	w->key = from;
	w->next = from.mv_size ? MDB_SET_RANGE : MDB_FIRST;
	return db_cursor(txn, dbi, &w->cursor);
}

int db_walk_back(struct db_walk *w, MDB_txn *txn, MDB_dbi dbi)
{
	w->next = MDB_LAST;
	return db_cursor(txn, dbi, &w->cursor);
}

int db_walk_next(struct db_walk *w)
{
	bool is_back = w->next == MDB_LAST || w->next == MDB_PREV;
	int r = db_move(w->cursor, &w->key, &w->val, w->next);
	w->next = is_back ? MDB_PREV : MDB_NEXT;
	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

int db_walk_record(const struct db_walk *w, enum db_kind kind, struct record *ret)
{
	return record_open(ret, w->val.mv_data, w->val.mv_size, (uint8_t)kind,
			   DB_VERSION);
}

int db_get(MDB_txn *txn, MDB_dbi dbi, MDB_val key, MDB_val *ret)
{
	return db_errno(mdb_get(txn, dbi, &key, ret));
}

int db_get_record(MDB_txn *txn, MDB_dbi dbi, MDB_val key, enum db_kind kind,
		  struct record *ret)
{
	MDB_val val = { 0 };
	int r = db_get(txn, dbi, key, &val);
	if (r < 0)
		return r;
	return record_open(ret, val.mv_data, val.mv_size, (uint8_t)kind, DB_VERSION);
}

int db_put(MDB_txn *txn, MDB_dbi dbi, MDB_val key, MDB_val val)
{
	return db_errno(mdb_put(txn, dbi, &key, &val, 0));
}

int db_put_record(MDB_txn *txn, MDB_dbi dbi, MDB_val key, struct buf *b)
{
	int r = record_end(b);
	return r < 0 ? r : db_put(txn, dbi, key, db_val(b->data, b->len));
}

int db_delete(MDB_txn *txn, MDB_dbi dbi, MDB_val key)
{
	int r = db_errno(mdb_del(txn, dbi, &key, NULL));
	return r == -ENOENT ? 0 : r;
}

int db_last_number(MDB_txn *txn, MDB_dbi dbi, uint64_t *ret)
{
	_db_cursor_ MDB_cursor *c = NULL;
	MDB_val key = { 0 }, val = { 0 };
	int r = db_cursor(txn, dbi, &c);
	if (r == 0)
		r = db_move(c, &key, &val, MDB_LAST);
	if (r == -ENOENT) {
		*ret = 0;
		return 0;
	}
	if (r < 0)
		return r;
	if (key.mv_size != 8)
		return -EBADMSG;
	*ret = key_get_u64(key.mv_data);
	return 0;
}

int db_each_rewrite(MDB_txn *txn, MDB_dbi dbi,
		    int (*each)(void *arg, MDB_txn *txn, MDB_val key, MDB_val val),
		    void *arg)
{
	uint8_t at[DB_KEY_MAX + 1];
	size_t len = 0;
	int r = 0;
	/* From key to key: no cursor stays while rows are written. */
	while (r == 0) {
		_db_walk_ struct db_walk w = { 0 };
		r = db_walk(&w, txn, dbi, db_val(at, len));
		if (r == 0)
			r = db_walk_next(&w);
		if (r <= 0)
			return r;
		if (w.key.mv_size > DB_KEY_MAX)
			return -EBADMSG;
		len = w.key.mv_size;
		memcpy(at, w.key.mv_data, len);
		r = each(arg, txn, db_val(at, len), w.val);
		at[len++] = 0; /* the least key above it */
	}
	return r;
}

int db_get_number(MDB_txn *txn, MDB_dbi dbi, const char *key, uint64_t fallback,
		  uint64_t *ret)
{
	struct record rec;
	int r = db_get_record(txn, dbi, db_val(key, strlen(key)), KIND_NUMBER, &rec);
	if (r == -ENOENT) {
		*ret = fallback;
		return 0;
	}
	if (r < 0)
		return r;
	uint64_t v = record_get_u64(&rec);
	if (rec.err)
		return rec.err;
	*ret = v;
	return 0;
}

int db_put_number(MDB_txn *txn, MDB_dbi dbi, const char *key, uint64_t v)
{
	_buf_ struct buf b;
	buf_init(&b, DB_VALUE_MAX);
	record_begin(&b, KIND_NUMBER, DB_VERSION);
	record_u64(&b, v);
	return db_put_record(txn, dbi, db_val(key, strlen(key)), &b);
}
