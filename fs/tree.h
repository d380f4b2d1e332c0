/* SPDX-License-Identifier: Apache-2.0 */
/* tree - walking all files under a directory that somebody may read.
 *
 * Thread: the walker: it takes as long as the subtree is large.
 */
#pragma once

#include "view.h"

struct tree_walk {
	struct mount *mount;
	/* What he may not list or read is passed over, as find(1) would. */
	const struct asker *who;
	/* Asked now and then; true: the walk ends with -EINTR. */
	bool (*is_cancelled)(void *arg);
	/* Each file once, and when it was stored; a non-zero answer ends the walk with it. */
	int (*file)(void *arg, uint64_t ino, int64_t created_ms);
	void *arg;
	bool is_flat; /* the directory's own files only */
};

/* 0, -ENOMEM, -EINTR, -EIO or what `file` answered. Sources without a catalog hold nothing. */
int tree_walk(const struct tree_walk *w, uint64_t dir_ino);
