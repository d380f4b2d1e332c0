/* SPDX-License-Identifier: Apache-2.0 */
/* files - from the paths a person names to files inside a mount.
 *
 * A path is resolved first (relative ones, symbolic links, bind mounts); what is next to the
 * result, DIR/.thaw/summary, tells a thawfs mount from anything else. Nothing here opens a file
 * of the tree or costs anything.
 */
#pragma once

#include "buf.h"
#include "cleanup.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file {
	char *shown;      /* as the person would write it */
	char *name;       /* last component */
	char *dir;        /* real path of its directory */
	int64_t order_ms; /* where file_list_sort() is to put it */
	size_t number;    /* in its list */
};

/* Non-zero stops the walk with that answer. Borrows the file. */
typedef int (*file_fn)(void *arg, const struct file *f);

/* What a walk met besides the files. */
struct walk {
	bool is_recursive;
	file_fn each;
	/* May be NULL: a directory's listing is not here yet; `summary` is what its
	 * .thaw/summary says. */
	void (*not_yet)(void *arg, const char *shown, const char *summary);
	void *arg;
	int status; /* EXIT_DONE, or the gravest exit status of what went wrong */
};

/* The file `path`, or the files in that directory in order of name (below it too if recursive).
 * What goes wrong is said on stderr and noted in `status`, and the walk goes on. 0, or what `each`
 * answered. */
int files_walk(struct walk *w, const char *path);

/* The same for several paths, ending at the first answer of `each`. Gives the exit status. */
int files_walk_all(struct walk *w, char **paths, size_t n);

/* The graver of two exit statuses: failed, refused, not yet, done. */
int status_worse(int a, int b);

/* Whether this directory (a real path) is part of a thawfs mount. */
bool dir_is_ours(const char *dir);

/* Checks that `path` is a directory in a mount and gives its real path; else a line on stderr and
 * -errno. */
int files_dir(const char *path, char **ret);

/* What an answer of the mount means, for people: -errno in words, and what to do where that is known. */
const char *files_error(int r);

/* Cuts `dir` (a real path) where the mount begins: at the topmost directory above it that is of a
 * thawfs mount. */
void files_root(char *dir);

/* Reads DIR/.thaw/NAME at most BUF_TEXT_MAX long; 0 or -errno. */
int sidecar_read(const char *dir, const char *name, const char *suffix, struct buf *out);
/* Writes one line; 0 or -errno (what the daemon answered). */
int sidecar_write(const char *dir, const char *name, const char *suffix,
		  const char *line);

/* A list of files that outlives the walk. */
struct file_list {
	struct file *files;
	size_t n, room;
};
int file_list_add(struct file_list *l, const struct file *f);
/* By `order_ms`, and where that is the same as they were added. */
void file_list_sort(struct file_list *l);
void file_list_done(struct file_list *l);
#define _file_list_ _cleanup_(file_list_done)
