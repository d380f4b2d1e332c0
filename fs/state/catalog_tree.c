/* SPDX-License-Identifier: Apache-2.0 */
/* Replacing a source's tree by writing what differs. */
#include "catalog_db.h"

#include "str.h"

/* An entry that is in the catalog now. */
struct old_ref {
	uint64_t ino, parent;
};

struct old_refs {
	struct old_ref *refs;
	size_t n, room, max;
};

static int old_add(struct old_refs *o, uint64_t ino, uint64_t parent)
{
	/* More than there are rows: a damaged key has made a circle. */
	if (o->n > o->max)
		return -EBADMSG;
	if (o->n == o->room) {
		size_t room = o->room ? 2 * o->room : 1024;
		struct old_ref *refs = reallocarray(o->refs, room, sizeof(*refs));
		if (!refs)
			return -ENOMEM;
		o->refs = refs;
		o->room = room;
	}
	o->refs[o->n++] = (struct old_ref){ .ino = ino, .parent = parent };
	return 0;
}

static int old_add_children(MDB_cursor *cur, struct old_refs *o, uint64_t parent)
{
	struct pair_key from = pair_key(parent, 0);
	MDB_val key = db_val(from.bytes, sizeof(from.bytes)), val = { 0 };
	int r = db_move(cur, &key, &val, MDB_SET_RANGE);
	while (r == 0 && key.mv_size == sizeof(from.bytes) &&
	       key_get_u64(key.mv_data) == parent) {
		r = old_add(o, key_get_u64((const uint8_t *)key.mv_data + 8), parent);
		if (r == 0)
			r = db_move(cur, &key, &val, MDB_NEXT);
	}
	return r == -ENOENT ? 0 : r;
}

/* Everything under a root, the list itself being the queue. */
static int old_collect(struct catalog *c, MDB_txn *txn, uint64_t root, struct old_refs *o)
{
	_db_cursor_ MDB_cursor *cur = NULL;
	MDB_stat st = { 0 };
	if (root == 0)
		return 0;
	int r = db_cursor(txn, c->child, &cur);
	if (r == 0)
		r = db_errno(mdb_stat(txn, c->child, &st));
	if (r < 0)
		return r;
	o->max = st.ms_entries + 1;
	r = old_add(o, root, 0);
	for (size_t i = 0; r == 0 && i < o->n; i++)
		r = old_add_children(cur, o, o->refs[i].ino);
	return r;
}

/* The name row of an entry that can no longer be read: found by what it points to. */
static int name_remove_by_ino(struct catalog *c, MDB_txn *txn, const struct old_ref *old)
{
	_db_cursor_ MDB_cursor *cur = NULL;
	uint8_t from[8];
	key_put_u64(from, old->parent);
	MDB_val key = db_val(from, sizeof(from)), val = { 0 };
	int r = db_cursor(txn, c->name, &cur);
	if (r < 0)
		return r;
	r = db_move(cur, &key, &val, MDB_SET_RANGE);
	for (; r == 0; r = db_move(cur, &key, &val, MDB_NEXT)) {
		struct record rec;
		if (key.mv_size < 8 || key_get_u64(key.mv_data) != old->parent)
			return 0;
		if (record_open(&rec, val.mv_data, val.mv_size, KIND_NUMBER,
				DB_VERSION) ||
		    record_get_u64(&rec) == old->ino)
			r = db_errno(mdb_cursor_del(cur, 0));
		if (r < 0)
			return r;
	}
	return r == -ENOENT ? 0 : r;
}

/* Removes all rows of an entry; `e` is NULL if it cannot be read. */
static int rows_remove(struct catalog *c, MDB_txn *txn, const struct old_ref *old,
		       const struct entry *e)
{
	struct pair_key by_ino = pair_key(old->ino, old->parent);
	struct pair_key by_parent = pair_key(old->parent, old->ino);
	int r = db_delete(txn, c->entry, db_val(by_ino.bytes, sizeof(by_ino.bytes)));
	if (r == 0)
		r = db_delete(txn, c->child,
			      db_val(by_parent.bytes, sizeof(by_parent.bytes)));
	if (r < 0)
		return r;
	if (!e)
		return name_remove_by_ino(c, txn, old);
	uint8_t key[CATALOG_NAME_KEY_MAX];
	size_t len = catalog_name_key(old->parent, e->name, key);
	return db_delete(txn, c->name, db_val(key, len));
}

