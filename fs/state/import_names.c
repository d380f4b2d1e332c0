/* SPDX-License-Identifier: Apache-2.0 */
/* The second pass over the lines: everything gets a name of its own, whatever the order it was listed
 * in, and the rows of the new shelf are written.
 *
 * A first listing gives numbers in the order of the lines, so its rows are in order as they come.
 * After that they are sorted once more, and compared with the old ones on their way. */
#include "build.h"
#include "import_set.h"

#include "clock.h"
#include "names.h"
#include "record.h"
#include "renames.h"
#include "str.h"
#include <stdio.h>

#define SORT_BYTES ((size_t)8 << 20)

struct naming {
	struct import *im;
	struct build *b;
	const struct shelf *old;
	struct sorter *report;
	struct tree_change change;
	bool is_in_order; /* all numbers are new: rows go where they belong at once */
	struct sorter *entries, *parents, *names;
	struct sorter *homeless; /* lines without a name, in order */
	uint64_t n_homeless;
	struct buf row, name, path;
	/* The file before: in the same directory; then, of those without a name, with the suffix
	 * it got. */
	struct buf last;
	bool has_last;
	uint64_t last_parent;
	char last_date[32];
	unsigned int last_number;
};

/* ---- rows ---- */

static int entry_row(struct naming *n, const struct entry *e)
{
	struct pair_key key = pair_key(e->parent, e->ino);
	int r = entry_encode(e, &n->row);
	if (r < 0)
		return r;
	if (n->is_in_order)
		return build_entry(n->b, &key, db_val(n->row.data, n->row.len));
	return sorter_add(n->entries, key.bytes, sizeof(key.bytes), n->row.data,
			  n->row.len);
}

static int parent_row(struct naming *n, uint64_t ino, uint64_t value)
{
	uint8_t key[8], val[VALUE_LEN];
	if (n->is_in_order)
		return build_parent(n->b, ino, value);
	key_put_u64(key, ino);
	value_put(val, value);
	return sorter_add(n->parents, key, sizeof(key), val, sizeof(val));
}

static int name_row(struct naming *n, uint64_t parent, const char *name, size_t len,
		    uint64_t ino)
{
	uint8_t key[SHELF_KEY_MAX], val[VALUE_LEN];
	if (n->is_in_order)
		return build_name(n->b, parent, name, len, ino);
	if (len > NAME_LEN_MAX)
		return -EPROTO;
	value_put(val, ino);
	return sorter_add(n->names, key, name_key(parent, name, len, key), val,
			  sizeof(val));
}

#define COPY(to, from) memcpy((to), (from), strnlen((from), sizeof(to) - 1) + 1)

static int file_rows(struct naming *n, const struct line *line, const char *name,
		     uint64_t parent, uint64_t ino)
{
	struct entry e = { .ino = ino, .parent = parent, .type = ENTRY_FILE };
	struct object *o = &e.object;
	COPY(e.name, name);
	COPY(o->id, line->id);
	COPY(o->version, line->version);
	COPY(o->etag, line->etag);
	COPY(o->storage_class, line->storage_class);
	o->size_bytes = line->size_bytes;
	o->modified_ms = line->modified_ms;
	o->has_tree_hash = line->tree_hash;
	if (line->tree_hash)
		memcpy(o->tree_hash.bytes, line->tree_hash, sizeof(o->tree_hash.bytes));
	e.mtime_ms = line->mtime_ms;
	e.is_restoring = line->is_restoring;
	e.copy_expires_ms = line->copy_expires_ms;
	int r = entry_row(n, &e);
	return r < 0 ? r : parent_row(n, ino, parent);
}

static int dir_entry_row(struct naming *n, uint64_t i)
{
	const struct dirs *d = &n->im->dirs;
	const struct dir_row *row = dir_row(d, i);
	struct entry e = { .ino = import_dir_ino(n->im, i), .type = ENTRY_DIRECTORY };
	if (row->name_len > NAME_LEN_MAX)
		return -EPROTO;
	e.parent = i ? import_dir_ino(n->im, row->parent) : 0;
	memcpy(e.name, dir_name(d, row), row->name_len);
	e.mtime_ms = row->mtime_ms;
	e.n_dirs = row->n_dirs;
	return entry_row(n, &e);
}

