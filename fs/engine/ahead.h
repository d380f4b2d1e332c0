/* SPDX-License-Identifier: Apache-2.0 */
/* ahead - whether somebody reads the cold files of a directory one after another, and which are
 * next. Pure.
 *
 * What is known of a reader in a directory is a run. A step of it is explained by an order if
 * between the file before and this one the order has nothing he would have had to wait for:
 *
 *	listing   by inode number, as readdir gives them (tar, cp -r, find)
 *	names     byte by byte (shell patterns, rsync)
 *	list      no order, but a process has read LIST_FILES of the directory one after another,
 *	          each once: somebody gave it a list (tar -T, xargs, make)
 *
 * One step in order is enough from a process; where every file has a process of its own (a loop
 * of the shell) two are. A list is taken to have the rest of the directory's files of the suffix
 * that all of its files had so far.
 */
#pragma once

#include "cleanup.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AHEAD_LIST_FILES 4

struct ahead_file {
	uint64_t ino;
	uint64_t size_bytes;
	int64_t created_ms;
	char *name;   /* owned */
	bool is_cold; /* to be waited for, and asked for by nobody */
};

/* A directory's files, in order of inode number. */
struct ahead_dir {
	struct ahead_file *files; /* owned */
	size_t n, room;
	size_t *by_name; /* owned: indices, after ahead_dir_sort(); NULL: unknown, not all
			    files are here */
};

/* Copies the name. Files come in order of inode number. 0 or -ENOMEM. */
int ahead_dir_add(struct ahead_dir *d, const struct ahead_file *f);
/* All files are here: makes the order of names. 0 or -ENOMEM. */
int ahead_dir_sort(struct ahead_dir *d);
/* Forgets them. */
void ahead_dir_done(struct ahead_dir *d);

enum ahead_order {
	AHEAD_NONE,
	AHEAD_LISTING,
	AHEAD_NAMES,
	AHEAD_LIST,
};
const char *ahead_order_word(enum ahead_order o);

struct ahead_run {
	uint64_t last_ino; /* 0: none yet */
	uint32_t process;
	uint32_t of_process;           /* files in a row of one process */
	uint32_t in_listing, in_names; /* steps in a row that the order explains */
	bool has_suffix; /* `suffix` is that of all files so far; "" for files without */
	char suffix[16];
};

/* The first file of a run. */
void ahead_begin(struct ahead_run *run, uint32_t process, uint64_t ino, const char *name);
/* The next one, another than the last. Gives the order the run is in now. */
enum ahead_order ahead_step(struct ahead_run *run, const struct ahead_dir *dir,
			    uint32_t process, uint64_t ino);

/* The first file of another directory, by a reader who was in that order in the last one: true,
 * and as good as a step, if nothing to wait for comes before it there. */
bool ahead_inherit(struct ahead_run *run, const struct ahead_dir *dir,
		   enum ahead_order order, uint64_t ino);

struct ahead_limits {
	uint32_t files; /* the most ahead of the reader; UINT32_MAX: the directory */
	uint64_t bytes;
};
/* How many files a run in that order has earned: 16 when it is recognised, 128 a step later, then
 * all that is allowed; a whole directory at once. */
uint32_t ahead_window(const struct ahead_run *run, enum ahead_order order,
		      const struct ahead_limits *limits);

/* Indices of the next cold files behind `ino` in that order, at most `n` of them and of
 * limits->bytes together; `ret` has room for `n`. Gives their number. */
size_t ahead_pick(const struct ahead_run *run, const struct ahead_dir *dir,
		  enum ahead_order order, uint64_t ino, const struct ahead_limits *limits,
		  size_t n, size_t *ret);
