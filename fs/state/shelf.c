/* SPDX-License-Identifier: Apache-2.0 */
#include "shelf.h"

#include "io.h"
#include "str.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define TABLES 4

/* Readers need no lock table: nobody writes. */
#define OPEN_FLAGS (MDB_NOSUBDIR | MDB_RDONLY | MDB_NOTLS | MDB_NOLOCK)

void shelf_name(const char *source, uint64_t gen, char ret[SHELF_NAME_MAX])
{
	snprintf(ret, SHELF_NAME_MAX, "%s.%llu.names", source, (unsigned long long)gen);
}

void shelf_path(int dir_fd, const char *name, char ret[SHELF_PATH_MAX])
{
	snprintf(ret, SHELF_PATH_MAX, "/proc/self/fd/%d/%s", dir_fd, name);
}

int shelf_env_open(struct db *db, const char *path, size_t map_bytes, unsigned int flags)
{
	int r = db_errno(mdb_env_create(&db->env));
	if (r == 0)
		r = db_errno(mdb_env_set_mapsize(db->env, map_bytes));
	if (r == 0)
		r = db_errno(mdb_env_set_maxdbs(db->env, TABLES));
	if (r == 0)
		r = db_errno(mdb_env_open(db->env, path, flags, 0600));
	return r;
}

/* ---- reading ---- */

int shelf_tables_open(struct shelf *s, MDB_txn *txn, unsigned int flags,
		      MDB_dbi *ret_meta)
{
	int r = db_errno(mdb_dbi_open(txn, "entry", flags, &s->entry));
	if (r == 0)
		r = db_errno(mdb_dbi_open(txn, "parent", flags, &s->parent));
	if (r == 0)
		r = db_errno(mdb_dbi_open(txn, "name", flags, &s->name));
	if (r == 0)
		r = db_errno(mdb_dbi_open(txn, "meta", flags, ret_meta));
	return r;
}

static int ino_end(MDB_txn *txn, MDB_dbi dbi, MDB_cursor_op op, uint64_t *ret)
{
	_db_cursor_ MDB_cursor *cur = NULL;
	MDB_val key = { 0 }, val = { 0 };
	int r = db_cursor(txn, dbi, &cur);
	if (r == 0)
		r = db_move(cur, &key, &val, op);
	if (r == 0 && key.mv_size != 8)
		r = -EBADMSG;
	if (r == 0)
		*ret = key_get_u64(key.mv_data);
	return r == -ENOENT ? 0 : r;
}

static int shelf_begin(struct shelf *s)
{
	MDB_dbi meta;
	MDB_txn *txn = NULL;
	int r = db_read(&s->db, &txn);
	if (r == 0)
		r = shelf_tables_open(s, txn, 0, &meta);
	if (r == 0)
		r = db_get_number(txn, meta, "root", 0, &s->root_ino);
	/* The last thing that is written: without it the file was never finished. */
	if (r == -ENOENT || (r == 0 && s->root_ino == 0))
		r = -EBADMSG;
	if (r == 0)
		r = ino_end(txn, s->parent, MDB_FIRST, &s->ino_first);
	if (r == 0)
		r = ino_end(txn, s->parent, MDB_LAST, &s->ino_last);
	/* A commit of a reader keeps the tables it opened. */
	if (r == 0)
		return db_errno(mdb_txn_commit(txn));
	if (txn)
		mdb_txn_abort(txn);
	return r;
}

int shelf_open(int dir_fd, const char *source, uint64_t gen, struct shelf **ret)
{
	char name[SHELF_NAME_MAX], path[SHELF_PATH_MAX];
	struct stat st;
	_cleanup_(shelf_closep) struct shelf *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->db.dir_fd = -1;
	s->gen = gen;
	snprintf(s->source, sizeof(s->source), "%s", source);
	shelf_name(source, gen, name);
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	shelf_path(dir_fd, name, path);
	int r = shelf_env_open(&s->db, path, (size_t)st.st_size, OPEN_FLAGS);
	if (r == 0)
		r = shelf_begin(s);
	if (r == 0)
		*ret = steal_ptr(s);
	return r;
}