/* ---- the pass ---- */

static int report(struct naming *n, const struct line *line, const char *name,
		  unsigned int changes)
{
	if (!changes)
		return 0;
	buf_reset(&n->path);
	line_dir_path(line->dir, line->dir_len, &n->path);
	if (line->dir_len)
		buf_putc(&n->path, '/');
	buf_puts(&n->path, name);
	int r = rename_line(line, n->path.data, changes, &n->row);
	return r < 0 ? r
		     : sorter_add(n->report, n->path.data, n->path.len, n->row.data,
				  n->row.len);
}

/* In front of a line that waits for its name. */
struct homeless {
	uint64_t parent;
	uint16_t key_len;
	bool is_further; /* an older archive has its name, else a directory */
};

static int leave_homeless(struct naming *n, const struct sorted *rec, uint64_t parent,
			  bool is_further)
{
	uint8_t key[8];
	struct homeless h = { .parent = parent };
	h.key_len = (uint16_t)rec->key_len;
	h.is_further = is_further;
	key_put_u64(key, n->n_homeless++);
	buf_reset(&n->row);
	buf_add(&n->row, &h, sizeof(h));
	buf_add(&n->row, rec->key, rec->key_len);
	buf_add(&n->row, rec->data, rec->data_len);
	return n->row.err ? n->row.err
			  : sorter_add(n->homeless, key, sizeof(key), n->row.data,
				       n->row.len);
}

/* Where the pass is: a directory, its next subdirectory by name, the next line. */
struct cursor {
	struct merge *lines;
	struct sorted rec;
	struct line line;
	bool has_line;
	uint64_t dir_ino, sub; /* sub 0: none left */
};

static bool counts(const struct naming *n, const struct line *line)
{
	return line->name_len && !(import_answers(n->im)[line->seq] & ANSWER_DROPPED);
}

/* The next line that counts. */
static int line_next(struct naming *n, struct cursor *cur)
{
	int r;
	cur->has_line = false;
	while ((r = merge_next(cur->lines, &cur->rec)) > 0) {
		r = import_is_stopped(n->im) ? -ECANCELED
					     : line_decode(&cur->rec, &cur->line);
		if (r < 0)
			return r;
		cur->has_line = counts(n, &cur->line);
		if (cur->has_line)
			return 0;
	}
	return r;
}

/* Names of subdirectories up to `name` (NULL: all), so that names come in order. Whether one of
 * them is `name`: 1 or 0. */
static int subs_pass(struct naming *n, struct cursor *cur, const char *name)
{
	const struct dirs *d = &n->im->dirs;
	size_t len = name ? strlen(name) : 0;
	while (cur->sub) {
		const struct dir_row *row = dir_row(d, cur->sub);
		const char *sub = dir_name(d, row);
		size_t least = row->name_len < len ? row->name_len : len;
		int order = name ? memcmp(sub, name, least) : -1;
		if (order == 0 && row->name_len == len)
			return 1;
		if (order > 0 || (order == 0 && row->name_len > len))
			return 0;
		int r = name_row(n, cur->dir_ino, sub, row->name_len,
				 import_dir_ino(n->im, cur->sub));
		if (r < 0)
			return r;
		cur->sub = row->next;
	}
	return 0;
}

static int line_place(struct naming *n, struct cursor *cur)
{
	const struct line *line = &cur->line;
	bool is_further = n->has_last && streq(n->last.data, line->name);
	int r = subs_pass(n, cur, line->name);
	if (r < 0)
		return r;
	bool has_name = r == 0 && !is_further;
	buf_reset(&n->last);
	r = buf_puts(&n->last, line->name);
	n->has_last = true;
	if (r < 0)
		return r;
	/* The first of its path keeps it, unless that is a directory. */
	if (!has_name)
		return leave_homeless(n, &cur->rec, cur->dir_ino, is_further);
	uint64_t ino = import_file_ino(n->im, line->seq);
	r = file_rows(n, line, line->name, cur->dir_ino, ino);
	if (r == 0)
		r = name_row(n, cur->dir_ino, line->name, line->name_len, ino);
	return r < 0 ? r : report(n, line, line->name, line->changes);
}

