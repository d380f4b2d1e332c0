/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog_db.h"

#include "str.h"

/* ---- rows ---- */

struct pair_key pair_key(uint64_t first, uint64_t second)
{
	struct pair_key k = { 0 };
	key_put_u64(k.bytes, first);
	key_put_u64(k.bytes + 8, second);
	return k;
}

static MDB_val pair_val(const struct pair_key *k)
{
	return db_val(k->bytes, sizeof(k->bytes));
}

size_t catalog_name_key(uint64_t parent, const char *name,
			uint8_t ret[CATALOG_NAME_KEY_MAX])
{
	size_t len = strnlen(name, NAME_LEN_MAX);
	key_put_u64(ret, parent);
	memcpy(ret + 8, name, len);
	return 8 + len;
}

void entry_encode(const struct entry *e, struct buf *b)
{
	record_begin(b, KIND_ENTRY, DB_VERSION);
	record_u64(b, e->ino);
	record_u64(b, e->parent);
	record_u8(b, (uint8_t)e->type);
	record_str(b, e->name);
	record_str(b, e->source);
	record_i64(b, e->mtime_ms);
	if (e->type == ENTRY_DIRECTORY) {
		record_u32(b, e->n_dirs);
		return;
	}
	const struct object *o = &e->object;
	record_str(b, o->id);
	record_str(b, o->version);
	record_str(b, o->etag);
	record_str(b, o->storage_class);
	record_u64(b, o->size_bytes);
	record_i64(b, o->modified_ms);
	record_blob(b, o->tree_hash.bytes, o->has_tree_hash ? SHA256_LEN : 0);
	record_u8(b, e->is_restoring);
	record_i64(b, e->copy_expires_ms);
}

static void object_decode(struct record *rec, struct object *o)
{
	record_get_str(rec, o->id, sizeof(o->id));
	record_get_str(rec, o->version, sizeof(o->version));
	record_get_str(rec, o->etag, sizeof(o->etag));
	record_get_str(rec, o->storage_class, sizeof(o->storage_class));
	o->size_bytes = record_get_u64(rec);
	o->modified_ms = record_get_i64(rec);
	size_t len;
	const uint8_t *hash = record_get_blob(rec, &len);
	if (!rec->err && len != 0 && len != SHA256_LEN)
		rec->err = -EBADMSG;
	o->has_tree_hash = !rec->err && len == SHA256_LEN;
	if (o->has_tree_hash)
		memcpy(o->tree_hash.bytes, hash, SHA256_LEN);
}

int entry_decode(MDB_val val, struct entry *ret)
{
	struct record rec;
	int r = record_open(&rec, val.mv_data, val.mv_size, KIND_ENTRY, DB_VERSION);
	if (r < 0)
		return r;
	*ret = (struct entry){ .ino = record_get_u64(&rec), .parent = 0 };
	ret->parent = record_get_u64(&rec);
	ret->type = record_get_u8(&rec);
	record_get_str(&rec, ret->name, sizeof(ret->name));
	record_get_str(&rec, ret->source, sizeof(ret->source));
	ret->mtime_ms = record_get_i64(&rec);
	if (ret->type == ENTRY_DIRECTORY) {
		ret->n_dirs = record_get_u32(&rec);
	} else if (ret->type == ENTRY_FILE) {
		object_decode(&rec, &ret->object);
		ret->is_restoring = record_get_u8(&rec);
		ret->copy_expires_ms = record_get_i64(&rec);
	} else {
		return -EBADMSG;
	}
	return rec.err;
}

/* The entry of one number in one directory, checked to be that one: keys have no CRC. */
static int entry_get(struct catalog *c, MDB_txn *txn, uint64_t ino, uint64_t parent,
		     struct entry *ret)
{
	struct pair_key key = pair_key(ino, parent);
	MDB_val val = { 0 };
	int r = db_get(txn, c->entry, pair_val(&key), &val);
	if (r == 0)
		r = entry_decode(val, ret);
	if (r == 0 && (ret->ino != ino || ret->parent != parent))
		r = -EBADMSG;
	return r;
}

/* ---- reading ---- */

