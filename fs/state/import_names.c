/* SPDX-License-Identifier: Apache-2.0 */
/* Making every name of an import unique, whatever the order its lines came in. */
#include "import_set.h"

#include "cleanup.h"
#include "clock.h"
#include "names.h"
#include "overrides.h"
#include "str.h"
#include <stdio.h>

static int id_order(const struct import_file *x, const struct import_file *y)
{
	int d = strcmp(x->id, y->id);
	if (d == 0)
		d = strcmp(x->version, y->version);
	if (d == 0)
		d = strcmp(x->etag, y->etag);
	return d;
}

/* By path; of one path the oldest first, then by id. */
static int path_order(const void *a, const void *b)
{
	const struct import_file *x = a, *y = b;
	int d = strcmp(x->path, y->path);
	if (d == 0)
		d = x->modified_ms < y->modified_ms ? -1
						    : x->modified_ms > y->modified_ms;
	return d ? d : id_order(x, y);
}

static int identity_order(const void *a, const void *b)
{
	int d = id_order(a, b);
	return d ? d : path_order(a, b);
}

/* One archive, one inode number, one name: further lines of it are left out. */
static void drop_duplicates(struct import *im)
{
	size_t kept = 0;
	if (im->n_files == 0)
		return;
	qsort(im->files, im->n_files, sizeof(*im->files), identity_order);
	for (size_t i = 0; i < im->n_files; i++) {
		if (kept > 0 && id_order(&im->files[kept - 1], &im->files[i]) == 0)
			continue;
		im->files[kept++] = im->files[i];
	}
	im->duplicates = im->n_files - kept;
	im->n_files = kept;
	qsort(im->files, im->n_files, sizeof(*im->files), path_order);
}

static int path_compare(const void *key, const void *file)
{
	return strcmp(key, ((const struct import_file *)file)->path);
}

/* `given`: the names of files that could not have their own. */
static bool is_taken(struct import *im, struct keytree *given, const char *path)
{
	return keytree_find(given, path, strlen(path)) ||
	       import_dir_find(im, path, strlen(path)) ||
	       bsearch(path, im->files, im->n_files, sizeof(*im->files), path_compare);
}

static int show_as(struct import *im, struct import_file *f, const char *suffix,
		   struct buf *b)
{
	buf_reset(b);
	buf_puts(b, f->path);
	int r = name_add_suffix(b, suffix);
	return r < 0 ? r : b->err;
}

static int set_shown(struct import *im, struct import_file *f, const struct buf *path)
{
	f->shown.key = import_keep(im, path->data, path->len);
	f->shown.len = path->len;
	return f->shown.key ? 0 : -ENOMEM;
}

static int give(struct import *im, struct keytree *given, struct import_file *f,
		const struct buf *path)
{
	int r = set_shown(im, f, path);
	return r < 0 ? r : keytree_add(given, &f->shown);
}

/* The first of its path keeps it, unless that is a directory. */
static int name_first(struct import *im, struct import_file *f)
{
	if (!import_dir_find(im, f->path, strlen(f->path)))
		return 0;
	_buf_ struct buf b;
	buf_init(&b, BUF_TEXT_MAX);
	int r = show_as(im, f, "%2F", &b);
	if (r < 0)
		return r;
	f->changes |= NAME_DIRECTORY;
	return set_shown(im, f, &b);
}

/* The others get their date, and a number if that is not enough. */
static int name_further(struct import *im, struct keytree *given, struct import_file *f)
{
	char date[32], suffix[64];
	_buf_ struct buf b;
	buf_init(&b, BUF_TEXT_MAX);
	time_basic(f->modified_ms, date);
	snprintf(suffix, sizeof(suffix), "-%s", date);
	int r = show_as(im, f, suffix, &b);
	for (unsigned int n = 2; r == 0 && is_taken(im, given, b.data); n++) {
		snprintf(suffix, sizeof(suffix), "-%s-%u", date, n);
		r = show_as(im, f, suffix, &b);
	}
	f->changes |= NAME_DUPLICATE;
	return r < 0 ? r : give(im, given, f, &b);
}

static int make_unique(struct import *im)
{
	struct keytree given = { 0 };
	int r = 0;
	for (size_t i = 0; r == 0 && i < im->n_files; i++) {
		struct import_file *f = &im->files[i];
		if (i == 0 || !streq(f->path, f[-1].path))
			r = name_first(im, f);
		else
			r = name_further(im, &given, f);
	}
	keytree_done(&given);
	return r;
}

/* A directory is as new as the newest file below it. */
static void date_dirs(struct import *im)
{
	for (size_t i = 0; i < im->n_files; i++) {
		struct import_dir *d = im->files[i].dir;
		for (; d && d->mtime_ms < im->files[i].mtime_ms; d = d->parent)
			d->mtime_ms = im->files[i].mtime_ms;
	}
}

static int override(struct import *im, struct import_file *f, const char *name)
{
	_buf_ struct buf path;
	buf_init(&path, BUF_TEXT_MAX);
	unsigned int changes = NAME_OVERRIDDEN;
	int r = name_from_path(name, strlen(name), &path, &changes);
	if (r < 0)
		return r;
	if (!f->original) {
		f->original = f->path;
		f->original_len = strlen(f->path);
	}
	f->changes = changes;
	f->path = import_keep(im, path.data, path.len);
	return f->path ? set_shown(im, f, &path) : -ENOMEM;
}

/* The file is read at every import, so that a refresh is all it takes to change a name. */
static int override_all(struct import *im, struct buf *err)
{
	if (!im->cfg.names)
		return 0;
	_cleanup_(overrides_freep) struct overrides *o = NULL;
	int r = overrides_read(im->cfg.names, &o, err);
	for (size_t i = 0; r == 0 && i < im->n_files; i++) {
		const char *name = overrides_find(o, im->files[i].id);
		if (name)
			r = override(im, &im->files[i], name);
	}
	return r;
}

int import_resolve(struct import *im, struct buf *err)
{
	int r = override_all(im, err);
	if (r < 0)
		return r;
	drop_duplicates(im);
	if (!import_dir_get(im, "", 0))
		return -ENOMEM;
	for (size_t i = 0; i < im->n_files; i++) {
		struct import_file *f = &im->files[i];
		f->dir = import_dir_get(im, f->path, path_dir_len(f->path));
		if (!f->dir)
			return -ENOMEM;
	}
	date_dirs(im);
	return make_unique(im);
}
