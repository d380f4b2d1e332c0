/* SPDX-License-Identifier: Apache-2.0 */
/* view - what a node of the mount is, by arithmetic: no table of inodes.
 *
 * A node is a number of the catalog (a file or a directory) seen in one of several ways: as it is,
 * as its directory's `.thaw`, or as one of the sidecars. The kernel's node id is that number with
 * the way in the bits above 2^48; 1 is the mount's root. The ids are as stable as the catalog's
 * numbers, which are never used again, so forget has nothing to do.
 *
 * Thread: any, without waiting.
 */
#pragma once

#include "access.h"
#include "catalog.h"
#include "mount.h"
#include <sys/stat.h>

/* Part of node ids: a number never changes its meaning. */
enum node_kind {
	NODE_PLAIN = 0, /* the file or directory itself */
	NODE_THAW = 1,  /* a directory's .thaw */
	NODE_STATUS = 2,
	NODE_COST = 3,
	NODE_JSON = 4,
	NODE_REQUEST = 5,
	NODE_SUMMARY = 6,
	NODE_DIR_REQUEST = 7,
	NODE_QUEUE = 8,
	NODE_LEDGER = 9,
	NODE_METRICS = 10,
	NODE_RENAMES = 11,
	NODE_FAILED = 12,
	NODE_PLAN = 13,
	NODE_STORMS = 14,
	NODE_LEDGER_JSON = 15,
	NODE_REQUESTS = 16,
	NODE_USAGE = 17,
	NODE_CONFIG = 18,
	NODE_SOURCES = 19,
	NODE_CACHE = 20,
	NODE_BUDGETS = 21,
	NODE_LINK = 22,
	NODE_KINDS,
};

struct node {
	enum node_kind kind;
	uint64_t ino; /* the catalog's, or MOUNT_ROOT_INO */
};

struct view {
	struct node node;
	struct stat st;
	double entry_s, attr_s; /* how long the kernel may believe it */
};

struct node node_of(const struct mount *m, uint64_t id);
uint64_t node_id(const struct mount *m, struct node node);

/* 0 or -ESTALE (there was such a node, its name is gone). */
int view_get(struct mount *m, struct node node, const struct asker *who,
	     struct view *ret);
/* 0, -ENOENT, -ENOTDIR, or -EAGAIN (the names are not known yet). */
int view_lookup(struct mount *m, struct node dir, const char *name,
		const struct asker *who, struct view *ret);
/* Of an entry that is at hand, and where it lies. */
void view_of_entry(const struct mount *m, const struct entry *e, struct access_at at,
		   struct view *ret);
/* Where a file or directory lies among the rules of owners. 0, -ESTALE, -EIO, -ENOMEM. */
int view_access(const struct mount *m, uint64_t ino, struct access_at *ret);
/* The directory a node lies in; the root's is itself. 0 or -ESTALE. */
int view_parent(struct mount *m, struct node node, struct node *ret);

/* Whether `who` may read the file, or list the directory, NODE_PLAIN of this number: the contract's "may
 * read", where the kernel does not ask. 0, -EACCES, or as above. Who sees everything may. */
int view_check_read(const struct mount *m, uint64_t ino, const struct asker *who);
/* The same of what is at hand. */
bool view_may_read(const struct mount *m, struct access_at at, bool is_dir,
		   const struct asker *who);