static int rows_put(struct catalog *c, MDB_txn *txn, const struct entry *e)
{
	_buf_ struct buf b;
	_buf_ struct buf ino;
	buf_init(&b, DB_VALUE_MAX);
	buf_init(&ino, DB_VALUE_MAX);
	struct pair_key by_ino = pair_key(e->ino, e->parent);
	entry_encode(e, &b);
	int r = db_put_record(txn, c->entry, db_val(by_ino.bytes, sizeof(by_ino.bytes)),
			      &b);
	/* A root has no name: it is found through its source. */
	if (r < 0 || e->parent == 0)
		return r;

	struct pair_key by_parent = pair_key(e->parent, e->ino);
	r = db_put(txn, c->child, db_val(by_parent.bytes, sizeof(by_parent.bytes)),
		   db_val("", 0));
	if (r < 0)
		return r;
	uint8_t key[CATALOG_NAME_KEY_MAX];
	size_t len = catalog_name_key(e->parent, e->name, key);
	record_begin(&ino, KIND_NUMBER, DB_VERSION);
	record_u64(&ino, e->ino);
	return db_put_record(txn, c->name, db_val(key, len), &ino);
}

enum need {
	NEED_ADD,
	NEED_REWRITE,
	NEED_NOTHING,
};

static int ino_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static bool is_same(const struct entry *e, MDB_val val)
{
	_buf_ struct buf b;
	buf_init(&b, DB_VALUE_MAX);
	entry_encode(e, &b);
	return record_end(&b) == 0 && b.len == val.mv_size &&
	       memcmp(b.data, val.mv_data, b.len) == 0;
}

/* Takes away what is gone or differs; notes in `needs` what is left to do for each new entry. */
static int old_remove(struct catalog *c, MDB_txn *txn, const struct old_ref *old,
		      const struct tree *tree, uint8_t *needs, struct tree_change *change)
{
	struct pair_key key = pair_key(old->ino, old->parent);
	struct entry was = { 0 }, is;
	MDB_val val = { 0 };
	int r = db_get(txn, c->entry, db_val(key.bytes, sizeof(key.bytes)), &val);
	bool was_file = false, is_readable = false;
	if (r == 0) {
		is_readable = entry_decode(val, &was) == 0;
		was_file = is_readable && was.type == ENTRY_FILE;
	} else if (r != -ENOENT) {
		return r;
	}
	const uint64_t *at =
		tree->n ? bsearch(&old->ino, tree->inos, tree->n, sizeof(*at), ino_order)
			: NULL;
	if (!at) {
		change->removed += was_file;
		return rows_remove(c, txn, old, is_readable ? &was : NULL);
	}
	size_t i = (size_t)(at - tree->inos);
	tree->entry(tree->arg, i, &is);
	if (r == 0 && is.parent == old->parent && is_same(&is, val)) {
		needs[i] = NEED_NOTHING;
		return 0;
	}
	needs[i] = NEED_REWRITE;
	if (was_file && (was.parent != is.parent || !streq(was.name, is.name)))
		change->renamed++;
	return rows_remove(c, txn, old, is_readable ? &was : NULL);
}

int tree_replace(struct catalog *c, MDB_txn *txn, uint64_t old_root,
		 const struct tree *tree, struct tree_change *ret)
{
	struct old_refs old = { 0 };
	struct tree_change change = { 0 };
	_free_ uint8_t *needs = calloc(tree->n + 1, 1);
	int r = needs ? old_collect(c, txn, old_root, &old) : -ENOMEM;
	/* All that goes goes first: a name may have passed from one to another. */
	for (size_t i = 0; r == 0 && i < old.n; i++)
		r = old_remove(c, txn, &old.refs[i], tree, needs, &change);
	free(old.refs);
	for (size_t i = 0; r == 0 && i < tree->n; i++) {
		struct entry e;
		if (needs[i] == NEED_NOTHING)
			continue;
		tree->entry(tree->arg, i, &e);
		change.added += needs[i] == NEED_ADD && e.type == ENTRY_FILE;
		r = rows_put(c, txn, &e);
	}
	if (r == 0)
		*ret = change;
	return r;
}
