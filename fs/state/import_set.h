/* SPDX-License-Identifier: Apache-2.0 */
/* import_set - what an import has collected, for the files that make it up.
 *
 * All in memory, in proportion to the entries: about 150 bytes each and their strings, which are
 * in one arena.
 */
#pragma once

#include "catalog.h"
#include "keytree.h"

struct arena_block;

struct import_dir {
	struct keynode path; /* as shown, from the source's root; "" is the root */
	struct import_dir *parent;
	struct import_dir *next; /* of all, in no order */
	uint64_t ino;
	int64_t mtime_ms;
	uint32_t n_dirs;
};

struct import_file {
	struct keynode shown; /* as `path`, or changed so that it is the only one */
	const char *path;     /* what the rules make of its key or description */
	const char *original; /* what they made it of, if that is another; else NULL */
	size_t original_len;
	unsigned int changes; /* enum name_change */
	const char *id, *version, *etag, *storage_class;
	struct import_dir *dir;
	uint64_t ino;
	uint64_t size_bytes;
	int64_t modified_ms, copy_expires_ms;
	int64_t mtime_ms; /* shown: of the description, else modified_ms */
	struct node_hash tree_hash;
	bool has_tree_hash, is_restoring;
};

struct import {
	struct import_cfg cfg;
	struct arena_block *arena;
	struct import_file *files;
	size_t n_files, room;
	struct import_dir *dirs;
	size_t n_dirs;
	struct keytree dirs_by_path;
	const char *classes[32]; /* each once */
	uint64_t duplicates;
	/* In order of inode number, after import_identify(). */
	struct import_ref *refs;
	uint64_t *inos;
	size_t n_refs;
};

/* A file or a directory. */
struct import_ref {
	uint64_t ino;
	const struct import_file *file;
	const struct import_dir *dir;
};

/* Gives a copy that lives as long as the import, or NULL. */
char *import_keep(struct import *im, const char *s, size_t len);
/* The directory of that path, made with all above it. NULL when out of memory. */
struct import_dir *import_dir_get(struct import *im, const char *path, size_t len);
struct import_dir *import_dir_find(struct import *im, const char *path, size_t len);
/* Gives every file its directory and a name of its own (names.h). 0, or -errno with a line for
 * people in `err` where errno does not say it. */
int import_resolve(struct import *im, struct buf *err);
/* "" for the last component's own directory: the length of the path above it. */
size_t path_dir_len(const char *path);
const char *path_last(const char *path);