static bool is_in(const struct dirs *d, const struct line *line)
{
	return line->dir_len == d->path.len &&
	       memcmp(line->dir, d->path.data, line->dir_len) == 0;
}

static int dir_place(struct naming *n, struct cursor *cur, uint64_t i)
{
	struct dirs *d = &n->im->dirs;
	int r = dirs_go(d, i);
	cur->dir_ino = import_dir_ino(n->im, i);
	for (uint64_t sub = dir_row(d, i)->first_child; r == 0 && sub;
	     sub = dir_row(d, sub)->next)
		r = dir_entry_row(n, sub);
	cur->sub = dir_row(d, i)->first_child;
	n->has_last = false;
	while (r == 0 && cur->has_line && is_in(d, &cur->line)) {
		r = line_place(n, cur);
		if (r == 0)
			r = line_next(n, cur);
	}
	return r < 0 ? r : subs_pass(n, cur, NULL);
}

static int place_all(struct naming *n)
{
	_cleanup_(merge_freep) struct merge *lines = NULL;
	const struct dirs *d = &n->im->dirs;
	int r = import_lines(n->im, &lines);
	struct cursor cur = { .lines = lines };
	for (uint64_t i = 0; r == 0 && i < d->n; i++) {
		uint64_t above = i ? import_dir_ino(n->im, dir_row(d, i)->parent) : 0;
		r = parent_row(n, import_dir_ino(n->im, i), above | PARENT_IS_DIR);
	}
	if (r == 0)
		r = dir_entry_row(n, 0);
	if (r == 0)
		r = line_next(n, &cur);
	for (uint64_t i = 0; r == 0 && i < d->n; i++)
		r = dir_place(n, &cur, i);
	return r < 0 || !cur.has_line ? r : -EPROTO;
}

/* ---- those without a name ---- */

/* Whether it can have `name` with `suffix`: -ENOENT, nobody has it; 0, somebody has. */
static int try_name(struct naming *n, uint64_t parent, const char *name,
		    const char *suffix)
{
	buf_reset(&n->name);
	buf_puts(&n->name, name);
	int r = name_add_suffix(&n->name, suffix);
	if (r == 0)
		r = n->name.err;
	return r < 0 ? r : build_find_name(n->b, parent, n->name.data, n->name.len);
}

/* Its date, and a number if that is not enough. Of one path and date they come one after another,
 * and what was taken stays taken: the numbers go on. */
static int try_dates(struct naming *n, const struct line *line, uint64_t parent)
{
	char date[32], suffix[64];
	time_basic(line->modified_ms, date);
	bool is_next = n->has_last && parent == n->last_parent &&
		       streq(n->last.data, line->name) && streq(date, n->last_date);
	if (!is_next) {
		buf_reset(&n->last);
		buf_puts(&n->last, line->name);
		COPY(n->last_date, date);
		n->last_parent = parent;
		n->last_number = 0;
		n->has_last = true;
	}
	int r = n->last.err;
	while (r == 0) {
		n->last_number++;
		if (n->last_number == 1)
			snprintf(suffix, sizeof(suffix), "-%s", date);
		else
			snprintf(suffix, sizeof(suffix), "-%s-%u", date, n->last_number);
		r = try_name(n, parent, line->name, suffix);
	}
	return r;
}

static int home_find(struct naming *n, const struct homeless *h, const struct line *line)
{
	int r = h->is_further ? 0 : try_name(n, h->parent, line->name, "%2F");
	unsigned int reason = r == 0 ? NAME_DUPLICATE : NAME_DIRECTORY;
	if (r == 0)
		r = try_dates(n, line, h->parent);
	if (r != -ENOENT)
		return r;
	uint64_t ino = import_file_ino(n->im, line->seq);
	r = build_name(n->b, h->parent, n->name.data, n->name.len, ino);
	if (r == 0)
		r = file_rows(n, line, n->name.data, h->parent, ino);
	return r < 0 ? r : report(n, line, n->name.data, line->changes | reason);
}

