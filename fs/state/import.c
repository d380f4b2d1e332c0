/* SPDX-License-Identifier: Apache-2.0 */
#include "import_set.h"

#include "cleanup.h"
#include "names.h"
#include "str.h"

/* ---- memory ---- */

#define BLOCK_BYTES ((size_t)1 << 20)

struct arena_block {
	struct arena_block *next;
	size_t used, room;
	char data[];
};

char *import_keep(struct import *im, const char *s, size_t len)
{
	struct arena_block *b = im->arena;
	if (!b || b->room - b->used < len + 1) {
		size_t room = len + 1 > BLOCK_BYTES ? len + 1 : BLOCK_BYTES;
		b = malloc(sizeof(*b) + room);
		if (!b)
			return NULL;
		*b = (struct arena_block){ .next = im->arena, .room = room };
		im->arena = b;
	}
	char *kept = b->data + b->used;
	memcpy(kept, s, len);
	kept[len] = 0;
	b->used += len + 1;
	return kept;
}

struct import *import_new(struct catalog *c, const struct import_cfg *cfg)
{
	(void)c;
	struct import *im = calloc(1, sizeof(*im));
	if (im)
		im->cfg = *cfg;
	return im;
}

void import_free(struct import *im)
{
	if (!im)
		return;
	keytree_done(&im->dirs_by_path);
	struct import_dir *next_dir;
	for (struct import_dir *d = im->dirs; d; d = next_dir) {
		next_dir = d->next;
		free(d);
	}
	struct arena_block *next;
	for (struct arena_block *b = im->arena; b; b = next) {
		next = b->next;
		free(b);
	}
	free(im->files);
	free(im->refs);
	free(im->inos);
	free(im);
}

/* ---- directories ---- */

const char *path_last(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

size_t path_dir_len(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? (size_t)(slash - path) : 0;
}

struct import_dir *import_dir_find(struct import *im, const char *path, size_t len)
{
	return keytree_find(&im->dirs_by_path, path, len);
}

static struct import_dir *dir_make(struct import *im, struct import_dir *parent,
				   const char *path, size_t len)
{
	_free_ struct import_dir *d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	*d = (struct import_dir){ .parent = parent, .next = im->dirs, .path.len = len };
	d->path.key = import_keep(im, path, len);
	if (!d->path.key || keytree_add(&im->dirs_by_path, &d->path) < 0)
		return NULL;
	if (parent)
		parent->n_dirs++;
	im->dirs = d;
	im->n_dirs++;
	return steal_ptr(d);
}

struct import_dir *import_dir_get(struct import *im, const char *path, size_t len)
{
	struct import_dir *d = import_dir_find(im, path, len);
	if (d)
		return d;
	struct import_dir *parent = import_dir_find(im, "", 0);
	if (!parent)
		parent = dir_make(im, NULL, "", 0);
	/* From the top down, so that a parent is there before its child. */
	for (size_t at = 0; parent && len > 0 && at <= len; at++) {
		if (at < len && path[at] != '/')
			continue;
		d = import_dir_find(im, path, at);
		parent = d ? d : dir_make(im, parent, path, at);
	}
	return parent;
}

/* ---- adding ---- */

static const char *class_keep(struct import *im, const char *name)
{
	size_t i = 0;
	for (; i < ARRAY_SIZE(im->classes) && im->classes[i]; i++) {
		if (streq(im->classes[i], name))
			return im->classes[i];
	}
	const char *kept = import_keep(im, name, strlen(name));
	if (i < ARRAY_SIZE(im->classes))
		im->classes[i] = kept;
	return kept;
}

static int marker_add(struct import *im, const char *key, size_t len, int64_t modified_ms)
{
	_buf_ struct buf path;
	buf_init(&path, BUF_TEXT_MAX);
	/* The prefix's own marker is the root. */
	int r = len > 0 ? name_from_key(key, len - 1, &path) : 0;
	if (r < 0)
		return r;
	struct import_dir *d = import_dir_get(im, path.len ? path.data : "", path.len);
	if (!d)
		return -ENOMEM;
	if (d->mtime_ms < modified_ms)
		d->mtime_ms = modified_ms;
	return 0;
}

static int files_grow(struct import *im)
{
	if (im->n_files < im->room)
		return 0;
	size_t room = im->room ? 2 * im->room : 256;
	struct import_file *files = reallocarray(im->files, room, sizeof(*files));
	if (!files)
		return -ENOMEM;
	im->files = files;
	im->room = room;
	return 0;
}

static int file_add(struct import *im, const struct listing_entry *e, const char *path,
		    const struct name_origin *origin)
{
	int r = files_grow(im);
	if (r < 0)
		return r;
	const struct object *o = &e->object;
	struct import_file f = {
		.path = import_keep(im, path, strlen(path)),
		.id = import_keep(im, o->id, strlen(o->id)),
		.version = o->version[0] ? import_keep(im, o->version, strlen(o->version))
					 : "",
		.etag = o->etag[0] ? import_keep(im, o->etag, strlen(o->etag)) : "",
		.storage_class = class_keep(im, o->storage_class),
		.size_bytes = o->size_bytes,
		.modified_ms = o->modified_ms,
		.mtime_ms = origin->mtime_ms ? origin->mtime_ms : o->modified_ms,
		.changes = origin->changes,
		.copy_expires_ms = e->copy_expires_ms,
		.tree_hash = o->tree_hash,
		.has_tree_hash = o->has_tree_hash,
		.is_restoring = e->is_restoring,
	};
	if (f.changes)
		f.original = import_keep(im, origin->text.data, origin->text.len);
	f.original_len = origin->text.len;
	if (!f.path || !f.id || !f.version || !f.etag || !f.storage_class ||
	    (f.changes && !f.original))
		return -ENOMEM;
	f.shown.key = f.path;
	f.shown.len = strlen(f.path);
	im->files[im->n_files++] = f;
	return 0;
}

static int archive_add(struct import *im, const struct listing_entry *e)
{
	struct name_origin origin = { .changes = 0 };
	_buf_ struct buf path;
	buf_init(&path, BUF_TEXT_MAX);
	buf_init(&origin.text, BUF_TEXT_MAX);
	int r = name_from_description(e->description, e->object.id, im->cfg.is_separated,
				      &path, &origin);
	if (r == 0)
		r = file_add(im, e, path.data, &origin);
	buf_done(&origin.text);
	return r;
}

int import_add(struct import *im, const struct listing_entry *e)
{
	const struct object *o = &e->object;
	if (im->cfg.is_vault)
		return archive_add(im, e);

	const char *key = str_after(o->id, im->cfg.prefix);
	if (!key)
		key = o->id;
	if (name_is_folder_marker(o->id, strlen(o->id), o->size_bytes))
		return marker_add(im, key, strlen(key), o->modified_ms);

	/* Borrowed: nothing is added to it. */
	struct name_origin origin = {
		.text = { .data = (char *)(uintptr_t)key, .len = strlen(key) },
	};
	_buf_ struct buf path;
	buf_init(&path, BUF_TEXT_MAX);
	int r = name_from_path(key, origin.text.len, &path, &origin.changes);
	if (r == 0 && e->is_old)
		r = name_add_version(&path, o->version, &origin.changes);
	return r < 0 ? r : file_add(im, e, path.data, &origin);
}
