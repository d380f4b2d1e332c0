/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of an import on the catalog's thread: names, numbers, rows. */
#include "catalog_db.h"
#include "import_set.h"
#include "inventory.h"
#include "renames.h"

#include "str.h"
#include <stdio.h>

/* Numbers are asked for in batches, so that money never waits long behind an import. */
#define IDENTIFY_BATCH 4096

/* ---- numbers ---- */

/* The id of one identity (journal.h), appended. */
static int id_of(const struct import *im, const struct import_ref *ref,
		 struct identity *id, struct buf *out)
{
	size_t off = out->len;
	id->ns = im->cfg.ns;
	if (ref->file) {
		const struct import_file *f = ref->file;
		id->kind = im->cfg.is_vault ? IDENTITY_ARCHIVE : IDENTITY_OBJECT;
		buf_puts(out, f->id);
		if (id->kind == IDENTITY_OBJECT) {
			buf_putc(out, 0);
			buf_add(out, f->version, strlen(f->version) + 1);
			buf_puts(out, f->etag);
		}
	} else {
		bool is_root = !ref->dir->parent;
		id->kind = is_root ? IDENTITY_SOURCE : IDENTITY_DIRECTORY;
		buf_puts(out, im->cfg.source);
		if (!is_root) {
			buf_putc(out, 0);
			buf_puts(out, ref->dir->path.key);
		}
	}
	id->id_len = out->len - off;
	return out->err;
}

static void post_identify(void *target, struct state_op *op)
{
	journal_identify_post(target, container_of(op, struct identify_op, op));
}

static int identify_batch(struct journal *j, const struct import *im,
			  struct import_ref *refs, size_t n)
{
	_buf_ struct buf ids;
	buf_init(&ids, (size_t)64 << 20);
	_free_ struct identity *items = calloc(n, sizeof(*items));
	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int r = id_of(im, &refs[i], &items[i], &ids);
		if (r < 0)
			return r;
	}
	const char *at = ids.data;
	for (size_t i = 0; i < n; i++) {
		items[i].id = at;
		at += items[i].id_len;
	}
	struct identify_op op = { .items = items, .n = n };
	int r = state_op_wait(post_identify, j, &op.op);
	for (size_t i = 0; r == 0 && i < n; i++)
		refs[i].ino = items[i].ino;
	return r;
}

static int dir_order(const void *a, const void *b)
{
	const struct import_ref *x = a, *y = b;
	return strcmp(x->dir->path.key, y->dir->path.key);
}

