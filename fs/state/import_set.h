/* SPDX-License-Identifier: Apache-2.0 */
/* import_set - an import on its way from a list to a tree, for the files that make it up.
 *
 * What is listed comes in any order and any number, so nothing here grows with it but files:
 *
 *  1. import.c: entries are collected in batches and taken by two threads. Each entry becomes a *line*
 *     (what it is, where it belongs, sorted by directory, name and age) and an *identity* (32 bytes,
 *     sorted by themselves), in sorters (sorter.h).
 *  2. import_number.c: the identities are merged with those that have numbers already. The answers are
 *     in an array with a place for every entry.
 *  3. import_dirs.c: a first pass over the lines finds the directories, and which lines count.
 *  4. import_names.c: a second pass gives everything its name and writes the rows of a new shelf.
 *     What cannot have its own name waits until all others have theirs.
 *  5. import_run.c: in that order, on the catalog's thread; then the new shelf is shown.
 */
#pragma once

#include "buf.h"
#include "catalog_db.h"
#include "overrides.h"
#include "scratch.h"
#include "sorter.h"

/* ---- entries ---- */

/* One entry of a list. All borrowed. */
struct raw {
	const char *id, *version, *etag, *storage_class, *description;
	uint64_t size_bytes;
	int64_t modified_ms, copy_expires_ms;
	struct node_hash tree_hash;
	bool has_tree_hash, is_restoring;
	bool is_old; /* S3: not the current version of its key */
};

/* An entry as it was sorted. Borrowed from the record. */
struct line {
	const char *
		dir; /* "a\1b": so that what is below a directory comes right behind it */
	const char *name;
	size_t dir_len, name_len; /* name_len 0: the directory itself (a folder marker) */
	const char *id, *version, *etag, *storage_class;
	int64_t modified_ms, mtime_ms, copy_expires_ms;
	uint64_t size_bytes;
	uint64_t seq;             /* its place among the answers */
	const uint8_t *tree_hash; /* or NULL */
	bool is_restoring;
	unsigned int changes; /* enum name_change */
	const char *
		original; /* what was meant, if the name says something else; else NULL */
	size_t original_len;
};

#define DIR_SEPARATOR '\1'

struct name_origin;
/* The record of an entry that is called `path`. 0 or the buffers' error. */
int line_encode(const struct raw *raw, const struct buf *path,
		const struct name_origin *origin, uint64_t seq, struct buf *key,
		struct buf *data);
/* 0 or -EBADMSG. */
int line_decode(const struct sorted *rec, struct line *ret);
/* Its place alone; 0 of what is no line. */
uint64_t line_seq(const struct sorted *rec);
/* Appends the path of a directory. */
void line_dir_path(const char *dir, size_t len, struct buf *out);

/* ---- answers ---- */

/* One for every entry, and behind them one for every directory: bits and a value. */
#define ANSWER_DUPLICATE \
	(UINT64_C(1) << 63) /* the value is the entry that has the answer */
#define ANSWER_SEEN    (UINT64_C(1) << 62) /* its archive has a line that counts */
#define ANSWER_DROPPED (UINT64_C(1) << 61) /* another line of the archive counts */
#define ANSWER_NEW     (UINT64_C(1) << 60) /* the value is its place among the new */
#define ANSWER_VALUE   (ANSWER_NEW - 1)    /* an inode number, 0: not known */

/* ---- directories ---- */

struct dir_row {
	uint64_t parent, first_child, last_child,
		next;     /* rows; 0: none (the root is 0) */
	uint64_t name_at; /* in `names` */
	int64_t mtime_ms; /* of the newest file below */
	uint32_t n_dirs, name_len;
};

struct dirs {
	struct scratch rows, names;
	uint64_t n, names_len;
	/* Where a walk through them in order is. */
	uint64_t at;
	struct buf path; /* with DIR_SEPARATOR */
};

static inline struct dir_row *dir_row(const struct dirs *d, uint64_t i)
{
	return (struct dir_row *)(void *)d->rows.data + i;
}

static inline const char *dir_name(const struct dirs *d, const struct dir_row *row)
{
	return d->names.data + row->name_at;
}

/* ---- the import ---- */

/* What one thread sorts into. */
struct collector {
	struct collector *next;
	struct sorter *lines, *ids;
	struct buf key, data, path, whole;
};

#define COLLECTORS_MAX 8

struct import {
	struct import_cfg cfg;
	struct catalog *catalog; /* NULL: nothing can be posted */
	int dir_fd;
	bool is_patient; /* who adds may wait */
	uint64_t stops;  /* the catalog's, when it began */
	struct batch *filling;
	uint64_t n_entries; /* added, with all that will not count */
	struct worker *pool;

	pthread_mutex_t mu; /* of all up to `overrides` */
	pthread_cond_t moved;
	size_t in_flight; /* bytes of batches */
	int err;          /* the first failure */
	uint64_t bad_at;  /* -EBADMSG: of the earliest element that is none */
	char error[512];  /* for people, or "" */
	struct collector *idle;
	struct collector *collectors[COLLECTORS_MAX];
	size_t n_collectors;
	bool has_overrides; /* they were read */
	struct overrides *overrides;

	/* The catalog's thread alone. */
	struct scratch answers;
	struct sorter *dir_ids;
	struct dirs dirs;
	uint64_t n_found; /* identities that had a number, the root's too */
	uint64_t n_new_dirs, n_new_files, first_new;
	uint64_t files, bytes, duplicates;
	struct state_op dropping;
};

/* The calling thread, and those it makes from then on, come behind who reads the catalog. */
void import_be_nice(void);

static inline bool import_is_stopped(const struct import *im)
{
	return im->catalog && im->catalog->stops != im->stops;
}

/* One element of a JSON inventory, which began at `offset`. Waits while too many are under way. */
int import_json(struct import *im, uint64_t offset, const char *text, size_t len);
/* Until everything that was added is sorted. 0 or the first failure; `ret_bad_at`, if it is
 * -EBADMSG, where the element began that is none. */
int import_settle(struct import *im, uint64_t *ret_bad_at);

/* Steps 2 to 4; 0 or -errno. */
int import_number_files(struct import *im);
int import_find_dirs(struct import *im);
int import_number_dirs(struct import *im);
/* Takes the numbers; from here on import_file_ino and import_dir_ino have answers. */
int import_number_new(struct import *im);
/* Makes them durable. Any thread, while only numbers are read. */
int import_write_identities(struct import *im);
int import_lines(struct import *im, struct merge **ret);

static inline uint64_t *import_answers(const struct import *im)
{
	return (uint64_t *)(void *)im->answers.data;
}

/* Whose answer counts for an entry. */
static inline uint64_t import_leader(const struct import *im, uint64_t seq)
{
	uint64_t a = import_answers(im)[seq];
	return (a & ANSWER_DUPLICATE) ? a & ANSWER_VALUE : seq;
}

uint64_t import_file_ino(const struct import *im, uint64_t seq);
uint64_t import_dir_ino(const struct import *im, uint64_t i);

/* The walk: moves to row `i`, the one behind the last, and keeps `path` right. */
int dirs_go(struct dirs *d, uint64_t i);

struct tree_change {
	uint64_t added, removed, renamed; /* files */
};

struct build;
/* Writes the rows of everything. `old` (NULL: none) is what they are compared with; `report` gets
 * a record for each file that is not called what was meant. */
int import_write(struct import *im, struct build *b, const struct shelf *old,
		 struct sorter *report, struct tree_change *ret);
