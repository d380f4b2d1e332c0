/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of an import on the catalog's thread. */
#include "build.h"
#include "import_set.h"

#include "inventory.h"
#include "renames.h"
#include "str.h"
#include <stdio.h>

/* Renames that are reported: sorted by path. */
#define REPORT_BYTES ((size_t)4 << 20)

/* ---- numbers become durable while names are written ---- */

struct numbering {
	struct import *im;
	pthread_t thread;
	int result;
};

static void *numbering_main(void *arg)
{
	struct numbering *n = arg;
	n->result = import_write_identities(n->im);
	return NULL;
}

/* Takes the numbers of all that is new, and begins to write them down. */
static int numbering_begin(struct numbering *n, struct import *im)
{
	n->im = im;
	int r = import_number_files(im);
	if (r == 0)
		r = import_find_dirs(im);
	if (r == 0)
		r = import_number_dirs(im);
	if (r == 0)
		r = import_number_new(im);
	return r < 0 ? r : -pthread_create(&n->thread, NULL, numbering_main, n);
}

static int numbering_end(struct numbering *n)
{
	pthread_join(n->thread, NULL);
	return n->result;
}

/* ---- the new shelf ---- */

static void change_note(struct import_op *op, const struct tree_change *change)
{
	const struct import *im = op->import;
	op->info = (struct source_info){ .root_ino = import_dir_ino(im, 0),
					 .taken_ms = op->taken_ms,
					 .files = im->files,
					 .bytes = im->bytes };
	op->added = change->added;
	op->removed = change->removed;
	op->renamed = change->renamed;
	op->duplicates = im->duplicates;
}

static int shelf_fill(struct catalog *c, struct import_op *op, struct build *b)
{
	struct import *im = op->import;
	struct tree_change change;
	struct shelf *old = catalog_shelf(c, im->cfg.source);
	size_t bytes = im->cfg.sort_bytes ? im->cfg.sort_bytes : REPORT_BYTES;
	_cleanup_(sorter_freep) struct sorter *report = sorter_new(im->dir_fd, bytes);
	int r = report ? import_write(im, b, old, report, &change) : -ENOMEM;
	catalog_shelf_put(c, old);
	if (r < 0)
		return r;
	change_note(op, &change);
	/* An old report is a lesser evil than a failed refresh. */
	op->renames_result = renames_write(im->dir_fd, im->cfg.source, report);
	return 0;
}

static uint64_t gen_next(struct catalog *c, const char *source)
{
	struct source_row row;
	(void)catalog_row(c, source, &row);
	return row.gen + 1;
}

static int shelf_make(struct catalog *c, struct import_op *op)
{
	struct import *im = op->import;
	struct numbering numbering = { .result = 0 };
	uint64_t gen = gen_next(c, im->cfg.source);
	_cleanup_(build_closep) struct build *b = NULL;
	int r = numbering_begin(&numbering, im);
	if (r < 0)
		return r;
	r = build_open(im->dir_fd, im->cfg.source, gen, c->map_bytes, &b);
	if (r == 0)
		r = shelf_fill(c, op, b);
	/* Nobody sees a number that is not on the disk. */
	int numbered = numbering_end(&numbering);
	if (r == 0)
		r = numbered;
	if (r == 0)
		r = build_seal(b, op->info.root_ino);
	if (r < 0)
		return r;
	build_close(steal_ptr(b));
	return shelf_open(im->dir_fd, im->cfg.source, gen, &op->shelf);
}

/* ---- the operation ---- */

static int saved_read(struct import_op *op, struct buf *err)
{
	return inventory_read(op->saved_fd, op->import->cfg.ns, op->import, &op->taken_ms,
			      err);
}