static int ref_order(const void *a, const void *b)
{
	const struct import_ref *x = a, *y = b;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

/* Directories in order of path, the root first; then files in order of path. New numbers are
 * given in this order, so a first listing comes out sorted. */
static int refs_make(struct import *im)
{
	size_t n_dirs = im->n_dirs, i = 0;
	im->n_refs = n_dirs + im->n_files;
	im->refs = calloc(im->n_refs, sizeof(*im->refs));
	im->inos = calloc(im->n_refs, sizeof(*im->inos));
	if (!im->refs || !im->inos)
		return -ENOMEM;
	for (struct import_dir *d = im->dirs; d; d = d->next)
		im->refs[i++].dir = d;
	qsort(im->refs, n_dirs, sizeof(*im->refs), dir_order);
	for (size_t k = 0; k < im->n_files; k++)
		im->refs[i++].file = &im->files[k];
	return 0;
}

static int identify_all(struct journal *j, struct import *im)
{
	int r = refs_make(im);
	for (size_t at = 0; r == 0 && at < im->n_refs; at += IDENTIFY_BATCH) {
		size_t left = im->n_refs - at;
		r = identify_batch(j, im, im->refs + at,
				   left < IDENTIFY_BATCH ? left : IDENTIFY_BATCH);
	}
	if (r < 0)
		return r;
	/* Entries name their parents by number: put them where entries look. */
	for (size_t i = 0; i < im->n_refs; i++) {
		if (im->refs[i].dir)
			((struct import_dir *)(uintptr_t)im->refs[i].dir)->ino =
				im->refs[i].ino;
	}
	qsort(im->refs, im->n_refs, sizeof(*im->refs), ref_order);
	for (size_t i = 0; i < im->n_refs; i++) {
		im->inos[i] = im->refs[i].ino;
		if (i > 0 && im->inos[i] == im->inos[i - 1])
			return -EPROTO;
	}
	return 0;
}

/* ---- rows ---- */

#define COPY(to, from) memcpy((to), (from), strnlen((from), sizeof(to) - 1))

static void file_entry(const struct import_file *f, struct entry *e)
{
	e->type = ENTRY_FILE;
	e->parent = f->dir->ino;
	e->mtime_ms = f->mtime_ms;
	COPY(e->name, path_last(f->shown.key));
	COPY(e->object.id, f->id);
	COPY(e->object.version, f->version);
	COPY(e->object.etag, f->etag);
	COPY(e->object.storage_class, f->storage_class);
	e->object.size_bytes = f->size_bytes;
	e->object.modified_ms = f->modified_ms;
	e->object.tree_hash = f->tree_hash;
	e->object.has_tree_hash = f->has_tree_hash;
	e->is_restoring = f->is_restoring;
	e->copy_expires_ms = f->copy_expires_ms;
}

static void import_entry(const void *arg, size_t i, struct entry *ret)
{
	const struct import *im = arg;
	const struct import_ref *ref = &im->refs[i];
	*ret = (struct entry){ .ino = ref->ino };
	COPY(ret->source, im->cfg.source);
	if (ref->file) {
		file_entry(ref->file, ret);
		return;
	}
	ret->type = ENTRY_DIRECTORY;
	ret->parent = ref->dir->parent ? ref->dir->parent->ino : 0;
	ret->mtime_ms = ref->dir->mtime_ms;
	ret->n_dirs = ref->dir->n_dirs;
	COPY(ret->name, path_last(ref->dir->path.key));
}

static uint64_t root_of(struct import *im)
{
	return import_dir_find(im, "", 0)->ino;
}

/* The source's row, all zeros if it has none. */
static int source_old(struct catalog *c, MDB_txn *txn, const char *source,
		      struct source_info *ret)
{
	*ret = (struct source_info){ 0 };
	int r = source_get(c, txn, source, ret);
	return r == -ENOENT ? 0 : r;
}

static int import_prepare(void *target, struct state_op *base)
{
	struct catalog *c = target;
	struct import_op *op = container_of(base, struct import_op, op);
	_buf_ struct buf err;
	buf_init(&err, sizeof(op->error) - 1);
	int r = 0;
	if (op->is_saved)
		r = inventory_read(op->saved_fd, op->import->cfg.ns, op->import,
				   &op->taken_ms, &err);
	if (r == 0)
		r = import_resolve(op->import, &err);
	if (r < 0 && err.len)
		snprintf(op->error, sizeof(op->error), "%s", err.data);
	return r < 0 ? r : identify_all(c->journal, op->import);
}

static int import_apply(void *target, MDB_txn *txn, struct state_op *base)
{
	struct catalog *c = target;
	struct import_op *op = container_of(base, struct import_op, op);
	struct import *im = op->import;
	struct tree tree = {
		.entry = import_entry, .arg = im, .inos = im->inos, .n = im->n_refs
	};
	struct tree_change change = { 0 };
	struct source_info old;
	int r = source_old(c, txn, im->cfg.source, &old);
	if (r == 0)
		r = tree_replace(c, txn, old.root_ino, &tree, &change);
	if (r < 0)
		return r;
	struct source_info info = { .root_ino = root_of(im),
				    .taken_ms = op->taken_ms,
				    .files = im->n_files };
	for (size_t i = 0; i < im->n_files; i++)
		info.bytes += im->files[i].size_bytes;
	op->info = info;
	op->is_applied = true;
	op->added = change.added;
	op->removed = change.removed;
	op->renamed = change.renamed;
	op->duplicates = im->duplicates;
	return source_put(c, txn, im->cfg.source, &info);
}

static void import_after(void *target, struct state_op *base)
{
	struct catalog *c = target;
	struct import_op *op = container_of(base, struct import_op, op);
	/* The names are in place: an old report is a lesser evil than a failed refresh. */
	if (base->result == 0 && op->is_applied)
		op->renames_result = renames_write(c->db.dir_fd, op->import);
	import_free(op->import);
	op->import = NULL;
}

static const struct op_kind import_kind = {
	.prepare = import_prepare,
	.apply = import_apply,
	.after = import_after,
};

void catalog_import_post(struct catalog *c, struct import_op *op)
{
	writer_post(c->writer, &import_kind, &op->op);
}

/* ---- a source without a catalog ---- */

static int ensure_apply(void *target, MDB_txn *txn, struct state_op *base)
{
	struct catalog *c = target;
	struct import_op *op = container_of(base, struct import_op, op);
	int r = source_old(c, txn, op->import->cfg.source, &op->info);
	if (r < 0)
		return r;
	if (op->info.root_ino == root_of(op->import))
		return 0;
	return import_apply(target, txn, base);
}

static const struct op_kind ensure_kind = {
	.prepare = import_prepare,
	.apply = ensure_apply,
	.after = import_after,
};

static void post_ensure(void *target, struct state_op *op)
{
	struct catalog *c = target;
	writer_post(c->writer, &ensure_kind, op);
}

int catalog_ensure_source(struct catalog *c, const char *source, const char *ns,
			  struct source_info *ret)
{
	struct import_cfg cfg = { 0 };
	if (strlen(source) >= sizeof(cfg.source) || strlen(ns) >= sizeof(cfg.ns))
		return -ENAMETOOLONG;
	COPY(cfg.source, source);
	COPY(cfg.ns, ns);
	struct import_op op = { .import = import_new(c, &cfg) };
	if (!op.import)
		return -ENOMEM;
	int r = state_op_wait(post_ensure, c, &op.op);
	if (r == 0)
		*ret = op.info;
	return r;
}