int catalog_get(struct catalog *c, uint64_t ino, struct entry *ret)
{
	_db_read_ MDB_txn *txn = NULL;
	_db_cursor_ MDB_cursor *cur = NULL;
	struct pair_key from = pair_key(ino, 0);
	MDB_val key = pair_val(&from), val = { 0 };
	int r = db_read(&c->db, &txn);
	if (r == 0)
		r = db_cursor(txn, c->entry, &cur);
	if (r == 0)
		r = db_move(cur, &key, &val, MDB_SET_RANGE);
	if (r < 0)
		return r;
	if (key.mv_size != sizeof(from.bytes) || key_get_u64(key.mv_data) != ino)
		return -ENOENT;
	r = entry_decode(val, ret);
	return r == 0 && ret->ino != ino ? -EBADMSG : r;
}

int catalog_lookup(struct catalog *c, uint64_t parent, const char *name,
		   struct entry *ret)
{
	_db_read_ MDB_txn *txn = NULL;
	uint8_t key[CATALOG_NAME_KEY_MAX];
	struct record rec;
	if (strlen(name) > NAME_LEN_MAX)
		return -ENOENT;
	size_t len = catalog_name_key(parent, name, key);
	int r = db_read(&c->db, &txn);
	if (r == 0)
		r = db_get_record(txn, c->name, db_val(key, len), KIND_NUMBER, &rec);
	if (r < 0)
		return r;
	uint64_t ino = record_get_u64(&rec);
	r = rec.err ? rec.err : entry_get(c, txn, ino, parent, ret);
	if (r == -ENOENT || (r == 0 && !streq(ret->name, name)))
		return -EBADMSG;
	return r;
}

int catalog_each_child(struct catalog *c, uint64_t parent, uint64_t after,
		       int (*each)(void *arg, const struct entry *e), void *arg)
{
	_db_read_ MDB_txn *txn = NULL;
	_db_cursor_ MDB_cursor *cur = NULL;
	if (after == UINT64_MAX)
		return 0;
	struct pair_key from = pair_key(parent, after + 1);
	MDB_val key = pair_val(&from), val = { 0 };
	int r = db_read(&c->db, &txn);
	if (r == 0)
		r = db_cursor(txn, c->child, &cur);
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
		r = entry_get(c, txn, ino, parent, &e);
		if (r < 0)
			return -EBADMSG;
		r = each(arg, &e);
		if (r != 0)
			return r;
	}
	return r == -ENOENT ? 0 : r;
}

/* ---- sources ---- */

int source_get(struct catalog *c, MDB_txn *txn, const char *source,
	       struct source_info *ret)
{
	struct record rec;
	int r = db_get_record(txn, c->source, db_val(source, strlen(source)), KIND_SOURCE,
			      &rec);
	if (r < 0)
		return r;
	struct source_info info;
	info.root_ino = record_get_u64(&rec);
	info.taken_ms = record_get_i64(&rec);
	info.files = record_get_u64(&rec);
	info.bytes = record_get_u64(&rec);
	if (rec.err)
		return rec.err;
	*ret = info;
	return 0;
}

int source_put(struct catalog *c, MDB_txn *txn, const char *source,
	       const struct source_info *info)
{
	_buf_ struct buf b;
	buf_init(&b, DB_VALUE_MAX);
	record_begin(&b, KIND_SOURCE, DB_VERSION);
	record_u64(&b, info->root_ino);
	record_i64(&b, info->taken_ms);
	record_u64(&b, info->files);
	record_u64(&b, info->bytes);
	return db_put_record(txn, c->source, db_val(source, strlen(source)), &b);
}

int catalog_source(struct catalog *c, const char *source, struct source_info *ret)
{
	_db_read_ MDB_txn *txn = NULL;
	int r = db_read(&c->db, &txn);
	return r < 0 ? r : source_get(c, txn, source, ret);
}

/* ---- open, close ---- */

int catalog_open(const char *dir, uint64_t map_bytes, struct journal *j,
		 struct catalog **ret)
{
	struct catalog *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->db.dir_fd = -1;
	c->journal = j;
	const struct db_table tables[] = {
		{ "entry", &c->entry },
		{ "child", &c->child },
		{ "name", &c->name },
		{ "source", &c->source },
	};
	int r = db_open(&c->db, dir, "catalog", map_bytes, tables, ARRAY_SIZE(tables));
	if (r < 0) {
		catalog_close(c);
		return r;
	}
	c->writer = writer_new(&(struct writer_cfg){
		.name = "catalog", .db = &c->db, .target = c, .is_alone = true });
	if (!c->writer) {
		catalog_close(c);
		return -ENOMEM;
	}
	*ret = c;
	return 0;
}

void catalog_close(struct catalog *c)
{
	if (!c)
		return;
	writer_free(c->writer);
	db_close(&c->db);
	free(c);
}