void shelf_close(struct shelf *s)
{
	if (!s)
		return;
	db_close(&s->db);
	free(s);
}

/* The entry of one number in one directory. */
static int entry_get(const struct shelf *s, MDB_txn *txn, uint64_t parent, uint64_t ino,
		     struct entry *ret)
{
	struct pair_key key = pair_key(parent, ino);
	MDB_val val = { 0 };
	int r = db_get(txn, s->entry, db_val(key.bytes, sizeof(key.bytes)), &val);
	/* It was found through another table. */
	return r < 0 ? (r == -ENOENT ? -EBADMSG : r)
		     : entry_decode(parent, ino, val, ret);
}

static int value_get(MDB_txn *txn, MDB_dbi dbi, MDB_val key, uint64_t *ret)
{
	MDB_val val = { 0 };
	int r = db_get(txn, dbi, key, &val);
	if (r < 0)
		return r;
	if (val.mv_size != VALUE_LEN)
		return -EBADMSG;
	*ret = key_get_u64(val.mv_data);
	return 0;
}

static void source_set(const struct shelf *s, struct entry *e)
{
	memcpy(e->source, s->source, sizeof(e->source));
}

int shelf_get(const struct shelf *s, uint64_t ino, struct entry *ret)
{
	_db_read_ MDB_txn *txn = NULL;
	uint8_t key[8];
	uint64_t parent;
	if (ino < s->ino_first || ino > s->ino_last)
		return -ENOENT;
	key_put_u64(key, ino);
	int r = db_read(&s->db, &txn);
	if (r == 0)
		r = value_get(txn, s->parent, db_val(key, sizeof(key)), &parent);
	if (r == 0)
		r = entry_get(s, txn, parent & ~PARENT_IS_DIR, ino, ret);
	if (r == 0)
		source_set(s, ret);
	return r;
}

int shelf_lookup(const struct shelf *s, uint64_t parent, const char *name,
		 struct entry *ret)
{
	_db_read_ MDB_txn *txn = NULL;
	uint8_t key[SHELF_KEY_MAX];
	uint64_t ino;
	size_t len = strlen(name);
	if (len > NAME_LEN_MAX || parent < s->ino_first || parent > s->ino_last)
		return -ENOENT;
	len = name_key(parent, name, len, key);
	int r = db_read(&s->db, &txn);
	if (r == 0)
		r = value_get(txn, s->name, db_val(key, len), &ino);
	if (r == 0)
		r = entry_get(s, txn, parent, ino, ret);
	if (r < 0)
		return r;
	if (!streq(ret->name, name))
		return -EBADMSG;
	source_set(s, ret);
	return 0;
}

int shelf_each_child(const struct shelf *s, uint64_t parent, uint64_t after,
		     int (*each)(void *arg, const struct entry *e), void *arg)
{
	_db_read_ MDB_txn *txn = NULL;
	_db_cursor_ MDB_cursor *cur = NULL;
	if (after == UINT64_MAX)
		return 0;
	struct pair_key from = pair_key(parent, after + 1);
	MDB_val key = db_val(from.bytes, sizeof(from.bytes)), val = { 0 };
	int r = db_read(&s->db, &txn);
	if (r == 0)
		r = db_cursor(txn, s->entry, &cur);
	if (r < 0)
		return r;
	r = db_move(cur, &key, &val, MDB_SET_RANGE);
	for (; r == 0; r = db_move(cur, &key, &val, MDB_NEXT)) {
		struct entry e;
		if (key.mv_size != sizeof(from.bytes))
			return -EBADMSG;
		if (key_get_u64(key.mv_data) != parent)
			return 0;
		uint64_t ino = key_get_u64((const uint8_t *)key.mv_data + 8);
		r = entry_decode(parent, ino, val, &e);
		if (r < 0)
			return -EBADMSG;
		source_set(s, &e);
		r = each(arg, &e);
		if (r != 0)
			return r;
	}
	return r == -ENOENT ? 0 : r;
}