static int import_prepare(void *target, struct state_op *base)
{
	struct import_op *op = container_of(base, struct import_op, op);
	struct import *im = op->import;
	uint64_t bad_at;
	_buf_ struct buf err;
	buf_init(&err, sizeof(op->error) - 1);
	import_be_nice();
	int r = op->is_saved ? saved_read(op, &err) : 0;
	if (r == 0)
		r = import_settle(im, &bad_at);
	if (r == 0)
		r = shelf_make(target, op);
	if (r < 0)
		snprintf(op->error, sizeof(op->error), "%s",
			 im->error[0] ? im->error
			 : err.len    ? err.data
				      : "");
	return r;
}

static void row_of(struct catalog *c, const struct import_op *op, struct source_row *ret)
{
	const char *source = op->import->cfg.source;
	*ret = (struct source_row){ .info = op->info, .gen = gen_next(c, source) };
	memcpy(ret->name, source, sizeof(ret->name));
}

static int import_apply(void *target, MDB_txn *txn, struct state_op *base)
{
	struct source_row row;
	row_of(target, container_of(base, struct import_op, op), &row);
	return source_put(target, txn, &row);
}

static void import_after(void *target, struct state_op *base)
{
	struct catalog *c = target;
	struct import_op *op = container_of(base, struct import_op, op);
	const char *source = op->import->cfg.source;
	struct source_row row;
	row_of(c, op, &row);
	if (base->result == 0) {
		catalog_show(c, &row, steal_ptr(op->shelf));
		if (op->renames_result == 0)
			op->renames_result = renames_show(c->db.dir_fd, source);
	} else if (op->shelf) {
		catalog_discard(c, steal_ptr(op->shelf));
	}
	import_free(steal_ptr(op->import));
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

struct ensure_op {
	struct state_op op;
	const char *source, *ns;
	struct source_row row;
	bool is_new;
};

static int ensure_prepare(void *target, struct state_op *base)
{
	struct catalog *c = target;
	struct ensure_op *op = container_of(base, struct ensure_op, op);
	struct identity_key key;
	_buf_ struct buf whole;
	uint64_t root = 0;
	buf_init(&whole, BUF_TEXT_MAX);
	identity_begin(&whole, op->ns, IDENTITY_SOURCE);
	buf_puts(&whole, op->source);
	int r = identity_end(&whole, &key);
	if (r == 0)
		r = identities_of(c->identities, &key, &root);
	if (r < 0)
		return r;
	op->is_new =
		catalog_row(c, op->source, &op->row) < 0 || op->row.info.root_ino != root;
	/* The generation goes on: a file of that number may still be there. */
	if (op->is_new) {
		op->row.info = (struct source_info){ .root_ino = root };
		memcpy(op->row.name, op->source, strlen(op->source) + 1);
	}
	return 0;
}

static int ensure_apply(void *target, MDB_txn *txn, struct state_op *base)
{
	const struct ensure_op *op = container_of(base, struct ensure_op, op);
	return op->is_new ? source_put(target, txn, &op->row) : 0;
}

static void ensure_after(void *target, struct state_op *base)
{
	const struct ensure_op *op = container_of(base, struct ensure_op, op);
	if (base->result == 0 && op->is_new)
		catalog_show(target, &op->row, NULL);
}

static const struct op_kind ensure_kind = {
	.prepare = ensure_prepare,
	.apply = ensure_apply,
	.after = ensure_after,
};

static void post_ensure(void *target, struct state_op *op)
{
	struct catalog *c = target;
	writer_post(c->writer, &ensure_kind, op);
}

int catalog_ensure_source(struct catalog *c, const char *source, const char *ns,
			  struct source_info *ret)
{
	struct ensure_op op = { .source = source, .ns = ns };
	const struct import_cfg *limits = NULL;
	if (strlen(source) >= sizeof(limits->source) || strlen(ns) >= sizeof(limits->ns))
		return -ENAMETOOLONG;
	int r = state_op_wait(post_ensure, c, &op.op);
	if (r == 0)
		*ret = op.row.info;
	return r;
}
