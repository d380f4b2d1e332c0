/* SPDX-License-Identifier: Apache-2.0 */
/* catalog_db - the catalog's environment, for the files that make it up. */
#pragma once

#include "catalog.h"
#include "db.h"
#include "writer.h"

struct catalog {
	struct db db;
	/* inode number, parent -> entry. The parent is part of the key because two sources may
	 * show the same archive. */
	MDB_dbi entry;
	/* parent, inode number -> nothing: the order of listings */
	MDB_dbi child;
	/* parent, name -> inode number */
	MDB_dbi name;
	/* configured name -> source */
	MDB_dbi source;
	struct writer *writer;
	struct journal *journal;
};

/* Opens the environment "catalog" in `dir` and starts its thread. Keeps `j`. */
int catalog_open(const char *dir, uint64_t map_bytes, struct journal *j,
		 struct catalog **ret);
void catalog_close(struct catalog *c);

/* Keys of two numbers: (inode number, parent) or (parent, inode number). */
struct pair_key {
	uint8_t bytes[16];
};
struct pair_key pair_key(uint64_t first, uint64_t second);

#define CATALOG_NAME_KEY_MAX (8 + NAME_LEN_MAX)
/* Gives the length. */
size_t catalog_name_key(uint64_t parent, const char *name,
			uint8_t ret[CATALOG_NAME_KEY_MAX]);

void entry_encode(const struct entry *e, struct buf *b);
/* 0, -EBADMSG or -ENOTSUP. */
int entry_decode(MDB_val val, struct entry *ret);

int source_get(struct catalog *c, MDB_txn *txn, const char *source,
	       struct source_info *ret);
int source_put(struct catalog *c, MDB_txn *txn, const char *source,
	       const struct source_info *info);

/* Supplies entries: fills `ret` with number `i`, in order of inode number. */
struct tree {
	void (*entry)(const void *arg, size_t i, struct entry *ret);
	const void *arg;
	const uint64_t *inos; /* sorted, each once */
	size_t n;
};

struct tree_change {
	uint64_t added, removed, renamed; /* files */
};

/* Makes the tree under `old_root` (0: none yet) be `tree`, and writes only what differs. */
int tree_replace(struct catalog *c, MDB_txn *txn, uint64_t old_root,
		 const struct tree *tree, struct tree_change *ret);