static int homes_find(struct naming *n)
{
	_cleanup_(merge_freep) struct merge *m = NULL;
	struct sorted rec;
	n->has_last = false;
	/* Where names are looked for, rows are put one by one. */
	int r = n->n_homeless ? build_settle(n->b) : 0;
	if (r == 0)
		r = merge_open(&n->homeless, 1, &m);
	while (r == 0 && (r = merge_next(m, &rec)) > 0) {
		struct homeless h;
		struct line line;
		if (rec.data_len < sizeof(h))
			return -EBADMSG;
		memcpy(&h, rec.data, sizeof(h));
		struct sorted inner = { .key = rec.data + sizeof(h),
					.key_len = h.key_len };
		inner.data = inner.key + h.key_len;
		inner.data_len = rec.data_len - sizeof(h) - h.key_len;
		r = line_decode(&inner, &line);
		if (r == 0)
			r = home_find(n, &h, &line);
	}
	return r;
}

/* ---- sorted once more, and compared ---- */

static int names_write(struct naming *n)
{
	_cleanup_(merge_freep) struct merge *m = NULL;
	struct sorted rec;
	int r = merge_open(&n->names, 1, &m);
	while (r == 0 && (r = merge_next(m, &rec)) > 0)
		r = build_name(n->b, key_get_u64(rec.key), (const char *)rec.key + 8,
			       rec.key_len - 8, key_get_u64(rec.data));
	return r;
}

/* A walk through a table of the old shelf, beside the new rows. */
struct beside {
	MDB_txn *txn;
	MDB_cursor *cur;
	MDB_val key, val;
	int state; /* 0: stands at a row; -ENOENT: at the end, or there is none */
};

static void beside_begin(struct beside *b, const struct shelf *old, MDB_dbi dbi)
{
	*b = (struct beside){ .state = old ? 0 : -ENOENT };
	if (b->state == 0)
		b->state = db_read(&old->db, &b->txn);
	if (b->state == 0)
		b->state = db_cursor(b->txn, dbi, &b->cur);
	if (b->state == 0)
		b->state = db_move(b->cur, &b->key, &b->val, MDB_NEXT);
}

static void beside_end(struct beside *b)
{
	if (b->cur)
		mdb_cursor_close(b->cur);
	if (b->txn)
		mdb_txn_abort(b->txn);
}

/* The old row against `key`: < 0 it comes before, 0 the same, > 0 behind, or there is none. */
static int beside_order(const struct beside *b, const uint8_t *key, size_t len)
{
	if (b->state < 0)
		return 1;
	size_t least = b->key.mv_size < len ? b->key.mv_size : len;
	int d = memcmp(b->key.mv_data, key, least);
	return d ? d : (b->key.mv_size > len) - (b->key.mv_size < len);
}

static void beside_next(struct beside *b)
{
	b->state = db_move(b->cur, &b->key, &b->val, MDB_NEXT);
}

/* Whether a file was called something else in the same directory. */
static bool has_other_name(const uint8_t *key, const struct sorted *rec, MDB_val was)
{
	struct entry a, b;
	uint64_t parent = key_get_u64(key), ino = key_get_u64(key + 8);
	if (was.mv_size == rec->data_len && !memcmp(was.mv_data, rec->data, was.mv_size))
		return false;
	return entry_decode(parent, ino, was, &a) == 0 &&
	       entry_decode(parent, ino, db_val(rec->data, rec->data_len), &b) == 0 &&
	       a.type == ENTRY_FILE && !streq(a.name, b.name);
}

static int entries_write(struct naming *n)
{
	_cleanup_(merge_freep) struct merge *m = NULL;
	struct sorted rec;
	struct beside old;
	beside_begin(&old, n->old, n->old ? n->old->entry : 0);
	int r = merge_open(&n->entries, 1, &m);
	while (r == 0 && (r = merge_next(m, &rec)) > 0) {
		struct pair_key key;
		memcpy(key.bytes, rec.key, sizeof(key.bytes));
		while (beside_order(&old, rec.key, rec.key_len) < 0)
			beside_next(&old);
		if (beside_order(&old, rec.key, rec.key_len) == 0)
			n->change.renamed += has_other_name(rec.key, &rec, old.val);
		r = import_is_stopped(n->im)
			    ? -ECANCELED
			    : build_entry(n->b, &key, db_val(rec.data, rec.data_len));
	}
	beside_end(&old);
	return r;
}

