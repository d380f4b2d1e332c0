/* SPDX-License-Identifier: Apache-2.0 */
/* access - whose the files and directories are, and what he, his group and others may.
 *
 * Rules say it of a path and what is below it: owner, group, the mode of files, that of
 * directories, or some of these. Of each of the four the longest path that says it counts. They are
 * worked out once, into a tree of the names that rules mention; below the last of those nothing
 * changes, so that a listing of any length asks for one name an entry.
 *
 * Thread: the main thread makes it; constant after, any may read.
 */
#pragma once

#include "cleanup.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Who asks: what is shown may depend on it. */
struct asker {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	const gid_t *groups;
	size_t n_groups;
	char server
		[16]; /* the file server he comes through (reexport.h), as in /proc/PID/comm;
			    "" none */
};

struct access {
	uid_t uid;
	gid_t gid;
	uint32_t mode, dir_mode;
};

/* What is not said: UINT32_MAX, of any of the four. */
#define ACCESS_UNSAID UINT32_MAX

struct access_rule {
	const char *path; /* from the mount's root, "/..." */
	struct access says;
};

struct access_tree; /* opaque */

/* `root` says all four. Of rules for one path a later one counts more. Borrows the rules until it
 * returns. 0 or -ENOMEM. */
int access_tree_new(const struct access *root, const struct access_rule *rules, size_t n,
		    struct access_tree **ret);
void access_tree_free(struct access_tree *t);
DEFINE_CLEANUP(struct access_tree, access_tree_free)

/* A place in the tree of files: the last name on the way that a rule mentions. */
struct access_at {
	const struct access_tree *tree;
	bool is_exact; /* it is the place itself; else the place is below, and no rule knows it */
};

struct access_at access_root(const struct access_tree *t);
struct access_at access_below(struct access_at at, const char *name);
const struct access *access_of(struct access_at at);
/* Nothing below this place is another's, or of another mode. */
bool access_is_uniform(struct access_at at);

/* Pure: what the kernel would say (default_permissions) of a file or directory with this owner, group and
 * mode; `want` is of R_OK and X_OK. Root may all. */
bool access_allows(const struct access *a, uint32_t mode, const struct asker *who,
		   int want);