static bool is_file(uint64_t parent)
{
	return !(parent & PARENT_IS_DIR);
}

static uint64_t old_parent(const struct beside *b)
{
	return b->val.mv_size == VALUE_LEN ? key_get_u64(b->val.mv_data) : PARENT_IS_DIR;
}

static int parents_write(struct naming *n)
{
	_cleanup_(merge_freep) struct merge *m = NULL;
	struct sorted rec;
	struct beside old;
	beside_begin(&old, n->old, n->old ? n->old->parent : 0);
	int r = merge_open(&n->parents, 1, &m);
	while (r == 0 && (r = merge_next(m, &rec)) > 0) {
		uint64_t parent = key_get_u64(rec.data);
		for (; beside_order(&old, rec.key, rec.key_len) < 0; beside_next(&old))
			n->change.removed += is_file(old_parent(&old));
		if (beside_order(&old, rec.key, rec.key_len) != 0) {
			n->change.added += is_file(parent);
		} else {
			n->change.renamed +=
				is_file(parent) && old_parent(&old) != parent;
			beside_next(&old);
		}
		r = build_parent(n->b, key_get_u64(rec.key), parent);
	}
	for (; r == 0 && old.state == 0; beside_next(&old))
		n->change.removed += is_file(old_parent(&old));
	beside_end(&old);
	return r;
}

static int sorted_write(struct naming *n)
{
	int r = names_write(n);
	sorter_free(steal_ptr(n->names));
	if (r == 0)
		r = homes_find(n);
	sorter_free(steal_ptr(n->homeless));
	if (r == 0 && n->n_homeless)
		r = build_pipe(n->b);
	if (r == 0)
		r = entries_write(n);
	sorter_free(steal_ptr(n->entries));
	return r < 0 ? r : parents_write(n);
}

/* ---- all of it ---- */

static int naming_begin(struct naming *n)
{
	size_t bytes = n->im->cfg.sort_bytes ? n->im->cfg.sort_bytes : SORT_BYTES;
	int dir_fd = n->im->dir_fd;
	/* Only the root had a number: nothing can be out of order. */
	n->is_in_order = !n->old && n->im->n_found <= 1;
	buf_init(&n->row, BUF_TEXT_MAX);
	buf_init(&n->name, BUF_TEXT_MAX);
	buf_init(&n->path, BUF_TEXT_MAX);
	buf_init(&n->last, BUF_TEXT_MAX);
	n->homeless = sorter_new(dir_fd, bytes);
	n->entries = sorter_new(dir_fd, 2 * bytes);
	n->names = sorter_new(dir_fd, bytes);
	n->parents = sorter_new(dir_fd, bytes);
	return n->homeless && n->entries && n->names && n->parents ? 0 : -ENOMEM;
}

static void naming_end(struct naming *n)
{
	buf_done(&n->row);
	buf_done(&n->name);
	buf_done(&n->path);
	buf_done(&n->last);
	sorter_free(n->homeless);
	sorter_free(n->entries);
	sorter_free(n->names);
	sorter_free(n->parents);
}

int import_write(struct import *im, struct build *b, const struct shelf *old,
		 struct sorter *report, struct tree_change *ret)
{
	_cleanup_(naming_end) struct naming n = {
		.im = im, .b = b, .old = old, .report = report
	};
	int r = naming_begin(&n);
	if (r == 0)
		r = build_pipe(b);
	if (r == 0)
		r = place_all(&n);
	if (r == 0)
		r = n.is_in_order ? homes_find(&n) : sorted_write(&n);
	if (r < 0)
		return r;
	if (n.is_in_order)
		n.change.added = im->files;
	*ret = n.change;
	return 0;
}
